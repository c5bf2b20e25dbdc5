// Elements without HTML: every word is set as text, so a name can never become a tag.

/** An element with attributes, handlers (`onclick`) and children; strings become text. */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  put(made, given);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** The same in SVG. */
export function svg(tag, given = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  put(made, given);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

function put(made, given) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Replaces what an element holds. */
export function fill(box, ...children) {
  box.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}
