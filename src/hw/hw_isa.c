/* The instruction set: what the CPU has (CPUID) and the system saves on a context switch (XGETBV), and
 * the mask that takes sets away for tests. References: Intel SDM volume 1 chapters 14.9 and 15.2, and
 * the CPUID leaves 1, 7 and 0xD; AMD APM volume 3 appendix E for the extended leaves. */
#include "hw/hw_detect.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)

static uint64_t xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux gives AMX tile data to a process only on request (arch_prctl ARCH_REQ_XCOMP_PERM). */
static bool may_use_amx(void) {
    enum { REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

uint32_t hone__hw_detect_isa(void) {
    unsigned a, b, c, d, max = __get_cpuid_max(0, NULL);
    if (max < 7 || !__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    bool osxsave = c >> 27 & 1, avx = c >> 28 & 1, fma = c >> 12 & 1, f16c = c >> 29 & 1;
    if (!osxsave || !avx)
        return 0;
    uint64_t state = xcr0();
    bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xE6) == 0xE6, tiles = (state & 0x60000) == 0x60000;
    __cpuid_count(7, 0, a, b, c, d);
    unsigned a1 = 0, b1 = 0, c1 = 0, d1 = 0;
    if (a >= 1)
        __cpuid_count(7, 1, a1, b1, c1, d1);
    uint32_t isa = 0;
    if (ymm && fma && f16c && (b >> 5 & 1)) {
        isa |= HONE_ISA_AVX2;
        if (a1 >> 4 & 1)
            isa |= HONE_ISA_AVX_VNNI;
    }
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    if ((isa & HONE_ISA_AVX2) && zmm && (b & f_dq_bw_vl) == f_dq_bw_vl) {
        isa |= HONE_ISA_AVX512;
        if (c >> 11 & 1)
            isa |= HONE_ISA_AVX512_VNNI;
        if (a1 >> 5 & 1)
            isa |= HONE_ISA_AVX512_BF16;
        if (d >> 23 & 1)
            isa |= HONE_ISA_AVX512_FP16;
        if (tiles && (d >> 24 & 1) && may_use_amx()) {
            if (d >> 25 & 1)
                isa |= HONE_ISA_AMX_INT8;
            if (d >> 22 & 1)
                isa |= HONE_ISA_AMX_BF16;
        }
    }
    return isa;
}

void hone__hw_cpuid_names(char *vendor, size_t vendor_size, char *model, size_t model_size) {
    unsigned r[12] = {0}, a, b, c, d;
    char text[49] = "";
    if (__get_cpuid(0, &a, &b, &c, &d)) {
        memcpy(text, &b, 4);
        memcpy(text + 4, &d, 4);
        memcpy(text + 8, &c, 4);
        text[12] = '\0';
        snprintf(vendor, vendor_size, "%s", text);
    }
    if ((unsigned)__get_cpuid_max(0x80000000u, NULL) < 0x80000004u)
        return;
    for (unsigned i = 0; i < 3; i++)
        __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    memcpy(text, r, 48);
    text[48] = '\0';
    const char *start = text + strspn(text, " ");
    size_t n = strlen(start);
    while (n && start[n - 1] == ' ')
        n--;
    snprintf(model, model_size, "%.*s", (int)n, start);
}

bool hone__hw_cpuid_hypervisor(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 31 & 1);
}

#else

uint32_t hone__hw_detect_isa(void) {
#if defined(__aarch64__)
    /* AdvSIMD is part of the base architecture; ASIMDDP is bit 20 of AT_HWCAP (linux/arm64 hwcap.h). */
    return HONE_ISA_NEON | (getauxval(AT_HWCAP) & (1ul << 20) ? HONE_ISA_NEON_DOTPROD : 0);
#else
    return 0;
#endif
}
void hone__hw_cpuid_names(char *vendor, size_t vendor_size, char *model, size_t model_size) {
    (void)vendor, (void)vendor_size, (void)model, (void)model_size;
}
bool hone__hw_cpuid_hypervisor(void) { return false; }

#endif

/* A name bounds what is used to the set and what it builds on: "avx512" leaves AVX2 and AVX-512 but not
 * VNNI, which needs its own name. */
static uint32_t implied(uint32_t isa) {
    const uint32_t avx512_family =
        HONE_ISA_AVX512_VNNI | HONE_ISA_AVX512_BF16 | HONE_ISA_AVX512_FP16 | HONE_ISA_AMX_INT8 | HONE_ISA_AMX_BF16;
    if (isa & avx512_family)
        isa |= HONE_ISA_AVX512;
    if (isa & (HONE_ISA_AVX512 | HONE_ISA_AVX_VNNI))
        isa |= HONE_ISA_AVX2;
    if (isa & HONE_ISA_NEON_DOTPROD)
        isa |= HONE_ISA_NEON;
    return isa;
}

bool hone__hw_parse_isa_mask(const char *text, uint32_t *allowed) {
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = {{"generic", 0},
#define ROW(name, bit, text) {text, 1u << bit},
                 HONE_ISA_TABLE(ROW)
#undef ROW
    };
    *allowed = UINT32_MAX;
    if (!text || !*text)
        return true;
    uint32_t bits = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ","), i = 0, n_names = sizeof names / sizeof *names;
        while (i < n_names && (strlen(names[i].name) != n || strncmp(names[i].name, p, n)))
            i++;
        if (i == n_names)
            return false;
        bits |= names[i].bit;
        p += n + (p[n] == ',');
    }
    *allowed = implied(bits);
    return true;
}

const char *hone__hw_isa_names(uint32_t isa, char *buf, size_t size) {
    size_t used = 0;
    snprintf(buf, size, "generic");
#define ADD(name, bit, text)                                                                                           \
    if (isa & (1u << bit) && used < size) {                                                                            \
        int n = snprintf(buf + used, size - used, "%s%s", used ? "," : "", text);                                      \
        used += n > 0 ? (size_t)n : 0;                                                                                 \
    }
    HONE_ISA_TABLE(ADD)
#undef ADD
    return buf;
}
