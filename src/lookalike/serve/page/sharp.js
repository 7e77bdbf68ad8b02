// The switch between the model's own decoder and its sharp one, and how far to go, for every tab that draws.
import { drawing } from "./models.js";
import { h, later, slider } from "./ui.js";

const LEAST = 0.05;
const AT_REST = 250;

/**
 * The switch with its slider, hidden where the model has no sharp decoder. `onmove` is called whenever a person has
 * changed how sharp to draw, `onrest` once they have done so: at once for the switch, soon after for the slider.
 */
export function sharpSwitch(gallery, onmove, onrest) {
  const turn = () => { follow(); onmove(); };
  const rested = later(onrest, AT_REST);
  const input = h("input", { type: "checkbox", onchange: () => { turn(); onrest(); } });
  const how = slider({ label: "How sharp", min: LEAST, max: 1, step: LEAST, value: drawing.sharp || 1, show: (share) => `${Math.round(100 * share)}%`,
    oninput: () => { turn(); rested(); } });
  const said = h("span", { class: "hint", role: "status" });
  const root = h("div", { class: "sharp", hidden: !gallery.sharp },
    h("label", { class: "check" }, input, h("span", {}, "Draw sharp")), how.root, said);
  /** Draw as switch and slider stand. */
  function follow() {
    drawing.sharp = input.checked ? how.value : 0;
    how.root.hidden = !input.checked;
    if (Boolean(said.textContent) !== input.checked) said.textContent = input.checked ? "Drawn sharp: its detail is invented, not seen." : "";
  }
  /** As an address says it: nothing, or how far; to a step of the slider. */
  function set(text) {
    const share = Number(text);
    input.checked = Boolean(share > 0 && gallery.sharp);
    if (input.checked) how.set(LEAST * Math.round(Math.min(1, Math.max(LEAST, share)) / LEAST));
    follow();
  }
  set(drawing.sharp);
  return { root, set, get param() { return drawing.sharp || ""; } };
}
