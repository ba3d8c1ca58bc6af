-- Ends what an account knew, when it is disabled or deleted. That happens here or in Auth (its API, its console, SQL), so
-- triggers on auth.users catch it where it is written; hosted Supabase lets the deploying role make them. And what the
-- staff do to an account, which leaves a trace whoever does it.

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
    perform private.tell_last_owner_left(old.id);
    perform private.queue_file_removals(old.id);
    perform private.forget_account(old.id);
    return old;
end
$$;

-- Somebody who leaves does not wait for a successor: the association's staff learn that a client has no owner any more,
-- and invite another one. Where the lock of the clients is held, of two owners who leave at once the second is the last.
create function private.tell_last_owner_left(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.queue_mail(format('client-without-owner-%s-%s', o.id, gen_random_uuid()), 'client_without_owner',
        jsonb_build_object('client', o.code, 'name', o.name), account_id => m.account_id)
    from mpp.staff s
    join mpp.organisation o on o.id = s.organisation_id
    cross join mpp.ops_member m
    where s.account_id = account and s.role = 'owner' and s.access_until > private.clock()
        and m.account_id <> account and private.is_live(m.account_id)
        and not exists (
            select
            from mpp.staff x
            where x.organisation_id = s.organisation_id and x.account_id <> account and x.role = 'owner'
                and x.access_until > private.clock() and private.is_live(x.account_id)
        )
    order by o.id, m.account_id;
end
$$;

create trigger account_deleted
    before delete on auth.users
    for each row execute function private.account_deleted();

-- What was done to an account in Auth itself, whose server does not say for whom. The functions of the API write their
-- own line, with who it was. Anonymous accounts come and go by the thousand.
create function private.account_recorded() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() in ('authenticated', 'service_role') or old.is_anonymous then
        return null;
    end if;
    if tg_op = 'DELETE' then
        perform private.record_act('user.delete', old.id::text);
    elsif new.deleted_at is distinct from old.deleted_at then
        perform private.record_act('user.delete', old.id::text, '{"softly": true}');
    else
        perform private.record_act(case when private.is_live(new) then 'user.enable' else 'user.disable' end, new.id::text);
    end if;
    return null;
end
$$;

create trigger account_recorded_when_changed
    after update of banned_until, deleted_at on auth.users
    for each row
    when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
    execute function private.account_recorded();

create trigger account_recorded_when_deleted
    after delete on auth.users
    for each row execute function private.account_recorded();

-- The account with this id or address; null if there is none. It says of one address whether it has an account, so only
-- the staff ask.
create function private.account_called(who text) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := lower(btrim(coalesce(who, '')));
begin
    if typed ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (select u.id from auth.users u where u.id = typed::uuid and u.deleted_at is null);
    end if;
    return (select u.id from auth.users u where u.email = typed and not u.is_sso_user and u.deleted_at is null);
end
$$;

create function private.set_account_disabled(who text, disabled boolean, reason text) returns api.account
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    why text;
    told api.account;
begin
    perform private.require_ops();
    account := private.account_called(who);
    why := case when btrim(coalesce(reason, '')) <> '' then private.clean_line('reason', reason, 500) end;
    if account is null or disabled is null then
        perform private.refuse('MP005');
    end if;
    -- As with making staff: a stolen session of the staff must not shut the others out, nor let one in again.
    if private.is_ops_member(account) and not private.is_service() then
        perform private.refuse('MP006');
    end if;
    update auth.users u
    set banned_until = case when disabled then private.clock() + interval '876000 hours' end
    where u.id = account;
    perform private.record_act(case when disabled then 'user.disable' else 'user.enable' end, account::text,
        jsonb_strip_nulls(jsonb_build_object('reason', why)));
    select u.id, u.email, coalesce(u.created_at, 'epoch'), u.email_confirmed_at, u.last_sign_in_at, u.banned_until, u.is_anonymous
    into told
    from auth.users u
    where u.id = account;
    return told;
end
$$;
grant execute on function private.set_account_disabled to authenticated, service_role;

create function api.set_account_disabled(who text, disabled boolean, reason text default null) returns api.account
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_account_disabled(who, disabled, reason); end;
comment on function api.set_account_disabled is 'Keeps an account, by id or address, from signing in, or lets it sign in again; its players and points stay. Staff of the association; accounts of staff with the secret key only. Errors: MP005, MP006, MP010, MP013.';
grant execute on function api.set_account_disabled to authenticated, service_role;

-- Called before Auth is asked to remove the factor: rather a line too many than one too few.
create function private.record_factor_removal(account_id uuid, factor_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_service();
    why := private.clean_line('reason', reason, 500);
    if not exists (
        select from auth.mfa_factors f where f.id = record_factor_removal.factor_id and f.user_id = record_factor_removal.account_id
    ) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.remove_factor', account_id::text, jsonb_build_object('factor_id', factor_id, 'reason', why));
end
$$;
grant execute on function private.record_factor_removal to service_role;

create function api.record_factor_removal(account_id uuid, factor_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_factor_removal(account_id, factor_id, reason); end;
comment on function api.record_factor_removal is 'Records that a second factor is about to be removed by the administration interface of Auth, and why. Secret key only. Errors: MP005, MP006, MP010.';
grant execute on function api.record_factor_removal to service_role;
