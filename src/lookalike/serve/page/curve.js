// A line chart of losses over epochs, in SVG.
import { h } from "./ui.js";

const LEFT = 62;
const RIGHT = 90;
const TOP = 14;
const BOTTOM = 34;

/** Lines `{name, points: [[epoch, loss], ...]}` as an SVG element; `narrow` for a phone. */
export function curve(lines, logarithmic, narrow = false) {
  const [width, height] = narrow ? [420, 300] : [900, 300];
  const all = lines.flatMap((line) => line.points);
  const [firstEpoch, lastEpoch] = [Math.min(...all.map(([x]) => x)), Math.max(...all.map(([x]) => x))];
  const turn = logarithmic ? Math.log10 : (value) => value;
  const back = logarithmic ? (value) => 10 ** value : (value) => value;
  let [low, high] = [Math.min(...all.map(([, y]) => turn(y))), Math.max(...all.map(([, y]) => turn(y)))];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  [low, high] = [low - room, high + room];
  const x = (epoch) => LEFT + ((width - LEFT - RIGHT) * (epoch - firstEpoch)) / (lastEpoch - firstEpoch || 1);
  const y = (loss) => TOP + ((height - TOP - BOTTOM) * (high - turn(loss))) / (high - low);
  const ticks = Array.from({ length: 5 }, (_, i) => back(low + ((high - low) * (i + 0.5)) / 5));
  const epochs = [...new Set(Array.from({ length: 6 }, (_, i) => Math.round(firstEpoch + ((lastEpoch - firstEpoch) * i) / 5)))];
  const ends = lines.map((line, i) => ({ i, name: line.name, at: y(line.points.at(-1)[1]) })).toSorted((a, b) => a.at - b.at);
  ends.forEach((end, i) => { if (i) end.at = Math.max(end.at, ends[i - 1].at + 16); }); // names do not lie on one another
  const told = lines.map((line) => `${line.name} from ${line.points[0][1].toPrecision(3)} to ${line.points.at(-1)[1].toPrecision(3)}`).join("; ");
  return h("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve", role: "img", "aria-label": `Loss over ${lastEpoch} epochs: ${told}` },
    ticks.map((loss) => [
      h("svg:line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(loss), y2: y(loss) }),
      h("svg:text", { x: LEFT - 8, y: y(loss) + 4, "text-anchor": "end" }, loss.toPrecision(2)),
    ]),
    epochs.map((epoch) => h("svg:text", { x: x(epoch), y: height - 12, "text-anchor": "middle" }, String(epoch))),
    h("svg:text", { x: width - RIGHT + 8, y: height - 12 }, "epochs"),
    lines.map((line, i) => h("svg:path", { class: `line l${i}`, d: line.points.map(([epoch, loss], at) => `${at ? "L" : "M"}${x(epoch).toFixed(1)} ${y(loss).toFixed(1)}`).join("") })),
    lines.map((line, i) => (line.points.length === 1 ? h("svg:circle", { class: `dot l${i}`, cx: x(line.points[0][0]), cy: y(line.points[0][1]), r: 3 }) : null)),
    ends.map(({ i, name, at }) => h("svg:text", { class: `name l${i}`, x: width - RIGHT + 8, y: at + 4 }, name)));
}
