/* Whole transfers over file descriptors: files, pipes, sockets. */
#ifndef HONE_BASE_FILE_IO_H
#define HONE_BASE_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all bytes, through interruptions and short writes; false with errno set when the other end takes no more. */
bool hone__write_all(int fd, const void *data, size_t size);
/* Reads exactly `size` bytes; false at an early end, or with errno set. */
bool hone__read_all(int fd, void *data, size_t size);

#endif
