/* The first convolution 3 x 3 of a network, of pictures of 1 to 4 channels, with bias and ELU of the max pooling.
 *
 * The direct way: 27 numbers a result are too few for Winograd's transforms. Pictures lie channels-last, (n, h, w, c),
 * sides even; weights as (outputs, 3, 3, inputs), outputs a multiple of COLUMNS. Nobody asks for the pictures' gradient.
 */
#include "vectors.h"

/* A picture with a border of zeros: (h + 2, w + 2, c). */
static void framed(const float *x, shape s, float *to)
{
    size line = (s.w + 2) * s.c;
    memset(to, 0, (s.h + 2) * line * sizeof *to);
    for (size y = 0; y < s.h; y++)
        memcpy(to + (y + 1) * line + s.c, x + y * s.w * s.c, s.w * s.c * sizeof *to);
}

/* One window's 2 x 2 results for COLUMNS outputs: `at` is the window's corner in the framed picture. */
INLINE void window(const float *at, size line, int inputs, const float *weights, size outputs, vec (*sum)[4])
{
#pragma GCC unroll 4
    for (int place = 0; place < 4; place++)
        sum[0][place] = sum[1][place] = splat(0);
    for (int y = 0; y < 3; y++)
#pragma GCC unroll 1
        for (int k = 0; k < 3 * inputs; k++) {
            const float *pixel = at + y * line + k, *w = weights + (y * 3 * inputs + k) * outputs;
            vec left = LOOK(w), right = LOOK(w + WIDTH);
#pragma GCC unroll 4
            for (int place = 0; place < 4; place++) {
                vec factor = splat(pixel[(place / 2) * line + (place % 2) * inputs]);
                sum[0][place] += factor * left;
                sum[1][place] += factor * right;
            }
        }
}

INLINE void picture_forward(const float *frame, size h, size w, int inputs, size outputs, const float *weights,
                            const float *bias, float *out, int32_t *which)
{
    size line = (w + 2) * inputs;
    for (size y = 0; y < h / 2; y++)
        for (size x = 0; x < w / 2; x++) {
            size to = (y * (w / 2) + x) * outputs;
            for (size c = 0; c < outputs; c += COLUMNS) {
                vec sum[2][4];
                window(frame + 2 * y * line + 2 * x * inputs, line, inputs, weights + c, outputs, sum);
                pool(sum[0], LOOK(bias + c), out + to + c, which ? which + to + c : 0);
                size next = c + WIDTH;
                pool(sum[1], LOOK(bias + next), out + to + next, which ? which + to + next : 0);
            }
        }
}

/* dw (9 * inputs, outputs) and db (outputs) of one picture, from nothing. */
INLINE void picture_back(const float *frame, incoming from, size picture, size h, size w, int inputs, size outputs,
                         vec *g, float *dw, float *db)
{
    size line = (w + 2) * inputs, windows = (h / 2) * (w / 2);
    shape of = {h, w, outputs};
    for (size c = 0; c < outputs; c += WIDTH) {
        vec all = splat(0);
        for (size at = 0; at < windows; at++) {
            gradients_of(from, of, picture * windows + at, c, g + 4 * at);
            all += g[4 * at] + g[4 * at + 1] + g[4 * at + 2] + g[4 * at + 3];
        }
        AT(db + c) = all;
        for (int row = 0; row < 3; row++) {
            vec sum[12];
#pragma GCC unroll 12
            for (int k = 0; k < 3 * inputs; k++)
                sum[k] = splat(0);
            for (size y = 0; y < h / 2; y++)
                for (size x = 0; x < w / 2; x++) {
                    const float *pixel = frame + (2 * y + row) * line + 2 * x * inputs;
                    const vec *slope = g + 4 * (y * (w / 2) + x);
#pragma GCC unroll 4
                    for (int place = 0; place < 4; place++)
#pragma GCC unroll 12
                        for (int k = 0; k < 3 * inputs; k++)
                            sum[k] += splat(pixel[(place / 2) * line + (place % 2) * inputs + k]) * slope[place];
                }
#pragma GCC unroll 12
            for (int k = 0; k < 3 * inputs; k++)
                AT(dw + (row * 3 * inputs + k) * outputs + c) = sum[k];
        }
    }
}

/* (outputs, 9 * inputs) -> (9 * inputs, outputs), or back. */
static void turn(const float *from, float *to, size rows, size columns)
{
    for (size row = 0; row < rows; row++)
        for (size column = 0; column < columns; column++)
            to[column * rows + row] = from[row * columns + column];
}

/* x (n, h, w, inputs) -> out, and which (or 0), (n, h/2, w/2, outputs), as `winograd_forward`'s pooled ones. */
int shallow_forward(const float *x, const float *weights, const float *bias, float *out, int32_t *which, size n,
                    size h, size w, size inputs, size outputs)
{
    shape in = {h, w, inputs};
    size taps = 9 * inputs, each = (h / 2) * (w / 2) * outputs;
    float *turned = malloc(taps * outputs * sizeof *turned);
    int failed = !turned;
    if (turned)
        turn(weights, turned, outputs, taps);
#pragma omp parallel if (turned)
    {
        float *frame = malloc((h + 2) * (w + 2) * inputs * sizeof *frame);
        if (turned && frame) {
#pragma omp for
            for (size picture = 0; picture < n; picture++) {
                float *to = out + picture * each;
                int32_t *places = which ? which + picture * each : 0;
                framed(x + picture * h * w * inputs, in, frame);
                switch (inputs) {
                case 1: picture_forward(frame, h, w, 1, outputs, turned, bias, to, places); break;
                case 2: picture_forward(frame, h, w, 2, outputs, turned, bias, to, places); break;
                case 3: picture_forward(frame, h, w, 3, outputs, turned, bias, to, places); break;
                default: picture_forward(frame, h, w, 4, outputs, turned, bias, to, places);
                }
            }
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(frame);
    }
    free(turned);
    return failed;
}

/* Gradients of weights, dw (outputs, 3, 3, inputs), and of bias, db (outputs): sums of the pictures', in their order. */
int shallow_back(const float *x, const float *gradient, const float *result, const int32_t *which, float *dw, float *db,
                 size n, size h, size w, size inputs, size outputs)
{
    shape in = {h, w, inputs};
    incoming from = {gradient, result, which};
    size taps = 9 * inputs, each = (taps + 1) * outputs;
    float *sums = malloc(n * each * sizeof *sums);
    int failed = !sums;
#pragma omp parallel if (sums)
    {
        vec *g = malloc((h * w * WIDTH + (h + 2) * (w + 2) * inputs) * sizeof(float));
        float *frame = (float *)g + h * w * WIDTH;
        if (sums && g) {
#pragma omp for
            for (size picture = 0; picture < n; picture++) {
                float *to = sums + picture * each, *bias = to + taps * outputs;
                framed(x + picture * h * w * inputs, in, frame);
                switch (inputs) {
                case 1: picture_back(frame, from, picture, h, w, 1, outputs, g, to, bias); break;
                case 2: picture_back(frame, from, picture, h, w, 2, outputs, g, to, bias); break;
                case 3: picture_back(frame, from, picture, h, w, 3, outputs, g, to, bias); break;
                default: picture_back(frame, from, picture, h, w, 4, outputs, g, to, bias);
                }
            }
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(g);
    }
    if (!failed) {
        for (size picture = 1; picture < n; picture++)
            for (size j = 0; j < each; j++)
                sums[j] += sums[picture * each + j];
        turn(sums, dw, taps, outputs);
        memcpy(db, sums + taps * outputs, outputs * sizeof *db);
    }
    free(sums);
    return failed;
}
