// The newest backtest that the gateway was given: what each policy would have kept, and for how much.

import { cells, el, find, svg, write } from "./dom.js";
import { moment, number, share, t } from "./words.js";

export async function backtest(token) {
  const body = find("backtest-body");
  let told = null;
  try {
    const response = await fetch("admin/backtest", { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(20000) });
    told = response.ok ? await response.json() : null;
  } catch {
    // The page says that there is none; whether the gateway answers at all is said at the top.
  }
  write(find("backtest-note"), told?.report ? `${told.report.name} · ${moment(told.report.at_s)}` : "");
  body.replaceChildren(...(told?.report ? [plot(told.report.rows), table(told.report.rows)] : [el("p", { class: "empty" }, told?.fault || t("no-backtest"))]));
}

function table(rows) {
  const heads = ["policy-name", "kept-share", "paid", "replica-hours", "starts"].map((name, at) => el("th", at ? { class: "n" } : {}, t(name)));
  const body = rows.map((row) => {
    const line = el("tr", { class: row.kind });
    cells(line, [row.name, [share(row.slo, 3)], [row.ratio === null ? "–" : `× ${number(row.ratio, 3)}`], [number(row.replica_hours, 1)], [number(row.starts)]]);
    return line;
  });
  return el("div", { class: "scrolls", tabindex: "0" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body)));
}

// Each policy by what it pays and what it misses: the best are in the lower left corner.
function plot(rows) {
  const known = rows.filter((row) => row.ratio !== null && row.slo !== null);
  if (known.length < 2) return el("span");
  const most = Math.max(...known.map((row) => row.ratio)), least = Math.min(1, ...known.map((row) => row.ratio));
  const missed = Math.max(...known.map((row) => 1 - row.slo), 1e-6);
  const x = (row) => 46 + ((row.ratio - least) / (most - least || 1)) * 380;
  const y = (row) => 140 - Math.sqrt((1 - row.slo) / missed) * 120;
  const dots = known.map((row) => svg("circle", { class: row.kind, cx: x(row), cy: y(row), r: row.kind === "policy" ? 6 : 4 }, write(svg("title"), `${row.name}: ${share(row.slo, 3)}, × ${number(row.ratio, 3)}`)));
  const label = (text, at) => write(svg("text", at), text);
  return svg("svg", { class: "plot", viewBox: "0 0 480 176", role: "img", "aria-label": t("plot-name") },
    svg("path", { class: "axis", d: "M40 14V146H440" }), ...dots,
    label(`× ${number(least, 2)}`, { x: 40, y: 162 }), label(`× ${number(most, 2)}`, { x: 440, y: 162, "text-anchor": "end" }),
    label(t("paid"), { x: 240, y: 162, "text-anchor": "middle" }), label(t("missed-share"), { x: 46, y: 12 }), label(share(missed, 2), { x: 36, y: 28, "text-anchor": "end" }), label("0", { x: 36, y: 146, "text-anchor": "end" }));
}
