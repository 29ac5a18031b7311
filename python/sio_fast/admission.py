"""What the application says about requests: ``allow_request`` and a function as ``cors_allowed_origins``.

Refuses to know HTTP: which requests are asked about, and what a client hears of the answer, is the core's to say. A request
that is not answered is refused, so nothing that fails here lets anybody in.
"""

from __future__ import annotations

import logging
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from . import faults
from .arguments import is_async
from .calls import PLAIN, called
from .exceptions import ConnectError
from .request import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ._core import QuestionCore
    from .failures import Failures

__all__ = ("Admission", "AllowRequest")

AllowRequest: TypeAlias = "Callable[[HttpRequest], Awaitable[bool | None] | bool | None]"
"""Returns None or True, or False; or raises."""

_ORIGIN: Final = "cors_allowed_origins"
_REQUEST: Final = "allow_request"

_log = logging.getLogger("sio_fast.server")


class Admission:
    """Loop thread only.

    Args:
        allow_request: Judges handshakes, or None.
        allow_origin: Judges origins, or None.
    """

    __slots__ = ("_allow_origin", "_allow_request")

    def __init__(
        self, allow_request: Callable[..., Any] | None = None, allow_origin: Callable[..., Any] | None = None
    ) -> None:
        self._allow_request = allow_request
        self._allow_origin = allow_origin

    def judge(self, question: QuestionCore, failures: Failures) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """Answers a question. Returns what is left to do, in a task of its own; None if it is answered."""
        head = question.head()
        about_origin = question.about_origin
        fn = self._allow_origin if about_origin else self._allow_request
        if head is None or fn is None:
            question.fail()
            return None
        request = HttpRequest(head)
        argument = request.headers["origin"] if about_origin else request
        option = _ORIGIN if about_origin else _REQUEST
        if is_async(fn):
            return partial(_later, question, option, partial(fn, argument), failures)
        try:
            value = fn(argument)
        except BaseException as error:  # noqa: BLE001 - the application's code
            _answer(question, option, error, None, failures)
            return None
        if value.__class__ not in PLAIN and isawaitable(value):
            return partial(_later, question, option, partial(_same, value), failures)
        _answer(question, option, None, value, failures)
        return None


async def _later(question: QuestionCore, option: str, ask: Callable[[], Any], failures: Failures) -> None:
    """Waits for what an async function says; one that is cancelled refuses."""
    error, value = await called(ask, ())
    _answer(question, option, error, value, failures)


def _same(value: Any) -> Any:
    return value


def _answer(
    question: QuestionCore, option: str, error: BaseException | None, value: object, failures: Failures
) -> None:
    if isinstance(error, ConnectError):
        question.refuse(error.message)
    elif error is not None:
        question.fail()
        if not failures.ends(error):
            faults.tell(_log, "%s failed, which refuses the request", option, error=error)
    elif value is True or (value is None and option == _REQUEST):
        question.allow()
    elif value is False:
        question.refuse(None)
    else:
        question.fail()
        allowed = "True, False or None" if option == _REQUEST else "True or False"
        _log.error("%s returned %r, which refuses the request; it returns %s", option, value, allowed)
