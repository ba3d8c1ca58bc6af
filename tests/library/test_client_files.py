"""The communication kit of a client over HTTP with the secret key, and as its staff see what was put there."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

import httpx
import pytest

from mpp_supabase import ClientFileError, StorageError
from mpp_supabase.errors import TransportError
from mpp_supabase.services.client_files import LARGEST_FILE, LONGEST_LINK, ClientFiles, plain_name
from tests.support.waiting import LIMIT
from tests.support.world import World


@pytest.fixture
def kit(world: World) -> ClientFiles:
    return world.ops.files


@pytest.fixture
def organisation(world: World) -> int:
    return world.ops.clients.set(f"t-{secrets.token_hex(5)}", name="Exemple").organisation_id


def made(directory: Path, name: str, content: bytes = b"%PDF-1.4 example") -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def names(kit: ClientFiles, organisation: int) -> list[str]:
    """The files of a kit as people call them."""
    return [plain_name(file.name) for file in kit.iterate(organisation)]


def test_files_are_added_listed_read_and_removed(kit: ClientFiles, organisation: int, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    poster, logo = made(tmp_path, "Poster (A3).pdf", content), made(tmp_path, "logo.png", b"png")
    added = kit.add(organisation, [poster, logo])
    assert [(plain_name(file.name), file.size, file.type) for file in added] == [
        ("Poster (A3).pdf", 300_000, "application/pdf"),
        ("logo.png", 3, "image/png"),
    ]
    kit.add(organisation, [logo], name="own/their-logo.png")
    assert names(kit, organisation) == ["Poster (A3).pdf", "logo.png", "own/their-logo.png"]
    assert kit.get(organisation, "Poster (A3).pdf") == content
    kit.remove(organisation, ["logo.png", "own/their-logo.png"])
    assert names(kit, organisation) == ["Poster (A3).pdf"]


def test_a_file_has_a_name_that_nobody_can_guess_and_is_found_without_that_part(
    kit: ClientFiles, organisation: int, tmp_path: Path
) -> None:
    file = made(tmp_path, "poster.pdf", b"one")
    (first,) = kit.add(organisation, [file])
    assert re.fullmatch(r"poster-[0-9a-f]{16}\.pdf", first.name)
    assert kit.get(organisation, "poster.pdf") == kit.get(organisation, first.name) == b"one"
    file.write_bytes(b"two")
    with pytest.raises(StorageError, match=r"has a file poster\.pdf already"):
        kit.add(organisation, [file])
    assert [each.name for each in kit.add(organisation, [file], replace=True)] == [first.name]
    assert kit.get(organisation, "poster.pdf") == b"two"
    # As a manager's app may have named it, and as somebody chose to.
    kit.add(organisation, [file], name="poster-0123456789abcdef.pdf")
    for act in (lambda: kit.get(organisation, "poster.pdf"), lambda: kit.remove(organisation, ["poster.pdf"])):
        with pytest.raises(StorageError, match=r"has 2 files poster\.pdf") as several:
            act()
        assert first.name in several.value.hint
    kit.remove(organisation, ["poster-0123456789abcdef.pdf"])
    (chosen,) = kit.add(organisation, [file], name="guides/start.pdf")
    assert chosen.name == "guides/start.pdf"
    kit.remove(organisation, ["poster.pdf", "guides/start.pdf"])
    assert names(kit, organisation) == []


def test_a_name_that_is_taken_is_refused_or_replaced(kit: ClientFiles, organisation: int, tmp_path: Path) -> None:
    file = made(tmp_path, "guide.pdf", b"one")
    kit.add(organisation, [file])
    file.write_bytes(b"two")
    with pytest.raises(StorageError, match="has a file guide") as caught:
        kit.add(organisation, [made(tmp_path, "new.pdf"), file])
    assert "--replace" in caught.value.hint
    assert names(kit, organisation) == ["guide.pdf"]
    assert kit.get(organisation, "guide.pdf") == b"one"
    kit.add(organisation, [file], replace=True)
    assert kit.get(organisation, "guide.pdf") == b"two"
    with pytest.raises(ClientFileError, match=r"Two files would be guide\.pdf"):
        kit.add(organisation, [file, file], replace=True)
    with pytest.raises(ClientFileError, match="2 files cannot all be"):
        kit.add(organisation, [file, file], name="x.pdf")


@pytest.mark.parametrize(
    ("name", "wrong", "fix"),
    [
        ("海报.pdf", "without accents", "--name file.pdf"),
        (".pdf", "letters", "--name file.pdf"),
        ("page.html", "its ending is none of pdf", ".zip"),
        ("logo.svg", "its ending is none of pdf", ".zip"),
        ("poster", "its ending is none of pdf", ".zip"),
        ("poster.pdf.exe", "its ending is none of pdf", ".zip"),
        ("x" * 170 + ".pdf", "longer than", "--name xxx"),
    ],
)
def test_a_name_that_the_kit_cannot_hold_is_named_with_one_that_it_can(
    kit: ClientFiles, organisation: int, tmp_path: Path, name: str, wrong: str, fix: str
) -> None:
    with pytest.raises(ClientFileError, match=wrong) as caught:
        kit.add(organisation, [made(tmp_path, "good.pdf"), made(tmp_path, name)])
    assert fix in caught.value.hint
    assert names(kit, organisation) == []
    suggested = caught.value.hint.partition("--name ")[2].rstrip(".")
    if suggested:
        assert [file.name for file in kit.add(organisation, [tmp_path / "good.pdf"], name=suggested)] == [suggested]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Été à vélo.pdf", "Ete-a-velo.pdf"),
        ("E\u0301te\u0301.pdf", "Ete.pdf"),
        ("Vœux d’hiver – «2027» (v2).pdf", "Voeux-d-hiver-2027-v2.pdf"),
        ("a  b.pdf", "a-b.pdf"),
    ],
)
def test_a_file_whose_name_has_accents_is_kept_without_them_and_found_with_them(
    kit: ClientFiles, organisation: int, tmp_path: Path, name: str, kept: str
) -> None:
    file = made(tmp_path, name, b"one")
    (added,) = kit.add(organisation, [file])
    assert plain_name(added.name) == kept
    assert kit.get(organisation, name) == kit.get(organisation, kept) == b"one"
    with pytest.raises(StorageError, match=f"has a file {re.escape(kept)} already"):
        kit.add(organisation, [file])
    with pytest.raises(ClientFileError, match="without accents") as chosen:
        kit.add(organisation, [file], name=f"guides/{name}")
    assert f"--name guides/{kept}" in chosen.value.hint
    kit.remove(organisation, [name])
    assert names(kit, organisation) == []


def test_what_is_wrong_with_each_of_several_files_is_told_at_once(
    kit: ClientFiles, organisation: int, tmp_path: Path
) -> None:
    there = made(tmp_path, "there.pdf")
    kit.add(organisation, [there])
    wrong = [there, made(tmp_path, "logo.svg"), made(tmp_path, "Été.pdf"), made(tmp_path, "Ete.pdf")]
    wrong += [made(tmp_path, "empty.pdf", b""), tmp_path / "nothing.pdf", made(tmp_path, "good.pdf")]
    with pytest.raises(ClientFileError) as caught:
        kit.add(organisation, wrong)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].rpartition("/")[2] for line in lines] == [
        "The kit has a file there.pdf already. Replace it with --replace, or choose another --name.",
        "logo.svg cannot be the name of a file in the kit",
        "Two files would be Ete.pdf. Add one of them under another --name.",
        "empty.pdf is empty. Check the file.",
        "nothing.pdf cannot be read",
    ]
    assert names(kit, organisation) == ["there.pdf"]


@pytest.mark.parametrize(
    "name", ["../1/x.pdf", "/x.pdf", "a/b/x.pdf", "Own/x.pdf", "own//x.pdf", "own/../x.pdf", "a\n.pdf"]
)
def test_a_name_given_for_it_is_checked_as_well(kit: ClientFiles, organisation: int, tmp_path: Path, name: str) -> None:
    with pytest.raises(ClientFileError):
        kit.add(organisation, [made(tmp_path, "good.pdf")], name=name)
    for act in (lambda: kit.get(organisation, name), lambda: kit.link(organisation, name, 60)):
        with pytest.raises(StorageError, match="has no file"):
            act()
    with pytest.raises(StorageError, match="has no file"):
        kit.remove(organisation, [name])
    assert names(kit, organisation) == []


def test_what_is_no_file_or_too_large_is_refused_before_anything_is_sent(
    kit: ClientFiles, organisation: int, tmp_path: Path
) -> None:
    good = made(tmp_path, "good.pdf")
    with (tmp_path / "big.mp4").open("wb") as big:
        big.truncate(LARGEST_FILE + 1)
    (tmp_path / "folder.pdf").mkdir()
    for path, wrong in (
        (tmp_path / "nothing.pdf", "nothing.pdf cannot be read: No such file"),
        (tmp_path / "folder.pdf", "is a directory"),
        (made(tmp_path, "empty.pdf", b""), "is empty"),
        (tmp_path / "big.mp4", "has 50.0 MB, and a file of the kit 50 at most"),
    ):
        with pytest.raises(ClientFileError, match=wrong):
            kit.add(organisation, [good, path])
        assert names(kit, organisation) == []
    with (tmp_path / "big.mp4").open("wb") as big:
        big.truncate(LARGEST_FILE)
    assert kit.add(organisation, [tmp_path / "big.mp4"])[0].size == LARGEST_FILE


def test_when_one_of_several_fails_those_before_it_are_taken_out_again(
    kit: ClientFiles, organisation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = made(tmp_path, "kept.pdf", b"kept")
    kit.add(organisation, [kept])
    send = ClientFiles._send

    def failing(self: ClientFiles, organisation_id: int, sending: object, **more: bool) -> None:
        if plain_name(getattr(sending, "name", "")) == "third.pdf":
            raise TransportError("The connection broke.")
        send(self, organisation_id, sending, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ClientFiles, "_send", failing)
    with pytest.raises(TransportError):
        kit.add(organisation, [kept, *(made(tmp_path, f"{name}.pdf") for name in ("second", "third"))], replace=True)
    assert names(kit, organisation) == ["kept.pdf"]


def test_a_link_gives_the_file_to_whoever_has_it(kit: ClientFiles, organisation: int, tmp_path: Path) -> None:
    kit.add(organisation, [made(tmp_path, "A poster.pdf")])
    address = kit.link(organisation, "A poster.pdf", 60)
    assert httpx.get(address, timeout=LIMIT).content == b"%PDF-1.4 example"
    kit.remove(organisation, ["A poster.pdf"])
    assert httpx.get(address, timeout=LIMIT).status_code == 400
    for seconds in (0, -1, 31 * 86_400):
        with pytest.raises(ValueError, match="LONGEST_LINK"):
            kit.link(organisation, "A poster.pdf", seconds)


def test_a_link_has_no_sign_at_which_a_mail_program_cuts_it(
    kit: ClientFiles, organisation: int, tmp_path: Path
) -> None:
    (file,) = kit.add(organisation, [made(tmp_path, "Kit (v2) mars.pdf")])
    assert plain_name(file.name) == "Kit (v2) mars.pdf"
    address = kit.link(organisation, "Kit (v2) mars.pdf", 60)
    assert re.fullmatch(r"https?://[A-Za-z0-9._~/:%?=-]+", address)
    assert httpx.get(address, timeout=LIMIT).content == b"%PDF-1.4 example"


def test_more_files_than_one_page_are_all_listed(
    kit: ClientFiles, organisation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpp_supabase.services.client_files._PAGE", 2)
    paths = [made(tmp_path, f"{number}.txt", b"x") for number in range(5)]
    assert len(kit.add(organisation, paths)) == 5
    assert names(kit, organisation) == [path.name for path in paths]


def test_the_publishable_key_sees_no_kit(world: World, organisation: int, tmp_path: Path) -> None:
    world.ops.files.add(organisation, [made(tmp_path, "poster.pdf")])
    everybody = world.visitor.files
    assert names(everybody, organisation) == []
    with pytest.raises(StorageError, match="has no file"):
        everybody.get(organisation, "poster.pdf")
    with pytest.raises(StorageError, match="row-level security"):
        everybody.add(organisation, [made(tmp_path, "new.pdf")])
    assert names(world.ops.files, organisation) == ["poster.pdf"]


def test_a_file_is_written_whole_or_not_at_all(kit: ClientFiles, organisation: int, tmp_path: Path) -> None:
    kit.add(organisation, [made(tmp_path, "poster.pdf")])
    into = tmp_path / "into"
    into.mkdir()
    assert kit.save(organisation, "poster.pdf", into / "got.pdf") == 16
    assert (into / "got.pdf").read_bytes() == b"%PDF-1.4 example"
    with pytest.raises(ClientFileError, match="is a directory"):
        kit.save(organisation, "poster.pdf", into)
    with pytest.raises(ClientFileError, match="cannot be written"):
        kit.save(organisation, "poster.pdf", into / "nowhere/poster.pdf")
    with pytest.raises(StorageError, match="has no file"):
        kit.save(organisation, "no.pdf", into / "no.pdf")
    assert [path.name for path in into.iterdir()] == ["got.pdf"]


def test_the_command_line_knows_how_long_a_link_may_work() -> None:
    from mpp_cli.client import files

    assert files.LONGEST_LINK == LONGEST_LINK
