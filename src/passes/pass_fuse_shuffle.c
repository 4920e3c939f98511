/* Channel shuffles (Reshape, Transpose, Reshape: ShuffleNet) and the Concat, Split and Slice of channels around them
 * become one hone.ChannelGather before each node that computes with their result; nothing is moved that nobody reads.
 *
 * Proof obligation: each of these nodes only says which channel of which input a channel of its output is. So every
 * value that they make is a list of (value computed by another node, channel), found by composing, and the gather of
 * that list is the value. Two units of ShuffleNetV2 in a row carry half of the channels on untouched: their lists
 * reach back to whoever computed them, and no copy is made on the way. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

enum {
    MAX_ROOTS = 24,      /* of one list: more are kept as they are */
    MAX_CHANNELS = 16384 /* the same */
};

typedef struct channel {
    hone__value *root;
    int64_t index;
} channel;

typedef struct list {
    channel *channels; /* NULL: the value is computed, it stands for itself */
    int64_t n;
    bool is_shuffled;
} list;

typedef struct tracker {
    hone__pass_context *ctx;
    list *lists; /* [n_values], by value id, of those that were there when the pass began */
    size_t n_values;
    hone_error *error;
} tracker;

static bool same_dim(const hone__value *a, int i, const hone__value *b, int j) {
    const hone__dim *x = &a->type.dims[i], *y = &b->type.dims[j];
    return x->value >= 0 ? x->value == y->value
                         : y->value < 0 && x->symbol && y->symbol && !strcmp(x->symbol, y->symbol);
}

/* [N,C,H,W] of floats with known channels. */
static bool is_image(const hone__value *value) {
    return hone__is_float(value) && hone__value_rank(value) == 4 && hone__value_dim(value, 1) > 0 &&
           hone__value_dim(value, 1) <= MAX_CHANNELS;
}

static channel channel_of(const tracker *t, hone__value *value, int64_t i) {
    const list *l = value->id < t->n_values ? &t->lists[value->id] : NULL;
    return l && l->channels ? l->channels[i] : (channel){value, i};
}

/* Values made by this pass have none. */
static bool has_list(const tracker *t, const hone__value *value) {
    return value && value->id < t->n_values && t->lists[value->id].channels;
}

static bool is_shuffled(const tracker *t, const hone__value *value) {
    return value->id < t->n_values && t->lists[value->id].is_shuffled;
}

/* A list for a value; its entries are the caller's to fill. */
static hone_status new_list(tracker *t, const hone__value *value, bool shuffled, list **out) {
    list *l = &t->lists[value->id];
    l->n = hone__value_dim(value, 1);
    l->is_shuffled = shuffled;
    l->channels = hone__calloc((size_t)l->n, sizeof *l->channels);
    *out = l;
    return l->channels ? HONE_OK : hone__fail_memory(t->error, "a list of channels");
}

static size_t collect_roots(const list *l, hone__value **roots, size_t max) {
    size_t n = 0;
    for (int64_t i = 0; i < l->n; i++) {
        size_t k = 0;
        while (k < n && roots[k] != l->channels[i].root)
            k++;
        if (k == n && n == max)
            return max + 1;
        if (k == n)
            roots[n++] = l->channels[i].root;
    }
    return n;
}

/* Too many sources for one gather: the value stands for itself then. */
static void limit(const tracker *t, const hone__value *value) {
    hone__value *roots[MAX_ROOTS];
    list *l = &t->lists[value->id];
    if (collect_roots(l, roots, MAX_ROOTS) <= MAX_ROOTS)
        return;
    hone__free(l->channels);
    *l = (list){0};
}

/* ---- what the nodes say ---- */

static bool has_axis_1(const hone__node *node, int fallback) {
    const int64_t axis = hone__node_attr_int(node, "axis", fallback);
    return axis == 1 || axis == -3;
}

static hone_status track_concat(tracker *t, const hone__node *node) {
    hone__value *y = node->outputs[0];
    bool shuffled = false;
    int64_t sum = 0, at = 0;
    if (!is_image(y) || !has_axis_1(node, 1))
        return HONE_OK;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!node->inputs[i] || !is_image(node->inputs[i]) || node->inputs[i]->constant)
            return HONE_OK;
        shuffled |= is_shuffled(t, node->inputs[i]);
        sum += hone__value_dim(node->inputs[i], 1);
    }
    list *l;
    if (sum != hone__value_dim(y, 1))
        return HONE_OK;
    HONE_TRY(new_list(t, y, shuffled, &l));
    for (size_t i = 0; i < node->n_inputs; i++)
        for (int64_t k = 0; k < hone__value_dim(node->inputs[i], 1); k++)
            l->channels[at++] = channel_of(t, node->inputs[i], k);
    limit(t, y);
    return HONE_OK;
}

/* Channels [begin, begin + n) of x, n being those of y. */
static hone_status track_range(tracker *t, hone__value *x, const hone__value *y, int64_t begin) {
    list *l;
    if (!is_image(y) || begin < 0 || begin + hone__value_dim(y, 1) > hone__value_dim(x, 1))
        return HONE_OK;
    HONE_TRY(new_list(t, y, is_shuffled(t, x), &l));
    for (int64_t i = 0; i < l->n; i++)
        l->channels[i] = channel_of(t, x, begin + i);
    return HONE_OK;
}

static hone_status track_split(tracker *t, const hone__node *node) {
    int64_t at = 0, sum = 0;
    hone__value *x = node->inputs[0];
    if (!is_image(x) || x->constant || !has_axis_1(node, 0))
        return HONE_OK;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (!node->outputs[i] || !is_image(node->outputs[i]))
            return HONE_OK;
        sum += hone__value_dim(node->outputs[i], 1);
    }
    for (size_t i = 0; i < node->n_outputs && sum == hone__value_dim(x, 1); i++) {
        HONE_TRY(track_range(t, x, node->outputs[i], at));
        at += hone__value_dim(node->outputs[i], 1);
    }
    return HONE_OK;
}

static hone_status track_slice(tracker *t, const hone__node *node) {
    int64_t start, axis, step = 1;
    size_t n, n_axis, n_step = 1;
    hone__value *x = node->inputs[0];
    if (!is_image(x) || x->constant || hone__pass_get_ints(node, "starts", 1, &start, 1, &n) != HONE_INTS_KNOWN ||
        n != 1 || hone__pass_get_ints(node, "axes", 3, &axis, 1, &n_axis) != HONE_INTS_KNOWN || n_axis != 1)
        return HONE_OK;
    const hone__ints steps =
        node->op->since >= 10 ? hone__pass_get_ints(node, "steps", 4, &step, 1, &n_step) : HONE_INTS_ABSENT;
    if (steps == HONE_INTS_UNKNOWN || (steps == HONE_INTS_KNOWN && (n_step != 1 || step != 1)) ||
        (axis != 1 && axis != -3))
        return HONE_OK;
    start = start < 0 ? start + hone__value_dim(x, 1) : start;
    return track_range(t, x, node->outputs[0], start < 0 ? 0 : start);
}

/* Reshape [N,g,C/g,H,W], Transpose of the groups, Reshape back: channel i*g + k is channel k*C/g + i. */
static hone_status track_shuffle(tracker *t, const hone__node *node) {
    const hone__node *turn = hone__input_node(node, 0, "Transpose");
    const hone__node *open = turn && turn->graph == node->graph ? hone__input_node(turn, 0, "Reshape") : NULL;
    hone__value *x = open && open->graph == node->graph ? open->inputs[0] : NULL, *y = node->outputs[0];
    size_t n_perm;
    if (!x || !is_image(x) || x->constant || !is_image(y) || hone__value_rank(open->outputs[0]) != 5)
        return HONE_OK;
    const int64_t *perm = hone__node_attr_ints(turn, "perm", &n_perm);
    static const int64_t want[5] = {0, 2, 1, 3, 4};
    const hone__value *five = open->outputs[0];
    const int64_t c = hone__value_dim(x, 1), g = hone__value_dim(five, 1), each = hone__value_dim(five, 2);
    if (!perm || n_perm != 5 || memcmp(perm, want, sizeof want) != 0 || g <= 0 || each <= 0 || g * each != c ||
        !same_dim(five, 3, x, 2) || !same_dim(five, 4, x, 3) || !hone__same_shape(x, y))
        return HONE_OK;
    list *l;
    HONE_TRY(new_list(t, y, true, &l));
    for (int64_t i = 0; i < c; i++)
        l->channels[i] = channel_of(t, x, i % g * each + i / g);
    return HONE_OK;
}

static hone_status track(tracker *t, const hone__node *node) {
    if (!node->op || *node->domain || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
        return HONE_OK;
    if (hone__is_op(node, "Concat"))
        return track_concat(t, node);
    if (hone__is_op(node, "Split"))
        return track_split(t, node);
    if (hone__is_op(node, "Slice"))
        return track_slice(t, node);
    return hone__is_op(node, "Reshape") ? track_shuffle(t, node) : HONE_OK;
}

/* ---- rewriting ---- */

/* Whether a node that computes reads the value: the nodes that only move channels on go away. */
static bool is_needed(const tracker *t, const hone__value *value) {
    bool needed = value->n_output_uses > 0;
    for (size_t u = 0; u < value->n_uses && !needed; u++) {
        const hone__node *node = value->uses[u].node;
        if (node->graph != value->graph)
            return true;
        const hone__node *end = node; /* a shuffle begins with a Reshape whose output has no list */
        if (hone__is_op(node, "Reshape") && node->outputs[0] && !has_list(t, node->outputs[0])) {
            const hone__node *turn = hone__value_single_consumer(node->outputs[0]);
            end = turn && hone__is_op(turn, "Transpose") ? hone__value_single_consumer(turn->outputs[0]) : NULL;
        }
        needed = !end || !end->n_outputs || !has_list(t, end->outputs[0]);
    }
    return needed;
}

static hone_status gather(tracker *t, hone__value *value) {
    const list *l = &t->lists[value->id];
    hone__value *roots[MAX_ROOTS];
    const size_t n = collect_roots(l, roots, MAX_ROOTS);
    int64_t *source = hone__calloc((size_t)l->n, 2 * sizeof *source), *index = source ? source + l->n : NULL;
    hone__node *node, *after = value->producer->next;
    hone__value *out;
    hone_status status = source ? HONE_OK : hone__fail_memory(t->error, "a list of channels");
    if (status != HONE_OK)
        return status;
    for (int64_t i = 0; i < l->n; i++) {
        while (roots[source[i]] != l->channels[i].root)
            source[i]++;
        index[i] = l->channels[i].index;
    }
    hone_error *error = t->error;
    HONE_CHECK(hone__graph_add_value(t->ctx->graph, value->name, &out, error));
    HONE_CHECK(hone__graph_add_node(t->ctx->graph, after, "hone", "ChannelGather", value->producer->name, roots, n,
                                    &out, 1, &node, error));
    HONE_CHECK(hone__node_become(node, "hone", "ChannelGather", 1, "fuse_shuffle", error));
    HONE_CHECK(hone__node_set_attr_ints(node, "source", source, (size_t)l->n, error));
    HONE_CHECK(hone__node_set_attr_ints(node, "channel", index, (size_t)l->n, error));
    out->type = value->type;
    HONE_CHECK(hone__graph_replace_value(value, out, error));
    t->ctx->n_changed++;
cleanup:
    hone__free(source);
    return status;
}

HONE_PASS(fuse_shuffle) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "ChannelGather", 1) || !hone__pass_shapes_hold(graph))
        return HONE_OK;
    tracker t = {.ctx = ctx, .n_values = hone__graph_value_count(graph), .error = error};
    hone_status status = HONE_OK;
    t.lists = hone__calloc(t.n_values + 1, sizeof *t.lists);
    if (!t.lists)
        return hone__fail_memory(error, "the lists of channels");
    HONE_FOR_NODES(node, graph)
    HONE_CHECK(track(&t, node));
    HONE_FOR_NODES_SAFE(node, graph)
    for (size_t i = 0; i < node->n_outputs; i++) {
        hone__value *value = node->outputs[i];
        if (value && value->id < t.n_values && t.lists[value->id].is_shuffled && !value->n_output_uses &&
            is_needed(&t, value))
            HONE_CHECK(gather(&t, value));
    }
cleanup:
    for (size_t i = 0; i < t.n_values; i++)
        hone__free(t.lists[i].channels);
    hone__free(t.lists);
    return status;
}
