/** The first view: photographs come in, each shows how far it is, and the chosen one its result. */

import { openCamera } from "./camera.js";
import { announce, choose, describeProblem, labelled, make } from "./elements.js";
import { listLesions } from "./lesions.js";
import { listModels } from "./model.js";
import { exportVisit } from "./export.js";
import { fillThumbnails } from "./photographs.js";
import { describeResult, showResult } from "./result.js";
import { addPhotographs, items, news, removeItem, sendAgain } from "./sending.js";
import { showAnswer } from "./scale.js";
import { showStart } from "./start.js";

const WIDE = 600; // pixels, from which on there is room for what few need
const STARTED = ["waiting", "sending", "pausing"];
const MAX_ID = 200; // characters of an id of a patient
const choice = { lesion: "", taken: "", mm_per_pixel: "", patient_id: "" }; // what is said of the photographs to come
let shown = null; // the item whose result is shown

/** Takes photographs in, with what was chosen for them. */
export function takePhotographs(files) {
  if (!files.length) return;
  const added = addPhotographs(files, { ...choice });
  shown = added[0];
  news.dispatchEvent(new CustomEvent("change", { detail: shown }));
  announce(`${added.length} ${added.length === 1 ? "photograph is" : "photographs are"} on the way.`);
}

/** The view; `query` may name the lesion that photographs to come show, `signal` ends it. */
export function showIntake(query, signal) {
  if (query.has("lesion")) choice.lesion = query.get("lesion");
  const rows = new Map(), list = make("ol", { class: "queue", "aria-label": "Photographs of this visit" }), result = make("div", { class: "chosen" });
  const start = showStart(takePhotographs, signal), save = make("button", { type: "button", class: "save", onclick: () => exportVisit(items) }, "Save the answers as CSV");
  const view = make("div", { class: "intake" }, make("h1", { tabindex: -1 }, "Photographs"), makeEntrance(signal), list, save, result, start);

  function paint(item) {
    const row = rows.get(item) ?? make("li", {});
    rows.set(item, row);
    if (!items.includes(item)) return forget(item, row);
    const state = `${item.state} ${item === shown} ${items.length > 1}`;
    if (row.dataset.state !== state) replaceKeepingFocus(row, showItem(item, () => select(item)));
    row.dataset.state = state;
    paintProgress(item, row);
    if (!row.isConnected) list.append(row);
    paintFrame();
  }

  /** What depends on how many photographs there are. */
  function paintFrame() {
    const answered = items.filter((item) => item.state === "done").length;
    view.classList.toggle("filled", items.length > 0);
    list.hidden = items.length === 0 || (items.length === 1 && answered === 1);
    save.hidden = answered === 0 || items.length < 2;
    start.hidden = items.length > 0;
  }

  function forget(item, row) {
    row.remove();
    rows.delete(item);
    if (item === shown) select(items.find((other) => other.state === "done") ?? items[0] ?? null);
    items.forEach(paint);
    paintFrame();
    view.querySelector("h1").focus();
  }

  function select(item) {
    shown = item;
    items.forEach(paint);
    paintResult();
    if (item?.prediction) announce(describeResult(item.prediction));
  }

  function paintResult() {
    const prediction = shown?.prediction;
    if (!prediction) return result.replaceChildren(...previewItem(shown));
    if (result.dataset.id !== prediction.id || !result.firstChild) result.replaceChildren(showResult(prediction, { name: shown.name }));
    result.dataset.id = prediction.id;
  }

  news.addEventListener("change", ({ detail: item }) => {
    if (item.state === "done" && (!shown || shown.state === "failed") && items.includes(item)) shown = item;
    paint(item);
    if (items.includes(item) && item.state === "done") items.forEach(paint);
    paintResult();
  }, { signal });
  items.forEach(paint);
  paintFrame();
  paintResult();
  return view;
}

/** The photograph that was chosen, while the model looks at it. */
function previewItem(item) {
  if (!item || item.state === "failed") return [];
  const image = make("img", { src: item.url, alt: `Photograph ${item.name}`, onerror: ({ target }) => target.remove() });
  return [make("figure", { class: "preview" }, image, make("figcaption", { class: "quiet" }, "The model is looking at this photograph."))];
}

/** New content for a row; a button that had the focus gives it to the one in its place, counted from the end. */
function replaceKeepingFocus(row, content) {
  const before = Array.from(row.querySelectorAll("button")), held = before.indexOf(document.activeElement);
  row.replaceChildren(...content);
  const after = row.querySelectorAll("button");
  if (held >= 0) after[after.length - before.length + held]?.focus();
}

/** Speaks of an item that was answered or failed; heard in whatever view the reader is. */
export function announceItem(item) {
  const name = items.length > 1 ? `Photograph ${items.indexOf(item) + 1} of ${items.length}: ` : "";
  if (item.state === "done") announce(name + describeResult(item.prediction));
  if (item.state === "failed") announce(`${name}${item.problem.title || "It did not work"}: ${item.problem.detail || item.problem.message}`);
}

function makeEntrance(signal) {
  const hidden = { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true", onchange: take }; // buttons open them
  const input = make("input", { ...hidden, id: "files", multiple: true, accept: "image/*,.heic,.heif,.tif,.tiff,.jp2,.ppm" });
  const capture = make("input", { ...hidden, id: "capture", accept: "image/*", capture: "environment" });
  const trouble = make("p", { class: "quiet", role: "status" });
  function take({ target }) {
    takePhotographs(Array.from(target.files));
    target.value = "";
  }
  async function look() {
    trouble.textContent = await openCamera((file) => takePhotographs([file]), capture);
  }
  return make("section", { class: "entrance", "aria-label": "Add photographs" },
    make("div", {},
      make("p", { class: "invitation" }, "Drop photographs of skin lesions here, or paste them."),
      make("p", { class: "quiet" }, "One lesion in each. Names of files stay in this browser.")),
    make("div", { class: "row" },
      make("button", { type: "button", class: "primary", onclick: () => input.click() }, "Choose photographs"),
      make("button", { type: "button", onclick: look }, "Use the camera")),
    trouble, input, capture, makeChoices(signal));
}

function makeChoices(signal) {
  const lesion = choose("lesion", [["", "none chosen"]], "", () => { choice.lesion = lesion.value; });
  const taken = make("input", { type: "date", id: "taken", value: choice.taken, onchange: () => { choice.taken = taken.value; } });
  const scale = make("input", { type: "number", id: "scale", min: 0, max: 10, step: "any", placeholder: "not known", value: choice.mm_per_pixel });
  scale.addEventListener("input", () => { choice.mm_per_pixel = scale.validity.valid && scale.value > 0 ? scale.value : ""; });
  listLesions().then((lesions) => {
    if (signal.aborted) return;
    lesion.append(...lesions.map((one) => make("option", { value: one.id }, one.site ? `${one.name}, ${one.site}` : one.name)));
    lesion.value = choice.lesion;
    if (lesion.selectedIndex < 0) lesion.value = choice.lesion = "";
  }, () => {});
  const patient = makePatient(signal);
  return make("details", { class: "choices", open: window.innerWidth >= WIDE || Object.values(choice).some(Boolean) },
    make("summary", {}, "About the next photographs: lesion, date, scale"),
    make("div", {}, labelled("Lesion", lesion), labelled("Taken on", taken), labelled("Scale, mm per pixel", scale), patient,
      make("a", { href: "#/lesions" }, "New lesion")));
}

/** Whose the photographs are, where the service shows known lesions: those of the same patient are left out. */
function makePatient(signal) {
  const input = make("input", { id: "patient", type: "text", maxlength: MAX_ID, autocomplete: "off", spellcheck: "false", value: choice.patient_id });
  input.addEventListener("input", () => { choice.patient_id = input.value.trim(); });
  const field = labelled("Patient id in the index", input);
  field.title = "Known lesions of this patient are left out of the similar ones. It is not recorded.";
  field.hidden = true;
  listModels().then((models) => { field.hidden = signal.aborted || !models.some((model) => model.known_cases); }, () => {});
  return field;
}

function showItem(item, select) {
  const { prediction, problem, state } = item, current = state === "done" && items.length > 1, end = STARTED.includes(state) ? "Stop" : "Remove";
  const hide = ({ target }) => target.classList.add("blank"); // the browser cannot show it
  const thumb = make("img", { src: item.url, alt: "", class: "thumb", decoding: "async", loading: "lazy", hidden: !item.url, onerror: hide });
  if (!item.url) fillThumbnails([[prediction, thumb]]);
  const words = state === "done" ? showAnswer(prediction)
    : state === "failed" ? make("span", { class: "failure" }, describeProblem(problem))
      : make("span", { class: "going" }, make("progress", { max: 1, "aria-label": `Sending ${item.name}` }), make("span", { class: "quiet" }));
  const body = make("span", { class: "item-words" }, make("span", { class: "file" }, item.name), words);
  const pick = { type: "button", class: "pick", "aria-pressed": String(item === shown), onclick: select };
  const whole = current ? make("button", pick, thumb, body) : make("div", { class: "pick" }, thumb, body);
  const again = { type: "button", "aria-label": `Try again: ${item.name}`, onclick: () => sendAgain(item) };
  return [whole, make("span", { class: "item-actions" },
    state === "failed" && problem.curable && make("button", again, "Try again"),
    make("button", { type: "button", class: "plain", "aria-label": `${end}: ${item.name}`, onclick: () => removeItem(item) }, end))];
}

function paintProgress(item, row) {
  const bar = row.querySelector("progress"), words = row.querySelector(".going .quiet");
  if (!bar) return;
  bar.hidden = item.state === "pausing";
  const answering = item.state === "sending" && item.sent >= 1;
  if (item.state === "sending" && !answering) bar.value = item.sent;
  else bar.removeAttribute("value");
  words.textContent = {
    waiting: "waiting for its turn",
    sending: answering ? "the model is looking" : "on its way",
    pausing: `${item.problem?.detail ?? ""} Sent again in ${Math.ceil(item.seconds ?? 0)} s.`,
  }[item.state];
}
