/* The gradients of winograd.c's convolutions: the adjoint of its three steps, in the same layout. */
#include "tiles.h"

enum {
    TASKS = 16, /* parts of a weights' gradient; a number of its own, so that sums have one order */
    SPLIT = 64  /* outputs of such a part */
};

static void transform_gradients(incoming from, shape s, size first, size count, float *to, size stride)
{
    for (size tile = 0; tile < count; tile++)
        for (size c = 0; c < s.c; c += WIDTH) {
            vec g[4], half[8], whole[4];
            gradients_of(from, s, first + tile, c, g);
            for (int j = 0; j < 2; j++)
                of_gradients(g[j], g[2 + j], half + j, 2);
            for (int i = 0; i < 4; i++) {
                of_gradients(half[2 * i], half[2 * i + 1], whole, 1);
                for (int j = 0; j < 4; j++)
                    AT(to + (4 * i + j) * stride + tile * s.c + c) = whole[j];
            }
        }
}

/* The adjoint of `transform_pixels`: added to dx, where tiles overlap. */
static void add_pixels(const float *v, size stride, shape s, size first, size count, float *spare, float *dx)
{
    for (size tile = 0; tile < count; tile++) {
        const float *at[POINTS];
        pixels_of(dx, s, first + tile, spare, at);
        for (size c = 0; c < s.c; c += WIDTH) {
            const float *from = v + tile * s.c + c;
            vec half[POINTS];
            for (int j = 0; j < 4; j++) {
                vec a = LOOK(from + j * stride), b = LOOK(from + (4 + j) * stride);
                vec d = LOOK(from + (8 + j) * stride), e = LOOK(from + (12 + j) * stride);
                half[j] = a, half[4 + j] = b - d + e, half[8 + j] = b + d - a, half[12 + j] = -e;
            }
            for (int i = 0; i < 4; i++) {
                vec a = half[4 * i], b = half[4 * i + 1], d = half[4 * i + 2], e = half[4 * i + 3];
                AT((float *)at[4 * i] + c) += a, AT((float *)at[4 * i + 1] + c) += b - d + e;
                AT((float *)at[4 * i + 2] + c) += b + d - a, AT((float *)at[4 * i + 3] + c) -= e;
            }
        }
    }
}

/* The gradient of x (n, h, w, inputs): of out's `gradient`, which with `which` is that of a pooled `result`; u as
 * `winograd_weights` makes it for the way back. */
int winograd_back(const float *gradient, const float *result, const int32_t *which, const float *u, float *dx, size n,
                  size h, size w, size inputs, size outputs)
{
    shape in = {h, w, inputs}, of = {h, w, outputs};
    incoming from = {gradient, result, which};
    size each = (h / 2) * (w / 2), groups = balanced(n, each < TILES ? TILES / each : 1), pictures = parts(n, groups);
    size most = least(TILES, pictures * each), v_stride = most * inputs + SKEW, m_stride = most * outputs + SKEW;
    int failed = 0;
#pragma omp parallel
    {
        float *v = malloc((POINTS * (v_stride + m_stride) + inputs) * sizeof *v);
        if (v) {
            float *m = v + POINTS * v_stride, *spare = m + POINTS * m_stride;
            memset(spare, 0, inputs * sizeof *spare);
#pragma omp for
            for (size group = 0; group < groups; group++) { /* whole pictures, whose tiles overlap */
                size begin = group * pictures, end = least(n, begin + pictures);
                if (begin >= end)
                    continue;
                memset(dx + begin * h * w * inputs, 0, (end - begin) * h * w * inputs * sizeof *dx);
                for (size first = begin * each; first < end * each; first += most) {
                    size count = least(most, end * each - first);
                    transform_gradients(from, of, first, count, m, m_stride);
                    multiply(m, m_stride, u, v, v_stride, count, outputs, inputs);
                    add_pixels(v, v_stride, in, first, count, spare, dx);
                }
            }
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(v);
    }
    return failed;
}

/* One row of the 4 x 4 points, of pixels: inputs in panels (4, inputs / COLUMNS, count, COLUMNS). */
static void row_of_pixels(const float *x, shape s, int row, size first, size count, const float *zeros, float *to)
{
    static const int plus[4] = {0, 1, 2, 1}, other[4] = {2, 2, 1, 3};
    vec sign = splat(row == 1 ? 1 : -1);
    for (size tile = 0; tile < count; tile++) {
        const float *at[POINTS], **a = at + 4 * plus[row], **b = at + 4 * other[row];
        pixels_of(x, s, first + tile, zeros, at);
        for (size c = 0; c < s.c; c += WIDTH) {
            vec d[4], whole[4];
            for (int j = 0; j < 4; j++)
                d[j] = LOOK(a[j] + c) + sign * LOOK(b[j] + c);
            of_pixels(d[0], d[1], d[2], d[3], whole, 1);
            for (int j = 0; j < 4; j++)
                AT(to + ((j * (s.c / COLUMNS) + c / COLUMNS) * count + tile) * COLUMNS + c % COLUMNS) = whole[j];
        }
    }
}

/* The same of gradients, of `width` outputs from `begin` on: (4, count, width). */
static void row_of_gradients(incoming from, shape s, int row, size first, size count, size begin, size width, float *to)
{
    vec upper = splat(row == 3 ? 0 : 1), lower = splat(row == 0 ? 0 : row == 1 ? 1 : -1);
    for (size tile = 0; tile < count; tile++)
        for (size c = 0; c < width; c += WIDTH) {
            vec g[4], whole[4];
            gradients_of(from, s, first + tile, begin + c, g);
            of_gradients(upper * g[0] + lower * g[2], upper * g[1] + lower * g[3], whole, 1);
            for (int j = 0; j < 4; j++)
                AT(to + (j * count + tile) * width + c) = whole[j];
        }
}

/* The adjoint of the weights' transform: sums over `pieces` of du (4 rows, pieces, 4, outputs, inputs) -> dw. */
static void weights_of(const float *du, float *dw, size inputs, size outputs, size pieces)
{
    size all = outputs * inputs;
#pragma omp parallel for
    for (size output = 0; output < outputs; output++)
        for (size c = 0; c < inputs; c += WIDTH) {
            vec half[3][4];
            for (int j = 0; j < 4; j++) {
                vec row[4];
                for (int i = 0; i < 4; i++) {
                    const float *at = du + ((i * pieces) * 4 + j) * all + output * inputs + c;
                    row[i] = LOOK(at);
                    for (size piece = 1; piece < pieces; piece++)
                        row[i] += LOOK(at + piece * 4 * all);
                }
                vec both = (row[1] + row[2]) * 0.5f;
                half[0][j] = row[0] + both, half[1][j] = (row[1] - row[2]) * 0.5f, half[2][j] = both + row[3];
            }
            for (int i = 0; i < 3; i++) {
                const vec *row = half[i];
                float *to = dw + (output * 9 + 3 * i) * inputs + c;
                vec both = (row[1] + row[2]) * 0.5f;
                AT(to) = row[0] + both, AT(to + inputs) = (row[1] - row[2]) * 0.5f, AT(to + 2 * inputs) = both + row[3];
            }
        }
}

/* How many parts the tiles are cut into for a weights' gradient, so that there are TASKS tasks or more. */
static size pieces_of(size outputs) { return parts(TASKS, 4 * parts(outputs, SPLIT)); }

/* Gradients of weights, dw (outputs, 3, 3, inputs), and of bias, db (outputs). */
int winograd_weights_back(const float *x, const float *gradient, const float *result, const int32_t *which, float *dw,
                          float *db, size n, size h, size w, size inputs, size outputs)
{
    shape in = {h, w, inputs}, of = {h, w, outputs};
    incoming from = {gradient, result, which};
    size tiles = n * (h / 2) * (w / 2), pieces = pieces_of(outputs), each = parts(tiles, pieces);
    size splits = parts(outputs, SPLIT), tasks = 4 * splits * pieces, all = outputs * inputs;
    float *du = calloc(4 * pieces * 4 * all, sizeof *du);
    int failed = !du;
#pragma omp parallel if (du)
    {
        float *v = malloc((4 * TILES * (inputs + SPLIT) + inputs) * sizeof *v);
        if (du && v) {
            float *g = v + 4 * TILES * inputs, *zeros = g + 4 * TILES * SPLIT;
            memset(zeros, 0, inputs * sizeof *zeros);
#pragma omp for
            for (size task = 0; task < tasks; task++) {
                int row = (int)(task % 4);
                size piece = task / 4 % pieces, begin = task / 4 / pieces * SPLIT, width = least(SPLIT, outputs - begin);
                size end = least(tiles, (piece + 1) * each);
                float *to = du + ((row * pieces + piece) * 4 * outputs + begin) * inputs;
                for (size first = piece * each; first < end; first += TILES) {
                    size count = least(TILES, end - first);
                    row_of_pixels(x, in, row, first, count, zeros, v);
                    row_of_gradients(from, of, row, first, count, begin, width, g);
                    for (int j = 0; j < 4; j++)
                        for (size panel = 0; panel < inputs / COLUMNS; panel++)
                            strip(width, g + j * count * width, 1, width,
                                  v + (j * (inputs / COLUMNS) + panel) * count * COLUMNS, COLUMNS,
                                  to + j * all + panel * COLUMNS, inputs, count, 0);
                }
            }
        } else {
#pragma omp atomic write
            failed = 1;
        }
        free(v);
    }
    if (!failed) {
        weights_of(du, dw, inputs, outputs, pieces);
#pragma omp parallel for
        for (size c = 0; c < outputs; c += WIDTH) {
            vec sum = splat(0), g[4];
            for (size tile = 0; tile < tiles; tile++) {
                gradients_of(from, of, tile, c, g);
                sum += g[0] + g[1] + g[2] + g[3];
            }
            AT(db + c) = sum;
        }
    }
    free(du);
    return failed;
}
