-- Symbolic awards, given by rule once an edition is frozen: over all, and once more among the leagues of each client.

-- The rules, in the order in which they are read out. measure and threshold say who gets one:
--   rank               rank <= threshold in the ranking (classes within their level)
--   points_per_player  at least so many, in a group of the least size of the edition or more
--   no_malus           no malus, and at least so many validations
--   every_theme        a credited challenge of every theme that was in play, at least so many themes
--   most_collective    the most different collective challenges, at least so many
--   regular            credited validations on at least so many days in a hundred of the edition
-- Pupils have no award of their own: their diploma is between them and their class.
create function private.award_rules()
    returns table (
        place smallint, code text, scope text, measure text, threshold integer,
        title_fr text, title_en text, description_fr text, description_en text
    )
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    values
    (10::smallint, 'grand-zizou', 'player', 'rank', 1,
        'Grand Zizou de l’écologie', 'Grand Zizou of ecology',
        'Première place du classement des joueuses et joueurs.', 'First of all players.'),
    (20, 'player-podium', 'player', 'rank', 3,
        'Podium des joueuses et joueurs', 'Podium of the players',
        'Parmi les trois premières places du classement.', 'Among the first three of the ranking.'),
    (30, 'team-champion', 'team', 'rank', 1,
        'Équipe championne', 'Champion team',
        'Première place du classement des équipes.', 'First of all teams.'),
    (40, 'league-champion', 'league', 'rank', 1,
        'Ligue championne', 'Champion league',
        'Première place du classement des ligues.', 'First of all leagues.'),
    (50, 'class-champion', 'class', 'rank', 1,
        'Classe championne de son niveau', 'Champion class of its level',
        'Première place parmi les classes du même niveau.', 'First among the classes of its level.'),
    (60, 'school-champion', 'school', 'rank', 1,
        'Établissement champion', 'Champion school',
        'Première place du classement des établissements.', 'First of all schools.'),
    (70, 'league-of-gold', 'league', 'points_per_player', 40,
        'Ligue en or', 'League of gold',
        'Au moins 40 points par personne.', 'At least 40 points a person.'),
    (80, 'class-of-gold', 'class', 'points_per_player', 40,
        'Classe en or', 'Class of gold',
        'Au moins 40 points par élève.', 'At least 40 points a pupil.'),
    (90, 'faultless', 'player', 'no_malus', 10,
        'Sans faux pas', 'Not one false step',
        'Au moins dix défis et aucun malus.', 'Ten challenges at least and no malus.'),
    (100, 'all-themes', 'player', 'every_theme', 2,
        'Touche-à-tout', 'Jack of all themes',
        'Au moins un défi dans chaque thème.', 'At least one challenge in every theme.'),
    (110, 'class-all-themes', 'class', 'every_theme', 2,
        'Classe touche-à-tout', 'Class of all themes',
        'Au moins un défi dans chaque thème de son niveau.', 'At least one challenge in every theme of its level.'),
    (120, 'team-spirit', 'team', 'most_collective', 1,
        'Esprit d’équipe', 'Team spirit',
        'L’équipe qui a réussi le plus de défis collectifs.', 'The team with the most collective challenges.'),
    (130, 'class-spirit', 'class', 'most_collective', 1,
        'Esprit de classe', 'Class spirit',
        'La classe qui a réussi le plus de défis collectifs.', 'The class with the most collective challenges.'),
    (140, 'regular', 'player', 'regular', 60,
        'Régularité', 'Steady as she goes',
        'Des défis validés la plupart des jours de l’édition.', 'Challenges on most days of the edition.'),
    (150, 'class-regular', 'class', 'regular', 50,
        'Classe régulière', 'Steady class',
        'Des défis validés au moins un jour sur deux.', 'Challenges on every other day at least.')
$$;
comment on function private.award_rules is 'The rules by which awards are given, with their titles.';

create table mpp.award (
    id bigint generated always as identity primary key,
    edition_id integer not null references mpp.edition (id),
    participation_id integer references mpp.participation (id),
    organisation_id integer references mpp.organisation (id),
    rule text not null,
    place smallint not null,
    scope text not null check (scope in ('player', 'team', 'league', 'class', 'school')),
    title mpp.translated not null,
    description mpp.translated not null,
    subject_id uuid not null,
    value numeric not null,
    granted_at timestamptz not null,
    constraint award_once unique nulls not distinct (edition_id, participation_id, rule, subject_id),
    constraint award_of_client check ((participation_id is null) = (organisation_id is null))
);
comment on table mpp.award is 'Awards of a frozen edition: over all where participation_id is null, else among the leagues of a client.';
comment on column mpp.award.value is 'What earned it: the rank, points per player, validations, themes, collective challenges, or days.';
create index award_participation on mpp.award (participation_id) where participation_id is not null;
create index award_organisation on mpp.award (organisation_id) where organisation_id is not null;

-- A rule is applied once: somebody who opts out afterwards leaves the list, and nobody moves up into their place.
create table mpp.award_round (
    edition_id integer not null references mpp.edition (id),
    rule text not null,
    granted_at timestamptz not null,
    primary key (edition_id, rule)
);
comment on table mpp.award_round is 'The rules that were applied to an edition, also those that nobody met.';

alter table mpp.award enable row level security;
alter table mpp.award_round enable row level security;

create policy award_select_anon on mpp.award
    for select to anon
    using (participation_id is null and edition_id in (select e.id from mpp.edition e));

create policy award_select_authenticated on mpp.award
    for select to authenticated
    using ((participation_id is null and edition_id in (select e.id from mpp.edition e)) or (select private.is_ops()));

create policy award_round_select_ops on mpp.award_round
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.award to anon, authenticated, service_role;
grant select on mpp.award_round to authenticated, service_role;

-- The names come from the ranking and from the schools, so an award loses its name with them.
create view api.awards with (security_invoker = true) as
select
    a.id as award_id,
    a.edition_id,
    a.place,
    a.rule,
    a.scope,
    a.title,
    a.description,
    a.subject_id,
    coalesce(case when s.label = '—' then (select private.erased_name()) else s.label end, h.name) as label,
    s.league_label,
    a.value,
    a.granted_at,
    coalesce(s.label = '—', false) as is_erased
from mpp.award a
left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
    and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
where a.participation_id is null and coalesce(s.label, h.name) is not null;
comment on view api.awards is 'Awards of frozen editions to players, teams, leagues, classes and schools that are listed. is_erased says that label stands for a player who is no more. Sort by place, award_id.';
grant select on api.awards to anon, authenticated, service_role;

-- A client of a private edition does not play in it, so it cannot read its ranking: the names come from here.
create function private.my_client_awards() returns table (
    award_id bigint, participation_id integer, organisation_id integer, edition_id integer, place smallint, rule text, scope text,
    title jsonb, description jsonb, subject_id uuid, label text, league_label text, value numeric, granted_at timestamptz,
    is_erased boolean
)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select a.id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title::jsonb, a.description::jsonb,
        a.subject_id, coalesce(case when s.label = '—' then (select private.erased_name()) else s.label end, h.name::text), s.league_label,
        case when s.is_public or h.id is not null then a.value end, a.granted_at,
        coalesce(s.label = '—', false)
    from mpp.award a
    -- In a private edition no league or team of fewer than five, and no player of one: see 82_client_figure.
    left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
        and (s.is_public or s.players >= private.least_people() or (s.scope = 'player' and exists (
            select from mpp.player q join mpp.score g on g.subject_id = q.league_id where q.id = a.subject_id and g.players >= private.least_people())))
    left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
        and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
    where a.organisation_id in (select private.my_client_ids()) and coalesce(s.label, h.name::text) is not null;
end
$$;
grant execute on function private.my_client_awards to authenticated, service_role, mpp_dashboard;

create view api.client_awards with (security_invoker = true) as
select a.award_id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title, a.description, a.subject_id,
    a.label, a.league_label, a.value, a.granted_at, a.is_erased
from private.my_client_awards() a;
comment on view api.client_awards is 'Awards among the leagues of the caller''s organisations, by the same rules. Somebody who opted out is not in it. Sort by place, award_id.';
comment on column api.client_awards.award_id is 'The award.';
comment on column api.client_awards.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_awards.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_awards.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_awards.place is 'Place of the rule in the order of announcement.';
comment on column api.client_awards.rule is 'Code of the rule.';
comment on column api.client_awards.scope is 'What it went to: player, team, league, class or school.';
comment on column api.client_awards.title is 'Title by language.';
comment on column api.client_awards.description is 'What it is for, by language.';
comment on column api.client_awards.subject_id is 'Id of the player, team, league, class or school.';
comment on column api.client_awards.label is 'Its name in public.';
comment on column api.client_awards.league_label is 'League of a player or team; null for others, and where it is out of the rankings.';
comment on column api.client_awards.value is 'What earned it, in the unit of the rule: the rank, points per player, validations, themes, collective challenges, or days; null in a private edition.';
comment on column api.client_awards.granted_at is 'When the awards of the edition were given.';
comment on column api.client_awards.is_erased is 'True where label stands for a player who is no more.';
grant select on api.client_awards to authenticated, service_role, mpp_dashboard;

create function private.grant_awards(edition_code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    -- Private columns have no statistics (99_ownership), so the planner would go through the ledger player by player.
    set enable_nestloop = off
    set work_mem = '64MB'
as $$
declare
    e mpp.edition;
    at timestamptz;
    days integer;
    given integer;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform pg_advisory_xact_lock(hashtext('mpp.award'), e.id);
    if e.frozen_at is null then
        perform private.refuse('MP094', e.code);
    end if;
    at := private.clock();
    days := greatest(1, ((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date
        - (e.starts_at at time zone e.time_zone)::date + 1);

    with rule as materialized (
        select r.*
        from private.award_rules() r
        where not exists (select from mpp.award_round x where x.edition_id = e.id and x.rule = r.code)
    ), played as materialized (
        select v.player_id, v.team_id, v.league_id, v.challenge_id, c.kind, k.theme,
            (v.validated_at at time zone e.time_zone)::date as day
        from mpp.validation v
        join mpp.edition_challenge c on c.id = v.challenge_id
        join mpp.challenge k on k.id = c.challenge_id
        where v.edition_id = e.id and v.state = 'credited' and exists (select from rule)
    ), subject as materialized (
        select s.subject_id, case when s.scope = 'league' and s.school_id is not null then 'class' else s.scope::text end as scope,
            s.points::numeric as points, s.players, s.at_least_players, s.value::bigint as value, s.level::text as level,
            case s.scope when 'league' then s.subject_id when 'team' then t.league_id else p.league_id end as league_id
        from mpp.score s
        left join mpp.team t on s.scope = 'team' and t.id = s.subject_id
        left join mpp.player p on s.scope = 'player' and p.id = s.subject_id
        where s.edition_id = e.id and s.listed
    ), entrant as materialized (
        -- Once among all, and once among the leagues of their client.
        select j.*, null::integer as participation_id from subject j
        union all
        select j.*, l.participation_id
        from subject j
        join mpp.league l on l.id = j.league_id
        where l.participation_id is not null
    ), school as (
        select n.participation_id, s.school_id as subject_id, sum(s.points) as points, sum(s.players) as players,
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end as value
        from entrant n
        join mpp.score s on s.subject_id = n.subject_id
        where n.scope = 'class'
        group by n.participation_id, s.school_id
    ), deed as (
        select x.scope, x.subject_id, count(*) as validations, bool_or(x.kind = 'malus') as has_malus,
            count(distinct x.theme) filter (where x.kind <> 'malus') as themes,
            count(distinct x.challenge_id) filter (where x.kind = 'collective') as collectives,
            count(distinct x.day) filter (where x.kind <> 'malus') as days
        from (
            select u.scope, u.subject_id, v.*
            from played v
            cross join lateral (
                values ('player', v.player_id), ('team', v.team_id), ('league', v.league_id)
            ) u (scope, subject_id)
        ) x
        group by x.scope, x.subject_id
    ), theme_in_play as (
        select l.level, count(distinct k.theme) as themes
        from mpp.edition_challenge c
        join mpp.challenge k on k.id = c.challenge_id
        cross join lateral unnest(coalesce(c.levels::text[], array[null::text])) l (level)
        where c.edition_id = e.id and c.kind <> 'malus'
        group by l.level
    ), score as (
        select n.participation_id, n.scope, n.subject_id, r.code, r.measure, r.threshold,
            case r.measure
                when 'rank' then case when n.points > 0 then rank() over (
                    partition by n.participation_id, n.scope, r.code, n.level order by n.value desc) end
                when 'points_per_player' then case when n.players >= n.at_least_players then round(n.points / greatest(n.players, 1), 2) end
                when 'no_malus' then case when not d.has_malus then d.validations end
                when 'every_theme' then case when d.themes >= coalesce(w.themes, 0) then d.themes end
                when 'most_collective' then d.collectives
                when 'regular' then d.days
            end as value
        from rule r
        join entrant n on n.scope = r.scope
        left join deed d on d.subject_id = n.subject_id
            and d.scope = case n.scope when 'class' then 'league' else n.scope end and r.measure not in ('rank', 'points_per_player')
        left join theme_in_play w on w.level is not distinct from n.level and r.measure = 'every_theme'
        union all
        select n.participation_id, 'school', n.subject_id, r.code, r.measure, r.threshold,
            case r.measure
                when 'rank' then case when n.points > 0 then rank() over (partition by n.participation_id, r.code order by n.value desc) end
                when 'points_per_player' then round(n.points / greatest(n.players, 1), 2)
            end
        from rule r
        join school n on true
        where r.scope = 'school'
    ), best as (
        select s.*, max(s.value) over (partition by s.participation_id, s.code) as best
        from score s
        where s.value is not null
    ), winner as (
        select b.participation_id, b.scope, b.subject_id, b.code, b.value
        from best b
        where case b.measure
            when 'rank' then b.value <= b.threshold
            when 'regular' then b.value * 100 >= b.threshold * days
            when 'most_collective' then b.value >= b.threshold and b.value = b.best
            else b.value >= b.threshold
        end
    ), applied as (
        insert into mpp.award_round (edition_id, rule, granted_at)
        select e.id, r.code, at from rule r
    )
    insert into mpp.award (edition_id, participation_id, organisation_id, rule, place, scope, title, description, subject_id, value, granted_at)
    select e.id, w.participation_id, p.organisation_id, r.code, r.place, w.scope,
        jsonb_build_object('fr', r.title_fr, 'en', r.title_en),
        jsonb_build_object('fr', r.description_fr, 'en', r.description_en),
        w.subject_id, w.value, at
    from winner w
    join rule r on r.code = w.code
    left join mpp.participation p on p.id = w.participation_id
    order by w.participation_id nulls first, r.place, w.value, w.subject_id;
    get diagnostics given = row_count;
    if given > 0 then
        perform private.record_act('edition.awards', e.code, jsonb_build_object('awards', given));
    end if;
    return given;
end
$$;
grant execute on function private.grant_awards to authenticated, service_role;

create function api.grant_awards(edition_code text) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.grant_awards(edition_code); end;
comment on function api.grant_awards is 'Gives the awards of a frozen edition by rule, over all and within each client. Returns how many were given; 0 when they were given before. Staff. Errors: MP006, MP020, MP094.';
grant execute on function api.grant_awards to authenticated, service_role;
