"""What a mail says and how it is built: both languages, both parts, and nothing that a name could smuggle in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_supabase import MailSettings
from mpp_supabase.mail.composing import compose, inspect
from mpp_supabase.mail.letters import TEMPLATES, LetterError
from mpp_supabase.mail.outbox import ClaimedMail
from mpp_supabase.mail.settings import clean_header
from mpp_supabase.mail.wording import change, day, number
from tests.support import clock

SETTINGS = MailSettings(
    host="mail.example.org", port=587, security="starttls", sender_name="Ma Petite Planète",
    sender="bonjour@example.org", domain="example.org", unsubscribe_url="https://example.org/functions/v1/unsubscribe",
    guardian_url="https://example.org/functions/v1/guardian",
)  # fmt: skip
DATES = {"starts_at": "2026-06-01T00:00:00+02:00", "ends_at": "2026-06-22T00:00:00+02:00"}
FIGURES = [{"name": "players", "value": 1212, "change": 12}, {"name": "Défis par personne", "value": 2.5}]

#: Purpose, data, and words that both parts of the French and of the English mail hold.
MAILS: dict[str, tuple[str, dict[str, Any], list[str], list[str]]] = {
    "staff_invitation": (
        "service",
        {"organisation": "Exemple & Cie", "role": "owner", "code": "a1b2c3d4e5f6", "link": "https://example.org/espace",
         "access_from": DATES["starts_at"], "access_until": DATES["ends_at"], "expires_at": DATES["starts_at"]},
        ["« Exemple & Cie »", "responsable", "a1b2c3d4e5f6", "du 1er juin 2026 au 21 juin 2026",
         "valable jusqu’au 31 mai 2026", "https://example.org/espace"],
        ["Exemple & Cie", "owner", "a1b2c3d4e5f6", "from 1 June 2026 to 21 June 2026", "valid until 31 May 2026",
         "https://example.org/espace"],
    ),
    "player_invitation": (
        "invitation",
        {"league": "Les Tilleuls", "join_code": "ABCD-EFGH", "edition": "Juin", "organisation": "Exemple", **DATES},
        ["Les Tilleuls", "ABCD-EFGH", "Exemple vous invite", "du 1er juin 2026 au 21 juin 2026"],
        ["Les Tilleuls", "ABCD-EFGH", "Exemple invites you", "from 1 June 2026 to 21 June 2026"],
    ),
    "weekly_report": (
        "weekly_report",
        {"organisation": "Exemple", "edition": "Juin", "from_day": DATES["starts_at"], "until_day": DATES["ends_at"],
         "time_zone": "Europe/Paris", "figures": FIGURES,
         "needs_attention": ["Les Hiboux"], "advice": ["Un pique-nique"]},
        ["Joueurs", "1\u202f212", "+12", "2,5", "Les Hiboux", "Un pique-nique"],
        ["Players", "1,212", "+12", "2.5", "Les Hiboux", "Un pique-nique"],
    ),
    "ambassador_note": (
        "league_alerts",
        {"league": "Les Hiboux", "edition": "Juin", "rank": 12, "figures": FIGURES, "advice": ["Un pique-nique"]},
        ["la place 12", "1\u202f212", "Un pique-nique"],
        ["number 12", "1,212", "Un pique-nique"],
    ),
    "league_note": (
        "league_alerts",
        {"league": "Les Hiboux", "edition": "Juin", "rank": 1012, "own_points": 1212, "own_change": 12,
         "figures": FIGURES},
        ["la place 1\u202f012", "1\u202f212 points, dont 12 cette semaine"],
        ["number 1,012", "1,212 points, 12 of them this week"],
    ),
    "terms_notice": (
        "service",
        {"version": "2030-01", "effective_at": DATES["starts_at"], "link": "https://example.org/cgu"},
        ["La version 2030-01", "à partir du 1er juin 2026", "supprimer votre compte", "parce que vous avez un compte"],
        ["Version 2030-01", "from 1 June 2026 on", "delete your account", "because you have an account"],
    ),
    "guardian_request": (
        "service",
        {"first_name": "Lina", "token": "cd" * 32, "expires_at": DATES["ends_at"]},
        ["Lina joue à Ma Petite Planète", "une fois, jusqu’au 21 juin 2026", "retirer votre accord",
         "un enfant a donné"],
        ["Lina plays Ma Petite Planète", "once, until 21 June 2026", "takes your agreement back", "a child gave your"],
    ),
    "erasure_asked": (
        "service",
        {"erases_at": DATES["starts_at"]},
        ["aura lieu le 1er juin 2026", "vous pouvez encore le garder", "Si ce n’était pas vous"],
        ["takes place on 1 June 2026", "you can still keep it", "If it was not you"],
    ),
    "account_erased": (
        "service",
        {},
        ["sont effacés. Cela ne peut être annulé", "sans votre nom", "cette adresse était celle d’un compte"],
        ["are erased. This cannot be undone", "without your name", "an account of Ma Petite Planète had this address"],
    ),
    "client_without_owner": (
        "service",
        {"client": "mairie-lyon", "name": "Ville de Lyon"},
        ["« Ville de Lyon » (mairie-lyon)", "mpp client invite mairie-lyon", "l’équipe de Ma Petite Planète"],
        ["“Ville de Lyon” (mairie-lyon)", "mpp client invite mairie-lyon", "the staff of Ma Petite Planète"],
    ),
    "name_changed": (
        "service",
        {"kind": "team", "name": "Équipe 7KQ2MD", "league": "Les Hiboux", "reason": "C’est une insulte"},
        ["une équipe de « Les Hiboux » par « Équipe 7KQ2MD »", "C’est une insulte"],
        ["a team of “Les Hiboux” by “Équipe 7KQ2MD”", "C’est une insulte"],
    ),
    "expulsion": (
        "service",
        {"report": 12, "player": "Chardon", "league": "Les Hiboux", "edition": "adult-2026-06", "by": "Iris",
         "reason": "Des insultes"},
        ["Iris a expulsé Chardon de la ligue « Les Hiboux » (adult-2026-06)", "Des insultes", "signalement 12"],
        ["Iris has expelled Chardon from the league “Les Hiboux” (adult-2026-06)", "Des insultes", "report 12"],
    ),
    "newsletter": (
        "newsletter",
        {"newsletter": "ete", "subject": "L’été", "body": "Bonjour **à vous**\n\n[lien](https://example.org/a?b=1&c=2)"},
        ["à vous", "lien"],
        ["à vous", "lien"],
    ),
}  # fmt: skip


def claimed(template: str, language: str = "fr", **changes: Any) -> ClaimedMail:
    purpose, data, _, _ = MAILS[template]
    made = ClaimedMail(
        id=1, attempt=1, message_id=f"{'a' * 40}@example.org", address="lina@example.org", first_name="Lina",
        purpose=purpose, template=template, language=language, data=data,
        unsubscribe_token=None if purpose == "service" else "ab" * 32, claim_expires_at=clock.now(),
    )  # fmt: skip
    return made.model_copy(update=changes)


def composed(mail: ClaimedMail) -> EmailMessage:
    return message_from_bytes(compose(mail, SETTINGS), policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_template_is_tried_here() -> None:
    assert set(MAILS) == set(TEMPLATES)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("template", MAILS)
def test_both_parts_of_a_mail_say_the_same_in_its_language(template: str, language: str) -> None:
    _, _, french, english = MAILS[template]
    message = composed(claimed(template, language))
    text, page = part(message, "plain"), Page(part(message, "html"))
    for words in french if language == "fr" else english:
        assert words in text
        assert words in page.text
    assert message["Content-Language"] == language
    assert page.tags[0] == ("html", {"lang": language})
    assert not re.search(r"\{\w*\}|None|\n\n\n", text)


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("alias", {"name": "Ada"}, ["votre pseudo par « Ada »", "choisir un autre"]),
        ("league", {"name": "Ada"}, ["votre ligue par « Ada »", "écrivez à"]),
        ("class", {"name": "Ada"}, ["votre classe par « Ada »", "choisir un autre"]),
        ("school", {"name": "Ada"}, ["vous avez ajouté par « Ada »", "écrivez à"]),
        ("school", {}, ["retiré de ses listes", "écrivez à"]),
    ],
)
def test_whoever_owned_a_name_reads_what_it_is_now_and_what_they_can_do(
    kind: str, more: dict[str, str], words: list[str]
) -> None:
    text = part(composed(claimed("name_changed", data={"kind": kind, "reason": "Insulte", **more})), "plain")
    for each in (*words, "La raison : Insulte"):
        assert each in text


def test_an_expulsion_by_the_staff_names_nobody_of_them() -> None:
    data = {name: value for name, value in MAILS["expulsion"][1].items() if name != "by"}
    text = part(composed(claimed("expulsion", data=data)), "plain")
    assert "L’équipe a expulsé Chardon" in text
    assert "None" not in text


LEADING = replace(SETTINGS, app_url="https://app.example.org/rejoindre", client_space_url="https://espace.example.org")
LEADS_TO = {
    "staff_invitation": "https://espace.example.org",
    "weekly_report": "https://espace.example.org",
    "player_invitation": "https://app.example.org/rejoindre?code=ABCD-EFGH",
    "ambassador_note": "https://app.example.org/rejoindre",
    "league_note": "https://app.example.org/rejoindre",
    "terms_notice": "https://app.example.org/rejoindre",
    "guardian_request": f"https://example.org/functions/v1/guardian?token={'cd' * 32}",
    "erasure_asked": "https://app.example.org/rejoindre",
    # There is no account any more that an app could open.
    "account_erased": "",
    "client_without_owner": "",
    "name_changed": "https://app.example.org/rejoindre",
    # It is for the staff, who have commands.
    "expulsion": "",
    "newsletter": "",
}


NO_LINK_OF_THEIR_OWN = {
    "erasure_asked", "account_erased", "client_without_owner", "name_changed", "expulsion", "newsletter",
    "guardian_request",
}  # fmt: skip


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("template", MAILS)
def test_a_mail_leads_to_the_app_or_to_the_space_where_one_is_set(template: str, language: str) -> None:
    data = {name: value for name, value in MAILS[template][1].items() if name != "link"}
    raw = compose(claimed(template, language, data=data), LEADING)
    message = message_from_bytes(raw, policy=policy.default)
    links = [attributes["href"] for tag, attributes in Page(part(message, "html")).tags if tag == "a"]
    expected = LEADS_TO[template]
    assert (expected in links) == bool(expected)
    assert (expected in part(message, "plain")) if expected else "app.example.org" not in part(message, "plain")
    # What it names itself comes first.
    if template not in NO_LINK_OF_THEIR_OWN:
        own = claimed(template, language, data=data | {"link": "https://own.example.org/x"})
        assert b"https://own.example.org/x" in compose(own, LEADING)
        assert b"espace.example.org" not in compose(own, LEADING)
    # Without a setting it reads well as it is.
    plain = part(
        message_from_bytes(compose(claimed(template, language, data=data), SETTINGS), policy=policy.default), "plain"
    )
    assert not re.search(r"application :\n\n\n|Ouvrir|Open", plain), plain


def test_the_code_of_a_staff_member_is_in_no_address() -> None:
    data = {name: value for name, value in MAILS["staff_invitation"][1].items() if name != "link"}
    text = part(
        message_from_bytes(compose(claimed("staff_invitation", data=data), LEADING), policy=policy.default), "html"
    )
    assert "a1b2c3d4e5f6" in text
    assert not any("a1b2c3d4e5f6" in str(attributes) for _, attributes in Page(text).tags)


@pytest.mark.parametrize("template", MAILS)
def test_a_mail_fetches_nothing_and_only_links_where_it_says(template: str) -> None:
    mail = claimed(template)
    page = Page(part(composed(mail), "html"))
    assert not {tag for tag, _ in page.tags} & {"img", "script", "link", "iframe", "object", "video", "base", "form"}
    assert not any({"src", "background", "srcset", "onclick"} & set(attributes) for _, attributes in page.tags)
    assert "url(" not in part(composed(mail), "html")
    links = [attributes["href"] for _, attributes in page.tags if "href" in attributes]
    allowed = {mail.data.get("link"), f"{SETTINGS.unsubscribe_url}?token={'ab' * 32}", "https://example.org/a?b=1&c=2"}
    allowed |= {f"{SETTINGS.guardian_url}?token={'cd' * 32}"}
    assert set(links) <= allowed


@pytest.mark.parametrize("template", MAILS)
def test_all_but_service_mails_carry_the_way_out(template: str) -> None:
    raw = compose(claimed(template), SETTINGS)
    # As bytes: what a mail program sees before any library has unfolded it.
    way_out = f"List-Unsubscribe: <{SETTINGS.unsubscribe_url}?token={'ab' * 32}>\r\n".encode()
    is_mailing = MAILS[template][0] != "service"
    assert (way_out in raw) is is_mailing
    assert (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw) is is_mailing


def test_the_message_is_what_mail_servers_expect() -> None:
    raw = compose(claimed("weekly_report"), SETTINGS)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    raw.decode("ascii")
    message = composed(claimed("weekly_report"))
    assert str(message["From"]) == "Ma Petite Planète <bonjour@example.org>"
    assert str(message["To"]) == "lina@example.org"
    assert str(message["Message-ID"]) == f"<{'a' * 40}@example.org>"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "name",
    [
        "A\r\nBcc: everybody@example.org",
        "A\nSubject: other",
        "A\x00B",
        "A\u2028Bcc: x@example.org",
        "A\r\n\r\n<b>body</b>",
        "=?utf-8?q?=0D=0AReply-To:ceo@evil.example?=",
        "=?utf-8?q?=0D=0A=0D=0A<h1>Your_password_expired?=",
        "=?utf-8?B?DQpCY2M6IHhAeS56eg==?=",
    ],
)
def test_a_name_cannot_become_a_header(name: str) -> None:
    data = MAILS["weekly_report"][1] | {"organisation": name}
    message = composed(claimed("weekly_report", data=data))
    assert message["Bcc"] is None
    assert len(message.get_all("Subject", [])) == 1
    assert not re.search(r"[\r\n\x00\u2028]", str(message["Subject"]))
    assert set(message.keys()) == set(composed(claimed("weekly_report")).keys())


#: Pieces of which names are made that want to be something else.
PIECES = st.sampled_from([
    "=?utf-8?q?", "=?utf-8?B?", "=?us-ascii?q?", "?=", "=0D=0A", "=0A", "=00", "DQpCY2M6IHhAeS56eg==", "Bcc: x@y.zz",
    "\r\n", "\n", "\r", "\0", "\u2028", "\x85", ": ", " ", "\t", "é", "🌍", "\ud800", "<b>", '"', "\\", ",",
    "@", "--=", "a" * 70,
])  # fmt: skip
NAMES = (
    st.lists(PIECES | st.text(max_size=8), min_size=1, max_size=9).map("".join).filter(lambda n: clean_header(n) != "")
)


@given(name=NAMES, sender=NAMES)
@settings(max_examples=300)
def test_whatever_a_name_is_the_subject_shows_it_and_nothing_else_is_there(name: str, sender: str) -> None:
    for template, field in (
        ("weekly_report", "organisation"),
        ("player_invitation", "league"),
        ("newsletter", "subject"),
    ):
        mail = claimed(template, data=MAILS[template][1] | {field: name})
        try:
            raw = compose(mail, replace(SETTINGS, sender_name=sender))
        except (LetterError, UnicodeEncodeError):
            # A name longer than a line, or half a character, writes no mail at all.
            assert len(name.strip()) > 300 or "\ud800" in name or not name.strip()
            continue
        head, body = raw.split(b"\r\n\r\n", 1)
        # Every line of the headers is one of ours, as a reader sees it that decodes nothing.
        assert {line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"} == {
            line.split(b":")[0] for line in HEAD.split(b"\r\n") if line[:1] not in b" \t"
        }
        assert body.startswith(b"--")
        message = message_from_bytes(raw, policy=policy.default)
        # And as one sees it that decodes.
        assert clean_header(name) in str(message["Subject"])
        assert not re.search(r"[\r\n\0]", str(message["Subject"]) + str(message["From"]))
        # The compat parser keeps the address apart from the name, whatever the name is.
        assert parseaddr(message_from_bytes(raw)["From"])[1] == SETTINGS.sender


HEAD = compose(claimed("newsletter"), SETTINGS).split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"Subject: ", b"Subject: =?utf-8?q?=0D=0ABcc=3A_x=40y.zz?= "), (b"To: ", b"Bcc: x@y.zz\r\nTo: "),
        (b"Date: ", b"Subject: other\r\nDate: "), (b"Date: ", b"\r\nDate: "), (b"Date: ", b"\nDate: "),
        (b"Date: ", b"\0Date: "), (b"To: ", "Tö: ".encode()), (b"Auto-Submitted: auto-generated", b"Auto-Submitted: "),
        (b"Date: ", b"X" * 999 + b": x\r\nDate: "), (b"\r\n\r\n--", b"\r\n\r\nbody\r\n\r\n--"),
        (b"Subject: ", b"Object: "), (b"Bonjour", b"Bon\njour"), (b"Bonjour", b"Bon\0jour"),
    ],
)  # fmt: skip
def test_a_mail_that_is_not_one_of_ours_does_not_leave(there: bytes, instead: bytes) -> None:
    raw = compose(claimed("weekly_report"), SETTINGS)
    inspect(raw)
    assert there in raw
    with pytest.raises(LetterError, match="not fit to leave"):
        inspect(raw.replace(there, instead, 1))


@pytest.mark.parametrize(
    "address", ["a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "<a@b.org>", ""]
)
def test_an_address_that_is_none_writes_no_mail(address: str) -> None:
    with pytest.raises(LetterError):
        compose(claimed("newsletter", address=address), SETTINGS)


def test_what_people_typed_is_text_and_never_html() -> None:
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">"\'&'
    data = MAILS["weekly_report"][1] | {"organisation": evil, "advice": [evil], "figures": [{"name": evil, "value": 1}]}
    message = composed(claimed("weekly_report", data=data, first_name=evil))
    page = Page(part(message, "html"))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert page.text.count(evil) >= 4
    assert evil in part(message, "plain")


def test_a_newsletter_has_no_image_no_html_and_no_script() -> None:
    body = "![alt](https://example.org/p.png)\n\n<img src='https://example.org/q.png'>\n\n[x](javascript:alert(1))"
    data = MAILS["newsletter"][1] | {"body": body}
    page = Page(part(composed(claimed("newsletter", data=data)), "html"))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "alt" in page.text
    assert not any("javascript" in str(attributes.get("href")) for _, attributes in page.tags)


@pytest.mark.parametrize(
    ("template", "change_"),
    [
        ("staff_invitation", {"code": "a b"}), ("staff_invitation", {"link": "javascript:alert(1)"}),
        ("staff_invitation", {"link": "http://example.org"}), ("staff_invitation", {"surname": "x"}),
        ("weekly_report", {"figures": None}), ("weekly_report", {"from_day": "2026-06-01"}),
        ("player_invitation", {"league": ""}), ("player_invitation", {"time_zone": "Europe/Nowhere"}),
        ("weekly_report", {"time_zone": "../../etc/passwd"}),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_named_and_not_repeated(template: str, change_: dict[str, Any]) -> None:
    (field,) = change_
    with pytest.raises(LetterError) as caught:
        compose(claimed(template, data=MAILS[template][1] | change_), SETTINGS)
    assert field in str(caught.value)
    assert "a1b2c3d4e5f6" not in str(caught.value)


def test_a_template_that_is_not_there_is_said() -> None:
    with pytest.raises(LetterError, match="no mail template"):
        compose(claimed("newsletter").model_copy(update={"template": "nothing"}), SETTINGS)


def test_a_mail_in_hand_shows_no_code_and_no_token() -> None:
    mail = claimed("staff_invitation", unsubscribe_token="ab" * 32)
    assert "a1b2c3d4e5f6" not in repr(mail)
    assert "abab" not in repr(mail)


def test_settings_show_no_password() -> None:
    from pydantic import SecretStr

    assert "hunter2" not in repr(replace(SETTINGS, user="u", password=SecretStr("hunter2")))


@pytest.mark.parametrize(
    ("zone", "dates", "french"),
    [
        # An edition that ends at midnight in Nouméa ends in the middle of a day in Paris, and the other way round.
        ("Pacific/Noumea", ("2026-06-01T00:00:00+11:00", "2026-06-22T00:00:00+11:00"),
         "du 1er juin 2026 au 21 juin 2026"),
        ("America/Cayenne", ("2026-06-01T00:00:00-03:00", "2026-06-22T00:00:00-03:00"),
         "du 1er juin 2026 au 21 juin 2026"),
        # As a database in UTC writes it, over a clock change.
        ("Europe/Paris", ("2026-10-11T22:00:00+00:00", "2026-11-01T23:00:00+00:00"),
         "du 12 octobre 2026 au 1er novembre 2026"),
        ("Europe/Paris", ("2026-06-01T08:00:00+02:00", "2026-06-21T18:00:00+02:00"),
         "du 1er juin 2026 au 21 juin 2026"),
    ],
)  # fmt: skip
def test_an_invitation_names_the_last_day_of_the_edition_where_it_is_played(
    zone: str, dates: tuple[str, str], french: str
) -> None:
    data = MAILS["player_invitation"][1] | {"time_zone": zone, "starts_at": dates[0], "ends_at": dates[1]}
    assert french in part(composed(claimed("player_invitation", data=data)), "plain")


def test_a_report_names_the_days_of_the_week_where_the_edition_is_played() -> None:
    data = MAILS["weekly_report"][1] | {
        "time_zone": "Pacific/Noumea",
        "from_day": "2026-06-08T00:00:00+11:00",
        "until_day": "2026-06-14T00:00:00+11:00",
    }
    assert "du 8 juin 2026 au 14 juin 2026" in part(composed(claimed("weekly_report", data=data)), "plain")


def test_a_mail_that_was_queued_before_it_had_a_time_zone_is_still_written() -> None:
    assert "time_zone" not in MAILS["player_invitation"][1]
    assert "au 21 juin 2026" in part(composed(claimed("player_invitation")), "plain")


def test_dates_and_numbers_are_written_as_each_language_writes_them() -> None:
    # In Paris it is already the first of June.
    at = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
    assert (day(at, "fr"), day(at, "en")) == ("1er juin 2026", "1 June 2026")
    assert (number(1234567, "fr"), number(1234567, "en")) == ("1\u202f234\u202f567", "1,234,567")
    assert (number(1234.56, "fr"), number(1234.56, "en")) == ("1\u202f234,6", "1,234.6")
    assert [change(n, "fr") for n in (12, -3, 0)] == ["+12", "−3", "±0"]
