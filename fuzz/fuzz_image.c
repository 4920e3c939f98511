/* Fuzz target of the image decoders: whatever bytes claim to be an image, decoding ends in pixels of a sane size or in
 * an error. Build with -Dfuzz=true and clang; the committed corpus is replayed by the tests (replay_main.c). */
#include "cpu_limit.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_limit_cpu();
    hone_error error;
    hone_tensor *image;
    if (size < 1)
        return 0;
    hone_pixel_format format = (hone_pixel_format)(data[0] % 4);
    if (hone_image_decode(data + 1, size - 1, format, &image, &error) != HONE_OK)
        return 0;
    const int64_t *dims = hone_tensor_dims(image);
    uint64_t sum = 0;
    const uint8_t *pixels = hone_tensor_data_const(image);
    /* A few bytes may stand for a large image: both ends and what lies between are there to be read. */
    const int64_t n = hone_tensor_count(image), step = 1 + n / 1000003;
    for (int64_t i = 0; i < n; i += step)
        sum += pixels[i] + pixels[n - 1 - i];
    if (dims[0] < 1 || dims[1] < 1 || (dims[2] != 1 && dims[2] != 3) || sum > UINT64_MAX / 2)
        abort();
    hone_tensor_destroy(image);
    return 0;
}
