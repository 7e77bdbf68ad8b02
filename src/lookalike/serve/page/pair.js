// Two pictures over one another, as their files are where they can be read again, with their difference; or one alone.
import { compare } from "./compare.js";
import { studio } from "./studio.js";
import { count, failed, h, later } from "./ui.js";

const LARGEST = 1600;
const STRONGER = 4;
const KEPT = 24;
/** Milliseconds that a picture is looked at before its file is asked for. */
const REST = 80;

/** A picture as an image of any size, and where it is from. The last few are kept. */
const held = new Map();
function pictureOf(id) {
  if (!held.has(id)) {
    held.set(id, studio.backend.original(id).then(async ({ blob, isStored }) => ({ image: await createImageBitmap(blob), bytes: isStored ? null : blob.size }))
      .catch(async () => ({ image: await createImageBitmap(await studio.backend.pixels(id)), bytes: null })));
    if (held.size > KEPT) held.delete(held.keys().next().value);
  }
  return held.get(id);
}

function fitted(image, width, height) {
  const scale = Math.min(width / image.width, height / image.height);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(image, (width - image.width * scale) / 2, (height - image.height * scale) / 2, image.width * scale, image.height * scale);
  return context.getImageData(0, 0, width, height);
}

function differenceOf(a, b) {
  const made = new ImageData(a.width, a.height);
  for (let i = 0; i < made.data.length; i += 1) made.data[i] = i % 4 === 3 ? 255 : Math.abs(a.data[i] - b.data[i]) * STRONGER;
  return made;
}

const told = ({ image, bytes }) => (bytes === null ? "as stored" : `${count(image.width)} × ${count(image.height)}, ${bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`}`);

/** `show(left, right)` of stored pictures with their `action`, right null for one alone; `difference()` goes there and back. */
export function pairView() {
  const both = compare("left", "right");
  const root = h("div", { class: "pair-view" }, both.root);
  both.root.hidden = true;
  let now = [];
  let isDifference = false;

  async function draw(given) {
    const [left, right] = given;
    const one = await pictureOf(left.id);
    const other = right ? await pictureOf(right.id) : one;
    if (given !== now) return;
    const larger = one.image.width * one.image.height >= other.image.width * other.image.height ? one.image : other.image;
    const scale = Math.min(1, LARGEST / Math.max(larger.width, larger.height));
    const [width, height] = [Math.max(1, Math.round(larger.width * scale)), Math.max(1, Math.round(larger.height * scale))];
    const [a, b] = [fitted(one.image, width, height), fitted(other.image, width, height)];
    both.root.hidden = false;
    both.root.classList.toggle("single", !right);
    both.root.style.maxWidth = `calc(${(width / height).toFixed(4)} * var(--high))`;
    await both.show(a, isDifference && right ? differenceOf(a, b) : b);
    both.rename(`${left.action}: ${told(one)}`, !right ? "" : isDifference ? "difference" : `${right.action}: ${told(other)}`);
  }
  const soon = later(() => draw(now).catch(failed), REST);
  return {
    root,
    show(left, right) {
      now = [left, right];
      soon();
    },
    difference() {
      isDifference = !isDifference;
      return draw(now);
    },
  };
}
