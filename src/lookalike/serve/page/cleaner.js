// The denoiser in this browser, by ONNX Runtime Web: one of any size goes over large pictures window by window.
import { newPlace, offered, runtime, session } from "./models.js";

const WINDOW = 256;
const NOT_TOLD = -1;

/** Where noise is removed. */
export const place = newPlace();

let started = null;

/** Load the denoiser once, for a gallery's pictures (H, W, C); resolves to null where it does not run here. */
export function ready(shape) {
  started ??= begin(shape).then(
    (cleaner) => { place.moved("browser"); return cleaner; },
    (error) => { place.moved("server", error.message); return null; });
  return started;
}

async function begin(shape) {
  const told = await offered((onnx) => onnx.denoiser);
  if (told.reach === null && told.image_shape.join() !== shape.join()) throw new Error("the denoiser takes pictures of another size, in tiles");
  const ort = await runtime();
  return { ...told, ort, models: await Promise.all(told.models.map((address) => session(ort, address))) };
}

/**
 * A picture without its noise: ImageData. `data` holds floats of 0 to 255, four a pixel; `level` is the noise's standard
 * deviation where a picture spans 1, null: the model judges. `seen(share)` is told how much is done, and says "stop" by false.
 */
export async function cleaned(cleaner, data, { width, height }, level = null, seen = () => true) {
  const out = new ImageData(width, height);
  const grey = isGrey(data);
  const rows = spans(height, cleaner.reach);
  const columns = spans(width, cleaner.reach);
  for (const [i, down] of rows.entries()) {
    for (const [j, across] of columns.entries()) {
      const box = { top: down.from, left: across.from, height: down.to - down.from, width: across.to - across.from };
      const values = await through(cleaner, planes(data, width, box, grey, cleaner.image_shape[2]), box, level);
      for (let y = down.start; y < down.stop; y += 1) {
        for (let x = across.start; x < across.stop; x += 1) put(out, y * width + x, values, (y - box.top) * box.width + x - box.left, box.height * box.width, grey);
      }
      if (rows.length * columns.length > 1) {
        if (!seen((i * columns.length + j + 1) / (rows.length * columns.length))) return null;
        await new Promise((resolve) => { setTimeout(resolve); }); // the page stays awake between windows
      }
    }
  }
  return out;
}

/** Along a side: what a window adds, `start` to `stop`, and what it sees, `from` to `to`. */
function spans(side, reach) {
  if (reach === null) return [{ start: 0, stop: side, from: 0, to: side }];
  return Array.from({ length: Math.ceil(side / WINDOW) }, (_, n) => {
    const [start, stop] = [n * WINDOW, Math.min((n + 1) * WINDOW, side)];
    return { start, stop, from: Math.max(start - reach, 0), to: Math.min(stop + reach, side) };
  });
}

function isGrey(data) {
  for (let i = 0; i < data.length; i += 4) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

/** A piece as planes of [-0.5, 0.5]: three of them, or one where both picture and model are grey. */
function planes(data, wide, { top, left, width, height }, grey, depth) {
  const count = grey && depth === 1 ? 1 : 3;
  const area = width * height;
  const made = new Float32Array(count * area);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = 4 * ((y + top) * wide + x + left);
      for (let c = 0; c < count; c += 1) made[c * area + y * width + x] = data[from + c] / 255 - 0.5;
    }
  }
  return { values: made, count };
}

/** Through all of the denoiser's graphs; a model of grey takes each plane as a picture of its own. */
async function through({ ort, models, image_shape: [, , depth] }, { values, count }, { width, height }, level) {
  const dims = depth === 1 ? [count, 1, height, width] : [1, 3, height, width];
  let given = new ort.Tensor("float32", values, dims);
  for (const model of models) {
    const feeds = { [model.inputNames[0]]: given };
    if (model.inputNames.includes("levels")) feeds.levels = new ort.Tensor("float32", new Float32Array(dims[0]).fill(level ?? NOT_TOLD), [dims[0]]);
    given = (await model.run(feeds))[model.outputNames[0]];
  }
  return given.data;
}

/** Write a pixel; of a grey picture all channels alike, which are the mean of what was made. */
function put(out, to, values, from, area, grey) {
  const made = values.length / area;
  const at = (c) => (values[Math.min(c, made - 1) * area + from] + 0.5) * 255; // clamped and rounded as it is stored
  const mean = grey ? (at(0) + at(1) + at(2)) / 3 : 0;
  for (let c = 0; c < 3; c += 1) out.data[4 * to + c] = grey ? mean : at(c);
  out.data[4 * to + 3] = 255;
}
