"""A real browser for the tests of the pages: Debian's Chromium or another of the machine, else the one from npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from supabase_embedded.node import npm_command, npm_environment
from tests.support.waiting import LIMIT

_HERE = Path(__file__).resolve().parent
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Nothing but this machine is asked for anything. Root may run no sandbox, nor may most containers.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

#: What is asked of a page: WCAG 2.2, A and AA.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

Open = Callable[..., Page]


def chromium(directory: Path) -> tuple[str, dict[str, str]]:
    """The browser to run, and what its environment needs: MPP_CHROMIUM, the machine's, else npm's, unpacked."""
    found = os.environ.get("MPP_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found, {}
    # The package unpacks into the temporary directory; with the libraries that a bare machine lacks if it takes it for
    # the one that it was made for.
    command = npm_command()
    node = command[0] if len(command) > 1 else "node"
    environment = npm_environment(command, _HERE) | {
        "TMPDIR": str(directory),
        "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x",
    }
    script = 'import("@sparticuz/chromium").then(async (c) => console.log(await c.default.executablePath()))'
    unpacked = subprocess.run(
        [node, "-e", script], cwd=_HERE, env=environment, capture_output=True, text=True, check=True, timeout=LIMIT
    )
    return unpacked.stdout.strip(), {"LD_LIBRARY_PATH": str(directory / "al2023" / "lib")}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running browser, without a window."""
    program, more = chromium(tmp_path_factory.mktemp("chromium"))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=[*_FLAGS], env={**os.environ, **more}, timeout=LIMIT * 1000
        )
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open an address in a browser of its own, which remembers nothing; at the end no page may have had an error."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def opened(url: str, *, width: int = 1280, height: int = 900, **more: Any) -> Page:
        more.setdefault("locale", "fr-FR")
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        context.set_default_timeout(LIMIT * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    expected = [text for text in errors if "Failed to load resource" in text or "WebSocket connection" in text]
    assert errors == [*expected]


def faults(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA on the page as it stands: the rule, and where."""
    page.evaluate((_HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(_RULES)}}})")
    return [f"{v['id']}: {[node['target'] for node in v['nodes']]}" for v in found["violations"]]
