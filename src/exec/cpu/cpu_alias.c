/* Values inside others' bytes; see cpu_alias.h. */
#include "exec/cpu/cpu_alias.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "exec/cpu/cpu_bind.h"

#include <string.h>

enum {
    MAX_PARTS = 256,
    MAX_SPAN = 4096,       /* nodes from a group's first piece to its Concat */
    MAX_VIEWS = 32,        /* from a value to its source */
    MAX_EFFORT = 50000000, /* additions for all groups of a plan: huge graphs are grouped in part */
};

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }

static const hone__shape_value *shape_of(const hone__exec_plan *plan, const hone__value *value) {
    return &plan->shapes.values[value->id];
}

/* Placed by the planner, of whole bytes per element. */
static bool is_placed(const hone__exec_plan *plan, const hone__value *value) {
    const hone__shape_value *s = value ? shape_of(plan, value) : NULL;
    return s && s->known == HONE_KNOWN_SHAPE && s->desc.kind == HONE_KIND_TENSOR &&
           hone__bind_elem_size(s->desc.dtype) > 0 && s->desc.dtype != HONE_DTYPE_STRING;
}

static size_t use_count(const hone__value *value) { return value->n_uses + value->n_output_uses; }

bool hone__cpu_alias_is_view(const hone__exec_plan *plan, const hone__node *node) {
    if (!node->op || !(node->op->flags & HONE_OP_VIEW) || !node->n_inputs || !node->inputs[0] || !node->outputs[0])
        return false;
    const hone__shape_value *in = shape_of(plan, node->inputs[0]), *out = shape_of(plan, node->outputs[0]);
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i] && use_count(node->outputs[i]))
            return false;
    return in->known != HONE_KNOWN_NOTHING && in->desc.dtype != HONE_DTYPE_STRING && out->known == HONE_KNOWN_SHAPE &&
           out->desc.dtype != HONE_DTYPE_STRING && in->desc.size == out->desc.size &&
           in->desc.dtype == out->desc.dtype && in->desc.kind == HONE_KIND_TENSOR;
}

/* Nothing but ones before the axis: parts along it follow each other. */
static bool is_outermost(const hone_tensor *t, int64_t axis) {
    return axis >= 0 && axis < t->rank && hone__bind_product(t->dims, 0, (int)axis) == 1;
}

static bool is_standard(const hone__node *node, const char *op) {
    return strcmp(node->op_type, op) == 0 && !*node->domain;
}

/* The id by which a node's input is read. */
static uint32_t read_id(const hone__exec_plan *plan, uint32_t node, size_t input) {
    const uint32_t id = plan->model->nodes[node].node->inputs[input]->id;
    const bool want = hone__cpu_layout_wants(&plan->layout, node, input);
    return plan->n_ids == plan->n_values || plan->layout.is_blocked[id] == want ? id : id + (uint32_t)plan->n_values;
}

bool hone__cpu_alias_pieces(const hone__exec_plan *plan, uint32_t index, const uint32_t *ids, size_t *offsets) {
    const hone__node *node = plan->model->nodes[index].node;
    if (!is_standard(node, "Concat") || !plan->model->nodes[index].row || !node->n_outputs ||
        !is_placed(plan, node->outputs[0]))
        return false;
    const hone_tensor *y = &shape_of(plan, node->outputs[0])->desc;
    int64_t axis = hone__node_attr_int(node, "axis", 1);
    if (!is_outermost(y, axis < 0 ? axis + y->rank : axis))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!node->inputs[i] || shape_of(plan, node->inputs[i])->known == HONE_KNOWN_NOTHING)
            return false;
        offsets[i] = at;
        at += hone__cpu_plan_desc(plan, ids[i]).size;
    }
    /* A blocked Concat whose last input ends inside a block is as long as its inputs. */
    return at == hone__cpu_plan_desc(plan, node->outputs[0]->id).size;
}

/* ---- views ---- */

static bool first_i64(const hone__exec_plan *plan, const hone__node *node, size_t input, const char *attr, size_t i,
                      int64_t *out) {
    const hone__value *value = input < node->n_inputs ? node->inputs[input] : NULL;
    if (value) {
        const hone__shape_value *known = shape_of(plan, value);
        return known->known == HONE_KNOWN_DATA && hone__tensor_get_i64(&known->desc, (int64_t)i, out);
    }
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, attr, &n);
    if (!v || i >= n)
        return false;
    *out = v[i];
    return true;
}

static size_t count_starts(const hone__exec_plan *plan, const hone__node *node) {
    size_t n = 0;
    if (node->n_inputs > 1 && node->inputs[1])
        return (size_t)hone__tensor_count(&shape_of(plan, node->inputs[1])->desc);
    hone__node_attr_ints(node, "starts", &n);
    return n;
}

/* The place where a Slice of step 1 begins along each axis; false when it is not known now. */
static bool slice_begins(const hone__exec_plan *plan, const hone__node *node, int64_t *begin) {
    const hone_tensor *x = &shape_of(plan, node->inputs[0])->desc;
    memset(begin, 0, HONE_MAX_RANK * sizeof *begin);
    const size_t n = count_starts(plan, node);
    for (size_t i = 0; i < n; i++) {
        int64_t start, axis, step;
        if (!first_i64(plan, node, 1, "starts", i, &start))
            return false;
        if (!first_i64(plan, node, 3, "axes", i, &axis)) {
            size_t n_axes;
            if ((node->n_inputs > 3 && node->inputs[3]) || hone__node_attr_ints(node, "axes", &n_axes))
                return false;
            axis = (int64_t)i;
        }
        if (node->n_inputs > 4 && node->inputs[4] && (!first_i64(plan, node, 4, "steps", i, &step) || step != 1))
            return false;
        axis += axis < 0 ? x->rank : 0;
        if (axis < 0 || axis >= x->rank)
            return false;
        start = start < -x->dims[axis] ? 0 : start < 0 ? start + x->dims[axis] : start;
        begin[axis] = hone__min_i64(start, x->dims[axis]);
    }
    return n > 0;
}

static bool slice_part(const hone__exec_plan *plan, uint32_t index, size_t *offset) {
    const hone__node *node = plan->model->nodes[index].node;
    const hone_tensor *x = &shape_of(plan, node->inputs[0])->desc, *y = &shape_of(plan, node->outputs[0])->desc;
    int64_t begin[HONE_MAX_RANK];
    int axis = -1;
    if (x->rank != y->rank || x->rank == 0 || y->size == 0 || !slice_begins(plan, node, begin))
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i] == y->dims[i] && begin[i] == 0)
            continue;
        if (axis >= 0 || begin[i] + y->dims[i] > x->dims[i])
            return false;
        axis = i;
    }
    axis = axis < 0 ? 0 : axis;
    const size_t block = hone__cpu_layout_form(&plan->layout, index) ? plan->layout.block : 0;
    if (!is_outermost(x, axis) || (block && (axis != 1 || begin[1] % (int64_t)block != 0)))
        return false;
    /* Channels of a blocked tensor are as long as those of a plain one until the last block. */
    *offset = (size_t)(begin[axis] * hone__bind_product(x->dims, axis + 1, x->rank)) * hone__bind_elem_size(x->dtype);
    return true;
}

bool hone__cpu_alias_parts(const hone__exec_plan *plan, uint32_t index, size_t *offsets) {
    const hone__node *node = plan->model->nodes[index].node;
    const bool is_split = is_standard(node, "Split");
    if (!plan->model->config.use_mem_reuse || !plan->model->nodes[index].row || !node->n_inputs || !node->inputs[0] ||
        !node->n_outputs || node->n_outputs > MAX_PARTS || (!is_split && !is_standard(node, "Slice")))
        return false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (!is_placed(plan, node->outputs[i]))
            return false;
    const hone__shape_value *in = shape_of(plan, node->inputs[0]);
    if (in->known != HONE_KNOWN_SHAPE || in->desc.kind != HONE_KIND_TENSOR)
        return false;
    if (!is_split)
        return slice_part(plan, index, &offsets[0]) && offsets[0] % HONE_ALIGNMENT == 0;
    int64_t axis = hone__node_attr_int(node, "axis", 0);
    axis += axis < 0 ? in->desc.rank : 0;
    if (!is_outermost(&in->desc, axis))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < node->n_outputs; i++) {
        offsets[i] = at;
        if (at % HONE_ALIGNMENT != 0)
            return false;
        at += hone__cpu_plan_desc(plan, node->outputs[i]->id).size; /* blocked: all but the last end with a block */
    }
    return at == hone__cpu_plan_desc(plan, read_id(plan, index, 0)).size;
}

/* ---- groups ---- */

typedef struct grouper {
    const hone__exec_plan *plan;
    hone__cpu_alias *alias;
    uint32_t *index; /* [node ids]: place in model->nodes, UINT32_MAX for none */
    size_t *live;    /* [n_nodes + 1]: bytes alive at each node, without groups; raised by those that are made */
    size_t most;     /* of live */
    uint32_t *begin; /* [n_ids]: the node from which an outermost group's bytes are reserved, or UINT32_MAX */
    size_t effort;
} grouper;

static uint32_t node_index(const grouper *g, const hone__node *node) { return node ? g->index[node->id] : UINT32_MAX; }

static bool is_computed(const hone__exec_plan *plan, const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && shape_of(plan, node->outputs[i])->known != HONE_KNOWN_DATA)
            return false;
    return true;
}

/* The value whose bytes a view's are; NULL for views of what is not made by a node here. */
static const hone__value *source_of(const grouper *g, const hone__value *value) {
    for (int i = 0; value && value->producer && hone__cpu_alias_is_view(g->plan, value->producer); i++)
        value = i < MAX_VIEWS ? value->producer->inputs[0] : NULL;
    return value;
}

/* The last node that reads a value, through views; n_nodes for outputs of the graph and what subgraphs read. */
static uint32_t last_reader(const grouper *g, const hone__value *value, int depth) {
    const uint32_t end = (uint32_t)g->plan->model->n_nodes;
    uint32_t last = 0;
    if (value->n_output_uses || depth > 8)
        return end;
    for (size_t u = 0; u < value->n_uses && last < end; u++) {
        const hone__node *node = value->uses[u].node;
        if (node->graph != value->graph)
            return end;
        const uint32_t at = node_index(g, node);
        const bool is_view = at != UINT32_MAX && hone__cpu_alias_is_view(g->plan, node);
        last = max_u32(last, at == UINT32_MAX ? end : at);
        if (is_view)
            last = max_u32(last, last_reader(g, node->outputs[0], depth + 1));
    }
    return last;
}

static void measure_live(grouper *g) {
    const uint32_t n = (uint32_t)g->plan->model->n_nodes;
    size_t *ends = g->live + n + 1; /* a second half: bytes that end before a node */
    for (uint32_t i = 0; i < n; i++) {
        const hone__node *node = g->plan->model->nodes[i].node;
        for (size_t k = 0; k < node->n_outputs; k++) {
            const hone__value *value = node->outputs[k];
            if (!value || !is_placed(g->plan, value) || hone__cpu_alias_is_view(g->plan, node))
                continue;
            const size_t size = hone__cpu_plan_desc(g->plan, value->id).size;
            g->live[i] += size;
            ends[hone__min_size(n, max_u32(i, last_reader(g, value, 0)))] += size;
        }
    }
    size_t now = 0;
    for (uint32_t i = 0; i < n; i++) {
        now += g->live[i];
        g->live[i] = now;
        now -= ends[i];
        g->most = hone__max_size(g->most, g->live[i]);
    }
}

/* The value that stands for input i and may be written into a piece; NULL: it must be copied. */
static const hone__value *piece_value(const grouper *g, uint32_t index, size_t i, uint32_t *id) {
    const hone__node *node = g->plan->model->nodes[index].node;
    const hone__value *value = node->inputs[i];
    *id = read_id(g->plan, index, i);
    if (!is_placed(g->plan, value))
        return NULL;
    if (*id >= g->plan->n_values) /* a copy in the other layout is written by a step of its own */
        return g->alias->parent[*id] == HONE_NO_BUFFER && value->producer && !value->n_output_uses ? value : NULL;
    const hone__value *source = source_of(g, value);
    if (!source || !source->producer || source->n_output_uses || value->n_output_uses || source->is_input ||
        source->graph != g->plan->model->graph || !is_placed(g->plan, source))
        return NULL;
    if (source != value) { /* a view is of the plain form */
        if (g->plan->n_ids > g->plan->n_values && g->plan->layout.is_blocked[source->id])
            return NULL;
        *id = source->id;
    }
    const uint32_t producer = node_index(g, source->producer);
    size_t offsets[MAX_PARTS];
    if (producer == UINT32_MAX || is_computed(g->plan, source->producer) ||
        hone__cpu_alias_parts(g->plan, producer, offsets))
        return NULL;
    return g->alias->parent[*id] == HONE_NO_BUFFER ? source : NULL;
}

/* The Concat's output itself lies in a later one's when all its inputs stand there one after the other. */
static bool nest(grouper *g, uint32_t out, const uint32_t *ids, const size_t *offsets, size_t n) {
    const uint32_t parent = g->alias->parent[ids[0]];
    if (parent == HONE_NO_BUFFER || parent == out || g->alias->parent[out] != HONE_NO_BUFFER)
        return false;
    for (size_t i = 0; i < n; i++)
        if (g->alias->parent[ids[i]] != parent || g->alias->offset[ids[i]] != g->alias->offset[ids[0]] + offsets[i])
            return false;
    g->alias->parent[out] = parent;
    g->alias->offset[out] = g->alias->offset[ids[0]];
    return true;
}

/* Whether the bytes of the group (those of the outermost one that contains it), reserved from its first piece on, fit
 * under the most that is alive anyway. */
static bool reserve(grouper *g, uint32_t index, uint32_t out, const uint32_t *first, const size_t *sizes, size_t n) {
    size_t offset;
    const uint32_t root = hone__cpu_alias_root(g->alias, out, &offset);
    const uint32_t end = min_u32(index, g->begin[root]); /* from there on they are counted */
    const size_t size = hone__cpu_plan_desc(g->plan, root).size;
    uint32_t begin = end;
    for (size_t i = 0; i < n; i++)
        begin = min_u32(begin, first[i]);
    g->effort += (end - begin) * n;
    if (end - begin > MAX_SPAN || g->effort > MAX_EFFORT)
        return false;
    for (int pass = 0; pass < 2; pass++) /* looks, then takes */
        for (uint32_t at = begin; at < end; at++) {
            size_t here = 0;
            for (size_t i = 0; i < n; i++)
                here += first[i] <= at ? sizes[i] : 0;
            if (pass == 0 && g->live[at] + (size - here) > g->most)
                return false;
            if (pass == 1)
                g->live[at] += size - here;
        }
    g->begin[root] = begin;
    return true;
}

static void group(grouper *g, uint32_t index) {
    const hone__node *node = g->plan->model->nodes[index].node;
    uint32_t ids[MAX_PARTS], first[MAX_PARTS];
    size_t offsets[MAX_PARTS], sizes[MAX_PARTS], n = 0;
    const hone__value *values[MAX_PARTS];
    if (node->n_inputs < 2 || node->n_inputs > MAX_PARTS || !is_standard(node, "Concat"))
        return;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!node->inputs[i])
            return;
        ids[i] = read_id(g->plan, index, i);
    }
    if (!hone__cpu_alias_pieces(g->plan, index, ids, offsets))
        return;
    const uint32_t out = node->outputs[0]->id;
    if (nest(g, out, ids, offsets, node->n_inputs))
        return;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const size_t size = hone__cpu_plan_desc(g->plan, ids[i]).size;
        values[i] = size && offsets[i] % HONE_ALIGNMENT == 0 ? piece_value(g, index, i, &ids[i]) : NULL;
        for (size_t k = 0; k < i && values[i]; k++)
            if (values[k] && ids[k] == ids[i])
                values[i] = NULL; /* twice in one Concat: copied the second time */
        if (!values[i])
            continue;
        /* A copy in the other layout is made when it is first read, at the latest here. */
        first[n] = node_index(g, values[i]->producer);
        sizes[n++] = size;
    }
    if (!n || !reserve(g, index, out, first, sizes, n))
        return;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (values[i]) {
            g->alias->parent[ids[i]] = out;
            g->alias->offset[ids[i]] = offsets[i];
        }
}

hone_status hone__cpu_alias_assign(const hone__exec_plan *plan, bool has_groups, hone__cpu_alias *out,
                                   hone_error *error) {
    const hone__exec_model *model = plan->model;
    const size_t n_nodes = model->n_nodes, n_ids = hone__graph_node_count(model->graph) + 1;
    grouper g = {.plan = plan, .alias = out};
    hone_status status = HONE_OK;
    memset(out->parent, 0xFF, plan->n_ids * sizeof *out->parent);
    if (!model->config.use_mem_reuse || !has_groups)
        return HONE_OK;
    g.index = hone__malloc(n_ids * sizeof *g.index);
    g.live = hone__calloc(2 * (n_nodes + 1), sizeof *g.live);
    g.begin = hone__malloc(plan->n_ids * sizeof *g.begin);
    if (!g.index || !g.live || !g.begin) {
        status = hone__fail_memory(error, "the plan");
        goto cleanup;
    }
    memset(g.index, 0xFF, n_ids * sizeof *g.index);
    memset(g.begin, 0xFF, plan->n_ids * sizeof *g.begin);
    for (uint32_t i = 0; i < n_nodes; i++)
        g.index[model->nodes[i].node->id] = i;
    measure_live(&g);
    for (uint32_t i = (uint32_t)n_nodes; i-- > 0;)
        if (!is_computed(plan, model->nodes[i].node))
            group(&g, i);
cleanup:
    hone__free(g.index);
    hone__free(g.live);
    hone__free(g.begin);
    return status;
}

uint32_t hone__cpu_alias_root(const hone__cpu_alias *alias, uint32_t id, size_t *offset) {
    *offset = 0;
    while (alias->parent[id] != HONE_NO_BUFFER) {
        *offset += alias->offset[id];
        id = alias->parent[id];
    }
    return id;
}
