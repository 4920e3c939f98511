/* What a model needs at least under given shapes: the operations of its convolutions and matrix products after the
 * best algorithm known (Winograd with exact tile counts for 3x3 convolutions of stride 1), and the weights that these
 * nodes read. From these and the machine's ceilings `./do bench` computes the floor: per node the larger of operations
 * over peak and weight bytes over bandwidth, summed. Elementwise work, transforms of Winograd and activations, which
 * caches can hold, are left out, so that it stays a floor.
 *
 *     bench_floor MODEL GFLOPS GB_S [NAME=1x3x224x224 ...]      (dimensions not given become 1, or --batch N)
 *
 * Prints JSON. */
#include "exec/plan/shape_eval.h"
#include "model/model.h"

#include "base/tensor.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    const hone__shape_eval *eval;
    double peak, bandwidth; /* per second */
    double direct, needed, weight_bytes, floor_s;
    size_t n_nodes, n_unknown;
} tally;

static const hone_tensor *shape_of(const tally *t, const hone__value *value) {
    const hone__shape_value *s = value ? &t->eval->values[value->id] : NULL;
    return s && s->known != HONE_KNOWN_NOTHING ? &s->desc : NULL;
}

static double count(const hone_tensor *t) {
    double n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= (double)t->dims[i];
    return n;
}

static bool is_all(const hone__node *node, const char *name, int64_t value) {
    size_t n = 0;
    const int64_t *list = hone__node_attr_ints(node, name, &n);
    for (size_t i = 0; i < n; i++)
        if (list[i] != value)
            return false;
    return true;
}

/* Multiplications and additions of Winograd's element-wise products, F(m x m, 3 x 3). */
static double winograd(const hone_tensor *x, const hone_tensor *y, int64_t m) {
    double tiles = (double)((y->dims[2] + m - 1) / m) * (double)((y->dims[3] + m - 1) / m);
    return 2 * (double)y->dims[0] * tiles * (double)((m + 2) * (m + 2)) * (double)x->dims[1] * (double)y->dims[1];
}

static bool conv(const tally *t, const hone__node *node, double *direct, double *needed) {
    const hone_tensor *x = shape_of(t, node->inputs[0]), *w = shape_of(t, node->inputs[1]),
                      *y = shape_of(t, node->outputs[0]);
    bool is_transposed = !strcmp(node->op_type, "ConvTranspose");
    if (!x || !w || !y || w->rank < 3)
        return false;
    double taps = 1;
    for (int i = 2; i < w->rank; i++)
        taps *= (double)w->dims[i];
    *direct = *needed = 2 * taps * (double)w->dims[1] * count(is_transposed ? x : y);
    if (!is_transposed && w->rank == 4 && w->dims[2] == 3 && w->dims[3] == 3 && is_all(node, "strides", 1) &&
        is_all(node, "dilations", 1) && hone__node_attr_int(node, "group", 1) == 1)
        for (int64_t m = 2; m <= 6; m += 2) {
            double n = winograd(x, y, m);
            *needed = n < *needed ? n : *needed;
        }
    return true;
}

static bool product(const tally *t, const hone__node *node, double *direct) {
    const hone_tensor *a = shape_of(t, node->inputs[0]), *y = shape_of(t, node->outputs[0]);
    if (!a || !y || !a->rank)
        return false;
    int64_t k = a->dims[a->rank - 1];
    if (!strcmp(node->op_type, "Gemm") && hone__node_attr_int(node, "transA", 0))
        k = a->dims[0];
    *direct = 2 * count(y) * (double)k;
    return true;
}

static void add_node(tally *t, const hone__node *node) {
    bool is_conv = !strcmp(node->op_type, "Conv") || !strcmp(node->op_type, "ConvTranspose");
    bool is_product = !strcmp(node->op_type, "MatMul") || !strcmp(node->op_type, "Gemm");
    double direct = 0, needed = 0, bytes = 0;
    if (*node->domain || (!is_conv && !is_product))
        return;
    bool ok = is_conv ? conv(t, node, &direct, &needed) : product(t, node, &direct);
    if (!ok) {
        t->n_unknown++;
        return;
    }
    if (is_product)
        needed = direct;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone_tensor *in = shape_of(t, node->inputs[i]);
        if (in && t->eval->values[node->inputs[i]->id].known == HONE_KNOWN_DATA)
            bytes += (double)in->size;
    }
    t->n_nodes++;
    t->direct += direct;
    t->needed += needed;
    t->weight_bytes += bytes;
    double by_ops = needed / t->peak, by_bytes = bytes / t->bandwidth;
    t->floor_s += by_ops > by_bytes ? by_ops : by_bytes;
}

/* NAME=1x3x224x224 for this input, among the arguments. */
static bool given_shape(const char *name, char **args, int n_args, hone_tensor *out) {
    size_t n = strlen(name);
    for (int i = 0; i < n_args; i++) {
        if (strncmp(args[i], name, n) != 0 || args[i][n] != '=')
            continue;
        const char *p = args[i] + n + 1;
        out->rank = 0;
        while (*p && out->rank < HONE_MAX_RANK) {
            char *end;
            out->dims[out->rank++] = strtoll(p, &end, 10);
            p = *end ? end + 1 : end;
        }
        return true;
    }
    return false;
}

int main(int argc, char **argv) {
    hone_error error = {0};
    hone_model *model = NULL;
    hone__graph *graph = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: bench_floor MODEL GFLOPS GB_S [--batch N] [NAME=1x3x224x224 ...]\n");
        return 2;
    }
    if (hone_model_open(argv[1], &model, &error) != HONE_OK ||
        hone__model_clone_graph(model, &graph, &error) != HONE_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 3;
    }
    int64_t batch = 1;
    for (int i = 4; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--batch"))
            batch = atoll(argv[i + 1]);
    hone_tensor *shapes = calloc(graph->n_inputs + 1, sizeof *shapes);
    const hone_tensor **inputs = calloc(graph->n_inputs + 1, sizeof *inputs);
    for (size_t i = 0; shapes && inputs && i < graph->n_inputs; i++) {
        const hone__type *type = &graph->inputs[i]->type;
        hone_tensor *s = &shapes[i];
        s->dtype = type->dtype;
        inputs[i] = s;
        if (given_shape(graph->inputs[i]->name, argv + 4, argc - 4, s))
            continue;
        s->rank = type->rank < 0 ? 0 : type->rank;
        for (int d = 0; d < s->rank; d++)
            s->dims[d] = type->dims[d].value >= 0 ? type->dims[d].value : d == 0 ? batch : 1;
    }
    hone__shape_eval eval = {0};
    if (!shapes || !inputs || hone__shape_eval_create(graph, inputs, &eval, &error) != HONE_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], error.message);
        return 3;
    }
    tally t = {.eval = &eval, .peak = atof(argv[2]) * 1e9, .bandwidth = atof(argv[3]) * 1e9};
    HONE_FOR_NODES(node, graph) add_node(&t, node);
    printf("{\"direct_gflop\": %.4f, \"needed_gflop\": %.4f, \"weight_mb\": %.2f, \"floor_ms\": %.4f, \"nodes\": %zu, "
           "\"unknown\": %zu}\n",
           t.direct / 1e9, t.needed / 1e9, t.weight_bytes / 1e6, t.floor_s * 1e3, t.n_nodes, t.n_unknown);
    hone__shape_eval_deinit(&eval);
    hone__graph_destroy(graph);
    hone_model_close(model);
    free(shapes);
    free(inputs);
    return 0;
}
