// Rows of the stored pictures that are nearest to a code.
import { studio, thumb } from "./studio.js";
import { distance, h, later, shortName } from "./ui.js";
import { address } from "./url.js";

/** A stored picture that leads to its own look-alikes. */
export function card({ id, name, distance: far, person }, { match = false } = {}) {
  const hidden = (text) => h("span", { class: "visually-hidden" }, text);
  return h("a", { class: match ? "card match" : "card", href: address("find", { q: String(id) }), title: name, draggable: false },
    thumb(id),
    h("span", { class: "caption" },
      far === undefined ? null : [hidden("distance "), h("b", {}, distance(far)), " "],
      h("span", {}, person || shortName(name)), match ? hidden(", a match") : null));
}

/** A strip of the nearest stored pictures; `show(code)` fills it once the person rests. */
export function strip(title, k = 8) {
  const row = h("div", { class: "strip" }, Array.from({ length: k }, () => h("span", { class: "card blank" }, h("span", { class: "thumb" }))));
  const root = h("section", { class: "nearest" }, h("h2", {}, title), row);
  let coming = null;
  const show = later(async (code) => {
    coming?.abort();
    coming = new AbortController();
    try {
      const { neighbours } = await studio.backend.search([{ code }], k, "", coming.signal);
      row.replaceChildren(...neighbours.map((one) => card(one)));
    } catch (error) {
      if (error.name !== "AbortError") row.replaceChildren(h("p", { class: "told" }, error.message));
    }
  }, 180);
  return { root, show };
}
