"""Built web pages, as the gateway serves them beside the API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from supabase_embedded.gateway.pages import Pages
from tests.support.waiting import LIMIT

URL = "http://127.0.0.1:54321"


class Client:
    """Asks the application without a server."""

    def __init__(self, app: Pages) -> None:
        self._app = app

    def request(self, method: str, url: str | httpx.URL, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=URL, timeout=LIMIT) as client:
                return await client.request(method, url, **more)

        return asyncio.run(asked())

    def get(self, url: str | httpx.URL) -> httpx.Response:
        return self.request("GET", url)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    built = tmp_path / "built"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>A page</title>")
    (built / "assets" / "index-abc.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    (built / "link.txt").symlink_to(tmp_path / "secret.txt")
    folders = {"page": str(built), "unbuilt": str(tmp_path / "nothing")}
    return Client(Pages(folders, URL, "sb_publishable_example"))


def test_a_page_is_served_with_a_policy_that_lets_it_ask_this_stack_only(client: Client) -> None:
    answer = client.get("/page/")
    assert answer.text == "<!doctype html><title>A page</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {URL} ws://127.0.0.1:54321"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


def test_the_address_without_a_slash_leads_to_the_one_with_it_and_keeps_what_is_asked(client: Client) -> None:
    answer = client.get("/page?edition=a&scope=league")
    assert (answer.status_code, answer.headers["location"]) == (308, "/page/?edition=a&scope=league")


def test_what_has_a_digest_in_its_name_is_kept_by_browsers(client: Client) -> None:
    answer = client.get("/page/assets/index-abc.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    missing = client.get("/page/assets/index-def.js")
    assert (missing.status_code, missing.headers.get("cache-control")) == (404, None)


def test_a_page_learns_where_the_api_is(client: Client) -> None:
    assert client.get("/page/config.json").json() == {"url": URL, "publishableKey": "sb_publishable_example"}


@pytest.mark.parametrize(
    "path", ["/page/../secret.txt", "/page/%2e%2e/secret.txt", "/page/..%2fsecret.txt", "/page/link.txt"]
)
def test_nothing_outside_of_the_folder_is_read(client: Client, path: str) -> None:
    answer = client.get(httpx.URL(URL).copy_with(raw_path=path.encode()))
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_only_read(client: Client, method: str) -> None:
    answer = client.request(method, "/page/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_page_that_is_not_built_says_how_to_build_it(client: Client) -> None:
    answer = client.get("/unbuilt/")
    assert answer.status_code == 404
    assert "make web" in answer.text


def test_the_gateway_serves_pages_without_a_key_and_refuses_steps_upwards(stack) -> None:
    with httpx.Client(base_url=stack.api_url, timeout=LIMIT) as client:
        assert client.get("/ranking/config.json").json() == {
            "url": stack.api_url,
            "publishableKey": stack.env()["PUBLISHABLE_KEY"],
        }
        upwards = client.get(httpx.URL(stack.api_url).copy_with(raw_path=b"/ranking/%2e%2e/%2e%2e/package.json"))
        assert upwards.status_code == 400
        assert client.get("/rankings/").status_code == 404
