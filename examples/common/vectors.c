/* vectors.c - nearest words and analogies; see vectors.h. */
#include "vectors.h"
#include "try.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST = 5, CHOSEN = 5, SHOWN = 3 };

static double dot(int64_t n, const float *a, const float *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Gives all vectors the length 1, so that their products are cosines. */
static float *unit_vectors(int64_t n, int64_t width, const float *table)
{
    float *unit = NEW(float, n *width);
    for (int64_t i = 0; i < n; i++) {
        const double length = sqrt(dot(width, table + i * width, table + i * width));
        for (int64_t k = 0; k < width; k++)
            unit[i * width + k] = length > 0 ? (float)((double)table[i * width + k] / length) : 0;
    }
    return unit;
}

/* Gives the word nearest to a direction, other than those that are taken; -1 if all are. */
static int32_t nearest(int64_t n, int64_t width, const float *unit, const float *to,
                       const unsigned char *taken)
{
    double most = -INFINITY;
    int32_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        const double cosine = dot(width, unit + i * width, to);
        if (taken[i] || cosine <= most) continue;
        most = cosine;
        best = (int32_t)i;
    }
    return best;
}

static void show_near(const vocabulary *v, int64_t width, const float *unit, int32_t id)
{
    unsigned char *taken = NEW(unsigned char, v->n);
    const float *own = unit + id * width;
    taken[id] = 1;
    printf("near %-10s", v->word[id]);
    for (int i = 0; i < NEAREST && i + 1 < v->n; i++) {
        const int32_t next = nearest(v->n, width, unit, own, taken);
        if (next < 0) break;
        printf("  %s %.2f", v->word[next], dot(width, unit + next * width, own));
        taken[next] = 1;
    }
    putchar('\n');
    free(taken);
}

/* Writes the words of a list that the vocabulary has, as ids, and gives how many there are. */
static int64_t known_words(const vocabulary *v, const char *list, int64_t most, int32_t *ids)
{
    char word[64];
    int used;
    int64_t n = 0;
    while (n < most && sscanf(list, "%63s%n", word, &used) == 1) {
        const int32_t id = word_id(v, word);
        if (id >= 0) ids[n++] = id;
        list += used;
    }
    return n;
}

void vectors_show_nearest(const vocabulary *v, int64_t width, const float *table, const char *near)
{
    int32_t ids[64];
    float *unit = unit_vectors(v->n, width, table);
    const int64_t most = near ? 64 : CHOSEN,
                  n = known_words(v, near ? near : "king paris puppy walked she good love", most,
                                  ids);
    for (int64_t i = 0; i < n; i++) show_near(v, width, unit, ids[i]);
    free(unit);
}

/* ---- analogies ------------------------------------------------------------------------------ */

/* These are families of pairs that are alike. Words that a text does not have are left out. */
static const char *const families[][2] = {
    { "man boy father brother uncle king prince actor husband son lord he his him",
      "woman girl mother sister aunt queen princess actress wife daughter lady she her her" },
    { "france italy spain greece poland sweden", "paris rome madrid athens warsaw stockholm" },
    { "walks plays works rests dances waits", "walked played worked rested danced waited" },
    { "dog cat cow horse sheep", "puppy kitten calf foal lamb" },
};
enum { MOST_PAIRS = 16 };

typedef struct {
    int64_t n;
    int32_t pair[MOST_PAIRS][2];
} family;

static family find_family(const vocabulary *v, const char *const *lists)
{
    family f = { .n = 0 };
    const char *left = lists[0], *right = lists[1];
    char a[64], b[64];
    int used_a, used_b;
    while (f.n < MOST_PAIRS && sscanf(left, "%63s%n", a, &used_a) == 1 &&
           sscanf(right, "%63s%n", b, &used_b) == 1) {
        const int32_t x = word_id(v, a), y = word_id(v, b);
        left += used_a;
        right += used_b;
        if (x < 0 || y < 0) continue;
        f.pair[f.n][0] = x;
        f.pair[f.n++][1] = y;
    }
    return f;
}

/* Gives the word that stands to pair[j][0] as pair[i][1] stands to pair[i][0]. */
static int32_t solve(const vocabulary *v, int64_t width, const float *unit, const family *f,
                     int64_t i, int64_t j)
{
    const int32_t a = f->pair[i][0], b = f->pair[i][1], c = f->pair[j][0];
    unsigned char *taken = NEW(unsigned char, v->n);
    float *to = NEW(float, width);
    for (int64_t k = 0; k < width; k++)
        to[k] = unit[b * width + k] - unit[a * width + k] + unit[c * width + k];
    taken[a] = taken[b] = taken[c] = 1;
    const int32_t answer = nearest(v->n, width, unit, to, taken);
    free(taken);
    free(to);
    return answer;
}

void vectors_show_analogies(const vocabulary *v, int64_t width, const float *table)
{
    float *unit = unit_vectors(v->n, width, table);
    int64_t asked = 0, right = 0;
    for (size_t k = 0; k < sizeof families / sizeof *families; k++) {
        const family f = find_family(v, families[k]);
        for (int64_t i = 0; i < f.n; i++)
            for (int64_t j = 0; j < f.n; j++) {
                if (f.pair[i][0] == f.pair[j][0] || f.pair[i][1] == f.pair[j][1]) continue;
                const int32_t answer = solve(v, width, unit, &f, i, j);
                if (answer < 0) continue;
                asked++;
                right += answer == f.pair[j][1];
                if (i == 0 && j <= SHOWN)
                    printf("%s is to %s as %s to %s\n", v->word[f.pair[i][0]],
                           v->word[f.pair[i][1]], v->word[f.pair[j][0]], v->word[answer]);
            }
    }
    if (asked)
        printf("analogies right %.2f%% (%lld of %lld)\n", 100.0 * (double)right / (double)asked,
               (long long)right, (long long)asked);
    free(unit);
}

/* ---- files ---------------------------------------------------------------------------------- */

void vectors_write(const vocabulary *v, int64_t width, const float *table, const char *path)
{
    if (!path) return;
    FILE *file = fopen(path, "w");
    if (!file) die("%s: %s", path, strerror(errno));
    fprintf(file, "%lld %lld\n", (long long)v->n, (long long)width);
    for (int64_t i = 0; i < v->n; i++) {
        fputs(v->word[i], file);
        for (int64_t k = 0; k < width; k++) fprintf(file, " %.6g", (double)table[i * width + k]);
        fputc('\n', file);
    }
    if (ferror(file) | fclose(file)) die("%s: %s", path, strerror(errno));
}
