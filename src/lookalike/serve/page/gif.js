// Animated GIFs (GIF89a), written here: one palette for all frames by median cut, LZW as the format asks.

const COLOURS = 256;

/** Frames (ImageData of one size) as a GIF that loops; `scale` enlarges each pixel, `delay` is in hundredths of a second. */
export function gif(frames, { scale = 1, delay = 8 } = {}) {
  const width = frames[0].width * scale;
  const height = frames[0].height * scale;
  const palette = medianCut(frames);
  const bytes = [];
  const word = (value) => bytes.push(value & 255, value >> 8);
  const text = (value) => { for (const c of value) bytes.push(c.charCodeAt(0)); };
  text("GIF89a");
  word(width);
  word(height);
  bytes.push(0xf7, 0, 0, ...palette.flat());
  bytes.push(0x21, 0xff, 11);
  text("NETSCAPE2.0");
  bytes.push(3, 1, 0, 0, 0);
  const nearest = finder(palette);
  for (const frame of frames) {
    bytes.push(0x21, 0xf9, 4, 4);
    word(delay);
    bytes.push(0, 0, 0x2c, 0, 0, 0, 0);
    word(width);
    word(height);
    bytes.push(0, 8);
    for (const part of chunks(lzw(indexed(frame, scale, nearest)))) { bytes.push(part.length); for (const byte of part) bytes.push(byte); }
    bytes.push(0);
  }
  bytes.push(0x3b);
  return new Blob([Uint8Array.from(bytes)], { type: "image/gif" });
}

/** The palette: boxes of colours, cut at the median of their longest side until there are enough. */
function medianCut(frames) {
  const colours = [];
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) colours.push([data[i], data[i + 1], data[i + 2]]);
  }
  const spread = (box) => {
    const sides = [0, 1, 2].map((c) => {
      let low = 255;
      let high = 0;
      for (const colour of box) { low = Math.min(low, colour[c]); high = Math.max(high, colour[c]); }
      return high - low;
    });
    const side = sides.indexOf(Math.max(...sides));
    return { box, side, size: sides[side] };
  };
  let boxes = [spread(colours)];
  while (boxes.length < COLOURS) {
    const widest = boxes.reduce((best, one) => (one.size * Math.cbrt(one.box.length) > best.size * Math.cbrt(best.box.length) ? one : best));
    if (!widest.size) break;
    const sorted = widest.box.toSorted((a, b) => a[widest.side] - b[widest.side]);
    const half = sorted.length >> 1;
    boxes = [...boxes.filter((one) => one !== widest), spread(sorted.slice(0, half)), spread(sorted.slice(half))];
  }
  const means = boxes.map(({ box }) => [0, 1, 2].map((c) => Math.round(box.reduce((sum, colour) => sum + colour[c], 0) / box.length)));
  while (means.length < COLOURS) means.push([0, 0, 0]);
  return means;
}

/** The place of the palette's nearest colour, remembered for colours seen before. */
function finder(palette) {
  const known = new Map();
  return (red, green, blue) => {
    const key = (red << 16) | (green << 8) | blue;
    if (!known.has(key)) {
      let best = 0;
      let least = Infinity;
      palette.forEach(([r, g, b], i) => {
        const far = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
        if (far < least) { least = far; best = i; }
      });
      known.set(key, best);
    }
    return known.get(key);
  };
}

function indexed({ width, height, data }, scale, nearest) {
  const out = new Uint8Array(width * height * scale * scale);
  for (let y = 0; y < height * scale; y += 1) {
    for (let x = 0; x < width * scale; x += 1) {
      const at = 4 * (Math.floor(y / scale) * width + Math.floor(x / scale));
      out[y * width * scale + x] = nearest(data[at], data[at + 1], data[at + 2]);
    }
  }
  return out;
}

/** LZW with codes of 9 to 12 bits, as GIF packs them: lowest bit first. */
function lzw(pixels) {
  const out = [];
  let buffer = 0;
  let held = 0;
  let size = 9;
  const put = (code) => {
    buffer |= code << held;
    held += size;
    while (held >= 8) { out.push(buffer & 255); buffer >>>= 8; held -= 8; }
  };
  const CLEAR = 256;
  let table = new Map();
  let next = 258;
  put(CLEAR);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i += 1) {
    const key = (prefix << 8) | pixels[i];
    const known = table.get(key);
    if (known !== undefined) { prefix = known; continue; }
    put(prefix);
    if (next < 4096) {
      table.set(key, next);
      if (next === 1 << size) size += 1;
      next += 1;
    } else {
      put(CLEAR);
      table = new Map();
      next = 258;
      size = 9;
    }
    prefix = pixels[i];
  }
  put(prefix);
  put(CLEAR + 1);
  if (held) out.push(buffer & 255);
  return out;
}

function* chunks(bytes) {
  for (let i = 0; i < bytes.length; i += 255) yield bytes.slice(i, i + 255);
}
