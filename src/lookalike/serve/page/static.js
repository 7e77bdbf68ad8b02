// The studio from a plain folder: the same functions as `api.js`, computed in the browser from what lies in `data/`.
import { parse, reader } from "./filter.js";
import { framed } from "./framing.js";
import { groups } from "./grouping.js";
import * as models from "./models.js";
import { Space } from "./space.js";

const ROOT = "data/";

async function read(name) {
  const answer = await fetch(ROOT + name);
  if (!answer.ok) throw new Error(`This folder lacks ${ROOT}${name}; export it again.`);
  return answer;
}
const once = (make) => { let made = null; return () => (made ??= make()); };
const json = (name) => once(async () => (await read(name)).json());
const floats = (name) => once(async () => new Float32Array(await (await read(name)).arrayBuffer()));

const gallery = json("gallery.json");
const items = once(async () => {
  const { items: listed, columns } = await (await read("items.json")).json();
  return { listed, columns, places: new Map(listed.map((item, place) => [item.id, place])) };
});
const atlas = json("atlas.json");
const codes = floats("codes.f32");
const points = floats("points.f32");
const sheets = new Map();

async function placeOf(id) {
  const place = (await items()).places.get(id);
  if (place === undefined) throw new Error(`There is no picture ${id} in this gallery.`);
  return place;
}

async function codeOf(id) {
  const { code_size: size } = await gallery();
  const place = await placeOf(id);
  return (await codes()).slice(place * size, (place + 1) * size);
}

async function item(id) {
  const { listed, columns } = await items();
  const one = listed[await placeOf(id)];
  return { id, name: one.name, person: one.person, columns: Object.fromEntries(columns.map((column) => [column.name, reader(column)(one)])), code: await codeOf(id) };
}

async function chosen(where, q) {
  const { listed, columns } = await items();
  const meets = where ? parse(where, columns) : () => true;
  const part = (q ?? "").toLowerCase();
  return listed.filter((one) => (!part || one.name.toLowerCase().includes(part)) && meets(one));
}

async function search(sources, k, where) {
  const [all, { places, listed }, space] = [await points(), await items(), new Space(await gallery())];
  const asked = await Promise.all(sources.map(async (one) => space.point(one.code ?? await codeOf(one.id))));
  const mean = space.middle(asked);
  const own = new Set(sources.length === 1 && sources[0].id !== undefined ? [sources[0].id] : []);
  const among = where ? (await chosen(where)).map((one) => places.get(one.id)) : listed.keys();
  const found = [];
  for (const place of among) found.push([own.has(listed[place].id) ? 0 : space.distance(mean, all, place), place]);
  found.sort((a, b) => a[0] - b[0]);
  return { neighbours: found.slice(0, k).map(([distance, place]) => ({ id: listed[place].id, name: listed[place].name, person: listed[place].person, distance })) };
}

/** Tiles are stored by the order of `atlas.ids`, which is that of the items. */
let known = null;

async function pixels(id) {
  const told = thumbnail(id);
  if (!sheets.has(told.sheet)) sheets.set(told.sheet, read(told.sheet.replace(ROOT, "")).then((answer) => answer.blob()).then((blob) => createImageBitmap(blob)));
  const sheet = await sheets.get(told.sheet);
  const { image_shape: [height, width] } = await gallery();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(sheet, told.column * known.tile, told.row * known.tile, known.tile, known.tile, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function thumbnail(id) {
  const at = known.ids.indexOf(id);
  const inSheet = at % known.per_sheet;
  const rows = Math.ceil(Math.min(known.per_sheet, known.ids.length) / known.columns);
  return { sheet: `${ROOT}atlas-${Math.floor(at / known.per_sheet)}.jpg`, columns: known.columns, rows, column: inSheet % known.columns, row: Math.floor(inSheet / known.columns) };
}

async function difference(these, those) {
  const { code_size: size } = await gallery();
  const mean = async (ids) => {
    const sum = new Float64Array(size);
    for (const id of ids) (await codeOf(id)).forEach((value, i) => { sum[i] += value / ids.length; });
    return sum;
  };
  const [high, low] = [await mean(these), await mean(those)];
  const step = high.map((value, i) => value - low[i]);
  const scale = Math.hypot(...step);
  if (!scale) throw new Error("The two groups have one mean code; choose groups that differ.");
  return { name: "difference", kind: "difference", vector: Array.from(step, (value) => value / scale), scale, accuracy: null, meaningful: true };
}

/** The backend of a folder that any static host serves. */
export const folder = {
  kind: "static",
  async gallery() {
    const told = await gallery();
    known ??= await atlas();
    return told;
  },
  async items({ offset = 0, limit = 60, q = "", where = "" }) {
    const meeting = await chosen(where, q);
    return { total: meeting.length, items: meeting.slice(offset, offset + limit) };
  },
  item,
  search,
  thumbnail,
  pixels,
  encode: async (file) => models.encode(await framed(file, await gallery())),
  directions: once(async () => (await (await read("directions.json")).json()).directions),
  difference,
  async duplicates(threshold) {
    const told = await gallery();
    const { listed } = await items();
    return groups(await points(), listed, new Space(told), threshold ?? told.duplicate_threshold);
  },
  map: async (method) => (await (await read(`map-${method}.json`)).json()),
  async values(column) {
    const { listed, columns } = await items();
    return listed.map(reader(columns.find(({ name }) => name === column)));
  },
  async rows(ids) {
    const { listed, places } = await items();
    return ids.map((id) => listed[places.get(id)]);
  },
  atlas,
  sheet: (n) => `${ROOT}atlas-${n}.jpg`,
  runs: async () => (await gallery()).runs ?? [],
  run: async () => (await read("run.json")).json(),
  reconstructions: () => `${ROOT}reconstructions.png`,
};
