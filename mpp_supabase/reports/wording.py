"""What a report says in French and in English, and how each language writes numbers and dates."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from mpp_supabase.diplomas.wording import WORDINGS

Language: TypeAlias = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Number: TypeAlias = int | float | Decimal

MISSING = "–"
MINUS = "−"
_NARROW = "\u202f"

_FR_DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
_EN_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Words:
    """The words of one language: `words("players")`; figures put into a text are written as the language does."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)
        self._dates = WORDINGS[language]

    def __call__(self, key: str, **values: int | str) -> str:
        """Return a text with its values in place; `n` chooses between its form for one and its form for several."""
        text = TEXTS[key][self._column]
        if "|" in text:
            one, several = text.split("|")
            text = one if values["n"] in self._dates.singular else several
        shown = {name: self.count(value) if isinstance(value, int) else value for name, value in values.items()}
        return text.format(**shown)

    def of(self, text: dict[str, str]) -> str:
        """Return a text of the game in this language, else in English, else in any."""
        return text.get(self.language) or text.get("en") or next(iter(text.values()), "")

    def count(self, value: int) -> str:
        """Return 12345 as 12 345 (narrow no-break space) or 12,345."""
        return self._dates.number(value).replace("-", MINUS)

    def decimal(self, value: Decimal) -> str:
        """Return a number with two decimals: 1 234,50 or 1,234.50."""
        whole, _, decimals = f"{abs(value):.2f}".partition(".")
        sign = MINUS if value < 0 else ""
        return f"{sign}{self._dates.number(int(whole))}{',' if self.language == 'fr' else '.'}{decimals}"

    def percent(self, share: Decimal) -> str:
        """Return a share between 0 and 1 as a whole percentage: 45 % or 45%."""
        value = int((share * 100).quantize(Decimal(1), ROUND_HALF_UP))
        return f"{self.count(value)}{_NARROW if self.language == 'fr' else ''}%"

    def ordinal(self, rank: int) -> str:
        """Return 1re or 1st."""
        return self.count(rank) + "".join(self._dates.ordinal_mark(rank))

    def period(self, first: date, last: date) -> str:
        """Return two days as du 8 au 14 juin 2026, or 8 to 14 June 2026."""
        return self._dates.period(first, last)

    def long_date(self, day: date) -> str:
        """Return a day as 8 juin 2026, or 8 June 2026."""
        return self._dates.period(day, day).removeprefix("le ")

    def day(self, day: date) -> str:
        """Return a day as 8 juin, or 8 June: in a report the year stands above."""
        return self.long_date(day).removesuffix(f" {day.year}")

    def short_day(self, day: date) -> str:
        """Return a day as lun. 8/06, or Mon 8/06."""
        names = _FR_DAYS if self.language == "fr" else _EN_DAYS
        return f"{names[day.weekday()]} {day.day}/{day:%m}"

    def moment(self, when: datetime, zone: str) -> str:
        """Return a moment as the clocks of a time zone show it: 15 juin 2026 à 8 h 00, or 15 June 2026 at 08:00."""
        local = when.astimezone(ZoneInfo(zone))
        if self.language == "fr":
            return f"{self.long_date(local.date())} à {local.hour}{_NARROW}h{_NARROW}{local:%M}"
        return f"{self.long_date(local.date())} at {local:%H:%M}"

    def listed(self, names: tuple[str, ...], most: int = 3) -> str:
        """Return names as A, B, C, or as A, B, C et 4 autres."""
        if len(names) <= most + 1:
            return ", ".join(names)
        return self("and_more", names=", ".join(names[:most]), n=len(names) - most)


def exact(value: Number) -> Decimal:
    """Return a number rounded half up to two decimals: the same in each kind of file."""
    return Decimal(str(value)).quantize(Decimal("0.01"), ROUND_HALF_UP)


TEXTS: dict[str, tuple[str, str]] = {
    # The head of a report
    "brand": ("Ma Petite Planète", "Ma Petite Planète"),
    "weekly_title": ("Bilan de la semaine {week}", "Report of week {week}"),
    "final_title": ("Bilan final", "Final report"),
    "provisional_title": ("Bilan final provisoire", "Provisional final report"),
    "provisional": (
        "Provisoire\u202f: l’édition n’est pas encore figée. Les chiffres peuvent changer, et les titres ne sont pas "
        "décernés.",
        "Provisional: the edition is not frozen yet. Figures may still change, and no title has been given.",
    ),
    "file_title": ("{title} · {organisation}", "{title} · {organisation}"),
    "as_of": ("Chiffres arrêtés au {moment}", "Figures as of {moment}"),
    "edition_dates": ("{edition}, {period}", "{edition}, {period}"),
    "week_dates": ("Semaine {week} sur {weeks}, {period}", "Week {week} of {weeks}, {period}"),
    "contents": ("Dans ce bilan", "In this report"),
    # Figures
    "figures": ("Chiffres clés", "Key figures"),
    "figure": ("Chiffre", "Figure"),
    "value": ("Valeur", "Value"),
    "change": ("Évolution", "Change"),
    "players": ("Joueurs", "Players"),
    "expected": ("Joueurs attendus", "Expected players"),
    "of_expected": ("{share} des {expected} attendus", "{share} of the {expected} expected"),
    "active_week": ("Joueurs actifs cette semaine", "Active players this week"),
    "active_edition": ("Joueurs actifs", "Active players"),
    "of_players": ("{share} des joueurs", "{share} of the players"),
    "leagues": ("Ligues", "Leagues"),
    "validations": ("Défis relevés", "Challenges done"),
    "points": ("Points", "Points"),
    "points_per_player": ("Points par joueur", "Points per player"),
    "unchanged": ("rien de nouveau cette semaine", "nothing new this week"),
    "this_week_change": ("{change} cette semaine", "{change} this week"),
    "same_as_before": ("comme la semaine précédente", "same as the week before"),
    "against_before": ("{change} sur la semaine précédente", "{change} on the week before"),
    "under_five": ("masqué", "suppressed"),
    # Advice
    "advice": ("À faire maintenant", "What to do now"),
    "advice_final": ("Et après\u202f?", "What next?"),
    # Weeks and days
    "weeks": ("Semaine après semaine", "Week by week"),
    "week": ("Semaine", "Week"),
    "week_number": ("Semaine {n}", "Week {n}"),
    "from": ("Du", "From"),
    "to": ("Au", "To"),
    "new_players": ("Nouveaux joueurs", "New players"),
    "active_players": ("Joueurs actifs", "Active players"),
    "days": ("Jour après jour", "Day by day"),
    "day": ("Jour", "Day"),
    "days_best": (
        "Le meilleur jour\u202f: {day}, avec {n} défi relevé.|Le meilleur jour\u202f: {day}, avec {n} défis relevés.",
        "The best day: {day}, with {n} challenge done.|The best day: {day}, with {n} challenges done.",
    ),
    # Leagues and units
    "league_ranking": ("Classement des ligues", "Ranking of the leagues"),
    "league_points": ("Points des ligues", "Points of the leagues"),
    "league_points_first": (
        "Le graphique montre les {n} premières ligues sur {all}\u202f; le tableau les montre toutes.",
        "The chart shows the first {n} of {all} leagues; the table shows them all.",
    ),
    "opted_out": (
        "{n} ligue a choisi de ne pas paraître au classement\u202f: ses points comptent dans les totaux, son nom n’est "
        "pas montré.|{n} ligues ont choisi de ne pas paraître au classement\u202f: leurs points comptent dans les "
        "totaux, leurs noms ne sont pas montrés.",
        "{n} league opted out of the ranking: its points count in the totals, its name is not shown.|{n} leagues opted "
        "out of the ranking: their points count in the totals, their names are not shown.",
    ),
    "rank": ("Rang", "Rank"),
    "league": ("Ligue", "League"),
    "unit": ("Unité", "Unit"),
    "this_week": ("Points de la semaine", "Points this week"),
    "no_league": (
        "Aucune ligue n’est encore créée. Le classement s’affichera ici dès la première.",
        "There is no league yet. The ranking will show here from the first one on.",
    ),
    "no_league_final": (
        "Aucune ligue n’a été créée pour cette édition.",
        "No league was created for this edition.",
    ),
    "attention": ("Ligues à encourager", "Leagues that need attention"),
    "why": ("Pourquoi", "Why"),
    "attention_no_ambassador": ("personne ne l’anime", "nobody runs it"),
    "attention_not_started": ("aucun défi relevé pour l’instant", "no challenge done yet"),
    "attention_quiet": ("aucun défi relevé cette semaine", "no challenge done this week"),
    "attention_few_active": ("moins de la moitié des joueurs actifs", "less than half of its players are active"),
    "attention_falling": (
        "nettement moins de points qu’au même moment de la semaine précédente",
        "far fewer points than at the same moment of the week before",
    ),
    "attention_few_players": ("trop peu de joueurs", "too few players"),
    # The same reasons, as advice in the mail of whoever runs the league
    "note_not_started": (
        "Aucun défi n’est encore relevé\u202f: choisissez ensemble le premier, le plus facile, pour cette semaine.",
        "No challenge is done yet: choose the first one together, the easiest, for this week.",
    ),
    "note_quiet": (
        "Aucun défi relevé cette semaine\u202f: proposez-en un facile, à faire ensemble.",
        "No challenge done this week: suggest an easy one to do together.",
    ),
    "note_few_active": (
        "Moins de la moitié des joueurs sont actifs cette semaine\u202f: un petit mot et un défi collectif les font "
        "revenir.",
        "Less than half of the players are active this week: a word and a collective challenge bring them back.",
    ),
    "note_falling": (
        "Nettement moins de points qu’au même moment de la semaine précédente\u202f: rappelez un défi que tout le "
        "monde peut relever aujourd’hui.",
        "Far fewer points than at the same moment of the week before: recall a challenge that everybody can do today.",
    ),
    "note_few_players": (
        "Il manque des joueurs à la ligue\u202f: partagez son code autour de vous.",
        "The league is short of players: share its code around you.",
    ),
    "units": ("Classement des unités", "Ranking of the units"),
    # Themes and the map
    "themes": ("Défis relevés par thème", "Challenges done by theme"),
    "theme": ("Thème", "Theme"),
    "map": ("Joueurs par département", "Players by department"),
    "department": ("Département", "Department"),
    "code": ("Code", "Code"),
    "other_departments": ("Autres départements", "Other departments"),
    "suppressed": ("masqués", "suppressed"),
    "map_note": (
        "Les départements de moins de 5 joueurs ne sont ni nommés ni dessinés, et un de plus s’il n’y en a qu’un, pour "
        "que personne ne soit reconnu.",
        "Departments with fewer than 5 players are neither named nor drawn, and one more where there is only one, so "
        "that nobody is recognised.",
    ),
    "map_credit": ("Fond de carte\u202f: MapSVG, CC BY 4.0, simplifié.", "Base map: MapSVG, CC BY 4.0, simplified."),
    "paris": ("Paris et petite couronne", "Paris and around"),
    "map_players": ("{n} joueur|{n} joueurs", "{n} player|{n} players"),
    "no_department": ("0 ou masqué", "0 or suppressed"),
    "range": ("{first} à {last}", "{first} to {last}"),
    # Territory
    "territory": ("Les classes du territoire", "School classes of the territory"),
    "territory_counts": (
        "{classes} dans {schools}.",
        "{classes} in {schools}.",
    ),
    "no_class": (
        "Aucune classe du territoire n’est encore inscrite.",
        "No class of the territory has joined yet.",
    ),
    "no_class_final": ("Aucune classe du territoire n’a joué.", "No class of the territory played."),
    "playing_classes": ("Classes qui ont des points", "Classes with points"),
    "points_of_week": ("Points de la semaine", "Points this week"),
    "without_small": (
        "sans {n} classe de moins de 5 élèves|sans {n} classes de moins de 5 élèves",
        "without {n} class of fewer than 5 pupils|without {n} classes of fewer than 5 pupils",
    ),
    "territory_figures": ("Le territoire en chiffres", "The territory in figures"),
    "classes": ("Classes", "Classes"),
    "schools": ("Établissements", "Schools"),
    "n_classes": ("{n} classe|{n} classes", "{n} class|{n} classes"),
    "n_schools": ("{n} établissement|{n} établissements", "{n} school|{n} schools"),
    "class": ("Classe", "Class"),
    "school": ("Établissement", "School"),
    "level": ("Niveau", "Level"),
    "city": ("Commune", "City"),
    "pupils": ("Élèves", "Pupils"),
    "points_per_pupil": ("Points par élève", "Points per pupil"),
    "national_rank": ("Rang national", "National rank"),
    "levels_maternelle": ("Maternelle", "Nursery"),
    "levels_elementaire": ("Élémentaire", "Primary"),
    "levels_college": ("Collège", "Lower secondary"),
    "levels_lycee": ("Lycée", "Upper secondary"),
    # The final report
    "awards": ("Le palmarès", "Awards"),
    "award": ("Titre", "Title"),
    "erased_player": ("Joueur·se effacé·e", "Erased player"),
    "who": ("Décerné à", "Awarded to"),
    "reason": ("Pour", "For"),
    "general": (
        "Vos cinq meilleures ligues dans le classement général",
        "Your best five leagues in the general ranking",
    ),
    "general_few": ("Vos ligues dans le classement général", "Your leagues in the general ranking"),
    "general_rank": ("Rang général", "General rank"),
    "among": ("Sur", "Out of"),
    "comparison": ("À côté de toute l’édition", "Beside the whole edition"),
    "comparison_note": (
        "D’un côté comme de l’autre, les ligues d’au moins 5 joueurs qui paraissent au classement.",
        "On both sides the leagues of 5 players or more that are in the ranking.",
    ),
    "measure": ("Mesure", "Measure"),
    "own": ("Vous", "You"),
    "whole_edition": ("Moyenne de l’édition", "Average of the edition"),
    "measure_points_per_player": ("Points par joueur", "Points per player"),
    "measure_players_per_league": ("Joueurs par ligue", "Players per league"),
    # The foot of a report
    "about": ("Comment lire ce bilan", "How to read this report"),
    "about_active": (
        "Un joueur est actif quand il a relevé au moins un défi dans la période.",
        "A player is active who has done at least one challenge in the period.",
    ),
    "about_ranks": (
        "À égalité, les ligues partagent le même rang.",
        "Leagues that are equal share a rank.",
    ),
    "about_class_ranks": (
        "À égalité, les classes partagent le même rang.",
        "Classes that are equal share a rank.",
    ),
    "about_suppressed": (
        "«\u202fmasqué\u202f»\u202f: moins de 5 personnes, ou ce qui permettrait de retrouver un nombre inférieur à 5.",
        "“suppressed”: fewer than 5 people, or what would tell such a number.",
    ),
    "about_people": (
        "Aucun joueur n’est nommé dans ce bilan.",
        "No player is named in this report.",
    ),
    "about_aliases": (
        "Des joueurs ne paraissent qu’au palmarès, sous leur pseudonyme, comme dans le classement de l’édition\u202f; "
        "qui s’en est retiré n’y est pas.",
        "Players appear among the awards only, by their alias, as in the ranking of the edition; who opted out of it "
        "is not there.",
    ),
    "about_pupils": (
        "Aucun élève n’est nommé dans ce bilan\u202f; des classes, il dit ce que montre le classement public.",
        "No pupil is named in this report; of classes it says what the public ranking shows.",
    ),
    "about_zone": ("Heures et jours\u202f: {zone}.", "Times and days: {zone}."),
    "page": ("Page {page} sur {pages}", "Page {page} of {pages}"),
    # Small joints
    "and_more": ("{names} et {n} autre|{names} et {n} autres", "{names} and {n} more|{names} and {n} more"),
    "chart_of": ("{name}\u202f: {value}", "{name}: {value}"),
    # Advice in a weekly report (advice.py says when)
    "advice_no_league": (
        "Créez les premières ligues et envoyez leur code\u202f: sans ligue, personne ne peut jouer.",
        "Create the first leagues and send out their codes: without a league, nobody can play.",
    ),
    "advice_no_player": (
        "Les ligues sont prêtes et encore vides\u202f: envoyez les invitations, avec le code de chaque ligue.",
        "The leagues are ready and still empty: send the invitations, with each league’s code.",
    ),
    "advice_few_came": (
        "{n} joueur inscrit sur {expected} attendus\u202f: un mot de la direction et un stand à midi aident à "
        "compléter "
        "les équipes.|{n} joueurs inscrits sur {expected} attendus\u202f: un mot de la direction et un stand à midi "
        "aident à compléter les équipes.",
        "{n} player of the {expected} expected has joined: a word from the management and a stand at lunchtime help to "
        "fill the teams.|{n} players of the {expected} expected have joined: a word from the management and a stand at "
        "lunchtime help to fill the teams.",
    ),
    "advice_no_ambassador": (
        "{n} ligue n’a pas d’ambassadeur ({names})\u202f: demandez à un joueur motivé de l’animer.|{n} ligues "
        "n’ont pas "
        "d’ambassadeur ({names})\u202f: demandez à un joueur motivé d’animer chacune.",
        "{n} league has no ambassador ({names}): ask a keen player to run it.|{n} leagues have no ambassador "
        "({names}): "
        "ask a keen player to run each.",
    ),
    "advice_quiet": (
        "{n} ligue n’a relevé aucun défi cette semaine ({names})\u202f: un défi facile à faire ensemble la relance."
        "|{n} ligues n’ont relevé aucun défi cette semaine ({names})\u202f: un défi facile à faire ensemble les "
        "relance.",
        "{n} league did no challenge this week ({names}): an easy one, done together, gets it going."
        "|{n} leagues did no challenge this week ({names}): an easy one, done together, gets them going.",
    ),
    "advice_few_active": (
        "{share} des joueurs ont été actifs cette semaine\u202f: proposez un rendez-vous court, un défi collectif par "
        "exemple.",
        "{share} of the players were active this week: suggest something short to do together, a collective challenge "
        "for example.",
    ),
    "advice_falling": (
        "{validations} défis relevés cette semaine après {before} la précédente\u202f: annoncez un objectif "
        "commun pour "
        "les jours qui restent.",
        "{validations} challenges done this week after {before} the week before: announce a common goal for the days "
        "that are left.",
    ),
    "advice_rising": (
        "{validations} défis relevés cette semaine après {before} la précédente\u202f: dites-le, et remerciez les "
        "ambassadeurs.",
        "{validations} challenges done this week after {before} the week before: say so, and thank the ambassadors.",
    ),
    "advice_themes": (
        "Un thème n’a encore tenté personne ({names})\u202f: mettez-en un défi à l’affiche.|Des thèmes n’ont "
        "encore tenté "
        "personne ({names})\u202f: mettez un de leurs défis à l’affiche.",
        "One theme has tempted nobody yet ({names}): put one of its challenges on the notice board.|Some themes have "
        "tempted nobody yet ({names}): put one of their challenges on the notice board.",
    ),
    "advice_close_race": (
        "{first} et {second} se tiennent à {n} point\u202f: racontez le duel.|{first} et {second} se tiennent à {n} "
        "points\u202f: racontez le duel.",
        "{first} and {second} are {n} point apart: tell the story of the race.|{first} and {second} are {n} points "
        "apart: tell the story of the race.",
    ),
    "advice_halfway": (
        "La mi-parcours tombe la semaine prochaine\u202f: affichez le classement ce jour-là.",
        "Half-time falls in the coming week: put up the ranking that day.",
    ),
    "advice_last_days": (
        "La dernière semaine commence demain\u202f: rappelez la date de fin et invitez tout le monde à la remise des "
        "titres.",
        "The last week begins tomorrow: recall the last day, and invite everybody to the award ceremony.",
    ),
    "advice_last_week": (
        "C’est la dernière semaine, jusqu’au {day} inclus\u202f: rappelez-le et invitez tout le monde à la remise des "
        "titres.",
        "This is the last week, up to and including {day}: say so, and invite everybody to the award ceremony.",
    ),
    "advice_all_well": (
        "Votre ligue joue\u202f: partagez-en une photo ou un récit pour garder l’élan.|Toutes les ligues jouent\u202f: "
        "partagez une photo ou un récit par ligue pour garder l’élan.",
        "Your league is playing: share a photo or a story of it to keep the spirit up.|Every league is playing: share "
        "a photo or a story from each to keep the spirit up.",
    ),
    "advice_no_class": (
        "Aucune classe du territoire n’est encore inscrite\u202f: présentez le jeu aux établissements, un enseignant "
        "inscrit sa classe en quelques minutes.",
        "No class of the territory has joined yet: tell the schools about the game; a teacher enters a class in a few "
        "minutes.",
    ),
    "advice_classes_waiting": (
        "{n} classe n’a pas encore de point\u202f: un mot à l’établissement suffit souvent.|{n} classes n’ont "
        "pas encore "
        "de point\u202f: un mot aux établissements suffit souvent.",
        "{n} class has no point yet: a word to the school is often enough.|{n} classes have no point yet: a word "
        "to the "
        "schools is often enough.",
    ),
    "advice_classes_first": (
        "{name} ({school}) est en tête du territoire\u202f: racontez ce que la classe a fait dans le journal local.",
        "{name} ({school}) leads the territory: tell in the local paper what the class did.",
    ),
    "advice_classes_end": (
        "Préparez la remise des diplômes avec les établissements, en mairie ou dans les classes.",
        "Prepare the diplomas with the schools, to be handed over at the town hall or in class.",
    ),
    # Advice in a final report
    "advice_thank": (
        "Remerciez ambassadeurs et joueurs devant tout le monde.",
        "Thank ambassadors and players in front of everybody.",
    ),
    "advice_thank_titles": (
        "Remerciez ambassadeurs et joueurs, et remettez les titres devant tout le monde.",
        "Thank ambassadors and players, and hand over the titles in front of everybody.",
    ),
    "advice_thank_classes": (
        "Remerciez les classes et leurs enseignants.",
        "Thank the classes and their teachers.",
    ),
    "advice_thank_classes_titles": (
        "Remerciez les classes et leurs enseignants, et remettez les titres devant tout le monde.",
        "Thank the classes and their teachers, and hand over the titles in front of everybody.",
    ),
    "advice_next_classes": (
        "Présentez déjà la prochaine édition aux établissements du territoire.",
        "Tell the schools of the territory about the next edition.",
    ),
    "advice_start_earlier": (
        "Personne n’a joué cette fois\u202f: pour la prochaine édition, créez les ligues plus tôt et annoncez-les "
        "vous-même.",
        "Nobody played this time: for the next edition create the leagues earlier, and announce them yourselves.",
    ),
    "advice_keep": (
        "«\u202f{theme}\u202f» est le thème qui a le plus plu\u202f: choisissez-y une habitude à garder toute l’année.",
        "“{theme}” was the favourite theme: choose a habit from it to keep all year long.",
    ),
    "advice_ask": (
        "Demandez aux joueurs ce qui a été difficile\u202f: leurs réponses disent où agir.",
        "Ask the players what was hard: their answers tell where to act.",
    ),
    "advice_next": (
        "Réservez déjà la prochaine édition avec celles et ceux qui ont joué\u202f: ce sont les meilleurs "
        "ambassadeurs.",
        "Book the next edition with those who played: they are the best ambassadors.",
    ),
}
