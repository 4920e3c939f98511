/* The table of normalisation rows, from plain C upwards, and its lookup. */
#include "kernels/norm/norm.h"

static const hone_norm_row *const rows[] = {
    &hone_norm_row__generic,
#if defined(__x86_64__)
    &hone_norm_row__avx2,
    &hone_norm_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_norm_row *const *hone_norm_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_norm_row *hone_norm_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}
