/* What `hone optimize` shows: the table of passes, near misses, the proof; and the same as JSON. */
#ifndef HONE_CLI_OPTIMIZE_VIEW_H
#define HONE_CLI_OPTIMIZE_VIEW_H

#include "cli/cli.h"

/* A ratio of latencies with its 95 % interval; below 1 the later one is faster. is_known false: not measured. */
typedef struct hone__latency {
    bool is_known;
    double ratio, low, high;
} hone__latency;

/* per_pass: [passes], and `total` of the result against the model. */
typedef struct hone__latencies {
    hone__latency *passes;
    size_t n_passes;
    hone__latency total;
    double before_ms, after_ms; /* medians */
} hone__latencies;

/* All passes, for --list. */
void hone__optimize_show_list(const hone__cli *cli, json_t *json);
void hone__optimize_show_passes(const hone__cli *cli, const hone_optimization *optimization,
                                const hone__latencies *latencies, json_t *json);
void hone__optimize_show_misses(const hone__cli *cli, const hone_optimization *optimization, json_t *json);
void hone__optimize_show_proof(const hone__cli *cli, const hone_proof *proof, const hone_tolerance *tolerance,
                               json_t *json);

/* Latency of every step against the one before it, two sessions at a time, runs interleaved; steps of one pass are
 * multiplied. `seconds`: spent on a pair. */
hone_status hone__optimize_measure(const hone__cli *cli, const hone_optimization *optimization,
                                   const hone_options *options, const hone_tensor *const *inputs, size_t n_inputs,
                                   double seconds, hone__latencies *out, hone_error *error);
void hone__latencies_release(hone__latencies *latencies);

#endif
