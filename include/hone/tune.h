/* The tuner: measures settings of a model on this machine, chooses, and proves the choice. It lives
 * in a library of its own (hone_tune, linked into the program), since it needs SQLite, a YAML and a
 * JSON library that the core does without.
 *
 * Every trial runs in a child process. The child is a program that calls hone_tune_trial_main when
 * its first argument is "tune-trial"; by default it is the calling program itself. */
#ifndef HONE_TUNE_H
#define HONE_TUNE_H

#include <hone/machine.h>
#include <hone/model.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hone_tune_objective {
    HONE_TUNE_LATENCY,    /* the median */
    HONE_TUNE_THROUGHPUT, /* the mean */
    HONE_TUNE_P99
} hone_tune_objective;

typedef enum hone_tune_space_kind {
    HONE_TUNE_SPACE_DEFAULT, /* informed by graph and machine */
    HONE_TUNE_SPACE_QUICK,   /* at most six trials */
    HONE_TUNE_SPACE_GRID_14,
    HONE_TUNE_SPACE_GRID_48,
    HONE_TUNE_SPACE_FILE
} hone_tune_space_kind;

/* What happens, for progress bars and logs. Texts are borrowed for the call. */
typedef enum hone_tune_event_kind {
    HONE_TUNE_EVENT_NOTE,    /* text: one line worth printing */
    HONE_TUNE_EVENT_WARNING, /* text */
    HONE_TUNE_EVENT_STEP     /* text: what runs now; done of total, in seconds of work */
} hone_tune_event_kind;
typedef struct hone_tune_event {
    hone_tune_event_kind kind;
    const char *text;
    double done, total;
} hone_tune_event;
typedef void (*hone_tune_event_fn)(void *user, const hone_tune_event *event);

typedef struct hone_tune_options {
    const char *model_path;
    const char *config_path; /* NULL: no file is read or edited; one that does not exist is made */
    const char *report_path; /* .md; .html and .json beside it; NULL: no report */
    const char *store_path;  /* SQLite file; NULL: $XDG_CACHE_HOME/hone/store.db */
    hone_tune_space_kind space;
    const char *space_path; /* of HONE_TUNE_SPACE_FILE: YAML, key: [values] */
    int warmup, runs;       /* per trial */
    double budget_s;        /* 0: none */
    hone_tune_objective objective;
    /* Shapes of all inputs, in the model's order: [n_passes][n_shapes]. With several passes (batch sizes)
     * one run is one pass over each. */
    const hone_shape *shapes;
    size_t n_shapes, n_passes;
    double items;                                   /* samples in one run: the batch, or the sum of them */
    double max_p99_ms, max_memory_mb, min_accuracy; /* 0: none; accuracy: agreement with the default's outputs, 0..1 */
    bool resume, dry_run;
    uint64_t seed;                    /* of the random inputs */
    double trial_timeout_s;           /* 0: by the speed of the default */
    double trial_memory_mb;           /* 0: 90 % of what is free */
    const char *command_line;         /* for the report's "how to reproduce"; may be NULL */
    const char *const *trial_command; /* NULL-terminated; NULL: this program with "tune-trial" */
    hone_tune_event_fn on_event;
    void *event_user;
} hone_tune_options;

/* Defaults of every field: 20 warm-up runs, 50 runs, latency. */
HONE_API void hone_tune_options_init(hone_tune_options *options);

typedef struct hone_tune_result hone_tune_result;

/* Errors: CONFIG (config.yaml or the space file), the model's own errors, UNAVAILABLE (the default
 * setting does not run here), IO. OK with "no gain" too; LIMIT when a constraint holds for no
 * setting (the result is there all the same). */
HONE_API hone_status hone_tune_run(const hone_tune_options *options, hone_tune_result **out, hone_error *error);
HONE_API void hone_tune_result_destroy(hone_tune_result *result);

/* A line of the ranked table. Texts live as long as the result. */
typedef struct hone_tune_row {
    int rank;             /* 0: not ranked (failed, wrong, skipped) */
    const char *name;     /* "default" is the baseline */
    const char *settings; /* "intra_op_num_threads=1 ..." : what differs from the default */
    const char *status;   /* ok, failed, wrong, skipped */
    const char *reason;   /* why not ok; else remarks, or "" */
    double fps, mean_ms, std_ms, p50_ms, p95_ms, p99_ms, init_ms, peak_mb;
    double gain, gain_low, gain_high; /* time of the default / time of this, 95 % interval */
} hone_tune_row;

typedef struct hone_tune_summary {
    size_t n_rows;
    size_t n_combinations, n_distinct;
    double eta_s, elapsed_s;
    bool is_dry_run;
    bool is_significant; /* a setting other than the default was chosen */
    bool is_feasible;    /* the choice keeps the constraints */
    const char *winner;  /* name */
    double gain, gain_low, gain_high;
    double expected_fps;
    const char *recommendation; /* YAML */
    const char *config_path;    /* "" when none was written */
    const char *config_backup;  /* "" when the file is new */
    size_t n_config_changes;
    const char *report_md, *report_html, *report_json; /* "" when not written */
    const char *verdict;                               /* one sentence */
} hone_tune_summary;
HONE_API void hone_tune_get_summary(const hone_tune_result *result, hone_tune_summary *out);
/* Ranked rows first. False past the end. */
HONE_API bool hone_tune_get_row(const hone_tune_result *result, size_t index, hone_tune_row *out);
/* A change made (or, without a file, recommended) of config.yaml; old is "" for a new key. */
HONE_API bool hone_tune_get_change(const hone_tune_result *result, size_t index, const char **key, const char **old,
                                   const char **value);
/* The whole result as JSON, with the stable keys of the documentation; samples stand in the report. */
HONE_API const char *hone_tune_get_json(const hone_tune_result *result);

/* What the child needs from its program: made-up inputs, and the comparison of outputs. */
typedef struct hone_tune_trial_hooks {
    hone_status (*make_input)(const hone_value_info *input, const hone_shape *shape, uint64_t seed, hone_tensor **out,
                              hone_error *error);
    /* Whether `actual` is within tolerance of `expected`; else says why. Raises *max_error. */
    bool (*compare)(const hone_model *model, const hone_tensor *actual, const hone_tensor *expected, double *max_error,
                    char *message, size_t message_size);
    /* For tests: called with the settings before the session is made; may misbehave. NULL: none. */
    void (*before)(const hone_options *options);
} hone_tune_trial_hooks;

/* The child's side: serves trials on file descriptor 3 and returns its exit code. */
HONE_API int hone_tune_trial_main(const hone_tune_trial_hooks *hooks);

/* Sets every key of a session that a configuration file holds, found where the tuner finds and writes it:
 * under `onnx:`, else anywhere in the first document. Keys that are not a session's are left alone.
 * Errors: NOT_FOUND, CONFIG (with file, line and position), IO. */
HONE_API hone_status hone_tune_config_apply(const char *path, hone_options *options, hone_error *error);

/* The store of measurements and of kernel choices (SQLite). A file that is damaged is set aside, one
 * that cannot be written is done without: `warning` (may be NULL) then receives a sentence. */
typedef struct hone_tune_store hone_tune_store;
HONE_API hone_status hone_tune_store_open(const char *path, hone_tune_store **out, char *warning, size_t warning_size,
                                          hone_error *error);
HONE_API void hone_tune_store_close(hone_tune_store *store);
/* For hone_options_set_store: tunable_op_* keep their choices here. */
HONE_API hone_choice_store hone_tune_store_choices(hone_tune_store *store);

#ifdef __cplusplus
}
#endif
#endif
