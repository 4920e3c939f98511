/* How far a backend's kernel may be from the reference evaluator. Operators that only move or select
 * elements must agree to the bit; those that round once may differ by that; sums of many products by what
 * another order of summation gives. */
#include "ops/op.h"

#include <string.h>

typedef enum closeness { EXACT, ROUNDED, SERIES, SUMMED, QUANTISED } closeness;

/* Operators that are not SUMMED, the default. */
static const struct {
    closeness how;
    const char *ops; /* names between spaces */
} g_groups[] = {
    {EXACT, " Abs And ArgMax ArgMin BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Clip "
            "Compress Concat Constant ConstantOfShape DepthToSpace Dropout Equal Expand EyeLike Flatten Floor Gather "
            "GatherElements GatherND Greater GreaterOrEqual Identity If IsInf IsNaN Less LessOrEqual Loop Max MaxPool "
            "Min Neg NonMaxSuppression NonZero Not OneHot Or Pad Relu Reshape Round Scan Scatter ScatterElements "
            "ScatterND SequenceAt Shape Shrink Sign Size Slice SpaceToDepth Split Squeeze Tile TopK Transpose Trilu "
            "Unique Unsqueeze Where Xor ReduceMax ReduceMin GlobalMaxPool ChannelGather "},
    {ROUNDED, " Add Sub Mul Div Mod Sqrt Reciprocal LeakyRelu PRelu HardSigmoid HardSwish ThresholdedRelu "
              "Softsign DequantizeLinear Range "},
    {SERIES,
     " Mean Sum Acos Acosh Asin Asinh Atan Atanh Celu Cos Cosh Elu Erf Exp Gelu Log Mish Pow Selu Sigmoid Silu Sin "
     "Sinh Softplus Tan Tanh LogSoftmax Softmax "},
    {QUANTISED, " QuantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul "},
};

static closeness closeness_of(const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof g_groups / sizeof *g_groups; i++)
        for (const char *p = g_groups[i].ops; (p = strstr(p, name)); p += n)
            if (p[-1] == ' ' && p[n] == ' ')
                return g_groups[i].how;
    return SUMMED;
}

hone__tolerance hone__op_tolerance(const hone__op *op, hone_dtype dtype) {
    /* Rows: closeness; columns: float, double, float16, bfloat16. */
    static const hone__tolerance table[5][4] = {
        [EXACT] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}},
        [ROUNDED] = {{1e-6, 1e-7}, {1e-14, 1e-15}, {2e-3, 1e-6}, {1e-2, 1e-6}},
        [SERIES] = {{1e-5, 1e-6}, {1e-12, 1e-13}, {2e-3, 1e-4}, {1e-2, 1e-3}},
        [SUMMED] = {{1e-4, 1e-5}, {1e-11, 1e-12}, {1e-2, 1e-3}, {4e-2, 1e-2}},
        [QUANTISED] = {{1e-5, 1e-6}, {1e-12, 1e-13}, {2e-3, 1e-4}, {1e-2, 1e-3}},
    };
    closeness how = op ? closeness_of(op->name) : SUMMED;
    switch (dtype) {
    case HONE_DTYPE_FLOAT:
    case HONE_DTYPE_COMPLEX64:
        return table[how][0];
    case HONE_DTYPE_DOUBLE:
    case HONE_DTYPE_COMPLEX128:
        return table[how][1];
    case HONE_DTYPE_FLOAT16:
        return table[how][2];
    case HONE_DTYPE_BFLOAT16:
        return table[how][3];
    case HONE_DTYPE_UINT8:
    case HONE_DTYPE_INT8: /* a quotient that lies on the edge between two steps may fall either way */
        return how == QUANTISED ? (hone__tolerance){0, 1} : (hone__tolerance){0, 0};
    default:
        return (hone__tolerance){0, 0};
    }
}
