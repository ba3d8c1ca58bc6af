"""PKCE: a link in a mail gives a code that only the app that asked for the mail can exchange for a session."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from supabase_embedded.auth.errors import bad_request, not_found, unprocessable
from supabase_embedded.auth.users import Connection
from supabase_embedded.auth.wire import Challenge

#: Seconds in which a code must be exchanged, counted from the click for magic links, else from the request.
LIFETIME = 300


async def remember(connection: Connection, user_id: UUID, method: str, challenge: Challenge) -> None:
    """Keep a challenge until the link of the mail is followed. `method` names the flow, such as recovery."""
    await connection.execute(
        "insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,"
        " provider_access_token, provider_refresh_token, created_at, updated_at, authentication_method)"
        " values (%s, %s, %s, %s, %s, %s, '', '', now(), now(), %s)",
        [uuid4(), user_id, str(uuid4()), challenge.method, challenge.code, method.removesuffix("/signup"), method],
    )


async def code_for(connection: Connection, user_id: UUID, method: str) -> str:
    """The code of the account's latest challenge of this flow. Raises Refusal (400)."""
    cursor = await connection.execute(
        "update auth.flow_state set auth_code_issued_at = now(), updated_at = now() where id = ("
        " select id from auth.flow_state where user_id = %s and authentication_method = %s"
        " order by created_at desc limit 1) returning auth_code",
        [user_id, method],
    )
    row = await cursor.fetchone()
    if row is None:
        raise bad_request("flow_state_not_found", "No associated flow state found.")
    return str(row["auth_code"])


async def exchange(connection: Connection, code: str, verifier: str) -> tuple[UUID, str]:
    """Take a code, once, and return its account and flow. Raises Refusal: 404 unknown, 422 too old, 400 wrong proof."""
    cursor = await connection.execute(
        "select * from auth.flow_state where auth_code = %s and user_id is not null for update", [code]
    )
    state = await cursor.fetchone()
    if state is None:
        raise not_found("flow_state_not_found", "invalid flow state, no valid flow state found")
    since = state["created_at"]
    if state["authentication_method"] == "magiclink" and state["auth_code_issued_at"] is not None:
        since = state["auth_code_issued_at"]
    if datetime.now(UTC) > since + timedelta(seconds=LIFETIME):
        raise unprocessable("flow_state_expired", "invalid flow state, flow state has expired")
    proof = verifier
    if state["code_challenge_method"] == "s256":
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(proof.encode(), str(state["code_challenge"]).encode()):
        raise bad_request("bad_code_verifier", "code challenge does not match previously saved code verifier")
    await connection.execute("delete from auth.flow_state where id = %s", [state["id"]])
    return state["user_id"], str(state["authentication_method"])
