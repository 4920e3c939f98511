/* A fresh look at this very machine, without GPUs and libraries; shared by hw.c and machine.c. */
#ifndef HONE_HW_HW_SNAPSHOT_H
#define HONE_HW_HW_SNAPSHOT_H

#include "hw/hw_detect.h"

void hone__hw_take_snapshot(hone_machine_info *info, hone__hw_extra *extra);

#endif
