-- Ends what an account knew, when it is disabled or deleted. That happens in Auth (its API, its console, SQL), so
-- triggers on auth.users catch it where Auth writes; hosted Supabase lets the deploying role make them.

-- Locks what an account runs, played in or follows, in the order of every command, and the clients that it works for. A
-- command of this account that is under way ends first, and what it handed out ends with the rest. One that waits asks
-- again when it has the lock.
create function private.lock_what_ends(account uuid) returns uuid[]
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[] := private.leagues_known_to(account);
    -- And the rows that keep its id, which its erasure writes to.
    marked uuid[] := array(
        select l.id from mpp.league l where l.created_by = account
        union
        select v.league_id from mpp.validation v where v.validated_by = account
        union
        select v.league_id from mpp.validation v where v.cancelled_by = account
    );
begin
    perform private.lock_edition(x.edition_id)
    from (
        select l.edition_id from mpp.league l where l.id = any (leagues || marked)
        union
        select p.edition_id from mpp.player p where p.account_id = account
        order by edition_id
    ) x;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), x.organisation_id)
    from (select s.organisation_id from mpp.staff s where s.account_id = account order by s.organisation_id) x;
    perform private.lock_leagues(leagues || marked);
    return private.leagues_known_to(account);
end
$$;

create function private.leagues_known_to(account uuid) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select a.league_id from mpp.ambassador a where a.account_id = account
        union
        select p.league_id from mpp.player p where p.account_id = account and p.league_id is not null
        union
        select v.league_id from mpp.player p join mpp.validation v on v.player_id = p.id where p.account_id = account
        union
        select f.league_id from mpp.family f where f.account_id = account
    );
end
$$;

-- The account was disabled, or deleted softly: its rows stay and it is out (private.is_live). Its owner could come back
-- under another account, by the code of whatever it ran, played in or followed. What it sent and what waits for it ends
-- too.
create function private.account_ended() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    s mpp.staff;
begin
    if private.is_live(new.id) then
        return null;
    end if;
    leagues := private.lock_what_ends(new.id);
    -- All codes in one go, so that of two who renew some of the same codes the second waits for the first.
    perform private.renew_codes(leagues || private.open_leagues_of(array(
        select x.organisation_id from mpp.staff x where x.account_id = new.id and x.role >= 'manager')));
    for s in select x.* from mpp.staff x where x.account_id = new.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, read_codes => false);
    end loop;
    perform private.end_invitations_of(new.id, new.email);
    return null;
end
$$;

-- Invitations to a client's space that wait for the address of somebody who works there.
create function private.end_invitations_of(account uuid, address text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    invitation integer;
begin
    for invitation in
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.email = lower(address) and i.accepted_at is null and i.expires_at > private.clock()
            and exists (select from mpp.staff s where s.account_id = account and s.organisation_id = i.organisation_id)
        returning i.id
    loop
        perform private.drop_invitation_mails(invitation);
    end loop;
end
$$;

create trigger account_ended
    after update of banned_until, deleted_at on auth.users
    for each row
    when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
    execute function private.account_ended();

-- The account was deleted: what it ran is ended by profile_forget, and what it read as staff of a client by
-- staff_changed. A league in which it only played keeps its code, like one that a player leaves: to keep somebody out,
-- expel or disable them first.
create function private.account_deleted() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff;
begin
    -- The profile first, as in profile_forget.
    perform from mpp.profile p where p.id = old.id for update;
    perform private.lock_what_ends(old.id);
    for s in select x.* from mpp.staff x where x.account_id = old.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, read_codes => false);
    end loop;
    perform private.end_invitations_of(old.id, old.email);
    perform private.forget_account(old.id);
    return old;
end
$$;

create trigger account_deleted
    before delete on auth.users
    for each row execute function private.account_deleted();
