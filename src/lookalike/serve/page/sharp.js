// The switch between the model's own decoder and its sharp one, for every tab that draws.
import { drawing } from "./models.js";
import { h } from "./ui.js";

/** The switch, hidden where the model has no sharp decoder; `onturn` is called when a person has turned it. */
export function sharpSwitch(gallery, onturn) {
  const input = h("input", { type: "checkbox", onchange: () => { set(input.checked); onturn(); } });
  const said = h("span", { class: "hint", role: "status" });
  const root = h("div", { class: "sharp", hidden: !gallery.sharp },
    h("label", { class: "check" }, input, h("span", {}, "Draw sharp")), said);
  function set(on) {
    drawing.sharp = Boolean(on && gallery.sharp);
    input.checked = drawing.sharp;
    said.textContent = drawing.sharp ? "Drawn sharp: its detail is invented, not seen." : "";
  }
  set(drawing.sharp);
  return { root, set, get param() { return drawing.sharp ? "1" : ""; } };
}
