/** The page: which view an address shows, and photographs that are dropped or pasted anywhere. */

import { announce, make } from "./elements.js";
import { showIntake, announceItem, takePhotographs } from "./intake.js";
import { showLesion, showLesions } from "./lesions.js";
import { showCard, showModels } from "./model.js";
import { showRecord, showRecords } from "./records.js";
import { dropFetched } from "./photographs.js";
import { isBusy, news, restoreItems } from "./sending.js";

const VIEWS = [ // address, title, what is shown
  [/^$/, "Photographs", (_, query, signal) => showIntake(query, signal)],
  [/^lesions$/, "Lesions", () => showLesions()],
  [/^lesions\/(.+)$/, "Lesion", ([, id]) => showLesion(decodeURIComponent(id))],
  [/^records$/, "Records", (_, query, signal) => showRecords(query, signal)],
  [/^records\/(.+)$/, "Record", ([, id]) => showRecord(decodeURIComponent(id))],
  [/^model$/, "Model", () => showModels()],
  [/^model\/card$/, "Model card", () => showCard()],
];
const main = document.getElementById("main");
let ending = new AbortController(), first = true, field = null; // `field`: the filter that was changed last

function show() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [address, title, view] = VIEWS.find(([known]) => known.test(path)) ?? [/^/, "Not found", () => make("h1", { tabindex: -1 }, "There is no such page")];
  ending.abort();
  ending = new AbortController();
  dropFetched();
  main.replaceChildren(view(path.match(address), new URLSearchParams(query), ending.signal));
  document.title = `${title} · Lentigo`;
  markPlace(path);
  if (!first) moveFocus();
  first = false;
}

/** To the heading of a new view; a filter that was changed keeps the focus. */
function moveFocus() {
  window.scrollTo(0, 0);
  (document.getElementById(field) ?? main.querySelector("h1"))?.focus({ preventScroll: true });
  field = null;
}

function markPlace(path) {
  for (const link of document.querySelectorAll("nav[aria-label=Main] a")) {
    const place = link.hash.replace(/^#\/?/, "");
    if (place === path.split("/")[0]) link.setAttribute("aria-current", path === place ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
}

function receive(list) {
  const files = Array.from(list ?? []);
  if (!files.length) return;
  if (location.hash.replace(/^#\/?/, "").split("?")[0] !== "") location.hash = "#/";
  takePhotographs(files);
}

function watchDrops() {
  const veil = document.getElementById("drop"), holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => { if (holdsFiles(event)) { event.preventDefault(); veil.hidden = false; } });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) veil.hidden = true; });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    veil.hidden = true;
    receive(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) { event.preventDefault(); receive(event.clipboardData.files); } });
}

document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
document.addEventListener("change", (event) => { field = event.target.closest(".filters") ? event.target.id : null; }, true);
window.addEventListener("hashchange", show);
window.addEventListener("beforeunload", (event) => { if (isBusy()) event.preventDefault(); });
news.addEventListener("change", ({ detail }) => announceItem(detail));
watchDrops();
announce("");
show();
restoreItems();
