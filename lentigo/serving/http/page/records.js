/** All records with filters, page after page, and one record alone. */

import { deleteAt, fetchFile, fetchJson } from "./api.js";
import { announce, choose, labelled, make, makeTable, showProblem } from "./elements.js";
import { listLesions } from "./lesions.js";
import { fillThumbnails } from "./photographs.js";
import { showResult } from "./result.js";
import { drawSign } from "./scale.js";
import { dropRecord } from "./sending.js";
import { LABELS, moment, nameDecision, shorten, writeProbability } from "./words.js";

const PAGE_RECORDS = 25;
const FILTERS = ["label", "reviewed", "lesion", "since", "until"];

/** The view of all records; filters and place are in the address, so that a reload and the way back keep them. */
export function showRecords(query, signal) {
  const table = make("div", { class: "table", "aria-busy": "true" }, make("p", { class: "quiet" }, "The records are loading.")), trouble = make("div", {});
  const known = listLesions().catch(() => []);
  const load = async () => {
    try {
      const [page, lesions] = await Promise.all([fetchJson(`v1/predictions?${writeQuery(query, PAGE_RECORDS)}`), known]);
      if (signal.aborted) return;
      table.replaceChildren(...listRecords(page, new Map(lesions.map((lesion) => [lesion.id, lesion.name])), signal), turnPages(query, page.next));
      announce(`${page.predictions.length} ${page.predictions.length === 1 ? "record" : "records"}${page.next ? ", more follow" : ""}.`);
    } catch (problem) {
      table.replaceChildren(showProblem(problem, load));
    }
    table.removeAttribute("aria-busy");
  };
  load();
  const write = () => exportRecords(query).catch((problem) => trouble.replaceChildren(showProblem(problem)));
  const exporter = make("button", { type: "button", onclick: write }, "Export as CSV");
  return make("div", {}, make("div", { class: "head" }, make("h1", { tabindex: -1 }, "Records"), exporter), trouble, makeFilters(query, known), table);
}

function makeFilters(query, known) {
  const read = (name) => query.get(name) ?? "", go = () => { location.hash = `#/records?${readForm(form)}`; };
  const lesion = choose("lesion", [["", "all"]], "", go);
  const form = make("form", { class: "filters", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    labelled("Decision", choose("label", [["", "all"], ...Object.entries(LABELS)], read("label"), go)),
    labelled("Reader", choose("reviewed", [["", "all"], ["true", "with a verdict"], ["false", "without a verdict"]], read("reviewed"), go)),
    labelled("Lesion", lesion),
    labelled("From", make("input", { id: "since", type: "date", value: read("since"), onchange: go })),
    labelled("To", make("input", { id: "until", type: "date", value: read("until"), onchange: go })),
    FILTERS.some(read) && make("a", { href: "#/records" }, "Show all"));
  known.then((lesions) => {
    lesion.append(...lesions.map((one) => make("option", { value: one.id }, one.name)));
    lesion.value = read("lesion");
  });
  return form;
}

function readForm(form) {
  const query = new URLSearchParams();
  for (const name of FILTERS) if (form.elements[name].value) query.set(name, form.elements[name].value);
  return query;
}

/** The filters as the service takes them: days become times, the last day whole. */
function writeQuery(query, limit = null) {
  const parameters = new URLSearchParams();
  for (const name of ["label", "reviewed", "lesion"]) if (query.get(name)) parameters.set(name, query.get(name));
  if (query.get("since")) parameters.set("since", midnight(query.get("since"), 0));
  if (query.get("until")) parameters.set("until", midnight(query.get("until"), 1));
  if (limit) parameters.set("limit", limit);
  if (limit && query.get("cursor")) parameters.set("cursor", query.get("cursor"));
  return parameters;
}

/** The midnight that begins the day so many days after one, "2026-05-02" say, where the reader is. */
function midnight(text, days) {
  const [year, month, number] = text.split("-").map(Number);
  return new Date(year, month - 1, number + days).toISOString();
}

function listRecords({ predictions }, names, signal) {
  if (!predictions.length) return [make("p", {}, "No record matches.")];
  const pictures = predictions.map(() => make("img", { alt: "", class: "thumb", decoding: "async", hidden: true }));
  fillThumbnails(predictions.map((one, index) => [one, pictures[index]]), signal);
  const rows = predictions.map((one, index) => [
    make("div", { class: one.kept ? "thumb" : null }, pictures[index]), linkRecord(one), moment(one.created), make("span", { class: "answer" }, drawSign(one), nameDecision(one)),
    writeProbability(one), one.review ? LABELS[one.review.verdict] : "–", linkLesion(one, names), one.model,
  ]);
  return [makeTable("Records, newest first", ["Photograph", "Record", "Answered", "Decision", "Probability", "Reader", "Lesion", "Model"], rows)];
}

const linkRecord = ({ id }) => make("a", { href: `#/records/${encodeURIComponent(id)}`, title: id }, make("code", {}, shorten(id)));

function linkLesion({ lesion: id }, names) {
  return id ? make("a", { href: `#/lesions/${encodeURIComponent(id)}` }, names.get(id) ?? "its history") : "–";
}

/** Links to the first and the next page; the way back is the browser's own. */
function turnPages(query, next) {
  const first = new URLSearchParams(query), older = new URLSearchParams(query);
  first.delete("cursor");
  older.set("cursor", next);
  const link = (parameters, words) => make("a", { class: "button", href: `#/records?${parameters}` }, words);
  const links = [query.get("cursor") && link(first, "Newest"), next && link(older, "Older")].filter(Boolean);
  return links.length ? make("nav", { class: "row", "aria-label": "Pages" }, links) : "";
}

/** Saves what matches as a file; fetched, so that the key goes with it. */
async function exportRecords(query) {
  const url = URL.createObjectURL(await fetchFile(`v1/predictions.csv?${writeQuery(query)}`));
  make("a", { href: url, download: "lentigo-records.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce("The records are exported.");
}

/** The view of one record. */
export function showRecord(id) {
  const view = make("div", {}, make("h1", { tabindex: -1 }, "Record"), make("p", { class: "quiet" }, "The record is loading."));
  const load = async () => {
    try {
      const prediction = await fetchJson(`v1/predictions/${encodeURIComponent(id)}`);
      const remove = make("button", { type: "button", onclick: () => askDelete(id, trouble) }, "Delete the record");
      const trouble = make("div", {});
      view.replaceChildren(make("div", { class: "head" }, view.querySelector("h1"), remove), trouble, showResult(prediction));
    } catch (problem) {
      view.replaceChildren(view.querySelector("h1"), showProblem(problem, load));
    }
  };
  load();
  return view;
}

/** Deletes a record when the reader has said so twice; what goes wrong stands in `trouble`. */
function askDelete(id, trouble) {
  const dialog = document.getElementById("delete");
  dialog.returnValue = "";
  dialog.addEventListener("close", () => dialog.returnValue === "delete" && deleteRecord(id, trouble), { once: true });
  dialog.showModal();
}

async function deleteRecord(id, trouble) {
  try {
    await deleteAt(`v1/predictions/${encodeURIComponent(id)}`);
  } catch (problem) {
    return trouble.replaceChildren(showProblem(problem));
  }
  dropRecord(id);
  location.hash = "#/records";
  return announce(`The record ${shorten(id)} is deleted.`);
}
