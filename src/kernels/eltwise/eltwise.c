/* The table of elementwise rows, from plain C upwards, and its lookup. */
#include "kernels/eltwise/eltwise.h"

static const hone_eltwise_row *const rows[] = {
    &hone_eltwise_row__generic,
#if defined(__x86_64__)
    &hone_eltwise_row__avx2,
    &hone_eltwise_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_eltwise_row *const *hone_eltwise_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_eltwise_row *hone_eltwise_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--; /* row 0 needs nothing */
    return rows[i];
}

const char *hone_unary_name(hone_unary_kind kind) {
    static const char *const names[] = {
#define NAME(NAME, name) #name,
        HONE_UNARY_TABLE(NAME)
#undef NAME
    };
    return names[kind];
}

const char *hone_binary_name(hone_binary_kind kind) {
    static const char *const names[] = {
#define NAME(NAME, name) #name,
        HONE_BINARY_TABLE(NAME)
#undef NAME
    };
    return names[kind];
}
