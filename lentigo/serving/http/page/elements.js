/** Elements made by program: what comes from anywhere becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes that are null or false are left out, true ones are empty; `onclick` and the like are listeners.
 * Children are nodes, text, lists of them or null. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element; otherwise as `make`. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A list of facts, `[term, value]` each; those without a value are left out. A value is text or a node. */
export function listFacts(facts, name = "facts") {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: name }, known.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));
}

/** A table with a caption; a cell is text or a node. The roles stay when a narrow screen shows rows as blocks. */
export function makeTable(caption, heads, rows) {
  const head = heads.map((text) => make("th", { scope: "col", role: "columnheader" }, text));
  const body = rows.map((cells) => make("tr", { role: "row" }, cells.map((cell, index) => make("td", { role: "cell", "data-head": heads[index] }, cell))));
  return make("table", { role: "table" }, make("caption", {}, caption),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, head)),
    make("tbody", { role: "rowgroup" }, body));
}

/** A label and its control, which has an id. */
export function labelled(text, control, hint = null) {
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  const below = hint && make("p", { id: `${control.id}-hint`, class: "quiet" }, hint);
  return make("div", { class: "field" }, make("label", { for: control.id }, text), control, below);
}

/** A select of `[value, words]`. */
export function choose(id, options, value, onchange = () => {}) {
  const select = make("select", { id, onchange }, options.map(([key, words]) => make("option", { value: key }, words)));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  return select;
}

/** A problem in the server's own words, with a way to try again where there is one. */
export function showProblem(problem, retry = null) {
  return make("div", { class: "problem", role: "alert" },
    make("p", {}, describeProblem(problem)),
    retry && make("button", { type: "button", onclick: retry }, "Try again"));
}

/** What failed and why, as nodes. */
export function describeProblem({ title, detail, message }) {
  return [make("strong", {}, title ? `${title}:` : "It did not work:"), ` ${detail || message}`];
}

/** Says something to a screen reader, without a place on the page. */
export function announce(words) {
  document.getElementById("status").textContent = words;
}
