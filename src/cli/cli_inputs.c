/* Inputs for a run; see cli_inputs.h. */
#include "cli/cli_inputs.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/half.h"
#include "base/random.h"
#include "base/tensor.h"
#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Symbols settled by given shapes. */
typedef struct symbols {
    struct {
        const char *name;
        int64_t value;
    } items[64];
    size_t n;
} symbols;

static bool find_symbol(const symbols *known, const char *name, int64_t *out) {
    for (size_t i = 0; i < known->n; i++)
        if (!strcmp(known->items[i].name, name)) {
            *out = known->items[i].value;
            return true;
        }
    return false;
}

static hone_status fail_dim(const hone_value_info *input, int dim, int64_t given, hone_error *error) {
    hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\": dimension %d is fixed at %lld in the model, not %lld",
               input->name, dim, (long long)input->dims[dim].value, (long long)given);
    hone__error_hint(error, "give that value, or export the model with a dynamic dimension");
    return HONE_ERROR_SHAPE;
}

static const char *input_name(void *list, size_t index) { return hone_model_get_input(list, index)->name; }

static hone_status apply_text(const hone_model *model, const char *text, hone__input_shapes *out, symbols *known,
                              hone_error *error) {
    char name[256];
    hone_shape given;
    HONE_TRY(hone__cli_parse_shape(text, name, sizeof name, given.dims, HONE_MAX_RANK, &given.rank, error));
    for (size_t i = 0; i < out->n; i++) {
        const hone_value_info *input = hone_model_get_input(model, i);
        if (strcmp(input->name, name) != 0)
            continue;
        if (input->rank >= 0 && input->rank != given.rank) {
            hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" has rank %d in the model, the given shape has %d", name,
                       input->rank, given.rank);
            hone__error_hint(error, "hone inspect shows the inputs' shapes");
            return HONE_ERROR_SHAPE;
        }
        for (int d = 0; d < given.rank && input->rank >= 0; d++) {
            if (input->dims[d].value >= 0 && input->dims[d].value != given.dims[d])
                return fail_dim(input, d, given.dims[d], error);
            const char *symbol = input->dims[d].symbol;
            int64_t before;
            if (input->dims[d].value >= 0 || !symbol[0])
                continue;
            if (find_symbol(known, symbol, &before)) {
                HONE_FAIL_IF(before != given.dims[d], error, HONE_ERROR_SHAPE,
                             "the dimension \"%s\" was given as %lld and as %lld", symbol, (long long)before,
                             (long long)given.dims[d]);
            } else if (known->n < sizeof known->items / sizeof *known->items) {
                known->items[known->n].name = symbol;
                known->items[known->n++].value = given.dims[d];
            }
        }
        out->shapes[i].rank = given.rank;
        memcpy(out->shapes[i].dims, given.dims, sizeof given.dims);
        return HONE_OK;
    }
    hone__fail(error, HONE_ERROR_NOT_FOUND, "the model has no input \"%s\"", name);
    const char *near = out->n == 1 ? hone_model_get_input(model, 0)->name
                                   : hone__cli_nearest(name, input_name, (void *)(uintptr_t)model, out->n);
    if (near)
        hone__error_hint(error, "did you mean \"%s\"? hone inspect lists the inputs", near);
    else
        hone__error_hint(error, "hone inspect lists the inputs");
    return HONE_ERROR_NOT_FOUND;
}

/* The batch settles the first dimension of every input, by its symbol or, for a nameless one, alone. */
static hone_status apply_batch(const hone_model *model, int64_t batch, symbols *known, hone_error *error) {
    bool is_taken = false;
    for (size_t i = 0; i < hone_model_input_count(model); i++) {
        const hone_value_info *input = hone_model_get_input(model, i);
        if (input->rank < 1)
            continue;
        if (input->dims[0].value < 0) {
            int64_t before;
            const char *symbol = input->dims[0].symbol;
            is_taken = true;
            if (symbol[0] && !find_symbol(known, symbol, &before) &&
                known->n < sizeof known->items / sizeof *known->items) {
                known->items[known->n].name = symbol;
                known->items[known->n++].value = batch;
            }
        } else if (input->dims[0].value == batch) {
            is_taken = true;
        }
    }
    if (is_taken || batch == 1)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_SHAPE, "the model's batch is fixed, so it cannot run a batch of %lld",
               (long long)batch);
    hone__error_hint(error, "export the model with a dynamic batch dimension");
    return HONE_ERROR_SHAPE;
}

hone_status hone__inputs_resolve(const hone_model *model, const hone__cli_texts *texts, int64_t batch,
                                 hone__input_shapes *out, hone_error *error) {
    hone_status status = HONE_OK;
    symbols known = {.n = 0};
    out->n = hone_model_input_count(model);
    out->n_assumed = 0;
    out->shapes = hone__calloc(out->n ? out->n : 1, sizeof *out->shapes);
    if (!out->shapes)
        return hone__fail_memory(error, "input shapes");
    for (size_t i = 0; i < out->n; i++)
        out->shapes[i].rank = -1;
    for (size_t i = 0; texts && i < texts->n; i++)
        HONE_CHECK(apply_text(model, texts->items[i], out, &known, error));
    if (batch)
        HONE_CHECK(apply_batch(model, batch, &known, error));
    for (size_t i = 0; i < out->n; i++) {
        const hone_value_info *input = hone_model_get_input(model, i);
        hone_shape *shape = &out->shapes[i];
        shape->input = input->name;
        if (shape->rank >= 0)
            continue;
        shape->rank = input->rank < 0 ? 0 : input->rank;
        out->n_assumed += input->rank < 0 && input->kind == HONE_KIND_TENSOR;
        for (int d = 0; d < shape->rank; d++) {
            shape->dims[d] = input->dims[d].value;
            if (shape->dims[d] >= 0 || find_symbol(&known, input->dims[d].symbol, &shape->dims[d]))
                continue;
            shape->dims[d] = d == 0 && batch ? batch : 1;
            out->n_assumed += !(d == 0 && batch);
        }
    }
    return HONE_OK;
cleanup:
    hone__inputs_release(out);
    return status;
}

void hone__inputs_release(hone__input_shapes *shapes) {
    hone__free(shapes->shapes);
    shapes->shapes = NULL;
    shapes->n = 0;
}

/* ---- made-up data ---- */

static bool name_has(const char *name, const char *part) {
    size_t n = strlen(part);
    for (; *name; name++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)name[i]) == part[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static int64_t small_integer(const hone_value_info *input, const hone_shape *shape, int64_t index, uint64_t *random) {
    const char *name = input->name;
    int64_t last = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1;
    if (name_has(name, "mask") || name_has(name, "len"))
        return 1;
    if (name_has(name, "position"))
        return last > 0 ? index % last : 0;
    bool is_id = (name_has(name, "id") || name_has(name, "token") || name_has(name, "word")) &&
                 !name_has(name, "type") && !name_has(name, "segment");
    return (int64_t)hone__random_below(random, is_id ? 10 : 2);
}

static void fill_numbers(const hone_value_info *input, const hone_shape *shape, hone_tensor *t, uint64_t *random) {
    int64_t count = hone_tensor_count(t);
    void *data = hone_tensor_data(t);
    for (int64_t i = 0; i < count; i++) {
        switch (hone_tensor_dtype(t)) {
        case HONE_DTYPE_FLOAT:
            ((float *)data)[i] = (float)(hone__random_u64(random) >> 40) * 0x1p-24f;
            break;
        case HONE_DTYPE_DOUBLE:
            ((double *)data)[i] = hone__random_unit(random);
            break;
        case HONE_DTYPE_FLOAT16:
            ((uint16_t *)data)[i] = hone__f32_to_f16((float)(hone__random_u64(random) >> 54) * 0x1p-10f);
            break;
        case HONE_DTYPE_BFLOAT16:
            ((uint16_t *)data)[i] = hone__f32_to_bf16((float)(hone__random_u64(random) >> 57) * 0x1p-7f);
            break;
        case HONE_DTYPE_COMPLEX64:
            ((float *)data)[2 * i] = (float)(hone__random_u64(random) >> 40) * 0x1p-24f;
            ((float *)data)[2 * i + 1] = (float)(hone__random_u64(random) >> 40) * 0x1p-24f;
            break;
        case HONE_DTYPE_COMPLEX128:
            ((double *)data)[2 * i] = hone__random_unit(random);
            ((double *)data)[2 * i + 1] = hone__random_unit(random);
            break;
        case HONE_DTYPE_INT64:
        case HONE_DTYPE_UINT64:
            ((int64_t *)data)[i] = small_integer(input, shape, i, random);
            break;
        case HONE_DTYPE_INT32:
        case HONE_DTYPE_UINT32:
            ((int32_t *)data)[i] = (int32_t)small_integer(input, shape, i, random);
            break;
        case HONE_DTYPE_INT16:
        case HONE_DTYPE_UINT16:
            ((int16_t *)data)[i] = (int16_t)small_integer(input, shape, i, random);
            break;
        case HONE_DTYPE_BOOL:
            ((uint8_t *)data)[i] = name_has(input->name, "mask") ? 1 : (uint8_t)(hone__random_u64(random) >> 63);
            break;
        default:
            break;
        }
    }
}

static hone_status fill_strings(hone_tensor *t, uint64_t *random, hone_error *error) {
    static const char *const words[] = {"one", "two", "three", "four", "five", "six", "seven", "eight"};
    for (int64_t i = 0; i < hone_tensor_count(t); i++) {
        const char *word = words[hone__random_below(random, sizeof words / sizeof *words)];
        HONE_TRY(hone_tensor_set_string(t, i, word, strlen(word), error));
    }
    return HONE_OK;
}

hone_status hone__inputs_random(const hone_value_info *input, const hone_shape *shape, uint64_t seed, hone_tensor **out,
                                hone_error *error) {
    *out = NULL;
    if (input->kind != HONE_KIND_TENSOR) {
        hone__fail(error, HONE_ERROR_UNSUPPORTED, "input \"%s\" is not a tensor, so no data can be made up for it",
                   input->name);
        hone__error_hint(error, "give it as a file: --input \"%s=input.pb\"", input->name);
        return HONE_ERROR_UNSUPPORTED;
    }
    HONE_TRY(hone_tensor_create(input->dtype, shape->rank, shape->dims, out, error));
    uint64_t random = seed * 0x9E3779B97F4A7C15u + 1;
    for (const char *p = input->name; *p; p++)
        random = (random ^ (unsigned char)*p) * 0x100000001B3u;
    hone_status status = HONE_OK;
    int bits = hone_dtype_bits(input->dtype);
    if (input->dtype == HONE_DTYPE_STRING) {
        status = fill_strings(*out, &random, error);
    } else if (bits <= 8 && input->dtype != HONE_DTYPE_BOOL) {
        /* Every bit pattern is a value; of float8 the exponent is kept low, away from infinities. */
        bool is_integer = input->dtype == HONE_DTYPE_UINT8 || input->dtype == HONE_DTYPE_INT8 || bits < 8;
        unsigned char *bytes = hone_tensor_data(*out);
        for (size_t i = 0; i < hone_tensor_size(*out); i++)
            bytes[i] = (unsigned char)(hone__random_u64(&random) >> (is_integer ? 56 : 58));
        int rest = (int)(hone_tensor_count(*out) * bits % 8);
        if (rest && hone_tensor_size(*out)) /* the last byte is padded with zero bits */
            bytes[hone_tensor_size(*out) - 1] &= (unsigned char)((1 << rest) - 1);
    } else {
        fill_numbers(input, shape, *out, &random);
    }
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}
