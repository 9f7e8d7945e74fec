/* test_import_hostile.c - files of other programs that lie, are cut off or damaged, and memory that
 * is not there: each is an error with a sentence that says where, and nothing is lost. */
#include "support/support.h"

#include <dirent.h>

typedef recur_status import(recur_context *ctx, const void *data, size_t bytes, recur_layer **out);

/* ---- small files of every form -------------------------------------------------------------- */

#define NAM_CONFIG                                            \
    "\"architecture\":\"LSTM\",\"config\":{\"input_size\":1," \
    "\"hidden_size\":1,\"num_layers\":1},\"weights\":"
#define NAM "{" NAM_CONFIG "[1,2,3,4,5,6,7,8,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8]}"

#define K(layers)     "{\"in_shape\":[null,1],\"layers\":[" layers "]}"
#define L(type, more) "{\"type\":\"" type "\"" more "}"
#define DENSE                                            \
    L("dense", ",\"activation\":\"tanh\",\"shape\":[2]," \
               "\"weights\":[[[1,2]],[3,4]]")
#define CONV                                                                    \
    L("conv1d", ",\"activation\":\"\",\"weights\":[[[[1],[2]],[[3],[4]]],[5]]," \
                "\"kernel_size\":[2],\"dilation\":[3],\"groups\":1")
#define BATCHNORM L("batchnorm", ",\"weights\":[[1],[2],[3],[4]],\"epsilon\":0.01")
#define PRELU     L("prelu", ",\"weights\":[[[0.5]]]")
#define GRU       L("gru", ",\"weights\":[[[1,2,3]],[[4,5,6]],[[1,2,3],[4,5,6]]]")
#define LSTM      L("lstm", ",\"weights\":[[[1,2,3,4]],[[5,6,7,8]],[1,2,3,4]]")
#define KERAS                                                                                 \
    "{\"in_shape\":[null,1],\"in_gain\":-3,\"out_gain\":2.5,\"in_skip\":1,\"layers\":[" DENSE \
    "," CONV "," BATCHNORM "," PRELU "," GRU "," LSTM "]}"

#define W_IH   "\"rec.weight_ih_l0\":[[1],[2],[3]]"
#define W_HH   "\"rec.weight_hh_l0\":[[1],[2],[3]]"
#define B_IH   "\"rec.bias_ih_l0\":[1,2,3]"
#define B_HH   "\"rec.bias_hh_l0\":[1,2,3]"
#define LINEAR "\"lin.weight\":[[1]],\"lin.bias\":[1]"
#define REC    W_IH "," W_HH "," B_IH "," B_HH
#define DATA                                                                           \
    "\"model_data\":{\"model\":\"SimpleRNN\",\"unit_type\":\"GRU\",\"hidden_size\":1," \
    "\"skip\":1},\"state_dict\":"
#define TORCH "{" DATA "{" REC "," LINEAR "}}"

static const struct {
    const char *text;
    import *door;
} FORMS[] = { { NAM, recur_import_nam_memory },
              { KERAS, recur_import_rtneural_memory },
              { TORCH, recur_import_rtneural_memory },
              { "{" REC ",\"a.weight\":[[[1,2]]]}", recur_import_rtneural_memory } };

/* Bytes with nothing behind them that may be read. */
static void *exact(const char *text, size_t bytes)
{
    void *data = bytes_of((int64_t)bytes, 1);
    memcpy(data, text, bytes);
    return data;
}

/* What is refused leaves no handle. */
static recur_status tried(recur_context *ctx, import *door, const void *data, size_t bytes)
{
    recur_layer *layer = (recur_layer *)(void *)ctx;
    support_forget();
    const recur_status status = door(ctx, data, bytes, &layer);
    if (status) {
        assert_null(layer);
        assert_true(strlen(recur_last_error()) > 10);
    }
    recur_layer_release(layer);
    return status;
}

static void every_form_is_read(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    for (int i = 0; i < COUNT(FORMS); i++)
        OK(tried(ctx, FORMS[i].door, FORMS[i].text, strlen(FORMS[i].text)));
    close_context(ctx);
}

/* For tests/fuzz/fuzz_import.c: RECUR_CORPUS names a folder for one file of each form. */
static void write_corpus(void **unused)
{
    (void)unused;
    char path[1000];
    if (!getenv("RECUR_CORPUS")) skip();
    for (int i = 0; i < COUNT(FORMS); i++) {
        snprintf(path, sizeof path, "%s/form%d.json", getenv("RECUR_CORPUS"), i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(FORMS[i].text, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
}

/* ---- files that lie ------------------------------------------------------------------------- */

static void refuses(import *door, recur_status code, const char *text, const char *words)
{
    trying("%.300s", text);
    recur_context *ctx = reference_context();
    recur_layer *layer = (recur_layer *)(void *)ctx;
    FAILS(code, door(ctx, exact(text, strlen(text)), strlen(text), &layer), words);
    assert_null(layer);
    close_context(ctx);
}

#define FORMAT      RECUR_E_FORMAT
#define UNSUPPORTED RECUR_E_UNSUPPORTED

static void hostile_nam(void **unused)
{
    (void)unused;
    import *const door = recur_import_nam_memory;
    refuses(door, FORMAT, "", "JSON 0");
    refuses(door, FORMAT, "[]", "architecture");
    refuses(door, FORMAT, "{\"architecture\":7}", "architecture");
    refuses(door, UNSUPPORTED, "{\"architecture\":\"WaveNet\"}", "WaveNet LSTM");
    refuses(door, UNSUPPORTED, "{\"architecture\":\"ConvNet\"}", "ConvNet LSTM");
    refuses(door, UNSUPPORTED, "{\"architecture\":\"Linear\"}", "Linear LSTM");
    refuses(door, FORMAT, "{\"architecture\":\"LSTM\",\"architecture\":\"LSTM\"}", "twice");
    refuses(door, FORMAT, "{\"architecture\":\"LSTM\"}", "config input_size");
    refuses(door, FORMAT, "{" NAM_CONFIG "[1,2]}", "weights 1 16 2");
    refuses(door, FORMAT, "{" NAM_CONFIG "{}}", "weights 16");
    refuses(door, FORMAT, "{" NAM_CONFIG "[1,2,3,4,5,6,7,\"8\",9,10,11,12,13,14,15,16]}",
            "weights[7] number 8");
    refuses(door, FORMAT, "{" NAM_CONFIG "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,1e39]}",
            "weights[15] 1e39");
#define CONFIG(numbers) "{\"architecture\":\"LSTM\",\"weights\":[1],\"config\":{" numbers "}}"
    refuses(door, FORMAT, CONFIG("\"input_size\":0"), "input_size 0 1");
    refuses(door, FORMAT, CONFIG("\"input_size\":1.0"), "input_size 1");
    refuses(door, FORMAT, CONFIG("\"input_size\":1,\"hidden_size\":1048577"),
            "hidden_size 1048577");
#define HUGE_SIZES "\"input_size\":1048576,\"hidden_size\":1048576,\"out_channels\":1048576,"
    refuses(door, FORMAT, CONFIG(HUGE_SIZES "\"num_layers\":1024"), "weights 1048576 1024");
    refuses(door, UNSUPPORTED, CONFIG(HUGE_SIZES "\"num_layers\":1025"), "num_layers 1025 1024");
    refuses(door, UNSUPPORTED,
            CONFIG("\"input_size\":1,\"hidden_size\":1,\"num_layers\":1,\"in_channels\":2"),
            "in_channels 2 1");
}

static void hostile_frames(void **unused)
{
    (void)unused;
    import *const door = recur_import_rtneural_memory;
    refuses(door, FORMAT, "7", "object layers state_dict");
    refuses(door, FORMAT, "{}", "no layer");
    refuses(door, FORMAT, "{\"layers\":[]}", "in_shape");
    refuses(door, FORMAT, K(""), "no layer");
    refuses(door, FORMAT, "{\"in_shape\":[],\"layers\":[]}", "in_shape empty");
    refuses(door, FORMAT, "{\"in_shape\":[1000],\"layers\":[]}", "1000");
    refuses(door, FORMAT, "{\"in_shape\":[1],\"layers\":{}}", "layers array");
    refuses(door, FORMAT, "{\"in_shape\":[1],\"layers\":[7]}", "layers[0] type");
    refuses(door, FORMAT, "{\"in_skip\":-1}", "in_skip 0");
    refuses(door, FORMAT, "{\"in_skip\":1,\"model_data\":{\"skip\":2}}", "in_skip 1 skip 2");
#define WITH(member) "{\"in_shape\":[1]," member ",\"layers\":[" DENSE "]}"
    refuses(door, UNSUPPORTED, WITH("\"in_skip\":1"), "1 2");
    refuses(door, FORMAT, WITH("\"in_gain\":\"loud\""), "in_gain loud");
    refuses(door, FORMAT, WITH("\"out_gain\":1000"), "out_gain 1000");
    refuses(door, FORMAT, WITH("\"layers\":[]"), "layers twice");
}

static void hostile_layers(void **unused)
{
    (void)unused;
    import *const door = recur_import_rtneural_memory;
    refuses(door, UNSUPPORTED, K(L("conv2d", "")), "layers[0] conv2d");
    refuses(door, UNSUPPORTED, K(DENSE "," L("activation", ",\"activation\":\"gelu\"")),
            "layers[1] gelu tanh");
    refuses(door, FORMAT, K(L("activation", ",\"activation\":1")), "layers[0] activation string");
    refuses(door, FORMAT, K(L("dense", "")), "layers[0] 0 1 2");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[7]")), "layers[0].weights[0] 2");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[[1]]]]")), "layers[0].weights[0] deeper");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[1,2,3],[],[],[],[],[],[]]]")),
            "layers[0].weights[0] [7,3]");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[1,2]],[3]]")), "layers[0].weights[1] 2 1");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[1,null]]]")),
            "layers[0].weights[0][0][1] null");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[1],[2]]]")), "layers[0] 2 1");
    refuses(door, FORMAT, K(L("dense", ",\"weights\":[[[1]]],\"shape\":[2]")),
            "layers[0] shape 2 1");
#define CONV_OF(more) K(L("conv1d", ",\"weights\":[[[[1]],[[2]]]]," more))
    refuses(door, FORMAT, CONV_OF("\"kernel_size\":3"), "layers[0] kernel_size 3 2");
    refuses(door, UNSUPPORTED, CONV_OF("\"strides\":[2]"), "layers[0] strides 2");
    refuses(door, FORMAT, CONV_OF("\"dilation\":[0]"), "layers[0] dilation 0");
    refuses(door, FORMAT, CONV_OF("\"groups\":1000000000000"), "layers[0] groups");
    refuses(door, RECUR_E_SHAPE, CONV_OF("\"groups\":2"), "layers[0] 2 1");
    refuses(door, UNSUPPORTED, K(L("gru", ",\"activation\":\"relu\"")), "layers[0] relu tanh");
    refuses(door, FORMAT, K(L("gru", ",\"weights\":[[[1,2]],[[1,2,3]]]")), "layers[0] 2 3");
    refuses(door, FORMAT, K(L("gru", ",\"weights\":[[[1,2,3]],[[1,2,3]],[1,2,3]]")),
            "layers[0].weights[2] 2 3");
    refuses(door, FORMAT, K(L("lstm", ",\"weights\":[[[1,2,3]],[[1,2,3]]]")), "layers[0] 4");
    refuses(door, FORMAT, K(L("batchnorm", ",\"weights\":[[1]]")), "layers[0] 1 2 4");
    refuses(door, FORMAT, K(L("batchnorm", ",\"weights\":[[1],[2,3]]")), "weights[1] 2 1");
    refuses(door, FORMAT, K(L("batchnorm", ",\"weights\":[[1],[2]]")), "layers[0] number");
    refuses(door, FORMAT, K(L("batchnorm", ",\"weights\":[[1],[-2]],\"epsilon\":1")), "-2");
    refuses(door, FORMAT, K(L("batchnorm", ",\"weights\":[[1],[0]],\"epsilon\":0")), "variance 0");
    refuses(door, UNSUPPORTED, K(L("prelu", ",\"weights\":[[[1],[2]]]")), "steps 2");
}

static void hostile_state_dicts(void **unused)
{
    (void)unused;
    import *const door = recur_import_rtneural_memory;
    refuses(door, FORMAT, "{\"state_dict\":[]}", "state_dict object");
    refuses(door, UNSUPPORTED, "{\"state_dict\":{\"a.weight\":1}}", "state_dict.a. LSTM");
    refuses(door, UNSUPPORTED, "{\"bn.weight\":[1],\"bn.bias\":[1]}", "bn. LSTM");
    refuses(door, UNSUPPORTED, "{\"a.weight\":[[1]],\"b.weight\":[[1]]}", "b. between");
    refuses(door, UNSUPPORTED, "{" REC ",\"rec.weight_hr_l0\":[[1]]}", "rec. 5 4");
    refuses(door, UNSUPPORTED, "{\"r.weight_ih_l0\":[[1]],\"r.weight_hh_l0\":[[1]]}", "LSTM GRU");
    refuses(door, FORMAT, "{" W_IH "}", "rec.weight_hh_l0 not there");
    refuses(door, FORMAT, "{" W_IH "," W_HH "," B_IH ",\"rec.other\":[1]}", "rec.bias_hh_l0");
    refuses(door, FORMAT,
            "{" W_IH "," W_HH ",\"rec.weight_ih_l1\":[[1]],"
            "\"rec.weight_hh_l1\":[[1]]}",
            "rec.weight_ih_l1 3");
    refuses(door, FORMAT, "{" REC ",\"lin.weight\":[[1,2]]}", "lin. 2 1");
    refuses(door, FORMAT, "{" REC ",\"conv.weight\":[[[1],[2]]]}", "conv.weight 1 2");
    refuses(door, RECUR_E_ARGUMENT, "{\"a.weight\":[[1]]," REC ",\"a.weight\":[[1]]}", "a");
#define SAYS(words) "{\"model_data\":{" words "},\"state_dict\":{" REC "," LINEAR "}}"
    refuses(door, UNSUPPORTED, SAYS("\"model\":\"GatedConvNet\""), "GatedConvNet SimpleRNN");
    refuses(door, UNSUPPORTED, SAYS("\"unit_type\":\"LSTM\""), "LSTM GRU");
    refuses(door, FORMAT, SAYS("\"hidden_size\":2"), "hidden_size 2 1");
    refuses(door, FORMAT, SAYS("\"num_layers\":2"), "num_layers 2 1");
    refuses(door, FORMAT, SAYS("\"input_size\":2"), "input_size 2 1");
    refuses(door, FORMAT, SAYS("\"output_size\":2"), "output_size 2 1");
    refuses(door, UNSUPPORTED, SAYS("\"skip\":2"), "2 1");
    char name[400];
    snprintf(name, sizeof name, "{\"%0200d.weight\":[[1]]}", 1);
    refuses(door, FORMAT, name, "99");
}

static void bad_arguments(void **unused)
{
    (void)unused;
    recur_layer *layer = NULL;
    FAILS(RECUR_E_ARGUMENT, recur_import_nam(NULL, "a", NULL), "out");
    FAILS(RECUR_E_ARGUMENT, recur_import_nam(NULL, NULL, &layer), "path");
    FAILS(RECUR_E_ARGUMENT, recur_import_nam_memory(NULL, NULL, 3, &layer), "data 3");
    FAILS(RECUR_E_ARGUMENT, recur_import_rtneural(NULL, NULL, &layer), "path");
    FAILS(RECUR_E_ARGUMENT, recur_import_rtneural_memory(NULL, NULL, 3, &layer), "data 3");
    FAILS(FORMAT, recur_import_rtneural_memory(NULL, NULL, 0, &layer), "JSON");
    FAILS(RECUR_E_NOT_FOUND, recur_import_nam(NULL, "no/such.nam", &layer), "no/such.nam");
    FAILS(FORMAT, recur_import_rtneural(NULL, "Makefile", &layer), "Makefile JSON");
}

/* ---- damage and want ------------------------------------------------------------------------ */

/* A file that was cut off is no JSON. */
static void every_truncation(void **unused)
{
    (void)unused;
    recur_context *ctx = reference_context();
    for (int i = 0; i < COUNT(FORMS); i++)
        for (size_t n = 0; n < strlen(FORMS[i].text); n++) {
            trying("form %d, %zu bytes", i, n);
            char *data = malloc(n + 1); /* so that tools see a byte behind it */
            memcpy(data, FORMS[i].text, n);
            char *just = n ? realloc(data, n) : data;
            assert_int_equal(tried(ctx, FORMS[i].door, just, n), FORMAT);
            free(just);
        }
    close_context(ctx);
}

/* One byte becomes another one, at every place, and some bytes go: what is then read must run. */
static void mutations(void **unused)
{
    (void)unused;
    static const char others[] = "0179-.e\"[]{},: anull\\\xff";
    recur_context *ctx = reference_context();
    int64_t read = 0, refused = 0;
    for (int i = 0; i < COUNT(FORMS); i++) {
        const size_t n = strlen(FORMS[i].text);
        char *data = bytes_of((int64_t)n, 1);
        for (size_t at = 0; at < n; at++)
            for (int64_t k = 0; k < COUNT(others) + 8; k++) {
                const size_t gone = k < COUNT(others) ? 0 : (size_t)(k - COUNT(others) + 1);
                const size_t left = at + gone < n ? n - at - gone : 0;
                memcpy(data, FORMS[i].text, n);
                if (gone)
                    memmove(data + at, FORMS[i].text + at + gone, left);
                else
                    data[at] = others[k];
                if (tried(ctx, FORMS[i].door, data, gone ? at + left : n))
                    refused++;
                else
                    read++;
            }
    }
    assert_true(read > 100 && refused > 1000);
    close_context(ctx);
}

/* The n-th allocation fails, alone or with all that follow. */
static void every_allocation_fails(void **unused)
{
    (void)unused;
    for (int i = 0; i < COUNT(FORMS); i++)
        for (int once = 0; once < 2; once++) {
            counter count = { .until_failure = -1 };
            recur_context *ctx = counting_context(&count, RECUR_ISA_REF);
            const int64_t blocks = count.blocks;
            recur_status status = RECUR_E_MEMORY;
            int64_t n = 0;
            for (; status; n++) {
                trying("form %d, allocation %d", i, (int)n);
                count.once = once;
                count.until_failure = n;
                status = tried(ctx, FORMS[i].door, FORMS[i].text, strlen(FORMS[i].text));
                assert_true(status == RECUR_E_MEMORY || status == RECUR_OK);
                assert_int_equal(count.blocks, blocks);
            }
            assert_true(n > 4);
            assert_int_equal(count.mistakes, 0);
            count.until_failure = -1;
            recur_context_release(ctx);
        }
}

/* A name of a tensor has at most 99 bytes. */
static void names_at_their_limit(void **unused)
{
    (void)unused;
    char text[256], name[101];
    for (int n = 98; n <= 100; n++) {
        recur_layer *layer = NULL;
        memset(name, 'a', sizeof name);
        memcpy(name + n - 7, ".weight", 8);
        snprintf(text, sizeof text, "{\"%s\": [[2]]}", name);
        if (n < 100)
            OK(recur_import_rtneural_memory(NULL, text, strlen(text), &layer));
        else
            FAILS(RECUR_E_FORMAT, recur_import_rtneural_memory(NULL, text, strlen(text), &layer),
                  "99 bytes");
        recur_layer_release(layer);
    }
}

/* Inputs that once broke something: each opens, or is an error. A build with SANITIZE=address sees
 * more of them. */
static void what_fuzzers_found(void **unused)
{
    (void)unused;
    static const char folder[] = "tests/fuzz/found";
    DIR *found = opendir(folder);
    int files = 0;
    assert_non_null(found);
    for (struct dirent *entry; (entry = readdir(found));) {
        char path[512];
        recur_layer *layer = NULL;
        if (strncmp(entry->d_name, "import_", 7) != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        trying("%s", path);
        if (recur_import_rtneural(NULL, path, &layer) == RECUR_OK) recur_layer_release(layer);
        if (recur_import_nam(NULL, path, &layer) == RECUR_OK) recur_layer_release(layer);
        files++;
    }
    closedir(found);
    assert_true(files > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_is_read),     TEST(write_corpus),         TEST(hostile_nam),
        TEST(hostile_frames),         TEST(hostile_layers),       TEST(hostile_state_dicts),
        TEST(bad_arguments),          TEST(every_truncation),     TEST(mutations),
        TEST(every_allocation_fails), TEST(names_at_their_limit), TEST(what_fuzzers_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
