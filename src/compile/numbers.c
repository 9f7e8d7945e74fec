/* numbers.c - arrays of numbers and matrices as C, and the products with these. */
#include <stdio.h>

#include "compile/compile.h"
#include "kernels/reduced.h"

/* ---- arrays --------------------------------------------------------------------------------- */

enum { COLUMNS = 96 };

/* Items of an array, in lines of COLUMNS. */
typedef struct lines {
    recur__emitter *e;
    size_t column;
} lines;

static void put_item(lines *at, const char *text)
{
    const size_t length = strlen(text) + 2;
    const bool begins = at->column == 0 || at->column + length > COLUMNS;
    const char *between = at->column ? "\n    " : "    ";
    recur__say(at->e, RECUR__SECTION_PARTS, "%s%s,", begins ? between : " ", text);
    at->column = begins ? 4 + length : at->column + length;
}

void recur__say_floats(recur__emitter *e, const char *name, const char *shape, int64_t count,
                       const float *numbers)
{
    lines at = { e, 0 };
    if (e->section == RECUR__SECTION_NONE) e->constants += count * (int64_t)sizeof *numbers;
    if (e->section != RECUR__SECTION_PARTS) return;
    recur__say(e, RECUR__SECTION_PARTS, "static const float @_%s[%s] = {\n", name, shape);
    for (int64_t i = 0; i < count; i++) put_item(&at, recur__float_text(numbers[i]).text);
    recur__say(e, RECUR__SECTION_PARTS, "\n};\n");
}

/* ---- matrices ------------------------------------------------------------------------------- */

static void say_int8(recur__emitter *e, const recur__matrix_c *W)
{
    lines at = { e, 0 };
    if (e->section == RECUR__SECTION_NONE) e->constants += W->N * (W->K + 4);
    if (e->section != RECUR__SECTION_PARTS) return;
    recur__say(e, RECUR__SECTION_PARTS, "static const int8_t @_%s[%lld * %lld] = {\n", W->name,
               (long long)W->N, (long long)W->K);
    for (int64_t n = 0; n < W->N; n++) {
        const recur__scales scales = recur__scales_of_row(W->K, W->numbers + n * W->K);
        for (int64_t k = 0; k < W->K; k++) {
            char text[8];
            snprintf(text, sizeof text, "%d",
                     (int)recur__as_int8(W->numbers[n * W->K + k], scales));
            put_item(&at, text);
        }
    }
    recur__say(e, RECUR__SECTION_PARTS, "\n};\nstatic const float @_%s_scale[%lld] = {\n", W->name,
               (long long)W->N);
    at.column = 0;
    for (int64_t n = 0; n < W->N; n++)
        put_item(&at,
                 recur__float_text(recur__scales_of_row(W->K, W->numbers + n * W->K).from).text);
    recur__say(e, RECUR__SECTION_PARTS, "\n};\n");
}

void recur__say_matrix(recur__emitter *e, const recur__matrix_c *W)
{
    char shape[64];
    if (W->precision == RECUR_PRECISION_INT8) {
        say_int8(e, W);
        return;
    }
    snprintf(shape, sizeof shape, "%lld * %lld", (long long)W->N, (long long)W->K);
    recur__say_floats(e, W->name, shape, W->N * W->K, W->numbers);
}

void recur__say_prepare(recur__emitter *e, const recur__matrix_c *W, const char *x)
{
    if (W->precision != RECUR_PRECISION_INT8) return;
    e->quantised = recur__max(e->quantised, W->K);
    e->has_scratch = true;
    recur__need(e, RECUR__NEED_QUANTISE);
    recur__say(e, RECUR__SECTION_PARTS, "    scale = @_quantise(%lld, %s, t->q);\n",
               (long long)W->K, x);
}

/* " + 24", or nothing. */
typedef struct offset_text {
    char text[32];
} offset_text;

static offset_text offset(int64_t n)
{
    offset_text to = { "" };
    if (n) snprintf(to.text, sizeof to.text, " + %lld", (long long)n);
    return to;
}

void recur__say_product(recur__emitter *e, const recur__matrix_c *W, const recur__product_c *p)
{
    if (W->precision != RECUR_PRECISION_INT8) {
        recur__need(e, p->in_parts ? RECUR__NEED_DOTS : RECUR__NEED_PRODUCT);
        recur__say(e, RECUR__SECTION_PARTS, "    @_%s(%lld, %lld, @_%s%s, %s, %s);\n",
                   p->in_parts ? "add_dots" : "add_product", (long long)p->count, (long long)W->K,
                   W->name, offset(p->first * W->K).text, p->x, p->y);
        return;
    }
    recur__need(e, RECUR__NEED_PRODUCT_INT8);
    recur__say(e, RECUR__SECTION_PARTS,
               "    @_add_product_int8(%lld, %lld, @_%s%s, @_%s_scale%s, t->q, scale, %s);\n",
               (long long)p->count, (long long)W->K, W->name, offset(p->first * W->K).text, W->name,
               offset(p->first).text, p->y);
}

/* An id that is none of the symbols adds nothing. */
void recur__say_column(recur__emitter *e, const recur__matrix_c *W, const recur__product_c *p)
{
    const bool small = W->precision == RECUR_PRECISION_INT8;
    char scale[2 * RECUR__EXPRESSION] = "";
    if (small)
        snprintf(scale, sizeof scale, " * @_%s_scale[%lld + j]", W->name, (long long)p->first);
    recur__say(e, RECUR__SECTION_PARTS,
               "    if (id >= 0 && id < %lld) {\n"
               "        for (int32_t j = 0; j < %lld; j++) {\n"
               "            (%s)[j] += %s@_%s[(%lld + j) * %lld + id]%s;\n"
               "        }\n"
               "    }\n",
               (long long)W->K, (long long)p->count, p->y, small ? "(float)" : "", W->name,
               (long long)p->first, (long long)W->K, scale);
}
