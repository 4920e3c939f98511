/* Real models through the optimiser: for every kind of operators the optimised file, read again, gives what the model's
 * test data say, without further optimisation by the session; the standard one with it too. */
#include "support/model_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const g_names[] = {"onnx", "onnxruntime", "hone"};

static bool write_optimised(const char *path, hone_operators operators, const char *file, char *message, size_t size) {
    hone_model *model = NULL;
    hone_optimization *optimization = NULL;
    hone_error error;
    hone_optimize_options settings = {.operators = operators};
    hone_status status = hone_model_open(path, &model, &error);
    if (status == HONE_OK)
        status = hone_optimize(model, &settings, &optimization, &error);
    if (status == HONE_OK)
        status = hone_optimization_save(optimization, file, &error);
    if (status != HONE_OK)
        snprintf(message, size, "%.600s (%.190s)", error.message, error.node);
    hone_optimization_destroy(optimization);
    hone_model_close(model);
    return status == HONE_OK;
}

static bool try_model(const char *shared, const char *name, hone_operators operators, const char *file) {
    char model[1024], data[1024], message[900] = "";
    snprintf(model, sizeof model, "%s/models/%s/model.onnx", shared, name);
    snprintf(data, sizeof data, "%s/models/%s/test_data_set_0", shared, name);
    bool has_data = access(data, R_OK) == 0;
    hone_options *options;
    if (hone_options_create(&options, NULL) != HONE_OK)
        return false;
    bool ok = write_optimised(model, operators, file, message, sizeof message);
    if (ok && has_data && operators == HONE_OPERATORS_ONNX)
        ok = run_case(file, data, options, message, sizeof message);
    if (ok && has_data)
        ok = hone_options_set(options, "graph_optimization_level", "ORT_DISABLE_ALL", NULL) == HONE_OK &&
             run_case(file, data, options, message, sizeof message);
    hone_options_destroy(options);
    if (!ok)
        printf("FAIL %s for %s: %s\n", name, g_names[operators], message);
    return ok;
}

int main(int argc, char **argv) {
    const char *shared = shared_folder();
    char path[1024], file[200], data[220];
    if (!shared) {
        printf("SKIP: no folder of real models beside the checkout\n");
        return 77;
    }
    snprintf(path, sizeof path, "%s/models", shared);
    snprintf(file, sizeof file, "%s/hone-optimize-models-%ld.onnx", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid());
    snprintf(data, sizeof data, "%s.data", file);
    DIR *dir = opendir(path);
    int passed = 0, failed = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%.500s/models/%.300s/model.onnx", shared, e->d_name);
        if (e->d_name[0] == '.' || access(path, R_OK) != 0 || (argc > 1 && strcmp(argv[1], e->d_name) != 0))
            continue;
        for (int k = 0; k < 3; k++)
            *(try_model(shared, e->d_name, (hone_operators)k, file) ? &passed : &failed) += 1;
        fflush(stdout);
    }
    if (dir)
        closedir(dir);
    (void)unlink(file);
    (void)unlink(data);
    printf("optimised models: %d passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}
