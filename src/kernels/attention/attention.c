/* Planning and running fused attention; see attention.h. */
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_rows.h"

#include "base/checked.h"
#include <math.h>
#include <string.h>

enum {
    DECODE_QUERIES = 4, /* at most so many queries are treated one by one */
    MAX_CHUNK = 256,    /* queries per task: their running state lives in the workspace */
    LINE = 16           /* floats of a cache line */
};

static const hone__attention_kernel *const kernels[] = {
#if defined(__x86_64__)
    &hone_f32_attention__avx512,
    &hone_f32_attention__avx2,
#endif
    &hone_f32_attention__generic,
};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

const hone__attention_kernel *hone__attention_kernel_find(uint32_t isa) {
    for (size_t i = 0; i < N_KERNELS; i++)
        if ((kernels[i]->isa & isa) == kernels[i]->isa)
            return kernels[i];
    return kernels[N_KERNELS - 1];
}

/* A thread's workspace, in floats; the order is that of `layout`. */
typedef struct areas {
    size_t scratch, scores, mask, condition, query, keys, values, state, correction, out, rows, total;
} areas;

static bool place(size_t *total, size_t a, size_t b, size_t *offset) {
    size_t n;
    *offset = *total;
    return hone__mul_size(a, b, &n) && hone__add_size(n, LINE - 1, &n) &&
           hone__add_size(*total, n / LINE * LINE, total);
}

static bool layout(const hone__attention_plan *plan, areas *a) {
    const hone__attention_problem *p = &plan->problem;
    const size_t nr = plan->gemm->nr, blocks = hone__div_up(plan->chunk, nr);
    *a = (areas){0};
    size_t *n = &a->total;
    if (plan->is_decode) /* scores of one query; V's last columns when they fill no panel */
        return place(n, HONE_GEMM_SCRATCH, 1, &a->scratch) && place(n, p->t, 1, &a->scores) &&
               place(n, p->dv % nr ? p->t : 0, nr, &a->values);
    return place(n, HONE_GEMM_SCRATCH, 1, &a->scratch) && place(n, plan->key_block, nr, &a->scores) &&
           place(n, p->has_mask && (p->mask_q || p->has_condition) ? plan->key_block : 0, nr, &a->mask) &&
           place(n, p->has_condition ? plan->key_block : 0, nr, &a->condition) &&
           place(n, blocks * nr, p->d, &a->query) && place(n, plan->key_block, p->d, &a->keys) &&
           place(n, plan->key_block, p->dv, &a->values) && place(n, blocks * 2, nr, &a->state) &&
           place(n, 1, nr, &a->correction) && place(n, blocks * nr, p->dv, &a->out) &&
           place(n, p->o.row != p->dv ? nr : 0, p->dv, &a->rows);
}

bool hone__attention_make_plan(const hone__attention_problem *problem, const hone__gemm_config *config,
                               hone__attention_plan *out) {
    *out = (hone__attention_plan){.problem = *problem,
                                  .gemm = hone__gemm_kernel_find(config->isa),
                                  .kernel = hone__attention_kernel_find(config->isa)};
    const size_t n_threads = config->n_threads > 0 ? (size_t)config->n_threads : 1, nr = out->gemm->nr;
    const size_t l2 = config->l2_bytes > 0 ? (size_t)config->l2_bytes : 512u << 10;
    const size_t products = problem->batch * problem->heads;
    out->is_decode = problem->s <= DECODE_QUERIES || problem->t == 0; /* no keys: the sums are empty */
    out->name = out->is_decode ? out->kernel->decode_name : out->kernel->name;
    if (out->is_decode) {
        out->chunk = problem->s;
    } else {
        out->chunk = hone__min_size(MAX_CHUNK, hone__round_up(problem->s, nr));
        while (out->chunk > nr && products * hone__div_up(problem->s, out->chunk) < 4 * n_threads)
            out->chunk = hone__round_up(out->chunk / 2, nr);
        /* Packed keys and values and the scores of one block of queries in half of the L2 cache. */
        const size_t most = hone__max_size(64, l2 / 2 / sizeof(float) / (problem->d + problem->dv + 2 * nr));
        const size_t parts = hone__max_size(1, hone__div_up(problem->t, most));
        out->key_block = hone__max_size(1, hone__div_up(problem->t, parts));
    }
    if (products == 0 || problem->s == 0 || problem->dv == 0)
        return true; /* nothing to compute */
    out->n_chunks = hone__div_up(problem->s, out->chunk);
    out->n_tasks = products * out->n_chunks;
    areas a;
    return layout(out, &a) && hone__mul_size(a.total, sizeof(float), &out->thread_size) &&
           hone__mul_size(out->thread_size, n_threads, &out->workspace_size);
}

/* One head's operands. */
typedef struct head {
    const hone__attention_plan *plan;
    const float *q, *k, *v, *mask, *condition;
    float *o, *ws;
    float scale;
    areas at;
} head;

/* How many keys a query sees. */
static size_t seen_by(const hone__attention_problem *p, size_t query) {
    if (!p->causal)
        return p->t;
    const size_t after = p->s - 1 - hone__min_size(query, p->s - 1); /* keys behind the query's own */
    return p->t > after ? p->t - after : 0;
}

/* Scores s[key][lane] of a block that reaches over the diagonal: -infinity for keys behind the lane's query. */
static void mask_diagonal(const hone__attention_problem *p, float *scores, size_t ld, size_t q0, size_t lanes,
                          size_t k0, size_t keys) {
    for (size_t lane = 0; lane < lanes; lane++) {
        const size_t seen = seen_by(p, q0 + lane);
        for (size_t key = seen > k0 ? seen - k0 : 0; key < keys; key++)
            scores[key * ld + lane] = -INFINITY;
    }
}

static void decode(const head *h) {
    const hone__attention_problem *p = &h->plan->problem;
    const hone__gemm_kernel *gemm = h->plan->gemm;
    const size_t full = p->dv / gemm->nr * gemm->nr;
    float *scores = h->ws + h->at.scores, *tail = h->ws + h->at.values, *scratch = h->ws + h->at.scratch;
    const hone__gemm_epilogue plain = {.alpha = 1.0f};
    if (full < p->dv) /* whole vectors would read behind V's rows */
        gemm->pack(tail, gemm->nr, h->v + full, 1, p->v.row, p->dv - full, p->t);
    for (size_t i = 0; i < p->s; i++) {
        const size_t keys = seen_by(p, i);
        gemm->dot(p->d, h->q + i * p->q.row, h->k, p->k.row, scores, keys);
        const float *mask = h->mask ? h->mask + i * p->mask_q : NULL;
        if (h->condition) {
            const float *condition = h->condition + i * p->condition_q;
            for (size_t j = 0; j < keys; j++)
                scores[j] = (condition[j * p->condition_t] != 0.0f ? h->scale * scores[j] : p->fill) +
                            (mask ? mask[j * p->mask_t] : 0.0f);
            h->plan->kernel->softmax_row(scores, keys, 1.0f, NULL, 0);
        } else {
            h->plan->kernel->softmax_row(scores, keys, h->scale, mask, p->mask_t);
        }
        float *o = h->o + i * p->o.row;
        if (p->t > 0 && (keys == 0 || isnan(scores[0]))) { /* everything is masked */
            for (size_t j = 0; j < p->dv; j++)
                o[j] = p->zero_masked ? 0.0f : NAN;
            continue;
        }
        hone__gemm_block block = {
            .m = 1, .p1 = 1, .n = full, .kc = keys, .a_k = keys, .b_panel = gemm->nr, .ldb = p->v.row};
        hone__gemm_tiles(gemm, &block, scores, h->v, o, p->o.row, &plain, scratch);
        block.n = p->dv - full;
        block.ldb = gemm->nr;
        hone__gemm_tiles(gemm, &block, scores, tail, o + full, p->o.row, &plain, scratch);
    }
}

static void replace_scores(float *scores, const float *condition, const float *mask, size_t n, float fill) {
    for (size_t i = 0; i < n; i++)
        scores[i] = condition[i] != 0.0f ? scores[i] : fill;
    for (size_t i = 0; mask && i < n; i++)
        scores[i] += mask[i];
}

/* One block of keys for one block of w queries, `lanes` of them in use. The first `keys` of the `packed` ones count. */
static void step(const head *h, size_t block_index, size_t q0, size_t lanes, size_t width, size_t k0, size_t keys,
                 size_t packed) {
    const hone__attention_problem *p = &h->plan->problem;
    const hone__gemm_kernel *gemm = h->plan->gemm;
    const size_t nr = gemm->nr;
    float *ws = h->ws, *scores = ws + h->at.scores, *scratch = ws + h->at.scratch;
    float *state = ws + h->at.state + block_index * 2 * nr, *correction = ws + h->at.correction;
    float *out = ws + h->at.out + block_index * nr * p->dv;
    hone__gemm_epilogue e = {.alpha = h->scale, .beta = 1.0f};
    if (h->mask && (p->mask_q || h->condition)) {
        float *mask = ws + h->at.mask;
        gemm->pack(mask, nr, h->mask + q0 * p->mask_q + k0 * p->mask_t, p->mask_q, p->mask_t, lanes, packed);
        e.z = h->condition ? NULL : mask;
        e.ldz = nr;
    } else if (h->mask && p->mask_t) {
        e.bias_row = h->mask + k0;
    } /* else one value for all scores: softmax does not see it */
    size_t panels = hone__gemm_panel_count(packed, gemm->mr);
    while (panels > 1 && hone__gemm_panel_row(packed, gemm->mr, panels - 1) >= keys)
        panels--;
    const hone__gemm_block first = {.m = packed, .p1 = panels, .n = width, .kc = p->d, .a_k = p->d, .ldb = nr};
    hone__gemm_tiles(gemm, &first, ws + h->at.keys, ws + h->at.query + block_index * nr * p->d, scores, nr, &e,
                     scratch);
    if (h->condition) {
        float *condition = ws + h->at.condition;
        gemm->pack(condition, nr, h->condition + q0 * p->condition_q + k0 * p->condition_t, p->condition_q,
                   p->condition_t, lanes, keys);
        replace_scores(scores, condition, h->mask ? ws + h->at.mask : NULL, nr * keys, p->fill);
    }
    if (p->causal && k0 + keys > seen_by(p, q0))
        mask_diagonal(p, scores, nr, q0, lanes, k0, keys);
    h->plan->kernel->softmax_columns(scores, nr, width, keys, state, correction);
    if (k0 > 0)
        h->plan->kernel->scale_columns(out, nr, width, p->dv, correction);
    const hone__gemm_block second = {
        .m = p->dv, .p1 = hone__gemm_panel_count(p->dv, gemm->mr), .n = width, .kc = keys, .a_k = packed, .ldb = nr};
    const hone__gemm_epilogue add = {.alpha = 1.0f, .accumulate = k0 > 0};
    hone__gemm_tiles(gemm, &second, ws + h->at.values, scores, out, nr, &add, scratch);
}

static void attend(const head *h, size_t s0, size_t s1) {
    const hone__attention_problem *p = &h->plan->problem;
    const hone__gemm_kernel *gemm = h->plan->gemm;
    const size_t nr = gemm->nr;
    float *ws = h->ws;
    for (size_t q0 = s0, b = 0; q0 < s1; q0 += nr, b++) {
        gemm->pack(ws + h->at.query + b * nr * p->d, nr, h->q + q0 * p->q.row, p->q.row, 1, hone__min_size(nr, s1 - q0),
                   p->d);
        float *state = ws + h->at.state + b * 2 * nr;
        for (size_t i = 0; i < nr; i++) {
            state[i] = -INFINITY;
            state[nr + i] = 0.0f;
        }
    }
    const size_t end = seen_by(p, s1 - 1);
    for (size_t k0 = 0; k0 < end; k0 += h->plan->key_block) {
        const size_t keys = hone__min_size(h->plan->key_block, end - k0);
        hone__gemm_pack_a(gemm, ws + h->at.keys, h->k + k0 * p->k.row, p->k.row, 1, keys, p->d);
        hone__gemm_pack_a(gemm, ws + h->at.values, h->v + k0 * p->v.row, 1, p->v.row, p->dv, keys);
        for (size_t q0 = s0, b = 0; q0 < s1; q0 += nr, b++) {
            const size_t lanes = hone__min_size(nr, s1 - q0), seen = seen_by(p, q0 + lanes - 1);
            if (seen > k0)
                step(h, b, q0, lanes, lanes > nr / 2 ? nr : nr / 2, k0, hone__min_size(keys, seen - k0), keys);
        }
    }
    for (size_t q0 = s0, b = 0; q0 < s1; q0 += nr, b++) {
        const size_t lanes = hone__min_size(nr, s1 - q0), width = lanes > nr / 2 ? nr : nr / 2;
        float *state = ws + h->at.state + b * 2 * nr, *out = ws + h->at.out + b * nr * p->dv;
        for (size_t i = 0; i < nr; i++)
            state[i] = p->zero_masked && !(state[nr + i] > 0.0f) ? 0.0f : 1.0f / state[nr + i];
        if (end == 0) /* causal, and no query of this chunk sees a key: nothing was added up */
            memset(out, 0, nr * p->dv * sizeof *out);
        h->plan->kernel->scale_columns(out, nr, width, p->dv, state);
        if (p->o.row == p->dv) { /* transposed back */
            gemm->pack(h->o + q0 * p->dv, p->dv, out, nr, 1, p->dv, lanes);
            continue;
        }
        float *rows = ws + h->at.rows;
        gemm->pack(rows, p->dv, out, nr, 1, p->dv, lanes);
        for (size_t i = 0; i < lanes; i++)
            memcpy(h->o + (q0 + i) * p->o.row, rows + i * p->dv, p->dv * sizeof *rows);
    }
}

void hone__attention_run_task(const hone__attention_plan *plan, const hone__attention_args *args, size_t task,
                              int thread, void *workspace) {
    const hone__attention_problem *p = &plan->problem;
    const size_t chunk = task % plan->n_chunks, product = task / plan->n_chunks;
    const size_t b = product / p->heads, i = product % p->heads, kv = i / (p->heads / p->kv_heads);
    head h = {.plan = plan,
              .q = args->q + b * p->q.batch + i * p->q.head,
              .k = args->k + b * p->k.batch + kv * p->k.head,
              .v = args->v + b * p->v.batch + kv * p->v.head,
              .mask = args->mask
                          ? args->mask + (p->mask_batches ? b % p->mask_batches : b) * p->mask_batch + i * p->mask_head
                          : NULL,
              .condition = args->condition ? args->condition + b * p->condition_batch + i * p->condition_head : NULL,
              .o = args->o + b * p->o.batch + i * p->o.head,
              .ws = (float *)(void *)((char *)workspace + (size_t)thread * plan->thread_size),
              .scale = args->scale};
    layout(plan, &h.at);
    if (plan->is_decode)
        decode(&h);
    else
        attend(&h, chunk * plan->chunk, hone__min_size(p->s, (chunk + 1) * plan->chunk));
}
