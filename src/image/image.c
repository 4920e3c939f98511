/* The format of an image, the decoder for it, and the channels that the caller wants; see <hone/image.h>. */
#include "image/image.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/tensor.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static const struct {
    const char *name;
    hone__image_decoder decode; /* NULL: this build was made without the library's headers */
} g_formats[] = {
    [HONE_IMAGE_FORMAT_UNKNOWN] = {"unknown", NULL},
    [HONE_IMAGE_FORMAT_BMP] = {"BMP", hone__bmp_decode},
    [HONE_IMAGE_FORMAT_PNM] = {"PNM", hone__pnm_decode},
#ifdef HONE_WITH_JPEG
    [HONE_IMAGE_FORMAT_JPEG] = {"JPEG", hone__jpeg_decode},
#else
    [HONE_IMAGE_FORMAT_JPEG] = {"JPEG", NULL},
#endif
#ifdef HONE_WITH_JPEG2000
    [HONE_IMAGE_FORMAT_JPEG2000] = {"JPEG 2000", hone__jpeg2000_decode},
#else
    [HONE_IMAGE_FORMAT_JPEG2000] = {"JPEG 2000", NULL},
#endif
#ifdef HONE_WITH_PNG
    [HONE_IMAGE_FORMAT_PNG] = {"PNG", hone__png_decode},
#else
    [HONE_IMAGE_FORMAT_PNG] = {"PNG", NULL},
#endif
#ifdef HONE_WITH_TIFF
    [HONE_IMAGE_FORMAT_TIFF] = {"TIFF", hone__tiff_decode},
#else
    [HONE_IMAGE_FORMAT_TIFF] = {"TIFF", NULL},
#endif
#ifdef HONE_WITH_WEBP
    [HONE_IMAGE_FORMAT_WEBP] = {"WebP", hone__webp_decode},
#else
    [HONE_IMAGE_FORMAT_WEBP] = {"WebP", NULL},
#endif
};

hone_image_format hone_image_detect(const void *data, size_t size) {
    static const struct {
        hone_image_format format;
        size_t at, size;
        const char *bytes;
    } magic[] = {
        {HONE_IMAGE_FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
        {HONE_IMAGE_FORMAT_JPEG, 0, 3, "\xff\xd8\xff"},
        {HONE_IMAGE_FORMAT_BMP, 0, 2, "BM"},
        {HONE_IMAGE_FORMAT_TIFF, 0, 4, "II*\0"},
        {HONE_IMAGE_FORMAT_TIFF, 0, 4, "MM\0*"},
        {HONE_IMAGE_FORMAT_TIFF, 0, 4, "II+\0"}, /* BigTIFF */
        {HONE_IMAGE_FORMAT_TIFF, 0, 4, "MM\0+"},
        {HONE_IMAGE_FORMAT_WEBP, 8, 4, "WEBP"},
        {HONE_IMAGE_FORMAT_JPEG2000, 0, 12, "\0\0\0\x0cjP  \r\n\x87\n"}, /* in its container */
        {HONE_IMAGE_FORMAT_JPEG2000, 0, 4, "\xff\x4f\xff\x51"},          /* the bare codestream */
    };
    const uint8_t *bytes = data;
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if (size >= magic[i].at + magic[i].size && memcmp(bytes + magic[i].at, magic[i].bytes, magic[i].size) == 0)
            return magic[i].format;
    if (size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7')
        return HONE_IMAGE_FORMAT_PNM;
    return HONE_IMAGE_FORMAT_UNKNOWN;
}

static size_t row_of(hone_image_format format) {
    size_t i = (size_t)format;
    return i < sizeof g_formats / sizeof *g_formats ? i : HONE_IMAGE_FORMAT_UNKNOWN;
}

const char *hone_image_format_name(hone_image_format format) { return g_formats[row_of(format)].name; }

bool hone_image_is_supported(hone_image_format format) {
    hone__picture picture = {0};
    hone__image_decoder decode = g_formats[row_of(format)].decode;
    hone_error error;
    /* Nothing at all is no image; what matters is whether the library is there to say so. */
    return decode && decode((const uint8_t *)"", 0, &picture, &error) != HONE_ERROR_UNAVAILABLE;
}

hone_status hone__picture_fail(hone_error *error, const char *what) {
    hone__fail(error, HONE_ERROR_CONFIG, "the image cannot be read: %s", what);
    hone__error_hint(error, "give an intact file");
    return HONE_ERROR_CONFIG;
}

hone_status hone__picture_alloc(hone__picture *picture, uint64_t width, uint64_t height, int channels,
                                hone_error *error) {
    if (width < 1 || height < 1)
        return hone__picture_fail(error, "it has no pixels");
    if (width > HONE__IMAGE_SIDE || height > HONE__IMAGE_SIDE || width * height > HONE__IMAGE_PIXELS) {
        hone__fail(error, HONE_ERROR_LIMIT, "the image has %llu x %llu pixels, the limit is %d on a side, %d in all",
                   (unsigned long long)width, (unsigned long long)height, HONE__IMAGE_SIDE, HONE__IMAGE_PIXELS);
        hone__error_hint(error, "scale the image down");
        return HONE_ERROR_LIMIT;
    }
    picture->width = (int64_t)width;
    picture->height = (int64_t)height;
    picture->channels = channels;
    picture->pixels = hone__malloc((size_t)(width * height) * (size_t)channels);
    return picture->pixels ? HONE_OK : hone__fail_memory(error, "an image");
}

/* ---- libraries ---- */

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

hone_status hone__image_library_open(hone__image_library *library, hone_error *error) {
    pthread_mutex_lock(&g_mutex);
    if (library->state == 0) {
        void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
        library->state = handle ? 1 : 2;
        for (size_t i = 0; handle && i < library->n_names; i++) {
            library->functions[i] = dlsym(handle, library->names[i]);
            if (!library->functions[i])
                library->state = 2;
        }
    }
    int state = library->state;
    pthread_mutex_unlock(&g_mutex);
    if (state == 1)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_UNAVAILABLE, "the image needs %s, which this system does not have", library->file);
    hone__error_hint(error, "install that library, or convert the image to PNM or BMP");
    return HONE_ERROR_UNAVAILABLE;
}

/* ---- pixels as wanted ---- */

/* ITU-R BT.601 luma, as image libraries round it: in 16-bit fixed point. */
static uint8_t luma(const uint8_t *p) {
    return (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
}

static void convert(const hone__picture *p, hone_pixel_format wanted, int channels, uint8_t *to) {
    int64_t n = p->width * p->height;
    const uint8_t *from = p->pixels;
    if (channels == p->channels && wanted != HONE_PIXEL_BGR) {
        memcpy(to, from, (size_t)(n * channels));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *at = from + i * p->channels;
        if (channels == 1)
            to[i] = luma(at);
        else
            for (int c = 0; c < 3; c++)
                to[i * 3 + c] = p->channels == 1 ? at[0] : at[wanted == HONE_PIXEL_BGR ? 2 - c : c];
    }
}

hone_status hone_image_decode(const void *data, size_t size, hone_pixel_format pixels, hone_tensor **out,
                              hone_error *error) {
    HONE_FAIL_IF(!out, error, HONE_ERROR_ARGUMENT, "out is NULL");
    *out = NULL;
    HONE_FAIL_IF(!data && size, error, HONE_ERROR_ARGUMENT, "data is NULL");
    HONE_FAIL_IF(pixels < HONE_PIXEL_NATIVE || pixels > HONE_PIXEL_GRAY, error, HONE_ERROR_ARGUMENT,
                 "%d is not a pixel format", (int)pixels);
    hone_image_format format = hone_image_detect(data, size);
    if (format == HONE_IMAGE_FORMAT_UNKNOWN)
        return hone__picture_fail(error, "it is neither BMP, JPEG, JPEG 2000, PNG, PNM, TIFF nor WebP");
    hone__image_decoder decode = g_formats[row_of(format)].decode;
    if (!decode) {
        hone__fail(error, HONE_ERROR_UNAVAILABLE, "the image is %s, which this build cannot decode",
                   hone_image_format_name(format));
        hone__error_hint(error, "build hone where that format's library is installed, or convert the image");
        return HONE_ERROR_UNAVAILABLE;
    }
    hone__picture picture = {0};
    hone_status status;
    HONE_CHECK(decode(data, size, &picture, error));
    int channels = pixels == HONE_PIXEL_NATIVE ? picture.channels : pixels == HONE_PIXEL_GRAY ? 1 : 3;
    const int64_t dims[3] = {picture.height, picture.width, channels};
    HONE_CHECK(hone_tensor_create(HONE_DTYPE_UINT8, 3, dims, out, error));
    convert(&picture, pixels, channels, hone_tensor_data(*out));
cleanup:
    hone__free(picture.pixels);
    return status;
}
