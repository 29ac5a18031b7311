// Joins the connection, the state and the view: what the server says becomes state, what the person does becomes events.
// How the connection is kept alive is the official client's part; how things look is view.js and timeline.js.

import { Composer } from "./composer.js";
import { byId } from "./dom.js";
import { TYPES } from "./pictures.js";
import { State, TYPING_LIFE } from "./state.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

// How long the server may take to acknowledge, ms.
const ACK_WAIT = 10_000;
// After a reconnection, how long the others may take to come back before they count as gone, ms.
const RETURN_WAIT = 15_000;
// How long somebody whose connection ended may take to be back as if nothing had been, ms: a reload of the page.
const RELOAD_WAIT = 3000;
const FIRST_ROOM = "lobby";

// Kept per tab: the nickname, and the key by which the server knows that the same page comes back.
const kept = {
  nickname: sessionStorage.getItem("nickname") ?? "",
  visitor: sessionStorage.getItem("visitor") ?? newKey(),
  rooms: JSON.parse(sessionStorage.getItem("rooms") ?? "null") ?? [FIRST_ROOM],
};
sessionStorage.setItem("visitor", kept.visitor);

const state = new State();
let wasIn = false; // entered at least once
let ready = false; // welcomed, rooms joined again
let replaced = false;
let returnUntil = 0; // after a reconnection: until when the others may still be coming back

const view = new View({
  onRoom: (name) => (state.rooms.has(name) ? open(state.rooms.get(name)) : joinRoom(name, true)),
  onPerson: (nickname) => open(state.privateWith(nickname)),
  onNewRoom: (name) => joinRoom(name, true),
  onLeave: leaveRoom,
  onEnter: enter,
  onBannerAction: () => {
    replaced = false;
    view.banner("Connecting…", "busy");
    socket.connect();
  },
});
const timeline = new Timeline({
  onRetry: (entry) => {
    entry.state = "waiting";
    timeline.refresh(entry);
    flush(entry.conversation);
  },
  onPicture: (entry) => view.showPicture(entry.picture, `Picture from ${entry.own ? "you" : entry.nickname}`),
});
const composer = new Composer({ onSend: write, onTyping: sendTyping, onProblem: (text) => view.toast(text) });

const socket = globalThis.io?.({
  autoConnect: false,
  auth: (send) => send({ nickname: kept.nickname, visitor: kept.visitor }),
  reconnectionDelay: 500,
  reconnectionDelayMax: 4000,
});
if (socket === undefined) {
  view.banner("The Socket.IO client did not load from this server. Reload the page to try again.");
} else {
  listen();
  view.draw(state);
  composer.open(null, "");
  if (kept.nickname === "") view.askNickname("");
  else {
    view.banner("Connecting…", "busy");
    socket.connect();
  }
}

// --- the connection

function listen() {
  socket.on("welcome", (me, people, rooms) => void welcome(me, people, rooms));
  socket.on("disconnect", lost);
  socket.on("connect_error", (error) => {
    if (socket.active) {
      if (!wasIn && view.asking) view.entering(true, "The server does not answer. Trying again…");
      return; // the client tries again by itself
    }
    view.banner(null);
    view.askNickname(kept.nickname, error.message); // the server said no, and why
  });
  socket.io.on("reconnect_attempt", (attempt) => {
    const what = wasIn ? "Connection lost. Reconnecting" : "The server does not answer. Trying again";
    view.banner(`${what}, attempt ${attempt}…`, "busy");
  });
  socket.on("replaced", () => (replaced = true));
  socket.on("refused", (why) => view.askNickname(kept.nickname, why));

  socket.on("arrived", (card) => {
    state.people.set(card.id, card.nickname);
    view.draw(state);
    const talk = state.private.get(card.nickname);
    if (talk !== undefined) flush(talk);
  });
  socket.on("gone", (card) => {
    state.people.delete(card.id);
    view.draw(state);
  });
  socket.on("rooms", setDirectory);
  socket.on("joined", (name, card) => {
    const room = state.rooms.get(name);
    if (room === undefined || room.members.has(card.id)) return;
    const known = state.alsoIn(room, card) || room.expected.delete(card.nickname);
    room.members.add(card.id);
    state.people.set(card.id, card.nickname);
    if (!known) notice(room, `${card.nickname} joined`);
    view.draw(state);
  });
  socket.on("left", (name, card, maybeBack) => {
    const room = state.rooms.get(name);
    if (room === undefined || !room.members.delete(card.id)) return;
    room.typists.delete(card.id);
    if (state.alsoIn(room, card)) return view.draw(state);
    if (maybeBack) {
      room.expected.set(card.nickname, Date.now() + RELOAD_WAIT);
      setTimeout(missTheGone, RELOAD_WAIT + 50);
    } else notice(room, `${card.nickname} left`);
    view.draw(state);
  });

  socket.on("message", (name, letter) => {
    const room = state.rooms.get(name);
    if (room === undefined) return;
    receive(room, letter);
    socket.emit("received", name, letter.id); // the sender's second tick
  });
  socket.on("private message", (letter, received) => {
    receive(state.privateWith(letter.nickname), letter);
    received();
  });
  socket.on("delivered", (name, id, count) => {
    const entry = state.rooms.get(name)?.entries.find((each) => each.id === id);
    if (entry !== undefined) settle(entry, "delivered", { delivered: count });
  });
  socket.on("typing", (name, id) => mark(state.rooms.get(name), id));
  socket.on("private typing", (id) => mark(state.private.get(state.people.get(id)), id));
}

async function welcome(me, people, rooms) {
  state.me = me;
  state.people = new Map(people.map((card) => [card.id, card.nickname]));
  setDirectory(rooms);
  sessionStorage.setItem("nickname", me.nickname);
  view.entered();
  const { id } = socket;
  await Promise.all((wasIn ? [...state.rooms.keys()] : kept.rooms).map((name) => joinRoom(name, false)));
  if (socket.id !== id) return; // lost again meanwhile; the next welcome goes on from here
  ready = true;
  if (wasIn) {
    returnUntil = Date.now() + RETURN_WAIT;
    for (const room of state.rooms.values()) {
      for (const nickname of room.expected.keys()) room.expected.set(nickname, returnUntil);
    }
    setTimeout(missTheGone, RETURN_WAIT + 50);
    view.banner("Connected again", "good");
    setTimeout(() => ready && socket.id === id && view.banner(null), 1800);
  } else {
    view.banner(null);
    open([...state.rooms.values()][0] ?? null);
  }
  wasIn = true;
  view.draw(state);
  for (const each of state.conversations()) flush(each);
}

function lost(reason) {
  ready = false;
  returnUntil = 0;
  state.lose();
  view.draw(state);
  view.typing([]);
  if (replaced) view.banner("This chat goes on in another tab.", "", "Continue here");
  else if (view.asking) view.banner(null);
  else if (reason === "io server disconnect") view.banner("The server closed the connection.", "", "Connect again");
  else view.banner("Connection lost. Reconnecting…", "busy");
}

/** Says who has been waited for long enough. */
function missTheGone() {
  const now = Date.now();
  for (const talk of state.private.values()) flush(talk);
  for (const room of state.rooms.values()) {
    for (const [nickname, until] of room.expected) {
      if (until > now) continue;
      room.expected.delete(nickname);
      notice(room, `${nickname} left`);
    }
  }
}

function enter(nickname) {
  if (nickname === "") return;
  kept.nickname = nickname;
  view.entering(true);
  socket.disconnect().connect();
}

// --- rooms and conversations

function joinRoom(name, show) {
  if (!socket.connected) return view.toast("There is no connection right now.");
  const since = state.rooms.get(name)?.newest ?? 0;
  return new Promise((done) => {
    // A callback and not a promise's answer: what follows the acknowledgement must find the room in place.
    socket.timeout(ACK_WAIT).emit("join", name, since, (failure, answer) => {
      if (failure) return done(); // the connection went meanwhile; the rooms are joined again when it is back
      if (answer.error) view.toast(answer.error);
      else joined(answer, show);
      done();
    });
  });
}

function joined({ room: name, members, letters }, show) {
  const room = state.room(name);
  room.members = new Set(members.map((card) => card.id));
  for (const card of members) state.people.set(card.id, card.nickname);
  for (const card of state.membersOf(room)) room.expected.delete(card.nickname);
  for (const letter of letters) recall(room, letter);
  keepRooms();
  if (show) open(room);
  else view.draw(state);
}

function leaveRoom() {
  const room = state.current;
  if (room?.kind !== "room") return;
  socket.emit("leave", room.name);
  for (const entry of room.entries) forget(entry);
  state.rooms.delete(room.name);
  keepRooms();
  state.current = null;
  open([...state.rooms.values()][0] ?? null);
}

function keepRooms() {
  kept.rooms = [...state.rooms.keys()];
  sessionStorage.setItem("rooms", JSON.stringify(kept.rooms));
}

function setDirectory(rooms) {
  state.directory = new Map(Object.entries(rooms));
  view.draw(state);
}

function open(conversation) {
  if (state.current !== null) state.current.draft = composer.draft();
  state.current = conversation;
  if (conversation !== null) conversation.unread = 0;
  timeline.show(conversation);
  const where = conversation === null ? null : `Message ${conversation.kind === "room" ? "#" : ""}${conversation.name}`;
  composer.open(where, conversation?.draft ?? "");
  view.closeDrawer();
  view.draw(state);
  fadeTyping();
  // A keyboard that jumps up on a phone hides what was just opened.
  if (conversation !== null && matchMedia("(pointer: fine)").matches) byId("text").focus();
}

function addEntry(conversation, entry) {
  entry.conversation = conversation;
  const dropped = conversation.add(entry);
  dropped.forEach(forget);
  if (conversation === state.current) timeline.append(entry, dropped);
}

function notice(conversation, text) {
  addEntry(conversation, { kind: "notice", text, at: Date.now() });
}

/** Gives back the memory of an entry's picture. */
function forget(entry) {
  if (entry.picture) URL.revokeObjectURL(entry.picture);
}

// --- letters

/** A letter out of the room's memory: from before this page came, or from while it was away. */
function recall(room, letter) {
  if (letter.id <= room.newest) return;
  if (letter.nickname !== state.me.nickname) return receive(room, letter);
  room.newest = letter.id;
  // An own letter whose acknowledgement was lost did arrive.
  const unsure = room.entries.find((entry) => entry.state === "failed" && entry.text === letter.text);
  if (unsure !== undefined) settle(unsure, "sent", { id: letter.id });
  else addEntry(room, { ...entryOf(letter), own: true, state: "sent" });
}

function entryOf({ id, nickname, text, type, image, at }) {
  const shown = image && TYPES.includes(type);
  return {
    kind: "letter",
    id,
    own: false,
    nickname,
    text: type && !image ? `${text}\n(a picture, which is not kept)`.trim() : text,
    picture: shown ? URL.createObjectURL(new Blob([image], { type })) : null,
    at,
  };
}

function receive(conversation, letter) {
  conversation.newest = Math.max(conversation.newest, letter.id);
  conversation.typists.delete(letter.sender);
  addEntry(conversation, entryOf(letter));
  if (conversation !== state.current || document.hidden) conversation.unread++;
  view.draw(state);
  fadeTyping();
}

function write(text, blob) {
  const entry = {
    kind: "letter",
    id: null,
    own: true,
    nickname: state.me.nickname,
    text,
    blob,
    picture: blob ? URL.createObjectURL(blob) : null,
    at: Date.now(),
    state: "waiting",
    delivered: 0,
    error: "",
  };
  addEntry(state.current, entry);
  timeline.toEnd();
  view.draw(state);
  flush(state.current);
}

/** Sends what waits in a conversation, in the order it was written. */
function flush(conversation) {
  if (!ready) return;
  for (const entry of conversation.entries) {
    if (entry.state === "waiting") dispatch(conversation, entry);
  }
}

function settle(entry, condition, fields) {
  Object.assign(entry, { state: condition, ...fields });
  timeline.refresh(entry);
}

function dispatch(conversation, entry) {
  let event = ["message", conversation.name];
  if (conversation.kind === "private") {
    const id = state.idOf(conversation.name);
    if (id === null && Date.now() < returnUntil) return; // sent when they are back
    if (id === null) return settle(entry, "failed", { error: `${conversation.name} is away.` });
    event = ["private message", id];
  }
  settle(entry, "sending");
  const body = entry.blob ? { text: entry.text, image: entry.blob, type: entry.blob.type } : { text: entry.text };
  socket.timeout(ACK_WAIT).emit(...event, body, (failure, answer) => {
    if (failure) return settle(entry, "failed", { error: "Perhaps not sent." });
    if (answer.error) return settle(entry, "failed", { error: answer.error });
    const { id, at, delivered = 0 } = answer;
    conversation.newest = Math.max(conversation.newest, id);
    settle(entry, delivered > 0 ? "delivered" : "sent", { id, at, delivered });
  });
}

// --- typing marks

function sendTyping() {
  if (!ready || state.current === null) return;
  if (state.current.kind === "room") socket.volatile.emit("typing", state.current.name);
  else if (state.idOf(state.current.name)) socket.volatile.emit("private typing", state.idOf(state.current.name));
}

function mark(conversation, id) {
  if (conversation === undefined) return;
  conversation.typists.set(id, Date.now() + TYPING_LIFE);
  setTimeout(fadeTyping, TYPING_LIFE + 50);
  if (conversation === state.current) fadeTyping();
}

function fadeTyping() {
  view.typing(state.current === null ? [] : state.typistsOf(state.current, Date.now()));
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || state.current === null) return;
  state.current.unread = 0;
  view.draw(state);
});

/** 32 characters nobody can guess. (`crypto.randomUUID` is missing on pages over plain HTTP from another machine.) */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
