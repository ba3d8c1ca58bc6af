-- Client spaces: staff with dates, participations, leagues and invitations, follow-up, retroplanning, mails, awards,
-- statistics and requests. What changes in tables that are there comes first; then what is new or different, in the order
-- of sql/schema.

-- 08_organisation.sql

alter table mpp.organisation
    add column kind api.organisation_kind not null default 'company',
    add column language text not null default 'fr' check (language in ('fr', 'en')),
    add column created_at timestamptz not null default clock_timestamp();

-- 10_edition.sql

drop policy edition_select_authenticated on mpp.edition;

-- 40_league.sql

alter table mpp.league
    add column participation_id integer,
    add column unit_id integer,
    add constraint league_of_participation foreign key (participation_id, edition_id) references mpp.participation (id, edition_id),
    add constraint league_of_unit foreign key (unit_id) references mpp.unit (id),
    add constraint league_unit_of_client check (unit_id is null or participation_id is not null);
drop policy player_contact_select_authenticated on mpp.player_contact;

-- 82_follow_up.sql

-- A league that opted out of the ranking is in the sums of its client and not in this list.
create or replace function private.client_leagues(chosen integer default null) returns setof api.client_league_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.edition_id, w.number as week, w.opens,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous,
            -- The same hour on the wall, also over a clock change.
            (at at time zone e.time_zone - interval '7 days') at time zone e.time_zone as week_ago,
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        select m.id, m.week, m.running, m.opens, m.league_min_players, m.time_zone, l.id as league_id, l.name, l.unit_id, u.name as unit,
            s.players, s.points, s.value, s.reached_at,
            exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal) as has_ambassador,
            v.*
        from mine m
        join mpp.league l on l.participation_id = m.id and l.listed
        join mpp.score s on s.subject_id = l.id
        left join mpp.unit u on u.id = l.unit_id
        cross join lateral (
            select
                count(*) as validations,
                count(distinct x.player_id) as active_ever,
                count(distinct x.player_id) filter (where x.validated_at >= m.opens) as active,
                coalesce(sum(x.points) filter (where x.validated_at >= m.opens), 0) as this_week,
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.opens), 0) as last_week,
                -- By the same hour of the week before: a week that is on is behind a whole one until its last evening.
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.week_ago), 0) as last_so_far,
                max(x.validated_at) as last_at
            from mpp.validation x
            where x.league_id = l.id and x.state = 'credited'
        ) v
    )
    select
        c.id, c.league_id, c.name::text, c.unit_id, c.unit::text,
        rank() over (partition by c.id order by c.value desc),
        private.withheld(c.players), private.withheld(c.active), private.withheld(c.active_ever), c.validations::integer, c.points,
        case when c.players >= 5 then round(c.points::numeric / c.players, 2) end,
        c.value, c.this_week::integer, case when c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        date_trunc('day', c.last_at, c.time_zone),
        c.has_ambassador,
        array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '2 days' then 'quiet' end,
            case when c.running and c.active > 0 and 2 * c.active < c.players and at > c.opens + interval '2 days' then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '2 days' and 4 * c.this_week < 3 * c.last_so_far
                then 'falling' end,
            case when c.players < c.league_min_players then 'few_players' end
        ], null)
    from counted c
    order by c.id, c.value desc, c.reached_at, c.league_id;
end
$$;

-- What is withheld is five people or more together, or the difference from the total would say how many they are: when
-- the small places are fewer, the smallest of the others joins them.
create or replace function private.client_map(chosen integer default null) returns setof api.client_map_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
as $$
begin
    return query
    with cell as (
        select p.id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from private.followed(chosen) p
        join mpp.league l on l.participation_id = p.id
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        group by p.id, private.department_of(f.country, f.postcode)
    ), ordered as (
        select c.*, coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        -- Of two that are equal both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= 5 and o.smaller_players not between 1 and 4 then o.players::integer end
    from ordered o
    order by o.id, o.department;
end
$$;

-- Last. Every table and view belongs to mpp_owner, and row-level security binds the owner too. The functions stay with
-- the role that deploys, which is what lets a security definer function read what its caller may not.
do $$
declare
    relation record;
begin
    for relation in
        select c.oid::regclass as name, c.relkind
        from pg_catalog.pg_class c
        where c.relnamespace in ('mpp'::regnamespace, 'api'::regnamespace)
            and c.relkind in ('r', 'p', 'v')
        order by c.oid
    loop
        if relation.relkind = 'v' then
            execute format('alter view %s owner to mpp_owner', relation.name);
        else
            execute format('alter table %s owner to mpp_owner', relation.name);
            execute format('alter table %s force row level security', relation.name);
        end if;
    end loop;
end
$$;

-- A request may ask PostgREST for the planner's estimate of a count, and row-level security does not hide an estimate:
-- without statistics on what is private it is the same whatever value is asked for. Ranks and lists do not need them,
-- since every query of the game reaches these tables by a key.
do $$
declare
    private_column record;
begin
    for private_column in
        select a.attrelid::regclass as relation, a.attname as name
        from pg_catalog.pg_attribute a
        where a.attnum > 0
            and not a.attisdropped
            and (
                a.attrelid in (
                    'mpp.profile'::regclass, 'mpp.consent'::regclass, 'mpp.player'::regclass, 'mpp.player_contact'::regclass,
                    'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.ambassador'::regclass, 'mpp.join_code'::regclass,
                    'mpp.conduct_report'::regclass, 'mpp.validation'::regclass, 'mpp.unlock'::regclass,
                    'mpp.unlock_guess'::regclass, 'mpp.teacher'::regclass,
                    'mpp.family'::regclass, 'mpp.class_challenge'::regclass, 'mpp.class_code'::regclass,
                    'mpp.class_guess'::regclass, 'mpp.class_invitation'::regclass, 'mpp.class_request'::regclass,
                    'mpp.organisation'::regclass, 'mpp.staff'::regclass, 'mpp.staff_invitation'::regclass, 'mpp.unit'::regclass,
                    'mpp.participation'::regclass, 'mpp.territory'::regclass, 'mpp.dashboard'::regclass, 'mpp.participant'::regclass,
                    'mpp.task'::regclass, 'mpp.award'::regclass, 'mpp.contact_request'::regclass, 'mpp.outbox'::regclass,
                    'mpp.newsletter'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                    'mpp.mail_bounce'::regclass,
                    'mpp.ops_member'::regclass, 'mpp.audit'::regclass,
                    'mpp.theme'::regclass, 'mpp.challenge'::regclass, 'mpp.edition_challenge'::regclass, 'mpp.edition'::regclass
                )
                or (a.attrelid = 'mpp.score'::regclass and a.attname not in ('edition_id', 'scope'))
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
    -- An index on an expression gathers statistics of its own.
    for private_column in
        select a.attrelid::regclass as relation, a.attnum as name
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid
        where i.indexprs is not null
            and i.indkey[a.attnum - 1] = 0
            and i.indrelid in (
                'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.player'::regclass, 'mpp.unit'::regclass, 'mpp.outbox'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter index %s alter column %s set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;
