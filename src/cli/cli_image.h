/* Images as inputs: decoded (<hone/image.h>), resized and normalised into a tensor. */
#ifndef HONE_CLI_CLI_IMAGE_H
#define HONE_CLI_CLI_IMAGE_H

#include <hone/hone.h>

typedef enum hone__image_layout { HONE_IMAGE_AUTO, HONE_IMAGE_NCHW, HONE_IMAGE_NHWC } hone__image_layout;

/* How pixels (0..255) become values: (pixel / 255 * range - mean) / std, per channel. */
typedef struct hone__image_options {
    int64_t width, height; /* 0: the model's, or else the image's own */
    double mean[3], std[3], range;
    hone__image_layout layout; /* AUTO: from the input's shape */
    bool is_bgr;
    bool is_normalised; /* mean, std or range was given */
} hone__image_options;

bool hone__image_is_path(const char *path); /* by its ending: .png, .jpg, .bmp, ... */

/* Reads an image into a tensor for the model's input: its dtype, layout, channels (1 or 3) and size.
 * Floating-point inputs get normalised values, uint8 inputs the pixels. */
hone_status hone__image_read(const char *path, const hone_value_info *input, const hone__image_options *options,
                             hone_tensor **out, hone_error *error);

/* Resizes [height, width, channels] of floats, bilinear with half-pixel centres; when shrinking, the triangle
 * widens with the ratio, so that every pixel counts (as Pillow's BILINEAR does). */
hone_status hone__image_resize(const float *from, int64_t width, int64_t height, int channels, int64_t new_width,
                               int64_t new_height, float *to, hone_error *error);

#endif
