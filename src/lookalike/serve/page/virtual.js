// A list of any length of which only what is seen is there: tiles of one size, in rows, in a part that scrolls.
import { h } from "./ui.js";

const MORE = 2;
/** Pixels a millisecond from which on a list passes by: nobody sees what a tile shows, and another takes its place. */
const FLUNG = 4;
/** Slower frames in a row until it no longer passes: where a frame is late, the one after it often brings a short way only. */
const SLOWER = 4;
/** Tiles finished in one frame, so that a list that comes to rest does not miss the next. */
const FINISHED = 5;

/**
 * `make(i, passes)` gives the element of place i, without what takes time where it only passes by; tiles are at least
 * `wide` pixels wide (0: the whole width) and `high` high.
 * `root` scrolls; `set(count)` begins anew, `refresh(i)` makes one again, `reveal(i)` scrolls it into sight.
 */
export function virtual(make, { wide = 0, high, ...given }) {
  const space = h("div", { class: "virtual-space", role: "presentation" });
  const root = h("div", { ...given, class: `virtual ${given.class ?? ""}` }, space);
  const held = new Map();
  const unfinished = new Set();
  let before = { top: 0, at: 0 };
  let slower = SLOWER;
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
    const [top, seen, at] = [root.scrollTop, root.clientHeight, performance.now()];
    slower = Math.abs(top - before.top) > FLUNG * (at - before.at) ? 0 : slower + 1;
    const passes = slower < SLOWER;
    before = { top, at };
    const first = Math.max(0, Math.floor(top / high) - MORE) * columns;
    const last = Math.min(count, (Math.ceil((top + seen) / high) + MORE) * columns);
    for (const [i, one] of held) {
      if (i >= first && i < last) continue;
      one.remove();
      held.delete(i);
      unfinished.delete(i);
    }
    if (!passes) finish();
    const coming = [];
    for (let i = first; i < last; i += 1) {
      if (held.has(i)) continue;
      held.set(i, place(i, h("div", { class: "virtual-tile", role: "presentation" }, make(i, passes))));
      coming.push(held.get(i));
      if (passes) unfinished.add(i);
    }
    space.append(...coming);
    if (unfinished.size) soon();
  }
  function finish() {
    for (const i of [...unfinished].slice(0, FINISHED)) {
      held.get(i).replaceChildren(make(i, false));
      unfinished.delete(i);
    }
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
      unfinished.clear();
      lay();
    },
    refresh(i) {
      if (held.has(i)) held.get(i).replaceChildren(make(i, unfinished.has(i)));
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
