// What the autoscaler decided and why, and what it asks an operator for.

import { el, find, list, mark, write } from "./dom.js";
import { clock, moment, number, span, t } from "./words.js";

export class Scaling {
  // *answer* sends an operator's word, ("approve" or "reject", the id), and throws why it was not taken.
  constructor(answer) {
    this.answer = answer;
  }

  show(snapshot) {
    const fleet = snapshot.fleet;
    this.proposals(fleet?.proposals ?? [], snapshot.at_s);
    if (!fleet) return;
    const errors = Object.entries(fleet.errors ?? {}).filter(([, count]) => count).map(([kind, count]) => t("errors-of", { count, kind }));
    write(find("policy"), [t(`mode-${fleet.mode}`), t("policy", { name: fleet.policy, every: fleet.interval_s }), ...errors].join(" · "));
    const wishes = fleet.pools.filter((pool) => pool.decision);
    list(find("wishes"), wishes, (pool) => pool.pool, () => el("li", {}, el("strong"), el("span", { class: "to" }), el("span", { class: "because" })), wish);
    list(find("changes"), fleet.decisions, (one) => `${one.at_s} ${one.pool} ${one.to}`, change, (row, one) => {
      write(row.children[0], clock(one.at_s));
      mark(row.children[0], "title", moment(one.at_s));
    });
  }

  proposals(waiting, now) {
    find("proposals").hidden = !waiting.length;
    list(find("proposals"), waiting, (one) => one.id, (one) => this.card(one), (node, one) => {
      write(node.querySelector(".what"), t("proposed", { pool: one.pool, before: one.before, after: one.after }));
      write(node.querySelector(".reason"), one.reason);
      write(node.querySelector(".left"), t("expires", { left: span(one.expires_s - now) }));
      write(node.querySelector(".approve"), t("approve"));
      write(node.querySelector(".reject"), t("reject"));
    });
  }

  card(one) {
    const refused = el("p", { class: "refused", role: "alert" });
    const buttons = ["approve", "reject"].map((action) => {
      const button = el("button", { type: "button", class: action === "approve" ? "main approve" : "reject", "aria-describedby": `proposal-${one.id}` });
      button.addEventListener("click", () => this.tell(action, one.id, buttons, refused));
      return button;
    });
    const text = el("div", { class: "told" }, el("strong", { class: "what", id: `proposal-${one.id}` }), el("span", { class: "reason" }), el("span", { class: "left", "aria-live": "off" }), refused);
    return el("article", { class: "proposal" }, text, el("div", { class: "row" }, ...buttons));
  }

  async tell(action, id, buttons, refused) {
    buttons.forEach((button) => (button.disabled = true));
    write(refused, "");
    try {
      await this.answer(action, id);
    } catch (error) {
      write(refused, error.message);
      buttons.forEach((button) => (button.disabled = false));
    }
  }
}

function wish(node, pool) {
  const [name, to, because] = node.children;
  write(name, pool.pool);
  write(to, pool.decision.to === pool.target ? `${pool.target}` : `${pool.target} → ${pool.decision.to}`);
  write(because, pool.decision.reason);
}

function change(one) {
  const numbers = Object.entries(one.numbers).map(([name, value]) => `${name} = ${number(value, 4)}`);
  const more = [one.binds ? `${t("binds")}: ${one.binds}` : "", ...(one.rejected ?? []).map((other) => `${t("rejected")}: ${other}`), ...numbers].filter(Boolean);
  const reason = more.length ? el("details", {}, el("summary", {}, one.reason), el("ul", {}, ...more.map((line) => el("li", {}, line)))) : one.reason;
  const arrow = el("span", { class: one.to > one.from ? "up" : "down" }, `${one.from} → ${one.to}`);
  return el("tr", {}, el("td"), el("td", {}, one.pool), el("td", {}, arrow), el("td", { class: "long" }, reason));
}
