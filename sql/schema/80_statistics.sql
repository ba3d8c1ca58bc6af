-- What all editions came to, and where people play. Counting a whole ledger takes seconds and a map that followed every
-- sign-up would show where the last person lives, so both are counted at the freeze, and before it when the staff ask;
-- what is kept here is what everybody may read.

-- A number of people under this tells about persons: it is suppressed, with what they did and what would give it away.
create function private.least_people() returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select 5 $$;
grant execute on function private.least_people to mpp_owner;

create table mpp.past_statistics (
    as_of date primary key,
    source text not null,
    editions integer not null check (editions >= 0),
    players bigint not null check (players >= 0),
    challenges bigint not null check (challenges >= 0)
);
comment on table mpp.past_statistics is 'What was played before this system: totals, and the day on which they were published.';

insert into mpp.past_statistics (as_of, source, editions, players, challenges)
values ('2022-11-08', 'Share it: 18 editions, 133,380 players, 1,940,000 challenges', 18, 133380, 1940000);

create table mpp.edition_count (
    edition_id integer primary key references mpp.edition (id),
    players bigint not null check (players >= 0),
    challenges bigint not null check (challenges >= 0),
    counted_at timestamptz not null
);
comment on table mpp.edition_count is 'Listed players (pupils of listed classes in a school edition) and their credited validations, when they were last counted.';

create table mpp.map_cell (
    id integer generated always as identity primary key,
    edition_id integer not null references mpp.edition (id),
    country text check (private.is_country(country)),
    department text check (department ~ '^([0-9]{2,3}|2[AB])$'),
    players bigint not null check (players >= private.least_people()),
    constraint map_cell_department_in_france check (department is null or country = 'FR'),
    constraint map_cell_once unique nulls not distinct (edition_id, country, department)
);
comment on table mpp.map_cell is 'How many play where, as last counted. Places with fewer than five people are together in the row without a country.';

alter table mpp.past_statistics enable row level security;
alter table mpp.edition_count enable row level security;
alter table mpp.map_cell enable row level security;

create policy past_statistics_select_everyone on mpp.past_statistics
    for select to anon, authenticated
    using (as_of <= (select private.today()));

-- Of a private edition its players read them, as its rankings: to its client they would tell what the one person did who came.
create policy edition_count_select_anon on mpp.edition_count
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy edition_count_select_authenticated on mpp.edition_count
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy map_cell_select_anon on mpp.map_cell
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy map_cell_select_authenticated on mpp.map_cell
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

grant select on mpp.past_statistics, mpp.edition_count, mpp.map_cell to anon, authenticated, service_role;

-- What listed players or classes did: all that was credited, less that of the few who opted out. The planner, without
-- statistics (99_ownership), would read the ledgers of all editions: the index by blocks finds that of one.
create function private.count_done(edition integer, by_league boolean) returns bigint
    language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    select (select count(*) from mpp.validation v where v.edition_id = edition and v.state = 'credited')
        - (
            select count(*)
            from mpp.score s
            join mpp.validation v on v.player_id = s.subject_id and v.edition_id = edition and v.state = 'credited'
            where not by_league and s.edition_id = edition and s.scope = 'player' and not s.listed
        ) - (
            select count(*)
            from mpp.score s
            join mpp.validation v on v.league_id = s.subject_id and v.edition_id = edition and v.state = 'credited'
            where by_league and s.edition_id = edition and s.scope = 'league' and not s.listed
        )
$$;

-- Places with fewer than five people are put together into one row. When they are fewer than five even together, the
-- smallest of the others joins them: the difference from the published total of players then gives no small number back.
create function private.count_edition_now(edition integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
    -- Private columns have no statistics (99_ownership), and the planner would look up a million profiles one by one.
    set enable_nestloop = off
    set work_mem = '64MB'
as $$
declare
    at timestamptz := private.clock();
    counted mpp.edition_count;
    e mpp.edition;
begin
    select * into e from mpp.edition x where x.id = edition;
    if e.audience = 'school' then
        select coalesce(sum(s.players), 0) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'league' and s.listed and s.school_id is not null;
    else
        select count(*) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'player' and s.listed;
    end if;
    counted.challenges := private.count_done(edition, e.audience = 'school');
    insert into mpp.edition_count (edition_id, players, challenges, counted_at)
    values (edition, counted.players, counted.challenges, at)
    on conflict on constraint edition_count_pkey do update
    set players = excluded.players, challenges = excluded.challenges, counted_at = excluded.counted_at;

    delete from mpp.map_cell c where c.edition_id = edition;
    insert into mpp.map_cell (edition_id, country, department, players)
    with cell as (
        select w.country, w.department, sum(w.players) as players
        from (
            select f.country, private.department_of(f.country, f.postcode) as department, count(*) as players
            from mpp.score s
            join mpp.player p on p.id = s.subject_id and p.edition_id = edition
            join mpp.profile f on f.id = p.account_id
            where s.edition_id = edition and s.scope = 'player' and s.listed
                -- Adults at the start of the edition.
                and f.birth_date <= ((e.starts_at at time zone e.time_zone)::date - interval '18 years')::date
            group by f.country, f.postcode
            union all
            select h.country, h.department, sum(s.players)
            from mpp.score s
            join mpp.school h on h.id = s.school_id
            where s.edition_id = edition and s.scope = 'league' and s.listed
            group by h.country, h.department
        ) w
        group by w.country, w.department
        having sum(w.players) > 0
    ), ordered as (
        select c.*, coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        window smaller as (order by c.players, c.country, c.department rows between unbounded preceding and 1 preceding)
    ), sorted as (
        -- The smallest that could be shown joins what is suppressed, when that alone would give itself away.
        select o.*, o.players < private.least_people() or o.smaller_players between 1 and private.least_people() - 1 as is_suppressed
        from ordered o
    )
    select edition, s.country, s.department, s.players from sorted s where not s.is_suppressed
    union all
    select edition, null, null, sum(s.players) from sorted s where s.is_suppressed having sum(s.players) >= private.least_people();
end
$$;

-- At the freeze, in its transaction: from then on neither changes.
create function private.edition_count_frozen() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.count_edition_now(new.id);
    return null;
end
$$;

create trigger edition_count_frozen
    after update on mpp.edition
    for each row
    when (old.frozen_at is null and new.frozen_at is not null)
    execute function private.edition_count_frozen();

create function private.count_edition(edition_code text) returns timestamptz
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform pg_advisory_xact_lock(hashtext('mpp.edition_count'), e.id);
    -- Read again: it may have been frozen, and counted, in between.
    e := private.find_edition(edition_code);
    if e.frozen_at is null or not exists (select from mpp.edition_count c where c.edition_id = e.id) then
        perform private.count_edition_now(e.id);
    end if;
    return (select c.counted_at from mpp.edition_count c where c.edition_id = e.id);
end
$$;
grant execute on function private.count_edition to authenticated, service_role;

create function api.count_edition(edition_code text) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.count_edition(edition_code); end;
comment on function api.count_edition is 'Counts an edition for edition_statistics, lifetime_statistics and player_map, as the freeze does by itself; returns when it was counted. A frozen one is not counted again. Staff. Errors: MP006, MP020.';
grant execute on function api.count_edition to authenticated, service_role;

-- What an edition came to. Players who opted out are in no count; pupils are counted by their class. Challenges are those
-- that were done, as everywhere in the statistics: how many cards an edition has would tell how many are still hidden.
create view api.edition_statistics with (security_invoker = true) as
select
    e.id as edition_id,
    e.code,
    coalesce(case when e.audience = 'school' then k.pupils else t.players end, 0)::bigint as players,
    coalesce(t.teams, 0)::bigint as teams,
    coalesce(t.leagues, 0)::bigint as leagues,
    coalesce(case when e.audience = 'school' then k.class_points else t.points end, 0)::bigint as points,
    k.classes,
    k.schools,
    c.challenges,
    c.counted_at
from mpp.edition e
left join mpp.edition_count c on c.edition_id = e.id
-- From the counts of the ranking while an edition runs, so that it costs the same for a million players. The value of a player is
-- points.
left join lateral (
    select
        sum(n.subjects) filter (where n.scope = 'player') as players,
        sum(n.points) filter (where n.scope = 'player') as points,
        sum(n.subjects) filter (where n.scope = 'team') as teams,
        -- Classes are leagues, and counted by their level too.
        sum(n.subjects) filter (where n.scope = 'league')
            - coalesce(sum(n.subjects) filter (where n.scope not in ('player', 'team', 'league')), 0) as leagues
    from (
        select c.scope::text as scope, c.subjects, case when c.scope = 'player' then (
            select sum(u.subjects * ((c.bucket << 6) + u.place - 1)) from unnest(c.counts) with ordinality u (subjects, place)
        ) end as points
        from mpp.score_count c
        where c.edition_id = e.id and e.frozen_at is null
        union all
        select x.scope, x.change, x.change * x.value from mpp.score_change x where x.edition_id = e.id and e.frozen_at is null
        union all
        -- The counts of a frozen edition keep the ranks, and with them who has left it since.
        select s.scope::text, count(*), sum(s.points)
        from mpp.score s
        where s.edition_id = e.id and s.listed and e.frozen_at is not null
        group by s.scope
        union all
        select s.level::text, count(*), 0
        from mpp.score s
        where s.edition_id = e.id and s.listed and s.level is not null and e.frozen_at is not null
        group by s.level
    ) n
) t on true
left join lateral (
    select count(*) as classes, sum(s.players) as pupils, sum(s.points) as class_points, count(distinct s.school_id) as schools
    from mpp.score s
    where s.edition_id = e.id and s.listed and s.school_id is not null
) k on true;
comment on view api.edition_statistics is 'Listed players, teams, leagues, classes and schools of each edition, and their points; players are the pupils of listed classes in a school edition. challenges are their credited validations as last counted (counted_at), at the freeze or by count_edition before it; null until then.';
grant select on api.edition_statistics to anon, authenticated, service_role;

create view api.lifetime_statistics with (security_invoker = true) as
select
    p.editions + n.editions as editions,
    p.players + n.players as players,
    p.challenges + n.challenges as challenges,
    p.editions as past_editions,
    p.players as past_players,
    p.challenges as past_challenges,
    p.as_of as past_as_of,
    n.counted_at
from (
    select coalesce(sum(s.editions), 0) as editions, coalesce(sum(s.players), 0) as players, coalesce(sum(s.challenges), 0) as challenges,
        max(s.as_of) as as_of
    from mpp.past_statistics s
) p
cross join (
    select
        count(*) as editions,
        coalesce(sum(c.players), 0) as players,
        coalesce(sum(c.challenges), 0) as challenges,
        min(c.counted_at) filter (where e.frozen_at is null) as counted_at
    from mpp.edition e
    left join mpp.edition_count c on c.edition_id = e.id
    where e.opened_at is not null and e.organisation_id is null and e.starts_at <= (select private.read_clock())
) n;
comment on view api.lifetime_statistics is 'Over all editions that have begun, with what was played before this system: editions, players (once for each edition), challenges. Running editions are in it as they were last counted (counted_at).';
grant select on api.lifetime_statistics to anon, authenticated, service_role;

create view api.player_map with (security_invoker = true) as
select m.edition_id, e.code as edition_code, m.area, m.country, m.department, m.players
from (
    select c.edition_id, coalesce(concat_ws('-', c.country, c.department), '') as area, c.country, c.department, c.players
    from mpp.map_cell c
    union all
    -- Over all: the sum of what is published, which gives nothing more away.
    select null, coalesce(concat_ws('-', c.country, c.department), ''), c.country, c.department, sum(c.players)
    from mpp.map_cell c
    where c.edition_id in (select o.id from mpp.edition o where o.organisation_id is null)
    group by c.country, c.department
) m
left join mpp.edition e on e.id = m.edition_id;
comment on view api.player_map is 'Listed adults and pupils of listed classes by country and French department, as last counted; edition_id is null for all editions together. area is FR-75, FR or BE, and empty for the places with fewer than five people, together. Sort by area.';
grant select on api.player_map to anon, authenticated, service_role;
