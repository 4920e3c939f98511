/* The table of rotary embeddings, from plain C upwards, and its lookup; see rotary.h. */
#include "kernels/eltwise/rotary.h"

static const hone_rotary_row *const rows[] = {
    &hone_rotary_row__generic,
#if defined(__x86_64__)
    &hone_rotary_row__avx2,
    &hone_rotary_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_rotary_row *const *hone_rotary_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_rotary_row *hone_rotary_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}
