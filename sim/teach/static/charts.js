// Charts drawn as SVG: a price over time, shortages by country and month, the world. Each has a name that says what it shows.
import { el, fill, svg } from "./dom.js";
import { country, fixed, month, number, percent, t } from "./text.js";

const LEVELS = [0.01, 0.05, 0.15, 0.3, 0.6];
const ROWS = 10;
const LEAST_LEFT = 46;
const EDGE = { right: 12, top: 16, bottom: 22 };

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

/**
 * Prices over time.
 * lines: [{kind: "base" | "now" | "other" | "sketch", label, mid, low, high, upTo}], mid and the others by month.
 */
export function priceChart(box, { months, lines, shade, cursor, name, width, height }) {
  const flat = lines.flatMap((line) => [...line.mid, ...(line.low ?? []), ...(line.high ?? [])]).filter((v) => v !== null);
  const span = [Math.min(...flat), Math.max(...flat)];
  const pad = (span[1] - span[0]) * 0.08 || span[1] * 0.05;
  const low = Math.max(0, span[0] - pad);
  const high = span[1] + pad;
  const right = width - EDGE.right;
  const marks = ticks(low, high, 4).map((tick) => [tick, number(tick, 4)]);
  const wide = document.body.classList.contains("projector") ? 9.5 : 7.5;
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
  months.forEach((day, i) => {
    if (day.slice(5, 7) === "01") parts.push(svg("text", { x: x(i), y: height - 6 }, day.slice(0, 4)));
  });
  for (const line of lines) {
    if (line.low && line.high) parts.push(svg("path", { class: `${line.kind}band`, d: area(line) }));
  }
  const names = { base: "base", now: "nowline", other: "otherline", sketch: "sketchline" };
  const labels = [];
  for (const line of lines) {
    parts.push(svg("path", { class: names[line.kind], d: path(line.mid, line.upTo) }));
    if (line.label) {
      const best = line.kind === "base" ? line.mid.length - 1 : line.mid.reduce((top, v, i) => (Math.abs(v - line.mid[0]) > Math.abs(line.mid[top] - line.mid[0]) ? i : top), 0);
      labels.push({ line, at: x(best), y: y(line.mid[best]) + (line.kind === "base" ? 16 : -7) });
    }
  }
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((label, i) => {
    if (i && label.y - labels[i - 1].y < 14 && Math.abs(label.at - labels[i - 1].at) < 120) label.y = labels[i - 1].y + 14;
    const end = label.at > right - 60 ? "end" : label.at < left + 60 ? "start" : "middle";
    parts.push(svg("text", { class: label.line.kind === "sketch" ? "other" : label.line.kind, x: label.at, y: Math.max(12, Math.min(height - EDGE.bottom - 3, label.y)), "text-anchor": end }, label.line.label));
  });
  if (cursor !== undefined) parts.push(svg("line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: EDGE.top, y2: height - EDGE.bottom }));
  fill(box, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts));
}

/** Shortages: countries below each other, months side by side; a click chooses a month. */
export function heatMap(box, { months, outcome, cursor, goodName, width, choose }) {
  const rows = Object.entries(outcome.short)
    .map(([code, shares]) => ({ code, shares, most: Math.max(...shares), name: country(code, outcome.names[code]) }))
    .sort((a, b) => b.most - a.most).slice(0, ROWS);
  if (!rows.length) {
    fill(box, el("p", {}, t("heatNone")));
    return;
  }
  const large = document.body.classList.contains("projector");
  const side = Math.min(large ? 150 : 120, width * (large ? 0.38 : 0.3));
  const row = large ? 22 : 19;
  const cell = (width - side - (large ? 54 : 44)) / months.length;
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
    parts.push(svg("text", { x: width - (large ? 50 : 40), y: r * row + 14 }, percent(one.most, 0)));
  });
  months.forEach((day, i) => {
    if (day.slice(5, 7) === "01") parts.push(svg("text", { x: side + i * cell, y: height - 5 }, day.slice(0, 4)));
  });
  parts.push(svg("rect", { x: side + cursor * cell - 1, y: 0, width: cell + 1, height: rows.length * row, fill: "none", stroke: "#1b2430", "stroke-width": 1.6 }));
  const list = rows.map((one) => `${one.name} ${percent(one.most, 0)} (${month(months[one.shares.indexOf(one.most)])})`).join(", ");
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
      const list = said.slice(0, 6).map((one) => one[1]).join(", ") || t("mapNone");
      drawn.setAttribute("aria-label", `${t("map", { good: goodName, month: month(day) })}: ${list}`);
    },
  };
}

/** A multiple or a share as bars of parts would have it, in points of a hundred. */
export function points(value, decimals = 1) {
  return fixed(value, decimals, true);
}
