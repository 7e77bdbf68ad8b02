// The space in which the gallery compares codes, as `lookalike.search.metric` does it.

/** Turns codes into points, and points into distances of the gallery's metric. */
export class Space {
  /** Of `gallery.json`: `space` = {mean, matrix, unit, squared_half} and `code_size`. */
  constructor({ space, code_size: size }) {
    Object.assign(this, space, { size });
  }

  /** The point of a code. */
  point(code) {
    let values = Float64Array.from(code);
    if (this.mean) values = values.map((value, i) => value - this.mean[i]);
    if (this.matrix) {
      const turned = new Float64Array(this.size);
      for (let i = 0; i < this.size; i += 1) {
        const row = this.matrix[i];
        for (let j = 0; j < this.size; j += 1) turned[j] += values[i] * row[j];
      }
      values = turned;
    }
    if (this.unit) {
      const length = Math.hypot(...values);
      if (length > 0) values = values.map((value) => value / length);
    }
    return values;
  }

  /** The mean of points, that several pictures together are searched by. */
  middle(points) {
    return points[0].map((_, i) => points.reduce((sum, one) => sum + one[i], 0) / points.length);
  }

  /** The distance of a point from the stored one at a place. */
  distance(point, all, place) {
    let squared = 0;
    const start = place * this.size;
    for (let i = 0; i < this.size; i += 1) squared += (point[i] - all[start + i]) ** 2;
    return this.squared_half ? squared / 2 : Math.sqrt(squared);
  }
}
