/* hone doctor: what this machine has, and what keeps it from being fast, each finding with a fix. */
#include "cli/cli_commands.h"
#include "cli/cli_json.h"

#include <stdarg.h>
#include <string.h>

static void row(const hone__cli *cli, const char *name, const char *fmt, ...) HONE_PRINTF(3, 4);
static void row(const hone__cli *cli, const char *name, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hone__cli_print(cli, "  %-14s%s\n", name, text);
}

static void isa_text(uint32_t isa, char *buf, size_t size) {
    size_t used = 0;
    snprintf(buf, size, "generic");
#define ADD(name, bit, text)                                                                                           \
    if (isa & (1u << bit) && used < size)                                                                              \
        used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "", text);
    HONE_ISA_TABLE(ADD)
#undef ADD
}

static double gib(int64_t bytes) { return (double)bytes / (1 << 30); }

static void print_cpu(const hone__cli *cli, const hone_machine_info *info) {
    char isa[256];
    isa_text(info->isa_used, isa, sizeof isa);
    row(cli, "CPU", "%s (%s%s)", info->cpu_model[0] ? info->cpu_model : "unknown", info->arch,
        info->is_virtual ? ", virtual machine" : "");
    row(cli, "instructions", "%s", isa);
    row(cli, "cores", "%d physical, %d logical, %d socket%s, %d NUMA node%s", info->n_physical, info->n_logical,
        info->n_sockets, info->n_sockets == 1 ? "" : "s", info->n_numa, info->n_numa == 1 ? "" : "s");
    if (info->cgroup_cpus > 0)
        row(cli, "usable", "%d threads: affinity %d, cgroup v%d quota %.2f CPUs", info->n_usable, info->n_affinity,
            info->cgroup_version, info->cgroup_cpus);
    else
        row(cli, "usable", "%d thread%s: affinity %d, no cgroup quota", info->n_usable, info->n_usable == 1 ? "" : "s",
            info->n_affinity);
    row(cli, "caches", "L1d %lld KiB, L2 %lld KiB, L3 %lld KiB", (long long)info->l1d_bytes / 1024,
        (long long)info->l2_bytes / 1024, (long long)info->l3_bytes / 1024);
    row(cli, "clock", "%.0f MHz now, %.0f MHz at most%s%s", info->mhz_now, info->mhz_max,
        info->governor[0] ? ", governor " : "", info->governor);
}

static void print_rest(const hone__cli *cli, const hone_machine_info *info) {
    if (info->memory_limit_bytes)
        row(cli, "memory", "%.1f GiB, %.1f available, cgroup limit %.1f", gib(info->memory_total_bytes),
            gib(info->memory_available_bytes), gib(info->memory_limit_bytes));
    else
        row(cli, "memory", "%.1f GiB, %.1f available, no cgroup limit", gib(info->memory_total_bytes),
            gib(info->memory_available_bytes));
    row(cli, "system", "%s, load %.2f", info->os, info->load1);
    for (int i = 0; i < info->n_gpus; i++)
        row(cli, i ? "" : "GPU", "%d: %s, %.1f GiB (%.1f free), compute capability %d.%d", i, info->gpus[i].name,
            gib(info->gpus[i].memory_total_bytes), gib(info->gpus[i].memory_free_bytes), info->gpus[i].compute_major,
            info->gpus[i].compute_minor);
    if (!info->n_gpus)
        row(cli, "GPU", "none");
    if (info->cuda_driver[0])
        row(cli, "driver", "%s", info->cuda_driver);
    row(cli, "ONNX Runtime", "%s%s%s", info->onnxruntime_version[0] ? info->onnxruntime_version : "not found",
        info->onnxruntime_path[0] ? " at " : "", info->onnxruntime_path);
}

static int run(hone__cli *cli, const void *values, char **args, int n_args) {
    (void)values, (void)args, (void)n_args;
    static const char *const severities[] = {"information", "warning", "problem"};
    hone_error error;
    hone_machine *machine;
    if (hone_machine_create(&machine, &error) != HONE_OK)
        return hone__cli_fail(cli, &error);
    const hone_machine_info *info = hone_machine_get_info(machine);
    hone__cli_print(cli, "%shone %s on this machine%s\n", hone__cli_bold(cli), hone_version(), hone__cli_plain(cli));
    print_cpu(cli, info);
    print_rest(cli, info);
    size_t n = hone_machine_note_count(machine), n_bad = 0;
    json_t *json = json_object(), *findings = json_array();
    hone__json_set(json, "machine", hone__json_machine(machine));
    hone__cli_print(cli, "\n%sfindings%s\n", hone__cli_bold(cli), hone__cli_plain(cli));
    for (int severity = 2; severity >= 0; severity--)
        for (size_t i = 0; i < n; i++) {
            const hone_finding_note *note = hone_machine_get_note(machine, i);
            if (note->severity != severity)
                continue;
            n_bad += severity > 0;
            const char *color = severity == 2   ? hone__cli_red(cli)
                                : severity == 1 ? hone__cli_yellow(cli)
                                                : hone__cli_dim(cli);
            hone__cli_print(cli, "  %s%-12s%s%s\n              fix: %s\n", color, severities[severity],
                            hone__cli_plain(cli), note->message, note->fix);
            json_t *f = json_object();
            hone__json_set(f, "code", json_string(note->code));
            hone__json_set(f, "severity", json_string(severities[severity]));
            hone__json_set(f, "message", hone__json_text(note->message));
            hone__json_set(f, "fix", hone__json_text(note->fix));
            json_array_append_new(findings, f);
        }
    if (!n_bad)
        hone__cli_print(cli, "  nothing that needs mending\n");
    hone__json_set(json, "findings", findings);
    hone_machine_destroy(machine);
    return hone__cli_write_json(cli, json, HONE_EXIT_DONE);
}

const hone__command hone__command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "says what this machine has and what keeps it from being fast",
    .details = "Shows CPU features, caches, cores that are really usable (affinity, cgroup quota), memory, GPUs and\n"
               "the versions of driver, CUDA, cuDNN and ONNX Runtime, and whether they fit together; then findings\n"
               "(clocks, throttling, load, limits), each with a fix.",
    .examples = "  hone doctor\n  hone doctor --json - | jq .findings",
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
