/* The tables of `hone optimize`; see optimize_view.h. */
#include "cli/optimize_view.h"

#include "base/checked.h"
#include "cli/cli_json.h"
#include "cli/cli_session.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

void hone__optimize_show_list(const hone__cli *cli, json_t *json) {
    json_t *list = json_array();
    hone_pass_info info;
    hone__cli_print(cli, "%-28s%-22s%s\n", "pass", "from level", "what it does");
    for (size_t i = 0; hone_pass_get(i, &info); i++) {
        const char *when = info.is_lowering ? "by --ops" : info.on_request ? "by --enable" : info.level;
        hone__cli_print(cli, "%-28s%-22s%s\n", info.name, when, info.help);
        json_t *item = json_object();
        hone__json_set(item, "name", json_string(info.name));
        hone__json_set(item, "level", json_string(info.level));
        hone__json_set(item, "on_request", json_boolean(info.on_request));
        hone__json_set(item, "is_lowering", json_boolean(info.is_lowering));
        hone__json_set(item, "help", json_string(info.help));
        json_array_append_new(list, item);
    }
    hone__json_set(json, "passes", list);
}

/* ---- the passes ---- */

/* A change in per cent of the whole, "" for none. */
static const char *percent(double change, double whole, char *buf, size_t size) {
    if (whole <= 0 || fabs(change) < 5e-5 * whole)
        snprintf(buf, size, "%s", change == 0 || whole <= 0 ? "" : "~0 %");
    else
        snprintf(buf, size, "%+.2f %%", 100 * change / whole);
    return buf;
}

static const char *show_latency(const hone__latency *l, char *buf, size_t size) {
    if (!l->is_known)
        buf[0] = 0;
    else
        snprintf(buf, size, "%.3f [%.3f, %.3f]", l->ratio, l->low, l->high);
    return buf;
}

static json_t *json_latency(const hone__latency *l) {
    json_t *json = json_object();
    hone__json_set(json, "ratio", json_real(l->ratio));
    hone__json_set(json, "ratio_low", json_real(l->low));
    hone__json_set(json, "ratio_high", json_real(l->high));
    return json;
}

static void show_pass(const hone__cli *cli, const hone_pass_effect *effect, const hone_optimize_totals *totals,
                      const hone__latency *latency, json_t *list) {
    char flops[32], bytes[32], text[64];
    if (effect->n_matches)
        hone__cli_print(cli, "  %-28s%8zu%9lld%10.2f%12s%12s  %s\n", effect->pass, effect->n_matches,
                        (long long)effect->n_removed, effect->ms,
                        percent(effect->flops, totals->flops_before, flops, sizeof flops),
                        percent(effect->bytes, totals->bytes_before, bytes, sizeof bytes),
                        latency ? show_latency(latency, text, sizeof text) : "");
    json_t *item = json_object();
    hone__json_set(item, "name", json_string(effect->pass));
    hone__json_set(item, "ran", json_boolean(effect->has_run));
    hone__json_set(item, "matches", json_integer((json_int_t)effect->n_matches));
    hone__json_set(item, "nodes_removed", json_integer((json_int_t)effect->n_removed));
    hone__json_set(item, "time_ms", json_real(effect->ms));
    hone__json_set(item, "flops", totals->has_costs ? hone__json_number(effect->flops) : json_null());
    hone__json_set(item, "bytes", totals->has_costs ? hone__json_number(effect->bytes) : json_null());
    hone__json_set(item, "latency", latency && latency->is_known ? json_latency(latency) : json_null());
    json_array_append_new(list, item);
}

static json_t *count_operators(const hone_optimization *o) {
    json_t *json = json_object();
    char label[256];
    for (size_t i = 0; i < hone_optimization_op_count(o); i++) {
        hone_op_count op = hone_optimization_get_op(o, i);
        json_object_set_new(json, hone__op_label(op.domain, op.op, label, sizeof label),
                            json_integer((json_int_t)op.count));
    }
    return json;
}

static json_t *list_steps(const hone_optimization *o) {
    json_t *list = json_array();
    hone_optimize_step step;
    for (size_t i = 0; hone_optimization_get_step(o, i, &step); i++) {
        json_t *item = json_object();
        hone__json_set(item, "pass", json_string(step.pass));
        hone__json_set(item, "matches", json_integer((json_int_t)step.n_matches));
        hone__json_set(item, "nodes", json_integer((json_int_t)step.n_nodes));
        hone__json_set(item, "flops", step.has_costs ? hone__json_number(step.flops) : json_null());
        hone__json_set(item, "bytes", step.has_costs ? hone__json_number(step.bytes) : json_null());
        json_array_append_new(list, item);
    }
    return list;
}

void hone__optimize_show_passes(const hone__cli *cli, const hone_optimization *o, const hone__latencies *latencies,
                                json_t *json) {
    hone_optimize_totals totals;
    hone_pass_effect effect;
    json_t *list = json_array();
    char flops[32], bytes[32], text[64];
    size_t n_changed = 0, n_idle = 0;
    hone_optimization_get_totals(o, &totals);
    hone__cli_print(cli, "  %-28s%8s%9s%10s%12s%12s  %s\n", "pass", "matches", "removed", "ms", "FLOPs", "bytes",
                    latencies ? "latency after/before" : "");
    for (size_t i = 0; hone_optimization_get_pass(o, i, &effect); i++) {
        n_changed += effect.n_matches > 0;
        n_idle += effect.has_run && effect.n_matches == 0;
        show_pass(cli, &effect, &totals, latencies && i < latencies->n_passes ? &latencies->passes[i] : NULL, list);
    }
    hone__cli_print(cli, "  %-28s%8s%9lld%10.2f%12s%12s  %s\n", "all together", "",
                    (long long)totals.nodes_before - (long long)totals.nodes_after, totals.ms,
                    percent(totals.flops_after - totals.flops_before, totals.flops_before, flops, sizeof flops),
                    percent(totals.bytes_after - totals.bytes_before, totals.bytes_before, bytes, sizeof bytes),
                    latencies ? show_latency(&latencies->total, text, sizeof text) : "");
    hone__cli_print(cli, "  %zu -> %zu nodes in %zu round%s; %zu pass%s changed something, %zu found nothing\n",
                    totals.nodes_before, totals.nodes_after, totals.n_rounds, totals.n_rounds == 1 ? "" : "s",
                    n_changed, n_changed == 1 ? "" : "es", n_idle);
    if (latencies)
        hone__cli_print(cli, "  latency %.3f -> %.3f ms; the column compares each pass with the stage before it\n",
                        latencies->before_ms, latencies->after_ms);
    hone__json_set(json, "nodes_before", json_integer((json_int_t)totals.nodes_before));
    hone__json_set(json, "nodes_after", json_integer((json_int_t)totals.nodes_after));
    hone__json_set(json, "rounds", json_integer((json_int_t)totals.n_rounds));
    hone__json_set(json, "time_ms", json_real(totals.ms));
    hone__json_set(json, "flops_before", totals.has_costs ? hone__json_number(totals.flops_before) : json_null());
    hone__json_set(json, "flops_after", totals.has_costs ? hone__json_number(totals.flops_after) : json_null());
    hone__json_set(json, "bytes_before", totals.has_costs ? hone__json_number(totals.bytes_before) : json_null());
    hone__json_set(json, "bytes_after", totals.has_costs ? hone__json_number(totals.bytes_after) : json_null());
    if (latencies) {
        json_t *latency = json_latency(&latencies->total);
        hone__json_set(latency, "before_p50_ms", json_real(latencies->before_ms));
        hone__json_set(latency, "after_p50_ms", json_real(latencies->after_ms));
        hone__json_set(json, "latency", latency);
    }
    hone__json_set(json, "passes", list);
    hone__json_set(json, "steps", list_steps(o));
    hone__json_set(json, "operators", count_operators(o));
}

/* ---- near misses ---- */

/* Two reasons are alike when they differ in names and numbers alone: words with digits or slashes are skipped. */
static const char *skip_names(const char *p) {
    for (;;) {
        while (*p == ' ')
            p++;
        size_t n = strcspn(p, " ");
        bool is_name = false;
        for (size_t i = 0; i < n; i++)
            is_name = is_name || isdigit((unsigned char)p[i]) || p[i] == '/' || p[i] == '"';
        if (!n || !is_name)
            return p;
        p += n;
    }
}

static bool are_alike(const hone_near_miss_info *a, const hone_near_miss_info *b) {
    const char *x = a->reason, *y = b->reason;
    if (strcmp(a->pass, b->pass) != 0)
        return false;
    for (;;) {
        x = skip_names(x);
        y = skip_names(y);
        size_t n = strcspn(x, " "), m = strcspn(y, " ");
        if (n != m || memcmp(x, y, n) != 0)
            return false;
        if (!n)
            return true;
        x += n;
        y += m;
    }
}

/* One of each kind with the kind's size, in the order in which they were met; all under -v. */
static void print_misses(const hone__cli *cli, const hone_optimization *o, size_t n) {
    enum { MOST = 12, MAX_KINDS = 200 };
    struct kind {
        hone_near_miss_info miss;
        size_t n;
    } kinds[MAX_KINDS];
    size_t n_kinds = 0, n_others = 0;
    for (size_t i = 0; i < n; i++) {
        hone_near_miss_info miss;
        hone_optimization_get_miss(o, i, &miss);
        if (cli->verbose) {
            hone__cli_print(cli, "    %s at %s did not match: %s\n", miss.pass, miss.node, miss.reason);
            continue;
        }
        size_t k = 0;
        while (k < n_kinds && !are_alike(&kinds[k].miss, &miss))
            k++;
        if (k == MAX_KINDS) {
            n_others++;
            continue;
        }
        if (k == n_kinds)
            kinds[n_kinds++] = (struct kind){miss, 0};
        kinds[k].n++;
    }
    for (size_t k = 0; k < n_kinds; k++) {
        if (k >= MOST) {
            n_others += kinds[k].n;
            continue;
        }
        hone__cli_print(cli, "    %s at %s did not match: %s", kinds[k].miss.pass, kinds[k].miss.node,
                        kinds[k].miss.reason);
        if (kinds[k].n > 1)
            hone__cli_print(cli, " (and %zu more alike)", kinds[k].n - 1);
        hone__cli_print(cli, "\n");
    }
    if (n_others)
        hone__cli_print(cli, "    and %zu of other kinds: -v and the JSON list all\n", n_others);
}

void hone__optimize_show_misses(const hone__cli *cli, const hone_optimization *o, json_t *json) {
    size_t n = hone_optimization_miss_count(o);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        hone_near_miss_info miss;
        hone_optimization_get_miss(o, i, &miss);
        json_t *item = json_object();
        hone__json_set(item, "pass", json_string(miss.pass));
        hone__json_set(item, "node", hone__json_text(miss.node));
        hone__json_set(item, "reason", hone__json_text(miss.reason));
        hone__json_set(item, "progress", json_integer(miss.progress));
        json_array_append_new(list, item);
    }
    hone__json_set(json, "near_misses", list);
    if (!n)
        return;
    hone__cli_print(cli, "\n  %zu near miss%s:\n", n, n == 1 ? "" : "es");
    print_misses(cli, o, n);
}

/* ---- the proof ---- */

void hone__optimize_show_proof(const hone__cli *cli, const hone_proof *proof, const hone_tolerance *tolerance,
                               json_t *json) {
    json_t *item = json_object();
    char limit[160], rtol[24], atol[48];
    snprintf(rtol, sizeof rtol, "%g", tolerance->rtol >= 0 ? tolerance->rtol : tolerance->is_half_model ? 1e-2 : 1e-3);
    if (tolerance->atol >= 0)
        snprintf(atol, sizeof atol, "%g", tolerance->atol);
    else
        snprintf(atol, sizeof atol, "%s*max(1, max|b|)", tolerance->is_half_model ? "1e-3" : "1e-5");
    snprintf(limit, sizeof limit, "|a-b| <= %s + %s*|b|", atol, rtol);
    hone__cli_print(cli, "\n  ");
    if (proof->is_equal) {
        hone__cli_print(cli, "%sproved%s: %zu output%s on %zu set%s of inputs, before against after",
                        hone__cli_green(cli), hone__cli_plain(cli), proof->n_outputs, proof->n_outputs == 1 ? "" : "s",
                        proof->n_sets, proof->n_sets == 1 ? "" : "s");
        hone__cli_print(cli, ": largest difference %.3g (relative %.3g), within %s\n", proof->max_abs, proof->max_rel,
                        limit);
        if (proof->n_random)
            hone__cli_print(cli, "  (%zu output%s depend on random numbers: only types and shapes were compared)\n",
                            proof->n_random, proof->n_random == 1 ? "" : "s");
    } else {
        hone__cli_print(cli, "%sNOT PROVED%s: ", hone__cli_red(cli), hone__cli_plain(cli));
        if (proof->output[0])
            hone__cli_print(cli, "output \"%s\": ", proof->output);
        hone__cli_print(cli, "%s\n", proof->message);
        if (proof->pass[0])
            hone__cli_print(cli, "  guilty: %s, step %zu\n", proof->pass, proof->step + 1);
        if (proof->node[0])
            hone__cli_print(cli, "  the first value that it changed is \"%s\" of node %s\n", proof->value, proof->node);
    }
    hone__json_set(item, "ok", json_boolean(proof->is_equal));
    hone__json_set(item, "sets", json_integer((json_int_t)proof->n_sets));
    hone__json_set(item, "outputs", json_integer((json_int_t)proof->n_outputs));
    hone__json_set(item, "random_outputs", json_integer((json_int_t)proof->n_random));
    hone__json_set(item, "tolerance", json_string(limit));
    hone__json_set(item, "max_abs_error", hone__json_number(proof->max_abs));
    hone__json_set(item, "max_rel_error", hone__json_number(proof->max_rel));
    hone__json_set(item, "output", proof->output[0] ? hone__json_text(proof->output) : json_null());
    hone__json_set(item, "message", proof->message[0] ? hone__json_text(proof->message) : json_null());
    hone__json_set(item, "guilty_pass", proof->pass[0] ? json_string(proof->pass) : json_null());
    hone__json_set(item, "step", proof->pass[0] ? json_integer((json_int_t)proof->step) : json_null());
    hone__json_set(item, "node", proof->node[0] ? hone__json_text(proof->node) : json_null());
    hone__json_set(item, "value", proof->value[0] ? hone__json_text(proof->value) : json_null());
    hone__json_set(json, "proof", item);
}
