/* The CPU kernels' families, in the order in which their rows are tried; see cpu_kernel.h. */
#include "exec/cpu/cpu_registry.h"

#include "ops/op.h"

#include <string.h>

static const hone__cpu_kernel_family *const g_families[] = {
    /* One line per family. */
    &hone__cpu_family_attention,
    &hone__cpu_family_gemm,
    &hone__cpu_family_conv,
    &hone__cpu_family_conv_transpose,
    &hone__cpu_family_conv_last,
    &hone__cpu_family_conv_3d,
    &hone__cpu_family_conv_transpose_3d,
    &hone__cpu_family_eltwise,
    &hone__cpu_family_norm,
    &hone__cpu_family_skip_norm,
    &hone__cpu_family_reduce,
    &hone__cpu_family_move,
    &hone__cpu_family_pool,
    &hone__cpu_family_resize,
    &hone__cpu_family_rnn,
    &hone__cpu_family_rotary,
    &hone__cpu_family_sample,
    &hone__cpu_family_index,
    &hone__cpu_family_einsum,
    &hone__cpu_family_quant,
    &hone__cpu_family_channel_gather,
    NULL,
};

const hone__cpu_kernel_family *const *hone__cpu_kernel_families(void) { return g_families; }

const hone__cpu_kernel *hone__cpu_kernel_find(const hone__node *node, const hone__cpu_config *config) {
    if (!node->op)
        return NULL;
    for (const hone__cpu_kernel_family *const *family = g_families; *family; family++) {
        for (size_t i = 0; i < (*family)->n_rows; i++) {
            const hone__cpu_kernel *row = &(*family)->rows[i];
            if (strcmp(row->op, node->op->name) != 0 || strcmp(row->domain, node->op->domain) != 0)
                continue;
            if (row->since_min && (node->op->since < row->since_min || node->op->since > row->since_max))
                continue;
            if (!row->match || row->match(node, config))
                return row;
        }
    }
    return NULL;
}
