/* Fuzz target of what happens to a model between file and session: graph import, shape inference,
 * costs, the list of what cannot run, copies and every pass. Whatever bytes claim to be a model, the graph
 * stays whole after each step. Build with -Dfuzz=true and clang; the committed corpus is replayed by the
 * tests with any compiler (replay_main.c). */
#include "base/error.h"
#include "cpu_limit.h"
#include "model/model.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify(const hone__graph *graph, const char *after) {
    hone_error error;
    if (hone__graph_verify(graph, &error) == HONE_OK)
        return;
    (void)fprintf(stderr, "after %s: %s\n", after, error.message);
    abort();
}

static void ask(hone_model *model) {
    hone_error error;
    hone_model_cost cost;
    hone_shape shape = {.input = hone_model_input_count(model) ? hone_model_get_input(model, 0)->name : "x", .rank = 2};
    shape.dims[0] = 3;
    shape.dims[1] = 5;
    for (size_t i = 0; i < hone_model_unsupported_count(model); i++)
        (void)hone_model_get_unsupported(model, i);
    (void)hone_model_get_cost(model, NULL, 0, &cost, &error);
    (void)hone_model_get_cost(model, &shape, 1, &cost, &error);
    (void)hone_model_parallel_width(model);
}

/* A clone as a session makes it, then one pass after the other, then all of them. */
static void optimise(const hone_model *model) {
    hone_error error;
    for (int whole = 0; whole < 2; whole++) {
        hone__graph *graph;
        if (hone__model_clone_graph(model, &graph, &error) != HONE_OK)
            return;
        verify(graph, "cloning");
        hone_status status = hone__graph_infer(graph, &error);
        verify(graph, "inference");
        if (whole && status == HONE_OK) {
            (void)hone__passes_run(graph, HONE_OPT_ALL, &error);
            verify(graph, "all passes");
            if (hone__graph_infer(graph, &error) == HONE_OK)
                verify(graph, "inference after all passes");
        }
        for (const hone__pass *pass = hone__passes_all(); !whole && status == HONE_OK && pass->name; pass++) {
            size_t n = 0;
            status = hone__pass_run_one(pass, graph, &n, &error);
            verify(graph, pass->name);
        }
        hone__graph_destroy(graph);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_limit_cpu();
    hone_model *model;
    hone_error error;
    if (hone_model_open_memory(data, size, NULL, &model, &error) != HONE_OK)
        return 0;
    verify(hone__model_graph(model), "opening");
    ask(model);
    optimise(model);
    hone_model_close(model);
    return 0;
}
