/* Outputs written to and read from the reference file, and how well others agree with them; see trial_reference.h. */
#include "tune/trial_reference.h"

#include "base/error.h"
#include "base/tensor_stream.h"

#include <errno.h>
#include <math.h>
#include <string.h>

hone_status hone__reference_write(int fd, const hone_tensor *tensor, hone_error *error) {
    if (!hone__tensor_send(fd, tensor))
        return hone__fail(error, HONE_ERROR_IO, "the reference outputs cannot be kept: %s", strerror(errno));
    return HONE_OK;
}

static bool take(void *user, void *data, size_t size) {
    hone__reference_reader *r = user;
    if (r->size - r->at < size)
        return false;
    if (size)
        memcpy(data, r->data + r->at, size);
    r->at += size;
    return true;
}

hone_status hone__reference_read(hone__reference_reader *reader, hone_tensor **out, hone_error *error) {
    return hone__tensor_receive(take, reader, out, error);
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
