"""What our mails say, in French and in English, and how each language writes dates and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Language = Literal["fr", "en"]

_MONTHS = {
    "fr": (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
PARIS = ZoneInfo("Europe/Paris")
"""The zone of the association, in which it gives access day by day; an edition brings its own."""


def day(at: datetime, language: Language, zone: ZoneInfo = PARIS) -> str:
    """Return the day of an instant in a time zone: 9 mars 2026, 9 March 2026."""
    local = at.astimezone(zone)
    number = "1er" if language == "fr" and local.day == 1 else str(local.day)
    return f"{number} {_MONTHS[language][local.month - 1]} {local.year}"


def last_day(end: datetime, language: Language, zone: ZoneInfo = PARIS) -> str:
    """Return the last day of what is over at `end`, which is its first moment after."""
    return day(end - timedelta(microseconds=1), language, zone)


def number(value: float, language: Language) -> str:
    """Return 2310 as 2 310 or 2,310, and 2.5 as 2,5 or 2.5."""
    if isinstance(value, float) and not value.is_integer():
        text = f"{value:,.1f}"
        return text.replace(",", "\u202f").replace(".", ",") if language == "fr" else text
    return f"{int(value):,}".replace(",", "\u202f" if language == "fr" else ",")


def change(value: float, language: Language) -> str:
    """Return a change with its sign: +12, −3, ±0."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return sign + number(abs(value), language)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language; {names} are filled in."""

    greeting: str
    greeting_named: str
    signature: str
    why_service: str
    why_invitation: str
    why_weekly_report: str
    why_league_alerts: str
    why_newsletter: str
    unsubscribe: str
    colon: str
    open: str
    figure: str
    value: str
    change: str
    figures: dict[str, str]
    roles: dict[str, str]

    staff_subject: str
    staff_heading: str
    staff_invited: str
    staff_dates: str
    staff_code: str
    staff_button: str

    player_subject: str
    player_heading: str
    player_invited: str
    player_invited_by: str
    player_dates: str
    player_code: str
    player_button: str

    report_subject: str
    report_heading: str
    report_period: str
    report_attention: str
    report_advice: str
    report_button: str

    note_subject: str
    note_heading: str
    note_rank: str
    note_own: str
    note_own_none: str
    note_button: str
    note_class_subject: str
    note_class_rank: str
    note_class_button: str
    app_button: str

    why_account: str
    terms_subject: str
    terms_heading: str
    terms_text: str
    terms_choice: str
    terms_button: str

    why_guardian: str
    guardian_subject: str
    guardian_heading: str
    guardian_text: str
    guardian_meaning: str
    guardian_dates: str
    guardian_button: str

    erasure_asked_subject: str
    erasure_asked_heading: str
    erasure_asked_text: str
    erasure_asked_choice: str
    erasure_not_you: str

    why_erased: str
    account_erased_subject: str
    account_erased_heading: str
    account_erased_text: str
    account_erased_stays: str
    account_erased_not_you: str

    ownerless_subject: str
    ownerless_heading: str
    ownerless_text: str
    ownerless_next: str

    name_subject: str
    name_heading: str
    names: dict[str, str]
    name_of_hidden_school: str
    name_again: str
    name_write: str
    reason: str

    why_staff: str
    expulsion_subject: str
    expulsion_heading: str
    expulsion_by: str
    expulsion_by_staff: str
    expulsion_next: str


WORDING: dict[Language, Wording] = {
    "fr": Wording(
        greeting="Bonjour,",
        greeting_named="Bonjour {first_name},",
        signature="L’équipe de Ma Petite Planète",
        why_service="Ce message vous est envoyé parce qu’une personne vous a donné un accès.",
        why_invitation="Ce message vous est envoyé parce qu’une organisation vous invite.",
        why_weekly_report="Vous recevez ce rapport parce que vous suivez une organisation dans Ma Petite Planète.",
        why_league_alerts="Vous recevez ce message parce que vous avez accepté les alertes de votre ligue.",
        why_newsletter="Vous recevez cette lettre parce que vous vous y êtes abonné·e.",
        colon="\u00a0:",
        unsubscribe="Ne plus recevoir ces messages",
        open="ou copiez cette adresse :",
        figure="Chiffre",
        value="Total",
        change="Cette semaine",
        figures={
            "players": "Joueurs",
            "active_players": "Joueurs actifs cette semaine",
            "validations": "Défis relevés",
            "points": "Points",
            "leagues": "Ligues",
            "classes": "Classes",
            "schools": "Établissements",
            "pupils": "Élèves",
        },
        roles={"viewer": "lecture", "manager": "gestion", "owner": "responsable"},
        staff_subject="Votre accès à l’espace « {organisation} »",
        staff_heading="Bienvenue dans votre espace",
        staff_invited="Vous êtes invité·e à suivre « {organisation} » dans Ma Petite Planète, avec le rôle « {role} ».",
        staff_dates=(
            "Votre accès est ouvert du {access_from} au {access_until}. L’invitation est valable jusqu’au {expires_at}."
        ),
        staff_code=(
            "Connectez-vous avec cette adresse e-mail, puis donnez ce code. "
            "Il ne sert qu’une fois ; ne le transmettez pas."
        ),
        staff_button="Ouvrir mon espace",
        player_subject="Votre invitation à jouer : {league}",
        player_heading="À vous de jouer !",
        player_invited="Vous êtes invité·e à rejoindre la ligue « {league} » de Ma Petite Planète.",
        player_invited_by="{organisation} vous invite à rejoindre la ligue « {league} » de Ma Petite Planète.",
        player_dates="« {edition} » se joue du {starts_at} au {ends_at} : des défis écologiques, en équipe.",
        player_code="Pour rejoindre la ligue, donnez ce code dans l’application :",
        player_button="Rejoindre la ligue",
        report_subject="{organisation} : la semaine en chiffres",
        report_heading="La semaine de « {organisation} »",
        report_period="« {edition} », du {from_day} au {until_day}.",
        report_attention="Des ligues à encourager",
        report_advice="Nos conseils",
        report_button="Voir le rapport complet",
        note_subject="{league} : des nouvelles de votre ligue",
        note_heading="Des nouvelles de « {league} »",
        note_rank="Votre ligue est à la place {rank} du classement de « {edition} ».",
        note_own="De votre côté\u00a0: {points} points, dont {week} cette semaine.",
        note_own_none="Vous n’avez pas encore relevé de défi\u00a0: le premier est le plus facile.",
        note_button="Ouvrir la page de la ligue",
        note_class_subject="{league}\u00a0: des nouvelles de votre classe",
        note_class_rank="Votre classe est à la place {rank} du classement de « {edition} ».",
        note_class_button="Ouvrir la page de la classe",
        app_button="Ouvrir l’application",
        why_account="Ce message vous est envoyé parce que vous avez un compte Ma Petite Planète.",
        terms_subject="Nos conditions d’utilisation changent",
        terms_heading="Nos conditions d’utilisation changent",
        terms_text="La version {version} de nos conditions d’utilisation s’applique à partir du {effective_at}.",
        terms_choice=(
            "L’application vous demandera de l’accepter. Si vous ne le souhaitez pas, vous pouvez supprimer votre "
            "compte à tout moment."
        ),
        terms_button="Lire les conditions d’utilisation",
        why_guardian=(
            "Ce message vous est envoyé parce qu’un enfant a donné votre adresse comme celle d’un·e responsable "
            "légal·e. Si ce n’est pas le cas, ne répondez pas\u00a0: l’adresse sera effacée."
        ),
        guardian_subject="{first_name} joue à Ma Petite Planète\u00a0: votre accord",
        guardian_heading="Votre accord est demandé",
        guardian_text=(
            "{first_name} joue à Ma Petite Planète, un jeu de défis écologiques, et vous demande de pouvoir "
            "apparaître dans le classement public."
        ),
        guardian_meaning=(
            "Avec votre accord, son pseudo, son équipe et ses points peuvent être vus de tout le monde\u00a0; ni son "
            "prénom, ni son nom, ni son adresse. Sans votre accord, le jeu continue sans apparaître en public."
        ),
        guardian_dates=(
            "Le lien sert une fois, jusqu’au {expires_at}. Gardez ce message\u00a0: le même lien vous permet de "
            "retirer votre accord à tout moment."
        ),
        guardian_button="Répondre",
        erasure_asked_subject="Votre compte sera effacé",
        erasure_asked_heading="Votre compte sera effacé",
        erasure_asked_text="Vous avez demandé l’effacement de votre compte. Il aura lieu le {erases_at}.",
        erasure_asked_choice="Jusque-là, vous pouvez encore le garder, dans l’application.",
        erasure_not_you=(
            "Si ce n’était pas vous, gardez le compte, changez votre mot de passe et écrivez à Ma Petite Planète."
        ),
        why_erased="Ce message vous est envoyé parce que cette adresse était celle d’un compte Ma Petite Planète.",
        account_erased_subject="Votre compte est effacé",
        account_erased_heading="Votre compte est effacé",
        account_erased_text=(
            "Votre compte Ma Petite Planète et ce qu’il disait de vous sont effacés. Cela ne peut être annulé."
        ),
        account_erased_stays="Les points restent à votre équipe et à votre ligue, sans votre nom.",
        account_erased_not_you="Si ce n’était pas votre souhait, écrivez à Ma Petite Planète.",
        ownerless_subject="« {name} » n’a plus de responsable",
        ownerless_heading="Un client n’a plus de responsable",
        ownerless_text="La dernière personne responsable de « {name} » ({client}) n’a plus de compte.",
        ownerless_next="Invitez-en une autre avec « mpp client invite {client} ».",
        name_subject="Un nom a été remplacé",
        name_heading="Un nom a été remplacé",
        names={
            "alias": "L’équipe de Ma Petite Planète a remplacé votre pseudo par « {name} ».",
            "league": "L’équipe de Ma Petite Planète a remplacé le nom de votre ligue par « {name} ».",
            "team": "L’équipe de Ma Petite Planète a remplacé le nom d’une équipe de « {league} » par « {name} ».",
            "class": "L’équipe de Ma Petite Planète a remplacé le nom de votre classe par « {name} ».",
            "school": (
                "L’équipe de Ma Petite Planète a remplacé le nom d’un établissement que vous avez ajouté "
                "par « {name} »."
            ),
        },
        name_of_hidden_school=(
            "L’équipe de Ma Petite Planète a retiré de ses listes un établissement que vous avez ajouté."
        ),
        name_again="Vous pouvez en choisir un autre dans l’application ; l’ancien ne sera plus accepté.",
        name_write="Pour en proposer un autre, écrivez à Ma Petite Planète.",
        reason="La raison : {reason}",
        why_staff="Ce message vous est envoyé parce que vous êtes de l’équipe de Ma Petite Planète.",
        expulsion_subject="Expulsion : {player}, de « {league} »",
        expulsion_heading="Une expulsion dans « {league} »",
        expulsion_by="{by} a expulsé {player} de la ligue « {league} » ({edition}).",
        expulsion_by_staff="L’équipe a expulsé {player} de la ligue « {league} » ({edition}).",
        expulsion_next="C’est le signalement {report} : « mpp league reports {edition} » le montre.",
    ),
    "en": Wording(
        greeting="Hello,",
        greeting_named="Hello {first_name},",
        signature="The team of Ma Petite Planète",
        why_service="You get this message because somebody gave you access.",
        why_invitation="You get this message because an organisation invites you.",
        why_weekly_report="You get this report because you follow an organisation in Ma Petite Planète.",
        why_league_alerts="You get this message because you agreed to the alerts of your league.",
        why_newsletter="You get this newsletter because you subscribed to it.",
        colon=":",
        unsubscribe="Stop these messages",
        open="or copy this address:",
        figure="Figure",
        value="Total",
        change="This week",
        figures={
            "players": "Players",
            "active_players": "Active players this week",
            "validations": "Challenges done",
            "points": "Points",
            "leagues": "Leagues",
            "classes": "Classes",
            "schools": "Schools",
            "pupils": "Pupils",
        },
        roles={"viewer": "viewer", "manager": "manager", "owner": "owner"},
        staff_subject="Your access to the space of {organisation}",
        staff_heading="Welcome to your space",
        staff_invited="You are invited to follow {organisation} in Ma Petite Planète, with the role “{role}”.",
        staff_dates=(
            "Your access is open from {access_from} to {access_until}. The invitation is valid until {expires_at}."
        ),
        staff_code="Sign in with this e-mail address, then give this code. It works once; do not pass it on.",
        staff_button="Open my space",
        player_subject="Your invitation to play: {league}",
        player_heading="Your turn to play!",
        player_invited="You are invited to join the league “{league}” of Ma Petite Planète.",
        player_invited_by="{organisation} invites you to join the league “{league}” of Ma Petite Planète.",
        player_dates="“{edition}” is played from {starts_at} to {ends_at}: ecological challenges, in teams.",
        player_code="To join the league, give this code in the app:",
        player_button="Join the league",
        report_subject="{organisation}: the week in figures",
        report_heading="The week of {organisation}",
        report_period="“{edition}”, from {from_day} to {until_day}.",
        report_attention="Leagues to encourage",
        report_advice="Our advice",
        report_button="See the whole report",
        note_subject="{league}: news of your league",
        note_heading="News of “{league}”",
        note_rank="Your league is number {rank} in the ranking of “{edition}”.",
        note_own="On your side: {points} points, {week} of them this week.",
        note_own_none="You have not done a challenge yet: the first one is the easiest.",
        note_button="Open the page of the league",
        note_class_subject="{league}: news of your class",
        note_class_rank="Your class is number {rank} in the ranking of “{edition}”.",
        note_class_button="Open the page of the class",
        app_button="Open the app",
        why_account="You get this message because you have an account of Ma Petite Planète.",
        terms_subject="Our terms of use change",
        terms_heading="Our terms of use change",
        terms_text="Version {version} of our terms of use holds from {effective_at} on.",
        terms_choice=(
            "The app will ask you to accept it. If you do not want to, you can delete your account at any time."
        ),
        terms_button="Read the terms of use",
        why_guardian=(
            "You get this message because a child gave your address as that of a guardian. If that is wrong, do not "
            "answer: the address will be deleted."
        ),
        guardian_subject="{first_name} plays Ma Petite Planète: your agreement",
        guardian_heading="Your agreement is asked for",
        guardian_text=(
            "{first_name} plays Ma Petite Planète, a game of ecological challenges, and asks you to be allowed to "
            "appear in the public ranking."
        ),
        guardian_meaning=(
            "If you agree, everybody can see the alias, the team and the points; not the first name, the last name or "
            "the address. If you do not, the game goes on without appearing in public."
        ),
        guardian_dates=(
            "The link works once, until {expires_at}. Keep this message: the same link takes your agreement back at "
            "any time."
        ),
        guardian_button="Answer",
        erasure_asked_subject="Your account will be erased",
        erasure_asked_heading="Your account will be erased",
        erasure_asked_text="You have asked for the erasure of your account. It takes place on {erases_at}.",
        erasure_asked_choice="Until then you can still keep it, in the app.",
        erasure_not_you="If it was not you, keep the account, change your password and write to Ma Petite Planète.",
        why_erased="You get this message because an account of Ma Petite Planète had this address.",
        account_erased_subject="Your account is erased",
        account_erased_heading="Your account is erased",
        account_erased_text=(
            "Your account of Ma Petite Planète and what it said about you are erased. This cannot be undone."
        ),
        account_erased_stays="The points stay with your team and your league, without your name.",
        account_erased_not_you="If this was not your wish, write to Ma Petite Planète.",
        ownerless_subject="“{name}” has no owner any more",
        ownerless_heading="A client has no owner any more",
        ownerless_text="The last owner of “{name}” ({client}) has no account any more.",
        ownerless_next="Invite another one with “mpp client invite {client}”.",
        name_subject="A name was replaced",
        name_heading="A name was replaced",
        names={
            "alias": "The team of Ma Petite Planète has replaced your alias by “{name}”.",
            "league": "The team of Ma Petite Planète has replaced the name of your league by “{name}”.",
            "team": "The team of Ma Petite Planète has replaced the name of a team of “{league}” by “{name}”.",
            "class": "The team of Ma Petite Planète has replaced the name of your class by “{name}”.",
            "school": "The team of Ma Petite Planète has replaced the name of a school that you added by “{name}”.",
        },
        name_of_hidden_school="The team of Ma Petite Planète has taken a school that you added off its lists.",
        name_again="You may choose another one in the app; the old one is no longer accepted.",
        name_write="To propose another one, write to Ma Petite Planète.",
        reason="The reason: {reason}",
        why_staff="You get this message because you are of the staff of Ma Petite Planète.",
        expulsion_subject="Expulsion: {player}, from “{league}”",
        expulsion_heading="An expulsion in “{league}”",
        expulsion_by="{by} has expelled {player} from the league “{league}” ({edition}).",
        expulsion_by_staff="The team has expelled {player} from the league “{league}” ({edition}).",
        expulsion_next="It is report {report}: “mpp league reports {edition}” shows it.",
    ),
}
