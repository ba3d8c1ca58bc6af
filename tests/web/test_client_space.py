"""The space of clients in a real browser, as the stack serves it."""

from __future__ import annotations

import gzip
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect

from supabase_embedded import StackStatus
from tests.support import ROOT
from tests.support.waiting import LIMIT, wait_until
from tests.support.world import PASSWORD, Person, World
from tests.support.world_clients import Client, new_client, played_client, running_edition
from tests.web.conftest import Open, faults

pytestmark = pytest.mark.needs("pages")

expect.set_options(timeout=LIMIT * 1000)

WIDTHS = ((390, 844), (1280, 900))
EVERYBODY = ["Vue d’ensemble", "Semaines", "Ligues", "Classement", "Thèmes", "Carte", "Rétroplanning", "Kit", "Prix"]

SignIn = Callable[..., Page]


@pytest.fixture(scope="module")
def client(world: World) -> Client:
    made = played_client(world)
    world.ops.plans.plan(made.part.participation_id)
    return made


@pytest.fixture
def space(open_page: Open, stack: StackStatus) -> Callable[..., Page]:
    def opened(address: str = "", **more) -> Page:
        return open_page(f"{stack.api_url}/client-space/{address}", **more)

    return opened


@pytest.fixture
def sign_in(space: Callable[..., Page]) -> SignIn:
    def signed_in(person: Person, address: str = "", **more) -> Page:
        page = space(address, **more)
        page.get_by_role("button", name="Se connecter avec un mot de passe").click()
        page.get_by_label("Adresse e-mail").fill(person.account.email or "")
        page.get_by_label("Mot de passe").fill(PASSWORD)
        page.get_by_role("button", name="Se connecter", exact=True).click()
        # Inside, or at what still stands in the way.
        page.locator("h2#view, #invitation, #enrol, #factor").first.wait_for()
        return page

    return signed_in


def tabs(page: Page) -> list[str]:
    expect(page.locator("nav.views")).to_be_visible()
    return page.locator("nav.views a").all_inner_texts()


def go(page: Page, view: str) -> None:
    page.locator("nav.views").get_by_role("link", name=view, exact=True).click()
    expect(page.locator("h2#view")).to_have_text(view)


def mail_to(stack: StackStatus, address: str) -> str:
    """The text of the mail that an address got."""
    with httpx.Client(base_url=stack.env()["MAILPIT_URL"], timeout=LIMIT) as mailbox:
        found: list[str] = []

        def came() -> bool:
            messages = mailbox.get("/api/v1/messages").json()["messages"]
            found[:] = [m["ID"] for m in messages if address in (to["Address"] for to in m["To"])]
            return bool(found)

        wait_until(came)
        return str(mailbox.get(f"/api/v1/message/{found[0]}").json()["HTML"])


def test_a_wrong_password_is_said_and_a_right_one_opens_the_space(space, client):
    page = space()
    page.get_by_role("button", name="Se connecter avec un mot de passe").click()
    viewer = client.staff()
    page.get_by_label("Adresse e-mail").fill(viewer.account.email or "")
    page.get_by_label("Mot de passe").fill("wrong password")
    page.get_by_role("button", name="Se connecter", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Adresse ou mot de passe inconnu.")
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter", exact=True).click()
    assert tabs(page) == EVERYBODY
    expect(page.locator("h1")).to_have_text(client.organisation.name)
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", name="Se connecter")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Se connecter")).to_be_visible()


@pytest.mark.needs("mailbox")
def test_a_link_in_a_mail_opens_the_space(space, client, stack):
    page = space()
    viewer = client.staff()
    page.get_by_label("Adresse e-mail").fill(viewer.account.email or "")
    page.get_by_role("button", name="Recevoir un lien par mail").click()
    expect(page.get_by_role("status").filter(has_text="un mail vient de partir")).to_be_visible()
    link = re.search(r'href="([^"]+/verify\?[^"]+)"', mail_to(stack, viewer.account.email or ""))
    assert link
    page.goto(link[1].replace("&amp;", "&"))
    expect(page.locator("h1")).to_have_text(client.organisation.name)
    assert page.url.startswith(f"{stack.api_url}/client-space/")
    assert "access_token" not in page.url


def test_the_overview_tells_what_the_api_tells(sign_in, client, world):
    viewer = client.staff()
    page = sign_in(viewer)
    (overview,) = viewer.read("client_overview", participation_id=f"eq.{client.part.participation_id}")
    cards = page.locator("dl.cards > div")
    expect(cards).to_have_count(6)
    told = dict(
        zip(cards.locator("dt").all_inner_texts(), cards.locator("dd:nth-child(2)").all_inner_texts(), strict=True)
    )
    assert told["Joueur·ses"] == str(overview["players"])
    assert told["Défis relevés"] == str(overview["validations"])
    assert told["Points"] == str(overview["points"])
    expect(page.locator("figure.chart figcaption")).to_contain_text("Le jour le plus actif")
    expect(page.locator("ul.advice")).to_contain_text("sans ambassadeur")
    page.get_by_text("Données du graphique").click()
    expect(page.locator("figure.chart tbody tr").first).to_be_visible()


def test_a_number_of_few_people_is_never_told(sign_in, world):
    few = new_client(world, running_edition(world), ((f"Rares {secrets.token_hex(3)}", "Lyon"),))
    person = world.person(f"P{secrets.token_hex(4)}")
    person.call("join_league", join_code=few.leagues[0].join_code)
    few.plays(person, "w-bike", 2, 0.01)
    page = sign_in(few.staff())
    expect(page.locator("dl.cards > div").first).to_contain_text("moins de 5")
    for view in ("Semaines", "Ligues"):
        go(page, view)
        expect(page.get_by_text("moins de 5").first).to_be_visible()


@pytest.mark.parametrize(
    ("role", "more"), [("viewer", []), ("manager", ["Invitations"]), ("owner", ["Invitations", "Équipe"])]
)
def test_each_role_has_its_views(sign_in, client, role, more):
    page = sign_in(client.staff(role))
    assert tabs(page) == [*EVERYBODY[:-1], *more, EVERYBODY[-1]]
    for view in tabs(page):
        go(page, view)
        expect(page.get_by_text("Chargement")).to_have_count(0)
        expect(page.get_by_role("alert").filter(has_text=re.compile(r"\S"))).to_have_count(0)


def test_staff_of_a_client_see_their_own_only(sign_in, client, world):
    other = played_client(world)
    page = sign_in(other.staff("owner"), f"?part={client.part.participation_id}")
    expect(page.locator("h1")).to_have_text(other.organisation.name)
    expect(page.locator("header select")).to_have_count(0)
    go(page, "Ligues")
    expect(page.locator("table").first).to_contain_text(other.leagues[0].name)
    assert client.leagues[0].name not in page.content()


def test_access_that_is_over_or_to_come_is_said_with_its_day(sign_in, client):
    page = sign_in(client.staff(since=-30, until=-1))
    expect(page.get_by_text("est terminé depuis le")).to_be_visible()
    page = sign_in(client.staff(since=2, until=30))
    expect(page.get_by_text("ouvre le")).to_be_visible()


def test_who_is_removed_reads_nothing_more(sign_in, client, world):
    viewer = client.staff()
    page = sign_in(viewer)
    assert tabs(page)
    world.ops.clients.remove_staff(client.organisation.organisation_id, viewer.account.id)
    page.reload()
    expect(page.get_by_text("Aucun espace n’est ouvert à ce compte.")).to_be_visible()
    assert client.organisation.name not in page.content()


def test_a_manager_ticks_a_task_and_a_viewer_may_not(sign_in, client, world):
    (first, *_) = [t for t in world.ops.plans.tasks(client.part.participation_id) if t.owner == "client" and t.day]
    page = sign_in(client.staff("manager"), "?view=plan")
    box = page.locator(f"#task-{first.task_id}")
    box.click()
    expect(box).to_be_checked()
    wait_until(
        lambda: any(
            t.task_id == first.task_id and t.done_at for t in world.ops.plans.tasks(client.part.participation_id)
        )
    )
    page = sign_in(client.staff("viewer"), "?view=plan")
    expect(page.locator(f"#task-{first.task_id}")).to_be_checked()
    expect(page.locator(f"#task-{first.task_id}")).to_be_disabled()


def test_the_plan_as_a_calendar_is_the_one_of_the_command(sign_in, client, world):
    page = sign_in(client.staff("manager"), "?view=plan")
    with page.expect_download() as download:
        page.get_by_role("button", name="Télécharger le calendrier").click()
    file = Path(download.value.path()).read_bytes().decode()
    told = world.ops.plans.ics(client.part.participation_id, "fr")

    def kept(text: str) -> list[str]:
        assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
        lines = text.replace("\r\n ", "").split("\r\n")
        return [
            line
            for line in lines
            if line.startswith(
                ("UID", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "SEQUENCE", "STATUS", "LAST-MODIFIED")
            )
        ]

    assert kept(file) == kept(told)


def test_a_manager_invites_people_after_a_look_at_what_will_happen(sign_in, client, world):
    page = sign_in(client.staff("manager"), "?view=participants")
    address = f"{secrets.token_hex(5)}@example.org"
    field = page.get_by_label("Adresse e-mail")
    field.fill(f"{address} ; {client.leagues[0].name}\nnot an address")
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("alert")).to_contain_text("Ligne 2")
    field.fill(f"{address} ; {client.leagues[0].name}")
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("status").filter(has_text="1 à inviter")).to_be_visible()
    assert not client.mails("player_invitation")
    page.get_by_role("button", name="Envoyer les invitations").click()
    expect(page.get_by_role("status").filter(has_text="1 invitations partent")).to_be_visible()
    expect(page.locator("table")).to_contain_text(address)
    assert [mail[1] for mail in client.mails("player_invitation")] == [address]


def test_a_manager_adds_a_file_and_takes_it_out_again(sign_in, client, tmp_path):
    page = sign_in(client.staff("manager"), "?view=kit")
    poster = tmp_path / "Affiche d’été.pdf"
    poster.write_bytes(b"%PDF-1.4\n% a poster\n")
    page.locator("input[type=file]").set_input_files(poster)
    expect(page.get_by_role("status").filter(has_text="est ajouté")).to_be_visible()
    row = page.locator("tbody tr").filter(has_text="Affiche-dete")
    with page.expect_download() as download:
        row.get_by_role("button", name="Télécharger").click()
    assert Path(download.value.path()).read_bytes() == poster.read_bytes()
    row.get_by_role("button", name="Retirer").click()
    expect(page.get_by_role("status").filter(has_text="est retiré")).to_be_visible()
    expect(row).to_have_count(0)
    page.locator("input[type=file]").set_input_files({"name": "page.html", "mimeType": "text/html", "buffer": b"<p>"})
    expect(page.get_by_role("alert").filter(has_text=re.compile(r"\S"))).to_be_visible()


def test_an_owner_invites_somebody_who_comes_in_by_the_code(sign_in, client, world):
    owner = client.staff("owner")
    page = sign_in(owner, "?view=staff")
    guest = world.signed_in()
    page.get_by_label("Adresse e-mail").fill(guest.account.email or "")
    page.get_by_label("Rôle").select_option("manager")
    page.get_by_role("button", name="Inviter dans l’équipe").click()
    expect(page.get_by_role("status").filter(has_text="L’invitation est partie")).to_be_visible()
    expect(page.locator("table")).to_contain_text("Invitation en attente")
    (mail,) = [m for m in client.mails("staff_invitation") if m[1] == guest.account.email]
    theirs = sign_in(guest)
    theirs.get_by_role("textbox", name="Code d’invitation").fill("ABCDEFGHJK")
    theirs.get_by_role("button", name="Accepter").click()
    expect(theirs.get_by_role("alert")).to_contain_text("Aucune invitation")
    theirs.get_by_role("textbox", name="Code d’invitation").fill(mail[3]["code"])
    theirs.get_by_role("button", name="Accepter").click()
    expect(theirs.locator("h1")).to_have_text(client.organisation.name)
    page.reload()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Retirer {guest.account.email}").click()
    expect(page.locator("table")).not_to_contain_text(guest.account.email or "")


def test_an_owner_who_must_show_a_second_factor_adds_one_and_shows_it(sign_in, client, world):
    owner = client.staff("owner")
    world.ops.rules.set("second_factor", "required")
    try:
        page = sign_in(owner)
        page.get_by_role("button", name="Ajouter un second facteur").click()
        key = page.locator("code").inner_text().partition(":")[2].strip()
        page.get_by_label("Code à six chiffres").fill("000000")
        page.get_by_role("button", name="Confirmer").click()
        expect(page.get_by_role("alert").filter(has_text="n’est pas le bon")).to_be_visible()
        page.get_by_label("Code à six chiffres").fill(pyotp.TOTP(key).now())
        page.get_by_role("button", name="Confirmer").click()
        expect(page.locator("h1")).to_have_text(client.organisation.name)
        again = sign_in(owner)
        expect(again.get_by_role("heading", name="Second facteur")).to_be_visible()
        assert client.organisation.name not in again.content()

        def shown() -> bool:
            # A code counts once.
            again.get_by_label("Code à six chiffres").fill(pyotp.TOTP(key).now())
            again.get_by_role("button", name="Confirmer").click()
            again.locator("nav.views, .fault").first.wait_for()
            return again.locator("nav.views").count() > 0

        wait_until(shown)
        expect(again.locator("h1")).to_have_text(client.organisation.name)
    finally:
        world.ops.rules.set("second_factor", "optional")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), WIDTHS)
def test_axe_finds_nothing_in_any_view(sign_in, space, client, scheme, width, height):
    look = {"width": width, "height": height, "color_scheme": scheme, "reduced_motion": "reduce"}
    page = space(**look)
    expect(page.get_by_role("heading", name="Se connecter")).to_be_visible()
    assert faults(page) == []
    page = sign_in(client.staff("owner"), **look)
    for view in tabs(page):
        go(page, view)
        expect(page.get_by_text("Chargement")).to_have_count(0)
        assert faults(page) == [], view


@pytest.mark.parametrize("view", ["overview", "leagues", "plan", "participants", "staff", "kit"])
def test_nothing_is_cut_off_at_the_width_of_a_small_phone(sign_in, client, view):
    page = sign_in(client.staff("owner"), f"?view={view}", width=320, height=568)
    expect(page.locator("h2#view")).to_be_visible()
    expect(page.get_by_text("Chargement")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_space_is_walked_by_keys_alone(sign_in, client):
    page = sign_in(client.staff("manager"))
    assert tabs(page)
    page.reload()
    assert tabs(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.locator("nav.views").get_by_role("link", name="Ligues").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h2#view")).to_have_text("Ligues")
    page.go_back()
    expect(page.locator("h2#view")).to_have_text("Vue d’ensemble")


def test_the_space_speaks_english_too(sign_in, space, client):
    page = space(locale="en-GB")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_scripts_are_small():
    scripts = list((ROOT / "web" / "client-space" / "dist" / "assets").glob("*.js"))
    assert scripts
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in scripts) <= 160_000
