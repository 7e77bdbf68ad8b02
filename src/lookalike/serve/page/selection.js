// What is selected on the map: by a rectangle, a lasso or the keyboard; shown as a grid, and taken away as a list.
import { card } from "./neighbours.js";
import { studio } from "./studio.js";
import { csv } from "./table.js";
import { button, choice, count, failed, h, many, save, say } from "./ui.js";
import { go } from "./url.js";
import { virtual } from "./virtual.js";

const STEP = 0.004;
const [WIDE, HIGH] = [96, 122];

/** Whether (x, y) lies within a closed path of pairs: an odd number of its sides is crossed. */
export function within(path, x, y) {
  let inside = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [path[i], path[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/**
 * `map` offers `points()`, `ids()`, `toScreen(x, y)` and takes `shade(mask)`. Returns the tools, the outline that lies
 * over the map, the part beneath it, and what pointers and keys call.
 */
export function selection(map) {
  const state = { tool: "move", how: "new", places: new Set(), from: null, path: [], byKeys: false, rows: [], those: null };
  const tools = choice({ label: "Tool", options: [["move", "Move"], ["rectangle", "Rectangle"], ["lasso", "Lasso"]], value: "move", onchange: (value) => { state.tool = value; cancel(); } });
  const how = choice({ label: "What is drawn next", options: [["new", "replaces"], ["add", "adds"], ["less", "takes away"]], value: "new", onchange: (value) => { state.how = value; } });
  const shape = h("svg:polygon");
  const outline = h("svg", { class: "map-outline", "aria-hidden": "true" }, shape);
  const title = h("h2", {}, "\u00a0");
  const grid = virtual((i, passes) => (passes ? h("span", { class: "thumb" }) : card(state.rows[i])), { wide: WIDE, high: HIGH, class: "map-chosen", role: "region", "aria-label": "Selected pictures", tabIndex: 0 });
  const keep = button("", () => { state.those = [...state.places].map((i) => map.ids()[i]); tell(); }, { title: "Keep these to be taken from the next selection" });
  const part = h("section", { class: "map-selected", hidden: true }, h("div", { class: "bar" }, h("div", {}, title), how,
    h("div", { class: "row" }, button("Save CSV", () => save(new Blob([table()], { type: "text/csv" }), "selection.csv")),
      button("Save JSON", () => save(new Blob([JSON.stringify(state.rows, null, 1)], { type: "application/json" }), "selection.json")),
      keep, button("Clear", clear, { class: "quiet" }))), grid.root);
  const minus = button("These minus those", () => difference().catch(failed), { class: "strong", hidden: true });
  keep.after(minus);

  const table = () => csv(["id", "name", "person"], state.rows.map(({ id, name, person }) => [id, name, person ?? ""]));

  async function difference() {
    const direction = await studio.backend.difference(state.rows.map((one) => one.id), state.those);
    (await import("./tabs/edit.js")).offer(direction);
    go("edit", { q: String(state.rows[0].id) });
  }
  function tell() {
    keep.hidden = !studio.gallery.draws; // a direction is of use to Edit alone
    keep.textContent = state.those ? `Those: ${count(state.those.length)}` : "Keep as those";
    minus.hidden = !state.those;
  }

  async function show() {
    const ids = [...state.places].map((i) => map.ids()[i]);
    part.hidden = !ids.length;
    if (!ids.length) { map.shade(null); say("Nothing is selected"); return; }
    const mask = new Uint8Array(map.ids().length);
    for (const i of state.places) mask[i] = 1;
    map.shade(mask);
    title.textContent = `${many(ids.length, "picture")} selected`;
    say(title.textContent);
    tell();
    const rows = await studio.backend.rows(ids);
    if (ids.length !== state.places.size) return;
    state.rows = rows;
    grid.set(rows.length);
  }
  function take(places, way = state.how) {
    if (way === "new") state.places = new Set();
    for (const i of places) {
      if (way === "less") state.places.delete(i);
      else state.places.add(i);
    }
    show().catch(failed);
  }
  function clear() {
    cancel();
    take([], "new");
  }

  function redraw() {
    shape.setAttribute("points", state.path.map(([x, y]) => map.toScreen(x, y).map((one) => one.toFixed(1)).join()).join(" "));
  }
  function cancel() {
    state.from = null;
    state.path = [];
    redraw();
  }
  function begin(x, y, byKeys = false) {
    state.from = [x, y];
    state.path = [[x, y]];
    state.byKeys = byKeys;
  }
  function grow(x, y) {
    const [left, top] = state.from;
    if (state.tool === "lasso" && !state.byKeys) {
      const [lastX, lastY] = state.path.at(-1);
      if (Math.hypot(x - lastX, y - lastY) > STEP / map.zoom()) state.path.push([x, y]);
    } else state.path = [[left, top], [x, top], [x, y], [left, y]];
    redraw();
  }
  function end(way) {
    const points = map.points();
    const found = state.path.length > 2 ? map.ids().flatMap((_, i) => (within(state.path, points[2 * i], points[2 * i + 1]) ? [i] : [])) : [];
    cancel();
    take(found, way);
  }
  return {
    tools, outline, part, begin, grow, end, cancel, clear, take, redraw,
    toggle: (i) => take([i], state.places.has(i) ? "less" : "add"),
    get draws() { return state.tool !== "move"; },
    get from() { return state.from; },
    get byKeys() { return state.from !== null && state.byKeys; },
    /** A new order of the same pictures, or other ones. */
    renew(before, ids) {
      if (before.length && state.places.size && before.join() !== ids.join()) clear();
    },
    leave: grid.leave,
  };
}
