/** The probability on a scale from 0 to 100 %, with the operating point marked. */

import { draw, make } from "./elements.js";
import { LABELS, percent, summarize } from "./words.js";

/** The scale of an answer; for a screen reader it is one picture with a sentence. */
export function showScale(said) {
  const value = make("p", { class: "scale-value" }, percent(said.probability, said.threshold));
  const point = make("p", { class: "scale-point" }, `operating point ${percent(said.threshold, said.probability)}`);
  const beyond = make("span", { class: "scale-beyond" }), pin = make("span", { class: "scale-pin" }), mark = make("span", { class: "scale-mark" });
  const track = make("div", { class: "scale-track" }, beyond, mark, pin);
  for (const part of [value, pin]) part.style.setProperty("--at", said.probability);
  for (const part of [point, mark, beyond]) part.style.setProperty("--at", said.threshold);
  const ends = make("div", { class: "scale-ends" }, make("span", {}, "0 %"), make("span", {}, "100 %"));
  return make("div", { class: "scale", role: "img", "aria-label": summarize(said) }, value, track, ends, point);
}

/** Decision and probability in a line. */
export function showAnswer(said) {
  return make("span", { class: "answer" }, drawSign(said.label), LABELS[said.label], make("span", { class: "quiet" }, percent(said.probability, said.threshold)));
}

/** The sign of a label: a ring for benign, a full diamond for malignant, a broken ring for uncertain. */
export function drawSign(label) {
  const shapes = {
    benign: () => draw("circle", { cx: 12, cy: 12, r: 8.5, class: "ring" }),
    malignant: () => draw("path", { d: "M12 1.5 22.5 12 12 22.5 1.5 12Z", class: "full" }),
    uncertain: () => draw("circle", { cx: 12, cy: 12, r: 8.5, class: "ring broken" }),
  };
  return draw("svg", { class: "sign", viewBox: "0 0 24 24", "aria-hidden": "true" }, shapes[label]?.());
}
