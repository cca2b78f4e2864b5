/** Photographs at hand: those that this tab has sent, and those that the service kept. Nothing is written to disk. */

import { fetchFile } from "./api.js";

const MAX_THUMBNAILS = 4; // fetched at once
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

/** The address of a small picture of it, null where there is none. Raises `Problem`. */
async function findThumbnail(prediction) {
  if (own.has(prediction.id)) return own.get(prediction.id);
  if (!prediction.kept) return null;
  const name = `${prediction.id} small`;
  if (!fetched.has(name)) {
    fetched.set(name, URL.createObjectURL(await fetchFile(`v1/predictions/${encodeURIComponent(prediction.id)}/thumbnail`)));
  }
  return fetched.get(name);
}

/** The address of a known lesion's small picture. Raises `Problem`. */
export async function findCase(sha256) {
  if (!fetched.has(sha256)) {
    fetched.set(sha256, URL.createObjectURL(await fetchFile(`v1/cases/${encodeURIComponent(sha256)}/thumbnail`)));
  }
  return fetched.get(sha256);
}

/** Puts small pictures of predictions into images, `[prediction, image]` each. */
export function fillThumbnails(pairs, signal) {
  return fillImages(pairs.map(([prediction, image]) => [() => findThumbnail(prediction), image]), signal);
}

/** Puts pictures into images, `[find, image]` each, a few at a time; an image that has none stays hidden. */
export async function fillImages(pairs, signal) {
  const waiting = [...pairs];
  const work = async () => {
    while (waiting.length && !signal?.aborted) {
      const [find, image] = waiting.shift();
      const url = await find().catch(() => null);
      if (url) Object.assign(image, { src: url, hidden: false });
    }
  };
  await Promise.all(Array.from({ length: MAX_THUMBNAILS }, work));
}

/** Lets go of what the service sent; called when a view ends. */
export function dropFetched() {
  for (const url of fetched.values()) URL.revokeObjectURL(url);
  fetched.clear();
}
