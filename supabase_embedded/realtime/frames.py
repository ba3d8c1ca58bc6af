"""Frames: what Phoenix's two serializers make of a message. Version 1 is a JSON object, version 2 a JSON array.

Version 2 also has a binary frame, in which JavaScript clients send broadcasts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

#: The versions of the serializer, as ``vsn`` in the address names them.
VERSIONS = ("1.0.0", "2.0.0")

_BROADCAST_PUSH = 3


class FrameError(Exception):
    """A frame that no client of this protocol sends."""


@dataclass(frozen=True)
class Frame:
    """A message in one direction: ``join_ref`` names the channel's join, ``ref`` the message that is answered."""

    topic: str
    event: str
    payload: dict[str, Any]
    ref: str | None = None
    join_ref: str | None = None

    def encoded(self, version: str) -> str:
        """The text of the frame in a version of the serializer."""
        if version == "1.0.0":
            said: Any = {
                "topic": self.topic,
                "event": self.event,
                "payload": self.payload,
                "ref": self.ref,
                "join_ref": self.join_ref,
            }
        else:
            said = [self.join_ref, self.ref, self.topic, self.event, self.payload]
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def decoded(data: str | bytes, version: str) -> Frame:
    """The frame that a client sent. Raises FrameError."""
    if isinstance(data, bytes):
        return _broadcast_push(data)
    try:
        said = json.loads(data)
        if version == "1.0.0":
            if not isinstance(said, dict):
                raise FrameError("not an object")
            join_ref, ref, topic, event, payload = (
                said.get(name) for name in ("join_ref", "ref", "topic", "event", "payload")
            )
        else:
            join_ref, ref, topic, event, payload = said
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameError("not a frame") from error
    if not (isinstance(topic, str) and isinstance(event, str)):
        raise FrameError("no topic or event")
    return Frame(topic, event, payload if isinstance(payload, dict) else {}, _reference(ref), _reference(join_ref))


def _reference(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | int) or len(str(value)) > 64:
        raise FrameError("not a reference")
    return str(value)


def _broadcast_push(data: bytes) -> Frame:
    """Six lengths and kinds, then join_ref, ref, topic, event and metadata; the payload is nobody's business here."""
    if len(data) < 7 or data[0] != _BROADCAST_PUSH:
        raise FrameError("not a frame")
    texts, at = [], 7
    for length in data[1:5]:
        try:
            texts.append(data[at : at + length].decode())
        except UnicodeDecodeError as error:
            raise FrameError("not a frame") from error
        at += length
    join_ref, ref, topic, event = texts
    return Frame(topic, "broadcast", {"event": event}, ref or None, join_ref or None)
