"""What the stack must be told of the project that it serves."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """Where a project's files are, and the words in which its people are told what to do.

    The stack reads these environment variables, all under the prefix ``variables``: HOME, PORT_<SERVICE>, POSTGRES
    (another Postgres directory, 15 to 18), AUTH_BIN (a binary of the real Auth server), AUTH_LIMITS (count requests by
    network address as a hosted project does), PASSWORD_COST (what a hash of a password costs; 10 as in Supabase Auth,
    and 4 where accounts are made by the hundred, in tests) and STORAGE_URL (the real Storage server).
    """

    #: The directory with config.toml and migrations/, as the Supabase CLI knows it.
    supabase: Path
    #: The directory whose package.json and package-lock.json name the programs that come from npm.
    packages: Path
    #: Where npm installs them, in node_modules; the stack's home when left out.
    installed: Path | None = None
    #: Where the database, the files, the keys and the logs are; .stack beside ``supabase`` when left out.
    home: Path | None = None
    #: What people type to run the stack, as hints name it, and how they install its programs.
    command: str = "stack"
    install_command: str = "npm install"
    variables: str = "EMBEDDED_"
    #: Built web pages to serve beside the API: the folder of each, by the name that it has in the address.
    pages: dict[str, Path] = field(default_factory=dict)
    #: Whom the mails of Auth come from.
    sender: str = "noreply@stack.localhost"
    sender_name: str = "Local stack"

    @property
    def home_directory(self) -> Path:
        """``home``, else what the environment says, else .stack beside ``supabase``."""
        chosen = self.home or self.variable("HOME") or self.supabase.parent / ".stack"
        return Path(chosen).expanduser().absolute()

    @property
    def node_modules(self) -> Path:
        """Where the programs from npm are."""
        return (self.installed or self.home_directory) / "node_modules"

    def variable(self, name: str) -> str:
        """An environment variable of the stack, named without its prefix; empty when it is not set."""
        return os.environ.get(self.variables + name, "")

    def to_json(self) -> str:
        """These settings for another process, with the home as it is now."""
        return json.dumps(asdict(self) | {"home": self.home_directory}, default=lambda path: str(path.absolute()))

    @classmethod
    def from_json(cls, text: str) -> StackSettings:
        """The settings that `to_json` wrote."""
        given = json.loads(text)
        for name in ("supabase", "packages", "installed", "home"):
            given[name] = given[name] and Path(given[name])
        given["pages"] = {name: Path(folder) for name, folder in given["pages"].items()}
        return cls(**given)
