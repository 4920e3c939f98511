/* Tensor files of the ONNX project's test data: TensorProto, SequenceProto, OptionalProto and
 * MapProto (onnx.proto, onnx-data.proto), one value per .pb file. */
#ifndef HONE_ONNX_DATA_H
#define HONE_ONNX_DATA_H

#include <hone/status.h>
#include <hone/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The file does not say which message it holds; a model's input or output type does. HONE_PB_ANY
 * tries tensor, sequence, optional and map in this order and takes the first that fits exactly. */
enum { HONE_PB_ANY = -1 };

/* As hone_tensor_load (hone/tensor.h), which takes the kind: reads one value with memory of its own. `expected` is a
 * hone_kind or HONE_PB_ANY. `name` (may be NULL) receives the value's name, cut to name_size. Errors: IO, MODEL (with
 * file position), LIMIT. */
HONE_API hone_status hone_tensor_read_pb(const char *path, int expected, char *name, size_t name_size,
                                         hone_tensor **out, hone_error *error);

/* Writes one value; `name` may be NULL. The file appears complete or not at all. */
HONE_API hone_status hone_tensor_write_pb(const char *path, const hone_tensor *tensor, const char *name,
                                          hone_error *error);

#ifdef __cplusplus
}
#endif
#endif
