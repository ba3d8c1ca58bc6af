"""A whole edition played on a local stack: a thousand leagues, most in bulk and some through HTTP like phones.

from mpp_supabase.demo import Plan, play
outcome = play(stack.env(), Plan.of(scale=0.1), on_progress)
"""

from mpp_supabase.demo.plan import Outcome, Plan, Progress
from mpp_supabase.demo.play import play

__all__ = ["Outcome", "Plan", "Progress", "play"]
