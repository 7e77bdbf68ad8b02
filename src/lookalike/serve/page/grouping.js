// Groups of near-duplicates in the browser, as `lookalike.gallery.grouping` makes them.

/** `{threshold, groups}`: pairs within the threshold joined, the largest group first, each with its medoid first. */
export function groups(points, items, space, threshold) {
  const count = items.length;
  const { size } = space;
  const most = space.squared_half ? 2 * threshold : threshold ** 2;
  const parent = Int32Array.from({ length: count }, (_, i) => i);
  const root = (i) => {
    let at = i;
    while (parent[at] !== at) { parent[at] = parent[parent[at]]; at = parent[at]; }
    return at;
  };
  for (let i = 0; i < count; i += 1) {
    for (let j = i + 1; j < count; j += 1) {
      let squared = 0;
      for (let d = 0, a = i * size, b = j * size; d < size && squared <= most; d += 1, a += 1, b += 1) squared += (points[a] - points[b]) ** 2;
      if (squared <= most) parent[root(j)] = root(i);
    }
  }
  const members = new Map();
  for (let i = 0; i < count; i += 1) {
    const of = root(i);
    if (!members.has(of)) members.set(of, []);
    members.get(of).push(i);
  }
  const made = [...members.values()].filter((group) => group.length > 1).map((group) => medoidFirst(group, points, items, space));
  made.sort((a, b) => b.length - a.length || (a[0].name < b[0].name ? -1 : 1));
  return { threshold, groups: made };
}

function medoidFirst(group, points, items, space) {
  const { size } = space;
  const far = (i, j) => space.distance(points.subarray(i * size, (i + 1) * size), points, j);
  const sums = group.map((i) => group.reduce((sum, j) => sum + far(i, j), 0));
  const medoid = group[sums.indexOf(Math.min(...sums))];
  return group.map((i) => ({ id: items[i].id, name: items[i].name, distance: i === medoid ? 0 : far(medoid, i), first: i === medoid }))
    .sort((a, b) => b.first - a.first || a.distance - b.distance)
    .map(({ id, name, distance }) => ({ id, name, distance }));
}
