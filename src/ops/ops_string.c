/* Operators on strings: StringConcat, StringSplit, StringNormalizer. Texts are bytes; changing case goes by
 * the ASCII letters and leaves the rest alone, whatever the locale says. */
#include "ops/op_elements.h"
#include "ops/op_help.h"

static hone_status need_strings(hone__eval *ctx, size_t i) {
    if (ctx->in[i]->kind != HONE_KIND_TENSOR || ctx->in[i]->dtype != HONE_DTYPE_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "input %zu is not a tensor of strings", i);
    return HONE_OK;
}

/* ---- StringConcat ---- */

static hone_status infer_concat(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_STRING);
    hone__dim dims[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__infer_broadcast(ctx, ctx->in[0], ctx->in[1], dims, &rank));
    return hone__infer_set(ctx, 0, HONE_DTYPE_STRING, rank, dims);
}

static hone_status eval_concat(hone__eval *ctx) {
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone_tensor *y;
    HONE_TRY(need_strings(ctx, 0));
    HONE_TRY(need_strings(ctx, 1));
    HONE_TRY(hone__walk_init(&walk, ctx->in, 2, dims, &rank, ctx->error));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, rank, dims, &y));
    while (y && hone__walk_next(&walk))
        for (int64_t i = 0; i < walk.length; i++) {
            hone_string a = hone_tensor_get_string(ctx->in[0], walk.offset[0] + i * walk.stride[0]);
            hone_string b = hone_tensor_get_string(ctx->in[1], walk.offset[1] + i * walk.stride[1]);
            size_t size;
            char *text;
            if (!hone__add_size(a.size, b.size, &size) || size > PTRDIFF_MAX)
                return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "a string would be too long");
            HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)size, 1, (void **)&text));
            memcpy(text, a.data, a.size);
            memcpy(text + a.size, b.data, b.size);
            HONE_TRY(hone_tensor_set_string(y, walk.at + i, text, size, ctx->error));
        }
    return HONE_OK;
}

/* ---- StringSplit ---- */

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next part of `rest`, which then begins after it; false when there is none. An empty delimiter
 * stands for runs of white space. `n_left` is how many cuts are still allowed (-1: any number). */
static bool next_part(hone_string *rest, hone_string delimiter, int64_t *n_left, hone_string *part) {
    const char *p = rest->data, *end = p ? p + rest->size : p;
    if (!p)
        return false;
    if (delimiter.size == 0) {
        while (p < end && is_space(*p))
            p++;
        if (p == end)
            return false;
        const char *start = p;
        while (p < end && !(is_space(*p) && *n_left != 0))
            p++;
        if (*n_left == 0) { /* the last part keeps inner white space, not that at its end */
            while (p > start && is_space(p[-1]))
                p--;
            *rest = (hone_string){NULL, 0};
        } else {
            *rest = (hone_string){p, (size_t)(end - p)};
            *n_left -= *n_left > 0;
        }
        *part = (hone_string){start, (size_t)(p - start)};
        return true;
    }
    const char *cut = *n_left != 0 ? memmem(p, rest->size, delimiter.data, delimiter.size) : NULL;
    *part = (hone_string){p, (size_t)((cut ? cut : end) - p)};
    *rest = cut ? (hone_string){cut + delimiter.size, (size_t)(end - cut) - delimiter.size} : (hone_string){NULL, 0};
    *n_left -= cut && *n_left > 0;
    return true;
}

static hone_status eval_split(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    const hone__attr *attr = hone__node_attr(ctx->node, "delimiter");
    hone_string delimiter = attr && attr->type == HONE_ATTR_STRING ? attr->s : (hone_string){"", 0}, part;
    int64_t max_cuts = hone__node_attr_int(ctx->node, "maxsplit", -1), count = hone__tensor_count(x), most = 0;
    HONE_TRY(need_strings(ctx, 0));
    if (x->rank + 1 > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "rank %d is too large", x->rank + 1);
    int64_t *n_parts;
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *n_parts, (void **)&n_parts));
    for (int64_t i = 0; i < count; i++) {
        hone_string rest = hone_tensor_get_string(x, i);
        for (int64_t left = max_cuts; next_part(&rest, delimiter, &left, &part);)
            n_parts[i]++;
        most = hone__max_i64(most, n_parts[i]);
    }
    int64_t dims[HONE_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = most;
    hone_tensor *y, *n;
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_INT64, x->rank, x->dims, &n));
    if (n && count)
        memcpy(n->data, n_parts, n->size);
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, x->rank + 1, dims, &y));
    for (int64_t i = 0; y && i < count; i++) {
        hone_string rest = hone_tensor_get_string(x, i);
        int64_t left = max_cuts;
        for (int64_t k = 0; k < n_parts[i] && next_part(&rest, delimiter, &left, &part); k++)
            HONE_TRY(hone_tensor_set_string(y, i * most + k, part.data, part.size, ctx->error));
    }
    return HONE_OK;
}

static hone_status infer_split(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    if (!x || x->rank < 0 || x->rank + 1 > HONE_MAX_RANK) {
        HONE_TRY(hone__infer_set_dtype(ctx, 0, HONE_DTYPE_STRING));
        return hone__infer_set_dtype(ctx, 1, HONE_DTYPE_INT64);
    }
    hone__dim dims[HONE_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    dims[x->rank] = hone__dim_unknown();
    HONE_TRY(hone__infer_set(ctx, 0, HONE_DTYPE_STRING, x->rank + 1, dims));
    return hone__infer_set(ctx, 1, HONE_DTYPE_INT64, x->rank, x->dims);
}

/* ---- StringNormalizer ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static bool same_text(hone_string a, hone_string b, bool is_case_sensitive) {
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (is_case_sensitive ? a.data[i] != b.data[i] : lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

/* x: [C] or [1, C]; stop words are dropped, what is left may be empty: one empty string then. */
static hone_status eval_normalizer(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    HONE_TRY(need_strings(ctx, 0));
    if (x->rank != 1 && !(x->rank == 2 && x->dims[0] == 1))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be [C] or [1, C]");
    const char *action = hone__node_attr_string(ctx->node, "case_change_action", "NONE");
    bool is_sensitive = hone__node_attr_int(ctx->node, "is_case_sensitive", 0) != 0;
    const hone__attr *stop = hone__node_attr(ctx->node, "stopwords");
    size_t n_stop = stop && stop->type == HONE_ATTR_STRINGS ? stop->n : 0;
    int64_t count = hone__tensor_count(x), kept = 0, *index;
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *index, (void **)&index));
    for (int64_t i = 0; i < count; i++) {
        bool drops = false;
        for (size_t k = 0; k < n_stop && !drops; k++)
            drops = same_text(hone_tensor_get_string(x, i), stop->strings[k], is_sensitive);
        if (!drops)
            index[kept++] = i;
    }
    int64_t dims[2] = {1, kept ? kept : 1};
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, x->rank, x->rank == 1 ? dims + 1 : dims, &y));
    if (y && !kept)
        return hone_tensor_set_string(y, 0, "", 0, ctx->error);
    for (int64_t i = 0; y && i < kept; i++) {
        hone_string s = hone_tensor_get_string(x, index[i]);
        char *text;
        HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)s.size, 1, (void **)&text));
        for (size_t k = 0; k < s.size; k++)
            text[k] = strcmp(action, "LOWER") == 0   ? lower(s.data[k])
                      : strcmp(action, "UPPER") == 0 ? upper(s.data[k])
                                                     : s.data[k];
        HONE_TRY(hone_tensor_set_string(y, i, text, s.size, ctx->error));
    }
    return HONE_OK;
}

static hone_status infer_normalizer(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[] = {hone__dim_known(1), hone__dim_unknown()};
    if (!x || x->rank < 1 || x->rank > 2)
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_STRING);
    return hone__infer_set(ctx, 0, HONE_DTYPE_STRING, x->rank, x->rank == 1 ? dims + 1 : dims);
}

/* ---- rows ---- */

static const hone__op_param p_two[] = {HONE_PARAM("X", HONE_SET(STRING), 'T'), HONE_PARAM("Y", HONE_SET(STRING), 'T')};
static const hone__op_param p_one[] = {HONE_PARAM("X", HONE_SET(STRING), 'T')};
static const hone__op_param q_split[] = {HONE_PARAM("Y", HONE_SET(STRING), 'T'), HONE_PARAM("Z", HONE_SET(INT64), 0)};
static const hone__op_attr a_split[] = {{"delimiter", HONE_ATTR_STRING, false}, {"maxsplit", HONE_ATTR_INT, false}};
static const hone__op_attr a_normalizer[] = {{"case_change_action", HONE_ATTR_STRING, false},
                                             {"is_case_sensitive", HONE_ATTR_INT, false},
                                             {"locale", HONE_ATTR_STRING, false},
                                             {"stopwords", HONE_ATTR_STRINGS, false}};
static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("", "StringConcat", 20, HONE_OP_PURE, 2, p_two, 1, p_one, infer_concat, eval_concat, NULL),
    HONE_ROW("", "StringNormalizer", 10, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, p_one, 1, p_one, a_normalizer,
             infer_normalizer, eval_normalizer, NULL),
    HONE_ROW("", "StringSplit", 20, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, p_one, 2, q_split, a_split, infer_split,
             eval_split, NULL),
};
const hone__op_family hone__ops_string = {"string", g_rows, sizeof g_rows / sizeof *g_rows};
