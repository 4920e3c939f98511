/* Indexed access: GatherElements, GatherND, ScatterElements and ScatterND without reduction, for any type of whole
 * bytes per element, and TopK of float32. Indices are checked before anything is written. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"

#include <stdlib.h>

enum { GRAIN_BYTES = 16384 };

static bool is_index(const hone__node *node, size_t i) {
    return hone__bind_has_dtype(node, i, HONE_DTYPE_INT64) || hone__bind_has_dtype(node, i, HONE_DTYPE_INT32);
}

static bool is_plain(const hone__node *node, size_t i) {
    const size_t size = hone__bind_elem_size(hone__bind_dtype(node, i));
    return size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
}

static bool match_gather(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return is_plain(node, 0) && is_index(node, 1) && hone__bind_has_output(node, 0);
}

static bool match_scatter(const hone__node *node, const hone__cpu_config *config) {
    return match_gather(node, config) && hone__bind_dtype(node, 2) == hone__bind_dtype(node, 0) &&
           strcmp(hone__node_attr_string(node, "reduction", "none"), "none") == 0;
}

static int64_t index_at(const hone_tensor *t, int64_t i) {
    return t->dtype == HONE_DTYPE_INT64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

static hone_status outside(hone_error *error, const char *op, int64_t index, int64_t size) {
    return hone__fail(error, HONE_ERROR_SHAPE, "%s: index %lld is outside a dimension of size %lld", op,
                      (long long)index, (long long)size);
}

/* ---- along one axis: GatherElements, ScatterElements ---- */

typedef struct elements_plan {
    const char *op;
    int rank, axis;
    int64_t axis_size, axis_stride, rows, columns; /* rows of the indices' last dimension */
    int64_t dims[HONE_MAX_RANK];                   /* of the indices, the last one left out */
    int64_t strides[HONE_MAX_RANK];                /* of the data, in elements; 0 for the axis */
    bool is_last;                                  /* the axis is the last dimension */
    size_t size;                                   /* bytes of an element */
} elements_plan;

static hone_status plan_elements(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *i = ctx->in[1], *u = ctx->n_in > 2 ? ctx->in[2] : NULL;
    elements_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an indexing plan");
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 0);
    axis += axis < 0 ? x->rank : 0;
    bool fits = x->rank >= 1 && i->rank == x->rank && axis >= 0 && axis < x->rank;
    for (int d = 0; fits && d < x->rank; d++)
        fits = d == axis || i->dims[d] <= x->dims[d];
    HONE_FAIL_IF(!fits || (u && !hone__bind_same_shape(u, i)), ctx->error, HONE_ERROR_SHAPE,
                 "%s: data, indices and updates do not fit together", ctx->node->op_type);
    p->op = ctx->node->op_type;
    p->rank = x->rank;
    p->axis = (int)axis;
    p->size = hone__bind_elem_size(x->dtype);
    p->axis_size = x->dims[axis];
    p->is_last = axis == x->rank - 1;
    p->columns = i->dims[i->rank - 1];
    p->rows = hone__bind_product(i->dims, 0, i->rank - 1);
    int64_t step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        p->dims[d] = i->dims[d];
        p->strides[d] = d == axis ? 0 : step;
        if (d == axis)
            p->axis_stride = step;
        step *= x->dims[d];
    }
    ctx->kernel = u ? "scatter_elements" : "gather_elements";
    ctx->inplace_input = u && hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

/* Offset in the data of row r of the indices, the axis left out. */
static int64_t row_offset(const elements_plan *p, int64_t r) {
    int64_t at = 0;
    for (int d = p->rank - 2; d >= 0; d--) {
        at += r % p->dims[d] * p->strides[d];
        r /= p->dims[d];
    }
    return at;
}

static hone_status check_elements(const elements_plan *p, const hone_tensor *index, hone_error *error) {
    for (int64_t k = 0; k < p->rows * p->columns; k++) {
        const int64_t v = index_at(index, k);
        if (v < -p->axis_size || v >= p->axis_size)
            return outside(error, p->op, v, p->axis_size);
    }
    return HONE_OK;
}

typedef struct index_job {
    const void *plan;
    const hone_tensor *index;
    const char *from;
    char *to;
} index_job;

static inline void copy_element(char *to, const char *from, size_t size) {
    switch (size) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, 16);
    }
}

/* Where element (row, j) of the indices points to. */
static inline int64_t target(const elements_plan *p, const hone_tensor *index, int64_t offset, int64_t k, int64_t j) {
    int64_t v = index_at(index, k);
    v += v < 0 ? p->axis_size : 0;
    return offset + v * p->axis_stride + (p->is_last ? 0 : j);
}

static void gather_rows(void *arg, size_t begin, size_t end, int thread) {
    const index_job *job = arg;
    const elements_plan *p = job->plan;
    (void)thread;
    for (int64_t r = (int64_t)begin; r < (int64_t)end; r++) {
        const int64_t offset = row_offset(p, r);
        for (int64_t j = 0, k = r * p->columns; j < p->columns; j++, k++)
            copy_element(job->to + (size_t)k * p->size,
                         job->from + (size_t)target(p, job->index, offset, k, j) * p->size, p->size);
    }
}

static hone_status run_gather_elements(hone__cpu_run *ctx) {
    const elements_plan *p = ctx->plan_state;
    HONE_TRY(check_elements(p, ctx->in[1], ctx->error));
    index_job job = {p, ctx->in[1], ctx->in[0]->data, ctx->out[0]->data};
    if (p->rows * p->columns > 0)
        hone__pool_run_range(ctx->pool, (size_t)p->rows, hone__bind_grain((size_t)p->columns * p->size, GRAIN_BYTES),
                             gather_rows, &job);
    return HONE_OK;
}

static void start_from_data(const hone__cpu_run *ctx) {
    if (ctx->out[0]->data != ctx->in[0]->data && ctx->out[0]->size)
        memcpy(ctx->out[0]->data, ctx->in[0]->data, ctx->out[0]->size);
}

/* In order and on one thread: of updates to one element the last one stays. */
static hone_status run_scatter_elements(hone__cpu_run *ctx) {
    const elements_plan *p = ctx->plan_state;
    HONE_TRY(check_elements(p, ctx->in[1], ctx->error));
    start_from_data(ctx);
    const char *from = ctx->in[2]->data;
    char *to = ctx->out[0]->data;
    for (int64_t r = 0; r < p->rows; r++) {
        const int64_t offset = row_offset(p, r);
        for (int64_t j = 0, k = r * p->columns; j < p->columns; j++, k++)
            copy_element(to + (size_t)target(p, ctx->in[1], offset, k, j) * p->size, from + (size_t)k * p->size,
                         p->size);
    }
    return HONE_OK;
}

/* ---- by tuples: GatherND, ScatterND ---- */

typedef struct tuples_plan {
    const char *op;
    int64_t length, tuples, per_batch, batch_stride; /* index elements in a tuple; tuples; elements of a batch */
    int64_t dims[HONE_MAX_RANK];                     /* [length] of the data */
    int64_t inner;                                   /* elements moved per tuple */
    size_t size;
} tuples_plan;

static hone_status plan_tuples(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *i = ctx->in[1], *u = ctx->n_in > 2 ? ctx->in[2] : NULL;
    const int64_t batch = u ? 0 : hone__node_attr_int(ctx->node, "batch_dims", 0);
    tuples_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an indexing plan");
    p->length = i->rank ? i->dims[i->rank - 1] : 0;
    bool fits = i->rank >= 1 && batch >= 0 && batch < i->rank && p->length >= 0 && p->length <= x->rank - batch;
    for (int d = 0; fits && d < batch; d++)
        fits = x->dims[d] == i->dims[d];
    const hone_tensor *moved = u ? u : ctx->out[0];
    const int leading = i->rank - 1;
    fits = fits && moved->rank == leading + x->rank - (int)(batch + p->length);
    for (int d = 0; fits && d < moved->rank; d++)
        fits = moved->dims[d] == (d < leading ? i->dims[d] : x->dims[batch + p->length + d - leading]);
    ctx->is_declined = !fits; /* tuples of no elements, or what the reference evaluator refuses */
    if (!fits)
        return HONE_OK;
    p->op = ctx->node->op_type;
    p->size = hone__bind_elem_size(x->dtype);
    p->tuples = hone__bind_product(i->dims, 0, i->rank - 1);
    p->per_batch = hone__bind_product(i->dims, (int)batch, i->rank - 1);
    p->batch_stride = hone__bind_product(x->dims, (int)batch, x->rank);
    p->inner = hone__bind_product(x->dims, (int)(batch + p->length), x->rank);
    for (int64_t d = 0; d < p->length; d++)
        p->dims[d] = x->dims[batch + d];
    ctx->kernel = u ? "scatter_nd" : "gather_nd";
    ctx->inplace_input = u && hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

static hone_status check_tuples(const tuples_plan *p, const hone_tensor *index, hone_error *error) {
    for (int64_t t = 0; t < p->tuples && p->inner > 0; t++)
        for (int64_t d = 0; d < p->length; d++) {
            const int64_t v = index_at(index, t * p->length + d);
            if (v < -p->dims[d] || v >= p->dims[d])
                return outside(error, p->op, v, p->dims[d]);
        }
    return HONE_OK;
}

/* Offset in the data, in elements. */
static int64_t tuple_offset(const tuples_plan *p, const hone_tensor *index, int64_t t) {
    int64_t at = 0;
    for (int64_t d = 0; d < p->length; d++) {
        const int64_t v = index_at(index, t * p->length + d);
        at = at * p->dims[d] + (v < 0 ? v + p->dims[d] : v);
    }
    return t / p->per_batch * p->batch_stride + at * p->inner;
}

static void gather_tuples(void *arg, size_t begin, size_t end, int thread) {
    const index_job *job = arg;
    const tuples_plan *p = job->plan;
    const size_t bytes = (size_t)p->inner * p->size;
    (void)thread;
    for (size_t t = begin; t < end; t++)
        memcpy(job->to + t * bytes, job->from + (size_t)tuple_offset(p, job->index, (int64_t)t) * p->size, bytes);
}

static hone_status run_gather_nd(hone__cpu_run *ctx) {
    const tuples_plan *p = ctx->plan_state;
    HONE_TRY(check_tuples(p, ctx->in[1], ctx->error));
    index_job job = {p, ctx->in[1], ctx->in[0]->data, ctx->out[0]->data};
    if (p->tuples * p->inner > 0)
        hone__pool_run_range(ctx->pool, (size_t)p->tuples, hone__bind_grain((size_t)p->inner * p->size, GRAIN_BYTES),
                             gather_tuples, &job);
    return HONE_OK;
}

static hone_status run_scatter_nd(hone__cpu_run *ctx) {
    const tuples_plan *p = ctx->plan_state;
    HONE_TRY(check_tuples(p, ctx->in[1], ctx->error));
    start_from_data(ctx);
    const size_t bytes = (size_t)p->inner * p->size;
    for (int64_t t = 0; t < p->tuples && p->inner > 0; t++)
        memcpy((char *)ctx->out[0]->data + (size_t)tuple_offset(p, ctx->in[1], t) * p->size,
               (const char *)ctx->in[2]->data + (size_t)t * bytes, bytes);
    return HONE_OK;
}

/* ---- TopK ---- */

typedef struct top_plan {
    int64_t outer, n, inner, k;
    bool is_largest;
    size_t scratch; /* keys per thread */
    int n_threads;
} top_plan;

static bool match_top_k(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT) && node->n_outputs > 0;
}

static hone_status plan_top_k(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0];
    const hone_tensor *y = ctx->out[0] ? ctx->out[0] : ctx->n_out > 1 ? ctx->out[1] : NULL;
    top_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a TopK plan");
    int64_t axis = hone__node_attr_int(ctx->node, "axis", -1);
    axis += axis < 0 ? x->rank : 0;
    HONE_FAIL_IF(!y || axis < 0 || axis >= x->rank || y->rank != x->rank || y->dims[axis] > x->dims[axis], ctx->error,
                 HONE_ERROR_SHAPE, "TopK: k and axis do not fit the input");
    p->outer = hone__bind_product(x->dims, 0, (int)axis);
    p->n = x->dims[axis];
    p->inner = hone__bind_product(x->dims, (int)axis + 1, x->rank);
    p->k = y->dims[axis];
    p->is_largest = hone__node_attr_int(ctx->node, "largest", 1) != 0;
    p->n_threads = ctx->config->n_threads > 1 ? ctx->config->n_threads : 1;
    p->scratch = hone__round_up((size_t)p->n, 8);
    HONE_FAIL_IF(p->n > INT32_MAX ||
                     !hone__mul_size(p->scratch * sizeof(uint64_t), (size_t)p->n_threads, &ctx->workspace_size),
                 ctx->error, HONE_ERROR_LIMIT, "TopK: the axis is too long");
    ctx->kernel = "f32_top_k";
    ctx->inplace_input = -1;
    return HONE_OK;
}

/* A key that sorts best first: by value (a NaN is the largest, zeros are equal), then by index. */
static uint64_t key_of(float value, bool is_largest, uint32_t index) {
    uint32_t bits;
    if (value == 0)
        value = 0; /* -0 */
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        bits = 0x7FFFFFFF;
    bits = bits & 0x80000000 ? ~bits : bits | 0x80000000; /* in order as unsigned */
    return (uint64_t)(is_largest ? ~bits : bits) << 32 | index;
}

static int by_key(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Moves the k smallest keys to the front (Hoare's selection; keys are distinct). */
static void select_keys(uint64_t *v, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        const uint64_t a = v[low], b = v[low + (high - low) / 2], c = v[high];
        const uint64_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                const uint64_t t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            break;
    }
}

typedef struct top_job {
    const top_plan *plan;
    const float *x;
    float *values;
    int64_t *indices;
    uint64_t *workspace;
} top_job;

static void top_range(void *arg, size_t begin, size_t end, int thread) {
    const top_job *job = arg;
    const top_plan *p = job->plan;
    uint64_t *keys = job->workspace + (size_t)thread * p->scratch;
    for (int64_t s = (int64_t)begin; s < (int64_t)end; s++) {
        const float *x = job->x + s / p->inner * p->n * p->inner + s % p->inner;
        const int64_t to = s / p->inner * p->k * p->inner + s % p->inner;
        for (int64_t i = 0; i < p->n; i++)
            keys[i] = key_of(x[i * p->inner], p->is_largest, (uint32_t)i);
        if (p->k < p->n)
            select_keys(keys, p->n, p->k);
        qsort(keys, (size_t)p->k, sizeof *keys, by_key);
        for (int64_t i = 0; i < p->k; i++) {
            const int64_t at = (int64_t)(uint32_t)keys[i];
            if (job->values)
                job->values[to + i * p->inner] = x[at * p->inner];
            if (job->indices)
                job->indices[to + i * p->inner] = at;
        }
    }
}

static hone_status run_top_k(hone__cpu_run *ctx) {
    const top_plan *p = ctx->plan_state;
    top_job job = {p, ctx->in[0]->data, ctx->out[0] ? ctx->out[0]->data : NULL,
                   ctx->n_out > 1 && ctx->out[1] ? ctx->out[1]->data : NULL, ctx->workspace};
    if (p->outer * p->inner * p->k == 0)
        return HONE_OK;
    hone__pool *pool = hone__pool_threads(ctx->pool) <= p->n_threads ? ctx->pool : NULL;
    hone__pool_run_range(pool, (size_t)(p->outer * p->inner), hone__bind_grain((size_t)p->n * 16, GRAIN_BYTES),
                         top_range, &job);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "GatherElements", 11, HONE_ANY_VERSION, "gather_elements", match_gather, NULL, NULL, plan_elements,
     run_gather_elements, NULL},
    {"", "GatherND", 11, HONE_ANY_VERSION, "gather_nd", match_gather, NULL, NULL, plan_tuples, run_gather_nd, NULL},
    {"", "ScatterElements", 11, HONE_ANY_VERSION, "scatter_elements", match_scatter, NULL, NULL, plan_elements,
     run_scatter_elements, NULL},
    {"", "ScatterND", 11, HONE_ANY_VERSION, "scatter_nd", match_scatter, NULL, NULL, plan_tuples, run_scatter_nd, NULL},
    {"", "TopK", 1, HONE_ANY_VERSION, "f32_top_k", match_top_k, NULL, NULL, plan_top_k, run_top_k, NULL},
};
const hone__cpu_kernel_family hone__cpu_family_index = {"index", rows, sizeof rows / sizeof rows[0]};
