// The server's answers, as the tabs need them. `static.js` offers the same functions without a server.
import { pixelsOf } from "./ui.js";

const ROOT = "api/v1/";

/** Ask the server; a refusal becomes an Error with its one line. */
async function ask(path, { method = "GET", json, form, signal } = {}) {
  const options = { method, signal, headers: {} };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers["Content-Type"] = "application/json";
  }
  if (form) options.body = form;
  let answer;
  try {
    answer = await fetch(ROOT + path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio's server does not answer; is `lookalike serve` still running?");
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    const refusal = new Error(told.detail || `The server refused (${answer.status}).`);
    refusal.status = answer.status;
    throw refusal;
  }
  return answer;
}

const json = async (path, options) => (await ask(path, options)).json();

function query(values) {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) text.append(name, one);
    }
  }
  return text.size ? `?${text}` : "";
}

function upload(file) {
  const form = new FormData();
  form.append("image", file, file.name || "picture.png");
  return form;
}

async function picture(path, options) {
  const answer = await ask(path, options);
  const psnr = Number(answer.headers.get("X-PSNR") ?? NaN);
  return { pixels: await pixelsOf(await answer.blob()), psnr: Number.isFinite(psnr) ? psnr : null };
}

const known = new Map();
/** The state of the gallery that thumbnails are asked of, so that they may be cached for long. */
let digest = "";

/** What the server knows of a stored picture; asked once. */
function item(id) {
  if (!known.has(id)) {
    const coming = json(`items/${id}`);
    coming.catch(() => known.delete(id));
    known.set(id, coming);
  }
  return known.get(id);
}

async function search(sources, k, where, signal) {
  const filter = where ? [where] : [];
  if (sources.length === 1 && sources[0].id !== undefined) {
    return json(`items/${sources[0].id}/neighbours${query({ k, where: filter })}`, { signal });
  }
  if (sources.every((one) => one.id !== undefined)) {
    return json("search/items", { method: "POST", json: { ids: sources.map((one) => one.id), k, where: filter }, signal });
  }
  const codes = await Promise.all(sources.map((one) => one.code ?? item(one.id).then((known) => known.code)));
  const code = Array.from(codes[0], (_, i) => codes.reduce((sum, one) => sum + one[i], 0) / codes.length);
  return json("search/code", { method: "POST", json: { code, k, where: filter }, signal });
}

/** The code of words, where the gallery's model takes them. */
const words = async (text) => (await json(`search${query({ text, k: 1 })}`)).code;

/** The backend that speaks with `lookalike serve`. */
export const server = {
  kind: "server",
  async gallery() {
    const told = await json("gallery");
    if (digest && digest !== told.digest) known.clear();
    digest = told.digest;
    return told;
  },
  items: ({ offset = 0, limit = 60, q = "", where = "" }, signal) => json(`items${query({ offset, limit, q, where })}`, { signal }),
  item,
  search,
  words,
  thumbnail: (id) => ({ src: `${ROOT}items/${id}/thumbnail${query({ v: digest })}` }),
  pixels: async (id) => (await picture(`items/${id}/thumbnail`)).pixels,
  photo: (id) => `${ROOT}items/${id}/photo`,
  encode: async (file) => (await json("encode", { method: "POST", form: upload(file) })).code,
  async decode(codes, sharp = 0) {
    const told = await json(`decode${query({ format: "json", sharp: sharp || "" })}`, { method: "POST", json: { codes: codes.map((code) => Array.from(code)) } });
    return Promise.all(told.pictures.map(async (text) =>
      pixelsOf(new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/png" }))));
  },
  sample: (count, truncation, seed) => json(`sample${query({ count, truncation, seed })}`),
  directions: async () => (await json("directions")).directions,
  difference: (these, those) => json("directions", { method: "POST", json: { these, those } }),
  review: () => json("review"),
  queue: async (key, rules, number) => (await json(`review/${key}${query({ rules, number })}`)).entries,
  decide: async (decisions) => (await json("review/decisions", { method: "POST", json: { decisions } })).sequences,
  undecide: async (sequences) => (await json("review/decisions/undo", { method: "POST", json: { sequences } })).names,
  apply: (given) => json("review/apply", { method: "POST", json: given }),
  undoApplied: (number, confirmed) => json("review/apply/undo", { method: "POST", json: { number, confirmed } }),
  async original(id) {
    const answer = await ask(`items/${id}/original`);
    return { blob: await answer.blob(), isStored: answer.headers.get("X-Picture") === "stored" };
  },
  map: (method) => json(`map${query({ method })}`),
  values: async (column) => (await json(`map/values${query({ column })}`)).values,
  groups: () => json("map/groups"),
  rows: async (ids) => (await json("items/rows", { method: "POST", json: { ids } })).items,
  atlas: () => json("atlas"),
  sheet: (n) => `${ROOT}atlas/${n}${query({ v: digest })}`,
  denoise: (file, level) => picture(`denoise${query({ level })}`, { method: "POST", form: upload(file) }),
  noisy: (id, noise, seed) => picture(`items/${id}/noisy${query({ noise, seed })}`),
  denoised: (id, noise, seed) => picture(`items/${id}/denoised${query({ noise, seed })}`),
  runs: async () => (await json("runs")).runs,
  run: (n) => json(`runs/${n}`),
  reconstructions: (n, epoch) => `${ROOT}runs/${n}/reconstructions${query({ epoch })}`,
  follow(n, onEpoch, onState, onEnd) {
    const events = new EventSource(`${ROOT}runs/${n}/events`);
    events.addEventListener("epoch", (event) => onEpoch(JSON.parse(event.data)));
    events.addEventListener("end", () => {
      events.close();
      onEnd();
    });
    events.onopen = () => onState(true);
    events.onerror = () => onState(false);
    return () => events.close();
  },
};
