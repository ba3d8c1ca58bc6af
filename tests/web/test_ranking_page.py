"""The public ranking page in a real browser, as the stack serves it."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from mpp_supabase import Edition
from supabase_embedded import StackStatus
from tests.support import ROOT
from tests.support.waiting import LIMIT
from tests.support.world import Person, World
from tests.web.conftest import Open, faults

pytestmark = pytest.mark.needs("pages")

expect.set_options(timeout=LIMIT * 1000)

#: More than a page of players: these come straight into the tables.
CROWD = 70

WIDTHS = ((390, 844), (1280, 900))


@dataclass
class Ranked:
    """A running edition with a league of two who play, and a crowd."""

    edition: Edition
    league: str
    ada: Person
    bob: Person


@pytest.fixture(scope="module")
def ranked(world: World, stack: StackStatus) -> Ranked:
    edition = world.edition(name="page")
    ada, bob = world.person("Ada page"), world.person("Bob page")
    name = f"Les Marcheuses {uuid.uuid4().hex[:6]}"
    world.league(edition, ada, bob, name=name)
    ada.validate(edition, "w-bike", 3)
    bob.validate(edition, "w-walk", 2)
    with psycopg.connect(stack.db_url) as db:
        db.execute(
            "insert into mpp.player (edition_id, league_id, team_id, alias, first_name)"
            " select l.edition_id, l.id, (select min(t.id::text)::uuid from mpp.team t where t.league_id = l.id),"
            " 'Foule ' || n, 'Foule' from mpp.league l, generate_series(1, %s) n where l.name = %s",
            (CROWD, name),
        )
    return Ranked(edition, name, ada, bob)


@pytest.fixture
def page_of(open_page: Open, stack: StackStatus):
    def opened(address: str = "", **more) -> Page:
        return open_page(f"{stack.api_url}/ranking/?{address}", **more)

    return opened


def names(page: Page) -> list[str]:
    """The names in the table, without what stands under them."""
    return [text.split("\n")[0] for text in page.locator("table.ranking tbody th").all_inner_texts()]


def test_visitors_read_the_ranking_that_the_api_gives(page_of, ranked, world):
    page = page_of(f"edition={ranked.edition.code}")
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    rows = world.visitor.rankings.page(ranked.edition.id, "player", 50).rows
    assert names(page) == [row.label for row in rows]
    assert rows[0].label == "Ada page"
    first = page.locator("table.ranking tbody tr").first
    expect(first).to_contain_text("1er")
    expect(first).to_contain_text("12")
    expect(first).to_contain_text(ranked.league)


def test_pages_follow_each_other_and_the_browser_goes_back(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}")
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    before = names(page)
    page.get_by_role("link", name="Page suivante").click()
    expect(page.locator("table.ranking tbody tr")).to_have_count(CROWD + 2 - 50)
    assert not set(before) & set(names(page))
    expect(page.get_by_role("link", name="Page suivante")).to_have_count(0)
    expect(page.locator("#ranking-heading")).to_be_focused()
    page.reload()
    expect(page.locator("table.ranking tbody tr")).to_have_count(CROWD + 2 - 50)
    page.go_back()
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    page.go_forward()
    page.get_by_role("link", name="Retour en haut").click()
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)


def test_what_a_phone_validates_shows_without_a_reload(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}&scope=league")
    points = page.locator("table.ranking tbody tr").filter(has_text=ranked.league).locator("td.n").nth(1)
    expect(points).to_have_text(re.compile(r"^\d+$"))
    before = int(points.inner_text())
    ranked.bob.validate(ranked.edition, "w-walk")
    expect(points).to_have_text(str(before + 1))


def test_live_updates_stop_when_they_are_turned_off(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}&scope=league")
    expect(page.locator("table.ranking tbody tr")).not_to_have_count(0)
    page.get_by_label("Mettre à jour en direct").uncheck()
    asked: list[str] = []
    page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("link", name="Équipes").click()
    expect(page.locator("#ranking-heading")).to_contain_text("Équipes")
    assert sum("scope=league" in url for url in asked) == 0


def test_a_league_is_found_by_name_and_the_list_comes_back(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}&scope=league")
    field = page.get_by_label("Chercher une ligue")
    field.fill("m")
    page.get_by_role("button", name="Chercher").click()
    expect(page.get_by_text("au moins deux lettres")).to_be_visible()
    field.fill(ranked.league.upper())
    field.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 résultat")
    assert names(page) == [ranked.league]
    page.get_by_label("Chercher une ligue").fill("personne n’a ce nom")
    page.get_by_role("button", name="Chercher").click()
    expect(page.get_by_role("status")).to_contain_text("Rien ne correspond")
    page.get_by_role("link", name="Revenir au classement").click()
    expect(page.locator("table.ranking tbody tr")).not_to_have_count(0)


def test_whoever_is_signed_in_on_the_site_sees_their_own_place(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}")
    expect(page.get_by_role("heading", name="Ma place")).to_have_count(0)
    kept = json.dumps({"access_token": ranked.bob.token, "expires_at": 4_000_000_000})
    page.evaluate("kept => localStorage.setItem('sb-127-auth-token', kept)", kept)
    page.reload()
    mine = page.locator("section").filter(has=page.get_by_role("heading", name="Ma place"))
    expect(mine.locator("tr.me")).to_contain_text("Bob page")
    expect(mine.locator("tr.me")).to_contain_text("c’est moi")
    page.evaluate("localStorage.setItem('sb-127-auth-token', 'nonsense')")
    page.reload()
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    expect(page.get_by_role("heading", name="Ma place")).to_have_count(0)


def test_the_ceremony_reveals_from_the_last_to_the_first_by_keys_alone(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}&scope=player&ceremony")
    page.get_by_label("Combien de rangs").select_option("3")
    lines = page.locator("ol li")
    expect(page.get_by_role("button", name="Révéler")).to_be_enabled()
    page.locator("h1").click()
    for shown in (1, 2, 3):
        page.keyboard.press("Space")
        expect(lines).to_have_count(shown)
    expect(lines.first).to_contain_text("Ada page")
    expect(page.get_by_role("button", name="Révéler")).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    expect(lines).to_have_count(2)
    assert "Ada page" not in lines.first.inner_text()
    page.keyboard.press("Escape")
    expect(page.locator("table.ranking")).to_be_visible()


def test_the_ceremony_plays_by_itself_and_stops(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}&scope=player&ceremony")
    expect(page.get_by_role("button", name="Révéler")).to_be_enabled()
    page.keyboard.press("a")
    expect(page.locator("ol li")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Défiler tout seul")).to_have_attribute("aria-pressed", "false")


def test_a_name_is_text_whatever_it_looks_like(page_of, ranked):
    def answered(route: Route) -> None:
        rows = [
            {"rank": 1, "subject_id": str(uuid.uuid4()), "label": "<img src=x onerror=document.title='gone'>",
             "league_label": "<b>bold</b>", "points": 3, "value": 3, "tie_order": 1}
        ]  # fmt: skip
        route.fulfill(json=rows)

    page = page_of("edition=none")
    page.route("**/rpc/ranking_page*", answered)
    page.goto(page.url.replace("edition=none", f"edition={ranked.edition.code}"))
    expect(page.locator("table.ranking tbody th")).to_contain_text("<img src=x")
    expect(page.locator("table.ranking img, table.ranking b")).to_have_count(0)


def test_a_server_that_is_away_is_said_and_asked_again(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}")
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    page.route("**/rpc/ranking_page*", lambda route: route.abort())
    page.get_by_role("link", name="Ligues").click()
    expect(page.get_by_role("status")).to_contain_text("Le serveur ne répond pas")
    page.unroute("**/rpc/ranking_page*")
    page.get_by_role("button", name="Réessayer").click()
    expect(page.locator("table.ranking tbody tr")).not_to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "heading"),
    [("fr-FR", "Classement"), ("en-GB", "Ranking"), ("de-CH", "Rangliste"), ("pt-BR", "Classement")],
)
def test_the_page_speaks_the_language_of_the_browser(page_of, ranked, locale, heading):
    page = page_of(f"edition={ranked.edition.code}", locale=locale)
    expect(page.locator("#ranking-heading")).to_contain_text(heading)
    page.get_by_role("link", name="Deutsch").click()
    expect(page.locator("#ranking-heading")).to_contain_text("Rangliste")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert ranked.edition.code in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_axe_finds_nothing_in_any_view(page_of, ranked, scheme, width, height):
    def look(address: str, ready: str) -> Page:
        page = page_of(address, width=width, height=height, color_scheme=scheme, reduced_motion="reduce")
        expect(page.locator(ready).first).to_be_visible()
        assert faults(page) == []
        return page

    code = ranked.edition.code
    look(f"edition={code}", "table.ranking")
    look(f"edition={code}&scope=league", "table.ranking")
    page = look(f"edition={code}&scope=league&q=march", "table.ranking")
    page.get_by_label("Chercher une ligue").fill("m")
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator(".fault")).to_be_visible()
    page.locator("details.map > summary").click()
    expect(page.locator("details.map p, details.map figure").first).to_be_visible()
    assert faults(page) == []
    look(f"edition={code}&q=nothing-like-this", "[role=status]")
    page = look(f"edition={code}&ceremony", ".controls")
    page.get_by_role("button", name="Révéler").click()
    expect(page.locator("ol li")).to_have_count(1)
    assert faults(page) == []


def test_the_map_is_a_figure_with_its_finding_and_its_table(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}")
    page.route(
        "**/player_map*",
        lambda route: route.fulfill(
            json=[
                {"area": "FR-29", "country": "FR", "department": "29", "players": 12},
                {"area": "FR-75", "country": "FR", "department": "75", "players": 40},
                {"area": "DE", "country": "DE", "department": None, "players": 6},
                {"area": "", "country": None, "department": None, "players": 9},
            ]
        ),
    )
    page.locator("details.map > summary").click()
    expect(page.locator("figcaption")).to_have_text("Paris arrive en tête : 40 personnes. On joue dans 2 départements.")
    expect(page.locator("figure path.step-0").first).to_be_attached()
    page.locator("figure summary").click()
    assert page.locator("figure tbody th").all_inner_texts() == [
        "Paris", "Finistère", "Autres lieux (moins de cinq personnes chacun)", "Allemagne",
    ]  # fmt: skip
    assert faults(page) == []


def test_the_page_is_walked_by_keys_alone(page_of, ranked):
    page = page_of(f"edition={ranked.edition.code}")
    expect(page.locator("table.ranking tbody tr")).to_have_count(50)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au classement")).to_be_focused()
    page.keyboard.press("Enter")
    seen = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent || document.activeElement.id"))
    assert {"Équipes", "Ligues", "query", "Chercher", "Page suivante", "Mode cérémonie"} <= seen
    page.get_by_role("link", name="Ligues").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ranking-heading")).to_contain_text("Ligues")


@pytest.mark.parametrize("address", ["", "&scope=league", "&ceremony"])
def test_nothing_is_cut_off_at_the_width_of_a_small_phone_or_at_four_times_the_size(page_of, ranked, address):
    page = page_of(f"edition={ranked.edition.code}{address}", width=320, height=568)
    expect(page.locator("table.ranking, .controls").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_javascript_the_page_says_where_to_read(stack):
    page = httpx.get(f"{stack.api_url}/ranking/", timeout=LIMIT).text
    assert "se lisent sans JavaScript" in page.partition("<noscript>")[2].partition("</noscript>")[0]


def test_the_scripts_are_small():
    scripts = list((ROOT / "web" / "ranking" / "dist" / "assets").glob("*.js"))
    assert scripts
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in scripts) <= 30_000
