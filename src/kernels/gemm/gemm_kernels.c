/* The table of GEMM kernels, best first, and the operations that are the same for all of them: packed
 * layouts and the loop over tiles (the macro-kernel). */
#include "gemm.h"
#include "gemm_rows.h"

#include "base/checked.h"
#include <math.h>

static const hone__gemm_kernel *const kernels[] = {
#if defined(__x86_64__)
    &hone_f32_gemm_14x32__avx512,
    &hone_f32_gemm_6x16__avx2,
#endif
    &hone_f32_gemm_6x8__generic,
};
enum { CACHE_LINE = 64 };
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

const hone__gemm_kernel *const *hone__gemm_kernels(size_t *n) {
    *n = N_KERNELS;
    return kernels;
}

const hone__gemm_kernel *hone__gemm_kernel_find(uint32_t isa) {
    for (size_t i = 0; i < N_KERNELS; i++)
        if ((kernels[i]->isa & isa) == kernels[i]->isa)
            return kernels[i];
    return kernels[N_KERNELS - 1];
}

size_t hone__gemm_panel_count(size_t m, size_t mr) { return hone__div_up(m, mr); }

size_t hone__gemm_panel_row(size_t m, size_t mr, size_t panel) {
    const size_t n = hone__div_up(m, mr);
    if (panel >= n)
        return m;
    return panel * (m / n) + hone__min_size(panel, m % n);
}

size_t hone__gemm_packed_a_count(size_t m, size_t k) { return m * k; }

size_t hone__gemm_packed_b_count(const hone__gemm_kernel *kernel, size_t k, size_t n) {
    return hone__round_up(n, kernel->nr) * k;
}

void hone__gemm_pack_a(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *a, size_t rs, size_t cs,
                       size_t m, size_t k) {
    const size_t n_panels = hone__gemm_panel_count(m, kernel->mr);
    for (size_t p = 0, row = 0; p < n_panels; p++) {
        const size_t next = hone__gemm_panel_row(m, kernel->mr, p + 1);
        kernel->pack(dst + row * k, next - row, a + row * rs, rs, cs, next - row, k);
        row = next;
    }
}

void hone__gemm_pack_b(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *b, size_t rs, size_t cs,
                       size_t k, size_t n) {
    hone__gemm_pack_b_part(kernel, dst, b, rs, cs, k, 0, k, 0, n);
}

void hone__gemm_pack_b_part(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *b, size_t rs,
                            size_t cs, size_t k, size_t k0, size_t k1, size_t n0, size_t n1) {
    for (size_t j = n0; j < n1; j += kernel->nr)
        kernel->pack(dst + j * k + k0 * kernel->nr, kernel->nr, b + k0 * rs + j * cs, cs, rs,
                     hone__min_size(kernel->nr, n1 - j), k1 - k0);
}

void hone__gemm_epilogue_act(hone__gemm_epilogue *e, const hone_act *act) {
    e->act = *act;
    e->is_clamped = act->kind == HONE_ACT_RELU || act->kind == HONE_ACT_CLIP;
    e->is_activated = act->kind != HONE_ACT_NONE && !e->is_clamped;
    e->lo = act->kind == HONE_ACT_CLIP ? act->a : 0.0f;
    e->hi = act->kind == HONE_ACT_CLIP ? act->b : INFINITY;
}

/* One tile of h rows and w columns, whole vectors or not. */
static void run_tile(const hone__gemm_kernel *kernel, size_t h, size_t w, size_t kc, const float *a, const float *b,
                     size_t ldb, float *c, size_t ldc, const hone__gemm_epilogue *e, float *scratch) {
    const size_t half = kernel->nr / 2;
    const int wide = w > half;
    if (w == kernel->nr || w == half) {
        kernel->tile[wide][h - 1](kc, a, b, ldb, c, ldc, e);
        return;
    }
    const hone__gemm_epilogue plain = {.alpha = 1.0f};
    kernel->tile[wide][h - 1](kc, a, b, ldb, scratch, kernel->nr, &plain);
    kernel->finish(scratch, kernel->nr, c, ldc, h, w, e);
}

void hone__gemm_tiles(const hone__gemm_kernel *kernel, const hone__gemm_block *block, const float *a, const float *b,
                      float *c, size_t ldc, const hone__gemm_epilogue *e, float *scratch) {
    const size_t row0 = hone__gemm_panel_row(block->m, kernel->mr, block->p0);
    const size_t n_panels = block->p1 - block->p0;
    const bool is_packed = block->ldb == kernel->nr;
    /* While the tiles of one panel of B are worked on, the next one is asked for, a share of it by each tile, each
     * cache line once: a request occupies one of the few buffers that loads need too. */
    const size_t lines = hone__max_size(1, kernel->nr * sizeof(float) / CACHE_LINE); /* per k */
    const size_t every = hone__max_size(1, n_panels / lines);
    const size_t share = hone__div_up(block->kc, every) * (CACHE_LINE / sizeof(float));
    for (size_t j = 0; j < block->n; j += kernel->nr, b += block->b_panel) {
        const size_t w = hone__min_size(kernel->nr, block->n - j);
        const float *b_next = block->n - j > kernel->nr ? b + block->b_panel : block->b_next;
        for (size_t p = block->p0, row = row0; p < block->p1; p++) {
            const size_t next = hone__gemm_panel_row(block->m, kernel->mr, p + 1), i = row - row0, h = next - row;
            hone__gemm_epilogue tile = *e;
            tile.next = b_next && is_packed && n_panels > 1 ? b_next + (p - block->p0) * share : NULL;
            tile.next_every = every;
            if (e->z)
                tile.z = e->z + i * e->ldz + j;
            if (e->bias_row)
                tile.bias_row = e->bias_row + i;
            if (e->bias_col)
                tile.bias_col = e->bias_col + j;
            run_tile(kernel, h, w, block->kc, a + i * block->a_k + block->k0 * h, b, block->ldb, c + i * ldc + j, ldc,
                     &tile, scratch);
            row = next;
        }
    }
}

void hone__gemm_macro(const hone__gemm_kernel *kernel, size_t m, size_t n, size_t k0, size_t kc, const float *a,
                      size_t a_k, const float *b, size_t b_k, float *c, size_t ldc, const hone__gemm_epilogue *e,
                      float *scratch) {
    const hone__gemm_block block = {.m = m,
                                    .p0 = 0,
                                    .p1 = hone__gemm_panel_count(m, kernel->mr),
                                    .n = n,
                                    .k0 = k0,
                                    .kc = kc,
                                    .a_k = a_k,
                                    .b_panel = b_k * kernel->nr,
                                    .ldb = kernel->nr};
    hone__gemm_tiles(kernel, &block, a, b + k0 * kernel->nr, c, ldc, e, scratch);
}
