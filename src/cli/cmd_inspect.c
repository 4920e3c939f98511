/* hone inspect: what a model is, what it costs, and everything in it that cannot run. */
#include "base/error.h"
#include "base/tensor.h"
#include "cli/cli_commands.h"
#include "cli/cli_inputs.h"
#include "cli/cli_json.h"
#include "cli/cli_session.h"

#include <stdlib.h>
#include <string.h>

typedef struct inspect_values {
    hone__cli_texts shapes;
    int64_t batch;
    const char *level;
} inspect_values;

static const hone__cli_option options[] = {
    {"shape", HONE_CLI_TEXTS, offsetof(inspect_values, shapes), "NAME=1x3x640x640",
     "shape of an input, for FLOPs and bytes; may be repeated. Symbols that it settles hold for the other "
     "inputs too; what is left becomes 1",
     0, 0, 0},
    {"batch", HONE_CLI_INT, offsetof(inspect_values, batch), "N", "value of the symbolic first dimension of inputs", 1,
     1e6, 0},
    {"level", HONE_CLI_TEXT, offsetof(inspect_values, level), "LEVEL",
     "also show the graph as a session at that level runs it: disable_all, basic, extended or all (or "
     "ONNX Runtime's names); with -v every node",
     0, 0, 0},
};

static void print_value(const hone__cli *cli, const char *what, const hone_value_info *info) {
    static const char *const kinds[] = {"", "sequence of ", "optional ", "map of "};
    hone__cli_print(cli, "  %-7s %s: %s%s", what, info->name, kinds[info->kind], hone_dtype_name(info->dtype));
    if (info->rank >= 0) {
        hone__cli_print(cli, "[");
        for (int i = 0; i < info->rank; i++) {
            if (info->dims[i].value >= 0)
                hone__cli_print(cli, "%s%lld", i ? "," : "", (long long)info->dims[i].value);
            else
                hone__cli_print(cli, "%s%s", i ? "," : "", info->dims[i].symbol[0] ? info->dims[i].symbol : "?");
        }
        hone__cli_print(cli, "]");
    }
    hone__cli_print(cli, "\n");
}

static void describe_head(const hone__cli *cli, const hone_model *model, const char *path, json_t *json) {
    json_t *opsets = json_object(), *inputs = json_array(), *outputs = json_array();
    hone__cli_print(cli, "%s%s%s\n", hone__cli_bold(cli), path, hone__cli_plain(cli));
    hone__cli_print(cli, "  made by %s, IR version %lld, opsets",
                    hone_model_producer(model)[0] ? hone_model_producer(model) : "(unknown)",
                    (long long)hone_model_ir_version(model));
    for (size_t i = 0; i < hone_model_opset_count(model); i++) {
        hone_opset_info opset = hone_model_get_opset(model, i);
        hone__cli_print(cli, "%s %s %lld", i ? "," : "", opset.domain, (long long)opset.version);
        json_object_set_new(opsets, opset.domain, json_integer(opset.version));
    }
    hone__cli_print(cli, "\n\n");
    for (size_t i = 0; i < hone_model_input_count(model); i++) {
        print_value(cli, "input", hone_model_get_input(model, i));
        json_array_append_new(inputs, hone__json_value_info(hone_model_get_input(model, i)));
    }
    for (size_t i = 0; i < hone_model_output_count(model); i++) {
        print_value(cli, "output", hone_model_get_output(model, i));
        json_array_append_new(outputs, hone__json_value_info(hone_model_get_output(model, i)));
    }
    hone__json_set(json, "model", hone__json_text(path));
    hone__json_set(json, "ir_version", json_integer(hone_model_ir_version(model)));
    hone__json_set(json, "producer", hone__json_text(hone_model_producer(model)));
    hone__json_set(json, "opsets", opsets);
    hone__json_set(json, "inputs", inputs);
    hone__json_set(json, "outputs", outputs);
}

static void describe_operators(const hone__cli *cli, const hone_model *model, json_t *json) {
    json_t *operators = json_object();
    size_t total = 0, n = hone_model_op_count(model);
    char label[256];
    for (size_t i = 0; i < n; i++) {
        hone_op_count op = hone_model_get_op(model, i);
        json_object_set_new(operators, hone__op_label(op.domain, op.op, label, sizeof label),
                            json_integer((json_int_t)op.count));
        total += op.count;
    }
    hone__cli_print(cli, "\n  %zu nodes of %zu operators:\n", total, n);
    for (size_t i = 0; i < n; i++) {
        hone_op_count op = hone_model_get_op(model, i);
        hone__cli_print(cli, "    %6zu  %s\n", op.count, hone__op_label(op.domain, op.op, label, sizeof label));
    }
    hone__json_set(json, "operators", operators);
}

/* "1.23 G" with a unit after it. */
static const char *human(double value, char *buf, size_t size) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    size_t i = 0;
    while (value >= 1000 && i < 5) {
        value /= 1000;
        i++;
    }
    snprintf(buf, size, i ? "%.2f %s" : "%.0f %s", value, prefixes[i]);
    return buf;
}

/* is_known false: the shapes do not fit the graph, so only the parameters are known. */
static void describe_cost(const hone__cli *cli, const hone_model_cost *cost, bool is_known, size_t n_assumed,
                          json_t *json) {
    char a[32], b[32];
    hone__cli_print(cli, "\n  %-18s%s%s(%sB)\n", "parameters", human((double)cost->parameters, a, sizeof a),
                    cost->parameters < 1000 ? "" : " ", human((double)cost->parameter_bytes, b, sizeof b));
    hone__json_set(json, "parameters", json_integer(cost->parameters));
    hone__json_set(json, "parameter_bytes", json_integer(cost->parameter_bytes));
    if (!is_known) {
        hone__cli_print(cli, "  FLOPs and bytes are not known: they need real input shapes (--shape)\n");
        hone__json_set(json, "flops", json_null());
        hone__json_set(json, "bytes", json_null());
        hone__json_set(json, "activation_peak_bytes", json_null());
        hone__json_set(json, "assumed_dims", json_integer((json_int_t)n_assumed));
        return;
    }
    hone__cli_print(cli, "  %-18s%sFLOP per run\n", "work", human(cost->flops, a, sizeof a));
    hone__cli_print(cli, "  %-18s%sB read and written by all nodes\n", "traffic", human(cost->bytes, a, sizeof a));
    hone__cli_print(cli, "  %-18s%sB at most at once\n", "activations",
                    human((double)cost->activation_peak_bytes, a, sizeof a));
    if (n_assumed)
        hone__cli_print(cli, "  (%zu unknown dimension%s taken as 1: give --shape or --batch for real figures)\n",
                        n_assumed, n_assumed == 1 ? "" : "s");
    hone__json_set(json, "flops", hone__json_number(cost->flops));
    hone__json_set(json, "bytes", hone__json_number(cost->bytes));
    hone__json_set(json, "activation_peak_bytes", json_integer(cost->activation_peak_bytes));
    hone__json_set(json, "assumed_dims", json_integer((json_int_t)n_assumed));
}

static void describe_unsupported(const hone__cli *cli, const hone_model *model, json_t *json) {
    size_t n = hone_model_unsupported_count(model);
    char label[256];
    if (n)
        hone__cli_print(cli, "\n  %s%zu node%s cannot run:%s\n", hone__cli_red(cli), n, n == 1 ? "" : "s",
                        hone__cli_plain(cli));
    else
        hone__cli_print(cli, "\n  %severy node can run%s\n", hone__cli_green(cli), hone__cli_plain(cli));
    for (size_t i = 0; i < n; i++) {
        const hone_unsupported *u = hone_model_get_unsupported(model, i);
        hone__cli_print(cli, "    %s: %s, opset %lld%s%s, on %s: %s\n", u->node,
                        hone__op_label(u->domain, u->op, label, sizeof label), (long long)u->opset,
                        u->dtype == HONE_DTYPE_UNDEFINED ? "" : ", ",
                        u->dtype == HONE_DTYPE_UNDEFINED ? "" : hone_dtype_name(u->dtype), u->backend, u->reason);
    }
    hone__json_set(json, "unsupported", hone__json_unsupported(model));
}

/* A histogram of the operators that a session runs; counts per label in a JSON object, which keeps the
 * order of first use. */
static hone_status describe_level(const hone__cli *cli, hone_session *session, const char *level, json_t *json,
                                  hone_error *error) {
    json_t *operators = json_object(), *kernels = json_object(), *nodes = json_array(), *value;
    char label[256];
    const char *key;
    size_t n = hone_session_node_count(session);
    hone__cli_print(cli, "\n  at level %s, %zu nodes run:\n", level, n);
    for (size_t i = 0; i < n; i++) {
        hone_node_report node;
        hone_status status = hone_session_get_node(session, i, &node, error);
        if (status != HONE_OK) {
            json_decref(operators);
            json_decref(kernels);
            json_decref(nodes);
            return status;
        }
        hone__op_label(node.domain, node.op, label, sizeof label);
        json_object_set_new(operators, label, json_integer(json_integer_value(json_object_get(operators, label)) + 1));
        json_object_set_new(kernels, node.kernel,
                            json_integer(json_integer_value(json_object_get(kernels, node.kernel)) + 1));
        json_t *item = json_object();
        hone__json_set(item, "node", hone__json_text(node.name));
        hone__json_set(item, "op", json_string(label));
        hone__json_set(item, "backend", hone__json_text(node.backend));
        hone__json_set(item, "kernel", hone__json_text(node.kernel));
        json_array_append_new(nodes, item);
        if (cli->verbose)
            hone__cli_print(cli, "    %-28s %-10s %-28s %s\n", label, node.backend, node.kernel, node.name);
    }
    if (!cli->verbose)
        json_object_foreach(operators, key, value)
            hone__cli_print(cli, "    %6lld  %s\n", (long long)json_integer_value(value), key);
    hone__json_set(json, "level", json_string(level));
    hone__json_set(json, "level_operators", operators);
    hone__json_set(json, "level_kernels", kernels);
    hone__json_set(json, "level_nodes", nodes);
    return HONE_OK;
}

static hone_model_cost count_parameters(const hone_model *model) {
    hone_model_cost cost = {0};
    const char *name;
    for (size_t i = 0; i < hone_model_initializer_count(model); i++) {
        const hone_tensor *t = hone_model_get_initializer(model, i, &name);
        cost.parameters += hone_tensor_count(t);
        cost.parameter_bytes += (int64_t)hone_tensor_size(t);
    }
    return cost;
}

static int run(hone__cli *cli, const void *data, char **args, int n_args) {
    (void)n_args;
    const inspect_values *values = data;
    hone_error error;
    hone_model *model = NULL;
    hone_options *session_options = NULL;
    hone_session *session = NULL;
    hone_tune_store *store = NULL; /* none: no tunable_op_enable here */
    char warning[8];
    hone__input_shapes shapes = {0};
    hone_model_cost cost = {0};
    json_t *json = json_object();
    int code;
    hone_status status = hone_model_open(args[0], &model, &error);
    if (status == HONE_OK)
        status = hone__inputs_resolve(model, &values->shapes, values->batch, &shapes, &error);
    if (status == HONE_OK)
        status = hone_model_get_cost(model, shapes.shapes, shapes.n, &cost, &error);
    /* A model that cannot have dimensions of 1 is no reason to say nothing. */
    bool is_cost_known = status == HONE_OK;
    if (status != HONE_OK && shapes.n_assumed) {
        cost = count_parameters(model);
        status = HONE_OK;
    }
    if (status == HONE_OK && values->level)
        status = hone__session_options(&(hone__session_settings){.level = values->level}, &session_options, &store,
                                       warning, sizeof warning, &error);
    if (status == HONE_OK && values->level)
        status = hone_session_create(model, session_options, &session, &error);
    if (status != HONE_OK) {
        code = hone__session_fail(cli, model, &error);
        goto cleanup;
    }
    describe_head(cli, model, args[0], json);
    describe_operators(cli, model, json);
    describe_cost(cli, &cost, is_cost_known, shapes.n_assumed + cost.n_assumed, json);
    describe_unsupported(cli, model, json);
    if (session)
        status =
            describe_level(cli, session, hone_options_get(session_options, "graph_optimization_level"), json, &error);
    code =
        status == HONE_OK ? hone__cli_write_json(cli, json_incref(json), HONE_EXIT_DONE) : hone__cli_fail(cli, &error);
cleanup:
    json_decref(json);
    hone_session_destroy(session);
    hone_options_destroy(session_options);
    hone__inputs_release(&shapes);
    hone_model_close(model);
    return code;
}

const hone__command hone__command_inspect = {
    .name = "inspect",
    .arguments = "MODEL",
    .summary = "describes a model: inputs, operators, cost, and what cannot run",
    .details = "Shows inputs and outputs with symbolic dimensions, opsets, an operator histogram, parameters, FLOPs\n"
               "(a multiplication and an addition count as two), bytes, and every node that this build cannot run,\n"
               "with operator, opset, type and reason, all at once.",
    .examples = "  hone inspect model.onnx\n"
                "  hone inspect yolo.onnx --shape images=1x3x640x640 --json -\n"
                "  hone inspect model.onnx --level all -v",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .values_size = sizeof(inspect_values),
    .run = run,
};
