"""`mpp class challenges` and its like: what a class plays, and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpp_cli import connection, output
from mpp_cli.arguments import ClassId, Yes
from mpp_cli.output import Column, Output, formatted

if TYPE_CHECKING:
    from mpp_supabase import MPP, PupilValidation

app = typer.Typer(no_args_is_help=True)

Challenge = Annotated[
    str, typer.Argument(metavar="CHALLENGE", help="Code of the challenge; `mpp class challenges` shows it.")
]
Pupils = Annotated[
    list[str] | None,
    typer.Option("--pupil", metavar="NAME", help="Only this pupil, by name or id. Repeat it for several."),
]
Team = Annotated[str | None, typer.Option("--team", metavar="NAME", help="Only the pupils of this team.")]


@app.command()
@formatted
def challenges(
    class_id: ClassId,
    in_play: Annotated[bool, typer.Option("--in-play", help="Only the challenges that the class plays.")] = False,
    *,
    out: Output,
) -> None:
    """List the challenges of a class's level: whether the class plays them, and what it earned.

    Example: mpp class challenges 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 --in-play
    """
    from mpp_supabase import ClassChallenge

    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        zone = mpp.editions.get(mpp.classes.get(wanted).edition_code).time_zone
        found = mpp.classes.challenges(wanted)
        out.rows(
            (c for c in found if c.is_in_play) if in_play else found,
            (
                Column("Challenge", lambda c: c.code),
                Column("Title", lambda c: c.title["en"], folds=True),
                Column("Points", lambda c: c.points, right=True),
                Column("Opens", lambda c: output.clock(c.opens_at, zone), optional=True),
                Column("Closes", lambda c: output.clock(c.closes_at, zone), optional=True),
                Column("In play", lambda c: "yes" if c.is_in_play else "no"),
                Column("Pupils", lambda c: output.number(c.pupils_credited), right=True),
                Column("Earned", lambda c: output.number(c.points_earned), right=True),
            ),
            fields=ClassChallenge,
            empty="No challenge of the edition is for the level of this class.",
        )


@app.command()
def choose(
    class_id: ClassId,
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="CHALLENGE", help="Codes of the challenges that the class plays.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Choose all challenges of its level.")] = False,
) -> None:
    """Choose which challenges a class plays. They replace its earlier choice; validations stay.

    Example: mpp class choose 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins gouter-zero-dechet
    """
    wanted = output.uuid_of(class_id, "CLASS")
    if everything == bool(codes):
        raise typer.BadParameter("either name challenges, or use --all", param_hint="CHALLENGE")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        chosen = [c.challenge_id for c in mpp.classes.find_challenges(wanted, codes)] if codes else None
        count = mpp.classes.choose(wanted, chosen)
    output.say(
        f"The class plays {output.counted(count, 'challenge')}" + (" (all of its level)." if everything else ".")
    )


@app.command()
@formatted
def validate(
    class_id: ClassId,
    challenge: Challenge,
    pupil: Pupils = None,
    team: Team = None,
    proof_sent: Annotated[
        bool, typer.Option("--proof-sent", help="The teacher has seen the proof that the challenge asks for.")
    ] = False,
    request_key: Annotated[
        str | None,
        typer.Option(
            "--request-key", metavar="UUID", help="Key of the request. Two requests with the same key count once."
        ),
    ] = None,
    *,
    out: Output,
) -> None:
    """Validate a challenge for the whole class, some pupils or a team.

    Nothing changes for pupils who have reached the limit of the challenge.

    Example: mpp class validate 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins --pupil Lina --pupil "Noé B."
    """
    from uuid import uuid4

    from mpp_supabase import TransportError

    wanted = output.uuid_of(class_id, "CLASS")
    key = output.uuid_of(request_key, "--request-key") if request_key else str(uuid4())
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        (meant,) = mpp.classes.find_challenges(wanted, [challenge])
        pupil_ids, team_id = _whom(mpp, wanted, pupil, team)
        try:
            done = mpp.classes.validate(
                wanted,
                meant.challenge_id,
                pupil_ids=pupil_ids,
                team_id=team_id,
                proof_sent=proof_sent,
                request_key=key,
            )
        except TransportError:
            output.say(f"It may have been done. Run it again with --request-key {key}: nothing is done twice.")
            raise
        _show_validations(mpp, wanted, done, out)
    recorded = [row for row in done if row.validation_id is not None]
    limit = len(done) - len(recorded)
    pending = sum(row.state == "pending" for row in recorded)
    output.say(
        f"{meant.code} is validated for {output.counted(len(recorded), 'pupil')}"
        + (f", {pending} of them until enough of their team did it" if pending else "")
        + (f"; {limit} had reached its limit." if limit else ".")
    )


@app.command()
@formatted
def cancel(
    class_id: ClassId,
    challenge: Challenge,
    pupil: Pupils = None,
    team: Team = None,
    every: Annotated[
        bool,
        typer.Option("--every", help="Cancel every validation of the challenge, not only the latest of each pupil."),
    ] = False,
    yes: Yes = False,
    *,
    out: Output,
) -> None:
    """Cancel the latest validation of a challenge: for the whole class, some pupils or a team.

    Example: mpp class cancel 0190f3c2-7a3e-7b1d-9c55-0d2f6a1b4e77 pieds-malins --pupil Lina
    """
    wanted = output.uuid_of(class_id, "CLASS")
    with connection.staff() as mpp:
        mpp.classes.get(wanted)
        (meant,) = mpp.classes.find_challenges(wanted, [challenge])
        pupil_ids, team_id = _whom(mpp, wanted, pupil, team)
        whose = {
            p.pupil_id
            for p in mpp.classes.pupils(wanted)
            if (pupil_ids is None or str(p.pupil_id) in pupil_ids) and (team_id is None or str(p.team_id) == team_id)
        }
        cancelled = []
        for done in mpp.classes.validations(wanted, challenge_id=meant.challenge_id):
            if done.pupil_id in whose:
                cancelled.append(done.validation_id)
                if not every:
                    whose.discard(done.pupil_id)
        if not cancelled:
            output.say(f"Nothing to cancel: {meant.code} is not validated there.")
            return
        output.confirm(f"Cancel {output.counted(len(cancelled), 'validation')} of {meant.code}?", yes=yes)
        _show_validations(mpp, wanted, mpp.classes.cancel(wanted, cancelled), out)
    output.say(f"Cancelled: {output.counted(len(cancelled), 'validation')} of {meant.code}.")


def _whom(mpp: MPP, class_id: str, pupil: list[str] | None, team: str | None) -> tuple[list[str] | None, str | None]:
    if pupil and team:
        raise typer.BadParameter("name pupils or a team, not both", param_hint="--team")
    if pupil:
        return [str(found.pupil_id) for found in mpp.classes.find_pupils(class_id, pupil)], None
    return None, str(mpp.classes.find_team(class_id, team).team_id) if team else None


def _show_validations(mpp: MPP, class_id: str, done: list[PupilValidation], out: Output) -> None:
    from mpp_supabase import PupilValidation

    names = {pupil.pupil_id: pupil.name for pupil in mpp.classes.pupils(class_id)}
    out.rows(
        done,
        (
            Column("Pupil", lambda v: names.get(v.pupil_id)),
            Column("State", lambda v: v.state or "at the limit"),
            Column("Points", lambda v: output.number(v.points), right=True),
        ),
        fields=PupilValidation,
    )
