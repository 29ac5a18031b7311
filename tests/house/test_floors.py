"""Directions between the floors: what Cargo and import-linter cannot refuse by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from house.tree import ROOT, files, manifest, member_manifests, text

if TYPE_CHECKING:
    from collections.abc import Iterator

# Which of our crates each crate may use. The load generator is a client and knows nothing of the server; the upper bound
# of the benchmarks knows nothing of it either, or it would bound nothing.
BELOW = {
    "rust/protocol": set[str](),
    "rust/hub": {"sio-protocol"},
    "rust/cluster": {"sio-protocol", "sio-hub"},
    "rust/native": {"sio-protocol", "sio-hub"},
    "rust/python": {"sio-protocol", "sio-hub", "sio-cluster", "sio-native"},
    "benches/load": set[str](),
    "benches/micro": {"sio-protocol", "sio-hub"},
    "benches/servers/bare": set[str](),
}
# What measures is no floor of the house.
BENCHES = {"benches/load", "benches/micro", "benches/servers/bare"}
# Foreign crates that belong to one side of a border, and the members on that side.
CONFINED = {
    r"pyo3(-.*)?|jiter": {"rust/python"},
    r"tokio(-.*)?|hyper(-.*)?|mio|socket2|rustls(-.*)?": {"rust/cluster", "rust/native", "rust/python", *BENCHES},
    # Protocol and hub are given time, randomness and bytes; a crate that fetches them has no business there.
    r"getrandom|rand|fastrand|chrono|time": {"rust/cluster", "rust/native", "rust/python", *BENCHES},
}
SAFE = {"rust/protocol", "rust/hub", "rust/cluster", "rust/native"}


def members() -> list[str]:
    return list(member_manifests())


def dependencies(member: str, *, tests: bool = False) -> Iterator[str]:
    """Names of what a member depends on, on any platform; what its tests use only if asked."""
    whole = member_manifests()[member]
    for table in (whole, *whole.get("target", {}).values()):
        yield from table.get("dependencies", {})
        yield from table.get("build-dependencies", {})
        if tests:
            yield from table.get("dev-dependencies", {})


def crate_name(member: str) -> str:
    return str(member_manifests()[member]["package"]["name"])


@pytest.mark.parametrize("member", members())
def test_crate_uses_only_floors_below(member: str) -> None:
    ours = {crate_name(each) for each in members()}
    assert member in BELOW, f"say in BELOW what {member} may use"
    assert set(dependencies(member, tests=True)) & ours <= BELOW[member]


@pytest.mark.parametrize("pattern", CONFINED)
@pytest.mark.parametrize("member", members())
def test_confined_crates_stay_on_their_side(member: str, pattern: str) -> None:
    used = {name for name in dependencies(member) if re.fullmatch(pattern, name)}
    assert not used or member in CONFINED[pattern], f"{member} must not know {used}"


def test_pyo3_is_named_by_one_manifest_alone() -> None:
    naming = {path for path in files("Cargo.toml") if re.search(r"^\s*pyo3\b", text(path), re.MULTILINE)}
    assert naming == {"Cargo.toml", "rust/python/Cargo.toml"}


@pytest.mark.parametrize("member", sorted(SAFE & set(members())))
def test_crate_forbids_unsafe_code(member: str) -> None:
    assert re.search(r"^#!\[forbid\(unsafe_code\)\]$", text(f"{member}/src/lib.rs"), re.MULTILINE)


@pytest.mark.parametrize("path", files(".rs"))
def test_unsafe_says_why_it_is_sound(path: str) -> None:
    """Every unsafe block has a SAFETY sentence in the lines above it; an unsafe function or trait documents its terms."""
    lines = text(path).splitlines()
    for number, line in enumerate(lines):
        code = line.split("//", 1)[0]
        if re.search(r"\bunsafe\s*(\{|impl\b)", code):
            assert "SAFETY:" in "\n".join(lines[max(0, number - 8) : number + 1]), f"{path}:{number + 1}"
        elif re.search(r"\bunsafe\s+(extern\b.*)?fn\b", code):
            above = "\n".join(lines[max(0, number - 25) : number])
            assert "# Safety" in above or "SAFETY:" in above, f"{path}:{number + 1}"


@pytest.mark.parametrize("member", members())
def test_member_inherits_lints_version_and_dependencies(member: str) -> None:
    whole = member_manifests()[member]
    assert whole.get("lints") == {"workspace": True}
    for key in ("version", "edition", "rust-version", "license", "publish"):
        assert whole["package"].get(key) == {"workspace": True}, key
    # What the wheel never contains may keep its own versions where they are used.
    if member.startswith("benches/"):
        return
    for table in (whole, *whole.get("target", {}).values()):
        for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, wish in table.get(kind, {}).items():
                assert isinstance(wish, dict), f"{name}: versions stand in the root manifest"
                assert wish.get("workspace") is True, f"{name}: versions stand in the root manifest"


def workspace_dependencies() -> dict[str, Any]:
    return dict(manifest("Cargo.toml")["workspace"]["dependencies"])


def test_every_workspace_dependency_has_a_user() -> None:
    used = {name for member in members() for name in dependencies(member, tests=True)}
    assert set(workspace_dependencies()) <= used


def dependency_lines(path: str) -> Iterator[tuple[str, bool]]:
    """The lines that give a foreign crate its version, each with whether a comment stands above its run or beside it."""
    explained = inside = False
    for line in text(path).splitlines():
        if line.startswith("["):
            inside, explained = "dependencies" in line, False
        elif line.startswith("#"):
            explained = True
        elif not line.strip():
            explained = False
        elif inside and not line.startswith("sio-") and "workspace" not in line:
            yield line, explained or "#" in line


@pytest.mark.parametrize("path", files("Cargo.toml"))
def test_every_foreign_dependency_carries_its_reason(path: str) -> None:
    assert [line for line, explained in dependency_lines(path) if not explained] == []


def test_every_lint_exception_carries_its_reason() -> None:
    for line in text("Cargo.toml").splitlines():
        if re.match(r'\w+ = "allow"', line):
            assert re.search(r"# \S+ \S+", line), line


def test_no_crate_lies_outside_the_workspace() -> None:
    folders = {path.removesuffix("/Cargo.toml") for path in files("/Cargo.toml")}
    # cargo-fuzz wants its crate to be a workspace of its own; a peer's dependencies are not ours.
    assert folders - {"rust/fuzz", "benches/servers/socketioxide"} == set(members())
    assert (ROOT / "Cargo.lock").is_file()
