"""Which namespaces a server has: those it was told of, and those that come into being when a client asks for them.

Refuses to know how clients are let in and how predicates are run. Namespaces are found without a lock and made under one,
so that two that want the same name get the same object, on whichever thread.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any, Final, Generic, cast

from . import faults
from .arguments import is_async
from .declare import declared_on
from .handlers import HandlerTable, require_callable
from .names import namespace_name, rule_of
from .namespace import Namespace, ParentNamespace
from .outgoing import tell_all
from .socket import S

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._core import Core, NamespaceCore, SocketCore
    from .names import Rule
    from .preparation import Preparation
    from .types import EventName, H

__all__ = ("Registry",)

_NEW: Final = "new_namespace"

_log = logging.getLogger("sio_fast.server")


class Registry(Generic[S]):
    """The namespaces of one server. Safe from any thread.

    Args:
        server: What they say is their server.
        core: Its core.
        socket_class: What handlers get unless a namespace says otherwise.
        preparation: What is done with every handler.

    Attributes:
        by_name: The namespaces by name, live.
        root: The namespace ``/``.
    """

    __slots__ = ("_core", "_lock", "_parents", "_preparation", "_server", "_socket_class", "by_name", "root")

    def __init__(self, server: object, core: Core, socket_class: type[S], preparation: Preparation) -> None:
        self._server = server
        self._preparation = preparation
        self._core = core
        self._socket_class = socket_class
        self._lock = threading.Lock()
        self._parents: dict[Rule, Namespace[S]] = {}
        self.by_name: dict[str, Namespace[S]] = {}
        self.root: Final = _Root[S]("/")
        self.root._table.prepare(preparation)
        self._add(self.root, None)

    # For the application.

    def of(self, name: str | Rule, socket_class: type[S] | None) -> Namespace[S]:
        """The namespace of that name, or the parent of that rule, made if it is new.

        Raises:
            TypeError: No name, pattern or predicate.
            ValueError: A name that cannot stand on the wire, or one that has another class of sockets.
        """
        if not isinstance(name, str):
            found = self._parent(rule_of(name), socket_class)
        else:
            full = namespace_name(name)
            held = self.by_name.get(full)
            found = held if held is not None else self._make(full, self._pattern_for(full), socket_class)
        if socket_class is not None and found._socket_class is not socket_class:
            raise ValueError(f"{found!r} has sockets of another class: {found._socket_class!r}")
        return found

    def register(self, nsp: Namespace[S], socket_class: type[S] | None) -> None:
        """Takes a namespace that the application has made, with what its class declares.

        Raises:
            TypeError: No namespace.
            ValueError: Its name is taken, or it belongs to a server already.
        """
        if not isinstance(cast("object", nsp), Namespace) or not hasattr(nsp, "_table"):
            raise TypeError(
                f"register() takes a Namespace that was made with its name, not {type(nsp).__name__}: "
                "an __init__ of its own must call super().__init__(name)"
            )
        with self._lock:
            rule = nsp._rule
            if nsp._registered:
                raise ValueError(f"{nsp!r} belongs to a server already")
            if nsp.name in self.by_name if rule is None else rule in self._parents:
                what = nsp.name if rule is None else rule
                raise ValueError(f"namespace {what!r} is taken; register() comes before the first of() of that name")
            nsp._table.prepare(self._preparation)
            for declared, method in declared_on(nsp):
                nsp._register(declared.event, method, **declared.options)
            if rule is None:
                self._add(nsp, self._pattern_for(nsp.name), socket_class)
            else:
                self._add_parent(rule, nsp, socket_class)
        if rule is None:
            self.root.announce(nsp)

    # For the dispatcher.

    def find(self, name: str) -> Namespace[S] | None:
        """The namespace of that name, also if another thread is about to make it."""
        with self._lock:
            return self.by_name.get(name)

    def parents(self) -> tuple[Namespace[S], ...]:
        """Those that may make a namespace, in order of registration."""
        with self._lock:
            return tuple(self._parents.values())

    def child(self, name: str, parent: Namespace[S]) -> Namespace[S]:
        """The namespace of that name, made by ``parent`` unless somebody was faster."""
        return self._make(name, parent, None)

    # Making.

    def _make(self, name: str, parent: Namespace[S] | None, socket_class: type[S] | None) -> Namespace[S]:
        with self._lock:
            found = self.by_name.get(name)
            if found is not None:
                return found
            made: Namespace[S] = Namespace(name)
            made._table.prepare(self._preparation)
            self._add(made, parent, socket_class)
        self.root.announce(made)
        return made

    def _add(self, nsp: Namespace[S], parent: Namespace[S] | None, socket_class: type[S] | None = None) -> None:
        """Found by name only when it is complete."""
        name = nsp.name
        if parent is not None:
            nsp._inherit(parent)
            socket_class = socket_class or parent._socket_class
        core = self._core.namespace(name)
        nsp._attach(self._server, self._core, core, socket_class or self._socket_class)
        nsp._table.raw_names.attach(core.want_raw)
        self.by_name[name] = nsp
        if parent is not None:
            parent._children[name] = nsp

    def _parent(self, rule: Rule, socket_class: type[S] | None) -> Namespace[S]:
        with self._lock:
            found = self._parents.get(rule)
            if found is None:
                found = ParentNamespace[S](rule)
                found._table.prepare(self._preparation)
                self._add_parent(rule, found, socket_class)
            return found

    def _add_parent(self, rule: Rule, parent: Namespace[S], socket_class: type[S] | None) -> None:
        core = cast("NamespaceCore", _FanOut(parent.name, parent._children))
        parent._attach(self._server, self._core, core, socket_class or self._socket_class)
        self._parents[rule] = parent
        self._core.set_dynamic(True)

    def _pattern_for(self, name: str) -> Namespace[S] | None:
        """Whose child a namespace is that the application itself makes; a predicate wants to know a client for that."""
        for rule, parent in tuple(self._parents.items()):
            if isinstance(rule, re.Pattern) and rule.fullmatch(name):
                return parent
        return None


class _Root(Namespace[S]):
    """The namespace ``/``, where a server's ``new_namespace`` is listened to. No client can emit that event to a handler."""

    __slots__ = ("_news",)

    def __init__(self, name: str, /) -> None:
        super().__init__(name)
        self._news = HandlerTable(bare=True)

    def _register(self, event: object, fn: object, *, once: bool = False, **options: bool) -> Any:
        if event != _NEW:
            return super()._register(event, fn, once=once, **options)

        def register(fn: H) -> H:
            listener = require_callable(fn, f"the listener of {_NEW!r}")
            if is_async(listener) or any(options.values()):
                raise TypeError(f"the listener of {_NEW!r} is a plain function: of() calls it before it returns")
            self._news.add(_NEW, listener, once=once)
            return fn

        return register if fn is None else register(cast("Callable[..., Any]", fn))

    def _unregister(self, event: object, fn: object) -> None:
        if event == _NEW:
            self._news.remove(_NEW, fn)
        else:
            super()._unregister(event, fn)

    def announce(self, nsp: Namespace[Any]) -> None:
        """Tells the listeners of ``new_namespace``; their errors are theirs."""
        for handler in self._news.handlers(_NEW):
            if handler.once and not self._news.take_once(_NEW, handler):
                continue
            try:
                handler.fn(nsp)
            except Exception as error:  # noqa: BLE001 - a listener's error makes no namespace undone
                faults.tell(_log, "a listener of %r failed", _NEW, error=error, extra={"nsp": nsp.name})


class _FanOut:
    """Stands for the core of a parent: what is emitted goes to every child that exists."""

    __slots__ = ("_children", "name")

    def __init__(self, name: str, children: dict[str, Namespace[Any]]) -> None:
        self.name = name
        self._children = children

    def broadcast(
        self,
        event: EventName,
        args: tuple[Any, ...],
        rooms: tuple[str, ...],
        except_rooms: tuple[str, ...],
        sender: SocketCore | None,
        volatile: bool,
    ) -> int:
        """The highest of the children's answers."""
        code = 0
        for child in tuple(self._children.values()):
            core = child._namespace_core
            code = max(code, core.broadcast(event, args, rooms, except_rooms, sender, volatile))
            if child._heard:
                tell_all(child, core.members(rooms, except_rooms, sender), event, args)
        return code

    def join_members(
        self, rooms: tuple[str, ...], except_rooms: tuple[str, ...], sender: SocketCore | None, names: tuple[str, ...]
    ) -> None:
        """Those of all children join rooms."""
        for child in tuple(self._children.values()):
            child._namespace_core.join_members(rooms, except_rooms, sender, names)

    def leave_members(
        self, rooms: tuple[str, ...], except_rooms: tuple[str, ...], sender: SocketCore | None, names: tuple[str, ...]
    ) -> None:
        """Those of all children leave rooms."""
        for child in tuple(self._children.values()):
            child._namespace_core.leave_members(rooms, except_rooms, sender, names)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a parent namespace has no sockets, so no {name}; ask the namespaces in io.namespaces")
