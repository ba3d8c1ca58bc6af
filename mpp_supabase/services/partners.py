"""Campaigns with partners: codes of creators, the list that a partner gets, and what it must be told to forget."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from mpp_supabase.errors import MPPError
from mpp_supabase.files._files import written_whole
from mpp_supabase.models import Model
from mpp_supabase.services._service import Service, Where, parse_row, query
from mpp_supabase.sheets.cells import escape


class Campaign(Model):
    """A campaign of a partner in an edition; `body` is what people are asked to agree to, by language."""

    campaign_id: int
    code: str
    partner: str
    partner_name: str
    edition: str
    created_at: datetime
    text_number: int
    body: dict[str, str]


class CampaignCode(Model):
    """The code by which a creator of content invites; it opens nothing any more once `ended_at` is set."""

    id: int
    campaign: str
    creator: str
    code: str
    created_at: datetime
    ended_at: datetime | None


class PartnerExport(Model):
    """A list that was made for a partner: `digest` is the SHA-256 of its addresses, one a line, in order of bytes.

    `exported_by` is None for the secret key.
    """

    id: int
    campaign: str
    exported_at: datetime
    exported_by: UUID | None
    people: int
    digest: str


class PartnerWithdrawal(Model):
    """What a partner must be told to forget, and why: withdrawn, erased or too_young. Settled, it has no address."""

    id: int
    campaign: str
    partner: str
    address: str | None
    reason: str
    withdrawn_at: datetime
    export_id: int
    settled_at: datetime | None
    outcome: str | None
    note: str | None


class CreatorFigure(Model):
    """What a creator brought about; None where the number of people is under five, or tells one that is."""

    creator: str
    joined: int | None
    agreed: int | None
    players: int | None
    validations: int | None


class _Person(Model):
    email: str
    agreed_at: datetime
    text_version: str


class _Export(Model):
    export_id: int
    exported_at: datetime
    people: int
    digest: str
    rows: tuple[_Person, ...]


class ListError(MPPError):
    """The list for a partner cannot be written; nothing was exported."""

    code = "list"


class Partners(Service):
    """Campaigns with partners. Needs the secret key, or a session of the staff."""

    def iterate(self) -> Iterator[Campaign]:
        """Yield the campaigns, the latest first."""
        return self._iterate(Campaign, query(Campaign, "ops_campaigns", "campaign_id desc"))

    def create(
        self, code: str, partner: str, edition: str, body: Mapping[str, str], *, partner_name: str | None = None
    ) -> int:
        """Create a campaign, or publish another text of it; return the number of the text.

        `body` has a text in `fr` and `en`, maybe `de`. A partner that is new needs a name. Raises InvalidField,
        EditionNotFound.
        """
        given = {
            "code": code,
            "partner_code": partner,
            "partner_name": partner_name,
            "edition_code": edition,
            "body": dict(body),
        }
        return int(self._transport.call("create_campaign", given, idempotent=True))

    def codes(self, campaign: str | None = None) -> Iterator[CampaignCode]:
        """Yield the codes of a campaign, or of all, by creator."""
        return self._iterate(CampaignCode, query(CampaignCode, "ops_campaign_codes", "creator, id", _of(campaign)))

    def add_code(self, campaign: str, creator: str) -> str:
        """Return the code of a creator, made where there is none. Raises InvalidField."""
        given = {"campaign": campaign, "creator": creator}
        return str(self._transport.call("create_campaign_code", given, idempotent=True))

    def end_code(self, code: str) -> None:
        """Let nobody join by this code any more. Raises CampaignUnknown."""
        self._transport.call("end_campaign_code", {"code": code}, idempotent=True)

    def export(self, campaign: str, path: Path) -> PartnerExport:
        """Write the list for the partner as .csv: address, when they agreed, and to which text. It is recorded.

        The addresses of those who agreed and did not withdraw, are 15 or older today, and have a live account under a
        confirmed address. Raises InvalidField, ListError when the file cannot be written.
        """
        if path.suffix.lower() != ".csv":
            raise ListError(f"{path.name} is no .csv file.", "Give the file this ending.")
        try:
            # First the file, then the list: what cannot be written is not recorded as given.
            with written_whole(path) as file:
                made = parse_row(_Export, self._transport.call("export_campaign", {"campaign": campaign}))
                file.write(_csv(made.rows))
        except OSError as error:
            raise ListError(f"{path} cannot be written ({error.strerror}).", "Choose another place.") from None
        found = self._first(
            PartnerExport, query(PartnerExport, "partner_exports", "id", (("id", "eq", made.export_id),))
        )
        assert found is not None
        return found

    def exports(self, campaign: str | None = None) -> Iterator[PartnerExport]:
        """Yield each list that was made, the latest first."""
        return self._iterate(PartnerExport, query(PartnerExport, "partner_exports", "id desc", _of(campaign)))

    def withdrawals(self, campaign: str | None = None, *, settled: bool | None = False) -> Iterator[PartnerWithdrawal]:
        """Yield what partners must be told to forget; with `settled` what they were told, None for both."""
        where = _of(campaign)
        if settled is not None:
            where += (("settled_at", "not.is" if settled else "is", "null"),)
        return self._iterate(PartnerWithdrawal, query(PartnerWithdrawal, "partner_withdrawals", "id", where))

    def settle(self, ids: Sequence[int], note: str) -> int:
        """Record that the partner was told of these withdrawals; their addresses go. Return how many were open.

        `note` says how and by whom. Raises InvalidField.
        """
        return int(
            self._transport.call("settle_partner_withdrawals", {"ids": list(ids), "note": note}, idempotent=True)
        )

    def figures(self, campaign: str) -> list[CreatorFigure]:
        """Return the figures of each creator. Raises InvalidField."""
        return self._read_rows(CreatorFigure, "campaign_figures", {"campaign": campaign})


def _of(campaign: str | None) -> Where:
    return () if campaign is None else (("campaign", "eq", campaign),)


def _csv(people: Sequence[_Person]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("email", "agreed_at", "text_version"))
    # An address may begin with a sign that a spreadsheet computes.
    writer.writerows((escape(person.email), person.agreed_at.isoformat(), person.text_version) for person in people)
    return out.getvalue().encode("utf-8")
