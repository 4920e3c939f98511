/* NumPy's files: .npy arrays and .npz archives of them (numpy/lib/format.py describes version 1 to 3). */
#ifndef HONE_CLI_CLI_NPY_H
#define HONE_CLI_CLI_NPY_H

#include <hone/hone.h>

/* The array, in row-major order and this machine's byte order whatever the file has. Errors: IO, and
 * CONFIG for a file that is damaged or holds Python objects. */
hone_status hone__npy_read(const char *path, hone_tensor **out, hone_error *error);
hone_status hone__npy_parse(const unsigned char *data, size_t size, const char *path, hone_tensor **out,
                            hone_error *error);

/* The array `name` of an archive, or its only one. */
hone_status hone__npz_read(const char *path, const char *name, hone_tensor **out, hone_error *error);

/* Writes a tensor (not a container). Types that NumPy lacks: bfloat16, float8 and the like are written as raw
 * bytes (V2, V1), four- and two-bit integers as int8 or uint8. */
hone_status hone__npy_write(const char *path, const hone_tensor *tensor, hone_error *error);

#endif
