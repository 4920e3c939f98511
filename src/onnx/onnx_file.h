/* Writing files: buffered, and complete or not there at all (temporary file, fsync, rename). */
#ifndef HONE_ONNX_ONNX_FILE_H
#define HONE_ONNX_ONNX_FILE_H

#include "onnx/onnx_messages.h"

typedef struct hone__out_file {
    char *path, *temporary;
    int fd;
    size_t position; /* bytes written so far, those in the buffer included */
    size_t used;
    unsigned char buffer[1 << 16];
} hone__out_file;

/* Creates the temporary file beside `path`. */
hone_status hone__out_file_create(const char *path, hone__out_file **out, hone_error *error);
/* A hone__pb_sink's function; user is the file. */
hone_status hone__out_file_write(void *file, const void *data, size_t size, hone_error *error);
/* Zero bytes up to a multiple of `alignment`. */
hone_status hone__out_file_pad(hone__out_file *file, size_t alignment, hone_error *error);
/* Flushes, syncs and gives the file its name. Frees the object, on failure too. */
hone_status hone__out_file_commit(hone__out_file *file, hone_error *error);
/* Removes what was written. NULL is fine. */
void hone__out_file_discard(hone__out_file *file);

/* How a model is written. */
typedef enum hone__external_mode {
    HONE__EXTERNAL_AUTO, /* only when the file would reach 2 GiB, which other readers refuse */
    HONE__EXTERNAL_NEVER,
    HONE__EXTERNAL_ALWAYS
} hone__external_mode;

typedef struct hone__save_options {
    hone__external_mode external;
    size_t threshold; /* bytes from which a tensor goes to the data file; 0: 1024 */
} hone__save_options;

/* Writes a model; external data go to "<path>.data" beside it. Tensors that go there are changed in
 * the messages (their raw_data become a reference); entries are made in `arena`. options NULL: AUTO. */
hone_status hone__onnx_save(hone__model_proto *model, hone__arena *arena, const char *path,
                            const hone__save_options *options, hone_error *error);

#endif
