/* The initialiser of a bundle: everything but .isa, .gemm and .blocked_tile_half, which differ between ISAs. Included
 * by conv_kernels_*.c after the kernels themselves. */
#ifndef HONE_KERNELS_CONV_CONV_OPS_INIT_H
#define HONE_KERNELS_CONV_CONV_OPS_INIT_H

#define HONE_CONV_OPS_COMMON                                                                                           \
    .vw = VW, .pv_mr = PV_MR, .pv_nv = PV_NV, .cv_mr = CV_MR, .pv = pv_kernel, .cv = cv_kernel,                        \
    .cv_walk = cv_walk_kernel, .store_rows = store_rows, .store_columns = store_columns, .pack_rows = pack_rows,       \
    .pack_table = pack_table, .winograd_in = winograd_in, .winograd_out = winograd_out,                                \
    .winograd_in_blocked = winograd_in_blocked, .winograd_out_blocked = winograd_out_blocked,                          \
    .winograd_pack = winograd_pack, .winograd_weights = winograd_weights, .fft_in = fft_in, .fft_out = fft_out,        \
    .depthwise_plane = depthwise_plane, .fir = fir, .copy_strided = copy_strided, .blocked_tile = blocked_tile,        \
    .dw_mr = DW_MR, .blocked_dw = blocked_dw, .block_from_planes = block_from_planes,                                  \
    .block_to_planes = block_to_planes, .blocked_pool = blocked_pool, .block_scale = block_scale,                      \
    .block_gather = block_gather, .block_affine = block_affine, .scale_rows = scale_rows

#endif
