"""``sio-fast`` and ``python -m sio_fast``: starts the command line, or says what it needs. Refuses to know its words."""

from __future__ import annotations

import sys

__all__ = ("main",)


def main() -> None:
    """Runs the command line of this process.

    Raises:
        SystemExit: At its end; with status 2 if click is not installed or a word is wrong.
    """
    try:
        from .cli import main as command  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("sio-fast needs click on the command line: pip install 'sio-fast[cli]'\n")
        raise SystemExit(2) from None
    command(prog_name="sio-fast")


if __name__ == "__main__":
    main()
