"""What tests of every layer share: the game in SQL, the world of the services, phones, clients, clocks, waiting."""

from __future__ import annotations

from pathlib import Path

#: The checkout.
ROOT = Path(__file__).resolve().parents[2]
