-- The support of a client through an edition, in five stages, and its retroplanning: tasks dated backwards from the
-- start.

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
    revision integer not null default 0,
    changed_at timestamptz not null default private.clock(),
    last_day date,
    last_until_day date,
    constraint task_once unique (participation_id, code),
    constraint task_days check ((day is null) = (until_day is null) and until_day >= day),
    constraint task_last_days check ((last_day is null) = (last_until_day is null) and (day is null or last_day is null))
);
comment on table mpp.task is 'What a client and the association do together around an edition, and on which day.';
comment on column mpp.task.day is 'The day on which to begin; null when no time is left for it.';
comment on column mpp.task.revision is 'How often it changed. By this a calendar knows that its copy is older.';
comment on column mpp.task.last_day is 'The day that it had when it was dropped. Calendars that have it take it off that day.';
create index task_organisation on mpp.task (organisation_id);

-- Calendars have read the task as it was.
create function private.task_counts_revisions() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    new.revision := old.revision + 1;
    new.changed_at := private.clock();
    new.last_day := case when new.day is null then coalesce(old.day, old.last_day) end;
    new.last_until_day := case when new.day is null then coalesce(old.until_day, old.last_until_day) end;
    return new;
end
$$;

create trigger task_counts_revisions
    before update on mpp.task
    for each row
    execute function private.task_counts_revisions();

alter table mpp.task enable row level security;

create policy task_select_authenticated on mpp.task
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

grant select (id, participation_id, organisation_id, code, stage, place, title, description, owner, priority, day, until_day, done_at,
    revision, changed_at, last_day, last_until_day)
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
    case when t.done_at is not null then 'done' when t.day is null then 'dropped' else 'planned' end as state,
    t.revision,
    t.changed_at,
    t.last_day,
    t.last_until_day
from mpp.task t cross join (select) read_only;
comment on view api.client_stages is 'The retroplanning of the caller''s organisations: tasks by stage, with the day to begin and the last one. Dropped tasks have no day. Sort by place.';
comment on column api.client_stages.task_id is 'The task, as complete_task takes it.';
comment on column api.client_stages.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_stages.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_stages.stage is 'checkup, preparation, launching, follow_up or celebrate, in this order.';
comment on column api.client_stages.place is 'Its place in the plan; sort by it.';
comment on column api.client_stages.code is 'What the task is, the same in every plan.';
comment on column api.client_stages.title is 'Its title by language.';
comment on column api.client_stages.description is 'What to do, by language.';
comment on column api.client_stages.owner is 'Who does it: client or association.';
comment on column api.client_stages.priority is '1 to 3: 1 is never dropped for want of time, 3 goes first.';
comment on column api.client_stages.day is 'The day to begin; null when it was dropped.';
comment on column api.client_stages.until_day is 'The last day; null when it was dropped.';
comment on column api.client_stages.done_at is 'When it was done; null while it is not.';
comment on column api.client_stages.state is 'planned, done or dropped (no time left, or no longer part of this plan).';
comment on column api.client_stages.revision is 'How often it has changed: SEQUENCE of a calendar.';
comment on column api.client_stages.changed_at is 'When it last changed: LAST-MODIFIED of a calendar.';
comment on column api.client_stages.last_day is 'The day that it had when it was dropped; null while it has one, or if it never had one.';
comment on column api.client_stages.last_until_day is 'The last day that it had when it was dropped.';
grant select on api.client_stages to authenticated, service_role, mpp_dashboard;

-- Easter Sunday (anonymous Gregorian computus), on which three public holidays depend.
create function private.easter(year integer) returns date
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
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

-- The first day from this one on (or, with -1, back from it) that is no Saturday, Sunday or public holiday in France,
-- and not between Christmas Eve and New Year, when nobody is there.
create function private.working_day(day date, step integer default 1) returns date
    language plpgsql immutable parallel safe strict set search_path = pg_catalog, pg_temp
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

-- The template: one line a task, in the order in which they are done. Three numbers stand for small (fewer than 200
-- expected players), medium (fewer than 2,000) and large organisations; null leaves the task out. ideal counts days
-- from the anchor, which is the start of the edition or its last day. shortest is the shortest lead with which a task
-- before the start is still of use. Both only come nearer from one line to the next, which keeps the order. priority 1
-- is never dropped, 3 goes first. days is how many working days the task takes.
create function private.task_templates()
    returns table (
        place smallint, code text, audiences api.audience[], stage api.support_stage, owner api.task_owner, priority smallint,
        anchor text, ideal smallint[], shortest smallint[], days smallint,
        title_fr text, title_en text, description_fr text, description_en text
    )
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
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

create function private.organisation_size(expected_players integer) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    -- 1 small, 2 medium (also while nobody has said how many), 3 large.
    select case when expected_players < 200 then 1 when expected_players >= 2000 then 3 else 2 end
$$;

-- The days of the tasks that are not done, for a plan made today; no day means dropped. A task keeps its ideal day
-- while that lies ahead. Tasks that should have begun already are caught up from today on, in the order of the
-- template, two a working day at most. Where a task would come later than its shortest lead allows, the least important
-- one so far is dropped, and among equals the earliest: what is nearest to the start is of most use then.
create function private.plan_days(
    audience api.audience, size integer, today date, starts_on date, last_day date, done text[] default '{}'
) returns table (code text, day date, until_day date)
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    per_day constant integer := 2;
    first_day date := private.working_day(today);
    codes text[];
    priorities smallint[];
    lengths smallint[];
    -- Ideal and latest days. No latest day: during or after the edition, where a task keeps its place.
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
                -- The launch opens the edition, also where none of its days is a working day.
                when t.ideal[size] = 0 and private.working_day(starts_on) > last_day then starts_on
                else private.working_day(starts_on + t.ideal[size])
            end order by t.place),
        array_agg(
            case when t.anchor = 'start' and t.ideal[size] < 0 then private.working_day(starts_on - t.shortest[size], -1) end
            order by t.place),
        array_agg(
            case
                -- Once the edition is over there is nothing left to prepare or to follow up.
                when today > last_day then t.anchor = 'start' or t.ideal[size] < 0
                -- A short edition does not have some of the weeks.
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
                    -- Only tasks that must be done are left: better on a full day than too late.
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
        -- A preparation ends before the start, however late it began. What another task hands out is ready by then.
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
comment on function private.plan_days is 'Dates a template. size is 1, 2 or 3; today, the first and the last day of the edition are days of its zone.';

-- The participation of a command, locked. Whoever does not work for that client gets the refusal for one that does not
-- exist.
create function private.lock_participation(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    asked mpp.participation;
    account uuid;
begin
    select * into asked from mpp.participation p where p.id = participation for no key update;
    if not private.is_ops() then
        account := private.require_account(registered => false);
        if not exists (select from mpp.staff s where s.account_id = account and s.organisation_id = asked.organisation_id) then
            perform private.refuse('MP093');
        end if;
    elsif asked.id is null then
        perform private.refuse('MP093');
    end if;
    perform private.require_client(asked.organisation_id, at_least);
    return asked;
end
$$;

create type api.plan_outcome as (planned integer, dropped integer, done integer);
comment on type api.plan_outcome is 'How many tasks of a plan have a day, how many have none because time is short, and how many are done.';

create function private.plan_participation(participation_id integer) returns api.plan_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    asked mpp.participation := private.lock_participation(participation_id);
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
    ), never_dated as (
        delete from mpp.task x
        where x.participation_id = asked.id and x.done_at is null and x.day is null and x.last_day is null
            and not exists (select from template t where t.code = x.code)
    ), no_longer as (
        -- The task stays as dropped: a calendar that has it must learn of it.
        update mpp.task x
        set day = null, until_day = null
        where x.participation_id = asked.id and x.done_at is null and x.day is not null
            and not exists (select from template t where t.code = x.code)
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
grant execute on function private.plan_participation to authenticated, service_role;

create function api.plan_participation(participation_id integer) returns api.plan_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.plan_participation(participation_id); end;
comment on function api.plan_participation is 'Makes or renews the retroplanning of a participation, in api.client_stages. Days are never in the past, tasks that are done stay done, and tasks for which time is too short are dropped. Managers of the client, staff of the association. Errors: MP001, MP002, MP011, MP012, MP013, MP091–MP093.';
grant execute on function api.plan_participation to authenticated, service_role;

create function private.complete_task(task_id integer, done boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid;
    asked mpp.task;
begin
    if not by_ops then
        account := private.require_account(registered => false);
    end if;
    select t.* into asked
    from mpp.task t
    where t.id = complete_task.task_id
        and (by_ops or exists (select from mpp.staff s where s.account_id = account and s.organisation_id = t.organisation_id))
    for no key update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.require_client(asked.organisation_id);
    if asked.owner = 'association' and not by_ops then
        perform private.refuse('MP006');
    end if;
    if done is null then
        perform private.refuse('MP010', 'done', 'it is empty', 'Send true or false.');
    end if;
    update mpp.task t
    set done_at = case when done then private.clock() end
    where t.id = asked.id and (t.done_at is not null) <> done;
end
$$;
grant execute on function private.complete_task to authenticated, service_role;

create function api.complete_task(task_id integer, done boolean default true) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.complete_task(task_id, done); end;
comment on function api.complete_task is 'Marks a task of a plan as done, or takes that back. Managers of the client for its own tasks, staff of the association for all. Errors: MP001, MP002, MP005, MP006, MP010–MP012, MP013, MP091, MP092.';
grant execute on function api.complete_task to authenticated, service_role;
