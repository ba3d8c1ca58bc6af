-- Schemas, the owner of the tables, and what nobody is granted by default.
-- `api` is what PostgREST exposes, `mpp` holds the tables, `private` the rules. Tables follow by noun.

create schema if not exists mpp;
create schema if not exists private;
create schema if not exists api;

comment on schema api is 'Ma Petite Planète: the views and functions that apps, dashboards and the CLI may use.';
comment on schema mpp is 'Ma Petite Planète: tables. Read through api; written by the functions of private only.';
comment on schema private is 'Ma Petite Planète: rules, triggers and every security definer function. Never exposed.';

-- The tables belong to a role that cannot log in and does not bypass row-level security: a view that forgets
-- security_invoker then shows nothing at all, instead of everything.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'mpp_owner') then
        create role mpp_owner nologin noinherit;
    end if;
    execute pg_catalog.format('grant mpp_owner to %I', current_user);
end
$$;

grant usage, create on schema mpp to mpp_owner;
grant create on schema api to mpp_owner;
grant usage on schema api to anon, authenticated, service_role;

-- A function is executable by everyone unless this is said; grants stand under each function instead.
alter default privileges revoke execute on functions from public;
alter default privileges in schema mpp, private, api revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema mpp, private, api revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema mpp, private, api revoke all on functions from public, anon, authenticated, service_role;

-- What a person reads on a screen, by language: {"fr": "…", "en": "…", "de": "…"}; French and English always.
create domain mpp.translated as jsonb
    constraint translated_has_fr_and_en check (
        jsonb_typeof(value) = 'object'
        and coalesce(btrim(value ->> 'fr'), '') <> ''
        and coalesce(btrim(value ->> 'en'), '') <> ''
        and not jsonb_path_exists(value, '$.* ? (@.type() != "string")')
    );
comment on domain mpp.translated is 'Texts by ISO 639-1 language; fr and en are required.';

-- One line of text typed by a person. Control, zero-width and direction characters would let a label imitate another.
create domain mpp.line as text
    constraint line_is_clean check (
        value = btrim(value)
        and char_length(value) between 1 and 120
        and value !~ '[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
        and value !~ '[\u0300-\u036f]{3}'
    );

comment on domain mpp.line is 'One clean line of text: no control, invisible or direction characters, 120 at most.';

-- Time-ordered identifiers (RFC 9562, version 7) keep index inserts on the right-hand page. Postgres 18 has
-- uuidv7() of its own; Supabase runs 17.
create function private.uuid_v7() returns uuid
    language sql
    volatile
    parallel safe
    set search_path = ''
as $$
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid
$$;
revoke execute on function private.uuid_v7() from public;

-- The one clock of the game. now() is the start of the transaction: a request that waited for a lock would still
-- believe that the edition is running.
create function private.clock() returns timestamptz
    language sql
    volatile
    set search_path = ''
as $$ select clock_timestamp() $$;
revoke execute on function private.clock() from public;
-- Every refusal of the game: its SQLSTATE, and what it says in English and in French.
-- docs/errors.md and mpp_supabase/errors.py hold the same list; a test compares the three.

create function private.refusals()
    returns table (code text, name text, message_en text, message_fr text, hint_en text, hint_fr text)
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    values
    -- who is asking
    ('MP001', 'SignInRequired', 'You are not signed in.', 'Vous n’êtes pas connecté·e.',
        'Sign in, then try again.', 'Connectez-vous, puis réessayez.'),
    ('MP002', 'AnonymousNotAllowed', 'An anonymous account can only read.', 'Un compte anonyme ne peut que lire.',
        'Create an account with an e-mail address.', 'Créez un compte avec une adresse e-mail.'),
    ('MP003', 'NotRegistered', 'This account has no player profile yet.', 'Ce compte n’a pas encore de profil.',
        'Call register first.', 'Appelez d’abord register.'),
    ('MP004', 'AlreadyRegistered', 'This account already has a profile.', 'Ce compte a déjà un profil.',
        'Change it with update_profile.', 'Modifiez-le avec update_profile.'),
    ('MP005', 'NotAllowed', 'That does not exist, or is not yours to use.', 'Cela n’existe pas, ou ne vous appartient pas.',
        'Check the identifier and the account.', 'Vérifiez l’identifiant et le compte.'),
    ('MP006', 'OpsOnly', 'Only the staff of Ma Petite Planète may do this.', 'Seule l’équipe de Ma Petite Planète peut faire cela.',
        'Use the secret key, or an account of the staff.', 'Utilisez la clé secrète, ou un compte de l’équipe.'),
    ('MP007', 'AmbassadorOnly', 'Only an ambassador of this league may do this.', 'Seul·e un·e ambassadeur·drice de cette ligue peut faire cela.',
        'Ask the ambassador of the league.', 'Demandez à l’ambassadeur·drice de la ligue.'),
    -- what was sent
    ('MP010', 'InvalidField', '%1$s is not valid: %2$s.', '%1$s n’est pas valable : %2$s.',
        '%3$s', '%3$s'),
    ('MP011', 'Maintenance', 'Maintenance in progress until %1$s: nothing can be written.', 'Maintenance en cours jusqu’au %1$s : rien ne peut être enregistré.',
        'Try again after %1$s.', 'Réessayez après le %1$s.'),
    -- editions
    ('MP020', 'EditionNotFound', 'There is no edition %1$s.', 'L’édition %1$s n’existe pas.',
        'List the editions.', 'Consultez la liste des éditions.'),
    ('MP021', 'EditionNotOpen', 'This edition is not open yet.', 'Cette édition n’est pas encore ouverte.',
        'Registration has not begun.', 'Les inscriptions n’ont pas commencé.'),
    ('MP022', 'EditionNotRunning', 'Edition %1$s is not running: it goes from %2$s to %3$s.', 'L’édition %1$s n’est pas en cours : elle va du %2$s au %3$s.',
        'This can only be done while the edition is running.', 'Cela ne se fait que pendant l’édition.'),
    ('MP023', 'RegistrationClosed', 'Edition %1$s took new players until %2$s.', 'Les inscriptions à l’édition %1$s sont closes depuis le %2$s.',
        'Join the next edition.', 'Rejoignez la prochaine édition.'),
    ('MP024', 'EditionFrozen', 'The ranking of edition %1$s is frozen.', 'Le classement de l’édition %1$s est figé.',
        'Nothing of a frozen edition changes any more.', 'Plus rien ne change dans une édition figée.'),
    ('MP025', 'EditionStarted', 'Edition %1$s has started, which fixed %2$s.', 'L’édition %1$s a commencé, ce qui a fixé %2$s.',
        'Texts and the last day to join may still change; rules, dates and points may not.', 'Les textes et la fin des inscriptions changent encore ; les règles, les dates et les points non.'),
    ('MP026', 'EditionNotOver', 'Edition %1$s ends at %2$s and cannot be frozen before.', 'L’édition %1$s se termine le %2$s et ne peut être figée avant.',
        'Wait for the end, or close the edition first.', 'Attendez la fin, ou clôturez d’abord l’édition.'),
    ('MP027', 'EditionFileInvalid', 'The edition cannot be applied: %1$s.', 'L’édition ne peut être appliquée : %1$s.',
        'Correct the file and apply it again; nothing was changed.', 'Corrigez le fichier et recommencez ; rien n’a changé.'),
    -- leagues, teams, players
    ('MP030', 'AlreadyInLeague', 'You already play in a league of this edition.', 'Vous jouez déjà dans une ligue de cette édition.',
        'Leave that league first.', 'Quittez d’abord cette ligue.'),
    ('MP031', 'JoinCodeUnknown', 'No league has this join code.', 'Aucune ligue n’a ce code.',
        'Ask the ambassador for the current code.', 'Demandez le code actuel à l’ambassadeur·drice.'),
    ('MP032', 'LeagueFull', 'This league is full (%1$s players).', 'Cette ligue est complète (%1$s personnes).',
        'Join another league, or create one.', 'Rejoignez une autre ligue, ou créez-en une.'),
    ('MP033', 'PhoneRequired', 'A phone number is needed to play in an open league.', 'Un numéro de téléphone est nécessaire pour jouer en ligue ouverte.',
        'Give it in international form, such as +33612345678.', 'Donnez-le au format international, par exemple +33612345678.'),
    ('MP034', 'Expelled', 'You were expelled from this league.', 'Vous avez été exclu·e de cette ligue.',
        'Write to Ma Petite Planète if this is a mistake.', 'Écrivez à Ma Petite Planète s’il s’agit d’une erreur.'),
    ('MP035', 'NotInLeague', 'You do not play in a league of this edition.', 'Vous ne jouez dans aucune ligue de cette édition.',
        'Join a league, or create one.', 'Rejoignez une ligue, ou créez-en une.'),
    ('MP036', 'AmbassadorMustHandOver', 'The ambassador cannot leave a league that still has players.', 'L’ambassadeur·drice ne peut quitter une ligue qui compte encore des personnes.',
        'Hand the league over first.', 'Transmettez d’abord la ligue.'),
    ('MP037', 'TeamLimit', 'A league of this edition has %1$s teams at most.', 'Une ligue de cette édition compte au plus %1$s équipes.',
        'Use one of the teams there are.', 'Utilisez une des équipes existantes.'),
    ('MP038', 'NameTaken', 'The name %1$s is already taken here.', 'Le nom %1$s est déjà pris ici.',
        'Choose another name.', 'Choisissez un autre nom.'),
    ('MP039', 'LeagueLimit', 'You have already created %1$s leagues in this edition.', 'Vous avez déjà créé %1$s ligues dans cette édition.',
        'Use one of them, or join another league.', 'Utilisez l’une d’elles, ou rejoignez une autre ligue.'),
    -- challenges
    ('MP040', 'ChallengeNotFound', 'This edition has no such challenge, or it is still hidden.', 'Ce défi n’existe pas dans cette édition, ou il est encore caché.',
        'List the challenges in play.', 'Consultez la liste des défis en jeu.'),
    ('MP041', 'OutsideWindow', 'This challenge is open from %1$s to %2$s.', 'Ce défi est ouvert du %1$s au %2$s.',
        'Validate it inside its window.', 'Validez-le dans son créneau.'),
    ('MP042', 'RepeatLimit', 'This challenge counts %1$s time(s) per player.', 'Ce défi compte %1$s fois par personne.',
        'Cancel a validation first if one was a mistake.', 'Annulez d’abord une validation faite par erreur.'),
    ('MP043', 'ProofRequired', 'This challenge asks for a proof in the league’s conversation.', 'Ce défi demande une preuve dans la conversation de la ligue.',
        'Send it there, then validate with proof_sent.', 'Envoyez-la, puis validez avec proof_sent.'),
    ('MP044', 'RequestKeyReused', 'This request key was already used for something else.', 'Cette clé de requête a déjà servi à autre chose.',
        'Make a new key for each validation.', 'Créez une nouvelle clé pour chaque validation.'),
    ('MP045', 'AlreadyCancelled', 'This validation is already cancelled.', 'Cette validation est déjà annulée.',
        'Validate the challenge again with a new key.', 'Validez à nouveau le défi avec une nouvelle clé.'),
    ('MP046', 'TooManyGuesses', 'No guess is left before %1$s.', 'Plus d’essai possible avant le %1$s.',
        'Try again after %1$s.', 'Réessayez après le %1$s.'),
    -- privacy
    ('MP050', 'GuardianConsentRequired', 'Under 15, a guardian must agree before the alias is shown in public.', 'Avant 15 ans, l’accord d’un responsable légal est nécessaire pour afficher l’alias.',
        'Ask a guardian to write to Ma Petite Planète.', 'Demandez à un responsable légal d’écrire à Ma Petite Planète.'),
    ('MP051', 'TermsVersionUnknown', 'Version %1$s of the terms of use is not the current one.', 'La version %1$s des conditions d’utilisation n’est pas la version en vigueur.',
        'Show the current version (%2$s) and ask again.', 'Présentez la version en vigueur (%2$s) et redemandez.'),
    -- what the tables refuse to everyone
    ('MP060', 'LedgerFact', 'A validation keeps its facts: %1$s.', 'Une validation garde ses faits : %1$s.',
        'Cancel it and record a new one.', 'Annulez-la et enregistrez-en une nouvelle.'),
    ('MP061', 'AppendOnly', 'Rows of %1$s are only ever added.', 'Les lignes de %1$s ne font que s’ajouter.',
        'Add a row that says what changed.', 'Ajoutez une ligne qui dit ce qui a changé.'),
    ('MP070', 'ImportRefused', '%1$s row(s) cannot be imported; the first: %2$s.', '%1$s ligne(s) ne peuvent être importées ; la première : %2$s.',
        'Correct the rows and import again; nothing was written.', 'Corrigez les lignes et recommencez ; rien n’a été enregistré.')
$$;
comment on function private.refusals() is 'Every refusal: SQLSTATE, Python class, message and hint in English and French; %n$s are its arguments.';
revoke execute on function private.refusals() from public;

-- French for a request that prefers it (Accept-Language), English otherwise.
create function private.speaks_french() returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select coalesce(
        nullif(current_setting('request.headers', true), '')::jsonb ->> 'accept-language' ~* '^\s*fr', false)
$$;
revoke execute on function private.speaks_french() from public;

-- Never a DETAIL: it would be the place where a hidden row shows.
create function private.refuse(code text, variadic arguments text[] default '{}') returns void
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    french boolean := private.speaks_french();
    said record;
    -- Part of what was typed is enough to know it again, and no log should hold more.
    shown text[] := array(select left(a.value, 300) from unnest(arguments) with ordinality a (value, place) order by a.place);
begin
    select
        case when french then r.message_fr else r.message_en end as message,
        case when french then r.hint_fr else r.hint_en end as hint
    into strict said
    from private.refusals() r
    where r.code = refuse.code;

    raise exception using
        errcode = code,
        message = format(said.message, variadic shown || array['', '', '']),
        hint = format(said.hint, variadic shown || array['', '', '']);
end
$$;
revoke execute on function private.refuse(text, text[]) from public;

-- A typed line, trimmed and clean, or the refusal that names the field.
create function private.clean_line(field text, value text, longest integer default 60) returns text
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
    return cleaned;
end
$$;
revoke execute on function private.clean_line(text, text, integer) from public;

-- Instants are said to people in Paris time, with the zone, so that no one has to guess.
create function private.spoken(at timestamptz) returns text
    language sql
    stable
    set search_path = ''
as $$ select to_char(at at time zone 'Europe/Paris', 'YYYY-MM-DD HH24:MI:SS') || ' (Europe/Paris)' $$;
revoke execute on function private.spoken(timestamptz) from public;
-- Who may act for Ma Petite Planète, and the trace of every privileged act.

create table mpp.ops_member (
    account_id uuid primary key references auth.users (id) on delete cascade,
    granted_at timestamptz not null default now(),
    granted_by uuid
);
comment on table mpp.ops_member is 'Accounts of the association''s staff. Read live at each call: a token never says who is staff.';

create table mpp.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor_id uuid,
    actor_role text not null,
    action text not null,
    subject text,
    details jsonb not null default '{}'
);
comment on table mpp.audit is 'Privileged acts, append-only for everyone.';
create index audit_subject on mpp.audit (subject, at desc);

create function private.refuse_change() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    perform private.refuse('MP061', tg_table_name);
    return null;
end
$$;
revoke execute on function private.refuse_change() from public;

create trigger audit_append_only
    before update or delete or truncate on mpp.audit
    for each statement execute function private.refuse_change();

-- The database role that carries the request. `set role` cannot be done inside a security definer function, and no
-- header or token text can set it: PostgREST does, after it has verified the token.
create function private.request_role() returns text
    language sql
    stable
    set search_path = ''
as $$
    select case coalesce(current_setting('role', true), 'none') when 'none' then session_user else current_setting('role', true) end
$$;
revoke execute on function private.request_role() from public;

create function private.is_service() returns boolean
    language sql
    stable
    set search_path = ''
as $$ select private.request_role() in ('service_role', 'postgres', 'supabase_admin') $$;
revoke execute on function private.is_service() from public;

create function private.is_ops() returns boolean
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
    )
$$;
comment on function private.is_ops() is 'True for the service role and for staff accounts.';
revoke execute on function private.is_ops() from public;
grant execute on function private.is_ops() to authenticated, service_role;

create function private.require_ops() returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if not private.is_ops() then
        perform private.refuse('MP006');
    end if;
end
$$;
revoke execute on function private.require_ops() from public;

create function private.record_act(action text, subject text, details jsonb default '{}') returns void
    language sql
    volatile
    set search_path = ''
as $$
    insert into mpp.audit (actor_id, actor_role, action, subject, details)
    values ((select auth.uid()), private.request_role(), action, subject, details)
$$;
revoke execute on function private.record_act(text, text, jsonb) from public;

alter table mpp.ops_member enable row level security;
alter table mpp.audit enable row level security;

create policy audit_select_ops on mpp.audit
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.audit to authenticated, service_role;

create view api.audit_log with (security_invoker = true) as
select a.id, a.at, a.actor_id, a.actor_role, a.action, a.subject, a.details
from mpp.audit a;
comment on view api.audit_log is 'Privileged acts; sort by id. Staff only.';
grant select on api.audit_log to authenticated, service_role;

-- Ops: give or take back the rights of the staff.
create function private.set_ops_member(member_id uuid, granted boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    -- Only the secret key makes staff: a stolen staff session must not make more of its kind.
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if not exists (select from auth.users u where u.id = member_id) then
        perform private.refuse('MP005');
    end if;
    -- An address that nobody has confirmed may belong to somebody else.
    if granted and not exists (
        select from auth.users u where u.id = member_id and u.email_confirmed_at is not null and not u.is_anonymous
    ) then
        perform private.refuse('MP010', 'member_id', 'its e-mail address is not confirmed', 'Let the person sign in first.');
    end if;
    if granted then
        insert into mpp.ops_member (account_id, granted_by) values (member_id, (select auth.uid()))
        on conflict do nothing;
    else
        delete from mpp.ops_member m where m.account_id = member_id;
    end if;
    perform private.record_act(case when granted then 'ops.grant' else 'ops.revoke' end, member_id::text);
end
$$;
revoke execute on function private.set_ops_member(uuid, boolean) from public;
grant execute on function private.set_ops_member(uuid, boolean) to service_role;

create function api.set_ops_member(member_id uuid, granted boolean) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_ops_member(member_id, granted);
end;
comment on function api.set_ops_member(uuid, boolean) is 'Gives an account the rights of the staff, or takes them back. Secret key only; the account''s address must be confirmed. Errors: MP005, MP006, MP010.';
revoke execute on function api.set_ops_member(uuid, boolean) from public;
grant execute on function api.set_ops_member(uuid, boolean) to service_role;
-- Editions, their phases on the server's clock, and maintenance windows.

-- Types that requests and answers name are part of the contract and live in api: callers have no rights on mpp.
create type api.audience as enum ('public', 'school');
create type api.ranking_basis as enum ('total', 'average');
create type api.edition_phase as enum ('draft', 'registration', 'running', 'closed', 'frozen');

-- Text and not an enum: row-level security lets an index be used only by operators that are known not to leak, and
-- Postgres does not count the comparison of enums among them.
create domain api.ranking_scope as text
    constraint ranking_scope_known check (value in ('player', 'team', 'league'));
comment on domain api.ranking_scope is 'What is ranked: player, team or league.';

create table mpp.organisation (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9-]{3,40}$'),
    name mpp.line not null
);
comment on table mpp.organisation is 'Client of the association; an edition may be private to one.';

create table mpp.edition (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9-]{3,40}$'),
    audience api.audience not null,
    title mpp.translated not null,
    organisation_id integer references mpp.organisation (id),
    -- The cast fails with the name of the zone when Postgres does not know it.
    time_zone text not null default 'Europe/Paris'
        check ((timestamp '2026-01-01' at time zone time_zone) is not null),
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    registration_closes_at timestamptz not null check (registration_closes_at <= ends_at),
    ranking_basis api.ranking_basis not null,
    league_min_players smallint not null default 6 check (league_min_players between 1 and 1000),
    league_max_players smallint not null default 24 check (league_max_players between 1 and 1000),
    teams_per_league smallint not null default 2 check (teams_per_league between 1 and 20),
    unlock_guesses_per_hour smallint not null default 10 check (unlock_guesses_per_hour between 1 and 100),
    opened_at timestamptz,
    frozen_at timestamptz,
    seal text,
    constraint edition_sizes_in_order check (league_min_players <= league_max_players),
    constraint edition_frozen_with_seal check ((frozen_at is null) = (seal is null))
);
comment on table mpp.edition is 'A round of the game, three weeks unless it says otherwise.';
comment on column mpp.edition.seal is 'Fingerprint of every score at the freeze; verify_scores compares it.';
create index edition_organisation on mpp.edition (organisation_id) where organisation_id is not null;

create table mpp.maintenance_window (
    id integer generated always as identity primary key,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    message mpp.translated not null,
    announced_at timestamptz not null default now()
);
comment on table mpp.maintenance_window is 'Announced interruptions: writes are refused inside, reads go on.';
create index maintenance_window_ends on mpp.maintenance_window (ends_at);

-- draft → registration (open_edition) → running (starts_at) → closed (ends_at) → frozen (freeze_edition).
create function private.edition_phase(
    opened_at timestamptz, starts_at timestamptz, ends_at timestamptz, frozen_at timestamptz, at timestamptz
) returns api.edition_phase
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select case
        when frozen_at is not null then 'frozen'
        when opened_at is null then 'draft'
        when at < starts_at then 'registration'
        when at < ends_at then 'running'
        else 'closed'
    end::api.edition_phase
$$;
comment on function private.edition_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)
    is 'Phase of an edition at an instant; running is [starts_at, ends_at).';
revoke execute on function private.edition_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) from public;
grant execute on function private.edition_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)
    to anon, authenticated, service_role;

-- Every writer of an edition holds this shared, the freezer alone. An advisory lock, because a share lock on the one
-- row of the edition would make every validation write to it.
create function private.lock_edition(edition_id integer, alone boolean default false) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    if alone then
        perform pg_advisory_xact_lock(hashtext('mpp.edition'), edition_id);
    else
        perform pg_advisory_xact_lock_shared(hashtext('mpp.edition'), edition_id);
    end if;
    -- Under a fixed snapshot the edition would still look as it did before the lock was had.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from mpp.edition e where e.id = edition_id for share;
    end if;
end
$$;
revoke execute on function private.lock_edition(integer, boolean) from public;

create function private.require_no_maintenance() returns void
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    until timestamptz;
    at timestamptz := private.clock();
begin
    select max(w.ends_at) into until
    from mpp.maintenance_window w
    where w.ends_at > at and w.starts_at <= at;
    if until is not null then
        perform private.refuse('MP011', private.spoken(until));
    end if;
end
$$;
revoke execute on function private.require_no_maintenance() from public;

create function private.find_edition(edition_code text) returns mpp.edition
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    found_edition mpp.edition;
begin
    select * into found_edition from mpp.edition e where e.code = edition_code;
    if not found then
        perform private.refuse('MP020', coalesce(edition_code, '(none)'));
    end if;
    return found_edition;
end
$$;
revoke execute on function private.find_edition(text) from public;

-- Rules and dates that players have counted on since the start; texts and the last day to join may still change.
create function private.edition_keep_rules() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    if old.frozen_at is not null
        and (to_jsonb(new) - 'title') is distinct from (to_jsonb(old) - 'title') then
        perform private.refuse('MP024', old.code);
    end if;
    if old.opened_at is not null and old.starts_at <= private.clock()
        and (new.code, new.audience, new.organisation_id, new.time_zone, new.starts_at, new.ranking_basis,
            new.league_min_players, new.league_max_players, new.teams_per_league, new.unlock_guesses_per_hour, new.opened_at)
            is distinct from
            (old.code, old.audience, old.organisation_id, old.time_zone, old.starts_at, old.ranking_basis,
            old.league_min_players, old.league_max_players, old.teams_per_league, old.unlock_guesses_per_hour, old.opened_at) then
        perform private.refuse('MP025', old.code, 'its dates and rules');
    end if;
    -- An edition may end early (close_edition), never late.
    if old.opened_at is not null and old.starts_at <= private.clock() and new.ends_at > old.ends_at then
        perform private.refuse('MP025', old.code, 'its end');
    end if;
    return new;
end
$$;
revoke execute on function private.edition_keep_rules() from public;

create trigger edition_keep_rules
    before update on mpp.edition
    for each row execute function private.edition_keep_rules();

create trigger edition_keep
    before delete or truncate on mpp.edition
    for each statement execute function private.refuse_change();

-- Editions that a person may read: opened ones, and private ones only from inside.
create function private.my_private_edition_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 10
    set search_path = ''
as $$
begin
    return query
    select p.edition_id
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    where p.account_id = (select auth.uid()) and e.organisation_id is not null;
end
$$;
revoke execute on function private.my_private_edition_ids() from public;
grant execute on function private.my_private_edition_ids() to authenticated;

alter table mpp.organisation enable row level security;
alter table mpp.edition enable row level security;
alter table mpp.maintenance_window enable row level security;

create policy edition_select_anon on mpp.edition
    for select to anon
    using (opened_at is not null and organisation_id is null);

create policy edition_select_authenticated on mpp.edition
    for select to authenticated
    using (
        (opened_at is not null and (organisation_id is null or id in (select private.my_private_edition_ids())))
        or (select private.is_ops())
    );

create policy maintenance_window_select_everyone on mpp.maintenance_window
    for select to anon, authenticated
    using (ends_at > now() - interval '1 day');

grant select on mpp.edition, mpp.maintenance_window to anon, authenticated, service_role;

create view api.editions with (security_invoker = true) as
select
    e.id,
    e.code,
    e.audience,
    e.title,
    private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, now()) as phase,
    e.time_zone,
    e.starts_at,
    e.ends_at,
    e.registration_closes_at,
    e.ranking_basis,
    e.league_min_players,
    e.league_max_players,
    e.teams_per_league,
    e.organisation_id is not null as is_private,
    e.opened_at,
    e.frozen_at
from mpp.edition e;
comment on view api.editions is 'Editions that are open, with their phase now. Staff also see drafts.';
grant select on api.editions to anon, authenticated, service_role;

create view api.maintenance_windows with (security_invoker = true) as
select
    w.id,
    w.starts_at,
    w.ends_at,
    w.message,
    w.announced_at,
    w.starts_at <= now() and now() < w.ends_at as is_active
from mpp.maintenance_window w;
comment on view api.maintenance_windows is 'Announced maintenance: past day, present and future.';
grant select on api.maintenance_windows to anon, authenticated, service_role;

-- Ops: open, close, announce.
create function private.open_edition(edition_code text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    if not exists (select from mpp.edition_challenge c where c.edition_id = e.id) then
        perform private.refuse('MP027', 'it has no challenge');
    end if;
    update mpp.edition set opened_at = private.clock() where id = e.id and opened_at is null;
    if found then
        perform private.record_act('edition.open', edition_code);
    end if;
end
$$;
revoke execute on function private.open_edition(text) from public;
grant execute on function private.open_edition(text) to authenticated, service_role;

create function api.open_edition(edition_code text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.open_edition(edition_code);
end;
comment on function api.open_edition(text) is 'Opens a draft edition to registration; does nothing when it is open. Staff. Errors: MP006, MP020, MP027.';
revoke execute on function api.open_edition(text) from public;
grant execute on function api.open_edition(text) to authenticated, service_role;

create function private.close_edition(edition_code text, reason text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
    at timestamptz;
    why text := private.clean_line('reason', reason, 500);
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    at := private.clock();
    e := private.find_edition(edition_code);
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    update mpp.edition
    set ends_at = at, registration_closes_at = least(registration_closes_at, at)
    where id = e.id;
    perform private.record_act('edition.close', edition_code, jsonb_build_object('reason', why, 'announced_end', e.ends_at));
end
$$;
revoke execute on function private.close_edition(text, text) from public;
grant execute on function private.close_edition(text, text) to authenticated, service_role;

create function api.close_edition(edition_code text, reason text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.close_edition(edition_code, reason);
end;
comment on function api.close_edition(text, text) is 'Ends a running edition now, before its announced end, with a reason. Staff. Errors: MP006, MP010, MP020, MP022.';
revoke execute on function api.close_edition(text, text) from public;
grant execute on function api.close_edition(text, text) to authenticated, service_role;

create function private.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    window_id integer;
begin
    perform private.require_ops();
    if ends_at is null or starts_at is null or ends_at <= starts_at then
        perform private.refuse('MP010', 'ends_at', 'it is not after starts_at', 'Give an end after the start.');
    end if;
    if ends_at <= private.clock() then
        perform private.refuse('MP010', 'ends_at', 'it is in the past', 'Announce maintenance in advance.');
    end if;
    begin
        insert into mpp.maintenance_window (starts_at, ends_at, message)
        values (announce_maintenance.starts_at, announce_maintenance.ends_at, announce_maintenance.message)
        returning id into window_id;
    exception when check_violation or not_null_violation then
        perform private.refuse('MP010', 'message', 'it needs a text in fr and in en', 'Send {"fr": "…", "en": "…"}.');
    end;
    perform private.record_act('maintenance.announce', window_id::text,
        jsonb_build_object('starts_at', announce_maintenance.starts_at, 'ends_at', announce_maintenance.ends_at));
    return window_id;
end
$$;
revoke execute on function private.announce_maintenance(timestamptz, timestamptz, jsonb) from public;
grant execute on function private.announce_maintenance(timestamptz, timestamptz, jsonb) to authenticated, service_role;

create function api.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.announce_maintenance(starts_at, ends_at, message);
end;
comment on function api.announce_maintenance(timestamptz, timestamptz, jsonb) is 'Announces a maintenance window and returns its id; inside it players cannot write. Staff. Errors: MP006, MP010.';
revoke execute on function api.announce_maintenance(timestamptz, timestamptz, jsonb) from public;
grant execute on function api.announce_maintenance(timestamptz, timestamptz, jsonb) to authenticated, service_role;

create function private.cancel_maintenance(id integer) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_ops();
    delete from mpp.maintenance_window w where w.id = cancel_maintenance.id;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('maintenance.cancel', cancel_maintenance.id::text);
end
$$;
revoke execute on function private.cancel_maintenance(integer) from public;
grant execute on function private.cancel_maintenance(integer) to authenticated, service_role;

create function api.cancel_maintenance(id integer) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.cancel_maintenance(id);
end;
comment on function api.cancel_maintenance(integer) is 'Takes back a maintenance window, or ends one early. Staff. Errors: MP005, MP006.';
revoke execute on function api.cancel_maintenance(integer) from public;
grant execute on function api.cancel_maintenance(integer) to authenticated, service_role;
-- The catalogue: cards, and the challenges of an edition with the rules they are played by.

create type api.challenge_kind as enum ('standard', 'collective', 'boost', 'hidden', 'flash', 'malus');

create table mpp.theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,40}$'),
    name mpp.translated not null
);
comment on table mpp.theme is 'What a challenge is about: mobility, food, energy…';

create table mpp.challenge (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9-]{3,60}$'),
    theme text not null references mpp.theme (code),
    title mpp.translated not null,
    description mpp.translated not null,
    goals smallint[] not null default '{}' check (goals <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]::smallint[])
);
comment on table mpp.challenge is 'A card of the catalogue: its texts, whatever the edition.';
comment on column mpp.challenge.goals is 'United Nations sustainable development goals, 1 to 17.';
create index challenge_theme on mpp.challenge (theme);

create table mpp.edition_challenge (
    id integer generated always as identity primary key,
    edition_id integer not null references mpp.edition (id),
    challenge_id integer not null references mpp.challenge (id),
    kind api.challenge_kind not null,
    points smallint not null,
    repeat_limit smallint check (repeat_limit >= 1),
    quorum smallint,
    boost_factor smallint,
    needs_proof boolean not null default false,
    opens_at timestamptz,
    closes_at timestamptz,
    secret_digest bytea,
    constraint edition_challenge_card_once unique (edition_id, challenge_id),
    constraint edition_challenge_in_edition unique (id, edition_id),
    constraint edition_challenge_secret_once unique (edition_id, secret_digest),
    constraint edition_challenge_points check (
        case when kind = 'malus' then points between -20 and -1 else points between 1 and 20 end
    ),
    constraint edition_challenge_quorum check ((kind = 'collective') = (quorum is not null) and quorum >= 2),
    constraint edition_challenge_boost check ((kind = 'boost') = (boost_factor is not null) and boost_factor between 2 and 5),
    constraint edition_challenge_secret check ((kind = 'hidden') = (secret_digest is not null)),
    constraint edition_challenge_window check (
        (opens_at is null) = (closes_at is null)
        and closes_at > opens_at
        and (kind not in ('flash', 'boost') or opens_at is not null)
    )
);
comment on table mpp.edition_challenge is 'A card in play in an edition: kind, points and limits, fixed when the edition starts.';
comment on column mpp.edition_challenge.repeat_limit is 'How often one player may validate it; null: without limit.';
comment on column mpp.edition_challenge.opens_at is 'Window [opens_at, closes_at): open only inside, except boost, which multiplies inside.';
create index edition_challenge_card on mpp.edition_challenge (challenge_id);

-- Secret words are compared without case, accents and spaces, and kept as a digest, so that they do not lie about in
-- clear. A digest of one word is no secret from who can read the table: no role of the API can.
create function private.secret_digest(edition_code text, word text) returns bytea
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select sha256(convert_to(
        edition_code || ':' || lower(regexp_replace(normalize(word, NFKD), '[\u0300-\u036f\s''’-]', '', 'g')), 'UTF8'))
$$;
revoke execute on function private.secret_digest(text, text) from public;

-- Editing a challenge never rewrites a score already earned: once the edition has started its rules stand.
create function private.edition_challenge_keep_rules() returns trigger
    language plpgsql
    set search_path = ''
as $$
declare
    e mpp.edition;
begin
    select * into e from mpp.edition where id = coalesce(old.edition_id, new.edition_id);
    if e.opened_at is not null and e.starts_at <= private.clock() then
        perform private.refuse('MP025', e.code, 'its challenges, their points and rules');
    end if;
    return coalesce(new, old);
end
$$;
revoke execute on function private.edition_challenge_keep_rules() from public;

create trigger edition_challenge_keep_rules
    before insert or update or delete on mpp.edition_challenge
    for each row execute function private.edition_challenge_keep_rules();

-- What a player has unlocked, and how often an account has guessed.
create table mpp.unlock (
    player_id uuid not null,
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    unlocked_at timestamptz not null default clock_timestamp(),
    primary key (player_id, challenge_id)
);
comment on table mpp.unlock is 'Hidden challenges that a player has found.';
create index unlock_challenge on mpp.unlock (challenge_id);

create table mpp.unlock_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    edition_id integer not null references mpp.edition (id),
    guessed_at timestamptz not null default clock_timestamp()
);
comment on table mpp.unlock_guess is 'Wrong guesses of the last hour; older ones are deleted by the next guess.';
create index unlock_guess_account on mpp.unlock_guess (account_id, edition_id, guessed_at);
create index unlock_guess_edition on mpp.unlock_guess (edition_id);

create function private.my_unlocked_challenge_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 10
    set search_path = ''
as $$
begin
    return query
    select u.challenge_id
    from mpp.player p
    join mpp.unlock u on u.player_id = p.id
    where p.account_id = (select auth.uid());
end
$$;
revoke execute on function private.my_unlocked_challenge_ids() from public;
grant execute on function private.my_unlocked_challenge_ids() to authenticated;

alter table mpp.theme enable row level security;
alter table mpp.challenge enable row level security;
alter table mpp.edition_challenge enable row level security;
alter table mpp.unlock enable row level security;
alter table mpp.unlock_guess enable row level security;

-- In play: from the start of an edition that the caller may see; flash only inside its window; hidden once found.
create policy edition_challenge_select_anon on mpp.edition_challenge
    for select to anon
    using (
        edition_id in (select e.id from mpp.edition e where e.starts_at <= now())
        and kind <> 'hidden'
        and (kind <> 'flash' or (opens_at <= now() and now() < closes_at))
    );

create policy edition_challenge_select_authenticated on mpp.edition_challenge
    for select to authenticated
    using (
        (
            edition_id in (select e.id from mpp.edition e where e.opened_at is not null and e.starts_at <= now())
            and (kind <> 'hidden' or id in (select private.my_unlocked_challenge_ids()))
            and (kind <> 'flash' or (opens_at <= now() and now() < closes_at))
        )
        or (select private.is_ops())
    );

-- The text of a card is as secret as the challenge that shows it.
create policy challenge_select_everyone on mpp.challenge
    for select to anon, authenticated
    using (id in (select c.challenge_id from mpp.edition_challenge c));

create policy theme_select_everyone on mpp.theme
    for select to anon, authenticated
    using (code in (select c.theme from mpp.challenge c));

grant select on mpp.theme, mpp.challenge to anon, authenticated, service_role;
grant select (id, edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor, needs_proof, opens_at, closes_at)
    on mpp.edition_challenge to anon, authenticated, service_role;

create view api.challenges with (security_invoker = true) as
select
    c.id,
    c.edition_id,
    k.code,
    c.kind,
    k.theme,
    t.name as theme_name,
    k.title,
    k.description,
    c.points,
    case when c.kind = 'boost' and c.opens_at <= now() and now() < c.closes_at
        then c.points * c.boost_factor else c.points end as points_now,
    c.boost_factor,
    c.opens_at,
    c.closes_at,
    c.repeat_limit,
    c.quorum,
    c.needs_proof,
    k.goals
from mpp.edition_challenge c
join mpp.challenge k on k.id = c.challenge_id
join mpp.theme t on t.code = k.theme;
comment on view api.challenges is 'Challenges in play and visible to the caller now: flash inside their window, hidden once unlocked.';
grant select on api.challenges to anon, authenticated, service_role;
-- The person: what only they and the association's staff may read, and what they consented to.

create table mpp.terms_version (
    version text primary key check (version ~ '^[0-9]{4}-[0-9]{2}(\.[0-9]+)?$'),
    published_at timestamptz not null default now()
);
comment on table mpp.terms_version is 'Versions of the terms of use; the newest is the one to accept.';

insert into mpp.terms_version (version, published_at) values ('2026-01', '2026-01-05 09:00:00+01');

create table mpp.profile (
    id uuid primary key references auth.users (id) on delete cascade,
    first_name mpp.line not null,
    last_name mpp.line not null,
    alias mpp.line not null,
    country text not null check (country ~ '^[A-Z]{2}$'),
    postcode text not null check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    birth_date date not null check (birth_date > '1900-01-01'),
    language text not null default 'fr' check (language in ('fr', 'en', 'de')),
    sector mpp.line,
    acquisition_channel mpp.line,
    picture_path text check (char_length(picture_path) <= 300),
    guardian_consent_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table mpp.profile is 'A person who plays: read by that person and by the staff only. The e-mail address stays in Auth.';

create type api.consent_purpose as enum ('terms', 'newsletter', 'league_alerts', 'partner_sharing');

create table mpp.consent (
    id bigint generated always as identity primary key,
    account_id uuid not null,
    purpose api.consent_purpose not null,
    granted boolean not null,
    text_version text not null,
    given_at timestamptz not null default clock_timestamp(),
    channel text not null check (channel in ('app', 'mail', 'ops'))
);
comment on table mpp.consent is 'What a person agreed to or withdrew, append-only; the newest row of a purpose holds.';
create index consent_account on mpp.consent (account_id, purpose, id desc);

create trigger consent_append_only
    before update or delete or truncate on mpp.consent
    for each statement execute function private.refuse_change();

create function private.age_on(birth_date date, day date) returns integer
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$ select extract(year from age(day, birth_date))::integer $$;
revoke execute on function private.age_on(date, date) from public;
grant execute on function private.age_on(date, date) to authenticated;

-- Under 15, the alias is shown in public only once a guardian has agreed.
create function private.may_be_listed(account_id uuid) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select p.guardian_consent_at is not null or private.age_on(p.birth_date, current_date) >= 15
    from mpp.profile p
    where p.id = account_id
$$;
revoke execute on function private.may_be_listed(uuid) from public;

alter table mpp.terms_version enable row level security;
alter table mpp.profile enable row level security;
alter table mpp.consent enable row level security;

create policy terms_version_select_everyone on mpp.terms_version
    for select to anon, authenticated
    using (published_at <= now());

create policy profile_select_authenticated on mpp.profile
    for select to authenticated
    using (id = (select auth.uid()) or (select private.is_ops()));

create policy consent_select_authenticated on mpp.consent
    for select to authenticated
    using (account_id = (select auth.uid()) or (select private.is_ops()));

grant select on mpp.terms_version to anon, authenticated, service_role;
grant select on mpp.profile, mpp.consent to authenticated;

create view api.terms_versions with (security_invoker = true) as
select t.version, t.published_at from mpp.terms_version t;
comment on view api.terms_versions is 'Published versions of the terms of use; register takes the newest.';
grant select on api.terms_versions to anon, authenticated, service_role;

create view api.my_profile with (security_invoker = true) as
select
    p.id,
    p.first_name,
    p.last_name,
    p.alias,
    auth.jwt() ->> 'email' as email,
    p.country,
    p.postcode,
    p.birth_date,
    private.age_on(p.birth_date, current_date) < 18 as is_minor,
    private.age_on(p.birth_date, current_date) < 15 as is_under_15,
    p.language,
    p.sector,
    p.acquisition_channel,
    p.picture_path,
    p.created_at
from mpp.profile p
where p.id = (select auth.uid());
comment on view api.my_profile is 'The caller''s own profile: one row, or none before register.';
grant select on api.my_profile to authenticated;

create view api.my_consents with (security_invoker = true) as
select distinct on (c.purpose) c.purpose, c.granted, c.text_version, c.given_at
from mpp.consent c
where c.account_id = (select auth.uid())
order by c.purpose, c.id desc;
comment on view api.my_consents is 'What the caller agrees to now, by purpose.';
grant select on api.my_consents to authenticated;

-- The account behind a request that wants to write: signed in, not anonymous, and no maintenance going on.
create function private.begin_write(registered boolean default true) returns uuid
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
    if coalesce((claims ->> 'is_anonymous')::boolean, false) then
        perform private.refuse('MP002');
    end if;
    -- Read live: a disabled account is out at once, not when its token ends.
    if exists (select from auth.users u where u.id = account and u.banned_until > now()) then
        perform private.refuse('MP001');
    end if;
    perform private.require_no_maintenance();
    if registered and not exists (select from mpp.profile p where p.id = account) then
        perform private.refuse('MP003');
    end if;
    return account;
end
$$;
comment on function private.begin_write(boolean) is 'First line of every player''s command; returns the account.';
revoke execute on function private.begin_write(boolean) from public;

create function private.check_profile(country text, postcode text, birth_date date, language text, picture_path text) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if country is null or country !~ '^[A-Z]{2}$' then
        perform private.refuse('MP010', 'country', coalesce(country, 'it is empty'), 'Use two capital letters (ISO 3166), such as FR.');
    end if;
    if postcode is null or postcode !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' or (country = 'FR' and postcode !~ '^[0-9]{5}$') then
        perform private.refuse('MP010', 'postcode', coalesce(postcode, 'it is empty'), 'Give the postcode, such as 75008.');
    end if;
    if birth_date is null or birth_date > current_date or private.age_on(birth_date, current_date) not between 3 and 119 then
        perform private.refuse('MP010', 'birth_date', coalesce(birth_date::text, 'it is empty'), 'Give a date of birth as YYYY-MM-DD.');
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    -- Pictures live under the owner's own folder of a private bucket.
    if picture_path is not null and (
        char_length(picture_path) > 300 or picture_path !~ ('^' || (select auth.uid()) || '/[A-Za-z0-9][A-Za-z0-9._-]*$')) then
        perform private.refuse('MP010', 'picture_path', left(picture_path, 80), 'Begin the path with the id of your account.');
    end if;
end
$$;
revoke execute on function private.check_profile(text, text, date, text, text) from public;

create function private.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text, sector text, acquisition_channel text, picture_path text, league_alerts boolean, newsletter boolean
) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write(registered => false);
    current_terms text;
begin
    select t.version into current_terms
    from mpp.terms_version t
    where t.published_at <= private.clock()
    order by t.published_at desc
    limit 1;
    if terms_version is distinct from current_terms then
        perform private.refuse('MP051', coalesce(terms_version, '(none)'), current_terms);
    end if;
    perform private.check_profile(country, postcode, birth_date, language, picture_path);
    -- The token of a deleted account still signs in until it expires.
    if not exists (select from auth.users u where u.id = account) then
        perform private.refuse('MP001');
    end if;

    insert into mpp.profile as p (id, first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path)
    values (
        account,
        private.clean_line('first_name', register.first_name),
        private.clean_line('last_name', register.last_name),
        private.clean_line('alias', register.alias, 30),
        register.country,
        register.postcode,
        register.birth_date,
        register.language,
        case when register.sector is not null then private.clean_line('sector', register.sector, 80) end,
        case when register.acquisition_channel is not null
            then private.clean_line('acquisition_channel', register.acquisition_channel, 80) end,
        register.picture_path
    )
    on conflict do nothing;
    if not found then
        perform private.refuse('MP004');
    end if;
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, current_terms, 'app'
    from (values ('terms', true), ('league_alerts', league_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;
revoke execute on function private.register(text, text, text, text, text, date, text, text, text, text, text, boolean, boolean) from public;
grant execute on function private.register(text, text, text, text, text, date, text, text, text, text, text, boolean, boolean) to authenticated;

create function api.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text default 'fr', sector text default null, acquisition_channel text default null,
    picture_path text default null, league_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.register(first_name, last_name, alias, country, postcode, birth_date, terms_version, language, sector,
        acquisition_channel, picture_path, league_alerts, newsletter);
end;
comment on function api.register(text, text, text, text, text, date, text, text, text, text, text, boolean, boolean)
    is 'Makes the caller''s profile, accepting the current terms of use (the newest of api.terms_versions); returns the account id. Errors: MP001, MP002, MP004, MP010, MP011, MP051.';
revoke execute on function api.register(text, text, text, text, text, date, text, text, text, text, text, boolean, boolean) from public;
grant execute on function api.register(text, text, text, text, text, date, text, text, text, text, text, boolean, boolean) to authenticated;

create function private.update_profile(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date,
    language text, sector text, acquisition_channel text, picture_path text
) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    old_row mpp.profile;
begin
    perform private.lock_editions_of(account);
    select * into old_row from mpp.profile p where p.id = account for no key update;
    perform private.check_profile(
        coalesce(country, old_row.country), coalesce(postcode, old_row.postcode), coalesce(birth_date, old_row.birth_date),
        coalesce(language, old_row.language), nullif(picture_path, ''));
    -- A minor cannot grow up by editing a form; the staff correct a real mistake.
    if birth_date is distinct from old_row.birth_date and birth_date is not null
        and private.age_on(old_row.birth_date, current_date) < 15 then
        perform private.refuse('MP050');
    end if;
    update mpp.profile p
    set first_name = private.clean_line('first_name', coalesce(update_profile.first_name, p.first_name)),
        last_name = private.clean_line('last_name', coalesce(update_profile.last_name, p.last_name)),
        alias = private.clean_line('alias', coalesce(update_profile.alias, p.alias), 30),
        country = coalesce(update_profile.country, p.country),
        postcode = coalesce(update_profile.postcode, p.postcode),
        birth_date = coalesce(update_profile.birth_date, p.birth_date),
        language = coalesce(update_profile.language, p.language),
        sector = case when update_profile.sector = '' then null
            when update_profile.sector is null then p.sector else private.clean_line('sector', update_profile.sector, 80) end,
        acquisition_channel = case when update_profile.acquisition_channel = '' then null
            when update_profile.acquisition_channel is null then p.acquisition_channel
            else private.clean_line('acquisition_channel', update_profile.acquisition_channel, 80) end,
        picture_path = case when update_profile.picture_path = '' then null
            else coalesce(update_profile.picture_path, p.picture_path) end
    where p.id = account;
end
$$;
revoke execute on function private.update_profile(text, text, text, text, text, date, text, text, text, text) from public;
grant execute on function private.update_profile(text, text, text, text, text, date, text, text, text, text) to authenticated;

create function api.update_profile(
    first_name text default null, last_name text default null, alias text default null, country text default null,
    postcode text default null, birth_date date default null, language text default null, sector text default null,
    acquisition_channel text default null, picture_path text default null
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.update_profile(first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path);
end;
comment on function api.update_profile(text, text, text, text, text, date, text, text, text, text)
    is 'Corrects the caller''s profile; what is left out stays, an empty text clears an optional field. Errors: MP001, MP002, MP003, MP010, MP011, MP050.';
revoke execute on function api.update_profile(text, text, text, text, text, date, text, text, text, text) from public;
grant execute on function api.update_profile(text, text, text, text, text, date, text, text, text, text) to authenticated;

create function private.set_consent(purpose api.consent_purpose, granted boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    birth_date date;
    current_version text;
begin
    if purpose is null then
        perform private.refuse('MP010', 'purpose', 'it is empty', 'Use newsletter, league_alerts or partner_sharing.');
    end if;
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    if purpose = 'terms' then
        perform private.refuse('MP010', 'purpose', 'terms', 'Terms are accepted by register; leaving them is erasing the account.');
    end if;
    select p.birth_date into birth_date from mpp.profile p where p.id = account;
    if purpose = 'partner_sharing' and granted and private.age_on(birth_date, current_date) < 15 then
        perform private.refuse('MP010', 'purpose', 'partner_sharing', 'Under 15, nothing is shared with partners.');
    end if;
    select t.version into current_version
    from mpp.terms_version t where t.published_at <= private.clock() order by t.published_at desc limit 1;
    -- Saying the same again adds nothing to the log.
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, set_consent.purpose, set_consent.granted, current_version, 'app'
    where not exists (
        select
        from (
            select c.granted, c.text_version
            from mpp.consent c
            where c.account_id = account and c.purpose = set_consent.purpose
            order by c.id desc
            limit 1
        ) latest
        where latest.granted = set_consent.granted and latest.text_version = current_version
    );
end
$$;
revoke execute on function private.set_consent(api.consent_purpose, boolean) from public;
grant execute on function private.set_consent(api.consent_purpose, boolean) to authenticated;

create function api.set_consent(purpose api.consent_purpose, granted boolean) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_consent(purpose, granted);
end;
comment on function api.set_consent(api.consent_purpose, boolean)
    is 'Gives or withdraws one consent of the caller. Errors: MP001, MP002, MP003, MP010, MP011.';
revoke execute on function api.set_consent(api.consent_purpose, boolean) from public;
grant execute on function api.set_consent(api.consent_purpose, boolean) to authenticated;
-- Leagues, their teams and players. Everything that changes a league waits for that league's lock (private.lock_league),
-- which is also what a validation takes: one order of locks for the whole game.

create type api.league_category as enum ('friends', 'family', 'colleagues', 'neighbours', 'students', 'association', 'other');

create table mpp.league (
    id uuid primary key default private.uuid_v7(),
    edition_id integer not null references mpp.edition (id),
    name mpp.line not null check (char_length(name) <= 60),
    category api.league_category not null,
    is_open boolean not null default false,
    listed boolean not null default true,
    created_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    constraint league_in_edition unique (id, edition_id)
);
comment on table mpp.league is 'A group that plays together: friends, family, colleagues…';
create index league_created_by on mpp.league (created_by, edition_id);
create unique index league_name_once on mpp.league (edition_id, lower(name));

create table mpp.team (
    id uuid primary key default private.uuid_v7(),
    league_id uuid not null,
    edition_id integer not null,
    name mpp.line not null check (char_length(name) <= 40),
    created_at timestamptz not null default clock_timestamp(),
    constraint team_in_league unique (id, league_id, edition_id),
    foreign key (league_id, edition_id) references mpp.league (id, edition_id)
);
comment on table mpp.team is 'Part of a league; its players compete with the other teams of the league.';
create unique index team_name_once on mpp.team (league_id, lower(name));

create table mpp.player (
    id uuid primary key default private.uuid_v7(),
    edition_id integer not null references mpp.edition (id),
    account_id uuid references mpp.profile (id) on delete set null,
    league_id uuid,
    team_id uuid,
    alias mpp.line not null,
    first_name mpp.line not null,
    picture_path text,
    listed boolean not null default true,
    joined_at timestamptz not null default clock_timestamp(),
    constraint player_once_per_edition unique (account_id, edition_id),
    constraint player_in_edition unique (id, edition_id),
    constraint player_team_with_league check ((team_id is null) = (league_id is null)),
    foreign key (team_id, league_id, edition_id) references mpp.team (id, league_id, edition_id)
);
comment on table mpp.player is 'A person in an edition, as their league sees them; a player who left their league has none.';
create index player_league on mpp.player (league_id);
create index player_team on mpp.player (team_id);
create index player_edition on mpp.player (edition_id);

create table mpp.player_contact (
    player_id uuid primary key references mpp.player (id) on delete cascade,
    phone text not null check (phone ~ '^\+[1-9][0-9]{6,14}$')
);
comment on table mpp.player_contact is 'Phone of a player of an open league, for adding them to its conversation: the player, the ambassador and the staff.';

create table mpp.ambassador (
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    player_id uuid references mpp.player (id),
    is_principal boolean not null,
    granted_at timestamptz not null default clock_timestamp(),
    primary key (league_id, account_id)
);
comment on table mpp.ambassador is 'Who runs a league: one principal and any number of co-ambassadors.';
create unique index ambassador_one_principal on mpp.ambassador (league_id) where is_principal;
create index ambassador_account on mpp.ambassador (account_id);
create index ambassador_player on mpp.ambassador (player_id);

create table mpp.join_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default clock_timestamp()
);
comment on table mpp.join_code is 'The code that opens a league, read by its ambassadors only.';

create type api.conduct_kind as enum ('expulsion', 'report');

create table mpp.conduct_report (
    id bigint generated always as identity primary key,
    kind api.conduct_kind not null,
    edition_id integer not null references mpp.edition (id),
    league_id uuid not null references mpp.league (id),
    player_id uuid not null references mpp.player (id),
    account_id uuid,
    reported_by uuid,
    reason text not null check (char_length(reason) between 1 and 500),
    reported_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz,
    resolution text
);
comment on table mpp.conduct_report is 'What ambassadors and players tell the association; an expulsion also bars the way back.';
create index conduct_report_league on mpp.conduct_report (league_id, account_id) where kind = 'expulsion';
create index conduct_report_player on mpp.conduct_report (player_id);
create index conduct_report_edition on mpp.conduct_report (edition_id);

-- Fifty bits without look-alike letters (Crockford's base 32): not to be guessed.
create function private.new_join_code() returns text
    language sql
    volatile
    set search_path = ''
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + get_byte(r.bytes, i) % 32, 1), '')
    from (select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) as bytes) r, generate_series(0, 9) i
$$;
revoke execute on function private.new_join_code() from public;

-- Who the caller is in the leagues, read live: an expelled player is out at once.
create function private.my_player_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$ select p.id from mpp.player p where p.account_id = (select auth.uid()) $$;
revoke execute on function private.my_player_ids() from public;
grant execute on function private.my_player_ids() to authenticated, service_role;

create function private.my_led_league_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$ select a.league_id from mpp.ambassador a where a.account_id = (select auth.uid()) $$;
revoke execute on function private.my_led_league_ids() from public;
grant execute on function private.my_led_league_ids() to authenticated;

create function private.my_league_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
    select p.league_id from mpp.player p where p.account_id = (select auth.uid()) and p.league_id is not null
    union
    select a.league_id from mpp.ambassador a where a.account_id = (select auth.uid())
$$;
revoke execute on function private.my_league_ids() from public;
grant execute on function private.my_league_ids() to authenticated;

alter table mpp.league enable row level security;
alter table mpp.team enable row level security;
alter table mpp.player enable row level security;
alter table mpp.player_contact enable row level security;
alter table mpp.ambassador enable row level security;
alter table mpp.join_code enable row level security;
alter table mpp.conduct_report enable row level security;

create policy league_select_authenticated on mpp.league
    for select to authenticated
    using (
        id in (select private.my_league_ids())
        or (is_open and edition_id in (select e.id from mpp.edition e where e.opened_at is not null and now() < e.registration_closes_at))
        or (select private.is_ops())
    );

create policy team_select_authenticated on mpp.team
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy player_select_authenticated on mpp.player
    for select to authenticated
    using (
        league_id in (select private.my_league_ids())
        or id in (select private.my_player_ids())
        or (select private.is_ops())
    );

create policy player_contact_select_authenticated on mpp.player_contact
    for select to authenticated
    using (
        player_id in (select private.my_player_ids())
        or player_id in (
            select p.id
            from mpp.player p
            join mpp.league l on l.id = p.league_id
            where l.is_open and l.id in (select private.my_led_league_ids())
        )
        or (select private.is_ops())
    );

create policy ambassador_select_authenticated on mpp.ambassador
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy join_code_select_authenticated on mpp.join_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

create policy conduct_report_select_ops on mpp.conduct_report
    for select to authenticated
    using ((select private.is_ops()));

grant select (id, edition_id, name, category, is_open, listed, created_at) on mpp.league to authenticated;
grant select on mpp.league to service_role;
grant select on mpp.team, mpp.player_contact, mpp.join_code, mpp.conduct_report to authenticated, service_role;
grant select (id, edition_id, league_id, team_id, alias, first_name, picture_path, listed, joined_at) on mpp.player to authenticated;
grant select (league_id, player_id, is_principal) on mpp.ambassador to authenticated;
grant select on mpp.player, mpp.ambassador to service_role;

-- Locks, in this order everywhere: a profile, the edition (shared), its leagues by id, players, their scores. The score
-- row of a league is that league's lock: a validation updates it anyway, and no foreign key refers to it.
create function private.lock_league(league uuid) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    perform from mpp.score s where s.subject_id = league for no key update;
end
$$;
revoke execute on function private.lock_league(uuid) from public;

-- Keeps a profile from being deleted until the end of this transaction. The deletion takes the profile first, then what
-- belongs to it; whoever adds something to a profile does the same.
create function private.hold_profile(account uuid) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    perform from mpp.profile p where p.id = account for key share;
    if not found then
        perform private.refuse('MP003');
    end if;
end
$$;
revoke execute on function private.hold_profile(uuid) from public;

-- The same for the person behind a player, if there still is one.
create function private.hold_profile_of(player uuid) returns void
    language sql
    volatile
    set search_path = ''
as $$
    select from mpp.profile f where f.id = (select p.account_id from mpp.player p where p.id = player) for key share
$$;
revoke execute on function private.hold_profile_of(uuid) from public;

-- The edition, locked, in which a league may still be joined now.
create function private.begin_join(edition_id integer) returns mpp.edition
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.lock_edition(edition_id);
    at := private.clock();
    select * into e from mpp.edition where id = begin_join.edition_id;
    if not found then
        perform private.refuse('MP020', coalesce(edition_id::text, '(none)'));
    end if;
    if e.opened_at is null then
        perform private.refuse('MP021');
    end if;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    if at >= e.registration_closes_at then
        perform private.refuse('MP023', e.code, private.spoken(e.registration_closes_at));
    end if;
    return e;
end
$$;
revoke execute on function private.begin_join(integer) from public;

-- A league without an ambassador gets its first co-ambassador; an empty one, the player who comes. In any other case the
-- staff choose (ops_leagues shows it): a newcomer must not be handed other people's phone numbers.
create function private.settle_ambassador(league uuid, otherwise uuid default null) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    if exists (select from mpp.ambassador a where a.league_id = league and a.is_principal) then
        return;
    end if;
    update mpp.ambassador a
    set is_principal = true
    where a.league_id = league
        and a.account_id = (
            select x.account_id from mpp.ambassador x where x.league_id = league order by x.granted_at, x.account_id limit 1
        );
    if not found and otherwise is not null then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        select p.league_id, p.account_id, p.id, true
        from mpp.player p
        where p.id = otherwise and p.league_id = league and p.account_id is not null
            and not exists (select from mpp.player o where o.league_id = league and o.id <> otherwise);
    end if;
end
$$;
revoke execute on function private.settle_ambassador(uuid, uuid) from public;

-- Puts an account in a team of a league whose lock is held: the smallest team, the oldest of equals.
create function private.seat(account uuid, league mpp.league, e mpp.edition, phone text) returns uuid
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    me mpp.player;
    team uuid;
    cleaned_phone text := regexp_replace(nullif(btrim(left(phone, 40)), ''), '[ .()-]', '', 'g');
begin
    select * into me from mpp.player p where p.account_id = account and p.edition_id = e.id for no key update;
    if me.league_id is not null then
        perform private.refuse('MP030');
    end if;
    if exists (
        select from mpp.conduct_report r
        where r.league_id = league.id and r.account_id = account and r.kind = 'expulsion'
    ) then
        perform private.refuse('MP034');
    end if;
    if (select count(*) from mpp.player p where p.league_id = league.id) >= e.league_max_players then
        perform private.refuse('MP032', e.league_max_players::text);
    end if;
    if league.is_open and cleaned_phone is null then
        perform private.refuse('MP033');
    end if;
    if league.is_open and cleaned_phone !~ '^\+[1-9][0-9]{6,14}$' then
        perform private.refuse('MP010', 'phone', 'it is not an international number', 'Write it as +33612345678.');
    end if;

    select t.id into team
    from mpp.team t
    where t.league_id = league.id
    order by (select count(*) from mpp.player p where p.team_id = t.id), t.created_at, t.id
    limit 1;

    if me.id is null then
        insert into mpp.player as p (edition_id, account_id, league_id, team_id, alias, first_name, picture_path, listed)
        select e.id, account, league.id, team, f.alias, f.first_name, f.picture_path, private.may_be_listed(account)
        from mpp.profile f
        where f.id = account
        returning * into me;
    else
        update mpp.player p set league_id = league.id, team_id = team where p.id = me.id;
    end if;
    -- The number is kept only where somebody is allowed to use it.
    if league.is_open then
        insert into mpp.player_contact (player_id, phone) values (me.id, cleaned_phone)
        on conflict (player_id) do update set phone = excluded.phone;
    end if;
    return me.id;
end
$$;
revoke execute on function private.seat(uuid, mpp.league, mpp.edition, text) from public;

create function private.create_league(
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
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 3 then
        perform private.refuse('MP039', '3');
    end if;
    if category is null then
        perform private.refuse('MP010', 'category', 'it is empty', 'Use friends, family, colleagues or another kind of league.');
    end if;
    begin
        insert into mpp.league (edition_id, name, category, is_open, created_by)
        values (e.id, private.clean_line('name', create_league.name), create_league.category,
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
revoke execute on function private.create_league(integer, text, api.league_category, boolean, text) from public;
grant execute on function private.create_league(integer, text, api.league_category, boolean, text) to authenticated;

create function api.create_league(
    edition_id integer, name text, category api.league_category default 'friends', is_open boolean default false,
    phone text default null
) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.create_league(edition_id, name, category, is_open, phone);
end;
comment on function api.create_league(integer, text, api.league_category, boolean, text)
    is 'Creates a league with its teams and join code; the caller plays in it and is its ambassador. Returns the league id. An open league needs a phone. Errors: MP001–MP003, MP005, MP010, MP011, MP020, MP021, MP023, MP024, MP030, MP033, MP038, MP039.';
revoke execute on function api.create_league(integer, text, api.league_category, boolean, text) from public;
grant execute on function api.create_league(integer, text, api.league_category, boolean, text) to authenticated;

create function private.join_league(join_code text, league_id uuid, phone text) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    typed text := translate(upper(regexp_replace(left(join_code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    league mpp.league;
    e mpp.edition;
    player uuid;
begin
    if (join_code is null) = (league_id is null) then
        perform private.refuse('MP010', 'join_code', 'give either a join code or the id of an open league', 'Send one of the two.');
    end if;
    if join_code is not null then
        select l.* into league
        from mpp.join_code c
        join mpp.league l on l.id = c.league_id
        where c.code = typed;
    else
        select l.* into league
        from mpp.league l
        join mpp.edition ed on ed.id = l.edition_id
        where l.id = join_league.league_id and l.is_open and ed.organisation_id is null;
    end if;
    if league.id is null then
        perform private.refuse('MP031');
    end if;
    perform private.hold_profile(account);
    e := private.begin_join(league.edition_id);
    perform private.lock_league(league.id);
    -- The code may have been renewed while this waited.
    if join_code is not null and not exists (
        select from mpp.join_code c
        where c.league_id = league.id and c.code = typed
    ) then
        perform private.refuse('MP031');
    end if;
    begin
        player := private.seat(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    perform private.settle_ambassador(league.id, player);
    return player;
end
$$;
revoke execute on function private.join_league(text, uuid, text) from public;
grant execute on function private.join_league(text, uuid, text) to authenticated;

create function api.join_league(join_code text default null, league_id uuid default null, phone text default null) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.join_league(join_code, league_id, phone);
end;
comment on function api.join_league(text, uuid, text)
    is 'Joins a league by its code, or an open league by id with a phone number; returns the player id. Errors: MP001–MP003, MP010, MP011, MP021, MP023, MP024, MP030–MP034.';
revoke execute on function api.join_league(text, uuid, text) from public;
grant execute on function api.join_league(text, uuid, text) to authenticated;

-- Locks the league and answers whether the caller runs it; staff do too.
create function private.begin_lead(league uuid) returns uuid
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    account uuid;
    edition integer;
    frozen timestamptz;
begin
    if private.is_ops() then
        account := (select auth.uid());
    else
        account := private.begin_write();
    end if;
    select l.edition_id into edition from mpp.league l where l.id = league;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(league);
    end if;
    if edition is null or not (
        private.is_ops()
        or exists (select from mpp.ambassador a where a.league_id = league and a.account_id = account)
    ) then
        perform private.refuse('MP007');
    end if;
    select e.frozen_at into frozen from mpp.edition e where e.id = edition;
    if frozen is not null then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = edition));
    end if;
    return account;
end
$$;
revoke execute on function private.begin_lead(uuid) from public;

create function private.create_team(league_id uuid, name text) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    most integer;
    team uuid;
begin
    perform private.begin_lead(create_team.league_id);
    select e.teams_per_league into most
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = create_team.league_id;
    if (select count(*) from mpp.team t where t.league_id = create_team.league_id) >= most then
        perform private.refuse('MP037', most::text);
    end if;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select l.id, l.edition_id, private.clean_line('name', create_team.name, 40)
        from mpp.league l
        where l.id = create_team.league_id
        returning id into team;
    exception when unique_violation then
        perform private.refuse('MP038', create_team.name);
    end;
    return team;
end
$$;
revoke execute on function private.create_team(uuid, text) from public;
grant execute on function private.create_team(uuid, text) to authenticated, service_role;

create function api.create_team(league_id uuid, name text) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.create_team(league_id, name);
end;
comment on function api.create_team(uuid, text)
    is 'Adds a team to a league and returns its id. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP037, MP038.';
revoke execute on function api.create_team(uuid, text) from public;
grant execute on function api.create_team(uuid, text) to authenticated, service_role;

create function private.rename_team(team_id uuid, name text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.begin_lead((select t.league_id from mpp.team t where t.id = rename_team.team_id));
    update mpp.team t set name = private.clean_line('name', rename_team.name, 40) where t.id = rename_team.team_id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
revoke execute on function private.rename_team(uuid, text) from public;
grant execute on function private.rename_team(uuid, text) to authenticated, service_role;

create function api.rename_team(team_id uuid, name text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.rename_team(team_id, name);
end;
comment on function api.rename_team(uuid, text)
    is 'Names a team. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP038.';
revoke execute on function api.rename_team(uuid, text) from public;
grant execute on function api.rename_team(uuid, text) to authenticated, service_role;

-- A player moves to another team of the league: themselves, or moved by the ambassador.
create function private.choose_team(team_id uuid, player_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    target mpp.team;
    moved mpp.player;
begin
    select * into target from mpp.team t where t.id = choose_team.team_id;
    perform private.lock_edition(target.edition_id);
    perform private.lock_league(target.league_id);
    select * into moved
    from mpp.player p
    where p.league_id = target.league_id
        and case when choose_team.player_id is null then p.account_id = account else p.id = choose_team.player_id end;
    if moved.id is null or not (
        moved.account_id = account
        or exists (select from mpp.ambassador a where a.league_id = target.league_id and a.account_id = account)
    ) then
        perform private.refuse('MP005');
    end if;
    if exists (select from mpp.edition e where e.id = target.edition_id and e.frozen_at is not null) then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = target.edition_id));
    end if;
    update mpp.player p set team_id = target.id where p.id = moved.id and p.team_id <> target.id;
end
$$;
revoke execute on function private.choose_team(uuid, uuid) from public;
grant execute on function private.choose_team(uuid, uuid) to authenticated;

create function api.choose_team(team_id uuid, player_id uuid default null) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.choose_team(team_id, player_id);
end;
comment on function api.choose_team(uuid, uuid)
    is 'Moves the caller, or for an ambassador one of the league''s players, to another team of their league; points stay where they were earned. Errors: MP001–MP003, MP005, MP011, MP024.';
revoke execute on function api.choose_team(uuid, uuid) from public;
grant execute on function api.choose_team(uuid, uuid) to authenticated;

-- Out of the league, with what only the league needed.
create function private.unseat(player uuid) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = player);
begin
    delete from mpp.player_contact c where c.player_id = player;
    delete from mpp.ambassador a
    using mpp.player p
    where p.id = player and a.league_id = p.league_id and a.account_id = p.account_id;
    update mpp.player p set league_id = null, team_id = null where p.id = player;
    perform private.settle_ambassador(league);
end
$$;
revoke execute on function private.unseat(uuid) from public;

create function private.leave_league(league_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    me mpp.player;
begin
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    perform private.lock_edition(me.edition_id);
    perform private.lock_league(leave_league.league_id);
    -- Expelled, or gone, while this waited.
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    if exists (select from mpp.edition e where e.id = me.edition_id and e.frozen_at is not null) then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = me.edition_id));
    end if;
    if exists (
            select from mpp.ambassador a
            where a.league_id = leave_league.league_id and a.account_id = account and a.is_principal
        )
        and exists (select from mpp.player p where p.league_id = leave_league.league_id and p.id <> me.id) then
        perform private.refuse('MP036');
    end if;
    perform private.unseat(me.id);
end
$$;
revoke execute on function private.leave_league(uuid) from public;
grant execute on function private.leave_league(uuid) to authenticated;

create function api.leave_league(league_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.leave_league(league_id);
end;
comment on function api.leave_league(uuid)
    is 'Leaves a league; what was earned there stays there. Errors: MP001–MP003, MP011, MP024, MP035, MP036.';
revoke execute on function api.leave_league(uuid) from public;
grant execute on function api.leave_league(uuid) to authenticated;

create function private.expel_player(player_id uuid, reason text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = expel_player.player_id);
    account uuid := private.begin_lead(league);
    out mpp.player;
    why text := private.clean_line('reason', reason, 500);
begin
    select * into out from mpp.player p where p.id = expel_player.player_id and p.league_id = league;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- Nobody expels themselves, and a co-ambassador does not expel the principal.
    if out.account_id = account
        or (not private.is_ops() and exists (
            select from mpp.ambassador a where a.league_id = league and a.account_id = out.account_id and a.is_principal
        )) then
        perform private.refuse('MP005');
    end if;
    insert into mpp.conduct_report (kind, edition_id, league_id, player_id, account_id, reported_by, reason)
    values ('expulsion', out.edition_id, league, out.id, out.account_id, account, why);
    perform private.unseat(out.id);
    perform private.record_act('league.expel', league::text, jsonb_build_object('player_id', out.id));
end
$$;
revoke execute on function private.expel_player(uuid, text) from public;
grant execute on function private.expel_player(uuid, text) to authenticated, service_role;

create function api.expel_player(player_id uuid, reason text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.expel_player(player_id, reason);
end;
comment on function api.expel_player(uuid, text)
    is 'Expels a player from the league, with a reason that the association receives; they lose access at once and cannot come back. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024.';
revoke execute on function api.expel_player(uuid, text) from public;
grant execute on function api.expel_player(uuid, text) to authenticated, service_role;

create function private.hand_over_league(league_id uuid, player_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid;
    heir mpp.player;
begin
    perform private.hold_profile_of(player_id);
    account := private.begin_lead(league_id);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a
        where a.league_id = hand_over_league.league_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP007');
    end if;
    select * into heir
    from mpp.player p
    where p.id = hand_over_league.player_id and p.league_id = hand_over_league.league_id and p.account_id is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = hand_over_league.league_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
    values (hand_over_league.league_id, heir.account_id, heir.id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    perform private.record_act('league.hand_over', hand_over_league.league_id::text, jsonb_build_object('player_id', heir.id));
end
$$;
revoke execute on function private.hand_over_league(uuid, uuid) from public;
grant execute on function private.hand_over_league(uuid, uuid) to authenticated, service_role;

create function api.hand_over_league(league_id uuid, player_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.hand_over_league(league_id, player_id);
end;
comment on function api.hand_over_league(uuid, uuid)
    is 'Makes another player of the league its ambassador; the former one stays co-ambassador. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
revoke execute on function api.hand_over_league(uuid, uuid) from public;
grant execute on function api.hand_over_league(uuid, uuid) to authenticated, service_role;

create function private.set_co_ambassador(player_id uuid, granted boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = set_co_ambassador.player_id);
    account uuid;
    helper mpp.player;
begin
    perform private.hold_profile_of(player_id);
    account := private.begin_lead(league);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = league and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP007');
    end if;
    select * into helper from mpp.player p where p.id = set_co_ambassador.player_id and p.league_id = league and p.account_id is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    if granted then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        values (league, helper.account_id, helper.id, false)
        on conflict on constraint ambassador_pkey do nothing;
    else
        delete from mpp.ambassador a
        where a.league_id = league and a.account_id = helper.account_id and not a.is_principal;
    end if;
end
$$;
revoke execute on function private.set_co_ambassador(uuid, boolean) from public;
grant execute on function private.set_co_ambassador(uuid, boolean) to authenticated, service_role;

create function api.set_co_ambassador(player_id uuid, granted boolean) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_co_ambassador(player_id, granted);
end;
comment on function api.set_co_ambassador(uuid, boolean)
    is 'Makes a player of the league a co-ambassador, or no longer. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
revoke execute on function api.set_co_ambassador(uuid, boolean) from public;
grant execute on function api.set_co_ambassador(uuid, boolean) to authenticated, service_role;

create function private.renew_join_code(league_id uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.begin_lead(renew_join_code.league_id);
    update mpp.join_code c set code = fresh, renewed_at = clock_timestamp() where c.league_id = renew_join_code.league_id;
    return fresh;
end
$$;
revoke execute on function private.renew_join_code(uuid) from public;
grant execute on function private.renew_join_code(uuid) to authenticated, service_role;

create function api.renew_join_code(league_id uuid) returns text
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.renew_join_code(league_id);
end;
comment on function api.renew_join_code(uuid)
    is 'Replaces the join code of a league and returns the new one; the old one no longer opens it. Ambassadors and staff. Errors: MP001–MP003, MP007, MP011, MP024.';
revoke execute on function api.renew_join_code(uuid) from public;
grant execute on function api.renew_join_code(uuid) to authenticated, service_role;

-- A frozen ranking may lose a name, never gain one.
create function private.begin_listing(edition integer, listed boolean) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    frozen text;
begin
    perform private.lock_edition(edition);
    select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
    if frozen is not null and listed then
        perform private.refuse('MP024', frozen);
    end if;
end
$$;
revoke execute on function private.begin_listing(integer, boolean) from public;

-- In or out of the public ranking: a player for themselves, an ambassador for the league.
create function private.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid;
    mine mpp.player;
begin
    if listed is null then
        perform private.refuse('MP010', 'listed', 'it is empty', 'Send true or false.');
    end if;
    if scope = 'league' then
        account := private.begin_write();
        perform private.begin_listing((select l.edition_id from mpp.league l where l.id = set_listing.subject_id), listed);
        perform private.lock_league(set_listing.subject_id);
        if not exists (select from mpp.ambassador a where a.league_id = set_listing.subject_id and a.account_id = account) then
            perform private.refuse('MP007');
        end if;
        update mpp.league l set listed = set_listing.listed
        where l.id = set_listing.subject_id and l.listed <> set_listing.listed;
    elsif scope = 'player' then
        account := private.begin_write();
        select * into mine from mpp.player p where p.id = set_listing.subject_id and p.account_id = account;
        if not found then
            perform private.refuse('MP005');
        end if;
        if listed and not private.may_be_listed(account) then
            perform private.refuse('MP050');
        end if;
        perform private.begin_listing(mine.edition_id, listed);
        perform private.lock_league(mine.league_id);
        update mpp.player p set listed = set_listing.listed
        where p.id = mine.id and p.listed <> set_listing.listed;
    else
        perform private.refuse('MP010', 'scope', scope::text, 'Use player or league; a team follows its league.');
    end if;
end
$$;
revoke execute on function private.set_listing(api.ranking_scope, uuid, boolean) from public;
grant execute on function private.set_listing(api.ranking_scope, uuid, boolean) to authenticated;

create function api.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_listing(scope, subject_id, listed);
end;
comment on function api.set_listing(api.ranking_scope, uuid, boolean)
    is 'Shows or hides a player (themselves) or a league (its ambassadors) in the public ranking. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP050.';
revoke execute on function api.set_listing(api.ranking_scope, uuid, boolean) from public;
grant execute on function api.set_listing(api.ranking_scope, uuid, boolean) to authenticated;

-- Any member tells the association about a player of the league.
create function private.report_conduct(player_id uuid, reason text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    reported mpp.player;
begin
    select * into reported
    from mpp.player p
    where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids());
    if not found then
        perform private.refuse('MP005');
    end if;
    -- One open report by one person about another is enough to be looked into.
    if exists (
        select from mpp.conduct_report r
        where r.player_id = reported.id and r.reported_by = account and r.kind = 'report' and r.resolved_at is null
    ) then
        return;
    end if;
    insert into mpp.conduct_report (kind, edition_id, league_id, player_id, account_id, reported_by, reason)
    values ('report', reported.edition_id, reported.league_id, reported.id, reported.account_id, account,
        private.clean_line('reason', report_conduct.reason, 500));
end
$$;
revoke execute on function private.report_conduct(uuid, text) from public;
grant execute on function private.report_conduct(uuid, text) to authenticated;

create function api.report_conduct(player_id uuid, reason text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.report_conduct(player_id, reason);
end;
comment on function api.report_conduct(uuid, text)
    is 'Tells the association about a player of one''s own league. Errors: MP001–MP003, MP005, MP010, MP011.';
revoke execute on function api.report_conduct(uuid, text) from public;
grant execute on function api.report_conduct(uuid, text) to authenticated;

create function private.resolve_conduct_report(id bigint, resolution text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_ops();
    update mpp.conduct_report r
    set resolved_at = private.clock(), resolution = private.clean_line('resolution', resolve_conduct_report.resolution, 500)
    where r.id = resolve_conduct_report.id and r.resolved_at is null;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('conduct.resolve', resolve_conduct_report.id::text);
end
$$;
revoke execute on function private.resolve_conduct_report(bigint, text) from public;
grant execute on function private.resolve_conduct_report(bigint, text) to authenticated, service_role;

create function api.resolve_conduct_report(id bigint, resolution text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.resolve_conduct_report(id, resolution);
end;
comment on function api.resolve_conduct_report(bigint, text) is 'Closes a conduct report with a note. Staff. Errors: MP005, MP006, MP010.';
revoke execute on function api.resolve_conduct_report(bigint, text) from public;
grant execute on function api.resolve_conduct_report(bigint, text) to authenticated, service_role;

create view api.conduct_reports with (security_invoker = true) as
select r.id, r.kind, r.edition_id, r.league_id, r.player_id, r.account_id, r.reported_by, r.reason, r.reported_at, r.resolved_at, r.resolution
from mpp.conduct_report r;
comment on view api.conduct_reports is 'Expulsions and reports to look into. Staff only.';
grant select on api.conduct_reports to authenticated, service_role;

-- What a person corrects in their profile, their leagues see in every edition that is not frozen.
create function private.profile_show_in_leagues() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    update mpp.player p
    set alias = new.alias, first_name = new.first_name, picture_path = new.picture_path
    from mpp.edition e
    where p.account_id = new.id and e.id = p.edition_id and e.frozen_at is null;
    if not private.may_be_listed(new.id) then
        update mpp.player p set listed = false where p.account_id = new.id and p.listed;
    end if;
    return null;
end
$$;
revoke execute on function private.profile_show_in_leagues() from public;

create trigger profile_show_in_leagues
    after update of alias, first_name, picture_path, birth_date, guardian_consent_at on mpp.profile
    for each row execute function private.profile_show_in_leagues();

create function private.lock_editions_of(account uuid) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    perform private.lock_edition(p.edition_id)
    from (select x.edition_id from mpp.player x where x.account_id = account order by x.edition_id) p;
end
$$;
revoke execute on function private.lock_editions_of(uuid) from public;

-- A deleted account leaves its points and its rank, under no name.
create function private.profile_forget() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    leagues uuid[];
begin
    -- Leaving the ranking must not slip past a freeze.
    perform private.lock_editions_of(old.id);
    perform
    from mpp.score s
    where s.subject_id in (
        select p.league_id from mpp.player p where p.account_id = old.id
        union
        select a.league_id from mpp.ambassador a where a.account_id = old.id
    )
    order by s.subject_id
    for no key update;
    delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = old.id;
    update mpp.player p
    set account_id = null, alias = '—', first_name = '—', picture_path = null, listed = false
    where p.account_id = old.id;
    update mpp.conduct_report r set account_id = null where r.account_id = old.id;
    with left_behind as (
        delete from mpp.ambassador a where a.account_id = old.id returning a.league_id
    )
    select array_agg(l.league_id) into leagues from left_behind l;
    perform private.settle_ambassador(l.id) from unnest(leagues) l (id);
    return old;
end
$$;
revoke execute on function private.profile_forget() from public;

create trigger profile_forget
    before delete on mpp.profile
    for each row execute function private.profile_forget();
-- The ledger: one row for each challenge somebody validated, with the points as they were at that moment. Scores are
-- sums of this table (60_score), and nothing of it is ever rewritten or deleted.

-- pending: a collective challenge below its quorum; credited: counts; cancelled: taken back, for good.
-- pending ⇄ credited as the quorum is reached or lost; both → cancelled.
create type api.validation_state as enum ('pending', 'credited', 'cancelled');

create table mpp.validation (
    id uuid primary key,
    edition_id integer not null,
    challenge_id integer not null,
    player_id uuid not null,
    team_id uuid not null,
    league_id uuid not null,
    points smallint not null,
    state api.validation_state not null,
    proof_sent boolean not null default false,
    validated_by uuid,
    validated_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    cancelled_by uuid,
    foreign key (challenge_id, edition_id) references mpp.edition_challenge (id, edition_id),
    foreign key (player_id, edition_id) references mpp.player (id, edition_id),
    foreign key (team_id, league_id, edition_id) references mpp.team (id, league_id, edition_id)
);
comment on table mpp.validation is 'The ledger of validated challenges.';
comment on column mpp.validation.id is 'The request key that the client made: asking twice with one key gives one row.';
comment on column mpp.validation.team_id is 'Where the points were earned; a player who moves leaves them there.';
create index validation_player on mpp.validation (player_id, challenge_id);
create index validation_league on mpp.validation (league_id, validated_at);
create index validation_challenge on mpp.validation (challenge_id);

create function private.validation_keep_facts() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    if tg_op <> 'UPDATE' then
        perform private.refuse('MP060', 'rows are not deleted');
    elsif (new.id, new.edition_id, new.challenge_id, new.player_id, new.team_id, new.league_id, new.points, new.proof_sent,
            new.validated_at)
        is distinct from
            (old.id, old.edition_id, old.challenge_id, old.player_id, old.team_id, old.league_id, old.points, old.proof_sent,
            old.validated_at) then
        perform private.refuse('MP060', 'only its state changes');
    elsif old.state = 'cancelled' and new.state <> 'cancelled' then
        perform private.refuse('MP060', 'a cancelled one stays cancelled');
    end if;
    return new;
end
$$;
revoke execute on function private.validation_keep_facts() from public;

create trigger validation_keep_facts
    before update on mpp.validation
    for each row execute function private.validation_keep_facts();

create trigger validation_keep_rows
    before delete or truncate on mpp.validation
    for each statement execute function private.validation_keep_facts();

alter table mpp.validation enable row level security;

create policy validation_select_authenticated on mpp.validation
    for select to authenticated
    using (
        league_id in (select private.my_league_ids())
        or player_id in (select private.my_player_ids())
        or (select private.is_ops())
    );

-- Not validated_by and cancelled_by: they are accounts, and a league knows players.
grant select (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent, validated_at, changed_at)
    on mpp.validation to authenticated;
grant select on mpp.validation to service_role;
-- Scores and ranks, kept in the transaction that earns the points. Nothing here is private: a subject, what it is called
-- in public, points, and whether it is listed. Public rankings read these tables and nothing else.
--
-- A rank is 1 + how many listed subjects stand higher. score_count holds how many stand at each value, so a rank costs
-- a few hundred rows whatever the number of players. Counting in place would make those rows the hottest of the
-- database at the opening, when everybody stands near zero: writers append to score_delta instead, and one writer in
-- fifty folds what has gathered. Readers add both, in one snapshot.

create table mpp.score (
    subject_id uuid primary key,
    edition_id integer not null references mpp.edition (id),
    scope api.ranking_scope not null,
    label text not null,
    league_label text,
    points integer not null default 0,
    players integer not null default 1,
    at_least_players smallint not null default 1,
    by_average boolean not null default false,
    -- What the ranking compares: points, or hundredths of a point per player. A small league counts as if it had the
    -- least size of the edition, or a league of one would lead every ranking by average.
    value integer not null generated always as (
        case when by_average
            then round(points * 100.0 / greatest(players, at_least_players, 1))::integer
            else points
        end
    ) stored,
    reached_at timestamptz not null default clock_timestamp(),
    listed boolean not null,
    is_public boolean not null
) with (fillfactor = 80);
comment on table mpp.score is 'Points of a player, a team or a league in an edition: the sum of its credited validations.';
comment on column mpp.score.listed is 'In the ranking; false for those who opted out.';
comment on column mpp.score.is_public is 'Listed, and in an edition that is not private to one client.';
create index score_ranking on mpp.score (edition_id, scope, value desc, reached_at, subject_id) where listed;

create table mpp.score_count (
    edition_id integer not null references mpp.edition (id),
    scope api.ranking_scope not null,
    value integer not null,
    subjects integer not null,
    primary key (edition_id, scope, value)
) with (fillfactor = 50);
comment on table mpp.score_count is 'How many listed subjects stand at each value; not complete without score_delta.';

create table mpp.score_delta (
    edition_id integer not null,
    scope api.ranking_scope not null,
    value integer not null,
    change integer not null
);
comment on table mpp.score_delta is 'Moves not yet folded into score_count.';
create index score_delta_value on mpp.score_delta (edition_id, scope, value);

-- Adds the moves that have gathered to the counts; skipped when somebody else is at it. Exact at any moment, because
-- both tables change in one transaction.
create function private.fold_scores(edition integer, wait boolean default false) returns integer
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    folded integer;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        return 0;
    end if;
    if wait then
        perform pg_advisory_xact_lock(hashtext('mpp.fold'), edition);
    elsif not pg_try_advisory_xact_lock(hashtext('mpp.fold'), edition) then
        return 0;
    end if;
    with gathered as (
        delete from mpp.score_delta d where d.edition_id = edition returning d.scope, d.value, d.change
    ), moved as (
        select g.scope, g.value, sum(g.change)::integer as change, count(*) as moves from gathered g group by g.scope, g.value
    ), counted as (
        insert into mpp.score_count as c (edition_id, scope, value, subjects)
        select edition, m.scope, m.value, m.change from moved m order by m.scope, m.value
        on conflict (edition_id, scope, value) do update set subjects = c.subjects + excluded.subjects
    )
    select coalesce(sum(m.moves), 0) into folded from moved m;
    return folded;
end
$$;
comment on function private.fold_scores(integer, boolean) is 'Folds score_delta into score_count for one edition; returns the number of moves.';
revoke execute on function private.fold_scores(integer, boolean) from public;

-- Whatever changes a score, the counts follow: one trigger on the table, statement by statement.
create function private.score_inserted() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into mpp.score_delta (edition_id, scope, value, change)
    select n.edition_id, n.scope, n.value, count(*)
    from new_rows n
    where n.listed
    group by n.edition_id, n.scope, n.value;
    return null;
end
$$;
revoke execute on function private.score_inserted() from public;

create function private.score_updated() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    moves integer;
begin
    -- A frozen ranking only ever loses a name: points, order and counts stay as they were.
    if exists (
        select
        from old_rows o
        join mpp.edition e on e.id = o.edition_id
        where e.frozen_at is not null
    ) then
        if exists (
            select n.subject_id, n.edition_id, n.scope, n.points, n.players, n.value, n.reached_at, n.at_least_players from new_rows n
            except
            select o.subject_id, o.edition_id, o.scope, o.points, o.players, o.value, o.reached_at, o.at_least_players from old_rows o
        ) or exists (
            select n.subject_id from new_rows n where n.listed
            except
            select o.subject_id from old_rows o where o.listed
        ) then
            perform private.refuse('MP024', (
                select min(e.code) from old_rows o join mpp.edition e on e.id = o.edition_id where e.frozen_at is not null));
        end if;
        return null;
    end if;
    insert into mpp.score_delta (edition_id, scope, value, change)
    select m.edition_id, m.scope, m.value, sum(m.change)
    from (
        select o.edition_id, o.scope, o.value, -1 as change from old_rows o where o.listed
        union all
        select n.edition_id, n.scope, n.value, 1 from new_rows n where n.listed
    ) m
    group by m.edition_id, m.scope, m.value
    having sum(m.change) <> 0;
    get diagnostics moves = row_count;
    if moves > 100 or random() < 0.02 then
        perform private.fold_scores(n.edition_id) from (select distinct x.edition_id from new_rows x) n;
    end if;
    return null;
end
$$;
revoke execute on function private.score_updated() from public;

create trigger score_inserted
    after insert on mpp.score
    referencing new table as new_rows
    for each statement execute function private.score_inserted();

create trigger score_updated
    after update on mpp.score
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.score_updated();

-- A score is the history of an edition: rows are never taken away.
create trigger score_keep
    before delete or truncate on mpp.score
    for each statement execute function private.refuse_change();

-- How many a team or league counts: who is in it now, and who left after having played there.
create function private.count_players(leagues uuid[]) returns void
    language sql
    volatile
    set search_path = ''
as $$
    with member as (
        select p.league_id, p.team_id, p.id as player_id from mpp.player p where p.league_id = any (leagues)
        union
        select v.league_id, v.team_id, v.player_id from mpp.validation v where v.league_id = any (leagues)
    ), counted as (
        select m.team_id as subject_id, count(*) as players from member m group by m.team_id
        union all
        select m.league_id, count(distinct m.player_id) from member m group by m.league_id
    ), subject as (
        select t.id as subject_id from mpp.team t where t.league_id = any (leagues)
        union all
        select l.id from mpp.league l where l.id = any (leagues)
    )
    update mpp.score s
    set players = coalesce(c.players, 0)
    from subject j
    left join counted c on c.subject_id = j.subject_id
    where s.subject_id = j.subject_id and s.players <> coalesce(c.players, 0)
$$;
revoke execute on function private.count_players(uuid[]) from public;

-- What a score is called and whether it is listed follow from the player, the team and the league.
create function private.label_players(chosen uuid[]) returns void
    language sql
    volatile
    set search_path = ''
as $$
    update mpp.score s
    set label = p.alias,
        league_label = case when l.listed then l.name end,
        listed = p.listed and (s.listed or e.frozen_at is null),
        is_public = p.listed and (s.listed or e.frozen_at is null) and e.organisation_id is null
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id
    where p.id = any (chosen)
        and s.subject_id = p.id
        -- In a frozen edition a name is only ever taken away.
        and (e.frozen_at is null or not p.listed or not l.listed)
        and (s.label, s.league_label, s.listed)
            is distinct from (p.alias::text, case when l.listed then l.name::text end, p.listed)
$$;
revoke execute on function private.label_players(uuid[]) from public;

create function private.label_leagues(chosen uuid[]) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    update mpp.score s
    set label = l.name, listed = l.listed, is_public = l.listed and e.organisation_id is null
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = any (chosen)
        and s.subject_id = l.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.listed) is distinct from (l.name::text, l.listed);
    update mpp.score s
    set label = t.name,
        league_label = case when l.listed then l.name end,
        listed = l.listed,
        is_public = l.listed and e.organisation_id is null
    from mpp.team t
    join mpp.league l on l.id = t.league_id
    join mpp.edition e on e.id = l.edition_id
    where t.league_id = any (chosen)
        and s.subject_id = t.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.league_label, s.listed)
            is distinct from (t.name::text, case when l.listed then l.name::text end, l.listed);
    perform private.label_players(array(select p.id from mpp.player p where p.league_id = any (chosen)));
end
$$;
revoke execute on function private.label_leagues(uuid[]) from public;

-- Every league, team and player has a score from the moment it exists.
create function private.league_score() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, players, at_least_players, by_average, listed, is_public)
        select l.id, l.edition_id, 'league', l.name, 0, e.league_min_players, e.ranking_basis = 'average', l.listed,
            l.listed and e.organisation_id is null
        from new_rows l
        join mpp.edition e on e.id = l.edition_id;
    else
        perform private.label_leagues(array(select l.id from new_rows l));
    end if;
    return null;
end
$$;
revoke execute on function private.league_score() from public;

create trigger league_score_inserted
    after insert on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create trigger league_score_updated
    after update on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create function private.team_score() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, league_label, players, at_least_players, by_average, listed, is_public)
        select t.id, t.edition_id, 'team', t.name, case when l.listed then l.name end, 0,
            ceil(e.league_min_players::numeric / e.teams_per_league), e.ranking_basis = 'average', l.listed,
            l.listed and e.organisation_id is null
        from new_rows t
        join mpp.league l on l.id = t.league_id
        join mpp.edition e on e.id = t.edition_id;
    else
        perform private.label_leagues(array(select distinct t.league_id from new_rows t));
    end if;
    return null;
end
$$;
revoke execute on function private.team_score() from public;

create trigger team_score_inserted
    after insert on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create trigger team_score_updated
    after update on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create function private.player_joined() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into mpp.score (subject_id, edition_id, scope, label, league_label, listed, is_public)
    select p.id, p.edition_id, 'player', p.alias, case when l.listed then l.name end, p.listed,
        p.listed and e.organisation_id is null
    from new_rows p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id;
    perform private.count_players(array(select distinct p.league_id from new_rows p where p.league_id is not null));
    return null;
end
$$;
revoke execute on function private.player_joined() from public;

create function private.player_moved() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.label_players(array(select p.id from new_rows p));
    perform private.count_players(array(
        select m.league_id
        from (
            (select o.id, o.league_id, o.team_id from old_rows o except select n.id, n.league_id, n.team_id from new_rows n)
            union all
            (select n.id, n.league_id, n.team_id from new_rows n except select o.id, o.league_id, o.team_id from old_rows o)
        ) m
        where m.league_id is not null
        group by m.league_id
    ));
    return null;
end
$$;
revoke execute on function private.player_moved() from public;

create trigger player_joined
    after insert on mpp.player
    referencing new table as new_rows
    for each statement execute function private.player_joined();

create trigger player_moved
    after update on mpp.player
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.player_moved();

-- Settings of the edition that scores carry may change until the edition starts; all points are still zero then.
create function private.edition_settle_scores() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    update mpp.score s
    set by_average = new.ranking_basis = 'average',
        at_least_players = case s.scope
            when 'league' then new.league_min_players
            else ceil(new.league_min_players::numeric / new.teams_per_league) end
    where s.edition_id = new.id and s.scope <> 'player';
    update mpp.score s
    set is_public = s.listed and new.organisation_id is null
    where s.edition_id = new.id and s.is_public <> (s.listed and new.organisation_id is null);
    return null;
end
$$;
revoke execute on function private.edition_settle_scores() from public;

create trigger edition_settle_scores
    after update on mpp.edition
    for each row
    when ((old.ranking_basis, old.league_min_players, old.teams_per_league, old.organisation_id)
        is distinct from (new.ranking_basis, new.league_min_players, new.teams_per_league, new.organisation_id))
    execute function private.edition_settle_scores();

-- The ledger moves the points: credited rows in, what was credited out.
create type private.point_move as (subject_id uuid, points integer, at timestamptz);

create function private.move_points(leagues uuid[], editions integer[], moves private.point_move[]) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    frozen text;
begin
    -- Callers that go through the commands hold these locks already; a load that writes the ledger directly gets them here.
    perform private.lock_edition(e) from (select distinct u.e from unnest(editions) u (e) order by u.e) locked;
    perform from mpp.score s where s.subject_id = any (leagues) order by s.subject_id for no key update;
    select min(e.code) into frozen from mpp.edition e where e.id = any (editions) and e.frozen_at is not null;
    if frozen is not null then
        perform private.refuse('MP024', frozen);
    end if;
    update mpp.score s
    set points = s.points + m.points, reached_at = greatest(s.reached_at, m.at)
    from unnest(moves) m
    where s.subject_id = m.subject_id;
end
$$;
revoke execute on function private.move_points(uuid[], integer[], private.point_move[]) from public;

create function private.validation_credit() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(n.points), max(n.changed_at))::private.point_move
            from new_rows n
            cross join lateral (values (n.league_id), (n.team_id), (n.player_id)) j (subject_id)
            where n.state = 'credited'
            group by j.subject_id
        )
    );
    return null;
end
$$;
revoke execute on function private.validation_credit() from public;

create function private.validation_recredit() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(m.points), max(m.changed_at))::private.point_move
            from (
                select n.league_id, n.team_id, n.player_id, n.points, n.changed_at from new_rows n where n.state = 'credited'
                union all
                select o.league_id, o.team_id, o.player_id, -o.points, o.changed_at from old_rows o where o.state = 'credited'
            ) m
            cross join lateral (values (m.league_id), (m.team_id), (m.player_id)) j (subject_id)
            group by j.subject_id
            having sum(m.points) <> 0
        )
    );
    return null;
end
$$;
revoke execute on function private.validation_recredit() from public;

create trigger validation_credit
    after insert on mpp.validation
    referencing new table as new_rows
    for each statement execute function private.validation_credit();

create trigger validation_recredit
    after update on mpp.validation
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.validation_recredit();

alter table mpp.score enable row level security;
alter table mpp.score_count enable row level security;
alter table mpp.score_delta enable row level security;

create policy score_select_anon on mpp.score
    for select to anon
    using (is_public);

create policy score_select_authenticated on mpp.score
    for select to authenticated
    using (is_public or (listed and edition_id in (select private.my_private_edition_ids())) or (select private.is_ops()));

-- Counts tell as much as the ranking they belong to, and are readable where the edition is.
create policy score_count_select_everyone on mpp.score_count
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

create policy score_delta_select_everyone on mpp.score_delta
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

grant select on mpp.score, mpp.score_count, mpp.score_delta to anon, authenticated, service_role;
-- Playing: validate, cancel, unlock; and the loading of many validations at once.

create type api.validation_receipt as (
    validation_id uuid,
    state api.validation_state,
    points integer,
    player_points integer,
    team_points integer,
    league_points integer
);
comment on type api.validation_receipt is 'What a validation or a cancellation left behind: its state, its points, and the three scores.';

create function private.receipt(v mpp.validation) returns api.validation_receipt
    language sql
    stable
    set search_path = ''
as $$
    select v.id, v.state, v.points::integer,
        max(s.points) filter (where s.scope = 'player'),
        max(s.points) filter (where s.scope = 'team'),
        max(s.points) filter (where s.scope = 'league')
    from mpp.score s
    where s.subject_id in (v.player_id, v.team_id, v.league_id)
$$;
revoke execute on function private.receipt(mpp.validation) from public;

-- Credits a collective challenge of a team that has its quorum, and takes the credit back from one that lost it.
-- The league's lock is held: nobody else counts the same team.
create function private.settle_quorum(challenge mpp.edition_challenge, team uuid, league uuid) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    doers integer;
    settled api.validation_state;
begin
    select count(distinct v.player_id) into doers
    from mpp.validation v
    where v.league_id = league and v.team_id = team and v.challenge_id = challenge.id and v.state <> 'cancelled';
    settled := (case when doers >= challenge.quorum then 'credited' else 'pending' end)::api.validation_state;
    update mpp.validation v
    set state = settled, changed_at = private.clock()
    where v.league_id = league
        and v.team_id = team
        and v.challenge_id = challenge.id
        and v.state not in (settled, 'cancelled');
end
$$;
revoke execute on function private.settle_quorum(mpp.edition_challenge, uuid, uuid) from public;

create function private.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean)
    returns api.validation_receipt
    language plpgsql
    security definer
    set search_path = ''
    -- For the triggers too: planning their short statements anew would cost more than running them.
    set plan_cache_mode = 'force_generic_plan'
as $$
declare
    account uuid := private.begin_write();
    me mpp.player;
    league uuid;
    e mpp.edition;
    c mpp.edition_challenge;
    v mpp.validation;
    done integer;
    at timestamptz;
begin
    if request_key is null then
        perform private.refuse('MP010', 'request_key', 'it is empty', 'Make a UUID for each validation.');
    end if;
    select p.edition_id, p.league_id into me.edition_id, league
    from mpp.player p
    where p.id = validate_challenge.player_id and p.account_id = account;
    if not found then
        perform private.refuse('MP005');
    end if;
    if league is null then
        perform private.refuse('MP035');
    end if;

    perform private.lock_edition(me.edition_id);
    perform private.lock_league(league);
    -- Everything is read after the locks: the league may have been left, the edition closed, while this waited.
    at := private.clock();
    select * into me from mpp.player p where p.id = validate_challenge.player_id and p.account_id = account;
    if me.league_id is distinct from league then
        perform private.refuse('MP035');
    end if;

    select * into v from mpp.validation x where x.id = request_key;
    if found then
        if v.player_id <> me.id or v.challenge_id <> validate_challenge.challenge_id then
            perform private.refuse('MP044');
        end if;
        return private.receipt(v);
    end if;

    select * into e from mpp.edition x where x.id = me.edition_id;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    select * into c from mpp.edition_challenge x where x.id = validate_challenge.challenge_id and x.edition_id = e.id;
    if not found or (c.kind = 'hidden' and not exists (
        select from mpp.unlock u where u.player_id = me.id and u.challenge_id = c.id)) then
        perform private.refuse('MP040');
    end if;
    if c.kind <> 'boost' and not (at >= coalesce(c.opens_at, at) and at < coalesce(c.closes_at, 'infinity')) then
        -- A flash challenge that nobody may list yet is not announced by its refusal either.
        if c.kind = 'flash' and at < c.opens_at then
            perform private.refuse('MP040');
        end if;
        perform private.refuse('MP041', private.spoken(c.opens_at), private.spoken(c.closes_at));
    end if;
    if c.repeat_limit is not null then
        select count(*) into done
        from mpp.validation x
        where x.player_id = me.id and x.challenge_id = c.id and x.state <> 'cancelled';
        if done >= c.repeat_limit then
            perform private.refuse('MP042', c.repeat_limit::text);
        end if;
    end if;
    if c.needs_proof and not coalesce(proof_sent, false) then
        perform private.refuse('MP043');
    end if;

    begin
        insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
            validated_by, validated_at, changed_at)
        values (request_key, e.id, c.id, me.id, me.team_id, me.league_id,
            case when c.kind = 'boost' and c.opens_at <= at and at < c.closes_at then c.points * c.boost_factor else c.points end,
            case when c.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
            coalesce(proof_sent, false), account, at, at)
        returning * into v;
    exception when unique_violation then
        -- Another league used the key in the same instant.
        perform private.refuse('MP044');
    end;
    if c.kind = 'collective' then
        perform private.settle_quorum(c, v.team_id, v.league_id);
        select * into v from mpp.validation x where x.id = v.id;
    end if;
    return private.receipt(v);
end
$$;
revoke execute on function private.validate_challenge(uuid, integer, uuid, boolean) from public;
grant execute on function private.validate_challenge(uuid, integer, uuid, boolean) to authenticated;

create function api.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean default false)
    returns api.validation_receipt
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.validate_challenge(player_id, challenge_id, request_key, proof_sent);
end;
comment on function api.validate_challenge(uuid, integer, uuid, boolean)
    is 'Validates a challenge for the caller''s player. The same request_key gives the same validation, once. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP035, MP040–MP044.';
revoke execute on function api.validate_challenge(uuid, integer, uuid, boolean) from public;
grant execute on function api.validate_challenge(uuid, integer, uuid, boolean) to authenticated;

create function private.cancel_validation(validation_id uuid, reason text) returns api.validation_receipt
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := case when private.is_ops() then (select auth.uid()) else private.begin_write() end;
    e mpp.edition;
    v mpp.validation;
    c mpp.edition_challenge;
    mine boolean;
    running boolean;
    at timestamptz;
begin
    select * into v from mpp.validation x where x.id = validation_id;
    if v.id is null then
        perform private.refuse('MP005');
    end if;
    perform private.lock_edition(v.edition_id);
    perform private.lock_league(v.league_id);
    at := private.clock();
    select * into v from mpp.validation x where x.id = validation_id;
    mine := exists (select from mpp.player p where p.id = v.player_id and p.account_id = account);
    if not mine and not by_ops then
        perform private.refuse('MP005');
    end if;
    select * into e from mpp.edition x where x.id = v.edition_id;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    -- Players take back while the game runs, in the league they are in; the staff may until the ranking is frozen, and
    -- say why, also when they play themselves.
    running := private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) = 'running';
    by_ops := by_ops and not (mine and running);
    if not by_ops and not running then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    if not by_ops and not exists (select from mpp.player p where p.id = v.player_id and p.league_id = v.league_id) then
        perform private.refuse('MP035');
    end if;
    if v.state = 'cancelled' then
        perform private.refuse('MP045');
    end if;
    update mpp.validation x
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where x.id = v.id
    returning * into v;
    select * into c from mpp.edition_challenge x where x.id = v.challenge_id;
    if c.kind = 'collective' then
        perform private.settle_quorum(c, v.team_id, v.league_id);
    end if;
    if by_ops then
        perform private.record_act('validation.cancel', v.id::text, jsonb_build_object(
            'reason', private.clean_line('reason', reason, 500), 'player_id', v.player_id, 'points', v.points));
    end if;
    return private.receipt(v);
end
$$;
revoke execute on function private.cancel_validation(uuid, text) from public;
grant execute on function private.cancel_validation(uuid, text) to authenticated, service_role;

create function api.cancel_validation(validation_id uuid, reason text default null) returns api.validation_receipt
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.cancel_validation(validation_id, reason);
end;
comment on function api.cancel_validation(uuid, text)
    is 'Takes back one''s own validation while the edition runs; the staff may take back any until the freeze, with a reason. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP024, MP035, MP045.';
revoke execute on function api.cancel_validation(uuid, text) from public;
grant execute on function api.cancel_validation(uuid, text) to authenticated, service_role;

create type api.unlock_result as (challenge_id integer, unlocked boolean, guesses_left integer);
comment on type api.unlock_result is 'Outcome of a guess: the challenge found, or how many wrong guesses are left in this hour.';

-- A wrong guess must be remembered, so it is an answer and not an error: an error would take its own record back.
create function private.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write();
    me mpp.player;
    e mpp.edition;
    found_id integer;
    wrong integer;
    oldest timestamptz;
    at timestamptz;
begin
    perform private.lock_edition(unlock_challenge.edition_id);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.guess'), hashtext(account::text));
    at := private.clock();
    select * into me from mpp.player p where p.account_id = account and p.edition_id = unlock_challenge.edition_id;
    if me.league_id is null then
        perform private.refuse('MP035');
    end if;
    select * into e from mpp.edition x where x.id = me.edition_id;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    delete from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest
    from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id;
    if wrong >= e.unlock_guesses_per_hour then
        perform private.refuse('MP046', private.spoken(oldest + interval '1 hour'));
    end if;
    select c.id into found_id
    from mpp.edition_challenge c
    where c.edition_id = e.id and c.secret_digest = private.secret_digest(e.code, left(coalesce(word, ''), 200));
    if found_id is null then
        insert into mpp.unlock_guess (account_id, edition_id, guessed_at) values (account, e.id, at);
        return (null, false, e.unlock_guesses_per_hour - wrong - 1)::api.unlock_result;
    end if;
    insert into mpp.unlock (player_id, challenge_id) values (me.id, found_id) on conflict do nothing;
    return (found_id, true, e.unlock_guesses_per_hour - wrong)::api.unlock_result;
end
$$;
revoke execute on function private.unlock_challenge(integer, text) from public;
grant execute on function private.unlock_challenge(integer, text) to authenticated;

create function api.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.unlock_challenge(edition_id, word);
end;
comment on function api.unlock_challenge(integer, text)
    is 'Tries a secret word; case, accents and spaces do not matter. Wrong guesses are limited per account and hour. Errors: MP001–MP003, MP011, MP022, MP035, MP046.';
revoke execute on function api.unlock_challenge(integer, text) from public;
grant execute on function api.unlock_challenge(integer, text) to authenticated;

-- Many validations at once, by the rules of the game, at the instants they were done: columns of equal length.
create function private.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
    leagues uuid[];
    written integer;
    wrong integer;
    first_wrong text;
    at timestamptz;
begin
    perform private.require_ops();
    if not (cardinality(player_ids) = cardinality(challenge_ids)
        and cardinality(player_ids) = cardinality(done_at)
        and cardinality(player_ids) = cardinality(request_keys)) then
        perform private.refuse('MP010', 'request_keys', 'the four columns differ in length', 'Send columns of equal length.');
    end if;
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id);
    leagues := array(select distinct p.league_id from mpp.player p where p.id = any (player_ids) and p.league_id is not null);
    perform from mpp.score s where s.subject_id = any (leagues) order by s.subject_id for no key update;
    at := private.clock();
    e := private.find_edition(edition_code);
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) not in ('running', 'closed') then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;

    with judged as (
        select
            r.number,
            r.id,
            case
                when r.id is null then 'it has no request key'
                when locked.id is null then 'its player does not play in this edition'
                when c.id is null then 'its challenge is not in this edition'
                when r.done_at is null or r.done_at < e.starts_at or r.done_at >= e.ends_at or r.done_at > at
                    then 'it was not done while the edition was running'
                when c.kind <> 'boost' and (r.done_at < c.opens_at or r.done_at >= c.closes_at)
                    then 'it was not done in the window of its challenge'
                when count(*) over (partition by r.id) > 1 then 'its request key comes twice'
            end as fault
        from unnest(request_keys, player_ids, challenge_ids, done_at) with ordinality
            r (id, player_id, challenge_id, done_at, number)
        left join mpp.player p on p.id = r.player_id and p.edition_id = e.id
        left join unnest(leagues) locked (id) on locked.id = p.league_id
        left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
    )
    select count(*), (array_agg(format('row %s: %s', j.number, j.fault) order by j.number))[1]
    into wrong, first_wrong
    from judged j
    where j.fault is not null
        -- What an earlier import wrote is not judged again; a count, so that only faulty rows are looked up.
        and (select count(*) from mpp.validation v where v.id = j.id) = 0;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;

    insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
        validated_by, validated_at, changed_at)
    select r.id, e.id, c.id, p.id, p.team_id, p.league_id,
        -- As in validate_challenge; a function would cost as much as the rest of the row.
        case when c.kind = 'boost' and c.opens_at <= r.done_at and r.done_at < c.closes_at
            then c.points * c.boost_factor else c.points end,
        case when c.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
        c.needs_proof, (select auth.uid()), r.done_at, r.done_at
    from unnest(request_keys, player_ids, challenge_ids, done_at) r (id, player_id, challenge_id, done_at)
    join mpp.player p on p.id = r.player_id
    join mpp.edition_challenge c on c.id = r.challenge_id
    on conflict do nothing;
    get diagnostics written = row_count;

    select count(*), min(format('player %s did challenge %s %s times, and it counts %s', f.player_id, f.code, f.done, f.repeat_limit))
    into wrong, first_wrong
    from (
        select r.player_id, k.code, c.repeat_limit, count(*) as done
        from (select distinct u.player_id, u.challenge_id from unnest(player_ids, challenge_ids) u (player_id, challenge_id)) r
        join mpp.edition_challenge c on c.id = r.challenge_id and c.repeat_limit is not null
        join mpp.challenge k on k.id = c.challenge_id
        join mpp.validation v on v.player_id = r.player_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
        group by r.player_id, k.code, c.repeat_limit
        having count(*) > c.repeat_limit
    ) f;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;

    -- One statement for all the teams that reached a quorum, so that scores move once.
    update mpp.validation v
    set state = 'credited', changed_at = q.last_done
    from (
        select x.team_id, x.challenge_id, max(x.validated_at) as last_done
        from mpp.edition_challenge c
        join mpp.validation x on x.challenge_id = c.id and x.state <> 'cancelled'
        join unnest(leagues) touched (id) on touched.id = x.league_id
        where c.edition_id = e.id and c.kind = 'collective'
        group by x.team_id, x.challenge_id, c.quorum
        having count(distinct x.player_id) >= c.quorum
    ) q
    where v.team_id = q.team_id and v.challenge_id = q.challenge_id and v.state = 'pending';
    return written;
end
$$;
revoke execute on function private.import_validations(text, uuid[], integer[], timestamptz[], uuid[]) from public;
grant execute on function private.import_validations(text, uuid[], integer[], timestamptz[], uuid[]) to service_role;

create function api.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select private.import_validations(edition_code, player_ids, challenge_ids, done_at, request_keys);
end;
comment on function api.import_validations(text, uuid[], integer[], timestamptz[], uuid[])
    is 'Records many validations by the rules of the game, all or none; rows whose key is known are left alone. Returns how many were written. Secret key only. Errors: MP006, MP010, MP020, MP022, MP070.';
revoke execute on function api.import_validations(text, uuid[], integer[], timestamptz[], uuid[]) from public;
grant execute on function api.import_validations(text, uuid[], integer[], timestamptz[], uuid[]) to service_role;
-- Rankings, live and frozen: the same tables, the same views. Equal values share a rank (1, 2, 2, 4) and are shown by
-- who got there first. Page with the three sort columns of the last row (value, reached_at, subject_id), not with offset.

-- The rank is written out in each view, because a function would hide the counts from row-level security's caller and
-- cost more than the page; private.rank_of says it once for single rows.
create view api.player_ranking with (security_invoker = true) as
select
    s.edition_id,
    1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = s.edition_id and c.scope = 'player' and c.value > s.value), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = s.edition_id and d.scope = 'player' and d.value > s.value), 0) as rank,
    s.subject_id,
    s.label,
    s.league_label,
    s.points,
    s.value,
    s.reached_at
from mpp.score s
where s.scope = 'player' and s.listed;
comment on view api.player_ranking is 'Ranking of players who are listed: alias, league, points; value is what ranks. Sort by value desc, reached_at, subject_id.';
grant select on api.player_ranking to anon, authenticated, service_role;

create view api.team_ranking with (security_invoker = true) as
select
    s.edition_id,
    1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = s.edition_id and c.scope = 'team' and c.value > s.value), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = s.edition_id and d.scope = 'team' and d.value > s.value), 0) as rank,
    s.subject_id,
    s.label,
    s.league_label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.reached_at
from mpp.score s
where s.scope = 'team' and s.listed;
comment on view api.team_ranking is 'Ranking of the teams of listed leagues. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, reached_at, subject_id.';
grant select on api.team_ranking to anon, authenticated, service_role;

create view api.league_ranking with (security_invoker = true) as
select
    s.edition_id,
    1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = s.edition_id and c.scope = 'league' and c.value > s.value), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = s.edition_id and d.scope = 'league' and d.value > s.value), 0) as rank,
    s.subject_id,
    s.label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.reached_at
from mpp.score s
where s.scope = 'league' and s.listed;
comment on view api.league_ranking is 'Ranking of listed leagues. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, reached_at, subject_id.';
grant select on api.league_ranking to anon, authenticated, service_role;

-- In plpgsql, which keeps the plans of its queries for the session; a function in SQL would plan them at each call.
create function private.rank_of(edition integer, among api.ranking_scope, standing integer) returns bigint
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return 1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = edition and c.scope = among and c.value > standing), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = edition and d.scope = among and d.value > standing), 0);
end
$$;
revoke execute on function private.rank_of(integer, api.ranking_scope, integer) from public;

create type api.standing as (
    rank bigint,
    subject_id uuid,
    label text,
    league_label text,
    points integer,
    players integer,
    points_per_player numeric,
    value integer,
    reached_at timestamptz,
    is_me boolean
);
comment on type api.standing is 'A line of a ranking; is_me marks the subject that was asked for.';

-- Four short walks along the ranking index, so that neither the number of players nor the crowd at one value matters.
create function private.standings_around(subject mpp.score, neighbours integer) returns setof api.standing
    language plpgsql
    stable
    rows 7
    set search_path = ''
    -- The walks are the same whatever is asked for: planning them anew at each call would cost more than they do.
    set plan_cache_mode = 'force_generic_plan'
as $$
begin
    if neighbours = 0 then
        return next (
            private.rank_of(subject.edition_id, subject.scope, subject.value),
            subject.subject_id, subject.label, subject.league_label, subject.points, subject.players,
            round(subject.points::numeric / greatest(subject.players, 1), 2), subject.value, subject.reached_at, true
        )::api.standing;
        return;
    end if;
    return query
    with preceding as (
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                and s.value = subject.value and (s.reached_at, s.subject_id) < (subject.reached_at, subject.subject_id)
            order by s.reached_at desc, s.subject_id desc
            limit neighbours
        )
        union all
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value > subject.value
            order by s.value, s.reached_at desc, s.subject_id desc
            limit neighbours
        )
    ), above as (
        select a.* from preceding a order by a.value, a.reached_at desc, a.subject_id desc limit neighbours
    ), following as (
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                and s.value = subject.value and (s.reached_at, s.subject_id) > (subject.reached_at, subject.subject_id)
            order by s.reached_at, s.subject_id
            limit neighbours
        )
        union all
        (
            select s.* from mpp.score s
            where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value < subject.value
            order by s.value desc, s.reached_at, s.subject_id
            limit neighbours
        )
    ), below as (
        select f.* from following f order by f.value desc, f.reached_at, f.subject_id limit neighbours
    ), page as (
        select a.* from above a
        union all
        select (subject).*
        union all
        select b.* from below b
    )
    select
        private.rank_of(p.edition_id, p.scope, p.value),
        p.subject_id,
        p.label,
        p.league_label,
        p.points,
        p.players,
        round(p.points::numeric / greatest(p.players, 1), 2),
        p.value,
        p.reached_at,
        p.subject_id = subject.subject_id
    from page p
    order by p.value desc, p.reached_at, p.subject_id;
end
$$;
revoke execute on function private.standings_around(mpp.score, integer) from public;

create function private.check_neighbours(neighbours integer) returns void
    language plpgsql
    immutable
    set search_path = ''
as $$
begin
    if neighbours is null or neighbours not between 0 and 50 then
        perform private.refuse('MP010', 'neighbours', coalesce(neighbours::text, 'it is empty'), 'Ask for 0 to 50.');
    end if;
end
$$;
revoke execute on function private.check_neighbours(integer) from public;

-- A player sees their own place even when they opted out of the public ranking.
create function private.my_rank(edition_id integer, scope api.ranking_scope, neighbours integer) returns setof api.standing
    language plpgsql
    stable
    security definer
    rows 7
    set search_path = ''
as $$
declare
    mine mpp.score;
begin
    perform private.check_neighbours(neighbours);
    if (select auth.uid()) is null then
        perform private.refuse('MP001');
    end if;
    select s.* into mine
    from mpp.player p
    join mpp.score s on s.subject_id = case my_rank.scope
        when 'player' then p.id when 'team' then p.team_id else p.league_id end
    where p.account_id = (select auth.uid()) and p.edition_id = my_rank.edition_id;
    if mine.subject_id is null then
        perform private.refuse('MP035');
    end if;
    return query select * from private.standings_around(mine, neighbours);
end
$$;
revoke execute on function private.my_rank(integer, api.ranking_scope, integer) from public;
grant execute on function private.my_rank(integer, api.ranking_scope, integer) to authenticated;

create function api.my_rank(edition_id integer, scope api.ranking_scope default 'player', neighbours integer default 3)
    returns setof api.standing
    language sql
    stable
    rows 7
    set search_path = ''
begin atomic
    select * from private.my_rank(edition_id, scope, neighbours);
end;
comment on function api.my_rank(integer, api.ranking_scope, integer)
    is 'The caller''s own rank (player), or that of their team or league, with as many neighbours above and below. Errors: MP001, MP010, MP035.';
revoke execute on function api.my_rank(integer, api.ranking_scope, integer) from public;
grant execute on function api.my_rank(integer, api.ranking_scope, integer) to authenticated;

create function private.ranking_around(subject_id uuid, neighbours integer) returns setof api.standing
    language plpgsql
    stable
    security definer
    rows 7
    set search_path = ''
as $$
declare
    subject mpp.score;
begin
    perform private.check_neighbours(neighbours);
    select s.* into subject
    from mpp.score s
    where s.subject_id = ranking_around.subject_id
        and (
            (s.is_public and exists (select from mpp.edition e where e.id = s.edition_id and e.opened_at is not null))
            or (s.listed and s.edition_id in (select private.my_private_edition_ids()))
            or private.is_ops()
        );
    if subject.subject_id is null then
        perform private.refuse('MP005');
    end if;
    return query select * from private.standings_around(subject, neighbours);
end
$$;
revoke execute on function private.ranking_around(uuid, integer) from public;
grant execute on function private.ranking_around(uuid, integer) to anon, authenticated, service_role;

create function api.ranking_around(subject_id uuid, neighbours integer default 3) returns setof api.standing
    language sql
    stable
    rows 7
    set search_path = ''
begin atomic
    select * from private.ranking_around(subject_id, neighbours);
end;
comment on function api.ranking_around(uuid, integer)
    is 'Rank of a listed player, team or league with as many neighbours above and below. Errors: MP005, MP010.';
revoke execute on function api.ranking_around(uuid, integer) from public;
grant execute on function api.ranking_around(uuid, integer) to anon, authenticated, service_role;

-- What an edition came to. Players who opted out are in no count.
create view api.edition_statistics with (security_invoker = true) as
select
    e.id as edition_id,
    e.code,
    coalesce(t.players, 0) as players,
    coalesce(t.teams, 0) as teams,
    coalesce(t.leagues, 0) as leagues,
    coalesce(t.points, 0) as points
from mpp.edition e
left join lateral (
    select
        count(*) filter (where s.scope = 'player') as players,
        count(*) filter (where s.scope = 'team') as teams,
        count(*) filter (where s.scope = 'league') as leagues,
        sum(s.points) filter (where s.scope = 'player') as points
    from mpp.score s
    where s.edition_id = e.id and s.listed
) t on true;
comment on view api.edition_statistics is 'Listed players, teams and leagues of each edition, and their points.';
grant select on api.edition_statistics to anon, authenticated, service_role;
-- Freezing an edition, and proving its scores. A freeze copies nothing: from then on every table of the ranking refuses
-- to change for that edition (60_score), and its counts keep the ranks as they were. The seal proves that nothing did.

create function private.seal_of(edition integer) returns text
    language sql
    stable
    set search_path = ''
as $$
    select format('1:%s:%s:%s:%s', s.number, s.digest, c.number, c.digest)
    from (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.subject_id, x.scope, x.points, x.players, x.value,
            extract(epoch from x.reached_at))), 16))::bit(64)::bigint), 0) as digest
        from mpp.score x
        where x.edition_id = edition
    ) s, (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.scope, x.value, x.subjects)), 16))::bit(64)::bigint), 0) as digest
        from (
            select m.scope, m.value, sum(m.subjects) as subjects
            from (
                select k.scope, k.value, k.subjects from mpp.score_count k where k.edition_id = edition
                union all
                select d.scope, d.value, d.change from mpp.score_delta d where d.edition_id = edition
            ) m
            group by m.scope, m.value
            having sum(m.subjects) <> 0
        ) x
    ) c
$$;
comment on function private.seal_of(integer) is 'Fingerprint of every score and count of an edition, whatever their order; names and listing are not part of it.';
revoke execute on function private.seal_of(integer) from public;

create function private.freeze_edition(edition_code text) returns timestamptz
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    -- Every writer of the edition is waited for, and every later one finds it frozen. Readers are not held up.
    perform private.lock_edition(e.id, alone => true);
    at := private.clock();
    e := private.find_edition(edition_code);
    if e.frozen_at is not null then
        return e.frozen_at;
    end if;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'closed' then
        perform private.refuse('MP026', e.code, private.spoken(e.ends_at));
    end if;
    perform private.fold_scores(e.id, wait => true);
    update mpp.edition set frozen_at = at, seal = private.seal_of(e.id) where id = e.id;
    -- The audit keeps the seal too: it is append-only, and a seal rewritten in the edition would differ from it.
    perform private.record_act('edition.freeze', edition_code, jsonb_build_object('seal', (select x.seal from mpp.edition x where x.id = e.id)));
    return at;
end
$$;
revoke execute on function private.freeze_edition(text) from public;
grant execute on function private.freeze_edition(text) to authenticated, service_role;

-- What the staff do at length is not held to the time limit of a page: PostgREST takes it from the exposed function.
create function api.freeze_edition(edition_code text) returns timestamptz
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select private.freeze_edition(edition_code);
end;
comment on function api.freeze_edition(text)
    is 'Freezes the ranking of an edition that has ended; returns when it was frozen, also when it already was. Staff. Errors: MP006, MP020, MP026.';
revoke execute on function api.freeze_edition(text) from public;
grant execute on function api.freeze_edition(text) to authenticated, service_role;

create type api.score_fault as (edition_code text, scope text, subject_id uuid, fault text, expected bigint, found bigint);
comment on type api.score_fault is 'A score that is not what the ledger says.';

create function private.verify_scores(edition_code text) returns setof api.score_fault
    language plpgsql
    stable
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    if edition_code is not null then
        e := private.find_edition(edition_code);
    end if;
    for e in select x.* from mpp.edition x where edition_code is null or x.code = edition_code order by x.id loop
        return query
        with ledger as (
            select v.player_id, v.team_id, v.league_id, sum(v.points) as points
            from mpp.validation v
            where v.edition_id = e.id and v.state = 'credited'
            group by v.player_id, v.team_id, v.league_id
        ), expected as (
            select j.subject_id, sum(l.points) as points
            from ledger l
            cross join lateral (values (l.player_id), (l.team_id), (l.league_id)) j (subject_id)
            group by j.subject_id
        ), scored as (
            select s.subject_id, s.scope, s.points from mpp.score s where s.edition_id = e.id
        )
        select e.code, s.scope::text, coalesce(s.subject_id, x.subject_id), 'points', coalesce(x.points, 0)::bigint, s.points::bigint
        from scored s
        full join expected x on x.subject_id = s.subject_id
        where coalesce(x.points, 0) is distinct from coalesce(s.points, 0) or s.subject_id is null;

        return query
        select e.code, 'team', q.team_id, 'collective credit below or above its quorum', q.quorum::bigint, q.doers
        from (
            select v.team_id, c.quorum, count(distinct v.player_id) as doers, bool_or(v.state = 'pending') as waiting,
                bool_or(v.state = 'credited') as credited
            from mpp.validation v
            join mpp.edition_challenge c on c.id = v.challenge_id and c.kind = 'collective'
            where v.edition_id = e.id and v.state <> 'cancelled'
            group by v.team_id, v.challenge_id, c.quorum
        ) q
        where (q.doers >= q.quorum and q.waiting) or (q.doers < q.quorum and q.credited);

        if e.frozen_at is null then
            return query
            with counted as (
                select m.scope, m.value, sum(m.subjects) as subjects
                from (
                    select c.scope, c.value, c.subjects from mpp.score_count c where c.edition_id = e.id
                    union all
                    select d.scope, d.value, d.change from mpp.score_delta d where d.edition_id = e.id
                ) m
                group by m.scope, m.value
            ), standing as (
                select s.scope, s.value, count(*) as subjects
                from mpp.score s
                where s.edition_id = e.id and s.listed
                group by s.scope, s.value
            )
            select e.code, coalesce(c.scope, s.scope)::text, null::uuid, format('count at value %s', coalesce(c.value, s.value)),
                coalesce(s.subjects, 0)::bigint, coalesce(c.subjects, 0)::bigint
            from counted c
            full join standing s on s.scope = c.scope and s.value = c.value
            where coalesce(c.subjects, 0) <> coalesce(s.subjects, 0);
        elsif e.seal <> private.seal_of(e.id) then
            return query select e.code, null::text, null::uuid, 'the seal of the frozen ranking is broken', null::bigint, null::bigint;
        end if;
    end loop;
end
$$;
revoke execute on function private.verify_scores(text) from public;
grant execute on function private.verify_scores(text) to authenticated, service_role;

create function api.verify_scores(edition_code text default null) returns setof api.score_fault
    language sql
    stable
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select * from private.verify_scores(edition_code);
end;
comment on function api.verify_scores(text)
    is 'Compares every score, count and seal with the ledger, for one edition or all; no row means that all is right. Staff. Errors: MP006, MP020.';
revoke execute on function api.verify_scores(text) from public;
grant execute on function api.verify_scores(text) to authenticated, service_role;
-- Setting up an edition from one document (catalogue/*.yaml, checked and turned into JSON by mpp edition apply):
-- {"edition": {…}, "rules": {…}, "themes": [{code, title}], "challenges": [{…}]}. All or nothing, and the same
-- document applied twice changes nothing.

create type api.edition_change as (action text, path text, before jsonb, after jsonb);
comment on type api.edition_change is 'One difference: action is add, change or remove; path is edition, rules, themes.<code> or challenges.<code>, with the field that changes.';

-- Field by field, what turns one object into another.
create function private.differences(path text, before jsonb, after jsonb) returns setof api.edition_change
    language sql
    immutable
    set search_path = ''
as $$
    select
        case
            when before is null then 'add'
            when after is null then 'remove'
            else 'change'
        end,
        case when before is null or after is null then path else path || '.' || d.key end,
        case when before is null then null when after is null then before else d.was end,
        case when after is null then null when before is null then after else d.becomes end
    from (
        select distinct on (case when before is null or after is null then '' else k.key end)
            k.key, before -> k.key as was, after -> k.key as becomes
        from jsonb_object_keys(coalesce(before, '{}') || coalesce(after, '{}')) k (key)
        where before is null or after is null or before -> k.key is distinct from after -> k.key
    ) d
$$;
revoke execute on function private.differences(text, jsonb, jsonb) from public;

-- The edition as it stands, in the shape of the document. Secrets are compared by digest and never come out.
create function private.edition_document(e mpp.edition) returns jsonb
    language sql
    stable
    set search_path = ''
as $$
    select jsonb_build_object(
        'edition', jsonb_build_object(
            'code', e.code,
            'audience', e.audience,
            'title', e.title,
            'time_zone', e.time_zone,
            'starts_at', e.starts_at,
            'ends_at', e.ends_at,
            'registration_closes_at', e.registration_closes_at,
            'organisation', (select o.code from mpp.organisation o where o.id = e.organisation_id)
        ),
        'rules', jsonb_build_object(
            'league_size_min', e.league_min_players,
            'league_size_max', e.league_max_players,
            'teams_per_league', e.teams_per_league,
            'ranking', e.ranking_basis,
            'unlock_guesses_per_hour', e.unlock_guesses_per_hour
        ),
        'challenges', coalesce((
            select jsonb_object_agg(k.code, jsonb_build_object(
                'kind', c.kind,
                'theme', k.theme,
                'points', c.points,
                'repeat', c.repeat_limit,
                'proof', c.needs_proof,
                'quorum', c.quorum,
                'factor', c.boost_factor,
                'opens_at', c.opens_at,
                'closes_at', c.closes_at,
                'secret', encode(c.secret_digest, 'hex'),
                'goals', k.goals,
                'title', k.title,
                'description', k.description
            ))
            from mpp.edition_challenge c
            join mpp.challenge k on k.id = c.challenge_id
            where c.edition_id = e.id
        ), '{}')
    )
$$;
revoke execute on function private.edition_document(mpp.edition) from public;

create function private.apply_edition(document jsonb, dry_run boolean) returns setof api.edition_change
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
    head jsonb := document -> 'edition';
    rules jsonb := document -> 'rules';
    edition_code text := document #>> '{edition,code}';
    was jsonb;
    becomes jsonb;
    changes api.edition_change[];
    organisation integer;
    message text;
begin
    perform private.require_ops();
    if edition_code is null or jsonb_typeof(document -> 'challenges') is distinct from 'array'
        or jsonb_typeof(document -> 'themes') is distinct from 'array' then
        perform private.refuse('MP027', 'the document needs edition.code, themes and challenges');
    end if;
    select x.code into message
    from (
        select t ->> 'code' as code, 'theme' as list from jsonb_array_elements(document -> 'themes') t
        union all
        select c ->> 'code', 'challenge' from jsonb_array_elements(document -> 'challenges') c
    ) x
    group by x.list, x.code
    having count(*) > 1
    limit 1;
    if message is not null then
        perform private.refuse('MP027', format('the code %s comes twice', message));
    end if;
    -- Two people applying files at once take turns: cards and themes are shared by all editions.
    perform pg_advisory_xact_lock(hashtext('mpp.catalogue'), 0);
    select * into e from mpp.edition x where x.code = edition_code;
    if e.id is not null then
        perform private.lock_edition(e.id, alone => true);
        select * into e from mpp.edition x where x.id = e.id;
        was := private.edition_document(e);
    end if;

    begin
        if head ->> 'organisation' is not null then
            select o.id into organisation from mpp.organisation o where o.code = head ->> 'organisation';
            if organisation is null then
                perform private.refuse('MP027', format('organisation %s does not exist', head ->> 'organisation'));
            end if;
        end if;

        changes := array(
            select d
            from (
                select t ->> 'code' as code, t -> 'title' as name
                from jsonb_array_elements(document -> 'themes') t
            ) n
            left join mpp.theme h on h.code = n.code
            cross join lateral private.differences('themes.' || n.code, to_jsonb(h) - 'code', jsonb_build_object('name', n.name)) d
            order by n.code, (d).path
        );
        insert into mpp.theme as h (code, name)
        select t ->> 'code', (t -> 'title')::mpp.translated
        from jsonb_array_elements(document -> 'themes') t
        on conflict on constraint theme_pkey do update set name = excluded.name
        where h.name <> excluded.name;

        -- A card that another edition shows may be corrected here too; it is one card.
        insert into mpp.challenge as k (code, theme, title, description, goals)
        select c ->> 'code', c ->> 'theme', (c -> 'title')::mpp.translated, (c -> 'description')::mpp.translated,
            array(select g::smallint from jsonb_array_elements_text(c -> 'goals') g)
        from jsonb_array_elements(document -> 'challenges') c
        on conflict on constraint challenge_code_key do update
        set theme = excluded.theme, title = excluded.title, description = excluded.description, goals = excluded.goals
        where (k.theme, k.title::jsonb, k.description::jsonb, k.goals)
            is distinct from (excluded.theme, excluded.title::jsonb, excluded.description::jsonb, excluded.goals);

        if e.id is null then
            insert into mpp.edition (code, audience, title, organisation_id, time_zone, starts_at, ends_at,
                registration_closes_at, ranking_basis, league_min_players, league_max_players, teams_per_league,
                unlock_guesses_per_hour)
            values (
                edition_code, (head ->> 'audience')::api.audience, (head -> 'title')::mpp.translated, organisation,
                head ->> 'time_zone', (head ->> 'starts_at')::timestamptz, (head ->> 'ends_at')::timestamptz,
                (head ->> 'registration_closes_at')::timestamptz, (rules ->> 'ranking')::api.ranking_basis,
                (rules #>> '{league_size,min}')::smallint, (rules #>> '{league_size,max}')::smallint,
                (rules ->> 'teams_per_league')::smallint, (rules ->> 'unlock_guesses_per_hour')::smallint
            )
            returning * into e;
        else
            update mpp.edition x
            set audience = (head ->> 'audience')::api.audience,
                title = (head -> 'title')::mpp.translated,
                organisation_id = organisation,
                time_zone = head ->> 'time_zone',
                starts_at = (head ->> 'starts_at')::timestamptz,
                ends_at = (head ->> 'ends_at')::timestamptz,
                registration_closes_at = (head ->> 'registration_closes_at')::timestamptz,
                ranking_basis = (rules ->> 'ranking')::api.ranking_basis,
                league_min_players = (rules #>> '{league_size,min}')::smallint,
                league_max_players = (rules #>> '{league_size,max}')::smallint,
                teams_per_league = (rules ->> 'teams_per_league')::smallint,
                unlock_guesses_per_hour = (rules ->> 'unlock_guesses_per_hour')::smallint
            where x.id = e.id
            returning * into e;
        end if;

        -- Removed first: a secret word may move from one challenge to another.
        delete from mpp.edition_challenge x
        using mpp.challenge k
        where x.edition_id = e.id
            and k.id = x.challenge_id
            and k.code not in (select c ->> 'code' from jsonb_array_elements(document -> 'challenges') c);

        with asked as (
            select
                k.id as challenge_id,
                (c ->> 'kind')::api.challenge_kind as kind,
                (c ->> 'points')::smallint as points,
                (c ->> 'repeat')::smallint as repeat_limit,
                (c ->> 'quorum')::smallint as quorum,
                (c ->> 'factor')::smallint as boost_factor,
                coalesce((c ->> 'proof')::boolean, false) as needs_proof,
                (c #>> '{window,from}')::timestamptz as opens_at,
                (c #>> '{window,until}')::timestamptz as closes_at,
                case when c ->> 'secret' is not null then private.secret_digest(e.code, c ->> 'secret') end as secret_digest
            from jsonb_array_elements(document -> 'challenges') c
            join mpp.challenge k on k.code = c ->> 'code'
        ), updated as (
            update mpp.edition_challenge x
            set kind = a.kind, points = a.points, repeat_limit = a.repeat_limit, quorum = a.quorum,
                boost_factor = a.boost_factor, needs_proof = a.needs_proof, opens_at = a.opens_at,
                closes_at = a.closes_at, secret_digest = a.secret_digest
            from asked a
            where x.edition_id = e.id
                and x.challenge_id = a.challenge_id
                and (x.kind, x.points, x.repeat_limit, x.quorum, x.boost_factor, x.needs_proof, x.opens_at, x.closes_at, x.secret_digest)
                    is distinct from
                    (a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at, a.closes_at, a.secret_digest)
        )
        insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor,
            needs_proof, opens_at, closes_at, secret_digest)
        select e.id, a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at,
            a.closes_at, a.secret_digest
        from asked a
        where not exists (
            select from mpp.edition_challenge x where x.edition_id = e.id and x.challenge_id = a.challenge_id
        );
        if exists (
            select from mpp.edition_challenge x
            where x.edition_id = e.id and (x.opens_at < e.starts_at or x.closes_at > e.ends_at)
        ) then
            perform private.refuse('MP027', 'a window lies outside the edition');
        end if;

        becomes := private.edition_document(e);
        changes := changes || array(
            select d from (
                select d, 1 as place from private.differences('edition', was -> 'edition', becomes -> 'edition') d
                union all
                select d, 2 from private.differences('rules', was -> 'rules', becomes -> 'rules') d
                union all
                select d, 3
                from (
                    select k.key from jsonb_object_keys(coalesce(was -> 'challenges', '{}') || (becomes -> 'challenges')) k (key)
                ) k
                cross join lateral private.differences(
                    'challenges.' || k.key, was #> array['challenges', k.key], becomes #> array['challenges', k.key]) d
            ) x
            order by x.place, (x.d).path
        );
        if cardinality(changes) > 0 and not dry_run then
            perform private.record_act('edition.apply', edition_code, jsonb_build_object('changes', cardinality(changes)));
        end if;
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception
        when sqlstate 'MPDRY' then
            null;
        when invalid_text_representation or invalid_datetime_format or datetime_field_overflow or numeric_value_out_of_range
            or check_violation or not_null_violation or unique_violation or foreign_key_violation
            or invalid_parameter_value then
            get stacked diagnostics message = message_text;
            perform private.refuse('MP027', message);
    end;
    -- A secret says only that it changed.
    return query
    select c.action, c.path,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.before) = 'object' then c.before - 'secret' else c.before end,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.after) = 'object' then c.after - 'secret' else c.after end
    from unnest(changes) c;
end
$$;
revoke execute on function private.apply_edition(jsonb, boolean) from public;
grant execute on function private.apply_edition(jsonb, boolean) to authenticated, service_role;

create function api.apply_edition(document jsonb, dry_run boolean default false) returns setof api.edition_change
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.apply_edition(document, dry_run);
end;
comment on function api.apply_edition(jsonb, boolean)
    is 'Makes an edition what a document says and returns the differences; with dry_run nothing is written. Staff. Errors: MP006, MP024, MP025, MP027.';
revoke execute on function api.apply_edition(jsonb, boolean) from public;
grant execute on function api.apply_edition(jsonb, boolean) to authenticated, service_role;
-- What screens show: a player's own editions, the league page, and the staff's lists.

create view api.my_players with (security_invoker = true) as
select
    p.id as player_id,
    p.edition_id,
    p.league_id,
    p.team_id,
    p.alias,
    p.listed,
    p.joined_at
from mpp.player p
where p.id in (select private.my_player_ids());
comment on view api.my_players is 'The caller in each edition they play; league and team are empty once they left.';
grant select on api.my_players to authenticated;

create view api.my_leagues with (security_invoker = true) as
select
    l.id as league_id,
    l.edition_id,
    l.name,
    l.category,
    l.is_open,
    l.listed,
    coalesce(a.is_principal, false) as is_ambassador,
    a.league_id is not null and not a.is_principal as is_co_ambassador,
    c.code as join_code,
    (select count(*) from mpp.player p where p.league_id = l.id) as players,
    e.league_min_players,
    e.league_max_players
from mpp.league l
join mpp.edition e on e.id = l.edition_id
left join mpp.ambassador a
    on a.league_id = l.id
    and (a.player_id in (select private.my_player_ids()))
left join mpp.join_code c on c.league_id = l.id and l.id in (select private.my_led_league_ids())
where l.id in (select private.my_league_ids());
comment on view api.my_leagues is 'The leagues the caller plays in or runs; the join code only for its ambassadors.';
grant select on api.my_leagues to authenticated;

create view api.league_teams with (security_invoker = true) as
select t.id as team_id, t.league_id, t.name, (select count(*) from mpp.player p where p.team_id = t.id) as players
from mpp.team t;
comment on view api.league_teams is 'Teams of the caller''s leagues.';
grant select on api.league_teams to authenticated, service_role;

-- A league page shows the points earned here, to the league only: opting out of the public ranking does not matter.
create view api.league_members with (security_invoker = true) as
select
    p.league_id,
    p.id as player_id,
    p.team_id,
    p.alias,
    p.first_name,
    p.picture_path,
    coalesce(v.points, 0) as points,
    coalesce(v.validations, 0) as validations,
    exists (select from mpp.ambassador a where a.league_id = p.league_id and a.player_id = p.id) as is_ambassador,
    p.id in (select private.my_player_ids()) as is_me,
    c.phone,
    p.joined_at
from mpp.player p
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.player_id = p.id and v.league_id = p.league_id and v.state = 'credited'
) v on true
left join mpp.player_contact c on c.player_id = p.id
where p.league_id is not null;
comment on view api.league_members is 'Members of the caller''s leagues; the phone only where an ambassador of an open league may see it.';
grant select on api.league_members to authenticated, service_role;

create view api.league_validations with (security_invoker = true) as
select
    v.id as validation_id,
    v.edition_id,
    v.league_id,
    v.team_id,
    v.player_id,
    p.alias,
    p.first_name,
    c.id as challenge_id,
    k.code as challenge_code,
    k.title,
    v.points,
    v.state,
    v.proof_sent,
    v.validated_at,
    v.changed_at
from mpp.validation v
left join mpp.player p on p.id = v.player_id
left join mpp.edition_challenge c on c.id = v.challenge_id
left join mpp.challenge k on k.id = c.challenge_id;
comment on view api.league_validations is 'Validations in the caller''s leagues; challenge and title are empty for a hidden challenge the caller has not found. Sort by validated_at desc.';
grant select on api.league_validations to authenticated, service_role;

create view api.open_leagues with (security_invoker = true) as
select l.id as league_id, l.edition_id, l.name, l.category, s.players, e.league_max_players
from mpp.league l
join mpp.edition e on e.id = l.edition_id
-- The score is what a visitor may read of a league; it also counts who played and left, so a league may have one more
-- place than it shows, never one less.
join mpp.score s on s.subject_id = l.id
where l.is_open and l.listed and s.players between 1 and e.league_max_players - 1 and now() < e.registration_closes_at;
comment on view api.open_leagues is 'Open leagues that still have room; joining one takes a phone number.';
grant select on api.open_leagues to authenticated, service_role;

-- Staff.
create view api.ops_leagues with (security_invoker = true) as
select
    l.id as league_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.category,
    l.is_open,
    l.listed,
    c.code as join_code,
    s.points,
    s.players,
    s.players < e.league_min_players as is_short,
    a.player_id as ambassador_player_id,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
join mpp.score s on s.subject_id = l.id
left join mpp.join_code c on c.league_id = l.id
left join mpp.ambassador a on a.league_id = l.id and a.is_principal
where (select private.is_ops());
comment on view api.ops_leagues is 'Every league with its size, points and ambassador. Staff only.';
grant select on api.ops_leagues to authenticated, service_role;

-- Misuse: more than ten validations within one minute, or more than forty in one day, by one player.
create view api.misuse with (security_invoker = true) as
select
    m.edition_id,
    m.player_id,
    p.alias,
    m.league_id,
    m.pattern,
    m.validations,
    m.points,
    m.first_at,
    m.last_at
from (
    select
        v.edition_id, v.player_id, v.league_id, 'burst' as pattern, count(*) as validations, sum(v.points) as points,
        min(v.validated_at) as first_at, max(v.validated_at) as last_at
    from mpp.validation v
    where v.state <> 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('minute', v.validated_at)
    having count(*) > 10
    union all
    select
        v.edition_id, v.player_id, v.league_id, 'daily rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    where v.state <> 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('day', v.validated_at at time zone 'Europe/Paris')
    having count(*) > 40
) m
join mpp.player p on p.id = m.player_id
where (select private.is_ops());
comment on view api.misuse is 'Players who validated implausibly fast: over 10 in a minute, or over 40 in a day. Staff only.';
grant select on api.misuse to authenticated, service_role;
-- Last. Every table and view belongs to mpp_owner, and row-level security binds the owner too. The functions stay with
-- the role that deploys, which is what lets a security definer function read what its caller may not.
do $$
declare
    relation record;
begin
    for relation in
        select c.oid::regclass as name, c.relkind
        from pg_catalog.pg_class c
        where c.relnamespace in ('mpp'::regnamespace, 'api'::regnamespace)
            and c.relkind in ('r', 'p', 'v')
        order by c.oid
    loop
        if relation.relkind = 'v' then
            execute format('alter view %s owner to mpp_owner', relation.name);
        else
            execute format('alter table %s owner to mpp_owner', relation.name);
            execute format('alter table %s force row level security', relation.name);
        end if;
    end loop;
end
$$;

-- A request may ask PostgREST for the planner's estimate of a count, and row-level security does not hide an estimate:
-- without statistics on what is private it is the same whatever value is asked for. Ranks and lists do not need them,
-- since every query of the game reaches these tables by a key.
do $$
declare
    private_column record;
begin
    for private_column in
        select a.attrelid::regclass as relation, a.attname as name
        from pg_catalog.pg_attribute a
        where a.attnum > 0
            and not a.attisdropped
            and (
                a.attrelid in (
                    'mpp.profile'::regclass, 'mpp.consent'::regclass, 'mpp.player'::regclass, 'mpp.player_contact'::regclass,
                    'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.ambassador'::regclass, 'mpp.join_code'::regclass,
                    'mpp.conduct_report'::regclass, 'mpp.validation'::regclass, 'mpp.unlock'::regclass,
                    'mpp.unlock_guess'::regclass, 'mpp.ops_member'::regclass, 'mpp.audit'::regclass,
                    'mpp.theme'::regclass, 'mpp.challenge'::regclass, 'mpp.edition_challenge'::regclass, 'mpp.edition'::regclass
                )
                or (a.attrelid = 'mpp.score'::regclass and a.attname not in ('edition_id', 'scope'))
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;
