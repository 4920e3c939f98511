/* A file mapped read-only. The size is that at opening; a file that shrinks under a mapping is the
 * system's SIGBUS, which no library can turn into a status, so callers should not edit in place. */
#ifndef HONE_BASE_MAPPING_H
#define HONE_BASE_MAPPING_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct hone__mapping {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
} hone__mapping;

hone_status hone__mapping_open(const char *path, hone__mapping *out, hone_error *error);
/* Brings the pages of a range in at once, rather than by one fault per few pages. Only advice, for any memory. */
void hone__mapping_populate(const void *data, size_t size);
/* Lets go of the pages of a range that is part of the mapping: they count as resident no longer, and come back from
 * the file when they are read again. False, with nothing done, when the range is not part of it. */
bool hone__mapping_drop(const hone__mapping *mapping, const void *data, size_t size);
void hone__mapping_close(hone__mapping *mapping);

#endif
