"""The namespaces of a server, as its users reach them. Refuses to know options, and how a server starts and ends."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from .namespace import NamespaceLike
from .socket import S, Socket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .names import Rule
    from .namespace import Namespace, ParentNamespace
    from .registry import Registry

__all__ = ("Namespaces", "checked_class")

C = TypeVar("C", bound=Socket)
N = TypeVar("N", bound="Namespace[Any]")


class Namespaces(NamespaceLike[S]):
    """What :class:`Server` has beside the namespace ``/`` that it is: all the others."""

    _registry: Registry[S]

    @property
    def _space(self) -> Namespace[S]:
        return self._registry.root

    @property
    def name(self) -> str:
        """``/``, as a server is its first namespace."""
        return self._registry.root.name

    @overload
    def of(self, name: str, /) -> Namespace[S]: ...
    @overload
    def of(self, name: str, /, *, socket_class: type[C]) -> Namespace[C]: ...
    @overload
    def of(self, name: Rule, /) -> ParentNamespace[S]: ...
    @overload
    def of(self, name: Rule, /, *, socket_class: type[C]) -> ParentNamespace[C]: ...
    def of(self, name: str | Rule, /, *, socket_class: type[Any] | None = None) -> Namespace[Any]:
        """The namespace of that name, made if it is new; clients may join it from now on. Safe from any thread.

        With a pattern or a predicate it is a :class:`ParentNamespace`, asked in the order of registration when a client
        wants a namespace that does not exist; without a yes the client gets ``Invalid namespace``. Namespaces that came
        into being stay. A name given here that a pattern matches belongs to that parent too. The official ``io.of``.

        Args:
            name: With or without its leading slash; or a pattern, which must match the whole name; or a predicate
                ``f(name, auth)``, sync or async, called on the server's loop. One that raises says no, with a line in
                the log.
            socket_class: Subclass of :class:`Socket` that its handlers get, instead of the server's.

        Raises:
            TypeError: No str, pattern or predicate, or no subclass of ``Socket``.
            ValueError: A name that cannot stand on the wire, or one that has another ``socket_class`` already.
        """
        return self._registry.of(name, None if socket_class is None else checked_class(socket_class))

    def register(self, namespace: N, /, *, socket_class: type[Socket] | None = None) -> N:
        """Makes an object of a :class:`Namespace` subclass the namespace of its name, with its ``@on`` methods.

        Args:
            namespace: Made with a name, a pattern or a predicate: ``Admin("/admin")``.
            socket_class: Subclass of :class:`Socket` that its handlers get, instead of the server's.

        Returns:
            The same object; ``io.of(name)`` gives it from now on.

        Raises:
            TypeError: No :class:`Namespace`, or no subclass of ``Socket``.
            ValueError: The name is taken (``/`` always is), or the object belongs to a server already.
        """
        chosen: Any = None if socket_class is None else checked_class(socket_class)
        self._registry.register(cast("Namespace[Any]", namespace), chosen)
        return namespace

    @property
    def namespaces(self) -> Mapping[str, Namespace[S]]:
        """The namespaces by name, ``/`` among them: a live view. Asking creates nothing, :meth:`of` does."""
        return MappingProxyType(self._registry.by_name)

    @property
    def sockets(self) -> Mapping[str, S]:
        """The connected sockets of ``/`` by id; in the official server ``io.sockets`` is the namespace itself."""
        return self._registry.root.sockets


def checked_class(socket_class: type[C]) -> type[C]:
    """A class of sockets.

    Raises:
        TypeError: It is none.
    """
    if not (isinstance(socket_class, type) and issubclass(socket_class, Socket)):
        raise TypeError(f"socket_class is a subclass of Socket, not {socket_class!r:.50}")
    return socket_class
