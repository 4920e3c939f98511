/* Operators that give their input back: Identity. */
#include "base/error.h"
#include "ops/op.h"

static hone_status infer_identity(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

static hone_status eval_identity(hone__eval *ctx) {
    hone_tensor *copy;
    HONE_TRY(hone_tensor_clone(ctx->in[0], &copy, ctx->error));
    return ctx->output_take(ctx, 0, copy);
}

enum { ANY = 1 << HONE_KIND_TENSOR | 1 << HONE_KIND_SEQUENCE | 1 << HONE_KIND_OPTIONAL };
static const hone__op_param p_v1[] = {{"input", HONE_SET_ALL, 'T', ANY, false}};
static const hone__op_param p_out[] = {{"output", HONE_SET_ALL, 'T', ANY, false}};

#define ROW(since)                                                                                                     \
    {                                                                                                                  \
        "", "Identity", since, HONE_OP_PURE | HONE_OP_VIEW, 1, 1, 1, 1, 0, p_v1, p_out, NULL, infer_identity,          \
            eval_identity, NULL                                                                                        \
    }
static const hone__op g_rows[] = {ROW(1), ROW(13), ROW(14), ROW(16), ROW(19), ROW(21), ROW(23)};
const hone__op_family hone__ops_identity = {"identity", g_rows, sizeof g_rows / sizeof *g_rows};
