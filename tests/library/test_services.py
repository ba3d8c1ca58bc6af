"""Each service does what it says on a real stack, and its refusals are the game's."""

from __future__ import annotations

import uuid
from datetime import timedelta

import psycopg
import pytest
from pydantic import SecretStr

import mpp_supabase.clock
from mpp_supabase import AccountError, KeyRefused, MPPError, Settings, parse_edition
from mpp_supabase import errors as refused
from mpp_supabase.client import MPP
from mpp_supabase.transport import Transport
from supabase_embedded import StackStatus
from tests.support import clock
from tests.support.world import PASSWORD, Played, World, edition_text, new_code


def refuses_everybody_but_the_secret_key(error: MPPError) -> bool:
    return isinstance(error, KeyRefused | refused.OpsOnly)


class TestEditions:
    def test_applying_a_file_adds_an_edition_and_applying_it_again_changes_nothing(self, world: World) -> None:
        document = parse_edition(edition_text(code := new_code(), timedelta(days=3))).document
        preview = world.ops.editions.apply(document, dry_run=True)
        assert {change.action for change in preview} >= {"add"}
        with pytest.raises(refused.EditionNotFound):
            world.ops.editions.get(code)
        applied = world.ops.editions.apply(document)
        assert [change.path for change in applied] == [change.path for change in preview]
        assert world.ops.editions.apply(document) == []
        edition = world.ops.editions.get(code)
        assert (edition.phase, edition.title["en"], edition.league_max_players) == ("draft", f"Edition {code}", 24)

    def test_a_change_is_named_with_what_was_and_what_will_be(self, world: World) -> None:
        edition = world.edition(opened=False, starts_in=timedelta(days=3))
        document = parse_edition(edition_text(edition.code, timedelta(days=3))).document
        document["edition"]["starts_at"] = edition.starts_at.isoformat()
        document["edition"]["ends_at"] = edition.ends_at.isoformat()
        document["edition"]["registration_closes_at"] = edition.registration_closes_at.isoformat()
        next(c for c in document["challenges"] if c["code"] == "w-bike")["points"] = 5
        document["challenges"] = [c for c in document["challenges"] if c["code"] != "w-walk"]
        changes = {(c.action, c.path): (c.before, c.after) for c in world.ops.editions.apply(document, dry_run=True)}
        assert changes[("change", "challenges.w-bike.points")] == (4, 5)
        assert ("remove", "challenges.w-walk") in changes
        assert len(changes) == 2

    def test_a_started_edition_keeps_its_rules(self, world: World) -> None:
        edition = world.edition()
        document = parse_edition(edition_text(edition.code)).document
        document["edition"] |= {"starts_at": edition.starts_at.isoformat(), "ends_at": edition.ends_at.isoformat()}
        document["challenges"][0]["points"] = 9
        with pytest.raises(refused.EditionStarted) as error:
            world.ops.editions.apply(document)
        assert error.value.code == "MP025"
        assert error.value.hint

    def test_the_database_checks_the_document_again(self, world: World) -> None:
        document = parse_edition(edition_text(new_code())).document
        document["challenges"][0]["points"] = 0
        with pytest.raises(refused.EditionFileInvalid):
            world.ops.editions.apply(document)

    def test_a_visitor_sees_no_draft_and_the_staff_do(self, world: World) -> None:
        draft = world.edition(opened=False)
        assert draft.code in [edition.code for edition in world.ops.editions.iterate("draft")]
        assert draft.code not in [edition.code for edition in world.visitor.editions.iterate()]
        with pytest.raises(refused.EditionNotFound):
            world.visitor.editions.get(draft.code)

    def test_opening_twice_is_opening_once(self, world: World) -> None:
        edition = world.edition()
        opened_at = edition.opened_at
        world.ops.editions.open(edition.code)
        assert world.ops.editions.get(edition.code).opened_at == opened_at

    def test_an_edition_is_closed_early_with_a_reason_then_frozen_and_proved(self, world: World) -> None:
        edition = world.edition()
        with pytest.raises(refused.EditionNotOver):
            world.ops.editions.freeze(edition.code)
        with pytest.raises(refused.InvalidField):
            world.ops.editions.close(edition.code, "")
        world.ops.editions.close(edition.code, "A test")
        with pytest.raises(refused.EditionNotRunning):
            world.ops.editions.close(edition.code, "Again")
        frozen_at = world.ops.editions.freeze(edition.code)
        assert world.ops.editions.freeze(edition.code) == frozen_at
        assert world.ops.editions.get(edition.code).phase == "frozen"
        assert world.ops.editions.verify(edition.code) == []

    def test_a_score_that_differs_from_the_validations_is_found(self, world: World) -> None:
        edition = world.edition()
        league = world.league(edition, world.person("Eve"))
        world.database.execute(
            "update mpp.score set points = points + 1, value = value + 1 where subject_id = %s", (league,)
        )
        (mismatch,) = [m for m in world.ops.editions.verify(edition.code) if m.subject_id is not None]
        assert (str(mismatch.subject_id), mismatch.scope, mismatch.expected, mismatch.found) == (league, "league", 0, 1)
        world.database.execute(
            "update mpp.score set points = points - 1, value = value - 1 where subject_id = %s", (league,)
        )
        assert world.ops.editions.verify(edition.code) == []

    def test_statistics_count_who_plays(self, world: World, played: Played) -> None:
        found = world.visitor.editions.statistics(played.edition.id)
        assert found is not None
        assert (found.players, found.leagues, found.points) == (4, 2, 25)

    def test_the_staff_see_hidden_challenges_and_visitors_do_not(self, world: World, played: Played) -> None:
        assert "w-secret" in [c.code for c in world.ops.editions.challenges(played.edition.id)]
        assert [c.code for c in world.visitor.editions.challenges(played.edition.id)] == ["w-bike", "w-plane", "w-walk"]

    def test_an_edition_that_is_not_there_is_a_refusal_of_the_game(self, world: World) -> None:
        for act in (world.ops.editions.open, world.ops.editions.freeze, world.ops.editions.verify):
            with pytest.raises(refused.EditionNotFound):
                act("no-such-edition")

    def test_the_publishable_key_commands_nothing(self, world: World, played: Played) -> None:
        code = played.edition.code
        acts = (
            lambda: world.visitor.editions.apply(parse_edition(edition_text(new_code())).document),
            lambda: world.visitor.editions.open(code),
            lambda: world.visitor.editions.close(code, "no"),
            lambda: world.visitor.editions.freeze(code),
            lambda: world.visitor.editions.verify(code),
            lambda: world.visitor.leagues.expel(uuid.uuid4(), "no"),
            lambda: world.visitor.leagues.page(played.edition.id),
            lambda: list(world.visitor.leagues.members(played.first_league)),
            lambda: list(world.visitor.conduct.misuse(played.edition.id)),
            lambda: list(world.visitor.conduct.reports(played.edition.id)),
            lambda: world.visitor.audit.page(),
            lambda: world.visitor.maintenance.announce(clock.now(), clock.now(), {}),
            lambda: list(world.visitor.users.iterate()),
            lambda: world.visitor.users.set_ops(played.ada.account.id, True),
        )
        before = world.fingerprint()
        for act in acts:
            with pytest.raises(MPPError) as error:
                act()
            assert isinstance(error.value, KeyRefused | refused.OpsOnly | AccountError), repr(error.value)
        assert world.fingerprint() == before


class TestRankings:
    def test_equal_points_share_a_rank_and_come_in_the_order_they_were_reached(
        self, world: World, played: Played
    ) -> None:
        lines = world.visitor.rankings.page(played.edition.id, "player").rows
        assert [(line.rank, line.label, line.points) for line in lines] == [
            (1, "Ada", 9),
            (2, "Bob", 8),
            (2, "Cléo", 8),
            (4, "=Dan", 0),
        ]
        assert lines[0].league_label == "Premiers"
        leagues = world.visitor.rankings.page(played.edition.id, "league").rows
        assert [(line.label, line.points, line.players, line.points_per_player) for line in leagues] == [
            ("Premiers", 17, 2, 8.5),
            ("Seconds", 8, 2, 4.0),
        ]
        assert len(world.visitor.rankings.page(played.edition.id, "team").rows) == 4

    def test_pages_follow_one_another_without_gap_or_repeat_across_equal_points(
        self, world: World, played: Played
    ) -> None:
        everything = [line.subject_id for line in world.visitor.rankings.iterate(played.edition.id, "player")]
        paged, after = [], None
        for _ in range(10):
            page = world.visitor.rankings.page(played.edition.id, "player", 1, after)
            paged += [line.subject_id for line in page.rows]
            after = page.after
            if after is None:
                break
        assert paged == everything
        assert len(everything) == 4

    def test_a_cursor_of_another_ranking_is_refused(self, world: World, played: Played) -> None:
        after = world.visitor.rankings.page(played.edition.id, "player", 1).after
        with pytest.raises(refused.CursorError):
            world.visitor.rankings.page(played.edition.id, "team", 1, after)

    def test_somebody_is_shown_with_their_neighbours(self, world: World, played: Played) -> None:
        lines = world.visitor.rankings.around(played.bob.player_id(played.edition), 1)
        assert [(line.label, line.is_me) for line in lines] == [("Ada", False), ("Bob", True), ("Cléo", False)]
        with pytest.raises(refused.NotAllowed):
            world.visitor.rankings.around(uuid.uuid4())
        with pytest.raises(refused.InvalidField):
            world.visitor.rankings.around(played.bob.player_id(played.edition), 51)

    def test_who_opted_out_is_in_no_page(self, world: World) -> None:
        edition = world.edition()
        shy, loud = world.person("Shy"), world.person("Loud")
        world.league(edition, loud, shy)
        shy.call("set_listing", scope="player", subject_id=shy.player_id(edition), listed=False)
        assert [line.label for line in world.visitor.rankings.iterate(edition.id, "player")] == ["Loud"]


class TestLeagues:
    def test_leagues_are_listed_shown_and_their_members_named(self, world: World, played: Played) -> None:
        page = world.ops.leagues.page(played.edition.id, 1)
        assert [league.name for league in page.rows] == ["Premiers"]
        rest = world.ops.leagues.page(played.edition.id, 5, page.after)
        assert ([league.name for league in rest.rows], rest.after) == (["Seconds"], None)
        league = world.ops.leagues.get(played.first_league)
        assert (league.points, league.players, league.is_short) == (17, 2, True)
        members = list(world.ops.leagues.members(played.first_league))
        assert [(m.alias, m.points, m.is_ambassador) for m in members] == [("Ada", 9, True), ("Bob", 8, False)]
        assert len(list(world.ops.leagues.teams(played.first_league))) == 2
        with pytest.raises(refused.NotAllowed):
            world.ops.leagues.get(uuid.uuid4())

    def test_an_expelled_player_is_out_and_the_report_tells_why(self, world: World) -> None:
        edition = world.edition()
        ada, bob = world.person("Ada"), world.person("Bob")
        league = world.league(edition, ada, bob)
        player = bob.player_id(edition)
        with pytest.raises(refused.InvalidField):
            world.ops.leagues.expel(player, " ")
        world.ops.leagues.expel(player, "Insults")
        assert [member.alias for member in world.ops.leagues.members(league)] == ["Ada"]
        assert bob.read("league_members", league_id=f"eq.{league}") == []
        (report,) = world.ops.conduct.reports(edition.id, unresolved=True)
        assert (str(report.player_id), report.kind, report.reason) == (player, "expulsion", "Insults")
        world.ops.conduct.resolve(report.id, "Right")
        assert list(world.ops.conduct.reports(edition.id, unresolved=True)) == []
        assert [r.resolution for r in world.ops.conduct.reports(edition.id)] == ["Right"]
        with pytest.raises(refused.NotAllowed):
            world.ops.conduct.resolve(report.id, "Again")

    def test_a_league_is_handed_over(self, world: World) -> None:
        edition = world.edition()
        ada, bob = world.person("Ada"), world.person("Bob")
        league = world.league(edition, ada, bob)
        world.ops.leagues.hand_over(league, bob.player_id(edition))
        assert str(world.ops.leagues.get(league).ambassador_player_id) == bob.player_id(edition)
        with pytest.raises(refused.NotAllowed):
            world.ops.leagues.hand_over(league, uuid.uuid4())


class TestConduct:
    def test_a_burst_is_seen_and_its_validations_taken_back_with_a_trace(self, world: World) -> None:
        edition = world.edition()
        ada = world.person("Ada")
        world.league(edition, ada)
        keys = ada.validate(edition, "w-bike", 11)
        (pattern,) = world.ops.conduct.misuse(edition.id)
        assert (pattern.alias, pattern.pattern, pattern.validations, pattern.points) == ("Ada", "burst", 11, 44)
        world.ops.conduct.cancel_validation(keys[0], "Impossible rate")
        assert list(world.ops.conduct.misuse(edition.id)) == []
        (act,) = world.ops.audit.page(1, subject=keys[0]).rows
        assert (act.action, act.details["reason"]) == ("validation.cancel", "Impossible rate")
        with pytest.raises(refused.AlreadyCancelled):
            world.ops.conduct.cancel_validation(keys[0], "Again")
        with pytest.raises(refused.InvalidField):
            world.ops.conduct.cancel_validation(keys[1], "")


class TestMaintenance:
    def test_a_window_is_announced_listed_and_taken_back(self, world: World) -> None:
        starts_at = clock.now() + timedelta(days=30)
        text = {"fr": "Mise à jour", "en": "Update"}
        window_id = world.ops.maintenance.announce(starts_at, starts_at + timedelta(hours=2), text)
        (window,) = [w for w in world.visitor.maintenance.iterate() if w.id == window_id]
        assert (window.starts_at, window.message["en"], window.is_active) == (starts_at, "Update", False)
        world.ops.maintenance.cancel(window_id)
        assert window_id not in [w.id for w in world.ops.maintenance.iterate()]
        with pytest.raises(refused.NotAllowed):
            world.ops.maintenance.cancel(window_id)

    def test_a_window_that_ends_before_it_starts_or_says_nothing_is_refused(self, world: World) -> None:
        at = clock.now() + timedelta(days=30)
        with pytest.raises(refused.InvalidField):
            world.ops.maintenance.announce(at, at - timedelta(hours=1), {"fr": "a", "en": "b"})
        with pytest.raises(refused.InvalidField):
            world.ops.maintenance.announce(at, at + timedelta(hours=1), {"fr": "a"})
        with pytest.raises(ValueError, match="offset"):
            world.ops.maintenance.announce(at.replace(tzinfo=None), at, {})


class TestUsers:
    def test_an_account_is_created_found_disabled_and_enabled(self, world: World) -> None:
        email = f"{new_code('user')}@example.org"
        account = world.ops.users.create(email, SecretStr(PASSWORD))
        assert account.confirmed_at is not None
        assert world.ops.users.find(email.upper()).id == world.ops.users.find(str(account.id)).id == account.id
        until = world.ops.users.disable(str(account.id)).disabled_until
        assert until is not None
        assert until > clock.now() + timedelta(days=3650)
        sign_in = {"email": email, "password": PASSWORD}
        token = world.http.post("/auth/v1/token", params={"grant_type": "password"}, json=sign_in)
        assert token.status_code == 400
        assert world.ops.users.enable(str(account.id)).disabled_until is None
        token = world.http.post("/auth/v1/token", params={"grant_type": "password"}, json=sign_in)
        assert token.status_code == 200

    def test_the_clock_of_the_database_says_whether_an_account_is_still_disabled(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        email = f"{new_code('user')}@example.org"
        account = world.ops.users.create(email, SecretStr(PASSWORD))
        real = clock.now
        for hours, expected in ((1, True), (-1, False)):
            world.database.execute(
                "update auth.users set banned_until = private.clock() + make_interval(hours => %s) where id = %s",
                (hours, account.id),
            )
            for days in (-365, 365):
                monkeypatch.setattr(mpp_supabase.clock, "now", lambda days=days: real() + timedelta(days=days))
                assert (world.ops.users.find(str(account.id)).disabled_until is not None) is expected
                assert (world.ops.users.find(email).disabled_until is not None) is expected

    def test_the_same_address_twice_a_weak_password_and_nobody_are_refused(self, world: World) -> None:
        email = f"{new_code('user')}@example.org"
        world.ops.users.create(email, SecretStr(PASSWORD))
        with pytest.raises(AccountError) as taken:
            world.ops.users.create(email, SecretStr(PASSWORD))
        assert taken.value.code == "email_exists"
        with pytest.raises(AccountError) as weak:
            world.ops.users.create(f"x{email}", SecretStr("ninechars"))
        assert weak.value.code == "weak_password"
        for nobody in ("nobody@example.org", str(uuid.uuid4())):
            with pytest.raises(AccountError) as missing:
                world.ops.users.find(nobody)
            assert missing.value.code == "user_not_found"

    def test_an_invitation_makes_an_account_that_is_not_confirmed(self, world: World) -> None:
        email = f"{new_code('user')}@example.org"
        invited = world.ops.users.invite(email)
        assert (invited.email, invited.confirmed_at) == (email, None)
        with pytest.raises(AccountError):
            world.ops.users.invite("not an address")

    def test_every_account_is_listed_whatever_the_size_of_a_page(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = {world.ops.users.invite(f"{new_code('user')}@example.org").id for _ in range(3)}
        monkeypatch.setattr("mpp_supabase.services.users.ACCOUNTS_PER_PAGE", 2)
        listed = [account.id for account in world.ops.users.iterate()]
        assert made <= set(listed)
        assert len(listed) == len(set(listed))

    def test_accounts_that_were_made_in_one_moment_are_listed_and_found_each_once(
        self, world: World, stack: StackStatus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag = new_code("bulk")
        with psycopg.connect(stack.db_url) as connection:
            made = connection.execute(
                "insert into auth.users (instance_id, id, aud, role, email, created_at, updated_at)"
                " select %s, gen_random_uuid(), 'authenticated', 'authenticated', %s || n || '@example.org',"
                " '2026-11-01 10:00+00', private.clock() from generate_series(1, 60) n returning id",
                [uuid.UUID(int=0), f"{tag}-"],
            ).fetchall()
        monkeypatch.setattr("mpp_supabase.services.users.ACCOUNTS_PER_PAGE", 7)
        listed = [account.id for account in world.ops.users.iterate()]
        assert len(listed) == len(set(listed))
        assert {account for (account,) in made} <= set(listed)
        assert len(list(world.ops.users.iterate(tag.upper()))) == 60
        for number in (1, 30, 60):
            assert world.ops.users.find(f"{tag.upper()}-{number}@example.org").email == f"{tag}-{number}@example.org"

    def test_the_rights_of_the_staff_are_given_and_taken_back(self, world: World) -> None:
        person = world.person("Ada")
        world.ops.users.set_ops(person.account.id, True)
        assert person.read("audit_log", limit="1")
        world.ops.users.set_ops(person.account.id, False)
        assert person.read("audit_log", limit="1") == []
        with pytest.raises(refused.NotAllowed):
            world.ops.users.set_ops(uuid.uuid4(), True)


class TestLists:
    def test_a_list_longer_than_the_server_gives_at_once_comes_whole(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        action = new_code("bulk")
        world.database.execute(
            "select count(private.record_act(%s, n::text)) from generate_series(1, 2300) n", (action,)
        )
        # More than max-rows at a time: PostgREST answers with 1,000 rows and not a word about the rest.
        monkeypatch.setattr("mpp_supabase.transport.CHUNK", 5000)
        subjects = [int(act.subject or 0) for act in world.ops.audit.iterate(action=action)]
        assert subjects == list(range(2300, 0, -1))
        page = world.ops.audit.page(2300, action=action)
        assert (len(page.rows), page.after) == (2300, None)

    def test_the_last_page_has_no_cursor_even_when_it_is_full(self, world: World) -> None:
        action = new_code("bulk")
        world.database.execute("select count(private.record_act(%s, n::text)) from generate_series(1, 4) n", (action,))
        first = world.ops.audit.page(2, action=action)
        assert first.after is not None
        second = world.ops.audit.page(2, first.after, action=action)
        assert (len(second.rows), second.after) == (2, None)


class TestKeys:
    def test_a_key_that_the_server_does_not_know_stops_everything(self, world: World) -> None:
        wrong = Settings(url=world.settings.url, secret_key="sb_secret_" + "0" * 32)
        with MPP.connect(wrong) as mpp:
            for act in (lambda: mpp.editions.get("x"), lambda: mpp.users.find("a@example.org"), mpp.editions.verify):
                with pytest.raises(KeyRefused, match="does not accept the secret key"):
                    act()

    def test_the_older_jwt_key_is_taken_as_well(self, world: World, stack: object) -> None:
        key = stack.env()["SERVICE_ROLE_KEY"]  # type: ignore[attr-defined]
        if not key:
            return
        with MPP.connect(Settings(url=world.settings.url, secret_key=key)) as mpp:
            assert mpp.audit.page(1).rows is not None
            next(mpp.users.iterate())

    def test_an_ambassador_is_nobody_to_the_staff_interface(self, world: World, played: Played) -> None:
        answer = world.http.post(
            "/rest/v1/rpc/verify_scores",
            json={},
            headers={"Authorization": f"Bearer {played.ada.token}", "Content-Profile": "api"},
        )
        assert answer.json()["code"] == "MP006"

    def test_a_closed_client_opens_again_when_it_is_used(self, world: World) -> None:
        transport = Transport(world.settings, "secret")
        with MPP(transport) as mpp:
            mpp.audit.page(1)
        mpp.audit.page(1)
        mpp.close()
