"""Roles that rest on an address take a session that its owner has opened: by a mail, or by a password of their own."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.game import DAY, Person


class Auth:
    """An account as Supabase Auth writes it, step by step; each step is a transaction there."""

    def __init__(self, game, address: str = "") -> None:
        self.game = game
        self.id = uuid.uuid4()
        self.address = address or f"{self.id.hex}@example.org"
        self.at = game.now

    def step(self, statement: str, *parameters: Any) -> None:
        """One statement, and what Auth's commit would run."""
        self.at += timedelta(minutes=1)
        self.game.run(statement, parameters)
        self.game.run("set constraints all immediate")
        self.game.run("set constraints all deferred")

    def sign_up(self, *, confirmed: bool = False) -> Auth:
        """Somebody signs up with the address and a password."""
        self.step(
            "insert into auth.users (id, email, encrypted_password, is_anonymous, created_at, updated_at,"
            " email_confirmed_at) values (%s, %s, 'first', false, %s, %s, %s)",
            self.id, self.address, self.at, self.at, self.at if confirmed else None,
        )  # fmt: skip
        return self

    def confirm(self) -> Person:
        """The owner of the address follows the link in the mail, which opens a session."""
        self.step(
            "update auth.users set email_confirmed_at = %s, updated_at = %s where id = %s", self.at, self.at, self.id
        )
        return self.session("otp")

    def session(self, method: str, at: timedelta = timedelta()) -> Person:
        """A session opened by this method."""
        person = self.opens(method, self.at + at)
        self.step("select 1")
        return person

    def opens(self, method: str, moment: datetime) -> Person:
        """The same inside a transaction that does more."""
        session = uuid.uuid4()
        self.game.run(
            "insert into auth.sessions (id, user_id, created_at) values (%s, %s, %s)", (session, self.id, moment)
        )
        self.game.run(
            "insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)"
            " values (%s, %s, %s, %s, %s)",
            (uuid.uuid4(), session, method, moment, moment),
        )
        amr = [{"method": method, "timestamp": int(moment.timestamp())}]
        return Person(
            self.game.db, "authenticated", self.id, is_anonymous=False, email=self.address,
            session_id=str(session), amr=amr,
        )  # fmt: skip

    def set_password(self, word: str, by: Person | None = None) -> None:
        """A password is set, by a session or with the secret key; Auth ends all other sessions."""
        session = by.claims["session_id"] if by else None
        self.at += timedelta(minutes=1)
        with self.game.db.transaction():
            self.game.run(
                "update auth.users set encrypted_password = %s, updated_at = %s where id = %s", (word, self.at, self.id)
            )
            self.game.run("delete from auth.sessions where user_id = %s and id is distinct from %s", (self.id, session))
        self.step("select 1")


@pytest.fixture
def account(game):
    return Auth(game)


def works(game, account: Auth, role: str = "viewer") -> int:
    """A client for which the account works, and in which edition it plays; returns its id."""
    client = game.organisation()
    game.participation(client, game.edition())
    game.run(
        "insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)"
        " values (%s, %s, %s, %s, %s)",
        (client, account.id, role, game.now - DAY, game.now + 30 * DAY),
    )
    return client


def is_let_in(game, person: Person, client: int) -> bool:
    """Whether the person sees the client's figures and commands there; both, or neither."""
    sees = bool(person.view("client_overview", organisation_id=client))
    assert sees == bool(person.view("my_organisations")), "one answer everywhere"
    if sees:
        person.table("client_staff", organisation_id=client)
    else:
        with game.refused("MP012"):
            person.table("client_staff", organisation_id=client)
    return sees


def test_the_password_of_whoever_signed_up_with_the_address_first_opens_no_clients_space(game, account):
    account.sign_up()
    owner = account.confirm()
    client = works(game, account, "owner")
    attacker = account.session("password")
    assert is_let_in(game, owner, client)
    assert not is_let_in(game, attacker, client)
    # Nor after the attacker has set another one.
    account.set_password("second", by=attacker)
    assert not is_let_in(game, account.session("password"), client)


def test_a_password_set_in_a_session_that_a_mail_has_opened_is_the_owners(game, account):
    account.sign_up()
    attacker = account.session("password")
    account.confirm()
    owner = account.session("recovery")
    client = works(game, account, "owner")
    account.set_password("mine", by=owner)
    assert is_let_in(game, account.session("password"), client)
    # The token that the attacker still has was opened by the password of before.
    assert not is_let_in(game, attacker, client)
    again = account.session("password")
    account.set_password("mine as well", by=again)
    assert is_let_in(game, account.session("password"), client)


def test_a_password_set_while_another_session_is_open_that_nobody_knows_is_not_trusted(game, account):
    account.sign_up()
    account.confirm()
    account.session("password")
    account.step(
        "update auth.users set encrypted_password = 'x', updated_at = %s where id = %s", account.at, account.id
    )
    client = works(game, account, "owner")
    assert not is_let_in(game, account.session("password"), client)


def test_a_password_that_the_association_gives_with_the_account_is_trusted(game, account):
    account.sign_up(confirmed=True)
    assert is_let_in(game, account.session("password"), works(game, account, "owner"))


@pytest.mark.parametrize("who", ["the association", "somebody who signs out meanwhile"])
def test_a_password_that_no_open_session_has_set_takes_one_sign_in_by_mail(game, account, who):
    account.sign_up()
    account.confirm()
    if who != "the association":
        account.session("password")
    # Auth has read the session before it hashes, and at its commit there is none.
    account.set_password("given")
    client = works(game, account, "owner")
    assert not is_let_in(game, account.session("password"), client)
    owner = account.session("otp")
    assert is_let_in(game, owner, client)
    account.set_password("mine", by=owner)
    assert is_let_in(game, account.session("password"), client)


def test_an_address_confirmed_by_hand_does_not_make_the_password_good(game, account):
    account.sign_up()
    account.step("update auth.users set email_confirmed_at = now() where id = %s", account.id)
    assert not is_let_in(game, account.session("password"), works(game, account, "owner"))


def test_a_new_address_takes_a_new_proof(game, account):
    account.sign_up(confirmed=True)
    before, by_mail = account.session("password"), account.session("otp")
    client = works(game, account, "owner")
    assert is_let_in(game, before, client)
    account.step(
        "update auth.users set email = 'other@example.org', updated_at = %s where id = %s", account.at, account.id
    )
    assert not is_let_in(game, before, client)
    assert not is_let_in(game, by_mail, client)
    assert is_let_in(game, account.session("otp"), client)
    assert not is_let_in(game, account.session("password"), client)


@pytest.mark.parametrize("method", ["otp", "email_change"])
def test_the_session_that_the_change_of_an_address_opens_does_not_prove_the_new_one(game, account, method):
    account.sign_up(confirmed=True)
    client = works(game, account, "owner")
    # In the same transaction, for whoever follows the second link: perhaps the one sent to the old address.
    with game.db.transaction():
        moment = account.at + timedelta(minutes=1)
        game.run(
            "update auth.users set email = 'other@example.org', updated_at = %s where id = %s", (moment, account.id)
        )
        session = account.opens(method, moment + timedelta(seconds=1))
    account.step("select 1")
    assert not is_let_in(game, session, client)
    account.set_password("theirs", by=session)
    assert not is_let_in(game, account.session("password"), client)
    assert is_let_in(game, account.session("otp"), client)


def test_a_code_for_a_link_of_before_the_change_of_an_address_proves_nothing(game, account):
    account.sign_up(confirmed=True)
    client = works(game, account, "owner")
    account.step(
        "update auth.users set email = 'other@example.org', updated_at = %s where id = %s", account.at, account.id
    )
    # Auth takes the code for five minutes after the link was followed.
    assert not is_let_in(game, account.session("magiclink"), client)
    account.at += timedelta(minutes=10)
    assert is_let_in(game, account.session("magiclink"), client)


def test_an_invitation_is_taken_by_whoever_reads_the_mail_and_not_by_a_password_from_before(game, account):
    client = game.organisation()
    game.service.call("invite_staff", organisation_id=client, email=account.address, access_until=game.now + 30 * DAY)
    code = game.one("select data ->> 'code' from mpp.outbox where address = %s", (account.address,))
    account.sign_up()
    owner = account.confirm()
    attacker = account.session("password")
    with game.refused("MP012"):
        attacker.call("accept_staff_invitation", code=code)
    assert owner.call("accept_staff_invitation", code=code) == client


def test_the_associations_staff_prove_their_address_too(game, account):
    account.sign_up()
    owner = account.confirm()
    game.service.call("set_ops_member", member_id=account.id, granted=True)
    client = game.organisation()
    owner.table("territory_schools", organisation_id=client)
    assert owner.view("audit_log")
    attacker = account.session("password")
    with game.refused("MP006"):
        attacker.table("territory_schools", organisation_id=client)
    assert attacker.view("audit_log") == []


@pytest.mark.parametrize(
    "amr", [None, [], ["otp"], {"method": "otp"}, "otp", [{"method": "anonymous", "timestamp": 1}], [{}]]
)
def test_a_token_that_does_not_say_how_it_was_opened_proves_nothing(game, account, amr):
    account.sign_up(confirmed=True)
    client = works(game, account)
    person = account.session("otp")
    person.claims["amr"] = amr
    assert person.view("client_overview", organisation_id=client) == []


def test_players_and_teachers_need_no_proof(game, account):
    account.sign_up()
    account.confirm()
    person = account.session("password")
    person.call("register", **game.profile())
    game.player(game.league(game.edition()), person)
    assert person.view("my_leagues")
