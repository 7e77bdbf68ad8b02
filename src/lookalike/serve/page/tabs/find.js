// Find: a picture in, its look-alikes out; from picture to picture by a click.
import { card } from "../neighbours.js";
import { accepted, bring, look, nameOf, sourceOf, studio } from "../studio.js";
import { button, choice, count, distance, failed, h, later, many, say, shortName, slider } from "../ui.js";
import { address, go, note, read, unpackAll } from "../url.js";

const PAGE = 48;
const MOST_QUERIES = 4;

/** Search for picture files from wherever they came. */
export async function bringAndFind(files) {
  const sources = await Promise.all(files.slice(0, MOST_QUERIES).map(bring));
  go("find", { q: sources.map((one) => one.token).join(",") });
}

/** Search for words. */
async function sayAndFind(text) {
  go("find", { q: sourceOf(await studio.backend.words(text), text).token });
}

/** The tab's parts, and how they follow the address. */
export function build() {
  const { gallery } = studio;
  let line = gallery.match_threshold;
  const state = { sources: [], k: 48, where: "", q: "", upTo: null, found: [] };
  let coming = null;
  let offset = 0;

  const file = h("input", { type: "file", accept: accepted(), multiple: true, class: "visually-hidden", tabIndex: -1, "aria-hidden": "true",
    onchange: () => bringAndFind([...file.files]).catch(failed).finally(() => { file.value = ""; }) });
  const words = h("input", { type: "search", id: "words", autocomplete: "off", placeholder: "A red bicycle", maxLength: 2000,
    onchange: () => { if (words.value.trim()) sayAndFind(words.value.trim()).catch(failed); } });
  const said = gallery.words ? h("label", { class: "field", htmlFor: "words" }, h("span", { class: "label" }, "Or say what it shows"), words) : null;
  const pictures = h("div", { class: "query-pictures" });
  const facts = h("div", { class: "facts" });
  const drop = h("div", { class: "drop" },
    pictures, h("p", { class: "hint" }, "Drop a picture here, paste one, or"), button("Choose a picture…", () => file.click(), { class: "strong" }), file, said);
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", () => drop.classList.remove("over"));

  const upTo = slider({ label: "Up to a distance of", min: 0, max: 1, step: "any", value: 1, show: distance, id: "up-to",
    oninput: (value) => { state.upTo = value; draw(); noteLater(); } });
  const mark = h("button", { type: "button", class: "line-mark", hidden: true, onclick: () => { state.upTo = line; upTo.set(line); draw(); remember(); } });
  const told = h("p", { class: "told line-told" }, lineTold(gallery));
  const many_ = choice({ label: "How many", options: [["24", "24"], ["48", "48"], ["96", "96"]], value: "48", onchange: (k) => { state.k = Number(k); goOn(); } });
  const filter = h("input", { type: "text", id: "where", spellcheck: false, autocomplete: "off", placeholder: example(gallery), list: "filter-names", "aria-describedby": "where-told",
    onchange: () => { state.where = filter.value.trim(); goOn(); } });
  const byName = h("input", { type: "search", id: "by-name", placeholder: "Part of a name", oninput: later(() => { state.q = byName.value.trim(); remember(); browse(true).catch(failed); }, 220) });
  const whereTold = h("p", { class: "hint", id: "where-told" }, filterHint(gallery));

  const title = h("h1", {}, "Pictures");
  const sum = h("p", { class: "told" }, "\u00a0");
  const grid = h("div", { class: "grid" });
  const more = button("Show more", () => browse(false).catch(failed), { class: "quiet more", hidden: true });
  const searching = h("div", { class: "controls", hidden: true }, h("div", { class: "with-mark" }, upTo.root, mark), told, h("div", { class: "line" }, h("span", { class: "label" }, "How many"), many_));
  const browsing = h("div", { class: "controls" }, h("label", { class: "field", htmlFor: "by-name" }, h("span", { class: "label" }, "Name"), byName));
  const root = h("div", { class: "find-page" },
    h("aside", { class: "side", "aria-label": "What is searched for" }, drop, facts,
      h("details", { class: "refine", open: matchMedia("(min-width: 821px)").matches }, h("summary", {}, "Refine"), searching, browsing,
        h("div", { class: "controls" }, h("label", { class: "field", htmlFor: "where" }, h("span", { class: "label" }, "Only where"), filter),
          whereTold, h("datalist", { id: "filter-names" }, gallery.columns.map((column) => h("option", { value: started(column), label: column.about || undefined })))))),
    h("section", { class: "results", "aria-label": "Pictures" }, h("header", {}, title, sum), grid, more));

  const params = () => ({ q: state.sources.map((one) => one.token).join(","), where: state.where, name: state.q,
    k: state.k === 48 ? "" : state.k, upto: state.upTo === null ? "" : state.upTo.toFixed(5) });
  const remember = () => note("find", params());
  const noteLater = later(remember, 300);
  const goOn = () => go("find", params());

  /** Everything again from the address. */
  async function update(given) {
    state.sources = unpackAll(given.get("q"), gallery.code_size).slice(0, MOST_QUERIES);
    state.where = given.get("where") ?? "";
    state.q = given.get("name") ?? "";
    state.k = [24, 48, 96].includes(Number(given.get("k"))) ? Number(given.get("k")) : 48;
    state.upTo = given.has("upto") && Number.isFinite(Number(given.get("upto"))) ? Number(given.get("upto")) : null;
    filter.value = state.where;
    byName.value = state.q;
    for (const one of many_.querySelectorAll("input")) one.checked = one.value === String(state.k);
    const asked = state.sources.length > 0;
    searching.hidden = !asked;
    browsing.hidden = asked;
    drop.classList.toggle("asked", asked);
    await Promise.all([asked ? search() : browse(true), showQuery()]);
  }

  async function showQuery() {
    pictures.replaceChildren(...state.sources.map((source) => look(source, "Searched for")));
    if (!state.sources.length) { facts.replaceChildren(); return; }
    const [first] = state.sources;
    const q = state.sources.map((one) => one.token).join(",");
    const actions = h("p", { class: "row" },
      gallery.draws ? h("a", { class: "button", href: address("blend", { q }) }, "Blend") : null,
      gallery.draws ? h("a", { class: "button", href: address("edit", { q: first.token }) }, "Edit") : null,
      gallery.denoiser && first.id !== undefined ? h("a", { class: "button", href: address("clean", { q: first.token }) }, "Clean") : null,
      first.id !== undefined ? h("a", { class: "button", href: address("map", { at: first.id }) }, "On the map") : null,
      h("a", { class: "button quiet", href: address("find") }, "All pictures"));
    const mine = state.sources;
    const called = h("h2", {}, "\u00a0");
    const path = h("p", { class: "hint path" }, "\u00a0");
    const more = h("div", { class: "more-told" });
    const single = first.id !== undefined && mine.length === 1;
    facts.replaceChildren(called, single ? path : "", actions, single ? more : "");
    const names = await Promise.all(mine.map((one) => nameOf(one)));
    const item = single ? await studio.backend.item(first.id) : null;
    if (mine !== state.sources) return;
    called.textContent = mine.length > 1 ? `${mine.length} pictures together` : item?.person || shortName(names[0]);
    path.textContent = item?.name ?? "";
    more.replaceChildren(
      item?.columns?.photo && studio.backend.photo
        ? h("p", { class: "row" }, h("a", { class: "button", href: studio.backend.photo(item.id), target: "_blank", rel: "noopener" }, "Whole photo")) : "",
      item ? columnsOf(item, gallery) ?? "" : "");
  }

  async function search() {
    coming?.abort();
    coming = new AbortController();
    try {
      const found = await studio.backend.search(state.sources, state.k, state.where, coming.signal);
      whereTold.classList.remove("wrong");
      whereTold.textContent = filterHint(gallery);
      state.found = found.neighbours;
    } catch (error) {
      if (error.name === "AbortError") return;
      refused(error);
      state.found = [];
    }
    const furthest = state.found.at(-1)?.distance ?? 1;
    const top = Math.max(furthest, line ? 1.25 * line : 0) || 1;
    upTo.input.max = top;
    upTo.set(Math.min(state.upTo ?? top, top));
    mark.hidden = !line;
    if (line) {
      mark.style.setProperty("--at", String(line / top));
      mark.title = `The match line, ${distance(line)}`;
      mark.setAttribute("aria-label", `Show matches only: up to the match line, ${distance(line)}`);
    }
    title.textContent = "Look-alikes";
    more.hidden = true;
    draw();
  }

  /** Neighbours up to the slider's distance, matches first. */
  function draw() {
    const within = state.found.filter((one) => state.upTo === null || one.distance <= state.upTo + 1e-9);
    const matches = line ? within.filter((one) => one.distance <= line) : [];
    const others = within.filter((one) => !matches.includes(one));
    const parts = matches.map((one) => card(one, { match: true }));
    if (line && matches.length && others.length) parts.push(h("p", { class: "divider" }, h("span", {}, `match line ${distance(line)}`)));
    parts.push(...others.map((one) => card(one)));
    grid.replaceChildren(...(parts.length ? parts : [h("p", { class: "empty" }, state.found.length ? "Nothing is that near; raise the distance." : "No picture meets the filter.")]));
    sum.textContent = line ? `${count(within.length)} nearest, ${many(matches.length, "match").replace("matchs", "matches")}` : `${count(within.length)} nearest`;
    say(sum.textContent);
  }

  async function browse(anew) {
    coming?.abort();
    coming = new AbortController();
    if (anew) offset = 0;
    try {
      const { total, items } = await studio.backend.items({ offset, limit: PAGE, q: state.q, where: state.where }, coming.signal);
      whereTold.classList.remove("wrong");
      whereTold.textContent = filterHint(gallery);
      if (anew) grid.replaceChildren();
      offset += items.length;
      grid.append(...items.map((one) => card(one)));
      if (!total) grid.replaceChildren(h("p", { class: "empty" }, "No picture meets this."));
      title.textContent = "Pictures";
      sum.textContent = `${many(total, "picture")}; click one to find those that look like it`;
      more.hidden = offset >= total;
      if (anew) say(many(total, "picture"));
    } catch (error) {
      if (error.name === "AbortError") return;
      refused(error);
    }
  }

  function refused(error) {
    if (!state.where) { failed(error); return; }
    whereTold.classList.add("wrong");
    whereTold.textContent = error.message;
    grid.replaceChildren(h("p", { class: "empty" }, error.message));
    say(error.message);
  }

  /** The match line was still being measured when the tab was opened. */
  const prepared = () => {
    if (line || !gallery.match_basis) return;
    line = gallery.match_threshold;
    told.textContent = lineTold(gallery);
    if (line && state.sources.length) update(read().params).catch(failed);
  };
  window.addEventListener("prepared", prepared);
  return { root, update, leave: () => { coming?.abort(); window.removeEventListener("prepared", prepared); } };
}

const quoted = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : `"${name}"`);

/** A condition on a column, for somebody to go on with. */
function started({ name, kind, least, most }) {
  const middle = least !== null && most !== null ? (least + most) / 2 : 0;
  return `${quoted(name)} ${{ number: `> ${middle}`, flag: "= 1", text: "like '%'", time: ">= '2024-01'" }[kind]}`;
}

/** What a source knows of its pictures, first; what every gallery has, after it. */
function known({ attributes, columns }) {
  return [...columns.filter(({ name }) => attributes.includes(name)), ...columns.filter(({ name }) => !attributes.includes(name))];
}

function example(gallery) {
  const numbers = known(gallery).filter(({ name, kind }) => kind === "number" && gallery.attributes.includes(name)).map(({ name }) => name);
  return numbers.length ? `${quoted(numbers.includes("smile") ? "smile" : numbers[0])} > 0.5` : gallery.people ? "person = 'Ann'" : "name like '%a%'";
}

function filterHint(gallery) {
  const names = known(gallery).filter(({ name }) => gallery.people || name !== "person").map(({ name }) => quoted(name));
  return `Compare ${names.slice(0, 7).join(", ")}${names.length > 7 ? " …" : ""}; join by and, or.`;
}

function lineTold({ images, match_threshold: line, match_rate: rate, false_matches: wrong, match_basis: basis }) {
  if (!line && basis) return `Codes of this model cannot tell matches among ${count(images)} pictures: no line is drawn.`;
  if (!line) return "The match line is still being measured.";
  const same = basis === "people" ? "pairs of one person" : "slightly changed copies";
  const told = rate === undefined || rate === null ? "" : `: ${(100 * rate).toFixed(0)}% of ${same} are nearer`;
  const others = wrong === undefined || wrong === null ? "" : `, and ${wrong.toFixed(2)} others a search`;
  return `Match line at ${distance(line)}${told}${others}.`;
}

function columnsOf(item, { columns }) {
  const told = columns.filter(({ name, place }) => place !== null && (item.columns?.[name] ?? null) !== null);
  if (!told.length) return null;
  return h("details", {}, h("summary", {}, `${told.length} known of it`),
    h("dl", { class: "attributes" }, told.map(({ name, kind, unit }) => [h("dt", {}, name), h("dd", {}, shown(item.columns[name], kind, unit))])));
}

function shown(value, kind, unit) {
  if (kind === "text") return value;
  if (kind === "time") return value.replace("T", " ");
  if (kind === "flag") return value ? "yes" : "no";
  return `${Number(value).toFixed(Number.isInteger(value) ? 0 : 2)}${unit ? ` ${unit}` : ""}`;
}
