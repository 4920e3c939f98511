/* Running a model against its ONNX test data; see model_case.h. */
#include "support/model_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VALUES = 256 };

const char *shared_folder(void) {
    const char *path = getenv("HONE_SHARED");
    return path && access(path, R_OK) == 0 ? path : NULL;
}

static bool is_half(hone_dtype dtype) { return dtype == HONE_DTYPE_FLOAT16 || dtype == HONE_DTYPE_BFLOAT16; }

static bool tensors_match(const hone_tensor *got, const hone_tensor *want, char *message, size_t size) {
    if (hone_tensor_dtype(got) != hone_tensor_dtype(want) || hone_tensor_rank(got) != hone_tensor_rank(want) ||
        memcmp(hone_tensor_dims(got), hone_tensor_dims(want), (size_t)hone_tensor_rank(got) * sizeof(int64_t)) != 0) {
        int n = snprintf(message, size, "shape or type differs: %s rank %d [", hone_dtype_name(hone_tensor_dtype(got)),
                         hone_tensor_rank(got));
        for (int i = 0; i < hone_tensor_rank(got); i++)
            n += snprintf(message + n, size - (size_t)n, "%lld ", (long long)hone_tensor_dims(got)[i]);
        snprintf(message + n, size - (size_t)n, "]");
        return false;
    }
    int64_t count = hone_tensor_count(got);
    if (hone_tensor_dtype(got) == HONE_DTYPE_STRING) {
        for (int64_t i = 0; i < count; i++) {
            hone_string a = hone_tensor_get_string(got, i), b = hone_tensor_get_string(want, i);
            if (a.size != b.size || (a.size && memcmp(a.data, b.data, a.size) != 0)) {
                snprintf(message, size, "string %lld differs", (long long)i);
                return false;
            }
        }
        return true;
    }
    double largest = 1;
    for (int64_t i = 0; i < count; i++) {
        double b = fabs(hone_tensor_get_double(want, i));
        if (isfinite(b) && b > largest)
            largest = b;
    }
    bool half = is_half(hone_tensor_dtype(want));
    double rtol = half ? 1e-2 : 1e-3, atol = (half ? 1e-3 : 1e-5) * largest;
    for (int64_t i = 0; i < count; i++) {
        double a = hone_tensor_get_double(got, i), b = hone_tensor_get_double(want, i);
        if ((isnan(a) && isnan(b)) || a == b || fabs(a - b) <= atol + rtol * fabs(b))
            continue;
        snprintf(message, size, "element %lld is %.9g, expected %.9g", (long long)i, a, b);
        return false;
    }
    return true;
}

bool values_match(const hone_tensor *got, const hone_tensor *want, char *message, size_t size) {
    if (hone_tensor_kind(got) != hone_tensor_kind(want)) {
        snprintf(message, size, "kind differs");
        return false;
    }
    if (hone_tensor_kind(got) == HONE_KIND_TENSOR)
        return tensors_match(got, want, message, size);
    if (hone_tensor_item_count(got) != hone_tensor_item_count(want)) {
        snprintf(message, size, "%zu items, expected %zu", hone_tensor_item_count(got), hone_tensor_item_count(want));
        return false;
    }
    for (size_t i = 0; i < hone_tensor_item_count(got); i++)
        if (!values_match(hone_tensor_get_item(got, i), hone_tensor_get_item(want, i), message, size))
            return false;
    return true;
}

static bool run_session(hone_session *session, const char *data_dir, char *message, size_t size) {
    hone_tensor *in[MAX_VALUES] = {0}, *out[MAX_VALUES] = {0}, *want = NULL;
    hone_error error;
    hone_error_clear(&error);
    size_t n_in = hone_session_input_count(session), n_out = hone_session_output_count(session);
    bool ok = false;
    char path[1024];
    if (n_in > MAX_VALUES || n_out > MAX_VALUES)
        goto done;
    for (size_t i = 0; i < n_in; i++) {
        snprintf(path, sizeof path, "%s/input_%zu.pb", data_dir, i);
        if (hone_tensor_read_pb(path, hone_session_get_input(session, i)->kind, NULL, 0, &in[i], &error) != HONE_OK)
            goto failed;
    }
    if (hone_session_run(session, (const hone_tensor *const *)in, n_in, out, n_out, &error) != HONE_OK)
        goto failed;
    ok = true;
    for (size_t i = 0; i < n_out && ok; i++) {
        snprintf(path, sizeof path, "%s/output_%zu.pb", data_dir, i);
        if (access(path, R_OK) != 0)
            continue;
        if (hone_tensor_read_pb(path, hone_session_get_output(session, i)->kind, NULL, 0, &want, &error) != HONE_OK) {
            ok = false;
            goto failed;
        }
        char detail[200];
        ok = values_match(out[i], want, detail, sizeof detail);
        if (!ok)
            snprintf(message, size, "output %zu (%s): %s", i, hone_session_get_output(session, i)->name, detail);
        hone_tensor_destroy(want);
        want = NULL;
    }
    goto done;
failed:
    snprintf(message, size, "%s%s%s", error.message, *error.node ? " at " : "", error.node);
done:
    for (size_t i = 0; i < MAX_VALUES; i++) {
        hone_tensor_destroy(in[i]);
        hone_tensor_destroy(out[i]);
    }
    return ok;
}

bool run_case(const char *model_path, const char *data_dir, const hone_options *options, char *message, size_t size) {
    hone_error error;
    hone_session *session;
    if (hone_session_create_from_file(model_path, options, &session, &error) != HONE_OK) {
        snprintf(message, size, "%s%s%s", error.message, *error.node ? " at " : "", error.node);
        return false;
    }
    bool ok = run_session(session, data_dir, message, size);
    /* A second run must give the same on memory that the first one used. */
    if (ok)
        ok = run_session(session, data_dir, message, size);
    hone_session_destroy(session);
    return ok;
}
