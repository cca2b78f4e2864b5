/** Lesions over time: a list, a form for a new one, and the history of one. */

import { fetchJson } from "./api.js";
import { drawHistory } from "./chart.js";
import { announce, labelled, make, makeTable, showProblem } from "./elements.js";
import { comparePhotographs } from "./compare.js";
import { showPicture } from "./picture.js";
import { showAnswer } from "./scale.js";
import { day, describeArea, isRefused, nameDecision, round, signed, when, writeProbability } from "./words.js";

const MAX_PAGE_LESIONS = 500; // lesions of a page, as many as the service gives

/** All lesions, from page to page. Raises `Problem`. */
export async function listLesions() {
  const found = [];
  for (let cursor = ""; cursor !== null;) {
    const page = await fetchJson(`v1/lesions?limit=${MAX_PAGE_LESIONS}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    found.push(...page.lesions);
    cursor = page.next ?? null;
  }
  return found;
}

/** The view of all lesions. */
export function showLesions() {
  const list = make("div", { class: "lesions" }, make("p", { class: "quiet" }, "The lesions are loading."));
  const load = async () => {
    try {
      const lesions = await listLesions();
      const none = make("p", { class: "quiet" }, "No lesion yet. Create one to follow it over time.");
      list.replaceChildren(lesions.length ? make("ul", { class: "cards" }, lesions.map(showEntry)) : none);
    } catch (problem) {
      list.replaceChildren(showProblem(problem, load));
    }
  };
  load();
  return make("div", {}, make("h1", { tabindex: -1 }, "Lesions"), list, make("section", { class: "panel" }, make("h2", {}, "A new lesion"), makeForm()));
}

function showEntry(lesion) {
  const photographs = lesion.count === 1 ? "1 photograph" : `${lesion.count} photographs`;
  return make("li", {},
    make("a", { href: `#/lesions/${encodeURIComponent(lesion.id)}` }, lesion.name),
    lesion.site && make("span", {}, lesion.site),
    make("span", { class: "quiet" }, `${photographs}, since ${day(lesion.created)}`));
}

function makeForm() {
  const name = make("input", { id: "name", required: true, maxlength: 100, autocomplete: "off" });
  const site = make("input", { id: "site", maxlength: 100, autocomplete: "off" });
  const trouble = make("div", {}), save = make("button", { class: "primary" }, "Create the lesion");
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      const lesion = await fetchJson("v1/lesions", { method: "POST", body: { name: name.value.trim(), site: site.value.trim() } });
      announce(`The lesion ${lesion.name} is created.`);
      location.hash = `#/lesions/${encodeURIComponent(lesion.id)}`;
    } catch (problem) {
      trouble.replaceChildren(showProblem(problem));
    }
    save.disabled = false;
  };
  return make("form", { onsubmit: submit },
    labelled("Pseudonym", name, "For example P017-left-1. Never a patient’s name, date of birth or number: it is stored as it is."),
    labelled("Site on the body", site, "For example left forearm."), trouble, save);
}

/** The view of one lesion: its photographs side by side, what changed between them, and how it went. */
export function showLesion(id) {
  const view = make("div", { class: "lesion" }, make("h1", { tabindex: -1 }, "Lesion"), make("p", { class: "quiet" }, "The history is loading."));
  const load = async () => {
    try {
      const lesion = await fetchJson(`v1/lesions/${encodeURIComponent(id)}`);
      view.querySelector("h1").textContent = lesion.name;
      view.replaceChildren(view.querySelector("h1"), ...showHistory(lesion));
      document.title = `${lesion.name} · Lentigo`;
    } catch (problem) {
      view.replaceChildren(view.querySelector("h1"), showProblem(problem, load));
    }
  };
  load();
  return view;
}

function showHistory(lesion) {
  const { predictions, changes } = lesion, add = make("a", { class: "button primary", href: `#/?lesion=${encodeURIComponent(lesion.id)}` }, "Add photographs");
  const head = make("div", { class: "head" }, make("p", { class: "quiet" }, [lesion.site, `since ${day(lesion.created)}`].filter(Boolean).join(", ")), add);
  if (!predictions.length) return [head, make("p", {}, "No photograph yet.")];
  const cards = predictions.map((prediction, index) => showVisit(prediction, changes[index - 1]));
  const visits = make("section", { "aria-label": "Photographs, oldest first" }, make("ol", { class: "visits" }, cards));
  if (predictions.length === 1) return [head, visits];
  const note = "Areas are compared where both photographs have a scale in mm per pixel: in pixels, a lesion grows with the zoom.";
  return [head, visits, comparePhotographs(predictions), make("section", {}, make("h2", {}, "Over time"), drawHistory(predictions),
    tabulate(predictions, changes), make("p", { class: "quiet" }, note))];
}

function showVisit(prediction, change) {
  const date = day(when(prediction));
  return make("li", {}, make("h2", {}, date), showPicture(prediction, { adjustable: false, description: `Photograph of ${date}` }),
    make("p", {}, showAnswer(prediction)),
    isRefused(prediction) ? null : make("p", {}, describeArea(prediction.measures)),
    change && make("p", { class: "change" }, describeChange(change)),
    prediction.review && make("p", {}, `Reader: ${prediction.review.verdict}`),
    make("a", { href: `#/records/${encodeURIComponent(prediction.id)}` }, "Open", make("span", { class: "unseen" }, ` the record of ${date}`)));
}

function describeChange(change) {
  const days = `${round(change.days, 0)} ${Math.round(change.days) === 1 ? "day" : "days"} later`;
  if (change.probability === null) return `${days}: not compared, since a photograph was refused`;
  return `${days}: area ${describeGrowth(change)}, probability ${describeShift(change)}`;
}

/** The change of the area in words; it needs the scales of both photographs. */
function describeGrowth({ area_ratio: ratio, area_mm2: mm2 }) {
  if (ratio === null || mm2 === null) return "not compared without a scale in mm";
  return `${signed(100 * (ratio - 1), 0, "%")}, ${signed(mm2, 1, "mm²")}`;
}

const describeShift = ({ probability }) => (probability === null ? "–" : signed(100 * probability, 0, "points"));

function tabulate(predictions, changes) {
  const heads = ["Date", "Decision", "Probability", "Change", "Area", "Change of area"];
  const rows = predictions.map((one, index) => {
    const [shift, growth] = index ? [describeShift(changes[index - 1]), describeGrowth(changes[index - 1])] : ["", ""];
    const area = isRefused(one) ? "–" : describeArea(one.measures);
    return [day(when(one)), nameDecision(one), writeProbability(one), shift || "–", area, growth || "–"];
  });
  return makeTable("Each photograph, and its change from the one before", heads, rows);
}
