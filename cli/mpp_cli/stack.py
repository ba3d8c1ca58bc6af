"""`mpp stack`: the embedded Supabase of this project, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import output
from mpp_cli.arguments import Yes
from mpp_cli.exits import Exit

if TYPE_CHECKING:
    from types import FrameType

    from supabase_embedded import Ports, ReplicaStatus, Stack, StackStatus

app = typer.Typer(no_args_is_help=True, help="The embedded Supabase: Postgres, PostgREST, Auth, mailbox and gateway.")

_NOT_STARTED = "No stack is running here. Start one with `mpp stack start`."

#: Variables of the SDKs and of `mpp` itself, and the names of `supabase status` that they take their values from.
_SDK_NAMES = {
    "SUPABASE_URL": "API_URL",
    "SUPABASE_PUBLISHABLE_KEY": "PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY": "SECRET_KEY",
    "SUPABASE_DB_URL": "DB_URL",
}


@app.command()
def start(
    port_base: Annotated[
        int | None,
        typer.Option(help="Port of the gateway; the other ports follow it. Default: 54321.", min=1024, max=65_000),
    ] = None,
    replica: Annotated[
        bool, typer.Option("--replica", help="Run a standby of the database too, which serves the reads of the API.")
    ] = False,
) -> None:
    """Start the stack, or say that it runs already. Services that died or do not answer are started again.

    The first start installs what the stack needs, and creates the database. A replica that was started goes on where it
    was when the stack is started with `--replica` again; a start without deletes it.

    Example: mpp stack start --port-base 55321
    """
    from supabase_embedded import Ports

    stack = _stack(Ports.from_base(port_base) if port_base else None)
    with _terminated_like_interrupted():
        try:
            status = stack.start(output.say, replica=replica)
        except KeyboardInterrupt:
            output.say("Interrupted: nothing of the stack is left running.")
            # All is said: Typer's own exit would be told as an interruption once more.
            raise SystemExit(Exit.INTERRUPTED) from None
    if status.already_running:
        output.say(f"The stack is already running at {status.api_url} (`mpp stack status` shows the keys).")
        if port_base and port_base != status.ports.gateway:
            output.say("To move it to other ports, stop it first: mpp stack stop")
        if replica and "REPLICA_DB_URL" not in status.env():
            output.say("To start it with a replica, stop it first: mpp stack stop")
        return
    output.say(f"The stack is running at {status.api_url}, mails at {status.env()['MAILPIT_URL']}.")


@app.command()
def stop() -> None:
    """Stop the stack. Its data stays for the next start.

    Example: mpp stack stop
    """
    output.say("The stack is stopped." if _stack().stop() else "The stack was not running.")


@app.command()
def status(
    as_json: output.Json = False,
) -> None:
    """Show the addresses, the keys and the services of the stack. The exit code is 3 unless all services answer.

    Example: mpp stack status --json
    """
    found = _stack().status()
    if found is None:
        output.say(_NOT_STARTED)
        raise typer.Exit(Exit.CONNECTION)
    if as_json:
        print(json.dumps(found.env() | ({"REPLICA": asdict(found.replica)} if found.replica else {}), indent=2))
    else:
        _print_tables(found)
    if not any(service.running for service in found.services):
        output.say("The stack is not running: start it with `mpp stack start`.")
        raise typer.Exit(Exit.CONNECTION)
    if not found.running:
        wrong = ", ".join(
            f"{service.name} ({service.state})" for service in found.services if service.state != "running"
        )
        output.say(f"Not well: {wrong}. `mpp stack start` starts these again and leaves the rest as it is.")
        raise typer.Exit(Exit.CONNECTION)


@app.command()
def logs(
    service: Annotated[
        str | None,
        typer.Argument(metavar="[SERVICE]", help="A service of `mpp stack status`, supervisor or npm. Default: all."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing what is written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines of each log to print.", min=0)] = 50,
) -> None:
    """Print the last lines of the logs.

    Example: mpp stack logs postgrest -f
    """
    from supabase_embedded import StackError
    from supabase_embedded.process import follow as follow_logs
    from supabase_embedded.process import tail

    directory = _stack().logs
    found = sorted(directory.glob("*.log"))
    if service is not None:
        names = ", ".join(path.stem for path in found)
        found = [path for path in found if path.stem == service]
        if not found:
            hint = f"There are: {names}." if names else "Nothing has been started yet: `mpp stack start`."
            raise StackError(f"There is no log of {service!r}.", hint)

    def show(path: Path, text: str) -> None:
        print(output.clean(text if len(found) == 1 else f"{path.stem:>9} | {text}"), flush=True)

    for path in found:
        for text in tail(path, lines):
            show(path, text)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for path, text in follow_logs(found):
                show(path, text)


@app.command()
def env(
    dotenv: Annotated[bool, typer.Option("--dotenv", help="Print NAME=value lines for a .env file.")] = False,
) -> None:
    """Print the addresses and keys as shell commands, under the names that the Supabase SDKs and `mpp` read.

    Example: eval "$(mpp stack env)"
    """
    found = _stack().status()
    if found is None:
        output.say(_NOT_STARTED)
        raise typer.Exit(Exit.CONNECTION)
    values = found.env()
    for name, value in {**values, **{sdk: values[ours] for sdk, ours in _SDK_NAMES.items()}}.items():
        print(f"{name}={value}" if dotenv else f"export {name}={shlex.quote(value)}")


@app.command()
def reset(yes: Yes = False) -> None:
    """Stop the stack and delete its database, keys and logs.

    Example: mpp stack reset --yes
    """
    stack = _stack()
    output.confirm(f"Delete the database, the keys and the logs in {stack.home}?", yes=yes)
    stack.reset()
    output.say("The stack is gone. `mpp stack start` makes a new one.")


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Sign user tokens with a new key. Tokens of the former key stay valid until they expire.

    Example: mpp stack rotate-keys
    """
    _stack().rotate_keys()
    output.say("Tokens are signed with a new key from now on.")


def _stack(ports: Ports | None = None) -> Stack:
    from mpp_supabase.local_stack import local_stack

    return local_stack(ports)


def _print_tables(found: StackStatus) -> None:
    columns = [
        output.Column("service", lambda service: service.name),
        output.Column("port", lambda service: service.port, right=True),
        output.Column("pid", lambda service: service.pid or None, right=True),
        output.Column("state", lambda service: service.state),
    ]
    output.Output().rows(found.services, columns, fields=())
    print()
    for name, value in found.env().items():
        # Keys are there to be copied: never cut or wrapped.
        print(f"{name:<17} {value}")
    if found.replica:
        print(f"\n{_of_replica(found.replica)}")


def _of_replica(replica: ReplicaStatus) -> str:
    if replica.seconds_behind is None:
        return "The replica does not follow the primary, which answers all reads."
    behind = f"The replica is {replica.seconds_behind:.1f} s ({replica.bytes_behind} bytes of the log) behind"
    return f"{behind} and answers reads." if replica.serves else f"{behind}: too far, so the primary answers all reads."


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that a start that is killed politely cleans up too."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
