/** A line over time for the probability and one for the area. The table beside it says the same. */

import { draw, make } from "./elements.js";
import { day, isRefused, round, when } from "./words.js";

/** The lines of a lesion's photographs, oldest first. */
export function drawHistory(predictions) {
  const times = predictions.map((prediction) => Date.parse(when(prediction))), areas = readAreas(predictions);
  const days = predictions.map((prediction) => day(when(prediction)));
  const probability = { title: "Probability of malignant", values: predictions.map((one) => (isRefused(one) ? null : one.probability)), top: 1, level: predictions.at(-1).threshold };
  const area = areas && { title: "Area, mm²", values: areas, top: 1.15 * Math.max(...areas), level: null };
  return make("div", { class: "charts" },
    drawLine(probability, times, days, (value) => `${round(100 * value, 0)} %`),
    area && drawLine(area, times, days, (value) => round(value, 1)));
}

/** Areas in mm², null for a photograph without a scale or a lesion; null where none has one: in pixels a lesion grows with the zoom. */
function readAreas(predictions) {
  const areas = predictions.map((one) => (isRefused(one) ? null : one.measures?.area_mm2 ?? null));
  return areas.some((value) => value !== null) ? areas : null;
}

/** One chart of `values`, null where one is not known, from 0 to `top`. Places are in percent, so that letters keep their size at every width. */
function drawLine({ title, values, top, level }, times, days, write) {
  const first = times[0], span = times.at(-1) - first;
  const x = (index) => `${1 + 98 * (span ? (times[index] - first) / span : index / Math.max(1, times.length - 1))}%`;
  const y = (value) => `${88 - 74 * (value / top)}%`, anchor = (last) => ({ "text-anchor": last ? "end" : "start" });
  const known = values.map((value, index) => ({ value, index })).filter(({ value }) => value !== null);
  const join = (from, to) => draw("line", { class: "course", x1: x(from.index), y1: y(from.value), x2: x(to.index), y2: y(to.value) });
  const lines = known.slice(1).map((to, index) => join(known[index], to));
  const points = known.map(({ value, index }) => draw("circle", { cx: x(index), cy: y(value), r: 4 }));
  const outer = known.filter((_, index) => index === 0 || index === known.length - 1);
  const ends = outer.map(({ value, index }, last) => draw("text", { x: x(index), y: y(value), dy: -10, ...anchor(last) }, write(value)));
  const dates = [0, times.length - 1].map((index, last) => draw("text", { class: "soft", x: x(index), y: "100%", dy: -4, ...anchor(last) }, days[index]));
  const limit = level === null ? [] : [
    draw("line", { class: "limit", x1: "1%", x2: "99%", y1: y(level), y2: y(level) }),
    draw("text", { class: "soft", x: "50%", y: y(level), dy: -5, "text-anchor": "middle" }, `operating point ${write(level)}`),
  ];
  const words = `${title}: ${values.map((value, index) => `${days[index]}, ${value === null ? "unknown" : write(value)}`).join("; ")}`;
  const axis = draw("line", { class: "axis", x1: "1%", x2: "99%", y1: "88%", y2: "88%" });
  return make("figure", { class: "chart" }, make("figcaption", {}, title), draw("svg", { role: "img", "aria-label": words }, axis, limit, lines, points, ends, dates));
}
