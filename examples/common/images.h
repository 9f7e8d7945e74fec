/* images.h - a set of small grey images with labels, wherever it comes from. */
#ifndef EXAMPLES_IMAGES_H
#define EXAMPLES_IMAGES_H

#include <stdint.h>

enum {
    IMAGE_ROWS = 28,
    IMAGE_COLUMNS = 28,
    IMAGE_PIXELS = IMAGE_ROWS * IMAGE_COLUMNS,
    IMAGE_CLASSES = 10
};

typedef struct {
    int64_t n;
    uint8_t *pixels; /* [n][28][28], 0 black to 255 white */
    uint8_t *labels; /* [n], 0 to 9                        */
} images;

/* Reads a set in MNIST's IDX format, gzip or not: DIR/NAME-images-idx3-ubyte[.gz] and its labels.
 * At most `most` images; 0: all. */
images images_read(const char *dir, const char *name, int64_t most);

/* Draws n digits by hand, so to say: strokes of random size, slant, weight and place, with noise.
 * Digit i depends on seed and i alone. */
images images_draw(uint64_t seed, int64_t n);

/* MNIST's two sets, of the first one at most so many images (0: all); or, without a folder, 10000
 * or so many drawn digits, and 2000 for the test. */
void images_get(const char *dir, uint64_t seed, int64_t most, images *train, images *test);

/* An image with size × size pixels, each the mean of a square, from 0 to 1. size is a part of
 * 28. */
void image_shrink(const uint8_t *pixels, int64_t size, float *small);

void images_release(images *set);

#endif
