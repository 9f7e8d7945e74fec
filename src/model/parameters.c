/* parameters.c - layers and states in files. */
#include "file/file.h"

static recur_status layer_piece(const recur__owner *owner, int64_t index, recur_tensor *info,
                                float **data)
{
    RECUR__CHECK(recur_layer_tensor_info(owner->object, index, info));
    *data = owner->flat + info->offset;
    return RECUR_OK;
}

static recur_status owner_of_layer(const recur_layer *layer, recur__owner *out)
{
    float *params = recur_layer_params((recur_layer *)(uintptr_t)layer);
    if (!params && recur_layer_param_count(layer))
        return recur__fail(RECUR_E_UNSUPPORTED,
                           "a snapshot has no parameters to load or save; its original has %lld",
                           (long long)recur_layer_param_count(layer));
    *out = (recur__owner){ .what = "layer",
                           .beside = RECUR__SAMPLE,
                           .object = layer,
                           .flat = params,
                           .tensors = recur_layer_tensor_count(layer),
                           .piece = layer_piece };
    return RECUR_OK;
}

recur_status recur_layer_load(recur_layer *layer, recur_file *file, const char *prefix)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(file);
    recur__owner owner;
    RECUR__CHECK(owner_of_layer(layer, &owner));
    return recur__load(&owner, file, prefix ? prefix : "");
}

recur_status recur_layer_save(const recur_layer *layer, recur_file *file, const char *prefix)
{
    RECUR__NOT_NULL(layer);
    RECUR__NOT_NULL(file);
    recur__owner owner;
    RECUR__CHECK(owner_of_layer(layer, &owner));
    return recur__save(&owner, file, prefix ? prefix : "");
}

static recur_status state_piece(const recur__owner *owner, int64_t index, recur_tensor *info,
                                float **data)
{
    RECUR__CHECK(recur_state_tensor_info(owner->object, index, info));
    *data = owner->flat + info->offset;
    return RECUR_OK;
}

/* A state is read and written by copy: flat is scratch of its size. */
static recur_status owner_of_state(const recur_state *state, const recur_file *file,
                                   recur__owner *out)
{
    const size_t bytes = (size_t)recur_state_count(state) * sizeof(float);
    float *flat = recur__alloc(file->ctx, bytes);
    if (!flat) return recur__no_memory(bytes);
    *out = (recur__owner){ .what = "state",
                           .object = state,
                           .flat = flat,
                           .tensors = recur_state_tensor_count(state),
                           .piece = state_piece };
    return RECUR_OK;
}

static void free_flat(const recur__owner *owner, const recur_file *file, int64_t count)
{
    recur__free(file->ctx, owner->flat, (size_t)count * sizeof(float));
}

recur_status recur_state_load(recur_state *state, recur_file *file, const char *prefix)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(file);
    const int64_t count = recur_state_count(state);
    recur__owner owner;
    RECUR__CHECK(owner_of_state(state, file, &owner));
    recur_status status = recur__load(&owner, file, prefix ? prefix : "");
    if (!status) status = recur_state_write(state, 0, count, owner.flat);
    free_flat(&owner, file, count);
    return status;
}

recur_status recur_state_save(const recur_state *state, recur_file *file, const char *prefix)
{
    RECUR__NOT_NULL(state);
    RECUR__NOT_NULL(file);
    const int64_t count = recur_state_count(state);
    recur__owner owner;
    RECUR__CHECK(owner_of_state(state, file, &owner));
    recur_status status = recur_state_read(state, 0, count, owner.flat);
    if (!status) status = recur__save(&owner, file, prefix ? prefix : "");
    free_flat(&owner, file, count);
    return status;
}
