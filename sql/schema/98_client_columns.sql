-- What each column of the views of clients means: for docs/api.md, for \d+ and for whoever builds a dashboard. null is always
-- explained. The types of the functions behind the views say the same.

comment on column api.client_overview.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_overview.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_overview.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_overview.week is 'Number of the week that is on, or of the last one; null before the start.';
comment on column api.client_overview.week_first is 'First day of that week, in the time zone of the edition.';
comment on column api.client_overview.week_last is 'Last day of that week.';
comment on column api.client_overview.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_overview.players is 'Players since the start, those who left after playing too; null for one to four.';
comment on column api.client_overview.players_change is 'How many of them came this week; null in the first week, and where either number is withheld.';
comment on column api.client_overview.active_players is 'Players who did a challenge this week; null for one to four.';
comment on column api.client_overview.active_players_change is 'active_players less those of the whole week before: a difference between two weeks; null in the first week, and where either is withheld.';
comment on column api.client_overview.active_players_ever is 'Players who did a challenge since the start; null for one to four.';
comment on column api.client_overview.leagues is 'Leagues since the start, those out of the rankings too.';
comment on column api.client_overview.leagues_change is 'How many of them are new this week; null in the first week.';
comment on column api.client_overview.validations is 'Challenges done since the start; null while the client has one to four players.';
comment on column api.client_overview.validations_change is 'How many of them were done this week, which is not a difference between two weeks (client_weekly has that); null in the first week; null while the client has one to four players.';
comment on column api.client_overview.points is 'Points since the start; null while the client has one to four players.';
comment on column api.client_overview.points_change is 'How many of them were won this week, which is not a difference between two weeks (client_weekly has that); null in the first week; null while the client has one to four players.';
comment on column api.client_overview.points_per_player is 'points divided by players; null while there are fewer than five.';
comment on column api.client_overview.points_per_player_change is 'How much points_per_player grew this week; null in the first week, and while there were fewer than five.';

comment on column api.client_leagues.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_leagues.league_id is 'The league.';
comment on column api.client_leagues.name is 'Its name.';
comment on column api.client_leagues.unit_id is 'Its unit; null when it has none.';
comment on column api.client_leagues.unit is 'Name of its unit; null when it has none.';
comment on column api.client_leagues.rank is 'Its rank among the listed leagues of the client, by value; equals share one. In a private edition null for a small league, and counted among the others.';
comment on column api.client_leagues.players is 'Players since the start, those who left after playing too; null for fewer than five, and for the next league where the total would tell.';
comment on column api.client_leagues.active_players is 'Players who did a challenge this week; null for one to four, for the next league where the total would tell, and with players.';
comment on column api.client_leagues.active_players_ever is 'Players who did a challenge since the start; null for one to four, for the next league where the total would tell, and with players.';
comment on column api.client_leagues.validations is 'Challenges done since the start; null with players.';
comment on column api.client_leagues.points is 'Points since the start; in a private edition null with players.';
comment on column api.client_leagues.points_per_player is 'points divided by players; null with players.';
comment on column api.client_leagues.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player, a small league counting as if it had the least size. In a private edition null with players.';
comment on column api.client_leagues.points_this_week is 'Points of the week that is on, or of the last one; null with players.';
comment on column api.client_leagues.points_last_week is 'Points of the whole week before it; null in the first week, and with players.';
comment on column api.client_leagues.last_validated_at is 'Midnight of the last day on which a challenge was done, in the time zone of the edition: never the hour; null when none was, and with players.';
comment on column api.client_leagues.has_ambassador is 'Whether somebody runs it; in a private edition null with players.';
comment on column api.client_leagues.push is 'Why it needs a push, empty when it needs none: no_ambassador, not_started, quiet, few_active, falling (under three quarters of what the week before had by the same hour), few_players. In a private edition a league whose players are withheld has few_players and nothing else.';

comment on column api.client_weekly.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_weekly.week is 'Number of the week, from 1.';
comment on column api.client_weekly.first_day is 'Its first day, in the time zone of the edition.';
comment on column api.client_weekly.last_day is 'Its last day.';
comment on column api.client_weekly.new_players is 'Players who joined in it, in the first week also before it; null for one to four, and for the next week where the total would tell.';
comment on column api.client_weekly.active_players is 'Players who did a challenge in it; null for one to four.';
comment on column api.client_weekly.validations is 'Challenges done in it; null while the client has one to four players.';
comment on column api.client_weekly.points is 'Points won in it; null while the client has one to four players.';
comment on column api.client_weekly.validations_change is 'validations less those of the week before: a difference between two weeks; null in the first one; null while the client has one to four players.';
comment on column api.client_weekly.points_change is 'points less those of the week before: a difference between two weeks; null in the first one; null while the client has one to four players.';

comment on column api.client_daily.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_daily.day is 'A day with at least one challenge, in the time zone of the edition.';
comment on column api.client_daily.validations is 'Challenges done on it.';
comment on column api.client_daily.points is 'Points won on it.';

comment on column api.client_ranking.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ranking.scope is 'league or unit.';
comment on column api.client_ranking.rank is 'Rank within the scope, by value; equals share one. In a private edition null for a small league.';
comment on column api.client_ranking.subject_id is 'Id of the league or number of the unit, as text.';
comment on column api.client_ranking.label is 'Name of the league or unit.';
comment on column api.client_ranking.leagues is 'How many listed leagues it has; 1 for a league.';
comment on column api.client_ranking.players is 'Players since the start; of a unit, those of its leagues that show theirs. Null when none does.';
comment on column api.client_ranking.points is 'Points since the start; in a private edition null for a small league.';
comment on column api.client_ranking.points_per_player is 'points divided by players; null where a number of players is withheld.';
comment on column api.client_ranking.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player.';

comment on column api.client_themes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_themes.theme is 'Code of a theme of the edition.';
comment on column api.client_themes.name is 'Its name by language.';
comment on column api.client_themes.validations is 'Challenges of it done since the start; 0 when nobody touched it.';
comment on column api.client_themes.points is 'Points of these.';

comment on column api.client_map.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_map.department is 'French department, such as 69 or 2A; null for players whose postcode has none.';
comment on column api.client_map.players is 'Listed players who live there; null for one to four, and for the next larger place where the difference would tell, those abroad or opted out counted with what is withheld.';

comment on column api.client_territory.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_territory.class_id is 'The class.';
comment on column api.client_territory.class_name is 'Its name.';
comment on column api.client_territory.level is 'Its level.';
comment on column api.client_territory.school_id is 'Its school.';
comment on column api.client_territory.school is 'Name of the school.';
comment on column api.client_territory.rne is 'Code of the school; null when it has none.';
comment on column api.client_territory.postcode is 'Postcode of the school.';
comment on column api.client_territory.city is 'City of the school.';
comment on column api.client_territory.pupils is 'Pupils since the start; null for one to four.';
comment on column api.client_territory.points is 'Points of the class since the start.';
comment on column api.client_territory.points_per_pupil is 'points divided by pupils; null while there are fewer than five.';
comment on column api.client_territory.points_this_week is 'Points of the week that is on, or of the last one; null with pupils.';
comment on column api.client_territory.rank is 'Its rank among the listed classes of the territory, by value.';
comment on column api.client_territory.general_rank is 'Its rank among all listed classes of the edition.';
comment on column api.client_territory.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per pupil.';

comment on column api.client_ambassadors.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ambassadors.league_id is 'The league.';
comment on column api.client_ambassadors.league is 'Its name.';
comment on column api.client_ambassadors.unit is 'Name of its unit; null when it has none.';
comment on column api.client_ambassadors.alias is 'Who runs it; null for somebody who opted out of the rankings.';
comment on column api.client_ambassadors.is_principal is 'True for its ambassador, false for a co-ambassador.';

comment on column api.client_stages.task_id is 'The task, as complete_task takes it.';
comment on column api.client_stages.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_stages.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_stages.stage is 'checkup, preparation, launching, follow_up or celebrate, in this order.';
comment on column api.client_stages.place is 'Its place in the plan; sort by it.';
comment on column api.client_stages.code is 'What the task is, the same in every plan.';
comment on column api.client_stages.title is 'Its title by language.';
comment on column api.client_stages.description is 'What to do, by language.';
comment on column api.client_stages.owner is 'Who does it: client or association.';
comment on column api.client_stages.priority is '1 is never dropped for want of time, 3 first.';
comment on column api.client_stages.day is 'The day to begin; null when it was dropped.';
comment on column api.client_stages.until_day is 'The last day; null when it was dropped.';
comment on column api.client_stages.done_at is 'When it was done; null while it is not.';
comment on column api.client_stages.state is 'planned, done or dropped (no time left, or no part of this plan any more; no day).';
comment on column api.client_stages.revision is 'How often it has changed: SEQUENCE of a calendar.';
comment on column api.client_stages.changed_at is 'When it last changed: LAST-MODIFIED of a calendar.';
comment on column api.client_stages.last_day is 'The day that it had when it was dropped; null while it has one, and if it never had.';
comment on column api.client_stages.last_until_day is 'The last day that it had when it was dropped.';

comment on column api.client_awards.award_id is 'The award.';
comment on column api.client_awards.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_awards.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_awards.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_awards.place is 'Place of the rule in the order in which they are read out.';
comment on column api.client_awards.rule is 'Code of the rule.';
comment on column api.client_awards.scope is 'What it went to: player, team, league, class or school.';
comment on column api.client_awards.title is 'Title by language.';
comment on column api.client_awards.description is 'What it is for, by language.';
comment on column api.client_awards.subject_id is 'Id of the player, team, league, class or school.';
comment on column api.client_awards.label is 'Its name in public.';
comment on column api.client_awards.league_label is 'League of a player or team; null for others, and where it is out of the rankings.';
comment on column api.client_awards.value is 'What earned it, in the unit of the rule: the rank, points a player, validations, themes, collective challenges, or days; null in a private edition.';
comment on column api.client_awards.granted_at is 'When the awards of the edition were given.';

comment on column api.client_organisations.organisation_id is 'The organisation.';
comment on column api.client_organisations.code is 'The code by which the association calls it.';
comment on column api.client_organisations.name is 'Its name.';
comment on column api.client_organisations.kind is 'What it is: a company, a local authority….';
comment on column api.client_organisations.language is 'Language of its mails and reports.';
comment on column api.client_organisations.created_at is 'Since when it is a client.';

comment on column api.client_participations.participation_id is 'The part of a client in an edition: what every other view of clients names.';
comment on column api.client_participations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_participations.organisation_code is 'Code of the organisation.';
comment on column api.client_participations.organisation_name is 'Name of the organisation.';
comment on column api.client_participations.edition_id is 'The edition.';
comment on column api.client_participations.edition_code is 'Code of the edition.';
comment on column api.client_participations.edition_title is 'Title of the edition by language.';
comment on column api.client_participations.starts_at is 'First instant of the edition.';
comment on column api.client_participations.ends_at is 'The instant at which it is over: midnight after its last day.';
comment on column api.client_participations.frozen_at is 'When its ranking was frozen; null while it is not.';
comment on column api.client_participations.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_participations.asks_phone is 'Whether players of its leagues, of 15 and older, may give a phone number to their ambassador.';
comment on column api.client_participations.carries_name is 'Whether its leagues carry the name of the organisation in public.';
comment on column api.client_participations.created_at is 'Since when it takes part.';

comment on column api.client_units.unit_id is 'The unit.';
comment on column api.client_units.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_units.name is 'Its name.';

comment on column api.client_territories.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_territories.kind is 'What code is: a postcode, a department, or the RNE of a school.';
comment on column api.client_territories.code is 'The code.';

comment on column api.client_invitations.invitation_id is 'The invitation.';
comment on column api.client_invitations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_invitations.email is 'The address it was sent to, and opens to.';
comment on column api.client_invitations.role is 'The role it gives.';
comment on column api.client_invitations.access_from is 'First instant of the access it gives.';
comment on column api.client_invitations.access_until is 'The instant at which that access is over: midnight after its last day, where it is a day.';
comment on column api.client_invitations.invited_at is 'When it was sent.';
comment on column api.client_invitations.expires_at is 'Until when it may be taken.';
comment on column api.client_invitations.accepted_at is 'When it was taken; null while it was not.';

comment on column api.client_join_codes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_join_codes.league_id is 'The league.';
comment on column api.client_join_codes.name is 'Its name.';
comment on column api.client_join_codes.unit is 'Name of its unit; null when it has none.';
comment on column api.client_join_codes.listed is 'Whether it is in the rankings; null in a private edition.';
comment on column api.client_join_codes.join_code is 'The code that opens it; null when it has none.';

comment on column api.client_participants.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_participants.email is 'The address that was invited.';
comment on column api.client_participants.league is 'The league it was invited to.';
comment on column api.client_participants.league_id is 'The same, by id.';
comment on column api.client_participants.invited_at is 'When. Whether they came is not told.';

comment on column api.my_organisations.organisation_id is 'The organisation.';
comment on column api.my_organisations.code is 'Its code.';
comment on column api.my_organisations.name is 'Its name.';
comment on column api.my_organisations.kind is 'What it is.';
comment on column api.my_organisations.role is 'The caller''s role there.';
comment on column api.my_organisations.access_from is 'First instant of the access.';
comment on column api.my_organisations.access_until is 'The instant at which it is over: midnight after its last day, where it is a day.';
comment on column api.my_organisations.is_open is 'Whether it is open now.';
comment on column api.my_organisations.closed_because is 'not_yet before the access, over after it, null inside.';

do $$
declare
    meaning record;
begin
    for meaning in
        select t.typname as type, a.attname as name, pg_catalog.col_description(v.oid, w.attnum) as said
        from (
            values
                ('client_overview', 'client_overview_row'), ('client_leagues', 'client_league_row'), ('client_weekly', 'client_week_row'),
                ('client_daily', 'client_day_row'), ('client_ranking', 'client_rank_row'), ('client_themes', 'client_theme_row'),
                ('client_map', 'client_map_row'), ('client_territory', 'client_territory_row'),
                ('client_ambassadors', 'client_ambassador_row'), ('client_join_codes', 'client_join_code')
        ) x (view, type)
        join pg_catalog.pg_class v on v.relnamespace = 'api'::regnamespace and v.relname = x.view
        join pg_catalog.pg_attribute w on w.attrelid = v.oid and w.attnum > 0 and not w.attisdropped
        join pg_catalog.pg_type t on t.typnamespace = 'api'::regnamespace and t.typname = x.type
        join pg_catalog.pg_attribute a on a.attrelid = t.typrelid and a.attname = w.attname
        order by t.typname, a.attnum
    loop
        execute format('comment on column api.%I.%I is %L', meaning.type, meaning.name, meaning.said);
    end loop;
end
$$;
