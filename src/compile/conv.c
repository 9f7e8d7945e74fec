/* conv.c - convolutions as C: loops over the windows of layers/conv.h. Over time the rows of
 * earlier steps are the state, the oldest first. Weights are float32 in any precision. */
#include <stdio.h>

#include "compile/compile.h"
#include "layers/conv.h"

/* Where number i of a channel lies, beyond its ends too. */
static void say_within(recur__emitter *e, const recur_conv_options *o)
{
    const char *reflects = "at = at < 0 ? -at : at;\n"
                           "                    at = at >= %lld ? 2 * (%lld - 1) - at : at;\n";
    if (o->padding == RECUR_PADDING_REFLECT) {
        recur__say(e, RECUR__SECTION_PARTS, "                    ");
        recur__say(e, RECUR__SECTION_PARTS, reflects, (long long)o->length, (long long)o->length);
    } else if (o->pad_before || o->pad_after) {
        recur__say(e, RECUR__SECTION_PARTS,
                   "                    if (at < 0 || at >= %lld) {\n"
                   "                        continue;\n"
                   "                    }\n",
                   (long long)o->length);
    }
}

static void say_row(recur__emitter *e, const recur__item *item)
{
    const recur_layer *layer = item->layer;
    const recur_conv_options *o = &layer->spec.conv;
    const int64_t in = recur__conv_in(layer), out = recur__conv_out(layer);
    const int64_t L = recur__conv_length(layer);
    recur__say(e, RECUR__SECTION_PARTS,
               "    for (int32_t o = 0; o < %lld; o++) {\n"
               "        const float *w = @_%s_weight + o * %lld;\n"
               "        const float *group = x + o / %lld * %lld;\n"
               "        for (int32_t l = 0; l < %lld; l++) {\n"
               "            {wide} sum = %s%s%s;\n",
               (long long)o->out_channels, item->name, (long long)recur__conv_width(layer),
               (long long)out, (long long)(in * o->length), (long long)L,
               layer->spec.flags & RECUR_LAYER_NO_BIAS ? "0" : "@_",
               layer->spec.flags & RECUR_LAYER_NO_BIAS ? "" : item->name,
               layer->spec.flags & RECUR_LAYER_NO_BIAS ? "" : "_bias[o]");
    recur__say(e, RECUR__SECTION_PARTS,
               "            for (int32_t i = 0; i < %lld; i++) {\n"
               "                for (int32_t k = 0; k < %lld; k++) {\n"
               "                    int32_t at = l * %lld + k * %lld - %lld;\n",
               (long long)in, (long long)o->kernel, (long long)o->stride, (long long)o->dilation,
               (long long)o->pad_before);
    say_within(e, o);
    recur__say(
        e, RECUR__SECTION_PARTS,
        "                    sum += {to_wide}group[i * %lld + at] * {to_wide}w[i * %lld + k];\n"
        "                }\n            }\n"
        "            y[o * %lld + l] = {narrow}sum;\n        }\n    }\n",
        (long long)o->length, (long long)o->kernel, (long long)L);
}

static void say_time(recur__emitter *e, const recur__item *item)
{
    const recur_layer *layer = item->layer;
    const recur_conv_options *o = &layer->spec.conv;
    const int64_t in = recur__conv_in(layer), out = recur__conv_out(layer);
    const int64_t before = recur__conv_before(layer) * o->in_channels;
    const bool biased = !(layer->spec.flags & RECUR_LAYER_NO_BIAS);
    recur__say(e, RECUR__SECTION_PARTS,
               "    for (int32_t o = 0; o < %lld; o++) {\n"
               "        const float *w = @_%s_weight + o * %lld;\n"
               "        {wide} sum = %s%s%s;\n"
               "        for (int32_t k = 0; k < %lld; k++) {\n",
               (long long)o->out_channels, item->name, (long long)recur__conv_width(layer),
               biased ? "@_" : "0", biased ? item->name : "", biased ? "_bias[o]" : "",
               (long long)o->kernel);
    if (before)
        recur__say(e, RECUR__SECTION_PARTS,
                   "            const float *row = k < %lld ? past + k * %lld : x;\n",
                   (long long)(o->kernel - 1), (long long)(o->dilation * o->in_channels));
    recur__say(
        e, RECUR__SECTION_PARTS,
        "            for (int32_t i = 0; i < %lld; i++) {\n"
        "                sum += {to_wide}%s[o / %lld * %lld + i] * {to_wide}w[i * %lld + k];\n"
        "            }\n        }\n        y[o] = {narrow}sum;\n    }\n",
        (long long)in, before ? "row" : "x", (long long)out, (long long)in, (long long)o->kernel);
    if (!before) return;
    recur__need(e, RECUR__NEED_COPY);
    if (before > o->in_channels)
        recur__say(e, RECUR__SECTION_PARTS, "    @_copy(%lld, past + %lld, past);\n",
                   (long long)(before - o->in_channels), (long long)o->in_channels);
    recur__say(e, RECUR__SECTION_PARTS, "    @_copy(%lld, x, past + %lld);\n",
               (long long)o->in_channels, (long long)(before - o->in_channels));
}

void recur__say_conv(recur__emitter *e, recur__item *item, recur__flow flow)
{
    const recur_layer *layer = item->layer;
    const recur_conv_options *o = &layer->spec.conv;
    const int64_t weights = o->out_channels * recur__conv_width(layer);
    const bool biased = !(layer->spec.flags & RECUR_LAYER_NO_BIAS), past = layer->states > 0;
    const char *y = recur__say_output(e, item, flow);
    char name[RECUR__EXPRESSION], shape[96];
    recur__say(e, RECUR__SECTION_PARTS,
               "/* %s: convolution over %s, %lld -> %lld channels, %lld numbers under the kernel,\n"
               " * %lld from each to the next, %lld groups */\n",
               item->name, o->axis == RECUR_CONV_TIME ? "time" : "a row", (long long)o->in_channels,
               (long long)o->out_channels, (long long)o->kernel, (long long)o->dilation,
               (long long)o->groups);
    snprintf(name, sizeof name, "%s_weight", item->name);
    snprintf(shape, sizeof shape, "%lld * %lld * %lld", (long long)o->out_channels,
             (long long)recur__conv_in(layer), (long long)o->kernel);
    recur__say_floats(e, name, shape, weights, layer->params);
    snprintf(name, sizeof name, "%s_bias", item->name);
    snprintf(shape, sizeof shape, "%lld", (long long)o->out_channels);
    if (biased) recur__say_floats(e, name, shape, o->out_channels, layer->params + weights);
    recur__say(e, RECUR__SECTION_PARTS, "\nstatic void @_%s(%sconst float *x, float *y)\n{\n",
               item->name, past ? "float *past, " : "");
    if (o->axis == RECUR_CONV_TIME)
        say_time(e, item);
    else
        say_row(e, item);
    recur__say(e, RECUR__SECTION_PARTS, "}\n\n");
    if (past)
        recur__say(e, RECUR__SECTION_STEP, "    @_%s(state->%s_x, %s, %s);\n", item->name,
                   item->name, flow.in, y);
    else
        recur__say(e, RECUR__SECTION_STEP, "    @_%s(%s, %s);\n", item->name, flow.in, y);
}
