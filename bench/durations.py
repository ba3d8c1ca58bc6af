"""What takes so long in seconds, with the goal that was set for a quiet machine: no test asserts a duration."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

HELP = [sys.executable, "-c", "from mpp_cli.app import main; main()", "--help"]


def durations() -> Iterator[dict[str, Any]]:
    """Yield one result after another: what, seconds (the best of some), goal."""
    with tempfile.TemporaryDirectory(prefix="mpp-bench-") as name:
        folder = Path(name)
        yield _taken("mpp --help", _help, 0.3, rounds=5)
        yield _taken("200 diplomas as PDF", lambda: _diplomas(folder), 12)
        yield _taken("a million empty lines in a roster", lambda: _empty_lines(folder), 30)
        yield _taken("making and reading the school directory of France", lambda: _directory(folder), 30)


def _help() -> None:
    subprocess.run(HELP, check=True, stdout=subprocess.DEVNULL)


def _diplomas(folder: Path) -> None:
    from mpp_supabase.diplomas import ClassDiplomas, PupilDiploma, write_diplomas

    a_class = ClassDiplomas(
        edition="Ma Petite Planète à l’école",
        starts_on=date(2026, 3, 9),
        ends_on=date(2026, 3, 29),
        class_name="CM1 des Hérissons",
        school="École des Tilleuls",
        city="Aubeval-sur-Loutre",
        teacher="Camille Exemple",
        pupils=tuple(PupilDiploma(f"Élève-{number} É.", number) for number in range(200)),
        challenges=640,
        points=2310,
        rank=12,
        classes=650,
    )
    write_diplomas(folder / "diplomas.pdf", a_class)


def _empty_lines(folder: Path) -> None:
    from mpp_supabase.sheets import read_roster

    path = folder / "class.csv"
    path.write_text("Prénom\nLina\n" + ";;\n" * 1_000_000, encoding="utf-8")
    read_roster(path)


def _directory(folder: Path) -> None:
    from mpp_supabase.demo.directory import write_directory
    from mpp_supabase.files.school_directory import read_directory

    write_directory(folder / "directory.csv")
    assert sum(1 for _ in read_directory(folder / "directory.csv")) > 45_000


def _taken(what: str, work: Callable[[], object], goal: float, *, rounds: int = 1) -> dict[str, Any]:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    print(f"{best:8.2f} s  (goal ≤ {goal} s)  {what}", flush=True)
    return {"what": what, "seconds": round(best, 3), "unit": "seconds", "goal": f"≤ {goal} s"}
