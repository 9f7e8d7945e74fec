/* quantise.c - snapshots with fewer bits beside float32, on a batch: each part alone, then all of
 * them, then without those that cost most. */
#include <math.h>

#include "kernels/reduced.h"
#include "run/run.h"

/* Differences from float32. */
typedef struct errors {
    double y, state;
} errors;

typedef struct trial {
    const recur_layer *layer;
    recur_quantise_options o;
    recur_state *state; /* NULL: the layer has none */
    int64_t leaves, y_floats, state_floats;
    int32_t *precision; /* [leaves] of the snapshot at hand */
    errors *alone;      /* [leaves] */
    float *want_y, *y;  /* [y_floats] */
    float *want_h, *h;  /* [state_floats] */
} trial;

/* ---- leaves --------------------------------------------------------------------------------- */

static int64_t count_leaves(const recur_layer *node)
{
    int64_t leaves = node->parts == 0;
    for (int64_t i = 0; i < node->parts; i++) leaves += count_leaves(node->part[i]);
    return leaves;
}

/* Leaf number *i, in the order of the tree. */
static const recur_layer *leaf_at(const recur_layer *node, int64_t *i)
{
    if (node->parts == 0) return (*i)-- == 0 ? node : NULL;
    for (int64_t p = 0; p < node->parts; p++) {
        const recur_layer *leaf = leaf_at(node->part[p], i);
        if (leaf) return leaf;
    }
    return NULL;
}

static const recur_layer *leaf_of(const trial *t, int64_t i) { return leaf_at(t->layer, &i); }

static bool reduces(const trial *t, int64_t i)
{
    return recur__leaf_precision(leaf_of(t, i), t->o.precision) != RECUR_PRECISION_FLOAT32;
}

/* ---- runs ----------------------------------------------------------------------------------- */

static recur_status forward(const trial *t, const recur_layer *snapshot, float *y, float *h)
{
    const recur_quantise_options *o = &t->o;
    if (t->state) RECUR__CHECK(recur_state_reset(t->state, -1));
    RECUR__CHECK(o->ids ? recur_layer_forward_ids(snapshot, o->packed, o->ids, t->state, y, NULL)
                        : recur_layer_forward(snapshot, o->packed, o->x, t->state, y, NULL));
    return t->state_floats ? recur_state_read(t->state, 0, t->state_floats, h) : RECUR_OK;
}

/* NaN, where only one of the two is, is the largest difference. */
static double largest_difference(int64_t count, const float *a, const float *b)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++) {
        const double difference = fabs((double)a[i] - (double)b[i]);
        const bool same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i]));
        if (!same && !(difference <= most)) most = difference;
        if (isnan(most)) return most;
    }
    return most;
}

/* A snapshot of the precisions at hand. out NULL: it is given back. */
static recur_status measure(const trial *t, errors *e, recur_layer **out)
{
    recur_layer *snapshot;
    RECUR__CHECK(
        recur__snapshot_build(t->layer, (recur__precisions){ .of = t->precision }, &snapshot));
    const recur_status status = forward(t, snapshot, t->y, t->h);
    if (!status)
        *e = (errors){ largest_difference(t->y_floats, t->y, t->want_y),
                       largest_difference(t->state_floats, t->h, t->want_h) };
    if (status || !out)
        recur_layer_release(snapshot);
    else
        *out = snapshot;
    return status;
}

static void set_all(const trial *t, int32_t precision)
{
    for (int64_t i = 0; i < t->leaves; i++) t->precision[i] = precision;
}

static recur_status measure_alone(const trial *t)
{
    for (int64_t i = 0; i < t->leaves; i++) {
        t->alone[i] = (errors){ 0 };
        if (!reduces(t, i)) continue;
        set_all(t, RECUR_PRECISION_FLOAT32);
        t->precision[i] = t->o.precision;
        RECUR__CHECK(measure(t, &t->alone[i], NULL));
    }
    return RECUR_OK;
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* The larger one of the errors, in bounds; of NaN infinity. */
static double in_bounds(const trial *t, errors e)
{
    double most = 0;
    if (t->o.most_y > 0) most = isnan(e.y) ? INFINITY : e.y / t->o.most_y;
    if (t->o.most_state > 0)
        most = fmax(most, isnan(e.state) ? INFINITY : e.state / t->o.most_state);
    return most;
}

/* Gives float32 to the leaf that costs most. */
static void give_up(const trial *t)
{
    int64_t worst = -1;
    double most = -1;
    for (int64_t i = 0; i < t->leaves; i++)
        if (t->precision[i] != RECUR_PRECISION_FLOAT32 && reduces(t, i) &&
            in_bounds(t, t->alone[i]) > most) {
            most = in_bounds(t, t->alone[i]);
            worst = i;
        }
    if (worst >= 0)
        t->precision[worst] = RECUR_PRECISION_FLOAT32;
    else
        set_all(t, RECUR_PRECISION_FLOAT32);
}

/* With all leaves at float32 nothing differs, so this ends. */
static recur_status find(const trial *t, errors *e, recur_layer **snapshot)
{
    set_all(t, t->o.precision);
    RECUR__CHECK(measure(t, e, snapshot));
    while (in_bounds(t, *e) > 1) {
        recur_layer_release(*snapshot);
        *snapshot = NULL;
        give_up(t);
        RECUR__CHECK(measure(t, e, snapshot));
    }
    return RECUR_OK;
}

/* ---- the report ----------------------------------------------------------------------------- */

/* How far the numbers of a matrix are off. */
static double weight_error(const recur_layer *leaf, const recur_tensor *m, int32_t precision)
{
    const float *row = leaf->root->params + m->offset;
    double off = 0, all = 0;
    for (int64_t n = 0; n < m->dim[0]; n++, row += m->dim[1]) {
        const recur__scales scales = recur__scales_of_row(m->dim[1], row);
        for (int64_t k = 0; k < m->dim[1]; k++) {
            const double w = (double)row[k];
            const double d = (double)recur__rounded(precision, row[k], scales) - w;
            off += d * d;
            all += w * w;
        }
    }
    return all > 0 || isnan(all) ? sqrt(off / all) : 0;
}

static void describe_leaf(const trial *t, int64_t i, recur_quantise_report *report, int32_t room)
{
    const recur_layer *leaf = leaf_of(t, i);
    for (int64_t n = 0; reduces(t, i) && n < leaf->tensors; n++) {
        const recur_tensor *tensor = &leaf->tensor[n];
        if (!recur__tensor_reduces(leaf, tensor)) continue;
        if (report->matrix && report->count < room)
            report->matrix[report->count] = (recur_quantised){
                .name = tensor->name,
                .weight_error = weight_error(leaf, tensor, t->o.precision),
                .y_error = t->alone[i].y,
                .state_error = t->alone[i].state,
                .precision = t->precision[i],
            };
        report->count++;
    }
}

/* ---- the door ------------------------------------------------------------------------------- */

static bool is_bound(double bound) { return bound >= 0 && isfinite(bound); }

static recur_status check(const recur_layer *layer, const recur_quantise_options *o)
{
    RECUR__CHECK(recur__check_fewer_bits("recur_quantise", o->precision));
    if (!o->packed) return recur__fail(RECUR_E_ARGUMENT, "recur_quantise: packed is NULL");
    if (!o->x == !o->ids)
        return recur__fail(RECUR_E_ARGUMENT, "recur_quantise: %s of x and ids; one is needed",
                           o->x ? "both" : "none");
    if (!is_bound(o->most_y) || !is_bound(o->most_state))
        return recur__fail(RECUR_E_ARGUMENT,
                           "recur_quantise: most_y is %g and most_state is %g: they must be 0 or "
                           "more, and finite",
                           o->most_y, o->most_state);
    if (recur__layer_is_snapshot(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_quantise: a snapshot keeps its precision; give the layer that it "
                           "was made of");
    if (!layer->ops->pass)
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "recur_quantise: a group is not run; quantise its parts");
    return RECUR_OK;
}

static void lay_out(recur__carver *carver, trial *t)
{
    t->precision = recur__carve(carver, t->leaves, sizeof *t->precision);
    t->alone = recur__carve(carver, t->leaves, sizeof *t->alone);
    t->want_y = recur__carve(carver, t->y_floats, sizeof *t->want_y);
    t->y = recur__carve(carver, t->y_floats, sizeof *t->y);
    t->want_h = recur__carve(carver, t->state_floats, sizeof *t->want_h);
    t->h = recur__carve(carver, t->state_floats, sizeof *t->h);
}

static recur_status run(const trial *t, errors *all, recur_layer **snapshot)
{
    recur_layer *plain;
    set_all(t, RECUR_PRECISION_FLOAT32);
    RECUR__CHECK(
        recur__snapshot_build(t->layer, (recur__precisions){ .of = t->precision }, &plain));
    const recur_status status = forward(t, plain, t->want_y, t->want_h);
    recur_layer_release(plain);
    if (status) return status;
    RECUR__CHECK(measure_alone(t));
    return find(t, all, snapshot);
}

/* Fills in the caller's report, whose size was checked. */
static recur_status give(const trial *t, errors all, const recur_quantise_report *given,
                         recur_quantise_report *report)
{
    recur_quantise_report r = { .matrix = given->matrix,
                                .y_error = all.y,
                                .state_error = all.state };
    for (int64_t i = 0; i < t->leaves; i++) describe_leaf(t, i, &r, given->count);
    return recur__give("recur_quantise_report", &r, report, sizeof r, sizeof r);
}

static recur_status quantise(trial *t, const recur_quantise_report *given, recur_layer **out,
                             recur_quantise_report *report)
{
    recur_layer *snapshot = NULL;
    errors all = { 0 };
    recur_status status = run(t, &all, &snapshot);
    if (!status && report) status = give(t, all, given, report);
    if (!status && out)
        *out = snapshot;
    else
        recur_layer_release(snapshot);
    return status;
}

recur_status recur_quantise(const recur_layer *layer, const recur_quantise_options *options,
                            recur_layer **out, recur_quantise_report *report)
{
    if (out) *out = NULL;
    RECUR__NEEDS(REDUCED);
    RECUR__NEEDS(BATCH);
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(options);
    trial t = { .layer = layer, .leaves = count_leaves(layer) };
    recur_quantise_report given = { 0 };
    RECUR__CHECK(recur__take("recur_quantise_options", options, &t.o, sizeof t.o));
    if (report) RECUR__CHECK(recur__take("recur_quantise_report", report, &given, sizeof given));
    RECUR__CHECK(check(layer, &t.o));
    recur_context *ctx = recur__layer_context(layer);
    t.y_floats = recur__times(recur_layer_rows(layer, t.o.packed), layer->output_size);
    if (layer->states)
        RECUR__CHECK(recur_state_create(layer, recur_packed_batch(t.o.packed), &t.state));
    t.state_floats = t.state ? recur_state_count(t.state) : 0;
    recur__carver measured = { 0 };
    lay_out(&measured, &t);
    recur__carver carver = { .base = recur__alloc(ctx, measured.used) };
    recur_status status = carver.base ? RECUR_OK : recur__no_memory(measured.used);
    if (!status) {
        lay_out(&carver, &t);
        status = quantise(&t, &given, out, report);
    }
    recur__free(ctx, carver.base, measured.used);
    recur_state_release(t.state);
    return status;
}
