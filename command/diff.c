/* diff.c - recur diff: what two files have in common, and what not. */
#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const option options[] = {
    { "tolerance", "D", "numbers that differ by at most D are the same (0)" },
    { "all", NULL, "list tensors that are the same, too" },
    { NULL, NULL, NULL },
};

/* ---- structure ------------------------------------------------------------------------------ */

static void print_side(char side, const branch *b)
{
    printf("  %c %s: %s, %s, %s parameters\n", side, *b->path ? b->path : "(the whole)", b->kind,
           b->shape, grouped(b->params));
}

static const branch *same_path(const tree *t, const branch *b)
{
    for (int64_t i = 0; i < t->count; i++)
        if (!strcmp(t->at[i].path, b->path)) return &t->at[i];
    return NULL;
}

static int64_t compare_trees(const tree *a, const tree *b)
{
    int64_t differ = 0;
    for (int64_t i = 0; i < a->count; i++) {
        const branch *from = &a->at[i], *to = same_path(b, from);
        if (to && !strcmp(from->kind, to->kind) && !strcmp(from->shape, to->shape)) continue;
        differ++;
        print_side('<', from);
        if (to) print_side('>', to);
    }
    for (int64_t i = 0; i < b->count; i++) {
        if (same_path(a, &b->at[i])) continue;
        differ++;
        print_side('>', &b->at[i]);
    }
    return differ;
}

/* Models of equal prefixes are compared; how many of their parts differ. */
static int64_t compare_models(const opened *a, const opened *b)
{
    int64_t differ = 0, compared = 0;
    printf("structure\n");
    for (int64_t i = 0; i < a->models; i++) {
        const char *prefix = a->prefix[i];
        int64_t k = 0;
        while (k < b->models && strcmp(prefix, b->prefix[k]) != 0) k++;
        if (k == b->models) continue;
        recur_layer *left = model_of(a, prefix), *right = model_of(b, prefix);
        tree left_tree = make_tree(left), right_tree = make_tree(right);
        differ += compare_trees(&left_tree, &right_tree);
        compared++;
        free_tree(&left_tree);
        free_tree(&right_tree);
        recur_layer_release(left);
        recur_layer_release(right);
    }
    if (a->models != compared || b->models != compared) {
        printf("  %s in %s, %s in %s; %lld with the same prefix\n", many(a->models, "model"),
               a->path, many(b->models, "model"), b->path, (long long)compared);
        differ++;
    }
    if (!differ) printf(compared ? "  the same\n" : "  none: no model in either\n");
    return differ;
}

/* ---- tensors -------------------------------------------------------------------------------- */

typedef struct difference {
    double largest, mean_square, own_square; /* own: of A's numbers                              */
    int64_t at;
    bool nan;
} difference;

static difference compare_numbers(const float *a, const float *b, int64_t count)
{
    difference d = { .at = 0 };
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)a[i], y = (double)b[i];
        if (isnan(x) && isnan(y)) continue;
        const double off = x == y ? 0 : fabs(x - y); /* inf - inf is no difference */
        if (isnan(off) && !d.nan) {
            d.nan = true;
            d.at = i;
        }
        if (off > d.largest && !d.nan) {
            d.largest = off;
            d.at = i;
        }
        d.mean_square += off * off / (double)count;
        d.own_square += x * x / (double)count;
    }
    return d;
}

static bool same_shape(const recur_tensor *a, const recur_tensor *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, sizeof a->dim);
}

static float *numbers_of(recur_file *file, const recur_tensor *tensor)
{
    float *to = take(NULL, (size_t)tensor->count, sizeof *to);
    if (!recur_file_read(file, tensor->name, to, tensor->count)) return to;
    free(to);
    return NULL;
}

typedef struct comparison {
    const opened *a, *b;
    double tolerance;
    bool all;
    int width;
    int64_t same, differ;
    bool headed; /* the heading of the columns is there */
} comparison;

static void print_shape(const comparison *c, char side, const recur_tensor *tensor)
{
    printf("  %c %s%*s  %-5s ", side, shown(tensor->name), c->width - columns(tensor->name), "",
           tensor->type);
    for (int d = 0; d < tensor->rank; d++) printf("[%lld]", (long long)tensor->dim[d]);
    putchar('\n');
}

/* "[2][5]": where a number stands in its tensor. */
static const char *place_text(const recur_tensor *tensor, int64_t at)
{
    static char place[100];
    int64_t behind = tensor->count;
    size_t length = 0;
    place[0] = 0;
    for (int d = 0; d < tensor->rank; d++) {
        behind /= tensor->dim[d];
        length += (size_t)snprintf(place + length, sizeof place - length, "[%lld]",
                                   (long long)(at / behind));
        at %= behind;
    }
    return place;
}

static void print_difference(comparison *c, const recur_tensor *x, const difference *d, bool same)
{
    const double rms = sqrt(d->mean_square), own = sqrt(d->own_square);
    if (!c->headed)
        printf("    %-*s  %10s  %-14s %10s  %10s\n", c->width, "", "largest", "place", "rms",
               "of A's rms");
    c->headed = true;
    printf("  %c %s%*s  %10.3g  %-14s %10.3g  ", same ? '=' : '~', shown(x->name),
           c->width - columns(x->name), "", d->nan ? NAN : d->largest,
           same && d->largest == 0 ? "" : place_text(x, d->at), rms);
    if (own > 0)
        printf("%9.3g%%\n", 100 * rms / own);
    else
        printf("%10s\n", "-");
}

static void compare_values(comparison *c, const recur_tensor *x, const recur_tensor *y)
{
    float *left = numbers_of(c->a->file, x), *right = numbers_of(c->b->file, y);
    if (!left || !right) {
        printf("  ? %s has numbers of type %s, which are not compared\n", shown(x->name), x->type);
        c->differ++;
    } else {
        const difference d = compare_numbers(left, right, x->count);
        const bool same = !d.nan && d.largest <= c->tolerance;
        if (same) c->same++;
        if (!same) c->differ++;
        if (!same || c->all) print_difference(c, x, &d, same);
    }
    free(left);
    free(right);
}

static void compare_tensor(comparison *c, const recur_tensor *x)
{
    recur_tensor y = { .size = sizeof y };
    if (recur_file_find(c->b->file, x->name, &y)) {
        c->differ++;
        print_shape(c, '<', x);
    } else if (!same_shape(x, &y)) {
        c->differ++;
        print_shape(c, '<', x);
        print_shape(c, '>', &y);
    } else {
        compare_values(c, x, &y);
    }
}

static void compare_tensors(comparison *c)
{
    const int64_t count = recur_file_tensor_count(c->a->file);
    recur_tensor tensor = { .size = sizeof tensor };
    for (int64_t i = 0; i < count; i++) {
        check(recur_file_tensor_info(c->a->file, i, &tensor), NULL);
        if (columns(tensor.name) > c->width) c->width = columns(tensor.name);
    }
    for (int64_t i = 0; i < recur_file_tensor_count(c->b->file); i++) {
        check(recur_file_tensor_info(c->b->file, i, &tensor), NULL);
        if (columns(tensor.name) > c->width) c->width = columns(tensor.name);
    }
    printf("\ntensors\n");
    for (int64_t i = 0; i < count; i++) {
        check(recur_file_tensor_info(c->a->file, i, &tensor), NULL);
        compare_tensor(c, &tensor);
    }
    for (int64_t i = 0; i < recur_file_tensor_count(c->b->file); i++) {
        recur_tensor other = { .size = sizeof other };
        check(recur_file_tensor_info(c->b->file, i, &tensor), NULL);
        if (!recur_file_find(c->a->file, tensor.name, &other)) continue;
        c->differ++;
        print_shape(c, '>', &tensor);
    }
    printf("  %s the same, %s differ\n", grouped(c->same), grouped(c->differ));
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Texts of `a` that `b` lacks or has otherwise; those of models were compared as structure. */
static int64_t compare_texts(const opened *a, const opened *b, bool second)
{
    int64_t differ = 0;
    for (int64_t i = 0; i < recur_file_metadata_count(a->file); i++) {
        const char *key = recur_file_metadata_key(a->file, i);
        const char *left = recur_file_metadata(a->file, key),
                   *right = recur_file_metadata(b->file, key);
        const size_t length = strlen(key), tail = strlen("recur.model");
        if (length >= tail && !strcmp(key + length - tail, "recur.model")) continue;
        if (right && (second || !strcmp(left, right))) continue;
        if (!differ++ && !second) printf("\ntexts\n");
        if (right)
            printf("  ~ %s\n", shown(key));
        else
            printf("  %c %s\n", second ? '>' : '<', shown(key));
    }
    return differ;
}

static int diff(const arguments *args)
{
    opened a, b;
    const double tolerance = given_number(args, "tolerance", 0);
    open_file(args->file[0], NULL, &a);
    open_file(args->file[1], NULL, &b);
    printf("< %s\n> %s\n\n", a.path, b.path);
    int64_t differ = compare_models(&a, &b);
    comparison c = { .a = &a, .b = &b, .tolerance = tolerance, .all = given(args, "all") };
    compare_tensors(&c);
    differ += c.differ + compare_texts(&a, &b, false) + compare_texts(&b, &a, true);
    close_file(&a);
    close_file(&b);
    return differ ? NO : WELL;
}

const command diff_command = {
    .name = "diff",
    .files = "A B",
    .summary = "where two files differ: structure, tensors, texts",
    .help =
        "< stands only in A, > only in B, ~ differs, = is the same. Status 0: nothing differs.\n"
        "Status 1: something does.",
    .least_files = 2,
    .most_files = 2,
    .options = options,
    .run = diff,
};
