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

/* One output channel of an image. */
static void gather(const hone__deconv_args *args, size_t image, size_t k) {
    const hone__deconv_plan *p = args->plan;
    const hone__conv_desc *d = &p->desc;
    const float *col = columns(args) + k * d->r * d->s * p->pixels;
    float *y = args->y + (image * d->k + k) * d->oh * d->ow;
    for (size_t oh = 0; oh < d->oh; oh++, y += d->ow) {
        for (size_t ow = 0; ow < d->ow; ow++)
            y[ow] = 0.0f;
        for (size_t r = 0; r < d->r; r++) {
            const ptrdiff_t ih = source(oh, r, d->stride_h, d->dil_h, d->pad_top, d->h);
            if (ih < 0)
                continue;
            for (size_t s = 0; s < d->s; s++) {
                const float *c = col + (r * d->s + s) * p->pixels + (size_t)ih * d->w;
                /* Output columns iw*stride + s*dil - pad for iw with that inside [0, ow). */
                const ptrdiff_t first = (ptrdiff_t)(s * d->dil_w) - (ptrdiff_t)d->pad_left;
                const size_t lo = first < 0 ? hone__conv_ceil((size_t)-first, d->stride_w) : 0;
                for (size_t iw = lo; iw < d->w; iw++) {
                    const ptrdiff_t ow = (ptrdiff_t)(iw * d->stride_w) + first;
                    if (ow >= (ptrdiff_t)d->ow)
                        break;
                    y[ow] += c[iw];
                }
            }
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
