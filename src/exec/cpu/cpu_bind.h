/* Small helpers that the bindings of this room share: what a node's inputs are, as far as `match` can
 * know, and shapes in `plan` and `run`. */
#ifndef HONE_EXEC_CPU_CPU_BIND_H
#define HONE_EXEC_CPU_CPU_BIND_H

#include "base/checked.h"
#include "base/error.h"
#include "exec/cpu/cpu_kernel.h"
#include "ops/op.h"

#include <limits.h>
#include <string.h>

enum { HONE_ANY_VERSION = INT_MAX }; /* since_max of rows that hold for all later versions */

/* The value at input i, or NULL when it is omitted. */
static inline const hone__value *hone__bind_input(const hone__node *node, size_t i) {
    return i < node->n_inputs ? node->inputs[i] : NULL;
}
static inline bool hone__bind_is_tensor(const hone__value *value) {
    return value && value->type.is_known && value->type.kind == HONE_KIND_TENSOR && !value->type.is_sparse;
}
static inline bool hone__bind_has_dtype(const hone__node *node, size_t i, hone_dtype dtype) {
    const hone__value *value = hone__bind_input(node, i);
    return hone__bind_is_tensor(value) && value->type.dtype == dtype;
}
/* UNDEFINED when it is not known or not a tensor. */
static inline hone_dtype hone__bind_dtype(const hone__node *node, size_t i) {
    const hone__value *value = hone__bind_input(node, i);
    return hone__bind_is_tensor(value) ? value->type.dtype : HONE_DTYPE_UNDEFINED;
}
/* Rank of an input, -1 when it is not known. */
static inline int hone__bind_rank(const hone__node *node, size_t i) {
    const hone__value *value = hone__bind_input(node, i);
    return hone__bind_is_tensor(value) ? value->type.rank : -1;
}
static inline const hone_tensor *hone__bind_constant(const hone__node *node, size_t i) {
    const hone__value *value = hone__bind_input(node, i);
    return value ? value->constant : NULL;
}
static inline bool hone__bind_has_output(const hone__node *node, size_t i) {
    return i < node->n_outputs && node->outputs[i];
}
/* Every input that is there is float32, and only output 0 is wanted. */
static inline bool hone__bind_all_f32(const hone__node *node) {
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && !hone__bind_has_dtype(node, i, HONE_DTYPE_FLOAT))
            return false;
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i])
            return false;
    return node->n_inputs > 0 && node->inputs[0] && hone__bind_has_output(node, 0);
}
/* Bytes of an element that is moved as it is: 1, 2, 4, 8 or 16; 0 for strings and packed types. */
static inline size_t hone__bind_elem_size(hone_dtype dtype) {
    const int bits = hone_dtype_bits(dtype);
    return bits >= 8 ? (size_t)bits / 8 : 0;
}
static inline int64_t hone__bind_product(const int64_t *dims, int begin, int end) {
    int64_t n = 1;
    for (int i = begin; i < end; i++)
        n *= dims[i];
    return n;
}
static inline bool hone__bind_same_shape(const hone_tensor *a, const hone_tensor *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}
/* Input i's memory may become output 0's. */
static inline bool hone__bind_can_reuse(const hone__cpu_plan *ctx, size_t i) {
    return i < ctx->n_in && ctx->in[i] && ctx->out[0] && ctx->in[i]->dtype == ctx->out[0]->dtype &&
           hone__bind_same_shape(ctx->in[i], ctx->out[0]);
}
/* Blocks of about `bytes` of traffic per task; at least one unit of `unit` bytes. */
static inline size_t hone__bind_grain(size_t unit, size_t bytes) { return unit && unit < bytes ? bytes / unit : 1; }
/* Zeroed plan state; NULL when out of memory. */
static inline void *hone__bind_state(hone__cpu_plan *ctx, size_t size) {
    ctx->plan_state = hone__arena_calloc(ctx->arena, 1, size);
    return ctx->plan_state;
}

#endif
