/* The ONNX project's "light" networks: real architectures with constant weights, one expected output each. Inputs
 * are i / n over each tensor, as the project's own runner makes them. SKIP without the folder. */
#include "support/model_case.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static hone_status make_input(const hone_value_info *info, hone_tensor **out, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    for (int i = 0; i < info->rank; i++)
        dims[i] = info->dims[i].value > 0 ? info->dims[i].value : 1;
    hone_status status = hone_tensor_create(HONE_DTYPE_FLOAT, info->rank, dims, out, error);
    int64_t n = status == HONE_OK ? hone_tensor_count(*out) : 0;
    for (int64_t i = 0; i < n; i++)
        ((float *)hone_tensor_data(*out))[i] = (float)((double)i / (double)n);
    return status;
}

static bool run_light(const char *dir, const char *name, const char *level) {
    char model[2048], expected[2048], message[300] = "";
    hone_error error;
    hone_options *options;
    hone_session *session = NULL;
    hone_tensor *in = NULL, *out = NULL, *want = NULL;
    snprintf(model, sizeof model, "%s/%s.onnx", dir, name);
    snprintf(expected, sizeof expected, "%s/%s_output_0.pb", dir, name);
    hone_error_clear(&error);
    if (hone_options_create(&options, &error) != HONE_OK)
        return false;
    bool ok = hone_options_set(options, "graph_optimization_level", level, &error) == HONE_OK &&
              hone_session_create_from_file(model, options, &session, &error) == HONE_OK &&
              hone_session_input_count(session) == 1 &&
              make_input(hone_session_get_input(session, 0), &in, &error) == HONE_OK &&
              hone_session_run(session, (const hone_tensor *const[]){in}, 1, &out, 1, &error) == HONE_OK &&
              hone_tensor_read_pb(expected, HONE_KIND_TENSOR, NULL, 0, &want, &error) == HONE_OK;
    if (ok)
        ok = values_match(out, want, message, sizeof message);
    if (!ok)
        printf("FAIL %s at %s: %s%s\n", name, level, message, error.message);
    hone_tensor_destroy(in);
    hone_tensor_destroy(out);
    hone_tensor_destroy(want);
    hone_session_destroy(session);
    hone_options_destroy(options);
    return ok;
}

int main(void) {
    static const char *const levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_ALL"};
    const char *shared = shared_folder();
    char dir[1024];
    snprintf(dir, sizeof dir, "%s/onnx-testdata/light", shared ? shared : "");
    DIR *folder = shared ? opendir(dir) : NULL;
    if (!folder) {
        printf("SKIP: no ONNX test data beside the checkout\n");
        return 77;
    }
    int passed = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *dot = strstr(entry->d_name, ".onnx");
        if (!dot)
            continue;
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(dot - entry->d_name), entry->d_name);
        for (int i = 0; i < 2; i++)
            *(run_light(dir, name, levels[i]) ? &passed : &failed) += 1;
    }
    closedir(folder);
    printf("light networks: %d passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}
