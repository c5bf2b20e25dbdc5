// The page of a lesson: one state, drawn again after every change.
import { playPage } from "./board.js";
import { heatMap, large, legend, priceChart, priceWords, worldMap } from "./charts.js";
import { el, fill } from "./dom.js";
import { panel } from "./panel.js";
import { tiles, whyFeed } from "./side.js";
import { alone, change, keyOf, known, listen, load, outcomes, session, why } from "./source.js";
import { band, betPage, comparePage, debriefPage, inWords, planPage } from "./tabs.js";
import { country, languages, month, number, own, speak, spoken, t } from "./text.js";

const TABS = ["explore", "compare", "bet", ...(alone ? [] : ["game"]), "debrief", "plan"];
const STEP_MS = 90;
const app = document.getElementById("app");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let data;
let lesson;
let map;
let state = { settings: null, before: null, undo: false, redo: false, version: 0, teacher: true };
const view = { tab: "explore", good: null, month: 0, upTo: null };
const kept = { bets: {}, sketch: [1, 1, 1, 1, 1], begin: 0 };
let pair = [];
let parts = {};
let looked = null;
let asked = 0;
let working = 0;
let telling = Promise.resolve();
let untold = 0;
const history = [];
let drawnAgain = null;
let width = innerWidth;

start();

async function start() {
  try {
    data = await load();
    lesson = data.lesson;
    speak(data.texts, new URLSearchParams(location.hash.slice(1)).get("lang") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
    state = alone ? { ...state, settings: structuredClone(lesson.quo) } : await session();
    if (alone) history.push(state.settings);
    view.good = lesson.goods[0].id;
    kept.begin = lesson.begin;
    pair = lesson.compare.length === 2 ? structuredClone(lesson.compare) : [structuredClone(lesson.quo), { ...structuredClone(lesson.quo), embargo: true }];
    const wanted = fromAddress();
    build();
    if (wanted && state.teacher && keyOf(wanted) !== keyOf(state.settings)) await set(wanted);
    else await show();
    if (!alone) listen(told, () => fault(new Error("offline")));
    addEventListener("resize", () => {
      // A chart that is only made smaller with its window cannot be read.
      if (innerWidth !== width) drawnAgain?.();
      width = innerWidth;
    });
    addEventListener("hashchange", () => {
      const other = fromAddress();
      if (other && state.teacher && keyOf(other) !== keyOf(state.settings)) set(other);
    });
  } catch (error) {
    app.replaceChildren(el("p", { class: "status bad", role: "alert" }, wordsOf(error)));
  }
}

// -- what is set ---------------------------------------------------------------------------------

async function set(settings) {
  if (!state.teacher) return;
  looked = null;
  if (keyOf(settings) === keyOf(state.settings)) {
    await show();
    return;
  }
  const old = state;
  if (alone) {
    history.length = state.at === undefined ? 1 : state.at + 1;
    history.push(structuredClone(settings));
    place(history.length - 1);
  } else {
    state = { ...state, settings, before: old.settings };
  }
  const shown = show();
  if (!alone) await tell({ do: "set", settings });
  await shown;
}

async function step(what) {
  looked = null;
  if (alone) place(state.at + (what === "undo" ? -1 : 1));
  else await tell({ do: what });
  await show();
}

function place(at) {
  state = { ...state, at, settings: history[at], before: history[at - 1] ?? null, undo: at > 0, redo: at < history.length - 1 };
}

/** One change after the other: each says which state it was made on, which the answer before it brings. */
function tell(body) {
  untold += 1;
  telling = telling.then(() => sayChange(body));
  return telling;
}

async function sayChange(body) {
  try {
    const found = await change({ ...body, version: state.version });
    untold -= 1;
    // What has been changed since, and is about to be said, stands already.
    state = untold ? { ...found, settings: state.settings, before: state.before } : found;
    fault(null);
  } catch (error) {
    untold -= 1;
    if (error.status === 409) {
      state = await session();
      note(t("elsewhere"));
      await show();
    } else {
      fault(error);
    }
  }
  tools();
}

function told(other) {
  if (parts.status?.classList.contains("bad")) fault(null);
  if (untold || other.version <= state.version) return;
  state = { ...state, ...other };
  looked = null;
  show();
}

// -- address -------------------------------------------------------------------------------------

function toAddress() {
  const words = new URLSearchParams({ good: view.good, month: String(view.month), tab: view.tab, lang: spoken() });
  if (state.settings.embargo) words.set("embargo", "1");
  for (const [name, place] of [...Object.entries(state.settings.options), ...Object.entries(state.settings.sliders)]) words.set(`set.${name}`, String(place));
  return `#${words}`;
}

function fromAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (lesson.goods.some((one) => one.id === words.get("good"))) view.good = words.get("good");
  const at = Number(words.get("month"));
  if (Number.isInteger(at) && at >= 0 && at < lesson.months.length) view.month = at;
  if (TABS.includes(words.get("tab"))) view.tab = words.get("tab");
  if (![...words.keys()].some((name) => name.startsWith("set."))) return null;
  const found = structuredClone(lesson.quo);
  found.embargo = words.get("embargo") === "1";
  const fits = (name, count) => {
    const place = Number(words.get(`set.${name}`) ?? NaN);
    return Number.isInteger(place) && place >= 0 && place < count ? place : null;
  };
  for (const choice of lesson.card.choices) found.options[choice.id] = fits(choice.id, choice.options.length) ?? 0;
  for (const slider of lesson.sliders) found.sliders[slider.id] = fits(slider.id, slider.positions.length) ?? slider.quo;
  return found;
}

async function share() {
  window.history.replaceState(null, "", toAddress());
  try {
    await navigator.clipboard.writeText(location.href);
    note(t("shared"));
  } catch {
    note(t("sharedBar"));
  }
}

// -- the page ------------------------------------------------------------------------------------

function build() {
  document.title = own(lesson.title);
  map = worldMap(data.map);
  const button = (name, act) => el("button", { type: "button", id: `tool-${name}`, onclick: act }, t(name));
  parts = {
    tabs: TABS.map((name) => el("button", { type: "button", id: `tab-${name}`, onclick: () => tab(name) }, t(name))),
    undo: button("undo", () => step("undo")), redo: button("redo", () => step("redo")), replay: button("replay", replay),
    share: button("share", share),
    full: button("fullscreen", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen())),
    projector: el("button", { type: "button", id: "tool-projector", class: "wide", "aria-pressed": String(large()), onclick: projector }, t("projector")),
    status: el("p", { class: "status", role: "status" }),
    main: el("main", { id: "results", tabindex: "-1" }),
    chart: el("div", { class: "chart" }), heat: el("div", { class: "heat" }), tiles: el("div", { class: "four" }), why: el("div"), says: el("div", { class: "small" }),
  };
  const language = el("select", { "aria-label": t("language"), onchange: (event) => { speak(data.texts, event.target.value); build(); show(); } },
    languages().map((code) => el("option", { value: code, selected: code === spoken(), lang: code }, { en: "English", zh: "中文" }[code])));
  parts.panel = panel(lesson, { look, set, touch });
  parts.scrub = el("input", { type: "range", id: "month", min: 0, max: lesson.months.length - 1, step: 1, oninput: () => { view.month = Number(parts.scrub.value); view.upTo = null; draw(); } });
  parts.day = el("output", { for: "month" });
  parts.play = el("button", { type: "button", onclick: play }, t("play"));
  parts.captions = { map: el("figcaption"), price: el("figcaption"), heat: el("figcaption", {}, t("heat")) };
  parts.picker = goodPicker(show);
  parts.explore = el("div", { class: "explore" }, parts.panel.box,
    el("div", { class: "centre" }, parts.picker,
      el("figure", { class: "map" }, map.box, parts.captions.map, legend()),
      el("div", { class: "pair" }, el("figure", {}, parts.captions.price, parts.chart), el("figure", {}, parts.captions.heat, parts.heat)),
      el("div", { class: "scrub" }, el("label", { for: "month" }, t("month")), parts.scrub, parts.day, parts.play),
      el("p", { class: "small" }, t("band", { n: lesson.members }))),
    el("div", { class: "right" }, parts.tiles, el("section", { class: "why" }, el("h2", {}, t("why")), parts.why), parts.says));
  app.replaceChildren(el("a", { class: "skip", href: "#results", onclick: (event) => { event.preventDefault(); parts.main.focus(); } }, t("skip")),
    el("header", {}, el("h1", {}, own(lesson.title)), el("nav", { "aria-label": t("steps") }, parts.tabs), el("div", { class: "tools" }, parts.undo, parts.redo, parts.replay, parts.share, parts.full, parts.projector, language)),
    parts.status, parts.main, el("footer", {}, t("made", { name: lesson.name, n: lesson.members, seed: lesson.seed })));
  new ResizeObserver(() => draw()).observe(parts.chart);
}

function goodPicker(after) {
  const select = el("select", { onchange: () => { view.good = lesson.goods[select.selectedIndex].id; after(); } }, lesson.goods.map((good) => el("option", { selected: good.id === view.good }, own(good.name))));
  return el("label", { class: "small" }, `${t("good")} `, select);
}

function tab(name) {
  view.tab = name;
  show();
}

function projector() {
  const on = document.documentElement.classList.toggle("projector");
  parts.projector.setAttribute("aria-pressed", String(on));
  draw();
}

function tools() {
  parts.undo.disabled = !state.undo || !state.teacher;
  parts.redo.disabled = !state.redo || !state.teacher;
  parts.replay.disabled = !state.before;
  parts.tabs.forEach((button, i) => (TABS[i] === view.tab ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current")));
  parts.panel.show(looked ?? state.settings, state.teacher);
  document.body.classList.toggle("looking", !state.teacher);
  parts.scrub.value = String(view.month);
}

async function show() {
  const turn = ++asked;
  drawnAgain = null;
  tools();
  if (view.tab !== "explore") {
    const pages = { compare: comparePage, bet: betPage, game: playPage, debrief: debriefPage, plan: planPage };
    fill(parts.main, pages[view.tab]({
      lesson, kept, pair, settings: () => state.settings, good: () => view.good, month: () => view.month, busy, failed: fault, goodPicker, called,
      go: (settings) => { view.tab = "explore"; set(structuredClone(settings)); }, resized: (again) => { drawnAgain = again; },
    }));
    return;
  }
  if (!parts.explore.isConnected) fill(parts.main, parts.explore);
  const settings = state.settings;
  const quo = quoOf(settings);
  // What is here already is drawn at once; the rest when the model has it.
  if (known(settings) && known(quo)) draw();
  busy(true);
  try {
    await outcomes([settings]);
    await outcomes([quo]);
    if (turn !== asked) return;
    kept.begin = known(settings).begin;
    if (!view.month) view.month = Math.min(kept.begin, lesson.months.length - 1);
    parts.scrub.value = String(view.month);
    draw();
    fault(null);
    await explain(turn);
  } catch (error) {
    if (turn === asked) {
      // What stands there is of other settings than the panel shows.
      parts.explore.classList.toggle("stale", !known(settings));
      fault(error);
    }
  } finally {
    busy(false);
  }
}

async function explain(turn) {
  const settings = state.settings;
  if (keyOf(settings) === keyOf(quoOf(settings))) {
    fill(parts.why, whyFeed(lesson, settings, []));
    return;
  }
  parts.why.classList.add("busy");
  try {
    const items = await why(settings, view.good);
    if (turn === asked) fill(parts.why, whyFeed(lesson, settings, items));
  } catch (error) {
    if (turn === asked) fill(parts.why, el("p", { class: "small" }, wordsOf(error)));
  } finally {
    parts.why.classList.remove("busy");
  }
}

/** A country's name in the language of the page. */
function called(code) {
  return country(code, lesson.bets.flatMap((bet) => bet.countries).find((one) => one.id === code)?.name ?? data.map.countries[code]?.name ?? code);
}

function quoOf(settings) {
  return { ...structuredClone(lesson.quo), options: settings.options };
}

function draw() {
  if (!parts.explore?.isConnected) return;
  const settings = looked ?? state.settings;
  const found = known(settings);
  const base = known(quoOf(settings));
  if (!found || !base) return;
  parts.explore.classList.remove("stale");
  const good = lesson.goods.find((one) => one.id === view.good);
  const outcome = found.goods[good.id];
  const quo = base.goods[good.id];
  const at = view.month;
  const day = lesson.months[at];
  map.colour(outcome, at, own(good.name), day);
  parts.captions.map.textContent = t("map", { good: own(good.name), month: month(day) });
  parts.captions.price.textContent = priceWords(good);
  parts.day.textContent = month(day);
  parts.scrub.setAttribute("aria-valuetext", month(day));
  const same = keyOf(settings) === keyOf(quoOf(settings));
  const lines = [{ kind: "base", label: t("before"), mid: quo.mid }];
  lines.push({ kind: "now", label: same ? "" : t("now"), ...band(outcome), upTo: view.upTo ?? undefined });
  const box = parts.chart.clientWidth || 420;
  const height = Math.round(Math.max(170, Math.min(Math.max(260, innerHeight * 0.31), box * 0.5)));
  priceChart(parts.chart, {
    months: lesson.months, lines, shade: settings.embargo ? [found.begin, found.end] : null, cursor: at, width: box, height,
    name: t("priceName", { good: own(good.name), now: number(outcome.mid[at], 4), month: month(day), base: number(quo.mid[at], 4) }),
  });
  heatMap(parts.heat, { months: lesson.months, outcome, cursor: at, goodName: own(good.name), width: parts.heat.clientWidth || 420, choose: (i) => { view.month = i; parts.scrub.value = String(i); draw(); } });
  parts.panel.idle(found.idle);
  fill(parts.tiles, tiles(outcome.numbers));
  fill(parts.says, found.events.length ? el("h3", {}, t("told")) : null, found.events.map((sentence) => el("p", { lang: "en" }, sentence)));
}

// -- sliders: looked at while they are dragged, set when they are let go ---------------------------

let frame = 0;

function look(settings) {
  looked = settings;
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => {
    if (known(settings)) draw();
  });
}

function touch(index) {
  if (!state.teacher || alone) return;
  const slider = lesson.sliders[index];
  const list = slider.positions.map((_, place) => ({ ...structuredClone(state.settings), sliders: { ...state.settings.sliders, [slider.id]: place } }));
  if (list.every(known)) return;
  busy(true);
  outcomes(list).then(() => draw(), fault).finally(() => busy(false));
}

// -- time ----------------------------------------------------------------------------------------

let playing = 0;

function play() {
  if (playing) return halt();
  parts.play.textContent = t("stop");
  if (view.month >= lesson.months.length - 1) view.month = 0;
  playing = setInterval(() => {
    if (view.month >= lesson.months.length - 1) return halt();
    view.month += 1;
    parts.scrub.value = String(view.month);
    draw();
  }, still ? 4 * STEP_MS : STEP_MS);
}

function halt() {
  clearInterval(playing);
  playing = 0;
  view.upTo = null;
  parts.play.textContent = t("play");
  draw();
}

/** The last change once more: the page as it was before, then month by month as it is now. */
function replay() {
  if (!state.before) return;
  halt();
  if (view.tab !== "explore") tab("explore");
  note(`${inWords(lesson, state.before)} → ${inWords(lesson, state.settings)}`);
  view.month = Math.max(0, kept.begin - 2);
  playing = setInterval(() => {
    if (view.month >= lesson.months.length - 1) return halt();
    view.month += 1;
    view.upTo = view.month + 1;
    parts.scrub.value = String(view.month);
    draw();
  }, STEP_MS);
}

// -- what the page says --------------------------------------------------------------------------

function busy(on) {
  working += on ? 1 : -1;
  parts.main?.setAttribute("aria-busy", String(working > 0));
  if (parts.status?.classList.contains("bad")) return;
  if (working > 0) parts.status.textContent = t("computing");
  else if (parts.status?.textContent === t("computing")) parts.status.textContent = state.teacher ? "" : t("readonly");
}

function note(text) {
  parts.status.classList.remove("bad");
  parts.status.textContent = text;
}

function wordsOf(error) {
  return ["offline", "notComputed"].includes(error.message) ? t(error.message) : t("failed", { error: error.message });
}

function fault(error) {
  if (!parts.status) return;
  if (error === null && !parts.status.classList.contains("bad")) return;
  parts.status.classList.toggle("bad", error !== null);
  parts.status.textContent = error === null ? "" : wordsOf(error);
}
