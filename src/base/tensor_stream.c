/* Values as a stream of bytes; see tensor_stream.h. */
#include "base/tensor_stream.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file_io.h"

#include <string.h>

enum { MAX_DEPTH = 16 };

/* What comes before the data of a value. */
typedef struct head {
    int32_t kind, dtype, rank;
    uint64_t n_items; /* of containers, which follow as values */
    uint64_t size;    /* bytes of data; strings follow one by one, each after its size */
    int64_t dims[HONE_MAX_RANK];
} head;

typedef struct source {
    hone__take_bytes take;
    void *user;
    hone_error *error;
} source;

bool hone__tensor_send(int fd, const hone_tensor *tensor) {
    head h = {.kind = (int32_t)hone_tensor_kind(tensor),
              .dtype = (int32_t)hone_tensor_dtype(tensor),
              .n_items = hone_tensor_item_count(tensor),
              .size = hone_tensor_size(tensor)};
    if (h.kind == HONE_KIND_TENSOR)
        h.rank = hone_tensor_rank(tensor);
    if (h.rank)
        memcpy(h.dims, hone_tensor_dims(tensor), (size_t)h.rank * sizeof *h.dims);
    if (!hone__write_all(fd, &h, sizeof h))
        return false;
    for (size_t i = 0; i < h.n_items; i++)
        if (!hone__tensor_send(fd, hone_tensor_get_item(tensor, i)))
            return false;
    if (h.kind != HONE_KIND_TENSOR)
        return true;
    if (h.dtype != HONE_DTYPE_STRING)
        return hone__write_all(fd, hone_tensor_data_const(tensor), h.size);
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        if (!hone__write_all(fd, &s.size, sizeof s.size) || !hone__write_all(fd, s.data, s.size))
            return false;
    }
    return true;
}

static hone_status fail_short(const source *s) {
    return hone__fail(s->error, HONE_ERROR_INTERNAL, "a value that another process sent is cut short");
}

static hone_status receive(const source *s, int depth, hone_tensor **out);

static hone_status receive_items(const source *s, const head *h, int depth, hone_tensor **out) {
    size_t n = (size_t)h->n_items, done = 0;
    hone_tensor **items = hone__calloc(n + 1, sizeof *items);
    hone_status status = items ? HONE_OK : hone__fail_memory(s->error, "a value of another process");
    while (status == HONE_OK && done < n) {
        status = receive(s, depth + 1, &items[done]);
        done += status == HONE_OK;
    }
    if (status == HONE_OK)
        status = hone_tensor_create_container((hone_kind)h->kind, items, n, out, s->error);
    for (size_t i = 0; status != HONE_OK && i < done; i++)
        hone_tensor_destroy(items[i]);
    hone__free(items);
    return status;
}

static hone_status receive_strings(const source *s, hone_tensor *tensor) {
    char *room = NULL;
    size_t capacity = 0;
    hone_status status = HONE_OK;
    for (int64_t i = 0; status == HONE_OK && i < hone_tensor_count(tensor); i++) {
        size_t size = 0;
        if (!s->take(s->user, &size, sizeof size))
            status = fail_short(s);
        else if (!hone__grow((void **)&room, &capacity, size + 1, 1))
            status = hone__fail_memory(s->error, "a text of another process");
        else if (!s->take(s->user, room, size))
            status = fail_short(s);
        else
            status = hone_tensor_set_string(tensor, i, room, size, s->error);
    }
    hone__free(room);
    return status;
}

static hone_status receive(const source *s, int depth, hone_tensor **out) {
    head h;
    *out = NULL;
    if (depth > MAX_DEPTH || !s->take(s->user, &h, sizeof h))
        return fail_short(s);
    if (h.kind != HONE_KIND_TENSOR)
        return receive_items(s, &h, depth, out);
    HONE_TRY(hone_tensor_create((hone_dtype)h.dtype, h.rank, h.dims, out, s->error));
    hone_status status = HONE_OK;
    if (h.dtype == HONE_DTYPE_STRING)
        status = receive_strings(s, *out);
    else if (h.size != hone_tensor_size(*out) || !s->take(s->user, hone_tensor_data(*out), h.size))
        status = fail_short(s);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__tensor_receive(hone__take_bytes take, void *user, hone_tensor **out, hone_error *error) {
    source s = {take, user, error};
    return receive(&s, 0, out);
}
