// Noise in the browser, as `lookalike.noise` has it: drawn from a seed, so that the same address shows the same.

/** A generator of numbers in [0, 1) from whole numbers (mulberry32). */
function generator(...seeds) {
  let state = seeds.reduce((held, seed) => Math.imul(held ^ seed, 0x9e3779b1) + 0x7f4a7c15, 0x2545f491) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Change every value of 0 to 255 of its own; a grey picture stays grey. */
function each(data, channels, change) {
  for (let i = 0; i < data.length; i += 4) {
    for (let c = 0; c < channels; c += 1) data[i + c] = change(data[i + c]);
    if (channels === 1) data.fill(data[i], i, i + 3);
  }
}

function fillBox(data, { width }, top, left, high, wide) {
  for (let y = top; y < top + high; y += 1) {
    for (let x = left; x < left + wide; x += 1) data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
  }
}

/** A Poisson count, by going along its distribution. */
function poisson(mean, draw) {
  let [chance, count] = [Math.exp(-mean), 0];
  for (let left = draw() - chance; left >= 0 && chance > 0; left -= chance) {
    count += 1;
    chance *= mean / count;
  }
  return count;
}

/** Blur along one axis: `step` from one value to the next, `length` of them, beginning at each of `starts`. */
function blurLines(data, sigma, length, step, starts) {
  const reach = Math.max(1, Math.floor(4 * sigma + 0.5));
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const total = weights.reduce((sum, one) => sum + one);
  const line = new Float32Array(length);
  const mirrored = (at) => {
    const turn = ((at % (2 * length)) + 2 * length) % (2 * length);
    return turn < length ? turn : 2 * length - 1 - turn;
  };
  for (const start of starts) {
    for (let i = 0; i < length; i += 1) {
      line[i] = weights.reduce((sum, weight, k) => sum + weight * data[start + mirrored(i + k - reach) * step], 0) / total;
    }
    line.forEach((value, i) => { data[start + i * step] = value; });
  }
}

/** Those that `lookalike.noise.kinds` says are drawn here too, by their names there. */
const NOISES = {
  /** Added to every value; `level` is the standard deviation where a picture spans 1. */
  gaussian: (data, level, { channels, draw }) => each(data, channels, (value) =>
    value + 255 * level * Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())),
  /** The share `level` of the pixels becomes black or white. */
  saltpepper(data, level, { draw }) {
    for (let i = 0; i < data.length; i += 4) {
      const chance = draw();
      if (chance < level) data.fill(chance < level / 2 ? 0 : 255, i, i + 3);
    }
  },
  /** Light in photons, `level` of them at full white. */
  poisson: (data, level, { channels, draw }) => each(data, channels, (value) => (255 * poisson((Math.max(value, 0) / 255) * level, draw)) / level),
  /** A black rectangle over the share `level`, its aspect between half and twice the picture's. */
  occlude(data, level, { draw, width, height }) {
    const [least, most] = [Math.max(level, Math.sqrt(level / 2)), Math.min(1, Math.sqrt(2 * level))];
    const within = (value, side) => Math.min(Math.max(Math.round(value), 1), side);
    const high = within(least * (most / least) ** draw() * height, height);
    const wide = within((level * height * width) / high, width);
    fillBox(data, { width }, Math.floor(draw() * (height - high + 1)), Math.floor(draw() * (width - wide + 1)), high, wide);
  },
  /** A Gaussian of `level` pixels, the picture mirrored at its edges. */
  blur(data, level, { width, height }) {
    for (let c = 0; c < 3; c += 1) {
      blurLines(data, level, height, 4 * width, Array.from({ length: width }, (_, x) => 4 * x + c));
      blurLines(data, level, width, 4, Array.from({ length: height }, (_, y) => 4 * y * width + c));
    }
  },
  /** JPEG of a quality of 1 to 100, as this browser writes it. */
  async jpeg(data, level, { width, height }) {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.putImageData(shown(data, { width, height }), 0, 0);
    const bitmap = await createImageBitmap(await canvas.convertToBlob({ type: "image/jpeg", quality: level / 100 }));
    context.drawImage(bitmap, 0, 0);
    data.set(context.getImageData(0, 0, width, height).data);
  },
};

/** A picture with noise such as "gaussian:0.1": floats of 0 to 255 that may go beyond, four a pixel as in ImageData. */
export async function spoilt(picture, noise, channels, ...seeds) {
  const [kind, level] = noise.split(":");
  const data = Float32Array.from(picture.data);
  const { width, height } = picture;
  await NOISES[kind](data, Number(level), { channels, draw: generator(...seeds), width, height });
  return data;
}

/** Such floats as a picture to look at. */
export const shown = (data, { width, height }) => new ImageData(Uint8ClampedArray.from(data), width, height);
