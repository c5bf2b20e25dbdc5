// Charts drawn as SVG: a price over time, shortages by country and month, the world. Each has a name that says what it shows.
import { el, fill, svg } from "./dom.js";
import { country, fixed, listed, month, number, percent, t, theCountry } from "./text.js";

const LEVELS = [0.01, 0.05, 0.15, 0.3, 0.6];
const ROWS = 10;
const YEAR_ROOM = 40;
const MONTH_ROOM = 84;
const LABEL_STEPS = 24;
const ABOVE = -7;
const BELOW = 16;
const NAME_ROOM = 26;
const LEAST_LEFT = 46;
const EDGE = { right: 12, top: 16, bottom: 22 };

/** What a chart of a good's price shows. */
export function priceWords(good) {
  return t("price", { country: theCountry(good.outside.country, good.outside.name), unit: good.price_unit });
}

/** Whether the page is set for a projector. */
export function large() {
  return document.documentElement.classList.contains("projector");
}

/** What stands below a time axis, [place, text] each, as far apart as they need; `x` places a month. */
function days(months, x, width) {
  const room = large() ? 1.25 : 1;
  const years = months.flatMap((day, i) => (day.slice(5, 7) === "01" ? [[i, day.slice(0, 4)]] : []));
  const all = years.length > 1 ? years : months.map((day, i) => [i, month(day)]);
  const least = room * (years.length > 1 ? YEAR_ROOM : MONTH_ROOM);
  const found = [];
  for (const [i, text] of all) {
    const at = Math.min(x(i), width - wideOf(text));
    if (!found.length || at - found.at(-1)[0] >= least) found.push([at, text]);
  }
  return found;
}

/** How many points on the screen a text is wide, about. */
function wideOf(text) {
  return (large() ? 1.25 : 1) * [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12.5 : 7), 0);
}

/** Where a line's name stands: beside its own line, on no other line and no other name, near where it is wanted. */
function placed(line, paths, taken, wanted, left, right, bottom) {
  const wide = wideOf(line.label);
  const tall = large() ? 16 : 13;
  const own = paths.get(line);
  let best = null;
  for (let k = 0; k <= LABEL_STEPS; k += 1) {
    const [at, height] = own[Math.round((k / LABEL_STEPS) * (own.length - 1))];
    for (const side of [ABOVE, BELOW]) {
      const middle = Math.max(left + wide / 2, Math.min(right - wide / 2, at));
      const foot = height + side;
      if (foot - tall < 0 || foot > bottom - 2) continue;
      const holds = ([px, py]) => Math.abs(px - middle) < wide / 2 + 3 && py > foot - tall && py < foot + 4;
      const hits = [...paths.values()].reduce((sum, path) => sum + path.filter(holds).length, 0);
      const clash = taken.filter((one) => Math.abs(one.at - middle) < (one.wide + wide) / 2 + 4 && Math.abs(one.foot - foot) < tall + 2).length;
      const cost = 10 * hits + 100 * clash + Math.abs(at - wanted) / 25 + (side === (line.kind === "base" ? BELOW : ABOVE) ? 0 : 1);
      if (!best || cost < best.cost) best = { cost, at: middle, foot, wide };
    }
  }
  return best ?? { at: right - wide / 2, foot: tall, wide };
}

/** The class of a share's colour: s0 for none, s5 for most. */
export function level(share) {
  return `s${LEVELS.filter((bound) => share >= bound).length}`;
}

/** The colours with what they mean. */
export function legend() {
  const parts = [["s0", `< ${percent(LEVELS[0], 0)}`]];
  LEVELS.forEach((low, i) => parts.push([`s${i + 1}`, i + 1 < LEVELS.length ? `${percent(low, 0)} – ${percent(LEVELS[i + 1], 0)}` : `> ${percent(low, 0)}`]));
  return el("div", { class: "legend" }, parts.map(([name, text]) =>
    el("span", {}, svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("rect", { width: 10, height: 10, class: name })), text)));
}

function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return found;
}

/** Points of a path with some between them, so that a name can keep clear of what is drawn. */
function between(points) {
  const known = points.filter((point) => !Number.isNaN(point[1]));
  return known.flatMap((point, i) => (i ? [0.25, 0.5, 0.75, 1].map((part) => known[i - 1].map((from, axis) => from + part * (point[axis] - from))) : [point]));
}

/**
 * Prices over time.
 * lines: [{kind: "base" | "now" | "other" | "sketch", label, mid, low, high, upTo}], mid and the others by month.
 */
export function priceChart(box, { months, lines, shade, cursor, name, width, height }) {
  const flat = lines.flatMap((line) => [...line.mid, ...(line.low ?? []), ...(line.high ?? [])]).filter((v) => v !== null);
  const span = [Math.min(...flat), Math.max(...flat)];
  const pad = (span[1] - span[0]) * 0.08 || span[1] * 0.05;
  // Room for a name below the lowest line.
  const low = Math.max(0, span[0] - Math.max(pad, (NAME_ROOM / height) * (span[1] - span[0])));
  const high = span[1] + pad;
  const right = width - EDGE.right;
  const marks = ticks(low, high, 4).map((tick) => [tick, number(tick, 4)]);
  const wide = large() ? 9.5 : 7.5;
  const left = Math.max(LEAST_LEFT, 10 + wide * Math.max(...marks.map(([, text]) => text.length)));
  const x = (i) => left + (i / (months.length - 1)) * (right - left);
  const y = (v) => height - EDGE.bottom - ((v - low) / (high - low)) * (height - EDGE.bottom - EDGE.top);
  const path = (values, upTo = values.length) =>
    values.slice(0, upTo).map((v, i) => (v === null ? "" : `${i === 0 || values[i - 1] === null ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).join("");
  const area = (line) => {
    const n = line.upTo ?? line.mid.length;
    const up = line.high.slice(0, n).map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`);
    const down = line.low.slice(0, n).map((v, i) => `L${x(i).toFixed(1)} ${y(v).toFixed(1)}`).reverse();
    return [...up, ...down].join("") + "z";
  };
  const parts = [];
  if (shade) parts.push(svg("rect", { class: "shade", x: x(shade[0]), y: EDGE.top, width: Math.max(0, x(shade[1]) - x(shade[0])), height: height - EDGE.bottom - EDGE.top }));
  for (const [tick, text] of marks) {
    parts.push(svg("line", { class: "axis", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    parts.push(svg("text", { x: left - 4, y: y(tick) + 4, "text-anchor": "end" }, text));
  }
  for (const [at, text] of days(months, x, width)) parts.push(svg("text", { x: at, y: height - 6 }, text));
  for (const line of lines) {
    if (line.low && line.high) parts.push(svg("path", { class: `${line.kind}band`, d: area(line) }));
  }
  const names = { base: "base", now: "nowline", other: "otherline", sketch: "sketchline" };
  const paths = new Map(lines.map((line) => [line, between(line.mid.map((v, i) => [x(i), v === null ? NaN : y(v)]).slice(0, line.upTo))]));
  for (const line of lines) parts.push(svg("path", { class: names[line.kind], d: path(line.mid, line.upTo) }));
  const taken = [];
  for (const line of [...lines].sort((one, other) => (one.kind === "base") - (other.kind === "base"))) {
    if (!line.label || !paths.get(line).length) continue;
    const most = line.mid.reduce((top, v, i) => (Math.abs(v - line.mid[0]) > Math.abs(line.mid[top] - line.mid[0]) ? i : top), 0);
    const place = placed(line, paths, taken, x(line.kind === "base" ? line.mid.length - 1 : most), left, right, height - EDGE.bottom);
    taken.push(place);
    parts.push(svg("text", { class: `name ${line.kind === "sketch" ? "other" : line.kind}`, x: place.at, y: place.foot, "text-anchor": "middle" }, line.label));
  }
  if (cursor !== undefined) parts.push(svg("line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: EDGE.top, y2: height - EDGE.bottom }));
  fill(box, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts));
}

/** Shortages: countries below each other, months side by side; a click chooses a month. */
export function heatMap(box, { months, outcome, cursor, goodName, width, choose }) {
  const rows = Object.entries(outcome.short)
    .map(([code, shares]) => ({ code, shares, most: outcome.worst[code], name: country(code, outcome.names[code]) }))
    .sort((a, b) => b.most - a.most).slice(0, ROWS);
  if (!rows.length) {
    fill(box, el("p", {}, t("heatNone")));
    return;
  }
  const big = large();
  const side = Math.min(big ? 150 : 120, width * (big ? 0.38 : 0.3));
  const row = big ? 22 : 19;
  const cell = (width - side - (big ? 54 : 44)) / months.length;
  const height = rows.length * row + 20;
  const parts = [];
  rows.forEach((one, r) => {
    const shown = one.name.length > 17 ? `${one.name.slice(0, 16)}…` : one.name;
    parts.push(svg("text", { x: side - 5, y: r * row + 14, "text-anchor": "end" }, shown));
    one.shares.forEach((share, i) => {
      const rect = svg("rect", { class: level(share), x: side + i * cell, y: r * row + 1, width: Math.max(1, cell - 0.6), height: row - 2 });
      if (choose) rect.addEventListener("click", () => choose(i));
      parts.push(rect);
    });
    parts.push(svg("text", { x: width - (big ? 50 : 40), y: r * row + 14 }, percent(one.most, 0)));
  });
  for (const [at, text] of days(months, (i) => side + i * cell, width)) parts.push(svg("text", { x: at, y: height - 5 }, text));
  parts.push(svg("rect", { x: side + cursor * cell - 1, y: 0, width: cell + 1, height: rows.length * row, fill: "none", stroke: "#1b2430", "stroke-width": 1.6 }));
  const list = rows.map((one) => `${one.name} ${percent(one.most, 0)} (${month(months[one.shares.indexOf(Math.max(...one.shares))])})`).join(t("comma"));
  fill(box, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": t("heatName", { good: goodName, list }) }, parts));
}

/** The world; made once, coloured often. */
export function worldMap(data) {
  const paths = new Map();
  const drawn = svg("svg", { viewBox: `0 0 ${data.width} ${data.height}`, role: "img" },
    Object.entries(data.countries).map(([code, one]) => {
      const path = svg("path", { d: one.path }, svg("title", {}, one.name));
      paths.set(code, { path, name: one.name });
      return path;
    }));
  return {
    box: drawn,
    colour(outcome, at, goodName, day) {
      const said = [];
      for (const [code, one] of paths) {
        const share = outcome.short[code]?.[at] ?? 0;
        one.path.setAttribute("class", level(share));
        one.path.firstChild.textContent = `${country(code, one.name)}: ${percent(share)}`;
        if (share >= LEVELS[0]) said.push([share, `${country(code, one.name)} ${percent(share, 0)}`]);
      }
      said.sort((a, b) => b[0] - a[0]);
      const list = listed(said.slice(0, 6).map((one) => one[1])) || t("mapNone");
      drawn.setAttribute("aria-label", `${t("map", { good: goodName, month: month(day) })}: ${list}`);
    },
  };
}

/** A multiple or a share as bars of parts would have it, in points of a hundred. */
export function points(value, decimals = 1) {
  return fixed(value, decimals, true);
}
