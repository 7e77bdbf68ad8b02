/* Steps between the convolutions, each in one pass over memory: bfloat16 in and out, float32 in between; what follows
 * a transposed convolution's product in float32 as well (winograd.c does the rest of float32).
 *
 * Pictures lie channels-last: (n, h, w, c). PyTorch's own operators take two to four passes for each of these steps,
 * and the passes, not the arithmetic, are what they cost.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

typedef uint16_t bfloat16;
typedef int64_t size;

enum { BLOCK = 32 }; /* channels at once; a multiple of any vector of 16-bit numbers */

static inline float widen(bfloat16 x)
{
    union { uint32_t bits; float value; } u = {(uint32_t)x << 16};
    return u.value;
}

/* To the nearest, halves to even, as PyTorch rounds. NaN keeps its upper bits: no infinity comes of it. */
static inline bfloat16 narrow(float x)
{
    union { float value; uint32_t bits; } u = {x};
    uint32_t rounded = (u.bits + 0x7FFF + ((u.bits >> 16) & 1)) >> 16;
    uint32_t quiet = (u.bits >> 16) | 0x40;
    return (bfloat16)((u.bits & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
}

/* `width` numbers, by the processor's own conversion where it has one: it becomes no vector otherwise. */
static inline void narrow_all(const float *restrict from, bfloat16 *restrict to, int width)
{
    int j = 0;
#ifdef __AVX512BF16__
    for (; j + 16 <= width; j += 16)
        _mm256_storeu_si256((__m256i *)(to + j), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + j)));
#endif
    for (; j < width; j++)
        to[j] = narrow(from[j]);
}

/* exp(x) for x <= 0 within 3e-7: 2^n times a polynomial on half an octave around zero (Taylor to the sixth power). */
static inline float exp_of_negative(float x)
{
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));
    union { int32_t bits; float value; } scale = {((int32_t)n + 127) << 23};
    return p * scale.value;
}

static inline float elu(float x)
{
    float below = exp_of_negative(x > 0 ? 0 : x) - 1;
    return x > 0 ? x : below;
}

/* ELU's slope by its result: 1 above zero, exp(x) = result + 1 below. */
static inline float elu_slope(float result) { return result > 0 ? 1.0f : result + 1.0f; }

/* Max pooling by 2 x 2, then ELU: x (n, h, w, c) -> out and which (n, h/2, w/2, c); h, w even, c a multiple of 32.
 * `which` tells where the maximum lay, 0 to 3 in reading order; of equal ones the first, as in PyTorch. */
void pool_elu_forward(const bfloat16 *restrict x, bfloat16 *restrict out, uint16_t *restrict which, size n, size h,
                      size w, size c)
{
#pragma omp parallel for
    for (size row = 0; row < n * (h / 2); row++)
        for (size column = 0; column < w / 2; column++) {
            const bfloat16 *a = x + (2 * row * w + 2 * column) * c, *b = a + c, *d = a + w * c, *e = d + c;
            size at = (row * (w / 2) + column) * c;
            for (size block = 0; block < c; block += BLOCK) {
                float result[BLOCK];
#pragma omp simd
                for (int j = 0; j < BLOCK; j++) {
                    float most = widen(a[block + j]), other = widen(b[block + j]);
                    uint16_t place = other > most ? 1 : 0;
                    most = other > most ? other : most;
                    other = widen(d[block + j]);
                    place = other > most ? 2 : place;
                    most = other > most ? other : most;
                    other = widen(e[block + j]);
                    place = other > most ? 3 : place;
                    most = other > most ? other : most;
                    result[j] = elu(most);
                    which[at + block + j] = place;
                }
                narrow_all(result, out + at + block, BLOCK);
            }
        }
}

/* Its gradient: g, out, which (n, h/2, w/2, c) -> gx (n, h, w, c), zero but where the maxima lay. */
void pool_elu_backward(const bfloat16 *restrict g, const bfloat16 *restrict out, const uint16_t *restrict which,
                       bfloat16 *restrict gx, size n, size h, size w, size c)
{
#pragma omp parallel for
    for (size row = 0; row < n * (h / 2); row++)
        for (size column = 0; column < w / 2; column++) {
            bfloat16 *restrict a = gx + (2 * row * w + 2 * column) * c, *restrict b = a + c;
            bfloat16 *restrict d = a + w * c, *restrict e = d + c;
            size at = (row * (w / 2) + column) * c;
            /* By blocks and in two loops, since only loops over one width of number become vectors. */
            for (size block = 0; block < c; block += BLOCK) {
                float exact[BLOCK];
                bfloat16 slope[BLOCK];
#pragma omp simd
                for (int j = 0; j < BLOCK; j++)
                    exact[j] = widen(g[at + block + j]) * elu_slope(widen(out[at + block + j]));
                narrow_all(exact, slope, BLOCK);
#pragma omp simd
                for (int j = 0; j < BLOCK; j++) {
                    uint16_t place = which[at + block + j];
                    a[block + j] = place == 0 ? slope[j] : 0;
                    b[block + j] = place == 1 ? slope[j] : 0;
                    d[block + j] = place == 2 ? slope[j] : 0;
                    e[block + j] = place == 3 ? slope[j] : 0;
                }
            }
        }
}

#define VALUE bfloat16
#define WIDEN widen
#define NARROW narrow_all
#define NAMED(name) name##_bfloat16
#include "fold.inc"
#undef VALUE
#undef WIDEN
#undef NARROW
#undef NAMED

#define VALUE float
#define WIDEN(x) (x)
#define NARROW(from, to, width) memcpy(to, from, (width) * sizeof(float))
#define NAMED(name) name##_float32
#include "fold.inc"

/* Adamax as Keras applies it, in one pass: `rate` holds the correction of the young mean already. */
void adamax(float *restrict weights, const float *restrict gradient, float *restrict mean, float *restrict most,
            size count, float beta_1, float beta_2, float epsilon, float rate)
{
#pragma omp parallel for simd
    for (size j = 0; j < count; j++) {
        float of_gradient = fabsf(gradient[j]), decayed = most[j] * beta_2;
        mean[j] += (gradient[j] - mean[j]) * (1 - beta_1);
        most[j] = decayed > of_gradient ? decayed : of_gradient;
        weights[j] -= rate * mean[j] / (most[j] + epsilon);
    }
}
