"""The official client (Node) as Python objects: commands go in, what it reports is awaited.

`expect` waits for a report; nothing ever sleeps to let things settle.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Driver", "OfficialClient"]

PATIENCE = 15.0
OPTIONS: dict[str, dict[str, Any]] = {
    "polling": {"transports": ["polling"]},
    "websocket": {"transports": ["websocket"]},
    "upgrade": {"transports": ["polling", "websocket"]},
}


def pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    return value


def unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        return {key: unpack(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item) for item in value]
    return value


class Driver:
    """The Node process; `package` is the name in tests/js/package.json under which a version of the client is installed."""

    def __init__(self, package: str = "socket.io-client") -> None:
        script = Path(__file__).with_name("driver.mjs")
        self.process = subprocess.Popen(
            ["node", str(script), package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.changed = threading.Condition()
        self.reports: dict[str | None, list[dict[str, Any]]] = {None: []}
        self.errors: list[str] = []
        self.ended = False
        self.made = 0
        self.threads = [threading.Thread(target=read, daemon=True) for read in (self._read_reports, self._read_errors)]
        for thread in self.threads:
            thread.start()
        ready = self.take(None, lambda r: r["type"] == "ready", "node to start (npm ci in tests/js?)")
        self.version: str = ready["version"]

    def _read_reports(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report = json.loads(line)
            with self.changed:
                self.reports.setdefault(report.pop("client"), []).append(report)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.errors.append(line)

    def take(
        self, client: str | None, wanted: Callable[[dict[str, Any]], bool], what: str, patience: float = PATIENCE
    ) -> dict[str, Any]:
        """The first report of a client that `wanted` accepts; the others stay in order."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            inbox = self.reports.setdefault(client, [])
            for at, report in enumerate(inbox):
                if wanted(report):
                    found.append(inbox.pop(at))
                    return True
            return self.ended

        with self.changed:
            in_time = self.changed.wait_for(look, patience)
            if found:
                return found[0]
            problem = "ended" if in_time else f"no such report within {patience} s"
            seen = "\n".join(json.dumps(r)[:300] for r in self.reports.get(client, [])[-20:])
            raise AssertionError(
                f"official client {client}: waited for {what}: {problem}\n"
                f"--- reports\n{seen}\n--- standard error of node\n{''.join(self.errors[-30:])}"
            )

    def tell(self, op: str, client: str, **fields: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"op": op, "client": client, **fields}) + "\n")
        self.process.stdin.flush()

    def connect(
        self,
        port: int,
        transport: str = "websocket",
        *,
        nsp: str = "/",
        auth: Any = None,
        over: OfficialClient | None = None,
        wait: bool = True,
        **options: Any,
    ) -> OfficialClient:
        """A client; waits until it joined its namespace (and upgraded), unless `wait` is false."""
        self.made += 1
        client = OfficialClient(self, f"c{self.made}")
        self.tell(
            "connect",
            client.name,
            url=f"http://127.0.0.1:{port}",
            nsp=nsp,
            auth=pack(auth),
            over=over.name if over else None,
            options={**OPTIONS[transport], "reconnection": False, **options},
        )
        if wait:
            client.id = client.report("connect")["id"]
            if transport == "upgrade" and over is None:
                client.report("upgrade", transport="websocket")
        return client

    def stop(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        assert status == 0, "".join(self.errors)


class OfficialClient:
    """One client inside the driver."""

    def __init__(self, driver: Driver, name: str) -> None:
        self.driver, self.name = driver, name
        self.id: str | None = None
        self.asked = 0

    def report(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next report of that kind with those fields."""
        return self.driver.take(
            self.name,
            lambda r: r["type"] == kind and all(r.get(key) == value for key, value in fields.items()),
            f"{kind} {fields}",
        )

    def expect(self, event: str) -> list[Any]:
        """The arguments of the next event of that name."""
        args = unpack(self.report("event", name=event)["args"])
        assert isinstance(args, list)
        return args

    def seen(self, kind: str) -> list[dict[str, Any]]:
        """The reports of that kind that arrived and were not taken."""
        with self.driver.changed:
            return [r for r in self.driver.reports.get(self.name, []) if r["type"] == kind]

    def emit(self, event: str, *args: Any) -> None:
        self.driver.tell("emit", self.name, event=event, args=pack(args))

    def start_ask(self, event: str, *args: Any) -> int:
        self.asked += 1
        self.driver.tell("ask", self.name, event=event, args=pack(args), number=self.asked)
        return self.asked

    def finish_ask(self, number: int) -> list[Any]:
        args = unpack(self.report("ack", number=number)["args"])
        assert isinstance(args, list)
        return args

    def ask(self, event: str, *args: Any) -> list[Any]:
        """Emit with an ack and wait for its values."""
        return self.finish_ask(self.start_ask(event, *args))

    def answer(self, event: str, *values: Any) -> None:
        """Acknowledge every such event with these values; with the single value "args", with what came."""
        self.driver.tell("answer", self.name, event=event, values="args" if values == ("args",) else pack(values))

    def disconnect(self) -> None:
        self.driver.tell("disconnect", self.name)

    def reconnect(self) -> None:
        self.driver.tell("reconnect", self.name)

    def cut(self) -> None:
        self.driver.tell("cut", self.name)

    def close(self) -> None:
        self.driver.tell("forget", self.name)
        self.report("forgotten")
