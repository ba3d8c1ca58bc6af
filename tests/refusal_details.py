"""What the DETAIL of a refusal may be: nothing, or times by keys that are known; never a row."""

from __future__ import annotations

import json
from datetime import datetime

KEYS = {
    "starts_at", "ends_at", "opens_at", "closes_at", "registration_closes_at", "until", "access_from", "access_until",
}  # fmt: skip


def only_times(detail: str | None) -> bool:
    """Whether a DETAIL is none, or a JSON object of known keys and UTC times."""
    if detail is None:
        return True
    found = json.loads(detail)
    for value in found.values():
        assert value is None or datetime.fromisoformat(value).tzinfo is not None, detail
    return bool(found) and found.keys() <= KEYS
