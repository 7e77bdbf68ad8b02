// Small pieces that every tab is built of.

/** Make an element: properties and attributes by name, `on...` as listeners, children as nodes or text. */
export function h(tag, given = {}, ...children) {
  const made = tag === "svg" || tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.replace("svg:", ""))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.setAttribute("class", value);
    else if (name === "style") Object.assign(made.style, value);
    else if (name in made && name !== "list" && !name.includes("-") && !(made instanceof SVGElement)) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Tell a screen reader what has changed; the same words twice are said twice. */
export function say(text) {
  const place = document.getElementById("says");
  place.textContent = place.textContent === text ? `${text}\u00a0` : text;
}

let toastEnds = 0;

/** Show a failure, or a short notice, over the page for some seconds. */
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.hidden = false;
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => { place.hidden = true; }, 7000);
}

/** What a failure says to a person; what was cut off on purpose says nothing. */
export function failed(error) {
  if (error?.name === "AbortError") return;
  toast(error?.message || String(error));
}

/** Call `run` once nothing more has come for `wait` milliseconds. */
export function later(run, wait = 150) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), wait);
  };
}

/** Call `run` at most once a frame with the last arguments, and never while it is still at work. */
export function everyFrame(run) {
  let waiting = null;
  let busy = false;
  async function turn() {
    const given = waiting;
    waiting = null;
    try {
      await run(...given);
    } catch (error) {
      failed(error);
    }
    busy = false;
    if (waiting) start();
  }
  function start() {
    busy = true;
    requestAnimationFrame(turn);
  }
  return (...given) => {
    waiting = given;
    if (!busy) start();
  };
}

/** A labelled range with its value beside it. */
export function slider({ label, min, max, step, value, show = (v) => v.toFixed(2), oninput, onchange, id, hint }) {
  const output = h("output", { class: "value" }, show(value));
  const input = h("input", {
    type: "range", min, max, step, id, "aria-label": label, "aria-description": hint || null, "aria-valuetext": show(value),
    oninput: () => {
      set(Number(input.value));
      oninput?.(Number(input.value));
    },
    onchange: () => onchange?.(Number(input.value)),
  });
  input.value = value;
  const set = (v) => {
    if (Number(input.value) !== v) input.value = v;
    output.textContent = show(v);
    input.setAttribute("aria-valuetext", show(v));
  };
  const root = h("label", { class: "slider" }, h("span", { class: "label" }, label, hint ? h("small", {}, hint) : null), output, input);
  return { root, input, set, get value() { return Number(input.value); } };
}

/** One of a few, as a row of radio buttons. */
export function choice({ label, options, value, onchange }) {
  const name = `choice-${Math.random().toString(36).slice(2)}`;
  const inputs = options.map(([key, text]) => {
    const input = h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => onchange(key) });
    return h("label", {}, input, h("span", {}, text));
  });
  return h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, label), inputs);
}

/** A button. */
export function button(text, onclick, given = {}) {
  return h("button", { type: "button", onclick, ...given }, text);
}

/** A distance as it is shown everywhere. */
export const distance = (value) => value.toFixed(value < 10 ? 3 : 1);

/** A number with thousands apart. */
export const count = (value) => value.toLocaleString("en-GB");

/** "1 picture", "2 pictures". */
export const many = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A file name without folders and ending, for captions. */
export const shortName = (name) => name.split("/").pop().replace(/\.[a-z]{3,4}$/i, "").replace(/_/g, " ");

/** The same for several: where some would read alike, with as many of their folders as tell them apart. */
export const apartNames = (names) => names.map((name) => {
  const short = (one, n) => [...one.split("/").slice(0, -1).slice(-n || Infinity), shortName(one)].join("/");
  const n = [...names.join("/").split("/").keys()].find((n) => names.every((one) => one === name || short(one, n) !== short(name, n)));
  return n === undefined ? name : short(name, n);
});

/** Offer a blob as a download. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Whether the person asked for less movement. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Draw pixels onto a canvas, filling it. */
export async function paint(canvas, picture) {
  if (picture instanceof ImageData) {
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return;
  }
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

/** Pixels of a blob or image. */
export async function pixelsOf(source) {
  const bitmap = source instanceof Blob ? await createImageBitmap(source) : source;
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
