"""Files made to hurt: read in another process, whose memory stays under 256 MB and whose time is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpp_supabase.sheets.cells import MAX_BYTES
from tests.support import ROOT, package

# The promise is 256; the largest measured is 120.
MEGABYTES = 160

# VmHWM where there is one: ru_maxrss also counts the process that was copied to start this one.
READ = """
import json, resource, sys
from pathlib import Path
from mpp_supabase.sheets import SheetError, read_roster
try:
    said = [str(len(read_roster(sys.argv[1]).pupils))]
except SheetError as error:
    said = [f"{problem.cell}: {problem.problem}" for problem in error.problems]
status = Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(json.dumps([said, peak / 1024]))
"""

HEAD = package.row("Prénom") + package.row("Lina")
STRINGS = f'<sst xmlns="{package.MAIN}">{{}}</sst>'
STYLES = f'<styleSheet xmlns="{package.MAIN}"><cellXfs>{{}}</cellXfs></styleSheet>'
ONE_STRING = package.row("Prénom") + '<row><c t="s"><v>7</v></c></row>'


def sheet(rows: str, **others: Any) -> Callable[[Path], Path]:
    return lambda folder: package.write(folder / "classe.xlsx", package.parts(rows, **others))


def csv(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "classe.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return make


def many_entries(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "classe.xlsx", "w") as archive:
        for number in range(30_000):
            archive.writestr(str(number), "")
    return folder / "classe.xlsx"


def zip_bomb(folder: Path) -> Path:
    """A sheet of a gigabyte in a megabyte, which says that it is small, and is not stopped by its checksum."""
    path = folder / "classe.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in package.parts(HEAD).items():
            if "sheet1" not in name:
                archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(100):
                part.write(b"<row>" + b" " * 1_999_995)
    return path


def small_lie(folder: Path) -> Path:
    path = sheet(HEAD + " " * 40_000_000)(folder)
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    return path


def many_sheets(folder: Path) -> Path:
    """A hundred sheets that are one and the same part: small in the file, large when each is read."""
    parts = package.parts(HEAD + " " * 4_000_000)
    one = '<sheet name="Feuil1" sheetId="1" r:id="sheet1"/>'
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(one, one * 100)
    return package.write(folder / "classe.xlsx", parts)


HEAVY: list[tuple[str, Callable[[Path], Path], str]] = [
    ("a million rows", sheet(HEAD + "<row><c><v>1</v></c></row>" * 1_000_000), "A2001: the sheet goes on far beyond"),
    ("a zip bomb", zip_bomb, "larger than 50 MB"),
    ("a zip bomb that lies", small_lie, "damaged"),
    ("an endless tag", sheet(f'{HEAD}<row x="{"é" * 20_000_000}"/>'), "far more than a class"),
    ("an endless comment", sheet(f"{HEAD}<!--{'a' * 40_000_000}-->"), "far more than a class"),
    ("tags without end", sheet(HEAD + "<a>" * 10_000_000), "far more than a class"),
    ("millions of cells", sheet(HEAD + ("<row>" + "<c/>" * 16_000 + "</row>") * 150), "far more than a class"),
    ("long shared strings", sheet(
        "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(1990)),
        more={"xl/sharedStrings.xml": STRINGS.format(f"<si><t>{'é' * 12_000}🦦</t></si>" * 1990)},
    ), "no header row"),
    ("millions of shared strings", sheet(
        ONE_STRING, more={"xl/sharedStrings.xml": STRINGS.format("<si/>" * 2_300_000)}), "far more than a class"),
    ("millions of merges", sheet(HEAD, after='<mergeCell ref="A1:B1"/>' * 1_900_000), "far more than a class"),
    ("long texts", sheet(HEAD + f"<row>{package.text('a' * 1900 + '🦦') * 250}</row>" * 95), "far more text"),
    ("one large part for many sheets", many_sheets, "larger than 50 MB"),
    ("thousands of parts", many_entries, "more than 2000 parts"),
    ("too large a file", lambda f: csv("Prénom\n" + "a" * MAX_BYTES)(f), "larger than 10 MB"),
    ("a million lines", csv("Prénom\n" + "Lina\n" * 1_900_000), "A2001: the sheet goes on far beyond"),
    ("a line of millions of cells", csv("Prénom\n" + ";" * 9_000_000), "line 2 is far longer"),
    ("a row of millions of lines", csv("Prénom\n" + '"a\n";' * 1_600_000), "far longer"),
    ("an open quote", csv('Prénom\n"' + "a\n" * 4_000_000), "far longer"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "wrong"), [heavy[1:] for heavy in HEAVY], ids=[heavy[0] for heavy in HEAVY])
def test_a_file_made_to_hurt_is_refused_in_little_memory(
    tmp_path: Path, make: Callable[[Path], Path], wrong: str
) -> None:
    said = read_elsewhere(make(tmp_path))
    assert any(wrong in line for line in said), said


def test_a_used_range_of_a_million_empty_rows_is_read(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{number}" s="1"/>' for number in range(3, 1_048_577))
    assert read_elsewhere(sheet(HEAD + rows)(tmp_path)) == ["1"]


def test_a_million_empty_lines_are_read(tmp_path: Path) -> None:
    assert read_elsewhere(csv("Prénom\nLina\n" + ";;\n" * 1_000_000)(tmp_path)) == ["1"]


def read_elsewhere(path: Path) -> list[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", READ, str(path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    said, peak = json.loads(result.stdout)
    assert peak < MEGABYTES
    return list(said)
