-- Who stands in the public rankings, and under which name. The rankings are in 78_ranking.

-- A frozen ranking may lose a name, never gain one.
create function private.lock_listing(edition integer, listed boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    frozen text;
begin
    perform private.lock_edition(edition);
    select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
    if frozen is not null and listed then
        perform private.refuse('MP024', frozen);
    end if;
end
$$;

-- Shows or hides in the public ranking: a player themselves, an ambassador the league.
create function private.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    leads boolean;
    mine mpp.player;
begin
    if listed is null then
        perform private.refuse('MP010', 'listed', 'it is empty', 'Send true or false.');
    end if;
    if scope = 'league' then
        account := case when private.is_ops() then (select private.my_account()) else private.require_account(accepted => listed) end;
        perform private.lock_listing((select l.edition_id from mpp.league l where l.id = set_listing.subject_id), listed);
        perform private.lock_league(set_listing.subject_id);
        leads := exists (select from mpp.ambassador a where a.league_id = set_listing.subject_id and a.account_id = account);
        if not leads and not (private.is_ops() and exists (select from mpp.league l where l.id = set_listing.subject_id)) then
            perform private.refuse('MP007');
        end if;
        if leads and listed and exists (
            select
            from mpp.league l
            left join mpp.school h on h.id = l.school_id
            where l.id = set_listing.subject_id and (l.held_back or h.is_hidden)
        ) then
            perform private.refuse('MP010', 'listed', 'Ma Petite Planète took it out of the rankings', 'Write to Ma Petite Planète.');
        end if;
        update mpp.league l
        set listed = set_listing.listed,
            -- What the staff take out stays out: a league with a bad name, a class that is none.
            held_back = case when leads then l.held_back else not set_listing.listed end,
            hidden_with_school = l.hidden_with_school and leads
        where l.id = set_listing.subject_id
            and (l.listed <> set_listing.listed or (not leads and l.held_back = set_listing.listed));
        if not leads then
            perform private.record_act('league.list', set_listing.subject_id::text, jsonb_build_object('listed', set_listing.listed));
        end if;
    elsif scope = 'player' then
        account := private.require_account(accepted => listed);
        select * into mine from mpp.player p where p.id = set_listing.subject_id and p.account_id = account;
        if not found then
            perform private.refuse('MP005');
        end if;
        if listed and not private.may_be_listed(account) then
            perform private.refuse('MP050');
        end if;
        perform private.lock_listing(mine.edition_id, listed);
        perform private.lock_league(mine.league_id);
        -- Also where nothing changes: it is what they want in the next edition.
        update mpp.player p
        set listed = set_listing.listed, listing_choice = set_listing.listed, listing_chosen_at = private.clock()
        where p.id = mine.id and (p.listed, p.listing_choice) is distinct from (set_listing.listed, set_listing.listed);
    else
        perform private.refuse('MP010', 'scope', scope::text, 'Use player or league; a team follows its league.');
    end if;
end
$$;
grant execute on function private.set_listing to authenticated, service_role;

create function api.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_listing(scope, subject_id, listed); end;
comment on function api.set_listing is 'Shows or hides a player (themselves) or a league or class (its ambassadors or teachers, and staff) in the public ranking. What a player chooses also holds when they join another edition. What the staff took out stays out until they put it back. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP050.';
grant execute on function api.set_listing to authenticated, service_role;

-- A corrected profile shows in the person's leagues, in every edition that is not frozen.
create function private.profile_show_in_leagues() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.player p
    set alias = new.alias, first_name = new.first_name, picture_path = new.picture_path
    from mpp.edition e
    where p.account_id = new.id and e.id = p.edition_id and e.frozen_at is null;
    if not private.may_be_listed(new.id) then
        update mpp.player p set listed = false where p.account_id = new.id and p.listed;
    end if;
    if private.is_under(new.id, 15) then
        delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = new.id;
    end if;
    return null;
end
$$;

create trigger profile_show_in_leagues
    after update of alias, first_name, picture_path, birth_date, country, guardian_consent_at on mpp.profile
    for each row execute function private.profile_show_in_leagues();
