"""A chat for one room full of people: rooms, private messages, typing marks, ticks, pictures.

This module decides who may enter, who is where, and to whom a letter goes. It remembers the last few letters of a room
while somebody is in it, and it refuses to know how the page looks (``static/``) and what travels on the wire (that is
sio_fast's part).
"""

from __future__ import annotations

import errno
import os
import sys
import time
import unicodedata
from collections import deque
from pathlib import Path
from typing import Any, TypedDict

from sio_fast import Ack, AckError, AckTimeout, Broadcaster, ConnectError, Reason, Server, Socket

__all__ = ["Guest", "io", "main"]

HERE = Path(__file__).parent
STATIC = HERE / "static"
CLIENT = HERE / "node_modules" / "socket.io-client" / "dist"

# Rooms of the chat carry a mark, so that nobody can join, or write to, the room that a socket's id is.
ROOM = "#"
STANDING_ROOMS = ("lobby", "ideas", "pictures")
MAX_ROOMS_EACH = 20
MAX_ROOM_NAME = 24
MAX_NICKNAME = 20
MAX_TEXT = 2000
# Base64 over long-polling makes it 933 kB, just below the server's limit of 1 MB for one packet.
MAX_PICTURE = 700_000
PICTURE_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
# Letters that a room remembers, for those who come later or come back. Their pictures are not kept: 14 MB a room.
REMEMBERED = 20
# How long a letter's receivers are waited for before the delivery tick is counted.
DELIVERY_WAIT = 5.0


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


io = Server(socket_class=Guest, serve_client=CLIENT)

seats: dict[str, Guest] = {}  # by nickname, case folded
memory: dict[str, deque[Letter]] = {}  # by room
newest_letter = 0


# --- entering -------------------------------------------------------------------------------------------------------


@io.use
async def admit(guest: Guest) -> None:
    """Refuses a nickname that is unusable, or taken by somebody else."""
    nickname = tidy(guest.handshake.auth.get("nickname"))
    visitor = guest.handshake.auth.get("visitor")
    if not nickname:
        raise ConnectError("Please choose a nickname.", data={"field": "nickname"})
    if len(nickname) > MAX_NICKNAME:
        raise ConnectError(f"A nickname has at most {MAX_NICKNAME} characters.", data={"field": "nickname"})
    if not isinstance(visitor, str) or not 16 <= len(visitor) <= 64:
        raise ConnectError("The page sent no visitor key; please reload it.", data={"field": "visitor"})
    holder = seats.get(nickname.casefold())
    if holder is not None and holder.visitor != visitor:
        raise ConnectError(f"“{holder.nickname}” is here already. Please choose another nickname.", data={"field": "nickname"})
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
        holder.emit("replaced")  # the same page, back before its old connection was noticed to be dead
        holder.disconnect(close=True)
    seats[key] = guest
    guest.emit("welcome", card(guest), [card(other) for other in seats.values()], headcounts())
    guest.broadcast.emit("arrived", card(guest))


@io.on("disconnecting")
async def leave_all(guest: Guest, reason: Reason) -> None:
    """Strikes the guest off the list of every room: the rooms are still known here, and gone in ``disconnect``."""
    for room in guest.rooms:
        if room.startswith(ROOM):
            guest.to(room).emit("left", room.removeprefix(ROOM), card(guest), True)  # perhaps they come back


@io.on("disconnect")
async def free_seat(guest: Guest, reason: Reason) -> None:
    """Frees the nickname, unless the same person sits there again already."""
    key = guest.nickname.casefold()
    if seats.get(key) is guest:
        del seats[key]
    forget_empty_rooms()
    io.emit("gone", card(guest))
    io.emit("rooms", headcounts())


# --- rooms ----------------------------------------------------------------------------------------------------------


@io.on("join")
async def join(guest: Guest, name: object, since: object = 0) -> dict[str, Any]:
    """Joins a room, which exists from the first guest to the last.

    The answer says who is in it, and what was said after the letter ``since``.
    """
    room = tidy(name).lower().replace(" ", "-").lstrip(ROOM)
    if not room:
        raise refusal("A room needs a name.")
    if len(room) > MAX_ROOM_NAME:
        raise refusal(f"A room's name has at most {MAX_ROOM_NAME} characters.")
    if ROOM + room not in guest.rooms:
        if sum(each.startswith(ROOM) for each in guest.rooms) >= MAX_ROOMS_EACH:
            raise refusal(f"You are in {MAX_ROOMS_EACH} rooms, which is the limit. Leave one first.")
        guest.join(ROOM + room)
        guest.to(ROOM + room).emit("joined", room, card(guest))
        io.emit("rooms", headcounts())
    known = since if isinstance(since, int) else 0
    letters = [letter for letter in memory.get(room, ()) if letter["id"] > known]
    return {"room": room, "members": sorted(io.adapter.rooms.get(ROOM + room, ())), "letters": letters}


@io.on("leave")
async def leave(guest: Guest, room: object) -> None:
    """Leaves a room."""
    joined = joined_room(guest, room)
    guest.leave(joined)
    guest.to(joined).emit("left", joined.removeprefix(ROOM), card(guest), False)
    forget_empty_rooms()
    io.emit("rooms", headcounts())


# --- letters --------------------------------------------------------------------------------------------------------


@io.on("message", concurrent=True)
async def message(guest: Guest, room: object, body: object, ack: Ack) -> None:
    """Sends a letter to a room."""
    joined = joined_room(guest, room)
    letter = write_letter(guest, body)
    remember(joined.removeprefix(ROOM), letter)
    await deliver(guest, guest.to(joined), ("message", joined.removeprefix(ROOM), letter), letter, ack)


@io.on("private message", concurrent=True)
async def private_message(guest: Guest, to: object, body: object, ack: Ack) -> None:
    """Sends a letter to one person, named by the id of their socket."""
    letter = write_letter(guest, body)
    await deliver(guest, io.to(present(to).id), ("private message", letter), letter, ack)


async def deliver(
    sender: Guest, receivers: Broadcaster[Guest], event: tuple[Any, ...], letter: Letter, ack: Ack
) -> None:
    """Acknowledges the letter (one tick), then tells its sender how many pages have it (two ticks).

    The handlers that call this are concurrent: a slow receiver delays the second tick of one letter, not the next letter.
    """
    ack({"id": letter["id"], "at": letter["at"]})
    try:
        delivered = len(await receivers.timeout(DELIVERY_WAIT).emit_with_ack(*event))
    except AckTimeout as missed:
        delivered = len(missed.responses)
    sender.emit("delivered", letter["id"], delivered)


def remember(room: str, letter: Letter) -> None:
    """Keeps a letter without its picture, of which only the type is kept."""
    memory.setdefault(room, deque(maxlen=REMEMBERED)).append({**letter, "image": None})


def forget_empty_rooms() -> None:
    """Drops what was said in rooms where nobody is any more."""
    for room in memory.keys() - {name.removeprefix(ROOM) for name in io.adapter.rooms}:
        del memory[room]


@io.on("typing")
async def typing(guest: Guest, room: object) -> None:
    """Passes a typing mark on. It is volatile: late is worse than never."""
    joined = joined_room(guest, room)
    guest.to(joined).volatile.emit("typing", joined.removeprefix(ROOM), guest.id)


@io.on("private typing")
async def private_typing(guest: Guest, to: object) -> None:
    """Passes a typing mark to one person."""
    present(to).volatile.emit("private typing", guest.id)


@io.on_error(AckError)
async def refused(guest: Guest, packet: object, exc: AckError) -> None:
    """A refusal is an answer to the page, nothing for the log."""


# --- what guests send, checked --------------------------------------------------------------------------------------


def refusal(why: str) -> AckError:
    """An answer that the page shows to the person."""
    return AckError({"error": why})


def tidy(value: object) -> str:
    """A name on one line, without characters that cannot be seen; empty if it is none."""
    if not isinstance(value, str):
        return ""
    shown = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFKC", value[:200]))
    return " ".join(shown.split())


def joined_room(guest: Guest, room: object) -> str:
    """The room's name inside the server, if the guest is in it."""
    if not isinstance(room, str) or ROOM + room not in guest.rooms:
        raise refusal("You are not in that room.")
    return ROOM + room


def present(to: object) -> Guest:
    """The guest with that socket id."""
    other = io.sockets.get(to) if isinstance(to, str) else None
    if other is None:
        raise refusal("That person has left.")
    return other


def write_letter(guest: Guest, body: object) -> Letter:
    """Makes the letter from ``{text, image?, type?}``."""
    fields: dict[Any, Any] = body if isinstance(body, dict) else {}
    text, image, kind = fields.get("text", ""), fields.get("image"), fields.get("type")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise refusal(f"A message has at most {MAX_TEXT} characters.")
    if image is None:
        if not text.strip():
            raise refusal("An empty message was not sent.")
        kind = None
    elif not isinstance(image, bytes) or kind not in PICTURE_TYPES:
        raise refusal("Pictures can be JPEG, PNG, WebP or GIF.")
    elif len(image) > MAX_PICTURE:
        raise refusal(f"A picture has at most {MAX_PICTURE // 1000} kB; this one has {len(image) // 1000} kB.")
    global newest_letter
    now = time.time_ns() // 1_000_000
    newest_letter = max(newest_letter + 1, now)
    return {
        "id": newest_letter,
        "sender": guest.id,
        "nickname": guest.nickname,
        "text": text.strip(),
        "image": image,
        "type": kind,
        "at": now,
    }


# --- who is here ----------------------------------------------------------------------------------------------------


def card(guest: Guest) -> dict[str, str]:
    """How a guest is shown to the others."""
    return {"id": guest.id, "nickname": guest.nickname}


def headcounts() -> dict[str, int]:
    """How many guests each room has."""
    counts = dict.fromkeys(STANDING_ROOMS, 0)
    for room, ids in io.adapter.rooms.items():
        if room.startswith(ROOM):
            counts[room.removeprefix(ROOM)] = len(ids)
    return counts


# --- running --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Serves the chat on 127.0.0.1, port 3000 or ``PORT``."""
    host, wish = "127.0.0.1", os.environ.get("PORT") or "3000"
    if not wish.isdecimal() or int(wish) > 65535:
        sys.exit(f"PORT is {wish!r}; it should be a number from 0 to 65535.")
    if not (CLIENT / "socket.io.min.js").is_file():
        sys.exit(f"The browser client is missing in {CLIENT}. Run `make demo`, or `npm ci` in {HERE}.")
    try:
        io.run(host, int(wish), static_files={"/": STATIC})
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {wish} is busy: something else listens there. Choose another: PORT={int(wish) % 65535 + 1} make demo")
        raise


if __name__ == "__main__":
    main()
