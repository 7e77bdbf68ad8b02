// Clean: noise on a picture and its removal side by side, or an own noisy picture.
import { compare } from "../compare.js";
import { pick } from "../picker.js";
import { beginning, bring, fileOf, nameOf, studio } from "../studio.js";
import { button, choice, failed, h, later, paint, say, save, shortName, slider } from "../ui.js";
import { go, note, unpack } from "../url.js";
import { psnr } from "../vectors.js";

/** Corruptions with the level's range, its step, and how it is written. */
const NOISES = {
  gaussian: { label: "Gaussian", min: 0.02, max: 0.3, step: 0.01, value: 0.1, hint: "standard deviation; a picture spans 1" },
  saltpepper: { label: "Salt and pepper", min: 0.01, max: 0.3, step: 0.01, value: 0.05, hint: "share of pixels" },
  poisson: { label: "Poisson", min: 5, max: 200, step: 5, value: 40, hint: "photons at full brightness" },
  occlude: { label: "Rectangle", min: 0.02, max: 0.4, step: 0.01, value: 0.1, hint: "covered share of the picture" },
  blur: { label: "Blur", min: 0.3, max: 3, step: 0.1, value: 0.8, hint: "standard deviation in pixels" },
  jpeg: { label: "JPEG", min: 5, max: 95, step: 5, value: 20, hint: "quality" },
};

/** The tab's parts, and how they follow the address. */
export function build() {
  const { backend, gallery } = studio;
  const offered = Object.entries(NOISES).filter(([kind]) => !backend.noises || backend.noises.includes(kind));
  const state = { source: null, kind: "gaussian", level: 0.1, seed: 0, own: false, pair: "noisy", shown: null };
  const [height, width] = gallery.image_shape;

  const divider = compare("Noisy", "Denoised");
  const trio = ["Original", "Noisy", "Denoised"].map((name) => {
    const canvas = h("canvas", { class: "thumb", width, height, role: "img", "aria-label": name });
    const value = h("b", {}, "\u00a0");
    return { name, canvas, value, root: h("figure", {}, canvas, h("figcaption", {}, h("span", {}, name), value)) };
  });
  const levelPlace = h("div", {});
  const kind = choice({ label: "Kind of noise", options: offered.map(([key, { label }]) => [key, label]), value: "gaussian",
    onchange: (key) => { state.kind = key; state.level = NOISES[key].value; setLevel(); run(); } });
  const pair = choice({ label: "What is compared", options: [["noisy", "Noisy | denoised"], ["original", "Original | denoised"]], value: "noisy", onchange: (value) => { state.pair = value; show(); } });
  const file = h("input", { type: "file", accept: "image/*", class: "visually-hidden", tabIndex: -1, "aria-hidden": "true", onchange: () => own(file.files[0]).catch(failed) });
  const title = h("p", { class: "caption" }, "\u00a0");
  const gain = h("p", { class: "gain", role: "status" }, "\u00a0");
  const noiseControls = h("div", { class: "controls" }, h("div", { class: "line wide" }, h("span", { class: "label" }, "Noise"), kind), levelPlace,
    h("p", { class: "row" }, button("Draw it anew", () => { state.seed += 1; run(); }), pair));
  const root = h("div", { class: "clean-page two-sides" },
    h("section", { class: "stage-side", "aria-label": "Noisy and denoised" }, h("h1", { class: "visually-hidden" }, "Clean"), divider.root, title),
    h("section", { class: "tool-side", "aria-label": "Noise" },
      noiseControls, h("div", { class: "trio" }, trio.map((one) => one.root)), gain,
      h("div", { class: "row" }, button("Another picture…", () => change().catch(failed)),
        button("Your own noisy picture…", () => file.click(), { class: "strong", hidden: !backend.denoise }), file,
        button("Save the clean one", () => trio[2].canvas.toBlob((blob) => save(blob, "clean.png"))))));

  function setLevel() {
    const { min, max, step, hint } = NOISES[state.kind];
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const level = slider({ label: "How much", hint, min, max, step, value: state.level, show: (v) => v.toFixed(digits), id: "level", oninput: (v) => { state.level = v; runSoon(); } });
    levelPlace.replaceChildren(level.root);
  }

  const params = () => ({ q: state.source.token, noise: `${state.kind}:${state.level}`, seed: state.seed || "" });
  let turn = 0;

  async function work() {
    const mine = ++turn;
    note("clean", params());
    const noise = `${state.kind}:${state.level}`;
    const { id } = state.source;
    const [original, noisy, clean] = await Promise.all([backend.pixels(id), backend.noisy(id, noise, state.seed), backend.denoised(id, noise, state.seed)]);
    if (mine !== turn) return;
    state.shown = { original, noisy: noisy.pixels, clean: clean.pixels,
      figures: [null, noisy.psnr ?? psnr(original, noisy.pixels), clean.psnr ?? psnr(original, clean.pixels)] };
    await show();
  }
  const run = () => work().catch(failed);
  const runSoon = later(run, 60);

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

  /** A picture of the person's own, as it is: its noise is estimated. */
  async function own(given) {
    if (!given) return;
    if (!backend.denoise) throw new Error("Own pictures are cleaned by the studio's server; this page has none.");
    const mine = ++turn;
    const source = await bring(given);
    const [noisy, clean] = await Promise.all([createImageBitmap(given).then(asPixels), backend.denoise(given, "auto")]);
    if (mine !== turn) return;
    state.own = true;
    noiseControls.hidden = true;
    title.textContent = await nameOf(source);
    state.shown = { original: null, noisy, clean: clean.pixels, figures: [null, null, null] };
    await show();
    say("Denoised.");
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
    const [key, level] = (given.get("noise") ?? "").split(":");
    if (offered.some(([known]) => known === key)) {
      state.kind = key;
      state.level = Math.min(NOISES[key].max, Math.max(NOISES[key].min, Number(level) || NOISES[key].value));
    }
    state.seed = Math.max(0, Math.trunc(Number(given.get("seed")) || 0));
    noiseControls.hidden = false;
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
  return { root, update, leave: () => panel.removeEventListener("bring", onBring) };
}

function asPixels(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
