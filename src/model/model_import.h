/* What the files that build the graph share. */
#ifndef HONE_MODEL_MODEL_IMPORT_H
#define HONE_MODEL_MODEL_IMPORT_H

#include "model/model.h"
#include "model/model_scope.h"

/* Function calls inside function calls. */
enum { HONE__MAX_CALLS = 64 };

typedef struct hone__importer {
    hone_model *model;
    hone__graph *root;
    hone_error *error;
    size_t n_nodes_left; /* nodes that may still be made: inlining must not explode */
    int n_calls, n_depth;
    bool is_unsorted; /* a node used a value that a later node makes */
} hone__importer;

/* Constants, declared outputs, nodes of a graph or function body. */
hone_status hone__import_nodes(hone__importer *im, hone__scope *scope, const hone__node_proto *nodes, size_t n);
hone_status hone__import_graph(hone__importer *im, hone__scope *parent, hone__graph *graph,
                               const hone__graph_proto *proto, const hone__call *call);
/* Applies declared types to the scope's own values. */
hone_status hone__import_value_infos(hone__importer *im, hone__scope *scope, const hone__value_info_proto *infos,
                                     size_t n);

/* The function that a node calls, or NULL. */
const hone__function_proto *hone__import_find_function(const hone__importer *im, const hone__scope *scope,
                                                       const hone__node_proto *node);
hone_status hone__import_call(hone__importer *im, hone__scope *scope, const hone__node_proto *node,
                              const hone__function_proto *function, hone__value *const *inputs, size_t n_inputs,
                              hone__value *const *outputs, size_t n_outputs, const char *name);

/* Follows references to attributes of the function being inlined. *out NULL: the attribute is absent;
 * *scope becomes the scope in which the attribute was written. */
void hone__import_resolve_attr(const hone__attribute_proto *attr, hone__scope **scope,
                               const hone__attribute_proto **out);
/* Adds all attributes of a NodeProto to a node. */
hone_status hone__import_attrs(hone__importer *im, hone__scope *scope, const hone__node_proto *proto, hone__node *node);
/* The tensor of a Constant node; *out NULL when it has none. The caller owns it. */
hone_status hone__import_constant(hone__importer *im, hone__scope *scope, const hone__node_proto *proto,
                                  hone_tensor **out);
/* Type of an attribute, from the field that is set when the file does not say (IR version 1). */
int64_t hone__attribute_type(const hone__attribute_proto *attr);

/* Version of a domain in force in a scope; 0: not imported. */
int64_t hone__import_opset(const hone__importer *im, const hone__scope *scope, const char *domain);

/* Adds node name and file position to the error. */
hone_status hone__import_fail(const hone__importer *im, hone_status status, const hone__pb_head *head,
                              const char *node);

#endif
