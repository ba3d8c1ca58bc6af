"""What every row is."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer


class Scope(StrEnum):
    """What a ranking ranks."""

    PLAYER = "player"
    TEAM = "team"
    LEAGUE = "league"
    CLASS = "class"
    SCHOOL = "school"


class Model(BaseModel):
    """Base of the rows. Columns this version does not know are ignored, so that the contract may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")


RowModel = TypeVar("RowModel", bound=Model)


#: A number of people under this tells about persons and is suppressed: private.least_people() of the database.
LEAST_PEOPLE = 5

#: Exact here, and a number in JSON, as the API has it.
Average = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class Page(Model, Generic[RowModel]):
    """Some rows of a list, and the cursor (`after`) that asks for the next ones; None at the end."""

    rows: tuple[RowModel, ...]
    after: str | None
