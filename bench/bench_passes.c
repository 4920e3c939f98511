/* Compile time over the size of the graph: made-up models of 1,000 to 100,000 nodes (as a transformer, a residual
 * network and an elementwise mesh have them; tensors are tiny, so that only the graph counts) are written, opened,
 * optimised and made ready to run. Time per node should stay about the same.
 *
 *     bench_passes [--nodes N,N,...] [--shape transformer|conv|eltwise] [--passes] */
#include "base/clock.h"
#include "base/error.h"
#include "model/model.h"
#include "model/model_export.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPSET = 17, HIDDEN = 8, STEPS = 4, HEADS = 2, CHANNELS = 4, SIZE = 6 };

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        hone_error error_, *error = &error_;                                                                           \
        hone_error_clear(error);                                                                                       \
        if ((expr) != HONE_OK) {                                                                                       \
            (void)fprintf(stderr, "bench_passes: %s: %s (%s)\n", #expr, error_.message, error_.node);                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- making graphs ---- */

static unsigned g_random = 1;
static float next_float(void) {
    g_random = g_random * 1664525u + 1013904223u;
    return (float)(g_random >> 8) / (float)(1 << 24) - 0.5f;
}

static hone__value *constant(hone__graph *g, int rank, const int64_t *dims) {
    hone_tensor *t;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, error));
    for (int64_t i = 0; i < hone_tensor_count(t); i++)
        ((float *)hone_tensor_data(t))[i] = next_float();
    OK(hone__graph_add_constant(g, "w", t, &value, error));
    return value;
}

static hone__value *scalar(hone__graph *g, float x) {
    hone__value *value = constant(g, 0, NULL);
    ((float *)(uintptr_t)value->constant->data)[0] = x;
    return value;
}

static hone__value *ints(hone__graph *g, const int64_t *v, int64_t n) {
    hone_tensor *t;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_INT64, 1, &n, &t, error));
    memcpy(hone_tensor_data(t), v, (size_t)n * sizeof *v);
    OK(hone__graph_add_constant(g, "shape", t, &value, error));
    return value;
}

static hone__node *node(hone__graph *g, const char *op, hone__value **in, size_t n) {
    hone__value *out;
    hone__node *made;
    OK(hone__graph_add_value(g, op, &out, error));
    OK(hone__graph_add_node(g, NULL, "", op, NULL, in, n, &out, 1, &made, error));
    made->op = hone__op_find("", op, OPSET);
    return made;
}
static hone__value *unary(hone__graph *g, const char *op, hone__value *x) { return node(g, op, &x, 1)->outputs[0]; }
static hone__value *binary(hone__graph *g, const char *op, hone__value *a, hone__value *b) {
    hone__value *in[2] = {a, b};
    return node(g, op, in, 2)->outputs[0];
}

static hone__value *linear(hone__graph *g, hone__value *x) {
    int64_t dims[2] = {HIDDEN, HIDDEN}, n = HIDDEN;
    return binary(g, "Add", binary(g, "MatMul", x, constant(g, 2, dims)), constant(g, 1, &n));
}

static hone__value *mean(hone__graph *g, hone__value *x) {
    int64_t axis = -1;
    hone__node *made = node(g, "ReduceMean", &x, 1);
    OK(hone__node_set_attr_ints(made, "axes", &axis, 1, error));
    return made->outputs[0];
}

static hone__value *layer_norm(hone__graph *g, hone__value *x) {
    int64_t n = HIDDEN;
    hone__value *d = binary(g, "Sub", x, mean(g, x));
    hone__value *v = mean(g, binary(g, "Pow", d, scalar(g, 2)));
    hone__value *s = unary(g, "Sqrt", binary(g, "Add", v, scalar(g, 1e-5f)));
    return binary(g, "Add", binary(g, "Mul", binary(g, "Div", d, s), constant(g, 1, &n)), constant(g, 1, &n));
}

static hone__value *gelu(hone__graph *g, hone__value *x) {
    hone__value *e = unary(g, "Erf", binary(g, "Div", x, scalar(g, 1.41421356f)));
    return binary(g, "Mul", binary(g, "Mul", x, binary(g, "Add", e, scalar(g, 1))), scalar(g, 0.5f));
}

static hone__value *heads(hone__graph *g, hone__value *x, const int64_t *perm) {
    int64_t split[4] = {0, 0, HEADS, HIDDEN / HEADS};
    hone__value *y = binary(g, "Reshape", x, ints(g, split, 4));
    hone__node *t = node(g, "Transpose", &y, 1);
    OK(hone__node_set_attr_ints(t, "perm", perm, 4, error));
    return t->outputs[0];
}

static hone__value *transformer_layer(hone__graph *g, hone__value *x) {
    static const int64_t first[4] = {0, 2, 1, 3}, key[4] = {0, 2, 3, 1}, joined[3] = {0, 0, HIDDEN};
    hone__value *q = heads(g, linear(g, x), first), *k = heads(g, linear(g, x), key),
                *v = heads(g, linear(g, x), first);
    hone__value *s = binary(g, "Div", binary(g, "MatMul", q, k), scalar(g, 2));
    s = binary(g, "MatMul", unary(g, "Softmax", s), v);
    hone__node *back = node(g, "Transpose", &s, 1);
    OK(hone__node_set_attr_ints(back, "perm", first, 4, error));
    hone__value *y = binary(g, "Reshape", back->outputs[0], ints(g, joined, 3));
    x = layer_norm(g, binary(g, "Add", x, linear(g, y)));
    return layer_norm(g, binary(g, "Add", x, linear(g, gelu(g, linear(g, x)))));
}

static hone__value *conv(hone__graph *g, hone__value *x) {
    int64_t dims[4] = {CHANNELS, CHANNELS, 3, 3}, pads[4] = {1, 1, 1, 1}, n = CHANNELS;
    hone__node *made = node(g, "Conv", (hone__value *[]){x, constant(g, 4, dims)}, 2);
    OK(hone__node_set_attr_ints(made, "pads", pads, 4, error));
    hone__value *in[5] = {made->outputs[0]};
    for (int i = 1; i < 4; i++)
        in[i] = constant(g, 1, &n);
    in[4] = scalar(g, 1);
    hone_tensor *variance;
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, 1, &n, &variance, error));
    for (int64_t i = 0; i < n; i++)
        ((float *)hone_tensor_data(variance))[i] = 1;
    OK(hone__graph_add_constant(g, "variance", variance, &in[4], error));
    return node(g, "BatchNormalization", in, 5)->outputs[0];
}

static hone__value *residual_block(hone__graph *g, hone__value *x) {
    hone__value *y = conv(g, unary(g, "Relu", conv(g, x)));
    return unary(g, "Relu", binary(g, "Add", y, x));
}

/* Ten nodes with a few that later ones reach back to. */
static hone__value *mesh(hone__graph *g, hone__value *x) {
    static const char *const ops[] = {"Tanh", "Sigmoid", "Relu", "Abs", "Exp"};
    hone__value *a = x, *b = x;
    for (int i = 0; i < 5; i++) {
        a = unary(g, ops[(g_random >> 8) % 5], a);
        b = binary(g, i % 2 ? "Mul" : "Add", a, i == 3 ? x : b);
        (void)next_float();
    }
    return b;
}

typedef struct shape {
    const char *name;
    hone__value *(*layer)(hone__graph *g, hone__value *x);
    int rank;
    int64_t dims[4];
} shape;

static const shape g_shapes[] = {{"transformer", transformer_layer, 3, {1, STEPS, HIDDEN}},
                                 {"conv", residual_block, 4, {1, CHANNELS, SIZE, SIZE}},
                                 {"eltwise", mesh, 2, {4, HIDDEN}}};

static void make_model(const shape *s, size_t n_nodes, const char *path) {
    static const uint8_t empty[] = {0x08, 10, 0x3A, 3, 0x12, 1, 'g', 0x42, 2, 0x10, OPSET};
    hone__graph *g;
    hone__value *x;
    hone_model *base;
    hone__dim dims[4];
    for (int i = 0; i < s->rank; i++)
        dims[i] = (hone__dim){s->dims[i], NULL};
    OK(hone__graph_create("bench", &g, error));
    OK(hone__graph_set_opset(g, "", OPSET, error));
    OK(hone__graph_add_value(g, "x", &x, error));
    OK(hone__type_set_tensor(hone__graph_arena(g), &x->type, HONE_DTYPE_FLOAT, s->rank, dims));
    OK(hone__graph_add_input(g, x, error));
    while (g->n_nodes < n_nodes)
        x = s->layer(g, x);
    OK(hone__graph_add_output(g, x, error));
    OK(hone_model_open_memory(empty, sizeof empty, NULL, &base, error));
    OK(hone__model_export(base, g, path, NULL, error));
    hone_model_close(base);
    hone__graph_destroy(g);
}

/* ---- measuring ---- */

typedef struct times {
    size_t n_before, n_after;
    double open, clone, infer, passes, session;
} times;

static void show_passes(const hone__pass_report *report) {
    for (size_t i = 0; i < report->n_records; i++)
        if (report->records[i].ms > 0.5)
            printf("    %-28s %8zu matches %10.2f ms\n", report->records[i].pass->name, report->records[i].n_matches,
                   report->records[i].ms);
    printf("    rounds: %zu\n", report->n_rounds);
}

static times measure(const char *path, bool shows_passes) {
    times t = {0};
    hone_model *model;
    hone__graph *graph;
    hone_session *session;
    hone__pass_report report;
    uint64_t start = hone__now_ns();
    OK(hone_model_open(path, &model, error));
    t.open = hone__ms_since(start);
    start = hone__now_ns();
    OK(hone__model_clone_graph(model, &graph, error));
    t.clone = hone__ms_since(start);
    start = hone__now_ns();
    OK(hone__graph_infer(graph, error));
    t.infer = hone__ms_since(start);
    t.n_before = graph->n_nodes;
    hone__pass_report_init(&report);
    hone__pass_options options = {.level = HONE_OPT_ALL, .report = shows_passes ? &report : NULL};
    start = hone__now_ns();
    OK(hone__passes_run_with(graph, &options, error));
    t.passes = hone__ms_since(start);
    t.n_after = graph->n_nodes;
    if (shows_passes)
        show_passes(&report);
    hone__pass_report_deinit(&report);
    hone__graph_destroy(graph);
    start = hone__now_ns();
    OK(hone_session_create(model, NULL, &session, error));
    t.session = hone__ms_since(start);
    hone_session_destroy(session);
    hone_model_close(model);
    return t;
}

int main(int argc, char **argv) {
    const char *nodes = "1000,3000,10000,40000,100000", *only = NULL;
    bool shows_passes = false;
    char path[256];
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--nodes") == 0 && i + 1 < argc)
            nodes = argv[++i];
        else if (strcmp(argv[i], "--shape") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--passes") == 0)
            shows_passes = true;
        else {
            printf("usage: bench_passes [--nodes N,N,...] [--shape transformer|conv|eltwise] [--passes]\n");
            return 2;
        }
    }
    (void)snprintf(path, sizeof path, "%s/bench-passes-%ld.onnx", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                   (long)getpid());
    printf("%-12s%9s%9s%10s%10s%10s%10s%12s%14s\n", "graph", "nodes", "after", "open ms", "clone ms", "infer ms",
           "passes ms", "session ms", "us per node");
    for (size_t s = 0; s < sizeof g_shapes / sizeof *g_shapes; s++)
        for (const char *p = nodes; *p && (!only || strcmp(only, g_shapes[s].name) == 0); p += *p == ',') {
            char *end;
            size_t n = strtoul(p, &end, 10);
            p = end;
            make_model(&g_shapes[s], n, path);
            times t = measure(path, shows_passes);
            printf("%-12s%9zu%9zu%10.1f%10.1f%10.1f%10.1f%12.1f%14.2f\n", g_shapes[s].name, t.n_before, t.n_after,
                   t.open, t.clone, t.infer, t.passes, t.session, 1e3 * (t.open + t.session) / (double)t.n_before);
            (void)unlink(path);
            if (!*p)
                break;
        }
    return 0;
}
