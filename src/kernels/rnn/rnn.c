/* The table of recurrent cell rows, from plain C upwards, and its lookup. */
#include "kernels/rnn/rnn.h"

static const hone_rnn_row *const rows[] = {
    &hone_rnn_row__generic,
#if defined(__x86_64__)
    &hone_rnn_row__avx2,
    &hone_rnn_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_rnn_row *const *hone_rnn_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_rnn_row *hone_rnn_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}
