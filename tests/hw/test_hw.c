/* Tests of src/hw: recorded trees of /proc and /sys (fixtures/NAME.txt: "=== PATH" lines, each followed by the
 * file's text) are unpacked into a temporary folder and read back; plus the ISA mask, and the findings. */
#include "hw/hw.h"
#include "hw/hw_detect.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *fixtures;

static void make_parents(char *path) {
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            if (mkdir(path, 0700) != 0 && errno != EEXIST)
                fail_msg("mkdir %s", path);
            *p = '/';
        }
}

/* Unpacks a dump; the folder's name goes into root. */
static void unpack(const char *name, char *root, size_t size) {
    char path[1200], line[1024];
    snprintf(root, size, "/tmp/hone-hw-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/%s.txt", fixtures, name);
    FILE *dump = fopen(path, "r"), *out = NULL;
    assert_non_null(dump);
    while (fgets(line, sizeof line, dump))
        if (!strncmp(line, "=== ", 4)) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, sizeof path, "%s%s", root, line + 4);
            make_parents(path);
            if (out)
                fclose(out);
            out = fopen(path, "w");
            assert_non_null(out);
        } else if (out) {
            fputs(line, out);
        }
    if (out)
        fclose(out);
    fclose(dump);
}

static void remove_tree(const char *root) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void replay(const char *name, const char *affinity, hone_machine_info *info, hone__hw_extra *extra) {
    char root[64];
    hone__cpu_list list = {0};
    memset(info, 0, sizeof *info);
    memset(extra, 0, sizeof *extra);
    if (affinity)
        assert_true(hone__cpu_list_parse(affinity, &list));
    unpack(name, root, sizeof root);
    hone__hw_read_system(root, affinity ? &list : NULL, info, extra);
    remove_tree(root);
}

static bool has_note(const hone_machine_info *info, const hone__hw_extra *extra, const char *code) {
    static hone__hw_notes notes;
    hone__hw_find_notes(info, extra, &notes);
    for (size_t i = 0; i < notes.n; i++) {
        assert_true(notes.items[i].message[0] && notes.items[i].fix[0]);
        if (!strcmp(notes.items[i].code, code))
            return true;
    }
    return false;
}

static hone_machine_info info;
static hone__hw_extra extra;

static void test_smt_server(void **state) {
    (void)state;
    replay("smt_server", NULL, &info, &extra);
    assert_int_equal(info.n_logical, 8);
    assert_int_equal(info.n_physical, 4);
    assert_int_equal(info.n_sockets, 2);
    assert_int_equal(info.n_numa, 2);
    assert_int_equal(info.n_affinity, 8);
    assert_int_equal(info.n_usable, 4);
    assert_int_equal(info.cgroup_version, 2);
    assert_true(info.cgroup_cpus == 0 && info.memory_limit_bytes == 0 && !info.is_virtual);
    assert_int_equal(info.l1d_bytes, 32 << 10);
    assert_int_equal(info.l2_bytes, 1 << 20);
    assert_int_equal(info.l3_bytes, 32 << 20);
    assert_int_equal(info.memory_total_bytes, INT64_C(65536000) * 1024);
    assert_int_equal(info.memory_available_bytes, INT64_C(60000000) * 1024);
    assert_true(info.mhz_now == 1500 && info.mhz_max == 3800 && info.load1 == 3.25);
    assert_string_equal(info.governor, "powersave");
    assert_string_equal(info.cpu_model, "AMD EPYC 9354 32-Core Processor");
    assert_string_equal(info.os, "Debian GNU/Linux 12 (bookworm)");
    assert_int_equal(extra.n_thermal, 7);
    assert_string_equal(extra.thp, "never");
    const char *const codes[] = {"governor_powersave",
                                 "load",
                                 "thermal_throttling",
                                 "clock_low",
                                 "swap_in_use",
                                 "thp_off",
                                 "smt",
                                 "numa",
                                 "gpu_none",
                                 "onnxruntime_none",
                                 "hugepages_reserved"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!has_note(&info, &extra, codes[i]))
            fail_msg("no finding \"%s\"", codes[i]);
    assert_false(has_note(&info, &extra, "cpu_quota"));
    assert_false(has_note(&info, &extra, "virtual_machine"));
}

static void test_affinity(void **state) {
    (void)state;
    replay("smt_server", "1,5", &info, &extra); /* two threads of one core */
    assert_int_equal(info.n_affinity, 2);
    assert_int_equal(info.n_usable, 1);
    assert_true(has_note(&info, &extra, "affinity"));
    replay("smt_server", "5-6", &info, &extra); /* second threads of two cores */
    assert_int_equal(info.n_usable, 2);
}

static void test_hybrid(void **state) {
    (void)state;
    replay("hybrid", NULL, &info, &extra);
    assert_int_equal(info.n_logical, 8);
    assert_int_equal(info.n_physical, 6);
    assert_int_equal(info.n_usable, 2);
    assert_int_equal(info.l1d_bytes, 48 << 10);
    assert_true(has_note(&info, &extra, "hybrid"));
    replay("hybrid", "4-7", &info, &extra); /* only efficient cores are left: they serve */
    assert_int_equal(info.n_usable, 4);
    assert_int_equal(info.l1d_bytes, 32 << 10);
    replay("big_little", NULL, &info, &extra);
    assert_int_equal(info.n_usable, 4);
    assert_int_equal(info.cgroup_version, 0);
}

static void test_cgroup2(void **state) {
    (void)state;
    replay("cgroup2_nested", NULL, &info, &extra);
    assert_int_equal(info.cgroup_version, 2);
    assert_true(info.cgroup_cpus == 2.5);
    assert_int_equal(info.n_usable, 3);
    assert_int_equal(info.memory_limit_bytes, INT64_C(4) << 30);
    assert_int_equal(extra.memory_headroom, (INT64_C(4) << 30) - (INT64_C(512) << 20));
    assert_int_equal(info.n_throttled, 17);
    assert_true(has_note(&info, &extra, "cpu_quota"));
    assert_true(has_note(&info, &extra, "cpu_throttled"));
    assert_true(has_note(&info, &extra, "memory_limit"));
    replay("cgroup2_container", NULL, &info, &extra);
    assert_true(info.cgroup_cpus == 1.5);
    assert_int_equal(info.n_usable, 2);
    assert_int_equal(info.memory_limit_bytes, INT64_C(2) << 30);
    assert_int_equal(extra.memory_headroom, 0);
    assert_true(has_note(&info, &extra, "memory_low"));
}

static void test_cgroup1(void **state) {
    (void)state;
    replay("cgroup1", NULL, &info, &extra);
    assert_int_equal(info.cgroup_version, 1);
    assert_true(info.cgroup_cpus == 3);
    assert_int_equal(info.n_usable, 3);
    assert_int_equal(info.memory_limit_bytes, INT64_C(1) << 30);
    assert_int_equal(extra.memory_headroom, INT64_C(512) << 20);
    assert_int_equal(info.n_throttled, 4);
}

static void test_damaged_and_missing(void **state) {
    (void)state;
    replay("damaged", NULL, &info, &extra);
    assert_true(info.n_usable >= 1 && info.n_logical >= 1 && info.cgroup_cpus == 0 && info.memory_limit_bytes == 0);
    memset(&info, 0, sizeof info);
    hone__hw_read_system("/nonexistent", NULL, &info, &extra);
    assert_int_equal(info.n_usable, 1);
    hone__cpu_list list = {0};
    assert_false(hone__cpu_list_parse("3-1", &list));
    assert_false(hone__cpu_list_parse("-4", &list));
    assert_false(hone__cpu_list_parse("1;2", &list));
    assert_true(hone__cpu_list_parse("0-2,7,4000-99999999\n", &list));
    assert_true(hone__cpu_list_has(&list, 7) && hone__cpu_list_has(&list, 4095) && !hone__cpu_list_has(&list, 3));
}

static void test_isa_mask(void **state) {
    (void)state;
    uint32_t allowed;
    char names[128];
    assert_true(hone__hw_parse_isa_mask(NULL, &allowed));
    assert_int_equal(allowed, UINT32_MAX);
    assert_true(hone__hw_parse_isa_mask("generic", &allowed));
    assert_int_equal(allowed, 0);
    assert_true(hone__hw_parse_isa_mask("avx2", &allowed));
    assert_int_equal(allowed, HONE_ISA_AVX2);
    assert_true(hone__hw_parse_isa_mask("avx512_vnni", &allowed));
    assert_int_equal(allowed, HONE_ISA_AVX2 | HONE_ISA_AVX512 | HONE_ISA_AVX512_VNNI);
    assert_true(hone__hw_parse_isa_mask("avx512,avx512_bf16", &allowed));
    assert_int_equal(allowed, HONE_ISA_AVX2 | HONE_ISA_AVX512 | HONE_ISA_AVX512_BF16);
    assert_false(hone__hw_parse_isa_mask("sse9", &allowed));
    assert_int_equal(allowed, UINT32_MAX);
    assert_string_equal(hone__hw_isa_names(HONE_ISA_AVX2 | HONE_ISA_AVX512, names, sizeof names), "avx2,avx512");
    assert_string_equal(hone__hw_isa_names(0, names, sizeof names), "generic");
    uint32_t all = hone__hw_isa();
    hone__hw_set_isa_mask(HONE_ISA_AVX2);
    assert_int_equal(hone__hw_isa(), all & HONE_ISA_AVX2);
    hone__hw_set_isa_mask(UINT32_MAX);
    assert_int_equal(hone__hw_isa(), all);
}

static void test_this_machine(void **state) {
    (void)state;
    const hone_machine_info *here = hone__hw_info();
    assert_true(here->n_usable >= 1 && here->n_usable <= here->n_logical);
    assert_int_equal(hone__hw_default_threads(), here->n_usable);
    assert_true(here->memory_total_bytes > 0 && hone__hw_memory_available() > 0);
    assert_true(hone__hw_memory_available() <= here->memory_total_bytes);
    hone_machine *a, *b;
    assert_int_equal(hone_machine_create(&a, NULL), HONE_OK);
    assert_int_equal(hone_machine_create(&b, NULL), HONE_OK);
    assert_string_equal(hone_machine_fingerprint(a), hone_machine_fingerprint(b));
    assert_null(strchr(hone_machine_fingerprint(a), ' '));
    assert_null(hone_machine_get_note(a, hone_machine_note_count(a)));
    for (size_t i = 0; i < hone_machine_note_count(a); i++)
        assert_true(hone_machine_get_note(a, i)->fix[0] != '\0');
    hone_machine_destroy(a);
    hone_machine_destroy(b);
    hone_machine_destroy(NULL);
}

/* GPU software that does not fit together, as facts. */
static void test_gpu_findings(void **state) {
    (void)state;
    replay("smt_server", NULL, &info, &extra);
    info.n_gpus = 1;
    strcpy(info.onnxruntime_version, "1.30.0");
    extra.cuda_driver_version = 11080;
    extra.cudart_version = 12040;
    extra.cudnn_version = 8902;
    extra.cudnn_cudart_version = 11080;
    extra.n_gpu_processes[0] = 2;
    extra.gpu_is_slowed[0] = true;
    assert_true(has_note(&info, &extra, "cuda_driver_old"));
    assert_true(has_note(&info, &extra, "cudnn_cuda_mismatch"));
    assert_true(has_note(&info, &extra, "onnxruntime_cpu_only"));
    assert_true(has_note(&info, &extra, "gpu_shared"));
    assert_true(has_note(&info, &extra, "gpu_slowed"));
    extra.has_ort_cuda = true;
    assert_true(has_note(&info, &extra, "cudnn_version"));
    extra.cudnn_version = 90100;
    assert_false(has_note(&info, &extra, "cudnn_version"));
    extra.cudnn_version = 0;
    assert_true(has_note(&info, &extra, "cudnn_missing"));
    info.n_gpus = 0;
    extra.has_nvidia_device = true;
    assert_true(has_note(&info, &extra, "gpu_unusable"));
}

int main(int argc, char **argv) {
    fixtures = argc > 1 ? argv[1] : "tests/hw/fixtures";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smt_server),   cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_hybrid),       cmocka_unit_test(test_cgroup2),
        cmocka_unit_test(test_cgroup1),      cmocka_unit_test(test_damaged_and_missing),
        cmocka_unit_test(test_isa_mask),     cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_gpu_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
