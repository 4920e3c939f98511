/* CPU topology, caches, memory, clocks and load, from /proc and /sys (see hw_detect.h on roots).
 * References: the kernel's Documentation/ABI/testing/sysfs-devices-system-cpu and proc(5). */
#include "hw/hw_detect.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU_FOLDER "/sys/devices/system/cpu"

static bool read_list(const char *root, const char *path, hone__cpu_list *list) {
    char text[8192];
    memset(list, 0, sizeof *list);
    return hone__hw_read_line(root, path, text, sizeof text) && text[0] && hone__cpu_list_parse(text, list);
}

static int first_cpu(const hone__cpu_list *list) {
    for (int cpu = 0; cpu < HONE_HW_MAX_CPUS; cpu++)
        if (hone__cpu_list_has(list, cpu))
            return cpu;
    return -1;
}

static void intersect(hone__cpu_list *list, const hone__cpu_list *with) {
    for (size_t i = 0; i < sizeof list->bits / sizeof *list->bits; i++)
        list->bits[i] &= with->bits[i];
}

/* The CPUs of the fastest kind: Intel's hybrid parts list theirs under cpu_core; elsewhere the
 * kernel's relative capacity tells (1024 is the fastest of the machine), and half of that still counts,
 * so that one "prime" core does not shut out its big neighbours. */
static void find_performance_cpus(const char *root, const hone__cpu_list *online, hone__cpu_list *out) {
    char path[128];
    int64_t capacity, best = 0;
    if (read_list(root, "/sys/devices/cpu_core/cpus", out)) {
        intersect(out, online);
        if (hone__cpu_list_count(out))
            return;
    }
    *out = *online;
    for (int pass = 0; pass < 2; pass++)
        for (int cpu = 0; cpu < HONE_HW_MAX_CPUS; cpu++) {
            if (!hone__cpu_list_has(online, cpu))
                continue;
            snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cpu_capacity", cpu);
            if (!hone__hw_read_int(root, path, &capacity))
                return;
            if (pass == 0)
                best = capacity > best ? capacity : best;
            else if (capacity * 2 < best)
                out->bits[cpu / 64] &= ~((uint64_t)1 << (cpu % 64));
        }
}

/* Physical cores among the CPUs: a CPU counts unless a sibling with a smaller number is there too. */
static int count_cores(const char *root, const hone__cpu_list *cpus) {
    char path[128];
    int n = 0;
    for (int cpu = 0; cpu < HONE_HW_MAX_CPUS; cpu++) {
        if (!hone__cpu_list_has(cpus, cpu))
            continue;
        hone__cpu_list siblings;
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/topology/thread_siblings_list", cpu);
        if (read_list(root, path, &siblings)) {
            intersect(&siblings, cpus);
            n += first_cpu(&siblings) == cpu || !hone__cpu_list_has(&siblings, cpu);
        } else {
            n++;
        }
    }
    return n;
}

static int count_sockets(const char *root, const hone__cpu_list *cpus) {
    char path[128];
    hone__cpu_list packages = {0};
    int64_t id;
    for (int cpu = 0; cpu < HONE_HW_MAX_CPUS; cpu++) {
        if (!hone__cpu_list_has(cpus, cpu))
            continue;
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/topology/physical_package_id", cpu);
        if (hone__hw_read_int(root, path, &id) && id >= 0 && id < HONE_HW_MAX_CPUS)
            hone__cpu_list_add(&packages, (int)id);
    }
    int n = hone__cpu_list_count(&packages);
    return n ? n : 1;
}

static void read_topology(const char *root, const hone__cpu_list *affinity, hone_machine_info *info,
                          hone__hw_extra *extra, int *cpu_used) {
    hone__cpu_list online, nodes, usable, fast;
    if (!read_list(root, CPU_FOLDER "/online", &online)) {
        memset(&online, 0, sizeof online);
        if (affinity)
            online = *affinity;
        else
            hone__cpu_list_add(&online, 0);
    }
    usable = online;
    if (affinity)
        intersect(&usable, affinity);
    if (!hone__cpu_list_count(&usable))
        usable = affinity ? *affinity : online;
    info->n_affinity = hone__cpu_list_count(&usable);
    info->n_logical = extra->n_online = hone__cpu_list_count(&online);
    info->n_physical = count_cores(root, &online);
    info->n_sockets = count_sockets(root, &online);
    info->n_numa = read_list(root, "/sys/devices/system/node/online", &nodes) ? hone__cpu_list_count(&nodes) : 1;
    extra->has_smt = info->n_physical < info->n_logical;
    find_performance_cpus(root, &online, &fast);
    extra->n_performance = hone__cpu_list_count(&fast);
    intersect(&fast, &usable);
    if (hone__cpu_list_count(&fast)) /* else the affinity leaves only efficiency cores */
        usable = fast;
    extra->n_usable_logical = hone__cpu_list_count(&usable);
    info->n_usable = count_cores(root, &usable);
    *cpu_used = first_cpu(&usable);
}

/* "512K", "32M". */
static int64_t parse_size(const char *text) {
    char *end;
    long long n = strtoll(text, &end, 10);
    if (n <= 0 || n > (1ll << 40))
        return 0;
    return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : *end == 'G' ? n << 30 : n;
}

static void read_caches(const char *root, int cpu, hone_machine_info *info) {
    char path[128], type[32], text[32];
    int64_t level;
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cache/index%d/level", cpu, i);
        if (!hone__hw_read_int(root, path, &level))
            return;
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cache/index%d/type", cpu, i);
        if (!hone__hw_read_line(root, path, type, sizeof type) || !strcmp(type, "Instruction"))
            continue;
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cache/index%d/size", cpu, i);
        int64_t size = hone__hw_read_line(root, path, text, sizeof text) ? parse_size(text) : 0;
        int64_t *field = level == 1   ? &info->l1d_bytes
                         : level == 2 ? &info->l2_bytes
                         : level == 3 ? &info->l3_bytes
                                      : NULL;
        if (field && size)
            *field = size;
    }
}

/* The value after "key :" or "key:" in text, up to the end of the line. */
static bool find_field(const char *text, const char *key, char *buf, size_t size) {
    size_t n = strlen(key);
    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        if (strncmp(p, key, n))
            continue;
        const char *q = p + n + strspn(p + n, " \t");
        if (*q != ':')
            continue;
        q += 1 + strspn(q + 1, " \t");
        snprintf(buf, size, "%.*s", (int)strcspn(q, "\n"), q);
        return true;
    }
    return false;
}

static int64_t find_kib(const char *text, const char *key) {
    char value[64];
    return find_field(text, key, value, sizeof value) ? strtoll(value, NULL, 10) * 1024 : -1;
}

static void read_memory(const char *root, hone_machine_info *info, hone__hw_extra *extra) {
    char text[8192];
    if (!hone__hw_read_text(root, "/proc/meminfo", text, sizeof text))
        return;
    int64_t total = find_kib(text, "MemTotal"), available = find_kib(text, "MemAvailable");
    info->memory_total_bytes = total > 0 ? total : 0;
    info->memory_available_bytes = available >= 0 ? available : info->memory_total_bytes;
    int64_t swap = find_kib(text, "SwapTotal"), swap_free = find_kib(text, "SwapFree");
    extra->swap_total_bytes = swap > 0 ? swap : 0;
    extra->swap_free_bytes = swap_free > 0 ? swap_free : 0;
    char value[64];
    if (find_field(text, "HugePages_Total", value, sizeof value))
        extra->n_hugepages = strtoll(value, NULL, 10);
}

static void read_clock(const char *root, int cpu, const char *cpuinfo, hone_machine_info *info) {
    char path[128], value[64];
    int64_t khz;
    if (cpuinfo && find_field(cpuinfo, "cpu MHz", value, sizeof value))
        info->mhz_now = strtod(value, NULL);
    snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cpufreq/scaling_cur_freq", cpu);
    if (hone__hw_read_int(root, path, &khz) && khz > 0)
        info->mhz_now = (double)khz / 1000;
    snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cpufreq/cpuinfo_max_freq", cpu);
    if (hone__hw_read_int(root, path, &khz) && khz > 0)
        info->mhz_max = (double)khz / 1000;
    if (info->mhz_max < info->mhz_now)
        info->mhz_max = info->mhz_now;
    snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/cpufreq/scaling_governor", cpu);
    if (!hone__hw_read_line(root, path, info->governor, sizeof info->governor))
        info->governor[0] = '\0';
}

/* "always [madvise] never": the one in brackets is in force. */
static void read_thp(const char *root, hone__hw_extra *extra) {
    char line[128];
    if (!hone__hw_read_line(root, "/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line))
        return;
    const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;
    if (close)
        snprintf(extra->thp, sizeof extra->thp, "%.*s", (int)(close - open - 1), open + 1);
}

static void read_thermal(const char *root, hone__hw_extra *extra) {
    char path[128];
    int64_t n;
    for (int cpu = 0; cpu < extra->n_online; cpu++) {
        snprintf(path, sizeof path, CPU_FOLDER "/cpu%d/thermal_throttle/core_throttle_count", cpu);
        if (!hone__hw_read_int(root, path, &n))
            break;
        extra->n_thermal += (uint64_t)(n > 0 ? n : 0);
    }
}

static void read_names(const char *root, const char *cpuinfo, hone_machine_info *info) {
    char value[1024], text[4096];
    if (cpuinfo) {
        if (find_field(cpuinfo, "model name", value, sizeof value))
            snprintf(info->cpu_model, sizeof info->cpu_model, "%.127s", value);
        if (find_field(cpuinfo, "vendor_id", value, sizeof value))
            snprintf(info->cpu_vendor, sizeof info->cpu_vendor, "%.31s", value);
        char flags[8192];
        if (find_field(cpuinfo, "flags", flags, sizeof flags))
            info->is_virtual = info->is_virtual || strstr(flags, " hypervisor") != NULL;
    }
    if (hone__hw_read_text(root, "/etc/os-release", text, sizeof text)) {
        const char *p = strstr(text, "PRETTY_NAME=");
        if (p && (p == text || p[-1] == '\n')) {
            p += 12 + (p[12] == '"');
            snprintf(info->os, sizeof info->os, "%.*s", (int)strcspn(p, "\"\n"), p);
        }
    }
    if (hone__hw_read_line(root, "/sys/class/dmi/id/product_name", value, sizeof value)) {
        static const char *const marks[] = {
            "KVM", "QEMU", "VMware", "VirtualBox", "Virtual Machine", "HVM domU", "Google Compute Engine", "Bochs"};
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            info->is_virtual = info->is_virtual || strstr(value, marks[i]) != NULL;
    }
}

void hone__hw_read_system(const char *root, const hone__cpu_list *affinity, hone_machine_info *info,
                          hone__hw_extra *extra) {
    enum { CPUINFO_SIZE = 16 * 1024 }; /* the first CPU's part is enough */
    char line[128];
    int cpu = 0;
    char *cpuinfo = hone__malloc(CPUINFO_SIZE);
    bool has_cpuinfo = cpuinfo && hone__hw_read_text(root, "/proc/cpuinfo", cpuinfo, CPUINFO_SIZE);
    read_topology(root, affinity, info, extra, &cpu);
    read_caches(root, cpu, info);
    read_memory(root, info, extra);
    read_clock(root, cpu, has_cpuinfo ? cpuinfo : NULL, info);
    read_names(root, has_cpuinfo ? cpuinfo : NULL, info);
    read_thp(root, extra);
    read_thermal(root, extra);
    if (hone__hw_read_line(root, "/proc/loadavg", line, sizeof line))
        info->load1 = strtod(line, NULL);
    hone__cgroup_limits limits;
    hone__hw_read_cgroup(root, &limits);
    info->cgroup_version = limits.version;
    info->cgroup_cpus = limits.cpus;
    info->memory_limit_bytes =
        limits.memory_limit && (!info->memory_total_bytes || limits.memory_limit < info->memory_total_bytes)
            ? limits.memory_limit
            : 0;
    info->n_throttled = limits.n_throttled;
    extra->n_periods = limits.n_periods;
    extra->memory_headroom = limits.memory_headroom;
    if (limits.cpus > 0) {
        int quota = (int)limits.cpus + (limits.cpus > (int)limits.cpus);
        if (quota < info->n_usable)
            info->n_usable = quota;
    }
    if (info->n_usable < 1)
        info->n_usable = 1;
    hone__free(cpuinfo);
}
