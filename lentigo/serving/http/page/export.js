/** The answers of a visit as a table, made in this browser: only here are the names of the files known. */

import { announce, make } from "./elements.js";
import { isRefused, nameDecision } from "./words.js";

const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet would run
const COLUMNS = {
  image: (item) => item.name,
  decision: ({ prediction }) => prediction && nameDecision(prediction).toLowerCase(),
  probability: ({ prediction }) => (prediction && !isRefused(prediction) ? prediction.probability : ""),
  threshold: ({ prediction }) => prediction?.threshold,
  in_distribution: ({ prediction }) => prediction?.in_distribution,
  reason: ({ prediction }) => prediction?.reason,
  warnings: ({ prediction }) => prediction?.warnings?.join("; "),
  area_mm2: (item) => measure(item, "area_mm2"),
  diameter_mm: (item) => measure(item, "diameter_mm"),
  model: ({ prediction }) => prediction?.model,
  model_sha256: ({ prediction }) => prediction?.model_sha256,
  record: ({ prediction }) => prediction?.id,
  error: ({ problem }) => problem && `${problem.title || "It did not work"}: ${problem.detail || problem.message}`,
};

const measure = ({ prediction }, name) => (prediction && !isRefused(prediction) ? prediction.measures?.[name] : "");

/** Saves the items that were answered or failed, a line each in their order. */
export function exportVisit(items) {
  const ended = items.filter((item) => item.state === "done" || item.state === "failed");
  const lines = [Object.keys(COLUMNS), ...ended.map((item) => Object.values(COLUMNS).map((read) => read(item)))];
  const text = lines.map((cells) => `${cells.map(writeCell).join(",")}\r\n`).join("");
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: url, download: "lentigo-answers.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  announce(`${ended.length} answers are saved.`);
}

/** A cell of RFC 4180 that no spreadsheet takes for a formula. */
export function writeCell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
