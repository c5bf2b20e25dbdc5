// Where outcomes come from: the server's model, or what was computed when the page was written as one file.

import { refusal } from "./text.js";

const embedded = document.getElementById("data");
const cache = new Map();
const waiting = new Map();
let shape = null;

export const alone = embedded !== null;

/** Everything that a page is given once. */
export async function load() {
  const data = alone ? JSON.parse(embedded.textContent) : await get("data/lesson.json");
  shape = data.lesson;
  if (alone) for (const outcome of data.outcomes) cache.set(outcome.key, outcome);
  return data;
}

/** Settings as a key: the server's own (`sim/lesson/settings.py`). */
export function keyOf(settings) {
  const options = shape.card.choices.map((choice) => settings.options[choice.id]);
  const sliders = shape.sliders.map((slider) => settings.sliders[slider.id]);
  return [settings.embargo ? 1 : 0, options.join("-"), sliders.join("-")].join(".");
}

/** An outcome that is here already, or undefined. */
export function known(settings) {
  return cache.get(keyOf(settings));
}

/** The outcomes of some settings, in their order; those that are missing are asked for together. */
export async function outcomes(list) {
  const missing = list.filter((one) => !cache.has(keyOf(one)) && !waiting.has(keyOf(one)));
  if (missing.length) {
    const asked = alone ? Promise.reject(new Error("notComputed")) : post("api/outcomes", { settings: missing });
    for (const one of missing) waiting.set(keyOf(one), asked);
    asked
      .then((found) => found.outcomes.forEach((outcome) => cache.set(outcome.key, outcome)))
      .catch(() => {})
      .finally(() => missing.forEach((one) => waiting.delete(keyOf(one))));
  }
  await Promise.all(list.map((one) => waiting.get(keyOf(one))));
  return list.map((one) => cache.get(keyOf(one)));
}

export async function why(settings, good) {
  if (alone) {
    const found = JSON.parse(embedded.textContent).why[`${good} ${keyOf(settings)}`];
    if (!found) throw new Error("notComputed");
    return found;
  }
  return (await post("api/why", { settings, good })).why;
}

export async function answers() {
  return alone ? JSON.parse(embedded.textContent).answers : post("api/answers", {});
}

export async function session() {
  return get("api/session");
}

export async function change(body) {
  return post("api/session", body);
}

/** Calls back with the session whenever another window has changed it; comes back after a break. */
export function listen(told, lost) {
  const socket = new WebSocket(`ws://${location.host}/line`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (message) => told(JSON.parse(new TextDecoder().decode(message.data)));
  socket.onclose = () => {
    lost();
    setTimeout(() => listen(told, lost), 1500);
  };
}

async function get(path) {
  return answered(await reached(fetch(path)));
}

async function post(path, body) {
  const how = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return answered(await reached(fetch(path, how)));
}

async function reached(asked) {
  try {
    return await asked;
  } catch {
    throw new Error("offline");
  }
}

async function answered(response) {
  const found = await response.json();
  if (!response.ok) throw Object.assign(new Error(refusal(found)), { status: response.status });
  return found;
}
