/* The tables of names: who is called what, in constant time whatever the size of the graph. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/checked.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a over the name, with the scope's address mixed in. */
static uint64_t hash_name(const void *scope, const char *name) {
    uint64_t h = 14695981039346656037u ^ ((uint64_t)(uintptr_t)scope * 0x9E3779B97F4A7C15u);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        h = (h ^ *p) * 1099511628211u;
    return h ^ (h >> 29);
}

static hone__names_entry *find_slot(hone__names_entry *entries, size_t capacity, const void *scope, const char *name,
                                    uint64_t hash) {
    for (size_t i = (size_t)hash & (capacity - 1);; i = (i + 1) & (capacity - 1)) {
        hone__names_entry *e = &entries[i];
        if (!e->name || (e->hash == hash && e->scope == scope && strcmp(e->name, name) == 0))
            return e;
    }
}

void *hone__names_get(const hone__names *names, const void *scope, const char *name) {
    if (!names->capacity)
        return NULL;
    return find_slot(names->entries, names->capacity, scope, name, hash_name(scope, name))->value;
}

bool hone__names_reserve(hone__names *names, size_t extra) {
    size_t need;
    if (!hone__add_size(names->n, extra, &need) || need > SIZE_MAX / 4)
        return false;
    if (names->capacity && need * 2 <= names->capacity)
        return true;
    size_t capacity = names->capacity ? names->capacity : 64;
    while (capacity < need * 2)
        capacity *= 2;
    hone__names_entry *entries = hone__calloc(capacity, sizeof *entries);
    if (!entries)
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < names->capacity; i++) {
        const hone__names_entry *e = &names->entries[i];
        if (e->name && e->value) {
            *find_slot(entries, capacity, e->scope, e->name, e->hash) = *e;
            kept++;
        }
    }
    hone__free(names->entries);
    names->entries = entries;
    names->capacity = capacity;
    names->n = kept;
    return true;
}

void hone__names_put(hone__names *names, const void *scope, const char *name, void *value) {
    uint64_t hash = hash_name(scope, name);
    hone__names_entry *e = find_slot(names->entries, names->capacity, scope, name, hash);
    if (!e->name)
        names->n++;
    *e = (hone__names_entry){.scope = scope, .name = name, .value = value, .hash = hash};
}

void hone__names_deinit(hone__names *names) {
    hone__free(names->entries);
    *names = (hone__names){0};
}

const char *hone__graph_unique_name(hone__graph *graph, hone__names *names, const char *base) {
    struct hone__graph_root *root = graph->root;
    if (!hone__names_reserve(names, 2)) /* the unique name and the one a subgraph knows */
        return NULL;
    if (!hone__names_get(names, NULL, base))
        return hone__arena_strdup(&root->arena, base);
    size_t size = strlen(base) + 24;
    char *name = hone__arena_alloc(&root->arena, size);
    if (!name)
        return NULL;
    do
        snprintf(name, size, "%s_%llu", base, (unsigned long long)root->next_suffix++);
    while (hone__names_get(names, NULL, name));
    return name;
}
