-- The one clock of the game, and the identifiers that follow it. Nothing else reads the time.

-- Time-ordered identifiers (RFC 9562, version 7) keep index inserts on the right-hand page. Postgres 18 has
-- uuidv7() of its own; Supabase runs 17.
create function private.uuid_v7() returns uuid
    language sql parallel safe set search_path = pg_catalog, pg_temp
as $$
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid
$$;

-- The one clock of the game. Only this function reads the time, so a test moves the whole game by replacing it. Not
-- now(): that is the start of the transaction, and a request that waited for a lock would still take the edition for
-- running.
create function private.clock() returns timestamptz
    language plpgsql parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return clock_timestamp();
end
$$;
grant execute on function private.clock to mpp_owner;

-- The same clock for queries. Write (select private.read_clock()): Postgres asks it once, and judges every row at one
-- instant. It is stable, so that the planner still sees through a view, which a volatile function in a column would
-- prevent. It is security definer, so that the caller of a view reads the time without naming what is private.
create function private.read_clock() returns timestamptz
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.clock();
end
$$;
grant execute on function private.read_clock to anon, authenticated, service_role, mpp_dashboard;

create function api.read_clock() returns timestamptz
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.read_clock(); end;
comment on function api.read_clock is 'The time by which the game decides what has begun and what is over. Count down by it, not by the clock of a phone or a laptop. Errors: none.';
grant execute on function api.read_clock to anon, authenticated, service_role;

-- The civil day at that moment. A request may choose the time zone of its session (Prefer: timezone=…), so no day comes
-- from there: a day is one of the edition's zone, and without an edition one of Paris.
create function private.today(time_zone text default 'Europe/Paris') returns date
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (private.clock() at time zone time_zone)::date;
end
$$;
grant execute on function private.today to anon, authenticated, service_role;
