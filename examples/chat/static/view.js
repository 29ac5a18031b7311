// Everything around the timeline: lists, head line, banner, drawers, dialogs. It draws the state and reports what is
// clicked; it decides nothing.

import { avatar, byId, el } from "./dom.js";

export class View {
  constructor({ onRoom, onPerson, onNewRoom, onLeave, onEnter, onBannerAction }) {
    this.handlers = { onRoom, onPerson };
    this.app = byId("app");
    this.opener = null;
    byId("new-room").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = byId("new-room-name");
      if (field.value.trim() === "") return field.focus();
      onNewRoom(field.value);
      field.value = "";
    });
    byId("leave").addEventListener("click", () => onLeave());
    byId("banner-action").addEventListener("click", () => onBannerAction());
    byId("open-rooms").addEventListener("click", (event) => this.openDrawer("rooms", event.currentTarget));
    byId("open-people").addEventListener("click", (event) => this.openDrawer("people", event.currentTarget));
    for (const each of document.querySelectorAll("[data-close]")) each.addEventListener("click", () => this.closeDrawer());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.app.dataset.drawer) this.closeDrawer();
    });
    this.entrance = byId("entrance");
    this.entrance.addEventListener("cancel", (event) => event.preventDefault());
    this.entrance.addEventListener("close", () => {
      if (this.asking) this.entrance.showModal(); // a second Escape closes a dialog whatever `cancel` says
    });
    byId("entrance-form").addEventListener("submit", (event) => {
      event.preventDefault();
      onEnter(byId("nickname").value.trim());
    });
    byId("lightbox").addEventListener("click", (event) => {
      if (event.target.tagName !== "IMG") byId("lightbox").close();
    });
  }

  // --- lists

  draw(state) {
    this.drawRooms(state);
    this.drawPrivate(state);
    this.drawPeople(state);
    this.drawHead(state);
    byId("me").replaceChildren(
      ...(state.me ? [avatar(state.me.nickname), el("span.name", {}, state.me.nickname), el("span.note", {}, "you")] : []),
    );
    const unread = state.unread();
    document.title = unread > 0 ? `(${unread}) Chat` : "Chat";
    const elsewhere = state.conversations().some((each) => each !== state.current && each.unread > 0);
    byId("elsewhere").hidden = !elsewhere;
    byId("open-rooms").setAttribute("aria-label", elsewhere ? "Conversations, some with new messages" : "Conversations");
  }

  drawRooms(state) {
    const names = new Set([...state.directory.keys(), ...state.rooms.keys()]);
    this.replace(
      byId("rooms"),
      [...names].map((name) => {
        const room = state.rooms.get(name);
        const people = state.directory.get(name) ?? 0;
        const row = this.row(room !== undefined && room === state.current, room, () => this.handlers.onRoom(name));
        row.classList.toggle("away", room === undefined);
        row.title = room === undefined ? `Join #${name}` : "";
        row.prepend(el("span.hash", { "aria-hidden": "true" }, "#"), el("span.name", {}, name));
        if (!room?.unread && state.people.size > 0) {
          const spoken = `${people === 1 ? " person" : " people"}${room === undefined ? ", not joined" : ""}`;
          row.append(el("span.count", {}, String(people), el("span.visually-hidden", {}, spoken)));
        }
        return [`room ${name}`, row];
      }),
    );
  }

  drawPrivate(state) {
    byId("private-title").hidden = state.private.size === 0;
    this.replace(
      byId("private"),
      [...state.private.values()].map((talk) => {
        const row = this.row(talk === state.current, talk, () => this.handlers.onPerson(talk.name));
        const here = state.idOf(talk.name) !== null;
        row.prepend(avatar(talk.name, here), el("span.name", {}, talk.name));
        if (!here) row.append(el("span.note", {}, "away"));
        return [`private ${talk.name}`, row];
      }),
    );
  }

  drawPeople(state) {
    const room = state.current?.kind === "room" ? state.current : null;
    const members = room ? state.membersOf(room) : state.everybody();
    const names = new Set(members.map((card) => card.nickname));
    const others = state.everybody().filter((card) => !names.has(card.nickname));
    const where = `${room ? `In #${room.name}` : "Everybody"} · ${members.length}`;
    byId("members-title").textContent = state.people.size === 0 ? "Unknown while not connected" : where;
    byId("others-title").hidden = others.length === 0;
    for (const [id, cards] of [["members", members], ["others", others]]) {
      this.replace(byId(id), cards.map((card) => [`${id} ${card.nickname}`, this.person(card, id === "members")]));
    }
  }

  person(card, prominent) {
    const inside = [avatar(card.nickname, true), el("span.name", {}, card.nickname)];
    if (card.mine) return el("div.row", {}, ...inside, el("span.note", {}, "you"));
    const label = `Write to ${card.nickname} privately`;
    const row = el("button.row", { type: "button", "aria-label": label, title: label, onclick: () => this.handlers.onPerson(card.nickname) }, ...inside);
    row.classList.toggle("away", !prominent);
    return row;
  }

  row(current, conversation, onclick) {
    const row = el("button.row", { type: "button", "aria-current": current ? "true" : undefined, onclick });
    const unread = conversation?.unread ?? 0;
    row.classList.toggle("unread", unread > 0);
    if (unread > 0) {
      row.append(el("span.badge", {}, String(unread), el("span.visually-hidden", {}, " new")));
    }
    return row;
  }

  /** Puts new rows into a list and keeps the keyboard's focus on the row it was on. */
  replace(list, rows) {
    const focused = list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.key : null;
    list.replaceChildren(...rows.map(([key, row]) => el("li", { "data-key": key }, row)));
    if (focused === null) return;
    const again = [...list.children].find((item) => item.dataset.key === focused);
    again?.firstElementChild.focus();
  }

  // --- head line, banner, typing marks

  drawHead(state) {
    const { current } = state;
    const leave = byId("leave");
    leave.hidden = current?.kind !== "room";
    byId("empty").hidden = current !== null && current.entries.length > 0;
    if (current === null) {
      byId("title").textContent = "Chat";
      byId("subtitle").textContent = "";
      byId("empty-text").textContent = "Choose a room, or a person to write to.";
    } else if (current.kind === "room") {
      const count = state.membersOf(current).length;
      byId("title").textContent = `#${current.name}`;
      byId("subtitle").textContent = count === 0 ? "" : count === 1 ? "only you" : `${count} people`;
      byId("empty-text").textContent = `This is the beginning of #${current.name}. Say hello.`;
      leave.setAttribute("aria-label", `Leave #${current.name}`);
      leave.title = `Leave #${current.name}`;
    } else {
      byId("title").textContent = current.name;
      byId("subtitle").textContent = `Private · ${state.idOf(current.name) === null ? "away" : "here now"}`;
      byId("empty-text").textContent = `Only you and ${current.name} see what is written here.`;
    }
  }

  typing(names) {
    const line = byId("typing");
    let text = "";
    if (names.length === 1) text = `${names[0]} is typing`;
    else if (names.length === 2) text = `${names[0]} and ${names[1]} are typing`;
    else if (names.length > 2) text = `${names.length} people are typing`;
    if (line.textContent !== text) line.textContent = text;
  }

  /** `kind`: "busy" with a spinner, "good" for good news, "" without either; `action`: the text of a button. */
  banner(text, kind = "", action = null) {
    const banner = byId("banner");
    banner.className = `banner ${kind}`;
    byId("banner-text").textContent = text ?? "";
    byId("banner-action").hidden = action === null;
    byId("banner-action").textContent = action ?? "";
    banner.hidden = text === null;
  }

  toast(text) {
    const toast = el("div.toast", {}, text);
    byId("toasts").append(toast);
    setTimeout(() => toast.remove(), 5000);
  }

  // --- drawers and dialogs

  openDrawer(which, opener) {
    this.opener = opener;
    this.app.dataset.drawer = which;
    opener.setAttribute("aria-expanded", "true");
    byId(`${which}-panel`).querySelector(".drawer-close").focus();
  }

  closeDrawer() {
    if (!this.app.dataset.drawer) return;
    delete this.app.dataset.drawer;
    this.opener.setAttribute("aria-expanded", "false");
    this.opener.focus();
  }

  askNickname(nickname, error = "") {
    this.asking = true;
    const field = byId("nickname");
    if (!this.entrance.open) {
      field.value = nickname;
      this.entrance.showModal();
    }
    this.entering(false, error);
    field.focus();
    field.select();
  }

  entering(busy, note = "") {
    byId("enter").disabled = busy;
    byId("enter").textContent = busy ? "Entering…" : "Enter";
    byId("entrance-error").textContent = note;
    byId("nickname").setAttribute("aria-invalid", String(note !== "" && !busy));
  }

  entered() {
    this.asking = false;
    if (this.entrance.open) this.entrance.close();
  }

  showPicture(source, alt) {
    byId("lightbox-image").src = source;
    byId("lightbox-image").alt = alt;
    byId("lightbox").showModal();
  }
}
