/* Chains of casts: a first cast that loses nothing is skipped by the second, and a pair that comes back to the type it
 * began with goes wholly.
 *
 * Proof obligation: Cast(Cast(x: A -> B) -> C) = Cast(x: A -> C) when every value of A has an equal in B: integers by
 * their ranges, floats by precision and exponent, integers in floats by the bits of the significand. int64 -> int32 ->
 * int64 loses nothing where the values are known to fit: indices that ArgMax, TopK or NonZero give for dims below 2^31.
 * Casts to and from strings and 8-bit floats (which saturate) are left alone. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

typedef struct range {
    int bits;       /* of an integer's value, sign excluded; of a float's significand, the hidden bit included */
    bool is_signed; /* integers */
    int exponent;   /* floats: largest binary exponent; 0 for integers */
    bool ok;
} range;

static range range_of(hone_dtype dtype) {
    switch (dtype) {
    case HONE_DTYPE_BOOL:
        return (range){1, false, 0, true};
    case HONE_DTYPE_UINT8:
        return (range){8, false, 0, true};
    case HONE_DTYPE_INT8:
        return (range){7, true, 0, true};
    case HONE_DTYPE_UINT16:
        return (range){16, false, 0, true};
    case HONE_DTYPE_INT16:
        return (range){15, true, 0, true};
    case HONE_DTYPE_UINT32:
        return (range){32, false, 0, true};
    case HONE_DTYPE_INT32:
        return (range){31, true, 0, true};
    case HONE_DTYPE_UINT64:
        return (range){64, false, 0, true};
    case HONE_DTYPE_INT64:
        return (range){63, true, 0, true};
    case HONE_DTYPE_FLOAT16:
        return (range){11, true, 15, true};
    case HONE_DTYPE_BFLOAT16:
        return (range){8, true, 127, true};
    case HONE_DTYPE_FLOAT:
        return (range){24, true, 127, true};
    case HONE_DTYPE_DOUBLE:
        return (range){53, true, 1023, true};
    default:
        return (range){0, false, 0, false};
    }
}

static bool is_lossless(hone_dtype from, hone_dtype to) {
    range a = range_of(from), b = range_of(to);
    if (from == to)
        return a.ok;
    if (!a.ok || !b.ok || to == HONE_DTYPE_BOOL || (a.is_signed && !b.is_signed))
        return false;
    if (a.exponent) /* subnormals of float16 are normal in float32, those of bfloat16 have float32's exponents */
        return b.exponent >= a.exponent && b.bits >= a.bits;
    return b.bits >= a.bits && (b.exponent == 0 || b.exponent >= a.bits);
}

/* Indices below 2^31, whatever the data. */
static bool is_small_index(const hone__value *value) {
    const hone__node *node = value->producer;
    int64_t dims[HONE_MAX_RANK];
    if (hone__value_dtype(value) != HONE_DTYPE_INT64 || !node || !hone__pass_shapes_hold(node->graph))
        return false;
    bool gives_indices = hone__is_op(node, "ArgMax") || hone__is_op(node, "ArgMin") || hone__is_op(node, "NonZero") ||
                         (hone__is_op(node, "TopK") && value->producer_index == 1);
    if (!gives_indices || !hone__static_dims(node->inputs[0], dims))
        return false;
    for (int i = 0; i < node->inputs[0]->type.rank; i++)
        if (dims[i] > INT32_MAX)
            return false;
    return true;
}

HONE_PASS(merge_casts) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        hone__node *inner = hone__is_op(node, "Cast") && node->n_inputs ? hone__input_node(node, 0, "Cast") : NULL;
        if (!inner || !inner->inputs[0])
            continue;
        hone__value *x = inner->inputs[0];
        hone_dtype from = hone__value_dtype(x), between = hone__value_dtype(node->inputs[0]);
        hone_dtype to = (hone_dtype)hone__node_attr_int(node, "to", 0);
        bool is_exact = is_lossless(from, between) || (between == HONE_DTYPE_INT32 && is_small_index(x));
        if (!is_exact || !range_of(to).ok) {
            if (from == to && from != HONE_DTYPE_UNDEFINED)
                hone__pass_missed(ctx, node, 2, "the cast of \"%s\" there and back may lose digits", x->name);
            continue;
        }
        bool done = false;
        if (from == to)
            HONE_TRY(hone__pass_bypass(ctx, node, x, &done, error));
        if (done)
            continue;
        HONE_TRY(hone__node_set_input(node, 0, x, error));
        node->provenance = ctx->pass->name;
        ctx->n_changed++;
    }
    return HONE_OK;
}
