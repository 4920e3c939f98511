/* What the files of the tuner share: settings, trials, measurements and the runner that measures.
 *
 *   options -> facts (model, machine, probe) -> space -> plan -> trials -> choice -> config, report
 *
 * All of a run's records live in one arena, from hone_tune_run to hone_tune_result_destroy. */
#ifndef HONE_TUNE_TUNE_INTERNAL_H
#define HONE_TUNE_TUNE_INTERNAL_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "report/stats.h"
#include <hone/tune.h>
#include <jansson.h>

typedef struct hone__setting {
    const char *key, *value;
} hone__setting;

typedef struct hone__settings {
    hone__setting *items;
    size_t n;
} hone__settings;

/* What the space is made from. */
typedef struct hone__tune_facts {
    bool has_conv, has_matmul;
    int width;     /* independent branches of the graph; 0: not known */
    int n_threads; /* what 0 threads means */
    int n_physical;
    double memory_gb;      /* what memory limits are measured against: GPU, cgroup or machine */
    double memory_free_gb; /* now */
    double peak_gb;        /* of the default, from the probe; 0 before it */
    bool vary_precision;   /* an accuracy budget was given */
    bool has_onnxruntime;  /* its library was found: the backend competes */
    bool has_gpu;          /* providers other than the CPU's may compete too */
    hone__settings fixed;  /* keys held by the configuration file in every trial, the default included */
} hone__tune_facts;

typedef enum hone__trial_status {
    HONE_TRIAL_PENDING,
    HONE_TRIAL_OK,
    HONE_TRIAL_FAILED,
    HONE_TRIAL_WRONG,
    HONE_TRIAL_SKIPPED
} hone__trial_status;

/* One interleaved measurement: the trial's times and the default's, taken block by block in turns. */
typedef struct hone__measure {
    size_t n, block; /* samples on each side; samples per block */
    double *trial_ms, *base_ms;
    double init_ms, peak_mb;
    double max_error, accuracy; /* against the default's outputs */
} hone__measure;

typedef struct hone__gain {
    double gain, low, high; /* time of the default / time of the trial */
} hone__gain;

typedef struct hone__trial {
    const char *name;
    hone__settings settings;  /* explicit, as the space gave them */
    hone__settings effective; /* what differs from the default in effect; canonical order */
    const char *canonical;    /* "key=value key=value" of `effective`; "" is the default */
    const char *other_names;  /* equivalent combinations that this trial stands for, or "" */
    size_t n_equivalent;
    hone__trial_status status;
    const char *reason;
    hone__measure first, confirm; /* n == 0: not measured */
    hone__gain gain;              /* of `confirm` when there is one */
    bool is_current;              /* the configuration file's own settings */
    bool breaks_constraint;
    int rank;
    const char *note;
} hone__trial;

typedef struct hone__plan {
    hone__trial *trials; /* distinct, the default left out */
    size_t n, capacity;
    size_t n_combinations;     /* before merging, the default included if the space has it */
    size_t n_like_default;     /* combinations equivalent to the default */
    const char *no_effect;     /* "gpu_mem_limit_gb, do_copy_in_default_stream": varied, without effect here */
    const char *merge_reasons; /* one sentence each, separated by newlines */
    double eta_s;
    int runs, warmup;
} hone__plan;

/* ---- space (tune_space.c, space_file.c, space_merge.c) ---- */
/* Combinations of the space, in order of preference, not merged yet. */
hone_status hone__space_build(hone_tune_space_kind kind, const char *path, const hone__tune_facts *facts,
                              hone__arena *arena, hone__plan *plan, hone_error *error);
hone_status hone__space_from_file(const char *path, const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                                  hone_error *error);
hone_status hone__space_add(hone__plan *plan, hone__arena *arena, const char *name, const hone__setting *settings,
                            size_t n, hone_error *error);
/* Normalises, drops what has no effect here, merges equivalents, removes what equals the default. */
hone_status hone__space_merge(hone__plan *plan, const hone__tune_facts *facts, hone__arena *arena, hone_error *error);
/* The effective settings of explicit ones: facts.fixed below them, keys in the table's order. */
hone_status hone__space_effective(const hone__settings *settings, const hone__tune_facts *facts, hone__arena *arena,
                                  hone__settings *out, const char **canonical, hone_error *error);
/* Options as a session takes them: fixed, then settings. */
hone_status hone__settings_apply(const hone__settings *fixed, const hone__settings *settings, hone_options **out,
                                 hone_error *error);
const char *hone__settings_get(const hone__settings *settings, const char *key); /* NULL: not there */

/* ---- measuring (tune_measure.c): an abstract runner, so that the logic is tested with a fake one ---- */
typedef struct hone__child hone__child;
typedef struct hone__child_info {
    double init_ms, warmup_ms; /* creation; time of one warm run */
    double peak_mb;
    bool is_equal; /* outputs within tolerance of the reference */
    double max_error, accuracy;
    char detail[192]; /* of a difference */
} hone__child_info;

typedef struct hone__runner {
    void *user;
    /* Starts a child with settings, warms it up, compares its outputs with the reference (makes the
     * reference when is_reference). */
    hone_status (*open)(void *user, const hone__settings *settings, bool is_reference, hone__child **out,
                        hone__child_info *info, hone_error *error);
    /* n timed runs. */
    hone_status (*run)(void *user, hone__child *child, size_t n, double *ms, hone_error *error);
    hone_status (*finish)(void *user, hone__child *child, double *peak_mb, hone_error *error);
    void (*close)(void *user, hone__child *child); /* kills it if need be */
} hone__runner;

typedef struct hone__measure_spec {
    size_t n_runs, n_blocks;
    bool reversed;       /* the trial goes first in odd blocks instead of even ones */
    double min_accuracy; /* > 0: replaces the tolerance for settings that change the precision */
    bool check_outputs;  /* false: the model gives different outputs by itself */
} hone__measure_spec;

/* Measures a trial against the baseline. Fills status and reason; an error is returned only for what
 * ends the whole run (memory, a baseline that no longer runs). *baseline is opened when NULL. */
hone_status hone__measure_trial(const hone__runner *runner, hone__child **baseline, hone__trial *trial,
                                const hone__measure_spec *spec, hone__arena *arena, hone__measure *out,
                                hone_error *error);

/* ---- choice (tune_choice.c) ---- */
typedef struct hone__choice_spec {
    hone_tune_objective objective;
    double max_p99_ms, max_memory_mb, min_accuracy;
    double min_gain;      /* 0.02, or more on a noisy machine */
    const char *previous; /* canonical form of the earlier choice, NULL: none; "" the default */
} hone__choice_spec;

bool hone__gain_of(const hone__measure *measure, hone_tune_objective objective, double confidence, hone__gain *out);
/* What a gain must exceed, from the measured "gain" of the default over itself: its distance from 1, or a quarter of
 * its interval's width (on the scale of logarithms) if that is more; 0.02 to 0.5. */
double hone__noise_floor(const hone__gain *same);
/* The trials worth a second round, best first; returns their number (at most `max`). */
size_t hone__choice_candidates(const hone__plan *plan, const hone__choice_spec *spec, size_t *index, size_t max);
/* The winner's index, or -1: the default stays. `is_feasible`: the choice keeps the constraints. */
int hone__choose(hone__plan *plan, const hone__measure *baseline, const hone__choice_spec *spec, bool *is_feasible);
bool hone__breaks_constraint(const hone__measure *measure, const double *ms, const hone__choice_spec *spec, char *why,
                             size_t size);
void hone__rank(hone__plan *plan);

/* What a value of a key contributed, over pairs of trials that differ in that key alone. */
typedef struct hone__effect {
    const char *key, *from, *to;
    size_t n_pairs;
    hone__gain gain;
} hone__effect;
hone_status hone__effects(const hone__plan *plan, hone__arena *arena, hone__effect **out, size_t *n, hone_error *error);

/* ---- the run and its result ---- */
typedef struct hone__noise {
    double jitter_cv, jitter_max; /* of a fixed piece of work: 90th percentile over the median, less 1; worst over it */
    double steal_percent;         /* of the processor time since boot taken by other guests during the run */
    double aa_gain, aa_low, aa_high; /* the default against itself */
    double floor;                    /* what a gain must exceed: at least 0.02 */
    uint64_t n_throttled;            /* cgroup throttling events during the run */
    double load_start;
} hone__noise;

struct hone_tune_result {
    hone__arena arena;
    hone_tune_options options; /* texts borrowed from arena */
    hone_machine *machine;
    const char *model_name, *model_hash, *fingerprint, *versions;
    const char *input_text; /* "x float32[1,3,224,224]" */
    hone__tune_facts facts;
    hone__plan plan;
    hone__measure baseline; /* the default's own figures, pooled over all blocks */
    hone__noise noise;
    hone__effect *effects;
    size_t n_effects;
    int winner; /* -1: the default */
    bool is_significant, is_feasible, has_run;
    hone__gain gain;
    double expected_fps, elapsed_s;
    struct hone__tune_change {
        const char *key, *old, *value;
        bool is_new;
    } * changes;
    size_t n_changes;
    const char *recommendation, *verdict, *command;
    const char *config_backup, *report_md, *report_html, *report_json;
    bool config_written;
    const char **notes; /* what happened on the way: warnings, budget decisions */
    size_t n_notes, notes_capacity;
    hone_tune_row *rows; /* ranked first, baseline among them */
    size_t n_rows;
    char *json;
};

const char *hone__tune_printf(hone__arena *arena, const char *fmt, ...) HONE_PRINTF(2, 3); /* "" when out of memory */
void hone__tune_note(hone_tune_result *result, bool is_warning, const char *fmt, ...) HONE_PRINTF(3, 4);
void hone__tune_step(hone_tune_result *result, double done, double total, const char *text);

/* Rows, JSON and reports (tune_rows.c, tune_json.c, tune_report.c). */
double hone__tune_fps(const hone_tune_options *options, const hone__stats *stats);
hone_status hone__tune_make_rows(hone_tune_result *result, hone_error *error);
json_t *hone__tune_json(const hone_tune_result *result, bool with_samples);
hone_status hone__tune_write_reports(hone_tune_result *result, hone_error *error);
const char *hone__trial_status_text(hone__trial_status status);

/* config.yaml (tune_config.c): settings read from it, and the choice written to it. */
hone_status hone__tune_read_config(hone_tune_result *result, const hone__plan *plan, hone__settings *fixed,
                                   hone__settings *current, hone_error *error);
hone_status hone__tune_write_config(hone_tune_result *result, hone_error *error);

/* Hash of a model file and its external data: 32 hexadecimal digits (tune_hash.c). */
hone_status hone__tune_hash_model(const char *path, char out[33], hone_error *error);
void hone__tune_hash_text(const char *text, char out[33]);

/* Noise of the machine (tune_noise.c). */
void hone__noise_begin(hone__noise *noise, const hone_machine_info *info);
void hone__noise_end(hone__noise *noise);

/* Journal (tune_journal.c). */
typedef struct hone__journal hone__journal;
hone_status hone__journal_open(const char *folder, const char *key, bool resume, hone__journal **out,
                               hone_error *error);
size_t hone__journal_count(const hone__journal *journal); /* records found by resume */
/* Appends one record and waits until it is on the disk. Takes the reference. */
hone_status hone__journal_put(hone__journal *journal, json_t *record);
/* Fills a trial's measurement if the journal has it. kind: "first", "confirm". */
bool hone__journal_find(const hone__journal *journal, const char *kind, const char *canonical, hone__arena *arena,
                        hone__trial *trial, hone__measure *measure);
json_t *hone__journal_record(const char *kind, const hone__trial *trial, const hone__measure *measure);
void hone__journal_close(hone__journal *journal, bool is_finished); /* finished: the file goes */

/* Store (tune_store.c). */
/* Earlier decision for a key; false when there is none. */
bool hone__store_get_decision(hone_tune_store *store, const char *key, char *canonical, size_t size);
void hone__store_put_decision(hone_tune_store *store, const char *key, const char *canonical, double fps);
void hone__store_put_result(hone_tune_store *store, const char *model, const char *hardware, const char *versions,
                            const char *settings, const char *input, const char *json);
/* The default folder, "$XDG_CACHE_HOME/hone"; made if need be. False when there is none. */
bool hone__store_folder(char *out, size_t size);

/* Children (trial_process.c). */
typedef struct hone__trial_runner hone__trial_runner;
hone_status hone__trial_runner_create(const hone_tune_result *result, const char *store_path, hone__trial_runner **out,
                                      hone_error *error);
void hone__trial_runner_destroy(hone__trial_runner *runner);
hone__runner hone__trial_runner_interface(hone__trial_runner *runner);
void hone__trial_runner_set_limits(hone__trial_runner *runner, double timeout_s, uint64_t deadline_ns, int warmup);
#endif
