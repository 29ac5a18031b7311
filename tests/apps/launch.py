"""Runs a server under test as its command line says, and answers the suite's commands.

The one argument is JSON: `backend`, `options` of `Server`, `port`, `mode`. In mode "serve" the server runs
inside an anyio program and takes commands as JSON lines on standard input, whose end ends the program; in
mode "run" the program is `io.run` and nothing else.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread
import hosts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sio_fast import Server

    Commands = dict[str, Callable[..., Awaitable[Any]]]

__all__ = ["Spec", "launch", "note", "say"]


@dataclass(frozen=True)
class Spec:
    """What the command line asked for."""

    backend: str
    options: dict[str, Any]
    port: int
    mode: str
    skin: str = "native"

    @classmethod
    def from_argv(cls) -> Spec:
        return cls(**json.loads(sys.argv[1]))


def say(kind: str, /, **fields: Any) -> None:
    """Print one line for the suite; one write, so lines of several threads stay whole."""
    sys.stdout.write(json.dumps({"type": kind, **fields}, default=repr) + "\n")
    sys.stdout.flush()


def note(what: str, /, **fields: Any) -> None:
    """Write down what a handler saw."""
    say("journal", **{"what": what, **fields})


def run_on(backend: str, main: Callable[..., Awaitable[Any]], *args: Any) -> None:
    if backend == "trio":
        anyio.run(main, *args, backend="trio")
    else:
        anyio.run(main, *args, backend="asyncio", backend_options={"use_uvloop": backend == "uvloop"})


def launch(io: Server[Any], spec: Spec, commands: Commands, **listen: Any) -> None:
    """Serve until the suite ends it; `listen` are further options of `io.run` and `io.serve`."""
    # The event loop and the I/O threads know nothing of each other, so one loop stands for all with several of them.
    listen.setdefault("io_threads", 3 if spec.backend == "trio" else 1)
    if spec.mode == "run":
        say("listening", port=spec.port)  # the suite chose the port and connects until it answers
        io.run("127.0.0.1", spec.port, backend=spec.backend, grace=2, **listen)  # type: ignore[arg-type]
        note("returned")
    else:
        run_on(spec.backend, serve, io, spec, commands, listen)


async def serve(io: Server[Any], spec: Spec, commands: Commands, listen: dict[str, Any]) -> None:
    async def obey(line: str) -> None:
        request = json.loads(line)
        number, name = request.pop("command"), request.pop("name")
        try:
            value = await commands[name](**request)
        except Exception as exc:  # noqa: BLE001 - the suite shows it; the server goes on
            say("reply", command=number, error=repr(exc))
        else:
            say("reply", command=number, value=value)

    def read_commands() -> None:
        for line in sys.stdin:
            anyio.from_thread.run(obey, line)

    async with anyio.create_task_group() as tg:
        if spec.skin == "native":
            listener = await tg.start(partial(io.serve, "127.0.0.1", spec.port, **listen))
            say("listening", port=listener.port)
        else:
            hosted = hosts.Hosted(spec.skin, io.asgi_app(hosts.nothing_here))
            say("listening", port=await tg.start(hosted.serve))
        await anyio.to_thread.run_sync(read_commands, abandon_on_cancel=True)
        await io.close(grace=2)
        if spec.skin != "native":
            hosted.stop()
        else:
            tg.cancel_scope.cancel()
