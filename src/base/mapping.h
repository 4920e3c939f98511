/* A file mapped read-only. The size is that at opening; a file that shrinks under a mapping is the
 * system's SIGBUS, which no library can turn into a status, so callers should not edit in place. */
#ifndef HONE_BASE_MAPPING_H
#define HONE_BASE_MAPPING_H

#include <hone/status.h>
#include <stddef.h>

typedef struct hone__mapping {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
} hone__mapping;

hone_status hone__mapping_open(const char *path, hone__mapping *out, hone_error *error);
void hone__mapping_close(hone__mapping *mapping);

#endif
