"""What somebody meant who typed a command or an option that is not there, or not in this place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
import typer.core

from mpp_cli import output

#: What people call a command, and what it is called here.
_SAME = ({"add", "create", "new"}, {"remove", "delete"}, {"list", "show", "ls"})
#: What is an option, or elsewhere than people look for it.
_ELSEWHERE = {
    "mpp version": "mpp --version",
    "mpp pupil list": "mpp class pupils",
    "mpp pupil show": "mpp class pupils",
}
_MOST_NAMED = 5
#: What is wrong with a number, by Pydantic's name for it.
_NUMBERS = {
    "int_parsing": "not a whole number ({0}); write one such as 12",
    "int_parsing_size": "out of range ({0}); write a smaller number",
    "float_parsing": "not a number ({0}); write one such as 0.5",
    "greater_than_equal": "out of range ({0}); write {ge} or more",
    "less_than_equal": "out of range ({0}); write {le} or less",
}


class Group(typer.core.TyperGroup):
    """A group of commands that names the whole command when somebody left out a word of it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except self._not_there as error:
            if meant := _meant(ctx, args):
                name, *_ = args
                error.message = f"No such command {name!r}. Did you mean {' or '.join(f'`{each}`' for each in meant)}?"
            raise

    # Whichever click Typer stands on.
    _not_there: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


class Command(typer.core.TyperCommand):
    """A command whose line of usage is what a person types; Typer's own puts arguments into braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the name of the command."""
        return ["[OPTIONS]", *(argument(p) for p in self.params if p.param_type_name == "argument")]


def argument(parameter: Any) -> str:
    """Return how a line of usage names an argument: `NAME`, `[NAME]` if it may be left out, `NAME...` if repeated."""
    name = str(parameter.metavar or parameter.name or "").removesuffix("...")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    name = name if parameter.required else f"[{name}]"
    return name if parameter.nargs == 1 else f"{name}..."


def use_classes(app: typer.Typer) -> None:
    """Let all groups below this one be of class Group, and all commands of class Command."""
    for command in app.registered_commands:
        command.cls = Command
    for info in app.registered_groups:
        info.cls = Group
        if info.typer_instance is not None:
            use_classes(info.typer_instance)


def explain_option(error: Any) -> None:
    """Say where an option goes that stands before the command, such as --excel."""
    name, ctx = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if ctx is None or ctx.parent is None:
        return
    root = ctx.find_root()
    if name in {option for parameter in root.command.params for option in parameter.opts}:
        program, _, command = ctx.command_path.partition(" ")
        error.message = f"{name} goes before the command: {program} {name} {command} …"
        error.possibilities = None


def explain_value(error: Any) -> None:
    """Name the number that cannot be taken, and what can. Typer repeats what Pydantic says, without the value."""
    errors = getattr(error.__cause__, "errors", None)
    if errors is None:
        return
    fault, *_ = errors()
    if (answer := _NUMBERS.get(fault["type"])) is not None:
        error.message = answer.format(output.clean(fault["input"])[:40], **fault.get("ctx", {}))


def _meant(ctx: Any, args: list[str]) -> list[str]:
    """The commands whose words are those typed, with one or more between them; none when too many are."""
    typed = [word for word in ctx.command_path.split() if not word.startswith("-")]
    name, *rest = args
    if name == "help":
        return [" ".join([*typed, *_leading_words(rest), "--help"])]
    if (elsewhere := _ELSEWHERE.get(" ".join([*typed, name]))) is not None:
        return [elsewhere]
    paths = list(_paths(ctx.find_root()))
    for words in ([*typed, name, *_leading_words(rest)[:1]], [*typed, name]):
        if found := [" ".join(path) for path in paths if _holds(path, words)]:
            return found if len(found) <= _MOST_NAMED else []
    return []


def _leading_words(args: list[str]) -> list[str]:
    count = next((number for number, word in enumerate(args) if word.startswith("-")), len(args))
    return args[:count]


def _paths(root: Any) -> Iterator[list[str]]:
    """The words of every command and group."""
    waiting = [([root.info_name], root.command)]
    for path, command in waiting:
        for name, below in getattr(command, "commands", {}).items():
            if not below.hidden:
                waiting.append(([*path, name], below))
                yield [*path, name]


def _holds(path: list[str], words: list[str]) -> bool:
    """Whether a path has these words in their order, the last at its end; or another for it, just there."""
    *before, last = words
    if path[-1] != last:
        return path[:-1] == before and any({path[-1], last} <= names for names in _SAME)
    rest = iter(path[:-1])
    return all(word in rest for word in before)
