// Encoder and decoder in this browser, by ONNX Runtime Web; where that cannot be, the server computes.

const RUNTIME = new URL("vendor/ort.wasm.bundle.min.mjs", import.meta.url).href;

/** Where something is computed: `now` is "browser", "server", or "starting" while it is not known yet. */
export function newPlace() {
  const listeners = new Set();
  return {
    now: "starting",
    why: "",
    moved(now, why = "") {
      Object.assign(this, { now, why });
      for (const listener of listeners) listener();
    },
    /** Tell a listener of every change; gives what ends that. */
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Where encoder and decoder run. */
export const place = newPlace();

/** How far pictures are drawn towards the sharp decoder's, whose detail is invented: 0 (not at all) to 1. */
export const drawing = { sharp: 0 };

/** The name of a file with what is drawn, which says where detail is invented. */
export const fileName = (stem, ending) => `${stem}${drawing.sharp ? ", detail invented" : ""}.${ending}`;

let started = null;
let sharpStarted = null;
let runtimeStarted = null;
let backend = null;
let shape = null;

/** Name the backend that models come from and that is asked where they do not run here. */
export function use(given, gallery) {
  backend = given;
  shape = gallery.image_shape;
}

/** ONNX Runtime Web, loaded once. */
export function runtime() {
  runtimeStarted ??= import(RUNTIME).then(
    (ort) => {
      ort.env.wasm.numThreads = 1;
      ort.env.wasm.proxy = false;
      ort.env.wasm.wasmPaths = { wasm: new URL("vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href };
      return ort;
    },
    () => { throw new Error("the runtime for models in the browser is not installed with this studio"); });
  return runtimeStarted;
}

async function begin() {
  const { decoder, encoder } = await offered((onnx) => onnx);
  const ort = await runtime();
  const models = await Promise.all([decoder, encoder].map((address) => session(ort, address)));
  return { ort, decoder: models[0], encoder: models[1] };
}

/** What `choose` finds among the models' addresses; the server may still be writing them after its start. */
export async function offered(choose) {
  for (let tries = 0; tries < 20; tries += 1) {
    const told = await backend.gallery();
    const found = told.onnx && choose(told.onnx);
    if (found) return found;
    if (!told.preparing?.length) break;
    await new Promise((resolve) => { setTimeout(resolve, 500 + 250 * tries); });
  }
  throw new Error("the models are not offered in a form that browsers run");
}

/** Load runtime and models once; resolves to null where they do not run here. */
export function ready() {
  started ??= begin().then(
    (models) => { place.moved("browser"); return models; },
    (error) => { place.moved("server", error.message); return null; });
  return started;
}

/** The sharp decoder, loaded when it is first asked for; null where it does not run here. */
function sharpDecoder(ort) {
  sharpStarted ??= offered((onnx) => onnx.sharp).then((address) => session(ort, address)).catch(() => null);
  return sharpStarted;
}

/** Codes to pictures: ImageData each. While the runtime is still loading, the server computes. */
export async function decode(codes) {
  const coming = ready();
  const { sharp } = drawing;
  const models = place.now === "starting" && backend.decode ? null : await coming;
  const decoders = models && (await decodersFor(models, sharp));
  if (!decoders) {
    if (!backend.decode) throw new Error(`No pictures can be computed here: ${place.why || "the sharp decoder is not offered"}.`);
    return backend.decode(codes, sharp);
  }
  const size = codes[0].length;
  const flat = new Float32Array(codes.length * size);
  codes.forEach((code, i) => flat.set(code, i * size));
  const [plain, drawn = plain] = await inTurn(decoders, (decoder) => through(models.ort, decoder, flat, [codes.length, size]));
  for (let i = 0; drawn !== plain && i < drawn.length; i += 1) drawn[i] = plain[i] + sharp * (drawn[i] - plain[i]);
  return toPictures(drawn, codes.length);
}

/** What draws at a sharpness: one decoder, or both; null where the sharp one does not run here. */
async function decodersFor({ ort, decoder }, sharp) {
  if (!sharp) return [decoder];
  const other = await sharpDecoder(ort);
  return other && (sharp < 1 ? [decoder, other] : [other]);
}

/** What `run` gives for each, one after the other: the runtime has one thread. */
async function inTurn(all, run) {
  const made = [];
  for (const one of all) made.push(await run(one));
  return made;
}

/** One picture of the model's size to its code. */
export async function encode(picture) {
  const models = await ready();
  if (!models) throw new Error(`No code can be computed here: ${place.why}.`);
  return Float32Array.from(await through(models.ort, models.encoder, planes(picture.data), [1, shape[2], shape[0], shape[1]]));
}

/** A model at an address, to run here. */
export const session = (ort, address) =>
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
