/* config.yaml edited in place: for each nasty file the exact bytes after the edit, or a refusal that
 * leaves no bytes at all; then random files, whose every other value must survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tune/config_edit.h"

typedef struct edit_case {
    const char *name, *before, *after; /* after == NULL: refused */
    hone__config_change changes[4];
} edit_case;

#define THREADS                                                                                                        \
    { .key = "intra_op_num_threads", .value = "2" }
#define SEARCH                                                                                                         \
    { .key = "cudnn_conv_algo_search", .value = "EXHAUSTIVE" }
#define ARENA_OFF                                                                                                      \
    { .key = "enable_cpu_mem_arena", .value = "false" }
#define BACKEND                                                                                                        \
    { .key = "backend", .value = "cpu" }
#define MARK                                                                                                           \
    { .key = "fingerprint", .value = "hone: \"a\\b\"", .is_text = true }
#define PROVIDERS                                                                                                      \
    { .key = "providers", .value = "A,B", .is_list = true }
#define NO_LIMIT                                                                                                       \
    { .key = "gpu_mem_limit_gb", .value = "" }

static bool accepts(void *user, const char *key, const char *text) {
    (void)user;
    return strcmp(key, "backend") != 0 || !strcmp(text, "cpu") || !strcmp(text, "cuda");
}

static const edit_case cases[] = {
    {"plain value", "onnx:\n  intra_op_num_threads: 4\n", "onnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"comment after",
     "onnx:\n  intra_op_num_threads: 4   # four!\n  x: 1\n",
     "onnx:\n  intra_op_num_threads: 2   # four!\n  x: 1\n",
     {THREADS}},
    {"double quotes stay",
     "onnx:\n  intra_op_num_threads: \"4\"\n",
     "onnx:\n  intra_op_num_threads: \"2\"\n",
     {THREADS}},
    {"single quotes stay",
     "onnx: \n  cudnn_conv_algo_search:   'DEFAULT'\t# c\n",
     "onnx: \n  cudnn_conv_algo_search:   'EXHAUSTIVE'\t# c\n",
     {SEARCH}},
    {"quoted key", "\"onnx\":\n  'intra_op_num_threads' : 4\n", "\"onnx\":\n  'intra_op_num_threads' : 2\n", {THREADS}},
    {"CRLF",
     "# h\r\nonnx:\r\n  intra_op_num_threads: 4\r\n  y: 1\r\n",
     "# h\r\nonnx:\r\n  intra_op_num_threads: 2\r\n  y: 1\r\n",
     {THREADS}},
    {"CRLF add", "onnx:\r\n  y: 1\r\nz: 2\r\n", "onnx:\r\n  y: 1\r\n  intra_op_num_threads: 2\r\nz: 2\r\n", {THREADS}},
    {"CRLF new section", "y: 1\r\n", "y: 1\r\nonnx:\r\n  intra_op_num_threads: 2\r\n", {THREADS}},
    {"byte order mark",
     "\xEF\xBB\xBFonnx:\n  intra_op_num_threads: 4\n",
     "\xEF\xBB\xBFonnx:\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"UTF-8 before",
     "# \xC3\xA9\xE2\x82\xAC\nname: \"\xF0\x9F\x9A\x80\"\nonnx: {intra_op_num_threads: 4}\n",
     "# \xC3\xA9\xE2\x82\xAC\nname: \"\xF0\x9F\x9A\x80\"\nonnx: {intra_op_num_threads: 2}\n",
     {THREADS}},
    {"no final newline", "onnx:\n  intra_op_num_threads: 4", "onnx:\n  intra_op_num_threads: 2", {THREADS}},
    {"no final newline, add", "onnx:\n  y: 1", "onnx:\n  y: 1\n  intra_op_num_threads: 2", {THREADS}},
    {"no final newline, section", "y: 1", "y: 1\nonnx:\n  intra_op_num_threads: 2", {THREADS}},
    {"empty file", "", "onnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"comments only", "# nothing\n\n", "# nothing\n\nonnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"comment without newline", "a: 1\n# end", "a: 1\n# end\nonnx:\n  intra_op_num_threads: 2", {THREADS}},
    {"marker only", "---\n", "---\nonnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"marker without newline", "---", "---\nonnx:\n  intra_op_num_threads: 2", {THREADS}},
    {"key elsewhere",
     "server:\n  port: 80\n  intra_op_num_threads: 8 # s\n",
     "server:\n  port: 80\n  intra_op_num_threads: 2 # s\n",
     {THREADS}},
    {"key at the top", "intra_op_num_threads: 8\nb: 1\n", "intra_op_num_threads: 2\nb: 1\n", {THREADS}},
    {"onnx comes first",
     "intra_op_num_threads: 8\nonnx:\n  intra_op_num_threads: 9\n",
     "intra_op_num_threads: 8\nonnx:\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"deeper in onnx",
     "intra_op_num_threads: 8\nonnx:\n  cpu:\n    intra_op_num_threads: 9\n",
     "intra_op_num_threads: 8\nonnx:\n  cpu:\n    intra_op_num_threads: 2\n",
     {THREADS}},
    {"in a list of maps",
     "models:\n- name: a\n  intra_op_num_threads: 8\n",
     "models:\n- name: a\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"two places", "a: {intra_op_num_threads: 8}\nb: {intra_op_num_threads: 8}\n", NULL, {THREADS}},
    {"somebody else's backend",
     "cache:\n  backend: redis\n",
     "cache:\n  backend: redis\nonnx:\n  backend: cpu\n",
     {BACKEND}},
    {"our backend elsewhere", "run:\n  backend: cuda\n", "run:\n  backend: cpu\n", {BACKEND}},
    {"flow map",
     "onnx: {a: 1, intra_op_num_threads: 4, b: [1, 2]} # f\n",
     "onnx: {a: 1, intra_op_num_threads: 2, b: [1, 2]} # f\n",
     {THREADS}},
    {"flow map, add",
     "onnx: {a: 1} # f\n",
     "onnx: {a: 1, intra_op_num_threads: 2, cudnn_conv_algo_search: EXHAUSTIVE} # f\n",
     {THREADS, SEARCH}},
    {"flow map, trailing comma", "onnx: {a: 1, }\n", "onnx: {a: 1, intra_op_num_threads: 2, }\n", {THREADS}},
    {"flow map, empty value", "onnx: {a: , b}\n", "onnx: {a: , b, intra_op_num_threads: 2}\n", {THREADS}},
    {"flow map, last empty", "onnx: {b, a: }\n", "onnx: {b, a:, intra_op_num_threads: 2 }\n", {THREADS}},
    {"empty flow map", "onnx: {}\nz: 1\n", "onnx: {intra_op_num_threads: 2}\nz: 1\n", {THREADS}},
    {"flow over lines",
     "onnx: {\n  a: 1, # one\n  b: 2  # two\n}\n",
     "onnx: {\n  a: 1, # one\n  b: 2, intra_op_num_threads: 2  # two\n}\n",
     {THREADS}},
    {"flow root", "{a: 1, b: {c: 2}}\n", "{a: 1, b: {c: 2}, onnx: {intra_op_num_threads: 2}}\n", {THREADS}},
    {"JSON",
     "{\n  \"a\": 1,\n  \"onnx\": {\"intra_op_num_threads\": 4}\n}\n",
     "{\n  \"a\": 1,\n  \"onnx\": {\"intra_op_num_threads\": 2}\n}\n",
     {THREADS}},
    {"JSON, add",
     "{\"a\": 1}\n",
     "{\"a\": 1, \"onnx\": {\"intra_op_num_threads\": 2, \"cudnn_conv_algo_search\": \"EXHAUSTIVE\"}}\n",
     {THREADS, SEARCH}},
    {"onnx empty",
     "a: 1\nonnx:   # todo\nz: 1\n",
     "a: 1\nonnx:   # todo\n  intra_op_num_threads: 2\nz: 1\n",
     {THREADS}},
    {"onnx null",
     "a: 1\nonnx: null # todo\nz: 1\n",
     "a: 1\nonnx: # todo\n  intra_op_num_threads: 2\nz: 1\n",
     {THREADS}},
    {"onnx tilde at the end", "onnx: ~", "onnx:\n  intra_op_num_threads: 2", {THREADS}},
    {"onnx null in flow", "{a: 1, onnx: null}\n", "{a: 1, onnx: {intra_op_num_threads: 2}}\n", {THREADS}},
    {"onnx is a list", "onnx:\n- a\n", NULL, {THREADS}},
    {"onnx is a word", "onnx: fast\n", NULL, {THREADS}},
    {"onnx is an alias", "c: &c {a: 1}\nonnx: *c\n", NULL, {THREADS}},
    {"indent by four",
     "server:\n    port: 1\n",
     "server:\n    port: 1\nonnx:\n    intra_op_num_threads: 2\n",
     {THREADS}},
    {"indent of the section",
     "onnx:\n      y: 1 # c\n      # tail\nz: 2\n",
     "onnx:\n      y: 1 # c\n      intra_op_num_threads: 2\n      # tail\nz: 2\n",
     {THREADS}},
    {"indented root", "  a: 1\n  b: 2\n", "  a: 1\n  b: 2\n  onnx:\n    intra_op_num_threads: 2\n", {THREADS}},
    {"nested last value",
     "onnx:\n  y:\n    z:\n      - 1\n      - 2 # two\n\nq: 1\n",
     "onnx:\n  y:\n    z:\n      - 1\n      - 2 # two\n  intra_op_num_threads: 2\n\nq: 1\n",
     {THREADS}},
    {"block scalar last",
     "onnx:\n  y: |\n    text\n    more\nq: 1\n",
     "onnx:\n  y: |\n    text\n    more\n  intra_op_num_threads: 2\nq: 1\n",
     {THREADS}},
    {"kept blank lines",
     "onnx:\n  y: |+\n    text\n\n\nq: 1\n",
     "onnx:\n  y: |+\n    text\n\n\n  intra_op_num_threads: 2\nq: 1\n",
     {THREADS}},
    {"kept blank lines at the end", "a: |+\n  t\n\n", "a: |+\n  t\n\nonnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"value is a block",
     "onnx:\n  intra_op_num_threads: |-\n    4\n  z: 1\n",
     "onnx:\n  intra_op_num_threads: 2\n  z: 1\n",
     {THREADS}},
    {"value on the next line",
     "onnx:\n  intra_op_num_threads:\n    4 # c\n",
     "onnx:\n  intra_op_num_threads:\n    2 # c\n",
     {THREADS}},
    {"value over lines",
     "onnx:\n  intra_op_num_threads: 4\n    5\n  z: 1\n",
     "onnx:\n  intra_op_num_threads: 2\n  z: 1\n",
     {THREADS}},
    {"value missing",
     "onnx:\n  intra_op_num_threads:\n  z: 1\n",
     "onnx:\n  intra_op_num_threads: 2\n  z: 1\n",
     {THREADS}},
    {"value missing, comment",
     "onnx:\n  intra_op_num_threads:  # none\n",
     "onnx:\n  intra_op_num_threads: 2  # none\n",
     {THREADS}},
    {"value null", "onnx:\n  intra_op_num_threads: ~\n", "onnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"to null", "onnx:\n  gpu_mem_limit_gb: 4 # GB\n", "onnx:\n  gpu_mem_limit_gb: null # GB\n", {NO_LIMIT}},
    {"tag stays", "onnx:\n  intra_op_num_threads: !!int 4\n", "onnx:\n  intra_op_num_threads: !!int 2\n", {THREADS}},
    {"bool in the file's words",
     "onnx:\n  enable_cpu_mem_arena: yes # y\n",
     "onnx:\n  enable_cpu_mem_arena: no # y\n",
     {ARENA_OFF}},
    {"bool with a capital",
     "onnx: {enable_cpu_mem_arena: True}\n",
     "onnx: {enable_cpu_mem_arena: False}\n",
     {ARENA_OFF}},
    {"alias as value",
     "n: &n 4\nonnx:\n  intra_op_num_threads: *n\nz: *n\n",
     "n: &n 4\nonnx:\n  intra_op_num_threads: 2\nz: *n\n",
     {THREADS}},
    {"anchor without users",
     "onnx:\n  intra_op_num_threads: &n 4\n",
     "onnx:\n  intra_op_num_threads: &n 2\n",
     {THREADS}},
    {"anchor with users",
     "onnx:\n  intra_op_num_threads: &n 4 # n\nworkers: *n\nmore: *n\n",
     "onnx:\n  intra_op_num_threads: 2 # n\nworkers: &n 4\nmore: *n\n",
     {THREADS}},
    {"merged mapping",
     "base: &b\n  intra_op_num_threads: 4\nonnx:\n  <<: *b\n  z: 1\nother:\n  <<: *b\n",
     "base: &b\n  intra_op_num_threads: 4\nonnx:\n  <<: *b\n  z: 1\n  intra_op_num_threads: 2\nother:\n  <<: *b\n",
     {THREADS}},
    {"shared mapping",
     "a: &a {intra_op_num_threads: 4}\nb: *a\n",
     "a: &a {intra_op_num_threads: 4}\nb: *a\nonnx:\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"anchored section",
     "onnx: &o\n  intra_op_num_threads: 4\nx: *o\n",
     "onnx: &o\n  intra_op_num_threads: 2\nx: *o\n",
     {THREADS}},
    {"second document",
     "a: 1\n---\nonnx:\n  intra_op_num_threads: 4\n",
     "a: 1\nonnx:\n  intra_op_num_threads: 2\n---\nonnx:\n  intra_op_num_threads: 4\n",
     {THREADS}},
    {"document end",
     "%YAML 1.2\n---\na: 1\n...\n# after\n",
     "%YAML 1.2\n---\na: 1\nonnx:\n  intra_op_num_threads: 2\n...\n# after\n",
     {THREADS}},
    {"duplicate key", "onnx:\n  intra_op_num_threads: 4\n  intra_op_num_threads: 5\n", NULL, {THREADS}},
    {"duplicate section", "onnx:\n  a: 4\nonnx:\n  b: 5\n", NULL, {THREADS}},
    {"not YAML", "onnx: [1, 2\n", NULL, {THREADS}},
    {"not a mapping", "- 1\n- 2\n", NULL, {THREADS}},
    {"just a word", "hello\n", NULL, {THREADS}},
    {"tab in a comment",
     "onnx:\t# tab\n  intra_op_num_threads:\t4\t# tab\n",
     "onnx:\t# tab\n  intra_op_num_threads:\t2\t# tab\n",
     {THREADS}},
    {"hash and colon in text",
     "onnx:\n  t: \"a # b: c\"\n  intra_op_num_threads: 4\n",
     "onnx:\n  t: \"a # b: c\"\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"key named in a comment",
     "# intra_op_num_threads: 4\nonnx:\n  # intra_op_num_threads: 3\n  a: 1\n",
     "# intra_op_num_threads: 4\nonnx:\n  # intra_op_num_threads: 3\n  a: 1\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"key named in a text",
     "note: |\n  intra_op_num_threads: 4\n",
     "note: |\n  intra_op_num_threads: 4\nonnx:\n  intra_op_num_threads: 2\n",
     {THREADS}},
    {"value is a mapping", "onnx:\n  intra_op_num_threads: {a: 1}\n", NULL, {THREADS}},
    {"list in one line", "onnx:\n  providers: [X, Y] # p\n", "onnx:\n  providers: [A, B] # p\n", {PROVIDERS}},
    {"list over lines", "onnx:\n  providers:\n  - X\n", NULL, {PROVIDERS}},
    {"text is quoted", "onnx:\n  a: 1\n", "onnx:\n  a: 1\n  fingerprint: \"hone: \\\"a\\\\b\\\"\"\n", {MARK}},
    {"several at once",
     "# top\nonnx:\n  cudnn_conv_algo_search: DEFAULT\n  intra_op_num_threads: 4\n",
     "# top\nonnx:\n  cudnn_conv_algo_search: EXHAUSTIVE\n  intra_op_num_threads: 2\n  enable_cpu_mem_arena: false\n",
     {THREADS, SEARCH, ARENA_OFF}},
    {"explicit key", "onnx:\n  ? intra_op_num_threads\n  : 4\n", "onnx:\n  ? intra_op_num_threads\n  : 2\n", {THREADS}},
    {"blank lines at the end", "a: 1\n\n\n", "a: 1\n\n\nonnx:\n  intra_op_num_threads: 2\n", {THREADS}},
    {"no change", "a: 1\n", "a: 1\n", {{0}}},
};

static void test_cases(void **state) {
    (void)state;
    int n_bad = 0;
    hone__config_filter filter = {accepts, NULL};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const edit_case *c = &cases[i];
        size_t n = 0;
        while (n < 4 && c->changes[n].key)
            n++;
        hone__strbuf out;
        hone__strbuf_init(&out);
        hone_error error;
        hone_status status =
            hone__config_edit(c->before, strlen(c->before), "config.yaml", c->changes, n, &filter, &out, &error);
        bool is_good = c->after ? status == HONE_OK && !strcmp(hone__strbuf_text(&out), c->after)
                                : status == HONE_ERROR_CONFIG && out.size == 0 && error.message[0];
        if (!is_good) {
            n_bad++;
            print_error("case \"%s\": %s %s\n--- got\n%s\n--- expected\n%s\n", c->name, hone_status_name(status),
                        status == HONE_OK ? "" : error.message, hone__strbuf_text(&out),
                        c->after ? c->after : "refusal");
        }
        hone__strbuf_deinit(&out);
    }
    assert_int_equal(n_bad, 0);
}

/* Random files: sections, comments, quotes and flow maps in any order, with the key somewhere or
 * nowhere; the edit must succeed, and undoing the expected splice must give the old bytes. */
static uint32_t random_state = 12345;
static uint32_t next_random(uint32_t n) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static void random_value(hone__strbuf *s) {
    static const char *const values[] = {
        "1",      "'it''s'", "\"q\\n\"", "plain text", "[1, 2, {a: b}]", "{x: 1, y: }", "~", "\xC3\xA9t\xC3\xA9",
        "&a%d 7", "!!str 5", "",         "\"# no\""};
    char buf[64];
    snprintf(buf, sizeof buf, values[next_random(12)], (int)next_random(100000));
    hone__strbuf_puts(s, buf);
}

static void test_random(void **state) {
    (void)state;
    for (int round = 0; round < 3000; round++) {
        hone__strbuf before, out;
        hone__strbuf_init(&before);
        hone__strbuf_init(&out);
        const char *nl = next_random(2) ? "\n" : "\r\n";
        int n_sections = 1 + (int)next_random(4), at = (int)next_random(6), onnx = (int)next_random(5);
        for (int i = 0; i < n_sections; i++) {
            if (next_random(3) == 0)
                hone__strbuf_printf(&before, "# comment: %d%s%s", i, nl, next_random(2) ? nl : "");
            char name[16];
            snprintf(name, sizeof name, "s%d", i);
            int indent = 1 + (int)next_random(4);
            hone__strbuf_printf(&before, "%s:%s%s", i == onnx ? "onnx" : name, next_random(3) ? "" : "  # c", nl);
            int n_keys = 1 + (int)next_random(4);
            for (int k = 0; k < n_keys; k++) {
                bool is_key = i == at && k == 0;
                hone__strbuf_printf(&before, "%*s%s%d: ", indent, "", is_key ? "intra_op_num_threads" : "k", k);
                if (is_key) { /* the number belongs to the other keys only */
                    before.size -= 3;
                    hone__strbuf_puts(&before, ": 4");
                } else
                    random_value(&before);
                hone__strbuf_printf(&before, "%s%s", next_random(4) ? "" : " # tail", nl);
            }
        }
        if (next_random(3) == 0 && before.size > 2) {
            before.size -= strlen(nl);
            before.data[before.size] = 0;
        }
        hone__config_change change = THREADS;
        hone_error error;
        hone_status status = hone__config_edit(before.data, before.size, "random", &change, 1, NULL, &out, &error);
        if (status != HONE_OK)
            fail_msg("round %d: %s\n%s", round, error.message, before.data);
        /* What was not touched is a common prefix and suffix; the middle is the value or whole lines. */
        size_t prefix = 0, suffix = 0;
        while (prefix < before.size && prefix < out.size && before.data[prefix] == out.data[prefix])
            prefix++;
        while (suffix < before.size - prefix && suffix < out.size - prefix &&
               before.data[before.size - 1 - suffix] == out.data[out.size - 1 - suffix])
            suffix++;
        size_t removed = before.size - prefix - suffix, added = out.size - prefix - suffix;
        if (at < n_sections)
            assert_true(removed == 1 && added == 1 && before.data[prefix] == '4' && out.data[prefix] == '2');
        else
            assert_true(removed == 0 && added >= strlen("intra_op_num_threads: 2"));
        /* Doing it again changes nothing but the same value. */
        hone__strbuf again;
        hone__strbuf_init(&again);
        assert_int_equal(hone__config_edit(out.data, out.size, "random", &change, 1, NULL, &again, &error), HONE_OK);
        assert_string_equal(again.data, out.data);
        hone__strbuf_deinit(&again);
        hone__strbuf_deinit(&before);
        hone__strbuf_deinit(&out);
    }
}

/* Damaged bytes never crash and never give output without success. */
static void test_damage(void **state) {
    (void)state;
    for (int round = 0; round < 4000; round++) {
        const edit_case *c = &cases[next_random(sizeof cases / sizeof cases[0])];
        char buf[512];
        size_t n = strlen(c->before);
        memcpy(buf, c->before, n);
        for (uint32_t k = 0, flips = 1 + next_random(3); n && k < flips; k++)
            buf[next_random((uint32_t)n)] =
                (char)(next_random(8) ? "{}[]&*!|>'\"%#:-, \n\t?"[next_random(20)] : (int)next_random(256));
        hone__strbuf out;
        hone__strbuf_init(&out);
        hone__config_change change = THREADS;
        hone_error error;
        if (hone__config_edit(buf, n, "damaged", &change, 1, NULL, &out, &error) != HONE_OK)
            assert_true(out.size == 0 && error.message[0]);
        else
            assert_non_null(strstr(out.data, "2"));
        hone__strbuf_deinit(&out);
    }
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_files(void **state) {
    (void)state;
    char dir[] = "/tmp/hone-test-XXXXXX", path[128], link_path[128], bak[128];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    snprintf(link_path, sizeof link_path, "%s/link.yaml", dir);
    snprintf(bak, sizeof bak, "%s/config.yaml.bak", dir);
    write_text(path, "old: 1\n");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(symlink("config.yaml", link_path), 0);
    hone__strbuf before, now;
    hone_error error;
    hone__strbuf_init(&before);
    hone__strbuf_init(&now);
    assert_int_equal(hone__config_read_file(link_path, &before, &error), HONE_OK);
    assert_int_equal(hone__config_check_writable(link_path, &error), HONE_OK);
    assert_int_equal(hone__config_write_file(link_path, &before, "new: 2\n", 7, &error), HONE_OK);
    struct stat st;
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(hone__config_read_file(path, &now, &error), HONE_OK);
    assert_string_equal(now.data, "new: 2\n");
    hone__strbuf_deinit(&now);
    hone__strbuf_init(&now);
    assert_int_equal(hone__config_read_file(bak, &now, &error), HONE_OK);
    assert_string_equal(now.data, "old: 1\n");
    /* Changed by somebody else since it was read: left alone. */
    assert_int_equal(hone__config_write_file(path, &before, "x: 3\n", 5, &error), HONE_ERROR_IO);
    /* A disk without room: the limit on file sizes stands in for it. */
    hone__strbuf_deinit(&before);
    hone__strbuf_init(&before);
    assert_int_equal(hone__config_read_file(path, &before, &error), HONE_OK);
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 3;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    hone_status status = hone__config_write_file(path, &before, "x: 333333\n", 10, &error);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, HONE_ERROR_IO);
    hone__strbuf_deinit(&now);
    hone__strbuf_init(&now);
    assert_int_equal(hone__config_read_file(path, &now, &error), HONE_OK);
    assert_string_equal(now.data, "new: 2\n");
    /* New files, missing files, folders. */
    hone__strbuf_deinit(&now);
    hone__strbuf_init(&now);
    snprintf(bak, sizeof bak, "%s/fresh.yaml", dir);
    assert_int_equal(hone__config_read_file(bak, &now, &error), HONE_ERROR_NOT_FOUND);
    assert_int_equal(hone__config_write_file(bak, NULL, "a: 1\n", 5, &error), HONE_OK);
    assert_int_equal(hone__config_write_file(bak, NULL, "a: 2\n", 5, &error), HONE_ERROR_IO);
    assert_int_equal(hone__config_read_file(dir, &now, &error), HONE_ERROR_CONFIG);
    char command[160];
    snprintf(command, sizeof command, "ls -A %s | grep -c hone-", dir);
    FILE *p = popen(command, "r");
    int left = -1;
    assert_int_equal(fscanf(p, "%d", &left), 1);
    pclose(p);
    assert_int_equal(left, 0); /* no temporary file stays */
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    hone__strbuf_deinit(&before);
    hone__strbuf_deinit(&now);
}

/* Merges of merges of merges: 9 to the power of 20 ways to walk, and 20 mappings to look at. */
static void test_merge_bomb(void **state) {
    (void)state;
    char text[4096] = "a: &a {x: 1}\n";
    size_t n = strlen(text);
    for (int i = 1; i <= 20; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%c: &%c\n  <<: [", 'a' + i, 'a' + i);
        for (int k = 0; k < 9; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s*%c", k ? "," : "", 'a' + i - 1);
        n += (size_t)snprintf(text + n, sizeof text - n, "]\n");
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "onnx:\n  <<: [*u, *u]\n");
    hone__strbuf out;
    hone_error error;
    const hone__config_change change = SEARCH;
    hone__strbuf_init(&out);
    alarm(20); /* ends the test if the walk does not end */
    assert_int_equal(hone__config_edit(text, n, "bomb", &change, 1, NULL, &out, &error), HONE_OK);
    alarm(0);
    assert_non_null(strstr(out.data, "<<: [*u, *u]\n  cudnn_conv_algo_search: EXHAUSTIVE\n"));
    hone__strbuf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_damage), cmocka_unit_test(test_merge_bomb),
                                       cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
