-- Every refusal of the game: its SQLSTATE, its Python class, and its text in English and in French. docs/errors.md and
-- mpp_supabase/errors.py hold the same list, and a test compares the three. Faults of imports follow.

create function private.refusals()
    returns table (code text, name text, message_en text, message_fr text, hint_en text, hint_fr text)
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
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
    ('MP012', 'AddressNotProven', 'This session does not prove that the e-mail address is yours.', 'Cette session ne prouve pas que l’adresse e-mail est la vôtre.',
        'Sign in by a link sent to the address; with a password set after that, the password will do.', 'Connectez-vous par un lien envoyé à l’adresse ; un mot de passe défini ensuite suffira.'),
    ('MP013', 'SecondFactorRequired', 'This takes a session with a second factor.', 'Il faut pour cela une session avec un second facteur.',
        'Enter the code of your authenticator app; if you have none yet, enrol one first.', 'Saisissez le code de votre application d’authentification ; si vous n’en avez pas encore, enregistrez-en une d’abord.'),
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
        'Points and places stay as they are; one may still opt out of the ranking.', 'Les points et les places restent tels quels ; on peut encore se retirer du classement.'),
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
    ('MP047', 'DailyLimit', 'This can be done %1$s times a day, and was.', 'Cela se fait %1$s fois par jour au plus, et l’a été.',
        'Try again tomorrow.', 'Réessayez demain.'),
    -- privacy
    ('MP050', 'GuardianConsentRequired', 'Below the age of consent, appearing in the public ranking takes the agreement of a guardian.', 'Avant l’âge du consentement, apparaître au classement public demande l’accord d’un·e responsable légal·e.',
        'Ask a guardian with ask_guardian.', 'Demandez-le à un·e responsable légal·e avec ask_guardian.'),
    ('MP051', 'TermsVersionUnknown', 'Version %1$s of the terms of use is not the current one.', 'La version %1$s des conditions d’utilisation n’est pas la version en vigueur.',
        'Show the current version (%2$s) and ask again.', 'Présentez la version en vigueur (%2$s) et redemandez.'),
    ('MP052', 'OpenLeagueTooYoung', 'Open leagues, in which strangers meet, are for people of %1$s or older.', 'Les ligues ouvertes, où l’on joue avec des inconnu·es, sont réservées aux personnes de %1$s ans ou plus.',
        'Play in a league of people you know, by its join code.', 'Jouez dans une ligue de personnes que vous connaissez, avec son code.'),
    ('MP053', 'TeacherTooYoung', 'A class is run by an adult: teachers are %1$s or older.', 'Une classe est animée par une personne majeure : il faut avoir %1$s ans.',
        'Ask an adult of the school to register.', 'Demandez à un·e adulte de l’établissement de s’inscrire.'),
    ('MP054', 'BirthDateLocked', 'A birth date that takes somebody across the age of 15 or 18 is corrected by Ma Petite Planète.', 'Une date de naissance qui fait passer quelqu’un de l’autre côté de 15 ou de 18 ans est corrigée par Ma Petite Planète.',
        'Check the year; if it is right, write to Ma Petite Planète.', 'Vérifiez l’année ; si elle est juste, écrivez à Ma Petite Planète.'),
    ('MP055', 'TermsDue', 'Version %1$s of the terms of use holds since %2$s: accept it to go on.', 'La version %1$s des conditions d’utilisation est en vigueur depuis le %2$s : acceptez-la pour continuer.',
        'Show it and call accept_terms. Until then everything can be read, and every consent withdrawn.', 'Présentez-la et appelez accept_terms. D’ici là, tout peut être lu, et chaque consentement retiré.'),
    ('MP056', 'PartnerTooYoung', 'Nothing of somebody under %1$s is shared with partners.', 'Rien n’est partagé avec des partenaires avant %1$s ans.',
        'Join without that consent.', 'Participez sans ce consentement.'),
    ('MP057', 'PhoneTooYoung', 'No phone number of somebody under %1$s is kept.', 'Aucun numéro de téléphone n’est conservé avant %1$s ans.',
        'Leave the number out.', 'N’indiquez pas de numéro.'),
    ('MP058', 'BirthDateCorrected', 'This birth date was corrected once already.', 'Cette date de naissance a déjà été corrigée une fois.',
        'Write to Ma Petite Planète.', 'Écrivez à Ma Petite Planète.'),
    ('MP059', 'GuardianNotNeeded', 'From the age of %1$s on nobody needs a guardian for this.', 'À partir de %1$s ans, cela se décide sans responsable légal·e.',
        'Decide yourself.', 'Décidez vous-même.'),
    ('MP062', 'GuardianLinkUnknown', 'This link is not known, or has expired, or was used.', 'Ce lien est inconnu, expiré ou déjà utilisé.',
        'Ask for a new one.', 'Demandez-en un nouveau.'),
    ('MP063', 'CampaignUnknown', 'No campaign that goes on has this code.', 'Aucune opération en cours n’a ce code.',
        'Check it with whoever invited you.', 'Vérifiez-le auprès de qui vous a invité·e.'),
    ('MP064', 'SignInTooOld', 'This takes a sign-in of the last %1$s minutes.', 'Il faut pour cela s’être connecté·e dans les %1$s dernières minutes.',
        'Sign in again, then try again.', 'Reconnectez-vous, puis réessayez.'),
    ('MP065', 'NoErasureWaiting', 'No erasure of this account is waiting.', 'Aucun effacement de ce compte n’est en attente.',
        'There is nothing to take back.', 'Il n’y a rien à annuler.'),
    ('MP066', 'PrivacyRequestClosed', 'Request %1$s is not open: it is %2$s.', 'La demande %1$s n’est pas ouverte : %2$s.',
        'List the requests.', 'Consultez la liste des demandes.'),
    -- photos
    ('MP071', 'PhotoUnknown', 'There is no such photo.', 'Cette photo n’existe pas.',
        'List the photos.', 'Affichez la liste des photos.'),
    ('MP072', 'PhotoTextChanged', 'What is declared about photos has changed: text %1$s holds now.', 'La déclaration relative aux photos a changé : le texte %1$s est en vigueur.',
        'Show it (photo_texts), and send its number once it is agreed to.', 'Présentez-le (photo_texts), et envoyez son numéro une fois accepté.'),
    ('MP073', 'CaptionNamesPupil', 'This caption holds the first name of a pupil of the class.', 'Cette légende contient le prénom d’un·e élève de la classe.',
        'Describe the photo without names.', 'Décrivez la photo sans prénom.'),
    ('MP074', 'PhotoTooYoung', 'Photos are shared from the age of %1$s.', 'Les photos se partagent à partir de %1$s ans.',
        'Ask an adult of the league to share it.', 'Demandez à un·e adulte de la ligue de la partager.'),
    -- schools and classes
    ('MP080', 'SchoolUnknown', 'There is no such school.', 'Cet établissement n’existe pas.',
        'Search for it, or add it.', 'Cherchez-le, ou ajoutez-le.'),
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
comment on function private.refusals is 'Every refusal: SQLSTATE, Python class, message and hint in English and French; %n$s are its arguments.';

-- French for a request that prefers it (Accept-Language), English otherwise.
create function private.speaks_french() returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        nullif(current_setting('request.headers', true), '')::jsonb ->> 'accept-language' ~* '^\s*fr', false)
$$;

-- What may be wrong with a row of an import. Programs decide by the code; people read the text.
create function private.import_faults() returns table (code text, message_en text, message_fr text)
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    values
    ('no_request_key', 'it has no request key', 'elle n’a pas de clé de requête'),
    ('not_in_edition', 'its player does not play in this edition', 'sa joueuse ou son joueur ne joue pas dans cette édition'),
    ('challenge_unknown', 'its challenge is not in this edition', 'son défi n’est pas dans cette édition'),
    ('edition_not_running', 'it was not done while the edition was running', 'ce n’était pas pendant l’édition'),
    ('outside_window', 'it was not done in the window of its challenge', 'ce n’était pas pendant que son défi était ouvert'),
    ('request_key_twice', 'its request key comes twice', 'sa clé de requête vient deux fois'),
    ('too_often', 'player %1$s did challenge %2$s %3$s times, and it counts %4$s', '%1$s a fait le défi %2$s %3$s fois, et il compte %4$s fois'),
    ('pupil_unknown', 'its pupil is not in this class', 'son élève n’est pas dans cette classe'),
    ('pupil_twice', 'its pupil comes twice', 'son élève vient deux fois'),
    ('key_unknown', 'a pupil is known by a first name and nothing else: send first_name, initial and team', 'un·e élève n’a qu’un prénom : envoyez first_name, initial et team'),
    ('first_name_wrong', 'its first name: %1$s', 'son prénom : %1$s'),
    ('first_name_twice', 'its first name comes twice in the class: each needs an initial of their own, also who is in the class already', 'son prénom est porté deux fois dans la classe : il faut une initiale à chacun·e, y compris à l’élève déjà dans la classe'),
    ('initial_wrong', 'its initial: %1$s', 'son initiale : %1$s'),
    ('team_wrong', 'its team: %1$s', 'son équipe : %1$s'),
    ('team_unknown', 'its team is not in this class', 'son équipe n’est pas dans cette classe'),
    ('not_in_play', '%1$s is not in play for this class', '%1$s n’est pas joué par cette classe'),
    ('times_impossible', '%1$s times is not between 1 and 99', '%1$s fois n’est pas entre 1 et 99'),
    ('mark_twice', '%1$s comes twice for this pupil', '%1$s vient deux fois pour cet élève'),
    ('over_limit', '%1$s counts %2$s time(s) per pupil', '%1$s compte %2$s fois par élève'),
    ('still_to_come', '%1$s is still to come: it is %2$s in %3$s', '%1$s est à venir : on est le %2$s (%3$s)'),
    ('outside_day', '%1$s is outside the edition, or outside the window of %2$s', '%1$s est hors de l’édition, ou hors de la période de %2$s'),
    ('needs_day', '%1$s has a window: give the day it was done', '%1$s a une période : donnez le jour où il a été fait'),
    ('rne_wrong', '%1$s is not a school code', '%1$s n’est pas un code d’établissement'),
    ('rne_twice', '%1$s comes twice', '%1$s vient deux fois'),
    ('name_wrong', 'the name of %1$s', 'le nom de %1$s'),
    ('city_wrong', 'the city of %1$s', 'la ville de %1$s'),
    ('country_wrong', 'the country of %1$s', 'le pays de %1$s'),
    ('postcode_wrong', 'the postcode of %1$s', 'le code postal de %1$s'),
    ('levels_wrong', 'the levels of %1$s', 'les niveaux de %1$s'),
    ('commune_wrong', 'the commune of %1$s', 'la commune de %1$s'),
    ('department_wrong', 'the department of %1$s', 'le département de %1$s'),
    ('not_an_object', 'it is not an object', 'ce n’est pas un objet'),
    ('league_name_wrong', 'its name: %1$s', 'son nom : %1$s'),
    ('unit_wrong', 'its unit: %1$s', 'son unité : %1$s'),
    ('address_not_text', 'its address is not a text', 'son adresse n’est pas un texte'),
    ('league_not_text', 'its league is not a text', 'sa ligue n’est pas un texte'),
    ('address_wrong', 'its address is not one', 'son adresse n’en est pas une'),
    ('address_twice', 'its address comes twice', 'son adresse vient deux fois'),
    ('league_unknown', 'its league is none of the client''s', 'sa ligue n’est pas une de celles du client'),
    ('invited_thrice', 'three invitations were sent there already, hand out the code yourself', 'trois invitations y sont déjà parties, donnez le code vous-même'),
    ('mailbox_full', 'you have sent its mailbox five invitations in a day', 'vous avez envoyé cinq invitations à cette boîte en un jour')
$$;

-- Raises a refusal. A DETAIL could show a hidden row, so it holds nothing but times and the faults of an import: a JSON
-- object of the keys below. Times tell nothing that the message does not. PostgREST passes it on as `details`.
create function private.refuse(code text, details jsonb, variadic arguments text[] default '{}') returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    french boolean := private.speaks_french();
    said record;
    -- A part of what was typed is enough to recognise it, and no log should hold more.
    shown text[] := array(select left(a.value, 300) from unnest(arguments) with ordinality a (value, place) order by a.place);
begin
    -- Staff who are taken for strangers for want of a second factor learn what is missing.
    if code = any ('{MP003,MP005,MP006,MP007,MP008,MP009,MP090,MP093}') and private.would_be_ops() then
        code := 'MP013';
    end if;
    select
        case when french then r.message_fr else r.message_en end as message,
        case when french then r.hint_fr else r.hint_en end as hint
    into strict said
    from private.refusals() r
    where r.code = refuse.code;

    if details is null then
        raise exception using
            errcode = code,
            message = format(said.message, variadic shown || array['', '', '']),
            hint = format(said.hint, variadic shown || array['', '', '']);
    end if;
    raise exception using
        errcode = code,
        message = format(said.message, variadic shown || array['', '', '']),
        hint = format(said.hint, variadic shown || array['', '', '']),
        detail = (
            select (coalesce(jsonb_object_agg(t.key, case when isfinite(t.value::timestamptz)
                then to_char(t.value::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end), '{}')
                || case when details ? 'faults' then jsonb_build_object('faults', details -> 'faults') else '{}' end)::text
            from jsonb_each_text(details) t
            where t.key in ('starts_at', 'ends_at', 'opens_at', 'closes_at', 'registration_closes_at', 'until', 'access_from', 'access_until')
        );
end
$$;

create function private.refuse(code text, variadic arguments text[] default '{}') returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse(code, null::jsonb, variadic arguments);
end
$$;

-- Refuses an import for its faults, if it has any: [{"row": 3, "fault": "over_limit", "arguments": ["velo", "1"]}, …].
-- The details hold the first thousand, the message the first one.
create function private.refuse_import(faults jsonb) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    first_one text;
begin
    if faults is null then
        return;
    end if;
    select case when faults -> 0 ->> 'row' is null then ''
            else format(case when private.speaks_french() then 'ligne %s : ' else 'row %s: ' end, faults -> 0 ->> 'row') end
        || format(case when private.speaks_french() then f.message_fr else f.message_en end,
            variadic array(select jsonb_array_elements_text(faults -> 0 -> 'arguments')) || array['', '', '', ''])
    into strict first_one
    from private.import_faults() f
    where f.code = faults -> 0 ->> 'fault';
    perform private.refuse('MP070',
        jsonb_build_object('faults', (
            select jsonb_agg(f.value order by f.place)
            from jsonb_array_elements(faults) with ordinality f (value, place)
            where f.place <= 1000
        )),
        jsonb_array_length(faults)::text, first_one);
end
$$;

-- People read instants in Paris time, with the zone, so that nobody has to guess.
create function private.format_instant(at timestamptz) returns text
    language sql stable set search_path = pg_catalog, pg_temp
as $$ select to_char(at at time zone 'Europe/Paris', 'YYYY-MM-DD HH24:MI:SS') || ' (Europe/Paris)' $$;

-- The ends of a span of days as people read them: its first day and its last one, which is whole. An instant that is no
-- midnight in Paris is given in full.
create function private.format_first_day(at timestamptz) returns text
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when (at at time zone 'Europe/Paris')::time = '00:00' then to_char(at at time zone 'Europe/Paris', 'YYYY-MM-DD')
        else private.format_instant(at) end
$$;

create function private.format_last_day(until timestamptz) returns text
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when (until at time zone 'Europe/Paris')::time = '00:00'
        then to_char(until at time zone 'Europe/Paris' - interval '1 day', 'YYYY-MM-DD') else private.format_instant(until) end
$$;
