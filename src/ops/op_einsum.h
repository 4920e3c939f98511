/* What an Einsum's equation says: the labels of every operand and of the result. Shared by the operator, the pass that
 * writes it as products (passes/pass_expand_einsum.c) and the kernel for what is left (exec/cpu/cpu_einsum.c). */
#ifndef HONE_OPS_OP_EINSUM_H
#define HONE_OPS_OP_EINSUM_H

#include "ops/op.h"

/* Labels 0..51 are letters; those above number the ellipsis' dimensions from the right. */
enum { HONE_EINSUM_LETTERS = 52, HONE_EINSUM_LABELS = HONE_EINSUM_LETTERS + HONE_MAX_RANK, HONE_EINSUM_TERMS = 16 };

typedef struct hone__einsum_term {
    int n; /* labels, the ellipsis expanded */
    int label[HONE_MAX_RANK];
} hone__einsum_term;

typedef struct hone__einsum {
    int n_in;
    hone__einsum_term in[HONE_EINSUM_TERMS], out;
    hone__dim dim[HONE_EINSUM_LABELS]; /* of each label: where operands differ, the one that is not 1 */
    bool used[HONE_EINSUM_LABELS];
} hone__einsum;

/* Reads the attribute `equation` for operands of these ranks; e starts zeroed. */
hone_status hone__einsum_parse(const hone__node *node, size_t n_in, const int *ranks, hone__einsum *e,
                               hone_error *error);
/* Notes the dimensions of operand i; SHAPE when a label cannot stand for both of two sizes. */
hone_status hone__einsum_bind(hone__einsum *e, size_t i, const hone__dim *dims, hone_error *error);
/* The result's labels occur in operands, and once each. */
hone_status hone__einsum_check(const hone__einsum *e, hone_error *error);

#endif
