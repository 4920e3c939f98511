/* The store: SQLite, shared by all runs of the tuner and by sessions with tunable operators.
 *
 *   results    every measurement, with model hash, hardware, versions and settings
 *   decisions  what was chosen last for a key: the next run keeps it unless the figures disagree
 *   choices    kernel choices of tunable_op_*
 *
 * A store that is damaged is set aside under another name; one that cannot be opened is done without. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct hone_tune_store {
    sqlite3 *db; /* NULL: done without */
    pthread_mutex_t lock;
    json_t *session; /* choices of this process, when there is no file */
};

static const char g_schema[] =
    "CREATE TABLE IF NOT EXISTS results (id INTEGER PRIMARY KEY, created INTEGER NOT NULL, model TEXT NOT NULL, "
    "hardware TEXT NOT NULL,"
    " versions TEXT NOT NULL, settings TEXT NOT NULL, input TEXT NOT NULL, result TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS results_key ON results (model, hardware, versions, settings);"
    "CREATE TABLE IF NOT EXISTS decisions (key TEXT PRIMARY KEY, settings TEXT NOT NULL, fps REAL NOT NULL, created "
    "INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS choices (key TEXT PRIMARY KEY, value TEXT NOT NULL);";

static bool make_folders(char *path) {
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            int rc = mkdir(path, 0777);
            int code = errno;
            *p = '/';
            if (rc && code != EEXIST && code != EROFS && code != EACCES)
                return false;
        }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

bool hone__store_folder(char *out, size_t size) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = cache && cache[0] == '/' ? snprintf(out, size, "%s/hone", cache)
            : home && home[0] == '/' ? snprintf(out, size, "%s/.cache/hone", home)
                                     : -1;
    return n > 0 && (size_t)n < size && make_folders(out);
}

/* Opens and proves that the file can be read and written. */
static int open_db(const char *path, sqlite3 **db) {
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(*db, 10000);
        rc = sqlite3_exec(*db, g_schema, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*db, "BEGIN IMMEDIATE; SELECT count(*) FROM sqlite_master; COMMIT;", NULL, NULL, NULL);
    return rc;
}

hone_status hone_tune_store_open(const char *path, hone_tune_store **out, char *warning, size_t warning_size,
                                 hone_error *error) {
    char where[PATH_MAX], folder[PATH_MAX - 16];
    hone_tune_store *store = hone__calloc(1, sizeof *store);
    *out = NULL;
    if (warning && warning_size)
        warning[0] = 0;
    if (!store || !(store->session = json_object())) {
        hone__free(store);
        return hone__fail_memory(error, "store");
    }
    pthread_mutex_init(&store->lock, NULL);
    *out = store;
    if (!path && hone__store_folder(folder, sizeof folder)) {
        snprintf(where, sizeof where, "%s/store.db", folder);
        path = where;
    }
    if (!path) {
        if (warning)
            snprintf(warning, warning_size,
                     "no cache folder ($XDG_CACHE_HOME or $HOME) can be written: results are not stored");
        return HONE_OK;
    }
    int rc = open_db(path, &store->db);
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT) {
        char aside[PATH_MAX + 32];
        snprintf(aside, sizeof aside, "%s.damaged-%lld", path, (long long)time(NULL));
        sqlite3_close(store->db);
        store->db = NULL;
        bool is_moved = rename(path, aside) == 0;
        if (warning)
            snprintf(warning, warning_size, "the store %.200s is damaged: %s", path,
                     is_moved ? "it was set aside and a new one begun" : "it is not used");
        if (is_moved)
            rc = open_db(path, &store->db);
    }
    if (rc != SQLITE_OK) {
        if (warning && !warning[0])
            snprintf(warning, warning_size, "the store %.200s cannot be used (%s): results are not stored", path,
                     sqlite3_errstr(rc));
        sqlite3_close(store->db);
        store->db = NULL;
    }
    return HONE_OK;
}

void hone_tune_store_close(hone_tune_store *store) {
    if (!store)
        return;
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    json_decref(store->session);
    hone__free(store);
}

static sqlite3_stmt *prepare(hone_tune_store *store, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (!store || !store->db || sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    return statement;
}

static void bind(sqlite3_stmt *statement, int index, const char *text) {
    sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

/* One text of the first row; false when there is none. */
static bool get_text(hone_tune_store *store, const char *sql, const char *key, char *out, size_t size) {
    sqlite3_stmt *statement = prepare(store, sql);
    bool is_found = false;
    if (statement) {
        bind(statement, 1, key);
        if (sqlite3_step(statement) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            is_found = text && strlen(text) < size;
            if (is_found)
                snprintf(out, size, "%s", text);
        }
        sqlite3_finalize(statement);
    }
    return is_found;
}

bool hone__store_get_decision(hone_tune_store *store, const char *key, char *canonical, size_t size) {
    return get_text(store, "SELECT settings FROM decisions WHERE key = ?", key, canonical, size);
}

void hone__store_put_decision(hone_tune_store *store, const char *key, const char *canonical, double fps) {
    sqlite3_stmt *statement = prepare(store, "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?)");
    if (!statement)
        return;
    bind(statement, 1, key);
    bind(statement, 2, canonical);
    sqlite3_bind_double(statement, 3, fps);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)time(NULL));
    sqlite3_step(statement);
    sqlite3_finalize(statement);
}

void hone__store_put_result(hone_tune_store *store, const char *model, const char *hardware, const char *versions,
                            const char *settings, const char *input, const char *json) {
    sqlite3_stmt *statement =
        prepare(store, "INSERT INTO results (created, model, hardware, versions, settings, input, result)"
                       " VALUES (?, ?, ?, ?, ?, ?, ?)");
    if (!statement)
        return;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)time(NULL));
    bind(statement, 2, model);
    bind(statement, 3, hardware);
    bind(statement, 4, versions);
    bind(statement, 5, settings);
    bind(statement, 6, input);
    bind(statement, 7, json);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
}

static bool choice_get(void *user, const char *key, char *value, size_t size) {
    hone_tune_store *store = user;
    pthread_mutex_lock(&store->lock);
    const char *known = json_string_value(json_object_get(store->session, key));
    bool is_found = known && strlen(known) < size;
    if (is_found)
        snprintf(value, size, "%s", known);
    else
        is_found = get_text(store, "SELECT value FROM choices WHERE key = ?", key, value, size);
    pthread_mutex_unlock(&store->lock);
    return is_found;
}

static void choice_put(void *user, const char *key, const char *value) {
    hone_tune_store *store = user;
    pthread_mutex_lock(&store->lock);
    json_object_set_new(store->session, key, json_string(value));
    sqlite3_stmt *statement = prepare(store, "INSERT OR REPLACE INTO choices VALUES (?, ?)");
    if (statement) {
        bind(statement, 1, key);
        bind(statement, 2, value);
        sqlite3_step(statement);
        sqlite3_finalize(statement);
    }
    pthread_mutex_unlock(&store->lock);
}

hone_choice_store hone_tune_store_choices(hone_tune_store *store) {
    return (hone_choice_store){store, choice_get, choice_put};
}
