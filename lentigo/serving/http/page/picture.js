/** A photograph with heatmap and outline over it, each as strong as the reader wants. */

import { draw, make } from "./elements.js";
import { describeHeatmap, drawHeatmap, showLegend } from "./heatmap.js";
import { findPhotograph } from "./photographs.js";
import { isRefused } from "./words.js";

let number = 0;

/** The photograph of a prediction with its layers, and sliders where `adjustable`. The place is kept while the photograph loads. */
export function showPicture(prediction, { adjustable = true, description = "The photograph" } = {}) {
  const answered = !isRefused(prediction); // of what was refused, heatmap and outline mean nothing
  const heat = answered && adjustable && prediction.heatmap?.length ? drawHeatmap(prediction.heatmap, prediction.heatmap_centres ?? undefined) : null;
  const outline = answered && prediction.outline?.length ? drawOutline(prediction) : null;
  const image = make("img", { alt: description, decoding: "async", hidden: true }), words = make("p", { class: "absent" }, "The photograph is loading.");
  const stage = make("div", { class: "stage" }, image, words, heat, outline);
  stage.style.setProperty("--ratio", prediction.width / prediction.height);
  loadPhotograph(prediction, image, words);
  if (!adjustable) return stage;
  return make("figure", { class: "picture" }, stage, make("figcaption", {},
    heat && slide("Heatmap", 35, (share) => { heat.style.opacity = share; image.style.filter = `grayscale(${share})`; }),
    outline && slide("Outline", 100, (share) => { outline.style.opacity = share; }),
    heat && showLegend(),
    heat && make("p", { class: "quiet" }, describeHeatmap(prediction.heatmap, prediction.heatmap_centres ?? undefined)),
    outline || !answered ? null : make("p", { class: "quiet" }, "No lesion was outlined.")));
}

/** Puts a photograph into an element and says in `words` why where it cannot be. */
export async function loadPhotograph(prediction, image, words) {
  try {
    const url = await findPhotograph(prediction);
    if (!url) return words.replaceChildren(`The service does not keep photographs${prediction.outline?.length && !isRefused(prediction) ? "; only the outline is shown" : ""}.`);
    image.addEventListener("load", () => { image.hidden = false; words.hidden = true; });
    image.addEventListener("error", () => words.replaceChildren("This browser cannot show this kind of photograph."));
    image.src = url;
  } catch (problem) {
    words.replaceChildren(`The photograph cannot be shown. ${problem.message}`);
  }
}

/** The outline, polygons in pixels of the photograph: a bright line on a dark one, so that it stands out on every skin. */
function drawOutline({ outline, width, height }) {
  const trace = (name) => outline.map((points) => draw("polygon", { class: name, points: points.map((point) => point.join(",")).join(" ") }));
  return draw("svg", { class: "outline", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, trace("halo"), trace("line"));
}

/** A slider of opacity in percent; `apply` hears the share. */
function slide(name, value, apply) {
  const id = `slider-${++number}`, shown = make("span", { "aria-hidden": "true" });
  const change = () => { shown.textContent = `${input.value} %`; input.setAttribute("aria-valuetext", `${input.value} %`); apply(input.value / 100); };
  const input = make("input", { id, type: "range", min: 0, max: 100, step: 5, value, "aria-label": `${name}, opacity`, oninput: change });
  change();
  return make("div", { class: "slider" }, make("label", { for: id }, name), input, shown);
}
