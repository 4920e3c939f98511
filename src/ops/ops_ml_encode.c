/* ai.onnx.ml: encoders and what deals with maps: LabelEncoder, CategoryMapper, OneHotEncoder, Imputer,
 * FeatureVectorizer, ArrayFeatureExtractor, DictVectorizer, CastMap, ZipMap.
 *
 * Source: ONNX-ML operator specification; where it is silent (shapes of what comes from maps), as ONNX Runtime
 * does it. A map is a container of two items: a 1-D tensor of keys and one of values. */
#include "ops/op_elements.h"
#include "ops/op_ml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- columns: lists of one type, from an attribute or a tensor ---- */

typedef struct column {
    hone_dtype dtype; /* UNDEFINED: there is none */
    int64_t n;
    const hone_string *strings;
    const int64_t *ints;
    const float *floats;
    const hone_tensor *tensor;
    hone_tensor *const *items; /* a map's values as a sequence of single elements */
} column;

static column attr_column(const hone__node *node, const char *name) {
    const hone__attr *a = hone__node_attr(node, name);
    if (a && a->type == HONE_ATTR_STRINGS)
        return (column){.dtype = HONE_DTYPE_STRING, .n = (int64_t)a->n, .strings = a->strings};
    if (a && a->type == HONE_ATTR_INTS)
        return (column){.dtype = HONE_DTYPE_INT64, .n = (int64_t)a->n, .ints = a->ints};
    if (a && a->type == HONE_ATTR_FLOATS)
        return (column){.dtype = HONE_DTYPE_FLOAT, .n = (int64_t)a->n, .floats = a->floats};
    if (a && a->type == HONE_ATTR_TENSOR)
        return (column){.dtype = a->t->dtype, .n = hone__tensor_count(a->t), .tensor = a->t};
    return (column){0};
}

static column tensor_column(const hone_tensor *t) {
    return (column){.dtype = t->dtype, .n = hone__tensor_count(t), .tensor = t};
}

/* The first of four attributes that is there. */
static column first_column(const hone__node *node, const char *const *names) {
    for (int i = 0; i < 4; i++)
        if (hone__node_attr(node, names[i]))
            return attr_column(node, names[i]);
    return (column){0};
}

static hone_string string_at(const column *c, int64_t i) {
    return c->strings ? c->strings[i]
           : c->items ? hone_tensor_get_string(c->items[i], 0)
                      : hone_tensor_get_string(c->tensor, i);
}
static double number_at(const column *c, int64_t i) {
    return c->ints     ? (double)c->ints[i]
           : c->floats ? c->floats[i]
           : c->items  ? hone_tensor_get_double(c->items[i], 0)
                       : hone_tensor_get_double(c->tensor, i);
}
static int64_t integer_at(const column *c, int64_t i) {
    return c->ints ? c->ints[i] : c->items ? hone__tensor_int_at(c->items[i], 0) : hone__tensor_int_at(c->tensor, i);
}

static hone_status put_element(hone_tensor *y, int64_t i, const column *c, int64_t k, hone_error *error) {
    if (c->dtype == HONE_DTYPE_STRING) {
        hone_string s = string_at(c, k);
        return hone_tensor_set_string(y, i, s.data, s.size, error);
    }
    if (hone__is_int(y->dtype))
        hone__tensor_put_int(y, i, integer_at(c, k));
    else
        hone__tensor_put_double(y, i, number_at(c, k));
    return HONE_OK;
}

/* ---- finding keys ---- */

typedef struct key {
    hone_string s;
    int64_t i, place;
    double d;
} key;

/* Keys in order; of equal ones the first counts. */
typedef struct key_index {
    key *keys;
    int64_t n;
    int (*compare)(const void *, const void *);
} key_index;

static int compare_strings(const void *pa, const void *pb) {
    const key *a = pa, *b = pb;
    size_t n = hone__min_size(a->s.size, b->s.size);
    int c = n ? memcmp(a->s.data, b->s.data, n) : 0;
    return c ? c : (a->s.size > b->s.size) - (a->s.size < b->s.size);
}
static int compare_ints(const void *pa, const void *pb) {
    const key *a = pa, *b = pb;
    return (a->i > b->i) - (a->i < b->i);
}
/* NaN is a key like others, and the greatest. */
static int compare_floats(const void *pa, const void *pb) {
    const key *a = pa, *b = pb;
    if (isnan(a->d) || isnan(b->d))
        return !!isnan(a->d) - !!isnan(b->d);
    return (a->d > b->d) - (a->d < b->d);
}

static key make_key(const column *c, int64_t i) {
    key k = {.place = i};
    if (c->dtype == HONE_DTYPE_STRING)
        k.s = string_at(c, i);
    else if (hone__is_int(c->dtype))
        k.i = integer_at(c, i);
    else
        k.d = number_at(c, i);
    return k;
}

static hone_status index_keys(hone__eval *ctx, const column *c, key_index *out) {
    out->n = c->n;
    out->compare = c->dtype == HONE_DTYPE_STRING ? compare_strings
                   : hone__is_int(c->dtype)      ? compare_ints
                                                 : compare_floats;
    HONE_TRY(hone__eval_scratch_n(ctx, c->n, sizeof *out->keys, (void **)&out->keys));
    for (int64_t i = 0; i < c->n; i++)
        out->keys[i] = make_key(c, i);
    qsort(out->keys, (size_t)c->n, sizeof *out->keys, out->compare);
    return HONE_OK;
}

/* The place of element i of `c` among the keys, or -1. */
static int64_t find_key(const key_index *index, const column *c, int64_t i) {
    key wanted = make_key(c, i);
    const key *found = index->n ? bsearch(&wanted, index->keys, (size_t)index->n, sizeof wanted, index->compare) : NULL;
    if (!found)
        return -1;
    int64_t at = found - index->keys, place = found->place;
    for (int64_t k = at - 1; k >= 0 && index->compare(&index->keys[k], &wanted) == 0; k--)
        place = hone__min_i64(place, index->keys[k].place);
    for (int64_t k = at + 1; k < index->n && index->compare(&index->keys[k], &wanted) == 0; k++)
        place = hone__min_i64(place, index->keys[k].place);
    return place;
}

/* ---- LabelEncoder, CategoryMapper ---- */

/* From which keys to which values, and what stands for unknown ones. */
typedef struct mapping {
    column keys, values, missing;
    hone_string missing_string;
    int64_t missing_int;
    float missing_float;
} mapping;

/* For ai.onnx.ml LabelEncoder-1 and CategoryMapper, the input's type tells the direction. */
static void read_mapping(const hone__node *node, hone_dtype input, mapping *m) {
    static const char *const keys[] = {"keys_tensor", "keys_strings", "keys_int64s", "keys_floats"};
    static const char *const values[] = {"values_tensor", "values_strings", "values_int64s", "values_floats"};
    const hone__attr *text = hone__node_attr(node, "default_string");
    *m = (mapping){.missing_string = text && text->type == HONE_ATTR_STRING ? text->s : (hone_string){"_Unused", 7},
                   .missing_int = hone__node_attr_int(node, "default_int64", -1),
                   .missing_float = hone__node_attr_float(node, "default_float", -0.0f)};
    m->keys = first_column(node, keys);
    m->values = first_column(node, values);
    if (strcmp(node->op_type, "CategoryMapper") == 0) {
        column strings = attr_column(node, "cats_strings"), ints = attr_column(node, "cats_int64s");
        m->keys = input == HONE_DTYPE_STRING ? strings : ints;
        m->values = input == HONE_DTYPE_STRING ? ints : strings;
    }
    if (hone__node_attr(node, "default_tensor"))
        m->missing = attr_column(node, "default_tensor");
    else if (m->values.dtype == HONE_DTYPE_STRING)
        m->missing = (column){.dtype = HONE_DTYPE_STRING, .n = 1, .strings = &m->missing_string};
    else if (hone__is_int(m->values.dtype))
        m->missing = (column){.dtype = HONE_DTYPE_INT64, .n = 1, .ints = &m->missing_int};
    else
        m->missing = (column){.dtype = HONE_DTYPE_FLOAT, .n = 1, .floats = &m->missing_float};
}

static hone_status infer_as(hone__infer *ctx, hone_dtype dtype) {
    if (dtype == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    return hone__infer_set(ctx, 0, dtype, ctx->in[0]->rank, ctx->in[0]->dims);
}

static hone_dtype other_type(hone_dtype input) {
    return input == HONE_DTYPE_STRING ? HONE_DTYPE_INT64 : input ? HONE_DTYPE_STRING : HONE_DTYPE_UNDEFINED;
}
static hone_status infer_other(hone__infer *ctx) { return infer_as(ctx, other_type(hone__infer_dtype(ctx, 0))); }

static hone_status infer_label_encoder(hone__infer *ctx) {
    mapping m;
    read_mapping(ctx->node, hone__infer_dtype(ctx, 0), &m);
    return infer_as(ctx, m.values.dtype);
}

static hone_status eval_mapping(hone__eval *ctx) {
    const hone_tensor *x;
    mapping m;
    key_index index;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    read_mapping(ctx->node, x->dtype, &m);
    if (!m.keys.dtype || !m.values.dtype || m.keys.n != m.values.n || m.keys.dtype != x->dtype || m.missing.n < 1 ||
        (m.missing.dtype == HONE_DTYPE_STRING) != (m.values.dtype == HONE_DTYPE_STRING) ||
        hone__is_int(m.missing.dtype) != hone__is_int(m.values.dtype))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                               "keys, values, the default and the input do not fit together in number or type");
    column input = tensor_column(x);
    HONE_TRY(index_keys(ctx, &m.keys, &index));
    HONE_TRY(hone__eval_output(ctx, 0, m.values.dtype, x->rank, x->dims, &y));
    for (int64_t i = 0; y && i < input.n; i++) {
        int64_t k = find_key(&index, &input, i);
        HONE_TRY(put_element(y, i, k < 0 ? &m.missing : &m.values, k < 0 ? 0 : k, ctx->error));
    }
    return HONE_OK;
}

/* Strings to their places in classes_strings, or places to strings. */
static hone_status eval_label_encoder_1(hone__eval *ctx) {
    const hone_tensor *x;
    column classes = attr_column(ctx->node, "classes_strings"), input;
    mapping m;
    key_index index;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    read_mapping(ctx->node, x->dtype, &m);
    if (classes.dtype != HONE_DTYPE_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "classes_strings is missing");
    input = tensor_column(x);
    HONE_TRY(index_keys(ctx, &classes, &index));
    HONE_TRY(hone__eval_output(ctx, 0, other_type(x->dtype), x->rank, x->dims, &y));
    for (int64_t i = 0; y && i < input.n; i++) {
        if (x->dtype == HONE_DTYPE_STRING) {
            int64_t k = find_key(&index, &input, i);
            ((int64_t *)y->data)[i] = k < 0 ? m.missing_int : k;
            continue;
        }
        int64_t k = hone__tensor_int_at(x, i);
        hone_string s = k >= 0 && k < classes.n ? string_at(&classes, k) : m.missing_string;
        HONE_TRY(hone_tensor_set_string(y, i, s.data, s.size, ctx->error));
    }
    return HONE_OK;
}

/* ---- OneHotEncoder ---- */

static column categories(const hone__node *node) {
    column ints = attr_column(node, "cats_int64s");
    return ints.n ? ints : attr_column(node, "cats_strings");
}

static hone_status infer_one_hot(hone__infer *ctx) {
    hone__dim dims[HONE_MAX_RANK];
    if (!hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank >= HONE_MAX_RANK)
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_FLOAT);
    int rank = ctx->in[0]->rank;
    for (int d = 0; d < rank; d++)
        dims[d] = ctx->in[0]->dims[d];
    dims[rank] = hone__dim_known(categories(ctx->node).n);
    return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, rank + 1, dims);
}

static hone_status eval_one_hot(hone__eval *ctx) {
    const hone_tensor *x;
    column cats = categories(ctx->node);
    key_index index;
    hone_tensor *y;
    bool zeros = hone__node_attr_int(ctx->node, "zeros", 1) != 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!cats.dtype || x->rank >= HONE_MAX_RANK || (x->dtype == HONE_DTYPE_STRING) != (cats.dtype == HONE_DTYPE_STRING))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the categories do not fit an input of type %s",
                               hone_dtype_name(x->dtype));
    int64_t dims[HONE_MAX_RANK], count = hone__tensor_count(x), *as_int = NULL;
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = cats.n;
    column input = tensor_column(x);
    if (x->dtype != HONE_DTYPE_STRING) {
        HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *as_int, (void **)&as_int));
        for (int64_t i = 0; i < count; i += HONE__RUN)
            hone__load_i64(x, i, 1, hone__min_i64(HONE__RUN, count - i), as_int + i);
        input = (column){.dtype = HONE_DTYPE_INT64, .n = count, .ints = as_int};
    }
    HONE_TRY(index_keys(ctx, &cats, &index));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_FLOAT, x->rank + 1, dims, &y));
    float *v = y ? y->data : NULL;
    if (y && y->size)
        memset(v, 0, y->size);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = find_key(&index, &input, i);
        if (k < 0 && !zeros)
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "element %lld is none of the categories", (long long)i);
        if (k >= 0 && v)
            v[i * cats.n + k] = 1;
    }
    return HONE_OK;
}

/* ---- Imputer ---- */

static hone_status eval_imputer(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    bool is_int = hone__is_int(x->dtype);
    column values = attr_column(ctx->node, is_int ? "imputed_value_int64s" : "imputed_value_floats"),
           input = tensor_column(x);
    int64_t features = x->rank ? x->dims[x->rank - 1] : 1,
            old_int = hone__node_attr_int(ctx->node, "replaced_value_int64", 0);
    double old = hone__node_attr_float(ctx->node, "replaced_value_float", 0);
    if (values.n < 1 || (values.n != 1 && values.n != features))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                               "there are %lld imputed values of the input's type for %lld features",
                               (long long)values.n, (long long)features);
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    for (int64_t i = 0; y && i < input.n; i++) {
        double v = is_int ? 0 : number_at(&input, i);
        bool replaced = is_int ? integer_at(&input, i) == old_int : v == old || (isnan(v) && isnan(old));
        HONE_TRY(put_element(y, i, replaced ? &values : &input, replaced ? i % values.n : i, ctx->error));
    }
    return HONE_OK;
}

/* ---- FeatureVectorizer ---- */

/* Columns of input i; -1 when not known. */
static int64_t vector_width(const hone__node *node, size_t i, int64_t given) {
    size_t n;
    const int64_t *widths = hone__node_attr_ints(node, "inputdimensions", &n);
    return i < n ? widths[i] : given;
}

static hone_status infer_feature_vectorizer(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_known(0)};
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__type *x = hone__infer_has_rank(ctx, i) ? ctx->in[i] : NULL;
        if (x && (x->rank < 1 || x->rank > 2))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "input %zu must be [N,C] or [C]", i);
        int64_t width = vector_width(ctx->node, i, x ? x->dims[x->rank - 1].value : -1);
        dims[1].value =
            width < 0 || dims[1].value < 0 || width > INT64_MAX - dims[1].value ? -1 : dims[1].value + width;
        if (i == 0 && x)
            dims[0] = x->rank == 2 ? x->dims[0] : hone__dim_known(1);
    }
    return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, 2, dims);
}

static hone_status eval_feature_vectorizer(hone__eval *ctx) {
    int64_t rows = 1, total = 0, at = 0;
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone_tensor *x;
        HONE_TRY(hone__eval_tensor(ctx, i, &x));
        int64_t n = x->rank == 2 ? x->dims[0] : 1;
        int64_t width = x->rank ? vector_width(ctx->node, i, x->dims[x->rank - 1]) : -1;
        rows = i ? rows : n;
        if (x->rank < 1 || x->rank > 2 || n != rows || width < 0 || !hone__add_i64(total, width, &total))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu does not fit the others", i);
    }
    int64_t dims[2] = {rows, total};
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_FLOAT, 2, dims, &y));
    if (y && y->size)
        memset(y->data, 0, y->size);
    for (size_t i = 0; y && i < ctx->n_in; i++) {
        const hone_tensor *x = ctx->in[i];
        const double *v;
        int64_t cols = x->dims[x->rank - 1], width = vector_width(ctx->node, i, cols);
        HONE_TRY(hone__eval_in_double(ctx, i, &v));
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols && c < width; c++)
                ((float *)y->data)[r * total + at + c] = (float)v[r * cols + c];
        at += width;
    }
    return HONE_OK;
}

/* ---- ArrayFeatureExtractor ---- */

static hone_status infer_feature_extractor(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    if (!hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank < 1)
        return hone__infer_set_dtype(ctx, 0, dtype);
    int rank = ctx->in[0]->rank, out = rank == 1 ? 2 : rank;
    dims[0] = hone__dim_known(1);
    for (int d = 0; d + 1 < rank; d++)
        dims[d] = ctx->in[0]->dims[d];
    dims[out - 1] =
        hone__infer_has_rank(ctx, 1) ? hone__dim_product(ctx->in[1]->dims, 0, ctx->in[1]->rank) : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, out, dims);
}

static hone_status eval_feature_extractor(hone__eval *ctx) {
    const hone_tensor *x, *y;
    const int64_t *index;
    hone_tensor *z;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &y));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    if (x->rank < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input is a scalar");
    int64_t n = hone__tensor_count(y), cols = x->dims[x->rank - 1], rows = hone__dims_product(x->dims, 0, x->rank - 1);
    int64_t dims[HONE_MAX_RANK] = {1};
    memcpy(dims, x->dims, (size_t)(x->rank - 1) * sizeof *dims);
    int rank = x->rank == 1 ? 2 : x->rank;
    dims[rank - 1] = n;
    for (int64_t k = 0; k < n; k++)
        if (index[k] < 0 || index[k] >= cols)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "index %lld is outside a last axis of %lld",
                                   (long long)index[k], (long long)cols);
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, rank, dims, &z));
    for (int64_t r = 0; z && r < rows; r++)
        for (int64_t k = 0; k < n; k++)
            HONE_TRY(hone__copy_elements(z, r * n + k, x, r * cols + index[k], 1, ctx->error));
    return HONE_OK;
}

/* ---- maps ---- */

/* A sequence of tensors of one element and type. */
static hone_status sequence_column(hone__eval *ctx, const hone_tensor *t, column *out) {
    *out = (column){
        .dtype = t->n_items ? t->items[0]->dtype : HONE_DTYPE_FLOAT, .n = (int64_t)t->n_items, .items = t->items};
    for (size_t i = 0; i < t->n_items; i++)
        if (t->items[i]->kind != HONE_KIND_TENSOR || t->items[i]->dtype != out->dtype ||
            hone__tensor_count(t->items[i]) != 1)
            return hone__eval_fail(ctx, HONE_ERROR_TYPE, "value %zu of the map is not a single element", i);
    return HONE_OK;
}

static hone_status need_map(hone__eval *ctx, column *keys, column *values) {
    const hone_tensor *x = hone__in(ctx, 0);
    if (!x || x->kind != HONE_KIND_MAP || x->n_items != 2 || x->items[0]->kind != HONE_KIND_TENSOR ||
        (x->items[1]->kind != HONE_KIND_TENSOR && x->items[1]->kind != HONE_KIND_SEQUENCE))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the input is not a map");
    *keys = tensor_column(x->items[0]);
    if (x->items[1]->kind == HONE_KIND_TENSOR)
        *values = tensor_column(x->items[1]);
    else
        HONE_TRY(sequence_column(ctx, x->items[1], values));
    if (keys->n != values->n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the map has %lld keys and %lld values", (long long)keys->n,
                               (long long)values->n);
    return HONE_OK;
}

static column vocabulary(const hone__node *node) {
    column strings = attr_column(node, "string_vocabulary");
    return strings.n ? strings : attr_column(node, "int64_vocabulary");
}

static hone_status infer_dict_vectorizer(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[2] = {hone__dim_known(1), hone__dim_known(vocabulary(ctx->node).n)};
    if (!x || !x->elem || x->elem->kind != HONE_KIND_TENSOR || !x->elem->is_known)
        return HONE_OK;
    return hone__infer_set(ctx, 0, x->elem->dtype, 2, dims);
}

static hone_status eval_dict_vectorizer(hone__eval *ctx) {
    column keys, values, words = vocabulary(ctx->node);
    key_index index;
    hone_tensor *y;
    HONE_TRY(need_map(ctx, &keys, &values));
    if (words.dtype != keys.dtype)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the vocabulary is not of the type of the map's keys");
    int64_t dims[2] = {1, words.n};
    HONE_TRY(index_keys(ctx, &keys, &index));
    HONE_TRY(hone__eval_output(ctx, 0, values.dtype, 2, dims, &y));
    for (int64_t i = 0; y && i < words.n; i++) {
        int64_t k = find_key(&index, &words, i);
        if (k >= 0)
            HONE_TRY(put_element(y, i, &values, k, ctx->error));
        else if (values.dtype == HONE_DTYPE_STRING)
            HONE_TRY(hone_tensor_set_string(y, i, "", 0, ctx->error));
        else
            hone__tensor_put_double(y, i, 0);
    }
    return HONE_OK;
}

static hone_dtype cast_type(const hone__node *node) {
    const char *to = hone__node_attr_string(node, "cast_to", "TO_FLOAT");
    return strcmp(to, "TO_FLOAT") == 0    ? HONE_DTYPE_FLOAT
           : strcmp(to, "TO_STRING") == 0 ? HONE_DTYPE_STRING
           : strcmp(to, "TO_INT64") == 0  ? HONE_DTYPE_INT64
                                          : HONE_DTYPE_UNDEFINED;
}

static bool is_sparse(const hone__node *node) {
    return strcmp(hone__node_attr_string(node, "map_form", "DENSE"), "SPARSE") == 0;
}

static hone_status infer_cast_map(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_known(1), hone__dim_unknown()};
    int64_t max = hone__node_attr_int(ctx->node, "max_map", 1);
    if (is_sparse(ctx->node) && max >= 0)
        dims[1] = hone__dim_known(max);
    hone_dtype dtype = cast_type(ctx->node);
    return dtype ? hone__infer_set(ctx, 0, dtype, 2, dims)
                 : hone__infer_fail(ctx, HONE_ERROR_MODEL, "cast_to is none of TO_FLOAT, TO_STRING, TO_INT64");
}

/* Element k of the values as another type. */
static hone_status cast_element(hone__eval *ctx, hone_tensor *y, int64_t i, const column *values, int64_t k) {
    char text[400], *end = text;
    if (values->dtype == y->dtype)
        return put_element(y, i, values, k, ctx->error);
    if (y->dtype == HONE_DTYPE_STRING) {
        int n = snprintf(text, sizeof text, "%f", number_at(values, k));
        return hone_tensor_set_string(y, i, text, (size_t)n, ctx->error);
    }
    double v;
    if (values->dtype == HONE_DTYPE_STRING) {
        hone_string s = string_at(values, k);
        size_t n = hone__min_size(s.size, sizeof text - 1);
        if (n)
            memcpy(text, s.data, n);
        text[n] = '\0';
        v = strtod(text, &end);
        if (end == text || *end)
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "\"%.40s\" is not a number", text);
    } else
        v = number_at(values, k);
    hone__store_f64(y, i, 1, &v);
    return HONE_OK;
}

static hone_status eval_cast_map(hone__eval *ctx) {
    column keys, values;
    key_index index;
    hone_tensor *y;
    hone_dtype dtype = cast_type(ctx->node);
    bool sparse = is_sparse(ctx->node);
    HONE_TRY(need_map(ctx, &keys, &values));
    int64_t dims[2] = {1, sparse ? hone__node_attr_int(ctx->node, "max_map", 1) : keys.n};
    if (keys.dtype != HONE_DTYPE_INT64 || !dtype || dims[1] < 0)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the keys are not int64, or cast_to or max_map is out of range");
    HONE_TRY(index_keys(ctx, &keys, &index));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, 2, dims, &y));
    if (y && dtype != HONE_DTYPE_STRING && y->size)
        memset(y->data, 0, y->size);
    for (int64_t i = 0; i < keys.n; i++) {
        int64_t to = sparse ? index.keys[i].i : i;
        if (to < 0 || to >= dims[1])
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "key %lld is outside [0, %lld)", (long long)to,
                                   (long long)dims[1]);
        if (y)
            HONE_TRY(cast_element(ctx, y, to, &values, index.keys[i].place));
    }
    return HONE_OK;
}

/* ---- ZipMap ---- */

static hone_status infer_zip_map(hone__infer *ctx) {
    hone__ml_labels l = hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_int64s");
    hone__type *map = hone__arena_alloc(ctx->arena, sizeof *map), *value = hone__arena_alloc(ctx->arena, sizeof *value);
    if (!map || !value)
        return hone__fail_memory(ctx->error, "a type");
    *value = (hone__type){.kind = HONE_KIND_TENSOR, .dtype = HONE_DTYPE_FLOAT, .rank = -1, .is_known = true};
    *map = (hone__type){.kind = HONE_KIND_MAP,
                        .dtype = l.strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64,
                        .rank = -1,
                        .elem = value,
                        .is_known = true};
    ctx->out[0] = (hone__type){.kind = HONE_KIND_SEQUENCE, .rank = -1, .elem = map, .is_known = true};
    return HONE_OK;
}

/* One row's map; owned by the caller. */
static hone_status make_map(const hone__ml_labels *l, const float *row, hone_tensor **out, hone_error *error) {
    hone_tensor *items[2] = {NULL, NULL};
    hone_status status =
        hone_tensor_create(l->strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &l->n, &items[0], error);
    if (status == HONE_OK)
        status = hone_tensor_create(HONE_DTYPE_FLOAT, 1, &l->n, &items[1], error);
    for (int64_t i = 0; i < l->n && status == HONE_OK; i++) {
        status = hone__ml_put_label(items[0], i, l, i, error);
        ((float *)items[1]->data)[i] = row[i];
    }
    if (status == HONE_OK)
        status = hone_tensor_create_container(HONE_KIND_MAP, items, 2, out, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(items[0]);
        hone_tensor_destroy(items[1]);
    }
    return status;
}

static hone_status eval_zip_map(hone__eval *ctx) {
    const hone_tensor *x;
    const float *v;
    int64_t rows, cols, made = 0;
    hone_tensor **maps, *sequence;
    hone__ml_labels l = hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_int64s");
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    if (l.n != cols)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %lld labels for %lld columns", (long long)l.n,
                               (long long)cols);
    HONE_TRY(hone__eval_in_float(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, rows, sizeof *maps, (void **)&maps));
    hone_status status = HONE_OK;
    while (made < rows && status == HONE_OK) {
        status = make_map(&l, v + made * cols, &maps[made], ctx->error);
        made += status == HONE_OK;
    }
    if (status == HONE_OK)
        status = hone_tensor_create_container(HONE_KIND_SEQUENCE, maps, (size_t)rows, &sequence, ctx->error);
    if (status == HONE_OK)
        return ctx->output_take(ctx, 0, sequence);
    for (int64_t i = 0; i < made; i++)
        hone_tensor_destroy(maps[i]);
    return status;
}

/* ---- rows ---- */

#define NUMBERS (HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64))
#define MAPPED (NUMBERS | HONE_SET(STRING) | HONE_SET(INT16))
#define WORDS (HONE_SET(STRING) | HONE_SET(INT64))
static const hone__op_param p_words[] = {HONE_PARAM("X", WORDS, 0)}, q_words[] = {HONE_PARAM("Y", WORDS, 0)};
static const hone__op_param p_label_2[] = {HONE_PARAM("X", WORDS | HONE_SET(FLOAT), 0)},
                            q_label_2[] = {HONE_PARAM("Y", WORDS | HONE_SET(FLOAT), 0)};
static const hone__op_param p_label_4[] = {HONE_PARAM("X", MAPPED, 0)}, q_label_4[] = {HONE_PARAM("Y", MAPPED, 0)};
static const hone__op_param p_numbers[] = {HONE_PARAM("X", NUMBERS, 'T')},
                            q_numbers[] = {HONE_PARAM("Y", NUMBERS, 'T')};
static const hone__op_param p_vectors[] = {HONE_PARAM("X", NUMBERS, 0)};
static const hone__op_param p_float[] = {HONE_PARAM("X", HONE_SET(FLOAT), 0)},
                            q_float[] = {HONE_PARAM("Y", HONE_SET(FLOAT), 0)};
static const hone__op_param p_any[] = {HONE_PARAM("X", NUMBERS | HONE_SET(STRING), 0)};
static const hone__op_param p_extract[] = {HONE_PARAM("X", NUMBERS | HONE_SET(STRING), 'T'),
                                           HONE_PARAM("Y", HONE_SET(INT64), 0)},
                            q_extract[] = {HONE_PARAM("Z", NUMBERS | HONE_SET(STRING), 'T')};
static const hone__op_param p_map[] = {{"X", NUMBERS | HONE_SET(STRING), 0, 1 << HONE_KIND_MAP, false}},
                            q_map[] = {HONE_PARAM("Y", NUMBERS | HONE_SET(STRING), 0)};
static const hone__op_param q_zip[] = {{"Z", HONE_SET(FLOAT), 0, 1 << HONE_KIND_SEQUENCE, false}};
static const hone__op_attr a_label_1[] = {{"classes_strings", HONE_ATTR_STRINGS, false},
                                          {"default_int64", HONE_ATTR_INT, false},
                                          {"default_string", HONE_ATTR_STRING, false}};
static const hone__op_attr a_label_4[] = {
    {"default_float", HONE_ATTR_FLOAT, false},    {"default_int64", HONE_ATTR_INT, false},
    {"default_string", HONE_ATTR_STRING, false},  {"default_tensor", HONE_ATTR_TENSOR, false},
    {"keys_floats", HONE_ATTR_FLOATS, false},     {"keys_int64s", HONE_ATTR_INTS, false},
    {"keys_strings", HONE_ATTR_STRINGS, false},   {"keys_tensor", HONE_ATTR_TENSOR, false},
    {"values_floats", HONE_ATTR_FLOATS, false},   {"values_int64s", HONE_ATTR_INTS, false},
    {"values_strings", HONE_ATTR_STRINGS, false}, {"values_tensor", HONE_ATTR_TENSOR, false}};
static const hone__op_attr a_label_2[] = {
    {"default_float", HONE_ATTR_FLOAT, false},   {"default_int64", HONE_ATTR_INT, false},
    {"default_string", HONE_ATTR_STRING, false}, {"keys_floats", HONE_ATTR_FLOATS, false},
    {"keys_int64s", HONE_ATTR_INTS, false},      {"keys_strings", HONE_ATTR_STRINGS, false},
    {"values_floats", HONE_ATTR_FLOATS, false},  {"values_int64s", HONE_ATTR_INTS, false},
    {"values_strings", HONE_ATTR_STRINGS, false}};
static const hone__op_attr a_mapper[] = {{"cats_int64s", HONE_ATTR_INTS, false},
                                         {"cats_strings", HONE_ATTR_STRINGS, false},
                                         {"default_int64", HONE_ATTR_INT, false},
                                         {"default_string", HONE_ATTR_STRING, false}};
static const hone__op_attr a_one_hot[] = {{"cats_int64s", HONE_ATTR_INTS, false},
                                          {"cats_strings", HONE_ATTR_STRINGS, false},
                                          {"zeros", HONE_ATTR_INT, false}};
static const hone__op_attr a_imputer[] = {{"imputed_value_floats", HONE_ATTR_FLOATS, false},
                                          {"imputed_value_int64s", HONE_ATTR_INTS, false},
                                          {"replaced_value_float", HONE_ATTR_FLOAT, false},
                                          {"replaced_value_int64", HONE_ATTR_INT, false}};
static const hone__op_attr a_vectorizer[] = {{"inputdimensions", HONE_ATTR_INTS, false}};
static const hone__op_attr a_dict[] = {{"int64_vocabulary", HONE_ATTR_INTS, false},
                                       {"string_vocabulary", HONE_ATTR_STRINGS, false}};
static const hone__op_attr a_cast_map[] = {
    {"cast_to", HONE_ATTR_STRING, false}, {"map_form", HONE_ATTR_STRING, false}, {"max_map", HONE_ATTR_INT, false}};
static const hone__op_attr a_zip[] = {{"classlabels_int64s", HONE_ATTR_INTS, false},
                                      {"classlabels_strings", HONE_ATTR_STRINGS, false}};

#define ML "ai.onnx.ml"
static const hone__op g_rows[] = {
    HONE_ROW(ML, "LabelEncoder", 1, HONE_OP_PURE, 1, p_words, 1, q_words, a_label_1, infer_other, eval_label_encoder_1,
             NULL),
    HONE_ROW(ML, "LabelEncoder", 2, HONE_OP_PURE, 1, p_label_2, 1, q_label_2, a_label_2, infer_label_encoder,
             eval_mapping, NULL),
    HONE_ROW(ML, "LabelEncoder", 4, HONE_OP_PURE, 1, p_label_4, 1, q_label_4, a_label_4, infer_label_encoder,
             eval_mapping, NULL),
    HONE_ROW(ML, "CategoryMapper", 1, HONE_OP_PURE, 1, p_words, 1, q_words, a_mapper, infer_other, eval_mapping, NULL),
    HONE_ROW(ML, "OneHotEncoder", 1, HONE_OP_PURE, 1, p_any, 1, q_float, a_one_hot, infer_one_hot, eval_one_hot, NULL),
    HONE_ROW(ML, "Imputer", 1, HONE_OP_PURE, 1, p_numbers, 1, q_numbers, a_imputer, hone__infer_same0, eval_imputer,
             NULL),
    HONE_ROW(ML, "FeatureVectorizer", 1, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, p_vectors, 1, q_float, a_vectorizer,
             infer_feature_vectorizer, eval_feature_vectorizer, NULL),
    HONE_ROW_NO_ATTRS(ML, "ArrayFeatureExtractor", 1, HONE_OP_PURE, 2, p_extract, 1, q_extract, infer_feature_extractor,
                      eval_feature_extractor, NULL),
    HONE_ROW(ML, "DictVectorizer", 1, HONE_OP_PURE, 1, p_map, 1, q_map, a_dict, infer_dict_vectorizer,
             eval_dict_vectorizer, NULL),
    HONE_ROW(ML, "CastMap", 1, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, p_map, 1, q_map, a_cast_map, infer_cast_map,
             eval_cast_map, NULL),
    HONE_ROW(ML, "ZipMap", 1, HONE_OP_PURE, 1, p_float, 1, q_zip, a_zip, infer_zip_map, eval_zip_map, NULL),
};
const hone__op_family hone__ops_ml_encode = {"ml_encode", g_rows, HONE_COUNT(g_rows)};
