/* RoiAlign (average) and GridSample in float32.
 *
 * RoiAlign: the samples of a bin form a grid, and the bilinear weights of a sample are a product of one weight along y
 * and one along x. So the average over a bin is separable too: its rows are first joined by their summed weights, then
 * the columns. The work no longer grows with the number of samples (He et al., "Mask R-CNN", 2017, take it from the
 * region's size). GridSample: taps and weights of a block of points are found once and serve all channels. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "ops/op_grid.h"

#include <math.h>

enum { BLOCK = 64, MAX_TAPS = 16, GRAIN_ELEMENTS = 4096 };

/* ---- RoiAlign ---- */

typedef struct roi_plan {
    int64_t images, channels, h, w, oh, ow, regions, ratio;
    double scale, offset;
    bool is_half;
    size_t scratch; /* floats per thread: row weights [h], a joined row [w], column weights [ow][w] */
    int n_threads;
} roi_plan;

static bool match_roi_align(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT) && hone__bind_has_dtype(node, 1, HONE_DTYPE_FLOAT) &&
           hone__bind_has_dtype(node, 2, HONE_DTYPE_INT64) && hone__bind_has_output(node, 0) &&
           strcmp(hone__node_attr_string(node, "mode", "avg"), "avg") == 0;
}

static hone_status plan_roi_align(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *rois = ctx->in[1], *index = ctx->in[2], *y = ctx->out[0];
    const hone__node *node = ctx->node;
    roi_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a RoiAlign plan");
    p->ratio = hone__node_attr_int(node, "sampling_ratio", 0);
    HONE_FAIL_IF(x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || hone__tensor_count(index) != rois->dims[0] ||
                     y->rank != 4 || p->ratio < 0 || p->ratio > INT16_MAX,
                 ctx->error, HONE_ERROR_SHAPE, "RoiAlign: input, regions and attributes do not fit together");
    p->images = x->dims[0];
    p->channels = x->dims[1];
    p->h = x->dims[2];
    p->w = x->dims[3];
    p->oh = y->dims[2];
    p->ow = y->dims[3];
    p->regions = rois->dims[0];
    p->scale = (double)hone__node_attr_float(node, "spatial_scale", 1);
    p->is_half = strcmp(hone__node_attr_string(node, "coordinate_transformation_mode",
                                               node->opset < 16 ? "output_half_pixel" : "half_pixel"),
                        "half_pixel") == 0;
    p->n_threads = ctx->config->n_threads > 1 ? ctx->config->n_threads : 1;
    ctx->kernel = "f32_roi_align";
    ctx->inplace_input = -1;
    size_t columns, floats;
    HONE_FAIL_IF(
        !hone__mul_size((size_t)p->ow, (size_t)p->w, &columns) ||
            !hone__add_size(columns, (size_t)(p->h + p->w + 32), &floats) ||
            !hone__mul_size(hone__round_up(floats, 16), (size_t)p->n_threads * sizeof(float), &ctx->workspace_size),
        ctx->error, HONE_ERROR_LIMIT, "the regions of RoiAlign are too large");
    p->scratch = hone__round_up(floats, 16);
    return HONE_OK;
}

/* Adds the weights of one bin's samples along one axis; [*first, *last) are the elements touched. */
static void add_weights(double start, double bin, int64_t grid, int64_t size, float *weights, int64_t *first,
                        int64_t *last) {
    *first = size;
    *last = 0;
    for (int64_t i = 0; i < grid; i++) {
        double at = start + ((double)i + 0.5) * bin / (double)grid;
        if (!(at >= -1 && at <= (double)size))
            continue;
        at = fmax(at, 0);
        int64_t low = (int64_t)at;
        if (low >= size - 1)
            at = (double)(low = size - 1);
        const int64_t high = hone__min_i64(low + 1, size - 1);
        weights[low] += (float)(1 - (at - (double)low));
        weights[high] += (float)(at - (double)low);
        *first = hone__min_i64(*first, low);
        *last = hone__max_i64(*last, high + 1);
    }
}

typedef struct roi_job {
    const roi_plan *plan;
    const float *x, *rois;
    const int64_t *index;
    float *y, *workspace;
} roi_job;

typedef struct region {
    double y, x, bin_h, bin_w;
    int64_t grid_h, grid_w;
} region;

static region read_region(const roi_plan *p, const float *roi) {
    const double off = p->is_half ? 0.5 : 0;
    double w = ((double)roi[2] - (double)roi[0]) * p->scale, h = ((double)roi[3] - (double)roi[1]) * p->scale;
    if (!p->is_half) {
        w = fmax(w, 1);
        h = fmax(h, 1);
    }
    region r = {.y = (double)roi[1] * p->scale - off, .x = (double)roi[0] * p->scale - off};
    r.bin_h = h / (double)p->oh;
    r.bin_w = w / (double)p->ow;
    r.grid_h = p->ratio ? p->ratio : (int64_t)fmax(ceil(r.bin_h), 0);
    r.grid_w = p->ratio ? p->ratio : (int64_t)fmax(ceil(r.bin_w), 0);
    return r;
}

/* One output row of one channel: rows joined into `row`, then the columns of each bin. */
static void roi_row(const roi_plan *p, const float *plane, const float *rows, const int64_t *span_y,
                    const float *columns, const int64_t (*span_x)[2], int64_t from, int64_t to, float factor,
                    float *row, float *y) {
    for (int64_t i = from; i < to; i++)
        row[i] = 0;
    for (int64_t r = span_y[0]; r < span_y[1]; r++) {
        const float weight = rows[r], *x = plane + r * p->w;
        for (int64_t i = from; i < to; i++)
            row[i] += weight * x[i];
    }
    for (int64_t px = 0; px < p->ow; px++) {
        const float *weight = columns + px * p->w;
        float sum = 0;
        for (int64_t i = span_x[px][0]; i < span_x[px][1]; i++)
            sum += weight[i] * row[i];
        y[px] = sum * factor;
    }
}

enum { SPANS = 64 }; /* output columns done at once */

static void roi_block(const roi_job *job, int64_t region_index, const region *g, int64_t first_column, int64_t n,
                      float *scratch) {
    const roi_plan *p = job->plan;
    roi_plan part = *p;
    part.ow = n;
    float *rows = scratch, *row = rows + p->h, *columns = row + p->w;
    int64_t span_x[SPANS][2], span_y[2], from = p->w, to = 0;
    memset(columns, 0, (size_t)(n * p->w) * sizeof *columns);
    for (int64_t i = 0; i < n; i++) {
        add_weights(g->x + (double)(first_column + i) * g->bin_w, g->bin_w, g->grid_w, p->w, columns + i * p->w,
                    &span_x[i][0], &span_x[i][1]);
        from = hone__min_i64(from, span_x[i][0]);
        to = hone__max_i64(to, span_x[i][1]);
    }
    const int64_t count = g->grid_h * g->grid_w;
    const float factor = count ? (float)(1.0 / (double)count) : 0;
    for (int64_t py = 0; py < p->oh; py++) {
        memset(rows, 0, (size_t)p->h * sizeof *rows);
        add_weights(g->y + (double)py * g->bin_h, g->bin_h, g->grid_h, p->h, rows, &span_y[0], &span_y[1]);
        for (int64_t c = 0; c < p->channels; c++)
            roi_row(&part, job->x + (job->index[region_index] * p->channels + c) * p->h * p->w, rows, span_y, columns,
                    (const int64_t(*)[2])span_x, from, to, factor, row,
                    job->y + ((region_index * p->channels + c) * p->oh + py) * p->ow + first_column);
    }
}

static void roi_range(void *arg, size_t begin, size_t end, int thread) {
    const roi_job *job = arg;
    const roi_plan *p = job->plan;
    for (size_t r = begin; r < end; r++) {
        const region g = read_region(p, job->rois + r * 4);
        for (int64_t at = 0; at < p->ow; at += SPANS)
            roi_block(job, (int64_t)r, &g, at, hone__min_i64(SPANS, p->ow - at),
                      job->workspace + (size_t)thread * p->scratch);
    }
}

static hone_status run_roi_align(hone__cpu_run *ctx) {
    const roi_plan *p = ctx->plan_state;
    roi_job job = {p, ctx->in[0]->data, ctx->in[1]->data, ctx->in[2]->data, ctx->out[0]->data, ctx->workspace};
    for (int64_t r = 0; r < p->regions; r++) {
        const region g = read_region(p, job.rois + r * 4);
        HONE_FAIL_IF(job.index[r] < 0 || job.index[r] >= p->images, ctx->error, HONE_ERROR_SHAPE,
                     "RoiAlign: batch index %lld is out of range", (long long)job.index[r]);
        HONE_FAIL_IF(!(fabs(g.bin_h) < 0x1p14 && fabs(g.bin_w) < 0x1p14), ctx->error, HONE_ERROR_LIMIT,
                     "RoiAlign: region %lld is too large", (long long)r);
    }
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    if (hone__tensor_count(ctx->in[0]) == 0) {
        memset(ctx->out[0]->data, 0, ctx->out[0]->size);
        return HONE_OK;
    }
    hone__pool *pool = hone__pool_threads(ctx->pool) <= p->n_threads ? ctx->pool : NULL;
    hone__pool_run_range(pool, (size_t)p->regions, 1, roi_range, &job);
    return HONE_OK;
}

/* ---- GridSample ---- */

typedef struct grid_plan {
    hone__grid_mode mode;
    hone__grid_pad pad;
    bool align;
    int64_t channels, h, w, points, blocks;
} grid_plan;

static bool match_grid(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    hone__grid_mode mode;
    hone__grid_pad pad;
    return hone__bind_all_f32(node) && hone__bind_rank(node, 0) == 4 && hone__grid_read(node, &mode, &pad);
}

static hone_status plan_grid(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *g = ctx->in[1], *y = ctx->out[0];
    grid_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a GridSample plan");
    HONE_FAIL_IF(x->rank != 4 || g->rank != 4 || y->rank != 4 || g->dims[3] != 2 || g->dims[0] != x->dims[0] ||
                     !hone__grid_read(ctx->node, &p->mode, &p->pad),
                 ctx->error, HONE_ERROR_SHAPE, "GridSample: the grid does not fit the input");
    p->align = hone__node_attr_int(ctx->node, "align_corners", 0) != 0;
    p->channels = x->dims[1];
    p->h = x->dims[2];
    p->w = x->dims[3];
    p->points = g->dims[1] * g->dims[2];
    p->blocks = (p->points + BLOCK - 1) / BLOCK;
    ctx->kernel = "f32_grid_sample";
    ctx->inplace_input = -1;
    return HONE_OK;
}

typedef struct grid_job {
    const grid_plan *plan;
    const float *x, *grid;
    float *y;
} grid_job;

/* Taps of n points: offsets in the plane (0 where there is none) and weights (0 there). */
static int block_taps(const grid_plan *p, const float *grid, int64_t n, int32_t (*at)[BLOCK], float (*weight)[BLOCK]) {
    int n_taps = 0;
    for (int64_t i = 0; i < n; i++) {
        hone__grid_axis ay = {.size = p->h}, ax = {.size = p->w};
        hone__grid_taps(&ax, (double)grid[2 * i], p->mode, p->pad, p->align);
        hone__grid_taps(&ay, (double)grid[2 * i + 1], p->mode, p->pad, p->align);
        n_taps = ax.n * ay.n;
        for (int t = 0; t < n_taps; t++) {
            const int64_t row = ay.index[t / ax.n], column = ax.index[t % ax.n];
            const bool is_inside = row >= 0 && column >= 0;
            at[t][i] = is_inside ? (int32_t)(row * p->w + column) : 0;
            weight[t][i] = is_inside ? (float)(ay.weight[t / ax.n] * ax.weight[t % ax.n]) : 0.0f;
        }
    }
    return n_taps;
}

static void grid_range(void *arg, size_t begin, size_t end, int thread) {
    const grid_job *job = arg;
    const grid_plan *p = job->plan;
    int32_t at[MAX_TAPS][BLOCK];
    float weight[MAX_TAPS][BLOCK];
    (void)thread;
    for (size_t b = begin; b < end; b++) {
        const int64_t image = (int64_t)b / p->blocks, first = (int64_t)b % p->blocks * BLOCK;
        const int64_t n = hone__min_i64(BLOCK, p->points - first);
        const int n_taps = block_taps(p, job->grid + (image * p->points + first) * 2, n, at, weight);
        for (int64_t c = 0; c < p->channels; c++) {
            const float *plane = job->x + (image * p->channels + c) * p->h * p->w;
            float *y = job->y + (image * p->channels + c) * p->points + first;
            for (int64_t i = 0; i < n; i++) {
                float sum = 0;
                for (int t = 0; t < n_taps; t++) /* a tap that is not there must not bring in a NaN */
                    sum += weight[t][i] != 0.0f ? weight[t][i] * plane[at[t][i]] : 0.0f;
                y[i] = sum;
            }
        }
    }
}

static hone_status run_grid(hone__cpu_run *ctx) {
    const grid_plan *p = ctx->plan_state;
    grid_job job = {p, ctx->in[0]->data, ctx->in[1]->data, ctx->out[0]->data};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    HONE_FAIL_IF(p->h * p->w > INT32_MAX, ctx->error, HONE_ERROR_LIMIT, "GridSample: the planes are too large");
    if (p->h * p->w == 0) {
        memset(ctx->out[0]->data, 0, ctx->out[0]->size);
        return HONE_OK;
    }
    hone__pool_run_range(ctx->pool, (size_t)(ctx->in[0]->dims[0] * p->blocks),
                         hone__bind_grain((size_t)p->channels * BLOCK, GRAIN_ELEMENTS), grid_range, &job);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "RoiAlign", 10, HONE_ANY_VERSION, "f32_roi_align", match_roi_align, NULL, NULL, plan_roi_align, run_roi_align,
     NULL},
    {"", "GridSample", 16, HONE_ANY_VERSION, "f32_grid_sample", match_grid, NULL, NULL, plan_grid, run_grid, NULL},
};
const hone__cpu_kernel_family hone__cpu_family_sample = {"sample", rows, sizeof rows / sizeof rows[0]};
