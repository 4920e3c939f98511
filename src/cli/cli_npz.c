/* NumPy's .npz archives: ZIP files of .npy members, stored or deflated (PKWARE's APPNOTE 6.3, sections
 * 4.3.7 to 4.3.16; sizes beyond 4 GB by the ZIP64 extra field). */
#include "cli/cli_npy.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/mapping.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, STORED = 0, DEFLATED = 8 };

typedef struct member {
    const char *name;
    size_t name_size;
    unsigned method, flags;
    uint32_t crc;
    uint64_t packed, size, offset;
} member;

static hone_status fail_archive(const char *path, hone_error *error, const char *what) {
    hone__fail(error, HONE_ERROR_CONFIG, "\"%s\" is not a usable .npz archive: %s", path, what);
    hone__error_file(error, path, -1);
    hone__error_hint(error, "write it with numpy.savez or numpy.savez_compressed");
    return HONE_ERROR_CONFIG;
}

static uint64_t load(const unsigned char *p, int n) {
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* Where the list of members begins and how many there are. */
static bool find_directory(const hone__mapping *file, uint64_t *offset, uint64_t *n) {
    if (file->size < END_SIZE)
        return false;
    size_t lowest = file->size > END_SIZE + 65535 ? file->size - END_SIZE - 65535 : 0;
    for (size_t at = file->size - END_SIZE + 1; at-- > lowest;) {
        const unsigned char *p = file->data + at;
        if (memcmp(p, "PK\5\6", 4) != 0)
            continue;
        *n = load(p + 10, 2);
        *offset = load(p + 16, 4);
        /* ZIP64: a locator stands right before, and leads to a larger record. */
        if ((*n == 0xFFFF || *offset == 0xFFFFFFFF) && at >= 20 && !memcmp(p - 20, "PK\6\7", 4)) {
            uint64_t record = load(p - 20 + 8, 8);
            if (record > file->size || file->size - record < 56 || memcmp(file->data + record, "PK\6\6", 4) != 0)
                return false;
            *n = load(file->data + record + 32, 8);
            *offset = load(file->data + record + 48, 8);
        }
        return true;
    }
    return false;
}

static void read_zip64(const unsigned char *extra, size_t size, member *m) {
    while (size >= 4) {
        size_t id = load(extra, 2), length = load(extra + 2, 2);
        if (length > size - 4)
            return;
        if (id == 1) {
            const unsigned char *p = extra + 4, *end = p + length;
            uint64_t *const fields[] = {&m->size, &m->packed, &m->offset};
            for (int i = 0; i < 3; i++)
                if (*fields[i] == 0xFFFFFFFF && end - p >= 8) {
                    *fields[i] = load(p, 8);
                    p += 8;
                }
        }
        extra += 4 + length;
        size -= 4 + length;
    }
}

/* The member at *at of the directory; moves on to the next. */
static bool next_member(const hone__mapping *file, uint64_t *at, member *m) {
    if (*at > file->size || file->size - *at < CENTRAL_SIZE || memcmp(file->data + *at, "PK\1\2", 4) != 0)
        return false;
    const unsigned char *p = file->data + *at;
    size_t name = load(p + 28, 2), extra = load(p + 30, 2), comment = load(p + 32, 2);
    if (file->size - *at - CENTRAL_SIZE < name + extra + comment)
        return false;
    m->flags = (unsigned)load(p + 8, 2);
    m->method = (unsigned)load(p + 10, 2);
    m->crc = (uint32_t)load(p + 16, 4);
    m->packed = load(p + 20, 4);
    m->size = load(p + 24, 4);
    m->offset = load(p + 42, 4);
    m->name = (const char *)p + CENTRAL_SIZE;
    m->name_size = name;
    read_zip64(p + CENTRAL_SIZE + name, extra, m);
    *at += CENTRAL_SIZE + name + extra + comment;
    return true;
}

static bool is_named(const member *m, const char *name) {
    size_t n = strlen(name), bare = m->name_size;
    if (bare > 4 && !memcmp(m->name + bare - 4, ".npy", 4))
        bare -= 4;
    return (n == bare || n == m->name_size) && !memcmp(m->name, name, n);
}

static hone_status inflate_member(const unsigned char *data, const member *m, const char *path, unsigned char **out,
                                  hone_error *error) {
    /* Deflate packs at most 1032 : 1, so a larger claim is a lie that would cost memory. */
    if (m->size / 1032 > m->packed + 1 || m->packed > UINT32_MAX || m->size > UINT32_MAX)
        return fail_archive(path, error, "a member's sizes do not fit together");
    *out = hone__malloc((size_t)m->size);
    if (!*out)
        return hone__fail_memory(error, "an unpacked array");
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data,
                       .avail_in = (uInt)m->packed,
                       .next_out = *out,
                       .avail_out = (uInt)m->size};
    bool ok = inflateInit2(&stream, -MAX_WBITS) == Z_OK;
    if (ok) {
        ok = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == m->size;
        inflateEnd(&stream);
    }
    if (ok)
        return HONE_OK;
    hone__free(*out);
    *out = NULL;
    return fail_archive(path, error, "a member is damaged");
}

static uint32_t checksum(const unsigned char *data, size_t size) {
    uLong crc = crc32(0, NULL, 0);
    while (size) {
        uInt part = size > 1u << 30 ? 1u << 30 : (uInt)size;
        crc = crc32(crc, data, part);
        data += part;
        size -= part;
    }
    return (uint32_t)crc;
}

static hone_status read_member(const hone__mapping *file, const member *m, const char *path, hone_tensor **out,
                               hone_error *error) {
    if (m->flags & 1)
        return fail_archive(path, error, "it is encrypted");
    if (m->offset > file->size || file->size - m->offset < LOCAL_SIZE ||
        memcmp(file->data + m->offset, "PK\3\4", 4) != 0)
        return fail_archive(path, error, "a member lies outside of the file");
    const unsigned char *p = file->data + m->offset;
    size_t left = file->size - m->offset, head = LOCAL_SIZE + load(p + 26, 2) + load(p + 28, 2);
    if (head > left || m->packed > left - head)
        return fail_archive(path, error, "a member is cut off");
    const unsigned char *data = p + head;
    unsigned char *unpacked = NULL;
    if (m->method == DEFLATED) {
        HONE_TRY(inflate_member(data, m, path, &unpacked, error));
        data = unpacked;
    } else if (m->method != STORED || m->size != m->packed) {
        return fail_archive(path, error, "a member is packed in a way that NumPy does not use");
    }
    hone_status status = checksum(data, (size_t)m->size) == m->crc
                             ? hone__npy_parse(data, (size_t)m->size, path, out, error)
                             : fail_archive(path, error, "a member's checksum is wrong");
    hone__free(unpacked);
    return status;
}

hone_status hone__npz_read(const char *path, const char *name, hone_tensor **out, hone_error *error) {
    *out = NULL;
    hone__mapping file;
    HONE_TRY(hone__mapping_open(path, &file, error));
    uint64_t at = 0, n = 0;
    member m = {0}, found = {0};
    hone_status status = HONE_OK;
    bool is_found = false;
    if (!find_directory(&file, &at, &n))
        status = fail_archive(path, error, "it has no ZIP directory");
    for (uint64_t i = 0; i < n && status == HONE_OK && !is_found; i++) {
        if (!next_member(&file, &at, &m))
            status = fail_archive(path, error, "its ZIP directory is damaged");
        else if (n == 1 || is_named(&m, name)) {
            found = m;
            is_found = true;
        }
    }
    if (status == HONE_OK && !is_found) {
        status = hone__fail(error, HONE_ERROR_NOT_FOUND, "\"%s\" holds no array \"%s\"", path, name);
        hone__error_file(error, path, -1);
        hone__error_hint(error, "name the array as the model's input: numpy.savez(file, %s=array)", name);
    }
    if (status == HONE_OK)
        status = read_member(&file, &found, path, out, error);
    hone__mapping_close(&file);
    return status;
}
