/* JPEG 2000 by OpenJPEG: the container (JP2) and the bare codestream; gray, RGB, and YCbCr with any subsampling. */
#include "image/image.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include <openjpeg.h>

static struct {
    __typeof__(opj_create_decompress) *create;
    __typeof__(opj_destroy_codec) *destroy_codec;
    __typeof__(opj_set_default_decoder_parameters) *set_defaults;
    __typeof__(opj_setup_decoder) *setup;
    __typeof__(opj_set_error_handler) *set_error_handler;
    __typeof__(opj_stream_create) *stream_create;
    __typeof__(opj_stream_destroy) *stream_destroy;
    __typeof__(opj_stream_set_read_function) *set_read;
    __typeof__(opj_stream_set_skip_function) *set_skip;
    __typeof__(opj_stream_set_seek_function) *set_seek;
    __typeof__(opj_stream_set_user_data) *set_user_data;
    __typeof__(opj_stream_set_user_data_length) *set_user_data_length;
    __typeof__(opj_read_header) *read_header;
    __typeof__(opj_decode) *decode;
    __typeof__(opj_end_decompress) *end;
    __typeof__(opj_image_destroy) *image_destroy;
} g_opj;
static const char *const g_names[] = {"opj_create_decompress",
                                      "opj_destroy_codec",
                                      "opj_set_default_decoder_parameters",
                                      "opj_setup_decoder",
                                      "opj_set_error_handler",
                                      "opj_stream_create",
                                      "opj_stream_destroy",
                                      "opj_stream_set_read_function",
                                      "opj_stream_set_skip_function",
                                      "opj_stream_set_seek_function",
                                      "opj_stream_set_user_data",
                                      "opj_stream_set_user_data_length",
                                      "opj_read_header",
                                      "opj_decode",
                                      "opj_end_decompress",
                                      "opj_image_destroy"};
static hone__image_library g_library = {"libopenjp2.so.7", g_names, sizeof g_names / sizeof *g_names, (void **)&g_opj,
                                        0};
_Static_assert(sizeof g_opj == sizeof g_names, "one pointer per name");

typedef struct memory {
    const uint8_t *data;
    size_t size, at;
    char message[160];
} memory;

static OPJ_SIZE_T mem_read(void *to, OPJ_SIZE_T n, void *user) {
    memory *m = user;
    size_t left = m->size - m->at;
    if (left == 0)
        return (OPJ_SIZE_T)-1;
    n = n < left ? n : left;
    memcpy(to, m->data + m->at, n);
    m->at += n;
    return n;
}
static OPJ_OFF_T mem_skip(OPJ_OFF_T n, void *user) {
    memory *m = user;
    if (n < 0 || (uint64_t)n > m->size - m->at)
        return -1;
    m->at += (size_t)n;
    return n;
}
static OPJ_BOOL mem_seek(OPJ_OFF_T at, void *user) {
    memory *m = user;
    if (at < 0 || (uint64_t)at > m->size)
        return OPJ_FALSE;
    m->at = (size_t)at;
    return OPJ_TRUE;
}

static void complain(const char *text, void *user) {
    memory *m = user;
    if (*m->message)
        return;
    snprintf(m->message, sizeof m->message, "%s", text);
    m->message[strcspn(m->message, "\n")] = '\0';
}

static hone_status fail(const memory *m, hone_error *error) {
    return hone__picture_fail(error, *m->message ? m->message : "its data are damaged or cut off");
}

/* The sample of a component at a pixel of the image, as 0..255. */
static double sample(const opj_image_comp_t *c, int64_t x, int64_t y) {
    int64_t cx = x / c->dx, cy = y / c->dy;
    cx = cx < (int64_t)c->w ? cx : (int64_t)c->w - 1;
    cy = cy < (int64_t)c->h ? cy : (int64_t)c->h - 1;
    int64_t v = c->data[cy * c->w + cx], most = ((int64_t)1 << c->prec) - 1;
    v += c->sgnd ? (int64_t)1 << (c->prec - 1) : 0;
    v = v < 0 ? 0 : v > most ? most : v;
    return most == 255 ? (double)v : (double)v * 255 / (double)most;
}

static uint8_t byte(double v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5); }

static hone_status convert(const opj_image_t *image, hone__picture *out, hone_error *error) {
    bool is_gray = image->numcomps < 3, is_ycc = image->color_space == OPJ_CLRSPC_SYCC;
    for (uint32_t c = 0; c < (is_gray ? 1u : 3u); c++) {
        const opj_image_comp_t *p = &image->comps[c];
        if (!p->data || !p->w || !p->h || !p->dx || !p->dy || p->prec < 1 || p->prec > 31)
            return hone__picture_fail(error, "a component is missing");
    }
    HONE_TRY(hone__picture_alloc(out, image->x1 - image->x0, image->y1 - image->y0, is_gray ? 1 : 3, error));
    uint8_t *to = out->pixels;
    for (int64_t y = 0; y < out->height; y++)
        for (int64_t x = 0; x < out->width; x++) {
            double v[3] = {0};
            for (int c = 0; c < out->channels; c++)
                v[c] = sample(&image->comps[c], x, y);
            if (is_ycc && !is_gray) { /* ITU-R BT.601, full range */
                double cb = v[1] - 128, cr = v[2] - 128;
                v[1] = v[0] - 0.344136 * cb - 0.714136 * cr;
                v[2] = v[0] + 1.772 * cb;
                v[0] += 1.402 * cr;
            }
            for (int c = 0; c < out->channels; c++)
                *to++ = byte(v[c]);
        }
    return HONE_OK;
}

/* The header tells the size; what is out of range is not decoded at all. */
static hone_status check_size(const opj_image_t *image, hone_error *error) {
    hone__picture probe = {0};
    uint64_t width = image->x1 > image->x0 ? image->x1 - image->x0 : 0;
    uint64_t height = image->y1 > image->y0 ? image->y1 - image->y0 : 0;
    if (image->numcomps < 1 || image->numcomps > 16)
        return hone__picture_fail(error, "it has no channels, or too many");
    if (width >= 1 && height >= 1 && width <= HONE__IMAGE_SIDE && height <= HONE__IMAGE_SIDE &&
        width * height <= HONE__IMAGE_PIXELS)
        return HONE_OK;
    return hone__picture_alloc(&probe, width, height, 1, error);
}

hone_status hone__jpeg2000_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    HONE_TRY(hone__image_library_open(&g_library, error));
    memory m = {.data = data, .size = size};
    opj_dparameters_t parameters;
    opj_image_t *image = NULL;
    hone_status status = HONE_OK;
    opj_codec_t *codec = g_opj.create(size && data[0] == 0xFF ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = g_opj.stream_create(1 << 16, OPJ_TRUE);
    if (!codec || !stream) {
        status = hone__fail_memory(error, "an image");
        goto cleanup;
    }
    g_opj.set_defaults(&parameters);
    g_opj.set_error_handler(codec, complain, &m);
    g_opj.set_read(stream, mem_read);
    g_opj.set_skip(stream, mem_skip);
    g_opj.set_seek(stream, mem_seek);
    g_opj.set_user_data(stream, &m, NULL);
    g_opj.set_user_data_length(stream, size);
    if (!g_opj.setup(codec, &parameters) || !g_opj.read_header(stream, codec, &image)) {
        status = fail(&m, error);
        goto cleanup;
    }
    HONE_CHECK(check_size(image, error));
    if (!g_opj.decode(codec, stream, image) || !g_opj.end(codec, stream)) {
        status = fail(&m, error);
        goto cleanup;
    }
    status = convert(image, out, error);
cleanup:
    if (image)
        g_opj.image_destroy(image);
    if (stream)
        g_opj.stream_destroy(stream);
    if (codec)
        g_opj.destroy_codec(codec);
    return status;
}
