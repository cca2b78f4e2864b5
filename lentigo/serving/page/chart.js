/** A line over time for the probability and one for the area. The table beside it says the same. */

import { draw, make } from "./elements.js";
import { day, round, when } from "./words.js";

/** The lines of a lesion's photographs, oldest first. */
export function drawHistory(predictions) {
  const times = predictions.map((prediction) => Date.parse(when(prediction))), areas = readAreas(predictions);
  const days = predictions.map((prediction) => day(when(prediction)));
  const probability = drawLine("Probability of malignant", times, days, predictions.map((one) => one.probability), 1, (value) => `${round(100 * value, 0)} %`, predictions.at(-1).threshold);
  const area = areas && drawLine(`Area, ${areas.unit}`, times, days, areas.values, 1.15 * Math.max(...areas.values.filter((value) => value !== null)), (value) => round(value, areas.unit === "mm²" ? 1 : 0));
  return make("div", { class: "charts" }, probability, area);
}

/** Areas in mm² where all have a scale, else in pixels; null where no photograph shows a lesion. */
function readAreas(predictions) {
  const read = (name) => predictions.map((prediction) => prediction.measures?.[name] ?? null), mm2 = read("area_mm2"), px = read("area_px");
  if (px.every((value) => value === null)) return null;
  return mm2.some((value, index) => value === null && px[index] !== null) ? { unit: "px²", values: px } : { unit: "mm²", values: mm2 };
}

/** One chart. Places are in percent, so that letters keep their size at every width. */
function drawLine(title, times, days, values, top, write, level = null) {
  const first = times[0], span = times.at(-1) - first;
  const x = (index) => `${1 + 98 * (span ? (times[index] - first) / span : index / Math.max(1, times.length - 1))}%`, y = (value) => `${88 - 74 * (value / top)}%`;
  const known = values.map((value, index) => ({ value, index })).filter(({ value }) => value !== null);
  const lines = known.slice(1).map((to, index) => draw("line", { class: "course", x1: x(known[index].index), y1: y(known[index].value), x2: x(to.index), y2: y(to.value) }));
  const points = known.map(({ value, index }) => draw("circle", { cx: x(index), cy: y(value), r: 4 }));
  const ends = known.filter((_, index) => index === 0 || index === known.length - 1).map(({ value, index }, last) => draw("text", { x: x(index), y: y(value), dy: -10, "text-anchor": last ? "end" : "start" }, write(value)));
  const dates = [0, times.length - 1].map((index, last) => draw("text", { class: "soft", x: x(index), y: "100%", dy: -4, "text-anchor": last ? "end" : "start" }, days[index]));
  const limit = level === null ? [] : [draw("line", { class: "limit", x1: "1%", x2: "99%", y1: y(level), y2: y(level) }), draw("text", { class: "soft", x: "50%", y: y(level), dy: -5, "text-anchor": "middle" }, `operating point ${write(level)}`)];
  const words = `${title}: ${values.map((value, index) => `${days[index]}, ${value === null ? "unknown" : write(value)}`).join("; ")}`;
  return make("figure", { class: "chart" }, make("figcaption", {}, title), draw("svg", { role: "img", "aria-label": words }, draw("line", { class: "axis", x1: "1%", x2: "99%", y1: "88%", y2: "88%" }), limit, lines, points, ends, dates));
}
