"""What is measured: each row with its sizes, the peers that take part, and what is wanted of it.

Knows the generator's options; starts nothing and computes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GROUPS", "LOADED", "ROWS", "Figure", "Row", "Series", "rows_of"]

# Those that every row is measured with unless it says otherwise; a peer that cannot do what a row needs is left out.
EVERYBODY = (
    *("sio-fast", "node", "bun", "socketioxide", "python-socketio", "python-socketio-aiohttp"),
    *("bare-each", "bare-joined"),
)
LIBRARIES = EVERYBODY[:6]
LOOPS = ("sio-fast", "sio-fast-asyncio", "sio-fast-trio")
GROWING = ("sio-fast", "node", "bun")
# Modes in which a server has all the work that it can take.
LOADED = {"echo-ack", "echo-emit", "echo-binary", "fanout", "rooms", "connect"}


class Figure(Enum):
    """Which number of a report counts, in which unit, and which way is better."""

    CPU = ("per_cpu_second", "per CPU-second of the server", True)
    WALL = ("per_second", "per second of the wall clock", True)
    MEMORY = ("resident_bytes_per_connection", "bytes of resident memory for each connection", False)
    P50 = ("latency_us.p50", "µs, median", False)
    P99 = ("latency_us.p99", "µs, 99th percentile", False)

    @property
    def unit(self) -> str:
        """The unit, without what is counted."""
        return self.value[1]

    @property
    def more_is_better(self) -> bool:
        """Whether the larger number wins."""
        return self.value[2]

    def of(self, report: Mapping[str, Any]) -> float | None:
        """The number in a report, or ``None`` if the run gave none."""
        if report.get("error"):
            return None
        value: Any = report
        for key in self.value[0].split("."):
            value = value.get(key) if value else None
        return float(value) if value else None


@dataclass(frozen=True)
class Series:
    """Rows that differ in one size: a curve of the page."""

    name: str
    axis: str
    x: int


@dataclass(frozen=True)
class Row:
    """One measure."""

    name: str
    mode: str
    connections: int
    in_flight: int = 1
    bytes: int = 64
    figure: Figure = Figure.CPU
    # The figure that is to be reached.
    target: float | None = None
    # How many times better than a peer; less than one where a bound of the machine is the peer.
    wanted: Mapping[str, float] = field(default_factory=dict[str, float])
    peers: tuple[str, ...] = EVERYBODY
    options: tuple[str, ...] = ()
    parallel: int = 100
    # Both processes may use all cores.
    pinned: bool = True
    # At least this long, where the measure needs it, and at most so many rounds, where it takes long.
    seconds: float = 0.0
    most_rounds: int = 99
    groups: tuple[str, ...] = ("targets",)
    series: Series | None = None

    @property
    def title(self) -> str:
        """The measure with its sizes."""
        sizes = f"N={self.connections}"
        if self.mode not in {"connect", "idle"}:
            many = {"fanout": f"W={self.in_flight} ", "rooms": f"W={self.in_flight} ", "open-loop": ""}
            sizes += f" {many.get(self.mode, f'K={self.in_flight} ')}B={self.bytes}"
        return " ".join([self.mode, sizes, *self.options]) + ("" if self.pinned else ", not pinned")

    @property
    def unit(self) -> str:
        """What a figure counts."""
        if self.figure in {Figure.CPU, Figure.WALL}:
            what = {"fanout": "deliveries", "rooms": "deliveries", "connect": "connects"}.get(self.mode, "echoes")
            return f"{what} {self.figure.unit}"
        return f"{self.figure.unit} (less is better)"

    @property
    def needs(self) -> set[str]:
        """What a server must be able to do."""
        return {self.mode} | ({"polling"} if "polling" in self.options else set())

    def arguments(self, seconds: float, warm_up: float) -> list[str]:
        """The generator's command line for this measure."""
        return [
            *(self.mode, "--connections", str(self.connections), "--in-flight", str(self.in_flight)),
            *("--bytes", str(self.bytes), "--seconds", str(max(seconds, self.seconds)), "--warm-up", str(warm_up)),
            *("--parallel", str(self.parallel), *self.options),
        ]

    def ratio(self, subject: float, baseline: float) -> float:
        """How many times better the subject is."""
        return subject / baseline if self.figure.more_is_better else baseline / subject


def _rooms(idle: int, total: int) -> Row:
    """One sender, ten receivers, among so many rooms."""
    groups = min(total, 100)
    options = ("--rooms", str(groups), "--senders", "1", "--idle-rooms", str(idle))
    return Row(
        f"rooms-{total}",
        "rooms",
        10 * groups,
        in_flight=4,
        bytes=128,
        peers=GROWING,
        options=options,
        groups=("scaling",),
        series=Series("rooms", "rooms of the server", total),
    )


def _hosted(host: str) -> tuple[Row, ...]:
    """The same ASGI server with us, with an application that only echoes, and with python-socketio."""
    bare, theirs = f"bare-on-{host}", f"python-socketio-on-{host}"
    peers = (f"sio-fast-on-{host}", bare, theirs)
    echo, fanout = {bare: 0.9}, {theirs: 4.0}
    return (
        Row(f"asgi-{host}-echo-1", "echo-ack", 100, wanted=echo, peers=peers, groups=("asgi",)),
        Row(f"asgi-{host}-echo", "echo-ack", 100, 16, wanted=echo, peers=peers, groups=("asgi",)),
        Row(f"asgi-{host}-fanout-1", "fanout", 1000, 1, 128, wanted=fanout, peers=peers, groups=("asgi",)),
        Row(f"asgi-{host}-fanout", "fanout", 1000, 4, 128, wanted=fanout, peers=peers, groups=("asgi",)),
    )


ROWS = (
    Row("connect", "connect", 2000, target=10_000, wanted={"node": 5.0, "bun": 1.3}),
    Row("echo-1", "echo-ack", 100, target=110_000, wanted={"node": 1.9, "bun": 1.1}, groups=("targets", "quick")),
    Row(
        *("echo", "echo-ack", 100, 16),
        target=250_000,
        wanted={"node": 3.4, "bun": 1.1},
        groups=("targets", "gate", "quick"),
    ),
    Row("emit", "echo-emit", 100, 16, target=300_000, wanted={"node": 4.0, "bun": 1.1}),
    Row("binary", "echo-binary", 100, 4, 1024, target=130_000, wanted={"node": 5.0, "bun": 1.2}),
    Row(
        *("polling", "echo-ack", 50),
        target=30_000,
        wanted={"node": 3.0, "bun": 1.3},
        options=("--transport", "polling"),
        groups=("targets", "quick"),
    ),
    Row("rooms", "rooms", 1000, target=150_000, bytes=128, wanted={"node": 2.2, "bun": 1.7}),
    Row("fanout-1", "fanout", 1000, 1, 128, target=185_000, wanted={"node": 2.0, "bun": 1.4, "bare-each": 0.85}),
    Row(
        *("fanout", "fanout", 1000, 4, 128),
        target=500_000,
        wanted={"node": 4.4, "bun": 4.5},
        groups=("targets", "gate", "quick"),
    ),
    Row("fanout-5000", "fanout", 5000, 4, 128, target=450_000, wanted={"node": 5.5}),
    Row("idle", "idle", 5000, figure=Figure.MEMORY, target=3072, wanted={"node": 5.0}, peers=LIBRARIES),
    Row("one-event", "echo-ack", 1, figure=Figure.P50, target=60, peers=(*LIBRARIES, *LOOPS[1:])),
    Row("fixed-rate", "open-loop", 100, figure=Figure.P99, options=("--rate", "5000"), peers=LIBRARIES),
    # The subject may be this much faster on uvloop: the others reach 85 %.
    Row("loops", "echo-ack", 100, 16, peers=LOOPS),
    Row(
        *("wall-echo", "echo-ack", 100, 16),
        figure=Figure.WALL,
        pinned=False,
        peers=LIBRARIES,
        wanted=dict.fromkeys(LIBRARIES[1:], 1.0),
    ),
    Row(
        *("wall-fanout", "fanout", 1000, 4, 128),
        figure=Figure.WALL,
        pinned=False,
        peers=LIBRARIES,
        wanted=dict.fromkeys(LIBRARIES[1:], 1.0),
    ),
    *(
        Row(
            *(f"connections-{count}", "echo-ack", count),
            peers=GROWING,
            # All of the largest are in flight at once.
            seconds=3.0,
            groups=("scaling",),
            series=Series("connections", "connections, K=1", count),
        )
        for count in (100, 1000, 10_000)
    ),
    Row(
        # As many as fit below a limit of 20 000 open files, which not everybody may raise.
        *("idle-many", "idle", 19_500),
        figure=Figure.MEMORY,
        peers=("sio-fast", "node"),
        # A heartbeat of every connection, and a little more.
        seconds=26.0,
        most_rounds=1,
        groups=("scaling",),
    ),
    Row("storm", "connect", 19_500, parallel=19_500, peers=("sio-fast",), most_rounds=1, groups=("scaling",)),
    *(_rooms(idle, total) for idle, total in ((0, 1), (0, 100), (900, 1000), (9900, 10_000), (99_900, 100_000))),
    *(
        Row(
            *(f"receivers-{count}", "fanout", count, 4, 128),
            peers=GROWING,
            groups=("scaling",),
            series=Series("receivers", "receivers, W=4", count),
        )
        for count in (10, 100, 1000, 10_000)
    ),
    *(
        Row(
            *(f"payload-{size}", "echo-ack", 100, 4, size),
            peers=GROWING,
            groups=("scaling",),
            series=Series("payload", "bytes of the argument, K=4", size),
        )
        for size in (16, 128, 1024, 10_240, 102_400)
    ),
    Row(
        *("handlers", "echo-ack", 100, 16),
        peers=("sio-fast", "sio-fast-sync", "sio-fast-suspend", "sio-fast-middleware"),
        groups=("scaling",),
    ),
    Row(
        *("io-threads", "fanout", 1000, 4, 128),
        figure=Figure.WALL,
        pinned=False,
        peers=("sio-fast-2-threads", "sio-fast"),
        groups=("scaling",),
    ),
    Row(
        *("busy-thread", "echo-ack", 100),
        figure=Figure.P50,
        target=10_000,
        peers=("sio-fast-busy-thread", "sio-fast"),
        groups=("scaling",),
    ),
    *(row for host in ("uvicorn", "uvicorn-websockets", "hypercorn", "granian") for row in _hosted(host)),
)
GROUPS = ("gate", "quick", "targets", "scaling", "asgi", "all")


def rows_of(text: str) -> list[Row]:
    """The rows of a group, or of names with commas between them.

    Raises:
        ValueError: A name that is neither.
    """
    if text in GROUPS:
        return [row for row in ROWS if text in {"all", *row.groups}]
    by_name = {row.name: row for row in ROWS}
    unknown = [name for name in text.split(",") if name not in by_name]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: of {', '.join((*GROUPS, *by_name))}")
    return [by_name[name] for name in text.split(",")]
