-- Who joins a campaign, who agrees to share their address with its partner, what the partner got, and whom it must
-- forget. Campaigns are in 25_campaign. Locks: the profile, then the campaign (the advisory lock named mpp.campaign),
-- shared by whoever gives or withdraws, alone by an export.

create table mpp.campaign_guest (
    account_id uuid not null references mpp.profile (id) on delete cascade,
    campaign_id integer not null references mpp.campaign (id),
    code_id integer not null references mpp.campaign_code (id),
    joined_at timestamptz not null default private.clock(),
    primary key (account_id, campaign_id)
);
comment on table mpp.campaign_guest is 'Who joined a campaign, by whose code. Joining shares nothing.';
comment on column mpp.campaign_guest.account_id is 'Purpose: asking for the consent of the campaign, and figures by creator. Read by the person; kept until the account is erased.';
create index campaign_guest_campaign on mpp.campaign_guest (campaign_id);
create index campaign_guest_code on mpp.campaign_guest (code_id);

create table mpp.partner_export (
    id integer generated always as identity primary key,
    campaign_id integer not null references mpp.campaign (id),
    exported_at timestamptz not null default private.clock(),
    exported_by uuid,
    people integer not null check (people >= 0),
    digest text not null check (digest ~ '^[0-9a-f]{64}$')
);
comment on table mpp.partner_export is 'Each list of addresses that was made for a partner.';
comment on column mpp.partner_export.exported_by is 'The account of the staff that made it; null for the secret key. Purpose: proof. Read by the staff; kept for good.';
comment on column mpp.partner_export.digest is 'SHA-256 of the addresses in the order of their bytes, one a line: whoever has the list can show that it is this one.';
create index partner_export_campaign on mpp.partner_export (campaign_id);

create trigger partner_export_append_only
    before update or delete or truncate on mpp.partner_export
    for each statement execute function private.refuse_change();

create table mpp.partner_address (
    account_id uuid not null references mpp.profile (id) on delete cascade,
    campaign_id integer not null references mpp.campaign (id),
    address text not null,
    export_id integer not null references mpp.partner_export (id),
    primary key (account_id, campaign_id, address)
);
comment on table mpp.partner_address is 'Addresses that a partner got and has not been told to forget.';
comment on column mpp.partner_address.address is 'As it was exported. Purpose: telling the partner which one to forget. Read by nobody; kept until the person withdraws or the account is erased.';
create index partner_address_campaign on mpp.partner_address (campaign_id);
create index partner_address_export on mpp.partner_address (export_id);

create table mpp.partner_withdrawal (
    id integer generated always as identity primary key,
    campaign_id integer not null references mpp.campaign (id),
    export_id integer not null references mpp.partner_export (id),
    account_id uuid references mpp.profile (id) on delete set null,
    address text,
    reason text not null check (reason in ('withdrawn', 'erased', 'too_young')),
    withdrawn_at timestamptz not null default private.clock(),
    settled_at timestamptz,
    outcome text check (outcome in ('partner_told', 'agreed_again')),
    note text check (char_length(note) <= 300),
    constraint partner_withdrawal_settled_is_whole check (num_nulls(settled_at, outcome) in (0, 2) and (settled_at is null) = (address is not null))
);
comment on table mpp.partner_withdrawal is 'What a partner must be told to forget, and that it was.';
comment on column mpp.partner_withdrawal.account_id is 'Purpose: taking it back when the person agrees again. Read by nobody; emptied once settled, or when the account is erased.';
comment on column mpp.partner_withdrawal.address is 'What the partner must forget. Read by the staff; emptied once the partner was told.';
create index partner_withdrawal_campaign on mpp.partner_withdrawal (campaign_id) where settled_at is null;
create index partner_withdrawal_of_campaign on mpp.partner_withdrawal (campaign_id);
create index partner_withdrawal_export on mpp.partner_withdrawal (export_id);
create index partner_withdrawal_account on mpp.partner_withdrawal (account_id) where account_id is not null;

create function private.my_campaign_ids() returns setof integer
    language sql stable security definer rows 3 set search_path = pg_catalog, pg_temp
as $$ select g.campaign_id from mpp.campaign_guest g where g.account_id = (select private.my_account()) $$;
grant execute on function private.my_campaign_ids to authenticated;

alter table mpp.campaign_guest enable row level security;
alter table mpp.partner_export enable row level security;
alter table mpp.partner_address enable row level security;
alter table mpp.partner_withdrawal enable row level security;

create policy campaign_select_authenticated on mpp.campaign
    for select to authenticated
    using (id in (select private.my_campaign_ids()) or (select private.is_ops()));

create policy partner_select_authenticated on mpp.partner
    for select to authenticated
    using (
        id in (select c.partner_id from mpp.campaign c where c.id in (select private.my_campaign_ids()))
        or (select private.is_ops())
    );

create policy campaign_text_select_authenticated on mpp.campaign_text
    for select to authenticated
    using (campaign_id in (select private.my_campaign_ids()) or (select private.is_ops()));

create policy campaign_code_select_ops on mpp.campaign_code
    for select to authenticated
    using ((select private.is_ops()));

create policy campaign_guest_select_owner on mpp.campaign_guest
    for select to authenticated
    using (account_id = (select private.my_account()));

create policy partner_export_select_ops on mpp.partner_export
    for select to authenticated
    using ((select private.is_ops()));

create policy partner_withdrawal_select_ops on mpp.partner_withdrawal
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.partner, mpp.campaign, mpp.campaign_text, mpp.campaign_code, mpp.partner_export to authenticated, service_role;
grant select (campaign_id, account_id, joined_at) on mpp.campaign_guest to authenticated;
grant select (id, campaign_id, export_id, address, reason, withdrawn_at, settled_at, outcome, note) on mpp.partner_withdrawal to authenticated, service_role;

create view api.my_campaigns with (security_invoker = true) as
select
    c.id as campaign_id,
    c.code,
    p.name as partner,
    c.edition_id,
    g.joined_at,
    coalesce(latest.granted, false) as agreed,
    latest.given_at as agreed_at,
    t.number as text_number,
    t.body
from mpp.campaign_guest g
join mpp.campaign c on c.id = g.campaign_id
join mpp.partner p on p.id = c.partner_id
cross join lateral (
    select x.number, x.body from mpp.campaign_text x where x.campaign_id = c.id order by x.number desc limit 1
) t
left join lateral (
    select x.granted, x.given_at
    from mpp.consent x
    where x.account_id = (select private.my_account()) and x.campaign_id = c.id
    order by x.id desc
    limit 1
) latest on true
where g.account_id = (select private.my_account());
comment on view api.my_campaigns is 'Campaigns that the caller has joined, and whether they agree to share their address with the partner.';
comment on column api.my_campaigns.agreed_at is 'When they agreed, or withdrew, last.';
comment on column api.my_campaigns.body is 'What they are asked to agree to now, by language.';
grant select on api.my_campaigns to authenticated;

create view api.ops_campaigns with (security_invoker = true) as
select c.id as campaign_id, c.code, p.code as partner, p.name as partner_name, e.code as edition, c.created_at, t.number as text_number, t.body
from mpp.campaign c
join mpp.partner p on p.id = c.partner_id
join mpp.edition e on e.id = c.edition_id
cross join lateral (
    select x.number, x.body from mpp.campaign_text x where x.campaign_id = c.id order by x.number desc limit 1
) t
where (select private.is_ops());
comment on view api.ops_campaigns is 'Campaigns with partners. Staff only.';
grant select on api.ops_campaigns to authenticated, service_role;

create view api.ops_campaign_codes with (security_invoker = true) as
select x.id, c.code as campaign, x.creator, x.code, x.created_at, x.ended_at
from mpp.campaign_code x
join mpp.campaign c on c.id = x.campaign_id
where (select private.is_ops());
comment on view api.ops_campaign_codes is 'Codes of campaigns by creator. Staff only.';
grant select on api.ops_campaign_codes to authenticated, service_role;

create view api.partner_exports with (security_invoker = true) as
select x.id, c.code as campaign, x.exported_at, x.exported_by, x.people, x.digest
from mpp.partner_export x
join mpp.campaign c on c.id = x.campaign_id
where (select private.is_ops());
comment on view api.partner_exports is 'Each list of addresses that was made for a partner: when, by whom, how many, and its digest. Staff only.';
grant select on api.partner_exports to authenticated, service_role;

create view api.partner_withdrawals with (security_invoker = true) as
select w.id, c.code as campaign, p.name as partner, w.address, w.reason, w.withdrawn_at, w.export_id, w.settled_at, w.outcome, w.note
from mpp.partner_withdrawal w
join mpp.campaign c on c.id = w.campaign_id
join mpp.partner p on p.id = c.partner_id
where (select private.is_ops());
comment on view api.partner_withdrawals is 'What partners must be told to forget, and what they were told; address is emptied once it is settled. Staff only.';
grant select on api.partner_withdrawals to authenticated, service_role;

-- From which age an address is shared: 15, and the age of consent of the country where that is higher.
create function private.partner_age(country text) returns integer
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return greatest(15, private.consent_age(country));
end
$$;

create function private.check_partner_age(account uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    limit_ integer;
begin
    select private.partner_age(p.country) into limit_
    from mpp.profile p
    where p.id = account and private.age_on(p.birth_date, p.birth_date_before, private.today()) < private.partner_age(p.country);
    if found then
        perform private.refuse('MP056', limit_::text);
    end if;
end
$$;

-- Writes what a person says about sharing with a partner. The campaign is locked, shared.
create function private.record_partner_consent(account uuid, campaign integer, granted boolean, channel text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.record_consent(account, 'partner_sharing', granted, (
        select c.code || '/' || max(t.number)
        from mpp.campaign c
        join mpp.campaign_text t on t.campaign_id = c.id
        where c.id = campaign
        group by c.code
    ), channel, campaign);
    if not granted then
        perform private.partner_must_forget(account, campaign, case channel when 'app' then 'withdrawn' else 'too_young' end);
        return;
    end if;
    -- The partner was not told yet, and need not be.
    insert into mpp.partner_address (account_id, campaign_id, address, export_id)
    select w.account_id, w.campaign_id, w.address, w.export_id
    from mpp.partner_withdrawal w
    where w.account_id = account and w.campaign_id = campaign and w.settled_at is null
    on conflict do nothing;
    update mpp.partner_withdrawal w
    set settled_at = private.clock(), outcome = 'agreed_again', address = null, account_id = null
    where w.account_id = account and w.campaign_id = campaign and w.settled_at is null;
end
$$;

-- Whatever the partner got of this person goes on the list of what it must be told.
create function private.partner_must_forget(account uuid, campaign integer, reason text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    with held as (
        delete from mpp.partner_address a
        where a.account_id = account and a.campaign_id = campaign
        returning a.address, a.export_id
    )
    insert into mpp.partner_withdrawal (campaign_id, export_id, account_id, address, reason)
    select campaign, h.export_id, case when reason <> 'erased' then account end, h.address, partner_must_forget.reason
    from held h;
end
$$;

create function private.set_partner_consent(account uuid, campaign text, granted boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    perform private.lock_profile(account, plays => false);
    if granted then
        perform private.check_partner_age(account);
    end if;
    if granted and campaign is null then
        perform private.refuse('MP010', 'campaign', 'it is empty', 'Name one of my_campaigns.');
    end if;
    if campaign is not null and not exists (
        select from mpp.campaign c join mpp.campaign_guest g on g.campaign_id = c.id and g.account_id = account
        where c.code = set_partner_consent.campaign
    ) then
        perform private.refuse('MP063');
    end if;
    for target in
        select c.id
        from mpp.campaign_guest g
        join mpp.campaign c on c.id = g.campaign_id
        where g.account_id = account and (campaign is null or c.code = campaign)
        order by c.id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.record_partner_consent(account, target, granted, 'app');
    end loop;
end
$$;

-- The code and the campaign that it opens now.
create function private.open_campaign(code text) returns mpp.campaign_code
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    found_code mpp.campaign_code;
begin
    select x.* into found_code
    from mpp.campaign_code x
    join mpp.campaign c on c.id = x.campaign_id
    join mpp.edition e on e.id = c.edition_id
    where x.code = translate(upper(regexp_replace(left(open_campaign.code, 40), '[\s-]', '', 'g')), 'OIL', '011')
        and x.ended_at is null and e.opened_at is not null and private.clock() < e.ends_at;
    if not found then
        perform private.refuse('MP063');
    end if;
    return found_code;
end
$$;

create type api.campaign_invitation as (
    campaign text, partner text, creator text, edition_id integer, text_number integer, body jsonb
);
comment on type api.campaign_invitation is 'What a code of a campaign invites to, and what the person is asked to agree to, by language.';

create function private.campaign_invitation(code text) returns api.campaign_invitation
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    x mpp.campaign_code := private.open_campaign(code);
    invitation api.campaign_invitation;
begin
    select c.code, p.name, x.creator, c.edition_id, t.number, t.body
    into invitation
    from mpp.campaign c
    join mpp.partner p on p.id = c.partner_id
    join mpp.campaign_text t on t.campaign_id = c.id
    where c.id = x.campaign_id
    order by t.number desc
    limit 1;
    return invitation;
end
$$;
grant execute on function private.campaign_invitation to anon, authenticated;

create function api.campaign_invitation(code text) returns api.campaign_invitation
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.campaign_invitation(code); end;
comment on function api.campaign_invitation is 'What the code of a campaign invites to: the partner, the creator, and the text to show before join_campaign. Everyone who has the code. Errors: MP063.';
grant execute on function api.campaign_invitation to anon, authenticated;

create function private.join_campaign(code text, consent boolean, text_number integer) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    x mpp.campaign_code;
    shown integer;
begin
    perform private.lock_profile(account);
    x := private.open_campaign(code);
    if consent is null then
        perform private.refuse('MP010', 'consent', 'it is empty', 'Send true or false; false joins as well.');
    end if;
    if consent then
        perform private.check_partner_age(account);
    end if;
    perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), x.campaign_id);
    select max(t.number) into shown from mpp.campaign_text t where t.campaign_id = x.campaign_id;
    -- Nobody agrees to a text that they did not see.
    if consent and text_number is distinct from shown then
        perform private.refuse('MP010', 'text_number', coalesce(text_number::text, 'it is empty'), format('Show text %s of campaign_invitation and ask again.', shown));
    end if;
    insert into mpp.campaign_guest (account_id, campaign_id, code_id) values (account, x.campaign_id, x.id)
    on conflict do nothing;
    perform private.record_partner_consent(account, x.campaign_id, consent, 'app');
    return (select c.code from mpp.campaign c where c.id = x.campaign_id);
end
$$;
grant execute on function private.join_campaign to authenticated;

create function api.join_campaign(code text, consent boolean, text_number integer default null) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.join_campaign(code, consent, text_number); end;
comment on function api.join_campaign is 'Joins a campaign by a creator''s code. consent says whether the caller shares their e-mail address with the partner, by the text of that number; without it they join as well. Returns the code of the campaign, for set_consent. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP056, MP063.';
grant execute on function api.join_campaign to authenticated;

create type api.campaign_export as (export_id integer, exported_at timestamptz, people integer, digest text, rows jsonb);
comment on type api.campaign_export is 'A list for a partner: [{"email", "agreed_at", "text_version"}] in the order of the addresses, and its digest.';

-- Who agreed last, is live under a confirmed address, and old enough today in Paris.
create function private.campaign_readers(campaign integer) returns table (account_id uuid, address text, agreed_at timestamptz, text_version text)
    language plpgsql stable rows 1000 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.id, u.email::text, latest.given_at, latest.text_version
    from mpp.campaign_guest g
    join mpp.profile p on p.id = g.account_id
    join auth.users u on u.id = p.id
    cross join lateral (
        select c.granted, c.given_at, c.text_version
        from mpp.consent c
        where c.account_id = g.account_id and c.campaign_id = campaign
        order by c.id desc
        limit 1
    ) latest
    where g.campaign_id = campaign
        and latest.granted
        and private.is_live(u)
        and u.email_confirmed_at is not null
        and u.email <> ''
        and private.age_on(p.birth_date, p.birth_date_before, private.today()) >= private.partner_age(p.country);
end
$$;

create function private.export_campaign(campaign text) returns api.campaign_export
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
    made api.campaign_export;
    locked uuid[];
    rows jsonb;
begin
    perform private.require_ops();
    c := private.campaign_of(campaign);
    -- An account that is being deleted at this moment is waited for, and is then not among them.
    select array_agg(f.id) into locked
    from (
        select p.id from mpp.profile p
        where p.id in (select g.account_id from mpp.campaign_guest g where g.campaign_id = c.id)
        order by p.id
        for key share
    ) f;
    perform pg_advisory_xact_lock(hashtext('mpp.campaign'), c.id);
    perform private.require_ops();
    select jsonb_agg(jsonb_build_object('account', r.account_id, 'email', r.address, 'agreed_at', r.agreed_at, 'text_version', r.text_version)
        order by r.address collate "C")
    into rows
    from private.campaign_readers(c.id) r
    where r.account_id = any (locked);
    insert into mpp.partner_export as x (campaign_id, exported_by, people, digest)
    values (c.id, private.my_account(), coalesce(jsonb_array_length(rows), 0), encode(sha256(convert_to(coalesce((
        select string_agg(r.value ->> 'email' || E'\n', '' order by r.place) from jsonb_array_elements(rows) with ordinality r (value, place)
    ), ''), 'UTF8')), 'hex'))
    returning x.id, x.exported_at, x.people, x.digest into made.export_id, made.exported_at, made.people, made.digest;
    insert into mpp.partner_address (account_id, campaign_id, address, export_id)
    select (r.value ->> 'account')::uuid, c.id, r.value ->> 'email', made.export_id
    from jsonb_array_elements(rows) r
    on conflict do nothing;
    perform private.record_act('partner.export', c.code,
        jsonb_build_object('export', made.export_id, 'people', made.people, 'digest', made.digest));
    made.rows := coalesce((
        select jsonb_agg(r.value - 'account' order by r.place) from jsonb_array_elements(rows) with ordinality r (value, place)
    ), '[]');
    return made;
end
$$;
grant execute on function private.export_campaign to authenticated, service_role;

create function api.export_campaign(campaign text) returns api.campaign_export
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.export_campaign(campaign); end;
comment on function api.export_campaign is 'Makes the list for the partner of a campaign: the addresses of those who agreed to it and did not withdraw, are 15 or older today (older where their country asks), and have a live account with a confirmed address. Each call is recorded: who, when, how many, and the digest. Staff. Errors: MP006, MP010.';
grant execute on function api.export_campaign to authenticated, service_role;

create function private.settle_partner_withdrawals(ids integer[], note text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text := private.clean_line('note', note, 300);
    settled integer;
begin
    perform private.require_ops();
    -- In order, so that of two at once the second waits for the first.
    perform from mpp.partner_withdrawal w where w.id = any (ids) order by w.id for update;
    update mpp.partner_withdrawal w
    set settled_at = private.clock(), outcome = 'partner_told', note = why, address = null, account_id = null
    where w.id = any (ids) and w.settled_at is null;
    get diagnostics settled = row_count;
    if settled > 0 then
        perform private.record_act('partner.settle', null, jsonb_build_object('withdrawals', to_jsonb(ids), 'settled', settled, 'note', why));
    end if;
    return settled;
end
$$;
grant execute on function private.settle_partner_withdrawals to authenticated, service_role;

create function api.settle_partner_withdrawals(ids integer[], note text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_partner_withdrawals(ids, note); end;
comment on function api.settle_partner_withdrawals is 'Records that the partner was told of these withdrawals, how and by whom (note); the addresses go. Returns how many were still open. Staff. Errors: MP006, MP010.';
grant execute on function api.settle_partner_withdrawals to authenticated, service_role;

create type api.creator_figure as (creator text, joined integer, agreed integer, players integer, validations bigint);
comment on type api.creator_figure is 'A creator of a campaign: how many joined by their code, agreed, and played, and what they did. Numbers of people from one to four, and what they tell by subtraction, are null.';

-- Whether two numbers of people, the second a part of the first, tell about too few: by themselves, or by what is left.
create function private.part_shown(people bigint, part bigint) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    least constant integer := private.least_people();
begin
    return case when people = 0 then 0
        when people >= least and (part = 0 or part >= least) and (people = part or people - part >= least) then part::integer end;
end
$$;

create function private.campaign_figures(campaign text) returns setof api.creator_figure
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
begin
    perform private.require_ops();
    c := private.campaign_of(campaign);
    return query
    select
        x.creator::text,
        private.part_shown(f.joined, f.joined),
        private.part_shown(f.joined, f.agreed),
        private.part_shown(f.joined, f.players),
        case when private.part_shown(f.joined, f.players) is not null then f.validations end
    from mpp.campaign_code x
    cross join lateral (
        select
            count(*) as joined,
            count(*) filter (where latest.granted) as agreed,
            count(*) filter (where p.id is not null) as players,
            coalesce(sum(d.done), 0)::bigint as validations
        from mpp.campaign_guest g
        left join lateral (
            select k.granted from mpp.consent k where k.account_id = g.account_id and k.campaign_id = c.id order by k.id desc limit 1
        ) latest on true
        left join mpp.player p on p.account_id = g.account_id and p.edition_id = c.edition_id
        left join lateral (
            select count(*) as done from mpp.validation v where v.player_id = p.id and v.state = 'credited'
        ) d on true
        where g.code_id = x.id
    ) f
    where x.campaign_id = c.id
    order by lower(x.creator);
end
$$;
grant execute on function private.campaign_figures to authenticated, service_role;

create function api.campaign_figures(campaign text) returns setof api.creator_figure
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.campaign_figures(campaign); end;
comment on function api.campaign_figures is 'What each creator of a campaign brought about, without names; small numbers of people are withheld. Staff. Errors: MP006, MP010.';
grant execute on function api.campaign_figures to authenticated, service_role;

-- The account is erased: that withdraws everything.
create function private.profile_leave_partners() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    for target in
        select distinct a.campaign_id from mpp.partner_address a where a.account_id = old.id order by a.campaign_id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.partner_must_forget(old.id, target, 'erased');
    end loop;
    return old;
end
$$;

create trigger profile_leave_partners
    before delete on mpp.profile
    for each row execute function private.profile_leave_partners();

-- Somebody turns out to be too young, by a corrected birth date or another country: what they agreed to ends.
create function private.profile_protect_from_partners() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    if private.age_on(new.birth_date, new.birth_date_before, private.today()) >= private.partner_age(new.country) then
        return null;
    end if;
    for target in
        select g.campaign_id from mpp.campaign_guest g where g.account_id = new.id order by g.campaign_id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.record_partner_consent(new.id, target, false, 'ops');
    end loop;
    return null;
end
$$;

create trigger profile_protect_from_partners
    after update of birth_date, country on mpp.profile
    for each row
    when (new.birth_date is distinct from old.birth_date or new.country is distinct from old.country)
    execute function private.profile_protect_from_partners();
