/* Fuzz target of whole tiny models: the bytes make a random graph of random operators with random types and
 * attributes (graph_maker.h). It is run by the reference evaluators, written as a file, read again and run
 * by sessions without and with all optimisation, and once more as `hone optimize` writes it for every kind of
 * operators: all must agree. Build with -Dfuzz=true and clang; the
 * committed corpus is replayed by the tests with any compiler (replay_main.c).
 * In the environment HONE_FUZZ_VERBOSE=1 prints each graph and HONE_FUZZ_KEEP=FILE keeps the written model. */
#include "base/error.h"
#include "cpu_limit.h"
#include "exec/cpu/cpu_layout.h"
#include "graph_maker.h"
#include "hw/hw.h"
#include "model/model_export.h"

#include <hone/hone.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every way runs it several times, under sanitizers: beyond this a model finds nothing that a smaller one does not. */
static bool is_too_much(const hone_model *model) {
    hone_model_cost cost;
    return hone_model_get_cost(model, NULL, 0, &cost, NULL) == HONE_OK && cost.flops > 4e6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_graph(const maker *m) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    hone__graph_print(m->graph, &text);
    (void)fprintf(stderr, "%s\n", hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
}

static void finding(const maker *m, const char *where, const char *what) {
    print_graph(m);
    (void)fprintf(stderr, "finding: %s: %s\n", where, what);
    abort();
}

/* Limits and types that a version does not have are refused, not findings. */
static bool is_refused(hone_status status) {
    return status == HONE_ERROR_MEMORY || status == HONE_ERROR_LIMIT || status == HONE_ERROR_UNSUPPORTED;
}

/* ---- comparing ---- */

static bool same_bits(const hone_tensor *a, const hone_tensor *b) {
    for (int64_t i = 0; i < hone__tensor_count(a); i++) {
        if (a->dtype == HONE_DTYPE_STRING) {
            hone_string x = hone_tensor_get_string(a, i), y = hone_tensor_get_string(b, i);
            if (x.size != y.size || (x.size && memcmp(x.data, y.data, x.size) != 0))
                return false;
            continue;
        }
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (x != y && !(isnan(x) && isnan(y)))
            return false;
    }
    return true;
}

static bool is_close(const hone_tensor *a, const hone_tensor *b, double magnitude, bool is_step) {
    double unit = a->dtype == HONE_DTYPE_FLOAT16 ? 3e-2 : a->dtype == HONE_DTYPE_BFLOAT16 ? 2e-1 : 2e-3;
    for (int64_t i = 0; i < hone__tensor_count(a); i++) {
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        if (is_step ? fabs(x - y) > 1 : !(fabs(x - y) <= unit * (0.1 + fabs(x) + 0.1 * magnitude)))
            return false;
    }
    return true;
}

static void compare(const maker *m, const maker_value *v, const hone_tensor *want, const hone_tensor *got,
                    const char *where) {
    char text[600], a[200], b[200];
    (void)snprintf(text, sizeof text, "\"%s\" is %s, should be %s", v->value->name,
                   got ? hone__tensor_describe(got, b, sizeof b) : "missing", hone__tensor_describe(want, a, sizeof a));
    if (!got || want->kind != got->kind || want->dtype != got->dtype)
        finding(m, where, text);
    if (v->trust == MAKER_WILD)
        return;
    if (want->n_items != got->n_items || want->rank != got->rank ||
        (want->rank && memcmp(want->dims, got->dims, (size_t)want->rank * sizeof *want->dims) != 0))
        finding(m, where, text);
    for (size_t i = 0; i < want->n_items; i++)
        compare(m, v, want->items[i], got->items[i], where);
    if (want->kind != HONE_KIND_TENSOR)
        return;
    if (v->trust == MAKER_EXACT ? same_bits(want, got) : is_close(want, got, m->magnitude, v->is_step))
        return;
    for (int64_t i = 0; i < hone__tensor_count(want) && i < 32; i++)
        (void)fprintf(stderr, "%g %g\n", hone_tensor_get_double(want, i), hone_tensor_get_double(got, i));
    (void)snprintf(text, sizeof text, "\"%s\" has other values (above: wanted, got)", v->value->name);
    finding(m, where, text);
}

static void compare_outputs(const maker *m, hone_tensor **out, const char *where) {
    for (size_t i = 0; i < m->n_outputs; i++) {
        const maker_value *v = &m->values[m->outputs[i]];
        compare(m, v, v->tensor, out[i], where);
        hone_tensor_destroy(out[i]);
    }
}

/* ---- ways to run ---- */

static void run_reference(const maker *m, const hone_tensor *const *in) {
    hone_tensor *out[MAKER_MAX_VALUES];
    hone_error error;
    hone_error_clear(&error);
    hone_status status = hone__graph_run(m->graph, in, m->n_inputs, out, m->n_outputs, NULL, NULL, &error);
    if (status == HONE_OK)
        compare_outputs(m, out, "the reference");
    else if (!is_refused(status))
        finding(m, "the reference", error.message);
}

/* What ran where, one line per node: to see which kernels the corpus reaches. */
static void print_kernels(const hone_session *session, const char *level) {
    hone_node_report node;
    for (size_t i = 0; hone_session_get_node(session, i, &node, NULL) == HONE_OK; i++)
        (void)fprintf(stderr, "ran: %s: %s.%s by %s%s%s\n", level, node.domain, node.op, node.kernel,
                      *node.layout ? " " : "", node.layout);
}

/* NULL when it is refused. Branches at once are timed first, dozens of runs: that is for one session of an input. */
static hone_session *make_session(const maker *m, hone_model *model, const char *level, bool may_branch) {
    hone_options *options;
    hone_session *session;
    hone_error error;
    hone_error_clear(&error);
    if (hone_options_create(&options, NULL) != HONE_OK)
        return NULL;
    (void)hone_options_set(options, "graph_optimization_level", level, NULL);
    (void)hone_options_set(options, "intra_op_num_threads", m->way & 1 ? "2" : "1", NULL);
    if (m->way & 2 && may_branch)
        (void)hone_options_set(options, "execution_mode", "ORT_PARALLEL", NULL);
    if (m->way & 4)
        (void)hone_options_set(options, "enable_mem_pattern", "false", NULL);
    if (m->way & 8)
        (void)hone_options_set(options, "cudnn_conv_algo_search", "DEFAULT", NULL);
    if (m->way & 32)
        (void)hone_options_set(options, "enable_mem_reuse", "false", NULL);
    hone_status status = hone_session_create(model, options, &session, &error);
    hone_options_destroy(options);
    if (status != HONE_OK && !is_refused(status))
        finding(m, level, error.message);
    return status == HONE_OK ? session : NULL;
}

static void run_session(const maker *m, hone_model *model, const char *level, const hone_tensor *const *in) {
    hone_session *session = make_session(m, model, level, strcmp(level, "ORT_ENABLE_ALL") == 0);
    hone_tensor *out[MAKER_MAX_VALUES];
    hone_error error;
    hone_status status;
    hone_error_clear(&error);
    if (!session)
        return;
    for (int i = 0; i < 2; i++) { /* the second time with the plan of the first */
        status = hone_session_run(session, in, m->n_inputs, out, m->n_outputs, &error);
        if (status == HONE_OK)
            compare_outputs(m, out, level);
        else if (!is_refused(status))
            finding(m, level, error.message);
    }
    if (getenv("HONE_FUZZ_VERBOSE"))
        print_kernels(session, level);
    hone_session_destroy(session);
}

/* ---- other shapes ---- */

/* An input with every dim that the model leaves open one larger, its elements repeated; else a copy. */
static hone_tensor *stretched(const maker_value *v, bool *is_changed) {
    const hone_tensor *from = v->tensor;
    hone_tensor *to = NULL;
    int64_t dims[HONE_MAX_RANK];
    const size_t size = (size_t)hone_dtype_bits(from->dtype) / 8;
    bool is_open = false;
    for (int i = 0; from->kind == HONE_KIND_TENSOR && i < from->rank; i++) {
        dims[i] = from->dims[i] + (v->value->type.dims[i].value < 0);
        is_open = is_open || dims[i] != from->dims[i];
    }
    if (!is_open || from->dtype == HONE_DTYPE_STRING || size == 0 || from->size == 0) {
        (void)hone_tensor_clone(from, &to, NULL);
        return to;
    }
    if (hone_tensor_create(from->dtype, from->rank, dims, &to, NULL) != HONE_OK)
        return NULL;
    for (size_t at = 0; at < to->size; at += size)
        memcpy((char *)to->data + at, (const char *)from->data + at % from->size, size);
    *is_changed = true;
    return to;
}

static bool is_ordinary(const hone_tensor *t) {
    for (size_t i = 0; i < t->n_items; i++)
        if (!is_ordinary(t->items[i]))
            return false;
    if (t->kind != HONE_KIND_TENSOR || !hone__dtype_in(t->dtype, HONE_SET_FLOAT | HONE_SET_COMPLEX))
        return true;
    for (int64_t i = 0; i < hone__tensor_count(t); i++)
        if (!(fabs(hone_tensor_get_double(t, i)) <= 1e4))
            return false;
    return true;
}

/* One session is given the first shapes, others, and the first again. */
static void run_shapes(const maker *m, hone_model *model, const hone_tensor *const *first,
                       const hone_tensor *const *second, hone_tensor *const *want) {
    static const char *const where[] = {"the first shapes", "other shapes", "the first shapes again"};
    hone_session *session = make_session(m, model, m->way & 1 ? "ORT_ENABLE_ALL" : "ORT_DISABLE_ALL", false);
    hone_tensor *out[MAKER_MAX_VALUES];
    hone_error error;
    hone_error_clear(&error);
    for (int i = 0; session && i < 3; i++) {
        hone_status status = hone_session_run(session, i == 1 ? second : first, m->n_inputs, out, m->n_outputs, &error);
        if (status != HONE_OK && !is_refused(status))
            finding(m, where[i], error.message);
        for (size_t k = 0; status == HONE_OK && k < m->n_outputs; k++) {
            const maker_value *v = &m->values[m->outputs[k]];
            compare(m, v, i == 1 ? want[k] : v->tensor, out[k], where[i]);
            hone_tensor_destroy(out[k]);
        }
    }
    hone_session_destroy(session);
}

static void run_other_shapes(const maker *m, hone_model *model, const hone_tensor *const *in) {
    hone_tensor *other[MAKER_MAX_INPUTS] = {NULL}, *want[MAKER_MAX_VALUES];
    bool is_changed = false, is_whole = true;
    for (size_t i = 0; i < m->n_inputs; i++) {
        other[i] = stretched(&m->values[m->inputs[i]], &is_changed);
        is_whole = is_whole && other[i];
    }
    const hone_tensor *const *second = (const hone_tensor *const *)other;
    if (is_changed && is_whole &&
        hone__graph_run(m->graph, second, m->n_inputs, want, m->n_outputs, NULL, NULL, NULL) == HONE_OK) {
        bool is_fair = true;
        for (size_t i = 0; i < m->n_outputs; i++)
            is_fair = is_fair && is_ordinary(want[i]);
        if (is_fair)
            run_shapes(m, model, in, second, want);
        for (size_t i = 0; i < m->n_outputs; i++)
            hone_tensor_destroy(want[i]);
    }
    for (size_t i = 0; i < m->n_inputs; i++)
        hone_tensor_destroy(other[i]);
}

/* The model optimised for one kind of operators, written, read again and run as it stands. */
static void run_optimised(const maker *m, hone_model *model, hone_operators operators, const hone_tensor *const *in) {
    static const char *const names[] = {"optimised for onnx", "optimised for onnxruntime", "optimised for hone"};
    hone_optimize_options options = {.operators = operators, .with_costs = true};
    hone_optimization *optimization;
    hone_model *written = NULL;
    hone_error error;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/hone-fuzz-%ld-o.onnx", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                   (long)getpid());
    hone_status status = hone_optimize(model, &options, &optimization, &error);
    if (status == HONE_OK)
        status = hone_optimization_save(optimization, path, &error);
    if (status == HONE_OK)
        status = hone_model_open(path, &written, &error);
    if (status != HONE_OK && !is_refused(status))
        finding(m, names[operators], error.message);
    if (status == HONE_OK)
        run_session(m, written, "ORT_DISABLE_ALL", in);
    (void)unlink(path);
    hone_model_close(written);
    hone_optimization_destroy(optimization);
}

/* Opset imports and all else come from the graph: the model to export for is an empty one. */
static hone_model *write_and_read(const maker *m) {
    static const uint8_t empty[] = {0x08, 10, 0x3A, 3, 0x12, 1, 'g', 0x42, 2, 0x10, 17};
    hone_model *base, *model = NULL;
    hone_error error;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/hone-fuzz-%ld.onnx", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
                   (long)getpid());
    if (hone_model_open_memory(empty, sizeof empty, NULL, &base, &error) != HONE_OK)
        finding(m, "the empty model", error.message);
    hone_status status = hone__model_export(base, m->graph, path, NULL, &error);
    if (status == HONE_OK)
        status = hone_model_open(path, &model, &error);
    if (status != HONE_OK && !is_refused(status))
        finding(m, "writing and reading", error.message);
    const char *keep = getenv("HONE_FUZZ_KEEP");
    if (status == HONE_OK && keep)
        (void)hone__model_export(base, m->graph, keep, NULL, &error);
    (void)unlink(path);
    hone_model_close(base);
    return status == HONE_OK ? model : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_limit_cpu();
    static maker m;
    hone_error error;
    const hone_tensor *in[MAKER_MAX_INPUTS];
    if (maker_run(&m, data, size)) {
        hone__cpu_layout_force((m.way & 16) != 0);
        hone__hw_set_isa_mask(!(m.way & 128) ? UINT32_MAX : m.way & 64 ? HONE_ISA_GENERIC : HONE_ISA_AVX2);
        if (getenv("HONE_FUZZ_VERBOSE"))
            print_graph(&m);
        if (hone__graph_verify(m.graph, &error) != HONE_OK)
            finding(&m, "making", error.message);
        for (size_t i = 0; i < m.n_inputs; i++)
            in[i] = m.values[m.inputs[i]].tensor;
        hone_model *model = write_and_read(&m);
        if (model && !is_too_much(model)) {
            run_reference(&m, in);
            run_session(&m, model, "ORT_DISABLE_ALL", in);
            run_session(&m, model, "ORT_ENABLE_ALL", in);
            if (m.has_recipes)
                run_other_shapes(&m, model, in);
            if (m.has_recipes)
                run_session(&m, model, m.way & 64 ? "ORT_ENABLE_BASIC" : "ORT_ENABLE_EXTENDED", in);
            for (int i = 0; i < 3; i++)
                run_optimised(&m, model, (hone_operators)i, in);
        }
        hone_model_close(model);
    }
    maker_release(&m);
    return 0;
}
