"""What a person chose about the public ranking, from one edition to the next."""

from __future__ import annotations

import pytest

from tests.support.game import DAY, Edition, Game, Person


@pytest.fixture
def edition(game: Game) -> Edition:
    return game.edition()


def listed(game: Game, person: Person) -> bool:
    return game.one("select listed from mpp.player where id = %s", (person.player_id,))  # type: ignore[no-any-return]


def join(game: Game, person: Person) -> bool:
    """Whether the person is listed in another edition that they join."""
    game.player(game.league(game.edition()), person)
    return listed(game, person)


def test_a_choice_about_the_ranking_holds_when_the_person_joins_another_edition(game, edition):
    person = game.player(game.league(edition))
    assert join(game, person)
    person.call("set_listing", scope="player", subject_id=person.player_id, listed=False)
    second = person.player_id
    assert not join(game, person)
    assert not join(game, person)
    # The latest choice, wherever it was made.
    game.clock(game.now + DAY)
    person.call("set_listing", scope="player", subject_id=second, listed=True)
    assert join(game, person)


def test_saying_again_what_is_so_is_a_choice_too(game, edition):
    person = game.player(game.league(edition))
    first = person.player_id
    join(game, person)
    person.call("set_listing", scope="player", subject_id=person.player_id, listed=False)
    game.clock(game.now + DAY)
    person.call("set_listing", scope="player", subject_id=first, listed=True)
    assert join(game, person)


def test_nobody_is_hidden_for_good_because_they_were_once_too_young(game, edition):
    child = game.player(game.league(edition), game.registered(birth_date=game.child(14)))
    assert not listed(game, child)
    game.run("update mpp.profile set birth_date = %s where id = %s", (game.child(15), child.account))
    assert join(game, child)


def test_a_child_who_may_not_be_listed_is_not_by_an_older_choice(game, edition):
    person = game.player(game.league(edition), game.registered(birth_date=game.child(15)))
    person.call("set_listing", scope="player", subject_id=person.player_id, listed=True)
    game.run("update mpp.profile set birth_date = %s where id = %s", (game.child(14), person.account))
    assert not join(game, person)
