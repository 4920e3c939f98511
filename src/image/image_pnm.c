/* Portable images: PBM, PGM, PPM in plain text and in bytes (P1 to P6), and PAM (P7). Source: netpbm's manual pages
 * pbm(5), pgm(5), ppm(5), pam(5). */
#include "image/image.h"

#include "base/error.h"

#include <string.h>

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* White space and comments up to the next token. */
static void skip_space(reader *r) {
    while (r->at < r->end && (is_space(*r->at) || *r->at == '#'))
        if (*r->at++ == '#')
            while (r->at < r->end && r->at[-1] != '\n')
                r->at++;
}

static bool read_number(reader *r, uint32_t limit, uint32_t *out) {
    skip_space(r);
    uint64_t v = 0;
    const uint8_t *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        v = v * 10 + (uint64_t)(*r->at - '0');
        if (v > limit)
            return false;
    }
    *out = (uint32_t)v;
    return r->at > first;
}

typedef struct header {
    uint32_t width, height, max;
    uint32_t samples; /* per pixel in the file */
    bool is_text, is_bits;
} header;

/* A word of a PAM header; cut when longer than the buffer. */
static void read_word(reader *r, char *word, size_t size) {
    size_t n = 0;
    skip_space(r);
    for (; r->at < r->end && !is_space(*r->at); r->at++)
        if (n + 1 < size)
            word[n++] = (char)*r->at;
    word[n] = '\0';
}

static bool read_pam(reader *r, header *h) {
    for (int lines = 0; lines < 64; lines++) {
        char word[32];
        read_word(r, word, sizeof word);
        if (strcmp(word, "ENDHDR") == 0) {
            while (r->at < r->end && *r->at != '\n')
                r->at++;
            r->at += r->at < r->end;
            return h->width && h->height && h->max && h->samples;
        }
        uint32_t *number = strcmp(word, "WIDTH") == 0    ? &h->width
                           : strcmp(word, "HEIGHT") == 0 ? &h->height
                           : strcmp(word, "DEPTH") == 0  ? &h->samples
                           : strcmp(word, "MAXVAL") == 0 ? &h->max
                                                         : NULL;
        if (number ? !read_number(r, 1u << 30, number) : strcmp(word, "TUPLTYPE") != 0)
            return false;
        if (!number)
            read_word(r, word, sizeof word);
    }
    return false;
}

static bool read_header(reader *r, int kind, header *h) {
    *h = (header){.samples = kind == 3 || kind == 6 ? 3 : 1, .is_text = kind <= 3, .max = 1};
    if (kind == 7) {
        h->max = h->samples = 0;
        return read_pam(r, h) && h->samples <= 4 && h->max <= 65535;
    }
    h->is_bits = kind == 4;
    if (!read_number(r, 1u << 30, &h->width) || !read_number(r, 1u << 30, &h->height))
        return false;
    if (kind != 1 && kind != 4 && (!read_number(r, 65535, &h->max) || h->max == 0))
        return false;
    if (kind > 3) { /* a single white space stands before the samples */
        if (r->at >= r->end || !is_space(*r->at))
            return false;
        r->at++;
    }
    return true;
}

/* A sample in text; the digits of PBM need no space between them. */
static bool read_text(reader *r, const header *h, uint32_t *v) {
    if (h->max > 1 || h->samples > 1)
        return read_number(r, h->max, v);
    skip_space(r);
    if (r->at >= r->end || (*r->at != '0' && *r->at != '1'))
        return false;
    *v = *r->at++ == '0';
    return true;
}

static uint8_t scale(uint32_t v, uint32_t max) {
    v = v > max ? max : v;
    return (uint8_t)(max == 255 ? v : (v * 255u + max / 2) / max);
}

static hone_status read_samples(reader *r, const header *h, bool is_pbm_text, hone__picture *out, hone_error *error) {
    uint64_t width = h->width, wide = h->max > 255 ? 2 : 1;
    uint64_t line = h->is_bits ? (width + 7) / 8 : width * h->samples * wide;
    if (!h->is_text && (uint64_t)(r->end - r->at) / line < h->height)
        return hone__picture_fail(error, "it is cut off");
    if (h->is_text && (uint64_t)(r->end - r->at) < width * h->height * h->samples)
        return hone__picture_fail(error, "it is cut off");
    HONE_TRY(hone__picture_alloc(out, h->width, h->height, h->samples >= 3 ? 3 : 1, error));
    uint8_t *to = out->pixels;
    for (uint32_t y = 0; y < h->height; y++, r->at += h->is_text ? 0 : line)
        for (uint32_t x = 0; x < h->width; x++)
            for (uint32_t c = 0; c < h->samples; c++) {
                uint32_t v = 0;
                uint64_t i = (uint64_t)x * h->samples + c;
                if (h->is_bits)
                    v = !(r->at[x / 8] >> (7 - x % 8) & 1);
                else if (!h->is_text)
                    v = wide == 2 ? (uint32_t)r->at[2 * i] << 8 | r->at[2 * i + 1] : r->at[i];
                else if (is_pbm_text ? !read_text(r, h, &v) : !read_number(r, h->max, &v))
                    return hone__picture_fail(error, "a sample is missing or too large");
                if (c < (uint32_t)out->channels) /* what follows is transparency */
                    *to++ = scale(v, h->max);
            }
    return HONE_OK;
}

hone_status hone__pnm_decode(const uint8_t *data, size_t size, hone__picture *out, hone_error *error) {
    header h;
    if (size < 3)
        return hone__picture_fail(error, "it is cut off");
    reader r = {data + 2, data + size};
    int kind = data[1] - '0';
    if (!read_header(&r, kind, &h))
        return hone__picture_fail(error, "its PNM header is damaged");
    if (h.width == 0 || h.height == 0)
        return hone__picture_fail(error, "it has no pixels");
    return read_samples(&r, &h, kind == 1, out, error);
}
