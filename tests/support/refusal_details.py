"""What the DETAIL of a refusal may be: nothing, times by known keys, or the faults of an import; never a row."""

from __future__ import annotations

import json
import re
from datetime import datetime

KEYS = {
    "starts_at", "ends_at", "opens_at", "closes_at", "registration_closes_at", "until", "access_from", "access_until",
}  # fmt: skip


def only_times(detail: str | None) -> bool:
    """Whether a DETAIL is none, or a JSON object of known keys and UTC times, and faults by row and code."""
    if detail is None:
        return True
    found = json.loads(detail)
    faults = found.pop("faults", [])
    for fault in faults:
        assert fault.keys() == {"row", "fault", "arguments"}, detail
        assert fault["row"] is None or fault["row"] > 0, detail
        assert re.fullmatch("[a-z_]+", fault["fault"]), detail
    for value in found.values():
        assert value is None or datetime.fromisoformat(value).tzinfo is not None, detail
    return bool(found or faults) and found.keys() <= KEYS
