/* parameters.c - layers and states in files. */
#include "model/model.h"

/* Names of version 0.1 that are read for ever. */
static const recur__old_name old_names[] = {
    { "norm_weight", "weight_norm" },
    { "norm_bias", "bias_norm" },
    { "h0", "start_h" },
    { "c0", "start_c" },
    { NULL, NULL },
};

static recur_status layer_tensor(const recur__bundle *bundle, int64_t index, recur_tensor *info,
                                 float **data)
{
    RECUR__CHECK(recur_layer_tensor_info(bundle->object, index, info));
    *data = bundle->flat ? bundle->flat + info->offset : NULL;
    return RECUR_OK;
}

static recur__bundle bundle_of(const recur_layer *layer, float *params)
{
    return (recur__bundle){ .what = "layer",
                            .finite = true,
                            .stored = true,
                            .beside = RECUR__SAMPLE,
                            .old = old_names,
                            .object = layer,
                            .flat = params,
                            .tensors = recur_layer_tensor_count(layer),
                            .tensor = layer_tensor };
}

recur_status recur__layer_find(recur_file *file, const char *prefix, const recur_layer *layer,
                               const float **params)
{
    const recur__bundle bundle = bundle_of(layer, NULL);
    return recur__bundle_find(&bundle, file, prefix, params);
}

static recur_status bundle_of_layer(const recur_layer *layer, recur__bundle *out)
{
    float *params = recur_layer_params((recur_layer *)(uintptr_t)layer);
    if (!params && recur_layer_param_count(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a snapshot has no parameters to load or save; its original has %lld",
                           (long long)recur_layer_param_count(layer));
    *out = bundle_of(layer, params);
    return RECUR_OK;
}

recur_status recur_file_get_layer(recur_file *file, const char *prefix, recur_layer *layer)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(file);
    recur__bundle bundle;
    RECUR__CHECK(bundle_of_layer(layer, &bundle));
    return recur__bundle_get(&bundle, file, prefix ? prefix : "");
}

recur_status recur_file_put_layer(recur_file *file, const char *prefix, const recur_layer *layer)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(file);
    recur__bundle bundle;
    RECUR__CHECK(bundle_of_layer(layer, &bundle));
    return recur__bundle_put(&bundle, file, prefix ? prefix : "");
}

static recur_status state_tensor(const recur__bundle *bundle, int64_t index, recur_tensor *info,
                                 float **data)
{
    RECUR__CHECK(recur_state_tensor_info(bundle->object, index, info));
    *data = bundle->flat + info->offset;
    return RECUR_OK;
}

/* A state is read and written by copy: flat is scratch of its size. */
static recur_status bundle_of_state(const recur_state *state, const recur_file *file,
                                    recur__bundle *out)
{
    const size_t bytes = (size_t)recur_state_count(state) * sizeof(float);
    float *flat = recur__alloc(file->ctx, bytes);
    if (!flat) return recur__no_memory(bytes);
    *out = (recur__bundle){ .what = "state",
                            .object = state,
                            .flat = flat,
                            .tensors = recur_state_tensor_count(state),
                            .tensor = state_tensor };
    return RECUR_OK;
}

static void free_flat(const recur__bundle *bundle, const recur_file *file, int64_t count)
{
    recur__free(file->ctx, bundle->flat, (size_t)count * sizeof(float));
}

recur_status recur_file_get_state(recur_file *file, const char *prefix, recur_state *state)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(file);
    const int64_t count = recur_state_count(state);
    recur__bundle bundle;
    RECUR__CHECK(bundle_of_state(state, file, &bundle));
    recur_status status = recur__bundle_get(&bundle, file, prefix ? prefix : "");
    if (!status) status = recur_state_write(state, 0, count, bundle.flat);
    free_flat(&bundle, file, count);
    return status;
}

recur_status recur_file_put_state(recur_file *file, const char *prefix, const recur_state *state)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(file);
    const int64_t count = recur_state_count(state);
    recur__bundle bundle;
    RECUR__CHECK(bundle_of_state(state, file, &bundle));
    recur_status status = recur_state_read(state, 0, count, bundle.flat);
    if (!status) status = recur__bundle_put(&bundle, file, prefix ? prefix : "");
    free_flat(&bundle, file, count);
    return status;
}
