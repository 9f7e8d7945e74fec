/* self_test.c - the sample of a model, as it goes into a C file: with what the reference set gives
 * for it in the precision of the file. So a board, whose exp may be another, proves itself. */
#include <stdio.h>

#include "compile/compile.h"

#define TOLERANCE 1e-4 /* model/sample.c has the same */
#define ROUNDED   2e-2 /* of int8 with another exp and tanh */

/* ---- running it ----------------------------------------------------------------------------- */

/* A snapshot on the reference set, or of an exact context. The layer comes over in a file in
 * memory, as the one way from context to context. */
static recur_status reference_of(const recur__emitter *e, recur_layer **out)
{
    const bool exact = recur__is_exact_c(e);
    const recur_context_options options = { .size = sizeof options,
                                            .isa = exact ? RECUR_ISA_AUTO : RECUR_ISA_REF,
                                            .flags = exact ? RECUR_CONTEXT_EXACT : 0 };
    recur_context *ctx;
    recur_file *file = NULL;
    recur_layer *copy = NULL;
    RECUR__CHECK(recur_context_create(&options, &ctx));
    recur_status status = recur_file_open_memory(ctx, NULL, 0, &file);
    if (!status) status = recur_file_put_model(file, "", e->layer, NULL);
    if (!status) status = recur_file_get_model(file, "", &copy);
    if (!status) status = recur_layer_snapshot(copy, e->precision, out);
    recur_layer_release(copy);
    recur_file_release(file);
    recur_context_release(ctx);
    return status;
}

static void lay_out(recur__carver *carver, bool ids, recur__sample_c *s)
{
    s->lengths = recur__carve(carver, s->sequences, sizeof *s->lengths);
    s->x = recur__carve(carver, ids ? 0 : recur__times(s->rows, s->I), sizeof *s->x);
    s->ids = recur__carve(carver, ids ? s->rows : 0, sizeof *s->ids);
    s->y = recur__carve(carver, recur__times(s->rows, s->O), sizeof *s->y);
}

static recur_status take_rows(const recur_model_sample *given, recur__sample_c *s)
{
    for (int64_t b = 0; b < s->sequences; b++)
        s->lengths[b] = recur_packed_length(given->packed, b);
    if (s->rows == 0) return RECUR_OK;
    if (given->ids)
        return recur_packed_unpack(given->packed, RECUR_LAYOUT_JOINED, sizeof *given->ids,
                                   given->ids, s->ids);
    return recur_packed_unpack(given->packed, RECUR_LAYOUT_JOINED, (size_t)s->I * sizeof *given->x,
                               given->x, s->x);
}

static recur_status run_sequences(const recur_layer *layer, bool ids, recur_state *state,
                                  recur__sample_c *s)
{
    for (int64_t b = 0, row = 0; b < s->sequences; b++) {
        RECUR__CHECK(recur_state_reset(state, -1));
        for (int64_t t = 0; t < s->lengths[b]; t++, row++)
            RECUR__CHECK(
                ids ? recur_layer_step_ids(layer, s->ids + row, state, s->y + row * s->O, NULL)
                    : recur_layer_step(layer, s->x + row * s->I, state, s->y + row * s->O, NULL));
    }
    return RECUR_OK;
}

static recur_status run(const recur__emitter *e, bool ids, recur__sample_c *s)
{
    recur_layer *reference = NULL;
    recur_state *state = NULL;
    RECUR__CHECK(reference_of(e, &reference));
    recur_status status = recur_state_create(reference, 1, &state);
    if (!status) status = run_sequences(reference, ids, state, s);
    recur_state_release(state);
    recur_layer_release(reference);
    return status;
}

static recur_status check(const recur_model_sample *given)
{
    if (!given->packed) return recur__fail(RECUR_E_ARGUMENT, "recur_model_sample: packed is NULL");
    if (!given->x == !given->ids)
        return recur__fail(RECUR_E_ARGUMENT, "recur_model_sample: %s of x and ids; one is needed",
                           given->x ? "both" : "none");
    if (given->tolerance >= 0 && given->tolerance <= (double)RECUR__LARGEST) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT,
                       "recur_model_sample: tolerance is %g: it must be 0 or more, and finite",
                       given->tolerance);
}

/* A number of int8 that falls to the other side of a half moves what follows. */
static float tolerance_of(const recur__emitter *e, const recur_model_sample *given)
{
    const double tolerance = given->tolerance > 0 ? given->tolerance : TOLERANCE;
    if (recur__is_reference_c(e) || recur__is_exact_c(e)) return 0;
    return e->precision == RECUR_PRECISION_INT8 && tolerance < ROUNDED ? (float)ROUNDED
                                                                       : (float)tolerance;
}

recur_status recur__sample_c_make(const recur__emitter *e, const recur_model_sample *sample,
                                  recur__sample_c *out)
{
    const recur_layer *layer = e->layer;
    recur_model_sample given;
    RECUR__CHECK(recur__take("recur_model_sample", sample, &given, sizeof given));
    RECUR__CHECK(check(&given));
    recur__sample_c s = { .sequences = recur_packed_batch(given.packed),
                          .rows = recur_packed_rows(given.packed),
                          .I = layer->input_size,
                          .O = layer->output_size,
                          .tolerance = tolerance_of(e, &given) };
    recur__carver measure = { NULL, 0 };
    lay_out(&measure, given.ids != NULL, &s);
    s.bytes = measure.used;
    s.memory = recur__alloc(layer->root->ctx, s.bytes);
    if (!s.memory) return recur__no_memory(s.bytes);
    recur__carver carve = { s.memory, 0 };
    lay_out(&carve, given.ids != NULL, &s);
    recur_status status = take_rows(&given, &s);
    if (!status) status = run(e, given.ids != NULL, &s);
    if (status) recur__sample_c_free(layer, &s);
    *out = s;
    return status;
}

void recur__sample_c_free(const recur_layer *layer, recur__sample_c *sample)
{
    recur__free(layer->root->ctx, sample->memory, sample->bytes);
    *sample = (recur__sample_c){ 0 };
}

/* ---- as C ----------------------------------------------------------------------------------- */

static void say_wholes(recur__emitter *e, const char *name, int64_t count, const int64_t *wide,
                       const int32_t *narrow)
{
    recur__say(e, RECUR__SECTION_PARTS, "static const int32_t @_%s[%lld] = {", name,
               (long long)count);
    for (int64_t i = 0; i < count; i++)
        recur__say(e, RECUR__SECTION_PARTS, "%s%lld,", i % 12 ? " " : "\n    ",
                   (long long)(wide ? wide[i] : narrow[i]));
    recur__say(e, RECUR__SECTION_PARTS, "\n};\n");
}

static const char begin_text[] =
    "\n"
    "/* How many numbers of the sample do not come out as they should. */\n"
    "static int32_t @_self_test(void)\n"
    "{\n"
    "    static @_state state;\n";

static const char loop_text[] = "        @_init(&state);\n"
                                "        for (int32_t i = 0; i < @_sample_length[s]; i++) {\n";

static const char compare_text[] =
    "            for (int32_t j = 0; j < $_OUTPUTS; j++) {\n"
    "                const float size = want[j] < 0.0f ? -want[j] : want[j];\n"
    "                const float off = y[j] < want[j] ? want[j] - y[j] : y[j] - want[j];\n"
    "                if (!(off <= tolerance * (size > 1.0f ? size : 1.0f))) {\n"
    "                    wrong++;\n"
    "                }\n"
    "            }\n"
    "            want += $_OUTPUTS;\n"
    "        }\n"
    "    }\n"
    "    return wrong;\n"
    "}\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    const int32_t wrong = @_self_test();\n";

void recur__say_self_test(recur__emitter *e, const recur__sample_c *s)
{
    const bool ids = s->ids != NULL, arena = e->flags & RECUR_COMPILE_ARENA;
    const recur__section any = RECUR__SECTION_ANY;
    char shape[64];
    e->section = RECUR__SECTION_PARTS;
    recur__say_text(e, any, "#ifdef $_SELF_TEST\n#include <stdio.h>\n\n");
    say_wholes(e, "sample_length", s->sequences, s->lengths, NULL);
    if (ids) say_wholes(e, "sample_ids", s->rows, NULL, s->ids);
    snprintf(shape, sizeof shape, "%lld * %lld", (long long)s->rows, (long long)s->I);
    if (!ids) recur__say_floats(e, "sample_x", shape, s->rows * s->I, s->x);
    snprintf(shape, sizeof shape, "%lld * %lld", (long long)s->rows, (long long)s->O);
    recur__say_floats(e, "sample_y", shape, s->rows * s->O, s->y);
    recur__say_text(e, any, begin_text);
    if (arena) recur__say_text(e, any, "    static @_scratch scratch;\n");
    recur__say(e, any, "    const %s = @_sample_%s;\n", ids ? "int32_t *x" : "float *x",
               ids ? "ids" : "x");
    recur__say(e, any,
               "    const float *want = @_sample_y;\n    const float tolerance = %s;\n"
               "    float y[$_OUTPUTS];\n    int32_t wrong = 0;\n"
               "    for (int32_t s = 0; s < %lld; s++) {\n",
               recur__float_text(s->tolerance).text, (long long)s->sequences);
    recur__say_text(e, any, loop_text);
    recur__say(e, any, "            @_step(&state, %s%s, y);\n            x += %s;\n",
               arena ? "&scratch, " : "", ids ? "*x" : "x", ids ? "1" : "$_INPUTS");
    recur__say_text(e, any, compare_text);
    recur__say(e, any,
               "    printf(\"@: %%ld of %lld numbers of the sample differ\\n\", (long)wrong);\n"
               "    return wrong != 0;\n}\n#endif\n",
               (long long)(s->rows * s->O));
}
