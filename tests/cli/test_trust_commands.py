"""`mpp terms`, `mpp partner`, `mpp setting`, `mpp user guardian`: from the command to the rows of the database."""

from __future__ import annotations

import csv
import hashlib
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpp_cli.exits import Exit
from tests.support import clock
from tests.support.world import Person, World

from .conftest import Mpp

FAR = "2999-12"
LAST_DAY = "2999-12-31"
TEXT = "Ce que nous transmettons"


@pytest.fixture
def unpublished(world: World) -> Iterator[None]:
    """What is published is taken back, which nobody else can: other tests see the terms they know."""
    yield
    with world.database.transaction():
        world.database.execute("alter table mpp.terms_version disable trigger terms_version_append_only")
        world.database.execute("delete from mpp.terms_version where version = %s", (FAR,))
        world.database.execute("alter table mpp.terms_version enable trigger terms_version_append_only")
        world.database.execute("delete from mpp.outbox where template = 'terms_notice'")


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, Path]:
    files = {language: tmp_path / f"{language}.md" for language in ("fr", "en")}
    for language, file in files.items():
        file.write_text(f"{TEXT} ({language})\n", encoding="utf-8")
    return files


# terms


def test_terms_are_published_and_announced_and_the_same_again_changes_nothing(
    mpp: Mpp, world: World, unpublished: None
) -> None:
    person = world.signed_in()
    person.call(
        "register", first_name="Ana", last_name="Belin", alias="ana", country="FR", postcode="75011",
        birth_date="1990-06-15", terms_version=world.terms(),
    )  # fmt: skip
    where = ("--fr", "https://example.org/cgu", "--en", "https://example.org/terms")
    given = ("terms", "publish", FAR, "--effective", LAST_DAY, *where, "--yes")
    first = mpp(*given)
    assert first.code == Exit.OK, first.err
    assert f"Version {FAR} is published; it holds from {LAST_DAY}." in first.err
    queued = world.database.execute(
        "select data ->> 'link' from mpp.outbox where template = 'terms_notice' and account_id = %s",
        (person.account.id,),
    ).fetchall()
    assert queued == [("https://example.org/cgu",)]
    again = mpp(*given)
    assert f"Version {FAR} was published" in again.err
    assert "\n0 queued, " in again.err
    assert "0 queued" in mpp("terms", "announce", FAR).err
    listed = mpp("terms", "list", "--json").json()
    assert listed[0]["version"] == FAR
    assert [version["is_current"] for version in listed] == [False, True]


def test_terms_take_files_too_and_a_wrong_file_is_said(
    mpp: Mpp, world: World, texts: dict[str, Path], unpublished: None
) -> None:
    given = ("terms", "publish", FAR, "--effective", LAST_DAY, "--yes", "--fr", texts["fr"])
    assert mpp(*given, "--en", "https://example.org/terms").code == Exit.USAGE
    empty, odd = texts["en"].with_name("empty.md"), texts["en"].with_name("odd.md")
    empty.write_text(" \n")
    odd.write_bytes(b"\xff\xfe")
    for wrong, said in ((empty, "is empty"), (odd, "not UTF-8"), (texts["en"].with_name("none.md"), "cannot be read")):
        ended = mpp(*given, "--en", wrong)
        assert (ended.code, said in ended.err) == (Exit.FILE_INVALID, True)
    assert mpp(*given, "--en", texts["en"]).code == Exit.OK
    (version,) = [v for v in world.ops.terms.iterate() if v.version == FAR]
    assert version.body == {"fr": f"{TEXT} (fr)", "en": f"{TEXT} (en)"}


def test_terms_that_hold_too_soon_are_refused(mpp: Mpp) -> None:
    where = ("--fr", "https://example.org/cgu", "--en", "https://example.org/terms")
    soon = mpp("terms", "publish", FAR, "--effective", f"{clock.now():%Y-%m-%d}", *where, "--yes")
    assert soon.code == Exit.REFUSED
    assert "15 days before" in soon.err


# settings


def test_a_setting_is_listed_and_changed(mpp: Mpp) -> None:
    def value() -> str:
        return next(rule["value"] for rule in mpp("setting", "list", "--json").json() if rule["name"] == "terms_due")

    try:
        assert value() == "read_only"
        assert mpp("setting", "set", "terms_due", "allowed").code == Exit.OK
        assert value() == "allowed"
        assert mpp("setting", "set", "terms_due", "nothing").code == Exit.REFUSED
        assert mpp("setting", "set", "nothing", "allowed").code == Exit.REFUSED
    finally:
        assert mpp("setting", "set", "terms_due", "read_only").code == Exit.OK


# partners


def played(world: World, code: str, consent: bool) -> Person:
    person = world.person("ana")
    person.call("join_campaign", code=code, consent=consent, text_number=1)
    return person


def test_a_campaign_goes_from_its_text_to_the_list_and_to_what_the_partner_is_told(
    mpp: Mpp, world: World, texts: dict[str, Path], tmp_path: Path
) -> None:
    mark = secrets.token_hex(4)
    campaign, edition = f"mission-{mark}", world.edition()
    named = ("--partner", f"partner-{mark}", "--edition", edition.code, "--fr", texts["fr"], "--en", texts["en"])
    assert mpp("partner", "create", campaign, *named).code == Exit.REFUSED
    made = mpp("partner", "create", campaign, *named, "--name", "Partner & Co")
    assert made.code == Exit.OK, made.err
    assert "by its text 1" in made.err
    assert campaign in {row["code"] for row in mpp("partner", "list", "--json").json()}
    codes = mpp("partner", "codes", campaign, "--add", "Zoé", "--add", "Tom", "--json").json()
    assert [code["creator"] for code in codes] == ["Tom", "Zoé"]
    code = codes[1]["code"]
    people = [played(world, code, consent) for consent in (True, True, False)]
    agreed = sorted(str(person.account.email) for person in people[:2])

    file = tmp_path / "list.csv"
    wrong = mpp("partner", "export", campaign, "-o", tmp_path / "list.txt", "--yes")
    assert wrong.code != Exit.OK
    nowhere = mpp("partner", "export", campaign, "-o", tmp_path / "none" / "list.csv", "--yes")
    assert nowhere.code != Exit.OK
    # What could not be written is not recorded as given.
    assert mpp("partner", "exports", campaign, "--json").json() == []
    done = mpp("partner", "export", campaign, "-o", file, "--yes")
    assert done.code == Exit.OK, done.err
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["email"] for row in rows] == agreed
    assert {row["text_version"] for row in rows} == {f"{campaign}/1"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (export,) = mpp("partner", "exports", campaign, "--json").json()
    assert (export["people"], export["exported_by"]) == (2, None)
    assert export["digest"] == hashlib.sha256("".join(f"{address}\n" for address in agreed).encode()).hexdigest()

    people[0].call("set_consent", purpose="partner_sharing", granted=False)
    (told,) = mpp("partner", "withdrawals", campaign, "--json").json()
    assert (told["address"], told["reason"], told["partner"]) == (people[0].account.email, "withdrawn", "Partner & Co")
    listed = next(line for line in mpp("partner", "list").out.splitlines() if campaign in line)
    assert listed.split()[-2:] == ["1", "1"]
    next_one = mpp("partner", "export", campaign, "-o", tmp_path / "next.csv", "--yes")
    assert f"must also forget 1 address that it got earlier: mpp partner withdrawals {campaign}" in next_one.err
    assert mpp("partner", "settle", told["id"], "--note", "mail of today").code == Exit.OK
    assert mpp("partner", "withdrawals", campaign, "--json").json() == []
    (settled,) = mpp("partner", "withdrawals", campaign, "--all", "--json").json()
    assert (settled["address"], settled["note"]) == (None, "mail of today")

    figures = {row["creator"]: row for row in mpp("partner", "figures", campaign, "--json").json()}
    assert (figures["Tom"]["joined"], figures["Zoé"]["joined"]) == (0, None)
    assert mpp("partner", "end-code", code).code == Exit.OK
    assert mpp("partner", "end-code", "0000000000").code == Exit.REFUSED
    assert "ended" in mpp("partner", "codes", campaign).out


def test_an_address_that_a_spreadsheet_would_compute_is_written_as_text(
    mpp: Mpp, world: World, texts: dict[str, Path], tmp_path: Path
) -> None:
    mark = secrets.token_hex(4)
    campaign, edition = f"mission-{mark}", world.edition()
    mpp(
        "partner", "create", campaign, "--partner", f"p-{mark}", "--name", "P", "--edition", edition.code,
        "--fr", texts["fr"], "--en", texts["en"],
    )  # fmt: skip
    person = played(world, world.ops.partners.add_code(campaign, "Zoé"), consent=True)
    sly = f"=cmd-{mark}@example.org"
    world.database.execute("update auth.users set email = %s where id = %s", (sly, person.account.id))
    file = tmp_path / "list.csv"
    world.ops.partners.export(campaign, file)
    assert f"\n'{sly}," in file.read_text(encoding="utf-8")


# guardians


def test_the_agreement_of_a_guardian_is_recorded_and_withdrawn_with_a_reason(mpp: Mpp, world: World) -> None:
    child = world.person("pomme")
    account = child.account

    def agrees() -> Any:
        return child.read("my_profile")[0]["guardian_consent_at"]

    assert mpp("user", "guardian", account.email, "--reason", "a letter", "--yes").code == Exit.OK
    assert agrees() is not None
    assert mpp("user", "guardian", account.email, "--withdraw", "--reason", "a call", "--yes").code == Exit.OK
    assert agrees() is None
    acts = [act.details for act in world.ops.audit.iterate(action="guardian.record", subject=str(account.id))]
    assert acts == [{"granted": False, "reason": "a call"}, {"granted": True, "reason": "a letter"}]
    nobody = mpp("user", "guardian", "00000000-0000-4000-8000-000000000000", "--reason", "x", "--yes")
    assert nobody.code == Exit.REFUSED
