/* round.c - parameters as a snapshot with fewer bits has them, for training that knows of the
 * rounding. */
#include "kernels/reduced.h"
#include "run/run.h"

recur_status recur__check_fewer_bits(const char *function, int32_t precision)
{
    static const recur__constant precisions[] = { RECUR__CONSTANT(RECUR_PRECISION_BFLOAT16),
                                                  RECUR__CONSTANT(RECUR_PRECISION_INT8) };
    if (precision == RECUR_PRECISION_BFLOAT16 || precision == RECUR_PRECISION_INT8) return RECUR_OK;
    return RECUR__NO_CONSTANT(function, "precision", precision, precisions);
}

bool recur__tensor_reduces(const recur_layer *leaf, const recur_tensor *tensor)
{
    return tensor->rank == 2 && leaf->ops->pack->reduces(tensor->name + leaf->prefix);
}

/* Rows of a matrix [N][K], each with its scale. */
static void round_matrix(int32_t precision, const recur_tensor *m, float *row)
{
    for (int64_t n = 0; n < m->dim[0]; n++, row += m->dim[1]) {
        const recur__scales scales = recur__scales_of_row(m->dim[1], row);
        for (int64_t k = 0; k < m->dim[1]; k++) row[k] = recur__rounded(precision, row[k], scales);
    }
}

/* to: the parameters from number `begin` of the whole on. */
static void round_node(const recur_layer *node, int32_t precision, int64_t begin, float *to)
{
    for (int64_t i = 0; i < node->parts; i++) round_node(node->part[i], precision, begin, to);
    if (node->parts || recur__leaf_precision(node, precision) == RECUR_PRECISION_FLOAT32) return;
    for (int64_t i = 0; i < node->tensors; i++)
        if (recur__tensor_reduces(node, &node->tensor[i]))
            round_matrix(precision, &node->tensor[i], to + (node->tensor[i].offset - begin));
}

recur_status recur_quantise_params(const recur_layer *layer, int32_t precision, const float *from,
                                   float *to)
{
    RECUR__NEEDS(REDUCED);
    RECUR__NOT_NULL(layer);
    RECUR__CHECK(recur__check_fewer_bits("recur_quantise_params", precision));
    if (layer->count == 0) return RECUR_OK;
    RECUR__NOT_NULL(from);
    RECUR__NOT_NULL(to);
    if (to != from) memmove(to, from, (size_t)layer->count * sizeof *to);
    round_node(layer, precision, layer->offset, to);
    return RECUR_OK;
}
