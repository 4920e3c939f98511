/* How noisy the machine is: a fixed piece of work timed again and again, time stolen by other guests
 * of the host, and throttling by the cgroup while the tuner ran. */
#include "tune/tune_internal.h"

#include "base/clock.h"
#include "report/stats.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_JITTER = 200 };

typedef struct cpu_time {
    double total, steal;
} cpu_time;

static cpu_time read_cpu_time(void) {
    cpu_time t = {0};
    double v[8] = {0};
    FILE *f = fopen("/proc/stat", "r");
    if (f) {
        if (fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7) == 8) {
            for (int i = 0; i < 8; i++)
                t.total += v[i];
            t.steal = v[7];
        }
        fclose(f);
    }
    return t;
}

static cpu_time g_start; /* of the run in progress; one tuner runs per process */

/* About a quarter of a millisecond of dependent multiplications each. */
static void measure_jitter(hone__noise *noise) {
    static double ms[N_JITTER];
    volatile double sink = 0;
    for (int i = 0; i < N_JITTER; i++) {
        uint64_t start = hone__now_ns();
        double x = 1.0000001 + sink * 0;
        for (int k = 0; k < 60000; k++)
            x = x * 1.0000001;
        sink = x;
        ms[i] = hone__ms_since(start);
    }
    hone__stats stats;
    if (hone__stats_describe(ms, N_JITTER, &stats) && stats.p50 > 0) {
        noise->jitter_cv = stats.p90 / stats.p50 - 1;
        noise->jitter_max = stats.max / stats.p50;
    }
}

void hone__noise_begin(hone__noise *noise, const hone_machine_info *info) {
    memset(noise, 0, sizeof *noise);
    noise->floor = 0.02;
    noise->load_start = info->load1;
    noise->n_throttled = info->n_throttled;
    measure_jitter(noise);
    g_start = read_cpu_time();
}

void hone__noise_end(hone__noise *noise) {
    cpu_time now = read_cpu_time();
    if (now.total > g_start.total)
        noise->steal_percent = 100 * (now.steal - g_start.steal) / (now.total - g_start.total);
    hone_machine *machine = NULL;
    if (hone_machine_create(&machine, NULL) == HONE_OK) {
        noise->n_throttled = hone_machine_get_info(machine)->n_throttled - noise->n_throttled;
        hone_machine_destroy(machine);
    }
}
