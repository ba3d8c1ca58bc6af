-- Weeks and themes of clients are counted in one pass over the ledger: with fifty clients they took 5 and 19 seconds.

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
        -- The first week also counts who came before the start.
        select k.id, k.number, count(q.player_id) as new_players
        from week k
        left join person q on q.id = k.id and q.joined_at < k.closes and (k.number = 1 or q.joined_at >= k.opens)
        group by k.id, k.number
    ), ledger as (
        select k.id, k.number, count(distinct x.player_id) as active, count(*) as validations, sum(x.points) as points
        from league g
        join mpp.validation x on x.league_id = g.league_id and x.state = 'credited'
        join week k on k.id = g.id and x.validated_at >= k.opens and x.validated_at < k.closes
        group by k.id, k.number
    )
    select
        k.id, k.number, k.first_day, k.last_day, private.withheld(j.new_players), private.withheld(coalesce(v.active, 0)),
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
        select p.id, p.edition_id from private.followed(chosen) p
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
