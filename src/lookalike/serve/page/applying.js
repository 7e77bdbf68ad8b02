// What becomes of the pictures: a preview by rules, then a list, copies, links or the trash, and the way back.
import { csv } from "./table.js";
import { button, choice, count, failed, h, later, many, save, say } from "./ui.js";

const SHOWN = 200;
const WORDS = { list: ["would be in the list", "are in the list"], copy: ["would be copied", "were copied"], link: ["would be linked", "were linked"], trash: ["would be moved to the trash", "were moved to the trash"] };
const DO = { copy: "Copy", link: "Link", trash: "Move to the trash:" };

/** `root`, a dialog, and `open()`; `after()` is called once something was done. */
export function applying({ backend, after }) {
  const state = { how: "list", only: false, turn: 0, facts: null };
  const told = h("p", { class: "told", role: "status" });
  const ways = h("div", { class: "row" });
  const scenes = h("input", { type: "checkbox", onchange: look });
  const rules = h("input", { type: "text", id: "rules", spellcheck: false, autocomplete: "off", "aria-describedby": "rules-told", oninput: later(look, 400) });
  const rulesTold = h("p", { class: "hint", id: "rules-told" });
  const out = h("input", { type: "text", id: "out", spellcheck: false, autocomplete: "off", placeholder: "/home/me/chosen", oninput: later(look, 400) });
  const outField = h("label", { class: "field", htmlFor: "out" }, h("span", { class: "label" }, "To this folder of the server's machine"), out);
  const table = h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "What becomes of each picture" });
  const run = h("div", { class: "row" });
  const undos = h("div", { class: "row" });
  const root = h("dialog", { class: "picker applying", "aria-labelledby": "apply-title" },
    h("header", {}, h("h2", { id: "apply-title" }, "Apply"), button("Close", () => root.close(), { class: "quiet" })),
    h("div", { class: "controls" }, ways, h("label", { class: "field", htmlFor: "rules" }, h("span", { class: "label" }, "Of copies keep by"), rules), rulesTold, outField, run, told, undos), table);

  /** A button that says what it will do, and does it when it is pressed once more. */
  function twice(text, again, act) {
    const one = button(text, () => {
      if (one.textContent === again) act().catch(problem);
      else { one.textContent = again; one.classList.add("strong"); say(again); }
    });
    return one;
  }
  function problem(error) {
    told.textContent = error.message;
    run.replaceChildren();
  }

  function look() {
    preview().catch(failed);
  }
  async function preview() {
    const turn = state.turn += 1;
    outField.hidden = !["copy", "link"].includes(state.how);
    scenes.disabled = state.only;
    run.replaceChildren();
    if (!outField.hidden && !out.value.trim()) { told.textContent = "Name a folder that is new or empty."; return; }
    const given = { how: state.how, rules: rules.value.trim() || null, out: outField.hidden ? null : out.value.trim(), only_decided: state.only, level: scenes.checked ? "scene" : "near" };
    let due;
    try {
      due = await backend.apply(given);
    } catch (error) {
      if (turn === state.turn) problem(error);
      return;
    }
    if (turn !== state.turn) return;
    show(due);
    const number = due.done;
    if (state.how === "list") {
      const names = ["group", "level", "name", "action", "reason"];
      run.replaceChildren(button("Save CSV", () => save(new Blob([csv(names, due.plan.map((one) => names.map((name) => one[name] ?? "")))], { type: "text/csv" }), "review.csv")),
        button("Save JSON", () => save(new Blob([JSON.stringify(due.plan, null, 1)], { type: "application/json" }), "review.json")));
    } else if (number) {
      run.replaceChildren(twice(`${DO[state.how]} ${many(number, "picture")}…`, `Yes: ${DO[state.how].toLowerCase()} ${many(number, "picture")}${due.out ? ` to ${due.out}` : ""}`, async () => {
        run.replaceChildren("Working…");
        show(await backend.apply({ ...given, confirmed: number }));
        run.replaceChildren();
        await again();
      }));
    }
  }

  function show({ how, dry_run: dry, done, already, failed: not, left_out: others, plan, as_decided: own, as_proposed: rest }) {
    const shares = [own && `${count(own)} as you decided`, rest && `${count(rest)} as proposed`].filter(Boolean).join(", ");
    told.textContent = [`${many(done, "picture")} ${WORDS[how][Number(!dry)]}${shares && `${how === "trash" ? "" : `; ${count(own + rest)} dropped`}: ${shares}`}`, already ? `${count(already)} were before` : "", not.length ? `${count(not.length)} cannot be` : "",
      others ? `${count(others)} in the folder are not in the gallery, and are left alone` : ""].filter(Boolean).join("; ");
    say(told.textContent);
    const rows = [...not.map(({ name, reason }) => ["not done", name, reason]), ...plan.map(({ action, name, reason }) => [action, name, reason]).sort(([one], [other]) => (one === "keep") - (other === "keep"))];
    table.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, ["Choice", "Picture", "Why"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.slice(0, SHOWN).map(([action, ...cells]) => h("tr", { class: `choice-${action.replace(" ", "-")}` }, h("td", {}, action), cells.map((text) => h("td", {}, text)))))),
    rows.length > SHOWN ? h("p", { class: "hint" }, `and ${count(rows.length - SHOWN)} more; the list has all`) : "");
  }

  async function again() {
    state.facts = await backend.review();
    offer();
    after();
  }
  function offer() {
    undos.replaceChildren(...state.facts.applied.map(({ how, pictures, out: where }, number) => {
      const text = `${many(pictures, "picture")} ${WORDS[how][1]}${where ? ` to ${where}` : ""}`;
      return twice(`Undo: ${text}`, `Yes, take back: ${text}`, async () => {
        const { undone, failed: not } = await backend.undoApplied(number, true);
        told.textContent = `${many(undone, "picture")} taken back${not.length ? `; ${count(not.length)} not: ${not[0].name}: ${not[0].reason}` : ""}`;
        say(told.textContent);
        await again();
      });
    }));
  }

  return {
    root,
    async open() {
      state.turn += 1;
      run.replaceChildren(); // of what was chosen then
      root.showModal();
      const facts = await backend.review();
      Object.assign(state, { facts, only: facts.decided });
      scenes.checked = false;
      const hows = Object.entries(facts.hows).filter(([how]) => facts.may_apply || how === "list");
      ways.replaceChildren(choice({ label: "What is done", options: hows.map(([how]) => [how, how]), value: state.how, onchange: (how) => { state.how = how; look(); } }),
        choice({ label: "What is applied", options: [["", "all that is proposed"], ["only", "only what I decided"]], value: state.only ? "only" : "", onchange: (only) => { state.only = Boolean(only); look(); } }),
        h("label", { class: "check" }, scenes, h("span", {}, "shots of one scene too")));
      rules.value ||= facts.usual;
      rulesTold.textContent = `The first that tells copies apart decides; take any, in your order: ${facts.rules.map(({ name, best, argument }) => `${name}${argument ? `=${argument}` : ""} (${best})`).join(", ")}.${facts.may_apply ? "" : " Other machines may reach this studio, so it touches no files (lookalike serve --apply)."}`;
      offer();
      await preview();
    },
  };
}
