-- Campaigns with a partner in an edition, such as Mission MPP: what people are asked to agree to, and the codes that
-- creators of content hand out. Joining and what the partner gets are in 45_partner.

create table mpp.partner (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9][a-z0-9-]{2,39}$'),
    name mpp.line not null,
    created_at timestamptz not null default private.clock()
);
comment on table mpp.partner is 'Organisations with which the association runs campaigns. They have no access of their own.';

create table mpp.campaign (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9][a-z0-9-]{2,39}$'),
    partner_id integer not null references mpp.partner (id),
    edition_id integer not null references mpp.edition (id),
    created_at timestamptz not null default private.clock()
);
comment on table mpp.campaign is 'A campaign of a partner in an edition; it may be joined until the edition ends.';
create index campaign_partner on mpp.campaign (partner_id);
create index campaign_edition on mpp.campaign (edition_id);

create table mpp.campaign_text (
    campaign_id integer not null references mpp.campaign (id),
    number integer not null check (number > 0),
    body mpp.translated not null,
    published_at timestamptz not null default private.clock(),
    primary key (campaign_id, number)
);
comment on table mpp.campaign_text is 'What people of a campaign are asked to agree to; the last number is shown, and each is kept as it was shown.';

create trigger campaign_text_append_only
    before update or delete or truncate on mpp.campaign_text
    for each statement execute function private.refuse_change();

create table mpp.campaign_code (
    id integer generated always as identity primary key,
    campaign_id integer not null references mpp.campaign (id),
    creator mpp.line not null check (char_length(creator) <= 80),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    created_at timestamptz not null default private.clock(),
    ended_at timestamptz
);
comment on table mpp.campaign_code is 'The codes of a campaign, one for each creator of content.';
comment on column mpp.campaign_code.creator is 'The public name under which the creator invites. Purpose: figures by creator. Read by the staff and by whoever has the code; kept with the campaign.';
create unique index campaign_code_creator on mpp.campaign_code (campaign_id, lower(creator));

alter table mpp.partner enable row level security;
alter table mpp.campaign enable row level security;
alter table mpp.campaign_text enable row level security;
alter table mpp.campaign_code enable row level security;

create function private.campaign_of(code text) returns mpp.campaign
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
begin
    select * into c from mpp.campaign x where x.code = campaign_of.code;
    if not found then
        perform private.refuse('MP010', 'campaign', coalesce(left(code, 60), 'it is empty'), 'List the campaigns.');
    end if;
    return c;
end
$$;

create function private.create_campaign(code text, partner_code text, partner_name text, edition_code text, body jsonb) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    edition integer := (select e.id from mpp.edition e where e.code = edition_code);
    known mpp.campaign;
    partner mpp.partner;
begin
    perform private.require_ops();
    if code is null or code !~ '^[a-z0-9][a-z0-9-]{2,39}$' then
        perform private.refuse('MP010', 'code', coalesce(left(code, 60), 'it is empty'), 'Use 3 to 40 small letters, digits and hyphens.');
    end if;
    if edition is null then
        perform private.refuse('MP020', coalesce(left(edition_code, 60), '(none)'));
    end if;
    select * into partner from mpp.partner p where p.code = partner_code;
    if not found then
        if partner_code is null or partner_code !~ '^[a-z0-9][a-z0-9-]{2,39}$' then
            perform private.refuse('MP010', 'partner_code', coalesce(left(partner_code, 60), 'it is empty'), 'Use 3 to 40 small letters, digits and hyphens.');
        end if;
        if partner_name is null then
            perform private.refuse('MP010', 'partner_name', 'it is empty', 'Name a partner that is new.');
        end if;
        insert into mpp.partner as p (code, name) values (partner_code, private.clean_line('partner_name', partner_name, 120))
        returning * into partner;
    end if;
    select * into known from mpp.campaign c where c.code = create_campaign.code;
    if not found then
        insert into mpp.campaign as c (code, partner_id, edition_id) values (create_campaign.code, partner.id, edition)
        returning * into known;
        perform private.record_act('campaign.create', known.code, jsonb_build_object('partner', partner.code, 'edition', edition_code));
    elsif (known.partner_id, known.edition_id) <> (partner.id, edition) then
        perform private.refuse('MP010', 'code', known.code || ' is another campaign', 'Give this one another code.');
    end if;
    return private.publish_campaign_text(known, body);
end
$$;
grant execute on function private.create_campaign to authenticated, service_role;

-- Adds the text if it is another than the last one; returns its number.
create function private.publish_campaign_text(c mpp.campaign, body jsonb) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    latest mpp.campaign_text;
begin
    if body is null or jsonb_typeof(body) <> 'object' or not body ?& array['fr', 'en'] or body - array['fr', 'en', 'de'] <> '{}'
        or exists (select from jsonb_each(body) t where jsonb_typeof(t.value) <> 'string' or btrim(t.value #>> '{}') = '')
        or octet_length(body::text) > 50000 then
        perform private.refuse('MP010', 'body', 'it needs a text in fr and en, takes one in de, and has 50,000 bytes at most',
            'Send {"fr": "…", "en": "…", "de": "…"}.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.campaign'), c.id);
    select * into latest from mpp.campaign_text t where t.campaign_id = c.id order by t.number desc limit 1;
    if latest.body::jsonb is distinct from publish_campaign_text.body then
        insert into mpp.campaign_text (campaign_id, number, body)
        values (c.id, coalesce(latest.number, 0) + 1, publish_campaign_text.body)
        returning * into latest;
        perform private.record_act('campaign.text', c.code, jsonb_build_object('number', latest.number));
    end if;
    return latest.number;
end
$$;

create function api.create_campaign(code text, partner_code text, edition_code text, body jsonb, partner_name text default null) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_campaign(code, partner_code, partner_name, edition_code, body); end;
comment on function api.create_campaign is 'Creates a campaign with a partner, and the partner where it is new. body is what people are asked to agree to, by language: {"fr", "en", "de"}, de if there is one. Called again with another body it publishes that one; consents to the earlier one stay. Returns the number of the text. Staff. Errors: MP006, MP010, MP020.';
grant execute on function api.create_campaign to authenticated, service_role;

create function private.create_campaign_code(campaign text, creator text) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
    name text;
    made text := private.new_join_code();
begin
    perform private.require_ops();
    c := private.campaign_of(campaign);
    name := private.clean_line('creator', creator, 80);
    insert into mpp.campaign_code (campaign_id, creator, code) values (c.id, name, made) on conflict do nothing;
    if found then
        perform private.record_act('campaign.code', c.code, jsonb_build_object('creator', name));
    end if;
    return (select x.code from mpp.campaign_code x where x.campaign_id = c.id and lower(x.creator) = lower(name));
end
$$;
grant execute on function private.create_campaign_code to authenticated, service_role;

create function api.create_campaign_code(campaign text, creator text) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_campaign_code(campaign, creator); end;
comment on function api.create_campaign_code is 'Makes the code by which a creator of content invites to a campaign, and returns it; the same creator has one code. Staff. Errors: MP006, MP010.';
grant execute on function api.create_campaign_code to authenticated, service_role;

create function private.end_campaign_code(code text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    ended mpp.campaign_code;
begin
    perform private.require_ops();
    update mpp.campaign_code x set ended_at = coalesce(x.ended_at, private.clock()) where x.code = end_campaign_code.code returning * into ended;
    if ended.id is null then
        perform private.refuse('MP063');
    end if;
    perform private.record_act('campaign.end_code', (select c.code from mpp.campaign c where c.id = ended.campaign_id), jsonb_build_object('creator', ended.creator));
end
$$;
grant execute on function private.end_campaign_code to authenticated, service_role;

create function api.end_campaign_code(code text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.end_campaign_code(code); end;
comment on function api.end_campaign_code is 'Nobody joins by this code any more; who joined stays. Staff. Errors: MP006, MP063.';
grant execute on function api.end_campaign_code to authenticated, service_role;
