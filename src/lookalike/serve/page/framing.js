// A picture of any size becomes the model's (height, width), as `lookalike.data.framing` says.

const MOST_PIXELS = 60e6;

/** A picture file framed as the gallery's: ImageData. `gallery` tells `image_shape` and `framing` = {crop, fit}. */
export async function framed(file, { image_shape: [height, width], framing }) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new Error(`${file.name || "This"} cannot be read as a picture.`);
  });
  if (bitmap.width * bitmap.height > MOST_PIXELS) throw new Error(`This picture has ${bitmap.width} x ${bitmap.height} pixels; bring one of at most 60 million.`);
  const cut = framing.crop;
  const [wide, high] = [bitmap.width - 2 * cut, bitmap.height - 2 * cut];
  if (wide < 1 || high < 1) throw new Error(`Of ${bitmap.width} x ${bitmap.height} pixels nothing is left once ${cut} are cut from each side; bring a larger picture.`);
  const part = { x: cut, y: cut, width: wide, height: high };
  const target = { x: 0, y: 0, width, height };
  if (framing.fit === "crop") shrink(part, width / height);
  if (framing.fit === "pad") shrink(target, wide / high);
  const canvas = new OffscreenCanvas(part.width, part.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, part.width, part.height);
  context.drawImage(bitmap, -part.x, -part.y);
  const source = context.getImageData(0, 0, part.width, part.height);
  const small = resized(source, target.width, target.height, framing.fit !== "stretch");
  return framing.fit === "pad" ? padded(small, target, width, height) : small;
}

/** Cut a box to the largest centred part of an aspect (width by height). */
function shrink(box, aspect) {
  if (box.width > box.height * aspect) {
    const width = Math.max(1, Math.round(box.height * aspect));
    box.x += Math.floor((box.width - width) / 2);
    box.width = width;
  } else {
    const height = Math.max(1, Math.round(box.width / aspect));
    box.y += Math.floor((box.height - height) / 2);
    box.height = height;
  }
}

/** Bilinear: two taps an axis, or a triangle as wide as the reduction asks for (antialiasing). */
function resized(source, width, height, antialiased) {
  const columns = taps(source.width, width, antialiased);
  const rows = taps(source.height, height, antialiased);
  const middle = new Float32Array(source.height * width * 4);
  for (let y = 0; y < source.height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (const [from, weight] of columns[x]) {
        for (let c = 0; c < 4; c += 1) middle[4 * (y * width + x) + c] += weight * source.data[4 * (y * source.width + from) + c];
      }
    }
  }
  const out = new ImageData(width, height);
  const sum = new Float32Array(4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      sum.fill(0);
      for (const [from, weight] of rows[y]) {
        for (let c = 0; c < 4; c += 1) sum[c] += weight * middle[4 * (from * width + x) + c];
      }
      out.data.set(sum.map(Math.round), 4 * (y * width + x));
    }
  }
  return out;
}

function taps(from, to, antialiased) {
  const ratio = from / to;
  const reach = antialiased ? Math.max(1, ratio) : 1;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio - 0.5;
    const found = new Map();
    let sum = 0;
    for (let at = Math.ceil(centre - reach); at <= Math.floor(centre + reach); at += 1) {
      const weight = 1 - Math.abs(at - centre) / reach;
      if (weight <= 0) continue;
      const inside = Math.min(from - 1, Math.max(0, at));
      if (antialiased && inside !== at) continue; // as Pillow: what lies outside has no say
      found.set(inside, (found.get(inside) ?? 0) + weight);
      sum += weight;
    }
    return [...found].map(([at, weight]) => [at, weight / sum]);
  });
}

/** The edge pixels repeated where the aspect leaves room. */
function padded(small, target, width, height) {
  const out = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    const fromY = Math.min(small.height - 1, Math.max(0, y - target.y));
    for (let x = 0; x < width; x += 1) {
      const fromX = Math.min(small.width - 1, Math.max(0, x - target.x));
      const at = 4 * (fromY * small.width + fromX);
      out.data.set(small.data.subarray(at, at + 4), 4 * (y * width + x));
    }
  }
  return out;
}
