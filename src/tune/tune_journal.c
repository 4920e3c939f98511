/* The journal: one line of JSON per finished trial, on the disk before the next one starts, so that
 * --resume goes on after a kill -9. The file's name holds a hash of everything that must be the same
 * (model, machine, versions, space, runs); a torn last line is dropped. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file_io.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct hone__journal {
    int fd;
    char path[PATH_MAX];
    json_t *records; /* array */
};

static char *read_all(int fd, size_t *size) {
    char *data = NULL;
    size_t n = 0, capacity = 0;
    for (;;) {
        if (!hone__grow((void **)&data, &capacity, n + 65536, 1))
            break;
        ssize_t got = read(fd, data + n, 65535);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            data[n] = 0;
            *size = n;
            return data;
        }
        n += (size_t)got;
    }
    hone__free(data);
    return NULL;
}

/* Reads whole lines; returns the bytes that are good. */
static size_t load(hone__journal *j) {
    size_t size = 0, good = 0;
    char *data = read_all(j->fd, &size);
    for (size_t at = 0; data && at < size;) {
        char *end = memchr(data + at, '\n', size - at);
        if (!end)
            break;
        json_t *record = json_loadb(data + at, (size_t)(end - data) - at, 0, NULL);
        if (!record)
            break;
        json_array_append_new(j->records, record);
        at = good = (size_t)(end - data) + 1;
    }
    hone__free(data);
    return good;
}

hone_status hone__journal_open(const char *folder, const char *key, bool resume, hone__journal **out,
                               hone_error *error) {
    hone__journal *j = hone__calloc(1, sizeof *j);
    *out = NULL;
    if (!j || !(j->records = json_array())) {
        hone__free(j);
        return hone__fail_memory(error, "journal");
    }
    snprintf(j->path, sizeof j->path, "%.*s/tune-%.32s.jsonl", PATH_MAX - 64, folder, key);
    j->fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    const char *why = j->fd < 0 ? strerror(errno) : NULL;
    if (!why && flock(j->fd, LOCK_EX | LOCK_NB))
        why = "another hone tune of this model is running";
    if (!why && resume) {
        size_t good = load(j);
        if (ftruncate(j->fd, (off_t)good) || lseek(j->fd, 0, SEEK_END) < 0)
            why = strerror(errno);
    } else if (!why && ftruncate(j->fd, 0)) {
        why = strerror(errno);
    }
    if (why) {
        hone_status status =
            hone__fail(error, HONE_ERROR_IO, "%s: no journal, so --resume will not work: %s", j->path, why);
        if (j->fd >= 0)
            close(j->fd);
        json_decref(j->records);
        hone__free(j);
        return status;
    }
    *out = j;
    return HONE_OK;
}

size_t hone__journal_count(const hone__journal *journal) { return journal ? json_array_size(journal->records) : 0; }

hone_status hone__journal_put(hone__journal *journal, json_t *record) {
    if (!journal || !record) {
        json_decref(record);
        return HONE_OK;
    }
    char *text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(record);
    if (!text)
        return HONE_ERROR_MEMORY;
    size_t size = strlen(text);
    text[size++] = '\n';
    hone_status status = hone__write_all(journal->fd, text, size) ? HONE_OK : HONE_ERROR_IO;
    if (status == HONE_OK && fsync(journal->fd) && errno != EINVAL && errno != EROFS)
        status = HONE_ERROR_IO;
    free(text);
    return status;
}

static json_t *numbers(const double *values, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(values[i]));
    return list;
}

json_t *hone__journal_record(const char *kind, const hone__trial *trial, const hone__measure *m) {
    return json_pack("{s:s,s:s,s:i,s:s,s:I,s:o,s:o,s:f,s:f,s:f,s:f}", "kind", kind, "canonical", trial->canonical,
                     "status", (int)trial->status, "reason", trial->reason, "block", (json_int_t)m->block, "trial_ms",
                     numbers(m->trial_ms, m->n), "base_ms", numbers(m->base_ms, m->n), "init_ms", m->init_ms, "peak_mb",
                     m->peak_mb, "max_error", m->max_error == m->max_error && m->max_error < 1e300 ? m->max_error : -1,
                     "accuracy", m->accuracy);
}

static const double *load_numbers(const json_t *list, size_t n, hone__arena *arena) {
    double *out = hone__arena_calloc(arena, n ? n : 1, sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        out[i] = json_number_value(json_array_get(list, i));
    return out;
}

bool hone__journal_find(const hone__journal *journal, const char *kind, const char *canonical, hone__arena *arena,
                        hone__trial *trial, hone__measure *m) {
    size_t index;
    json_t *record;
    if (!journal)
        return false;
    json_array_foreach(journal->records, index, record) {
        const char *k = json_string_value(json_object_get(record, "kind"));
        const char *c = json_string_value(json_object_get(record, "canonical"));
        if (!k || !c || strcmp(k, kind) || strcmp(c, canonical))
            continue;
        json_t *trial_ms = json_object_get(record, "trial_ms"), *base_ms = json_object_get(record, "base_ms");
        size_t n = json_array_size(trial_ms);
        const char *reason = json_string_value(json_object_get(record, "reason"));
        json_int_t status = json_integer_value(json_object_get(record, "status"));
        memset(m, 0, sizeof *m);
        m->trial_ms = (double *)(uintptr_t)load_numbers(trial_ms, n, arena);
        m->base_ms = (double *)(uintptr_t)load_numbers(base_ms, n, arena);
        if (json_array_size(base_ms) != n || !m->trial_ms || !m->base_ms || status < HONE_TRIAL_OK ||
            status > HONE_TRIAL_SKIPPED)
            return false;
        m->n = n;
        m->block = (size_t)json_integer_value(json_object_get(record, "block"));
        m->block = m->block ? m->block : 1;
        m->init_ms = json_number_value(json_object_get(record, "init_ms"));
        m->peak_mb = json_number_value(json_object_get(record, "peak_mb"));
        m->max_error = json_number_value(json_object_get(record, "max_error"));
        m->accuracy = json_number_value(json_object_get(record, "accuracy"));
        trial->status = (hone__trial_status)status;
        trial->reason = hone__arena_strdup(arena, reason ? reason : "");
        return trial->reason != NULL;
    }
    return false;
}

void hone__journal_close(hone__journal *journal, bool is_finished) {
    if (!journal)
        return;
    if (is_finished)
        unlink(journal->path);
    close(journal->fd);
    json_decref(journal->records);
    hone__free(journal);
}
