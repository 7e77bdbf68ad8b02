/* Pictures laid over one another by affine maps, as review/alignment.py defines it: all steps of a pair after one
 * another, so that what they need of it stays in the nearest caches. PyTorch's operators take some forty passes over
 * all pairs for each step.
 *
 * Pictures are (side, side) of luma without their mean; maps are (2, 3), from the fixed picture's coordinates, -1 to 1, to
 * the moving one's. Both are given row by row.
 */
#include <math.h>

#include "vectors.h"

enum { MAP = 6, POWERS = 6 };
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

typedef struct {
    float let_go, damping, least_overlap, least_variance, largest_step;
} limits;

/* By pixels: what was sampled of the moving picture and its slopes, whether it has any there, and its coordinates. Of the
 * row that is sampled: where in the moving picture, and the shares of the pixels to the right and below. */
typedef struct {
    size side, count;
    int32_t *corner;
    float *right, *below;
    float *moving, *value, *along_x, *along_y, *inside, *weight, *difference, *x, *y;
} place;

typedef struct {
    float total, mean[2], deviation[2], correlation;
} moments;

/* The moving picture with its slopes for a step of 1 in coordinates, beside one another: (side, side, 4). */
static void sloped(const float *picture, size side, float *to)
{
    float half = side / 4.0f;
    for (size row = 0; row < side; row++) {
        const float *here = picture + row * side, *above = row ? here - side : here;
        const float *below = row + 1 < side ? here + side : here;
        for (size column = 0; column < side; column++) {
            size left = column ? column - 1 : 0, right = column + 1 < side ? column + 1 : column;
            float *pixel = to + (row * side + column) * 4;
            pixel[0] = here[column];
            pixel[1] = (here[right] - here[left]) * half;
            pixel[2] = (below[column] - above[column]) * half;
            pixel[3] = 0;
        }
    }
}

/* Where along an axis: the pixel before, and the share of the one after it; beyond the edge, the edge. */
INLINE int32_t between(float at, float side, float *share)
{
    float place = (at + 1) * (0.5f * side) - 0.5f, last = side - 1;
    place = place > 0 ? place : 0;
    place = place < last ? place : last;
    int32_t before = (int32_t)place, most = (int32_t)side - 2;
    before = before < most ? before : most;
    *share = place - before;
    return before;
}

/* The moving picture and its slopes under a map, bilinear: first where, by vectors, then what, by pixels. */
static void sample(const place *of, const float *map)
{
    size side = of->side, line = side * 4;
    int32_t *restrict corners = of->corner;
    float *restrict right = of->right, *restrict below = of->below;
    for (size first = 0; first < of->count; first += side) {
        float *restrict value = of->value + first, *restrict along_x = of->along_x + first;
        float *restrict along_y = of->along_y + first, *restrict inside = of->inside + first;
        float across = map[1] * of->y[first] + map[2], down = map[4] * of->y[first] + map[5];
#pragma omp simd
        for (size i = 0; i < side; i++) {
            float x = map[0] * of->x[i] + across, y = map[3] * of->x[i] + down;
            int32_t column = between(x, side, right + i), row = between(y, side, below + i);
            corners[i] = (row * (int32_t)side + column) * 4;
            inside[i] = fabsf(x) <= 1 && fabsf(y) <= 1 ? 1.0f : 0.0f;
        }
        for (size i = 0; i < side; i++) {
            const float *corner = of->moving + corners[i];
            four upper = *(const four *)corner, lower = *(const four *)(corner + line);
            upper += (*(const four *)(corner + 4) - upper) * right[i];
            lower += (*(const four *)(corner + line + 4) - lower) * right[i];
            upper += (lower - upper) * below[i];
            value[i] = upper[0];
            along_x[i] = upper[1];
            along_y[i] = upper[2];
        }
    }
}

static moments weigh(const float *fixed, const place *of, const float *weight, float least_variance)
{
    float total = 0, f = 0, v = 0, ff = 0, vv = 0, fv = 0;
#pragma omp simd reduction(+ : total, f, v, ff, vv, fv)
    for (size i = 0; i < of->count; i++) {
        float a = weight[i] * fixed[i], b = weight[i] * of->value[i];
        total += weight[i];
        f += a;
        v += b;
        ff += a * fixed[i];
        fv += a * of->value[i];
        vv += b * of->value[i];
    }
    total = total > 1e-6f ? total : 1e-6f;
    moments found = {.total = total, .mean = {f / total, v / total}};
    float variances[2] = {ff / total - found.mean[0] * found.mean[0], vv / total - found.mean[1] * found.mean[1]};
    for (int one = 0; one < 2; one++)
        found.deviation[one] = sqrtf(variances[one] > least_variance ? variances[one] : least_variance);
    float both = fv / total - found.mean[0] * found.mean[1];
    found.correlation = both / (found.deviation[0] * found.deviation[1]);
    return found;
}

/* Of the two pictures, each without its mean and over its deviation. */
static void differ(const float *fixed, const place *of, const moments *by)
{
    float a = 1 / by->deviation[0], b = 1 / by->deviation[1], offset = by->mean[1] * b - by->mean[0] * a;
#pragma omp simd
    for (size i = 0; i < of->count; i++)
        of->difference[i] = fixed[i] * a - of->value[i] * b + offset;
}

/* How the pictures agree under a map, and what they cover of one another; weights and differences stay in `of`. */
static moments judge(const float *fixed, const place *of, const float *map, const limits *by, float *overlap)
{
    sample(of, map);
    moments all = weigh(fixed, of, of->inside, by->least_variance);
    differ(fixed, of, &all);
    float factor = 1 / (by->let_go * by->let_go), covered = 0;
#pragma omp simd reduction(+ : covered)
    for (size i = 0; i < of->count; i++) {
        of->weight[i] = of->inside[i] / (1 + of->difference[i] * of->difference[i] * factor);
        covered += of->inside[i];
    }
    *overlap = covered / of->count;
    moments found = weigh(fixed, of, of->weight, by->least_variance);
    differ(fixed, of, &found);
    return found;
}

/* Sums over pixels of what a step asks for, times 1, x, y, xx, xy, yy: the products of the weighted slopes along x and y
 * with these (xx, xy, yy), then times 1, x, y: the slopes alone, and times the difference. */
typedef struct {
    double squares[3][POWERS], alone[2][POWERS], differing[2][POWERS];
} sums;

/* Of a row: its sums by the powers of x, each times those of y. */
static void add(double *to, float y, float one, float by_x, float by_xx)
{
    double found[POWERS] = {one, by_x, y * one, by_xx, y * by_x, y * y * one};
    for (int power = 0; power < POWERS; power++)
        to[power] += found[power];
}

static void squares(const float *weight, const float *a, const float *b, const float *x, size side, float y, sums *to)
{
    float s[3] = {0}, sx[3] = {0}, sxx[3] = {0};
#pragma omp simd reduction(+ : s, sx, sxx)
    for (size i = 0; i < side; i++) {
        float weighted = weight[i] * a[i], of[3] = {weighted * a[i], weighted * b[i], weight[i] * b[i] * b[i]};
        for (int one = 0; one < 3; one++) {
            s[one] += of[one];
            sx[one] += of[one] * x[i];
            sxx[one] += of[one] * x[i] * x[i];
        }
    }
    for (int one = 0; one < 3; one++)
        add(to->squares[one], y, s[one], sx[one], sxx[one]);
}

static void singles(const float *weight, const float *a, const float *b, const float *difference, const float *x,
                    size side, float y, sums *to)
{
    float s[4] = {0}, sx[4] = {0};
#pragma omp simd reduction(+ : s, sx)
    for (size i = 0; i < side; i++) {
        float across = weight[i] * a[i], down = weight[i] * b[i];
        float of[4] = {across, down, across * difference[i], down * difference[i]};
        for (int one = 0; one < 4; one++) {
            s[one] += of[one];
            sx[one] += of[one] * x[i];
        }
    }
    for (int one = 0; one < 2; one++) {
        add(to->alone[one], y, s[one], sx[one], 0);
        add(to->differing[one], y, s[2 + one], sx[2 + one], 0);
    }
}

static sums sums_of(const place *of)
{
    sums found = {0};
    for (size first = 0; first < of->count; first += of->side) {
        const float *weight = of->weight + first, *a = of->along_x + first, *b = of->along_y + first;
        squares(weight, a, b, of->x, of->side, of->y[first], &found);
        singles(weight, a, b, of->difference + first, of->x, of->side, of->y[first], &found);
    }
    return found;
}

/* The unknowns of a map's row are the factors of x, y and 1: which of the powers each has with each, and alone. */
static const int PAIRED[3][3] = {{3, 4, 1}, {4, 5, 2}, {1, 2, 0}}, ALONE[3] = {1, 2, 0};

/* Solve a system of `MAP` equations in place, the largest pivots first: `right` becomes the solution. */
static void solve(double (*matrix)[MAP], double *right)
{
    for (int at = 0; at < MAP; at++) {
        int pivot = at;
        for (int row = at + 1; row < MAP; row++)
            if (fabs(matrix[row][at]) > fabs(matrix[pivot][at]))
                pivot = row;
        for (int column = 0; column < MAP; column++) {
            double kept = matrix[at][column];
            matrix[at][column] = matrix[pivot][column];
            matrix[pivot][column] = kept;
        }
        double kept = right[at];
        right[at] = right[pivot];
        right[pivot] = kept;
        for (int row = at + 1; row < MAP; row++) {
            double factor = matrix[row][at] / matrix[at][at];
            for (int column = at; column < MAP; column++)
                matrix[row][column] -= factor * matrix[at][column];
            right[row] -= factor * right[at];
        }
    }
    for (int at = MAP - 1; at >= 0; at--) {
        for (int column = at + 1; column < MAP; column++)
            right[at] -= matrix[at][column] * right[column];
        right[at] /= matrix[at][at];
    }
}

/* Move a map by the normal equations, in which a light and a contrast of its own are taken out of each picture. */
static void step(const place *of, const moments *now, const limits *by, float *map)
{
    sums found = sums_of(of);
    double matrix[MAP][MAP], right[MAP], scale = now->deviation[1], size_of = 0;
    for (int row = 0; row < MAP; row++) {
        double first = found.alone[row / 3][ALONE[row % 3]];
        right[row] = found.differing[row / 3][ALONE[row % 3]] / scale;
        for (int column = 0; column < MAP; column++) {
            double second = found.alone[column / 3][ALONE[column % 3]];
            double sum = found.squares[row / 3 + column / 3][PAIRED[row % 3][column % 3]];
            matrix[row][column] = (sum - first * second / now->total) / (scale * scale);
        }
        size_of += matrix[row][row] / MAP;
    }
    for (int row = 0; row < MAP; row++)
        matrix[row][row] += by->damping * (size_of > 1e-6 ? size_of : 1e-6);
    solve(matrix, right);
    for (int one = 0; one < MAP; one++) {
        double most = by->largest_step, change = right[one];
        change = change < most ? change : most;
        map[one] += change > -most ? change : -most;
    }
}

/* Of all steps the best map of a pair, with its agreement and overlap; no step follows one that leaves too little. */
static void lay(const float *fixed, const float *moving, const place *of, int steps, const limits *by, float *map,
                float *agreement, float *overlap)
{
    float at[MAP], covered;
    sloped(moving, of->side, of->moving);
    memcpy(at, map, sizeof at);
    moments now = judge(fixed, of, at, by, &covered);
    *agreement = now.correlation;
    *overlap = covered;
    while (steps--) {
        step(of, &now, by, at);
        now = judge(fixed, of, at, by, &covered);
        if (!(covered >= by->least_overlap))
            return;
        if (now.correlation > *agreement) {
            memcpy(map, at, sizeof at);
            *agreement = now.correlation;
            *overlap = covered;
        }
    }
}

enum {
    ARRAYS = 12,    /* of a picture's pixels that a thread needs, four of them of the moving one, */
    ROWS_OF_ONE = 3 /* and of a row's */
};

/* Pairs (n, side, side), maps (n, 2, 3) that are made better in place; agreements and overlaps (n,). Gives 1 where no
 * memory is left. */
int lay_over(const float *fixed, const float *moving, float *maps, float *agreement, float *overlap, size n, size side,
             size steps, float let_go, float damping, float least_overlap, float least_variance, float largest_step)
{
    limits by = {let_go, damping, least_overlap, least_variance, largest_step};
    size count = side * side;
    int failed = 0;
#pragma omp parallel
    {
        float *room = malloc((ARRAYS * count + ROWS_OF_ONE * side) * sizeof *room);
        place of = {.side = side, .count = count, .moving = room};
        if (room) {
            float **arrays[] = {&of.value,  &of.along_x,    &of.along_y, &of.inside,
                                &of.weight, &of.difference, &of.x,       &of.y};
            for (int one = 0; one < ARRAYS - 4; one++)
                *arrays[one] = room + (4 + one) * count;
            float *row = room + ARRAYS * count;
            of.right = row;
            of.below = row + side;
            of.corner = (int32_t *)(row + 2 * side);
            for (size i = 0; i < count; i++) {
                of.x[i] = (2 * (i % side) + 1) / (float)side - 1;
                of.y[i] = (2 * (i / side) + 1) / (float)side - 1;
            }
        }
#pragma omp for schedule(dynamic, 4)
        for (size pair = 0; pair < n; pair++) {
            if (!room)
                failed = 1;
            else
                lay(fixed + pair * count, moving + pair * count, &of, steps, &by, maps + pair * MAP, agreement + pair,
                    overlap + pair);
        }
        free(room);
    }
    return failed;
}
