/* External tensor data: finding, checking and mapping the files that hold it; see onnx_tensor.h.
 *
 * A model is an untrusted file, so its `location` may name only files in the model's own folder:
 * absolute paths, ".." and symbolic links that lead out are refused. (Caches that keep every file as
 * a link into one store work: there the model's own link leads to the same folder.) */
#include "onnx/onnx_tensor.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* realpath in memory of our own; NULL with errno. */
static char *resolve(const char *path) {
    char *real = realpath(path, NULL);
    if (!real)
        return NULL;
    char *copy = hone__strdup(real);
    free(real);
    if (!copy)
        errno = ENOMEM;
    return copy;
}

/* The folder of a path: "a/b.onnx" -> "a", "b.onnx" -> ".". Edits the string. */
static char *folder_of(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash)
        strcpy(path, path[0] ? "." : "");
    else
        slash[slash == path] = '\0';
    return path;
}

hone_status hone__onnx_source_init(hone__onnx_source *source, const uint8_t *base, const char *path,
                                   const char *base_dir, hone_error *error) {
    memset(source, 0, sizeof *source);
    source->base = base;
    source->path = path ? path : "";
    if (base_dir) {
        source->folder = resolve(base_dir);
        if (!source->folder && errno != ENOMEM) {
            hone__fail(error, HONE_ERROR_IO, "the folder for external data, %s, cannot be found: %s", base_dir,
                       strerror(errno));
            return HONE_ERROR_IO;
        }
    } else if (path) {
        size_t n;
        char *copy;
        if (!hone__add_size(strlen(path), 2, &n) || !(copy = hone__malloc(n)))
            return hone__fail_memory(error, "a path");
        strcpy(copy, path);
        source->folder = resolve(folder_of(copy));
        hone__free(copy);
        source->real_folder = resolve(path);
        if (source->real_folder)
            folder_of(source->real_folder);
    } else {
        return HONE_OK;
    }
    if (!source->folder) {
        hone__onnx_source_deinit(source);
        return hone__fail_memory(error, "a path");
    }
    return HONE_OK;
}

void hone__onnx_source_deinit(hone__onnx_source *source) {
    while (source->files) {
        hone__external_file *next = source->files->next;
        hone__mapping_close(&source->files->mapping);
        hone__free(source->files);
        source->files = next;
    }
    hone__free(source->folder);
    hone__free(source->real_folder);
    source->folder = source->real_folder = NULL;
}

typedef struct external {
    hone__pb_bytes location;
    size_t offset, length;
    bool has_length;
} external;

static hone_status fail_external(const hone__onnx_source *source, const hone__tensor_proto *tensor, hone_status status,
                                 hone_error *error, const char *hint, const char *reason) {
    hone__fail(error, status, "external data of tensor \"%.*s\": %s", (int)hone__min_size(tensor->name.size, 120),
               tensor->name.size ? (const char *)tensor->name.data : "", reason);
    if (source->base && tensor->head.body.data)
        hone__error_file(error, source->path, (int64_t)(tensor->head.body.data - source->base));
    hone__error_hint(error, "%s", hint);
    return status;
}

static bool parse_size(hone__pb_bytes text, size_t *out) {
    size_t value = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || !hone__mul_size(value, 10, &value) ||
            !hone__add_size(value, (size_t)(text.data[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

/* True when a path part is "..", or the path is absolute, empty or holds a NUL. */
static bool is_unsafe(hone__pb_bytes location) {
    if (location.size == 0 || location.data[0] == '/' || memchr(location.data, 0, location.size))
        return true;
    size_t begin = 0;
    for (size_t i = 0; i <= location.size; i++)
        if (i == location.size || location.data[i] == '/') {
            if (i - begin == 2 && location.data[begin] == '.' && location.data[begin + 1] == '.')
                return true;
            begin = i + 1;
        }
    return false;
}

static hone_status read_entries(const hone__onnx_source *source, const hone__tensor_proto *tensor, external *out,
                                hone_error *error) {
    static const char *const hint = "write the external data again (for example with onnx.save_model)";
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < tensor->external_data.n; i++) {
        const hone__entry_proto *entry = &tensor->external_data.items[i];
        if (hone__pb_is(entry->key, "location"))
            out->location = entry->value;
        else if (hone__pb_is(entry->key, "offset")) {
            if (!parse_size(entry->value, &out->offset))
                return fail_external(source, tensor, HONE_ERROR_MODEL, error, hint, "its offset is not a number");
        } else if (hone__pb_is(entry->key, "length")) {
            if (!parse_size(entry->value, &out->length))
                return fail_external(source, tensor, HONE_ERROR_MODEL, error, hint, "its length is not a number");
            out->has_length = true;
        }
    }
    if (!out->location.data || out->location.size == 0)
        return fail_external(source, tensor, HONE_ERROR_MODEL, error, hint, "it has no location");
    if (!is_unsafe(out->location))
        return HONE_OK;
    char reason[320];
    snprintf(reason, sizeof reason, "its location \"%.*s\" leaves the model's folder",
             (int)hone__min_size(out->location.size, 200), (const char *)out->location.data);
    return fail_external(source, tensor, HONE_ERROR_MODEL, error,
                         "only files in the model's folder may be named: move the data there", reason);
}

static bool is_inside(const char *path, const char *folder) {
    size_t n = folder ? strlen(folder) : 0;
    if (n == 0 || strncmp(path, folder, n) != 0)
        return false;
    return folder[n - 1] == '/' || path[n] == '/';
}

/* Maps the file once. */
static hone_status open_file(hone__onnx_source *source, const hone__tensor_proto *tensor, hone__pb_bytes location,
                             hone__external_file **out, hone_error *error) {
    for (hone__external_file *file = source->files; file; file = file->next)
        if (hone__pb_is(location, file->location)) {
            *out = file;
            return HONE_OK;
        }
    char path[PATH_MAX], reason[400];
    int n = snprintf(path, sizeof path, "%s/%.*s", source->folder, (int)location.size, (const char *)location.data);
    char *real = n > 0 && (size_t)n < sizeof path ? resolve(path) : NULL;
    if (!real) {
        int code = n > 0 && (size_t)n < sizeof path ? errno : ENAMETOOLONG;
        snprintf(reason, sizeof reason, "the file %.200s cannot be opened: %s", path, strerror(code));
        return fail_external(source, tensor, code == ENOMEM ? HONE_ERROR_MEMORY : HONE_ERROR_IO, error,
                             "put the data file beside the model", reason);
    }
    hone_status status = HONE_OK;
    hone__external_file *file = NULL;
    if (!is_inside(real, source->folder) && !is_inside(real, source->real_folder)) {
        snprintf(reason, sizeof reason, "the file %.200s is a link that leaves the model's folder", path);
        status = fail_external(source, tensor, HONE_ERROR_MODEL, error,
                               "only files in the model's folder may be named: move the data there", reason);
        goto cleanup;
    }
    file = hone__calloc(1, sizeof *file + location.size + 1);
    if (!file) {
        status = hone__fail_memory(error, "an external file");
        goto cleanup;
    }
    memcpy(file->location, location.data, location.size);
    HONE_CHECK(hone__mapping_open(real, &file->mapping, error));
    file->next = source->files;
    source->files = file;
    *out = file;
    file = NULL;
cleanup:
    hone__free(file);
    hone__free(real);
    return status;
}

hone_status hone__onnx_external(hone__onnx_source *source, const hone__tensor_proto *tensor, size_t expected,
                                hone__pb_bytes *out, hone_error *error) {
    external ext;
    char reason[400];
    HONE_TRY(read_entries(source, tensor, &ext, error));
    if (!source->folder)
        return fail_external(source, tensor, HONE_ERROR_MODEL, error, "open the model by path, or give base_dir",
                             "the model was opened from memory without a folder to look for it");
    hone__external_file *file;
    HONE_TRY(open_file(source, tensor, ext.location, &file, error));
    size_t end;
    if (ext.has_length && ext.length != expected) {
        snprintf(reason, sizeof reason, "its length is %zu bytes, the shape needs %zu", ext.length, expected);
        return fail_external(source, tensor, HONE_ERROR_MODEL, error, "write the external data again", reason);
    }
    if (!hone__add_size(ext.offset, expected, &end) || end > file->mapping.size) {
        snprintf(reason, sizeof reason, "the file %.200s has %zu bytes, but %zu are needed from position %zu",
                 file->location, file->mapping.size, expected, ext.offset);
        return fail_external(source, tensor, HONE_ERROR_MODEL, error, "the file is truncated: fetch it again", reason);
    }
    out->data = file->mapping.data ? file->mapping.data + ext.offset : NULL;
    out->size = expected;
    return HONE_OK;
}
