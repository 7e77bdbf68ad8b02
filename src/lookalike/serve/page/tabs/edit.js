// Edit: sliders along directions of the code, live, and the real pictures nearest to what was made.
import { compare } from "../compare.js";
import { withDetail } from "../detail.js";
import * as models from "../models.js";
import { strip } from "../neighbours.js";
import { pick } from "../picker.js";
import { sharpSwitch } from "../sharp.js";
import { status } from "../status.js";
import { beginning, codeOf, nameOf, sourceOf, studio } from "../studio.js";
import { button, everyFrame, failed, h, later, save, say, shortName, slider } from "../ui.js";
import { go, note, read, unpack } from "../url.js";
import { moved } from "../vectors.js";

const FURTHEST = 3;
const SHOWN = 10;
const KINDS = [["attribute", "Attributes"], ["difference", "These minus those"], ["principal", "Leading directions"]];

let learned = null;
/** Differences between groups that were made on this page, kept while it is open. */
const made = [];

/** Take a difference between groups that were chosen elsewhere. */
export function offer(direction) {
  made.push({ ...direction, kind: "difference", name: `difference ${made.length + 1}` });
}

/** The tab's parts, and how they follow the address. */
export function build() {
  const { gallery } = studio;
  const state = { source: null, code: null, original: null, learned: [], amounts: new Map(), directions: [], keep: true };

  const detail = h("input", { type: "checkbox", checked: true, onchange: () => { state.keep = detail.checked; draw(); } });
  const divider = compare("Before", "After");
  const title = h("p", { class: "caption" }, "\u00a0");
  const where = status(models.place);
  const sharp = sharpSwitch(gallery, () => draw(), () => remember());
  const nearest = strip("The nearest real pictures");
  const waiting = h("p", { class: "hint", hidden: true, role: "status" }, "The directions of attributes are still being learned; they come by themselves.");
  const groups = h("div", { class: "groups" });
  const root = h("div", { class: "edit-page two-sides" },
    h("section", { class: "stage-side", "aria-label": "The edited picture" }, h("h1", { class: "visually-hidden" }, "Edit"), divider.root, title, where.root,
      h("label", { class: "check" }, detail, h("span", {}, "Keep the detail that the model does not know")), sharp.root,
      h("div", { class: "row" },
        button("Another picture…", () => change().catch(failed)), button("Reset all", () => { state.amounts.clear(); refill(); draw(); remember(); }),
        button("Save PNG", () => divider.right.toBlob((blob) => save(blob, models.fileName("edited", "png")))),
        button("Find look-alikes", () => go("find", { q: sourceOf(codeNow(), "an edited picture").token }), { class: "quiet" }))),
    h("section", { class: "tool-side", "aria-label": "Directions" }, nearest.root, waiting, groups));

  const codeNow = () => moved(state.code, [...state.amounts].map(([name, amount]) => ({ ...state.directions.find((one) => one.name === name), amount })));
  const params = () => ({ q: state.source.token, d: [...state.amounts].filter(([, amount]) => amount).map(([name, amount]) => `${encodeURIComponent(name)}:${amount.toFixed(2)}`).join(","), sharp: sharp.param });
  const remember = () => note("edit", params());
  const rememberLater = later(remember, 250);

  const draw = everyFrame(async () => {
    if (!state.code) return;
    const code = codeNow();
    const [{ original }, { checked: kept }, { sharp: share }] = [state, detail, models.drawing];
    const [made, drawn] = await models.decode(kept || !original ? [code, state.code] : [code]);
    await divider.show(original ?? drawn, kept ? withDetail(original, drawn, made, share) : made);
    nearest.show(code);
  });

  function line(direction) {
    const { name, accuracy, meaningful, kind } = direction;
    const hint = meaningful ? (accuracy === null || accuracy === undefined ? "" : told(direction)) : "no better than chance";
    const one = slider({ label: kind === "principal" ? name.replace("principal-", "Direction ") : name.replaceAll("_", " "), hint, min: -FURTHEST, max: FURTHEST, step: 0.05, value: state.amounts.get(name) ?? 0,
      show: (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(2),
      oninput: (value) => { if (value) state.amounts.set(name, value); else state.amounts.delete(name); draw(); rememberLater(); } });
    one.input.addEventListener("dblclick", () => { one.set(0); state.amounts.delete(name); draw(); rememberLater(); });
    if (!meaningful) one.root.classList.add("faint");
    return one.root;
  }

  function refill() {
    groups.replaceChildren(...KINDS.map(([kind, title]) => {
      const mine = state.directions.filter((one) => one.kind === kind).toSorted((a, b) => (kind === "principal" ? 0 : Number(b.meaningful) - Number(a.meaningful) || (b.accuracy ?? 0) - (a.accuracy ?? 0)));
      const first = mine.slice(0, SHOWN).map(line);
      const rest = mine.slice(SHOWN);
      const more = rest.length ? h("details", { class: "rest" }, h("summary", {}, `${rest.length} more`), h("div", { class: "sliders" }, rest.map(line))) : null;
      if (more && rest.some((one) => state.amounts.has(one.name))) more.open = true;
      const add = kind === "difference" ? h("p", { class: "row" }, button("New: these minus those…", () => makeDifference().catch(failed)), mine.length ? null : h("span", { class: "hint" }, "Show the model two groups of pictures; the way from one to the other becomes a slider.")) : null;
      return mine.length || add ? h("section", { class: "controls" }, h("h2", {}, title), h("div", { class: "sliders" }, first), more, add) : "";
    }));
  }

  async function makeDifference() {
    const these = await pick({ title: "These: pictures that have it", several: true, files: false });
    if (!these?.length) return;
    const those = await pick({ title: "Those: pictures that lack it", several: true, files: false });
    if (!those?.length) return;
    offer(await studio.backend.difference(these.map((one) => one.id), those.map((one) => one.id)));
    collect();
    refill();
    say("A new slider is there.");
  }

  function collect() {
    state.directions = [...state.learned, ...made];
  }

  async function change() {
    const chosen = await pick({ title: "A picture to edit" });
    if (chosen) go("edit", { ...params(), q: chosen[0].token });
  }

  async function update(given) {
    sharp.set(given.get("sharp"));
    state.source = unpack(given.get("q")?.split(",")[0] ?? "", gallery.code_size) ?? (await beginning(1))[0];
    const [code, directions, name] = await Promise.all([codeOf(state.source), learned ?? studio.backend.directions(), nameOf(state.source)]);
    const learning = gallery.preparing?.includes("directions");
    if (!learning) learned = directions;
    waiting.hidden = !learning;
    state.learned = directions;
    collect();
    state.code = code;
    state.original = state.source.id === undefined ? null : await studio.backend.pixels(state.source.id);
    detail.disabled = !state.original;
    detail.checked = Boolean(state.original) && state.keep;
    state.amounts = new Map((given.get("d") ?? "").split(",").filter(Boolean).map((part) => {
      const cut = part.lastIndexOf(":");
      return [decodeURIComponent(part.slice(0, cut)), Math.min(FURTHEST, Math.max(-FURTHEST, Number(part.slice(cut + 1)) || 0))];
    }).filter(([known, amount]) => amount && state.directions.some((one) => one.name === known)));
    divider.rename(state.original ? "Before" : "Its code", "After");
    title.textContent = shortName(name);
    refill();
    draw();
  }

  const again = () => update(read().params).catch(failed);
  window.addEventListener("prepared", again);
  models.ready();
  return { root, update, leave: () => { where.leave(); window.removeEventListener("prepared", again); } };
}

const told = ({ accuracy, measure }) => (measure && measure !== "accuracy" ? `${measure} ${accuracy.toFixed(2)}` : `told apart ${(100 * accuracy).toFixed(0)}%`);
