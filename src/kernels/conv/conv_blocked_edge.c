/* The edges of the channel-blocked layout: sizes, and reordering one block of channels from and to NCHW. */
#include "kernels/conv/conv_internal.h"

size_t hone__conv_block_size(uint32_t isa) { return hone__conv_ops_for(isa)->vw; }

bool hone__conv_blocked_floats(size_t n, size_t c, size_t pixels, size_t block, size_t *floats) {
    return hone__conv_product(n, hone__conv_ceil(c, block), pixels, block, floats);
}

void hone__conv_block_from_nchw(uint32_t isa, const float *x, size_t c, size_t pixels, size_t index, size_t begin,
                                size_t end, float *y) {
    const hone__conv_ops *ops = hone__conv_ops_for(isa);
    const size_t blocks = hone__conv_ceil(c, ops->vw), image = index / blocks, c0 = index % blocks * ops->vw;
    ops->block_from_planes(x + (image * c + c0) * pixels + begin, pixels, hone__min_size(ops->vw, c - c0), end - begin,
                           y + (index * pixels + begin) * ops->vw);
}

void hone__conv_block_to_nchw(uint32_t isa, const float *x, size_t c, size_t pixels, size_t index, size_t begin,
                              size_t end, float *y) {
    const hone__conv_ops *ops = hone__conv_ops_for(isa);
    const size_t blocks = hone__conv_ceil(c, ops->vw), image = index / blocks, c0 = index % blocks * ops->vw;
    ops->block_to_planes(x + (index * pixels + begin) * ops->vw, hone__min_size(ops->vw, c - c0), end - begin,
                         y + (image * c + c0) * pixels + begin, pixels);
}
