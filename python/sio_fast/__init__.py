"""A Socket.IO server for Python with a Rust core. Re-exports the public names, nothing else."""

from __future__ import annotations

import logging

from ._core import version as _version
from .ack import Ack
from .adapter import Adapter
from .connection import Connection
from .cookie import Cookie
from .declare import on
from .emitting import CanEmit
from .exceptions import (
    AckError,
    AckTimeout,
    ConnectError,
    DisconnectedError,
    ForeignRoom,
    InvalidPayload,
    NotRunning,
    RejectEvent,
    ReservedEventName,
    SocketIOError,
)
from .handshake import Handshake
from .namespace import Namespace, ParentNamespace
from .native import Listener
from .operator import Broadcaster, BroadcastOperator, SocketOperator
from .options import ServerOptions
from .remote import RemoteSocket
from .request import HttpRequest
from .sent import Sent
from .server import Server
from .socket import Socket, current_socket
from .types import Event, Packet, ReadyState, Reason, Transport

__all__ = (
    "Ack",
    "AckError",
    "AckTimeout",
    "Adapter",
    "BroadcastOperator",
    "Broadcaster",
    "CanEmit",
    "ConnectError",
    "Connection",
    "Cookie",
    "DisconnectedError",
    "Event",
    "ForeignRoom",
    "Handshake",
    "HttpRequest",
    "InvalidPayload",
    "Listener",
    "Namespace",
    "NotRunning",
    "Packet",
    "ParentNamespace",
    "ReadyState",
    "Reason",
    "RejectEvent",
    "RemoteSocket",
    "ReservedEventName",
    "Sent",
    "Server",
    "ServerOptions",
    "Socket",
    "SocketIOError",
    "SocketOperator",
    "Transport",
    "current_socket",
    "on",
)

__version__ = _version()

# The application decides where lines go; without this a program with no logging at all would see them on stderr.
logging.getLogger("sio_fast").addHandler(logging.NullHandler())
