/* TensorProto and SparseTensorProto to hone_tensor, with external data.
 *
 * Data are borrowed from the mapping whenever the representation allows it. `raw_data` in a file may
 * begin at any address; HONE_ONNX_ALIGN copies what is not aligned for its type, otherwise only small
 * tensors are copied (HONE_ONNX_SMALL) and large ones stay views that may be unaligned: weights of a
 * model are not touched until a session packs or aligns them. */
#ifndef HONE_ONNX_ONNX_TENSOR_H
#define HONE_ONNX_ONNX_TENSOR_H

#include "base/mapping.h"
#include "base/tensor.h"
#include "onnx/onnx_messages.h"

/* Largest tensor that is copied at once, in bytes: a view would keep its page of the file, and 15 around it, resident.
 */
enum { HONE_ONNX_SMALL = 16 << 10 };
enum { HONE_ONNX_ALIGN = 1 << 0 };

/* External files, each mapped once. */
typedef struct hone__external_file {
    struct hone__external_file *next;
    hone__mapping mapping;
    char location[]; /* as in the model */
} hone__external_file;

/* Where tensors come from. */
typedef struct hone__onnx_source {
    const uint8_t *base; /* first byte of the file, for positions */
    const char *path;    /* for messages; may be "" */
    /* Real paths of the folders in which external data may lie: that of the model's path and that of
     * the file it resolves to. NULL: external data are refused. */
    char *folder, *real_folder;
    hone__external_file *files;
} hone__onnx_source;

/* base_dir NULL: the folder of `path` (also NULL: external data are refused). */
hone_status hone__onnx_source_init(hone__onnx_source *source, const uint8_t *base, const char *path,
                                   const char *base_dir, hone_error *error);
void hone__onnx_source_deinit(hone__onnx_source *source);

/* Bytes of an external tensor: `expected` of them, or all from the offset on when the tensor states
 * no length. Checks the location against the folders. */
hone_status hone__onnx_external(hone__onnx_source *source, const hone__tensor_proto *tensor, size_t expected,
                                hone__pb_bytes *out, hone_error *error);

hone_status hone__onnx_tensor_create(const hone__tensor_proto *tensor, hone__onnx_source *source, unsigned flags,
                                     hone_tensor **out, hone_error *error);
/* Made dense; refused beyond a bound that grows with the stored values. */
hone_status hone__onnx_sparse_create(const hone__sparse_proto *sparse, hone__onnx_source *source, hone_tensor **out,
                                     hone_error *error);

/* Fills a TensorProto that refers to the tensor's data (strings are copied into the arena as views). */
hone_status hone__onnx_tensor_fill(const hone_tensor *tensor, hone__arena *arena, hone__tensor_proto *out,
                                   hone_error *error);

#endif
