/* NonMaxSuppression: the boxes of a class in the order of their scores, each kept unless it overlaps one kept before.
 *
 * Most boxes overlap few others (exporters shift every class to a place of its own), so the boxes kept are found by
 * the strip of x that they lie in; a pair that shares no strip does not overlap, and is not looked at.
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

#include <math.h>
#include <stdlib.h>

static hone_status infer_non_max_suppression(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_known(3)};
    return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 2, dims);
}

typedef struct candidate {
    float score;
    int64_t box;
} candidate;

static int compare_candidates(const void *pa, const void *pb) {
    const candidate *a = pa, *b = pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->box > b->box) - (a->box < b->box);
}

/* A box with its corners in order. */
typedef struct area {
    float y0, x0, y1, x1;
} area;

static area area_of(const float *b, bool centre) {
    if (centre) /* x, y, width, height */
        return (area){b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
    return (area){fminf(b[0], b[2]), fminf(b[1], b[3]), fmaxf(b[0], b[2]), fmaxf(b[1], b[3])};
}

static float overlap(const area *a, const area *b) {
    float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0), w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    float both = h > 0 && w > 0 ? h * w : 0;
    float sum = (a->y1 - a->y0) * (a->x1 - a->x0) + (b->y1 - b->y0) * (b->x1 - b->x0) - both;
    return sum > 0 ? both / sum : 0;
}

/* ---- strips ---- */

enum { STRIPS = 256, MAX_SPAN = 8 }; /* a box over more strips than MAX_SPAN stands in a list of its own */

typedef struct entry {
    uint32_t box, next; /* of `kept`; 0 ends a list, entries count from 1 */
} entry;

typedef struct strips {
    bool is_used;
    float from, scale;
    uint32_t heads[STRIPS + 1]; /* the last one: wide boxes */
    entry *entries;
    uint32_t n;
    const area *kept;
} strips;

/* Strips of a box; monotonic in x, so boxes that overlap share one. */
static int strip_of(const strips *s, float x) {
    const float at = (x - s->from) * s->scale;
    return at >= STRIPS - 1 ? STRIPS - 1 : at > 0 ? (int)at : 0;
}

/* Strips serve finite boxes, and thresholds by which boxes that do not touch are kept. */
static void set_strips(strips *s, const area *areas, int64_t n, double iou) {
    float from = INFINITY, to = -INFINITY;
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        finite = finite && isfinite(areas[i].x0) && isfinite(areas[i].x1) && isfinite(areas[i].y0) &&
                 isfinite(areas[i].y1) && areas[i].x0 <= areas[i].x1;
        from = fminf(from, areas[i].x0);
        to = fmaxf(to, areas[i].x1);
    }
    s->is_used = finite && iou >= 0 && n > 64 && n < UINT32_MAX / (MAX_SPAN + 1) && isfinite(to - from) && to > from;
    s->from = from;
    s->scale = s->is_used ? STRIPS / (to - from) : 0;
    s->is_used = s->is_used && isfinite(s->scale);
    memset(s->heads, 0, sizeof s->heads);
    s->n = 0;
}

static void add_to(strips *s, int strip, uint32_t box) {
    s->entries[s->n] = (entry){box, s->heads[strip]};
    s->heads[strip] = ++s->n;
}

static void keep_in_strips(strips *s, uint32_t box) {
    const int lo = strip_of(s, s->kept[box].x0), hi = strip_of(s, s->kept[box].x1);
    if (hi - lo >= MAX_SPAN) {
        add_to(s, STRIPS, box);
        return;
    }
    for (int i = lo; i <= hi; i++)
        add_to(s, i, box);
}

static bool list_overlaps(const strips *s, int strip, const area *box, double iou) {
    for (uint32_t e = s->heads[strip]; e; e = s->entries[e - 1].next)
        if ((double)overlap(box, &s->kept[s->entries[e - 1].box]) > iou)
            return true;
    return false;
}

static bool is_suppressed(const strips *s, const area *box, int64_t n_kept, double iou) {
    if (!s->is_used) {
        for (int64_t k = 0; k < n_kept; k++)
            if ((double)overlap(box, &s->kept[k]) > iou)
                return true;
        return false;
    }
    const int lo = strip_of(s, box->x0), hi = strip_of(s, box->x1);
    for (int i = lo; i <= hi; i++)
        if (list_overlaps(s, i, box, iou))
            return true;
    return list_overlaps(s, STRIPS, box, iou);
}

/* ---- evaluation ---- */

typedef struct inputs {
    const float *boxes, *scores;
    int64_t n, classes, groups, max;
    double iou, threshold;
    bool centre;
} inputs;

static hone_status read_inputs(hone__eval *ctx, inputs *in) {
    const hone_tensor *boxes, *scores;
    HONE_TRY(hone__eval_tensor(ctx, 0, &boxes));
    HONE_TRY(hone__eval_tensor(ctx, 1, &scores));
    if (!hone__in_omitted(ctx, 2))
        HONE_TRY(hone__eval_int(ctx, 2, &in->max));
    HONE_TRY(hone__eval_number(ctx, 3, 0, &in->iou));
    HONE_TRY(hone__eval_number(ctx, 4, -INFINITY, &in->threshold));
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] ||
        boxes->dims[1] != scores->dims[2])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "boxes must be [B,N,4] and scores [B,C,N]");
    in->centre = hone__node_attr_int(ctx->node, "center_point_box", 0) != 0;
    in->n = boxes->dims[1];
    in->classes = scores->dims[1];
    in->groups = boxes->dims[0] * in->classes;
    HONE_TRY(hone__eval_in_float(ctx, 0, &in->boxes));
    HONE_TRY(hone__eval_in_float(ctx, 1, &in->scores));
    in->max = hone__max_i64(0, hone__min_i64(in->max, in->n));
    return HONE_OK;
}

static hone_status eval_non_max_suppression(hone__eval *ctx) {
    inputs in = {0};
    void *p, *q, *r;
    strips s;
    hone_tensor *out;
    int64_t limit, found = 0;
    HONE_TRY(read_inputs(ctx, &in));
    if (!hone__mul_i64(in.groups, in.max, &limit))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "there are too many boxes");
    HONE_TRY(hone__eval_scratch_n(ctx, in.n, sizeof(candidate), &p));
    HONE_TRY(hone__eval_scratch_n(ctx, limit, 3 * sizeof(int64_t), &q));
    HONE_TRY(hone__eval_scratch_n(ctx, in.n + in.max, sizeof(area), &r));
    candidate *list = p;
    int64_t(*picked)[3] = q;
    area *areas = r, *kept = areas + in.n;
    HONE_TRY(hone__eval_scratch_n(ctx, in.max, MAX_SPAN * sizeof(entry), &r));
    s.entries = r;
    s.kept = kept;
    for (int64_t g = 0; in.max > 0 && g < in.groups; g++) {
        int64_t count = 0, n_kept = 0;
        const float *scores = in.scores + g * in.n;
        for (int64_t i = 0; i < in.n && g % in.classes == 0; i++)
            areas[i] = area_of(in.boxes + (g / in.classes * in.n + i) * 4, in.centre);
        for (int64_t i = 0; i < in.n; i++)
            if (!isnan(scores[i]) && (double)scores[i] > in.threshold)
                list[count++] = (candidate){scores[i], i};
        qsort(list, (size_t)count, sizeof *list, compare_candidates);
        set_strips(&s, areas, in.n, in.iou);
        for (int64_t i = 0; i < count && n_kept < in.max; i++) {
            const area *box = &areas[list[i].box];
            if (is_suppressed(&s, box, n_kept, in.iou))
                continue;
            kept[n_kept] = *box;
            if (s.is_used)
                keep_in_strips(&s, (uint32_t)n_kept);
            n_kept++;
            picked[found][0] = g / in.classes;
            picked[found][1] = g % in.classes;
            picked[found++][2] = list[i].box;
        }
    }
    int64_t dims[2] = {found, 3};
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 2, dims, &out));
    if (out && found)
        memcpy(out->data, picked, (size_t)found * sizeof *picked);
    return HONE_OK;
}

static const hone__op_param non_max_suppression_10_in[] = {
    HONE_PARAM("boxes", HONE_SET(FLOAT), 0), HONE_PARAM("scores", HONE_SET(FLOAT), 0),
    HONE_PARAM_OPT("max_output_boxes_per_class", HONE_SET(INT64), 0),
    HONE_PARAM_OPT("iou_threshold", HONE_SET(FLOAT), 0), HONE_PARAM_OPT("score_threshold", HONE_SET(FLOAT), 0)};
static const hone__op_param non_max_suppression_10_out[] = {HONE_PARAM("selected_indices", HONE_SET(INT64), 0)};
static const hone__op_attr non_max_suppression_10_attrs[] = {{"center_point_box", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "NonMaxSuppression", 10, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 2, non_max_suppression_10_in, 1,
             non_max_suppression_10_out, non_max_suppression_10_attrs, infer_non_max_suppression,
             eval_non_max_suppression, NULL),
    HONE_ROW("", "NonMaxSuppression", 11, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 2, non_max_suppression_10_in, 1,
             non_max_suppression_10_out, non_max_suppression_10_attrs, infer_non_max_suppression,
             eval_non_max_suppression, NULL),
};

const hone__op_family hone__ops_nms = {"nms", g_rows, HONE_COUNT(g_rows)};
