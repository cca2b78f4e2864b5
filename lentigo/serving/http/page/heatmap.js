/** The heatmap: a coarse grid of what each cell adds to the logit, drawn smoothly.
 * Red and a single line speak for malignant, blue and a double line against. */

import { draw, make } from "./elements.js";
import { place } from "./words.js";

const SIDE = 320, FOR = [219, 46, 0], AGAINST = [0, 92, 191]; // pixels; colours as `lentigo explain` has them

/** A canvas with the heatmap, number[][], in shares of its strongest cell; `centres`, number[], say what columns and rows look at, as shares of the side. */
export function drawHeatmap(grid, centres = tile(grid.length)) {
  const canvas = make("canvas", { class: "heat", width: SIDE, height: SIDE, "aria-hidden": "true" });
  const shares = enlarge(grid, Math.max(...grid.flat().map(Math.abs)) || 1, centres), context = canvas.getContext("2d"), picture = context.createImageData(SIDE, SIDE);
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) picture.data.set(tint(shares[y][x], measureSlope(shares, y, x)), 4 * (y * SIDE + x));
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Red, green, blue and opacity of a share, -1 to 1; lines run along half of the strongest value. */
function tint(share, slope) {
  const away = (level) => (slope > 2e-4 ? Math.abs(share - level) / slope : Infinity);
  const line = Math.min(1, Math.max(0, 1.3 - away(0.5), 1.1 - Math.abs(away(-0.5) - 2.5)));
  const opacity = 0.85 * Math.abs(share), colour = share > 0 ? FOR : AGAINST, whole = line + opacity * (1 - line) || 1;
  return [...colour.map((part) => (part * opacity * (1 - line)) / whole), 255 * Math.min(1, whole)];
}

function measureSlope(shares, y, x) {
  const last = SIDE - 1, between = (low, high) => Math.max(1, high - low);
  const [top, bottom, left, right] = [Math.max(0, y - 1), Math.min(last, y + 1), Math.max(0, x - 1), Math.min(last, x + 1)];
  return Math.hypot((shares[bottom][x] - shares[top][x]) / between(top, bottom), (shares[y][right] - shares[y][left]) / between(left, right));
}

function enlarge(grid, limit, centres) {
  const shares = grid.map((row) => row.map((value) => value / limit));
  return turn(stretch(turn(stretch(shares, SIDE, centres)), SIDE, centres));
}

/** The centres of cells that tile the photograph. */
const tile = (count) => Array.from({ length: count }, (_, index) => (index + 0.5) / count);

const turn = (rows) => rows[0].map((_, column) => rows.map((row) => row[column]));

/** `SIDE` rows between the given ones by monotone cubics (PCHIP: Fritsch and Butland 1984), which paint no rim that the model never spoke of; beyond the outer centres they stay. */
export function stretch(rows, size = SIDE, centres = tile(rows.length)) {
  const step = centres.length > 1 ? centres[1] - centres[0] : 1;
  const at = (index) => rows[Math.min(rows.length - 1, Math.max(0, index))];
  return Array.from({ length: size }, (_, place) => {
    const position = ((place + 0.5) / size - centres[0]) / step, low = Math.floor(position), t = position - low;
    return rows[0].map((_, column) => between(at(low - 1)[column], at(low)[column], at(low + 1)[column], at(low + 2)[column], t));
  });
}

/** The monotone cubic from b to c at t, 0 to 1, with a before and d after them. */
function between(a, b, c, d, t) {
  const rise = c - b, start = lean(b - a, rise), end = lean(rise, d - c);
  return b + t * (start + t * (3 * rise - 2 * start - end + t * (start + end - 2 * rise)));
}

const lean = (before, after) => (before * after > 0 ? (2 * before * after) / (before + after) : 0);

/** What the heatmap shows, in a sentence. */
export function describeHeatmap(grid, centres = tile(grid.length)) {
  const cells = grid.flatMap((row, y) => row.map((value, x) => ({ value, place: place(centres[y] * grid.length - 0.5, centres[x] * grid.length - 0.5, grid.length) }))).sort((a, b) => a.value - b.value);
  const [least, most] = [cells[0], cells[cells.length - 1]];
  const parts = [most.value > 0 && `for malignant: ${most.place}`, least.value < 0 && `against: ${least.place}`].filter(Boolean);
  return parts.length ? `What speaks most ${parts.join("; ")}.` : "Nothing in the photograph moved the number.";
}

/** The key to its colours and lines. */
export function showLegend() {
  const sample = (name, ...lines) => draw("svg", { class: `sample ${name}`, viewBox: "0 0 28 14", "aria-hidden": "true" },
    draw("rect", { width: 28, height: 14, rx: 2 }),
    lines.map((y) => draw("line", { x1: 0, x2: 28, y1: y, y2: y })));
  return make("p", { class: "legend" },
    make("span", {}, sample("for", 7), "speaks for malignant"),
    make("span", {}, sample("against", 5, 9), "speaks against"));
}
