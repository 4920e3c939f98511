/* Options: the keys of a session, by the names and values that ONNX Runtime users know
 * ("intra_op_num_threads" = "2"). One table declares them; the session, the tuner, the
 * configuration file and the documentation read the same rows. */
#ifndef HONE_OPTIONS_H
#define HONE_OPTIONS_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hone_option_type {
    HONE_OPTION_BOOL,   /* "true" or "false" (also 1/0, yes/no, on/off) */
    HONE_OPTION_INT,    /* decimal, >= 0 */
    HONE_OPTION_NUMBER, /* decimal fraction, >= 0; empty: none */
    HONE_OPTION_CHOICE, /* one of `choices` */
    HONE_OPTION_LIST,   /* names separated by commas */
    HONE_OPTION_TEXT
} hone_option_type;

/* What a key does on a backend. */
typedef enum hone_option_effect { HONE_EFFECT_NONE, HONE_EFFECT_SAME } hone_option_effect;

typedef struct hone_option_info {
    const char *key;
    hone_option_type type;
    const char *default_value;
    const char *const *choices; /* NULL-terminated, or NULL */
    hone_option_effect on_cpu, on_cuda, on_onnxruntime;
    const char *help; /* one sentence */
} hone_option_info;

HONE_API size_t hone_option_count(void);
HONE_API const hone_option_info *hone_option_get_info(size_t index);     /* NULL past the end */
HONE_API const hone_option_info *hone_option_find_info(const char *key); /* NULL if unknown */

/* Whether this library was built with a backend ("cpu", "onnxruntime"); its device or library may still be missing. */
HONE_API bool hone_backend_is_built(const char *name);

typedef struct hone_options hone_options;

/* All keys at their defaults. */
HONE_API hone_status hone_options_create(hone_options **out, hone_error *error);
HONE_API hone_status hone_options_clone(const hone_options *options, hone_options **out, hone_error *error);
HONE_API void hone_options_destroy(hone_options *options);

/* Sets a key. Errors: NOT_FOUND (unknown key: the message names the nearest known one), CONFIG
 * (the value: the message lists what is allowed). */
HONE_API hone_status hone_options_set(hone_options *options, const char *key, const char *value, hone_error *error);
/* A key with a dot ("session.disable_prepacking") is a configuration entry of ONNX Runtime: it goes through as it is,
 * and the backend onnxruntime refuses one that its library does not know. */

/* The value of a key in its normal form ("true", "2", "HEURISTIC"); NULL if unknown. Borrowed
 * until the next set of the same key. */
HONE_API const char *hone_options_get(const hone_options *options, const char *key);
HONE_API bool hone_options_is_set(const hone_options *options, const char *key); /* explicitly set */

/* The keys that were set, in no particular order. */
HONE_API size_t hone_options_set_count(const hone_options *options);
HONE_API const char *hone_options_get_set(const hone_options *options, size_t index); /* a key; NULL past the end */

/* A store of choices that tuning made (tunable_op_enable, tunable_op_tuning_enable), kept by the
 * caller, who must let it outlive the sessions. Keys and values are short texts. Both functions may be
 * called from any thread. `get` copies into value[size] and returns false when the key is absent. */
typedef struct hone_choice_store {
    void *user;
    bool (*get)(void *user, const char *key, char *value, size_t size);
    void (*put)(void *user, const char *key, const char *value);
} hone_choice_store;
HONE_API void hone_options_set_store(hone_options *options, const hone_choice_store *store); /* NULL: none */
HONE_API hone_choice_store hone_options_get_store(const hone_options *options);

#ifdef __cplusplus
}
#endif
#endif
