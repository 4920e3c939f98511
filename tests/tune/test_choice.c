/* The choice, over a runner that makes up its times: a real gain is found, a tie keeps the default,
 * drift and noise fool nobody, wrong outputs and crashes never win, constraints come first, and two
 * runs agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "tune/tune_internal.h"

/* speeds: time relative to the default's, by the setting's number; negative: crashes at the run. */
typedef struct fake {
    double noise, drift; /* relative; drift per call */
    uint64_t random;
    double clock;
    double relative[16];
    bool wrong[16];
    double peak[16];
    int n_open;
} fake;

struct hone__child {
    int index; /* -1: the default */
};

static hone_status fake_open(void *user, const hone__settings *settings, bool is_reference, hone__child **out,
                             hone__child_info *info, hone_error *error) {
    (void)is_reference;
    (void)error;
    fake *f = user;
    hone__child *child = calloc(1, sizeof *child);
    child->index = settings ? atoi(settings->items[0].value) : -1;
    f->n_open++;
    *info = (hone__child_info){
        .init_ms = 5, .warmup_ms = 1, .is_equal = child->index < 0 || !f->wrong[child->index], .accuracy = 1};
    *out = child;
    return HONE_OK;
}

static hone_status fake_run(void *user, hone__child *child, size_t n, double *ms, hone_error *error) {
    fake *f = user;
    double relative = child->index < 0 ? 1 : f->relative[child->index];
    if (relative < 0) {
        error->status = HONE_ERROR_INTERNAL;
        snprintf(error->message, sizeof error->message, "crashed");
        return HONE_ERROR_INTERNAL;
    }
    for (size_t i = 0; i < n; i++) {
        f->clock += 1;
        double noise = 0;
        for (int k = 0; k < 4; k++)
            noise += hone__random_unit(&f->random) - 0.5;
        double spike = hone__random_unit(&f->random) < 0.03 ? 3 : 1;
        ms[i] = 10 * relative * (1 + f->noise * noise) * (1 + f->drift * sin(f->clock / 40)) * spike;
    }
    return HONE_OK;
}

static hone_status fake_finish(void *user, hone__child *child, double *peak_mb, hone_error *error) {
    (void)error;
    fake *f = user;
    *peak_mb = child->index < 0 ? 100 : f->peak[child->index] ? f->peak[child->index] : 100;
    return HONE_OK;
}

static void fake_close(void *user, hone__child *child) {
    fake *f = user;
    f->n_open -= child != NULL;
    free(child);
}

typedef struct outcome {
    int winner;
    bool is_feasible;
    hone__plan plan;
} outcome;

static outcome tune(fake *f, size_t n, hone__choice_spec spec, hone__arena *arena) {
    outcome o = {0};
    hone_error error;
    hone__runner runner = {f, fake_open, fake_run, fake_finish, fake_close};
    hone__child *baseline = NULL;
    hone__measure base = {0};
    for (size_t i = 0; i < n; i++) {
        char number[8];
        snprintf(number, sizeof number, "%zu", i);
        const hone__setting s = {"x", number};
        assert_int_equal(hone__space_add(&o.plan, arena, number, &s, 1, &error), HONE_OK);
        o.plan.trials[i].effective = o.plan.trials[i].settings;
        o.plan.trials[i].canonical = o.plan.trials[i].name;
    }
    spec.min_gain = spec.min_gain > 0 ? spec.min_gain : 0.02;
    hone__measure_spec first = {.n_runs = 50, .n_blocks = 10, .check_outputs = true};
    hone__measure_spec second = {.n_runs = 100, .n_blocks = 16, .check_outputs = true, .reversed = true};
    for (size_t i = 0; i < n; i++) {
        hone__trial *t = &o.plan.trials[i];
        char why[128];
        assert_int_equal(hone__measure_trial(&runner, &baseline, t, &first, arena, &t->first, &error), HONE_OK);
        if (t->status != HONE_TRIAL_OK)
            continue;
        assert_true(hone__gain_of(&t->first, spec.objective, 0.95, &t->gain));
        t->breaks_constraint = hone__breaks_constraint(&t->first, t->first.trial_ms, &spec, why, sizeof why);
        base = t->first;
        base.peak_mb = 100;
        base.accuracy = 1;
    }
    size_t finalists[3], n_finalists = hone__choice_candidates(&o.plan, &spec, finalists, 3);
    for (size_t i = 0; i < n_finalists; i++) {
        hone__trial *t = &o.plan.trials[finalists[i]];
        assert_int_equal(hone__measure_trial(&runner, &baseline, t, &second, arena, &t->confirm, &error), HONE_OK);
        hone__gain_of(&t->confirm, spec.objective, 0.95, &t->gain);
    }
    fake_close(f, baseline);
    assert_int_equal(f->n_open, 0);
    o.winner = hone__choose(&o.plan, &base, &spec, &o.is_feasible);
    hone__rank(&o.plan);
    return o;
}

static fake make_fake(double noise, double drift, uint64_t seed) {
    fake f = {.noise = noise, .drift = drift, .random = seed};
    for (int i = 0; i < 16; i++)
        f.relative[i] = 1;
    return f;
}

static void test_gain(void **state) {
    (void)state;
    hone__arena arena;
    hone__arena_init(&arena);
    for (uint64_t seed = 1; seed <= 10; seed++)
        for (int objective = 0; objective < 2; objective++) {
            fake f = make_fake(0.05, 0.2, seed);
            /* Rare stalls weigh on a mean, so it takes a larger gain to be beyond doubt. */
            f.relative[3] = objective == HONE_TUNE_THROUGHPUT ? 0.6 : 0.8;
            f.relative[5] = 1.6;
            outcome o = tune(&f, 8, (hone__choice_spec){.objective = (hone_tune_objective)objective}, &arena);
            assert_int_equal(o.winner, 3);
            assert_true(o.plan.trials[3].gain.low > 1.02 && o.plan.trials[3].gain.high < 2.5);
            assert_int_equal(o.plan.trials[3].rank, 1);
            assert_true(o.plan.trials[5].gain.high < 1);
        }
    hone__arena_deinit(&arena);
}

static void test_tie(void **state) {
    (void)state;
    hone__arena arena;
    hone__arena_init(&arena);
    int n_claims = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fake f = make_fake(0.1, 0.3, seed);
        f.relative[2] = 0.99; /* real, but below 2 % */
        n_claims += tune(&f, 12, (hone__choice_spec){0}, &arena).winner >= 0;
    }
    assert_int_equal(n_claims, 0);
    hone__arena_deinit(&arena);
}

static void test_never_win(void **state) {
    (void)state;
    hone__arena arena;
    hone__arena_init(&arena);
    fake f = make_fake(0.02, 0, 7);
    f.relative[0] = 0.3;
    f.wrong[0] = true;
    f.relative[1] = -1;
    f.relative[2] = 0.9;
    outcome o = tune(&f, 4, (hone__choice_spec){0}, &arena);
    assert_int_equal(o.winner, 2);
    assert_int_equal(o.plan.trials[0].status, HONE_TRIAL_WRONG);
    assert_int_equal(o.plan.trials[1].status, HONE_TRIAL_FAILED);
    assert_string_equal(o.plan.trials[1].reason, "crashed");
    assert_int_equal(o.plan.trials[0].rank, 0);
    hone__arena_deinit(&arena);
}

static void test_constraints(void **state) {
    (void)state;
    hone__arena arena;
    hone__arena_init(&arena);
    fake f = make_fake(0.02, 0, 9);
    f.relative[0] = 0.5, f.peak[0] = 500; /* fastest, too big */
    f.relative[1] = 0.8, f.peak[1] = 90;
    outcome o = tune(&f, 3, (hone__choice_spec){.max_memory_mb = 200}, &arena);
    assert_int_equal(o.winner, 1);
    assert_true(o.is_feasible && o.plan.trials[0].breaks_constraint);
    /* The default itself is too big: the slower one that fits is taken. */
    f = make_fake(0.02, 0, 9);
    f.relative[0] = 1.5, f.peak[0] = 50;
    o = tune(&f, 2, (hone__choice_spec){.max_memory_mb = 80}, &arena);
    assert_int_equal(o.winner, 0);
    assert_true(o.is_feasible);
    o = tune(&f, 2, (hone__choice_spec){.max_memory_mb = 10}, &arena);
    assert_int_equal(o.winner, -1);
    assert_false(o.is_feasible);
    hone__arena_deinit(&arena);
}

/* Several settings are about as fast: two runs, with other noise, choose the same one. */
static void test_agreement(void **state) {
    (void)state;
    hone__arena arena;
    hone__arena_init(&arena);
    int n_same = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        int winner[2];
        char previous[8] = "";
        for (int run = 0; run < 2; run++) {
            fake f = make_fake(0.06, 0.2, seed * 2 + (uint64_t)run);
            f.relative[1] = 0.8, f.relative[2] = 0.795, f.relative[4] = 0.805, f.relative[6] = 0.79;
            winner[run] = tune(&f, 8, (hone__choice_spec){.previous = run ? previous : NULL}, &arena).winner;
            snprintf(previous, sizeof previous, "%d", winner[run]);
            assert_true(winner[run] == 1 || winner[run] == 2 || winner[run] == 4 || winner[run] == 6);
        }
        n_same += winner[0] == winner[1];
    }
    assert_int_equal(n_same, 20);
    hone__arena_deinit(&arena);
}

static void test_effects(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan = {0};
    hone__effect *effects;
    size_t n;
    hone__arena_init(&arena);
    const hone__setting a[] = {{"p", "1"}}, b[] = {{"q", "1"}}, both[] = {{"p", "1"}, {"q", "1"}};
    const struct {
        const hone__setting *s;
        size_t n;
        double gain;
    } rows[] = {{a, 1, 1.2}, {b, 1, 0.9}, {both, 2, 1.2 * 0.9}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hone__space_add(&plan, &arena, "t", rows[i].s, rows[i].n, NULL), HONE_OK);
        hone__trial *t = &plan.trials[i];
        t->effective = t->settings;
        t->status = HONE_TRIAL_OK;
        t->gain = (hone__gain){rows[i].gain, rows[i].gain * 0.99, rows[i].gain * 1.01};
    }
    assert_int_equal(hone__effects(&plan, &arena, &effects, &n, NULL), HONE_OK);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++) {
        double expected = !strcmp(effects[i].key, "p") ? 1.2 : 0.9;
        assert_int_equal(effects[i].n_pairs, 2);
        assert_true(fabs(effects[i].gain.gain - expected) < 1e-9);
        assert_true(effects[i].gain.low < expected && effects[i].gain.high > expected);
    }
    hone__arena_deinit(&arena);
}

/* The default against itself sets what a gain must exceed: by its distance from 1, and by how little it is known. */
static void test_noise_floor(void **state) {
    (void)state;
    assert_float_equal(hone__noise_floor(&(hone__gain){1.0, 0.999, 1.001}), 0.02, 1e-9);
    assert_float_equal(hone__noise_floor(&(hone__gain){0.994, 0.988, 1.02}), 0.02, 1e-9);
    assert_float_equal(hone__noise_floor(&(hone__gain){1.1, 1.09, 1.11}), log(1.1), 1e-9);
    assert_float_equal(hone__noise_floor(&(hone__gain){1 / 1.1, 0.9, 0.92}), log(1.1), 1e-9);
    /* Between 0.41 and 2.65: a gain of 1.38 says nothing there. */
    assert_true(hone__noise_floor(&(hone__gain){1.02, 0.41, 2.65}) > 0.4);
    assert_float_equal(hone__noise_floor(&(hone__gain){3, 0.1, 9}), 0.5, 1e-9);
    assert_float_equal(hone__noise_floor(&(hone__gain){0, 0, 0}), 0.02, 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_noise_floor), cmocka_unit_test(test_gain),
                                       cmocka_unit_test(test_tie),         cmocka_unit_test(test_never_win),
                                       cmocka_unit_test(test_constraints), cmocka_unit_test(test_agreement),
                                       cmocka_unit_test(test_effects)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
