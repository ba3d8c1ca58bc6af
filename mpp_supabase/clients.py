"""Clients of the association: organisations, their part in an edition, leagues, people invited, staff (E1–E3, E7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mpp_supabase._service import Service, Where, absent, reading
from mpp_supabase.errors import NotAllowed, OrganisationUnknown, ParticipationUnknown
from mpp_supabase.models import (
    ClientAmbassador,
    JoinCode,
    LeaguesImport,
    MadeLeague,
    Organisation,
    Participant,
    ParticipantsImport,
    Participation,
    StaffInvitation,
    StaffMember,
    Territory,
)

if TYPE_CHECKING:
    from mpp_supabase.sheets import Guests, LeagueList

ORGANISATION_KINDS = (
    "company",
    "local_authority",
    "public_administration",
    "school_network",
    "university",
    "association",
)
ROLES = ("viewer", "manager", "owner")


class Clients(Service):
    """Clients. With the secret key all of them; what their own staff may do is in docs/api.md."""

    def iterate(self) -> Iterator[Organisation]:
        """Yield every organisation by code."""
        return self._iterate(Organisation, reading(Organisation, "client_organisations", "code"))

    def get(self, code: str) -> Organisation:
        """Return an organisation. Raises OrganisationUnknown."""
        where: Where = (("code", "eq", code),)
        found = self._first(Organisation, reading(Organisation, "client_organisations", "code", where))
        if found is None:
            raise OrganisationUnknown(f"There is no organisation {code}.", "List them with `mpp client list`.")
        return found

    def set(
        self, code: str, *, name: str | None = None, kind: str | None = None, language: str | None = None
    ) -> Organisation:
        """Make a client, or correct the one of this code (None leaves as it is). Raises InvalidField."""
        arguments = {"code": code, "name": name, "kind": kind, "language": language}
        self._transport.call("set_organisation", arguments, idempotent=True)
        return self.get(code)

    # Taking part

    def participations(
        self, *, organisation_id: int | None = None, edition_id: int | None = None
    ) -> Iterator[Participation]:
        """Yield the parts that clients take in editions, those of one client or of one edition."""
        where: Where = ()
        if organisation_id is not None:
            where += (("organisation_id", "eq", organisation_id),)
        if edition_id is not None:
            where += (("edition_id", "eq", edition_id),)
        return self._iterate(Participation, reading(Participation, "client_participations", "participation_id", where))

    def participation(self, code: str, edition_code: str) -> Participation:
        """Return the part of an organisation in an edition. Raises OrganisationUnknown, ParticipationUnknown."""
        organisation = self.get(code)
        where: Where = (("organisation_id", "eq", organisation.organisation_id), ("edition_code", "eq", edition_code))
        found = self._first(Participation, reading(Participation, "client_participations", "participation_id", where))
        if found is None:
            raise ParticipationUnknown(
                f"{organisation.name} does not take part in {edition_code}.",
                f"Let it with `mpp client take-part {code} {edition_code}`.",
            )
        return found

    def take_part(
        self,
        organisation_id: int,
        edition_code: str,
        *,
        expected_players: int | None = None,
        asks_phone: bool | None = None,
        carries_name: bool | None = None,
    ) -> int:
        """Let a client take part in an edition, or change how (None leaves as it is); return the participation id.

        Raises EditionNotFound, OrganisationUnknown, InvalidField.
        """
        arguments = {
            "organisation_id": organisation_id,
            "edition_code": edition_code,
            "expected_players": expected_players,
            "asks_phone": asks_phone,
            "carries_name": carries_name,
        }
        return int(self._transport.call("set_participation", arguments, idempotent=True))

    def territory(self, organisation_id: int) -> list[Territory]:
        """Return the postcodes, departments and schools (RNE) that an authority follows."""
        where: Where = (("organisation_id", "eq", organisation_id),)
        return list(self._iterate(Territory, reading(Territory, "client_territories", "kind, code", where)))

    def set_territory(
        self,
        organisation_id: int,
        *,
        postcodes: Sequence[str] = (),
        departments: Sequence[str] = (),
        schools: Sequence[str] = (),
    ) -> int:
        """Set what an authority follows, in place of what was there; return how many codes. Raises InvalidField."""
        codes = {"postcode": list(postcodes), "department": list(departments), "rne": list(schools)}
        arguments = {"organisation_id": organisation_id, "codes": codes}
        return int(self._transport.call("set_territory", arguments, idempotent=True))

    # Leagues

    def create_leagues(self, participation_id: int, leagues: Sequence[dict[str, str]]) -> list[MadeLeague]:
        """Make leagues ({"name", "unit"}), all or none; those it has already stay, with their unit corrected.

        Whoever joins one first runs it. Raises InvalidField, NameTaken, LeagueLimit, EditionNotOpen,
        RegistrationClosed, EditionFrozen, WrongAudience (a school edition), ParticipationUnknown.
        """
        arguments = {"participation_id": participation_id, "leagues": list(leagues)}
        return self._call_rows(MadeLeague, "create_client_leagues", arguments, idempotent=True)

    def join_codes(self, participation_id: int) -> list[JoinCode]:
        """Return every league of a client with its join code, those that opted out of the ranking too."""
        where: Where = (("participation_id", "eq", participation_id),)
        return list(self._iterate(JoinCode, reading(JoinCode, "client_join_codes", "name, league_id", where)))

    def import_leagues(
        self,
        participation: Participation,
        path: str | Path | None = None,
        *,
        sheet: str | None = None,
        leagues: Sequence[dict[str, str]] = (),
        dry_run: bool = False,
    ) -> LeaguesImport:
        """Make the leagues of a spreadsheet (columns league and unit) and those given; the same again changes nothing.

        With `dry_run` nothing is made. Raises SheetError with every problem, by cell; else what create_leagues raises.
        """
        from mpp_supabase.sheets import read_leagues

        read: LeagueList | None = read_leagues(path, sheet) if path is not None else None
        wanted = [*leagues, *(row.element for row in (read.leagues if read else ()))]
        known = {code.name.casefold() for code in self.join_codes(participation.participation_id)}
        made: list[MadeLeague] = []
        if dry_run:
            made = [
                MadeLeague(
                    league_id=None,
                    name=name,
                    unit=league.get("unit"),
                    join_code=None,
                    is_new=name.casefold() not in known,
                )
                for league in wanted
                for name in [_carried(participation, league["name"])]
            ]
        elif wanted:
            made = self.create_leagues(participation.participation_id, wanted)
        ignored = read.ignored if read else ()
        return LeaguesImport(leagues=tuple(made), ignored=ignored, dry_run=dry_run)

    def ambassadors(self, participation_id: int) -> list[ClientAmbassador]:
        """Return who runs the leagues of a client, by alias."""
        where: Where = (("participation_id", "eq", participation_id),)
        order = "league, league_id, is_principal desc, alias"
        return list(self._iterate(ClientAmbassador, reading(ClientAmbassador, "client_ambassadors", order, where)))

    # People

    def participants(self, participation_id: int) -> Iterator[Participant]:
        """Yield who was invited to which league, by address; whether they came is not told."""
        where: Where = (("participation_id", "eq", participation_id),)
        return self._iterate(Participant, reading(Participant, "client_participants", "email", where))

    def import_participants(
        self, participation: Participation, path: str | Path, *, sheet: str | None = None, dry_run: bool = False
    ) -> ParticipantsImport:
        """Invite by mail the people of a spreadsheet (columns e-mail and league), all or none; once each.

        Without a league they are spread over the client's. Other columns are not read and not sent. Raises SheetError
        with every problem, by cell; EditionNotOpen, RegistrationClosed, InvalidField (more than twice those expected).
        """
        from mpp_supabase.sheets import match_guests, read_guests

        guests: Guests = read_guests(path, sheet)
        names = [code.name for code in self.join_codes(participation.participation_id)]
        prefix = _carried(participation, "")
        match_guests(guests, [*names, *(name.removeprefix(prefix) for name in names)])
        arguments = {
            "participation_id": participation.participation_id,
            "participants": [guest.element for guest in guests.guests],
            "dry_run": dry_run,
        }
        outcome = self._transport.call("invite_participants", arguments, idempotent=True)
        return ParticipantsImport(
            file=guests.file,
            sheet=guests.sheet,
            invited=int(outcome["added"]),
            unchanged=int(outcome["unchanged"]),
            ignored=guests.ignored,
            dry_run=dry_run,
        )

    # Staff of a client

    def invite(
        self,
        organisation_id: int,
        email: str,
        role: str = "viewer",
        *,
        access_from: datetime | None = None,
        access_until: datetime | None = None,
    ) -> int:
        """Invite somebody by mail to a client's space, from (now when None) and until; return the invitation id.

        A second invitation of an address replaces the first. Raises InvalidField, OrganisationUnknown.
        """
        arguments = {
            "organisation_id": organisation_id,
            "email": email,
            "role": role,
            "access_from": _at(access_from),
            "access_until": _at(access_until),
        }
        return int(self._transport.call("invite_staff", arguments))

    def staff(self, organisation_id: int) -> list[StaffMember]:
        """Return who works for a client, owners first. Raises OrganisationUnknown."""
        return self._call_rows(StaffMember, "client_staff", {"organisation_id": organisation_id}, idempotent=True)

    def withdraw_invitation(self, organisation_id: int, email: str) -> None:
        """End an invitation that nobody took yet: its code opens nothing, its mail does not leave if it has not.

        Raises NotAllowed when none waits for this address, OrganisationUnknown.
        """
        with absent(f"No invitation waits for {email}.", "List them with `mpp client staff list ORG --invited`."):
            self._transport.call("withdraw_staff_invitation", {"organisation_id": organisation_id, "email": email})

    def invitations(self, organisation_id: int) -> Iterator[StaffInvitation]:
        """Yield the invitations of staff, the latest first; `accepted_at` is None while nobody took them."""
        where: Where = (("organisation_id", "eq", organisation_id),)
        order = "invited_at desc, invitation_id desc"
        return self._iterate(StaffInvitation, reading(StaffInvitation, "client_invitations", order, where))

    def set_staff(
        self,
        organisation_id: int,
        account_id: UUID | str,
        *,
        role: str | None = None,
        access_from: datetime | None = None,
        access_until: datetime | None = None,
    ) -> None:
        """Change the role or the dates of somebody who works for a client; None leaves as it is.

        Raises NotAllowed (they do not work for it), OrganisationUnknown.
        """
        arguments: dict[str, Any] = {
            "organisation_id": organisation_id,
            "account_id": str(account_id),
            "role": role,
            "access_from": _at(access_from),
            "access_until": _at(access_until),
        }
        self._transport.call("set_staff", arguments, idempotent=True)

    def remove_staff(self, organisation_id: int, account_id: UUID | str) -> None:
        """Take the access of somebody away, at once. Raises NotAllowed when they do not work for it."""
        found = next((one for one in self.staff(organisation_id) if str(one.account_id) == str(account_id)), None)
        if found is None:
            raise NotAllowed(f"{account_id} does not work for this organisation.", "List them with `mpp client staff`.")
        self.set_staff(organisation_id, account_id, access_until=found.access_from)


def _carried(participation: Participation, name: str) -> str:
    """The name of a league as it is shown."""
    return f"{participation.organisation_name} · {name}" if participation.carries_name else name


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
