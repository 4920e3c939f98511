/* The choice. A setting wins only if its gain over the default is real: the interval of the ratio
 * excludes 1, the gain exceeds 2 % (more on a noisy machine), and both hold again in a second round,
 * with fresh processes and the order reversed, under intervals widened for the number of finalists
 * (Bonferroni). Among settings that are equally good the earlier choice stays, else the one with the
 * fewest changes: two runs in a row should agree. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "report/stats.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RESAMPLES = 1000 };
static const double TIE = 0.03; /* gains closer than this are equally good */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double statistic(double *samples, size_t n, hone_tune_objective objective) {
    if (objective == HONE_TUNE_P99) {
        hone__stats_sort(samples, n);
        return hone__stats_quantile_sorted(samples, n, 0.99);
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += samples[i];
    return sum / (double)n;
}

/* Mean and 99th percentile: whole blocks of both sides are drawn together. */
static bool block_interval(const hone__measure *m, hone_tune_objective objective, double confidence, hone__gain *out) {
    size_t n_blocks = (m->n + m->block - 1) / m->block;
    double *work = hone__calloc(2 * n_blocks * m->block + N_RESAMPLES, sizeof *work);
    if (!work)
        return false;
    double *a = work, *b = a + n_blocks * m->block, *ratios = b + n_blocks * m->block;
    uint64_t seed = 42;
    memcpy(a, m->trial_ms, m->n * sizeof *a);
    memcpy(b, m->base_ms, m->n * sizeof *b);
    double base = statistic(b, m->n, objective), trial = statistic(a, m->n, objective);
    out->gain = trial > 0 ? base / trial : 0;
    for (size_t r = 0; r < N_RESAMPLES; r++) {
        size_t n = 0;
        for (size_t i = 0; i < n_blocks; i++) {
            size_t at = (size_t)(next_random(&seed) % n_blocks) * m->block;
            size_t size = m->n - at < m->block ? m->n - at : m->block;
            memcpy(a + n, m->trial_ms + at, size * sizeof *a);
            memcpy(b + n, m->base_ms + at, size * sizeof *b);
            n += size;
        }
        double t = statistic(a, n, objective);
        ratios[r] = t > 0 ? statistic(b, n, objective) / t : 0;
    }
    hone__stats_sort(ratios, N_RESAMPLES);
    out->low = hone__stats_quantile_sorted(ratios, N_RESAMPLES, (1 - confidence) / 2);
    out->high = hone__stats_quantile_sorted(ratios, N_RESAMPLES, (1 + confidence) / 2);
    hone__free(work);
    return true;
}

bool hone__gain_of(const hone__measure *m, hone_tune_objective objective, double confidence, hone__gain *out) {
    *out = (hone__gain){0};
    if (m->n == 0)
        return false;
    if (objective != HONE_TUNE_LATENCY)
        return block_interval(m, objective, confidence, out);
    hone__ratio ratio;
    if (!hone__stats_ratio(m->trial_ms, m->n, m->base_ms, m->n, true, confidence, 42, &ratio))
        return false;
    *out = (hone__gain){ratio.ratio, ratio.low, ratio.high};
    return true;
}

double hone__noise_floor(const hone__gain *same) {
    double off = same->gain > 0 ? fabs(log(same->gain)) : 0;
    double spread = same->low > 0 && same->high > same->low ? log(same->high / same->low) / 4 : 0;
    double floor = off > spread ? off : spread;
    return floor < 0.02 ? 0.02 : floor > 0.5 ? 0.5 : floor;
}

bool hone__breaks_constraint(const hone__measure *m, const double *ms, const hone__choice_spec *spec, char *why,
                             size_t size) {
    hone__stats stats;
    if (spec->max_p99_ms > 0 && hone__stats_describe(ms, m->n, &stats) && stats.p99 > spec->max_p99_ms) {
        snprintf(why, size, "p99 %.3f ms is above the limit of %.3f ms", stats.p99, spec->max_p99_ms);
        return true;
    }
    if (spec->max_memory_mb > 0 && m->peak_mb > spec->max_memory_mb) {
        snprintf(why, size, "peak memory %.0f MB is above the limit of %.0f MB", m->peak_mb, spec->max_memory_mb);
        return true;
    }
    if (spec->min_accuracy > 0 && m->accuracy < spec->min_accuracy) {
        snprintf(why, size, "accuracy %.4f is below the limit of %.4f", m->accuracy, spec->min_accuracy);
        return true;
    }
    return false;
}

static const hone__measure *latest(const hone__trial *trial) {
    return trial->confirm.n ? &trial->confirm : &trial->first;
}

static bool is_previous(const hone__trial *trial, const hone__choice_spec *spec) {
    return spec->previous && *spec->previous && !strcmp(spec->previous, trial->canonical);
}

/* Fewer changes first, then the order of the plan. */
static bool is_simpler(const hone__plan *plan, size_t a, size_t b) {
    size_t na = plan->trials[a].effective.n, nb = plan->trials[b].effective.n;
    return na != nb ? na < nb : a < b;
}

size_t hone__choice_candidates(const hone__plan *plan, const hone__choice_spec *spec, size_t *index, size_t max) {
    size_t n_good = 0, n = 0;
    double best = 0;
    size_t *good = hone__calloc(plan->n ? plan->n : 1, sizeof *good);
    if (!good)
        return 0;
    for (size_t i = 0; i < plan->n; i++) {
        const hone__trial *t = &plan->trials[i];
        if (t->status != HONE_TRIAL_OK || t->breaks_constraint)
            continue;
        /* The first round only sorts out: a lenient bound, the second round decides. */
        if (!(t->gain.gain > 1 + spec->min_gain / 2 && t->gain.high > 1 + spec->min_gain))
            continue;
        good[n_good++] = i;
        best = t->gain.gain > best ? t->gain.gain : best;
    }
    /* The fastest; what was chosen before; then the simplest of those about as fast; then by speed. */
    for (int pass = 0; pass < 4; pass++)
        for (size_t round = 0; round < n_good && n < max; round++) {
            size_t pick = SIZE_MAX;
            for (size_t k = 0; k < n_good; k++) {
                size_t i = good[k];
                const hone__trial *t = &plan->trials[i];
                if (i == SIZE_MAX || (pass == 1 && !is_previous(t, spec)) ||
                    (pass == 2 && t->gain.gain < best * (1 - 1.5 * TIE)))
                    continue;
                if (pick == SIZE_MAX ||
                    (pass == 2 ? is_simpler(plan, i, pick) : t->gain.gain > plan->trials[pick].gain.gain))
                    pick = i;
            }
            if (pick == SIZE_MAX)
                break;
            index[n++] = pick;
            for (size_t k = 0; k < n_good; k++)
                if (good[k] == pick)
                    good[k] = SIZE_MAX;
            if (pass == 0 || (pass == 2 && n >= (max > 1 ? max - 1 : max)))
                break;
        }
    hone__free(good);
    return n;
}

/* The fastest setting that keeps the constraints, when the default does not: faster or not. */
static int choose_feasible(hone__plan *plan) {
    int best = -1;
    for (size_t i = 0; i < plan->n; i++) {
        const hone__trial *t = &plan->trials[i];
        if (t->status == HONE_TRIAL_OK && !t->breaks_constraint &&
            (best < 0 || t->gain.gain > plan->trials[best].gain.gain))
            best = (int)i;
    }
    return best;
}

int hone__choose(hone__plan *plan, const hone__measure *baseline, const hone__choice_spec *spec, bool *is_feasible) {
    size_t n_confirmed = 0;
    char why[160];
    for (size_t i = 0; i < plan->n; i++)
        n_confirmed += plan->trials[i].confirm.n > 0;
    for (size_t i = 0; i < plan->n; i++) {
        hone__trial *t = &plan->trials[i];
        if (t->status == HONE_TRIAL_OK)
            t->breaks_constraint = hone__breaks_constraint(latest(t), latest(t)->trial_ms, spec, why, sizeof why);
    }
    *is_feasible = true;
    if (hone__breaks_constraint(baseline, baseline->base_ms, spec, why, sizeof why)) {
        int choice = choose_feasible(plan);
        *is_feasible = choice >= 0;
        return choice;
    }
    int best = -1;
    bool *is_real = hone__calloc(plan->n ? plan->n : 1, sizeof *is_real);
    if (!is_real)
        return -1;
    for (size_t i = 0; i < plan->n; i++) {
        hone__trial *t = &plan->trials[i];
        hone__gain strict;
        if (t->status != HONE_TRIAL_OK || t->breaks_constraint || !t->confirm.n)
            continue;
        if (!hone__gain_of(&t->confirm, spec->objective, 1 - 0.05 / (double)n_confirmed, &strict))
            continue;
        /* What an earlier run decided stands until the measurements say otherwise. */
        double need = is_previous(t, spec)                 ? spec->min_gain / 2
                      : spec->previous && !*spec->previous ? spec->min_gain * 2
                                                           : spec->min_gain;
        is_real[i] = strict.low > 1 && strict.gain > 1 + need;
        if (is_real[i] && (best < 0 || t->gain.gain > plan->trials[best].gain.gain))
            best = (int)i;
    }
    int choice = best;
    for (size_t i = 0; best >= 0 && i < plan->n; i++) {
        const hone__trial *t = &plan->trials[i], *b = &plan->trials[best];
        bool is_tie = t->gain.gain >= b->gain.gain * (1 - TIE);
        /* The earlier choice falls only to something beyond doubt better. */
        if (is_real[i] && is_previous(t, spec) && (is_tie || t->gain.high >= b->gain.low)) {
            choice = (int)i;
            break;
        }
        if (is_real[i] && is_tie && is_simpler(plan, i, (size_t)choice))
            choice = (int)i;
    }
    hone__free(is_real);
    return choice;
}

void hone__rank(hone__plan *plan) {
    for (size_t i = 0; i < plan->n; i++) {
        hone__trial *t = &plan->trials[i];
        t->rank = 0;
        if (t->status != HONE_TRIAL_OK)
            continue;
        int rank = t->gain.gain >= 1 ? 1 : 2; /* the default stands at gain 1 */
        for (size_t k = 0; k < plan->n; k++) {
            const hone__trial *other = &plan->trials[k];
            if (k != i && other->status == HONE_TRIAL_OK &&
                (other->gain.gain > t->gain.gain || (other->gain.gain == t->gain.gain && k < i)))
                rank++;
        }
        t->rank = rank;
    }
}
