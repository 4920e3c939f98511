/* Transposed convolutions: col[k*r*s, pixels] = w^T[k*r*s, c] * x[c, pixels] by the GEMM driver of
 * conv_gemm.c, then every output pixel gathers the columns that reach it (col2im without write conflicts).
 * Two phases per image; the workspace holds one image's columns. */
#include "kernels/conv/conv_internal.h"

enum { KC_MAX = 384, BLOCK_PANELS = 4 };

static const hone_act ACT_NONE = {HONE_ACT_NONE, 0, 0};

bool hone__deconv_plan_init(hone__deconv_plan *plan, const hone__conv_desc *desc, uint32_t isa, int n_threads) {
    hone__conv_plan probe = {.desc = *desc};
    *plan = (hone__deconv_plan){.desc = *desc, .n_threads = n_threads};
    plan->ops = hone__conv_ops_for(isa);
    const hone__conv_desc *d = &probe.desc;
    const size_t mr = plan->ops->pv_mr, nr = plan->ops->pv_nv * plan->ops->vw, cg = d->c / d->groups;
    size_t floats, col, b;
    if (!hone__conv_product(d->k / d->groups, d->r, d->s, 1, &plan->rows) ||
        !hone__conv_product(d->h, d->w, 1, 1, &plan->pixels))
        return false;
    const size_t panels = hone__conv_ceil(plan->pixels, nr);
    plan->block = hone__min_size(BLOCK_PANELS, panels) * nr;
    plan->n_block = hone__conv_ceil(plan->pixels, plan->block);
    const size_t m_panels = hone__conv_ceil(plan->rows, mr), want = (size_t)n_threads * 3;
    size_t chunks = n_threads > 1 && plan->n_block < want ? hone__conv_ceil(want, plan->n_block) : 1;
    chunks = hone__min_size(chunks, hone__max_size(1, m_panels / 4));
    plan->chunk = hone__conv_ceil(m_panels, chunks) * mr;
    plan->n_chunk = hone__conv_ceil(plan->rows, plan->chunk);
    const size_t kc = hone__conv_ceil(cg, hone__conv_ceil(cg, KC_MAX));
    plan->scratch = hone__round_up(
        hone__conv_block_scratch(plan->ops, cg, kc, plan->chunk, hone__min_size(plan->block, plan->pixels), &b), 16);
    if (!hone__conv_product(hone__round_up(plan->rows, mr), cg, d->groups, 1, &floats) ||
        !hone__conv_bytes(floats, &plan->packed_size) ||
        !hone__conv_product(plan->rows, plan->pixels, d->groups, 1, &col) ||
        !hone__conv_product(plan->scratch, (size_t)n_threads, 1, 1, &floats) || !hone__add_size(floats, col, &floats))
        return false;
    plan->n_phases = 2 * d->n;
    return hone__conv_bytes(floats, &plan->workspace_size);
}

/* w: [c, k/groups, r, s]: row (k, r, s) of a group is strided by one, its depth by k/groups*r*s. */
void hone__deconv_pack(const hone__deconv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    const size_t cg = d->c / d->groups, mr = plan->ops->pv_mr;
    for (size_t g = 0; g < d->groups; g++)
        hone__conv_pack_rows_panel(w + g * cg * plan->rows, plan->rows, cg, 1, plan->rows, mr,
                                   packed + g * hone__round_up(plan->rows, mr) * cg);
}

size_t hone__deconv_n_tasks(const hone__deconv_plan *plan, size_t phase) {
    return phase % 2 == 0 ? plan->desc.groups * plan->n_block * plan->n_chunk : plan->desc.k;
}

typedef struct deconv_fill {
    const hone__conv_ops *ops;
    const float *x;
    size_t ld, cols;
} deconv_fill;

static void fill_b(void *user, size_t k0, size_t kc, float *b) {
    const deconv_fill *f = user;
    f->ops->pack_rows(f->x + k0 * f->ld, f->ld, kc, f->cols, b);
}

static float *columns(const hone__deconv_args *args) {
    return (float *)args->workspace + (size_t)args->plan->n_threads * args->plan->scratch;
}

static void multiply(const hone__deconv_args *args, size_t image, size_t task, int thread) {
    const hone__deconv_plan *p = args->plan;
    const hone__conv_desc *d = &p->desc;
    const size_t cg = d->c / d->groups, chunk = task % p->n_chunk, block = task / p->n_chunk % p->n_block;
    const size_t group = task / p->n_chunk / p->n_block, row0 = chunk * p->chunk, p0 = block * p->block;
    const size_t kc = hone__conv_ceil(cg, hone__conv_ceil(cg, KC_MAX));
    float *scratch = (float *)args->workspace + (size_t)thread * p->scratch;
    deconv_fill f = {p->ops, args->x + (image * d->c + group * cg) * p->pixels + p0, p->pixels,
                     hone__min_size(p->block, p->pixels - p0)};
    size_t b_floats;
    hone__conv_block_scratch(p->ops, cg, kc, p->chunk, hone__min_size(p->block, p->pixels), &b_floats);
    hone__conv_block b = {p->ops,
                          args->packed + group * hone__round_up(p->rows, p->ops->pv_mr) * cg + row0 * cg,
                          cg,
                          kc,
                          hone__min_size(p->chunk, p->rows - row0),
                          f.cols,
                          scratch,
                          scratch + b_floats};
    hone__conv_out out = {NULL, NULL, columns(args) + (group * p->rows + row0) * p->pixels + p0, p->pixels, &ACT_NONE};
    hone__conv_block_run(&b, fill_b, &f, &out);
}

/* Input index of an output index for a tap, or -1. */
static ptrdiff_t source(size_t out, size_t tap, size_t stride, size_t dil, size_t pad, size_t n) {
    ptrdiff_t at = (ptrdiff_t)(out + pad) - (ptrdiff_t)(tap * dil);
    if (at < 0 || at % (ptrdiff_t)stride != 0)
        return -1;
    at /= (ptrdiff_t)stride;
    return at < (ptrdiff_t)n ? at : -1;
}

/* A row of columns by the output column that it reaches: y[phase + j * stride] takes c[j], j in [lo, hi). */
typedef struct deconv_line {
    const float *c;
    size_t lo, hi;
} deconv_line;

enum { MAX_LINES = 16 };

static void add_part(const deconv_line *line, size_t lo, size_t hi, size_t stride, float *y) {
    for (size_t j = lo; j < hi; j++)
        y[j * stride] += line->c[j];
}

/* All lines of a phase at once where they all reach: y is read and written once there. */
static void add_lines(const deconv_line *lines, size_t n, size_t stride, float *y) {
    size_t lo = 0, hi = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        lo = hone__max_size(lo, lines[i].lo);
        hi = hone__min_size(hi, lines[i].hi);
    }
    hi = hone__max_size(lo, hi);
    for (size_t i = 0; i < n; i++) {
        add_part(&lines[i], lines[i].lo, hone__min_size(lo, lines[i].hi), stride, y);
        add_part(&lines[i], hone__max_size(hi, lines[i].lo), lines[i].hi, stride, y);
    }
    for (size_t j = lo; j < hi; j++) {
        float sum = lines[0].c[j];
        for (size_t i = 1; i < n; i++)
            sum += lines[i].c[j];
        y[j * stride] += sum;
    }
}

/* The line of a kernel column in input row `row`; false when it reaches no output column of the phase. */
static bool line_of(const hone__conv_desc *d, const float *row, size_t s, size_t phase, deconv_line *line) {
    /* Input column iw reaches output column iw*stride + first, which is phase + (iw + shift)*stride. */
    const ptrdiff_t first = (ptrdiff_t)(s * d->dil_w) - (ptrdiff_t)d->pad_left, stride = (ptrdiff_t)d->stride_w;
    const ptrdiff_t gap = first - (ptrdiff_t)phase;
    if (gap % stride != 0 || d->ow <= phase)
        return false;
    const ptrdiff_t shift = gap / stride, end = (ptrdiff_t)hone__conv_ceil(d->ow - phase, d->stride_w);
    const ptrdiff_t hi = shift + (ptrdiff_t)d->w < end ? shift + (ptrdiff_t)d->w : end;
    if (hi <= 0 || hi <= shift)
        return false;
    *line = (deconv_line){row - shift, shift > 0 ? (size_t)shift : 0, (size_t)hi};
    return true;
}

/* One output channel of an image. Kernel columns that differ by a multiple of the stride reach the same output
 * columns, those of one phase. */
static void gather(const hone__deconv_args *args, size_t image, size_t k) {
    const hone__deconv_plan *p = args->plan;
    const hone__conv_desc *d = &p->desc;
    const float *col = columns(args) + k * d->r * d->s * p->pixels;
    float *y = args->y + (image * d->k + k) * d->oh * d->ow;
    for (size_t oh = 0; oh < d->oh; oh++, y += d->ow) {
        for (size_t ow = 0; ow < d->ow; ow++)
            y[ow] = 0.0f;
        for (size_t phase = 0; phase < hone__min_size(d->stride_w, d->ow); phase++) {
            deconv_line lines[MAX_LINES];
            size_t n = 0;
            for (size_t r = 0; r < d->r; r++) {
                const ptrdiff_t ih = source(oh, r, d->stride_h, d->dil_h, d->pad_top, d->h);
                for (size_t s = 0; ih >= 0 && s < d->s; s++) {
                    const float *row = col + (r * d->s + s) * p->pixels + (size_t)ih * d->w;
                    n += line_of(d, row, s, phase, &lines[n]);
                    if (n == MAX_LINES) {
                        add_lines(lines, n, d->stride_w, y + phase);
                        n = 0;
                    }
                }
            }
            if (n)
                add_lines(lines, n, d->stride_w, y + phase);
        }
        hone__conv_out out = {args->bias ? args->bias + k : NULL, NULL, y, 0, &d->act};
        p->ops->store_rows(y, 0, 1, d->ow, &out);
    }
}

void hone__deconv_run_task(const hone__deconv_args *args, size_t phase, size_t task, int thread) {
    if (phase % 2 == 0)
        multiply(args, phase / 2, task, thread);
    else
        gather(args, phase / 2, task);
}
