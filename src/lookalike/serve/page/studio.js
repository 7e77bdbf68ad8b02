// What all tabs share: the backend, the gallery's facts, pictures that were brought here, and thumbnails.
import { server } from "./api.js";
import * as models from "./models.js";
import { h, pixelsOf, shortName } from "./ui.js";
import { packCode, unpack } from "./url.js";

const isStatic = document.querySelector('meta[name="lookalike-mode"]').content === "static";

export const studio = { backend: null, gallery: null };

/** Choose the backend and learn what the gallery is. */
export async function open() {
  studio.backend = isStatic ? (await import("./static.js")).folder : server;
  studio.gallery = await studio.backend.gallery();
  models.use(studio.backend, studio.gallery);
  return studio;
}

const ASK_AGAIN = 2500;
let watching = null;

/** Ask what is still being prepared until nothing is; each time something has come, "prepared" is told to the window. */
export function watch() {
  watching ??= (async () => {
    while (studio.gallery.preparing?.length) {
      await new Promise((resolve) => { setTimeout(resolve, ASK_AGAIN); });
      const before = studio.gallery.preparing.join();
      Object.assign(studio.gallery, await studio.backend.gallery());
      if (studio.gallery.preparing.join() !== before) window.dispatchEvent(new Event("prepared"));
    }
  })().catch(() => { watching = null; });
}

/** Pictures brought here by their token: what they are called and how they look. Kept while the page is open. */
const brought = new Map();
/** Without a server, the browser reads what it can. */
const WITHOUT_SERVER = { suffixes: [], bytes: 20e6 };
const takes = () => studio.gallery.takes ?? WITHOUT_SERVER;
/** Of a request, beside the picture. */
const FORM = 1000;

/** What a field for files lets a person choose: many systems do not know that a RAW file or a HEIC is a picture. */
export const accepted = () => ["image/*", ...takes().suffixes].join(",");

function isPicture({ name, type }) {
  const called = (name ?? "").toLowerCase();
  return type.startsWith("image/") || takes().suffixes.some((suffix) => called.endsWith(suffix));
}

/** A picture file becomes a source that can be searched, blended and edited. */
export async function bring(file) {
  const most = takes().bytes - FORM;
  if (!isPicture(file)) throw new Error(`${file.name || "This"} is no picture that is read here; bring a JPEG, PNG or WebP.`);
  if (file.size > most) throw new Error(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; bring a picture of at most ${(most / 1e6).toFixed(1)} MB.`);
  const code = Float32Array.from(await studio.backend.encode(file));
  const token = packCode(code);
  brought.set(token, { name: file.name ? shortName(file.name) : "your picture", url: URL.createObjectURL(file), file });
  return { token, code };
}

/** The file behind a source that was brought here; undefined for others. */
export const fileOf = (source) => brought.get(source.token)?.file;

/** A source for a code that was made here, such as an edited face. */
export const sourceOf = (code, name = "made here") => {
  const token = packCode(code);
  if (!brought.has(token)) brought.set(token, { name });
  return unpack(token, code.length);
};

/** The code of a source, float32. */
export async function codeOf(source) {
  return source.code ?? Float32Array.from((await studio.backend.item(source.id)).code);
}

/** What a source is called. */
export async function nameOf(source) {
  if (source.id === undefined) return brought.get(source.token)?.name ?? "a picture from this address";
  return (await studio.backend.item(source.id)).name;
}

/** A stored picture, to look at: an image, or a piece of a sprite sheet. Its size is the style sheet's. */
export function thumb(id, alt = "") {
  const told = studio.backend.thumbnail(id);
  const [height, width] = studio.gallery.image_shape;
  if (told.src) return h("img", { class: "thumb", src: told.src, alt, width, height, decoding: "async", draggable: false });
  const piece = h("span", { class: "thumb sprite", role: alt ? "img" : "presentation", "aria-label": alt || null });
  piece.style.backgroundImage = `url("${told.sheet}")`;
  piece.style.backgroundSize = `${100 * told.columns}% ${100 * told.rows}%`;
  const share = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
  piece.style.backgroundPosition = `${share(told.column, told.columns)}% ${share(told.row, told.rows)}%`;
  return piece;
}

/** Any source, to look at: a stored picture, the file that was brought, or what its code decodes to. */
export function look(source, alt = "") {
  if (source.id !== undefined) return thumb(source.id, alt);
  const own = brought.get(source.token);
  if (!own?.url) return made(source, alt);
  const image = h("img", { class: "thumb own", src: own.url, alt });
  image.addEventListener("error", () => image.replaceWith(made(source, alt)), { once: true }); // a HEIC or RAW file, which browsers do not show
  return image;
}

/** What a code decodes to, or what it is called. */
function made(source, alt) {
  const own = brought.get(source.token);
  if (!studio.gallery.draws) return h("span", { class: "thumb words" }, own?.name ?? "words or a picture from this address");
  const [height, width] = studio.gallery.image_shape;
  const canvas = h("canvas", { class: "thumb", width, height, role: "img", "aria-label": alt || "made here" });
  models.decode([source.code]).then(([drawn]) => canvas.getContext("2d").putImageData(drawn, 0, 0)).catch(() => {});
  return canvas;
}

/** The pixels of a source at the model's size, or its own size for one that was brought. */
export async function pixels(source) {
  if (source.id !== undefined) return studio.backend.pixels(source.id);
  const own = brought.get(source.token);
  return own?.file ? pixelsOf(own.file) : (await models.decode([source.code]))[0];
}

/** Two stored pictures to begin with, the same on every visit and far from one another. */
let beginnings = null;
export async function beginning(count) {
  const total = studio.gallery.images;
  beginnings ??= Promise.all([0.11, 0.52, 0.31, 0.83].map(async (share) =>
    (await studio.backend.items({ offset: Math.floor(share * total), limit: 1 })).items[0]));
  return (await beginnings).filter(Boolean).slice(0, count).map(({ id }) => ({ token: String(id), id }));
}
