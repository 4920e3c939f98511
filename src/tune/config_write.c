/* Files replaced as a whole or not at all: what config.yaml, reports and other results of the tuner
 * are written with. A full disk, a read-only folder or a kill -9 leaves the old file as it was. */
#include "tune/config_edit.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file_io.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 16 << 20 };

static hone_status fail_io(hone_error *error, const char *path, const char *what, int code) {
    hone_status status = hone__fail(error, HONE_ERROR_IO, "%s: cannot %s: %s", path, what, strerror(code));
    if (code == ENOSPC || code == EDQUOT)
        hone__error_hint(error, "make room on that disk; the old file is as it was");
    else if (code == EROFS || code == EACCES || code == EPERM)
        hone__error_hint(error,
                         "make the folder writable (the file is replaced by a new one beside it) or name another file");
    hone__error_file(error, path, -1);
    return status;
}

hone_status hone__config_read_file(const char *path, hone__strbuf *out, hone_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 && errno == ENOENT) {
        hone_status status = hone__fail(error, HONE_ERROR_NOT_FOUND, "%s: there is no such file", path);
        hone__error_hint(error, "check the path");
        hone__error_file(error, path, -1);
        return status;
    }
    if (fd < 0)
        return fail_io(error, path, "open it", errno);
    hone_status status = HONE_OK;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        status = hone__fail(error, HONE_ERROR_CONFIG, "%s: not a regular file", path);
        hone__error_file(error, path, -1);
    }
    char chunk[16384];
    for (ssize_t n = 1; status == HONE_OK && n != 0;) {
        n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fail_io(error, path, "read it", errno);
        else
            hone__strbuf_append(out, chunk, (size_t)n);
        if (status == HONE_OK && out->size > MAX_FILE) {
            status =
                hone__fail(error, HONE_ERROR_CONFIG, "%s has more than the 16 MB that a configuration may have", path);
            hone__error_hint(error, "give the program's own settings a file of their own");
            hone__error_file(error, path, -1);
        }
    }
    close(fd);
    if (status == HONE_OK && out->failed)
        status = hone__fail_memory(error, path);
    return status;
}

/* Writes a complete temporary file beside `path`; its name goes to `temp` (unlinked on failure). */
static hone_status write_temp(const char *path, const char *data, size_t size, const struct stat *like, char *temp,
                              hone_error *error) {
    const char *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash - path + 1) : 0;
    if (snprintf(temp, PATH_MAX, "%.*s.%s.hone-XXXXXX", dir, path, slash ? slash + 1 : path) >= PATH_MAX) {
        temp[0] = 0;
        return fail_io(error, path, "make a temporary file beside it", ENAMETOOLONG);
    }
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        int code = errno;
        temp[0] = 0;
        return fail_io(error, path, "make a temporary file beside it", code);
    }
    mode_t mask = umask(0);
    umask(mask);
    int code = 0;
    /* The owner can be kept by root only; a group that cannot be kept is no reason to fail. */
    if (like && (like->st_uid != geteuid() || like->st_gid != getegid()) && fchown(fd, like->st_uid, like->st_gid) &&
        fchown(fd, (uid_t)-1, like->st_gid))
        code = 0;
    if (fchmod(fd, like ? like->st_mode & 07777 : 0666 & ~mask))
        code = errno;
    if (!code && (!hone__write_all(fd, data, size) || fsync(fd)))
        code = errno ? errno : EIO;
    if (close(fd) && !code)
        code = errno;
    if (code) {
        unlink(temp);
        temp[0] = 0;
        return fail_io(error, path, "write it", code);
    }
    return HONE_OK;
}

static void sync_folder(const char *path) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* some file systems cannot; the rename itself is still atomic */
        close(fd);
    }
}

static hone_status check_unchanged(const char *path, const hone__strbuf *before, hone_error *error) {
    hone__strbuf now;
    hone__strbuf_init(&now);
    hone_status status = hone__config_read_file(path, &now, error);
    if (status == HONE_OK &&
        (now.size != before->size || (now.size && memcmp(now.data, before->data, now.size) != 0))) {
        status = hone__fail(error, HONE_ERROR_IO,
                            "%s was changed by somebody else in the meantime; it is left as it is", path);
        hone__error_hint(error, "run the tuner again, or take over the values that the report recommends");
        hone__error_file(error, path, -1);
    }
    hone__strbuf_deinit(&now);
    return status;
}

hone_status hone__config_write_file(const char *path, const hone__strbuf *before, const char *data, size_t size,
                                    hone_error *error) {
    char real[PATH_MAX], temp[PATH_MAX] = "", backup[PATH_MAX], backup_temp[PATH_MAX] = "";
    struct stat st;
    hone_status status = HONE_OK;
    if (!before) {
        HONE_TRY(write_temp(path, data, size, NULL, temp, error));
        /* link() does not replace a file that appeared meanwhile. */
        if (link(temp, path) == 0)
            unlink(temp);
        else if (errno == EEXIST || rename(temp, path)) {
            status = fail_io(error, path, "create it", errno);
            unlink(temp);
        }
        if (status == HONE_OK)
            sync_folder(path);
        return status;
    }
    if (!realpath(path, real) || stat(real, &st))
        return fail_io(error, path, "find it", errno);
    if (snprintf(backup, sizeof backup, "%s.bak", real) >= (int)sizeof backup)
        return fail_io(error, path, "keep a copy beside it", ENAMETOOLONG);
    HONE_TRY(check_unchanged(real, before, error));
    HONE_TRY(write_temp(real, data, size, &st, temp, error));
    HONE_CHECK(write_temp(backup, hone__strbuf_text(before), before->size, &st, backup_temp, error));
    if (rename(backup_temp, backup)) {
        status = fail_io(error, backup, "put it in place", errno);
        goto cleanup;
    }
    backup_temp[0] = 0;
    if (rename(temp, real)) {
        status = fail_io(error, path, "put the new file in place", errno);
        goto cleanup;
    }
    temp[0] = 0;
    sync_folder(real);
cleanup:
    if (temp[0])
        unlink(temp);
    if (backup_temp[0])
        unlink(backup_temp);
    return status;
}

hone_status hone__config_replace_file(const char *path, const char *data, size_t size, hone_error *error) {
    char real[PATH_MAX], temp[PATH_MAX] = "";
    const char *target = realpath(path, real) ? real : path;
    struct stat st;
    bool exists = stat(target, &st) == 0;
    if (exists && !S_ISREG(st.st_mode))
        return fail_io(error, path, "replace it", EEXIST);
    HONE_TRY(write_temp(target, data, size, exists ? &st : NULL, temp, error));
    if (rename(temp, target) == 0)
        return HONE_OK;
    int code = errno;
    unlink(temp);
    return fail_io(error, path, "put it in place", code);
}

hone_status hone__config_check_writable(const char *path, hone_error *error) {
    char real[PATH_MAX], temp[PATH_MAX] = "";
    bool exists = realpath(path, real) != NULL;
    if (!exists && errno != ENOENT)
        return fail_io(error, path, "find it", errno);
    HONE_TRY(write_temp(exists ? real : path, "", 0, NULL, temp, error));
    unlink(temp);
    return HONE_OK;
}
