-- Where the players of a client live, by department, suppressed as in 82_client_figure.

-- The counts as they were at the freeze. Somebody who deletes their account or moves afterwards changes no figure of an
-- edition that is over. Only these counts are kept, not where anybody lived.
create table mpp.client_map_cell (
    participation_id integer not null references mpp.participation (id),
    department text,
    players integer,
    constraint client_map_cell_once unique nulls not distinct (participation_id, department)
);
comment on table mpp.client_map_cell is 'What client_map shows of a frozen edition: listed players of a client by French department; null for fewer than five.';

alter table mpp.client_map_cell enable row level security;

-- Five people or more are suppressed together, or the difference from the total would say how many they are. When the
-- small places hold fewer, the smallest of the others joins them. Whole tables are not read: without statistics the planner
-- would go through the players of all editions for those of one client.
create function private.count_client_map(participations integer[]) returns table (participation_id integer, department text, players integer)
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    with cell as (
        select l.participation_id as id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from mpp.league l
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        where l.participation_id = any (participations)
            -- Of one to four people, not even where they live.
            and private.has_enough_people(l.participation_id)
        group by l.participation_id, private.department_of(f.country, f.postcode)
    ), elsewhere as (
        -- Players abroad or opted out are on no map, but in the total.
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
        -- Of two that are equal, both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= private.least_people() and o.smaller_players not between 1 and private.least_people() - 1 then o.players::integer end
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

create function private.client_map(chosen integer default null) returns table (participation_id integer, department text, players integer)
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
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
comment on column api.client_map.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_map.department is 'French department, such as 69 or 2A; null for players whose postcode has none.';
comment on column api.client_map.players is 'Listed players who live there. Null for one to four, and for the next larger place where the difference would tell; those abroad or opted out count with what is suppressed.';
grant select on api.client_map to authenticated, service_role, mpp_dashboard;
