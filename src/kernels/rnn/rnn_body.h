/* Bodies of the recurrent cells, written once over hone__vf; see eltwise_body.h for how such a file is
 * used. */
#include "kernels/rnn/rnn.h"

typedef hone__vf vf;

static inline vf load(const float *p, size_t m) { return m == HONE_VF_N ? hone__vf_load(p) : hone__vf_load_n(p, m); }
static inline void store(float *p, vf v, size_t m) {
    if (m == HONE_VF_N)
        hone__vf_store(p, v);
    else
        hone__vf_store_n(p, v, m);
}
#define FOR_UNITS(i, m, n) for (size_t i = 0, m; m = (n)-i < HONE_VF_N ? (n)-i : HONE_VF_N, i < (n); i += HONE_VF_N)

static void lstm(const float *gates, float *c, float *h, size_t n) {
    FOR_UNITS(i, m, n) {
        const vf in = hone__vf_sigmoid(load(gates + i, m)), out = hone__vf_sigmoid(load(gates + n + i, m));
        const vf forget = hone__vf_sigmoid(load(gates + 2 * n + i, m)), g = hone__vf_tanh(load(gates + 3 * n + i, m));
        const vf cell = hone__vf_fma(forget, load(c + i, m), hone__vf_mul(in, g));
        store(c + i, cell, m);
        store(h + i, hone__vf_mul(out, hone__vf_tanh(cell)), m);
    }
}

/* (1 - z) * v + z * h = v + z * (h - v) */
static inline vf blend(vf z, vf v, vf h) { return hone__vf_fma(z, hone__vf_sub(h, v), v); }

static void gru_linear(const float *x, const float *r, const float *bias, const float *h_prev, float *h, size_t n) {
    FOR_UNITS(i, m, n) {
        const vf z = hone__vf_sigmoid(hone__vf_add(load(x + i, m), load(r + i, m)));
        const vf reset = hone__vf_sigmoid(hone__vf_add(load(x + n + i, m), load(r + n + i, m)));
        const vf inner = hone__vf_add(load(r + 2 * n + i, m), load(bias + i, m));
        const vf v = hone__vf_tanh(hone__vf_fma(reset, inner, load(x + 2 * n + i, m)));
        store(h + i, blend(z, v, load(h_prev + i, m)), m);
    }
}

static void gru_gates(float *x, const float *h_prev, float *reset, size_t n) {
    FOR_UNITS(i, m, n) {
        const vf r = hone__vf_sigmoid(load(x + n + i, m));
        store(x + i, hone__vf_sigmoid(load(x + i, m)), m);
        store(reset + i, hone__vf_mul(r, load(h_prev + i, m)), m);
    }
}

static void gru_update(const float *x, const float *h_prev, float *h, size_t n) {
    FOR_UNITS(i, m, n) {
        const vf v = hone__vf_tanh(load(x + 2 * n + i, m));
        store(h + i, blend(load(x + i, m), v, load(h_prev + i, m)), m);
    }
}

const hone_rnn_row HONE_ISA(hone_rnn_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .lstm = lstm,
    .gru_linear = gru_linear,
    .gru_gates = gru_gates,
    .gru_update = gru_update,
};
