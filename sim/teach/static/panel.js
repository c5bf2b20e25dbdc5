// The left side: the embargo card, the red button, the sliders.
import { el } from "./dom.js";
import { listed, own, quantity, t } from "./text.js";

/** Controls of a lesson; `act` has look(settings), set(settings), touch(slider index). */
export function panel(lesson, act) {
  let shown = null;
  const with_ = (change) => ({ ...structuredClone(shown), ...change });
  const selects = lesson.card.choices.map((choice) => {
    const select = el("select", {
      id: `choice-${choice.id}`,
      onchange: () => act.set(with_({ options: { ...shown.options, [choice.id]: select.selectedIndex } })),
    }, choice.options.map((option) => el("option", {}, own(option.label))));
    return { choice, select };
  });
  const red = el("button", { class: "red", type: "button", onclick: () => act.set(with_({ embargo: !shown.embargo })) }, own(lesson.card.label));
  const lift = el("p", { class: "small" });
  const card = el("section", { class: "card", "aria-label": own(lesson.card.label) },
    selects.map(({ choice, select }) => [el("label", { for: select.id }, own(choice.label)), select]), red, lift);
  const sliders = lesson.sliders.map((slider, index) => sliderBox(slider, index, {
    look: (place) => act.look(with_({ sliders: { ...shown.sliders, [slider.id]: place } })),
    set: (place) => act.set(with_({ sliders: { ...shown.sliders, [slider.id]: place } })),
    touch: () => act.touch(index),
  }));
  const reset = el("button", { type: "button", onclick: () => act.set(structuredClone(lesson.quo)) }, t("reset"));
  return {
    box: el("div", { class: "left" }, card, sliders.map((one) => one.box), el("p", {}, reset)),
    show(settings, allowed) {
      shown = settings;
      selects.forEach(({ choice, select }) => {
        select.selectedIndex = settings.options[choice.id];
        select.disabled = !allowed;
      });
      red.setAttribute("aria-pressed", String(settings.embargo));
      red.disabled = !allowed;
      reset.disabled = !allowed;
      lift.textContent = settings.embargo ? t("pressed", { label: own(lesson.card.label) }) : "";
      lesson.sliders.forEach((slider, i) => sliders[i].show(settings.sliders[slider.id], allowed));
    },
    /** Marks the sliders that touch nothing as the card is set. */
    idle(names) {
      lesson.sliders.forEach((slider, i) => {
        sliders[i].box.classList.toggle("idle", names.includes(slider.id));
        sliders[i].box.title = names.includes(slider.id) ? t("idle") : "";
      });
    },
  };
}

const RESTS_MS = 200;

function sliderBox(slider, index, act) {
  const id = `slider-${slider.id}`;
  const last = slider.positions.length - 1;
  const value = el("span", { class: "value" });
  let rests = 0;
  const input = el("input", {
    type: "range", id, min: 0, max: last, step: 1,
    // A pointer that rests on a slider is about to drag it.
    onpointerdown: act.touch, onfocus: act.touch, onpointerenter: () => { rests = setTimeout(act.touch, RESTS_MS); }, onpointerleave: () => clearTimeout(rests),
    oninput: () => {
      label(Number(input.value));
      act.look(Number(input.value));
    },
    onchange: () => act.set(Number(input.value)),
  });
  const help = el("p", { id: `${id}-help`, hidden: true }, own(slider.help));
  const ask = el("button", {
    type: "button", "aria-label": t("what", { label: own(slider.label) }), "aria-expanded": "false", "aria-controls": help.id,
    onclick: () => {
      help.hidden = !help.hidden;
      ask.setAttribute("aria-expanded", String(!help.hidden));
    },
  }, "?");
  const jump = (place, word) => el("button", { type: "button", "aria-label": `${own(slider.label)}${t("colon")}${listed([word, quantity(slider.positions[place])])}`, onclick: () => act.set(place) }, word);
  const marks = [...new Map([[0, t("low")], [last, t("high")], [slider.quo, t("quo")]]).entries()].sort((a, b) => a[0] - b[0]);
  const buttons = marks.map(([place, word]) => jump(place, word));
  function label(place) {
    value.textContent = quantity(slider.positions[place]);
    value.classList.toggle("moved", place !== slider.quo);
    input.setAttribute("aria-valuetext", quantity(slider.positions[place]) + (place === slider.quo ? ` (${t("quo")})` : ""));
  }
  return {
    box: el("div", { class: "slider" }, el("div", { class: "head" }, el("label", { for: id }, own(slider.label)), value, ask), input, el("div", { class: "marks" }, buttons), help),
    show(place, allowed) {
      input.value = String(place);
      for (const one of [input, ...buttons]) one.disabled = !allowed;
      label(place);
    },
  };
}
