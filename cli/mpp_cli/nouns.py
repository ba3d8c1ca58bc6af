"""The nouns of `mpp`, as the staff come to need them. The module of a noun is read when somebody names it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
import typer.core

from mpp_cli import mistyped

#: What each noun is about; one that is itself a command explains itself with its own text.
_ABOUT = {
    "edition": "Editions: apply a file, open, close, freeze, figures, proof.",
    "ranking": "Rankings: players, teams, leagues, classes, schools.",
    "league": "Leagues: members, ambassadors, expulsions, reports.",
    "class": "Classes: pupils, challenges, validations, spreadsheets, diplomas.",
    "pupil": "Pupils of a class: add, correct, remove.",
    "school": "Schools: the Ministry's directory, search, add, correct.",
    "validation": "Validations: list those of a player, cancel those that should not count.",
    "person": "People: find who is behind an alias, an address, a report.",
    "name": "Names that must go: replace or hide them.",
    "client": "Clients: editions, leagues, guests, staff, follow-up, plan.",
    "report": "Reports of clients: weekly, final.",
    "award": "Awards: grant, list, certificates.",
    "statistics": "Statistics: totals over all editions, the map of players.",
    "login": None,
    "logout": None,
    "whoami": None,
    "factor": "Your own second factors: add, list, remove.",
    "user": "Accounts: create, invite, list, disable, enable, address, staff, second factors.",
    "contact": "Contact, quote and webinar requests: list, answer, remove.",
    "mail": "Mails: send, settle, newsletters, bounces.",
    "terms": "Terms of use: publish, announce, list.",
    "partner": "Campaigns with partners: codes, lists, withdrawals, figures.",
    "photo": "Pictures and photos that people upload: check, approve, remove.",
    "setting": "Settings of the whole game: list, set.",
    "privacy": "Privacy: requests of people, corrections, erasures, what was kept long enough.",
    "maintenance": "Maintenance windows: announce, list, cancel.",
    "misuse": None,
    "audit": None,
    "watch": None,
    "db": "The database: push migrations, lint, verify scores.",
    "stack": "The local Supabase: start, stop, status, logs, env, reset, keys.",
    "demo": None,
}
#: These work on a project of one's own; an installation for the staff may come without them.
_MAY_BE_MISSING = ("db", "stack", "demo")


class Group(mistyped.Group):
    """The group of all nouns. Its help needs the modules of none but the nouns that explain themselves."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write what each noun is about."""
        limit = formatter.width - 6 - max(map(len, self.commands))
        rows = []
        for name in self.commands:
            about = _ABOUT.get(name)
            command = typer.core.TyperCommand(name, help=about) if about else self.commands[name]
            rows.append((name, command.get_short_help_str(limit)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class _Commands(MutableMapping[str, Any]):
    """The commands by noun: those that were read, and those that can be."""

    def __init__(self, read: MutableMapping[str, Any]) -> None:
        self._read = dict(read)
        self._names = [name for name in _ABOUT if name not in _MAY_BE_MISSING or importlib.util.find_spec(_place(name))]

    def __getitem__(self, name: str) -> Any:
        if name not in self._read and name in self._names:
            self._read[name] = _read(name)
        return self._read[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._read[name] = command

    def __delitem__(self, name: str) -> None:
        del self._read[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._names, *self._read))

    def __len__(self) -> int:
        return len({*self._names, *self._read})


def _place(name: str) -> str:
    return f"mpp_cli.{'class_' if name == 'class' else name}"


def _read(name: str) -> Any:
    module = importlib.import_module(_place(name))
    parent = typer.Typer(rich_markup_mode=None)
    if (group := getattr(module, "app", None)) is None:
        parent.command(name)(getattr(module, name))
    else:
        parent.add_typer(group, name=name, help=_ABOUT[name] or group.registered_callback.callback.__doc__)
    mistyped.use_classes(parent)
    return typer.main.get_group(parent).commands[name]
