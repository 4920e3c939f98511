/* Numpy broadcasting turned into runs; see cpu_broadcast.h. */
#include "exec/cpu/cpu_broadcast.h"

#include <string.h>

/* Stride per output dim of a contiguous input, 0 where it is broadcast. */
static bool input_strides(const hone_tensor *out, const hone_tensor *in, int64_t *strides) {
    int64_t step = 1;
    if (in->rank > out->rank) {
        for (int i = 0; i < in->rank - out->rank; i++)
            if (in->dims[i] != 1)
                return false;
    }
    for (int i = out->rank - 1; i >= 0; i--) {
        const int j = i - (out->rank - in->rank);
        const int64_t dim = j >= 0 ? in->dims[j] : 1;
        if (dim != 1 && dim != out->dims[i])
            return false;
        strides[i] = dim == 1 ? 0 : step;
        step *= dim;
    }
    return true;
}

bool hone__broadcast_make(hone__broadcast *b, const hone_tensor *out, const hone_tensor *const *in, int n_in) {
    int64_t strides[HONE_BROADCAST_INPUTS][HONE_MAX_RANK] = {{0}};
    memset(b, 0, sizeof *b);
    b->n_in = n_in;
    for (int k = 0; k < n_in; k++)
        if (in[k] && !input_strides(out, in[k], strides[k]))
            return false;
    /* Merge from the left: dim i joins the previous one when every input walks both as one. */
    int rank = 0;
    for (int i = 0; i < out->rank; i++) {
        if (out->dims[i] == 1)
            continue;
        bool joins = rank > 0;
        for (int k = 0; joins && k < n_in; k++)
            joins = b->strides[k][rank - 1] == strides[k][i] * out->dims[i];
        if (!joins) {
            rank++;
            b->dims[rank - 1] = 1;
        }
        b->dims[rank - 1] *= out->dims[i];
        for (int k = 0; k < n_in; k++)
            b->strides[k][rank - 1] = strides[k][i];
    }
    b->inner = 1;
    if (rank > 0) { /* the last merged dim becomes the run; its strides can only be 0 or 1 */
        rank--;
        b->inner = b->dims[rank];
        for (int k = 0; k < n_in; k++)
            b->step[k] = (uint8_t)b->strides[k][rank];
    }
    b->rank = rank;
    b->rows = 1;
    for (int i = 0; i < rank; i++)
        b->rows *= b->dims[i];
    return true;
}

void hone__broadcast_seek(const hone__broadcast *b, int64_t element, hone__broadcast_pos *pos) {
    memset(pos, 0, sizeof *pos);
    if (b->inner == 0)
        return;
    int64_t row = element / b->inner;
    pos->column = element % b->inner;
    for (int i = b->rank - 1; i >= 0; i--) {
        pos->index[i] = row % b->dims[i];
        row /= b->dims[i];
        for (int k = 0; k < b->n_in; k++)
            pos->offset[k] += pos->index[i] * b->strides[k][i];
    }
}

void hone__broadcast_next(const hone__broadcast *b, hone__broadcast_pos *pos) {
    pos->column = 0;
    for (int i = b->rank - 1; i >= 0; i--) {
        for (int k = 0; k < b->n_in; k++)
            pos->offset[k] += b->strides[k][i];
        if (++pos->index[i] < b->dims[i])
            return;
        for (int k = 0; k < b->n_in; k++)
            pos->offset[k] -= b->dims[i] * b->strides[k][i];
        pos->index[i] = 0;
    }
}
