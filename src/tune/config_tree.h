/* A YAML file as a tree of nodes that know where they stand in the bytes: what config_edit needs to
 * change one value and leave every other byte alone. Built on libfyaml's events and marks. */
#ifndef HONE_TUNE_CONFIG_TREE_H
#define HONE_TUNE_CONFIG_TREE_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum hone__config_kind {
    HONE_CONFIG_SCALAR,
    HONE_CONFIG_ALIAS,
    HONE_CONFIG_MAP,
    HONE_CONFIG_SEQUENCE
} hone__config_kind;

typedef enum hone__config_style {
    HONE_CONFIG_PLAIN,
    HONE_CONFIG_SINGLE, /* '...' */
    HONE_CONFIG_DOUBLE, /* "..." */
    HONE_CONFIG_BLOCK   /* | or > */
} hone__config_style;

typedef struct hone__config_node hone__config_node;
struct hone__config_node {
    hone__config_kind kind;
    hone__config_style style;
    bool is_flow;      /* collections: written with { } or [ ] */
    bool is_empty;     /* scalars: nothing is written at all ("key:") */
    bool has_tag;      /* !!int and the like */
    bool has_position; /* false for some empty scalars */
    size_t start,
        end; /* bytes, quotes, braces and '*' included; block scalars: the content lines; block maps: last content */
    int line, column;                /* of start, from 0 */
    size_t anchor_start, anchor_end; /* with the '&'; equal when there is none */
    const char *anchor;              /* name of the anchor, or of what an alias points at; NULL: none */
    const char *text;                /* scalars: the value after unquoting */
    hone__config_node *target;       /* aliases: what they stand for */
    hone__config_node *parent;
    hone__config_node **items; /* maps: key, value, key, value, ... */
    size_t n_items, capacity;
    size_t n_aliases; /* aliases that point here */
    void *pair;       /* for the comparison of two trees */
};

typedef struct hone__config_document {
    hone__config_node *root; /* NULL when the document is empty */
    size_t insert_at;        /* where a line may be added at its end */
} hone__config_document;

typedef struct hone__config_tree {
    const char *data; /* the bytes; borrowed */
    size_t size;
    hone__config_document *documents;
    size_t n_documents, document_capacity;
    void *arena; /* owner of all nodes and texts */
} hone__config_tree;

/* Errors: CONFIG with the file, byte offset, line and column of the fault; above 16 MB too. */
hone_status hone__config_tree_parse(const char *data, size_t size, const char *file, hone__config_tree *out,
                                    hone_error *error);
void hone__config_tree_deinit(hone__config_tree *tree);

#endif
