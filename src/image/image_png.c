/* PNG by libspng. */
#include "image/image.h"

#include "base/error.h"

#include <spng.h>

static struct {
    __typeof__(spng_ctx_new) *ctx_new;
    __typeof__(spng_ctx_free) *ctx_free;
    __typeof__(spng_set_image_limits) *set_image_limits;
    __typeof__(spng_set_chunk_limits) *set_chunk_limits;
    __typeof__(spng_set_png_buffer) *set_png_buffer;
    __typeof__(spng_get_ihdr) *get_ihdr;
    __typeof__(spng_decoded_image_size) *decoded_image_size;
    __typeof__(spng_decode_image) *decode_image;
    __typeof__(spng_strerror) *text;
} g_spng;
static const char *const g_names[] = {
    "spng_ctx_new",  "spng_ctx_free",           "spng_set_image_limits", "spng_set_chunk_limits", "spng_set_png_buffer",
    "spng_get_ihdr", "spng_decoded_image_size", "spng_decode_image",     "spng_strerror"};
static hone__image_library g_library = {"libspng.so.0", g_names, sizeof g_names / sizeof *g_names, (void **)&g_spng, 0};
_Static_assert(sizeof g_spng == sizeof g_names, "one pointer per name");

hone_status hone__png_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    HONE_TRY(hone__image_library_open(&g_library, error));
    spng_ctx *ctx = g_spng.ctx_new(0);
    if (!ctx)
        return hone__fail_memory(error, "an image");
    struct spng_ihdr head;
    hone_status status = HONE_OK;
    size_t bytes = 0;
    int code;
    g_spng.set_image_limits(ctx, HONE__IMAGE_SIDE, HONE__IMAGE_SIDE);
    g_spng.set_chunk_limits(ctx, 1 << 24, 1 << 26); /* text and profiles, which nobody reads here */
    if ((code = g_spng.set_png_buffer(ctx, data, size)) != 0 || (code = g_spng.get_ihdr(ctx, &head)) != 0) {
        status = hone__picture_fail(error, g_spng.text(code));
        goto cleanup;
    }
    /* libspng gives gray only from gray images of up to eight bits; others become gray from their colours. */
    bool is_gray = head.color_type == SPNG_COLOR_TYPE_GRAYSCALE && head.bit_depth <= 8;
    int format = is_gray ? SPNG_FMT_G8 : SPNG_FMT_RGB8;
    HONE_CHECK(hone__picture_alloc(out, head.width, head.height, is_gray ? 1 : 3, error));
    code = g_spng.decoded_image_size(ctx, format, &bytes);
    if (code == 0 && bytes != (size_t)(out->width * out->height * out->channels))
        status = hone__picture_fail(error, "its size does not fit");
    else if (code != 0 || (code = g_spng.decode_image(ctx, out->pixels, bytes, format, 0)) != 0)
        status = hone__picture_fail(error, g_spng.text(code));
cleanup:
    g_spng.ctx_free(ctx);
    return status;
}
