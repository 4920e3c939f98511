/* What ONNX Runtime's own profile says of its nodes: which operator each became, on which provider its kernel ran,
 * how long it took. */
#ifndef HONE_EXEC_ORT_PROFILE_H
#define HONE_EXEC_ORT_PROFILE_H

#include "base/arena.h"

#include <hone/status.h>
#include <stdbool.h>

typedef struct hone__ort_node {
    const char *name, *op, *provider;
    double time_ms;                                      /* of the last run in the profile */
    double activation_size, parameter_size, output_size; /* bytes */
} hone__ort_node;

typedef struct hone__ort_profile {
    hone__arena arena;     /* of the texts and the table */
    hone__ort_node *nodes; /* in the order of their first run */
    size_t n;
} hone__ort_profile;

/* Reads the file's events of category "Node". Errors: IO, MODEL (not a profile), MEMORY. */
hone_status hone__ort_profile_read(const char *path, hone__ort_profile *out, hone_error *error);
void hone__ort_profile_deinit(hone__ort_profile *profile);

#endif
