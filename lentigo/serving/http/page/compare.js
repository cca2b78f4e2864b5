/** Two photographs of a lesion in one frame: a slider moves the border between them. */

import { choose, labelled, make } from "./elements.js";
import { loadPhotograph } from "./picture.js";
import { day, when } from "./words.js";

/** The section that compares any two of a lesion's photographs, oldest first; at the start the first and the last. */
export function comparePhotographs(predictions) {
  const options = predictions.map((one, index) => [String(index), `${index + 1}: ${day(when(one))}`]);
  const stage = make("div", { class: "stage pair" }), words = make("p", { class: "quiet" });
  const left = choose("left", options, "0", paint), right = choose("right", options, String(predictions.length - 1), paint);
  const border = make("input", { id: "border", type: "range", min: 0, max: 100, step: 1, value: 50, oninput: move });

  function move() {
    stage.style.setProperty("--border", `${border.value}%`);
    border.setAttribute("aria-valuetext", `${border.value} % of the frame show the left photograph`);
  }

  function paint() {
    const pair = [predictions[left.value], predictions[right.value]];
    stage.style.setProperty("--ratio", pair[0].width / pair[0].height);
    stage.replaceChildren(...pair.map((one, index) => showSide(one, ["before", "after"][index])), make("span", { class: "border", "aria-hidden": "true" }));
    words.textContent = `Left: ${day(when(pair[0]))}. Right: ${day(when(pair[1]))}. They are not aligned: distance and direction may differ.`;
  }

  paint();
  move();
  return make("section", { class: "comparison" }, make("h2", {}, "Side by side"),
    make("div", { class: "choices-row" }, labelled("Left", left), labelled("Right", right)), stage,
    make("div", { class: "slider wide" }, make("label", { for: "border" }, "Border"), border), words);
}

function showSide(prediction, name) {
  const image = make("img", { alt: `Photograph of ${day(when(prediction))}`, decoding: "async", hidden: true });
  const words = make("p", { class: "absent" }, "The photograph is loading.");
  loadPhotograph(prediction, image, words);
  return make("div", { class: `side ${name}` }, image, words, make("span", { class: "date" }, day(when(prediction))));
}
