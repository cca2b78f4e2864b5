/** The answer about one photograph, whole: picture, decision, scale, measures, verdict. On paper it is one page. */

import { listFacts, make } from "./elements.js";
import { findModel } from "./model.js";
import { showPicture } from "./picture.js";
import { showReview } from "./review.js";
import { drawSign, showScale } from "./scale.js";
import { showSimilar } from "./similar.js";
import { day, describeMeasures, explain, interpret, isRefused, moment, nameDecision, percent, shorten, summarize } from "./words.js";

const DISCLAIMER = "A research tool, not a medical device: no diagnosis, no treatment decision."; // until the card has said its own

/** A result as an article with headings from `h2` on. `name` is the file's name where this tab knows it; it is shown, never sent. */
export function showResult(prediction, { name = "", changed = () => {} } = {}) {
  const meaning = make("p", { class: "meaning" }, interpret(prediction)), disclaimer = make("p", { class: "disclaimer" }, DISCLAIMER);
  const answered = !isRefused(prediction);
  findModel(prediction.model).then((model) => {
    if (answered && model?.prevalence) meaning.textContent = interpret(prediction, model.prevalence);
    if (model?.disclaimer) disclaimer.textContent = model.disclaimer;
  }, () => {});
  return make("article", { class: "result", "aria-label": `Result: ${nameDecision(prediction)}` },
    make("div", { class: "result-head" },
      make("p", { class: "quiet" }, "The model’s decision"),
      make("h2", { class: "decision" }, drawSign(prediction), nameDecision(prediction)),
      make("p", { class: "why" }, explain(prediction))),
    make("div", { class: "result-picture" },
      showPicture(prediction, { description: describePhotograph(prediction, name) }),
      name && make("p", { class: "quiet file" }, name)),
    make("div", { class: "result-words" },
      answered && section("Probability of malignant", showScale(prediction), meaning),
      listWarnings(prediction),
      answered && showDiagnosis(prediction),
      answered && showSimilar(prediction),
      answered && showMeasures(prediction),
      section("A reader’s verdict", showReview(prediction, changed)),
      section("Record", listFacts(listRecord(prediction)), disclaimer, showActions(prediction))));
}

const section = (title, ...children) => make("section", {}, make("h3", {}, title), children);

function describePhotograph(prediction, name) {
  const outline = prediction.outline?.length && !isRefused(prediction) ? ", with the outline of the lesion" : "";
  return `Photograph${name && ` ${name}`}, ${prediction.width} by ${prediction.height} pixels${outline}`;
}

function listWarnings({ warnings }) {
  if (!warnings?.length) return null;
  return make("section", { class: "warnings" }, make("h3", {}, "About this photograph"), make("ul", {}, warnings.map((warning) => make("li", {}, warning))));
}

/** What the lesion is like: a bar for each diagnosis, the likeliest first. It is no diagnosis of a patient, and says so. */
function showDiagnosis({ diagnosis }) {
  if (!diagnosis) return null;
  const ordered = Object.entries(diagnosis).sort(([, a], [, b]) => b - a);
  const rows = ordered.map(([name, share]) => make("li", {},
    make("span", {}, name.replaceAll("_", " ")),
    make("meter", { min: "0", max: "1", value: String(share), "aria-label": name.replaceAll("_", " ") }),
    make("span", { class: "number" }, percent(share))));
  return section("What it is like", make("ul", { class: "diagnosis" }, rows),
    make("p", { class: "quiet" }, "How much it resembles the lesions of each kind that the model has learned from. Not a diagnosis of a patient."));
}

function showMeasures({ measures }) {
  const facts = describeMeasures(measures);
  return section("Measures of the lesion", facts.length ? listFacts(facts) : make("p", { class: "quiet" }, "No lesion was found, so nothing was measured."));
}

function listRecord(prediction) {
  return [
    ["Answered", moment(prediction.created)], ["Taken", prediction.taken && day(prediction.taken)],
    ["Lesion", prediction.lesion && make("a", { href: `#/lesions/${encodeURIComponent(prediction.lesion)}` }, "its history")],
    ["Photograph", `${prediction.width} × ${prediction.height} px, ${prediction.kept ? "kept" : "not kept"} by the service`],
    ["Model", make("a", { href: "#/model/card", title: prediction.model_sha256 }, prediction.model)],
    ["Record", showId(prediction.id)], ["SHA-256 of the file", showId(prediction.sha256)],
  ];
}

/** An id in short, whole on paper and for whoever points at it. */
function showId(id) {
  const short = shorten(id);
  return make("code", { title: id }, short, make("span", { class: "rest" }, id.slice(short.length)));
}

function showActions(prediction) {
  return make("div", { class: "row actions" },
    make("button", { type: "button", onclick: () => window.print() }, "Print or save as PDF"),
    make("a", { class: "button", href: `#/records/${encodeURIComponent(prediction.id)}` }, "Open the record"));
}

/** What is announced of a result. */
export function describeResult(prediction) {
  return `${summarize(prediction)} ${prediction.label === "uncertain" || isRefused(prediction) ? explain(prediction) : ""}`;
}
