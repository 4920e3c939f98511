/* Limits set by control groups, versions 1 and 2: the group of this process and all above it, since
 * the smallest quota on the way up is the one that counts. /proc/self/cgroup names the group,
 * /proc/self/mountinfo says where (and from which group down) the hierarchy is mounted; inside a
 * container the two need not share a root, so a path that the mount does not show falls back to the
 * mount's top. */
#include "hw/hw_detect.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 64 * 1024, PATH_SIZE = 1024 };

/* A v1 limit at or above this means "none": the kernel rounds its maximum down to a page. */
static const int64_t NO_LIMIT_V1 = INT64_C(0x7FFFFFFFFFF00000);

static bool list_has_word(const char *list, size_t size, const char *word) {
    size_t n = strlen(word);
    for (const char *p = list, *end = list + size; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t len = (size_t)((comma ? comma : end) - p);
        if (len == n && !memcmp(p, word, n))
            return true;
        p += len + 1;
    }
    return false;
}

/* The group's path for a v1 controller, or for v2 when controller is "". */
static bool find_group(const char *cgroup_text, const char *controller, char *path, size_t size) {
    for (const char *line = cgroup_text; *line;) {
        const char *eol = strchrnul(line, '\n'), *a = memchr(line, ':', (size_t)(eol - line));
        const char *b = a ? memchr(a + 1, ':', (size_t)(eol - a - 1)) : NULL;
        if (b) {
            bool match = *controller ? list_has_word(a + 1, (size_t)(b - a - 1), controller)
                                     : b == a + 1 && line[0] == '0' && a == line + 1;
            if (match && (size_t)(eol - b - 1) < size) {
                memcpy(path, b + 1, (size_t)(eol - b - 1));
                path[eol - b - 1] = '\0';
                return true;
            }
        }
        line = *eol ? eol + 1 : eol;
    }
    return false;
}

/* Mount point and the group shown there. Fields of mountinfo: id parent dev root point options
 * optional... - type source super-options (proc(5)). */
static bool find_mount(const char *mounts, const char *controller, char *point, char *shown, size_t size) {
    char line[4096];
    for (const char *p = mounts; *p;) {
        const char *eol = strchrnul(p, '\n');
        size_t len = (size_t)(eol - p);
        const char *next = *eol ? eol + 1 : eol;
        if (len < sizeof line) {
            memcpy(line, p, len);
            line[len] = '\0';
            char *dash = strstr(line, " - "), *fields[5] = {0}, *save = NULL;
            char type[32] = "", super[1024] = "";
            if (dash && sscanf(dash + 3, "%31s %*s %1023s", type, super) >= 1) {
                *dash = '\0';
                int n = 0;
                for (char *f = strtok_r(line, " ", &save); f && n < 5; f = strtok_r(NULL, " ", &save))
                    fields[n++] = f;
                bool match = *controller ? !strcmp(type, "cgroup") && list_has_word(super, strlen(super), controller)
                                         : !strcmp(type, "cgroup2");
                if (match && n == 5 && strlen(fields[3]) < size && strlen(fields[4]) < size) {
                    strcpy(shown, fields[3]);
                    strcpy(point, fields[4]);
                    return true;
                }
            }
        }
        p = next;
    }
    return false;
}

/* What is read at each level of a hierarchy. */
typedef void (*visit_fn)(const char *root, const char *folder, bool is_leaf, hone__cgroup_limits *out);

static void walk(const char *root, const char *point, const char *shown, const char *group, visit_fn visit,
                 hone__cgroup_limits *out) {
    char folder[2 * PATH_SIZE + 2], probe[2 * PATH_SIZE + 64], line[8];
    size_t shown_size = strcmp(shown, "/") ? strlen(shown) : 0;
    bool is_below = !strncmp(group, shown, shown_size) && (group[shown_size] == '/' || !group[shown_size]);
    snprintf(folder, sizeof folder, "%s%s", point, is_below ? group + shown_size : "");
    size_t top = strlen(point), n = strlen(folder);
    while (n > top && folder[n - 1] == '/')
        folder[--n] = '\0';
    /* The whole path may lie outside of what is mounted here: go up until a group is found. */
    bool is_leaf = true;
    for (;;) {
        snprintf(probe, sizeof probe, "%s/cgroup.procs", folder);
        if (hone__hw_read_text(root, probe, line, sizeof line)) {
            visit(root, folder, is_leaf, out);
            is_leaf = false;
        }
        if (n <= top)
            return;
        char *slash = strrchr(folder, '/');
        n = (size_t)(slash - folder) > top ? (size_t)(slash - folder) : top;
        folder[n] = '\0';
    }
}

static void add_quota(hone__cgroup_limits *out, double quota, double period) {
    if (quota > 0 && period > 0) {
        double cpus = quota / period;
        if (out->cpus == 0 || cpus < out->cpus)
            out->cpus = cpus;
    }
}

/* What the kernel would give back under pressure (inactive file pages) is not counted as used. */
static void add_memory(const char *root, const char *folder, const char *usage_file, const char *inactive_key,
                       int64_t limit, hone__cgroup_limits *out) {
    char path[2 * PATH_SIZE + 64], text[8192];
    int64_t usage = 0, inactive = 0;
    if (out->memory_limit == 0 || limit < out->memory_limit)
        out->memory_limit = limit;
    snprintf(path, sizeof path, "%s/%s", folder, usage_file);
    if (!hone__hw_read_int(root, path, &usage))
        return;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    if (hone__hw_read_text(root, path, text, sizeof text)) {
        size_t key_size = strlen(inactive_key);
        for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
            if (!strncmp(p, inactive_key, key_size) && p[key_size] == ' ')
                inactive = strtoll(p + key_size, NULL, 10);
    }
    usage = usage > inactive ? usage - inactive : 0;
    int64_t headroom = limit > usage ? limit - usage : 0;
    if (headroom < out->memory_headroom)
        out->memory_headroom = headroom;
}

static void read_throttling(const char *root, const char *folder, hone__cgroup_limits *out) {
    char path[2 * PATH_SIZE + 64], text[2048];
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    if (!hone__hw_read_text(root, path, text, sizeof text))
        return;
    const char *throttled = strstr(text, "nr_throttled "), *periods = strstr(text, "nr_periods ");
    if (throttled)
        out->n_throttled += strtoull(throttled + 13, NULL, 10);
    if (periods)
        out->n_periods += strtoull(periods + 11, NULL, 10);
}

static void visit_v2(const char *root, const char *folder, bool is_leaf, hone__cgroup_limits *out) {
    char path[2 * PATH_SIZE + 64], line[128];
    double quota, period;
    int64_t limit;
    bool has_quota = false;
    (void)is_leaf;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (hone__hw_read_line(root, path, line, sizeof line) && sscanf(line, "%lf %lf", &quota, &period) == 2) {
        add_quota(out, quota, period);
        has_quota = true;
    }
    if (has_quota)
        read_throttling(root, folder, out);
    /* "max" is not a number, so it is no limit. memory.high slows down rather than kills: for sizing it
     * is a limit all the same. */
    const char *const names[] = {"memory.max", "memory.high"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (hone__hw_read_int(root, path, &limit))
            add_memory(root, folder, "memory.current", "inactive_file", limit, out);
    }
}

static void visit_v1_cpu(const char *root, const char *folder, bool is_leaf, hone__cgroup_limits *out) {
    char path[2 * PATH_SIZE + 64];
    int64_t quota, period;
    (void)is_leaf;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!hone__hw_read_int(root, path, &quota) || quota <= 0)
        return;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!hone__hw_read_int(root, path, &period))
        period = 100000;
    add_quota(out, (double)quota, (double)period);
    read_throttling(root, folder, out);
}

static void visit_v1_memory(const char *root, const char *folder, bool is_leaf, hone__cgroup_limits *out) {
    char path[2 * PATH_SIZE + 64];
    int64_t limit;
    (void)is_leaf;
    snprintf(path, sizeof path, "%s/memory.limit_in_bytes", folder);
    if (hone__hw_read_int(root, path, &limit) && limit < NO_LIMIT_V1)
        add_memory(root, folder, "memory.usage_in_bytes", "total_inactive_file", limit, out);
}

void hone__hw_read_cgroup(const char *root, hone__cgroup_limits *out) {
    static const struct {
        const char *controller;
        int version;
        visit_fn visit;
    } hierarchies[] = {{"", 2, visit_v2}, {"cpu", 1, visit_v1_cpu}, {"memory", 1, visit_v1_memory}};
    memset(out, 0, sizeof *out);
    out->memory_headroom = INT64_MAX;
    char *texts = hone__malloc(2 * TEXT_SIZE);
    if (!texts)
        return;
    char *groups = texts, *mounts = texts + TEXT_SIZE;
    char group[PATH_SIZE], point[PATH_SIZE], shown[PATH_SIZE];
    if (hone__hw_read_text(root, "/proc/self/cgroup", groups, TEXT_SIZE) &&
        hone__hw_read_text(root, "/proc/self/mountinfo", mounts, TEXT_SIZE))
        for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++)
            if (find_group(groups, hierarchies[i].controller, group, sizeof group) &&
                find_mount(mounts, hierarchies[i].controller, point, shown, sizeof point)) {
                walk(root, point, shown, group, hierarchies[i].visit, out);
                /* In hybrid set-ups the v1 controllers are the ones in force. */
                if (!out->version || hierarchies[i].version == 1)
                    out->version = hierarchies[i].version;
            }
    hone__free(texts);
}
