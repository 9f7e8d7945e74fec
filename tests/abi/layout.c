/* layout.c - prints what programs have compiled into them: sizes, offsets and constants of the
 * public headers.
 *
 * scripts/check-abi.sh compares the output with recur.abi, and its names with the headers. */
#include <recur.h>

#include <stdio.h>

#define STRUCT(type) printf("struct %s %zu\n", #type, sizeof(type))
#define MEMBER(type, name)                                               \
    printf("member %s.%s %zu %zu\n", #type, #name, offsetof(type, name), \
           sizeof(((type *)NULL)->name))
#define VALUE(name) printf("value %s %d\n", #name, (int)(name))

static void structs(void)
{
    STRUCT(recur_tensor);
    MEMBER(recur_tensor, size);
    MEMBER(recur_tensor, rank);
    MEMBER(recur_tensor, dim);
    MEMBER(recur_tensor, offset);
    MEMBER(recur_tensor, count);
    MEMBER(recur_tensor, name);
    MEMBER(recur_tensor, type);

    STRUCT(recur_allocator);
    MEMBER(recur_allocator, alloc);
    MEMBER(recur_allocator, free);
    MEMBER(recur_allocator, user);

    STRUCT(recur_context_options);
    MEMBER(recur_context_options, size);
    MEMBER(recur_context_options, isa);
    MEMBER(recur_context_options, threads);
    MEMBER(recur_context_options, flags);
    MEMBER(recur_context_options, allocator);
    MEMBER(recur_context_options, reserved);
    MEMBER(recur_context_options, cache_bytes);

    STRUCT(recur_sample_options);
    MEMBER(recur_sample_options, size);
    MEMBER(recur_sample_options, top_k);
    MEMBER(recur_sample_options, top_p);
    MEMBER(recur_sample_options, temperature);

    STRUCT(recur_clockwork_options);
    MEMBER(recur_clockwork_options, size);
    MEMBER(recur_clockwork_options, modules);
    MEMBER(recur_clockwork_options, periods);

    STRUCT(recur_recurrent_options);
    MEMBER(recur_recurrent_options, size);
    MEMBER(recur_recurrent_options, cell);
    MEMBER(recur_recurrent_options, input_size);
    MEMBER(recur_recurrent_options, hidden_size);
    MEMBER(recur_recurrent_options, num_layers);
    MEMBER(recur_recurrent_options, projection_size);
    MEMBER(recur_recurrent_options, direction);
    MEMBER(recur_recurrent_options, flags);
    MEMBER(recur_recurrent_options, dropout);
    MEMBER(recur_recurrent_options, recurrent_dropout);
    MEMBER(recur_recurrent_options, zoneout_hidden);
    MEMBER(recur_recurrent_options, zoneout_cell);
    MEMBER(recur_recurrent_options, cell_clip);
    MEMBER(recur_recurrent_options, preactivation_clip);
    MEMBER(recur_recurrent_options, gate_activation);
    MEMBER(recur_recurrent_options, activation);
    MEMBER(recur_recurrent_options, output_activation);
    MEMBER(recur_recurrent_options, reserved);
    MEMBER(recur_recurrent_options, clockwork);
    MEMBER(recur_recurrent_options, reserved_pointer);

    STRUCT(recur_conv_options);
    MEMBER(recur_conv_options, size);
    MEMBER(recur_conv_options, axis);
    MEMBER(recur_conv_options, flags);
    MEMBER(recur_conv_options, padding);
    MEMBER(recur_conv_options, in_channels);
    MEMBER(recur_conv_options, out_channels);
    MEMBER(recur_conv_options, kernel);
    MEMBER(recur_conv_options, length);
    MEMBER(recur_conv_options, stride);
    MEMBER(recur_conv_options, dilation);
    MEMBER(recur_conv_options, groups);
    MEMBER(recur_conv_options, pad_before);
    MEMBER(recur_conv_options, pad_after);

    STRUCT(recur_source);
    MEMBER(recur_source, part);
    MEMBER(recur_source, reserved);
    MEMBER(recur_source, begin);
    MEMBER(recur_source, count);

    STRUCT(recur_graph_part);
    MEMBER(recur_graph_part, name);
    MEMBER(recur_graph_part, layer);
    MEMBER(recur_graph_part, sources);
    MEMBER(recur_graph_part, reserved);
    MEMBER(recur_graph_part, source_count);

    STRUCT(recur_layer_info);
    MEMBER(recur_layer_info, size);
    MEMBER(recur_layer_info, kind);
    MEMBER(recur_layer_info, input_size);
    MEMBER(recur_layer_info, output_size);
    MEMBER(recur_layer_info, hidden_size);
    MEMBER(recur_layer_info, num_layers);
    MEMBER(recur_layer_info, parts);
    MEMBER(recur_layer_info, offset);
    MEMBER(recur_layer_info, dropout);
    MEMBER(recur_layer_info, variant);
    MEMBER(recur_layer_info, direction);
    MEMBER(recur_layer_info, flags);
    MEMBER(recur_layer_info, capabilities);
    MEMBER(recur_layer_info, name);
    MEMBER(recur_layer_info, type);
    MEMBER(recur_layer_info, projection_size);
    MEMBER(recur_layer_info, recurrent_dropout);
    MEMBER(recur_layer_info, zoneout_hidden);
    MEMBER(recur_layer_info, zoneout_cell);
    MEMBER(recur_layer_info, cell_clip);
    MEMBER(recur_layer_info, preactivation_clip);
    MEMBER(recur_layer_info, gate_activation);
    MEMBER(recur_layer_info, activation);
    MEMBER(recur_layer_info, output_activation);
    MEMBER(recur_layer_info, reserved);
    MEMBER(recur_layer_info, epsilon);
    MEMBER(recur_layer_info, clockwork);
    MEMBER(recur_layer_info, conv);
    MEMBER(recur_layer_info, channels);
    MEMBER(recur_layer_info, groups);
    MEMBER(recur_layer_info, source_count);
    MEMBER(recur_layer_info, reserved_count);
    MEMBER(recur_layer_info, sources);
    MEMBER(recur_layer_info, reserved_pointer);

    STRUCT(recur_trace);
    MEMBER(recur_trace, size);
    MEMBER(recur_trace, event);
    MEMBER(recur_trace, layer);
    MEMBER(recur_trace, reverse);
    MEMBER(recur_trace, rows);
    MEMBER(recur_trace, steps);
    MEMBER(recur_trace, hidden_size);
    MEMBER(recur_trace, gates);
    MEMBER(recur_trace, h_stride);
    MEMBER(recur_trace, part);
    MEMBER(recur_trace, gate);
    MEMBER(recur_trace, c);
    MEMBER(recur_trace, h);
    MEMBER(recur_trace, dh);
    MEMBER(recur_trace, norm);
    MEMBER(recur_trace, packed);
    MEMBER(recur_trace, recurrent);

    STRUCT(recur_memory);
    MEMBER(recur_memory, size);
    MEMBER(recur_memory, flags);
    MEMBER(recur_memory, layer);
    MEMBER(recur_memory, parameters);
    MEMBER(recur_memory, snapshot);
    MEMBER(recur_memory, state);
    MEMBER(recur_memory, layout);
    MEMBER(recur_memory, tape);
    MEMBER(recur_memory, kept);
    MEMBER(recur_memory, record);
    MEMBER(recur_memory, training);
    MEMBER(recur_memory, inference);
    MEMBER(recur_memory, checkpoint);

    STRUCT(recur_compile_options);
    MEMBER(recur_compile_options, size);
    MEMBER(recur_compile_options, flags);
    MEMBER(recur_compile_options, precision);
    MEMBER(recur_compile_options, reserved);
    MEMBER(recur_compile_options, name);
    MEMBER(recur_compile_options, sample);
    MEMBER(recur_compile_options, reserved_pointer);

    STRUCT(recur_quantise_options);
    MEMBER(recur_quantise_options, size);
    MEMBER(recur_quantise_options, precision);
    MEMBER(recur_quantise_options, packed);
    MEMBER(recur_quantise_options, x);
    MEMBER(recur_quantise_options, ids);
    MEMBER(recur_quantise_options, reserved);
    MEMBER(recur_quantise_options, most_y);
    MEMBER(recur_quantise_options, most_state);

    STRUCT(recur_quantised);
    MEMBER(recur_quantised, name);
    MEMBER(recur_quantised, unused);
    MEMBER(recur_quantised, weight_error);
    MEMBER(recur_quantised, y_error);
    MEMBER(recur_quantised, state_error);
    MEMBER(recur_quantised, precision);
    MEMBER(recur_quantised, reserved);

    STRUCT(recur_quantise_report);
    MEMBER(recur_quantise_report, size);
    MEMBER(recur_quantise_report, count);
    MEMBER(recur_quantise_report, matrix);
    MEMBER(recur_quantise_report, reserved);
    MEMBER(recur_quantise_report, y_error);
    MEMBER(recur_quantise_report, state_error);

    STRUCT(recur_loss_options);
    MEMBER(recur_loss_options, size);
    MEMBER(recur_loss_options, kind);
    MEMBER(recur_loss_options, flags);
    MEMBER(recur_loss_options, ignore_index);
    MEMBER(recur_loss_options, smoothing);
    MEMBER(recur_loss_options, delta);
    MEMBER(recur_loss_options, classes);
    MEMBER(recur_loss_options, class_weight);
    MEMBER(recur_loss_options, positive_weight);
    MEMBER(recur_loss_options, blank);
    MEMBER(recur_loss_options, reserved);
    MEMBER(recur_loss_options, samples);
    MEMBER(recur_loss_options, power);
    MEMBER(recur_loss_options, counts);
    MEMBER(recur_loss_options, reserved_pointer);

    STRUCT(recur_optimizer_options);
    MEMBER(recur_optimizer_options, size);
    MEMBER(recur_optimizer_options, kind);
    MEMBER(recur_optimizer_options, rate);
    MEMBER(recur_optimizer_options, momentum);
    MEMBER(recur_optimizer_options, beta1);
    MEMBER(recur_optimizer_options, beta2);
    MEMBER(recur_optimizer_options, epsilon);
    MEMBER(recur_optimizer_options, weight_decay);
    MEMBER(recur_optimizer_options, flags);
    MEMBER(recur_optimizer_options, dampening);
    MEMBER(recur_optimizer_options, rate_decay);
    MEMBER(recur_optimizer_options, accumulator);
    MEMBER(recur_optimizer_options, momentum_decay);

    STRUCT(recur_shards_options);
    MEMBER(recur_shards_options, size);
    MEMBER(recur_shards_options, shards);
    MEMBER(recur_shards_options, rank);
    MEMBER(recur_shards_options, ranks);
    MEMBER(recur_shards_options, count);
    MEMBER(recur_shards_options, numbers);

    STRUCT(recur_schedule);
    MEMBER(recur_schedule, size);
    MEMBER(recur_schedule, kind);
    MEMBER(recur_schedule, rate);
    MEMBER(recur_schedule, final_rate);
    MEMBER(recur_schedule, gamma);
    MEMBER(recur_schedule, period);
    MEMBER(recur_schedule, warm_up);

    STRUCT(recur_plateau);
    MEMBER(recur_plateau, size);
    MEMBER(recur_plateau, flags);
    MEMBER(recur_plateau, rate);
    MEMBER(recur_plateau, factor);
    MEMBER(recur_plateau, threshold);
    MEMBER(recur_plateau, min_rate);
    MEMBER(recur_plateau, epsilon);
    MEMBER(recur_plateau, patience);
    MEMBER(recur_plateau, cooldown);
    MEMBER(recur_plateau, best);
    MEMBER(recur_plateau, improvements);
    MEMBER(recur_plateau, bad);
    MEMBER(recur_plateau, cooling);

    STRUCT(recur_model_sample);
    MEMBER(recur_model_sample, size);
    MEMBER(recur_model_sample, flags);
    MEMBER(recur_model_sample, tolerance);
    MEMBER(recur_model_sample, packed);
    MEMBER(recur_model_sample, x);
    MEMBER(recur_model_sample, ids);
    MEMBER(recur_model_sample, y);
}

static void values(void)
{
    /* recur/status.h */
    VALUE(RECUR_SIZE_EXACT);
    VALUE(RECUR_OK);
    VALUE(RECUR_E_ARGUMENT);
    VALUE(RECUR_E_SHAPE);
    VALUE(RECUR_E_MEMORY);
    VALUE(RECUR_E_ORDER);
    VALUE(RECUR_E_UNSUPPORTED);
    VALUE(RECUR_E_FORMAT);
    VALUE(RECUR_E_IO);
    VALUE(RECUR_E_NUMERIC);
    VALUE(RECUR_E_MISSING);
    VALUE(RECUR_E_NOT_FOUND);
    /* recur/context.h */
    VALUE(RECUR_ISA_AUTO);
    VALUE(RECUR_ISA_REF);
    VALUE(RECUR_ISA_SSE2);
    VALUE(RECUR_ISA_AVX2);
    VALUE(RECUR_ISA_AVX512);
    VALUE(RECUR_ISA_NEON);
    VALUE(RECUR_ISA_VEC4);
    VALUE(RECUR_ISA_AVX2_EXACT);
    VALUE(RECUR_CONTEXT_CHECK);
    VALUE(RECUR_CONTEXT_REPRODUCIBLE);
    VALUE(RECUR_CONTEXT_EXACT);
    /* recur/packed.h */
    VALUE(RECUR_LAYOUT_BATCH_FIRST);
    VALUE(RECUR_LAYOUT_TIME_FIRST);
    VALUE(RECUR_LAYOUT_JOINED);
    /* recur/recurrent.h */
    VALUE(RECUR_CELL_RNN_TANH);
    VALUE(RECUR_CELL_RNN_RELU);
    VALUE(RECUR_CELL_LSTM);
    VALUE(RECUR_CELL_GRU);
    VALUE(RECUR_CELL_GRU_RESET_BEFORE);
    VALUE(RECUR_CELL_LSTM_PEEPHOLE);
    VALUE(RECUR_CELL_LSTM_COUPLED);
    VALUE(RECUR_CELL_RNN_NORM);
    VALUE(RECUR_CELL_LSTM_NORM);
    VALUE(RECUR_CELL_GRU_NORM);
    VALUE(RECUR_CELL_CLOCKWORK);
    VALUE(RECUR_CELL_INDRNN);
    VALUE(RECUR_CELL_MINGRU);
    VALUE(RECUR_CELL_MINLSTM);
    VALUE(RECUR_CELL_QRNN);
    VALUE(RECUR_CELL_SRU);
    VALUE(RECUR_DIRECTION_FORWARD);
    VALUE(RECUR_DIRECTION_REVERSE);
    VALUE(RECUR_DIRECTION_BIDIRECTIONAL);
    VALUE(RECUR_MOST_MODULES);
    /* recur/convolution.h */
    VALUE(RECUR_CONV_TIME);
    VALUE(RECUR_CONV_ROW);
    VALUE(RECUR_PADDING_ZEROS);
    VALUE(RECUR_PADDING_REFLECT);
    /* recur/layer.h */
    VALUE(RECUR_LAYER_NO_BIAS);
    VALUE(RECUR_LAYER_CELL_NAMES);
    VALUE(RECUR_LAYER_UPDATE_NEW);
    VALUE(RECUR_LAYER_LEARN_INITIAL_STATE);
    VALUE(RECUR_LAYER_OUTPUT_CELL);
    VALUE(RECUR_ACTIVATION_TANH);
    VALUE(RECUR_ACTIVATION_SIGMOID);
    VALUE(RECUR_ACTIVATION_RELU);
    VALUE(RECUR_ACTIVATION_HARD_SIGMOID);
    VALUE(RECUR_ACTIVATION_SOFTSIGN);
    VALUE(RECUR_ACTIVATION_IDENTITY);
    VALUE(RECUR_ACTIVATION_SILU);
    VALUE(RECUR_ACTIVATION_ELU);
    VALUE(RECUR_ACTIVATION_GELU);
    VALUE(RECUR_ACTIVATION_POSITIVE);
    VALUE(RECUR_COMPOSE_SEQUENTIAL);
    VALUE(RECUR_COMPOSE_GROUP);
    VALUE(RECUR_COMPOSE_RESIDUAL);
    VALUE(RECUR_COMPOSE_GRAPH);
    VALUE(RECUR_MERGE_SUM);
    VALUE(RECUR_MERGE_MEAN);
    VALUE(RECUR_MERGE_MULTIPLY);
    VALUE(RECUR_MERGE_GATE);
    VALUE(RECUR_MERGE_MAGNITUDE);
    VALUE(RECUR_PRECISION_FLOAT32);
    VALUE(RECUR_PRECISION_BFLOAT16);
    VALUE(RECUR_PRECISION_INT8);

    VALUE(RECUR_COMPILE_OWN_MATH);
    VALUE(RECUR_COMPILE_ARENA);
    VALUE(RECUR_COMPILE_IDS);
    VALUE(RECUR_COMPILE_LIBRARY_MATH);
    VALUE(RECUR_COMPILE_EXACT);
    VALUE(RECUR_COMPILE_SOURCE);
    VALUE(RECUR_COMPILE_HEADER);
    VALUE(RECUR_KIND_RECURRENT);
    VALUE(RECUR_KIND_LINEAR);
    VALUE(RECUR_KIND_EMBEDDING);
    VALUE(RECUR_KIND_LAST);
    VALUE(RECUR_KIND_DROPOUT);
    VALUE(RECUR_KIND_ACTIVATION);
    VALUE(RECUR_KIND_COMPOSE);
    VALUE(RECUR_KIND_NORM);
    VALUE(RECUR_KIND_MERGE);
    VALUE(RECUR_KIND_SOFTMAX);
    VALUE(RECUR_KIND_AFFINE);
    VALUE(RECUR_KIND_PRELU);
    VALUE(RECUR_KIND_CONV);
    VALUE(RECUR_NORM_LAYER);
    VALUE(RECUR_NORM_RMS);
    VALUE(RECUR_NORM_GROUP);
    VALUE(RECUR_CAN_TAKE_ROWS);
    VALUE(RECUR_CAN_TAKE_IDS);
    VALUE(RECUR_CAN_STEP);
    VALUE(RECUR_CAN_RECORD);
    VALUE(RECUR_CAN_REDUCE_TIME);
    VALUE(RECUR_INIT_DEFAULT);
    VALUE(RECUR_INIT_CONSTANT);
    VALUE(RECUR_INIT_UNIFORM);
    VALUE(RECUR_INIT_NORMAL);
    VALUE(RECUR_INIT_XAVIER);
    VALUE(RECUR_INIT_ORTHOGONAL);
    VALUE(RECUR_INIT_IDENTITY);
    VALUE(RECUR_INIT_FORGET_BIAS);
    /* recur/tape.h */
    VALUE(RECUR_TAPE_TRAIN);
    VALUE(RECUR_TAPE_EVALUATE);
    VALUE(RECUR_TAPE_RECORD_NO_DROPOUT);
    VALUE(RECUR_TRACE_FORWARD);
    VALUE(RECUR_TRACE_BACKWARD);
    /* recur/memory.h */
    VALUE(RECUR_MEMORY_ROWS);
    VALUE(RECUR_MEMORY_IDS);
    VALUE(RECUR_MEMORY_NO_DROPOUT);
    VALUE(RECUR_MEMORY_TRACE);
    VALUE(RECUR_MEMORY_BFLOAT16);
    VALUE(RECUR_MEMORY_INT8);
    /* recur/loss.h */
    VALUE(RECUR_LOSS_CROSS_ENTROPY);
    VALUE(RECUR_LOSS_NLL);
    VALUE(RECUR_LOSS_CTC);
    VALUE(RECUR_LOSS_SAMPLED_SOFTMAX);
    VALUE(RECUR_LOSS_NEGATIVE_SAMPLING);
    VALUE(RECUR_LOSS_MSE);
    VALUE(RECUR_LOSS_L1);
    VALUE(RECUR_LOSS_HUBER);
    VALUE(RECUR_LOSS_BCE_LOGITS);
    VALUE(RECUR_LOSS_SUM);
    VALUE(RECUR_LOSS_IGNORE_INDEX);
    VALUE(RECUR_LOSS_ZERO_INFINITY);
    /* recur/optimizer.h */
    VALUE(RECUR_OPTIMIZER_SGD);
    VALUE(RECUR_OPTIMIZER_ADAM);
    VALUE(RECUR_OPTIMIZER_ADAMW);
    VALUE(RECUR_OPTIMIZER_RMSPROP);
    VALUE(RECUR_OPTIMIZER_ADAGRAD);
    VALUE(RECUR_OPTIMIZER_ADADELTA);
    VALUE(RECUR_OPTIMIZER_RADAM);
    VALUE(RECUR_OPTIMIZER_NADAM);
    VALUE(RECUR_OPTIMIZER_NESTEROV);
    VALUE(RECUR_OPTIMIZER_AMSGRAD);
    VALUE(RECUR_OPTIMIZER_CENTRED);
    VALUE(RECUR_OPTIMIZER_DECOUPLED);
    VALUE(RECUR_SCHEDULE_CONSTANT);
    VALUE(RECUR_SCHEDULE_STEP);
    VALUE(RECUR_SCHEDULE_EXPONENTIAL);
    VALUE(RECUR_SCHEDULE_COSINE);
    VALUE(RECUR_PLATEAU_MAXIMUM);
    VALUE(RECUR_PLATEAU_ABSOLUTE);
}

int main(void)
{
    structs();
    values();
    return 0;
}
