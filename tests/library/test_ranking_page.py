"""The pages of a frozen ranking that `mpp ranking publish` writes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mpp_supabase import ConfigError, Edition, Standing
from mpp_supabase import ranking_page as published
from mpp_supabase.ranking_page import publish_ranking
from tests.support.world import World


class Texts(HTMLParser):
    """The words of a page, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


@pytest.fixture(scope="module")
def frozen(world: World) -> Edition:
    edition = world.edition(name="published")
    ada, bob = world.person("Ada & <b>"), world.person("Bob éé")
    world.league(edition, ada, bob, name=f"L’équipe {edition.code}")
    ada.validate(edition, "w-bike", 2)
    world.ops.editions.close(edition.code, "end of the test")
    world.ops.editions.freeze(edition.code)
    return world.ops.editions.get(edition.code)


def test_every_line_of_each_ranking_is_on_a_page(world: World, frozen: Edition, tmp_path: Path) -> None:
    made = publish_ranking(world.visitor.rankings, frozen, tmp_path / "out")
    assert made.first == tmp_path / "out" / "index.html"
    pages = {"index.html": "player", "team.html": "team", "league.html": "league"}
    assert {path.name for path in made.first.parent.glob("*.html")} == set(pages)
    for name, scope in pages.items():
        page = Texts(tmp_path / "out" / name)
        rows = list(world.visitor.rankings.iterate(frozen.id, scope))
        assert rows
        assert [text for text in page.texts if text in {row.label for row in rows}] == [row.label for row in rows]
        assert {"index.html", "team.html", "league.html"} <= set(page.links)
        assert "script" not in page.tags
        assert "b" not in page.tags
    assert made.lines == sum(len(list(world.visitor.rankings.iterate(frozen.id, s))) for s in pages.values())
    assert (tmp_path / "out" / "ranking.css").is_file()


def test_long_rankings_have_several_pages(
    world: World, frozen: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "LINES", 1)
    publish_ranking(world.visitor.rankings, frozen, tmp_path / "out")
    first, second = Texts(tmp_path / "out" / "index.html"), Texts(tmp_path / "out" / "player-2.html")
    assert "player-2.html" in first.links
    assert "index.html" in second.links
    assert "player-3.html" not in second.links
    assert "Page 2 sur 2" in second.texts


@pytest.mark.parametrize(
    ("language", "words"), [("fr", ("Joueur·ses", "1er")), ("en", ("Players", "1")), ("de", ("Spielende", "1."))]
)
def test_pages_are_written_in_the_language_asked_for(
    world: World, frozen: Edition, tmp_path: Path, language: published.Language, words: tuple[str, str]
) -> None:
    page = Texts(
        publish_ranking(
            world.visitor.rankings, frozen, tmp_path / "out", language, "https://example.org/ranking/"
        ).first
    )
    assert set(words) <= set(page.texts)
    assert "https://example.org/ranking/" in page.links


def test_publishing_again_replaces_what_was_there_and_nothing_else(
    world: World, frozen: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    publish_ranking(world.visitor.rankings, frozen, out)
    (out / "player-9.html").write_text("of before")
    publish_ranking(world.visitor.rankings, frozen, out)
    assert not (out / "player-9.html").exists()

    def breaks(*_: object) -> str:
        raise OSError("the disk is full")

    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(published._Page, "draw", breaks)
    with pytest.raises(OSError, match="disk is full"):
        publish_ranking(world.visitor.rankings, frozen, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_other_files_is_left_alone(world: World, frozen: Edition, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds other files"):
        publish_ranking(world.visitor.rankings, frozen, tmp_path)
    with pytest.raises(ConfigError, match="holds other files"):
        publish_ranking(world.visitor.rankings, frozen, tmp_path / "letters.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_only_a_frozen_edition_that_all_may_read_is_published(world: World, frozen: Edition, tmp_path: Path) -> None:
    running = world.edition(name="running")
    for edition, why in (
        (running, "is not frozen yet"),
        (frozen.model_copy(update={"is_private": True}), "is private"),
    ):
        with pytest.raises(ConfigError, match=why):
            publish_ranking(world.visitor.rankings, edition, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_words_are_the_same_in_every_language() -> None:
    import json

    words = json.loads((Path(published.__file__).parent / "words.json").read_text(encoding="utf-8"))

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return sorted(re.findall(r"\{\w+\}", str(value)))

    assert shape(words["fr"]) == shape(words["en"]) == shape(words["de"])


def test_numbers_are_written_as_each_language_does(frozen: Edition) -> None:
    row = Standing.model_validate(
        {"rank": 1, "subject_id": "0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77", "label": "x", "points": -1234, "players": 1,
         "points_per_player": "-1234.50", "value": 0, "tie_order": 0}
    )  # fmt: skip
    shown = {language: published._Page(frozen, language, "")._average(row) for language in ("fr", "en", "de")}
    assert shown == {"fr": "−1\u202f234,50", "en": "−1,234.50", "de": "−1.234,50"}
