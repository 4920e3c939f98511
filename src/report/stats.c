/* Statistics of timings; see stats.h. */
#include "report/stats.h"

#include "base/alloc.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void hone__stats_sort(double *samples, size_t n) {
    if (n > 1)
        qsort(samples, n, sizeof *samples, compare_doubles);
}

double hone__stats_quantile_sorted(const double *sorted, size_t n, double q) {
    if (!n)
        return 0;
    double position = q * (double)(n - 1);
    size_t i = (size_t)position;
    if (i + 1 >= n)
        return sorted[n - 1];
    double part = position - (double)i;
    return sorted[i] + part * (sorted[i + 1] - sorted[i]);
}

/* Hoare's selection: puts the k-th smallest at k, smaller ones before it, larger ones after it. */
static void select_kth(double *v, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            double t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        if (j >= k)
            high = j;
        else
            low = j + 1;
    }
}

double hone__stats_median(double *samples, size_t n) {
    if (!n)
        return 0;
    size_t k = n / 2;
    select_kth(samples, n, k);
    if (n % 2)
        return samples[k];
    double below = samples[0];
    for (size_t i = 1; i < k; i++)
        below = samples[i] > below ? samples[i] : below;
    return (below + samples[k]) / 2;
}

bool hone__stats_describe(const double *samples, size_t n, hone__stats *out) {
    memset(out, 0, sizeof *out);
    out->n = n;
    if (!n)
        return true;
    double *sorted = hone__malloc(n * sizeof *sorted);
    if (!sorted)
        return false;
    memcpy(sorted, samples, n * sizeof *sorted);
    hone__stats_sort(sorted, n);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += sorted[i];
    out->mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (sorted[i] - out->mean) * (sorted[i] - out->mean);
    out->std = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    out->min = sorted[0];
    out->p50 = hone__stats_quantile_sorted(sorted, n, 0.50);
    out->p90 = hone__stats_quantile_sorted(sorted, n, 0.90);
    out->p95 = hone__stats_quantile_sorted(sorted, n, 0.95);
    out->p99 = hone__stats_quantile_sorted(sorted, n, 0.99);
    out->max = sorted[n - 1];
    hone__free(sorted);
    return true;
}

static size_t block_size(size_t n) {
    size_t size = (size_t)lround(cbrt((double)n));
    return size ? size : 1;
}

/* Fills to[n] with blocks of from[n]; the samples are taken as a ring, so that each is equally likely.
 * With a second pair of arrays the same blocks are drawn from both. */
static void resample(const double *from, double *to, const double *from2, double *to2, size_t n, uint64_t *random) {
    size_t block = block_size(n);
    for (size_t i = 0; i < n;) {
        size_t at = (size_t)hone__random_below(random, n);
        for (size_t k = 0; k < block && i < n; k++, i++) {
            to[i] = from[at];
            if (to2)
                to2[i] = from2[at];
            at = at + 1 < n ? at + 1 : 0;
        }
    }
}

/* Enough for stable 2.5 % tails; fewer when the samples are so many that it would take seconds. */
static size_t n_resamples(size_t n) {
    size_t wanted = 2000, most = 20 * 1000 * 1000 / (n ? n : 1);
    return most >= wanted ? wanted : most < 200 ? 200 : most;
}

static void interval(double *values, size_t n, double confidence, double *low, double *high) {
    hone__stats_sort(values, n);
    *low = hone__stats_quantile_sorted(values, n, (1 - confidence) / 2);
    *high = hone__stats_quantile_sorted(values, n, (1 + confidence) / 2);
}

bool hone__stats_ratio(const double *a, size_t n_a, const double *b, size_t n_b, bool is_paired, double confidence,
                       uint64_t seed, hone__ratio *out) {
    memset(out, 0, sizeof *out);
    if (!n_a || !n_b)
        return false;
    is_paired = is_paired && n_a == n_b;
    size_t rounds = n_resamples(n_a + n_b);
    double *draw = hone__calloc(n_a + n_b + rounds, sizeof *draw);
    if (!draw)
        return false;
    double *draw_a = draw, *draw_b = draw + n_a, *ratios = draw + n_a + n_b;
    memcpy(draw_a, a, n_a * sizeof *a);
    memcpy(draw_b, b, n_b * sizeof *b);
    double median_a = hone__stats_median(draw_a, n_a), median_b = hone__stats_median(draw_b, n_b);
    out->ratio = median_a > 0 ? median_b / median_a : 0;
    for (size_t r = 0; r < rounds; r++) {
        if (is_paired) {
            resample(a, draw_a, b, draw_b, n_a, &seed);
        } else {
            resample(a, draw_a, NULL, NULL, n_a, &seed);
            resample(b, draw_b, NULL, NULL, n_b, &seed);
        }
        double m = hone__stats_median(draw_a, n_a);
        ratios[r] = m > 0 ? hone__stats_median(draw_b, n_b) / m : 0;
    }
    interval(ratios, rounds, confidence, &out->low, &out->high);
    hone__free(draw);
    return true;
}

bool hone__stats_median_interval(const double *a, size_t n, double confidence, uint64_t seed, double *low,
                                 double *high) {
    *low = *high = 0;
    if (!n)
        return false;
    size_t rounds = n_resamples(n);
    double *draw = hone__calloc(n + rounds, sizeof *draw);
    if (!draw)
        return false;
    for (size_t r = 0; r < rounds; r++) {
        resample(a, draw, NULL, NULL, n, &seed);
        draw[n + r] = hone__stats_median(draw, n);
    }
    interval(draw + n, rounds, confidence, low, high);
    hone__free(draw);
    return true;
}
