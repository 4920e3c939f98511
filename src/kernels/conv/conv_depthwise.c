/* Depthwise convolutions (one input channel per group, any multiplier, kernel, stride and dilation).
 *
 * 3x3, 5x5 and 7x7 with stride 1 or 2 have kernels of their own. Otherwise a channel's rows are copied into zero-padded
 * phase planes, one per residue of row and column modulo the strides, so that every tap reads one plane at unit stride.
 * With rows of all planes `pitch` floats apart an output row and the next one are a single sequence: the convolution is
 * a filter with one offset per tap over flat memory, whatever the width of the image, and narrow images fill their
 * vectors. Rows are then stored without the gaps, with the epilogue.
 */
#include "kernels/conv/conv_internal.h"

#include <string.h>

enum { CHUNK_FLOATS = 12 * 1024 };

bool hone__conv_depthwise_applicable(const hone__conv_desc *d) {
    return d->layout == HONE_CONV_LAYOUT_NCHW && d->groups == d->c && d->k % d->c == 0 && d->r * d->s <= 4096;
}

static bool is_plain(const hone__conv_desc *d) {
    return d->r == d->s && (d->r == 3 || d->r == 5 || d->r == 7) && d->stride_h == d->stride_w && d->stride_h <= 2 &&
           d->dil_h == 1 && d->dil_w == 1;
}

static size_t taps_span(size_t kernel, size_t dilation, size_t stride) { return (kernel - 1) * dilation / stride; }

bool hone__conv_depthwise_plan_fill(hone__conv_plan *plan) {
    plan->pack_key = (uint64_t)HONE_CONV_KEY_DEPTHWISE << 56;
    const hone__conv_desc *d = &plan->desc;
    hone__conv_depthwise_plan *p = &plan->depthwise;
    const size_t vw = plan->ops->vw;
    p->multiplier = d->k / d->c;
    p->pitch = d->ow + taps_span(d->s, d->dil_w, d->stride_w);
    const size_t extra = taps_span(d->r, d->dil_h, d->stride_h), planes = d->stride_h * d->stride_w;
    if (p->pitch > INT32_MAX / 64 || extra > 1 << 20 || planes > 4096)
        return false;
    size_t fit = CHUNK_FLOATS / (p->pitch * (planes + 1));
    p->rows = fit > extra + 4 ? fit - extra : 4;
    p->rows = hone__min_size(p->rows, d->oh);
    p->n_rows = hone__conv_ceil(d->oh, p->rows);
    p->rows = hone__conv_ceil(d->oh, p->n_rows);
    p->n_rows = hone__conv_ceil(d->oh, p->rows);
    p->plane_rows = p->rows + extra;
    /* The filter computes whole vectors, so it may read a vector past the last row. */
    p->plane_size = hone__round_up(p->plane_rows * p->pitch + vw, vw);
    p->flat_size = hone__round_up(p->rows * p->pitch, vw);
    size_t floats;
    if (!hone__conv_product(p->plane_size, planes, 1, 1, &floats) || floats > INT32_MAX / 4)
        return false;
    p->scratch = hone__round_up(floats + p->flat_size + 2 * vw, 16);
    const size_t want = hone__max_size(1, (size_t)plan->n_threads * 8 / hone__max_size(1, d->n));
    p->channels = hone__max_size(1, d->c / want);
    p->n_channels = hone__conv_ceil(d->c, p->channels);
    if (!hone__conv_product(d->k, d->r, d->s, 1, &floats) || !hone__conv_bytes(floats, &plan->packed_size))
        return false;
    plan->table_size = hone__round_up(d->r * d->s * 4, 64);
    plan->n_phases = 1;
    if (is_plain(d))
        p->scratch = plan->table_size = 0;
    return hone__conv_product(p->scratch, (size_t)plan->n_threads, 1, 1, &floats) &&
           hone__conv_bytes(floats, &plan->workspace_size);
}

void hone__conv_depthwise_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    memcpy(packed, w, plan->desc.k * plan->desc.r * plan->desc.s * sizeof(float));
}

void hone__conv_depthwise_table(const hone__conv_plan *plan, void *table) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_depthwise_plan *p = &plan->depthwise;
    int32_t *offset = table;
    for (size_t r = 0; r < d->r; r++)
        for (size_t s = 0; s < d->s; s++) {
            const size_t h = r * d->dil_h, w = s * d->dil_w;
            const size_t plane = h % d->stride_h * d->stride_w + w % d->stride_w;
            *offset++ = (int32_t)(plane * p->plane_size + h / d->stride_h * p->pitch + w / d->stride_w);
        }
}

size_t hone__conv_depthwise_tasks(const hone__conv_plan *plan, size_t phase) {
    (void)phase;
    return plan->desc.n * plan->depthwise.n_channels;
}

/* One row of one phase plane: element j is the image's column j*stride + first - pad. */
static void fill_row(const hone__conv_plan *plan, const float *x, size_t first, float *dst) {
    const hone__conv_desc *d = &plan->desc;
    const size_t pitch = plan->depthwise.pitch, sw = d->stride_w;
    const ptrdiff_t shift = (ptrdiff_t)first - (ptrdiff_t)d->pad_left;
    size_t lo = shift < 0 ? hone__conv_ceil((size_t)-shift, sw) : 0;
    size_t hi = shift >= (ptrdiff_t)d->w ? 0 : hone__conv_ceil((size_t)((ptrdiff_t)d->w - shift), sw);
    lo = hone__min_size(lo, pitch);
    hi = hone__min_size(hi, pitch);
    if (hi <= lo) {
        memset(dst, 0, pitch * sizeof(float));
        return;
    }
    for (size_t j = 0; j < lo; j++)
        dst[j] = 0.0f;
    plan->ops->copy_strided(x + (ptrdiff_t)(lo * sw) + shift, sw, hi - lo, dst + lo);
    for (size_t j = hi; j < pitch; j++)
        dst[j] = 0.0f;
}

static void fill_planes(const hone__conv_plan *plan, const float *x, size_t oh0, size_t rows, float *planes) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_depthwise_plan *p = &plan->depthwise;
    for (size_t a = 0; a < d->stride_h; a++)
        for (size_t b = 0; b < d->stride_w; b++) {
            float *dst = planes + (a * d->stride_w + b) * p->plane_size;
            for (size_t i = 0; i < rows; i++, dst += p->pitch) {
                const ptrdiff_t ih = (ptrdiff_t)((oh0 + i) * d->stride_h + a) - (ptrdiff_t)d->pad_top;
                if (ih < 0 || ih >= (ptrdiff_t)d->h)
                    memset(dst, 0, p->pitch * sizeof(float));
                else
                    fill_row(plan, x + (size_t)ih * d->w, b, dst);
            }
        }
}

static void store_flat(const hone__conv_args *args, size_t image, size_t k, size_t oh0, size_t rows,
                       const float *flat) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_desc *d = &plan->desc;
    const size_t pitch = plan->depthwise.pitch, at = ((image * d->k + k) * d->oh + oh0) * d->ow;
    if (pitch == d->ow) {
        hone__conv_out out = {args->bias ? args->bias + k : NULL, args->z ? args->z + at : NULL, args->y + at, 0,
                              &d->act};
        plan->ops->store_rows(flat, 0, 1, rows * d->ow, &out);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        hone__conv_out out = {args->bias ? args->bias + k : NULL, args->z ? args->z + at + i * d->ow : NULL,
                              args->y + at + i * d->ow, 0, &d->act};
        plan->ops->store_rows(flat + i * pitch, 0, 1, d->ow, &out);
    }
}

/* The common kernels read the input directly (conv_depthwise_impl.h). */
static void run_plain(const hone__conv_args *args, size_t image, size_t c0, size_t c1) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_desc *d = &plan->desc;
    const size_t mult = plan->depthwise.multiplier, taps = d->r * d->s;
    for (size_t k = c0 * mult; k < c1 * mult; k++) {
        const size_t at = (image * d->k + k) * d->oh * d->ow;
        hone__conv_dw plane = {args->x + (image * d->c + k / mult) * d->h * d->w,
                               args->packed + k * taps,
                               args->z ? args->z + at : NULL,
                               args->y + at,
                               args->bias ? args->bias[k] : 0.0f,
                               d->h,
                               d->w,
                               d->oh,
                               d->ow,
                               (ptrdiff_t)d->pad_top,
                               (ptrdiff_t)d->pad_left,
                               &d->act};
        plan->ops->depthwise_plane(d->r, d->stride_h, &plane);
    }
}

void hone__conv_depthwise_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    (void)phase;
    const hone__conv_plan *plan = args->plan;
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_depthwise_plan *p = &plan->depthwise;
    const size_t image = task / p->n_channels, c0 = task % p->n_channels * p->channels;
    if (is_plain(d)) {
        run_plain(args, image, c0, hone__min_size(d->c, c0 + p->channels));
        return;
    }
    const size_t planes_size = p->plane_size * d->stride_h * d->stride_w;
    float *planes = (float *)args->workspace + (size_t)thread * p->scratch, *flat = planes + planes_size;
    /* What the filter reads past the rows is not used, but must be numbers: slow paths hide in what was there before.
     */
    memset(planes, 0, planes_size * sizeof(float));
    for (size_t c = c0; c < hone__min_size(d->c, c0 + p->channels); c++)
        for (size_t oh0 = 0; oh0 < d->oh; oh0 += p->rows) {
            const size_t rows = hone__min_size(p->rows, d->oh - oh0);
            fill_planes(plan, args->x + (image * d->c + c) * d->h * d->w, oh0, rows + p->plane_rows - p->rows, planes);
            for (size_t i = 0; i < p->multiplier; i++) {
                const size_t k = c * p->multiplier + i;
                plan->ops->fir(planes, args->table, args->packed + k * d->r * d->s, d->r * d->s,
                               hone__round_up(rows * p->pitch, plan->ops->vw), flat);
                store_flat(args, image, k, oh0, rows, flat);
            }
        }
}
