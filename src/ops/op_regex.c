/* Regular expressions as sets of states; see op_regex.h. */
#include "ops/op_regex.h"

#include "base/alloc.h"
#include "ops/op_help.h"

enum { MAX_PROGRAM = 20000, MAX_REPEAT = 1000, MAX_DEPTH = 100, MAX_RANGES = 4096 };

typedef enum code_kind { CODE_SET, CODE_ANY, CODE_SPLIT, CODE_JUMP, CODE_ASSERT, CODE_MATCH } code_kind;

typedef struct range {
    uint32_t first, last;
} range;

/* SET: ranges [a, a + b), negated or not; SPLIT: to a and b; JUMP: to a; ASSERT: a is the letter. */
typedef struct code {
    code_kind kind;
    bool is_negated;
    int a, b;
} code;

struct hone__regex {
    code *program;
    int n_program;
    range *ranges;
    int n_ranges;
    /* Sets of states while matching: a list and, per state, the step in which it was added last. */
    int *now, *next, *stack;
    uint64_t *mark, step;
};

typedef struct parser {
    hone__eval *ctx;
    hone__regex *re;
    hone_string text;
    size_t at;
    int depth;
} parser;

size_t hone__utf8_next(hone_string text, size_t i, uint32_t *out) {
    const unsigned char *p = (const unsigned char *)text.data + i;
    size_t left = text.size - i, n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : 4;
    uint32_t c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1Fu : n == 3 ? p[0] & 0x0Fu : p[0] & 0x07u;
    bool ok = n <= left && (n != 4 || (p[0] >= 0xF0 && p[0] <= 0xF4));
    for (size_t k = 1; ok && k < n; k++) {
        ok = (p[k] & 0xC0) == 0x80;
        c = c << 6 | (p[k] & 0x3Fu);
    }
    ok = ok && !(n == 3 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) && !(n == 4 && (c < 0x10000 || c > 0x10FFFF));
    *out = ok ? c : 0xFFFD;
    return ok ? n : 1;
}

/* ---- building the program ---- */

static hone_status bad(parser *p, hone_status status, const char *what) {
    return hone__eval_fail(p->ctx, status, "regular expression \"%.*s\": %s at byte %zu",
                           (int)hone__min_size(p->text.size, 80), p->text.data, what, p->at);
}

static hone_status emit(parser *p, code c) {
    if (p->re->n_program >= MAX_PROGRAM)
        return bad(p, HONE_ERROR_LIMIT, "it is too large");
    p->re->program[p->re->n_program++] = c;
    return HONE_OK;
}

static hone_status add_range(parser *p, uint32_t first, uint32_t last) {
    if (p->re->n_ranges >= MAX_RANGES)
        return bad(p, HONE_ERROR_LIMIT, "it has too many character ranges");
    p->re->ranges[p->re->n_ranges++] = (range){first, last};
    return HONE_OK;
}

/* Room for one more instruction at `at`: those from there on move up, targets with them. */
static hone_status make_room(parser *p, int at) {
    hone__regex *re = p->re;
    HONE_TRY(emit(p, (code){CODE_JUMP, false, 0, 0}));
    memmove(re->program + at + 1, re->program + at, (size_t)(re->n_program - 1 - at) * sizeof *re->program);
    for (int i = at + 1; i < re->n_program; i++) {
        code *c = &re->program[i];
        if (c->kind == CODE_SPLIT || c->kind == CODE_JUMP) {
            c->a += c->a >= at;
            c->b += c->b >= at && c->kind == CODE_SPLIT;
        }
    }
    return HONE_OK;
}

/* A copy of instructions [from, to) at the end. */
static hone_status copy_codes(parser *p, int from, int to) {
    int shift = p->re->n_program - from;
    for (int i = from; i < to; i++) {
        code c = p->re->program[i];
        if (c.kind == CODE_SPLIT || c.kind == CODE_JUMP) {
            c.a += shift;
            c.b += shift;
        }
        HONE_TRY(emit(p, c));
    }
    return HONE_OK;
}

static bool more(const parser *p) { return p->at < p->text.size; }
static char peek(const parser *p, size_t ahead) {
    return p->at + ahead < p->text.size ? p->text.data[p->at + ahead] : '\0';
}

/* ---- classes ---- */

static const range g_digit[] = {{'0', '9'}}, g_space[] = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}},
                   g_word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};

/* Ranges of a sorted table, or those between them. */
static hone_status add_table(parser *p, const range *table, size_t n, bool is_negated) {
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        HONE_TRY(!is_negated           ? add_range(p, table[i].first, table[i].last)
                 : table[i].first > at ? add_range(p, at, table[i].first - 1)
                                       : HONE_OK);
        at = table[i].last + 1;
    }
    return is_negated ? add_range(p, at, 0x10FFFF) : HONE_OK;
}

static hone_status add_perl_class(parser *p, char letter, bool *found) {
    char kind = (char)(letter | 0x20);
    bool is_negated = letter < 'a';
    *found = kind == 'd' || kind == 's' || kind == 'w';
    if (!*found)
        return HONE_OK;
    return kind == 'd'   ? add_table(p, g_digit, 1, is_negated)
           : kind == 's' ? add_table(p, g_space, 3, is_negated)
                         : add_table(p, g_word, 4, is_negated);
}

static hone_status add_posix_class(parser *p, hone_string name, bool is_negated, bool *found) {
    static const struct {
        const char *name;
        range ranges[4];
        size_t n;
    } classes[] = {
        {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
        {"alpha", {{'A', 'Z'}, {'a', 'z'}}, 2},
        {"ascii", {{0, 127}}, 1},
        {"blank", {{'\t', '\t'}, {' ', ' '}}, 2},
        {"cntrl", {{0, 31}, {127, 127}}, 2},
        {"digit", {{'0', '9'}}, 1},
        {"graph", {{'!', '~'}}, 1},
        {"lower", {{'a', 'z'}}, 1},
        {"print", {{' ', '~'}}, 1},
        {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
        {"space", {{'\t', '\r'}, {' ', ' '}}, 2},
        {"upper", {{'A', 'Z'}}, 1},
        {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
        {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
    };
    for (size_t i = 0; i < HONE_COUNT(classes); i++)
        if (name.size == strlen(classes[i].name) && memcmp(name.data, classes[i].name, name.size) == 0) {
            *found = true;
            return add_table(p, classes[i].ranges, classes[i].n, is_negated);
        }
    *found = false;
    return HONE_OK;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \x41 or \x{1F600}; `at` stands after the x. */
static hone_status parse_hex(parser *p, uint32_t *out) {
    uint32_t v = 0;
    int n = 0;
    bool braces = peek(p, 0) == '{';
    p->at += braces;
    while (hex_value(peek(p, 0)) >= 0 && n < (braces ? 6 : 2)) {
        v = v << 4 | (uint32_t)hex_value(peek(p, 0));
        p->at++;
        n++;
    }
    if (n == 0 || (!braces && n != 2) || (braces && peek(p, 0) != '}') || v > 0x10FFFF)
        return bad(p, HONE_ERROR_MODEL, "malformed \\x");
    p->at += braces;
    *out = v;
    return HONE_OK;
}

/* The character that an escape stands for; `at` is on the letter after the backslash. */
static hone_status parse_escape(parser *p, uint32_t *out) {
    static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    char c = peek(p, 0);
    if (!more(p))
        return bad(p, HONE_ERROR_MODEL, "a backslash ends the pattern");
    p->at++;
    if (c == 'x')
        return parse_hex(p, out);
    const char *known = strchr(letters, c);
    bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!(known && c) && is_word)
        return bad(p, HONE_ERROR_UNSUPPORTED, "this escape is not supported");
    *out = known && c ? (unsigned char)values[known - letters] : (unsigned char)c;
    return HONE_OK;
}

/* One character of a class, escapes resolved. */
static hone_status parse_class_char(parser *p, uint32_t *out) {
    if (!more(p))
        return bad(p, HONE_ERROR_MODEL, "a class lacks its ]");
    if (peek(p, 0) == '\\') {
        p->at++;
        return parse_escape(p, out);
    }
    p->at += hone__utf8_next(p->text, p->at, out);
    return HONE_OK;
}

static hone_status parse_class_item(parser *p) {
    bool found = false;
    if (peek(p, 0) == '[' && peek(p, 1) == ':') {
        const char *start = p->text.data + p->at + 2;
        const char *end = memmem(start, p->text.size - p->at - 2, ":]", 2);
        bool negated = end && end > start && *start == '^';
        if (end) {
            start += negated;
            HONE_TRY(add_posix_class(p, (hone_string){start, (size_t)(end - start)}, negated, &found));
            if (!found)
                return bad(p, HONE_ERROR_MODEL, "there is no such class");
            p->at = (size_t)(end - p->text.data) + 2;
            return HONE_OK;
        }
    }
    if (peek(p, 0) == '\\') {
        HONE_TRY(add_perl_class(p, peek(p, 1), &found));
        if (found) {
            p->at += 2;
            return HONE_OK;
        }
    }
    uint32_t first, last;
    HONE_TRY(parse_class_char(p, &first));
    last = first;
    if (peek(p, 0) == '-' && peek(p, 1) != ']' && p->at + 1 < p->text.size) {
        p->at++;
        HONE_TRY(parse_class_char(p, &last));
        if (last < first)
            return bad(p, HONE_ERROR_MODEL, "a range runs backwards");
    }
    return add_range(p, first, last);
}

static hone_status parse_class(parser *p) {
    code c = {CODE_SET, peek(p, 0) == '^', p->re->n_ranges, 0};
    p->at += c.is_negated;
    bool is_first = true;
    for (; peek(p, 0) != ']' || is_first || !more(p); is_first = false) {
        if (!more(p))
            return bad(p, HONE_ERROR_MODEL, "a class lacks its ]");
        HONE_TRY(parse_class_item(p));
    }
    p->at++;
    c.b = p->re->n_ranges - c.a;
    return emit(p, c);
}

/* ---- expressions ---- */

static hone_status parse_alternatives(parser *p);

static hone_status parse_group(parser *p) {
    if (peek(p, 0) == '?') {
        bool is_named = peek(p, 1) == 'P' && peek(p, 2) == '<';
        if (is_named) {
            const char *end = memchr(p->text.data + p->at, '>', p->text.size - p->at);
            if (!end)
                return bad(p, HONE_ERROR_MODEL, "a group's name lacks its >");
            p->at = (size_t)(end - p->text.data) + 1;
        } else if (peek(p, 1) == ':')
            p->at += 2;
        else
            return bad(p, HONE_ERROR_UNSUPPORTED, "flags and look-around are not supported");
    }
    if (++p->depth > MAX_DEPTH)
        return bad(p, HONE_ERROR_LIMIT, "groups are nested too deeply");
    HONE_TRY(parse_alternatives(p));
    p->depth--;
    if (peek(p, 0) != ')' || !more(p))
        return bad(p, HONE_ERROR_MODEL, "a group lacks its )");
    p->at++;
    return HONE_OK;
}

static hone_status emit_char(parser *p, uint32_t c) {
    code set = {CODE_SET, false, p->re->n_ranges, 1};
    HONE_TRY(add_range(p, c, c));
    return emit(p, set);
}

static hone_status parse_atom(parser *p) {
    char c = peek(p, 0);
    uint32_t value;
    bool found = false;
    if (c == '(') {
        p->at++;
        return parse_group(p);
    }
    if (c == '[') {
        p->at++;
        return parse_class(p);
    }
    if (c == '.' || c == '^' || c == '$') {
        p->at++;
        return emit(p, c == '.' ? (code){CODE_ANY, false, 0, 0} : (code){CODE_ASSERT, false, c, 0});
    }
    if (c == '*' || c == '+' || c == '?')
        return bad(p, HONE_ERROR_MODEL, "there is nothing to repeat");
    if (c != '\\') {
        p->at += hone__utf8_next(p->text, p->at, &value);
        return emit_char(p, value);
    }
    p->at++;
    c = peek(p, 0);
    if (more(p) && strchr("AzbB", c) && c) {
        p->at++;
        return emit(p, (code){CODE_ASSERT, false, c == 'A' ? '^' : c == 'z' ? '$' : c, 0});
    }
    code set = {CODE_SET, false, p->re->n_ranges, 0};
    HONE_TRY(add_perl_class(p, c, &found));
    if (found) {
        p->at++;
        set.b = p->re->n_ranges - set.a;
        return emit(p, set);
    }
    HONE_TRY(parse_escape(p, &value));
    return emit_char(p, value);
}

/* {n}, {n,}, {n,m}: true when it is one; a brace that is not stands for itself. */
static bool parse_counts(parser *p, int *min, int *max) {
    size_t at = p->at + 1;
    int v[2] = {0, -1}, n_digits[2] = {0, 0}, part = 0;
    for (; at < p->text.size && p->text.data[at] != '}'; at++) {
        char c = p->text.data[at];
        if (c == ',' && part == 0) {
            part = 1;
        } else if (c >= '0' && c <= '9') {
            v[part] = v[part] < 0 ? c - '0' : v[part] * 10 + (c - '0');
            if (++n_digits[part] > 6)
                return false;
        } else
            return false;
    }
    if (at >= p->text.size || n_digits[0] == 0)
        return false;
    *min = v[0];
    *max = part ? v[1] : v[0];
    p->at = at + 1;
    return true;
}

/* Turns instructions [from, end) into min..max of them (max -1: without bound). */
static hone_status repeat(parser *p, int from, int min, int max) {
    hone__regex *re = p->re;
    int size = re->n_program - from;
    if (max == 0) {
        re->n_program = from;
        return HONE_OK;
    }
    for (int i = 1; i < min; i++)
        HONE_TRY(copy_codes(p, from, from + size));
    if (max < 0) {
        if (min > 0) /* one more round of the last copy */
            return emit(p, (code){CODE_SPLIT, false, re->n_program - size, re->n_program + 1});
        HONE_TRY(make_room(p, from));
        re->program[from] = (code){CODE_SPLIT, false, from + 1, re->n_program + 1};
        return emit(p, (code){CODE_JUMP, false, from, 0});
    }
    for (int i = (min > 1 ? min : 1); i < max; i++)
        HONE_TRY(copy_codes(p, from, from + size));
    /* Each of the copies after the first `min` may be skipped, together with what follows. */
    for (int i = max - 1; i >= min; i--) {
        int at = from + i * size;
        HONE_TRY(make_room(p, at));
        re->program[at] = (code){CODE_SPLIT, false, at + 1, re->n_program};
    }
    return HONE_OK;
}

static hone_status parse_sequence(parser *p) {
    while (more(p) && peek(p, 0) != '|' && peek(p, 0) != ')') {
        int from = p->re->n_program, min, max;
        HONE_TRY(parse_atom(p));
        for (char c; more(p) && ((c = peek(p, 0)) == '*' || c == '+' || c == '?' || c == '{');) {
            if (c == '{') {
                if (!parse_counts(p, &min, &max))
                    break;
            } else {
                min = c == '+';
                max = c == '?' ? 1 : -1;
                p->at++;
            }
            if (min > MAX_REPEAT || max > MAX_REPEAT || (max >= 0 && max < min))
                return bad(p, HONE_ERROR_MODEL, "a repetition is out of range");
            HONE_TRY(repeat(p, from, min, max));
            if (more(p) && peek(p, 0) == '?') /* lazy: which match is meant does not change, sets have no order */
                p->at++;
        }
    }
    return HONE_OK;
}

static hone_status parse_alternatives(parser *p) {
    int from = p->re->n_program;
    HONE_TRY(parse_sequence(p));
    while (more(p) && peek(p, 0) == '|') {
        p->at++;
        HONE_TRY(make_room(p, from));
        HONE_TRY(emit(p, (code){CODE_JUMP, false, 0, 0}));
        int jump = p->re->n_program - 1, second = p->re->n_program;
        HONE_TRY(parse_sequence(p));
        p->re->program[jump].a = p->re->n_program;
        p->re->program[from] = (code){CODE_SPLIT, false, from + 1, second};
    }
    return HONE_OK;
}

hone_status hone__regex_compile(hone__eval *ctx, hone_string pattern, hone__regex **out) {
    hone__regex *re;
    HONE_TRY(hone__eval_scratch_n(ctx, 1, sizeof *re, (void **)&re));
    HONE_TRY(hone__eval_scratch_n(ctx, MAX_PROGRAM, sizeof *re->program, (void **)&re->program));
    HONE_TRY(hone__eval_scratch_n(ctx, MAX_RANGES, sizeof *re->ranges, (void **)&re->ranges));
    parser p = {ctx, re, pattern, 0, 0};
    HONE_TRY(parse_alternatives(&p));
    if (more(&p))
        return bad(&p, HONE_ERROR_MODEL, "there is a ) without its (");
    HONE_TRY(emit(&p, (code){CODE_MATCH, false, 0, 0}));
    int n = re->n_program;
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(int), (void **)&re->now));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(int), (void **)&re->next));
    HONE_TRY(hone__eval_scratch_n(ctx, 2 * (int64_t)n + 1, sizeof(int), (void **)&re->stack));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(uint64_t), (void **)&re->mark));
    *out = re;
    return HONE_OK;
}

/* ---- matching ---- */

static bool is_word(hone_string text, size_t i) {
    unsigned char c = i < text.size ? (unsigned char)text.data[i] : 0;
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool holds(int letter, hone_string text, size_t at) {
    bool edge = (at > 0 && is_word(text, at - 1)) != is_word(text, at);
    return letter == '^' ? at == 0 : letter == '$' ? at == text.size : letter == 'b' ? edge : !edge;
}

static bool accepts(const hone__regex *re, const code *c, uint32_t ch) {
    if (c->kind == CODE_ANY)
        return ch != '\n';
    for (int i = c->a; i < c->a + c->b; i++)
        if (ch >= re->ranges[i].first && ch <= re->ranges[i].last)
            return !c->is_negated;
    return c->is_negated;
}

/* Adds a state and all that it leads to without a character. Each is added once per step, so that the
 * stack holds two entries per state at most. */
static void add_state(hone__regex *re, int *list, int *n, int state, hone_string text, size_t at, bool *matched) {
    int depth = 0;
    re->stack[depth++] = state;
    while (depth) {
        int s = re->stack[--depth];
        if (re->mark[s] == re->step)
            continue;
        re->mark[s] = re->step;
        const code *c = &re->program[s];
        if (c->kind == CODE_MATCH)
            *matched = true;
        else if (c->kind == CODE_JUMP)
            re->stack[depth++] = c->a;
        else if (c->kind == CODE_SPLIT) {
            re->stack[depth++] = c->b;
            re->stack[depth++] = c->a;
        } else if (c->kind == CODE_ASSERT) {
            if (holds(c->a, text, at))
                re->stack[depth++] = s + 1;
        } else
            list[(*n)++] = s;
    }
}

/* The end of the longest match that begins at `from`; false when there is none. */
static bool match_at(hone__regex *re, hone_string text, size_t from, size_t *end) {
    int n = 0;
    bool found = false, matched = false;
    re->step++;
    add_state(re, re->now, &n, 0, text, from, &matched);
    for (size_t at = from;;) {
        if (matched) {
            found = true;
            *end = at;
        }
        if (at >= text.size || n == 0)
            return found;
        uint32_t ch;
        size_t size = hone__utf8_next(text, at, &ch);
        int n_next = 0;
        matched = false;
        re->step++;
        for (int i = 0; i < n; i++)
            if (accepts(re, &re->program[re->now[i]], ch))
                add_state(re, re->next, &n_next, re->now[i] + 1, text, at + size, &matched);
        int *swap = re->now;
        re->now = re->next;
        re->next = swap;
        n = n_next;
        at += size;
    }
}

bool hone__regex_full_match(hone__regex *regex, hone_string text) {
    size_t end;
    return match_at(regex, text, 0, &end) && end == text.size;
}

bool hone__regex_search(hone__regex *regex, hone_string text, size_t from, size_t *begin, size_t *end) {
    for (size_t at = from; at <= text.size;) {
        if (match_at(regex, text, at, end)) {
            *begin = at;
            return true;
        }
        uint32_t ch;
        at += at < text.size ? hone__utf8_next(text, at, &ch) : 1;
    }
    return false;
}
