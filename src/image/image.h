/* Decoders of image files, one file per format: bytes to pixels.
 *
 * Where it stands: ops/ (ImageDecoder) and the program (inputs of `hone run`) come here through <hone/image.h>. The
 * bytes are hostile: a decoder checks every size before it allocates or reads, and libraries of the system are told
 * their limits. Those libraries are opened at run time, so that the core needs none of them. */
#ifndef HONE_IMAGE_IMAGE_H
#define HONE_IMAGE_IMAGE_H

#include <hone/image.h>

/* Limits on what a file may ask for. */
enum { HONE__IMAGE_SIDE = 65535, HONE__IMAGE_PIXELS = 1 << 28 };

/* Decoded pixels, [height, width, channels]. */
typedef struct hone__picture {
    int64_t width, height;
    int channels; /* 1: gray; 3: red, green, blue */
    uint8_t *pixels;
} hone__picture;

/* A decoder fails with a message that follows "the image cannot be read: ". The pixels belong to the caller, on
 * failure too. */
typedef hone_status (*hone__image_decoder)(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__bmp_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__pnm_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__jpeg_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__jpeg2000_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__png_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__tiff_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);
hone_status hone__webp_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error);

/* Memory for the pixels of a size and a number of channels, after checking the limits. */
hone_status hone__picture_alloc(hone__picture *picture, uint64_t width, uint64_t height, int channels,
                                hone_error *error);
/* CONFIG with the reason. */
hone_status hone__picture_fail(hone_error *error, const char *what);

/* A library of the system and the functions taken from it. `state` is 0 before the first look, 1 found, 2 missing. */
typedef struct hone__image_library {
    const char *file; /* "libspng.so.0" */
    const char *const *names;
    size_t n_names;
    void **functions; /* [n_names], filled when all of them exist */
    int state;
} hone__image_library;
/* UNAVAILABLE, naming the library, when it or one of the functions is missing. Safe from all threads. */
hone_status hone__image_library_open(hone__image_library *library, hone_error *error);

#endif
