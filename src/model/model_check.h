/* The full check of a file: what its parts share. */
#ifndef HONE_MODEL_MODEL_CHECK_H
#define HONE_MODEL_MODEL_CHECK_H

#include "model/model.h"
#include "model/model_scope.h"

struct hone_findings {
    hone__arena arena;
    hone_finding *items;
    size_t n, capacity;
};

typedef struct hone__checker {
    hone_findings *findings;
    hone_model *model;                    /* its messages and source; the graph is made last */
    const hone__function_proto *function; /* whose body is being checked, or NULL */
    bool is_out_of_memory;
    size_t n_errors;
} hone__checker;

/* Adds a finding. head: the message concerned, for the position in the file. */
void hone__check_add(hone__checker *c, bool is_error, hone_status status, const hone__pb_head *head, const char *where,
                     const char *hint, const char *fmt, ...) HONE_PRINTF(7, 8);
/* Adds an error record. */
void hone__check_add_error(hone__checker *c, const hone_error *error, const char *where);

void hone__check_graph(hone__checker *c, hone__scope *parent, const hone__graph_proto *graph, bool is_main);
void hone__check_nodes(hone__checker *c, hone__scope *scope, const hone__node_proto *nodes, size_t n);
void hone__check_functions(hone__checker *c);
/* Rows and shapes, on the imported graph. */
void hone__check_semantics(hone__checker *c);

/* "node \"conv1\" (Conv)" into buf[size]. */
const char *hone__check_where(const hone__node_proto *node, size_t index, char *buf, size_t size);

#endif
