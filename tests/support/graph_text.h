/* Graphs written as text, for tests of passes.
 *
 *     graph_text("x:f32 Nx3x4", 17, "a = Neg(x); y = Add[](a, {1.0 2.0 3.0 4.0})", "y")
 *
 * Inputs: name:type dims, dims joined by "x", a word for a symbol. Statements are separated by ";". An argument is a
 * value's name, "_" (omitted), or a constant: 1.5 (float32), 2 (int64), true, {1 2} (1-D), @2x3 (random float32 in [-1,
 * 1]), +2x3 (random in [0.5, 1.5]); "u8:", "i8:", "i32:", "f16:", "f64:", "i64:", "f32:" before a number, a list, @ or
 * + gives the type. Attributes stand in brackets before the arguments: [axis=1 perm=(0 2 1) alpha=0.5 mode='constant'].
 * An operator may have a domain before a dot ("hone.Silu"). */
#ifndef HONE_TESTS_GRAPH_TEXT_H
#define HONE_TESTS_GRAPH_TEXT_H

#include "graph/graph.h"

#include <stdint.h>

/* Fails the running cmocka test when the text is wrong. Types are inferred and the graph is verified. `outputs`: names
 * separated by commas. */
hone__graph *graph_text(const char *inputs, int64_t opset, const char *body, const char *outputs);
/* The same repeatable random constants again. */
void graph_text_seed(uint32_t seed);
uint32_t graph_text_random(uint32_t bound);

/* Runs the graph on made-up inputs (symbols count as `symbol`): the same for the same seed. */
void graph_text_run(const hone__graph *graph, int64_t symbol, uint32_t seed, hone_tensor **outputs);
/* The largest difference in parts of the largest value (at least 1); shapes and types must agree. */
double graph_text_difference(const hone_tensor *a, const hone_tensor *b);
/* Operators in order, separated by spaces: "Conv Relu". */
void graph_text_operators(const hone__graph *graph, char *out, size_t size);

#endif
