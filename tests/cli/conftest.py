"""The command line as the tests run it: in this process, against the running stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mpp_cli.app import run
from tests.support.world import World


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


Mpp = Callable[..., Ended]


@pytest.fixture
def mpp(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mpp:
    """Run `mpp` with these arguments against the stack of the tests."""
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(int(code), captured.out, captured.err)

    return command
