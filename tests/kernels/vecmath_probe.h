/* The vector functions of kernels/eltwise/vecmath_*.h made callable for test_vecmath.c: a file per ISA
 * includes the vecmath header of that ISA, names the function, and includes this body. */
#ifndef HONE_TESTS_VECMATH_PROBE_H
#define HONE_TESTS_VECMATH_PROBE_H

#include "kernels/activation.h"
#include <stddef.h>

typedef enum probe_fn {
    PROBE_EXP,
    PROBE_EXPM1,
    PROBE_LOG,
    PROBE_TANH,
    PROBE_SIGMOID,
    PROBE_ERF,
    PROBE_ROUND,
    PROBE_FLOOR,
    PROBE_ACT
} probe_fn;

typedef void (*probe_run)(probe_fn fn, float *y, const float *x, size_t n, const hone_act *act);
void probe_run_generic(probe_fn fn, float *y, const float *x, size_t n, const hone_act *act);
void probe_run_avx2(probe_fn fn, float *y, const float *x, size_t n, const hone_act *act);
void probe_run_avx512(probe_fn fn, float *y, const float *x, size_t n, const hone_act *act);

#endif

#ifdef PROBE_NAME
static hone__vf probe_one(probe_fn fn, hone__vf x) {
    switch (fn) {
    case PROBE_EXP:
        return hone__vf_exp(x);
    case PROBE_EXPM1:
        return hone__vf_expm1(x);
    case PROBE_LOG:
        return hone__vf_log(x);
    case PROBE_TANH:
        return hone__vf_tanh(x);
    case PROBE_SIGMOID:
        return hone__vf_sigmoid(x);
    case PROBE_ERF:
        return hone__vf_erf(x);
    case PROBE_ROUND:
        return hone__vf_round(x);
    case PROBE_FLOOR:
        return hone__vf_floor(x);
    case PROBE_ACT:
        break;
    }
    return x;
}

void PROBE_NAME(probe_fn fn, float *y, const float *x, size_t n, const hone_act *act) {
    if (fn == PROBE_ACT) {
        hone__act_apply_row(y, x, n, act);
        return;
    }
    for (size_t i = 0; i < n; i += HONE_VF_N) {
        const size_t m = n - i < HONE_VF_N ? n - i : HONE_VF_N;
        hone__vf_store_n(y + i, probe_one(fn, hone__vf_load_n(x + i, m)), m);
    }
}
#endif
