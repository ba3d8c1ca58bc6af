"""`mpp db`: bring a database up to date, and check it. Runs the Supabase CLI that npm installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import typer

from mpp_cli import edition, output
from mpp_cli.arguments import Yes
from mpp_cli.exits import Exit
from mpp_cli.output import Output, formatted

if TYPE_CHECKING:
    from psycopg import Connection

app = typer.Typer(no_args_is_help=True)


@app.command()
def push(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the migrations that would be applied. None is applied.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Apply the migrations that a database does not have yet (`supabase db push`).

    The database is DB_URL or SUPABASE_DB_URL, else that of the local stack.

    Example: DB_URL=postgres://postgres:PASSWORD@HOST:5432/postgres mpp db push --dry-run
    """
    url = _database_url()
    _reach(url).close()
    if not dry_run:
        output.confirm(f"Apply the migrations to {_place(url)}?", yes=yes)
    code = _supabase(url, "db", "push", *(["--dry-run"] if dry_run else ["--yes"]))
    if code != 0:
        _failed("The migrations could not all be applied.", Exit.REFUSED)


@app.command()
def lint() -> None:
    """Check the functions and the security of a database (`supabase db lint` and `supabase db advisors`).

    The exit code is 4 when one of them finds something. The database is DB_URL or SUPABASE_DB_URL, else that of the
    local stack.

    Example: mpp db lint
    """
    url = _database_url()
    # The advisors only look at the schemas that PostgREST exposes, and a plain connection does not say which.
    looking = _with_option(url, "pgrst.db_schemas", "api")
    checks = {"advisors": (looking, "db", "advisors", "--level", "warn", "--fail-on", "warn")}
    if _has_extension(url, "plpgsql_check"):
        checks["lint"] = (url, "db", "lint", "--schema", "api,mpp,private", "--fail-on", "warning")
    else:
        output.say("Lint is left out: this server has no plpgsql_check (hosted Supabase has).")
    found = [name for name, check in checks.items() if _supabase(*check) != 0]
    if found:
        _failed(f"Findings of {' and '.join(found)}: see above.", Exit.CHECK_FAILED)
    output.say(f"{' and '.join(checks).capitalize()} found nothing.")


@app.command()
@formatted
def verify(
    code: Annotated[
        str | None, typer.Argument(metavar="[EDITION]", help="Code of the edition. Default: all editions.")
    ] = None,
    *,
    out: Output,
) -> None:
    """Prove that every score equals the sum of its credited validations. The exit code is 4 when one does not.

    Example: mpp db verify
    """
    edition.prove(code, out)


def _database_url() -> str:
    from mpp_supabase import ConfigError, load_settings

    for name in ("DB_URL", "SUPABASE_DB_URL"):
        if os.environ.get(name):
            url, source = os.environ[name], name
            break
    else:
        settings = load_settings()
        if settings.database_url is None:
            raise ConfigError(f"{settings.source} names no database.", "Set DB_URL to its Postgres address.")
        url, source = settings.database_url.get_secret_value(), settings.source
    if urlsplit(url).scheme not in ("postgres", "postgresql") or not urlsplit(url).hostname:
        raise ConfigError(f"{source} is not a Postgres address.", "Write postgres://USER:PASSWORD@HOST:PORT/postgres.")
    output.say(f"Using {source}: {_place(url)}")
    return url


def _has_extension(url: str, name: str) -> bool:
    with _reach(url) as connection:
        found = connection.execute("select from pg_available_extensions where name = %s", (name,))
        return found.fetchone() is not None


def _reach(url: str) -> Connection:
    """A connection to the database, or why there is none: the Supabase CLI would name settings that are not ours."""
    import psycopg

    from mpp_supabase import TransportError

    try:
        # Nothing is prepared: a pooler in transaction mode would not find it again.
        return psycopg.connect(url, connect_timeout=5, prepare_threshold=None)
    except psycopg.OperationalError as error:
        # What the server answered, without the lines about connections that were tried; it repeats no password.
        _, refused, reason = str(error).partition("FATAL:")
        if not refused:
            raise TransportError(f"The database {_place(url)} cannot be reached.", "Check DB_URL.") from None
        if "password" in reason:
            user = urlsplit(url).username or "nobody"
            message = f"The database {_place(url)} does not accept the password of {user}."
            raise TransportError(message, "Correct the password in DB_URL.") from None
        message = f"The database {_place(url)} refuses: {reason.strip().splitlines()[0].strip()}."
        raise TransportError(message, "Check DB_URL.") from None


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def _with_option(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query), ("options", f"-c {name}={value}")]
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def _without_password(url: str) -> tuple[str, str]:
    """The address without its password, and the password: command lines are seen by everybody on the machine."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{place}")), unquote(parts.password)


def _supabase(url: str, *arguments: str) -> int:
    from mpp_supabase.project import find_project
    from supabase_embedded.node import npm_command

    project = find_project()
    program = project.npm_directory(project.home) / "node_modules" / ".bin" / "supabase"
    on_path = shutil.which("supabase")
    if not program.exists() and on_path is None:
        from mpp_supabase import ConfigError

        raise ConfigError("The Supabase CLI is not installed.", "Run `make setup`, or `npm install` in the project.")
    address, password = _without_password(url)
    environment = dict(os.environ, SUPABASE_TELEMETRY_DISABLED="1", DO_NOT_TRACK="1")
    if password:
        environment["PGPASSWORD"] = password
    # The npm of the wheel has its node beside it, not on PATH.
    environment["PATH"] = os.pathsep.join([str(Path(npm_command()[0]).parent), environment.get("PATH", "")])
    command = [str(program if program.exists() else on_path), *arguments, f"--remote={address}"]
    return subprocess.run(
        [*command, "--workdir", str(project.files)], env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


def _failed(message: str, code: Exit) -> NoReturn:
    output.say(f"mpp: {message}")
    raise typer.Exit(code)
