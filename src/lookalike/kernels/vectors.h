/* Vectors of float32 of the processor's own width, ELU of them, and the heart of a matrix product. */
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef WIDTH /* numbers in a vector */
#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#endif

typedef int64_t size;
typedef float vec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

enum {
    ROWS = 6,           /* of a block of a product that stays in registers, */
    COLUMNS = 2 * WIDTH /* and its columns: 12 of AVX2's 16 registers */
};

#define INLINE static inline __attribute__((always_inline))
#define AT(p) (*(vec *)(p))
#define LOOK(p) (*(const vec *)(p))

static size least(size a, size b) { return a < b ? a : b; }
static size parts(size whole, size part) { return (whole + part - 1) / part; }

/* How many pieces of at most `most`: as many for every thread, where there are enough. */
INLINE size balanced(size whole, size most)
{
    size threads = omp_get_max_threads(), pieces = parts(whole, most);
    return least(whole, parts(pieces, threads) * threads);
}

INLINE vec splat(float x) { return x - (vec){0}; }
INLINE vec either(ivec where, vec yes, vec no) { return (vec)((where & (ivec)yes) | (~where & (ivec)no)); }

/* exp(x) for x <= 0 within 3e-7: 2^n times Taylor's polynomial on half an octave around zero. */
INLINE vec exp_of_negative(vec x)
{
    x = either(x < -87.0f, splat(-87.0f), x);
    ivec whole = __builtin_convertvector(x * 1.44269504f - 0.5f, ivec);
    vec n = __builtin_convertvector(whole, vec);
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = 1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));
    return p * (vec)((whole + 127) << 23);
}

INLINE vec elu(vec x)
{
    vec below = exp_of_negative(either(x > 0.0f, splat(0), x)) - 1.0f;
    return either(x > 0.0f, x, below);
}

/* By its result: 1 above zero, exp(x) = result + 1 below. */
INLINE vec elu_slope(vec result) { return either(result > 0.0f, splat(1), result + 1.0f); }

/* c (rows, COLUMNS) += a (rows, depth) b (depth, COLUMNS), with any steps between rows and columns of a. */
INLINE void block(int rows, const float *a, size a_row, size a_step, const float *b, size b_step, float *c, size c_row,
                  size depth, int is_first)
{
    vec sum[ROWS][2];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sum[r][0] = is_first ? splat(0) : LOOK(c + r * c_row);
        sum[r][1] = is_first ? splat(0) : LOOK(c + r * c_row + WIDTH);
    }
    for (size k = 0; k < depth; k++, a += a_step, b += b_step) {
        vec left = LOOK(b), right = LOOK(b + WIDTH);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vec factor = splat(a[r * a_row]);
            sum[r][0] += factor * left;
            sum[r][1] += factor * right;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        AT(c + r * c_row) = sum[r][0];
        AT(c + r * c_row + WIDTH) = sum[r][1];
    }
}

/* The same for any number of rows. */
INLINE void strip(size rows, const float *a, size a_row, size a_step, const float *b, size b_step, float *c, size c_row,
                  size depth, int is_first)
{
    for (; rows >= ROWS; rows -= ROWS, a += ROWS * a_row, c += ROWS * c_row)
        block(ROWS, a, a_row, a_step, b, b_step, c, c_row, depth, is_first);
    if (rows >= 4) {
        block(4, a, a_row, a_step, b, b_step, c, c_row, depth, is_first);
        rows -= 4, a += 4 * a_row, c += 4 * c_row;
    }
    if (rows >= 2) {
        block(2, a, a_row, a_step, b, b_step, c, c_row, depth, is_first);
        rows -= 2, a += 2 * a_row, c += 2 * c_row;
    }
    if (rows)
        block(1, a, a_row, a_step, b, b_step, c, c_row, depth, is_first);
}

/* Where pictures and their tiles lie. */
typedef struct {
    size h, w, c;
} shape;

/* A tile's 2 x 2 gradients before bias: of a pooled result, all of it went where the maximum lay. */
typedef struct {
    const float *gradient, *result;
    const int32_t *which; /* 0: not pooled */
} incoming;

INLINE void gradients_of(incoming from, shape s, size tile, size c, vec *g)
{
    if (from.which) {
        size at = tile * s.c + c;
        vec slope = LOOK(from.gradient + at) * elu_slope(LOOK(from.result + at));
        ivec which = *(const ivec *)(from.which + at);
        for (int place = 0; place < 4; place++)
            g[place] = (vec)((which == place) & (ivec)slope);
        return;
    }
    size across = s.w / 2;
    const float *at = from.gradient + (tile / across * 2 * s.w + tile % across * 2) * s.c + c;
    g[0] = LOOK(at), g[1] = LOOK(at + s.c), g[2] = LOOK(at + s.w * s.c), g[3] = LOOK(at + s.w * s.c + s.c);
}

/* ELU of the greatest of 2 x 2 results, and where it lay. */
INLINE void pool(const vec *y, vec bias, float *out, int32_t *which)
{
    vec most = y[0];
    ivec place = {0};
#pragma GCC unroll 4
    for (int j = 1; j < 4; j++) { /* of equal ones the first, as in PyTorch */
        ivec greater = y[j] > most;
        most = either(greater, y[j], most);
        place = (greater & j) | (~greater & place);
    }
    AT(out) = elu(most + bias);
    if (which)
        *(ivec *)which = place;
}
