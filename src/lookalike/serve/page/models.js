// Encoder and decoder in this browser, by ONNX Runtime Web; where that cannot be, the server computes.

const RUNTIME = new URL("vendor/ort.wasm.bundle.min.mjs", import.meta.url).href;

/** Where pictures are computed: "browser", "server", or "starting" while it is not known yet. */
export const place = { now: "starting", why: "" };

const listeners = new Set();
let started = null;
let backend = null;
let shape = null;
let denoiser = null;

/** Tell who shows where pictures are computed. */
export function onPlace(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function moved(now, why = "") {
  place.now = now;
  place.why = why;
  for (const listener of listeners) listener();
}

/** Name the backend that models come from and that is asked where they do not run here. */
export function use(given, gallery) {
  backend = given;
  shape = gallery.image_shape;
}

async function begin() {
  const addresses = await modelAddresses();
  let ort;
  try {
    ort = await import(RUNTIME);
  } catch {
    throw new Error("the runtime for models in the browser is not installed with this studio");
  }
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = { wasm: new URL("vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href };
  const [decoder, encoder] = await Promise.all([addresses.decoder, addresses.encoder].map((address) => session(ort, address)));
  return { ort, decoder, encoder };
}

/** The addresses of both models; the server may still be writing them after its start. */
async function modelAddresses() {
  for (let tries = 0; tries < 20; tries += 1) {
    const { onnx } = await backend.gallery();
    if (onnx) return onnx;
    if (backend.kind === "static") break;
    await new Promise((resolve) => { setTimeout(resolve, 500 + 250 * tries); });
  }
  throw new Error("the models are not offered in a form that browsers run");
}

/** Load runtime and models once; resolves to null where they do not run here. */
export function ready() {
  started ??= begin().then(
    (models) => { moved("browser"); return models; },
    (error) => { moved("server", error.message); return null; });
  return started;
}

/** Codes to pictures: ImageData each. While the runtime is still loading, the server computes. */
export async function decode(codes) {
  const coming = ready();
  const models = place.now === "starting" && backend.decode ? null : await coming;
  if (!models) {
    if (!backend.decode) throw new Error(`No pictures can be computed here: ${place.why}.`);
    return backend.decode(codes);
  }
  const size = codes[0].length;
  const flat = new Float32Array(codes.length * size);
  codes.forEach((code, i) => flat.set(code, i * size));
  return toPictures(await through(models.ort, models.decoder, flat, [codes.length, size]), codes.length);
}

/** One picture of the model's size to its code. */
export async function encode(picture) {
  const models = await ready();
  if (!models) throw new Error(`No code can be computed here: ${place.why}.`);
  return Float32Array.from(await through(models.ort, models.encoder, planes(picture.data), [1, shape[2], shape[0], shape[1]]));
}

/** What the exported denoiser makes of a picture: floats of 0 to 255, four a pixel, of the model's size. */
export async function denoise(data) {
  const models = await ready();
  if (!models) throw new Error(`Noise cannot be removed here: ${place.why}.`);
  denoiser ??= modelAddresses().then((told) => Promise.all([told.denoiser_encoder, told.denoiser_decoder].map((address) => session(models.ort, address))));
  const [encoder, decoder] = await denoiser;
  const code = await through(models.ort, encoder, planes(data), [1, shape[2], shape[0], shape[1]]);
  return toPictures(await through(models.ort, decoder, code, [1, code.length]), 1)[0];
}

const session = (ort, address) =>
  ort.InferenceSession.create(new URL(address, document.baseURI).href, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });

async function through(ort, model, values, dims) {
  const { [model.outputNames[0]]: out } = await model.run({ [model.inputNames[0]]: new ort.Tensor("float32", values, dims) });
  return out.data;
}

/** Pixels of 0 to 255, four values each, as the planes that models take: centred to [-0.5, 0.5]. */
function planes(data) {
  const [height, width, channels] = shape;
  const area = height * width;
  const made = new Float32Array(channels * area);
  for (let i = 0; i < area; i += 1) {
    const [red, green, blue] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
    if (channels === 1) made[i] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255 - 0.5;
    else {
      made[i] = red / 255 - 0.5;
      made[area + i] = green / 255 - 0.5;
      made[2 * area + i] = blue / 255 - 0.5;
    }
  }
  return made;
}

function toPictures(values, count) {
  const [height, width, channels] = shape;
  const area = height * width;
  return Array.from({ length: count }, (_, n) => {
    const made = new ImageData(width, height);
    const start = n * area * channels;
    for (let i = 0; i < area; i += 1) {
      for (let c = 0; c < 3; c += 1) {
        made.data[4 * i + c] = (values[start + (channels === 1 ? 0 : c) * area + i] + 0.5) * 255; // clamped and rounded
      }
      made.data[4 * i + 3] = 255;
    }
    return made;
  });
}
