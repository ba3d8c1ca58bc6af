"""The page of what is held about a person."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from mpp_supabase.personal_data import TITLES, Language, draw_page
from tests.support.world import World

DOCUMENT = {
    "exported_at": "2026-06-03T10:00:00+00:00",
    "data": {
        "account": {"id": "1", "email": "ada@example.org", "is_anonymous": False},
        "consent": [{"purpose": "terms", "granted": True}, {"purpose": "newsletter", "granted": False}],
        "validation": {"rows": [{"title": {"fr": "Vélo", "en": "Bike"}, "points": 4}], "left_out": 12},
        "class_guess": ["2026-06-01T10:00:00Z"],
        "validations_for_pupils": 3,
        "something_new": [{"note": "<script>alert(1)</script>"}],
        "photo": [],
    },
}


class Cells(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", ("Compte", "Vélo", "oui", "12 lignes plus anciennes n’y figurent pas.")),
     ("en", ("Account", "Bike", "yes", "12 older rows are not in it."))],
)  # fmt: skip
def test_the_page_says_it_in_the_language_of_the_person(language: Language, words: tuple[str, ...]) -> None:
    page = Cells(draw_page(DOCUMENT, language))
    assert set(words) <= set(page.texts)
    assert {"ada@example.org", "3", "2026-06-01T10:00:00Z", "something_new"} <= set(page.texts)
    assert "photo" not in page.texts
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.texts


def test_every_part_of_the_export_has_a_title(world: World) -> None:
    person = world.person("Ada export")
    document = world.ops.privacy.export(person.account.id, "test")
    assert set(document["data"]) <= set(TITLES)
    assert document["data"]["profile"]["alias"] == "Ada export"
    assert "Ada export" in draw_page(document, "en")
