// Duplicates: groups of near-duplicates, one of each to keep, and a list to take away. Nothing is ever deleted.
import { studio, thumb } from "../studio.js";
import { button, count, distance, failed, h, later, many, save, say, shortName, slider } from "../ui.js";
import { address, note } from "../url.js";

const SHOWN = 40;
/** What holds for all of a group; where codes alone decided, nothing is said. */
const LEVELS = { bytes: ", the same file", picture: ", the same picture", near: ", near copies" };

/** The tab's parts, and how they follow the address. */
export function build() {
  const state = { threshold: null, groups: [], levels: [], keep: new Map(), shown: SHOWN };
  let coming = null;
  let level = null;
  const levelPlace = h("div", { class: "level" });
  const told = h("p", { class: "told" }, "\u00a0");
  const list = h("div", { class: "duplicate-groups" });
  const more = button("Show more groups", () => { state.shown += SHOWN; fill(); }, { class: "quiet more", hidden: true });
  const csv = button("Save the list (CSV)", () => save(new Blob([table(state)], { type: "text/csv" }), "duplicates.csv"), { class: "strong", disabled: true });
  const root = h("div", { class: "duplicates-page" },
    h("header", { class: "bar" }, h("div", {}, h("h1", {}, "Duplicates"), told), levelPlace, csv),
    h("p", { class: "hint" }, "Choose the picture to keep in each group; the list names the others. The studio itself never deletes a picture."),
    list, more);

  async function load(threshold) {
    coming?.abort();
    coming = new AbortController();
    told.textContent = "Looking for near-duplicates…";
    const found = await studio.backend.duplicates(threshold, coming.signal);
    state.groups = found.groups;
    state.levels = found.levels ?? [];
    state.threshold = found.threshold;
    state.keep = new Map(found.groups.map((group, i) => [i, group[0].id]));
    state.shown = SHOWN;
    if (!level) {
      const top = Math.max(4 * found.threshold, studio.gallery.match_threshold ?? 0) || 1;
      level = slider({ label: "Alike up to a distance of", min: 0, max: top, step: top / 400, value: found.threshold, show: distance, id: "alike", oninput: later((value) => { note("duplicates", { upto: value.toFixed(5) }); load(value).catch(failed); }, 250) });
      levelPlace.append(level.root);
    }
    level.set(found.threshold);
    const spare = found.groups.reduce((sum, group) => sum + group.length - 1, 0);
    told.textContent = found.groups.length ? `${many(found.groups.length, "group")}, ${many(spare, "picture")} to spare` : "No two pictures are that near to one another.";
    csv.disabled = !found.groups.length;
    say(told.textContent);
    fill();
  }

  function fill() {
    if (!state.groups.length) {
      list.replaceChildren(h("p", { class: "empty" }, "Nothing to tidy up. Raise the distance to see which pictures come nearest to one another."));
      more.hidden = true;
      return;
    }
    list.replaceChildren(...state.groups.slice(0, state.shown).map((group, i) => h("fieldset", { class: "group" },
      h("legend", {}, `Group ${count(i + 1)}: ${many(group.length, "picture")}${LEVELS[state.levels[i]] ?? ""}`),
      group.map((one) => {
        const input = h("input", { type: "radio", name: `keep-${i}`, value: one.id, checked: state.keep.get(i) === one.id, onchange: () => state.keep.set(i, one.id) });
        return h("label", { class: "card", title: one.name }, input, thumb(one.id),
          h("span", { class: "caption" }, h("b", {}, one.distance ? distance(one.distance) : "centre"), h("span", {}, shortName(one.name))),
          h("span", { class: "kept", "aria-hidden": "true" }));
      }),
      studio.gallery.draws && h("a", { class: "quiet", href: address("blend", { q: group.slice(0, 2).map((one) => one.id).join(",") }) }, "compare", h("span", { class: "visually-hidden" }, ` group ${i + 1} in Blend`)))));
    more.hidden = state.shown >= state.groups.length;
  }

  async function update(given) {
    const asked = Number(given.get("upto"));
    const threshold = given.has("upto") && Number.isFinite(asked) && asked >= 0 ? asked : null;
    if (threshold === null && state.threshold !== null) return;
    if (threshold !== null && !level) await load(null);
    await load(threshold);
  }

  return { root, update, leave: () => coming?.abort() };
}

/** The groups as CSV (RFC 4180): what is kept, what could go, and how far from the group's centre. */
function table({ groups, keep }) {
  // A cell that begins like a formula would be run by spreadsheets; an apostrophe keeps it text.
  const cell = (text) => `"${String(text).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
  const rows = groups.flatMap((group, i) => group.map((one) => [i + 1, keep.get(i) === one.id ? "keep" : "spare", cell(one.name), (one.distance ?? 0).toFixed(6)].join(",")));
  return `group,choice,name,distance\r\n${rows.join("\r\n")}\r\n`;
}
