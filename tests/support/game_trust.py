"""Campaigns with partners and questions to guardians, made through the same functions as the staff and apps use."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from tests.support.game import Edition, Game, League, Person, translated


@dataclass
class Campaign:
    """A campaign in an edition and its codes by creator."""

    code: str
    edition: Edition
    codes: dict[str, str] = field(default_factory=dict)


def campaign(game: Game, edition: Edition | None = None, *creators: str) -> Campaign:
    """A campaign of a partner of its own, with a code for each creator (for one, if none is named)."""
    mark = uuid.uuid4().hex[:8]
    made = Campaign(f"c-{mark}", edition or game.edition())
    game.service.call(
        "create_campaign", code=made.code, partner_code=f"p-{mark}", partner_name=f"Partner {mark}",
        edition_code=made.edition.code, body=Jsonb(translated("We pass your address on")),
    )  # fmt: skip
    for creator in creators or ("Zoé Exemple",):
        made.codes[creator] = game.service.call("create_campaign_code", campaign=made.code, creator=creator)
    return made


def join(person: Person, joined: Campaign, *, consent: bool, creator: str | None = None) -> Person:
    """The person joins, by the code of this creator or the first one."""
    code = joined.codes[creator] if creator else next(iter(joined.codes.values()))
    person.call("join_campaign", code=code, consent=consent, text_number=1)
    return person


def exported(game: Game, of: Campaign) -> list[str]:
    """The addresses of one export for the partner."""
    return [row["email"] for row in game.service.call("export_campaign", campaign=of.code)["rows"]]


def address(person: Person) -> str:
    """The e-mail address of an account."""
    return str(person.claims["email"])


def guardian_token(game: Game, person: Person) -> str:
    """The token in the mail to the guardian whom the person asked last."""
    return str(
        game.one(
            "select m.data ->> 'token' from mpp.outbox m join mpp.guardian_request r"
            " on m.key = 'guardian/' || encode(r.token_digest, 'hex') where r.account_id = %s"
            " order by r.id desc limit 1",
            (person.account,),
        )
    )


def refuse_picture(game: Game, person: Person) -> None:
    """Upload a picture for somebody that turns out to be none."""
    path = f"{person.account}/new/{uuid.uuid4().hex}.jpg"
    game.run("insert into storage.objects (bucket_id, name) values ('profile-pictures', %s)", (path,))
    game.service.call("record_upload", bucket_id="profile-pictures", path=path, problem="unreadable")


def submitted_photo(game: Game, league: League) -> dict[str, Any]:
    """A photo of a league that was checked; the row of share_photo."""
    row: dict[str, Any] = league.ambassador.call("share_photo", league_id=league.id, caption="A garden", text_number=1)
    checked = row["upload_path"].replace("/new/", "/") + ".jpg"
    for name in (f"{row['upload_path']}.jpg", checked):
        game.run("insert into storage.objects (bucket_id, name) values ('photos', %s)", (name,))
    game.service.call("record_upload", bucket_id="photos", path=f"{row['upload_path']}.jpg")
    return row
