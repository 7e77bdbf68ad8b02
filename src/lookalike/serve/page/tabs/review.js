// Review: queues of copies, bad and odd pictures, decided one by one by single keys; each decision is kept at once.
import { applying } from "../applying.js";
import { pairView } from "../pair.js";
import { studio, thumb } from "../studio.js";
import { apartNames, button, count, failed, h, many, say, shortName } from "../ui.js";
import { note } from "../url.js";
import { virtual } from "../virtual.js";

const ASK_AGAIN = 2500;
const ROW = 68;
const KINDS = { copies: "Copies", bad: "Bad", odd: "Odd" };
const LOOKED_FOR = { copies: "copies", screening: "bad pictures", outliers: "odd pictures" };
const NAMES = { bytes: "same file", picture: "same picture", near: "near copies", scene: "same scene", odd: "unlike the rest" };
const KEYS = [
  ["k", "Keep", "the left picture, or the only one; its copies are dropped"], ["d", "Drop", "the right picture, or the only one"],
  ["b", "Keep both", "of the two"], ["n", "Not duplicates", "the two belong apart"],
  ["s", "Skip", "go on without a decision"], ["u", "Undo", "the last decision"],
  ["x", "Swap", "left and right"], ["f", "Difference", "of the two, four times as strong"],
];
const PAIRS = ["b", "n", "x", "f"];

/** The tab's parts, and how they follow the address. */
export function build() {
  const { backend } = studio;
  const state = { facts: null, key: "", entries: [], at: 0, wanted: null, shown: [0, 1], done: [], alive: true, waiting: 0, last: Promise.resolve() };
  const told = h("p", { class: "told" }, "\u00a0");
  const coming = h("p", { class: "hint", role: "status" });
  const queues = h("div", { class: "queues", role: "group", "aria-label": "Queues" });
  const view = pairView();
  const reasons = h("dl", { class: "reasons", tabindex: "0" });
  const actions = KEYS.map(([key, text, about]) => button([text, h("kbd", {}, key.toUpperCase())], () => then(() => act(key)), { title: `${text}: ${about}`, "aria-keyshortcuts": key, "data-key": key }));
  const list = virtual(row, { high: ROW, class: "review-list", role: "listbox", tabIndex: 0, "aria-label": "What is in the queue" });
  const apply = applying({ backend, after: () => load().catch(failed) });
  const help = h("dialog", { class: "picker keys", "aria-label": "Keys" }, h("header", {}, h("h2", {}, "Keys"), button("Close", () => help.close(), { class: "quiet" })),
    h("dl", { class: "scroll" }, [...KEYS, ["↑ ↓", "Go through", "the queue"], ["← →", "Other", "picture of a larger group"], ["a", "Apply…", "what was decided and proposed"], ["?", "Keys", "this list"]]
      .map(([key, text, about]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, `${text}: ${about}`)])));
  const work = h("div", { class: "review-work", hidden: true }, h("section", { class: "review-stage", "aria-label": "What is decided now" }, view.root, h("div", { class: "row actions" }, actions), reasons), list.root);
  const nothing = h("p", { class: "empty" }, "\u00a0");
  const root = h("div", { class: "review-page" },
    h("header", { class: "bar" }, h("div", {}, h("h1", {}, "Review"), told), h("div", { class: "row" },
      button(["Keys", h("kbd", {}, "?")], () => help.showModal(), { class: "quiet" }), button(["Apply…", h("kbd", {}, "A")], () => apply.open().catch(failed), { class: "strong" }))),
    queues, nothing, work, coming, help, apply.root);

  const entry = () => state.entries[state.at];
  const queue = () => state.facts.queues.find((one) => one.key === state.key);
  const left = () => entry().pictures[state.shown[0]];
  const right = () => entry().pictures[state.shown[1]];

  function row(i, passes) {
    const { pictures, done } = state.entries[i];
    const decided = pictures.some((one) => one.action === "drop") ? "decided" : "kept";
    return h("div", { id: `entry-${i}`, role: "option", class: "entry", "aria-selected": String(i === state.at), onclick: () => go(i) },
      h("span", { class: "pair" }, pictures.slice(0, 3).map((one) => (passes ? h("span", { class: "thumb" }) : thumb(one.id)))),
      h("span", { class: "caption" }, h("b", {}, shortName(pictures[0].name)), h("span", {}, done ? decided : pictures.length > 1 ? many(pictures.length, "picture") : pictures[0].reason)),
      done ? h("span", { class: "done", "aria-hidden": "true" }, "✓") : null);
  }

  /** Ask how things stand, again and again while something is still looked for. */
  async function load() {
    clearTimeout(state.waiting);
    const before = state.facts;
    const facts = await backend.review();
    if (!state.alive) return;
    state.facts = facts;
    const { preparing, failed: missing } = state.facts;
    coming.textContent = [...preparing.map(({ kind, done, total }) => `Looking for ${LOOKED_FOR[kind]}${total ? `, ${count(done)} of ${count(total)}` : ""}…`),
      ...missing.map(({ kind, reason }) => `No ${LOOKED_FOR[kind]}: ${reason}.`)].join(" ");
    if (preparing.length) state.waiting = setTimeout(() => load().catch(failed), ASK_AGAIN);
    const offered = state.facts.queues.filter((one) => one.total);
    if (!offered.some((one) => one.key === state.key)) state.key = (offered.find((one) => one.done < one.total) ?? offered[0])?.key ?? "";
    tell();
    if (state.key && (!before || state.entries.length !== queue().total)) await choose(state.key, before ? state.at : state.wanted);
  }

  function tell() {
    const offered = state.facts.queues.filter((one) => one.total);
    queues.replaceChildren(...offered.map((one, i) => [one.kind !== offered[i - 1]?.kind ? h("span", { class: "label" }, KINDS[one.kind]) : null,
      button([NAMES[one.name] ?? one.name.replaceAll("_", " "), h("small", {}, `${count(one.done)}/${count(one.total)}`)], () => choose(one.key).catch(failed), { "aria-pressed": String(one.key === state.key), title: one.about })]).flat().filter(Boolean));
    const [done, total] = ["done", "total"].map((name) => offered.reduce((sum, one) => sum + one[name], 0));
    told.textContent = total ? `${count(done)} of ${count(total)} decided; every decision is kept at once` : "Nothing to go through yet";
    work.hidden = !total;
    nothing.hidden = Boolean(total);
    nothing.textContent = state.facts.preparing.length ? "Copies, bad and odd pictures are listed here as they are found." : "No copies, no bad and no odd pictures were found.";
  }

  async function choose(key, at = null) {
    state.key = key;
    state.entries = await backend.queue(key);
    if (!state.alive) return;
    tell();
    list.set(state.entries.length);
    const open = state.entries.findIndex((one) => !one.done);
    go(at !== null && at < state.entries.length ? at : Math.max(0, open));
  }

  function go(to) {
    const from = state.at;
    state.at = Math.min(state.entries.length - 1, Math.max(0, to));
    state.shown = [0, 1];
    for (const i of [from, state.at]) list.refresh(i);
    list.reveal(state.at);
    list.root.setAttribute("aria-activedescendant", `entry-${state.at}`);
    note("review", { queue: state.key, at: state.at || "" });
    draw();
  }

  function draw() {
    if (!entry()) return;
    const pair = entry().pictures.length > 1;
    for (const one of actions) one.hidden = !pair && PAIRS.includes(one.dataset.key);
    view.show(left(), pair ? right() : null);
    reasons.replaceChildren(...entry().pictures.map((one, i) => h("div", { class: state.shown.includes(i) ? "shown" : "" },
      h("dt", {}, h("span", { class: `choice-${one.action}` }, one.action), " ", one.name), h("dd", {}, one.reason))));
    say(`${state.at + 1} of ${state.entries.length}: ${shortName(left().name)}, ${left().action}, ${left().reason}`);
  }

  function decisionsOf(key) {
    const { pictures } = entry();
    if (key === "k") return [{ kind: "keep", ids: [left().id] }, ...pictures.filter((one) => one !== left()).map((one) => ({ kind: "drop", ids: [one.id] }))];
    if (key === "d") return [{ kind: "drop", ids: [(pictures.length > 1 ? right() : left()).id] }];
    return [{ kind: key === "b" ? "keep-both" : "not-duplicates", ids: [left().id, right().id] }];
  }

  async function act(key) {
    if (key === "s") { go(state.at + 1); return; }
    if (key === "f") { view.difference(); return; }
    if (key === "x") { state.shown.reverse(); draw(); return; }
    if (key === "u") await undo();
    else if (entry() && (entry().pictures.length > 1 || !PAIRS.includes(key))) await decide(decisionsOf(key));
  }
  /** One after the other, in the order of the keys: a decision is on the server's disk before the next begins. */
  function then(work) {
    state.last = state.last.then(work).catch(failed);
  }

  async function decide(decisions) {
    const { key, at } = state;
    const sequences = await backend.decide(decisions);
    state.done.push({ key, at, sequences });
    await renew(at);
    const next = entry().done ? state.entries.findIndex((one, i) => i > at && !one.done) : at;
    go(next < 0 ? at : next);
    tell();
  }

  async function renew(at) {
    const before = state.entries[at].done;
    [state.entries[at]] = await backend.queue(state.key, undefined, at);
    queue().done += Number(state.entries[at].done) - Number(before);
    list.refresh(at);
  }

  async function undo() {
    const last = state.done.pop();
    const names = await backend.undecide(last?.sequences ?? []);
    if (!names.length) { say("Nothing is left to undo"); return; }
    if (last?.key === state.key) { await renew(last.at); go(last.at); tell(); }
    else { state.facts = await backend.review(); await choose(last?.key ?? state.key, last?.at); }
    say(`Undone: ${apartNames(names).join(", ")}`);
  }

  function step(by) {
    const many_ = entry()?.pictures.length ?? 0;
    if (many_ < 3) return;
    const others = [...Array(many_).keys()].filter((i) => i !== state.shown[0]);
    state.shown[1] = others[(others.indexOf(state.shown[1]) + by + others.length) % others.length];
    draw();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.matches?.("input:not([type=range]), select, textarea") || (target.matches?.("input, [role=tab]") && event.key.startsWith("Arrow"))) return;
    const moves = { ArrowDown: () => go(state.at + 1), ArrowUp: () => go(state.at - 1), ArrowRight: () => step(1), ArrowLeft: () => step(-1),
      Home: () => go(0), End: () => go(state.entries.length - 1), "?": () => help.showModal(), a: () => apply.open().catch(failed) };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (moves[key]) then(moves[key]);
    else if (KEYS.some(([one]) => one === key)) then(() => act(key));
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", onKey);

  async function update(given) {
    state.key = given.get("queue") ?? state.key;
    state.wanted = given.has("at") ? Number(given.get("at")) || 0 : null;
    if (state.facts && state.key) await choose(state.key, state.wanted);
    else await load();
  }

  return { root, update, leave: () => { state.alive = false; clearTimeout(state.waiting); document.removeEventListener("keydown", onKey); list.leave(); } };
}
