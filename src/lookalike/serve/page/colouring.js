// Colours for the pictures of the map by what a column says of them: numbers by a scale, words by the most frequent.
import { studio } from "./studio.js";
import { button, count, failed, h } from "./ui.js";

const SCALE = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const KINDS = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0], [240, 228, 66], [122, 63, 143]];
const OTHERS = [150, 146, 138];
const STEPS = 64;
const CUT = 0.01;
const UNKNOWN = 255;
/** The zoom up to which kinds have their names on the map, how many of them, and a name's room in pixels. */
const [AFAR, NAMED, ROOM] = [4, 24, [110, 24]];
const GROUPS = "@groups";
const ASK_AGAIN = 2500;

const css = (rgb) => `rgb(${rgb.map(Math.round).join()})`;
const mixed = (share) => {
  const at = Math.min(share * (SCALE.length - 1), SCALE.length - 1.0001);
  return SCALE[Math.floor(at)].map((from, i) => from + (SCALE[Math.floor(at) + 1][i] - from) * (at % 1));
};
const missing = (many) => (many ? h("span", {}, `${count(many)} unknown`) : null);

/**
 * `map` offers `points()`, `ids()`, `zoom()`, `toScreen(x, y)`, and takes `take(places)` of a kind that is chosen and
 * `changed()`. `now` is what the painter takes: a palette, `of` (each picture's place in it), and which of it is `faint`.
 */
export function colouring(map) {
  const { backend, gallery } = studio;
  let asked = "";
  let waiting = 0;
  let kinds = [];
  let [laid, middles] = [null, []];
  const labels = h("div", { class: "map-labels", "aria-hidden": "true" });
  const legend = h("div", { class: "map-legend", hidden: true });
  const select = h("select", { id: "colour", onchange: () => use(select.value).catch(failed) },
    h("option", { value: "" }, "nothing"), backend.groups ? h("option", { value: GROUPS }, "groups of look-alikes") : null,
    gallery.columns.filter(({ name }) => name !== "name").map(({ name }) => h("option", { value: name }, name)));
  const own = { now: null, labels, legend, use, redraw, tools: h("label", { class: "line", htmlFor: "colour" }, h("span", { class: "label" }, "Colour by"), select),
    get name() { return asked; }, leave: () => { asked = null; clearTimeout(waiting); } };

  async function use(name) {
    select.value = name;
    if (select.value !== name || name === asked) return;
    clearTimeout(waiting);
    asked = name;
    const column = gallery.columns.find((one) => one.name === name);
    const groups = name === GROUPS ? await backend.groups() : null;
    const values = groups?.values ?? (column ? await backend.values(name) : null);
    if (asked !== name) return;
    const isComing = groups && !groups.ready;
    if (isComing) waiting = setTimeout(() => { asked = ""; use(name).catch(failed); }, ASK_AGAIN);
    kinds = [];
    own.now = values && !isComing ? (["number", "time"].includes(column?.kind) ? byScale(column, values) : byKind(column, values, groups?.medoids)) : null;
    legend.hidden = !values;
    if (isComing) legend.replaceChildren("Groups are being found; they come by themselves.");
    laid = null;
    labels.replaceChildren(...kinds.map(([text]) => h("span", {}, text)));
    map.changed();
  }

  function tell(name, ...parts) {
    legend.replaceChildren(h("span", {}, name), ...parts.flat().filter(Boolean));
  }

  function byScale({ name, kind, unit }, values) {
    const numbers = values.map((value) => (value === null ? NaN : kind === "time" ? Date.parse(value) : Number(value)));
    const known = Float64Array.from(numbers.filter(Number.isFinite)).sort();
    const [low, high] = [CUT, 1 - CUT].map((share) => known[Math.round(share * (known.length - 1))] ?? 0);
    const of = Uint8Array.from(numbers, (one) => (Number.isFinite(one) ? Math.round(Math.min(1, Math.max(0, (one - low) / (high - low || 1))) * (STEPS - 1)) : UNKNOWN));
    const told = (one) => (kind === "time" ? new Date(one).toISOString().slice(0, 10) : Number(one.toPrecision(3)).toLocaleString("en-GB"));
    const bar = h("span", { class: "map-scale", style: { backgroundImage: `linear-gradient(90deg, ${SCALE.map(css).join()})` } });
    tell(name, known.length ? [h("span", {}, told(low)), bar, h("span", {}, `${told(high)} ${unit}`)] : null, missing(values.length - known.length));
    return { palette: Array.from({ length: STEPS }, (_, i) => mixed(i / (STEPS - 1))), of };
  }

  function byKind(column, values, medoids) {
    const places = new Map();
    values.forEach((value, i) => {
      if (value === null) return;
      const text = column?.kind === "flag" ? (value ? "yes" : "no") : String(value);
      if (!places.has(text)) places.set(text, []);
      places.get(text).push(i);
    });
    kinds = [...places].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
    const of = new Uint8Array(values.length).fill(UNKNOWN);
    kinds.forEach(([, mine], n) => { for (const i of mine) of[i] = Math.min(n, KINDS.length); });
    const entry = (text, rgb, mine) => button([h("span", { class: "swatch", style: { background: css(rgb) } }), text, h("small", {}, count(mine.length))], () => map.take(mine), { class: "quiet", title: `Select: ${text}` });
    const others = kinds.slice(KINDS.length);
    tell(column?.name ?? "groups", kinds.slice(0, KINDS.length).map(([text, mine], n) => entry(text, KINDS[n], mine)),
      others.length ? entry(`${count(others.length)} others`, OTHERS, others.flatMap(([, mine]) => mine)) : null, missing(of.filter((one) => one === UNKNOWN).length));
    kinds = kinds.slice(0, NAMED).map(([text, mine]) => [text, mine, map.ids().indexOf(medoids?.[text])]);
    return { palette: [...KINDS, OTHERS], of, faint: KINDS.length };
  }

  /** Names of kinds at a distance, each at its most central picture; of two that would overlap the more frequent. */
  function redraw() {
    labels.hidden = map.zoom() > AFAR;
    if (labels.hidden) return;
    const points = map.points();
    const taken = [];
    if (laid !== points) {
      laid = points;
      middles = kinds.map(([, places, medoid]) => [0, 1].map((axis) => (medoid >= 0 ? points[2 * medoid + axis] : places.map((i) => points[2 * i + axis]).sort((a, b) => a - b)[places.length >> 1])));
    }
    middles.forEach((middle, n) => {
      const [x, y] = map.toScreen(...middle);
      const one = labels.children[n];
      one.hidden = taken.some(([left, top]) => Math.abs(left - x) < ROOM[0] && Math.abs(top - y) < ROOM[1]);
      if (one.hidden) return;
      taken.push([x, y]);
      one.style.translate = `calc(${x}px - 50%) calc(${y}px - 50%)`;
    });
  }
  return own;
}
