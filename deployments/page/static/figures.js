// The figures at the top, what was promised and kept, and what everybody came to.

import { cells, el, find, list, mark, setBar, svg, write } from "./dom.js";
import { NOTHING, compact, money, number, rate, seconds, share, span, t } from "./words.js";

const KEPT = 90;
const history = new Map();

export function tiles(snapshot) {
  const fleet = snapshot.fleet, requests = snapshot.requests;
  const pools = fleet?.pools ?? [];
  const sum = (read) => pools.reduce((whole, pool) => whole + (read(pool) ?? 0), 0);
  const ready = sum((pool) => pool.stages?.ready), target = sum((pool) => pool.target);
  const budgets = (fleet?.goals ?? []).map((goal) => goal.budget_left).filter((left) => left !== null);
  const least = budgets.length ? Math.min(...budgets) : null;
  const shown = [
    ["requests", rate(requests.rate), requests.rate, t("total-of", { count: compact(requests.total) })],
    ["error-share", requests.rate ? share(requests.error_share, 2) : NOTHING, requests.error_share, t("last-seconds"), requests.error_share >= 0.05 ? "bad" : requests.error_share >= 0.005 ? "warn" : null],
    ["first-token", seconds(requests.p95_s), requests.p95_s ?? 0, t("p95-of-entries")],
    ["held", number(sum((pool) => pool.held)), sum((pool) => pool.held), t("under-way-count", { count: number(sum((pool) => pool.in_flight)) })],
    ["replicas", fleet ? `${ready}/${target}` : NOTHING, ready, fleet ? t("ready-wanted") : "", fleet && ready < target ? "warn" : null],
    ["budget", least === null ? NOTHING : share(Math.max(0, least), 0), null, t("least-budget"), least === null ? null : least <= 0 ? "bad" : least < 0.25 ? "warn" : "ok"],
  ];
  list(find("tiles"), shown, ([name]) => name, ([name]) => tile(name), (node, one) => tileNow(node, one));
}

function tile(name) {
  const line = svg("svg", { class: "spark", viewBox: "0 0 90 24", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { class: "area" }), svg("path", { class: "line" }));
  return el("div", { class: "tile", id: `tile-${name}` }, el("span", { class: "name" }), el("b"), el("span", { class: "more" }), line);
}

function tileNow(node, [name, value, height, more, level]) {
  write(node.children[0], t(`tile-${name}`));
  write(node.children[1], value);
  mark(node.children[1], "data-level", level);
  write(node.children[2], more);
  if (height === null) return;
  const course = history.get(name) ?? [];
  course.push(height);
  if (course.length > KEPT) course.shift();
  history.set(name, course);
  const most = Math.max(...course, 1e-9);
  const points = course.map((one, at) => `${KEPT - course.length + at} ${(22 - (one / most) * 20).toFixed(1)}`);
  const [area, line] = node.children[3].children;
  mark(line, "d", `M${points.join("L")}`);
  mark(area, "d", `M${KEPT - course.length} 24L${points.join("L")}L${KEPT - 1} 24Z`);
}

export function goals(snapshot) {
  const fleet = snapshot.fleet;
  const known = fleet?.goals ?? [];
  list(find("goal-list"), known, (one) => one.goal, goal, (node, one) => {
    const kept = one.judged ? 1 - one.missed / one.judged : null;
    const left = one.budget_left;
    const level = left === null ? null : left <= 0 ? "bad" : left < 0.25 ? "warn" : "ok";
    goalNow(node, one.goal, share(kept, 3), t("promised", { share: share(one.share, 3) }), left, level,
      left === null ? t("nothing-judged") : t("budget-left", { left: share(Math.max(0, left), 0), judged: number(one.judged), missed: number(one.missed), known: span(Math.min(one.known_s, one.window_s)), window: span(one.window_s) }));
  });
  const targets = (fleet?.pools ?? []).filter((pool) => pool.ttft?.target_s !== null && pool.ttft);
  list(find("attained"), targets, (one) => one.pool, goal, (node, one) => {
    const windows = one.attainment.filter((window) => window.ttft_share !== null);
    const newest = windows[0]?.ttft_share ?? null;
    goalNow(node, one.pool, share(newest, 1), t("first-token-within", { target: seconds(one.ttft.target_s) }), newest, newest === null ? null : newest < 0.95 ? "warn" : "ok",
      windows.length ? windows.map((window) => t("of-window", { share: share(window.ttft_share, 1), requests: number(window.requests), window: span(window.window_s) })).join(" · ") : t("nothing-judged"));
  });
}

function goal() {
  return el("li", {}, el("div", { class: "head" }, el("strong"), el("span", { class: "kept" }), el("span", { class: "note" })), el("span", { class: "bar" }, el("i")), el("span", { class: "note" }));
}

function goalNow(node, name, kept, promised, left, level, told) {
  const [head, bar, more] = node.children;
  write(head.children[0], name);
  write(head.children[1], kept);
  write(head.children[2], promised);
  setBar(bar, left ?? 0, level);
  write(more, told);
}

export function costs(snapshot) {
  const known = snapshot.costs;
  const rows = known?.tenants ?? [];
  write(find("costs-note"), snapshot.fleet?.costs_fault || known?.fault || (known ? t("costs-note", { hours: known.hours }) : ""));
  list(find("tenants"), rows, (one) => one.tenant, () => el("tr"), (row, one) => {
    const whole = one.cpu_seconds + one.gpu_seconds;
    cells(row, [one.tenant, [number(one.calls)], [number(one.tokens)], [number(one.cpu_seconds, 1)], [number(one.gpu_seconds, 1)], [whole ? share(one.idle_seconds / whole, 0) : NOTHING], [money(one.machines)], [money(one.listed)]]);
  });
}
