/* Chains of convolutions run as one step (kernels/conv/conv_blocked_chain.c): which nodes of a graph form one, and the
 * step itself. cpu_plan.c plans the nodes one by one, as if they stood alone, and asks here whether their plans make a
 * chain that pays. */
#include "exec/cpu/cpu_conv_chain.h"

#include "exec/cpu/cpu_conv.h"

#include <stdio.h>

enum { DEFAULT_L2 = 1 << 20 };

/* ---- which nodes ---- */

static bool is_conv(const hone__node *node) {
    return node && (strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "FusedConv") == 0);
}

/* The convolution that alone reads what a node writes, as its first input; NULL: none. */
static const hone__node *only_reader(const hone__node *node) {
    const hone__value *y = node->outputs[0];
    if (!y || y->n_uses != 1 || y->n_output_uses != 0 || y->uses[0].index != 0 || !is_conv(y->uses[0].node))
        return NULL;
    const hone__value *out = y->uses[0].node->outputs[0]; /* a reader in a subgraph is no part of a chain */
    return out && out->graph == y->graph ? y->uses[0].node : NULL;
}

static bool has_residual(const hone__node *node) { return node->n_inputs > 3 && node->inputs[3]; }

static bool is_depthwise(const hone__node *node) {
    const hone__value *w = node->n_inputs > 1 ? node->inputs[1] : NULL;
    return w && w->constant && w->constant->rank == 4 && w->constant->dims[1] == 1 &&
           hone__node_attr_int(node, "group", 1) == w->constant->dims[0];
}

size_t hone__conv_chain_nodes(const hone__node *first, const hone__node *nodes[HONE_CONV_CHAIN_MAX]) {
    if (!is_conv(first) || has_residual(first) || hone__node_attr_int(first, "group", 1) != 1)
        return 0;
    nodes[0] = first;
    nodes[1] = only_reader(first);
    if (!nodes[1] || !is_depthwise(nodes[1]))
        return 0;
    nodes[2] = has_residual(nodes[1]) ? NULL : only_reader(nodes[1]);
    return nodes[2] && hone__node_attr_int(nodes[2], "group", 1) == 1 ? 3 : 2;
}

const hone__node *hone__conv_chain_scaled(const hone__node *mul) {
    const hone__node *reader = only_reader(mul);
    return reader && hone__node_attr_int(reader, "group", 1) == 1 ? reader : NULL;
}

/* ---- the step ---- */

typedef struct chain_state {
    hone__conv_chain_plan plan;
    const hone__conv_choice *parts[HONE_CONV_CHAIN_MAX];
    size_t n;
} chain_state;

static void run_task(void *arg, size_t task, int thread) { hone__conv_chain_run(arg, task, thread); }

static const float *data_of(const hone_tensor *t) { return t ? t->data : NULL; }

static hone_status run(hone__cpu_run *ctx) {
    const chain_state *s = ctx->plan_state;
    const hone_tensor *const *in = ctx->in;
    hone__conv_chain_args args = {.plan = &s->plan, .workspace = ctx->workspace};
    hone__conv_args *parts[HONE_CONV_CHAIN_MAX] = {&args.first, &args.depthwise, &args.project};
    float *y = ctx->out[0]->data;
    for (size_t i = 0; i < s->n; i++)
        *parts[i] = (hone__conv_args){.plan = i == 0 ? &s->plan.first : &s->parts[i]->plan,
                                      .x = in[HONE_CONV_CHAIN_X]->data,
                                      .packed = s->parts[i]->packed,
                                      .bias = data_of(in[HONE_CONV_CHAIN_BIAS + i]),
                                      .y = y};
    parts[s->n - 1]->z = data_of(in[HONE_CONV_CHAIN_Z]);
    hone__pool *pool = ctx->pool;
    if (hone__pool_threads(pool) > s->plan.first.n_threads)
        pool = NULL; /* the workspace has room for the planned threads only */
    hone__pool_run(pool, hone__conv_chain_tasks(&s->plan), run_task, &args);
    return HONE_OK;
}

/* The parts' plans hold what a part's step would; the step takes the chain's. */
bool hone__conv_chain_join(const hone__cpu_config *config, const hone__cpu_step *parts, size_t n, hone__arena *arena,
                           hone__cpu_step *step) {
    const hone__conv_choice *choices[HONE_CONV_CHAIN_MAX] = {NULL};
    for (size_t i = 0; i < n; i++) {
        choices[i] = parts[i].plan_state;
        if (!choices[i] || choices[i]->is_empty || !choices[i]->packed)
            return false;
    }
    hone__conv_chain_plan plan;
    if (!hone__conv_chain_plan_init(&plan, &choices[0]->plan, &choices[1]->plan, n > 2 ? &choices[2]->plan : NULL))
        return false;
    const size_t l2 = config->l2_bytes > 0 ? (size_t)config->l2_bytes : DEFAULT_L2;
    if (plan.workspace_size > config->max_workspace || (!config->force_blocked && !hone__conv_chain_pays(&plan, l2)))
        return false;
    chain_state *state = hone__arena_calloc(arena, 1, sizeof *state);
    char text[96];
    snprintf(text, sizeof text, "f32_conv_chain%zu_%s", n, hone__conv_isa_name(&plan.first));
    const char *name = hone__arena_strdup(arena, text);
    if (!state || !name)
        return false; /* the parts run one by one */
    state->plan = plan;
    state->n = n;
    for (size_t i = 0; i < n; i++)
        state->parts[i] = choices[i];
    step->plan_state = state;
    step->workspace_size = plan.workspace_size;
    step->run = run;
    step->kernel = name;
    step->algorithm = "blocked_chain";
    return true;
}

/* ---- a scaled input ---- */

typedef struct scaled_state {
    hone__conv_plan plan;
    const hone__conv_choice *choice;
} scaled_state;

static hone_status run_scaled(hone__cpu_run *ctx) {
    const scaled_state *s = ctx->plan_state;
    const hone_tensor *const *in = ctx->in;
    const hone__conv_args args = {.plan = &s->plan,
                                  .x = in[HONE_CONV_CHAIN_X]->data,
                                  .packed = s->choice->packed,
                                  .bias = data_of(in[HONE_CONV_CHAIN_BIAS + 1]),
                                  .z = data_of(in[HONE_CONV_CHAIN_Z]),
                                  .y = ctx->out[0]->data,
                                  .workspace = ctx->workspace,
                                  .scale = in[HONE_CONV_CHAIN_SCALE]->data};
    hone__conv_execute(&args, ctx->pool);
    return HONE_OK;
}

bool hone__conv_chain_join_scaled(const hone__cpu_config *config, const hone__cpu_step *conv, hone__arena *arena,
                                  hone__cpu_step *step) {
    const hone__conv_choice *choice = conv->plan_state;
    if (!choice || choice->is_empty || !choice->packed)
        return false;
    hone__conv_plan plan = choice->plan;
    if (!hone__conv_scale_init(&plan, config->force_blocked) || plan.workspace_size > config->max_workspace)
        return false;
    scaled_state *state = hone__arena_calloc(arena, 1, sizeof *state);
    char text[96];
    snprintf(text, sizeof text, "f32_conv_%s_scaled_%s", plan.algo->name, hone__conv_isa_name(&plan));
    const char *name = hone__arena_strdup(arena, text);
    if (!state || !name)
        return false;
    *state = (scaled_state){plan, choice};
    step->plan_state = state;
    step->workspace_size = plan.workspace_size;
    step->run = run_scaled;
    step->kernel = name;
    return true;
}
