/* Reference evaluation: one node, or a whole graph node by node. This is the plain and complete way to
 * compute what a model means; backends are measured against it and fall back to it. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A single tensor larger than this is taken for a mistake of the model rather than a wish. */
#define MAX_TENSOR_BYTES ((size_t)16 << 30)

/* ---- helpers of evaluators ---- */

hone_status hone__eval_output(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                              hone_tensor **out) {
    return ctx->output(ctx, i, dtype, rank, dims, out);
}

hone_status hone__eval_output_like(hone__eval *ctx, size_t i, const hone_tensor *like, hone_tensor **out) {
    return ctx->output(ctx, i, like->dtype, like->rank, like->dims, out);
}

hone_status hone__eval_scratch(hone__eval *ctx, size_t size, void **out) {
    *out = size <= MAX_TENSOR_BYTES ? ctx->scratch(ctx, size ? size : 1) : NULL;
    if (!*out)
        return hone__fail_memory(ctx->error, "a reference evaluator");
    memset(*out, 0, size);
    return HONE_OK;
}

hone_status hone__eval_fail(hone__eval *ctx, hone_status status, const char *fmt, ...) {
    char text[640];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hone__fail(ctx->error, status, "%s: %s", ctx->node->op_type, text);
    hone__error_node(ctx->error, ctx->node->name);
    return status;
}

/* ---- one node ---- */

/* What all levels of one evaluation share. */
typedef struct run_state {
    hone__value_lookup lookup; /* values of graphs outside */
    hone__node_runner runner;  /* or NULL */
    void *user;
    hone_tensor **values; /* [root values] by id, those that nodes have made or graphs were given */
    bool *is_borrowed;    /* [root values] */
    size_t *pending;      /* [root values] uses still to come, SIZE_MAX: keep to the end */
    size_t n_values;
} run_state;

typedef struct node_run {
    hone__eval eval; /* first: contexts are cast back */
    void **blocks;   /* scratch */
    size_t n_blocks, blocks_capacity;
    run_state *state;
} node_run;

static bool is_wanted(const hone__eval *ctx, size_t i) {
    return i < ctx->n_out && i < ctx->node->n_outputs && ctx->node->outputs[i];
}

static hone_status default_output(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                                  hone_tensor **out) {
    *out = NULL;
    if (!is_wanted(ctx, i))
        return HONE_OK;
    size_t size;
    if (rank >= 0 && rank <= HONE_MAX_RANK && hone__shape_size(dtype, dims, rank, &size) && size > MAX_TENSOR_BYTES) {
        char text[200];
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "output %zu would be %s, more than 16 GiB", i,
                               hone__shape_describe(dtype, rank, dims, text, sizeof text));
    }
    hone_tensor_destroy(ctx->out[i]);
    ctx->out[i] = NULL;
    HONE_TRY(hone_tensor_create(dtype, rank, dims, &ctx->out[i], ctx->error));
    *out = ctx->out[i];
    return HONE_OK;
}

static hone_status default_output_take(hone__eval *ctx, size_t i, hone_tensor *value) {
    if (!is_wanted(ctx, i)) {
        hone_tensor_destroy(value);
        return HONE_OK;
    }
    hone_tensor_destroy(ctx->out[i]);
    ctx->out[i] = value;
    return HONE_OK;
}

static void *default_scratch(hone__eval *ctx, size_t size) {
    node_run *run = (node_run *)ctx;
    if (!hone__grow((void **)&run->blocks, &run->blocks_capacity, run->n_blocks + 1, sizeof *run->blocks))
        return NULL;
    void *block = hone__malloc_aligned(size);
    if (block)
        run->blocks[run->n_blocks++] = block;
    return block;
}

static hone_status run_graph(run_state *s, const hone__graph *graph, const hone_tensor *const *in, size_t n_in,
                             hone_tensor **out, size_t n_out, hone_error *error);

/* The arrays by value id are made when the first subgraph runs; most nodes have none. */
static hone_status prepare_state(run_state *s, const hone__graph *graph, hone_error *error) {
    if (s->values)
        return HONE_OK;
    size_t n = hone__graph_value_count(graph);
    hone_tensor **values = hone__calloc(n ? n : 1, sizeof *values);
    bool *is_borrowed = hone__calloc(n ? n : 1, sizeof *is_borrowed);
    size_t *pending = hone__calloc(n ? n : 1, sizeof *pending);
    if (!values || !is_borrowed || !pending) {
        hone__free(values);
        hone__free(is_borrowed);
        hone__free(pending);
        return hone__fail_memory(error, "the values of a graph");
    }
    s->values = values;
    s->is_borrowed = is_borrowed;
    s->pending = pending;
    s->n_values = n;
    return HONE_OK;
}

static void release_state(run_state *s) {
    for (size_t i = 0; s->values && i < s->n_values; i++)
        if (!s->is_borrowed[i])
            hone_tensor_destroy(s->values[i]);
    hone__free(s->values);
    hone__free(s->is_borrowed);
    hone__free(s->pending);
}

static hone_status default_run_graph(hone__eval *ctx, const hone__graph *graph, const hone_tensor *const *in,
                                     size_t n_in, hone_tensor **out, size_t n_out) {
    node_run *run = (node_run *)ctx;
    HONE_TRY(prepare_state(run->state, graph, ctx->error));
    return run_graph(run->state, graph, in, n_in, out, n_out, ctx->error);
}

static hone_status run_node(run_state *s, const hone__node *node, const hone_tensor *const *in, size_t n_in,
                            hone_tensor **out, size_t n_out, hone_error *error) {
    for (size_t i = 0; i < n_out; i++)
        out[i] = NULL;
    node_run run = {.state = s};
    run.eval = (hone__eval){.node = node,
                            .n_in = n_in,
                            .n_out = n_out,
                            .in = in,
                            .out = out,
                            .output = default_output,
                            .output_take = default_output_take,
                            .scratch = default_scratch,
                            .run_graph = default_run_graph,
                            .error = error};
    hone_status status = HONE_OK;
    bool done = false;
    if (s->runner)
        status = s->runner(s->user, node, in, n_in, out, n_out, &done, error);
    if (status != HONE_OK || done) {
        /* The runner's result stands. */
    } else if (!node->op || !node->op->eval) {
        status = hone__eval_fail(&run.eval, HONE_ERROR_UNSUPPORTED, "opset %lld of domain \"%s\" has no evaluator",
                                 (long long)node->opset, *node->domain ? node->domain : "ai.onnx");
    } else {
        for (size_t i = 0; i < node->op->min_inputs && status == HONE_OK; i++)
            if (i >= n_in || (!in[i] && i < node->op->n_inputs && !node->op->inputs[i].is_optional))
                status = hone__eval_fail(&run.eval, HONE_ERROR_MODEL, "input %zu is required", i);
        if (status == HONE_OK)
            status = node->op->eval(&run.eval);
    }
    for (size_t i = 0; i < run.n_blocks; i++)
        hone__free_aligned(run.blocks[i]);
    hone__free(run.blocks);
    if (status != HONE_OK) {
        hone__error_node(error, node->name);
        for (size_t i = 0; i < n_out; i++) {
            hone_tensor_destroy(out[i]);
            out[i] = NULL;
        }
    }
    return status;
}

hone_status hone__op_eval_node_in(const hone__node *node, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                                  size_t n_out, hone__value_lookup lookup, void *user, hone_error *error) {
    run_state s = {.lookup = lookup, .user = user};
    hone_status status = run_node(&s, node, in, n_in, out, n_out, error);
    release_state(&s);
    return status;
}

hone_status hone__op_eval_node(const hone__node *node, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                               size_t n_out, hone_error *error) {
    return hone__op_eval_node_in(node, in, n_in, out, n_out, NULL, NULL, error);
}

/* ---- a graph ---- */

static const hone_tensor *value_of(const run_state *s, const hone__value *value) {
    if (value->id < s->n_values && s->values[value->id])
        return s->values[value->id];
    if (value->constant)
        return value->constant;
    return s->lookup ? s->lookup(s->user, value) : NULL;
}

static void forget(run_state *s, const hone__value *value) {
    if (!s->is_borrowed[value->id])
        hone_tensor_destroy(s->values[value->id]);
    s->values[value->id] = NULL;
}

/* Values that subgraphs or outputs use stay; the others go after their last consumer. */
static void count_uses(run_state *s, const hone__value *value) {
    size_t n = value->n_output_uses ? SIZE_MAX : value->n_uses;
    for (size_t i = 0; i < value->n_uses && n != SIZE_MAX; i++)
        if (value->uses[i].node->graph != value->graph)
            n = SIZE_MAX;
    s->pending[value->id] = n;
}

static hone_status run_one(run_state *s, const hone__node *node, const hone_tensor **in, hone_tensor **out,
                           hone_error *error) {
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        in[i] = value ? value_of(s, value) : NULL;
        if (value && !in[i]) {
            hone__fail(error, HONE_ERROR_MODEL, "value \"%s\" has not been computed", value->name);
            hone__error_node(error, node->name);
            return HONE_ERROR_MODEL;
        }
    }
    if (node->op) /* a node alone may be given other types by operators that are made of it */
        HONE_TRY(hone__op_check_values(node, in, node->n_inputs, error));
    HONE_TRY(run_node(s, node, in, node->n_inputs, out, node->n_outputs, error));
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *value = node->outputs[i];
        if (!value)
            continue;
        s->values[value->id] = out[i];
        s->is_borrowed[value->id] = false;
        count_uses(s, value);
        if (s->pending[value->id] == 0)
            forget(s, value);
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (value && value->producer && value->graph == node->graph && s->pending[value->id] != SIZE_MAX &&
            --s->pending[value->id] == 0)
            forget(s, value);
    }
    return HONE_OK;
}

/* Gives the outputs away: moved when the graph made them, else copied. */
static hone_status take_outputs(run_state *s, const hone__graph *graph, hone_tensor **out, hone_error *error) {
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const hone__value *value = graph->outputs[i];
        const hone_tensor *tensor = value_of(s, value);
        HONE_FAIL_IF(!tensor, error, HONE_ERROR_MODEL, "output \"%s\" of graph \"%s\" has not been computed",
                     value->name, graph->name);
        bool is_last = value->graph == graph && value->producer && s->values[value->id] == tensor;
        for (size_t j = i + 1; j < graph->n_outputs && is_last; j++)
            is_last = graph->outputs[j] != value;
        if (is_last) {
            out[i] = s->values[value->id];
            s->values[value->id] = NULL;
        } else {
            HONE_TRY(hone_tensor_clone(tensor, &out[i], error));
        }
    }
    return HONE_OK;
}

static hone_status run_nodes(run_state *s, const hone__graph *graph, hone_error *error) {
    void *links = NULL;
    size_t capacity = 0;
    hone_status status = HONE_OK;
    HONE_FOR_NODES(node, graph) {
        if (!hone__grow(&links, &capacity, node->n_inputs + node->n_outputs + 1, sizeof(void *))) {
            status = hone__fail_memory(error, "a node's values");
            break;
        }
        status = run_one(s, node, links, (hone_tensor **)links + node->n_inputs, error);
        if (status != HONE_OK)
            break;
    }
    hone__free(links);
    return status;
}

static hone_status run_graph(run_state *s, const hone__graph *graph, const hone_tensor *const *in, size_t n_in,
                             hone_tensor **out, size_t n_out, hone_error *error) {
    for (size_t i = 0; i < n_out; i++)
        out[i] = NULL;
    HONE_FAIL_IF(n_in != graph->n_inputs || n_out != graph->n_outputs, error, HONE_ERROR_MODEL,
                 "graph \"%s\" takes %zu inputs and gives %zu outputs, but is called with %zu and %zu", graph->name,
                 graph->n_inputs, graph->n_outputs, n_in, n_out);
    for (size_t i = 0; i < n_in; i++) {
        s->values[graph->inputs[i]->id] = (hone_tensor *)(uintptr_t)in[i]; /* read only: borrowed */
        s->is_borrowed[graph->inputs[i]->id] = true;
    }
    hone_status status = run_nodes(s, graph, error);
    if (status == HONE_OK)
        status = take_outputs(s, graph, out, error);
    for (size_t i = 0; i < n_in; i++)
        s->values[graph->inputs[i]->id] = NULL;
    HONE_FOR_NODES(node, graph)
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i])
            forget(s, node->outputs[i]);
    if (status != HONE_OK)
        for (size_t i = 0; i < n_out; i++) {
            hone_tensor_destroy(out[i]);
            out[i] = NULL;
        }
    return status;
}

hone_status hone__graph_run(const hone__graph *graph, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                            size_t n_out, hone__value_lookup lookup, void *user, hone_error *error) {
    return hone__graph_run_by(graph, in, n_in, out, n_out, lookup, NULL, user, error);
}

hone_status hone__graph_run_by(const hone__graph *graph, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                               size_t n_out, hone__value_lookup lookup, hone__node_runner runner, void *user,
                               hone_error *error) {
    run_state s = {.lookup = lookup, .runner = runner, .user = user};
    for (size_t i = 0; i < n_out; i++)
        out[i] = NULL;
    HONE_TRY(prepare_state(&s, graph, error));
    hone_status status = run_graph(&s, graph, in, n_in, out, n_out, error);
    release_state(&s);
    return status;
}
