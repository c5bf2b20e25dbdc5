// What the board and phones of a game have in common: the line to the server, moves in words, how countries stand.
import { priceChart } from "./charts.js";
import { el, fill } from "./dom.js";
import { begun, country, fixed, inside, listed, month, monthsLong, number, own, percent, refusal, t, theCountry } from "./text.js";

const BACK_MS = 1200;

/** What is given once, and a line that calls back with every change; it comes back after a break. */
export async function gameLine(told, lost) {
  const words = await (await fetch("data/play.json")).json();
  if (words.error) throw new Error(refusal(words));
  const open = () => {
    const socket = new WebSocket(`ws://${location.host}/play/line`);
    socket.binaryType = "arraybuffer";
    let gone = false;
    socket.onmessage = (message) => told(JSON.parse(new TextDecoder().decode(message.data)));
    socket.onclose = (event) => {
      if (gone) return;
      if (event.code !== 1000) lost();
      setTimeout(open, BACK_MS);
    };
    again = () => {
      gone = true;
      socket.close();
      open();
    };
  };
  let again = () => {};
  open();
  return { words, again: () => again() };
}

/** Sends something and gives the answer; an error carries the server's sentence. */
export async function gamePost(path, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error(t("offline"));
  }
  const found = await response.json();
  if (!response.ok) throw Object.assign(new Error(refusal(found)), { status: response.status });
  return found;
}

/** How the game stands now. */
export async function gameState() {
  return (await fetch("api/play")).json();
}

export function seatName(words, code) {
  return country(code, words.seats.find((one) => one.id === code)?.name ?? code);
}

/** The same inside a sentence. */
function theSeat(words, code) {
  return theCountry(code, words.seats.find((one) => one.id === code)?.name ?? code);
}

export function goodCalled(words, id) {
  const found = words.goods.find((one) => one.id === id);
  return found ? own(found.name) : id.replaceAll("_", " ");
}

/** How strong a move is, in numbers with units. */
export function levelWords(words, kind, level) {
  const at = (field) => words.levels[`${kind} ${field}`]?.[level];
  const name = t(`level_${["mild", "middle", "hard"][level]}`);
  const said = {
    licence: () => t("strongLicence", { p: percent(at("approval_share")), n: at("delay") }),
    tariff: () => percent(at("rate"), 0), stockpile: () => t("strongStock", { n: monthsLong(at("size")) }),
    subsidise: () => t("strongFloor", { p: percent(at("price"), 0) }), strike: () => t("strongStrike", { p: percent(at("loss"), 0), n: monthsLong(at("length")) }),
  }[kind];
  return said ? name + t("colon") + said() : name;
}

/** A move in words, without who makes it. */
export function moveWords(words, move) {
  if (!move) return t("noMove");
  if (move.ends) return t("did_lift", { measure: moveWords(words, move.ends) });
  const whom = move.whom === "world" ? t("everybody") : move.whom ? theSeat(words, move.whom) : "";
  const graded = ["licence", "tariff", "stockpile", "subsidise"].includes(move.kind) ? ` (${levelWords(words, move.kind, move.level)})` : "";
  return t(`did_${move.kind}`, { whom, good: move.good ? inside(goodCalled(words, move.good)) : "" }) + graded;
}

function broughtWords(words, one) {
  const level = one.kind === "strike" ? ` (${levelWords(words, "strike", one.level)})` : "";
  return t(`brought_${one.kind}`, { country: theSeat(words, one.country), good: one.good ? inside(goodCalled(words, one.good)) : "" }) + level;
}

function seenWords(words, one) {
  const kind = { export_licence: "seenLicence", export_quota: "seenQuota", stockpile: "seenStock" }[one.kind] ?? "seenOther";
  const goods = listed(one.goods.map((id) => inside(goodCalled(words, id))));
  return begun(t(kind, { country: listed(one.by.split(",").map((code) => theSeat(words, code))), goods, whom: listed(one.to.map((code) => (code === "world" ? t("everybody") : theSeat(words, code)))), n: Math.round(one.share * words.members), of: words.members }));
}

export function quarterName(months) {
  return months.length ? `${month(months[0])} – ${month(months.at(-1))}` : "";
}

/** What is known of this quarter, and what was done in those before. */
export function newsList(words, game) {
  const now = [
    ...game.brought.map((one) => broughtWords(words, one)),
    ...Object.entries(game.leaked).map(([code, move]) => t("leakedMove", { country: theSeat(words, code), move: moveWords(words, move) })),
  ];
  const past = game.board.quarters.map((quarter, i) => [i, quarter]).reverse();
  const lines = ([i, quarter]) => [
    ...quarter.brought.map((one) => broughtWords(words, one)),
    ...Object.entries(quarter.moves).filter(([, move]) => move.kind !== "wait").map(([code, move]) => seatName(words, code) + t("colon") + moveWords(words, move)),
    ...quarter.deals.map(([a, b]) => begun(t("dealDone", { a: theSeat(words, a), b: theSeat(words, b) }))),
    ...quarter.seen.map((one) => seenWords(words, one)),
    ...quarter.reports.map((one) => t(one.true ? "reportTrue" : "reportFalse", { country: theSeat(words, one.country), good: inside(goodCalled(words, one.good)) })),
  ];
  return el("div", {},
    now.length ? el("ul", {}, now.map((text) => el("li", {}, el("b", {}, t("justIn")), " ", text))) : null,
    past.map(([i, quarter]) => {
      const said = lines([i, quarter]);
      return el("section", {}, el("h3", {}, t("quarter", { n: i + 1 }) + t("colon") + quarterName(quarter.months)), el("ul", {}, (said.length ? said : [t("nothingDone")]).map((text) => el("li", {}, text))));
    }));
}

/** A number of millions. */
function bare(value, sign = true) {
  return fixed(Math.abs(value) < 0.05 ? 0 : value, Math.abs(value) < 10 ? 1 : 0, sign);
}

/** Money in millions of USD. */
export function million(value) {
  return t("million", { n: bare(value, false) });
}

/** One country's three sentences. */
export function standingWords(words, row) {
  const name = theSeat(words, row.id);
  const cost = row.cost.mid;
  // What reads the same from end to end has no range.
  const far = (band, say, unit = (range) => range) => {
    const [low, high] = [say(band.low), say(band.high)];
    return low === high ? "" : ` (${unit(t("range", { low, high }))})`;
  };
  const money = (text, band) => text + (band ? far(band, (value) => bare(value), (range) => t("million", { n: range })) : "") + t("fullStop");
  const flat = Math.abs(cost) < 0.05;
  const parts = [money(begun(t(flat ? "costSame" : cost > 0 ? "costMore" : "costLess", { country: name, n: million(Math.abs(cost)) })), flat ? null : row.cost)];
  if (row.support.mid >= 0.05) parts[0] += ` ${t("costSupport", { n: million(row.support.mid) })}`;
  parts.push(t("securitySaid", { p: percent(row.security.mid, 1) + far(row.security, (value) => percent(value, 1)), u: percent(row.usual.mid, 1) }) + t("fullStop"));
  if (row.influence === null) parts.push(t("influenceNone"));
  else {
    const reach = row.influence.mid;
    const none = Math.abs(reach) < 0.05;
    parts.push(money(t(none ? "influenceZero" : reach > 0 ? "influenceMore" : "influenceLess", { n: million(Math.abs(reach)) }), none ? null : row.influence));
  }
  return parts;
}

/** All countries, those with a team first: cost, security, influence. */
export function boardTable(words, game, mine = "") {
  const rows = [...game.board.countries].sort((a, b) => Boolean(game.teams[b.id]) - Boolean(game.teams[a.id]));
  const heads = ["boardCountry", "costHead", "securityHead", "influenceHead"];
  return el("table", { class: "board" }, el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col" }, t(name))))),
    el("tbody", {}, rows.map((row) => el("tr", { class: row.id === mine ? "mine" : null },
      el("td", {}, seatName(words, row.id), el("span", { class: "small" }, ` ${listed(game.teams[row.id] ?? [])}`)),
      el("td", { "data-h": t("costHead") }, bare(row.cost.mid)),
      el("td", { "data-h": t("securityHead") }, fixed(100 * row.security.mid, 1), el("span", { class: "small" }, ` (${fixed(100 * row.usual.mid, 1)})`)),
      el("td", { "data-h": t("influenceHead") }, row.influence === null ? "–" : bare(row.influence.mid))))));
}

/** What the three numbers mean, each in words with its unit. */
export function meanings(words) {
  return el("dl", { class: "small" }, ["cost", "security", "influence"].map((name) => [el("dt", {}, t(name)), el("dd", {}, t(`${name}Means`))]), el("p", {}, t("gameBand", { n: words.members })));
}

/** A good's price in the game, beside the world in which nobody moves. */
export function gamePrice(box, words, game, good, width) {
  const found = game.board.prices[good];
  if (!found || game.board.months.length < 2) {
    fill(box, el("p", { class: "small" }, t("noPrice")));
    return;
  }
  const unit = words.goods.find((one) => one.id === good).price_unit;
  priceChart(box, {
    months: game.board.months, width, height: Math.round(Math.max(150, Math.min(240, width * 0.4))), shade: null,
    name: t("gamePriceName", { good: goodCalled(words, good), now: number(found.mid.at(-1), 4), base: number(found.calm.at(-1), 4), unit }),
    lines: [{ kind: "base", label: t("calmWorld"), mid: found.calm }, { kind: "now", label: t("inGame"), mid: found.mid, low: found.low, high: found.high }],
  });
}
