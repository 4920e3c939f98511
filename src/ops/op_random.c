/* The generator of random numbers; see op_random.h. */
#include "ops/op_random.h"

#include <math.h>

enum { N = 624, M = 397 };

void hone__random_seed(hone__random *random, uint32_t seed) {
    random->state[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        random->state[i] = 1812433253u * (random->state[i - 1] ^ random->state[i - 1] >> 30) + i;
    random->at = N;
    random->has_spare = false;
}

static uint32_t next_word(hone__random *random) {
    uint32_t *s = random->state;
    if (random->at >= N) {
        for (int i = 0; i < N; i++) {
            uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7FFFFFFFu);
            s[i] = s[(i + M) % N] ^ y >> 1 ^ (y & 1u ? 0x9908B0DFu : 0);
        }
        random->at = 0;
    }
    uint32_t y = s[random->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9D2C5680u;
    y ^= y << 15 & 0xEFC60000u;
    return y ^ y >> 18;
}

double hone__random_uniform(hone__random *random) {
    uint32_t high = next_word(random) >> 5, low = next_word(random) >> 6;
    return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}

double hone__random_normal(hone__random *random) {
    if (random->has_spare) {
        random->has_spare = false;
        return random->spare;
    }
    double x, y, r;
    do {
        x = 2.0 * hone__random_uniform(random) - 1.0;
        y = 2.0 * hone__random_uniform(random) - 1.0;
        r = x * x + y * y;
    } while (r >= 1.0 || r == 0.0);
    double f = sqrt(-2.0 * log(r) / r);
    random->spare = f * x;
    random->has_spare = true;
    return f * y;
}
