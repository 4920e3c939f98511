/* Speed of the elementwise, reduction, normalisation and movement kernels on one thread, in bytes moved
 * per second, against what copying memory reaches at the same size: an L1, an L2 and a memory working
 * set. Each figure is the fastest of many short runs.
 *
 *     bench_eltwise [--isa generic|avx2|avx512] [NAME]      NAME: only kernels whose name contains it */
#include "base/alloc.h"
#include "base/clock.h"
#include "hw/hw.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/move/move.h"
#include "kernels/norm/norm.h"
#include "kernels/pooling/pooling.h"
#include "kernels/reduce/reduce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SIZES = 3 };
static const size_t sizes[N_SIZES] = {2048, 65536, 16 << 20}; /* floats per operand */
static const char *filter = "";
static float *x, *y, *z;
static volatile float sink;

typedef void (*body_fn)(const void *kernel, size_t n);

/* Nanoseconds per call, the fastest of some. */
static double time_body(body_fn body, const void *kernel, size_t n) {
    const size_t repeats = n < 100000 ? 20000000 / (n + 1000) / 20 + 1 : 1;
    double best = 1e30;
    for (int i = 0; i < (n < 100000 ? 40 : 5); i++) {
        const uint64_t begin = hone__now_ns();
        for (size_t r = 0; r < repeats; r++)
            body(kernel, n);
        const double ns = (double)(hone__now_ns() - begin) / (double)repeats;
        best = ns < best ? ns : best;
    }
    return best;
}

/* bytes: moved per element. */
static void report(const char *name, body_fn body, const void *kernel, double bytes) {
    if (!strstr(name, filter))
        return;
    printf("%-22s", name);
    for (int s = 0; s < N_SIZES; s++) {
        const double ns = time_body(body, kernel, sizes[s]);
        printf("  %7.1f GB/s %6.3f ns", bytes * (double)sizes[s] / ns, ns / (double)sizes[s]);
    }
    printf("\n");
}

static void body_copy(const void *k, size_t n) {
    (void)k;
    memcpy(y, x, n * sizeof *x);
}
static void body_unary(const void *k, size_t n) { (*(const hone_f32_unary_fn *)k)(x, y, n, 0.5f, 1.0f); }
static void body_binary(const void *k, size_t n) { (*(const hone_binary_fn *)k)(x, z, y, n); }
static void body_reduce(const void *k, size_t n) { sink = (*(float (*const *)(const float *, size_t))k)(x, n); }
static void body_accumulate(const void *k, size_t n) { (*(void (*const *)(float *, const float *, size_t))k)(y, x, n); }

enum { ROW = 768 }; /* a transformer's hidden size */
static void body_layer_norm(const void *k, size_t n) {
    for (size_t i = 0; i + ROW <= n; i += ROW)
        ((const hone_norm_row *)k)->layer_norm(x + i, z, z + ROW, y + i, ROW, 1e-5f);
}
static void body_softmax(const void *k, size_t n) {
    for (size_t i = 0; i + 128 <= n; i += 128)
        ((const hone_norm_row *)k)->softmax(x + i, y + i, 128);
}
static void body_transpose(const void *k, size_t n) {
    const size_t rows = n < 10000 ? 32 : n < 1000000 ? 256 : 4096, cols = n / rows;
    hone_move_transpose(k, 4, x, cols, y, rows, rows, cols);
}
static void pool_rows(const hone_pool_row *row, size_t n, int64_t kernel, int64_t stride) {
    static float buffer[1024];
    const hone_pool2d p = {(int64_t)n / 112,
                           112,
                           ((int64_t)n / 112 - kernel) / stride + 1,
                           (112 - kernel) / stride + 1,
                           kernel,
                           kernel,
                           stride,
                           stride,
                           1,
                           1,
                           0,
                           0};
    for (int64_t i = 0; i < p.out_h; i++)
        row->max(&p, x, i, y + i * p.out_w, buffer);
}
static void body_pool3x3s2(const void *k, size_t n) { pool_rows(k, n, 3, 2); }
static void body_pool5x5s1(const void *k, size_t n) { pool_rows(k, n, 5, 1); }

int main(int argc, char **argv) {
    uint32_t isa = hone__hw_isa();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            i++;
            isa &= strcmp(argv[i], "generic") == 0 ? 0u
                   : strcmp(argv[i], "avx2") == 0  ? (uint32_t)HONE_ISA_AVX2
                                                   : (uint32_t)(HONE_ISA_AVX2 | HONE_ISA_AVX512);
        } else {
            filter = argv[i];
        }
    }
    const size_t most = sizes[N_SIZES - 1];
    x = hone__malloc_aligned(most * sizeof *x);
    y = hone__malloc_aligned(most * sizeof *y);
    z = hone__malloc_aligned(most * sizeof *z);
    if (!x || !y || !z)
        return 1;
    for (size_t i = 0; i < most; i++) {
        x[i] = (float)(i % 1000) / 250.0f - 1.9f;
        z[i] = (float)(i % 77) / 50.0f + 0.1f;
        y[i] = 0.0f;
    }
    const hone_eltwise_row *elt = hone_eltwise_select(isa);
    const hone_reduce_row *red = hone_reduce_select(isa);
    const hone_norm_row *norm = hone_norm_select(isa);
    printf("%s; operands of 8 KiB, 256 KiB, 64 MiB\n", elt->isa_name);
    report("copy", body_copy, NULL, 8);
    for (int k = 0; k < HONE_UNARY_COUNT; k++)
        report(hone_unary_name(k), body_unary, &elt->unary[k], 8);
    for (int k = 0; k < HONE_BINARY_COUNT; k++)
        report(hone_binary_name(k), body_binary, &elt->binary[k][HONE_MODE_VV], 12);
    report("mul by scalar", body_binary, &elt->binary[HONE_BINARY_MUL][HONE_MODE_VS], 8);
    for (int k = 0; k < HONE_REDUCE_COUNT; k++)
        report(hone_reduce_name(k), body_reduce, &red->run[k], 4);
    report("accumulate sum", body_accumulate, &red->accumulate[HONE_REDUCE_SUM], 12);
    report("layer_norm 768", body_layer_norm, norm, 8);
    report("softmax 128", body_softmax, norm, 8);
    report("transpose", body_transpose, hone_move_select(isa), 8);
    report("max_pool 3x3 s2", body_pool3x3s2, hone_pool_select(isa), 5);
    report("max_pool 5x5 s1", body_pool5x5s1, hone_pool_select(isa), 8);
    hone__free_aligned(x);
    hone__free_aligned(y);
    hone__free_aligned(z);
    return 0;
}
