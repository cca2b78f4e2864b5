/** Photographs on their way: one request each, a few at a time, sent again where the service asks to wait. */

import { Problem, STOPPED, fetchJson, sendPhotograph } from "./api.js";
import { remember } from "./photographs.js";
import { shorten } from "./words.js";

const VISIT = "lentigo-visit"; // ids of the records of this tab; never names of files, which may be a patient's

const MAX_REQUESTS = 3; // at once
const PAUSE_SECONDS = [1, 2, 4, 8]; // before each further try where nothing answers
const MAX_ATTEMPTS = 20; // where the service asks to wait
export const items = []; // in the order in which they were chosen
export const news = new EventTarget(); // "change" with the item as detail

/** Adds files; `fields` (lesion, taken) belong to all of them. A photograph keeps its key, so that sending it again writes nothing twice. */
export function addPhotographs(files, fields = {}) {
  const added = Array.from(files, (file) => ({ file, name: file.name, url: URL.createObjectURL(file), fields, request: makeKey(), ...start() }));
  items.push(...added);
  added.forEach(notify);
  sendNext();
  return added;
}

const start = () => ({ state: "waiting", sent: 0, problem: null, stop: new AbortController() });

/** Lists again what this tab had answers to before it was loaded anew; a record that is gone by now is left out. */
export async function restoreItems() {
  const ids = readVisit();
  const found = await Promise.all(ids.map((id) => fetchJson(`v1/predictions/${encodeURIComponent(id)}`).catch((problem) => problem)));
  const gone = ids.filter((_, index) => found[index].status === 404);
  writeVisit((known) => known.filter((id) => !gone.includes(id)));
  const restored = found.filter((one) => one.id).map((prediction) => ({ ...start(), name: `Record ${shorten(prediction.id)}`, url: null, state: "done", prediction }));
  items.unshift(...restored);
  restored.forEach(notify);
}

function readVisit() {
  return sessionStorage.getItem(VISIT)?.split(" ").filter(Boolean) ?? [];
}

function writeVisit(change) {
  const ids = change(readVisit());
  if (ids.length) sessionStorage.setItem(VISIT, ids.join(" "));
  else sessionStorage.removeItem(VISIT);
}

/** Takes a record that was deleted off the list. */
export function dropRecord(id) {
  const item = items.find((one) => one.prediction?.id === id);
  if (item) removeItem(item);
}

/** Sends a failed photograph again. */
export function sendAgain(item) {
  Object.assign(item, start());
  notify(item);
  sendNext();
}

/** Takes a photograph off the list; what was not answered yet is stopped. The record of an answered one stays at the service. */
export function removeItem(item) {
  item.stop.abort();
  items.splice(items.indexOf(item), 1);
  if (item.prediction) writeVisit((ids) => ids.filter((id) => id !== item.prediction.id));
  else URL.revokeObjectURL(item.url);
  notify(item);
  sendNext();
}

/** Whether photographs are without an answer yet. */
export function isBusy() {
  return items.some((item) => ["waiting", "sending", "pausing"].includes(item.state));
}

const notify = (item) => news.dispatchEvent(new CustomEvent("change", { detail: item }));

function change(item, facts) {
  Object.assign(item, facts);
  if (items.includes(item)) notify(item);
}

function sendNext() {
  const busy = items.filter((item) => item.state === "sending" || item.state === "pausing").length;
  items.filter((item) => item.state === "waiting").slice(0, Math.max(0, MAX_REQUESTS - busy)).forEach(deliver);
}

async function deliver(item) {
  change(item, { state: "sending" });
  try {
    const prediction = await persist(item);
    remember(prediction, item.url);
    if (items.includes(item)) writeVisit((ids) => [...ids, prediction.id]);
    change(item, { state: "done", prediction });
  } catch (problem) {
    change(item, { state: "failed", problem });
  }
  sendNext();
}

async function persist(item) {
  for (let attempt = 0; ; attempt++) {
    try {
      await requireFile(item.file);
      return takeAnswer(await sendPhotograph(item.file, item.fields, item.request, (sent) => change(item, { sent }), item.stop.signal));
    } catch (problem) {
      if (!problem.passing || attempt >= (problem.wait === null ? PAUSE_SECONDS.length : MAX_ATTEMPTS)) throw takeFirst(problem);
      const seconds = problem.wait === null ? PAUSE_SECONDS[attempt] : problem.wait + Math.random(); // so that those who wait do not come back at once
      change(item, { state: "pausing", sent: 0, problem, seconds });
      await pause(seconds, item.stop.signal);
      change(item, { state: "sending", problem: null });
    }
  }
}

/** Raises `Problem` for a file that is not there any more, or a folder. */
async function requireFile(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem({ status: STOPPED, title: "The file cannot be read", detail: "It was moved or changed, or it is a folder; choose it again." });
  }
}

function takeAnswer({ predictions = [], problems = [] }) {
  if (predictions.length) return predictions[0];
  throw new Problem({ status: 422, title: problems[0]?.title, detail: problems[0]?.detail });
}

/** Of a request whose one photograph failed, what is said of that photograph. */
function takeFirst(problem) {
  const [first] = problem.problems ?? [];
  return first?.detail ? new Problem({ status: problem.status, title: first.title, detail: first.detail }) : problem;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(new Problem({ status: STOPPED, title: "Stopped", detail: "You stopped it." })); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(); }, 1000 * seconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** A random UUID; browsers give one themselves only over HTTPS and on localhost. */
function makeKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return Array.from(bytes, (byte, index) => ([4, 6, 8, 10].includes(index) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}
