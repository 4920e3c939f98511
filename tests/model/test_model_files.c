/* Real files: every model beside the checkout and a sample of the ONNX project's backend tests loads,
 * verifies and survives export. */
#include "base/alloc.h"
#include "model/model.h"
#include "model/model_export.h"

#include <dirent.h>
#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int g_n, g_n_failed;

static void fail_file(const char *path, const char *what, const char *message) {
    printf("%s: %s: %s\n", path, what, message);
    g_n_failed++;
}

static void try_export(const char *path, const hone_model *model, const char *temporary) {
    hone__graph *graph;
    hone_model *again = NULL;
    hone_error error = {0};
    if (hone__model_clone_graph(model, &graph, &error) != HONE_OK) {
        fail_file(path, "clone", error.message);
        return;
    }
    if (hone__model_export(model, graph, temporary, NULL, &error) != HONE_OK ||
        hone_model_open(temporary, &again, &error) != HONE_OK)
        fail_file(path, "export", error.message);
    else if (hone__model_graph(again)->n_nodes != graph->n_nodes)
        fail_file(path, "export", "the number of nodes changed");
    hone__graph_destroy(graph);
    hone_model_close(again);
}

static void try_model(const char *path, const char *temporary) {
    hone_model *model;
    hone_error error = {0};
    g_n++;
    if (hone_model_open(path, &model, &error) != HONE_OK) {
        fail_file(path, "open", error.message);
        return;
    }
    if (hone__graph_verify(hone__model_graph(model), &error) != HONE_OK)
        fail_file(path, "verify", error.message);
    try_export(path, model, temporary);
    hone_model_close(model);
}

static void try_folder(const char *folder, int every, const char *temporary) {
    DIR *list = opendir(folder);
    int i = 0;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, entry->d_name);
        if (entry->d_name[0] != '.' && access(path, R_OK) == 0 && i++ % every == 0)
            try_model(path, temporary);
    }
    if (list)
        closedir(list);
}

int main(void) {
    const char *shared = getenv("HONE_SHARED");
    char folder[2048], temporary[] = "/tmp/hone_export_XXXXXX";
    int fd = mkstemp(temporary);
    if (fd < 0)
        return 1;
    close(fd);
    snprintf(folder, sizeof folder, "%s/models", shared ? shared : "");
    try_folder(folder, 1, temporary);
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator", "light"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        snprintf(folder, sizeof folder, "%s/onnx-testdata/%s", shared ? shared : "", groups[i]);
        try_folder(folder, 7, temporary);
    }
    unlink(temporary);
    if (g_n == 0) {
        printf("no models beside the checkout (HONE_SHARED): skipped\n");
        return 77;
    }
    printf("%d models, %d failures\n", g_n, g_n_failed);
    return g_n_failed != 0;
}
