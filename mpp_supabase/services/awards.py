"""Symbolic awards of a frozen edition, given by rule, and certificates of its leagues and teams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from mpp_supabase.errors import EditionNotFound, EditionNotFrozen
from mpp_supabase.models import (
    LEAST_PEOPLE,
    Award,
    ClientAward,
    Edition,
    FollowUp,
    LeagueTeam,
    Participation,
    Scope,
    Standing,
)
from mpp_supabase.services._service import Service, Where, parse_row, query
from mpp_supabase.services.rankings import ranking_of
from mpp_supabase.transport import LONG_SECONDS

if TYPE_CHECKING:
    from mpp_supabase.diplomas import Certificate, Certificates, Language

_COMPARING = frozenset(("league-champion", "team-champion", "team-spirit"))
"""Awards for being the best of all: the same title says less among the leagues of one client."""
_OF_ALL = {"fr": "{title} de toute l’édition", "en": "{title} of the whole edition"}


class Awards(Service):
    """Awards. Granting needs the secret key; everybody may read those of public editions."""

    def grant(self, code: str) -> int:
        """Give the awards of a frozen edition, over all and within each client; return how many, 0 the second time.

        Raises EditionNotFound, EditionNotFrozen, OpsOnly.
        """
        arguments = {"edition_code": code}
        return int(self._transport.call("grant_awards", arguments, idempotent=True, timeout=LONG_SECONDS))

    def iterate(self, edition_id: int) -> Iterator[Award]:
        """Yield the awards of an edition in the order in which they are read out."""
        where: Where = (("edition_id", "eq", edition_id),)
        return self._iterate(Award, query(Award, "awards", "place, award_id", where))

    def of_client(self, participation_id: int) -> Iterator[ClientAward]:
        """Yield the awards among the leagues of a client, for its staff and the association."""
        where: Where = (("participation_id", "eq", participation_id),)
        return self._iterate(ClientAward, query(ClientAward, "client_awards", "place, award_id", where))

    def write_certificates(
        self,
        path: str | Path,
        edition_code: str,
        language: Language = "fr",
        *,
        winners: bool = False,
        fonts: str | Path | None = None,
    ) -> int:
        """Write the certificates of an edition's leagues, then teams, as one PDF; return its pages.

        Figures and ranks are those of the ranking, so who opted out has none; `winners` keeps those that won a title.
        Players have none: their alias is theirs to show. Raises EditionNotFound, EditionNotFrozen, DiplomaError.
        """
        from mpp_supabase.diplomas import write_certificates

        edition = self._frozen(edition_code)
        titles = _titles(self._together(Award, "edition_id", edition.id), language)
        leagues = list(self._iterate(*ranking_of(edition.id, Scope.LEAGUE)))
        teams = list(self._iterate(*ranking_of(edition.id, Scope.TEAM)))
        pages = (
            *(_of_standing("league", line, titles, len(leagues)) for line in leagues),
            *(_of_standing("team", line, titles, len(teams)) for line in teams),
        )
        return write_certificates(path, _file(edition, pages, language, winners=winners), language, fonts=fonts)

    def write_client_certificates(
        self,
        path: str | Path,
        participation: Participation,
        language: Language | None = None,
        *,
        winners: bool = False,
        fonts: str | Path | None = None,
    ) -> int:
        """Write the certificates of a client's leagues, each followed by its teams, as one PDF; return its pages.

        Ranks and titles are those among the client's own, titles of the whole edition beside them. What
        write_certificates says of who has one holds here too. In the client's language unless told otherwise.
        """
        from mpp_supabase.diplomas import write_certificates

        edition = self._frozen(participation.edition_code)
        arguments = {"participation_id": participation.participation_id}
        found = parse_row(FollowUp, self._transport.read("client_report", arguments))
        lang = language or ("en" if found.organisation.language == "en" else "fr")
        titles = _titles(self._together(ClientAward, "participation_id", participation.participation_id), lang)
        for subject, of_all in _titles(self._together(Award, "edition_id", edition.id), lang, of_all=True).items():
            titles[subject] = {**titles.get(subject, {}), **of_all}
        home = {
            team.team_id: league.league_id
            for league in found.leagues
            for team in self._iterate(
                LeagueTeam,
                query(LeagueTeam, "league_teams", "name, team_id", (("league_id", "eq", str(league.league_id)),)),
            )
        }
        teams = list(self._teams(edition.id, tuple(home)))
        return write_certificates(
            path,
            _file(edition, _of_client(found, teams, home, titles), lang, winners=winners),
            lang,
            fonts=fonts,
        )

    def _together(self, model: type[Award], column: str, value: int) -> Iterator[Award]:
        """The awards of leagues and teams, which are few beside those of players."""
        view = "client_awards" if model is ClientAward else "awards"
        where: Where = ((column, "eq", value), ("scope", "in", "(league,team)"))
        return self._iterate(model, query(model, view, "place, award_id", where))

    def _teams(self, edition_id: int, teams: Sequence[UUID]) -> Iterator[Standing]:
        """The lines of some teams, from the top in each hundred of them: a longer address is refused."""
        for at in range(0, len(teams), 100):
            ids = ",".join(map(str, teams[at : at + 100]))
            where: Where = (("edition_id", "eq", edition_id), ("subject_id", "in", f"({ids})"))
            yield from self._iterate(
                Standing, query(Standing, "team_ranking", "value desc, tie_order, subject_id", where)
            )

    def _frozen(self, code: str) -> Edition:
        edition = self._first(Edition, query(Edition, "editions", "id", (("code", "eq", code),)))
        if edition is None:
            raise EditionNotFound(f"There is no edition {code}.", "List them with `mpp edition list`.")
        if edition.frozen_at is None:
            raise EditionNotFrozen(
                f"Edition {code} is not frozen yet.",
                f"Certificates say what no longer changes: `mpp edition freeze {code}`, then `mpp award grant {code}`.",
            )
        return edition


# Certificates

_Titles = dict[UUID, dict[str, str]]
"""The titles of each subject, by rule."""


def _titles(awards: Iterable[Award], language: str, *, of_all: bool = False) -> _Titles:
    found: _Titles = {}
    for award in awards:
        if award.scope in ("league", "team"):
            title = award.title.get(language) or award.title["en"]
            if of_all and award.rule in _COMPARING:
                title = _OF_ALL[language].format(title=title)
            found.setdefault(award.subject_id, {})[award.rule] = title
    return found


def _of_standing(kind: Any, line: Standing, titles: _Titles, ranked: int) -> Certificate:
    from mpp_supabase.diplomas import Certificate

    return Certificate(
        name=line.label,
        kind=kind,
        under=line.league_label or "",
        awards=tuple(titles.get(line.subject_id, {}).values()),
        players=_shown(line.players),
        points=line.points,
        rank=line.rank if line.points > 0 else None,
        ranked=ranked,
    )


def _of_client(
    found: FollowUp, teams: Sequence[Standing], home: dict[UUID, UUID], titles: _Titles
) -> Iterator[Certificate]:
    """Each league followed by its teams, with ranks among the client's own."""
    from mpp_supabase.diplomas import Certificate

    client = found.organisation.name
    for league in found.leagues:
        name = found.own_name(league.name)
        yield Certificate(
            name=name,
            kind="league",
            under=client,
            awards=tuple(titles.get(league.league_id, {}).values()),
            players=league.players,
            challenges=league.validations,
            points=league.points,
            rank=league.rank if league.points and league.points > 0 else None,
            ranked=sum(one.rank is not None for one in found.leagues),
        )
        for team in sorted(teams, key=lambda line: (-line.value, line.tie_order)):
            if home[team.subject_id] == league.league_id:
                yield Certificate(
                    name=team.label,
                    kind="team",
                    under=f"{name} · {client}",
                    awards=tuple(titles.get(team.subject_id, {}).values()),
                    players=_shown(team.players),
                    # In a private edition a small league shows nothing, and so its teams.
                    points=None if league.points is None else team.points,
                    rank=1 + sum(other.value > team.value for other in teams)
                    if team.points > 0 and league.points is not None
                    else None,
                    ranked=len(teams),
                )


def _file(edition: Edition, pages: Iterable[Certificate], language: str, *, winners: bool) -> Certificates:
    from mpp_supabase.diplomas import MAX_CERTIFICATES, Certificates, DiplomaError

    kept = tuple(page for page in pages if page.awards or not winners)
    if not kept:
        if winners:
            hint = f"Titles are given with `mpp award grant {edition.code}`."
        elif edition.audience == "school":
            hint = (
                f"Classes have certificates with their diplomas: `mpp class diplomas --edition {edition.code} -o DIR`."
            )
        else:
            hint = f"Who opted out has no certificate: `mpp ranking leagues {edition.code}` shows who is listed."
        named = "that won a title " if winners else ""
        raise DiplomaError(f"No league and no team {named}is listed in {edition.code}.", hint)
    if len(kept) > MAX_CERTIFICATES:
        raise DiplomaError(
            f"{edition.code} has {len(kept):,} leagues and teams, and {MAX_CERTIFICATES:,} fit in a file.",
            "Take those that won a title (--winners), or the clients one by one (--client).",
        )
    zone = ZoneInfo(edition.time_zone)
    return Certificates(
        edition=edition.title.get(language) or edition.title["en"],
        starts_on=edition.starts_at.astimezone(zone).date(),
        ends_on=(edition.ends_at - timedelta(microseconds=1)).astimezone(zone).date(),
        certificates=kept,
    )


def _shown(people: int) -> int | None:
    return people if people >= LEAST_PEOPLE else None
