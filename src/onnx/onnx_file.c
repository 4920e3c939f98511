/* Output files; see onnx_file.h. */
#include "onnx/onnx_file.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static hone_status fail_io(hone_error *error, const char *what, const char *path) {
    int code = errno;
    hone__fail(error, HONE_ERROR_IO, "cannot %s %s: %s", what, path, strerror(code));
    hone__error_file(error, path, -1);
    hone__error_hint(error, code == ENOSPC ? "free some disk space" : "check the folder and its permissions");
    return HONE_ERROR_IO;
}

static void destroy(hone__out_file *file) {
    if (file->fd >= 0)
        close(file->fd);
    hone__free(file->path);
    hone__free(file->temporary);
    hone__free(file);
}

hone_status hone__out_file_create(const char *path, hone__out_file **out, hone_error *error) {
    *out = NULL;
    hone__out_file *file = hone__calloc(1, sizeof *file);
    if (!file)
        return hone__fail_memory(error, "a file");
    size_t n = strlen(path);
    file->fd = -1;
    file->path = hone__strdup(path);
    file->temporary = hone__malloc(n + 8);
    if (!file->path || !file->temporary) {
        destroy(file);
        return hone__fail_memory(error, "a file");
    }
    memcpy(file->temporary, path, n);
    memcpy(file->temporary + n, ".XXXXXX", 8);
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd < 0) {
        hone_status status = fail_io(error, "create", path);
        destroy(file);
        return status;
    }
    /* mkostemp makes files private; a new file gets the usual permissions. */
    mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(file->fd, 0666 & ~mask);
    *out = file;
    return HONE_OK;
}

static hone_status write_all(hone__out_file *file, const unsigned char *data, size_t size, hone_error *error) {
    while (size) {
        ssize_t n = write(file->fd, data, hone__min_size(size, (size_t)1 << 30));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_io(error, "write", file->path);
        data += n;
        size -= (size_t)n;
    }
    return HONE_OK;
}

static hone_status flush(hone__out_file *file, hone_error *error) {
    size_t n = file->used;
    file->used = 0;
    return write_all(file, file->buffer, n, error);
}

hone_status hone__out_file_write(void *user, const void *data, size_t size, hone_error *error) {
    hone__out_file *file = user;
    if (size > sizeof file->buffer - file->used)
        HONE_TRY(flush(file, error));
    file->position += size;
    if (size >= sizeof file->buffer)
        return write_all(file, data, size, error);
    memcpy(file->buffer + file->used, data, size);
    file->used += size;
    return HONE_OK;
}

hone_status hone__out_file_pad(hone__out_file *file, size_t alignment, hone_error *error) {
    static const unsigned char g_zeros[4096];
    size_t n = (alignment - file->position % alignment) % alignment;
    return n ? hone__out_file_write(file, g_zeros, n, error) : HONE_OK;
}

hone_status hone__out_file_commit(hone__out_file *file, hone_error *error) {
    hone_status status = flush(file, error);
    if (status == HONE_OK && fsync(file->fd) != 0 && errno != EINVAL)
        status = fail_io(error, "write", file->path);
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0 && status == HONE_OK)
        status = fail_io(error, "write", file->path);
    if (status == HONE_OK && rename(file->temporary, file->path) != 0)
        status = fail_io(error, "rename to", file->path);
    if (status != HONE_OK)
        (void)unlink(file->temporary);
    destroy(file);
    return status;
}

void hone__out_file_discard(hone__out_file *file) {
    if (!file)
        return;
    (void)unlink(file->temporary);
    destroy(file);
}
