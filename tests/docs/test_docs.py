"""The documents say what is so: generated pages, lists of errors, links, commands, and examples that run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from docs import generate
from mpp_cli.app import app
from mpp_supabase.errors import REFUSALS, is_answer
from supabase_embedded import StackStatus
from supabase_embedded.node import npm_command
from tests.support import ROOT
from tests.support.game import Game, commit_cards
from tests.support.waiting import LIMIT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if page.name != "cli.md"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

Connection = psycopg.Connection[Any]


def each(pages: list[Path]) -> Any:
    """Run a test once for each page."""
    return pytest.mark.parametrize("page", pages, ids=[str(page.relative_to(ROOT)) for page in pages])


def code_of(page: Path) -> list[str]:
    """Every line of code of a page: of its blocks, and between backticks in its text."""
    text = page.read_text(encoding="utf-8")
    blocks = [line.strip() for _, block in FENCE.findall(text) for line in block.splitlines()]
    return blocks + re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


# Generated pages


@pytest.mark.parametrize("name", ["api.md", "errors.md"])
def test_a_generated_page_is_what_the_database_says(db: Connection, name: str) -> None:
    text = next(page.text for page in generate.pages(db) if page.name == name)
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name} is out of date: run `make docs`"


def test_the_database_the_page_and_python_have_the_same_refusals(db: Connection) -> None:
    in_sql = {
        code: (name, message)
        for code, name, message in db.execute("select code, name, message_en from private.refusals()")
    }
    row = re.compile(r"^\| `(MP\d{3})` \| 400 \| `(\w+)` \| (.*?)<br>", re.MULTILINE)
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    on_page = {code: (name, message) for code, name, message in row.findall(page)}
    in_python = {code: (refusal.__name__, refusal.__doc__) for code, refusal in REFUSALS.items()}
    assert on_page == in_sql
    assert in_python == in_sql


def test_the_codes_that_answer_and_those_that_do_not_are_told_apart_as_the_page_says() -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    lists, _, rest = page.partition("## When there is no answer")
    failures, _, _ = rest.partition("In JavaScript")
    code = re.compile(r"`((?:MP|PGRST)\d{3}|[0-9][0-9A-Z]{4}|XX000)`")
    assert [found for found in code.findall(lists) if not is_answer(found)] == []
    assert [found for found in code.findall(failures) if is_answer(found)] == []
    assert len(code.findall(failures)) > 10
    assert not any(is_answer(nothing) for nothing in (None, "", "500", "422", "42", "MP1"))


def api_functions(db: Connection) -> list[tuple[str, str | None]]:
    """Name and comment of every function of schema api."""
    query = "select proname, obj_description(oid, 'pg_proc') from pg_proc where pronamespace = 'api'::regnamespace"
    return db.execute(query).fetchall()


def test_every_view_function_and_row_type_of_the_api_has_a_comment(db: Connection) -> None:
    silent = [name for name, comment in api_functions(db) if not comment]
    silent += [
        name
        for (name,) in db.execute(
            "select relname from pg_class where relnamespace = 'api'::regnamespace and relkind in ('v', 'c')"
            " and coalesce(obj_description(oid, 'pg_class'), obj_description(reltype, 'pg_type')) is null"
        )
    ]
    assert silent == []


def test_every_function_of_the_api_lists_refusals_and_only_known_ones(db: Connection) -> None:
    for name, comment in api_functions(db):
        codes = generate.error_codes(comment)
        assert codes or str(comment).endswith("Errors: none."), f"the comment of {name} lists no errors"
        assert set(codes) <= set(REFUSALS), name
        assert codes == sorted(set(codes)), name


def test_a_function_lists_every_refusal_that_it_says_itself(db: Connection) -> None:
    listed = {name: set(generate.error_codes(comment)) for name, comment in api_functions(db)}
    bodies = db.execute("select proname, prosrc from pg_proc where pronamespace = 'private'::regnamespace").fetchall()
    said = {name: set(re.findall(r"refuse\('(MP\d{3})'", body)) for name, body in bodies if name in listed}
    assert {name: said[name] - listed[name] for name in said if said[name] - listed[name]} == {}


def test_the_list_of_errors_is_read_with_its_ranges() -> None:
    assert generate.error_codes("Does it. Errors: MP001–MP003, MP020.") == ["MP001", "MP002", "MP003", "MP020"]
    assert generate.error_codes("MP001 is only mentioned.") == []


# What the pages name


@each(PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each(WRITTEN)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for line in code_of(page) for name in re.findall(r"(?:^|\s)make ([a-z-]+)", line)}
    assert named <= targets


@cache
def root() -> Any:
    """The tree of commands, which takes a while to build."""
    import typer

    return typer.main.get_command(app)


def wrong_with(said: str) -> str | None:
    """What is wrong with a command as somebody is told to type it, without its `mpp`; None when it parses."""
    import shlex

    command: Any = root()
    # What may be left out, or is left to the reader, is no part of it.
    words = shlex.split(said.replace("[", " ").replace("]", " "))
    known = {name: parameter for parameter in command.params for name in parameter.opts if name.startswith("-")}
    while words and (option := known.get(words[0])) is not None:
        del words[: 1 if option.is_flag else 2]
    named = list(words)
    while words and not words[0].startswith(("-", "…")) and (children := getattr(command, "commands", None)):
        if words[0] in ("NOUN", "VERB"):
            return None
        if words[0] not in children:
            return f"there is no {words[0]} in mpp {' '.join(named[: len(named) - len(words)])}"
        command = children[words.pop(0)]
    if getattr(command, "commands", None) and not command.invoke_without_command:
        return "a command is missing" if words and words[0] != "…" else None
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")}
    room: float = sum(p.nargs if p.nargs > 0 else 1_000 for p in command.params if p.param_type_name == "argument")
    while words:
        word = words.pop(0)
        name, _, value = word.partition("=")
        if word.startswith("-") and not word.lstrip("-").replace(".", "").isdecimal():
            if name not in options:
                return f"there is no {name}"
            if not getattr(options[name], "is_flag", False) and not value and words and words[0] != "…":
                words.pop(0)
        elif word != "…":
            room -= 1
    return "too many arguments" if room < 0 else None


@each(WRITTEN)
def test_every_mpp_command_and_option_that_a_page_names_exists(page: Path) -> None:
    for line in code_of(page):
        for said in re.findall(r"(?:^|[\s(=])mpp ([^|>#)]+)", line):
            assert wrong_with(said) is None, f"{page.name}: mpp {said}: {wrong_with(said)}"


@cache
def supabase_commands() -> dict[tuple[str, ...], set[str]]:
    """The options of every command of the Supabase CLI, by its words: one start tells all, and takes seconds itself."""
    path = os.pathsep.join([str(Path(npm_command()[0]).parent), os.environ["PATH"]])
    script = subprocess.run(
        [ROOT / "node_modules/.bin/supabase", "--completions", "bash"],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    functions = dict(re.findall(r"^(_supabase\w*)\(\)\n(.*?)^}", script, re.MULTILINE | re.DOTALL))
    found: dict[tuple[str, ...], set[str]] = {}

    def look(name: str, words: tuple[str, ...]) -> None:
        children = re.findall(r"^ +([a-z-]+)\)\n +(_supabase\w+) ", functions[name], re.MULTILINE)
        if not children:
            found[words] = {
                option
                for options in re.findall(r"_filtered_flags\+=\"([^\"]+)", functions[name])
                for option in options.split()
            }
        for word, function in children:
            look(function, (*words, word))

    look("_supabase", ())
    return found


#: A command of a newer CLI than the one of package.json, as the page says.
NEWER = ("stack", "start")


@each(WRITTEN)
def test_every_supabase_command_and_option_that_a_page_names_exists(page: Path) -> None:
    for line in code_of(page):
        for said in re.findall(r"(?:^|[\s(=])supabase ((?!import )[a-z][^|>#)]*)", line):
            words = said.split()
            command = next((c for n in (1, 2, 3) if (c := tuple(words[:n])) in {*supabase_commands(), NEWER}), None)
            assert command, f"{page.name}: there is no supabase {said}"
            named = {word.partition("=")[0] for word in words[len(command) :] if re.match(r"--?[a-z]", word)}
            if command != NEWER:
                unknown = named - supabase_commands()[command]
                assert not unknown, f"{page.name}: supabase {said}: there is no {' '.join(sorted(unknown))}"


def test_the_commands_of_the_supabase_cli_are_read_with_their_options() -> None:
    assert {"--remote", "--dry-run"} <= supabase_commands()["db", "push"]
    assert "--reveal" in supabase_commands()["projects", "api-keys"]
    assert "--use-api" not in supabase_commands()["db", "push"]
    assert ("link",) in supabase_commands()
    assert ("db", "pusch") not in supabase_commands()


def texts_of(path: Path) -> Iterator[str]:
    """The texts of a program, X where something is filled in; of any other file, all of it."""
    import ast

    whole = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield whole
        return
    for node in ast.walk(ast.parse(whole)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)


def test_every_mpp_command_that_a_message_a_hint_or_a_help_names_exists() -> None:
    files = [path for place in ("cli", "mpp_supabase", "sql") for path in (ROOT / place).rglob("*") if path.is_file()]
    said = [
        (path.relative_to(ROOT), " ".join(command.split()))
        for path in sorted(files)
        if path.suffix in (".py", ".sql", ".html", ".txt", ".ts", ".typ")
        for text in texts_of(path)
        for command in re.findall(r"`mpp ([^`|>#]+)|Example: mpp ([^|>#\n]+)", text)
        for command in command
        if command
    ]
    assert len(said) > 150
    wrong = [f"{path}: mpp {command}: {fault}" for path, command in said if (fault := wrong_with(command))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "said",
    [
        "client territory acme",
        "client territory",
        "editions list",
        "edition stats --nothing x",
        "edition stats a b",
        "edition",
    ],
)
def test_a_command_that_does_not_parse_is_noticed(said: str) -> None:
    assert (wrong_with(said) is None) == (said in ("client territory", "edition"))


def test_the_settings_of_a_project_that_operations_shows_belong_to_the_file() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (block,) = (block for language, block in FENCE.findall(text) if language == "toml")
    file = (ROOT / "supabase/config.toml").read_text(encoding="utf-8")
    both = tomllib.loads(f"{file}\n{textwrap.dedent(block)}")
    remote = both["remotes"]["production"]
    # What is written for a laptop and would be wrong on a project.
    assert "127.0.0.1" in both["auth"]["site_url"]
    assert set(remote["auth"]) >= {"site_url", "additional_redirect_urls"}
    assert both["auth"]["email"]["max_frequency"] != remote["auth"]["email"]["max_frequency"]


@each(WRITTEN)
def test_every_file_and_module_that_a_page_names_exists(page: Path) -> None:
    places = r"(?:sql|supabase|catalogue|mpp_supabase|cli|tests|docs)"
    for line in code_of(page):
        for path in re.findall(rf"(?:^|\s)({places}/[\w./-]*\w)(?=$|\s)", line):
            assert (ROOT / path).exists(), f"{page.name} names {path}"
        for module in re.findall(rf"python -m ({places}[\w.]*)", line):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists(), f"{page.name} names {module}"


#: A name in a schema of the database. api.md and api.ts are files; after mpp, a call or another point means Python.
NAMED = re.compile(r"\b((?:api|private|request)\.(?!(?:md|ts)\b)[a-z_]+|mpp\.[a-z_]+(?![\w.(]))")


def test_every_object_of_the_database_that_a_page_names_exists(db: Connection) -> None:
    known = {
        name
        for (name,) in db.execute(
            "select n.nspname || '.' || x.name from pg_namespace n join ("
            " select pronamespace, proname from pg_proc union select relnamespace, relname from pg_class"
            " union select typnamespace, typname from pg_type) x (namespace, name) on x.namespace = n.oid"
            " where n.nspname in ('api', 'mpp', 'private', 'request')"
        )
    }
    policies = {name for (name,) in db.execute("select polname from pg_policy")}
    for page in WRITTEN + sorted((ROOT / "docs/decisions").glob("*.md")):
        code = [line for line in code_of(page) if "do_it" not in line]
        named = {name for line in code for name in re.findall(NAMED, line)}
        assert named - known - {"mpp.client"} == set(), page.name  # mpp.client is the name of an advisory lock
        assert {line for line in code if re.fullmatch(r"\w+_(?:select|insert|update|delete)_\w+", line)} <= policies


def test_the_architecture_names_the_files_in_which_things_are() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    places = re.findall(r"`(\w+\.)?(\w+)(?:\(\))?` in `(sql/schema/\w+\.sql)`", text)
    assert len(places) >= 5
    for _, name, file in places:
        said = rf"create (?:function|policy) (?:\w+\.)?{name}\b"
        assert re.search(said, (ROOT / file).read_text(encoding="utf-8")), f"{file} does not make {name}"


# Examples


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """The examples of the README by language, with an edition of their own."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("try-out", f"try-{uuid.uuid4().hex[:10]}")
    blocks = [(language, block) for language, block in FENCE.findall(text)]
    found = {language: block for language, block in blocks if language in ("python", "js")}
    found["sh"] = next(block for language, block in blocks if language == "sh" and "edition apply" in block)
    return found


@pytest.fixture(scope="module")
def shell(stack: StackStatus, examples: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs an example against the stack, after the commands that set up its edition; returns what it printed."""
    directory = tmp_path_factory.mktemp("examples")
    (directory / "node_modules").symlink_to(ROOT / "node_modules")
    mpp = directory / "bin" / "mpp"
    mpp.parent.mkdir()
    mpp.write_text(f"#!{sys.executable}\nfrom mpp_cli.app import main\nmain()\n")
    mpp.chmod(0o755)
    env = stack.env()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(mpp.parent), str(Path(npm_command()[0]).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")]),
        "SUPABASE_URL": env["API_URL"],
        "SUPABASE_PUBLISHABLE_KEY": env["PUBLISHABLE_KEY"],
        "SUPABASE_SECRET_KEY": env["SECRET_KEY"],
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # The stack of the tests is up, and its keys are in the environment.
    steps = [line for line in examples["sh"].splitlines() if not re.search(r"^mpp stack start|mpp stack env", line)]
    run("bash", "-euo", "pipefail", "-c", "\n".join(steps))
    yield run
    shutil.rmtree(directory)


def test_the_python_example_plays(shell: Any, examples: dict[str, str]) -> None:
    assert shell(sys.executable, "-c", examples["python"]).splitlines() == ["credited 3", "1 Ada vélo 3"]


def test_the_javascript_example_reads_and_is_refused(shell: Any, examples: dict[str, str]) -> None:
    version = int(shell("node", "--version").lstrip("v").split(".")[0])
    # supabase-js wants WebSocket, which Node has had of itself since 22.
    flags = ["--experimental-websocket"] if version < 22 else []
    said = shell("node", *flags, "--input-type=module", "-e", examples["js"])
    assert "Essai running" in said
    assert "MP002 An anonymous account can only read." in said


def test_the_repair_of_operations_makes_scores_and_counts_right_again(stack: StackStatus, db: Connection) -> None:
    commit_cards(stack.db_url)
    game = Game(db)
    edition = game.edition()
    league = game.league(edition)
    player = game.player(league)
    game.validate(player, edition, "t-soup")
    # The counts of a level are those of classes.
    taught = game.edition(audience="school", ranking_basis="average", league_max_players=40)
    game.class_(taught, pupils=["Lina", "Tom"])
    assert game.faults() == []
    game.run("update mpp.score set points = points + 7 where subject_id = %s", (player.player_id,))
    game.run("insert into mpp.score_delta (edition_id, subjects, team_to) values (%s, 2, 3)", (edition.id,))
    assert len(game.faults(edition)) >= 2
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    repair = next(block for language, block in FENCE.findall(text) if "mpp.score_delta" in block)
    steps = repair.replace("adult-2026-09", edition.code).removeprefix("begin;\n").removesuffix("commit;\n")
    db.execute(steps.encode())
    db.execute(steps.replace(edition.code, taught.code).encode())
    assert game.faults() == []
    assert game.score(player.player_id) == game.score(league.id) > 0
