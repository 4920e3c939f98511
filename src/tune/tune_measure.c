/* One trial measured against the default: two children, of which one runs at a time, in alternating
 * blocks, so that what slows the machine down hits both sides alike. */
#include "tune/tune_internal.h"

#include "base/error.h"
#include <stdio.h>
#include <string.h>

static const char *keep(hone__arena *arena, const char *text) {
    const char *copy = hone__arena_strdup(arena, text);
    return copy ? copy : "";
}

static void fail_trial(hone__trial *trial, hone__arena *arena, const hone_error *error) {
    trial->status = error->status == HONE_ERROR_CANCELLED ? HONE_TRIAL_SKIPPED : HONE_TRIAL_FAILED;
    trial->reason = keep(arena, error->message[0] ? error->message : hone_status_text(error->status));
}

/* Within the tolerance, or, for a change of precision under an accuracy budget, within the budget. */
static bool is_output_good(const hone__trial *trial, const hone__child_info *info, const hone__measure_spec *spec,
                           hone__arena *arena, const char **why) {
    if (!spec->check_outputs || info->is_equal)
        return true;
    if (spec->min_accuracy > 0 && hone__settings_get(&trial->effective, "precision")) {
        if (info->accuracy >= spec->min_accuracy)
            return true;
        *why = hone__tune_printf(arena, "accuracy %.4f is below the budget %.4f", info->accuracy, spec->min_accuracy);
        return false;
    }
    *why = hone__tune_printf(arena, "outputs differ from the default's: %s", info->detail);
    return false;
}

static hone_status open_baseline(const hone__runner *runner, hone__child **baseline, hone_error *error) {
    hone__child_info info;
    return *baseline ? HONE_OK : runner->open(runner->user, NULL, false, baseline, &info, error);
}

/* The default's child may be killed from outside too; then it is started anew, once per trial. */
static hone_status run_baseline(const hone__runner *runner, hone__child **baseline, size_t n, double *ms,
                                int *n_restarts, hone_error *error) {
    for (;;) {
        hone_status status = open_baseline(runner, baseline, error);
        if (status == HONE_OK)
            status = runner->run(runner->user, *baseline, n, ms, error);
        if (status == HONE_OK || status == HONE_ERROR_CANCELLED || (*n_restarts)++ > 0)
            return status;
        runner->close(runner->user, *baseline);
        *baseline = NULL;
    }
}

static hone_status run_blocks(const hone__runner *runner, hone__child **baseline, hone__child *child,
                              const hone__measure_spec *spec, hone__measure *m, bool *is_trials_fault,
                              hone_error *error) {
    int n_restarts = 0;
    *is_trials_fault = false;
    for (size_t b = 0; m->n < spec->n_runs; b++) {
        size_t n = m->block < spec->n_runs - m->n ? m->block : spec->n_runs - m->n;
        bool trial_first = (b % 2 == 0) != spec->reversed;
        for (int side = 0; side < 2; side++) {
            bool is_trial = (side == 0) == trial_first;
            hone_status status = is_trial ? runner->run(runner->user, child, n, m->trial_ms + m->n, error)
                                          : run_baseline(runner, baseline, n, m->base_ms + m->n, &n_restarts, error);
            if (status != HONE_OK) {
                *is_trials_fault = is_trial || status == HONE_ERROR_CANCELLED;
                return status;
            }
        }
        m->n += n;
    }
    return HONE_OK;
}

hone_status hone__measure_trial(const hone__runner *runner, hone__child **baseline, hone__trial *trial,
                                const hone__measure_spec *spec, hone__arena *arena, hone__measure *out,
                                hone_error *error) {
    hone__child *child = NULL;
    hone__child_info info = {0};
    hone_error fault;
    hone_error_clear(&fault);
    hone__measure m = {0};
    size_t n_blocks = spec->n_blocks < 1 ? 1 : spec->n_blocks < spec->n_runs ? spec->n_blocks : spec->n_runs;
    m.block = (spec->n_runs + n_blocks - 1) / n_blocks;
    m.trial_ms = hone__arena_calloc(arena, spec->n_runs, sizeof(double));
    m.base_ms = hone__arena_calloc(arena, spec->n_runs, sizeof(double));
    if (!m.trial_ms || !m.base_ms)
        return hone__fail_memory(error, "samples");
    memset(out, 0, sizeof *out);
    hone_status status = runner->open(runner->user, &trial->effective, false, &child, &info, &fault);
    if (status != HONE_OK) {
        fail_trial(trial, arena, &fault);
        return HONE_OK;
    }
    m.init_ms = info.init_ms;
    m.max_error = info.max_error;
    m.accuracy = info.accuracy;
    const char *why = "";
    if (!is_output_good(trial, &info, spec, arena, &why)) {
        trial->status = HONE_TRIAL_WRONG;
        trial->reason = why;
        m.peak_mb = info.peak_mb;
        *out = m;
        runner->close(runner->user, child);
        return HONE_OK;
    }
    bool is_trials_fault = false;
    status = run_blocks(runner, baseline, child, spec, &m, &is_trials_fault, &fault);
    if (status == HONE_OK) {
        is_trials_fault = true;
        status = runner->finish(runner->user, child, &m.peak_mb, &fault);
    }
    runner->close(runner->user, child);
    if (status == HONE_OK) {
        trial->status = HONE_TRIAL_OK;
        *out = m;
        return HONE_OK;
    }
    if (is_trials_fault) {
        fail_trial(trial, arena, &fault);
        return HONE_OK;
    }
    if (error)
        *error = fault;
    return status;
}
