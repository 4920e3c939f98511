/* Which node ran where: ONNX Runtime tells it only in a profile, which must be asked for when a session is made. So a
 * twin of the session is made with profiling on, run on the same inputs, and its profile read; timed runs of the real
 * session are not disturbed. */
#include "base/error.h"
#include "exec/onnxruntime/ort_model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_RUNS = 3 }; /* the last one counts: the first plans memory */

static hone_status run_twin(hone__exec_context *context, OrtSession *twin, hone_error *error) {
    const hone__exec_model *model = context->model;
    const OrtApi *api = model->library->api;
    size_t n_out = model->graph->n_outputs;
    hone_status status = HONE_OK;
    for (int run = 0; run < N_RUNS && status == HONE_OK; run++) {
        memset(context->outputs, 0, n_out * sizeof *context->outputs);
        status = hone__ort_check(model->library,
                                 api->Run(twin, NULL, model->input_names, (const OrtValue *const *)context->inputs,
                                          model->graph->n_inputs, model->output_names, n_out, context->outputs),
                                 "run the model", error);
        for (size_t i = 0; i < n_out; i++)
            if (context->outputs[i])
                api->ReleaseValue(context->outputs[i]);
        memset(context->outputs, 0, n_out * sizeof *context->outputs);
    }
    return status;
}

static hone_status profile_twin(hone__exec_context *context, const OrtSessionOptions *options, hone_error *error) {
    hone__exec_model *model = context->model;
    const OrtApi *api = model->library->api;
    OrtSession *twin = NULL;
    OrtAllocator *allocator = NULL;
    char *path = NULL;
    HONE_ORT_TRY(model->library, api->GetAllocatorWithDefaultOptions(&allocator), "get its allocator", error);
    HONE_TRY(hone__ort_create_session(model, options, &twin, error));
    hone_status status = run_twin(context, twin, error);
    if (status == HONE_OK)
        status =
            hone__ort_check(model->library, api->SessionEndProfiling(twin, allocator, &path), "end the profile", error);
    api->ReleaseSession(twin);
    if (status == HONE_OK)
        status = hone__ort_profile_read(path, &model->profile, error);
    if (path) {
        OrtStatus *ort = api->AllocatorFree(allocator, path);
        if (ort)
            api->ReleaseStatus(ort);
    }
    model->has_profile = status == HONE_OK;
    return status;
}

/* Removes the folder with whatever profile is in it. */
static void remove_folder(const char *folder) {
    char path[512];
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%.255s", folder, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

hone_status hone__ort_survey(hone__exec_context *context, hone_error *error) {
    hone__exec_model *model = context->model;
    const OrtApi *api = model->library->api;
    const char *tmp = getenv("TMPDIR");
    char folder[240], prefix[256];
    OrtSessionOptions *options = NULL;
    HONE_ORT_TRY(model->library, api->CloneSessionOptions(model->options, &options), "copy its options", error);
    snprintf(folder, sizeof folder, "%.200s/hone-profile-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        api->ReleaseSessionOptions(options);
        hone__fail(error, HONE_ERROR_IO, "ONNX Runtime's profile needs a temporary folder, which cannot be made");
        hone__error_hint(error, "let TMPDIR name a folder that can be written");
        return HONE_ERROR_IO;
    }
    snprintf(prefix, sizeof prefix, "%s/profile", folder);
    hone_status status = hone__ort_check(model->library, api->EnableProfiling(options, prefix), "profile", error);
    if (status == HONE_OK)
        status = profile_twin(context, options, error);
    remove_folder(folder);
    api->ReleaseSessionOptions(options);
    return status;
}
