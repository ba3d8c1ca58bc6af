-- The staff of a client: invited, given a role and dates, removed. What an access gives is in 30_client.

-- Checks the dates of an access: the end is after the beginning and has not passed.
create function private.check_access(opens timestamptz, closes timestamptz) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if closes is null or not isfinite(closes) then
        perform private.refuse('MP010', 'access_until', coalesce(closes::text, 'it is empty'), 'Give the end of the access.');
    end if;
    if not isfinite(opens) then
        perform private.refuse('MP010', 'access_from', opens::text, 'Give the beginning of the access, or nothing for now.');
    end if;
    if closes <= opens then
        perform private.refuse('MP010', 'access_until', format('%s is not after the beginning, %s', private.format_last_day(closes),
            private.format_first_day(opens)), 'Give an end after the beginning; remove_staff takes an access away.');
    end if;
    if closes <= private.clock() then
        perform private.refuse('MP010', 'access_until', format('%s has passed', private.format_last_day(closes)),
            'Give an end that is still to come; remove_staff takes an access away.');
    end if;
end
$$;

-- Drops the mails of an invitation that is no more, if they have not left.
create function private.drop_invitation_mails(invitation integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.state = 'queued' and m.template = 'staff_invitation' and starts_with(m.key, format('staff:%s:', invitation));
end
$$;

-- The leagues of clients that may still be joined: managers read their codes.
create function private.open_leagues_of(clients integer[]) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select l.id
        from mpp.participation p
        join mpp.edition e on e.id = p.edition_id and e.registration_closes_at > private.clock()
        join mpp.league l on l.participation_id = p.id
        where p.organisation_id = any (clients)
    );
end
$$;

-- Ends what a client's staff knew: the codes that managers read, and the invitations that they sent. It runs under the
-- lock of whatever staff do for the client: a call under way ends first, and its codes are renewed; a call that waits
-- asks again.
create function private.end_staff_access(organisation integer, account uuid, read_codes boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    invitation integer;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation);
    for invitation in
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.organisation_id = organisation and i.invited_by = account and i.accepted_at is null and i.expires_at > private.clock()
        returning i.id
    loop
        perform private.drop_invitation_mails(invitation);
    end loop;
    if read_codes then
        perform private.renew_codes(private.open_leagues_of(array[organisation]));
    end if;
end
$$;

-- Dates run out without a call. So the next call of the client (leagues, guests) or the next night's purge_expired ends
-- what staff knew whose dates have passed. Setting an end does not: until then they read on. Returns how many there
-- were.
create function private.end_overdue_access(organisation integer default null) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    client integer;
    s mpp.staff;
    ended integer := 0;
begin
    for client in
        select distinct x.organisation_id
        from mpp.staff x
        where (end_overdue_access.organisation is null or x.organisation_id = end_overdue_access.organisation)
            and x.access_until <= private.clock() and (x.ended_at is null or x.ended_at < x.access_until)
        order by x.organisation_id
    loop
        perform pg_advisory_xact_lock(hashtext('mpp.client'), client);
        for s in
            update mpp.staff x
            set ended_at = private.clock()
            where x.organisation_id = client and x.access_until <= private.clock()
                and (x.ended_at is null or x.ended_at < x.access_until)
            returning x.*
        loop
            perform private.end_staff_access(s.organisation_id, s.account_id, s.role >= 'manager');
            ended := ended + 1;
        end loop;
    end loop;
    return ended;
end
$$;

-- A change of somebody's access ends the invitation that waits for them: an older one must not bring back a role or
-- dates that were taken away.
create function private.staff_changed() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff := coalesce(new, old);
    invitation integer;
begin
    update mpp.staff_invitation i
    set expires_at = private.clock()
    from auth.users u
    where u.id = s.account_id and i.email = lower(u.email) and i.organisation_id = s.organisation_id and i.accepted_at is null
        and i.expires_at > private.clock()
    returning i.id into invitation;
    if found then
        perform private.drop_invitation_mails(invitation);
    end if;
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and new.role < old.role) then
        perform private.end_staff_access(s.organisation_id, s.account_id,
            old.role >= 'manager' and (tg_op = 'DELETE' or new.role < 'manager'));
    end if;
    return null;
end
$$;

create trigger staff_changed
    after insert or delete or update of role, access_from, access_until on mpp.staff
    for each row execute function private.staff_changed();

create function private.invite_staff(
    organisation_id integer, email text, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    o mpp.organisation;
    me mpp.staff;
    address text := private.typed_address(email);
    code text := private.new_join_code();
    opens timestamptz := coalesce(access_from, private.clock());
    closes timestamptz := access_until;
    invitation integer;
begin
    if not by_ops then
        perform private.lock_account(account);
    end if;
    -- This orders two owners of a client too, of whom one may remove the other.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
    select * into o from mpp.organisation x where x.id = invite_staff.organisation_id;
    if not private.is_mail_address(address) then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 100), 'Give an address such as ada@example.org.');
    end if;
    if role is null then
        perform private.refuse('MP010', 'role', 'it is empty', 'Use viewer, manager or owner.');
    end if;
    if not by_ops then
        -- An owner gives no more than they have: no longer dates, and no role of an owner.
        select * into me from mpp.staff s where s.account_id = account and s.organisation_id = o.id;
        if role = 'owner' then
            perform private.refuse('MP010', 'role', 'owner', 'Only Ma Petite Planète makes owners.');
        end if;
        closes := coalesce(closes, me.access_until);
        if opens < me.access_from or closes > me.access_until then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.format_first_day(me.access_from), private.format_last_day(me.access_until)));
        end if;
        if exists (
            select
            from mpp.staff s
            join auth.users u on u.id = s.account_id
            where s.organisation_id = o.id and s.role = 'owner' and lower(u.email) = address
        ) then
            perform private.refuse('MP010', 'email', left(address, 100), 'This is an owner already, whom only Ma Petite Planète changes.');
        end if;
        if exists (
            select
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email = address and i.role = 'owner' and i.accepted_at is null
                and i.expires_at > private.clock()
        ) then
            perform private.refuse('MP010', 'email', left(address, 100), 'Ma Petite Planète has invited it as an owner, which only it changes.');
        end if;
        -- An invitation is a mail: an owner's account must not become a way to write to somebody again and again.
        -- Invitations that were withdrawn or have expired count too: they were mails.
        if exists (
            select
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email = address and i.invited_at > private.clock() - interval '1 hour'
        ) then
            perform private.refuse('MP010', 'email', 'it was invited less than an hour ago', 'Wait before you invite it again.');
        end if;
        if (
            select count(*)
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email <> address and i.accepted_at is null and i.expires_at > private.clock()
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty invitations are waiting already', 'Withdraw some, or wait until they are taken.');
        end if;
        if (
            select count(*)
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email <> address and i.invited_at > private.clock() - interval '24 hours'
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty addresses were invited within a day', 'Invite it tomorrow.');
        end if;
        if coalesce((select d.written from private.invitations_today(o.id) d where d.mailbox = private.mailbox_of(address)), 0) >= 5 then
            perform private.refuse('MP010', 'email', 'you have sent its mailbox five invitations in a day', 'Invite it tomorrow.');
        end if;
    end if;
    perform private.check_access(opens, closes);
    insert into mpp.staff_invitation as i (organisation_id, email, role, access_from, access_until, code_digest, expires_at, invited_by)
    values (o.id, address, invite_staff.role, opens, closes, sha256(convert_to(code, 'UTF8')),
        least(private.clock() + interval '720 hours', closes), case when not by_ops then account end)
    on conflict on constraint staff_invitation_once do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until,
        code_digest = excluded.code_digest, expires_at = excluded.expires_at, invited_at = private.clock(), accepted_at = null,
        invited_by = excluded.invited_by
    returning i.id into invitation;
    perform private.drop_invitation_mails(invitation);
    perform private.queue_mail(
        format('staff:%s:%s', invitation, encode(substring(sha256(convert_to(code, 'UTF8')) for 8), 'hex')),
        'staff_invitation',
        jsonb_build_object('organisation', o.name, 'role', invite_staff.role, 'code', code, 'access_from', opens, 'access_until', closes,
            'expires_at', (select i.expires_at from mpp.staff_invitation i where i.id = invitation)),
        -- What the association sends belongs to a contract. What a client's owner sends can be refused for good.
        purpose => case when by_ops then 'service' else 'invitation' end::api.mail_purpose, address => address, language => o.language,
        organisation_id => o.id,
        useful_until => (select i.expires_at from mpp.staff_invitation i where i.id = invitation));
    perform private.record_act('client.invite_staff', o.code, jsonb_build_object('invitation', invitation, 'role', invite_staff.role));
    return invitation;
end
$$;
grant execute on function private.invite_staff to authenticated, service_role;

create function api.invite_staff(
    organisation_id integer, email text, role api.staff_role default 'viewer', access_from timestamptz default null,
    access_until timestamptz default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_staff(organisation_id, email, role, access_from, access_until); end;
comment on function api.invite_staff is 'Invites somebody by mail to work in a client''s space, with the dates of their access; a second invitation of an address replaces the first. Staff of the association; owners invite managers and viewers inside their own dates, fifty addresses a day, and a mailbox five times. Returns the invitation id. Errors: MP001, MP002, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.invite_staff to authenticated, service_role;

create function private.accept_staff_invitation(code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    i mpp.staff_invitation;
    inviter mpp.staff;
begin
    perform private.lock_account(account);
    -- Lock first the access that they have already, as a change of it does, which ends the invitation. The client comes
    -- before: a lower role ends what the former one read.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), x.organisation_id)
    from mpp.staff_invitation x
    where x.code_digest = sha256(convert_to(typed, 'UTF8'));
    perform private.require_still_live();
    perform
    from mpp.staff s
    where s.account_id = account
        and s.organisation_id = (select x.organisation_id from mpp.staff_invitation x where x.code_digest = sha256(convert_to(typed, 'UTF8')))
    for update;
    -- Of twenty at once, one gets it. It opens to the address it was sent to, and to nobody else who got hold of the
    -- code.
    select * into i
    from mpp.staff_invitation x
    where x.code_digest = sha256(convert_to(typed, 'UTF8'))
        and x.accepted_at is null
        and x.expires_at > private.clock()
        and exists (
            select from auth.users u
            where u.id = account and lower(u.email) = x.email and u.email_confirmed_at is not null
        )
    for update;
    if not found then
        perform private.refuse('MP082');
    end if;
    if private.my_proven_account() is distinct from account then
        perform private.refuse('MP012');
    end if;
    if i.invited_by is not null then
        -- An owner's invitation is worth what its owner is worth now, and changes no owner.
        select * into inviter
        from mpp.staff s
        where s.account_id = i.invited_by and s.organisation_id = i.organisation_id and s.role = 'owner'
            and s.access_from <= private.clock() and s.access_until > private.clock() and private.is_live(s.account_id);
        if not found or inviter.access_until <= i.access_from or exists (
            select from mpp.staff s where s.account_id = account and s.organisation_id = i.organisation_id and s.role = 'owner'
        ) then
            perform private.refuse('MP082');
        end if;
        i.access_from := greatest(i.access_from, inviter.access_from);
        i.access_until := least(i.access_until, inviter.access_until);
        if i.access_until <= i.access_from then
            perform private.refuse('MP082');
        end if;
    end if;
    update mpp.staff_invitation x set accepted_at = private.clock() where x.id = i.id;
    insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)
    values (i.organisation_id, account, i.role, i.access_from, i.access_until)
    on conflict on constraint staff_pkey do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until;
    perform private.record_act('client.accept_invitation', i.organisation_id::text, jsonb_build_object('invitation', i.id, 'role', i.role));
    return i.organisation_id;
end
$$;
grant execute on function private.accept_staff_invitation to authenticated;

create function api.accept_staff_invitation(code text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_staff_invitation(code); end;
comment on function api.accept_staff_invitation is 'Takes an invitation to a client''s space with the code from the mail. The account''s confirmed address must be the one invited, and its session must prove the address: opened by a mail to it, or by a password that its owner has set since. Returns the organisation id. Errors: MP001, MP002, MP011, MP012, MP013, MP047, MP082.';
grant execute on function api.accept_staff_invitation to authenticated;

create function private.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    me mpp.staff;
    them mpp.staff;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
    select * into them from mpp.staff s
    where s.organisation_id = set_staff.organisation_id and s.account_id = set_staff.account_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    them.role := coalesce(role, them.role);
    them.access_from := coalesce(access_from, them.access_from);
    them.access_until := coalesce(access_until, them.access_until);
    if not by_ops then
        select * into me from mpp.staff s where s.organisation_id = set_staff.organisation_id and s.account_id = account;
        if them.account_id = account or them.role = 'owner' or exists (
            select from mpp.staff s
            where s.organisation_id = them.organisation_id and s.account_id = them.account_id and s.role = 'owner'
        ) then
            perform private.refuse('MP005');
        end if;
        if set_staff.access_until > me.access_until or set_staff.access_from < me.access_from then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.format_first_day(me.access_from), private.format_last_day(me.access_until)));
        end if;
    end if;
    -- A new role alone does not ask about dates, even when they have passed.
    if num_nonnulls(set_staff.access_from, set_staff.access_until) > 0 then
        perform private.check_access(them.access_from, them.access_until);
    end if;
    update mpp.staff s
    set role = them.role, access_from = them.access_from, access_until = them.access_until
    where s.organisation_id = them.organisation_id and s.account_id = them.account_id;
    perform private.record_act('client.set_staff', set_staff.organisation_id::text,
        jsonb_build_object('account_id', them.account_id, 'role', them.role, 'until', them.access_until));
end
$$;
grant execute on function private.set_staff to authenticated, service_role;

create function api.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role default null, access_from timestamptz default null,
    access_until timestamptz default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_staff(organisation_id, account_id, role, access_from, access_until); end;
comment on function api.set_staff is 'Changes the role or the dates of somebody who works for a client; what is left out stays. An end that has passed, or is not after the beginning, is refused: remove_staff takes the access away. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.set_staff to authenticated, service_role;

-- Takes somebody out of a client's space, with whatever would let them in again; or takes back an invitation that
-- waits, with the mail that has not left.
create function private.remove_staff(organisation_id integer, account_id uuid, invitation_id integer) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    taken_back integer;
begin
    if num_nonnulls(account_id, invitation_id) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an invitation', 'Send one of the two.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
    if remove_staff.account_id is null then
        -- It stays as an expired one, so that the count of the day's mails stays right.
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.id = remove_staff.invitation_id and i.organisation_id = remove_staff.organisation_id and i.accepted_at is null
            and i.expires_at > private.clock() and (by_ops or i.role <> 'owner')
        returning i.id into taken_back;
        if not found then
            perform private.refuse('MP005');
        end if;
        perform private.drop_invitation_mails(taken_back);
    else
        -- staff_changed ends an invitation that waits for them.
        delete from mpp.staff s
        where s.organisation_id = remove_staff.organisation_id and s.account_id = remove_staff.account_id
            and (by_ops or (s.role <> 'owner' and s.account_id <> account));
        if not found then
            perform private.refuse('MP005');
        end if;
    end if;
    perform private.record_act(
        case when remove_staff.account_id is null then 'client.cancel_invitation' else 'client.remove_staff' end,
        remove_staff.organisation_id::text,
        jsonb_strip_nulls(jsonb_build_object('account_id', remove_staff.account_id, 'invitation', remove_staff.invitation_id)));
end
$$;
grant execute on function private.remove_staff to authenticated, service_role;

create function api.remove_staff(organisation_id integer, account_id uuid default null, invitation_id integer default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_staff(organisation_id, account_id, invitation_id); end;
comment on function api.remove_staff is 'Takes away at once the access of somebody who works for a client, or takes back an invitation that waits. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.remove_staff to authenticated, service_role;

create type api.client_staff_member as (
    account_id uuid, email text, role api.staff_role, access_from timestamptz, access_until timestamptz, is_me boolean
);
comment on type api.client_staff_member is 'Somebody who works for a client, as its owners see them.';

create function private.client_staff(organisation_id integer) returns setof api.client_staff_member
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := (select private.my_account());
begin
    if not private.is_ops() then
        perform private.require_client_role(organisation_id, private.signed_in(), 'owner');
    elsif not exists (select from mpp.organisation o where o.id = client_staff.organisation_id) then
        perform private.refuse('MP090');
    end if;
    return query
    select s.account_id, u.email::text, s.role, s.access_from, s.access_until, coalesce(s.account_id = account, false)
    from mpp.staff s
    join auth.users u on u.id = s.account_id
    where s.organisation_id = client_staff.organisation_id
    order by s.role desc, u.email;
end
$$;
grant execute on function private.client_staff to authenticated, service_role;

create function api.client_staff(organisation_id integer) returns setof api.client_staff_member
    language sql stable rows 10 set search_path = pg_catalog, pg_temp
begin atomic select * from private.client_staff(organisation_id); end;
comment on function api.client_staff is 'Lists who works for a client, with roles and dates. Its owners, and staff of the association. Errors: MP001, MP002, MP012, MP013, MP090–MP092.';
grant execute on function api.client_staff to authenticated, service_role;
