// Duplicates, where no server keeps decisions: groups of near-duplicates by their codes, and a list to take away.
import { studio, thumb } from "../studio.js";
import { csv } from "../table.js";
import { button, count, distance, failed, h, later, many, save, say, shortName, slider } from "../ui.js";
import { address, note } from "../url.js";

const SHOWN = 40;

/** The tab's parts, and how they follow the address. */
export function build() {
  const state = { threshold: null, groups: [], shown: SHOWN };
  let level = null;
  const levelPlace = h("div", { class: "level" });
  const told = h("p", { class: "told" }, "\u00a0");
  const list = h("div", { class: "duplicate-groups" });
  const more = button("Show more groups", () => { state.shown += SHOWN; fill(); }, { class: "quiet more", hidden: true });
  const rows = () => state.groups.flatMap((group, i) => group.map((one, n) => [i + 1, n ? "spare" : "keep", one.name, Number((one.distance ?? 0).toFixed(6))]));
  const taken = button("Save the list (CSV)", () => save(new Blob([csv(["group", "choice", "name", "distance"], rows())], { type: "text/csv" }), "duplicates.csv"), { class: "strong", disabled: true });
  const root = h("div", { class: "duplicates-page" },
    h("header", { class: "bar" }, h("div", {}, h("h1", {}, "Duplicates"), told), levelPlace, taken), list, more);

  async function load(threshold) {
    const found = await studio.backend.duplicates(threshold);
    Object.assign(state, { groups: found.groups, threshold: found.threshold, shown: SHOWN });
    if (!level) {
      const top = Math.max(4 * found.threshold, studio.gallery.match_threshold ?? 0) || 1;
      level = slider({ label: "Alike up to a distance of", min: 0, max: top, step: top / 400, value: found.threshold, show: distance, id: "alike", oninput: later((value) => { note("duplicates", { upto: value.toFixed(5) }); load(value).catch(failed); }, 250) });
      levelPlace.append(level.root);
    }
    level.set(found.threshold);
    const spare = found.groups.reduce((sum, group) => sum + group.length - 1, 0);
    told.textContent = found.groups.length ? `${many(found.groups.length, "group")}, ${many(spare, "picture")} to spare` : "No two pictures are that near to one another.";
    taken.disabled = !found.groups.length;
    say(told.textContent);
    fill();
  }

  function fill() {
    list.replaceChildren(...state.groups.slice(0, state.shown).map((group, i) => h("section", { class: "group", "aria-label": `Group ${count(i + 1)}` },
      group.map((one) => h("a", { class: "card", title: one.name, href: address("find", { q: String(one.id) }) }, thumb(one.id),
        h("span", { class: "caption" }, h("b", {}, one.distance ? distance(one.distance) : "centre"), h("span", {}, shortName(one.name))))))));
    more.hidden = state.shown >= state.groups.length;
  }

  async function update(given) {
    const asked = Number(given.get("upto"));
    const threshold = given.has("upto") && Number.isFinite(asked) && asked >= 0 ? asked : null;
    if (threshold === null && state.threshold !== null) return;
    if (threshold !== null && !level) await load(null);
    await load(threshold);
  }

  return { root, update };
}
