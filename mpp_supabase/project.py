"""Where the project's own files are: in a checkout, or packed inside the installed wheel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Project:
    """The files that belong to the project but are not Python.

    ``files`` holds sql/, supabase/, catalogue/ and package.json; ``checkout`` says whether it is a working copy.
    """

    files: Path
    checkout: bool

    @property
    def sql(self) -> Path:
        """The declarative schema and the seed."""
        return self.files / "sql"

    @property
    def supabase(self) -> Path:
        """config.toml and migrations/."""
        return self.files / "supabase"

    @property
    def catalogue(self) -> Path:
        """The edition files that come with the project."""
        return self.files / "catalogue"

    @property
    def pages(self) -> dict[str, Path]:
        """The folder of each web page, as `make web` builds it, by its name; those of a checkout only."""
        names = ("ranking", "client-space") if self.checkout else ()
        return {name: self.files / "web" / name / "dist" for name in names}

    @property
    def home(self) -> Path:
        """Where the stack keeps its state: MPP_HOME, else .mpp in the checkout, else .mpp where the command runs."""
        chosen = os.environ.get("MPP_HOME")
        if chosen:
            return Path(chosen).expanduser().absolute()
        return (self.files if self.checkout else Path.cwd()) / ".mpp"

    def npm_directory(self, home: Path) -> Path:
        """The directory whose node_modules holds the npm packages: the checkout, else the stack's home."""
        return self.files if self.checkout else home


def find_project() -> Project:
    """Find the project's files next to the package (checkout) or inside it (wheel)."""
    packed = _PACKAGE / "_project"
    if packed.is_dir():
        return Project(packed, checkout=False)
    return Project(_PACKAGE.parent, checkout=True)
