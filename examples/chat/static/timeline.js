// The entries of the conversation on the screen: letters with their ticks, and notices. It does not know who sends what.

import { avatar, byId, el, linked } from "./dom.js";

// Letters of one person within this time stand together under one name, ms.
const TOGETHER = 4 * 60_000;
// This near to the end, px, counts as reading the newest entry.
const NEAR_END = 80;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

export class Timeline {
  constructor({ onRetry, onPicture }) {
    this.onRetry = onRetry;
    this.onPicture = onPicture;
    this.frame = byId("timeline");
    this.list = byId("entries");
    this.newest = byId("newest");
    this.elements = new Map(); // entry -> <li>
    this.last = null;
    this.newest.addEventListener("click", () => this.toEnd());
    this.frame.addEventListener("scroll", () => {
      if (this.atEnd()) {
        this.pinned = true;
        this.newest.hidden = true;
      } else if (this.frame.scrollTop < this.top) this.pinned = false;
      this.top = this.frame.scrollTop;
    });
    // Whoever reads the newest entry stays there when a picture loads or a phone's keyboard opens; only scrolling up
    // ends that. (Growing content fires `scroll` too, but never moves upwards.)
    this.pinned = true;
    this.top = 0;
    const stick = new ResizeObserver(() => this.pinned && this.toEnd());
    stick.observe(this.frame);
    stick.observe(this.list);
  }

  show(conversation) {
    this.elements.clear();
    this.list.replaceChildren();
    this.last = null;
    for (const entry of conversation?.entries ?? []) this.place(entry);
    this.toEnd();
  }

  append(entry, dropped) {
    const stay = entry.own || this.pinned;
    for (const old of dropped) this.remove(old);
    this.place(entry);
    if (stay) this.toEnd();
    else this.newest.hidden = false;
  }

  /** Draws an entry again whose state changed. */
  refresh(entry) {
    const old = this.elements.get(entry);
    if (old === undefined) return;
    const fresh = this.render(entry, old.classList.contains("joined-on"));
    old.replaceWith(fresh);
    this.elements.set(entry, fresh);
    if (this.pinned) this.toEnd();
  }

  remove(entry) {
    this.elements.get(entry)?.remove();
    this.elements.delete(entry);
  }

  place(entry) {
    const { last } = this;
    const joinedOn =
      entry.kind === "letter" && last?.kind === "letter" && last.nickname === entry.nickname && entry.at - last.at < TOGETHER;
    const element = this.render(entry, joinedOn);
    this.list.append(element);
    this.elements.set(entry, element);
    this.last = entry;
  }

  atEnd() {
    return this.frame.scrollHeight - this.frame.scrollTop - this.frame.clientHeight < NEAR_END;
  }

  toEnd() {
    this.frame.scrollTop = this.frame.scrollHeight;
    this.newest.hidden = true;
    this.pinned = true;
    this.top = this.frame.scrollTop;
  }

  render(entry, joinedOn) {
    if (entry.kind === "notice") return el("li.notice", {}, entry.text);
    const item = el("li.entry", {});
    item.classList.toggle("own", entry.own);
    item.classList.toggle("joined-on", joinedOn);
    if (entry.own) item.classList.add(entry.state);
    else {
      item.append(
        avatar(entry.nickname),
        el("p.byline", {}, el("b", {}, entry.nickname), el("time", {}, clock.format(entry.at))),
      );
    }
    item.append(this.bubble(entry));
    if (entry.own) item.append(this.mark(entry));
    return item;
  }

  bubble(entry) {
    const bubble = el("div.bubble", { title: entry.own ? undefined : clock.format(entry.at) });
    if (entry.picture) {
      const alt = `Picture from ${entry.own ? "you" : entry.nickname}`;
      const image = el("img", { src: entry.picture, alt });
      image.addEventListener("error", () => image.closest(".photo")?.replaceWith("This picture cannot be shown."), { once: true });
      bubble.append(
        el("button.photo", { type: "button", "aria-label": `${alt}, enlarge`, onclick: () => this.onPicture(entry) }, image),
      );
    }
    if (entry.text) bubble.append(el("div.words", {}, ...linked(entry.text)));
    return bubble;
  }

  mark(entry) {
    const line = el("div.mark", {});
    if (entry.state === "failed") {
      line.append(entry.error, el("button.text-button", { type: "button", onclick: () => this.onRetry(entry) }, "Try again"));
      return line;
    }
    const [ticks, label] = {
      waiting: ["", "waiting for the connection"],
      sending: ["", "sending"],
      sent: ["✓", "sent"],
      delivered: ["✓✓", `delivered to ${entry.delivered}`],
    }[entry.state];
    line.append(el("time", {}, clock.format(entry.at)));
    if (ticks === "") line.append(label);
    else {
      line.append(
        el("span.ticks", { "aria-hidden": "true" }, ticks),
        el("span", { "aria-hidden": "true", title: label }, entry.state === "delivered" ? String(entry.delivered) : ""),
        el("span.visually-hidden", {}, label),
      );
    }
    return line;
  }
}
