"""What is answered to a command or an option that is not there."""

from __future__ import annotations

import pytest

from mpp_cli.app import run
from mpp_cli.exits import Exit


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("status", "`mpp stack status`"),
        ("pupil list", "`mpp class pupils`"),
        ("help", "`mpp --help`"),
        ("help client files", "`mpp client files --help`"),
        ("stack help", "`mpp stack --help`"),
        ("version", "`mpp --version`"),
        ("participants import acme adult-2026-06 list.xlsx", "`mpp client participants import`"),
        ("class import 12 list.xlsx", "`mpp class roster import` or `mpp class tracking import`"),
        ("school import annuaire.csv", "`mpp school directory import`"),
        ("user add ada@example.org", "`mpp user create`"),
        ("client add acme", "`mpp client create` or `mpp client files add` or `mpp client territory add`"),
        ("--excel status", "`mpp stack status`"),
        ("editon list", "'edition'"),
    ],
)
def test_a_command_that_is_not_there_is_answered_with_the_whole_one(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == Exit.USAGE
    assert f"Did you mean {meant}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("client leagues codes acme adult --csv --excel", "mpp --excel client leagues codes …"),
        ("edition list --debug", "mpp --debug edition list …"),
        ("edition list --jsn", "No such option: --jsn (Possible options: --csv, --json)"),
    ],
)
def test_an_option_that_goes_before_the_command_is_shown_there(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == Exit.USAGE
    assert answer in capsys.readouterr().err
