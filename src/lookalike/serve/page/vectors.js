// Arithmetic on codes, as the package's Python does it.

/** The code at a share t of the way from a to b, straight or along the sphere's arc (as `morph`'s "spherical"). */
export function between(a, b, t, kind = "linear") {
  let first = 1 - t;
  let second = t;
  if (kind === "spherical") {
    const la = Math.hypot(...a);
    const lb = Math.hypot(...b);
    let cosine = 0;
    for (let i = 0; i < a.length; i += 1) cosine += (a[i] / (la || 1)) * (b[i] / (lb || 1));
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (la > 0 && lb > 0 && Math.sin(angle) > 1e-6) {
      const length = la * (1 - t) + lb * t;
      first = (Math.sin((1 - t) * angle) / Math.sin(angle)) * (length / la);
      second = (Math.sin(t * angle) / Math.sin(angle)) * (length / lb);
    }
  }
  return Float32Array.from(a, (value, i) => first * value + second * b[i]);
}

/** The code at (x, y) of a square with three or four codes at its corners: left to right, then top to bottom. */
export function corners(codes, x, y) {
  const [a, b, c, d = c] = codes;
  const lower = codes.length === 3 ? c : between(c, d, x);
  return between(between(a, b, x), lower, y);
}

/** A code changed by amounts of directions, in their units. */
export function moved(code, changes) {
  const made = Float32Array.from(code);
  for (const { vector, scale, amount } of changes) {
    for (let i = 0; i < made.length; i += 1) made[i] += amount * scale * vector[i];
  }
  return made;
}

/** Peak signal-to-noise ratio of two pictures of one size, in dB. */
export function psnr(a, b) {
  let sum = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    for (let c = 0; c < 3; c += 1) sum += (a.data[i + c] - b.data[i + c]) ** 2;
  }
  const mse = sum / ((a.data.length / 4) * 3) / 255 ** 2;
  return mse === 0 ? Infinity : -10 * Math.log10(mse);
}
