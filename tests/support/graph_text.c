/* Graphs written as text; see graph_text.h. */
#include "graph_text.h"

#include "ops/op.h"
#include "ops/op_help.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ok.h"

enum { MAX_ARGS = 16, MAX_NUMBERS = 64 };

static uint32_t g_random = 1;

void graph_text_seed(uint32_t seed) { g_random = seed * 2654435761u + 12345; }
uint32_t graph_text_random(uint32_t bound) {
    g_random = g_random * 1664525u + 1013904223u;
    return (g_random >> 8) % bound;
}

typedef struct text {
    const char *at;
    hone__graph *graph;
    int64_t opset;
} text;

static void blanks(text *t) {
    while (isspace((unsigned char)*t->at))
        t->at++;
}
static bool accept(text *t, char c) {
    blanks(t);
    if (*t->at != c)
        return false;
    t->at++;
    return true;
}
static void expect(text *t, char c) {
    if (!accept(t, c))
        fail_msg("'%c' is wanted at \"%s\"", c, t->at);
}
static bool word(text *t, char *out, size_t size) {
    size_t n = 0;
    blanks(t);
    while ((isalnum((unsigned char)*t->at) || *t->at == '_' || *t->at == '.') && n + 1 < size)
        out[n++] = *t->at++;
    out[n] = 0;
    return n > 0;
}

static hone_dtype dtype_of(const char *name) {
    static const struct {
        const char *name;
        hone_dtype dtype;
    } types[] = {{"f32", HONE_DTYPE_FLOAT},     {"f64", HONE_DTYPE_DOUBLE}, {"f16", HONE_DTYPE_FLOAT16},
                 {"bf16", HONE_DTYPE_BFLOAT16}, {"i64", HONE_DTYPE_INT64},  {"i32", HONE_DTYPE_INT32},
                 {"i16", HONE_DTYPE_INT16},     {"i8", HONE_DTYPE_INT8},    {"u8", HONE_DTYPE_UINT8},
                 {"bool", HONE_DTYPE_BOOL}};
    for (size_t i = 0; i < HONE_COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].dtype;
    return HONE_DTYPE_UNDEFINED;
}

/* "2x3" into dims; symbols give -1 and their name. */
static int read_dims(text *t, int64_t *dims, char symbols[][16]) {
    int rank = 0;
    while (*t->at && !isspace((unsigned char)*t->at) && !strchr(",;)]", *t->at)) {
        size_t n = 0;
        char item[16];
        while (*t->at && !strchr("x,;)] ", *t->at) && n < 15)
            item[n++] = *t->at++;
        item[n] = 0;
        dims[rank] = isdigit((unsigned char)item[0]) ? atoll(item) : -1;
        if (symbols)
            memcpy(symbols[rank], item, sizeof item);
        rank++;
        if (*t->at == 'x')
            t->at++;
    }
    return rank;
}

static void read_inputs(text *t) {
    char name[64], type[16];
    while (word(t, name, sizeof name)) {
        int64_t dims[HONE_MAX_RANK];
        char symbols[HONE_MAX_RANK][16];
        hone__dim d[HONE_MAX_RANK];
        hone__value *value;
        expect(t, ':');
        word(t, type, sizeof type);
        blanks(t);
        int rank = read_dims(t, dims, symbols);
        for (int i = 0; i < rank; i++)
            d[i] =
                (hone__dim){dims[i], dims[i] < 0 ? hone__arena_strdup(hone__graph_arena(t->graph), symbols[i]) : NULL};
        OK(hone__graph_add_value(t->graph, name, &value, error));
        OK(hone__type_set_tensor(hone__graph_arena(t->graph), &value->type, dtype_of(type), rank, d));
        OK(hone__graph_add_input(t->graph, value, error));
        accept(t, ',');
    }
}

static hone__value *add_constant(text *t, hone_dtype dtype, int rank, const int64_t *dims, const double *v) {
    hone_tensor *tensor;
    hone__value *value;
    OK(hone_tensor_create(dtype, rank, dims, &tensor, error));
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++)
        hone__tensor_put_double(tensor, i, v[i]);
    OK(hone__graph_add_constant(t->graph, "constant", tensor, &value, error));
    return value;
}

enum { MAX_RANDOM = 1 << 19 };

static hone__value *random_constant(text *t, hone_dtype dtype, double offset, double scale) {
    int64_t dims[HONE_MAX_RANK], count = 1;
    int rank = read_dims(t, dims, NULL);
    static double v[MAX_RANDOM];
    for (int i = 0; i < rank; i++)
        count *= dims[i];
    assert_true(count <= MAX_RANDOM);
    for (int64_t i = 0; i < count; i++)
        v[i] = offset + scale * ((double)graph_text_random(2001) / 1000 - 1);
    return add_constant(t, dtype, rank, dims, v);
}

static double number(text *t, bool *is_float) {
    char *end;
    blanks(t);
    double x = strtod(t->at, &end);
    if (end == t->at)
        fail_msg("a number is wanted at \"%s\"", t->at);
    *is_float = false;
    for (; t->at < end; t->at++)
        *is_float |= strchr(".ein", *t->at) != NULL;
    return x;
}

/* A list up to `close`. */
static size_t numbers(text *t, char close, double *v, bool *is_float) {
    size_t n = 0;
    *is_float = false;
    while (!accept(t, close)) {
        bool one;
        v[n++] = number(t, &one);
        *is_float |= one;
    }
    return n;
}

static hone__value *argument(text *t) {
    char name[64];
    double v[MAX_NUMBERS];
    bool is_float;
    hone_dtype dtype = HONE_DTYPE_UNDEFINED;
    const char *start;
    blanks(t);
    start = t->at;
    if (isalpha((unsigned char)*t->at) || *t->at == '_') {
        word(t, name, sizeof name);
        if (strcmp(name, "_") == 0)
            return NULL;
        if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
            return add_constant(t, HONE_DTYPE_BOOL, 0, NULL, &(double){name[0] == 't'});
        if (dtype_of(name) == HONE_DTYPE_UNDEFINED || *t->at != ':') {
            hone__value *value = hone__graph_find_value(t->graph, name);
            if (!value)
                fail_msg("no value \"%s\" at \"%s\"", name, start);
            return value;
        }
        dtype = dtype_of(name);
        t->at++;
    }
    bool any = *t->at == '@', positive = *t->at == '+';
    if (any || positive) {
        t->at++;
        return random_constant(t, dtype ? dtype : HONE_DTYPE_FLOAT, positive ? 1 : 0, positive ? 0.5 : 1);
    }
    if (accept(t, '{')) {
        int64_t n = (int64_t)numbers(t, '}', v, &is_float);
        return add_constant(t, dtype ? dtype : is_float ? HONE_DTYPE_FLOAT : HONE_DTYPE_INT64, 1, &n, v);
    }
    v[0] = number(t, &is_float);
    return add_constant(t, dtype ? dtype : is_float ? HONE_DTYPE_FLOAT : HONE_DTYPE_INT64, 0, NULL, v);
}

static void statement(text *t);
static void read_outputs(text *t);

/* inputs || statements | outputs > */
static void read_body(text *t, hone__node *node, const char *name) {
    hone__graph *outer = t->graph;
    OK(hone__graph_create_subgraph(outer, name, &t->graph, error));
    hone__attr attr = {.name = name, .type = HONE_ATTR_GRAPH, .g = t->graph};
    OK(hone__node_set_attr(node, &attr, error));
    read_inputs(t);
    expect(t, '|');
    expect(t, '|');
    while (!accept(t, '|')) {
        statement(t);
        accept(t, ';');
    }
    read_outputs(t);
    expect(t, '>');
    t->graph = outer;
}

static void read_attr(text *t, hone__node *node) {
    char name[64];
    double v[MAX_NUMBERS];
    bool is_float;
    word(t, name, sizeof name);
    expect(t, '=');
    if (accept(t, '<')) {
        read_body(t, node, name);
    } else if (accept(t, '\'')) {
        char value[64];
        size_t n = 0;
        while (*t->at && *t->at != '\'' && n < 63)
            value[n++] = *t->at++;
        value[n] = 0;
        expect(t, '\'');
        OK(hone__node_set_attr_string(node, name, value, error));
    } else if (accept(t, '(')) {
        int64_t ints[MAX_NUMBERS];
        float floats[MAX_NUMBERS];
        size_t n = numbers(t, ')', v, &is_float);
        for (size_t i = 0; i < n; i++) {
            ints[i] = (int64_t)v[i];
            floats[i] = (float)v[i];
        }
        if (is_float)
            OK(hone__node_set_attr_floats(node, name, floats, n, error));
        else
            OK(hone__node_set_attr_ints(node, name, ints, n, error));
    } else {
        v[0] = number(t, &is_float);
        if (is_float)
            OK(hone__node_set_attr_float(node, name, (float)v[0], error));
        else
            OK(hone__node_set_attr_int(node, name, (int64_t)v[0], error));
    }
}

static void read_outputs(text *t) {
    char name[64];
    while (word(t, name, sizeof name)) {
        hone__value *value = hone__graph_find_value(t->graph, name);
        if (!value)
            fail_msg("no value \"%s\"", name);
        OK(hone__graph_add_output(t->graph, value, error));
        accept(t, ',');
    }
}

static void statement(text *t) {
    char names[8][64], op[64];
    hone__value *outputs[8], *inputs[MAX_ARGS];
    size_t n_out = 0, n_in = 0;
    hone__node *node;
    do
        word(t, names[n_out++], 64);
    while (accept(t, ','));
    expect(t, '=');
    word(t, op, sizeof op);
    const char *attrs = NULL;
    if (accept(t, '[')) {
        attrs = t->at;
        for (int depth = 1; depth; t->at++)
            depth += *t->at == '[' ? 1 : *t->at == ']' ? -1 : 0;
    }
    expect(t, '(');
    while (!accept(t, ')')) {
        inputs[n_in++] = argument(t);
        accept(t, ',');
    }
    for (size_t i = 0; i < n_out; i++) {
        outputs[i] = NULL;
        if (strcmp(names[i], "_") != 0)
            OK(hone__graph_add_value(t->graph, names[i], &outputs[i], error));
    }
    char *dot = strrchr(op, '.');
    const char *domain = dot ? op : "", *type = dot ? dot + 1 : op;
    if (dot)
        *dot = 0;
    OK(hone__graph_add_node(t->graph, NULL, domain, type, NULL, inputs, n_in, outputs, n_out, &node, error));
    node->opset = *domain ? 1 : t->opset;
    node->op = hone__op_find(domain, type, node->opset);
    if (!node->op)
        fail_msg("no operator \"%s\" at opset %lld", type, (long long)t->opset);
    const char *after = t->at;
    if (attrs)
        for (t->at = attrs; !accept(t, ']'); accept(t, ','))
            read_attr(t, node);
    t->at = after;
}

hone__graph *graph_text(const char *inputs, int64_t opset, const char *body, const char *outputs) {
    text t = {.at = inputs, .opset = opset};
    OK(hone__graph_create("text", &t.graph, error));
    OK(hone__graph_set_opset(t.graph, "", opset, error));
    OK(hone__graph_set_opset(t.graph, "com.microsoft", 1, error));
    read_inputs(&t);
    t.at = body;
    for (blanks(&t); *t.at; blanks(&t)) {
        statement(&t);
        accept(&t, ';');
    }
    t.at = outputs;
    read_outputs(&t);
    OK(hone__graph_infer(t.graph, error));
    OK(hone__graph_verify(t.graph, error));
    return t.graph;
}

void graph_text_run(const hone__graph *graph, int64_t symbol, uint32_t seed, hone_tensor **outputs) {
    hone_tensor *in[8] = {0};
    uint32_t keep = g_random;
    graph_text_seed(seed);
    assert_true(graph->n_inputs <= 8);
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const hone__type *type = &graph->inputs[i]->type;
        int64_t dims[HONE_MAX_RANK];
        for (int d = 0; d < type->rank; d++)
            dims[d] = type->dims[d].value >= 0 ? type->dims[d].value : symbol;
        OK(hone_tensor_create(type->dtype, type->rank, dims, &in[i], error));
        for (int64_t k = 0; k < hone_tensor_count(in[i]); k++)
            hone__tensor_put_double(in[i], k,
                                    hone__dtype_in(type->dtype, HONE_SET_INT | HONE_SET(BOOL))
                                        ? graph_text_random(type->dtype == HONE_DTYPE_BOOL ? 2 : 100)
                                        : (double)graph_text_random(4001) / 1000 - 2);
    }
    g_random = keep;
    OK(hone__graph_run(graph, (const hone_tensor *const *)in, graph->n_inputs, outputs, graph->n_outputs, NULL, NULL,
                       error));
    for (size_t i = 0; i < graph->n_inputs; i++)
        hone_tensor_destroy(in[i]);
}

double graph_text_difference(const hone_tensor *a, const hone_tensor *b) {
    double worst = 0, scale = 1;
    if (a->kind != HONE_KIND_TENSOR)
        return a->kind == b->kind ? 0 : INFINITY;
    if (a->dtype != b->dtype || a->rank != b->rank || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) != 0)
        return INFINITY;
    for (int64_t i = 0; i < hone__tensor_count(a); i++) {
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        if (isnan(x) || isnan(y) || isinf(x) || isinf(y))
            return INFINITY;
        worst = fmax(worst, fabs(x - y));
        scale = fmax(scale, fabs(y));
    }
    return worst / scale;
}

void graph_text_operators(const hone__graph *graph, char *out, size_t size) {
    size_t n = 0;
    out[0] = 0;
    HONE_FOR_NODES(node, graph) {
        n += (size_t)snprintf(out + n, n < size ? size - n : 0, "%s%s", n ? " " : "", node->op_type);
        if (n >= size)
            fail_msg("the list of operators is too long");
    }
}
