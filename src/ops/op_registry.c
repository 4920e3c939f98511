/* All families of operators, and looking rows up. This is the one list: a new family is one line here. */
#include "ops/op.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op_families.h"

#define DECLARE(family) extern const hone__op_family hone__ops_##family;
HONE_OP_FAMILIES(DECLARE)
#undef DECLARE

static const hone__op_family *const g_families[] = {
#define LIST(family) &hone__ops_##family,
    HONE_OP_FAMILIES(LIST)
#undef LIST
};

/* Sorted once from the families; room is static, so that a look-up cannot fail for want of memory. The
 * standard has about 650 rows up to opset 23. */
enum { MAX_ROWS = 4096 };
static const hone__op *g_rows[MAX_ROWS];
static size_t g_n_rows;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static int compare_names(const hone__op *op, const char *domain, const char *name) {
    int c = strcmp(op->domain, domain);
    return c ? c : strcmp(op->name, name);
}

static int compare_rows(const void *a, const void *b) {
    const hone__op *x = *(const hone__op *const *)a, *y = *(const hone__op *const *)b;
    int c = compare_names(x, y->domain, y->name);
    return c ? c : (x->since > y->since) - (x->since < y->since);
}

static void build(void) {
    for (size_t f = 0; f < sizeof g_families / sizeof *g_families; f++)
        for (size_t i = 0; i < g_families[f]->n_rows && g_n_rows < MAX_ROWS; i++)
            g_rows[g_n_rows++] = &g_families[f]->rows[i];
    qsort(g_rows, g_n_rows, sizeof *g_rows, compare_rows);
}

const hone__op *const *hone__op_all(size_t *n) {
    pthread_once(&g_once, build);
    *n = g_n_rows;
    return g_rows;
}

/* Index of the first row of (domain, name), or n. */
static size_t first_row(const char *domain, const char *name) {
    size_t n;
    hone__op_all(&n);
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_names(g_rows[mid], domain, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && compare_names(g_rows[low], domain, name) == 0 ? low : n;
}

static const char *plain_domain(const char *domain) { return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

const hone__op *hone__op_find(const char *domain, const char *name, int64_t opset) {
    domain = plain_domain(domain);
    const hone__op *found = NULL;
    for (size_t i = first_row(domain, name); i < g_n_rows && compare_names(g_rows[i], domain, name) == 0; i++)
        if (g_rows[i]->since <= opset)
            found = g_rows[i];
    return found;
}

int hone__op_removed_in(const char *name) {
    return strcmp(name, "Upsample") == 0 ? 10 : strcmp(name, "Scatter") == 0 ? 11 : 0;
}

const hone__op *hone__op_find_any(const char *domain, const char *name) {
    size_t i = first_row(plain_domain(domain), name);
    return i < g_n_rows ? g_rows[i] : NULL;
}
