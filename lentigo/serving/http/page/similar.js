/** The nearest known lesions beside a photograph, from the index that the service was started with. */

import { make } from "./elements.js";
import { listModels } from "./model.js";
import { fillImages, findCase } from "./photographs.js";
import { LABELS, round } from "./words.js";

/** A section with a card for each known lesion, the nearest first; nothing where the service has no index or the photograph was refused. */
export function showSimilar({ similar }) {
  if (!similar) return null;
  const words = make("p", { class: "quiet" }, "They look alike to the model. That is no diagnosis, and not evidence for one.");
  const section = make("section", { class: "similar" }, make("h3", {}, "Similar known lesions"));
  if (!similar.length) return fill(section, make("p", { class: "quiet" }, "The index holds no known lesion that may be shown."));
  describeIndex().then((text) => text && words.prepend(`${text} `), () => {});
  const cards = similar.map((one) => ({ one, image: make("img", { alt: `Known lesion: ${describeCase(one)}`, decoding: "async", hidden: true }) }));
  fillImages(cards.map(({ one, image }) => [() => findCase(one.sha256), image]));
  return fill(section, make("ol", { class: "cases" }, cards.map(({ one, image }) => showCase(one, image))), words);
}

function fill(section, ...children) {
  section.append(...children);
  return section;
}

function showCase(one, image) {
  const origin = [one.source, one.license ? `licence ${one.license}` : "licence not known"].filter(Boolean).join(", ");
  return make("li", {}, make("div", { class: "case-picture" }, image),
    make("p", {}, make("strong", {}, nameCase(one)), one.diagnosis ? make("span", { class: "quiet" }, one.label) : null),
    make("p", {}, `similarity ${round(one.similarity, 2)}`), make("p", { class: "quiet" }, origin));
}

const nameCase = ({ diagnosis, label }) => (diagnosis ? diagnosis.replaceAll("_", " ") : LABELS[label]);

function describeCase(one) {
  return `${nameCase(one)}${one.diagnosis ? `, ${one.label}` : ""}, similarity ${round(one.similarity, 2)}`;
}

/** Where the known lesions are from, "" where the service has another index by now or none. Raises `Problem`. */
async function describeIndex() {
  const known = (await listModels()).map((model) => model.known_cases).find(Boolean);
  return known ? `The nearest of ${round(known.n, 0)} photographs of “${known.data}”, ${round(known.n_malignant, 0)} of them malignant.` : "";
}
