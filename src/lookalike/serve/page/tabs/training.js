// Training: the loss curve of a run and its reconstructions, as they come.
import { curve } from "../curve.js";
import { studio } from "../studio.js";
import { choice, h, many, say } from "../ui.js";
import { go } from "../url.js";

const LINES = [["train_mse", "training"], ["validation_mse", "validation"], ["test_mse", "test"]];

/** The tab's parts, and how they follow the address. */
export function build() {
  const { backend } = studio;
  const state = { n: 0, history: [], logarithmic: true, stop: null };
  const title = h("h1", {}, "Training");
  const told = h("p", { class: "told" }, "\u00a0");
  const lamp = h("span", { class: "lamp", role: "status" }, "\u00a0");
  const chart = h("div", { class: "chart" });
  const scale = choice({ label: "Scale of the loss", options: [["log", "Logarithmic"], ["linear", "Linear"]], value: "log", onchange: (value) => { state.logarithmic = value === "log"; draw(); } });
  const runs = h("select", { id: "runs", hidden: true, "aria-label": "Which run", onchange: () => go("training", { run: runs.value }) });
  const rows = h("tbody");
  const sheet = h("img", { class: "sheet", alt: "Test pictures above, their reconstructions below" });
  const noSheet = h("p", { class: "hint", hidden: true }, "No checkpoint has been written yet.");
  sheet.addEventListener("error", () => { sheet.hidden = true; noSheet.hidden = false; });
  sheet.addEventListener("load", () => { sheet.hidden = false; noSheet.hidden = true; });
  const root = h("div", { class: "training-page" },
    h("header", { class: "bar" }, h("div", {}, title, told), lamp, runs, scale),
    chart,
    h("details", {}, h("summary", {}, "The figures"), h("table", {}, h("thead", {}, h("tr", {}, ["epoch", ...LINES.map(([, name]) => `${name} MSE`)].map((name) => h("th", { scope: "col" }, name)))), rows)),
    h("section", {}, h("h2", {}, "Reconstructions of the last checkpoint"), h("div", { class: "sheet-frame", tabIndex: 0, role: "region", "aria-label": "Reconstructions" }, sheet, noSheet)));

  function draw() {
    const lines = LINES.map(([key, name]) => ({ name, points: state.history.filter((row) => row[key] > 0).map((row) => [row.epoch, row[key]]) })).filter((one) => one.points.length);
    chart.replaceChildren(lines.length ? curve(lines, state.logarithmic, chart.clientWidth < 560) : h("p", { class: "empty" }, "This run has no epochs to draw: its model was fitted in one step."));
    rows.replaceChildren(...state.history.toReversed().map((row) => h("tr", {}, h("th", { scope: "row" }, String(row.epoch)), LINES.map(([key]) => h("td", {}, row[key] > 0 ? row[key].toFixed(5) : "–")))));
  }

  function tell(running) {
    const last = state.history.at(-1);
    const best = LINES.toReversed().map(([key, name]) => (last?.[key] > 0 ? `${name} MSE ${last[key].toFixed(5)}` : null)).find(Boolean);
    told.textContent = last ? `${many(last.epoch, "epoch")}${best ? `, ${best}` : ""}` : "no epochs";
    lamp.textContent = running ? "running" : "finished";
    lamp.classList.toggle("on", running);
  }

  function refresh() {
    const address = backend.reconstructions(state.n, state.history.at(-1)?.epoch ?? 0);
    if (address) sheet.src = address;
  }

  function came(row) {
    if (state.history.some((one) => one.epoch === row.epoch)) return;
    state.history.push(row);
    draw();
    tell(true);
    refresh();
    say(`Epoch ${row.epoch}, training MSE ${Number(row.train_mse).toFixed(5)}`);
  }

  async function update(given) {
    state.stop?.();
    const known = await backend.runs();
    state.n = known.some((one) => String(one.n) === given.get("run")) ? Number(given.get("run")) : known[0].n;
    runs.replaceChildren(...known.map((one) => h("option", { value: one.n, selected: one.n === state.n }, one.name)));
    runs.hidden = known.length < 2;
    const run = await backend.run(state.n);
    state.history = run.history;
    title.textContent = `Training of ${run.name}`;
    draw();
    tell(run.running);
    refresh();
    const onState = (open) => { if (lamp.classList.contains("on")) lamp.textContent = open ? "running" : "waiting for the server"; };
    state.stop = backend.follow && run.running ? backend.follow(state.n, came, onState, () => tell(false)) : null;
  }

  window.addEventListener("themechange", draw);
  return { root, update, leave: () => { state.stop?.(); window.removeEventListener("themechange", draw); } };
}
