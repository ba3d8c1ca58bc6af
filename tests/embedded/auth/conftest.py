"""Auth servers to try: always ours, and the real Supabase Auth server too when MPP_AUTH_BIN names its binary.

Both have their own database on one Postgres server of this directory's own, and each runs twice: `auth` takes addresses
as they are, lets an hour pass between two mails to one account and knows second factors; `strict` wants addresses
confirmed, lets no time pass, and asks a hook in the database for the claims of tokens. Spans of time are an hour or
next to nothing, so that no test depends on the speed of the machine. What is to be outside one is moved back in the
database (`let_hours_pass`).
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import psycopg
import pytest
from supabase_auth import SyncGoTrueClient
from supabase_auth._sync.gotrue_admin_api import SyncGoTrueAdminAPI

from mpp_supabase.local_stack import stack_settings
from mpp_supabase.project import find_project
from supabase_embedded.auth.environment import auth_environment
from supabase_embedded.keys import Keys
from supabase_embedded.node import find_binaries
from supabase_embedded.postgres.server import PostgresServer
from supabase_embedded.state import Ports
from tests.support.waiting import LIMIT, wait_until

BACKENDS = ["ours", "real"] if os.environ.get("MPP_AUTH_BIN") else ["ours"]
PASSWORD = "correct horse battery"
MOST_FACTORS = 3
SITE = "http://127.0.0.1:3000"

_HOOK = """
create schema hooks;
create function hooks.claims(event jsonb) returns jsonb language plpgsql set search_path = '' as $$
begin
    if event -> 'claims' ->> 'email' like 'refused-%' then
        return '{"error": {"http_code": 403, "message": "Not this season"}}';
    end if;
    if event -> 'claims' ->> 'email' like 'broken-%' then
        return jsonb_build_object('claims', (event -> 'claims') - 'sub');
    end if;
    return jsonb_set(event, '{claims,met_by}', to_jsonb(event ->> 'authentication_method'));
end
$$;
grant usage on schema hooks to supabase_auth_admin;
grant execute on function hooks.claims to supabase_auth_admin;
"""


@dataclass(frozen=True)
class Mailbox:
    """The running mailbox."""

    url: str
    smtp_port: int
    http: httpx.Client

    def mails(self, address: str) -> list[dict[str, Any]]:
        """What came for an address, the newest first."""
        found = self.http.get(f"{self.url}/api/v1/search", params={"query": f"to:{address}"}).json()["messages"]
        exact = [mail["ID"] for mail in found if [to["Address"] for to in mail["To"]] == [address]]
        return [self.http.get(f"{self.url}/api/v1/message/{mail_id}").json() for mail_id in exact]


@dataclass(frozen=True)
class Mail:
    """What a person finds in a mail."""

    subject: str
    link: str
    code: str

    @property
    def token_hash(self) -> str:
        """The hash in the link."""
        return parse_qs(urlsplit(self.link).query)["token"][0]


@dataclass(frozen=True)
class AuthServer:
    """A running Auth server, its database and the mailbox it writes to."""

    backend: str
    url: str
    database_url: str
    keys: Keys
    mailbox: Mailbox
    log: Path
    http: httpx.Client

    def client(self, flow_type: Any = "implicit") -> SyncGoTrueClient:
        """A phone: the Python client with a memory of its own."""
        return SyncGoTrueClient(
            url=self.url, headers={}, auto_refresh_token=False, flow_type=flow_type, http_client=self.http
        )

    def admin(self) -> SyncGoTrueAdminAPI:
        """The association's tools, by the secret's service_role token."""
        headers = {"Authorization": f"Bearer {self.role_token('service_role')}"}
        return SyncGoTrueAdminAPI(url=self.url, headers=headers, http_client=self.http)

    def role_token(self, role: str, seconds: int = 3600) -> str:
        """The token that the gateway makes of an API key."""
        now = int(time.time())
        return jwt.encode({"role": role, "iat": now, "exp": now + seconds}, self.keys.jwt_secret, "HS256")

    def call(
        self, method: str, path: str, body: object = None, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """One request as it is on the wire; redirects are answers."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return self.http.request(method, self.url + path, json=body, headers=sent)

    def sign_up(self, address: str, **body: object) -> httpx.Response:
        """A sign-up with the password of these tests."""
        return self.call("POST", "/signup", {"email": address, "password": PASSWORD} | body)

    def sign_in(self, address: str, password: str = PASSWORD) -> httpx.Response:
        """A sign-in by password."""
        return self.call("POST", "/token?grant_type=password", {"email": address, "password": password})

    def refresh(self, token: str) -> httpx.Response:
        """An exchange of a refresh token."""
        return self.call("POST", "/token?grant_type=refresh_token", {"refresh_token": token})

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database says to a superuser."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def let_hours_pass(self, refresh_token: str) -> None:
        """Make every exchange of a session two hours older, which is beyond the reuse interval."""
        self.rows(
            "update auth.refresh_tokens set updated_at = updated_at - interval '2 hours'"
            " where session_id = (select session_id from auth.refresh_tokens where token = %s)",
            refresh_token,
        )

    def at_once(
        self, count: int, call: Callable[[], httpx.Response], row: str, *values: object
    ) -> list[httpx.Response]:
        """Answers to requests that all meet at a row: it stays locked until several of them wait for it."""
        with ThreadPoolExecutor(count) as pool, psycopg.connect(self.database_url) as holder:
            holder.execute(f"select 1 from {row} for update".encode(), values)
            answers = [pool.submit(call) for _ in range(count)]
            self.await_waiting(5)
            holder.rollback()
            return [answer.result() for answer in answers]

    def await_waiting(self, count: int) -> None:
        """Wait until so many connections wait for a lock, or two seconds: the real server does not wait for a session
        that is locked but tries again, for five seconds."""
        query = b"select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        deadline = time.monotonic() + 2
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            while time.monotonic() < deadline:
                row = connection.execute(query).fetchone()
                if row is not None and row[0] >= count:
                    return
                time.sleep(0.02)

    def mail(self, address: str, count: int = 1) -> Mail:
        """The newest mail for an address, of exactly `count`."""
        found = self.mailbox.mails(address)
        assert len(found) == count, [mail["Subject"] for mail in found]
        link = re.search(r'href="([^"]+)"', found[0]["HTML"])
        code = re.search(r"<strong>(\d{6})</strong>", found[0]["HTML"])
        assert code is not None
        return Mail(found[0]["Subject"], html.unescape(link[1]) if link else "", code[1])


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """A directory that the user who runs Postgres for root can enter."""
    path = Path(tempfile.mkdtemp(prefix="mpp-auth-tests-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """The connections of all phones and tools."""
    with httpx.Client(timeout=LIMIT) as client:
        yield client


@pytest.fixture(scope="session")
def mailbox(directory: Path, http: httpx.Client) -> Iterator[Mailbox]:
    """A mailbox process."""
    ports = Ports.free()
    environment = {"EMBEDDED_MAILBOX_HTTP_PORT": str(ports.mailbox), "EMBEDDED_MAILBOX_SMTP_PORT": str(ports.smtp)}
    url = f"http://127.0.0.1:{ports.mailbox}"
    command = [sys.executable, "-m", "supabase_embedded.mailbox"]
    with _running(command, environment, directory / "mailbox.log", f"{url}/readyz"):
        yield Mailbox(url, ports.smtp, http)


@pytest.fixture(scope="session")
def postgres(directory: Path) -> Iterator[PostgresServer]:
    """A Postgres with Supabase's roles, durability off: nothing here outlives the tests."""
    server = PostgresServer(
        find_binaries(stack_settings()).postgres,
        directory / "data",
        Ports.free().postgres,
        settings={"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB"},
    )
    server.initialise()
    yield server
    server.stop()
    server.remove_data()


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which Auth server a test talks to."""
    return str(request.param)


@pytest.fixture(scope="session")
def database(postgres: PostgresServer, backend: str) -> str:
    """The name of the backend's own database, like a hosted project's before the Auth server first starts."""
    name = f"auth_{backend}"
    copy_database(postgres, name)
    with postgres.connect("supabase_admin", name) as connection:
        connection.execute(_HOOK)
    return name


@pytest.fixture(scope="session")
def signing_keys() -> Keys:
    """The keys that every server of these tests has."""
    return Keys.generate()


@pytest.fixture(scope="session")
def launch(
    postgres: PostgresServer, database: str, backend: str, mailbox: Mailbox, signing_keys: Keys, directory: Path
) -> Callable[..., contextlib.AbstractContextManager[AuthServer]]:
    """Starts another server on the backend's database, with options of `auth_environment`."""

    @contextlib.contextmanager
    def start(**options: Any) -> Iterator[AuthServer]:
        port = Ports.free().auth
        url = f"http://127.0.0.1:{port}"
        defaults: dict[str, Any] = {
            "database_url": postgres.url("supabase_auth_admin", database),
            "external_url": url,
            "site_url": SITE,
            "redirect_urls": ["https://*.mapetiteplanete.example/**"],
            "jwt_secret": signing_keys.jwt_secret,
            "jwt_keys": signing_keys.auth_keys(),
            "smtp_port": mailbox.smtp_port,
            "port": port,
            "templates_url": f"{mailbox.url}/templates",
        }
        environment = auth_environment(**defaults | options)
        log = directory / f"auth-{port}.log"
        command = auth_command(backend)
        run_once([*command, "migrate"], environment, directory)
        with _running([*command, "serve"], environment, log, f"{url}/health"):
            admin_url = postgres.url("supabase_admin", database)
            yield AuthServer(backend, url, admin_url, signing_keys, mailbox, log, mailbox.http)

    return start


@pytest.fixture(scope="session")
def auth(launch: Callable[..., contextlib.AbstractContextManager[AuthServer]]) -> Iterator[AuthServer]:
    """A server that takes addresses as they are, and second factors."""
    options = {"totp": True, "most_factors": MOST_FACTORS}
    with launch(autoconfirm=True, mail_interval="1h", reuse_seconds=3600, **options) as server:
        yield server


@pytest.fixture(scope="session")
def strict(launch: Callable[..., contextlib.AbstractContextManager[AuthServer]]) -> Iterator[AuthServer]:
    """A server that wants addresses confirmed, with a hook for the claims of tokens."""
    with launch(autoconfirm=False, mail_interval="1ms", access_token_hook="hooks.claims") as server:
        yield server


@pytest.fixture
def address() -> str:
    """An address that nobody has."""
    return f"ada-{secrets.token_hex(5)}@example.org"


def auth_command(backend: str) -> list[str]:
    """The program of a backend, without its verb."""
    return [os.environ["MPP_AUTH_BIN"]] if backend == "real" else [sys.executable, "-m", "supabase_embedded.auth"]


def copy_database(postgres: PostgresServer, name: str) -> None:
    """Make a database like the one of a new stack."""
    with postgres.connect("supabase_admin", "template1") as connection:
        connection.execute(f"create database {name} template postgres owner postgres".encode())
        connection.execute(f"grant create on database {name} to supabase_auth_admin".encode())


def run_once(command: list[str], environment: dict[str, str], directory: Path) -> None:
    """Run a program that ends by itself."""
    done = subprocess.run(
        command, env=_environment(environment), cwd=directory, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path, ready_url: str) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=_environment(environment),
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: process.poll() is not None or _answers(ready_url), log.read_text)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=LIMIT).status_code == 200
    except httpx.HTTPError:
        return False


def _environment(environment: dict[str, str]) -> dict[str, str]:
    # Not the tester's own settings of a server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOTRUE_", "MPP_", "PORT"))}
    paths = [str(find_project().files), os.environ.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | environment
