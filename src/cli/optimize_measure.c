/* hone optimize --measure: what every step did to latency. Two neighbouring stages are alive at a time and take turns,
 * so that drift hits both; a pass that ran in several rounds gets the product of its steps. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/cli_progress.h"
#include "cli/optimize_view.h"
#include "report/stats.h"

#include <math.h>
#include <string.h>

enum { MIN_PAIRS = 10, MAX_PAIRS = 2000, WARMUP = 3 };

/* A stage made ready to run. */
typedef struct stage {
    hone_session *session;
    hone_request *request;
} stage;

static void stage_close(stage *s) {
    hone_request_destroy(s->request);
    hone_session_destroy(s->session);
    *s = (stage){NULL, NULL};
}

static hone_status run_once(const stage *s, double *ms, hone_error *error) {
    uint64_t start = hone__now_ns();
    HONE_TRY(hone_request_run(s->request, error));
    *ms = hone__ms_since(start);
    return HONE_OK;
}

static hone_status stage_open(const hone_optimization *o, size_t n_steps, const hone_options *options,
                              const hone_tensor *const *inputs, size_t n_inputs, stage *out, hone_error *error) {
    hone_status status;
    double ms;
    *out = (stage){NULL, NULL};
    HONE_CHECK(hone_optimization_session(o, n_steps, options, &out->session, error));
    HONE_CHECK(hone_request_create(out->session, &out->request, error));
    for (size_t i = 0; i < n_inputs; i++)
        HONE_CHECK(hone_request_set_input(out->request, i, inputs[i], error));
    for (int i = 0; i < WARMUP; i++)
        HONE_CHECK(run_once(out, &ms, error));
    return HONE_OK;
cleanup:
    stage_close(out);
    return status;
}

/* median_ms[2] may be NULL. */
static hone_status measure_pair(const stage *a, const stage *b, double seconds, hone__latency *out, double *median_ms,
                                hone_error *error) {
    double *samples = hone__calloc(2 * MAX_PAIRS, sizeof *samples), *later = samples + MAX_PAIRS;
    if (!samples)
        return hone__fail_memory(error, "samples");
    hone_status status = HONE_OK;
    size_t n = 0;
    hone__ratio ratio;
    uint64_t start = hone__now_ns();
    while (n < MAX_PAIRS && (n < MIN_PAIRS || hone__ms_since(start) < seconds * 1e3)) {
        /* Who goes first changes, so that what one leaves in the caches serves both alike. */
        bool is_swapped = n & 1;
        HONE_CHECK(run_once(is_swapped ? b : a, is_swapped ? &later[n] : &samples[n], error));
        HONE_CHECK(run_once(is_swapped ? a : b, is_swapped ? &samples[n] : &later[n], error));
        n++;
    }
    if (!hone__stats_ratio(samples, n, later, n, true, 0.95, 1, &ratio)) {
        status = hone__fail_memory(error, "statistics");
        goto cleanup;
    }
    *out = (hone__latency){true, ratio.ratio, ratio.low, ratio.high};
    if (median_ms) {
        median_ms[0] = hone__stats_median(samples, n);
        median_ms[1] = hone__stats_median(later, n);
    }
cleanup:
    hone__free(samples);
    return status;
}

/* Relative errors of a product add in quadrature. */
static void multiply(hone__latency *into, const hone__latency *step) {
    if (!into->is_known) {
        *into = *step;
        return;
    }
    double low = hypot(log(into->ratio / into->low), log(step->ratio / step->low));
    double high = hypot(log(into->high / into->ratio), log(step->high / step->ratio));
    into->ratio *= step->ratio;
    into->low = into->ratio * exp(-low);
    into->high = into->ratio * exp(high);
}

static size_t index_of(const char *pass) {
    hone_pass_info info;
    size_t i = 0;
    while (hone_pass_get(i, &info) && strcmp(info.name, pass) != 0)
        i++;
    return i;
}

hone_status hone__optimize_measure(const hone__cli *cli, const hone_optimization *o, const hone_options *options,
                                   const hone_tensor *const *inputs, size_t n_inputs, double seconds,
                                   hone__latencies *out, hone_error *error) {
    size_t n = hone_optimization_step_count(o);
    stage original = {NULL, NULL}, before = {NULL, NULL}, after = {NULL, NULL};
    hone_status status = HONE_OK;
    hone__progress progress;
    double medians[2];
    out->n_passes = hone_pass_count();
    out->passes = hone__calloc(out->n_passes + 1, sizeof *out->passes);
    if (!out->passes)
        return hone__fail_memory(error, "latencies");
    hone__progress_begin(&progress, cli, "measure", (double)n + 1);
    HONE_CHECK(stage_open(o, 0, options, inputs, n_inputs, &before, error));
    for (size_t i = 0; i < n; i++) {
        hone_optimize_step step;
        hone__latency latency;
        hone_optimization_get_step(o, i, &step);
        hone__progress_update(&progress, (double)i, step.pass);
        HONE_CHECK(stage_open(o, i + 1, options, inputs, n_inputs, &after, error));
        HONE_CHECK(measure_pair(&before, &after, seconds, &latency, NULL, error));
        size_t at = index_of(step.pass);
        if (at < out->n_passes)
            multiply(&out->passes[at], &latency);
        stage_close(&before);
        before = after;
        after = (stage){NULL, NULL};
    }
    hone__progress_update(&progress, (double)n, "the whole");
    HONE_CHECK(stage_open(o, 0, options, inputs, n_inputs, &original, error));
    HONE_CHECK(measure_pair(&original, &before, seconds, &out->total, medians, error));
    out->before_ms = medians[0];
    out->after_ms = medians[1];
cleanup:
    hone__progress_clear(&progress);
    stage_close(&original);
    stage_close(&before);
    stage_close(&after);
    return status;
}

void hone__latencies_release(hone__latencies *latencies) {
    hone__free(latencies->passes);
    *latencies = (hone__latencies){.passes = NULL};
}
