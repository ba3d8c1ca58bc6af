"""The facade is sorted, complete, lazy, and what it hides stays hidden."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mpp_supabase


def test_the_public_names_are_sorted_and_all_there() -> None:
    names = mpp_supabase.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    for name in names:
        assert getattr(mpp_supabase, name) is not None
    assert set(names) - {"__version__"} == set(mpp_supabase._MODULE_OF)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        mpp_supabase.Nothing  # noqa: B018


def test_importing_the_package_and_reading_a_file_load_no_client() -> None:
    code = (
        "import sys, mpp_supabase\n"
        "assert 'pydantic' not in sys.modules and 'httpx' not in sys.modules\n"
        "mpp_supabase.parse_edition\n"
        "assert 'httpx' not in sys.modules and 'postgrest' not in sys.modules\n"
        "mpp_supabase.MPP\n"
        "assert 'postgrest' not in sys.modules and 'supabase_auth' not in sys.modules\n"
        "assert 'supabase_embedded' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
