-- Rankings, live and frozen: the same tables, the same views. Equal values share a rank (1, 2, 2, 4) and are shown by
-- who got there first. Page with the three sort columns of the last row (value, tie_order, subject_id), not with offset.

create view mpp.value_count with (security_invoker = true) as
select m.edition_id, m.scope, m.value, sum(m.subjects)::bigint as subjects
from (
    select c.edition_id, c.scope::text as scope, ((c.bucket << 6) + n.place - 1)::integer as value, n.subjects
    from mpp.score_count c
    cross join lateral unnest(c.counts) with ordinality n (subjects, place)
    where n.subjects <> 0
    union all
    select x.edition_id, x.scope, x.value, x.change from mpp.score_change x
) m
group by m.edition_id, m.scope, m.value;
comment on view mpp.value_count is 'How many listed subjects stand at each value: the counts with all moves.';
grant select on mpp.value_count to anon, authenticated, service_role;

-- The rank of every value at once: a few hundred rows, added up once for a page. A rank looked up row by row would be
-- computed for a million rows by whoever sorts by it or filters on it; here that is a join, and a filter on a rank
-- finds its value.
create view mpp.value_rank with (security_invoker = true) as
select
    m.edition_id,
    m.scope,
    m.value,
    1 + coalesce(sum(m.subjects) over (
        partition by m.edition_id, m.scope order by m.value desc rows between unbounded preceding and 1 preceding), 0)::bigint as rank
from mpp.value_count m
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
    case when s.label = '—' then (select private.erased_name()) else s.label end as label,
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
declare
    above bigint;
    moved bigint;
begin
    select sum(case when c.bucket > standing >> 6 then c.subjects
        else (select sum(n) from unnest(c.counts[2 + (standing & 63) : 64]) n) end) into above
    from mpp.score_count c
    where c.edition_id = edition and c.scope = among and c.bucket >= standing >> 6;
    if among = 'player' then
        select sum(d.subjects * (((d.player_to > standing) is true)::integer - ((d.player_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition;
    elsif among = 'team' then
        select sum(d.subjects * (((d.team_to > standing) is true)::integer - ((d.team_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition;
    else
        select sum(d.subjects * (((d.league_to > standing) is true)::integer - ((d.league_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition and (among = 'league' or d.level = among);
    end if;
    return 1 + coalesce(above, 0) + coalesce(moved, 0);
end
$$;

-- The rank of the next value on a page: those at the value before, the crowd, have passed by, unless it is the first, whose crowd
-- may have begun on another page. In a frozen edition some may have left the page who still count.
create function private.next_rank(
    edition integer, among text, standing integer, rank bigint, crowd integer, values_seen integer, frozen boolean
) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when values_seen < 2 or frozen then private.rank_of(edition, among, standing) else rank + crowd end;
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
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    r mpp.score;
    was integer;
    rank bigint;
    crowd integer := 0;
    values_seen integer := 0;
    frozen boolean;
    erased text;
begin
    if neighbours = 0 then
        return next (
            private.rank_of(subject.edition_id, subject.scope, subject.value),
            subject.subject_id, case when subject.listed and subject.label = '—' then private.erased_name() else subject.label end,
            subject.league_label, subject.points, subject.players,
            round(subject.points::numeric / greatest(subject.players, 1), 2), subject.value, subject.tie_order, true
        )::api.standing;
        return;
    end if;
    select e.frozen_at is not null into frozen from mpp.edition e where e.id = subject.edition_id;
    for r in
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
        select p.* from page p order by p.value desc, p.tie_order, p.subject_id
    loop
        if r.value is distinct from was then
            rank := private.next_rank(r.edition_id, r.scope, r.value, rank, crowd, values_seen, frozen);
            values_seen := values_seen + 1;
            crowd := 0;
            was := r.value;
        end if;
        crowd := crowd + r.listed::integer;
        -- Pupils have no name here either, and stand in no ranking.
        if r.listed and r.label = '—' then
            erased := coalesce(erased, private.erased_name());
            r.label := erased;
        end if;
        return next (
            rank, r.subject_id, r.label, r.league_label, r.points, r.players,
            round(r.points::numeric / greatest(r.players, 1), 2), r.value, r.tie_order, r.subject_id = subject.subject_id
        )::api.standing;
    end loop;
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
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    account uuid;
    mine mpp.score;
    is_private boolean;
begin
    if neighbours is null or neighbours not between 0 and 50 then
        perform private.check_neighbours(neighbours);
    end if;
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
    if mine.subject_id is not null and not mine.is_public then
        select e.organisation_id is not null into is_private from mpp.edition e where e.id = my_rank.edition_id;
    end if;
    if mine.subject_id is null or (is_private and my_rank.edition_id not in (select private.my_private_edition_ids())) then
        perform private.refuse('MP035');
    end if;
    if neighbours = 0 then
        return next (
            private.rank_of(mine.edition_id, mine.scope, mine.value),
            mine.subject_id, mine.label, mine.league_label, mine.points, mine.players,
            round(mine.points::numeric / greatest(mine.players, 1), 2), mine.value, mine.tie_order, true
        )::api.standing;
    else
        return query select * from private.standings_around(mine, neighbours);
    end if;
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

-- A page of a ranking by the sort columns of the last row seen. The rows are those of the views. One rank is looked up for the first
-- value of a page, and one for the second; the others follow, so that a page costs the same wherever it begins.
create type api.ranking_row as (
    rank bigint,
    level_rank bigint,
    subject_id uuid,
    label text,
    league_label text,
    level text,
    school_id uuid,
    school_label text,
    city text,
    country text,
    classes bigint,
    points bigint,
    players bigint,
    points_per_player numeric,
    value bigint,
    tie_order bigint
);
comment on type api.ranking_row is 'A row of a ranking: what a player, a team, a league, a class or a school has of these columns. level_rank is that of a class within its level. value, tie_order and subject_id of the last row lead to the next page.';

-- Whether the caller may read the ranking of an edition: as the policies of scores say it for one row after the other.
create function private.may_read_ranking(edition integer) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    owner integer;
    opened timestamptz;
begin
    select e.organisation_id, e.opened_at into owner, opened from mpp.edition e where e.id = edition;
    if opened is not null and owner is null then
        return true;
    end if;
    return edition in (select private.my_private_edition_ids()) or private.is_ops();
end
$$;

create function private.ranking_page(
    edition_id integer, scope text, level text, after_value bigint, after_tie_order bigint, after_subject_id uuid, page_size integer
) returns setof api.ranking_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    edition alias for edition_id;
    among text := case when scope = 'class' then 'league' else scope end;
    levels text[] := private.school_levels();
    r record;
    was integer;
    rank bigint;
    level_rank bigint;
    -- A class stands among all and within its level: what is remembered of each level.
    n integer;
    was_in integer[] := array_fill(null::integer, array[cardinality(levels)]);
    rank_in bigint[] := array_fill(0::bigint, array[cardinality(levels)]);
    crowd_in integer[] := array_fill(0, array[cardinality(levels)]);
    values_in integer[] := array_fill(0, array[cardinality(levels)]);
    crowd integer := 0;
    values_seen integer := 0;
    frozen boolean;
    erased text;
begin
    if scope is null or scope not in ('player', 'team', 'league', 'class', 'school') then
        perform private.refuse('MP010', 'scope', coalesce(scope, 'it is empty'), 'Use player, team, league, class or school.');
    elsif level is not null and (scope not in ('class', 'school') or level <> all (levels)) then
        perform private.refuse('MP010', 'level', level, 'Classes and schools have levels: ' || array_to_string(levels, ', ') || '.');
    elsif page_size is null or page_size not between 1 and 1000 then
        perform private.refuse('MP010', 'page_size', coalesce(page_size::text, 'it is empty'), 'Ask for 1 to 1000 rows.');
    elsif num_nulls(after_value, after_tie_order, after_subject_id) not in (0, 3) then
        perform private.refuse('MP010', 'after_value', coalesce(after_value::text, 'it is empty'),
            'Give value, tie_order and subject_id of the last row, or none of them.');
    end if;
    if not private.may_read_ranking(edition) then
        return;
    end if;
    if scope = 'school' then
        return query
        select h.rank, null::bigint, h.subject_id, h.label::text, null::text, h.level::text, h.subject_id, h.label::text, h.city::text, h.country::text, h.classes,
            h.points, h.players, h.points_per_player, h.value, h.tie_order
        from api.school_ranking h
        where h.edition_id = edition
            and h.level is not distinct from ranking_page.level
            and (after_value is null or h.value < after_value
                or h.value = after_value and (h.tie_order, h.subject_id) > (after_tie_order, after_subject_id))
        order by h.value desc, h.tie_order, h.subject_id
        limit page_size;
        return;
    end if;
    select e.frozen_at is not null into frozen from mpp.edition e where e.id = edition;
    for r in
        select p.*, h.name as school_label, h.city, h.country
        from (
            select m.*
            from (
                (
                    -- The rest of the crowd at the last value seen.
                    select x.* from mpp.score x
                    where x.edition_id = edition and x.scope = case when ranking_page.scope = 'class' then 'league' else ranking_page.scope end
                        and x.listed and (ranking_page.scope <> 'league' or x.school_id is null)
                        and (ranking_page.scope <> 'class' or x.school_id is not null and (ranking_page.level is null or x.level = ranking_page.level))
                        and x.value = after_value and (x.tie_order, x.subject_id) > (after_tie_order, after_subject_id)
                    order by x.tie_order, x.subject_id
                    limit page_size
                )
                union all
                (
                    select x.* from mpp.score x
                    where x.edition_id = edition and x.scope = case when ranking_page.scope = 'class' then 'league' else ranking_page.scope end
                        and x.listed and (ranking_page.scope <> 'league' or x.school_id is null)
                        and (ranking_page.scope <> 'class' or x.school_id is not null and (ranking_page.level is null or x.level = ranking_page.level))
                        and x.value < coalesce(after_value, 2147483647)
                    order by x.value desc, x.tie_order, x.subject_id
                    limit page_size
                )
            ) m
            order by m.value desc, m.tie_order, m.subject_id
            limit page_size
        ) p
        left join mpp.school h on h.id = p.school_id
        order by p.value desc, p.tie_order, p.subject_id
    loop
        if r.value is distinct from was then
            -- Classes of other levels, which this page leaves out, stand between two of one level.
            rank := private.next_rank(edition, among, r.value, rank, crowd, case when level is null then values_seen else 0 end, frozen);
            values_seen := values_seen + 1;
            crowd := 0;
            was := r.value;
        end if;
        crowd := crowd + 1;
        if scope = 'class' then
            n := array_position(levels, r.level::text);
            if r.value is distinct from was_in[n] then
                rank_in[n] := private.next_rank(edition, r.level, r.value, rank_in[n], crowd_in[n], values_in[n], frozen);
                values_in[n] := values_in[n] + 1;
                crowd_in[n] := 0;
                was_in[n] := r.value;
            end if;
            crowd_in[n] := crowd_in[n] + 1;
            level_rank := rank_in[n];
        end if;
        if r.label = '—' then
            erased := coalesce(erased, private.erased_name());
            r.label := erased;
        end if;
        return next (
            rank, level_rank, r.subject_id, r.label, r.league_label, r.level, r.school_id, r.school_label, r.city, r.country, null,
            r.points, r.players, round(r.points::numeric / greatest(r.players, 1), 2), r.value, r.tie_order
        )::api.ranking_row;
    end loop;
end
$$;
grant execute on function private.ranking_page to anon, authenticated, service_role;

create function api.ranking_page(
    edition_id integer,
    scope text default 'player',
    level text default null,
    after_value bigint default null,
    after_tie_order bigint default null,
    after_subject_id uuid default null,
    page_size integer default 50
) returns setof api.ranking_row
    language sql stable rows 50 set search_path = pg_catalog, pg_temp
begin atomic select * from private.ranking_page(edition_id, scope, level, after_value, after_tie_order, after_subject_id, page_size); end;
comment on function api.ranking_page is 'A page of the ranking of players, teams, leagues, classes or schools; level keeps classes of one level, or schools with their classes of one level. value, tie_order and subject_id of the last row lead to the next page; the last page has fewer rows than page_size. Call it with GET. Errors: MP010.';
grant execute on function api.ranking_page to anon, authenticated, service_role;
