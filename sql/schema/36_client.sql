-- Clients: their staff and the dates they have access, their part in an edition, its units, and the territory of a local
-- authority. Staff see what their own organisation's people do together, never one person (82_follow_up).

create type api.staff_role as enum ('viewer', 'manager', 'owner');

create table mpp.staff (
    organisation_id integer not null references mpp.organisation (id),
    account_id uuid not null references auth.users (id) on delete cascade,
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    added_at timestamptz not null default private.clock(),
    ended_at timestamptz,
    primary key (account_id, organisation_id)
);
comment on table mpp.staff is 'Who works for a client, and from when to when they have access. Read live at each request.';
comment on column mpp.staff.ended_at is 'When, after their dates, what they knew was ended too; before access_until: it is still to be.';
create index staff_organisation on mpp.staff (organisation_id);

create table mpp.staff_invitation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    email text not null check (email = lower(email) and private.is_mail_address(email)),
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    code_digest bytea not null unique,
    -- Whoever deletes their account takes the invitations with them that nobody took.
    invited_by uuid references auth.users (id) on delete cascade,
    expires_at timestamptz not null,
    invited_at timestamptz not null default private.clock(),
    accepted_at timestamptz,
    constraint staff_invitation_once unique (organisation_id, email)
);
comment on table mpp.staff_invitation is 'Invitations of staff: taken once, by the address they were sent to. The code is in the mail; here is its digest.';
comment on column mpp.staff_invitation.invited_by is 'The owner who invites, who must still be one when it is taken; empty for the association.';
create index staff_invitation_inviter on mpp.staff_invitation (invited_by);

create table mpp.unit (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    name mpp.line not null check (char_length(name) <= 60)
);
comment on table mpp.unit is 'A department, site or service of a client, under which its leagues are ranked.';
create unique index unit_name_once on mpp.unit (organisation_id, lower(name));

create table mpp.participation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    edition_id integer not null references mpp.edition (id),
    expected_players integer check (expected_players between 1 and 1000000),
    asks_phone boolean not null default false,
    carries_name boolean not null default false,
    created_at timestamptz not null default private.clock(),
    constraint participation_once unique (organisation_id, edition_id),
    constraint participation_in_edition unique (id, edition_id)
);
comment on table mpp.participation is 'A client''s part in an edition.';
comment on column mpp.participation.asks_phone is 'Players of its leagues of 15 and older may give a phone number, which their ambassador sees.';
comment on column mpp.participation.carries_name is 'Its leagues carry the name of the organisation in public.';
create index participation_edition on mpp.participation (edition_id);

create type api.territory_kind as enum ('postcode', 'department', 'commune', 'rne');

-- A department that there is, a postcode or a commune of one, or a school's code: what matches nothing would only look like a territory.
create function private.is_territory_code(kind text, code text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(case kind
        when 'postcode' then code ~ '^((0[1-9]|[1-8][0-9]|9[0-5])[0-9]{3}|9(7[1-8]|8[678])[0-9]{2})$'
        when 'department' then private.is_department(code)
        when 'commune' then private.is_commune(code)
        when 'rne' then private.is_rne(code)
    end, false)
$$;
grant execute on function private.is_territory_code to mpp_owner;

create table mpp.territory (
    organisation_id integer not null references mpp.organisation (id),
    kind api.territory_kind not null,
    code text not null,
    primary key (organisation_id, kind, code),
    constraint territory_code check (private.is_territory_code(kind::text, code))
);
comment on table mpp.territory is 'The schools that a local authority follows: by commune, postcode, department or code.';

-- A login of a dashboard that speaks SQL (Retool) and the one client whose rows it reads.
create table mpp.dashboard (
    role_name name primary key,
    organisation_id integer not null references mpp.organisation (id)
);
comment on table mpp.dashboard is 'Database logins of client dashboards, members of mpp_dashboard, each bound to one organisation.';
create index dashboard_organisation on mpp.dashboard (organisation_id);

-- Organisations whose staff the caller is, at this moment and with at least this role. For a dashboard's own login, the
-- one it is bound to; for the association's staff, all.
create function private.my_client_ids(at_least api.staff_role default 'viewer') returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select private.my_proven_account())
        and s.role >= at_least
        and tstzrange(s.access_from, s.access_until) @> (select private.read_clock())
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
grant execute on function private.my_client_ids to authenticated, mpp_dashboard;

-- Also those whose dates have passed or not begun: their name may be read, nothing more.
create function private.my_organisation_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select private.my_proven_account())
        -- An anonymous account works for nobody, also where a row says that it does.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
    union
    select c.id from private.my_client_ids() c (id);
end
$$;
grant execute on function private.my_organisation_ids to authenticated, mpp_dashboard;

alter table mpp.staff enable row level security;
alter table mpp.staff_invitation enable row level security;
alter table mpp.unit enable row level security;
alter table mpp.participation enable row level security;
alter table mpp.territory enable row level security;
alter table mpp.dashboard enable row level security;

-- One's own rows show also outside their dates: that is how an app can say why there is nothing to see.
create policy staff_select_authenticated on mpp.staff
    for select to authenticated
    using (
        (account_id = (select private.my_proven_account()) and organisation_id in (select private.my_organisation_ids()))
        or organisation_id in (select private.my_client_ids('owner'))
    );

create policy organisation_select_authenticated on mpp.organisation
    for select to authenticated, mpp_dashboard
    using (id in (select private.my_organisation_ids()));

create policy staff_invitation_select_authenticated on mpp.staff_invitation
    for select to authenticated
    using (organisation_id in (select private.my_client_ids('owner')));

create policy unit_select_authenticated on mpp.unit
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

create policy participation_select_authenticated on mpp.participation
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

create policy territory_select_authenticated on mpp.territory
    for select to authenticated
    using (organisation_id in (select private.my_client_ids()));

-- Inside the dates of somebody's access, or the refusal that says whether they have passed or not begun.
create function private.require_open(me mpp.staff) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    french boolean := private.speaks_french();
    closed text := case
        when private.clock() < me.access_from then case when french then 'n’est pas encore ouvert' else 'is not open yet' end
        when private.clock() >= me.access_until then case when french then 'est terminé' else 'is over' end
    end;
begin
    if closed is not null then
        perform private.refuse('MP091', jsonb_build_object('access_from', me.access_from, 'access_until', me.access_until),
            private.spoken_first(me.access_from), private.spoken_last(me.access_until), closed);
    end if;
end
$$;

-- Of its staff with this role, inside their dates. Whoever is not of its staff is told the same as if there were no such
-- client.
create function private.require_client(organisation integer, account uuid, at_least api.staff_role) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    me mpp.staff;
begin
    select * into me from mpp.staff s where s.account_id = account and s.organisation_id = organisation;
    if not found then
        perform private.refuse('MP090');
    end if;
    if private.my_proven_account() is distinct from account then
        perform private.refuse('MP012');
    end if;
    perform private.require_open(me);
    if me.role < at_least then
        perform private.refuse('MP092', at_least::text);
    end if;
end
$$;

-- The account behind a command for a client.
create function private.begin_client(organisation integer, at_least api.staff_role default 'manager') returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    if private.is_ops() then
        if not exists (select from mpp.organisation o where o.id = organisation) then
            perform private.refuse('MP090');
        end if;
        return (select private.my_account());
    end if;
    account := private.begin_write(registered => false);
    perform private.require_client(organisation, account, at_least);
    return account;
end
$$;

grant select on mpp.organisation, mpp.participation, mpp.unit, mpp.territory to authenticated, service_role;
grant select on mpp.organisation, mpp.participation, mpp.unit to mpp_dashboard;
grant select on mpp.staff to authenticated;
grant select (id, organisation_id, email, role, access_from, access_until, expires_at, invited_at, accepted_at)
    on mpp.staff_invitation to authenticated, service_role;

create view api.my_organisations with (security_invoker = true) as
with t as materialized (select private.read_clock() as at)
select
    o.id as organisation_id,
    o.code,
    o.name,
    o.kind,
    s.role,
    s.access_from,
    s.access_until,
    tstzrange(s.access_from, s.access_until) @> t.at as is_open,
    case when t.at < s.access_from then 'not_yet' when t.at >= s.access_until then 'over' end as closed_because
from t
cross join mpp.staff s
join mpp.organisation o on o.id = s.organisation_id
where s.account_id = (select private.my_proven_account());
comment on view api.my_organisations is 'The organisations the caller works for, with the dates of access; closed_because is not_yet or over when there is nothing else to see.';
grant select on api.my_organisations to authenticated;

create view api.client_organisations with (security_invoker = true) as
select o.id as organisation_id, o.code, o.name, o.kind, o.language, o.created_at
from mpp.organisation o cross join (select) read_only;
comment on view api.client_organisations is 'The organisations the caller works for, whatever the dates; for the association all.';
grant select on api.client_organisations to authenticated, service_role, mpp_dashboard;

create view api.client_participations with (security_invoker = true) as
select
    p.id as participation_id,
    p.organisation_id,
    o.code as organisation_code,
    o.name as organisation_name,
    p.edition_id,
    e.code as edition_code,
    e.title as edition_title,
    e.starts_at,
    e.ends_at,
    e.frozen_at,
    p.expected_players,
    p.asks_phone,
    p.carries_name,
    p.created_at
from mpp.participation p
join mpp.organisation o on o.id = p.organisation_id
join mpp.edition e on e.id = p.edition_id;
comment on view api.client_participations is 'The editions in which the caller''s organisations take part, with their settings.';
grant select on api.client_participations to authenticated, service_role, mpp_dashboard;

create view api.client_units with (security_invoker = true) as
select u.id as unit_id, u.organisation_id, u.name from mpp.unit u cross join (select) read_only;
comment on view api.client_units is 'Departments, sites or services of the caller''s organisations.';
grant select on api.client_units to authenticated, service_role, mpp_dashboard;

create view api.client_territories with (security_invoker = true) as
select t.organisation_id, t.kind, t.code from mpp.territory t cross join (select) read_only;
comment on view api.client_territories is 'Communes, postcodes, departments and schools that the caller''s organisations follow.';
grant select on api.client_territories to authenticated, service_role;

create view api.client_invitations with (security_invoker = true) as
select i.id as invitation_id, i.organisation_id, i.email, i.role, i.access_from, i.access_until, i.invited_at, i.expires_at, i.accepted_at
from mpp.staff_invitation i cross join (select) read_only;
comment on view api.client_invitations is 'Invitations of staff, for the owners of the organisation and the association.';
grant select on api.client_invitations to authenticated, service_role;

-- Which kinds of clients follow classes: those that answer for schools.
create function private.may_follow(kind api.organisation_kind) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select kind in ('local_authority', 'public_administration', 'school_network') $$;

-- A name in the letters that it seems to be written in: wide ones, small capitals, those in circles, squares and flags, those of
-- Greek, Cyrillic, Cherokee and Lisu that look like ours, digits for letters. i, l and 1 look alike and all become l.
create function private.look_alike(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select translate(
        translate(
            private.folded(value),
            '🅐🅑🅒🅓🅔🅕🅖🅗🅘🅙🅚🅛🅜🅝🅞🅟🅠🅡🅢🅣🅤🅥🅦🅧🅨🅩🅰🅱🅲🅳🅴🅵🅶🅷🅸🅹🅺🅻🅼🅽🅾🅿🆀🆁🆂🆃🆄🆅🆆🆇🆈🆉🇦🇧🇨🇩🇪🇫🇬🇭🇮🇯🇰🇱🇲🇳🇴🇵🇶🇷🇸🇹🇺🇻🇼🇽🇾🇿',
            'abcdefghljklmnopqrstuvwxyzabcdefghljklmnopqrstuvwxyzabcdefghljklmnopqrstuvwxyz'),
        'аеіӏмортсухАЕІМОРТСαειορτμνκΑΕΙΜΟΡΤΝΚłƥ℮ϲѕԁոսϱɑıօɡᴀᴄᴅᴇꜰɪʟᴍɴᴏᴘʀꜱᴛᴜƜɯ℗Ƥᵽ₱ɱϻϺᎷᏢᎪᎬᎢꮇꮲꭺꭼꭲꓟꓑꓮꓰꓔꓡꓲ134057$|!i',
        'aellmoptcyxaelmoptcaeloptmvkaelmoptnklpecsdnupalogacdefllmnoprstumm' || 'pppp' || 'mmm' || 'mpaetmpaet' || 'mpaetll' || 'leaostslll')
$$;

-- A text without the inclusive writing in it: “engagé.es”, “étudiant.e.s”, “citoyen.ne.s”, “acteur.trice.s”, “beau.belle”.
-- Endings that no country and no domain has, and whatever ends in “.s”, are writing behind any word. “es”, “ne”, “se” and “ve” are
-- countries: alone they are writing behind an accent and behind what persons are called.
create function private.without_inclusive_writing(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(
        regexp_replace(
            -- The accent before the dot becomes a sign, which folding keeps.
            private.folded(regexp_replace(translate(value, '§', ' '), '[éÉ](?=\.)', '§', 'g')),
            '([a-z][a-z§])(?:'
                || '\.(?:les?|tes?|nes|ses|ves|fes?|hes?|ces|ches?|ques?|ues?|gues?|ices?|rices?|trices?|drices?|euses?|esses?|resses?|eresses?|oresses?'
                || '|sses?|lles?|elles?|belles?|eilles?|celles?|nnes?|ines?|ttes?|i?eres?|soeurs?)(?:\.s)?'
                || '|\.(?:ne|se|ve)\.s)(?![[:alnum:]/:?#@-]|\.\S)', '\1', 'g'),
        '(?:(§|ants?|ents?|eurs?|iens?|yens?|eens?|ois|ais|ards?'
            || '|\m(?:amis?|ennemis?|favoris?|reunis?|unis?|ravis?|hardis?|aguerris?|avertis?|apprentis?|elus?|bienvenus?|inconnus?|connus?|convaincus?|tetus?|perdus?'
            || '|petits?|inscrits?|erudits?|avocats?|candidats?|laureats?|soldats?|experts?|verts?|forts?|idiots?|adroits?|prets?|cadets?'
            || '|(?:co-?)?voisins?|cousins?|copains?|citadins?|gamins?|orphelins?|marins?|malins?|coquins?|humains?|riverains?|urbains?|africains?'
            || '|americains?|mexicains?|cubains?|artisans?|partisans?|paysans?|musulmans?|catalans?|grands?|allemands?|flamands?|normands?'
            || '|marchands?|gourmands?|champions?|compagnons?|patrons?|mignons?|premiers?|derniers?|ecoliers?|infirmiers?|cuisiniers?|jardiniers?'
            || '|policiers?|ouvriers?|heritiers?|aventuriers?|fermiers?|conseillers?|etrangers?|boulangers?|bergers?|passagers?|messagers?'
            || '|usagers?|amical|loyal|rival|genial|jovial|assis|surpris|espagnols?|filleuls?|seuls?|rurals?))\.es'
            || '|(§|ien|yen|een|\m(?:paysan|champion|compagnon|patron|lion|breton|pieton|vigneron|mignon|bucheron|baron|espion|pion|macon'
            || '|wallon|bourguignon|gascon|letton|saxon|bon))\.ne'
            || '|(eux|oux|eurs?)\.se'
            || '|([iu]f|\mloup)\.ve)(?![[:alnum:]/:?#@-]|\.\S)', '\1\2\3\4', 'g')
$$;

-- Whether a mail program might make a link of it: an address, or words joined by a dot as hosts are, whatever the ending,
-- because new endings come every year. Inclusive writing is none. Digits in circles, raised ones and fractions end a host.
create function private.holds_link(value text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select w.folded ~ '//|@|\mwww\.|\mxn--|\mhttps?\s*:|\m[a-z][a-z0-9+-]*:/|\m(?:javascript|vbscript|data|blob|file|ftp|mailto|tel|sms):\S'
        or w.folded ~ '[^\s[:punct:]]\.[^\s[:punct:]0-9]{2,}($|[\s[:punct:]])'
        or w.folded ~ '(^|[^0-9.])[0-9]{1,3}(\.[0-9]{1,3}){3}($|[^0-9.])'
    from (
        select private.without_inclusive_writing(translate(normalize(
            regexp_replace(value, '[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209c\u2150-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\uff10-\uff19\U0001d7ce-\U0001d7ff\U0001f100-\U0001f10c]', ' ', 'g'),
            NFKC), '。', '.')) as folded
    ) w
$$;

-- What strangers or mails show of somebody or something: clean, no link, and no imitation of the association, which
-- alone may call things after itself, where it types one name. `listed` is a name of a list: others made it, and staff
-- only pass it on.
create function private.clean_label(field text, value text, longest integer default 60, listed boolean default false) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_line(field, value, longest);
    said text := private.look_alike(cleaned);
    letters text := regexp_replace(said, '[^a-z]', '', 'g');
    -- As look_alike writes them.
    duties constant text := 'offlclel|offlclal|admln|support|staff|moderat|securlt|asslstance|servlce|alde|help|assoclat|contact|organlsat';
    -- What a league may call itself too, “Équipe MPP Lyon”: alone with the letters it is the association.
    places constant text := 'equlpes?|teams?|bureau|dlrectlon|lnfos?';
begin
    if private.is_ops() and not listed then
        return cleaned;
    end if;
    if private.holds_link(cleaned) then
        perform private.refuse('MP010', field, 'it holds a link',
            'Use a name without an address: no //, no @, nothing like example.com; put a space behind a full stop.');
    end if;
    if letters ~ 'mapetlteplanete' or letters = 'mpp' or letters ~ ('^mpp(' || duties || ')|(' || duties || ')mpp$')
        or letters ~ ('^(l|la|le|les|the)?((' || places || ')(de|dela|du)?mpp|mpp(' || places || '))$')
        -- Also M.P.P. and m p p.
        or (said ~ '(^|[^a-z])m[^a-z]*p[^a-z]*p($|[^a-z])' and letters ~ duties) then
        perform private.refuse('MP010', field, 'it is the name of the association', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

-- A person's own name. An initial or a saint before a name is no host (“O.Henry”, “St.John”). A space without width
-- between two letters is refused: nobody sees whether it parts a first name and a surname.
create function private.clean_person(field text, value text, longest integer default 60) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_unseen(field, left(value, 1000));
    perform private.clean_label(field, regexp_replace(value,
        '\m(St|Ste|Dr|[A-Z])\.(?=[A-Z][a-z]{3})(?!(?:Info|Shop|Site|Store|Cloud|Online|Link|Page|Club|Live|Blog|Tech|Work|Team|News)\M)', '\1. ', 'g'),
        longest + 4);
    return private.clean_line(field, value, longest);
end
$$;

-- Whether the words of a name begin as a client's name does, however they are joined or parted: “ExempleSA”, “Exemple S.A. Lyon”.
-- Short names are ordinary words, which others contain by chance: they count only word by word. An article may stand before a
-- name of several words, or before a word that is all there is (“La vie en vert” is no “Vie”).
create function private.opens_with(said text, name text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from (values (opens_with.said), (regexp_replace(opens_with.said, '^(l|le|la|les|the|der|die|dle|das) ', ''))) s (said)
        cross join lateral (select string_to_array(s.said, ' ')) w (words)
        cross join lateral generate_series(1, cardinality(w.words)) n
        where array_to_string(w.words[1:n], '') = replace(opens_with.name, ' ', '')
            and (array_to_string(w.words[1:n], ' ') = opens_with.name or char_length(replace(opens_with.name, ' ', '')) >= 6)
            and (s.said = opens_with.said or strpos(opens_with.name, ' ') > 0 or n = cardinality(w.words))
    )
$$;

-- A label that is chosen, of a league, a team, a class, a unit, a school or a player: not a client's name either, whatever
-- follows it. “Exemple · Lyon” is how leagues carry it, and “Exemple Lyon” reads alike. `own` is the client that types,
-- `listed` as above.
create function private.clean_name(
    field text, value text, longest integer default 60, own integer default null, listed boolean default false
) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_label(field, value, longest, listed);
    -- What is no letter and no digit parts words.
    signs constant text := '[\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]';
    plain text := private.searchable(regexp_replace(cleaned, signs, ' ', 'g'));
    alike text := private.searchable(regexp_replace(private.look_alike(cleaned), signs, ' ', 'g'));
    others integer;
    ours integer;
begin
    if private.is_ops() and not listed then
        return cleaned;
    end if;
    -- A client's own name may begin with another's. No index: what the planner knows of it would tell who the clients are.
    select max(o.letters) filter (where o.id is distinct from own), max(o.letters) filter (where o.id = own)
    into others, ours
    from (
        select x.id, char_length(replace(n.name, ' ', '')) as letters
        from mpp.organisation x
        cross join lateral (
            values (private.searchable(regexp_replace(x.name, signs, ' ', 'g')), plain),
                (private.searchable(regexp_replace(private.look_alike(x.name), signs, ' ', 'g')), alike)
        ) n (name, said)
        where n.name <> '' and private.opens_with(n.said, n.name)
    ) o;
    if others > coalesce(ours, 0) then
        perform private.refuse('MP010', field, 'it is the name of an organisation that plays', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

-- What players see of each other: a name besides, no telephone number, not punctuation alone, and not the word alone that
-- somebody would be called who helps or watches here. A unit of a client may well be called “Support”.
create function private.clean_alias(value text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_name('alias', value, 30);
    letters text := regexp_replace(private.look_alike(cleaned), '[^a-z]', '', 'g');
begin
    if private.is_ops() then
        return cleaned;
    end if;
    if cleaned ~ '^[ -/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2010-\u2027\u2030-\u205e]+$' then
        perform private.refuse('MP010', 'alias', 'it has no letter and no digit', 'Choose a name that others can read.');
    end if;
    if regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?20[0-9]{2}\M', '', 'g') ~ '\m[0-9]([ ./()-]*[0-9]){7,}\M' then
        perform private.refuse('MP010', 'alias', 'it looks like a telephone number', 'Choose a name that says nothing about you.');
    end if;
    -- As look_alike writes them.
    if letters ~ '^(l|la|le|les|the)?(admln(lstrat(eur|rlce|or|lon))?|support(technlque)?|staff|moderat(eur|rlce|or|lon)|assoclatlon|offlclel|offlclal|organlsat(eur|rlce|lon))s?$' then
        perform private.refuse('MP010', 'alias', 'it is the name of the association', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

-- The association sets up its clients.
create function private.set_organisation(code text, name text, kind api.organisation_kind, language text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    organisation integer;
begin
    perform private.require_ops();
    if code is null or code !~ '^[a-z0-9-]{3,40}$' then
        perform private.refuse('MP010', 'code', coalesce(left(code, 60), 'it is empty'), 'Use 3 to 40 small letters, digits and hyphens.');
    end if;
    if language is not null and language not in ('fr', 'en') then
        perform private.refuse('MP010', 'language', left(language, 20), 'Use fr or en.');
    end if;
    if not private.may_follow(kind) and exists (
        select
        from mpp.organisation o
        where o.code = set_organisation.code
            and (
                exists (select from mpp.territory t where t.organisation_id = o.id)
                or exists (
                    select
                    from mpp.participation p
                    join mpp.edition e on e.id = p.edition_id
                    where p.organisation_id = o.id and e.audience = 'school'
                )
            )
    ) then
        perform private.refuse('MP010', 'kind', format('%s, and it follows schools', kind),
            'Take its territory and its school editions away first.');
    end if;
    insert into mpp.organisation as o (code, name, kind, language)
    values (set_organisation.code, private.clean_line('name', coalesce(set_organisation.name, set_organisation.code), 120),
        coalesce(set_organisation.kind, 'company'), coalesce(set_organisation.language, 'fr'))
    on conflict on constraint organisation_code_key do update
    set name = case when set_organisation.name is null then o.name else excluded.name end,
        kind = coalesce(set_organisation.kind, o.kind),
        language = coalesce(set_organisation.language, o.language)
    returning o.id into organisation;
    perform private.record_act('organisation.set', set_organisation.code);
    return organisation;
end
$$;
grant execute on function private.set_organisation to authenticated, service_role;

create function api.set_organisation(
    code text, name text default null, kind api.organisation_kind default null, language text default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_organisation(code, name, kind, language); end;
comment on function api.set_organisation is 'Makes a client, or corrects the one of this code; what is left out stays. Returns its id. Staff of the association. Errors: MP006, MP010.';
grant execute on function api.set_organisation to authenticated, service_role;

create function private.set_participation(
    organisation_id integer, edition_code text, expected_players integer, asks_phone boolean, carries_name boolean
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    participation integer;
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    e := private.find_edition(edition_code);
    -- Who has no classes to follow would see nothing there.
    if e.audience = 'school' and not (select private.may_follow(o.kind) from mpp.organisation o where o.id = set_participation.organisation_id) then
        perform private.refuse('MP028', e.code);
    end if;
    if e.organisation_id is not null and e.organisation_id <> set_participation.organisation_id then
        perform private.refuse('MP010', 'edition_code', 'the edition is private to another client', 'Choose another edition.');
    end if;
    if expected_players is not null and expected_players not between 1 and 1000000 then
        perform private.refuse('MP010', 'expected_players', expected_players::text, 'Give a number of people, or nothing.');
    end if;
    insert into mpp.participation as p (organisation_id, edition_id, expected_players, asks_phone, carries_name)
    values (set_participation.organisation_id, e.id, set_participation.expected_players,
        coalesce(set_participation.asks_phone, false), coalesce(set_participation.carries_name, false))
    on conflict on constraint participation_once do update
    set expected_players = coalesce(excluded.expected_players, p.expected_players),
        asks_phone = coalesce(set_participation.asks_phone, p.asks_phone),
        carries_name = coalesce(set_participation.carries_name, p.carries_name)
    returning p.id into participation;
    perform private.record_act('participation.set', set_participation.organisation_id::text, jsonb_build_object('edition', e.code));
    return participation;
end
$$;
grant execute on function private.set_participation to authenticated, service_role;

create function api.set_participation(
    organisation_id integer, edition_code text, expected_players integer default null, asks_phone boolean default null,
    carries_name boolean default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_participation(organisation_id, edition_code, expected_players, asks_phone, carries_name); end;
comment on function api.set_participation is 'Lets a client take part in an edition, or changes how; what is left out stays. A school edition is for local authorities, public administrations and networks of schools. Returns the participation id. Staff of the association. Errors: MP006, MP010, MP020, MP028, MP090.';
grant execute on function api.set_participation to authenticated, service_role;

-- Only the association says which schools an authority follows: it is what access to their figures rests on.
create type api.territory_change as enum ('replace', 'add', 'remove');

create function private.set_territory(organisation_id integer, codes jsonb, change api.territory_change) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    named jsonb;
    wrong text;
    kind api.organisation_kind;
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    if jsonb_typeof(codes) is distinct from 'object' then
        perform private.refuse('MP010', 'codes', 'it is not an object', 'Send {"commune": […], "postcode": […], "department": […], "rne": […]}.');
    end if;
    if change is null then
        perform private.refuse('MP010', 'change', 'it is empty', 'Use replace, add or remove.');
    end if;
    -- Of two changes at once the second one sees the first.
    select o.kind into kind from mpp.organisation o where o.id = set_territory.organisation_id for no key update;
    select jsonb_agg(jsonb_build_object('kind', k.key, 'code', v.value)) into named
    from jsonb_each(codes) k
    cross join lateral jsonb_array_elements_text(case jsonb_typeof(k.value) when 'array' then k.value else jsonb_build_array(k.value) end) v;
    select string_agg(format('%s %s', c.kind, coalesce(left(c.code, 20), 'null')), ', ') into wrong
    from (
        select n.value ->> 'kind' as kind, n.value ->> 'code' as code
        from jsonb_array_elements(named) n
        where not private.is_territory_code(n.value ->> 'kind', n.value ->> 'code')
        limit 10
    ) c;
    if wrong is not null then
        perform private.refuse('MP010', 'codes', wrong,
            'Use INSEE codes of communes such as 35047, postcodes such as 69003, departments such as 69 or 2A, and RNE codes of which each exists.');
    end if;
    if named is not null and change <> 'remove' and not private.may_follow(kind) then
        perform private.refuse('MP010', 'codes', format('a client of kind %s follows no schools', kind),
            'A local authority, a public administration or a network of schools does: correct its kind first.');
    end if;
    delete from mpp.territory t
    where t.organisation_id = set_territory.organisation_id
        and (
            change = 'replace'
            or change = 'remove' and exists (
                select
                from jsonb_array_elements(named) n
                where n.value ->> 'kind' = t.kind::text and n.value ->> 'code' = t.code
            )
        );
    if change <> 'remove' then
        insert into mpp.territory (organisation_id, kind, code)
        select distinct set_territory.organisation_id, (n.value ->> 'kind')::api.territory_kind, n.value ->> 'code'
        from jsonb_array_elements(named) n
        on conflict do nothing;
    end if;
    perform private.record_act('territory.' || case change when 'replace' then 'set' else change::text end,
        set_territory.organisation_id::text, codes);
    return (select count(*) from mpp.territory t where t.organisation_id = set_territory.organisation_id);
end
$$;
grant execute on function private.set_territory to authenticated, service_role;

create function api.set_territory(organisation_id integer, codes jsonb, change api.territory_change default 'replace') returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_territory(organisation_id, codes, change); end;
comment on function api.set_territory is 'Says which schools a client follows: {"commune": […], "postcode": […], "department": […], "rne": […]}, in place of what was there, added to it or taken away from it; returns how many codes there are now. For local authorities, public administrations and networks of schools. Staff of the association. Errors: MP006, MP010, MP090.';
grant execute on function api.set_territory to authenticated, service_role;

create type api.territory_match as (kind api.territory_kind, code text, schools integer, communes text[], missed text[]);
comment on type api.territory_match is 'A code of a territory, how many schools that are not hidden have it, and of a postcode the INSEE codes of its communes and the schools there that it misses: those with a postcode of their own (CEDEX), which nothing else of the territory names.';

create function private.territory_schools(organisation_id integer) returns setof api.territory_match
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    return query
    with school as materialized (
        select h.rne, h.name, h.postcode, h.city, h.commune, private.whole_commune(h.commune) as whole, h.department,
            h.levels && array['maternelle', 'elementaire']::mpp.school_level[] as is_first,
            -- Where the directory states no commune, the name of the town must do.
            coalesce(h.commune, h.department || ' ' || private.searchable(h.city)) as town
        from mpp.school h
        where h.country = 'FR' and not h.is_hidden
    ), code as materialized (
        select t.kind, t.code from mpp.territory t where t.organisation_id = territory_schools.organisation_id
    ), place as (
        -- One pass over the schools, however many codes there are.
        select 'postcode' as kind, s.postcode as code, count(*) as schools from school s group by s.postcode
        union all
        select 'department', s.department, count(*) from school s group by s.department
        union all
        select 'commune', x.code, count(*)
        from school s
        cross join lateral (select s.commune union select s.whole) x (code)
        where x.code is not null
        group by x.code
        union all
        select 'rne', s.rne, 1 from school s where s.rne in (select c.code from code c where c.kind = 'rne')
    ), town as materialized (
        -- The towns of the postcodes that are followed.
        select distinct c.code, s.town, s.commune from code c join school s on s.postcode = c.code where c.kind = 'postcode'
    ), beside as (
        select w.code, array_agg(format('%s %s (%s %s)', s.rne, s.name, s.postcode, s.city) order by s.city, s.name, s.rne) as schools
        from town w
        join school s on s.town = w.town and s.postcode <> w.code
        where not exists (
                select
                from code c
                where case c.kind when 'postcode' then s.postcode = c.code when 'department' then s.department = c.code
                    when 'commune' then c.code in (s.commune, s.whole) else s.rne = c.code end
            )
            -- A CEDEX postcode is of those who get many letters: seldom of schools for small children.
            and (s.town, s.postcode) in (
                select o.town, o.postcode from school o group by o.town, o.postcode having 2 * count(*) filter (where o.is_first) <= count(*)
            )
        group by w.code
    )
    select c.kind, c.code, coalesce(x.schools, 0)::integer,
        coalesce((
            select array_agg(distinct w.commune order by w.commune)
            from town w where c.kind = 'postcode' and w.code = c.code and w.commune is not null
        ), '{}'),
        coalesce(b.schools, '{}')
    from code c
    left join place x on x.kind = c.kind::text and x.code = c.code
    left join beside b on c.kind = 'postcode' and b.code = c.code
    order by c.kind, c.code;
end
$$;
grant execute on function private.territory_schools to authenticated, service_role;

create function api.territory_schools(organisation_id integer) returns setof api.territory_match
    language sql stable rows 20 set search_path = pg_catalog, pg_temp
begin atomic select * from private.territory_schools(organisation_id); end;
comment on function api.territory_schools is 'The codes that a client follows, how many schools each of them matches, and which schools of its town a postcode misses. Staff of the association. Errors: MP006, MP090.';
grant execute on function api.territory_schools to authenticated, service_role;
