-- Client spaces: staff with dates, participations, leagues and invitations, follow-up, retroplanning, mails, awards,
-- statistics and requests. What changes in tables that are there comes first; then what is new or different, in the order
-- of sql/schema.

-- 00_foundation.sql

-- Logins of client dashboards that speak SQL are members of this role; it reads views of api and nothing else.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'mpp_dashboard') then
        create role mpp_dashboard nologin noinherit;
    end if;
end
$$;

grant usage on schema api to mpp_dashboard;

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
    -- clients
    ('MP090', 'OrganisationUnknown', 'There is no such organisation, or you do not work for it.', 'Cette organisation n’existe pas, ou vous n’y travaillez pas.',
        'Check its code and your account.', 'Vérifiez son code et votre compte.'),
    ('MP091', 'AccessClosed', 'Your access is open from %1$s to %2$s.', 'Votre accès est ouvert du %1$s au %2$s.',
        'Ask Ma Petite Planète for other dates.', 'Demandez d’autres dates à Ma Petite Planète.'),
    ('MP092', 'RoleTooLow', 'Only a %1$s of this organisation may do this.', 'Seul un rôle %1$s de cette organisation permet cela.',
        'Ask an owner of your organisation.', 'Demandez à un·e responsable de votre organisation.'),
    ('MP093', 'ParticipationUnknown', 'There is no such participation of yours.', 'Cette participation n’existe pas chez vous.',
        'List the participations of your organisation.', 'Consultez les participations de votre organisation.'),
    ('MP094', 'EditionNotFrozen', 'Edition %1$s is not frozen yet.', 'L’édition %1$s n’est pas encore figée.',
        'Freeze it first: awards rest on what no longer changes.', 'Figez-la d’abord : les récompenses reposent sur ce qui ne change plus.'),
    ('MP095', 'ContactClosed', 'Too many messages are coming in at the moment.', 'Trop de messages arrivent en ce moment.',
        'Try again in an hour, or write a mail.', 'Réessayez dans une heure, ou écrivez un mail.'),
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

-- 08_organisation.sql

-- Clients of the association. Who works for one, and what they follow: 36_client.

create type api.organisation_kind as enum (
    'company', 'local_authority', 'public_administration', 'school_network', 'university', 'association'
);

alter table mpp.organisation
    add column kind api.organisation_kind not null default 'company',
    add column language text not null default 'fr' check (language in ('fr', 'en')),
    add column created_at timestamptz not null default clock_timestamp();

comment on column mpp.organisation.language is 'Of the mails and reports that its staff get.';

-- 10_edition.sql

drop policy edition_select_authenticated on mpp.edition;

-- Editions in which the caller's clients take part. Of a private one they read what it is and its cards, never its
-- ranking: who is in it is known inside only.
create function private.my_client_edition_ids() returns setof integer
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

grant execute on function private.my_client_edition_ids() to authenticated;

create policy edition_select_authenticated on mpp.edition
    for select to authenticated
    using (
        (
            opened_at is not null
            and (
                organisation_id is null
                or id in (select private.my_private_edition_ids())
                or id in (select private.my_client_edition_ids())
            )
        )
        or (select private.is_ops())
    );

-- 36_client.sql

-- Clients: their staff and the dates they have access, their part in an edition, its units, and the territory of a local
-- authority. Staff see what their own organisation's people do together, never one person (82_follow_up).

create type api.staff_role as enum ('viewer', 'manager', 'owner');

create table mpp.staff (
    organisation_id integer not null references mpp.organisation (id),
    account_id uuid not null references auth.users (id) on delete cascade,
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    added_at timestamptz not null default clock_timestamp(),
    primary key (account_id, organisation_id)
);

comment on table mpp.staff is 'Who works for a client, and from when to when they have access. Read live at each request.';

create index staff_organisation on mpp.staff (organisation_id);

create table mpp.staff_invitation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    email text not null check (email = lower(email) and email ~ '^[^@\s]{1,64}@[^@\s]{3,190}$'),
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    code_digest bytea not null unique,
    expires_at timestamptz not null,
    invited_at timestamptz not null default clock_timestamp(),
    accepted_at timestamptz,
    constraint staff_invitation_once unique (organisation_id, email)
);

comment on table mpp.staff_invitation is 'Invitations of staff: taken once, by the address they were sent to. The code is in the mail; here is its digest.';

create table mpp.unit (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    name mpp.line not null check (char_length(name) <= 60),
    constraint unit_of_organisation unique (id, organisation_id)
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
    created_at timestamptz not null default clock_timestamp(),
    constraint participation_once unique (organisation_id, edition_id),
    constraint participation_in_edition unique (id, edition_id)
);

comment on table mpp.participation is 'A client''s part in an edition.';

comment on column mpp.participation.asks_phone is 'Players of its leagues may give a phone number, which their ambassador sees.';

comment on column mpp.participation.carries_name is 'Its leagues carry the name of the organisation in public.';

create index participation_edition on mpp.participation (edition_id);

create type api.territory_kind as enum ('postcode', 'department', 'rne');

create table mpp.territory (
    organisation_id integer not null references mpp.organisation (id),
    kind api.territory_kind not null,
    code text not null,
    primary key (organisation_id, kind, code),
    constraint territory_code check (
        case kind
            when 'postcode' then code ~ '^[0-9]{5}$'
            when 'department' then code ~ '^([0-9]{2}|2[AB]|97[1-8])$'
            else private.is_rne(code)
        end
    )
);

comment on table mpp.territory is 'The schools that a local authority follows: by postcode, department or code.';

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
        and not exists (select from auth.users u where u.id = s.account_id and u.banned_until > now())
    union
    select d.organisation_id
    from mpp.dashboard d
    where d.role_name = session_user and private.request_role() = session_user and at_least = 'viewer'
    union
    select o.id from mpp.organisation o where private.is_ops();
end
$$;

revoke execute on function private.my_client_ids(api.staff_role) from public;

grant execute on function private.my_client_ids(api.staff_role) to authenticated, mpp_dashboard;

-- Also those whose dates have passed or not begun: their name may be read, nothing more.
create function private.my_organisation_ids() returns setof integer
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
        and not exists (select from auth.users u where u.id = s.account_id and u.banned_until > now())
    union
    select c.id from private.my_client_ids() c (id);
end
$$;

revoke execute on function private.my_organisation_ids() from public;

grant execute on function private.my_organisation_ids() to authenticated;

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
        (account_id = (select auth.uid()) and organisation_id in (select private.my_organisation_ids()))
        or organisation_id in (select private.my_client_ids('owner'))
    );

create policy organisation_select_authenticated on mpp.organisation
    for select to authenticated
    using (id in (select private.my_organisation_ids()));

create policy staff_invitation_select_authenticated on mpp.staff_invitation
    for select to authenticated
    using (organisation_id in (select private.my_client_ids('owner')));

create policy unit_select_authenticated on mpp.unit
    for select to authenticated
    using (organisation_id in (select private.my_client_ids()));

create policy participation_select_authenticated on mpp.participation
    for select to authenticated
    using (organisation_id in (select private.my_client_ids()));

create policy territory_select_authenticated on mpp.territory
    for select to authenticated
    using (organisation_id in (select private.my_client_ids()));

-- Of its staff with this role, inside their dates. Whoever is not of its staff is told the same as if there were no such
-- client.
create function private.require_client(organisation integer, account uuid, at_least api.staff_role) returns void
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
    if private.clock() < me.access_from or private.clock() >= me.access_until then
        perform private.refuse('MP091', private.spoken(me.access_from), private.spoken(me.access_until));
    end if;
    if me.role < at_least then
        perform private.refuse('MP092', at_least::text);
    end if;
end
$$;

revoke execute on function private.require_client(integer, uuid, api.staff_role) from public;

-- The account behind a command for a client.
create function private.begin_client(organisation integer, at_least api.staff_role default 'manager') returns uuid
    language plpgsql
    stable
    set search_path = ''
as $$
declare
    account uuid;
begin
    if private.is_ops() then
        if not exists (select from mpp.organisation o where o.id = organisation) then
            perform private.refuse('MP090');
        end if;
        return (select auth.uid());
    end if;
    account := private.begin_write(registered => false);
    perform private.require_client(organisation, account, at_least);
    return account;
end
$$;

revoke execute on function private.begin_client(integer, api.staff_role) from public;

grant select on mpp.organisation, mpp.participation, mpp.unit, mpp.territory to authenticated, service_role;

grant select on mpp.staff to authenticated;

grant select (id, organisation_id, email, role, access_from, access_until, expires_at, invited_at, accepted_at)
    on mpp.staff_invitation to authenticated, service_role;

create view api.my_organisations with (security_invoker = true) as
select
    o.id as organisation_id,
    o.code,
    o.name,
    o.kind,
    s.role,
    s.access_from,
    s.access_until,
    now() >= s.access_from and now() < s.access_until as is_open,
    case when now() < s.access_from then 'not_yet' when now() >= s.access_until then 'over' end as closed_because
from mpp.staff s
join mpp.organisation o on o.id = s.organisation_id
where s.account_id = (select auth.uid());

comment on view api.my_organisations is 'The organisations the caller works for, with the dates of access; closed_because is not_yet or over when there is nothing else to see.';

grant select on api.my_organisations to authenticated;

create view api.client_organisations with (security_invoker = true) as
select o.id as organisation_id, o.code, o.name, o.kind, o.language, o.created_at
from mpp.organisation o;

comment on view api.client_organisations is 'The organisations the caller works for, whatever the dates; for the association all.';

grant select on api.client_organisations to authenticated, service_role;

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

grant select on api.client_participations to authenticated, service_role;

create view api.client_units with (security_invoker = true) as
select u.id as unit_id, u.organisation_id, u.name from mpp.unit u;

comment on view api.client_units is 'Departments, sites or services of the caller''s organisations.';

grant select on api.client_units to authenticated, service_role;

create view api.client_territories with (security_invoker = true) as
select t.organisation_id, t.kind, t.code from mpp.territory t;

comment on view api.client_territories is 'Postcodes, departments and schools that the caller''s organisations follow.';

grant select on api.client_territories to authenticated, service_role;

create view api.client_invitations with (security_invoker = true) as
select i.id as invitation_id, i.organisation_id, i.email, i.role, i.access_from, i.access_until, i.invited_at, i.expires_at, i.accepted_at
from mpp.staff_invitation i;

comment on view api.client_invitations is 'Invitations of staff, for the owners of the organisation and the association.';

grant select on api.client_invitations to authenticated, service_role;

-- The association sets up its clients.
create function private.set_organisation(code text, name text, kind api.organisation_kind, language text) returns integer
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

create function api.set_organisation(
    code text, name text default null, kind api.organisation_kind default null, language text default null
) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_organisation(code, name, kind, language);
end;

comment on function api.set_organisation(text, text, api.organisation_kind, text)
    is 'Makes a client, or corrects the one of this code; what is left out stays. Returns its id. Staff of the association. Errors: MP006, MP010.';

revoke execute on function api.set_organisation(text, text, api.organisation_kind, text) from public;

grant execute on function api.set_organisation(text, text, api.organisation_kind, text) to authenticated, service_role;

create function private.set_participation(
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

create function api.set_participation(
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
    is 'Lets a client take part in an edition, or changes how; what is left out stays. Returns the participation id. Staff of the association. Errors: MP006, MP010, MP020, MP090.';

revoke execute on function api.set_participation(integer, text, integer, boolean, boolean) from public;

grant execute on function api.set_participation(integer, text, integer, boolean, boolean) to authenticated, service_role;

-- Only the association says which schools an authority follows: it is what access to their figures rests on.
create function private.set_territory(organisation_id integer, codes jsonb) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    wrong text;
begin
    perform private.require_ops();
    perform private.begin_client(organisation_id);
    if jsonb_typeof(codes) is distinct from 'object' then
        perform private.refuse('MP010', 'codes', 'it is not an object', 'Send {"postcode": […], "department": […], "rne": […]}.');
    end if;
    select format('%s %s', c.kind, c.code) into wrong
    from (
        select k.key as kind, v.value as code
        from jsonb_each(codes) k
        cross join lateral jsonb_array_elements_text(case jsonb_typeof(k.value) when 'array' then k.value else jsonb_build_array(k.value) end) v
    ) c
    where not coalesce(case c.kind
        when 'postcode' then c.code ~ '^[0-9]{5}$'
        when 'department' then c.code ~ '^([0-9]{2}|2[AB]|97[1-8])$'
        when 'rne' then private.is_rne(c.code)
        else false
    end, false)
    limit 1;
    if wrong is not null then
        perform private.refuse('MP010', 'codes', left(wrong, 60), 'Use postcodes such as 69003, departments such as 69 or 2A, and RNE codes.');
    end if;
    delete from mpp.territory t where t.organisation_id = set_territory.organisation_id;
    insert into mpp.territory (organisation_id, kind, code)
    select distinct set_territory.organisation_id, k.key::api.territory_kind, v.value
    from jsonb_each(codes) k
    cross join lateral jsonb_array_elements_text(case jsonb_typeof(k.value) when 'array' then k.value else jsonb_build_array(k.value) end) v;
    perform private.record_act('territory.set', set_territory.organisation_id::text, codes);
    return (select count(*) from mpp.territory t where t.organisation_id = set_territory.organisation_id);
end
$$;

revoke execute on function private.set_territory(integer, jsonb) from public;

grant execute on function private.set_territory(integer, jsonb) to authenticated, service_role;

create function api.set_territory(organisation_id integer, codes jsonb) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.set_territory(organisation_id, codes);
end;

comment on function api.set_territory(integer, jsonb)
    is 'Sets which schools a local authority follows: {"postcode": […], "department": […], "rne": […]}, in place of what was there; returns how many codes. Staff of the association. Errors: MP006, MP010, MP090.';

revoke execute on function api.set_territory(integer, jsonb) from public;

grant execute on function api.set_territory(integer, jsonb) to authenticated, service_role;

-- 40_league.sql

alter table mpp.league
    add column participation_id integer,
    add column unit_id integer,
    add constraint league_of_participation foreign key (participation_id, edition_id) references mpp.participation (id, edition_id),
    add constraint league_of_unit foreign key (unit_id) references mpp.unit (id),
    add constraint league_unit_of_client check (unit_id is null or participation_id is not null);
drop policy player_contact_select_authenticated on mpp.player_contact;

create index league_participation on mpp.league (participation_id) where participation_id is not null;

create index league_unit on mpp.league (unit_id) where unit_id is not null;

-- A client may ask its players for a phone number, which they may leave out.
create function private.asks_phone(league uuid) returns boolean
    language plpgsql
    stable
    security definer
    set search_path = ''
as $$
begin
    return exists (
        select
        from mpp.league l
        join mpp.participation p on p.id = l.participation_id
        where l.id = league and p.asks_phone
    );
end
$$;

revoke execute on function private.asks_phone(uuid) from public;

grant execute on function private.asks_phone(uuid) to authenticated;

create policy player_contact_select_authenticated on mpp.player_contact
    for select to authenticated
    using (
        player_id in (select private.my_player_ids())
        or player_id in (
            select p.id
            from mpp.player p
            join mpp.league l on l.id = p.league_id
            where (l.is_open or private.asks_phone(l.id)) and l.id in (select private.my_led_league_ids())
        )
        or (select private.is_ops())
    );

-- Puts an account in a team of a league whose lock is held: the smallest team, the oldest of equals.
create or replace function private.seat(account uuid, league mpp.league, e mpp.edition, phone text) returns uuid
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
    if (league.is_open or private.asks_phone(league.id)) and cleaned_phone !~ '^\+[1-9][0-9]{6,14}$' then
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
    if cleaned_phone is not null and (league.is_open or private.asks_phone(league.id)) then
        insert into mpp.player_contact (player_id, phone) values (me.id, cleaned_phone)
        on conflict (player_id) do update set phone = excluded.phone;
    end if;
    return me.id;
end
$$;

-- 46_client_league.sql

-- Clients set up their part in an edition: leagues under their units, people invited by mail, and their own staff.

create table mpp.participant (
    participation_id integer not null references mpp.participation (id),
    email text not null check (private.is_mail_address(email) and email = lower(email)),
    league_id uuid not null references mpp.league (id),
    invited_at timestamptz not null default clock_timestamp(),
    primary key (participation_id, email)
);

comment on table mpp.participant is 'Addresses that a client invited to one of its leagues. Whether they came is not told to the client.';

create index participant_league on mpp.participant (league_id);

alter table mpp.participant enable row level security;

create policy participant_select_authenticated on mpp.participant
    for select to authenticated
    using (participation_id in (select p.id from mpp.participation p where p.organisation_id in (select private.my_client_ids('manager'))));

grant select on mpp.participant to authenticated, service_role;

-- The participation of a client's command, its edition locked and still open to new leagues.
create function private.begin_client_leagues(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    p mpp.participation;
begin
    if not private.is_ops() then
        perform private.begin_write(registered => false);
    end if;
    -- Of another client: the same as none.
    select * into p
    from mpp.participation x
    where x.id = participation and x.organisation_id in (select m.id from private.my_organisation_ids() m (id));
    if not found then
        perform private.refuse('MP093');
    end if;
    perform private.begin_client(p.organisation_id, at_least);
    perform private.begin_join(p.edition_id);
    return p;
end
$$;

revoke execute on function private.begin_client_leagues(integer, api.staff_role) from public;

create type api.client_league as (league_id uuid, name text, unit text, join_code text, is_new boolean);

comment on type api.client_league is 'A league of a client with the code that opens it.';

create function private.create_client_leagues(participation_id integer, leagues jsonb) returns setof api.client_league
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
    perform pg_advisory_xact_lock(hashtext('mpp.client'), o.id);
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

create function api.create_client_leagues(participation_id integer, leagues jsonb) returns setof api.client_league
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.create_client_leagues(participation_id, leagues);
end;

comment on function api.create_client_leagues(integer, jsonb)
    is 'Makes leagues of a client, all or none: [{"name", "unit"}]; those it has already stay, with their unit corrected. Whoever joins one first runs it. Returns their codes. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010, MP011, MP021, MP023, MP024, MP028, MP038, MP039, MP091–MP093.';

revoke execute on function api.create_client_leagues(integer, jsonb) from public;

grant execute on function api.create_client_leagues(integer, jsonb) to authenticated, service_role;

create type api.client_join_code as (participation_id integer, league_id uuid, name text, unit text, listed boolean, join_code text);

comment on type api.client_join_code is 'A league of a client with the code that opens it, for those who hand the codes out.';

create function private.client_join_codes() returns setof api.client_join_code
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
begin
    return query
    select p.id, l.id, l.name::text, u.name::text, l.listed, c.code
    from mpp.participation p
    join mpp.league l on l.participation_id = p.id
    left join mpp.unit u on u.id = l.unit_id
    left join mpp.join_code c on c.league_id = l.id
    where p.organisation_id in (select x.id from private.my_client_ids('manager') x (id));
end
$$;

revoke execute on function private.client_join_codes() from public;

grant execute on function private.client_join_codes() to authenticated, service_role;

create view api.client_join_codes with (security_invoker = true) as
select * from private.client_join_codes();

comment on view api.client_join_codes is 'Every league of the caller''s organisations with its join code, for managers; sort by name, league_id.';

grant select on api.client_join_codes to authenticated, service_role;

-- Staff read no league (40_league); what theirs are called comes from there.
create view api.client_participants with (security_invoker = true) as
select p.participation_id, p.email, l.name as league, p.league_id, p.invited_at
from mpp.participant p
join private.client_join_codes() l on l.league_id = p.league_id;

comment on view api.client_participants is 'Who was invited to which league, for the managers of the client; whether they came is not told.';

grant select on api.client_participants to authenticated, service_role;

create function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
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
    perform pg_advisory_xact_lock(hashtext('mpp.client'), o.id);
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
            format('invitation:%s:%s', p.id, encode(sha256(convert_to(guest.email, 'UTF8')), 'hex')),
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

create function api.invite_participants(participation_id integer, participants jsonb, dry_run boolean default false)
    returns api.import_outcome
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.invite_participants(participation_id, participants, dry_run);
end;

comment on function api.invite_participants(integer, jsonb, boolean)
    is 'Invites people by mail to the client''s leagues, all or none: [{"email", "league"}]; without a league they are spread. Whoever was invited before gets no second mail. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010, MP011, MP021, MP023, MP024, MP070, MP091–MP093.';

revoke execute on function api.invite_participants(integer, jsonb, boolean) from public;

grant execute on function api.invite_participants(integer, jsonb, boolean) to authenticated, service_role;

-- Staff of a client.
create function private.invite_staff(
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
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('End by %s.', private.spoken(me.access_until)));
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
    if closes is null or closes <= opens or not isfinite(opens) or not isfinite(closes) then
        perform private.refuse('MP010', 'access_until', coalesce(private.spoken(closes), 'it is empty'), 'Give an end after the beginning.');
    end if;
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

create function api.invite_staff(
    organisation_id integer, email text, role api.staff_role default 'viewer', access_from timestamptz default null,
    access_until timestamptz default null
) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.invite_staff(organisation_id, email, role, access_from, access_until);
end;

comment on function api.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz)
    is 'Invites somebody by mail to work in a client''s space, from and until; a second invitation of an address replaces the first. Staff of the association; owners invite managers and viewers inside their own dates. Returns the invitation id. Errors: MP001, MP002, MP010, MP011, MP090–MP092.';

revoke execute on function api.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz) from public;

grant execute on function api.invite_staff(integer, text, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

create function private.accept_staff_invitation(code text) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    account uuid := private.begin_write(registered => false);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    i mpp.staff_invitation;
begin
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
    update mpp.staff_invitation x set accepted_at = private.clock() where x.id = i.id;
    insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)
    values (i.organisation_id, account, i.role, i.access_from, i.access_until)
    on conflict on constraint staff_pkey do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until;
    perform private.record_act('client.accept_invitation', i.organisation_id::text, jsonb_build_object('invitation', i.id, 'role', i.role));
    return i.organisation_id;
end
$$;

revoke execute on function private.accept_staff_invitation(text) from public;

grant execute on function private.accept_staff_invitation(text) to authenticated;

create function api.accept_staff_invitation(code text) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.accept_staff_invitation(code);
end;

comment on function api.accept_staff_invitation(text)
    is 'Takes an invitation to a client''s space with the code from the mail; the account''s confirmed address must be the one invited. Returns the organisation id. Errors: MP001, MP002, MP011, MP082.';

revoke execute on function api.accept_staff_invitation(text) from public;

grant execute on function api.accept_staff_invitation(text) to authenticated;

create function private.set_staff(
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
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('End by %s.', private.spoken(me.access_until)));
        end if;
    end if;
    if them.access_until <= them.access_from then
        -- Ended before it began: taken away, with what would let them in again.
        delete from mpp.staff s where s.organisation_id = them.organisation_id and s.account_id = them.account_id;
        delete from mpp.staff_invitation i
        using auth.users u
        where i.organisation_id = them.organisation_id and u.id = them.account_id and i.email = lower(u.email) and i.accepted_at is null;
    else
        update mpp.staff s
        set role = them.role, access_from = them.access_from, access_until = them.access_until
        where s.organisation_id = them.organisation_id and s.account_id = them.account_id;
    end if;
    perform private.record_act('client.set_staff', set_staff.organisation_id::text,
        jsonb_build_object('account_id', them.account_id, 'role', them.role, 'until', them.access_until));
end
$$;

revoke execute on function private.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) from public;

grant execute on function private.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

create function api.set_staff(
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
    is 'Changes the role or the dates of somebody who works for a client; an end that is not after the beginning takes the access away. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010, MP011, MP090–MP092.';

revoke execute on function api.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) from public;

grant execute on function api.set_staff(integer, uuid, api.staff_role, timestamptz, timestamptz) to authenticated, service_role;

create type api.client_staff_member as (
    account_id uuid, email text, role api.staff_role, access_from timestamptz, access_until timestamptz, is_me boolean
);

comment on type api.client_staff_member is 'Somebody who works for a client, as its owners see them.';

create function private.client_staff(organisation_id integer) returns setof api.client_staff_member
    language plpgsql
    stable
    security definer
    rows 10
    set search_path = ''
as $$
declare
    account uuid := (select auth.uid());
begin
    if not private.is_ops() then
        perform private.require_client(organisation_id, private.signed_in(), 'owner');
    elsif not exists (select from mpp.organisation o where o.id = client_staff.organisation_id) then
        perform private.refuse('MP090');
    end if;
    return query
    select s.account_id, u.email::text, s.role, s.access_from, s.access_until, coalesce(s.account_id = account, false)
    from mpp.staff s
    join auth.users u on u.id = s.account_id
    where s.organisation_id = client_staff.organisation_id
    order by s.role desc, u.email;
end
$$;

revoke execute on function private.client_staff(integer) from public;

grant execute on function private.client_staff(integer) to authenticated, service_role;

create function api.client_staff(organisation_id integer) returns setof api.client_staff_member
    language sql
    stable
    rows 10
    set search_path = ''
begin atomic
    select * from private.client_staff(organisation_id);
end;

comment on function api.client_staff(integer)
    is 'Who works for a client, with roles and dates. Its owners, and staff of the association. Errors: MP001, MP002, MP090–MP092.';

revoke execute on function api.client_staff(integer) from public;

grant execute on function api.client_staff(integer) to authenticated, service_role;

-- 81_statistics.sql

-- What all editions came to, and where people play. Counting a whole ledger takes seconds and a map that followed every
-- sign-up would show where the last person lives, so both are counted at the freeze, and before it when the staff ask;
-- what is kept here is what everybody may read.

create table mpp.past_statistics (
    as_of date primary key,
    source text not null,
    editions integer not null check (editions >= 0),
    players bigint not null check (players >= 0),
    challenges bigint not null check (challenges >= 0)
);

comment on table mpp.past_statistics is 'What was played before this system: totals, and the day on which they were published.';

insert into mpp.past_statistics (as_of, source, editions, players, challenges)
values ('2022-11-08', 'Share it: 18 editions, 133,380 players, 1,940,000 challenges', 18, 133380, 1940000);

create table mpp.edition_count (
    edition_id integer primary key references mpp.edition (id),
    players bigint not null check (players >= 0),
    challenges bigint not null check (challenges >= 0),
    counted_at timestamptz not null
);

comment on table mpp.edition_count is 'Listed players (pupils of listed classes in a school edition) and their credited validations, when they were last counted.';

create table mpp.map_cell (
    id integer generated always as identity primary key,
    edition_id integer not null references mpp.edition (id),
    country text check (country ~ '^[A-Z]{2}$'),
    department text check (department ~ '^([0-9]{2,3}|2[AB])$'),
    players bigint not null check (players >= 5),
    constraint map_cell_department_in_france check (department is null or country = 'FR'),
    constraint map_cell_once unique nulls not distinct (edition_id, country, department)
);

comment on table mpp.map_cell is 'How many play where, as last counted. Places with fewer than five people are together in the row without a country.';

alter table mpp.past_statistics enable row level security;

alter table mpp.edition_count enable row level security;

alter table mpp.map_cell enable row level security;

create policy past_statistics_select_everyone on mpp.past_statistics
    for select to anon, authenticated
    using (as_of <= current_date);

create policy edition_count_select_everyone on mpp.edition_count
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

create policy map_cell_select_everyone on mpp.map_cell
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

grant select on mpp.past_statistics, mpp.edition_count, mpp.map_cell to anon, authenticated, service_role;

-- The French department of a postcode; none when there is no such thing. Corsica is 2A up to 201, 2B after it.
create function private.department_of(country text, postcode text) returns text
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select case
        when country is distinct from 'FR' or postcode is null or postcode !~ '^[0-9]{5}$' then null
        when postcode ~ '^9[78]' then left(postcode, 3)
        when postcode ~ '^20[01]' then '2A'
        when postcode ~ '^20' then '2B'
        when left(postcode, 2) between '01' and '95' then left(postcode, 2)
    end
$$;

revoke execute on function private.department_of(text, text) from public;

-- Places with fewer than five people are put together into one row. When they are fewer than five even together, the
-- smallest of the others joins them: the difference from the published total of players then gives no small number back.
create function private.count_edition_now(edition integer) returns void
    language plpgsql
    volatile
    set search_path = ''
    -- Private columns have no statistics (99_ownership), and the planner would look up a million profiles one by one.
    set enable_nestloop = off
    set work_mem = '64MB'
as $$
declare
    least_people constant integer := 5;
    at timestamptz := private.clock();
    counted mpp.edition_count;
    hidden bigint;
    e mpp.edition;
begin
    select * into e from mpp.edition x where x.id = edition;
    if e.audience = 'school' then
        select coalesce(sum(s.players), 0) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'league' and s.listed and s.school_id is not null;
        select count(*) into hidden
        from mpp.score s
        join mpp.validation v on v.league_id = s.subject_id and v.state = 'credited'
        where s.edition_id = edition and s.scope = 'league' and not s.listed;
    else
        select count(*) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'player' and s.listed;
        select count(*) into hidden
        from mpp.score s
        join mpp.validation v on v.player_id = s.subject_id and v.state = 'credited'
        where s.edition_id = edition and s.scope = 'player' and not s.listed;
    end if;
    -- All, less the few of those who opted out: counting those who did not would join the whole ledger.
    select count(*) - hidden into counted.challenges
    from mpp.validation v
    where v.edition_id = edition and v.state = 'credited';
    insert into mpp.edition_count (edition_id, players, challenges, counted_at)
    values (edition, counted.players, counted.challenges, at)
    on conflict on constraint edition_count_pkey do update
    set players = excluded.players, challenges = excluded.challenges, counted_at = excluded.counted_at;

    delete from mpp.map_cell c where c.edition_id = edition;
    insert into mpp.map_cell (edition_id, country, department, players)
    with cell as (
        select w.country, w.department, sum(w.players) as players
        from (
            select f.country, private.department_of(f.country, f.postcode) as department, count(*) as players
            from mpp.score s
            join mpp.player p on p.id = s.subject_id
            join mpp.profile f on f.id = p.account_id
            where s.edition_id = edition and s.scope = 'player' and s.listed
                -- Adults at the start of the edition.
                and f.birth_date <= ((e.starts_at at time zone e.time_zone)::date - interval '18 years')::date
            group by f.country, f.postcode
            union all
            select h.country, private.department_of(h.country, h.postcode), sum(s.players)
            from mpp.score s
            join mpp.school h on h.id = s.school_id
            where s.edition_id = edition and s.scope = 'league' and s.listed
            group by h.country, h.postcode
        ) w
        group by w.country, w.department
        having sum(w.players) > 0
    ), ordered as (
        select c.*, coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        window smaller as (order by c.players, c.country, c.department rows between unbounded preceding and 1 preceding)
    ), sorted as (
        -- The smallest that could be shown joins what is withheld, when that alone would give itself away.
        select o.*, o.players < least_people or o.smaller_players between 1 and least_people - 1 as is_withheld
        from ordered o
    )
    select edition, s.country, s.department, s.players from sorted s where not s.is_withheld
    union all
    select edition, null, null, sum(s.players) from sorted s where s.is_withheld having sum(s.players) >= least_people;
end
$$;

revoke execute on function private.count_edition_now(integer) from public;

-- At the freeze, in its transaction: from then on neither changes.
create function private.edition_count_frozen() returns trigger
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.count_edition_now(new.id);
    return null;
end
$$;

revoke execute on function private.edition_count_frozen() from public;

create trigger edition_count_frozen
    after update on mpp.edition
    for each row
    when (old.frozen_at is null and new.frozen_at is not null)
    execute function private.edition_count_frozen();

create function private.count_edition(edition_code text) returns timestamptz
    language plpgsql
    volatile
    security definer
    set search_path = ''
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform pg_advisory_xact_lock(hashtext('mpp.edition_count'), e.id);
    -- Read again: it may have been frozen, and counted, in between.
    e := private.find_edition(edition_code);
    if e.frozen_at is null or not exists (select from mpp.edition_count c where c.edition_id = e.id) then
        perform private.count_edition_now(e.id);
    end if;
    return (select c.counted_at from mpp.edition_count c where c.edition_id = e.id);
end
$$;

revoke execute on function private.count_edition(text) from public;

grant execute on function private.count_edition(text) to authenticated, service_role;

create function api.count_edition(edition_code text) returns timestamptz
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select private.count_edition(edition_code);
end;

comment on function api.count_edition(text)
    is 'Counts an edition for lifetime_statistics and player_map, as the freeze does by itself; returns when it was counted. A frozen one is not counted again. Staff. Errors: MP006, MP020.';

revoke execute on function api.count_edition(text) from public;

grant execute on function api.count_edition(text) to authenticated, service_role;

create view api.lifetime_statistics with (security_invoker = true) as
select
    p.editions + n.editions as editions,
    p.players + n.players as players,
    p.challenges + n.challenges as challenges,
    p.editions as past_editions,
    p.players as past_players,
    p.challenges as past_challenges,
    p.as_of as past_as_of,
    n.counted_at
from (
    select coalesce(sum(s.editions), 0) as editions, coalesce(sum(s.players), 0) as players, coalesce(sum(s.challenges), 0) as challenges,
        max(s.as_of) as as_of
    from mpp.past_statistics s
) p
cross join (
    select
        count(*) as editions,
        coalesce(sum(c.players), 0) as players,
        coalesce(sum(c.challenges), 0) as challenges,
        min(c.counted_at) filter (where e.frozen_at is null) as counted_at
    from mpp.edition e
    left join mpp.edition_count c on c.edition_id = e.id
    where e.opened_at is not null and e.organisation_id is null and e.starts_at <= now()
) n;

comment on view api.lifetime_statistics is 'Over all editions that have begun, with what was played before this system: editions, players (once for each edition), challenges. Running editions are in it as they were last counted (counted_at).';

grant select on api.lifetime_statistics to anon, authenticated, service_role;

create view api.player_map with (security_invoker = true) as
select m.edition_id, e.code as edition_code, m.area, m.country, m.department, m.players
from (
    select c.edition_id, coalesce(concat_ws('-', c.country, c.department), '') as area, c.country, c.department, c.players
    from mpp.map_cell c
    union all
    -- Over all: the sum of what is published, which gives nothing more away.
    select null, coalesce(concat_ws('-', c.country, c.department), ''), c.country, c.department, sum(c.players)
    from mpp.map_cell c
    where c.edition_id in (select o.id from mpp.edition o where o.organisation_id is null)
    group by c.country, c.department
) m
left join mpp.edition e on e.id = m.edition_id;

comment on view api.player_map is 'Listed adults and pupils of listed classes by country and French department, as last counted; edition_id is null for all editions together. area is FR-75, FR or BE, and empty for the places with fewer than five people, together. Sort by area.';

grant select on api.player_map to anon, authenticated, service_role;

-- 82_follow_up.sql

-- What a client follows: its players together, its leagues and units, week by week; and the classes of a territory. Never
-- one person: rows are sums, and a number of people under five is withheld (null). The functions read what their caller
-- may not, and answer only for clients of theirs; each takes one participation, or none for all.

-- Participations that the caller may follow now.
create function private.followed(chosen integer default null) returns setof mpp.participation
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select p.*
    from mpp.participation p
    where p.organisation_id in (select c.id from private.my_client_ids() c (id)) and (chosen is null or p.id = chosen);
end
$$;

revoke execute on function private.followed(integer) from public;

-- Fewer than five people could be told apart.
create function private.withheld(people bigint) returns integer
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$ select case when people = 0 or people >= 5 then people::integer end $$;

revoke execute on function private.withheld(bigint) from public;

-- Weeks of an edition, from its first day on and seven civil days each; those that have begun.
create function private.weeks_of(edition integer, at timestamptz)
    returns table (number integer, first_day date, last_day date, opens timestamptz, closes timestamptz)
    language sql
    stable
    rows 3
    set search_path = ''
as $$
    select w.number, w.first_day, least(w.first_day + 6, w.ends_on),
        greatest(w.first_day::timestamp at time zone w.time_zone, w.starts_at),
        least((w.first_day + 7)::timestamp at time zone w.time_zone, w.ends_at)
    from (
        select n as number, e.starts_at, e.ends_at, e.time_zone,
            (e.starts_at at time zone e.time_zone)::date + 7 * (n - 1) as first_day,
            ((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date as ends_on
        from mpp.edition e
        cross join lateral generate_series(1,
            1 + (((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date
                - (e.starts_at at time zone e.time_zone)::date) / 7) n
        where e.id = edition
    ) w
    where greatest(w.first_day::timestamp at time zone w.time_zone, w.starts_at) <= at
$$;

revoke execute on function private.weeks_of(integer, timestamptz) from public;

create type api.client_overview_row as (
    participation_id integer, organisation_id integer, edition_id integer, week integer, week_first date, week_last date,
    expected_players integer, players integer, players_change integer, active_players integer, active_players_change integer,
    active_players_ever integer, leagues integer, leagues_change integer, validations integer, validations_change integer,
    points integer, points_change integer, points_per_player numeric, points_per_player_change numeric
);

comment on type api.client_overview_row is 'A client in an edition: figures since the start, active players of the week, and changes since the week before (null in the first).';

create function private.client_overview(chosen integer default null) returns setof api.client_overview_row
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.organisation_id, p.edition_id, p.expected_players, w.number as week, w.first_day, w.last_day, w.opens, w.closes,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous
        from private.followed(chosen) p
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), league as (
        select m.id, l.id as league_id, l.created_at from mine m join mpp.league l on l.participation_id = m.id
    ), person as (
        -- Who is there, and who left after having played: as the scores count them.
        select g.id, p.id as player_id, p.joined_at from league g join mpp.player p on p.league_id = g.league_id
        union
        select g.id, p.id, p.joined_at
        from league g
        join mpp.validation v on v.league_id = g.league_id
        join mpp.player p on p.id = v.player_id
    ), people as (
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before
        from mine m
        left join person q on q.id = m.id
        group by m.id
    ), ledger as (
        select m.id,
            count(v.id) as validations,
            coalesce(sum(v.points), 0) as points,
            count(v.id) filter (where v.validated_at < m.opens) as validations_before,
            coalesce(sum(v.points) filter (where v.validated_at < m.opens), 0) as points_before,
            count(distinct v.player_id) as active_ever,
            count(distinct v.player_id) filter (where v.validated_at >= m.opens) as active,
            count(distinct v.player_id) filter (where v.validated_at >= m.previous and v.validated_at < m.opens) as active_before
        from mine m
        left join league g on g.id = m.id
        left join mpp.validation v on v.league_id = g.league_id and v.state = 'credited'
        group by m.id
    ), group_ as (
        select m.id, count(g.league_id) as leagues, count(g.league_id) filter (where g.created_at < m.opens) as before
        from mine m
        left join league g on g.id = m.id
        group by m.id
    )
    select
        m.id, m.organisation_id, m.edition_id, m.week, m.first_day, m.last_day, m.expected_players,
        private.withheld(p.players),
        case when m.week > 1 and p.players >= 5 and p.before >= 5 then (p.players - p.before)::integer end,
        private.withheld(d.active),
        case when m.week > 1 and private.withheld(d.active) is not null and private.withheld(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        private.withheld(d.active_ever),
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        d.validations::integer,
        case when m.week > 1 then (d.validations - d.validations_before)::integer end,
        d.points::integer,
        case when m.week > 1 then (d.points - d.points_before)::integer end,
        case when p.players >= 5 then round(d.points::numeric / p.players, 2) end,
        case when m.week > 1 and p.players >= 5 and p.before >= 5
            then round(d.points::numeric / p.players, 2) - round(d.points_before::numeric / p.before, 2) end
    from mine m
    join people p on p.id = m.id
    join ledger d on d.id = m.id
    join group_ g on g.id = m.id
    order by m.id;
end
$$;

revoke execute on function private.client_overview(integer) from public;

grant execute on function private.client_overview(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_overview with (security_invoker = true) as
select * from private.client_overview();

comment on view api.client_overview is 'The caller''s clients in each edition: players, activity, points, and what changed since the week before. A number of people under five is null.';

grant select on api.client_overview to authenticated, service_role, mpp_dashboard;

create type api.client_league_row as (
    participation_id integer, league_id uuid, name text, unit_id integer, unit text, rank bigint, players integer,
    active_players integer, active_players_ever integer, validations integer, points integer, points_per_player numeric, value integer,
    points_this_week integer, points_last_week integer, last_validated_at timestamptz, has_ambassador boolean, push text[]
);

comment on type api.client_league_row is 'A league among those of its client; push says why it needs one: no_ambassador, not_started, quiet, few_active, falling, few_players.';

-- A league that opted out of the ranking is in the sums of its client and not in this list.
create function private.client_leagues(chosen integer default null) returns setof api.client_league_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.edition_id, w.number as week, w.opens,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous,
            -- The same hour on the wall, also over a clock change.
            (at at time zone e.time_zone - interval '7 days') at time zone e.time_zone as week_ago,
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        select m.id, m.week, m.running, m.opens, m.league_min_players, m.time_zone, l.id as league_id, l.name, l.unit_id, u.name as unit,
            s.players, s.points, s.value, s.reached_at,
            exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal) as has_ambassador,
            v.*
        from mine m
        join mpp.league l on l.participation_id = m.id and l.listed
        join mpp.score s on s.subject_id = l.id
        left join mpp.unit u on u.id = l.unit_id
        cross join lateral (
            select
                count(*) as validations,
                count(distinct x.player_id) as active_ever,
                count(distinct x.player_id) filter (where x.validated_at >= m.opens) as active,
                coalesce(sum(x.points) filter (where x.validated_at >= m.opens), 0) as this_week,
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.opens), 0) as last_week,
                -- By the same hour of the week before: a week that is on is behind a whole one until its last evening.
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.week_ago), 0) as last_so_far,
                max(x.validated_at) as last_at
            from mpp.validation x
            where x.league_id = l.id and x.state = 'credited'
        ) v
    )
    select
        c.id, c.league_id, c.name::text, c.unit_id, c.unit::text,
        rank() over (partition by c.id order by c.value desc),
        private.withheld(c.players), private.withheld(c.active), private.withheld(c.active_ever), c.validations::integer, c.points,
        case when c.players >= 5 then round(c.points::numeric / c.players, 2) end,
        c.value, c.this_week::integer, case when c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        date_trunc('day', c.last_at, c.time_zone),
        c.has_ambassador,
        array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '2 days' then 'quiet' end,
            case when c.running and c.active > 0 and 2 * c.active < c.players and at > c.opens + interval '2 days' then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '2 days' and 4 * c.this_week < 3 * c.last_so_far
                then 'falling' end,
            case when c.players < c.league_min_players then 'few_players' end
        ], null)
    from counted c
    order by c.id, c.value desc, c.reached_at, c.league_id;
end
$$;

revoke execute on function private.client_leagues(integer) from public;

grant execute on function private.client_leagues(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_leagues with (security_invoker = true) as
select * from private.client_leagues();

comment on view api.client_leagues is 'The leagues of the caller''s clients, ranked among themselves, with what they did this week and why they need a push.';

grant select on api.client_leagues to authenticated, service_role, mpp_dashboard;

create type api.client_week_row as (
    participation_id integer, week integer, first_day date, last_day date, new_players integer, active_players integer,
    validations integer, points integer, validations_change integer, points_change integer
);

comment on type api.client_week_row is 'A week of a client in an edition, and the change since the week before.';

create function private.client_weekly(chosen integer default null) returns setof api.client_week_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    select
        t.id, t.number, t.first_day, t.last_day, private.withheld(t.new_players), private.withheld(t.active),
        t.validations::integer, t.points::integer,
        (t.validations - lag(t.validations) over w)::integer,
        (t.points - lag(t.points) over w)::integer
    from (
        select p.id, k.number, k.first_day, k.last_day,
            (
                -- The first week also counts who came before the start. Of the same people as the overview.
                select count(*)
                from (
                    select q.id, q.joined_at from mpp.player q join mpp.league l on l.id = q.league_id and l.participation_id = p.id
                    union
                    select q.id, q.joined_at
                    from mpp.league l
                    join mpp.validation x on x.league_id = l.id
                    join mpp.player q on q.id = x.player_id
                    where l.participation_id = p.id
                ) q
                where q.joined_at < k.closes and (k.number = 1 or q.joined_at >= k.opens)
            ) as new_players,
            v.active, v.validations, v.points
        from private.followed(chosen) p
        cross join lateral private.weeks_of(p.edition_id, at) k
        cross join lateral (
            select count(distinct x.player_id) as active, count(*) as validations, coalesce(sum(x.points), 0) as points
            from mpp.league l
            join mpp.validation x on x.league_id = l.id and x.state = 'credited' and x.validated_at >= k.opens and x.validated_at < k.closes
            where l.participation_id = p.id
        ) v
    ) t
    window w as (partition by t.id order by t.number)
    order by t.id, t.number;
end
$$;

revoke execute on function private.client_weekly(integer) from public;

grant execute on function private.client_weekly(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_weekly with (security_invoker = true) as
select * from private.client_weekly();

comment on view api.client_weekly is 'Each week of the caller''s clients: new and active players, validations, points, and the change.';

grant select on api.client_weekly to authenticated, service_role, mpp_dashboard;

create type api.client_day_row as (participation_id integer, day date, validations integer, points integer);

comment on type api.client_day_row is 'A day of a client, in the time zone of the edition.';

create function private.client_daily(chosen integer default null) returns setof api.client_day_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
begin
    return query
    select p.id, (v.validated_at at time zone e.time_zone)::date as day, count(*)::integer, sum(v.points)::integer
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    join mpp.validation v on v.league_id = l.id and v.state = 'credited'
    group by p.id, (v.validated_at at time zone e.time_zone)::date
    order by p.id, day;
end
$$;

revoke execute on function private.client_daily(integer) from public;

grant execute on function private.client_daily(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_daily with (security_invoker = true) as
select * from private.client_daily();

comment on view api.client_daily is 'Validations and points of the caller''s clients by day; days without any have no row.';

grant select on api.client_daily to authenticated, service_role, mpp_dashboard;

create type api.client_rank_row as (
    participation_id integer, scope text, rank bigint, subject_id text, label text, leagues integer, players integer,
    points integer, points_per_player numeric, value bigint
);

comment on type api.client_rank_row is 'A line of a client''s own ranking, of leagues or of units.';

create function private.client_ranking(chosen integer default null) returns setof api.client_rank_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
begin
    return query
    select l.participation_id, 'league', l.rank, l.league_id::text, l.name, 1, l.players, l.points, l.points_per_player, l.value::bigint
    from private.client_leagues(chosen) l
    union all
    (
        select t.id, 'unit', rank() over (partition by t.id order by t.value desc), t.unit_id::text, t.name::text, t.leagues::integer,
            private.withheld(t.players), t.points::integer,
            case when t.players >= 5 then round(t.points::numeric / t.players, 2) end, t.value
        from (
            select p.id, u.id as unit_id, u.name, count(*) as leagues, sum(s.players) as players, sum(s.points) as points,
                case when bool_or(s.by_average)
                    then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                    else sum(s.points) end as value
            from private.followed(chosen) p
            join mpp.league l on l.participation_id = p.id and l.listed
            join mpp.unit u on u.id = l.unit_id
            join mpp.score s on s.subject_id = l.id
            group by p.id, u.id, u.name
        ) t
        order by t.id, t.value desc, t.name
    );
end
$$;

revoke execute on function private.client_ranking(integer) from public;

grant execute on function private.client_ranking(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_ranking with (security_invoker = true) as
select * from private.client_ranking();

comment on view api.client_ranking is 'The own ranking of the caller''s clients: scope is league or unit. A unit is the sum of its listed leagues.';

grant select on api.client_ranking to authenticated, service_role, mpp_dashboard;

create type api.client_theme_row as (participation_id integer, theme text, name jsonb, validations integer, points integer);

comment on type api.client_theme_row is 'What a client did for a theme of its edition; zero for one that nobody touched.';

create function private.client_themes(chosen integer default null) returns setof api.client_theme_row
    language plpgsql
    stable
    security definer
    rows 12
    set search_path = ''
as $$
begin
    return query
    select p.id, t.code, t.name::jsonb, coalesce(v.validations, 0)::integer, coalesce(v.points, 0)::integer
    from private.followed(chosen) p
    join (
        select distinct c.edition_id, k.theme from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id
    ) played on played.edition_id = p.edition_id
    join mpp.theme t on t.code = played.theme
    left join lateral (
        select count(*) as validations, sum(x.points) as points
        from mpp.league l
        join mpp.validation x on x.league_id = l.id and x.state = 'credited'
        join mpp.edition_challenge c on c.id = x.challenge_id
        join mpp.challenge k on k.id = c.challenge_id
        where l.participation_id = p.id and k.theme = t.code
    ) v on true
    order by p.id, coalesce(v.points, 0) desc, t.code;
end
$$;

revoke execute on function private.client_themes(integer) from public;

grant execute on function private.client_themes(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_themes with (security_invoker = true) as
select * from private.client_themes();

comment on view api.client_themes is 'Validations and points of the caller''s clients by theme.';

grant select on api.client_themes to authenticated, service_role, mpp_dashboard;

create type api.client_map_row as (participation_id integer, department text, players integer);

comment on type api.client_map_row is 'Players of a client in a French department; null for fewer than five.';

-- What is withheld is five people or more together, or the difference from the total would say how many they are: when
-- the small places are fewer, the smallest of the others joins them.
create function private.client_map(chosen integer default null) returns setof api.client_map_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = ''
as $$
begin
    return query
    with cell as (
        select p.id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from private.followed(chosen) p
        join mpp.league l on l.participation_id = p.id
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        group by p.id, private.department_of(f.country, f.postcode)
    ), ordered as (
        select c.*, coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        -- Of two that are equal both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= 5 and o.smaller_players not between 1 and 4 then o.players::integer end
    from ordered o
    order by o.id, o.department;
end
$$;

revoke execute on function private.client_map(integer) from public;

grant execute on function private.client_map(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_map with (security_invoker = true) as
select * from private.client_map();

comment on view api.client_map is 'Listed players of the caller''s clients by French department; null for fewer than five.';

grant select on api.client_map to authenticated, service_role, mpp_dashboard;

-- Classes that an authority follows: those listed in the ranking, which name no pupil.
create type api.client_territory_row as (
    participation_id integer, class_id uuid, class text, level text, school_id uuid, school text, rne text, postcode text, city text,
    pupils integer, points integer, points_per_pupil numeric, points_this_week integer, rank bigint, general_rank bigint, value integer
);

comment on type api.client_territory_row is 'A class of a client''s territory: rank among them, and general_rank among all classes of the edition.';

create function private.client_territory(chosen integer default null) returns setof api.client_territory_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    select
        p.id, l.id, l.name::text, l.level::text, h.id, h.name::text, h.rne, h.postcode, h.city::text,
        private.withheld(s.players), s.points,
        case when s.players >= 5 then round(s.points::numeric / s.players, 2) end,
        (
            select coalesce(sum(v.points), 0)::integer
            from mpp.validation v
            where v.league_id = l.id and v.state = 'credited'
                and v.validated_at >= (select k.opens from private.weeks_of(p.edition_id, at) k order by k.number desc limit 1)
        ),
        rank() over (partition by p.id order by s.value desc),
        private.rank_of(s.edition_id, 'league', s.value),
        s.value
    from private.followed(chosen) p
    join mpp.league l on l.edition_id = p.edition_id and l.school_id is not null and l.listed
    join mpp.school h on h.id = l.school_id and h.country = 'FR' and not h.is_hidden
    join mpp.score s on s.subject_id = l.id
    where exists (
        select
        from mpp.territory t
        where t.organisation_id = p.organisation_id
            and case t.kind
                when 'postcode' then h.postcode = t.code
                when 'department' then private.department_of(h.country, h.postcode) = t.code
                else h.rne = t.code
            end
    )
    order by p.id, s.value desc, s.reached_at, l.id;
end
$$;

revoke execute on function private.client_territory(integer) from public;

grant execute on function private.client_territory(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_territory with (security_invoker = true) as
select * from private.client_territory();

comment on view api.client_territory is 'The listed classes of the territory of the caller''s clients, ranked among themselves and among all; no pupil is named.';

grant select on api.client_territory to authenticated, service_role, mpp_dashboard;

create type api.client_ambassador_row as (participation_id integer, league_id uuid, league text, unit text, alias text, is_principal boolean);

comment on type api.client_ambassador_row is 'Who runs a league of a client, by alias.';

create function private.client_ambassadors(chosen integer default null) returns setof api.client_ambassador_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
begin
    return query
    select p.id, l.id, l.name::text, u.name::text, case when q.listed then q.alias::text end, a.is_principal
    from private.followed(chosen) p
    join mpp.league l on l.participation_id = p.id and l.listed
    join mpp.ambassador a on a.league_id = l.id
    join mpp.player q on q.id = a.player_id
    left join mpp.unit u on u.id = l.unit_id
    order by p.id, l.name, a.is_principal desc;
end
$$;

revoke execute on function private.client_ambassadors(integer) from public;

grant execute on function private.client_ambassadors(integer) to authenticated, service_role, mpp_dashboard;

create view api.client_ambassadors with (security_invoker = true) as
select * from private.client_ambassadors();

comment on view api.client_ambassadors is 'Who runs the listed leagues of the caller''s clients, by alias; null for who opted out. Their address is not the client''s to see.';

grant select on api.client_ambassadors to authenticated, service_role, mpp_dashboard;

-- Everything a report says, in one snapshot and from the same functions as the views.
create function private.client_report(participation_id integer) returns jsonb
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
        if found and (at < me.access_from or at >= me.access_until) then
            perform private.refuse('MP091', private.spoken(me.access_from), private.spoken(me.access_until));
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
                join mpp.score s on s.subject_id = l.id and s.listed
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
        )
    ) into report;
    return report;
end
$$;

revoke execute on function private.client_report(integer) from public;

grant execute on function private.client_report(integer) to authenticated, service_role, mpp_dashboard;

create function api.client_report(participation_id integer) returns jsonb
    language sql
    stable
    set search_path = ''
begin atomic
    select private.client_report(participation_id);
end;

comment on function api.client_report(integer)
    is 'Every figure of a client''s report in one snapshot, from the same functions as the views. Its staff inside their dates, and staff of the association. Errors: MP091, MP093.';

revoke execute on function api.client_report(integer) from public;

grant execute on function api.client_report(integer) to authenticated, service_role, mpp_dashboard;

-- Who gets the mail of a client's week. Whether it may leave is asked once more when it does.
create type api.weekly_reader as (account_id uuid, league_id uuid, language text);

comment on type api.weekly_reader is 'Somebody who gets a weekly mail: staff of a client without league_id, otherwise an ambassador of that league.';

create function private.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = ''
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
begin
    perform private.require_service();
    select * into p from mpp.participation x where x.id = weekly_readers.participation_id;
    if not found then
        perform private.refuse('MP093');
    end if;
    return query
    select s.account_id, null::uuid, o.language
    from mpp.staff s
    join mpp.organisation o on o.id = s.organisation_id
    where s.organisation_id = p.organisation_id and at >= s.access_from and at < s.access_until
    union all
    select a.account_id, l.id, case f.language when 'fr' then 'fr' else 'en' end
    from mpp.league l
    join mpp.ambassador a on a.league_id = l.id
    join mpp.profile f on f.id = a.account_id
    where l.participation_id = p.id
        and (
            select c.granted
            from mpp.consent c
            where c.account_id = a.account_id and c.purpose = 'league_alerts'
            order by c.id desc
            limit 1
        )
    order by 2 nulls first, 1;
end
$$;

revoke execute on function private.weekly_readers(integer) from public;

grant execute on function private.weekly_readers(integer) to service_role;

create function api.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language sql
    stable
    rows 50
    set search_path = ''
begin atomic
    select * from private.weekly_readers(participation_id);
end;

comment on function api.weekly_readers(integer)
    is 'Who gets the weekly mails of a client: its staff inside their dates, and the ambassadors of its leagues who agreed to alerts. Secret key only. Errors: MP006, MP093.';

revoke execute on function api.weekly_readers(integer) from public;

grant execute on function api.weekly_readers(integer) to service_role;

-- 87_award.sql

-- Symbolic awards, given by rule once an edition is frozen: over all, and once more among the leagues of each client.

-- The rules, in the order in which they are read out. measure and threshold say who gets one:
--   rank               rank <= threshold in the ranking (classes within their level)
--   points_per_player  at least so many, in a group of the least size of the edition or more
--   no_malus           no malus, and at least so many validations
--   every_theme        a credited challenge of every theme that was in play, at least so many themes
--   most_collective    the most different collective challenges, at least so many
--   regular            credited validations on at least so many days in a hundred of the edition
-- Pupils have no award of their own: their diploma is between them and their class.
create function private.award_rules()
    returns table (
        place smallint, code text, scope text, measure text, threshold integer,
        title_fr text, title_en text, description_fr text, description_en text
    )
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    values
    (10::smallint, 'grand-zizou', 'player', 'rank', 1,
        'Grand Zizou de l’écologie', 'Grand Zizou of ecology',
        'Première place du classement des joueuses et joueurs.', 'First of all players.'),
    (20, 'player-podium', 'player', 'rank', 3,
        'Podium des joueuses et joueurs', 'Podium of the players',
        'Parmi les trois premières places du classement.', 'Among the first three of the ranking.'),
    (30, 'team-champion', 'team', 'rank', 1,
        'Équipe championne', 'Champion team',
        'Première place du classement des équipes.', 'First of all teams.'),
    (40, 'league-champion', 'league', 'rank', 1,
        'Ligue championne', 'Champion league',
        'Première place du classement des ligues.', 'First of all leagues.'),
    (50, 'class-champion', 'class', 'rank', 1,
        'Classe championne de son niveau', 'Champion class of its level',
        'Première place parmi les classes du même niveau.', 'First among the classes of its level.'),
    (60, 'school-champion', 'school', 'rank', 1,
        'Établissement champion', 'Champion school',
        'Première place du classement des établissements.', 'First of all schools.'),
    (70, 'league-of-gold', 'league', 'points_per_player', 40,
        'Ligue en or', 'League of gold',
        'Au moins 40 points par personne.', 'At least 40 points a person.'),
    (80, 'class-of-gold', 'class', 'points_per_player', 40,
        'Classe en or', 'Class of gold',
        'Au moins 40 points par élève.', 'At least 40 points a pupil.'),
    (90, 'faultless', 'player', 'no_malus', 10,
        'Sans faux pas', 'Not one false step',
        'Au moins dix défis et aucun malus.', 'Ten challenges at least and no malus.'),
    (100, 'all-themes', 'player', 'every_theme', 2,
        'Touche-à-tout', 'Jack of all themes',
        'Au moins un défi dans chaque thème.', 'At least one challenge in every theme.'),
    (110, 'class-all-themes', 'class', 'every_theme', 2,
        'Classe touche-à-tout', 'Class of all themes',
        'Au moins un défi dans chaque thème de son niveau.', 'At least one challenge in every theme of its level.'),
    (120, 'team-spirit', 'team', 'most_collective', 1,
        'Esprit d’équipe', 'Team spirit',
        'L’équipe qui a réussi le plus de défis collectifs.', 'The team with the most collective challenges.'),
    (130, 'class-spirit', 'class', 'most_collective', 1,
        'Esprit de classe', 'Class spirit',
        'La classe qui a réussi le plus de défis collectifs.', 'The class with the most collective challenges.'),
    (140, 'regular', 'player', 'regular', 60,
        'Régularité', 'Steady as she goes',
        'Des défis validés la plupart des jours de l’édition.', 'Challenges on most days of the edition.'),
    (150, 'class-regular', 'class', 'regular', 50,
        'Classe régulière', 'Steady class',
        'Des défis validés au moins un jour sur deux.', 'Challenges on every other day at least.')
$$;

comment on function private.award_rules() is 'The rules by which awards are given, with their titles.';

revoke execute on function private.award_rules() from public;

create table mpp.award (
    id bigint generated always as identity primary key,
    edition_id integer not null references mpp.edition (id),
    participation_id integer references mpp.participation (id),
    organisation_id integer references mpp.organisation (id),
    rule text not null,
    place smallint not null,
    scope text not null check (scope in ('player', 'team', 'league', 'class', 'school')),
    title mpp.translated not null,
    description mpp.translated not null,
    subject_id uuid not null,
    value numeric not null,
    granted_at timestamptz not null,
    constraint award_once unique nulls not distinct (edition_id, participation_id, rule, subject_id),
    constraint award_of_client check ((participation_id is null) = (organisation_id is null))
);

comment on table mpp.award is 'Awards of a frozen edition: over all where participation_id is null, otherwise among the leagues of a client.';

comment on column mpp.award.value is 'What earned it: the rank, points a player, validations, themes, collective challenges, or days.';

create index award_participation on mpp.award (participation_id) where participation_id is not null;

create index award_organisation on mpp.award (organisation_id) where organisation_id is not null;

-- A rule is applied once: who opts out afterwards leaves the list, and nobody moves up into their place.
create table mpp.award_round (
    edition_id integer not null references mpp.edition (id),
    rule text not null,
    granted_at timestamptz not null,
    granted_by uuid,
    primary key (edition_id, rule)
);

comment on table mpp.award_round is 'Rules that were applied to an edition, also those that nobody met.';

alter table mpp.award enable row level security;

alter table mpp.award_round enable row level security;

create policy award_select_anon on mpp.award
    for select to anon
    using (participation_id is null and edition_id in (select e.id from mpp.edition e));

create policy award_select_authenticated on mpp.award
    for select to authenticated
    using ((participation_id is null and edition_id in (select e.id from mpp.edition e)) or (select private.is_ops()));

create policy award_round_select_ops on mpp.award_round
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.award to anon, authenticated, service_role;

grant select on mpp.award_round to authenticated, service_role;

-- The name is read from the ranking and from the schools, so that it is gone with them.
create view api.awards with (security_invoker = true) as
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
left join mpp.school h on h.id = a.subject_id and a.scope = 'school'
    and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
where a.participation_id is null and coalesce(s.label, h.name) is not null;

comment on view api.awards is 'Awards of frozen editions to players, teams, leagues, classes and schools that are listed. Sort by place, award_id.';

grant select on api.awards to anon, authenticated, service_role;

create type api.client_award as (
    award_id bigint, participation_id integer, organisation_id integer, edition_id integer, place smallint, rule text, scope text,
    title jsonb, description jsonb, subject_id uuid, label text, league_label text, value numeric, granted_at timestamptz
);

comment on type api.client_award is 'An award among the leagues of a client.';

-- A client of a private edition does not play in it, and so cannot read its ranking: the names come from here.
create function private.my_client_awards() returns setof api.client_award
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
    left join mpp.school h on h.id = a.subject_id and a.scope = 'school'
        and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
    where a.organisation_id in (select private.my_client_ids()) and coalesce(s.label, h.name::text) is not null;
end
$$;

revoke execute on function private.my_client_awards() from public;

grant execute on function private.my_client_awards() to authenticated, service_role, mpp_dashboard;

create view api.client_awards with (security_invoker = true) as
select a.award_id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title, a.description, a.subject_id,
    a.label, a.league_label, a.value, a.granted_at
from private.my_client_awards() a;

comment on view api.client_awards is 'Awards among the leagues of the caller''s organisations: the same rules, within. Who opted out is not in it. Sort by place, award_id.';

grant select on api.client_awards to authenticated, service_role, mpp_dashboard;

create function private.grant_awards(edition_code text) returns integer
    language plpgsql
    volatile
    security definer
    set search_path = ''
    -- Private columns have no statistics (99_ownership): the planner would go through the ledger player by player.
    set enable_nestloop = off
    set work_mem = '64MB'
as $$
declare
    e mpp.edition;
    at timestamptz;
    days integer;
    given integer;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform pg_advisory_xact_lock(hashtext('mpp.award'), e.id);
    if e.frozen_at is null then
        perform private.refuse('MP094', e.code);
    end if;
    at := private.clock();
    days := greatest(1, ((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date
        - (e.starts_at at time zone e.time_zone)::date + 1);

    with rule as materialized (
        select r.*
        from private.award_rules() r
        where not exists (select from mpp.award_round x where x.edition_id = e.id and x.rule = r.code)
    ), played as materialized (
        select v.player_id, v.team_id, v.league_id, v.challenge_id, c.kind, k.theme,
            (v.validated_at at time zone e.time_zone)::date as day
        from mpp.validation v
        join mpp.edition_challenge c on c.id = v.challenge_id
        join mpp.challenge k on k.id = c.challenge_id
        where v.edition_id = e.id and v.state = 'credited' and exists (select from rule)
    ), subject as materialized (
        select s.subject_id, case when s.scope = 'league' and s.school_id is not null then 'class' else s.scope::text end as scope,
            s.points::numeric as points, s.players, s.at_least_players, s.value::bigint as value, s.level::text as level,
            case s.scope when 'league' then s.subject_id when 'team' then t.league_id else p.league_id end as league_id
        from mpp.score s
        left join mpp.team t on s.scope = 'team' and t.id = s.subject_id
        left join mpp.player p on s.scope = 'player' and p.id = s.subject_id
        where s.edition_id = e.id and s.listed
    ), entrant as materialized (
        -- Once among all, and once among the leagues of their client.
        select j.*, null::integer as participation_id from subject j
        union all
        select j.*, l.participation_id
        from subject j
        join mpp.league l on l.id = j.league_id
        where l.participation_id is not null
    ), school as (
        select n.participation_id, s.school_id as subject_id, sum(s.points) as points, sum(s.players) as players,
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end as value
        from entrant n
        join mpp.score s on s.subject_id = n.subject_id
        where n.scope = 'class'
        group by n.participation_id, s.school_id
    ), deed as (
        select x.scope, x.subject_id, count(*) as validations, bool_or(x.kind = 'malus') as has_malus,
            count(distinct x.theme) filter (where x.kind <> 'malus') as themes,
            count(distinct x.challenge_id) filter (where x.kind = 'collective') as collectives,
            count(distinct x.day) filter (where x.kind <> 'malus') as days
        from (
            select u.scope, u.subject_id, v.*
            from played v
            cross join lateral (
                values ('player', v.player_id), ('team', v.team_id), ('league', v.league_id)
            ) u (scope, subject_id)
        ) x
        group by x.scope, x.subject_id
    ), theme_in_play as (
        select l.level, count(distinct k.theme) as themes
        from mpp.edition_challenge c
        join mpp.challenge k on k.id = c.challenge_id
        cross join lateral unnest(coalesce(c.levels::text[], array[null::text])) l (level)
        where c.edition_id = e.id and c.kind <> 'malus'
        group by l.level
    ), score as (
        select n.participation_id, n.scope, n.subject_id, r.code, r.measure, r.threshold,
            case r.measure
                when 'rank' then case when n.points > 0 then rank() over (
                    partition by n.participation_id, n.scope, r.code, n.level order by n.value desc) end
                when 'points_per_player' then case when n.players >= n.at_least_players then round(n.points / greatest(n.players, 1), 2) end
                when 'no_malus' then case when not d.has_malus then d.validations end
                when 'every_theme' then case when d.themes >= coalesce(w.themes, 0) then d.themes end
                when 'most_collective' then d.collectives
                when 'regular' then d.days
            end as value
        from rule r
        join entrant n on n.scope = r.scope
        left join deed d on d.subject_id = n.subject_id
            and d.scope = case n.scope when 'class' then 'league' else n.scope end and r.measure not in ('rank', 'points_per_player')
        left join theme_in_play w on w.level is not distinct from n.level and r.measure = 'every_theme'
        union all
        select n.participation_id, 'school', n.subject_id, r.code, r.measure, r.threshold,
            case r.measure
                when 'rank' then case when n.points > 0 then rank() over (partition by n.participation_id, r.code order by n.value desc) end
                when 'points_per_player' then round(n.points / greatest(n.players, 1), 2)
            end
        from rule r
        join school n on true
        where r.scope = 'school'
    ), best as (
        select s.*, max(s.value) over (partition by s.participation_id, s.code) as best
        from score s
        where s.value is not null
    ), winner as (
        select b.participation_id, b.scope, b.subject_id, b.code, b.value
        from best b
        where case b.measure
            when 'rank' then b.value <= b.threshold
            when 'regular' then b.value * 100 >= b.threshold * days
            when 'most_collective' then b.value >= b.threshold and b.value = b.best
            else b.value >= b.threshold
        end
    ), applied as (
        insert into mpp.award_round (edition_id, rule, granted_at, granted_by)
        select e.id, r.code, at, (select auth.uid()) from rule r
    )
    insert into mpp.award (edition_id, participation_id, organisation_id, rule, place, scope, title, description, subject_id, value, granted_at)
    select e.id, w.participation_id, p.organisation_id, r.code, r.place, w.scope,
        jsonb_build_object('fr', r.title_fr, 'en', r.title_en),
        jsonb_build_object('fr', r.description_fr, 'en', r.description_en),
        w.subject_id, w.value, at
    from winner w
    join rule r on r.code = w.code
    left join mpp.participation p on p.id = w.participation_id
    order by w.participation_id nulls first, r.place, w.value, w.subject_id;
    get diagnostics given = row_count;
    if given > 0 then
        perform private.record_act('edition.awards', e.code, jsonb_build_object('awards', given));
    end if;
    return given;
end
$$;

revoke execute on function private.grant_awards(text) from public;

grant execute on function private.grant_awards(text) to authenticated, service_role;

create function api.grant_awards(edition_code text) returns integer
    language sql
    volatile
    set search_path = ''
    set statement_timeout = '10min'
begin atomic
    select private.grant_awards(edition_code);
end;

comment on function api.grant_awards(text)
    is 'Gives the awards of a frozen edition by rule, over all and within each client; returns how many were given, 0 when they already were. Staff. Errors: MP006, MP020, MP094.';

revoke execute on function api.grant_awards(text) from public;

grant execute on function api.grant_awards(text) to authenticated, service_role;

-- 92_plan.sql

-- Support of a client through an edition, in five stages, and its retroplanning: tasks dated backwards from the start.

-- checkup → preparation → launching → follow_up → celebrate.
create type api.support_stage as enum ('checkup', 'preparation', 'launching', 'follow_up', 'celebrate');

create type api.task_owner as enum ('client', 'association');

create table mpp.task (
    id integer generated always as identity primary key,
    participation_id integer not null references mpp.participation (id),
    organisation_id integer not null references mpp.organisation (id),
    code text not null,
    stage api.support_stage not null,
    place smallint not null,
    title mpp.translated not null,
    description mpp.translated not null,
    owner api.task_owner not null,
    priority smallint not null check (priority between 1 and 3),
    day date,
    until_day date,
    done_at timestamptz,
    done_by uuid,
    constraint task_once unique (participation_id, code),
    constraint task_days check ((day is null) = (until_day is null) and until_day >= day)
);

comment on table mpp.task is 'What a client and the association do together around an edition, and on which day.';

comment on column mpp.task.day is 'The day on which to begin; none when there is no time left for it.';

create index task_organisation on mpp.task (organisation_id);

alter table mpp.task enable row level security;

create policy task_select_authenticated on mpp.task
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

grant select (id, participation_id, organisation_id, code, stage, place, title, description, owner, priority, day, until_day, done_at)
    on mpp.task to authenticated, mpp_dashboard;

grant select on mpp.task to service_role;

create view api.client_stages with (security_invoker = true) as
select
    t.id as task_id,
    t.participation_id,
    t.organisation_id,
    t.stage,
    t.place,
    t.code,
    t.title,
    t.description,
    t.owner,
    t.priority,
    t.day,
    t.until_day,
    t.done_at,
    case when t.done_at is not null then 'done' when t.day is null then 'dropped' else 'planned' end as state
from mpp.task t;

comment on view api.client_stages is 'The retroplanning of the caller''s organisations: tasks by stage, with the day to begin and the last one; state is planned, done or dropped (no time left, no day). Sort by place.';

grant select on api.client_stages to authenticated, service_role, mpp_dashboard;

-- Easter Sunday (anonymous Gregorian computus), on which three public holidays depend.
create function private.easter(year integer) returns date
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    select make_date(year, (x.h + x.l - 7 * x.m + 114) / 31, (x.h + x.l - 7 * x.m + 114) % 31 + 1)
    from (
        select w.h, w.l, (w.a + 11 * w.h + 22 * w.l) / 451 as m
        from (
            select v.a, v.h, (32 + 2 * (v.b % 4) + 2 * (v.c / 4) - v.h - v.c % 4) % 7 as l
            from (
                select u.a, u.b, u.c, (19 * u.a + u.b - u.b / 4 - (u.b - (u.b + 8) / 25 + 1) / 3 + 15) % 30 as h
                from (select year % 19 as a, year / 100 as b, year % 100 as c) u
            ) v
        ) w
    ) x
$$;

revoke execute on function private.easter(integer) from public;

-- The first day from this one on (or, with -1, back from it) that is no Saturday, Sunday or public holiday in France.
create function private.working_day(day date, step integer default 1) returns date
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
            and to_char(found_day, 'MM-DD') not in ('01-01', '05-01', '05-08', '07-14', '08-15', '11-01', '11-11', '12-25');
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
create function private.task_templates()
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
        (40, 'privacy-explained', '{public,school}', 'checkup', 'association', 3, 'start', '{null,-54,-74}', '{null,5,6}', 1,
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
            'Rappel une semaine avant', 'Reminder a week before',
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

create function private.organisation_size(expected_players integer) returns integer
    language sql
    immutable
    parallel safe
    set search_path = ''
as $$
    -- 1 small, 2 medium (also while nobody has said how many), 3 large.
    select case when expected_players < 200 then 1 when expected_players >= 2000 then 3 else 2 end
$$;

revoke execute on function private.organisation_size(integer) from public;

-- The days of the tasks that are not done, for a plan made today; no day: dropped. A task keeps its ideal day while that
-- is ahead. What should have begun already is caught up from today on in the order of the template, two tasks a working
-- day at most; where a task would come later than its shortest lead allows, the least important one so far goes, and
-- among equals the earliest: what is nearest to the start is of most use then.
create function private.plan_days(
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
        -- A preparation ends before the start, however late it began.
        if day is not null and latests[i] is not null then
            until_day := greatest(day, least(until_day, last_prepared));
        end if;
        return next;
    end loop;
end
$$;

comment on function private.plan_days(api.audience, integer, date, date, date, text[])
    is 'Dates a template: size is 1, 2 or 3; today, the first and the last day of the edition are days of its zone.';

revoke execute on function private.plan_days(api.audience, integer, date, date, date, text[]) from public;

-- The participation that a command is about, locked; whoever does not work for that client is told the same as if there
-- were none.
create function private.begin_participation(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql
    volatile
    set search_path = ''
as $$
declare
    asked mpp.participation;
    account uuid;
begin
    select * into asked from mpp.participation p where p.id = participation for no key update;
    if not private.is_ops() then
        account := private.begin_write(registered => false);
        if not exists (select from mpp.staff s where s.account_id = account and s.organisation_id = asked.organisation_id) then
            perform private.refuse('MP093');
        end if;
    elsif asked.id is null then
        perform private.refuse('MP093');
    end if;
    perform private.begin_client(asked.organisation_id, at_least);
    return asked;
end
$$;

revoke execute on function private.begin_participation(integer, api.staff_role) from public;

create type api.plan_outcome as (planned integer, dropped integer, done integer);

comment on type api.plan_outcome is 'How many tasks of a plan have a day, have none because time is short, and are done.';

create function private.plan_participation(participation_id integer) returns api.plan_outcome
    language plpgsql
    volatile
    security definer
    set search_path = ''
as $$
declare
    asked mpp.participation := private.begin_participation(participation_id);
    e mpp.edition;
    size integer := private.organisation_size(asked.expected_players);
    outcome api.plan_outcome;
begin
    select * into e from mpp.edition x where x.id = asked.edition_id;
    with template as (
        select t.*, d.day, d.until_day
        from private.task_templates() t
        join private.plan_days(
            e.audience, size,
            (private.clock() at time zone e.time_zone)::date,
            (e.starts_at at time zone e.time_zone)::date,
            ((e.ends_at - interval '1 microsecond') at time zone e.time_zone)::date,
            array(select x.code from mpp.task x where x.participation_id = asked.id and x.done_at is not null)
        ) d on d.code = t.code
        where e.audience = any (t.audiences) and t.ideal[size] is not null
    ), no_longer as (
        delete from mpp.task x
        where x.participation_id = asked.id and x.done_at is null and not exists (select from template t where t.code = x.code)
    )
    insert into mpp.task as x (participation_id, organisation_id, code, stage, place, title, description, owner, priority, day, until_day)
    select asked.id, asked.organisation_id, t.code, t.stage, t.place,
        jsonb_build_object('fr', t.title_fr, 'en', t.title_en),
        jsonb_build_object('fr', t.description_fr, 'en', t.description_en),
        t.owner, t.priority, t.day, t.until_day
    from template t
    order by t.place
    on conflict on constraint task_once do update
    set stage = excluded.stage, place = excluded.place, title = excluded.title, description = excluded.description,
        owner = excluded.owner, priority = excluded.priority, day = excluded.day, until_day = excluded.until_day
    where (x.stage, x.place, x.title::jsonb, x.description::jsonb, x.owner, x.priority, x.day, x.until_day) is distinct from
        (excluded.stage, excluded.place, excluded.title::jsonb, excluded.description::jsonb, excluded.owner, excluded.priority,
        excluded.day, excluded.until_day);

    select count(*) filter (where x.done_at is null and x.day is not null), count(*) filter (where x.done_at is null and x.day is null),
        count(*) filter (where x.done_at is not null)
    into outcome
    from mpp.task x
    where x.participation_id = asked.id;
    return outcome;
end
$$;

revoke execute on function private.plan_participation(integer) from public;

grant execute on function private.plan_participation(integer) to authenticated, service_role;

create function api.plan_participation(participation_id integer) returns api.plan_outcome
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.plan_participation(participation_id);
end;

comment on function api.plan_participation(integer)
    is 'Makes or renews the retroplanning of a participation, in api.client_stages: days are never in the past, what is done stays done, and what time is too short for is dropped. Managers of the client, staff of the association. Errors: MP001, MP002, MP011, MP091–MP093.';

revoke execute on function api.plan_participation(integer) from public;

grant execute on function api.plan_participation(integer) to authenticated, service_role;

create function private.complete_task(task_id integer, done boolean) returns void
    language plpgsql
    volatile
    security definer
    set search_path = ''
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid;
    asked mpp.task;
begin
    if not by_ops then
        account := private.begin_write(registered => false);
    end if;
    select t.* into asked
    from mpp.task t
    where t.id = complete_task.task_id
        and (by_ops or exists (select from mpp.staff s where s.account_id = account and s.organisation_id = t.organisation_id))
    for no key update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.begin_client(asked.organisation_id);
    if asked.owner = 'association' and not by_ops then
        perform private.refuse('MP006');
    end if;
    if done is null then
        perform private.refuse('MP010', 'done', 'it is empty', 'Send true or false.');
    end if;
    update mpp.task t
    set done_at = case when done then private.clock() end, done_by = case when done then (select auth.uid()) end
    where t.id = asked.id and (t.done_at is not null) <> done;
end
$$;

revoke execute on function private.complete_task(integer, boolean) from public;

grant execute on function private.complete_task(integer, boolean) to authenticated, service_role;

create function api.complete_task(task_id integer, done boolean default true) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.complete_task(task_id, done);
end;

comment on function api.complete_task(integer, boolean)
    is 'Says that a task of a plan is done, or takes that back. Managers of the client for its own tasks, staff of the association for all. Errors: MP001, MP002, MP005, MP006, MP010, MP011, MP091, MP092.';

revoke execute on function api.complete_task(integer, boolean) from public;

grant execute on function api.complete_task(integer, boolean) to authenticated, service_role;

-- 96_contact.sql

-- What visitors write to the association: questions, requests for a quote or a webinar. They only ever write; the
-- staff read, answer, and take down what is against the law.

create type api.contact_kind as enum ('contact', 'quote', 'webinar');

-- new → in_progress → answered, or spam; the staff may set any of them at any time.
create type api.contact_state as enum ('new', 'in_progress', 'answered', 'spam');

create table mpp.contact_request (
    id bigint generated always as identity primary key,
    kind api.contact_kind not null,
    name mpp.line not null,
    email text not null check (email = lower(email) and email ~ '^[^@\s]{1,64}@[^@\s]{3,190}$'),
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
    constraint contact_request_removed_with_reason check ((removed_at is null) = (removal_reason is null))
);

comment on table mpp.contact_request is 'Contact, quote and webinar requests; read by the staff only.';

comment on column mpp.contact_request.size is 'How many people would play.';

create index contact_request_received on mpp.contact_request (received_at);

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
    c.removal_reason
from mpp.contact_request c;

comment on view api.contact_requests is 'What visitors wrote, and how far it is answered; sort by id. Staff only.';

grant select on api.contact_requests to authenticated, service_role;

-- Several typed lines, trimmed and clean, or the refusal that names the field.
create function private.clean_text(field text, value text, longest integer) returns text
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
    cleaned := regexp_replace(replace(normalize(value, NFC), E'\r\n', E'\n'), '[\u00ad\u200b-\u200d\ufe00-\ufe0f]', '', 'g');
    cleaned := btrim(replace(cleaned, E'\t', ' '), E' \n');
    if coalesce(cleaned, '') = '' then
        perform private.refuse('MP010', field, 'it is empty', 'Give some text.');
    end if;
    if char_length(cleaned) > longest then
        perform private.refuse('MP010', field, format('it has %s characters', char_length(cleaned)),
            format('Use %s characters at most.', longest));
    end if;
    if replace(cleaned, E'\n', '') ~ '[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
        or cleaned ~ '[\u0300-\u036f]{3}' then
        perform private.refuse('MP010', field, 'it holds a control or invisible character', 'Use visible characters and line breaks only.');
    end if;
    return cleaned;
end
$$;

revoke execute on function private.clean_text(text, text, integer) from public;

-- Limits are per address and for everybody together, never per IP: a whole school shares one. Past the limit of an
-- address the answer is the same, so that it tells nothing about who has written; nothing is kept then. The ceiling for
-- all is told, because it concerns nobody in particular and a message must not be lost without a word.
create function private.send_contact_request(
    kind api.contact_kind, name text, email text, message text, organisation text, size integer, language text
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
    if kind is null then
        perform private.refuse('MP010', 'kind', 'it is empty', 'Use contact, quote or webinar.');
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
        values (send_contact_request.kind, written.name, address, written.organisation, send_contact_request.size, written.message,
            send_contact_request.language, at);
    end if;
end
$$;

revoke execute on function private.send_contact_request(api.contact_kind, text, text, text, text, integer, text) from public;

grant execute on function private.send_contact_request(api.contact_kind, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function api.send_contact_request(
    kind api.contact_kind, name text, email text, message text, organisation text default null, size integer default null,
    language text default 'fr'
) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.send_contact_request(kind, name, email, message, organisation, size, language);
end;

comment on function api.send_contact_request(api.contact_kind, text, text, text, text, integer, text)
    is 'Writes to the association: a question, or a request for a quote or a webinar. No account is needed; three messages a day are kept for an address, and the answer does not say how many there were. Errors: MP001, MP002, MP010, MP011, MP095.';

revoke execute on function api.send_contact_request(api.contact_kind, text, text, text, text, integer, text) from public;

grant execute on function api.send_contact_request(api.contact_kind, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function private.handle_contact_request(id bigint, state api.contact_state, note text) returns void
    language plpgsql
    volatile
    security definer
    set search_path = ''
as $$
declare
    said text;
begin
    perform private.require_ops();
    if state is null then
        perform private.refuse('MP010', 'state', 'it is empty', 'Use new, in_progress, answered or spam.');
    end if;
    if btrim(note) <> '' then
        said := private.clean_text('note', note, 2000);
    end if;
    update mpp.contact_request c
    set state = handle_contact_request.state,
        -- What is left out stays, an empty note clears it.
        note = case when handle_contact_request.note is null then c.note else said end,
        handled_at = private.clock(),
        handled_by = (select auth.uid())
    where c.id = handle_contact_request.id;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('contact.handle', handle_contact_request.id::text,
        jsonb_build_object('state', handle_contact_request.state));
end
$$;

revoke execute on function private.handle_contact_request(bigint, api.contact_state, text) from public;

grant execute on function private.handle_contact_request(bigint, api.contact_state, text) to authenticated, service_role;

create function api.handle_contact_request(id bigint, state api.contact_state, note text default null) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.handle_contact_request(id, state, note);
end;

comment on function api.handle_contact_request(bigint, api.contact_state, text)
    is 'Says how far a request is answered, with a note for colleagues; a note left out stays, an empty one clears it. Staff. Errors: MP005, MP006, MP010.';

revoke execute on function api.handle_contact_request(bigint, api.contact_state, text) from public;

grant execute on function api.handle_contact_request(bigint, api.contact_state, text) to authenticated, service_role;

-- The text goes, in all its fields; that there was one, from whom, when, and why it went, stays. The digest lets who has
-- kept a copy prove what it was.
create function private.remove_contact_content(id bigint, reason text) returns void
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
    set name = '—', organisation = null, message = '—', note = null, removed_at = private.clock(), removal_reason = why
    where c.id = asked.id;
    perform private.record_act('contact.remove', asked.id::text, jsonb_build_object(
        'reason', why, 'received_at', asked.received_at,
        'sha256', encode(sha256(convert_to(asked.message, 'UTF8')), 'hex')));
end
$$;

revoke execute on function private.remove_contact_content(bigint, text) from public;

grant execute on function private.remove_contact_content(bigint, text) to authenticated, service_role;

create function api.remove_contact_content(id bigint, reason text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.remove_contact_content(id, reason);
end;

comment on function api.remove_contact_content(bigint, text)
    is 'Takes down the text of a request that is against the law, with a reason; the audit keeps that it was done and a digest. Staff. Errors: MP005, MP006, MP010.';

revoke execute on function api.remove_contact_content(bigint, text) from public;

grant execute on function api.remove_contact_content(bigint, text) to authenticated, service_role;

-- 97_mail.sql

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

create table mpp.outbox (
    id bigint generated always as identity primary key,
    key text not null unique check (key ~ '^[!-~]{1,200}$'),
    -- The part before the @ is made of the key, so that the same mail has the same Message-ID in a database restored
    -- from a backup; the domain is that of the first sender, and stays.
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
    if address is not null and purpose in ('newsletter', 'league_alerts') then
        perform private.refuse('MP010', 'purpose', purpose::text, 'Name an account: an address alone has agreed to nothing.');
    end if;
    -- Said here and not by the constraints, whose errors show the whole row.
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
    insert into mpp.outbox (key, message_part, template, data, purpose, account_id, address, language, organisation_id, league_id,
        useful_until, next_attempt_at)
    values (queue_mail.key, substr(encode(sha256(convert_to(queue_mail.key, 'UTF8')), 'hex'), 1, 40), queue_mail.template,
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

comment on function private.queue_mail(text, text, jsonb, api.mail_purpose, uuid, text, text, integer, uuid, timestamptz, timestamptz)
    is 'Queues a mail once for its key; true when it is new. Callers have checked who asks. Errors: MP010.';

revoke execute on function private.queue_mail(text, text, jsonb, api.mail_purpose, uuid, text, text, integer, uuid, timestamptz, timestamptz)
    from public;

-- Why this mail must not leave now; null when it may. Asked when it is claimed and never before, so that whoever
-- unsubscribes, loses their access or bounces between queueing and sending gets nothing.
create function private.mail_obstacle(mail mpp.outbox, reader_address text) returns text
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
        select u.email_confirmed_at, u.banned_until into reader from auth.users u where u.id = mail.account_id;
        if reader.banned_until > at then
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
        where s.purpose = mail.purpose and (s.account_id = mail.account_id or s.address = lower(reader_address))
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
    if mail.account_id is not null and mail.league_id is not null and not exists (
        select from mpp.ambassador a where a.account_id = mail.account_id and a.league_id = mail.league_id
    ) then
        return 'no longer an ambassador';
    end if;
    return null;
end
$$;

revoke execute on function private.mail_obstacle(mpp.outbox, text) from public;

create function private.mail_address(mail mpp.outbox) returns text
    language sql
    stable
    set search_path = ''
as $$ select coalesce(mail.address, (select u.email::text from auth.users u where u.id = mail.account_id)) $$;

revoke execute on function private.mail_address(mpp.outbox) from public;

-- A mail holds what only its reader may know, and a token in their name: the secret key alone sends.
create function private.require_service() returns void
    language plpgsql
    stable
    set search_path = ''
as $$
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
end
$$;

revoke execute on function private.require_service() from public;

create function private.queue_mails(mails jsonb) returns integer
    language plpgsql
    security definer
    set search_path = ''
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

revoke execute on function private.queue_mails(jsonb) from public;

grant execute on function private.queue_mails(jsonb) to service_role;

create function api.queue_mails(mails jsonb) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.queue_mails(mails);
end;

comment on function api.queue_mails(jsonb)
    is 'Queues mails: [{"key", "template", "data", "purpose", "account_id" or "address", "language", "organisation_id", "league_id", "useful_until", "send_after"}]; returns how many are new, since a key is queued once. Secret key only. Errors: MP006, MP010.';

revoke execute on function api.queue_mails(jsonb) from public;

grant execute on function api.queue_mails(jsonb) to service_role;

create type api.newsletter_piece as (queued integer, already integer, after uuid);

comment on type api.newsletter_piece is 'What one call of queue_newsletter did; after is where the next one begins, empty at the end.';

-- In pieces, each its own transaction: whoever is cut off begins again, and what was queued stays queued once.
create function private.queue_newsletter(code text, language text, subject text, body text, after uuid, how_many integer)
    returns api.newsletter_piece
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    known mpp.newsletter;
    reader uuid;
    seen integer := 0;
    piece api.newsletter_piece := row (0, 0, null);
begin
    perform private.require_service();
    if code is null or code !~ '^[a-z0-9-]{3,60}$' then
        perform private.refuse('MP010', 'code', coalesce(left(code, 60), 'it is empty'), 'Use 3 to 60 small letters, digits and hyphens.');
    end if;
    if language is null or language not in ('fr', 'en') then
        perform private.refuse('MP010', 'language', coalesce(left(language, 20), 'it is empty'), 'Use fr or en.');
    end if;
    if coalesce(btrim(body), '') = '' or octet_length(body) > 100000 then
        perform private.refuse('MP010', 'body', 'it is empty or too long', 'Give a text of 100,000 bytes at most.');
    end if;
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    insert into mpp.newsletter (code, language, subject, body)
    values (queue_newsletter.code, queue_newsletter.language, private.clean_line('subject', queue_newsletter.subject, 120),
        queue_newsletter.body)
    on conflict do nothing;
    select * into known
    from mpp.newsletter n
    where n.code = queue_newsletter.code and n.language = queue_newsletter.language;
    if (known.subject, known.body) is distinct from (private.clean_line('subject', queue_newsletter.subject, 120), queue_newsletter.body) then
        perform private.refuse('MP098', queue_newsletter.code);
    end if;
    for reader in
        select p.id
        from mpp.profile p
        cross join lateral (
            select c.granted from mpp.consent c where c.account_id = p.id and c.purpose = 'newsletter' order by c.id desc limit 1
        ) latest
        where latest.granted
            and p.id > coalesce(queue_newsletter.after, '00000000-0000-0000-0000-000000000000')
            and case p.language when 'fr' then 'fr' else 'en' end = queue_newsletter.language
        order by p.id
        limit how_many
    loop
        seen := seen + 1;
        piece.after := reader;
        if private.queue_mail(format('newsletter/%s/%s', queue_newsletter.code, reader), 'newsletter',
            jsonb_build_object('newsletter', queue_newsletter.code), 'newsletter', account_id => reader,
            language => queue_newsletter.language) then
            piece.queued := piece.queued + 1;
        else
            piece.already := piece.already + 1;
        end if;
    end loop;
    if seen < how_many then
        piece.after := null;
    end if;
    if piece.queued > 0 then
        perform private.record_act('newsletter.queue', queue_newsletter.code,
            jsonb_build_object('language', queue_newsletter.language, 'queued', piece.queued));
    end if;
    return piece;
end
$$;

revoke execute on function private.queue_newsletter(text, text, text, text, uuid, integer) from public;

grant execute on function private.queue_newsletter(text, text, text, text, uuid, integer) to service_role;

create function api.queue_newsletter(
    code text, language text, subject text, body text, after uuid default null, how_many integer default 500
) returns api.newsletter_piece
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.queue_newsletter(code, language, subject, body, after, how_many);
end;

comment on function api.queue_newsletter(text, text, text, text, uuid, integer)
    is 'Queues a newsletter for the next people who agreed to it, in their language, each once; call it again with after until after is empty. Secret key only. Errors: MP006, MP010, MP098.';

revoke execute on function api.queue_newsletter(text, text, text, text, uuid, integer) from public;

grant execute on function api.queue_newsletter(text, text, text, text, uuid, integer) to service_role;

create type api.due_mail as (
    id bigint, key text, purpose api.mail_purpose, template text, language text, address text, obstacle text
);

comment on type api.due_mail is 'A mail that would leave now, or why it would not.';

create function private.due_mails(how_many integer) returns setof api.due_mail
    language plpgsql
    stable
    security definer
    set search_path = ''
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

revoke execute on function private.due_mails(integer) from public;

grant execute on function private.due_mails(integer) to service_role;

create function api.due_mails(how_many integer default 100) returns setof api.due_mail
    language sql
    stable
    set search_path = ''
begin atomic
    select * from private.due_mails(how_many);
end;

comment on function api.due_mails(integer) is 'The next mails to leave, and why some would not; changes nothing. Secret key only. Errors: MP006.';

revoke execute on function api.due_mails(integer) from public;

grant execute on function api.due_mails(integer) to service_role;

create type api.claimed_mail as (
    id bigint, attempt integer, message_id text, address text, first_name text, purpose api.mail_purpose, template text,
    language text, data jsonb, unsubscribe_token text, claim_expires_at timestamptz
);

comment on type api.claimed_mail is 'A mail in the hand of its sender, until the claim expires.';

-- One mail at a time: a sender that dies leaves exactly one mail in question. A sender whose answer got lost asks again
-- and is given the same mail, which it cannot have sent.
create function private.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
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
        update mpp.outbox o set state = 'dropped', reply = obstacle, data = '{}' where o.id = m.id;
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

create function api.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language sql
    volatile
    set search_path = ''
begin atomic
    select * from private.claim_mail(worker, lease_seconds, message_domain);
end;

comment on function api.claim_mail(uuid, integer, text)
    is 'Takes the next mail in hand, for so many seconds; asked again before it is settled, gives the same one. Drops those that must not leave (any more). Nothing when none is due. Secret key only. Errors: MP006, MP010.';

revoke execute on function api.claim_mail(uuid, integer, text) from public;

grant execute on function api.claim_mail(uuid, integer, text) to service_role;

create function private.record_bounce_of(address text, is_hard boolean, reason text, outbox_id bigint) returns void
    language sql
    set search_path = ''
as $$
    insert into mpp.mail_bounce (address, is_hard, reason, outbox_id)
    values (lower(address), is_hard, left(coalesce(reason, ''), 500), outbox_id)
$$;

revoke execute on function private.record_bounce_of(text, boolean, text, bigint) from public;

create function private.settle_mail(id bigint, attempt integer, worker uuid, outcome text, reply text, retry_seconds integer)
    returns api.mail_state
    language plpgsql
    security definer
    set search_path = ''
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
    -- Said again, because the answer got lost.
    if (outcome, m.state::text) in (('sent', 'sent'), ('unavailable', 'queued'), ('later', 'queued'), ('later', 'failed'),
            ('unknown', 'uncertain'), ('refused', 'failed'), ('bounced', 'failed'))
        and m.reply is not distinct from left(settle_mail.reply, 500) then
        return m.state;
    end if;
    -- That it was delivered is news at any time, also after the claim has ended: it must not be sent again. Everything
    -- else may only be said of a mail in hand.
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

revoke execute on function private.settle_mail(bigint, integer, uuid, text, text, integer) from public;

grant execute on function private.settle_mail(bigint, integer, uuid, text, text, integer) to service_role;

create function api.settle_mail(
    id bigint, attempt integer, worker uuid, outcome text, reply text default null, retry_seconds integer default null
) returns api.mail_state
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.settle_mail(id, attempt, worker, outcome, reply, retry_seconds);
end;

comment on function api.settle_mail(bigint, integer, uuid, text, text, integer)
    is 'Says what became of a mail in hand: sent; later (the server asks for patience: ten times, then failed); unavailable (it never left, no fault of its own); refused; bounced (the address does not exist); unknown (the connection broke after the content had left). Returns its new state. Secret key only. Errors: MP006, MP010, MP096, MP097.';

revoke execute on function api.settle_mail(bigint, integer, uuid, text, text, integer) from public;

grant execute on function api.settle_mail(bigint, integer, uuid, text, text, integer) to service_role;

create type api.stranded_mail as (
    id bigint, key text, attempt integer, message_id text, state api.mail_state, claimed_at timestamptz, address text
);

comment on type api.stranded_mail is 'A mail that a server may or may not have taken.';

create function private.stranded_mails() returns setof api.stranded_mail
    language plpgsql
    stable
    security definer
    set search_path = ''
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

revoke execute on function private.stranded_mails() from public;

grant execute on function private.stranded_mails() to service_role;

create function api.stranded_mails() returns setof api.stranded_mail
    language sql
    stable
    set search_path = ''
begin atomic
    select * from private.stranded_mails();
end;

comment on function api.stranded_mails() is 'Mails whose sender died, or lost the server''s last answer: each may have been delivered or not. Secret key only. Errors: MP006.';

revoke execute on function api.stranded_mails() from public;

grant execute on function api.stranded_mails() to service_role;

create function private.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language plpgsql
    security definer
    set search_path = ''
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
    -- The attempt is named, so that what a server said of one attempt is never held for the answer about a later one.
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

revoke execute on function private.settle_stranded(bigint, integer, text) from public;

grant execute on function private.settle_stranded(bigint, integer, text) to service_role;

create function api.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.settle_stranded(id, attempt, verdict);
end;

comment on function api.settle_stranded(bigint, integer, text)
    is 'Settles a mail of stranded_mails, or sends a failed one again: delivered, not_delivered (it is queued again), unknown (it waits for a person) or given_up. Secret key only. Errors: MP006, MP010, MP096, MP097.';

revoke execute on function api.settle_stranded(bigint, integer, text) from public;

grant execute on function api.settle_stranded(bigint, integer, text) to service_role;

create function private.record_bounce(address text, is_hard boolean, reason text) returns void
    language plpgsql
    security definer
    set search_path = ''
as $$
begin
    perform private.require_ops();
    if address is null or not private.is_mail_address(address) then
        perform private.refuse('MP010', 'address', coalesce(left(address, 100), 'it is empty'), 'Give an address such as ada@example.org.');
    end if;
    if is_hard is null then
        perform private.refuse('MP010', 'is_hard', 'it is empty', 'Send true or false.');
    end if;
    perform private.record_bounce_of(address, is_hard, reason, null);
    perform private.record_act('mail.bounce', null, jsonb_build_object('hard', is_hard));
end
$$;

revoke execute on function private.record_bounce(text, boolean, text) from public;

grant execute on function private.record_bounce(text, boolean, text) to authenticated, service_role;

create function api.record_bounce(address text, is_hard boolean, reason text default null) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.record_bounce(address, is_hard, reason);
end;

comment on function api.record_bounce(text, boolean, text)
    is 'Notes that a mail came back. A hard bounce (the address does not exist) stops every mail to it, a soft one (full, away) is only noted. Staff only. Errors: MP006, MP010.';

revoke execute on function api.record_bounce(text, boolean, text) from public;

grant execute on function api.record_bounce(text, boolean, text) to authenticated, service_role;

create function private.clear_bounces(address text) returns integer
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    cleared integer;
begin
    perform private.require_ops();
    update mpp.mail_bounce b
    set cleared_at = private.clock()
    where b.address = lower(clear_bounces.address) and b.cleared_at is null;
    get diagnostics cleared = row_count;
    if cleared > 0 then
        perform private.record_act('mail.clear_bounces', null, jsonb_build_object('cleared', cleared));
    end if;
    return cleared;
end
$$;

revoke execute on function private.clear_bounces(text) from public;

grant execute on function private.clear_bounces(text) to authenticated, service_role;

create function api.clear_bounces(address text) returns integer
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.clear_bounces(address);
end;

comment on function api.clear_bounces(text) is 'Lets an address get mail again; returns how many bounces were cleared. Who unsubscribed stays unsubscribed. Staff only. Errors: MP006.';

revoke execute on function api.clear_bounces(text) from public;

grant execute on function api.clear_bounces(text) to authenticated, service_role;

-- The token is the proof: nobody signs in to leave. Also during maintenance, because a mail program asks once. Whatever
-- the token, the answer is the same.
create function private.unsubscribe(token text) returns void
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
        insert into mpp.mail_suppression (purpose, account_id, address)
        values (t.purpose, t.account_id, t.address)
        on conflict do nothing;
    end if;
end
$$;

revoke execute on function private.unsubscribe(text) from public;

grant execute on function private.unsubscribe(text) to anon, authenticated, service_role;

create function api.unsubscribe(token text) returns void
    language sql
    volatile
    set search_path = ''
begin atomic
    select private.unsubscribe(token);
end;

comment on function api.unsubscribe(text)
    is 'Stops the kind of mail that a link was in, without signing in: withdraws the consent, or notes the address. Asked again, or with a token that nobody knows, answers the same. Errors: none.';

revoke execute on function api.unsubscribe(text) from public;

grant execute on function api.unsubscribe(text) to anon, authenticated, service_role;

-- Row-level security does not hide the planner's estimates (see 99_ownership).
do $$
declare
    private_column record;
begin
    for private_column in
        select a.attrelid::regclass as relation, a.attname as name
        from pg_catalog.pg_attribute a
        where a.attnum > 0
            and not a.attisdropped
            and a.attrelid in (
                'mpp.outbox'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                'mpp.mail_bounce'::regclass, 'mpp.newsletter'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;

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
                    'mpp.organisation'::regclass, 'mpp.staff'::regclass, 'mpp.staff_invitation'::regclass, 'mpp.unit'::regclass,
                    'mpp.participation'::regclass, 'mpp.territory'::regclass, 'mpp.dashboard'::regclass, 'mpp.participant'::regclass,
                    'mpp.task'::regclass, 'mpp.award'::regclass, 'mpp.contact_request'::regclass, 'mpp.outbox'::regclass,
                    'mpp.newsletter'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                    'mpp.mail_bounce'::regclass,
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
            and i.indrelid in (
                'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.player'::regclass, 'mpp.unit'::regclass, 'mpp.outbox'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter index %s alter column %s set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;
