/* The default's outputs, kept in an anonymous file that the parent hands to every child, and the
 * agreement with them. */
#ifndef HONE_TUNE_TRIAL_REFERENCE_H
#define HONE_TUNE_TRIAL_REFERENCE_H

#include <hone/tensor.h>

hone_status hone__reference_write(int fd, const hone_tensor *tensor, hone_error *error);

/* Reads tensors one after another from a mapped file. */
typedef struct hone__reference_reader {
    const unsigned char *data;
    size_t size, at;
} hone__reference_reader;
hone_status hone__reference_read(hone__reference_reader *reader, hone_tensor **out, hone_error *error);

/* Agreement in 0..1: of [N, classes] the share of rows with the same largest class; of other
 * floating-point tensors the cosine of the two; 1 or 0 for equality of the rest. */
double hone__reference_accuracy(const hone_tensor *actual, const hone_tensor *expected);

#endif
