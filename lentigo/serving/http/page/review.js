/** A reader's own verdict beside the machine's. */

import { fetchJson } from "./api.js";
import { announce, make, showProblem } from "./elements.js";
import { LABELS, moment } from "./words.js";

const VERDICTS = ["benign", "malignant", "uncertain"];

/** The form of a prediction's verdict; `changed` hears the prediction with its review. */
export function showReview(prediction, changed = () => {}) {
  const place = make("div", { class: "verdict" }), name = `verdict-${prediction.id}`;
  const note = make("textarea", { id: `note-${prediction.id}`, rows: 2, maxlength: 2000 });
  note.value = prediction.review?.note ?? "";
  const mark = (value) => make("input", { type: "radio", name, value, required: true, checked: prediction.review?.verdict === value });
  const radios = VERDICTS.map((verdict) => make("label", { class: "radio" }, mark(verdict), LABELS[verdict]));
  const save = make("button", { class: "primary" }, "Save the verdict"), saved = make("div", { class: "said" }, describeReview(prediction));
  const form = make("form", { onsubmit: (event) => { event.preventDefault(); submit(); } },
    make("fieldset", {}, make("legend", {}, "What do you say?"), make("div", { class: "radios" }, radios)),
    make("div", { class: "field" }, make("label", { for: note.id }, "Note"), note, make("p", { class: "quiet" }, "No names of patients.")), save);

  async function submit() {
    save.disabled = true;
    try {
      const body = { verdict: form.elements[name].value, note: note.value.trim() };
      const answer = await fetchJson(`v1/predictions/${encodeURIComponent(prediction.id)}/review`, { method: "PUT", body });
      prediction.review = answer.review ?? answer;
      saved.replaceChildren(describeReview(prediction));
      announce("The verdict is saved.");
      changed(prediction);
    } catch (problem) {
      saved.replaceChildren(showProblem(problem));
    }
    save.disabled = false;
  }

  place.append(saved, form);
  return place;
}

/** What reader and machine say, and whether they agree. */
function describeReview({ label, review }) {
  if (!review) return make("p", { class: "quiet" }, "No reader has said anything yet.");
  const relation = review.verdict === label ? "The model says the same." : `The model says ${label}.`;
  return make("p", {}, make("strong", {}, `Reader: ${review.verdict}.`), ` ${relation} `,
    make("span", { class: "quiet" }, `${review.who}, ${moment(review.created)}`),
    review.note && make("span", { class: "note" }, review.note));
}
