/* Text models: RegexFullMatch, TfIdfVectorizer, com.microsoft Tokenizer.
 *
 * Source: ONNX operator specification; ONNX Runtime's documentation of contrib operators. Patterns have RE2's
 * syntax as far as op_regex.h serves it. */
#include "ops/op_help.h"
#include "ops/op_regex.h"

#include <stdlib.h>

/* ---- RegexFullMatch ---- */

static hone_status infer_regex(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_BOOL);
    return hone__infer_set(ctx, 0, HONE_DTYPE_BOOL, ctx->in[0]->rank, ctx->in[0]->dims);
}

static hone_status eval_regex(hone__eval *ctx) {
    const hone_tensor *x;
    const hone__attr *pattern = hone__node_attr(ctx->node, "pattern");
    hone__regex *re;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!pattern || pattern->type != HONE_ATTR_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "RegexFullMatch needs a pattern");
    HONE_TRY(hone__regex_compile(ctx, pattern->s, &re));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_BOOL, x->rank, x->dims, &y));
    int64_t count = y ? hone__tensor_count(x) : 0;
    for (int64_t i = 0; i < count; i++)
        ((uint8_t *)y->data)[i] = hone__regex_full_match(re, hone_tensor_get_string(x, i));
    return HONE_OK;
}

/* ---- TfIdfVectorizer ---- */

/* Items of input and pool as numbers: integers themselves; strings as their place among the pool's distinct
 * strings, -1 for those that are not there. */
typedef struct gram {
    const int64_t *items;
    int64_t n, output, place; /* place: in the pool, where weights are found */
} gram;

typedef struct tfidf {
    gram *grams; /* sorted by length, then items */
    int64_t n_grams, n_outputs, min, max, skip;
    const int64_t *pool;
    const float *weights;
    hone_string *words; /* sorted */
    int64_t n_words;
    char mode; /* 't' TF, 'i' IDF, 'b' both */
} tfidf;

static int compare_words(const void *pa, const void *pb) {
    const hone_string *a = pa, *b = pb;
    size_t n = hone__min_size(a->size, b->size);
    int c = n ? memcmp(a->data, b->data, n) : 0;
    return c ? c : (a->size > b->size) - (a->size < b->size);
}

static int compare_grams(const void *pa, const void *pb) {
    const gram *a = pa, *b = pb;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (int64_t i = 0; i < a->n; i++)
        if (a->items[i] != b->items[i])
            return a->items[i] < b->items[i] ? -1 : 1;
    return 0;
}

static int64_t word_number(const tfidf *t, hone_string word) {
    const hone_string *found =
        t->n_words ? bsearch(&word, t->words, (size_t)t->n_words, sizeof word, compare_words) : NULL;
    return found ? found - t->words : -1;
}

/* The pool as numbers. */
static hone_status read_pool(hone__eval *ctx, tfidf *t, int64_t *size) {
    const hone__attr *s = hone__node_attr(ctx->node, "pool_strings");
    size_t n;
    t->pool = hone__node_attr_ints(ctx->node, "pool_int64s", &n);
    *size = (int64_t)n;
    if (!s || s->type != HONE_ATTR_STRINGS)
        return HONE_OK;
    *size = t->n_words = (int64_t)s->n;
    int64_t *numbers, kept = 0;
    HONE_TRY(hone__eval_scratch_n(ctx, *size, sizeof *numbers, (void **)&numbers));
    HONE_TRY(hone__eval_scratch_n(ctx, *size, sizeof *t->words, (void **)&t->words));
    if (s->n)
        memcpy(t->words, s->strings, s->n * sizeof *t->words);
    qsort(t->words, s->n, sizeof *t->words, compare_words);
    for (int64_t i = 0; i < *size; i++)
        if (i == 0 || compare_words(&t->words[i], &t->words[kept - 1]) != 0)
            t->words[kept++] = t->words[i];
    t->n_words = kept;
    for (int64_t i = 0; i < *size; i++)
        numbers[i] = word_number(t, s->strings[i]);
    t->pool = numbers;
    return HONE_OK;
}

static hone_status read_tfidf(hone__eval *ctx, tfidf *t) {
    const hone__node *node = ctx->node;
    size_t n_counts, n_index, n_weights;
    int64_t size = 0;
    const int64_t *counts = hone__node_attr_ints(node, "ngram_counts", &n_counts);
    const int64_t *index = hone__node_attr_ints(node, "ngram_indexes", &n_index);
    const char *mode = hone__node_attr_string(node, "mode", "");
    t->weights = hone__node_attr_floats(node, "weights", &n_weights);
    t->mode = strcmp(mode, "TF") == 0 ? 't' : strcmp(mode, "IDF") == 0 ? 'i' : strcmp(mode, "TFIDF") == 0 ? 'b' : 0;
    t->min = hone__node_attr_int(node, "min_gram_length", 1);
    t->max = hone__node_attr_int(node, "max_gram_length", 1);
    t->skip = hone__node_attr_int(node, "max_skip_count", 0);
    HONE_TRY(read_pool(ctx, t, &size));
    if (!t->mode || t->min < 1 || t->max < t->min || t->skip < 0 || (t->weights && n_weights != n_index))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "mode, gram lengths, max_skip_count or weights do not fit");
    HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)n_index, sizeof *t->grams, (void **)&t->grams));
    for (size_t c = 0; c < n_counts; c++) {
        int64_t from = counts[c], to = c + 1 < n_counts ? counts[c + 1] : size, n = (int64_t)c + 1;
        if (from < 0 || to < from || to > size || (to - from) % n)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "ngram_counts does not divide the pool of %lld",
                                   (long long)size);
        for (; from < to; from += n) {
            if (t->n_grams >= (int64_t)n_index || index[t->n_grams] < 0 || index[t->n_grams] > INT32_MAX)
                return hone__eval_fail(ctx, HONE_ERROR_MODEL, "ngram_indexes does not fit the pool");
            t->grams[t->n_grams] = (gram){t->pool + from, n, index[t->n_grams], t->n_grams};
            t->n_grams++;
        }
    }
    for (size_t i = 0; i < n_index; i++)
        t->n_outputs = hone__max_i64(t->n_outputs, index[i] < INT32_MAX ? index[i] + 1 : 0);
    qsort(t->grams, (size_t)t->n_grams, sizeof *t->grams, compare_grams);
    return HONE_OK;
}

/* Counts the grams of one row; single items are counted once, whatever may be skipped. */
static void count_grams(const tfidf *t, const int64_t *row, int64_t n, int64_t *items, const gram **found,
                        double *count) {
    for (int64_t skip = 1; skip <= t->skip + 1 && skip <= n + 1; skip++)
        for (int64_t length = t->min; length <= t->max && length <= n; length++) {
            if (length == 1 && skip > 1)
                continue;
            for (int64_t at = 0; (length - 1) * skip < n - at; at++) {
                for (int64_t k = 0; k < length; k++)
                    items[k] = row[at + k * skip];
                gram key = {items, length, 0, 0};
                const gram *g =
                    t->n_grams ? bsearch(&key, t->grams, (size_t)t->n_grams, sizeof key, compare_grams) : NULL;
                if (g) {
                    count[g->output]++;
                    found[g->output] = g;
                }
            }
        }
}

static hone_status infer_tfidf(hone__infer *ctx) {
    size_t n;
    const int64_t *index = hone__node_attr_ints(ctx->node, "ngram_indexes", &n);
    int64_t outputs = 0;
    for (size_t i = 0; i < n; i++)
        outputs = hone__max_i64(outputs, index[i] < INT32_MAX ? index[i] + 1 : 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_FLOAT);
    if (ctx->in[0]->rank > 2)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input must be [C] or [N,C]");
    hone__dim dims[2] = {hone__dim_known(outputs), hone__dim_known(outputs)};
    if (ctx->in[0]->rank == 2)
        dims[0] = ctx->in[0]->dims[0];
    return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, ctx->in[0]->rank == 2 ? 2 : 1, dims);
}

static hone_status eval_tfidf(hone__eval *ctx) {
    const hone_tensor *x;
    tfidf t = {0};
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_tfidf(ctx, &t));
    if (x->rank > 2 || (x->dtype == HONE_DTYPE_STRING) != (t.words != NULL))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be [C] or [N,C], of the pool's type");
    int64_t rows = x->rank == 2 ? x->dims[0] : 1, cols = x->rank ? x->dims[x->rank - 1] : 1;
    int64_t dims[2] = {rows, t.n_outputs}, count = hone__tensor_count(x), *numbers, *items;
    double *sum;
    const gram **found;
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *numbers, (void **)&numbers));
    HONE_TRY(hone__eval_scratch_n(ctx, hone__min_i64(t.max, cols), sizeof *items, (void **)&items));
    HONE_TRY(hone__eval_scratch_n(ctx, t.n_outputs, sizeof *sum, (void **)&sum));
    HONE_TRY(hone__eval_scratch_n(ctx, t.n_outputs, sizeof *found, (void **)&found));
    for (int64_t i = 0; i < count; i++)
        numbers[i] = t.words ? word_number(&t, hone_tensor_get_string(x, i)) : hone__tensor_int_at(x, i);
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_FLOAT, x->rank == 2 ? 2 : 1, x->rank == 2 ? dims : dims + 1, &y));
    for (int64_t r = 0; y && r < rows; r++) {
        memset(sum, 0, (size_t)t.n_outputs * sizeof *sum);
        count_grams(&t, numbers + r * cols, cols, items, found, sum);
        for (int64_t i = 0; i < t.n_outputs; i++) {
            double weight = sum[i] > 0 && t.weights ? t.weights[found[i]->place] : 1;
            ((float *)y->data)[r * t.n_outputs + i] = (float)(t.mode == 't'   ? sum[i]
                                                              : t.mode == 'i' ? (sum[i] > 0 ? weight : 0)
                                                                              : sum[i] * weight);
        }
    }
    return HONE_OK;
}

/* ---- com.microsoft Tokenizer ---- */

typedef struct tokenizer {
    hone__regex **separators;
    size_t n_separators;
    hone__regex *token; /* or NULL */
    bool by_char, mark;
    int64_t min_chars;
} tokenizer;

/* Tokens of one text: parts in a growing array of scratch memory. */
typedef struct tokens {
    hone_string *parts;
    size_t n, capacity;
} tokens;

static hone_status push(hone__eval *ctx, tokens *t, hone_string part, int64_t min_chars) {
    int64_t chars = 0;
    uint32_t code;
    for (size_t i = 0; i < part.size; chars++)
        i += hone__utf8_next(part, i, &code);
    if (chars < min_chars)
        return HONE_OK;
    if (t->n == t->capacity) {
        size_t wider = t->capacity ? 2 * t->capacity : 16;
        hone_string *parts;
        HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)wider, sizeof *parts, (void **)&parts));
        if (t->n)
            memcpy(parts, t->parts, t->n * sizeof *parts);
        t->parts = parts;
        t->capacity = wider;
    }
    t->parts[t->n++] = part;
    return HONE_OK;
}

static hone_string cut(hone_string s, size_t from, size_t to) {
    return (hone_string){s.data ? s.data + from : "", to - from};
}

static hone_status find_tokens(hone__eval *ctx, const tokenizer *k, hone_string text, tokens *out) {
    uint32_t code;
    size_t begin, end;
    if (k->by_char) {
        for (size_t i = 0; i < text.size; i = end) {
            end = i + hone__utf8_next(text, i, &code);
            HONE_TRY(push(ctx, out, cut(text, i, end), k->min_chars));
        }
        return HONE_OK;
    }
    for (size_t at = 0; k->token && at < text.size && hone__regex_search(k->token, text, at, &begin, &end);) {
        if (end > begin)
            HONE_TRY(push(ctx, out, cut(text, begin, end), k->min_chars));
        at = end > begin ? end : begin < text.size ? begin + hone__utf8_next(text, begin, &code) : text.size;
    }
    return HONE_OK;
}

/* Each separator in turn cuts all the parts that those before it left. */
static hone_status split_tokens(hone__eval *ctx, const tokenizer *k, hone_string text, tokens *out) {
    tokens now = {0};
    HONE_TRY(push(ctx, &now, text, 0));
    for (size_t s = 0; s < k->n_separators; s++) {
        tokens next = {0};
        for (size_t i = 0; i < now.n; i++) {
            hone_string part = now.parts[i];
            size_t from = 0, at = 0, begin, end;
            while (at < part.size && hone__regex_search(k->separators[s], part, at, &begin, &end)) {
                if (end == begin)
                    return hone__eval_fail(ctx, HONE_ERROR_MODEL, "a separator matches the empty text");
                if (begin > from)
                    HONE_TRY(push(ctx, &next, cut(part, from, begin), 0));
                from = at = end;
            }
            if (from < part.size)
                HONE_TRY(push(ctx, &next, cut(part, from, part.size), 0));
        }
        now = next;
    }
    for (size_t i = 0; i < now.n; i++)
        if (now.parts[i].size)
            HONE_TRY(push(ctx, out, now.parts[i], k->min_chars));
    return HONE_OK;
}

static hone_status read_tokenizer(hone__eval *ctx, tokenizer *k) {
    const hone__attr *separators = hone__node_attr(ctx->node, "separators"),
                     *token = hone__node_attr(ctx->node, "tokenexp");
    bool has_separators = separators && separators->type == HONE_ATTR_STRINGS && separators->n > 0;
    bool has_token = token && token->type == HONE_ATTR_STRING && token->s.size > 0;
    k->mark = hone__node_attr_int(ctx->node, "mark", 0) != 0;
    k->min_chars = hone__node_attr_int(ctx->node, "mincharnum", 1);
    if (has_separators == has_token || k->min_chars < 1)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "Tokenizer needs either separators or tokenexp, and mincharnum");
    if (has_token) {
        k->by_char = token->s.size == 1 && token->s.data[0] == '.';
        return k->by_char ? HONE_OK : hone__regex_compile(ctx, token->s, &k->token);
    }
    k->by_char = separators->n == 1 && separators->strings[0].size == 0;
    if (k->by_char)
        return HONE_OK;
    k->n_separators = separators->n;
    HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)separators->n, sizeof(void *), (void **)&k->separators));
    for (size_t i = 0; i < separators->n; i++)
        HONE_TRY(hone__regex_compile(ctx, separators->strings[i], &k->separators[i]));
    return HONE_OK;
}

static hone_status infer_tokenizer(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_STRING);
    const hone__type *x = ctx->in[0];
    if (x->rank < 1 || x->rank > 2)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input must be [C] or [N,C]");
    hone__dim dims[3] = {x->dims[0], x->dims[x->rank - 1], hone__dim_unknown()};
    dims[x->rank] = hone__dim_unknown();
    return hone__infer_set(ctx, 0, HONE_DTYPE_STRING, x->rank + 1, dims);
}

/* Rows are filled up with pad_value; with `mark`, each begins with 0x02 and ends with 0x03. */
static hone_status eval_tokenizer(hone__eval *ctx) {
    const hone_tensor *x;
    tokenizer k = {0};
    const hone__attr *pad = hone__node_attr(ctx->node, "pad_value");
    hone_tensor *y;
    tokens *rows;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_tokenizer(ctx, &k));
    if (x->rank < 1 || x->rank > 2 || !pad || pad->type != HONE_ATTR_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be [C] or [N,C], and pad_value a string");
    int64_t count = hone__tensor_count(x), most = 0, dims[3] = {x->dims[0], x->dims[x->rank - 1], 0};
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *rows, (void **)&rows));
    for (int64_t i = 0; i < count; i++) {
        hone_string text = hone_tensor_get_string(x, i);
        if (k.mark)
            HONE_TRY(push(ctx, &rows[i], (hone_string){"\x02", 1}, 0));
        HONE_TRY(k.n_separators ? split_tokens(ctx, &k, text, &rows[i]) : find_tokens(ctx, &k, text, &rows[i]));
        if (k.mark)
            HONE_TRY(push(ctx, &rows[i], (hone_string){"\x03", 1}, 0));
        most = hone__max_i64(most, (int64_t)rows[i].n);
    }
    dims[x->rank] = most;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, x->rank + 1, dims, &y));
    for (int64_t i = 0; y && i < count; i++)
        for (int64_t j = 0; j < most; j++) {
            hone_string part = j < (int64_t)rows[i].n ? rows[i].parts[j] : pad->s;
            HONE_TRY(hone_tensor_set_string(y, i * most + j, part.data, part.size, ctx->error));
        }
    return HONE_OK;
}

/* ---- rows ---- */

static const hone__op_param p_text[] = {HONE_PARAM("X", HONE_SET(STRING), 0)};
static const hone__op_param p_bool[] = {HONE_PARAM("Y", HONE_SET(BOOL), 0)};
static const hone__op_param p_items[] = {HONE_PARAM("X", HONE_SET(STRING) | HONE_SET(INT32) | HONE_SET(INT64), 'T')};
static const hone__op_param p_float[] = {HONE_PARAM("Y", HONE_SET(FLOAT), 0)};
static const hone__op_attr a_regex[] = {{"pattern", HONE_ATTR_STRING, false}};
static const hone__op_attr a_tfidf[] = {
    {"max_gram_length", HONE_ATTR_INT, true}, {"max_skip_count", HONE_ATTR_INT, true},
    {"min_gram_length", HONE_ATTR_INT, true}, {"mode", HONE_ATTR_STRING, true},
    {"ngram_counts", HONE_ATTR_INTS, true},   {"ngram_indexes", HONE_ATTR_INTS, true},
    {"pool_int64s", HONE_ATTR_INTS, false},   {"pool_strings", HONE_ATTR_STRINGS, false},
    {"weights", HONE_ATTR_FLOATS, false}};
static const hone__op_attr a_tokenizer[] = {{"mark", HONE_ATTR_INT, true},
                                            {"mincharnum", HONE_ATTR_INT, true},
                                            {"pad_value", HONE_ATTR_STRING, true},
                                            {"separators", HONE_ATTR_STRINGS, false},

                                            {"tokenexp", HONE_ATTR_STRING, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "RegexFullMatch", 20, HONE_OP_PURE, 1, p_text, 1, p_bool, a_regex, infer_regex, eval_regex, NULL),
    HONE_ROW("", "TfIdfVectorizer", 9, HONE_OP_PURE, 1, p_items, 1, p_float, a_tfidf, infer_tfidf, eval_tfidf, NULL),
    HONE_ROW("com.microsoft", "Tokenizer", 1, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, p_text, 1, p_text, a_tokenizer,
             infer_tokenizer, eval_tokenizer, NULL),
};
const hone__op_family hone__ops_text = {"text", g_rows, HONE_COUNT(g_rows)};
