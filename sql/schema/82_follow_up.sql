-- What a client follows: its players together, its leagues and units, week by week; and the classes of a territory. Never
-- one person: rows are sums, and a number of people under five is withheld (null), with what they did. When what is
-- withheld could be told from the whole, the next smallest is withheld too. Rank, points and value of a league stay in a
-- public edition, where everybody reads them in the ranking. In an edition that is private to the client nobody at all is
-- withheld as well: the step from none to one would say that the one who was invited came. The functions read what their caller may not, and answer
-- only for clients of theirs; each takes one participation, or none for all.

-- Participations that the caller may follow now.
create function private.followed(chosen integer default null) returns setof mpp.participation
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.*
    from mpp.participation p
    where p.organisation_id in (select c.id from private.my_client_ids() c (id)) and (chosen is null or p.id = chosen);
end
$$;

-- Fewer than five people could be told apart.
create function private.withheld(people bigint) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when people = 0 or people >= 5 then people::integer end $$;

-- Whether a client has the five people below whom days and themes would be about known persons.
create function private.has_five(participation integer) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select count(*) = 5
    from (
        select from mpp.league l join mpp.player q on q.league_id = l.id where l.participation_id = has_five.participation limit 5
    ) somebody
$$;

-- Weeks of an edition, from its first day on and seven civil days each; those that have begun.
create function private.weeks_of(edition integer, at timestamptz)
    returns table (number integer, first_day date, last_day date, opens timestamptz, closes timestamptz)
    language sql stable rows 3 set search_path = pg_catalog, pg_temp
as $$
    select w.number, w.first_day, least(w.first_day + 6, w.ends_on),
        greatest(w.first_day::timestamp at time zone w.time_zone, w.starts_at),
        least((w.first_day + 7)::timestamp at time zone w.time_zone, w.ends_at)
    from (
        select n as number, e.starts_at, e.ends_at, e.time_zone,
            (e.starts_at at time zone e.time_zone)::date + 7 * (n - 1) as first_day,
            ((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date as ends_on
        from mpp.edition e
        cross join lateral generate_series(1,
            1 + (((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date
                - (e.starts_at at time zone e.time_zone)::date) / 7) n
        where e.id = edition
    ) w
    where greatest(w.first_day::timestamp at time zone w.time_zone, w.starts_at) <= at
$$;

create type api.client_overview_row as (
    participation_id integer, organisation_id integer, edition_id integer, week integer, week_first date, week_last date,
    expected_players integer, players integer, players_change integer, active_players integer, active_players_change integer,
    active_players_ever integer, leagues integer, leagues_change integer, validations integer, validations_change integer,
    points integer, points_change integer, points_per_player numeric, points_per_player_change numeric
);
comment on type api.client_overview_row is 'A client in an edition: figures since the start, active players of the week, and changes since the week before (null in the first).';

create function private.client_overview(chosen integer default null) returns setof api.client_overview_row
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.organisation_id, p.edition_id, p.expected_players, w.number as week, w.first_day, w.last_day, w.opens, w.closes,
            exists (select from mpp.edition e where e.id = p.edition_id and e.organisation_id is not null) as is_private,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous
        from private.followed(chosen) p
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), league as (
        select m.id, l.id as league_id, l.created_at from mine m join mpp.league l on l.participation_id = m.id
    ), person as (
        -- Who is there, and who left after having played: as the scores count them.
        select g.id, p.id as player_id, p.joined_at from league g join mpp.player p on p.league_id = g.league_id
        union
        select g.id, p.id, p.joined_at
        from league g
        join mpp.validation v on v.league_id = g.league_id
        join mpp.player p on p.id = v.player_id
    ), people as (
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before,
            count(q.player_id) >= 5 or (count(q.player_id) = 0 and not m.is_private) as is_told
        from mine m
        left join person q on q.id = m.id
        group by m.id, m.is_private
    ), ledger as (
        select m.id,
            count(v.id) as validations,
            coalesce(sum(v.points), 0) as points,
            count(v.id) filter (where v.validated_at < m.opens) as validations_before,
            coalesce(sum(v.points) filter (where v.validated_at < m.opens), 0) as points_before,
            count(distinct v.player_id) as active_ever,
            count(distinct v.player_id) filter (where v.validated_at >= m.opens) as active,
            count(distinct v.player_id) filter (where v.validated_at >= m.previous and v.validated_at < m.opens) as active_before
        from mine m
        left join league g on g.id = m.id
        left join mpp.validation v on v.league_id = g.league_id and v.state = 'credited'
        group by m.id
    ), group_ as (
        select m.id, count(g.league_id) as leagues, count(g.league_id) filter (where g.created_at < m.opens) as before
        from mine m
        left join league g on g.id = m.id
        group by m.id
    )
    select
        m.id, m.organisation_id, m.edition_id, m.week, m.first_day, m.last_day, m.expected_players,
        case when p.is_told then p.players::integer end,
        case when m.week > 1 then n.new_players end,
        case when p.is_told or not m.is_private then private.withheld(d.active) end,
        case when (p.is_told or not m.is_private)
            and m.week > 1 and private.withheld(d.active) is not null and private.withheld(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        case when p.is_told or not m.is_private then private.withheld(d.active_ever) end,
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        -- What one to four people did is withheld with their number.
        case when p.is_told then d.validations::integer end,
        case when m.week > 1 and p.is_told then (d.validations - d.validations_before)::integer end,
        case when p.is_told then d.points::integer end,
        case when m.week > 1 and p.is_told then (d.points - d.points_before)::integer end,
        case when p.players >= 5 then round(d.points::numeric / p.players, 2) end,
        -- With the change of the points it would tell how many came.
        case when m.week > 1 and n.new_players is not null and p.players >= 5 and p.before >= 5
            then round(d.points::numeric / p.players, 2) - round(d.points_before::numeric / p.before, 2) end
    from mine m
    join people p on p.id = m.id
    left join private.client_weekly(chosen) n on n.participation_id = m.id and n.week = m.week
    join ledger d on d.id = m.id
    join group_ g on g.id = m.id
    order by m.id;
end
$$;
grant execute on function private.client_overview to authenticated, service_role, mpp_dashboard;

create view api.client_overview with (security_invoker = true) as
select * from private.client_overview();
comment on view api.client_overview is 'The caller''s clients in each edition: players, activity, points, and what changed since the week before. A number of people under five is null.';
grant select on api.client_overview to authenticated, service_role, mpp_dashboard;

create type api.client_league_row as (
    participation_id integer, league_id uuid, name text, unit_id integer, unit text, rank bigint, players integer,
    active_players integer, active_players_ever integer, validations integer, points integer, points_per_player numeric, value integer,
    points_this_week integer, points_last_week integer, last_validated_at timestamptz, has_ambassador boolean, push text[]
);
comment on type api.client_league_row is 'A league among those of its client; of one with fewer than five players only what is public (in a private edition nothing): rank, points, value. push says why it needs one: no_ambassador, not_started, quiet, few_active, falling, few_players.';

-- A league that opted out of the ranking is in the sums of its client and not in this list.
create function private.client_leagues(chosen integer default null) returns setof api.client_league_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
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
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running,
            case when e.organisation_id is null then 1 else 0 end as fewest
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        -- Those that opted out too: what they withhold counts, or opting out would uncover the next one.
        select m.id, m.week, m.running, m.opens, m.league_min_players, m.time_zone, m.fewest, l.id as league_id, l.name, l.unit_id, u.name as unit,
            l.listed, m.fewest = 0 as is_private, s.players, s.points, s.value, s.tie_order, s.is_public,
            exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal) as has_ambassador,
            v.*
        from mine m
        join mpp.league l on l.participation_id = m.id
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
    ), line as (
        -- From the smallest on, until what is withheld is five people together; of two that are equal, both.
        select c.*,
            c.players < 5 or coalesce(sum(c.players) over by_players between c.fewest and 4, false) as is_small,
            c.active = 0 or (c.active >= 5 and coalesce(sum(c.active) over by_active, 0) not between 1 and 4) as active_told,
            c.active_ever = 0 or (c.active_ever >= 5 and coalesce(sum(c.active_ever) over by_active_ever, 0) not between 1 and 4)
                as active_ever_told
        from counted c
        window
            by_players as (partition by c.id order by c.players range between unbounded preceding and 1 preceding),
            by_active as (partition by c.id order by c.active range between unbounded preceding and 1 preceding),
            by_active_ever as (partition by c.id order by c.active_ever range between unbounded preceding and 1 preceding)
    )
    select
        c.id, c.league_id, c.name::text, c.unit_id, c.unit::text,
        case when c.is_public or not c.is_small
            then rank() over (partition by c.id, c.is_public or not c.is_small order by c.value desc) end,
        case when not c.is_small then c.players end,
        case when not c.is_small and c.active_told then c.active::integer end,
        case when not c.is_small and c.active_ever_told then c.active_ever::integer end,
        case when not c.is_small then c.validations::integer end,
        case when c.is_public or not c.is_small then c.points end,
        case when not c.is_small then round(c.points::numeric / c.players, 2) end,
        case when c.is_public or not c.is_small then c.value end,
        case when not c.is_small then c.this_week::integer end,
        case when not c.is_small and c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        case when not c.is_small then date_trunc('day', c.last_at, c.time_zone) end,
        -- In a private edition nothing at all of a small league, whatever it is: that somebody runs it, or that it has begun, would
        -- tell of the one person who was invited to it that they came.
        case when c.is_public or not c.is_small then c.has_ambassador end,
        case when c.is_small and not c.is_public then array['few_players'] else array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when not c.is_small and c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '48 hours'
                then 'quiet' end,
            -- Of one to four active people, only what is true of all four numbers.
            case when not c.is_small and c.running and c.active > 0 and at > c.opens + interval '48 hours'
                and 2 * greatest(c.active, 4) < c.players then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when not c.is_small and c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '48 hours'
                and 4 * c.this_week < 3 * c.last_so_far then 'falling' end,
            case when c.players < greatest(c.league_min_players, 5) then 'few_players' end
        ], null) end
    from line c
    -- Only somebody who came can have opted a league out.
    where c.listed or (c.is_small and not c.is_public and c.is_private)
    -- The place in the list would tell what is withheld.
    order by c.id, case when c.is_public or not c.is_small then c.value end desc nulls last,
        case when c.is_public or not c.is_small then c.tie_order end, c.league_id;
end
$$;
grant execute on function private.client_leagues to authenticated, service_role, mpp_dashboard;

create view api.client_leagues with (security_invoker = true) as
select * from private.client_leagues();
comment on view api.client_leagues is 'The leagues of the caller''s clients, ranked among themselves, with what they did this week and why they need a push.';
grant select on api.client_leagues to authenticated, service_role, mpp_dashboard;

create type api.client_week_row as (
    participation_id integer, week integer, first_day date, last_day date, new_players integer, active_players integer,
    validations integer, points integer, validations_change integer, points_change integer
);
comment on type api.client_week_row is 'A week of a client in an edition, and the change since the week before.';

create function private.client_weekly(chosen integer default null) returns setof api.client_week_row
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with week as (
        select p.id, k.number, k.first_day, k.last_day, k.opens, k.closes, e.organisation_id is not null as is_private
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        cross join lateral private.weeks_of(p.edition_id, at) k
    ), league as (
        select p.id, l.id as league_id from private.followed(chosen) p join mpp.league l on l.participation_id = p.id
    ), person as (
        -- The same people as the overview counts.
        select g.id, q.id as player_id, q.joined_at from league g join mpp.player q on q.league_id = g.league_id
        union
        select g.id, q.id, q.joined_at
        from league g
        join mpp.validation x on x.league_id = g.league_id
        join mpp.player q on q.id = x.player_id
    ), joined as (
        -- The first week also counts who came before the start. The weeks add up to all players: see client_leagues.
        select c.id, c.number,
            case when c.people = 0 or (c.people >= 5 and coalesce(sum(c.people) over (
                partition by c.id order by c.people range between unbounded preceding and 1 preceding
            ), 0) not between 1 and 4) then c.people::integer end as new_players
        from (
            select k.id, k.number, count(q.player_id) as people
            from week k
            left join person q on q.id = k.id and q.joined_at < k.closes and (k.number = 1 or q.joined_at >= k.opens)
            group by k.id, k.number
        ) c
    ), ledger as (
        select k.id, k.number, count(distinct x.player_id) as active, count(*) as validations, sum(x.points) as points
        from league g
        join mpp.validation x on x.league_id = g.league_id and x.state = 'credited'
        join week k on k.id = g.id and x.validated_at >= k.opens and x.validated_at < k.closes
        group by k.id, k.number
    )
    select
        k.id, k.number, k.first_day, k.last_day,
        case when not (f.is_few and k.is_private) then j.new_players end,
        case when not (f.is_few and k.is_private) then private.withheld(coalesce(v.active, 0)) end,
        case when not f.is_few then coalesce(v.validations, 0)::integer end,
        case when not f.is_few then coalesce(v.points, 0)::integer end,
        case when not f.is_few then (coalesce(v.validations, 0) - lag(coalesce(v.validations, 0)) over w)::integer end,
        case when not f.is_few then (coalesce(v.points, 0) - lag(coalesce(v.points, 0)) over w)::integer end
    from week k
    join joined j on j.id = k.id and j.number = k.number
    left join ledger v on v.id = k.id and v.number = k.number
    -- What one to four people did is withheld with their number.
    cross join lateral (
        select count(*) between case when k.is_private then 0 else 1 end and 4 as is_few from person q where q.id = k.id
    ) f
    window w as (partition by k.id order by k.number)
    order by k.id, k.number;
end
$$;
grant execute on function private.client_weekly to authenticated, service_role, mpp_dashboard;

create view api.client_weekly with (security_invoker = true) as
select * from private.client_weekly();
comment on view api.client_weekly is 'Each week of the caller''s clients: new and active players, validations, points, and the change.';
grant select on api.client_weekly to authenticated, service_role, mpp_dashboard;

create type api.client_day_row as (participation_id integer, day date, validations integer, points integer);
comment on type api.client_day_row is 'A day of a client, in the time zone of the edition.';

create function private.client_daily(chosen integer default null) returns setof api.client_day_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.id, (v.validated_at at time zone e.time_zone)::date as day, count(*)::integer, sum(v.points)::integer
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    join mpp.validation v on v.league_id = l.id and v.state = 'credited'
    where private.has_five(p.id)
    group by p.id, (v.validated_at at time zone e.time_zone)::date
    order by p.id, day;
end
$$;
grant execute on function private.client_daily to authenticated, service_role, mpp_dashboard;

create view api.client_daily with (security_invoker = true) as
select * from private.client_daily();
comment on view api.client_daily is 'Validations and points of the caller''s clients by day; days without any have no row, nor has a client of fewer than five people.';
grant select on api.client_daily to authenticated, service_role, mpp_dashboard;

create type api.client_rank_row as (
    participation_id integer, scope text, rank bigint, subject_id text, label text, leagues integer, players integer,
    points integer, points_per_player numeric, value bigint
);
comment on type api.client_rank_row is 'A line of a client''s own ranking, of leagues or of units.';

create function private.client_ranking(chosen integer default null) returns setof api.client_rank_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with line as materialized (
        select * from private.client_leagues(chosen)
    )
    select l.participation_id, 'league', l.rank, l.league_id::text, l.name, 1, l.players, l.points, l.points_per_player, l.value::bigint
    from line l
    union all
    (
        select t.id, 'unit', rank() over (partition by t.id order by t.value desc), t.unit_id::text, t.name::text, t.leagues::integer,
            t.players::integer, t.points::integer,
            case when t.is_whole then round(t.points::numeric / t.players, 2) end, t.value
        from (
            -- Of what its leagues show: another one cannot be told from the unit.
            select l.participation_id as id, l.unit_id, l.unit as name, count(*) as leagues, sum(l.players) as players,
                bool_and(l.players is not null) as is_whole, sum(l.points) as points,
                case when bool_or(s.by_average)
                    then round(sum(l.points) * 100.0
                        / greatest(sum(greatest(s.players, s.at_least_players, 5)) filter (where l.points is not null), 1))::bigint
                    else sum(l.points) end as value
            from line l
            join mpp.score s on s.subject_id = l.league_id
            where l.unit_id is not null
            group by l.participation_id, l.unit_id, l.unit
        ) t
        where t.points is not null
        order by t.id, t.value desc, t.name
    );
end
$$;
grant execute on function private.client_ranking to authenticated, service_role, mpp_dashboard;

create view api.client_ranking with (security_invoker = true) as
select * from private.client_ranking();
comment on view api.client_ranking is 'The own ranking of the caller''s clients: scope is league or unit. A unit is the sum of what its leagues show.';
grant select on api.client_ranking to authenticated, service_role, mpp_dashboard;

create type api.client_theme_row as (participation_id integer, theme text, name jsonb, validations integer, points integer);
comment on type api.client_theme_row is 'What a client did for a theme of its edition; zero for one that nobody touched.';

create function private.client_themes(chosen integer default null) returns setof api.client_theme_row
    language plpgsql stable security definer rows 12 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with mine as (
        select p.id, p.edition_id from private.followed(chosen) p where private.has_five(p.id)
    ), ledger as (
        select m.id, k.theme, count(*) as validations, sum(x.points) as points
        from mine m
        join mpp.league l on l.participation_id = m.id
        join mpp.validation x on x.league_id = l.id and x.state = 'credited'
        join mpp.edition_challenge c on c.id = x.challenge_id
        join mpp.challenge k on k.id = c.challenge_id
        group by m.id, k.theme
    )
    select m.id, t.code, t.name::jsonb, coalesce(v.validations, 0)::integer, coalesce(v.points, 0)::integer
    from mine m
    join (
        select distinct c.edition_id, k.theme from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id
    ) played on played.edition_id = m.edition_id
    join mpp.theme t on t.code = played.theme
    left join ledger v on v.id = m.id and v.theme = t.code
    order by m.id, coalesce(v.points, 0) desc, t.code;
end
$$;
grant execute on function private.client_themes to authenticated, service_role, mpp_dashboard;

create view api.client_themes with (security_invoker = true) as
select * from private.client_themes();
comment on view api.client_themes is 'Validations and points of the caller''s clients by theme; a client of fewer than five people has no row.';
grant select on api.client_themes to authenticated, service_role, mpp_dashboard;

create type api.client_map_row as (participation_id integer, department text, players integer);
comment on type api.client_map_row is 'Players of a client in a French department; null for fewer than five.';

-- As it was at the freeze. Whoever deletes their account or moves afterwards changes no figure of an edition that is over, and where
-- they lived is kept of nobody: only these counts.
create table mpp.client_map_cell (
    participation_id integer not null references mpp.participation (id),
    department text,
    players integer,
    constraint client_map_cell_once unique nulls not distinct (participation_id, department)
);
comment on table mpp.client_map_cell is 'What client_map says of an edition that is frozen: listed players of a client by French department; null for fewer than five.';

alter table mpp.client_map_cell enable row level security;

-- What is withheld is five people or more together, or the difference from the total would say how many they are: when
-- the small places are fewer, the smallest of the others joins them.
create function private.count_client_map(participations integer[]) returns setof api.client_map_row
    language sql stable rows 20 set search_path = pg_catalog, pg_temp
as $$
    with cell as (
        select l.participation_id as id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from mpp.league l
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        where l.participation_id = any (participations)
            -- Of one to four people, not even where they live.
            and private.has_five(l.participation_id)
        group by l.participation_id, private.department_of(f.country, f.postcode)
    ), elsewhere as (
        -- Abroad or opted out: on no map, and in the total.
        select x.id, count(*) - coalesce((select sum(c.players) from cell c where c.id = x.id), 0) as people
        from (
            select l.participation_id as id
            from mpp.league l
            join mpp.player q on q.league_id = l.id
            where l.participation_id = any (participations)
        ) x
        group by x.id
    ), ordered as (
        select c.*, x.people + coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        join elsewhere x on x.id = c.id
        -- Of two that are equal both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= 5 and o.smaller_players not between 1 and 4 then o.players::integer end
    from ordered o
$$;

create function private.client_map_frozen() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.client_map_cell (participation_id, department, players)
    select * from private.count_client_map(array(select p.id from mpp.participation p where p.edition_id = new.id));
    return null;
end
$$;

create trigger client_map_frozen
    after update on mpp.edition
    for each row
    when (old.frozen_at is null and new.frozen_at is not null)
    execute function private.client_map_frozen();

create function private.client_map(chosen integer default null) returns setof api.client_map_row
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
declare
    frozen integer[];
    live integer[];
begin
    select coalesce(array_agg(p.id) filter (where e.frozen_at is not null), '{}'), coalesce(array_agg(p.id) filter (where e.frozen_at is null), '{}')
    into frozen, live
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id;
    return query
    select c.participation_id, c.department, c.players from mpp.client_map_cell c where c.participation_id = any (frozen)
    union all
    select m.participation_id, m.department, m.players from private.count_client_map(live) m
    order by 1, 2;
end
$$;
grant execute on function private.client_map to authenticated, service_role, mpp_dashboard;

create view api.client_map with (security_invoker = true) as
select * from private.client_map();
comment on view api.client_map is 'Listed players of the caller''s clients by French department, as they were at the freeze once there was one; null for fewer than five.';
grant select on api.client_map to authenticated, service_role, mpp_dashboard;

-- Classes that an authority follows: those listed in the ranking, which name no pupil.
create type api.client_territory_row as (
    participation_id integer, class_id uuid, class_name text, level text, school_id uuid, school text, rne text, postcode text, city text,
    pupils integer, points integer, points_per_pupil numeric, points_this_week integer, rank bigint, general_rank bigint, value integer
);
comment on type api.client_territory_row is 'A class of a client''s territory: rank among them, and general_rank among all classes of the edition.';

create function private.client_territory(chosen integer default null) returns setof api.client_territory_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    select
        p.id, l.id, l.name::text, l.level::text, h.id, h.name::text, h.rne, h.postcode, h.city::text,
        private.withheld(s.players), s.points,
        case when s.players >= 5 then round(s.points::numeric / s.players, 2) end,
        case when s.players >= 5 then (
            select coalesce(sum(v.points), 0)::integer
            from mpp.validation v
            where v.league_id = l.id and v.state = 'credited'
                and v.validated_at >= (select k.opens from private.weeks_of(p.edition_id, at) k order by k.number desc limit 1)
        ) end,
        rank() over (partition by p.id order by s.value desc),
        private.rank_of(s.edition_id, 'league', s.value),
        s.value
    from private.followed(chosen) p
    join mpp.league l on l.edition_id = p.edition_id and l.school_id is not null and l.listed
    join mpp.school h on h.id = l.school_id and h.country = 'FR' and not h.is_hidden
    join mpp.score s on s.subject_id = l.id
    where exists (
        select
        from mpp.territory t
        where t.organisation_id = p.organisation_id
            and case t.kind
                when 'postcode' then h.postcode = t.code
                when 'department' then h.department = t.code
                when 'commune' then t.code in (h.commune, private.whole_commune(h.commune))
                else h.rne = t.code
            end
    )
    order by p.id, s.value desc, s.tie_order, l.id;
end
$$;
grant execute on function private.client_territory to authenticated, service_role, mpp_dashboard;

create view api.client_territory with (security_invoker = true) as
select * from private.client_territory();
comment on view api.client_territory is 'The listed classes of the territory of the caller''s clients, ranked among themselves and among all; no pupil is named.';
grant select on api.client_territory to authenticated, service_role, mpp_dashboard;

create type api.client_ambassador_row as (participation_id integer, league_id uuid, league text, unit text, alias text, is_principal boolean);
comment on type api.client_ambassador_row is 'Who runs a league of a client, by alias.';

create function private.client_ambassadors(chosen integer default null) returns setof api.client_ambassador_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.id, l.id, l.name::text, u.name::text, case when q.listed then q.alias::text end, a.is_principal
    from private.followed(chosen) p
    join mpp.league l on l.participation_id = p.id and l.listed
    -- Only where a client is told that somebody runs the league.
    join private.client_leagues(chosen) told on told.league_id = l.id and told.has_ambassador
    join mpp.ambassador a on a.league_id = l.id
    join mpp.player q on q.id = a.player_id
    left join mpp.unit u on u.id = l.unit_id
    order by p.id, l.name, a.is_principal desc;
end
$$;
grant execute on function private.client_ambassadors to authenticated, service_role, mpp_dashboard;

create view api.client_ambassadors with (security_invoker = true) as
select * from private.client_ambassadors();
comment on view api.client_ambassadors is 'Who runs the listed leagues of the caller''s clients, by alias; null for who opted out. Their address is not the client''s to see.';
grant select on api.client_ambassadors to authenticated, service_role, mpp_dashboard;

-- Everything a report says, in one snapshot and from the same functions as the views.
create function private.client_report(participation_id integer) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
    me mpp.staff;
    report jsonb;
begin
    select * into p from private.followed(participation_id);
    if p.id is null then
        select s.* into me
        from mpp.participation x
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select private.my_account())
        where x.id = client_report.participation_id;
        if found then
            if private.my_proven_account() is null then
                perform private.refuse('MP012');
            end if;
            perform private.require_open(me);
        end if;
        perform private.refuse('MP093');
    end if;
    with told as materialized (
        select * from private.client_leagues(p.id)
    )
    select jsonb_build_object(
        'as_of', at,
        'organisation', (select jsonb_build_object('code', o.code, 'name', o.name, 'kind', o.kind, 'language', o.language)
            from mpp.organisation o where o.id = p.organisation_id),
        'edition', (select jsonb_build_object('code', e.code, 'title', e.title, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
            'time_zone', e.time_zone, 'frozen_at', e.frozen_at, 'audience', e.audience) from mpp.edition e where e.id = p.edition_id),
        'overview', (select to_jsonb(r) from private.client_overview(p.id) r),
        'weeks', (select coalesce(jsonb_agg(r), '[]') from private.client_weekly(p.id) r),
        'days', (select coalesce(jsonb_agg(r), '[]') from private.client_daily(p.id) r),
        'leagues', (select coalesce(jsonb_agg(r), '[]') from told r),
        'units', (select coalesce(jsonb_agg(r), '[]') from private.client_ranking(p.id) r where r.scope = 'unit'),
        'themes', (select coalesce(jsonb_agg(r), '[]') from private.client_themes(p.id) r),
        'map', (select coalesce(jsonb_agg(r), '[]') from private.client_map(p.id) r),
        'territory', (select coalesce(jsonb_agg(r), '[]') from private.client_territory(p.id) r),
        -- The best of its leagues among all of the edition, as everybody sees them.
        'general', (
            select coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'rank', g.rank, 'points', g.points,
                'points_per_player', g.points_per_player) order by g.rank), '[]')
            from (
                select l.name, private.rank_of(s.edition_id, 'league', s.value) as rank, s.points,
                    (select r.points_per_player from told r where r.league_id = l.id) as points_per_player
                from mpp.league l
                join mpp.score s on s.subject_id = l.id and s.is_public
                where l.participation_id = p.id
                order by s.value desc, s.tie_order
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            -- A private edition is its client: sums of it would tell what is withheld.
            where s.edition_id = p.edition_id and s.is_public
        ),
        -- Beside what a client is told of its own leagues: those of five players or more.
        'edition_compared', (
            select jsonb_build_object('players', sum(s.players), 'leagues', count(*), 'points', sum(s.points))
            from mpp.score s
            where s.edition_id = p.edition_id and s.is_public and s.scope = 'league' and s.players >= 5
        )
    ) into report;
    return report;
end
$$;
grant execute on function private.client_report to authenticated, service_role, mpp_dashboard;

create function api.client_report(participation_id integer) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.client_report(participation_id); end;
comment on function api.client_report is 'Every figure of a client''s report in one snapshot, from the same functions as the views. Its staff inside their dates, and staff of the association. Errors: MP012, MP091, MP093.';
grant execute on function api.client_report to authenticated, service_role, mpp_dashboard;

-- Who gets the mail of a client's week. Whether it may leave is asked once more when it does.
create type api.weekly_reader as (account_id uuid, league_id uuid, language text);
comment on type api.weekly_reader is 'Somebody who gets a weekly mail: staff of a client without league_id, otherwise an ambassador of that league.';

create function private.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
begin
    perform private.require_service();
    select * into p from mpp.participation x where x.id = weekly_readers.participation_id;
    if not found then
        perform private.refuse('MP093');
    end if;
    return query
    select s.account_id, null::uuid, o.language
    from mpp.staff s
    join mpp.organisation o on o.id = s.organisation_id
    where s.organisation_id = p.organisation_id and at >= s.access_from and at < s.access_until
    union all
    select a.account_id, l.id, case f.language when 'fr' then 'fr' else 'en' end
    from mpp.league l
    join mpp.ambassador a on a.league_id = l.id
    join mpp.profile f on f.id = a.account_id
    where l.participation_id = p.id
        and (
            select c.granted
            from mpp.consent c
            where c.account_id = a.account_id and c.purpose = 'league_alerts'
            order by c.id desc
            limit 1
        )
    order by 2 nulls first, 1;
end
$$;
grant execute on function private.weekly_readers to service_role;

create function api.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language sql stable rows 50 set search_path = pg_catalog, pg_temp
begin atomic select * from private.weekly_readers(participation_id); end;
comment on function api.weekly_readers is 'Who gets the weekly mails of a client: its staff inside their dates, and the ambassadors of its leagues who agreed to alerts. Secret key only. Errors: MP006, MP093.';
grant execute on function api.weekly_readers to service_role;
