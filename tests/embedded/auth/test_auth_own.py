"""What ours does beyond Supabase Auth, or in its own way: limits on guessing, a quiet log, plain complaints."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pyotp
import pytest

from mpp_supabase.project import find_project
from supabase_embedded.auth import limits
from supabase_embedded.auth.environment import auth_environment
from supabase_embedded.auth.errors import Refusal
from supabase_embedded.auth.schema import migrate
from supabase_embedded.auth.settings import AuthSettings, seconds_of
from supabase_embedded.auth.users import NIL
from supabase_embedded.auth.wire import is_allowed_redirect
from supabase_embedded.config import Config
from supabase_embedded.keys import Keys
from supabase_embedded.postgres.server import PostgresServer
from tests.support import ROOT
from tests.support.waiting import LIMIT

from .conftest import MOST_FACTORS, PASSWORD, AuthServer, copy_database

pytestmark = pytest.mark.parametrize("backend", ["ours"], indirect=True, scope="session")

Launch = Callable[..., contextlib.AbstractContextManager[AuthServer]]


def test_after_ten_wrong_codes_the_right_one_no_longer_helps(strict: AuthServer, address: str) -> None:
    strict.call("POST", "/otp", {"email": address})
    code = strict.mail(address).code

    def verify(token: str, email: str = address) -> int:
        return strict.call("POST", "/verify", {"email": email, "token": token, "type": "email"}).status_code

    wrong = [f"{(int(code) + number) % 1_000_000:06d}" for number in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        answers = sorted(pool.map(verify, wrong))
    assert answers == [403] * 10 + [429] * 10
    assert verify(code) == 429
    other = f"other-{address}"
    strict.call("POST", "/otp", {"email": other})
    assert verify(strict.mail(other).code, other) == 200


def test_after_ten_wrong_codes_of_an_app_the_right_one_no_longer_helps(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    made = auth.call("POST", "/factors", {"factor_type": "totp"}, token).json()
    app = pyotp.TOTP(made["totp"]["secret"])

    def answer(code: str, bearer: str = token, factor: str = made["id"]) -> int:
        asked = auth.call("POST", f"/factors/{factor}/challenge", {}, bearer).json()["id"]
        body = {"challenge_id": asked, "code": code}
        return auth.call("POST", f"/factors/{factor}/verify", body, bearer).status_code

    right = int(app.now())
    # Codes of other moments, so that none of them comes true while the test runs.
    wrong = [f"{(right + 7919 * number) % 1_000_000:06d}" for number in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        answers = sorted(pool.map(answer, wrong))
    assert answers == [422] * 10 + [429] * 10
    assert answer(app.now()) == 429
    other = auth.sign_up(f"other-{address}").json()["access_token"]
    theirs = auth.call("POST", "/factors", {"factor_type": "totp"}, other).json()
    assert answer(pyotp.TOTP(theirs["totp"]["secret"]).now(), other, theirs["id"]) == 200


def test_a_challenge_answered_by_ten_at_once_is_answered_once(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    made = auth.call("POST", "/factors", {"factor_type": "totp"}, token).json()
    asked = auth.call("POST", f"/factors/{made['id']}/challenge", {}, token).json()["id"]
    body = {"challenge_id": asked, "code": pyotp.TOTP(made["totp"]["secret"]).now()}
    answers = auth.at_once(
        10,
        lambda: auth.call("POST", f"/factors/{made['id']}/verify", body, token),
        "auth.mfa_challenges where id = %s",
        asked,
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 9


def test_ten_who_enrol_at_once_get_no_more_factors_than_allowed(auth: AuthServer, address: str) -> None:
    signed_up = auth.sign_up(address).json()
    body = {"factor_type": "totp"}
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda number: auth.call(
                    "POST", "/factors", body | {"friendly_name": str(number)}, signed_up["access_token"]
                ),
                range(10),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] * MOST_FACTORS + [422] * (10 - MOST_FACTORS)
    kept = auth.rows("select count(*) from auth.mfa_factors where user_id = %s", signed_up["user"]["id"])
    assert kept == [(MOST_FACTORS,)]


def test_a_refresh_token_from_before_the_second_factor_gives_no_session_of_two(auth: AuthServer, address: str) -> None:
    signed_up = auth.sign_up(address).json()
    token = signed_up["access_token"]
    made = auth.call("POST", "/factors", {"factor_type": "totp"}, token).json()
    asked = auth.call("POST", f"/factors/{made['id']}/challenge", {}, token).json()["id"]
    body = {"challenge_id": asked, "code": pyotp.TOTP(made["totp"]["secret"]).now()}
    proven = auth.call("POST", f"/factors/{made['id']}/verify", body, token).json()
    stolen = auth.refresh(signed_up["refresh_token"])
    assert (stolen.status_code, stolen.json()["error_code"]) == (400, "refresh_token_not_found")
    assert auth.refresh(proven["refresh_token"]).status_code == 200


@pytest.mark.parametrize("flow", ["implicit", "pkce"])
def test_the_hash_of_a_link_cannot_be_made_of_address_and_code(strict: AuthServer, address: str, flow: str) -> None:
    strict.admin().create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    strict.client(flow).reset_password_for_email(address)
    mail = strict.mail(address)
    # As Supabase Auth makes it.
    made = mail.token_hash[:-56] + hashlib.sha224((address + mail.code).encode()).hexdigest()
    assert len(made) == len(mail.token_hash)
    answer = strict.call("POST", "/verify", {"token_hash": made, "type": "recovery"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "otp_expired")
    assert "otp_expired" in strict.call("GET", f"/verify?type=recovery&token={made}").headers["Location"]
    assert strict.call("POST", "/verify", {"token_hash": mail.token_hash, "type": "recovery"}).status_code == 200


def test_the_hash_of_a_generated_link_cannot_be_made_either(strict: AuthServer, address: str) -> None:
    made = strict.admin().generate_link({"type": "signup", "email": address, "password": PASSWORD}).properties
    assert made.hashed_token != hashlib.sha224((address + made.email_otp).encode()).hexdigest()
    assert strict.call("POST", "/verify", {"token_hash": made.hashed_token, "type": "signup"}).status_code == 200


@pytest.mark.parametrize("known", [True, False])
def test_after_ten_wrong_passwords_the_right_one_no_longer_helps(auth: AuthServer, address: str, known: bool) -> None:
    if known:
        auth.sign_up(address)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: auth.sign_in(address, f"wrong {number}"), range(12)))
    # For an address without an account just the same.
    assert sorted(answer.status_code for answer in answers) == [400] * 10 + [429] * 2
    refused = auth.sign_in(address.upper())
    assert (refused.status_code, refused.json()["error_code"]) == (429, "over_request_rate_limit")
    other = f"other-{address}"
    auth.sign_up(other)
    assert auth.sign_in(other).status_code == 200


def test_who_guesses_passwords_does_not_lock_the_owner_out(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    body = {"email": address, "password": "wrong"}

    def sign_in(place: str, password: str) -> int:
        sent = body | {"password": password}
        return auth.call("POST", "/token?grant_type=password", sent, X_Forwarded_For=place).status_code

    assert [sign_in("192.0.2.1", "wrong") for _ in range(11)] == [400] * 10 + [429]
    # What a client writes into the header stands before what the gateway adds: it is no other client for that.
    assert sign_in("203.0.113.9, 192.0.2.1", PASSWORD) == 429
    assert sign_in("192.0.2.2", PASSWORD) == 200
    assert [sign_in("192.0.2.2", "wrong") for _ in range(11)] == [400] * 10 + [429]
    account = str(auth.rows("select id from auth.users where email = %s", address)[0][0])
    auth.admin().update_user_by_id(account, {"password": "new password"})
    assert [sign_in(place, "new password") for place in ("192.0.2.1", "192.0.2.2")] == [200, 200]


def test_ten_who_take_one_address_at_once_are_answered(auth: AuthServer, address: str) -> None:
    tokens = [auth.call("POST", "/signup", {}).json()["access_token"] for _ in range(10)]
    with psycopg.connect(auth.database_url) as first, ThreadPoolExecutor(10) as pool:
        # Somebody has just taken it, and nobody sees it yet: all of them find it free, and wait.
        first.execute(
            "insert into auth.users (instance_id, id, aud, role, email) values (%s, gen_random_uuid(), 'x', 'x', %s)",
            [NIL, address],
        )
        answers = [pool.submit(auth.call, "PUT", "/user", {"email": address}, token) for token in tokens]
        auth.await_waiting(5)
        first.commit()
        codes = [answer.result().json().get("error_code") for answer in answers]
    assert codes == ["email_exists"] * 10
    with ThreadPoolExecutor(10) as pool:
        other = {"email": f"other-{address}"}
        answers_at_once = list(pool.map(lambda token: auth.call("PUT", "/user", other, token).status_code, tokens))
    assert sorted(answers_at_once) == [200] + [422] * 9


def test_what_an_account_says_about_itself_is_bounded(auth: AuthServer, address: str) -> None:
    token = auth.call("POST", "/signup", {"data": {"a": "b" * 7_000}}).json()["access_token"]
    large = {"data": {"a": "b" * 8_000}}
    for answer in (
        auth.call("POST", "/signup", large),
        auth.sign_up(address, **large),
        auth.call("PUT", "/user", {"data": {"another": "c" * 1_000}}, token),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (422, "validation_failed")
    assert auth.rows("select 1 from auth.users where email = %s", address) == []


def test_anonymous_accounts_are_bounded_and_the_limits_of_a_hosted_project_are_imitated(
    launch: Launch, address: str
) -> None:
    def signup(server: AuthServer, place: str, body: object) -> int:
        return server.call("POST", "/signup", body, X_Forwarded_For=place).status_code

    rates = {"anonymous_users": 40, "sign_in_sign_ups": 1, "token_verifications": 1, "token_refresh": 1}
    with launch(rates=rates) as server:
        assert [signup(server, "192.0.2.1", {}) for _ in range(41)] == [200] * 40 + [429]
        assert signup(server, "192.0.2.2", {}) == 200
        refused = server.call("POST", "/signup", {}, X_Forwarded_For="192.0.2.1").json()
        assert refused["error_code"] == "over_request_rate_limit"
        for method, path in (("POST", "/token?grant_type=refresh_token"), ("POST", "/verify"), ("POST", "/recover")):
            codes = [server.call(method, path, {}, X_Forwarded_For="192.0.2.3").status_code for _ in range(31)]
            assert 429 not in codes[:30]
            assert codes[30] == 429, path


def test_a_class_comes_in_under_the_limits_of_the_project(backend: str) -> None:
    rates = Config.read(find_project().supabase / "config.toml").auth_rates()
    # Forty pupils of each of twenty classes in one lesson, from the one address of their school.
    assert rates["anonymous_users"] >= 800
    assert Config().auth_rates()["anonymous_users"] == 30, "what a new hosted project allows"


def test_a_right_password_and_a_new_one_end_the_count(auth: AuthServer, address: str) -> None:
    token = auth.sign_up(address).json()["access_token"]
    for _ in range(2):
        assert [auth.sign_in(address, "wrong").status_code for _ in range(9)] == [400] * 9
        assert auth.sign_in(address).status_code == 200
    assert [auth.sign_in(address, "wrong").status_code for _ in range(11)] == [400] * 10 + [429]
    auth.call("PUT", "/user", {"password": "another password"}, token)
    assert auth.sign_in(address, "another password").status_code == 200


def test_a_class_signs_in_to_one_account_at_once(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda _: auth.sign_in(address).status_code, range(20))) == [200] * 20


def test_a_hash_tried_for_what_it_is_not_counts_and_the_right_use_still_passes(
    strict: AuthServer, address: str
) -> None:
    strict.call("POST", "/otp", {"email": address})
    mail = strict.mail(address)

    def verify(kind: str) -> int:
        return strict.call("POST", "/verify", {"token_hash": mail.token_hash, "type": kind}).status_code

    assert [verify("recovery") for _ in range(11)] == [403] * 10 + [429]
    typed = strict.call("POST", "/verify", {"email": address, "token": mail.code, "type": "email"})
    assert typed.status_code == 429
    link = strict.call("GET", f"/verify?type=recovery&token={mail.token_hash}")
    assert "error_code=over_request_rate_limit" in link.headers["Location"]
    assert verify("email") == 200


def test_codes_of_a_new_address_cannot_be_guessed(strict: AuthServer, address: str) -> None:
    token = strict.call("POST", "/signup", {}).json()["access_token"]
    strict.call("PUT", "/user", {"email": address}, token)
    code = strict.mail(address).code

    def verify(token: str) -> int:
        body = {"email": address, "token": token, "type": "email_change"}
        return strict.call("POST", "/verify", body).status_code

    wrong = [f"{(int(code) + number) % 1_000_000:06d}" for number in range(1, 12)]
    assert [verify(each) for each in wrong] == [403] * 10 + [429]
    assert verify(code) == 429


def test_made_up_addresses_do_not_push_out_the_count_of_an_account(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses, account, now = limits.Guesses(), uuid4(), 1000.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    for _ in range(limits.GUESSES):
        guesses.count("ada@example.org", account)
    for number in range(limits.REMEMBERED + 1):
        guesses.count(f"{number}@example.org")
    with pytest.raises(Refusal, match="Request rate limit reached"):
        guesses.require("ada@example.org", account)
    guesses.require("ada@example.org", uuid4())
    now += limits.GUESS_WINDOW + 1
    guesses.count("ada@example.org", account)
    guesses.count("0@example.org", uuid4())
    now += limits.GUESS_WINDOW + 1
    guesses.count("1@example.org", other := uuid4())
    # What is too old to count takes no room either.
    assert list(guesses._accounts) == [(other, "1@example.org")]


def test_asking_twice_for_an_unknown_address_is_refused_like_for_a_known_one(auth: AuthServer, address: str) -> None:
    auth.sign_up(address)
    for each in (address, f"no-{address}"):
        answers = [auth.call("POST", "/recover", {"email": each}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]


@pytest.mark.parametrize("interval", [0.001, 1.0, 3600.0])
def test_the_first_time_is_never_too_soon_however_long_the_machine_runs(
    backend: str, monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    unknown = limits.UnknownAddresses()
    for number in range(2_000):
        monkeypatch.setattr(limits.time, "monotonic", lambda number=number: 1_000 + number / 7)
        unknown.require_pause(f"{number}@example.org", interval)
        with pytest.raises(Refusal, match="only request this after"):
            unknown.require_pause(f"{number}@example.org", interval)


def test_after_a_theft_not_even_the_newest_token_works(auth: AuthServer, address: str) -> None:
    first = auth.sign_up(address).json()["refresh_token"]
    newest = auth.refresh(auth.refresh(first).json()["refresh_token"]).json()["refresh_token"]
    auth.let_hours_pass(first)
    assert auth.refresh(first).status_code == 400
    # At once, within the reuse interval, in which Supabase Auth would let it pass.
    assert auth.refresh(newest).json()["error_code"] == "refresh_token_already_used"


def test_an_address_that_someone_else_confirmed_meanwhile_is_refused(strict: AuthServer, address: str) -> None:
    slow = strict.call("POST", "/signup", {}).json()
    strict.call("PUT", "/user", {"email": address}, slow["access_token"])
    change = strict.mail(address)
    strict.admin().create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    answer = strict.call("POST", "/verify", {"token_hash": change.token_hash, "type": "email_change"})
    assert (answer.status_code, answer.json()["error_code"]) == (422, "email_exists")
    seen = strict.call("GET", "/user", token=slow["access_token"]).json()
    assert (seen["email"], seen["is_anonymous"]) == ("", True)


def test_the_log_names_no_person_and_holds_no_secret(strict: AuthServer, address: str) -> None:
    strict.call("POST", "/signup?redirect_to=http://127.0.0.1:3000/x", {"email": address, "password": PASSWORD})
    mail = strict.mail(address)
    location = strict.http.get(mail.link).headers["Location"]
    refresh_token = re.search(r"refresh_token=(\w+)", location)
    assert refresh_token is not None
    strict.refresh(refresh_token[1])
    strict.sign_in(address, "not the password")
    log = strict.log.read_text()
    assert "/verify 303" in log
    for secret in (address, PASSWORD, mail.code, mail.token_hash, refresh_token[1], strict.keys.jwt_secret, "eyJ"):
        assert secret not in log


def test_a_mail_that_cannot_be_sent_leaves_no_account_behind(launch: Launch, address: str) -> None:
    with launch(autoconfirm=False, smtp_host="127.0.0.99") as server:
        answer = server.sign_up(address)
        assert (answer.status_code, answer.json()["error_code"]) == (500, "unexpected_failure")
        assert server.rows("select 1 from auth.users where email = %s", address) == []


def test_sign_up_and_anonymous_accounts_can_be_closed(launch: Launch, address: str) -> None:
    with launch(allow_signup=False, anonymous=False) as server:
        assert server.sign_up(address).json()["error_code"] == "signup_disabled"
        assert server.call("POST", "/otp", {"email": address}).json()["error_code"] == "signup_disabled"
        assert server.call("POST", "/signup", {}).json()["error_code"] == "anonymous_provider_disabled"
        assert server.admin().create_user({"email": address, "password": PASSWORD}).user.email == address


def test_a_class_of_sixty_signs_in_at_once(auth: AuthServer) -> None:
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: auth.call("POST", "/signup", {}).status_code, range(60)))
    assert answers == [200] * 60


def test_keys_can_be_rotated_without_signing_anyone_out(
    launch: Launch, auth: AuthServer, address: str, signing_keys: Keys
) -> None:
    before = auth.sign_up(address).json()
    rotated = signing_keys.rotated()
    with launch(jwt_keys=rotated.auth_keys()) as server:
        assert len(server.call("GET", "/.well-known/jwks.json").json()["keys"]) == 2
        assert server.call("GET", "/user", token=before["access_token"]).status_code == 200
        after = server.refresh(before["refresh_token"]).json()
        assert server.call("GET", "/user", token=after["access_token"]).status_code == 200
        # The server that does not have the new key does not trust it.
        assert auth.call("GET", "/user", token=after["access_token"]).status_code == 403


def test_several_servers_may_make_the_tables_at_once(postgres: PostgresServer, backend: str) -> None:
    copy_database(postgres, "auth_twice")
    url = postgres.url("supabase_auth_admin", "auth_twice")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(migrate, [url] * 8)) == [None] * 8


def test_who_signs_up_second_in_the_same_moment_is_told_so(auth: AuthServer, address: str) -> None:
    with psycopg.connect(auth.database_url) as first, ThreadPoolExecutor(1) as pool:
        first.execute(
            "insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at)"
            " values (%s, gen_random_uuid(), 'authenticated', 'authenticated', %s, now())",
            [NIL, address],
        )
        second = pool.submit(auth.sign_up, address)
        auth.await_waiting(1)
        first.commit()
        assert second.result().json()["error_code"] == "user_already_exists"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("GOTRUE_DB_DATABASE_URL", None, "GOTRUE_DB_DATABASE_URL: Field required"),
        ("GOTRUE_JWT_SECRET", None, "GOTRUE_JWT_SECRET: Field required"),
        ("API_EXTERNAL_URL", "somewhere", "API_EXTERNAL_URL: Value error, must be an absolute URL"),
        ("PORT", "many", "PORT: Input should be a valid integer"),
        ("GOTRUE_JWT_KEYS", '[{"d": "SECRETPART"', "GOTRUE_JWT_KEYS is not JSON"),
        ("GOTRUE_JWT_KEYS", '[{"kty": "EC", "d": "SECRETPART", "key_ops": ["sign"]}]', "cannot be read"),
        ("GOTRUE_JWT_KEYS", '[{"kty": "oct", "k": "SECRETPART"}]', "0 keys with key_ops sign"),
        ("GOTRUE_SMTP_MAX_FREQUENCY", "often", "GOTRUE_SMTP_MAX_FREQUENCY: Value error, invalid duration"),
        ("GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI", "http://x", "must look like pg-functions://postgres/schema/function"),
        ("GOTRUE_DB_DATABASE_URL", "postgres://a:SECRETPART@127.0.0.1:9/x", "connection"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_and_no_secret_is_shown(
    backend: str, signing_keys: Keys, variable: str, value: str | None, complaint: str
) -> None:
    environment = _environment(signing_keys, "postgres://127.0.0.1:9/x")
    environment.pop(variable, None)
    if value is not None:
        environment[variable] = value
    done = _run("migrate" if "connection" in complaint else "serve", environment)
    assert done.returncode == 1
    assert done.stderr.startswith("auth: ")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert "SECRETPART" not in done.stderr
    assert signing_keys.jwt_secret not in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86400), ("1h30m", 5400), ("1.5s", 1.5), ("100ms", 0.1), ("0", 0), ("-2m", -120)]
)
def test_durations_are_read_as_go_writes_them(backend: str, text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "1d", "1h 30m", "one hour"])
def test_what_is_no_duration_is_refused(backend: str, text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://play.example/here?x=1", True),
        ("https://play.example:444/", False),
        ("http://play.example/", False),
        ("http://127.0.0.1:5173/x", True),
        ("javascript://127.0.0.1/%0aalert(1)", False),
        ("https://preview.apps.example/", True),
        ("https://a.b.apps.example/", False),
        ("https://evil.example/.apps.example/", False),
        ("mpp://open/anything/below", True),
        ("http://2130706433/", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_a_link_may_lead_to_the_site_this_machine_and_allowed_patterns(
    backend: str, address: str, allowed: bool
) -> None:
    settings = AuthSettings.model_validate(
        {
            "API_EXTERNAL_URL": "http://127.0.0.1:9",
            "site_url": "https://play.example",
            "uri_allow_list": ["https://*.apps.example/", "mpp://open/**"],
            "db_database_url": "postgres://127.0.0.1/x",
            "jwt_secret": "x" * 40,
        }
    )
    assert is_allowed_redirect(settings, address) is allowed


def _environment(keys: Keys, database_url: str) -> dict[str, str]:
    return auth_environment(
        database_url=database_url,
        external_url="http://127.0.0.1:9",
        site_url="http://127.0.0.1:3000",
        jwt_secret=keys.jwt_secret,
        jwt_keys=keys.auth_keys(),
        smtp_port=9,
        port=9,
    )


def _run(action: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "supabase_embedded.auth", action],
        env=inherited | environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
