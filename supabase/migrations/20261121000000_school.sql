-- MPP School: schools and teachers, classes and pupils, families, tracking sheets, rankings of classes and schools.
-- What changes in tables that are there comes first; then what is new or different, in the order of sql/schema.

-- Views that show more than before are made anew further down.
drop view api.challenges;
drop view api.my_profile;
drop view api.league_ranking;
drop view api.edition_statistics;
drop view api.my_leagues;
drop view api.league_teams;
drop view api.league_members;
drop view api.league_validations;
drop view api.ops_leagues;
drop view api.misuse;
drop policy edition_challenge_select_authenticated on mpp.edition_challenge;
drop index mpp.league_name_once;
drop function private.hold_profile(uuid);

-- Classes are also counted within their level.
alter domain api.ranking_scope drop constraint ranking_scope_known;
alter domain api.ranking_scope
    add constraint ranking_scope_known check (
        value in ('player', 'team', 'league', 'maternelle', 'elementaire', 'college', 'lycee')
    );

-- 00_foundation.sql

create domain mpp.school_level as text
    constraint school_level_known check (value in ('maternelle', 'elementaire', 'college', 'lycee'));

comment on domain mpp.school_level is 'Level of a class or school: maternelle, elementaire, college or lycee.';

-- How names are compared: without case, accents and ligatures, so that Léa, LEA and lea are one name. Accents go before
-- case does, because a database in the C locale knows the case of ASCII letters only.
create function private.folded(value text) returns text
    language sql
    immutable
    parallel safe
    strict
    set search_path = ''
as $$
    select lower(replace(replace(replace(replace(replace(
        regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]', '', 'g'),
        'œ', 'oe'), 'Œ', 'OE'), 'æ', 'ae'), 'Æ', 'AE'), 'ß', 'ss'))
$$;

revoke execute on function private.folded(text) from public;

-- Indexes are computed by the owner of the table when it is analysed or indexed again.
grant usage on schema private to mpp_owner;

grant execute on function private.folded(text) to mpp_owner;

-- One word of letters, in any script; a hyphen or an apostrophe may join two. The letters are listed, because what a
-- database counts as one depends on its locale.
create function private.is_one_word(value text) returns boolean
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select coalesce(value ~ ('^' || w.letters || '+([-''’]' || w.letters || '+)*$') and value ~ '[^\u0300-\u036f]', false)
    from (
        select '['
            -- Latin, combining accents
            || 'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0300-\u036f\u1e00-\u1eff'
            -- Greek, Cyrillic, Armenian, Georgian
            || '\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u03ff\u1f00-\u1fff\u0400-\u0481\u048a-\u052f'
            || '\u0531-\u0556\u0560-\u0588\u10a0-\u10fa\u10fc-\u10ff\u1c90-\u1cbf'
            -- Hebrew, Arabic, Ethiopic
            || '\u05b0-\u05bd\u05d0-\u05f2\u0620-\u065f\u066e-\u06d3\u06fa-\u06fc\u1200-\u135f'
            -- India, from Devanagari to Sinhala
            || '\u0900-\u0963\u0971-\u0983\u0985-\u09e3\u0a01-\u0a65\u0a81-\u0ae3\u0b01-\u0b63\u0b82-\u0be3\u0c00-\u0c63'
            || '\u0c80-\u0ce3\u0d00-\u0d63\u0d81-\u0de3'
            -- Thai, Lao, Tibetan, Burmese, Korean letters, Khmer, Mongolian
            || '\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0f40-\u0fbc\u1000-\u103f\u1050-\u108f\u1100-\u11ff\u1780-\u17d3\u1820-\u18aa'
            -- Japanese, Chinese, Korean
            || '\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3'
            || ']' as letters
    ) w
$$;

revoke execute on function private.is_one_word(text) from public;

grant execute on function private.is_one_word(text) to mpp_owner;

-- 01_refusal.sql

-- Every refusal of the game: its SQLSTATE, and what it says in English and in French.
-- docs/errors.md and mpp_supabase/errors.py hold the same list; a test compares the three.

create or replace function private.refusals()
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
    ('MP008', 'TeacherOnly', 'Only a teacher of this class may do this.', 'Seul·e un·e enseignant·e de cette classe peut faire cela.',
        'Ask the teacher of the class.', 'Demandez à l’enseignant·e de la classe.'),
    ('MP009', 'NotATeacher', 'This account is not registered as a teacher.', 'Ce compte n’est pas inscrit comme enseignant·e.',
        'Call register_teacher first.', 'Appelez d’abord register_teacher.'),
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
    ('MP028', 'WrongAudience', 'Edition %1$s is for another audience.', 'L’édition %1$s s’adresse à un autre public.',
        'Leagues play in public editions, classes in school editions.', 'Les ligues jouent dans les éditions grand public, les classes dans les éditions scolaires.'),
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
    ('MP039', 'LeagueLimit', 'You have already created %1$s leagues or classes in this edition.', 'Vous avez déjà créé %1$s ligues ou classes dans cette édition.',
        'Use one of them.', 'Utilisez l’une d’elles.'),
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
    -- schools and classes
    ('MP080', 'SchoolUnknown', 'There is no such school.', 'Cet établissement n’existe pas.',
        'Search for it, or add it.', 'Cherchez-le, ou ajoutez-le.'),
    ('MP081', 'RepeatedFirstName', 'A first name comes twice in the class (pupil %1$s of the list): each needs an initial of their own.', 'Un prénom est porté deux fois dans la classe (élève %1$s de la liste) : il faut une initiale à chacun·e.',
        'Give an initial to each of them, also to the one who is in the class already.', 'Donnez une initiale à chacun·e, y compris à l’élève déjà dans la classe.'),
    ('MP082', 'InvitationUnknown', 'No invitation has this code, or it was used or has expired.', 'Aucune invitation n’a ce code, ou elle a déjà servi ou expiré.',
        'Ask the teacher of the class for a new one.', 'Demandez-en une nouvelle à l’enseignant·e de la classe.'),
    ('MP083', 'NotInClass', 'A pupil, a team or a validation that was named is not in this class.', 'Un·e élève, une équipe ou une validation indiquée n’est pas dans cette classe.',
        'Read the class again.', 'Relisez la classe.'),
    ('MP084', 'ChallengeNotChosen', 'This challenge is not in play for this class.', 'Ce défi n’est pas en jeu pour cette classe.',
        'Choose it for the class first, or another of its level.', 'Choisissez-le d’abord pour la classe, ou un autre de son niveau.'),
    ('MP085', 'SchoolLimit', 'You have added %1$s schools today.', 'Vous avez ajouté %1$s établissements aujourd’hui.',
        'Search for the school, or try again tomorrow.', 'Cherchez l’établissement, ou réessayez demain.'),
    ('MP086', 'ClassesFollowed', 'This account already follows %1$s classes.', 'Ce compte suit déjà %1$s classes.',
        'Use another account.', 'Utilisez un autre compte.'),
    -- what the tables refuse to everyone
    ('MP060', 'LedgerFact', 'A validation keeps its facts: %1$s.', 'Une validation garde ses faits : %1$s.',
        'Cancel it and record a new one.', 'Annulez-la et enregistrez-en une nouvelle.'),
    ('MP061', 'AppendOnly', 'Rows of %1$s are only ever added.', 'Les lignes de %1$s ne font que s’ajouter.',
        'Add a row that says what changed.', 'Ajoutez une ligne qui dit ce qui a changé.'),
    ('MP070', 'ImportRefused', '%1$s row(s) cannot be imported; the first: %2$s.', '%1$s ligne(s) ne peuvent être importées ; la première : %2$s.',
        'Correct the rows and import again; nothing was written.', 'Corrigez les lignes et recommencez ; rien n’a été enregistré.')
$$;

-- 10_edition.sql

comment on domain api.ranking_scope
    is 'What is ranked: players, teams, leagues (classes are leagues), or the classes of one school level.';

-- Editions that a person may read: opened ones, and private ones only from inside.
create or replace function private.my_private_edition_ids() returns setof integer
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
    where p.account_id = (select auth.uid()) and e.organisation_id is not null
    union
    select l.edition_id
    from private.my_league_ids() m (league_id)
    join mpp.league l on l.id = m.league_id
    join mpp.edition e on e.id = l.edition_id
    where e.organisation_id is not null;
end
$$;

-- 20_challenge.sql

alter table mpp.challenge add column curriculum text[] not null default '{}';
alter table mpp.edition_challenge
    add column levels mpp.school_level[] constraint edition_challenge_levels_check check (cardinality(levels) > 0);

create table mpp.curriculum_theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,60}$'),
    name mpp.translated not null
);

comment on table mpp.curriculum_theme is 'What of the school curriculum a challenge works on.';

comment on column mpp.challenge.curriculum is 'Codes of mpp.curriculum_theme; apply_edition, the only writer, checks them.';

comment on column mpp.edition_challenge.levels is 'Levels whose classes may play it; null in a public edition.';

-- Teachers choose what their class plays before the edition starts.
create function private.my_taught_edition_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select distinct l.edition_id
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id
    where a.account_id = (select auth.uid()) and l.school_id is not null;
end
$$;

revoke execute on function private.my_taught_edition_ids() from public;

grant execute on function private.my_taught_edition_ids() to authenticated;

alter table mpp.curriculum_theme enable row level security;

create policy edition_challenge_select_authenticated on mpp.edition_challenge
    for select to authenticated
    using (
        (
            (
                edition_id in (select e.id from mpp.edition e where e.opened_at is not null and e.starts_at <= now())
                or edition_id in (select private.my_taught_edition_ids())
            )
            and (kind <> 'hidden' or id in (select private.my_unlocked_challenge_ids()))
            and (kind <> 'flash' or (opens_at <= now() and now() < closes_at))
        )
        or (select private.is_ops())
    );

create policy curriculum_theme_select_everyone on mpp.curriculum_theme
    for select to anon, authenticated
    using (code in (select unnest(c.curriculum) from mpp.challenge c));

grant select on mpp.theme, mpp.curriculum_theme, mpp.challenge to anon, authenticated, service_role;

grant select (id, edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor, needs_proof, opens_at, closes_at,
    levels)
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
    k.goals,
    c.levels::text[] as levels,
    k.curriculum
from mpp.edition_challenge c
join mpp.challenge k on k.id = c.challenge_id
join mpp.theme t on t.code = k.theme;

comment on view api.challenges is 'Challenges in play and visible to the caller now: flash inside their window, hidden once unlocked.';

grant select on api.challenges to anon, authenticated, service_role;

create view api.curriculum_themes with (security_invoker = true) as
select t.code, t.name from mpp.curriculum_theme t;

comment on view api.curriculum_themes is 'Names of the curriculum themes that challenges refer to.';

grant select on api.curriculum_themes to anon, authenticated, service_role;

-- 30_profile.sql

alter table mpp.profile
    alter column alias drop not null,
    alter column country drop not null,
    alter column postcode drop not null,
    alter column birth_date drop not null,
    add constraint profile_plays_or_not check (num_nulls(alias, country, postcode, birth_date) in (0, 4));

comment on table mpp.profile is 'A person who plays or teaches: read by that person and by the staff only. The e-mail address stays in Auth.';

comment on column mpp.profile.alias is 'Name in public; null for a teacher who does not play.';

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
where p.id = (select auth.uid()) and p.alias is not null;

comment on view api.my_profile is 'The caller''s own profile: one row, or none before register.';

grant select on api.my_profile to authenticated;

-- The account behind a request: signed in, and not anonymous unless that is allowed.
create function private.signed_in(anonymous_too boolean default false) returns uuid
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
    -- Read live: a disabled account is out at once, not when its token ends.
    if exists (select from auth.users u where u.id = account and u.banned_until > now()) then
        perform private.refuse('MP001');
    end if;
    return account;
end
$$;

revoke execute on function private.signed_in(boolean) from public;

-- The account behind a request that wants to write: not anonymous, registered, and no maintenance going on.
create or replace function private.begin_write(registered boolean default true) returns uuid
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    account uuid := private.signed_in();
begin
    perform private.require_no_maintenance();
    if registered and not exists (select from mpp.profile p where p.id = account) then
        perform private.refuse('MP003');
    end if;
    return account;
end
$$;

create or replace function private.register(
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
    -- A teacher who now plays too.
    on conflict on constraint profile_pkey do update
    set first_name = excluded.first_name, last_name = excluded.last_name, alias = excluded.alias, country = excluded.country,
        postcode = excluded.postcode, birth_date = excluded.birth_date, language = excluded.language, sector = excluded.sector,
        acquisition_channel = excluded.acquisition_channel, picture_path = excluded.picture_path
    where p.alias is null;
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

create or replace function private.update_profile(
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
    if old_row.alias is null then
        perform private.refuse('MP003');
    end if;
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

-- 35_school.sql

-- Schools and their teachers. A school is public knowledge (the Ministry publishes its directory); classes, which belong
-- to one, are leagues (40_league, 45_class).

-- The code of a French school (RNE, today UAI): seven digits, and a letter that checks them.
create function private.is_rne(code text) returns boolean
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select case
        when code ~ '^[0-9]{7}[A-Z]$'
            then substr('ABCDEFGHJKLMNPRSTUVWXYZ', 1 + left(code, 7)::integer % 23, 1) = right(code, 1)
        else false
    end
$$;

revoke execute on function private.is_rne(text) from public;

-- What a search compares: folded, and anything that is no letter or digit is a space.
create function private.searchable(value text) returns text
    language sql
    immutable
    parallel safe
    strict
    set search_path = ''
as $$
    select btrim(regexp_replace(private.folded(value), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+', ' ', 'g'))
$$;

revoke execute on function private.searchable(text) from public;

grant execute on function private.searchable(text) to mpp_owner;

-- Every three characters in a row inside its words. An index on this array finds a part of a name without an extension.
create function private.trigrams(searchable text) returns text[]
    language sql
    immutable
    parallel safe
    strict
    set search_path = ''
as $$
    select array(
        select distinct substr(searchable, i, 3)
        from generate_series(1, char_length(searchable) - 2) i
        where strpos(substr(searchable, i, 3), ' ') = 0
    )
$$;

revoke execute on function private.trigrams(text) from public;

grant execute on function private.trigrams(text) to mpp_owner;

create table mpp.school (
    id uuid primary key default private.uuid_v7(),
    rne text unique check (rne is null or private.is_rne(rne)),
    name mpp.line not null,
    levels mpp.school_level[] not null check (cardinality(levels) between 1 and 4),
    country text not null default 'FR' check (country ~ '^[A-Z]{2}$'),
    postcode text not null check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    city mpp.line not null,
    is_hidden boolean not null default false,
    created_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    search_text text not null generated always as (
        private.searchable(coalesce(rne, '') || ' ' || postcode || ' ' || city || ' ' || name)
    ) stored,
    constraint school_in_france_has_rne check (country <> 'FR' or rne is not null)
);

comment on table mpp.school is 'Schools: from the directory of the Ministry, or added by a teacher. Abroad there is no RNE.';

comment on column mpp.school.is_hidden is 'Taken off the lists by the staff: a joke, a double, a name against the law.';

create unique index school_abroad_once
    on mpp.school (country, private.searchable(postcode), private.searchable(city), private.searchable(name))
    where rne is null;

-- Without a list of pending entries, which would make searches slow until the next vacuum.
create index school_search on mpp.school using gin (private.trigrams(search_text)) with (fastupdate = off);

create index school_created_by on mpp.school (created_by, created_at) where created_by is not null;

create table mpp.teacher (
    account_id uuid primary key references mpp.profile (id) on delete cascade,
    role mpp.line not null check (char_length(role) <= 80),
    subject mpp.line check (char_length(subject) <= 80),
    registered_at timestamptz not null default clock_timestamp()
);

comment on table mpp.teacher is 'A referring adult: what they do at school, for internal statistics. Their name is in mpp.profile.';

alter table mpp.school enable row level security;

alter table mpp.teacher enable row level security;

create policy school_select_everyone on mpp.school
    for select to anon, authenticated
    using (not is_hidden);

create policy teacher_select_authenticated on mpp.teacher
    for select to authenticated
    using (account_id = (select auth.uid()) or (select private.is_ops()));

grant select (id, rne, name, levels, country, postcode, city, is_hidden) on mpp.school to anon, authenticated;

grant select on mpp.school to service_role;

grant select on mpp.teacher to authenticated, service_role;

create view api.schools with (security_invoker = true) as
select s.id as school_id, s.rne, s.name, s.levels::text[] as levels, s.country, s.postcode, s.city
from mpp.school s
where not s.is_hidden;

comment on view api.schools is 'Schools by id or RNE. To find one by a part of its name use search_schools.';

grant select on api.schools to anon, authenticated, service_role;

create view api.my_teacher with (security_invoker = true) as
select
    p.id,
    p.first_name,
    p.last_name,
    auth.jwt() ->> 'email' as email,
    t.role,
    t.subject,
    p.language,
    t.registered_at
from mpp.teacher t
join mpp.profile p on p.id = t.account_id
where t.account_id = (select auth.uid());

comment on view api.my_teacher is 'The caller as a teacher: one row, or none before register_teacher.';

grant select on api.my_teacher to authenticated;

-- The account behind a teacher's request.
create function private.begin_teach() returns uuid
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    account uuid := private.begin_write(registered => false);
begin
    if not exists (select from mpp.teacher t where t.account_id = account) then
        perform private.refuse('MP009');
    end if;
    return account;
end
$$;

revoke execute on function private.begin_teach() from public;

create function private.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text, language text,
    class_alerts boolean, newsletter boolean
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
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    -- The token of a deleted account still signs in until it expires.
    if not exists (select from auth.users u where u.id = account) then
        perform private.refuse('MP001');
    end if;
    -- Somebody who plays already keeps their profile.
    insert into mpp.profile (id, first_name, last_name, language)
    values (account, private.clean_line('first_name', register_teacher.first_name),
        private.clean_line('last_name', register_teacher.last_name), register_teacher.language)
    on conflict do nothing;
    insert into mpp.teacher (account_id, role, subject)
    values (account, private.clean_line('role', register_teacher.role, 80),
        case when register_teacher.subject is not null then private.clean_line('subject', register_teacher.subject, 80) end)
    on conflict do nothing;
    if not found then
        perform private.refuse('MP004');
    end if;
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, current_terms, 'app'
    from (values ('terms', true), ('league_alerts', class_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;

revoke execute on function private.register_teacher(text, text, text, text, text, text, boolean, boolean) from public;

grant execute on function private.register_teacher(text, text, text, text, text, text, boolean, boolean) to authenticated;

create function api.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text default null, language text default 'fr',
    class_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.register_teacher(first_name, last_name, role, terms_version, subject, language, class_alerts, newsletter);
end;

comment on function api.register_teacher(text, text, text, text, text, text, boolean, boolean)
    is 'Registers the caller as a teacher, accepting the current terms of use; an adult who plays already keeps their profile. Returns the account id. Errors: MP001, MP002, MP004, MP010, MP011, MP051.';

revoke execute on function api.register_teacher(text, text, text, text, text, text, boolean, boolean) from public;

grant execute on function api.register_teacher(text, text, text, text, text, text, boolean, boolean) to authenticated;

create function private.update_teacher(first_name text, last_name text, role text, subject text, language text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_teach();
begin
    if language is not null and language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', language, 'Use fr, en or de.');
    end if;
    perform private.lock_editions_of(account);
    update mpp.profile p
    set first_name = private.clean_line('first_name', coalesce(update_teacher.first_name, p.first_name)),
        last_name = private.clean_line('last_name', coalesce(update_teacher.last_name, p.last_name)),
        language = coalesce(update_teacher.language, p.language)
    where p.id = account;
    update mpp.teacher t
    set role = private.clean_line('role', coalesce(update_teacher.role, t.role), 80),
        subject = case when update_teacher.subject = '' then null
            when update_teacher.subject is null then t.subject else private.clean_line('subject', update_teacher.subject, 80) end
    where t.account_id = account;
end
$$;

revoke execute on function private.update_teacher(text, text, text, text, text) from public;

grant execute on function private.update_teacher(text, text, text, text, text) to authenticated;

create function api.update_teacher(
    first_name text default null, last_name text default null, role text default null, subject text default null,
    language text default null
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.update_teacher(first_name, last_name, role, subject, language);
end;

comment on function api.update_teacher(text, text, text, text, text)
    is 'Corrects the caller''s data as a teacher; what is left out stays, an empty subject clears it. Errors: MP001, MP002, MP009, MP010, MP011.';

revoke execute on function api.update_teacher(text, text, text, text, text) from public;

grant execute on function api.update_teacher(text, text, text, text, text) to authenticated;

create type api.school_found as (
    school_id uuid, rne text, name text, levels text[], country text, postcode text, city text
);

comment on type api.school_found is 'A school that a search found.';

-- Every word of the query must be part of the code, postcode, city or name. Words of three characters go through the
-- index; shorter ones only narrow what it finds.
create function private.search_schools(query text, country text, level text, results integer) returns setof api.school_found
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
    -- A search for «école» matches most of the table, and the planner would then rather read all of it.
    set enable_seqscan = off
as $$
declare
    asked text;
    patterns text[];
begin
    if not private.is_ops() then
        perform private.signed_in();
    end if;
    if octet_length(query) > 400 then
        perform private.refuse('MP010', 'query', 'it is too long', 'Type a code, a postcode, a city or a part of the name.');
    end if;
    asked := coalesce(private.searchable(query), '');
    if cardinality(private.trigrams(asked)) = 0 then
        perform private.refuse('MP010', 'query', 'it has no three letters in a row', 'Type a code, a postcode, a city or a part of the name.');
    end if;
    -- Each word once, and none that is part of another: every one costs a look at every candidate.
    patterns := array(
        select distinct '%' || w.word || '%'
        from unnest(string_to_array(asked, ' ')) w (word)
        where not exists (
            select from unnest(string_to_array(asked, ' ')) o (word) where o.word <> w.word and strpos(o.word, w.word) > 0
        )
    );
    if cardinality(patterns) > 8 then
        perform private.refuse('MP010', 'query', format('it has %s words', cardinality(patterns)), 'Use 8 words at most.');
    end if;
    if results is null or results not between 1 and 100 then
        perform private.refuse('MP010', 'results', coalesce(results::text, 'it is empty'), 'Ask for 1 to 100.');
    end if;
    if level is not null and level not in ('maternelle', 'elementaire', 'college', 'lycee') then
        perform private.refuse('MP010', 'level', left(level, 40), 'Use maternelle, elementaire, college or lycee.');
    end if;
    return query
    select f.id, f.rne, f.name::text, f.levels::text[], f.country, f.postcode, f.city::text
    from (
        -- Enough to choose from: a query that finds more wants another word.
        select s.*
        from mpp.school s
        where private.trigrams(s.search_text) @> private.trigrams(asked)
            and not s.is_hidden
            and (search_schools.country is null or s.country = search_schools.country)
            and (search_schools.level is null or search_schools.level = any (s.levels))
            and s.search_text like all (patterns)
        limit 500
    ) f
    order by strpos(private.searchable(f.name), asked) <> 1, private.searchable(f.name), f.city, f.id
    limit results;
end
$$;

revoke execute on function private.search_schools(text, text, text, integer) from public;

grant execute on function private.search_schools(text, text, text, integer) to authenticated, service_role;

create function api.search_schools(query text, country text default null, level text default null, results integer default 20)
    returns setof api.school_found
    language sql
    stable
    rows 20
    set search_path = ''
    set statement_timeout = '2s'
begin atomic
    select * from private.search_schools(query, country, level, results);
end;

comment on function api.search_schools(text, text, text, integer)
    is 'Schools whose code, postcode, city or name holds every word of the query, accents or not; at least one word of three letters. Any account that is not anonymous. Errors: MP001, MP002, MP010.';

revoke execute on function api.search_schools(text, text, text, integer) from public;

grant execute on function api.search_schools(text, text, text, integer) to authenticated, service_role;

create function private.check_school(rne text, country text, postcode text, levels text[]) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if rne is not null and not private.is_rne(rne) then
        perform private.refuse('MP010', 'rne', format('%s is not a school code', left(rne, 20)),
            'Copy the seven digits and the letter that checks them, such as 0123456S.');
    end if;
    if country is null or country !~ '^[A-Z]{2}$' then
        perform private.refuse('MP010', 'country', coalesce(left(country, 20), 'it is empty'), 'Use two capital letters (ISO 3166), such as FR.');
    end if;
    if country = 'FR' and rne is null then
        perform private.refuse('MP010', 'rne', 'it is empty', 'Give the RNE code of the school; only schools abroad have none.');
    end if;
    if postcode is null or postcode !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' or (country = 'FR' and postcode !~ '^[0-9]{5}$') then
        perform private.refuse('MP010', 'postcode', coalesce(left(postcode, 20), 'it is empty'), 'Give the postcode, such as 75008.');
    end if;
    if coalesce(cardinality(levels), 0) = 0 or not levels <@ array['maternelle', 'elementaire', 'college', 'lycee']
        or array_position(levels, null) is not null then
        perform private.refuse('MP010', 'levels', left(coalesce(array_to_string(levels, ', ', 'null'), 'it is empty'), 80),
            'Use one or more of maternelle, elementaire, college and lycee.');
    end if;
end
$$;

revoke execute on function private.check_school(text, text, text, text[]) from public;

-- In the order of a pupil's life, each once.
create function private.levels_in_order(levels text[]) returns mpp.school_level[]
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select array(
        select l.level::mpp.school_level
        from unnest(array['maternelle', 'elementaire', 'college', 'lycee']) with ordinality l (level, place)
        where l.level = any (levels)
        order by l.place
    )
$$;

revoke execute on function private.levels_in_order(text[]) from public;

create function private.add_school(name text, city text, postcode text, levels text[], country text, rne text) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := case when private.is_ops() then (select auth.uid()) else private.begin_teach() end;
    code text := upper(regexp_replace(left(rne, 40), '\s', '', 'g'));
    cleaned_name text := private.clean_line('name', name, 120);
    cleaned_city text := private.clean_line('city', city, 80);
    added integer;
    school uuid;
begin
    perform private.check_school(nullif(code, ''), country, postcode, levels);
    code := nullif(code, '');
    -- A school that is known stays as it is, whoever describes it again.
    select s.id into school
    from mpp.school s
    where case when code is not null then s.rne = code
        else s.rne is null and s.country = add_school.country
            and private.searchable(s.postcode) = private.searchable(add_school.postcode)
            and private.searchable(s.city) = private.searchable(cleaned_city)
            and private.searchable(s.name) = private.searchable(cleaned_name) end;
    if found then
        return school;
    end if;
    -- One at a time for one account, so that the limit holds.
    if account is not null then
        perform pg_advisory_xact_lock(hashtext('mpp.school'), hashtext(account::text));
        select count(*) into added from mpp.school s where s.created_by = account and s.created_at > private.clock() - interval '1 day';
        if added >= 5 and not private.is_ops() then
            perform private.refuse('MP085', '5');
        end if;
    end if;
    insert into mpp.school (rne, name, levels, country, postcode, city, created_by)
    values (code, cleaned_name, private.levels_in_order(add_school.levels), add_school.country, add_school.postcode, cleaned_city, account)
    on conflict do nothing
    returning id into school;
    if school is null then
        -- Somebody added it in the same instant.
        select s.id into school
        from mpp.school s
        where case when code is not null then s.rne = code
            else s.rne is null and s.country = add_school.country
                and private.searchable(s.postcode) = private.searchable(add_school.postcode)
                and private.searchable(s.city) = private.searchable(cleaned_city)
                and private.searchable(s.name) = private.searchable(cleaned_name) end;
    end if;
    return school;
end
$$;

revoke execute on function private.add_school(text, text, text, text[], text, text) from public;

grant execute on function private.add_school(text, text, text, text[], text, text) to authenticated, service_role;

create function api.add_school(
    name text, city text, postcode text, levels text[], country text default 'FR', rne text default null
) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.add_school(name, city, postcode, levels, country, rne);
end;

comment on function api.add_school(text, text, text, text[], text, text)
    is 'Adds a school and returns its id; one that is known already (same RNE, or abroad same name and place) is returned as it is. Teachers, five a day, and staff. Errors: MP001, MP002, MP009, MP010, MP011, MP085.';

revoke execute on function api.add_school(text, text, text, text[], text, text) from public;

grant execute on function api.add_school(text, text, text, text[], text, text) to authenticated, service_role;

create function private.correct_school(
    school_id uuid, name text, city text, postcode text, levels text[], is_hidden boolean
) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    was mpp.school;
begin
    perform private.require_ops();
    select * into was from mpp.school s where s.id = correct_school.school_id for no key update;
    if not found then
        perform private.refuse('MP080');
    end if;
    perform private.check_school(was.rne, was.country, coalesce(postcode, was.postcode), coalesce(levels, was.levels::text[]));
    update mpp.school s
    set name = private.clean_line('name', coalesce(correct_school.name, s.name), 120),
        city = private.clean_line('city', coalesce(correct_school.city, s.city), 80),
        postcode = coalesce(correct_school.postcode, s.postcode),
        levels = case when correct_school.levels is null then s.levels else private.levels_in_order(correct_school.levels) end,
        is_hidden = coalesce(correct_school.is_hidden, s.is_hidden)
    where s.id = was.id;
    -- The classes of a school that is none are none either, until it comes back. In a frozen edition they cannot.
    if is_hidden is not null then
        perform private.lock_edition(x.edition_id)
        from (select distinct l.edition_id from mpp.league l where l.school_id = was.id order by l.edition_id) x;
        perform
        from mpp.score s
        where s.subject_id in (select l.id from mpp.league l where l.school_id = was.id)
        order by s.subject_id
        for no key update;
        if is_hidden then
            update mpp.league l
            set listed = false, held_back = true, hidden_with_school = true
            where l.school_id = was.id and l.listed;
        else
            update mpp.league l
            set listed = true, held_back = false, hidden_with_school = false
            from mpp.edition e
            where l.school_id = was.id and l.hidden_with_school and e.id = l.edition_id and e.frozen_at is null;
        end if;
    end if;
    perform private.record_act('school.correct', was.id::text, jsonb_strip_nulls(jsonb_build_object(
        'name', correct_school.name, 'city', correct_school.city, 'postcode', correct_school.postcode,
        'levels', correct_school.levels, 'is_hidden', correct_school.is_hidden)));
exception when unique_violation then
    perform private.refuse('MP038', coalesce(name, was.name));
end
$$;

revoke execute on function private.correct_school(uuid, text, text, text, text[], boolean) from public;

grant execute on function private.correct_school(uuid, text, text, text, text[], boolean) to authenticated, service_role;

create function api.correct_school(
    school_id uuid, name text default null, city text default null, postcode text default null, levels text[] default null,
    is_hidden boolean default null
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.correct_school(school_id, name, city, postcode, levels, is_hidden);
end;

comment on function api.correct_school(uuid, text, text, text, text[], boolean)
    is 'Corrects a school, or takes it off the lists and its classes out of the rankings; what is left out stays. Its classes come back with it, but for editions that are frozen. Staff. Errors: MP006, MP010, MP038, MP080.';

revoke execute on function api.correct_school(uuid, text, text, text, text[], boolean) from public;

grant execute on function api.correct_school(uuid, text, text, text, text[], boolean) to authenticated, service_role;

create type api.import_outcome as (added integer, changed integer, unchanged integer);

comment on type api.import_outcome is 'How many rows an import added, changed, and found as they were.';

-- One piece of the directory: [{"rne", "name", "levels", "country", "postcode", "city"}]. The same piece again changes
-- nothing, so that a load that was cut short is simply done again.
create function private.import_schools(schools jsonb) returns api.import_outcome
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    outcome api.import_outcome;
    first_wrong text;
    wrong integer;
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if jsonb_typeof(schools) is distinct from 'array' then
        perform private.refuse('MP010', 'schools', 'it is not a list', 'Send [{"rne", "name", "levels", "country", "postcode", "city"}].');
    end if;
    -- Two loads at once take turns.
    perform pg_advisory_xact_lock(hashtext('mpp.school'), 0);
    select count(*), (array_agg(format('row %s: %s', f.row_number, f.fault) order by f.row_number))[1] into wrong, first_wrong
    from (
        select p.row_number,
            case
                when p.rne is null or not private.is_rne(p.rne) then format('%s is not a school code', coalesce(p.rne, 'nothing'))
                when count(*) over (partition by p.rne) > 1 then format('%s comes twice', p.rne)
                when coalesce(btrim(p.name), '') = '' or char_length(p.name) > 120 then format('the name of %s', p.rne)
                when coalesce(btrim(p.city), '') = '' or char_length(p.city) > 80 then format('the city of %s', p.rne)
                when p.country is null or p.country !~ '^[A-Z]{2}$' then format('the country of %s', p.rne)
                when p.postcode is null or p.postcode !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' then format('the postcode of %s', p.rne)
                when coalesce(cardinality(p.levels), 0) = 0 or not p.levels <@ array['maternelle', 'elementaire', 'college', 'lycee']
                    then format('the levels of %s', p.rne)
            end as fault
        from rows from (
            jsonb_to_recordset(schools) as (rne text, name text, levels text[], country text, postcode text, city text)
        ) with ordinality p (rne, name, levels, country, postcode, city, row_number)
    ) f
    where f.fault is not null;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;
    with piece as (
        select p.rne, private.clean_line('name', p.name, 120) as name, private.levels_in_order(p.levels) as levels, p.country,
            p.postcode, private.clean_line('city', p.city, 80) as city
        from jsonb_to_recordset(schools) p (rne text, name text, levels text[], country text, postcode text, city text)
        order by p.rne
    ), written as (
        insert into mpp.school as s (rne, name, levels, country, postcode, city)
        select p.rne, p.name, p.levels, p.country, p.postcode, p.city from piece p
        on conflict on constraint school_rne_key do update
        set name = excluded.name, levels = excluded.levels, country = excluded.country, postcode = excluded.postcode, city = excluded.city
        where (s.name, s.levels, s.country, s.postcode, s.city)
            is distinct from (excluded.name, excluded.levels, excluded.country, excluded.postcode, excluded.city)
        returning xmax = 0 as is_new
    )
    select count(*) filter (where w.is_new), count(*) filter (where not w.is_new), jsonb_array_length(schools) - count(*)
    into outcome
    from written w;
    return outcome;
exception when invalid_parameter_value or invalid_text_representation then
    perform private.refuse('MP010', 'schools', 'an element has another shape',
        'Send [{"rne", "name", "levels": […], "country", "postcode", "city"}].');
    return null;
end
$$;

revoke execute on function private.import_schools(jsonb) from public;

grant execute on function private.import_schools(jsonb) to service_role;

create function api.import_schools(schools jsonb) returns api.import_outcome
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '2min'
begin atomic
    select private.import_schools(schools);
end;

comment on function api.import_schools(jsonb)
    is 'Loads a piece of the directory of schools, all or none, matched by RNE; doing it again changes nothing. Secret key only. Errors: MP006, MP010, MP070.';

revoke execute on function api.import_schools(jsonb) from public;

grant execute on function api.import_schools(jsonb) to service_role;

-- 40_league.sql

alter table mpp.league
    alter column category drop not null,
    add column school_id uuid references mpp.school (id),
    add column level mpp.school_level,
    add column held_back boolean not null default false,
    add column hidden_with_school boolean not null default false,
    add constraint league_held_back check (not (held_back and listed)),
    add constraint league_or_class check (
        (school_id is null) = (level is null) and (school_id is null) = (category is not null) and not (school_id is not null and is_open)
    );
alter table mpp.player
    alter column alias drop not null,
    add column initial text,
    add column left_class_id uuid references mpp.league (id),
    add constraint player_pupil_is_private check (
        alias is not null
        or (
            account_id is null and picture_path is null and not listed
            and (first_name = '—' or (char_length(first_name) <= 30 and private.is_one_word(first_name)))
        )
    ),
    add constraint player_initial_of_pupil check (
        initial is null
        or (alias is null and char_length(initial) <= 2 and private.is_one_word(initial) and initial !~ '[-''’]')
    );

comment on table mpp.league is 'A group that plays together: friends, family, colleagues…, or a class of a school.';

comment on column mpp.league.held_back is 'Taken out of the rankings by the staff: its ambassadors do not put it back.';

comment on column mpp.league.hidden_with_school is 'Held back because its school was hidden, and put back with it.';

comment on column mpp.league.school_id is 'The school of a class; null for any other league.';

create index league_school on mpp.league (school_id) where school_id is not null;

-- Every school may have a CM2 A.
create unique index league_name_once
    on mpp.league (edition_id, coalesce(school_id, '00000000-0000-0000-0000-000000000000'), lower(name));

comment on table mpp.player is 'A person in an edition, as their league sees them; a player who left their league has none. A pupil of a class has no account and no alias.';

comment on column mpp.player.initial is 'Of a pupil''s surname, only while the first name repeats in the class.';

comment on column mpp.player.left_class_id is 'The class that a pupil has left: a class cannot go on taking in new ones for ever.';

create index player_left_class on mpp.player (left_class_id) where left_class_id is not null;

create unique index player_pupil_name_once on mpp.player (league_id, private.folded(first_name), coalesce(initial, ''))
    where alias is null and league_id is not null and first_name <> '—';

create table mpp.family (
    account_id uuid not null references auth.users (id) on delete cascade,
    league_id uuid not null references mpp.league (id),
    claimed_at timestamptz not null default clock_timestamp(),
    primary key (account_id, league_id)
);

comment on table mpp.family is 'Accounts, mostly anonymous, that read a class because they gave its code: pupils and parents.';

create index family_league on mpp.family (league_id);

-- Who the caller is in the leagues, read live: an expelled player, a removed teacher, a disabled account is out at once.
create function private.my_account() returns uuid
    language sql
    stable
    security definer
    set search_path = ''
as $$
    select u.id from auth.users u where u.id = (select auth.uid()) and (u.banned_until is null or u.banned_until <= now())
$$;

revoke execute on function private.my_account() from public;

grant execute on function private.my_account() to authenticated, service_role;

create or replace function private.my_player_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$ select p.id from mpp.player p where p.account_id = (select private.my_account()) $$;

create or replace function private.my_led_league_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$ select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account()) $$;

create or replace function private.my_league_ids() returns setof uuid
    language sql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
    select p.league_id from mpp.player p where p.account_id = (select private.my_account()) and p.league_id is not null
    union
    select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account())
    union
    select f.league_id from mpp.family f where f.account_id = (select private.my_account())
$$;

alter table mpp.family enable row level security;

create policy family_select_authenticated on mpp.family
    for select to authenticated
    using (account_id = (select auth.uid()) or (select private.is_ops()));

grant select (id, edition_id, name, category, is_open, listed, created_at, school_id, level) on mpp.league to authenticated;

grant select (id, edition_id, league_id, team_id, alias, first_name, picture_path, listed, joined_at, initial) on mpp.player to authenticated;

grant select on mpp.family to authenticated, service_role;

-- Keeps a profile from being deleted until the end of this transaction. The deletion takes the profile first, then what
-- belongs to it; whoever adds something to a profile does the same.
create function private.hold_profile(account uuid, plays boolean default true) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    perform from mpp.profile p where p.id = account and (p.alias is not null or not plays) for key share;
    if not found then
        perform private.refuse('MP003');
    end if;
end
$$;

revoke execute on function private.hold_profile(uuid, boolean) from public;

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

comment on function api.create_league(integer, text, api.league_category, boolean, text)
    is 'Creates a league with its teams and join code; the caller plays in it and is its ambassador. Returns the league id. An open league needs a phone. Errors: MP001–MP003, MP005, MP010, MP011, MP020, MP021, MP023, MP024, MP028, MP030, MP033, MP038, MP039.';

-- The team of a class says nothing about a pupil (45_class).
create function private.clean_team_name(league uuid, name text) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if exists (select from mpp.league l where l.id = league and l.school_id is not null) then
        return private.clean_class_text('name', name, 40);
    end if;
    return private.clean_line('name', name, 40);
end
$$;

revoke execute on function private.clean_team_name(uuid, text) from public;

create or replace function private.create_team(league_id uuid, name text) returns uuid
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
        select l.id, l.edition_id, private.clean_team_name(l.id, create_team.name)
        from mpp.league l
        where l.id = create_team.league_id
        returning id into team;
    exception when unique_violation then
        perform private.refuse('MP038', create_team.name);
    end;
    return team;
end
$$;

create or replace function private.rename_team(team_id uuid, name text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.begin_lead((select t.league_id from mpp.team t where t.id = rename_team.team_id));
    update mpp.team t set name = private.clean_team_name(t.league_id, rename_team.name) where t.id = rename_team.team_id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;

-- A player moves to another team of the league: themselves, or moved by the ambassador.
create or replace function private.choose_team(team_id uuid, player_id uuid) returns void
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
    -- A pupil has no account, nor has somebody who deleted theirs.
    if moved.id is null or not (
        coalesce(moved.account_id = account, false)
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

create or replace function private.expel_player(player_id uuid, reason text) returns void
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
    -- A pupil is not expelled: their teacher removes them from the class.
    select * into out from mpp.player p where p.id = expel_player.player_id and p.league_id = league and p.alias is not null;
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

create or replace function private.renew_join_code(league_id uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.begin_lead(renew_join_code.league_id);
    update mpp.join_code c set code = fresh, renewed_at = clock_timestamp() where c.league_id = renew_join_code.league_id;
    -- A class has none: families enter by another code.
    if not found then
        perform private.refuse('MP005');
    end if;
    return fresh;
end
$$;

comment on function api.renew_join_code(uuid)
    is 'Replaces the join code of a league and returns the new one; the old one no longer opens it. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';

-- In or out of the public ranking: a player for themselves, an ambassador for the league.
create or replace function private.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid;
    leads boolean;
    mine mpp.player;
begin
    if listed is null then
        perform private.refuse('MP010', 'listed', 'it is empty', 'Send true or false.');
    end if;
    if scope = 'league' then
        account := case when private.is_ops() then (select auth.uid()) else private.begin_write() end;
        perform private.begin_listing((select l.edition_id from mpp.league l where l.id = set_listing.subject_id), listed);
        perform private.lock_league(set_listing.subject_id);
        leads := exists (select from mpp.ambassador a where a.league_id = set_listing.subject_id and a.account_id = account);
        if not leads and not (private.is_ops() and exists (select from mpp.league l where l.id = set_listing.subject_id)) then
            perform private.refuse('MP007');
        end if;
        if leads and listed and exists (
            select
            from mpp.league l
            left join mpp.school h on h.id = l.school_id
            where l.id = set_listing.subject_id and (l.held_back or h.is_hidden)
        ) then
            perform private.refuse('MP010', 'listed', 'Ma Petite Planète took it out of the rankings', 'Write to Ma Petite Planète.');
        end if;
        update mpp.league l
        set listed = set_listing.listed,
            -- A league that says nothing good, a class that is none: what the staff take out stays out.
            held_back = case when leads then l.held_back else not set_listing.listed end,
            hidden_with_school = l.hidden_with_school and leads
        where l.id = set_listing.subject_id
            and (l.listed <> set_listing.listed or (not leads and l.held_back = set_listing.listed));
        if not leads then
            perform private.record_act('league.list', set_listing.subject_id::text, jsonb_build_object('listed', set_listing.listed));
        end if;
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

grant execute on function private.set_listing(api.ranking_scope, uuid, boolean) to authenticated, service_role;

comment on function api.set_listing(api.ranking_scope, uuid, boolean)
    is 'Shows or hides a player (themselves) or a league or class (its ambassadors or teachers, and staff) in the public ranking; what the staff took out stays out until they put it back. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP050.';

grant execute on function api.set_listing(api.ranking_scope, uuid, boolean) to authenticated, service_role;

-- Any member tells the association about a player of the league.
create or replace function private.report_conduct(player_id uuid, reason text) returns void
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
    where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids()) and p.alias is not null;
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

-- A deleted account leaves its points and its rank, under no name.
create or replace function private.profile_forget() returns trigger
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
    -- A class that nobody teaches any more is nobody's to show. Whoever was invited may still take it, and the staff may
    -- give it to another teacher.
    delete from mpp.family f
    where f.league_id in (select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null)
        and not exists (select from mpp.ambassador a where a.league_id = f.league_id);
    delete from mpp.class_code c
    where c.league_id = any (leagues) and not exists (select from mpp.ambassador a where a.league_id = c.league_id);
    return old;
end
$$;

-- 45_class.sql

-- Classes: leagues of a school, run by a teacher, whose players are pupils without accounts. Pupils are known by their
-- first name alone; an initial is added while that name repeats in the class. Families read their class, and only it.

create table mpp.class_challenge (
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    primary key (league_id, challenge_id)
);

comment on table mpp.class_challenge is 'What a teacher chose for the class; without a choice, everything of its level is in play.';

create index class_challenge_challenge on mpp.class_challenge (challenge_id);

create table mpp.class_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default clock_timestamp()
);

comment on table mpp.class_code is 'The code by which families enter a class, read by its teachers only; no row: nobody new enters.';

create table mpp.class_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    guessed_at timestamptz not null default clock_timestamp()
);

comment on table mpp.class_guess is 'Wrong class codes of the last hour; older ones are deleted by the next guess.';

create index class_guess_account on mpp.class_guess (account_id, guessed_at);

create table mpp.class_invitation (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    expires_at timestamptz not null
);

comment on table mpp.class_invitation is 'A teacher''s invitation to a colleague: one at a time for a class, taken once, gone after seven days.';

alter table mpp.class_challenge enable row level security;

alter table mpp.class_code enable row level security;

alter table mpp.class_guess enable row level security;

alter table mpp.class_invitation enable row level security;

create policy class_challenge_select_authenticated on mpp.class_challenge
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy class_code_select_authenticated on mpp.class_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

grant select on mpp.class_challenge, mpp.class_code to authenticated, service_role;

-- Locks a class for one of its teachers, or for the staff; returns the account.
create function private.begin_class(class uuid, when_frozen boolean default false) returns uuid
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := case when private.is_ops() then (select auth.uid()) else private.begin_write(registered => false) end;
    edition integer;
    frozen text;
begin
    select l.edition_id into edition from mpp.league l where l.id = class and l.school_id is not null;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(class);
    end if;
    if edition is null or not (
        by_ops or exists (select from mpp.ambassador a where a.league_id = class and a.account_id = account)
    ) then
        perform private.refuse('MP008');
    end if;
    if not when_frozen then
        select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
        if frozen is not null then
            perform private.refuse('MP024', frozen);
        end if;
    end if;
    return account;
end
$$;

revoke execute on function private.begin_class(uuid, boolean) from public;

-- What the staff do in a class in a teacher's place leaves a trace; what teachers do is theirs.
create function private.record_for_class(action text, class uuid, details jsonb default '{}') returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    if private.is_ops() then
        perform private.record_act(action, class::text, details);
    end if;
end
$$;

revoke execute on function private.record_for_class(text, uuid, jsonb) from public;

-- The edition of a class whose lock is held, if it is not over yet.
create function private.edition_going_on(class uuid) returns mpp.edition
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    e mpp.edition;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class;
    if private.clock() >= e.ends_at then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    return e;
end
$$;

revoke execute on function private.edition_going_on(uuid) from public;

create function private.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[], teacher_id uuid
) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid;
    e mpp.edition;
    school mpp.school;
    class uuid;
    called text := private.clean_class_text('name', name, 60);
    team_names text[];
begin
    if by_ops then
        account := coalesce(teacher_id, (select auth.uid()));
        if not exists (select from mpp.teacher t where t.account_id = account) then
            perform private.refuse('MP009');
        end if;
    else
        account := private.begin_teach();
        if teacher_id is not null and teacher_id <> account then
            perform private.refuse('MP006');
        end if;
    end if;
    -- Said before anything else of a private edition is.
    if not by_ops and exists (select from mpp.edition x where x.id = create_class.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.hold_profile(account, plays => false);
    -- One at a time for one account, so that the limit holds.
    perform pg_advisory_xact_lock(hashtext('mpp.class'), hashtext(account::text));
    -- Before the edition, as correct_school does; held, so that no class slips into a school that is being hidden.
    select * into school from mpp.school s where s.id = create_class.school_id and not s.is_hidden for share;
    e := private.begin_join(edition_id);
    if e.audience <> 'school' then
        perform private.refuse('MP028', e.code);
    end if;
    if school.id is null then
        perform private.refuse('MP080');
    end if;
    if level is null or not level = any (school.levels) then
        perform private.refuse('MP010', 'level', left(coalesce(level, 'it is empty'), 40),
            format('Use a level of this school: %s.', array_to_string(school.levels, ', ')));
    end if;
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 12 then
        perform private.refuse('MP039', '12');
    end if;
    if coalesce(cardinality(teams), 0) = 0 then
        team_names := array[case when private.speaks_french() then 'Équipe 1' else 'Team 1' end];
    elsif cardinality(teams) > e.teams_per_league then
        perform private.refuse('MP037', e.teams_per_league::text);
    else
        team_names := array(
            select private.clean_class_text('teams', t.name, 40) from unnest(teams) with ordinality t (name, place) order by t.place);
    end if;
    begin
        insert into mpp.league (edition_id, name, created_by, school_id, level)
        values (e.id, called, account, school.id, create_class.level)
        returning id into class;
    exception when unique_violation then
        perform private.refuse('MP038', called);
    end;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select class, e.id, t.name from unnest(team_names) with ordinality t (name, place) order by t.place;
    exception when unique_violation then
        perform private.refuse('MP038', array_to_string(team_names, ', '));
    end;
    insert into mpp.class_code (league_id, code) values (class, private.new_join_code());
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class, account, true);
    if by_ops then
        perform private.record_act('class.create', class::text, jsonb_build_object('teacher_id', account));
    end if;
    return class;
end
$$;

revoke execute on function private.create_class(integer, uuid, text, text, text[], uuid) from public;

grant execute on function private.create_class(integer, uuid, text, text, text[], uuid) to authenticated, service_role;

create function api.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[] default null, teacher_id uuid default null
) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.create_class(edition_id, school_id, name, level, teams, teacher_id);
end;

comment on function api.create_class(integer, uuid, text, text, text[], uuid)
    is 'Creates a class of a school with its teams (one unless they are named) and the code for its families; the caller is its teacher. Only the staff name another teacher_id. Returns the class id. Errors: MP001, MP002, MP005, MP006, MP009–MP011, MP020, MP021, MP023, MP024, MP028, MP037–MP039, MP080.';

revoke execute on function api.create_class(integer, uuid, text, text, text[], uuid) from public;

grant execute on function api.create_class(integer, uuid, text, text, text[], uuid) to authenticated, service_role;

create function private.update_class(class_id uuid, name text, level text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    class mpp.league;
begin
    perform private.begin_class(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if level is not null and level <> class.level then
        if not exists (select from mpp.school s where s.id = class.school_id and update_class.level = any (s.levels)) then
            perform private.refuse('MP010', 'level', left(level, 40), 'Use a level of the school of this class.');
        end if;
        -- Its challenges and its place among the classes of the level would no longer be true.
        if exists (select from mpp.validation v where v.league_id = class.id) then
            perform private.refuse('MP010', 'level', 'the class has already validated challenges', 'Ask Ma Petite Planète.');
        end if;
        delete from mpp.class_challenge c where c.league_id = class.id;
    end if;
    update mpp.league l
    set name = private.clean_class_text('name', coalesce(update_class.name, l.name), 60),
        level = coalesce(update_class.level, l.level)
    where l.id = class.id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;

revoke execute on function private.update_class(uuid, text, text) from public;

grant execute on function private.update_class(uuid, text, text) to authenticated, service_role;

create function api.update_class(class_id uuid, name text default null, level text default null) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.update_class(class_id, name, level);
end;

comment on function api.update_class(uuid, text, text)
    is 'Renames a class or corrects its level; the level only before the first validation, and the choice of challenges starts again. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP024, MP038.';

revoke execute on function api.update_class(uuid, text, text) from public;

grant execute on function api.update_class(uuid, text, text) to authenticated, service_role;

-- The name of a pupil as the class reads it.
create function private.pupil_name(first_name text, initial text) returns text
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$ select first_name || coalesce(' ' || initial || '.', '') $$;

revoke execute on function private.pupil_name(text, text) from public;

grant execute on function private.pupil_name(text, text) to authenticated, service_role;

-- What is typed about a pupil is never said back: a message ends up in the server's log, and what was refused may be just
-- the surname or the address that nobody should keep. The place in the list tells which it was.
create function private.typed(pupil jsonb, field text, place bigint) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if coalesce(jsonb_typeof(pupil -> field), 'null') not in ('string', 'null') then
        perform private.refuse('MP010', format('%s of pupil %s', field, place), 'it is not a text', 'Send a text, or leave it out.');
    end if;
    return pupil ->> field;
end
$$;

revoke execute on function private.typed(jsonb, text, bigint) from public;

-- One word: there must be nowhere to write a surname.
create function private.clean_first_name(value text, place bigint) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    field text := format('first_name of pupil %s', place);
    cleaned text := private.clean_line(field, value, 30);
begin
    if cleaned ~ ' ' then
        perform private.refuse('MP010', field, 'it has a space',
            'Give the first name alone; join a compound one with a hyphen, such as Marie-Lou.');
    end if;
    if not private.is_one_word(cleaned) then
        perform private.refuse('MP010', field, 'it has a sign that is no letter', 'Use letters, hyphens and apostrophes only.');
    end if;
    return cleaned;
end
$$;

revoke execute on function private.clean_first_name(text, bigint) from public;

create function private.clean_initial(value text, place bigint) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    cleaned text := upper(private.folded(replace(btrim(left(value, 20)), '.', '')));
begin
    if coalesce(cleaned, '') = '' then
        return null;
    end if;
    if char_length(cleaned) > 2 or not private.is_one_word(cleaned) then
        perform private.refuse('MP010', format('initial of pupil %s', place), 'it is no initial', 'Give one letter, or two.');
    end if;
    return cleaned;
end
$$;

revoke execute on function private.clean_initial(text, bigint) from public;

-- The name of a class or of its team is free text; what plainly is an address, a date or a telephone number is none.
create function private.clean_class_text(field text, value text, longest integer) returns text
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    cleaned text := private.clean_line(field, value, longest);
begin
    if cleaned ~ '@' or cleaned ~ '[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}' or char_length(regexp_replace(
            -- A class is often called by its school year.
            regexp_replace(cleaned, '20[0-9]{2} ?[-–/] ?20[0-9]{2}', '', 'g'), '[^0-9]', '', 'g')) >= 8 then
        perform private.refuse('MP010', field, 'it looks like an address, a date or a telephone number',
            'Use a name that says nothing about a pupil.');
    end if;
    return cleaned;
end
$$;

revoke execute on function private.clean_class_text(text, text, integer) from public;

-- An initial goes as soon as it is not needed, and must be there while it is.
create function private.settle_initials(class uuid, listed uuid[] default '{}') returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    repeated text;
begin
    update mpp.player p
    set initial = null
    where p.league_id = class
        and p.initial is not null
        and not exists (
            select from mpp.player o
            where o.league_id = class and o.id <> p.id and private.folded(o.first_name) = private.folded(p.first_name)
        );
    select min(private.folded(p.first_name)) into repeated
    from mpp.player p
    where p.league_id = class and p.first_name <> '—'
    group by private.folded(p.first_name)
    having count(*) > 1 and bool_or(p.initial is null)
    limit 1;
    if repeated is not null then
        perform private.refuse('MP081', coalesce((
            select string_agg(i.place::text, ', ' order by i.place)
            from unnest(listed) with ordinality i (id, place)
            join mpp.player p on p.id = i.id and private.folded(p.first_name) = repeated
        ), '—'));
    end if;
end
$$;

revoke execute on function private.settle_initials(uuid, uuid[]) from public;

create type api.class_pupil as (pupil_id uuid, first_name text, initial text, name text, team_id uuid);

comment on type api.class_pupil is 'A pupil of a class; name is the first name with its initial, if it needs one.';

-- Teams that a list of pupils names and the class does not have yet. A class that still has its one empty team gives it
-- the first of these names.
create function private.make_teams(class uuid, names text[], most integer) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    called text;
    made text[];
begin
    foreach called in array names loop
        continue when exists (
            select from mpp.team t where t.league_id = class and private.folded(t.name) = private.folded(called));
        if coalesce(cardinality(made), 0) = 0
            and (select count(*) from mpp.team t where t.league_id = class) = 1
            and not exists (select from mpp.player p where p.league_id = class)
            and not exists (select from mpp.validation v where v.league_id = class) then
            update mpp.team t set name = called where t.league_id = class;
        else
            if (select count(*) from mpp.team t where t.league_id = class) >= most then
                perform private.refuse('MP037', most::text);
            end if;
            insert into mpp.team (league_id, edition_id, name)
            select l.id, l.edition_id, called from mpp.league l where l.id = class;
        end if;
        made := made || called;
    end loop;
end
$$;

revoke execute on function private.make_teams(uuid, text[], integer) from public;

create function private.add_pupils(class_id uuid, pupils jsonb, dry_run boolean) returns setof api.class_pupil
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    uuid_form constant text := '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
    e mpp.edition;
    item record;
    wrong text;
    ids uuid[] := '{}'::uuid[];
    are_new boolean[] := '{}'::boolean[];
    first_names text[] := '{}'::text[];
    initials text[] := '{}'::text[];
    team_names text[] := '{}'::text[];
    team_ids uuid[] := '{}'::uuid[];
    teams uuid[];
    sizes integer[];
    smallest integer;
    outcome api.class_pupil[];
begin
    perform private.begin_class(class_id);
    e := private.edition_going_on(class_id);
    if jsonb_typeof(pupils) is distinct from 'array' or jsonb_array_length(pupils) not between 1 and 200 then
        perform private.refuse('MP010', 'pupils', 'it is not a list of 1 to 200', 'Send [{"first_name": "Lina"}, …].');
    end if;
    for item in select x.value as pupil, x.place from jsonb_array_elements(pupils) with ordinality x (value, place) order by x.place loop
        if jsonb_typeof(item.pupil) <> 'object' then
            perform private.refuse('MP010', 'pupils', format('number %s is not an object', item.place), 'Send [{"first_name": "Lina"}, …].');
        end if;
        -- Refused by name, whatever is in it: this is where a surname or an address would come in.
        select min(k.key) into wrong
        from jsonb_object_keys(item.pupil) k (key)
        where k.key not in ('pupil_id', 'first_name', 'initial', 'team', 'team_id');
        if wrong is not null then
            perform private.refuse('MP010', left(wrong, 40), 'a pupil is known by a first name and nothing else',
                'Send first_name, initial and team only.');
        end if;
        -- Values that are no text have no business in a list of names.
        perform private.typed(item.pupil, k.key, item.place) from jsonb_object_keys(item.pupil) k (key);
        if coalesce(item.pupil ->> 'pupil_id', gen_random_uuid()::text) !~ uuid_form
            or coalesce(item.pupil ->> 'team_id', gen_random_uuid()::text) !~ uuid_form then
            perform private.refuse('MP083');
        end if;
        are_new := are_new || (item.pupil ->> 'pupil_id' is null);
        ids := ids || coalesce((item.pupil ->> 'pupil_id')::uuid, private.uuid_v7());
        first_names := array_append(first_names, case
            when item.pupil ->> 'pupil_id' is null or item.pupil ->> 'first_name' is not null
                then private.clean_first_name(item.pupil ->> 'first_name', item.place) end);
        initials := array_append(initials, private.clean_initial(item.pupil ->> 'initial', item.place));
        team_names := array_append(team_names, case
            when item.pupil ->> 'team' is not null then private.clean_class_text(format('team of pupil %s', item.place), item.pupil ->> 'team', 40) end);
        team_ids := array_append(team_ids, (item.pupil ->> 'team_id')::uuid);
    end loop;

    begin
        if (select count(*) from unnest(ids, are_new) i (id, is_new) where not i.is_new)
            <> (
                select count(*)
                from mpp.player p
                where p.league_id = class_id
                    and p.alias is null
                    and p.id in (select i.id from unnest(ids, are_new) i (id, is_new) where not i.is_new)
            )
            or exists (
                select
                from unnest(team_ids) i (id)
                where i.id is not null and not exists (select from mpp.team t where t.id = i.id and t.league_id = class_id)
            ) then
            perform private.refuse('MP083');
        end if;
        -- Also counted with those who left, or pupils could come and go without end, and their points with them.
        if (select count(*) from mpp.player p where p.league_id = class_id) + (select count(*) from unnest(are_new) n (is_new) where n.is_new)
                > e.league_max_players
            or (select count(*) from mpp.player p where p.league_id = class_id or p.left_class_id = class_id)
                + (select count(*) from unnest(are_new) n (is_new) where n.is_new) > 2 * e.league_max_players then
            perform private.refuse('MP032', e.league_max_players::text);
        end if;

        perform private.make_teams(class_id, array(
            select n.called
            from (select t.called, min(t.place) as place from unnest(team_names) with ordinality t (called, place) group by t.called) n
            where n.called is not null
            order by n.place
        ), e.teams_per_league);
        team_ids := array(
            select coalesce(i.id, (
                select t.id from mpp.team t where t.league_id = class_id and private.folded(t.name) = private.folded(i.called)
                order by t.created_at, t.id limit 1))
            from unnest(team_ids, team_names) with ordinality i (id, called, place)
            order by i.place
        );
        -- Who was given no team goes to the smallest, the oldest of equals.
        select array_agg(t.id order by t.created_at, t.id),
            array_agg((
                (select count(*) from mpp.player p where p.team_id = t.id)
                + (select count(*) from unnest(team_ids, are_new) i (id, is_new) where i.id = t.id and i.is_new)
            )::integer order by t.created_at, t.id)
        into teams, sizes
        from mpp.team t
        where t.league_id = class_id;
        for i in 1 .. cardinality(ids) loop
            if are_new[i] and team_ids[i] is null then
                select s.place into smallest from unnest(sizes) with ordinality s (size, place) order by s.size, s.place limit 1;
                team_ids[i] := teams[smallest];
                sizes[smallest] := sizes[smallest] + 1;
            end if;
        end loop;

        -- Corrected pupils give their names up first, so that two of them may exchange a name or an initial.
        select array_agg(coalesce(c.first_name, p.first_name) order by c.place), array_agg(coalesce(c.initial, p.initial) order by c.place)
        into first_names, initials
        from unnest(ids, first_names, initials) with ordinality c (id, first_name, initial, place)
        left join mpp.player p on p.id = c.id;
        update mpp.player p
        set first_name = '—', initial = null
        from unnest(ids, are_new) c (id, is_new)
        where p.id = c.id and not c.is_new;
        begin
            update mpp.player p
            set first_name = c.first_name, initial = c.initial, team_id = coalesce(c.team_id, p.team_id)
            from unnest(ids, are_new, first_names, initials, team_ids) c (id, is_new, first_name, initial, team_id)
            where p.id = c.id and not c.is_new;
            insert into mpp.player (id, edition_id, league_id, team_id, first_name, initial, listed)
            select c.id, e.id, class_id, c.team_id, c.first_name, c.initial, false
            from unnest(ids, are_new, first_names, initials, team_ids) with ordinality c (id, is_new, first_name, initial, team_id, place)
            where c.is_new
            order by c.place;
        exception when unique_violation then
            perform private.refuse('MP081', coalesce((
                select string_agg(c.place::text, ', ' order by c.place)
                from unnest(ids, first_names) with ordinality c (id, first_name, place)
                where exists (
                        select from mpp.player p
                        where p.league_id = class_id and not p.id = any (ids) and private.folded(p.first_name) = private.folded(c.first_name)
                    )
                    or exists (
                        select from unnest(ids, first_names) o (id, first_name)
                        where o.id <> c.id and private.folded(o.first_name) = private.folded(c.first_name)
                    )
            ), '—'));
        end;
        perform private.settle_initials(class_id, ids);
        outcome := array(
            select (case when not (dry_run and c.is_new) then p.id end, p.first_name, p.initial,
                private.pupil_name(p.first_name, p.initial), p.team_id)::api.class_pupil
            from unnest(ids, are_new) with ordinality c (id, is_new, place)
            join mpp.player p on p.id = c.id
            order by c.place
        );
        perform private.record_for_class('class.add_pupils', class_id, jsonb_build_object('pupils', cardinality(ids)));
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    return query select o.* from unnest(outcome) o;
end
$$;

revoke execute on function private.add_pupils(uuid, jsonb, boolean) from public;

grant execute on function private.add_pupils(uuid, jsonb, boolean) to authenticated, service_role;

create function api.add_pupils(class_id uuid, pupils jsonb, dry_run boolean default false) returns setof api.class_pupil
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.add_pupils(class_id, pupils, dry_run);
end;

comment on function api.add_pupils(uuid, jsonb, boolean)
    is 'Adds pupils to a class, all or none: [{"first_name", "initial", "team"}]. With pupil_id an element corrects a pupil who is there: when a first name comes twice, give an initial to both in one call. Teams that are named and missing are made. Any other key is refused by name. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP032, MP037, MP081, MP083.';

revoke execute on function api.add_pupils(uuid, jsonb, boolean) from public;

grant execute on function api.add_pupils(uuid, jsonb, boolean) to authenticated, service_role;

-- A pupil who leaves: the name goes at once, the points stay with the class. Once the edition is over only the name goes,
-- or taking out those who did nothing would raise an average that everybody can see already.
create function private.remove_pupil(pupil_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    class uuid := (select p.league_id from mpp.player p where p.id = pupil_id and p.alias is null);
    over boolean;
begin
    perform private.begin_class(class, when_frozen => true);
    select private.clock() >= e.ends_at into over from mpp.league l join mpp.edition e on e.id = l.edition_id where l.id = class;
    update mpp.player p
    set first_name = '—',
        initial = null,
        left_class_id = case when not over then p.league_id end,
        league_id = case when over then p.league_id end,
        team_id = case when over then p.team_id end
    where p.id = pupil_id and p.league_id = class;
    if not found then
        perform private.refuse('MP083');
    end if;
    perform private.settle_initials(class);
    if private.is_ops() then
        perform private.record_act('pupil.remove', class::text, jsonb_build_object('pupil_id', pupil_id));
    end if;
end
$$;

revoke execute on function private.remove_pupil(uuid) from public;

grant execute on function private.remove_pupil(uuid) to authenticated, service_role;

create function api.remove_pupil(pupil_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_pupil(pupil_id);
end;

comment on function api.remove_pupil(uuid)
    is 'Takes a pupil out of their class: the first name is deleted, for good, and what they earned stays with the class. Its teachers and staff, also after the freeze. Errors: MP001, MP002, MP008, MP011, MP083.';

revoke execute on function api.remove_pupil(uuid) from public;

grant execute on function api.remove_pupil(uuid) to authenticated, service_role;

-- Once the diplomas are printed nobody needs to know who the pupils were.
create function private.forget_pupils(edition_code text) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
    forgotten integer;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    e := private.find_edition(edition_code);
    if e.frozen_at is null then
        perform private.refuse('MP026', e.code, private.spoken(e.ends_at));
    end if;
    update mpp.player p
    set first_name = '—', initial = null
    where p.edition_id = e.id and p.alias is null and p.first_name <> '—';
    get diagnostics forgotten = row_count;
    delete from mpp.family f using mpp.league l where l.id = f.league_id and l.edition_id = e.id;
    delete from mpp.class_code c using mpp.league l where l.id = c.league_id and l.edition_id = e.id;
    delete from mpp.class_invitation i using mpp.league l where l.id = i.league_id and l.edition_id = e.id;
    perform private.record_act('edition.forget_pupils', e.code, jsonb_build_object('pupils', forgotten));
    return forgotten;
end
$$;

revoke execute on function private.forget_pupils(text) from public;

grant execute on function private.forget_pupils(text) to authenticated, service_role;

create function api.forget_pupils(edition_code text) returns integer
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select private.forget_pupils(edition_code);
end;

comment on function api.forget_pupils(text)
    is 'Deletes the first names of all pupils of a frozen edition, for good, and closes its classes to families; points and ranks stay. Returns how many names. Staff. Errors: MP006, MP020, MP026.';

revoke execute on function api.forget_pupils(text) from public;

grant execute on function api.forget_pupils(text) to authenticated, service_role;

-- Whether a challenge is in play for a class.
create function private.is_in_play(class mpp.league, challenge mpp.edition_challenge) returns boolean
    language sql
    stable
    set search_path = ''
as $$
    select coalesce(class.level = any (challenge.levels), false)
        and (
            not exists (select from mpp.class_challenge c where c.league_id = class.id)
            or exists (select from mpp.class_challenge c where c.league_id = class.id and c.challenge_id = challenge.id)
        )
$$;

revoke execute on function private.is_in_play(mpp.league, mpp.edition_challenge) from public;

create function private.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    class mpp.league;
begin
    perform private.begin_class(class_id);
    perform private.edition_going_on(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if challenge_ids is null then
        delete from mpp.class_challenge c where c.league_id = class.id;
        return (select count(*) from mpp.edition_challenge c where c.edition_id = class.edition_id and class.level = any (c.levels));
    end if;
    if cardinality(challenge_ids) not between 1 and 300 then
        perform private.refuse('MP010', 'challenge_ids', format('it has %s elements', cardinality(challenge_ids)),
            'Choose at least one challenge; send null for all of the level.');
    end if;
    if exists (
        select
        from unnest(challenge_ids) i (id)
        where not exists (
            select from mpp.edition_challenge c where c.id = i.id and c.edition_id = class.edition_id and class.level = any (c.levels)
        )
    ) then
        perform private.refuse('MP040');
    end if;
    delete from mpp.class_challenge c where c.league_id = class.id and not c.challenge_id = any (challenge_ids);
    insert into mpp.class_challenge (league_id, challenge_id)
    select class.id, i.id from unnest(challenge_ids) i (id)
    on conflict do nothing;
    return (select count(*) from mpp.class_challenge c where c.league_id = class.id);
end
$$;

revoke execute on function private.choose_class_challenges(uuid, integer[]) from public;

grant execute on function private.choose_class_challenges(uuid, integer[]) to authenticated, service_role;

create function api.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.choose_class_challenges(class_id, challenge_ids);
end;

comment on function api.choose_class_challenges(uuid, integer[])
    is 'Sets which challenges of its level a class plays, and returns how many; null: all of them. What was validated stays. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040.';

revoke execute on function api.choose_class_challenges(uuid, integer[]) from public;

grant execute on function api.choose_class_challenges(uuid, integer[]) to authenticated, service_role;

-- Families.
create function private.renew_class_code(class_id uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.renew_code', class_id);
    insert into mpp.class_code (league_id, code) values (class_id, fresh)
    on conflict (league_id) do update set code = excluded.code, renewed_at = clock_timestamp();
    delete from mpp.family f where f.league_id = class_id;
    return fresh;
end
$$;

revoke execute on function private.renew_class_code(uuid) from public;

grant execute on function private.renew_class_code(uuid) to authenticated, service_role;

create function api.renew_class_code(class_id uuid) returns text
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.renew_class_code(class_id);
end;

comment on function api.renew_class_code(uuid)
    is 'Gives a class a new code and returns it; whoever entered with an older one is out until they give the new one. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';

revoke execute on function api.renew_class_code(uuid) from public;

grant execute on function api.renew_class_code(uuid) to authenticated, service_role;

create function private.revoke_class_code(class_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.revoke_code', class_id);
    delete from mpp.class_code c where c.league_id = class_id;
    delete from mpp.family f where f.league_id = class_id;
end
$$;

revoke execute on function private.revoke_class_code(uuid) from public;

grant execute on function private.revoke_class_code(uuid) to authenticated, service_role;

create function api.revoke_class_code(class_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.revoke_class_code(class_id);
end;

comment on function api.revoke_class_code(uuid)
    is 'Takes the code of a class away: families are out at once and nobody enters until it is renewed. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';

revoke execute on function api.revoke_class_code(uuid) from public;

grant execute on function api.revoke_class_code(uuid) to authenticated, service_role;

create type api.claim_result as (class_id uuid, claimed boolean, guesses_left integer);

comment on type api.claim_result is 'Outcome of a class code: the class, or how many wrong codes are left in this hour.';

-- The one thing an anonymous account may do. As in unlock_challenge a wrong code is an answer and not an error, so that
-- it is remembered; per account, because a whole school shares one address.
create function private.claim_class(code text) returns api.claim_result
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    most constant integer := 10;
    account uuid := private.signed_in(anonymous_too => true);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    at timestamptz;
    class uuid;
    wrong integer;
    oldest timestamptz;
begin
    perform private.require_no_maintenance();
    if not exists (select from auth.users u where u.id = account) then
        perform private.refuse('MP001');
    end if;
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.class_guess'), hashtext(account::text));
    at := private.clock();
    delete from mpp.class_guess g where g.account_id = account and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest from mpp.class_guess g where g.account_id = account;
    if wrong >= most then
        perform private.refuse('MP046', private.spoken(oldest + interval '1 hour'));
    end if;
    select c.league_id into class from mpp.class_code c where c.code = typed;
    if class is not null then
        perform private.lock_edition(l.edition_id) from mpp.league l where l.id = class;
        perform private.lock_league(class);
        -- It may have been renewed while this waited.
        if not exists (select from mpp.class_code c where c.league_id = class and c.code = typed) then
            class := null;
        end if;
    end if;
    if class is null then
        insert into mpp.class_guess (account_id, guessed_at) values (account, at);
        return (null, false, most - wrong - 1)::api.claim_result;
    end if;
    if (select count(*) from mpp.family f where f.account_id = account and f.league_id <> class) >= 10 then
        perform private.refuse('MP086', '10');
    end if;
    insert into mpp.family (account_id, league_id) values (account, class) on conflict do nothing;
    return (class, true, most - wrong)::api.claim_result;
end
$$;

revoke execute on function private.claim_class(text) from public;

grant execute on function private.claim_class(text) to authenticated;

create function api.claim_class(code text) returns api.claim_result
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.claim_class(code);
end;

comment on function api.claim_class(text)
    is 'Opens a class, to read only, to whoever gives its code; anonymous accounts too. Wrong codes are limited per account and hour. Errors: MP001, MP011, MP046, MP086.';

revoke execute on function api.claim_class(text) from public;

grant execute on function api.claim_class(text) to authenticated;

-- Colleagues.
create function private.invite_co_teacher(class_id uuid) returns text
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    fresh text := private.new_join_code();
begin
    -- Who reads a class may change after the freeze: that is no matter of the ranking.
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.invite', class_id);
    insert into mpp.class_invitation (league_id, code, expires_at)
    values (class_id, fresh, private.clock() + interval '7 days')
    on conflict (league_id) do update set code = excluded.code, expires_at = excluded.expires_at;
    return fresh;
end
$$;

revoke execute on function private.invite_co_teacher(uuid) from public;

grant execute on function private.invite_co_teacher(uuid) to authenticated, service_role;

create function api.invite_co_teacher(class_id uuid) returns text
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.invite_co_teacher(class_id);
end;

comment on function api.invite_co_teacher(uuid)
    is 'Makes an invitation for one colleague, good once and for seven days, in place of an earlier one; returns its code. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';

revoke execute on function api.invite_co_teacher(uuid) from public;

grant execute on function api.invite_co_teacher(uuid) to authenticated, service_role;

create function private.accept_class(code text) returns uuid
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_teach();
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    class mpp.league;
begin
    perform private.hold_profile(account, plays => false);
    select l.* into class from mpp.class_invitation i join mpp.league l on l.id = i.league_id where i.code = typed;
    if found then
        perform private.lock_edition(class.edition_id);
        perform private.lock_league(class.id);
        if exists (select from mpp.ambassador a where a.league_id = class.id and a.account_id = account) then
            return class.id;
        end if;
        delete from mpp.class_invitation i where i.league_id = class.id and i.code = typed and i.expires_at > private.clock();
    end if;
    -- Of twenty at once one has taken it.
    if not found then
        perform private.refuse('MP082');
    end if;
    insert into mpp.ambassador (league_id, account_id, is_principal)
    select class.id, account, not exists (select from mpp.ambassador a where a.league_id = class.id and a.is_principal);
    return class.id;
end
$$;

revoke execute on function private.accept_class(text) from public;

grant execute on function private.accept_class(text) to authenticated;

create function api.accept_class(code text) returns uuid
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.accept_class(code);
end;

comment on function api.accept_class(text)
    is 'Takes a colleague''s invitation: the caller, a teacher, now runs the class too. Returns the class id. Errors: MP001, MP002, MP009, MP011, MP082.';

revoke execute on function api.accept_class(text) from public;

grant execute on function api.accept_class(text) to authenticated;

create function private.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid;
begin
    perform from mpp.profile p where p.id = teacher_id for key share;
    account := private.begin_class(class_id, when_frozen => true);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    -- The staff may give a class that lost its teacher to any other.
    if not exists (select from mpp.teacher t where t.account_id = teacher_id)
        or not (private.is_ops() or exists (
            select from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id)) then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = class_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class_id, teacher_id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    -- Whom the former teacher invited, the new one may invite again.
    delete from mpp.class_invitation i where i.league_id = class_id;
    perform private.record_act('class.hand_over', class_id::text, jsonb_build_object('teacher_id', teacher_id));
end
$$;

revoke execute on function private.hand_over_class(uuid, uuid) from public;

grant execute on function private.hand_over_class(uuid, uuid) to authenticated, service_role;

create function api.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.hand_over_class(class_id, teacher_id);
end;

comment on function api.hand_over_class(uuid, uuid)
    is 'Makes a colleague who already runs the class its principal teacher; the former one stays. The principal teacher, and staff, who may name any teacher. Errors: MP001, MP002, MP005, MP008, MP011.';

revoke execute on function api.hand_over_class(uuid, uuid) from public;

grant execute on function api.hand_over_class(uuid, uuid) to authenticated, service_role;

create function private.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_class(class_id, when_frozen => true);
begin
    if not private.is_ops() and teacher_id <> account and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    delete from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id and not a.is_principal;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_for_class('class.remove_teacher', class_id, jsonb_build_object('teacher_id', teacher_id));
    -- Who knew the class code, or an invitation, must not come back by it.
    delete from mpp.class_invitation i where i.league_id = class_id;
    delete from mpp.family f where f.league_id = class_id;
    update mpp.class_code c set code = private.new_join_code(), renewed_at = clock_timestamp() where c.league_id = class_id;
end
$$;

revoke execute on function private.remove_co_teacher(uuid, uuid) from public;

grant execute on function private.remove_co_teacher(uuid, uuid) to authenticated, service_role;

create function api.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_co_teacher(class_id, teacher_id);
end;

comment on function api.remove_co_teacher(uuid, uuid)
    is 'Takes a class from a colleague, or from oneself; the principal teacher hands it over first. The class code is renewed with it, because the colleague knew it: families enter again with the new one. The principal teacher, the colleague, and staff. Errors: MP001, MP002, MP005, MP008, MP011.';

revoke execute on function api.remove_co_teacher(uuid, uuid) from public;

grant execute on function api.remove_co_teacher(uuid, uuid) to authenticated, service_role;

create type api.class_teacher as (teacher_id uuid, first_name text, last_name text, is_principal boolean, is_me boolean);

comment on type api.class_teacher is 'A teacher of a class, for the other teachers of that class.';

create function private.class_teachers(class_id uuid) returns setof api.class_teacher
    language plpgsql
    stable
    security definer
    rows 2
    set search_path = ''
as $$
declare
    account uuid := case when private.is_ops() then (select auth.uid()) else private.signed_in() end;
begin
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account
    ) then
        perform private.refuse('MP008');
    end if;
    return query
    select a.account_id, p.first_name::text, p.last_name::text, a.is_principal, coalesce(a.account_id = (select auth.uid()), false)
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id and l.school_id is not null
    join mpp.profile p on p.id = a.account_id
    where a.league_id = class_id
    order by a.is_principal desc, a.granted_at;
end
$$;

revoke execute on function private.class_teachers(uuid) from public;

grant execute on function private.class_teachers(uuid) to authenticated, service_role;

create function api.class_teachers(class_id uuid) returns setof api.class_teacher
    language sql
    stable
    rows 2
    set search_path = ''
begin atomic
    select * from private.class_teachers(class_id);
end;

comment on function api.class_teachers(uuid)
    is 'Who runs a class, the principal teacher first. Its teachers and staff. Errors: MP001, MP002, MP008.';

revoke execute on function api.class_teachers(uuid) from public;

grant execute on function api.class_teachers(uuid) to authenticated, service_role;

-- 60_score.sql

alter table mpp.score
    add column school_id uuid,
    add column level mpp.school_level,
    add constraint score_scope check (scope in ('player', 'team', 'league'));

comment on column mpp.score.school_id is 'School of a class; rankings of schools are sums of their classes.';

-- A class also stands among those of its level.
create index score_level_ranking on mpp.score (edition_id, level, value desc, reached_at, subject_id) where listed and level is not null;

create index score_school on mpp.score (edition_id, school_id) where listed and school_id is not null;

create table mpp.school_standing (
    edition_id integer not null references mpp.edition (id),
    level mpp.school_level,
    rank bigint not null,
    school_id uuid not null references mpp.school (id),
    classes bigint not null,
    points bigint not null,
    players bigint not null,
    value bigint not null,
    reached_at timestamptz not null,
    constraint school_standing_once unique nulls not distinct (edition_id, level, school_id)
);

comment on table mpp.school_standing is 'Schools as they stood at the freeze: a class that opts out later takes its name away, not its points from the others.';

create index school_standing_school on mpp.school_standing (school_id);

create trigger school_standing_keep
    before update or delete or truncate on mpp.school_standing
    for each statement execute function private.refuse_change();

-- Whatever changes a score, the counts follow: one trigger on the table, statement by statement.
create or replace function private.score_inserted() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into mpp.score_delta (edition_id, scope, value, change)
    select n.edition_id, j.scope, n.value, count(*)
    from new_rows n
    cross join lateral (values (n.scope), (n.level::text)) j (scope)
    where n.listed and j.scope is not null
    group by n.edition_id, j.scope, n.value;
    return null;
end
$$;

create or replace function private.score_updated() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    moves integer;
    frozen integer[];
begin
    -- A frozen ranking only ever loses a name: points, order and counts stay as they were. One statement may touch others
    -- too, when a person is forgotten in all their editions.
    select coalesce(array_agg(distinct e.id), '{}') into frozen
    from old_rows o
    join mpp.edition e on e.id = o.edition_id
    where e.frozen_at is not null;
    if cardinality(frozen) > 0 then
        if exists (
            select n.subject_id, n.edition_id, n.scope, n.points, n.players, n.value, n.reached_at, n.at_least_players, n.school_id, n.level
            from new_rows n
            where n.subject_id in (select o.subject_id from old_rows o where o.edition_id = any (frozen))
            except
            select o.subject_id, o.edition_id, o.scope, o.points, o.players, o.value, o.reached_at, o.at_least_players, o.school_id, o.level
            from old_rows o
        ) or exists (
            select n.subject_id
            from new_rows n
            where n.listed and n.subject_id in (select o.subject_id from old_rows o where o.edition_id = any (frozen))
            except
            select o.subject_id from old_rows o where o.listed
        ) then
            perform private.refuse('MP024', (select min(e.code) from mpp.edition e where e.id = any (frozen)));
        end if;
    end if;
    insert into mpp.score_delta (edition_id, scope, value, change)
    select m.edition_id, m.scope, m.value, sum(m.change)
    from (
        select o.edition_id, o.scope, o.value, -1 as change from old_rows o where o.listed
        union all
        select n.edition_id, n.scope, n.value, 1 from new_rows n where n.listed
        union all
        select o.edition_id, o.level, o.value, -1 from old_rows o where o.listed and o.level is not null
        union all
        select n.edition_id, n.level, n.value, 1 from new_rows n where n.listed and n.level is not null
    ) m
    where not m.edition_id = any (frozen)
    group by m.edition_id, m.scope, m.value
    having sum(m.change) <> 0;
    get diagnostics moves = row_count;
    if moves > 100 or random() < 0.02 then
        perform private.fold_scores(n.edition_id) from (select distinct x.edition_id from new_rows x) n;
    end if;
    return null;
end
$$;

-- What a score is called and whether it is listed follow from the player, the team and the league.
create or replace function private.label_players(chosen uuid[]) returns void
    language sql
    volatile
    set search_path = ''
as $$
    update mpp.score s
    set label = coalesce(p.alias, '—'),
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
            is distinct from (coalesce(p.alias, '—')::text, case when l.listed then l.name::text end, p.listed)
$$;

create or replace function private.label_leagues(chosen uuid[]) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    update mpp.score s
    set label = l.name, listed = l.listed, is_public = l.listed and e.organisation_id is null, level = l.level
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = any (chosen)
        and s.subject_id = l.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.listed, s.level) is distinct from (l.name::text, l.listed, l.level);
    update mpp.score s
    set label = t.name,
        league_label = case when l.listed then l.name end,
        listed = l.listed and l.school_id is null,
        is_public = l.listed and l.school_id is null and e.organisation_id is null
    from mpp.team t
    join mpp.league l on l.id = t.league_id
    join mpp.edition e on e.id = l.edition_id
    where t.league_id = any (chosen)
        and s.subject_id = t.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.league_label, s.listed)
            is distinct from (t.name::text, case when l.listed then l.name::text end, l.listed and l.school_id is null);
    perform private.label_players(array(select p.id from mpp.player p where p.league_id = any (chosen)));
end
$$;

-- Every league, team and player has a score from the moment it exists.
create or replace function private.league_score() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, players, at_least_players, by_average, listed, is_public, school_id, level)
        select l.id, l.edition_id, 'league', l.name, 0, e.league_min_players, e.ranking_basis = 'average', l.listed,
            l.listed and e.organisation_id is null, l.school_id, l.level
        from new_rows l
        join mpp.edition e on e.id = l.edition_id;
    else
        perform private.label_leagues(array(select l.id from new_rows l));
    end if;
    return null;
end
$$;

create or replace function private.team_score() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, league_label, players, at_least_players, by_average, listed, is_public)
        select t.id, t.edition_id, 'team', t.name, case when l.listed then l.name end, 0,
            ceil(e.league_min_players::numeric / e.teams_per_league), e.ranking_basis = 'average',
            -- Teams of a class are its own business: pupils name them.
            l.listed and l.school_id is null, l.listed and l.school_id is null and e.organisation_id is null
        from new_rows t
        join mpp.league l on l.id = t.league_id
        join mpp.edition e on e.id = t.edition_id;
    else
        perform private.label_leagues(array(select distinct t.league_id from new_rows t));
    end if;
    return null;
end
$$;

create or replace function private.player_joined() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    insert into mpp.score (subject_id, edition_id, scope, label, league_label, listed, is_public)
    select p.id, p.edition_id, 'player', coalesce(p.alias, '—'), case when l.listed then l.name end, p.listed,
        p.listed and e.organisation_id is null
    from new_rows p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id;
    perform private.count_players(array(select distinct p.league_id from new_rows p where p.league_id is not null));
    return null;
end
$$;

alter table mpp.school_standing enable row level security;

create policy school_standing_select_everyone on mpp.school_standing
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

grant select on mpp.score, mpp.school_standing, mpp.score_count, mpp.score_delta to anon, authenticated, service_role;

-- 75_class_play.sql

-- Playing at school: only teachers validate, for one pupil, several, a team or the whole class, and from the tracking
-- sheet they keep beside the game. The ledger and the scores are the same as everybody's.

create table mpp.class_request (
    request_key uuid primary key,
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id),
    team_id uuid references mpp.team (id),
    pupil_ids uuid[],
    answered uuid[] not null,
    requested_at timestamptz not null default clock_timestamp()
);

comment on table mpp.class_request is 'Requests of validate_for_pupils by key: sent twice, a request is done once and answered for the same pupils.';

create index class_request_league on mpp.class_request (league_id);

create index class_request_challenge on mpp.class_request (challenge_id);

create index class_request_team on mpp.class_request (team_id);

alter table mpp.class_request enable row level security;

create type api.pupil_validation as (pupil_id uuid, validation_id uuid, state api.validation_state, points integer);

comment on type api.pupil_validation is 'What a request left for one pupil; validation_id is null for a pupil who was at the limit of the challenge.';

-- One validation for each pupil of a request, always the same one.
create function private.validation_key(request_key uuid, pupil uuid) returns uuid
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select encode(substring(sha256(uuid_send(request_key) || uuid_send(pupil)) for 16), 'hex')::uuid
$$;

revoke execute on function private.validation_key(uuid, uuid) from public;

create function private.pupil_validations(request_key uuid, pupils uuid[]) returns setof api.pupil_validation
    language sql
    stable
    set search_path = ''
as $$
    select p.id, v.id, v.state, v.points::integer
    from unnest(pupils) with ordinality p (id, place)
    left join mpp.validation v on v.id = private.validation_key(request_key, p.id)
    order by p.place
$$;

revoke execute on function private.pupil_validations(uuid, uuid[]) from public;

create function private.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[], team_id uuid, proof_sent boolean
) returns setof api.pupil_validation
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid;
    class mpp.league;
    e mpp.edition;
    c mpp.edition_challenge;
    earlier mpp.class_request;
    at timestamptz;
    chosen uuid[];
    doing uuid[];
begin
    if request_key is null then
        perform private.refuse('MP010', 'request_key', 'it is empty', 'Make a UUID for each request.');
    end if;
    if pupil_ids is not null and team_id is not null then
        perform private.refuse('MP010', 'team_id', 'pupils are named too', 'Name pupils, or a team, or neither for the whole class.');
    end if;
    if cardinality(pupil_ids) not between 1 and 1000 then
        perform private.refuse('MP010', 'pupil_ids', format('it has %s elements', cardinality(pupil_ids)), 'Name 1 to 1,000 pupils of the class.');
    end if;
    account := private.begin_class(class_id);
    at := private.clock();
    select * into class from mpp.league l where l.id = class_id;

    select * into earlier from mpp.class_request r where r.request_key = validate_for_pupils.request_key;
    if found then
        if (earlier.league_id, earlier.challenge_id, earlier.team_id, earlier.pupil_ids)
            is distinct from (class.id, validate_for_pupils.challenge_id, validate_for_pupils.team_id, validate_for_pupils.pupil_ids) then
            perform private.refuse('MP044');
        end if;
        return query select * from private.pupil_validations(earlier.request_key, earlier.answered);
        return;
    end if;

    select * into e from mpp.edition x where x.id = class.edition_id;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    select * into c from mpp.edition_challenge x where x.id = validate_for_pupils.challenge_id and x.edition_id = e.id;
    -- A flash challenge that nobody may list yet is not announced by its refusal either.
    if not found or (c.kind = 'flash' and at < c.opens_at) then
        perform private.refuse('MP040');
    end if;
    if not private.is_in_play(class, c) then
        perform private.refuse('MP084');
    end if;
    if c.kind <> 'boost' and not (at >= coalesce(c.opens_at, at) and at < coalesce(c.closes_at, 'infinity')) then
        perform private.refuse('MP041', private.spoken(c.opens_at), private.spoken(c.closes_at));
    end if;
    if c.needs_proof and not coalesce(proof_sent, false) then
        perform private.refuse('MP043');
    end if;

    if team_id is not null and not exists (select from mpp.team t where t.id = validate_for_pupils.team_id and t.league_id = class.id) then
        perform private.refuse('MP083');
    end if;
    chosen := array(
        select p.id
        from mpp.player p
        where p.league_id = class.id
            and (validate_for_pupils.team_id is null or p.team_id = validate_for_pupils.team_id)
            and (validate_for_pupils.pupil_ids is null or p.id = any (validate_for_pupils.pupil_ids))
        order by p.joined_at, p.id
    );
    if cardinality(chosen) < (select count(distinct i.id) from unnest(validate_for_pupils.pupil_ids) i (id))
        or array_position(validate_for_pupils.pupil_ids, null) is not null then
        perform private.refuse('MP083');
    end if;
    if cardinality(chosen) = 0 then
        perform private.refuse('MP010', 'class_id', 'there is no pupil in it', 'Add pupils first.');
    end if;
    -- The whole class is validated at one touch, although some may have done it before: they are left as they are.
    doing := array(
        select p.id
        from unnest(chosen) p (id)
        where c.repeat_limit is null
            or (
                select count(*) from mpp.validation v
                where v.player_id = p.id and v.challenge_id = c.id and v.state <> 'cancelled'
            ) < c.repeat_limit
    );
    if cardinality(doing) = 0 then
        perform private.refuse('MP042', c.repeat_limit::text);
    end if;

    begin
        insert into mpp.class_request (request_key, league_id, challenge_id, team_id, pupil_ids, answered)
        values (validate_for_pupils.request_key, class.id, c.id, validate_for_pupils.team_id, validate_for_pupils.pupil_ids, chosen);
        insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
            validated_by, validated_at, changed_at)
        select private.validation_key(validate_for_pupils.request_key, p.id), e.id, c.id, p.id, p.team_id, p.league_id,
            case when c.kind = 'boost' and c.opens_at <= at and at < c.closes_at then c.points * c.boost_factor else c.points end,
            case when c.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
            coalesce(validate_for_pupils.proof_sent, false), account, at, at
        from mpp.player p
        where p.id = any (doing);
    exception when unique_violation then
        -- Another class used the key in the same instant.
        perform private.refuse('MP044');
    end;
    if c.kind = 'collective' then
        perform private.settle_quorum(c, t.team_id, class.id)
        from (select distinct p.team_id from mpp.player p where p.id = any (doing)) t;
    end if;
    perform private.record_for_class('class.validate', class.id, jsonb_build_object('request_key', validate_for_pupils.request_key, 'pupils', cardinality(doing)));
    return query select * from private.pupil_validations(validate_for_pupils.request_key, chosen);
end
$$;

revoke execute on function private.validate_for_pupils(uuid, integer, uuid, uuid[], uuid, boolean) from public;

grant execute on function private.validate_for_pupils(uuid, integer, uuid, uuid[], uuid, boolean) to authenticated, service_role;

create function api.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[] default null, team_id uuid default null,
    proof_sent boolean default false
) returns setof api.pupil_validation
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.validate_for_pupils(class_id, challenge_id, request_key, pupil_ids, team_id, proof_sent);
end;

comment on function api.validate_for_pupils(uuid, integer, uuid, uuid[], uuid, boolean)
    is 'Validates a challenge for pupils of a class: those named, a team, or everybody. Pupils who reached its limit before are left as they are. The same request_key gives the same validations, once. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040–MP044, MP083, MP084.';

revoke execute on function api.validate_for_pupils(uuid, integer, uuid, uuid[], uuid, boolean) from public;

grant execute on function api.validate_for_pupils(uuid, integer, uuid, uuid[], uuid, boolean) to authenticated, service_role;

create function private.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_class(class_id);
    at timestamptz := private.clock();
    e mpp.edition;
    cancelled integer;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class_id;
    -- The staff may until the ranking is frozen.
    if not by_ops and private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    if coalesce(cardinality(validation_ids), 0) not between 1 and 1000 then
        perform private.refuse('MP010', 'validation_ids', format('it has %s elements', coalesce(cardinality(validation_ids), 0)),
            'Name 1 to 1,000 validations of the class.');
    end if;
    if exists (
        select
        from unnest(validation_ids) i (id)
        where not exists (select from mpp.validation v where v.id = i.id and v.league_id = class_id)
    ) then
        perform private.refuse('MP083');
    end if;
    update mpp.validation v
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where v.id = any (validation_ids) and v.state <> 'cancelled';
    get diagnostics cancelled = row_count;
    perform private.settle_quorum(c, t.team_id, class_id)
    from (
        select distinct v.team_id, v.challenge_id from mpp.validation v where v.id = any (validation_ids)
    ) t
    join mpp.edition_challenge c on c.id = t.challenge_id and c.kind = 'collective';
    if by_ops and cancelled > 0 then
        perform private.record_act('class.cancel', class_id::text, jsonb_build_object('validations', validation_ids));
    end if;
    return query
    select v.player_id, v.id, v.state, v.points::integer
    from mpp.validation v
    where v.id = any (validation_ids)
    order by v.player_id, v.id;
end
$$;

revoke execute on function private.cancel_for_pupils(uuid, uuid[]) from public;

grant execute on function private.cancel_for_pupils(uuid, uuid[]) to authenticated, service_role;

create function api.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.cancel_for_pupils(class_id, validation_ids);
end;

comment on function api.cancel_for_pupils(uuid, uuid[])
    is 'Takes back validations of a class while the edition runs, all or none; those already cancelled stay so. Its teachers, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP083.';

revoke execute on function api.cancel_for_pupils(uuid, uuid[]) from public;

grant execute on function api.cancel_for_pupils(uuid, uuid[]) to authenticated, service_role;

create type api.sheet_outcome as (recorded integer, already integer);

comment on type api.sheet_outcome is 'Validations that a tracking sheet added, and those of it that were there before.';

-- Row i of the columns says: this pupil did this challenge so many times, on that day or without a date. What is there
-- already counts, so that the same sheet again, or a sheet that grew, only adds what is missing.
create function private.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean
) returns api.sheet_outcome
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_class(class_id);
    class mpp.league;
    e mpp.edition;
    at timestamptz := private.clock();
    phase api.edition_phase;
    last_instant timestamptz;
    asked integer;
    wrong integer;
    first_wrong text;
    outcome api.sheet_outcome;
begin
    select * into class from mpp.league l where l.id = class_id;
    select * into e from mpp.edition x where x.id = class.edition_id;
    phase := private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at);
    -- The staff may still type in what a teacher sends after the end, until the ranking is frozen.
    if phase <> 'running' and not (by_ops and phase = 'closed') then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    asked := coalesce(cardinality(pupil_ids), 0);
    if asked not between 1 and 20000 or asked <> coalesce(cardinality(challenge_ids), 0) or asked <> coalesce(cardinality(times), 0)
        or asked <> coalesce(cardinality(done_on), 0) then
        perform private.refuse('MP010', 'pupil_ids', 'the four columns differ in length, or are empty', 'Send columns of 1 to 20,000 rows.');
    end if;
    if (select sum(t.number) from unnest(times) t (number) where t.number > 0) > 20000 then
        perform private.refuse('MP010', 'times', 'they come to more than 20,000', 'Send a sheet of one class.');
    end if;
    last_instant := least(at, e.ends_at - interval '1 microsecond');

    begin
        with marked as (
            select r.number, r.pupil_id, r.challenge_id, r.times, r.done_on, p.id as player_id, p.team_id, c.kind, c.points, c.boost_factor,
                c.opens_at, c.closes_at, c.repeat_limit, c.id is not null and private.is_in_play(class, c) as in_play, k.code,
                -- Somewhere inside that day, the edition and the window of the challenge: at noon where it can be.
                case
                    when r.done_on is null then last_instant
                    when r.done_on between (e.starts_at at time zone e.time_zone)::date and (e.ends_at at time zone e.time_zone)::date then least(
                        greatest((r.done_on + time '12:00') at time zone e.time_zone, e.starts_at,
                            case when c.kind <> 'boost' then c.opens_at end),
                        last_instant,
                        case when c.kind <> 'boost' then c.closes_at - interval '1 microsecond' end)
                end as done_at,
                (
                    select count(*) from mpp.validation v
                    where v.player_id = r.pupil_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
                ) as done
            from unnest(pupil_ids, challenge_ids, times, done_on) with ordinality
                r (pupil_id, challenge_id, times, done_on, number)
            left join mpp.player p on p.id = r.pupil_id and p.league_id = class.id
            left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
                and not (c.kind = 'flash' and at < c.opens_at)
            left join mpp.challenge k on k.id = c.challenge_id
        ), judged as (
            select m.*,
                case
                    when m.player_id is null then 'its pupil is not in this class'
                    when m.code is null then 'its challenge is not in this edition'
                    when not m.in_play then format('%s is not in play for this class', m.code)
                    when m.times is null or m.times not between 1 and 99 then format('%s times is not between 1 and 99', coalesce(m.times::text, 'no'))
                    when count(*) over (partition by m.pupil_id, m.challenge_id) > 1 then format('%s comes twice for this pupil', m.code)
                    when m.done >= m.times then null
                    when m.times > m.repeat_limit then format('%s counts %s time(s) per pupil', m.code, m.repeat_limit)
                    when m.done_on is not null
                        and (m.done_at is null or m.done_on <> (m.done_at at time zone e.time_zone)::date or m.done_at < e.starts_at)
                        then format('%s is outside the edition, in the future, or outside the window of %s', m.done_on, m.code)
                    when m.kind <> 'boost' and (m.done_at < m.opens_at or m.done_at >= m.closes_at)
                        then format('%s has a window: give the day it was done', m.code)
                end as fault
            from marked m
        ), faults as (
            select count(*) as number, (array_agg(format('row %s: %s', j.number, j.fault) order by j.number))[1] as first
            from judged j
            where j.fault is not null
        ), recorded as (
            insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
                validated_by, validated_at, changed_at)
            select private.uuid_v7(), e.id, j.challenge_id, j.player_id, j.team_id, class.id,
                case when j.kind = 'boost' and j.opens_at <= j.done_at and j.done_at < j.closes_at
                    then j.points * j.boost_factor else j.points end,
                case when j.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
                -- The teacher who fills in the sheet has seen it done.
                true, account, j.done_at, j.done_at
            from judged j
            cross join generate_series(j.done + 1, j.times)
            where (select f.number from faults f) = 0
            returning 1
        )
        select f.number, f.first, (select count(*) from recorded), (select coalesce(sum(least(j.done, j.times)), 0) from judged j)
        into wrong, first_wrong, outcome.recorded, outcome.already
        from faults f;
        if wrong > 0 then
            perform private.refuse('MP070', wrong::text, first_wrong);
        end if;
        -- One statement for all the teams that reached a quorum, so that scores move once.
        update mpp.validation v
        set state = 'credited', changed_at = q.last_done
        from (
            select x.team_id, x.challenge_id, max(x.validated_at) as last_done
            from mpp.validation x
            join mpp.edition_challenge c on c.id = x.challenge_id and c.kind = 'collective'
            where x.league_id = class.id and x.state <> 'cancelled' and x.challenge_id = any (challenge_ids)
            group by x.team_id, x.challenge_id, c.quorum
            having count(distinct x.player_id) >= c.quorum
        ) q
        where v.team_id = q.team_id and v.challenge_id = q.challenge_id and v.league_id = class.id and v.state = 'pending';
        perform private.record_for_class('class.import_sheet', class.id, jsonb_build_object('recorded', outcome.recorded));
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    return outcome;
end
$$;

revoke execute on function private.import_class_sheet(uuid, uuid[], integer[], integer[], date[], boolean) from public;

grant execute on function private.import_class_sheet(uuid, uuid[], integer[], integer[], date[], boolean) to authenticated, service_role;

create function api.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean default false
) returns api.sheet_outcome
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.import_class_sheet(class_id, pupil_ids, challenge_ids, times, done_on, dry_run);
end;

comment on function api.import_class_sheet(uuid, uuid[], integer[], integer[], date[], boolean)
    is 'Records a tracking sheet, all or none: row i says how many times a pupil did a challenge, and on which day (or null). What is recorded already counts, so that the same sheet again adds nothing. Its teachers while the edition runs, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP070.';

revoke execute on function api.import_class_sheet(uuid, uuid[], integer[], integer[], date[], boolean) from public;

grant execute on function api.import_class_sheet(uuid, uuid[], integer[], integer[], date[], boolean) to authenticated, service_role;

-- 80_ranking.sql

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
where s.scope = 'league' and s.listed and s.school_id is null;

comment on view api.league_ranking is 'Ranking of listed leagues; classes have their own. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, reached_at, subject_id.';

grant select on api.league_ranking to anon, authenticated, service_role;

create view api.class_ranking with (security_invoker = true) as
select
    s.edition_id,
    1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = s.edition_id and c.scope = 'league' and c.value > s.value), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = s.edition_id and d.scope = 'league' and d.value > s.value), 0) as rank,
    1
        + coalesce((select sum(c.subjects) from mpp.score_count c
            where c.edition_id = s.edition_id and c.scope = s.level and c.value > s.value), 0)
        + coalesce((select sum(d.change) from mpp.score_delta d
            where d.edition_id = s.edition_id and d.scope = s.level and d.value > s.value), 0) as level_rank,
    s.subject_id,
    s.label,
    s.level,
    s.school_id,
    h.name as school_label,
    h.city,
    h.country,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.reached_at
from mpp.score s
left join mpp.school h on h.id = s.school_id
where s.scope = 'league' and s.listed and s.level is not null;

comment on view api.class_ranking is 'Ranking of listed classes, among all (rank) and within their level (level_rank). value is what ranks: hundredths of a point per pupil, or points where the edition ranks by total. Sort by value desc, reached_at, subject_id.';

grant select on api.class_ranking to anon, authenticated, service_role;

-- A school is the sum of its listed classes: a row of its own would be the hottest of the edition, and there are few
-- enough schools to add up. Once over all its classes (level is null) and once for each of its levels. From the freeze on
-- they stand as they stood then, as long as one of their classes is still listed.
create view api.school_ranking with (security_invoker = true) as
select
    g.edition_id,
    g.level,
    g.rank,
    g.school_id as subject_id,
    h.name as label,
    h.city,
    h.country,
    g.classes,
    g.points,
    g.players,
    round(g.points::numeric / greatest(g.players, 1), 2) as points_per_player,
    g.value,
    g.reached_at
from (
    select t.edition_id, t.level::text as level, t.rank, t.school_id, t.classes, t.points, t.players, t.value, t.reached_at
    from mpp.school_standing t
    where exists (
        select
        from mpp.score s
        where s.edition_id = t.edition_id and s.school_id = t.school_id and s.listed and (t.level is null or s.level = t.level)
    )
    union all
    select l.edition_id, l.level, rank() over (partition by l.edition_id, l.level order by l.value desc), l.school_id, l.classes,
        l.points, l.players, l.value, l.reached_at
    from (
        select s.edition_id, null::text as level, s.school_id, count(*) as classes, sum(s.points) as points,
            sum(s.players) as players, max(s.reached_at) as reached_at,
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end as value
        from mpp.score s
        where s.scope = 'league' and s.listed and s.school_id is not null
        group by s.edition_id, s.school_id
        union all
        select s.edition_id, s.level, s.school_id, count(*), sum(s.points), sum(s.players), max(s.reached_at),
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end
        from mpp.score s
        where s.scope = 'league' and s.listed and s.school_id is not null
        group by s.edition_id, s.school_id, s.level
    ) l
    where l.edition_id in (select e.id from mpp.edition e where e.frozen_at is null)
) g
join mpp.school h on h.id = g.school_id;

comment on view api.school_ranking is 'Ranking of schools by their listed classes: over all levels where level is null, and once more within each level; as they stood at the freeze from then on. value is what ranks: hundredths of a point per pupil, or points. Sort by value desc, reached_at, subject_id.';

grant select on api.school_ranking to anon, authenticated, service_role;

-- A player sees their own place even when they opted out of the public ranking.
create or replace function private.my_rank(edition_id integer, scope api.ranking_scope, neighbours integer) returns setof api.standing
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
    if scope is null or scope not in ('player', 'team', 'league') then
        perform private.refuse('MP010', 'scope', coalesce(scope, 'it is empty'), 'Use player, team or league.');
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

create or replace function private.ranking_around(subject_id uuid, neighbours integer) returns setof api.standing
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
            -- A league or class that opted out still sees itself.
            or s.subject_id in (select private.my_league_ids())
            or private.is_ops()
        );
    if subject.subject_id is null then
        perform private.refuse('MP005');
    end if;
    return query select * from private.standings_around(subject, neighbours);
end
$$;

comment on function api.ranking_around(uuid, integer)
    is 'Rank of a listed player, team, league or class (or of one''s own) with as many neighbours above and below. Errors: MP005, MP010.';

-- What an edition came to. Players who opted out are in no count; pupils are counted by their class.
create view api.edition_statistics with (security_invoker = true) as
select
    e.id as edition_id,
    e.code,
    coalesce(case when e.audience = 'school' then t.pupils else t.players end, 0) as players,
    coalesce(t.teams, 0) as teams,
    coalesce(t.leagues, 0) as leagues,
    coalesce(case when e.audience = 'school' then t.class_points else t.points end, 0) as points,
    coalesce(t.classes, 0) as classes,
    coalesce(t.schools, 0) as schools
from mpp.edition e
left join lateral (
    select
        count(*) filter (where s.scope = 'player') as players,
        count(*) filter (where s.scope = 'team') as teams,
        count(*) filter (where s.scope = 'league' and s.school_id is null) as leagues,
        sum(s.points) filter (where s.scope = 'player') as points,
        sum(s.players) filter (where s.school_id is not null) as pupils,
        sum(s.points) filter (where s.school_id is not null) as class_points,
        count(*) filter (where s.school_id is not null) as classes,
        count(distinct s.school_id) as schools
    from mpp.score s
    where s.edition_id = e.id and s.listed
) t on true;

comment on view api.edition_statistics is 'Listed players, teams, leagues, classes and schools of each edition, and their points; players are the pupils of listed classes in a school edition.';

grant select on api.edition_statistics to anon, authenticated, service_role;

-- 85_freeze.sql

-- Freezing an edition, and proving its scores. A freeze copies nothing but the sums of schools: from then on every table of the ranking refuses
-- to change for that edition (60_score), and its counts keep the ranks as they were. The seal proves that nothing did.

create or replace function private.seal_of(edition integer) returns text
    language sql
    stable
    set search_path = ''
as $$
    select format('1:%s:%s:%s:%s', s.number, s.digest, c.number, c.digest)
        || coalesce((
            select format(':%s:%s', count(*), sum(('x' || left(md5(concat_ws('|', x.level, x.rank, x.school_id, x.classes, x.points,
                x.players, x.value, extract(epoch from x.reached_at))), 16))::bit(64)::bigint))
            from mpp.school_standing x
            where x.edition_id = edition
            having count(*) > 0
        ), '')
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

create or replace function private.freeze_edition(edition_code text) returns timestamptz
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
    insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value, reached_at)
    select r.edition_id, r.level, r.rank, r.subject_id, r.classes, r.points, r.players, r.value, r.reached_at
    from api.school_ranking r
    where r.edition_id = e.id;
    update mpp.edition set frozen_at = at, seal = private.seal_of(e.id) where id = e.id;
    -- The audit keeps the seal too: it is append-only, and a seal rewritten in the edition would differ from it.
    perform private.record_act('edition.freeze', edition_code, jsonb_build_object('seal', (select x.seal from mpp.edition x where x.id = e.id)));
    return at;
end
$$;

create or replace function private.verify_scores(edition_code text) returns setof api.score_fault
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
                select j.scope, s.value, count(*) as subjects
                from mpp.score s
                cross join lateral (values (s.scope::text), (s.level::text)) j (scope)
                where s.edition_id = e.id and s.listed and j.scope is not null
                group by j.scope, s.value
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

-- 90_setup.sql

-- The edition as it stands, in the shape of the document. Secrets are compared by digest and never come out.
create or replace function private.edition_document(e mpp.edition) returns jsonb
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
                'levels', c.levels,
                'curriculum', k.curriculum,
                'title', k.title,
                'description', k.description
            ))
            from mpp.edition_challenge c
            join mpp.challenge k on k.id = c.challenge_id
            where c.edition_id = e.id
        ), '{}')
    )
$$;

create or replace function private.apply_edition(document jsonb, dry_run boolean) returns setof api.edition_change
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
        or jsonb_typeof(document -> 'themes') is distinct from 'array'
        or jsonb_typeof(coalesce(document -> 'curriculum', '[]')) <> 'array' then
        perform private.refuse('MP027', 'the document needs edition.code, themes and challenges');
    end if;
    select x.code into message
    from (
        select t ->> 'code' as code, 'theme' as list from jsonb_array_elements(document -> 'themes') t
        union all
        select c ->> 'code', 'challenge' from jsonb_array_elements(document -> 'challenges') c
        union all
        select t ->> 'code', 'curriculum' from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
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

        changes := changes || array(
            select d
            from (
                select t ->> 'code' as code, t -> 'title' as name
                from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
            ) n
            left join mpp.curriculum_theme h on h.code = n.code
            cross join lateral private.differences('curriculum.' || n.code, to_jsonb(h) - 'code', jsonb_build_object('name', n.name)) d
            order by n.code, (d).path
        );
        insert into mpp.curriculum_theme as h (code, name)
        select t ->> 'code', (t -> 'title')::mpp.translated
        from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
        on conflict on constraint curriculum_theme_pkey do update set name = excluded.name
        where h.name <> excluded.name;
        select g.code into message
        from jsonb_array_elements(document -> 'challenges') c
        cross join lateral jsonb_array_elements_text(coalesce(c -> 'curriculum', '[]')) g (code)
        where not exists (select from mpp.curriculum_theme h where h.code = g.code)
        limit 1;
        if message is not null then
            perform private.refuse('MP027', format('the curriculum theme %s does not exist', message));
        end if;

        select l.level into message
        from jsonb_array_elements(document -> 'challenges') c
        cross join lateral jsonb_array_elements(coalesce(nullif(c -> 'levels', 'null'), '[]')) l (level)
        where l.level not in ('"maternelle"', '"elementaire"', '"college"', '"lycee"')
        limit 1;
        if message is not null then
            perform private.refuse('MP027', format('the level %s does not exist', message));
        end if;

        -- A card that another edition shows may be corrected here too; it is one card.
        insert into mpp.challenge as k (code, theme, title, description, goals, curriculum)
        select c ->> 'code', c ->> 'theme', (c -> 'title')::mpp.translated, (c -> 'description')::mpp.translated,
            array(select g::smallint from jsonb_array_elements_text(c -> 'goals') g),
            array(select g from jsonb_array_elements_text(coalesce(c -> 'curriculum', '[]')) g)
        from jsonb_array_elements(document -> 'challenges') c
        on conflict on constraint challenge_code_key do update
        set theme = excluded.theme, title = excluded.title, description = excluded.description, goals = excluded.goals,
            curriculum = excluded.curriculum
        where (k.theme, k.title::jsonb, k.description::jsonb, k.goals, k.curriculum)
            is distinct from (excluded.theme, excluded.title::jsonb, excluded.description::jsonb, excluded.goals, excluded.curriculum);

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
                case when c ->> 'secret' is not null then private.secret_digest(e.code, c ->> 'secret') end as secret_digest,
                case when jsonb_typeof(c -> 'levels') = 'array'
                    then private.levels_in_order(array(select jsonb_array_elements_text(c -> 'levels'))) end as levels
            from jsonb_array_elements(document -> 'challenges') c
            join mpp.challenge k on k.code = c ->> 'code'
        ), updated as (
            update mpp.edition_challenge x
            set kind = a.kind, points = a.points, repeat_limit = a.repeat_limit, quorum = a.quorum,
                boost_factor = a.boost_factor, needs_proof = a.needs_proof, opens_at = a.opens_at,
                closes_at = a.closes_at, secret_digest = a.secret_digest, levels = a.levels
            from asked a
            where x.edition_id = e.id
                and x.challenge_id = a.challenge_id
                and (x.kind, x.points, x.repeat_limit, x.quorum, x.boost_factor, x.needs_proof, x.opens_at, x.closes_at, x.secret_digest, x.levels)
                    is distinct from
                    (a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at, a.closes_at, a.secret_digest, a.levels)
        )
        insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor,
            needs_proof, opens_at, closes_at, secret_digest, levels)
        select e.id, a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at,
            a.closes_at, a.secret_digest, a.levels
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
        if exists (select from mpp.edition_challenge x where x.edition_id = e.id and (x.levels is null) = (e.audience = 'school')) then
            perform private.refuse('MP027', 'the challenges of a school edition have levels, and only they');
        end if;
        -- A secret word is found by an account, and pupils have none.
        if e.audience = 'school' and exists (select from mpp.edition_challenge x where x.edition_id = e.id and x.kind = 'hidden') then
            perform private.refuse('MP027', 'a school edition has no hidden challenge');
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

-- 95_pages.sql

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
where l.id in (select private.my_league_ids()) and l.school_id is null;

comment on view api.my_leagues is 'The leagues the caller plays in or runs; the join code only for its ambassadors.';

grant select on api.my_leagues to authenticated;

create view api.league_teams with (security_invoker = true) as
select
    t.id as team_id,
    t.league_id,
    t.name,
    (select count(*) from mpp.player p where p.team_id = t.id) as players,
    (
        select coalesce(sum(v.points), 0)
        from mpp.validation v
        where v.league_id = t.league_id and v.team_id = t.id and v.state = 'credited'
    ) as points
from mpp.team t;

comment on view api.league_teams is 'Teams of the caller''s leagues and classes, with their points.';

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
    p.joined_at,
    p.initial,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial) else p.first_name end as name
from mpp.player p
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.player_id = p.id and v.league_id = p.league_id and v.state = 'credited'
) v on true
left join mpp.player_contact c on c.player_id = p.id
where p.league_id is not null;

comment on view api.league_members is 'Members of the caller''s leagues and pupils of their classes, who have no alias; name is the first name, with a pupil''s initial where it is needed; the phone only where an ambassador of an open league may see it.';

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
    v.changed_at,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial) else p.first_name end as name
from mpp.validation v
left join mpp.player p on p.id = v.player_id
left join mpp.edition_challenge c on c.id = v.challenge_id
left join mpp.challenge k on k.id = c.challenge_id;

comment on view api.league_validations is 'Validations in the caller''s leagues and classes; challenge and title are empty for a hidden challenge the caller has not found. Sort by validated_at desc.';

grant select on api.league_validations to authenticated, service_role;

-- The class page: teachers and families read the same rows. Points come from the ledger, because the score of a class
-- that opted out of the ranking is shown to nobody.
create view api.my_classes with (security_invoker = true) as
select
    l.id as class_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.level,
    l.school_id,
    h.name as school_label,
    h.city,
    l.listed,
    l.id in (select private.my_led_league_ids()) as is_teacher,
    c.code as class_code,
    (select count(*) from mpp.player p where p.league_id = l.id) as pupils,
    e.league_max_players as most_pupils,
    coalesce(v.points, 0) as points,
    coalesce(v.validations, 0) as validations,
    exists (select from mpp.class_challenge x where x.league_id = l.id) as has_chosen,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
left join mpp.school h on h.id = l.school_id
left join mpp.class_code c on c.league_id = l.id and l.id in (select private.my_led_league_ids())
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.league_id = l.id and v.state = 'credited'
) v on true
where l.id in (select private.my_league_ids()) and l.school_id is not null;

comment on view api.my_classes is 'The classes the caller teaches, or follows as a family; the class code only for its teachers.';

grant select on api.my_classes to authenticated;

create view api.class_challenges with (security_invoker = true) as
select
    l.id as class_id,
    c.id as challenge_id,
    k.code,
    c.kind,
    k.theme,
    k.title,
    k.description,
    c.points,
    c.boost_factor,
    c.opens_at,
    c.closes_at,
    c.repeat_limit,
    c.quorum,
    c.needs_proof,
    k.goals,
    k.curriculum,
    x.league_id is not null or not exists (select from mpp.class_challenge o where o.league_id = l.id) as is_in_play,
    coalesce(v.pupils, 0) as pupils_credited,
    coalesce(v.points, 0) as points_earned
from mpp.league l
join mpp.edition_challenge c
    on c.edition_id = l.edition_id
    and l.level = any (c.levels)
    -- Not even the staff's sheets, which teachers get, tell of a flash challenge to come.
    and (c.kind <> 'flash' or c.opens_at <= now())
join mpp.challenge k on k.id = c.challenge_id
left join mpp.class_challenge x on x.league_id = l.id and x.challenge_id = c.id
left join lateral (
    select count(distinct v.player_id) as pupils, sum(v.points) as points
    from mpp.validation v
    where v.league_id = l.id and v.challenge_id = c.id and v.state = 'credited'
) v on true;

comment on view api.class_challenges is 'Challenges of the level of the caller''s classes: whether the class plays them, and what it did. Filter by class_id.';

grant select on api.class_challenges to authenticated, service_role;

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
where (select private.is_ops()) and l.school_id is null;

comment on view api.ops_leagues is 'Every league with its size, points and ambassador; classes are in ops_classes. Staff only.';

grant select on api.ops_leagues to authenticated, service_role;

create view api.ops_classes with (security_invoker = true) as
select
    l.id as class_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.level,
    l.school_id,
    h.rne,
    h.name as school_label,
    h.postcode,
    h.city,
    h.country,
    l.listed,
    c.code as class_code,
    s.points,
    (select count(*) from mpp.player p where p.league_id = l.id) as pupils,
    (select count(*) from mpp.team t where t.league_id = l.id) as teams,
    (select count(*) from mpp.family f where f.league_id = l.id) as families,
    exists (select from mpp.class_challenge x where x.league_id = l.id) as has_chosen,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
join mpp.score s on s.subject_id = l.id
join mpp.school h on h.id = l.school_id
left join mpp.class_code c on c.league_id = l.id
where (select private.is_ops());

comment on view api.ops_classes is 'Every class with its school, size and points; class_teachers says who runs it. Staff only.';

grant select on api.ops_classes to authenticated, service_role;

-- What teachers say of their work is for statistics, so that is how the staff see it: without a name.
create view api.teacher_statistics with (security_invoker = true) as
select t.role, t.subject, count(*) as teachers, min(t.registered_at) as first_registered_at, max(t.registered_at) as last_registered_at
from mpp.teacher t
where (select private.is_ops())
group by t.role, t.subject;

comment on view api.teacher_statistics is 'How many teachers have which role and subject. Staff only.';

grant select on api.teacher_statistics to authenticated, service_role;

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
    m.last_at,
    coalesce(m.player_id, m.league_id) as subject_id
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
    union all
    -- A teacher validates for the whole class, or types in a sheet of three weeks, in a minute: a class is looked at whole.
    select
        v.edition_id, null, v.league_id, 'class rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    join mpp.league l on l.id = v.league_id and l.school_id is not null
    join mpp.edition e on e.id = v.edition_id
    where v.state <> 'cancelled'
    group by v.edition_id, v.league_id, e.starts_at, e.ends_at
    having count(*) > 10 * count(distinct v.player_id) * greatest(extract(epoch from least(now(), e.ends_at) - e.starts_at) / 86400, 1)
) m
left join mpp.player p on p.id = m.player_id
where (select private.is_ops()) and (m.player_id is null or p.alias is not null);

comment on view api.misuse is 'Players who validated implausibly fast: over 10 in a minute, or over 40 in a day; and classes (without player_id) with over 10 a day for each pupil. Staff only.';

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
                    'mpp.unlock_guess'::regclass, 'mpp.teacher'::regclass,
                    'mpp.family'::regclass, 'mpp.class_challenge'::regclass, 'mpp.class_code'::regclass,
                    'mpp.class_guess'::regclass, 'mpp.class_invitation'::regclass, 'mpp.class_request'::regclass,
                    'mpp.ops_member'::regclass, 'mpp.audit'::regclass,
                    'mpp.theme'::regclass, 'mpp.challenge'::regclass, 'mpp.edition_challenge'::regclass, 'mpp.edition'::regclass
                )
                or (a.attrelid = 'mpp.score'::regclass and a.attname not in ('edition_id', 'scope'))
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
    -- An index on an expression gathers statistics of its own.
    for private_column in
        select a.attrelid::regclass as relation, a.attnum as name
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid
        where i.indexprs is not null
            and i.indkey[a.attnum - 1] = 0
            and i.indrelid in ('mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.player'::regclass)
        order by a.attrelid, a.attnum
    loop
        execute format('alter index %s alter column %s set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;
