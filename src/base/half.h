/* Conversions between float and the 16-bit and 8-bit float formats, round to nearest even. */
#ifndef HONE_BASE_HALF_H
#define HONE_BASE_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t hone__f32_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline float hone__bits_f32(uint32_t u) {
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* IEEE 754 binary16. */
static inline float hone__f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = (h >> 10) & 0x1Fu, man = h & 0x3FFu;
    if (exp == 31)
        return hone__bits_f32(sign | 0x7F800000u | man << 13);
    if (exp == 0)
        return hone__bits_f32(sign | hone__f32_bits((float)man * 0x1p-24f));
    return hone__bits_f32(sign | (exp + 112) << 23 | man << 13);
}

static inline uint16_t hone__f32_to_f16(float f) {
    uint32_t u = hone__f32_bits(f), sign = (u >> 16) & 0x8000u, abs = u & 0x7FFFFFFFu;
    if (abs > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | ((abs >> 13) & 0x1FFu));
    if (abs >= 0x477FF000u) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7C00u);
    if (abs < 0x38800000u) { /* subnormal: let the FPU round at 2^-24 */
        float shifted = hone__bits_f32(abs) + 0.5f;
        return (uint16_t)(sign | (hone__f32_bits(shifted) - 0x3F000000u));
    }
    uint32_t rounded = abs + 0xFFFu + ((abs >> 13) & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

/* bfloat16: the upper half of a float. */
static inline float hone__bf16_to_f32(uint16_t b) { return hone__bits_f32((uint32_t)b << 16); }
static inline uint16_t hone__f32_to_bf16(float f) {
    uint32_t u = hone__f32_bits(f);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)((u >> 16) | 0x40u);
    return (uint16_t)((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

#endif
