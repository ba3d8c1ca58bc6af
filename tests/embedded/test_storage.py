"""The files of clients over HTTP, as apps, curl and browsers ask for them: two clients, and what neither may reach."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from mpp_supabase.local_stack import stack_settings
from supabase_embedded import Ports, Stack, StackStatus
from supabase_embedded.config import Config
from tests.support.phone import node
from tests.support.stack_tools import processes_of
from tests.support.waiting import LIMIT, wait_until

BUCKET = "client-files"
PDF = {"content-type": "application/pdf"}


@dataclass
class Somebody:
    """An app with the publishable key and the session of an account, or none; or the association with its key."""

    http: httpx.Client
    headers: dict[str, str]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request to Storage."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.http.request(method, f"/storage/v1/{path}", headers=headers, **options)

    def put(self, name: str, content: bytes = b"%PDF-1.4", method: str = "POST", **headers: str) -> httpx.Response:
        """Upload a PDF."""
        return self.ask(method, f"object/{BUCKET}/{name}", content=content, headers={**PDF, **headers})

    def get(self, name: str) -> httpx.Response:
        """Download a file."""
        return self.ask("GET", f"object/{BUCKET}/{name}")

    def names(self, prefix: str) -> list[str]:
        """What is directly below a prefix."""
        answer = self.ask("POST", f"object/list/{BUCKET}", json={"prefix": prefix, "limit": 1000})
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()]


@dataclass
class Office:
    """Clients A and B, with a file in the kit of each and one of its own, and their people."""

    status: StackStatus
    http: httpx.Client
    a: int
    b: int
    desk: Somebody
    viewer_a: Somebody
    owner_a: Somebody
    owner_b: Somebody
    early_a: Somebody
    late_a: Somebody
    player: Somebody
    anonymous: Somebody
    passer_by: Somebody

    def rows(self) -> list[tuple[Any, ...]]:
        """Every file by its row."""
        with psycopg.connect(self.status.db_url) as db:
            return db.execute("select name, version, metadata from storage.objects order by name").fetchall()


@pytest.fixture
def office(stack: StackStatus) -> Iterator[Office]:
    with httpx.Client(base_url=stack.api_url, timeout=LIMIT) as http:
        yield make_office(stack, http)


def make_office(stack: StackStatus, http: httpx.Client) -> Office:
    values = stack.env()
    key = {"apikey": values["PUBLISHABLE_KEY"]}
    desk = Somebody(http, {"apikey": values["SECRET_KEY"]})

    def account(body: dict[str, Any]) -> tuple[Somebody, str]:
        answer = http.post("/auth/v1/signup", json=body, headers=key)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return Somebody(http, {**key, "authorization": f"Bearer {found['access_token']}"}), found["user"]["id"]

    def somebody() -> tuple[Somebody, str]:
        return account({"email": f"{uuid.uuid4().hex}@example.org", "password": uuid.uuid4().hex})

    def organisation() -> int:
        body = {"code": f"t-{uuid.uuid4().hex[:12]}", "name": "Exemple SA"}
        headers = {**desk.headers, "content-profile": "api"}
        return int(http.post("/rest/v1/rpc/set_organisation", json=body, headers=headers).json())

    def staff(organisation_id: int, role: str, first: int = -30, last: int = 30) -> Somebody:
        person, account_id = somebody()
        with psycopg.connect(stack.db_url) as db:
            db.execute(
                "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
                " values (%s, %s, %s, private.clock() + make_interval(days => %s), private.clock() +"
                " make_interval(days => %s))",
                (organisation_id, account_id, role, first, last),
            )
        return person

    a, b = organisation(), organisation()
    made = Office(
        stack, http, a, b, desk,
        viewer_a=staff(a, "viewer"), owner_a=staff(a, "owner"), owner_b=staff(b, "owner"),
        early_a=staff(a, "owner", 1, 30), late_a=staff(a, "owner", -30, -1),
        player=somebody()[0], anonymous=account({})[0], passer_by=Somebody(http, key),
    )  # fmt: skip
    for one in (a, b):
        for name in ("poster.pdf", "own/logo.pdf"):
            assert desk.put(f"{one}/{name}", f"%PDF {one} {name}".encode()).status_code == 200
    return made


def said(answer: httpx.Response) -> tuple[int, str, str]:
    """What an answer tells: HTTP status, and Storage's own status and error."""
    body = answer.json()
    return answer.status_code, body["statusCode"], body["error"]


NOT_FOUND = (400, "404", "not_found")
DENIED = (400, "403", "Unauthorized")


def test_staff_read_their_kit_and_managers_keep_what_is_their_own(office: Office) -> None:
    for person in (office.viewer_a, office.owner_a, office.desk):
        assert person.get(f"{office.a}/poster.pdf").content == f"%PDF {office.a} poster.pdf".encode()
        assert person.names(str(office.a)) == ["own", "poster.pdf"]
        assert person.names(f"{office.a}/own") == ["logo.pdf"]
    assert office.viewer_a.names("") == [str(office.a)]
    own = f"{office.a}/own/new.pdf"
    assert said(office.viewer_a.put(own)) == DENIED
    assert office.owner_a.put(own, b"first").status_code == 200
    assert said(office.owner_a.put(own, b"second")) == (400, "409", "Duplicate")
    assert office.owner_a.put(own, b"second", **{"x-upsert": "true"}).status_code == 200
    assert office.owner_a.put(own, b"third", "PUT").status_code == 200
    assert office.viewer_a.get(own).content == b"third"
    for name in (f"{office.a}/new.pdf", f"{office.a}/poster.pdf", f"{office.a}/guides/new.pdf"):
        for headers in ({}, {"x-upsert": "true"}):
            assert said(office.owner_a.put(name, **headers)) == DENIED
    assert said(office.owner_a.ask("DELETE", f"object/{BUCKET}/{office.a}/poster.pdf")) == DENIED
    assert office.owner_a.ask("DELETE", f"object/{BUCKET}/{own}").status_code == 200
    assert said(office.owner_a.get(own)) == NOT_FOUND


def attempts(office: Office, organisation: int, name: str) -> dict[str, Callable[[Somebody], httpx.Response]]:
    """Everything that somebody may try on one file, as requests."""
    path, own, body = f"{organisation}/{name}", f"{office.a}/own/stolen.pdf", {"expiresIn": 3600}
    file = f"object/{BUCKET}/{path}"
    both = {"bucketId": BUCKET, "sourceKey": path, "destinationKey": own}
    back = {"bucketId": BUCKET, "sourceKey": f"{office.a}/own/logo.pdf", "destinationKey": path}
    return {
        "download": lambda p: p.ask("GET", file),
        "authenticated": lambda p: p.ask("GET", f"object/authenticated/{BUCKET}/{path}"),
        "public": lambda p: p.ask("GET", f"object/public/{BUCKET}/{path}"),
        "range": lambda p: p.ask("GET", file, headers={"range": "bytes=0-1"}),
        "head": lambda p: p.ask("HEAD", file),
        "info": lambda p: p.ask("GET", f"object/info/{BUCKET}/{path}"),
        "sign": lambda p: p.ask("POST", f"object/sign/{BUCKET}/{path}", json=body),
        "sign an upload": lambda p: p.ask("POST", f"object/upload/sign/{BUCKET}/{path}"),
        "upload": lambda p: p.put(path),
        "upsert": lambda p: p.put(path, **{"x-upsert": "true"}),
        "replace": lambda p: p.put(path, method="PUT"),
        "move": lambda p: p.ask("POST", "object/move", json=both),
        "copy": lambda p: p.ask("POST", "object/copy", json=both),
        "move there": lambda p: p.ask("POST", "object/move", json=back),
        "copy there": lambda p: p.ask("POST", "object/copy", json=back),
        "copy over": lambda p: p.ask("POST", "object/copy", json=back, headers={"x-upsert": "true"}),
        "remove": lambda p: p.ask("DELETE", file),
    }


@pytest.mark.parametrize("who", ["owner_a", "viewer_a", "early_a", "late_a", "player", "anonymous", "passer_by"])
def test_a_file_of_b_is_answered_as_one_that_is_not_there(office: Office, who: str) -> None:
    """Status, headers and words are those for a name that nobody ever used: not even the existence shows."""
    person, before = getattr(office, who), office.rows()
    for name in ("poster.pdf", "own/logo.pdf"):
        missing = name.replace(".pdf", "-no.pdf")
        for act, there in attempts(office, office.b, name).items():
            answers = []
            for answer in (there(person), attempts(office, office.b, missing)[act](person)):
                kept = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}
                answers.append((answer.status_code, answer.text.replace("-no", ""), kept))
            assert answers[0][0] == 400, (act, answers[0])
            assert answers[0] == answers[1], act
    listed = person.names(str(office.b)) if who != "passer_by" else []
    assert listed == []
    many = {"expiresIn": 60, "paths": [f"{office.b}/poster.pdf", f"{office.b}/no.pdf"]}
    signed = person.ask("POST", f"object/sign/{BUCKET}", json=many).json()
    assert {(each["signedURL"], each["error"]) for each in signed} == {
        (None, "Either the object does not exist or you do not have access to it")
    }
    removed = person.ask("DELETE", f"object/{BUCKET}", json={"prefixes": many["paths"]})
    assert removed.json() == []
    assert office.rows() == before


@pytest.mark.parametrize("who", ["early_a", "late_a"])
def test_outside_their_dates_staff_see_nothing_of_their_own_kit_either(office: Office, who: str) -> None:
    person, before = getattr(office, who), office.rows()
    for act, ask in attempts(office, office.a, "own/logo.pdf").items():
        assert ask(person).status_code == 400, act
    assert person.names(str(office.a)) == person.names("") == []
    assert office.rows() == before


def raw(status: StackStatus, line: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    """A request with a path that no HTTP library would send as it is."""
    port = httpx.URL(status.api_url).port
    assert port is not None
    lines = [f"{line} HTTP/1.1", "host: 127.0.0.1", "connection: close", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


def test_no_spelling_of_a_path_leads_from_a_to_b(office: Office) -> None:
    a, b, before = office.a, office.b, office.rows()
    spellings = (
        f"{a}/../{b}/poster.pdf", f"{a}/..%2F{b}/poster.pdf", f"{a}/%2e%2e/{b}/poster.pdf",
        f"{a}%2F..%2F{b}%2Fposter.pdf",
        f"{a}/own/../../{b}/poster.pdf", f"./{b}/poster.pdf", f"0{b}/poster.pdf", f"+{b}/poster.pdf",
        f"%20{b}/poster.pdf",
        f"{b}%00/poster.pdf", f"{b}%0A/poster.pdf", f"{b}/poster.pdf%00", f"{b}//poster.pdf", f"/{b}/poster.pdf",
        f"{b}%5Cposter.pdf", "%D9%A3/poster.pdf", "%EF%BC%91/poster.pdf", f"{b}%2Fposter.pdf", f"{b}%252Fposter.pdf",
        f"{b}/poster.pdf/", f"{b}/./poster.pdf", f"{b}/POSTER.PDF", f"{b}/poster.pdf%3F", "x" * 4000,
        "%FF%FE/poster.pdf", f"{b}/{'x' * 2000}.pdf", f"{a}/own/logo.pdf/../../../{b}/poster.pdf",
    )  # fmt: skip
    headers = {**office.owner_a.headers, **PDF}
    for spelling in spellings:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            status, body = raw(office.status, f"{method} /storage/v1/object/{BUCKET}/{spelling}", headers, b"stolen")
            assert status in (400, 404), (method, spelling, status)
            assert b"%PDF" not in body, (method, spelling)
    assert office.rows() == before
    for part in ("info", "authenticated", "sign", "upload/sign", "public"):
        status, body = raw(office.status, f"GET /storage/v1/object/{part}/{BUCKET}/{a}/..%2F{b}/poster.pdf", headers)
        assert (status, b"%PDF" in body) in ((400, False), (404, False)), part


@pytest.mark.parametrize("prefix", ["{b}", "{b}/", "/{b}", "{a}/../{b}", "%", "_", "{b}%", "", "0{b}", "{b}/own", "\\"])
def test_no_prefix_of_a_list_shows_what_is_bs(office: Office, prefix: str) -> None:
    asked = {"prefix": prefix.format(a=office.a, b=office.b), "search": "", "limit": 1000}
    for more in ({}, {"search": "%"}, {"search": str(office.b)}, {"sortBy": {"column": "created_at", "order": "desc"}}):
        answer = office.owner_a.ask("POST", f"object/list/{BUCKET}", json={**asked, **more})
        assert answer.status_code == 200
        assert {row["name"] for row in answer.json()} <= {str(office.a)}
    wrong = office.owner_a.ask("POST", f"object/list/{BUCKET}", json={**asked, "sortBy": {"column": "name; drop"}})
    assert wrong.status_code == 400


def test_links_are_the_associations_and_open_one_file_for_one_purpose(office: Office) -> None:
    name = f"{office.a}/poster.pdf"
    for person in (office.viewer_a, office.owner_a):
        assert said(person.ask("POST", f"object/sign/{BUCKET}/{name}", json={"expiresIn": 60})) == NOT_FOUND
        own = f"object/upload/sign/{BUCKET}/{office.a}/own/new.pdf"
        assert said(person.ask("POST", own)) == DENIED
    link = office.desk.ask("POST", f"object/sign/{BUCKET}/{name}", json={"expiresIn": 60}).json()["signedURL"]
    stranger = Somebody(office.http, {})
    opened = stranger.ask("GET", f"{link.removeprefix('/')}&download=June.pdf")
    assert opened.content == f"%PDF {office.a} poster.pdf".encode()
    assert "June.pdf" in opened.headers["content-disposition"]
    token = link.partition("token=")[2]
    for other in (f"{office.b}/poster.pdf", f"{office.a}/own/logo.pdf", f"{office.a}/../{office.b}/poster.pdf"):
        assert stranger.ask("GET", f"object/sign/{BUCKET}/{other}?token={token}").status_code in (400, 404)
    # It is no token of the API, nor does one of the API open a file, nor does one to read upload.
    assert (
        stranger.ask("GET", f"object/{BUCKET}/{name}", headers={"authorization": f"Bearer {token}"}).status_code == 401
    )
    as_token = {**office.passer_by.headers, "authorization": f"Bearer {token}"}
    assert said(stranger.ask("POST", f"object/list/{BUCKET}", json={"prefix": ""}, headers=as_token)) == DENIED
    assert office.http.get("/rest/v1/editions", headers=as_token).status_code == 401
    assert stranger.ask("PUT", f"object/upload/sign/{BUCKET}/{name}?token={token}", content=b"x").status_code == 400
    mine = jwt.encode({"url": f"{BUCKET}/{name}", "scope": "download", "exp": time.time() + 60}, "a" * 32, "HS256")
    shared = jwt.encode(
        {"url": f"{BUCKET}/{name}", "scope": "download", "exp": time.time() + 60},
        office.status.env()["JWT_SECRET"] or "a" * 32,
        "HS256",
    )
    for forged in (mine, shared, token[:-2], ""):
        assert stranger.ask("GET", f"object/sign/{BUCKET}/{name}?token={forged}").status_code == 400
    short = office.desk.ask("POST", f"object/sign/{BUCKET}/{name}", json={"expiresIn": 1}).json()["signedURL"]
    wait_until(lambda: stranger.ask("GET", short.removeprefix("/")).status_code == 400)
    to_upload = office.desk.ask("POST", f"object/upload/sign/{BUCKET}/{office.a}/own/given.pdf").json()["url"]
    for _ in range(2):
        sent = stranger.ask("PUT", to_upload.removeprefix("/"), content=b"given", headers=PDF)
    assert said(sent) == (400, "409", "Duplicate")
    assert office.viewer_a.get(f"{office.a}/own/given.pdf").content == b"given"


@pytest.mark.needs("files")
def test_what_the_bucket_does_not_take_leaves_nothing_behind(office: Office) -> None:
    before, kept = office.rows(), stored(office.status.home)
    path = f"object/{BUCKET}/{office.a}/own/new.pdf"
    for kind in ("text/html", "image/svg+xml", "application/x-httpd-php", "nonsense", "application/pdf; charset=x", ""):
        answer = office.owner_a.ask("POST", path, content=b"<script>", headers={"content-type": kind})
        assert said(answer)[1] == "415", kind
    form = {"file": ("new.pdf", b"<script>", "text/html")}
    assert said(office.owner_a.ask("POST", path, files=form))[1] == "415"
    too_many = b"x" * ((50 << 20) + 1)
    for content in (too_many, iter([too_many[: 1 << 20]] * 51)):
        answer = office.owner_a.ask("POST", path, content=content, headers=PDF)
        assert answer.status_code in (400, 413), answer.text
    assert office.owner_a.ask("POST", path, files={"file": ("n.pdf", too_many, PDF["content-type"])}).status_code == 400
    assert office.rows() == before
    assert stored(office.status.home) == kept


def test_a_form_arrives_as_it_was_sent(office: Office) -> None:
    content = os.urandom(300_000) + b"\r\n--boundary\r\n" + b"\r\n" * 50
    for name, form in {
        "python.pdf": {"files": {"file": ("x.pdf", content, PDF["content-type"])}, "data": {"cacheControl": "120"}},
        "browser.pdf": {
            "files": [
                ("cacheControl", (None, "120")),
                ("metadata", (None, '{"k": 1}')),
                ("", ("blob", content, PDF["content-type"])),
            ]
        },
    }.items():
        path = f"{office.a}/own/{name}"
        assert office.owner_a.ask("POST", f"object/{BUCKET}/{path}", **form).status_code == 200
        got = office.viewer_a.get(path)
        assert (got.content, got.headers["content-type"]) == (content, "application/pdf")
        assert got.headers["cache-control"] == "max-age=120"
        about = office.viewer_a.ask("GET", f"object/info/{BUCKET}/{path}").json()
        assert (about["size"], about["content_type"]) == (len(content), "application/pdf")
        assert office.viewer_a.ask("HEAD", f"object/{BUCKET}/{path}").headers["content-length"] == str(len(content))
        part = office.viewer_a.ask("GET", f"object/{BUCKET}/{path}", headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, content[10:20])
        fresh = {"if-none-match": got.headers["etag"]}
        assert office.viewer_a.ask("GET", f"object/{BUCKET}/{path}", headers=fresh).status_code == 304
    assert about["metadata"] == {"k": 1}


def stored(home: Path) -> set[str]:
    """The names of the files on disk."""
    return {path.name for path in (home / "storage").iterdir()}


@pytest.mark.needs("files")
@pytest.mark.parametrize("form", [False, True])
def test_an_upload_that_is_cut_leaves_nothing_half_written(office: Office, form: bool) -> None:
    before, kept = office.rows(), stored(office.status.home)
    port = httpx.URL(office.status.api_url).port
    assert port is not None
    name = "own/logo.pdf"
    begins = b'--b\r\ncontent-disposition: form-data; name=""; filename="x"\r\ncontent-type: application/pdf\r\n\r\n'
    kind = "multipart/form-data; boundary=b" if form else "application/pdf"
    head = [f"POST /storage/v1/object/{BUCKET}/{office.a}/{name} HTTP/1.1", "host: x", "content-length: 9000000"]
    head += [f"content-type: {kind}", "x-upsert: true", *(f"{k}: {v}" for k, v in office.owner_a.headers.items())]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + (begins if form else b"") + b"half" * 500_000)
        wait_until(lambda: stored(office.status.home) != kept, lambda: "the upload has not begun")
    wait_until(lambda: stored(office.status.home) == kept, lambda: "the half is still there")
    assert office.rows() == before
    assert office.viewer_a.get(f"{office.a}/{name}").content == f"%PDF {office.a} {name}".encode()


@pytest.mark.needs("files")
def test_who_is_removed_while_a_file_arrives_leaves_nothing_of_it(office: Office) -> None:
    before = office.rows()
    files = Path(office.status.home / "storage")
    kept = sorted(path.name for path in files.iterdir())
    removed = threading.Event()

    def in_two_halves() -> Iterator[bytes]:
        yield b"%PDF-1.4 the beginning"
        # The bytes are arriving once the server keeps a half; then the manager is removed.
        wait_until(lambda: any(path.suffix == ".part" for path in files.iterdir()))
        with psycopg.connect(office.status.db_url) as db:
            db.execute("delete from mpp.staff where organisation_id = %s", [office.a])
        removed.set()
        yield b" and the end"

    # Past the gateway, which would ask Storage only once it has the whole of so small a file.
    with httpx.Client(base_url=f"http://127.0.0.1:{office.status.ports.storage}", timeout=LIMIT) as straight:
        for method, name in (("POST", "own/new.pdf"), ("PUT", "own/logo.pdf")):
            removed.clear()
            headers = {**office.owner_a.headers, **PDF, "x-upsert": "true"}
            answer = straight.request(
                method, f"/object/{BUCKET}/{office.a}/{name}", content=in_two_halves(), headers=headers
            )
            assert removed.is_set()
            assert said(answer) == DENIED
            assert office.rows() == before
            assert sorted(path.name for path in files.iterdir()) == kept
            with psycopg.connect(office.status.db_url) as db:
                # Back again, for the other way to send a file.
                token = office.owner_a.headers["authorization"].removeprefix("Bearer ")
                account = jwt.decode(token, options={"verify_signature": False})["sub"]
                db.execute(
                    "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
                    " values (%s, %s, 'owner', private.clock() - interval '1 day', private.clock() + interval '1 day')",
                    (office.a, account),
                )


@pytest.mark.needs("processes")
def test_a_file_is_what_it_says_it_is(office: Office) -> None:
    assert office.owner_a.put(f"{office.a}/own/words.pdf", b"<script>").status_code == 200
    for answer in (office.viewer_a.get(f"{office.a}/own/words.pdf"), office.viewer_a.get(f"{office.a}/own/none.pdf")):
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.needs("files")
def test_a_replaced_a_removed_and_a_moved_file_leave_no_bytes_behind(office: Office) -> None:
    kept = stored(office.status.home)
    own = f"{office.a}/own"
    office.owner_a.put(f"{own}/1.pdf", b"one")
    office.owner_a.put(f"{own}/1.pdf", b"two", "PUT")
    both = {"bucketId": BUCKET, "sourceKey": f"{own}/1.pdf", "destinationKey": f"{own}/2.pdf"}
    assert office.owner_a.ask("POST", "object/copy", json=both).json()["Key"] == f"{BUCKET}/{own}/2.pdf"
    assert office.owner_a.ask("POST", "object/move", json={**both, "destinationKey": f"{own}/3.pdf"}).status_code == 200
    assert len(stored(office.status.home) - kept) == 2
    assert office.owner_a.ask("DELETE", f"object/{BUCKET}", json={"prefixes": [f"{own}/2.pdf"]}).status_code == 200
    assert office.viewer_a.get(f"{own}/3.pdf").content == b"two"
    assert office.owner_a.ask("DELETE", f"object/{BUCKET}/{own}/3.pdf").status_code == 200
    assert stored(office.status.home) == kept
    assert all((office.status.home / "storage" / name).stat().st_mode & 0o077 == 0 for name in kept)


NONSENSE = (
    b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"prefix": "\\u0000", "prefixes": ["\\u0000"]}',
    b'{"prefix": "\\ud800"}', b'{"prefix": 1, "paths": 1, "prefixes": [1], "expiresIn": true}',
    b'{"prefix": "", "limit": -1, "expiresIn": 99999999999999999999, "paths": [], "prefixes": []}',
)  # fmt: skip


def test_bodies_that_make_no_sense_are_refused_and_not_a_failure(office: Office) -> None:
    for method, path in (
        ("POST", f"object/list/{BUCKET}"), ("POST", f"object/sign/{BUCKET}"), ("POST", "object/move"),
        ("POST", "bucket"), ("POST", "object/copy"), ("DELETE", f"object/{BUCKET}"),
        ("POST", f"object/sign/{BUCKET}/{office.a}/poster.pdf"),
    ):  # fmt: skip
        for content in NONSENSE:
            answer = office.desk.ask(method, path, content=content, headers={"content-type": "application/json"})
            assert answer.status_code in (400, 413), (method, path, content[:40], answer.text)
    for token in ("x", "a.b.c", jwt.encode({"role": "service_role", "exp": 9e9}, "x" * 32, "HS256")):
        forged = {**office.passer_by.headers, "authorization": f"Bearer {token}"}
        assert (
            said(office.passer_by.ask("POST", f"object/list/{BUCKET}", json={"prefix": ""}, headers=forged)) == DENIED
        )
        assert said(office.passer_by.ask("GET", f"object/{BUCKET}/{office.a}/poster.pdf", headers=forged))[1] == "404"


def test_files_outlive_a_stop_and_what_a_killed_server_left_does_not(tmp_path: Path, directory: Path) -> None:
    embedded = Stack(stack_settings(home=directory / "home"), Ports.free())
    try:
        status = embedded.start()
        with httpx.Client(base_url=status.api_url, timeout=LIMIT) as http:
            office = make_office(status, http)
            kept = stored(embedded.home)
            embedded.stop()
            for left in (f"{uuid.uuid4()}.part", str(uuid.uuid4()), "notes.txt"):
                (embedded.home / "storage" / left).write_bytes(b"half")
            embedded.start()
            assert stored(embedded.home) == {*kept, "notes.txt"}, "what is not Storage's stays"
            assert office.viewer_a.get(f"{office.a}/poster.pdf").content == f"%PDF {office.a} poster.pdf".encode()
            before = processes_of(embedded)["storage"]
            embedded.rotate_keys()
            assert processes_of(embedded)["storage"] != before
            # Tokens of the key before stay good, and so does the key in use now.
            assert office.viewer_a.names(str(office.a)) == ["own", "poster.pdf"]
        embedded.reset()
        assert not (embedded.home / "storage").exists()
    finally:
        embedded.reset()


@pytest.mark.parametrize(
    ("written", "size"),
    [('"50MiB"', 50 << 20), ('"5MB"', 5 << 20), ('"2 GB"', 2 << 30), ('"10KB"', 10 << 10), ('"7B"', 7), ("1000", 1000)],
)
def test_sizes_are_read_as_the_supabase_cli_reads_them(tmp_path: Path, written: str, size: int) -> None:
    (tmp_path / "config.toml").write_text(f"[storage]\nfile_size_limit = {written}\n")
    assert Config.read(tmp_path / "config.toml").largest_file == size


def test_where_storage_is_switched_off_the_gateway_says_so(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[api]\nschemas = []\n\n[storage]\nenabled = false\nfile_size_limit = "1MB"\n'
    )
    status = new_stack(supabase=tmp_path).start()
    assert "storage" not in {service.name for service in status.services}
    answer = httpx.get(
        f"{status.api_url}/storage/v1/bucket", headers={"apikey": status.env()["SECRET_KEY"]}, timeout=LIMIT
    )
    assert answer.status_code == 503
    assert answer.json()["message"] == "The embedded stack does not run storage"


def test_the_gateway_sends_files_to_the_storage_server_that_is_named(
    new_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Real(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Real) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MPP_STORAGE_URL", f"http://127.0.0.1:{server.server_port}")
        status = new_stack().start()
        answer = httpx.get(
            f"{status.api_url}/storage/v1/bucket", headers={"apikey": status.env()["SECRET_KEY"]}, timeout=LIMIT
        )
        server.shutdown()
    assert (answer.status_code, answer.json(), asked) == (200, [], ["/bucket"])
    assert "storage" not in {service.name for service in status.services}


def test_a_client_uses_its_kit_through_supabase_js(office: Office) -> None:
    given = {
        "url": office.status.api_url,
        "key": office.status.env()["PUBLISHABLE_KEY"],
        "secret": office.status.env()["SECRET_KEY"],
        "token": office.owner_a.headers["authorization"].removeprefix("Bearer "),
        "a": office.a,
        "b": office.b,
    }
    script = Path(__file__).parent / "js/files.mjs"
    done = subprocess.run(
        [node(), str(script), json.dumps(given)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "listed": ["own", "poster.pdf"],
        "downloaded": f"%PDF {office.a} poster.pdf",
        "uploaded": f"{office.a}/own/blob.png",
        "buffer": f"{office.a}/own/buffer.png",
        "taken": "The resource already exists",
        "replaced": "again",
        "exists": [True, False],
        "size": 5,
        "moved": "Successfully moved",
        "copied": f"client-files/{office.a}/own/copy.png",
        "removed": [f"{office.a}/own/copy.png", f"{office.a}/own/moved.png"],
        "theirs": ["Object not found", 0, [], "new row violates row-level security policy", "Object not found"],
        "link": "Object not found",
        "linkOfDesk": f"%PDF {office.a} poster.pdf",
        "sentByLink": "by link",
        "buckets": [[], ["client-files", "photos", "profile-pictures"]],
    }
