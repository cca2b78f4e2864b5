/** The service as functions: every failure is a `Problem` with the server's own words (RFC 9457). */

import { readKey, renewKey } from "./key.js";

const RECORD_SECONDS = 60; // in which a record must come
const MAX_ATTEMPTS = 3; // further tries of a reading request
const MAX_WAIT_SECONDS = 10; // that a reader is let wait for each of them
const MAX_RETRY_AFTER_SECONDS = 300; // of the server's wish to wait
export const STOPPED = -1; // a status of our own: this side ended it
const SILENT = "The service does not answer. Is it running, and is this computer connected?";

/** Why a request failed. `status` is 0 where nothing answered; `wait` the seconds that the server asks to wait, null where it does not. */
export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", problems = [], wait = null } = {}) {
    super(detail || title || SILENT);
    Object.assign(this, { status, title, detail: detail || (title ? "" : SILENT), problems, wait });
  }

  /** Whether the same request may succeed later by itself. */
  get passing() {
    return [0, 408, 429, 502, 503, 504].includes(this.status);
  }

  /** Whether it may succeed when the reader tries again: with another key, say. */
  get curable() {
    return this.passing || [STOPPED, 401, 403, 500].includes(this.status);
  }
}

/** JSON of a route, relative to the page. Raises `Problem`. */
export async function fetchJson(path, { method = "GET", body = null } = {}) {
  return (await request(path, method, body, AbortSignal.timeout(1000 * RECORD_SECONDS))).json().catch(fail);
}

/** A file of a route, however long it takes. Raises `Problem`. */
export async function fetchFile(path) {
  return (await request(path)).blob().catch(fail);
}

/** Deletes what a route names. Raises `Problem`. */
export async function deleteAt(path) {
  await request(path, "DELETE");
}

/** The text of a route. Raises `Problem`. */
export async function fetchText(path) {
  return (await request(path)).text().catch(fail);
}

/** An answer that breaks off, or is not what it says. */
function fail() {
  throw new Problem();
}

/** Reading is tried again by itself where the service asks to wait a little. */
async function request(path, method = "GET", body = null, signal = null, attempt = 0) {
  const key = readKey(), headers = body ? { ...authorize(key), "Content-Type": "application/json" } : authorize(key);
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store", signal });
  } catch {
    throw new Problem();
  }
  if (response.ok) return response;
  if (response.status === 401 && (await renewKey(key))) return request(path, method, body);
  const problem = readProblem(response.status, await response.text(), response.headers.get("Retry-After"));
  if (method !== "GET" || attempt >= MAX_ATTEMPTS || problem.wait === null || problem.wait > MAX_WAIT_SECONDS) throw problem;
  await new Promise((resolve) => setTimeout(resolve, 1000 * problem.wait));
  return request(path, method, body, null, attempt + 1);
}

function authorize(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Sends one photograph; `progress` hears the share that is sent, 0 to 1. The file's name, which may be a patient's, stays here. */
export async function sendPhotograph(file, fields, request, progress, signal) {
  const key = readKey(), form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append("photos", file, "photograph");
  const response = await post("v1/predictions", form, { ...authorize(key), "Idempotency-Key": request }, progress, signal);
  if (response.status === 200 || response.status === 201) return readJson(response.responseText);
  if (response.status === 401 && (await renewKey(key))) return sendPhotograph(file, fields, request, progress, signal);
  throw readProblem(response.status, response.responseText, response.getResponseHeader("Retry-After"));
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return fail();
  }
}

/** `fetch` cannot say how much it has sent; this can. */
function post(path, form, headers, progress, signal) {
  return new Promise((resolve, reject) => {
    const exchange = new XMLHttpRequest(), stop = () => exchange.abort();
    exchange.open("POST", path);
    for (const [name, value] of Object.entries(headers)) exchange.setRequestHeader(name, value);
    exchange.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    exchange.addEventListener("load", () => resolve(exchange));
    exchange.addEventListener("error", () => reject(new Problem()));
    exchange.addEventListener("abort", () => reject(new Problem({ status: STOPPED, title: "Stopped", detail: "You stopped it." })));
    exchange.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    exchange.send(form);
  });
}

/** A problem document, or what a proxy in between says in its stead. */
export function readProblem(status, text, after) {
  let content = {};
  try {
    content = JSON.parse(text) ?? {};
  } catch { /* no JSON: the status has to do */ }
  const detail = typeof content.detail === "string" ? content.detail : "";
  return new Problem({ status, title: content.title || `The service answered ${status}`, detail, problems: content.problems ?? [], wait: readWait(after) });
}

/** Seconds of a Retry-After, which is a number or a date; null where there is none. */
export function readWait(after) {
  if (!after) return null;
  const seconds = /^\d+$/.test(after) ? Number(after) : (Date.parse(after) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS) : null;
}
