// Puts the page together: who is signed in, in which language, and where each snapshot goes.

import { find, mark, write } from "./dom.js";
import { backtest } from "./backtest.js";
import { costs, goals, tiles } from "./figures.js";
import { Graph } from "./graph.js";
import { Refused, order, watch } from "./live.js";
import { Playground } from "./play.js";
import { legend, pools } from "./pools.js";
import { Scaling } from "./scaling.js";
import { preferred, moment, span, speak, t } from "./words.js";

const TOKEN = "tercet-token";
const STALE_MS = 6000;

const token = () => sessionStorage.getItem(TOKEN);
let watching = null, newest = null, drawn = null, heard = 0, lost = "";

const graph = new Graph();
const scaling = new Scaling((action, id) => order(token(), `admin/scale/${action}`, { id }));
const playground = new Playground(token, (path) => graph.highlight(path));

function show() {
  if (!newest?.gateway) return;
  state();
  tiles(newest);
  graph.show(newest);
  pools(newest);
  scaling.show(newest);
  goals(newest);
  costs(newest);
  const fault = newest.fault ? t("controller-silent", { reason: newest.fault }) : "";
  write(find("fault"), fault);
  find("fault").hidden = !fault;
  write(find("foot"), t("foot", { gateway: newest.gateway.name, settings: newest.gateway.settings, gateways: newest.fleet?.gateways.length ?? 1, since: moment(newest.gateway.since_s) }));
}

function state() {
  const silent = Date.now() - heard;
  const [level, told] = !heard ? [lost ? "bad" : "idle", lost || t("connecting")]
    : silent > STALE_MS ? ["bad", [t("stale", { span: span(silent / 1000) }), lost].filter(Boolean).join(": ")]
      : newest.gateway.ready ? ["ok", t("ready")] : ["warn", t("not-ready", { reason: newest.gateway.reason ?? "" })];
  mark(find("state"), "data-level", level);
  write(find("state"), told);
}

async function begin() {
  watching?.abort();
  const mine = (watching = new AbortController());
  signedIn(true);
  state();
  backtest(token());
  try {
    await watch(token(), {
      graph(told) {
        drawn = told;
        graph.draw(told);
        playground.draw(told);
        show();
      },
      snapshot(told) {
        if (!told.gateway) return;
        newest = told;
        heard = Date.now();
        lost = "";
        show();
      },
      lost(reason) {
        lost = reason;
        state();
      },
    }, mine.signal);
  } catch (error) {
    if (!(error instanceof Refused) || mine.signal.aborted) throw error;
    leave(error.message);
  }
}

function leave(reason = "") {
  watching?.abort();
  sessionStorage.removeItem(TOKEN);
  newest = null;
  heard = 0;
  lost = "";
  signedIn(false);
  write(find("refused"), reason);
  write(find("state"), "");
  find("token").focus();
}

function signedIn(yes) {
  find("entry").hidden = yes;
  find("board").hidden = !yes;
  find("sign-out").hidden = !yes;
}

function theme(wanted) {
  if (wanted === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = wanted;
  localStorage.setItem("tercet-theme", wanted);
}

async function language(wanted) {
  await speak(wanted);
  legend();
  if (drawn) graph.draw(drawn);
  for (const place of ["changes", "pool-list", "proposals"]) {
    find(place).replaceChildren();
    find(place).known = undefined;
  }
  show();
  if (token()) backtest(token());
}

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, find("token").value.trim());
  find("token").value = "";
  write(find("refused"), "");
  begin();
  find("main").focus();
});
find("sign-out").addEventListener("click", () => {
  watching?.abort();
  sessionStorage.removeItem(TOKEN);
  location.reload(); // with everything that was shown, asked and answered
});
find("language").addEventListener("change", (event) => language(event.target.value));
find("theme").addEventListener("change", (event) => theme(event.target.value));
setInterval(() => token() && newest && state(), 1000);

const kept = localStorage.getItem("tercet-theme");
find("theme").value = ["light", "dark"].includes(kept) ? kept : "auto";
theme(find("theme").value);
find("language").value = preferred();
await language(find("language").value);
if (token()) begin();
else leave();
