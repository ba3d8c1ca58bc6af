"""`mpp`: the command line of the association's staff."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from functools import cache
from typing import Annotated, Any

import typer

from mpp_cli import choices, connection, mistyped, nouns, output
from mpp_cli.choices import Way
from mpp_cli.exits import Exit, code_of

app = typer.Typer(
    name="mpp",
    cls=nouns.Group,
    no_args_is_help=True,
    # Plain help: drawing it with rich costs more than everything else that `mpp --help` does.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Ma Petite Planète: editions, rankings, leagues, classes and accounts, for the association's staff.",
)

_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_SECRETS = re.compile(r"sb_secret_[\w-]+|eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=://)(?!USER:PASSWORD@)[^\s/@:]*:[^\s@]+(?=@)")


def _version(wanted: bool) -> None:
    if wanted:
        from mpp_supabase import __version__

        print(f"mpp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an unexpected error happened.", envvar="MPP_DEBUG")
    ] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write --csv so that Excel in French opens it.", envvar="MPP_EXCEL")
    ] = False,
    way: Annotated[
        Way | None,
        choices.option(
            Way,
            "--as",
            metavar="WAY",
            help="Come in with the session of `mpp login`, or with the key: session or key.",
            envvar="MPP_AS",
        ),
    ] = None,
) -> None:
    """Ma Petite Planète: editions, rankings, leagues, classes and accounts, for the association's staff."""
    _state["debug"] = debug
    output.write_for_excel(excel)
    connection.choose(way)


_state: dict[str, Any] = {"debug": False}


def main(arguments: list[str] | None = None) -> None:
    """Run `mpp` and end the process with one of the codes of exits.py; never with a traceback unless asked."""
    code = run(arguments)
    # A pipe that closed early is only noticed when the rest is written: do it here, where it can be said.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = Exit.PIPE_CLOSED
        _drop_output()
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run `mpp` with these arguments (the process's own when None) and return the exit code."""
    _state["debug"] = False
    streams = sys.stdout, sys.stderr
    try:
        result = _tree()(args=arguments, prog_name="mpp", standalone_mode=False)
        if result == Exit.INTERRUPTED:
            # Typer makes this of a Ctrl-C, without a word.
            output.say("\nInterrupted.")
        return result if isinstance(result, int) else Exit.OK
    except (KeyboardInterrupt, typer.Abort):
        output.say("\nInterrupted.")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return Exit.PIPE_CLOSED
    except SystemExit as left:
        # Typer answers a closed pipe itself: with 1, and streams that keep quiet.
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        sys.stdout, sys.stderr = streams
        _drop_output()
        return Exit.PIPE_CLOSED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NOT_WRITTEN:
            return _unwritten(error)
        return _explain(error)


@cache
def _tree() -> Any:
    # Typer would build the tree of all commands for each call: 70 ms.
    return typer.main.get_command(app)


def _explain(error: Exception) -> int:
    if isinstance(error, _Misused):
        mistyped.explain_option(error)
        mistyped.explain_value(error)
        error.show()  # type: ignore[attr-defined]
        return Exit.USAGE
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    code = code_of(error)
    if code == Exit.UNEXPECTED:
        output.say(f"mpp: unexpected error: {_masked(f'{type(error).__name__}: {error}')}")
        if not _state["debug"]:
            output.say("Run it again as `mpp --debug …` to see where.")
    elif len(getattr(error, "problems", ())) > (code != Exit.FILE_INVALID):
        _explain_file(error)
    else:
        output.say(f"mpp: {_masked(str(error))}" + (f" [{error.code}]" if code == Exit.REFUSED else ""))  # type: ignore[attr-defined]
        if hint := getattr(error, "hint", ""):
            output.say(f"     {_masked(hint)}")
    if _state["debug"]:
        import traceback

        output.say(_masked("".join(traceback.format_exception(error))))
    return code


def _explain_file(error: Exception, most: int = 100) -> None:
    problems = error.problems  # type: ignore[attr-defined]
    for problem in problems[:most]:
        output.say(str(problem))
    if len(problems) > most:
        output.say(f"… and {len(problems) - most} more.")
    count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
    if code_of(error) == Exit.FILE_INVALID:
        output.say(f"mpp: {count}; nothing was changed.")
    else:
        output.say(f"mpp: {count}. {error.hint}")  # type: ignore[attr-defined]


def _masked(text: str) -> str:
    return _SECRETS.sub("•••", text)


def _unwritten(error: OSError) -> int:
    output.say(f"mpp: the output could not be written ({error.strerror}).")
    _drop_output()
    return Exit.OUTPUT


def _drop_output() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# The base of every usage error, whichever click Typer stands on.
_Misused: type[BaseException] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
