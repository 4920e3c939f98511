/* What each key contributed: pairs of trials that differ in one key alone, and the geometric mean of
 * their ratios, with an interval from the trials' own intervals. */
#include "tune/tune_internal.h"

#include "base/error.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The one key in which two settings differ; NULL when there are none or several. Settings stand in
 * the order of the options' table. */
static const char *only_difference(const hone__settings *a, const hone__settings *b) {
    const char *key = NULL;
    for (int side = 0; side < 2; side++) {
        const hone__settings *x = side ? b : a, *y = side ? a : b;
        for (size_t i = 0; i < x->n; i++) {
            const char *other = hone__settings_get(y, x->items[i].key);
            if (other && !strcmp(other, x->items[i].value))
                continue;
            /* The two tunable keys are switched together. */
            bool is_same = key && (!strcmp(key, x->items[i].key) ||
                                   (!strncmp(key, "tunable_op_", 11) && !strncmp(x->items[i].key, "tunable_op_", 11)));
            if (key && !is_same)
                return NULL;
            if (!key)
                key = x->items[i].key;
        }
    }
    return key;
}

static double log_error(const hone__gain *gain) {
    return gain->low > 0 && gain->high > gain->low ? (log(gain->high) - log(gain->low)) / (2 * 1.96) : 0;
}

static const char *value_of(const hone__settings *settings, const char *key) {
    const char *value = hone__settings_get(settings, key);
    const hone_option_info *info = hone_option_find_info(key);
    value = value ? value : info ? info->default_value : "default";
    return *value ? value : "none";
}

typedef struct effect_sum {
    double log_gain, variance;
} effect_sum;

enum { MAX_EFFECTS = 128 };

static void add_pair(hone__effect *effects, effect_sum *sums, size_t *n, const char *key, const char *from,
                     const char *to, const hone__gain *before, const hone__gain *after) {
    size_t i = 0;
    while (i < *n && (strcmp(effects[i].key, key) || strcmp(effects[i].from, from) || strcmp(effects[i].to, to)))
        i++;
    if (i == MAX_EFFECTS || before->gain <= 0 || after->gain <= 0)
        return;
    if (i == *n) {
        effects[i] = (hone__effect){.key = key, .from = from, .to = to};
        sums[i] = (effect_sum){0};
        (*n)++;
    }
    double e1 = log_error(before), e2 = log_error(after);
    effects[i].n_pairs++;
    sums[i].log_gain += log(after->gain) - log(before->gain);
    sums[i].variance += e1 * e1 + e2 * e2;
}

hone_status hone__effects(const hone__plan *plan, hone__arena *arena, hone__effect **out, size_t *n,
                          hone_error *error) {
    hone__effect *effects = hone__arena_calloc(arena, MAX_EFFECTS, sizeof *effects);
    effect_sum *sums = hone__arena_calloc(arena, MAX_EFFECTS, sizeof *sums);
    *n = 0;
    if (!effects || !sums)
        return hone__fail_memory(error, "effects");
    static const hone__settings none;
    static const hone__gain one = {1, 1, 1};
    for (size_t i = 0; i < plan->n; i++) {
        const hone__trial *a = &plan->trials[i];
        if (a->status != HONE_TRIAL_OK)
            continue;
        const char *key = only_difference(&none, &a->effective);
        if (key)
            add_pair(effects, sums, n, key, value_of(&none, key), value_of(&a->effective, key), &one, &a->gain);
        for (size_t k = 0; k < plan->n; k++) {
            const hone__trial *b = &plan->trials[k];
            if (k == i || b->status != HONE_TRIAL_OK)
                continue;
            key = only_difference(&a->effective, &b->effective);
            /* Each pair once: from the default value, or from the earlier trial's. */
            if (!key || (hone__settings_get(&a->effective, key) && (!hone__settings_get(&b->effective, key) || i > k)))
                continue;
            add_pair(effects, sums, n, key, value_of(&a->effective, key), value_of(&b->effective, key), &a->gain,
                     &b->gain);
        }
    }
    for (size_t i = 0; i < *n; i++) {
        double pairs = (double)effects[i].n_pairs, mean = sums[i].log_gain / pairs;
        double error_width = 1.96 * sqrt(sums[i].variance) / pairs;
        effects[i].gain = (hone__gain){exp(mean), exp(mean - error_width), exp(mean + error_width)};
    }
    *out = effects;
    return HONE_OK;
}
