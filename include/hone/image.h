/* Images as files in memory, decoded to pixels: what the operator ImageDecoder and the program's image inputs use.
 *
 * BMP and PNM (PBM, PGM, PPM, PAM) are read by hone itself. JPEG, JPEG 2000, PNG, TIFF and WebP need a library of
 * the system, which is looked for when the first such image comes: libjpeg, libopenjp2, libspng, libtiff, libwebp. */
#ifndef HONE_IMAGE_H
#define HONE_IMAGE_H

#include <hone/status.h>
#include <hone/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hone_image_format {
    HONE_IMAGE_FORMAT_UNKNOWN,
    HONE_IMAGE_FORMAT_BMP,
    HONE_IMAGE_FORMAT_JPEG,
    HONE_IMAGE_FORMAT_JPEG2000,
    HONE_IMAGE_FORMAT_PNG,
    HONE_IMAGE_FORMAT_PNM,
    HONE_IMAGE_FORMAT_TIFF,
    HONE_IMAGE_FORMAT_WEBP
} hone_image_format;

/* What the pixels become. NATIVE: one channel for gray images, else RGB. Transparency is dropped. */
typedef enum hone_pixel_format { HONE_PIXEL_NATIVE, HONE_PIXEL_RGB, HONE_PIXEL_BGR, HONE_PIXEL_GRAY } hone_pixel_format;

/* By the first bytes, never by a name. */
HONE_API hone_image_format hone_image_detect(const void *data, size_t size);
/* "PNG"; "unknown" for other values. */
HONE_API const char *hone_image_format_name(hone_image_format format);
/* Whether this build and this system can decode the format. */
HONE_API bool hone_image_is_supported(hone_image_format format);

/* A uint8 tensor [height, width, channels], owned by the caller. Of files with several images the first counts;
 * samples of more than eight bits are scaled down. Errors: CONFIG (not an intact image), UNSUPPORTED (a variant that
 * cannot be read), UNAVAILABLE (the format's library is missing), LIMIT (more than 65,535 on a side or 2^28 pixels),
 * MEMORY. */
HONE_API hone_status hone_image_decode(const void *data, size_t size, hone_pixel_format pixels, hone_tensor **out,
                                       hone_error *error);

#ifdef __cplusplus
}
#endif
#endif
