/* Small text files below a root folder, and lists of CPU numbers; see hw_detect.h. */
#include "hw/hw_detect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool hone__cpu_list_has(const hone__cpu_list *list, int cpu) {
    return cpu >= 0 && cpu < HONE_HW_MAX_CPUS && (list->bits[cpu / 64] >> (cpu % 64) & 1);
}

void hone__cpu_list_add(hone__cpu_list *list, int cpu) {
    if (cpu >= 0 && cpu < HONE_HW_MAX_CPUS)
        list->bits[cpu / 64] |= (uint64_t)1 << (cpu % 64);
}

int hone__cpu_list_count(const hone__cpu_list *list) {
    int n = 0;
    for (size_t i = 0; i < sizeof list->bits / sizeof *list->bits; i++)
        n += __builtin_popcountll(list->bits[i]);
    return n;
}

bool hone__cpu_list_parse(const char *text, hone__cpu_list *list) {
    const char *p = text;
    while (*p && *p != '\n') {
        char *end;
        long first = strtol(p, &end, 10), last = first;
        if (end == p || first < 0)
            return false;
        p = end;
        if (*p == '-') {
            last = strtol(p + 1, &end, 10);
            if (end == p + 1 || last < first)
                return false;
            p = end;
        }
        for (long cpu = first; cpu <= last && cpu < HONE_HW_MAX_CPUS; cpu++)
            hone__cpu_list_add(list, (int)cpu);
        if (*p == ',')
            p++;
        else if (*p && *p != '\n')
            return false;
    }
    return true;
}

bool hone__hw_read_text(const char *root, const char *path, char *buf, size_t size) {
    char full[4096];
    int n = snprintf(full, sizeof full, "%s%s", root, path);
    if (n < 0 || (size_t)n >= sizeof full)
        return false;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t used = 0;
    ssize_t got = 0;
    while (used + 1 < size) {
        got = read(fd, buf + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    buf[used] = '\0';
    return got >= 0;
}

bool hone__hw_read_line(const char *root, const char *path, char *buf, size_t size) {
    if (!hone__hw_read_text(root, path, buf, size))
        return false;
    buf[strcspn(buf, "\n")] = '\0';
    return true;
}

bool hone__hw_read_int(const char *root, const char *path, int64_t *out) {
    char line[64], *end;
    if (!hone__hw_read_line(root, path, line, sizeof line))
        return false;
    errno = 0;
    long long value = strtoll(line, &end, 10);
    if (end == line || errno == ERANGE)
        return false;
    *out = value;
    return true;
}
