/* JPEG by libjpeg (libjpeg-turbo): gray, colour, and CMYK as Adobe's programs write it. Chroma is upsampled by its
 * triangle filter ("fancy upsampling"), which is what ImageDecoder's specification describes. */
#include "image/image.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#if JPEG_LIB_VERSION >= 80
#define LIBRARY "libjpeg.so.8"
#else
#define LIBRARY "libjpeg.so.62"
#endif

static struct {
    __typeof__(jpeg_std_error) *std_error;
    __typeof__(jpeg_CreateDecompress) *create;
    __typeof__(jpeg_mem_src) *mem_src;
    __typeof__(jpeg_read_header) *read_header;
    __typeof__(jpeg_start_decompress) *start;
    __typeof__(jpeg_read_scanlines) *read_scanlines;
    __typeof__(jpeg_finish_decompress) *finish;
    __typeof__(jpeg_destroy_decompress) *destroy;
} g_jpeg;
static const char *const g_names[] = {"jpeg_std_error",         "jpeg_CreateDecompress",  "jpeg_mem_src",
                                      "jpeg_read_header",       "jpeg_start_decompress",  "jpeg_read_scanlines",
                                      "jpeg_finish_decompress", "jpeg_destroy_decompress"};
static hone__image_library g_library = {LIBRARY, g_names, sizeof g_names / sizeof *g_names, (void **)&g_jpeg, 0};
_Static_assert(sizeof g_jpeg == sizeof g_names, "one pointer per name");

typedef struct failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands back a pointer to it */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
} failure;

static void fail(j_common_ptr info) {
    failure *f = (failure *)info->err;
    info->err->format_message(info, f->message);
    longjmp(f->jump, 1);
}

static void be_silent(j_common_ptr info) { (void)info; }

/* Progressive files may repeat the whole image in every scan; no encoder writes this many. */
enum { MAX_SCANS = 200 };
static void count_scans(j_common_ptr info) {
    const struct jpeg_decompress_struct *d = (const struct jpeg_decompress_struct *)info;
    failure *f = (failure *)info->err;
    if (info->is_decompressor && d->input_scan_number > MAX_SCANS) {
        strcpy(f->message, "it has too many scans");
        longjmp(f->jump, 1);
    }
}

/* Four channels to three; Adobe's files hold them inverted. */
static void from_cmyk(const uint8_t *line, uint8_t *to, int64_t width, bool is_inverted) {
    for (int64_t x = 0; x < width; x++) {
        unsigned k = is_inverted ? line[4 * x + 3] : 255u - line[4 * x + 3];
        for (int c = 0; c < 3; c++) {
            unsigned v = is_inverted ? line[4 * x + c] : 255u - line[4 * x + c];
            to[3 * x + c] = (uint8_t)((v * k + 127) / 255);
        }
    }
}

static hone_status read_lines(struct jpeg_decompress_struct *info, bool is_cmyk, uint8_t *buffer, hone__picture *out) {
    size_t stride = (size_t)out->width * (size_t)out->channels;
    while (info->output_scanline < info->output_height) {
        uint8_t *to = out->pixels + info->output_scanline * stride;
        JSAMPROW line = is_cmyk ? buffer : to;
        g_jpeg.read_scanlines(info, &line, 1);
        if (is_cmyk)
            from_cmyk(buffer, to, out->width, info->saw_Adobe_marker);
    }
    return HONE_OK;
}

hone_status hone__jpeg_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress = {.progress_monitor = count_scans};
    failure f = {0};
    hone_status status;
    HONE_TRY(hone__image_library_open(&g_library, error));
    memset(&info, 0, sizeof info);
    info.err = g_jpeg.std_error(&f.manager);
    f.manager.error_exit = fail;
    f.manager.output_message = be_silent;
    if (setjmp(f.jump)) {
        g_jpeg.destroy(&info);
        return hone__picture_fail(error, f.message);
    }
    g_jpeg.create(&info, JPEG_LIB_VERSION, sizeof info);
    info.progress = &progress;
    g_jpeg.mem_src(&info, size ? data : (const uint8_t *)"\xff\xd9", size ? size : 2);
    g_jpeg.read_header(&info, TRUE);
    bool is_cmyk = info.num_components == 4, is_gray = info.num_components == 1;
    info.out_color_space = is_cmyk ? JCS_CMYK : is_gray ? JCS_GRAYSCALE : JCS_RGB;
    info.mem->max_memory_to_use = 1L << 30;
    if (info.image_width > HONE__IMAGE_SIDE || info.image_height > HONE__IMAGE_SIDE) {
        g_jpeg.destroy(&info);
        return hone__picture_alloc(out, info.image_width, info.image_height, 1, error);
    }
    g_jpeg.start(&info);
    status = hone__picture_alloc(out, info.output_width, info.output_height, is_gray ? 1 : 3, error);
    if (status == HONE_OK) {
        uint8_t *buffer =
            (*info.mem->alloc_large)((j_common_ptr)&info, JPOOL_IMAGE, (size_t)info.output_width * 4); /* info's */
        read_lines(&info, is_cmyk, buffer, out);
        if (f.manager.num_warnings) /* cut off or damaged: libjpeg fills up with gray */
            status = hone__picture_fail(error, "its data are damaged or cut off");
        else
            g_jpeg.finish(&info);
    }
    g_jpeg.destroy(&info);
    return status;
}
