/* Images as inputs; see cli_image.h. */
#include "cli/cli_image.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/half.h"
#include "base/mapping.h"
#include "base/tensor.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include <hone/image.h>

/* Decoded pixels, [height, width, channels]. */
typedef struct picture {
    int64_t width, height;
    int channels; /* 1 or 3 */
    const unsigned char *pixels;
    hone_tensor *tensor; /* that holds them */
} picture;

static hone_status fail_image(const char *path, hone_error *error, const char *what) {
    hone__fail(error, HONE_ERROR_CONFIG, "\"%s\" cannot be read as an image: %s", path, what);
    hone__error_file(error, path, -1);
    hone__error_hint(error, "give an intact image file");
    return HONE_ERROR_CONFIG;
}

bool hone__image_is_path(const char *path) {
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff",
                                          ".jp2", ".j2k", ".pbm",  ".pgm", ".ppm",  ".pnm", ".pam"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

/* Gray inputs take luma of colours in full precision, not rounded to eight bits. */
static hone_status decode(const char *path, picture *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    hone__mapping file;
    HONE_TRY(hone__mapping_open(path, &file, error));
    hone_status status = hone_image_decode(file.data, file.size, HONE_PIXEL_NATIVE, &out->tensor, error);
    hone__mapping_close(&file);
    if (status != HONE_OK) {
        hone__error_file(error, path, -1);
        return status;
    }
    const int64_t *dims = hone_tensor_dims(out->tensor);
    *out = (picture){dims[1], dims[0], (int)dims[2], hone_tensor_data_const(out->tensor), out->tensor};
    return HONE_OK;
}

/* The pixels that one output pixel is made of, along one axis: [begin, begin + n) and their weights. */
typedef struct taps {
    int64_t begin, n;
} taps;

/* Fills weights[new_size * max_taps]; returns max_taps, or 0 when out of memory. */
static int64_t make_taps(int64_t size, int64_t new_size, taps **out_taps, float **out_weights) {
    double ratio = (double)size / (double)new_size, support = ratio > 1 ? ratio : 1;
    int64_t max_taps = (int64_t)ceil(support) * 2 + 1;
    *out_taps = hone__calloc((size_t)new_size, sizeof **out_taps);
    *out_weights = hone__calloc((size_t)new_size * (size_t)max_taps, sizeof **out_weights);
    if (!*out_taps || !*out_weights)
        return 0;
    for (int64_t i = 0; i < new_size; i++) {
        double center = ((double)i + 0.5) * ratio, sum = 0;
        int64_t begin = (int64_t)(center - support + 0.5), end = (int64_t)(center + support + 0.5);
        begin = begin < 0 ? 0 : begin;
        end = end > size ? size : end;
        float *w = *out_weights + i * max_taps;
        for (int64_t k = begin; k < end; k++) {
            double distance = fabs(((double)k + 0.5 - center) / support);
            w[k - begin] = distance < 1 ? (float)(1 - distance) : 0;
            sum += w[k - begin];
        }
        for (int64_t k = 0; k < end - begin && sum > 0; k++)
            w[k] = (float)(w[k] / sum);
        (*out_taps)[i].begin = begin;
        (*out_taps)[i].n = end - begin;
    }
    return max_taps;
}

hone_status hone__image_resize(const float *from, int64_t width, int64_t height, int channels, int64_t new_width,
                               int64_t new_height, float *to, hone_error *error) {
    taps *columns = NULL, *rows = NULL;
    float *column_weights = NULL, *row_weights = NULL;
    float *middle = hone__calloc((size_t)height * (size_t)new_width, (size_t)channels * sizeof *middle);
    int64_t n_columns = make_taps(width, new_width, &columns, &column_weights);
    int64_t n_rows = make_taps(height, new_height, &rows, &row_weights);
    hone_status status = HONE_OK;
    if (!middle || !n_columns || !n_rows) {
        status = hone__fail_memory(error, "resizing an image");
        goto cleanup;
    }
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < new_width; x++)
            for (int c = 0; c < channels; c++) {
                float sum = 0;
                for (int64_t k = 0; k < columns[x].n; k++)
                    sum += column_weights[x * n_columns + k] * from[(y * width + columns[x].begin + k) * channels + c];
                middle[(y * new_width + x) * channels + c] = sum;
            }
    int64_t line = new_width * channels;
    for (int64_t y = 0; y < new_height; y++)
        for (int64_t x = 0; x < line; x++) {
            float sum = 0;
            for (int64_t k = 0; k < rows[y].n; k++)
                sum += row_weights[y * n_rows + k] * middle[(rows[y].begin + k) * line + x];
            to[y * line + x] = sum;
        }
cleanup:
    hone__free(middle);
    hone__free(columns);
    hone__free(rows);
    hone__free(column_weights);
    hone__free(row_weights);
    return status;
}

/* What the input's shape says about images. */
typedef struct placement {
    bool is_nhwc;
    int channels;
    int height_dim, width_dim, channel_dim; /* channel_dim -1: none */
} placement;

static bool is_channels(const hone_dim_info *dim) { return dim->value == 1 || dim->value == 3; }

static hone_status place(const hone_value_info *input, const hone__image_options *options, placement *out,
                         hone_error *error) {
    int rank = input->rank, first = rank == 4 ? 1 : 0;
    if (rank < 2 || rank > 4 || input->kind != HONE_KIND_TENSOR) {
        hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" cannot take an image: its rank is %d", input->name, rank);
        hone__error_hint(error, "images fit inputs of the form NCHW, NHWC, CHW, HWC or HW; give a .npy file instead");
        return HONE_ERROR_SHAPE;
    }
    if (rank == 2) {
        *out = (placement){true, 1, 0, 1, -1};
        return HONE_OK;
    }
    const hone_dim_info *dims = input->dims;
    out->is_nhwc = options->layout == HONE_IMAGE_NHWC ||
                   (options->layout == HONE_IMAGE_AUTO && !is_channels(&dims[first]) && is_channels(&dims[rank - 1]));
    out->channel_dim = out->is_nhwc ? rank - 1 : first;
    out->height_dim = out->is_nhwc ? first : first + 1;
    out->width_dim = out->height_dim + 1;
    int64_t channels = dims[out->channel_dim].value;
    if (channels != 1 && channels != 3 && channels != -1) {
        hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" has %lld channels, images have 1 or 3", input->name,
                   (long long)channels);
        hone__error_hint(error, "choose --layout nchw or nhwc, or give a .npy file");
        return HONE_ERROR_SHAPE;
    }
    out->channels = channels == 1 ? 1 : 3;
    if (rank == 4 && dims[0].value > 1) {
        hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" wants a batch of %lld, an image is one", input->name,
                   (long long)dims[0].value);
        hone__error_hint(error, "give a .npy file with the whole batch");
        return HONE_ERROR_SHAPE;
    }
    return HONE_OK;
}

static hone_status fit_side(const hone_value_info *input, int dim, const char *side, int64_t asked, int64_t own,
                            int64_t *out, hone_error *error) {
    int64_t fixed = input->dims[dim].value;
    if (fixed >= 0 && asked && asked != fixed) {
        hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" has a %s of %lld pixels, --image-size says %lld", input->name,
                   side, (long long)fixed, (long long)asked);
        hone__error_hint(error, "leave --image-size out: the model's own size is used");
        return HONE_ERROR_SHAPE;
    }
    *out = fixed > 0 ? fixed : asked ? asked : own;
    return HONE_OK;
}

static void store(void *data, hone_dtype dtype, int64_t index, double value) {
    switch (dtype) {
    case HONE_DTYPE_FLOAT:
        ((float *)data)[index] = (float)value;
        break;
    case HONE_DTYPE_DOUBLE:
        ((double *)data)[index] = value;
        break;
    case HONE_DTYPE_FLOAT16:
        ((uint16_t *)data)[index] = hone__f32_to_f16((float)value);
        break;
    case HONE_DTYPE_BFLOAT16:
        ((uint16_t *)data)[index] = hone__f32_to_bf16((float)value);
        break;
    default: /* uint8 */
        value = value < 0 ? 0 : value > 255 ? 255 : value;
        ((uint8_t *)data)[index] = (uint8_t)(value + 0.5);
        break;
    }
}

/* Pixels of the right size, [height, width, channels], to the tensor's order and values. */
static void fill(const float *pixels, const picture *p, int64_t width, int64_t height, const placement *where,
                 const hone__image_options *options, hone_tensor *tensor) {
    hone_dtype dtype = hone_tensor_dtype(tensor);
    void *data = hone_tensor_data(tensor);
    int64_t area = width * height;
    for (int64_t i = 0; i < area; i++)
        for (int c = 0; c < where->channels; c++) {
            int source = options->is_bgr ? where->channels - 1 - c : c;
            const float *at = pixels + i * p->channels;
            double v = p->channels == where->channels ? at[source]
                       /* ITU-R BT.601 luma */
                       : where->channels == 1 ? 0.299 * at[0] + 0.587 * at[1] + 0.114 * at[2]
                                              : at[0];
            if (dtype != HONE_DTYPE_UINT8)
                v = (v / 255 * options->range - options->mean[c]) / options->std[c];
            store(data, dtype, where->is_nhwc ? i * where->channels + c : c * area + i, v);
        }
}

hone_status hone__image_read(const char *path, const hone_value_info *input, const hone__image_options *options,
                             hone_tensor **out, hone_error *error) {
    *out = NULL;
    placement where;
    picture p;
    float *pixels = NULL, *resized = NULL;
    int64_t width, height, dims[4];
    HONE_TRY(place(input, options, &where, error));
    bool is_float = input->dtype == HONE_DTYPE_FLOAT || input->dtype == HONE_DTYPE_DOUBLE ||
                    input->dtype == HONE_DTYPE_FLOAT16 || input->dtype == HONE_DTYPE_BFLOAT16;
    if (!is_float && (input->dtype != HONE_DTYPE_UINT8 || options->is_normalised)) {
        hone__fail(error, HONE_ERROR_TYPE, "input \"%s\" is %s: %s", input->name, hone_dtype_name(input->dtype),
                   input->dtype == HONE_DTYPE_UINT8
                       ? "it takes pixels as they are, without --mean, --std or --image-range"
                       : "images fit floating-point and uint8 inputs");
        hone__error_hint(error, input->dtype == HONE_DTYPE_UINT8 ? "leave these options out" : "give a .npy file");
        return HONE_ERROR_TYPE;
    }
    HONE_TRY(decode(path, &p, error));
    hone_status status = fit_side(input, where.width_dim, "width", options->width, p.width, &width, error);
    if (status == HONE_OK)
        status = fit_side(input, where.height_dim, "height", options->height, p.height, &height, error);
    if (status != HONE_OK)
        goto cleanup;
    size_t n = (size_t)(p.width * p.height * p.channels), bytes;
    if (!hone__shape_size(HONE_DTYPE_FLOAT, (int64_t[]){height, width, p.channels}, 3, &bytes)) {
        status = fail_image(path, error, "the size asked for is too large");
        goto cleanup;
    }
    pixels = hone__malloc(n * sizeof *pixels);
    resized = hone__malloc(bytes);
    if (!pixels || !resized) {
        status = hone__fail_memory(error, "an image");
        goto cleanup;
    }
    for (size_t i = 0; i < n; i++)
        pixels[i] = p.pixels[i];
    bool is_same = p.width == width && p.height == height;
    if (!is_same)
        HONE_CHECK(hone__image_resize(pixels, p.width, p.height, p.channels, width, height, resized, error));
    dims[0] = 1;
    dims[input->rank == 4 ? 1 : 0] = 1;
    if (where.channel_dim >= 0)
        dims[where.channel_dim] = where.channels;
    dims[where.height_dim] = height;
    dims[where.width_dim] = width;
    HONE_CHECK(hone_tensor_create(input->dtype, input->rank, dims, out, error));
    fill(is_same ? pixels : resized, &p, width, height, &where, options, *out);
cleanup:
    hone_tensor_destroy(p.tensor);
    hone__free(pixels);
    hone__free(resized);
    return status;
}
