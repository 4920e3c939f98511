/* Windows bitmaps: 1, 2, 4, 8 bits with a palette, 16, 24 and 32 bits with masks, run-length encoded 4 and 8 bits;
 * OS/2's first header and all of Windows'. Source: Microsoft's documentation of BITMAPFILEHEADER, BITMAPINFOHEADER
 * and "Bitmap Compression". */
#include "image/image.h"

#include "base/error.h"

#include <string.h>

typedef struct bitmap {
    const uint8_t *data, *end;
    uint32_t width, height, bits, compression;
    bool is_top_down;
    uint32_t masks[3]; /* red, green, blue, for 16 and 32 bits */
    uint8_t palette[256][3];
    uint32_t n_colours;
    const uint8_t *rows;
} bitmap;

enum { BI_RGB, BI_RLE8, BI_RLE4, BI_BITFIELDS, BI_ALPHABITFIELDS = 6 };

static uint32_t le16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t le32(const uint8_t *p) { return le16(p) | le16(p + 2) << 16; }

static hone_status read_palette(bitmap *b, const uint8_t *at, uint32_t entry, hone_error *error) {
    uint32_t most = 1u << b->bits;
    b->n_colours = b->n_colours == 0 || b->n_colours > most ? most : b->n_colours;
    /* Files that promise more colours than they hold keep black for the rest. */
    for (uint32_t i = 0; i < b->n_colours && (size_t)(b->end - at) >= entry; i++, at += entry)
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = at[2 - c];
    return b->rows <= b->end ? HONE_OK : hone__picture_fail(error, "its pixels begin behind its end");
}

static hone_status read_header(bitmap *b, const uint8_t *data, size_t size, hone_error *error) {
    if (size < 26 || data[0] != 'B' || data[1] != 'M')
        return hone__picture_fail(error, "its BMP header is cut off");
    uint32_t offset = le32(data + 10), head = le32(data + 14);
    *b = (bitmap){.data = data, .end = data + size};
    if (offset > size || head > size - 14)
        return hone__picture_fail(error, "its BMP header is damaged");
    b->rows = data + offset;
    const uint8_t *after = data + 14 + head;
    if (head == 12) { /* OS/2 1.x */
        b->width = le16(data + 18);
        b->height = le16(data + 20);
        b->bits = le16(data + 24);
    } else if (head >= 40) {
        b->width = le32(data + 18);
        b->height = le32(data + 22);
        b->is_top_down = (b->height & 0x80000000u) != 0;
        b->height = b->is_top_down ? 0u - b->height : b->height;
        b->bits = le16(data + 28);
        b->compression = le32(data + 30);
        b->n_colours = le32(data + 46);
        bool has_masks = b->compression == BI_BITFIELDS || b->compression == BI_ALPHABITFIELDS;
        if (has_masks && size < 66)
            return hone__picture_fail(error, "its BMP header is cut off");
        for (int c = 0; has_masks && c < 3; c++) /* inside the header from its second version on, else behind it */
            b->masks[c] = le32(data + 54 + 4 * c);
        if (has_masks && head == 40)
            after += b->compression == BI_BITFIELDS ? 12 : 16;
        if (!has_masks && b->bits == 16)
            memcpy(b->masks, (uint32_t[3]){0x7C00, 0x03E0, 0x001F}, sizeof b->masks);
        if (!has_masks && b->bits == 32)
            memcpy(b->masks, (uint32_t[3]){0xFF0000, 0xFF00, 0xFF}, sizeof b->masks);
    } else {
        return hone__picture_fail(error, "its BMP header is of an unknown kind");
    }
    if (b->bits > 8)
        return HONE_OK;
    if (after > b->end)
        return hone__picture_fail(error, "its palette is cut off");
    return read_palette(b, after, head == 12 ? 3 : 4, error);
}

/* The bits under a mask, scaled to eight. */
static uint8_t masked(uint32_t pixel, uint32_t mask) {
    if (!mask)
        return 0;
    int shift = __builtin_ctz(mask);
    uint32_t most = mask >> shift, v = (pixel & mask) >> shift;
    return (uint8_t)(((uint64_t)v * 255 + most / 2) / most);
}

static uint8_t *row_of(const bitmap *b, hone__picture *out, uint32_t y) {
    return out->pixels + (size_t)(b->is_top_down ? y : b->height - 1 - y) * b->width * 3;
}

static hone_status read_rows(const bitmap *b, hone__picture *out, hone_error *error) {
    uint64_t line = ((uint64_t)b->width * b->bits + 31) / 32 * 4;
    if ((uint64_t)(b->end - b->rows) / line < b->height &&
        (uint64_t)(b->end - b->rows) < line * (b->height - 1) + ((uint64_t)b->width * b->bits + 7) / 8)
        return hone__picture_fail(error, "it is cut off");
    HONE_TRY(hone__picture_alloc(out, b->width, b->height, 3, error));
    for (uint32_t y = 0; y < b->height; y++) {
        const uint8_t *from = b->rows + line * y;
        uint8_t *to = row_of(b, out, y);
        for (uint32_t x = 0; x < b->width; x++, to += 3) {
            if (b->bits <= 8) {
                uint32_t per = 8 / b->bits;
                uint32_t v = (uint32_t)from[x / per] >> ((per - 1 - x % per) * b->bits) & ((1u << b->bits) - 1u);
                memcpy(to, b->palette[v], 3);
            } else if (b->bits == 24) {
                for (int c = 0; c < 3; c++)
                    to[c] = from[3 * (size_t)x + 2 - (size_t)c];
            } else {
                uint32_t v = b->bits == 16 ? le16(from + 2 * (size_t)x) : le32(from + 4 * (size_t)x);
                for (int c = 0; c < 3; c++)
                    to[c] = masked(v, b->masks[c]);
            }
        }
    }
    return HONE_OK;
}

/* Runs: (n, value) repeats; (0, 0) ends a line, (0, 1) the image, (0, 2) moves, (0, n) copies n values, padded to an
 * even number of bytes. Pixels that are never written have colour 0. */
static hone_status read_runs(const bitmap *b, hone__picture *out, hone_error *error) {
    /* Two bytes give at most 255 pixels: a small file cannot ask for much more than that. What moves and early ends
     * leave out is allowed for up to 2 million pixels. */
    if ((uint64_t)b->width * b->height / 255 > (uint64_t)(b->end - b->rows) + 8192)
        return hone__picture_fail(error, "it is cut off");
    HONE_TRY(hone__picture_alloc(out, b->width, b->height, 3, error));
    for (uint64_t i = 0; i < b->width; i++)
        memcpy(out->pixels + 3 * i, b->palette[0], 3);
    for (uint32_t y = 1; y < b->height; y++)
        memcpy(out->pixels + 3 * (size_t)b->width * y, out->pixels, 3 * (size_t)b->width);
    const uint8_t *p = b->rows;
    bool is_4 = b->bits == 4;
    uint32_t x = 0, y = 0;
    while (b->end - p >= 2 && y < b->height) {
        uint32_t n = p[0], code = p[1];
        p += 2;
        bool is_copy = n == 0 && code >= 3;
        if (n == 0 && code == 1)
            return HONE_OK;
        if (n == 0 && code == 0) {
            x = 0;
            y++;
            continue;
        }
        if (n == 0 && code == 2) {
            if (b->end - p < 2)
                break;
            x += p[0];
            y += p[1];
            p += 2;
            continue;
        }
        n = is_copy ? code : n;
        size_t bytes = is_copy ? (is_4 ? (n + 1) / 2 : n) : 0;
        if ((size_t)(b->end - p) < bytes)
            break;
        for (uint32_t i = 0; i < n && x < b->width; i++, x++) {
            uint32_t v = !is_copy ? code : is_4 ? p[i / 2] : p[i];
            v = is_4 ? (i % 2 ? v & 15 : v >> 4) : v;
            memcpy(row_of(b, out, y) + 3 * (size_t)x, b->palette[v], 3);
        }
        bytes += bytes % 2;
        p += bytes < (size_t)(b->end - p) ? bytes : (size_t)(b->end - p);
    }
    return y >= b->height ? HONE_OK : hone__picture_fail(error, "it is cut off");
}

hone_status hone__bmp_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    bitmap b;
    HONE_TRY(read_header(&b, data, size, error));
    bool is_plain = b.compression == BI_RGB && (b.bits == 1 || b.bits == 2 || b.bits == 4 || b.bits == 8 ||
                                                b.bits == 16 || b.bits == 24 || b.bits == 32);
    bool has_masks =
        (b.compression == BI_BITFIELDS || b.compression == BI_ALPHABITFIELDS) && (b.bits == 16 || b.bits == 32);
    bool has_runs =
        !b.is_top_down && ((b.compression == BI_RLE8 && b.bits == 8) || (b.compression == BI_RLE4 && b.bits == 4));
    if (b.width == 0 || b.height == 0 || b.width > INT32_MAX || b.height > INT32_MAX)
        return hone__picture_fail(error, "it has no pixels");
    if (is_plain || has_masks)
        return read_rows(&b, out, error);
    if (has_runs)
        return read_runs(&b, out, error);
    return hone__fail(error, HONE_ERROR_UNSUPPORTED,
                      "the image is a BMP of %u bits with compression %u, which is not supported", b.bits,
                      b.compression);
}
