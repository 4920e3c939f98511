/* Random graphs of random operators, driven by a fuzzer's bytes. Every node of a finished graph has run
 * once by its reference evaluator, so its result is known. */
#ifndef HONE_FUZZ_GRAPH_MAKER_H
#define HONE_FUZZ_GRAPH_MAKER_H

#include "ops/op.h"

enum { MAKER_MAX_VALUES = 600, MAKER_MAX_INPUTS = 24, MAKER_MAX_NODES = 10 };

/* How far another way to compute a value may differ: not at all; by rounding; by anything (a random
 * value, or a jump decided by a rounded one), so that only kind and type can be compared. */
typedef enum maker_trust { MAKER_EXACT, MAKER_CLOSE, MAKER_WILD } maker_trust;

typedef struct maker_value {
    hone__value *value;
    hone_tensor *tensor;
    maker_trust trust;
    bool is_step; /* by one more than rounding: results of quantisation */
    bool is_used;
} maker_value;

typedef struct maker {
    const uint8_t *data;
    size_t size, at;
    uint64_t random; /* goes on where the bytes end */
    int64_t opset;
    hone__graph *graph;
    maker_value values[MAKER_MAX_VALUES];
    size_t n_values;
    size_t inputs[MAKER_MAX_INPUTS]; /* values that are graph inputs, in order */
    size_t n_inputs;
    size_t outputs[MAKER_MAX_VALUES];
    size_t n_outputs;
    double magnitude; /* largest finite number among floating-point values */
    bool is_out_of_memory;
    /* Drawn from the header: parts by recipe among the nodes (maker_recipe.c), most values given at run time; and bits
     * for how to run the model. Off in the first corpora, which have other bytes there. */
    bool has_recipes;
    unsigned way;
} maker;

/* Makes a graph; false when nothing in it could be run. The maker is to be released either way. */
bool maker_run(maker *m, const uint8_t *data, size_t size);
void maker_release(maker *m);

/* A tensor as a constant or an input of the graph, which takes it; NULL: no room. */
hone__value *maker_introduce(maker *m, hone_tensor *tensor, bool as_input);
bool maker_has_room(const maker *m);
/* Checks, infers and runs a new node; one that cannot be run is taken out again, and the answer is false. */
bool maker_settle(maker *m, hone__node *node);
/* Appends one of the parts that real models are made of, as far as it fits; in maker_recipe.c. */
void maker_recipe(maker *m);

/* Tensors and containers of random types and contents; in maker_tensor.c. */
unsigned maker_take(maker *m, unsigned n); /* 0 .. n - 1 */
hone_dtype maker_dtype(maker *m, hone__dtype_set set);
hone_tensor *maker_tensor(maker *m, hone_dtype dtype, int rank, const int64_t *dims);
/* Ordinary numbers: reals in -1..1 or 0.5..1.5, small integers, any byte. */
hone_tensor *maker_plain_tensor(maker *m, hone_dtype dtype, int rank, const int64_t *dims, bool is_positive);
hone_tensor *maker_value_of_kinds(maker *m, unsigned kinds, hone_dtype dtype, int rank, const int64_t *dims);
bool maker_type_of(maker *m, const hone_tensor *tensor, hone__type *out);
/* An attribute's payload; false when it cannot have one. In maker_attr.c. */
bool maker_attr(maker *m, hone__node *node, const hone__op_attr *want);

#endif
