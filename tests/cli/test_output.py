"""What is printed is safe to show, to open in a spreadsheet and to read with a program."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from mpp_cli import app, output
from mpp_cli.exits import Exit
from mpp_cli.output import Column, Output
from tests.support.waiting import LIMIT


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_text_in_csv(start: str) -> None:
    out = io.StringIO()
    output.write_csv(out, [{"label": f"{start}cmd|' /C calc'!A0", "points": -3}], ("label", "points"))
    _, row = csv.reader(io.StringIO(out.getvalue()))
    assert row == [f"'{start}cmd|' /C calc'!A0".replace("\r", "\n"), "-3"]


def test_csv_for_excel_opens_by_a_double_click_and_the_other_stays_plain() -> None:
    values = {"name": 'Été; "x"', "half": 0.5, "count": 3, "sum": "=1+1"}
    out = io.StringIO()
    output.write_csv(out, [values], tuple(values), for_excel=True)
    assert out.getvalue() == '\ufeffname;half;count;sum\r\n"Été; ""x""";0,5;3;\'=1+1\r\n'
    out = io.StringIO()
    output.write_csv(out, [values], tuple(values))
    assert out.getvalue().startswith("name,half,count,sum\n")


PRINTS = "from mpp_cli import output\noutput.Output(as_csv=True).rows([{'a': 'é'}], (), fields=('a',))\n"


@pytest.mark.parametrize(
    ("before", "bytes_"), [("", "a\né\n".encode()), ("output.write_for_excel(True)\n", "\ufeffa\r\né\r\n".encode())]
)
def test_csv_is_the_same_in_every_locale_that_can_write_it(before: str, bytes_: bytes) -> None:
    code = PRINTS.replace("output\n", f"output\n{before}", 1)
    environment = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    assert ended.stdout == bytes_


def test_csv_keeps_quotes_lines_and_values_that_are_no_text() -> None:
    out = io.StringIO()
    values = {"text": 'a "b"\nc', "no": None, "yes": True, "map": {"fr": "é"}, "half": 0.5}
    assert output.write_csv(out, [values], tuple(values)) == 1
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [
        ["text", "no", "yes", "map", "half"],
        ['a "b"\nc', "", "true", '{"fr": "é"}', "0.5"],
    ]


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for every, said in ((0, ""), (2, "Printing: 2 of 5\nPrinting: 4 of 5\n")):
        with output.progress(every=every) as show:
            for done in range(1, 6):
                show("Printing", done, 5)
        assert capsys.readouterr() == ("", said)


def test_a_label_cannot_rewrite_the_terminal() -> None:
    assert output.clean("a\x1b[2Jb\x9bc\u202ed\u200b\xa0é😀") == "a\\u001b[2Jb\\u009bc\\u202ed\\u200b\xa0é😀"


def test_rows_are_a_json_list_whatever_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("A", lambda row: row["a"]),)
    for rows in ([], [{"a": 1}], [{"a": 1}, {"a": "é"}]):
        assert Output(as_json=True).rows(rows, columns, fields=("a",)) == len(rows)
        assert json.loads(capsys.readouterr().out) == rows


def test_an_empty_csv_still_has_its_header_and_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_csv=True).rows([], (), fields=("a", "b"))
    assert capsys.readouterr().out == "a,b\n"
    Output().rows([], (), fields=("a",), empty="Nobody.")
    assert capsys.readouterr() == ("", "Nobody.\n")


def test_a_table_that_is_not_on_a_terminal_is_neither_cut_nor_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500 + "[red]y[/red]"
    Output().rows([{"a": long}], (Column("A", lambda row: row["a"]),), fields=("a",))
    shown = capsys.readouterr().out
    assert long in shown
    assert "\x1b" not in shown


def test_two_formats_at_once_are_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpp_cli.connection.staff", lambda: pytest.fail("it connected"))
    assert app.run(["client", "create", "exemple", "--name", "Exemple SA", "--json", "--csv"]) == Exit.USAGE
    assert "choose --json or --csv, not both" in capsys.readouterr().err


FLOOD = """
from mpp_cli import app, output

@app.app.command()
@output.formatted
def flood(*, out: output.Output) -> None:
    records = [{"label": "x" * 80}] * 5000
    columns = (output.Column("Label", lambda row: row["label"]),)
    out.rows(records, columns, fields=("label",))

app.main()
"""


@pytest.mark.parametrize("options", [(), ("--json",), ("--csv",)], ids=["table", "json", "csv"])
def test_a_reader_who_leaves_early_ends_it_with_141_and_no_word(options: tuple[str, ...]) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", FLOOD, "flood", *options],
        # Unbuffered, Python forgets what a pipe did not take.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    with running.stderr:
        assert running.stderr.read() == b""
    assert running.wait(timeout=LIMIT) == Exit.PIPE_CLOSED


ID = "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_id_and_a_date_stay_in_one_piece_whatever_the_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    title = "A title of many words that may very well go on over several lines of a table"
    columns = (
        Column("Id", lambda row: ID),
        Column("Title", lambda row: title, folds=True),
        Column("Starts", lambda row: "2026-06-01 00:00"),
        Column("Points", lambda row: "1,234,567", right=True),
    )
    Output().rows([{}], columns, fields=())
    shown = capsys.readouterr().out
    for whole in (ID, "2026-06-01 00:00", "1,234,567"):
        assert whole in shown
    assert " ".join(title.split()) == " ".join(w for w in shown.split() if w in title.split())
    assert (title in shown) == (width == 200)


def test_an_optional_column_without_anything_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("A", lambda row: row["a"]), Column("B", lambda row: row["b"], optional=True))
    for rows, headers in (([{"a": None, "b": None}], ["A"]), ([{"a": 1, "b": None}, {"a": 1, "b": 0}], ["A", "B"])):
        Output().rows(rows, columns, fields=())
        assert capsys.readouterr().out.splitlines()[0].split() == headers
