// Two pictures over one another with a divider that is dragged, or moved by arrow keys.
import { h, paint } from "./ui.js";

/** The element, its right canvas, and `show(left, right)` of pixels. */
export function compare(leftName, rightName) {
  const left = h("canvas", { width: 32, height: 32 });
  const right = h("canvas", { width: 32, height: 32, class: "over" });
  const range = h("input", { type: "range", min: 0, max: 100, step: 0.5, "aria-label": `Divider between ${leftName} and ${rightName}`, oninput: () => place(Number(range.value)) });
  const names = [h("span", { class: "name left" }, leftName), h("span", { class: "name right" }, rightName)];
  const root = h("div", { class: "compare" }, left, right, h("span", { class: "divider-line", "aria-hidden": "true" }), names, range);
  range.value = 50;
  function place(share) {
    root.style.setProperty("--cut", `${share}%`);
    range.setAttribute("aria-valuetext", `${Math.round(share)}% ${leftName}`);
  }
  place(50);
  return {
    root,
    right,
    async show(leftPixels, rightPixels) {
      await Promise.all([paint(left, leftPixels), paint(right, rightPixels)]);
      root.style.aspectRatio = `${leftPixels.width} / ${leftPixels.height}`;
    },
    rename(leftText, rightText) {
      names[0].textContent = leftText;
      names[1].textContent = rightText;
      range.setAttribute("aria-label", `Divider between ${leftText} and ${rightText}`);
    },
  };
}
