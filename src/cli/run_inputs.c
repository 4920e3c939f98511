/* The inputs of `hone run`; see run_inputs.h. */
#include "cli/run_inputs.h"

#include "base/alloc.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/cli_npy.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static hone_status make_list(size_t n, hone__run_tensors *out, hone_error *error) {
    out->n = n;
    out->items = hone__calloc(n ? n : 1, sizeof *out->items);
    return out->items ? HONE_OK : hone__fail_memory(error, "a list of tensors");
}

void hone__run_tensors_release(hone__run_tensors *tensors) {
    for (size_t i = 0; tensors->items && i < tensors->n; i++)
        hone_tensor_destroy(tensors->items[i]);
    hone__free(tensors->items);
    tensors->items = NULL;
    tensors->n = 0;
}

static bool ends_with(const char *path, const char *ending) {
    size_t n = strlen(path), m = strlen(ending);
    return n > m && !strcasecmp(path + n - m, ending);
}

static hone_status read_file(const char *path, const hone_value_info *input, const hone__image_options *image,
                             hone_tensor **out, hone_error *error) {
    if (ends_with(path, ".npy"))
        return hone__npy_read(path, out, error);
    if (ends_with(path, ".npz"))
        return hone__npz_read(path, input->name, out, error);
    if (ends_with(path, ".pb"))
        return hone_tensor_load(path, input->kind, NULL, 0, out, error);
    if (hone__image_is_path(path))
        return hone__image_read(path, input, image, out, error);
    hone__fail(error, HONE_ERROR_ARGUMENT, "\"%s\" has an ending that is not known", path);
    hone__error_file(error, path, -1);
    hone__error_hint(error, "inputs are .npy, .npz, .pb (TensorProto), .png, .jpg or .jpeg files");
    return HONE_ERROR_ARGUMENT;
}

static const char *input_name(void *list, size_t index) { return hone_model_get_input(list, index)->name; }

/* Names may hold "=", as may paths: the model's own names decide where to cut. */
static hone_status find_input(const hone_model *model, const char *text, size_t *index, const char **path,
                              hone_error *error) {
    size_t n = hone_model_input_count(model), best = 0;
    *path = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(hone_model_get_input(model, i)->name);
        if (!strncmp(text, hone_model_get_input(model, i)->name, length) && text[length] == '=' &&
            (!*path || length > best)) {
            best = length;
            *index = i;
            *path = text + length + 1;
        }
    }
    if (*path)
        return HONE_OK;
    const char *equals = strchr(text, '=');
    if (n == 1 && (!equals || access(text, R_OK) == 0)) {
        *index = 0;
        *path = text;
        return HONE_OK;
    }
    if (!equals) {
        hone__fail(error, HONE_ERROR_ARGUMENT, "--input takes NAME=FILE, not \"%.120s\"", text);
        hone__error_hint(error, "the model has %zu inputs: hone inspect lists them", n);
        return HONE_ERROR_ARGUMENT;
    }
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text < 120 ? equals - text : 120), text);
    hone__fail(error, HONE_ERROR_NOT_FOUND, "the model has no input \"%s\"", name);
    const char *near = n == 1 ? input_name((void *)(uintptr_t)model, 0)
                              : hone__cli_nearest(name, input_name, (void *)(uintptr_t)model, n);
    if (near)
        hone__error_hint(error, "did you mean \"%s\"? hone inspect lists the inputs", near);
    else
        hone__error_hint(error, "hone inspect lists the inputs");
    return HONE_ERROR_NOT_FOUND;
}

static hone_status read_named_files(const hone_model *model, const hone__run_source *source, hone__run_tensors *out,
                                    hone_error *error) {
    for (size_t i = 0; i < source->files->n; i++) {
        size_t index;
        const char *path;
        HONE_TRY(find_input(model, source->files->items[i], &index, &path, error));
        const hone_value_info *input = hone_model_get_input(model, index);
        if (out->items[index]) {
            hone__fail(error, HONE_ERROR_ARGUMENT, "input \"%s\" was given twice", input->name);
            hone__error_hint(error, "give each input once");
            return HONE_ERROR_ARGUMENT;
        }
        HONE_TRY(read_file(path, input, source->image, &out->items[index], error));
    }
    return HONE_OK;
}

/* The ONNX project's own test data hold bfloat16 values as uint16, since NumPy has no such type. */
static hone_status fix_bfloat16(const hone_value_info *info, hone_tensor **tensor, hone_error *error) {
    const hone_tensor *raw = *tensor;
    hone_tensor *view, *fixed = NULL;
    if (info->dtype != HONE_DTYPE_BFLOAT16 || hone_tensor_kind(raw) != HONE_KIND_TENSOR ||
        hone_tensor_dtype(raw) != HONE_DTYPE_UINT16)
        return HONE_OK;
    HONE_TRY(hone_tensor_create_borrowed(HONE_DTYPE_BFLOAT16, hone_tensor_rank(raw), hone_tensor_dims(raw),
                                         hone_tensor_data(*tensor), hone_tensor_size(raw), &view, error));
    hone_status status = hone_tensor_clone(view, &fixed, error);
    hone_tensor_destroy(view);
    if (status == HONE_OK) {
        hone_tensor_destroy(*tensor);
        *tensor = fixed;
    }
    return status;
}

/* Reads dir/PREFIX_0.pb, PREFIX_1.pb, ... A stored name that is one of the model's says where a tensor
 * belongs, otherwise its number does. */
static hone_status read_folder(const hone_model *model, const char *dir, bool is_input, hone__run_tensors *out,
                               size_t *n_read, hone_error *error) {
    const char *prefix = is_input ? "input" : "output";
    char path[PATH_MAX], name[512];
    for (*n_read = 0;; ++*n_read) {
        snprintf(path, sizeof path, "%.3900s/%s_%zu.pb", dir, prefix, *n_read);
        if (access(path, F_OK) != 0)
            return HONE_OK;
        size_t at = *n_read;
        hone_tensor *tensor = NULL;
        if (at >= out->n) {
            hone__fail(error, HONE_ERROR_CONFIG, "there is a %s_%zu.pb, but the model has %zu %ss", prefix, at, out->n,
                       prefix);
            hone__error_file(error, path, -1);
            hone__error_hint(error, "use the test data that belong to this model");
            return HONE_ERROR_CONFIG;
        }
        const hone_value_info *info = is_input ? hone_model_get_input(model, at) : hone_model_get_output(model, at);
        HONE_TRY(hone_tensor_load(path, info->kind, name, sizeof name, &tensor, error));
        for (size_t i = 0; i < out->n && name[0]; i++) {
            const hone_value_info *other = is_input ? hone_model_get_input(model, i) : hone_model_get_output(model, i);
            if (!strcmp(other->name, name) && !out->items[i])
                at = i;
        }
        info = is_input ? hone_model_get_input(model, at) : hone_model_get_output(model, at);
        hone_status status = fix_bfloat16(info, &tensor, error);
        if (status != HONE_OK) {
            hone_tensor_destroy(tensor);
            return status;
        }
        if (out->items[at]) { /* --input named it */
            hone_tensor_destroy(tensor);
            continue;
        }
        out->items[at] = tensor;
    }
}

static hone_status check_folder(const char *dir, hone_error *error) {
    DIR *folder = opendir(dir);
    if (folder) {
        closedir(folder);
        return HONE_OK;
    }
    hone__fail(error, HONE_ERROR_IO, "cannot open the folder \"%s\": %s", dir, strerror(errno));
    hone__error_file(error, dir, -1);
    hone__error_hint(error, "--expect takes a folder with input_0.pb, ..., output_0.pb, ...");
    return HONE_ERROR_IO;
}

hone_status hone__run_inputs(const hone_model *model, const hone__run_source *source, hone__run_tensors *out,
                             hone_error *error) {
    hone_status status = make_list(hone_model_input_count(model), out, error);
    size_t n_read = 0;
    if (status != HONE_OK)
        return status;
    HONE_CHECK(read_named_files(model, source, out, error));
    if (source->expect_dir) {
        HONE_CHECK(check_folder(source->expect_dir, error));
        HONE_CHECK(read_folder(model, source->expect_dir, true, out, &n_read, error));
    }
    for (size_t i = 0; i < out->n; i++) {
        const hone_value_info *input = hone_model_get_input(model, i);
        if (out->items[i])
            continue;
        if (source->expect_dir) {
            status = hone__fail(error, HONE_ERROR_NOT_FOUND, "\"%s\" holds no data for input \"%s\"",
                                source->expect_dir, input->name);
            hone__error_file(error, source->expect_dir, -1);
            hone__error_hint(error, "add input_%zu.pb, or give --input \"%s=FILE\"", i, input->name);
            goto cleanup;
        }
        HONE_CHECK(hone__inputs_random(input, &source->shapes->shapes[i], source->seed, &out->items[i], error));
    }
    return HONE_OK;
cleanup:
    hone__run_tensors_release(out);
    return status;
}

hone_status hone__run_expected(const hone_model *model, const char *dir, hone__run_tensors *out, hone_error *error) {
    size_t n_read = 0;
    HONE_TRY(check_folder(dir, error));
    HONE_TRY(make_list(hone_model_output_count(model), out, error));
    hone_status status = read_folder(model, dir, false, out, &n_read, error);
    if (status == HONE_OK && !n_read) {
        status = hone__fail(error, HONE_ERROR_NOT_FOUND, "\"%s\" holds no output_0.pb", dir);
        hone__error_file(error, dir, -1);
        hone__error_hint(error, "--expect takes a test data set, such as model/test_data_set_0");
    }
    if (status != HONE_OK)
        hone__run_tensors_release(out);
    return status;
}
