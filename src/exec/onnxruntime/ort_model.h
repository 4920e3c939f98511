/* The inside of the backend onnxruntime: a model is an OrtSession over the model as it stands in its file, a plan
 * the output shapes of one input signature, a context the arguments of one request. */
#ifndef HONE_EXEC_ORT_MODEL_H
#define HONE_EXEC_ORT_MODEL_H

#include "exec/onnxruntime/ort_library.h"
#include "exec/onnxruntime/ort_profile.h"

#include <pthread.h>
#include <stdatomic.h>

struct hone__exec_model {
    const hone__ort_library *library;
    const hone__graph *graph; /* borrowed: names, kinds and shapes of inputs and outputs */
    const hone_model *source; /* borrowed: the file */
    OrtSessionOptions *options;
    OrtSession *session;
    OrtMemoryInfo *memory; /* describes plain CPU memory */
    char *providers;       /* those of the session, in order, separated by commas */
    const char **input_names, **output_names;
    pthread_mutex_t lock; /* of the profile */
    bool has_profile;
    hone__ort_profile profile; /* of a twin session, made at the first profiled run; see ort_survey.c */
};

/* Where the shapes of a plan's outputs come from: inference over our own graph, which is made at the second run (so
 * that it does not count as ONNX Runtime's start-up) and then published. */
typedef enum hone__ort_knowledge { HONE_ORT_FRESH, HONE_ORT_RAN_ONCE, HONE_ORT_READY } hone__ort_knowledge;

struct hone__exec_plan {
    hone__exec_model *model;
    hone_tensor *inputs;  /* [n_inputs]: shapes */
    hone_tensor *outputs; /* [n_outputs]: shapes, where is_known */
    bool *is_known;
    pthread_mutex_t lock;
    atomic_int knowledge;
};

struct hone__exec_context {
    hone__exec_model *model;
    hone__exec_plan *plan;
    OrtValue **inputs, **outputs;
    const hone_tensor **targets; /* [n_outputs]: what is written in place */
};

/* Creates the session from the model's file, or from its bytes when it was opened from memory. */
hone_status hone__ort_create_session(const hone__exec_model *model, const OrtSessionOptions *options, OrtSession **out,
                                     hone_error *error);

/* Learns which node runs on which provider by running these inputs on a twin session that profiles; ort_survey.c. */
hone_status hone__ort_survey(hone__exec_context *context, hone_error *error);

/* Output shapes by inference; ort_plan.c. */
hone_status hone__ort_plan_create(hone__exec_model *model, const hone_tensor *const *inputs, hone__exec_plan **out,
                                  hone_error *error);
void hone__ort_plan_destroy(hone__exec_plan *plan);
const hone_tensor *hone__ort_plan_output(const hone__exec_plan *plan, size_t index);
/* Called before every run: infers at the second. */
void hone__ort_plan_learn(hone__exec_plan *plan);

#endif
