/* Running a model against its ONNX test data, for tests. */
#ifndef HONE_TESTS_MODEL_CASE_H
#define HONE_TESTS_MODEL_CASE_H

#include <hone/hone.h>
#include <hone/onnx_data.h>

/* The folder of real models and test data beside the checkout, or NULL: the test then says SKIP. */
const char *shared_folder(void);

/* |a-b| <= atol + rtol*|b| with the defaults of `hone run --expect`: rtol 1e-3, atol 1e-5*max(1, max|b|);
 * 1e-2 and 1e-3*max(1, max|b|) for half-precision types. NaN equals NaN. Writes what differs into message. */
bool values_match(const hone_tensor *got, const hone_tensor *want, char *message, size_t size);

/* Loads inputs input_0.pb.. of a data set, runs, compares with output_0.pb... `options` may be NULL. */
bool run_case(const char *model_path, const char *data_dir, const hone_options *options, char *message, size_t size);

#endif
