/* Read-only file mappings; see mapping.h. */
#include "base/mapping.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static hone_status fail_io(hone_error *error, const char *path, const char *what) {
    int code = errno;
    hone__fail(error, HONE_ERROR_IO, "cannot %s %s: %s", what, path, strerror(code));
    hone__error_file(error, path, -1);
    hone__error_hint(error, code == ENOENT ? "check the path" : "check the file and its permissions");
    return HONE_ERROR_IO;
}

hone_status hone__mapping_open(const char *path, hone__mapping *out, hone_error *error) {
    out->data = NULL;
    out->size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_io(error, path, "open");
    struct stat info;
    if (fstat(fd, &info) != 0) {
        hone_status status = fail_io(error, path, "examine");
        close(fd);
        return status;
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        hone__fail(error, HONE_ERROR_IO, "%s is %s, not a file", path,
                   S_ISDIR(info.st_mode) ? "a directory" : "a device, pipe or socket");
        hone__error_file(error, path, -1);
        hone__error_hint(error, "give the path of a regular file");
        return HONE_ERROR_IO;
    }
    if (info.st_size > 0) {
        void *p = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            hone_status status = fail_io(error, path, "map");
            close(fd);
            return status;
        }
        out->data = p;
        out->size = (size_t)info.st_size;
    }
    close(fd);
    return HONE_OK;
}

/* Whole pages from the one that holds the first byte up to the one that holds the end: a neighbour's bytes on the first
 * page come back by a fault, the last page goes with the next range. */
static bool pages_of(const void *data, size_t size, uintptr_t *begin, size_t *length) {
    const uintptr_t page = 4096, first = (uintptr_t)data & ~(page - 1), end = ((uintptr_t)data + size) & ~(page - 1);
    *begin = first;
    *length = end - first;
    return end > first;
}

void hone__mapping_populate(const void *data, size_t size) {
#ifdef MADV_POPULATE_READ
    uintptr_t begin;
    size_t length;
    if (pages_of(data, size, &begin, &length))
        (void)madvise((void *)begin, length, MADV_POPULATE_READ);
#else
    (void)data;
    (void)size;
#endif
}

bool hone__mapping_drop(const hone__mapping *mapping, const void *data, size_t size) {
    const unsigned char *p = data;
    uintptr_t begin;
    size_t length;
    if (!mapping->data || p < mapping->data || size > mapping->size ||
        (size_t)(p - mapping->data) > mapping->size - size)
        return false;
    if (pages_of(data, size, &begin, &length))
        (void)madvise((void *)begin, length, MADV_DONTNEED);
    return true;
}

void hone__mapping_close(hone__mapping *mapping) {
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, mapping->size);
    mapping->data = NULL;
    mapping->size = 0;
}
