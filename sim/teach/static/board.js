// The tab on which a class plays: where phones join, who has decided, the teacher's hand, how countries stand.
import { priceWords } from "./charts.js";
import { el, fill } from "./dom.js";
import { boardTable, gameLine, gamePost, gamePrice, gameState, goodCalled, levelWords, meanings, newsList, quarterName, seatName, standingWords } from "./game.js";
import { listed, refusal, spoken, t } from "./text.js";

const WIDE = 900;
const TRIES = 5;
const CHANGED = 409;
let table = null;
let opened = null;
let boxes = null;
let chosenGood = null;
let lookedAt = "";
const foldedOpen = {};
const hand = { kind: "strike", country: "", good: "", level: 1 };

/** The page; it draws itself again whenever the game changes. */
export function playPage(ctx) {
  const box = el("div", { class: "page game" });
  lookedAt = "";
  boxes = { box, status: el("p", { role: "status", class: "status" }), ctx };
  opened ??= gameLine((found) => { table = found; heard(); drawGame(); }, () => sayGame(t("offline"), true)).catch((error) => {
    opened = null;
    ctx.failed(error);
    return null;
  });
  opened.then(() => drawGame());
  ctx.resized(() => {
    lookedAt = "";
    drawGame();
  });
  return box;
}

function sayGame(text, bad = false) {
  if (!boxes) return;
  boxes.status.classList.toggle("bad", bad);
  boxes.status.textContent = text;
}

/** The server is there again. */
function heard() {
  if (boxes?.status.textContent === t("offline")) sayGame("");
}

/** One act of the teacher's; a phone that decides in the same moment does not stand in its way. */
async function teach(body) {
  const { round, phase } = table.game;
  try {
    for (let left = TRIES; ; left -= 1) {
      try {
        table = await gamePost("api/play/teach", { version: table.game.version, ...body });
        break;
      } catch (error) {
        if (error.status !== CHANGED || !left) throw error;
        table = await gameState();
        if (table.game?.round !== round || table.game?.phase !== phase) throw error;
      }
    }
    sayGame("");
  } catch (error) {
    sayGame(error.message, true);
  }
  await drawGame();
}

async function drawGame() {
  const line = opened && (await opened);
  if (!line || !table || !boxes?.box.isConnected) return;
  if (!table.game) {
    fill(boxes.box, el("p", { class: "status bad", role: "alert" }, refusal(table.problem)));
    return;
  }
  const held = document.activeElement?.id;
  const { words } = line;
  const { game } = table;
  // A decision more changes a number: whoever has a list open keeps it open.
  const look = JSON.stringify([spoken(), table.turning, { ...game, version: 0, moved: 0 }, hand, chosenGood, foldedOpen]);
  if (look === lookedAt && boxes.box.childElementCount) {
    counted(words, game);
    return;
  }
  lookedAt = look;
  const parts = { lobby: lobbyParts, play: quarterParts, over: overParts }[game.phase](words, game);
  if (table.turning) sayGame(t("computing"));
  else if (boxes.status.textContent === t("computing")) sayGame("");
  fill(boxes.box, boxes.status, parts);
  counted(words, game);
  if (held) document.getElementById(held)?.focus();
  const chart = document.getElementById("game-chart");
  if (chart) gamePrice(chart, words, game, chosenGood ?? words.goods[0].id, Math.min(WIDE, chart.clientWidth || 420));
}

function gameButton(id, act, text, more = {}) {
  return el("button", { type: "button", id, onclick: act, disabled: table.turning || null, ...more }, text);
}

function teamsList(words, game) {
  const on = game.phase === "play";
  return el("ul", { class: "teams" }, words.seats.map((seat) => {
    const names = game.teams[seat.id];
    return el("li", { class: names ? "taken" : null }, el("b", {}, seatName(words, seat.id)), names ? ` ${listed(names)}` : null,
      on ? el("span", { class: "done", "data-country": seat.id }) : null,
      table.teacher && names ? " " : null, table.teacher && names ? gameButton(`free-${seat.id}`, () => teach({ do: "free", country: seat.id }), t("free"), { "aria-label": t("freeName", { country: seatName(words, seat.id) }), class: "little" }) : null);
  }));
}

function joinBox(words) {
  const where = words.address || `${location.origin}/join`;
  return el("section", { class: "joinbox" }, el("h2", {}, t("joinHere")),
    words.address ? el("img", { src: "data/join.svg", alt: t("joinCode", { address: where }), class: "code" }) : el("p", { class: "small" }, t("joinAlone")),
    el("p", { class: "address" }, where));
}

function doors(game) {
  if (!table.teacher) return null;
  const box = (id, name, value, other) => el("label", {}, el("input", { type: "checkbox", id, checked: value, onchange: (event) => teach({ do: "open", ...other, [name]: event.target.checked }) }), " ", t(id));
  return el("p", { class: "doors" }, box("doorOpen", "joining", game.joining, { shared: game.shared }), " ", box("doorShared", "shared", game.shared, { joining: game.joining }));
}

function lobbyParts(words, game) {
  const rounds = el("select", { id: "rounds" }, Array.from({ length: words.most - 1 }, (_, i) => el("option", { value: String(i + 2), selected: i + 2 === game.rounds }, t("quarters", { n: i + 2 }))));
  const start = table.teacher ? el("p", {}, el("label", {}, `${t("howLong")} `, rounds), " ", gameButton("game-begin", () => teach({ do: "begin", rounds: Number(rounds.value) }), t("beginGame"), { class: "go" })) : el("p", {}, t("waitBegin"));
  return [el("p", {}, t("gameIntro")), el("div", { class: "two" }, joinBox(words), el("section", {}, el("h2", {}, t("countries")), teamsList(words, game), el("p", { class: "small" }, t("greyNobody")))), start, doors(game)];
}

function quarterParts(words, game) {
  const go = table.teacher ? gameButton("game-turn", () => { sayGame(t("computing")); teach({ do: "turn" }); }, t("turn"), { class: "go" }) : null;
  return [
    el("section", {}, el("h2", {}, t("quarterOf", { n: game.round + 1, of: game.rounds }) + t("colon") + quarterName(game.months)),
      el("p", { class: "big" }, el("span", { id: "decided" }), " ", go), el("p", { class: "small", id: "still-open" })),
    table.teacher ? folded("bring", t("bringIn"), bringBox(words)) : null,
    el("div", { class: "two" },
      el("div", {}, game.board.countries.length ? el("section", {}, el("h2", {}, t("standings")), boardTable(words, game), folded("means", t("whatMean"), meanings(words))) : teamsList(words, game)),
      el("div", {}, game.board.months.length ? chartBox(words, game) : null, newsBox(words, game))),
    folded("doors", t("countries"), el("div", { class: "two" }, joinBox(words), teamsList(words, game)), doors(game)),
  ];
}

function newsBox(words, game) {
  return el("section", {}, el("h2", {}, t("news")), newsList(words, game));
}

/** What the class need not see all the time; it stays open or shut while the page is drawn again. */
function folded(name, title, ...inside) {
  const held = el("details", { open: foldedOpen[name] || null, ontoggle: () => { foldedOpen[name] = held.open; } }, el("summary", { id: `fold-${name}` }, title), inside);
  return held;
}

/** How many have decided, and who has not. */
function counted(words, game) {
  const people = Object.keys(game.teams);
  const left = people.filter((code) => !game.moved.includes(code));
  const [number, names] = ["decided", "still-open"].map((id) => document.getElementById(id));
  if (!number) return;
  number.textContent = t("haveDecided", { n: people.length - left.length, of: people.length });
  names.textContent = left.length && left.length < people.length ? t("stillOpen", { list: listed(left.map((code) => seatName(words, code))) }) : "";
  for (const mark of document.querySelectorAll(".teams [data-country]")) mark.textContent = game.moved.includes(mark.dataset.country) ? ` ✓ ${t("decided")}` : "";
}

function chartBox(words, game) {
  const select = el("select", { id: "game-good", onchange: () => { chosenGood = select.value; drawGame(); } }, words.goods.map((good) => el("option", { value: good.id, selected: good.id === chosenGood }, goodCalled(words, good.id))));
  const priced = words.goods.find((one) => one.id === (chosenGood ?? words.goods[0].id));
  return el("section", {}, el("h2", {}, priceWords(priced)), el("label", { class: "small" }, `${t("good")} `, select), el("div", { id: "game-chart", class: "chart" }), game.board.months.length ? el("p", { class: "small" }, t("gameBand", { n: words.members })) : null);
}

/** Strike, press report, leak: what the teacher brings in. */
function bringBox(words) {
  const seats = words.seats.filter((seat) => (hand.kind === "strike" ? seat.makes.length : hand.kind === "report" ? Object.keys(seat.sells).length : true));
  if (!seats.some((seat) => seat.id === hand.country)) hand.country = seats[0]?.id ?? "";
  const seat = seats.find((one) => one.id === hand.country);
  const goods = hand.kind === "leak" || !seat ? [] : hand.kind === "strike" ? seat.makes : Object.keys(seat.sells);
  if (goods.length && !goods.includes(hand.good)) [hand.good] = goods;
  const pick = (id, label, options, value, set) => el("label", {}, `${label} `, el("select", { id, onchange: (event) => { set(event.target.value); drawGame(); } }, options.map(([key, name]) => el("option", { value: key, selected: key === value }, name))));
  const what = { kind: hand.kind, country: hand.country, ...(goods.length ? { good: hand.good } : {}), ...(hand.kind === "strike" ? { level: hand.level } : {}) };
  return el("section", { class: "bring" },
    pick("bring-kind", t("what0"), ["strike", "report", "leak"].map((kind) => [kind, t(`kind_${kind}`)]), hand.kind, (value) => { hand.kind = value; }), " ",
    pick("bring-country", t("boardCountry"), seats.map((one) => [one.id, seatName(words, one.id)]), hand.country, (value) => { hand.country = value; }), " ",
    goods.length ? pick("bring-good", t("good"), goods.map((id) => [id, goodCalled(words, id)]), hand.good, (value) => { hand.good = value; }) : null, " ",
    hand.kind === "strike" ? pick("bring-level", t("howHard"), [0, 1, 2].map((i) => [String(i), levelWords(words, "strike", i)]), String(hand.level), (value) => { hand.level = Number(value); }) : null, " ",
    gameButton("bring-go", () => teach({ do: "bring", what }), t("bringGo")),
    el("p", { class: "small" }, t(`kind_${hand.kind}_means`)));
}

function overParts(words, game) {
  const people = game.board.countries.filter((row) => game.teams[row.id]);
  const waits = game.board.influence < game.board.quarters.length && people.length > 0;
  return [
    el("section", {}, el("h2", {}, t("finalBoard")), waits ? el("p", { role: "status" }, t("influenceWaits", { n: game.board.influence, of: game.board.quarters.length })) : null, boardTable(words, game), meanings(words)),
    el("section", {}, people.map((row) => el("article", { class: "answer" }, el("h3", {}, seatName(words, row.id) + t("colon") + listed(game.teams[row.id])), standingWords(words, row).map((text) => el("p", {}, text))))),
    el("div", { class: "two" }, chartBox(words, game), newsBox(words, game)),
    table.teacher ? el("p", {}, gameButton("game-anew", () => teach({ do: "anew" }), t("anew"))) : null,
  ];
}
