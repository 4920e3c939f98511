/* The table of pooling rows, from plain C upwards, and its lookup. */
#include "kernels/pooling/pooling.h"

static const hone_pool_row *const rows[] = {
    &hone_pool_row__generic,
#if defined(__x86_64__)
    &hone_pool_row__avx2,
    &hone_pool_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_pool_row *const *hone_pool_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_pool_row *hone_pool_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}
