-- What a client could tell of fewer than five people by subtracting: what they did is withheld with their number, and the
-- next smallest with it.

-- Whether a client has the five people below whom days and themes would be about known persons.
create function private.has_five(participation integer) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select count(*) = 5
    from (
        select from mpp.league l join mpp.player q on q.league_id = l.id where l.participation_id = has_five.participation limit 5
    ) somebody
$$;
revoke execute on function private.has_five(integer) from public;

create or replace function private.client_overview(chosen integer default null) returns setof api.client_overview_row
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.organisation_id, p.edition_id, p.expected_players, w.number as week, w.first_day, w.last_day, w.opens, w.closes,
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
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before
        from mine m
        left join person q on q.id = m.id
        group by m.id
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
        private.withheld(p.players),
        case when m.week > 1 then n.new_players end,
        private.withheld(d.active),
        case when m.week > 1 and private.withheld(d.active) is not null and private.withheld(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        private.withheld(d.active_ever),
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        d.validations::integer,
        case when m.week > 1 then (d.validations - d.validations_before)::integer end,
        d.points::integer,
        case when m.week > 1 then (d.points - d.points_before)::integer end,
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
            s.players, s.points, s.value, s.reached_at, s.is_public,
            -- From the smallest on, until what is withheld is five people together; of two that are equal, both.
            s.players < 5 or coalesce(sum(s.players) over (
                partition by m.id order by s.players range between unbounded preceding and 1 preceding
            ), 0) between 1 and 4 as is_small,
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
        case when c.is_public or not c.is_small
            then rank() over (partition by c.id, c.is_public or not c.is_small order by c.value desc) end,
        case when not c.is_small then c.players end,
        case when not c.is_small then private.withheld(c.active) end,
        case when not c.is_small then private.withheld(c.active_ever) end,
        case when not c.is_small then c.validations::integer end,
        case when c.is_public or not c.is_small then c.points end,
        case when not c.is_small then round(c.points::numeric / c.players, 2) end,
        case when c.is_public or not c.is_small then c.value end,
        case when not c.is_small then c.this_week::integer end,
        case when not c.is_small and c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        case when not c.is_small then date_trunc('day', c.last_at, c.time_zone) end,
        c.has_ambassador,
        array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when not c.is_small and c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '2 days'
                then 'quiet' end,
            -- Of one to four active people, only what is true of all four numbers.
            case when not c.is_small and c.running and c.active > 0 and at > c.opens + interval '2 days'
                and 2 * greatest(c.active, 4) < c.players then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when not c.is_small and c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '2 days'
                and 4 * c.this_week < 3 * c.last_so_far then 'falling' end,
            case when c.players < greatest(c.league_min_players, 5) then 'few_players' end
        ], null)
    from counted c
    -- The place in the list would tell what is withheld.
    order by c.id, case when c.is_public or not c.is_small then c.value end desc nulls last,
        case when c.is_public or not c.is_small then c.reached_at end, c.league_id;
end
$$;

create or replace function private.client_weekly(chosen integer default null) returns setof api.client_week_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with week as (
        select p.id, k.number, k.first_day, k.last_day, k.opens, k.closes
        from private.followed(chosen) p
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
        k.id, k.number, k.first_day, k.last_day, j.new_players, private.withheld(coalesce(v.active, 0)),
        coalesce(v.validations, 0)::integer, coalesce(v.points, 0)::integer,
        (coalesce(v.validations, 0) - lag(coalesce(v.validations, 0)) over w)::integer,
        (coalesce(v.points, 0) - lag(coalesce(v.points, 0)) over w)::integer
    from week k
    join joined j on j.id = k.id and j.number = k.number
    left join ledger v on v.id = k.id and v.number = k.number
    window w as (partition by k.id order by k.number)
    order by k.id, k.number;
end
$$;

create or replace function private.client_daily(chosen integer default null) returns setof api.client_day_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
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

create or replace function private.client_ranking(chosen integer default null) returns setof api.client_rank_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
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

create or replace function private.client_themes(chosen integer default null) returns setof api.client_theme_row
    language plpgsql
    stable
    security definer
    rows 12
    set search_path = ''
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

create or replace function private.client_territory(chosen integer default null) returns setof api.client_territory_row
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
                when 'department' then private.department_of(h.country, h.postcode) = t.code
                else h.rne = t.code
            end
    )
    order by p.id, s.value desc, s.reached_at, l.id;
end
$$;

create or replace function private.client_report(participation_id integer) returns jsonb
    language plpgsql
    stable
    security definer
    set search_path = ''
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
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select auth.uid())
            and private.request_role() = 'authenticated'
        where x.id = client_report.participation_id;
        if found and (at < me.access_from or at >= me.access_until) then
            perform private.refuse('MP091', private.spoken(me.access_from), private.spoken(me.access_until));
        end if;
        perform private.refuse('MP093');
    end if;
    select jsonb_build_object(
        'as_of', at,
        'organisation', (select jsonb_build_object('code', o.code, 'name', o.name, 'kind', o.kind, 'language', o.language)
            from mpp.organisation o where o.id = p.organisation_id),
        'edition', (select jsonb_build_object('code', e.code, 'title', e.title, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
            'time_zone', e.time_zone, 'frozen_at', e.frozen_at, 'audience', e.audience) from mpp.edition e where e.id = p.edition_id),
        'overview', (select to_jsonb(r) from private.client_overview(p.id) r),
        'weeks', (select coalesce(jsonb_agg(r), '[]') from private.client_weekly(p.id) r),
        'days', (select coalesce(jsonb_agg(r), '[]') from private.client_daily(p.id) r),
        'leagues', (select coalesce(jsonb_agg(r), '[]') from private.client_leagues(p.id) r),
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
                    case when s.players >= 5 then round(s.points::numeric / s.players, 2) end as points_per_player
                from mpp.league l
                join mpp.score s on s.subject_id = l.id and s.is_public
                where l.participation_id = p.id
                order by s.value desc, s.reached_at
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            where s.edition_id = p.edition_id and s.listed
        )
    ) into report;
    return report;
end
$$;

comment on type api.client_league_row is 'A league among those of its client; of one with fewer than five players only what is public (in a private edition nothing): rank, points, value. push says why it needs one: no_ambassador, not_started, quiet, few_active, falling, few_players.';
comment on view api.client_daily is 'Validations and points of the caller''s clients by day; days without any have no row, nor has a client of fewer than five people.';
comment on view api.client_ranking is 'The own ranking of the caller''s clients: scope is league or unit. A unit is the sum of what its leagues show.';
comment on view api.client_themes is 'Validations and points of the caller''s clients by theme; a client of fewer than five people has no row.';
