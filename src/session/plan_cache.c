/* Plans of a session by input-shape signature. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "session/session_internal.h"

#include <string.h>

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9E3779B97F4A7C15u + (hash << 6) + (hash >> 2);
    return hash * 0xFF51AFD7ED558CCDu;
}

static uint64_t hash_shapes(const hone_tensor *const *inputs, size_t n) {
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = mix(hash, ((uint64_t)inputs[i]->kind << 32) | (uint32_t)inputs[i]->rank);
        for (int d = 0; d < inputs[i]->rank; d++)
            hash = mix(hash, (uint64_t)inputs[i]->dims[d]);
    }
    return hash;
}

static bool same_shapes(const hone_tensor *a, const hone_tensor *const *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i].kind != b[i]->kind || a[i].rank != b[i]->rank ||
            memcmp(a[i].dims, b[i]->dims, (size_t)a[i].rank * sizeof *a[i].dims) != 0)
            return false;
    return true;
}

static void destroy_entry(hone_session *session, hone__plan_entry *entry) {
    session->backend->plan_destroy(entry->plan);
    hone__free(entry->inputs);
    hone__free(entry);
}

/* Drops the least recently used plans beyond the bound that no request holds. */
static void trim(hone_session *session) {
    for (;;) {
        size_t n = 0;
        hone__plan_entry **oldest = NULL;
        for (hone__plan_entry **at = &session->plans; *at; at = &(*at)->next) {
            n++;
            if ((*at)->n_users == 0 && *at != session->latest && (!oldest || (*at)->last_used < (*oldest)->last_used))
                oldest = at;
        }
        if (n <= HONE_MAX_PLANS || !oldest)
            return;
        hone__plan_entry *gone = *oldest;
        *oldest = gone->next;
        destroy_entry(session, gone);
    }
}

static hone_status make_entry(hone_session *session, const hone_tensor *const *inputs, hone__plan_entry **out,
                              hone_error *error) {
    size_t n = session->graph->n_inputs;
    hone__plan_entry *entry = hone__calloc(1, sizeof *entry);
    hone_tensor *shapes = hone__calloc(n ? n : 1, sizeof *shapes);
    if (!entry || !shapes) {
        hone__free(entry);
        hone__free(shapes);
        return hone__fail_memory(error, "a plan");
    }
    for (size_t i = 0; i < n; i++) {
        shapes[i] = *inputs[i];
        shapes[i].data = NULL;
        shapes[i].items = NULL;
        shapes[i].n_items = 0;
        shapes[i].owns_data = false;
    }
    entry->inputs = shapes;
    uint64_t start = hone__now_ns();
    hone_status status = session->backend->plan(session->exec, inputs, &entry->plan, error);
    session->plan_ms = hone__ms_since(start);
    if (status != HONE_OK) {
        hone__free(shapes);
        hone__free(entry);
        return status;
    }
    *out = entry;
    return HONE_OK;
}

hone_status hone__session_get_plan(hone_session *session, const hone_tensor *const *inputs, hone__plan_entry **out,
                                   hone_error *error) {
    uint64_t hash = hash_shapes(inputs, session->graph->n_inputs);
    hone_status status = HONE_OK;
    pthread_mutex_lock(&session->lock);
    hone__plan_entry *entry = session->plans;
    while (entry && (entry->hash != hash || !same_shapes(entry->inputs, inputs, session->graph->n_inputs)))
        entry = entry->next;
    if (!entry && (status = make_entry(session, inputs, &entry, error)) == HONE_OK) {
        entry->hash = hash;
        entry->next = session->plans;
        session->plans = entry;
        session->n_plans++;
    }
    if (status == HONE_OK) {
        entry->n_users++;
        entry->last_used = ++session->clock;
        session->latest = entry;
        trim(session);
        *out = entry;
    }
    pthread_mutex_unlock(&session->lock);
    return status;
}

void hone__session_release_plan(hone_session *session, hone__plan_entry *entry) {
    if (!entry)
        return;
    pthread_mutex_lock(&session->lock);
    entry->n_users--;
    pthread_mutex_unlock(&session->lock);
}

void hone__session_drop_plans(hone_session *session) {
    while (session->plans) {
        hone__plan_entry *next = session->plans->next;
        destroy_entry(session, session->plans);
        session->plans = next;
    }
    session->latest = NULL;
}
