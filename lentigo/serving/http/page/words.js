/** Numbers, dates and decisions in words. */

export const LABELS = { benign: "Benign", malignant: "Malignant", uncertain: "Uncertain" };
const REFUSED = "Refused";
const SHORT = 8; // characters of an id that people read
const SPACE = "\u00a0";

/** A share as percent: whole, or with a decimal where `near` another number it would look the same as. */
export function percent(share, near = null) {
  if (share < 0.01) return `under 1${SPACE}%`;
  if (share > 0.99) return `over 99${SPACE}%`;
  const digits = near !== null && Math.abs(share - near) < 0.01 ? 1 : 0;
  return `${(100 * share).toFixed(digits)}${SPACE}%`;
}

/** A share as people count it. */
export function count(share) {
  if (share < 0.01) return "fewer than 1 in 100";
  if (share > 0.99) return "more than 99 in 100";
  return `about ${Math.round(100 * share)} in 100`;
}

/** Whether the model refused the photograph: no probability, outline or measure of it means anything. */
export function isRefused(prediction) {
  return prediction.in_distribution === false;
}

/** The decision in a word. */
export function nameDecision(prediction) {
  return isRefused(prediction) ? REFUSED : LABELS[prediction.label];
}

/** The probability of malignant, with as many digits as tell it from the operating point; a dash where there is none. */
export function writeProbability(prediction) {
  return isRefused(prediction) ? "–" : percent(prediction.probability, prediction.threshold);
}

/** The beginning of an id, a UUID or a hash, which is enough to tell records apart. */
export function shorten(id) {
  return String(id).slice(0, SHORT);
}

/** Why it was decided so, in a sentence. */
export function explain(prediction) {
  if (isRefused(prediction)) return `The model does not decide: ${prediction.reason || "unlike the photographs that it knows"}. So no probability, outline or measure is given.`;
  if (prediction.label === "uncertain") return `The model does not decide: ${prediction.reason || "no reason was given"}.`;
  const side = prediction.label === "malignant" ? "at or above" : "below";
  return `The probability, ${percent(prediction.probability, prediction.threshold)}, is ${side} the operating point, ${percent(prediction.threshold, prediction.probability)}.`;
}

/** What the probability means, and where it does. `prevalence` is the share of malignant lesions where it was calibrated, null where unknown. */
export function interpret(prediction, prevalence = null) {
  const where = prevalence ? ` There ${Math.round(100 * prevalence)} in 100 lesions were malignant; where fewer are, this number is too high.` : "";
  return `As calibrated on the model’s validation photographs: ${count(prediction.probability)} lesions with this score were malignant.${where}`;
}

/** What a screen reader hears when an answer comes. */
export function summarize(prediction) {
  if (isRefused(prediction)) return `${REFUSED}.`;
  const [probability, point] = [percent(prediction.probability, prediction.threshold), percent(prediction.threshold, prediction.probability)];
  return `${LABELS[prediction.label]}. Probability of malignant ${probability}, operating point ${point}.`;
}

/** Measures as `[term, value]` with units; empty where no lesion was found. */
export function describeMeasures(measures) {
  if (!measures || measures.area_px === null || measures.area_px === undefined) return [];
  return [
    ["Area", describeArea(measures)],
    ["Longest diameter", measures.diameter_mm === null ? `${round(measures.diameter_px, 0)}${SPACE}px` : `${round(measures.diameter_mm, 1)}${SPACE}mm`],
    ["Border irregularity", measures.border_irregularity === null ? null : `${round(measures.border_irregularity, 2)} (a disc: 1)`],
    ["Asymmetry", measures.asymmetry === null ? null : `${round(measures.asymmetry, 2)} (0: none)`],
    ["Colours", measures.colours?.join(", ")],
    ["Spread of colour", measures.colour_spread === undefined ? null : `${round(measures.colour_spread, 1)} ΔE`],
    ["Cut off", measures.cut_off ? "touches the edge of the photograph; the rest is unknown" : null],
  ];
}

/** The area in square millimetres where the scale is known, else in pixels. */
export function describeArea(measures) {
  if (!measures || measures.area_px === null) return "no lesion found";
  const share = measures.area_share === undefined ? "" : `, ${round(100 * measures.area_share, 1)}${SPACE}% of the photograph`;
  return (measures.area_mm2 === null ? `${round(measures.area_px, 0)}${SPACE}px²` : `${round(measures.area_mm2, 1)}${SPACE}mm²`) + share;
}

/** A number with so many decimals, thousands apart. */
export function round(value, digits) {
  return Number(value).toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A change with its sign. */
export function signed(value, digits, unit) {
  return `${value < 0 ? "−" : "+"}${round(Math.abs(value), digits)}${SPACE}${unit}`;
}

/** A day, in the reader's own time zone where a time is given. */
export function day(time) {
  const bare = /^\d{4}-\d\d-\d\d(T00:00:00(\.0+)?(Z|\+00:00)?)?$/.test(time);
  return new Date(bare ? `${time.slice(0, 10)}T12:00` : time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** A day and its time. */
export function moment(time) {
  return `${day(time)}, ${new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

/** When a photograph was taken, or else when it was answered. */
export function when(prediction) {
  return prediction.taken ?? prediction.created;
}

/** Where in a photograph a cell of a grid lies. */
export function place(row, column, size) {
  const third = (index) => Math.min(2, Math.floor((3 * (index + 0.5)) / size));
  const words = [["upper", "", "lower"][third(row)], ["left", "", "right"][third(column)]].filter(Boolean);
  return words.join(" ") || "centre";
}
