/* A readable listing of a graph, one node per line, subgraphs indented below their node. */
#include "graph/graph.h"

#include <stdio.h>

static void print_value(const hone__value *value, hone__strbuf *out, bool with_type) {
    if (!value) {
        hone__strbuf_puts(out, "_");
        return;
    }
    hone__strbuf_printf(out, "%%%s", value->name);
    char type[256];
    if (with_type && value->type.is_known)
        hone__strbuf_printf(out, ": %s", hone__type_describe(&value->type, type, sizeof type));
}

enum { MAX_SHOWN = 8 }; /* elements of an attribute's array */

static void print_attr(const hone__attr *attr, hone__strbuf *out) {
    char text[256];
    hone__strbuf_printf(out, "%s=", attr->name);
    switch (attr->type) {
    case HONE_ATTR_FLOAT:
        hone__strbuf_printf(out, "%g", (double)attr->f);
        break;
    case HONE_ATTR_INT:
        hone__strbuf_printf(out, "%lld", (long long)attr->i);
        break;
    case HONE_ATTR_STRING:
        hone__strbuf_printf(out, "\"%.*s\"", (int)(attr->s.size < 64 ? attr->s.size : 64), attr->s.data);
        break;
    case HONE_ATTR_TENSOR:
    case HONE_ATTR_SPARSE_TENSOR:
        hone__strbuf_puts(out, attr->t ? hone__tensor_describe(attr->t, text, sizeof text) : "?");
        break;
    case HONE_ATTR_GRAPH:
        hone__strbuf_printf(out, "graph \"%s\"", attr->g->name);
        break;
    case HONE_ATTR_TYPE_PROTO:
        hone__strbuf_puts(out, hone__type_describe(attr->tp, text, sizeof text));
        break;
    case HONE_ATTR_FLOATS:
    case HONE_ATTR_INTS:
    case HONE_ATTR_STRINGS:
        hone__strbuf_puts(out, "[");
        for (size_t i = 0; i < attr->n && i < MAX_SHOWN; i++) {
            hone__strbuf_puts(out, i ? "," : "");
            if (attr->type == HONE_ATTR_FLOATS)
                hone__strbuf_printf(out, "%g", (double)attr->floats[i]);
            else if (attr->type == HONE_ATTR_INTS)
                hone__strbuf_printf(out, "%lld", (long long)attr->ints[i]);
            else
                hone__strbuf_printf(out, "\"%.*s\"", (int)(attr->strings[i].size < 64 ? attr->strings[i].size : 64),
                                    attr->strings[i].data);
        }
        hone__strbuf_puts(out, attr->n > MAX_SHOWN ? ",...]" : "]");
        break;
    default:
        hone__strbuf_printf(out, "<%zu>", attr->n);
        break;
    }
}

static void print_graph(const hone__graph *graph, hone__strbuf *out, int indent);

static void print_node(const hone__node *node, hone__strbuf *out, int indent) {
    hone__strbuf_printf(out, "%*s", indent, "");
    for (size_t i = 0; i < node->n_outputs; i++) {
        hone__strbuf_puts(out, i ? ", " : "");
        print_value(node->outputs[i], out, true);
    }
    hone__strbuf_printf(out, " = %s%s%s(", node->domain, *node->domain ? "::" : "", node->op_type);
    for (size_t i = 0; i < node->n_inputs; i++) {
        hone__strbuf_puts(out, i ? ", " : "");
        print_value(node->inputs[i], out, false);
    }
    hone__strbuf_puts(out, ")");
    for (size_t i = 0; i < node->n_attrs; i++) {
        hone__strbuf_puts(out, i ? ", " : " {");
        print_attr(&node->attrs[i], out);
    }
    hone__strbuf_printf(out, "%s  # %s\n", node->n_attrs ? "}" : "", node->name);
    HONE_FOR_SUBGRAPHS(sub, node)
    print_graph(sub, out, indent + 2);
}

/* Recursion is bounded: graphs nest at most HONE__MAX_NESTING deep. */
static void print_graph(const hone__graph *graph, hone__strbuf *out, int indent) {
    hone__strbuf_printf(out, "%*sgraph \"%s\" (", indent, "", graph->name);
    for (size_t i = 0; i < graph->n_inputs; i++) {
        hone__strbuf_puts(out, i ? ", " : "");
        print_value(graph->inputs[i], out, true);
    }
    hone__strbuf_puts(out, ")");
    for (size_t i = 0; !graph->parent && i < hone__graph_opset_count(graph); i++) {
        hone__opset opset = hone__graph_opset_at(graph, i);
        hone__strbuf_printf(out, " %s %lld", *opset.domain ? opset.domain : "ai.onnx", (long long)opset.version);
    }
    hone__strbuf_puts(out, "\n");
    HONE_FOR_NODES(node, graph)
    print_node(node, out, indent + 2);
    hone__strbuf_printf(out, "%*sreturn ", indent + 2, "");
    for (size_t i = 0; i < graph->n_outputs; i++) {
        hone__strbuf_puts(out, i ? ", " : "");
        print_value(graph->outputs[i], out, false);
    }
    hone__strbuf_puts(out, "\n");
}

void hone__graph_print(const hone__graph *graph, hone__strbuf *out) { print_graph(graph, out, 0); }
