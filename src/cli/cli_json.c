/* JSON helpers; see cli_json.h. */
#include "cli/cli_json.h"

#include "base/strbuf.h"

#include <math.h>
#include <string.h>

json_t *hone__json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *hone__json_text(const char *text) {
    if (!text)
        return json_null();
    json_t *json = json_string(text);
    if (json)
        return json;
    hone__strbuf clean;
    hone__strbuf_init(&clean);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x80)
            hone__strbuf_append(&clean, p, 1);
        else
            hone__strbuf_puts(&clean, "\xEF\xBF\xBD");
    json = json_string(hone__strbuf_text(&clean));
    hone__strbuf_deinit(&clean);
    return json;
}

static const char *kind_name(hone_kind kind) {
    switch (kind) {
    case HONE_KIND_SEQUENCE:
        return "sequence";
    case HONE_KIND_OPTIONAL:
        return "optional";
    case HONE_KIND_MAP:
        return "map";
    case HONE_KIND_TENSOR:
        break;
    }
    return "tensor";
}

json_t *hone__json_value_info(const hone_value_info *info) {
    json_t *json = json_object();
    hone__json_set(json, "name", hone__json_text(info->name));
    hone__json_set(json, "dtype", json_string(hone_dtype_name(info->dtype)));
    json_t *shape = info->rank < 0 ? json_null() : json_array();
    for (int i = 0; i < info->rank; i++)
        json_array_append_new(shape, info->dims[i].value >= 0       ? json_integer(info->dims[i].value)
                                     : info->dims[i].symbol[0] != 0 ? hone__json_text(info->dims[i].symbol)
                                                                    : json_string("?"));
    hone__json_set(json, "shape", shape);
    if (info->kind != HONE_KIND_TENSOR)
        hone__json_set(json, "kind", json_string(kind_name(info->kind)));
    return json;
}

static json_t *isa_list(uint32_t isa) {
    json_t *list = json_array();
#define ADD(name, bit, text)                                                                                           \
    if (isa & (1u << bit))                                                                                             \
        json_array_append_new(list, json_string(text));
    HONE_ISA_TABLE(ADD)
#undef ADD
    return list;
}

static double mb(int64_t bytes) { return (double)bytes / 1e6; }

json_t *hone__json_machine(const hone_machine *machine) {
    const hone_machine_info *info = hone_machine_get_info(machine);
    json_t *json = json_object(), *gpus = json_array();
    hone__json_set(json, "hone_version", json_string(hone_version()));
    hone__json_set(json, "cpu_model", hone__json_text(info->cpu_model));
    hone__json_set(json, "arch", hone__json_text(info->arch));
    hone__json_set(json, "os", hone__json_text(info->os));
    hone__json_set(json, "isa", isa_list(info->isa_used));
    hone__json_set(json, "isa_present", isa_list(info->isa));
    hone__json_set(json, "logical_cpus", json_integer(info->n_logical));
    hone__json_set(json, "physical_cores", json_integer(info->n_physical));
    hone__json_set(json, "sockets", json_integer(info->n_sockets));
    hone__json_set(json, "numa_nodes", json_integer(info->n_numa));
    hone__json_set(json, "affinity_cpus", json_integer(info->n_affinity));
    hone__json_set(json, "cgroup_version", json_integer(info->cgroup_version));
    hone__json_set(json, "cgroup_cpus", info->cgroup_cpus > 0 ? json_real(info->cgroup_cpus) : json_null());
    hone__json_set(json, "usable_threads", json_integer(info->n_usable));
    hone__json_set(json, "l1d_kb", json_integer(info->l1d_bytes / 1024));
    hone__json_set(json, "l2_kb", json_integer(info->l2_bytes / 1024));
    hone__json_set(json, "l3_kb", json_integer(info->l3_bytes / 1024));
    hone__json_set(json, "memory_total_mb", json_real(mb(info->memory_total_bytes)));
    hone__json_set(json, "memory_available_mb", json_real(mb(info->memory_available_bytes)));
    hone__json_set(json, "memory_limit_mb",
                   info->memory_limit_bytes ? json_real(mb(info->memory_limit_bytes)) : json_null());
    hone__json_set(json, "clock_mhz", json_real(info->mhz_now));
    hone__json_set(json, "clock_max_mhz", json_real(info->mhz_max));
    hone__json_set(json, "governor", info->governor[0] ? hone__json_text(info->governor) : json_null());
    hone__json_set(json, "load_1min", json_real(info->load1));
    hone__json_set(json, "virtual", json_boolean(info->is_virtual));
    hone__json_set(json, "throttled_periods", json_integer((json_int_t)info->n_throttled));
    for (int i = 0; i < info->n_gpus; i++) {
        const hone_gpu_info *gpu = &info->gpus[i];
        char compute[32];
        snprintf(compute, sizeof compute, "%d.%d", gpu->compute_major, gpu->compute_minor);
        json_t *g = json_object();
        hone__json_set(g, "name", hone__json_text(gpu->name));
        hone__json_set(g, "memory_total_mb", json_real(mb(gpu->memory_total_bytes)));
        hone__json_set(g, "memory_free_mb", json_real(mb(gpu->memory_free_bytes)));
        hone__json_set(g, "compute_capability", json_string(compute));
        json_array_append_new(gpus, g);
    }
    hone__json_set(json, "gpus", gpus);
    hone__json_set(json, "gpu_driver", info->cuda_driver[0] ? hone__json_text(info->cuda_driver) : json_null());
    hone__json_set(json, "onnxruntime_version",
                   info->onnxruntime_version[0] ? hone__json_text(info->onnxruntime_version) : json_null());
    hone__json_set(json, "onnxruntime_path",
                   info->onnxruntime_path[0] ? hone__json_text(info->onnxruntime_path) : json_null());
    hone__json_set(json, "fingerprint", hone__json_text(hone_machine_fingerprint(machine)));
    return json;
}
