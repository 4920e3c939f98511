/* ImageDecoder (opset 20): a file in a tensor of bytes to pixels. The decoding is src/image's. */
#include "ops/op_help.h"

#include <hone/image.h>

static bool read_format(const hone__node *node, hone_pixel_format *out, int64_t *channels) {
    const char *name = hone__node_attr_string(node, "pixel_format", "RGB");
    *out = strcmp(name, "RGB") == 0         ? HONE_PIXEL_RGB
           : strcmp(name, "BGR") == 0       ? HONE_PIXEL_BGR
           : strcmp(name, "Grayscale") == 0 ? HONE_PIXEL_GRAY
                                            : HONE_PIXEL_NATIVE;
    *channels = *out == HONE_PIXEL_GRAY ? 1 : 3;
    return *out != HONE_PIXEL_NATIVE;
}

static hone_status infer_image_decoder(hone__infer *ctx) {
    hone_pixel_format format;
    int64_t channels;
    if (!read_format(ctx->node, &format, &channels))
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "pixel_format is \"%.40s\", not RGB, BGR or Grayscale",
                                hone__node_attr_string(ctx->node, "pixel_format", ""));
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank != 1)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the encoded image must have rank 1");
    /* What cannot be decoded gives no pixels and keeps the channels. */
    const hone__dim dims[3] = {hone__dim_unknown(), hone__dim_unknown(), hone__dim_known(channels)};
    return hone__infer_set(ctx, 0, HONE_DTYPE_UINT8, 3, dims);
}

static hone_status eval_image_decoder(hone__eval *ctx) {
    const hone_tensor *x;
    hone_pixel_format format;
    int64_t channels;
    hone_tensor *image = NULL;
    hone_error error;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!read_format(ctx->node, &format, &channels))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "pixel_format is neither RGB, BGR nor Grayscale");
    hone_status status = hone_image_decode(x->data, x->size, format, &image, &error);
    if (status == HONE_OK)
        return ctx->output_take(ctx, 0, image);
    /* The standard: an image that cannot be decoded gives an empty matrix. A missing library is not the image's
     * fault, nor is memory. */
    if (status != HONE_ERROR_CONFIG && status != HONE_ERROR_UNSUPPORTED && status != HONE_ERROR_LIMIT)
        return hone__eval_fail(ctx, status, "%s (%s)", error.message, error.hint);
    const int64_t none[3] = {0, 0, channels};
    hone_tensor *out;
    return hone__eval_output(ctx, 0, HONE_DTYPE_UINT8, 3, none, &out);
}

static const hone__op_param p_stream[] = {HONE_PARAM("encoded_stream", HONE_SET(UINT8), 'T')};
static const hone__op_param q_image[] = {HONE_PARAM("image", HONE_SET(UINT8), 'U')};
static const hone__op_attr a_image[] = {{"pixel_format", HONE_ATTR_STRING, false}};
static const hone__op g_rows[] = {
    HONE_ROW("", "ImageDecoder", 20, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, p_stream, 1, q_image, a_image,
             infer_image_decoder, eval_image_decoder, NULL),
};
const hone__op_family hone__ops_image = {"image", g_rows, HONE_COUNT(g_rows)};
