"""Every command and option explains itself, docs/cli.md lists them all, and help is there at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from mpp_cli import mistyped, reference
from mpp_cli.exits import MEANING, Exit
from tests.support import ROOT

COMMANDS = list(reference.commands())


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from mpp_cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        check=False,
    )


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_has_help_an_example_and_help_for_each_option(name: str, command: Any) -> None:
    summary, example = reference._help(command)
    assert len(summary) > 10, f"{name} has no help"
    assert "mpp " in example, f"{name} has no line `Example: mpp …`"
    assert name in example, f"the example of {name} shows another command"
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} of {name} has no help"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_line_of_usage_and_the_example_are_what_a_person_types(name: str, command: Any) -> None:
    usage = command.get_usage(command.make_context(name, [], resilient_parsing=True))
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    assert not re.search(r"[{}<>]|\[\[|\.{4}", usage), usage
    assert f"{name} [OPTIONS]" in usage
    for parameter in arguments:
        assert usage.endswith("...") or parameter.nargs == 1, usage
    _, example = reference._help(command)
    names = {re.sub(r"\W.*", "", mistyped.argument(p).strip("[]")) for p in arguments}
    assert not names & set(example.split()), f"{example} names an argument instead of giving one"


def test_the_help_of_a_command_shows_the_usage_of_the_documentation() -> None:
    text = " ".join((ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split())
    for words in (("class", "choose"), ("pupil", "add"), ("league", "hand-over"), ("login",), ("mail", "settle")):
        line = next(line for line in shell(*words, "--help").stdout.splitlines() if line.startswith("Usage: "))
        assert f"``` {line.removeprefix('Usage: ')} " in text, line


def test_the_documentation_lists_every_command_option_and_exit_code() -> None:
    path = ROOT / "docs" / "cli.md"
    text = path.read_text(encoding="utf-8")
    assert text == reference.fill(text), "run: python -m mpp_cli.reference docs/cli.md"
    assert "{" not in text.split("<!-- commands -->")[1], "a metavar shows through"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANING) == set(Exit)


def test_help_loads_nothing_that_takes_time() -> None:
    program = (
        "import sys\nfrom mpp_cli.app import run\nrun(['--help'])\n"
        "print(*{'pydantic', 'httpx', 'postgrest', 'psycopg', 'openpyxl', 'typst', 'supabase_embedded'}"
        " & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_help_reads_the_module_of_the_noun_that_is_named_and_of_no_other() -> None:
    program = (
        "import sys\nfrom mpp_cli.app import run\nrun(['class', '--help'])\n"
        "nouns = {f'mpp_cli.{name}' for name in ('class_', 'client', 'mail', 'stack')}\n"
        "print(*nouns & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "mpp_cli.class_"


def test_help_begins_with_what_the_staff_need_most() -> None:
    listed = shell("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert " ".join(line.split()[0] for line in listed) == (
        "edition ranking league class pupil school validation person name client report award statistics"
        " login logout whoami factor user contact mail terms partner photo setting privacy maintenance misuse audit"
        " watch db stack demo"
    )


def test_help_imports_neither_the_clients_nor_rich() -> None:
    code = (
        "import sys\nfrom mpp_cli.app import run\nrun(['--help'])\n"
        "heavy = {'httpx', 'postgrest', 'supabase', 'supabase_auth', 'pydantic', 'ruamel', 'psycopg', 'rich'}\n"
        "found = heavy & set(sys.modules)\nassert not found, found\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL)


def test_the_version_is_that_of_the_package() -> None:
    from mpp_supabase import __version__

    ended = shell("--version")
    assert (ended.returncode, ended.stdout) == (0, f"mpp {__version__}\n")


def test_completion_is_offered_for_the_shell() -> None:
    ended = shell(_MPP_COMPLETE="complete_bash", COMP_WORDS="mpp ed", COMP_CWORD="1")
    assert ended.stdout.strip() == "edition"
