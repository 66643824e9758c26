// The words of the chosen language, and numbers, times and shares as they are written in it.

const LANGUAGES = ["en", "zh"];
const words = {};
let language = "en";

export function preferred() {
  const kept = localStorage.getItem("tercet-language");
  if (LANGUAGES.includes(kept)) return kept;
  return navigator.languages?.some((one) => one.toLowerCase().startsWith("zh")) && !navigator.language.startsWith("en") ? "zh" : "en";
}

export async function speak(wanted) {
  if (!words[wanted]) words[wanted] = await (await fetch(`ui/${wanted}.json`)).json();
  language = wanted;
  localStorage.setItem("tercet-language", wanted);
  document.documentElement.lang = wanted;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
}

export function t(key, values = {}) {
  const told = words[language]?.[key] ?? key;
  return told.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const NOTHING = "–";

export function number(value, digits = 0) {
  if (value === null || value === undefined) return NOTHING;
  return value.toLocaleString(language, { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

export function compact(value) {
  return value.toLocaleString(language, { notation: "compact", maximumFractionDigits: 1 });
}

export function rate(value) {
  if (value === null || value === undefined) return NOTHING;
  return `${value >= 1000 ? compact(value) : number(value, value < 10 ? 1 : 0)}/s`;
}

// The value can be nothing, or smaller than what is written: a share that is not all is never written as all.
export function share(value, digits = 1) {
  if (value === null || value === undefined) return NOTHING;
  const scale = 10 ** (digits + 2);
  const kept = value < 1 ? Math.min(Math.round(value * scale), scale - 1) / scale : value;
  return kept.toLocaleString(language, { style: "percent", maximumFractionDigits: digits });
}

export function seconds(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 0.9995) return `${number(value * 1000, value < 0.01 ? 1 : 0)} ms`;
  if (value < 60) return `${number(value, value < 10 ? 2 : 1)} s`;
  return span(value);
}

export function span(value) {
  if (value === null || value === undefined) return NOTHING;
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return t("span-s", { n: whole });
  if (whole < 3600) return t("span-m", { n: Math.floor(whole / 60) });
  return whole < 172800 ? t("span-h", { n: Math.floor(whole / 3600) }) : t("span-d", { n: Math.floor(whole / 86400) });
}

export function clock(unix) {
  return new Date(unix * 1000).toLocaleTimeString(language, { hour12: false });
}

export function moment(unix) {
  return new Date(unix * 1000).toLocaleString(language, { hour12: false });
}

export function money(amounts) {
  const told = Object.entries(amounts ?? {}).map(([currency, amount]) => written(amount, currency));
  return told.length ? told.join(" + ") : NOTHING;
}

function written(amount, currency) {
  const small = amount !== 0 && Math.abs(amount) < 0.01;
  const digits = small ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 2 };
  return amount.toLocaleString(language, { style: "currency", currency: currency.toUpperCase(), ...digits });
}
