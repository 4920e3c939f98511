/* The inputs of `hone run`: files named by --input, a test-data folder named by --expect, or made up. */
#ifndef HONE_CLI_RUN_INPUTS_H
#define HONE_CLI_RUN_INPUTS_H

#include "cli/cli_image.h"
#include "cli/cli_inputs.h"

/* Tensors by index of the model's input (or output), owned; NULL where there is none. */
typedef struct hone__run_tensors {
    hone_tensor **items; /* [n] */
    size_t n;
} hone__run_tensors;

void hone__run_tensors_release(hone__run_tensors *tensors);

typedef struct hone__run_source {
    const hone__cli_texts *files; /* "NAME=FILE", or "FILE" for an only input */
    const char *expect_dir;       /* or NULL */
    const hone__image_options *image;
    uint64_t seed;
    const hone__input_shapes *shapes; /* for made-up inputs */
} hone__run_source;

hone_status hone__run_inputs(const hone_model *model, const hone__run_source *source, hone__run_tensors *out,
                             hone_error *error);

/* The output_*.pb of a test-data folder; at least one is there. */
hone_status hone__run_expected(const hone_model *model, const char *dir, hone__run_tensors *out, hone_error *error);

#endif
