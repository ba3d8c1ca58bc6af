-- Editions, their phases on the server's clock, the lock of an edition, and maintenance windows. What an edition plays
-- is in 24_challenge.

-- Types that requests and answers name belong to the contract and live in api: callers have no rights on mpp.
create type api.audience as enum ('public', 'school');

create type api.ranking_basis as enum ('total', 'average');

create type api.edition_phase as enum ('draft', 'registration', 'running', 'closed', 'frozen');

-- Text and not an enum: under row-level security only operators that are known not to leak may use an index, and
-- Postgres does not count the comparison of enums among them.
create domain api.ranking_scope as text
    constraint ranking_scope_known check (
        -- The levels are those of private.school_levels(), which callers who name a scope may not call.
        value in ('player', 'team', 'league', 'maternelle', 'elementaire', 'college', 'lycee')
    );
comment on domain api.ranking_scope
    is 'What is ranked: players, teams, leagues (classes are leagues), or the classes of one school level.';

create table mpp.edition (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9-]{3,40}$'),
    audience api.audience not null,
    title mpp.translated not null,
    organisation_id integer references mpp.organisation (id),
    -- The cast fails with the name of the zone when Postgres does not know it.
    time_zone text not null default 'Europe/Paris'
        check ((timestamp '2026-01-01' at time zone time_zone) is not null),
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    registration_closes_at timestamptz not null check (registration_closes_at <= ends_at),
    ranking_basis api.ranking_basis not null,
    league_min_players smallint not null default 6 check (league_min_players between 1 and 1000),
    league_max_players smallint not null default 24 check (league_max_players between 1 and 1000),
    teams_per_league smallint not null default 2 check (teams_per_league between 1 and 20),
    unlock_guesses_per_hour smallint not null default 10 check (unlock_guesses_per_hour between 1 and 100),
    opened_at timestamptz,
    frozen_at timestamptz,
    seal text,
    constraint edition_sizes_in_order check (league_min_players <= league_max_players),
    constraint edition_frozen_with_seal check ((frozen_at is null) = (seal is null))
);
comment on table mpp.edition is 'A round of the game, three weeks unless it says otherwise.';
comment on column mpp.edition.seal is 'Fingerprint of every score at the freeze; verify_scores compares it.';
create index edition_organisation on mpp.edition (organisation_id) where organisation_id is not null;

create table mpp.maintenance_window (
    id integer generated always as identity primary key,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    message mpp.translated not null,
    announced_at timestamptz not null default private.clock()
);
comment on table mpp.maintenance_window is 'Announced interruptions: writes are refused inside, reads go on.';
create index maintenance_window_ends on mpp.maintenance_window (ends_at);

-- draft → registration (open_edition) → running (starts_at) → closed (ends_at) → frozen (freeze_edition).
create function private.edition_phase(
    opened_at timestamptz, starts_at timestamptz, ends_at timestamptz, frozen_at timestamptz, at timestamptz
) returns api.edition_phase
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when frozen_at is not null then 'frozen'::api.edition_phase
        when opened_at is null then 'draft'::api.edition_phase
        when at < starts_at then 'registration'::api.edition_phase
        when at < ends_at then 'running'::api.edition_phase
        else 'closed'::api.edition_phase
    end;
end
$$;
comment on function private.edition_phase is 'Phase of an edition at an instant; running is [starts_at, ends_at).';
grant execute on function private.edition_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)
    to anon, authenticated, service_role;

create function private.refuse_not_running(e mpp.edition) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse('MP022', jsonb_build_object('starts_at', e.starts_at, 'ends_at', e.ends_at),
        e.code, private.format_instant(e.starts_at), private.format_instant(e.ends_at));
end
$$;

create function private.require_running(e mpp.edition, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse_not_running(e);
    end if;
end
$$;

-- The lock of an edition: every writer holds it shared, the freezer alone. It is an advisory lock, because a share lock
-- on the edition's one row would make every validation write to that row.
create function private.lock_edition(edition_id integer, alone boolean default false) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if alone then
        perform pg_advisory_xact_lock(hashtext('mpp.edition'), edition_id);
    else
        perform pg_advisory_xact_lock_shared(hashtext('mpp.edition'), edition_id);
    end if;
    -- Under a fixed snapshot the edition would still look as it did before the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from mpp.edition e where e.id = edition_id for share;
    end if;
end
$$;

create function private.require_no_maintenance() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    until timestamptz;
    at timestamptz := private.clock();
begin
    select max(w.ends_at) into until
    from mpp.maintenance_window w
    where w.ends_at > at and w.starts_at <= at;
    if until is not null then
        perform private.refuse('MP011', jsonb_build_object('until', until), private.format_instant(until));
    end if;
end
$$;

create function private.find_edition(edition_code text) returns mpp.edition
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    found_edition mpp.edition;
begin
    select * into found_edition from mpp.edition e where e.code = edition_code;
    if not found then
        perform private.refuse('MP020', coalesce(edition_code, '(none)'));
    end if;
    return found_edition;
end
$$;

-- Players have counted on rules and dates since the start. Texts and the last day to join may still change.
create function private.edition_keep_rules() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if old.frozen_at is not null
        and (to_jsonb(new) - 'title') is distinct from (to_jsonb(old) - 'title') then
        perform private.refuse('MP024', old.code);
    end if;
    if old.opened_at is not null and old.starts_at <= private.clock()
        and (new.code, new.audience, new.organisation_id, new.time_zone, new.starts_at, new.ranking_basis,
            new.league_min_players, new.league_max_players, new.teams_per_league, new.unlock_guesses_per_hour, new.opened_at)
            is distinct from
            (old.code, old.audience, old.organisation_id, old.time_zone, old.starts_at, old.ranking_basis,
            old.league_min_players, old.league_max_players, old.teams_per_league, old.unlock_guesses_per_hour, old.opened_at) then
        perform private.refuse('MP025', old.code, 'its dates and rules');
    end if;
    -- An edition may end early (close_edition), never late.
    if old.opened_at is not null and old.starts_at <= private.clock() and new.ends_at > old.ends_at then
        perform private.refuse('MP025', old.code, 'its end');
    end if;
    return new;
end
$$;

create trigger edition_keep_rules
    before update on mpp.edition
    for each row execute function private.edition_keep_rules();

create trigger edition_keep
    before delete or truncate on mpp.edition
    for each statement execute function private.refuse_change();

-- Private editions that the caller may read, because they play inside.
create function private.my_private_edition_ids() returns setof integer
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select distinct l.edition_id
    from private.my_league_ids() m (league_id)
    join mpp.league l on l.id = m.league_id
    join mpp.edition e on e.id = l.edition_id
    where e.organisation_id is not null;
end
$$;
grant execute on function private.my_private_edition_ids to authenticated;

-- Editions in which the caller's clients take part. Of a private one they read the edition and its cards, never its
-- ranking: only its players know who is in it.
create function private.my_client_edition_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query select p.edition_id from mpp.participation p where p.organisation_id in (select c.id from private.my_client_ids() c (id));
end
$$;
grant execute on function private.my_client_edition_ids to authenticated, mpp_dashboard;

alter table mpp.edition enable row level security;
alter table mpp.maintenance_window enable row level security;

create policy edition_select_anon on mpp.edition
    for select to anon
    using (opened_at is not null and organisation_id is null);

create policy edition_select_authenticated on mpp.edition
    for select to authenticated
    using (
        (
            opened_at is not null
            and (
                organisation_id is null
                or id in (select private.my_private_edition_ids())
                or id in (select private.my_client_edition_ids())
            )
        )
        or (select private.is_ops())
    );

-- A dashboard names the editions of its client.
create policy edition_select_dashboard on mpp.edition
    for select to mpp_dashboard
    using (opened_at is not null and id in (select private.my_client_edition_ids()));

create policy maintenance_window_select_everyone on mpp.maintenance_window
    for select to anon, authenticated
    using (ends_at > (select private.read_clock()) - interval '24 hours');

grant select on mpp.edition, mpp.maintenance_window to anon, authenticated, service_role;
grant select (id, code, title, starts_at, ends_at, frozen_at) on mpp.edition to mpp_dashboard;

create view api.editions with (security_invoker = true) as
select
    e.id,
    e.code,
    e.audience,
    e.title,
    private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, (select private.read_clock())) as phase,
    e.time_zone,
    e.starts_at,
    e.ends_at,
    e.registration_closes_at,
    e.ranking_basis,
    e.league_min_players,
    e.league_max_players,
    e.teams_per_league,
    e.organisation_id is not null as is_private,
    e.opened_at,
    e.frozen_at
from mpp.edition e cross join (select) read_only;
comment on view api.editions is 'Editions that are open, with their phase now. Staff also see drafts.';
grant select on api.editions to anon, authenticated, service_role;

create view api.maintenance_windows with (security_invoker = true) as
select
    w.id,
    w.starts_at,
    w.ends_at,
    w.message,
    w.announced_at,
    tstzrange(w.starts_at, w.ends_at) @> (select private.read_clock()) as is_active
from mpp.maintenance_window w cross join (select) read_only;
comment on view api.maintenance_windows is 'Announced maintenance windows: past day, present and future.';
grant select on api.maintenance_windows to anon, authenticated, service_role;

-- For the staff: open, close, announce.
create function private.open_edition(edition_code text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    if not exists (select from mpp.edition_challenge c where c.edition_id = e.id) then
        perform private.refuse('MP027', 'it has no challenge');
    end if;
    update mpp.edition set opened_at = private.clock() where id = e.id and opened_at is null;
    if found then
        perform private.record_act('edition.open', edition_code);
    end if;
end
$$;
grant execute on function private.open_edition to authenticated, service_role;

create function api.open_edition(edition_code text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.open_edition(edition_code); end;
comment on function api.open_edition is 'Opens a draft edition to registration; does nothing when it is open already. Staff. Errors: MP006, MP020, MP027.';
grant execute on function api.open_edition to authenticated, service_role;

create function private.close_edition(edition_code text, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
    why text := private.clean_line('reason', reason, 500);
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    at := private.clock();
    e := private.find_edition(edition_code);
    perform private.require_running(e, at);
    update mpp.edition
    set ends_at = at, registration_closes_at = least(registration_closes_at, at)
    where id = e.id;
    perform private.record_act('edition.close', edition_code, jsonb_build_object('reason', why, 'announced_end', e.ends_at));
end
$$;
grant execute on function private.close_edition to authenticated, service_role;

create function api.close_edition(edition_code text, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.close_edition(edition_code, reason); end;
comment on function api.close_edition is 'Ends a running edition now, before its announced end, with a reason. Staff. Errors: MP006, MP010, MP020, MP022.';
grant execute on function api.close_edition to authenticated, service_role;

create function private.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    window_id integer;
begin
    perform private.require_ops();
    if ends_at is null or starts_at is null or ends_at <= starts_at then
        perform private.refuse('MP010', 'ends_at', 'it is not after starts_at', 'Give an end after the start.');
    end if;
    if ends_at <= private.clock() then
        perform private.refuse('MP010', 'ends_at', 'it is in the past', 'Announce maintenance in advance.');
    end if;
    begin
        insert into mpp.maintenance_window (starts_at, ends_at, message)
        values (announce_maintenance.starts_at, announce_maintenance.ends_at, announce_maintenance.message)
        returning id into window_id;
    exception when check_violation or not_null_violation then
        perform private.refuse('MP010', 'message', 'it needs a text in fr and in en', 'Send {"fr": "…", "en": "…"}.');
    end;
    perform private.record_act('maintenance.announce', window_id::text,
        jsonb_build_object('starts_at', announce_maintenance.starts_at, 'ends_at', announce_maintenance.ends_at));
    return window_id;
end
$$;
grant execute on function private.announce_maintenance to authenticated, service_role;

create function api.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.announce_maintenance(starts_at, ends_at, message); end;
comment on function api.announce_maintenance is 'Announces a maintenance window and returns its id; inside it players cannot write. Staff. Errors: MP006, MP010.';
grant execute on function api.announce_maintenance to authenticated, service_role;

create function private.cancel_maintenance(id integer) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    delete from mpp.maintenance_window w where w.id = cancel_maintenance.id;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('maintenance.cancel', cancel_maintenance.id::text);
end
$$;
grant execute on function private.cancel_maintenance to authenticated, service_role;

create function api.cancel_maintenance(id integer) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.cancel_maintenance(id); end;
comment on function api.cancel_maintenance is 'Takes back a maintenance window, or ends one early. Staff. Errors: MP005, MP006.';
grant execute on function api.cancel_maintenance to authenticated, service_role;
