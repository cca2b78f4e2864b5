/** Markdown as model cards have it, as elements: headings, lists, tables, paragraphs; bold, code and links of the web within. */

import { make } from "./elements.js";

const INLINE = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\((https?:[^)\s]+)\)/g;

/** The blocks of a text. Its first heading is left out: the view has it already. What is not known becomes text. */
export function showMarkdown(text) {
  const blocks = text.replace(/^# .*\n/, "").trim().split(/\n\s*\n/);
  return blocks.flatMap(showBlock);
}

function showBlock(block) {
  const lines = block.split("\n");
  const heading = lines[0].match(/^(#{2,4}) +(.*)$/);
  if (heading) return [make(`h${heading[1].length}`, {}, showWords(heading[2])), ...(lines.length > 1 ? showBlock(lines.slice(1).join("\n")) : [])];
  if (lines.every((line) => /^\s*\|/.test(line)) && /^[\s|:-]+$/.test(lines[1] ?? "")) return [showTable(lines)];
  if (/^[*-] /.test(lines[0])) return [showList(lines)];
  return [make("p", {}, showWords(lines.join(" ")))];
}

/** A list; lines that begin no item go on with the one before. */
function showList(lines) {
  const items = [];
  for (const line of lines) {
    if (/^[*-] /.test(line)) items.push(line.slice(2));
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return make("ul", {}, items.map((item) => make("li", {}, showWords(item))));
}

function showTable([head, , ...rows]) {
  const read = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
  const cells = (line) => make("tr", {}, read(line).map((cell) => make("td", {}, showWords(cell))));
  const heads = make("tr", {}, read(head).map((cell) => make("th", { scope: "col" }, showWords(cell))));
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": read(head).join(", ") }, make("table", {}, make("thead", {}, heads), make("tbody", {}, rows.map(cells))));
}

/** Words with bold, code and links. */
function showWords(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, bold, code, words, address] = match;
    parts.push(text.slice(end, match.index), bold ? make("strong", {}, bold) : code ? make("code", {}, code) : make("a", { href: address, rel: "noreferrer" }, words));
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}
