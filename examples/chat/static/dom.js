// The few lines that build elements. Texts become text nodes, so nothing that a person wrote is ever read as markup.

export const byId = (id) => document.getElementById(id);

/** `el("button.row", {type: "button", onclick: f, "aria-label": "…"}, "text", child)` */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Hues that stay apart from each other and carry white text in both colour schemes.
const HUES = [214, 262, 326, 8, 28, 150, 178, 196, 290, 345];

/** A coloured disc with the first letter of a nickname; the colour depends on the name only. */
export function avatar(nickname, here = false) {
  let hash = 7;
  for (const character of nickname.toLowerCase()) hash = (hash * 31 + character.codePointAt(0)) % 65_521;
  const disc = el("span.avatar", { "aria-hidden": "true" }, [...nickname][0].toUpperCase());
  disc.style.setProperty("--hue", String(HUES[hash % HUES.length]));
  disc.classList.toggle("here", here);
  return disc;
}

/** `text` with its web addresses as links. */
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,:;!?)\]']/g)) {
    parts.push(text.slice(end, match.index));
    parts.push(el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}
