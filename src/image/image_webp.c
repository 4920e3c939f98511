/* WebP by libwebp: lossy and lossless, not animated. */
#include "image/image.h"

#include "base/error.h"

#include <webp/decode.h>

static struct {
    __typeof__(WebPGetFeaturesInternal) *get_features;
    __typeof__(WebPDecodeRGBInto) *decode_into;
} g_webp;
static const char *const g_names[] = {"WebPGetFeaturesInternal", "WebPDecodeRGBInto"};
static hone__image_library g_library = {"libwebp.so.7", g_names, sizeof g_names / sizeof *g_names, (void **)&g_webp, 0};
_Static_assert(sizeof g_webp == sizeof g_names, "one pointer per name");

hone_status hone__webp_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    HONE_TRY(hone__image_library_open(&g_library, error));
    WebPBitstreamFeatures features;
    if (g_webp.get_features(data, size, &features, WEBP_DECODER_ABI_VERSION) != VP8_STATUS_OK)
        return hone__picture_fail(error, "its WebP header is damaged");
    if (features.has_animation)
        return hone__fail(error, HONE_ERROR_UNSUPPORTED, "the image is an animated WebP, which is not supported");
    HONE_TRY(hone__picture_alloc(out, (uint64_t)features.width, (uint64_t)features.height, 3, error));
    size_t stride = (size_t)out->width * 3;
    if (!g_webp.decode_into(data, size, out->pixels, stride * (size_t)out->height, (int)stride))
        return hone__picture_fail(error, "its data are damaged or cut off");
    return HONE_OK;
}
