/** Photographs at hand: those that this tab has sent, and those that the service kept. Nothing is written to disk. */

import { askFile } from "./api.js";

const KEPT = 24; // photographs of the service in memory, the last ones
const own = new Map(), fetched = new Map();

/** Remembers the file of a prediction by an address of the browser. */
export function remember(prediction, url) {
  own.set(prediction.id, url);
}

/** The address of a prediction's photograph, null where there is none. Raises `Problem`. */
export async function findPhotograph(prediction) {
  if (own.has(prediction.id)) return own.get(prediction.id);
  if (!prediction.kept) return null;
  if (!fetched.has(prediction.id)) {
    fetched.set(prediction.id, URL.createObjectURL(await askFile(`v1/predictions/${encodeURIComponent(prediction.id)}/photo`)));
    dropOldest();
  }
  return fetched.get(prediction.id);
}

function dropOldest() {
  if (fetched.size <= KEPT) return;
  const [id, url] = fetched.entries().next().value;
  fetched.delete(id);
  URL.revokeObjectURL(url);
}
