/* Bodies of the reductions, written once over hone__vf; see eltwise_body.h for how such a file is used. */
#include "kernels/reduce/reduce.h"

#include <math.h>

typedef hone__vf vf;

static inline vf step_sum(vf acc, vf x) { return hone__vf_add(acc, x); }
static inline vf step_sum_abs(vf acc, vf x) { return hone__vf_add(acc, hone__vf_abs(x)); }
static inline vf step_sum_square(vf acc, vf x) { return hone__vf_fma(x, x, acc); }
static inline vf step_prod(vf acc, vf x) { return hone__vf_mul(acc, x); }
/* The vector maximum gives its second operand when one is NaN: a NaN in acc stays, one in x is taken. */
static inline vf step_max(vf acc, vf x) { return hone__vf_select(hone__vf_eq(x, x), hone__vf_max(x, acc), x); }
static inline vf step_min(vf acc, vf x) { return hone__vf_select(hone__vf_eq(x, x), hone__vf_min(x, acc), x); }

/* Joining two accumulators. */
static inline vf join_sum(vf a, vf b) { return hone__vf_add(a, b); }
static inline vf join_sum_abs(vf a, vf b) { return hone__vf_add(a, b); }
static inline vf join_sum_square(vf a, vf b) { return hone__vf_add(a, b); }
static inline vf join_prod(vf a, vf b) { return hone__vf_mul(a, b); }
static inline vf join_max(vf a, vf b) { return step_max(a, b); }
static inline vf join_min(vf a, vf b) { return step_min(a, b); }

#define SCALAR_ADD(a, b) ((a) + (b))
#define SCALAR_MUL(a, b) ((a) * (b))
#define SCALAR_MAX(a, b) ((b) > (a) || (b) != (b) ? (b) : (a))
#define SCALAR_MIN(a, b) ((b) < (a) || (b) != (b) ? (b) : (a))
#define SCALAR_sum SCALAR_ADD
#define SCALAR_sum_abs SCALAR_ADD
#define SCALAR_sum_square SCALAR_ADD
#define SCALAR_prod SCALAR_MUL
#define SCALAR_max SCALAR_MAX
#define SCALAR_min SCALAR_MIN

/* The tail of a run is padded with an element that changes nothing: the empty value (for the sums of
 * absolute values and squares, zero is that too). */
static inline vf load_tail(const float *x, size_t n, float empty) {
    float t[HONE_VF_N];
    for (size_t i = 0; i < HONE_VF_N; i++)
        t[i] = i < n ? x[i] : empty;
    return hone__vf_load(t);
}

#define DEFINE_REDUCE(NAME, name, empty)                                                                               \
    static float run_##name(const float *x, size_t n) {                                                                \
        const vf start = hone__vf_set1(empty);                                                                         \
        vf a0 = start, a1 = start, a2 = start, a3 = start;                                                             \
        size_t i = 0;                                                                                                  \
        for (; i + 4 * HONE_VF_N <= n; i += 4 * HONE_VF_N) {                                                           \
            a0 = step_##name(a0, hone__vf_load(x + i));                                                                \
            a1 = step_##name(a1, hone__vf_load(x + i + HONE_VF_N));                                                    \
            a2 = step_##name(a2, hone__vf_load(x + i + 2 * HONE_VF_N));                                                \
            a3 = step_##name(a3, hone__vf_load(x + i + 3 * HONE_VF_N));                                                \
        }                                                                                                              \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            a0 = step_##name(a0, hone__vf_load(x + i));                                                                \
        if (i < n)                                                                                                     \
            a1 = step_##name(a1, load_tail(x + i, n - i, empty));                                                      \
        a0 = join_##name(join_##name(a0, a1), join_##name(a2, a3));                                                    \
        float lanes[HONE_VF_N];                                                                                        \
        hone__vf_store(lanes, a0);                                                                                     \
        for (int half = HONE_VF_N / 2; half > 0; half /= 2)                                                            \
            for (int j = 0; j < half; j++)                                                                             \
                lanes[j] = SCALAR_##name(lanes[j], lanes[j + half]);                                                   \
        return lanes[0];                                                                                               \
    }                                                                                                                  \
    static void accumulate_##name(float *acc, const float *x, size_t n) {                                              \
        size_t i = 0;                                                                                                  \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            hone__vf_store(acc + i, step_##name(hone__vf_load(acc + i), hone__vf_load(x + i)));                        \
        if (i < n)                                                                                                     \
            hone__vf_store_n(acc + i, step_##name(hone__vf_load_n(acc + i, n - i), hone__vf_load_n(x + i, n - i)),     \
                             n - i);                                                                                   \
    }
HONE_REDUCE_TABLE(DEFINE_REDUCE)
#undef DEFINE_REDUCE

/* The greatest value first, at vector speed; then where it stands. */
static size_t argmax(const float *x, size_t n, bool last) {
    const float top = run_max(x, n);
    if (top != top) {
        size_t i = 0;
        while (x[i] == x[i])
            i++;
        return i;
    }
    if (last) {
        size_t i = n - 1;
        while (i > 0 && x[i] != top)
            i--;
        return i;
    }
    size_t i = 0;
    while (i + 1 < n && x[i] != top)
        i++;
    return i;
}

#define RUN_ENTRY(NAME, name, empty) [HONE_REDUCE_##NAME] = run_##name,
#define ACCUMULATE_ENTRY(NAME, name, empty) [HONE_REDUCE_##NAME] = accumulate_##name,
const hone_reduce_row HONE_ISA(hone_reduce_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .run = {HONE_REDUCE_TABLE(RUN_ENTRY)},
    .accumulate = {HONE_REDUCE_TABLE(ACCUMULATE_ENTRY)},
    .argmax = argmax,
};
