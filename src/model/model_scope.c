/* Scopes: hash tables with open addressing; see model_scope.h. */
#include "model/model_scope.h"

#include "base/alloc.h"

void hone__scope_init(hone__scope *scope, hone__scope *parent, hone__graph *graph, const hone__call *call) {
    *scope = (hone__scope){.parent = parent, .graph = graph, .call = call};
}

void hone__scope_deinit(hone__scope *scope) {
    hone__free(scope->bindings);
    scope->bindings = NULL;
    scope->capacity = scope->n = 0;
}

/* FNV-1a with a final mix, so that linear probing sees well spread low bits. */
static uint64_t hash_bytes(hone__pb_bytes name) {
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < name.size; i++)
        h = (h ^ name.data[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* The slot that holds the name, or the free one where it belongs. */
static hone__binding *slot_of(hone__binding *bindings, size_t capacity, hone__pb_bytes name, uint64_t hash) {
    size_t i = hash & (capacity - 1);
    while (bindings[i].is_used && !(bindings[i].hash == hash && hone__pb_equal(bindings[i].name, name)))
        i = (i + 1) & (capacity - 1);
    return &bindings[i];
}

hone__binding *hone__scope_find_here(const hone__scope *scope, hone__pb_bytes name) {
    if (!scope->capacity)
        return NULL;
    hone__binding *slot = slot_of(scope->bindings, scope->capacity, name, hash_bytes(name));
    return slot->is_used ? slot : NULL;
}

hone__binding *hone__scope_find(const hone__scope *scope, hone__pb_bytes name) {
    for (; scope; scope = scope->parent) {
        hone__binding *binding = hone__scope_find_here(scope, name);
        if (binding)
            return binding;
    }
    return NULL;
}

hone__binding *hone__scope_bind(hone__scope *scope, hone__pb_bytes name, hone__value *value) {
    if (2 * (scope->n + 1) > scope->capacity) {
        size_t capacity = scope->capacity ? scope->capacity * 2 : 16;
        hone__binding *grown = hone__calloc(capacity, sizeof *grown);
        if (!grown)
            return NULL;
        for (size_t i = 0; i < scope->capacity; i++)
            if (scope->bindings[i].is_used)
                *slot_of(grown, capacity, scope->bindings[i].name, scope->bindings[i].hash) = scope->bindings[i];
        hone__free(scope->bindings);
        scope->bindings = grown;
        scope->capacity = capacity;
    }
    uint64_t hash = hash_bytes(name);
    hone__binding *slot = slot_of(scope->bindings, scope->capacity, name, hash);
    *slot = (hone__binding){.name = name, .value = value, .hash = hash, .is_used = true};
    scope->n++;
    return slot;
}
