/* Inputs for a run: shapes with their symbols resolved, and made-up data. */
#ifndef HONE_CLI_CLI_INPUTS_H
#define HONE_CLI_CLI_INPUTS_H

#include "cli/cli_args.h"

#include <hone/hone.h>

/* A model's input shapes with every dimension known. */
typedef struct hone__input_shapes {
    hone_shape *shapes; /* [n], in the order of the model's inputs; names are the model's */
    size_t n;
    size_t n_assumed; /* symbols that nobody gave and that became 1 */
} hone__input_shapes;

/* Resolves the shapes: `texts` ("NAME=1x3x640x640") first, whose dims also settle the symbols they
 * meet; then batch (0: not given) for the first dimension of inputs where that is a symbol; then 1.
 * Errors: ARGUMENT, NOT_FOUND, SHAPE. */
hone_status hone__inputs_resolve(const hone_model *model, const hone__cli_texts *texts, int64_t batch,
                                 hone__input_shapes *out, hone_error *error);
void hone__inputs_release(hone__input_shapes *shapes);

/* Made-up data: the same seed, name, dtype and shape give the same values. Floating-point values lie in [0, 1);
 * integers are small, so that they can be token ids or indices: 0 or 1, up to 9 for names that speak of ids; masks are
 * all 1, positions count up; uint8 and int8 use their whole range. */
hone_status hone__inputs_random(const hone_value_info *input, const hone_shape *shape, uint64_t seed, hone_tensor **out,
                                hone_error *error);

#endif
