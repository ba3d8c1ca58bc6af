-- What ends with an account: whatever it knew. Accounts are disabled and deleted in Auth (its API, its console, SQL), so it
-- is caught where Auth writes, on auth.users, of which hosted Supabase lets the deploying role make triggers.

-- Disabled, or deleted softly: its rows stay and it is out (private.is_live). It would come back under another account, by the
-- code of whatever it ran, played in or followed. What it sent and what waits for it ends too.
create function private.account_ended() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff;
begin
    if private.is_live(new.id) then
        return null;
    end if;
    perform private.renew_codes(array(
        select a.league_id from mpp.ambassador a where a.account_id = new.id
        union
        select p.league_id from mpp.player p where p.account_id = new.id and p.league_id is not null
        union
        select v.league_id from mpp.player p join mpp.validation v on v.player_id = p.id where p.account_id = new.id
        union
        select f.league_id from mpp.family f where f.account_id = new.id
    ));
    for s in select x.* from mpp.staff x where x.account_id = new.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, s.role >= 'manager');
    end loop;
    perform private.end_invitations_of(new.id, new.email);
    return null;
end
$$;
revoke execute on function private.account_ended() from public;

-- Invitations to a client's space that wait for the address of somebody who works there.
create function private.end_invitations_of(account uuid, address text) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
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
revoke execute on function private.end_invitations_of(uuid, text) from public;

create trigger account_ended
    after update of banned_until, deleted_at on auth.users
    for each row
    when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
    execute function private.account_ended();

-- Deleted: what it ran follows it (profile_forget), and what it read as staff of a client (staff_changed). A league in which
-- it only played keeps its code, like one that a player leaves: whoever is to be kept out is expelled or disabled first.
create function private.account_deleted() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff;
begin
    for s in select x.* from mpp.staff x where x.account_id = old.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, read_codes => false);
    end loop;
    perform private.end_invitations_of(old.id, old.email);
    return old;
end
$$;
revoke execute on function private.account_deleted() from public;

create trigger account_deleted
    before delete on auth.users
    for each row execute function private.account_deleted();
