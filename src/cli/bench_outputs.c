/* Outputs of configurations and their comparison; see bench_outputs.h. */
#include "cli/bench_outputs.h"

#include "base/alloc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8 };

void hone__bench_outputs_release(hone__bench_outputs *outputs) {
    for (size_t i = 0; i < outputs->n; i++)
        hone_tensor_destroy(outputs->items[i]);
    hone__free(outputs->items);
    *outputs = (hone__bench_outputs){0};
}

/* ---- comparison ---- */

static bool is_real(hone_dtype dtype) {
    return dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_FLOAT16 ||
           dtype == HONE_DTYPE_BFLOAT16;
}

static bool same_shape(const hone_tensor *a, const hone_tensor *b) {
    int rank = hone_tensor_rank(a);
    return hone_tensor_dtype(a) == hone_tensor_dtype(b) && rank == hone_tensor_rank(b) &&
           (!rank || !memcmp(hone_tensor_dims(a), hone_tensor_dims(b), (size_t)rank * sizeof(int64_t)));
}

static double distance_of_reals(const hone_tensor *a, const hone_tensor *b) {
    double largest = 0, scale = 0;
    for (int64_t i = 0; i < hone_tensor_count(a); i++) {
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if ((isnan(x) && isnan(y)) || x == y) {
            scale = isfinite(x) ? fmax(scale, fabs(x)) : scale;
            continue;
        }
        double d = fabs(x - y);
        if (!isfinite(d))
            return INFINITY;
        largest = fmax(largest, d);
        scale = fmax(scale, fabs(x));
    }
    return largest ? (scale ? largest / scale : INFINITY) : 0;
}

static double distance(const hone_tensor *a, const hone_tensor *b, int depth) {
    size_t n = hone_tensor_item_count(a);
    double most = 0;
    if (hone_tensor_kind(a) != hone_tensor_kind(b) || n != hone_tensor_item_count(b) || depth > MAX_DEPTH)
        return INFINITY;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, distance(hone_tensor_get_item(a, i), hone_tensor_get_item(b, i), depth + 1));
    if (hone_tensor_kind(a) != HONE_KIND_TENSOR)
        return most;
    if (!same_shape(a, b))
        return INFINITY;
    if (is_real(hone_tensor_dtype(a)))
        return distance_of_reals(a, b);
    if (hone_tensor_dtype(a) != HONE_DTYPE_STRING)
        return memcmp(hone_tensor_data_const(a), hone_tensor_data_const(b), hone_tensor_size(a)) ? INFINITY : 0;
    for (int64_t i = 0; i < hone_tensor_count(a); i++) {
        hone_string x = hone_tensor_get_string(a, i), y = hone_tensor_get_string(b, i);
        if (x.size != y.size || memcmp(x.data, y.data, x.size))
            return INFINITY;
    }
    return 0;
}

double hone__bench_outputs_distance(const hone__bench_outputs *a, const hone__bench_outputs *b, char *message,
                                    size_t size) {
    double most = 0;
    message[0] = '\0';
    if (a->n != b->n) {
        snprintf(message, size, "%zu outputs against %zu", a->n, b->n);
        return INFINITY;
    }
    for (size_t i = 0; i < a->n; i++) {
        double d = distance(a->items[i], b->items[i], 0);
        if (!isfinite(d))
            snprintf(message, size, "output %zu differs in type, shape or value", i);
        most = fmax(most, d);
    }
    return most;
}
