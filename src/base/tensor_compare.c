/* Comparing outputs with what was expected; see hone/tensor.h. */

#include "base/tensor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 32 }; /* of containers; real ones nest two or three deep */

bool hone_dtype_is_half(hone_dtype dtype) {
    switch (dtype) {
    case HONE_DTYPE_FLOAT16:
    case HONE_DTYPE_BFLOAT16:
    case HONE_DTYPE_FLOAT8E4M3FN:
    case HONE_DTYPE_FLOAT8E4M3FNUZ:
    case HONE_DTYPE_FLOAT8E5M2:
    case HONE_DTYPE_FLOAT8E5M2FNUZ:
    case HONE_DTYPE_FLOAT8E8M0:
    case HONE_DTYPE_FLOAT4E2M1:
        return true;
    default:
        return false;
    }
}

static void HONE_PRINTF(2, 3) differ(hone_difference *out, const char *fmt, ...) {
    out->is_equal = false;
    if (out->message[0])
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(out->message, sizeof out->message, fmt, args);
    va_end(args);
}

static void compare_strings(const hone_tensor *a, const hone_tensor *b, hone_difference *out) {
    for (int64_t i = 0; i < hone_tensor_count(b); i++) {
        hone_string x = hone_tensor_get_string(a, i), y = hone_tensor_get_string(b, i);
        out->n_compared++;
        if (x.size != y.size || (x.size && memcmp(x.data, y.data, x.size) != 0)) {
            out->n_wrong++;
            differ(out, "element %lld is \"%.*s\", not \"%.*s\"", (long long)i, (int)(x.size < 60 ? x.size : 60),
                   x.data, (int)(y.size < 60 ? y.size : 60), y.data);
        }
    }
}

/* The real or (part 1) imaginary half of complex elements; for other types the element. */
static double element(const hone_tensor *t, int64_t i, int part) {
    if (!part)
        return hone_tensor_get_double(t, i);
    return hone_tensor_dtype(t) == HONE_DTYPE_COMPLEX64 ? (double)((const float *)t->data)[2 * i + 1]
                                                        : ((const double *)t->data)[2 * i + 1];
}

static void compare_numbers(const hone_tensor *a, const hone_tensor *b, const hone_tolerance *tolerance,
                            hone_difference *out) {
    hone_dtype dtype = hone_tensor_dtype(b);
    bool is_half = tolerance->is_half_model || hone_dtype_is_half(dtype);
    int parts = dtype == HONE_DTYPE_COMPLEX64 || dtype == HONE_DTYPE_COMPLEX128 ? 2 : 1;
    int64_t count = hone_tensor_count(b);
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        for (int part = 0; part < parts; part++) {
            double y = fabs(element(b, i, part));
            largest = isfinite(y) && y > largest ? y : largest;
        }
    double rtol = tolerance->rtol >= 0 ? tolerance->rtol : is_half ? 1e-2 : 1e-3;
    double atol = tolerance->atol >= 0 ? tolerance->atol : (is_half ? 1e-3 : 1e-5) * (largest > 1 ? largest : 1);
    for (int64_t i = 0; i < count; i++)
        for (int part = 0; part < parts; part++) {
            double x = element(a, i, part), y = element(b, i, part);
            out->n_compared += part == 0;
            if ((isnan(x) && isnan(y)) || x == y)
                continue;
            double difference = fabs(x - y), relative = y != 0 ? difference / fabs(y) : INFINITY;
            if (difference > out->max_abs)
                out->max_abs = difference;
            /* Relative to nearly nothing says nothing: only what atol does not cover counts. */
            if (difference > atol && relative > out->max_rel)
                out->max_rel = relative;
            else if (isfinite(relative) && fabs(y) > atol && relative > out->max_rel)
                out->max_rel = relative;
            /* An infinity equals only itself, though the rule's right-hand side would be infinite too. */
            if (!isfinite(y) || !(difference <= atol + rtol * fabs(y))) {
                out->n_wrong++;
                differ(out, "element %lld is %.7g, expected %.7g (allowed: %.3g + %.3g * |expected|)", (long long)i, x,
                       y, atol, rtol);
            }
        }
}

static void compare(const hone_tensor *a, const hone_tensor *b, const hone_tolerance *tolerance, int depth,
                    hone_difference *out) {
    static const char *const kinds[] = {"tensor", "sequence", "optional", "map"};
    hone_kind kind = hone_tensor_kind(b);
    /* An optional with a value may stand for the value itself. */
    if (kind != HONE_KIND_OPTIONAL && hone_tensor_kind(a) == HONE_KIND_OPTIONAL && hone_tensor_item_count(a) == 1)
        a = hone_tensor_get_item(a, 0);
    if (hone_tensor_kind(a) != kind) {
        differ(out, "it is a %s, not a %s", kinds[hone_tensor_kind(a)], kinds[kind]);
        return;
    }
    if (kind != HONE_KIND_TENSOR) {
        size_t n = hone_tensor_item_count(b);
        if (hone_tensor_item_count(a) != n)
            differ(out, "the %s has %zu items, not %zu", kinds[kind], hone_tensor_item_count(a), n);
        else if (depth == MAX_DEPTH)
            differ(out, "containers nest deeper than %d", MAX_DEPTH);
        else
            for (size_t i = 0; i < n; i++)
                compare(hone_tensor_get_item(a, i), hone_tensor_get_item(b, i), tolerance, depth + 1, out);
        return;
    }
    char x[128], y[128];
    if (hone_tensor_dtype(a) != hone_tensor_dtype(b) || hone_tensor_rank(a) != hone_tensor_rank(b) ||
        memcmp(hone_tensor_dims(a), hone_tensor_dims(b), (size_t)hone_tensor_rank(b) * sizeof(int64_t)) != 0)
        differ(out, "it is %s, not %s", hone__tensor_describe(a, x, sizeof x), hone__tensor_describe(b, y, sizeof y));
    else if (hone_tensor_dtype(b) == HONE_DTYPE_STRING)
        compare_strings(a, b, out);
    else
        compare_numbers(a, b, tolerance, out);
}

void hone_tensor_compare(const hone_tensor *actual, const hone_tensor *expected, const hone_tolerance *tolerance,
                         hone_difference *out) {
    compare(actual, expected, tolerance, 0, out);
}
