/* The table of reduction rows, from plain C upwards, its lookup, and what needs no vectors. */
#include "kernels/reduce/reduce.h"

#include <math.h>

static const hone_reduce_row *const rows[] = {
    &hone_reduce_row__generic,
#if defined(__x86_64__)
    &hone_reduce_row__avx2,
    &hone_reduce_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_reduce_row *const *hone_reduce_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_reduce_row *hone_reduce_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}

float hone_reduce_empty(hone_reduce_kind kind) {
    static const float values[] = {
#define VALUE(NAME, name, empty) empty,
        HONE_REDUCE_TABLE(VALUE)
#undef VALUE
    };
    return values[kind];
}

const char *hone_reduce_name(hone_reduce_kind kind) {
    static const char *const names[] = {
#define NAME(NAME, name, empty) #name,
        HONE_REDUCE_TABLE(NAME)
#undef NAME
    };
    return names[kind];
}

void hone_f32_argmax_columns(const float *x, size_t n, size_t stride, size_t width, bool last, int64_t *index) {
    enum { BLOCK = 64 };
    float best[BLOCK];
    for (size_t begin = 0; begin < width; begin += BLOCK) {
        const size_t w = width - begin < BLOCK ? width - begin : BLOCK;
        for (size_t j = 0; j < w; j++) {
            best[j] = x[begin + j];
            index[begin + j] = 0;
        }
        for (size_t i = 1; i < n; i++) {
            const float *row = x + i * stride + begin;
            for (size_t j = 0; j < w; j++) {
                const bool takes = best[j] == best[j] && (row[j] > best[j] || row[j] != row[j] ||
                                                          (last && row[j] == best[j])); /* a NaN stays */
                best[j] = takes ? row[j] : best[j];
                index[begin + j] = takes ? (int64_t)i : index[begin + j];
            }
        }
    }
}
