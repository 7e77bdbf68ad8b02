// A list of any length of which only what is seen is there: tiles of one size, in rows, in a part that scrolls.
import { h } from "./ui.js";

const MORE = 2;

/**
 * `make(i)` gives the element of place i; tiles are at least `wide` pixels wide (0: the whole width) and `high` high.
 * `root` scrolls; `set(count)` begins anew, `refresh(i)` makes one again, `reveal(i)` scrolls it into sight.
 */
export function virtual(make, { wide = 0, high, ...given }) {
  const space = h("div", { class: "virtual-space", role: "presentation" });
  const root = h("div", { ...given, class: `virtual ${given.class ?? ""}` }, space);
  const held = new Map();
  let count = 0;
  let columns = 1;
  let waiting = 0;

  function place(i, one) {
    one.style.transform = `translate(${(i % columns) * 100}%, ${Math.floor(i / columns) * high}px)`;
    one.style.width = `${100 / columns}%`;
    one.style.height = `${high}px`;
    return one;
  }
  function fill() {
    waiting = 0;
    const first = Math.max(0, Math.floor(root.scrollTop / high) - MORE) * columns;
    const last = Math.min(count, (Math.ceil((root.scrollTop + root.clientHeight) / high) + MORE) * columns);
    for (const [i, one] of held) {
      if (i >= first && i < last) continue;
      one.remove();
      held.delete(i);
    }
    const coming = [];
    for (let i = first; i < last; i += 1) {
      if (held.has(i)) continue;
      held.set(i, place(i, h("div", { class: "virtual-tile", role: "presentation" }, make(i))));
      coming.push(held.get(i));
    }
    space.append(...coming);
  }
  function soon() {
    waiting ||= requestAnimationFrame(fill);
  }
  function lay() {
    columns = wide ? Math.max(1, Math.floor(root.clientWidth / wide)) : 1;
    space.style.height = `${Math.ceil(count / columns) * high}px`;
    for (const [i, one] of held) place(i, one);
    fill();
  }
  root.addEventListener("scroll", soon, { passive: true });
  const sizes = new ResizeObserver(lay);
  sizes.observe(root);
  return {
    root,
    set(most) {
      count = most;
      for (const one of held.values()) one.remove();
      held.clear();
      lay();
    },
    refresh(i) {
      if (held.has(i)) held.get(i).replaceChildren(make(i));
    },
    reveal(i) {
      const top = Math.floor(i / columns) * high;
      if (top < root.scrollTop) root.scrollTop = top;
      else if (top + high > root.scrollTop + root.clientHeight) root.scrollTop = top + high - root.clientHeight;
      fill();
    },
    leave: () => sizes.disconnect(),
  };
}
