/* Proof that an optimization kept the outputs: both graphs run on the same inputs; when they differ, a bisection
 * over the steps finds the first that changed them, and the first value in it that changed. */
#include "base/alloc.h"
#include "base/error.h"
#include "ops/op.h"
#include "optimize/optimize_internal.h"
#include "session/session_internal.h"

#include <stdio.h>
#include <string.h>

typedef struct prover {
    const hone_optimization *o;
    const hone_tensor *const *const *sets;
    size_t n_sets, n_inputs, n_outputs;
    hone_tolerance tolerance;
    const hone_options *options;
    hone_tensor **want; /* [n_sets * n_outputs]: the model's own */
    bool *is_random;    /* [n_outputs] */
    size_t bad_set;     /* the first set that told a difference */
} prover;

static void copy_text(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from ? from : ""); }

/* ---- random outputs ---- */

static bool is_impure(const hone__node *node);

static bool has_impure(const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) if (is_impure(node)) return true;
    return false;
}

/* Recursion goes with the nesting of graphs, which is bounded. */
static bool is_impure(const hone__node *node) {
    if (!node->op)
        return false;
    if (!(node->op->flags & (HONE_OP_PURE | HONE_OP_CONTROL)))
        return true;
    for (size_t a = 0; a < node->n_attrs; a++)
        if (node->attrs[a].type == HONE_ATTR_GRAPH && has_impure(node->attrs[a].g))
            return true;
    return false;
}

static bool reads_tainted(const hone__node *node, const bool *tainted);

static bool body_reads_tainted(const hone__graph *graph, const bool *tainted) {
    HONE_FOR_NODES(node, graph) if (reads_tainted(node, tainted)) return true;
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (tainted[graph->outputs[i]->id])
            return true;
    return false;
}

static bool reads_tainted(const hone__node *node, const bool *tainted) {
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && tainted[node->inputs[i]->id])
            return true;
    for (size_t a = 0; a < node->n_attrs; a++)
        if (node->attrs[a].type == HONE_ATTR_GRAPH && body_reads_tainted(node->attrs[a].g, tainted))
            return true;
    return false;
}

static hone_status find_random(prover *p, hone_error *error) {
    const hone__graph *graph = p->o->original;
    bool *tainted = hone__calloc(hone__graph_value_count(graph) + 1, sizeof *tainted);
    p->is_random = hone__calloc(p->n_outputs + 1, sizeof *p->is_random);
    if (!tainted || !p->is_random) {
        hone__free(tainted);
        return hone__fail_memory(error, "a proof");
    }
    HONE_FOR_NODES(node, graph)
    if (is_impure(node) || reads_tainted(node, tainted))
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i])
                tainted[node->outputs[i]->id] = true;
    for (size_t i = 0; i < p->n_outputs; i++)
        p->is_random[i] = tainted[graph->outputs[i]->id];
    hone__free(tainted);
    return HONE_OK;
}

/* ---- comparing ---- */

static bool same_form(const hone_tensor *a, const hone_tensor *b) {
    return a->kind == b->kind && a->dtype == b->dtype && a->rank == b->rank && a->n_items == b->n_items &&
           (a->rank == 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0);
}

/* Runs one set and compares; *is_equal says what came out. A run that fails where the model's did not is a difference.
 */
static void compare_set(prover *p, hone_session *session, size_t set, hone_proof *proof, bool *is_equal) {
    hone_error error;
    hone_tensor **got = hone__calloc(p->n_outputs + 1, sizeof *got);
    hone_status status = got ? hone_session_run(session, p->sets[set], p->n_inputs, got, p->n_outputs, &error)
                             : hone__fail_memory(&error, "a proof");
    *is_equal = status == HONE_OK;
    if (status != HONE_OK && proof) {
        copy_text(proof->output, sizeof proof->output, "");
        snprintf(proof->message, sizeof proof->message, "it does not run: %.200s", error.message);
    }
    for (size_t i = 0; status == HONE_OK && i < p->n_outputs; i++) {
        const hone_tensor *want = p->want[set * p->n_outputs + i];
        hone_difference difference = {.is_equal = true};
        if (p->is_random[i]) {
            difference.is_equal = same_form(got[i], want);
            if (!difference.is_equal)
                copy_text(difference.message, sizeof difference.message, "its type or shape is another");
        } else {
            hone_tensor_compare(got[i], want, &p->tolerance, &difference);
        }
        if (proof && difference.max_abs > proof->max_abs)
            proof->max_abs = difference.max_abs;
        if (proof && difference.max_rel > proof->max_rel)
            proof->max_rel = difference.max_rel;
        if (difference.is_equal)
            continue;
        if (proof && *is_equal) {
            copy_text(proof->output, sizeof proof->output, hone_session_get_output(session, i)->name);
            copy_text(proof->message, sizeof proof->message, difference.message);
        }
        *is_equal = false;
    }
    for (size_t i = 0; got && i < p->n_outputs; i++)
        hone_tensor_destroy(got[i]);
    hone__free(got);
}

static bool compare_all(prover *p, hone_session *session, hone_proof *proof) {
    for (size_t set = 0; set < p->n_sets; set++) {
        bool is_equal;
        compare_set(p, session, set, proof, &is_equal);
        if (!is_equal) {
            p->bad_set = set;
            return false;
        }
    }
    return true;
}

/* Whether the graph after n_steps still gives the wanted outputs on the set that told the difference. A stage that
 * cannot even be made ready is wrong too, and says why. */
static bool is_stage_right(prover *p, size_t n_steps, hone_proof *proof) {
    hone_session *session;
    hone_error error;
    if (hone_optimization_session(p->o, n_steps, p->options, &session, &error) != HONE_OK) {
        if (proof)
            snprintf(proof->message, sizeof proof->message, "no session: %.220s", error.message);
        return false;
    }
    bool is_equal;
    if (proof)
        is_equal = compare_all(p, session, proof);
    else
        compare_set(p, session, p->bad_set, NULL, &is_equal);
    hone_session_destroy(session);
    return is_equal;
}

/* ---- the first value that differs ---- */

/* The value of that name which a node of the root graph makes. */
static hone__value *made_value(const hone__graph *graph, const char *name) {
    hone__value *value = hone__graph_find_value(graph, name);
    return value && value->graph == graph && value->producer && value->producer->graph == graph ? value : NULL;
}

/* A request on the graph with the named values as further outputs; `graph` is taken. */
static hone_status run_with(const prover *p, hone__graph *graph, const hone__graph *names, const hone__graph *other,
                            hone_session **session, hone_request **request, hone_error *error) {
    *session = NULL;
    *request = NULL;
    hone_status status = HONE_OK;
    HONE_FOR_NODES(node, names)
    for (size_t i = 0; i < node->n_outputs && status == HONE_OK; i++) {
        const hone__value *value = node->outputs[i];
        if (!value || !made_value(names, value->name) || !made_value(other, value->name))
            continue;
        hone__value *here = made_value(graph, value->name);
        if (here)
            status = hone__graph_add_output(graph, here, error);
    }
    if (status != HONE_OK) {
        hone__graph_destroy(graph);
        return status;
    }
    HONE_TRY(hone__session_create_graph(p->o->model, graph, p->options, session, error));
    HONE_TRY(hone_request_create(*session, request, error));
    for (size_t i = 0; i < p->n_inputs; i++)
        HONE_TRY(hone_request_set_input(*request, i, p->sets[p->bad_set][i], error));
    return hone_request_run(*request, error);
}

/* Both graphs give the values that they have in common; the first in the order of the later one that differs tells
 * the node. Finding nothing is no failure: the output's own name stands in the proof already. */
static void find_value(const prover *p, size_t step, hone_proof *proof) {
    hone__graph *before = NULL, *after = NULL, *before_run = NULL, *after_run = NULL;
    hone_session *sessions[2] = {NULL, NULL};
    hone_request *requests[2] = {NULL, NULL};
    hone_status status = hone__optimization_stage(p->o, step, &before, NULL);
    if (status == HONE_OK)
        status = hone__optimization_stage(p->o, step + 1, &after, NULL);
    if (status == HONE_OK)
        status = hone__graph_clone(before, &before_run, NULL);
    if (status == HONE_OK)
        status = hone__graph_clone(after, &after_run, NULL);
    if (status != HONE_OK)
        hone__graph_destroy(before_run);
    if (status == HONE_OK) { /* both take their graphs, whatever comes of it */
        status = run_with(p, before_run, after, before, &sessions[0], &requests[0], NULL);
        if (status == HONE_OK)
            status = run_with(p, after_run, after, before, &sessions[1], &requests[1], NULL);
        else
            hone__graph_destroy(after_run);
    }
    size_t at = p->n_outputs;
    if (status == HONE_OK)
        HONE_FOR_NODES(node, after)
    for (size_t i = 0; i < node->n_outputs && !*proof->value; i++) {
        const hone__value *value = node->outputs[i];
        if (!value || !made_value(before, value->name))
            continue;
        hone_difference difference = {.is_equal = true};
        const hone_tensor *a = hone_request_get_output(requests[0], at), *b = hone_request_get_output(requests[1], at);
        at++;
        if (a && b)
            hone_tensor_compare(b, a, &p->tolerance, &difference);
        if (difference.is_equal)
            continue;
        copy_text(proof->value, sizeof proof->value, value->name);
        copy_text(proof->node, sizeof proof->node, node->name);
    }
    for (int i = 0; i < 2; i++) {
        hone_request_destroy(requests[i]);
        hone_session_destroy(sessions[i]);
    }
    hone__graph_destroy(before);
    hone__graph_destroy(after);
}

/* ---- the proof ---- */

/* Steps low .. high: after `low` the outputs were right, after `high` they are wrong. */
static void find_guilty(prover *p, hone_proof *proof) {
    size_t low = 0, high = p->o->n_steps;
    if (high == 0)
        return;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (is_stage_right(p, middle, NULL))
            low = middle;
        else
            high = middle;
    }
    proof->step = high - 1;
    copy_text(proof->pass, sizeof proof->pass, p->o->steps[high - 1].pass->name);
    find_value(p, high - 1, proof);
}

static hone_status run_original(prover *p, hone_error *error) {
    hone_session *session;
    p->want = hone__calloc(p->n_sets * p->n_outputs + 1, sizeof *p->want);
    if (!p->want)
        return hone__fail_memory(error, "a proof");
    HONE_TRY(hone_optimization_session(p->o, 0, p->options, &session, error));
    hone_status status = HONE_OK;
    for (size_t set = 0; set < p->n_sets && status == HONE_OK; set++)
        status =
            hone_session_run(session, p->sets[set], p->n_inputs, p->want + set * p->n_outputs, p->n_outputs, error);
    hone_session_destroy(session);
    return status;
}

/* The written file, opened as any user would, without further optimisation. */
static hone_status prove_file(prover *p, const char *path, hone_proof *proof, hone_error *error) {
    hone_options *options = NULL;
    hone_session *session = NULL;
    hone_error fault;
    hone_status status =
        p->options ? hone_options_clone(p->options, &options, error) : hone_options_create(&options, error);
    if (status == HONE_OK)
        status = hone_options_set(options, "graph_optimization_level", "ORT_DISABLE_ALL", error);
    if (status == HONE_OK) {
        if (hone_session_create_from_file(path, options, &session, &fault) != HONE_OK) {
            proof->is_equal = false;
            snprintf(proof->message, sizeof proof->message, "the file does not load: %.200s", fault.message);
        } else {
            proof->is_equal = compare_all(p, session, proof);
        }
        if (!proof->is_equal)
            copy_text(proof->pass, sizeof proof->pass, "writing the file");
    }
    hone_session_destroy(session);
    hone_options_destroy(options);
    return status;
}

hone_status hone_optimization_prove(const hone_optimization *o, const hone_tensor *const *const *sets, size_t n_sets,
                                    const hone_tolerance *tolerance, const hone_options *options, const char *path,
                                    hone_proof *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    hone_error_clear(error);
    prover p = {.o = o,
                .sets = sets,
                .n_sets = n_sets,
                .n_inputs = o->original->n_inputs,
                .n_outputs = o->original->n_outputs,
                .tolerance = tolerance ? *tolerance : (hone_tolerance){-1, -1, false},
                .options = options};
    hone_status status = find_random(&p, error);
    if (status == HONE_OK)
        status = run_original(&p, error);
    if (status == HONE_OK) {
        out->n_sets = n_sets;
        out->n_outputs = p.n_outputs;
        for (size_t i = 0; i < p.n_outputs; i++)
            out->n_random += p.is_random[i];
        out->is_equal = is_stage_right(&p, o->n_steps, out);
        if (!out->is_equal)
            find_guilty(&p, out);
        else if (path)
            status = prove_file(&p, path, out, error);
    }
    for (size_t i = 0; p.want && i < n_sets * p.n_outputs; i++)
        hone_tensor_destroy(p.want[i]);
    hone__free(p.want);
    hone__free(p.is_random);
    return status;
}
