// A phone that plays a country: join, decide once a quarter, see how it stands.
import { el, fill } from "./dom.js";
import { boardTable, gameLine, gamePost, goodCalled, levelWords, meanings, moveWords, newsList, quarterName, seatName, standingWords } from "./game.js";
import { languages, listed, own, percent, refusal, speak, spoken, t } from "./text.js";

const KINDS = ["ban", "licence", "tariff", "stockpile", "subsidise", "talks", "lift", "wait"];
const SELLING = ["ban", "licence", "subsidise"];
const AIMED = ["ban", "licence", "tariff"];
const GRADED = ["licence", "tariff", "stockpile", "subsidise"];
const box = document.getElementById("app");
const said = el("p", { role: "status", class: "status" });
const plan = { kind: "wait", good: "", whom: "", level: 1, lifts: "" };
const wish = { name: "", country: "" };
let line = null;
let found = null;
let begun = -1;
let shown = "";
let asked = 0;
let refusedIn = "";

start();

async function start() {
  speak({ en: {} }, "en");
  try {
    line = await gameLine((news) => { found = news; if (said.textContent === t("phoneOffline")) say(""); draw(); }, () => say(t("phoneOffline"), true));
    speak(line.words.texts, new URLSearchParams(location.hash.slice(1)).get("lang") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
    draw();
  } catch (error) {
    fill(box, el("p", { class: "status bad", role: "alert" }, error.message));
  }
}

function say(text, bad = false) {
  said.classList.toggle("bad", bad);
  said.textContent = text;
}

async function send(path, body) {
  try {
    found = await gamePost(path, body);
    say("");
    shown = "";
    document.activeElement?.blur();
    return true;
  } catch (error) {
    say(error.message, true);
    return false;
  } finally {
    draw();
  }
}

function draw() {
  if (!line || !found) return;
  if (!found.game) {
    fill(box, el("p", { class: "status bad", role: "alert" }, refusal(found.problem)));
    return;
  }
  const { words } = line;
  const { game, seat } = found;
  const held = document.activeElement?.id;
  // Who is typing or choosing is not disturbed by what others do.
  const look = JSON.stringify([spoken(), found.turning, seat, game.phase, game.round, game.joining, game.brought, game.leaked, game.board.influence, game.board.months.length, seat ? 0 : game.teams, asked]);
  // What was refused in one quarter says nothing of the next one.
  const stage = `${game.phase} ${game.round}`;
  if (stage !== refusedIn) {
    refusedIn = stage;
    if (said.textContent !== t("phoneOffline")) say("");
  }
  if (look === shown || (!seat && game.joining && held === "team-name" && shown)) return;
  shown = look;
  document.title = `${own(words.title)}: ${seat ? seatName(words, seat.country) : t("joinTitle")}`;
  const language = el("select", { id: "language", "aria-label": t("language"), onchange: (event) => { speak(words.texts, event.target.value); draw(); } },
    languages().map((code) => el("option", { value: code, selected: code === spoken(), lang: code }, { en: "English", zh: "中文" }[code])));
  fill(box, el("header", {}, el("h1", {}, seat ? seatName(words, seat.country) : own(words.title)), language), said,
    el("main", { id: "results", tabindex: "-1" }, seat ? seatParts(words, game, seat) : joinParts(words, game)));
  if (held) document.getElementById(held)?.focus();
}

// -- join ----------------------------------------------------------------------------------------

function joinParts(words, game) {
  if (!game.joining) return [el("p", {}, t("closed")), standing(words, game, "")];
  const open = words.seats.filter((one) => (game.teams[one.id] ?? []).length < 3);
  if (!open.some((one) => one.id === wish.country)) wish.country = (open.find((one) => !game.teams[one.id]) ?? open[0])?.id ?? "";
  const name = el("input", { id: "team-name", type: "text", maxlength: 24, autocomplete: "off", required: true, value: wish.name, oninput: () => { wish.name = name.value; }, onblur: () => setTimeout(draw) });
  const seats = el("select", { id: "team-country", onchange: () => { wish.country = seats.value; } },
    open.map((one) => el("option", { value: one.id, selected: one.id === wish.country }, game.teams[one.id] ? `${seatName(words, one.id)} (${t("beside", { names: listed(game.teams[one.id]) })})` : seatName(words, one.id))));
  const join = async (event) => {
    event.preventDefault();
    // The token came with the answer; the line must be opened again to carry it.
    if (await send("api/play/join", { name: wish.name, country: wish.country })) line.again();
  };
  return [el("p", {}, t("joinIntro")), el("form", { class: "stack", onsubmit: join },
    el("label", { for: "team-name" }, t("yourName")), name, el("label", { for: "team-country" }, t("yourCountry")), seats,
    el("button", { id: "join-go", class: "go" }, t("joinGo")))];
}

// -- play ----------------------------------------------------------------------------------------

function seatParts(words, game, seat) {
  if (game.phase === "lobby") return [el("p", { class: "big" }, t("waitBegin")), trade(words, seat)];
  const parts = [];
  if (game.phase === "play") {
    if (begun !== game.round) {
      begun = game.round;
      Object.assign(plan, { kind: "wait", good: "", whom: "", level: 1, lifts: "" });
    }
    parts.push(el("h2", {}, t("quarterOf", { n: game.round + 1, of: game.rounds }) + t("colon") + quarterName(game.months)));
    if (found.turning) parts.push(el("p", { class: "big" }, t("computing")));
    else if (seat.move) parts.push(el("p", { class: "answer" }, el("b", {}, t("youDecided")), ` ${moveWords(words, seat.move)}`), el("p", { class: "small" }, t("waitTurn")));
    else parts.push(chooser(words, game, seat));
    if (seat.offers.length) parts.push(el("p", { class: "answer" }, t("offers", { list: listed(seat.offers.map((code) => seatName(words, code))) })));
  } else parts.push(el("h2", {}, t("finalBoard")));
  parts.push(standing(words, game, seat.country));
  if (game.board.quarters.length || game.brought.length || Object.keys(game.leaked).length) parts.push(el("section", {}, el("h2", {}, t("news")), newsList(words, game)));
  const measures = Object.values(seat.measures);
  if (measures.length) parts.push(el("section", {}, el("h2", {}, t("inForce")), el("ul", {}, measures.map((move) => el("li", {}, moveWords(words, move))))));
  if (game.phase === "play") parts.push(trade(words, seat));
  return parts;
}

function trade(words, seat) {
  const row = words.seats.find((one) => one.id === seat.country);
  const list = (title, goods) => (Object.keys(goods).length ? el("section", {}, el("h2", {}, title), el("ul", {}, Object.entries(goods).map(([good, who]) => el("li", {}, `${goodCalled(words, good)}${t("colon")}${listed(who.slice(0, 5).map((code) => seatName(words, code)))}${who.length > 5 ? " …" : ""}`)))) : null);
  return el("div", {}, list(t("youSell"), row.sells), list(t("youBuy"), row.buys));
}

function standing(words, game, mine) {
  if (!game.board.countries.length) return null;
  const row = game.board.countries.find((one) => one.id === mine);
  return el("section", {}, row ? [el("h2", {}, t("youStand")), standingWords(words, row).map((text) => el("p", {}, text))] : null,
    el("details", { open: game.phase === "over" || null }, el("summary", {}, t("standings")), boardTable(words, game, mine), meanings(words)));
}

function chooser(words, game, seat) {
  const row = words.seats.find((one) => one.id === seat.country);
  const measures = Object.entries(seat.measures);
  const fits = { ban: row.sells, licence: row.sells, subsidise: row.sells, tariff: row.buys, stockpile: row.buys };
  const able = KINDS.filter((kind) => (kind === "lift" ? measures.length : fits[kind] ? Object.keys(fits[kind]).length : true));
  if (!able.includes(plan.kind)) plan.kind = "wait";
  const partners = SELLING.includes(plan.kind) ? row.sells : row.buys;
  const goods = fits[plan.kind] ? Object.keys(partners) : [];
  if (goods.length && !goods.includes(plan.good)) [plan.good] = goods;
  const whom = plan.kind === "talks" ? words.seats.map((one) => one.id).filter((code) => code !== seat.country) : AIMED.includes(plan.kind) ? [...partners[plan.good], "world"] : [];
  if (whom.length && !whom.includes(plan.whom)) [plan.whom] = plan.kind === "talks" && seat.offers.length ? seat.offers : whom;
  if (plan.kind === "lift" && !measures.some(([name]) => name === plan.lifts)) [[plan.lifts]] = measures;
  const pick = (id, label, options, value, set) => [el("label", { for: id }, label), el("select", { id, onchange: (event) => { set(event.target.value); asked += 1; draw(); } }, options.map(([key, name]) => el("option", { value: key, selected: key === value }, name)))];
  const at = (name) => percent(words.levels[name][1], 0);
  const means = { below: at("stockpile buy_below"), short: at("stockpile release"), talk: at("talks short") };
  const decide = (event) => {
    event.preventDefault();
    const move = { kind: plan.kind };
    if (goods.length) move.good = plan.good;
    if (whom.length) move.whom = plan.whom;
    if (GRADED.includes(plan.kind)) move.level = plan.level;
    if (plan.kind === "lift") move.lifts = plan.lifts;
    send("api/play/move", { quarter: game.round, move });
  };
  return el("form", { class: "stack", onsubmit: decide },
    pick("move-kind", t("yourMove"), able.map((kind) => [kind, t(`move_${kind}`)]), plan.kind, (value) => { plan.kind = value; }),
    el("p", { class: "small" }, t(`move_${plan.kind}_means`, means)),
    goods.length ? pick("move-good", t("good"), goods.map((id) => [id, goodCalled(words, id)]), plan.good, (value) => { plan.good = value; }) : null,
    whom.length ? pick("move-whom", t(plan.kind === "talks" ? "withWhom" : "againstWhom"), whom.map((code) => [code, code === "world" ? t("everybody") : seatName(words, code)]), plan.whom, (value) => { plan.whom = value; }) : null,
    GRADED.includes(plan.kind) ? pick("move-level", t("howHard"), [0, 1, 2].map((i) => [String(i), levelWords(words, plan.kind, i)]), String(plan.level), (value) => { plan.level = Number(value); }) : null,
    plan.kind === "lift" ? pick("move-lifts", t("whichMeasure"), measures.map(([name, move]) => [name, moveWords(words, move)]), plan.lifts, (value) => { plan.lifts = value; }) : null,
    el("button", { id: "move-go", class: "go" }, t("decide")));
}
