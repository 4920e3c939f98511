/* The process's view of its machine, detected once; see hw.h. GPUs and runtime libraries are not looked
 * for here, since that loads foreign code: hone_machine_create does. */
#include "hw/hw.h"

#include "base/log.h"
#include "hw/hw_detect.h"
#include "hw/hw_snapshot.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static hone_machine_info g_info;
static _Atomic uint32_t g_isa_mask = UINT32_MAX;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static bool read_affinity(hone__cpu_list *list) {
    /* Room for more CPUs than the fixed cpu_set_t has. */
    unsigned long bits[HONE_HW_MAX_CPUS / (8 * sizeof(unsigned long))];
    memset(bits, 0, sizeof bits);
    memset(list, 0, sizeof *list);
    if (sched_getaffinity(0, sizeof bits, (cpu_set_t *)bits) != 0)
        return false;
    for (int cpu = 0; cpu < HONE_HW_MAX_CPUS; cpu++)
        if (bits[(size_t)cpu / (8 * sizeof *bits)] >> ((size_t)cpu % (8 * sizeof *bits)) & 1)
            hone__cpu_list_add(list, cpu);
    return hone__cpu_list_count(list) > 0;
}

void hone__hw_take_snapshot(hone_machine_info *info, hone__hw_extra *extra) {
    memset(info, 0, sizeof *info);
    memset(extra, 0, sizeof *extra);
    /* Defaults for what a system does not tell; blocking then suits nearly any CPU. */
    info->l1d_bytes = 32 << 10;
    info->l2_bytes = 512 << 10;
    info->l3_bytes = 4 << 20;
    info->memory_total_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    info->memory_available_bytes = info->memory_total_bytes;
    struct utsname names;
    if (uname(&names) == 0) {
        snprintf(info->arch, sizeof info->arch, "%.15s", names.machine);
        snprintf(info->hostname, sizeof info->hostname, "%.63s", names.nodename);
        snprintf(info->os, sizeof info->os, "%.40s %.64s", names.sysname, names.release);
    }
    hone__hw_cpuid_names(info->cpu_vendor, sizeof info->cpu_vendor, info->cpu_model, sizeof info->cpu_model);
    info->is_virtual = hone__hw_cpuid_hypervisor();
    hone__cpu_list affinity;
    bool has_affinity = read_affinity(&affinity);
    hone__hw_read_system("", has_affinity ? &affinity : NULL, info, extra);
    info->isa = hone__hw_detect_isa();
    uint32_t allowed;
    hone__hw_parse_isa_mask(getenv("HONE_ISA_MASK"), &allowed);
    info->isa_used = info->isa & allowed;
}

static void detect(void) {
    hone__hw_extra extra;
    hone__hw_take_snapshot(&g_info, &extra);
    uint32_t allowed;
    const char *mask = getenv("HONE_ISA_MASK");
    if (!hone__hw_parse_isa_mask(mask, &allowed))
        hone__log(HONE_LOG_WARNING, "HONE_ISA_MASK=\"%s\" names an unknown instruction set and is ignored", mask);
}

const hone_machine_info *hone__hw_info(void) {
    pthread_once(&g_once, detect);
    return &g_info;
}

uint32_t hone__hw_isa(void) { return hone__hw_info()->isa_used & atomic_load(&g_isa_mask); }

void hone__hw_set_isa_mask(uint32_t mask) { atomic_store(&g_isa_mask, mask); }

int hone__hw_default_threads(void) { return hone__hw_info()->n_usable; }

int64_t hone__hw_memory_available(void) {
    int64_t available = hone__hw_info()->memory_total_bytes;
    char text[1024];
    if (hone__hw_read_text("", "/proc/meminfo", text, sizeof text)) {
        const char *p = strstr(text, "MemAvailable:");
        if (p)
            available = strtoll(p + 13, NULL, 10) * 1024;
    }
    hone__cgroup_limits limits;
    hone__hw_read_cgroup("", &limits);
    return available < limits.memory_headroom ? available : limits.memory_headroom;
}
