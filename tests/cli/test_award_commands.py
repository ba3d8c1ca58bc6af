"""Awards and certificates on a real stack: who has one, in which language, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest

from mpp_cli.award import _UNITS
from mpp_cli.exits import Exit
from mpp_supabase.project import find_project
from tests.support.world import World
from tests.support.world_clients import Client, new_client, played_client

from .conftest import Mpp


@pytest.fixture(scope="module")
def closed(world: World) -> Client:
    """A client whose edition is frozen and has its awards; of its leagues one opted out, and one has nobody."""
    client = played_client(world)
    # Its principal ambassador, who joined first, takes the second one out of the ranking.
    hidden = str(client.leagues[1].league_id)
    client.players[1][0].call("set_listing", scope="league", subject_id=hidden, listed=False)
    world.ops.editions.close(client.edition.code, "Test")
    world.ops.editions.freeze(client.edition.code)
    world.ops.awards.grant(client.edition.code)
    return client


def texts(path: Path) -> list[str]:
    return [re.sub(r"\s+", " ", page.extract_text()) for page in pypdf.PdfReader(path).pages]


def test_every_value_of_an_award_says_what_it_counts() -> None:
    rules = re.findall(
        r"^ {4}\(\d+(?:::smallint)?, '([a-z-]+)'",
        (find_project().files / "sql/schema/87_award.sql").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rules) > 10
    assert set(rules) == set(_UNITS)


def test_awards_of_a_client_are_listed_by_its_code_and_in_its_language(mpp: Mpp, closed: Client) -> None:
    own = mpp("award", "list", closed.edition.code, "--client", closed.code)
    assert own.code == Exit.OK
    assert "Ligue championne" in own.out
    assert "rank 1" in own.out
    assert "1.0" not in own.out
    assert (
        "Champion league" in mpp("award", "list", closed.edition.code, "--client", closed.code, "--language", "en").out
    )
    assert "Champion league" in mpp("award", "list", closed.edition.code).out
    assert mpp("award", "list", closed.edition.code, "--client", "t-nobody").code == Exit.REFUSED
    assert mpp("award", "list", closed.edition.code, "--language", "de").code == Exit.USAGE


def test_a_client_gets_a_page_for_each_league_and_team_and_none_for_a_player(
    mpp: Mpp, closed: Client, tmp_path: Path
) -> None:
    edition, code = closed.edition.code, closed.code
    done = mpp("award", "certificates", edition, "--client", code, "-o", tmp_path / "made")
    assert done.code == Exit.OK, done.err
    file = tmp_path / "made" / f"{code}-{edition}-certificates-fr.pdf"
    assert done.out.split() == [str(file)]
    pages = texts(file)
    leagues = [page for page in pages if "Certificat de la ligue" in page]
    teams = [page for page in pages if "Certificat de l’équipe" in page]
    assert (len(leagues), len(leagues) + len(teams)) == (2, len(pages))
    assert teams
    assert f"décerné à {closed.leagues[0].name} {closed.organisation.name}" in leagues[0]
    assert "Ligue championne de toute l’édition" in leagues[0]
    assert "1re" in leagues[0]
    assert "place sur 2 ligues" in leagues[0]
    # The team stands behind its league, with the client's teams alone as its rivals.
    assert pages.index(teams[0]) == 1
    assert closed.leagues[0].name in teams[0]
    # Nobody plays in the last one: neither players, nor points, nor a rank.
    assert not re.search(r"\d (?:joueur|point|place)", leagues[1])
    everything = " ".join(pages)
    assert closed.leagues[1].name not in everything
    aliases = closed.world.database.execute(
        "select p.alias from mpp.player p where p.league_id = any(%s)", ([one.league_id for one in closed.leagues],)
    ).fetchall()
    assert len(aliases) == 11
    assert not [alias for (alias,) in aliases if alias in everything]
    # Teams of two or three people: fewer than five are not counted.
    assert "joueurs" in leagues[0]
    assert not any("joueur" in team for team in teams)

    again = mpp("award", "certificates", edition, "--client", code, "-o", tmp_path / "made")
    assert (again.code, "--force" in again.err) == (Exit.USAGE, True)
    english = mpp(
        *("award", "certificates", edition, "--client", code, "-o", tmp_path / "one.pdf", "--language", "en"),
        "--winners",
    )
    assert english.code == Exit.OK
    winners = texts(tmp_path / "one.pdf")
    assert len(winners) < len(pages)
    assert "League certificate" in winners[0]
    assert "Champion league of the whole edition" in winners[0]


def test_the_edition_has_one_file_of_its_own(mpp: Mpp, closed: Client, tmp_path: Path) -> None:
    done = mpp("award", "certificates", closed.edition.code, "-o", tmp_path)
    assert done.out.split() == [str(tmp_path / f"{closed.edition.code}-certificates-fr.pdf")]
    pages = texts(tmp_path / f"{closed.edition.code}-certificates-fr.pdf")
    assert "Ligue championne" in pages[0]
    assert "toute l’édition" not in pages[0]
    assert "place sur 2 ligues" in pages[0]


def test_certificates_wait_for_the_freeze_and_write_nothing_before(
    mpp: Mpp, world: World, closed: Client, tmp_path: Path
) -> None:
    running = new_client(world, world.edition(starts_in=timedelta(days=-9)), (("Pins", "Lyon"),))
    other = new_client(world, running.edition, (("Houx", "Lyon"),))
    for command in (
        ("award", "certificates", running.edition.code),
        ("award", "certificates", running.edition.code, "--client", running.code, "--client", other.code),
        ("award", "certificates", running.edition.code, "--all-clients"),
    ):
        refused = mpp(*command, "-o", tmp_path / "early")
        assert refused.code == Exit.REFUSED, refused.err
        assert refused.err.count("is not frozen yet") == 1
        assert list((tmp_path / "early").iterdir()) == []
    code = closed.edition.code
    assert mpp("award", "certificates", "no-edition", "-o", tmp_path).code == Exit.REFUSED
    assert mpp("award", "certificates", code, "--client", "t-nobody", "-o", tmp_path).code == Exit.REFUSED
    for wrong in (("--language", "de"), ("--client", closed.code, "--all-clients")):
        assert mpp("award", "certificates", code, *wrong, "-o", tmp_path / "x.pdf").code == Exit.USAGE
    (tmp_path / "file").write_text("")
    assert mpp("award", "certificates", code, "-o", tmp_path / "file" / "inside").code == Exit.OUTPUT
    assert not list(tmp_path.rglob("*.pdf"))


def test_classes_have_their_certificates_elsewhere(mpp: Mpp, world: World, tmp_path: Path) -> None:
    edition = world.school_edition()
    world.class_(edition, "Lina", "Noé")
    world.ops.editions.close(edition.code, "Test")
    world.ops.editions.freeze(edition.code)
    refused = mpp("award", "certificates", edition.code, "-o", tmp_path / "c.pdf")
    assert (refused.code, f"mpp class diplomas --edition {edition.code}" in refused.err) == (Exit.OUTPUT, True)
    assert not (tmp_path / "c.pdf").exists()
