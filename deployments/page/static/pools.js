// Pools: their replicas by stage, how long a start takes, what is asked of them and how well they keep up.

import { el, find, list, mark, setBar, write } from "./dom.js";
import { NOTHING, number, rate, seconds, share, span, t } from "./words.js";

const STAGES = ["requested", "placed", "building", "loading", "warming", "ready", "draining"];
const ON_THE_WAY = new Set(["requested", "placed", "building", "loading", "warming"]);

export function legend() {
  find("legend").replaceChildren(...STAGES.map((stage) => el("li", { "data-stage": stage }, t(`stage-${stage}`))));
}

export function pools(snapshot) {
  const known = snapshot.fleet?.pools ?? [];
  list(find("pool-list"), known, (one) => one.pool, make, (node, one) => update(node, one, snapshot.at_s));
}

function make(pool) {
  const part = (name, style) => el(name, { class: style });
  const node = el(
    "article", { class: "pool", "aria-label": pool.pool },
    el("header", {}, el("h3", {}, pool.pool), part("span", "size"), part("span", "badges")),
    part("ol", "stages"), part("ul", "replicas"), part("div", "start"), part("dl", "figures"),
  );
  node.querySelector(".start").append(el("span", { class: "start-text" }), el("span", { class: "bar" }, el("i")), el("span", { class: "split" }));
  return node;
}

function update(node, pool, now) {
  const ready = pool.stages?.ready ?? 0;
  const size = node.querySelector(".size");
  write(size, `${t("ready-of", { ready, target: pool.target })} · ${t("bounds", { min: pool.min, max: pool.max })}`);
  mark(size, "data-level", ready >= pool.target ? "ok" : "warn");
  badges(node.querySelector(".badges"), pool, now);
  list(node.querySelector(".stages"), STAGES, (stage) => stage, (stage) => el("li", { "data-stage": stage }, el("b"), el("span")), (one, stage) => {
    const count = pool.stages?.[stage] ?? 0;
    write(one.firstChild, count);
    write(one.lastChild, t(`stage-${stage}`));
    one.classList.toggle("none", !count);
  });
  list(node.querySelector(".replicas"), pool.replicas, (one) => one.replica, replica, (one, told) => replicaNow(one, told, pool, now));
  start(node.querySelector(".start"), pool.start);
  figures(node.querySelector(".figures"), pool);
}

function badges(place, pool, now) {
  const told = [];
  if (pool.brown_out) told.push(["warn", t("brown-out", { share: share(pool.brown_out, 0) })]);
  if (pool.pin) told.push(["note", t("pinned", { replicas: pool.pin.replicas, left: span(pool.pin.until_s - now) })]);
  if (pool.proposal) told.push(["note", t("waits")]);
  if (pool.start?.scaled_to_zero) told.push(["note", t("asleep")]);
  if (pool.start?.kept_empty) told.push(["warn", pool.start.kept_empty]);
  for (const blind of pool.blind ?? []) told.push(["warn", blind]);
  list(place, told, ([, text]) => text, ([level]) => el("span", { class: "badge", "data-level": level }), (node, [, text]) => write(node, text));
}

function replica(one) {
  return el("li", { class: "replica", title: one.replica }, el("i", { class: "fill" }), el("span"));
}

function replicaNow(node, one, pool, now) {
  mark(node, "data-stage", one.stage);
  const starts = ON_THE_WAY.has(one.stage);
  const began = one.requested_s ?? one.since_s;
  const took = starts && began ? now - began : null;
  const whole = pool.start?.cold_start_s;
  const told = starts
    ? `${t(`stage-${one.stage}`)} ${took === null ? "" : whole ? t("of-about", { took: span(took), whole: span(whole) }) : span(took)}`
    : one.running === null ? t(`stage-${one.stage}`) : one.waiting ? t("load-waiting", { running: one.running, slots: pool.slots, waiting: one.waiting }) : t("load", { running: one.running, slots: pool.slots });
  write(node.lastChild, told);
  mark(node, "aria-label", `${one.replica}: ${t(`stage-${one.stage}`)}, ${told}`);
  const fill = starts ? (took !== null && whole ? took / whole : 0) : pool.slots ? (one.running ?? 0) / pool.slots : 0;
  node.firstChild.style.width = `${Math.min(100, fill * 100)}%`;
}

// The clock of a cold start: the oldest one under way, and what the last one was made of.
function start(place, told) {
  const [text, bar, split] = place.children;
  place.hidden = !told || (told.cold_start_s === null && !told.starting);
  if (place.hidden) return;
  const under = told.starting_for_s !== null;
  bar.hidden = !under;
  if (under) {
    const late = told.cold_start_s && told.starting_for_s > 1.5 * told.cold_start_s;
    setBar(bar, told.cold_start_s ? told.starting_for_s / told.cold_start_s : 0, late ? "bad" : "note");
    write(text, t("starting", { count: told.starting, took: span(told.starting_for_s), left: told.ready_in_s === null ? NOTHING : span(told.ready_in_s) }));
  } else {
    write(text, t("cold-start", { took: seconds(told.cold_start_s) }));
  }
  const whole = told.stages_s.reduce((sum, [, took]) => sum + took, 0);
  const longest = told.stages_s.filter(([, took]) => took > 0.02 * whole);
  write(split, longest.map(([stage, took]) => `${stage.replaceAll("_", " ")} ${seconds(took)}`).join(" · "));
}

function figures(place, pool) {
  const told = [
    [t("arrivals"), rate(pool.arrival_rate)],
    [t("under-way"), number(pool.in_flight)],
    [t("held"), number(pool.held)],
    [t("ttft-95"), against(pool.ttft), late(pool.ttft)],
    [t("tpot-95"), against(pool.tpot), late(pool.tpot)],
    [t("kv"), share(pool.kv_used, 0)],
  ];
  list(place, told, ([name]) => name, ([name]) => el("div", {}, el("dt", {}, name), el("dd")), (node, [, value, level]) => {
    write(node.lastChild, value);
    mark(node.lastChild, "data-level", level);
  });
}

function against(latency) {
  if (!latency) return NOTHING;
  return latency.target_s === null ? seconds(latency.p95_s) : `${seconds(latency.p95_s)} / ${seconds(latency.target_s)}`;
}

function late(latency) {
  if (!latency || latency.p95_s === null || latency.target_s === null) return null;
  return latency.p95_s > latency.target_s ? "bad" : "ok";
}
