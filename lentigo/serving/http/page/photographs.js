/** Photographs at hand: those that this tab has sent, and those that the service kept. Nothing is written to disk. */

import { fetchFile } from "./api.js";

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
    fetched.set(prediction.id, URL.createObjectURL(await fetchFile(`v1/predictions/${encodeURIComponent(prediction.id)}/photo`)));
  }
  return fetched.get(prediction.id);
}

/** Lets go of what the service sent; called when a view ends. */
export function dropFetched() {
  for (const url of fetched.values()) URL.revokeObjectURL(url);
  fetched.clear();
}
