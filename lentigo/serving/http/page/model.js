/** The model that answers: what its card says. */

import { fetchJson, fetchText } from "./api.js";
import { showMarkdown } from "./markdown.js";
import { listFacts, make, makeTable, showProblem } from "./elements.js";
import { forgetKey, readKey } from "./key.js";
import { percent, round } from "./words.js";

const METRICS = {
  auroc: "AUROC", sensitivity: "Sensitivity", specificity: "Specificity", accuracy: "Accuracy", brier: "Brier score", ece: "Calibration error", coverage: "Share answered",
};
let loading = null;

/** The models of the service; asked for once. Raises `Problem`. */
export function listModels() {
  loading ??= fetchJson("v1/models").then((answer) => answer.models, (problem) => { loading = null; throw problem; });
  return loading;
}

/** The facts of a model by its name, undefined where the service does not have it any more. */
export async function findModel(name) {
  return (await listModels()).find((model) => model.name === name);
}

/** The view of the models. */
export function showModels() {
  const place = make("div", {}, make("p", { class: "quiet" }, "The card is loading."));
  const load = async () => {
    try {
      place.replaceChildren(...(await listModels()).map(showModel));
    } catch (problem) {
      place.replaceChildren(showProblem(problem, load));
    }
  };
  load();
  return make("div", { class: "model" }, make("h1", { tabindex: -1 }, "Model"), place, readKey() && showKey());
}

function showModel(model) {
  const { distance_limit: limit, alpha } = model.refusal;
  const refusals = [
    limit && `beyond a distance of ${round(limit, 1)} from the photographs that it knows`,
    alpha && `where conformal prediction at an alpha of ${alpha} does not leave exactly the label`,
  ];
  return make("section", {}, make("h2", {}, model.name), make("p", { class: "lead" }, model.disclaimer),
    make("p", {}, make("a", { href: "#/model/card" }, "The whole model card")),
    listFacts([
      ["Operating point", `${percent(model.threshold)} (${model.threshold_rule})`],
      ["Malignant where it was calibrated", model.prevalence && percent(model.prevalence)],
      ["Calibration", model.calibration.n ? `${model.calibration.kind}, on ${round(model.calibration.n, 0)} photographs` : model.calibration.kind],
      ["Does not decide", refusals.filter(Boolean).join("; ")],
      ["Architecture", model.architecture],
      ["Licence", model.licence],
      ["SHA-256 of model.onnx", make("code", {}, model.model_sha256)],
    ]),
    showLimits(model.not_for), describeTest(model),
    tabulate(model.metrics.validation ?? {}, "validation photographs, on which it was also chosen: optimistic"));
}

function showLimits(limits) {
  return make("section", {}, make("h3", {}, "What it is not for"), make("ul", {}, limits.map((limit) => make("li", {}, limit))));
}

/** How good it was on test photographs, as a table, or that nobody has measured it. */
export function describeTest({ test }) {
  if (!test) return make("p", {}, "It was not evaluated on test photographs: nobody knows how good it is.");
  return tabulate(test, `test photographs (${test.data}), ${round(test.n_malignant, 0)} of them malignant, which training never saw`);
}

/** The view of the whole card. */
export function showCard() {
  const place = make("div", { class: "card" }, make("p", { class: "quiet" }, "The card is loading."));
  const load = async () => {
    try {
      place.replaceChildren(...showMarkdown(await fetchText("v1/models/card")));
    } catch (problem) {
      place.replaceChildren(showProblem(problem, load));
    }
  };
  load();
  return make("div", {}, make("h1", { tabindex: -1 }, "Model card"), place);
}

function tabulate(metrics, words) {
  const known = Object.entries(METRICS).filter(([name]) => typeof metrics[name] === "number");
  const interval = (name) => metrics.ci?.[name]?.map((value) => round(value, 3)).join(" to ") ?? "–";
  const rows = known.map(([name, words]) => [words, round(metrics[name], 3), interval(name)]);
  const caption = `On ${metrics.n ? `${round(metrics.n, 0)} ` : ""}${words}`;
  return rows.length ? makeTable(caption, ["Metric", "Value", "95 % interval"], rows) : null;
}

function showKey() {
  const forget = () => {
    forgetKey();
    section.replaceChildren(make("p", { role: "status" }, "The key is forgotten."));
  };
  const section = make("section", {}, make("h2", {}, "Key"),
    make("p", {}, "This tab holds a key of the service."),
    make("button", { type: "button", onclick: forget }, "Forget the key"));
  return section;
}
