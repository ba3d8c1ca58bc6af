"""Codes (RNE) for the schools of tests."""

from __future__ import annotations

import itertools
import os
from typing import Any

import psycopg

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


class SchoolCodes:
    """Codes from a number on, each with the letter that checks it: the same in every run, on a new database.

    A database that is used twice remembers schools, which are the same by their code: their codes are passed over.
    Workers that share a database draw from numbers of their own.
    """

    def __init__(self, first: int) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        self._numbers = itertools.count(first + 50_000 * int(worker))

    def draw(self, db: psycopg.Connection[Any]) -> str:
        """A code that no school has."""
        codes = (f"{number}{_LETTERS[number % 23]}" for number in self._numbers)
        taken = "select 1 from mpp.school where rne = %s"
        return next(code for code in codes if db.execute(taken, (code,)).fetchone() is None)
