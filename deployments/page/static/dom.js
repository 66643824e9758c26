// Elements without markup: whatever is shown is text, and can be nothing else.

const SVG = "http://www.w3.org/2000/svg";

export const find = (id) => document.getElementById(id);

export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function write(node, text) {
  const told = text === null || text === undefined ? "" : String(text);
  if (node.textContent !== told) node.textContent = told;
  return node;
}

export function mark(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// Bring the children of a node in line with a list, one for each item: focus, hover and open parts stay where they are.
export function list(parent, items, key, make, update) {
  const known = parent.known ?? (parent.known = new Map());
  const wanted = new Map(items.map((item) => [String(key(item)), item]));
  for (const [name, node] of known) {
    if (!wanted.has(name)) {
      node.remove();
      known.delete(name);
    }
  }
  let at = 0;
  for (const [name, item] of wanted) {
    let node = known.get(name);
    if (!node) known.set(name, (node = make(item)));
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] ?? null);
    update(node, item);
    at += 1;
  }
}

export function cells(row, texts) {
  while (row.children.length < texts.length) row.append(el("td"));
  texts.forEach((text, at) => {
    const number = Array.isArray(text);
    if (number) row.children[at].className = "n";
    write(row.children[at], number ? text[0] : text);
  });
}

export function bar(share, level) {
  return setBar(el("span", { class: "bar", "aria-hidden": "true" }, el("i")), share, level);
}

export function setBar(node, share, level) {
  node.firstChild.style.width = `${Math.max(level === "bad" ? 0.015 : 0, Math.min(1, share ?? 0)) * 100}%`;
  mark(node, "data-level", level);
  return node;
}
