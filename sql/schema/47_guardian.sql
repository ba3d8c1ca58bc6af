-- The agreement of a guardian that a child below the age of consent appears in public. The child names an address, and
-- whoever reads its mail decides by a link that works once, and withdraws by the same link. The staff record what comes
-- by another way.

create table mpp.guardian_request (
    id integer generated always as identity primary key,
    account_id uuid not null references mpp.profile (id) on delete cascade,
    address text not null check (private.is_mail_address(address) and address = lower(address)),
    token_digest bytea not null unique check (octet_length(token_digest) = 32),
    text_version text not null,
    asked_at timestamptz not null default private.clock(),
    expires_at timestamptz not null,
    decided_at timestamptz,
    granted boolean,
    ended_at timestamptz,
    constraint guardian_request_decision_is_whole check ((decided_at is null) = (granted is null))
);
comment on table mpp.guardian_request is 'Questions to guardians, and their links. Withdrawing, and another question before an answer, end one.';
comment on column mpp.guardian_request.address is 'Given by the child. Purpose: asking the guardian, and letting them withdraw. Read by the child and the staff in the database; kept 30 days after the link expired unanswered, after a refusal or a withdrawal, or after the child came of the age of consent.';
comment on column mpp.guardian_request.token_digest is 'SHA-256 of the token of the link. The token stands in the mail and nowhere else.';
create index guardian_request_account on mpp.guardian_request (account_id, asked_at);
create index guardian_request_mailbox on mpp.guardian_request (private.mailbox_of(address), asked_at);

create table mpp.guardian_consent (
    id integer generated always as identity primary key,
    account_id uuid not null,
    granted boolean not null,
    channel text not null check (channel in ('link', 'ops')),
    text_version text not null,
    address_digest bytea check (octet_length(address_digest) = 32),
    reason text check (char_length(reason) <= 200),
    given_at timestamptz not null default private.clock(),
    constraint guardian_consent_is_proven check (case channel when 'link' then address_digest is not null else reason is not null end)
);
comment on table mpp.guardian_consent is 'What guardians agreed to, refused or withdrew, append-only; the newest row of an account holds.';
comment on column mpp.guardian_consent.account_id is 'The child. Purpose: proof. Kept for good after the account is erased; it leads to nobody then.';
comment on column mpp.guardian_consent.address_digest is 'SHA-256 of the address that the link went to: who knows the address can show that it was this one. Read by nobody; kept for good as proof.';
comment on column mpp.guardian_consent.reason is 'How the staff learnt of it. Read by the child and the staff; kept for good as proof.';
create index guardian_consent_account on mpp.guardian_consent (account_id, id desc);

create trigger guardian_consent_append_only
    before update or delete or truncate on mpp.guardian_consent
    for each statement execute function private.refuse_change();

alter table mpp.guardian_request enable row level security;
alter table mpp.guardian_consent enable row level security;

create policy guardian_request_select_owner on mpp.guardian_request
    for select to authenticated
    using (account_id = (select private.my_account()));

create policy guardian_consent_select_authenticated on mpp.guardian_consent
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select (account_id, address, asked_at, expires_at, decided_at, granted, ended_at) on mpp.guardian_request to authenticated;
grant select (id, account_id, granted, channel, text_version, reason, given_at) on mpp.guardian_consent to authenticated;

create view api.my_guardian_requests with (security_invoker = true) as
select r.address, r.asked_at, r.expires_at, r.decided_at, r.granted, r.ended_at
from mpp.guardian_request r cross join (select) read_only
where r.account_id = (select private.my_account());
comment on view api.my_guardian_requests is 'Whom the caller asked to agree as their guardian, and what came of it; sort by asked_at.';
comment on column api.my_guardian_requests.granted is 'What the guardian answered; null before.';
comment on column api.my_guardian_requests.ended_at is 'When the guardian withdrew, or the caller asked again before an answer.';
grant select on api.my_guardian_requests to authenticated;

create view api.my_guardian_consents with (security_invoker = true) as
select c.id, c.granted, c.channel, c.text_version, c.reason, c.given_at
from mpp.guardian_consent c cross join (select) read_only
where c.account_id = (select private.my_account());
comment on view api.my_guardian_consents is 'Everything that a guardian of the caller agreed to, refused or withdrew; sort by id.';
grant select on api.my_guardian_consents to authenticated;

-- A question that is over is not mailed any more.
create function private.drop_guardian_mails(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'no longer asked', data = '{}'
    from mpp.guardian_request r
    where r.account_id = account and m.key = 'guardian/' || encode(r.token_digest, 'hex') and m.state = 'queued';
end
$$;

create function private.ask_guardian(email text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    typed text := lower(private.trimmed(left(email, 400)));
    me mpp.profile;
    -- 244 random bits.
    token text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    r mpp.guardian_request;
    at timestamptz;
begin
    perform private.lock_profile(account);
    -- One question at a time, so that they can be counted.
    select * into me from mpp.profile p where p.id = account for no key update;
    if private.may_be_listed(account) then
        if me.guardian_consent_at is not null then
            perform private.refuse('MP010', 'email', 'a guardian has agreed already', 'Nothing more is needed.');
        end if;
        perform private.refuse('MP059', private.consent_age(me.country)::text);
    end if;
    if typed is null or not private.is_mail_address(typed) then
        perform private.refuse('MP010', 'email', coalesce(left(email, 100), 'it is empty'), 'Give an address such as ada@example.org.');
    end if;
    if private.mailbox_of(typed) = private.mailbox_of((select u.email::text from auth.users u where u.id = account)) then
        perform private.refuse('MP010', 'email', 'it is your own', 'Give the address of a guardian.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.mailbox'), hashtext(private.mailbox_of(typed)));
    at := private.clock();
    -- Three a day for a child and ten in all; five a day for a mailbox, whoever asks.
    if (select count(*) from mpp.guardian_request x where x.account_id = account and x.asked_at > at - interval '24 hours') >= 3
        or (select count(*) from mpp.guardian_request x where x.account_id = account) >= 10 then
        perform private.refuse('MP047', '3');
    end if;
    if (
        select count(*) from mpp.guardian_request x
        where private.mailbox_of(x.address) = private.mailbox_of(typed) and x.asked_at > at - interval '24 hours'
    ) >= 5 then
        perform private.refuse('MP047', '5');
    end if;
    perform private.drop_guardian_mails(account);
    update mpp.guardian_request x set ended_at = at where x.account_id = account and x.decided_at is null and x.ended_at is null;
    insert into mpp.guardian_request (account_id, address, token_digest, text_version, asked_at, expires_at)
    values (account, typed, sha256(convert_to(token, 'UTF8')), (private.current_terms()).version, at, at + interval '336 hours')
    returning * into r;
    perform private.queue_mail('guardian/' || encode(r.token_digest, 'hex'), 'guardian_request',
        jsonb_build_object('first_name', me.first_name, 'token', token, 'expires_at', r.expires_at), 'service',
        address => typed, language => case me.language when 'fr' then 'fr' else 'en' end, useful_until => r.expires_at);
end
$$;
grant execute on function private.ask_guardian to authenticated;

create function api.ask_guardian(email text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.ask_guardian(email); end;
comment on function api.ask_guardian is 'Asks a guardian of the caller, by mail, whether they may appear in public. The link in the mail works once, for 14 days, and later withdraws. Three questions a day, ten in all. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP059.';
grant execute on function api.ask_guardian to authenticated;

create function private.guardian_request_of(token text) returns mpp.guardian_request
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request;
begin
    if token is not null and octet_length(token) <= 200 then
        select * into r from mpp.guardian_request x where x.token_digest = sha256(convert_to(token, 'UTF8'));
    end if;
    if r.id is null then
        perform private.refuse('MP062');
    end if;
    return r;
end
$$;

create type api.guardian_question as (first_name text, state text, text_version text, asked_at timestamptz, expires_at timestamptz, decided_at timestamptz);
comment on type api.guardian_question is 'What a guardian is asked about whom. state: open, granted, refused, withdrawn or expired.';

create function private.guardian_question(token text) returns api.guardian_question
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request := private.guardian_request_of(token);
begin
    return row (
        (select p.first_name from mpp.profile p where p.id = r.account_id),
        case
            when r.granted and r.ended_at is not null then 'withdrawn'
            when r.granted then 'granted'
            when r.decided_at is not null then 'refused'
            when r.ended_at is not null or r.expires_at <= private.clock() then 'expired'
            else 'open'
        end,
        r.text_version, r.asked_at, r.expires_at, r.decided_at
    )::api.guardian_question;
end
$$;
grant execute on function private.guardian_question to anon, authenticated;

create function api.guardian_question(token text) returns api.guardian_question
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.guardian_question(token); end;
comment on function api.guardian_question is 'What the link of a mail asks a guardian. The token is the proof; nobody signs in. Errors: MP062.';
grant execute on function api.guardian_question to anon, authenticated;

-- Sets what holds for the child. Its editions are locked, then the profile.
create function private.hold_guardian_consent(account uuid, granted boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.profile p
    set guardian_consent_at = case when hold_guardian_consent.granted then coalesce(p.guardian_consent_at, private.clock()) end
    where p.id = account;
    -- Whatever withdraws ends every link that agreed.
    if not granted then
        update mpp.guardian_request r set ended_at = private.clock()
        where r.account_id = account and r.granted and r.ended_at is null;
    end if;
end
$$;

create function private.guardian_decide(token text, granted boolean) returns api.guardian_question
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request;
    account uuid;
begin
    perform private.require_no_maintenance();
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    r := private.guardian_request_of(token);
    account := r.account_id;
    perform private.lock_editions_of(account);
    perform from mpp.profile p where p.id = account for no key update;
    -- Again under the lock: twice at once, and the second finds it decided; or the account went meanwhile.
    r := private.guardian_request_of(token);
    if r.decided_at is null then
        if r.ended_at is not null or r.expires_at <= private.clock() then
            perform private.refuse('MP062');
        end if;
        update mpp.guardian_request x set decided_at = private.clock(), granted = guardian_decide.granted where x.id = r.id;
    elsif r.granted and r.ended_at is null and not granted then
        null; -- It withdraws.
    elsif granted <> (r.granted and r.ended_at is null) then
        perform private.refuse('MP062');
    else
        -- The same again: the answer got lost.
        return private.guardian_question(token);
    end if;
    insert into mpp.guardian_consent (account_id, granted, channel, text_version, address_digest)
    values (account, guardian_decide.granted, 'link', r.text_version, sha256(convert_to(r.address, 'UTF8')));
    perform private.hold_guardian_consent(account, granted);
    return private.guardian_question(token);
end
$$;
grant execute on function private.guardian_decide to anon, authenticated;

create function api.guardian_decide(token text, granted boolean) returns api.guardian_question
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.guardian_decide(token, granted); end;
comment on function api.guardian_decide is 'A guardian agrees or refuses by the token of their link, once; false after having agreed withdraws. The token is the proof; nobody signs in. Errors: MP010, MP011, MP062.';
grant execute on function api.guardian_decide to anon, authenticated;

create function private.record_guardian_consent(account_id uuid, granted boolean, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text := private.clean_line('reason', reason, 200);
begin
    perform private.require_ops();
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    perform private.lock_editions_of(account_id);
    perform from mpp.profile p where p.id = account_id and p.alias is not null for no key update;
    if not found then
        perform private.refuse('MP005');
    end if;
    insert into mpp.guardian_consent (account_id, granted, channel, text_version, reason)
    values (record_guardian_consent.account_id, record_guardian_consent.granted, 'ops', (private.current_terms()).version, why);
    perform private.hold_guardian_consent(account_id, granted);
    perform private.record_act('guardian.record', account_id::text, jsonb_build_object('granted', granted, 'reason', why));
end
$$;
grant execute on function private.record_guardian_consent to authenticated, service_role;

create function api.record_guardian_consent(account_id uuid, granted boolean, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_guardian_consent(account_id, granted, reason); end;
comment on function api.record_guardian_consent is 'Records that a guardian of a player agreed or withdrew by another way than the link, such as a letter; the log and the audit keep the reason. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.record_guardian_consent to authenticated, service_role;

-- The account is erased: nobody is asked about it any more.
create function private.profile_ask_no_more() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.drop_guardian_mails(old.id);
    return old;
end
$$;

create trigger profile_ask_no_more
    before delete on mpp.profile
    for each row execute function private.profile_ask_no_more();
