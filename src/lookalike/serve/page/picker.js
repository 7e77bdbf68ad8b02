// A dialog in which one or several pictures are chosen: stored ones by looking and by name, or an own file.
import { accepted, bring, studio, thumb } from "./studio.js";
import { button, count, failed, h, later, many, shortName } from "./ui.js";

const PAGE = 60;

/** Let the person choose; resolves to sources, or null where they changed their mind. */
export function pick({ title, several = false, files = true, chosen = [] }) {
  const marked = new Map(chosen.map((source) => [source.token, source]));
  const grid = h("div", { class: "grid small", role: "group", "aria-label": "Pictures" });
  const told = h("p", { class: "told", role: "status" }, "\u00a0");
  const more = button("Show more", () => load(false).catch(failed), { class: "quiet", hidden: true });
  const done = button("Use these", () => close([...marked.values()]), { class: "strong", hidden: !several, disabled: !marked.size });
  const search = h("input", { type: "search", placeholder: "Part of a name", "aria-label": "Part of a name", oninput: later(() => load(true).catch(failed), 200) });
  const file = h("input", { type: "file", accept: accepted(), class: "visually-hidden", tabIndex: -1, "aria-hidden": "true",
    onchange: () => bring(file.files[0]).then((source) => take(source)).catch(failed) });
  const dialog = h("dialog", { class: "picker", "aria-labelledby": "picker-title", onclose: () => close(null) },
    h("header", {}, h("h2", { id: "picker-title" }, title), button("Close", () => close(null), { class: "quiet" })),
    h("div", { class: "row" }, search, files ? button("From your files…", () => file.click()) : null, file, done),
    told, h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Pictures to choose from" }, grid, more));
  let resolve;
  let offset = 0;
  let coming = null;

  function close(result) {
    dialog.close();
    dialog.remove();
    resolve(result);
  }

  function take(source) {
    if (!several) { close([source]); return; }
    if (marked.has(source.token)) marked.delete(source.token);
    else marked.set(source.token, source);
    done.disabled = !marked.size;
    done.textContent = marked.size ? `Use ${many(marked.size, "picture")}` : "Use these";
    for (const one of grid.children) one.setAttribute("aria-pressed", String(marked.has(one.dataset.token)));
  }

  async function load(anew) {
    coming?.abort();
    coming = new AbortController();
    if (anew) offset = 0;
    const { total, items } = await studio.backend.items({ offset, limit: PAGE, q: search.value.trim() }, coming.signal);
    if (anew) grid.replaceChildren();
    offset += items.length;
    grid.append(...items.map(({ id, name }) => h("button", {
      type: "button", class: "card", title: name, "aria-label": shortName(name), "aria-pressed": several ? String(marked.has(String(id))) : null,
      "data-token": String(id), onclick: () => take({ token: String(id), id }),
    }, thumb(id))));
    more.hidden = offset >= total;
    told.textContent = total ? `${count(total)} pictures` : "No picture has that in its name.";
  }

  document.body.append(dialog);
  dialog.showModal();
  load(true).catch(failed);
  return new Promise((settle) => { resolve = settle; });
}
