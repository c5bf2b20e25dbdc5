// Compare, bet, debrief and plan: pages beside the one on which the class explores.
import { el, fill } from "./dom.js";
import { heatMap, legend, priceChart, priceWords } from "./charts.js";
import { bigNumbers, neverRises } from "./side.js";
import { answers, outcomes } from "./source.js";
import { country, fixed, monthsLong, number, own, percent, quantity, t, times } from "./text.js";

const SHARES = ["worst_month", "worst_year"];
const WIDEST = 900;
const LEAST = 240;
const MARGIN = 44;
const NARROW = 900;

/** Width of a chart that fills the page; a window may be next to nothing for a moment. */
function wide() {
  return Math.max(LEAST, Math.min(WIDEST, document.documentElement.clientWidth - MARGIN));
}

/** Settings in words: the button with its options, and what is moved. */
export function inWords(lesson, settings) {
  const parts = [];
  if (settings.embargo) {
    const taken = lesson.card.choices.map((choice) => own(choice.options[settings.options[choice.id]].label));
    parts.push([own(lesson.card.label), ...taken].join(t("comma")));
  }
  for (const slider of lesson.sliders) {
    const place = settings.sliders[slider.id];
    if (place !== slider.quo) parts.push(`${own(slider.label)} ${quantity(slider.positions[place])}`);
  }
  return parts.join(t("semicolon")) || t("nothingSet");
}

function goodName(lesson, id) {
  return own(lesson.goods.find((one) => one.id === id).name);
}

/** Two settings side by side. */
export function comparePage(ctx) {
  const { lesson } = ctx;
  const box = el("div", { class: "page" });
  const draw = async () => {
    const [a, b] = ctx.pair;
    const good = ctx.good();
    const quo = { ...structuredClone(lesson.quo), options: a.options };
    ctx.busy(true);
    try {
      const [base, one, two] = await outcomes([quo, a, b]);
      const both = [one, two].map((outcome) => outcome.goods[good].numbers);
      const lowest = both.every(neverRises);
      const [lefts, rights] = both.map((numbers) => bigNumbers(numbers, lowest));
      const rows = lefts.map((row, i) => [row[1], row, rights[i]]);
      const chart = el("div");
      const priced = priceWords(lesson.goods.find((item) => item.id === good));
      priceChart(chart, {
        months: lesson.months, width: wide(), height: 260, shade: [two.begin, two.end], name: `${priced}${t("colon")}A ${inWords(lesson, a)}${t("semicolon")}B ${inWords(lesson, b)}`,
        lines: [
          { kind: "base", label: t("before"), mid: base.goods[good].mid },
          { kind: "now", label: t("A"), ...band(one.goods[good]) },
          { kind: "other", label: t("B"), ...band(two.goods[good]) },
        ],
      });
      const heats = [one, two].map((outcome) => {
        const heat = el("div");
        heatMap(heat, { months: lesson.months, outcome: outcome.goods[good], cursor: ctx.month(), goodName: goodName(lesson, good), width: document.documentElement.clientWidth <= NARROW ? wide() : wide() / 2 });
        return heat;
      });
      fill(box,
        el("section", {}, ctx.pair.map((settings, i) => el("p", {}, el("span", { class: i ? "letter b" : "letter" }, i ? t("B") : t("A")), ` ${inWords(lesson, settings)} `,
          el("button", { type: "button", onclick: () => { ctx.pair[i] = structuredClone(ctx.settings()); draw(); } }, i ? t("takeB") : t("takeA")), " ",
          el("button", { type: "button", onclick: () => ctx.go(settings) }, t("swap", { name: i ? t("B") : t("A") })))),
          ctx.goodPicker(draw)),
        el("section", {}, el("h2", {}, priced), chart),
        el("section", {}, el("table", {}, el("thead", {}, el("tr", {}, [t("number"), t("A"), t("B")].map((word) => el("th", { scope: "col" }, word)))),
          el("tbody", {}, rows.map(([what, left, right], i) => el("tr", {}, el("td", {}, i === 0 || i === 2 ? what : t(i === 1 ? "firstRow" : "recoveryRow")),
            el("td", { "data-h": t("A") }, left[0], el("span", { class: "small" }, ` ${left[2]}`)), el("td", { "data-h": t("B") }, right[0], el("span", { class: "small" }, ` ${right[2]}`))))))),
        el("section", { class: "pair" }, heats.map((heat, i) => el("figure", {}, el("h3", {}, `${i ? t("B") : t("A")}${t("colon")}${t("heat")}`), heat))), legend());
    } catch (error) {
      ctx.failed(error);
    } finally {
      ctx.busy(false);
    }
  };
  draw();
  ctx.resized(draw);
  return box;
}

export function band(good) {
  return { mid: good.mid, low: good.low, high: good.high };
}

/** A value of a measure in words. */
export function spokenValue(measure, found, called) {
  if (measure === "worst_country") return found.country ? called(found.country) : t("nobody");
  return amount(measure, found.mid);
}

function amount(measure, value) {
  if (["first_short", "recovery"].includes(measure)) return monthsLong(value);
  if (SHARES.includes(measure)) return percent(value);
  if (["peak_price", "lowest_price"].includes(measure)) return times(value);
  return `${fixed(value, 0)}\u00a0t`;
}

function betWords(bet) {
  if (bet.countries.length) return bet.countries.map((one) => country(one.id, one.name));
  const said = bet.bounds.map((bound) => (SHARES.includes(bet.measure) ? `${number(100 * bound)}\u00a0%` : amount(bet.measure, bound)));
  return [t("below", { a: said[0] }), ...said.slice(1).map((high, i) => t("between", { a: said[i], b: high })), t("above", { a: said.at(-1) })];
}

/** Bets, a sketch of the price, and what the model says. */
export function betPage(ctx) {
  const { lesson, kept } = ctx;
  return el("div", { class: "page" }, el("p", {}, t("betIntro")), lesson.bets.map((bet) => betBox(ctx, bet)), lesson.bets.length ? sketchBox(ctx, lesson.bets[0].settings, kept) : null);
}

function betBox(ctx, bet) {
  const { kept } = ctx;
  const answer = el("div", { role: "status" });
  const choices = betWords(bet).map((word, i) => el("label", {}, el("input", {
    type: "radio", name: `bet-${bet.id}`, value: String(i), checked: kept.bets[bet.id] === i,
    onchange: () => { kept.bets[bet.id] = i; },
  }), " ", word));
  const reveal = el("button", {
    type: "button",
    onclick: async () => {
      const mine = kept.bets[bet.id];
      if (mine === undefined) {
        fill(answer, el("p", {}, t("noBet")));
        return;
      }
      ctx.busy(true);
      try {
        const found = (await answers()).bets[bet.id];
        choices.forEach((choice, i) => choice.classList.toggle("right-one", i === found.right));
        fill(answer, el("div", { class: "answer" }, el("b", {}, t("right", { value: spokenValue(bet.measure, found.value, ctx.called) })), " ", mine === found.right ? t("won") : t("lost")));
      } catch (error) {
        ctx.failed(error);
      } finally {
        ctx.busy(false);
      }
    },
  }, t("reveal"));
  return el("section", { class: "bet" }, el("fieldset", {}, el("legend", {}, own(bet.question)), choices), reveal, answer);
}

function sketchBox(ctx, settings, kept) {
  const { lesson } = ctx;
  const chart = el("div");
  const said = el("div", { role: "status" });
  const begin = kept.begin;
  const left = lesson.months.length - 1 - begin;
  const stops = [0.1, 0.3, 0.5, 0.75, 1].map((part) => Math.round(part * left));
  const good = lesson.goods[0];
  let shown = null;
  const sketched = (base) => base.map((value, i) => {
    if (i < begin) return value;
    const after = i - begin;
    const next = stops.findIndex((stop) => stop >= after);
    const [x0, y0] = next === 0 ? [0, 1] : [stops[next - 1], kept.sketch[next - 1]];
    return value * (y0 + ((kept.sketch[next] - y0) * (after - x0)) / (stops[next] - x0 || 1));
  });
  const draw = async () => {
    const quo = { ...structuredClone(lesson.quo), options: settings.options };
    const [base] = await outcomes([quo]);
    const mine = sketched(base.goods[good.id].mid);
    const lines = [{ kind: "base", label: t("before"), mid: base.goods[good.id].mid }, { kind: "sketch", label: t("yourBet"), mid: mine }];
    if (shown) lines.push({ kind: "now", label: t("now"), ...band(shown.goods[good.id]) });
    const list = stops.map((stop, i) => `${monthsLong(stop)} ${times(kept.sketch[i])}`).join(t("comma"));
    priceChart(chart, { months: lesson.months, lines, width: wide(), height: 260, shade: null, name: t("sketchName", { list }) });
    if (shown) {
      const real = shown.goods[good.id].mid;
      const off = real.slice(begin).map((value, i) => Math.abs(mine[begin + i] / value - 1));
      fill(said, el("div", { class: "answer" }, t("sketchOff", { p: percent(off.reduce((a, b) => a + b, 0) / off.length) })));
    }
  };
  const inputs = stops.map((stop, i) => {
    const reads = el("output", {}, times(kept.sketch[i]));
    return el("label", {}, t("sketchAt", { n: monthsLong(stop) }), " ", reads, el("input", {
      type: "range", min: 0.5, max: 4, step: 0.05, value: String(kept.sketch[i]), "aria-label": t("sketchSlider", { n: monthsLong(stop) }),
      oninput: (event) => {
        kept.sketch[i] = Number(event.target.value);
        reads.textContent = times(kept.sketch[i]);
        draw().catch(ctx.failed);
      },
    }));
  });
  const reveal = el("button", {
    type: "button",
    onclick: async () => {
      ctx.busy(true);
      try {
        [shown] = await outcomes([settings]);
        await draw();
      } catch (error) {
        ctx.failed(error);
      } finally {
        ctx.busy(false);
      }
    },
  }, t("reveal"));
  draw().catch(ctx.failed);
  ctx.resized(() => draw().catch(ctx.failed));
  return el("section", { class: "bet" }, el("h2", {}, `${t("sketch")}${t("colon")}${own(good.name)}`), el("p", { class: "small" }, inWords(lesson, settings)), el("p", {}, t("sketchHow")), el("div", { class: "sketch" }, inputs), chart, reveal, said);
}

/** A text in which countries stand as `{JPN}`, with their names. */
function withNames(ctx, text) {
  return text.replace(/\{([A-Z]{3})\}/g, (_, code) => ctx.called(code));
}

/** Questions with the model's answers, and what not to believe. */
export function debriefPage(ctx) {
  const { lesson } = ctx;
  return el("div", { class: "page" },
    el("section", {}, el("h2", {}, t("questions")), el("ol", {}, lesson.debrief.map((question) => {
      const answer = el("div", { role: "status" });
      return el("li", {}, el("p", {}, own(question.question)), el("button", {
        type: "button",
        onclick: async () => {
          ctx.busy(true);
          try {
            fill(answer, el("div", { class: "answer" }, withNames(ctx, own((await answers()).debrief[question.id]))));
          } catch (error) {
            ctx.failed(error);
          } finally {
            ctx.busy(false);
          }
        },
      }, t("showAnswer")), answer);
    }))),
    lesson.doubts.length ? el("section", {}, el("h2", {}, t("doubts")), el("ul", {}, lesson.doubts.map((one) => el("li", {}, own(one))))) : null);
}

/** How the lesson goes, minute by minute. */
export function planPage(ctx) {
  const { lesson } = ctx;
  return el("div", { class: "page" }, el("h2", {}, `${t("steps")}${t("colon")}${t("minutes", { n: lesson.minutes })}`), el("p", {}, own(lesson.about)),
    el("ol", {}, lesson.steps.map((step) => el("li", {}, el("b", {}, t("minutes", { n: step.minutes })), " ", own(step.do)))));
}
