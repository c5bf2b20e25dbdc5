// Words, numbers and dates in the language of the page. All words stand in one table per language.

let tables = { en: {} };
let language = "en";

/** Takes the tables and chooses a language that there is. */
export function speak(given, wanted) {
  tables = given;
  language = tables[wanted] ? wanted : "en";
  document.documentElement.lang = language;
}

export function spoken() {
  return language;
}

export function languages() {
  return Object.keys(tables);
}

/** The text of a name, with {places} filled in. */
export function t(name, values = {}) {
  const text = tight(tables[language][name] ?? tables.en[name] ?? name);
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

/** Why the server refused something, in the language of the page where there is a text for it. */
export function refusal(found) {
  const [name, values] = found.said ?? [];
  return name && tables.en[`refused_${name}`] ? t(`refused_${name}`, values) : found.error;
}

/** Several names or numbers, one after the other. */
export function listed(items) {
  return items.join(t("comma"));
}

/** A number stays on one line with its sign or unit. */
function tight(text) {
  return text.replace(/(?<=[\d}]) (?=%|t\b)/g, "\u00a0").replace(/× (?=[\d{])/g, "×\u00a0");
}

/** A name inside a sentence: no capital letter at its beginning, unless it is an abbreviation. */
export function inside(name) {
  return language === "en" && /^[A-Z][a-z]/.test(name) ? name[0].toLowerCase() + name.slice(1) : name;
}

/** A quantity as a scenario writes it, its unit in the language of the page. */
export function quantity(text) {
  const [, value, unit] = text.match(/^(\S+) (.+)$/) ?? [];
  return unit ? `${value}\u00a0${tables[language][`unit ${unit}`] ?? unit}` : text;
}

/** A text that the lesson gives by language. */
export function own(text) {
  return tight(text[language] ?? text.en);
}

export function number(value, digits = 3) {
  if (value === null || value === undefined) return t("never");
  return new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value);
}

export function fixed(value, decimals, sign = false) {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: sign ? "exceptZero" : "auto",
  }).format(value);
}

export function percent(share, decimals = share < 0.1 ? 1 : 0) {
  return `${fixed(100 * share, decimals)}\u00a0%`;
}

export function month(day) {
  return new Intl.DateTimeFormat(language, { year: "numeric", month: "short", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
}

export function times(multiple) {
  return `×\u00a0${fixed(multiple, 2)}`;
}

export function monthsLong(count) {
  if (count === null) return t("never");
  return count === 0 ? t("atOnce") : t(count === 1 ? "month1" : "months", { n: number(count) });
}

// Names of countries come from the browser, which knows them in both languages; a pool of countries has none.
const ALPHA2 = { ARE: "AE", ARG: "AR", AUS: "AU", AUT: "AT", BEL: "BE", BGR: "BG", BOL: "BO", BRA: "BR", CAN: "CA", CHE: "CH", CHL: "CL", CHN: "CN", COD: "CD", CUB: "CU", CZE: "CZ", DEU: "DE", DNK: "DK", EST: "EE", ESP: "ES", FIN: "FI", FRA: "FR", GBR: "GB", GAB: "GA", GHA: "GH", GRC: "GR", HUN: "HU", IDN: "ID", IND: "IN", IRL: "IE", IRN: "IR", ISR: "IL", ITA: "IT", JPN: "JP", KAZ: "KZ", KOR: "KR", LAO: "LA", MAR: "MA", MDG: "MG", MEX: "MX", MMR: "MM", MYS: "MY", NCL: "NC", NLD: "NL", NOR: "NO", PER: "PE", PHL: "PH", POL: "PL", PRK: "KP", PRT: "PT", ROU: "RO", RUS: "RU", RWA: "RW", SAU: "SA", SGP: "SG", SVK: "SK", SWE: "SE", THA: "TH", TUR: "TR", TWN: "TW", UKR: "UA", USA: "US", VNM: "VN", ZAF: "ZA", ZMB: "ZM", ZWE: "ZW" };
const POOLS = { ROW: { zh: "其他国家" } };

/** The name of a country in the language of the page; `name` where only English knows it. */
export function country(code, name) {
  if (language === "en" || !ALPHA2[code]) return POOLS[code]?.[language] ?? name;
  return new Intl.DisplayNames([language], { type: "region" }).of(ALPHA2[code]) ?? name;
}

const WITH_ARTICLE = new Set(["ARE", "COD", "GBR", "NLD", "PHL", "USA"]);

/** A country's name inside a sentence. */
export function theCountry(code, name) {
  const called = country(code, name);
  return language === "en" && WITH_ARTICLE.has(code) ? `the ${called}` : called;
}

/** The beginning of a sentence. */
export function begun(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

/** Values rounded so that they add up to their rounded sum: the largest remainders are rounded up. */
export function roundedToSum(values, total, decimals) {
  const unit = 10 ** -decimals;
  const scaled = values.map((value) => value / unit);
  const down = scaled.map(Math.floor);
  let left = Math.round(total / unit) - down.reduce((a, b) => a + b, 0);
  const order = scaled.map((value, i) => [value - down[i], i]).sort((a, b) => b[0] - a[0]);
  for (const [, i] of order) {
    if (left <= 0) break;
    down[i] += 1;
    left -= 1;
  }
  return down.map((value) => value * unit);
}
