// What the page knows: people, rooms, conversations and their entries. It touches neither the document nor the network.

const KEPT_ENTRIES = 300;
// How long a typing mark lives without a new one, ms; a typist's page sends one every 1500 ms.
export const TYPING_LIFE = 3500;

export class Conversation {
  constructor(kind, name) {
    this.kind = kind; // "room" | "private"
    this.name = name;
    this.entries = [];
    this.unread = 0;
    this.draft = "";
    this.newest = 0; // id of the newest letter seen
    this.members = new Set(); // socket ids; rooms only
    this.expected = new Map(); // nickname of who may be coming back -> until when
    this.typists = new Map(); // socket id -> when the mark fades
  }

  /** Adds an entry and returns those that had to go. */
  add(entry) {
    this.entries.push(entry);
    return this.entries.splice(0, Math.max(0, this.entries.length - KEPT_ENTRIES));
  }
}

export class State {
  constructor() {
    this.me = null; // {id, nickname}
    this.people = new Map(); // socket id -> nickname
    this.directory = new Map(); // room -> head count
    this.rooms = new Map(); // room -> Conversation
    this.private = new Map(); // nickname -> Conversation
    this.current = null;
  }

  room(name) {
    let room = this.rooms.get(name);
    if (room === undefined) {
      this.rooms.set(name, (room = new Conversation("room", name)));
    }
    return room;
  }

  /** Private conversations go by nickname, because a socket id does not outlive its connection. */
  privateWith(nickname) {
    let talk = this.private.get(nickname);
    if (talk === undefined) {
      this.private.set(nickname, (talk = new Conversation("private", nickname)));
    }
    return talk;
  }

  conversations() {
    return [...this.rooms.values(), ...this.private.values()];
  }

  unread() {
    return this.conversations().reduce((sum, each) => sum + each.unread, 0);
  }

  idOf(nickname) {
    // The newest one counts: after a reconnection the old id may still be listed for a moment.
    let found = null;
    for (const [id, name] of this.people) {
      if (name === nickname) found = id;
    }
    return found;
  }

  /** Is that nickname in the room under another id than this one? */
  alsoIn(room, { id, nickname }) {
    return [...room.members].some((member) => member !== id && this.people.get(member) === nickname);
  }

  membersOf(room) {
    return this.cards([...room.members]);
  }

  everybody() {
    return this.cards([...this.people.keys()]);
  }

  /** One card per nickname, mine first, then by alphabet. */
  cards(ids) {
    const names = new Map();
    for (const id of ids) {
      const nickname = this.people.get(id);
      if (nickname !== undefined) names.set(nickname, { id, nickname, mine: nickname === this.me?.nickname });
    }
    return [...names.values()].sort((a, b) => b.mine - a.mine || a.nickname.localeCompare(b.nickname));
  }

  typistsOf(conversation, now) {
    const names = [];
    for (const [id, until] of conversation.typists) {
      if (until <= now || !this.people.has(id)) conversation.typists.delete(id);
      else names.push(this.people.get(id));
    }
    return names;
  }

  /** The connection is gone: who is where is unknown until the server says it again. */
  lose() {
    for (const room of this.rooms.values()) {
      const others = this.membersOf(room).filter((card) => !card.mine);
      room.expected = new Map(others.map((card) => [card.nickname, Infinity]));
      room.members.clear();
    }
    for (const each of this.conversations()) each.typists.clear();
    this.people.clear();
  }
}
