/* test_json.c - the JSON reader and writer: the grammar of RFC 8259 case by case, walking, numbers
 * against strtod, the writer read back, and jansson, where the machine has it, on random
 * documents. */
#include <dlfcn.h>
#include <float.h>
#include <locale.h>

#include "json/json.h"
#include "support/support.h"

/* The block has exactly this size, so that a sanitizer sees a byte too far. */
static char *block_of(const char *text, size_t bytes)
{
    char *block = malloc(bytes ? bytes : 1);
    assert_non_null(block);
    memcpy(block, text, bytes);
    return block;
}

static void accepts_bytes(const char *text, size_t bytes)
{
    trying("%.*s", bytes < 60 ? (int)bytes : 60, text);
    recur__json value;
    char *block = block_of(text, bytes);
    OK(recur__json_check("text", block, bytes, &value));
    free(block);
}

static void refuses_bytes(const char *text, size_t bytes, const char *words)
{
    trying("%.*s", bytes < 60 ? (int)bytes : 60, text);
    recur__json value;
    char *block = block_of(text, bytes);
    FAILS(RECUR_E_FORMAT, recur__json_check("text", block, bytes, &value), words);
    free(block);
}

#define ACCEPTS(text)        accepts_bytes(text, sizeof(text) - 1)
#define REFUSES(text, words) refuses_bytes(text, sizeof(text) - 1, words)

/* ---- the grammar, section by section -------------------------------------------------------- */

/* Sections 2 and 3: a text is one value of seven kinds, with white space around it. */
static void values(void **state)
{
    (void)state;
    ACCEPTS("null");
    ACCEPTS("true");
    ACCEPTS("false");
    ACCEPTS("0");
    ACCEPTS("\"\"");
    ACCEPTS("{}");
    ACCEPTS("[]");
    ACCEPTS(" \t\r\n[ \t\r\n] \t\r\n");
    REFUSES("", "value text ends 0");
    REFUSES(" \n ", "value line 2 column 2");
    REFUSES("nul", "value");
    REFUSES("nulL", "value");
    REFUSES("True", "value 'T'");
    REFUSES("truth", "value");
    REFUSES("nullnull", "nothing outermost");
    REFUSES("null null", "nothing byte 5 9");
    REFUSES("{}{}", "nothing");
    REFUSES("1,", "nothing outermost");
    REFUSES("\xef\xbb\xbf{}", "0xef");
    REFUSES("\f1", "0x0c");
    REFUSES("\xc2\xa0"
            "1",
            "0xc2");
    REFUSES("1\0", "0x00");
    REFUSES("'a'", "value");
    REFUSES("NaN", "value");
    REFUSES("Infinity", "value");
    REFUSES("undefined", "value");
    REFUSES("/* */ 1", "'/'");
    REFUSES("// \n1", "'/'");
}

/* Sections 4 and 5. */
static void containers(void **state)
{
    (void)state;
    ACCEPTS("{\"a\":1}");
    ACCEPTS("{\"\":0}");
    ACCEPTS("{\"a\":1,\"a\":1}");
    ACCEPTS("{ \"a\" : [ 1 , { } ] , \"b\" : null }");
    ACCEPTS("[1,\n2\t,[[]],{}]");
    REFUSES("{", "name text ends");
    REFUSES("[", "value text ends");
    REFUSES("}", "value");
    REFUSES("]", "value");
    REFUSES("{]", "name ']'");
    REFUSES("[}", "value '}'");
    REFUSES("[1}", "',' ']' '}'");
    REFUSES("{\"a\":1]", "',' '}' ']'");
    REFUSES("[1", "',' ']' text ends");
    REFUSES("[1,]", "value ']'");
    REFUSES("[,1]", "value");
    REFUSES("[1,,2]", "value");
    REFUSES("[1 2]", "',' ']'");
    REFUSES("{\"a\":1,}", "name '}'");
    REFUSES("{,}", "name");
    REFUSES("{\"a\"}", "':' '}'");
    REFUSES("{\"a\" 1}", "':' '1'");
    REFUSES("{\"a\":}", "value");
    REFUSES("{\"a\":1 \"b\":2}", "','");
    REFUSES("{a:1}", "name 'a'");
    REFUSES("{1:1}", "name");
    REFUSES("{null:1}", "name");
    REFUSES("{\"a\":1,,\"b\":2}", "name");
    REFUSES("[1:2]", "','");
    REFUSES("[\n1,\n2,\n,3]", "line 4 column 1");
}

/* Section 6. */
static void numbers(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",    "-0",    "1",      "-1",   "10",      "123456789012345678901234567890",
        "0.0",  "-0.5",  "1.0e0",  "1e5",  "1E5",     "1e+5",
        "1e-5", "0e0",   "0e00",   "1e05", "1.50E-3", "1e999999999999999999999",
        "0.1",  "-9e-9", "10.010",
    };
    static const char *const bad[] = {
        "-",     "+1",  "01",  "-01", "00",   "1.", ".5",   "-.5",  "1.e5",
        "1e",    "1e+", "1e-", "1ee", "0x1",  "1a", "--1",  "1-1",  "1e5.5",
        "1.2.3", "-a",  "1_0", "1,0", "-Inf", "0e", "2.e3", "1 e5", "\xef\xbc\x91",
    };
    for (int i = 0; i < COUNT(good); i++) {
        char text[100];
        accepts_bytes(good[i], strlen(good[i]));
        snprintf(text, sizeof text, "[%s,{\"n\":%s}]", good[i], good[i]);
        accepts_bytes(text, strlen(text));
    }
    for (int i = 0; i < COUNT(bad); i++) refuses_bytes(bad[i], strlen(bad[i]), "expected");
    REFUSES("01", "no digit");
    REFUSES("-x", "digit minus");
    REFUSES("1.x", "digit point");
    REFUSES("1e+", "digit exponent");
}

/* Sections 7 and 8. */
static void strings(void **state)
{
    (void)state;
    ACCEPTS("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u00E9\\uFFFF\"");
    ACCEPTS("\"\\ud83d\\uDE00\"");
    ACCEPTS("\"\x7f\"");
    ACCEPTS("\"/'\"");
    REFUSES("\"", "'\"' string ends");
    REFUSES("\"\\\"", "string");
    REFUSES("\"\\", "backslash");
    REFUSES("\"\\a\"", "backslash 'a'");
    REFUSES("\"\\x41\"", "backslash");
    REFUSES("\"\\U0041\"", "backslash 'U'");
    REFUSES("\"\\\0\"", "backslash");
    REFUSES("\"\\u12\"", "hexadecimal");
    REFUSES("\"\\u123g\"", "hexadecimal");
    REFUSES("\"\\ud800\"", "surrogate");
    REFUSES("\"\\ud800\\n\"", "surrogate");
    REFUSES("\"\\ud800\\u0041\"", "surrogate");
    REFUSES("\"\\ud800\\ud800\"", "surrogate");
    REFUSES("\"\\udc00\"", "surrogate");
    for (int c = 0; c < ' '; c++) {
        const char text[3] = { '"', (char)c, '"' };
        refuses_bytes(text, 3, "escape control");
    }
}

static void utf8(void **state)
{
    (void)state;
    ACCEPTS("\"\xc2\x80\xdf\xbf\"");
    ACCEPTS("\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"");
    ACCEPTS("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xe2\x82\x41",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xe9",
    };
    for (int i = 0; i < COUNT(bad); i++) {
        char text[10];
        snprintf(text, sizeof text, "\"%s\"", bad[i]);
        refuses_bytes(text, strlen(text), "UTF-8");
        refuses_bytes(text, strlen(text) - 1, "");
    }
}

static void depth(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *text = (char *)bytes_of(2 * DEEP, 1);
    for (int deep = RECUR__JSON_DEPTH; deep <= RECUR__JSON_DEPTH + 1; deep++) {
        memset(text, '[', (size_t)deep);
        memset(text + deep, ']', (size_t)deep);
        if (deep <= RECUR__JSON_DEPTH)
            accepts_bytes(text, (size_t)(2 * deep));
        else
            refuses_bytes(text, (size_t)(2 * deep), "depth 256");
    }
    memset(text, '[', DEEP);
    refuses_bytes(text, DEEP, "depth 256");
}

/* ---- walking -------------------------------------------------------------------------------- */

static recur__json parsed(const char *text)
{
    recur__json value;
    OK(recur__json_check("text", text, strlen(text), &value));
    return value;
}

static void check_text(recur__json value, const char *text)
{
    assert_int_equal(value.end - value.at, strlen(text));
    assert_memory_equal(value.at, text, strlen(text));
}

static void walking(void **state)
{
    (void)state;
    const recur__json root = parsed(" { \"a\" : [1, [2,\"]\"] ,{} ] ,\"b\\\"\":\"x\\\\\", "
                                    "\"\\u0063\":true,\"n\":null,\"f\": false } ");
    recur__json_items items = recur__json_items_of(root);
    static const char *const texts[] = { "[1, [2,\"]\"] ,{} ]", "\"x\\\\\"", "true", "null",
                                         "false" };
    static const char *const names[] = { "a", "b\"", "c", "n", "f" };
    static const recur__json_kind kinds[] = { RECUR__JSON_ARRAY, RECUR__JSON_STRING,
                                              RECUR__JSON_TRUE, RECUR__JSON_NULL,
                                              RECUR__JSON_FALSE };
    for (int i = 0; i < COUNT(texts); i++) {
        assert_true(recur__json_next(&items));
        check_text(items.value, texts[i]);
        assert_true(recur__json_is(items.key, names[i]));
        assert_int_equal(recur__json_kind_of(items.value), kinds[i]);
        check_text(recur__json_member(root, names[i]), texts[i]);
    }
    assert_false(recur__json_next(&items));
    assert_false(recur__json_next(&items));
    assert_int_equal(recur__json_count(root), 5);
    assert_int_equal(recur__json_count(recur__json_member(root, "a")), 3);
    assert_null(recur__json_member(root, "d").at);
    assert_null(recur__json_member(recur__json_member(root, "d"), "e").at);
    assert_int_equal(recur__json_kind_of(recur__json_member(root, "d")), RECUR__JSON_NONE);
    assert_int_equal(recur__json_count(parsed("7")), 0);
    assert_int_equal(recur__json_count(parsed("[[],[]]")), 2);
    check_text(parsed("  12 \n"), "12");
    assert_string_equal(recur__json_say(recur__json_member(root, "a")).text, texts[0]);
    assert_string_equal(recur__json_say(parsed("\"a\\u0000\\u00e9\"")).text, "a?\xc3\xa9");
}

static void characters(void **state)
{
    (void)state;
    char to[40];
    const recur__json s = parsed("\"\\b\\f\\n\\r\\t\\/\\\\\\\"\\u00e9\\u20aC\\ud83d\\ude00z\"");
    static const char wanted[] = "\b\f\n\r\t/\\\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    assert_int_equal(recur__json_bytes(s), strlen(wanted));
    assert_ptr_equal(recur__json_copy(s, to), to + sizeof wanted);
    assert_string_equal(to, wanted);
    assert_true(recur__json_is(s, wanted));
    assert_false(recur__json_is(s, "\b"));
    assert_false(recur__json_is(parsed("\"ab\""), "abc"));
    assert_false(recur__json_is(parsed("\"ab\\u0000\""), "ab"));
    assert_int_equal(recur__json_bytes(parsed("\"a\\u0000\"")), -1);
    assert_int_equal(recur__json_bytes(parsed("7")), -1);
    assert_int_equal(recur__json_bytes((recur__json){ NULL, NULL }), -1);
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void check_number(const char *text)
{
    trying("%.60s", text);
    const recur__json value = parsed(text);
    double d;
    float f;
    const double want = strtod(text, NULL);
    const float want_f = strtof(text, NULL);
    assert_int_equal(recur__json_double(value, &d), isfinite(want));
    assert_memory_equal(&d, &want, sizeof d);
    assert_int_equal(recur__json_float(value, &f), isfinite(want_f));
    assert_memory_equal(&f, &want_f, sizeof f);
}

/* The hard ones: halves, the ends of the range, more digits than fit. */
static void hard_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "-0.0e5",
        "1",
        "9007199254740993",
        "9007199254740992.999999999999999999999",
        "9007199254740993.00000000000000000000000001",
        "1e22",
        "1e23",
        "8.5e-1",
        "1e-27",
        "1e27",
        "1e-28",
        "1e28",
        "123456789012345678e-45",
        "9999999999999999999e27",
        "1e308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1.8e308",
        "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901"
        "79775872070963302864166928879109465555478519404026306574886715058206819089020007083836762"
        "73854845817711531764475730270069855571366959622842914819860834936475292719074168444365510"
        "704342711559699508093042880",
        "1e309",
        "1e-400",
        "0e999999999999",
        "1e-999999999999",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "3e-324",
        "1e-323",
        "1e-324",
        "16777217",
        "16777217.0000001",
        "16777216.9999999",
        "3.4028235677973366e38",
        "3.4028235677973365e38",
        "7.0064923216240854e-46",
        "7.0064923216240853e-46",
        "1.40129846432481707e-45",
        "1.1754943508222875e-38",
        "1.17549429e-38",
        "0.1",
        "0.2",
        "0.3",
        "1e5",
        "1E+5",
        "100000000000000000000000000000000",
        "0.000000000000000000000000000000000000000000000000000000000001e70",
    };
    for (int i = 0; i < COUNT(texts); i++) check_number(texts[i]);
}

/* The middle between two doubles near 1e-308 has some 760 digits. One more digit, however far
 * behind, decides. */
static void middles(void **state)
{
    (void)state;
    enum { DIGITS = 1100, MORE = 300 };
    char low[DIGITS + MORE];
    char high[DIGITS + MORE];
    int sum[DIGITS + 2] = { 0 };
    snprintf(low, sizeof low, "%.*f", DIGITS, 1e-308);
    snprintf(high, sizeof high, "%.*f", DIGITS, nextafter(1e-308, 1));
    for (int i = DIGITS + 1, carry = 0; i > 1; i--) {
        const int s = low[i] - '0' + high[i] - '0' + carry;
        sum[i] = s % 10;
        carry = s / 10;
    }
    for (int i = 2, rest = 0; i < DIGITS + 2; i++) {
        const int s = rest * 10 + sum[i];
        low[i] = (char)('0' + s / 2);
        rest = s % 2;
    }
    check_number(low);
    for (int i = DIGITS + 2; i < DIGITS + MORE - 2; i += 100) {
        memset(low + DIGITS + 2, '0', MORE - 2);
        low[i] = '1';
        low[i + 1] = '\0';
        check_number(low);
    }
}

static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) bits = bits << 16 | (uint64_t)below(65536);
    return bits;
}

static void random_numbers(void **state)
{
    (void)state;
    char text[64];
    dice(5);
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = random_bits();
        double d;
        float f;
        memcpy(&d, &bits, sizeof d);
        memcpy(&f, &bits, sizeof f);
        if (isfinite(d)) {
            snprintf(text, sizeof text, "%.*e", (int)below(25), d);
            check_number(text);
        }
        if (isfinite(f)) {
            snprintf(text, sizeof text, "%.*g", (int)(1 + below(18)), (double)f);
            check_number(text);
        }
        snprintf(text, sizeof text, "%lld.%05llde%d", (long long)below(1000000000),
                 (long long)below(100000), (int)below(60) - 30);
        check_number(text);
        /* Quotients of little more than 64 bits. */
        snprintf(text, sizeof text, "%llue-%d",
                 (unsigned long long)(1 + bits % 9999999999999999999u), (int)below(3) + 25);
        check_number(text);
        snprintf(text, sizeof text, "%.17g", between(-1, 1) * (double)between(0, 1));
        check_number(text);
    }
    give_back();
}

static void whole_numbers(void **state)
{
    (void)state;
    int64_t n = 7;
    assert_true(recur__json_whole(parsed("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_true(recur__json_whole(parsed("9223372036854775807"), &n) && n == INT64_MAX);
    assert_true(recur__json_whole(parsed("-0"), &n) && n == 0);
    static const char *const others[] = {
        "9223372036854775808", "-9223372036854775809", "1.0", "1e2", "\"1\"", "null", "[1]", "1E0"
    };
    for (int i = 0; i < COUNT(others); i++) {
        trying("%s", others[i]);
        assert_false(recur__json_whole(parsed(others[i]), &n));
    }
    double d;
    float f;
    assert_false(recur__json_double(parsed("\"1\""), &d));
    assert_false(recur__json_float(parsed("true"), &f));
    assert_false(recur__json_double((recur__json){ NULL, NULL }, &d));
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_all(recur__json_writer *w)
{
    recur__json_open(w, '{');
    recur__json_put_name(w, "a.", "\"\\\n\x01\x1f");
    recur__json_open(w, '[');
    recur__json_put_whole(w, INT64_MIN);
    recur__json_put_double(w, 0.1);
    recur__json_put_double(w, 4);
    recur__json_put_double(w, 1e-5);
    recur__json_put_true(w, true);
    recur__json_put_true(w, false);
    recur__json_open(w, '[');
    recur__json_close(w, ']');
    recur__json_close(w, ']');
    recur__json_put_name(w, "", "b");
    recur__json_put_string(w, "\t\xc3\xa9/");
    recur__json_close(w, '}');
}

static void writing(void **state)
{
    (void)state;
    static const char wanted[] = "{\"a.\\\"\\\\\\n\\u0001\\u001F\":[-9223372036854775808,0.1,4.0,"
                                 "1e-05,true,false,[]],\"b\":\"\\t\xc3\xa9/\"}";
    char text[200];
    recur__json_writer measure = { .to = NULL };
    recur__json_writer write = { .to = text };
    write_all(&measure);
    write_all(&write);
    assert_int_equal(measure.used, sizeof wanted - 1);
    assert_int_equal(write.used, sizeof wanted - 1);
    assert_memory_equal(text, wanted, sizeof wanted - 1);
    accepts_bytes(text, write.used);
}

static void check_double_comes_back(double d)
{
    char text[64];
    recur__json value;
    double back;
    recur__json_writer w = { .to = text };
    recur__json_put_double(&w, d);
    trying("%.17g as %.*s", d, (int)w.used, text);
    OK(recur__json_check("text", text, w.used, &value));
    assert_true(recur__json_double(value, &back));
    assert_memory_equal(&back, &d, sizeof d);
}

/* Makes a locale whose numbers have a comma, and lets setlocale find it; where there is no
 * localedef, the locales of the machine have to do. */
static void make_comma(char *folder)
{
    char command[400];
    char source[100];
    assert_non_null(mkdtemp(folder));
    snprintf(source, sizeof source, "%s/source", folder);
    FILE *file = fopen(source, "w");
    assert_non_null(file);
    fputs("comment_char %\nescape_char /\nLC_CTYPE\ncopy \"POSIX\"\nEND LC_CTYPE\n"
          "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\nEND LC_NUMERIC\n",
          file);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command,
             "localedef -c -i %s/source -f ANSI_X3.4-1968 %s/comma >%s/log 2>&1", folder, folder,
             folder);
    if (system(command) >= 0) setenv("LOCPATH", folder, 1); /* warnings are an error to it */
}

static void remove_comma(const char *folder)
{
    char command[200];
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void doubles_come_back(void **state)
{
    (void)state;
    static const char *const locales[] = { "comma", "C", "de_DE.UTF-8", "fr_FR.UTF-8",
                                           "fa_IR.UTF-8" };
    char folder[] = "/tmp/recur_locale_XXXXXX";
    dice(6);
    make_comma(folder);
    for (int k = 0; k < COUNT(locales); k++) {
        const char *set = setlocale(LC_NUMERIC, locales[k]);
        if (k == 0) remove_comma(folder); /* the others are the machine's */
        if (!set) {
            print_message("no locale %s here\n", locales[k]);
            continue;
        }
        if (strcmp(locales[k], "comma") == 0) assert_string_equal(localeconv()->decimal_point, ",");
        for (int i = 0; i < 20000; i++) {
            const uint64_t bits = random_bits();
            double d;
            memcpy(&d, &bits, sizeof d);
            if (isfinite(d)) check_double_comes_back(d);
            check_double_comes_back((double)below(1000) / 100);
        }
        check_double_comes_back(DBL_MAX);
        check_double_comes_back(5e-324);
        check_double_comes_back(-0.0);
    }
    setlocale(LC_NUMERIC, "C");
}

/* ---- jansson, if the machine has it --------------------------------------------------------- */

/* Its interface, as far as it is used here. */
typedef struct jansson_value {
    int type; /* object, array, string, integer, real, true, false, null */
    volatile size_t references;
} jansson_value;
typedef struct jansson_error {
    int line, column, position;
    char source[80], text[160];
} jansson_error;

static struct {
    jansson_value *(*loadb)(const char *, size_t, size_t, jansson_error *);
    void (*delete)(jansson_value *);
    size_t (*array_size)(const jansson_value *);
    jansson_value *(*array_get)(const jansson_value *, size_t);
    size_t (*object_size)(const jansson_value *);
    jansson_value *(*object_get)(const jansson_value *, const char *);
    const char *(*string_value)(const jansson_value *);
    double (*real_value)(const jansson_value *);
} jansson;

static bool find_jansson(void)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW);
    if (!library) library = dlopen("libjansson.so", RTLD_NOW);
    if (!library) return false;
    void *const places[] = { &jansson.loadb,        &jansson.delete,      &jansson.array_size,
                             &jansson.array_get,    &jansson.object_size, &jansson.object_get,
                             &jansson.string_value, &jansson.real_value };
    static const char *const names[] = { "json_loadb",        "json_delete",      "json_array_size",
                                         "json_array_get",    "json_object_size", "json_object_get",
                                         "json_string_value", "json_real_value" };
    for (int i = 0; i < COUNT(names); i++) {
        void *found = dlsym(library, names[i]);
        assert_non_null(found);
        memcpy(places[i], &found, sizeof found);
    }
    return true;
}

static void compare_values(recur__json ours, const jansson_value *theirs);

static void compare_items(recur__json ours, const jansson_value *theirs, bool object)
{
    char key[400];
    recur__json_items items = recur__json_items_of(ours);
    size_t count = 0;
    while (recur__json_next(&items)) {
        if (object) recur__json_copy(items.key, key);
        const jansson_value *other = object ? jansson.object_get(theirs, key)
                                            : jansson.array_get(theirs, count);
        assert_non_null(other);
        compare_values(items.value, other);
        count++;
    }
    assert_int_equal(count, object ? jansson.object_size(theirs) : jansson.array_size(theirs));
}

static void compare_values(recur__json ours, const jansson_value *theirs)
{
    static const recur__json_kind kinds[] = {
        RECUR__JSON_OBJECT, RECUR__JSON_ARRAY, RECUR__JSON_STRING, RECUR__JSON_NONE,
        RECUR__JSON_NUMBER, RECUR__JSON_TRUE,  RECUR__JSON_FALSE,  RECUR__JSON_NULL,
    };
    assert_int_equal(recur__json_kind_of(ours), kinds[theirs->type]);
    if (theirs->type < 2) compare_items(ours, theirs, theirs->type == 0);
    if (theirs->type == 2) assert_true(recur__json_is(ours, jansson.string_value(theirs)));
    if (theirs->type == 4) {
        double d;
        const double other = jansson.real_value(theirs);
        assert_true(recur__json_double(ours, &d));
        assert_memory_equal(&d, &other, sizeof d);
    }
}

/* ---- random documents ----------------------------------------------------------------------- */

typedef struct document {
    char text[4000];
    size_t used;
    int keys; /* made so far, so that each is new */
} document;

static void add(document *d, const char *text)
{
    d->used += (size_t)sprintf(d->text + d->used, "%s", text);
}

static void add_space(document *d)
{
    static const char *const spaces[] = { "", "", "", "", " ", "\n", "\t", " \r\n" };
    add(d, spaces[below(8)]);
}

static void add_string(document *d)
{
    static const char *const pieces[] = {
        "a",       "\\n",     "\\\"",     "\\\\",           "\\/",
        "\\u00e9", "\\u20AC", "\xc3\xa9", "\\ud83d\\ude00", "\xf0\x9f\x98\x80",
        " ",       "]",       "}",        "{\\b",           "\\u0001",
        ","
    };
    add(d, "\"");
    for (int64_t n = below(6); n > 0; n--) add(d, pieces[below(COUNT(pieces))]);
    add(d, "\"");
}

static void add_number(document *d)
{
    char text[60];
    double value = between(-1, 1) * pow(10, (double)below(80) - 40);
    if (below(3) == 0) value = (double)(below(2000) - 1000);
    sprintf(text, "%.*g", (int)below(20) + 1, value);
    add(d, text);
}

static void add_value(document *d, int depth)
{
    static const char *const words[] = { "true", "false", "null", "-0", "0.0" };
    const int64_t kind = below(depth > 5 || d->used > 3000 ? 3 : 6);
    add_space(d);
    if (kind == 0) add(d, words[below(5)]);
    if (kind == 1) add_string(d);
    if (kind == 2) add_number(d);
    if (kind > 2) {
        const bool object = kind == 3;
        add(d, object ? "{" : "[");
        add_space(d);
        for (int64_t n = below(5), i = 0; i < n; i++) {
            char key[20];
            if (i) add(d, ",");
            sprintf(key, "\"k\\u0041%d\"", d->keys++);
            if (object) add(d, key);
            add_space(d);
            if (object) add(d, ":");
            add_value(d, depth + 1);
        }
        add(d, object ? "}" : "]");
    }
    add_space(d);
}

enum { DECODE_ANY = 4, INTEGERS_ARE_REALS = 8, ALLOW_NUL = 16 };

/* Gives whether both accept a document. */
static bool compare_documents(const document *d, bool values)
{
    recur__json ours;
    jansson_error error;
    jansson_value *theirs = jansson.loadb(d->text, d->used,
                                          DECODE_ANY | INTEGERS_ARE_REALS | ALLOW_NUL, &error);
    const recur_status status = recur__json_check("text", d->text, d->used, &ours);
    trying("%.*s", (int)(d->used < 300 ? d->used : 300), d->text);
    /* Numbers beyond the range of double are JSON; who wants them as numbers is told. */
    if (!theirs && strstr(error.text, "overflow")) return false;
    if (!theirs != (status != 0))
        fail_msg("jansson: %s; here: %s", theirs ? "good" : error.text,
                 status ? recur_last_error() : "good");
    if (theirs && values) compare_values(ours, theirs);
    if (theirs && --theirs->references == 0) jansson.delete(theirs);
    return theirs != NULL;
}

static void as_jansson_does(void **state)
{
    (void)state;
    if (!find_jansson()) {
        print_message("jansson is not here: random documents are not compared\n");
        skip();
    }
    static const char damage[] = "{}[]\",:\\ux0019eE+-. \n\xc3\xa9tb";
    static document d;
    int64_t accepted = 0;
    int64_t refused = 0;
    dice(7);
    for (int i = 0; i < 100000; i++) {
        d.used = 0;
        d.keys = 0;
        add_value(&d, 0);
        assert_true(compare_documents(&d, true));
        for (int64_t n = 1 + below(3); n > 0; n--)
            d.text[below((int64_t)d.used)] = damage[below(COUNT(damage) - 1)];
        if (compare_documents(&d, false))
            accepted++;
        else
            refused++;
    }
    print_message("damaged documents: %lld accepted, %lld refused by both\n", (long long)accepted,
                  (long long)refused);
    assert_true(accepted > 1000 && refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values),
        TEST(containers),
        TEST(numbers),
        TEST(strings),
        TEST(utf8),
        TEST(depth),
        TEST(walking),
        TEST(characters),
        TEST(hard_numbers),
        TEST(middles),
        TEST(random_numbers),
        TEST(whole_numbers),
        TEST(writing),
        TEST(doubles_come_back),
        TEST(as_jansson_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
