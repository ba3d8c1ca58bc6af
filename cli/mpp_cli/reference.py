"""Writes the lists of docs/cli.md from the commands themselves: `python -m mpp_cli.reference docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mpp_cli import mistyped
from mpp_cli.app import app
from mpp_cli.exits import MEANING

SECTIONS = ("exit codes", "commands")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, such as `mpp edition apply`, in alphabetical order."""
    yield from _below("mpp", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children: dict[str, Any] = getattr(command, "commands", {})
    if not children or getattr(command, "invoke_without_command", False):
        yield name, command
    for child in sorted(children):
        yield from _below(f"{name} {child}", children[child])


def fill(text: str) -> str:
    """Return the text of docs/cli.md with each list between its markers written anew."""
    for section, lines in (("exit codes", _exit_codes()), ("commands", _commands())):
        start, end = f"<!-- {section} -->\n", f"<!-- end of {section} -->"
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"docs/cli.md lacks the markers of {section}")
        text = before + start + "\n" + "\n".join(lines) + "\n\n" + end + after
    return text


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |"
    yield "|---:|---|"
    for code, meaning in MEANING.items():
        yield f"| {int(code)} | {meaning} |"


def _commands() -> Iterator[str]:
    for position, (name, command) in enumerate(commands()):
        if position:
            yield ""
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join([name, "[OPTIONS]", *(mistyped.argument(p) for p in arguments)])
        yield f"### `{name}`"
        yield ""
        summary, example = _help(command)
        yield summary
        yield ""
        yield "```"
        yield usage
        if example:
            yield f"# {example}"
        yield "```"
        rows = [(mistyped.argument(p), p) for p in arguments]
        rows += [(", ".join([*p.opts, *p.secondary_opts]), p) for p in command.params if p.param_type_name == "option"]
        rows = [row for row in rows if row[0] != "--help, -h"]
        if rows:
            yield ""
            yield "| | |"
            yield "|---|---|"
            for label, parameter in rows:
                yield f"| `{label}` | {(parameter.help or '').replace('|', chr(92) + '|')} |"


def _help(command: Any) -> tuple[str, str]:
    """The help of a command without its example, and the example."""
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    example = next((part.removeprefix("Example: ") for part in paragraphs if part.startswith("Example: ")), "")
    return "\n\n".join(part for part in paragraphs if part and not part.startswith("Example: ")), example


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")
