/* Convolutions 3 x 3 that keep the sides, in float32, with what follows them: bias, and ELU of the max pooling.
 *
 * Winograd's F(2 x 2, 3 x 3), as Lavin and Gray give it (2015, "Fast algorithms for convolutional neural networks"):
 * a tile of 2 x 2 results comes from 4 x 4 pixels by 16 products a channel instead of 36. A tile is a pooling's window
 * as well, so nothing but the pooled result is written. Gradients are the adjoint of the same three steps.
 *
 * Pictures lie channels-last: (n, h, w, c), sides even; weights as (outputs, 3, 3, inputs). Channels are multiples of
 * COLUMNS (shallow.c is for few inputs). Sums are made in one order whatever the number of threads, so bits do not
 * depend on it.
 */
#include "tiles.h"

/* What channels must be multiples of, as compiled for this processor. */
int channels_at_once(void) { return COLUMNS; }

/* Weights (outputs, 3, 3, inputs) -> for each of POINTS, outputs in panels: (outputs / COLUMNS, inputs, COLUMNS); or,
 * for the way back, inputs in panels: (inputs / COLUMNS, outputs, COLUMNS). */
void winograd_weights(const float *w, float *to, size inputs, size outputs, int back)
{
    size panels = (back ? inputs : outputs) / COLUMNS, depth = back ? outputs : inputs;
#pragma omp parallel for
    for (size panel = 0; panel < panels; panel++)
        for (size k = 0; k < depth; k++) {
            float tap[9][COLUMNS];
            for (int j = 0; j < COLUMNS; j++) {
                size output = back ? k : panel * COLUMNS + j, input = back ? panel * COLUMNS + j : k;
                for (int place = 0; place < 9; place++)
                    tap[place][j] = w[(output * 9 + place) * inputs + input];
            }
            for (int v = 0; v < COLUMNS; v += WIDTH) {
                vec half[4][3];
                for (int x = 0; x < 3; x++) {
                    vec a = LOOK(tap[x] + v), b = LOOK(tap[3 + x] + v), c = LOOK(tap[6 + x] + v);
                    half[0][x] = a, half[1][x] = (a + c + b) * 0.5f, half[2][x] = (a + c - b) * 0.5f, half[3][x] = c;
                }
                for (int i = 0; i < 4; i++) {
                    vec a = half[i][0], b = half[i][1], c = half[i][2];
                    vec row[4] = {a, (a + c + b) * 0.5f, (a + c - b) * 0.5f, c};
                    for (int j = 0; j < 4; j++)
                        AT(to + (((4 * i + j) * panels + panel) * depth + k) * COLUMNS + v) = row[j];
                }
            }
        }
}

static void results_of(const float *m, size stride, const float *bias, shape s, size first, size count, float *out,
                       int32_t *which, int pooled)
{
    size across = s.w / 2;
    for (size tile = 0; tile < count; tile++)
        for (size c = 0; c < s.c; c += WIDTH) {
            const float *from = m + tile * s.c + c;
            vec half[8], y[4];
            for (int j = 0; j < 4; j++)
                of_results(LOOK(from + j * stride), LOOK(from + (4 + j) * stride), LOOK(from + (8 + j) * stride),
                           LOOK(from + (12 + j) * stride), half + j, 4);
            for (int i = 0; i < 2; i++)
                of_results(half[4 * i], half[4 * i + 1], half[4 * i + 2], half[4 * i + 3], y + 2 * i, 1);
            size number = first + tile, at = number * s.c + c;
            if (pooled) {
                pool(y, LOOK(bias + c), out + at, which ? which + at : 0);
                continue;
            }
            float *to = out + (number / across * 2 * s.w + number % across * 2) * s.c + c;
            AT(to) = y[0] + LOOK(bias + c), AT(to + s.c) = y[1] + LOOK(bias + c);
            to += s.w * s.c;
            AT(to) = y[2] + LOOK(bias + c), AT(to + s.c) = y[3] + LOOK(bias + c);
        }
}

/* x (n, h, w, inputs), u as `winograd_weights` makes it -> out: pooled (n, h/2, w/2, outputs), with `which` (or 0)
 * telling where the maximum lay, 0 to 3 in reading order; else (n, h, w, outputs). 0 where all went well, 1 without
 * memory. */
int winograd_forward(const float *x, const float *u, const float *bias, float *out, int32_t *which, size n, size h,
                     size w, size inputs, size outputs, int pooled)
{
    shape in = {h, w, inputs}, to = {h, w, outputs};
    size tiles = n * (h / 2) * (w / 2), pieces = balanced(tiles, TILES), most = parts(tiles, pieces);
    size v_stride = most * inputs + SKEW, m_stride = most * outputs + SKEW;
    int failed = 0;
#pragma omp parallel
    {
        float *v = malloc((POINTS * (v_stride + m_stride) + inputs) * sizeof *v);
        if (v) {
            float *m = v + POINTS * v_stride, *zeros = m + POINTS * m_stride;
            memset(zeros, 0, inputs * sizeof *zeros);
#pragma omp for
            for (size piece = 0; piece < pieces; piece++) {
                size first = piece * most, count = least(most, tiles - first);
                if (count <= 0)
                    continue;
                transform_pixels(x, in, first, count, zeros, v, v_stride);
                multiply(v, v_stride, u, m, m_stride, count, inputs, outputs);
                results_of(m, m_stride, bias, to, first, count, out, which, pooled);
            }
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(v);
    }
    return failed;
}
