/* test_model_hostile.c - structures that lie: each is refused with a sentence that says where,
 * before memory is asked for. */
#include "support/support.h"

/* ---- texts that are no structure ------------------------------------------------------------ */

/* A file of one linear layer 3 → 2 whose structure says something else. */
static recur_file *file_saying(recur_context *ctx, const char *structure)
{
    recur_file *file = NULL;
    recur_layer *layer = NULL;
    OK(recur_file_open_memory(ctx, NULL, 0, &file));
    OK(recur_linear_create(ctx, 3, 2, 0, &layer));
    OK(recur_file_put_layer(file, "", layer));
    OK(recur_file_set_metadata(file, "recur.model", structure));
    recur_layer_release(layer);
    return file;
}

static void refuses(recur_status code, const char *structure, const char *words)
{
    trying("%.200s", structure);
    recur_context *ctx = reference_context();
    recur_file *file = file_saying(ctx, structure);
    recur_layer *layer = (recur_layer *)(void *)file;
    FAILS(code, recur_file_get_model(file, "", &layer), words);
    assert_null(layer);
    recur_file_release(file);
    close_context(ctx);
}

static void accepts(const char *structure)
{
    trying("%.200s", structure);
    recur_context *ctx = reference_context();
    recur_file *file = file_saying(ctx, structure);
    recur_layer *layer = NULL;
    OK(recur_file_get_model(file, "", &layer));
    recur_layer_release(layer);
    recur_file_release(file);
    close_context(ctx);
}

#define V(layer)    "{\"version\":1,\"layer\":" layer "}"
#define FORMAT      RECUR_E_FORMAT
#define UNSUPPORTED RECUR_E_UNSUPPORTED

static void hostile_roots(void **state)
{
    (void)state;
    refuses(FORMAT, "", "JSON 0");
    refuses(FORMAT, "{", "JSON");
    refuses(FORMAT, "{} {}", "JSON");
    refuses(FORMAT, "[]", "version");
    refuses(FORMAT, "7", "version");
    refuses(FORMAT, "{}", "version");
    refuses(FORMAT, "{\"version\":\"1\"}", "version");
    refuses(FORMAT, "{\"version\":1.0}", "version");
    refuses(FORMAT, "{\"version\":0}", "version 0");
    refuses(FORMAT, "{\"version\":-1}", "version");
    refuses(UNSUPPORTED, "{\"version\":2}", "version 2 1");
    refuses(UNSUPPORTED, "{\"version\":9223372036854775807}", "9223372036854775807 1");
    refuses(FORMAT, "{\"version\":9223372036854775808}", "version");
    refuses(FORMAT, "{\"version\":1,\"version\":1}", "duplicate");
    refuses(UNSUPPORTED, "{\"version\":1,\"quantised\":true}", "quantised");
    refuses(FORMAT, "{\"version\":1}", "object");
    refuses(FORMAT, V("[]"), "object");
    refuses(FORMAT, V("null"), "object");
    refuses(FORMAT, V("{\"type\":\"linear\",\"name\":\"x\",\"input_size\":3,\"output_size\":2}"),
            "name");
    accepts(V("{\"type\":\"linear\",\"input_size\":3,\"output_size\":2}"));
    accepts(" {\"layer\" : "
            "{\"output_size\":2,\"no_bias\":false,\"input_size\":3,\"type\":\"linear\"},"
            "\"version\":1}\n");
}

#define LINEAR(more) V("{\"type\":\"linear\",\"input_size\":3,\"output_size\":2" more "}")
#define HUGE_SIZE    "2147483647"

static void hostile_layers(void **state)
{
    (void)state;
    refuses(FORMAT, V("{}"), "type");
    refuses(FORMAT, V("{\"type\":3}"), "type");
    refuses(UNSUPPORTED, V("{\"type\":\"\"}"), "type");
    refuses(UNSUPPORTED, V("{\"type\":\"transformer\"}"), "transformer");
    refuses(UNSUPPORTED, LINEAR(",\"rank\":4"), "rank");
    refuses(UNSUPPORTED, LINEAR(",\"\":4"), "know");
    refuses(UNSUPPORTED, LINEAR(",\"hidden_size\":4"), "hidden_size 4 0 linear");
    refuses(UNSUPPORTED, LINEAR(",\"dropout\":0.5"), "dropout 0.5 linear");
    refuses(UNSUPPORTED, LINEAR(",\"direction\":\"reverse\""), "direction reverse forward");
    refuses(UNSUPPORTED, LINEAR(",\"epsilon\":1e-5"), "epsilon linear");
    refuses(UNSUPPORTED, LINEAR(",\"zoneout_hidden\":1e-300"), "zoneout_hidden linear");
    refuses(UNSUPPORTED, LINEAR(",\"periods\":[1,2]"), "periods [1,2] linear");
    refuses(RECUR_E_ARGUMENT, LINEAR(",\"cell_names\":true"), "flags");
    refuses(FORMAT, LINEAR(",\"input_size\":3"), "duplicate input_size");
    refuses(FORMAT, LINEAR(",\"type\":\"linear\""), "duplicate type");
    refuses(FORMAT, V("{\"type\":\"lin\\u0000ear\"}"), "type");
    refuses(FORMAT, LINEAR(",\"parts\":[]"), "linear parts");
    refuses(FORMAT, LINEAR(",\"no_bias\":1"), "no_bias");
    refuses(FORMAT, LINEAR(",\"no_bias\":null"), "no_bias");
    refuses(FORMAT, LINEAR(",\"direction\":\"sideways\""), "direction");
    refuses(FORMAT, LINEAR(",\"direction\":1"), "direction");
    refuses(FORMAT, LINEAR(",\"dropout\":\"0.5\""), "dropout");
    refuses(FORMAT, LINEAR(",\"dropout\":NaN"), "JSON");
    refuses(FORMAT, LINEAR(",\"dropout\":1e999"), "dropout 1e999 float64");
    refuses(FORMAT, LINEAR(",\"gate_activation\":\"cosine\""), "gate_activation");
    refuses(FORMAT, LINEAR(",\"modules\":2147483648"), "modules");
    refuses(FORMAT, LINEAR(",\"periods\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"),
            "periods 16");
    refuses(FORMAT, LINEAR(",\"periods\":[1,2.5]"), "periods");
    refuses(FORMAT, LINEAR(",\"periods\":{}"), "periods");
    refuses(FORMAT, V("{\"type\":\"linear\",\"input_size\":3.0,\"output_size\":2}"), "input_size");
    refuses(FORMAT, V("{\"type\":\"linear\",\"input_size\":\"3\",\"output_size\":2}"),
            "input_size");
    refuses(FORMAT, V("{\"type\":\"linear\",\"input_size\":-3,\"output_size\":2}"), "below 0");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"linear\",\"output_size\":2}"), "in_features 0");
}

/* Parameters that do not belong to the structure. */
static void another_structure(void **state)
{
    (void)state;
    refuses(RECUR_E_SHAPE, V("{\"type\":\"linear\",\"input_size\":2,\"output_size\":2}"),
            "weight [2,3] [2,2]");
    refuses(FORMAT, V("{\"type\":\"linear\",\"input_size\":3,\"output_size\":2,\"no_bias\":true}"),
            "bias [2]");
    refuses(RECUR_E_MISSING, V("{\"type\":\"gru\",\"input_size\":1,\"hidden_size\":1}"),
            "weight_ih_l0");
    refuses(FORMAT, V("{\"type\":\"embedding\",\"input_size\":2,\"output_size\":3}"), "bias [2]");
    refuses(FORMAT, V("{\"type\":\"tanh\",\"input_size\":3}"), "weight [2,3]");
    refuses(UNSUPPORTED,
            V("{\"type\":\"gru\",\"input_size\":1,\"hidden_size\":1,\"output_size\":2}"),
            "output_size 2 1 gru");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"dropout\",\"input_size\":3,\"dropout\":1}"),
            "1 [0,1)");
    refuses(RECUR_E_SHAPE,
            V("{\"type\":\"last\",\"input_size\":3,\"direction\":\"bidirectional\"}"), "3");
}

/* Sizes that the file cannot have are refused before memory is asked for: there is not that
 * much. */
static void huge_sizes(void **state)
{
    (void)state;
    static const char *const layers[] = {
        V("{\"type\":\"linear\",\"input_size\":" HUGE_SIZE ",\"output_size\":" HUGE_SIZE "}"),
        V("{\"type\":\"linear\",\"input_size\":9223372036854775807,\"output_size\":"
          "9223372036854775807}"),
        V("{\"type\":\"linear\",\"input_size\":3,\"output_size\":3}"),
        V("{\"type\":\"norm\",\"input_size\":" HUGE_SIZE "}"),
        V("{\"type\":\"embedding\",\"input_size\":" HUGE_SIZE ",\"output_size\":1}"),
        V("{\"type\":\"lstm\",\"input_size\":1,\"hidden_size\":100000000}"),
        V("{\"type\":\"lstm\",\"input_size\":100000000,\"hidden_size\":1}"),
        V("{\"type\":\"lstm\",\"input_size\":1,\"hidden_size\":1,\"num_layers\":1024}"),
        V("{\"type\":\"lstm\",\"input_size\":1,\"hidden_size\":1,\"num_layers\":"
          "9223372036854775807}"),
        V("{\"type\":\"lstm\",\"input_size\":1,\"hidden_size\":4611686018427387904,\"projection_"
          "size\":1}"),
        V("{\"type\":\"group\",\"parts\":[{\"name\":\"a\",\"type\":\"linear\",\"input_size\":2,"
          "\"output_size\":2},"
          "{\"name\":\"b\",\"type\":\"gru\",\"input_size\":2,\"hidden_size\":2}]}"),
    };
    for (int i = 0; i < COUNT(layers); i++) refuses(FORMAT, layers[i], "parameters");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"tanh\",\"input_size\":2147483648}"), "2147483648");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"last\",\"input_size\":9223372036854775807}"),
            "9223372036854775807");
}

/* ---- parts ---------------------------------------------------------------------------------- */

#define PART(name) "{\"name\":\"" name "\",\"type\":\"relu\",\"input_size\":2}"

static void hostile_parts(void **state)
{
    (void)state;
    refuses(FORMAT, V("{\"type\":\"sequential\"}"), "parts");
    refuses(FORMAT, V("{\"type\":\"sequential\",\"parts\":[]}"), "parts");
    refuses(FORMAT, V("{\"type\":\"group\",\"parts\":{}}"), "parts");
    refuses(FORMAT, V("{\"type\":\"group\",\"parts\":7}"), "parts");
    refuses(FORMAT, V("{\"type\":\"group\",\"parts\":[7]}"), "name");
    refuses(FORMAT, V("{\"type\":\"group\",\"parts\":[null]}"), "name");
    refuses(FORMAT, V("{\"type\":\"group\",\"parts\":[{\"type\":\"relu\",\"input_size\":2}]}"),
            "name");
    refuses(FORMAT,
            V("{\"type\":\"group\",\"parts\":[{\"name\":7,\"type\":\"relu\",\"input_size\":2}]}"),
            "name");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"group\",\"parts\":[" PART("a") "," PART("a") "]}"),
            "0 1 a");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"group\",\"parts\":[" PART("") "]}"), "name");
    refuses(RECUR_E_ARGUMENT, V("{\"type\":\"group\",\"parts\":[" PART("a.b") "]}"), "a.b");
    refuses(UNSUPPORTED, V("{\"type\":\"group\",\"input_size\":3,\"parts\":[" PART("a") "]}"),
            "input_size 3 0");
    refuses(UNSUPPORTED,
            V("{\"type\":\"group\",\"parts\":[" PART(
                "a") ",{\"name\":\"b\",\"type\":\"group\",\"parts\":"
                     "[{\"name\":\"c\",\"type\":\"conv\"}]}]}"),
            "b.c conv");
    refuses(RECUR_E_SHAPE,
            V("{\"type\":\"sequential\",\"parts\":[" PART(
                "a") ",{\"name\":\"b\",\"type\":\"relu\",\"input_size\":3}]}"),
            "a b 2 3");
    refuses(
        UNSUPPORTED,
        V("{\"type\":\"sequential\",\"parts\":[{\"name\":\"g\",\"type\":\"group\",\"parts\":[" PART(
            "a") "]}]}"),
        "g group");
}

static void deep_and_many(void **state)
{
    (void)state;
    enum { DEEP = 3000, MANY = 5000, EACH = 100 };
    static char text[MANY * EACH];
    for (int deep = 33; deep <= DEEP;
         deep += DEEP - 33) { /* more than is allowed; more than JSON is parsed */
        char *to = text + sprintf(text, "{\"version\":1,\"layer\":");
        for (int i = 0; i < deep; i++)
            to += sprintf(to, "{\"type\":\"group\",%s\"parts\":[", i ? "\"name\":\"a\"," : "");
        *to++ = '1';
        for (int i = 0; i < deep; i++) to += sprintf(to, "]}");
        sprintf(to, "}");
        refuses(FORMAT, text, deep == DEEP ? "depth" : "33 32 a.a.a");
    }
    char *to = text + sprintf(text, "{\"version\":1,\"layer\":{\"type\":\"group\",\"parts\":[");
    for (int i = 0; i < MANY; i++)
        to += sprintf(to, "%s{\"name\":\"p%d\",\"type\":\"relu\",\"input_size\":1}", i ? "," : "",
                      i);
    sprintf(to, "]}}");
    refuses(FORMAT, text, "p4095 4097 4096");
    to = text + sprintf(text, "{\"version\":1,\"layer\":{\"type\":\"");
    memset(to, 't', 5000); /* a type longer than a sentence */
    sprintf(to + 5000, "\"}}");
    refuses(UNSUPPORTED, text, "tttt");
}

/* ---- samples -------------------------------------------------------------------------------- */

#define SAMPLED(sample)                                                                  \
    "{\"version\":1,\"layer\":{\"type\":\"linear\",\"input_size\":3,\"output_size\":2}," \
    "\"sample\":" sample "}"

static void add(recur_file *file, const char *name, int rank, int64_t a, int64_t b, float value)
{
    const recur_tensor info = {
        .size = sizeof info, .rank = rank, .dim = { a, b, 1, 1 }, .name = name
    };
    float *values = zeros(a * b);
    if (a > 0 && b > 0) values[0] = value;
    OK(recur_file_add(file, &info, values));
}

static void hostile_samples(void **state)
{
    (void)state;
    refuses(FORMAT, SAMPLED("null"), "tolerance");
    refuses(FORMAT, SAMPLED("{}"), "tolerance");
    refuses(FORMAT, SAMPLED("{\"tolerance\":\"1\"}"), "tolerance");
    refuses(FORMAT, SAMPLED("{\"tolerance\":-1e-9}"), "tolerance");
    refuses(FORMAT, SAMPLED("{\"tolerance\":1,\"steps\":2}"), "tolerance");
    refuses(FORMAT, SAMPLED("{\"tolerance\":1}"), "recur.sample.lengths");
    recur_layer *layer = NULL;
    recur_file *file = file_saying(NULL, SAMPLED("{\"tolerance\":1}"));
    add(file, "recur.sample.lengths", 1, 1, 1, 1);
    FAILS(FORMAT, recur_file_get_model(file, "", &layer), "recur.sample.x");
    add(file, "recur.sample.x", 2, 1, 3, 1);
    FAILS(FORMAT, recur_file_get_model(file, "", &layer), "recur.sample.y");
    add(file, "recur.sample.y", 2, 1, 2, 1);
    FAILS(FORMAT, recur_file_get_model(file, "", &layer), "recur.sample.lengths F32 I64");
    recur_file_release(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_roots), TEST(hostile_layers), TEST(another_structure), TEST(huge_sizes),
        TEST(hostile_parts), TEST(deep_and_many),  TEST(hostile_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
