-- The outbox: which mail goes to whom, decided at the moment it leaves. `mpp mail send` sends (mpp_supabase/mail, which
-- also has the texts). Here is what makes it safe: one mail per key with one Message-ID, and claims that end.

create type api.mail_purpose as enum ('service', 'invitation', 'weekly_report', 'league_alerts', 'newsletter');

create type api.mail_state as enum (
    'queued', -- -> sending, dropped
    'sending', -- -> sent, queued, failed, uncertain; the one mail that its sender has claimed
    'sent',
    'failed', -- -> queued, by a person
    'dropped', -- its reader must not get it (any more)
    'uncertain' -- -> sent, queued, failed; the server may have taken it, and nobody knows
);

create table mpp.outbox (
    id bigint generated always as identity primary key,
    key text not null unique check (key ~ '^[!-~]{1,200}$'),
    -- The part before the @ is made of the key, so the same mail has the same Message-ID in a database restored from a
    -- backup. The domain is that of the first sender, and stays.
    message_part text not null unique check (message_part ~ '^[0-9a-f]{40}$'),
    message_domain text check (message_domain ~ '^[a-z0-9.-]{1,190}$'),
    purpose api.mail_purpose not null,
    account_id uuid references auth.users (id) on delete cascade,
    address text check (address is null or (private.is_mail_address(address) and address = lower(address))),
    organisation_id integer references mpp.organisation (id),
    league_id uuid references mpp.league (id) on delete cascade,
    template text not null check (template ~ '^[a-z][a-z_]{2,39}$'),
    language text not null check (language in ('fr', 'en')),
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object' and octet_length(data::text) <= 50000),
    state api.mail_state not null default 'queued',
    attempt integer not null default 0,
    failures integer not null default 0,
    next_attempt_at timestamptz not null default private.clock(),
    useful_until timestamptz,
    claimed_by uuid,
    claimed_at timestamptz,
    claim_expires_at timestamptz,
    sent_to text,
    reply text,
    queued_at timestamptz not null default private.clock(),
    sent_at timestamptz,
    constraint outbox_one_recipient check (num_nonnulls(account_id, address) = 1),
    -- A mail that needs a consent cannot go to somebody who could not have given one.
    constraint outbox_consent_is_of_accounts check (purpose not in ('newsletter', 'league_alerts') or account_id is not null),
    constraint outbox_claim_is_whole check (
        state not in ('sending', 'uncertain') or num_nulls(claimed_by, claimed_at, claim_expires_at, message_domain) = 0
    ),
    constraint outbox_sent_has_time check ((state = 'sent') = (sent_at is not null))
);
comment on table mpp.outbox is 'Mails: to send, claimed, sent or given up; one for each key.';
comment on column mpp.outbox.data is 'Only what the mail shows; emptied once it was sent, because it may hold a code.';
comment on column mpp.outbox.attempt is 'How often it was claimed. It names one claim, so that nobody settles another one.';
comment on column mpp.outbox.failures is 'How often a server said "later".';
comment on column mpp.outbox.organisation_id is 'Only for staff of this client, inside their dates at the moment it is sent.';
comment on column mpp.outbox.league_id is 'Only for those who run this league at the moment it is sent; a league_note also for those who play in it.';
create index outbox_account on mpp.outbox (account_id);
create index outbox_organisation on mpp.outbox (organisation_id);
create index outbox_league on mpp.outbox (league_id);

-- How many invitations a mailbox got within a day (62_participant, mail_obstacle).
create index outbox_invitation on mpp.outbox (private.mailbox_of(address), queued_at)
    where template in ('staff_invitation', 'player_invitation');

-- An invitation does not wait behind a newsletter.
create index outbox_queued on mpp.outbox ((purpose <> 'service'), next_attempt_at, id) where state = 'queued';
create index outbox_in_hand on mpp.outbox (claim_expires_at) where state in ('sending', 'uncertain');

alter table mpp.outbox enable row level security;

-- Only the association's staff read mails. Nobody reads tokens and suppressions.
create policy outbox_select_ops on mpp.outbox
    for select to authenticated
    using ((select private.is_ops()));

-- address, sent_to and data are not granted: a code in an invitation is for its reader.
grant select (id, key, message_part, message_domain, purpose, account_id, organisation_id, league_id, template, language, state,
    attempt, failures, next_attempt_at, useful_until, claimed_by, claimed_at, claim_expires_at, reply, queued_at, sent_at)
    on mpp.outbox to authenticated, service_role;

create view api.ops_outbox with (security_invoker = true) as
select
    m.id,
    m.key,
    m.message_part || '@' || m.message_domain as message_id,
    m.purpose,
    m.account_id,
    m.organisation_id,
    m.league_id,
    m.template,
    m.language,
    m.state,
    m.attempt,
    m.failures,
    m.next_attempt_at,
    m.useful_until,
    m.claim_expires_at,
    m.reply,
    m.queued_at,
    m.sent_at,
    m.claimed_by
from mpp.outbox m cross join (select) read_only
where (select private.is_ops());
comment on view api.ops_outbox is 'Every mail and what became of it, without its address and content; sort by id. Staff only.';
grant select on api.ops_outbox to authenticated, service_role;

-- The part of a Message-ID before the @.
create function private.message_part(key text) returns text
    language sql immutable strict set search_path = pg_catalog, pg_temp
as $$ select substr(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 1, 40) $$;

-- Queues one mail and says whether it is new: queuing the same key again changes nothing. For other functions of this
-- schema, which have checked who asks. The recipient is an account, whose address is read when the mail leaves, or an
-- address.
create function private.queue_mail(
    key text, template text, data jsonb, purpose api.mail_purpose default 'service', account_id uuid default null,
    address text default null, language text default null, organisation_id integer default null,
    league_id uuid default null, useful_until timestamptz default null, send_after timestamptz default null
) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if num_nonnulls(account_id, address) <> 1 then
        perform private.refuse('MP010', 'address', 'a mail goes to one account or to one address', 'Give one of the two.');
    end if;
    if address is not null and not private.is_mail_address(address) then
        perform private.refuse('MP010', 'address', left(address, 100), 'Give an address such as ada@example.org.');
    end if;
    if address is not null and purpose in ('newsletter', 'league_alerts') then
        perform private.refuse('MP010', 'purpose', purpose::text, 'Name an account: an address alone has agreed to nothing.');
    end if;
    -- Checked here and not by the constraints, whose errors show the whole row.
    if template is null or template !~ '^[a-z][a-z_]{2,39}$' then
        perform private.refuse('MP010', 'template', coalesce(left(template, 40), 'it is empty'), 'Name a template of the mails.');
    end if;
    if language is not null and language not in ('fr', 'en') then
        perform private.refuse('MP010', 'language', left(language, 20), 'Use fr or en.');
    end if;
    if data is not null and (jsonb_typeof(data) <> 'object' or octet_length(data::text) > 50000) then
        perform private.refuse('MP010', 'data', 'they are no object, or too long', 'Send an object of 50,000 bytes at most.');
    end if;
    if key is null or key !~ '^[!-~]{1,200}$' then
        perform private.refuse('MP010', 'key', coalesce(left(key, 100), 'it is empty'), 'Use up to 200 visible ASCII characters.');
    end if;
    if account_id is not null then
        -- Queue nothing for an account that was deleted a moment ago.
        perform from auth.users u where u.id = queue_mail.account_id for key share;
        if not found then
            return false;
        end if;
    end if;
    insert into mpp.outbox (key, message_part, template, data, purpose, account_id, address, language, organisation_id, league_id,
        useful_until, next_attempt_at)
    values (queue_mail.key, private.message_part(queue_mail.key), queue_mail.template,
        coalesce(queue_mail.data, '{}'), coalesce(queue_mail.purpose, 'service'), queue_mail.account_id,
        lower(queue_mail.address),
        coalesce(
            queue_mail.language,
            (select case p.language when 'fr' then 'fr' else 'en' end from mpp.profile p where p.id = queue_mail.account_id),
            (select o.language from mpp.organisation o where o.id = queue_mail.organisation_id),
            'fr'),
        queue_mail.organisation_id, queue_mail.league_id, queue_mail.useful_until,
        coalesce(queue_mail.send_after, private.clock()))
    on conflict on constraint outbox_key_key do nothing;
    return found;
end
$$;
comment on function private.queue_mail is 'Queues a mail once for its key; true when it is new. Callers have checked who asks. Errors: MP010.';

-- Why this mail must not leave now; null when it may. claim_mail asks it, and nothing earlier: somebody who
-- unsubscribes, loses their access or bounces between queuing and sending gets nothing.
create function private.mail_obstacle(mail mpp.outbox, reader_address text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    if mail.useful_until <= at then
        return 'too late';
    end if;
    if reader_address is null or not private.is_mail_address(reader_address) then
        return 'no address';
    end if;
    if mail.account_id is not null then
        if not private.is_live(mail.account_id) then
            return 'account disabled';
        end if;
        -- Somebody who signed up with another person's address: that person has not asked for mail.
        if mail.purpose <> 'service'
            and exists (select from auth.users u where u.id = mail.account_id and u.email_confirmed_at is null) then
            return 'address not confirmed';
        end if;
    end if;
    if exists (
        select from mpp.mail_bounce b where b.address = lower(reader_address) and b.is_hard and b.cleared_at is null
    ) then
        return 'address bounced';
    end if;
    if mail.purpose <> 'service' and exists (
        select
        from mpp.mail_suppression s
        where s.purpose = mail.purpose and (s.account_id = mail.account_id or s.address in (lower(reader_address), private.mailbox_of(reader_address)))
    ) then
        return 'unsubscribed';
    end if;
    -- Five a day over all clients. None of them may learn what others write to a mailbox, so a mail beyond that is
    -- dropped silently. One sender at a time for a mailbox, or two would both find room (claim_mail).
    if mail.purpose = 'invitation' and (
        select count(*)
        from mpp.outbox m
        where m.template in ('staff_invitation', 'player_invitation')
            and private.mailbox_of(m.address) = private.mailbox_of(reader_address)
            and m.state in ('sending', 'sent', 'uncertain') and coalesce(m.sent_at, m.claimed_at) > at - interval '24 hours'
            and m.id <> mail.id
    ) >= 5 then
        return 'mailbox has had five invitations';
    end if;
    if mail.purpose in ('newsletter', 'league_alerts') and not coalesce((
        select c.granted
        from mpp.consent c
        where c.account_id = mail.account_id and c.purpose::text = mail.purpose::text
        order by c.id desc
        limit 1
    ), false) then
        return 'no consent';
    end if;
    if mail.template in ('expulsion', 'client_without_owner') and not exists (select from mpp.ops_member o where o.account_id = mail.account_id) then
        return 'no longer of the staff';
    end if;
    if mail.account_id is not null and mail.organisation_id is not null and not exists (
        select
        from mpp.staff s
        where s.account_id = mail.account_id and s.organisation_id = mail.organisation_id
            and at >= s.access_from and at < s.access_until
    ) then
        return 'no access';
    end if;
    if mail.account_id is not null and mail.league_id is not null
        and not exists (select from mpp.ambassador a where a.account_id = mail.account_id and a.league_id = mail.league_id) then
        if mail.template <> 'league_note' then
            return 'no longer an ambassador';
        end if;
        if not exists (select from mpp.player p where p.account_id = mail.account_id and p.league_id = mail.league_id) then
            return 'no longer in the league';
        end if;
    end if;
    return null;
end
$$;

create function private.mail_address(mail mpp.outbox) returns text
    language sql stable set search_path = pg_catalog, pg_temp
as $$ select coalesce(mail.address, (select u.email::text from auth.users u where u.id = mail.account_id)) $$;

-- A mail holds what only its reader may know, and a token in their name: only the secret key sends.
create function private.require_service() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
end
$$;

create function private.queue_mails(mails jsonb) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    mail jsonb;
    queued integer := 0;
begin
    perform private.require_service();
    if jsonb_typeof(mails) is distinct from 'array' then
        perform private.refuse('MP010', 'mails', 'it is not a list', 'Send a list of mails.');
    end if;
    for mail in select m.value from jsonb_array_elements(mails) m loop
        queued := queued + private.queue_mail(
            mail ->> 'key', mail ->> 'template', mail -> 'data', (mail ->> 'purpose')::api.mail_purpose,
            (mail ->> 'account_id')::uuid, mail ->> 'address', mail ->> 'language', (mail ->> 'organisation_id')::integer,
            (mail ->> 'league_id')::uuid, (mail ->> 'useful_until')::timestamptz, (mail ->> 'send_after')::timestamptz
        )::integer;
    end loop;
    return queued;
end
$$;
grant execute on function private.queue_mails to service_role;

create function api.queue_mails(mails jsonb) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_mails(mails); end;
comment on function api.queue_mails is 'Queues mails: [{"key", "template", "data", "purpose", "account_id" or "address", "language", "organisation_id", "league_id", "useful_until", "send_after"}]. Returns how many are new, since a key is queued once. Secret key only. Errors: MP006, MP010.';
grant execute on function api.queue_mails to service_role;

create type api.due_mail as (
    id bigint, key text, purpose api.mail_purpose, template text, language text, address text, obstacle text
);
comment on type api.due_mail is 'A mail that would leave now, or why it would not.';

create function private.due_mails(how_many integer) returns setof api.due_mail
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    return query
    select m.id, m.key, m.purpose, m.template, m.language, private.mail_address(m), private.mail_obstacle(m, private.mail_address(m))
    from mpp.outbox m
    where m.state = 'queued' and m.next_attempt_at <= private.clock()
    order by (m.purpose <> 'service'), m.next_attempt_at, m.id
    limit greatest(how_many, 0);
end
$$;
grant execute on function private.due_mails to service_role;

create function api.due_mails(how_many integer default 100) returns setof api.due_mail
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.due_mails(how_many); end;
comment on function api.due_mails is 'Lists the next mails to leave, and why some would not; changes nothing. Secret key only. Errors: MP006.';
grant execute on function api.due_mails to service_role;

create type api.claimed_mail as (
    id bigint, attempt integer, message_id text, address text, first_name text, purpose api.mail_purpose, template text,
    language text, data jsonb, unsubscribe_token text, claim_expires_at timestamptz
);
comment on type api.claimed_mail is 'A mail claimed by its sender, until the claim expires.';

-- One mail at a time: a sender that dies leaves exactly one mail in doubt. A sender whose answer got lost asks again
-- and gets the same mail, which it cannot have sent.
create function private.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz;
    m mpp.outbox;
    reader text;
    obstacle text;
    token text;
begin
    perform private.require_service();
    if worker is null then
        perform private.refuse('MP010', 'worker', 'it is empty', 'Give each sender an id of its own.');
    end if;
    if lease_seconds is null or lease_seconds not between 1 and 86400 then
        perform private.refuse('MP010', 'lease_seconds', coalesce(lease_seconds::text, 'it is empty'), 'Use 1 to 86400.');
    end if;
    if message_domain is null or message_domain !~ '^[a-z0-9.-]{1,190}$' then
        perform private.refuse('MP010', 'message_domain', coalesce(left(message_domain, 60), 'it is empty'), 'Give the domain of the sender.');
    end if;
    loop
        at := private.clock();
        select * into m
        from mpp.outbox o
        where o.state = 'sending' and o.claimed_by = worker and o.claim_expires_at > at
        for update;
        if not found then
            select * into m
            from mpp.outbox o
            where o.state = 'queued' and o.next_attempt_at <= at
            order by (o.purpose <> 'service'), o.next_attempt_at, o.id
            limit 1
            for update skip locked;
        end if;
        if not found then
            return;
        end if;
        if m.account_id is not null and m.purpose <> 'service' then
            -- The way out that is written below refers to the account. One that is being deleted at this moment waits for
            -- its mails: this mail steps back, and goes with it or comes again.
            perform from auth.users u where u.id = m.account_id for key share skip locked;
            if not found then
                update mpp.outbox o set state = 'queued', next_attempt_at = at + interval '1 minute' where o.id = m.id;
                continue;
            end if;
        end if;
        reader := private.mail_address(m);
        if m.purpose = 'invitation' then
            perform pg_advisory_xact_lock(hashtext('mpp.mailbox'), hashtext(private.mailbox_of(reader)));
        end if;
        obstacle := private.mail_obstacle(m, reader);
        exit when obstacle is null;
        -- With the sender's id, so that a run can say what it dropped.
        update mpp.outbox o
        set state = 'dropped', reply = obstacle, data = '{}', claimed_by = worker, claimed_at = at
        where o.id = m.id;
    end loop;
    update mpp.outbox o
    set state = 'sending',
        attempt = o.attempt + 1,
        message_domain = coalesce(o.message_domain, claim_mail.message_domain),
        claimed_by = worker,
        claimed_at = at,
        claim_expires_at = at + make_interval(secs => lease_seconds),
        sent_to = lower(reader)
    where o.id = m.id
    returning * into m;
    if m.purpose <> 'service' then
        -- 244 random bits.
        token := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        insert into mpp.unsubscribe_token (digest, purpose, account_id, address)
        values (sha256(convert_to(token, 'UTF8')), m.purpose, m.account_id, case when m.account_id is null then m.address end);
    end if;
    return next row (
        m.id, m.attempt, m.message_part || '@' || m.message_domain, reader,
        (select p.first_name from mpp.profile p where p.id = m.account_id), m.purpose, m.template, m.language,
        m.data || coalesce((
            select jsonb_build_object('subject', n.subject, 'body', n.body)
            from mpp.newsletter n
            where m.template = 'newsletter' and n.code = m.data ->> 'newsletter' and n.language = m.language
        ), case when m.template = 'expulsion' then private.report_content((m.data ->> 'report')::bigint) end, '{}'),
        token, m.claim_expires_at
    )::api.claimed_mail;
end
$$;
grant execute on function private.claim_mail to service_role;

create function api.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.claim_mail(worker, lease_seconds, message_domain); end;
comment on function api.claim_mail is 'Claims the next mail for so many seconds. A sender that asks again before it has settled the mail gets the same one. Drops mails that must not leave (any more). Returns nothing when none is due. Secret key only. Errors: MP006, MP010.';
grant execute on function api.claim_mail to service_role;

create function private.settle_mail(id bigint, attempt integer, worker uuid, outcome text, reply text, retry_seconds integer)
    returns api.mail_state
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz;
    m mpp.outbox;
    next_state api.mail_state;
begin
    perform private.require_service();
    if outcome is null or outcome not in ('sent', 'later', 'unavailable', 'refused', 'bounced', 'unknown') then
        perform private.refuse('MP010', 'outcome', coalesce(left(outcome, 40), 'it is empty'),
            'Use sent, later, unavailable, refused, bounced or unknown.');
    end if;
    select * into m from mpp.outbox o where o.id = settle_mail.id for update;
    if not found then
        perform private.refuse('MP097', settle_mail.id::text);
    end if;
    if m.claimed_by is distinct from worker or m.attempt <> settle_mail.attempt then
        perform private.refuse('MP096', m.key);
    end if;
    -- The sender repeats itself, because the answer got lost.
    if (outcome, m.state::text) in (('sent', 'sent'), ('unavailable', 'queued'), ('later', 'queued'), ('later', 'failed'),
            ('unknown', 'uncertain'), ('refused', 'failed'), ('bounced', 'failed'))
        and m.reply is not distinct from left(settle_mail.reply, 500) then
        return m.state;
    end if;
    -- A delivery is accepted at any time, even after the claim has ended: the mail must not be sent again. Everything
    -- else is accepted only of a claimed mail.
    if m.state <> 'sending' and not (outcome = 'sent' and m.state in ('uncertain', 'queued')) then
        perform private.refuse('MP096', m.key);
    end if;
    at := private.clock();
    next_state := (case outcome
        when 'sent' then 'sent'
        when 'unavailable' then 'queued'
        when 'later' then case when m.failures + 1 >= 10 then 'failed' else 'queued' end
        when 'unknown' then 'uncertain'
        else 'failed'
    end)::api.mail_state;
    update mpp.outbox o
    set state = next_state,
        failures = o.failures + (outcome = 'later')::integer,
        next_attempt_at = case when next_state = 'queued'
            then at + make_interval(secs => greatest(least(coalesce(retry_seconds, 60), 86400), 0)) else o.next_attempt_at end,
        -- The server may still be at work on it: nobody asks before the time of the claim has passed once more.
        claim_expires_at = case when outcome = 'unknown' then at + (o.claim_expires_at - o.claimed_at) else o.claim_expires_at end,
        reply = left(settle_mail.reply, 500),
        sent_at = case when outcome = 'sent' then at end,
        data = case when outcome = 'sent' then '{}' else o.data end
    where o.id = m.id;
    if outcome = 'bounced' then
        perform private.record_bounce_of(m.sent_to, true, settle_mail.reply, m.id);
    elsif outcome = 'later' and next_state = 'failed' then
        perform private.record_bounce_of(m.sent_to, false, settle_mail.reply, m.id);
    end if;
    return next_state;
end
$$;
grant execute on function private.settle_mail to service_role;

create function api.settle_mail(
    id bigint, attempt integer, worker uuid, outcome text, reply text default null, retry_seconds integer default null
) returns api.mail_state
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_mail(id, attempt, worker, outcome, reply, retry_seconds); end;
comment on function api.settle_mail is 'Records what became of a claimed mail: sent; later (the server asks for patience: ten times, then failed); unavailable (it never left, through no fault of its own); refused; bounced (the address does not exist); unknown (the connection broke after the content had left). Returns its new state. Secret key only. Errors: MP006, MP010, MP096, MP097.';
grant execute on function api.settle_mail to service_role;

create type api.stranded_mail as (
    id bigint, key text, attempt integer, message_id text, state api.mail_state, claimed_at timestamptz, address text
);
comment on type api.stranded_mail is 'A mail that a server may or may not have taken.';

create function private.stranded_mails() returns setof api.stranded_mail
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    return query
    select m.id, m.key, m.attempt, m.message_part || '@' || m.message_domain, m.state, m.claimed_at, m.sent_to
    from mpp.outbox m
    where m.state in ('sending', 'uncertain') and m.claim_expires_at <= private.clock()
    order by m.id;
end
$$;
grant execute on function private.stranded_mails to service_role;

create function api.stranded_mails() returns setof api.stranded_mail
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.stranded_mails(); end;
comment on function api.stranded_mails is 'Lists mails whose sender died, or lost the server''s last answer: each may have been delivered or not. Secret key only. Errors: MP006.';
grant execute on function api.stranded_mails to service_role;

create function private.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz;
    m mpp.outbox;
    next_state api.mail_state;
begin
    perform private.require_service();
    if verdict is null or verdict not in ('delivered', 'not_delivered', 'unknown', 'given_up') then
        perform private.refuse('MP010', 'verdict', coalesce(left(verdict, 40), 'it is empty'),
            'Use delivered, not_delivered, unknown or given_up.');
    end if;
    select * into m from mpp.outbox o where o.id = settle_stranded.id for update;
    if not found then
        perform private.refuse('MP097', settle_stranded.id::text);
    end if;
    at := private.clock();
    -- The attempt is named, so that what a server said of one attempt is never taken for the answer about a later one.
    if m.attempt <> settle_stranded.attempt or not (
        (m.state in ('sending', 'uncertain') and m.claim_expires_at <= at)
        or (m.state = 'failed' and verdict in ('delivered', 'not_delivered'))
    ) then
        perform private.refuse('MP096', m.key);
    end if;
    next_state := (case verdict
        when 'delivered' then 'sent' when 'not_delivered' then 'queued' when 'given_up' then 'failed' else 'uncertain'
    end)::api.mail_state;
    update mpp.outbox o
    set state = next_state,
        failures = case when m.state = 'failed' then 0 else o.failures end,
        next_attempt_at = case when next_state = 'queued' then at else o.next_attempt_at end,
        sent_at = case when next_state = 'sent' then at end,
        data = case when next_state = 'sent' then '{}' else o.data end,
        reply = 'settled: ' || verdict
    where o.id = m.id;
    perform private.record_act('mail.settle', m.key, jsonb_build_object('from', m.state, 'verdict', verdict));
    return next_state;
end
$$;
grant execute on function private.settle_stranded to service_role;

create function api.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_stranded(id, attempt, verdict); end;
comment on function api.settle_stranded is 'Settles a mail of stranded_mails, or queues a failed one again: delivered, not_delivered (it is queued again), unknown (it waits for a person) or given_up. Secret key only. Errors: MP006, MP010, MP096, MP097.';
grant execute on function api.settle_stranded to service_role;
