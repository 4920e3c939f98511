/* The plain C definition of the activations for single values, used at edges and by the slow path. */
#ifndef HONE_KERNELS_CONV_CONV_ACT_H
#define HONE_KERNELS_CONV_CONV_ACT_H

#include "kernels/activation.h"

float hone__conv_act(float x, const hone_act *act);

#endif
