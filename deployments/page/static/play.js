// Ask any node something, and see which way the answer came.

import { el, find, write } from "./dom.js";
import { events, refusal } from "./live.js";
import { number, seconds, t } from "./words.js";

export class Playground {
  constructor(token, highlight) {
    this.token = token;
    this.highlight = highlight;
    find("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    find("ask-stop").addEventListener("click", () => this.under?.abort());
  }

  draw({ nodes, default: first, keys }) {
    const choice = find("ask-node");
    const before = choice.value || first;
    choice.replaceChildren(...nodes.map((name) => el("option", { value: name }, name)));
    choice.value = nodes.includes(before) ? before : first;
    find("ask-key-field").hidden = !keys;
  }

  async ask() {
    this.under?.abort();
    const under = (this.under = new AbortController());
    find("ask-stop").disabled = false;
    find("path").replaceChildren();
    find("facts").replaceChildren();
    const answer = find("answer");
    answer.replaceChildren();
    answer.dataset.level = "note";
    this.highlight([]);
    try {
      await this.stream(under.signal, performance.now());
    } catch (error) {
      if (!under.signal.aborted) {
        answer.dataset.level = "bad";
        answer.append(error.message);
      }
    } finally {
      if (this.under === under) find("ask-stop").disabled = true;
    }
  }

  async stream(signal, began) {
    const key = find("ask-key").value;
    const headers = { authorization: `Bearer ${this.token()}`, "content-type": "application/json", ...(key ? { "x-tercet-key": key } : {}) };
    const body = {
      model: find("ask-node").value,
      messages: [{ role: "user", content: find("ask-prompt").value }],
      max_tokens: Number(find("ask-tokens").value) || 64,
      temperature: Number(find("ask-temperature").value) || 0,
      stream: true,
      stream_options: { include_usage: true },
    };
    const response = await fetch("admin/play", { method: "POST", headers, body: JSON.stringify(body), signal });
    const told = (name) => response.headers.get(`x-tercet-${name}`);
    const path = (told("path") ?? "").split(">").filter(Boolean).map(decoded);
    this.way(path);
    if (!response.ok) throw new Error(await refusal(response));
    const facts = new Map([["answered-by", decoded(told("model") ?? "")], ["replica", decoded(told("replica") ?? "")]]);
    facts.set("in-engine", told("engine-ttft-ms") ? seconds(told("engine-ttft-ms") / 1000) : null);
    facts.set("outside-engine", told("framework-ttft-ms") ? seconds(told("framework-ttft-ms") / 1000) : null);
    facts.set("request-id", response.headers.get("x-request-id"));
    await this.read(response.body, facts, began);
  }

  async read(body, facts, began) {
    const answer = find("answer");
    let first = null;
    for await (const { data } of events(body)) {
      if (!data || data === "[DONE]") continue;
      const told = JSON.parse(data);
      if (told.error) throw new Error(told.error.message);
      const text = told.choices?.[0]?.delta?.content;
      if (text) {
        first ??= performance.now();
        answer.append(text);
        answer.scrollTop = answer.scrollHeight;
      }
      if (told.usage) this.usage(facts, told.usage, first, began);
      else if (first !== null && !facts.has("first-token")) facts.set("first-token", seconds((first - began) / 1000));
      this.facts(facts);
    }
    answer.dataset.level = "ok";
  }

  usage(facts, usage, first, began) {
    const since = (performance.now() - (first ?? began)) / 1000;
    facts.set("tokens", `${number(usage.prompt_tokens)} → ${number(usage.completion_tokens)}`);
    if (first !== null && since > 0 && usage.completion_tokens > 1) facts.set("speed", `${number((usage.completion_tokens - 1) / since, 1)}/s`);
  }

  facts(facts) {
    const known = [...facts].filter(([, value]) => value);
    find("facts").replaceChildren(...known.map(([name, value]) => el("div", {}, el("dt", { "data-t": name }, t(name)), el("dd", {}, value))));
  }

  way(path) {
    find("path").replaceChildren(...path.map((step) => {
      const [name, code] = step.split("!");
      return el("li", code ? { class: "failed", title: code } : {}, code ? `${name} ✕ ${code}` : write(el("span"), name));
    }));
    this.highlight(path);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
