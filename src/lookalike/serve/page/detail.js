// What a code leaves out of a picture that is edited, as the package's editing/detail.py keeps it.

const SIGMA = 1.5;
const RADIUS = 5;
const STEADY = (0.03 * 255) ** 2;
const POWER = 3;

/** An edit as a change of the original. As far as `dropChanged` (0 to 1) what the code left out goes where other edges are drawn than before. */
export function withDetail(original, before, after, dropChanged) {
  const made = new ImageData(original.width, original.height);
  const kept = dropChanged ? alike(before, after) : null;
  for (let i = 0; i < made.data.length; i += 1) {
    const leftOut = original.data[i] - before.data[i];
    const gone = kept ? dropChanged * (1 - kept[i >> 2] ** POWER) : 0;
    made.data[i] = after.data[i] + (1 - gone) * leftOut; // clamped and rounded
  }
  for (let i = 3; i < made.data.length; i += 4) made.data[i] = 255;
  return made;
}

/** The share of structure that two pictures have in common at each pixel, 0 to 1: SSIM's second factor, the least of the colours'. */
function alike(a, b) {
  const { width, height } = a;
  const least = new Float64Array(width * height).fill(1);
  for (let c = 0; c < 3; c += 1) {
    const [x, y] = [a, b].map(({ data }) => Float64Array.from(least, (_, i) => data[4 * i + c]));
    const [meanX, meanY, xx, yy, xy] = [x, y, times(x, x), times(y, y), times(x, y)].map((one) => blurred(one, width, height));
    for (let i = 0; i < least.length; i += 1) {
      const both = 2 * (xy[i] - meanX[i] * meanY[i]) + STEADY;
      const each = xx[i] - meanX[i] ** 2 + yy[i] - meanY[i] ** 2 + STEADY;
      least[i] = Math.max(0, Math.min(least[i], both / each));
    }
  }
  return least;
}

const times = (a, b) => a.map((value, i) => value * b[i]);

const WEIGHTS = Float64Array.from({ length: 2 * RADIUS + 1 }, (_, i) => Math.exp(-0.5 * ((i - RADIUS) / SIGMA) ** 2));
const TOTAL = WEIGHTS.reduce((sum, one) => sum + one, 0);

/** By a Gaussian window along both sides; mirrored at the borders, as often as a small picture needs it. */
function blurred(values, width, height) {
  return along(along(values, width, 1, height, width), height, width, width, 1);
}

/** `count` lines of `length` values `step` apart, `next` from one line to the next. */
function along(values, length, step, count, next) {
  const made = new Float64Array(values.length);
  const from = Array.from({ length: length + 2 * RADIUS }, (_, i) => {
    const place = (((i - RADIUS) % (2 * length)) + 2 * length) % (2 * length);
    return Math.min(place, 2 * length - 1 - place) * step;
  });
  for (let line = 0; line < count; line += 1) {
    for (let at = 0; at < length; at += 1) {
      let sum = 0;
      for (let k = 0; k < WEIGHTS.length; k += 1) sum += WEIGHTS[k] * values[line * next + from[at + k]];
      made[line * next + at * step] = sum / TOTAL;
    }
  }
  return made;
}
