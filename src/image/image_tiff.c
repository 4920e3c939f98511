/* TIFF by libtiff: the first image of the file. Rows of 8-bit gray and RGB are taken as they are; everything else
 * (palettes, tiles, CMYK, YCbCr, 1 to 16 bits) goes through libtiff's own conversion. */
#include "image/image.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include <tiffio.h>

static struct {
    __typeof__(TIFFOpenOptionsAlloc) *options_alloc;
    __typeof__(TIFFOpenOptionsFree) *options_free;
    __typeof__(TIFFOpenOptionsSetMaxSingleMemAlloc) *set_max_alloc;
    __typeof__(TIFFOpenOptionsSetErrorHandlerExtR) *set_error_handler;
    __typeof__(TIFFOpenOptionsSetWarningHandlerExtR) *set_warning_handler;
    __typeof__(TIFFClientOpenExt) *open;
    __typeof__(TIFFClose) *close;
    __typeof__(TIFFGetField) *get_field;
    __typeof__(TIFFGetFieldDefaulted) *get_field_defaulted;
    __typeof__(TIFFIsTiled) *is_tiled;
    __typeof__(TIFFScanlineSize) *scanline_size;
    __typeof__(TIFFReadScanline) *read_scanline;
    __typeof__(TIFFReadRGBAImageOriented) *read_rgba;
} g_tiff;
static const char *const g_names[] = {"TIFFOpenOptionsAlloc",
                                      "TIFFOpenOptionsFree",
                                      "TIFFOpenOptionsSetMaxSingleMemAlloc",
                                      "TIFFOpenOptionsSetErrorHandlerExtR",
                                      "TIFFOpenOptionsSetWarningHandlerExtR",
                                      "TIFFClientOpenExt",
                                      "TIFFClose",
                                      "TIFFGetField",
                                      "TIFFGetFieldDefaulted",
                                      "TIFFIsTiled",
                                      "TIFFScanlineSize",
                                      "TIFFReadScanline",
                                      "TIFFReadRGBAImageOriented"};
static hone__image_library g_library = {"libtiff.so.6", g_names, sizeof g_names / sizeof *g_names, (void **)&g_tiff, 0};
_Static_assert(sizeof g_tiff == sizeof g_names, "one pointer per name");

/* The bytes as a file. */
typedef struct memory {
    const uint8_t *data;
    uint64_t size, at;
    char message[160]; /* the first complaint */
} memory;

static tmsize_t mem_read(thandle_t handle, void *to, tmsize_t n) {
    memory *m = (memory *)handle;
    uint64_t left = m->at < m->size ? m->size - m->at : 0;
    uint64_t take = n < 0 ? 0 : (uint64_t)n < left ? (uint64_t)n : left;
    if (take)
        memcpy(to, m->data + m->at, (size_t)take);
    m->at += take;
    return (tmsize_t)take;
}
static tmsize_t mem_write(thandle_t handle, void *from, tmsize_t n) {
    (void)handle, (void)from, (void)n;
    return 0;
}
static toff_t mem_seek(thandle_t handle, toff_t offset, int whence) {
    memory *m = (memory *)handle;
    m->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? m->at + offset : m->size + offset;
    return m->at;
}
static int mem_close(thandle_t handle) {
    (void)handle;
    return 0;
}
static toff_t mem_size(thandle_t handle) { return ((memory *)handle)->size; }

static int complain(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
    memory *m = user;
    (void)tiff, (void)module;
    if (!*m->message)
        vsnprintf(m->message, sizeof m->message, format, args);
    return 1;
}
static int ignore(TIFF *tiff, void *user, const char *module, const char *format, va_list args) {
    (void)tiff, (void)user, (void)module, (void)format, (void)args;
    return 1;
}

static hone_status fail(const memory *m, hone_error *error) {
    return hone__picture_fail(error, *m->message ? m->message : "its data are damaged or cut off");
}

/* Rows of 8-bit samples, side by side; `samples` per pixel, the first `channels` of which are colours. */
static hone_status read_rows(TIFF *tiff, const memory *m, int samples, bool is_inverted, hone__picture *out,
                             hone_error *error) {
    tmsize_t size = g_tiff.scanline_size(tiff);
    if (size < (tmsize_t)out->width * samples)
        return fail(m, error);
    uint8_t *line = hone__malloc((size_t)size);
    hone_status status = line ? HONE_OK : hone__fail_memory(error, "an image");
    for (int64_t y = 0; status == HONE_OK && y < out->height; y++) {
        if (g_tiff.read_scanline(tiff, line, (uint32_t)y, 0) < 0)
            status = fail(m, error);
        uint8_t *to = out->pixels + y * out->width * out->channels;
        for (int64_t x = 0; status == HONE_OK && x < out->width; x++)
            for (int c = 0; c < out->channels; c++)
                *to++ = (uint8_t)(is_inverted ? 255 - line[x * samples + c] : line[x * samples + c]);
    }
    hone__free(line);
    return status;
}

static hone_status read_converted(TIFF *tiff, const memory *m, hone__picture *out, hone_error *error) {
    int64_t n = out->width * out->height;
    uint32_t *raster = hone__malloc((size_t)n * sizeof *raster);
    if (!raster)
        return hone__fail_memory(error, "an image");
    hone_status status = HONE_OK;
    if (!g_tiff.read_rgba(tiff, (uint32_t)out->width, (uint32_t)out->height, raster, ORIENTATION_TOPLEFT, 1))
        status = fail(m, error);
    for (int64_t i = 0; status == HONE_OK && i < n; i++) {
        out->pixels[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->pixels[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->pixels[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    hone__free(raster);
    return status;
}

static hone_status read_image(TIFF *tiff, const memory *m, hone__picture *out, hone_error *error) {
    uint32_t width = 0, height = 0;
    uint16_t bits = 1, samples = 1, planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISWHITE;
    uint16_t orientation = ORIENTATION_TOPLEFT, format = SAMPLEFORMAT_UINT;
    if (!g_tiff.get_field(tiff, TIFFTAG_IMAGEWIDTH, &width) || !g_tiff.get_field(tiff, TIFFTAG_IMAGELENGTH, &height))
        return fail(m, error);
    g_tiff.get_field_defaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    g_tiff.get_field_defaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
    g_tiff.get_field_defaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    g_tiff.get_field_defaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    g_tiff.get_field_defaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    g_tiff.get_field(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    bool is_rgb = photometric == PHOTOMETRIC_RGB && samples >= 3;
    bool is_gray = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    bool is_direct = bits == 8 && format == SAMPLEFORMAT_UINT && orientation == ORIENTATION_TOPLEFT &&
                     !g_tiff.is_tiled(tiff) && planar == PLANARCONFIG_CONTIG && (is_rgb || is_gray) && samples <= 8;
    HONE_TRY(hone__picture_alloc(out, width, height, is_direct && is_gray ? 1 : 3, error));
    return is_direct ? read_rows(tiff, m, samples, photometric == PHOTOMETRIC_MINISWHITE, out, error)
                     : read_converted(tiff, m, out, error);
}

hone_status hone__tiff_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    HONE_TRY(hone__image_library_open(&g_library, error));
    memory m = {.data = data, .size = size};
    TIFFOpenOptions *options = g_tiff.options_alloc();
    if (!options)
        return hone__fail_memory(error, "an image");
    g_tiff.set_max_alloc(options, (tmsize_t)1 << 30);
    g_tiff.set_error_handler(options, complain, &m);
    g_tiff.set_warning_handler(options, ignore, NULL);
    /* "m": never mapped, for there is no file. */
    TIFF *tiff = g_tiff.open("image", "rm", (thandle_t)&m, mem_read, mem_write, mem_seek, mem_close, mem_size, NULL,
                             NULL, options);
    g_tiff.options_free(options);
    if (!tiff)
        return fail(&m, error);
    hone_status status = read_image(tiff, &m, out, error);
    g_tiff.close(tiff);
    return status;
}
