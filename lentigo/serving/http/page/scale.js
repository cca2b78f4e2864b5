/** The probability on a scale from 0 to 100 %, with the operating point marked. */

import { draw, make } from "./elements.js";
import { isRefused, nameDecision, percent, summarize, writeProbability } from "./words.js";

/** The scale of an answer; for a screen reader it is one picture with a sentence. */
export function showScale(prediction) {
  const value = make("p", { class: "scale-value" }, percent(prediction.probability, prediction.threshold));
  const point = make("p", { class: "scale-point" }, `operating point ${percent(prediction.threshold, prediction.probability)}`);
  const beyond = make("span", { class: "scale-beyond" }), pin = make("span", { class: "scale-pin" }), mark = make("span", { class: "scale-mark" });
  const track = make("div", { class: "scale-track" }, beyond, mark, pin);
  for (const part of [value, pin]) part.style.setProperty("--at", prediction.probability);
  for (const part of [point, mark, beyond]) part.style.setProperty("--at", prediction.threshold);
  const ends = make("div", { class: "scale-ends" }, make("span", {}, "0 %"), make("span", {}, "100 %"));
  return make("div", { class: "scale", role: "img", "aria-label": summarize(prediction) }, value, track, ends, point);
}

/** Decision and probability in a line. */
export function showAnswer(prediction) {
  const number = isRefused(prediction) ? null : make("span", { class: "quiet" }, writeProbability(prediction));
  return make("span", { class: "answer" }, drawSign(prediction), nameDecision(prediction), number);
}

/** The sign of a decision: a ring for benign, a full diamond for malignant, a broken ring for uncertain, a cross for refused. */
export function drawSign(prediction) {
  const shapes = {
    benign: () => draw("circle", { cx: 12, cy: 12, r: 8.5, class: "ring" }),
    malignant: () => draw("path", { d: "M12 1.5 22.5 12 12 22.5 1.5 12Z", class: "full" }),
    uncertain: () => draw("circle", { cx: 12, cy: 12, r: 8.5, class: "ring broken" }),
    refused: () => draw("path", { d: "M4 4 20 20M20 4 4 20", class: "ring" }),
  };
  const name = isRefused(prediction) ? "refused" : prediction.label;
  return draw("svg", { class: "sign", viewBox: "0 0 24 24", "aria-hidden": "true" }, shapes[name]?.());
}
