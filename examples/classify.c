/* Classifies a set of images and compares with labels and with another framework's scores.
 *
 * usage: classify MODEL.onnx IMAGES.npy LABELS.npy [SCORES.npy] [KEY=VALUE ...]
 *
 * IMAGES: float32 [N, C, H, W]; LABELS: int64 [N]; SCORES: float32 [N, classes], what another framework gave
 * for the same images. KEY=VALUE sets a session option (intra_op_num_threads=2). Exit status 1 when the answers
 * differ from SCORES'. */
#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 };

/* An .npy file of version 1: header, then row-major data (numpy's format description, NEP 1). */
typedef struct array {
    int rank;
    int64_t dims[4];
    unsigned char *bytes;
} array;

static int read_npy(const char *path, const char *descr, size_t item, array *out) {
    unsigned char head[10];
    char text[1024] = {0};
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, 1, 10, file) != 10 || memcmp(head, "\x93NUMPY\x01", 7) != 0)
        goto bad;
    size_t length = (size_t)head[8] | (size_t)head[9] << 8;
    if (length >= sizeof text || fread(text, 1, length, file) != length || !strstr(text, descr))
        goto bad;
    char *at = strchr(text, '(');
    int64_t count = 1;
    for (out->rank = 0; at && *at != ')' && out->rank < 4;) {
        char *end;
        long long n = strtoll(at + 1, &end, 10);
        if (end == at + 1)
            break;
        out->dims[out->rank++] = n;
        count *= n;
        at = *end == ',' ? end : NULL;
    }
    out->bytes = count > 0 && count < (1 << 28) ? malloc((size_t)count * item) : NULL;
    if (!out->bytes || fread(out->bytes, item, (size_t)count, file) != (size_t)count)
        goto bad;
    fclose(file);
    return 1;
bad:
    fprintf(stderr, "classify: %s is not an array of type %s\n", path, descr);
    if (file)
        fclose(file);
    return 0;
}

static int argmax(const float *v, int64_t n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

/* Runs the images in batches; writes one class per image. */
static hone_status classify(hone_session *session, const array *images, int *classes, hone_error *error) {
    int64_t n = images->dims[0], per_image = images->dims[1] * images->dims[2] * images->dims[3];
    for (int64_t first = 0; first < n; first += BATCH) {
        int64_t batch = n - first < BATCH ? n - first : BATCH;
        int64_t dims[4] = {batch, images->dims[1], images->dims[2], images->dims[3]};
        hone_tensor *input, *output;
        hone_status status =
            hone_tensor_create_borrowed(HONE_DTYPE_FLOAT, 4, dims, images->bytes + (size_t)(first * per_image) * 4,
                                        (size_t)(batch * per_image) * 4, &input, error);
        if (status != HONE_OK)
            return status;
        const hone_tensor *const inputs[1] = {input};
        status = hone_session_run(session, inputs, 1, &output, 1, error);
        hone_tensor_destroy(input);
        if (status != HONE_OK)
            return status;
        int64_t n_classes = hone_tensor_dims(output)[1];
        for (int64_t i = 0; i < batch; i++)
            classes[first + i] = argmax((const float *)hone_tensor_data_const(output) + i * n_classes, n_classes);
        hone_tensor_destroy(output);
    }
    return HONE_OK;
}

int main(int argc, char **argv) {
    array images = {0}, labels = {0}, scores = {0};
    hone_error error;
    hone_options *options = NULL;
    hone_session *session = NULL;
    int *classes = NULL, result = 1;
    if (argc < 4) {
        fprintf(stderr, "usage: classify MODEL.onnx IMAGES.npy LABELS.npy [SCORES.npy] [KEY=VALUE ...]\n");
        return 2;
    }
    hone_error_clear(&error);
    if (!read_npy(argv[2], "<f4", 4, &images) || images.rank != 4 || !read_npy(argv[3], "<i8", 8, &labels) ||
        labels.dims[0] != images.dims[0] || hone_options_create(&options, &error) != HONE_OK)
        goto cleanup;
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) {
            if (!read_npy(argv[i], "<f4", 4, &scores) || scores.dims[0] != images.dims[0])
                goto cleanup;
            continue;
        }
        *equals = '\0';
        if (hone_options_set(options, argv[i], equals + 1, &error) != HONE_OK)
            goto cleanup;
    }
    classes = calloc((size_t)images.dims[0], sizeof *classes);
    if (!classes || hone_session_create_from_file(argv[1], options, &session, &error) != HONE_OK ||
        classify(session, &images, classes, &error) != HONE_OK)
        goto cleanup;
    int64_t n = images.dims[0], right = 0, same = 0;
    for (int64_t i = 0; i < n; i++) {
        right += classes[i] == ((int64_t *)labels.bytes)[i];
        if (scores.bytes)
            same += classes[i] == argmax((float *)scores.bytes + i * scores.dims[1], scores.dims[1]);
    }
    printf("%lld of %lld images right (%.2f %%)\n", (long long)right, (long long)n, 100.0 * (double)right / (double)n);
    if (scores.bytes)
        printf("%lld of %lld answers equal to the other framework's\n", (long long)same, (long long)n);
    result = scores.bytes && same != n;
cleanup:
    if (error.status != HONE_OK)
        fprintf(stderr, "classify: %s\n  %s\n", error.message, error.hint);
    hone_session_destroy(session);
    hone_options_destroy(options);
    free(classes);
    free(images.bytes);
    free(labels.bytes);
    free(scores.bytes);
    return result;
}
