// The right side: four big numbers, and why.
import { el } from "./dom.js";
import { begun, country, fixed, inside, month, monthsLong, own, percent, quantity, roundedToSum, t, theCountry, times } from "./text.js";

const SLIGHT = 0.005;

function range(band, show) {
  const [low, high] = [show(band.low), show(band.high)];
  if (low === high) return "";
  return t(band.high === null ? "rangeNever" : "range", { low, high });
}

/** Whether a price never rises above the status quo: then its lowest says more than its highest. */
export function neverRises(numbers) {
  return numbers.peak.mid < 1 + SLIGHT;
}

/** The four numbers of one good as [value, what, range]; the price at its lowest or at its highest. */
export function bigNumbers(numbers, lowest = neverRises(numbers) && numbers.low.mid < 1 - SLIGHT) {
  const worst = numbers.worst;
  const name = worst ? country(worst.country, worst.name) : "";
  const inText = worst ? theCountry(worst.country, worst.name) : "";
  const price = lowest ? [times(numbers.low.mid), t("lowest"), range(numbers.low, times)] : [times(numbers.peak.mid), t("peak"), range(numbers.peak, times)];
  return [
    price,
    [worst ? monthsLong(numbers.first.mid) : "—", worst ? t("first", { country: inText }) : t("firstNobody"), worst ? range(numbers.first, monthsLong) : ""],
    [worst ? `${name} ${percent(worst.mid)}` : t("nobody"), t("worst"), worst ? range(worst, (share) => percent(share)) : ""],
    [worst ? monthsLong(numbers.recovery.mid) : "—", worst ? t("recovery", { country: inText }) : t("recoveryNobody"), worst ? range(numbers.recovery, monthsLong) : ""],
  ];
}

export function tiles(numbers) {
  return el("div", { class: "tiles", role: "group" }, bigNumbers(numbers).map(([value, what, wide]) =>
    el("div", { class: "tile" }, el("b", {}, value), el("span", {}, what), wide ? el("span", {}, wide) : null)));
}

/** What stands for a part: the button, or a slider with its position. */
function partName(lesson, settings, name) {
  if (name === "embargo") return own(lesson.card.label);
  const slider = lesson.sliders.find((one) => one.id === name);
  return `${own(slider.label)}${t("colon")}${quantity(slider.positions[settings.sliders[name]])}`;
}

/** The feed: each item with parts that add up to it. */
export function whyFeed(lesson, settings, items) {
  if (!items.length) return el("p", { class: "small" }, t("whyNone"));
  return el("div", {}, el("ol", {}, items.map((item) => {
    const good = inside(own(lesson.goods.find((one) => one.id === item.good).name));
    const day = month(lesson.months[item.step]);
    const names = Object.keys(item.parts);
    const values = names.map((name) => 100 * item.parts[name]);
    if (Math.abs(item.together) > 1e-9) {
      names.push("together");
      values.push(100 * item.together);
    }
    const total = 100 * (item.after - item.before);
    const shown = roundedToSum(values, total, 1);
    const head = item.country
      ? begun(t("whyShort", { country: country(item.country, item.name), month: day, after: percent(item.after, 1), before: percent(item.before, 1), good }))
      : t("whyPrice", { good, month: day, change: `${fixed(total, 1, true)}\u00a0%` });
    return el("li", {}, el("b", {}, head), names.map((name, i) => el("div", { class: "part" },
      el("span", {}, name === "together" ? t("together") : partName(lesson, settings, name)),
      el("span", { class: shown[i] > 0 ? "up" : "down" }, `${fixed(shown[i], 1, true)}\u00a0%`))));
  })), el("p", { class: "small" }, t("whyHow")));
}
