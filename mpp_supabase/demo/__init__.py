"""Whole editions played on a local stack: a thousand leagues, or 650 classes; most in bulk and some by phone over HTTP.

from mpp_supabase.demo import Plan, play
outcome = play(stack.env(), files, reports, Plan.of(scale=0.1), on_progress)
"""

from mpp_supabase.demo.client import play_client
from mpp_supabase.demo.plan import ClientOutcome, ClientPlan, Outcome, Plan, Progress, SchoolOutcome, SchoolPlan
from mpp_supabase.demo.play import play
from mpp_supabase.demo.report import LEVEL_NAMES, proof_lines
from mpp_supabase.demo.school import play_school

__all__ = [
    "LEVEL_NAMES",
    "ClientOutcome",
    "ClientPlan",
    "Outcome",
    "Plan",
    "Progress",
    "SchoolOutcome",
    "SchoolPlan",
    "play",
    "play_client",
    "play_school",
    "proof_lines",
]
