/* Made-up inputs; see bench_inputs.h. */
#include "bench_inputs.h"

#include <stdlib.h>
#include <string.h>

void bench_dims_set(bench_dims *dims, const char *text) {
    if (!strchr(text, '='))
        dims->unknown = atoll(text);
    else if (dims->n_symbols < BENCH_MAX_SYMBOLS)
        dims->symbols[dims->n_symbols++] = text;
}

static int64_t size_of(const hone_dim_info *dim, const bench_dims *dims) {
    const size_t length = strlen(dim->symbol);
    for (int i = 0; i < dims->n_symbols && length; i++)
        if (strncmp(dims->symbols[i], dim->symbol, length) == 0 && dims->symbols[i][length] == '=')
            return atoll(dims->symbols[i] + length + 1);
    return dims->unknown;
}

hone_status bench_make_input(const hone_value_info *info, const bench_dims *dims, hone_tensor **out,
                             hone_error *error) {
    int64_t sizes[HONE_MAX_RANK];
    for (int i = 0; i < info->rank; i++)
        sizes[i] = info->dims[i].value < 0 ? size_of(&info->dims[i], dims) : info->dims[i].value;
    const hone_status status = hone_tensor_create(info->dtype, info->rank, sizes, out, error);
    if (status != HONE_OK)
        return status;
    for (int64_t i = 0; i < hone_tensor_count(*out); i++) {
        if (info->dtype == HONE_DTYPE_FLOAT)
            ((float *)hone_tensor_data(*out))[i] = (float)((i * 7919) % 1000) / 500.0f - 1.0f;
        else if (info->dtype == HONE_DTYPE_INT64)
            ((int64_t *)hone_tensor_data(*out))[i] = i % 7 != 0;
    }
    return HONE_OK;
}
