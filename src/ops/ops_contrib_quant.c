#include "ops/op_help.h"
static const hone__op_param p_x[] = {HONE_PARAM("X", HONE_SET(FLOAT), 0)};
static const hone__op g_rows[] = {HONE_ROW_NO_ATTRS("com.microsoft", "Dummy__", 1, HONE_OP_PURE, 1, p_x, 1, p_x, hone__infer_same0, NULL, NULL)};
const hone__op_family hone__ops_contrib_quant = {"contrib_quant", g_rows, HONE_COUNT(g_rows)};
