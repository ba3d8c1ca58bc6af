"""What runs on which backend: what one does not offer is left out, counted and said."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support import ROOT

NOBODY = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    "SUPABASE_SECRET_KEY": "sb_secret_x",
    "SUPABASE_DB_URL": "postgresql://127.0.0.1:9/postgres",
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, on the backend that the environment names."""
    ours = ("MPP_", "SUPABASE_", "MAILPIT_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_a_backend_does_not_offer_is_left_out_counted_and_said() -> None:
    for backend in ("url", "native"):
        done = run("tests/library/mail/test_unsubscribe.py", MPP_TEST_BACKEND=backend, **NOBODY)
        assert done.returncode == 0, done.stdout
        said = done.stdout.split("what the backend offers")[1]
        assert f"backend {backend}: " in said
        assert "need functions: edge functions" in said
        assert "1 need functions, processes: edge functions; the processes of the stack on this machine" in said


def test_an_unknown_backend_and_one_without_its_addresses_are_refused_by_name() -> None:
    done = run("tests/library/mail/test_unsubscribe.py", MPP_TEST_BACKEND="kubernetes")
    assert done.returncode != 0
    assert "use embedded, docker, native, url" in done.stdout + done.stderr
    done = run("tests/library/mail/test_unsubscribe.py", MPP_TEST_BACKEND="url")
    assert "needs SUPABASE_URL in the environment" in done.stdout + done.stderr


def test_every_test_that_looks_into_the_stack_says_so() -> None:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        for test in text.split("\n\n\n"):
            inside = any(
                word in test for word in ("(stack.home)", "status.home", "stack.services", "stack.ports", "Post(")
            )
            own = path.name in ("test_backends.py", "test_embedded.py", "test_lifecycle.py")
            if "def test_" in test and inside and not own:
                assert "mark.needs(" in test or "new_stack" in test, f"{path.name}: {test[:200]}"
