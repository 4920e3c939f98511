/* Values (tensors, sequences, optionals) as a stream of bytes between processes of the same program on one machine: the
 * format is the memory's. */
#ifndef HONE_BASE_TENSOR_STREAM_H
#define HONE_BASE_TENSOR_STREAM_H

#include <hone/tensor.h>
#include <stdbool.h>

/* Writes a value to a descriptor; false with errno set when it takes no more. */
bool hone__tensor_send(int fd, const hone_tensor *tensor);

/* Gives the next `size` bytes of a stream; false at its end. */
typedef bool (*hone__take_bytes)(void *user, void *data, size_t size);
/* The next value, owned by the caller. INTERNAL when the stream ends early or holds no value. error may be NULL. */
hone_status hone__tensor_receive(hone__take_bytes take, void *user, hone_tensor **out, hone_error *error);

#endif
