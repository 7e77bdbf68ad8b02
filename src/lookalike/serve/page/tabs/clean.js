// Clean: noise on a picture and its removal side by side, or an own noisy picture.
import * as cleaner from "../cleaner.js";
import { compare } from "../compare.js";
import { shown, spoilt } from "../noises.js";
import { pick } from "../picker.js";
import { status } from "../status.js";
import { beginning, fileOf, nameOf, studio } from "../studio.js";
import { button, choice, everyFrame, failed, h, later, paint, pixelsOf, say, save, shortName, slider } from "../ui.js";
import { go, note, unpack } from "../url.js";
import { psnr } from "../vectors.js";

const LARGEST_OWN = 2e6;

/** The tab's parts, and how they follow the address. */
export function build() {
  const { backend, gallery } = studio;
  /** By name; what this browser cannot draw itself needs a server. */
  const noises = new Map(gallery.noises.filter((one) => one.in_browser || backend.noisy).map((one) => [one.name, one]));
  const first = noises.values().next().value;
  const state = { source: null, kind: first.name, level: first.value, seed: 0, own: null, told: 0, pair: "noisy", shown: null };
  const [height, width, channels] = gallery.image_shape;

  const divider = compare("Noisy", "Denoised");
  const trio = ["Original", "Noisy", "Denoised"].map((name) => {
    const canvas = h("canvas", { class: "thumb", width, height, role: "img", "aria-label": name });
    const value = h("b", {}, "\u00a0");
    return { name, canvas, value, root: h("figure", {}, canvas, h("figcaption", {}, h("span", {}, name), value)) };
  });
  const levelPlace = h("div", {});
  const kind = choice({ label: "Kind of noise", options: [...noises.values()].map(({ name, label }) => [name, label]), value: first.name,
    onchange: (key) => { state.kind = key; state.level = noises.get(key).value; setLevel(); run(); } });
  const pair = choice({ label: "What is compared", options: [["noisy", "Noisy | denoised"], ["original", "Original | denoised"]], value: "noisy", onchange: (value) => { state.pair = value; show(); } });
  const file = h("input", { type: "file", accept: "image/*", class: "visually-hidden", tabIndex: -1, "aria-hidden": "true", onchange: () => own(file.files[0]).catch(failed) });
  const title = h("p", { class: "caption" }, "\u00a0");
  const where = status(cleaner.place);
  const gain = h("p", { class: "gain", role: "status" }, "\u00a0");
  const noiseControls = h("div", { class: "controls" }, h("div", { class: "line wide" }, h("span", { class: "label" }, "Noise"), kind), levelPlace,
    h("p", { class: "row" }, button("Draw it anew", () => { state.seed += 1; run(); }), pair));
  const told = slider({ label: "Noise in it", hint: "standard deviation; a picture spans 1", min: 0, max: 0.25, step: 0.01, value: 0, id: "told",
    show: (v) => (v ? v.toFixed(2) : "judged from it"), oninput: (v) => { state.told = v; runSoon(); } });
  const ownControls = h("div", { class: "controls", hidden: true }, told.root);
  const root = h("div", { class: "clean-page two-sides" },
    h("section", { class: "stage-side", "aria-label": "Noisy and denoised" }, h("h1", { class: "visually-hidden" }, "Clean"), divider.root, title, where.root),
    h("section", { class: "tool-side", "aria-label": "Noise" },
      noiseControls, ownControls, h("div", { class: "trio" }, trio.map((one) => one.root)), gain,
      h("div", { class: "row" }, button("Another picture…", () => change().catch(failed)),
        button("Your own noisy picture…", () => file.click(), { class: "strong" }), file,
        button("Save the clean one", () => trio[2].canvas.toBlob((blob) => save(blob, "clean.png"))))));

  function setLevel() {
    const { least: min, most: max, step, hint } = noises.get(state.kind);
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const level = slider({ label: "How much", hint, min, max, step, value: state.level, show: (v) => v.toFixed(digits), id: "level", oninput: (v) => { state.level = v; runSoon(); } });
    levelPlace.replaceChildren(level.root);
  }

  const params = () => ({ q: state.source.token, noise: `${state.kind}:${state.level}`, seed: state.seed || "" });
  const remember = later(() => !state.own && note("clean", params()), 200);
  let turn = 0;

  /** The denoiser in this browser; null where the server has it, or as long as it is still loading and the server can help. */
  async function here() {
    const coming = cleaner.ready(gallery.image_shape);
    const found = cleaner.place.now === "starting" && backend.denoised ? null : await coming;
    if (!found && !backend.denoised) throw new Error(`Noise cannot be removed here: ${cleaner.place.why}.`);
    return found;
  }

  async function work() {
    const mine = ++turn;
    const made = await (state.own ? cleanOwn(mine) : cleanStored());
    if (mine !== turn || !made) return;
    state.shown = made;
    await show();
    remember();
  }
  const run = () => work().catch(failed);
  const eachFrame = everyFrame(work);
  const soon = later(run, 60);
  /** While dragging: every frame where this browser computes, else once the hand rests. */
  const runSoon = () => (cleaner.place.now === "browser" && !(state.own && state.own.large) ? eachFrame() : soon());

  async function cleanStored() {
    const noise = `${state.kind}:${state.level}`;
    const { source: { id }, seed } = state;
    if (state.original?.id !== id) state.original = { id, pixels: await backend.pixels(id) };
    const original = state.original.pixels;
    const found = noises.get(state.kind).in_browser ? await here() : null;
    let [noisy, clean] = [null, null];
    if (found) {
      const data = await spoilt(original, noise, channels, seed, id);
      [noisy, clean] = [{ pixels: shown(data, original) }, { pixels: await cleaner.cleaned(found, data, original) }];
    } else [noisy, clean] = await Promise.all([backend.noisy(id, noise, seed), backend.denoised(id, noise, seed)]);
    return { original, noisy: noisy.pixels, clean: clean.pixels,
      figures: [null, noisy.psnr ?? psnr(original, noisy.pixels), clean.psnr ?? psnr(original, clean.pixels)] };
  }

  /** A picture of the person's own, as it is; its noise is judged by the model, or told by the slider. */
  async function cleanOwn(mine) {
    const { file: given, pixels: noisy } = state.own;
    const level = state.told || null;
    gain.textContent = "Cleaning…";
    const found = await here();
    let clean = null;
    if (found && found.reach !== null) {
      clean = await cleaner.cleaned(found, noisy.data, noisy, level, (share) => {
        if (mine === turn) gain.textContent = `Cleaning… ${Math.round(100 * share)}%`;
        return mine === turn;
      });
    } else if (backend.denoise) clean = (await backend.denoise(given, level)).pixels;
    else throw new Error("This denoiser takes pictures of the gallery's size only.");
    if (mine === turn && !state.shown?.isOwn) say("Denoised.");
    return clean && { original: null, isOwn: true, noisy, clean, figures: [null, null, null] };
  }

  async function show() {
    if (!state.shown) return;
    const { original, noisy, clean, figures } = state.shown;
    const isOwn = !original;
    const against = state.pair === "original" && !isOwn ? original : noisy;
    divider.rename(against === original && !isOwn ? "Original" : isOwn ? "Yours" : "Noisy", "Denoised");
    await divider.show(against, clean);
    trio[0].root.hidden = isOwn;
    await Promise.all([original, noisy, clean].map((picture, i) => picture && paint(trio[i].canvas, picture)));
    trio.forEach((one, i) => { one.value.textContent = figures[i] === null ? "\u00a0" : `${figures[i].toFixed(1)} dB`; });
    gain.textContent = isOwn ? "How clean it is nobody can measure here: there is no original." : `PSNR ${figures[1].toFixed(1)} dB noisy, ${figures[2].toFixed(1)} dB denoised: ${figures[2] >= figures[1] ? "+" : "−"}${Math.abs(figures[2] - figures[1]).toFixed(1)} dB`;
  }

  async function own(given) {
    if (!given) return;
    if (!given.type.startsWith("image/")) throw new Error(`${given.name || "This"} is no picture; bring a JPEG, PNG or WebP.`);
    const pixels = await pixelsOf(given).catch(() => {
      throw new Error(`${given.name || "This"} is no picture that this browser shows; bring a JPEG, PNG or WebP.`);
    });
    const area = pixels.width * pixels.height;
    if (area > LARGEST_OWN) throw new Error(`This picture has ${pixels.width} x ${pixels.height} pixels; bring one of at most 2 million.`);
    state.own = { file: given, pixels, large: area > 128 * 128 };
    state.told = 0;
    told.set(0);
    noiseControls.hidden = true;
    const found = await here();
    ownControls.hidden = !(found ?? studio.gallery.onnx?.denoiser)?.takes_level;
    title.textContent = given.name ? shortName(given.name) : "your picture";
    await work();
  }

  async function change() {
    const chosen = await pick({ title: "A picture to clean" });
    if (!chosen) return;
    if (chosen[0].id === undefined) await own(fileOf(chosen[0]));
    else go("clean", { ...params(), q: chosen[0].token });
  }

  async function update(given) {
    const asked = unpack(given.get("q") ?? "", gallery.code_size);
    state.source = asked?.id !== undefined ? asked : (await beginning(1))[0];
    state.own = null;
    const [key, level] = (given.get("noise") ?? "").split(":");
    const offered = noises.get(key);
    if (offered) {
      state.kind = key;
      state.level = Math.min(offered.most, Math.max(offered.least, Number(level) || offered.value));
    }
    state.seed = Math.max(0, Math.trunc(Number(given.get("seed")) || 0));
    noiseControls.hidden = false;
    ownControls.hidden = true;
    for (const one of kind.querySelectorAll("input")) one.checked = one.value === state.kind;
    setLevel();
    title.textContent = shortName(await nameOf(state.source));
    await work();
  }

  setLevel();
  const panel = document.getElementById("panel");
  const onBring = (event) => own(event.detail[0]).catch(failed);
  panel.addEventListener("bring", onBring);
  root.addEventListener("drop", (event) => {
    const given = event.dataTransfer?.files?.[0];
    if (!given) return;
    event.preventDefault();
    event.handled = true;
    own(given).catch(failed);
  });
  return { root, update, leave: () => { turn += 1; panel.removeEventListener("bring", onBring); where.leave(); } };
}
