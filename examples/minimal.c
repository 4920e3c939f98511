/* The shortest use of hone: open a model, fill its inputs with ones, run it, print the outputs.
 *
 * usage: minimal MODEL.onnx      (dimensions without a fixed size become 1) */
#include <hone/hone.h>
#include <stdio.h>

static int fail(const hone_error *error) {
    fprintf(stderr, "minimal: %s\n  %s\n", error->message, error->hint);
    return 1;
}

/* A tensor of ones in the shape of an input. */
static hone_status make_input(const hone_value_info *info, hone_tensor **out, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    for (int i = 0; i < info->rank; i++)
        dims[i] = info->dims[i].value >= 0 ? info->dims[i].value : 1;
    hone_status status = hone_tensor_create(info->dtype, info->rank < 0 ? 0 : info->rank, dims, out, error);
    if (status == HONE_OK && info->dtype == HONE_DTYPE_FLOAT)
        for (int64_t i = 0; i < hone_tensor_count(*out); i++)
            ((float *)hone_tensor_data(*out))[i] = 1.0f;
    return status;
}

int main(int argc, char **argv) {
    hone_error error;
    hone_session *session = NULL;
    hone_tensor *inputs[16] = {0}, *outputs[64] = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: minimal MODEL.onnx\n");
        return 2;
    }
    if (hone_session_create_from_file(argv[1], NULL, &session, &error) != HONE_OK)
        return fail(&error);
    size_t n_in = hone_session_input_count(session), n_out = hone_session_output_count(session);
    int status = n_in <= 16 && n_out <= 64 ? 0 : 1;
    for (size_t i = 0; i < n_in && status == 0; i++)
        if (make_input(hone_session_get_input(session, i), &inputs[i], &error) != HONE_OK)
            status = fail(&error);
    if (status == 0 && hone_session_run(session, (const hone_tensor *const *)inputs, n_in, outputs, n_out, &error))
        status = fail(&error);
    for (size_t i = 0; i < n_out && status == 0; i++) {
        printf("%s: %s [", hone_session_get_output(session, i)->name, hone_dtype_name(hone_tensor_dtype(outputs[i])));
        for (int d = 0; d < hone_tensor_rank(outputs[i]); d++)
            printf(d ? ", %lld" : "%lld", (long long)hone_tensor_dims(outputs[i])[d]);
        printf("] first value %g\n", hone_tensor_get_double(outputs[i], 0));
    }
    for (size_t i = 0; i < 16; i++)
        hone_tensor_destroy(inputs[i]);
    for (size_t i = 0; i < 64; i++)
        hone_tensor_destroy(outputs[i]);
    hone_session_destroy(session);
    return status;
}
