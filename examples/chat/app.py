"""A chat: rooms, private messages, typing marks, delivery ticks, pictures, and who is here.

This module decides who may enter, who is where, and to whom a letter goes. It remembers the last letters of a room while
somebody is in it. It refuses to know how the page looks (``static/``) and what travels on the wire (sio_fast's part).
"""

from __future__ import annotations

import functools
import os
import sys
import time
import unicodedata
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypedDict

from sio_fast import AckTimeout, ConnectError, DisconnectedError, Reason, Server, Socket

__all__ = ["Guest", "io", "main"]

HERE = Path(__file__).parent
STATIC = HERE / "static"
CLIENT = HERE / "node_modules" / "socket.io-client" / "dist"

# Rooms of the chat carry a mark, so that nobody can join, or write to, the room that a socket's id is.
MARK = "#"
STANDING_ROOMS = ("lobby", "ideas", "pictures")
MAX_ROOMS_EACH = 20
MAX_ROOM_NAME = 24
MAX_NICKNAME = 20
MAX_TEXT = 2000
# Base64 over long-polling makes it 933 kB, just below the server's limit of 1 MB for one message.
MAX_PICTURE = 700_000
PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
# Letters that a room remembers, for those who come later or come back. Their pictures are not kept: 14 MB a room.
REMEMBERED = 20
# Seconds for the page of a private letter's receiver to acknowledge it.
DELIVERY_WAIT = 5.0

P = ParamSpec("P")


class Guest(Socket):
    """A person in the chat."""

    nickname: str
    visitor: str  # the page's secret: whoever shows it again is the same person coming back


class Letter(TypedDict):
    """What the receivers of a message get."""

    id: int  # rises, also over a restart
    sender: str
    nickname: str
    text: str
    image: bytes | None
    type: str | None
    at: int  # unix time, ms


@dataclass
class Sent:
    """A letter that a room remembers, and the ids of those whose page has it."""

    letter: Letter
    seen: set[str] = field(default_factory=set[str])


@dataclass
class Room:
    """A room exists from its first guest to its last."""

    name: str
    guests: dict[str, Guest] = field(default_factory=dict[str, Guest])
    letters: deque[Sent] = field(default_factory=lambda: deque[Sent](maxlen=REMEMBERED))


# Without the client's files the module can be imported all the same; `main` says what is missing.
io = Server(socket_class=Guest, serve_client=CLIENT if CLIENT.is_dir() else False)

seats: dict[str, Guest] = {}  # by nickname, case folded
rooms: dict[str, Room] = {}  # by name
newest_letter = 0


class Refused(Exception):
    """Something a guest asked for is not done; the text says why."""


def answered(handler: Callable[P, Awaitable[dict[str, Any]]]) -> Callable[P, Awaitable[dict[str, Any]]]:
    """A refusal is an answer, which the page shows to its person."""

    @functools.wraps(handler)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        try:
            return await handler(*args, **kwargs)
        except Refused as why:
            return {"error": str(why)}

    return answer


# --- entering and leaving -------------------------------------------------------------------------------------------


@io.use
async def admit(guest: Guest) -> None:
    """Refuses a nickname that is unusable, or taken by somebody else."""
    nickname = tidy(guest.handshake.auth.get("nickname"))
    visitor = guest.handshake.auth.get("visitor")
    if not nickname:
        raise ConnectError("Please choose a nickname.")
    if len(nickname) > MAX_NICKNAME:
        raise ConnectError(f"A nickname has at most {MAX_NICKNAME} characters.")
    if not isinstance(visitor, str) or not 16 <= len(visitor) <= 64:
        raise ConnectError("The page sent no visitor key. Please reload it.")
    holder = seats.get(nickname.casefold())
    if holder is not None and holder.visitor != visitor:
        raise ConnectError(f"“{holder.nickname}” is here already. Please choose another nickname.")
    guest.nickname = nickname
    guest.visitor = visitor


@io.on("connect")
async def enter(guest: Guest) -> None:
    """Gives the guest a seat and tells both sides about each other."""
    key = guest.nickname.casefold()
    holder = seats.get(key)
    if holder is not None:
        if holder.visitor != guest.visitor:  # two asked for the same free name at once, and this one came second
            guest.emit("refused", f"“{holder.nickname}” was faster. Please choose another nickname.")
            guest.disconnect()
            return
        holder.emit("replaced")  # the same page again, before its old connection was noticed to be dead
        holder.disconnect(close=True)
    seats[key] = guest
    guest.emit("welcome", card(guest), [card(other) for other in seats.values()], headcounts())
    guest.broadcast.emit("arrived", card(guest))


@io.on("disconnecting")
async def leave_all(guest: Guest, reason: Reason) -> None:
    """Keeps the lists of who is here: the guest's rooms are still known now, and gone in ``disconnect``."""
    for name in guest.rooms:
        room = rooms.get(name.removeprefix(MARK))
        if room is not None and strike(guest, room):
            io.to(name).emit("left", room.name, card(guest), True)  # perhaps they come back


@io.on("disconnect")
async def free_seat(guest: Guest, reason: Reason) -> None:
    """Frees the nickname, unless the same person sits there again already."""
    key = guest.nickname.casefold()
    if seats.get(key) is guest:
        del seats[key]
    io.emit("gone", card(guest))
    io.emit("rooms", headcounts())


# --- rooms ----------------------------------------------------------------------------------------------------------


@io.on("join")
@answered
async def join(guest: Guest, name: object, since: object = 0) -> dict[str, Any]:
    """Joins a room. The answer says who is in it, and what was said after the letter ``since``."""
    wish = tidy(name).lower().replace(" ", "-").lstrip(MARK)
    if not wish:
        raise Refused("A room needs a name.")
    if len(wish) > MAX_ROOM_NAME:
        raise Refused(f"A room's name has at most {MAX_ROOM_NAME} characters.")
    room = rooms.get(wish) or Room(wish)
    if guest.id not in room.guests:
        if sum(guest.id in each.guests for each in rooms.values()) >= MAX_ROOMS_EACH:
            raise Refused(f"You are in {MAX_ROOMS_EACH} rooms, which is the limit. Leave one first.")
        guest.join(MARK + wish)
        if MARK + wish not in guest.rooms:  # gone meanwhile; nobody would strike them off the list again
            raise Refused("The connection is closed.")
        room.guests[guest.id] = guest
        rooms[wish] = room
        guest.to(MARK + wish).emit("joined", wish, card(guest))
        io.emit("rooms", headcounts())
    known = since if isinstance(since, int) else 0
    letters = [sent.letter for sent in room.letters if sent.letter["id"] > known]
    return {"room": wish, "members": [card(other) for other in room.guests.values()], "letters": letters}


@io.on("leave")
@answered
async def leave(guest: Guest, name: object) -> dict[str, Any]:
    """Leaves a room."""
    room = joined_room(guest, name)
    strike(guest, room)
    guest.leave(MARK + room.name)
    io.to(MARK + room.name).emit("left", room.name, card(guest), False)
    io.emit("rooms", headcounts())
    return {}


def strike(guest: Guest, room: Room) -> bool:
    """Takes the guest off the room's list, if there. With its last guest goes the room, and what was said in it."""
    if room.guests.pop(guest.id, None) is None:
        return False
    if not room.guests:
        del rooms[room.name]
    return True


# --- letters --------------------------------------------------------------------------------------------------------


@io.on("message")
@answered
async def message(guest: Guest, name: object, body: object) -> dict[str, Any]:
    """Sends a letter to a room. The answer is its first tick; the second comes with ``received``."""
    room = joined_room(guest, name)
    letter = write_letter(guest, body)
    room.letters.append(Sent({**letter, "image": None}))
    guest.to(MARK + room.name).emit("message", room.name, letter)
    return {"id": letter["id"], "at": letter["at"]}


@io.on("received")
@answered
async def received(guest: Guest, name: object, letter_id: object) -> dict[str, Any]:
    """A page has got a letter: its sender learns how many have it by now."""
    room = joined_room(guest, name)
    for sent in reversed(room.letters):
        if sent.letter["id"] == letter_id and sent.letter["sender"] != guest.id:
            sent.seen.add(guest.id)
            io.to(sent.letter["sender"]).emit("delivered", room.name, letter_id, len(sent.seen))
            break
    return {}


@io.on("private message", concurrent=True)  # a receiver that answers late holds nothing else up
@answered
async def private_message(guest: Guest, to: object, body: object) -> dict[str, Any]:
    """Sends a letter to one person, named by the id of their socket, and waits until their page has it."""
    receiver = present(to)
    letter = write_letter(guest, body)
    try:
        await receiver.timeout(DELIVERY_WAIT).emit_with_ack("private message", letter)
    except DisconnectedError:
        raise Refused(f"{receiver.nickname} has just left.") from None
    except AckTimeout:
        return {"id": letter["id"], "at": letter["at"], "delivered": 0}
    return {"id": letter["id"], "at": letter["at"], "delivered": 1}


@io.on("typing")
@answered
async def typing(guest: Guest, name: object) -> dict[str, Any]:
    """Passes a typing mark on. It is volatile: late is worse than never."""
    room = joined_room(guest, name)
    guest.to(MARK + room.name).volatile.emit("typing", room.name, guest.id)
    return {}


@io.on("private typing")
@answered
async def private_typing(guest: Guest, to: object) -> dict[str, Any]:
    """Passes a typing mark to one person."""
    present(to).volatile.emit("private typing", guest.id)
    return {}


# --- what guests send, checked --------------------------------------------------------------------------------------


def tidy(value: object) -> str:
    """A name on one line, without characters that cannot be seen; empty if it is none."""
    if not isinstance(value, str):
        return ""
    shown = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFKC", value[:200]))
    return " ".join(shown.split())


def joined_room(guest: Guest, name: object) -> Room:
    """The room of that name, if the guest is in it."""
    room = rooms.get(name) if isinstance(name, str) else None
    if room is None or guest.id not in room.guests:
        raise Refused("You are not in that room.")
    return room


def present(to: object) -> Guest:
    """The guest with that socket id."""
    other = io.sockets.get(to) if isinstance(to, str) else None
    if other is None:
        raise Refused("That person has left.")
    return other


def write_letter(guest: Guest, body: object) -> Letter:
    """Makes the letter from ``{text, image?, type?}``."""
    global newest_letter
    fields: dict[str, object] = {}
    if isinstance(body, dict):
        fields = {**body}
    text, image, kind = fields.get("text", ""), fields.get("image"), fields.get("type")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise Refused(f"A message has at most {MAX_TEXT} characters.")
    if image is None:
        kind = None
        if not text.strip():
            raise Refused("An empty message was not sent.")
    elif not isinstance(image, bytes) or kind not in PICTURE_TYPES:
        raise Refused("Pictures can be JPEG, PNG, WebP or GIF.")
    elif len(image) > MAX_PICTURE:
        raise Refused(f"A picture has at most {MAX_PICTURE // 1000} kB; this one has {len(image) // 1000} kB.")
    now = time.time_ns() // 1_000_000
    newest_letter = max(newest_letter + 1, now)
    return {
        "id": newest_letter,
        "sender": guest.id,
        "nickname": guest.nickname,
        "text": text.strip(),
        "image": image,
        "type": kind if isinstance(kind, str) else None,
        "at": now,
    }


# --- who is here ----------------------------------------------------------------------------------------------------


def card(guest: Guest) -> dict[str, str]:
    """How a guest is shown to the others."""
    return {"id": guest.id, "nickname": guest.nickname}


def headcounts() -> dict[str, int]:
    """How many guests each room has."""
    return dict.fromkeys(STANDING_ROOMS, 0) | {room.name: len(room.guests) for room in rooms.values()}


# --- running --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Serves the chat on 127.0.0.1, port 3000 or ``PORT``."""
    wish = os.environ.get("PORT") or "3000"
    if not (wish.isascii() and wish.isdecimal() and int(wish) <= 65535):
        sys.exit(f"PORT is {wish!r}; it should be a number from 0 to 65535.")
    if not CLIENT.is_dir():
        sys.exit(f"The browser client is missing: {CLIENT}\nRun `make demo`, or `npm ci` in {HERE}.")
    try:
        io.run("127.0.0.1", int(wish), static_files={"/": STATIC})
    except SystemExit as end:
        if end.code == 1:  # it has said why it cannot listen
            print(f"Choose another port, for example: PORT={int(wish) % 65535 + 1} make demo", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
