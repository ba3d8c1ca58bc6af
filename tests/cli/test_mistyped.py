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


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("contact show twelve", "not a whole number (twelve); write one such as 12"),
        ("client take-part acme adult --expected 1.5", "not a whole number (1.5); write one such as 12"),
        ("school search moulin --limit 101", "out of range (101); write 100 or less"),
        ("watch adult --every soon", "not a number (soon); write one such as 0.5"),
        ("watch adult --every 0.1", "out of range (0.1); write 0.5 or more"),
        ("client create acme --name A --kind mairie", "there is no such choice (mairie); use one of: company, "),
    ],
)
def test_a_value_that_cannot_be_taken_is_named_with_what_can(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == Exit.USAGE
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        # The offset of Paris on that day, in summer and in winter.
        ("maintenance announce --from 2099-06-10T22:00", "(2099-06-10T22:00); in Paris write 2099-06-10T22:00+02:00"),
        ("maintenance announce --from 2099-12-31T23:30", "(2099-12-31T23:30); in Paris write 2099-12-31T23:30+01:00"),
        ("maintenance announce --from tomorrow", "not a time (tomorrow); write 2026-06-10T22:00+02:00"),
        ("maintenance announce --from 2099-02-29T08:00Z", "there is no such time (2099-02-29T08:00Z)"),
        ("user birth-date tom@example.org 17/05/2011 --reason r", "not a day (17/05/2011); write 2011-05-17"),
        ("user birth-date tom@example.org 2011-02-29 --reason r", "there is no such day (2011-02-29)"),
    ],
)
def test_a_time_that_cannot_be_taken_is_named_with_what_to_write(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ["--until", "2h", "--fr", "Pause", "--en", "Break"] if "maintenance" in typed else []
    assert run(typed.split() + rest) == Exit.USAGE
    assert answer in capsys.readouterr().err


CLASS = "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (f"class diplomas {CLASS} --edition school -o out", "name either a class, or an edition with --edition"),
        (f"class choose {CLASS} velo --all", "either name challenges, or use --all"),
        ("award certificates adult --client acme --all-clients -o out", "either name clients with --client, or take"),
        (f"class diplomas {CLASS} -o out.docx", "not a .pdf (out.docx); name one, such as diplomas.pdf"),
        (f"class tracking template {CLASS} -o out.ods", "neither a .xlsx nor a .csv (out.ods); name one of them"),
    ],
)
def test_two_things_of_which_one_may_be_named_and_a_form_that_is_not_written_are_said(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed.split()) == Exit.USAGE
    assert answer in capsys.readouterr().err
