/* Where a point of a GridSample grid takes its values from: shared by the reference evaluator and by kernels. */
#ifndef HONE_OPS_OP_GRID_H
#define HONE_OPS_OP_GRID_H

#include "graph/graph.h"

enum { HONE_GRID_TAPS = 4 }; /* at most, along one axis */

typedef enum hone__grid_mode { HONE_GRID_LINEAR, HONE_GRID_NEAREST, HONE_GRID_CUBIC } hone__grid_mode;
typedef enum hone__grid_pad { HONE_GRID_ZEROS, HONE_GRID_BORDER, HONE_GRID_REFLECTION } hone__grid_pad;

typedef struct hone__grid_axis {
    int64_t size;     /* set by the caller */
    double low, high; /* where reflection turns */
    int n;
    int64_t index[HONE_GRID_TAPS]; /* -1: zero */
    double weight[HONE_GRID_TAPS];
} hone__grid_axis;

/* The attributes mode and padding_mode; false when the mode is unknown. */
bool hone__grid_read(const hone__node *node, hone__grid_mode *mode, hone__grid_pad *pad);
/* Taps along one axis of the grid's coordinate g (-1 and 1 are the borders). */
void hone__grid_taps(hone__grid_axis *axis, double g, hone__grid_mode mode, hone__grid_pad pad, bool align);

#endif
