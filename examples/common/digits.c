/* digits.c - drawing digits: a pen goes along a few strokes; a pixel is as bright as it is near to
 * them.
 *
 * Strokes are points in a box of 100 x 100, x to the right, y down. Every digit is bent out of
 * shape at random: box, slant, place, weight of the pen, each point a little, and noise over
 * all. */
#include "dice.h"
#include "images.h"
#include "try.h"

#include <math.h>

enum { POINTS = 18 };
typedef struct {
    double x, y;
} point;

static const struct {
    int n;
    uint8_t at[POINTS][2];
} glyphs[IMAGE_CLASSES] = {
    { 13,
      { { 50, 3 },
        { 28, 10 },
        { 16, 28 },
        { 12, 50 },
        { 16, 72 },
        { 28, 90 },
        { 50, 97 },
        { 72, 90 },
        { 84, 72 },
        { 88, 50 },
        { 84, 28 },
        { 72, 10 },
        { 50, 3 } } },
    { 3, { { 32, 20 }, { 55, 4 }, { 55, 97 } } },
    { 8,
      { { 18, 26 },
        { 28, 8 },
        { 50, 3 },
        { 72, 9 },
        { 80, 26 },
        { 70, 48 },
        { 16, 96 },
        { 86, 96 } } },
    { 11,
      { { 18, 12 },
        { 45, 3 },
        { 70, 10 },
        { 78, 27 },
        { 66, 43 },
        { 42, 48 },
        { 70, 55 },
        { 82, 72 },
        { 72, 90 },
        { 45, 97 },
        { 16, 88 } } },
    { 4, { { 65, 97 }, { 65, 3 }, { 14, 66 }, { 88, 66 } } },
    { 9,
      { { 78, 4 },
        { 28, 4 },
        { 24, 45 },
        { 50, 39 },
        { 75, 48 },
        { 82, 69 },
        { 72, 90 },
        { 45, 97 },
        { 18, 88 } } },
    { 12,
      { { 72, 5 },
        { 46, 14 },
        { 27, 40 },
        { 20, 68 },
        { 30, 90 },
        { 50, 97 },
        { 72, 90 },
        { 80, 70 },
        { 70, 53 },
        { 50, 47 },
        { 31, 55 },
        { 21, 70 } } },
    { 4, { { 16, 4 }, { 84, 4 }, { 60, 42 }, { 42, 97 } } },
    { 17,
      { { 50, 47 },
        { 29, 38 },
        { 22, 22 },
        { 33, 7 },
        { 50, 3 },
        { 67, 7 },
        { 78, 22 },
        { 71, 38 },
        { 50, 47 },
        { 26, 57 },
        { 17, 75 },
        { 28, 92 },
        { 50, 97 },
        { 72, 92 },
        { 83, 75 },
        { 74, 57 },
        { 50, 47 } } },
    { 12,
      { { 28, 95 },
        { 54, 86 },
        { 73, 60 },
        { 80, 32 },
        { 70, 10 },
        { 50, 3 },
        { 28, 10 },
        { 20, 30 },
        { 30, 47 },
        { 50, 53 },
        { 69, 45 },
        { 79, 30 } } },
};

/* The strokes of a digit in pixels, bent out of shape. */
static void bend(dice *d, int digit, point *p)
{
    const double width = between(d, 10, 17), height = between(d, 15, 21),
                 slant = between(d, -0.3, 0.3);
    const double x0 = 14 + between(d, -3, 3), y0 = 14 + between(d, -3, 3);
    for (int i = 0; i < glyphs[digit].n; i++) {
        const double y = (glyphs[digit].at[i][1] / 100.0 - 0.5) * height;
        const double x = (glyphs[digit].at[i][0] / 100.0 - 0.5) * width - slant * y;
        p[i].x = x0 + x + between(d, -0.7, 0.7);
        p[i].y = y0 + y + between(d, -0.7, 0.7);
    }
}

/* Squared distance of (x,y) from the stroke a to b. */
static double distance2(double x, double y, point a, point b)
{
    const double ux = b.x - a.x, uy = b.y - a.y, length2 = ux * ux + uy * uy;
    double along = length2 > 0 ? ((x - a.x) * ux + (y - a.y) * uy) / length2 : 0;
    along = along < 0 ? 0 : along > 1 ? 1 : along;
    const double dx = x - a.x - along * ux, dy = y - a.y - along * uy;
    return dx * dx + dy * dy;
}

static void draw(dice *d, int digit, uint8_t *pixels)
{
    point p[POINTS];
    bend(d, digit, p);
    const double weight = between(d, 0.8, 1.8), noise = between(d, 0, 0.25);
    for (int r = 0; r < IMAGE_ROWS; r++)
        for (int c = 0; c < IMAGE_COLUMNS; c++) {
            double near2 = 1e9;
            for (int i = 0; i + 1 < glyphs[digit].n; i++)
                near2 = fmin(near2, distance2(c + 0.5, r + 0.5, p[i], p[i + 1]));
            const double ink = fmin(fmax(weight + 0.5 - sqrt(near2), 0), 1),
                         grey = ink + between(d, -noise, noise);
            pixels[r * IMAGE_COLUMNS + c] = (uint8_t)(255 * fmin(fmax(grey, 0), 1));
        }
}

images images_draw(uint64_t seed, int64_t n)
{
    images set = { n, NEW(uint8_t, n * IMAGE_PIXELS), NEW(uint8_t, n) };
    for (int64_t i = 0; i < n; i++) {
        dice d = dice_for(seed, (uint64_t)i);
        set.labels[i] = (uint8_t)below(&d, IMAGE_CLASSES);
        draw(&d, set.labels[i], set.pixels + i * IMAGE_PIXELS);
    }
    return set;
}
