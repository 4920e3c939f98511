/* QuantizeLinear of float32 to (u)int8 and DequantizeLinear of (u)int8 and int32 to float32, with one scale or one per
 * index of an axis; blocks of scales and other types go to the reference evaluator.
 *
 * Results are those of the reference to the bit: the division is in float, as the standard says; clamping between whole
 * numbers before rounding gives what saturating afterwards does; rounding to nearest even is the sum with 1.5 * 2^23,
 * which loops can do by vectors everywhere (the sums are of up to 2^10). */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"

enum { GRAIN_ELEMENTS = 16384 };

typedef struct quant_plan {
    int64_t count, inner, n; /* elements; elements of one scale in a row; scales (1: one for all) */
} quant_plan;

static bool is_byte(hone_dtype dtype) { return dtype == HONE_DTYPE_UINT8 || dtype == HONE_DTYPE_INT8; }

static bool is_plain(const hone__node *node) {
    return hone__bind_has_dtype(node, 1, HONE_DTYPE_FLOAT) && hone__bind_has_output(node, 0) &&
           hone__node_attr_int(node, "block_size", 0) == 0 && hone__node_attr_int(node, "output_dtype", 0) == 0;
}

static bool match_quantize(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return is_plain(node) && hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT) &&
           (!hone__bind_input(node, 2) || is_byte(hone__bind_dtype(node, 2)));
}

static bool match_dequantize(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const hone_dtype dtype = hone__bind_dtype(node, 0);
    return is_plain(node) && (is_byte(dtype) || dtype == HONE_DTYPE_INT32) &&
           (!hone__bind_input(node, 2) || hone__bind_dtype(node, 2) == dtype);
}

static hone_status plan_scales(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *scale = ctx->in[1], *zero = ctx->n_in > 2 ? ctx->in[2] : NULL;
    quant_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "the plan of a quantisation");
    p->count = hone__tensor_count(x);
    p->inner = p->count ? p->count : 1;
    p->n = 1;
    ctx->inplace_input = -1;
    ctx->kernel = strcmp(ctx->node->op_type, "QuantizeLinear") == 0 ? "f32_quantize" : "f32_dequantize";
    const int64_t n_scales = hone__tensor_count(scale);
    /* The reference evaluator has the words for scales that do not fit. */
    ctx->is_declined = scale->rank > 1 || (zero && hone__tensor_count(zero) != n_scales);
    if (ctx->is_declined || n_scales == 1)
        return HONE_OK;
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 1);
    if (axis >= x->rank && x->rank == 1 && !hone__node_attr(ctx->node, "axis"))
        axis = 0;
    axis += axis < 0 ? x->rank : 0;
    ctx->is_declined = axis < 0 || axis >= x->rank || x->dims[axis] != n_scales || p->count == 0;
    if (ctx->is_declined)
        return HONE_OK;
    p->n = n_scales;
    p->inner = hone__bind_product(x->dims, (int)axis + 1, x->rank);
    return HONE_OK;
}

typedef struct quant_job {
    const quant_plan *plan;
    const hone_tensor *x, *scale, *zero, *y;
} quant_job;

static int64_t zero_at(const hone_tensor *zero, int64_t k) {
    if (!zero)
        return 0;
    return zero->dtype == HONE_DTYPE_UINT8  ? ((const uint8_t *)zero->data)[k]
           : zero->dtype == HONE_DTYPE_INT8 ? ((const int8_t *)zero->data)[k]
                                            : ((const int32_t *)zero->data)[k];
}

/* low, high: the type's range less the zero point. A NaN becomes the smallest number, as in the reference's conversion.
 */
#define DEFINE_QUANTIZE(T)                                                                                             \
    static void quantize_##T(const float *x, T *y, int64_t n, float scale, float low, float high, int zero) {          \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            float v = x[i] / scale;                                                                                    \
            v = v == v ? v : (float)-zero;                                                                             \
            v = v > low ? v : low;                                                                                     \
            v = v < high ? v : high;                                                                                   \
            y[i] = (T)((int)((v + 12582912.0f) - 12582912.0f) + zero);                                                 \
        }                                                                                                              \
    }
DEFINE_QUANTIZE(uint8_t)
DEFINE_QUANTIZE(int8_t)
#undef DEFINE_QUANTIZE

/* Differences of bytes are exact in float, and their product with the scale is rounded once. */
#define DEFINE_DEQUANTIZE(T, WIDE)                                                                                     \
    static void dequantize_##T(const T *x, float *y, int64_t n, float scale, WIDE zero) {                              \
        for (int64_t i = 0; i < n; i++)                                                                                \
            y[i] = (float)(((WIDE)x[i] - zero) * (WIDE)scale);                                                         \
    }
DEFINE_DEQUANTIZE(uint8_t, float)
DEFINE_DEQUANTIZE(int8_t, float)
DEFINE_DEQUANTIZE(int32_t, double)
#undef DEFINE_DEQUANTIZE

static void quantize_range(void *arg, size_t begin, size_t end, int thread) {
    const quant_job *job = arg;
    const quant_plan *p = job->plan;
    const float *x = job->x->data, *scale = job->scale->data;
    (void)thread;
    for (int64_t at = (int64_t)begin; at < (int64_t)end;) {
        const int64_t row = at / p->inner, k = row % p->n, n = hone__min_i64((row + 1) * p->inner, (int64_t)end) - at;
        const int zero = (int)zero_at(job->zero, k);
        if (job->y->dtype == HONE_DTYPE_UINT8)
            quantize_uint8_t(x + at, (uint8_t *)job->y->data + at, n, scale[k], (float)-zero, (float)(255 - zero),
                             zero);
        else
            quantize_int8_t(x + at, (int8_t *)job->y->data + at, n, scale[k], (float)(-128 - zero), (float)(127 - zero),
                            zero);
        at += n;
    }
}

static void dequantize_range(void *arg, size_t begin, size_t end, int thread) {
    const quant_job *job = arg;
    const quant_plan *p = job->plan;
    const float *scale = job->scale->data;
    float *y = job->y->data;
    (void)thread;
    for (int64_t at = (int64_t)begin; at < (int64_t)end;) {
        const int64_t row = at / p->inner, k = row % p->n, n = hone__min_i64((row + 1) * p->inner, (int64_t)end) - at;
        const int64_t zero = zero_at(job->zero, k);
        if (job->x->dtype == HONE_DTYPE_UINT8)
            dequantize_uint8_t((const uint8_t *)job->x->data + at, y + at, n, scale[k], (float)zero);
        else if (job->x->dtype == HONE_DTYPE_INT8)
            dequantize_int8_t((const int8_t *)job->x->data + at, y + at, n, scale[k], (float)zero);
        else
            dequantize_int32_t((const int32_t *)job->x->data + at, y + at, n, scale[k], (double)zero);
        at += n;
    }
}

static hone_status run_scales(hone__cpu_run *ctx, hone__pool_range_fn range) {
    const quant_plan *p = ctx->plan_state;
    quant_job job = {p, ctx->in[0], ctx->in[1], ctx->n_in > 2 ? ctx->in[2] : NULL, ctx->out[0]};
    if (p->count)
        hone__pool_run_range(ctx->pool, (size_t)p->count, GRAIN_ELEMENTS, range, &job);
    return HONE_OK;
}

static hone_status run_quantize(hone__cpu_run *ctx) { return run_scales(ctx, quantize_range); }
static hone_status run_dequantize(hone__cpu_run *ctx) { return run_scales(ctx, dequantize_range); }

static const hone__cpu_kernel rows[] = {
    {"", "QuantizeLinear", 10, HONE_ANY_VERSION, "f32_quantize", match_quantize, NULL, NULL, plan_scales, run_quantize},
    {"", "DequantizeLinear", 10, HONE_ANY_VERSION, "f32_dequantize", match_dequantize, NULL, NULL, plan_scales,
     run_dequantize},
};

const hone__cpu_kernel_family hone__cpu_family_quant = {"quant", rows, sizeof rows / sizeof rows[0]};
