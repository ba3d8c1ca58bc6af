-- Mails: what is to be sent to whom, who wants none, which addresses do not exist. Sending is `mpp mail send`
-- (mpp_supabase/mail); here is what makes it safe: one mail per key with one Message-ID, claims with an end, and who may
-- get a mail decided at the moment it leaves.

create type api.mail_purpose as enum ('service', 'invitation', 'weekly_report', 'league_alerts', 'newsletter');

create type api.mail_state as enum (
    'queued', -- -> sending, dropped
    'sending', -- -> sent, queued, failed, uncertain; the one mail that its sender has in hand
    'sent',
    'failed', -- -> queued, by a person
    'dropped', -- its reader must not get it (any more)
    'uncertain' -- -> sent, queued, failed; the server may have taken it, and nobody knows
);

-- Plain addresses only: no quotes, comments, lists or line ends, which a header would take for something else.
create function private.is_mail_address(value text) returns boolean
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select coalesce(
        char_length(value) <= 254
        and value ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$'
        and value !~ '(^|@)\.|\.\.|\.@',
        false
    )
$$;
revoke execute on function private.is_mail_address(text) from public;
grant execute on function private.is_mail_address(text) to mpp_owner;

create table mpp.outbox (
    id bigint generated always as identity primary key,
    key text not null unique check (key ~ '^[!-~]{1,200}$'),
    -- The part before the @ is made of the key, so that the same mail has the same Message-ID in a database restored
    -- from a backup; the domain is that of the first sender, and stays.
    message_part text not null unique check (message_part ~ '^[0-9a-f]{40}$'),
    message_domain text check (message_domain ~ '^[a-z0-9.-]{1,190}$'),
    purpose api.mail_purpose not null,
    account_id uuid references auth.users (id) on delete cascade,
    address text check (private.is_mail_address(address) and address = lower(address)),
    organisation_id integer references mpp.organisation (id),
    league_id uuid references mpp.league (id) on delete cascade,
    template text not null check (template ~ '^[a-z][a-z_]{2,39}$'),
    language text not null check (language in ('fr', 'en')),
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object' and octet_length(data::text) <= 50000),
    state api.mail_state not null default 'queued',
    attempt integer not null default 0,
    failures integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    useful_until timestamptz,
    claimed_by uuid,
    claimed_at timestamptz,
    claim_expires_at timestamptz,
    sent_to text,
    reply text,
    queued_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    constraint outbox_one_recipient check (num_nonnulls(account_id, address) = 1),
    -- What only a consent allows can go to nobody who could not have given one.
    constraint outbox_consent_is_of_accounts check (purpose not in ('newsletter', 'league_alerts') or account_id is not null),
    constraint outbox_claim_is_whole check (
        state not in ('sending', 'uncertain') or num_nulls(claimed_by, claimed_at, claim_expires_at, message_domain) = 0
    ),
    constraint outbox_sent_has_time check ((state = 'sent') = (sent_at is not null))
);
comment on table mpp.outbox is 'Mails to send, in hand, sent or given up; one for each key.';
comment on column mpp.outbox.data is 'Only what the mail shows; emptied once it was sent, because it may hold a code.';
comment on column mpp.outbox.attempt is 'How often it was claimed: names one claim, so that nobody settles another one.';
comment on column mpp.outbox.failures is 'How often a server said "later".';
comment on column mpp.outbox.organisation_id is 'Only for those who work for this client, inside their dates, when it is sent.';
comment on column mpp.outbox.league_id is 'Only for those who run this league when it is sent.';
create index outbox_account on mpp.outbox (account_id);
create index outbox_organisation on mpp.outbox (organisation_id);
create index outbox_league on mpp.outbox (league_id);
-- An invitation does not wait behind a newsletter.
create index outbox_queued on mpp.outbox ((purpose <> 'service'), next_attempt_at, id) where state = 'queued';
create index outbox_in_hand on mpp.outbox (claim_expires_at) where state in ('sending', 'uncertain');

create table mpp.newsletter (
    code text not null check (code ~ '^[a-z0-9-]{3,60}$'),
    language text not null check (language in ('fr', 'en')),
    subject mpp.line not null,
    body text not null check (octet_length(body) between 1 and 100000),
    created_at timestamptz not null default clock_timestamp(),
    primary key (code, language)
);
comment on table mpp.newsletter is 'Newsletters: one text for all who get it.';

create table mpp.unsubscribe_token (
    digest bytea primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    made_at timestamptz not null default clock_timestamp(),
    constraint unsubscribe_token_one_reader check (num_nonnulls(account_id, address) = 1)
);
comment on table mpp.unsubscribe_token is 'Digests of the tokens in the unsubscribe links of mails; the tokens themselves are in the mails only.';
create index unsubscribe_token_account on mpp.unsubscribe_token (account_id);

create table mpp.mail_suppression (
    id bigint generated always as identity primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    since timestamptz not null default clock_timestamp(),
    constraint mail_suppression_one_reader check (num_nonnulls(account_id, address) = 1),
    constraint mail_suppression_account unique (account_id, purpose),
    constraint mail_suppression_address unique (address, purpose)
);
comment on table mpp.mail_suppression is 'Who unsubscribed from what no consent covers: weekly reports, and invitations to an address without account.';

create table mpp.mail_bounce (
    id bigint generated always as identity primary key,
    address text not null check (address = lower(address) and private.is_mail_address(address)),
    is_hard boolean not null,
    reason text not null check (char_length(reason) <= 500),
    outbox_id bigint references mpp.outbox (id) on delete set null,
    bounced_at timestamptz not null default clock_timestamp(),
    cleared_at timestamptz
);
comment on table mpp.mail_bounce is 'Addresses that refused a mail. A hard bounce that was not cleared means that nothing is sent there.';
create index mail_bounce_address on mpp.mail_bounce (address);
create index mail_bounce_outbox on mpp.mail_bounce (outbox_id);

alter table mpp.outbox enable row level security;
alter table mpp.newsletter enable row level security;
alter table mpp.unsubscribe_token enable row level security;
alter table mpp.mail_suppression enable row level security;
alter table mpp.mail_bounce enable row level security;

-- Two readers: the association's staff, and nobody else. Tokens and suppressions have none.
create policy outbox_select_ops on mpp.outbox
    for select to authenticated
    using ((select private.is_ops()));

create policy mail_bounce_select_ops on mpp.mail_bounce
    for select to authenticated
    using ((select private.is_ops()));

-- Not address, sent_to nor data: a code in an invitation is for its reader.
grant select (id, key, message_part, message_domain, purpose, account_id, organisation_id, league_id, template, language, state,
    attempt, failures, next_attempt_at, useful_until, claimed_by, claimed_at, claim_expires_at, reply, queued_at, sent_at)
    on mpp.outbox to authenticated, service_role;
grant select on mpp.mail_bounce to authenticated, service_role;

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
    m.sent_at
from mpp.outbox m
where (select private.is_ops());
comment on view api.ops_outbox is 'Every mail and what became of it, without its address and content; sort by id. Staff only.';
grant select on api.ops_outbox to authenticated, service_role;

create view api.mail_bounces with (security_invoker = true) as
select b.id, b.address, b.is_hard, b.reason, b.outbox_id, b.bounced_at, b.cleared_at
from mpp.mail_bounce b
where (select private.is_ops());
comment on view api.mail_bounces is 'Addresses that refused a mail; sort by id. Staff only.';
grant select on api.mail_bounces to authenticated, service_role;

-- Queues one mail and tells whether it is new: the same key again changes nothing. For other functions of this schema,
-- which have checked who asks. The recipient is an account, whose address is read when the mail leaves, or an address.
create function private.queue_mail(
    key text, template text, data jsonb, purpose api.mail_purpose default 'service', account_id uuid default null,
    address text default null, language text default null, organisation_id integer default null,
    league_id uuid default null, useful_until timestamptz default null, send_after timestamptz default null
) returns boolean
    language plpgsql
    set search_path = ''
as $$
begin
    if num_nonnulls(account_id, address) <> 1 then
        perform private.refuse('MP010', 'address', 'a mail goes to one account or to one address', 'Give one of the two.');
    end if;
    if address is not null and not private.is_mail_address(address) then
        perform private.refuse('MP010', 'address', left(address, 100), 'Give an address such as ada@example.org.');
    end if;
    if key is null or key !~ '^[!-~]{1,200}$' then
        perform private.refuse('MP010', 'key', coalesce(left(key, 100), 'it is empty'), 'Use up to 200 visible ASCII characters.');
    end if;
    insert into mpp.outbox (key, message_part, template, data, purpose, account_id, address, language, organisation_id, league_id,
        useful_until, next_attempt_at)
    values (queue_mail.key, substr(encode(sha256(convert_to(queue_mail.key, 'UTF8')), 'hex'), 1, 40), queue_mail.template, coalesce(queue_mail.data, '{}'), queue_mail.purpose, queue_mail.account_id,
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
comment on function private.queue_mail(text, text, jsonb, api.mail_purpose, uuid, text, text, integer, uuid, timestamptz, timestamptz)
    is 'Queues a mail once for its key; true when it is new. Callers have checked who asks. Errors: MP010.';
revoke execute on function private.queue_mail(text, text, jsonb, api.mail_purpose, uuid, text, text, integer, uuid, timestamptz, timestamptz)
    from public;
