/* NumPy's .npy files; see cli_npy.h. */
#include "cli/cli_npy.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mapping.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct npy_header {
    char byte_order, kind; /* '<', '>', '|', '='; 'f', 'i', 'u', 'b', 'c', 'U', 'S', 'V' */
    int64_t item_size;     /* bytes; of U: characters */
    bool is_fortran;
    int rank;
    int64_t dims[HONE_MAX_RANK];
} npy_header;

static hone_status fail_format(const char *path, hone_error *error, const char *what) {
    hone__fail(error, HONE_ERROR_CONFIG, "\"%s\" is not a usable .npy array: %s", path, what);
    hone__error_file(error, path, -1);
    hone__error_hint(error, "write it with numpy.save(file, array), without Python objects");
    return HONE_ERROR_CONFIG;
}

/* The text after 'key': in the header's Python literal. */
static const char *find_key(const char *text, const char *key) {
    const char *p = strstr(text, key);
    if (!p)
        return NULL;
    p += strlen(key);
    while (isspace((unsigned char)*p))
        p++;
    if (*p != ':')
        return NULL;
    p++;
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

static bool parse_header(const char *text, npy_header *h) {
    const char *descr = find_key(text, "'descr'"), *order = find_key(text, "'fortran_order'"),
               *shape = find_key(text, "'shape'");
    if (!descr || !order || !shape || *descr != '\'' || *shape != '(')
        return false;
    descr++;
    h->byte_order = strchr("<>|=", *descr) && *descr ? *descr++ : '=';
    h->kind = *descr ? *descr++ : 0;
    char *end;
    errno = 0;
    h->item_size = strtoll(descr, &end, 10);
    if (errno || *end != '\'' || h->item_size < 0 || (end == descr && h->kind != 'O'))
        return false;
    h->is_fortran = !strncmp(order, "True", 4);
    if (!h->is_fortran && strncmp(order, "False", 5) != 0)
        return false;
    h->rank = 0;
    for (const char *p = shape + 1;;) {
        p += strspn(p, " ,");
        if (*p == ')')
            return true;
        long long dim = strtoll(p, &end, 10);
        if (end == p || errno || dim < 0 || h->rank == HONE_MAX_RANK)
            return false;
        h->dims[h->rank++] = dim;
        p = end + (*end == 'L');
    }
}

static hone_dtype header_dtype(const npy_header *h) {
    static const struct {
        char kind;
        int size;
        hone_dtype dtype;
    } rows[] = {
        {'f', 2, HONE_DTYPE_FLOAT16},   {'f', 4, HONE_DTYPE_FLOAT},
        {'f', 8, HONE_DTYPE_DOUBLE},    {'i', 1, HONE_DTYPE_INT8},
        {'i', 2, HONE_DTYPE_INT16},     {'i', 4, HONE_DTYPE_INT32},
        {'i', 8, HONE_DTYPE_INT64},     {'u', 1, HONE_DTYPE_UINT8},
        {'u', 2, HONE_DTYPE_UINT16},    {'u', 4, HONE_DTYPE_UINT32},
        {'u', 8, HONE_DTYPE_UINT64},    {'b', 1, HONE_DTYPE_BOOL},
        {'c', 8, HONE_DTYPE_COMPLEX64}, {'c', 16, HONE_DTYPE_COMPLEX128},
        {'V', 2, HONE_DTYPE_BFLOAT16}, /* what numpy.save makes of bfloat16 (ml_dtypes) */
    };
    if (h->kind == 'U' || h->kind == 'S')
        return HONE_DTYPE_STRING;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == h->kind && rows[i].size == h->item_size)
            return rows[i].dtype;
    return HONE_DTYPE_UNDEFINED;
}

/* Index in the file of element `i` of the row-major result. */
static int64_t source_index(const npy_header *h, int64_t i) {
    if (!h->is_fortran)
        return i;
    int64_t stride[HONE_MAX_RANK], at = 0, step = 1;
    for (int d = 0; d < h->rank; d++) {
        stride[d] = step;
        step *= h->dims[d];
    }
    for (int d = h->rank - 1; d >= 0; d--) {
        at += i % h->dims[d] * stride[d];
        i /= h->dims[d];
    }
    return at;
}

static void put_utf8(hone__strbuf *out, uint32_t c) {
    char b[4];
    if (c < 0x80) {
        b[0] = (char)c;
        hone__strbuf_append(out, b, 1);
    } else if (c < 0x800) {
        b[0] = (char)(0xC0 | c >> 6), b[1] = (char)(0x80 | (c & 0x3F));
        hone__strbuf_append(out, b, 2);
    } else if (c < 0x10000) {
        b[0] = (char)(0xE0 | c >> 12), b[1] = (char)(0x80 | (c >> 6 & 0x3F)), b[2] = (char)(0x80 | (c & 0x3F));
        hone__strbuf_append(out, b, 3);
    } else {
        b[0] = (char)(0xF0 | (c >> 18 & 7)), b[1] = (char)(0x80 | (c >> 12 & 0x3F));
        b[2] = (char)(0x80 | (c >> 6 & 0x3F)), b[3] = (char)(0x80 | (c & 0x3F));
        hone__strbuf_append(out, b, 4);
    }
}

static uint32_t load_u32(const unsigned char *p, bool is_big) {
    return is_big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                  : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Strings are padded with zeros to the longest. */
static hone_status fill_strings(const npy_header *h, const unsigned char *data, hone_tensor *tensor,
                                hone_error *error) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    hone_status status = HONE_OK;
    int64_t count = hone_tensor_count(tensor), width = h->kind == 'U' ? 4 : 1;
    for (int64_t i = 0; i < count && status == HONE_OK; i++) {
        const unsigned char *item = data + source_index(h, i) * h->item_size * width;
        text.size = 0;
        hone__strbuf_append(&text, "", 0);
        size_t n = (size_t)h->item_size;
        if (h->kind == 'S') {
            while (n && !item[n - 1])
                n--;
            hone__strbuf_append(&text, (const char *)item, n);
        } else {
            while (n && !load_u32(item + 4 * (n - 1), false))
                n--;
            for (size_t k = 0; k < n; k++)
                put_utf8(&text, load_u32(item + 4 * k, h->byte_order == '>'));
        }
        status = text.failed ? hone__fail_memory(error, "a string")
                             : hone_tensor_set_string(tensor, i, hone__strbuf_text(&text), text.size, error);
    }
    hone__strbuf_deinit(&text);
    return status;
}

static void fill_numbers(const npy_header *h, const unsigned char *data, hone_tensor *tensor) {
    unsigned char *to = hone_tensor_data(tensor);
    size_t size = (size_t)h->item_size;
    if (!h->is_fortran && h->byte_order != '>') {
        if (hone_tensor_size(tensor))
            memcpy(to, data, hone_tensor_size(tensor));
        return;
    }
    /* A complex number is two that are swapped each. */
    size_t part = h->kind == 'c' ? size / 2 : size;
    int64_t count = hone_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *from = data + (size_t)source_index(h, i) * size;
        unsigned char *dst = to + (size_t)i * size;
        for (size_t k = 0; k < size; k++)
            dst[k] = from[h->byte_order == '>' ? k / part * part + part - 1 - k % part : k];
    }
}

hone_status hone__npy_parse(const unsigned char *data, size_t size, const char *path, hone_tensor **out,
                            hone_error *error) {
    *out = NULL;
    if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0)
        return fail_format(path, error, "it does not begin as one");
    size_t head = data[6] == 1 ? 10 : 12, length = data[8] | (size_t)data[9] << 8;
    if (data[6] < 1 || data[6] > 3 || size < head)
        return fail_format(path, error, "its format version is unknown");
    if (data[6] != 1)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > size - head || length > 1 << 20)
        return fail_format(path, error, "its header is cut off");
    char *text = hone__malloc(length + 1);
    if (!text)
        return hone__fail_memory(error, "the header of an array");
    memcpy(text, data + head, length);
    text[length] = '\0';
    npy_header h = {0};
    bool ok = parse_header(text, &h);
    hone__free(text);
    if (!ok)
        return fail_format(path, error, "its header cannot be understood (structured types are not supported)");
    if (h.kind == 'O')
        return fail_format(path, error, "it holds Python objects");
    hone_dtype dtype = header_dtype(&h);
    if (dtype == HONE_DTYPE_UNDEFINED)
        return fail_format(path, error, "ONNX has no such element type");
    int64_t count;
    size_t bytes = 0;
    if (!hone__shape_count(h.dims, h.rank, &count) || !hone__mul_size((size_t)count, (size_t)h.item_size, &bytes) ||
        (h.kind == 'U' && !hone__mul_size(bytes, 4, &bytes)))
        return fail_format(path, error, "its shape overflows");
    if (bytes > size - head - length)
        return fail_format(path, error, "it is shorter than its shape needs");
    HONE_TRY(hone_tensor_create(dtype, h.rank, h.dims, out, error));
    hone_status status = HONE_OK;
    if (dtype == HONE_DTYPE_STRING)
        status = fill_strings(&h, data + head + length, *out, error);
    else
        fill_numbers(&h, data + head + length, *out);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__npy_read(const char *path, hone_tensor **out, hone_error *error) {
    *out = NULL;
    hone__mapping file;
    HONE_TRY(hone__mapping_open(path, &file, error));
    hone_status status = hone__npy_parse(file.data, file.size, path, out, error);
    hone__mapping_close(&file);
    return status;
}

/* ---- writing ---- */

static const char *numeric_descr(hone_dtype dtype) {
    switch (dtype) {
    case HONE_DTYPE_FLOAT:
        return "<f4";
    case HONE_DTYPE_DOUBLE:
        return "<f8";
    case HONE_DTYPE_FLOAT16:
        return "<f2";
    case HONE_DTYPE_INT8:
    case HONE_DTYPE_INT4:
    case HONE_DTYPE_INT2:
        return "|i1";
    case HONE_DTYPE_UINT8:
    case HONE_DTYPE_UINT4:
    case HONE_DTYPE_UINT2:
        return "|u1";
    case HONE_DTYPE_INT16:
        return "<i2";
    case HONE_DTYPE_UINT16:
        return "<u2";
    case HONE_DTYPE_INT32:
        return "<i4";
    case HONE_DTYPE_UINT32:
        return "<u4";
    case HONE_DTYPE_INT64:
        return "<i8";
    case HONE_DTYPE_UINT64:
        return "<u8";
    case HONE_DTYPE_BOOL:
        return "|b1";
    case HONE_DTYPE_COMPLEX64:
        return "<c8";
    case HONE_DTYPE_COMPLEX128:
        return "<c16";
    case HONE_DTYPE_BFLOAT16:
        return "|V2";
    default:
        return "|V1";
    }
}

/* Characters of UTF-8; a byte that does not fit stands for itself, as in Latin-1. */
static uint32_t next_char(const unsigned char **p, const unsigned char *end) {
    const unsigned char *s = *p;
    int extra = s[0] >= 0xF0 ? 3 : s[0] >= 0xE0 ? 2 : s[0] >= 0xC2 ? 1 : 0;
    uint32_t c = extra == 3 ? s[0] & 7u : extra == 2 ? s[0] & 15u : extra == 1 ? s[0] & 31u : s[0];
    for (int i = 1; i <= extra; i++) {
        if (s + i >= end || (s[i] & 0xC0) != 0x80) {
            *p = s + 1;
            return s[0];
        }
        c = c << 6 | (s[i] & 0x3Fu);
    }
    *p = s + 1 + extra;
    return c;
}

static bool write_strings(FILE *file, const hone_tensor *tensor, size_t width) {
    int64_t count = hone_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        const unsigned char *p = (const unsigned char *)s.data, *end = p + s.size;
        for (size_t k = 0; k < width; k++) {
            uint32_t c = p < end ? next_char(&p, end) : 0;
            unsigned char b[4] = {(unsigned char)c, (unsigned char)(c >> 8), (unsigned char)(c >> 16),
                                  (unsigned char)(c >> 24)};
            if (fwrite(b, 1, 4, file) != 4)
                return false;
        }
    }
    return true;
}

static size_t string_width(const hone_tensor *tensor) {
    size_t width = 1;
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        size_t n = 0;
        for (const unsigned char *p = (const unsigned char *)s.data, *end = p + s.size; p < end; n++)
            next_char(&p, end);
        width = n > width ? n : width;
    }
    return width;
}

static bool write_body(FILE *file, const hone_tensor *tensor, size_t width) {
    hone_dtype dtype = hone_tensor_dtype(tensor);
    if (dtype == HONE_DTYPE_STRING)
        return write_strings(file, tensor, width);
    if (hone_dtype_bits(dtype) >= 8)
        return fwrite(hone_tensor_data_const(tensor), 1, hone_tensor_size(tensor), file) == hone_tensor_size(tensor);
    int64_t count = hone_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        bool is_float = dtype == HONE_DTYPE_FLOAT4E2M1;
        const unsigned char *bytes = hone_tensor_data_const(tensor);
        int value = is_float ? bytes[i / 2] >> (i % 2 * 4) & 15 : (int)hone_tensor_get_double(tensor, i);
        if (fputc(value & 0xFF, file) == EOF)
            return false;
    }
    return true;
}

hone_status hone__npy_write(const char *path, const hone_tensor *tensor, hone_error *error) {
    HONE_FAIL_IF(hone_tensor_kind(tensor) != HONE_KIND_TENSOR, error, HONE_ERROR_UNSUPPORTED,
                 "\"%s\": only tensors can be written as .npy", path);
    hone__strbuf head;
    hone__strbuf_init(&head);
    bool is_text = hone_tensor_dtype(tensor) == HONE_DTYPE_STRING;
    size_t width = is_text ? string_width(tensor) : 0;
    if (is_text)
        hone__strbuf_printf(&head, "{'descr': '<U%zu', ", width);
    else
        hone__strbuf_printf(&head, "{'descr': '%s', ", numeric_descr(hone_tensor_dtype(tensor)));
    hone__strbuf_puts(&head, "'fortran_order': False, 'shape': (");
    int rank = hone_tensor_rank(tensor);
    for (int i = 0; i < rank; i++)
        hone__strbuf_printf(&head, i + 1 < rank || rank == 1 ? "%lld, " : "%lld",
                            (long long)hone_tensor_dims(tensor)[i]);
    hone__strbuf_puts(&head, "), }");
    while ((head.size + 11) % 64 && !head.failed) /* data begin at a multiple of 64 */
        hone__strbuf_puts(&head, " ");
    hone__strbuf_puts(&head, "\n");
    if (head.failed) {
        hone__strbuf_deinit(&head);
        return hone__fail_memory(error, "an array's header");
    }
    FILE *file = fopen(path, "wb");
    unsigned char magic[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)head.size, (unsigned char)(head.size >> 8)};
    bool ok = file && fwrite(magic, 1, 10, file) == 10 && fwrite(head.data, 1, head.size, file) == head.size &&
              write_body(file, tensor, width);
    int reason = errno;
    if (file && fclose(file) != 0 && ok) {
        ok = false;
        reason = errno;
    }
    hone__strbuf_deinit(&head);
    if (ok)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_IO, "cannot write \"%s\": %s", path, strerror(reason));
    hone__error_file(error, path, -1);
    hone__error_hint(error, "check the folder's permissions and free space");
    return HONE_ERROR_IO;
}
