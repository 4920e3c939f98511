/* Statistics of timings: what `bench` prints, what `tune` decides by. Timings have a hard floor, a long
 * tail and drift, so the middle is a median, and an interval comes from resampling instead of a
 * formula that assumes a bell curve. */
#ifndef HONE_REPORT_STATS_H
#define HONE_REPORT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hone__stats {
    size_t n;
    double mean, std; /* of the sample: n - 1 in the denominator */
    double min, p50, p90, p95, p99, max;
} hone__stats;

/* Describes n samples, in any order; all zero for n == 0. False when out of memory. */
bool hone__stats_describe(const double *samples, size_t n, hone__stats *out);

/* Quantile q in [0, 1] of sorted samples, with linear interpolation between neighbours (Hyndman and
 * Fan's type 7, the default of NumPy and R); 0 for n == 0. */
double hone__stats_quantile_sorted(const double *sorted, size_t n, double q);
void hone__stats_sort(double *samples, size_t n);
/* Reorders the samples. 0 for n == 0. */
double hone__stats_median(double *samples, size_t n);

/* median(b) / median(a) with its interval: below 1, b is faster. */
typedef struct hone__ratio {
    double ratio, low, high;
} hone__ratio;

/* The interval holds `confidence` (0.95) of the ratios of resampled data. Resampling takes runs of
 * neighbouring samples, not single ones, since a busy machine slows several in a row and single draws
 * would make the interval too narrow (Künsch's block bootstrap; blocks of about n^(1/3)). With
 * is_paired, a[i] and b[i] were measured next to each other (n_a == n_b) and are drawn together, so
 * drift that hits both cancels. The same seed gives the same interval. False when out of memory or when
 * either side is empty. */
bool hone__stats_ratio(const double *a, size_t n_a, const double *b, size_t n_b, bool is_paired, double confidence,
                       uint64_t seed, hone__ratio *out);

/* The same for one set: the median and its interval. */
bool hone__stats_median_interval(const double *a, size_t n, double confidence, uint64_t seed, double *low,
                                 double *high);

#endif
