// Map: all pictures in the plane, near ones together; drag, wheel, pinch or keys move over it.
import { colouring } from "../colouring.js";
import { painter, unitOf } from "../painter.js";
import { card } from "../neighbours.js";
import { selection } from "../selection.js";
import { studio, thumb } from "../studio.js";
import { button, choice, count, failed, h, later, say, shortName } from "../ui.js";
import { go, note } from "../url.js";

const MOST_ZOOM = 60;
const GLIDE = 450;
const ASK_AGAIN = 2500;
const NEAR = 10;
/** Pictures in view of which each is shown as it is stored, where the sheets hold it smaller. */
const FEW = 40;

/** The tab's parts, and how they follow the address. */
export function build() {
  const { backend } = studio;
  const view = { x: 0, y: 0, zoom: 1, wide: 1, high: 1 };
  const state = { asked: "best", points: null, ids: [], atlas: null, painter: null, chosen: -1, waiting: 0, alive: true, moving: 0, mask: null };
  const canvas = h("canvas", { class: "map-canvas", tabIndex: 0, role: "application", "aria-label": "Map of all pictures. Arrow keys move, plus and minus zoom, 0 shows all, Enter opens the picture in the middle. R begins a rectangle at the middle and ends it, space selects the picture in the middle, A all that is seen, Escape nothing." });
  const tip = h("div", { class: "map-tip", hidden: true, "aria-hidden": "true" });
  const chosen = selection({ points: () => state.points, ids: () => state.ids, zoom: () => view.zoom, toScreen: (x, y) => toScreen(x, y), shade: (mask) => { state.mask = mask; tone(); } });
  const colours = colouring({ points: () => state.points, ids: () => state.ids, zoom: () => view.zoom, toScreen: (x, y) => toScreen(x, y), take: (places) => chosen.take(places), changed: () => { remember(); tone(); } });
  const frame = h("div", { class: "map-frame" }, canvas, colours.labels, h("span", { class: "map-cross", "aria-hidden": "true" }), chosen.outline, tip);
  const method = choice({ label: "Layout", options: [["pca", "PCA"], ["tsne", "t-SNE"]], value: "pca", onchange: (value) => { state.asked = value; remember(); lay().catch(failed); } });
  const told = h("p", { class: "told", role: "status" }, "\u00a0");
  const around = h("div", { class: "strip" });
  const root = h("div", { class: "map-page" },
    h("header", { class: "bar" }, h("div", {}, h("h1", {}, "Map"), told), method,
      h("div", { class: "row" }, button("−", () => zoomBy(1 / 1.6), { "aria-label": "Zoom out" }), button("+", () => zoomBy(1.6), { "aria-label": "Zoom in" }), button("All", () => fly(0, 0, 1))),
      chosen.tools, colours.tools),
    colours.legend, frame, chosen.part, h("section", { class: "nearest" }, h("h2", {}, "In the middle of the view"), around));

  const remember = later(() => state.alive && note("map", { layout: state.asked === "best" ? "" : state.asked, x: view.x.toFixed(4), y: view.y.toFixed(4), z: view.zoom.toFixed(2), colour: colours.name, at: state.chosen < 0 ? "" : state.ids[state.chosen] }), 300);

  let drawn = 0;
  function draw() {
    if (drawn || !state.painter || !state.points) return;
    drawn = requestAnimationFrame(() => {
      drawn = 0;
      state.painter.draw(view, state.points, state.chosen);
      chosen.redraw();
      colours.redraw();
      for (const one of frame.querySelectorAll(".map-large")) one.remove();
    });
  }
  function tone() {
    state.painter?.tone(colours.now, state.mask);
    draw();
  }

  /** Pictures as they are stored, where few are seen and the sheets hold them smaller. */
  function enlarge() {
    const [height, width] = studio.gallery.image_shape;
    const size = state.painter.sizeAt(view.zoom);
    if (Math.max(height, width) <= state.atlas.tile || size <= state.atlas.tile) return;
    const seen = inView();
    if (seen.length > FEW) return;
    canvas.after(...seen.map((i) => {
      const [x, y] = toScreen(state.points[2 * i], state.points[2 * i + 1]);
      const one = thumb(state.ids[i]);
      one.classList.add("map-large");
      Object.assign(one.style, { width: `${size}px`, height: `${size}px`, translate: `${x - size / 2}px ${y - size / 2}px` });
      return one;
    }));
  }
  function inView() {
    const [left, top] = toPlane(0, 0);
    const [right, bottom] = toPlane(canvas.clientWidth, canvas.clientHeight);
    return state.ids.flatMap((_, i) => (state.points[2 * i] > left && state.points[2 * i] < right && state.points[2 * i + 1] < top && state.points[2 * i + 1] > bottom ? [i] : []));
  }
  function moved() {
    const edge = 1.15;
    view.zoom = Math.min(MOST_ZOOM, Math.max(0.7, view.zoom));
    view.x = Math.min(edge, Math.max(-edge, view.x));
    view.y = Math.min(edge, Math.max(-edge, view.y));
    if (chosen.byKeys) chosen.grow(view.x, view.y);
    draw();
    remember();
    listSoon();
  }

  /** Pixels of the canvas for one unit of the plane. */
  const unit = () => unitOf(view, canvas.clientWidth, canvas.clientHeight);
  const toScreen = (x, y) => [canvas.clientWidth / 2 + (x - view.x) * unit(), canvas.clientHeight / 2 - (y - view.y) * unit()];
  const toPlane = (px, py) => [view.x + (px - canvas.clientWidth / 2) / unit(), view.y - (py - canvas.clientHeight / 2) / unit()];

  function zoomBy(factor, px = canvas.clientWidth / 2, py = canvas.clientHeight / 2) {
    const [x, y] = toPlane(px, py);
    const before = view.zoom;
    view.zoom = Math.min(MOST_ZOOM, Math.max(0.7, view.zoom * factor));
    const share = 1 - before / view.zoom;
    view.x += (x - view.x) * share;
    view.y += (y - view.y) * share;
    moved();
  }

  function fly(x, y, zoom) {
    cancelAnimationFrame(state.moving);
    const from = { ...view };
    const began = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    (function turn(now) {
      const t = still ? 1 : Math.min(1, Math.max(0, now - began) / GLIDE);
      const eased = 1 - (1 - t) ** 3;
      view.x = from.x + (x - from.x) * eased;
      view.y = from.y + (y - from.y) * eased;
      view.zoom = from.zoom * (zoom / from.zoom) ** eased;
      moved();
      if (t < 1) state.moving = requestAnimationFrame(turn);
    })(began);
  }

  /** Places of the pictures nearest to a point of the plane, nearest first. */
  function nearTo(x, y, most) {
    const far = Array.from(state.ids, (_, i) => [(state.points[2 * i] - x) ** 2 + (state.points[2 * i + 1] - y) ** 2, i]);
    return far.sort((a, b) => a[0] - b[0]).slice(0, most).map(([, i]) => i);
  }
  function under(px, py) {
    if (!state.points) return -1;
    const [x, y] = toPlane(px, py);
    let best = -1;
    let least = (state.painter.sizeAt(view.zoom) / 1.6 / unit()) ** 2;
    for (let i = 0; i < state.ids.length; i += 1) {
      const far = (state.points[2 * i] - x) ** 2 + (state.points[2 * i + 1] - y) ** 2;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  const listSoon = later(async () => {
    if (!state.points || !state.alive) return;
    enlarge();
    const items = await Promise.all(nearTo(view.x, view.y, NEAR).map((i) => backend.item(state.ids[i])));
    if (state.alive) around.replaceChildren(...items.map(({ id, name, person }) => card({ id, name, person })));
  }, 350);

  const pointers = new Map();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    travelled = 0;
    if (chosen.draws && pointers.size === 1) chosen.begin(...toPlane(event.offsetX, event.offsetY));
    else chosen.cancel();
    cancelAnimationFrame(state.moving);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) { if (event.pointerType === "mouse") hover(event.offsetX, event.offsetY); return; }
    const now = [event.offsetX, event.offsetY];
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    tip.hidden = true;
    if (chosen.from) {
      pointers.set(event.pointerId, now);
      chosen.grow(...toPlane(...now));
      return;
    }
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      zoomBy(apart(now) / Math.max(apart(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
    view.x -= (now[0] - before[0]) / unit() / pointers.size;
    view.y += (now[1] - before[1]) / unit() / pointers.size;
    pointers.set(event.pointerId, now);
    moved();
  });
  const release = (event) => {
    if (!pointers.delete(event.pointerId) || event.type !== "pointerup") { chosen.cancel(); return; }
    const drawn = chosen.from !== null;
    const isClick = travelled < 5;
    if (drawn && !isClick) chosen.end(event.shiftKey ? "add" : event.altKey ? "less" : undefined);
    else if (isClick) {
      chosen.cancel();
      const i = under(event.offsetX, event.offsetY);
      if (i >= 0 && drawn) chosen.toggle(i);
      else if (i >= 0) go("find", { q: String(state.ids[i]) });
    }
  };
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, release);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoomBy(2, event.offsetX, event.offsetY));
  canvas.addEventListener("keydown", (event) => {
    const step = 60 / unit();
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) { view.x += moves[event.key][0]; view.y += moves[event.key][1]; moved(); }
    else if (event.key === "+" || event.key === "=") zoomBy(1.4);
    else if (event.key === "-") zoomBy(1 / 1.4);
    else if (event.key === "0") fly(0, 0, 1);
    else if (event.key === "Escape") { if (chosen.from) chosen.cancel(); else chosen.clear(); }
    else if (!state.points) return;
    else if (chosen.byKeys && (event.key === "r" || event.key === "Enter")) chosen.end();
    else if (event.key === "r") chosen.begin(view.x, view.y, true);
    else if (event.key === "a") chosen.take(inView());
    else if (event.key === " ") chosen.toggle(nearTo(view.x, view.y, 1)[0]);
    else if (event.key === "Enter") go("find", { q: String(state.ids[nearTo(view.x, view.y, 1)[0]]) });
    else return;
    event.preventDefault();
  });

  let hovered = -1;
  async function hover(px, py) {
    const i = under(px, py);
    canvas.style.cursor = i >= 0 ? "pointer" : chosen.draws ? "crosshair" : "grab";
    if (i < 0) { tip.hidden = true; hovered = -1; return; }
    tip.style.translate = `${Math.min(px + 14, canvas.clientWidth - 140)}px ${Math.min(py + 14, canvas.clientHeight - 150)}px`;
    if (i !== hovered) {
      hovered = i;
      const { id, name, person } = await backend.item(state.ids[i]);
      if (hovered !== i) return;
      tip.replaceChildren(thumb(id), h("span", {}, person || shortName(name)));
    }
    tip.hidden = false;
  }

  /** The layout asked for, or "best": t-SNE where it is ready, else PCA until it is. */
  async function lay() {
    clearTimeout(state.waiting);
    const { asked } = state;
    let found = await backend.map(asked === "pca" ? "pca" : "tsne");
    if (!state.alive || asked !== state.asked) return;
    if (!found.ready) {
      told.textContent = "t-SNE is being computed; until then you see PCA…";
      state.waiting = setTimeout(() => lay().catch(failed), ASK_AGAIN);
      if (state.points) return;
      found = await backend.map("pca");
      if (!state.alive || asked !== state.asked) return;
    } else {
      told.textContent = `${count(found.ids.length)} pictures; near ones have near codes`;
      say(told.textContent);
    }
    if (found.ready && asked === "best") mark(found.method);
    glide(Float32Array.from(found.points.flat()), found.ids);
  }

  function mark(shown) {
    for (const one of method.querySelectorAll("input")) one.checked = one.value === shown;
  }

  /** Points go over to a new layout of the same pictures, so that the eye can follow. */
  function glide(target, ids) {
    state.painter.order(ids);
    const from = state.points;
    chosen.renew(state.ids, ids);
    state.ids = ids;
    tone();
    [view.wide, view.high] = [0, 1].map((axis) => target.reduce((most, value, i) => (i % 2 === axis ? Math.max(most, Math.abs(value)) : most), 0.05));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!from || from.length !== target.length || still) { state.points = target; settle(); return; }
    const began = performance.now();
    (function turn(now) {
      const t = Math.min(1, Math.max(0, now - began) / (2 * GLIDE));
      const eased = t * t * (3 - 2 * t);
      state.points = target.map((value, i) => from[i] + (value - from[i]) * eased);
      draw();
      if (t < 1 && state.alive) requestAnimationFrame(turn);
      else settle();
    })(began);
  }
  function settle() {
    draw();
    listSoon();
  }

  const sizes = new ResizeObserver(() => { state.painter?.resize(); draw(); });
  async function update(given) {
    const number = (name, otherwise) => (given.has(name) && Number.isFinite(Number(given.get(name))) ? Number(given.get(name)) : otherwise);
    state.asked = ["pca", "tsne"].includes(given.get("layout")) ? given.get("layout") : "best";
    mark(state.asked === "tsne" ? "tsne" : "pca");
    if (!state.painter) {
      state.atlas = await backend.atlas();
      state.painter = await painter(canvas, state.atlas, backend.sheet, draw);
      if (!state.alive) return;
      sizes.observe(canvas);
    }
    Object.assign(view, { x: number("x", 0), y: number("y", 0), zoom: number("z", 1) });
    await lay();
    await colours.use(given.get("colour") ?? "");
    state.chosen = given.has("at") ? state.ids.indexOf(Number(given.get("at"))) : -1;
    if (state.chosen >= 0 && !given.has("z")) fly(state.points[2 * state.chosen], state.points[2 * state.chosen + 1], 8);
    moved();
  }

  return { root, update, leave: () => { state.alive = false; clearTimeout(state.waiting); cancelAnimationFrame(state.moving); sizes.disconnect(); chosen.leave(); colours.leave(); state.painter?.end(); } };
}
