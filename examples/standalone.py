"""A stand-alone server with most of what a real one has: tokens, two namespaces, rooms, answers, reasons of disconnection.

Run it with ``python examples/standalone.py`` (or ``sio-fast run standalone:io`` in this folder). Players connect with
``io("http://127.0.0.1:3000", { auth: { name: "ann" } })``, referees with ``io("http://127.0.0.1:3000/referees", { auth: {
password: "whistle" } })``; ``PORT`` chooses another port.
"""

from __future__ import annotations

import logging
import os

from sio_fast import ConnectError, DisconnectedError, Namespace, Reason, Server, Socket, on

log = logging.getLogger("standalone")


class Player(Socket):
    """A socket with what a player has; checkers know the attributes."""

    name: str
    score: int


io = Server(socket_class=Player, ping_interval=10, ping_timeout=5)


@io.use
async def enter(player: Player) -> None:
    """Runs before a client is in. Whoever is refused gets ``connect_error`` with this text and data."""
    name = player.handshake.auth.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConnectError("what is your name?", data={"field": "name"})
    if any(other.name == name for other in io.sockets.values()):
        raise ConnectError(f"{name} plays already")
    player.name, player.score = name, 0


@io.on("join")
async def join(player: Player, table: str) -> list[str]:
    """Sits down at a table; the answer says who is there."""
    player.join(table)
    player.to(table).emit("joined", player.name)
    return sorted(other.name for other in io.sockets.values() if table in other.rooms)


@io.on("point")
async def point(player: Player, table: str) -> int:
    """Scores, and tells the table and the referees."""
    player.score += 1
    io.to(table).emit("score", player.name, player.score)
    io.of("/referees").emit("score", table, player.name, player.score)
    return player.score


@io.on("disconnecting")
async def leaving(player: Player, reason: Reason) -> None:
    """The rooms are still known here, and the others still hear it."""
    for table in player.rooms - {player.id}:
        player.to(table).emit("left", player.name, reason)


@io.on("disconnect")
async def left(player: Player, reason: Reason) -> None:
    """``transport close``, ``ping timeout``, ``client namespace disconnect`` and so on."""
    log.info("%s left with %d points: %s", player.name, player.score, reason)


class Referees(Namespace[Player]):
    """Another namespace over the same connections, with its own door."""

    @on("warn")
    async def warn(self, referee: Player, name: str) -> str:
        """Asks a player whether the warning was understood; a second one that is not sends the player out."""
        player = next((each for each in io.sockets.values() if each.name == name), None)
        if player is None:
            return "not here"
        try:
            understood = await player.timeout(3).emit_with_ack("warning")
        except (TimeoutError, DisconnectedError):
            understood = False
        if not understood:
            player.disconnect(close=True)
            return "sent out"
        return "understood"


referees = io.register(Referees("/referees"))


@referees.use
async def check(referee: Player) -> None:
    """Only who knows the password is a referee."""
    if referee.handshake.auth.get("password") != "whistle":
        raise ConnectError("referees only")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    io.run("127.0.0.1", int(os.environ.get("PORT", "3000")))
