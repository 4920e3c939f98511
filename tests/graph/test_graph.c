/* The graph: building, editing, order, attributes, clones; random sequences of edits checked by the
 * verifier after every step; and every allocation made to fail once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

static void verify(const hone__graph *graph) {
    hone_error error;
    hone_error_clear(&error);
    if (hone__graph_verify(graph, &error) != HONE_OK)
        fail_msg("%s", error.message);
}

static hone__value *value(hone__graph *graph, const char *name) {
    hone__value *v;
    assert_int_equal(hone__graph_add_value(graph, name, &v, NULL), HONE_OK);
    return v;
}

static hone__node *node(hone__graph *graph, const char *op, hone__value *a, hone__value *b, hone__value *y) {
    hone__value *in[] = {a, b};
    hone__node *n;
    assert_int_equal(hone__graph_add_node(graph, NULL, "", op, NULL, in, b ? 2 : 1, &y, 1, &n, NULL), HONE_OK);
    return n;
}

static hone__graph *new_graph(hone__value **x) {
    hone__graph *graph;
    assert_int_equal(hone__graph_create("g", &graph, NULL), HONE_OK);
    *x = value(graph, "x");
    assert_int_equal(hone__graph_add_input(graph, *x, NULL), HONE_OK);
    return graph;
}

static void test_names(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x), *branch;
    hone__value *again = value(graph, "x");
    assert_string_not_equal(again->name, "x");
    assert_ptr_equal(hone__graph_find_value(graph, "x"), x);
    assert_ptr_equal(hone__graph_find_value(graph, again->name), again);
    assert_int_equal(hone__graph_create_subgraph(graph, "branch", &branch, NULL), HONE_OK);
    assert_ptr_equal(hone__graph_find_value(branch, "x"), x);
    hone__value *inner = value(branch, "x");
    assert_string_not_equal(inner->name, "x");
    assert_ptr_equal(hone__graph_find_value(branch, "x"), inner);
    assert_ptr_equal(hone__graph_find_value(graph, "x"), x);
    assert_null(hone__graph_find_value(graph, inner->name)); /* the outer graph cannot see it */
    assert_null(hone__graph_find_value(graph, "nothing"));
    hone__graph_destroy(graph);
}

static void test_editing(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x);
    hone__value *a = value(graph, "a"), *b = value(graph, "b"), *y = value(graph, "y");
    hone__node *na = node(graph, "Relu", x, NULL, a), *nb = node(graph, "Relu", a, NULL, b);
    hone__node *ny = node(graph, "Add", a, b, y);
    assert_int_equal(hone__graph_add_output(graph, y, NULL), HONE_OK);
    verify(graph);
    assert_int_equal(a->n_uses, 2);
    assert_null(hone__value_single_consumer(a));
    assert_ptr_equal(hone__value_single_consumer(b), ny);

    /* The output's name stays, whoever makes it. */
    hone__value *z = value(graph, "z");
    node(graph, "Relu", b, NULL, z);
    assert_int_equal(hone__graph_replace_value(y, z, NULL), HONE_OK);
    assert_string_equal(graph->outputs[0]->name, "y");
    assert_ptr_equal(graph->outputs[0], z);
    assert_ptr_equal(hone__graph_find_value(graph, "y"), z);
    hone__graph_remove_node(ny);
    verify(graph);

    /* What cannot take over an output's name is refused, and nothing changes. */
    assert_int_equal(hone__graph_replace_value(z, x, NULL), HONE_ERROR_ARGUMENT);
    verify(graph);

    assert_int_equal(hone__graph_replace_value(b, a, NULL), HONE_OK);
    hone__graph_remove_node(nb);
    verify(graph);
    assert_int_equal(graph->n_nodes, 2);

    assert_int_equal(hone__node_set_input(na, 4, x, NULL), HONE_OK);
    assert_int_equal(na->n_inputs, 5);
    assert_null(na->inputs[2]);
    verify(graph);
    hone__node_truncate_inputs(na, 1);
    assert_int_equal(x->n_uses, 1);
    verify(graph);
    hone__graph_destroy(graph);
}

static void test_verify_finds_faults(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x);
    hone__value *a = value(graph, "a"), *b = value(graph, "b");
    hone__node *na = node(graph, "Relu", x, NULL, a), *nb = node(graph, "Relu", a, NULL, b);
    verify(graph);
    hone__graph_move_before(nb, na); /* a consumer before its producer */
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_ERROR_INTERNAL);
    assert_int_equal(hone__graph_sort(graph, NULL), HONE_OK);
    verify(graph);
    a->n_output_uses++;
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_ERROR_INTERNAL);
    a->n_output_uses--;
    na->use_slots[0] = 7;
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_ERROR_INTERNAL);
    na->use_slots[0] = 0;
    verify(graph);
    /* Using a value that nothing makes. */
    assert_int_equal(hone__node_set_input(nb, 0, value(graph, "orphan"), NULL), HONE_OK);
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_ERROR_INTERNAL);
    hone__graph_destroy(graph);
}

static void test_sort_cycle(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x);
    hone__value *a = value(graph, "a"), *b = value(graph, "b");
    node(graph, "Add", x, b, a);
    node(graph, "Relu", a, NULL, b);
    hone_error error;
    hone_error_clear(&error);
    assert_int_equal(hone__graph_sort(graph, &error), HONE_ERROR_MODEL);
    assert_true(strlen(error.node) > 0);
    hone__graph_destroy(graph);
}

static void test_subgraphs(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x), *body, *copy;
    hone__value *a = value(graph, "a"), *y = value(graph, "y");
    assert_int_equal(hone__graph_create_subgraph(graph, "body", &body, NULL), HONE_OK);
    hone__value *t = value(body, "t");
    node(body, "Relu", a, NULL, t);
    assert_int_equal(hone__graph_add_output(body, t, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_output(body, a, NULL), HONE_OK); /* captured */
    hone__node *owner = node(graph, "If", x, NULL, y);
    hone__attr attr = {.name = "then_branch", .type = HONE_ATTR_GRAPH, .g = body};
    assert_int_equal(hone__node_set_attr(owner, &attr, NULL), HONE_OK);
    node(graph, "Relu", x, NULL, a); /* after its consumer: sort must see into the body */
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_ERROR_INTERNAL);
    assert_int_equal(hone__graph_sort(graph, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_output(graph, y, NULL), HONE_OK);
    verify(graph);
    assert_ptr_equal(graph->last, owner);

    assert_int_equal(hone__graph_clone(graph, &copy, NULL), HONE_OK);
    verify(copy);
    hone__strbuf one, two;
    hone__strbuf_init(&one);
    hone__strbuf_init(&two);
    hone__graph_print(graph, &one);
    hone__graph_print(copy, &two);
    assert_string_equal(hone__strbuf_text(&one), hone__strbuf_text(&two));
    hone__strbuf_deinit(&one);
    hone__strbuf_deinit(&two);
    hone__graph_destroy(copy);

    hone__graph_remove_node(owner);
    assert_int_equal(a->n_uses, 0);
    assert_int_equal(a->n_output_uses, 0);
    hone__graph_destroy(graph);
}

static void test_attributes(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x);
    hone__node *n = node(graph, "Op", x, NULL, value(graph, "y"));
    for (int i = 0; i < 20; i++) {
        char name[8];
        snprintf(name, sizeof name, "a%d", i);
        assert_int_equal(hone__node_set_attr_int(n, name, i, NULL), HONE_OK);
    }
    assert_int_equal(hone__node_set_attr_ints(n, "a3", (int64_t[]){4, 5}, 2, NULL), HONE_OK);
    assert_int_equal(hone__node_set_attr_string(n, "s", "text", NULL), HONE_OK);
    assert_int_equal(n->n_attrs, 21);
    size_t count;
    assert_int_equal(hone__node_attr_ints(n, "a3", &count)[1], 5);
    assert_int_equal(count, 2);
    assert_int_equal(hone__node_attr_int(n, "a19", -1), 19);
    assert_int_equal(hone__node_attr_int(n, "a3", -1), -1); /* of another kind */
    assert_string_equal(hone__node_attr_string(n, "s", ""), "text");
    hone__node_remove_attr(n, "a0");
    assert_null(hone__node_attr(n, "a0"));
    assert_int_equal(hone__node_attr_int(n, "a1", -1), 1);
    hone__graph_destroy(graph);
}

static void test_types(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = new_graph(&x);
    hone__dim dims[] = {{-1, "batch"}, {3, NULL}, {-1, NULL}};
    hone__type inner, outer = {.kind = HONE_KIND_SEQUENCE, .is_known = true, .rank = -1}, copy;
    char text[64];
    assert_int_equal(hone__type_set_tensor(hone__graph_arena(graph), &inner, HONE_DTYPE_FLOAT, 3, dims), HONE_OK);
    outer.elem = &inner;
    assert_int_equal(hone__type_copy(hone__graph_arena(graph), &outer, &copy), HONE_OK);
    assert_string_equal(hone__type_describe(&copy, text, sizeof text), "sequence(float32[batch,3,?])");
    assert_string_equal(hone__type_describe(&copy, text, 8), "sequenc");
    assert_false(hone__type_is_static(&inner));
    hone__graph_destroy(graph);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* One random edit; any of them may be refused, none may break an invariant. */
static void random_edit(hone__graph *graph, uint32_t *seed) {
    hone__value *any = hone__graph_value_at(graph, next_random(seed) % hone__graph_value_count(graph));
    hone__node *at = graph->first;
    for (size_t skip = graph->n_nodes ? next_random(seed) % graph->n_nodes : 0; at && skip > 0; skip--)
        at = at->next;
    switch (next_random(seed) % 6) {
    case 0:
    case 1: { /* a node at the end, of two values that exist */
        hone__value *other = hone__graph_value_at(graph, next_random(seed) % hone__graph_value_count(graph));
        hone__value *in[] = {any, other}, *out;
        if ((any->producer || any->is_input) && (other->producer || other->is_input) &&
            hone__graph_add_value(graph, "t", &out, NULL) == HONE_OK)
            (void)hone__graph_add_node(graph, NULL, "", "Add", NULL, in, 2, &out, 1, NULL, NULL);
        break;
    }
    case 2: /* bypass a node, then remove it */
        if (at && hone__graph_replace_value(at->outputs[0], at->inputs[0], NULL) == HONE_OK)
            hone__graph_remove_node(at);
        break;
    case 3: /* first input to a graph input: always available */
        if (at)
            (void)hone__node_set_input(at, next_random(seed) % 3, graph->inputs[0], NULL);
        break;
    case 4:
        if (any->producer && graph->n_outputs < 8)
            (void)hone__graph_add_output(graph, any, NULL);
        break;
    default:
        if (at) {
            hone__graph_move_before(at, NULL);
            (void)hone__graph_sort(graph, NULL);
        }
        break;
    }
}

static void test_random_edits(void **state) {
    (void)state;
    for (uint32_t round = 1; round <= 20; round++) {
        uint32_t seed = round;
        hone__value *x;
        hone__graph *graph = new_graph(&x), *copy;
        for (int i = 0; i < 300; i++) {
            random_edit(graph, &seed);
            verify(graph);
        }
        assert_int_equal(hone__graph_clone(graph, &copy, NULL), HONE_OK);
        verify(copy);
        assert_int_equal(copy->n_nodes, graph->n_nodes);
        hone__graph_destroy(copy);
        hone__graph_destroy(graph);
    }
}

/* Whatever allocation fails, the graph stays whole: a failed edit is an edit that did not happen. */
static void test_allocation_failures(void **state) {
    (void)state;
    for (int64_t n = 0; n < 120; n++) {
        hone__value *x;
        hone__graph *graph = new_graph(&x), *copy = NULL;
        uint32_t seed = 7;
        hone__alloc_fail_after(n);
        for (int i = 0; i < 600; i++)
            random_edit(graph, &seed);
        hone__strbuf text;
        hone__strbuf_init(&text);
        hone__graph_print(graph, &text);
        hone__strbuf_deinit(&text);
        (void)hone__graph_clone(graph, &copy, NULL);
        hone__alloc_fail_after(-1);
        (void)hone__graph_sort(graph, NULL); /* a move whose sort failed leaves the order open */
        verify(graph);
        hone__graph_destroy(copy);
        hone__graph_destroy(graph);
    }
}

/* A long chain with one constant used by every node: building, replacing, sorting and cloning must
 * not be quadratic (a quadratic one takes minutes at this size). */
static void test_large(void **state) {
    (void)state;
    enum { N = 100000 };
    uint64_t start = hone__now_ns();
    hone__value *x;
    hone__graph *graph = new_graph(&x), *copy;
    hone_tensor *tensor;
    hone__value *constant, *last = x;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 0, NULL, &tensor, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_constant(graph, "c", tensor, &constant, NULL), HONE_OK);
    for (int i = 0; i < N; i++) {
        hone__value *y = value(graph, "v");
        node(graph, "Add", last, constant, y);
        last = y;
    }
    assert_int_equal(hone__graph_add_output(graph, last, NULL), HONE_OK);
    assert_int_equal(hone__graph_sort(graph, NULL), HONE_OK);
    verify(graph);
    assert_int_equal(hone__graph_clone(graph, &copy, NULL), HONE_OK);
    verify(copy);
    hone__graph_destroy(copy);
    while (graph->n_nodes > 1) {
        hone__node *n = graph->first;
        assert_int_equal(hone__graph_replace_value(n->outputs[0], x, NULL), HONE_OK);
        hone__graph_remove_node(n);
    }
    verify(graph);
    hone__graph_destroy(graph);
    assert_true(hone__ms_since(start) < 20000.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_editing),
        cmocka_unit_test(test_sort_cycle), cmocka_unit_test(test_verify_finds_faults),
        cmocka_unit_test(test_subgraphs),  cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_types),      cmocka_unit_test(test_random_edits),
        cmocka_unit_test(test_large),      cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
