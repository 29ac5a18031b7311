"""Tests of applications without sockets: clients in process, over the real hub and codec. Re-exports the public names.

Refuses to know test frameworks, and nothing of the server imports it. The guide is docs/testing.md.
"""

from __future__ import annotations

from .client import TestClient
from .exceptions import HandshakeError
from .received import Received
from .socket import ClientSocket
from .sync import SyncClientSocket, SyncTestClient

__all__ = ("ClientSocket", "HandshakeError", "Received", "SyncClientSocket", "SyncTestClient", "TestClient")
