// Blend: two to four pictures, and all that lies between them.
import { gif } from "../gif.js";
import * as models from "../models.js";
import { strip } from "../neighbours.js";
import { pick } from "../picker.js";
import { sharpSwitch } from "../sharp.js";
import { status } from "../status.js";
import { beginning, codeOf, look, nameOf, sourceOf, studio } from "../studio.js";
import { button, calm, choice, everyFrame, failed, h, later, paint, say, save, shortName, slider } from "../ui.js";
import { address, go, note, unpackAll } from "../url.js";
import { between, corners } from "../vectors.js";

const STEPS = 7;
const FRAMES = 24;
const SECONDS = 2.4;
const ASK_AGAIN = 2000;

/** The tab's parts, and how they follow the address. */
export function build() {
  const state = { sources: [], codes: [], x: 0.5, y: 0.5, kind: "linear", playing: 0, rolls: 0 };
  const { gallery } = studio;
  const [height, width] = gallery.image_shape;

  const stage = h("canvas", { class: "stage", width, height, role: "img", "aria-label": "The blend" });
  const slots = h("div", { class: "slots" });
  const across = slider({ label: "From left to right", min: 0, max: 1, step: 0.005, value: 0.5, show: percent, id: "across", oninput: (x) => move(x, state.y) });
  const down = slider({ label: "From top to bottom", min: 0, max: 1, step: 0.005, value: 0.5, show: percent, id: "down", oninput: (y) => move(state.x, y) });
  const knob = h("span", { class: "knob" });
  const square = h("div", { class: "square", "aria-hidden": "true" }, knob);
  const film = h("div", { class: "film" });
  const play = button("Play", () => (state.playing ? stop() : start()));
  const nearest = strip("The nearest real pictures");
  const kind = choice({ label: "The way between", options: [["linear", "Straight"], ["spherical", "Round"]], value: "linear",
    onchange: (value) => { state.kind = value; remember(); draw(); fillFilm(); } });
  const dice = button("Roll the dice", () => roll().catch(failed), { title: "New pictures, which the model draws from what it has learned" });
  const stray = slider({ label: "Dice", min: 0, max: 1, step: 0.05, value: 0.8, show: percent, id: "stray", hint: "from usual to unusual" });
  const rolling = studio.backend.sample ? h("div", { class: "row" }, dice, stray.root) : null;
  const where = status(models.place);
  const sharp = sharpSwitch(gallery, () => draw(), () => { remember(); fillSlots(); fillFilm().catch(failed); });
  const root = h("div", { class: "blend-page two-sides" },
    h("section", { class: "stage-side", "aria-label": "The blend" }, h("h1", { class: "visually-hidden" }, "Blend"), stage, where.root, sharp.root),
    h("section", { class: "tool-side", "aria-label": "What is blended" },
      slots, square, h("div", { class: "controls" }, across.root, down.root),
      h("div", { class: "row" }, play, kind, button("Save GIF", () => saveGif().catch(failed)), button("Save PNG", () => stage.toBlob((blob) => save(blob, models.fileName("blend", "png")))),
        button("Edit this", () => { const made = sourceOf(codeNow(), "a blend"); go("edit", { q: made.token }); }, { class: "quiet" })),
      rolling, h("h2", {}, "On the way"), film, nearest.root));

  square.addEventListener("pointerdown", (event) => { square.setPointerCapture(event.pointerId); stop(); drag(event); });
  square.addEventListener("pointermove", (event) => { if (square.hasPointerCapture(event.pointerId)) drag(event); });
  function drag(event) {
    const box = square.getBoundingClientRect();
    const share = (at, low, size) => Math.min(1, Math.max(0, (at - low) / size));
    move(share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height));
  }

  const codeAt = (x, y) => (state.codes.length < 3 ? between(state.codes[0], state.codes[1], x, state.kind) : corners(state.codes, x, y));
  const codeNow = () => codeAt(state.x, state.y);
  const params = () => ({ q: state.sources.map((one) => one.token).join(","), x: state.x.toFixed(3), y: state.codes.length > 2 ? state.y.toFixed(3) : "", kind: state.kind === "linear" ? "" : state.kind, sharp: sharp.param });
  const remember = () => note("blend", params());
  const rememberLater = later(remember, 250);

  const draw = everyFrame(async () => {
    if (state.codes.length < 2) return;
    const code = codeNow();
    const [picture] = await models.decode([code]);
    await paint(stage, picture);
    nearest.show(code);
  });

  function move(x, y) {
    state.x = x;
    state.y = y;
    across.set(x);
    down.set(y);
    knob.style.left = `${100 * x}%`;
    knob.style.top = `${100 * y}%`;
    rememberLater();
    draw();
  }

  /** Where a film or an animation goes: from end to end, or round the square. */
  function path(t) {
    if (state.codes.length < 3) return [t, state.y];
    const side = Math.min(3.9999, 4 * t);
    const along = side % 1;
    return [[along, 0], [1, along], [1 - along, 1], [0, 1 - along]][Math.floor(side)];
  }

  async function fillFilm() {
    if (state.codes.length < 2) return;
    const places = Array.from({ length: STEPS }, (_, i) => path(i / (STEPS - 1)));
    const [mine, share] = [state.codes, models.drawing.sharp];
    const made = await models.decode(places.map(([x, y]) => codeAt(x, y)));
    if (mine !== state.codes || share !== models.drawing.sharp) return;
    film.replaceChildren(...made.map((picture, i) => {
      const canvas = h("canvas", { class: "thumb", width, height });
      paint(canvas, picture);
      return h("button", { type: "button", class: "card", "aria-label": `Go to ${percent(i / (STEPS - 1))} of the way`, onclick: () => { stop(); move(...places[i]); } }, canvas);
    }));
  }

  function start() {
    const began = performance.now();
    const frames = { shown: 0 };
    play.textContent = "Stop";
    function turn(now) {
      const t = ((now - began) / 1000 / (calm() ? 3 * SECONDS : SECONDS)) % 2;
      const there = state.codes.length < 3 ? (t > 1 ? 2 - t : t) : t / 2;
      const eased = state.codes.length < 3 ? there * there * (3 - 2 * there) : there;
      move(...path(eased));
      frames.shown += 1;
      state.playing = requestAnimationFrame(turn);
    }
    state.playing = requestAnimationFrame(turn);
  }

  function stop() {
    cancelAnimationFrame(state.playing);
    state.playing = 0;
    play.textContent = "Play";
  }

  async function saveGif() {
    const two = state.codes.length < 3;
    const there = Array.from({ length: FRAMES }, (_, i) => path(two ? i / (FRAMES - 1) : i / FRAMES));
    const pictures = await models.decode(there.map(([x, y]) => codeAt(x, y)));
    const scale = Math.max(1, Math.round(192 / width));
    const frames = two ? [...pictures, ...pictures.slice(1, -1).reverse()] : pictures;
    save(gif(frames, { scale, delay: 7 }), models.fileName("blend", "gif"));
    say("The animation is saved.");
  }

  function fillSlots() {
    const labels = ["A", "B", "C", "D"];
    square.replaceChildren(...state.sources.map((source, i) => { const small = look(source); small.classList.add(`s${i}`); return small; }), knob);
    slots.replaceChildren(...state.sources.map((source, i) => {
      const caption = h("span", { class: "caption" }, "\u00a0");
      nameOf(source).then((name) => { caption.textContent = shortName(name); }).catch(failed);
      return h("div", { class: "slot" },
        h("button", { type: "button", class: "card", "aria-label": `Change picture ${labels[i]}`, onclick: () => change(i).catch(failed) }, look(source)), caption,
        state.sources.length > 2 ? button("×", () => goWith(state.sources.filter((_, other) => other !== i)), { class: "quiet remove", "aria-label": `Leave out picture ${labels[i]}` }) : null);
    }), state.sources.length < 4 ? h("div", { class: "slot add" }, button("+", () => change(state.sources.length).catch(failed), { class: "card", "aria-label": "Blend one more picture" }), h("span", { class: "caption" }, "one more")) : "");
  }

  async function change(i) {
    const chosen = await pick({ title: i < state.sources.length ? "Another picture" : "One more picture" });
    if (chosen) goWith([...state.sources.slice(0, i), chosen[0], ...state.sources.slice(i + 1)]);
  }

  /** New pictures in all places; where the mixture that they come from is not fitted yet, once it is. */
  async function roll() {
    const mine = ++state.rolls;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    dice.disabled = true;
    try {
      let told = await studio.backend.sample(Math.max(2, state.sources.length), stray.value, seed);
      while (!told.ready && mine === state.rolls) {
        dice.textContent = "Making the dice…";
        await new Promise((resolve) => { setTimeout(resolve, ASK_AGAIN); });
        told = await studio.backend.sample(Math.max(2, state.sources.length), stray.value, seed);
      }
      if (mine === state.rolls) goWith(told.codes.map((code) => sourceOf(code, "invented")));
    } finally {
      dice.disabled = false;
      dice.textContent = "Roll the dice";
    }
  }

  function goWith(sources) {
    stop();
    state.sources = sources;
    go("blend", params());
  }

  async function update(given) {
    sharp.set(given.get("sharp"));
    const number = (name) => (given.has(name) && Number.isFinite(Number(given.get(name))) ? Math.min(1, Math.max(0, Number(given.get(name)))) : 0.5);
    let sources = unpackAll(given.get("q"), gallery.code_size).slice(0, 4);
    square.hidden = sources.length < 3;
    down.root.hidden = sources.length < 3;
    kind.hidden = sources.length > 2;
    const begin = await beginning(3);
    for (const one of begin) if (sources.length < 2 && !sources.some((other) => other.token === one.token)) sources = [...sources, one];
    state.sources = sources;
    state.kind = given.get("kind") === "spherical" ? "spherical" : "linear";
    for (const one of kind.querySelectorAll("input")) one.checked = one.value === state.kind;
    fillSlots();
    state.codes = await Promise.all(sources.map((one) => codeOf(one)));
    if (state.codes.length < 2) throw new Error("Blending takes two pictures; this gallery has fewer.");
    move(number("x"), number("y"));
    await fillFilm();
  }

  models.ready();
  return { root, update, leave: () => { stop(); state.rolls += 1; where.leave(); } };
}

const percent = (share) => `${Math.round(100 * share)}%`;
