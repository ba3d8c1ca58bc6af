-- Corrections of the client spaces: dates of staff, taking back what was a mistake, territories that exist, what is kept of a
-- request that was taken down.

-- A code that matches no department follows nothing, and could be set no more.
alter table mpp.territory drop constraint territory_code;

drop function api.set_territory(integer, jsonb);
drop function private.set_territory(integer, jsonb);
drop function api.send_contact_request(api.contact_kind, text, text, text, text, integer, text);
drop function private.send_contact_request(api.contact_kind, text, text, text, text, integer, text);

create type api.territory_change as enum ('replace', 'add', 'remove');
create type api.territory_match as (kind api.territory_kind, code text, schools integer);
comment on type api.territory_match is 'A code of a territory, and how many schools that are not hidden have it.';

-- The address of whatever was taken down before goes now.
alter table mpp.contact_request alter column email drop not null;
update mpp.contact_request set email = null where removed_at is not null;
alter table mpp.contact_request
    add constraint contact_request_address_until_removed check ((removed_at is null) = (email is not null));

-- 01_refusal.sql

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
        'Sign in with the address that was invited, or ask whoever invited you for a new one.', 'Connectez-vous avec l’adresse invitée, ou demandez-en une nouvelle à qui vous a invité·e.'),
    ('MP083', 'NotInClass', 'A pupil, a team or a validation that was named is not in this class.', 'Un·e élève, une équipe ou une validation indiquée n’est pas dans cette classe.',
        'Read the class again.', 'Relisez la classe.'),
    ('MP084', 'ChallengeNotChosen', 'This challenge is not in play for this class.', 'Ce défi n’est pas en jeu pour cette classe.',
        'Choose it for the class first, or another of its level.', 'Choisissez-le d’abord pour la classe, ou un autre de son niveau.'),
    ('MP085', 'SchoolLimit', 'You have added %1$s schools today.', 'Vous avez ajouté %1$s établissements aujourd’hui.',
        'Search for the school, or try again tomorrow.', 'Cherchez l’établissement, ou réessayez demain.'),
    ('MP086', 'ClassesFollowed', 'This account already follows %1$s classes.', 'Ce compte suit déjà %1$s classes.',
        'Use another account.', 'Utilisez un autre compte.'),
    -- clients
    ('MP090', 'OrganisationUnknown', 'There is no such organisation, or you do not work for it.', 'Cette organisation n’existe pas, ou vous n’y travaillez pas.',
        'Check its code and your account.', 'Vérifiez son code et votre compte.'),
    ('MP091', 'AccessClosed', 'Your access, from %1$s to %2$s, %3$s.', 'Votre accès, du %1$s au %2$s, %3$s.',
        'Ask Ma Petite Planète for other dates.', 'Demandez d’autres dates à Ma Petite Planète.'),
    ('MP092', 'RoleTooLow', 'Only a %1$s of this organisation may do this.', 'Seul un rôle %1$s de cette organisation permet cela.',
        'Ask an owner of your organisation.', 'Demandez à un·e responsable de votre organisation.'),
    ('MP093', 'ParticipationUnknown', 'There is no such participation of yours.', 'Cette participation n’existe pas chez vous.',
        'List the participations of your organisation.', 'Consultez les participations de votre organisation.'),
    ('MP094', 'EditionNotFrozen', 'Edition %1$s is not frozen yet.', 'L’édition %1$s n’est pas encore figée.',
        'Freeze it first: awards rest on what no longer changes.', 'Figez-la d’abord : les récompenses reposent sur ce qui ne change plus.'),
    ('MP095', 'ContactClosed', 'Too many messages are coming in at the moment.', 'Trop de messages arrivent en ce moment.',
        'Try again in an hour, or write a mail.', 'Réessayez dans une heure, ou écrivez un mail.'),
    ('MP099', 'ParticipationPlayed', 'People play for this client in edition %1$s (%2$s of its leagues).', 'On joue pour ce client dans l’édition %1$s (%2$s de ses ligues).',
        'A participation stays once somebody has joined it.', 'Une participation reste dès que quelqu’un l’a rejointe.'),
    -- mails
    ('MP096', 'MailMoved', 'Mail %1$s is no longer in your hands.', 'Le message %1$s n’est plus entre vos mains.',
        'Look at what became of it.', 'Regardez ce qu’il est devenu.'),
    ('MP097', 'MailUnknown', 'There is no mail %1$s.', 'Le message %1$s n’existe pas.',
        'List the mails.', 'Consultez la liste des messages.'),
    ('MP098', 'NewsletterChanged', 'Newsletter %1$s was already queued with another text.', 'La lettre %1$s est déjà en file avec un autre texte.',
        'Give the new text another code.', 'Donnez un autre code au nouveau texte.'),
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

-- The ends of a stretch of days as people read them: its first day and its last one, which is whole. An instant that is no
-- midnight in Paris is said in full.
create or replace function private.spoken_first(at timestamptz) returns text
    language sql
    stable
    set search_path = ''
as $$
    select case when (at at time zone 'Europe/Paris')::time = '00:00' then to_char(at at time zone 'Europe/Paris', 'YYYY-MM-DD')
        else private.spoken(at) end
$$;
revoke execute on function private.spoken_first(timestamptz) from public;

create or replace function private.spoken_last(until timestamptz) returns text
    language sql
    stable
    set search_path = ''
as $$
    select case when (until at time zone 'Europe/Paris')::time = '00:00'
        then to_char(until at time zone 'Europe/Paris' - interval '1 day', 'YYYY-MM-DD') else private.spoken(until) end
$$;
revoke execute on function private.spoken_last(timestamptz) from public;

-- 10_edition.sql

-- Editions in which the caller's clients take part. Of a private one they read what it is and its cards, never its
-- ranking: who is in it is known inside only.
create or replace function private.my_client_edition_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query select p.edition_id from mpp.participation p where p.organisation_id in (select c.id from private.my_client_ids() c (id));
end
$$;
revoke execute on function private.my_client_edition_ids() from public;
grant execute on function private.my_client_edition_ids() to authenticated, mpp_dashboard;

-- 36_client.sql

-- A department that there is, a postcode of one, or a school's code: what matches nothing would only look like a territory.
create or replace function private.is_territory_code(kind text, code text) returns boolean
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select coalesce(case kind
        when 'postcode' then code ~ '^((0[1-9]|[1-8][0-9]|9[0-5])[0-9]{3}|9(7[1-8]|8[678])[0-9]{2})$'
        when 'department' then code ~ '^(0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|97[1-8]|98[678])$'
        when 'rne' then private.is_rne(code)
    end, false)
$$;
revoke execute on function private.is_territory_code(text, text) from public;
grant execute on function private.is_territory_code(text, text) to mpp_owner;

-- Also those whose dates have passed or not begun: their name may be read, nothing more.
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
        and not exists (select from auth.users u where u.id = s.account_id and (u.banned_until > now() or u.is_anonymous))
    union
    select c.id from private.my_client_ids() c (id);
end
$$;
revoke execute on function private.my_organisation_ids() from public;
grant execute on function private.my_organisation_ids() to authenticated, mpp_dashboard;

-- Inside the dates of somebody's access, or the refusal that says whether they have passed or not begun.
create or replace function private.require_open(me mpp.staff) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    french boolean := private.speaks_french();
    closed text := case
        when private.clock() < me.access_from then case when french then 'n’est pas encore ouvert' else 'is not open yet' end
        when private.clock() >= me.access_until then case when french then 'est terminé' else 'is over' end
    end;
begin
    if closed is not null then
        perform private.refuse('MP091', private.spoken_first(me.access_from), private.spoken_last(me.access_until), closed);
    end if;
end
$$;
revoke execute on function private.require_open(mpp.staff) from public;

-- Of its staff with this role, inside their dates. Whoever is not of its staff is told the same as if there were no such
-- client.
create or replace function private.require_client(organisation integer, account uuid, at_least api.staff_role) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    me mpp.staff;
begin
    select * into me from mpp.staff s where s.account_id = account and s.organisation_id = organisation;
    if not found then
        perform private.refuse('MP090');
    end if;
    perform private.require_open(me);
    if me.role < at_least then
        perform private.refuse('MP092', at_least::text);
    end if;
end
$$;
revoke execute on function private.require_client(integer, uuid, api.staff_role) from public;

create or replace view api.client_organisations with (security_invoker = true) as
select o.id as organisation_id, o.code, o.name, o.kind, o.language, o.created_at
from mpp.organisation o;
comment on view api.client_organisations is 'The organisations the caller works for, whatever the dates; for the association all.';
grant select on api.client_organisations to authenticated, service_role, mpp_dashboard;

create or replace view api.client_participations with (security_invoker = true) as
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

create or replace view api.client_units with (security_invoker = true) as
select u.id as unit_id, u.organisation_id, u.name from mpp.unit u;
comment on view api.client_units is 'Departments, sites or services of the caller''s organisations.';
grant select on api.client_units to authenticated, service_role, mpp_dashboard;

-- Which kinds of clients follow classes: those that answer for schools.
create or replace function private.may_follow(kind api.organisation_kind) returns boolean
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$ select kind in ('local_authority', 'public_administration', 'school_network') $$;
revoke execute on function private.may_follow(api.organisation_kind) from public;

-- The association sets up its clients.
create or replace function private.set_organisation(code text, name text, kind api.organisation_kind, language text) returns integer
    language plpgsql
    security definer
    set search_path = ''
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
revoke execute on function private.set_organisation(text, text, api.organisation_kind, text) from public;
grant execute on function private.set_organisation(text, text, api.organisation_kind, text) to authenticated, service_role;

create or replace function private.set_participation(
    organisation_id integer, edition_code text, expected_players integer, asks_phone boolean, carries_name boolean
) returns integer
    language plpgsql
    security definer
    set search_path = ''
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
revoke execute on function private.set_participation(integer, text, integer, boolean, boolean) from public;
grant execute on function private.set_participation(integer, text, integer, boolean, boolean) to authenticated, service_role;

create or replace function api.set_participation(
    organisation_id integer, edition_code text, expected_players integer default null, asks_phone boolean default null,
    carries_name boolean default null
) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_participation(organisation_id, edition_code, expected_players, asks_phone, carries_name);
end;
comment on function api.set_participation(integer, text, integer, boolean, boolean)
    is 'Lets a client take part in an edition, or changes how; what is left out stays. A school edition is for local authorities, public administrations and networks of schools. Returns the participation id. Staff of the association. Errors: MP006, MP010, MP020, MP028, MP090.';
revoke execute on function api.set_participation(integer, text, integer, boolean, boolean) from public;
grant execute on function api.set_participation(integer, text, integer, boolean, boolean) to authenticated, service_role;

create or replace function private.set_territory(organisation_id integer, codes jsonb, change api.territory_change) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    named jsonb;
    wrong text;
    kind api.organisation_kind;
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    if jsonb_typeof(codes) is distinct from 'object' then
        perform private.refuse('MP010', 'codes', 'it is not an object', 'Send {"postcode": […], "department": […], "rne": […]}.');
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
            'Use postcodes such as 69003, departments such as 69 or 2A, and RNE codes of which each exists.');
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
revoke execute on function private.set_territory(integer, jsonb, api.territory_change) from public;
grant execute on function private.set_territory(integer, jsonb, api.territory_change) to authenticated, service_role;

create or replace function api.set_territory(organisation_id integer, codes jsonb, change api.territory_change default 'replace') returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_territory(organisation_id, codes, change);
end;
comment on function api.set_territory(integer, jsonb, api.territory_change)
    is 'Says which schools a client follows: {"postcode": […], "department": […], "rne": […]}, in place of what was there, added to it or taken away from it; returns how many codes there are now. For local authorities, public administrations and networks of schools. Staff of the association. Errors: MP006, MP010, MP090.';
revoke execute on function api.set_territory(integer, jsonb, api.territory_change) from public;
grant execute on function api.set_territory(integer, jsonb, api.territory_change) to authenticated, service_role;

create or replace function private.territory_schools(organisation_id integer) returns setof api.territory_match
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
as $$
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    return query
    with place as (
        -- One pass over the schools, however many codes there are.
        select 'postcode' as kind, h.postcode as code, count(*) as schools
        from mpp.school h where h.country = 'FR' and not h.is_hidden group by h.postcode
        union all
        select 'department', private.department_of(h.country, h.postcode), count(*)
        from mpp.school h where h.country = 'FR' and not h.is_hidden group by private.department_of(h.country, h.postcode)
        union all
        select 'rne', h.rne, 1
        from mpp.school h
        where h.country = 'FR' and not h.is_hidden
            and h.rne in (select t.code from mpp.territory t where t.organisation_id = territory_schools.organisation_id and t.kind = 'rne')
    )
    select t.kind, t.code, coalesce(x.schools, 0)::integer
    from mpp.territory t
    left join place x on x.kind = t.kind::text and x.code = t.code
    where t.organisation_id = territory_schools.organisation_id
    order by t.kind, t.code;
end
$$;
revoke execute on function private.territory_schools(integer) from public;
grant execute on function private.territory_schools(integer) to authenticated, service_role;

create or replace function api.territory_schools(organisation_id integer) returns setof api.territory_match
    language sql
    stable
    rows 20
    set search_path = ''
begin atomic
    select * from private.territory_schools(organisation_id);
end;
comment on function api.territory_schools(integer)
    is 'The codes that a client follows, and how many schools each of them matches. Staff of the association. Errors: MP006, MP090.';
revoke execute on function api.territory_schools(integer) from public;
grant execute on function api.territory_schools(integer) to authenticated, service_role;

-- 46_client_league.sql

-- The leagues and guests of a client, for one change at a time; the client may have been withdrawn while this waited.
create or replace function private.lock_client(p mpp.participation) returns void
    language plpgsql
    volatile
    set search_path = ''
as $$
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), p.organisation_id);
    if not exists (select from mpp.participation x where x.id = p.id) then
        perform private.refuse('MP093');
    end if;
end
$$;
revoke execute on function private.lock_client(mpp.participation) from public;

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
        called := private.clean_line(format('name of league %s', item.place), item.given ->> 'name', 60);
        if p.carries_name then
            called := private.clean_line(format('name of league %s', item.place), o.name || ' · ' || called, 60);
        end if;
        unit := null;
        unit_name := null;
        if item.given ->> 'unit' is not null then
            unit_name := private.clean_line(format('unit of league %s', item.place), item.given ->> 'unit', 60);
            insert into mpp.unit (organisation_id, name) values (o.id, unit_name) on conflict do nothing;
            select u.id, u.name into unit, unit_name
            from mpp.unit u where u.organisation_id = o.id and lower(u.name) = lower(unit_name);
        end if;
        select l.id into league from mpp.league l where l.participation_id = p.id and lower(l.name) = lower(called);
        fresh := not found;
        if fresh then
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
end
$$;
revoke execute on function private.create_client_leagues(integer, jsonb) from public;
grant execute on function private.create_client_leagues(integer, jsonb) to authenticated, service_role;

-- The key of the first, second or third mail that invites an address; of a removed guest what has left stays in the outbox.
create or replace function private.invitation_key(participation integer, email text, number bigint) returns text
    language sql
    immutable
    set search_path = ''
as $$
    select format('invitation:%s:%s', participation, encode(sha256(convert_to(email, 'UTF8')), 'hex'))
        || case when number > 1 then ':' || number else '' end
$$;
revoke execute on function private.invitation_key(integer, text, bigint) from public;

create or replace function private.invitations_sent(participation integer, email text) returns bigint
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    return (
        select count(*)
        from mpp.outbox m
        where m.key = any (array(select private.invitation_key(participation, invitations_sent.email, n) from generate_series(1, 3) n))
    );
end
$$;
revoke execute on function private.invitations_sent(integer, text) from public;

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
    guest record;
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform private.lock_client(p);
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    select count(*), (array_agg(format('row %s: %s', f.place, f.fault) order by f.place))[1] into wrong, first_wrong
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then 'it is not an object'
                when not private.is_mail_address(lower(btrim(g.given ->> 'email'))) then 'its address is not one'
                when count(*) over (partition by lower(btrim(g.given ->> 'email'))) > 1 then 'its address comes twice'
                when g.given ->> 'league' is not null and not exists (
                    select from mpp.league l
                    where l.participation_id = p.id
                        and lower(l.name) in (lower(btrim(g.given ->> 'league')), lower(o.name || ' · ' || btrim(g.given ->> 'league')))
                ) then 'its league is none of the client''s'
                -- Taken off the list and put back on: a new code comes by mail, and nobody is written to for ever.
                when not exists (
                    select from mpp.participant x where x.participation_id = p.id and x.email = lower(btrim(g.given ->> 'email'))
                ) and private.invitations_sent(p.id, lower(btrim(g.given ->> 'email'))) >= 3
                    then 'three invitations were sent there already, hand out the code yourself'
            end as fault
        from jsonb_array_elements(participants) with ordinality g (given, place)
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
                'ends_at', e.ends_at, 'organisation', o.name),
            purpose => 'invitation', address => guest.email, language => o.language, useful_until => e.registration_closes_at)
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
revoke execute on function private.invite_participants(integer, jsonb, boolean) from public;
grant execute on function private.invite_participants(integer, jsonb, boolean) to authenticated, service_role;

-- Guests are taken off the list, with the mail that has not left. What was sent keeps its trace; the league stays open to
-- whoever has its code.
create or replace function private.remove_participants(participation_id integer, emails text[]) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    p mpp.participation := private.begin_participation(participation_id);
    o mpp.organisation;
    asked text[];
    removed integer;
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    if emails is null or cardinality(emails) not between 1 and 2000 then
        perform private.refuse('MP010', 'emails', 'it is not a list of 1 to 2,000', 'Send the addresses to remove.');
    end if;
    asked := array(select lower(btrim(x.email)) from unnest(emails) x (email) where octet_length(x.email) <= 300);
    perform private.lock_client(p);
    delete from mpp.participant x where x.participation_id = p.id and x.email = any (asked);
    get diagnostics removed = row_count;
    delete from mpp.outbox m
    where m.state = 'queued'
        and m.key = any (array(
            select private.invitation_key(p.id, x.email, n) from unnest(asked) x (email) cross join generate_series(1, 3) n
        ));
    if removed > 0 then
        perform private.record_act('client.remove_participants', o.code, jsonb_build_object('participation', p.id, 'removed', removed));
    end if;
    return removed;
end
$$;
revoke execute on function private.remove_participants(integer, text[]) from public;
grant execute on function private.remove_participants(integer, text[]) to authenticated, service_role;

create or replace function api.remove_participants(participation_id integer, emails text[]) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_participants(participation_id, emails);
end;
comment on function api.remove_participants(integer, text[])
    is 'Takes people off a client''s list of those invited, and drops their invitation where it has not left yet; addresses that are not on it are passed over. Returns how many there were. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010, MP011, MP091–MP093.';
revoke execute on function api.remove_participants(integer, text[]) from public;
grant execute on function api.remove_participants(integer, text[]) to authenticated, service_role;

-- The opposite of set_participation, as long as nobody has joined. Scores are never taken away, so its leagues stay as
-- empty shells: without a code, a client, a place in the rankings or the name, which is free again.
create or replace function private.withdraw_participation(participation_id integer) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    p mpp.participation;
    o mpp.organisation;
    e mpp.edition;
    league uuid;
    played bigint;
    closed integer := 0;
begin
    perform private.require_ops();
    -- First, as whoever plans it or takes guests off its list does.
    select * into p from mpp.participation x where x.id = withdraw_participation.participation_id for no key update;
    if not found then
        perform private.refuse('MP093');
    end if;
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    perform private.lock_edition(p.edition_id);
    select * into e from mpp.edition x where x.id = p.edition_id;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    perform private.lock_client(p);
    -- Whoever joins one waits for its lock, and then finds no code.
    for league in select l.id from mpp.league l where l.participation_id = p.id order by l.id loop
        perform private.lock_league(league);
    end loop;
    select count(*) into played
    from mpp.league l
    where l.participation_id = p.id
        and (
            exists (select from mpp.player q where q.league_id = l.id)
            or exists (select from mpp.validation v where v.league_id = l.id)
            or exists (select from mpp.conduct_report r where r.league_id = l.id)
        );
    if played > 0 then
        perform private.refuse('MP099', e.code, played::text);
    end if;
    delete from mpp.outbox m
    where m.state = 'queued' and m.purpose = 'invitation' and m.key like format('invitation:%s:%%', p.id);
    delete from mpp.participant x where x.participation_id = p.id;
    delete from mpp.task t where t.participation_id = p.id;
    delete from mpp.join_code c using mpp.league l where c.league_id = l.id and l.participation_id = p.id;
    update mpp.league l
    set listed = false, held_back = true, participation_id = null, unit_id = null, name = format('— %s', l.id)
    where l.participation_id = p.id;
    get diagnostics closed = row_count;
    delete from mpp.unit u
    where u.organisation_id = p.organisation_id and not exists (select from mpp.league l where l.unit_id = u.id);
    delete from mpp.participation x where x.id = p.id;
    perform private.record_act('participation.withdraw', o.code, jsonb_build_object('edition', e.code, 'participation', p.id, 'leagues', closed));
    return closed;
end
$$;
revoke execute on function private.withdraw_participation(integer) from public;
grant execute on function private.withdraw_participation(integer) to authenticated, service_role;

create or replace function api.withdraw_participation(participation_id integer) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.withdraw_participation(participation_id);
end;
comment on function api.withdraw_participation(integer)
    is 'Takes a client out of an edition as long as nobody has joined one of its leagues: its guests, their mails, its plan and its units without leagues go, its empty leagues are closed. Returns how many leagues were closed. Staff of the association. Errors: MP006, MP024, MP093, MP099.';
revoke execute on function api.withdraw_participation(integer) from public;
grant execute on function api.withdraw_participation(integer) to authenticated, service_role;

-- Staff of a client. Their dates: an end that is after the beginning and has not passed.
create or replace function private.check_access(opens timestamptz, closes timestamptz) returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if closes is null or not isfinite(closes) then
        perform private.refuse('MP010', 'access_until', coalesce(closes::text, 'it is empty'), 'Give the end of the access.');
    end if;
    if not isfinite(opens) then
        perform private.refuse('MP010', 'access_from', opens::text, 'Give the beginning of the access, or nothing for now.');
    end if;
    if closes <= opens then
        perform private.refuse('MP010', 'access_until', format('%s is not after the beginning, %s', private.spoken_last(closes),
            private.spoken_first(opens)), 'Give an end after the beginning; remove_staff takes an access away.');
    end if;
    if closes <= private.clock() then
        perform private.refuse('MP010', 'access_until', format('%s has passed', private.spoken_last(closes)),
            'Give an end that is still to come; remove_staff takes an access away.');
    end if;
end
$$;
revoke execute on function private.check_access(timestamptz, timestamptz) from public;

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
        -- An invitation is a mail: an owner's account must not become a way to write to somebody again and again.
        if exists (
            select
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email = address and i.invited_at > private.clock() - interval '1 hour'
        ) then
            perform private.refuse('MP010', 'email', 'it was invited less than an hour ago', 'Wait before you invite it again.');
        end if;
        -- Also between two of its owners at once.
        perform pg_advisory_xact_lock(hashtext('mpp.client'), o.id);
        if (
            select count(*)
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email <> address and i.accepted_at is null and i.expires_at > private.clock()
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty invitations are waiting already', 'Wait until some are taken or have expired.');
        end if;
    end if;
    perform private.check_access(opens, closes);
    insert into mpp.staff_invitation as i (organisation_id, email, role, access_from, access_until, code_digest, expires_at)
    values (o.id, address, invite_staff.role, opens, closes, sha256(convert_to(code, 'UTF8')),
        least(private.clock() + interval '30 days', closes))
    on conflict on constraint staff_invitation_once do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until,
        code_digest = excluded.code_digest, expires_at = excluded.expires_at, invited_at = clock_timestamp(), accepted_at = null
    returning i.id into invitation;
    perform private.queue_mail(
        format('staff:%s:%s', invitation, encode(substring(sha256(convert_to(code, 'UTF8')) for 8), 'hex')),
        'staff_invitation',
        jsonb_build_object('organisation', o.name, 'role', invite_staff.role, 'code', code, 'access_from', opens, 'access_until', closes,
            'expires_at', (select i.expires_at from mpp.staff_invitation i where i.id = invitation)),
        purpose => 'service', address => address, language => o.language,
        useful_until => (select i.expires_at from mpp.staff_invitation i where i.id = invitation));
    perform private.record_act('client.invite_staff', o.code, jsonb_build_object('invitation', invitation, 'role', invite_staff.role));
    return invitation;
end
$$;
revoke execute on function private.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz) from public;
grant execute on function private.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

create or replace function private.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    me mpp.staff;
    them mpp.staff;
begin
    select * into them from mpp.staff s
    where s.organisation_id = set_staff.organisation_id and s.account_id = set_staff.account_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    them.role := coalesce(role, them.role);
    them.access_from := coalesce(access_from, them.access_from);
    them.access_until := coalesce(access_until, them.access_until);
    if not by_ops then
        select * into me from mpp.staff s where s.organisation_id = set_staff.organisation_id and s.account_id = account;
        if them.account_id = account or them.role = 'owner' or exists (
            select from mpp.staff s
            where s.organisation_id = them.organisation_id and s.account_id = them.account_id and s.role = 'owner'
        ) then
            perform private.refuse('MP005');
        end if;
        if set_staff.access_until > me.access_until or set_staff.access_from < me.access_from then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.spoken_first(me.access_from), private.spoken_last(me.access_until)));
        end if;
    end if;
    -- A new role alone is none of the dates' business, also when they have passed.
    if num_nonnulls(set_staff.access_from, set_staff.access_until) > 0 then
        perform private.check_access(them.access_from, them.access_until);
    end if;
    update mpp.staff s
    set role = them.role, access_from = them.access_from, access_until = them.access_until
    where s.organisation_id = them.organisation_id and s.account_id = them.account_id;
    perform private.record_act('client.set_staff', set_staff.organisation_id::text,
        jsonb_build_object('account_id', them.account_id, 'role', them.role, 'until', them.access_until));
end
$$;
revoke execute on function private.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) from public;
grant execute on function private.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

create or replace function api.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role default null, access_from timestamptz default null,
    access_until timestamptz default null
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_staff(organisation_id, account_id, role, access_from, access_until);
end;
comment on function api.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz)
    is 'Changes the role or the dates of somebody who works for a client; what is left out stays. An end that has passed, or is not after the beginning, is refused: remove_staff takes the access away. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010, MP011, MP090–MP092.';
revoke execute on function api.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) from public;
grant execute on function api.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

-- Somebody is taken out of a client's space, with whatever would let them in again; or an invitation that waits is taken
-- back. The mail that has not left goes with it.
create or replace function private.remove_staff(organisation_id integer, account_id uuid, invitation_id integer) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    taken_back integer[];
begin
    if num_nonnulls(account_id, invitation_id) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an invitation', 'Send one of the two.');
    end if;
    -- Invitation before staff, as whoever accepts one takes them: nobody comes back through what they are just taking.
    with gone as (
        delete from mpp.staff_invitation i
        where i.organisation_id = remove_staff.organisation_id and i.accepted_at is null
            and (by_ops or i.role <> 'owner')
            and (
                i.id = remove_staff.invitation_id
                or i.email = (select lower(u.email) from auth.users u where u.id = remove_staff.account_id)
            )
        returning i.id
    )
    select coalesce(array_agg(g.id), '{}') into taken_back from gone g;
    if remove_staff.account_id is null then
        if cardinality(taken_back) = 0 then
            perform private.refuse('MP005');
        end if;
    else
        delete from mpp.staff s
        where s.organisation_id = remove_staff.organisation_id and s.account_id = remove_staff.account_id
            and (by_ops or (s.role <> 'owner' and s.account_id <> account));
        if not found then
            perform private.refuse('MP005');
        end if;
    end if;
    delete from mpp.outbox m
    where m.state = 'queued' and m.template = 'staff_invitation' and m.key like any (array(select format('staff:%s:%%', i) from unnest(taken_back) i));
    perform private.record_act(
        case when remove_staff.account_id is null then 'client.cancel_invitation' else 'client.remove_staff' end,
        remove_staff.organisation_id::text,
        jsonb_strip_nulls(jsonb_build_object('account_id', remove_staff.account_id, 'invitation', remove_staff.invitation_id)));
end
$$;
revoke execute on function private.remove_staff(integer, uuid, integer) from public;
grant execute on function private.remove_staff(integer, uuid, integer) to authenticated, service_role;

create or replace function api.remove_staff(organisation_id integer, account_id uuid default null, invitation_id integer default null) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_staff(organisation_id, account_id, invitation_id);
end;
comment on function api.remove_staff(integer, uuid, integer)
    is 'Takes the access of somebody who works for a client away, at once, or takes back an invitation that waits. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010, MP011, MP090–MP092.';
revoke execute on function api.remove_staff(integer, uuid, integer) from public;
grant execute on function api.remove_staff(integer, uuid, integer) to authenticated, service_role;

-- 82_follow_up.sql

-- Everything a report says, in one snapshot and from the same functions as the views.
create or replace function private.client_report(participation_id integer) returns jsonb
    language plpgsql
    stable
    security definer
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
    me mpp.staff;
    report jsonb;
begin
    select * into p from private.followed(participation_id);
    if p.id is null then
        select s.* into me
        from mpp.participation x
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select auth.uid())
            and private.request_role() = 'authenticated'
        where x.id = client_report.participation_id;
        if found then
            perform private.require_open(me);
        end if;
        perform private.refuse('MP093');
    end if;
    select jsonb_build_object(
        'as_of', at,
        'organisation', (select jsonb_build_object('code', o.code, 'name', o.name, 'kind', o.kind, 'language', o.language)
            from mpp.organisation o where o.id = p.organisation_id),
        'edition', (select jsonb_build_object('code', e.code, 'title', e.title, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
            'time_zone', e.time_zone, 'frozen_at', e.frozen_at, 'audience', e.audience) from mpp.edition e where e.id = p.edition_id),
        'overview', (select to_jsonb(r) from private.client_overview(p.id) r),
        'weeks', (select coalesce(jsonb_agg(r), '[]') from private.client_weekly(p.id) r),
        'days', (select coalesce(jsonb_agg(r), '[]') from private.client_daily(p.id) r),
        'leagues', (select coalesce(jsonb_agg(r), '[]') from private.client_leagues(p.id) r),
        'units', (select coalesce(jsonb_agg(r), '[]') from private.client_ranking(p.id) r where r.scope = 'unit'),
        'themes', (select coalesce(jsonb_agg(r), '[]') from private.client_themes(p.id) r),
        'map', (select coalesce(jsonb_agg(r), '[]') from private.client_map(p.id) r),
        'territory', (select coalesce(jsonb_agg(r), '[]') from private.client_territory(p.id) r),
        -- The best of its leagues among all of the edition, as everybody sees them.
        'general', (
            select coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'rank', g.rank, 'points', g.points,
                'points_per_player', g.points_per_player) order by g.rank), '[]')
            from (
                select l.name, private.rank_of(s.edition_id, 'league', s.value) as rank, s.points,
                    case when s.players >= 5 then round(s.points::numeric / s.players, 2) end as points_per_player
                from mpp.league l
                join mpp.score s on s.subject_id = l.id and s.is_public
                where l.participation_id = p.id
                order by s.value desc, s.reached_at
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            where s.edition_id = p.edition_id and s.listed
        ),
        -- Beside what a client is told of its own leagues: those of five players or more.
        'edition_compared', (
            select jsonb_build_object('players', sum(s.players), 'leagues', count(*), 'points', sum(s.points))
            from mpp.score s
            where s.edition_id = p.edition_id and s.listed and s.scope = 'league' and s.players >= 5
        )
    ) into report;
    return report;
end
$$;
revoke execute on function private.client_report(integer) from public;
grant execute on function private.client_report(integer) to authenticated, service_role, mpp_dashboard;

-- 92_plan.sql

-- The first day from this one on (or, with -1, back from it) that is no Saturday, Sunday or public holiday in France, and not
-- between Christmas Eve and New Year, when nobody is there.
create or replace function private.working_day(day date, step integer default 1) returns date
    language plpgsql
    immutable
    parallel safe
    strict
    set search_path = ''
as $$
declare
    found_day date := day;
    since_easter integer;
begin
    loop
        since_easter := found_day - private.easter(extract(year from found_day)::integer);
        -- Easter Monday, Ascension, Whit Monday.
        exit when extract(isodow from found_day) < 6
            and since_easter not in (1, 39, 50)
            and to_char(found_day, 'MM-DD') not in ('01-01', '05-01', '05-08', '07-14', '08-15', '11-01', '11-11')
            and to_char(found_day, 'MM-DD') not between '12-24' and '12-31';
        found_day := found_day + step;
    end loop;
    return found_day;
end
$$;
revoke execute on function private.working_day(date, integer) from public;

-- The template: one line a task, in the order in which they are done. The three numbers are for small (fewer than 200
-- expected players), medium (fewer than 2,000) and large organisations; null: not there. ideal counts days from the
-- anchor, the start of the edition or its last day; shortest is the shortest lead with which a task before the start is
-- still of use. Both only ever come nearer from one line to the next, which is what keeps the order. priority 1 is never
-- dropped, 3 first; days is how many working days it takes.
create or replace function private.task_templates()
    returns table (
        place smallint, code text, audiences api.audience[], stage api.support_stage, owner api.task_owner, priority smallint,
        anchor text, ideal smallint[], shortest smallint[], days smallint,
        title_fr text, title_en text, description_fr text, description_en text
    )
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select t.place::smallint, t.code, t.audiences::api.audience[], t.stage::api.support_stage, t.owner::api.task_owner,
        t.priority::smallint, t.anchor, t.ideal::smallint[], t.shortest::smallint[], t.days::smallint,
        t.title_fr, t.title_en, t.description_fr, t.description_en
    from (
        values
        -- checkup
        (10, 'kickoff-meeting', '{public,school}', 'checkup', 'association', 1, 'start', '{-42,-63,-84}', '{3,5,7}', 1,
            'Réunion de lancement du projet', 'Kick-off meeting',
            'Une heure en visio : l’édition, les dates, les rôles de chacun et ce plan, que l’on relit ensemble.',
            'One hour online: the edition, its dates, who does what, and this plan, read together.'),
        (20, 'goals-agreed', '{public,school}', 'checkup', 'client', 2, 'start', '{-40,-61,-81}', '{3,5,7}', 3,
            'Objectifs et périmètre fixés', 'Goals and perimeter agreed',
            'Dire combien de personnes, quels sites ou établissements, et à quoi on reconnaîtra une édition réussie.',
            'Say how many people, which sites or schools, and by what you will know that the edition went well.'),
        (30, 'sponsor-named', '{public}', 'checkup', 'client', 2, 'start', '{null,-56,-77}', '{null,5,7}', 2,
            'Parrain ou marraine à la direction', 'A sponsor in the management',
            'Trouver dans l’équipe de direction une personne qui signe l’annonce et joue elle-même.',
            'Find a member of the management who signs the announcement and plays too.'),
        (31, 'inspectorate-informed', '{school}', 'checkup', 'client', 2, 'start', '{null,-56,-77}', '{null,5,7}', 2,
            'Inspection et rectorat informés', 'School inspectorate informed',
            'Écrire à l’inspection ou au rectorat : les dates, les niveaux, et qu’aucun nom de famille n’est recueilli.',
            'Write to the inspectorate: dates, levels, and that no surname of a pupil is collected.'),
        (40, 'privacy-explained', '{public,school}', 'checkup', 'association', 1, 'start', '{null,-54,-74}', '{null,5,6}', 1,
            'Point sur les données personnelles', 'Personal data explained',
            'Expliquer à la personne chargée des données ce que l’organisation voit (des totaux) et ce qu’elle ne voit pas.',
            'Explain to the data protection officer what the organisation sees (totals) and what it never does.'),
        -- preparation
        (50, 'kit-received', '{public,school}', 'preparation', 'association', 1, 'start', '{-35,-49,-70}', '{3,4,5}', 1,
            'Kit de communication reçu', 'Communication kit received',
            'Envoyer affiches, mails, visuels et guide ; vérifier qu’ils s’ouvrent et ajouter le logo du client.',
            'Send posters, mails, pictures and the guide; check that they open, and add the client''s logo.'),
        (60, 'ambassadors-named', '{public}', 'preparation', 'client', 1, 'start', '{-32,-46,-63}', '{3,4,5}', 5,
            'Ambassadeurs et ambassadrices désignés', 'Ambassadors named',
            'Trouver une personne volontaire par équipe de six à vingt-quatre : elle créera la ligue et l’animera.',
            'Find one volunteer for every six to twenty-four people: they make the league and keep it lively.'),
        (61, 'schools-invited', '{school}', 'preparation', 'client', 1, 'start', '{-32,-46,-63}', '{3,4,5}', 5,
            'Établissements invités', 'Schools invited',
            'Écrire aux directions des établissements du territoire ou du réseau, avec la date limite d’inscription.',
            'Write to the heads of the schools of the territory or network, with the last day to sign up.'),
        (70, 'internal-announcement', '{public}', 'preparation', 'client', 2, 'start', '{-28,-42,-56}', '{3,4,5}', 1,
            'Annonce interne', 'Internal announcement',
            'Annoncer les dates sur l’intranet et en réunion d’équipe, signé par la direction.',
            'Announce the dates on the intranet and in team meetings, signed by the management.'),
        (71, 'teachers-registered', '{school}', 'preparation', 'client', 1, 'start', '{-28,-39,-52}', '{3,4,5}', 5,
            'Enseignant·es inscrit·es', 'Teachers registered',
            'Suivre les inscriptions et relancer les établissements où personne ne s’est encore inscrit.',
            'Follow the registrations, and call the schools from which nobody has registered yet.'),
        (80, 'units-listed', '{public}', 'preparation', 'client', 2, 'start', '{null,-37,-49}', '{null,4,5}', 3,
            'Liste des sites et services', 'Sites and departments listed',
            'Donner les noms des sites, services ou directions entre lesquels les ligues seront classées.',
            'Give the names of the sites or departments among which the leagues will be ranked.'),
        (90, 'ambassadors-trained', '{public}', 'preparation', 'association', 2, 'start', '{-23,-33,-44}', '{2,3,4}', 1,
            'Ambassadeurs et ambassadrices formés', 'Ambassadors trained',
            'Atelier d’une heure : créer sa ligue, inviter, animer la conversation, valider avec honnêteté.',
            'One-hour workshop: make a league, invite, keep the conversation going, validate honestly.'),
        (91, 'teachers-webinar', '{school}', 'preparation', 'association', 2, 'start', '{-21,-30,-40}', '{2,3,4}', 1,
            'Webinaire pour les enseignant·es', 'Webinar for teachers',
            'Une heure après la classe : créer sa classe, choisir les défis, valider, imprimer les diplômes.',
            'One hour after school: make a class, choose challenges, validate, print the diplomas.'),
        (100, 'leagues-created', '{public}', 'preparation', 'client', 1, 'start', '{-21,-28,-35}', '{2,3,4}', 5,
            'Ligues créées', 'Leagues created',
            'Chaque ambassadeur ou ambassadrice crée sa ligue et la rattache à son site ou à son service.',
            'Each ambassador makes their league and puts it under its site or department.'),
        (101, 'classes-created', '{school}', 'preparation', 'client', 1, 'start', '{-18,-25,-35}', '{2,3,4}', 5,
            'Classes créées', 'Classes created',
            'Chaque enseignant·e crée sa classe et y inscrit les élèves par leur prénom, au besoin depuis un tableur.',
            'Each teacher makes their class and adds the pupils by first name, from a spreadsheet if they like.'),
        (110, 'dry-run', '{public}', 'preparation', 'client', 3, 'start', '{null,-24,-30}', '{null,3,4}', 1,
            'Essai à blanc', 'Dry run',
            'Une ligue pilote s’inscrit de bout en bout avec les téléphones et le réseau de l’organisation.',
            'One pilot league registers from end to end, on the phones and the network of the organisation.'),
        (111, 'challenges-chosen', '{school}', 'preparation', 'client', 3, 'start', '{-16,-20,-28}', '{2,3,4}', 3,
            'Défis de la classe choisis', 'Challenges of the class chosen',
            'Choisir les défis que la classe jouera, selon le niveau et ce qui est travaillé en ce moment.',
            'Choose the challenges that the class plays, by level and by what it works on at the moment.'),
        -- launching
        (120, 'invitations-sent', '{public}', 'launching', 'client', 1, 'start', '{-14,-19,-21}', '{2,2,3}', 2,
            'Invitations envoyées', 'Invitations sent',
            'Envoyer à chaque personne le mail d’invitation avec le code de sa ligue.',
            'Send everyone the invitation mail with the code of their league.'),
        (121, 'letter-to-families', '{school}', 'launching', 'client', 1, 'start', '{-14,-17,-21}', '{2,2,3}', 2,
            'Lettre aux familles', 'Letter to the families',
            'Distribuer la lettre qui explique le jeu et donne le code par lequel une famille suit sa classe.',
            'Hand out the letter that explains the game and gives the code by which a family follows its class.'),
        (130, 'posters-up', '{public,school}', 'launching', 'client', 3, 'start', '{-12,-14,-18}', '{2,2,3}', 2,
            'Affiches et écrans', 'Posters and screens',
            'Poser les affiches là où l’on passe : entrée, cantine, machine à café, salle des maîtres.',
            'Put the posters where people pass: entrance, canteen, coffee machine, staff room.'),
        (140, 'launch-prepared', '{public}', 'launching', 'client', 2, 'start', '{-10,-11,-14}', '{2,2,2}', 2,
            'Événement de lancement préparé', 'Launch event prepared',
            'Réserver le lieu, inviter, choisir un défi à faire ensemble le premier jour.',
            'Book the place, invite, choose a challenge to do together on the first day.'),
        (150, 'reminder-week-before', '{public,school}', 'launching', 'client', 2, 'start', '{-7,-7,-7}', '{2,2,2}', 1,
            'Rappel à qui n’est pas inscrit·e', 'Reminder to those not registered',
            'Relancer celles et ceux qui ne sont pas inscrits ; dire combien le sont déjà.',
            'Remind those who have not registered, and say how many have.'),
        (160, 'registrations-checked', '{public,school}', 'launching', 'association', 2, 'start', '{-4,-4,-4}', '{1,1,1}', 1,
            'Vérification des inscriptions', 'Registrations checked',
            'Repérer les ligues trop petites et les classes sans élève, et appeler qui peut aider.',
            'Find the leagues that are too small and the classes without pupils, and call who can help.'),
        (170, 'launch-event', '{public,school}', 'launching', 'client', 1, 'start', '{0,0,0}', '{0,0,0}', 1,
            'Lancement', 'Launch event',
            'Ouvrir l’édition ensemble : petit déjeuner, mot de la direction ou de la mairie, premier défi.',
            'Open the edition together: breakfast, a word from the management or the mayor, a first challenge.'),
        -- follow_up
        (180, 'first-weekly-review', '{public,school}', 'follow_up', 'association', 1, 'start', '{7,7,7}', '{0,0,0}', 1,
            'Premier bilan hebdomadaire', 'First weekly review',
            'Lire ensemble le rapport de la semaine : qui joue, qui n’a pas commencé, quelle ligue encourager.',
            'Read the weekly report together: who plays, who has not begun, which league to encourage.'),
        (190, 'midway-push', '{public,school}', 'follow_up', 'client', 2, 'start', '{10,10,10}', '{0,0,0}', 1,
            'Relance de mi-parcours', 'Mid-way push',
            'Publier le classement interne, raconter deux belles histoires, proposer un défi collectif.',
            'Publish the internal ranking, tell two good stories, propose a collective challenge.'),
        (200, 'second-weekly-review', '{public,school}', 'follow_up', 'association', 2, 'start', '{14,14,14}', '{0,0,0}', 1,
            'Deuxième bilan hebdomadaire', 'Second weekly review',
            'Comparer avec la première semaine et choisir les ligues ou classes à relancer pour la fin.',
            'Compare with the first week and choose the leagues or classes to push for the end.'),
        (210, 'last-days-reminder', '{public,school}', 'follow_up', 'client', 3, 'end', '{-4,-4,-4}', '{0,0,0}', 1,
            'Rappel des derniers jours', 'Reminder of the last days',
            'Rappeler qu’après la fin rien ne se valide plus : il reste quelques jours.',
            'Say that nothing can be validated after the end: a few days are left.'),
        -- celebrate
        (220, 'photos-collected', '{public,school}', 'celebrate', 'client', 3, 'end', '{2,2,2}', '{0,0,0}', 3,
            'Photos et témoignages recueillis', 'Photos and stories collected',
            'Rassembler les photos pour lesquelles on a un accord, et quelques phrases de participant·es.',
            'Gather the photos for which there is consent, and a few sentences of participants.'),
        (230, 'certificates-printed', '{public}', 'celebrate', 'association', 2, 'end', '{5,5,5}', '{0,0,0}', 2,
            'Certificats préparés', 'Certificates prepared',
            'Établir les récompenses et envoyer les certificats des équipes et des ligues.',
            'Grant the awards and send the certificates of teams and leagues.'),
        (231, 'diplomas-printed', '{school}', 'celebrate', 'client', 1, 'end', '{5,5,5}', '{0,0,0}', 2,
            'Diplômes imprimés', 'Diplomas printed',
            'Imprimer le diplôme de chaque élève et le certificat de la classe.',
            'Print the diploma of every pupil and the certificate of the class.'),
        (240, 'final-report', '{public,school}', 'celebrate', 'association', 1, 'end', '{7,7,7}', '{0,0,0}', 1,
            'Bilan final remis', 'Final report delivered',
            'Remettre le bilan final : chiffres, classement figé, récompenses, et ce que les défis ont changé.',
            'Deliver the final report: figures, frozen ranking, awards, and what the challenges changed.'),
        (250, 'closing-ceremony', '{public,school}', 'celebrate', 'client', 1, 'end', '{10,10,10}', '{0,0,0}', 1,
            'Cérémonie de clôture', 'Closing ceremony',
            'Remercier, remettre les récompenses, applaudir le Grand Zizou de l’écologie.',
            'Thank everybody, hand over the awards, applaud the Grand Zizou of ecology.'),
        (260, 'feedback-asked', '{public,school}', 'celebrate', 'client', 3, 'end', '{14,14,14}', '{0,0,0}', 5,
            'Avis des participant·es', 'Feedback asked for',
            'Envoyer le questionnaire de fin : trois minutes, et ce qui restera comme habitude.',
            'Send the closing questionnaire: three minutes, and which habits will stay.'),
        (270, 'next-edition', '{public,school}', 'celebrate', 'association', 2, 'end', '{21,21,21}', '{0,0,0}', 1,
            'Rendez-vous pour la suite', 'Looking ahead',
            'Tirer les leçons de l’édition et choisir ensemble les dates de la prochaine.',
            'Draw the lessons of the edition and choose the dates of the next one together.')
    ) t (place, code, audiences, stage, owner, priority, anchor, ideal, shortest, days, title_fr, title_en, description_fr, description_en)
$$;
revoke execute on function private.task_templates() from public;

-- The days of the tasks that are not done, for a plan made today; no day: dropped. A task keeps its ideal day while that
-- is ahead. What should have begun already is caught up from today on in the order of the template, two tasks a working
-- day at most; where a task would come later than its shortest lead allows, the least important one so far goes, and
-- among equals the earliest: what is nearest to the start is of most use then.
create or replace function private.plan_days(
    audience api.audience, size integer, today date, starts_on date, last_day date, done text[] default '{}'
) returns table (code text, day date, until_day date)
    language plpgsql
    immutable
    set search_path = ''
as $$
declare
    per_day constant integer := 2;
    first_day date := private.working_day(today);
    codes text[];
    priorities smallint[];
    lengths smallint[];
    -- Ideal and latest days; no latest day: during or after the edition, where a task keeps its place.
    ideals date[];
    latests date[];
    gone boolean[];
    days date[];
    previous date;
    on_previous integer;
    chosen date;
    victim integer;
    awaited date;
    last_prepared date := private.working_day(starts_on - 1, -1);
begin
    select
        array_agg(t.code order by t.place),
        array_agg(t.priority order by t.place),
        array_agg(t.days order by t.place),
        array_agg(
            case
                when t.anchor = 'end' then private.working_day(last_day + t.ideal[size])
                when t.ideal[size] < 0 then private.working_day(starts_on + t.ideal[size], -1)
                else private.working_day(starts_on + t.ideal[size])
            end order by t.place),
        array_agg(
            case when t.anchor = 'start' and t.ideal[size] < 0 then private.working_day(starts_on - t.shortest[size], -1) end
            order by t.place),
        array_agg(
            case
                -- Once the edition is over there is nothing to prepare or to push any more.
                when today > last_day then t.anchor = 'start' or t.ideal[size] < 0
                -- In a short edition some weeks do not exist.
                when t.anchor = 'start' and t.ideal[size] > 0 then starts_on + t.ideal[size] > last_day
                else false
            end and (t.priority > 1 or today > last_day) order by t.place)
    into codes, priorities, lengths, ideals, latests, gone
    from private.task_templates() t
    where plan_days.audience = any (t.audiences) and t.ideal[size] is not null and not t.code = any (done);

    <<pass>>
    loop
        previous := first_day;
        on_previous := 0;
        days := array_fill(null::date, array[coalesce(cardinality(codes), 0)]);
        for i in 1 .. coalesce(cardinality(codes), 0) loop
            continue when gone[i];
            chosen := greatest(ideals[i], previous);
            if latests[i] is null then
                if ideals[i] < first_day and priorities[i] > 1 then
                    gone[i] := true;
                    continue;
                end if;
            elsif first_day > latests[i] then
                if priorities[i] > 1 then
                    gone[i] := true;
                    continue;
                end if;
            elsif chosen > ideals[i] then
                if chosen = previous and on_previous >= per_day then
                    chosen := private.working_day(chosen + 1);
                end if;
                if chosen > latests[i] then
                    select x.place into victim
                    from generate_series(1, i) x (place)
                    where not gone[x.place] and priorities[x.place] > 1 and latests[x.place] is not null
                    order by priorities[x.place] desc, x.place
                    limit 1;
                    if victim is not null then
                        gone[victim] := true;
                        continue pass;
                    end if;
                    -- Only what must be done is left: a full day rather than too late.
                    chosen := greatest(ideals[i], previous);
                end if;
            end if;
            on_previous := case when chosen = previous then on_previous + 1 else 1 end;
            previous := chosen;
            days[i] := chosen;
        end loop;
        exit;
    end loop;

    for i in 1 .. coalesce(cardinality(codes), 0) loop
        code := codes[i];
        day := days[i];
        until_day := day;
        for another in 2 .. lengths[i] loop
            until_day := private.working_day(until_day + 1);
        end loop;
        -- A preparation ends before the start, however late it began; and what another task hands out is there by then.
        if day is not null and latests[i] is not null then
            awaited := days[array_position(codes, case code
                when 'leagues-created' then 'invitations-sent'
                when 'classes-created' then 'letter-to-families'
            end)];
            until_day := greatest(day, least(until_day, last_prepared, awaited));
        end if;
        return next;
    end loop;
end
$$;
comment on function private.plan_days(api.audience, integer, date, date, date, text[])
    is 'Dates a template: size is 1, 2 or 3; today, the first and the last day of the edition are days of its zone.';
revoke execute on function private.plan_days(api.audience, integer, date, date, date, text[]) from public;

-- 96_contact.sql

-- Limits are per address and for everybody together, never per IP: a whole school shares one. Past the limit of an
-- address the answer is the same, so that it tells nothing about who has written; nothing is kept then. The ceiling for
-- all is told, because it concerns nobody in particular and a message must not be lost without a word.
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
    if (select count(*) from mpp.contact_request c where c.received_at > at - interval '1 hour') >= per_hour then
        perform private.refuse('MP095');
    end if;
    if (
        select count(*) from mpp.contact_request c where c.email = address and c.received_at > at - interval '1 day'
    ) < per_address then
        insert into mpp.contact_request (kind, name, email, organisation, size, message, language, received_at)
        values (send_contact_request.kind::api.contact_kind, written.name, address, written.organisation, send_contact_request.size, written.message,
            send_contact_request.language, at);
    end if;
end
$$;
revoke execute on function private.send_contact_request(text, text, text, text, text, integer, text) from public;
grant execute on function private.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create or replace function api.send_contact_request(
    kind text, name text, email text, message text, organisation text default null, size integer default null,
    language text default 'fr'
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.send_contact_request(kind, name, email, message, organisation, size, language);
end;
comment on function api.send_contact_request(text, text, text, text, text, integer, text)
    is 'Writes to the association: a question, or a request for a quote or a webinar. No account is needed; three messages a day are kept for an address, and the answer does not say how many there were. Errors: MP001, MP002, MP010, MP011, MP095.';
revoke execute on function api.send_contact_request(text, text, text, text, text, integer, text) from public;
grant execute on function api.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

-- Text, name and address go; that there was one, when, and why it went, stays. The digest lets who has kept a copy prove
-- what it was.
create or replace function private.remove_contact_content(id bigint, reason text) returns void
    language plpgsql
    volatile
    security definer
    set search_path = ''
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
revoke execute on function private.remove_contact_content(bigint, text) from public;
grant execute on function private.remove_contact_content(bigint, text) to authenticated, service_role;

create or replace function api.remove_contact_content(id bigint, reason text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_contact_content(id, reason);
end;
comment on function api.remove_contact_content(bigint, text)
    is 'Takes down the text, the name and the address of a request that is against the law, with a reason; the audit keeps that it was done and a digest. Staff. Errors: MP005, MP006, MP010.';
revoke execute on function api.remove_contact_content(bigint, text) from public;
grant execute on function api.remove_contact_content(bigint, text) to authenticated, service_role;

-- 97_mail.sql

create or replace view api.ops_outbox with (security_invoker = true) as
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
from mpp.outbox m
where (select private.is_ops());
comment on view api.ops_outbox is 'Every mail and what became of it, without its address and content; sort by id. Staff only.';
grant select on api.ops_outbox to authenticated, service_role;

-- One mail at a time: a sender that dies leaves exactly one mail in question. A sender whose answer got lost asks again
-- and is given the same mail, which it cannot have sent.
create or replace function private.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language plpgsql
    security definer
    set search_path = ''
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
        reader := private.mail_address(m);
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
        ), '{}'),
        token, m.claim_expires_at
    )::api.claimed_mail;
end
$$;
revoke execute on function private.claim_mail(uuid, integer, text) from public;
grant execute on function private.claim_mail(uuid, integer, text) to service_role;

delete from mpp.territory t where not private.is_territory_code(t.kind::text, t.code);
alter table mpp.territory add constraint territory_code check (private.is_territory_code(kind::text, code));

-- A dashboard names its client, the client's editions and its units.
alter policy organisation_select_authenticated on mpp.organisation to authenticated, mpp_dashboard;
alter policy unit_select_authenticated on mpp.unit to authenticated, mpp_dashboard;
alter policy participation_select_authenticated on mpp.participation to authenticated, mpp_dashboard;
create policy edition_select_dashboard on mpp.edition
    for select to mpp_dashboard
    using (opened_at is not null and id in (select private.my_client_edition_ids()));
grant select on mpp.organisation, mpp.participation, mpp.unit to mpp_dashboard;
grant select (id, code, title, starts_at, ends_at, frozen_at) on mpp.edition to mpp_dashboard;

-- What each column of the views of clients means: for docs/api.md, for \d+ and for whoever builds a dashboard. null is always
-- explained. The types of the functions behind the views say the same.

comment on column api.client_overview.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_overview.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_overview.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_overview.week is 'Number of the week that is on, or of the last one; null before the start.';
comment on column api.client_overview.week_first is 'First day of that week, in the time zone of the edition.';
comment on column api.client_overview.week_last is 'Last day of that week.';
comment on column api.client_overview.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_overview.players is 'Players since the start, those who left after playing too; null for one to four.';
comment on column api.client_overview.players_change is 'How many of them came this week; null in the first week, and where either number is withheld.';
comment on column api.client_overview.active_players is 'Players who did a challenge this week; null for one to four.';
comment on column api.client_overview.active_players_change is 'active_players less those of the whole week before: a difference between two weeks; null in the first week, and where either is withheld.';
comment on column api.client_overview.active_players_ever is 'Players who did a challenge since the start; null for one to four.';
comment on column api.client_overview.leagues is 'Leagues since the start, those out of the rankings too.';
comment on column api.client_overview.leagues_change is 'How many of them are new this week; null in the first week.';
comment on column api.client_overview.validations is 'Challenges done since the start.';
comment on column api.client_overview.validations_change is 'How many of them were done this week, which is not a difference between two weeks (client_weekly has that); null in the first week.';
comment on column api.client_overview.points is 'Points since the start.';
comment on column api.client_overview.points_change is 'How many of them were won this week, which is not a difference between two weeks (client_weekly has that); null in the first week.';
comment on column api.client_overview.points_per_player is 'points divided by players; null while there are fewer than five.';
comment on column api.client_overview.points_per_player_change is 'How much points_per_player grew this week; null in the first week, and while there were fewer than five.';

comment on column api.client_leagues.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_leagues.league_id is 'The league.';
comment on column api.client_leagues.name is 'Its name.';
comment on column api.client_leagues.unit_id is 'Its unit; null when it has none.';
comment on column api.client_leagues.unit is 'Name of its unit; null when it has none.';
comment on column api.client_leagues.rank is 'Its rank among the listed leagues of the client, by value; equals share one. In a private edition null for a small league, and counted among the others.';
comment on column api.client_leagues.players is 'Players since the start, those who left after playing too; null for fewer than five, and for the next league where the total would tell.';
comment on column api.client_leagues.active_players is 'Players who did a challenge this week; null for one to four, and with players.';
comment on column api.client_leagues.active_players_ever is 'Players who did a challenge since the start; null for one to four, and with players.';
comment on column api.client_leagues.validations is 'Challenges done since the start; null with players.';
comment on column api.client_leagues.points is 'Points since the start; in a private edition null with players.';
comment on column api.client_leagues.points_per_player is 'points divided by players; null with players.';
comment on column api.client_leagues.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player, a small league counting as if it had the least size. In a private edition null with players.';
comment on column api.client_leagues.points_this_week is 'Points of the week that is on, or of the last one; null with players.';
comment on column api.client_leagues.points_last_week is 'Points of the whole week before it; null in the first week, and with players.';
comment on column api.client_leagues.last_validated_at is 'Midnight of the last day on which a challenge was done, in the time zone of the edition: never the hour; null when none was, and with players.';
comment on column api.client_leagues.has_ambassador is 'Whether somebody runs it.';
comment on column api.client_leagues.push is 'Why it needs a push, empty when it needs none: no_ambassador, not_started, quiet, few_active, falling (under three quarters of what the week before had by the same hour), few_players.';

comment on column api.client_weekly.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_weekly.week is 'Number of the week, from 1.';
comment on column api.client_weekly.first_day is 'Its first day, in the time zone of the edition.';
comment on column api.client_weekly.last_day is 'Its last day.';
comment on column api.client_weekly.new_players is 'Players who joined in it, in the first week also before it; null for one to four, and for the next week where the total would tell.';
comment on column api.client_weekly.active_players is 'Players who did a challenge in it; null for one to four.';
comment on column api.client_weekly.validations is 'Challenges done in it.';
comment on column api.client_weekly.points is 'Points won in it.';
comment on column api.client_weekly.validations_change is 'validations less those of the week before: a difference between two weeks; null in the first one.';
comment on column api.client_weekly.points_change is 'points less those of the week before: a difference between two weeks; null in the first one.';

comment on column api.client_daily.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_daily.day is 'A day with at least one challenge, in the time zone of the edition.';
comment on column api.client_daily.validations is 'Challenges done on it.';
comment on column api.client_daily.points is 'Points won on it.';

comment on column api.client_ranking.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ranking.scope is 'league or unit.';
comment on column api.client_ranking.rank is 'Rank within the scope, by value; equals share one. In a private edition null for a small league.';
comment on column api.client_ranking.subject_id is 'Id of the league or number of the unit, as text.';
comment on column api.client_ranking.label is 'Name of the league or unit.';
comment on column api.client_ranking.leagues is 'How many listed leagues it has; 1 for a league.';
comment on column api.client_ranking.players is 'Players since the start; of a unit, those of its leagues that show theirs. Null when none does.';
comment on column api.client_ranking.points is 'Points since the start; in a private edition null for a small league.';
comment on column api.client_ranking.points_per_player is 'points divided by players; null where a number of players is withheld.';
comment on column api.client_ranking.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player.';

comment on column api.client_themes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_themes.theme is 'Code of a theme of the edition.';
comment on column api.client_themes.name is 'Its name by language.';
comment on column api.client_themes.validations is 'Challenges of it done since the start; 0 when nobody touched it.';
comment on column api.client_themes.points is 'Points of these.';

comment on column api.client_map.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_map.department is 'French department, such as 69 or 2A; null for players whose postcode has none.';
comment on column api.client_map.players is 'Listed players who live there; null for one to four, and for the next larger place where the difference would tell.';

comment on column api.client_territory.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_territory.class_id is 'The class.';
comment on column api.client_territory.class is 'Its name.';
comment on column api.client_territory.level is 'Its level.';
comment on column api.client_territory.school_id is 'Its school.';
comment on column api.client_territory.school is 'Name of the school.';
comment on column api.client_territory.rne is 'Code of the school; null when it has none.';
comment on column api.client_territory.postcode is 'Postcode of the school.';
comment on column api.client_territory.city is 'City of the school.';
comment on column api.client_territory.pupils is 'Pupils since the start; null for one to four.';
comment on column api.client_territory.points is 'Points of the class since the start.';
comment on column api.client_territory.points_per_pupil is 'points divided by pupils; null while there are fewer than five.';
comment on column api.client_territory.points_this_week is 'Points of the week that is on, or of the last one; null with pupils.';
comment on column api.client_territory.rank is 'Its rank among the listed classes of the territory, by value.';
comment on column api.client_territory.general_rank is 'Its rank among all listed classes of the edition.';
comment on column api.client_territory.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per pupil.';

comment on column api.client_ambassadors.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ambassadors.league_id is 'The league.';
comment on column api.client_ambassadors.league is 'Its name.';
comment on column api.client_ambassadors.unit is 'Name of its unit; null when it has none.';
comment on column api.client_ambassadors.alias is 'Who runs it; null for somebody who opted out of the rankings.';
comment on column api.client_ambassadors.is_principal is 'True for its ambassador, false for a co-ambassador.';

comment on column api.client_stages.task_id is 'The task, as complete_task takes it.';
comment on column api.client_stages.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_stages.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_stages.stage is 'checkup, preparation, launching, follow_up or celebrate, in this order.';
comment on column api.client_stages.place is 'Its place in the plan; sort by it.';
comment on column api.client_stages.code is 'What the task is, the same in every plan.';
comment on column api.client_stages.title is 'Its title by language.';
comment on column api.client_stages.description is 'What to do, by language.';
comment on column api.client_stages.owner is 'Who does it: client or association.';
comment on column api.client_stages.priority is '1 is never dropped for want of time, 3 first.';
comment on column api.client_stages.day is 'The day to begin; null when it was dropped.';
comment on column api.client_stages.until_day is 'The last day; null when it was dropped.';
comment on column api.client_stages.done_at is 'When it was done; null while it is not.';
comment on column api.client_stages.state is 'planned, done or dropped (no time left, no day).';

comment on column api.client_awards.award_id is 'The award.';
comment on column api.client_awards.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_awards.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_awards.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_awards.place is 'Place of the rule in the order in which they are read out.';
comment on column api.client_awards.rule is 'Code of the rule.';
comment on column api.client_awards.scope is 'What it went to: player, team, league, class or school.';
comment on column api.client_awards.title is 'Title by language.';
comment on column api.client_awards.description is 'What it is for, by language.';
comment on column api.client_awards.subject_id is 'Id of the player, team, league, class or school.';
comment on column api.client_awards.label is 'Its name in public.';
comment on column api.client_awards.league_label is 'League of a player or team; null for others, and where it is out of the rankings.';
comment on column api.client_awards.value is 'What earned it, in the unit of the rule: the rank, points a player, validations, themes, collective challenges, or days.';
comment on column api.client_awards.granted_at is 'When the awards of the edition were given.';

comment on column api.client_organisations.organisation_id is 'The organisation.';
comment on column api.client_organisations.code is 'The code by which the association calls it.';
comment on column api.client_organisations.name is 'Its name.';
comment on column api.client_organisations.kind is 'What it is: a company, a local authority….';
comment on column api.client_organisations.language is 'Language of its mails and reports.';
comment on column api.client_organisations.created_at is 'Since when it is a client.';

comment on column api.client_participations.participation_id is 'The part of a client in an edition: what every other view of clients names.';
comment on column api.client_participations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_participations.organisation_code is 'Code of the organisation.';
comment on column api.client_participations.organisation_name is 'Name of the organisation.';
comment on column api.client_participations.edition_id is 'The edition.';
comment on column api.client_participations.edition_code is 'Code of the edition.';
comment on column api.client_participations.edition_title is 'Title of the edition by language.';
comment on column api.client_participations.starts_at is 'First instant of the edition.';
comment on column api.client_participations.ends_at is 'The instant at which it is over: midnight after its last day.';
comment on column api.client_participations.frozen_at is 'When its ranking was frozen; null while it is not.';
comment on column api.client_participations.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_participations.asks_phone is 'Whether players of its leagues may give a phone number to their ambassador.';
comment on column api.client_participations.carries_name is 'Whether its leagues carry the name of the organisation in public.';
comment on column api.client_participations.created_at is 'Since when it takes part.';

comment on column api.client_units.unit_id is 'The unit.';
comment on column api.client_units.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_units.name is 'Its name.';

comment on column api.client_territories.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_territories.kind is 'What code is: a postcode, a department, or the RNE of a school.';
comment on column api.client_territories.code is 'The code.';

comment on column api.client_invitations.invitation_id is 'The invitation.';
comment on column api.client_invitations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_invitations.email is 'The address it was sent to, and opens to.';
comment on column api.client_invitations.role is 'The role it gives.';
comment on column api.client_invitations.access_from is 'First instant of the access it gives.';
comment on column api.client_invitations.access_until is 'The instant at which that access is over: midnight after its last day, where it is a day.';
comment on column api.client_invitations.invited_at is 'When it was sent.';
comment on column api.client_invitations.expires_at is 'Until when it may be taken.';
comment on column api.client_invitations.accepted_at is 'When it was taken; null while it was not.';

comment on column api.client_join_codes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_join_codes.league_id is 'The league.';
comment on column api.client_join_codes.name is 'Its name.';
comment on column api.client_join_codes.unit is 'Name of its unit; null when it has none.';
comment on column api.client_join_codes.listed is 'Whether it is in the rankings.';
comment on column api.client_join_codes.join_code is 'The code that opens it; null when it has none.';

comment on column api.client_participants.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_participants.email is 'The address that was invited.';
comment on column api.client_participants.league is 'The league it was invited to.';
comment on column api.client_participants.league_id is 'The same, by id.';
comment on column api.client_participants.invited_at is 'When. Whether they came is not told.';

comment on column api.my_organisations.organisation_id is 'The organisation.';
comment on column api.my_organisations.code is 'Its code.';
comment on column api.my_organisations.name is 'Its name.';
comment on column api.my_organisations.kind is 'What it is.';
comment on column api.my_organisations.role is 'The caller''s role there.';
comment on column api.my_organisations.access_from is 'First instant of the access.';
comment on column api.my_organisations.access_until is 'The instant at which it is over: midnight after its last day, where it is a day.';
comment on column api.my_organisations.is_open is 'Whether it is open now.';
comment on column api.my_organisations.closed_because is 'not_yet before the access, over after it, null inside.';

do $$
declare
    meaning record;
begin
    for meaning in
        select t.typname as type, a.attname as name, pg_catalog.col_description(v.oid, w.attnum) as said
        from (
            values
                ('client_overview', 'client_overview_row'), ('client_leagues', 'client_league_row'), ('client_weekly', 'client_week_row'),
                ('client_daily', 'client_day_row'), ('client_ranking', 'client_rank_row'), ('client_themes', 'client_theme_row'),
                ('client_map', 'client_map_row'), ('client_territory', 'client_territory_row'),
                ('client_ambassadors', 'client_ambassador_row'), ('client_join_codes', 'client_join_code')
        ) x (view, type)
        join pg_catalog.pg_class v on v.relnamespace = 'api'::regnamespace and v.relname = x.view
        join pg_catalog.pg_attribute w on w.attrelid = v.oid and w.attnum > 0 and not w.attisdropped
        join pg_catalog.pg_type t on t.typnamespace = 'api'::regnamespace and t.typname = x.type
        join pg_catalog.pg_attribute a on a.attrelid = t.typrelid and a.attname = w.attname
        order by t.typname, a.attnum
    loop
        execute format('comment on column api.%I.%I is %L', meaning.type, meaning.name, meaning.said);
    end loop;
end
$$;
