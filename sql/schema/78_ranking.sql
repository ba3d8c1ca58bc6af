-- Rankings, live and frozen: the same tables, the same views. Equal values share a rank (1, 2, 2, 4) and are shown by
-- who got there first. Page with the three sort columns of the last row (value, tie_order, subject_id), not with offset.

-- The rank of every value at once: a few hundred rows, added up once for a page. A rank looked up row by row would be
-- computed for a million rows by whoever sorts by it or filters on it; here that is a join, and a filter on a rank
-- finds its value.
create view mpp.value_rank with (security_invoker = true) as
select
    m.edition_id,
    m.scope,
    m.value,
    1 + coalesce(sum(sum(m.subjects)) over (
        partition by m.edition_id, m.scope order by m.value desc rows between unbounded preceding and 1 preceding), 0)::bigint as rank
from (
    select c.edition_id, c.scope, c.value, c.subjects from mpp.score_count c
    union all
    select d.edition_id, d.scope, d.value, d.change from mpp.score_delta d
) m
group by m.edition_id, m.scope, m.value
-- Sorted, the ranks are kept for whoever reads them again and again: a planner that knows nothing of the tables yet, on the first day
-- of a game, takes the players for one and goes through all ranks for each, which must not mean to add them up for each.
order by m.edition_id, m.scope, m.value;
comment on view mpp.value_rank is 'The rank of whoever stands at a value: 1 + how many listed subjects stand higher.';
grant select on mpp.value_rank to anon, authenticated, service_role;

create view api.player_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    s.label,
    s.league_label,
    s.points,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'player' and r.value = s.value
where s.scope = 'player' and s.listed;
comment on view api.player_ranking is 'Ranking of players who are listed: alias, league, points; value is what ranks. Sort by value desc, tie_order, subject_id.';
grant select on api.player_ranking to anon, authenticated, service_role;

create view api.team_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    s.label,
    s.league_label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'team' and r.value = s.value
where s.scope = 'team' and s.listed;
comment on view api.team_ranking is 'Ranking of the teams of listed leagues. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, tie_order, subject_id.';
grant select on api.team_ranking to anon, authenticated, service_role;

create view api.league_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    s.label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'league' and r.value = s.value
where s.scope = 'league' and s.listed and s.school_id is null;
comment on view api.league_ranking is 'Ranking of listed leagues; classes have their own. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, tie_order, subject_id.';
grant select on api.league_ranking to anon, authenticated, service_role;

create view api.class_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    l.rank as level_rank,
    s.subject_id,
    s.label,
    s.level,
    s.school_id,
    h.name as school_label,
    h.city,
    h.country,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'league' and r.value = s.value
left join mpp.value_rank l on l.edition_id = s.edition_id and l.scope = s.level and l.value = s.value
left join mpp.school h on h.id = s.school_id
where s.scope = 'league' and s.listed and s.level is not null;
comment on view api.class_ranking is 'Ranking of listed classes, among all (rank) and within their level (level_rank). value is what ranks: hundredths of a point per pupil, or points where the edition ranks by total. Sort by value desc, tie_order, subject_id.';
grant select on api.class_ranking to anon, authenticated, service_role;

-- A school is the sum of its listed classes: a row of its own would be the hottest of the edition, and there are few
-- enough schools to add up. Once over all its classes (level is null) and once for each of its levels. From the freeze on
-- they stand as they stood then, as long as one of their classes is still listed.
create view api.school_ranking with (security_invoker = true) as
select
    g.edition_id,
    g.level,
    g.rank,
    g.school_id as subject_id,
    h.name as label,
    h.city,
    h.country,
    g.classes,
    g.points,
    g.players,
    round(g.points::numeric / greatest(g.players, 1), 2) as points_per_player,
    g.value,
    g.tie_order
from (
    select t.edition_id, t.level::text as level, t.rank, t.school_id, t.classes, t.points, t.players, t.value, t.tie_order
    from mpp.school_standing t
    where exists (
        select
        from mpp.score s
        where s.edition_id = t.edition_id and s.school_id = t.school_id and s.listed and (t.level is null or s.level = t.level)
    )
    union all
    select l.edition_id, l.level, rank() over (partition by l.edition_id, l.level order by l.value desc), l.school_id, l.classes,
        l.points, l.players, l.value, l.tie_order
    from (
        select s.edition_id, null::text as level, s.school_id, count(*) as classes, sum(s.points) as points,
            sum(s.players) as players, max(s.tie_order) as tie_order,
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end as value
        from mpp.score s
        where s.scope = 'league' and s.listed and s.school_id is not null
        group by s.edition_id, s.school_id
        union all
        select s.edition_id, s.level, s.school_id, count(*), sum(s.points), sum(s.players), max(s.tie_order),
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end
        from mpp.score s
        where s.scope = 'league' and s.listed and s.school_id is not null
        group by s.edition_id, s.school_id, s.level
    ) l
    where l.edition_id in (select e.id from mpp.edition e where e.frozen_at is null)
) g
join mpp.school h on h.id = g.school_id;
comment on view api.school_ranking is 'Ranking of schools by their listed classes: over all levels where level is null, and once more within each level; as they stood at the freeze from then on. value is what ranks: hundredths of a point per pupil, or points. Sort by value desc, tie_order, subject_id.';
grant select on api.school_ranking to anon, authenticated, service_role;

-- In plpgsql, which keeps the plans of its queries for the session; a function in SQL would plan them at each call.
create function private.rank_of(edition integer, among api.ranking_scope, standing integer) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return 1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = edition and c.scope = among and c.value > standing), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = edition and d.scope = among and d.value > standing), 0);
end
$$;

create type api.standing as (
    rank bigint,
    subject_id uuid,
    label text,
    league_label text,
    points integer,
    players integer,
    points_per_player numeric,
    value integer,
    tie_order bigint,
    is_me boolean
);
comment on type api.standing is 'A line of a ranking; is_me marks the subject that was asked for.';

-- Four short walks along the ranking index, so that neither the number of players nor the crowd at one value matters.
create function private.standings_around(subject mpp.score, neighbours integer) returns setof api.standing
    language plpgsql stable rows 7 set search_path = pg_catalog, pg_temp
    -- The walks are the same whatever is asked for: planning them anew at each call would cost more than they do.
    set plan_cache_mode = 'force_generic_plan'
as $$
begin
    if neighbours = 0 then
        return next (
            private.rank_of(subject.edition_id, subject.scope, subject.value),
            subject.subject_id, subject.label, subject.league_label, subject.points, subject.players,
            round(subject.points::numeric / greatest(subject.players, 1), 2), subject.value, subject.tie_order, true
        )::api.standing;
        return;
    end if;
    return query
    with preceding as (
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                and s.value = subject.value and (s.tie_order, s.subject_id) < (subject.tie_order, subject.subject_id)
            order by s.tie_order desc, s.subject_id desc
            limit neighbours
        )
        union all
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value > subject.value
            order by s.value, s.tie_order desc, s.subject_id desc
            limit neighbours
        )
    ), above as (
        select a.* from preceding a order by a.value, a.tie_order desc, a.subject_id desc limit neighbours
    ), following as (
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                and s.value = subject.value and (s.tie_order, s.subject_id) > (subject.tie_order, subject.subject_id)
            order by s.tie_order, s.subject_id
            limit neighbours
        )
        union all
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value < subject.value
            order by s.value desc, s.tie_order, s.subject_id
            limit neighbours
        )
    ), below as (
        select f.* from following f order by f.value desc, f.tie_order, f.subject_id limit neighbours
    ), page as (
        select a.* from above a
        union all
        select (subject).*
        union all
        select b.* from below b
    )
    select
        private.rank_of(p.edition_id, p.scope, p.value),
        p.subject_id,
        p.label,
        p.league_label,
        p.points,
        p.players,
        round(p.points::numeric / greatest(p.players, 1), 2),
        p.value,
        p.tie_order,
        p.subject_id = subject.subject_id
    from page p
    order by p.value desc, p.tie_order, p.subject_id;
end
$$;

create function private.check_neighbours(neighbours integer) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if neighbours is null or neighbours not between 0 and 50 then
        perform private.refuse('MP010', 'neighbours', coalesce(neighbours::text, 'it is empty'), 'Ask for 0 to 50.');
    end if;
end
$$;

-- A player sees their own place even when they opted out of the public ranking.
create function private.my_rank(edition_id integer, scope api.ranking_scope, neighbours integer) returns setof api.standing
    language plpgsql stable security definer rows 7 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    mine mpp.score;
begin
    perform private.check_neighbours(neighbours);
    account := private.signed_in(anonymous_too => true);
    if scope is null or scope not in ('player', 'team', 'league') then
        perform private.refuse('MP010', 'scope', coalesce(scope, 'it is empty'), 'Use player, team or league.');
    end if;
    select s.* into mine
    from mpp.player p
    join mpp.score s on s.subject_id = case my_rank.scope
        when 'player' then p.id when 'team' then p.team_id else p.league_id end
    where p.account_id = account and p.edition_id = my_rank.edition_id;
    -- Whoever left a private edition, or was put out of it, reads its ranking no longer, nor their own place in it.
    if mine.subject_id is null or (
        exists (select from mpp.edition e where e.id = my_rank.edition_id and e.organisation_id is not null)
        and my_rank.edition_id not in (select private.my_private_edition_ids())
    ) then
        perform private.refuse('MP035');
    end if;
    return query select * from private.standings_around(mine, neighbours);
end
$$;
grant execute on function private.my_rank to authenticated;

create function api.my_rank(edition_id integer, scope api.ranking_scope default 'player', neighbours integer default 3)
    returns setof api.standing
    language sql stable rows 7 set search_path = pg_catalog, pg_temp
begin atomic select * from private.my_rank(edition_id, scope, neighbours); end;
comment on function api.my_rank is 'The caller''s own rank (player), or that of their team or league, with as many neighbours above and below. Errors: MP001, MP010, MP035.';
grant execute on function api.my_rank to authenticated;

create function private.ranking_around(subject_id uuid, neighbours integer) returns setof api.standing
    language plpgsql stable security definer rows 7 set search_path = pg_catalog, pg_temp
as $$
declare
    subject mpp.score;
begin
    perform private.check_neighbours(neighbours);
    select s.* into subject
    from mpp.score s
    where s.subject_id = ranking_around.subject_id
        and (
            (s.is_public and exists (select from mpp.edition e where e.id = s.edition_id and e.opened_at is not null))
            or (s.listed and s.edition_id in (select private.my_private_edition_ids()))
            -- A league or class that opted out still sees itself.
            or s.subject_id in (select private.my_league_ids())
            or private.is_ops()
        );
    if subject.subject_id is null then
        perform private.refuse('MP005');
    end if;
    return query select * from private.standings_around(subject, neighbours);
end
$$;
grant execute on function private.ranking_around to anon, authenticated, service_role;

create function api.ranking_around(subject_id uuid, neighbours integer default 3) returns setof api.standing
    language sql stable rows 7 set search_path = pg_catalog, pg_temp
begin atomic select * from private.ranking_around(subject_id, neighbours); end;
comment on function api.ranking_around is 'Rank of a listed player, team, league or class (or of one''s own) with as many neighbours above and below. Errors: MP005, MP010.';
grant execute on function api.ranking_around to anon, authenticated, service_role;
