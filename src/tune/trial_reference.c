/* Outputs written to and read from the reference file (see trial_reference.h). Both ends are the
 * same program on the same machine: the format is the memory's. */
#include "tune/trial_reference.h"

#include "base/alloc.h"
#include "base/error.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEPTH = 16 };

typedef struct reference_head {
    int32_t kind, dtype, rank, n_items;
    int64_t dims[HONE_MAX_RANK];
    uint64_t size; /* bytes of data; of strings: of their lengths and texts */
} reference_head;

static hone_status put(int fd, const void *data, size_t size, hone_error *error) {
    for (const char *p = data; size;) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return hone__fail(error, HONE_ERROR_IO, "the reference outputs cannot be kept: %s", strerror(errno));
        p += n;
        size -= (size_t)n;
    }
    return HONE_OK;
}

hone_status hone__reference_write(int fd, const hone_tensor *tensor, hone_error *error) {
    reference_head head = {.kind = (int32_t)hone_tensor_kind(tensor),
                           .dtype = (int32_t)hone_tensor_dtype(tensor),
                           .rank = hone_tensor_rank(tensor),
                           .n_items = (int32_t)hone_tensor_item_count(tensor)};
    if (head.kind != HONE_KIND_TENSOR) {
        head.rank = 0;
        HONE_TRY(put(fd, &head, sizeof head, error));
        for (int32_t i = 0; i < head.n_items; i++)
            HONE_TRY(hone__reference_write(fd, hone_tensor_get_item(tensor, (size_t)i), error));
        return HONE_OK;
    }
    for (int i = 0; i < head.rank; i++)
        head.dims[i] = hone_tensor_dims(tensor)[i];
    if (head.dtype != HONE_DTYPE_STRING) {
        head.size = hone_tensor_size(tensor);
        HONE_TRY(put(fd, &head, sizeof head, error));
        return put(fd, hone_tensor_data_const(tensor), hone_tensor_size(tensor), error);
    }
    HONE_TRY(put(fd, &head, sizeof head, error));
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        uint64_t size = s.size;
        HONE_TRY(put(fd, &size, sizeof size, error));
        HONE_TRY(put(fd, s.data, s.size, error));
    }
    return HONE_OK;
}

static const void *take(hone__reference_reader *r, size_t size) {
    if (r->size - r->at < size)
        return NULL;
    const void *p = r->data + r->at;
    r->at += size;
    return p;
}

static hone_status fail_short(hone_error *error) {
    return hone__fail(error, HONE_ERROR_INTERNAL, "the reference outputs are cut short");
}

static hone_status read_strings(hone__reference_reader *r, hone_tensor *tensor, hone_error *error) {
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++) {
        uint64_t size = 0;
        const void *p = take(r, sizeof size);
        if (!p)
            return fail_short(error);
        memcpy(&size, p, sizeof size);
        p = take(r, size);
        if (!p)
            return fail_short(error);
        HONE_TRY(hone_tensor_set_string(tensor, i, p, size, error));
    }
    return HONE_OK;
}

static hone_status read_at(hone__reference_reader *r, int depth, hone_tensor **out, hone_error *error);

static hone_status read_items(hone__reference_reader *r, int depth, const reference_head *head, hone_tensor **out,
                              hone_error *error) {
    size_t n = (size_t)head->n_items, done = 0;
    hone_tensor **items = hone__calloc(n ? n : 1, sizeof(hone_tensor *));
    hone_status status = items ? HONE_OK : hone__fail_memory(error, "reference outputs");
    while (status == HONE_OK && done < n) {
        status = read_at(r, depth + 1, &items[done], error);
        done += status == HONE_OK;
    }
    if (status == HONE_OK)
        status = hone_tensor_create_container((hone_kind)head->kind, items, n, out, error);
    for (size_t i = 0; status != HONE_OK && i < done; i++)
        hone_tensor_destroy(items[i]);
    hone__free(items);
    return status;
}

static hone_status read_at(hone__reference_reader *r, int depth, hone_tensor **out, hone_error *error) {
    reference_head head;
    const void *p = take(r, sizeof head);
    *out = NULL;
    if (!p || depth > MAX_DEPTH)
        return fail_short(error);
    memcpy(&head, p, sizeof head);
    if (head.kind != HONE_KIND_TENSOR)
        return read_items(r, depth, &head, out, error);
    HONE_TRY(hone_tensor_create((hone_dtype)head.dtype, head.rank, head.dims, out, error));
    hone_status status = HONE_OK;
    if (head.dtype == HONE_DTYPE_STRING) {
        status = read_strings(r, *out, error);
    } else {
        p = head.size == hone_tensor_size(*out) ? take(r, head.size) : NULL;
        if (!p)
            status = fail_short(error);
        else if (head.size)
            memcpy(hone_tensor_data(*out), p, head.size);
    }
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__reference_read(hone__reference_reader *reader, hone_tensor **out, hone_error *error) {
    return read_at(reader, 0, out, error);
}

static int64_t largest(const hone_tensor *t, int64_t row, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (hone_tensor_get_double(t, row * n + i) > hone_tensor_get_double(t, row * n + best))
            best = i;
    return best;
}

static bool is_floating(hone_dtype dtype) {
    return dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_FLOAT16 ||
           dtype == HONE_DTYPE_BFLOAT16;
}

double hone__reference_accuracy(const hone_tensor *actual, const hone_tensor *expected) {
    size_t n_items = hone_tensor_item_count(expected);
    if (hone_tensor_kind(expected) != HONE_KIND_TENSOR) {
        double worst = hone_tensor_item_count(actual) == n_items ? 1 : 0;
        for (size_t i = 0; worst > 0 && i < n_items; i++) {
            double a = hone__reference_accuracy(hone_tensor_get_item(actual, i), hone_tensor_get_item(expected, i));
            worst = a < worst ? a : worst;
        }
        return worst;
    }
    int64_t count = hone_tensor_count(expected);
    if (hone_tensor_dtype(actual) != hone_tensor_dtype(expected) || hone_tensor_count(actual) != count)
        return 0;
    if (!is_floating(hone_tensor_dtype(expected)) || count == 0) {
        int64_t n_same = 0;
        if (hone_tensor_dtype(expected) == HONE_DTYPE_STRING)
            return 1; /* the comparison of outputs has judged texts */
        for (int64_t i = 0; i < count; i++)
            n_same += hone_tensor_get_double(actual, i) == hone_tensor_get_double(expected, i);
        return count ? (double)n_same / (double)count : 1;
    }
    if (hone_tensor_rank(expected) == 2 && hone_tensor_dims(expected)[1] > 1) {
        int64_t n = hone_tensor_dims(expected)[0], classes = hone_tensor_dims(expected)[1], n_same = 0;
        for (int64_t i = 0; i < n; i++)
            n_same += largest(actual, i, classes) == largest(expected, i, classes);
        return (double)n_same / (double)n;
    }
    double xy = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < count; i++) {
        double x = hone_tensor_get_double(actual, i), y = hone_tensor_get_double(expected, i);
        if (isnan(x) && isnan(y))
            continue;
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    if (xx == 0 && yy == 0)
        return 1;
    double cosine = xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
    return cosine > 1 ? 1 : cosine > 0 ? cosine : 0;
}
