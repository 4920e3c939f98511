/* Reading ONNX Runtime's profile, which is a JSON array of trace events (Chrome's trace event format); see
 * ort_profile.h. Only what is needed of JSON is here: a walk over values that keeps the members of an event and of
 * its "args". */
#include "exec/onnxruntime/ort_profile.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_NAME = 512 };

typedef struct reader {
    const char *at, *end;
} reader;

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool take_char(reader *r, char c) {
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* A string into buf (NULL: dropped), cut to its size; \u escapes become '?' outside ASCII. */
static bool read_string(reader *r, char *buf, size_t size) {
    size_t n = 0;
    if (!take_char(r, '"'))
        return false;
    while (r->at < r->end && *r->at != '"') {
        char c = *r->at++;
        if (c == '\\') {
            if (r->at == r->end)
                return false;
            c = *r->at++;
            if (c == 'u') {
                if (r->end - r->at < 4)
                    return false;
                char hex[5] = {r->at[0], r->at[1], r->at[2], r->at[3], 0};
                unsigned long code = strtoul(hex, NULL, 16);
                r->at += 4;
                c = code >= 32 && code < 127 ? (char)code : '?';
            } else if (c == 'n' || c == 't' || c == 'r' || c == 'b' || c == 'f') {
                c = ' ';
            }
        }
        if (buf && n + 1 < size)
            buf[n++] = c;
    }
    if (buf)
        buf[n] = '\0';
    return take_char(r, '"');
}

/* Skips one value of any kind. */
static bool skip_value(reader *r) {
    int depth = 0;
    do {
        skip_space(r);
        if (r->at == r->end)
            return false;
        char c = *r->at;
        if (c == '"') {
            if (!read_string(r, NULL, 0))
                return false;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return false;
            r->at++;
        } else if (c == '}' || c == ']') {
            if (--depth < 0)
                return false;
            r->at++;
        } else if (c == ',' || c == ':') {
            if (!depth)
                return false;
            r->at++;
        } else {
            while (r->at < r->end && !strchr(",:{}[]\" \n\t\r", *r->at))
                r->at++;
        }
    } while (depth);
    return true;
}

/* A number, bare or written as a string. */
static bool read_number(reader *r, double *out) {
    char text[64];
    skip_space(r);
    if (r->at < r->end && *r->at == '"') {
        if (!read_string(r, text, sizeof text))
            return false;
    } else {
        size_t n = 0;
        while (r->at < r->end && strchr("+-.0123456789eE", *r->at) && n + 1 < sizeof text)
            text[n++] = *r->at++;
        text[n] = '\0';
    }
    *out = strtod(text, NULL);
    return true;
}

typedef struct event {
    char category[32], name[MAX_NAME], op[128], provider[64];
    double duration; /* microseconds */
    double activation, parameter, output;
} event;

static bool read_member(reader *r, const char *key, event *e, bool in_args) {
    skip_space(r);
    if (!in_args) {
        if (!strcmp(key, "cat"))
            return read_string(r, e->category, sizeof e->category);
        if (!strcmp(key, "name"))
            return read_string(r, e->name, sizeof e->name);
        if (!strcmp(key, "dur"))
            return read_number(r, &e->duration);
        return skip_value(r);
    }
    if (!strcmp(key, "op_name"))
        return read_string(r, e->op, sizeof e->op);
    if (!strcmp(key, "provider"))
        return read_string(r, e->provider, sizeof e->provider);
    if (!strcmp(key, "activation_size"))
        return read_number(r, &e->activation);
    if (!strcmp(key, "parameter_size"))
        return read_number(r, &e->parameter);
    if (!strcmp(key, "output_size"))
        return read_number(r, &e->output);
    return skip_value(r);
}

static bool read_object(reader *r, event *e, bool in_args) {
    char key[64];
    if (!take_char(r, '{'))
        return false;
    if (take_char(r, '}'))
        return true;
    do {
        if (!read_string(r, key, sizeof key) || !take_char(r, ':'))
            return false;
        skip_space(r);
        bool nested = !in_args && !strcmp(key, "args") && r->at < r->end && *r->at == '{';
        if (!(nested ? read_object(r, e, true) : read_member(r, key, e, in_args)))
            return false;
    } while (take_char(r, ','));
    return take_char(r, '}');
}

/* "/conv1/Conv_kernel_time" -> "/conv1/Conv"; false for other events of a node. */
static bool is_kernel(event *e) {
    static const char suffix[] = "_kernel_time";
    size_t n = strlen(e->name), k = sizeof suffix - 1;
    if (strcmp(e->category, "Node") != 0 || n <= k || strcmp(e->name + n - k, suffix) != 0)
        return false;
    e->name[n - k] = '\0';
    return true;
}

static hone_status add(hone__ort_profile *profile, size_t *capacity, const event *e, hone_error *error) {
    hone__ort_node *node = NULL;
    /* Runs follow each other in the same order, so the node is near; a linear search is for few thousand nodes. */
    for (size_t i = 0; i < profile->n && !node; i++)
        if (!strcmp(profile->nodes[i].name, e->name) && !strcmp(profile->nodes[i].op, e->op))
            node = &profile->nodes[i];
    if (!node) {
        if (!hone__grow((void **)&profile->nodes, capacity, profile->n + 1, sizeof *profile->nodes))
            return hone__fail_memory(error, "a profile");
        node = &profile->nodes[profile->n];
        *node = (hone__ort_node){.name = hone__arena_strdup(&profile->arena, e->name),
                                 .op = hone__arena_strdup(&profile->arena, e->op),
                                 .provider = hone__arena_strdup(&profile->arena, e->provider)};
        if (!node->name || !node->op || !node->provider)
            return hone__fail_memory(error, "a profile");
        profile->n++;
    }
    node->time_ms = e->duration / 1e3;
    node->activation_size = e->activation;
    node->parameter_size = e->parameter;
    node->output_size = e->output;
    return HONE_OK;
}

hone_status hone__ort_profile_read(const char *path, hone__ort_profile *out, hone_error *error) {
    hone__mapping file = {0};
    size_t capacity = 0;
    memset(out, 0, sizeof *out);
    hone__arena_init(&out->arena);
    hone_status status = hone__mapping_open(path, &file, error);
    reader r = {(const char *)file.data, (const char *)file.data + file.size};
    bool ok = status == HONE_OK && take_char(&r, '[');
    while (ok && !take_char(&r, ']')) {
        event e = {.duration = 0};
        ok = read_object(&r, &e, false);
        take_char(&r, ',');
        if (ok && is_kernel(&e))
            HONE_CHECK(add(out, &capacity, &e, error));
    }
    if (status == HONE_OK && !ok)
        status = hone__fail(error, HONE_ERROR_MODEL, "the profile that ONNX Runtime wrote cannot be read");
cleanup:
    hone__mapping_close(&file);
    if (status != HONE_OK)
        hone__ort_profile_deinit(out);
    return status;
}

void hone__ort_profile_deinit(hone__ort_profile *profile) {
    hone__free(profile->nodes);
    hone__arena_deinit(&profile->arena);
    memset(profile, 0, sizeof *profile);
}
