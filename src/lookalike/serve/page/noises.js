// Noise in the browser, for the studio without a server: drawn from a seed, so that the same address shows the same.

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

const NOISES = {
  /** Added to every value; `level` is the standard deviation where a picture spans 1. */
  gaussian(data, level, draw) {
    for (let i = 0; i < data.length; i += 4) {
      for (let c = 0; c < 3; c += 1) {
        const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
        data[i + c] += 255 * level * normal;
      }
    }
  },
  /** The share `level` of the pixels becomes black or white. */
  saltpepper(data, level, draw) {
    for (let i = 0; i < data.length; i += 4) {
      const chance = draw();
      if (chance < level) data.fill(chance < level / 2 ? 0 : 255, i, i + 3);
    }
  },
};

/** What there is. */
export const kinds = Object.keys(NOISES);

/** A picture with noise such as "gaussian:0.1": floats of 0 to 255 that may go beyond, four a pixel as in ImageData. */
export function spoilt(picture, noise, ...seeds) {
  const [kind, level] = noise.split(":");
  const data = Float32Array.from(picture.data);
  NOISES[kind](data, Number(level), generator(...seeds));
  return data;
}

/** Such floats as a picture to look at. */
export const shown = (data, { width, height }) => new ImageData(Uint8ClampedArray.from(data), width, height);
