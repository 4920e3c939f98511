/* Chains in the channel-blocked layout: a dense convolution (the expanding 1x1 of an inverted residual, or a network's
 * first layer), the depthwise one that reads it and, where nothing stands between, the pointwise one that reads that.
 * What lies between is made a few rows at a time in a thread's own scratch, which stays in its L2, instead of going
 * through tensors that are several times the size of the chain's input and output.
 *
 * Per group of output rows and panel of two vectors of channels: the rows that the depthwise convolution still needs
 * are written, with zeros around the image, beside those kept from the group before; then it runs on them, every pixel
 * with all its taps. With a pointwise end, the group's results of all channels are then multiplied out.
 *
 * Threads take bands of rows, and compute the rows at their borders twice; without a pointwise end, also panels. The
 * order of additions is that of the single convolutions, so results are equal to the last bit. */
#include "kernels/conv/conv_blocked_internal.h"

#include <string.h>

enum { SCRATCH_BYTES = 512 * 1024, PAIR_SCRATCH_BYTES = 96 * 1024, MAX_ROWS = 16, MANY_ROWS = 24 };

static bool is_algo(const hone__conv_plan *plan, bool (*fill)(hone__conv_plan *)) {
    return plan->algo->plan == fill && plan->desc.layout == HONE_CONV_LAYOUT_BLOCKED;
}

static bool fits(const hone__conv_plan *first, const hone__conv_plan *dw, const hone__conv_plan *last) {
    const hone__conv_desc *a = &first->desc, *d = &dw->desc;
    if (!is_algo(first, hone__conv_blocked_plan_fill) || !is_algo(dw, hone__conv_blocked_dw_plan_fill) ||
        first->blocked.groups != 1 || a->oh < 2 || a->k != d->c || a->oh != d->h || a->ow != d->w || a->n != d->n ||
        first->ops != dw->ops || first->n_threads != dw->n_threads)
        return false;
    if (!last)
        return true;
    const hone__conv_desc *e = &last->desc;
    return is_algo(last, hone__conv_blocked_plan_fill) && hone__conv_blocked_pointwise_applicable(e) &&
           last->blocked.groups == 1 && e->c == d->k && e->h == d->oh && e->w == d->ow && e->n == d->n &&
           last->ops == dw->ops && last->n_threads == dw->n_threads;
}

/* Floats of scratch for groups of `rows` output rows. */
static size_t scratch_floats(const hone__conv_chain_plan *c, size_t rows) {
    const hone__conv_desc *d = &c->depthwise->desc;
    const size_t vw = c->first.ops->vw, vectors = hone__conv_ceil(d->c, vw);
    const size_t mid_rows = (rows - 1) * d->stride_h + (d->r - 1) * d->dil_h + 1, mid = mid_rows * c->mid_pitch;
    return c->project ? vectors * (mid + rows * d->ow * vw) : 2 * mid;
}

bool hone__conv_chain_plan_init(hone__conv_chain_plan *c, const hone__conv_plan *first, const hone__conv_plan *dw,
                                const hone__conv_plan *project) {
    if (!fits(first, dw, project))
        return false;
    *c = (hone__conv_chain_plan){.first = *first, .depthwise = dw, .project = project};
    const hone__conv_desc *d = &dw->desc;
    const size_t vw = first->ops->vw, threads = (size_t)first->n_threads;
    c->first.blocked.flat = first->desc; /* rows again, where it was one long row of pixels */
    hone__conv_blocked_measure(&c->first);
    const size_t pad_w = (d->ow - 1) * d->stride_w + (d->s - 1) * d->dil_w + 1;
    size_t area;
    c->mid_pitch = hone__max_size(pad_w, d->pad_left + d->w) * vw;
    if (!hone__mul_size(c->mid_pitch, d->r * d->dil_h + d->stride_h, &area) || area > (size_t)1 << 20)
        return false; /* no such row is worth keeping */
    c->n_band = c->n_jchunk = 1;
    if (threads > 1 && d->n % threads != 0) {
        if (project || d->oh >= MANY_ROWS)
            c->n_band = hone__min_size(threads, d->oh);
        if (!project)
            c->n_jchunk = c->first.blocked.n_panel;
    }
    const size_t band = hone__conv_ceil(d->oh, c->n_band);
    const size_t most = (project ? SCRATCH_BYTES : PAIR_SCRATCH_BYTES) / sizeof(float);
    size_t rows = hone__min_size(MAX_ROWS, band);
    while (rows > 1 && scratch_floats(c, rows) > most)
        rows--;
    if (scratch_floats(c, rows) > 2 * most)
        return false;
    c->rows = hone__conv_ceil(band, hone__conv_ceil(band, rows));
    c->mid_rows = (c->rows - 1) * d->stride_h + (d->r - 1) * d->dil_h + 1;
    c->mid_plane = c->mid_rows * c->mid_pitch;
    c->out_plane = c->rows * d->ow * vw;
    c->tile = hone__conv_ceil(d->ow, hone__conv_ceil(d->ow, first->ops->dw_mr));
    c->scratch = hone__round_up(scratch_floats(c, c->rows), 16);
    c->workspace_size = c->scratch * threads * sizeof(float);
    return true;
}

/* What a thread would write and read again, and the rows that threads compute twice. Measured on Zen 4 (1 MiB of L2 per
 * core): chains whose tensors stay in L2 anyway are as fast apart, or faster, because tasks are then smaller. */
bool hone__conv_chain_pays(const hone__conv_chain_plan *c, size_t l2_bytes) {
    const hone__conv_desc *d = &c->depthwise->desc;
    const double parts = (double)hone__max_size(c->n_band, hone__min_size(d->n, (size_t)c->first.n_threads));
    const double images = (double)d->n, block = (double)c->first.ops->vw;
    const double channels = (double)hone__conv_ceil(d->c, c->first.ops->vw) * block * sizeof(float);
    const double mid = images * channels * (double)(d->h * d->w) / parts;
    const double out = c->project ? images * channels * (double)(d->oh * d->ow) / parts : 0.0;
    const double again = (double)(c->n_band - 1) * (double)((d->r - 1) * d->dil_h) / (double)d->h;
    return mid + out > 1.25 * (double)l2_bytes / (c->project ? 1.0 : 2.0) && again <= 0.03;
}

size_t hone__conv_chain_tasks(const hone__conv_chain_plan *c) { return c->depthwise->desc.n * c->n_band * c->n_jchunk; }

/* ---- run ---- */

/* A task under way: one image, one band of rows. */
typedef struct chain_job {
    const hone__conv_chain_plan *plan;
    const hone__conv_chain_args *args;
    hone__conv_blocked_job first, project;
    size_t image;
    float *mid, *out;
} chain_job;

/* A group of output rows [begin, begin + n) and the rows of its input [lo, hi), those from `from` on not there yet.
 * Rows count from the padding above the image on. */
typedef struct chain_group {
    size_t begin, n, lo, hi, from;
    size_t moved; /* where row lo lies in the group before; the rows from there on are kept */
} chain_group;

static chain_group group_at(const hone__conv_chain_plan *c, size_t first, size_t begin, size_t end) {
    const hone__conv_desc *d = &c->depthwise->desc;
    chain_group g = {.begin = begin, .n = hone__min_size(c->rows, end - begin), .lo = begin * d->stride_h};
    g.hi = g.lo + (g.n - 1) * d->stride_h + (d->r - 1) * d->dil_h + 1;
    g.from = g.lo;
    if (begin > first) { /* the group before was a whole one */
        const size_t lo = (begin - c->rows) * d->stride_h;
        g.moved = g.lo - lo;
        g.from = hone__max_size(g.lo, lo + c->mid_rows);
    }
    return g;
}

/* Zeros left and right of the image, for vectors of channels that lie in `mid`. */
static void zero_margins(const hone__conv_chain_plan *c, float *mid, size_t vectors) {
    const hone__conv_desc *d = &c->depthwise->desc;
    const size_t vw = c->first.ops->vw, left = d->pad_left * vw, end = left + d->w * vw;
    for (size_t i = 0; i < vectors * c->mid_rows; i++, mid += c->mid_pitch) {
        memset(mid, 0, left * sizeof *mid);
        if (c->mid_pitch > end)
            memset(mid + end, 0, (c->mid_pitch - end) * sizeof *mid);
    }
}

/* Rows [g->from, g->hi) of panel j of the first convolution. */
static void make_rows(const chain_job *job, size_t j, const hone__conv_blocked_panel *panel, const chain_group *g,
                      float *mid) {
    const hone__conv_chain_plan *c = job->plan;
    const hone__conv_desc *d = &c->depthwise->desc;
    const size_t vw = c->first.ops->vw, image_end = d->pad_top + d->h;
    for (size_t v = 0; v < panel->nv && g->from > g->lo; v++)
        memmove(mid + v * c->mid_plane, mid + v * c->mid_plane + g->moved * c->mid_pitch,
                (g->from - g->lo) * c->mid_pitch * sizeof *mid);
    const size_t begin = hone__min_size(g->hi, hone__max_size(g->from, d->pad_top));
    const size_t end = hone__max_size(begin, hone__min_size(g->hi, image_end));
    for (size_t v = 0; v < panel->nv; v++)
        for (size_t row = g->from; row < g->hi; row = row + 1 == begin ? end : row + 1)
            if (row < begin || row >= end)
                memset(mid + v * c->mid_plane + (row - g->lo) * c->mid_pitch + d->pad_left * vw, 0,
                       d->w * vw * sizeof *mid);
    if (begin == end)
        return;
    hone__conv_blocked_job first = job->first;
    first.y = mid + (begin - g->lo) * c->mid_pitch + d->pad_left * vw;
    first.y_pitch = c->mid_pitch;
    first.y_plane = c->mid_plane;
    first.row0 = begin - d->pad_top;
    first.k_base = panel->k0;
    hone__conv_blocked_rows(&first, j, j + 1, begin - d->pad_top, end - d->pad_top);
}

/* The depthwise convolution of one block of channels, whose rows lie in mid, to rows at y. */
static void run_depthwise(const chain_job *job, size_t block, const chain_group *g, const float *mid, const float *z,
                          float *y) {
    const hone__conv_chain_plan *c = job->plan;
    const hone__conv_args *args = &job->args->depthwise;
    const hone__conv_desc *d = &c->depthwise->desc;
    const hone__conv_ops *ops = c->first.ops;
    const size_t vw = ops->vw, tiles = d->ow / c->tile, rest = d->ow % c->tile;
    hone__conv_btile t = {.w = args->packed + block * d->r * d->s * vw,
                          .bias = args->bias ? args->bias + block * vw : NULL,
                          .act = &d->act,
                          .n_k = d->c - block * vw,
                          .kernel_h = d->r,
                          .kernel_w = d->s,
                          .n_r = d->r,
                          .n_s = d->s,
                          .rs = (ptrdiff_t)(d->dil_h * c->mid_pitch),
                          .ss = (ptrdiff_t)(d->dil_w * vw),
                          .ms = (ptrdiff_t)(d->stride_w * vw),
                          .y_ms = vw,
                          .x = mid,
                          .z = z,
                          .y = y};
    if (tiles == 1 && !rest) {
        t.n_times = g->n;
        t.x_step = (ptrdiff_t)(d->stride_h * c->mid_pitch);
        t.y_step = d->ow * vw;
        ops->blocked_dw(c->tile, &t);
        return;
    }
    t.x_step = (ptrdiff_t)(c->tile * d->stride_w * vw);
    t.y_step = c->tile * vw;
    for (size_t i = 0; i < g->n; i++) {
        t.x = mid + i * d->stride_h * c->mid_pitch;
        t.y = y + i * d->ow * vw;
        t.z = z ? z + i * d->ow * vw : NULL;
        t.n_times = tiles;
        ops->blocked_dw(c->tile, &t);
        if (!rest)
            continue;
        t.x += (ptrdiff_t)tiles * t.x_step;
        t.y += tiles * t.y_step;
        t.z = t.z ? t.z + tiles * t.y_step : NULL;
        t.n_times = 1;
        ops->blocked_dw(rest, &t);
    }
}

/* A group's rows of the channels of panel j. */
static void run_panel(const chain_job *job, size_t j, const chain_group *g) {
    const hone__conv_chain_plan *c = job->plan;
    const hone__conv_desc *d = &c->depthwise->desc;
    const hone__conv_args *args = &job->args->depthwise;
    const hone__conv_blocked_panel panel = hone__conv_blocked_panel_at(&c->first.blocked, j);
    const size_t vw = c->first.ops->vw, block = panel.k0 / vw, blocks = hone__conv_ceil(d->c, vw);
    float *mid = job->mid + (c->project ? block * c->mid_plane : 0);
    make_rows(job, j, &panel, g, mid);
    for (size_t v = 0; v < panel.nv; v++) {
        const size_t at = ((job->image * blocks + block + v) * d->oh + g->begin) * d->ow * vw;
        if (c->project)
            run_depthwise(job, block + v, g, mid + v * c->mid_plane, NULL, job->out + (block + v) * c->out_plane);
        else
            run_depthwise(job, block + v, g, mid + v * c->mid_plane, args->z ? args->z + at : NULL, args->y + at);
    }
}

static void run_project(const chain_job *job, const chain_group *g) {
    const hone__conv_chain_plan *c = job->plan;
    const hone__conv_desc *d = &c->depthwise->desc;
    const size_t at = g->begin * d->ow * c->first.ops->vw;
    hone__conv_blocked_job project = job->project;
    project.x = job->out;
    project.x_plane = c->out_plane;
    project.y += at;
    project.z = project.z ? project.z + at : NULL;
    hone__conv_blocked_pixels(&project, g->n * d->ow);
}

void hone__conv_chain_run(const hone__conv_chain_args *args, size_t task, int thread) {
    const hone__conv_chain_plan *c = args->plan;
    const hone__conv_desc *d = &c->depthwise->desc;
    const size_t n_panel = c->first.blocked.n_panel, jc = task % c->n_jchunk, rest = task / c->n_jchunk;
    const size_t band = rest % c->n_band, begin = d->oh * band / c->n_band, end = d->oh * (band + 1) / c->n_band;
    const size_t j0 = n_panel * jc / c->n_jchunk, j1 = n_panel * (jc + 1) / c->n_jchunk;
    const size_t vectors = c->project ? hone__conv_ceil(d->c, c->first.ops->vw) : 2;
    chain_job job = {.plan = c, .args = args, .image = rest / c->n_band};
    job.mid = (float *)args->workspace + (size_t)thread * c->scratch;
    job.out = job.mid + vectors * c->mid_plane;
    job.first = hone__conv_blocked_job_at(&args->first, job.image, 0);
    zero_margins(c, job.mid, vectors);
    if (!c->project) {
        for (size_t j = j0; j < j1; j++)
            for (size_t row = begin; row < end; row += c->rows) {
                const chain_group g = group_at(c, begin, row, end);
                run_panel(&job, j, &g);
            }
        return;
    }
    job.project = hone__conv_blocked_job_at(&args->project, job.image, 0);
    for (size_t row = begin; row < end; row += c->rows) {
        const chain_group g = group_at(c, begin, row, end);
        for (size_t j = 0; j < n_panel; j++)
            run_panel(&job, j, &g);
        run_project(&job, &g);
    }
}
