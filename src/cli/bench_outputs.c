/* Outputs across a pipe and their comparison; see bench_outputs.h. */
#include "cli/bench_outputs.h"

#include "base/alloc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEPTH = 8 };

bool hone__bench_send(int fd, const void *data, size_t size) {
    const char *p = data;
    while (size) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

bool hone__bench_receive(int fd, void *data, size_t size) {
    char *p = data;
    while (size) {
        ssize_t n = read(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* What comes before the data of a value. */
typedef struct head {
    int kind, dtype, rank;
    size_t size, n_items;
    int64_t dims[HONE_MAX_RANK];
} head;

bool hone__bench_send_tensor(int fd, const hone_tensor *tensor) {
    head h = {.kind = (int)hone_tensor_kind(tensor),
              .dtype = (int)hone_tensor_dtype(tensor),
              .rank = hone_tensor_rank(tensor),
              .size = hone_tensor_size(tensor),
              .n_items = hone_tensor_item_count(tensor)};
    if (h.kind == HONE_KIND_TENSOR && h.rank)
        memcpy(h.dims, hone_tensor_dims(tensor), (size_t)h.rank * sizeof *h.dims);
    if (!hone__bench_send(fd, &h, sizeof h))
        return false;
    for (size_t i = 0; i < h.n_items; i++)
        if (!hone__bench_send_tensor(fd, hone_tensor_get_item(tensor, i)))
            return false;
    if (h.kind != HONE_KIND_TENSOR)
        return true;
    if (h.dtype != HONE_DTYPE_STRING)
        return hone__bench_send(fd, hone_tensor_data_const(tensor), h.size);
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        if (!hone__bench_send(fd, &s.size, sizeof s.size) || !hone__bench_send(fd, s.data, s.size))
            return false;
    }
    return true;
}

static hone_tensor *receive(int fd, int depth);

static hone_tensor *receive_container(int fd, const head *h, int depth) {
    hone_tensor *out = NULL;
    hone_tensor **items = hone__calloc(h->n_items + 1, sizeof *items);
    bool ok = items != NULL;
    for (size_t i = 0; ok && i < h->n_items; i++)
        ok = (items[i] = receive(fd, depth + 1)) != NULL;
    ok = ok && hone_tensor_create_container((hone_kind)h->kind, items, h->n_items, &out, NULL) == HONE_OK;
    for (size_t i = 0; !ok && items && i < h->n_items; i++)
        hone_tensor_destroy(items[i]);
    hone__free(items);
    return out;
}

static bool receive_strings(int fd, hone_tensor *tensor) {
    char *room = NULL;
    size_t capacity = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < hone_tensor_count(tensor); i++) {
        size_t size = 0;
        ok = hone__bench_receive(fd, &size, sizeof size) && hone__grow((void **)&room, &capacity, size + 1, 1) &&
             hone__bench_receive(fd, room, size) && hone_tensor_set_string(tensor, i, room, size, NULL) == HONE_OK;
    }
    hone__free(room);
    return ok;
}

static hone_tensor *receive(int fd, int depth) {
    head h;
    hone_tensor *out = NULL;
    if (depth > MAX_DEPTH || !hone__bench_receive(fd, &h, sizeof h))
        return NULL;
    if (h.kind != HONE_KIND_TENSOR)
        return receive_container(fd, &h, depth);
    if (hone_tensor_create((hone_dtype)h.dtype, h.rank, h.dims, &out, NULL) != HONE_OK)
        return NULL;
    bool ok = h.dtype == HONE_DTYPE_STRING
                  ? receive_strings(fd, out)
                  : h.size == hone_tensor_size(out) && hone__bench_receive(fd, hone_tensor_data(out), h.size);
    if (!ok) {
        hone_tensor_destroy(out);
        out = NULL;
    }
    return out;
}

hone_tensor *hone__bench_receive_tensor(int fd) { return receive(fd, 0); }

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
