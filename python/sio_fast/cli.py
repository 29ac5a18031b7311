"""The command line: what its words mean, and which error each wrong one gets. Refuses to know how a server runs."""

from __future__ import annotations

import importlib.util
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from . import __version__
from .server import Server
from .target import TargetError, load

if TYPE_CHECKING:
    from .native import Backend

__all__ = ("main",)

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_BACKENDS: Final = ("auto", "asyncio", "uvloop", "trio")


def _static(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Each ``URL=FOLDER``."""
    found: dict[str, str] = {}
    for value in values:
        url, equals, folder = value.partition("=")
        if not (equals and url.startswith("/") and folder):
            raise click.BadParameter(f"{value!r} is not URL=FOLDER, such as /static=public")
        if not Path(folder).exists():
            raise click.BadParameter(f"{folder!r} does not exist")
        found[url] = folder
    return found


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Socket.IO servers written with sio_fast."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"sio-fast {__version__} ({platform.python_implementation()} {platform.python_version()})")


@main.command()
@click.argument("target", metavar="MODULE:SERVER")
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--uds", type=click.Path(), help="Unix socket to listen on instead.")
@click.option("--io-threads", default=1, show_default=True, type=click.IntRange(1, 64), help="That read and write.")
@click.option("--grace", default=5.0, show_default=True, type=click.FloatRange(0), help="Seconds for the end.")
@click.option("--backend", default="auto", show_default=True, type=click.Choice(_BACKENDS), help="The event loop.")
@click.option("--app", metavar="MODULE:APP", help="ASGI application for everything that is not Socket.IO.")
@click.option("--static", metavar="URL=FOLDER", multiple=True, callback=_static, help="Serve a folder too; repeatable.")
@click.option("--log-level", default="info", show_default=True, type=click.Choice(_LEVELS), help="For all loggers.")
@click.option("--reload", is_flag=True, help="Start again whenever a Python file below this folder changes.")
def run(
    target: str,
    host: str,
    port: int,
    uds: str | None,
    io_threads: int,
    grace: float,
    backend: Backend,
    app: str | None,
    static: dict[str, str],
    log_level: str,
    *,
    reload: bool,
) -> None:
    """Run the server that MODULE has under the name SERVER, until Ctrl+C.

    MODULE is looked for in this folder first, as with `python -m`.
    """
    if reload:
        _reload()
    try:
        io: Any = load(target)
        if not isinstance(io, Server):
            raise TargetError(f"{target} is {type(io).__name__}, not a sio_fast.Server")
        beside = None if app is None else _application(app)
        if beside is io:
            raise TargetError(f"--app {app} is the server itself, which answers Socket.IO without it; leave --app out")
    except TargetError as error:
        raise click.UsageError(str(error)) from None
    io.run(
        host,
        port,
        backend=backend,
        grace=grace,
        log_level=log_level,
        io_threads=io_threads,
        static_files=static,
        app=beside,
        uds=uds,
    )


def _application(target: str) -> Any:
    found = load(target)
    if not callable(found):
        raise TargetError(f"{target} is {type(found).__name__}, not an ASGI application")
    return found


def _reload() -> None:
    """Becomes the parent of a process that does the same without ``--reload``; does not return."""
    if importlib.util.find_spec("watchfiles") is None:
        raise click.UsageError("--reload needs watchfiles: pip install 'sio-fast[cli]'")
    from .reload import Reloader  # noqa: PLC0415 - an extra

    # Options cannot be abbreviated, and no value of ours is this word.
    words = [word for word in sys.argv[1:] if word != "--reload"]
    reloader = Reloader([sys.executable, "-m", "sio_fast", *words], Path.cwd(), lambda text: click.echo(text, err=True))
    raise SystemExit(reloader.run())
