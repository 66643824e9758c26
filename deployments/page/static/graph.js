// The graph as the configuration draws it, with what goes over each of its edges.

import { cells, el, find, list, mark, svg, write } from "./dom.js";
import { NOTHING, number, rate, seconds, share, t } from "./words.js";

const LINE = 16, PAD = 10, LABEL_PAD = 5, BASE = 12;
const LEAST_SCALE = 0.72;
const BAD = 0.05, WORTH_A_LOOK = 0.005;
const ROUND = { client: 14, model: 3, remote: 3 };

const key = (node, target) => `${node} ${target}`;
const named = (name) => name || t("clients");

export class Graph {
  constructor() {
    this.edges = new Map();
    this.boxes = new Map();
    this.order = [];
    this.chosen = null;
    this.size = [0, 0];
    this.frame = find("drawing");
    this.frame.addEventListener("keydown", (event) => this.move(event));
    find("fit").addEventListener("click", ({ target }) => {
      mark(target, "aria-pressed", target.getAttribute("aria-pressed") !== "true");
      this.fit();
    });
    new ResizeObserver(() => this.fit()).observe(this.frame.parentElement);
  }

  draw({ drawing }) {
    this.edges.clear();
    this.boxes.clear();
    this.order = [];
    this.chosen = null;
    this.frame.replaceChildren();
    if (!drawing) {
      this.frame.append(el("p", { class: "empty" }, t("no-drawing")));
      return;
    }
    this.size = drawing.size;
    this.sheet = svg("svg", { viewBox: `0 0 ${drawing.size[0]} ${drawing.size[1]}`, role: "group", "aria-labelledby": "graph-name" });
    this.sheet.append(heads());
    for (const arrow of drawing.arrows) this.arrow(arrow);
    for (const edge of this.edges.values()) this.sheet.append(edge.group);
    for (const box of drawing.boxes) this.box(box);
    for (const edge of this.edges.values()) this.sheet.append(...edge.labels);
    this.order[0]?.group.setAttribute("tabindex", "0");
    this.frame.append(this.sheet);
    this.fit();
  }

  fit() {
    if (!this.sheet) return;
    const whole = Math.min(1, this.frame.parentElement.clientWidth / this.size[0]);
    find("fit").hidden = whole >= LEAST_SCALE;
    const scale = find("fit").getAttribute("aria-pressed") === "true" ? whole : Math.max(LEAST_SCALE, whole);
    this.sheet.setAttribute("width", Math.floor(this.size[0] * scale));
    this.sheet.setAttribute("height", Math.floor(this.size[1] * scale));
  }

  arrow(arrow) {
    const name = key(arrow.start, arrow.end);
    let edge = this.edges.get(name);
    if (!edge) {
      edge = { name, node: arrow.start, target: arrow.end, paths: [], figures: [], labels: [], told: null };
      edge.group = svg("g", { class: arrow.answering ? "edge" : "edge helper", "data-level": "idle", role: "button", tabindex: "-1" });
      this.choosable(edge);
      this.edges.set(name, edge);
    }
    const course = way(arrow.points);
    edge.group.append(svg("path", { class: "reach", d: course }), svg("path", { class: "way", d: course, "marker-end": "url(#head)" }), svg("path", { class: "flow", d: course }));
    const place = arrow.corner ? { x: arrow.corner[0], y: arrow.corner[1], w: arrow.size[0], h: arrow.size[1] } : beside(arrow.points);
    const label = svg("g", { class: "label" });
    if (arrow.corner) label.append(svg("rect", { x: place.x, y: place.y, width: place.w, height: place.h, rx: 4 }));
    arrow.lines.forEach((line, at) => label.append(text(line, place.x + LABEL_PAD, place.y + LABEL_PAD + at * LINE + BASE)));
    const figures = text("", place.x + LABEL_PAD, place.y + LABEL_PAD + arrow.lines.length * LINE + BASE, "figures");
    label.append(figures);
    label.addEventListener("click", () => this.choose(edge));
    edge.figures.push(figures);
    edge.labels.push(label);
  }

  box(box) {
    const [x, y] = box.corner, [w, h] = box.size;
    const group = svg("g", { class: `node ${box.group}`, tabindex: "-1", role: "button" });
    const round = ROUND[box.group] ?? 6;
    if (box.group === "model") group.append(svg("rect", { class: "box", x: x + 4, y: y + 4, width: w, height: h, rx: round }));
    group.append(svg("rect", { class: "box", x, y, width: w, height: h, rx: round }));
    const lines = [[box.name ? box.title : t("clients"), "title"], [box.name ? box.kind : t("no-model"), "kind"], ...box.lines.map((line) => [line, ""])];
    const top = y + (h - LINE * lines.length) / 2;
    lines.forEach(([line, style], at) => group.append(text(line, x + PAD, top + at * LINE + BASE, style)));
    const count = text("", x + w - PAD, top + LINE + BASE, "count");
    count.setAttribute("text-anchor", "end");
    group.append(count);
    const item = { name: box.name, box, group, count, isBox: true };
    this.choosable(item);
    this.boxes.set(box.name, item);
    this.sheet.append(group);
  }

  choosable(item) {
    this.order.push(item);
    item.group.addEventListener("click", () => this.choose(item));
    item.group.addEventListener("focus", () => this.choose(item));
  }

  choose(item) {
    this.chosen?.group.classList.remove("chosen-one");
    this.chosen = item;
    item.group.classList.add("chosen-one");
    for (const one of this.order) mark(one.group, "tabindex", one === item ? "0" : "-1");
    this.tell();
  }

  move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !this.order.length) return;
    event.preventDefault();
    const at = this.order.indexOf(this.chosen);
    this.order[(at + step + this.order.length) % this.order.length].group.focus();
  }

  show(snapshot) {
    const told = new Map(snapshot.edges.map((one) => [key(one.node, one.target), one]));
    for (const edge of this.edges.values()) this.figures(edge, told.get(edge.name));
    for (const item of this.boxes.values()) mark(item.group, "aria-label", named(item.name));
    for (const pool of snapshot.fleet?.pools ?? []) this.count(pool);
    this.table(snapshot.edges);
    this.told = snapshot;
    this.tell();
  }

  figures(edge, told) {
    edge.told = told ?? null;
    const busy = told && told.rate > 0;
    mark(edge.group, "data-level", level(told));
    edge.group.style.setProperty("--heavy", busy ? Math.min(5, 1.3 + Math.log10(1 + told.rate) * 1.6).toFixed(2) : "1.3");
    const parts = busy ? [rate(told.rate), told.p95_s === null ? null : seconds(told.p95_s), told.error_share ? `${share(told.error_share, 0)} ✕` : null] : [told?.total ? rate(0) : NOTHING];
    const line = parts.filter((part) => part !== null).join(" · ");
    for (const figures of edge.figures) {
      write(figures, line);
      mark(figures.parentNode, "data-level", level(told));
    }
    mark(edge.group, "aria-label", `${named(edge.node)} → ${named(edge.target)}${line !== NOTHING ? `: ${line}` : ""}`);
  }

  count(pool) {
    const item = this.boxes.get(pool.pool);
    if (!item) return;
    const ready = pool.stages?.ready ?? 0;
    write(item.count, `${ready}/${pool.target}`);
    mark(item.count, "data-level", ready >= pool.target ? "ok" : ready ? "warn" : "bad");
  }

  table(edges) {
    list(find("edges"), edges, (one) => key(one.node, one.target), () => el("tr"), (row, one) =>
      cells(row, [named(one.node), one.target || NOTHING, [rate(one.rate)], [seconds(one.p50_s)], [seconds(one.p95_s)], [one.error_share ? share(one.error_share) : "0"], [number(one.total)]]));
  }

  // Say in words what is known of whatever was chosen.
  tell() {
    const item = this.chosen;
    const place = find("chosen");
    place.hidden = !item;
    if (!item) return;
    const parts = item.isBox ? this.aboutBox(item) : about(item.told);
    const name = item.isBox ? named(item.name) : `${named(item.node)} → ${named(item.target)}`;
    place.replaceChildren(el("strong", {}, name), ...parts.map((part) => el("span", {}, part)));
  }

  aboutBox(item) {
    const coming = (this.told?.edges ?? []).filter((one) => one.target === item.name && (item.name || !one.node));
    const pool = this.told?.fleet?.pools.find((one) => one.pool === item.name);
    const sum = coming.reduce((whole, one) => whole + one.rate, 0);
    const parts = [item.name ? item.box.kind : "", `${t("rate")} ${rate(sum)}`];
    if (pool) parts.push(t("ready-of", { ready: pool.stages?.ready ?? 0, target: pool.target }), `${t("under-way")} ${number(pool.in_flight)}`);
    return [...parts, ...item.box.lines].filter(Boolean);
  }

  // Show the way that one answer took; a branch that failed is on it, but handed nothing on.
  highlight(path) {
    const steps = path.filter((step) => !step.includes("!"));
    const on = new Set(steps.map((step, at) => key(at ? steps[at - 1] : "", step)));
    for (const edge of this.edges.values()) edge.group.classList.toggle("on-path", on.has(edge.name));
    for (const item of this.boxes.values()) item.group.classList.toggle("on-path", steps.includes(item.name));
  }
}

function about(told) {
  if (!told) return [t("nothing-yet")];
  const errors = Object.entries(told.errors).map(([code, count]) => `${code} × ${count}`);
  return [`${t("rate")} ${rate(told.rate)}`, `p50 ${seconds(told.p50_s)}`, `p95 ${seconds(told.p95_s)}`, `${t("errors")} ${errors.join(", ") || NOTHING}`, `${t("total")} ${number(told.total)}`];
}

function level(told) {
  if (!told || !told.rate) return "idle";
  if (told.error_share >= BAD) return "bad";
  return told.error_share >= WORTH_A_LOOK ? "warn" : "ok";
}

function heads() {
  const head = svg("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, svg("path", { d: "M0 .5 8 4 0 7.5z", fill: "context-stroke" }));
  return svg("defs", {}, head);
}

function text(line, x, y, style = "") {
  return write(svg("text", { x, y, class: style || undefined }), line);
}

// Between the boxes of a chain there is room beside the arrow alone.
function beside([[x, y], [, end]]) {
  return { x: x + 2, y: (y + end) / 2 - LABEL_PAD - 8, w: 0, h: 0 };
}

function way(points) {
  let [x, y] = points[0];
  const parts = [`M${x} ${y}`];
  points.slice(1).forEach(([toX, toY], at) => {
    const bend = (toX - x) / 2;
    parts.push(at % 2 || toX === x ? `L${toX} ${toY}` : `C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`);
    [x, y] = [toX, toY];
  });
  return parts.join(" ");
}
