/* describe.c - what a layer is: its parts by name, its description, its parameters and tensors. */
#include "core/layer.h"

recur_status recur_layer_child(const recur_layer *layer, const char *name, recur_layer **out,
                               int64_t *offset)
{
    RECUR__NOT_NULL(out);
    *out = NULL;
    if (offset) *offset = 0;
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(name);
    const recur_layer *node = layer;
    for (const char *at = name; node;) {
        const size_t length = strcspn(at, ".");
        const recur_layer *found = NULL;
        for (int64_t i = 0; i < node->parts && !found; i++)
            if (strlen(node->part[i]->name) == length &&
                memcmp(node->part[i]->name, at, length) == 0)
                found = node->part[i];
        if (!found)
            return recur__fail(RECUR_E_MISSING, "there is no part \"%s\" among the %lld parts",
                               name, (long long)node->parts);
        node = found;
        if (!at[length]) break;
        at += length + 1;
    }
    if (offset) *offset = node->offset - layer->offset;
    *out = recur__layer_retain(node);
    return RECUR_OK;
}

recur_status recur_layer_describe(const recur_layer *layer, int64_t part, recur_layer_info *out)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(out);
    if (part < -1 || part >= layer->parts)
        return recur__fail(RECUR_E_ARGUMENT, "part %lld of a layer with %lld parts",
                           (long long)part, (long long)layer->parts);
    const recur_layer *node = part < 0 ? layer : layer->part[part];
    const recur_recurrent_options *o = &node->spec.options;
    recur_layer_info info = {
        .kind = node->ops->kind,
        .input_size = node->input_size,
        .output_size = node->output_size,
        .hidden_size = node->spec.hidden_size,
        .num_layers = node->spec.num_layers,
        .parts = node->parts,
        .offset = node->offset - layer->offset,
        .dropout = node->spec.dropout,
        .variant = node->spec.variant,
        .direction = node->spec.direction,
        .flags = node->spec.flags,
        .capabilities = node->capabilities,
        .name = node->name,
        .type = node->type,
        .projection_size = o->projection_size,
        .recurrent_dropout = o->recurrent_dropout,
        .zoneout_hidden = o->zoneout_hidden,
        .zoneout_cell = o->zoneout_cell,
        .cell_clip = o->cell_clip,
        .preactivation_clip = o->preactivation_clip,
        .gate_activation = o->gate_activation,
        .activation = o->activation,
        .output_activation = o->output_activation,
        .epsilon = node->spec.epsilon,
        .clockwork = node->spec.clockwork.modules ? &node->spec.clockwork : NULL,
        .conv = node->spec.conv.axis ? &node->spec.conv : NULL,
        .channels = node->spec.channels,
        .groups = node->spec.groups,
    };
    const recur__wiring *wiring = part < 0 || !layer->wiring ? NULL : &layer->wiring[part];
    if (wiring && wiring->source) {
        info.source_count = wiring->links;
        info.sources = wiring->source;
    }
    return recur__give("recur_layer_info", &info, out, sizeof info,
                       offsetof(recur_layer_info, projection_size));
}

int64_t recur_layer_rows(const recur_layer *layer, const recur_packed *packed)
{
    if (!layer || !packed) return 0;
    return layer->capabilities & RECUR_CAN_REDUCE_TIME ? packed->batch : packed->rows;
}

int64_t recur_layer_param_count(const recur_layer *layer) { return layer ? layer->count : 0; }

float *recur_layer_params(recur_layer *layer)
{
    return layer && layer->count && !recur__layer_is_snapshot(layer) ? layer->params : NULL;
}

int64_t recur_layer_tensor_count(const recur_layer *layer) { return layer ? layer->tensors : 0; }

recur_status recur_layer_tensor_info(const recur_layer *layer, int64_t index, recur_tensor *out)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(out);
    if (index < 0 || index >= layer->tensors)
        return recur__fail(RECUR_E_ARGUMENT, "tensor %lld of a layer with %lld tensors",
                           (long long)index, (long long)layer->tensors);
    recur_tensor t = layer->tensor[index];
    t.offset -= layer->offset;
    t.name += layer->prefix;
    return recur__give("recur_tensor", &t, out, sizeof t, sizeof t);
}
