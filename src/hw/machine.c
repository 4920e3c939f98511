/* The public view of the machine (hone/machine.h): a snapshot, its findings and its fingerprint. */
#include "base/alloc.h"
#include "base/error.h"
#include "hw/hw_snapshot.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct hone_machine {
    hone_machine_info info;
    hone__hw_extra extra;
    hone__hw_notes notes;
    char fingerprint[768];
};

/* Only what decides which setting is fastest: neither clocks nor load nor free memory, which change by
 * themselves. */
static void write_fingerprint(hone_machine *machine) {
    const hone_machine_info *info = &machine->info;
    char isa[128], *out = machine->fingerprint;
    size_t size = sizeof machine->fingerprint, used = 0;
    int n = snprintf(out, size, "hone-" HONE_VERSION "/%s/%s/%s/%dc%dt/l1-%lldk/l2-%lldk/l3-%lldk", info->arch,
                     info->cpu_model[0] ? info->cpu_model : "cpu", hone__hw_isa_names(info->isa_used, isa, sizeof isa),
                     info->n_physical, info->n_usable, (long long)(info->l1d_bytes >> 10),
                     (long long)(info->l2_bytes >> 10), (long long)(info->l3_bytes >> 10));
    used = n > 0 ? (size_t)n : 0;
    for (int i = 0; i < info->n_gpus && used < size; i++) {
        n = snprintf(out + used, size - used, "/%s-%d.%d-%lldM", info->gpus[i].name, info->gpus[i].compute_major,
                     info->gpus[i].compute_minor, (long long)(info->gpus[i].memory_total_bytes >> 20));
        used += n > 0 ? (size_t)n : 0;
    }
    if (info->n_gpus && used < size) {
        n = snprintf(out + used, size - used, "/driver-%s/cudnn-%d", info->cuda_driver, machine->extra.cudnn_version);
        used += n > 0 ? (size_t)n : 0;
    }
    if (info->onnxruntime_version[0] && used < size)
        snprintf(out + used, size - used, "/onnxruntime-%s", info->onnxruntime_version);
    for (char *p = out; *p; p++)
        if (isspace((unsigned char)*p))
            *p = '-';
}

hone_status hone_machine_create(hone_machine **out, hone_error *error) {
    hone_machine *machine = hone__calloc(1, sizeof *machine);
    *out = machine;
    if (!machine)
        return hone__fail_memory(error, "the machine description");
    hone__hw_take_snapshot(&machine->info, &machine->extra);
    hone__hw_probe_gpus(&machine->info, &machine->extra);
    hone__hw_probe_libraries(&machine->info, &machine->extra);
    hone__hw_find_notes(&machine->info, &machine->extra, &machine->notes);
    write_fingerprint(machine);
    return HONE_OK;
}

void hone_machine_destroy(hone_machine *machine) { hone__free(machine); }

const hone_machine_info *hone_machine_get_info(const hone_machine *machine) { return &machine->info; }

size_t hone_machine_note_count(const hone_machine *machine) { return machine->notes.n; }

const hone_finding_note *hone_machine_get_note(const hone_machine *machine, size_t index) {
    return index < machine->notes.n ? &machine->notes.items[index] : NULL;
}

const char *hone_machine_fingerprint(const hone_machine *machine) { return machine->fingerprint; }
