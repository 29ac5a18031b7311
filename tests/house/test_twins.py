"""What exists on both sides of the edge is the same there: names, reasons, options, versions. Drift fails here first.

The stub's signatures are compared with the compiled module by stubtest (``make stubtest``), not here.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.metadata
import inspect
import json
import subprocess
import sys
import typing

import pytest

import sio_fast
from house.tree import files, manifest, text
from sio_fast import _core, exceptions, settings, types

PACKAGE = "python/sio_fast/"
# The compiled module is touched at run time by the floor that owns the core and by those above it, nowhere else.
TOUCHES_CORE = {"asgi", "server", "native", "dispatch", "emitter", "testing.connection", "__init__"}


def module_paths() -> list[str]:
    return [path for path in files(".py") if path.startswith(PACKAGE)]


def module_name(path: str) -> str:
    return path.removeprefix(PACKAGE).removesuffix(".py").replace("/", ".")


def server_options() -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(sio_fast.Server.__init__).parameters.values()
    return {each.name: each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}


def test_close_reasons() -> None:
    reasons = _core.close_reasons()
    assert len(reasons) == len(set(reasons)) == 9
    assert set(reasons) == set(typing.get_args(types.Reason))


def test_core_reads_exactly_the_settings() -> None:
    fields = _core.config_fields()
    assert len(fields) == len(set(fields))
    assert set(fields) == {field.name for field in dataclasses.fields(settings.Settings)}


def test_every_setting_is_an_option_of_the_server() -> None:
    names = {
        field.name for kind in (settings.Settings, settings.DispatchSettings) for field in dataclasses.fields(kind)
    }
    assert names <= set(server_options())


def test_options_are_keyword_only_with_a_default() -> None:
    signature = inspect.signature(sio_fast.Server.__init__)
    positional = [
        name
        for name, each in signature.parameters.items()
        if each.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    assert positional == ["self"]
    assert all(each.default is not inspect.Parameter.empty for each in server_options().values())


def test_options_of_a_file_are_those_of_the_signature() -> None:
    listed = {name: each.__forward_arg__ for name, each in sio_fast.ServerOptions.__annotations__.items()}
    written = {name: each.annotation for name, each in server_options().items()}
    assert listed == written
    assert list(listed) == list(written), "in the same order, so that one is read beside the other"
    assert sio_fast.ServerOptions.__required_keys__ == frozenset()


def test_options_in_force_are_all_of_them() -> None:
    assert set(sio_fast.Server().options) == set(server_options())


@pytest.mark.parametrize("name", sorted(settings._ELSEWHERE))
def test_unknown_spelling_is_answered_with_ours(name: str) -> None:
    assert name not in server_options(), "it exists: strike the hint"
    with pytest.raises(TypeError, match=name):
        sio_fast.Server(**{name: 1})


def test_every_option_is_documented() -> None:
    documented = inspect.getdoc(sio_fast.Server) or ""
    documented += inspect.getdoc(sio_fast.Server.__init__) or ""
    assert [name for name in server_options() if f"{name}:" not in documented] == []


def test_stub_lists_what_the_core_has() -> None:
    stub = ast.parse(text(PACKAGE + "_core.pyi"))
    listed = next(
        {str(ast.literal_eval(item)) for item in node.value.elts}
        for node in stub.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.List)
        and ast.unparse(node.targets[0]) == "__all__"
    )
    assert listed == {name for name in dir(_core) if not name.startswith("_")}


def test_reserved_events_are_refused_by_the_core() -> None:
    for name in types.RESERVED_EVENTS:
        with pytest.raises(ValueError, match="reserved"):
            _core.decode_packet("2" + json.dumps([name]))
    assert _core.decode_packet('2["connected"]')[0] == 2


def test_versions_agree() -> None:
    version = manifest("Cargo.toml")["workspace"]["package"]["version"]
    assert _core.version() == version
    assert importlib.metadata.version("sio-fast") == version


def test_exceptions_form_one_family_and_are_public() -> None:
    family = {
        name: each
        for name, each in vars(exceptions).items()
        if inspect.isclass(each) and issubclass(each, BaseException) and each.__module__ == exceptions.__name__
    }
    assert family
    assert set(family) <= set(sio_fast.__all__)
    assert all(issubclass(each, exceptions.SocketIOError) for each in family.values())


@pytest.mark.parametrize("path", module_paths())
def test_module_lists_what_it_exports(path: str) -> None:
    name = module_name(path)
    module = importlib.import_module("sio_fast" if name == "__init__" else f"sio_fast.{name}")
    exported = module.__all__
    assert len(exported) == len(set(exported))
    assert [each for each in exported if not hasattr(module, each)] == []


def test_public_names_are_documented() -> None:
    """Type aliases and variables explain themselves where they stand; classes and functions carry a docstring."""
    bare = [
        name
        for name in sio_fast.__all__
        if (inspect.isclass(each := getattr(sio_fast, name)) or inspect.isfunction(each)) and not inspect.getdoc(each)
    ]
    assert bare == []


@pytest.mark.parametrize("path", module_paths())
def test_core_is_touched_by_its_owners_alone(path: str) -> None:
    """Others import its names for type checkers only."""
    tree = ast.parse(text(path))
    checking = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    touching = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node not in checking
        if (node.module or "").endswith("_core") or "_core" in {alias.name for alias in node.names}
    ]
    assert not touching or module_name(path) in TOUCHES_CORE


def test_import_and_server_make_no_thread_and_no_descriptor() -> None:
    """A server made before a fork (gunicorn's preload, pytest-xdist) must not leave anything behind in the children."""
    program = """
import json, os, threading, anyio
def held():
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), threading.active_count()
before = held()
import sio_fast
io = sio_fast.Server()
print(json.dumps([before, held()]))
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("descriptors and threads are counted in /proc, which only Linux has")
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    before, after = json.loads(output)
    assert before == after
