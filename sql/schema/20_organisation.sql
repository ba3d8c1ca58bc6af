-- The clients of the association. Their staff, units and parts in editions are in 30_client.

create type api.organisation_kind as enum (
    'company', 'local_authority', 'public_administration', 'school_network', 'university', 'association'
);

create table mpp.organisation (
    id integer generated always as identity primary key,
    code text not null unique check (code ~ '^[a-z0-9-]{3,40}$'),
    name mpp.line not null,
    kind api.organisation_kind not null default 'company',
    language text not null default 'fr' check (language in ('fr', 'en')),
    created_at timestamptz not null default private.clock()
);
comment on table mpp.organisation is 'A client of the association; an edition may be private to one.';
comment on column mpp.organisation.language is 'Language of the mails and reports that its staff get.';

alter table mpp.organisation enable row level security;
