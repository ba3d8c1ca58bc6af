-- What an attack on the spaces of clients found: invitations are bounded, may be withdrawn and end with their grounds; names
-- imitate nobody and hold no link; contact messages past the limits are held; accounts that were deleted softly are out.

alter table mpp.staff_invitation add column invited_by uuid references auth.users (id) on delete cascade;
comment on column mpp.staff_invitation.invited_by is 'The owner who invites, who must still be one when it is taken; empty for the association.';
create index staff_invitation_inviter on mpp.staff_invitation (invited_by);
alter table mpp.staff_invitation alter column invited_by set statistics 0;
-- The audit knows who sent those that wait.
update mpp.staff_invitation i
set invited_by = a.actor_id
from (
    select distinct on (x.details ->> 'invitation') (x.details ->> 'invitation')::integer as invitation, x.actor_id
    from mpp.audit x
    where x.action = 'client.invite_staff'
    order by x.details ->> 'invitation', x.id desc
) a
where a.invitation = i.id and i.accepted_at is null
    and exists (select from mpp.staff s where s.account_id = a.actor_id and s.organisation_id = i.organisation_id)
    and not exists (select from mpp.ops_member o where o.account_id = a.actor_id);

alter table mpp.contact_request add column is_held boolean not null default false;
comment on column mpp.contact_request.is_held is 'It came when there were too many, of its address or of all: kept apart, and for 30 days when nobody takes it up.';
create index contact_request_held on mpp.contact_request (received_at) where is_held and state in ('new', 'spam');
alter table mpp.contact_request alter column is_held set statistics 0;

create or replace function private.mailbox_of(address text) returns text
    language sql
    immutable
    parallel safe
    strict
    set search_path = ''
as $$ select regexp_replace(lower(address), '(.)\+[^@]*@', '\1@') $$;
revoke execute on function private.mailbox_of(text) from public;
grant execute on function private.mailbox_of(text) to mpp_owner;

create index outbox_invitation on mpp.outbox (private.mailbox_of(address), queued_at)
    where template in ('staff_invitation', 'player_invitation');
alter index mpp.outbox_invitation alter column 1 set statistics 0;

create or replace function private.is_account_live(account uuid) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select exists (
        select from auth.users u where u.id = account and (u.banned_until is null or u.banned_until <= now()) and u.deleted_at is null
    )
$$;
revoke execute on function private.is_account_live(uuid) from public;

create or replace function private.clean_name(field text, value text, longest integer default 60, own integer default null) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    cleaned text := private.clean_line(field, value, longest);
    said text;
    letters text;
begin
    if private.is_ops() then
        return cleaned;
    end if;
    -- Also in wide letters, and in those of Greek and Cyrillic that look like ours.
    said := translate(private.folded(cleaned), 'аеіӏмортсАЕІМОРТСαειορτΑΕΙΜΟΡΤ', 'aeilmoptcaeimoptcaeioptaeimopt');
    if said ~ '://' or said ~ '\mwww\.' then
        perform private.refuse('MP010', field, 'it holds a link', 'Use a name without https:// and www.');
    end if;
    letters := regexp_replace(translate(said, '1340', 'ieao'), '[^a-z]', '', 'g');
    if letters ~ 'mapetiteplanete' or letters = 'mpp'
        or (said ~ '\mmpp\M' and said ~ '\m(officiel|officielle|official|admin|administration|support|staff|moderation|securite|security)\M') then
        perform private.refuse('MP010', field, 'it is the name of the association', 'Choose a name of your own.');
    end if;
    said := private.folded(cleaned);
    if exists (
        select
        from mpp.organisation o
        where o.id is distinct from own
            and starts_with(said, private.folded(o.name))
            -- Alone, or as leagues carry it: “Exemple · Lyon”.
            and substr(said, char_length(private.folded(o.name)) + 1) ~ '^(\s*[·•∙‧・:|]|$)'
            and private.folded(o.name) is distinct from (select private.folded(x.name) from mpp.organisation x where x.id = own)
    ) then
        perform private.refuse('MP010', field, 'it is the name of an organisation that plays', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;
revoke execute on function private.clean_name(text, text, integer, integer) from public;

create or replace function private.invitations_to(address text) returns bigint
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return (
        select count(*)
        from mpp.outbox m
        where m.template in ('staff_invitation', 'player_invitation')
            and private.mailbox_of(m.address) = private.mailbox_of(invitations_to.address)
            and m.queued_at > private.clock() - interval '1 day'
    );
end
$$;
revoke execute on function private.invitations_to(text) from public;

create or replace function private.drop_invitation_mails(invitation integer) returns void
    language plpgsql
    set search_path = ''
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.state = 'queued' and m.template = 'staff_invitation' and starts_with(m.key, format('staff:%s:', invitation));
end
$$;
revoke execute on function private.drop_invitation_mails(integer) from public;

create or replace function private.staff_changed() returns trigger
    language plpgsql
    security definer
    set search_path = ''
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
    return null;
end
$$;
revoke execute on function private.staff_changed() from public;

create trigger staff_changed
    after insert or update or delete on mpp.staff
    for each row execute function private.staff_changed();

create or replace function private.clean_line(field text, value text, longest integer default 60) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    cleaned text;
begin
    -- Measured before it is worked on: cleaning megabytes would take as long as somebody likes.
    if octet_length(value) > 4 * longest + 200 then
        perform private.refuse('MP010', field, 'it is too long', format('Use %s characters at most.', longest));
    end if;
    -- What keyboards add to emoji and to pasted words says nothing by itself.
    cleaned := regexp_replace(normalize(value, NFC), '[\u00ad\u200b-\u200d\ufe00-\ufe0f]', '', 'g');
    cleaned := btrim(regexp_replace(cleaned, '\s+', ' ', 'g'));
    if coalesce(cleaned, '') = '' then
        perform private.refuse('MP010', field, 'it is empty', 'Give some text.');
    end if;
    if char_length(cleaned) > longest then
        perform private.refuse('MP010', field, format('it has %s characters', char_length(cleaned)),
            format('Use %s characters at most.', longest));
    end if;
    if cleaned ~ '[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
        or cleaned ~ '[\u0300-\u036f]{3}' then
        perform private.refuse('MP010', field, 'it holds an invisible character', 'Use visible characters only.');
    end if;
    -- An encoded word of a mail header (RFC 2047) says one thing here and another where it is decoded.
    if cleaned ~ '=\?[^?\s]+\?[bBqQ]\?' then
        perform private.refuse('MP010', field, 'it holds an encoded word', 'Write it without =?.');
    end if;
    return cleaned;
end
$$;

create or replace function private.is_ops() returns boolean
    language sql
    stable
    security definer
    set search_path = ''
as $$
    select private.is_service() or exists (
        select
        from mpp.ops_member m
        join auth.users u on u.id = m.account_id
        where m.account_id = (select auth.uid())
            and private.request_role() = 'authenticated'
            -- A disabled account is out at once, not when its token ends.
            and (u.banned_until is null or u.banned_until <= now())
            and u.deleted_at is null
    )
$$;

create or replace function private.signed_in(anonymous_too boolean default false) returns uuid
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    account uuid := (claims ->> 'sub')::uuid;
begin
    if account is null or private.request_role() <> 'authenticated' then
        perform private.refuse('MP001');
    end if;
    if not anonymous_too and coalesce((claims ->> 'is_anonymous')::boolean, false) then
        perform private.refuse('MP002');
    end if;
    -- Read live: a disabled account is out at once, not when its token ends, and so is one that was deleted softly.
    if exists (select from auth.users u where u.id = account and (u.banned_until > now() or u.deleted_at is not null)) then
        perform private.refuse('MP001');
    end if;
    return account;
end
$$;

create or replace function private.my_client_ids(at_least api.staff_role default 'viewer') returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select auth.uid())
        -- A dashboard's login could write any claims into its own connection.
        and private.request_role() = 'authenticated'
        and s.role >= at_least
        and now() >= s.access_from
        and now() < s.access_until
        and private.is_account_live(s.account_id)
        -- An anonymous account works for nobody, also where a row says that it does.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
    union
    select d.organisation_id
    from mpp.dashboard d
    where d.role_name = session_user and private.request_role() = session_user and at_least = 'viewer'
    union
    select o.id from mpp.organisation o where private.is_ops();
end
$$;

create or replace function private.my_organisation_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select auth.uid())
        and private.request_role() = 'authenticated'
        and private.is_account_live(s.account_id)
        -- An anonymous account works for nobody, also where a row says that it does.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
    union
    select c.id from private.my_client_ids() c (id);
end
$$;

create or replace function private.clean_team_name(league uuid, name text) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if exists (select from mpp.league l where l.id = league and l.school_id is not null) then
        return private.clean_class_text('name', name, 40);
    end if;
    return private.clean_name('name', name, 40);
end
$$;

create or replace function private.create_league(
    edition_id integer, name text, category api.league_category, is_open boolean, phone text
) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    e mpp.edition;
    league mpp.league;
    player uuid;
    french boolean := private.speaks_french();
begin
    -- Said before anything else of a private edition is.
    if exists (select from mpp.edition x where x.id = create_league.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.hold_profile(account);
    e := private.begin_join(edition_id);
    if e.audience <> 'public' then
        perform private.refuse('MP028', e.code);
    end if;
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 3 then
        perform private.refuse('MP039', '3');
    end if;
    if category is null then
        perform private.refuse('MP010', 'category', 'it is empty', 'Use friends, family, colleagues or another kind of league.');
    end if;
    begin
        insert into mpp.league (edition_id, name, category, is_open, created_by)
        values (e.id, private.clean_name('name', create_league.name), create_league.category,
            coalesce(create_league.is_open, false), account)
        returning * into league;
    exception when unique_violation then
        perform private.refuse('MP038', create_league.name);
    end;
    insert into mpp.team (league_id, edition_id, name)
    select league.id, e.id, format(case when french then 'Équipe %s' else 'Team %s' end, n)
    from generate_series(1, e.teams_per_league) n;
    insert into mpp.join_code (league_id, code) values (league.id, private.new_join_code());
    begin
        player := private.seat(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    insert into mpp.ambassador (league_id, account_id, player_id, is_principal) values (league.id, account, player, true);
    return league.id;
end
$$;

create or replace function private.create_client_leagues(participation_id integer, leagues jsonb) returns setof api.client_league
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    p mpp.participation := private.begin_client_leagues(participation_id);
    o mpp.organisation;
    e mpp.edition;
    item record;
    called text;
    unit_name text;
    unit integer;
    league uuid;
    fresh boolean;
    added integer := 0;
    units integer := 0;
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if e.audience <> 'public' then
        perform private.refuse('MP028', e.code);
    end if;
    if jsonb_typeof(leagues) is distinct from 'array' or jsonb_array_length(leagues) not between 1 and 500 then
        perform private.refuse('MP010', 'leagues', 'it is not a list of 1 to 500', 'Send [{"name": "…", "unit": "…"}, …].');
    end if;
    -- One at a time for one client, so that a list sent twice makes each league once.
    perform private.lock_client(p);
    if (select count(*) from mpp.league l where l.participation_id = p.id) + jsonb_array_length(leagues) > 2000 then
        perform private.refuse('MP039', '2000');
    end if;
    for item in select x.value as given, x.place from jsonb_array_elements(leagues) with ordinality x (value, place) order by x.place loop
        if jsonb_typeof(item.given) <> 'object' then
            perform private.refuse('MP010', format('leagues[%s]', item.place), 'it is not an object', 'Send {"name": "…", "unit": "…"}.');
        end if;
        -- A list or an object would be read as a name in brackets.
        if jsonb_typeof(item.given -> 'name') is distinct from 'string' then
            perform private.refuse('MP010', format('name of league %s', item.place), 'it is not a text', 'Send {"name": "…", "unit": "…"}.');
        end if;
        if jsonb_typeof(item.given -> 'unit') not in ('string', 'null') then
            perform private.refuse('MP010', format('unit of league %s', item.place), 'it is not a text', 'Send {"name": "…", "unit": "…"}.');
        end if;
        called := private.clean_name(format('name of league %s', item.place), item.given ->> 'name', 60, o.id);
        if p.carries_name then
            called := private.clean_line(format('name of league %s', item.place), o.name || ' · ' || called, 60);
        end if;
        unit := null;
        unit_name := null;
        if item.given ->> 'unit' is not null then
            unit_name := private.clean_name(format('unit of league %s', item.place), item.given ->> 'unit', 60, o.id);
            insert into mpp.unit (organisation_id, name) values (o.id, unit_name) on conflict do nothing;
            if found then
                units := units + 1;
                if (select count(*) from mpp.unit u where u.organisation_id = o.id) > 500 then
                    perform private.refuse('MP010', format('unit of league %s', item.place), 'with it there would be more than 500 units',
                        'Use one of the units there are.');
                end if;
            end if;
            select u.id, u.name into unit, unit_name
            from mpp.unit u where u.organisation_id = o.id and lower(u.name) = lower(unit_name);
        end if;
        select l.id into league from mpp.league l where l.participation_id = p.id and lower(l.name) = lower(called);
        fresh := not found;
        if fresh then
            added := added + 1;
            begin
                insert into mpp.league (edition_id, name, category, participation_id, unit_id)
                values (e.id, called, case o.kind when 'university' then 'students' when 'association' then 'association'
                    else 'colleagues' end::api.league_category, p.id, unit)
                returning id into league;
            exception when unique_violation then
                perform private.refuse('MP038', called);
            end;
            insert into mpp.team (league_id, edition_id, name)
            select league, e.id, format(case o.language when 'fr' then 'Équipe %s' else 'Team %s' end, n)
            from generate_series(1, e.teams_per_league) n;
            insert into mpp.join_code (league_id, code) values (league, private.new_join_code());
        elsif unit is not null then
            update mpp.league l set unit_id = unit where l.id = league and l.unit_id is distinct from unit;
        end if;
        return next (league, called, unit_name, (select c.code from mpp.join_code c where c.league_id = league), fresh)::api.client_league;
    end loop;
    if added + units > 0 then
        perform private.record_act('client.create_leagues', o.code,
            jsonb_build_object('participation', p.id, 'added', added, 'units', units));
    end if;
end
$$;

create or replace function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    p mpp.participation := private.begin_client_leagues(participation_id);
    o mpp.organisation;
    e mpp.edition;
    wrong integer;
    first_wrong text;
    most integer;
    by_ops boolean := private.is_ops();
    guest record;
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform private.lock_client(p);
    perform pg_advisory_xact_lock(hashtext('mpp.invitation'));
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    select count(*), (array_agg(format('row %s: %s', f.place, f.fault) order by f.place))[1] into wrong, first_wrong
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then 'it is not an object'
                when jsonb_typeof(g.given -> 'email') not in ('string', 'null') then 'its address is not a text'
                when jsonb_typeof(g.given -> 'league') not in ('string', 'null') then 'its league is not a text'
                when not private.is_mail_address(lower(btrim(g.given ->> 'email'))) then 'its address is not one'
                when count(*) over (partition by lower(btrim(g.given ->> 'email'))) > 1 then 'its address comes twice'
                when g.given ->> 'league' is not null and not exists (
                    select from mpp.league l
                    where l.participation_id = p.id
                        and lower(l.name) in (lower(btrim(g.given ->> 'league')), lower(o.name || ' · ' || btrim(g.given ->> 'league')))
                ) then 'its league is none of the client''s'
                -- Taken off the list and put back on: a new code comes by mail, and nobody is written to for ever.
                when not g.known and private.invitations_sent(p.id, g.email) >= 3
                    then 'three invitations were sent there already, hand out the code yourself'
                -- The association answers for what it imports.
                when not by_ops and not g.known
                    and count(*) filter (where not g.known) over (partition by private.mailbox_of(g.email) order by g.place)
                        + private.invitations_to(g.email) > 5
                    then 'its mailbox has had five invitations in a day'
            end as fault
        from (
            select x.given, x.place, lower(btrim(x.given ->> 'email')) as email,
                exists (
                    select from mpp.participant k where k.participation_id = p.id and k.email = lower(btrim(x.given ->> 'email'))
                ) as known
            from jsonb_array_elements(participants) with ordinality x (given, place)
        ) g
    ) f
    where f.fault is not null;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;
    -- A client's account must not become a way to write to the world.
    most := 2 * greatest(coalesce(p.expected_players, 0), 200);
    if (
        select count(*)
        from (
            select x.email::text from mpp.participant x where x.participation_id = p.id
            union
            select lower(btrim(g.value ->> 'email')) from jsonb_array_elements(participants) g
        ) everybody
    ) > most then
        perform private.refuse('MP010', 'participants', format('with those invited before they are more than %s', most),
            'Ask Ma Petite Planète to raise the number of expected players.');
    end if;
    for guest in
        select lower(btrim(g.given ->> 'email')) as email, g.given ->> 'league' as league
        from jsonb_array_elements(participants) with ordinality g (given, place)
        order by g.place
    loop
        if exists (select from mpp.participant x where x.participation_id = p.id and x.email = guest.email) then
            outcome.unchanged := outcome.unchanged + 1;
            continue;
        end if;
        outcome.added := outcome.added + 1;
        continue when coalesce(dry_run, false);
        -- Without a league named: the one that fewest were invited to.
        insert into mpp.participant (participation_id, email, league_id)
        select p.id, guest.email, l.id
        from mpp.league l
        where l.participation_id = p.id
            and (guest.league is null
                or lower(l.name) in (lower(btrim(guest.league)), lower(o.name || ' · ' || btrim(guest.league))))
        order by (select count(*) from mpp.participant x where x.league_id = l.id), l.created_at, l.id
        limit 1;
        perform private.queue_mail(
            private.invitation_key(p.id, guest.email, 1 + private.invitations_sent(p.id, guest.email)),
            'player_invitation',
            jsonb_build_object('league', l.name, 'join_code', c.code, 'edition', e.title ->> o.language, 'starts_at', e.starts_at,
                'ends_at', e.ends_at, 'time_zone', e.time_zone, 'organisation', o.name),
            purpose => 'invitation', address => guest.email, language => o.language, organisation_id => o.id,
            useful_until => e.registration_closes_at)
        from mpp.participant x
        join mpp.league l on l.id = x.league_id
        join mpp.join_code c on c.league_id = l.id
        where x.participation_id = p.id and x.email = guest.email;
    end loop;
    if outcome.added > 0 and not coalesce(dry_run, false) then
        perform private.record_act('client.invite_participants', o.code, jsonb_build_object('participation', p.id, 'added', outcome.added));
    end if;
    return outcome;
end
$$;

create or replace function private.invite_staff(
    organisation_id integer, email text, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    o mpp.organisation;
    me mpp.staff;
    address text := lower(btrim(email));
    code text := private.new_join_code();
    opens timestamptz := coalesce(access_from, private.clock());
    closes timestamptz := access_until;
    invitation integer;
begin
    -- Also between two of its owners at once.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform pg_advisory_xact_lock(hashtext('mpp.invitation'));
    select * into o from mpp.organisation x where x.id = invite_staff.organisation_id;
    if not private.is_mail_address(address) then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 100), 'Give an address such as ada@example.org.');
    end if;
    if role is null then
        perform private.refuse('MP010', 'role', 'it is empty', 'Use viewer, manager or owner.');
    end if;
    if not by_ops then
        -- An owner gives away what they have, and no more of it: neither longer, nor to make another owner.
        select * into me from mpp.staff s where s.account_id = account and s.organisation_id = o.id;
        if role = 'owner' then
            perform private.refuse('MP010', 'role', 'owner', 'Only Ma Petite Planète makes owners.');
        end if;
        closes := coalesce(closes, me.access_until);
        if opens < me.access_from or closes > me.access_until then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.spoken_first(me.access_from), private.spoken_last(me.access_until)));
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
        -- An invitation is a mail: an owner's account must not become a way to write to somebody again and again. What was
        -- withdrawn or has expired was a mail, too.
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
            where i.organisation_id = o.id and i.email <> address and i.invited_at > private.clock() - interval '1 day'
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty addresses were invited within a day', 'Invite it tomorrow.');
        end if;
        if private.invitations_to(address) >= 5 then
            perform private.refuse('MP010', 'email', 'its mailbox has had five invitations in a day', 'Invite it tomorrow.');
        end if;
    end if;
    perform private.check_access(opens, closes);
    insert into mpp.staff_invitation as i (organisation_id, email, role, access_from, access_until, code_digest, expires_at, invited_by)
    values (o.id, address, invite_staff.role, opens, closes, sha256(convert_to(code, 'UTF8')),
        least(private.clock() + interval '30 days', closes), case when not by_ops then account end)
    on conflict on constraint staff_invitation_once do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until,
        code_digest = excluded.code_digest, expires_at = excluded.expires_at, invited_at = clock_timestamp(), accepted_at = null,
        invited_by = excluded.invited_by
    returning i.id into invitation;
    perform private.drop_invitation_mails(invitation);
    perform private.queue_mail(
        format('staff:%s:%s', invitation, encode(substring(sha256(convert_to(code, 'UTF8')) for 8), 'hex')),
        'staff_invitation',
        jsonb_build_object('organisation', o.name, 'role', invite_staff.role, 'code', code, 'access_from', opens, 'access_until', closes,
            'expires_at', (select i.expires_at from mpp.staff_invitation i where i.id = invitation)),
        -- What the association sends belongs to a contract; what a client's owner sends can be refused for good.
        purpose => case when by_ops then 'service' else 'invitation' end::api.mail_purpose, address => address, language => o.language,
        organisation_id => o.id,
        useful_until => (select i.expires_at from mpp.staff_invitation i where i.id = invitation));
    perform private.record_act('client.invite_staff', o.code, jsonb_build_object('invitation', invitation, 'role', invite_staff.role));
    return invitation;
end
$$;

create or replace function private.accept_staff_invitation(code text) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write(registered => false);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    i mpp.staff_invitation;
    inviter mpp.staff;
begin
    -- What they have already is locked first, as by those who change it and so end the invitation.
    perform
    from mpp.staff s
    where s.account_id = account
        and s.organisation_id = (select x.organisation_id from mpp.staff_invitation x where x.code_digest = sha256(convert_to(typed, 'UTF8')))
    for update;
    -- Of twenty at once one has it. It opens to the address it was sent to, and to nobody who got hold of the code.
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
    if i.invited_by is not null then
        -- An owner's invitation is worth what its owner is worth now, and changes no owner.
        select * into inviter
        from mpp.staff s
        where s.account_id = i.invited_by and s.organisation_id = i.organisation_id and s.role = 'owner'
            and s.access_from <= private.clock() and s.access_until > private.clock() and private.is_account_live(s.account_id);
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

create or replace function private.mail_obstacle(mail mpp.outbox, reader_address text) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
    reader record;
begin
    if mail.useful_until <= at then
        return 'too late';
    end if;
    if reader_address is null or not private.is_mail_address(reader_address) then
        return 'no address';
    end if;
    if mail.account_id is not null then
        select u.email_confirmed_at, u.banned_until, u.deleted_at into reader from auth.users u where u.id = mail.account_id;
        if reader.banned_until > at or reader.deleted_at is not null then
            return 'account disabled';
        end if;
        -- Whoever signed up with the address of somebody else has not asked for mail in their name.
        if reader.email_confirmed_at is null and mail.purpose <> 'service' then
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
    if mail.purpose in ('newsletter', 'league_alerts') and not coalesce((
        select c.granted
        from mpp.consent c
        where c.account_id = mail.account_id and c.purpose::text = mail.purpose::text
        order by c.id desc
        limit 1
    ), false) then
        return 'no consent';
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

create or replace function private.unsubscribe(token text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    t mpp.unsubscribe_token;
begin
    if token is null or octet_length(token) > 200 then
        return;
    end if;
    -- Locked: pressing twice writes once.
    select * into t from mpp.unsubscribe_token u where u.digest = sha256(convert_to(token, 'UTF8')) for update;
    if not found then
        return;
    end if;
    if t.purpose in ('newsletter', 'league_alerts') then
        insert into mpp.consent (account_id, purpose, granted, text_version, channel)
        select t.account_id, t.purpose::text::api.consent_purpose, false, v.version, 'mail'
        from (
            select n.version from mpp.terms_version n where n.published_at <= private.clock() order by n.published_at desc limit 1
        ) v
        where coalesce((
            select c.granted
            from mpp.consent c
            where c.account_id = t.account_id and c.purpose::text = t.purpose::text
            order by c.id desc
            limit 1
        ), false);
    else
        -- Of the mailbox, or the next one would come to it under another tag.
        insert into mpp.mail_suppression (purpose, account_id, address)
        values (t.purpose, t.account_id, private.mailbox_of(t.address))
        on conflict do nothing;
    end if;
end
$$;

create or replace function private.my_client_awards() returns setof api.client_award
    language plpgsql
    stable
    security definer
    set search_path = ''
as $$
begin
    return query
    select a.id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title::jsonb, a.description::jsonb,
        a.subject_id, coalesce(s.label, h.name::text), s.league_label, a.value, a.granted_at
    from mpp.award a
    left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
    left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
        and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
    where a.organisation_id in (select private.my_client_ids()) and coalesce(s.label, h.name::text) is not null;
end
$$;

create or replace function private.send_contact_request(
    kind text, name text, email text, message text, organisation text, size integer, language text
) returns void
    language plpgsql
    volatile
    security definer
    set search_path = ''
as $$
declare
    per_address constant integer := 3;
    per_hour constant integer := 200;
    most_held constant integer := 5000;
    at timestamptz;
    address text;
    written mpp.contact_request;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in();
    end if;
    perform private.require_no_maintenance();
    if kind is null or kind not in ('contact', 'quote', 'webinar') then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), 'Use contact, quote or webinar.');
    end if;
    if octet_length(email) <= 300 then
        address := lower(btrim(email));
    end if;
    -- Printable ASCII: what is written back to goes into the header of a mail.
    if address is null or address !~ '^[!#-''*+\-./0-9=?^_`a-z{|}~]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$' or char_length(address) > 254 then
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
    if btrim(organisation) <> '' then
        written.organisation := private.clean_line('organisation', organisation, 120);
    end if;

    -- One at a time, or twenty at once would all find room.
    perform pg_advisory_xact_lock(hashtext('mpp.contact_request'));
    at := private.clock();
    written.is_held := (
        select count(*) from mpp.contact_request c where not c.is_held and c.received_at > at - interval '1 hour'
    ) >= per_hour or (
        select count(*) from mpp.contact_request c where c.email = address and c.received_at > at - interval '1 day'
    ) >= per_address;
    if written.is_held and (
        select count(*) from mpp.contact_request c where c.is_held and c.state in ('new', 'spam')
    ) >= most_held then
        perform private.refuse('MP095');
    end if;
    insert into mpp.contact_request (kind, name, email, organisation, size, message, language, received_at, is_held)
    values (send_contact_request.kind::api.contact_kind, written.name, address, written.organisation, send_contact_request.size,
        written.message, send_contact_request.language, at, written.is_held);
end
$$;

create or replace function private.purge_expired(how_many integer, dry_run boolean) returns setof api.expired
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
    rule record;
    found api.expired;
    deleted bigint := 0;
begin
    perform private.require_ops();
    if how_many is null or how_many not between 1 and 100000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 100000.');
    end if;
    for rule in
        select *
        from (
            values
                ('mails', 'mpp.outbox'::regclass, interval '1 year', $sql$
                    state in ('sent', 'dropped', 'failed') and coalesce(sent_at, queued_at) <= $1 - $2 $sql$),
                -- An account keeps its links as long as it lives.
                ('unsubscribe links of addresses without account', 'mpp.unsubscribe_token', interval '3 years', $sql$
                    account_id is null and made_at <= $1 - $2 $sql$),
                ('bounces', 'mpp.mail_bounce', interval '3 years', 'bounced_at <= $1 - $2'),
                ('invitations of staff', 'mpp.staff_invitation', interval '30 days', $sql$
                    coalesce(accepted_at, expires_at) <= $1 - $2 $sql$),
                ('invited participants', 'mpp.participant', interval '90 days', $sql$
                    participation_id in (
                        select p.id
                        from mpp.participation p
                        join mpp.edition e on e.id = p.edition_id
                        where e.ends_at <= $1 - $2
                    ) $sql$),
                ('held contact requests', 'mpp.contact_request', interval '30 days', $sql$
                    is_held and state in ('new', 'spam') and greatest(received_at, handled_at) <= $1 - $2 $sql$),
                -- Three years after the last word, as for anybody who once asked for an offer.
                ('contact requests', 'mpp.contact_request', interval '3 years', $sql$
                    greatest(received_at, handled_at, removed_at) <= $1 - $2 $sql$)
        ) r (what, relation, kept, condition)
    loop
        if dry_run then
            execute format('select count(*) from %s where %s', rule.relation, rule.condition)
            into found.rows
            using at, rule.kept;
        else
            execute format('with gone as (delete from %1$s where ctid in (select ctid from %1$s where %2$s limit $3) returning 1) select count(*) from gone',
                rule.relation, rule.condition)
            into found.rows
            using at, rule.kept, how_many;
            deleted := deleted + found.rows;
        end if;
        found.what := rule.what;
        found.kept := rule.kept;
        return next found;
    end loop;
    if deleted > 0 then
        perform private.record_act('purge', null, jsonb_build_object('rows', deleted));
    end if;
end
$$;

create or replace function private.remove_staff(organisation_id integer, account_id uuid, invitation_id integer) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    taken_back integer;
begin
    if num_nonnulls(account_id, invitation_id) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an invitation', 'Send one of the two.');
    end if;
    if remove_staff.account_id is null then
        -- It stays as one that has expired, so that the day's count of mails stays what it is.
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
        -- An invitation that waits for them ends with it: see staff_changed.
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

comment on function api.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz)
    is 'Invites somebody by mail to work in a client''s space, from and until; a second invitation of an address replaces the first. Staff of the association; owners invite managers and viewers inside their own dates, fifty addresses a day, and a mailbox five times. Returns the invitation id. Errors: MP001, MP002, MP010, MP011, MP090–MP092.';

comment on function api.send_contact_request(text, text, text, text, text, integer, text)
    is 'Writes to the association: a question, or a request for a quote or a webinar. No account is needed; beyond three a day of an address, and two hundred an hour of all, messages are kept apart, and the answer does not say so. Errors: MP001, MP002, MP010, MP011, MP095.';

create or replace view api.awards with (security_invoker = true) as
select
    a.id as award_id,
    a.edition_id,
    a.place,
    a.rule,
    a.scope,
    a.title,
    a.description,
    a.subject_id,
    coalesce(s.label, h.name) as label,
    s.league_label,
    a.value,
    a.granted_at
from mpp.award a
left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
    and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
where a.participation_id is null and coalesce(s.label, h.name) is not null;

create or replace view api.contact_requests with (security_invoker = true) as
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
from mpp.contact_request c;
