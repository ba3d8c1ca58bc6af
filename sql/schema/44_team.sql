-- Teams of a league: adding, naming, and moving between them.

-- The name of a team of a class must say nothing about a pupil (52_pupil).
create function private.clean_team_name(league uuid, name text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from mpp.league l where l.id = league and l.school_id is not null) then
        return private.clean_class_text('name', name, 40);
    end if;
    return private.clean_name('name', name, 40, (
        select p.organisation_id
        from mpp.league l
        join mpp.participation p on p.id = l.participation_id
        where l.id = league
    ));
end
$$;

create function private.create_team(league_id uuid, name text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most integer;
    team uuid;
begin
    perform private.lock_led_league(create_team.league_id);
    select e.teams_per_league into most
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = create_team.league_id;
    if (select count(*) from mpp.team t where t.league_id = create_team.league_id) >= most then
        perform private.refuse('MP037', most::text);
    end if;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select l.id, l.edition_id, private.clean_team_name(l.id, create_team.name)
        from mpp.league l
        where l.id = create_team.league_id
        returning id into team;
    exception when unique_violation then
        perform private.refuse('MP038', create_team.name);
    end;
    return team;
end
$$;
grant execute on function private.create_team to authenticated, service_role;

create function api.create_team(league_id uuid, name text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_team(league_id, name); end;
comment on function api.create_team is 'Adds a team to a league and returns its id. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP037, MP038.';
grant execute on function api.create_team to authenticated, service_role;

create function private.rename_team(team_id uuid, name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_led_league((select t.league_id from mpp.team t where t.id = rename_team.team_id));
    update mpp.team t set name = private.clean_team_name(t.league_id, rename_team.name) where t.id = rename_team.team_id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.rename_team to authenticated, service_role;

create function api.rename_team(team_id uuid, name text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.rename_team(team_id, name); end;
comment on function api.rename_team is 'Renames a team. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP038.';
grant execute on function api.rename_team to authenticated, service_role;

-- A player moves to another team of the league by themselves, or the ambassador moves them.
create function private.choose_team(team_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    target mpp.team;
    moved mpp.player;
begin
    select * into target from mpp.team t where t.id = choose_team.team_id;
    perform private.lock_edition(target.edition_id);
    perform private.lock_league(target.league_id);
    select * into moved
    from mpp.player p
    where p.league_id = target.league_id
        and case when choose_team.player_id is null then p.account_id = account else p.id = choose_team.player_id end;
    -- A pupil has no account, nor has somebody who deleted theirs.
    if moved.id is null or not (
        coalesce(moved.account_id = account, false)
        or exists (select from mpp.ambassador a where a.league_id = target.league_id and a.account_id = account)
    ) then
        perform private.refuse('MP005');
    end if;
    if exists (select from mpp.edition e where e.id = target.edition_id and e.frozen_at is not null) then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = target.edition_id));
    end if;
    update mpp.player p set team_id = target.id where p.id = moved.id and p.team_id <> target.id;
end
$$;
grant execute on function private.choose_team to authenticated;

create function api.choose_team(team_id uuid, player_id uuid default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_team(team_id, player_id); end;
comment on function api.choose_team is 'Moves the caller, or for an ambassador a player of the league, to another team of the league; points stay where they were earned. Errors: MP001–MP003, MP005, MP011, MP024.';
grant execute on function api.choose_team to authenticated;
