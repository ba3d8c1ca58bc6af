-- The figures of a client: its players together, its leagues and units, week by week. Never one person: rows are sums,
-- and a number of people from one to four is suppressed (null), with what those people did. Where the total would tell
-- what is suppressed, the next smallest is suppressed too. In a public edition rank, points and value of a league stay,
-- because everybody reads them in the ranking. In an edition that is private to the client zero people are suppressed
-- as well: the step from zero to one would say that the person who was invited came.
--
-- The functions read what their caller may not, and answer only for the caller's clients. Each takes one participation,
-- or null for all. The comment of a column says when it is null.

-- The participations that the caller may follow now.
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

create function private.suppress_few(people bigint) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when people = 0 or people >= private.least_people() then people::integer end $$;

-- Whether a client has enough people. With fewer, figures of days and themes would be about known persons.
create function private.has_enough_people(participation integer) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select count(*) = private.least_people()
    from (
        select
        from mpp.league l
        join mpp.player q on q.league_id = l.id
        where l.participation_id = has_enough_people.participation
        limit private.least_people()
    ) somebody
$$;

-- The weeks of an edition that have begun: seven civil days each, from its first day on.
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

create function private.client_overview(chosen integer default null) returns table (
    participation_id integer, organisation_id integer, edition_id integer, week integer, week_first date, week_last date,
    expected_players integer, players integer, players_change integer, active_players integer, active_players_change integer,
    active_players_ever integer, leagues integer, leagues_change integer, validations integer, validations_change integer,
    points integer, points_change integer, points_per_player numeric, points_per_player_change numeric
)
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
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
        -- Players who are there, and those who left after playing: as the scores count them.
        select g.id, p.id as player_id, p.joined_at from league g join mpp.player p on p.league_id = g.league_id
        union
        select g.id, p.id, p.joined_at
        from league g
        join mpp.validation v on v.league_id = g.league_id
        join mpp.player p on p.id = v.player_id
    ), people as (
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before,
            count(q.player_id) >= private.least_people() or (count(q.player_id) = 0 and not m.is_private) as is_shown
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
        case when p.is_shown then p.players::integer end,
        case when m.week > 1 then n.new_players end,
        case when p.is_shown or not m.is_private then private.suppress_few(d.active) end,
        case when (p.is_shown or not m.is_private)
            and m.week > 1 and private.suppress_few(d.active) is not null and private.suppress_few(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        case when p.is_shown or not m.is_private then private.suppress_few(d.active_ever) end,
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        -- What one to four people did is suppressed with their number.
        case when p.is_shown then d.validations::integer end,
        case when m.week > 1 and p.is_shown then (d.validations - d.validations_before)::integer end,
        case when p.is_shown then d.points::integer end,
        case when m.week > 1 and p.is_shown then (d.points - d.points_before)::integer end,
        case when p.players >= private.least_people() then round(d.points::numeric / p.players, 2) end,
        -- With the change of the points it would tell how many came.
        case when m.week > 1 and n.new_players is not null and p.players >= private.least_people() and p.before >= private.least_people()
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
comment on column api.client_overview.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_overview.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_overview.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_overview.week is 'Number of the current week, or of the last one; null before the start.';
comment on column api.client_overview.week_first is 'First day of that week, in the time zone of the edition.';
comment on column api.client_overview.week_last is 'Last day of that week.';
comment on column api.client_overview.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_overview.players is 'Players since the start, with those who left after playing; null for one to four.';
comment on column api.client_overview.players_change is 'How many of them came this week; null in the first week, and where either number is suppressed.';
comment on column api.client_overview.active_players is 'Players who did a challenge this week; null for one to four.';
comment on column api.client_overview.active_players_change is 'active_players minus those of the whole week before: a difference between two weeks. Null in the first week, and where either number is suppressed.';
comment on column api.client_overview.active_players_ever is 'Players who did a challenge since the start; null for one to four.';
comment on column api.client_overview.leagues is 'Leagues since the start, with those that are out of the rankings.';
comment on column api.client_overview.leagues_change is 'How many of them are new this week; null in the first week.';
comment on column api.client_overview.validations is 'Challenges done since the start; null while the client has one to four players.';
comment on column api.client_overview.validations_change is 'How many of them were done this week, which is no difference between two weeks (client_weekly has that). Null in the first week, and while the client has one to four players.';
comment on column api.client_overview.points is 'Points since the start; null while the client has one to four players.';
comment on column api.client_overview.points_change is 'How many of them were won this week, which is no difference between two weeks (client_weekly has that). Null in the first week, and while the client has one to four players.';
comment on column api.client_overview.points_per_player is 'points divided by players; null while there are fewer than five.';
comment on column api.client_overview.points_per_player_change is 'How much points_per_player grew this week; null in the first week, and while there were fewer than five.';
grant select on api.client_overview to authenticated, service_role, mpp_dashboard;

-- A league that opted out of the ranking counts in the sums of its client and is not in this list.
create function private.client_leagues(chosen integer default null) returns table (
    participation_id integer, league_id uuid, name text, unit_id integer, unit text, rank bigint, players integer,
    active_players integer, active_players_ever integer, validations integer, points integer, points_per_player numeric, value integer,
    points_this_week integer, points_last_week integer, last_validated_at timestamptz, has_ambassador boolean, attention text[]
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.edition_id, w.number as week, w.opens,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous,
            -- The same hour of the day, also over a clock change.
            (at at time zone e.time_zone - interval '7 days') at time zone e.time_zone as week_ago,
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running,
            case when e.organisation_id is null then 1 else 0 end as fewest
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        -- Leagues that opted out too: what they withhold counts, or opting out would uncover the next one.
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
                -- The same hours of the week before: a current week is behind a whole one until its last evening.
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.week_ago), 0) as last_so_far,
                max(x.validated_at) as last_at
            from mpp.validation x
            where x.league_id = l.id and x.state = 'credited'
        ) v
    ), line as (
        -- From the smallest on, until five people are suppressed together; of two that are equal, both.
        select c.*,
            c.players < private.least_people()
                or coalesce(sum(c.players) over by_players between c.fewest and private.least_people() - 1, false) as is_small,
            c.active = 0
                or (c.active >= private.least_people() and coalesce(sum(c.active) over by_active, 0) not between 1 and private.least_people() - 1) as active_shown,
            c.active_ever = 0
                or (c.active_ever >= private.least_people() and coalesce(sum(c.active_ever) over by_active_ever, 0) not between 1 and private.least_people() - 1)
                as active_ever_shown
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
        case when not c.is_small and c.active_shown then c.active::integer end,
        case when not c.is_small and c.active_ever_shown then c.active_ever::integer end,
        case when not c.is_small then c.validations::integer end,
        case when c.is_public or not c.is_small then c.points end,
        case when not c.is_small then round(c.points::numeric / c.players, 2) end,
        case when c.is_public or not c.is_small then c.value end,
        case when not c.is_small then c.this_week::integer end,
        case when not c.is_small and c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        case when not c.is_small then date_trunc('day', c.last_at, c.time_zone) end,
        -- In a private edition a small league tells nothing at all. That somebody runs it, or that it has begun, would
        -- tell that the one person who was invited to it came.
        case when c.is_public or not c.is_small then c.has_ambassador end,
        case when c.is_small and not c.is_public then array['few_players'] else array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when not c.is_small and c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '48 hours'
                then 'quiet' end,
            -- Of one to four active people, only what is true of all four numbers.
            case when not c.is_small and c.running and c.active > 0 and at > c.opens + interval '48 hours'
                and 2 * greatest(c.active, private.least_people() - 1) < c.players then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when not c.is_small and c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '48 hours'
                and 4 * c.this_week < 3 * c.last_so_far then 'falling' end,
            case when c.players < greatest(c.league_min_players, private.least_people()) then 'few_players' end
        ], null) end
    from line c
    -- Only somebody who came can have opted a league out.
    where c.listed or (c.is_small and not c.is_public and c.is_private)
    -- The place in the list would tell what is suppressed.
    order by c.id, case when c.is_public or not c.is_small then c.value end desc nulls last,
        case when c.is_public or not c.is_small then c.tie_order end, c.league_id;
end
$$;
grant execute on function private.client_leagues to authenticated, service_role, mpp_dashboard;

create view api.client_leagues with (security_invoker = true) as
select * from private.client_leagues();
comment on view api.client_leagues is 'The leagues of the caller''s clients, ranked among themselves, with what they did this week and why they need attention.';
comment on column api.client_leagues.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_leagues.league_id is 'The league.';
comment on column api.client_leagues.name is 'Its name.';
comment on column api.client_leagues.unit_id is 'Its unit; null when it has none.';
comment on column api.client_leagues.unit is 'Name of its unit; null when it has none.';
comment on column api.client_leagues.rank is 'Its rank among the listed leagues of the client, by value; equals share a rank. In a private edition null for a small league, which still counts for the ranks of the others.';
comment on column api.client_leagues.players is 'Players since the start, with those who left after playing. Null for fewer than five, and for the next league where the total would tell.';
comment on column api.client_leagues.active_players is 'Players who did a challenge this week. Null for one to four, for the next league where the total would tell, and where players is null.';
comment on column api.client_leagues.active_players_ever is 'Players who did a challenge since the start. Null for one to four, for the next league where the total would tell, and where players is null.';
comment on column api.client_leagues.validations is 'Challenges done since the start; null where players is null.';
comment on column api.client_leagues.points is 'Points since the start; in a private edition null where players is null.';
comment on column api.client_leagues.points_per_player is 'points divided by players; null where players is null.';
comment on column api.client_leagues.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player, where a small league counts as if it had the least size. In a private edition null where players is null.';
comment on column api.client_leagues.points_this_week is 'Points of the current week, or of the last one; null where players is null.';
comment on column api.client_leagues.points_last_week is 'Points of the whole week before it; null in the first week, and where players is null.';
comment on column api.client_leagues.last_validated_at is 'Midnight of the last day on which a challenge was done, in the time zone of the edition; never the hour. Null when none was done, and where players is null.';
comment on column api.client_leagues.has_ambassador is 'Whether somebody runs it; in a private edition null where players is null.';
comment on column api.client_leagues.attention is 'Why it needs attention; empty when it needs none: no_ambassador, not_started, quiet, few_active, falling (under three quarters of the points of the week before by the same hour), few_players. In a private edition a league whose players are suppressed has few_players and nothing else.';
grant select on api.client_leagues to authenticated, service_role, mpp_dashboard;

create function private.client_weekly(chosen integer default null) returns table (
    participation_id integer, week integer, first_day date, last_day date, new_players integer, active_players integer,
    validations integer, points integer, validations_change integer, points_change integer
)
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
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
        -- The same people as in the overview.
        select g.id, q.id as player_id, q.joined_at from league g join mpp.player q on q.league_id = g.league_id
        union
        select g.id, q.id, q.joined_at
        from league g
        join mpp.validation x on x.league_id = g.league_id
        join mpp.player q on q.id = x.player_id
    ), joined as (
        -- The first week also counts players who came before the start. The weeks add up to all players: see
        -- client_leagues.
        select c.id, c.number,
            case when c.people = 0 or (c.people >= private.least_people() and coalesce(sum(c.people) over (
                partition by c.id order by c.people range between unbounded preceding and 1 preceding
            ), 0) not between 1 and private.least_people() - 1) then c.people::integer end as new_players
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
        case when not (f.is_few and k.is_private) then private.suppress_few(coalesce(v.active, 0)) end,
        case when not f.is_few then coalesce(v.validations, 0)::integer end,
        case when not f.is_few then coalesce(v.points, 0)::integer end,
        case when not f.is_few then (coalesce(v.validations, 0) - lag(coalesce(v.validations, 0)) over w)::integer end,
        case when not f.is_few then (coalesce(v.points, 0) - lag(coalesce(v.points, 0)) over w)::integer end
    from week k
    join joined j on j.id = k.id and j.number = k.number
    left join ledger v on v.id = k.id and v.number = k.number
    -- What one to four people did is suppressed with their number.
    cross join lateral (
        select count(*) between case when k.is_private then 0 else 1 end and private.least_people() - 1 as is_few from person q where q.id = k.id
    ) f
    window w as (partition by k.id order by k.number)
    order by k.id, k.number;
end
$$;
grant execute on function private.client_weekly to authenticated, service_role, mpp_dashboard;

create view api.client_weekly with (security_invoker = true) as
select * from private.client_weekly();
comment on view api.client_weekly is 'Each week of the caller''s clients: new and active players, validations, points, and the change.';
comment on column api.client_weekly.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_weekly.week is 'Number of the week, from 1.';
comment on column api.client_weekly.first_day is 'Its first day, in the time zone of the edition.';
comment on column api.client_weekly.last_day is 'Its last day.';
comment on column api.client_weekly.new_players is 'Players who joined in it, in the first week also before it. Null for one to four, and for the next week where the total would tell.';
comment on column api.client_weekly.active_players is 'Players who did a challenge in it; null for one to four.';
comment on column api.client_weekly.validations is 'Challenges done in it; null while the client has one to four players.';
comment on column api.client_weekly.points is 'Points won in it; null while the client has one to four players.';
comment on column api.client_weekly.validations_change is 'validations minus those of the week before: a difference between two weeks. Null in the first week, and while the client has one to four players.';
comment on column api.client_weekly.points_change is 'points minus those of the week before: a difference between two weeks. Null in the first week, and while the client has one to four players.';
grant select on api.client_weekly to authenticated, service_role, mpp_dashboard;

create function private.client_daily(chosen integer default null) returns table (participation_id integer, day date, validations integer, points integer)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.id, (v.validated_at at time zone e.time_zone)::date as day, count(*)::integer, sum(v.points)::integer
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    join mpp.validation v on v.league_id = l.id and v.state = 'credited'
    where private.has_enough_people(p.id)
    group by p.id, (v.validated_at at time zone e.time_zone)::date
    order by p.id, day;
end
$$;
grant execute on function private.client_daily to authenticated, service_role, mpp_dashboard;

create view api.client_daily with (security_invoker = true) as
select * from private.client_daily();
comment on view api.client_daily is 'Validations and points of the caller''s clients by day. A day without validations has no row, and neither has a client of fewer than five people.';
comment on column api.client_daily.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_daily.day is 'A day with at least one challenge, in the time zone of the edition.';
comment on column api.client_daily.validations is 'Challenges done on it.';
comment on column api.client_daily.points is 'Points won on it.';
grant select on api.client_daily to authenticated, service_role, mpp_dashboard;

create function private.client_ranking(chosen integer default null) returns table (
    participation_id integer, scope text, rank bigint, subject_id text, label text, leagues integer, players integer,
    points integer, points_per_player numeric, value bigint
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
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
            -- Only of what its leagues show: the unit then tells nothing about another league.
            select l.participation_id as id, l.unit_id, l.unit as name, count(*) as leagues, sum(l.players) as players,
                bool_and(l.players is not null) as is_whole, sum(l.points) as points,
                case when bool_or(s.by_average)
                    then round(sum(l.points) * 100.0
                        / greatest(sum(greatest(s.players, s.at_least_players, private.least_people())) filter (where l.points is not null), 1))::bigint
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
comment on view api.client_ranking is 'The own ranking of the caller''s clients; scope is league or unit. A unit is the sum of what its leagues show.';
comment on column api.client_ranking.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ranking.scope is 'league or unit.';
comment on column api.client_ranking.rank is 'Rank within the scope, by value; equals share a rank. In a private edition null for a small league.';
comment on column api.client_ranking.subject_id is 'Id of the league, or number of the unit, as text.';
comment on column api.client_ranking.label is 'Name of the league or unit.';
comment on column api.client_ranking.leagues is 'How many listed leagues it has; 1 for a league.';
comment on column api.client_ranking.players is 'Players since the start; for a unit, those of its leagues that show theirs. Null when none does.';
comment on column api.client_ranking.points is 'Points since the start; in a private edition null for a small league.';
comment on column api.client_ranking.points_per_player is 'points divided by players; null where a number of players is suppressed.';
comment on column api.client_ranking.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player.';
grant select on api.client_ranking to authenticated, service_role, mpp_dashboard;

create function private.client_themes(chosen integer default null) returns table (participation_id integer, theme text, name jsonb, validations integer, points integer)
    language plpgsql stable security definer rows 12 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with mine as (
        select p.id, p.edition_id from private.followed(chosen) p where private.has_enough_people(p.id)
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
comment on column api.client_themes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_themes.theme is 'Code of a theme of the edition.';
comment on column api.client_themes.name is 'Its name by language.';
comment on column api.client_themes.validations is 'Challenges of it done since the start; 0 when nobody did one.';
comment on column api.client_themes.points is 'Points of these validations.';
grant select on api.client_themes to authenticated, service_role, mpp_dashboard;
