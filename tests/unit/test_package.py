"""The front door: names, twins with the core, silence in the log."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import typing
from typing import Any

import pytest

import sio_fast
from sio_fast import Reason, _core
from sio_fast.settings import setting_names

MODULES = [module.name for module in pkgutil.iter_modules(sio_fast.__path__) if module.name != "_core"]


def test_all_is_complete_and_sorted() -> None:
    assert isinstance(sio_fast.__all__, tuple)
    assert list(sio_fast.__all__) == sorted(sio_fast.__all__, key=lambda name: (not name[0].isupper(), name))
    for name in sio_fast.__all__:
        assert hasattr(sio_fast, name)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_offers(name: str) -> None:
    module = importlib.import_module(f"sio_fast.{name}")
    assert isinstance(module.__all__, tuple)
    for public in module.__all__:
        assert hasattr(module, public), public
    assert module.__doc__
    assert "Refuses to know" in module.__doc__.replace("\n", " ")


def test_reasons_are_those_of_the_core() -> None:
    assert sorted(typing.get_args(Reason)) == sorted(_core.close_reasons())


def test_settings_are_those_that_the_core_reads() -> None:
    assert sorted(setting_names()) == sorted(_core.config_fields())


def test_notices_are_those_of_the_fake() -> None:
    from unit import fake_core

    for name in ("EVENT", "CONNECT", "ACK", "DISCONNECT", "DRAINED", "DEADLINE", "LOG", "STOPPED"):
        assert getattr(fake_core, name) == getattr(_core, name)


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        ("FakeCore", "Core"),
        ("FakeSocketCore", "SocketCore"),
        ("FakeNamespaceCore", "NamespaceCore"),
        ("FakeQuestionCore", "QuestionCore"),
    ],
)
def test_the_fake_has_nothing_that_the_core_has_not(fake: str, real: str) -> None:
    """A fake that offers more than the core would let tests pass that the core fails."""
    from unit import fake_core

    theirs = set(dir(getattr(_core, real)))
    ours: Any = getattr(fake_core, fake)
    about_tests = {"push", "expire"} | {name for name in vars(ours) if name.startswith("client_")}
    extra = {name for name in vars(ours) if not name.startswith("_")} - about_tests - theirs
    assert not extra


def test_only_a_null_handler() -> None:
    assert [type(handler) for handler in logging.getLogger("sio_fast").handlers] == [logging.NullHandler]
    assert logging.getLogger("sio_fast").level == logging.NOTSET
