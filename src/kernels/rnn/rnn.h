/* The elementwise part of recurrent cells, float32, default activations: what is left of a step when the
 * matrix products are done. Runs of n hidden units; gates lie one after the other, n floats apart. One
 * row per ISA, from plain C upwards.
 *
 * Source: ONNX operator specification, LSTM (gates i, o, f, c) and GRU (gates z, r, h). */
#ifndef HONE_KERNELS_RNN_H
#define HONE_KERNELS_RNN_H

#include <stddef.h>
#include <stdint.h>

typedef struct hone_rnn_row {
    const char *isa_name;
    uint32_t isa;
    /* gates: [4][n] sums before activation. c: [n] the cell, updated. h: [n] the new hidden state. */
    void (*lstm)(const float *gates, float *c, float *h, size_t n);
    /* linear_before_reset: x and r: [3][n] the input's and the recurrent products, bias: [n] of the
     * recurrent candidate. h may be h_prev. */
    void (*gru_linear)(const float *x, const float *r, const float *bias, const float *h_prev, float *h, size_t n);
    /* Otherwise in two parts, with a product in between. x: [3][n], z and r complete sums; z is replaced by its
     * activation, reset: [n] gets r * h_prev. */
    void (*gru_gates)(float *x, const float *h_prev, float *reset, size_t n);
    /* x: [3][n], z activated, the candidate a complete sum. h may be h_prev. */
    void (*gru_update)(const float *x, const float *h_prev, float *h, size_t n);
} hone_rnn_row;

extern const hone_rnn_row hone_rnn_row__generic, hone_rnn_row__avx2, hone_rnn_row__avx512;
const hone_rnn_row *hone_rnn_select(uint32_t isa);
const hone_rnn_row *const *hone_rnn_rows(size_t *n);

#endif
