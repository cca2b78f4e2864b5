/** What a reader sees before the first photograph: an example, and how good the model is. */

import { make } from "./elements.js";
import { listModels } from "./model.js";
import { percent, round } from "./words.js";

const EXAMPLE = "page/example.jpg"; // a lesion that Lentigo has drawn

/** The example and the model; `take` takes files in, `signal` ends the view. */
export function showStart(take, signal) {
  const facts = make("div", { class: "model-facts" }, make("p", { class: "quiet" }, "The model is loading."));
  listModels().then((models) => signal.aborted || facts.replaceChildren(...models.flatMap(showModel)), () => facts.replaceChildren());
  return make("div", { class: "start" },
    make("section", { class: "example" }, make("h2", {}, "An example"),
      make("div", { class: "example-body" },
        make("img", { src: EXAMPLE, alt: "A drawn lesion: a brown spot on light skin", width: 320, height: 320, decoding: "async" }),
        make("div", {},
          make("p", {}, "A lesion that Lentigo has drawn. No patient has it."),
          make("p", { class: "quiet" }, "Its answer shows what you get: a decision, a probability, an outline, a heatmap and measures. The service records it as any photograph; you can delete the record."),
          make("button", { type: "button", onclick: () => fetchExample().then((file) => take([file])) }, "Try the example")))),
    make("section", {}, make("h2", {}, "The model"), facts));
}

async function fetchExample() {
  const content = await (await fetch(EXAMPLE)).blob();
  return new File([content], "example.jpg", { type: "image/jpeg" });
}

function showModel(model) {
  return [
    make("p", {}, make("strong", {}, model.name), `, ${model.architecture}`),
    ...describeResult(model),
    make("p", { class: "row" }, make("a", { href: "#/model" }, "What it is not for"), make("a", { href: "#/model/card" }, "The whole model card")),
  ];
}

/** Its test result in numbers that a reader can picture. */
function describeResult({ test, threshold }) {
  if (!test) return [make("p", {}, "It was not evaluated on test photographs: nobody knows how good it is.")];
  const interval = (name) => test.ci?.[name]?.map((value) => round(100 * value, 0)).join(" to ");
  const share = (name) => [make("dt", {}, NAMES[name]), make("dd", {}, make("strong", {}, percent(test[name])), ` (${interval(name) ?? "–"} %)`)];
  const [low, high] = test.ci?.auroc ?? [];
  return [
    make("p", {}, `On ${round(test.n, 0)} test photographs, ${round(test.n_malignant, 0)} of them malignant, at the operating point ${percent(threshold)}:`),
    make("dl", { class: "test" }, ["sensitivity", "specificity"].map((name) => make("div", {}, share(name))),
      make("div", {}, make("dt", {}, "AUROC"), make("dd", {}, make("strong", {}, round(test.auroc, 3)), low === undefined ? "" : ` (${round(low, 3)} to ${round(high, 3)})`))),
    make("p", { class: "quiet" }, "In brackets 95 % intervals. Elsewhere, on other cameras and people, it will be worse."),
  ];
}

const NAMES = { sensitivity: "Malignant lesions found (sensitivity)", specificity: "Benign lesions cleared (specificity)" };
