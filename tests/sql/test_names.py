"""Names that strangers or mails show: one rule for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.support.game import Game, refused

HONEST = [
    "Les engagé.es du 11e", "Étudiant.es en vadrouille", "Étudiant.e.s", "Les ami.es", "ÉLU.ES", "Citoyen.nes",
    "Heureux.ses", "Les acteur.rices", "Tou.tes ensemble", "Actif.ves", "CE1-CE2 2026-27", "1-2-3 Soleil", "CM1.CM2",
    "J.O. 2026", "Go...team", "3.14", "v2.0", "Équipe MPP Lyon", "À 10 km de Paris", "S.O.S.", "Les citoyen.ne.s",
    "Auteur.rice.s", "Animateur.ice.s", "Les acteur.trice.s", "Actif.ve.s", "Heureux.se.s", "Maître.sse.s",
    "Chef.fe.s", "Copain.ine.s", "Fou.lle.s", "Nouveaux.elles", "Beau.belle", "Invité.ne", "Engagé.e.s", "Voisin.es",
    "Curieux.ses", "Tous.tes", "Créateur.rices", "INVITÉ.ES", "Citoyen.ne", "Danseur.se", "Sportif.ve",
    "Professeur.es", "Data: les as", "CO₂.0", "Point info", "Point de vue", "Le bon point", "Signal fort",
    "Polka Dot", "Les A (et B)", "Insta-bilité",
]  # fmt: skip
LINKS = [
    "evil.ai", "evil.cc", "evil.nl", "Gagnez: evil.pl", "evil.cloud/a", "evil.museum", "пример.рф", "evil.xn--p1ai",
    "evil。com", "ｅｖｉｌ．ｃｏｍ", "evil․com", "192.168.1.12", "amazon.es", "google.es", "evil.se", "ami.es/login",
    "shop.ami.es", "mailto:ada", "a@b", "//evil", "www.evil", "paypal.es", "portal.es", "amazon.ne", "linkedin.es",
    "correo-digital.es", "evil.com²", "evil.com①", "evil.com½", "evil.com❷", "javascript:alert(1)", "https:/evil",
    "https:evil", "citoyen.ne.s.es", "citoyen.ne.s/a", "evil.ne", "visa.se", "nike.ve", "O.Henry",
    "evil(.)com", "evil [.] com", "evil{dot}com", "evil (point) fr", "evil dot com", "evil point com", "Insta: evil",
    "snap : evil", "Discord=evil",
]  # fmt: skip
IMITATIONS = [
    "MPP officiel", "M.P.P. support", "M P P support", "m-p-p Support", "MPP 0ffic1el", "Admin M.P.P", "MPPsupport",
    "ᴍᴘᴘ support", "МРР support", "Ma Petite Planète", "M.a P.e.t.i.t.e Planète", "MPP", "Équipe MPP", "L’équipe MPP",
    "Équipe de MPP", "MPP équipe", "Team MPP", "MPP infos", "Bureau M.P.P.", "Direction MPP", "🅜🅟🅟 support", "🅼🅿🅿",
    "🇲🇵🇵", "M℗P support", "ƜPP", "ᎷᏢᏢ",
]  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_hold_no_link(game, name):
    assert not game.one("select private.holds_link(%s)", (name,))


@pytest.mark.parametrize("name", LINKS)
def test_what_a_mail_program_makes_a_link_of_is_one(game, name):
    assert game.one("select private.holds_link(%s)", (name,))


def writers(game: Game) -> dict[str, list[Callable[[str], Any]]]:
    """By column of type mpp.line: who writes it, with a name, as calls that are refused or not."""
    edition = game.edition()
    league = game.league(edition)
    player, ambassador = game.registered(), league.ambassador
    organisation = game.organisation()
    part = game.participation(organisation, edition)
    manager = game.employed(organisation, "manager")
    school_edition = game.edition(audience="school")
    class_ = game.class_(school_edition)
    teacher = class_.teacher

    def client_league(**given):
        return manager.table("create_client_leagues", participation_id=part, leagues=Jsonb([given]))

    def school(**given):
        arguments = {"name": "Lycée", "city": "Londres", "postcode": "SW7 2DG", "levels": ["lycee"], "country": "GB"}
        return teacher.call("add_school", **arguments | given)

    return {
        "league.name": [
            lambda name: player.call("create_league", edition_id=edition.id, name=name),
            lambda name: client_league(name=name),
            lambda name: teacher.call("update_class", class_id=class_.id, name=name),
        ],
        "team.name": [
            lambda name: ambassador.call("rename_team", team_id=league.teams[0], name=name),
            lambda name: teacher.call("create_team", league_id=class_.id, name=name),
            lambda name: teacher.call("rename_team", team_id=class_.teams[0], name=name),
        ],
        "unit.name": [lambda name: client_league(name="Nord", unit=name)],
        "profile.alias": [
            lambda name: player.call("update_profile", alias=name),
            lambda name: game.registered(alias=name),
        ],
        "profile.first_name": [lambda name: player.call("update_profile", first_name=name)],
        "profile.last_name": [lambda name: player.call("update_profile", last_name=name)],
        "school.name": [lambda name: school(name=name)],
        "school.city": [lambda name: school(city=name)],
    }


#: Columns of type mpp.line that no stranger writes for others, and why.
OTHERWISE = {
    "organisation.name": "the association types it",
    "player.alias": "copied from the profile",
    "player.first_name": "copied from the profile; of a pupil one word of letters",
    "profile.sector": "for the statistics of the association",
    "profile.acquisition_channel": "for the statistics of the association",
    "teacher.role": "for the statistics of the association",
    "teacher.subject": "for the statistics of the association",
    "contact_request.name": "a message to the association, whose staff reads it as such",
    "contact_request.organisation": "a message to the association, whose staff reads it as such",
    "newsletter.subject": "the association types it",
    "partner.name": "the association types it",
    "campaign_code.creator": "the association types it",
    "name_change.old_name": "a name that was checked, and read by the staff only",
    "name_change.new_name": "the association types it",
}


def test_every_name_that_is_shown_goes_through_the_one_rule(game):
    found = {
        f"{row['relname']}.{row['attname']}"
        for row in game.rows(
            "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where a.atttypid = 'mpp.line'::regtype and c.relkind = 'r' and not a.attisdropped"
        )
    }
    checked = writers(game)
    assert found == set(checked) | set(OTHERWISE), "give the new column its writer here, or say why it has none"
    for column, calls in checked.items():
        for write in calls:
            for wrong, what in (
                *((name, "it holds a link") for name in ("Visitez evil.ai", "x.cloud", "http://evil")),
                *((name, "it is the name of the association") for name in ("MPP officiel", "M.P.P. support")),
            ):
                with game.refused("MP010", "MP070") as caught:
                    write(wrong)
                assert what in caught.value.diag.message_primary, (column, wrong)


@pytest.mark.parametrize("name", ["St.John", "O.Henry", "Ste.Marie", "O.Henry-St.John"])
def test_an_initial_or_a_saint_before_a_persons_name_is_no_link(game, name):
    person = game.registered()
    person.call("update_profile", first_name=name, last_name=name)
    assert person.view("my_profile")[0]["last_name"] == name
    for link in ("O.Info", "X.Cloud", "O.Henry.com", "o.henry", "evil.St.John.com"):
        with game.refused("MP010"):
            person.call("update_profile", last_name=link)


@pytest.mark.parametrize("name", ["Zo\u200be", "Lina\u200bMartin", "Zo\u200b\u200be"])
def test_a_space_without_width_inside_a_persons_name_is_refused(game, name):
    person, edition = game.registered(), game.edition(audience="school")
    class_ = game.class_(edition)
    for call in (
        *(lambda f=f: person.call("update_profile", **{f: name}) for f in ("alias", "first_name", "last_name")),
        *(lambda f=f: game.registered(**{f: name}) for f in ("alias", "first_name", "last_name")),
        lambda: class_.teacher.call("add_pupils", class_id=class_.id, pupils=Jsonb([{"first_name": name}])),
        lambda: class_.teacher.call("update_teacher", first_name=name),
    ):
        with refused("MP010", "MP070") as caught, game.db.transaction():
            call()
        assert "invisible" in caught.value.diag.message_primary
    person.call("update_profile", alias="\u200bZoe\u200b", first_name="Zoe \u200bLou")
    assert person.view("my_profile")[0]["alias"] == "Zoe"


@pytest.mark.parametrize("key", [True, False], ids=["key", "account"])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("www.fr", "a link"),
        ("ESS.Org", "a link"),
        ("Ma Petite Planète", "the association"),
        ("Exemple SA", "an organisation"),
    ],
)
def test_staff_pass_lists_on_and_the_names_in_them_are_checked(game, name, what, key):
    """The association may use its name where it types one; a list that it imports was made by somebody else."""
    game.organisation(name="Exemple SA")
    part = game.participation(game.organisation(), game.edition())
    class_ = game.class_(game.edition(audience="school"))
    staff = game.service if key else game.staff()
    for function, place, listed in (
        ("add_pupils", {"class_id": class_.id}, {"pupils": [{"first_name": "Léa", "team": name}]}),
        ("create_client_leagues", {"participation_id": part}, {"leagues": [{"name": name}]}),
        ("create_client_leagues", {"participation_id": part}, {"leagues": [{"name": "Nord", "unit": name}]}),
    ):
        with game.refused("MP070") as caught:
            staff.table(function, **place, **{key: Jsonb(value) for key, value in listed.items()})
        assert what in caught.value.diag.message_primary
        field = "team" if function == "add_pupils" else "unit" if "unit" in listed["leagues"][0] else "name"
        where = f" row 1: its {field}: "
        assert where in caught.value.diag.message_primary
    staff.call("rename_team", team_id=class_.teams[0], name=name)
    # A team of the class is no new name.
    pupils = Jsonb([{"first_name": "Léa", "team": name}])
    assert staff.table("add_pupils", class_id=class_.id, dry_run=True, pupils=pupils)


@pytest.mark.parametrize("name", IMITATIONS)
def test_an_alias_does_not_imitate_the_association(game, name):
    person = game.registered()
    with game.refused("MP010"):
        person.call("update_profile", alias=name)


@pytest.mark.parametrize("name", [name for name in HONEST if len(name) <= 30])
def test_honest_names_are_kept_as_they_are_typed(game, name):
    person = game.registered()
    person.call("update_profile", alias=name)
    assert person.view("my_profile")[0]["alias"] == name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((name, "telephone") for name in ("0612345678", "06 12 34 56 78", "Tom 06.12.34.56.78", "+33 6 12 34 56 78")),
        *((name, "no letter") for name in ("...", "-", "?!", "…", "« »", "—")),
        *(
            (name, "association")
            for name in ("Support", "Admin", "Modérateur", "Аdmin", "4dmin", "A.d.m.i.n", "Le staff")
        ),
        *((name, None) for name in ("007", "Zoé 2026-2027", "Lou 75011", "🌱", "Supporter", "Admirable", "小明", "Ω")),
    ],
)
def test_an_alias_is_a_name_and_no_number_and_nobody_who_helps_here(game, name, what):
    person = game.registered()
    if what is None:
        person.call("update_profile", alias=name)
        assert person.view("my_profile")[0]["alias"] == name
        return
    for call in (lambda: person.call("update_profile", alias=name), lambda: game.registered(alias=name)):
        with refused("MP010") as caught, game.db.transaction():
            call()
        assert what in caught.value.diag.message_primary


@pytest.mark.parametrize(
    "name", ["0612345678", "Les 06 12 34 56 78", "+33 6 12 34 56 78", "+33 (6) 12 34 56 78", "０６１２３４５６７８"]
)
def test_leagues_and_teams_are_called_by_no_telephone_number(game, name):
    league = game.league(game.edition())
    person = game.registered()
    for call in (
        lambda: league.ambassador.call("rename_team", team_id=league.teams[0], name=name),
        lambda: person.call("create_league", edition_id=league.edition.id, name=name, category="friends"),
    ):
        with game.refused("MP010") as caught:
            call()
        assert "telephone" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["0-0-5-379462", "03/04/2015", "2026-2027", "007", "Les 100 000 volts 2026", "75011 Paris 2026"]
)
def test_days_years_and_codes_are_no_telephone_numbers(game, name):
    assert not game.one("select private.holds_phone_number(%s)", (name,))


def test_what_imitates_a_client_without_a_separator_is_refused(game):
    edition = game.edition()
    organisation = game.organisation(name="Carrefour Vert")
    longer = game.organisation(name="Carrefour Vert Market")
    person = game.registered()
    for name in ("Carrefour Vert Lyon", "CARREFOUR-VERT Lyon", "Carrefour Vert", "Carrefour  vert!"):
        with game.refused("MP010"):
            person.call("create_league", edition_id=edition.id, name=name)
        with game.refused("MP010"):
            person.call("update_profile", alias=name)
    # The clients themselves, and whoever is called so.
    league = game.client_league(game.participation(longer, edition), edition)
    league.ambassador.call("rename_team", team_id=league.teams[0], name="Carrefour Vert Market Lyon")
    person.call("update_profile", last_name="Carrefour Vert")
    person.call("create_league", edition_id=edition.id, name="Les amis du Carrefour Vert")
    assert organisation != longer


IMITATED = "Exemple SA"


@pytest.mark.parametrize(
    ("client", "name", "fine"),
    [
        *((IMITATED, name, False) for name in (
            "ExempleSA", "Exemple S.A.", "Exеmple SA", "🌱Exemple SA", "L’Exemple SA", "L'Exemple SA Lyon",
            "EXEMPLE-SA", "Exemple S.A. Lyon", "ExempleSA Lyon", "Ex3mple SA", "ＥＸＥＭＰＬＥ SA",
            "E x e m p l e SA")),
        *((IMITATED, name, True) for name in ("Exemple", "Exemple Sabine", "Les exemples", "Bel exemple SA")),
        ("Vie", "La Vie", False), ("Vie", "La vie en vert", True), ("Vie", "Vi e", True), ("Vie", "Vietnam", True),
        ("Martin", "Martin", False), ("Martin", "Les Martinets", True), ("Martin", "Lou Martin", True),
        ("Carrefour", "Les Carrefours du Nord", True), ("Carrefour", "Le Carrefour", False),
        ("Poste", "La Poste", False),
    ],
)  # fmt: skip
def test_a_client_is_imitated_as_the_association_is(game, client, name, fine):
    game.organisation(name=client)
    person = game.registered()
    if fine:
        person.call("update_profile", alias=name)
    else:
        with game.refused("MP010") as caught:
            person.call("update_profile", alias=name)
        assert "organisation that plays" in caught.value.diag.message_primary


@pytest.mark.parametrize(
    ("name", "fine"),
    [("CE1-CE2 2026-27", True), ("1-2-3 Soleil", True), ("CM2 2026/2027", True), ("6e 3 - 5e 2", True),
     ("Lina 12/03/2015", False), ("12.03.15", False), ("2015-03-12", False), ("06 12 34 56 78", False),
     ("+33612345678", False), ("06-12-34-56", False)],
)  # fmt: skip
def test_the_name_of_a_class_holds_no_date_and_no_telephone_number(game, name, fine):
    class_ = game.class_(game.edition(audience="school"))
    for call in (
        lambda: class_.teacher.call("update_class", class_id=class_.id, name=name),
        lambda: class_.teacher.call("rename_team", team_id=class_.teams[0], name=name),
    ):
        if fine:
            call()
        else:
            with game.refused("MP010"):
                call()
