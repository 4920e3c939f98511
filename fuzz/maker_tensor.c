/* Random tensors and containers; see graph_maker.h. */
#include "base/half.h"
#include "base/random.h"
#include "graph_maker.h"

#include <math.h>
#include <string.h>

unsigned maker_take(maker *m, unsigned n) {
    if (n < 2)
        return 0;
    if (m->at >= m->size)
        return (unsigned)hone__random_below(&m->random, n);
    unsigned x = m->data[m->at++];
    if (n > 256 && m->at < m->size)
        x = x << 8 | m->data[m->at++];
    return x % n;
}

hone_dtype maker_dtype(maker *m, hone__dtype_set set) {
    hone_dtype list[HONE_DTYPE_COUNT];
    unsigned n = 0, pick = maker_take(m, 64);
    if (pick < 32 && hone__dtype_in(HONE_DTYPE_FLOAT, set))
        return HONE_DTYPE_FLOAT;
    for (int i = 1; i < HONE_DTYPE_COUNT; i++)
        if (hone__dtype_in((hone_dtype)i, set))
            list[n++] = (hone_dtype)i;
    return n ? list[pick % n] : HONE_DTYPE_FLOAT;
}

static double number(maker *m, unsigned style) {
    static const double extremes[] = {0, -0.0, 1e-30, -1e30, 65504, 127, 255, -128, 1e9, INFINITY, -INFINITY, NAN};
    uint64_t x = hone__random_u64(&m->random);
    switch (style) {
    case 0:
    case 1:
    case 2:
        return (double)(x >> 40) * 0x1p-23 - 1; /* -1 .. 1 */
    case 3:
    case 4:
        return (double)(int)(x >> 61) - 2; /* -2 .. 5 */
    case 5:
        return (double)(x >> 62); /* 0 .. 3 */
    case 6:
        return 1;
    default:
        return x % 4 ? (double)(x >> 40) * 0x1p-22 - 2 : extremes[(x >> 8) % 12];
    }
}

static void set_strings(maker *m, hone_tensor *tensor, int64_t n) {
    static const char *const texts[] = {"", "a", "b", "ab", "1", "-2.5", "nan", "cat dog", "x,y", "\xC3\xA9t\xC3\xA9"};
    for (int64_t i = 0; i < n; i++) {
        const char *text = texts[hone__random_below(&m->random, 10)];
        if (hone_tensor_set_string(tensor, i, text, strlen(text), NULL) != HONE_OK)
            m->is_out_of_memory = true;
    }
}

static void set_number(hone_tensor *t, int64_t i, double x) {
    double bound = isnan(x) ? 0 : fmin(fmax(x, -9e18), 9e18);
    int64_t whole = (int64_t)bound;
    switch (t->dtype) {
    case HONE_DTYPE_FLOAT:
        ((float *)t->data)[i] = (float)x;
        break;
    case HONE_DTYPE_DOUBLE:
        ((double *)t->data)[i] = x;
        break;
    case HONE_DTYPE_FLOAT16:
        ((uint16_t *)t->data)[i] = hone__f32_to_f16((float)x);
        break;
    case HONE_DTYPE_BFLOAT16:
        ((uint16_t *)t->data)[i] = hone__f32_to_bf16((float)x);
        break;
    case HONE_DTYPE_COMPLEX64:
        ((float *)t->data)[2 * i] = (float)x;
        ((float *)t->data)[2 * i + 1] = (float)(1 - x);
        break;
    case HONE_DTYPE_COMPLEX128:
        ((double *)t->data)[2 * i] = x;
        ((double *)t->data)[2 * i + 1] = 1 - x;
        break;
    case HONE_DTYPE_BOOL:
        ((uint8_t *)t->data)[i] = x > 0;
        break;
    case HONE_DTYPE_INT64:
    case HONE_DTYPE_UINT64:
        ((int64_t *)t->data)[i] = whole;
        break;
    case HONE_DTYPE_INT32:
    case HONE_DTYPE_UINT32:
        ((uint32_t *)t->data)[i] = (uint32_t)whole;
        break;
    case HONE_DTYPE_INT16:
    case HONE_DTYPE_UINT16:
        ((uint16_t *)t->data)[i] = (uint16_t)whole;
        break;
    default: /* a byte, or two or more elements in one: any bits will do */
        ((uint8_t *)t->data)[i] = (uint8_t)whole;
    }
}

hone_tensor *maker_tensor(maker *m, hone_dtype dtype, int rank, const int64_t *dims) {
    hone_tensor *t;
    if (hone_tensor_create(dtype, rank, dims, &t, NULL) != HONE_OK)
        return NULL;
    int64_t n = hone_tensor_count(t);
    unsigned style = maker_take(m, 16), bits = (unsigned)hone_dtype_bits(dtype);
    style = style > 7 ? 0 : style;
    if (style < 3 && hone__dtype_in(dtype, HONE_SET_INT))
        style = 4 + (unsigned)hone__dtype_in(dtype, HONE_SET_INT_UNSIGNED);
    if (dtype == HONE_DTYPE_STRING) {
        set_strings(m, t, n);
        return t;
    }
    if (bits < 8) { /* whole bytes; what pads the last one is zero */
        n = n * bits / 8;
        style = 7;
    }
    for (int64_t i = 0; i < n; i++)
        set_number(t, i, number(m, style));
    return t;
}

hone_tensor *maker_plain_tensor(maker *m, hone_dtype dtype, int rank, const int64_t *dims, bool is_positive) {
    hone_tensor *t;
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= dims[i] < 100000 ? dims[i] : 100000;
    if (n > 1000000 || hone_tensor_create(dtype, rank, dims, &t, NULL) != HONE_OK)
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        const double x = number(m, 0);
        const double whole = dtype == HONE_DTYPE_INT64 ? floor(x * 1.5 + 0.6) : floor(x * 128);
        set_number(t, i, dtype != HONE_DTYPE_FLOAT ? whole : is_positive ? 1 + x / 2 : x);
    }
    return t;
}

static hone_tensor *container(hone_kind kind, hone_tensor **items, size_t n) {
    hone_tensor *t = NULL;
    bool complete = true;
    for (size_t i = 0; i < n; i++)
        complete = complete && items[i];
    if (!complete || hone_tensor_create_container(kind, items, n, &t, NULL) != HONE_OK)
        for (size_t i = 0; i < n; i++)
            hone_tensor_destroy(items[i]);
    return t;
}

hone_tensor *maker_value_of_kinds(maker *m, unsigned kinds, hone_dtype dtype, int rank, const int64_t *dims) {
    hone_tensor *items[3] = {NULL};
    hone_kind kind = HONE_KIND_TENSOR;
    unsigned skip = maker_take(m, 4);
    for (int i = 0; kinds && i < 8; i++)
        if (kinds & 1u << i % 4) {
            kind = (hone_kind)(i % 4);
            if (skip-- == 0)
                break;
        }
    if (kind == HONE_KIND_TENSOR)
        return maker_tensor(m, dtype, rank, dims);
    if (kind == HONE_KIND_MAP) {
        int64_t n = maker_take(m, 4);
        items[0] = maker_tensor(m, dtype == HONE_DTYPE_STRING ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &n);
        items[1] = maker_tensor(m, HONE_DTYPE_FLOAT, 1, &n);
        return container(kind, items, 2);
    }
    size_t n = maker_take(m, kind == HONE_KIND_OPTIONAL ? 2 : 4);
    bool nested = kind == HONE_KIND_OPTIONAL && kinds & 1u << HONE_KIND_SEQUENCE && maker_take(m, 4) == 0;
    for (size_t i = 0; i < n; i++) {
        hone_tensor *tensor = maker_tensor(m, dtype, rank, dims);
        items[i] = nested ? container(HONE_KIND_SEQUENCE, &tensor, 1) : tensor;
    }
    return container(kind, items, n);
}

static bool tensor_type(maker *m, const hone_tensor *tensor, bool is_item, hone__type *out) {
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++)
        dims[i] = (hone__dim){tensor->dims[i], NULL};
    return hone__type_set_tensor(hone__graph_arena(m->graph), out, tensor->dtype, is_item ? -1 : tensor->rank, dims) ==
           HONE_OK;
}

/* The type to declare for a graph input that will get this value. Nesting is what this file makes. */
bool maker_type_of(maker *m, const hone_tensor *tensor, hone__type *out) {
    if (tensor->kind == HONE_KIND_TENSOR)
        return tensor_type(m, tensor, false, out);
    hone__type *elem = hone__arena_calloc(hone__graph_arena(m->graph), 1, sizeof *elem);
    if (!elem || tensor->n_items == 0)
        return false; /* nothing tells the type of items */
    *out = (hone__type){.kind = tensor->kind, .rank = -1, .elem = elem, .is_known = true};
    if (tensor->kind == HONE_KIND_MAP) {
        out->dtype = tensor->items[0]->dtype;
        return hone__type_set_tensor(hone__graph_arena(m->graph), elem, tensor->items[1]->dtype, 0, NULL) == HONE_OK;
    }
    const hone_tensor *item = tensor->items[0];
    if (item->kind == HONE_KIND_TENSOR)
        return tensor_type(m, item, true, elem);
    hone__type *inner = hone__arena_calloc(hone__graph_arena(m->graph), 1, sizeof *inner);
    if (!inner || item->n_items == 0)
        return false;
    *elem = (hone__type){.kind = item->kind, .rank = -1, .elem = inner, .is_known = true};
    return tensor_type(m, item->items[0], true, inner);
}
