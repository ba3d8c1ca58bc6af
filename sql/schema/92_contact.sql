-- What visitors write to the association: questions, requests for a quote or a webinar. Visitors only write. The staff
-- read, answer, and take down what is against the law.

create type api.contact_kind as enum ('contact', 'quote', 'webinar');

-- new → in_progress → answered, or spam; the staff may set any of them at any time.
create type api.contact_state as enum ('new', 'in_progress', 'answered', 'spam');

create table mpp.contact_request (
    id bigint generated always as identity primary key,
    kind api.contact_kind not null,
    name mpp.line not null,
    email text check (email is null or (email = lower(email) and private.is_mail_address(email))),
    organisation mpp.line,
    size integer check (size between 1 and 10000000),
    message text not null check (char_length(message) between 1 and 4000),
    language text not null check (language in ('fr', 'en', 'de')),
    received_at timestamptz not null,
    state api.contact_state not null default 'new',
    handled_at timestamptz,
    handled_by uuid,
    note text check (char_length(note) <= 2000),
    removed_at timestamptz,
    removal_reason text check (char_length(removal_reason) between 1 and 500),
    is_held boolean not null default false,
    constraint contact_request_removed_with_reason check ((removed_at is null) = (removal_reason is null)),
    constraint contact_request_address_until_removed check ((removed_at is null) = (email is not null))
);
comment on table mpp.contact_request is 'Contact, quote and webinar requests; read by the staff only.';
comment on column mpp.contact_request.size is 'How many people would play.';
comment on column mpp.contact_request.is_held is 'Whether it came when there were too many, from its address or from all. It is then kept apart, and for 30 days if nobody takes it up.';
create index contact_request_held on mpp.contact_request (received_at) where is_held and state in ('new', 'spam');
create index contact_request_received on mpp.contact_request (received_at);
create index contact_request_handled_by on mpp.contact_request (handled_by) where handled_by is not null;
create index contact_request_email on mpp.contact_request (email, received_at);

alter table mpp.contact_request enable row level security;

create policy contact_request_select_ops on mpp.contact_request
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.contact_request to authenticated, service_role;

create view api.contact_requests with (security_invoker = true) as
select
    c.id,
    c.kind,
    c.name,
    c.email,
    c.organisation,
    c.size,
    c.message,
    c.language,
    c.received_at,
    c.state,
    c.handled_at,
    c.handled_by,
    c.note,
    c.removed_at,
    c.removal_reason,
    c.is_held
from mpp.contact_request c cross join (select) read_only;
comment on view api.contact_requests is 'What visitors wrote, and how far it is answered; sort by id. Staff only.';
grant select on api.contact_requests to authenticated, service_role;

-- Limits are per address and for everybody together, never per IP: a whole school shares one. A message past a limit is
-- held: kept apart from those that the staff read first. The answer is the same, so it tells nothing about who has
-- written. Anybody can write in anybody's name, or two hundred times: neither loses an honest message. The room for
-- held messages is bounded, or the table would not be; only when it is full does the sender learn that nothing was
-- kept. The edge stops whoever fills that too (docs/operations.md).
create function private.send_contact_request(
    kind text, name text, email text, message text, organisation text, size integer, language text
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    per_address constant integer := 3;
    per_hour constant integer := 200;
    most_held constant integer := 5000;
    at timestamptz;
    address text := private.typed_address(email);
    written mpp.contact_request;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in();
    end if;
    perform private.require_no_maintenance();
    if kind is null or kind not in ('contact', 'quote', 'webinar') then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), 'Use contact, quote or webinar.');
    end if;
    -- The address to answer to goes into the header of a mail.
    if not private.is_mail_address(address) then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 80), 'Give an address such as name@example.org.');
    end if;
    if size is not null and size not between 1 and 10000000 then
        perform private.refuse('MP010', 'size', size::text, 'Give a number of people, or nothing.');
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', left(coalesce(language, 'it is empty'), 20), 'Use fr, en or de.');
    end if;
    written.name := private.clean_line('name', name, 120);
    written.message := private.clean_text('message', message, 4000);
    if private.trimmed(left(organisation, 300)) <> '' then
        written.organisation := private.clean_line('organisation', organisation, 120);
    end if;

    -- One at a time, or twenty at once would all find room.
    perform pg_advisory_xact_lock(hashtext('mpp.contact_request'));
    at := private.clock();
    written.is_held := (
        select count(*) from mpp.contact_request c where not c.is_held and c.received_at > at - interval '1 hour'
    ) >= per_hour or (
        select count(*) from mpp.contact_request c where c.email = address and c.received_at > at - interval '24 hours'
    ) >= per_address;
    if written.is_held and (
        select count(*) from mpp.contact_request c where c.is_held and c.state = 'new'
    ) >= most_held then
        perform private.refuse('MP095');
    end if;
    insert into mpp.contact_request (kind, name, email, organisation, size, message, language, received_at, is_held)
    values (send_contact_request.kind::api.contact_kind, written.name, address, written.organisation, send_contact_request.size,
        written.message, send_contact_request.language, at, written.is_held);
end
$$;
grant execute on function private.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function api.send_contact_request(
    kind text, name text, email text, message text, organisation text default null, size integer default null,
    language text default 'fr'
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.send_contact_request(kind, name, email, message, organisation, size, language); end;
comment on function api.send_contact_request is 'Writes to the association: a question (kind contact), or a request for a quote or a webinar (kind quote, webinar). size is a number of people. No account is needed. Messages beyond three a day from one address, and two hundred an hour from all, are kept apart, and the answer does not say so. Errors: MP001, MP002, MP010, MP011, MP095.';
grant execute on function api.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function private.handle_contact_request(id bigint, state api.contact_state, note text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    said text;
begin
    perform private.require_ops();
    if state is null then
        perform private.refuse('MP010', 'state', 'it is empty', 'Use new, in_progress, answered or spam.');
    end if;
    account := private.lock_caller();
    if private.trimmed(left(note, 3000)) <> '' then
        said := private.clean_text('note', note, 2000);
    end if;
    update mpp.contact_request c
    set state = handle_contact_request.state,
        -- A note that is left out stays, an empty one clears it.
        note = case when handle_contact_request.note is null then c.note else said end,
        handled_at = private.clock(),
        handled_by = account
    where c.id = handle_contact_request.id;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('contact.handle', handle_contact_request.id::text,
        jsonb_build_object('state', handle_contact_request.state));
end
$$;
grant execute on function private.handle_contact_request to authenticated, service_role;

create function api.handle_contact_request(id bigint, state api.contact_state, note text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.handle_contact_request(id, state, note); end;
comment on function api.handle_contact_request is 'Marks how far a request is answered, with a note for colleagues. A note that is left out stays, an empty one clears it. Staff. Errors: MP001, MP005, MP006, MP010.';
grant execute on function api.handle_contact_request to authenticated, service_role;

-- Deletes text, name and address. That there was a request, when, and why it went, stays. Whoever has kept a copy can
-- prove by the digest what it was.
create function private.remove_contact_content(id bigint, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    asked mpp.contact_request;
    why text;
begin
    perform private.require_ops();
    why := private.clean_line('reason', reason, 500);
    select * into asked from mpp.contact_request c where c.id = remove_contact_content.id for no key update;
    if not found then
        perform private.refuse('MP005');
    end if;
    if asked.removed_at is not null then
        return;
    end if;
    update mpp.contact_request c
    set name = '—', email = null, organisation = null, message = '—', note = null, removed_at = private.clock(), removal_reason = why
    where c.id = asked.id;
    perform private.record_act('contact.remove', asked.id::text, jsonb_build_object(
        'reason', why, 'received_at', asked.received_at,
        'sha256', encode(sha256(convert_to(asked.message, 'UTF8')), 'hex')));
end
$$;
grant execute on function private.remove_contact_content to authenticated, service_role;

create function api.remove_contact_content(id bigint, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_contact_content(id, reason); end;
comment on function api.remove_contact_content is 'Takes down the text, the name and the address of a request that is against the law, with a reason. The audit keeps that it was done, and a digest. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.remove_contact_content to authenticated, service_role;
