/* What both ways of a Winograd convolution share: where tiles lie, how they are transformed, and the products. */
#include "vectors.h"

enum {
    POINTS = 16, /* products for a tile and a pair of channels */
    TILES = 60,  /* transformed together: with 64 channels they fill half of a small second cache */
    SKEW = 16    /* numbers between points, without which all would fall into the same lines of a cache */
};

/* The three transforms of four numbers: of pixels (B^T d), of results (A^T m), of gradients (A g). */
INLINE void of_pixels(vec d0, vec d1, vec d2, vec d3, vec *to, int step)
{
    to[0] = d0 - d2, to[step] = d1 + d2, to[2 * step] = d2 - d1, to[3 * step] = d1 - d3;
}

INLINE void of_results(vec m0, vec m1, vec m2, vec m3, vec *to, int step)
{
    to[0] = m0 + m1 + m2, to[step] = m1 - m2 - m3;
}

INLINE void of_gradients(vec g0, vec g1, vec *to, int step)
{
    to[0] = g0, to[step] = g0 + g1, to[2 * step] = g0 - g1, to[3 * step] = -g1;
}

/* The addresses of a tile's 16 pixels; those outside the picture are `zeros`. */
INLINE void pixels_of(const float *x, shape s, size tile, const float *zeros, const float **at)
{
    size across = s.w / 2, down = s.h / 2, picture = tile / (across * down);
    size top = 2 * (tile / across % down) - 1, left = 2 * (tile % across) - 1;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            size y = top + i, z = left + j;
            int inside = y >= 0 && y < s.h && z >= 0 && z < s.w;
            at[4 * i + j] = inside ? x + ((picture * s.h + y) * s.w + z) * s.c : zeros;
        }
}

/* Pixels of `count` tiles from `first` on -> (POINTS, count, c), `stride` numbers from point to point. */
INLINE void transform_pixels(const float *x, shape s, size first, size count, const float *zeros, float *to,
                             size stride)
{
    for (size tile = 0; tile < count; tile++) {
        const float *at[POINTS];
        pixels_of(x, s, first + tile, zeros, at);
        for (size c = 0; c < s.c; c += WIDTH) {
            vec half[POINTS], whole[4];
            for (int j = 0; j < 4; j++)
                of_pixels(LOOK(at[j] + c), LOOK(at[4 + j] + c), LOOK(at[8 + j] + c), LOOK(at[12 + j] + c), half + j, 4);
            for (int i = 0; i < 4; i++) {
                of_pixels(half[4 * i], half[4 * i + 1], half[4 * i + 2], half[4 * i + 3], whole, 1);
                for (int j = 0; j < 4; j++)
                    AT(to + (4 * i + j) * stride + tile * s.c + c) = whole[j];
            }
        }
    }
}

/* Of (POINTS, count, from) by the panels of `winograd_weights`: (POINTS, count, into). */
INLINE void multiply(const float *a, size a_stride, const float *u, float *c, size c_stride, size count, size from,
                     size into)
{
    for (int p = 0; p < POINTS; p++)
        for (size panel = 0; panel < into / COLUMNS; panel++)
            strip(count, a + p * a_stride, from, 1, u + (p * (into / COLUMNS) + panel) * from * COLUMNS, COLUMNS,
                  c + p * c_stride + panel * COLUMNS, into, from, 1);
}
