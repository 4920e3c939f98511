/* The embedding of BERT and its kin in one node: rows of a table of words, of positions and (maybe) of segments, added
 * and normalised, become com.microsoft.EmbedLayerNormalization. Positions keep their ids as
 * an input. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

#include <string.h>

typedef struct table {
    hone__value *rows, *ids; /* ids NULL: the rows are those of positions 0, 1, 2, ... */
    int rank;                /* of the ids */
} table;

typedef struct embedding {
    table tables[3];
    size_t n;
} embedding;

/* Gather of rows from a constant matrix. */
static bool read_table(hone__value *value, embedding *e) {
    const hone__node *gather = value->producer;
    if (e->n == 3)
        return false;
    int64_t n;
    if (hone__const_floats(value, &n) && value->constant->rank >= 2 && value->constant->rank <= 3 &&
        (value->constant->rank == 2 || value->constant->dims[0] == 1) &&
        value->constant->dims[value->constant->rank - 2] > 1) { /* positions that are gathered already */
        e->tables[e->n++] = (table){value, NULL, 1};
        return true;
    }
    if (!hone__is_op(gather, "Gather") || hone__node_attr_int(gather, "axis", 0) != 0)
        return false;
    hone__value *rows = gather->inputs[0], *ids = gather->inputs[1];
    int rank = hone__value_rank(ids);
    if (!rows->constant || rows->is_overridable || rows->constant->rank != 2 || rows->type.dtype != HONE_DTYPE_FLOAT ||
        rank < 1 || rank > 2)
        return false;
    e->tables[e->n++] = (table){rows, ids, rank};
    return true;
}

static bool read_sum(hone__value *value, embedding *e, int depth) {
    hone__node *add = value->producer;
    if (read_table(value, e))
        return true;
    if (!hone__is_op(add, "Add") || depth > 1 || (depth > 0 && !hone__value_single_consumer(value)))
        return false;
    return read_sum(add->inputs[0], e, depth + 1) && read_sum(add->inputs[1], e, depth + 1);
}

/* A position's ids are the same for every batch: rank 1, or rank 2 with a first dim of 1, or constant. */
static bool is_position(const table *t) {
    return t->rank == 1 || hone__value_dim(t->ids, 0) == 1 || (t->ids->constant && !t->ids->is_overridable);
}

/* ids as int32 [batch, sequence]. */
static hone_status to_int32(hone__pass_context *ctx, hone__node *before, hone__value **ids, hone_error *error) {
    const hone__type *type = &(*ids)->type;
    hone__node *node;
    if (type->rank == 1) {
        hone_tensor *shape;
        hone__value *target, *in[2] = {*ids, NULL};
        int64_t two = 2;
        HONE_TRY(hone_tensor_create(HONE_DTYPE_INT64, 1, &two, &shape, error));
        ((int64_t *)shape->data)[0] = 1;
        ((int64_t *)shape->data)[1] = -1;
        hone_status status = hone__graph_add_constant(ctx->graph, "shape", shape, &target, error);
        if (status != HONE_OK) {
            hone_tensor_destroy(shape);
            return status;
        }
        in[1] = target;
        hone__dim dims[2] = {{1, NULL}, type->dims[0]};
        HONE_TRY(hone__insert_node(ctx->graph, before, "Reshape", 13, in, 2, type->dtype, 2, dims,
                                   "fuse_embed_layernorm", &node, error));
        *ids = node->outputs[0];
        type = &(*ids)->type;
    }
    if (type->dtype == HONE_DTYPE_INT32)
        return HONE_OK;
    HONE_TRY(hone__insert_node(ctx->graph, before, "Cast", 13, ids, 1, HONE_DTYPE_INT32, type->rank, type->dims,
                               "fuse_embed_layernorm", &node, error));
    HONE_TRY(hone__node_set_attr_int(node, "to", HONE_DTYPE_INT32, error));
    *ids = node->outputs[0];
    return HONE_OK;
}

/* Which table is which: positions are alike for all batches, words are the longest of the others. */
static bool assign(const embedding *e, const table **word, const table **position, const table **segment) {
    *word = *position = *segment = NULL;
    for (int sure = 1; sure >= 0 && !*position; sure--) /* with a batch of 1 all ids look like positions */
        for (size_t i = 0; i < e->n && !*position; i++) {
            const table *t = &e->tables[i];
            if (sure ? !t->ids || t->rank == 1 || t->ids->constant : is_position(t))
                *position = t;
        }
    for (size_t i = 0; i < e->n; i++) {
        const table *t = &e->tables[i];
        if (t == *position || t->rank != 2)
            continue;
        if (!*word || t->rows->constant->dims[0] > (*word)->rows->constant->dims[0]) {
            *segment = *word;
            *word = t;
        } else {
            *segment = t;
        }
    }
    return *word && *position && (e->n == 2 || *segment);
}

HONE_PASS(fuse_embed_layernorm) {
    if (!hone__pass_may_make(ctx, "com.microsoft", "EmbedLayerNormalization", 1))
        return HONE_OK;
    for (hone__node *norm = ctx->graph->first, *next; norm; norm = next) {
        embedding e = {.n = 0};
        const table *word, *position, *segment;
        next = norm->next;
        bool has_bias = norm->n_inputs > 2 && norm->inputs[2];
        if (!hone__is_op(norm, "LayerNormalization") || hone__value_rank(norm->inputs[0]) != 3 ||
            norm->n_outputs != 1 || !norm->inputs[1]->constant || (has_bias && !norm->inputs[2]->constant))
            continue;
        int64_t axis = hone__node_attr_int(norm, "axis", -1), n = hone__value_dim(norm->inputs[0], -1);
        if ((axis != -1 && axis != 2) || !read_sum(norm->inputs[0], &e, 0) || e.n < 2)
            continue;
        if (!assign(&e, &word, &position, &segment)) {
            hone__pass_missed(ctx, norm, 4, "which of the %zu tables has the positions is not known", e.n);
            continue;
        }
        bool fits = hone__value_rank(norm->inputs[1]) == 1;
        for (size_t i = 0; i < e.n; i++)
            fits = fits && hone__value_dim(e.tables[i].rows, -1) == n && (e.tables[i].ids || &e.tables[i] == position);
        if (segment && !hone__same_shape(segment->ids, word->ids))
            fits = false;
        hone__value *sum = norm->inputs[0], *in[9] = {word->ids,
                                                      segment ? segment->ids : NULL,
                                                      word->rows,
                                                      position->rows,
                                                      segment ? segment->rows : NULL,
                                                      norm->inputs[1],
                                                      has_bias ? norm->inputs[2] : NULL,
                                                      NULL,
                                                      position->ids};
        if (!fits || sum->n_output_uses || !hone__value_single_consumer(sum)) {
            hone__pass_missed(ctx, norm, 4, "%s",
                              fits ? "the sum of the embeddings is read by others"
                                   : "segments and words are not known to have one shape");
            continue;
        }
        if (!has_bias)
            HONE_TRY(hone__add_filled(ctx->graph, "zeros", 1, &n, 0, &in[6], error));
        if (hone__value_rank(in[3]) == 3)
            HONE_TRY(hone__add_floats(ctx->graph, in[3]->name, 2, in[3]->constant->dims + 1, in[3]->constant->data,
                                      &in[3], error));
        HONE_TRY(to_int32(ctx, norm, &in[0], error));
        if (in[8])
            HONE_TRY(to_int32(ctx, norm, &in[8], error));
        if (segment)
            HONE_TRY(to_int32(ctx, norm, &in[1], error));
        float eps = hone__node_attr_float(norm, "epsilon", 1e-5f);
        hone__node *node;
        HONE_TRY(hone__replace_pattern(norm, "com.microsoft", "EmbedLayerNormalization", 1, in, in[8] ? 9 : 7,
                                       "fuse_embed_layernorm", &node, error));
        HONE_TRY(hone__node_set_attr_float(node, "epsilon", eps, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
