-- The schemas, the owner of the tables, and the default privileges, which grant nothing. `api` is what PostgREST
-- exposes, `mpp` holds the tables, `private` the rules. Tables follow, a noun a file.
--
-- Every function sets `search_path = pg_catalog, pg_temp`. Postgres searches an empty one for types in the caller's
-- temporary schema first: whoever speaks SQL could put a type called date there, and a check of theirs would run as our
-- definer.

create schema if not exists mpp;

create schema if not exists private;

create schema if not exists api;

create schema if not exists request;
comment on schema api is 'Ma Petite Planète: the views and functions that apps, dashboards and the CLI may use.';
comment on schema mpp is 'Ma Petite Planète: tables. Read through api; written by the functions of private only.';
comment on schema private is 'Ma Petite Planète: rules, triggers and every security definer function. Never exposed.';
comment on schema request is 'Ma Petite Planète: what PostgREST runs before each request, as the caller. Never exposed.';

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

-- Logins of client dashboards that speak SQL are members of this role; it reads views of api and nothing else.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'mpp_dashboard') then
        create role mpp_dashboard nologin noinherit;
    end if;
end
$$;
grant usage on schema api to mpp_dashboard;

-- Only the owner of the database makes temporary tables, types and functions. (Postgres only warns a deploying role
-- that does not own the database.)
do $$
begin
    execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
end
$$;
grant usage, create on schema mpp to mpp_owner;
grant create on schema api to mpp_owner;
grant usage on schema api to anon, authenticated, service_role;

-- Every function is executable by everyone unless this is revoked. Grants stand under each function instead.
alter default privileges revoke execute on functions from public;

alter default privileges in schema mpp, private, api, request revoke all on tables from public, anon, authenticated, service_role;

alter default privileges in schema mpp, private, api, request revoke all on sequences from public, anon, authenticated, service_role;

alter default privileges in schema mpp, private, api, request revoke all on functions from public, anon, authenticated, service_role;

-- Texts that people read on a screen, by language: {"fr": "…", "en": "…", "de": "…"}. French and English are always
-- there.
create domain mpp.translated as jsonb
    constraint translated_has_fr_and_en check (
        jsonb_typeof(value) = 'object'
        and coalesce(btrim(value ->> 'fr'), '') <> ''
        and coalesce(btrim(value ->> 'en'), '') <> ''
        and not jsonb_path_exists(value, '$.* ? (@.type() != "string")')
    );
comment on domain mpp.translated is 'Texts by ISO 639-1 language; fr and en are required.';
-- Text as people type it: how it is trimmed, compared and searched, and what counts as a word, a country, a telephone
-- number, an address, a link or an imitation. Nothing here reads a table or refuses: 12_typed does.

-- The one rule by which typed text is trimmed; mpp_supabase/typed.py applies it to the cells of sheets. What keyboards
-- add to emoji and word processors to long words goes. Ligatures of a PDF become letters again. White space of any kind
-- becomes one plain space, also the kind without width, which must join no words. Hyphens that do not break become
-- plain ones. Characters that address books and chats put around a text to say its direction go; inside the text they
-- stay, and are refused.
create function private.trimmed(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(
        regexp_replace(
            regexp_replace(
                regexp_replace(normalize(
                    replace(replace(replace(replace(replace(value,
                        'ﬃ', 'ffi'), 'ﬄ', 'ffl'), 'ﬀ', 'ff'), 'ﬁ', 'fi'), 'ﬂ', 'fl'), NFC), '[\u00ad\u200c\u200d\ufe00-\ufe0f]+', '', 'g'),
                '[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'),
            '[\u2010\u2011]', '-', 'g'),
        '^[ \u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]+|[ \u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]+$', '', 'g')
$$;
grant execute on function private.trimmed to mpp_owner;

-- Control, zero-width and direction characters would let a label imitate another. So would white space of another kind
-- and accents in a pile.
create function private.hides_something(value text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select value ~ '[\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u1680\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
        or value ~ '[\u0300-\u036f]{3}'
$$;
grant execute on function private.hides_something to mpp_owner;

create domain mpp.line as text
    constraint line_is_clean check (value = btrim(value) and char_length(value) between 1 and 120 and not private.hides_something(value));
comment on domain mpp.line is 'One clean line of text: no control, invisible or direction characters, 120 at most.';

create function private.school_levels() returns text[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select array['maternelle', 'elementaire', 'college', 'lycee'] $$;
comment on function private.school_levels is 'The levels of the French school, youngest first.';
grant execute on function private.school_levels to mpp_owner;

create domain mpp.school_level as text
    constraint school_level_known check (value = any (private.school_levels()));
comment on domain mpp.school_level is 'Level of a class or school: one of private.school_levels().';

-- How names are compared: without case, accents and ligatures, so that Léa, LEA and lea are one name. Accents go first,
-- because a database in the C locale knows the case of ASCII letters only.
create function private.folded(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select lower(replace(replace(replace(replace(replace(
        regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]', '', 'g'),
        'œ', 'oe'), 'Œ', 'OE'), 'æ', 'ae'), 'Æ', 'AE'), 'ß', 'ss'))
$$;

-- The owner of a table computes its indexes when it is analysed or indexed again.
grant usage on schema private to mpp_owner;
grant usage on schema request to anon, authenticated, service_role;
grant execute on function private.folded to mpp_owner;

-- One word of letters, in any script; a hyphen or an apostrophe may join two. mpp_supabase/sheets/names.py has the same
-- list. The letters are listed, because what a database counts as a letter depends on its locale.
create function private.is_one_word(value text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
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
grant execute on function private.is_one_word to mpp_owner;

-- ISO 3166-1, and XK, which Kosovo uses.
create function private.is_country(code text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select code ~ '^[A-Z]{2}$' and strpos(
        ' AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ'
        || ' BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR'
        || ' CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR'
        || ' GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU'
        || ' ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ'
        || ' LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ'
        || ' MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF'
        || ' PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI'
        || ' SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR'
        || ' TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW',
        ' ' || code) > 0
$$;
grant execute on function private.is_country to mpp_owner;

-- Whether a telephone number can exist, given without its +. Its country code is one that the ITU gave out. Where
-- players live, its length and first digits are those of the country. Overseas France has codes of its own.
create function private.is_phone_number(digits text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(case
        when digits ~ '^(33|262|590|594|596)' then digits ~ '^(33|262|590|594|596)[1-9][0-9]{8}$'
        when digits ~ '^508' then digits ~ '^508([1-9][0-9]{5}|[1-9][0-9]{8})$'
        when digits ~ '^32' then digits ~ '^32(4[5-9][0-9]{7}|(?!4[5-9])[1-9][0-9]{7})$'
        when digits ~ '^41' then digits ~ '^41[2-9][0-9]{8}$'
        when digits ~ '^352' then digits ~ '^352(6[0-9]{8}|(?!6)[2-9][0-9]{3,10})$'
        when digits ~ '^49' then digits ~ '^49(1[5-7][0-9]{8,9}|[2-9][0-9]{5,10})$'
        when digits ~ '^44' then digits ~ '^44([1-35789][0-9]{9}|[158][0-9]{8})$'
        when digits ~ '^31' then digits ~ '^31[1-9][0-9]{8}$'
        when digits ~ '^43' then digits ~ '^43[1-9][0-9]{5,12}$'
        when digits ~ '^39' then digits ~ '^39(3[0-9]{8,9}|0[0-9]{5,10})$'
        when digits ~ '^34' then digits ~ '^34[5-9][0-9]{8}$'
        when digits ~ '^351' then digits ~ '^351[2-9][0-9]{8}$'
        when digits ~ '^212' then digits ~ '^212[5-8][0-9]{8}$'
        when digits ~ '^213' then digits ~ '^213([5-7][0-9]{8}|[1-49][0-9]{7})$'
        when digits ~ '^1' then digits ~ '^1([2-9][0-9]{2}){2}[0-9]{4}$'
        else digits ~ '^[1-9][0-9]{6,14}$' and digits ~ ('^(7|20|27|30|36|40|4[5-8]|5[1-8]|6[0-6]|8[1246]|9[0-58]'
            || '|21[1368]|22|23|24|25[0-8]|26[0-9]|29[01789]|35|37[0-8]|38[0-35-79]|42[013]|50|59|67[02-9]|68[0-35-9]|69[0-2]'
            || '|85[02356]|88[06]|96[0-8]|97[0-7]|99[2-68])')
    end, false)
$$;
grant execute on function private.is_phone_number to mpp_owner;

-- A typed telephone number as its network knows it (E.164), or null. What stands between digits goes, and 00 becomes +.
-- A number that is dialled as inside a country is understood for the countries listed here, if the account lives there
-- and the number can exist there: a Frenchman in Brussels writes 06… too, and +32 6… is nobody. The zero that is only
-- dialled inside a country goes.
create function private.phone_number(value text, country text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when private.is_phone_number(substr(i.number, 2)) then i.number end
    from (
        select translate(
            -- +33 (0)6 means +33 6. In Italy the zero belongs to the number.
            regexp_replace(private.trimmed(left(phone_number.value, 60)), '^((?:\+|00)(?!39)[0-9 ]+)\(0\)', '\1'),
            U&' ./()-\2012\2013\2014\2212\061C\200E\200F\202A\202B\202C\202D\202E\2066\2067\2068\2069\FEFF', '')
    ) t (bare)
    cross join lateral (
        select case
            when t.bare ~ '^\+[0-9]+$' then t.bare
            when t.bare ~ '^00[0-9]+$' then '+' || substr(t.bare, 3)
            when t.bare ~ '^0[1-9][0-9]+$' then case
                when phone_number.country = 'IT' then '+39' || t.bare
                else case phone_number.country
                    when 'FR' then case
                        when t.bare ~ '^0(590|690|691)' then '+590' when t.bare ~ '^0(262|269|639|692|693)' then '+262'
                        when t.bare ~ '^0(594|694)' then '+594' when t.bare ~ '^0(596|696|697)' then '+596'
                        else '+33' end
                    when 'BE' then '+32' when 'CH' then '+41' when 'DE' then '+49' when 'GB' then '+44' when 'NL' then '+31'
                    when 'AT' then '+43' when 'MA' then '+212' when 'DZ' then '+213'
                end || substr(t.bare, 2)
            end
            when t.bare ~ '^[1-9][0-9]+$' then case phone_number.country
                when 'LU' then '+352' when 'ES' then '+34' when 'PT' then '+351' when 'IT' then '+39' when 'US' then '+1' when 'CA' then '+1'
            end || t.bare
        end
    ) d (number)
    cross join lateral (select regexp_replace(d.number, '^\+(33|32|41|49|44|31|43|212|213|262|590|594|596)0', '+\1')) i (number)
$$;
grant execute on function private.phone_number to mpp_owner;

-- Plain addresses only: no quotes, comments, lists or line ends, which a mail header would take for something else.
create function private.is_mail_address(value text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        char_length(value) <= 254
        and value ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]$'
        and value !~ '(^|@)\.|\.\.|\.@',
        false
    )
$$;
grant execute on function private.is_mail_address to mpp_owner;

-- A typed address as it is kept and compared; null when it is too long to be one.
create function private.typed_address(value text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when octet_length(value) <= 300 then lower(private.trimmed(value)) end
$$;

-- The mailbox that an address leads to: ada+2@example.org reaches ada@example.org, and Gmail ignores dots.
create function private.mailbox_of(address text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select case
        when split_part(m.plain, '@', 2) in ('gmail.com', 'googlemail.com')
            then replace(split_part(m.plain, '@', 1), '.', '') || '@gmail.com'
        else m.plain
    end
    from (select regexp_replace(lower(address), '(.)\+[^@]*@', '\1@')) m (plain)
$$;
grant execute on function private.mailbox_of to mpp_owner;

-- The text that a search compares: folded, with a space for whatever is no letter or digit.
create function private.searchable(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select btrim(regexp_replace(private.folded(value), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+', ' ', 'g'))
$$;
grant execute on function private.searchable to mpp_owner;

-- The same, with Saint in one spelling: directories write St and Ste, people write all three.
create function private.findable(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select regexp_replace(private.searchable(value), '(^| )(st|ste|sts|stes|sainte|saints|saintes)(?= |$)', '\1saint', 'g') $$;
grant execute on function private.findable to mpp_owner;

-- Every three characters in a row inside the words of a text. An index on this array finds a part of a name without an
-- extension.
create function private.trigrams(searchable text) returns text[]
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select array(
        select distinct substr(searchable, i, 3)
        from generate_series(1, char_length(searchable) - 2) i
        where strpos(substr(searchable, i, 3), ' ') = 0
    )
$$;
grant execute on function private.trigrams to mpp_owner;

-- A name in the letters that it seems to be written in. Wide letters, small capitals, and those in circles, squares and
-- flags become plain; so do those of Greek, Cyrillic, Cherokee and Lisu that look like ours, and digits that stand for
-- letters. i, l and 1 look alike and all become l.
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

-- A text without its inclusive writing: “engagé.es”, “étudiant.e.s”, “citoyen.ne.s”, “acteur.trice.s”, “beau.belle”.
-- Endings that no country and no domain has, and all that end in “.s”, count as writing behind any word. “es”, “ne”,
-- “se” and “ve” are countries: alone they count as writing only behind an accent and behind words for persons.
create function private.without_inclusive_writing(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(
        regexp_replace(
            -- The accent before the dot becomes a sign that folding keeps.
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

-- Whether a mail program might make a link of a text: an address, or words joined by a dot as in a host name, whatever
-- the ending, because new endings come every year. Inclusive writing is no link. Digits in circles, raised digits and
-- fractions end a host. Nor may a person be led there by a dot in brackets or in letters, or by a name on a network.
create function private.holds_link(value text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select w.folded ~ '//|@|\mwww\.|\mxn--|\mhttps?\s*:|\m[a-z][a-z0-9+-]*:/|\m(?:javascript|vbscript|data|blob|file|ftp|mailto|tel|sms):\S'
        or w.folded ~ '[^\s[:punct:]]\.[^\s[:punct:]0-9]{2,}($|[\s[:punct:]])'
        or w.folded ~ '(^|[^0-9.])[0-9]{1,3}(\.[0-9]{1,3}){3}($|[^0-9.])'
        or w.folded ~ '[^\s[:punct:]]\s*[(\[{<]\s*(\.|dot|point)\s*[)\]}>]\s*[^\s[:punct:]]{2,}'
        or w.folded ~ '\w\s+(dot|point)\s+(com|net|org|fr|io|gg)\M'
        or w.folded ~ '\m(insta|instagram|snap|snapchat|tiktok|whatsapp|telegram|discord|facebook|signal)\s*[:=]\s*\S'
    from (
        select private.without_inclusive_writing(translate(normalize(
            regexp_replace(value, '[\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209c\u2150-\u2189\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\uff10-\uff19\U0001d7ce-\U0001d7ff\U0001f100-\U0001f10c]', ' ', 'g'),
            NFKC), '。', '.')) as folded
    ) w
$$;

-- Whether a telephone number stands in a text, with its 0 or its +. Days, years and codes have fewer digits.
create function private.holds_phone_number(value text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select normalize(value, NFKC) ~ '(\+ ?[1-9]|\m0[ .]?[1-9])([ ./()-]{0,2}[0-9]){7,}' $$;

-- Whether a name begins with a client's name, however its words are joined or parted: “ExempleSA”, “Exemple S.A. Lyon”.
-- Short names are ordinary words, which others contain by chance: they are compared word by word only. An article may
-- stand before a name of several words, or before a word that is all there is (“La vie en vert” is no “Vie”).
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
-- The one clock of the game, and the identifiers that follow it. Nothing else reads the time.

-- Time-ordered identifiers (RFC 9562, version 7) keep index inserts on the right-hand page. Postgres 18 has
-- uuidv7() of its own; Supabase runs 17.
create function private.uuid_v7() returns uuid
    language sql parallel safe set search_path = pg_catalog, pg_temp
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

-- The one clock of the game. Only this function reads the time, so a test moves the whole game by replacing it. Not
-- now(): that is the start of the transaction, and a request that waited for a lock would still take the edition for
-- running.
create function private.clock() returns timestamptz
    language plpgsql parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return clock_timestamp();
end
$$;
grant execute on function private.clock to mpp_owner;

-- The same clock for queries. Write (select private.read_clock()): Postgres asks it once, and judges every row at one
-- instant. It is stable, so that the planner still sees through a view, which a volatile function in a column would
-- prevent. It is security definer, so that the caller of a view reads the time without naming what is private.
create function private.read_clock() returns timestamptz
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.clock();
end
$$;
grant execute on function private.read_clock to anon, authenticated, service_role, mpp_dashboard;

create function api.read_clock() returns timestamptz
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.read_clock(); end;
comment on function api.read_clock is 'The time by which the game decides what has begun and what is over. Count down by it, not by the clock of a phone or a laptop. Errors: none.';
grant execute on function api.read_clock to anon, authenticated, service_role;

-- The civil day at that moment. A request may choose the time zone of its session (Prefer: timezone=…), so no day comes
-- from there: a day is one of the edition's zone, and without an edition one of Paris.
create function private.today(time_zone text default 'Europe/Paris') returns date
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (private.clock() at time zone time_zone)::date;
end
$$;
grant execute on function private.today to anon, authenticated, service_role;
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
-- Checks what is typed into a field: a clean line, a text, a place, a label, the name of a person. Each returns the
-- clean value or refuses with what is wrong. Imitations of a client's name are checked in 30_client, names of pupils in
-- 52_pupil.

-- A function fault_of_… tells what is wrong with a typed value and what to do, in two texts that repeat nothing of it;
-- null for a good value. Its function clean_… refuses with them and names the field. An import lists them with the row.
create function private.refuse_field(field text, fault text[]) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if fault is not null then
        perform private.refuse('MP010', field, fault[1], fault[2]);
    end if;
end
$$;

create function private.fault_of_line(value text, longest integer) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text;
begin
    -- Check the size first: cleaning megabytes would take as long as the sender likes.
    if octet_length(value) > 4 * longest + 200 then
        return array['it is too long', format('Use %s characters at most.', longest)];
    end if;
    cleaned := private.trimmed(value);
    return case
        when coalesce(cleaned, '') = '' then array['it is empty', 'Give some text.']
        when char_length(cleaned) > longest
            then array[format('it has %s characters', char_length(cleaned)), format('Use %s characters at most.', longest)]
        when private.hides_something(cleaned) then array['it holds an invisible character', 'Use visible characters only.']
        -- An encoded word of a mail header (RFC 2047) reads one way here and another where it is decoded.
        when cleaned ~ '=\?[^?\s]+\?[bBqQ]\?' then array['it holds an encoded word', 'Write it without =?.']
    end;
end
$$;

-- A typed line, trimmed and clean; or the refusal that names the field.
create function private.clean_line(field text, value text, longest integer default 60) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_line(value, longest));
    return private.trimmed(value);
end
$$;

-- A space without width between two letters of a person's name is neither dropped nor made a space: it is refused.
create function private.fault_of_unseen(value text) returns text[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when value ~ '\S\u200b+\S' then array['it holds an invisible character', 'Type the name again.'] end $$;

create function private.refuse_unseen(field text, value text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_unseen(value));
end
$$;

-- The code of a country as people write it: in small letters, or by its name in French, English or German where most
-- players live. Null for anything else.
create function private.country_code(typed text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    word text := upper(private.searchable(typed));
begin
    if private.is_country(word) then
        return word;
    end if;
    return (
        select n.code
        from (
            values
                ('AT', '|AUTRICHE|AUSTRIA|OSTERREICH|OESTERREICH|'),
                ('BE', '|BELGIQUE|BELGIUM|BELGIEN|BELGIE|'),
                ('CA', '|CANADA|KANADA|'),
                ('CH', '|SUISSE|SWITZERLAND|SCHWEIZ|SVIZZERA|'),
                ('DE', '|ALLEMAGNE|GERMANY|DEUTSCHLAND|'),
                ('ES', '|ESPAGNE|SPAIN|SPANIEN|ESPANA|'),
                ('FR', '|FRANCE|FRANKREICH|FRANCE METROPOLITAINE|'),
                ('GB', '|UK|U K|ROYAUME UNI|UNITED KINGDOM|VEREINIGTES KONIGREICH|GRANDE BRETAGNE|GREAT BRITAIN|GROSSBRITANNIEN'
                    || '|ANGLETERRE|ENGLAND|ECOSSE|SCOTLAND|SCHOTTLAND|PAYS DE GALLES|WALES|'),
                ('IE', '|IRLANDE|IRELAND|IRLAND|'),
                ('IT', '|ITALIE|ITALY|ITALIEN|ITALIA|'),
                ('LU', '|LUXEMBOURG|LUXEMBURG|'),
                ('MC', '|MONACO|'),
                ('MA', '|MAROC|MOROCCO|MAROKKO|'),
                ('NL', '|PAYS BAS|NETHERLANDS|THE NETHERLANDS|NIEDERLANDE|NEDERLAND|HOLLANDE|HOLLAND|'),
                ('PT', '|PORTUGAL|'),
                ('US', '|USA|U S A|ETATS UNIS|UNITED STATES|VEREINIGTE STAATEN|'),
                ('DZ', '|ALGERIE|ALGERIA|ALGERIEN|'),
                ('TN', '|TUNISIE|TUNISIA|TUNESIEN|'),
                ('SN', '|SENEGAL|')
        ) n (code, names)
        where strpos(n.names, '|' || word || '|') > 0
    );
end
$$;

-- Where somebody lives or a school stands, as it is kept: a country of the list and a postcode that may exist there.
-- The French territories that ISO lists as countries become France, so that maps and departments know them.
-- A postcode is read as it stands on envelopes: F-75011, 75 011, 75011 Paris CEDEX 11.
create function private.clean_place(inout country text, inout postcode text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text;
    territory text;
    form text;
    sign_of_car text;
begin
    typed := private.trimmed(left(country, 60));
    country := private.country_code(typed);
    if country is null then
        perform private.refuse('MP010', 'country', coalesce(nullif(left(typed, 20), ''), 'it is empty'),
            'Use the two letters of a country (ISO 3166), such as FR.');
    end if;
    postcode := upper(private.trimmed(left(postcode, 60)));
    territory := case country
        when 'GP' then '971' when 'MQ' then '972' when 'GF' then '973' when 'RE' then '974' when 'PM' then '975' when 'YT' then '976'
        when 'BL' then '97(133|7)' when 'MF' then '97(150|8)' when 'TF' then '984' when 'WF' then '986' when 'PF' then '987'
        when 'NC' then '988'
    end;
    if territory is not null then
        country := 'FR';
    end if;
    if country in ('FR', 'DE', 'ES', 'IT', 'BE', 'CH', 'LU', 'AT') then
        sign_of_car := case country when 'CH' then 'CH' else left(country, 1) end;
        -- The sign of the country before the digits, and the town behind them.
        postcode := replace(
            regexp_replace(postcode, format('^((%s|%s)[ -]*)?([0-9]( ?[0-9])*)([ ,]+[^0-9 ].*)?$', country, sign_of_car), '\3'),
            ' ', '');
    end if;
    form := case
        when territory is not null then '^' || territory
        when country = 'FR' then '^(0[1-9]|[1-8][0-9]|9[0-5]|97[1-8]|98[4678])'
        when country in ('BE', 'CH', 'LU', 'AT') then '^[1-9][0-9]{3}$'
        else ''
    end;
    if coalesce(postcode, '') !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' or postcode !~ form
        or (country in ('FR', 'DE', 'ES', 'IT') and postcode !~ '^(?!00000)[0-9]{5}$') then
        perform private.refuse('MP010', 'postcode', coalesce(nullif(left(postcode, 20), ''), 'it is empty'),
            'Give a postcode of the country, such as 75008 in FR.');
    end if;
end
$$;

-- A label that strangers or mails show: clean, without a link, and no imitation of the association. Only the
-- association names things after itself, where it types one name. `listed` marks a name of a list, which others made
-- and the staff only pass on.
create function private.fault_of_label(value text, longest integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := private.fault_of_line(value, longest);
    cleaned text;
    said text;
    letters text;
    -- In the spelling of look_alike.
    duties constant text := 'offlclel|offlclal|admln|support|staff|moderat|securlt|asslstance|servlce|alde|help|assoclat|contact|organlsat';
    -- Words that a league may use too, “Équipe MPP Lyon”. Alone with the letters they mean the association.
    places constant text := 'equlpes?|teams?|bureau|dlrectlon|lnfos?';
begin
    if fault is not null or (private.is_ops() and not listed) then
        return fault;
    end if;
    cleaned := private.trimmed(value);
    if private.holds_link(cleaned) then
        return array['it holds a link',
            'Use a name without an address: no //, no @, nothing like example.com; put a space behind a full stop.'];
    end if;
    said := private.look_alike(cleaned);
    letters := regexp_replace(said, '[^a-z]', '', 'g');
    if letters ~ 'mapetlteplanete' or letters = 'mpp' or letters ~ ('^mpp(' || duties || ')|(' || duties || ')mpp$')
        or letters ~ ('^(l|la|le|les|the)?((' || places || ')(de|dela|du)?mpp|mpp(' || places || '))$')
        -- M.P.P. and m p p too.
        or (said ~ '(^|[^a-z])m[^a-z]*p[^a-z]*p($|[^a-z])' and letters ~ duties) then
        return array['it is the name of the association', 'Choose a name of your own.'];
    end if;
    return null;
end
$$;

create function private.clean_label(field text, value text, longest integer default 60, listed boolean default false) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_label(value, longest, listed));
    return private.trimmed(value);
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

-- Several typed lines, trimmed and clean; or the refusal that names the field.
create function private.clean_text(field text, value text, longest integer) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text;
begin
    -- Check the size first: cleaning megabytes would take as long as the sender likes.
    if octet_length(value) > 4 * longest + 200 then
        perform private.refuse('MP010', field, 'it is too long', format('Use %s characters at most.', longest));
    end if;
    -- Each line is trimmed, and empty lines at the ends go.
    select btrim(string_agg(private.trimmed(l.line), E'\n' order by l.place), E'\n') into cleaned
    from regexp_split_to_table(value, E'\r\n|[\n\r\u0085\u2028\u2029]') with ordinality l (line, place);
    if coalesce(cleaned, '') = '' then
        perform private.refuse('MP010', field, 'it is empty', 'Give some text.');
    end if;
    if char_length(cleaned) > longest then
        perform private.refuse('MP010', field, format('it has %s characters', char_length(cleaned)),
            format('Use %s characters at most.', longest));
    end if;
    if private.hides_something(replace(cleaned, E'\n', '')) then
        perform private.refuse('MP010', field, 'it holds a control or invisible character', 'Use visible characters and line breaks only.');
    end if;
    return cleaned;
end
$$;
-- Who is calling, whether the account is live, and who may act for Ma Petite Planète. Everything else asks here;
-- sessions that prove an address, or show a second factor, are in 18_proof.

create table mpp.ops_member (
    account_id uuid primary key references auth.users (id) on delete cascade,
    granted_at timestamptz not null default private.clock()
);
comment on table mpp.ops_member is 'Accounts of the association''s staff. Read live at each call: a token never says who is staff.';

-- The database role that carries the request. A security definer function cannot `set role`, and no header or token
-- text can: PostgREST sets it, after it has verified the token.
create function private.request_role() returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case coalesce(current_setting('role', true), 'none') when 'none' then session_user else current_setting('role', true) end;
end
$$;

create function private.is_service() returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return private.request_role() in ('service_role', 'postgres', 'supabase_admin');
end
$$;

-- Whether an account is live: it exists, is not disabled, and is not deleted softly, which keeps its row. Everything
-- that must know asks here.
create function private.is_live(u auth.users) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return u.deleted_at is null and (u.banned_until is null or u.banned_until <= private.clock());
end
$$;

create function private.is_live(account uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from auth.users u where u.id = account and private.is_live(u));
end
$$;

-- The account that a verified token names, live or not; null for anybody else. It says whose rows to look for, and allows nothing.
create function private.claimed_account() returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when private.request_role() = 'authenticated' then auth.uid() end;
end
$$;

-- The account behind a request, if it is live; null for anybody else. It is read live: an account that was disabled or
-- deleted is out with its next request, not when its token ends. The claims of a token count only where PostgREST or
-- Storage has verified it: a login that speaks SQL could write any into its own connection. A test finds whatever reads
-- claims elsewhere.
create function private.my_account() returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    account := private.claimed_account();
    return case when private.is_live(account) then account end;
end
$$;
grant execute on function private.my_account to authenticated, service_role;

-- Call this after every wait for a lock: the account may have been disabled meanwhile.
create function private.require_still_live() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() = 'authenticated' and private.my_account() is null then
        perform private.refuse('MP001');
    end if;
end
$$;

-- Keeps an account from being deleted until the end of this transaction. It is the first of all locks, because a
-- deletion takes it first. Call it before adding a row that refers to an account; the error of a foreign key would show
-- the row.
create function private.lock_account(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from auth.users u where u.id = account for key share;
    if not found then
        perform private.refuse('MP001');
    end if;
end
$$;

-- The same for whoever calls; returns their account. The secret key is nobody's.
create function private.lock_caller() returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if private.request_role() = 'authenticated' then
        perform private.lock_account(account);
    end if;
    return account;
end
$$;

create function private.is_ops_member(account uuid) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from mpp.ops_member m where m.account_id = account);
end
$$;

create function private.is_ops() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.is_service()
        or (
            private.is_ops_member((select private.my_account()))
            and private.my_proven_account() is not null
            and not private.lacks_second_factor()
        );
end
$$;
comment on function private.is_ops is 'True for the service role and for staff accounts, whose session must prove the address and, where the setting says so, show a second factor.';
grant execute on function private.is_ops to authenticated, service_role;

create function private.require_ops() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_ops() then
        perform private.refuse('MP006');
    end if;
end
$$;

alter table mpp.ops_member enable row level security;

-- For the staff: give or take back the rights of the staff.
create function private.set_ops_member(member_id uuid, granted boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the secret key makes staff: a stolen session of the staff must not make more of its kind.
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    perform from auth.users u where u.id = member_id for key share;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- An address that nobody has confirmed may belong to somebody else.
    if granted and not exists (
        select from auth.users u where u.id = member_id and u.email_confirmed_at is not null and not u.is_anonymous
    ) then
        perform private.refuse('MP010', 'member_id', 'its e-mail address is not confirmed', 'Let the person sign in first.');
    end if;
    if granted then
        insert into mpp.ops_member (account_id) values (member_id)
        on conflict do nothing;
    else
        delete from mpp.ops_member m where m.account_id = member_id;
    end if;
    perform private.record_act(case when granted then 'ops.grant' else 'ops.revoke' end, member_id::text);
end
$$;
grant execute on function private.set_ops_member to service_role;

create function api.set_ops_member(member_id uuid, granted boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_ops_member(member_id, granted); end;
comment on function api.set_ops_member is 'Gives an account the rights of the staff, or takes them back. Secret key only; the account''s address must be confirmed. Errors: MP005, MP006, MP010.';
grant execute on function api.set_ops_member to service_role;

-- Supabase Auth's own list of accounts sorts by created_at alone, which accounts made together share: its pages leave
-- some out and show others twice. Here the id breaks the tie.
create type api.account as (
    id uuid,
    email text,
    created_at timestamptz,
    confirmed_at timestamptz,
    last_sign_in_at timestamptz,
    banned_until timestamptz,
    is_anonymous boolean
);
comment on type api.account is 'An account of Supabase Auth; it is disabled while banned_until lies ahead.';

create function private.list_accounts(search text, before_at timestamptz, before_id uuid, size integer)
    returns setof api.account
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the secret key, as with Supabase Auth itself: the staff have no list of everybody's addresses.
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    return query
    select u.id, u.email::text, coalesce(u.created_at, 'epoch'), u.email_confirmed_at, u.last_sign_in_at, u.banned_until, u.is_anonymous
    from auth.users u
    where u.deleted_at is null
        and (search = '' or strpos(lower(u.email::text), lower(search)) > 0)
        and (before_at is null or (coalesce(u.created_at, 'epoch'), u.id) < (before_at, before_id))
    order by coalesce(u.created_at, 'epoch') desc, u.id desc
    limit least(greatest(size, 1), 1000);
end
$$;
grant execute on function private.list_accounts to service_role;

create function api.list_accounts(
    search text default '',
    before_at timestamptz default null,
    before_id uuid default null,
    size integer default 500
) returns setof api.account
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.list_accounts(search, before_at, before_id, size); end;
comment on function api.list_accounts is 'Lists accounts of Supabase Auth, the latest first, a page at a time: created_at and id of the last one lead to the next page. search keeps addresses that contain this text. Secret key only. Errors: MP006.';
grant execute on function api.list_accounts to service_role;
-- The audit: a trace of every privileged act. Rows are only ever added.

create table mpp.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default private.clock(),
    actor_id uuid,
    actor_role text not null,
    claimed_by text check (claimed_by <> '' and char_length(claimed_by) <= 120),
    action text not null,
    subject text,
    details jsonb not null default '{}'
);
comment on table mpp.audit is 'Privileged acts, append-only for everyone.';
comment on column mpp.audit.actor_id is 'The account whose session did it; null where the secret key, Auth or SQL did.';
comment on column mpp.audit.claimed_by is 'Who said to stand behind the secret key. Nobody has checked it.';
create index audit_subject on mpp.audit (subject, at desc);
create index audit_actor on mpp.audit (actor_id, at desc);

create function private.refuse_change() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse('MP061', tg_table_name);
    return null;
end
$$;

create trigger audit_append_only
    before update or delete or truncate on mpp.audit
    for each statement execute function private.refuse_change();

-- The name that came with the secret key, in a header. Whoever has the key may write any name there, so it is kept apart
-- from the accounts of sessions. Control characters would write into the terminal of whoever reads the audit.
create function private.claimed_operator() returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() <> 'service_role' then
        return null;
    end if;
    return nullif(left(btrim(regexp_replace(
        coalesce(nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-mpp-operator', ''), '[[:cntrl:]]+', ' ', 'g')), 120), '');
end
$$;

-- Bounds what players, teachers and staff of clients may add: nobody deletes these rows, so one account must not fill
-- the table.
create function private.record_act(action text, subject text, details jsonb default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 200;
    account uuid := private.my_account();
begin
    if account is not null and not private.is_ops() and (
        select count(*)
        from (
            select from mpp.audit a where a.actor_id = account and a.at > private.clock() - interval '24 hours' limit most
        ) today
    ) >= most then
        perform private.refuse('MP047', most::text);
    end if;
    insert into mpp.audit (actor_id, actor_role, claimed_by, action, subject, details)
    values (account, private.request_role(), private.claimed_operator(), action, subject, details);
end
$$;

alter table mpp.audit enable row level security;

create policy audit_select_ops on mpp.audit
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.audit to authenticated, service_role;

-- The address of an account in the audit. An account of the staff reads those of the association's staff and of clients'
-- staff: the others are people, whom it looks up by their id where the look is recorded.
create function private.audited_address(account uuid) returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if account is null or not private.is_ops() then
        return null;
    end if;
    return (
        select u.email
        from auth.users u
        where u.id = account and (
            private.is_service()
            or private.is_ops_member(account)
            or exists (select from mpp.audit a where a.subject = account::text and a.action = 'ops.grant')
            or exists (select from mpp.staff s where s.account_id = account)
        )
    );
end
$$;
grant execute on function private.audited_address to authenticated, service_role;

-- What the subject of an act is called, where it has a name: an account, a league or class, a client.
create function private.audited_name(action text, subject text) returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if subject is null or not private.is_ops() then
        return null;
    end if;
    if action ~ '^(user|ops|profile)\.' and subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return private.audited_address(subject::uuid);
    end if;
    if action ~ '^(league|class)\.' and subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (select l.name from mpp.league l where l.id = subject::uuid);
    end if;
    if action ~ '^(client|participation)\.' and subject ~ '^[0-9]{1,9}$' then
        return (select o.code from mpp.organisation o where o.id = subject::integer);
    end if;
    return null;
end
$$;
grant execute on function private.audited_name to authenticated, service_role;

create view api.audit_log with (security_invoker = true) as
select
    a.id,
    a.at,
    a.actor_id,
    a.actor_role,
    coalesce(private.audited_address(a.actor_id), a.claimed_by) as actor,
    case
        when a.actor_id is not null then 'session'
        when a.claimed_by is not null then 'claim'
        when a.actor_role = 'service_role' then 'key'
        else 'server'
    end as known_by,
    a.action,
    a.subject,
    private.audited_name(a.action, a.subject) as subject_name,
    a.details
from mpp.audit a cross join (select) read_only;
comment on view api.audit_log is 'The audit of privileged acts; sort by id. Staff only.';
comment on column api.audit_log.actor_id is 'The account whose session did it.';
comment on column api.audit_log.actor_role is 'The role of the database that did it.';
comment on column api.audit_log.actor is 'Who did it: the address of the account, while it exists, or the name that came with the secret key. The staff read addresses of staff only.';
comment on column api.audit_log.known_by is 'How that is known: session (a person who had signed in), claim (the secret key, and a name that nobody has checked), key (the secret key alone), server (Auth or SQL).';
comment on column api.audit_log.subject_name is 'What the subject is called: the address of an account, the name of a league or class, the code of a client.';
grant select on api.audit_log to authenticated, service_role;
-- Settings of the whole game that the staff may change while it runs. What belongs to one edition is a column of it.

create table mpp.setting (
    name text primary key check (name ~ '^[a-z][a-z_]{2,39}$'),
    value text not null,
    allowed text not null,
    about text not null,
    changed_at timestamptz not null default private.clock(),
    constraint setting_value_is_allowed check (value ~ ('^(' || allowed || ')$'))
);
comment on table mpp.setting is 'Settings of the whole game. A file of sql/schema adds those that it reads.';
comment on column mpp.setting.allowed is 'What a value looks like: a regular expression for the whole of it.';
comment on column mpp.setting.about is 'What the setting decides, and what its values mean.';

create function private.setting(name text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select s.value from mpp.setting s where s.name = setting.name);
end
$$;

alter table mpp.setting enable row level security;

create policy setting_select_ops on mpp.setting
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.setting to authenticated, service_role;

create view api.settings with (security_invoker = true) as
select s.name, s.value, s.allowed, s.about, s.changed_at
from mpp.setting s cross join (select) read_only;
comment on view api.settings is 'Settings of the whole game. Staff only.';
grant select on api.settings to authenticated, service_role;

create function private.set_setting(name text, value text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.setting;
begin
    perform private.require_ops();
    select * into s from mpp.setting x where x.name = set_setting.name for no key update;
    if not found then
        perform private.refuse('MP010', 'name', coalesce(left(name, 40), 'it is empty'), 'List the settings.');
    end if;
    if value is null or char_length(value) > 500 or value !~ ('^(' || s.allowed || ')$') then
        perform private.refuse('MP010', 'value', coalesce(left(value, 80), 'it is empty'), s.about);
    end if;
    if value <> s.value then
        update mpp.setting x set value = set_setting.value, changed_at = private.clock() where x.name = s.name;
        perform private.record_act('setting.set', s.name, jsonb_build_object('from', s.value, 'to', value));
    end if;
end
$$;
grant execute on function private.set_setting to authenticated, service_role;

create function api.set_setting(name text, value text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_setting(name, value); end;
comment on function api.set_setting is 'Changes a setting of the whole game; the audit keeps both values. Staff. Errors: MP006, MP010.';
grant execute on function api.set_setting to authenticated, service_role;
-- Whether the caller is the owner of the account's address. Roles that rest on an address require it: a client's staff
-- and the association's. Anybody may sign up with somebody else's address and a password of their own, and that
-- password works once the owner confirms the address. So these roles require a session that a link or a code sent to
-- the address has opened, or a password that was set in such a session, or that the association gave to an account it
-- made.

insert into mpp.setting (name, value, allowed, about) values
    ('second_factor', 'optional', 'optional|required',
        'Whether the association''s staff and owners of clients must show a second factor: optional or required.');

create table mpp.account_proof (
    account_id uuid primary key references auth.users (id) on delete cascade,
    address_since timestamptz,
    password_since timestamptz
);
comment on table mpp.account_proof is 'What of an account is known to come from its owner; without a row, only sessions that a mail has opened prove anything.';
comment on column mpp.account_proof.address_since is 'When the address last changed. Mails and sessions from before went to the old address, and so did the session that the change opened.';
comment on column mpp.account_proof.password_since is 'When the owner set the password, or the association made the account with it; null for any other password.';

alter table mpp.account_proof enable row level security;

-- Whether a sign-in proves the address, by its method in the token (amr) and in Auth's tables. Tokens tell whole
-- seconds. A change of address takes both mailboxes, and Auth opens a session for the link that is followed last, which
-- may be the one sent to the old address: that session proves nothing (email_change; otp in the second of the change).
-- An app that asks for a link with a challenge (PKCE) gets a code, which it exchanges for a session up to five minutes
-- later: also for a link from before the change.
create function private.proves(method text, at timestamptz, proof mpp.account_proof) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if method = 'otp' then
        return proof.address_since is null or floor(extract(epoch from at)) > floor(extract(epoch from proof.address_since));
    end if;
    if method in ('magiclink', 'recovery', 'invite', 'email/signup') then
        return proof.address_since is null or at > proof.address_since + interval '10 minutes';
    end if;
    return coalesce(method = 'password' and extract(epoch from at) >= floor(extract(epoch from proof.password_since)), false);
end
$$;

-- The account behind a request, if it is live and its session proves the address; else null.
create function private.my_proven_account() returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    methods jsonb := auth.jwt() -> 'amr';
    proof mpp.account_proof;
begin
    -- An anonymous session has no address to prove, even where its account was given one since.
    if account is null or jsonb_typeof(methods) is distinct from 'array'
        or coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false) then
        return null;
    end if;
    select * into proof from mpp.account_proof p where p.account_id = account;
    if exists (
        select
        from jsonb_array_elements(methods) m
        where private.proves(m.value ->> 'method', to_timestamp((m.value ->> 'timestamp')::double precision), proof)
    ) then
        return account;
    end if;
    return null;
end
$$;
grant execute on function private.my_proven_account to authenticated;

-- Whether the session behind a request has shown a second factor. Its token says so, and so must Auth's own row: a
-- factor that was removed, or a session that has ended, counts no longer, whatever a token still says.
create function private.has_second_factor() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    claims jsonb := auth.jwt();
    account uuid := private.claimed_account();
begin
    return account is not null and claims ->> 'aal' = 'aal2' and exists (
        select
        from auth.sessions s
        where s.id = (claims ->> 'session_id')::uuid and s.user_id = account and s.aal = 'aal2'
    );
end
$$;

-- Whether the session behind a request still has to show a second factor, for those who must: the association's staff
-- and owners of clients. Ask it last: it reads a setting.
create function private.lacks_second_factor() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.setting('second_factor') = 'required' and not private.has_second_factor();
end
$$;
grant execute on function private.lacks_second_factor to authenticated;

-- Whether the caller is one of the staff but for the second factor.
create function private.would_be_ops() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.is_ops_member(private.my_account()) and private.my_proven_account() is not null and private.lacks_second_factor();
end
$$;

-- Auth writes in several steps, so this judges when they are done. A password that comes with a confirmed address was
-- given by the association (or by a server that confirms every address by itself, as the local stack does). A password
-- that is changed later counts if a session that proves the address changed it: Auth ends all other sessions, so this
-- one is left alone. Without any session it does not count: whoever changes a password may sign out meanwhile. So a
-- password that the association sets later with the secret key takes one sign-in by mail. Auth's own stamps are the
-- clock that tokens are made by.
create function private.account_proved() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    was mpp.account_proof;
    is_confirmed boolean;
begin
    select u.email_confirmed_at is not null into is_confirmed from auth.users u where u.id = new.id;
    if not found then
        return null;
    end if;
    select * into was from mpp.account_proof p where p.account_id = new.id;
    was.account_id := new.id;
    if tg_op = 'INSERT' then
        was.password_since := case when is_confirmed and new.encrypted_password <> '' then new.created_at end;
    else
        if new.email is distinct from old.email then
            -- Not earlier than any session that exists: the one that the change opens is among them.
            was.address_since := greatest(coalesce(new.updated_at, private.clock()), (
                select max(c.updated_at)
                from auth.sessions s
                join auth.mfa_amr_claims c on c.session_id = s.id
                where s.user_id = new.id
            ));
            was.password_since := null;
        end if;
        if new.encrypted_password is distinct from old.encrypted_password then
            select case when is_confirmed and bool_and(x.proves) then coalesce(new.updated_at, private.clock()) end
            into was.password_since
            from (
                select exists (
                    select
                    from auth.mfa_amr_claims c
                    where c.session_id = s.id and private.proves(c.authentication_method, c.updated_at, was)
                ) as proves
                from auth.sessions s
                where s.user_id = new.id
            ) x;
        end if;
    end if;
    insert into mpp.account_proof (account_id, address_since, password_since)
    values (was.account_id, was.address_since, was.password_since)
    on conflict on constraint account_proof_pkey do update
    set address_since = excluded.address_since, password_since = excluded.password_since;
    return null;
end
$$;

create constraint trigger account_proved_when_made
    after insert on auth.users
    deferrable initially deferred
    for each row
    when (new.encrypted_password <> '')
    execute function private.account_proved();

create constraint trigger account_proved_when_changed
    after update of email, encrypted_password on auth.users
    deferrable initially deferred
    for each row
    when (new.email is distinct from old.email or new.encrypted_password is distinct from old.encrypted_password)
    execute function private.account_proved();

-- What a session may do depends on more than its account: this tells an app, or `mpp whoami`, what is missing.
create type api.caller as (
    role text,
    account_id uuid,
    email text,
    is_ops boolean,
    proves_address boolean,
    has_second_factor boolean,
    needs_second_factor boolean
);
comment on type api.caller is 'Who sent a request. is_ops: acts for the association. proves_address: the session was opened by the owner of the address (MP012). has_second_factor: it has shown a second factor. needs_second_factor: it has to, before it acts for the association or as owner of a client (MP013).';

create function private.who_am_i() returns api.caller
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    me api.caller;
begin
    me.role := private.request_role();
    me.account_id := account;
    me.email := (select u.email from auth.users u where u.id = account);
    me.is_ops := private.is_ops();
    me.proves_address := private.my_proven_account() is not null;
    me.has_second_factor := account is not null and private.has_second_factor();
    me.needs_second_factor := account is not null and private.lacks_second_factor() and (
        private.is_ops_member(account)
        or exists (select from mpp.staff s where s.account_id = account and s.role = 'owner')
    );
    return me;
end
$$;
grant execute on function private.who_am_i to anon, authenticated, service_role;

create function api.who_am_i() returns api.caller
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.who_am_i(); end;
comment on function api.who_am_i is 'Tells who sent the request, and what its session lacks. Errors: none.';
grant execute on function api.who_am_i to anon, authenticated, service_role;
-- The terms of use: versions, announced before they hold. Who has accepted which is in 26_profile and 27_consent.

insert into mpp.setting (name, value, allowed, about) values
    ('terms_due', 'read_only', 'read_only|allowed',
        'What an account may do that has not accepted the terms that hold: read_only (it reads, and withdraws) or allowed (everything).'),
    ('terms_notice_days', '15', '[0-9]{1,3}',
        'How many days before it holds a version of the terms is announced, at least: a number of days.');

create table mpp.terms_version (
    version text primary key check (version ~ '^[0-9]{4}-[0-9]{2}(\.[0-9]+)?$'),
    published_at timestamptz not null default private.clock(),
    effective_at timestamptz not null,
    address jsonb,
    body jsonb,
    constraint terms_version_announced_before_it_holds check (effective_at >= published_at),
    constraint terms_version_one_text check (
        num_nonnulls(address, body) = 0 or (num_nonnulls(address, body) = 1 and coalesce(address, body)::mpp.translated is not null)
    )
);
comment on table mpp.terms_version is 'Versions of the terms of use. The one published last among those that hold is the one to accept.';
comment on column mpp.terms_version.effective_at is 'From when it holds: the beginning of a day in Paris.';
comment on column mpp.terms_version.address is 'Where each language stands on the web. The first version has neither: it was on the association''s site.';
comment on column mpp.terms_version.body is 'The text itself in each language.';
-- Every command of a phone asks whether there is a later one.
create index terms_version_published on mpp.terms_version (published_at);

insert into mpp.terms_version (version, published_at, effective_at) values ('2026-01', '2026-01-05 09:00:00+01', '2026-01-05 09:00:00+01');

-- What people agreed to is never rewritten. A version with a fault is followed by another one.
create trigger terms_version_append_only
    before update or delete or truncate on mpp.terms_version
    for each statement execute function private.refuse_change();

create function private.current_terms() returns mpp.terms_version
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    terms mpp.terms_version;
begin
    select * into terms
    from mpp.terms_version t
    where t.effective_at <= private.clock()
    order by t.published_at desc
    limit 1;
    return terms;
end
$$;

-- What somebody has to accept who accepted last the version that was published then.
create function private.terms_due(accepted timestamptz) returns table (version text, effective_at timestamptz)
    language plpgsql stable security definer rows 1 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select t.version, t.effective_at
    from mpp.terms_version t
    where t.published_at > accepted and t.effective_at <= private.clock()
    order by t.published_at desc
    limit 1;
end
$$;
grant execute on function private.terms_due to authenticated;

alter table mpp.terms_version enable row level security;

create policy terms_version_select_everyone on mpp.terms_version
    for select to anon, authenticated
    using (published_at <= (select private.read_clock()));

grant select on mpp.terms_version to anon, authenticated, service_role;

create view api.terms_versions with (security_invoker = true) as
select
    t.version,
    t.published_at,
    t.effective_at,
    t.published_at = max(t.published_at) filter (where t.effective_at <= (select private.read_clock())) over () as is_current,
    t.address,
    t.body
from mpp.terms_version t cross join (select) read_only;
comment on view api.terms_versions is 'Published versions of the terms of use, those announced and not yet in force among them. register takes the current one.';
comment on column api.terms_versions.effective_at is 'From when it holds.';
comment on column api.terms_versions.address is 'Where it stands, by language; null where body holds it.';
grant select on api.terms_versions to anon, authenticated, service_role;

create function private.publish_terms(version text, effective_on date, address jsonb, body jsonb) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    known mpp.terms_version;
    latest mpp.terms_version;
    effective timestamptz := effective_on::timestamp at time zone 'Europe/Paris';
    texts jsonb := coalesce(address, body);
    notice integer := private.setting('terms_notice_days')::integer;
begin
    perform private.require_ops();
    if version is null or version !~ '^[0-9]{4}-[0-9]{2}(\.[0-9]+)?$' then
        perform private.refuse('MP010', 'version', coalesce(left(version, 40), 'it is empty'), 'Name it by its month, such as 2026-11, or 2026-11.1.');
    end if;
    if effective_on is null then
        perform private.refuse('MP010', 'effective_on', 'it is empty', 'Give the day from which it holds, as YYYY-MM-DD.');
    end if;
    if num_nonnulls(address, body) <> 1 then
        perform private.refuse('MP010', 'address', 'give either addresses or texts', 'Send one of the two, in fr, en and, if there is one, de.');
    end if;
    if jsonb_typeof(texts) <> 'object' or not texts ?& array['fr', 'en'] or texts - array['fr', 'en', 'de'] <> '{}'
        or exists (select from jsonb_each(texts) t where jsonb_typeof(t.value) <> 'string' or btrim(t.value #>> '{}') = '') then
        perform private.refuse('MP010', case when address is null then 'body' else 'address' end, 'it needs a text in fr and en, and takes one in de',
            'Send {"fr": "…", "en": "…", "de": "…"}.');
    end if;
    if octet_length(texts::text) > 500000 then
        perform private.refuse('MP010', 'body', 'it is longer than 500,000 bytes', 'Publish an address instead.');
    end if;
    if address is not null and exists (
        select from jsonb_each_text(address) t where t.value !~ '^https://[^\s/]+\.[^\s/]+(/\S*)?$' or char_length(t.value) > 500
    ) then
        perform private.refuse('MP010', 'address', 'it is no https address', 'Give an address such as https://example.org/terms.');
    end if;
    -- Two at once: the second sees the first.
    lock table mpp.terms_version in share row exclusive mode;
    select * into known from mpp.terms_version t where t.version = publish_terms.version;
    if found then
        if (known.effective_at, known.address, known.body) is distinct from (effective, publish_terms.address, publish_terms.body) then
            perform private.refuse('MP010', 'version', known.version || ' is published with another text or day', 'Give the new text another version.');
        end if;
        return false;
    end if;
    if effective_on < private.today() + notice then
        perform private.refuse('MP010', 'effective_on', format('it is announced %s days before, at least', notice), 'Choose a later day.');
    end if;
    select * into latest from mpp.terms_version t order by t.published_at desc limit 1;
    if effective < latest.effective_at then
        perform private.refuse('MP010', 'effective_on', format('version %s holds from a later day', latest.version), 'Choose that day or a later one.');
    end if;
    insert into mpp.terms_version (version, published_at, effective_at, address, body)
    values (publish_terms.version, greatest(private.clock(), latest.published_at + interval '1 second'), effective, publish_terms.address, publish_terms.body);
    perform private.record_act('terms.publish', publish_terms.version, jsonb_build_object('effective_at', effective));
    return true;
end
$$;
grant execute on function private.publish_terms to authenticated, service_role;

create function api.publish_terms(version text, effective_on date, address jsonb default null, body jsonb default null) returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.publish_terms(version, effective_on, address, body); end;
comment on function api.publish_terms is 'Publishes a version of the terms of use that holds from the beginning of a day in Paris, so many days ahead as the setting terms_notice_days says. Its text is in body or at address, by language: {"fr", "en", "de"}, de if there is one. The same again returns false and changes nothing. Staff. Errors: MP006, MP010.';
grant execute on function api.publish_terms to authenticated, service_role;
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
-- Editions, their phases on the server's clock, the lock of an edition, and maintenance windows. What an edition plays
-- is in 24_challenge.

-- Types that requests and answers name belong to the contract and live in api: callers have no rights on mpp.
create type api.audience as enum ('public', 'school');

create type api.ranking_basis as enum ('total', 'average');

create type api.edition_phase as enum ('draft', 'registration', 'running', 'closed', 'frozen');

-- Text and not an enum: under row-level security only operators that are known not to leak may use an index, and
-- Postgres does not count the comparison of enums among them.
create domain api.ranking_scope as text
    constraint ranking_scope_known check (
        -- The levels are those of private.school_levels(), which callers who name a scope may not call.
        value in ('player', 'team', 'league', 'maternelle', 'elementaire', 'college', 'lycee')
    );
comment on domain api.ranking_scope
    is 'What is ranked: players, teams, leagues (classes are leagues), or the classes of one school level.';

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
    announced_at timestamptz not null default private.clock()
);
comment on table mpp.maintenance_window is 'Announced interruptions: writes are refused inside, reads go on.';
create index maintenance_window_ends on mpp.maintenance_window (ends_at);

-- draft → registration (open_edition) → running (starts_at) → closed (ends_at) → frozen (freeze_edition).
create function private.edition_phase(
    opened_at timestamptz, starts_at timestamptz, ends_at timestamptz, frozen_at timestamptz, at timestamptz
) returns api.edition_phase
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when frozen_at is not null then 'frozen'::api.edition_phase
        when opened_at is null then 'draft'::api.edition_phase
        when at < starts_at then 'registration'::api.edition_phase
        when at < ends_at then 'running'::api.edition_phase
        else 'closed'::api.edition_phase
    end;
end
$$;
comment on function private.edition_phase is 'Phase of an edition at an instant; running is [starts_at, ends_at).';
grant execute on function private.edition_phase(timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)
    to anon, authenticated, service_role;

create function private.refuse_not_running(e mpp.edition) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse('MP022', jsonb_build_object('starts_at', e.starts_at, 'ends_at', e.ends_at),
        e.code, private.format_instant(e.starts_at), private.format_instant(e.ends_at));
end
$$;

create function private.require_running(e mpp.edition, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse_not_running(e);
    end if;
end
$$;

-- The lock of an edition: every writer holds it shared, the freezer alone. It is an advisory lock, because a share lock
-- on the edition's one row would make every validation write to that row.
create function private.lock_edition(edition_id integer, alone boolean default false) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if alone then
        perform pg_advisory_xact_lock(hashtext('mpp.edition'), edition_id);
    else
        perform pg_advisory_xact_lock_shared(hashtext('mpp.edition'), edition_id);
    end if;
    -- Under a fixed snapshot the edition would still look as it did before the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from mpp.edition e where e.id = edition_id for share;
    end if;
end
$$;

create function private.require_no_maintenance() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    until timestamptz;
    at timestamptz := private.clock();
begin
    select max(w.ends_at) into until
    from mpp.maintenance_window w
    where w.ends_at > at and w.starts_at <= at;
    if until is not null then
        perform private.refuse('MP011', jsonb_build_object('until', until), private.format_instant(until));
    end if;
end
$$;

create function private.find_edition(edition_code text) returns mpp.edition
    language plpgsql stable set search_path = pg_catalog, pg_temp
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

-- Players have counted on rules and dates since the start. Texts and the last day to join may still change.
create function private.edition_keep_rules() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
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

create trigger edition_keep_rules
    before update on mpp.edition
    for each row execute function private.edition_keep_rules();

create trigger edition_keep
    before delete or truncate on mpp.edition
    for each statement execute function private.refuse_change();

-- Private editions that the caller may read, because they play inside.
create function private.my_private_edition_ids() returns setof integer
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select distinct l.edition_id
    from private.my_league_ids() m (league_id)
    join mpp.league l on l.id = m.league_id
    join mpp.edition e on e.id = l.edition_id
    where e.organisation_id is not null;
end
$$;
grant execute on function private.my_private_edition_ids to authenticated;

-- Editions in which the caller's clients take part. Of a private one they read the edition and its cards, never its
-- ranking: only its players know who is in it.
create function private.my_client_edition_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query select p.edition_id from mpp.participation p where p.organisation_id in (select c.id from private.my_client_ids() c (id));
end
$$;
grant execute on function private.my_client_edition_ids to authenticated, mpp_dashboard;

alter table mpp.edition enable row level security;
alter table mpp.maintenance_window enable row level security;

create policy edition_select_anon on mpp.edition
    for select to anon
    using (opened_at is not null and organisation_id is null);

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

-- A dashboard names the editions of its client.
create policy edition_select_dashboard on mpp.edition
    for select to mpp_dashboard
    using (opened_at is not null and id in (select private.my_client_edition_ids()));

create policy maintenance_window_select_everyone on mpp.maintenance_window
    for select to anon, authenticated
    using (ends_at > (select private.read_clock()) - interval '24 hours');

grant select on mpp.edition, mpp.maintenance_window to anon, authenticated, service_role;
grant select (id, code, title, starts_at, ends_at, frozen_at) on mpp.edition to mpp_dashboard;

create view api.editions with (security_invoker = true) as
select
    e.id,
    e.code,
    e.audience,
    e.title,
    private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, (select private.read_clock())) as phase,
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
from mpp.edition e cross join (select) read_only;
comment on view api.editions is 'Editions that are open, with their phase now. Staff also see drafts.';
grant select on api.editions to anon, authenticated, service_role;

create view api.maintenance_windows with (security_invoker = true) as
select
    w.id,
    w.starts_at,
    w.ends_at,
    w.message,
    w.announced_at,
    tstzrange(w.starts_at, w.ends_at) @> (select private.read_clock()) as is_active
from mpp.maintenance_window w cross join (select) read_only;
comment on view api.maintenance_windows is 'Announced maintenance windows: past day, present and future.';
grant select on api.maintenance_windows to anon, authenticated, service_role;

-- For the staff: open, close, announce.
create function private.open_edition(edition_code text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.open_edition to authenticated, service_role;

create function api.open_edition(edition_code text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.open_edition(edition_code); end;
comment on function api.open_edition is 'Opens a draft edition to registration; does nothing when it is open already. Staff. Errors: MP006, MP020, MP027.';
grant execute on function api.open_edition to authenticated, service_role;

create function private.close_edition(edition_code text, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    perform private.require_running(e, at);
    update mpp.edition
    set ends_at = at, registration_closes_at = least(registration_closes_at, at)
    where id = e.id;
    perform private.record_act('edition.close', edition_code, jsonb_build_object('reason', why, 'announced_end', e.ends_at));
end
$$;
grant execute on function private.close_edition to authenticated, service_role;

create function api.close_edition(edition_code text, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.close_edition(edition_code, reason); end;
comment on function api.close_edition is 'Ends a running edition now, before its announced end, with a reason. Staff. Errors: MP006, MP010, MP020, MP022.';
grant execute on function api.close_edition to authenticated, service_role;

create function private.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.announce_maintenance to authenticated, service_role;

create function api.announce_maintenance(starts_at timestamptz, ends_at timestamptz, message jsonb) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.announce_maintenance(starts_at, ends_at, message); end;
comment on function api.announce_maintenance is 'Announces a maintenance window and returns its id; inside it players cannot write. Staff. Errors: MP006, MP010.';
grant execute on function api.announce_maintenance to authenticated, service_role;

create function private.cancel_maintenance(id integer) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.cancel_maintenance to authenticated, service_role;

create function api.cancel_maintenance(id integer) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.cancel_maintenance(id); end;
comment on function api.cancel_maintenance is 'Takes back a maintenance window, or ends one early. Staff. Errors: MP005, MP006.';
grant execute on function api.cancel_maintenance to authenticated, service_role;
-- What people ask about their own data, by the app or by mail, until when it must be answered, and the erasure of an
-- account: by its owner, by the staff, or because its time is over. What goes and what stays when an account is deleted,
-- in whatever way, is in 49_erasure and 66_access.

insert into mpp.setting (name, value, allowed, about) values
    ('erasure_wait', '0', '[0-9]|[12][0-9]|30',
        'How many days pass between asking for the erasure of one''s account and the erasure, from 0 (at once) to 30. Until then the owner may keep the account.'),
    ('recent_sign_in', '15', '[5-9]|[1-5][0-9]|60',
        'How old a sign-in may be that does what cannot be undone, such as erasing one''s account: 5 to 60 minutes.');

create type api.privacy_request_kind as enum ('access', 'portability', 'rectification', 'erasure', 'restriction', 'objection');

create type api.privacy_request_state as enum (
    'waiting', -- -> done, withdrawn; an erasure that its owner may still take back
    'open', -- -> done, refused, withdrawn
    'done',
    'refused',
    'withdrawn'
);

create table mpp.privacy_request (
    id integer generated always as identity primary key,
    kind api.privacy_request_kind not null,
    state api.privacy_request_state not null,
    account_id uuid references auth.users (id) on delete set null,
    address text check (address is null or (private.is_mail_address(address) and address = lower(address))),
    channel text not null check (channel in ('app', 'mail', 'letter', 'telephone')),
    asked_at timestamptz not null default private.clock(),
    due_at timestamptz not null,
    erases_at timestamptz,
    note text check (char_length(note) between 1 and 500),
    handled_at timestamptz,
    handled_by uuid references auth.users (id) on delete set null,
    outcome text check (char_length(outcome) between 1 and 500),
    constraint privacy_request_waits_for_erasure check (state <> 'waiting' or (kind = 'erasure' and account_id is not null and erases_at is not null)),
    constraint privacy_request_handled_has_time check ((state in ('waiting', 'open')) = (handled_at is null)),
    -- Once it is handled, nothing but the audit leads to whoever asked without an account.
    constraint privacy_request_forgets_address check (address is null or handled_at is null)
);
comment on table mpp.privacy_request is 'What people asked about their own data, and what became of it.';
comment on column mpp.privacy_request.account_id is 'Who asked; null without an account, and once it is erased. Read by the person and the staff; the request is kept three years after it was handled.';
comment on column mpp.privacy_request.address is 'Where to answer somebody without an account. Read by the staff; emptied once the request is handled.';
comment on column mpp.privacy_request.due_at is 'Until when the person must have an answer: 30 days after asking.';
comment on column mpp.privacy_request.erases_at is 'When an erasure that the owner asked for takes effect.';
comment on column mpp.privacy_request.note is 'What was asked, in the words of the staff. Read by the staff; kept three years after the request was handled.';
comment on column mpp.privacy_request.handled_by is 'Who of the staff handled it; null for the owner, the secret key, and once that account is erased.';
comment on column mpp.privacy_request.outcome is 'What was answered, in the words of the staff. Read by the staff; kept three years after the request was handled.';
create unique index privacy_request_one_erasure on mpp.privacy_request (account_id) where state = 'waiting';
create index privacy_request_account on mpp.privacy_request (account_id, asked_at) where account_id is not null;
create index privacy_request_handler on mpp.privacy_request (handled_by) where handled_by is not null;
create index privacy_request_due on mpp.privacy_request (due_at) where handled_at is null;

alter table mpp.privacy_request enable row level security;

create policy privacy_request_select_authenticated on mpp.privacy_request
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select on mpp.privacy_request to authenticated, service_role;

create view api.my_privacy_requests with (security_invoker = true) as
select r.id, r.kind, r.state, r.channel, r.asked_at, r.due_at, r.erases_at, r.handled_at
from mpp.privacy_request r cross join (select) read_only
where r.account_id = (select private.my_account());
comment on view api.my_privacy_requests is 'What the caller asked about their own data, and what became of it; sort by id. erases_at is when an erasure that waits takes effect: keep_my_account takes it back until then.';
grant select on api.my_privacy_requests to authenticated;

create view api.privacy_requests with (security_invoker = true) as
select
    r.id, r.kind, r.state, r.account_id, r.address, r.channel, r.asked_at, r.due_at, r.erases_at, r.note, r.handled_at,
    r.handled_by, r.outcome
from mpp.privacy_request r cross join (select) read_only
where (select private.is_ops());
comment on view api.privacy_requests is 'What people asked about their own data, by the app or by another way, until when they must have an answer, and what became of it; sort by due_at. Staff only.';
comment on column api.privacy_requests.address is 'Where to answer somebody without an account; empty once the request is handled.';
comment on column api.privacy_requests.handled_by is 'The account of the staff that handled it; null for the owner and the secret key.';
grant select on api.privacy_requests to authenticated, service_role;

-- The same hour so many days later, in Paris: a day in which the clocks change has 23 or 25 hours.
create function private.days_after(at timestamptz, days integer) returns timestamptz
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select (at at time zone 'Europe/Paris' + make_interval(days => days)) at time zone 'Europe/Paris' $$;

-- When the account of a person is erased, if it is.
create function private.erases_at(account_id uuid) returns timestamptz
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select r.erases_at from mpp.privacy_request r where r.account_id = erases_at.account_id and r.state = 'waiting');
end
$$;
grant execute on function private.erases_at to authenticated;

-- Refuses what cannot be undone to a session that somebody left open, or that was stolen: by when its owner signed in,
-- and not by when its token was made, which is renewed every hour. Whoever has a second factor shows it.
create function private.require_recent_sign_in() returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    methods jsonb := auth.jwt() -> 'amr';
    minutes integer := private.setting('recent_sign_in')::integer;
    account uuid := private.claimed_account();
begin
    if jsonb_typeof(methods) is distinct from 'array' or not exists (
        select
        from jsonb_array_elements(methods) m
        where m.value ->> 'method' not in ('token_refresh', 'email_change', 'anonymous')
            and to_timestamp((m.value ->> 'timestamp')::double precision) > private.clock() - make_interval(mins => minutes)
    ) then
        perform private.refuse('MP064', minutes::text);
    end if;
    if not private.has_second_factor() and exists (
        select from auth.mfa_factors f where f.user_id = account and f.status = 'verified'
    ) then
        perform private.refuse('MP013');
    end if;
end
$$;

-- Erases an account for good, and says whether there was one. For other functions of this schema, which have checked who
-- asks and why. It is one transaction: cut off, it has not begun, and run again it finds nothing left to do. The mail
-- goes to the address alone, since the account is gone.
create function private.erase_account(account_id uuid, because text) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    u auth.users;
    by_staff uuid := nullif(private.my_account(), account_id);
begin
    -- The first of all locks: a deletion takes it first.
    select * into u from auth.users x where x.id = erase_account.account_id for update;
    if not found then
        return false;
    end if;
    -- An address that nobody has confirmed may be somebody else's.
    if u.email_confirmed_at is not null and private.is_mail_address(u.email) then
        perform private.queue_mail('account-erased-' || gen_random_uuid(), 'account_erased', '{}', address => u.email,
            language => (select case f.language when 'fr' then 'fr' else 'en' end from mpp.profile f where f.id = u.id),
            useful_until => private.days_after(private.clock(), 30));
    end if;
    update mpp.privacy_request r
    set state = case when r.kind = 'erasure' then 'done'::api.privacy_request_state else 'withdrawn' end,
        handled_at = private.clock(), handled_by = by_staff, address = null
    where r.account_id = u.id and r.handled_at is null;
    -- Not through record_act: somebody who has done much today is not kept from leaving.
    insert into mpp.audit (actor_id, actor_role, claimed_by, action, subject, details)
    values (private.my_account(), private.request_role(), private.claimed_operator(), 'user.erase', u.id::text,
        jsonb_build_object('reason', because));
    delete from auth.users x where x.id = u.id;
    return true;
end
$$;
comment on function private.erase_account is 'Erases an account for good; false when there is none. Callers have checked who asks.';

create type api.erasure as (account_id uuid, asked_at timestamptz, erases_at timestamptz, is_erased boolean);
comment on type api.erasure is 'An erasure of an account: done, or to be done at erases_at.';

create function private.erase_my_account() returns api.erasure
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 5;
    account uuid := private.require_account(registered => false, accepted => false);
    days integer := private.setting('erasure_wait')::integer;
    at timestamptz;
    request mpp.privacy_request;
begin
    perform private.require_recent_sign_in();
    -- Of two calls at once the second finds what the first did.
    perform from auth.users u where u.id = account for update;
    perform private.require_still_live();
    at := private.clock();
    select * into request from mpp.privacy_request r where r.account_id = account and r.state = 'waiting';
    if not found then
        if (
            select count(*) from mpp.privacy_request r
            where r.account_id = account and r.channel = 'app' and r.kind = 'erasure' and r.asked_at > at - interval '24 hours'
        ) >= most then
            perform private.refuse('MP047', most::text);
        end if;
        insert into mpp.privacy_request (kind, state, account_id, channel, asked_at, due_at, erases_at)
        values ('erasure', 'waiting', account, 'app', at, private.days_after(at, 30), private.days_after(at, days))
        returning * into request;
        if days > 0 then
            perform private.queue_mail('erasure-asked-' || request.id, 'erasure_asked', jsonb_build_object('erases_at', request.erases_at),
                account_id => account, useful_until => request.erases_at);
        else
            perform private.erase_account(account, 'asked by its owner');
            return (account, request.asked_at, at, true)::api.erasure;
        end if;
    end if;
    return (account, request.asked_at, request.erases_at, false)::api.erasure;
end
$$;
grant execute on function private.erase_my_account to authenticated;

create function api.erase_my_account() returns api.erasure
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_my_account(); end;
comment on function api.erase_my_account is 'Erases the caller''s account for good: at once, or after the days of the setting erasure_wait, until when keep_my_account takes it back. Asked again it answers the same. Points, ranks and awards stay under no name; a league goes to a co-ambassador or to whoever has been in it longest, a class to its other teachers. Takes a sign-in of the last minutes (the setting recent_sign_in), with the second factor of whoever has one. A mail tells the owner that it was asked, and that it was done. Errors: MP001, MP002, MP011, MP013, MP047, MP064.';
grant execute on function api.erase_my_account to authenticated;

create function private.keep_my_account() returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    request integer;
begin
    perform private.lock_account(account);
    perform private.require_still_live();
    update mpp.privacy_request r
    set state = 'withdrawn', handled_at = private.clock()
    where r.account_id = account and r.state = 'waiting'
    returning r.id into request;
    if not found then
        perform private.refuse('MP065');
    end if;
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.key = 'erasure-asked-' || request and m.state = 'queued';
end
$$;
grant execute on function private.keep_my_account to authenticated;

create function api.keep_my_account() returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.keep_my_account(); end;
comment on function api.keep_my_account is 'Takes back the erasure of the caller''s account while it waits. Errors: MP001, MP002, MP011, MP065.';
grant execute on function api.keep_my_account to authenticated;

create function private.erase_person(account_id uuid, reason text) returns api.erasure
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    at timestamptz := private.clock();
begin
    perform private.require_ops();
    why := private.clean_line('reason', erase_person.reason, 300);
    -- As with disabling: a stolen session of the staff must not remove the others.
    if private.is_ops_member(account_id) and not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if not private.erase_account(account_id, why) then
        perform private.refuse('MP005');
    end if;
    return (account_id, at, at, true)::api.erasure;
end
$$;
grant execute on function private.erase_person to authenticated, service_role;

create function api.erase_person(account_id uuid, reason text) returns api.erasure
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_person(account_id, reason); end;
comment on function api.erase_person is 'Erases an account for good and at once, as erase_my_account does, for somebody who asked for it by another way. It handles what the person had asked; a mail tells the address, and the audit keeps the reason. Staff of the association; accounts of staff with the secret key only. Errors: MP005, MP006, MP010, MP013.';
grant execute on function api.erase_person to authenticated, service_role;

-- One account to a transaction: its lock is the first of all, and a second one would be taken after those of leagues. Of
-- two runs at once each takes another account.
create function private.erase_due_account() returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    perform private.require_ops();
    loop
        select u.id into account
        from mpp.privacy_request r
        join auth.users u on u.id = r.account_id
        where r.state = 'waiting' and r.erases_at <= private.clock()
        order by r.erases_at, r.id
        limit 1
        for update of u skip locked;
        if not found then
            return false;
        end if;
        -- The owner may have kept the account a moment ago.
        exit when private.erases_at(account) <= private.clock();
    end loop;
    return private.erase_account(account, 'asked by its owner');
end
$$;
grant execute on function private.erase_due_account to authenticated, service_role;

create function api.erase_due_account() returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_due_account(); end;
comment on function api.erase_due_account is 'Erases one account whose owner asked for it and whose waiting time is over; says whether there was one. Call it again until there is none. Staff. Errors: MP006.';
grant execute on function api.erase_due_account to authenticated, service_role;

-- What came by mail, by letter or by telephone.
create function private.record_privacy_request(
    kind text, channel text, note text, account_id uuid, address text, asked_on date
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    kinds constant text[] := enum_range(null::api.privacy_request_kind)::text[];
    channels constant text[] := array['mail', 'letter', 'telephone'];
    said text;
    place text := lower(private.trimmed(left(record_privacy_request.address, 400)));
    at timestamptz := private.clock();
    request integer;
begin
    perform private.require_ops();
    if kind is null or not kind = any (kinds) then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), format('Use %s.', array_to_string(kinds, ', ')));
    end if;
    if channel is null or not channel = any (channels) then
        perform private.refuse('MP010', 'channel', coalesce(left(channel, 40), 'it is empty'), format('Use %s.', array_to_string(channels, ', ')));
    end if;
    if num_nonnulls(record_privacy_request.account_id, place) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an address', 'Send one of the two.');
    end if;
    -- No refusal repeats the address: refusals are logged.
    if place is not null and not private.is_mail_address(place) then
        perform private.refuse('MP010', 'address', 'it is no address', 'Give an address such as ada@example.org.');
    end if;
    if asked_on > private.today() or asked_on < private.today() - 365 then
        perform private.refuse('MP010', 'asked_on', asked_on::text, 'Give the day on which it came, of the last year.');
    end if;
    said := private.clean_line('note', record_privacy_request.note, 500);
    at := coalesce(least(at, asked_on::timestamp at time zone 'Europe/Paris'), at);
    if record_privacy_request.account_id is not null then
        perform from auth.users u where u.id = record_privacy_request.account_id for key share;
        if not found then
            perform private.refuse('MP005');
        end if;
    end if;
    insert into mpp.privacy_request (kind, state, account_id, address, channel, asked_at, due_at, note)
    values (record_privacy_request.kind::api.privacy_request_kind, 'open', record_privacy_request.account_id, place,
        record_privacy_request.channel, at, private.days_after(at, 30), said)
    returning id into request;
    perform private.record_act('privacy.record', request::text, jsonb_build_object('kind', kind, 'channel', channel));
    return request;
end
$$;
grant execute on function private.record_privacy_request to authenticated, service_role;

create function api.record_privacy_request(
    kind text, channel text, note text, account_id uuid default null, address text default null, asked_on date default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_privacy_request(kind, channel, note, account_id, address, asked_on); end;
comment on function api.record_privacy_request is 'Records what somebody asked about their own data by mail, letter or telephone: access, portability, rectification, erasure, restriction or objection; returns its number. Names an account, or the address of somebody without one. It is due 30 days after the day on which it came (asked_on; today without). Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.record_privacy_request to authenticated, service_role;

create function private.settle_privacy_request(request_id integer, outcome text, refused boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    said text;
    staff uuid;
    request mpp.privacy_request;
begin
    perform private.require_ops();
    said := private.clean_line('outcome', settle_privacy_request.outcome, 500);
    staff := private.lock_caller();
    select * into request from mpp.privacy_request r where r.id = request_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    if request.state <> 'open' then
        perform private.refuse('MP066', request.id::text, request.state::text);
    end if;
    if request.kind = 'erasure' and request.account_id is not null and refused is not true then
        perform private.refuse('MP010', 'request_id', 'the account is still there', 'Erase the account: that settles the request.');
    end if;
    update mpp.privacy_request r
    set state = case when refused then 'refused'::api.privacy_request_state else 'done' end, outcome = said,
        handled_at = private.clock(), handled_by = staff, address = null
    where r.id = request.id;
    perform private.record_act('privacy.settle', request.id::text,
        jsonb_build_object('kind', request.kind, 'state', case when refused then 'refused' else 'done' end));
end
$$;
grant execute on function private.settle_privacy_request to authenticated, service_role;

create function api.settle_privacy_request(request_id integer, outcome text, refused boolean default false) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_privacy_request(request_id, outcome, refused); end;
comment on function api.settle_privacy_request is 'Says what was answered to somebody who asked about their own data: that it was done, or refused and why. Forgets the address. An erasure of an account is settled by erase_person. Staff. Errors: MP005, MP006, MP010, MP066.';
grant execute on function api.settle_privacy_request to authenticated, service_role;
-- The catalogue: cards, and the challenges of an edition with the rules they are played by. Validating one is in
-- 74_play.

create type api.challenge_kind as enum ('standard', 'collective', 'boost', 'hidden', 'flash', 'malus');

create table mpp.theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,40}$'),
    name mpp.translated not null
);
comment on table mpp.theme is 'What a challenge is about: mobility, food, energy…';

create table mpp.curriculum_theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,60}$'),
    name mpp.translated not null
);
comment on table mpp.curriculum_theme is 'What of the school curriculum a challenge works on.';

create table mpp.challenge (
    id integer generated always as identity primary key,
    code text not null check (code ~ '^[a-z0-9-]{3,60}$'),
    theme text not null references mpp.theme (code),
    title mpp.translated not null,
    description mpp.translated not null,
    goals smallint[] not null default '{}' check (goals <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]::smallint[]),
    curriculum text[] not null default '{}'
);
comment on table mpp.challenge is 'What one or more editions say of a challenge. Other texts under the same code are another row, so a correction in one edition changes no other.';
comment on column mpp.challenge.goals is 'United Nations sustainable development goals, 1 to 17.';
comment on column mpp.challenge.curriculum is 'Codes of mpp.curriculum_theme. apply_edition, the only writer, checks them.';
create index challenge_code on mpp.challenge (code);
create index challenge_theme on mpp.challenge (theme);

-- A random id. Numbers in a row would have gaps, and tell everybody how many challenges of an edition are hidden or still to come.
create function private.new_challenge_id() returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    drawn integer;
begin
    loop
        drawn := uuid_hash(gen_random_uuid()) & 2147483647;
        exit when not exists (select from mpp.edition_challenge c where c.id = drawn);
    end loop;
    return drawn;
end
$$;

create table mpp.edition_challenge (
    id integer primary key default private.new_challenge_id(),
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
    open_during tstzrange not null generated always as (
        case
            when kind = 'boost' or opens_at is null then tstzrange(null, null)
            -- A window that ends before it begins is refused by its check, not here.
            when opens_at < closes_at then tstzrange(opens_at, closes_at)
            else 'empty'
        end
    ) stored,
    boosted_during tstzrange not null generated always as (
        case when kind = 'boost' and opens_at < closes_at then tstzrange(opens_at, closes_at) else 'empty'::tstzrange end
    ) stored,
    secret_digest bytea,
    levels mpp.school_level[] check (cardinality(levels) > 0),
    constraint edition_challenge_card_once unique (edition_id, challenge_id),
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
comment on column mpp.edition_challenge.repeat_limit is 'How often one player may validate it; null: without limit, fifty times in 24 hours at most.';
comment on column mpp.edition_challenge.opens_at is 'Window [opens_at, closes_at): the challenge is open only inside. A boost is always open and multiplies inside.';
comment on column mpp.edition_challenge.open_during is 'When it may be done; the kind and the window decide.';
comment on column mpp.edition_challenge.boosted_during is 'When its points are multiplied.';
comment on column mpp.edition_challenge.levels is 'Levels whose classes may play it; null in a public edition.';
create index edition_challenge_card on mpp.edition_challenge (challenge_id);

-- Secret words are compared without case, accents and spaces. They are kept as a digest, so that they do not stand in
-- clear. A digest of one word is no secret from somebody who reads the table: no role of the API can.
create function private.secret_digest(edition_code text, word text) returns bytea
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(
        edition_code || ':' || lower(regexp_replace(normalize(word, NFKD), '[\u0300-\u036f\s''’-]', '', 'g')), 'UTF8'))
$$;

-- A change of a challenge must never rewrite a score: once the edition has started its rules stand. The texts of its
-- card may be corrected.
create function private.edition_challenge_keep_rules() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    -- Generated columns have no value yet.
    if tg_op = 'UPDATE'
        and to_jsonb(old) - '{challenge_id,open_during,boosted_during}'::text[]
            = to_jsonb(new) - '{challenge_id,open_during,boosted_during}'::text[]
        and (select k.code from mpp.challenge k where k.id = old.challenge_id)
            = (select k.code from mpp.challenge k where k.id = new.challenge_id) then
        return new;
    end if;
    select * into e from mpp.edition where id = coalesce(old.edition_id, new.edition_id);
    if e.opened_at is not null and e.starts_at <= private.clock() then
        perform private.refuse('MP025', e.code, 'its challenges, their points and rules');
    end if;
    return coalesce(new, old);
end
$$;

create trigger edition_challenge_keep_rules
    before insert or update or delete on mpp.edition_challenge
    for each row execute function private.edition_challenge_keep_rules();

-- Nobody knows a flash challenge before it opens: whoever names it then is refused as if it did not exist.
create function private.is_announced(kind api.challenge_kind, opens_at timestamptz, at timestamptz) returns boolean
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return kind <> 'flash' or at >= opens_at;
end
$$;

-- What a challenge that is done at an instant earns.
create function private.points_of(c mpp.edition_challenge, at timestamptz) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when at <@ c.boosted_during then c.points * c.boost_factor else c.points end;
end
$$;

create function private.require_open_challenge(c mpp.edition_challenge, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if not at <@ c.open_during then
        perform private.refuse('MP041', jsonb_build_object('opens_at', c.opens_at, 'closes_at', c.closes_at),
            private.format_instant(c.opens_at), private.format_instant(c.closes_at));
    end if;
end
$$;

-- What a player has unlocked, and how often an account has guessed.
create table mpp.unlock (
    player_id uuid not null,
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    unlocked_at timestamptz not null default private.clock(),
    primary key (player_id, challenge_id)
);
comment on table mpp.unlock is 'Hidden challenges that a player has unlocked.';
create index unlock_challenge on mpp.unlock (challenge_id);

create table mpp.unlock_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    edition_id integer not null references mpp.edition (id),
    guessed_at timestamptz not null default private.clock()
);
comment on table mpp.unlock_guess is 'Wrong guesses of the last hour; older ones are deleted by the next guess.';
create index unlock_guess_account on mpp.unlock_guess (account_id, edition_id, guessed_at);
create index unlock_guess_edition on mpp.unlock_guess (edition_id);

create function private.my_unlocked_challenge_ids() returns setof integer
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select u.challenge_id
    from mpp.player p
    join mpp.unlock u on u.player_id = p.id
    where p.account_id = (select private.my_account());
end
$$;
grant execute on function private.my_unlocked_challenge_ids to authenticated;

-- Teachers choose what their class plays before the edition starts.
create function private.my_taught_edition_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select distinct l.edition_id
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id
    where a.account_id = (select private.my_account()) and l.school_id is not null;
end
$$;
grant execute on function private.my_taught_edition_ids to authenticated;

alter table mpp.theme enable row level security;
alter table mpp.curriculum_theme enable row level security;
alter table mpp.challenge enable row level security;
alter table mpp.edition_challenge enable row level security;
alter table mpp.unlock enable row level security;
alter table mpp.unlock_guess enable row level security;

-- Challenges in play: from the start of an edition that the caller may see, flash only inside the window, hidden once
-- unlocked.
create policy edition_challenge_select_anon on mpp.edition_challenge
    for select to anon
    using (
        edition_id in (select e.id from mpp.edition e where e.starts_at <= (select private.read_clock()))
        and kind <> 'hidden'
        and (kind <> 'flash' or open_during @> (select private.read_clock()))
    );

create policy edition_challenge_select_authenticated on mpp.edition_challenge
    for select to authenticated
    using (
        (
            (
                edition_id in (select e.id from mpp.edition e where e.opened_at is not null and e.starts_at <= (select private.read_clock()))
                or edition_id in (select private.my_taught_edition_ids())
            )
            and (kind <> 'hidden' or id in (select private.my_unlocked_challenge_ids()))
            and (kind <> 'flash' or open_during @> (select private.read_clock()))
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

create policy curriculum_theme_select_everyone on mpp.curriculum_theme
    for select to anon, authenticated
    using (code in (select unnest(c.curriculum) from mpp.challenge c));

grant select on mpp.theme, mpp.curriculum_theme, mpp.challenge to anon, authenticated, service_role;
grant select (id, edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor, needs_proof, opens_at, closes_at,
    open_during, boosted_during, levels)
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
    case when c.boosted_during @> (select private.read_clock())
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
select t.code, t.name from mpp.curriculum_theme t cross join (select) read_only;
comment on view api.curriculum_themes is 'Names of the curriculum themes that challenges refer to.';
grant select on api.curriculum_themes to anon, authenticated, service_role;
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
-- The person: their profile, which only they and the staff read, and the log of what they consented to. Accounts are in
-- 14_account, giving and withdrawing consents in 27_consent, teachers in 28_school.

create table mpp.profile (
    id uuid primary key references auth.users (id) on delete cascade,
    first_name mpp.line not null,
    last_name mpp.line not null,
    alias mpp.line,
    country text check (private.is_country(country)),
    postcode text check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    birth_date date check (birth_date > '1900-01-01'),
    language text not null default 'fr' check (language in ('fr', 'en', 'de')),
    sector mpp.line,
    acquisition_channel mpp.line,
    picture_path text check (char_length(picture_path) <= 300),
    guardian_consent_at timestamptz,
    created_at timestamptz not null default private.clock(),
    terms_published_at timestamptz not null default private.clock(),
    birth_date_before date,
    -- A teacher who does not play gives none of these; a player gives them all.
    constraint profile_plays_or_not check (num_nulls(alias, country, postcode, birth_date) in (0, 4))
);
comment on table mpp.profile is 'A person who plays or teaches, read by that person and the staff only. The e-mail address stays in Auth.';
comment on column mpp.profile.alias is 'Name in public; null for a teacher who does not play.';
comment on column mpp.profile.birth_date is 'Given by the person. Purposes: protecting minors, and counting age groups. Read by the person, and by the staff in the database; kept until the account is erased.';
comment on column mpp.profile.birth_date_before is 'The date before the owner corrected it; null if they never did, and once the staff have set it. Purpose: a correction makes nobody older than both dates say. Read by nobody through the API; kept until the account is erased.';
comment on column mpp.profile.guardian_consent_at is 'Since when a guardian agrees that the child appears in public; null without. Purpose: protecting minors. The log is mpp.guardian_consent. Read by the person and the staff; kept until the account is erased.';
comment on column mpp.profile.terms_published_at is 'When the version of the terms that the person accepted last was published. A later one that holds is due.';

create type api.consent_purpose as enum ('terms', 'newsletter', 'league_alerts', 'partner_sharing');

create table mpp.consent (
    id bigint generated always as identity primary key,
    account_id uuid not null,
    purpose api.consent_purpose not null,
    granted boolean not null,
    text_version text not null,
    given_at timestamptz not null default private.clock(),
    channel text not null check (channel in ('app', 'mail', 'ops')),
    campaign_id integer references mpp.campaign (id),
    constraint consent_partner_of_campaign check ((purpose = 'partner_sharing') = (campaign_id is not null))
);
comment on table mpp.consent is 'What a person agreed to or withdrew, append-only; the newest row of a purpose, and of a campaign, holds.';
comment on column mpp.consent.account_id is 'Whose consent it is. Kept for good after the account is erased, as proof; it leads to nobody then.';
comment on column mpp.consent.text_version is 'The text that was shown: a version of the terms, or of a campaign''s text, as CODE/NUMBER.';
comment on column mpp.consent.campaign_id is 'What is shared with partners is agreed to one campaign at a time.';
create index consent_account on mpp.consent (account_id, purpose, id desc);
create index consent_campaign on mpp.consent (campaign_id, account_id, id desc) where campaign_id is not null;

create trigger consent_append_only
    before update or delete or truncate on mpp.consent
    for each statement execute function private.refuse_change();

create function private.age_on(birth_date date, day date) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select extract(year from age(day, birth_date))::integer $$;
grant execute on function private.age_on(date, date) to authenticated;

-- How old somebody is who corrected their birth date: the younger of the two, until the staff have looked. So a
-- correction crosses no limit of age, on the day it is made or later.
create function private.age_on(birth_date date, birth_date_before date, day date) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select extract(year from age(day, greatest(birth_date, birth_date_before)))::integer $$;
grant execute on function private.age_on(date, date, date) to authenticated;

insert into mpp.setting (name, value, allowed, about) values
    ('consent_ages', 'FR=15 DE=16', '[A-Z]{2}=1[5-8]( [A-Z]{2}=1[5-8])*',
        'From which age somebody consents without a guardian, by country of residence; 15 where none is named. Written FR=15 DE=16, from 15 to 18.');

-- From which age somebody of this country consents alone: to appear in public, and to what is shared with partners.
create function private.consent_age(country text) returns integer
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(substring(private.setting('consent_ages') from country || '=([0-9]+)')::integer, 15);
end
$$;
grant execute on function private.consent_age to authenticated;

-- Whether somebody is younger than this many years today, in Paris. A teacher who does not play has no known age.
create function private.is_under(account_id uuid, years integer) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select private.age_on(p.birth_date, p.birth_date_before, private.today()) < years
        from mpp.profile p
        where p.id = is_under.account_id
    ), false);
end
$$;

-- Refuses what an age forbids, where a profile, a league or a class would break it. Under 15 nobody plays in an open
-- league, in which strangers meet and whose ambassador reads phone numbers. Under 18 nobody runs a class.
create function private.check_age(account_id uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_under(check_age.account_id, 18) and exists (select from mpp.teacher t where t.account_id = check_age.account_id) then
        perform private.refuse('MP053', '18');
    end if;
    if private.is_under(check_age.account_id, 15) and exists (
        select
        from mpp.player p
        join mpp.league l on l.id = p.league_id and l.is_open
        join mpp.edition e on e.id = l.edition_id and e.frozen_at is null
        where p.account_id = check_age.account_id
    ) then
        perform private.refuse('MP052', '15');
    end if;
end
$$;

-- Below the age of consent, the alias is public only once a guardian has agreed.
create function private.may_be_listed(account_id uuid) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p.guardian_consent_at is not null
        or private.age_on(p.birth_date, p.birth_date_before, (select private.today())) >= private.consent_age(p.country)
    from mpp.profile p
    where p.id = account_id
$$;

alter table mpp.profile enable row level security;
alter table mpp.consent enable row level security;

create policy profile_select_authenticated on mpp.profile
    for select to authenticated
    using (id = (select private.my_account()) or (select private.is_ops()));

create policy consent_select_authenticated on mpp.consent
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select on mpp.profile, mpp.consent to authenticated;

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
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < 18 as is_minor,
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < 15 as is_under_15,
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < private.consent_age(p.country) as needs_guardian,
    p.guardian_consent_at,
    p.language,
    p.sector,
    p.acquisition_channel,
    p.picture_path,
    p.created_at,
    due.version as terms_due,
    due.effective_at as terms_due_since,
    private.erases_at(p.id) as erases_at
from mpp.profile p
left join lateral private.terms_due(p.terms_published_at) due on true
where p.id = (select private.my_account()) and p.alias is not null;
comment on view api.my_profile is 'The caller''s own profile: one row, or none before register.';
comment on column api.my_profile.needs_guardian is 'Whether the person is below the age of consent of their country: appearing in public takes the agreement of a guardian (ask_guardian).';
comment on column api.my_profile.guardian_consent_at is 'Since when a guardian agrees; null without.';
comment on column api.my_profile.terms_due is 'The version of the terms to accept; null when the person has accepted the one that holds.';
comment on column api.my_profile.terms_due_since is 'From when that version holds.';
comment on column api.my_profile.erases_at is 'When the account is erased, as its owner asked; null without. Until then keep_my_account takes it back.';
grant select on api.my_profile to authenticated;

-- The account behind a request: signed in, and not anonymous unless that is allowed.
-- Whether the account has no address yet, as its token says.
create function private.is_anonymous() returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false);
end
$$;

create function private.signed_in(anonymous_too boolean default false) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if account is null then
        perform private.refuse('MP001');
    end if;
    if not anonymous_too and private.is_anonymous() then
        perform private.refuse('MP002');
    end if;
    return account;
end
$$;

-- The account behind a request that writes: not anonymous, registered, outside maintenance, and of somebody who has
-- accepted the terms that hold. What is a right of theirs, such as withdrawing, does not ask for that.
create function private.require_account(registered boolean default true, accepted boolean default true) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.claimed_account();
    live boolean;
    known boolean;
    maintained boolean;
    behind boolean;
    at timestamptz := private.clock();
begin
    -- In one query: every command of a phone asks this.
    select private.is_live(u), p.id is not null,
        exists (select from mpp.maintenance_window w where w.ends_at > at and w.starts_at <= at),
        exists (select from mpp.terms_version t where t.published_at > p.terms_published_at and t.effective_at <= at)
    into live, known, maintained, behind
    from auth.users u
    left join mpp.profile p on p.id = u.id
    where u.id = account;
    if live is not true then
        perform private.refuse('MP001');
    end if;
    if private.is_anonymous() then
        perform private.refuse('MP002');
    end if;
    if maintained then
        perform private.require_no_maintenance();
    end if;
    if registered and not known then
        perform private.refuse('MP003');
    end if;
    if behind and accepted then
        perform private.require_terms(account);
    end if;
    return account;
end
$$;
comment on function private.require_account is 'First line of every player''s command; returns the account.';

create function private.check_profile(birth_date date, language text, picture_path text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    -- No refusal repeats a birth date: refusals are logged.
    if birth_date is null then
        perform private.refuse('MP010', 'birth_date', 'it is empty', 'Give a date of birth as YYYY-MM-DD.');
    end if;
    if birth_date > private.today() then
        perform private.refuse('MP010', 'birth_date', 'that day is still to come', 'Check the year.');
    end if;
    if private.age_on(birth_date, private.today()) not between 3 and 119 then
        perform private.refuse('MP010', 'birth_date', format('it makes somebody %s years old', private.age_on(birth_date, private.today())),
            'Check the year; players are 3 to 119 years old.');
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    -- Pictures live under the owner's own folder of a private bucket.
    if picture_path is not null and (
        char_length(picture_path) > 300 or picture_path !~ ('^' || (select private.my_account()) || '/[A-Za-z0-9][A-Za-z0-9._-]*$')) then
        perform private.refuse('MP010', 'picture_path', left(picture_path, 80), 'Begin the path with the id of your account.');
    end if;
end
$$;

create function private.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text, sector text, acquisition_channel text, picture_path text, league_alerts boolean, newsletter boolean
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    terms mpp.terms_version := private.current_terms();
    place record;
begin
    if terms_version is distinct from terms.version then
        perform private.refuse('MP051', coalesce(terms_version, '(none)'), terms.version);
    end if;
    place := private.clean_place(country, postcode);
    perform private.refuse_unseen('alias', left(alias, 1000));
    perform private.check_profile(birth_date, language, picture_path);
    perform private.lock_account(account);

    insert into mpp.profile as p (id, first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path, terms_published_at)
    values (
        account,
        private.clean_person('first_name', register.first_name),
        private.clean_person('last_name', register.last_name),
        private.clean_alias(register.alias),
        place.country,
        place.postcode,
        register.birth_date,
        register.language,
        case when register.sector is not null then private.clean_line('sector', register.sector, 80) end,
        case when register.acquisition_channel is not null
            then private.clean_line('acquisition_channel', register.acquisition_channel, 80) end,
        register.picture_path,
        terms.published_at
    )
    -- A teacher who starts to play.
    on conflict on constraint profile_pkey do update
    set first_name = excluded.first_name, last_name = excluded.last_name, alias = excluded.alias, country = excluded.country,
        postcode = excluded.postcode, birth_date = excluded.birth_date, language = excluded.language, sector = excluded.sector,
        acquisition_channel = excluded.acquisition_channel, picture_path = excluded.picture_path,
        terms_published_at = greatest(p.terms_published_at, excluded.terms_published_at)
    where p.alias is null;
    if not found then
        perform private.refuse('MP004');
    end if;
    perform private.check_age(account);
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, terms.version, 'app'
    from (values ('terms', true), ('league_alerts', league_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;
grant execute on function private.register to authenticated;

create function api.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text default 'fr', sector text default null, acquisition_channel text default null,
    picture_path text default null, league_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.register(first_name, last_name, alias, country, postcode, birth_date, terms_version, language, sector,
        acquisition_channel, picture_path, league_alerts, newsletter);
end;
comment on function api.register is 'Makes the caller''s profile, accepting the current terms of use (is_current in api.terms_versions); returns the account id. A teacher who is under 18 is refused. Errors: MP001, MP002, MP004, MP010, MP011, MP051, MP053.';
grant execute on function api.register to authenticated;

-- How many of the ages that change what somebody may do are behind them: 15 and 18.
create function private.age_limits_passed(birth_date date) returns integer
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    age integer := private.age_on(birth_date, private.today());
begin
    return (age >= 15)::integer + (age >= 18)::integer;
end
$$;

create function private.update_profile(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date,
    language text, sector text, acquisition_channel text, picture_path text
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    old_row mpp.profile;
    place record;
begin
    perform private.lock_editions_of(account);
    select * into old_row from mpp.profile p where p.id = account for no key update;
    if old_row.alias is null then
        perform private.refuse('MP003');
    end if;
    place := old_row;
    if country is not null or postcode is not null then
        place := private.clean_place(coalesce(country, old_row.country), coalesce(postcode, old_row.postcode));
    end if;
    perform private.check_profile(coalesce(birth_date, old_row.birth_date), coalesce(language, old_row.language), nullif(picture_path, ''));
    perform private.refuse_unseen('alias', left(alias, 1000));
    -- One mistyped digit is one correction. The staff see to whatever would make somebody of another age for the game.
    if birth_date is distinct from old_row.birth_date and birth_date is not null then
        if old_row.birth_date_before is not null then
            perform private.refuse('MP058');
        end if;
        if private.age_limits_passed(birth_date) <> private.age_limits_passed(old_row.birth_date) then
            perform private.refuse('MP054');
        end if;
    end if;
    update mpp.profile p
    set first_name = case when update_profile.first_name is null then p.first_name else private.clean_person('first_name', update_profile.first_name) end,
        last_name = case when update_profile.last_name is null then p.last_name else private.clean_person('last_name', update_profile.last_name) end,
        alias = case when update_profile.alias is null then p.alias else private.clean_alias(update_profile.alias) end,
        country = place.country,
        postcode = place.postcode,
        birth_date = coalesce(update_profile.birth_date, p.birth_date),
        birth_date_before = case when update_profile.birth_date <> p.birth_date then p.birth_date else p.birth_date_before end,
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
grant execute on function private.update_profile to authenticated;

create function api.update_profile(
    first_name text default null, last_name text default null, alias text default null, country text default null,
    postcode text default null, birth_date date default null, language text default null, sector text default null,
    acquisition_channel text default null, picture_path text default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.update_profile(first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path);
end;
comment on function api.update_profile is 'Corrects the caller''s profile; the audit keeps which fields changed, no value; what is left out stays, and an empty text clears an optional field. A birth date is corrected once, and not across the ages of 15 and 18; the staff do the rest (correct_birth_date). Errors: MP001, MP002, MP003, MP010, MP011, MP047, MP054, MP058.';
grant execute on function api.update_profile to authenticated;

-- The staff correct what update_profile refuses. The lock keeps others from adding to the profile meanwhile: whoever
-- registers as a teacher or joins a league then sees the new age.
create function private.correct_birth_date(account_id uuid, birth_date date, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    old_row mpp.profile;
begin
    perform private.require_ops();
    select * into old_row from mpp.profile p where p.id = account_id and p.alias is not null for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.lock_editions_of(account_id);
    perform private.check_profile(birth_date, old_row.language, null);
    update mpp.profile p set birth_date = correct_birth_date.birth_date, birth_date_before = null where p.id = account_id;
    perform private.check_age(account_id);
    perform private.record_act('profile.correct_birth_date', account_id::text,
        jsonb_build_object('reason', private.clean_line('reason', correct_birth_date.reason, 200)));
end
$$;
grant execute on function private.correct_birth_date to authenticated, service_role;

create function api.correct_birth_date(account_id uuid, birth_date date, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.correct_birth_date(account_id, birth_date, reason); end;
comment on function api.correct_birth_date is 'Corrects the birth date of a player, minor or not; the owner may then correct it once again. The audit keeps the reason, not the date. Refuses a date that makes the person too young for the open league or class they are in. Staff. Errors: MP005, MP006, MP010, MP052, MP053.';
grant execute on function api.correct_birth_date to authenticated, service_role;
-- Giving and withdrawing consents, and accepting the terms. The log is in 26_profile, the terms in 19_terms; what is
-- agreed to for a partner is in 45_partner.

create view api.my_consents with (security_invoker = true) as
select distinct on (c.purpose, c.campaign_id) c.purpose, c.granted, c.text_version, c.given_at, c.campaign_id
from mpp.consent c
where c.account_id = (select private.my_account())
order by c.purpose, c.campaign_id, c.id desc;
comment on view api.my_consents is 'What the caller agrees to now, by purpose, and for partner_sharing by campaign.';
grant select on api.my_consents to authenticated;

create view api.my_consent_history with (security_invoker = true) as
select c.id, c.purpose, c.granted, c.text_version, c.given_at, c.channel, c.campaign_id
from mpp.consent c cross join (select) read_only
where c.account_id = (select private.my_account());
comment on view api.my_consent_history is 'Everything that the caller ever agreed to or withdrew, with the text and the way; sort by id.';
grant select on api.my_consent_history to authenticated;

-- Refuses somebody who has not accepted the terms that hold, if the setting says so.
create function private.require_terms(account uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    due record;
begin
    if private.setting('terms_due') = 'allowed' then
        return;
    end if;
    select d.version, d.effective_at into due
    from mpp.profile p
    cross join lateral private.terms_due(p.terms_published_at) d
    where p.id = account;
    perform private.refuse('MP055', due.version, private.format_first_day(due.effective_at));
end
$$;

-- Adds to the log what changes something; returns whether it did. The log is never deleted from: somebody who may give
-- no more may still withdraw.
create function private.record_consent(
    account uuid, purpose api.consent_purpose, granted boolean, text_version text, channel text, campaign integer default null
) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    latest mpp.consent;
begin
    select * into latest
    from mpp.consent c
    where c.account_id = account and c.purpose = record_consent.purpose and c.campaign_id is not distinct from campaign
    order by c.id desc
    limit 1;
    -- Nothing to withdraw, or the same again.
    if (latest.granted is not true and not granted)
        or (latest.granted = record_consent.granted and latest.text_version = record_consent.text_version) then
        return false;
    end if;
    if granted and (
        select count(*) from mpp.consent c where c.account_id = account and c.given_at > private.clock() - interval '24 hours'
    ) >= 20 then
        perform private.refuse('MP047', '20');
    end if;
    insert into mpp.consent (account_id, purpose, granted, text_version, channel, campaign_id)
    values (account, record_consent.purpose, record_consent.granted, record_consent.text_version, record_consent.channel, campaign);
    return true;
end
$$;

create function private.accept_terms(version text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    terms mpp.terms_version := private.current_terms();
    accepted mpp.terms_version;
begin
    -- Also one that is announced; none that was followed by another.
    select * into accepted
    from mpp.terms_version t
    where t.version = accept_terms.version and t.published_at between terms.published_at and private.clock();
    if not found then
        perform private.refuse('MP051', coalesce(left(version, 40), '(none)'), terms.version);
    end if;
    update mpp.profile p
    set terms_published_at = greatest(p.terms_published_at, accepted.published_at)
    where p.id = account;
    perform private.record_consent(account, 'terms', true, accepted.version, 'app');
end
$$;
grant execute on function private.accept_terms to authenticated;

create function api.accept_terms(version text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_terms(version); end;
comment on function api.accept_terms is 'Accepts a version of the terms of use: the one that holds, or one that is announced. Errors: MP001–MP003, MP011, MP047, MP051.';
grant execute on function api.accept_terms to authenticated;

create function private.set_consent(purpose api.consent_purpose, granted boolean, campaign text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => granted);
begin
    if purpose is null then
        perform private.refuse('MP010', 'purpose', 'it is empty', 'Use newsletter, league_alerts or partner_sharing.');
    end if;
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    if purpose = 'terms' then
        perform private.refuse('MP010', 'purpose', 'terms', 'Terms are accepted with accept_terms; leaving them is erasing the account.');
    end if;
    if purpose = 'partner_sharing' then
        perform private.set_partner_consent(account, campaign, granted);
    else
        perform private.record_consent(account, purpose, granted, (private.current_terms()).version, 'app');
    end if;
end
$$;
grant execute on function private.set_consent to authenticated;

create function api.set_consent(purpose api.consent_purpose, granted boolean, campaign text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_consent(purpose, granted, campaign); end;
comment on function api.set_consent is 'Gives or withdraws one consent of the caller. partner_sharing is given for a campaign that the caller has joined, and withdrawn for it, or for all without one. Once the log has twenty rows of a day, none is given any more. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP056, MP063.';
grant execute on function api.set_consent to authenticated;
-- Schools and their teachers. A school is public knowledge: the Ministry publishes its directory. Classes belong to a
-- school and are leagues (40_league, 50_class).

-- The code of a French school, RNE, today called UAI: seven digits, and a letter that checks them.
create function private.is_rne(code text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when code ~ '^[0-9]{7}[A-Z]$'
            then substr('ABCDEFGHJKLMNPRSTUVWXYZ', 1 + left(code, 7)::integer % 23, 1) = right(code, 1)
        else false
    end
$$;

-- The French department of a postcode; null when there is none. Corsica is 2A up to 201, 2B after it.
create function private.department_of(country text, postcode text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when country is distinct from 'FR' or postcode is null or postcode !~ '^[0-9]{5}$' then null
        when postcode ~ '^9[78]' then left(postcode, 3)
        when postcode ~ '^20[01]' then '2A'
        when postcode ~ '^20' then '2B'
        when left(postcode, 2) between '01' and '95' then left(postcode, 2)
    end
$$;
grant execute on function private.department_of to mpp_owner;

-- Whether a department of this code exists.
create function private.is_department(code text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select code ~ '^(0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|97[1-8]|98[678])$' $$;
grant execute on function private.is_department to mpp_owner;

-- The code that INSEE gives a commune; it begins with the department.
create function private.is_commune(code text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select code ~ '^((0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5])[0-9]{3}|9(7[1-8]|8[678])[0-9]{2})$' $$;
grant execute on function private.is_commune to mpp_owner;

-- The commune as people know it: Paris, Lyon and Marseille have a code of their own beside those of their districts.
create function private.whole_commune(code text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select case when code ~ '^751(0[1-9]|1[0-9]|20)$' then '75056' when code ~ '^6938[1-9]$' then '69123'
        when code ~ '^132(0[1-9]|1[0-6])$' then '13055' else code end
$$;

create table mpp.school (
    id uuid primary key default private.uuid_v7(),
    rne text unique check (rne is null or private.is_rne(rne)),
    name mpp.line not null,
    levels mpp.school_level[] not null check (cardinality(levels) between 1 and 4),
    country text not null default 'FR' check (private.is_country(country)),
    postcode text not null check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    city mpp.line not null,
    commune text check (private.is_commune(commune)),
    stated_department text check (private.is_department(stated_department)),
    -- Postcodes cross the borders of departments, so they are asked last.
    department text generated always as (coalesce(
        stated_department, substring(commune from '^9[78].|^..'), private.department_of(country, postcode)
    )) stored,
    is_hidden boolean not null default false,
    created_by uuid,
    created_at timestamptz not null default private.clock(),
    search_text text not null generated always as (
        private.findable(coalesce(rne, '') || ' ' || postcode || ' ' || city || ' ' || name)
    ) stored,
    constraint school_place_in_france check (country = 'FR' or num_nonnulls(commune, stated_department) = 0),
    constraint school_in_france_has_rne check (country <> 'FR' or rne is not null)
);
comment on table mpp.school is 'Schools, from the directory of the Ministry or added by a teacher. A school abroad has no RNE (the code that is called UAI today).';
comment on column mpp.school.commune is 'INSEE code of its commune, as the directory states it.';
comment on column mpp.school.stated_department is 'Department that the directory states. department is this one, or what commune and postcode tell.';
comment on column mpp.school.is_hidden is 'Taken off the lists by the staff: a joke, a double, a name against the law.';
create unique index school_abroad_once
    on mpp.school (country, private.searchable(postcode), private.searchable(city), private.searchable(name))
    where rne is null;

-- Without a list of pending entries, which would slow searches down until the next vacuum.
create index school_search on mpp.school using gin (private.trigrams(search_text)) with (fastupdate = off);
create index school_created_by on mpp.school (created_by, created_at) where created_by is not null;

create table mpp.teacher (
    account_id uuid primary key references mpp.profile (id) on delete cascade,
    role mpp.line not null check (char_length(role) <= 80),
    subject mpp.line check (char_length(subject) <= 80),
    registered_at timestamptz not null default private.clock()
);
comment on table mpp.teacher is 'A referring adult and what they do at school, for internal statistics. Their name is in mpp.profile.';

alter table mpp.school enable row level security;
alter table mpp.teacher enable row level security;

create policy school_select_everyone on mpp.school
    for select to anon, authenticated
    using (not is_hidden);

create policy teacher_select_authenticated on mpp.teacher
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select (id, rne, name, levels, country, postcode, city, is_hidden) on mpp.school to anon, authenticated;
grant select on mpp.school to service_role;
grant select on mpp.teacher to authenticated, service_role;

create view api.schools with (security_invoker = true) as
select s.id as school_id, s.rne, s.name, s.levels::text[] as levels, s.country, s.postcode, s.city
from mpp.school s cross join (select) read_only
where not s.is_hidden;
comment on view api.schools is 'Schools by id or RNE, the code that is called UAI today. To find a school by a part of its name use search_schools.';
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
    t.registered_at,
    due.version as terms_due,
    due.effective_at as terms_due_since
from mpp.teacher t
join mpp.profile p on p.id = t.account_id
left join lateral private.terms_due(p.terms_published_at) due on true
where t.account_id = (select private.my_account());
comment on view api.my_teacher is 'The caller as a teacher: one row, or none before register_teacher.';
grant select on api.my_teacher to authenticated;

-- The account behind a request of a teacher.
create function private.require_teacher() returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false);
begin
    if not exists (select from mpp.teacher t where t.account_id = account) then
        perform private.refuse('MP009');
    end if;
    return account;
end
$$;

create function private.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text, language text,
    class_alerts boolean, newsletter boolean
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    terms mpp.terms_version := private.current_terms();
begin
    if terms_version is distinct from terms.version then
        perform private.refuse('MP051', coalesce(terms_version, '(none)'), terms.version);
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    perform private.lock_account(account);
    -- Somebody who plays already keeps their profile.
    insert into mpp.profile as p (id, first_name, last_name, language, terms_published_at)
    values (account, private.clean_person('first_name', register_teacher.first_name),
        private.clean_person('last_name', register_teacher.last_name), register_teacher.language, terms.published_at)
    on conflict on constraint profile_pkey do update
    set terms_published_at = greatest(p.terms_published_at, excluded.terms_published_at);
    insert into mpp.teacher (account_id, role, subject)
    values (account, private.clean_line('role', register_teacher.role, 80),
        case when register_teacher.subject is not null then private.clean_line('subject', register_teacher.subject, 80) end)
    on conflict do nothing;
    if not found then
        perform private.refuse('MP004');
    end if;
    perform private.check_age(account);
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, terms.version, 'app'
    from (values ('terms', true), ('league_alerts', class_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;
grant execute on function private.register_teacher to authenticated;

create function api.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text default null, language text default 'fr',
    class_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.register_teacher(first_name, last_name, role, terms_version, subject, language, class_alerts, newsletter);
end;
comment on function api.register_teacher is 'Registers the caller as a teacher, accepting the current terms of use. An adult who plays already keeps their profile; a player under 18 is refused. Returns the account id. Errors: MP001, MP002, MP004, MP010, MP011, MP051, MP053.';
grant execute on function api.register_teacher to authenticated;

create function private.update_teacher(first_name text, last_name text, role text, subject text, language text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_teacher();
begin
    if language is not null and language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', language, 'Use fr, en or de.');
    end if;
    perform private.lock_editions_of(account);
    update mpp.profile p
    set first_name = case when update_teacher.first_name is null then p.first_name else private.clean_person('first_name', update_teacher.first_name) end,
        last_name = case when update_teacher.last_name is null then p.last_name else private.clean_person('last_name', update_teacher.last_name) end,
        language = coalesce(update_teacher.language, p.language)
    where p.id = account;
    update mpp.teacher t
    set role = private.clean_line('role', coalesce(update_teacher.role, t.role), 80),
        subject = case when update_teacher.subject = '' then null
            when update_teacher.subject is null then t.subject else private.clean_line('subject', update_teacher.subject, 80) end
    where t.account_id = account;
end
$$;
grant execute on function private.update_teacher to authenticated;

create function api.update_teacher(
    first_name text default null, last_name text default null, role text default null, subject text default null,
    language text default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.update_teacher(first_name, last_name, role, subject, language); end;
comment on function api.update_teacher is 'Corrects the caller''s data as a teacher; what is left out stays, and an empty subject clears it. The audit keeps which fields changed, no value. Errors: MP001, MP002, MP009, MP010, MP011, MP047.';
grant execute on function api.update_teacher to authenticated;

create type api.school_found as (
    school_id uuid, rne text, name text, levels text[], country text, postcode text, city text
);
comment on type api.school_found is 'A school that a search found.';

-- Every word of the query must be part of the code, postcode, city or name. Words of three characters use the index;
-- shorter ones only narrow what it finds.
create function private.search_schools(query text, country text, level text, results integer) returns setof api.school_found
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
    -- A search for «école» matches most of the table, and the planner would then read all of it.
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
    asked := coalesce(private.findable(query), '');
    if cardinality(private.trigrams(asked)) = 0 then
        perform private.refuse('MP010', 'query', 'it has no three letters in a row', 'Type a code, a postcode, a city or a part of the name.');
    end if;
    -- Each word once, and none that is part of another: every word costs a look at every candidate.
    patterns := array(
        select distinct '%' || w.word || '%'
        from unnest(string_to_array(asked, ' ')) w (word)
        where not exists (
            select from unnest(string_to_array(asked, ' ')) o (word) where o.word <> w.word and strpos(o.word, w.word) > 0
        )
    );
    -- An official name with its town has up to thirty words. A word that the index does not narrow costs a look at
    -- every candidate.
    if cardinality(patterns) > 30 or (select count(*) from unnest(patterns) w (word) where char_length(w.word) < 5) > 8 then
        perform private.refuse('MP010', 'query', format('it has %s words', cardinality(patterns)),
            'Use 30 words at most, 8 of them of one or two letters.');
    end if;
    if results is null or results not between 1 and 100 then
        perform private.refuse('MP010', 'results', coalesce(results::text, 'it is empty'), 'Ask for 1 to 100.');
    end if;
    if level is not null and level <> all (private.school_levels()) then
        perform private.refuse('MP010', 'level', left(level, 40), 'Use maternelle, elementaire, college or lycee.');
    end if;
    return query
    select f.id, f.rne, f.name::text, f.levels::text[], f.country, f.postcode, f.city::text
    from (
        -- Enough to choose from: a query that finds more needs another word.
        select s.*
        from mpp.school s
        where private.trigrams(s.search_text) @> private.trigrams(asked)
            and not s.is_hidden
            and (search_schools.country is null or s.country = search_schools.country)
            and (search_schools.level is null or search_schools.level = any (s.levels))
            and s.search_text like all (patterns)
        limit 500
    ) f
    order by strpos(private.findable(f.name), asked) <> 1, private.findable(f.name), f.city, f.id
    limit results;
end
$$;
grant execute on function private.search_schools to authenticated, service_role;

create function api.search_schools(query text, country text default null, level text default null, results integer default 20)
    returns setof api.school_found
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set statement_timeout = '2s'
begin atomic select * from private.search_schools(query, country, level, results); end;
comment on function api.search_schools is 'Finds schools whose code, postcode, city or name holds every word of the query, accents or not; one word must have three letters. Any account that is not anonymous. Errors: MP001, MP002, MP010.';
grant execute on function api.search_schools to authenticated, service_role;

create function private.check_school(rne text, country text, levels text[]) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if rne is not null and not private.is_rne(rne) then
        perform private.refuse('MP010', 'rne', format('%s is not a school code', left(rne, 20)),
            'Copy the seven digits and the letter that checks them, such as 0123456S.');
    end if;
    if country = 'FR' and rne is null then
        perform private.refuse('MP010', 'rne', 'it is empty', 'Give the RNE code of the school; only schools abroad have none.');
    end if;
    if coalesce(cardinality(levels), 0) = 0 or not levels <@ private.school_levels()
        or array_position(levels, null) is not null then
        perform private.refuse('MP010', 'levels', left(coalesce(array_to_string(levels, ', ', 'null'), 'it is empty'), 80),
            'Use one or more of maternelle, elementaire, college and lycee.');
    end if;
end
$$;

-- In the order of a pupil's life, each once.
create function private.levels_in_order(levels text[]) returns mpp.school_level[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select array(
        select l.level::mpp.school_level
        from unnest(private.school_levels()) with ordinality l (level, place)
        where l.level = any (levels)
        order by l.place
    )
$$;

create function private.add_school(name text, city text, postcode text, levels text[], country text, rne text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.require_teacher() end;
    code text := upper(replace(private.trimmed(left(rne, 40)), ' ', ''));
    cleaned_name text := private.clean_name('name', name, 120);
    cleaned_city text := private.clean_label('city', city, 80);
    place record;
    added integer;
    school uuid;
begin
    place := private.clean_place(country, postcode);
    perform private.check_school(nullif(code, ''), place.country, levels);
    code := nullif(code, '');
    perform private.lock_caller();
    -- A known school stays as it is, whoever describes it again.
    select s.id into school
    from mpp.school s
    where case when code is not null then s.rne = code
        else s.rne is null and s.country = place.country
            and private.searchable(s.postcode) = private.searchable(place.postcode)
            and private.searchable(s.city) = private.searchable(cleaned_city)
            and private.searchable(s.name) = private.searchable(cleaned_name) end;
    if found then
        return school;
    end if;
    -- One at a time for one account, so that the limit holds.
    if account is not null then
        perform pg_advisory_xact_lock(hashtext('mpp.school'), hashtext(account::text));
        select count(*) into added from mpp.school s where s.created_by = account and s.created_at > private.clock() - interval '24 hours';
        if added >= 5 and not private.is_ops() then
            perform private.refuse('MP085', '5');
        end if;
    end if;
    insert into mpp.school (rne, name, levels, country, postcode, city, created_by)
    values (code, cleaned_name, private.levels_in_order(add_school.levels), place.country, place.postcode, cleaned_city, account)
    on conflict do nothing
    returning id into school;
    if school is null then
        -- Somebody else added it at the same moment.
        select s.id into school
        from mpp.school s
        where case when code is not null then s.rne = code
            else s.rne is null and s.country = place.country
                and private.searchable(s.postcode) = private.searchable(place.postcode)
                and private.searchable(s.city) = private.searchable(cleaned_city)
                and private.searchable(s.name) = private.searchable(cleaned_name) end;
    end if;
    return school;
end
$$;
grant execute on function private.add_school to authenticated, service_role;

create function api.add_school(
    name text, city text, postcode text, levels text[], country text default 'FR', rne text default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.add_school(name, city, postcode, levels, country, rne); end;
comment on function api.add_school is 'Adds a school and returns its id. A school that is known already (same RNE, or abroad same name and place) is returned as it is. Teachers, five a day, and staff. Errors: MP001, MP002, MP009, MP010, MP011, MP085.';
grant execute on function api.add_school to authenticated, service_role;

create function private.correct_school(
    school_id uuid, name text, city text, postcode text, levels text[], is_hidden boolean
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    was mpp.school;
    place record;
begin
    perform private.require_ops();
    select * into was from mpp.school s where s.id = correct_school.school_id for no key update;
    if not found then
        perform private.refuse('MP080');
    end if;
    place := private.clean_place(was.country, coalesce(postcode, was.postcode));
    perform private.check_school(was.rne, was.country, coalesce(levels, was.levels::text[]));
    update mpp.school s
    set name = private.clean_line('name', coalesce(correct_school.name, s.name), 120),
        city = private.clean_line('city', coalesce(correct_school.city, s.city), 80),
        postcode = place.postcode,
        levels = case when correct_school.levels is null then s.levels else private.levels_in_order(correct_school.levels) end,
        is_hidden = coalesce(correct_school.is_hidden, s.is_hidden)
    where s.id = was.id;
    -- A school that is hidden takes its classes out of the rankings, until it comes back. In a frozen edition they
    -- cannot come back.
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
grant execute on function private.correct_school to authenticated, service_role;

create function api.correct_school(
    school_id uuid, name text default null, city text default null, postcode text default null, levels text[] default null,
    is_hidden boolean default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.correct_school(school_id, name, city, postcode, levels, is_hidden); end;
comment on function api.correct_school is 'Corrects a school, or takes it off the lists and its classes out of the rankings; what is left out stays. Its classes come back with it, except in frozen editions. Staff. Errors: MP006, MP010, MP038, MP080.';
grant execute on function api.correct_school to authenticated, service_role;

create type api.import_outcome as (added integer, changed integer, unchanged integer);
comment on type api.import_outcome is 'How many rows an import added, changed, and found unchanged.';

-- One batch of the directory: [{"rne", "name", "levels", "country", "postcode", "city", "commune", "department"}].
-- Importing the same batch again changes nothing, so a load that was cut short is simply run again.
create function private.import_schools(schools jsonb) returns api.import_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    outcome api.import_outcome;
    faults jsonb;
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if jsonb_typeof(schools) is distinct from 'array' then
        perform private.refuse('MP010', 'schools', 'it is not a list', 'Send [{"rne", "name", "levels", "country", "postcode", "city"}].');
    end if;
    -- Two loads at once take turns.
    perform pg_advisory_xact_lock(hashtext('mpp.school'), 0);
    select jsonb_agg(jsonb_build_object('row', f.row_number, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by f.row_number) into faults
    from (
        select p.row_number,
            case
                when p.rne is null or not private.is_rne(p.rne) then jsonb_build_array('rne_wrong', coalesce(p.rne, 'nothing'))
                when count(*) over (partition by p.rne) > 1 then jsonb_build_array('rne_twice', p.rne)
                when coalesce(btrim(p.name), '') = '' or char_length(p.name) > 120 then jsonb_build_array('name_wrong', p.rne)
                when coalesce(btrim(p.city), '') = '' or char_length(p.city) > 80 then jsonb_build_array('city_wrong', p.rne)
                when private.is_country(p.country) is not true then jsonb_build_array('country_wrong', p.rne)
                when p.postcode is null or p.postcode !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' then jsonb_build_array('postcode_wrong', p.rne)
                when coalesce(cardinality(p.levels), 0) = 0 or not p.levels <@ private.school_levels()
                    then jsonb_build_array('levels_wrong', p.rne)
                when p.commune is not null and (p.country <> 'FR' or not private.is_commune(p.commune)) then jsonb_build_array('commune_wrong', p.rne)
                when p.department is not null and (p.country <> 'FR' or not private.is_department(p.department))
                    then jsonb_build_array('department_wrong', p.rne)
            end as fault
        from rows from (
            jsonb_to_recordset(schools) as (
                rne text, name text, levels text[], country text, postcode text, city text, commune text, department text
            )
        ) with ordinality p (rne, name, levels, country, postcode, city, commune, department, row_number)
    ) f
    where f.fault is not null;
    perform private.refuse_import(faults);
    with piece as (
        select p.rne, private.clean_line('name', p.name, 120) as name, private.levels_in_order(p.levels) as levels, p.country,
            p.postcode, private.clean_line('city', p.city, 80) as city, p.commune, p.department
        from jsonb_to_recordset(schools) p (
            rne text, name text, levels text[], country text, postcode text, city text, commune text, department text
        )
        order by p.rne
    ), written as (
        insert into mpp.school as s (rne, name, levels, country, postcode, city, commune, stated_department)
        select p.rne, p.name, p.levels, p.country, p.postcode, p.city, p.commune, p.department from piece p
        on conflict on constraint school_rne_key do update
        set name = excluded.name, levels = excluded.levels, country = excluded.country, postcode = excluded.postcode,
            city = excluded.city, commune = excluded.commune, stated_department = excluded.stated_department
        where (s.name, s.levels, s.country, s.postcode, s.city, s.commune, s.stated_department) is distinct from
            (excluded.name, excluded.levels, excluded.country, excluded.postcode, excluded.city, excluded.commune, excluded.stated_department)
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
grant execute on function private.import_schools to service_role;

create function api.import_schools(schools jsonb) returns api.import_outcome
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '2min'
begin atomic select private.import_schools(schools); end;
comment on function api.import_schools is 'Imports a batch of the directory of schools, all or none, matched by RNE; importing it again changes nothing. Secret key only. Errors: MP006, MP010, MP070.';
grant execute on function api.import_schools to service_role;
-- What is written about a person is corrected by its owner (update_profile in 26_profile, update_teacher in 28_school), or
-- by the staff for somebody who asked. Either leaves a trace.

-- Which of these fields differ, by name.
create function private.changed_fields(before jsonb, after jsonb, variadic fields text[]) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(f.name order by f.place), '[]')
    from unnest(fields) with ordinality f (name, place)
    where before -> f.name is distinct from after -> f.name
$$;

-- A trace of what people correct themselves, without a value: the audit is for good. What the staff correct is recorded
-- with its reason where they do it.
create function private.correction_recorded() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
    fields jsonb;
begin
    if account is distinct from private.my_account() then
        return null;
    end if;
    fields := private.changed_fields(to_jsonb(old), to_jsonb(new), variadic tg_argv[1:]);
    if fields <> '[]' then
        perform private.record_act('profile.update', account::text, jsonb_build_object('fields', fields));
    end if;
    return null;
end
$$;

-- A teacher who starts to play registers: that corrects nothing.
create trigger profile_correction_recorded
    after update on mpp.profile
    for each row when (old.* is distinct from new.* and (old.alias is null) = (new.alias is null))
    execute function private.correction_recorded('id', 'first_name', 'last_name', 'alias', 'country', 'postcode', 'birth_date', 'language',
        'sector', 'acquisition_channel', 'picture_path');

create trigger teacher_correction_recorded
    after update on mpp.teacher
    for each row when (old.* is distinct from new.*)
    execute function private.correction_recorded('account_id', 'role', 'subject');

create function private.correct_profile(
    account_id uuid, reason text, first_name text, last_name text, alias text, country text, postcode text, birth_date date,
    language text, sector text, acquisition_channel text, role text, subject text
) returns text[]
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    was mpp.profile;
    became mpp.profile;
    taught mpp.teacher;
    teaches mpp.teacher;
    place record;
    fields jsonb;
begin
    perform private.require_ops();
    why := private.clean_line('reason', correct_profile.reason, 200);
    select * into was from mpp.profile p where p.id = account_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.lock_editions_of(account_id);
    if was.alias is null and num_nonnulls(alias, country, postcode, birth_date, sector, acquisition_channel) > 0 then
        perform private.refuse('MP010', 'account_id', 'this person does not play', 'Correct a name, the language, the role or the subject.');
    end if;
    select * into taught from mpp.teacher t where t.account_id = correct_profile.account_id for no key update;
    if taught.account_id is null and num_nonnulls(role, subject) > 0 then
        perform private.refuse('MP010', 'account_id', 'this person is no teacher', 'Leave role and subject out.');
    end if;
    if language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', language, 'Use fr, en or de.');
    end if;
    perform private.refuse_unseen('alias', left(alias, 1000));
    place := was;
    if country is not null or postcode is not null then
        place := private.clean_place(coalesce(country, was.country), coalesce(postcode, was.postcode));
    end if;
    update mpp.profile p
    set first_name = case when correct_profile.first_name is null then p.first_name else private.clean_person('first_name', correct_profile.first_name) end,
        last_name = case when correct_profile.last_name is null then p.last_name else private.clean_person('last_name', correct_profile.last_name) end,
        alias = case when correct_profile.alias is null then p.alias else private.clean_alias(correct_profile.alias) end,
        country = place.country,
        postcode = place.postcode,
        language = coalesce(correct_profile.language, p.language),
        sector = case when correct_profile.sector = '' then null
            when correct_profile.sector is null then p.sector else private.clean_line('sector', correct_profile.sector, 80) end,
        acquisition_channel = case when correct_profile.acquisition_channel = '' then null
            when correct_profile.acquisition_channel is null then p.acquisition_channel
            else private.clean_line('acquisition_channel', correct_profile.acquisition_channel, 80) end
    where p.id = account_id
    returning * into became;
    update mpp.teacher t
    set role = private.clean_line('role', coalesce(correct_profile.role, t.role), 80),
        subject = case when correct_profile.subject = '' then null
            when correct_profile.subject is null then t.subject else private.clean_line('subject', correct_profile.subject, 80) end
    where t.account_id = correct_profile.account_id
    returning * into teaches;
    fields := private.changed_fields(to_jsonb(was), to_jsonb(became), 'first_name', 'last_name', 'alias', 'country', 'postcode', 'language',
            'sector', 'acquisition_channel')
        || private.changed_fields(to_jsonb(taught), to_jsonb(teaches), 'role', 'subject');
    if fields <> '[]' then
        perform private.record_act('profile.correct', account_id::text, jsonb_build_object('reason', why, 'fields', fields));
    end if;
    -- It has a trace of its own.
    if birth_date is distinct from was.birth_date and birth_date is not null then
        perform private.correct_birth_date(account_id, birth_date, why);
        fields := fields || '["birth_date"]';
    end if;
    return array(select jsonb_array_elements_text(fields));
end
$$;
grant execute on function private.correct_profile to authenticated, service_role;

create function api.correct_profile(
    account_id uuid, reason text, first_name text default null, last_name text default null, alias text default null,
    country text default null, postcode text default null, birth_date date default null, language text default null,
    sector text default null, acquisition_channel text default null, role text default null, subject text default null
) returns text[]
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.correct_profile(account_id, reason, first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, role, subject);
end;
comment on function api.correct_profile is 'Corrects what is written about a person, who asked for it by another way than the app; what is left out stays, and an empty text clears an optional field. Returns the names of the fields that changed, and the audit keeps them with the reason, no value. role and subject are those of a teacher. Staff. Errors: MP005, MP006, MP010, MP052, MP053.';
grant execute on function api.correct_profile to authenticated, service_role;

-- The address of an account is Auth's, and its owner changes it there, by a mail to both. The staff do it for somebody who
-- lost the old one: called before Auth is asked, since rather a line too many than one too few.
create function private.record_address_correction(account_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_service();
    why := private.clean_line('reason', record_address_correction.reason, 200);
    if not exists (select from auth.users u where u.id = account_id and not u.is_anonymous and not u.is_sso_user) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.correct_address', account_id::text, jsonb_build_object('reason', why));
end
$$;
grant execute on function private.record_address_correction to service_role;

create function api.record_address_correction(account_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_address_correction(account_id, reason); end;
comment on function api.record_address_correction is 'Records that the address of an account is about to be changed by the administration interface of Auth, and why; the audit keeps neither address. Secret key only. Errors: MP005, MP006, MP010.';
grant execute on function api.record_address_correction to service_role;
-- Clients: their staff and the dates of their access, their part in an edition, its units, and the territory of a local
-- authority. Staff see what the people of their own organisation do together, never one person (82_client_figure).

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
comment on table mpp.staff is 'Who works for a client, and from when to when they have access. It is read live at each request.';
comment on column mpp.staff.ended_at is 'When what they knew was ended, after their dates. Earlier than access_until: it is still to be ended.';
create index staff_organisation on mpp.staff (organisation_id);

create table mpp.staff_invitation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    email text not null check (email = lower(email) and private.is_mail_address(email)),
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    code_digest bytea not null unique,
    -- Deleting an account deletes the invitations that it sent and that nobody took.
    invited_by uuid references auth.users (id) on delete cascade,
    expires_at timestamptz not null,
    invited_at timestamptz not null default private.clock(),
    accepted_at timestamptz,
    constraint staff_invitation_once unique (organisation_id, email)
);
comment on table mpp.staff_invitation is 'Invitations of staff: taken once, by the address they were sent to. The code is in the mail only; this is its digest.';
comment on column mpp.staff_invitation.invited_by is 'The owner who invites, who must still be an owner when it is taken; null for the association.';
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
comment on table mpp.participation is 'The part of a client in an edition.';
comment on column mpp.participation.asks_phone is 'Whether players of its leagues who are 15 or older may give a phone number, which their ambassador sees.';
comment on column mpp.participation.carries_name is 'Whether its leagues carry the name of the organisation in public.';
create index participation_edition on mpp.participation (edition_id);

create type api.territory_kind as enum ('postcode', 'department', 'commune', 'rne');

-- Whether a code of a territory exists: a department, a postcode or commune of one, or the code of a school. A code
-- that matches nothing would only look like a territory.
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

-- A login of a dashboard that speaks SQL (Retool), and the one client whose rows it reads.
create table mpp.dashboard (
    role_name name primary key,
    organisation_id integer not null references mpp.organisation (id)
);
comment on table mpp.dashboard is 'Database logins of client dashboards, members of mpp_dashboard, each bound to one organisation.';
create index dashboard_organisation on mpp.dashboard (organisation_id);

-- The organisations whose staff the caller is at this moment, with at least this role. The login of a dashboard gets
-- the one it is bound to, the association's staff get all.
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
        -- An anonymous account works for nobody, even where a row says so.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
        -- An owner who lacks the second factor is nobody there, not a smaller role either.
        and (s.role < 'owner' or not (select private.lacks_second_factor()))
    union
    select d.organisation_id
    from mpp.dashboard d
    where d.role_name = session_user and private.request_role() = session_user and at_least = 'viewer'
    union
    select o.id from mpp.organisation o where private.is_ops();
end
$$;
grant execute on function private.my_client_ids to authenticated, mpp_dashboard;

-- These include organisations whose dates have passed or not begun, and those for which a second factor is missing:
-- their name may be read, nothing more.
create function private.my_organisation_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select private.my_proven_account())
        -- An anonymous account works for nobody, even where a row says so.
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

-- One's own rows show outside their dates too, so that an app can say why there is nothing to see.
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

-- Refuses outside the dates of somebody's access, and says whether they have passed or not begun.
create function private.require_staff_access(me mpp.staff) returns void
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
            private.format_first_day(me.access_from), private.format_last_day(me.access_until), closed);
    end if;
end
$$;

-- Requires this role of the client's staff, inside their dates. Whoever is not of its staff gets the refusal for a
-- client that does not exist.
create function private.require_client_role(organisation integer, account uuid, at_least api.staff_role) returns void
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
    if me.role = 'owner' and private.lacks_second_factor() then
        perform private.refuse('MP013');
    end if;
    perform private.require_staff_access(me);
    if me.role < at_least then
        perform private.refuse('MP092', at_least::text);
    end if;
end
$$;

-- The account behind a command for a client.
create function private.require_client(organisation integer, at_least api.staff_role default 'manager') returns uuid
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
    account := private.require_account(registered => false);
    perform private.require_client_role(organisation, account, at_least);
    return account;
end
$$;
grant select on mpp.organisation, mpp.participation, mpp.unit, mpp.territory to authenticated, service_role;
grant select on mpp.organisation, mpp.participation, mpp.unit to mpp_dashboard;
grant select on mpp.staff to authenticated;
grant select (id, organisation_id, email, role, access_from, access_until, expires_at, invited_at, accepted_at)
    on mpp.staff_invitation to authenticated, service_role;

create view api.my_organisations with (security_invoker = true) as
with t as materialized (select private.read_clock() as at, private.lacks_second_factor() as lacks)
select
    o.id as organisation_id,
    o.code,
    o.name,
    o.kind,
    s.role,
    s.access_from,
    s.access_until,
    tstzrange(s.access_from, s.access_until) @> t.at and not (s.role = 'owner' and t.lacks) as is_open,
    case
        when t.at < s.access_from then 'not_yet'
        when t.at >= s.access_until then 'over'
        when s.role = 'owner' and t.lacks then 'second_factor'
    end as closed_because
from t
cross join mpp.staff s
join mpp.organisation o on o.id = s.organisation_id
where s.account_id = (select private.my_proven_account());
comment on view api.my_organisations is 'The organisations that the caller works for, with the dates of access. Where there is nothing else to see, closed_because is not_yet, over or second_factor.';
comment on column api.my_organisations.organisation_id is 'The organisation.';
comment on column api.my_organisations.code is 'Its code.';
comment on column api.my_organisations.name is 'Its name.';
comment on column api.my_organisations.kind is 'What it is.';
comment on column api.my_organisations.role is 'The caller''s role there.';
comment on column api.my_organisations.access_from is 'First instant of the access.';
comment on column api.my_organisations.access_until is 'The instant at which the access is over: midnight after its last day, where it is a day.';
comment on column api.my_organisations.is_open is 'Whether it is open now.';
comment on column api.my_organisations.closed_because is 'not_yet before the access, over after it, second_factor where an owner has to show one first (MP013), null inside.';
grant select on api.my_organisations to authenticated;

create view api.client_organisations with (security_invoker = true) as
select o.id as organisation_id, o.code, o.name, o.kind, o.language, o.created_at
from mpp.organisation o cross join (select) read_only;
comment on view api.client_organisations is 'The organisations that the caller works for, whatever the dates; all for the association.';
comment on column api.client_organisations.organisation_id is 'The organisation.';
comment on column api.client_organisations.code is 'The code that the association uses for it.';
comment on column api.client_organisations.name is 'Its name.';
comment on column api.client_organisations.kind is 'What it is: a company, a local authority….';
comment on column api.client_organisations.language is 'Language of its mails and reports.';
comment on column api.client_organisations.created_at is 'Since when it is a client.';
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
comment on column api.client_participations.participation_id is 'The part of a client in an edition; every other view of clients names it.';
comment on column api.client_participations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_participations.organisation_code is 'Code of the organisation.';
comment on column api.client_participations.organisation_name is 'Name of the organisation.';
comment on column api.client_participations.edition_id is 'The edition.';
comment on column api.client_participations.edition_code is 'Code of the edition.';
comment on column api.client_participations.edition_title is 'Title of the edition by language.';
comment on column api.client_participations.starts_at is 'First instant of the edition.';
comment on column api.client_participations.ends_at is 'The instant at which the edition is over: midnight after its last day.';
comment on column api.client_participations.frozen_at is 'When its ranking was frozen; null while it is not.';
comment on column api.client_participations.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_participations.asks_phone is 'Whether players of its leagues, of 15 and older, may give a phone number to their ambassador.';
comment on column api.client_participations.carries_name is 'Whether its leagues carry the name of the organisation in public.';
comment on column api.client_participations.created_at is 'Since when it takes part.';
grant select on api.client_participations to authenticated, service_role, mpp_dashboard;

create view api.client_units with (security_invoker = true) as
select u.id as unit_id, u.organisation_id, u.name from mpp.unit u cross join (select) read_only;
comment on view api.client_units is 'Departments, sites or services of the caller''s organisations.';
comment on column api.client_units.unit_id is 'The unit.';
comment on column api.client_units.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_units.name is 'Its name.';
grant select on api.client_units to authenticated, service_role, mpp_dashboard;

create view api.client_territories with (security_invoker = true) as
select t.organisation_id, t.kind, t.code from mpp.territory t cross join (select) read_only;
comment on view api.client_territories is 'Communes, postcodes, departments and schools that the caller''s organisations follow.';
comment on column api.client_territories.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_territories.kind is 'What code is: a commune, a postcode, a department, or a school by its RNE (the code that is called UAI today).';
comment on column api.client_territories.code is 'The code.';
grant select on api.client_territories to authenticated, service_role;

create view api.client_invitations with (security_invoker = true) as
select i.id as invitation_id, i.organisation_id, i.email, i.role, i.access_from, i.access_until, i.invited_at, i.expires_at, i.accepted_at
from mpp.staff_invitation i cross join (select) read_only;
comment on view api.client_invitations is 'Invitations of staff, for the owners of the organisation and the association.';
comment on column api.client_invitations.invitation_id is 'The invitation.';
comment on column api.client_invitations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_invitations.email is 'The address it was sent to, and opens to.';
comment on column api.client_invitations.role is 'The role it gives.';
comment on column api.client_invitations.access_from is 'First instant of the access it gives.';
comment on column api.client_invitations.access_until is 'The instant at which that access is over: midnight after its last day, where it is a day.';
comment on column api.client_invitations.invited_at is 'When it was sent.';
comment on column api.client_invitations.expires_at is 'Until when somebody may take it.';
comment on column api.client_invitations.accepted_at is 'When it was taken; null while it was not.';
grant select on api.client_invitations to authenticated, service_role;

-- A chosen name, of a league, a team, a class, a unit, a school or a player. It may not begin with a client's name,
-- whatever follows. Leagues carry it as “Exemple · Lyon”, and “Exemple Lyon” reads alike. `own` is the client that
-- types; `listed` is as in clean_label.
create function private.fault_of_name(value text, longest integer, own integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := private.fault_of_label(value, longest, listed);
    -- Whatever is no letter and no digit parts words.
    signs constant text := '[\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]';
    cleaned text;
    plain text;
    alike text;
    others integer;
    ours integer;
begin
    if fault is not null or (private.is_ops() and not listed) then
        return fault;
    end if;
    if private.holds_phone_number(value) then
        return array['it looks like a telephone number', 'Choose a name that says nothing about you.'];
    end if;
    cleaned := private.trimmed(value);
    plain := private.searchable(regexp_replace(cleaned, signs, ' ', 'g'));
    alike := private.searchable(regexp_replace(private.look_alike(cleaned), signs, ' ', 'g'));
    -- A client's own name may begin with another client's. There is no index: what the planner knows of one would tell
    -- who the clients are.
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
        return array['it is the name of an organisation that plays', 'Choose a name of your own.'];
    end if;
    return null;
end
$$;

create function private.clean_name(
    field text, value text, longest integer default 60, own integer default null, listed boolean default false
) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_name(value, longest, own, listed));
    return private.trimmed(value);
end
$$;

-- An alias, which players see of each other: a name that is no telephone number, not punctuation alone, and not just
-- the word for somebody who helps or watches here. A unit of a client may well be called “Support”.
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
    -- Of any country: not only with its 0 or its +.
    if regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?20[0-9]{2}\M', '', 'g') ~ '\m[0-9]([ ./()-]*[0-9]){7,}\M' then
        perform private.refuse('MP010', 'alias', 'it looks like a telephone number', 'Choose a name that says nothing about you.');
    end if;
    -- In the spelling of look_alike.
    if letters ~ '^(l|la|le|les|the)?(admln(lstrat(eur|rlce|or|lon))?|support(technlque)?|staff|moderat(eur|rlce|or|lon)|assoclatlon|offlclel|offlclal|organlsat(eur|rlce|lon))s?$' then
        perform private.refuse('MP010', 'alias', 'it is the name of the association', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

-- For the association: set up a client.
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
comment on function api.set_organisation is 'Makes a client, or corrects the one with this code; what is left out stays. Returns its id. Staff of the association. Errors: MP006, MP010.';
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
    perform private.require_client(organisation_id);
    e := private.find_edition(edition_code);
    -- A client that follows no classes would see nothing there.
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
comment on function api.set_participation is 'Lets a client take part in an edition, or changes its settings; what is left out stays. A school edition is for local authorities, public administrations and networks of schools. Returns the participation id. Staff of the association. Errors: MP006, MP010, MP020, MP028, MP090.';
grant execute on function api.set_participation to authenticated, service_role;
-- The territory of a client: the schools that it follows. Only the association sets it.

-- The kinds of clients that follow classes: those that answer for schools.
create function private.may_follow(kind api.organisation_kind) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select kind in ('local_authority', 'public_administration', 'school_network') $$;

-- Only the association sets a territory, because access to figures of classes rests on it.
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
    perform private.require_client(organisation_id);
    if jsonb_typeof(codes) is distinct from 'object' then
        perform private.refuse('MP010', 'codes', 'it is not an object', 'Send {"commune": […], "postcode": […], "department": […], "rne": […]}.');
    end if;
    if change is null then
        perform private.refuse('MP010', 'change', 'it is empty', 'Use replace, add or remove.');
    end if;
    -- Of two changes at once the second sees the first.
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
comment on function api.set_territory is 'Sets the territory of a client, which schools it follows: {"commune": […], "postcode": […], "department": […], "rne": […]}. The codes replace those that are there, are added or are removed. Returns how many codes there are now. For local authorities, public administrations and networks of schools. Staff of the association. Errors: MP006, MP010, MP090.';
grant execute on function api.set_territory to authenticated, service_role;

create type api.territory_match as (kind api.territory_kind, code text, schools integer, communes text[], missed text[]);
comment on type api.territory_match is 'A code of a territory and how many schools that are not hidden have it. For a postcode also the INSEE codes of its communes, and the schools there that it misses: those with a postcode of their own (CEDEX), which nothing else in the territory names.';

create function private.territory_schools(organisation_id integer) returns setof api.territory_match
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    perform private.require_client(organisation_id);
    return query
    with school as materialized (
        select h.rne, h.name, h.postcode, h.city, h.commune, private.whole_commune(h.commune) as whole, h.department,
            h.levels && array['maternelle', 'elementaire']::mpp.school_level[] as is_first,
            -- Where the directory states no commune, the name of the town has to do.
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
        -- The towns of the postcodes that the client follows.
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
            -- A CEDEX postcode belongs to those who get many letters: seldom to schools for small children.
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
comment on function api.territory_schools is 'Lists the codes that a client follows, how many schools match each, and which schools of its town a postcode misses. Staff of the association. Errors: MP006, MP090.';
grant execute on function api.territory_schools to authenticated, service_role;
-- The communication kit of a client: files of the private bucket client-files, which Supabase Storage keeps. Policies
-- on the rows of storage.objects say who may do what with them. Another use of Storage gets another bucket with
-- policies of its own.

-- Nothing that a browser would run: no HTML, no SVG. supabase/config.toml has the same limits.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
    'client-files',
    'client-files',
    false,
    52428800,
    array[
        'application/pdf', 'image/png', 'image/jpeg', 'image/webp', 'video/mp4',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'application/vnd.openxmlformats-officedocument.presentationml.presentation',
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        'application/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.presentation',
        'application/zip', 'text/csv', 'text/calendar', 'text/plain'
    ]
)
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

-- The organisation that a path names: <organisation>/<file> or <organisation>/<folder>/<file>; null for any other path.
-- Each organisation has one spelling: no zeros before the number, no digits of other scripts, no step upwards.
create function private.file_organisation(path text) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when octet_length(path) <= 160
            and path ~ '^[1-9][0-9]{0,8}/([a-z0-9][a-z0-9-]{0,39}/)?[A-Za-z0-9][A-Za-z0-9 ._()-]*\.[A-Za-z0-9]+$'
            and path !~ '\.\.|  | \.'
            -- A computer decides by the ending what a saved file is, not by its type.
            and lower(substring(path from '[^.]*$')) in (
                'pdf', 'png', 'jpg', 'jpeg', 'webp', 'mp4', 'docx', 'pptx', 'xlsx', 'odt', 'odp', 'zip', 'csv', 'ics', 'txt'
            )
        then split_part(path, '/', 1)::integer
    end
$$;
grant execute on function private.file_organisation to authenticated;

-- The organisations whose kit the caller may read, or write to. Writing takes a manager or the association's staff.
create function private.my_kit_ids(writing boolean) returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    if writing and not private.is_ops()
        and exists (select from mpp.maintenance_window w where tstzrange(w.starts_at, w.ends_at) @> (select private.read_clock())) then
        return;
    end if;
    return query
    select c.id from private.my_client_ids(case when writing then 'manager' else 'viewer' end::api.staff_role) c (id);
end
$$;
grant execute on function private.my_kit_ids to authenticated;

-- Staff read the files of their organisation while they have access. A signed link goes on working after that, for
-- anybody who has it: so only the association makes links.
create policy client_file_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => false))
        and (
            (select private.is_ops())
            or coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
        )
    );

-- The association keeps the kit. The folder own/ is for the client's managers: its logo, its own posters.
create policy client_file_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and (
            (select private.is_ops())
            or (
                split_part(name, '/', 2) = 'own'
                and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
            )
        )
    );

create policy client_file_update_authenticated on storage.objects
    for update to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    )
    with check (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    );

create policy client_file_delete_authenticated on storage.objects
    for delete to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    );

-- Checks what holds for everybody, even the secret key. It fires after the row, not before: the policies have then
-- refused whoever may not write, who learns nothing of what is there. It locks the row of the organisation, so that two
-- uploads at a time cannot both be the last one, and nobody deletes the organisation in between.
create function private.check_client_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    organisation integer := private.file_organisation(new.name);
    files integer;
    own_files integer;
begin
    if tg_op = 'UPDATE' and (
        old.bucket_id is distinct from new.bucket_id
        or private.file_organisation(old.name) is distinct from organisation
    ) then
        raise exception 'A file of a client stays in its organisation: copy it instead.' using errcode = 'insufficient_privilege';
    end if;
    if organisation is null then
        raise exception 'This is not a name for a file of a client.'
            using hint = 'Use <organisation id>/<file> or <organisation id>/<folder>/<file>: letters, digits, spaces and ._()- in the file, small letters in the folder, a usual ending, 160 characters at most.',
                errcode = 'insufficient_privilege';
    end if;
    perform from mpp.organisation o where o.id = organisation for no key update;
    if not found then
        raise exception 'There is no organisation %.', organisation using errcode = 'insufficient_privilege';
    end if;
    select count(*), count(*) filter (where split_part(f.name, '/', 2) = 'own') into files, own_files
    from storage.objects f
    where f.bucket_id = 'client-files' and f.name like organisation || '/%';
    if files > 200 or own_files > 40 then
        raise exception 'An organisation has 200 files at most, 40 of them its own.' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create trigger client_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'client-files')
    execute function private.check_client_file();

create trigger client_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'client-files' or new.bucket_id = 'client-files')
    execute function private.check_client_file();

-- SQL cannot delete a file, only its row. So Storage must delete the files first, then the organisation can go.
create function private.keep_organisation_of_files() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from storage.objects f where f.bucket_id = 'client-files' and f.name like old.id || '/%'
    ) then
        raise exception 'Organisation % still has files.', old.code
            using hint = 'Remove them first, with `mpp client files remove`.', errcode = 'foreign_key_violation';
    end if;
    return old;
end
$$;

create trigger organisation_keeps_its_files
    before delete on mpp.organisation
    for each row execute function private.keep_organisation_of_files();
-- Files that must go. SQL can only delete the row of a file, and then nobody finds its bytes: so it queues them here, and
-- `mpp privacy files` has Storage delete them.

create table mpp.file_removal (
    id bigint generated always as identity primary key,
    bucket_id text not null,
    path text not null,
    queued_at timestamptz not null default private.clock(),
    constraint file_removal_once unique (bucket_id, path)
);
comment on table mpp.file_removal is 'Files that Storage has yet to delete.';
comment on column mpp.file_removal.path is 'Where the file is; it begins with the id of an account that is erased. Read with the secret key only; goes with the file.';

alter table mpp.file_removal enable row level security;

-- The files of an account, which lie in a folder of its id. The kit of a client lies in a folder of the client, and stays.
create function private.queue_file_removals(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.file_removal (bucket_id, path)
    select f.bucket_id, f.name
    from storage.objects f
    where f.name like account || '/%'
    on conflict on constraint file_removal_once do nothing;
end
$$;

create type api.file_removal as (id bigint, bucket_id text, path text, queued_at timestamptz);
comment on type api.file_removal is 'A file that Storage has yet to delete.';

-- It forgets what is gone and takes up what came late, so whoever empties the queue asks again until nothing is left. An
-- upload that was under way while its account was erased has queued nothing: its folder and its uploader name an account
-- that is not there.
create function private.files_to_remove(how_many integer) returns setof api.file_removal
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 1000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 1000.');
    end if;
    insert into mpp.file_removal (bucket_id, path)
    select f.bucket_id, f.name
    from storage.objects f
    where f.owner_id = split_part(f.name, '/', 1)
        and f.owner_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        and not exists (select from auth.users u where u.id::text = f.owner_id)
    limit how_many
    on conflict on constraint file_removal_once do nothing;
    delete from mpp.file_removal r
    where not exists (select from storage.objects f where f.bucket_id = r.bucket_id and f.name = r.path);
    return query
    select r.id, r.bucket_id, r.path, r.queued_at from mpp.file_removal r order by r.id limit how_many;
end
$$;
grant execute on function private.files_to_remove to service_role;

create function api.files_to_remove(how_many integer default 100) returns setof api.file_removal
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.files_to_remove(how_many); end;
comment on function api.files_to_remove is 'Lists files of erased accounts that Storage has yet to delete, the longest waiting first. Have Storage delete them and ask again, until none is left. Secret key only. Errors: MP006, MP010.';
grant execute on function api.files_to_remove to service_role;
-- Leagues, their teams and players: the tables, who may read them, the lock and the codes. Joining, leaving and running
-- a league is in 42_membership. Whatever changes a league takes the league's lock (private.lock_league), as a
-- validation does: the whole game has one order of locks.

create type api.league_category as enum ('friends', 'family', 'colleagues', 'neighbours', 'students', 'association', 'other');

create table mpp.league (
    id uuid primary key default private.uuid_v7(),
    edition_id integer not null references mpp.edition (id),
    name mpp.line not null check (char_length(name) <= 60),
    category api.league_category,
    is_open boolean not null default false,
    listed boolean not null default true,
    created_by uuid,
    created_at timestamptz not null default private.clock(),
    school_id uuid references mpp.school (id),
    level mpp.school_level,
    held_back boolean not null default false,
    hidden_with_school boolean not null default false,
    participation_id integer,
    unit_id integer,
    constraint league_in_edition unique (id, edition_id),
    constraint league_held_back check (not (held_back and listed)),
    constraint league_or_class check (
        (school_id is null) = (level is null) and (school_id is null) = (category is not null) and not (school_id is not null and is_open)
    ),
    constraint league_of_participation foreign key (participation_id, edition_id) references mpp.participation (id, edition_id),
    constraint league_of_unit foreign key (unit_id) references mpp.unit (id),
    constraint league_unit_of_client check (unit_id is null or participation_id is not null)
);
comment on table mpp.league is 'A group that plays together: friends, family, colleagues…, or a class of a school.';
comment on column mpp.league.held_back is 'Taken out of the rankings by the staff; its ambassadors cannot put it back.';
comment on column mpp.league.hidden_with_school is 'Held back because its school was hidden; put back together with the school.';
comment on column mpp.league.school_id is 'The school of a class; null for any other league.';
create index league_created_by on mpp.league (created_by, edition_id);
create index league_participation on mpp.league (participation_id) where participation_id is not null;
create index league_unit on mpp.league (unit_id) where unit_id is not null;
create index league_school on mpp.league (school_id) where school_id is not null;

-- Every school may have a CM2 A.
create unique index league_name_once
    on mpp.league (edition_id, coalesce(school_id, '00000000-0000-0000-0000-000000000000'), lower(name));

create table mpp.team (
    id uuid primary key default private.uuid_v7(),
    league_id uuid not null,
    edition_id integer not null,
    name mpp.line not null check (char_length(name) <= 40),
    created_at timestamptz not null default private.clock(),
    constraint team_in_league unique (id, league_id, edition_id),
    foreign key (league_id, edition_id) references mpp.league (id, edition_id)
);
comment on table mpp.team is 'Part of a league; its players compete with the other teams of the league.';
create unique index team_name_once on mpp.team (league_id, lower(name));

create table mpp.player (
    -- A random id: everybody reads it in the rankings, and a time-ordered one would tell when the person joined.
    id uuid primary key default gen_random_uuid(),
    edition_id integer not null references mpp.edition (id),
    account_id uuid references mpp.profile (id) on delete set null,
    league_id uuid,
    team_id uuid,
    alias mpp.line,
    first_name mpp.line not null,
    picture_path text,
    listed boolean not null default true,
    joined_at timestamptz not null default private.clock(),
    initial text,
    left_class_id uuid references mpp.league (id),
    in_league_since timestamptz not null default private.clock(),
    listing_choice boolean,
    listing_chosen_at timestamptz,
    constraint player_listing_chosen check ((listing_choice is null) = (listing_chosen_at is null)),
    constraint player_once_per_edition unique (account_id, edition_id),
    constraint player_team_with_league check ((team_id is null) = (league_id is null)),
    -- A pupil has no alias: no account, no picture, no place in a public ranking, and one word for a name. So there is
    -- nowhere to write a surname, an address or a date.
    constraint player_pupil_is_private check (
        alias is not null
        or (
            account_id is null and picture_path is null and not listed
            and (first_name = '—' or (char_length(first_name) <= 30 and private.is_one_word(first_name)))
        )
    ),
    constraint player_initial_of_pupil check (
        initial is null
        or (alias is null and char_length(initial) <= 2 and private.is_one_word(initial) and initial !~ '[-''’]')
    ),
    foreign key (team_id, league_id, edition_id) references mpp.team (id, league_id, edition_id)
);
comment on table mpp.player is 'A person in an edition, as their league sees them. A player who left has no league. A pupil of a class has no account and no alias.';
comment on column mpp.player.initial is 'Initial of a pupil''s surname, only while the first name repeats in the class.';
comment on column mpp.player.in_league_since is 'Since when in this league. joined_at is since when in the edition.';
comment on column mpp.player.listing_choice is 'Whether the person last chose here to be in the public ranking; null where they never chose. Their latest choice holds when they join another edition.';
comment on column mpp.player.listing_chosen_at is 'When they chose it.';
comment on column mpp.player.left_class_id is 'The class that a pupil has left. It bounds how many pupils a class can take in over time.';
create index player_left_class on mpp.player (left_class_id) where left_class_id is not null;
create unique index player_pupil_name_once on mpp.player (league_id, private.folded(first_name), coalesce(initial, ''))
    where alias is null and league_id is not null and first_name <> '—';
create index player_league on mpp.player (league_id);
create index player_team on mpp.player (team_id);
create index player_edition on mpp.player (edition_id);

-- What an erased player is called, in the language of whoever reads: that of their profile, else the first of ours that
-- the request asks for. The rows keep a dash, which nobody can choose for an alias: it has no letter. Write
-- (select private.erased_name()) in a query: it is asked once, and only where such a row is shown.
create function private.erased_name() returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return case coalesce(
        (select p.language from mpp.profile p where p.id = private.my_account()),
        lower(substring(nullif(current_setting('request.headers', true), '')::jsonb ->> 'accept-language'
            from '(?i)(?:^|,)\s*(fr|en|de)(?![a-z])'))
    )
        when 'en' then 'Erased player'
        when 'de' then 'Gelöschte Person'
        else 'Joueur·se effacé·e'
    end;
end
$$;
grant execute on function private.erased_name to anon, authenticated, service_role, mpp_dashboard;

create table mpp.player_contact (
    player_id uuid primary key references mpp.player (id) on delete cascade,
    phone text not null check (phone is not distinct from private.phone_number(phone, null))
);
comment on table mpp.player_contact is 'Phone of a player of an open league, or of a league of a client that asks for it, for adding them to its conversation. The player, the ambassador and the staff read it. Nobody under 15 gives or reads one.';

create table mpp.ambassador (
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    player_id uuid references mpp.player (id),
    is_principal boolean not null,
    granted_at timestamptz not null default private.clock(),
    primary key (league_id, account_id)
);
comment on table mpp.ambassador is 'Who runs a league: one principal ambassador and any number of co-ambassadors.';
create unique index ambassador_one_principal on mpp.ambassador (league_id) where is_principal;
create index ambassador_account on mpp.ambassador (account_id);
create index ambassador_player on mpp.ambassador (player_id);

create table mpp.family (
    account_id uuid not null references auth.users (id) on delete cascade,
    league_id uuid not null references mpp.league (id),
    claimed_at timestamptz not null default private.clock(),
    primary key (account_id, league_id)
);
comment on table mpp.family is 'Accounts, mostly anonymous, that read a class because they gave its code: pupils and parents.';
create index family_league on mpp.family (league_id);

create table mpp.join_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default private.clock()
);
comment on table mpp.join_code is 'The code that opens a league, read by its ambassadors only.';

-- Fifty bits without look-alike letters (Crockford's base 32), which nobody can guess.
create function private.new_join_code() returns text
    language sql set search_path = pg_catalog, pg_temp
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + get_byte(r.bytes, i) % 32, 1), '')
    from (select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) as bytes) r, generate_series(0, 9) i
$$;

-- Who the caller is in the leagues, read live: an expelled player or a removed teacher is out at once.
create function private.my_player_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$ select p.id from mpp.player p where p.account_id = (select private.my_account()) $$;
grant execute on function private.my_player_ids to authenticated, service_role;

create function private.my_led_league_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$ select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account()) $$;
grant execute on function private.my_led_league_ids to authenticated;

create function private.my_league_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
    select p.league_id from mpp.player p where p.account_id = (select private.my_account()) and p.league_id is not null
    union
    select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account())
    union
    select f.league_id from mpp.family f where f.account_id = (select private.my_account())
$$;
grant execute on function private.my_league_ids to authenticated;

-- Whether a client asks the players of this league for a phone number, which they may leave out.
create function private.asks_phone(league uuid) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.asks_phone to authenticated;

alter table mpp.league enable row level security;
alter table mpp.team enable row level security;
alter table mpp.player enable row level security;
alter table mpp.player_contact enable row level security;
alter table mpp.ambassador enable row level security;
alter table mpp.family enable row level security;
alter table mpp.join_code enable row level security;

create policy league_select_authenticated on mpp.league
    for select to authenticated
    using (
        id in (select private.my_league_ids())
        or (is_open and edition_id in (select e.id from mpp.edition e where e.opened_at is not null and (select private.read_clock()) < e.registration_closes_at))
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
            where (l.is_open or private.asks_phone(l.id)) and l.id in (select private.my_led_league_ids())
                -- A child who runs a league reads nobody's number.
                and not exists (
                    select
                    from mpp.profile f
                    where f.id = (select private.my_account()) and private.age_on(f.birth_date, f.birth_date_before, (select private.today())) < 15
                )
        )
        or (select private.is_ops())
    );

create policy ambassador_select_authenticated on mpp.ambassador
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy family_select_authenticated on mpp.family
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

create policy join_code_select_authenticated on mpp.join_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

grant select (id, edition_id, name, category, is_open, listed, created_at, school_id, level) on mpp.league to authenticated;
grant select on mpp.league to service_role;
grant select (id, edition_id, league_id, team_id, alias, first_name, picture_path, listed, joined_at, initial) on mpp.player to authenticated;
grant select (league_id, player_id, is_principal) on mpp.ambassador to authenticated;
grant select on mpp.family to authenticated, service_role;
grant select on mpp.team, mpp.player_contact, mpp.join_code to authenticated, service_role;
grant select on mpp.player, mpp.ambassador to service_role;

-- The lock of a league. Every command takes its locks in this order: a profile, the edition (shared), its leagues, players,
-- their scores. The lock is an advisory one: a row lock would write to the row, and to the log, before every validation.
-- All leagues share 1,024 places, so that an import of a whole edition fits into the lock table of a small server. Two
-- leagues at one place wait for each other, which is right, and rare. Ask what somebody may do after getting the lock.
-- Whatever ends an access takes it too (66_access): the second of the two sees the first.
create function private.lock_leagues(leagues uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(leagues) = 1 then
        perform pg_advisory_xact_lock(hashtext('mpp.league'), uuid_hash(leagues[1]) & 1023);
    else
        -- In the order of their places: whoever needs several never waits for somebody who waits for them.
        perform pg_advisory_xact_lock(hashtext('mpp.league'), x.place)
        from (select distinct uuid_hash(l.id) & 1023 as place from unnest(leagues) l (id) order by place) x;
    end if;
    -- Under a fixed snapshot a league would still look as it did before the lock was had.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from mpp.score s where s.subject_id = any (leagues) order by s.subject_id for no key update;
    end if;
end
$$;

create function private.lock_league(league uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_leagues(array[league]);
    perform private.require_still_live();
end
$$;

-- Makes new codes for leagues and classes, so that whoever knew the old one enters no more, under any account. Families
-- that entered a class by its code are out until they give the new one, since one of them may be the person who was put
-- out. Invitations of colleagues are void. An invitation to a league of a client that has not left gets the new code.
create function private.renew_codes(leagues uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    -- A family that is entering waits, and then finds that the code is gone. Whoever joins a league did so before the
    -- change.
    perform private.lock_edition(x.edition_id)
    from (
        select distinct l.edition_id from mpp.league l where l.id = any (leagues) and l.school_id is not null order by l.edition_id
    ) x;
    perform private.lock_leagues(array(select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null));
    update mpp.class_code c
    set code = private.new_join_code(), renewed_at = private.clock()
    where c.league_id = any (leagues);
    delete from mpp.family f where f.league_id = any (leagues);
    delete from mpp.class_invitation i where i.league_id = any (leagues);
    -- In order, so that of two that renew the codes of one client the second waits for the first.
    perform from mpp.join_code c where c.league_id = any (leagues) order by c.league_id for update;
    with known as materialized (
        select c.league_id, c.code from mpp.join_code c where c.league_id = any (leagues)
    ), renewed as (
        update mpp.join_code c
        set code = private.new_join_code(), renewed_at = private.clock()
        where c.league_id = any (leagues)
        returning c.league_id, c.code
    )
    update mpp.outbox m
    set data = jsonb_set(m.data, '{join_code}', to_jsonb(r.code))
    from renewed r
    join known k on k.league_id = r.league_id
    join mpp.league l on l.id = r.league_id
    join mpp.participation p on p.id = l.participation_id
    where m.organisation_id = p.organisation_id and m.state = 'queued' and m.template = 'player_invitation'
        and m.data ->> 'join_code' = k.code;
end
$$;
-- Who is in a league and who runs it: founding, joining, leaving, expelling, handing over. Teams are in 44_team, pupils
-- in 52_pupil.

-- Keeps a profile from being deleted until the end of this transaction. A deletion takes the profile first, then what
-- belongs to it. Call this before adding something to a profile.
create function private.lock_profile(account uuid, plays boolean default true) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from mpp.profile p where p.id = account and (p.alias is not null or not plays) for key share;
    if not found then
        perform private.refuse('MP003');
    end if;
end
$$;

-- The same for the person behind a player, if there still is one.
create function private.lock_profile_of_player(player uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    select from mpp.profile f where f.id = (select p.account_id from mpp.player p where p.id = player) for key share
$$;

-- Locks the edition and requires that a league may still be joined in it now.
create function private.lock_joinable_edition(edition_id integer) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.lock_edition(edition_id);
    perform private.require_still_live();
    at := private.clock();
    select * into e from mpp.edition where id = lock_joinable_edition.edition_id;
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
        perform private.refuse('MP023', jsonb_build_object('registration_closes_at', e.registration_closes_at),
            e.code, private.format_instant(e.registration_closes_at));
    end if;
    return e;
end
$$;

-- Gives a league without an ambassador a new one: its first co-ambassador, else the player who has been in it longest.
-- An empty league gets the player who comes. Never somebody who came later than others: they would get to read other
-- people's phone numbers.
create function private.ensure_ambassador(league uuid, otherwise uuid default null) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    heir mpp.player;
begin
    if exists (select from mpp.ambassador a where a.league_id = league and a.is_principal) then
        return;
    end if;
    update mpp.ambassador a
    set is_principal = true
    where a.league_id = league
        and a.account_id = (
            select x.account_id
            from mpp.ambassador x
            where x.league_id = league
            order by private.is_live(x.account_id) desc, x.granted_at, x.account_id
            limit 1
        );
    if found then
        return;
    end if;
    -- An account that is being deleted holds its profile and waits for this league: skip it.
    select p.* into heir
    from mpp.player p
    join mpp.profile f on f.id = p.account_id
    where p.league_id = league and p.id is distinct from otherwise and private.is_live(p.account_id)
    order by p.in_league_since, p.id
    limit 1
    for key share of f skip locked;
    if found then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        values (league, heir.account_id, heir.id, true);
    elsif otherwise is not null then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        select p.league_id, p.account_id, p.id, true
        from mpp.player p
        where p.id = otherwise and p.league_id = league and p.account_id is not null;
    end if;
end
$$;

-- What somebody last chose about the public ranking, in whatever edition; true for whoever never chose.
create function private.chose_listing(account uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select p.listing_choice
        from mpp.player p
        where p.account_id = account and p.listing_choice is not null
        order by p.listing_chosen_at desc, p.id
        limit 1
    ), true);
end
$$;

-- Puts an account into a team of a league whose lock is held: the smallest team, the oldest of equals.
create function private.add_player(account uuid, league mpp.league, e mpp.edition, phone text) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    me mpp.player;
    team uuid;
    typed_phone text := nullif(private.trimmed(left(phone, 60)), '');
    cleaned_phone text := private.phone_number(typed_phone, (select f.country from mpp.profile f where f.id = account));
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
    -- Whoever left after playing here counts on, or a league could gather the points of more people than it may have.
    if (select s.players from mpp.score s where s.subject_id = league.id)
        - (select count(*) from (select from mpp.validation v where v.league_id = league.id and v.player_id = me.id limit 1) mine)
        >= e.league_max_players then
        perform private.refuse('MP032', e.league_max_players::text);
    end if;
    if league.is_open and private.is_under(account, 15) then
        perform private.refuse('MP052', '15');
    end if;
    if typed_phone is not null and private.asks_phone(league.id) and private.is_under(account, 15) then
        perform private.refuse('MP057', '15');
    end if;
    if league.is_open and typed_phone is null then
        perform private.refuse('MP033');
    end if;
    if (league.is_open or private.asks_phone(league.id)) and typed_phone is not null and cleaned_phone is null then
        perform private.refuse('MP010', 'phone', 'it is not a telephone number of your country', 'Write it with the + and the code of its country, as +33612345678.');
    end if;

    select t.id into team
    from mpp.team t
    where t.league_id = league.id
    order by (select count(*) from mpp.player p where p.team_id = t.id), t.created_at, t.id
    limit 1;

    if me.id is null then
        insert into mpp.player as p (edition_id, account_id, league_id, team_id, alias, first_name, picture_path, listed)
        select e.id, account, league.id, team, f.alias, f.first_name, f.picture_path,
            private.may_be_listed(account) and private.chose_listing(account)
        from mpp.profile f
        where f.id = account
        returning * into me;
    else
        update mpp.player p set league_id = league.id, team_id = team, in_league_since = private.clock() where p.id = me.id;
    end if;
    -- Keep the number only where somebody may use it.
    if cleaned_phone is not null and (league.is_open or private.asks_phone(league.id)) then
        insert into mpp.player_contact (player_id, phone) values (me.id, cleaned_phone)
        on conflict (player_id) do update set phone = excluded.phone;
    end if;
    return me.id;
end
$$;

create function private.create_league(
    edition_id integer, name text, category api.league_category, is_open boolean, phone text
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    e mpp.edition;
    league mpp.league;
    player uuid;
    french boolean := private.speaks_french();
begin
    -- Refuse this before saying anything else about a private edition.
    if exists (select from mpp.edition x where x.id = create_league.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.lock_profile(account);
    e := private.lock_joinable_edition(edition_id);
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
        player := private.add_player(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    insert into mpp.ambassador (league_id, account_id, player_id, is_principal) values (league.id, account, player, true);
    return league.id;
end
$$;
grant execute on function private.create_league to authenticated;

create function api.create_league(
    edition_id integer, name text, category api.league_category default 'friends', is_open boolean default false,
    phone text default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_league(edition_id, name, category, is_open, phone); end;
comment on function api.create_league is 'Creates a league with its teams and join code; the caller plays in it and is its ambassador. Returns the league id. An open league requires a phone number, and an age of 15. Errors: MP001–MP003, MP005, MP010, MP011, MP020, MP021, MP023, MP024, MP028, MP030, MP033, MP038, MP039, MP052.';
grant execute on function api.create_league to authenticated;

create function private.join_league(join_code text, league_id uuid, phone text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
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
    perform private.lock_profile(account);
    e := private.lock_joinable_edition(league.edition_id);
    perform private.lock_league(league.id);
    -- The code may have been renewed while this waited.
    if join_code is not null and not exists (
        select from mpp.join_code c
        where c.league_id = league.id and c.code = typed
    ) then
        perform private.refuse('MP031');
    end if;
    begin
        player := private.add_player(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    perform private.ensure_ambassador(league.id, player);
    return player;
end
$$;
grant execute on function private.join_league to authenticated;

create function api.join_league(join_code text default null, league_id uuid default null, phone text default null) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.join_league(join_code, league_id, phone); end;
comment on function api.join_league is 'Joins a league by its code, or an open league by id with a phone number; nobody under 15 joins an open one. Whoever left after playing there counts towards its size. Returns the player id. Errors: MP001–MP003, MP010, MP011, MP021, MP023, MP024, MP030–MP034, MP052.';
grant execute on function api.join_league to authenticated;

-- Locks the league and requires that the caller runs it, or is of the staff.
create function private.lock_led_league(league uuid) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    edition integer;
    frozen timestamptz;
begin
    -- Their league's lock keeps those who run it from being deleted (lock_what_ends), but not the staff.
    if private.is_ops() then
        account := private.lock_caller();
    else
        account := private.require_account();
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

-- Takes a player out of the league, with what only the league needed. The code changes with a player who ran the league
-- or is expelled. A player who leaves of their own will could come back anyway, and the code of an empty league is the
-- only way to it.
create function private.remove_player(player uuid, expelled boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = player);
    ran boolean;
begin
    delete from mpp.player_contact c where c.player_id = player;
    delete from mpp.ambassador a
    using mpp.player p
    where p.id = player and a.league_id = p.league_id and a.account_id = p.account_id;
    ran := found;
    update mpp.player p set league_id = null, team_id = null where p.id = player;
    perform private.ensure_ambassador(league);
    if expelled or (ran and exists (select from mpp.player p where p.league_id = league)) then
        perform private.renew_codes(array[league]);
    end if;
end
$$;

create function private.leave_league(league_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    me mpp.player;
begin
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    perform private.lock_edition(me.edition_id);
    perform private.lock_league(leave_league.league_id);
    -- The player may have been expelled, or have left, while this waited.
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
    perform private.remove_player(me.id, expelled => false);
end
$$;
grant execute on function private.leave_league to authenticated;

create function api.leave_league(league_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.leave_league(league_id); end;
comment on function api.leave_league is 'Leaves a league; what was earned there stays there. Errors: MP001–MP003, MP011, MP024, MP035, MP036.';
grant execute on function api.leave_league to authenticated;

create function private.expel_player(player_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = expel_player.player_id);
    staff uuid[] := private.lock_staff_to_tell();
    account uuid := private.lock_led_league(league);
    out mpp.player;
    report bigint;
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
    values ('expulsion', out.edition_id, league, out.id, out.account_id, account, why)
    returning id into report;
    perform private.tell_expulsion(report, staff);
    perform private.remove_player(out.id, expelled => true);
    perform private.record_act('league.expel', league::text, jsonb_build_object('player_id', out.id));
end
$$;
grant execute on function private.expel_player to authenticated, service_role;

create function api.expel_player(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.expel_player(player_id, reason); end;
comment on function api.expel_player is 'Expels a player from the league, with a reason that the association receives by mail. The player loses access at once and cannot come back. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP047.';
grant execute on function api.expel_player to authenticated, service_role;

create function private.hand_over_league(league_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    heir mpp.player;
begin
    perform private.lock_caller();
    perform private.lock_profile_of_player(player_id);
    account := private.lock_led_league(league_id);
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
grant execute on function private.hand_over_league to authenticated, service_role;

create function api.hand_over_league(league_id uuid, player_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.hand_over_league(league_id, player_id); end;
comment on function api.hand_over_league is 'Makes another player of the league its ambassador; the former one becomes co-ambassador. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024, MP047.';
grant execute on function api.hand_over_league to authenticated, service_role;

create function private.set_co_ambassador(player_id uuid, granted boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = set_co_ambassador.player_id);
    account uuid;
    helper mpp.player;
begin
    perform private.lock_caller();
    perform private.lock_profile_of_player(player_id);
    account := private.lock_led_league(league);
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
        -- Co-ambassadors have read the code.
        if found then
            perform private.renew_codes(array[league]);
        end if;
    end if;
end
$$;
grant execute on function private.set_co_ambassador to authenticated, service_role;

create function api.set_co_ambassador(player_id uuid, granted boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_co_ambassador(player_id, granted); end;
comment on function api.set_co_ambassador is 'Makes a player of the league a co-ambassador, or ends that. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.set_co_ambassador to authenticated, service_role;

create function private.renew_join_code(league_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_led_league(renew_join_code.league_id);
    -- A class has no join code: families enter by another code.
    if not exists (select from mpp.join_code c where c.league_id = renew_join_code.league_id) then
        perform private.refuse('MP005');
    end if;
    perform private.renew_codes(array[renew_join_code.league_id]);
    return (select c.code from mpp.join_code c where c.league_id = renew_join_code.league_id);
end
$$;
grant execute on function private.renew_join_code to authenticated, service_role;

create function api.renew_join_code(league_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.renew_join_code(league_id); end;
comment on function api.renew_join_code is 'Replaces the join code of a league and returns the new one; the old one opens the league no more. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.renew_join_code to authenticated, service_role;
-- Teams of a league: adding, naming, and moving between them.

-- The name of a team of a class must say nothing about a pupil (52_pupil).
create function private.clean_team_name(league uuid, name text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from mpp.league l where l.id = league and l.school_id is not null) then
        return private.clean_class_text('name', name, 40);
    end if;
    return private.clean_name('name', name, 40, (
        select p.organisation_id
        from mpp.league l
        join mpp.participation p on p.id = l.participation_id
        where l.id = league
    ));
end
$$;

create function private.create_team(league_id uuid, name text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most integer;
    team uuid;
begin
    perform private.lock_led_league(create_team.league_id);
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
grant execute on function private.create_team to authenticated, service_role;

create function api.create_team(league_id uuid, name text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_team(league_id, name); end;
comment on function api.create_team is 'Adds a team to a league and returns its id. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP037, MP038.';
grant execute on function api.create_team to authenticated, service_role;

create function private.rename_team(team_id uuid, name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_led_league((select t.league_id from mpp.team t where t.id = rename_team.team_id));
    update mpp.team t set name = private.clean_team_name(t.league_id, rename_team.name) where t.id = rename_team.team_id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.rename_team to authenticated, service_role;

create function api.rename_team(team_id uuid, name text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.rename_team(team_id, name); end;
comment on function api.rename_team is 'Renames a team. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP038.';
grant execute on function api.rename_team to authenticated, service_role;

-- A player moves to another team of the league by themselves, or the ambassador moves them.
create function private.choose_team(team_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
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
grant execute on function private.choose_team to authenticated;

create function api.choose_team(team_id uuid, player_id uuid default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_team(team_id, player_id); end;
comment on function api.choose_team is 'Moves the caller, or for an ambassador a player of the league, to another team of the league; points stay where they were earned. Errors: MP001–MP003, MP005, MP011, MP024.';
grant execute on function api.choose_team to authenticated;
-- Who joins a campaign, who agrees to share their address with its partner, what the partner got, and whom it must
-- forget. Campaigns are in 25_campaign. Locks: the profile, then the campaign (the advisory lock named mpp.campaign),
-- shared by whoever gives or withdraws, alone by an export.

create table mpp.campaign_guest (
    account_id uuid not null references mpp.profile (id) on delete cascade,
    campaign_id integer not null references mpp.campaign (id),
    code_id integer not null references mpp.campaign_code (id),
    joined_at timestamptz not null default private.clock(),
    primary key (account_id, campaign_id)
);
comment on table mpp.campaign_guest is 'Who joined a campaign, by whose code. Joining shares nothing.';
comment on column mpp.campaign_guest.account_id is 'Purpose: asking for the consent of the campaign, and figures by creator. Read by the person; kept until the account is erased.';
create index campaign_guest_campaign on mpp.campaign_guest (campaign_id);
create index campaign_guest_code on mpp.campaign_guest (code_id);

create table mpp.partner_export (
    id integer generated always as identity primary key,
    campaign_id integer not null references mpp.campaign (id),
    exported_at timestamptz not null default private.clock(),
    exported_by uuid,
    people integer not null check (people >= 0),
    digest text not null check (digest ~ '^[0-9a-f]{64}$')
);
comment on table mpp.partner_export is 'Each list of addresses that was made for a partner.';
comment on column mpp.partner_export.exported_by is 'The account of the staff that made it; null for the secret key. Purpose: proof. Read by the staff; kept for good.';
comment on column mpp.partner_export.digest is 'SHA-256 of the addresses in the order of their bytes, one a line: whoever has the list can show that it is this one.';
create index partner_export_campaign on mpp.partner_export (campaign_id);

create trigger partner_export_append_only
    before update or delete or truncate on mpp.partner_export
    for each statement execute function private.refuse_change();

create table mpp.partner_address (
    account_id uuid not null references mpp.profile (id) on delete cascade,
    campaign_id integer not null references mpp.campaign (id),
    address text not null,
    export_id integer not null references mpp.partner_export (id),
    primary key (account_id, campaign_id, address)
);
comment on table mpp.partner_address is 'Addresses that a partner got and has not been told to forget.';
comment on column mpp.partner_address.address is 'As it was exported. Purpose: telling the partner which one to forget. Read by nobody; kept until the person withdraws or the account is erased.';
create index partner_address_campaign on mpp.partner_address (campaign_id);
create index partner_address_export on mpp.partner_address (export_id);

create table mpp.partner_withdrawal (
    id integer generated always as identity primary key,
    campaign_id integer not null references mpp.campaign (id),
    export_id integer not null references mpp.partner_export (id),
    account_id uuid references mpp.profile (id) on delete set null,
    address text,
    reason text not null check (reason in ('withdrawn', 'erased', 'too_young')),
    withdrawn_at timestamptz not null default private.clock(),
    settled_at timestamptz,
    outcome text check (outcome in ('partner_told', 'agreed_again')),
    note text check (char_length(note) <= 300),
    constraint partner_withdrawal_settled_is_whole check (num_nulls(settled_at, outcome) in (0, 2) and (settled_at is null) = (address is not null))
);
comment on table mpp.partner_withdrawal is 'What a partner must be told to forget, and that it was.';
comment on column mpp.partner_withdrawal.account_id is 'Purpose: taking it back when the person agrees again. Read by nobody; emptied once settled, or when the account is erased.';
comment on column mpp.partner_withdrawal.address is 'What the partner must forget. Read by the staff; emptied once the partner was told.';
create index partner_withdrawal_campaign on mpp.partner_withdrawal (campaign_id) where settled_at is null;
create index partner_withdrawal_of_campaign on mpp.partner_withdrawal (campaign_id);
create index partner_withdrawal_export on mpp.partner_withdrawal (export_id);
create index partner_withdrawal_account on mpp.partner_withdrawal (account_id) where account_id is not null;

create function private.my_campaign_ids() returns setof integer
    language sql stable security definer rows 3 set search_path = pg_catalog, pg_temp
as $$ select g.campaign_id from mpp.campaign_guest g where g.account_id = (select private.my_account()) $$;
grant execute on function private.my_campaign_ids to authenticated;

alter table mpp.campaign_guest enable row level security;
alter table mpp.partner_export enable row level security;
alter table mpp.partner_address enable row level security;
alter table mpp.partner_withdrawal enable row level security;

create policy campaign_select_authenticated on mpp.campaign
    for select to authenticated
    using (id in (select private.my_campaign_ids()) or (select private.is_ops()));

create policy partner_select_authenticated on mpp.partner
    for select to authenticated
    using (
        id in (select c.partner_id from mpp.campaign c where c.id in (select private.my_campaign_ids()))
        or (select private.is_ops())
    );

create policy campaign_text_select_authenticated on mpp.campaign_text
    for select to authenticated
    using (campaign_id in (select private.my_campaign_ids()) or (select private.is_ops()));

create policy campaign_code_select_ops on mpp.campaign_code
    for select to authenticated
    using ((select private.is_ops()));

create policy campaign_guest_select_owner on mpp.campaign_guest
    for select to authenticated
    using (account_id = (select private.my_account()));

create policy partner_export_select_ops on mpp.partner_export
    for select to authenticated
    using ((select private.is_ops()));

create policy partner_withdrawal_select_ops on mpp.partner_withdrawal
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.partner, mpp.campaign, mpp.campaign_text, mpp.campaign_code, mpp.partner_export to authenticated, service_role;
grant select (campaign_id, account_id, joined_at) on mpp.campaign_guest to authenticated;
grant select (id, campaign_id, export_id, address, reason, withdrawn_at, settled_at, outcome, note) on mpp.partner_withdrawal to authenticated, service_role;

create view api.my_campaigns with (security_invoker = true) as
select
    c.id as campaign_id,
    c.code,
    p.name as partner,
    c.edition_id,
    g.joined_at,
    coalesce(latest.granted, false) as agreed,
    latest.given_at as agreed_at,
    t.number as text_number,
    t.body
from mpp.campaign_guest g
join mpp.campaign c on c.id = g.campaign_id
join mpp.partner p on p.id = c.partner_id
cross join lateral (
    select x.number, x.body from mpp.campaign_text x where x.campaign_id = c.id order by x.number desc limit 1
) t
left join lateral (
    select x.granted, x.given_at
    from mpp.consent x
    where x.account_id = (select private.my_account()) and x.campaign_id = c.id
    order by x.id desc
    limit 1
) latest on true
where g.account_id = (select private.my_account());
comment on view api.my_campaigns is 'Campaigns that the caller has joined, and whether they agree to share their address with the partner.';
comment on column api.my_campaigns.agreed_at is 'When they agreed, or withdrew, last.';
comment on column api.my_campaigns.body is 'What they are asked to agree to now, by language.';
grant select on api.my_campaigns to authenticated;

create view api.ops_campaigns with (security_invoker = true) as
select c.id as campaign_id, c.code, p.code as partner, p.name as partner_name, e.code as edition, c.created_at, t.number as text_number, t.body
from mpp.campaign c
join mpp.partner p on p.id = c.partner_id
join mpp.edition e on e.id = c.edition_id
cross join lateral (
    select x.number, x.body from mpp.campaign_text x where x.campaign_id = c.id order by x.number desc limit 1
) t
where (select private.is_ops());
comment on view api.ops_campaigns is 'Campaigns with partners. Staff only.';
grant select on api.ops_campaigns to authenticated, service_role;

create view api.ops_campaign_codes with (security_invoker = true) as
select x.id, c.code as campaign, x.creator, x.code, x.created_at, x.ended_at
from mpp.campaign_code x
join mpp.campaign c on c.id = x.campaign_id
where (select private.is_ops());
comment on view api.ops_campaign_codes is 'Codes of campaigns by creator. Staff only.';
grant select on api.ops_campaign_codes to authenticated, service_role;

create view api.partner_exports with (security_invoker = true) as
select x.id, c.code as campaign, x.exported_at, x.exported_by, x.people, x.digest
from mpp.partner_export x
join mpp.campaign c on c.id = x.campaign_id
where (select private.is_ops());
comment on view api.partner_exports is 'Each list of addresses that was made for a partner: when, by whom, how many, and its digest. Staff only.';
grant select on api.partner_exports to authenticated, service_role;

create view api.partner_withdrawals with (security_invoker = true) as
select w.id, c.code as campaign, p.name as partner, w.address, w.reason, w.withdrawn_at, w.export_id, w.settled_at, w.outcome, w.note
from mpp.partner_withdrawal w
join mpp.campaign c on c.id = w.campaign_id
join mpp.partner p on p.id = c.partner_id
where (select private.is_ops());
comment on view api.partner_withdrawals is 'What partners must be told to forget, and what they were told; address is emptied once it is settled. Staff only.';
grant select on api.partner_withdrawals to authenticated, service_role;

-- From which age an address is shared: 15, and the age of consent of the country where that is higher.
create function private.partner_age(country text) returns integer
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return greatest(15, private.consent_age(country));
end
$$;

create function private.check_partner_age(account uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    limit_ integer;
begin
    select private.partner_age(p.country) into limit_
    from mpp.profile p
    where p.id = account and private.age_on(p.birth_date, p.birth_date_before, private.today()) < private.partner_age(p.country);
    if found then
        perform private.refuse('MP056', limit_::text);
    end if;
end
$$;

-- Writes what a person says about sharing with a partner. The campaign is locked, shared.
create function private.record_partner_consent(account uuid, campaign integer, granted boolean, channel text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.record_consent(account, 'partner_sharing', granted, (
        select c.code || '/' || max(t.number)
        from mpp.campaign c
        join mpp.campaign_text t on t.campaign_id = c.id
        where c.id = campaign
        group by c.code
    ), channel, campaign);
    if not granted then
        perform private.partner_must_forget(account, campaign, case channel when 'app' then 'withdrawn' else 'too_young' end);
        return;
    end if;
    -- The partner was not told yet, and need not be.
    insert into mpp.partner_address (account_id, campaign_id, address, export_id)
    select w.account_id, w.campaign_id, w.address, w.export_id
    from mpp.partner_withdrawal w
    where w.account_id = account and w.campaign_id = campaign and w.settled_at is null
    on conflict do nothing;
    update mpp.partner_withdrawal w
    set settled_at = private.clock(), outcome = 'agreed_again', address = null, account_id = null
    where w.account_id = account and w.campaign_id = campaign and w.settled_at is null;
end
$$;

-- Whatever the partner got of this person goes on the list of what it must be told.
create function private.partner_must_forget(account uuid, campaign integer, reason text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    with held as (
        delete from mpp.partner_address a
        where a.account_id = account and a.campaign_id = campaign
        returning a.address, a.export_id
    )
    insert into mpp.partner_withdrawal (campaign_id, export_id, account_id, address, reason)
    select campaign, h.export_id, case when reason <> 'erased' then account end, h.address, partner_must_forget.reason
    from held h;
end
$$;

create function private.set_partner_consent(account uuid, campaign text, granted boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    perform private.lock_profile(account, plays => false);
    if granted then
        perform private.check_partner_age(account);
    end if;
    if granted and campaign is null then
        perform private.refuse('MP010', 'campaign', 'it is empty', 'Name one of my_campaigns.');
    end if;
    if campaign is not null and not exists (
        select from mpp.campaign c join mpp.campaign_guest g on g.campaign_id = c.id and g.account_id = account
        where c.code = set_partner_consent.campaign
    ) then
        perform private.refuse('MP063');
    end if;
    for target in
        select c.id
        from mpp.campaign_guest g
        join mpp.campaign c on c.id = g.campaign_id
        where g.account_id = account and (campaign is null or c.code = campaign)
        order by c.id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.record_partner_consent(account, target, granted, 'app');
    end loop;
end
$$;

-- The code and the campaign that it opens now.
create function private.open_campaign(code text) returns mpp.campaign_code
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    found_code mpp.campaign_code;
begin
    select x.* into found_code
    from mpp.campaign_code x
    join mpp.campaign c on c.id = x.campaign_id
    join mpp.edition e on e.id = c.edition_id
    where x.code = translate(upper(regexp_replace(left(open_campaign.code, 40), '[\s-]', '', 'g')), 'OIL', '011')
        and x.ended_at is null and e.opened_at is not null and private.clock() < e.ends_at;
    if not found then
        perform private.refuse('MP063');
    end if;
    return found_code;
end
$$;

create type api.campaign_invitation as (
    campaign text, partner text, creator text, edition_id integer, text_number integer, body jsonb
);
comment on type api.campaign_invitation is 'What a code of a campaign invites to, and what the person is asked to agree to, by language.';

create function private.campaign_invitation(code text) returns api.campaign_invitation
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    x mpp.campaign_code := private.open_campaign(code);
    invitation api.campaign_invitation;
begin
    select c.code, p.name, x.creator, c.edition_id, t.number, t.body
    into invitation
    from mpp.campaign c
    join mpp.partner p on p.id = c.partner_id
    join mpp.campaign_text t on t.campaign_id = c.id
    where c.id = x.campaign_id
    order by t.number desc
    limit 1;
    return invitation;
end
$$;
grant execute on function private.campaign_invitation to anon, authenticated;

create function api.campaign_invitation(code text) returns api.campaign_invitation
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.campaign_invitation(code); end;
comment on function api.campaign_invitation is 'What the code of a campaign invites to: the partner, the creator, and the text to show before join_campaign. Everyone who has the code. Errors: MP063.';
grant execute on function api.campaign_invitation to anon, authenticated;

create function private.join_campaign(code text, consent boolean, text_number integer) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    x mpp.campaign_code;
    shown integer;
begin
    perform private.lock_profile(account);
    x := private.open_campaign(code);
    if consent is null then
        perform private.refuse('MP010', 'consent', 'it is empty', 'Send true or false; false joins as well.');
    end if;
    if consent then
        perform private.check_partner_age(account);
    end if;
    perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), x.campaign_id);
    select max(t.number) into shown from mpp.campaign_text t where t.campaign_id = x.campaign_id;
    -- Nobody agrees to a text that they did not see.
    if consent and text_number is distinct from shown then
        perform private.refuse('MP010', 'text_number', coalesce(text_number::text, 'it is empty'), format('Show text %s of campaign_invitation and ask again.', shown));
    end if;
    insert into mpp.campaign_guest (account_id, campaign_id, code_id) values (account, x.campaign_id, x.id)
    on conflict do nothing;
    perform private.record_partner_consent(account, x.campaign_id, consent, 'app');
    return (select c.code from mpp.campaign c where c.id = x.campaign_id);
end
$$;
grant execute on function private.join_campaign to authenticated;

create function api.join_campaign(code text, consent boolean, text_number integer default null) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.join_campaign(code, consent, text_number); end;
comment on function api.join_campaign is 'Joins a campaign by a creator''s code. consent says whether the caller shares their e-mail address with the partner, by the text of that number; without it they join as well. Returns the code of the campaign, for set_consent. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP056, MP063.';
grant execute on function api.join_campaign to authenticated;

create type api.campaign_export as (export_id integer, exported_at timestamptz, people integer, digest text, rows jsonb);
comment on type api.campaign_export is 'A list for a partner: [{"email", "agreed_at", "text_version"}] in the order of the addresses, and its digest.';

-- Who agreed last, is live under a confirmed address, and old enough today in Paris.
create function private.campaign_readers(campaign integer) returns table (account_id uuid, address text, agreed_at timestamptz, text_version text)
    language plpgsql stable rows 1000 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.id, u.email::text, latest.given_at, latest.text_version
    from mpp.campaign_guest g
    join mpp.profile p on p.id = g.account_id
    join auth.users u on u.id = p.id
    cross join lateral (
        select c.granted, c.given_at, c.text_version
        from mpp.consent c
        where c.account_id = g.account_id and c.campaign_id = campaign
        order by c.id desc
        limit 1
    ) latest
    where g.campaign_id = campaign
        and latest.granted
        and private.is_live(u)
        and u.email_confirmed_at is not null
        and u.email <> ''
        and private.age_on(p.birth_date, p.birth_date_before, private.today()) >= private.partner_age(p.country);
end
$$;

create function private.export_campaign(campaign text) returns api.campaign_export
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
    made api.campaign_export;
    locked uuid[];
    rows jsonb;
begin
    perform private.require_ops();
    c := private.campaign_of(campaign);
    -- An account that is being deleted at this moment is waited for, and is then not among them.
    select array_agg(f.id) into locked
    from (
        select p.id from mpp.profile p
        where p.id in (select g.account_id from mpp.campaign_guest g where g.campaign_id = c.id)
        order by p.id
        for key share
    ) f;
    perform pg_advisory_xact_lock(hashtext('mpp.campaign'), c.id);
    perform private.require_ops();
    select jsonb_agg(jsonb_build_object('account', r.account_id, 'email', r.address, 'agreed_at', r.agreed_at, 'text_version', r.text_version)
        order by r.address collate "C")
    into rows
    from private.campaign_readers(c.id) r
    where r.account_id = any (locked);
    insert into mpp.partner_export as x (campaign_id, exported_by, people, digest)
    values (c.id, private.my_account(), coalesce(jsonb_array_length(rows), 0), encode(sha256(convert_to(coalesce((
        select string_agg(r.value ->> 'email' || E'\n', '' order by r.place) from jsonb_array_elements(rows) with ordinality r (value, place)
    ), ''), 'UTF8')), 'hex'))
    returning x.id, x.exported_at, x.people, x.digest into made.export_id, made.exported_at, made.people, made.digest;
    insert into mpp.partner_address (account_id, campaign_id, address, export_id)
    select (r.value ->> 'account')::uuid, c.id, r.value ->> 'email', made.export_id
    from jsonb_array_elements(rows) r
    on conflict do nothing;
    perform private.record_act('partner.export', c.code,
        jsonb_build_object('export', made.export_id, 'people', made.people, 'digest', made.digest));
    made.rows := coalesce((
        select jsonb_agg(r.value - 'account' order by r.place) from jsonb_array_elements(rows) with ordinality r (value, place)
    ), '[]');
    return made;
end
$$;
grant execute on function private.export_campaign to authenticated, service_role;

create function api.export_campaign(campaign text) returns api.campaign_export
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.export_campaign(campaign); end;
comment on function api.export_campaign is 'Makes the list for the partner of a campaign: the addresses of those who agreed to it and did not withdraw, are 15 or older today (older where their country asks), and have a live account with a confirmed address. Each call is recorded: who, when, how many, and the digest. Staff. Errors: MP006, MP010.';
grant execute on function api.export_campaign to authenticated, service_role;

create function private.settle_partner_withdrawals(ids integer[], note text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text := private.clean_line('note', note, 300);
    settled integer;
begin
    perform private.require_ops();
    -- In order, so that of two at once the second waits for the first.
    perform from mpp.partner_withdrawal w where w.id = any (ids) order by w.id for update;
    update mpp.partner_withdrawal w
    set settled_at = private.clock(), outcome = 'partner_told', note = why, address = null, account_id = null
    where w.id = any (ids) and w.settled_at is null;
    get diagnostics settled = row_count;
    if settled > 0 then
        perform private.record_act('partner.settle', null, jsonb_build_object('withdrawals', to_jsonb(ids), 'settled', settled, 'note', why));
    end if;
    return settled;
end
$$;
grant execute on function private.settle_partner_withdrawals to authenticated, service_role;

create function api.settle_partner_withdrawals(ids integer[], note text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_partner_withdrawals(ids, note); end;
comment on function api.settle_partner_withdrawals is 'Records that the partner was told of these withdrawals, how and by whom (note); the addresses go. Returns how many were still open. Staff. Errors: MP006, MP010.';
grant execute on function api.settle_partner_withdrawals to authenticated, service_role;

create type api.creator_figure as (creator text, joined integer, agreed integer, players integer, validations bigint);
comment on type api.creator_figure is 'A creator of a campaign: how many joined by their code, agreed, and played, and what they did. Numbers of people from one to four, and what they tell by subtraction, are null.';

-- Whether two numbers of people, the second a part of the first, tell about too few: by themselves, or by what is left.
create function private.part_shown(people bigint, part bigint) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    least constant integer := private.least_people();
begin
    return case when people = 0 then 0
        when people >= least and (part = 0 or part >= least) and (people = part or people - part >= least) then part::integer end;
end
$$;

create function private.campaign_figures(campaign text) returns setof api.creator_figure
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c mpp.campaign;
begin
    perform private.require_ops();
    c := private.campaign_of(campaign);
    return query
    select
        x.creator::text,
        private.part_shown(f.joined, f.joined),
        private.part_shown(f.joined, f.agreed),
        private.part_shown(f.joined, f.players),
        case when private.part_shown(f.joined, f.players) is not null then f.validations end
    from mpp.campaign_code x
    cross join lateral (
        select
            count(*) as joined,
            count(*) filter (where latest.granted) as agreed,
            count(*) filter (where p.id is not null) as players,
            coalesce(sum(d.done), 0)::bigint as validations
        from mpp.campaign_guest g
        left join lateral (
            select k.granted from mpp.consent k where k.account_id = g.account_id and k.campaign_id = c.id order by k.id desc limit 1
        ) latest on true
        left join mpp.player p on p.account_id = g.account_id and p.edition_id = c.edition_id
        left join lateral (
            select count(*) as done from mpp.validation v where v.player_id = p.id and v.state = 'credited'
        ) d on true
        where g.code_id = x.id
    ) f
    where x.campaign_id = c.id
    order by lower(x.creator);
end
$$;
grant execute on function private.campaign_figures to authenticated, service_role;

create function api.campaign_figures(campaign text) returns setof api.creator_figure
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.campaign_figures(campaign); end;
comment on function api.campaign_figures is 'What each creator of a campaign brought about, without names; small numbers of people are withheld. Staff. Errors: MP006, MP010.';
grant execute on function api.campaign_figures to authenticated, service_role;

-- The account is erased: that withdraws everything.
create function private.profile_leave_partners() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    for target in
        select distinct a.campaign_id from mpp.partner_address a where a.account_id = old.id order by a.campaign_id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.partner_must_forget(old.id, target, 'erased');
    end loop;
    return old;
end
$$;

create trigger profile_leave_partners
    before delete on mpp.profile
    for each row execute function private.profile_leave_partners();

-- Somebody turns out to be too young, by a corrected birth date or another country: what they agreed to ends.
create function private.profile_protect_from_partners() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    target integer;
begin
    if private.age_on(new.birth_date, new.birth_date_before, private.today()) >= private.partner_age(new.country) then
        return null;
    end if;
    for target in
        select g.campaign_id from mpp.campaign_guest g where g.account_id = new.id order by g.campaign_id
    loop
        perform pg_advisory_xact_lock_shared(hashtext('mpp.campaign'), target);
        perform private.record_partner_consent(new.id, target, false, 'ops');
    end loop;
    return null;
end
$$;

create trigger profile_protect_from_partners
    after update of birth_date, country on mpp.profile
    for each row
    when (new.birth_date is distinct from old.birth_date or new.country is distinct from old.country)
    execute function private.profile_protect_from_partners();
-- What the association learns about conduct: expulsions, and reports of members.

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
    reported_at timestamptz not null default private.clock(),
    resolved_at timestamptz,
    resolution text
);
comment on table mpp.conduct_report is 'What ambassadors and players tell the association. An expulsion also bars the way back.';
create index conduct_report_league on mpp.conduct_report (league_id, account_id) where kind = 'expulsion';
create index conduct_report_player on mpp.conduct_report (player_id);
create index conduct_report_account on mpp.conduct_report (account_id) where account_id is not null;
create index conduct_report_reporter on mpp.conduct_report (reported_by) where reported_by is not null;
create index conduct_report_edition on mpp.conduct_report (edition_id);

alter table mpp.conduct_report enable row level security;

create policy conduct_report_select_ops on mpp.conduct_report
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.conduct_report to authenticated, service_role;

-- For any member: tell the association about a player of the league.
create function private.report_conduct(player_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    reported mpp.player;
begin
    perform private.lock_account(account);
    -- And whom they tell about: an id is not written after it was erased.
    perform from auth.users u
    where u.id = (
        select p.account_id from mpp.player p
        where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids())
    )
    for key share;
    select * into reported
    from mpp.player p
    where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids()) and p.alias is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- One open report by one person about another is enough.
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
grant execute on function private.report_conduct to authenticated;

create function api.report_conduct(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.report_conduct(player_id, reason); end;
comment on function api.report_conduct is 'Reports a player of one''s own league to the association. Errors: MP001–MP003, MP005, MP010, MP011.';
grant execute on function api.report_conduct to authenticated;

-- The staff whom an expulsion is told: all but whoever did it. Their accounts are locked before the league.
create function private.lock_staff_to_tell() returns uuid[]
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select u.id
        from auth.users u
        where u.id in (select m.account_id from mpp.ops_member m) and u.id is distinct from private.my_account()
        order by u.id
        for key share
    );
end
$$;

-- Only the number of the report waits in the queue. Who and why is read when the mail leaves (report_content).
create function private.tell_expulsion(report bigint, staff uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.queue_mail(format('expulsion-%s-%s', report, s.id), 'expulsion', jsonb_build_object('report', report), account_id => s.id)
    from unnest(staff) s (id);
end
$$;

create function private.report_content(report bigint) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object('player', coalesce(p.alias, '—'), 'league', l.name, 'edition', e.code, 'reason', r.reason)
            || case when f.alias is not null then jsonb_build_object('by', f.alias) else '{}' end
        from mpp.conduct_report r
        join mpp.player p on p.id = r.player_id
        join mpp.league l on l.id = r.league_id
        join mpp.edition e on e.id = r.edition_id
        left join mpp.profile f on f.id = r.reported_by
        where r.id = report
    );
end
$$;

create function private.resolve_conduct_report(id bigint, resolution text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.resolve_conduct_report to authenticated, service_role;

create function api.resolve_conduct_report(id bigint, resolution text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.resolve_conduct_report(id, resolution); end;
comment on function api.resolve_conduct_report is 'Closes a conduct report with a note. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.resolve_conduct_report to authenticated, service_role;

create view api.conduct_reports with (security_invoker = true) as
select
    r.id,
    r.kind,
    r.edition_id,
    r.league_id,
    r.player_id,
    r.account_id,
    r.reported_by,
    r.reason,
    r.reported_at,
    r.resolved_at,
    r.resolution,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    l.name as league
from mpp.conduct_report r
join mpp.player p on p.id = r.player_id
join mpp.league l on l.id = r.league_id;
comment on view api.conduct_reports is 'Expulsions and reports to look into. Staff only.';
grant select on api.conduct_reports to authenticated, service_role;
-- The agreement of a guardian that a child below the age of consent appears in public. The child names an address, and
-- whoever reads its mail decides by a link that works once, and withdraws by the same link. The staff record what comes
-- by another way.

create table mpp.guardian_request (
    id integer generated always as identity primary key,
    account_id uuid not null references mpp.profile (id) on delete cascade,
    address text not null check (private.is_mail_address(address) and address = lower(address)),
    token_digest bytea not null unique check (octet_length(token_digest) = 32),
    text_version text not null,
    asked_at timestamptz not null default private.clock(),
    expires_at timestamptz not null,
    decided_at timestamptz,
    granted boolean,
    ended_at timestamptz,
    constraint guardian_request_decision_is_whole check ((decided_at is null) = (granted is null))
);
comment on table mpp.guardian_request is 'Questions to guardians, and their links. Withdrawing, and another question before an answer, end one.';
comment on column mpp.guardian_request.address is 'Given by the child. Purpose: asking the guardian, and letting them withdraw. Read by the child and the staff in the database; kept 30 days after the link expired unanswered, after a refusal or a withdrawal, or after the child came of the age of consent.';
comment on column mpp.guardian_request.token_digest is 'SHA-256 of the token of the link. The token stands in the mail and nowhere else.';
create index guardian_request_account on mpp.guardian_request (account_id, asked_at);
create index guardian_request_mailbox on mpp.guardian_request (private.mailbox_of(address), asked_at);

create table mpp.guardian_consent (
    id integer generated always as identity primary key,
    account_id uuid not null,
    granted boolean not null,
    channel text not null check (channel in ('link', 'ops')),
    text_version text not null,
    address_digest bytea check (octet_length(address_digest) = 32),
    reason text check (char_length(reason) <= 200),
    given_at timestamptz not null default private.clock(),
    constraint guardian_consent_is_proven check (case channel when 'link' then address_digest is not null else reason is not null end)
);
comment on table mpp.guardian_consent is 'What guardians agreed to, refused or withdrew, append-only; the newest row of an account holds.';
comment on column mpp.guardian_consent.account_id is 'The child. Purpose: proof. Kept for good after the account is erased; it leads to nobody then.';
comment on column mpp.guardian_consent.address_digest is 'SHA-256 of the address that the link went to: who knows the address can show that it was this one. Read by nobody; kept for good as proof.';
comment on column mpp.guardian_consent.reason is 'How the staff learnt of it. Read by the child and the staff; kept for good as proof.';
create index guardian_consent_account on mpp.guardian_consent (account_id, id desc);

create trigger guardian_consent_append_only
    before update or delete or truncate on mpp.guardian_consent
    for each statement execute function private.refuse_change();

alter table mpp.guardian_request enable row level security;
alter table mpp.guardian_consent enable row level security;

create policy guardian_request_select_owner on mpp.guardian_request
    for select to authenticated
    using (account_id = (select private.my_account()));

create policy guardian_consent_select_authenticated on mpp.guardian_consent
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select (account_id, address, asked_at, expires_at, decided_at, granted, ended_at) on mpp.guardian_request to authenticated;
grant select (id, account_id, granted, channel, text_version, reason, given_at) on mpp.guardian_consent to authenticated;

create view api.my_guardian_requests with (security_invoker = true) as
select r.address, r.asked_at, r.expires_at, r.decided_at, r.granted, r.ended_at
from mpp.guardian_request r cross join (select) read_only
where r.account_id = (select private.my_account());
comment on view api.my_guardian_requests is 'Whom the caller asked to agree as their guardian, and what came of it; sort by asked_at.';
comment on column api.my_guardian_requests.granted is 'What the guardian answered; null before.';
comment on column api.my_guardian_requests.ended_at is 'When the guardian withdrew, or the caller asked again before an answer.';
grant select on api.my_guardian_requests to authenticated;

create view api.my_guardian_consents with (security_invoker = true) as
select c.id, c.granted, c.channel, c.text_version, c.reason, c.given_at
from mpp.guardian_consent c cross join (select) read_only
where c.account_id = (select private.my_account());
comment on view api.my_guardian_consents is 'Everything that a guardian of the caller agreed to, refused or withdrew; sort by id.';
grant select on api.my_guardian_consents to authenticated;

-- A question that is over is not mailed any more.
create function private.drop_guardian_mails(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'no longer asked', data = '{}'
    from mpp.guardian_request r
    where r.account_id = account and m.key = 'guardian/' || encode(r.token_digest, 'hex') and m.state = 'queued';
end
$$;

create function private.ask_guardian(email text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    typed text := lower(private.trimmed(left(email, 400)));
    me mpp.profile;
    -- 244 random bits.
    token text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    r mpp.guardian_request;
    at timestamptz;
begin
    perform private.lock_profile(account);
    -- One question at a time, so that they can be counted.
    select * into me from mpp.profile p where p.id = account for no key update;
    if private.may_be_listed(account) then
        if me.guardian_consent_at is not null then
            perform private.refuse('MP010', 'email', 'a guardian has agreed already', 'Nothing more is needed.');
        end if;
        perform private.refuse('MP059', private.consent_age(me.country)::text);
    end if;
    if typed is null or not private.is_mail_address(typed) then
        perform private.refuse('MP010', 'email', coalesce(left(email, 100), 'it is empty'), 'Give an address such as ada@example.org.');
    end if;
    if private.mailbox_of(typed) = private.mailbox_of((select u.email::text from auth.users u where u.id = account)) then
        perform private.refuse('MP010', 'email', 'it is your own', 'Give the address of a guardian.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.mailbox'), hashtext(private.mailbox_of(typed)));
    at := private.clock();
    -- Three a day for a child and ten in all; five a day for a mailbox, whoever asks.
    if (select count(*) from mpp.guardian_request x where x.account_id = account and x.asked_at > at - interval '24 hours') >= 3
        or (select count(*) from mpp.guardian_request x where x.account_id = account) >= 10 then
        perform private.refuse('MP047', '3');
    end if;
    if (
        select count(*) from mpp.guardian_request x
        where private.mailbox_of(x.address) = private.mailbox_of(typed) and x.asked_at > at - interval '24 hours'
    ) >= 5 then
        perform private.refuse('MP047', '5');
    end if;
    perform private.drop_guardian_mails(account);
    update mpp.guardian_request x set ended_at = at where x.account_id = account and x.decided_at is null and x.ended_at is null;
    insert into mpp.guardian_request (account_id, address, token_digest, text_version, asked_at, expires_at)
    values (account, typed, sha256(convert_to(token, 'UTF8')), (private.current_terms()).version, at, at + interval '336 hours')
    returning * into r;
    perform private.queue_mail('guardian/' || encode(r.token_digest, 'hex'), 'guardian_request',
        jsonb_build_object('first_name', me.first_name, 'token', token, 'expires_at', r.expires_at), 'service',
        address => typed, language => case me.language when 'fr' then 'fr' else 'en' end, useful_until => r.expires_at);
end
$$;
grant execute on function private.ask_guardian to authenticated;

create function api.ask_guardian(email text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.ask_guardian(email); end;
comment on function api.ask_guardian is 'Asks a guardian of the caller, by mail, whether they may appear in public. The link in the mail works once, for 14 days, and later withdraws. Three questions a day, ten in all. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP059.';
grant execute on function api.ask_guardian to authenticated;

create function private.guardian_request_of(token text) returns mpp.guardian_request
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request;
begin
    if token is not null and octet_length(token) <= 200 then
        select * into r from mpp.guardian_request x where x.token_digest = sha256(convert_to(token, 'UTF8'));
    end if;
    if r.id is null then
        perform private.refuse('MP062');
    end if;
    return r;
end
$$;

create type api.guardian_question as (first_name text, state text, text_version text, asked_at timestamptz, expires_at timestamptz, decided_at timestamptz);
comment on type api.guardian_question is 'What a guardian is asked about whom. state: open, granted, refused, withdrawn or expired.';

create function private.guardian_question(token text) returns api.guardian_question
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request := private.guardian_request_of(token);
begin
    return row (
        (select p.first_name from mpp.profile p where p.id = r.account_id),
        case
            when r.granted and r.ended_at is not null then 'withdrawn'
            when r.granted then 'granted'
            when r.decided_at is not null then 'refused'
            when r.ended_at is not null or r.expires_at <= private.clock() then 'expired'
            else 'open'
        end,
        r.text_version, r.asked_at, r.expires_at, r.decided_at
    )::api.guardian_question;
end
$$;
grant execute on function private.guardian_question to anon, authenticated;

create function api.guardian_question(token text) returns api.guardian_question
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.guardian_question(token); end;
comment on function api.guardian_question is 'What the link of a mail asks a guardian. The token is the proof; nobody signs in. Errors: MP062.';
grant execute on function api.guardian_question to anon, authenticated;

-- Sets what holds for the child. Its editions are locked, then the profile.
create function private.hold_guardian_consent(account uuid, granted boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.profile p
    set guardian_consent_at = case when hold_guardian_consent.granted then coalesce(p.guardian_consent_at, private.clock()) end
    where p.id = account;
    -- Whatever withdraws ends every link that agreed.
    if not granted then
        update mpp.guardian_request r set ended_at = private.clock()
        where r.account_id = account and r.granted and r.ended_at is null;
    end if;
end
$$;

create function private.guardian_decide(token text, granted boolean) returns api.guardian_question
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    r mpp.guardian_request;
    account uuid;
begin
    perform private.require_no_maintenance();
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    r := private.guardian_request_of(token);
    account := r.account_id;
    perform private.lock_editions_of(account);
    perform from mpp.profile p where p.id = account for no key update;
    -- Again under the lock: twice at once, and the second finds it decided; or the account went meanwhile.
    r := private.guardian_request_of(token);
    if r.decided_at is null then
        if r.ended_at is not null or r.expires_at <= private.clock() then
            perform private.refuse('MP062');
        end if;
        update mpp.guardian_request x set decided_at = private.clock(), granted = guardian_decide.granted where x.id = r.id;
    elsif r.granted and r.ended_at is null and not granted then
        null; -- It withdraws.
    elsif granted <> (r.granted and r.ended_at is null) then
        perform private.refuse('MP062');
    else
        -- The same again: the answer got lost.
        return private.guardian_question(token);
    end if;
    insert into mpp.guardian_consent (account_id, granted, channel, text_version, address_digest)
    values (account, guardian_decide.granted, 'link', r.text_version, sha256(convert_to(r.address, 'UTF8')));
    perform private.hold_guardian_consent(account, granted);
    return private.guardian_question(token);
end
$$;
grant execute on function private.guardian_decide to anon, authenticated;

create function api.guardian_decide(token text, granted boolean) returns api.guardian_question
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.guardian_decide(token, granted); end;
comment on function api.guardian_decide is 'A guardian agrees or refuses by the token of their link, once; false after having agreed withdraws. The token is the proof; nobody signs in. Errors: MP010, MP011, MP062.';
grant execute on function api.guardian_decide to anon, authenticated;

create function private.record_guardian_consent(account_id uuid, granted boolean, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text := private.clean_line('reason', reason, 200);
begin
    perform private.require_ops();
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    perform private.lock_editions_of(account_id);
    perform from mpp.profile p where p.id = account_id and p.alias is not null for no key update;
    if not found then
        perform private.refuse('MP005');
    end if;
    insert into mpp.guardian_consent (account_id, granted, channel, text_version, reason)
    values (record_guardian_consent.account_id, record_guardian_consent.granted, 'ops', (private.current_terms()).version, why);
    perform private.hold_guardian_consent(account_id, granted);
    perform private.record_act('guardian.record', account_id::text, jsonb_build_object('granted', granted, 'reason', why));
end
$$;
grant execute on function private.record_guardian_consent to authenticated, service_role;

create function api.record_guardian_consent(account_id uuid, granted boolean, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_guardian_consent(account_id, granted, reason); end;
comment on function api.record_guardian_consent is 'Records that a guardian of a player agreed or withdrew by another way than the link, such as a letter; the log and the audit keep the reason. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.record_guardian_consent to authenticated, service_role;

-- The account is erased: nobody is asked about it any more.
create function private.profile_ask_no_more() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.drop_guardian_mails(old.id);
    return old;
end
$$;

create trigger profile_ask_no_more
    before delete on mpp.profile
    for each row execute function private.profile_ask_no_more();
-- Names that must go: an insult, a child's surname, somebody else's name. The staff rename what bears one, or hide it
-- under a name that says nothing. Rules for names that people choose are in 12_typed and 30_client.

create type api.name_kind as enum ('league', 'team', 'alias', 'class', 'school');

create table mpp.name_change (
    id bigint generated always as identity primary key,
    kind api.name_kind not null,
    account_id uuid references mpp.profile (id) on delete cascade,
    subject_id uuid,
    old_name mpp.line not null,
    new_name mpp.line,
    reason text not null check (char_length(reason) between 1 and 300),
    changed_at timestamptz not null default private.clock(),
    changed_by uuid references auth.users (id) on delete set null,
    constraint name_change_of_one_thing check (num_nonnulls(account_id, subject_id) = 1 and (kind = 'alias') = (account_id is not null))
);
comment on table mpp.name_change is 'Names that the staff took away, with the reason.';
comment on column mpp.name_change.account_id is 'Whose alias it was; null for the name of anything else. Goes with the account.';
comment on column mpp.name_change.subject_id is 'The league, team, class or school that bore it.';
comment on column mpp.name_change.old_name is 'The name that was taken away, so that it is not taken again; read by the staff only, kept three years.';
comment on column mpp.name_change.new_name is 'The name in its place; null for a school that was taken off the lists.';
comment on column mpp.name_change.reason is 'Why, as the owner was told.';
comment on column mpp.name_change.changed_by is 'Who of the staff did it; null for the secret key, and once that account is erased.';
create index name_change_account on mpp.name_change (account_id) where account_id is not null;
create index name_change_subject on mpp.name_change (subject_id) where subject_id is not null;
create index name_change_by on mpp.name_change (changed_by) where changed_by is not null;

alter table mpp.name_change enable row level security;

create policy name_change_select_ops on mpp.name_change
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.name_change to authenticated, service_role;

create view api.name_changes with (security_invoker = true) as
select n.id, n.kind, coalesce(n.account_id, n.subject_id) as subject_id, n.old_name, n.new_name, n.reason, n.changed_at, n.changed_by
from mpp.name_change n cross join (select) read_only;
comment on view api.name_changes is 'Names that the staff took away; sort by id. subject_id is the account of an alias, else the league, team, class or school. Staff only.';
grant select on api.name_changes to authenticated, service_role;

-- What was taken away is not taken again. The staff may give it back.
create function private.refuse_removed_name() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    said text := to_jsonb(new) ->> tg_argv[0];
begin
    if exists (
        select
        from mpp.name_change n
        where (n.subject_id = new.id or n.account_id = new.id) and private.folded(n.old_name) = private.folded(said)
    ) and not private.is_ops() then
        perform private.refuse('MP010', tg_argv[0], 'Ma Petite Planète took this name away', 'Choose another one.');
    end if;
    return new;
end
$$;

create trigger profile_refuse_removed_name
    before update of alias on mpp.profile
    for each row when (new.alias is distinct from old.alias)
    execute function private.refuse_removed_name('alias');

create trigger league_refuse_removed_name
    before update of name on mpp.league
    for each row when (new.name is distinct from old.name)
    execute function private.refuse_removed_name('name');

create trigger team_refuse_removed_name
    before update of name on mpp.team
    for each row when (new.name is distinct from old.name)
    execute function private.refuse_removed_name('name');

-- Takes a name out of rankings that are frozen, where labels do not follow by themselves (label_players,
-- label_leagues). Points, order and listing stay.
create function private.take_label_away(subjects uuid[], old_name text, new_name text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from mpp.score s where s.subject_id = any (subjects) order by s.subject_id for no key update;
    update mpp.score s
    set label = case when s.label = old_name then new_name else s.label end,
        league_label = case when s.league_label = old_name then new_name else s.league_label end
    where s.subject_id = any (subjects) and (s.label = old_name or s.league_label = old_name);
end
$$;

create type api.changed_name as (kind api.name_kind, subject_id uuid, name text, told integer);
comment on type api.changed_name is 'What bears another name now, which one, and how many people a mail tells. name is null for a school that was taken off the lists.';

create function private.change_name(kind text, subject_id uuid, reason text, name text) returns api.changed_name
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    hidden boolean := change_name.name is null;
    kinds constant text[] := enum_range(null::api.name_kind)::text[];
    league mpp.league;
    account uuid;
    tell uuid[];
    person uuid;
    was text;
    neutral text;
    change mpp.name_change;
    answer api.changed_name;
begin
    perform private.require_ops();
    why := private.clean_line('reason', change_name.reason, 300);
    if change_name.kind is null or not change_name.kind = any (kinds) then
        perform private.refuse('MP010', 'kind', coalesce(left(change_name.kind, 40), 'it is empty'), format('Use %s.', array_to_string(kinds, ', ')));
    end if;

    -- Whose it is. Their accounts are locked first, as everywhere.
    if change_name.kind = 'alias' then
        select p.account_id into account from mpp.player p where p.id = change_name.subject_id and p.alias is not null;
        account := coalesce(account, (select f.id from mpp.profile f where f.id = change_name.subject_id and f.alias is not null));
        tell := array[account];
    elsif change_name.kind = 'school' then
        select array[s.created_by] into tell from mpp.school s where s.id = change_name.subject_id;
    else
        select l.* into league
        from mpp.league l
        where l.id = case when change_name.kind = 'team' then (select t.league_id from mpp.team t where t.id = change_name.subject_id)
                else change_name.subject_id end
            and (change_name.kind = 'team' or (change_name.kind = 'class') = (l.school_id is not null));
        tell := array(select a.account_id from mpp.ambassador a where a.league_id = league.id order by a.account_id);
    end if;
    tell := array(
        select u.id
        from auth.users u
        where u.id = any (tell || private.my_account())
        order by u.id
        for key share
    );

    neutral := format(
        case when exists (select from mpp.profile f where f.id = any (tell) and f.language = 'en')
            and not exists (select from mpp.profile f where f.id = any (tell) and f.language = 'fr')
            then case change_name.kind when 'alias' then 'Player %s' when 'team' then 'Team %s' when 'class' then 'Class %s' else 'League %s' end
            else case change_name.kind when 'alias' then 'Joueur·se %s' when 'team' then 'Équipe %s' when 'class' then 'Classe %s' else 'Ligue %s' end
        end, left(private.new_join_code(), 6));
    -- Also in a frozen edition: a name is no part of the seal.
    if change_name.kind = 'alias' then
        perform private.lock_editions_of(account);
        select f.alias into was from mpp.profile f where f.id = account for no key update;
        answer.name := private.clean_alias(coalesce(change_name.name, neutral));
        update mpp.profile f set alias = answer.name where f.id = account;
        update mpp.player p set alias = answer.name where p.account_id = account and private.folded(p.alias) = private.folded(was);
        perform private.take_label_away(array(select p.id from mpp.player p where p.account_id = account), was, answer.name);
    elsif change_name.kind = 'school' then
        select s.name into was from mpp.school s where s.id = change_name.subject_id;
        if found then
            perform private.correct_school(change_name.subject_id, change_name.name, null, null, null, case when hidden then true end);
            answer.name := case when not hidden then private.trimmed(change_name.name) end;
        end if;
    elsif league.id is not null then
        perform private.lock_edition(league.edition_id);
        perform private.lock_league(league.id);
        if change_name.kind = 'team' then
            answer.name := private.clean_team_name(league.id, coalesce(change_name.name, neutral));
            select t.name into was from mpp.team t where t.id = change_name.subject_id;
            update mpp.team t set name = answer.name where t.id = change_name.subject_id;
            perform private.take_label_away(array[change_name.subject_id], was, answer.name);
        else
            answer.name := case when change_name.kind = 'class' then private.clean_class_text('name', coalesce(change_name.name, neutral), 60)
                else private.clean_name('name', coalesce(change_name.name, neutral)) end;
            select l.name into was from mpp.league l where l.id = league.id;
            update mpp.league l set name = answer.name where l.id = league.id;
            perform private.take_label_away(array(
                select league.id
                union all
                select t.id from mpp.team t where t.league_id = league.id
                union all
                select p.id from mpp.player p where p.league_id = league.id
            ), was, answer.name);
        end if;
    end if;
    if was is null then
        perform private.refuse('MP005');
    end if;

    insert into mpp.name_change (kind, account_id, subject_id, old_name, new_name, reason, changed_by)
    values (
        change_name.kind::api.name_kind,
        account,
        case when change_name.kind <> 'alias' then change_name.subject_id end,
        was, answer.name, why, private.my_account()
    )
    returning * into change;
    answer.kind := change.kind;
    answer.subject_id := coalesce(change.account_id, change.subject_id);
    answer.told := 0;
    foreach person in array tell loop
        if person = account
            or exists (select from mpp.school s where change_name.kind = 'school' and s.id = change_name.subject_id and s.created_by = person)
            or exists (select from mpp.ambassador a where a.league_id = league.id and a.account_id = person) then
            answer.told := answer.told + private.queue_mail(
                format('name-%s-%s', change.id, person), 'name_changed',
                jsonb_strip_nulls(jsonb_build_object('kind', change.kind, 'name', answer.name, 'league', case when change.kind = 'team' then league.name end,
                    'reason', why)),
                account_id => person, league_id => league.id)::integer;
        end if;
    end loop;
    -- No name in the audit, which is for good.
    perform private.record_act(case when hidden then 'name.hide' else 'name.rename' end, answer.subject_id::text,
        jsonb_build_object('kind', change.kind, 'change', change.id, 'reason', why, 'told', answer.told));
    return answer;
exception when unique_violation then
    perform private.refuse('MP038', change_name.name);
    return null;
end
$$;
grant execute on function private.change_name to authenticated, service_role;

create function api.change_name(kind text, subject_id uuid, reason text, name text default null) returns api.changed_name
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.change_name(kind, subject_id, reason, name); end;
comment on function api.change_name is 'Gives a league, team, alias, class or school another name, also in a frozen edition; without a name, one that says nothing, and a school goes off the lists. An alias is named by its player or its account, and changes wherever the person bears it. Its owner cannot take the old name again, and a mail tells them the new one and the reason: the person, the ambassadors or teachers, whoever added the school. Staff. Errors: MP005, MP006, MP010, MP038.';
grant execute on function api.change_name to authenticated, service_role;
-- Who stands in the public rankings, and under which name. The rankings are in 78_ranking.

-- A frozen ranking may lose a name, never gain one.
create function private.lock_listing(edition integer, listed boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
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

-- Shows or hides in the public ranking: a player themselves, an ambassador the league.
create function private.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
        account := case when private.is_ops() then (select private.my_account()) else private.require_account(accepted => listed) end;
        perform private.lock_listing((select l.edition_id from mpp.league l where l.id = set_listing.subject_id), listed);
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
            -- What the staff take out stays out: a league with a bad name, a class that is none.
            held_back = case when leads then l.held_back else not set_listing.listed end,
            hidden_with_school = l.hidden_with_school and leads
        where l.id = set_listing.subject_id
            and (l.listed <> set_listing.listed or (not leads and l.held_back = set_listing.listed));
        if not leads then
            perform private.record_act('league.list', set_listing.subject_id::text, jsonb_build_object('listed', set_listing.listed));
        end if;
    elsif scope = 'player' then
        account := private.require_account(accepted => listed);
        select * into mine from mpp.player p where p.id = set_listing.subject_id and p.account_id = account;
        if not found then
            perform private.refuse('MP005');
        end if;
        if listed and not private.may_be_listed(account) then
            perform private.refuse('MP050');
        end if;
        perform private.lock_listing(mine.edition_id, listed);
        perform private.lock_league(mine.league_id);
        -- Also where nothing changes: it is what they want in the next edition.
        update mpp.player p
        set listed = set_listing.listed, listing_choice = set_listing.listed, listing_chosen_at = private.clock()
        where p.id = mine.id and (p.listed, p.listing_choice) is distinct from (set_listing.listed, set_listing.listed);
    else
        perform private.refuse('MP010', 'scope', scope::text, 'Use player or league; a team follows its league.');
    end if;
end
$$;
grant execute on function private.set_listing to authenticated, service_role;

create function api.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_listing(scope, subject_id, listed); end;
comment on function api.set_listing is 'Shows or hides a player (themselves) or a league or class (its ambassadors or teachers, and staff) in the public ranking. What a player chooses also holds when they join another edition. What the staff took out stays out until they put it back. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP050.';
grant execute on function api.set_listing to authenticated, service_role;

-- A corrected profile shows in the person's leagues, in every edition that is not frozen.
create function private.profile_show_in_leagues() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.player p
    set alias = new.alias, first_name = new.first_name, picture_path = new.picture_path
    from mpp.edition e
    where p.account_id = new.id and e.id = p.edition_id and e.frozen_at is null;
    if not private.may_be_listed(new.id) then
        update mpp.player p set listed = false where p.account_id = new.id and p.listed;
    end if;
    if private.is_under(new.id, 15) then
        delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = new.id;
    end if;
    return null;
end
$$;

create trigger profile_show_in_leagues
    after update of alias, first_name, picture_path, birth_date, country, guardian_consent_at on mpp.profile
    for each row execute function private.profile_show_in_leagues();
-- Profile pictures: files of the private bucket profile-pictures. Postgres cannot tell an image from anything else, so
-- nobody but its owner reads what was uploaded. A worker with the secret key (`mpp photo check`) decodes it, writes a
-- smaller image without metadata, and records it here; only that one is shown to the league.
--
-- An upload is <account>/new/<32 hex digits>.<ending>, and what became of it <account>/<the same digits>.jpg: so a
-- worker that is cut off does the same again and finds its own file.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('profile-pictures', 'profile-pictures', false, 5242880, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

create type api.image_problem as enum ('unreadable', 'another_type', 'too_many_pixels');

create table mpp.picture (
    account_id uuid primary key references mpp.profile (id) on delete cascade,
    path text,
    checked_at timestamptz not null,
    problem api.image_problem,
    constraint picture_path_of_account check (path ~ ('^' || account_id || '/[0-9a-f]{32}\.jpg$')),
    constraint picture_shown_or_refused check (path is not null or problem is not null)
);
comment on table mpp.picture is 'The picture that the league of a person sees, and what became of their last upload.';
comment on column mpp.picture.path is 'The checked file. Purpose: being recognised in one''s league. Read by the person and the members of their leagues; kept until the person removes it or the account is erased.';
comment on column mpp.picture.problem is 'Why the last upload was refused; null when it was taken.';

-- The account of a path, and null for what is no path of a picture.
create function private.picture_account(path text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/([0-9a-f]{32}\.jpg|new/[0-9a-f]{32}\.(jpg|jpeg|png|webp))$'
        then split_part(path, '/', 1)::uuid
    end
$$;
grant execute on function private.picture_account to authenticated;

-- The account whose pictures the caller may read, or write: their own, if they have a profile.
create function private.my_picture_account(writing boolean) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if account is null or private.is_anonymous() or not exists (select from mpp.profile p where p.id = account) then
        return null;
    end if;
    if writing and exists (
        select from mpp.maintenance_window w where tstzrange(w.starts_at, w.ends_at) @> private.read_clock()
    ) then
        return null;
    end if;
    return account;
end
$$;
grant execute on function private.my_picture_account to authenticated;

-- The checked pictures of those who play in a league with the caller, or run it. Families of a class are in no league:
-- they see points.
create function private.my_league_pictures() returns setof text
    language plpgsql stable security definer rows 30 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    leagues uuid[];
begin
    if account is null or private.is_anonymous() then
        return;
    end if;
    leagues := array(
        select p.league_id from mpp.player p where p.account_id = account and p.league_id is not null
        union
        select a.league_id from mpp.ambassador a where a.account_id = account
    );
    return query
    select c.path
    from mpp.picture c
    where c.path is not null and c.account_id in (
        select p.account_id from mpp.player p where p.league_id = any (leagues)
        union
        select a.account_id from mpp.ambassador a where a.league_id = any (leagues)
    );
end
$$;
grant execute on function private.my_league_pictures to authenticated;

alter table mpp.picture enable row level security;

create policy picture_select_owner on mpp.picture
    for select to authenticated
    using (account_id = (select private.my_picture_account(writing => false)));

grant select on mpp.picture to authenticated;

create view api.my_picture with (security_invoker = true) as
select p.path, p.checked_at, p.problem
from mpp.picture p cross join (select) read_only;
comment on view api.my_picture is 'The caller''s picture: path is the checked file that their leagues see, problem why their last upload was refused. No row until the first upload was checked.';
grant select on api.my_picture to authenticated;

-- Nobody signs links: one goes on working for whoever has it, also after an expulsion.
create policy picture_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'profile-pictures'
        and coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
        and (
            private.picture_account(name) = (select private.my_picture_account(writing => false))
            or name in (select private.my_league_pictures())
        )
    );

create policy picture_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'profile-pictures'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
        and split_part(name, '/', 2) = 'new'
        and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
    );

-- There is no policy for updates: an upload that is being checked stays what it is. Replacing is another upload.
create policy picture_delete_authenticated on storage.objects
    for delete to authenticated
    using (
        bucket_id = 'profile-pictures'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
    );

-- What holds for the secret key too. It fires after the row, hence after the policies. The profile keeps an account that
-- is being erased from getting another file.
create function private.check_picture_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(new.name);
begin
    if account is null or tg_op = 'UPDATE' and (new.bucket_id, new.name) is distinct from (old.bucket_id, old.name) then
        raise exception 'This is not a name for a picture.'
            using hint = 'Use <account id>/new/<32 hex digits>.jpg, .png or .webp.', errcode = 'insufficient_privilege';
    end if;
    -- What the worker was about to write when the account was erased is removed as what nobody sees.
    if split_part(new.name, '/', 2) <> 'new' then
        return null;
    end if;
    perform from mpp.profile p where p.id = account for key share;
    if not found then
        raise exception 'This account has no profile.' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.picture'), hashtext(account::text));
    if (select count(*) from storage.objects f where f.bucket_id = 'profile-pictures' and f.name like account || '/new/%') > 3 then
        raise exception 'Three pictures at most wait to be checked.' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create trigger picture_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'profile-pictures')
    execute function private.check_picture_file();

create trigger picture_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'profile-pictures' or new.bucket_id = 'profile-pictures')
    execute function private.check_picture_file();

-- Whoever removes the file removes the picture.
create function private.picture_file_gone() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(old.name);
begin
    delete from mpp.picture c where c.account_id = account and c.path = old.name;
    if found then
        perform private.lock_editions_of(account);
        update mpp.profile p set picture_path = null where p.id = account and p.picture_path = old.name;
    end if;
    return null;
end
$$;

create trigger picture_file_gone
    after delete on storage.objects
    for each row when (old.bucket_id = 'profile-pictures')
    execute function private.picture_file_gone();

-- The checked file of an upload.
create function private.checked_path(upload text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select split_part(upload, '/', 1) || '/' || split_part(split_part(upload, '/', 3), '.', 1) || '.jpg' $$;

-- An upload that its owner has removed meanwhile is shown to nobody.
create function private.record_picture(path text, problem api.image_problem) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(path);
    checked text := private.checked_path(path);
begin
    perform from mpp.profile p where p.id = account for key share;
    if not found then
        return false;
    end if;
    perform private.lock_editions_of(account);
    perform pg_advisory_xact_lock(hashtext('mpp.picture'), hashtext(account::text));
    if not exists (select from storage.objects f where f.bucket_id = 'profile-pictures' and f.name = record_picture.path) then
        return false;
    end if;
    if problem is null and not exists (select from storage.objects f where f.bucket_id = 'profile-pictures' and f.name = checked) then
        perform private.refuse('MP010', 'path', 'its checked file is not there', 'Write the checked file first.');
    end if;
    insert into mpp.picture as c (account_id, path, checked_at, problem)
    values (account, case when problem is null then checked end, private.clock(), problem)
    on conflict (account_id) do update
    set path = coalesce(excluded.path, c.path), checked_at = excluded.checked_at, problem = excluded.problem;
    if problem is null then
        update mpp.profile p set picture_path = checked where p.id = account;
    end if;
    return true;
end
$$;
-- What goes, and what stays, when a person's profile is deleted. What ends with the account is in 66_access.

create function private.lock_editions_of(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_edition(p.edition_id)
    from (select x.edition_id from mpp.player x where x.account_id = account order by x.edition_id) p;
end
$$;

-- A deleted account leaves its points and its rank under no name. In a frozen ranking its line stays where it stood; in
-- a running edition it is listed no longer.
create function private.profile_forget() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
begin
    -- Leaving the ranking must not slip past a freeze.
    perform private.lock_editions_of(old.id);
    perform private.lock_leagues(array(
        select p.league_id from mpp.player p where p.account_id = old.id
        union
        select a.league_id from mpp.ambassador a where a.account_id = old.id
    ));
    delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = old.id;
    update mpp.player p
    set account_id = null, alias = '—', first_name = '—', picture_path = null,
        listed = p.listed and exists (select from mpp.edition e where e.id = p.edition_id and e.frozen_at is not null)
    where p.account_id = old.id;
    with left_behind as (
        delete from mpp.ambassador a where a.account_id = old.id returning a.league_id
    )
    select array_agg(l.league_id) into leagues from left_behind l;
    perform private.ensure_ambassador(l.id) from unnest(leagues) l (id);
    -- A class without a teacher is nobody's to show, until the staff give it to another one. An invitation would let in
    -- its maker under another account.
    delete from mpp.class_invitation i where i.league_id = any (leagues);
    delete from mpp.family f
    where f.league_id in (select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null)
        and not exists (select from mpp.ambassador a where a.league_id = f.league_id);
    delete from mpp.class_code c
    where c.league_id = any (leagues) and not exists (select from mpp.ambassador a where a.league_id = c.league_id);
    -- What the person ran with others goes on, but nobody enters by a code that the person knew.
    perform private.renew_codes(array(
        select l.id from unnest(leagues) l (id) where exists (select from mpp.ambassador a where a.league_id = l.id)));
    return old;
end
$$;

create trigger profile_forget
    before delete on mpp.profile
    for each row execute function private.profile_forget();

-- Takes the id of an erased account out of the rows that stay: by it, a player without a name would lead to their
-- consents, to the audit, and in Auth's own log to their address. Nothing that a seal or a score is made of changes.
-- docs/privacy.md says what keeps the id on purpose; a test knows every column.
create function private.forget_account(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.league l set created_by = null where l.created_by = account;
    update mpp.validation v set validated_by = null where v.validated_by = account;
    update mpp.validation v set cancelled_by = null where v.cancelled_by = account;
    update mpp.conduct_report r set account_id = null where r.account_id = account;
    update mpp.conduct_report r set reported_by = null where r.reported_by = account;
    update mpp.school s set created_by = null where s.created_by = account;
    update mpp.contact_request c set handled_by = null where c.handled_by = account;
end
$$;
-- Classes: leagues of a school, run by a teacher. Their pupils are players without accounts (52_pupil), and families
-- read their class, and only it (54_family). Validating is in 76_class_play.

create table mpp.class_challenge (
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    primary key (league_id, challenge_id)
);
comment on table mpp.class_challenge is 'What a teacher chose for the class; without a choice, everything of its level is in play.';
create index class_challenge_challenge on mpp.class_challenge (challenge_id);

alter table mpp.class_challenge enable row level security;

create policy class_challenge_select_authenticated on mpp.class_challenge
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));
grant select on mpp.class_challenge to authenticated, service_role;

-- Locks a class for one of its teachers, or for the staff; returns the account.
create function private.lock_class(class uuid, when_frozen boolean default false) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    -- As in lock_led_league.
    account uuid := case when private.is_ops() then private.lock_caller() else private.require_account(registered => false) end;
    edition integer;
    frozen text;
begin
    select l.edition_id into edition from mpp.league l where l.id = class and l.school_id is not null;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(class);
    end if;
    if edition is null or not (
        private.is_ops() or exists (select from mpp.ambassador a where a.league_id = class and a.account_id = account)
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

-- What the staff do in a class in a teacher's place leaves a trace. What teachers do there leaves none.
create function private.record_for_class(action text, class uuid, details jsonb default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_ops() then
        perform private.record_act(action, class::text, details);
    end if;
end
$$;

-- The edition of a class whose lock is held, required not to be over.
create function private.require_edition_not_over(class uuid) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class;
    if private.clock() >= e.ends_at then
        perform private.refuse_not_running(e);
    end if;
    return e;
end
$$;

create function private.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[], teacher_id uuid
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
        account := coalesce(teacher_id, (select private.my_account()));
        if not exists (select from mpp.teacher t where t.account_id = account) then
            perform private.refuse('MP009');
        end if;
    else
        account := private.require_teacher();
        if teacher_id is not null and teacher_id <> account then
            perform private.refuse('MP006');
        end if;
    end if;
    -- Refuse this before saying anything else about a private edition.
    if not by_ops and exists (select from mpp.edition x where x.id = create_class.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.lock_profile(account, plays => false);
    -- One at a time for one account, so that the limit holds.
    perform pg_advisory_xact_lock(hashtext('mpp.class'), hashtext(account::text));
    -- Before the edition, as in correct_school. The lock keeps the class from slipping into a school that is being
    -- hidden.
    select * into school from mpp.school s where s.id = create_class.school_id and not s.is_hidden for share;
    e := private.lock_joinable_edition(edition_id);
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
grant execute on function private.create_class to authenticated, service_role;

create function api.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[] default null, teacher_id uuid default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_class(edition_id, school_id, name, level, teams, teacher_id); end;
comment on function api.create_class is 'Creates a class of a school with its teams (one unless they are named) and the code for its families; the caller is its teacher. Only the staff may name another teacher_id. Returns the class id. Errors: MP001, MP002, MP005, MP006, MP009–MP011, MP020, MP021, MP023, MP024, MP028, MP037–MP039, MP080.';
grant execute on function api.create_class to authenticated, service_role;

create function private.update_class(class_id uuid, name text, level text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.lock_class(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if level is not null and level <> class.level then
        if not exists (select from mpp.school s where s.id = class.school_id and update_class.level = any (s.levels)) then
            perform private.refuse('MP010', 'level', left(level, 40), 'Use a level of the school of this class.');
        end if;
        -- Its challenges and its place among the classes of the level would no longer be right.
        if exists (select from mpp.validation v where v.league_id = class.id) then
            perform private.refuse('MP010', 'level', 'the class has already validated challenges', 'Ask Ma Petite Planète.');
        end if;
        delete from mpp.class_challenge c where c.league_id = class.id;
    end if;
    update mpp.league l
    set name = case when update_class.name is null then l.name else private.clean_class_text('name', update_class.name, 60) end,
        level = coalesce(update_class.level, l.level)
    where l.id = class.id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.update_class to authenticated, service_role;

create function api.update_class(class_id uuid, name text default null, level text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.update_class(class_id, name, level); end;
comment on function api.update_class is 'Renames a class or corrects its level. The level changes only before the first validation, and the choice of challenges starts again. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP024, MP038.';
grant execute on function api.update_class to authenticated, service_role;

-- Whether a challenge is in play for a class.
create function private.is_in_play(class mpp.league, challenge mpp.edition_challenge) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(class.level = any (challenge.levels), false)
        and (
            not exists (select from mpp.class_challenge c where c.league_id = class.id)
            or exists (select from mpp.class_challenge c where c.league_id = class.id and c.challenge_id = challenge.id)
        )
$$;

create function private.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.lock_class(class_id);
    perform private.require_edition_not_over(class_id);
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
grant execute on function private.choose_class_challenges to authenticated, service_role;

create function api.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_class_challenges(class_id, challenge_ids); end;
comment on function api.choose_class_challenges is 'Sets which challenges of its level a class plays, and returns how many; null means all of them. What was validated stays. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040.';
grant execute on function api.choose_class_challenges to authenticated, service_role;
-- Pupils of a class: adding, correcting, removing, forgetting. A pupil is known by the first name alone; an initial is
-- added while that name repeats in the class.

-- The name of a pupil as the class reads it.
create function private.pupil_name(first_name text, initial text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select first_name || coalesce(' ' || initial || '.', '') $$;
grant execute on function private.pupil_name to authenticated, service_role;

-- No refusal repeats what is typed about a pupil: messages end up in the server's log, and what was refused may be the
-- very surname or address that nobody should keep. The row of the list tells which pupil it was.

-- Signs that some keyboards give for an apostrophe become one, and so does the okina.
create function private.first_name_of(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select translate(private.trimmed(value), '`´‘ʻʼˈ', '''''’’’’') $$;

-- One word only: there must be nowhere to write a surname.
create function private.fault_of_first_name(value text) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := coalesce(private.fault_of_line(value, 30), private.fault_of_unseen(value));
begin
    return case
        when fault is not null then fault
        when private.first_name_of(value) ~ ' '
            then array['it has a space', 'Give the first name alone; join a compound one with a hyphen, such as Marie-Lou.']
        when not private.is_one_word(private.first_name_of(value))
            then array['it has a sign that is no letter', 'Use letters, hyphens and apostrophes only.']
    end;
end
$$;

-- As it is kept; nothing when there is none.
create function private.initial_of(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select nullif(upper(private.folded(replace(private.trimmed(left(value, 20)), '.', ''))), '') $$;

create function private.fault_of_initial(value text) returns text[]
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select case when char_length(i.initial) > 2 or not private.is_one_word(i.initial)
        then array['it is no initial', 'Give one letter, or two.'] end
    from (select private.initial_of(value)) i (initial)
    where i.initial is not null
$$;

-- The name of a class or of its team is free text that strangers read, like any other name. A date of birth or a
-- telephone number would say something about a pupil; school years, levels and counting rhymes do not.
create function private.fault_of_class_text(value text, longest integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.trimmed(left(value, 1000));
    rest text;
begin
    rest := regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?(20)?[0-9]{2}\M(?![/.-][0-9])', '', 'g');
    if cleaned ~ '@'
        or rest ~ '\m(0?[1-9]|[12][0-9]|3[01])([/.-])(0?[1-9]|1[0-2])\2((19|20)[0-9]{2}|[0-9]{2})\M'
        or rest ~ '\m(19|20)[0-9]{2}([/.-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])\M'
        or rest ~ '[0-9]([ ./()-]*[0-9]){7}' then
        return array['it looks like an address, a date or a telephone number', 'Use a name that says nothing about a pupil.'];
    end if;
    return private.fault_of_name(value, longest, null, listed);
end
$$;

create function private.clean_class_text(field text, value text, longest integer) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_class_text(value, longest, false));
    return private.trimmed(value);
end
$$;

-- An initial goes as soon as it is not needed.
create function private.drop_initials(class uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.player p
    set initial = null
    where p.league_id = class
        and p.initial is not null
        and not exists (
            select from mpp.player o
            where o.league_id = class and o.id <> p.id and private.folded(o.first_name) = private.folded(p.first_name)
        );
end
$$;

create type api.class_pupil as (pupil_id uuid, first_name text, initial text, name text, team_id uuid);
comment on type api.class_pupil is 'A pupil of a class. name is the first name, with the initial where it is needed.';

-- Makes the teams that a list of pupils names and the class does not have yet. A class that still has its one empty
-- team gives it the first of these names.
create function private.make_teams(class uuid, names text[], most integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
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

-- What is wrong with one pupil of a list, whatever the others are: [fault, argument, …] each. The arguments of a field
-- tell what is wrong with it and what to do.
create function private.faults_of_pupil(class uuid, pupil jsonb) returns setof jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    no_text constant text[] := array['it is not a text', 'Send a text, or leave it out.'];
    fault text[];
begin
    if jsonb_typeof(pupil) <> 'object' then
        return next jsonb_build_array('not_an_object');
        return;
    end if;
    -- A key is refused by itself, whatever its value: this is where a surname or an address would come in. The
    -- refusal does not repeat the key, in which somebody may have written one.
    if exists (
        select from jsonb_object_keys(pupil) k (key) where k.key not in ('pupil_id', 'first_name', 'initial', 'team', 'team_id')
    ) then
        return next jsonb_build_array('key_unknown');
    end if;
    if pupil ->> 'pupil_id' is not null and not exists (
        select from mpp.player p where p.league_id = class and p.alias is null and p.id::text = lower(pupil ->> 'pupil_id')
    ) then
        return next jsonb_build_array('pupil_unknown');
    end if;
    if pupil ->> 'team_id' is not null and not exists (
        select from mpp.team t where t.league_id = class and t.id::text = lower(pupil ->> 'team_id')
    ) then
        return next jsonb_build_array('team_unknown');
    end if;
    -- A value that is no text does not belong in a list of names.
    fault := case
        when jsonb_typeof(pupil -> 'first_name') not in ('string', 'null') then no_text
        when pupil ->> 'pupil_id' is null or pupil ->> 'first_name' is not null
            then private.fault_of_first_name(pupil ->> 'first_name')
    end;
    if fault is not null then
        return next jsonb_build_array('first_name_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(pupil -> 'initial') not in ('string', 'null') then no_text
        else private.fault_of_initial(pupil ->> 'initial')
    end;
    if fault is not null then
        return next jsonb_build_array('initial_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(pupil -> 'team') not in ('string', 'null') then no_text
        -- A team that the class has is not a new name.
        when pupil ->> 'team' is not null then private.fault_of_class_text(pupil ->> 'team', 40, not exists (
            select
            from mpp.team t
            where t.league_id = class and private.folded(t.name) = private.folded(private.trimmed(left(pupil ->> 'team', 200)))
        ))
    end;
    if fault is not null then
        return next jsonb_build_array('team_wrong', fault[1], fault[2]);
    end if;
end
$$;

create function private.add_pupils(class_id uuid, pupils jsonb, dry_run boolean) returns setof api.class_pupil
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    faults jsonb;
    places bigint[];
    ids uuid[];
    are_new boolean[];
    first_names text[];
    initials text[];
    team_names text[];
    team_ids uuid[];
    teams uuid[];
    sizes integer[];
    smallest integer;
    outcome api.class_pupil[];
begin
    perform private.lock_class(class_id);
    e := private.require_edition_not_over(class_id);
    if jsonb_typeof(pupils) is distinct from 'array' or jsonb_array_length(pupils) not between 1 and 200 then
        perform private.refuse('MP010', 'pupils', 'it is not a list of 1 to 200', 'Send [{"first_name": "Lina"}, …].');
    end if;
    select coalesce(jsonb_agg(jsonb_build_object('row', g.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by g.place, f.turn), '[]')
    into faults
    from jsonb_array_elements(pupils) with ordinality g (pupil, place)
    cross join lateral private.faults_of_pupil(class_id, g.pupil) with ordinality f (fault, turn);
    -- The rest of the list is read all the same, so that its faults come in the same answer.
    select coalesce(array_agg(r.place order by r.place), '{}'), coalesce(array_agg(r.id order by r.place), '{}'),
        coalesce(array_agg(r.is_new order by r.place), '{}'), coalesce(array_agg(r.first_name order by r.place), '{}'),
        coalesce(array_agg(r.initial order by r.place), '{}'), coalesce(array_agg(r.team order by r.place), '{}'),
        coalesce(array_agg(r.team_id order by r.place), '{}')
    into places, ids, are_new, first_names, initials, team_names, team_ids
    from (
        select g.place, coalesce(p.id, gen_random_uuid()) as id, p.id is null as is_new,
            coalesce(private.first_name_of(g.pupil ->> 'first_name'), p.first_name) as first_name,
            coalesce(private.initial_of(g.pupil ->> 'initial'), p.initial) as initial,
            private.trimmed(g.pupil ->> 'team') as team, t.id as team_id
        from jsonb_array_elements(pupils) with ordinality g (pupil, place)
        left join mpp.player p on p.league_id = class_id and p.id::text = lower(g.pupil ->> 'pupil_id')
        left join mpp.team t on t.league_id = class_id and t.id::text = lower(g.pupil ->> 'team_id')
        where not exists (select from jsonb_array_elements(faults) f (fault) where (f.fault ->> 'row')::bigint = g.place)
    ) r;
    faults := faults || coalesce((
        select jsonb_agg(jsonb_build_object('row', j.place, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.place)
        from (
            select n.place,
                case
                    when count(*) over (partition by n.id) > 1 then '["pupil_twice"]'::jsonb
                    -- Each who has a name needs an initial, and each another one.
                    when count(*) over (partition by n.name) > 1
                        and (bool_or(n.initial is null) over (partition by n.name) or count(*) over (partition by n.name, n.initial) > 1)
                        then '["first_name_twice"]'::jsonb
                end as fault
            from (
                select l.place, l.id, private.folded(l.first_name) as name, l.initial
                from unnest(places, ids, first_names, initials) l (place, id, first_name, initial)
                union all
                select null, p.id, private.folded(p.first_name), p.initial
                from mpp.player p
                where p.league_id = class_id and p.first_name <> '—' and p.id <> all (ids)
            ) n
        ) j
        where j.place is not null and j.fault is not null
    ), '[]');
    perform private.refuse_import((
        select jsonb_agg(f.fault order by (f.fault ->> 'row')::bigint, f.turn) from jsonb_array_elements(faults) with ordinality f (fault, turn)
    ));

    begin
        -- Pupils who left count too, or pupils could come and go without end, and their points with them.
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
        -- A pupil without a team goes to the smallest one, the oldest of equals.
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

        -- Corrected pupils give up their names first, so that two of them may exchange a name or an initial.
        update mpp.player p
        set first_name = '—', initial = null
        from unnest(ids, are_new) c (id, is_new)
        where p.id = c.id and not c.is_new;
        update mpp.player p
        set first_name = c.first_name, initial = c.initial, team_id = coalesce(c.team_id, p.team_id)
        from unnest(ids, are_new, first_names, initials, team_ids) c (id, is_new, first_name, initial, team_id)
        where p.id = c.id and not c.is_new;
        insert into mpp.player (id, edition_id, league_id, team_id, first_name, initial, listed)
        select c.id, e.id, class_id, c.team_id, c.first_name, c.initial, false
        from unnest(ids, are_new, first_names, initials, team_ids) with ordinality c (id, is_new, first_name, initial, team_id, place)
        where c.is_new
        order by c.place;
        perform private.drop_initials(class_id);
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
grant execute on function private.add_pupils to authenticated, service_role;

create function api.add_pupils(class_id uuid, pupils jsonb, dry_run boolean default false) returns setof api.class_pupil
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.add_pupils(class_id, pupils, dry_run); end;
comment on function api.add_pupils is 'Adds pupils to a class, all or none: [{"first_name", "initial", "team"}]. An element with pupil_id corrects that pupil. When a first name comes twice, give an initial to both in one call. Teams that are named and missing are made. The faults of all rows, unknown keys too, come in one answer (MP070). Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP032, MP037, MP070.';
grant execute on function api.add_pupils to authenticated, service_role;

-- A pupil leaves: the name goes at once, and the points stay with the class. Once the edition is over only the name
-- goes. Otherwise taking out pupils who did nothing would raise an average that everybody can see already.
create function private.remove_pupil(pupil_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class uuid := (select p.league_id from mpp.player p where p.id = pupil_id and p.alias is null);
    over boolean;
begin
    perform private.lock_class(class, when_frozen => true);
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
    perform private.drop_initials(class);
    if private.is_ops() then
        perform private.record_act('pupil.remove', class::text, jsonb_build_object('pupil_id', pupil_id));
    end if;
end
$$;
grant execute on function private.remove_pupil to authenticated, service_role;

create function api.remove_pupil(pupil_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_pupil(pupil_id); end;
comment on function api.remove_pupil is 'Takes a pupil out of the class: the first name is deleted for good, and what the pupil earned stays with the class. Its teachers and staff, also after the freeze. Errors: MP001, MP002, MP008, MP011, MP083.';
grant execute on function api.remove_pupil to authenticated, service_role;

-- Once the diplomas are printed nobody needs to know who the pupils were.
create function private.forget_pupils(edition_code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
        perform private.refuse('MP026', jsonb_build_object('ends_at', e.ends_at), e.code, private.format_instant(e.ends_at));
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
grant execute on function private.forget_pupils to authenticated, service_role;

create function api.forget_pupils(edition_code text) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.forget_pupils(edition_code); end;
comment on function api.forget_pupils is 'Deletes the first names of all pupils of a frozen edition for good, and closes its classes to families. Points and ranks stay. Returns how many names. Staff. Errors: MP006, MP020, MP026.';
grant execute on function api.forget_pupils to authenticated, service_role;
-- Photos that ambassadors and teachers share with the association for its communication: files of the private bucket
-- photos, and what is known of each. A file waits to be checked as a profile picture does (48_picture); then its sharer
-- and the staff see it, and nobody else. What the staff publish elsewhere they take down when they are asked.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('photos', 'photos', false, 10485760, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

insert into mpp.setting (name, value, allowed, about) values
    ('photo_removal_days', '7', '[1-9]|[12][0-9]|30',
        'Within how many days a photo is removed once somebody who is on it asks, from 1 to 30.'),
    ('photo_link_seconds', '60', '[3-9][0-9]|[12][0-9][0-9]|300',
        'How long a link to a photo works that the staff make to look at it: 30 to 300 seconds.');

create table mpp.photo_text (
    number integer primary key check (number > 0),
    body mpp.translated not null,
    published_at timestamptz not null default private.clock()
);
comment on table mpp.photo_text is 'What somebody declares who shares a photo. A correction is a new number.';

insert into mpp.photo_text (number, body) values (1, '{
    "fr": "Je déclare que toutes les personnes reconnaissables sur cette photo, et les responsables légaux des mineur·es, acceptent qu’elle soit transmise à Ma Petite Planète et utilisée dans sa communication. J’accepte cette utilisation. Je peux retirer la photo à tout moment, et toute personne qui y figure peut demander son retrait.",
    "en": "I declare that everybody who can be recognised on this photo, and the guardians of minors, agree that it is given to Ma Petite Planète and used in its communication. I agree to that use. I can take the photo back at any time, and anybody who is on it can ask for its removal.",
    "de": "Ich erkläre, dass alle auf diesem Foto erkennbaren Personen und die Sorgeberechtigten von Minderjährigen einverstanden sind, dass es Ma Petite Planète übergeben und für deren Kommunikation verwendet wird. Ich bin mit dieser Verwendung einverstanden. Ich kann das Foto jederzeit zurückziehen, und wer darauf ist, kann seine Entfernung verlangen."
}');

create type api.photo_state as enum (
    'expected', -- -> submitted, faulty
    'submitted', -- -> approved, refused
    'approved', -- -> used, refused
    'used', -- -> used (elsewhere too)
    'refused',
    'faulty'
);

create table mpp.photo (
    id uuid primary key default gen_random_uuid(),
    reference text not null default private.new_join_code() constraint photo_reference_once unique,
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    caption text not null check (char_length(caption) between 1 and 200),
    text_number integer not null references mpp.photo_text (number),
    shared_at timestamptz not null default private.clock(),
    state api.photo_state not null default 'expected',
    problem api.image_problem,
    used_for text check (char_length(used_for) between 1 and 1000),
    constraint photo_used_somewhere check ((state = 'used') = (used_for is not null)),
    constraint photo_faulty_has_problem check ((state = 'faulty') = (problem is not null))
);
comment on table mpp.photo is 'Photos that were shared for the association''s communication.';
comment on column mpp.photo.reference is 'What is printed beside the photo where it is published: whoever is on it asks for its removal by it.';
comment on column mpp.photo.account_id is 'Who shared it. Purpose: proof of the declaration. Read by the person and the staff; kept until the photo is removed or the account is erased.';
comment on column mpp.photo.caption is 'What the sharer says of it, without names of pupils. Read by the person and the staff; kept as long as the photo.';
comment on column mpp.photo.text_number is 'What the sharer declared about those shown.';
comment on column mpp.photo.used_for is 'Where the staff published it.';
create index photo_league on mpp.photo (league_id);
create index photo_account on mpp.photo (account_id, shared_at);
create index photo_text_number on mpp.photo (text_number);

create table mpp.photo_removal (
    id integer generated always as identity primary key,
    reference text not null,
    photo_id uuid references mpp.photo (id) on delete set null,
    cause text not null check (cause in ('asked', 'withdrawn', 'erased')),
    note text check (char_length(note) between 1 and 500),
    used_for text,
    asked_at timestamptz not null default private.clock(),
    due_at timestamptz not null,
    done_at timestamptz,
    constraint photo_removal_forgets_note check (note is null or done_at is null)
);
comment on table mpp.photo_removal is 'Photos that the staff must remove, here and where they were published, and until when.';
comment on column mpp.photo_removal.note is 'What somebody who is on the photo wrote. Purpose: removing it. Read by the staff; emptied once it is removed.';
comment on column mpp.photo_removal.used_for is 'Where the photo was published, when its row is gone already.';
create index photo_removal_photo on mpp.photo_removal (photo_id) where photo_id is not null;
create index photo_removal_reference on mpp.photo_removal (reference) where done_at is null;

-- The photo that a path belongs to, and null for what is no path of a photo.
create function private.photo_of(path text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/([0-9a-f]{32}\.jpg|new/[0-9a-f]{32}\.(jpg|jpeg|png|webp))$'
        then split_part(regexp_replace(path, '^.*/', ''), '.', 1)::uuid
    end
$$;
grant execute on function private.photo_of to authenticated;

create function private.leads_league(account uuid, league uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from mpp.ambassador a where a.league_id = league and a.account_id = account);
end
$$;

-- Photos whose file the caller may send: of a league or class that they still run.
create function private.my_expected_photos() returns setof uuid
    language plpgsql stable security definer rows 3 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_picture_account(writing => true);
begin
    return query
    select p.id from mpp.photo p
    where p.account_id = account and p.state = 'expected' and private.leads_league(account, p.league_id);
end
$$;
grant execute on function private.my_expected_photos to authenticated;

create function private.my_photos() returns setof uuid
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_picture_account(writing => false);
begin
    return query select p.id from mpp.photo p where p.account_id = account;
end
$$;
grant execute on function private.my_photos to authenticated;

-- Photos that were checked and that the staff may look at.
create function private.photos_of_ops() returns setof uuid
    language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_ops() then
        return query select p.id from mpp.photo p where p.state in ('submitted', 'approved', 'used');
    end if;
end
$$;
grant execute on function private.photos_of_ops to authenticated;

alter table mpp.photo_text enable row level security;
alter table mpp.photo enable row level security;
alter table mpp.photo_removal enable row level security;

create policy photo_text_select_authenticated on mpp.photo_text
    for select to authenticated
    using ((select private.my_picture_account(writing => false)) is not null or (select private.is_ops()));

create policy photo_select_authenticated on mpp.photo
    for select to authenticated
    using (account_id = (select private.my_picture_account(writing => false)) or (select private.is_ops()));

create policy photo_removal_select_ops on mpp.photo_removal
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.photo_text, mpp.photo, mpp.photo_removal to authenticated, service_role;

-- The staff make links, which are short. Nobody else does.
create policy photo_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'photos'
        and (
            private.photo_of(name) in (select private.my_photos())
                and coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
            or private.photo_of(name) in (select private.photos_of_ops()) and split_part(name, '/', 2) <> 'new'
        )
    );

-- Nothing is updated or removed by hand: withdraw_photo takes a photo back.
create policy photo_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'photos'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
        and private.photo_of(name) in (select private.my_expected_photos())
        and split_part(name, '/', 2) = 'new'
        and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
    );

-- What holds for the secret key too. The row of the photo keeps two files at a time from both being the first.
create function private.check_photo_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if private.photo_of(new.name) is null or tg_op = 'UPDATE' and (new.bucket_id, new.name) is distinct from (old.bucket_id, old.name) then
        raise exception 'This is not a name for a photo.'
            using hint = 'Use the path that share_photo answered, with the ending of the file.', errcode = 'insufficient_privilege';
    end if;
    if split_part(new.name, '/', 2) = 'new' then
        perform from mpp.photo p
        where p.id = private.photo_of(new.name) and p.account_id = private.picture_account(new.name) and p.state = 'expected'
        for no key update;
        if not found then
            raise exception 'No photo of this name is expected.' using errcode = 'insufficient_privilege';
        end if;
        if (
            select count(*) from storage.objects f
            where f.bucket_id = 'photos' and f.name like replace(split_part(new.name, '.', 1), '_', '\_') || '.%'
        ) > 1 then
            raise exception 'This photo has a file already.' using errcode = 'insufficient_privilege';
        end if;
    end if;
    return null;
end
$$;

create trigger photo_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'photos')
    execute function private.check_photo_file();

create trigger photo_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'photos' or new.bucket_id = 'photos')
    execute function private.check_photo_file();

create view api.photo_texts with (security_invoker = true) as
select t.number, t.body, t.published_at
from mpp.photo_text t cross join (select) read_only;
comment on view api.photo_texts is 'What somebody declares who shares a photo, by language; the highest number holds.';
grant select on api.photo_texts to authenticated, service_role;

create view api.my_photos with (security_invoker = true) as
select p.id, p.reference, p.league_id, p.caption, p.text_number, p.shared_at, p.state, p.problem, p.used_for
from mpp.photo p cross join (select) read_only
where p.account_id = (select private.my_picture_account(writing => false));
comment on view api.my_photos is 'Photos that the caller shared, and what became of them; withdraw_photo takes one back.';
grant select on api.my_photos to authenticated;

create view api.ops_photos with (security_invoker = true) as
select
    p.id, p.reference, p.league_id, l.name as league, l.school_id is not null as is_class, p.account_id, p.caption, p.text_number,
    p.shared_at, p.state, p.used_for,
    p.account_id || '/' || replace(p.id::text, '-', '') || '.jpg' as path,
    (select min(r.due_at) from mpp.photo_removal r where r.photo_id = p.id and r.done_at is null) as remove_by
from mpp.photo p
join mpp.league l on l.id = p.league_id
where (select private.is_ops());
comment on view api.ops_photos is 'Photos that were shared for communication; remove_by is set once somebody asked for its removal. Staff only.';
grant select on api.ops_photos to authenticated, service_role;

create view api.photo_removals with (security_invoker = true) as
select r.id, r.reference, r.cause, r.note, coalesce(p.used_for, r.used_for) as used_for, r.asked_at, r.due_at, r.done_at
from mpp.photo_removal r
left join mpp.photo p on p.id = r.photo_id
where (select private.is_ops());
comment on view api.photo_removals is 'Photos that must be removed, here and where they were published (used_for), until due_at. Staff only.';
grant select on api.photo_removals to authenticated, service_role;

-- Refuses a caption with the first name of a pupil of the class, however it is written.
create function private.refuse_pupil_name(league uuid, caption text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from mpp.player p
        where p.league_id = league and p.alias is null and p.first_name <> '—'
            and ' ' || regexp_replace(private.folded(caption), '[-[:space:][:punct:]’]+', ' ', 'g') || ' '
                like '% ' || regexp_replace(private.folded(p.first_name), '[-[:space:][:punct:]’]+', ' ', 'g') || ' %'
    ) then
        perform private.refuse('MP073');
    end if;
end
$$;

create type api.shared_photo as (photo_id uuid, reference text, upload_path text);
comment on type api.shared_photo is 'A photo whose file is expected: upload it to upload_path with its ending, .jpg, .png or .webp.';

create function private.share_photo(league_id uuid, caption text, text_number integer) returns api.shared_photo
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 10;
    account uuid := private.require_account();
    current_number integer := (select max(t.number) from mpp.photo_text t);
    made mpp.photo;
begin
    perform private.lock_profile(account, plays => false);
    -- One at a time, or twenty at once would all find room.
    perform from mpp.profile p where p.id = account for no key update;
    if not private.leads_league(account, league_id) then
        perform private.refuse('MP007');
    end if;
    if text_number is distinct from current_number then
        perform private.refuse('MP072', current_number::text);
    end if;
    if private.is_under(account, 15) then
        perform private.refuse('MP074', '15');
    end if;
    if (
        select count(*) from mpp.photo p where p.account_id = account and p.shared_at > private.clock() - interval '24 hours'
    ) >= most or (
        -- A photo that is taken back leaves its row in the audit.
        select count(*) from mpp.audit a
        where a.actor_id = account and a.action = 'photo.share' and a.at > private.clock() - interval '24 hours'
    ) >= most then
        perform private.refuse('MP047', most::text);
    end if;
    if (select count(*) from mpp.photo p where p.account_id = account) >= 100 then
        perform private.refuse('MP010', 'league_id', '100 photos are shared already', 'Take some back first.');
    end if;
    made.caption := private.clean_label('caption', share_photo.caption, 200);
    perform private.refuse_pupil_name(league_id, made.caption);
    insert into mpp.photo as p (league_id, account_id, caption, text_number)
    values (share_photo.league_id, account, made.caption, share_photo.text_number)
    returning * into made;
    perform private.record_act('photo.share', made.reference, jsonb_build_object('text', made.text_number));
    return (made.id, made.reference, account || '/new/' || replace(made.id::text, '-', ''))::api.shared_photo;
end
$$;
grant execute on function private.share_photo to authenticated;

create function api.share_photo(league_id uuid, caption text, text_number integer) returns api.shared_photo
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.share_photo(league_id, caption, text_number); end;
comment on function api.share_photo is 'Shares a photo of a league or class that the caller runs with the association, for its communication, declaring what photo_texts says under text_number. The caption names no pupil. The file is sent next. Ten a day, from the age of 15. Errors: MP001–MP003, MP007, MP010, MP011, MP047, MP055, MP072–MP074.';
grant execute on function api.share_photo to authenticated;

create function private.photo_removal_due(asked_at timestamptz) returns timestamptz
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$ begin return private.days_after(asked_at, private.setting('photo_removal_days')::integer); end $$;

-- What was published must be taken down where it is, whoever ends the photo.
create function private.photo_gone() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    update mpp.photo_removal r set used_for = coalesce(r.used_for, old.used_for) where r.photo_id = old.id and r.done_at is null;
    if old.state = 'used' and not exists (
        select from mpp.photo_removal r where r.photo_id = old.id and r.done_at is null
    ) then
        insert into mpp.photo_removal (reference, cause, used_for, asked_at, due_at)
        values (old.reference, case when exists (select from mpp.profile p where p.id = old.account_id) then 'withdrawn' else 'erased' end,
            old.used_for, at, private.photo_removal_due(at));
    end if;
    return old;
end
$$;

create trigger photo_gone
    before delete on mpp.photo
    for each row execute function private.photo_gone();

create function private.withdraw_photo(photo_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    gone text;
begin
    delete from mpp.photo p where p.id = withdraw_photo.photo_id and p.account_id = account returning p.reference into gone;
    if gone is null then
        perform private.refuse('MP071');
    end if;
    -- Not through record_act: nothing keeps somebody from taking a consent back.
    insert into mpp.audit (actor_id, actor_role, action, subject) values (account, private.request_role(), 'photo.withdraw', gone);
end
$$;
grant execute on function private.withdraw_photo to authenticated;

create function api.withdraw_photo(photo_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.withdraw_photo(photo_id); end;
comment on function api.withdraw_photo is 'Takes back a photo that the caller shared, and the consent to its use: nobody reads it any more, and where it was published the staff take it down. Errors: MP001–MP003, MP011, MP071.';
grant execute on function api.withdraw_photo to authenticated;

-- Answers the same whatever the reference is, so it tells nobody which photos there are. What is kept is bounded by the
-- photos: three requests about each wait at most.
create function private.request_photo_removal(reference text, note text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := translate(upper(regexp_replace(left(reference, 40), '[\s-]', '', 'g')), 'OIL', '011');
    written text;
    found_photo mpp.photo;
    at timestamptz;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in(anonymous_too => true);
    end if;
    perform private.require_no_maintenance();
    if private.trimmed(left(note, 2500)) <> '' then
        written := private.clean_text('note', note, 500);
    end if;
    select * into found_photo from mpp.photo p where p.reference = typed for no key update;
    at := private.clock();
    if found_photo.id is not null and (
        select count(*) from mpp.photo_removal r where r.reference = typed and r.done_at is null
    ) < 3 then
        insert into mpp.photo_removal (reference, photo_id, cause, note, asked_at, due_at)
        values (typed, found_photo.id, 'asked', written, at, private.photo_removal_due(at));
    end if;
end
$$;
grant execute on function private.request_photo_removal to anon, authenticated, service_role;

create function api.request_photo_removal(reference text, note text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.request_photo_removal(reference, note); end;
comment on function api.request_photo_removal is 'Asks the association to remove a photo by the reference printed beside it, for anybody who is on it, without an account too. The answer does not say whether there is such a photo. Errors: MP001, MP010, MP011.';
grant execute on function api.request_photo_removal to anon, authenticated, service_role;

create function private.decide_photo(reference text, state api.photo_state, used_for text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.photo;
begin
    perform private.require_ops();
    select * into p from mpp.photo x where x.reference = upper(decide_photo.reference) for no key update;
    if not found then
        perform private.refuse('MP071');
    end if;
    if (p.state, decide_photo.state) not in (
        ('submitted', 'approved'), ('submitted', 'refused'), ('approved', 'used'), ('approved', 'refused'), ('used', 'used')
    ) or decide_photo.state is null then
        perform private.refuse('MP010', 'state', 'the photo is ' || p.state, 'Approve or refuse what is submitted; use what is approved.');
    end if;
    if decide_photo.state in ('approved', 'used') and exists (
        select from mpp.photo_removal r where r.photo_id = p.id and r.done_at is null
    ) then
        perform private.refuse('MP010', 'reference', 'somebody asked for the removal of this photo', 'Remove it.');
    end if;
    update mpp.photo x
    set state = decide_photo.state,
        used_for = case when decide_photo.state = 'used'
            then left(concat_ws('; ', p.used_for, private.clean_line('used_for', decide_photo.used_for, 200)), 1000) end
    where x.id = p.id;
    perform private.record_act('photo.' || decide_photo.state, p.reference);
end
$$;
grant execute on function private.decide_photo to authenticated, service_role;

create function api.decide_photo(reference text, state api.photo_state, used_for text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.decide_photo(reference, state, used_for); end;
comment on function api.decide_photo is 'Approves or refuses a photo, or records where it is used (used_for); what somebody wants removed is neither approved nor used. Staff. Errors: MP006, MP010, MP071.';
grant execute on function api.decide_photo to authenticated, service_role;

create function private.remove_photo(reference text, reason text) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    key text := upper(remove_photo.reference);
    places text;
    why text;
begin
    perform private.require_ops();
    why := private.clean_line('reason', remove_photo.reason, 200);
    delete from mpp.photo p where p.reference = key;
    -- The photo had been deleted with a removal of its own, if it was published.
    if not found and not exists (select from mpp.photo_removal r where r.reference = key and r.done_at is null) then
        perform private.refuse('MP071');
    end if;
    select max(r.used_for) into places from mpp.photo_removal r where r.reference = key and r.done_at is null;
    update mpp.photo_removal r set done_at = private.clock(), note = null where r.reference = key and r.done_at is null;
    perform private.record_act('photo.remove', key, jsonb_build_object('reason', why));
    return places;
end
$$;
grant execute on function private.remove_photo to authenticated, service_role;

create function api.remove_photo(reference text, reason text) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_photo(reference, reason); end;
comment on function api.remove_photo is 'Removes a photo and settles what was asked about it; returns where it was published, to be taken down there first. Its file goes with the next run of the worker. Staff. Errors: MP006, MP010, MP071.';
grant execute on function api.remove_photo to authenticated, service_role;
-- What the worker that checks uploads is told, and what it records (`mpp photo check`): pictures and photos alike. All of
-- it is for the secret key.

create type api.upload as (bucket_id text, path text, media_type text);
comment on type api.upload is 'A file of Storage that waits for the worker, and the media type that its uploader gave.';

create function private.check_how_many(how_many integer) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 1000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 1000.');
    end if;
end
$$;

create function private.uploads_to_check(how_many integer) returns setof api.upload
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.check_how_many(how_many);
    return query
    select f.bucket_id, f.name, f.metadata ->> 'mimetype'
    from storage.objects f
    where split_part(f.name, '/', 2) = 'new' and case f.bucket_id
        when 'profile-pictures' then exists (select from mpp.profile p where p.id = private.picture_account(f.name))
        when 'photos' then exists (select from mpp.photo p where p.id = private.photo_of(f.name) and p.state = 'expected')
    end
    order by f.created_at, f.name
    limit how_many;
end
$$;
grant execute on function private.uploads_to_check to service_role;

create function api.uploads_to_check(how_many integer default 100) returns setof api.upload
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.uploads_to_check(how_many); end;
comment on function api.uploads_to_check is 'Lists uploaded pictures and photos that nobody has checked, the longest waiting first. Secret key only. Errors: MP006, MP010.';
grant execute on function api.uploads_to_check to service_role;

-- A photo that was taken back meanwhile, or was recorded otherwise, is shown to nobody.
create function private.record_photo(path text, problem api.image_problem) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.photo;
begin
    select * into p from mpp.photo x
    where x.id = private.photo_of(path) and x.account_id = private.picture_account(path)
    for no key update;
    if p.state is distinct from 'expected' then
        return (p.state = 'submitted' and problem is null) is true;
    end if;
    if problem is null and not exists (
        select from storage.objects f where f.bucket_id = 'photos' and f.name = private.checked_path(path)
    ) then
        perform private.refuse('MP010', 'path', 'its checked file is not there', 'Write the checked file first.');
    end if;
    update mpp.photo x
    set state = case when record_photo.problem is null then 'submitted' else 'faulty' end::api.photo_state, problem = record_photo.problem
    where x.id = p.id;
    return true;
end
$$;

create function private.record_upload(bucket_id text, path text, problem api.image_problem) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if private.picture_account(path) is null or split_part(path, '/', 2) <> 'new' then
        perform private.refuse('MP010', 'path', coalesce(left(path, 120), 'it is empty'), 'Give a path of uploads_to_check.');
    end if;
    if bucket_id = 'profile-pictures' then
        return private.record_picture(path, problem);
    elsif bucket_id = 'photos' then
        return private.record_photo(path, problem);
    end if;
    perform private.refuse('MP010', 'bucket_id', coalesce(left(bucket_id, 60), 'it is empty'), 'Use profile-pictures or photos.');
    return false;
end
$$;
grant execute on function private.record_upload to service_role;

create function api.record_upload(bucket_id text, path text, problem api.image_problem default null) returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_upload(bucket_id, path, problem); end;
comment on function api.record_upload is 'Records what became of an uploaded picture or photo. Without a problem its checked file is shown: a picture to the leagues of its owner, instead of the one before; a photo to who shared it and to the staff. False when the upload is gone or was taken back: then nothing is shown. Secret key only. Errors: MP006, MP010.';
grant execute on function api.record_upload to service_role;

-- An upload that was recorded, and a checked file that nobody is shown: it was replaced or refused, or its worker was cut
-- off. A checked file whose upload still waits is about to be recorded.
create function private.uploads_to_remove(how_many integer) returns setof api.upload
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.check_how_many(how_many);
    return query
    select f.bucket_id, f.name, f.metadata ->> 'mimetype'
    from storage.objects f
    where case
        when f.bucket_id = 'profile-pictures' and split_part(f.name, '/', 2) = 'new'
            then not exists (select from mpp.profile p where p.id = private.picture_account(f.name))
        when f.bucket_id = 'profile-pictures'
            then not exists (select from mpp.picture c where c.account_id = private.picture_account(f.name) and c.path = f.name)
                and not exists (
                    select from storage.objects u
                    where u.bucket_id = f.bucket_id and u.name in (
                        select split_part(f.name, '/', 1) || '/new/' || split_part(split_part(f.name, '/', 2), '.', 1) || e.ending
                        from unnest(array['.jpg', '.jpeg', '.png', '.webp']) e (ending)
                    )
                )
        when f.bucket_id = 'photos' and split_part(f.name, '/', 2) = 'new'
            then not exists (select from mpp.photo p where p.id = private.photo_of(f.name) and p.state = 'expected')
        when f.bucket_id = 'photos'
            then not exists (
                select from mpp.photo p
                where p.id = private.photo_of(f.name) and p.state in ('expected', 'submitted', 'approved', 'used')
            )
    end
    order by f.created_at, f.name
    limit how_many;
end
$$;
grant execute on function private.uploads_to_remove to service_role;

create function api.uploads_to_remove(how_many integer default 100) returns setof api.upload
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.uploads_to_remove(how_many); end;
comment on function api.uploads_to_remove is 'Lists files of pictures and photos that are shown to nobody any more: replaced, refused, taken back, or of an account that is erased. Have Storage delete them. Secret key only. Errors: MP006, MP010.';
grant execute on function api.uploads_to_remove to service_role;
-- Families: the code of a class lets an account, anonymous or not, read that class and nothing else.

create table mpp.class_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default private.clock()
);
comment on table mpp.class_code is 'The code by which families enter a class; its teachers read it. Without a row nobody new enters.';

create table mpp.class_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    guessed_at timestamptz not null default private.clock()
);
comment on table mpp.class_guess is 'Wrong class codes of the last hour; the next guess deletes older ones.';
create index class_guess_account on mpp.class_guess (account_id, guessed_at);

alter table mpp.class_code enable row level security;
alter table mpp.class_guess enable row level security;

create policy class_code_select_authenticated on mpp.class_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

grant select on mpp.class_code to authenticated, service_role;

create function private.renew_class_code(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.renew_code', class_id);
    insert into mpp.class_code (league_id, code) values (class_id, fresh)
    on conflict (league_id) do update set code = excluded.code, renewed_at = private.clock();
    delete from mpp.family f where f.league_id = class_id;
    return fresh;
end
$$;
grant execute on function private.renew_class_code to authenticated, service_role;

create function api.renew_class_code(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.renew_class_code(class_id); end;
comment on function api.renew_class_code is 'Gives a class a new code and returns it. Families who entered with an older code are out until they give the new one. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.renew_class_code to authenticated, service_role;

create function private.revoke_class_code(class_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.revoke_code', class_id);
    delete from mpp.class_code c where c.league_id = class_id;
    delete from mpp.family f where f.league_id = class_id;
end
$$;
grant execute on function private.revoke_class_code to authenticated, service_role;

create function api.revoke_class_code(class_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.revoke_class_code(class_id); end;
comment on function api.revoke_class_code is 'Takes the code of a class away. Families are out at once, and nobody enters until it is renewed. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.revoke_class_code to authenticated, service_role;

create type api.claim_result as (class_id uuid, claimed boolean, guesses_left integer);
comment on type api.claim_result is 'Outcome of a class code: the class, or how many wrong codes are left in this hour.';

-- The one thing that an anonymous account may do. As in unlock_challenge a wrong code is an answer and not an error, so
-- that it is remembered. The limit is per account, because a whole school shares one address.
create function private.claim_class(code text) returns api.claim_result
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    perform private.lock_account(account);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.class_guess'), hashtext(account::text));
    at := private.clock();
    delete from mpp.class_guess g where g.account_id = account and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest from mpp.class_guess g where g.account_id = account;
    if wrong >= most then
        perform private.refuse('MP046', jsonb_build_object('until', oldest + interval '1 hour'),
            private.format_instant(oldest + interval '1 hour'));
    end if;
    select c.league_id into class from mpp.class_code c where c.code = typed;
    if class is not null then
        perform private.lock_edition(l.edition_id) from mpp.league l where l.id = class;
        perform private.lock_league(class);
        -- The code may have been renewed while this waited.
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
grant execute on function private.claim_class to authenticated;

create function api.claim_class(code text) returns api.claim_result
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.claim_class(code); end;
comment on function api.claim_class is 'Lets an account that gives the code of a class read that class; anonymous accounts too. Wrong codes are limited per account and hour. Errors: MP001, MP011, MP046, MP086.';
grant execute on function api.claim_class to authenticated;
-- Teachers who run a class together: inviting, accepting, handing over, removing.

create table mpp.class_invitation (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    expires_at timestamptz not null
);
comment on table mpp.class_invitation is 'A teacher''s invitation to a colleague: one at a time for a class, taken once, gone after seven days.';

alter table mpp.class_invitation enable row level security;

create function private.invite_co_teacher(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    -- Who reads a class may change after the freeze: the ranking does not depend on it.
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.invite', class_id);
    insert into mpp.class_invitation (league_id, code, expires_at)
    values (class_id, fresh, private.clock() + interval '168 hours')
    on conflict (league_id) do update set code = excluded.code, expires_at = excluded.expires_at;
    return fresh;
end
$$;
grant execute on function private.invite_co_teacher to authenticated, service_role;

create function api.invite_co_teacher(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_co_teacher(class_id); end;
comment on function api.invite_co_teacher is 'Makes an invitation for one colleague, good once and for seven days, which replaces an earlier one. Returns its code. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.invite_co_teacher to authenticated, service_role;

create function private.accept_class(code text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_teacher();
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    class mpp.league;
begin
    perform private.lock_profile(account, plays => false);
    select l.* into class from mpp.class_invitation i join mpp.league l on l.id = i.league_id where i.code = typed;
    if found then
        perform private.lock_edition(class.edition_id);
        perform private.lock_league(class.id);
        if exists (select from mpp.ambassador a where a.league_id = class.id and a.account_id = account) then
            return class.id;
        end if;
        delete from mpp.class_invitation i where i.league_id = class.id and i.code = typed and i.expires_at > private.clock();
    end if;
    -- Of twenty at once, one has taken it.
    if not found then
        perform private.refuse('MP082');
    end if;
    insert into mpp.ambassador (league_id, account_id, is_principal)
    select class.id, account, not exists (select from mpp.ambassador a where a.league_id = class.id and a.is_principal);
    return class.id;
end
$$;
grant execute on function private.accept_class to authenticated;

create function api.accept_class(code text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_class(code); end;
comment on function api.accept_class is 'Takes a colleague''s invitation: the caller, a teacher, then runs the class too. Returns the class id. Errors: MP001, MP002, MP009, MP011, MP082.';
grant execute on function api.accept_class to authenticated;

create function private.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    perform private.lock_caller();
    perform from mpp.profile p where p.id = teacher_id for key share;
    account := private.lock_class(class_id, when_frozen => true);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    -- The staff may give a class that lost its teacher to any other one.
    if not exists (select from mpp.teacher t where t.account_id = teacher_id)
        or not (private.is_ops() or exists (
            select from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id)) then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = class_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class_id, teacher_id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    -- The new teacher may invite again those whom the former one invited.
    delete from mpp.class_invitation i where i.league_id = class_id;
    perform private.record_act('class.hand_over', class_id::text, jsonb_build_object('teacher_id', teacher_id));
end
$$;
grant execute on function private.hand_over_class to authenticated, service_role;

create function api.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.hand_over_class(class_id, teacher_id); end;
comment on function api.hand_over_class is 'Makes a colleague who already runs the class its principal teacher; the former one stays. The principal teacher, and staff, who may name any teacher. Errors: MP001, MP002, MP005, MP008, MP011, MP047.';
grant execute on function api.hand_over_class to authenticated, service_role;

create function private.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.lock_class(class_id, when_frozen => true);
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
    -- A colleague who knew the class code, or an invitation, must not come back by it.
    perform private.renew_codes(array[class_id]);
end
$$;
grant execute on function private.remove_co_teacher to authenticated, service_role;

create function api.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_co_teacher(class_id, teacher_id); end;
comment on function api.remove_co_teacher is 'Takes a class from a colleague, or from oneself; a principal teacher hands it over first. The class code is renewed, because the colleague knew it: families enter again with the new one. The principal teacher, the colleague, and staff. Errors: MP001, MP002, MP005, MP008, MP011.';
grant execute on function api.remove_co_teacher to authenticated, service_role;

create type api.class_teacher as (teacher_id uuid, first_name text, last_name text, is_principal boolean, is_me boolean);
comment on type api.class_teacher is 'A teacher of a class, for the other teachers of that class.';

create function private.class_teachers(class_id uuid) returns setof api.class_teacher
    language plpgsql stable security definer rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.signed_in() end;
begin
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account
    ) then
        perform private.refuse('MP008');
    end if;
    return query
    select a.account_id, p.first_name::text, p.last_name::text, a.is_principal, coalesce(a.account_id = (select private.my_account()), false)
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id and l.school_id is not null
    join mpp.profile p on p.id = a.account_id
    where a.league_id = class_id
    order by a.is_principal desc, a.granted_at;
end
$$;
grant execute on function private.class_teachers to authenticated, service_role;

create function api.class_teachers(class_id uuid) returns setof api.class_teacher
    language sql stable rows 2 set search_path = pg_catalog, pg_temp
begin atomic select * from private.class_teachers(class_id); end;
comment on function api.class_teachers is 'Lists who runs a class, the principal teacher first. Its teachers and staff. Errors: MP001, MP002, MP008.';
grant execute on function api.class_teachers to authenticated, service_role;
-- Leagues that a client makes, under its units, and the join codes that it hands out. Its guests are in 62_participant.

-- The participation of a client's command; its edition is locked and still open to new leagues.
create function private.lock_open_participation(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
begin
    if not private.is_ops() then
        perform private.require_account(registered => false);
    end if;
    -- Another client's participation gets the refusal for one that does not exist.
    select * into p
    from mpp.participation x
    where x.id = participation and x.organisation_id in (select m.id from private.my_organisation_ids() m (id));
    if not found then
        perform private.refuse('MP093');
    end if;
    perform private.require_client(p.organisation_id, at_least);
    perform private.lock_joinable_edition(p.edition_id);
    return p;
end
$$;

-- Locks the leagues and guests of a client, for one change at a time. While this waited the client may have been
-- withdrawn, or the caller removed: the same lock covers the end of an access, and its codes are then renewed.
create function private.lock_client(p mpp.participation, at_least api.staff_role default 'manager') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), p.organisation_id);
    if not exists (
        select
        from mpp.participation x
        where x.id = p.id and x.organisation_id in (select m.id from private.my_organisation_ids() m (id))
    ) then
        perform private.refuse('MP093');
    end if;
    perform private.require_client(p.organisation_id, at_least);
end
$$;

create type api.client_league as (league_id uuid, name text, unit text, join_code text, is_new boolean);
comment on type api.client_league is 'A league of a client with the code that opens it.';

-- What is wrong with an element of a list of leagues. `carried` is what their names begin with, or nothing.
create function private.faults_of_client_league(p mpp.participation, carried text, league jsonb) returns setof jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    no_text constant text[] := array['it is not a text', 'Send {"name": "…", "unit": "…"}.'];
    fault text[];
begin
    if jsonb_typeof(league) <> 'object' then
        return next jsonb_build_array('not_an_object');
        return;
    end if;
    fault := case
        -- A list or an object would be read as a name in brackets.
        when jsonb_typeof(league -> 'name') is distinct from 'string' then no_text
        else coalesce(
            private.fault_of_name(league ->> 'name', 60, p.organisation_id, true),
            private.fault_of_line(carried || private.trimmed(league ->> 'name'), 60),
            (
                select array['another league of this edition has it', 'Choose another name.']
                from mpp.league l
                where l.edition_id = p.edition_id and l.school_id is null and l.participation_id is distinct from p.id
                    and lower(l.name) = lower(private.trimmed(carried || private.trimmed(league ->> 'name')))
            ))
    end;
    if fault is not null then
        return next jsonb_build_array('league_name_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(league -> 'unit') not in ('string', 'null') then no_text
        when league ->> 'unit' is not null then private.fault_of_name(league ->> 'unit', 60, p.organisation_id, true)
    end;
    if fault is not null then
        return next jsonb_build_array('unit_wrong', fault[1], fault[2]);
    end if;
end
$$;

create function private.create_client_leagues(participation_id integer, leagues jsonb, dry_run boolean) returns setof api.client_league
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_open_participation(participation_id);
    o mpp.organisation;
    e mpp.edition;
    carried text := '';
    item record;
    called text;
    unit_name text;
    unit integer;
    league uuid;
    fresh boolean;
    added integer := 0;
    units integer := 0;
    outcome api.client_league[];
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
    perform private.end_overdue_access(p.organisation_id);
    if (select count(*) from mpp.league l where l.participation_id = p.id) + jsonb_array_length(leagues) > 2000 then
        perform private.refuse('MP039', '2000');
    end if;
    if p.carries_name then
        carried := o.name || ' · ';
    end if;
    perform private.refuse_import((
        select jsonb_agg(jsonb_build_object('row', g.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by g.place, f.turn)
        from jsonb_array_elements(leagues) with ordinality g (league, place)
        cross join lateral private.faults_of_client_league(p, carried, g.league) with ordinality f (fault, turn)
    ));

    begin
        for item in
            select private.trimmed(carried || private.trimmed(x.value ->> 'name')) as name, private.trimmed(x.value ->> 'unit') as unit, x.place
            from jsonb_array_elements(leagues) with ordinality x (value, place)
            order by x.place
        loop
            called := item.name;
            unit := null;
            unit_name := item.unit;
            if unit_name is not null then
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
            outcome := outcome || (league, called, unit_name, (select c.code from mpp.join_code c where c.league_id = league), fresh)::api.client_league;
        end loop;
        if added + units > 0 then
            perform private.record_act('client.create_leagues', o.code,
                jsonb_build_object('participation', p.id, 'added', added, 'units', units));
        end if;
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    -- A league that was not made has no id and no code.
    return query
    select case when l.league_id is not null then l.league_id end, u.name, u.unit, case when l.league_id is not null then u.join_code end, u.is_new
    from unnest(outcome) with ordinality u (league_id, name, unit, join_code, is_new, place)
    left join lateral (select x.id from mpp.league x where x.id = u.league_id) l (league_id) on true
    order by u.place;
end
$$;
grant execute on function private.create_client_leagues to authenticated, service_role;

create function api.create_client_leagues(participation_id integer, leagues jsonb, dry_run boolean default false) returns setof api.client_league
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.create_client_leagues(participation_id, leagues, dry_run); end;
comment on function api.create_client_leagues is 'Makes leagues of a client, all or none: [{"name", "unit"}]. Those that it has already stay, with their unit corrected. Whoever joins a league first runs it. Returns their codes. With dry_run nothing is made. The faults of all elements come in one answer (MP070). Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP021, MP023, MP024, MP028, MP038, MP039, MP047, MP070, MP091–MP093.';
grant execute on function api.create_client_leagues to authenticated, service_role;

create function private.client_join_codes() returns table (participation_id integer, league_id uuid, name text, unit text, listed boolean, join_code text)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    -- In a private edition it would tell that somebody came: only such a person can have opted out.
    select p.id, l.id, l.name::text, u.name::text, case when e.organisation_id is null then l.listed end, c.code
    from mpp.participation p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    left join mpp.unit u on u.id = l.unit_id
    left join mpp.join_code c on c.league_id = l.id
    where p.organisation_id in (select x.id from private.my_client_ids('manager') x (id));
end
$$;
grant execute on function private.client_join_codes to authenticated, service_role;

create view api.client_join_codes with (security_invoker = true) as
select * from private.client_join_codes();
comment on view api.client_join_codes is 'Every league of the caller''s organisations with its join code, for managers. Sort by name, league_id.';
comment on column api.client_join_codes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_join_codes.league_id is 'The league.';
comment on column api.client_join_codes.name is 'Its name.';
comment on column api.client_join_codes.unit is 'Name of its unit; null when it has none.';
comment on column api.client_join_codes.listed is 'Whether it is in the rankings; null in a private edition.';
comment on column api.client_join_codes.join_code is 'The code that opens it; null when it has none.';
grant select on api.client_join_codes to authenticated, service_role;

-- How many invitations a client wrote to each mailbox within a day: its account must not become a way to fill
-- somebody's. Those of other clients are none of its business; mail_obstacle counts them when a mail is to leave.
create function private.invitations_today(organisation integer) returns table (mailbox text, written bigint)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select private.mailbox_of(m.address), count(*)
    from mpp.outbox m
    where m.template in ('staff_invitation', 'player_invitation')
        and m.queued_at > private.clock() - interval '24 hours'
        and m.organisation_id = organisation
    group by private.mailbox_of(m.address);
end
$$;
-- People whom a client invites to its leagues by mail: inviting, listing, removing. Taking a client out of an edition
-- is here too.

create table mpp.participant (
    participation_id integer not null references mpp.participation (id),
    email text not null check (private.is_mail_address(email) and email = lower(email)),
    league_id uuid not null references mpp.league (id),
    invited_at timestamptz not null default private.clock(),
    primary key (participation_id, email)
);
comment on table mpp.participant is 'Addresses that a client invited to one of its leagues. The client does not learn whether they came.';
create index participant_league on mpp.participant (league_id);

alter table mpp.participant enable row level security;

create policy participant_select_authenticated on mpp.participant
    for select to authenticated
    using (participation_id in (select p.id from mpp.participation p where p.organisation_id in (select private.my_client_ids('manager'))));

grant select on mpp.participant to authenticated, service_role;

-- Staff read no league (40_league), so this view gives them the names of theirs.
create view api.client_participants with (security_invoker = true) as
select p.participation_id, p.email, l.name as league, p.league_id, p.invited_at
from mpp.participant p
join private.client_join_codes() l on l.league_id = p.league_id;
comment on view api.client_participants is 'Who was invited to which league, for the managers of the client. It does not tell whether they came.';
comment on column api.client_participants.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_participants.email is 'The address that was invited.';
comment on column api.client_participants.league is 'The league it was invited to.';
comment on column api.client_participants.league_id is 'The same, by id.';
comment on column api.client_participants.invited_at is 'When the invitation was made.';
grant select on api.client_participants to authenticated, service_role;

-- The key of the first, second or third mail that invites an address. The mails that a removed guest was sent stay in
-- the outbox.
create function private.invitation_key(participation integer, email text, number bigint) returns text
    language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select format('invitation:%s:%s', participation, encode(sha256(convert_to(email, 'UTF8')), 'hex'))
        || case when number > 1 then ':' || number else '' end
$$;

-- How many mails invited each address, counted in one go: a function that is asked for each of 2,000 guests costs
-- seconds.
create function private.invitations_sent(participation mpp.participation) returns table (email text, sent bigint)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select m.address, count(*)
    from mpp.outbox m
    where m.organisation_id = participation.organisation_id and m.template = 'player_invitation'
        and starts_with(m.key, format('invitation:%s:', participation.id))
    group by m.address;
end
$$;

-- The names by which a list of guests may call the leagues of a client, in lower case: the league's name, with and
-- without the client's before it.
create function private.league_names(participation integer) returns table (called text, league_id uuid, is_whole boolean)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select lower(l.name), l.id, true
    from mpp.league l
    where l.participation_id = participation
    union all
    select substr(lower(l.name), char_length(b.before) + 1), l.id, false
    from mpp.participation p
    join mpp.organisation o on o.id = p.organisation_id
    cross join lateral (select lower(o.name || ' · ') as before) b
    join mpp.league l on l.participation_id = p.id and starts_with(lower(l.name), b.before)
    where p.id = participation;
end
$$;

-- Spreads guests without a league: each goes to the league that fewest were invited to, as if one after the other.
-- Leagues are filled up to a level like vessels, and the guests take the places below it, the lowest first.
create function private.spread_participants(participation integer, emails text[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.participant (participation_id, email, league_id)
    with filled as (
        select l.id, l.created_at, count(x.email) as guests
        from mpp.league l
        left join mpp.participant x on x.league_id = l.id
        where l.participation_id = participation
        group by l.id, l.created_at
    ), level as (
        select ceil(min((f.below + cardinality(emails)) / f.leagues))::bigint as guests
        from (
            select sum(v.guests) over lowest as below, row_number() over lowest as leagues
            from filled v
            window lowest as (order by v.guests, v.id)
        ) f
    ), place as (
        select f.id as league_id, row_number() over (order by n.guests, f.created_at, f.id) as turn
        from filled f
        cross join level v
        cross join lateral generate_series(f.guests, v.guests) n (guests)
    )
    select participation, g.email, q.league_id
    from unnest(emails) with ordinality g (email, turn)
    join place q on q.turn = g.turn;
end
$$;

create function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_open_participation(participation_id);
    o mpp.organisation;
    e mpp.edition;
    faults jsonb;
    most integer;
    by_ops boolean := private.is_ops();
    emails text[];
    called text[];
    added text[];
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform private.lock_client(p);
    perform private.end_overdue_access(p.organisation_id);
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    -- Read what was typed once.
    select array_agg(private.typed_address(g.given ->> 'email') order by g.place),
        array_agg(lower(private.trimmed(left(g.given ->> 'league', 300))) order by g.place)
    into emails, called
    from jsonb_array_elements(participants) with ordinality g (given, place);
    select jsonb_agg(jsonb_build_object('row', f.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by f.place) into faults
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then '["not_an_object"]'::jsonb
                when jsonb_typeof(g.given -> 'email') not in ('string', 'null') then '["address_not_text"]'::jsonb
                when jsonb_typeof(g.given -> 'league') not in ('string', 'null') then '["league_not_text"]'::jsonb
                when not private.is_mail_address(g.email) then '["address_wrong"]'::jsonb
                when count(*) over (partition by g.email) > 1 then '["address_twice"]'::jsonb
                when g.given ->> 'league' is not null and not g.has_league then '["league_unknown"]'::jsonb
                -- Taken off the list and put back on: a new code comes by mail, and nobody is written to for ever.
                when not g.known and g.sent >= 3
                    then '["invited_thrice"]'::jsonb
                -- The association answers for what it imports.
                when not by_ops and not g.known
                    and count(*) filter (where not g.known) over (partition by g.mailbox order by g.place)
                        + coalesce(d.written, 0) > 5
                    then '["mailbox_full"]'::jsonb
            end as fault
        from (
            select x.given, x.place, t.email, k.email is not null as known, coalesce(w.sent, 0) as sent, private.mailbox_of(t.email) as mailbox,
                t.called in (select n.called from private.league_names(p.id) n) as has_league
            from jsonb_array_elements(participants) with ordinality x (given, place)
            join unnest(emails, called) with ordinality t (email, called, place) on t.place = x.place
            left join mpp.participant k on k.participation_id = p.id and k.email = t.email
            left join private.invitations_sent(p) w on w.email = t.email
        ) g
        left join private.invitations_today(o.id) d on d.mailbox = g.mailbox
    ) f
    where f.fault is not null;
    perform private.refuse_import(faults);
    -- A client's account must not become a way to write to the world: an address that was written to counts even after
    -- it was removed.
    most := 2 * greatest(coalesce(p.expected_players, 0), 200);
    if (
        select count(*)
        from (
            select x.email::text from mpp.participant x where x.participation_id = p.id
            union
            select w.email from private.invitations_sent(p) w
            union
            select g.email from unnest(emails) g (email)
        ) everybody
    ) > most then
        perform private.refuse('MP010', 'participants', format('with those invited before they are more than %s', most),
            'Ask Ma Petite Planète to raise the number of expected players.');
    end if;
    select count(*) filter (where k.email is null), count(k.email) into outcome.added, outcome.unchanged
    from unnest(emails) g (email)
    left join mpp.participant k on k.participation_id = p.id and k.email = g.email;
    if outcome.added = 0 or coalesce(dry_run, false) then
        return outcome;
    end if;
    added := array(
        select g.email
        from unnest(emails) with ordinality g (email, place)
        where not exists (select from mpp.participant k where k.participation_id = p.id and k.email = g.email)
        order by g.place
    );
    insert into mpp.participant (participation_id, email, league_id)
    select distinct on (g.place) p.id, g.email, n.league_id
    from unnest(emails, called) with ordinality g (email, called, place)
    join private.league_names(p.id) n on n.called = g.called
    where g.email = any (added)
    -- A league of exactly that name comes before one that has it after the client's.
    order by g.place, n.is_whole desc, n.league_id;
    perform private.spread_participants(p.id, array(
        select a.email
        from unnest(added) with ordinality a (email, place)
        where not exists (select from mpp.participant x where x.participation_id = p.id and x.email = a.email)
        order by a.place
    ));
    -- As queue_mail does, but all at once.
    insert into mpp.outbox (key, message_part, template, data, purpose, address, language, organisation_id, useful_until)
    select k.key, private.message_part(k.key), 'player_invitation',
        jsonb_build_object('league', l.name, 'join_code', c.code, 'edition', e.title ->> o.language, 'starts_at', e.starts_at,
            'ends_at', e.ends_at, 'time_zone', e.time_zone, 'organisation', o.name),
        'invitation', a.email, o.language, o.id, e.registration_closes_at
    from unnest(added) with ordinality a (email, place)
    left join private.invitations_sent(p) w on w.email = a.email
    cross join lateral (select private.invitation_key(p.id, a.email, 1 + coalesce(w.sent, 0)) as key) k
    join mpp.participant x on x.participation_id = p.id and x.email = a.email
    join mpp.league l on l.id = x.league_id
    join mpp.join_code c on c.league_id = l.id
    -- Mails leave in the order of the list.
    order by a.place
    on conflict on constraint outbox_key_key do nothing;
    perform private.record_act('client.invite_participants', o.code, jsonb_build_object('participation', p.id, 'added', outcome.added));
    return outcome;
end
$$;
grant execute on function private.invite_participants to authenticated, service_role;

create function api.invite_participants(participation_id integer, participants jsonb, dry_run boolean default false)
    returns api.import_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_participants(participation_id, participants, dry_run); end;
comment on function api.invite_participants is 'Invites people by mail to the client''s leagues, all or none: [{"email", "league"}]. Those without a league are spread over the leagues. Somebody who was invited before gets no second mail. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP021, MP023, MP024, MP047, MP070, MP091–MP093.';
grant execute on function api.invite_participants to authenticated, service_role;

-- Takes guests off the list, with the mail that has not left. What was sent keeps its trace. The league stays open to
-- whoever has its code.
create function private.remove_participants(participation_id integer, emails text[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_participation(participation_id);
    o mpp.organisation;
    asked text[];
    removed integer;
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    if emails is null or cardinality(emails) not between 1 and 2000 then
        perform private.refuse('MP010', 'emails', 'it is not a list of 1 to 2,000', 'Send the addresses to remove.');
    end if;
    asked := array(select private.typed_address(x.email) from unnest(emails) x (email));
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
grant execute on function private.remove_participants to authenticated, service_role;

create function api.remove_participants(participation_id integer, emails text[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_participants(participation_id, emails); end;
comment on function api.remove_participants is 'Takes people off a client''s list of those invited, and drops their invitation if it has not left. Addresses that are not on the list are ignored. Returns how many were on it. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP047, MP091–MP093.';
grant execute on function api.remove_participants to authenticated, service_role;

-- The opposite of set_participation, as long as nobody has joined. Scores are never deleted, so its leagues stay as
-- empty shells: without a code, a client or a place in the rankings. Their names are free again.
create function private.withdraw_participation(participation_id integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
    o mpp.organisation;
    e mpp.edition;
    played bigint;
    closed integer := 0;
begin
    perform private.require_ops();
    -- Locked first, as by a plan and by removing guests.
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
    perform private.lock_leagues(array(select l.id from mpp.league l where l.participation_id = p.id));
    perform private.require_still_live();
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
grant execute on function private.withdraw_participation to authenticated, service_role;

create function api.withdraw_participation(participation_id integer) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.withdraw_participation(participation_id); end;
comment on function api.withdraw_participation is 'Takes a client out of an edition as long as nobody has joined one of its leagues. Its guests, their mails, its plan and its units without leagues are deleted, and its empty leagues are closed. Returns how many leagues were closed. Staff of the association. Errors: MP006, MP024, MP093, MP099.';
grant execute on function api.withdraw_participation to authenticated, service_role;
-- The staff of a client: invited, given a role and dates, removed. What an access gives is in 30_client.

-- Checks the dates of an access: the end is after the beginning and has not passed.
create function private.check_access(opens timestamptz, closes timestamptz) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if closes is null or not isfinite(closes) then
        perform private.refuse('MP010', 'access_until', coalesce(closes::text, 'it is empty'), 'Give the end of the access.');
    end if;
    if not isfinite(opens) then
        perform private.refuse('MP010', 'access_from', opens::text, 'Give the beginning of the access, or nothing for now.');
    end if;
    if closes <= opens then
        perform private.refuse('MP010', 'access_until', format('%s is not after the beginning, %s', private.format_last_day(closes),
            private.format_first_day(opens)), 'Give an end after the beginning; remove_staff takes an access away.');
    end if;
    if closes <= private.clock() then
        perform private.refuse('MP010', 'access_until', format('%s has passed', private.format_last_day(closes)),
            'Give an end that is still to come; remove_staff takes an access away.');
    end if;
end
$$;

-- Drops the mails of an invitation that is no more, if they have not left.
create function private.drop_invitation_mails(invitation integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.state = 'queued' and m.template = 'staff_invitation' and starts_with(m.key, format('staff:%s:', invitation));
end
$$;

-- The leagues of clients that may still be joined: managers read their codes.
create function private.open_leagues_of(clients integer[]) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select l.id
        from mpp.participation p
        join mpp.edition e on e.id = p.edition_id and e.registration_closes_at > private.clock()
        join mpp.league l on l.participation_id = p.id
        where p.organisation_id = any (clients)
    );
end
$$;

-- Ends what a client's staff knew: the codes that managers read, and the invitations that they sent. It runs under the
-- lock of whatever staff do for the client: a call under way ends first, and its codes are renewed; a call that waits
-- asks again.
create function private.end_staff_access(organisation integer, account uuid, read_codes boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    invitation integer;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation);
    for invitation in
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.organisation_id = organisation and i.invited_by = account and i.accepted_at is null and i.expires_at > private.clock()
        returning i.id
    loop
        perform private.drop_invitation_mails(invitation);
    end loop;
    if read_codes then
        perform private.renew_codes(private.open_leagues_of(array[organisation]));
    end if;
end
$$;

-- Dates run out without a call. So the next call of the client (leagues, guests) or the next night's purge_expired ends
-- what staff knew whose dates have passed. Setting an end does not: until then they read on. Returns how many there
-- were.
create function private.end_overdue_access(organisation integer default null) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    client integer;
    s mpp.staff;
    ended integer := 0;
begin
    for client in
        select distinct x.organisation_id
        from mpp.staff x
        where (end_overdue_access.organisation is null or x.organisation_id = end_overdue_access.organisation)
            and x.access_until <= private.clock() and (x.ended_at is null or x.ended_at < x.access_until)
        order by x.organisation_id
    loop
        perform pg_advisory_xact_lock(hashtext('mpp.client'), client);
        for s in
            update mpp.staff x
            set ended_at = private.clock()
            where x.organisation_id = client and x.access_until <= private.clock()
                and (x.ended_at is null or x.ended_at < x.access_until)
            returning x.*
        loop
            perform private.end_staff_access(s.organisation_id, s.account_id, s.role >= 'manager');
            ended := ended + 1;
        end loop;
    end loop;
    return ended;
end
$$;

-- A change of somebody's access ends the invitation that waits for them: an older one must not bring back a role or
-- dates that were taken away.
create function private.staff_changed() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and new.role < old.role) then
        perform private.end_staff_access(s.organisation_id, s.account_id,
            old.role >= 'manager' and (tg_op = 'DELETE' or new.role < 'manager'));
    end if;
    return null;
end
$$;

create trigger staff_changed
    after insert or delete or update of role, access_from, access_until on mpp.staff
    for each row execute function private.staff_changed();

create function private.invite_staff(
    organisation_id integer, email text, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    o mpp.organisation;
    me mpp.staff;
    address text := private.typed_address(email);
    code text := private.new_join_code();
    opens timestamptz := coalesce(access_from, private.clock());
    closes timestamptz := access_until;
    invitation integer;
begin
    if not by_ops then
        perform private.lock_account(account);
    end if;
    -- This orders two owners of a client too, of whom one may remove the other.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
    select * into o from mpp.organisation x where x.id = invite_staff.organisation_id;
    if not private.is_mail_address(address) then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 100), 'Give an address such as ada@example.org.');
    end if;
    if role is null then
        perform private.refuse('MP010', 'role', 'it is empty', 'Use viewer, manager or owner.');
    end if;
    if not by_ops then
        -- An owner gives no more than they have: no longer dates, and no role of an owner.
        select * into me from mpp.staff s where s.account_id = account and s.organisation_id = o.id;
        if role = 'owner' then
            perform private.refuse('MP010', 'role', 'owner', 'Only Ma Petite Planète makes owners.');
        end if;
        closes := coalesce(closes, me.access_until);
        if opens < me.access_from or closes > me.access_until then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.format_first_day(me.access_from), private.format_last_day(me.access_until)));
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
        -- An invitation is a mail: an owner's account must not become a way to write to somebody again and again.
        -- Invitations that were withdrawn or have expired count too: they were mails.
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
            where i.organisation_id = o.id and i.email <> address and i.invited_at > private.clock() - interval '24 hours'
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty addresses were invited within a day', 'Invite it tomorrow.');
        end if;
        if coalesce((select d.written from private.invitations_today(o.id) d where d.mailbox = private.mailbox_of(address)), 0) >= 5 then
            perform private.refuse('MP010', 'email', 'you have sent its mailbox five invitations in a day', 'Invite it tomorrow.');
        end if;
    end if;
    perform private.check_access(opens, closes);
    insert into mpp.staff_invitation as i (organisation_id, email, role, access_from, access_until, code_digest, expires_at, invited_by)
    values (o.id, address, invite_staff.role, opens, closes, sha256(convert_to(code, 'UTF8')),
        least(private.clock() + interval '720 hours', closes), case when not by_ops then account end)
    on conflict on constraint staff_invitation_once do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until,
        code_digest = excluded.code_digest, expires_at = excluded.expires_at, invited_at = private.clock(), accepted_at = null,
        invited_by = excluded.invited_by
    returning i.id into invitation;
    perform private.drop_invitation_mails(invitation);
    perform private.queue_mail(
        format('staff:%s:%s', invitation, encode(substring(sha256(convert_to(code, 'UTF8')) for 8), 'hex')),
        'staff_invitation',
        jsonb_build_object('organisation', o.name, 'role', invite_staff.role, 'code', code, 'access_from', opens, 'access_until', closes,
            'expires_at', (select i.expires_at from mpp.staff_invitation i where i.id = invitation)),
        -- What the association sends belongs to a contract. What a client's owner sends can be refused for good.
        purpose => case when by_ops then 'service' else 'invitation' end::api.mail_purpose, address => address, language => o.language,
        organisation_id => o.id,
        useful_until => (select i.expires_at from mpp.staff_invitation i where i.id = invitation));
    perform private.record_act('client.invite_staff', o.code, jsonb_build_object('invitation', invitation, 'role', invite_staff.role));
    return invitation;
end
$$;
grant execute on function private.invite_staff to authenticated, service_role;

create function api.invite_staff(
    organisation_id integer, email text, role api.staff_role default 'viewer', access_from timestamptz default null,
    access_until timestamptz default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_staff(organisation_id, email, role, access_from, access_until); end;
comment on function api.invite_staff is 'Invites somebody by mail to work in a client''s space, with the dates of their access; a second invitation of an address replaces the first. Staff of the association; owners invite managers and viewers inside their own dates, fifty addresses a day, and a mailbox five times. Returns the invitation id. Errors: MP001, MP002, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.invite_staff to authenticated, service_role;

create function private.accept_staff_invitation(code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    i mpp.staff_invitation;
    inviter mpp.staff;
begin
    perform private.lock_account(account);
    -- Lock first the access that they have already, as a change of it does, which ends the invitation. The client comes
    -- before: a lower role ends what the former one read.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), x.organisation_id)
    from mpp.staff_invitation x
    where x.code_digest = sha256(convert_to(typed, 'UTF8'));
    perform private.require_still_live();
    perform
    from mpp.staff s
    where s.account_id = account
        and s.organisation_id = (select x.organisation_id from mpp.staff_invitation x where x.code_digest = sha256(convert_to(typed, 'UTF8')))
    for update;
    -- Of twenty at once, one gets it. It opens to the address it was sent to, and to nobody else who got hold of the
    -- code.
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
    if private.my_proven_account() is distinct from account then
        perform private.refuse('MP012');
    end if;
    if i.invited_by is not null then
        -- An owner's invitation is worth what its owner is worth now, and changes no owner.
        select * into inviter
        from mpp.staff s
        where s.account_id = i.invited_by and s.organisation_id = i.organisation_id and s.role = 'owner'
            and s.access_from <= private.clock() and s.access_until > private.clock() and private.is_live(s.account_id);
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
grant execute on function private.accept_staff_invitation to authenticated;

create function api.accept_staff_invitation(code text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_staff_invitation(code); end;
comment on function api.accept_staff_invitation is 'Takes an invitation to a client''s space with the code from the mail. The account''s confirmed address must be the one invited, and its session must prove the address: opened by a mail to it, or by a password that its owner has set since. Returns the organisation id. Errors: MP001, MP002, MP011, MP012, MP013, MP047, MP082.';
grant execute on function api.accept_staff_invitation to authenticated;

create function private.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    me mpp.staff;
    them mpp.staff;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
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
                private.format_first_day(me.access_from), private.format_last_day(me.access_until)));
        end if;
    end if;
    -- A new role alone does not ask about dates, even when they have passed.
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
grant execute on function private.set_staff to authenticated, service_role;

create function api.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role default null, access_from timestamptz default null,
    access_until timestamptz default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_staff(organisation_id, account_id, role, access_from, access_until); end;
comment on function api.set_staff is 'Changes the role or the dates of somebody who works for a client; what is left out stays. An end that has passed, or is not after the beginning, is refused: remove_staff takes the access away. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.set_staff to authenticated, service_role;

-- Takes somebody out of a client's space, with whatever would let them in again; or takes back an invitation that
-- waits, with the mail that has not left.
create function private.remove_staff(organisation_id integer, account_id uuid, invitation_id integer) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.require_client(organisation_id, 'owner');
    taken_back integer;
begin
    if num_nonnulls(account_id, invitation_id) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an invitation', 'Send one of the two.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.require_client(organisation_id, 'owner');
    if remove_staff.account_id is null then
        -- It stays as an expired one, so that the count of the day's mails stays right.
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
        -- staff_changed ends an invitation that waits for them.
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
grant execute on function private.remove_staff to authenticated, service_role;

create function api.remove_staff(organisation_id integer, account_id uuid default null, invitation_id integer default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_staff(organisation_id, account_id, invitation_id); end;
comment on function api.remove_staff is 'Takes away at once the access of somebody who works for a client, or takes back an invitation that waits. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP013, MP047, MP090–MP092.';
grant execute on function api.remove_staff to authenticated, service_role;

create type api.client_staff_member as (
    account_id uuid, email text, role api.staff_role, access_from timestamptz, access_until timestamptz, is_me boolean
);
comment on type api.client_staff_member is 'Somebody who works for a client, as its owners see them.';

create function private.client_staff(organisation_id integer) returns setof api.client_staff_member
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := (select private.my_account());
begin
    if not private.is_ops() then
        perform private.require_client_role(organisation_id, private.signed_in(), 'owner');
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
grant execute on function private.client_staff to authenticated, service_role;

create function api.client_staff(organisation_id integer) returns setof api.client_staff_member
    language sql stable rows 10 set search_path = pg_catalog, pg_temp
begin atomic select * from private.client_staff(organisation_id); end;
comment on function api.client_staff is 'Lists who works for a client, with roles and dates. Its owners, and staff of the association. Errors: MP001, MP002, MP012, MP013, MP090–MP092.';
grant execute on function api.client_staff to authenticated, service_role;
-- Ends what an account knew, when it is disabled or deleted. That happens here or in Auth (its API, its console, SQL), so
-- triggers on auth.users catch it where it is written; hosted Supabase lets the deploying role make them. And what the
-- staff do to an account, which leaves a trace whoever does it.

-- Locks what an account runs, played in or follows, in the order of every command, and the clients that it works for. A
-- command of this account that is under way ends first, and what it handed out ends with the rest. One that waits asks
-- again when it has the lock.
create function private.lock_what_ends(account uuid) returns uuid[]
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[] := private.leagues_known_to(account);
    -- And the rows that keep its id, which its erasure writes to.
    marked uuid[] := array(
        select l.id from mpp.league l where l.created_by = account
        union
        select v.league_id from mpp.validation v where v.validated_by = account
        union
        select v.league_id from mpp.validation v where v.cancelled_by = account
    );
begin
    perform private.lock_edition(x.edition_id)
    from (
        select l.edition_id from mpp.league l where l.id = any (leagues || marked)
        union
        select p.edition_id from mpp.player p where p.account_id = account
        order by edition_id
    ) x;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), x.organisation_id)
    from (select s.organisation_id from mpp.staff s where s.account_id = account order by s.organisation_id) x;
    perform private.lock_leagues(leagues || marked);
    return private.leagues_known_to(account);
end
$$;

create function private.leagues_known_to(account uuid) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select a.league_id from mpp.ambassador a where a.account_id = account
        union
        select p.league_id from mpp.player p where p.account_id = account and p.league_id is not null
        union
        select v.league_id from mpp.player p join mpp.validation v on v.player_id = p.id where p.account_id = account
        union
        select f.league_id from mpp.family f where f.account_id = account
    );
end
$$;

-- The account was disabled, or deleted softly: its rows stay and it is out (private.is_live). Its owner could come back
-- under another account, by the code of whatever it ran, played in or followed. What it sent and what waits for it ends
-- too.
create function private.account_ended() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    s mpp.staff;
begin
    if private.is_live(new.id) then
        return null;
    end if;
    leagues := private.lock_what_ends(new.id);
    -- All codes in one go, so that of two who renew some of the same codes the second waits for the first.
    perform private.renew_codes(leagues || private.open_leagues_of(array(
        select x.organisation_id from mpp.staff x where x.account_id = new.id and x.role >= 'manager')));
    for s in select x.* from mpp.staff x where x.account_id = new.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, read_codes => false);
    end loop;
    perform private.end_invitations_of(new.id, new.email);
    return null;
end
$$;

-- Invitations to a client's space that wait for the address of somebody who works there.
create function private.end_invitations_of(account uuid, address text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    invitation integer;
begin
    for invitation in
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.email = lower(address) and i.accepted_at is null and i.expires_at > private.clock()
            and exists (select from mpp.staff s where s.account_id = account and s.organisation_id = i.organisation_id)
        returning i.id
    loop
        perform private.drop_invitation_mails(invitation);
    end loop;
end
$$;

create trigger account_ended
    after update of banned_until, deleted_at on auth.users
    for each row
    when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
    execute function private.account_ended();

-- The account was deleted: what it ran is ended by profile_forget, and what it read as staff of a client by
-- staff_changed. A league in which it only played keeps its code, like one that a player leaves: to keep somebody out,
-- expel or disable them first.
create function private.account_deleted() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff;
begin
    -- The profile first, as in profile_forget.
    perform from mpp.profile p where p.id = old.id for update;
    perform private.lock_what_ends(old.id);
    for s in select x.* from mpp.staff x where x.account_id = old.id order by x.organisation_id loop
        perform private.end_staff_access(s.organisation_id, s.account_id, read_codes => false);
    end loop;
    perform private.end_invitations_of(old.id, old.email);
    perform private.tell_last_owner_left(old.id);
    perform private.queue_file_removals(old.id);
    perform private.forget_account(old.id);
    return old;
end
$$;

-- Somebody who leaves does not wait for a successor: the association's staff learn that a client has no owner any more,
-- and invite another one. Where the lock of the clients is held, of two owners who leave at once the second is the last.
create function private.tell_last_owner_left(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.queue_mail(format('client-without-owner-%s-%s', o.id, gen_random_uuid()), 'client_without_owner',
        jsonb_build_object('client', o.code, 'name', o.name), account_id => m.account_id)
    from mpp.staff s
    join mpp.organisation o on o.id = s.organisation_id
    cross join mpp.ops_member m
    where s.account_id = account and s.role = 'owner' and s.access_until > private.clock()
        and m.account_id <> account and private.is_live(m.account_id)
        and not exists (
            select
            from mpp.staff x
            where x.organisation_id = s.organisation_id and x.account_id <> account and x.role = 'owner'
                and x.access_until > private.clock() and private.is_live(x.account_id)
        )
    order by o.id, m.account_id;
end
$$;

create trigger account_deleted
    before delete on auth.users
    for each row execute function private.account_deleted();

-- What was done to an account in Auth itself, whose server does not say for whom. The functions of the API write their
-- own line, with who it was. Anonymous accounts come and go by the thousand.
create function private.account_recorded() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() in ('authenticated', 'service_role') or old.is_anonymous then
        return null;
    end if;
    if tg_op = 'DELETE' then
        perform private.record_act('user.delete', old.id::text);
    elsif new.deleted_at is distinct from old.deleted_at then
        perform private.record_act('user.delete', old.id::text, '{"softly": true}');
    else
        perform private.record_act(case when private.is_live(new) then 'user.enable' else 'user.disable' end, new.id::text);
    end if;
    return null;
end
$$;

create trigger account_recorded_when_changed
    after update of banned_until, deleted_at on auth.users
    for each row
    when (new.banned_until is distinct from old.banned_until or new.deleted_at is distinct from old.deleted_at)
    execute function private.account_recorded();

create trigger account_recorded_when_deleted
    after delete on auth.users
    for each row execute function private.account_recorded();

-- The account with this id or address; null if there is none. It says of one address whether it has an account, so only
-- the staff ask.
create function private.account_called(who text) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := lower(btrim(coalesce(who, '')));
begin
    if typed ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (select u.id from auth.users u where u.id = typed::uuid and u.deleted_at is null);
    end if;
    return (select u.id from auth.users u where u.email = typed and not u.is_sso_user and u.deleted_at is null);
end
$$;

create function private.set_account_disabled(who text, disabled boolean, reason text) returns api.account
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    why text;
    told api.account;
begin
    perform private.require_ops();
    account := private.account_called(who);
    why := case when btrim(coalesce(reason, '')) <> '' then private.clean_line('reason', reason, 500) end;
    if account is null or disabled is null then
        perform private.refuse('MP005');
    end if;
    -- As with making staff: a stolen session of the staff must not shut the others out, nor let one in again.
    if private.is_ops_member(account) and not private.is_service() then
        perform private.refuse('MP006');
    end if;
    update auth.users u
    set banned_until = case when disabled then private.clock() + interval '876000 hours' end
    where u.id = account;
    perform private.record_act(case when disabled then 'user.disable' else 'user.enable' end, account::text,
        jsonb_strip_nulls(jsonb_build_object('reason', why)));
    select u.id, u.email, coalesce(u.created_at, 'epoch'), u.email_confirmed_at, u.last_sign_in_at, u.banned_until, u.is_anonymous
    into told
    from auth.users u
    where u.id = account;
    return told;
end
$$;
grant execute on function private.set_account_disabled to authenticated, service_role;

create function api.set_account_disabled(who text, disabled boolean, reason text default null) returns api.account
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_account_disabled(who, disabled, reason); end;
comment on function api.set_account_disabled is 'Keeps an account, by id or address, from signing in, or lets it sign in again; its players and points stay. Staff of the association; accounts of staff with the secret key only. Errors: MP005, MP006, MP010, MP013.';
grant execute on function api.set_account_disabled to authenticated, service_role;

-- Called before Auth is asked to remove the factor: rather a line too many than one too few.
create function private.record_factor_removal(account_id uuid, factor_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_service();
    why := private.clean_line('reason', reason, 500);
    if not exists (
        select from auth.mfa_factors f where f.id = record_factor_removal.factor_id and f.user_id = record_factor_removal.account_id
    ) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.remove_factor', account_id::text, jsonb_build_object('factor_id', factor_id, 'reason', why));
end
$$;
grant execute on function private.record_factor_removal to service_role;

create function api.record_factor_removal(account_id uuid, factor_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_factor_removal(account_id, factor_id, reason); end;
comment on function api.record_factor_removal is 'Records that a second factor is about to be removed by the administration interface of Auth, and why. Secret key only. Errors: MP005, MP006, MP010.';
grant execute on function api.record_factor_removal to service_role;
-- The ledger: one row for each validated challenge, with the points as they were at that moment. Scores are sums of this
-- table (72_score). private.record_validation and, for sets, record_validations (74_play) add rows. None is ever deleted, and
-- only its state changes.

-- pending: a collective challenge below its quorum; credited: counts; cancelled: taken back, for good.
-- pending ⇄ credited as the quorum is reached or lost; both → cancelled.
create type api.validation_state as enum ('pending', 'credited', 'cancelled');

-- A number tells who was first, but no time: everybody reads the order among equals, and it must not tell when somebody
-- played.
create sequence mpp.credit_number;

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
    validated_at timestamptz not null default private.clock(),
    changed_at timestamptz not null default private.clock(),
    cancelled_by uuid,
    credit_number bigint not null default nextval('mpp.credit_number')
);
-- No foreign keys: each would be looked up for every validation, and would lock the row of the challenge, which all writers of an
-- edition share. The commands read player, team and challenge under the lock of the league; a load of any other
-- kind is compared by its trigger (72_score); and what the ledger refers to is never deleted (private.keep_ledger_whole).
comment on table mpp.validation is 'The ledger of validated challenges.';
comment on column mpp.validation.id is 'The request key that the client made: the same key twice gives one row.';
comment on column mpp.validation.team_id is 'Where the points were earned; a player who moves leaves them there.';
comment on column mpp.validation.validated_by is 'The account that validated for a pupil; null for a player, who validates alone, and once the account is erased.';
comment on column mpp.validation.cancelled_by is 'The account that took it back; null for the secret key, and once the account is erased.';
comment on column mpp.validation.credit_number is 'Larger than that of every validation credited before; a new one each time the quorum is reached.';
create index validation_player on mpp.validation (player_id, challenge_id);
create index validation_league on mpp.validation (league_id, validated_at);
create index validation_challenge on mpp.validation (challenge_id);

-- The ledger of an edition lies together, because editions follow each other. So this leads to it without an entry for each row.
create index validation_edition on mpp.validation using brin (edition_id) with (pages_per_range = 32, autosummarize = on);

-- These find an erased account without reading the ledger.
create index validation_validated_by on mpp.validation (validated_by) where validated_by is not null;
create index validation_cancelled_by on mpp.validation (cancelled_by) where cancelled_by is not null;

create function private.validation_keep_facts() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
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
    elsif new.validated_by is distinct from old.validated_by and new.validated_by is not null then
        perform private.refuse('MP060', 'who validated it is only forgotten');
    elsif old.state = 'cancelled' and new.state <> 'cancelled' then
        perform private.refuse('MP060', 'a cancelled one stays cancelled');
    end if;
    new.credit_number := case when old.state = 'pending' and new.state = 'credited'
        then nextval('mpp.credit_number') else old.credit_number end;
    return new;
end
$$;

create trigger validation_keep_facts
    before update on mpp.validation
    for each row execute function private.validation_keep_facts();

create trigger validation_keep_rows
    before delete or truncate on mpp.validation
    for each statement execute function private.validation_keep_facts();

-- What the ledger refers to stays, and stays what it is.
create function private.keep_ledger_whole() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    needed boolean := tg_op = 'TRUNCATE';
begin
    if tg_op = 'TRUNCATE' then
        null;
    elsif tg_argv[0] = 'player' then
        needed := exists (select from mpp.validation v where v.player_id = old.id);
    elsif tg_argv[0] = 'team' then
        needed := exists (select from mpp.validation v where v.league_id = old.league_id and v.team_id = old.id);
    else
        needed := exists (select from mpp.validation v where v.challenge_id = old.id);
    end if;
    if needed then
        perform private.refuse('MP060', 'what it refers to is not deleted');
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;

create trigger player_keep_ledger
    before delete or update of id, edition_id on mpp.player
    for each row execute function private.keep_ledger_whole('player');
create trigger player_keep_ledger_whole
    before truncate on mpp.player
    for each statement execute function private.keep_ledger_whole('player');

create trigger team_keep_ledger
    before delete or update of id, league_id, edition_id on mpp.team
    for each row execute function private.keep_ledger_whole('team');
create trigger team_keep_ledger_whole
    before truncate on mpp.team
    for each statement execute function private.keep_ledger_whole('team');

create trigger edition_challenge_keep_ledger
    before delete or update of edition_id on mpp.edition_challenge
    for each row execute function private.keep_ledger_whole('challenge');
create trigger edition_challenge_keep_ledger_whole
    before truncate on mpp.edition_challenge
    for each statement execute function private.keep_ledger_whole('challenge');

alter table mpp.validation enable row level security;

create policy validation_select_authenticated on mpp.validation
    for select to authenticated
    using (
        league_id in (select private.my_league_ids())
        or player_id in (select private.my_player_ids())
        or (select private.is_ops())
    );

-- validated_by and cancelled_by are not granted: they are accounts, and a league knows players.
grant select (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent, validated_at, changed_at)
    on mpp.validation to authenticated;
grant select on mpp.validation to service_role;
-- Scores and ranks, kept in the transaction that earns the points. Nothing here is private: a subject, what it is called
-- in public, points, and whether it is listed. Public rankings read these tables and nothing else.
--
-- A rank is 1 + how many listed subjects stand higher. score_count holds how many stand at each value, 64 values in a row,
-- so a rank costs a few hundred rows at most, whatever the number of players. Counting in place would make those rows the hottest of the
-- database at the opening, when everybody stands near zero: writers append to score_delta instead, and one writer in
-- fifty folds what has gathered. Readers add both, in one snapshot.

-- A domain and not a check of the table, which would be looked at again whenever a score moves.
create domain mpp.score_scope as text
    constraint score_scope_known check (value in ('player', 'team', 'league'));
comment on domain mpp.score_scope is 'What has a score.';

create table mpp.score (
    subject_id uuid primary key,
    edition_id integer not null references mpp.edition (id),
    scope mpp.score_scope not null,
    label text not null,
    league_label text,
    points integer not null default 0,
    players integer not null default 1,
    at_least_players smallint not null default 1,
    by_average boolean not null default false,
    -- Not generated, nor held by a check: Postgres would prepare the expression anew for every validation, which costs as much
    -- as the update. Whoever writes points or players writes it too, by private.value_of; verify_scores compares.
    value integer not null default 0,
    tie_order bigint not null default 0,
    listed boolean not null,
    is_public boolean not null,
    school_id uuid,
    level mpp.school_level
) with (fillfactor = 80);
comment on table mpp.score is 'Points of a player, a team or a league in an edition: the sum of its credited validations.';
comment on column mpp.score.value is 'What the ranking compares: points, or hundredths of a point per player.';
comment on column mpp.score.tie_order is 'Order among equals, the smaller first: the largest credit_number of its credited validations, 0 without any.';
comment on column mpp.score.listed is 'In the ranking; false for those who opted out.';
comment on column mpp.score.school_id is 'School of a class; rankings of schools are sums of their classes.';
comment on column mpp.score.is_public is 'Listed, and in an edition that is not private to one client.';
create index score_ranking on mpp.score (edition_id, scope, value desc, tie_order, subject_id) where listed;

-- Who is not listed is found by the edition too, and a validation of whoever is listed writes nothing here.
create index score_not_listed on mpp.score (edition_id) where not listed;

-- A class also stands among those of its level.
create index score_level_ranking on mpp.score (edition_id, level, value desc, tie_order, subject_id) where listed and level is not null;
create index score_school on mpp.score (edition_id, school_id) where listed and school_id is not null;

-- A small league counts as if it had the least size of the edition, or a league of one would lead every ranking by average.
create function private.value_of(points integer, players integer, at_least_players integer, by_average boolean) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when by_average then round(points * 100.0 / greatest(players, at_least_players, 1))::integer else points end;
end
$$;

create table mpp.school_standing (
    edition_id integer not null references mpp.edition (id),
    level mpp.school_level,
    rank bigint not null,
    school_id uuid not null references mpp.school (id),
    classes bigint not null,
    points bigint not null,
    players bigint not null,
    value bigint not null,
    tie_order bigint not null,
    constraint school_standing_once unique nulls not distinct (edition_id, level, school_id)
);
comment on table mpp.school_standing is 'Schools as they stood at the freeze: a class that opts out later takes its name away, not its points from the others.';
create index school_standing_school on mpp.school_standing (school_id);

create trigger school_standing_keep
    before update or delete or truncate on mpp.school_standing
    for each statement execute function private.refuse_change();

-- How many listed subjects stand at each value, in buckets of 64 values: points of players are small, but averages in
-- hundredths visit thousands of values, and a rank must not read a row for each.
create table mpp.score_count (
    edition_id integer not null references mpp.edition (id),
    scope api.ranking_scope not null,
    bucket integer not null,
    subjects integer not null,
    counts integer[] not null constraint score_count_is_whole check (cardinality(counts) = 64),
    primary key (edition_id, scope, bucket)
) with (fillfactor = 50);
comment on table mpp.score_count is 'How many listed subjects stand at each value; not complete without score_delta.';
comment on column mpp.score_count.bucket is 'Values from 64 × bucket on.';
comment on column mpp.score_count.subjects is 'Sum of counts.';
comment on column mpp.score_count.counts is 'Subjects at each of the 64 values, the lowest first.';

create table mpp.score_delta (
    edition_id integer not null,
    subjects integer not null default 1,
    level text,
    player_from integer,
    player_to integer,
    team_from integer,
    team_to integer,
    league_from integer,
    league_to integer
);
comment on table mpp.score_delta is 'Moves not yet folded into score_count: so many subjects leave a value for another, null where there is none. All that one validation moves is one row.';
comment on column mpp.score_delta.level is 'Level of the class that moves; its moves count there too.';
create index score_delta_edition on mpp.score_delta (edition_id);

-- What a move changes: so many subjects more, or fewer, at a value of a scope.
create view mpp.score_change with (security_invoker = true) as
select d.edition_id, j.scope, j.value, j.change
from mpp.score_delta d
cross join lateral (values
    ('player', d.player_from, -d.subjects), ('player', d.player_to, d.subjects),
    ('team', d.team_from, -d.subjects), ('team', d.team_to, d.subjects),
    ('league', d.league_from, -d.subjects), ('league', d.league_to, d.subjects),
    (d.level, d.league_from, -d.subjects), (d.level, d.league_to, d.subjects)
) j (scope, value, change)
where j.value is not null and j.scope is not null;
comment on view mpp.score_change is 'Each move not yet folded, as changes of counts.';
grant select on mpp.score_change to anon, authenticated, service_role;

create function private.add_counts(counts integer[], places integer[], changes integer[]) returns integer[]
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    for n in 1 .. cardinality(places) loop
        counts[places[n]] := counts[places[n]] + changes[n];
    end loop;
    return counts;
end
$$;

-- Adds the moves that have gathered to the counts; skipped when somebody else is at it. Exact at any moment, because
-- both tables change in one transaction.
create function private.fold_scores(edition integer, wait boolean default false) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
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
        delete from mpp.score_delta d where d.edition_id = edition returning d.*
    ), changed as (
        -- As in mpp.score_change; what is deleted can be read here only.
        select m.scope, m.value >> 6 as bucket, 1 + (m.value & 63) as place, sum(m.change)::integer as change
        from gathered d
        cross join lateral (values
            ('player', d.player_from, -d.subjects), ('player', d.player_to, d.subjects),
            ('team', d.team_from, -d.subjects), ('team', d.team_to, d.subjects),
            ('league', d.league_from, -d.subjects), ('league', d.league_to, d.subjects),
            (d.level, d.league_from, -d.subjects), (d.level, d.league_to, d.subjects)
        ) m (scope, value, change)
        where m.value is not null and m.scope is not null
        group by m.scope, m.value
        having sum(m.change) <> 0
    ), bucket as (
        select c.scope, c.bucket, sum(c.change)::integer as subjects, array_agg(c.place) as places, array_agg(c.change) as changes
        from changed c
        group by c.scope, c.bucket
    ), counted as (
        update mpp.score_count c
        set subjects = c.subjects + b.subjects, counts = private.add_counts(c.counts, b.places, b.changes)
        from bucket b
        where c.edition_id = edition and c.scope = b.scope and c.bucket = b.bucket
        returning c.scope, c.bucket
    ), begun as (
        insert into mpp.score_count (edition_id, scope, bucket, subjects, counts)
        select edition, b.scope, b.bucket, b.subjects, private.add_counts(array_fill(0, array[64]), b.places, b.changes)
        from bucket b
        where not exists (select from counted c where c.scope = b.scope and c.bucket = b.bucket)
    )
    select count(*) into folded from gathered g;
    return folded;
end
$$;
comment on function private.fold_scores is 'Folds score_delta into score_count for one edition; returns the number of moves.';

-- Whatever changes a score, the counts follow: one trigger on the table, statement by statement.
create function private.score_inserted() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.score_delta (edition_id, subjects, level, player_to, team_to, league_to)
    select n.edition_id, count(*), n.level,
        case when n.scope = 'player' then n.value end,
        case when n.scope = 'team' then n.value end,
        case when n.scope = 'league' then n.value end
    from new_rows n
    where n.listed
    group by n.edition_id, n.scope, n.level, n.value;
    return null;
end
$$;

create function private.score_updated() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
            select n.subject_id, n.edition_id, n.scope, n.points, n.players, n.value, n.tie_order, n.at_least_players, n.by_average, n.school_id, n.level
            from new_rows n
            where n.subject_id in (select o.subject_id from old_rows o where o.edition_id = any (frozen))
            except
            select o.subject_id, o.edition_id, o.scope, o.points, o.players, o.value, o.tie_order, o.at_least_players, o.by_average, o.school_id, o.level
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
    insert into mpp.score_delta (edition_id, subjects, level, player_to, team_to, league_to)
    select m.edition_id, sum(m.change), m.level,
        case when m.scope = 'player' then m.value end,
        case when m.scope = 'team' then m.value end,
        case when m.scope = 'league' then m.value end
    from (
        select o.edition_id, o.scope, o.level, o.value, -1 as change from old_rows o where o.listed
        union all
        select n.edition_id, n.scope, n.level, n.value, 1 from new_rows n where n.listed
    ) m
    where not m.edition_id = any (frozen)
    group by m.edition_id, m.scope, m.level, m.value
    having sum(m.change) <> 0;
    get diagnostics moves = row_count;
    if moves > 100 or random() < 0.02 then
        perform private.fold_scores(n.edition_id) from (select distinct x.edition_id from new_rows x) n;
    end if;
    return null;
end
$$;

create trigger score_inserted
    after insert on mpp.score
    referencing new table as new_rows
    for each statement execute function private.score_inserted();

create trigger score_updated
    after update on mpp.score
    referencing old table as old_rows new table as new_rows
    for each statement
    -- private.record_validation counts what it moves by itself.
    when (current_setting('game.recording', true) is distinct from 'on')
    execute function private.score_updated();

-- A score is the history of an edition: rows are never taken away.
create trigger score_keep
    before delete or truncate on mpp.score
    for each statement execute function private.refuse_change();

-- How many a team or league counts: who is in it now, and who left after having played there.
create function private.count_players(leagues uuid[]) returns void
    language sql set search_path = pg_catalog, pg_temp
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
    set players = coalesce(c.players, 0),
        value = private.value_of(s.points, coalesce(c.players, 0)::integer, s.at_least_players, s.by_average)
    from subject j
    left join counted c on c.subject_id = j.subject_id
    where s.subject_id = j.subject_id and s.players <> coalesce(c.players, 0)
$$;

-- What a score is called and whether it is listed follow from the player, the team and the league.
create function private.label_players(chosen uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    -- In one order, as in move_points: a former member may be credited meanwhile.
    perform from mpp.score s where s.subject_id = any (chosen) order by s.subject_id for no key update;
    update mpp.score s
    set label = coalesce(p.alias, '—'),
        league_label = n.league_label,
        listed = p.listed and (s.listed or e.frozen_at is null),
        is_public = p.listed and (s.listed or e.frozen_at is null) and e.organisation_id is null
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id
    -- An erased player stands nowhere but in the ranking: a league would lead back to the person.
    cross join lateral (select case when l.listed and p.account_id is not null then l.name::text end as league_label) n
    where p.id = any (chosen)
        and s.subject_id = p.id
        -- In a frozen edition a name is only ever taken away.
        and (e.frozen_at is null or p.account_id is null or not p.listed or not l.listed)
        and (s.label, s.league_label, s.listed) is distinct from (coalesce(p.alias, '—')::text, n.league_label, p.listed);
end
$$;

create function private.label_leagues(chosen uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
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
create function private.league_score() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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

create trigger league_score_inserted
    after insert on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create trigger league_score_updated
    after update on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create function private.team_score() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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

create trigger team_score_inserted
    after insert on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create trigger team_score_updated
    after update on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create function private.player_joined() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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

create function private.player_moved() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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

create trigger player_joined
    after insert on mpp.player
    referencing new table as new_rows
    for each statement execute function private.player_joined();

create trigger player_moved
    after update on mpp.player
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.player_moved();

-- Settings of the edition that scores carry may change until the edition starts; all points are still zero then.
create function private.edition_update_scores() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.score s
    set by_average = n.by_average, at_least_players = n.at_least_players,
        value = private.value_of(s.points, s.players, n.at_least_players, n.by_average)
    from (values
        ('league', new.ranking_basis = 'average', new.league_min_players::integer),
        ('team', new.ranking_basis = 'average', ceil(new.league_min_players::numeric / new.teams_per_league)::integer)
    ) n (scope, by_average, at_least_players)
    where s.edition_id = new.id and s.scope = n.scope;
    update mpp.score s
    set is_public = s.listed and new.organisation_id is null
    where s.edition_id = new.id and s.is_public <> (s.listed and new.organisation_id is null);
    return null;
end
$$;

create trigger edition_update_scores
    after update on mpp.edition
    for each row
    when ((old.ranking_basis, old.league_min_players, old.teams_per_league, old.organisation_id)
        is distinct from (new.ranking_basis, new.league_min_players, new.teams_per_league, new.organisation_id))
    execute function private.edition_update_scores();

-- The ledger moves the points: credited rows in, what was credited out. Who is first among equals is whose present points
-- were all credited first: what was taken back counts as if it had never been, and costs no place.
create type private.point_move as (subject_id uuid, points integer, credited bigint, lost bigint);
comment on type private.point_move is 'Points to add to a score, and the largest credit_number of what began (credited) and of what ceased (lost) to count.';

-- The largest credit_number of what still counts for a subject.
create function private.last_credit(subject mpp.score) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(case subject.scope
        when 'player' then (
            select max(v.credit_number) from mpp.validation v
            where v.player_id = subject.subject_id and v.state = 'credited')
        when 'team' then (
            select max(v.credit_number) from mpp.team t join mpp.validation v on v.league_id = t.league_id and v.team_id = t.id
            where t.id = subject.subject_id and v.state = 'credited')
        else (
            select max(v.credit_number) from mpp.validation v
            where v.league_id = subject.subject_id and v.state = 'credited')
    end, 0);
end
$$;

create function private.move_points(leagues uuid[], editions integer[], moves private.point_move[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    frozen text;
    losers uuid[];
begin
    -- Callers that go through the commands hold these locks already; a load that writes the ledger directly gets them here.
    perform private.lock_edition(e) from (select distinct u.e from unnest(editions) u (e) order by u.e) locked;
    perform private.lock_leagues(leagues);
    select min(e.code) into frozen from mpp.edition e where e.id = any (editions) and e.frozen_at is not null;
    if frozen is not null then
        perform private.refuse('MP024', frozen);
    end if;
    -- In one order: a player who left counts in the league of before, and two leagues may have former members in common.
    perform from mpp.score s where s.subject_id in (select m.subject_id from unnest(moves) m) order by s.subject_id for no key update;
    update mpp.score s
    set points = s.points + m.points, tie_order = greatest(s.tie_order, m.credited),
        value = private.value_of(s.points + m.points, s.players, s.at_least_players, s.by_average)
    from unnest(moves) m
    where s.subject_id = m.subject_id;
    losers := array(select m.subject_id from unnest(moves) m where m.lost is not null);
    if cardinality(losers) > 0 then
        -- In a statement of its own: a player who changed leagues may have been credited in another one while this waited
        -- for the score, which is locked now, and only a new snapshot shows it.
        update mpp.score s
        set tie_order = private.last_credit(s)
        from unnest(moves) m
        where s.subject_id = m.subject_id and m.lost >= s.tie_order and s.subject_id = any (losers);
    end if;
end
$$;

create function private.validation_credit() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select
        from new_rows n
        left join mpp.player p on p.id = n.player_id and p.edition_id = n.edition_id
        left join mpp.team t on t.id = n.team_id and t.league_id = n.league_id and t.edition_id = n.edition_id
        left join mpp.edition_challenge c on c.id = n.challenge_id and c.edition_id = n.edition_id
        where p.id is null or t.id is null or c.id is null
    ) then
        perform private.refuse('MP060', 'its player, team or challenge is not of its edition');
    end if;
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(n.points), max(n.credit_number), null)::private.point_move
            from new_rows n
            cross join lateral (values (n.league_id), (n.team_id), (n.player_id)) j (subject_id)
            where n.state = 'credited'
            group by j.subject_id
        )
    );
    return null;
end
$$;

create function private.validation_recredit() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever did it is forgotten in a frozen edition too.
    if not exists (select from new_rows n join old_rows o on o.id = n.id where n.state <> o.state) then
        return null;
    end if;
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(m.points), max(m.credited), max(m.lost))::private.point_move
            from (
                select n.league_id, n.team_id, n.player_id, n.points, n.credit_number as credited, null::bigint as lost
                from new_rows n
                join old_rows o on o.id = n.id
                where n.state = 'credited' and o.state <> 'credited'
                union all
                select n.league_id, n.team_id, n.player_id, -n.points, null, n.credit_number
                from new_rows n
                join old_rows o on o.id = n.id
                where o.state = 'credited' and n.state <> 'credited'
            ) m
            cross join lateral (values (m.league_id), (m.team_id), (m.player_id)) j (subject_id)
            group by j.subject_id
        )
    );
    return null;
end
$$;

create trigger validation_credit
    after insert on mpp.validation
    referencing new table as new_rows
    for each statement
    when (current_setting('game.recording', true) is distinct from 'on')
    execute function private.validation_credit();

create trigger validation_recredit
    after update on mpp.validation
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.validation_recredit();

alter table mpp.score enable row level security;
alter table mpp.school_standing enable row level security;
alter table mpp.score_count enable row level security;
alter table mpp.score_delta enable row level security;

create policy score_select_anon on mpp.score
    for select to anon
    using (is_public);

create policy score_select_authenticated on mpp.score
    for select to authenticated
    using (is_public or (listed and edition_id in (select private.my_private_edition_ids())) or (select private.is_ops()));

-- Counts tell as much as the ranking they belong to, and are readable where it is: not by the staff of a client, who see the
-- private edition and nobody in it.
create policy score_count_select_anon on mpp.score_count
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy score_count_select_authenticated on mpp.score_count
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy score_delta_select_anon on mpp.score_delta
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy score_delta_select_authenticated on mpp.score_delta
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy school_standing_select_everyone on mpp.school_standing
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

grant select on mpp.score, mpp.school_standing, mpp.score_count, mpp.score_delta to anon, authenticated, service_role;
-- Playing: the ways into the ledger, of one validation and of sets, and who takes them: validate, cancel, unlock, import.

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
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select v.id, v.state, v.points::integer,
        max(s.points) filter (where s.scope = 'player'),
        max(s.points) filter (where s.scope = 'team'),
        max(s.points) filter (where s.scope = 'league')
    from mpp.score s
    where s.subject_id in (v.player_id, v.team_id, v.league_id)
$$;

-- Credits the collective challenges of teams that have their quorum, and takes the credit back from those that lost it.
-- The locks of the leagues are held: nobody else counts the same teams. One statement, so that scores move once.
create function private.credit_quorums(leagues uuid[], challenge_ids integer[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.validation v
    set state = q.state, changed_at = case when q.state = 'credited' then q.last_done else private.clock() end
    from (
        select x.league_id, x.team_id, x.challenge_id, max(x.validated_at) as last_done,
            (case when count(distinct x.player_id) >= c.quorum then 'credited' else 'pending' end)::api.validation_state as state
        from mpp.validation x
        join mpp.edition_challenge c on c.id = x.challenge_id and c.kind = 'collective'
        where x.league_id = any (leagues) and x.challenge_id = any (challenge_ids) and x.state <> 'cancelled'
        group by x.league_id, x.team_id, x.challenge_id, c.quorum
    ) q
    where v.league_id = q.league_id
        and v.team_id = q.team_id
        -- An expression, so that the rows of the league are read, and not also those of the challenge in all leagues.
        and v.challenge_id + 0 = q.challenge_id
        and v.state not in (q.state, 'cancelled');
end
$$;

-- The way of sets into the ledger. Columns of equal length say who did what, and when; the points are those of that moment, and
-- collective challenges count once their quorum is there. The caller holds the lock of the edition and of every league,
-- and has judged the rows; validated_by is whoever did it for a pupil. A row whose key is known is left as it is; returns how many were written.
create function private.record_validations(
    request_keys uuid[], player_ids uuid[], challenge_ids integer[], done_at timestamptz[], proof_sent boolean[], validated_by uuid default null
) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    written integer;
    waiting uuid[];
    collective integer[];
begin
    with recorded as (
        insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
            validated_by, validated_at, changed_at)
        select r.id, c.edition_id, c.id, p.id, p.team_id, p.league_id,
            private.points_of(c, r.done_at),
            case when c.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
            r.proof_sent, record_validations.validated_by, r.done_at, r.done_at
        from unnest(request_keys, player_ids, challenge_ids, done_at, proof_sent) with ordinality
            r (id, player_id, challenge_id, done_at, proof_sent, number)
        join mpp.player p on p.id = r.player_id
        join mpp.edition_challenge c on c.id = r.challenge_id
        order by r.done_at, r.number
        on conflict do nothing
        returning league_id, challenge_id, state
    )
    select count(*), array_agg(distinct r.league_id) filter (where r.state = 'pending'),
        array_agg(distinct r.challenge_id) filter (where r.state = 'pending')
    into written, waiting, collective
    from recorded r;
    if waiting is not null then
        perform private.credit_quorums(waiting, collective);
    end if;
    return written;
end
$$;

-- One validation and all that it moves, without the triggers, which serve whole sets: the ledger, the three scores, and one row
-- for the counts. The caller holds the locks and has judged it, and it waits for no quorum. Null when the key is known.
create function private.record_validation(
    request_key uuid, edition integer, challenge integer, player uuid, team uuid, league uuid, worth integer, proof boolean, done_at timestamptz
) returns api.validation_receipt
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    credit bigint;
    d mpp.score_delta;
    s record;
    was integer;
    points_of_player integer;
    points_of_team integer;
    points_of_league integer;
begin
    perform set_config('game.recording', 'on', true);
    insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent, validated_at, changed_at)
    values (request_key, edition, challenge, player, team, league, worth, 'credited', proof, done_at, done_at)
    on conflict do nothing
    returning credit_number into credit;
    if credit is not null then
        for s in
            update mpp.score x
            set points = x.points + worth, tie_order = greatest(x.tie_order, credit),
                value = case when x.by_average
                    then private.value_of(x.points + worth, x.players, x.at_least_players, true) else x.value + worth end
            where x.subject_id in (player, team, league)
            returning x.scope, x.points, x.value, x.listed, x.by_average, x.players, x.at_least_players, x.level
        loop
            was := case when s.by_average
                then private.value_of(s.points - worth, s.players, s.at_least_players, true) else s.value - worth end;
            if s.scope = 'player' then
                points_of_player := s.points;
                if s.listed then
                    d.player_from := was;
                    d.player_to := s.value;
                end if;
            elsif s.scope = 'team' then
                points_of_team := s.points;
                if s.listed then
                    d.team_from := was;
                    d.team_to := s.value;
                end if;
            else
                points_of_league := s.points;
                if s.listed then
                    d.league_from := was;
                    d.league_to := s.value;
                    d.level := s.level;
                end if;
            end if;
        end loop;
        insert into mpp.score_delta (edition_id, level, player_from, player_to, team_from, team_to, league_from, league_to)
        values (edition, d.level, d.player_from, d.player_to, d.team_from, d.team_to, d.league_from, d.league_to);
    end if;
    perform set_config('game.recording', '', true);
    if credit is null then
        return null;
    end if;
    if random() < 0.02 then
        perform private.fold_scores(edition);
    end if;
    return (request_key, 'credited'::api.validation_state, worth, points_of_player, points_of_team, points_of_league)::api.validation_receipt;
end
$$;

-- The locks of a command that plays, and the instant at which it had them.
create function private.lock_to_play(edition integer, league uuid) returns timestamptz
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        -- Those of lock_edition and lock_leagues in one query.
        perform pg_advisory_xact_lock_shared(hashtext('mpp.edition'), edition), pg_advisory_xact_lock(hashtext('mpp.league'), uuid_hash(league) & 1023);
    else
        perform private.lock_edition(edition);
        perform private.lock_leagues(array[league]);
    end if;
    return private.clock();
end
$$;

create function private.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean)
    returns api.validation_receipt
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    -- For the functions that it calls too. Planning their short statements anew would cost more than running them, and a plan made
    -- while the ledger was empty would go on reading all of it.
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    account uuid;
    edition integer;
    league uuid;
    r record;
    v mpp.validation;
    closed mpp.edition;
    left_behind api.validation_receipt;
    at timestamptz;
begin
    -- Whose player it is says the token; whether the account may play is asked once, under the locks.
    select p.edition_id, p.league_id into edition, league
    from mpp.player p
    where p.id = validate_challenge.player_id and p.account_id = private.claimed_account();
    if found then
        at := private.lock_to_play(edition, league);
    end if;
    account := private.require_account();
    if request_key is null then
        perform private.refuse('MP010', 'request_key', 'it is empty', 'Make a UUID for each validation.');
    end if;
    if edition is null then
        perform private.refuse('MP005');
    end if;
    -- Everything is read after the locks: the league may have been left, the edition closed, while this waited.
    select p.league_id, p.team_id, e.opened_at, e.starts_at, e.ends_at, e.frozen_at, c.id as challenge_id, c.kind, c.repeat_limit, c.needs_proof,
        c.opens_at, at <@ c.open_during as is_open,
        private.points_of(c, at) as worth,
        exists (select from mpp.validation x where x.id = request_key) as is_known,
        case when c.repeat_limit is not null
            then (select count(*) from mpp.validation x where x.player_id = p.id and x.challenge_id = c.id and x.state <> 'cancelled')
            -- Without a limit there are fifty a day all the same, with those taken back: the ledger keeps them.
            else (select count(*) from mpp.validation x where x.player_id = p.id and x.challenge_id = c.id and x.validated_at > at - interval '24 hours')
        end as done
    into r
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.edition_challenge c on c.id = validate_challenge.challenge_id and c.edition_id = p.edition_id
    where p.id = validate_challenge.player_id and p.account_id = account;

    -- First of all, also for a player who has left meanwhile: what was recorded has its receipt.
    if r.is_known then
        select * into v from mpp.validation x where x.id = request_key;
        if v.player_id is distinct from validate_challenge.player_id or v.challenge_id <> validate_challenge.challenge_id then
            perform private.refuse('MP044');
        end if;
        left_behind := private.receipt(v);
        if v.league_id is distinct from r.league_id then
            -- The points of a league and a team that they are in no longer are not told.
            left_behind.team_points := null;
            left_behind.league_points := null;
        end if;
        return left_behind;
    end if;
    if r.league_id is null or r.league_id is distinct from league then
        perform private.refuse('MP035');
    end if;
    if private.edition_phase(r.opened_at, r.starts_at, r.ends_at, r.frozen_at, at) <> 'running' then
        select * into closed from mpp.edition x where x.id = edition;
        perform private.refuse_not_running(closed);
    end if;
    if r.challenge_id is null or not private.is_announced(r.kind, r.opens_at, at) then
        perform private.refuse('MP040');
    elsif r.kind = 'hidden' then
        if not exists (select from mpp.unlock u where u.player_id = validate_challenge.player_id and u.challenge_id = r.challenge_id) then
            perform private.refuse('MP040');
        end if;
    end if;
    if not r.is_open then
        perform private.require_open_challenge(c, at) from mpp.edition_challenge c where c.id = r.challenge_id;
    end if;
    if r.done >= r.repeat_limit then
        perform private.refuse('MP042', r.repeat_limit::text);
    elsif r.repeat_limit is null and r.done >= 50 then
        perform private.refuse('MP047', '50');
    end if;
    if r.needs_proof and not coalesce(proof_sent, false) then
        perform private.refuse('MP043');
    end if;

    if r.kind = 'collective' then
        if private.record_validations(array[request_key], array[validate_challenge.player_id], array[r.challenge_id], array[at],
            array[coalesce(proof_sent, false)]) = 1 then
            select * into v from mpp.validation x where x.id = request_key;
            left_behind := private.receipt(v);
        end if;
    else
        left_behind := private.record_validation(request_key, edition, r.challenge_id, validate_challenge.player_id, r.team_id, r.league_id,
            r.worth, coalesce(proof_sent, false), at);
    end if;
    if left_behind is null then
        -- Another league used the key in the same instant.
        perform private.refuse('MP044');
    end if;
    return left_behind;
end
$$;
grant execute on function private.validate_challenge to authenticated;

create function api.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean default false)
    returns api.validation_receipt
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.validate_challenge(player_id, challenge_id, request_key, proof_sent); end;
comment on function api.validate_challenge is 'Validates a challenge for the caller''s player. The same request_key gives the same validation, once; after leaving the league too, then without the points of team and league. One without a limit is done fifty times in 24 hours at most. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP035, MP040–MP044, MP047.';
grant execute on function api.validate_challenge to authenticated;

create function private.cancel_validation(validation_id uuid, reason text) returns api.validation_receipt
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := case when private.is_ops() then private.lock_caller() else private.require_account() end;
    e mpp.edition;
    v mpp.validation;
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
        perform private.refuse_not_running(e);
    end if;
    if not by_ops and not exists (select from mpp.player p where p.id = v.player_id and p.league_id = v.league_id) then
        perform private.refuse('MP035');
    end if;
    if v.state = 'cancelled' then
        perform private.refuse('MP045');
    end if;
    -- The ledger keeps what was taken back: to and fro without end would fill it.
    if not by_ops and (
        select count(*)
        from mpp.validation x
        where x.player_id = v.player_id and x.cancelled_by = account and x.changed_at > at - interval '24 hours'
    ) >= 20 then
        perform private.refuse('MP047', '20');
    end if;
    update mpp.validation x
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where x.id = v.id
    returning * into v;
    perform private.credit_quorums(array[v.league_id], array[v.challenge_id]);
    if by_ops then
        perform private.record_act('validation.cancel', v.id::text, jsonb_build_object(
            'reason', private.clean_line('reason', reason, 500), 'player_id', v.player_id, 'points', v.points));
    end if;
    return private.receipt(v);
end
$$;
grant execute on function private.cancel_validation to authenticated, service_role;

create function api.cancel_validation(validation_id uuid, reason text default null) returns api.validation_receipt
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.cancel_validation(validation_id, reason); end;
comment on function api.cancel_validation is 'Takes back one''s own validation while the edition runs, twenty a day; the staff may take back any until the freeze, with a reason. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP024, MP035, MP045, MP047.';
grant execute on function api.cancel_validation to authenticated, service_role;

create type api.unlock_result as (challenge_id integer, unlocked boolean, guesses_left integer);
comment on type api.unlock_result is 'Outcome of a guess: the challenge found, or how many wrong guesses are left in this hour.';

-- A wrong guess must be remembered, so it is an answer and not an error: an error would take its own record back.
create function private.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    me mpp.player;
    e mpp.edition;
    found_id integer;
    wrong integer;
    oldest timestamptz;
    at timestamptz;
begin
    perform private.lock_account(account);
    perform private.lock_edition(unlock_challenge.edition_id);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.guess'), hashtext(account::text));
    at := private.clock();
    select * into me from mpp.player p where p.account_id = account and p.edition_id = unlock_challenge.edition_id;
    if me.league_id is null then
        perform private.refuse('MP035');
    end if;
    select * into e from mpp.edition x where x.id = me.edition_id;
    perform private.require_running(e, at);
    delete from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest
    from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id;
    if wrong >= e.unlock_guesses_per_hour then
        perform private.refuse('MP046', jsonb_build_object('until', oldest + interval '1 hour'),
            private.format_instant(oldest + interval '1 hour'));
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
grant execute on function private.unlock_challenge to authenticated;

create function api.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.unlock_challenge(edition_id, word); end;
comment on function api.unlock_challenge is 'Tries a secret word; case, accents and spaces do not matter. Wrong guesses are limited per account and hour. Errors: MP001–MP003, MP011, MP022, MP035, MP046.';
grant execute on function api.unlock_challenge to authenticated;

-- Many validations at once, by the rules of the game, at the instants they were done: columns of equal length.
create function private.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    leagues uuid[];
    written integer;
    faults jsonb;
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
    perform private.lock_leagues(leagues);
    at := private.clock();
    e := private.find_edition(edition_code);
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) not in ('running', 'closed') then
        perform private.refuse_not_running(e);
    end if;

    with judged as (
        select
            r.number,
            r.id,
            case
                when r.id is null then '["no_request_key"]'::jsonb
                when locked.id is null then '["not_in_edition"]'::jsonb
                when c.id is null then '["challenge_unknown"]'::jsonb
                when r.done_at is null or r.done_at < e.starts_at or r.done_at >= e.ends_at or r.done_at > at
                    then '["edition_not_running"]'::jsonb
                when not r.done_at <@ c.open_during
                    then '["outside_window"]'::jsonb
                when count(*) over (partition by r.id) > 1 then '["request_key_twice"]'::jsonb
            end as fault
        from unnest(request_keys, player_ids, challenge_ids, done_at) with ordinality
            r (id, player_id, challenge_id, done_at, number)
        left join mpp.player p on p.id = r.player_id and p.edition_id = e.id
        left join unnest(leagues) locked (id) on locked.id = p.league_id
        left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
    )
    select jsonb_agg(jsonb_build_object('row', j.number, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.number)
    into faults
    from judged j
    where j.fault is not null
        -- What an earlier import wrote is not judged again; a count, so that only faulty rows are looked up.
        and (select count(*) from mpp.validation v where v.id = j.id) = 0;
    perform private.refuse_import(faults);

    written := private.record_validations(request_keys, player_ids, challenge_ids, done_at,
        array(
            select c.needs_proof
            from unnest(challenge_ids) with ordinality r (id, number)
            left join mpp.edition_challenge c on c.id = r.id
            order by r.number
        ));

    select jsonb_agg(jsonb_build_object('row', null, 'fault', 'too_often',
        'arguments', jsonb_build_array(f.player_id, f.code, f.done, f.repeat_limit)) order by f.player_id, f.code)
    into faults
    from (
        select r.player_id, k.code, c.repeat_limit, count(*) as done
        from (select distinct u.player_id, u.challenge_id from unnest(player_ids, challenge_ids) u (player_id, challenge_id)) r
        join mpp.edition_challenge c on c.id = r.challenge_id and c.repeat_limit is not null
        join mpp.challenge k on k.id = c.challenge_id
        join mpp.validation v on v.player_id = r.player_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
        group by r.player_id, k.code, c.repeat_limit
        having count(*) > c.repeat_limit
    ) f;
    perform private.refuse_import(faults);
    return written;
end
$$;
grant execute on function private.import_validations to service_role;

create function api.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.import_validations(edition_code, player_ids, challenge_ids, done_at, request_keys); end;
comment on function api.import_validations is 'Records many validations by the rules of the game, all or none; rows whose key is known are left alone. Returns how many were written. Secret key only. Errors: MP006, MP010, MP020, MP022, MP070.';
grant execute on function api.import_validations to service_role;
-- Playing at school: only teachers validate, for one pupil, several, a team or the whole class, and from the tracking
-- sheet that they keep beside the game. The ledger and the scores are the same as everybody's (70_validation,
-- 72_score).

create table mpp.class_request (
    request_key uuid primary key,
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id),
    team_id uuid references mpp.team (id),
    pupil_ids uuid[],
    answered uuid[] not null,
    requested_at timestamptz not null default private.clock()
);
comment on table mpp.class_request is 'Requests of validate_for_pupils by key: a request that is sent twice is done once, and answered for the same pupils.';
create index class_request_league on mpp.class_request (league_id);
create index class_request_challenge on mpp.class_request (challenge_id);
create index class_request_team on mpp.class_request (team_id);

alter table mpp.class_request enable row level security;

create type api.pupil_validation as (pupil_id uuid, validation_id uuid, state api.validation_state, points integer);
comment on type api.pupil_validation is 'What a request did for one pupil; validation_id is null for a pupil who was at the limit of the challenge.';

-- The id of the validation of one pupil in a request: always the same for the same two.
create function private.validation_key(request_key uuid, pupil uuid) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select encode(substring(sha256(uuid_send(request_key) || uuid_send(pupil)) for 16), 'hex')::uuid
$$;

create function private.pupil_validations(request_key uuid, pupils uuid[]) returns setof api.pupil_validation
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p.id, v.id, v.state, v.points::integer
    from unnest(pupils) with ordinality p (id, place)
    left join mpp.validation v on v.id = private.validation_key(request_key, p.id)
    order by p.place
$$;

create function private.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[], team_id uuid, proof_sent boolean
) returns setof api.pupil_validation
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    account := private.lock_class(class_id);
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
    perform private.require_running(e, at);
    select * into c from mpp.edition_challenge x where x.id = validate_for_pupils.challenge_id and x.edition_id = e.id;
    if not found or not private.is_announced(c.kind, c.opens_at, at) then
        perform private.refuse('MP040');
    end if;
    if not private.is_in_play(class, c) then
        perform private.refuse('MP084');
    end if;
    perform private.require_open_challenge(c, at);
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
    -- A teacher validates for the whole class at one touch. Pupils who have done it before are left as they are.
    doing := array(
        select p.id
        from unnest(chosen) p (id)
        where case
            -- As in validate_challenge.
            when c.repeat_limit is null then (
                select count(*) from mpp.validation v
                where v.player_id = p.id and v.challenge_id = c.id and v.validated_at > at - interval '24 hours'
            ) < 50
            else (
                select count(*) from mpp.validation v
                where v.player_id = p.id and v.challenge_id = c.id and v.state <> 'cancelled'
            ) < c.repeat_limit
        end
    );
    if cardinality(doing) = 0 then
        if c.repeat_limit is null then
            perform private.refuse('MP047', '50');
        end if;
        perform private.refuse('MP042', c.repeat_limit::text);
    end if;

    if not private.is_ops() and (
        select count(*) from mpp.class_request r where r.league_id = class.id and r.requested_at > at - interval '24 hours'
    ) >= 1000 then
        perform private.refuse('MP047', '1000');
    end if;

    insert into mpp.class_request (request_key, league_id, challenge_id, team_id, pupil_ids, answered)
    values (validate_for_pupils.request_key, class.id, c.id, validate_for_pupils.team_id, validate_for_pupils.pupil_ids, chosen)
    on conflict do nothing;
    -- Unless another class used the key at the same moment.
    if not found or private.record_validations(
        array(select private.validation_key(validate_for_pupils.request_key, p.id) from unnest(doing) p (id)), doing,
        array_fill(c.id, array[cardinality(doing)]), array_fill(at, array[cardinality(doing)]),
        array_fill(coalesce(validate_for_pupils.proof_sent, false), array[cardinality(doing)]), account
    ) < cardinality(doing) then
        perform private.refuse('MP044');
    end if;
    perform private.record_for_class('class.validate', class.id, jsonb_build_object('request_key', validate_for_pupils.request_key, 'pupils', cardinality(doing)));
    return query select * from private.pupil_validations(validate_for_pupils.request_key, chosen);
end
$$;
grant execute on function private.validate_for_pupils to authenticated, service_role;

create function api.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[] default null, team_id uuid default null,
    proof_sent boolean default false
) returns setof api.pupil_validation
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.validate_for_pupils(class_id, challenge_id, request_key, pupil_ids, team_id, proof_sent); end;
comment on function api.validate_for_pupils is 'Validates a challenge for pupils of a class: those named, a team, or everybody. Pupils who had reached its limit, or did a challenge without a limit fifty times in 24 hours, are left as they are. The same request_key gives the same validations, once. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040–MP044, MP047, MP083, MP084.';
grant execute on function api.validate_for_pupils to authenticated, service_role;

create function private.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.lock_class(class_id);
    at timestamptz := private.clock();
    e mpp.edition;
    cancelled integer;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class_id;
    -- The staff may until the ranking is frozen.
    if not by_ops and private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse_not_running(e);
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
    -- As in cancel_validation. A sheet that was read wrongly may be taken back whole.
    if not by_ops and (
        select count(*)
        from mpp.validation v
        where v.league_id = class_id and v.cancelled_by is not null and v.changed_at > at - interval '24 hours'
    ) >= 2000 then
        perform private.refuse('MP047', '2000');
    end if;
    update mpp.validation v
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where v.id = any (validation_ids) and v.state <> 'cancelled';
    get diagnostics cancelled = row_count;
    perform private.credit_quorums(array[class_id],
        array(select distinct v.challenge_id from mpp.validation v where v.id = any (validation_ids)));
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
grant execute on function private.cancel_for_pupils to authenticated, service_role;

create function api.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.cancel_for_pupils(class_id, validation_ids); end;
comment on function api.cancel_for_pupils is 'Takes back validations of a class while the edition runs, all or none; those already cancelled stay so. Its teachers, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP047, MP083.';
grant execute on function api.cancel_for_pupils to authenticated, service_role;

create type api.sheet_outcome as (recorded integer, already integer);
comment on type api.sheet_outcome is 'How many validations a tracking sheet added, and how many of it were there before.';

-- Row i of the columns says: this pupil did this challenge so many times, on that day or without a date. What is
-- recorded already counts, so that importing the same sheet again, or one that grew, adds only what is missing.
create function private.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean
) returns api.sheet_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.lock_class(class_id);
    class mpp.league;
    e mpp.edition;
    at timestamptz := private.clock();
    phase api.edition_phase;
    last_instant timestamptz;
    asked integer;
    faults_found jsonb;
    due_pupils uuid[];
    due_challenges integer[];
    due_at timestamptz[];
    outcome api.sheet_outcome;
begin
    select * into class from mpp.league l where l.id = class_id;
    select * into e from mpp.edition x where x.id = class.edition_id;
    phase := private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at);
    -- The staff may still enter what a teacher sends after the end, until the ranking is frozen.
    if phase <> 'running' and not (by_ops and phase = 'closed') then
        perform private.refuse_not_running(e);
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
            select r.number, r.pupil_id, r.challenge_id, r.times, r.done_on, p.id as player_id, c.open_during, c.repeat_limit, c.id is not null and private.is_in_play(class, c) as in_play, k.code,
                -- Some moment inside that day, the edition and the window of the challenge: noon where possible.
                case
                    when r.done_on is null then last_instant
                    when r.done_on between (e.starts_at at time zone e.time_zone)::date and (e.ends_at at time zone e.time_zone)::date then least(
                        greatest((r.done_on + time '12:00') at time zone e.time_zone, e.starts_at, lower(c.open_during)),
                        last_instant,
                        upper(c.open_during) - interval '1 microsecond')
                end as done_at,
                (
                    select count(*) from mpp.validation v
                    where v.player_id = r.pupil_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
                ) as done
            from unnest(pupil_ids, challenge_ids, times, done_on) with ordinality
                r (pupil_id, challenge_id, times, done_on, number)
            left join mpp.player p on p.id = r.pupil_id and p.league_id = class.id
            left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
                and private.is_announced(c.kind, c.opens_at, at)
            left join mpp.challenge k on k.id = c.challenge_id
        ), judged as (
            select m.*,
                case
                    when m.player_id is null then '["pupil_unknown"]'::jsonb
                    when m.code is null then '["challenge_unknown"]'::jsonb
                    when not m.in_play then jsonb_build_array('not_in_play', m.code)
                    when m.times is null or m.times not between 1 and 99 then jsonb_build_array('times_impossible', coalesce(m.times::text, 'no'))
                    when count(*) over (partition by m.pupil_id, m.challenge_id) > 1 then jsonb_build_array('mark_twice', m.code)
                    when m.done >= m.times then null
                    when m.times > m.repeat_limit then jsonb_build_array('over_limit', m.code, m.repeat_limit)
                    -- East of the edition the day may have begun already: it counts, but on the day that it is here.
                    when m.done_on > (at at time zone e.time_zone)::date
                        then jsonb_build_array('still_to_come', m.done_on, (at at time zone e.time_zone)::date, e.time_zone)
                    when m.done_on is not null
                        and (m.done_at is null or m.done_on <> (m.done_at at time zone e.time_zone)::date or m.done_at < e.starts_at)
                        then jsonb_build_array('outside_day', m.done_on, m.code)
                    when not m.done_at <@ m.open_during
                        then jsonb_build_array('needs_day', m.code)
                end as fault
            from marked m
        ), faults as (
            select jsonb_agg(jsonb_build_object('row', j.number, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.number) as found
            from judged j
            where j.fault is not null
        ), due as (
            select j.player_id, j.challenge_id, j.done_at
            from judged j
            cross join generate_series(j.done + 1, j.times)
            where (select f.found from faults f) is null
        )
        select f.found, (select coalesce(sum(least(j.done, j.times)), 0) from judged j), d.pupils, d.challenges, d.instants
        into faults_found, outcome.already, due_pupils, due_challenges, due_at
        from faults f
        cross join (
            select coalesce(array_agg(x.player_id), '{}') as pupils, coalesce(array_agg(x.challenge_id), '{}') as challenges,
                coalesce(array_agg(x.done_at), '{}') as instants
            from due x
        ) d;
        perform private.refuse_import(faults_found);
        outcome.recorded := private.record_validations(
            array(select private.uuid_v7() from unnest(due_pupils)), due_pupils, due_challenges, due_at,
            -- A teacher who fills in the sheet has seen the challenges done.
            array_fill(true, array[cardinality(due_pupils)]), account);
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
grant execute on function private.import_class_sheet to authenticated, service_role;

create function api.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean default false
) returns api.sheet_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.import_class_sheet(class_id, pupil_ids, challenge_ids, times, done_on, dry_run); end;
comment on function api.import_class_sheet is 'Records a tracking sheet, all or none: row i says how many times a pupil did a challenge, and on which day (or null). What is recorded already counts, so importing the same sheet again adds nothing. Its teachers while the edition runs, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP070.';
grant execute on function api.import_class_sheet to authenticated, service_role;
-- Rankings, live and frozen: the same tables, the same views. Equal values share a rank (1, 2, 2, 4) and are shown by
-- who got there first. Page with the three sort columns of the last row (value, tie_order, subject_id), not with offset.

create view mpp.value_count with (security_invoker = true) as
select m.edition_id, m.scope, m.value, sum(m.subjects)::bigint as subjects
from (
    select c.edition_id, c.scope::text as scope, ((c.bucket << 6) + n.place - 1)::integer as value, n.subjects
    from mpp.score_count c
    cross join lateral unnest(c.counts) with ordinality n (subjects, place)
    where n.subjects <> 0
    union all
    select x.edition_id, x.scope, x.value, x.change from mpp.score_change x
) m
group by m.edition_id, m.scope, m.value;
comment on view mpp.value_count is 'How many listed subjects stand at each value: the counts with all moves.';
grant select on mpp.value_count to anon, authenticated, service_role;

-- The rank of every value at once: a few hundred rows, added up once for a page. A rank looked up row by row would be
-- computed for a million rows by whoever sorts by it or filters on it; here that is a join, and a filter on a rank
-- finds its value.
create view mpp.value_rank with (security_invoker = true) as
select
    m.edition_id,
    m.scope,
    m.value,
    1 + coalesce(sum(m.subjects) over (
        partition by m.edition_id, m.scope order by m.value desc rows between unbounded preceding and 1 preceding), 0)::bigint as rank
from mpp.value_count m
-- Sorted, the ranks are kept for whoever reads them again and again: a planner that knows nothing of the tables yet, on the first day
-- of a game, takes the players for one and goes through all ranks for each, which must not mean to add them up for each.
order by m.edition_id, m.scope, m.value;
comment on view mpp.value_rank is 'The rank of whoever stands at a value: 1 + how many listed subjects stand higher.';
grant select on mpp.value_rank to anon, authenticated, service_role;

create view api.player_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    case when s.label = '—' then (select private.erased_name()) else s.label end as label,
    s.league_label,
    s.points,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'player' and r.value = s.value
where s.scope = 'player' and s.listed;
comment on view api.player_ranking is 'Ranking of players who are listed: alias, league, points; value is what ranks. Sort by value desc, tie_order, subject_id.';
grant select on api.player_ranking to anon, authenticated, service_role;

create view api.team_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    s.label,
    s.league_label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'team' and r.value = s.value
where s.scope = 'team' and s.listed;
comment on view api.team_ranking is 'Ranking of the teams of listed leagues. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, tie_order, subject_id.';
grant select on api.team_ranking to anon, authenticated, service_role;

create view api.league_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    s.subject_id,
    s.label,
    s.points,
    s.players,
    round(s.points::numeric / greatest(s.players, 1), 2) as points_per_player,
    s.value,
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'league' and r.value = s.value
where s.scope = 'league' and s.listed and s.school_id is null;
comment on view api.league_ranking is 'Ranking of listed leagues; classes have their own. value is what ranks: points, or hundredths of a point per player where the edition ranks by average. Sort by value desc, tie_order, subject_id.';
grant select on api.league_ranking to anon, authenticated, service_role;

create view api.class_ranking with (security_invoker = true) as
select
    s.edition_id,
    r.rank,
    l.rank as level_rank,
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
    s.tie_order
from mpp.score s
left join mpp.value_rank r on r.edition_id = s.edition_id and r.scope = 'league' and r.value = s.value
left join mpp.value_rank l on l.edition_id = s.edition_id and l.scope = s.level and l.value = s.value
left join mpp.school h on h.id = s.school_id
where s.scope = 'league' and s.listed and s.level is not null;
comment on view api.class_ranking is 'Ranking of listed classes, among all (rank) and within their level (level_rank). value is what ranks: hundredths of a point per pupil, or points where the edition ranks by total. Sort by value desc, tie_order, subject_id.';
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
    g.tie_order
from (
    select t.edition_id, t.level::text as level, t.rank, t.school_id, t.classes, t.points, t.players, t.value, t.tie_order
    from mpp.school_standing t
    where exists (
        select
        from mpp.score s
        where s.edition_id = t.edition_id and s.school_id = t.school_id and s.listed and (t.level is null or s.level = t.level)
    )
    union all
    select l.edition_id, l.level, rank() over (partition by l.edition_id, l.level order by l.value desc), l.school_id, l.classes,
        l.points, l.players, l.value, l.tie_order
    from (
        select s.edition_id, null::text as level, s.school_id, count(*) as classes, sum(s.points) as points,
            sum(s.players) as players, max(s.tie_order) as tie_order,
            case when bool_or(s.by_average)
                then round(sum(s.points) * 100.0 / greatest(sum(greatest(s.players, s.at_least_players)), 1))::bigint
                else sum(s.points) end as value
        from mpp.score s
        where s.scope = 'league' and s.listed and s.school_id is not null
        group by s.edition_id, s.school_id
        union all
        select s.edition_id, s.level, s.school_id, count(*), sum(s.points), sum(s.players), max(s.tie_order),
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
comment on view api.school_ranking is 'Ranking of schools by their listed classes: over all levels where level is null, and once more within each level; as they stood at the freeze from then on. value is what ranks: hundredths of a point per pupil, or points. Sort by value desc, tie_order, subject_id.';
grant select on api.school_ranking to anon, authenticated, service_role;

-- In plpgsql, which keeps the plans of its queries for the session; a function in SQL would plan them at each call.
create function private.rank_of(edition integer, among api.ranking_scope, standing integer) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    above bigint;
    moved bigint;
begin
    select sum(case when c.bucket > standing >> 6 then c.subjects
        else (select sum(n) from unnest(c.counts[2 + (standing & 63) : 64]) n) end) into above
    from mpp.score_count c
    where c.edition_id = edition and c.scope = among and c.bucket >= standing >> 6;
    if among = 'player' then
        select sum(d.subjects * (((d.player_to > standing) is true)::integer - ((d.player_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition;
    elsif among = 'team' then
        select sum(d.subjects * (((d.team_to > standing) is true)::integer - ((d.team_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition;
    else
        select sum(d.subjects * (((d.league_to > standing) is true)::integer - ((d.league_from > standing) is true)::integer)) into moved
        from mpp.score_delta d
        where d.edition_id = edition and (among = 'league' or d.level = among);
    end if;
    return 1 + coalesce(above, 0) + coalesce(moved, 0);
end
$$;

-- The rank of the next value on a page: those at the value before, the crowd, have passed by, unless it is the first, whose crowd
-- may have begun on another page. In a frozen edition some may have left the page who still count.
create function private.next_rank(
    edition integer, among text, standing integer, rank bigint, crowd integer, values_seen integer, frozen boolean
) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when values_seen < 2 or frozen then private.rank_of(edition, among, standing) else rank + crowd end;
end
$$;

create type api.standing as (
    rank bigint,
    subject_id uuid,
    label text,
    league_label text,
    points integer,
    players integer,
    points_per_player numeric,
    value integer,
    tie_order bigint,
    is_me boolean
);
comment on type api.standing is 'A line of a ranking; is_me marks the subject that was asked for.';

-- Four short walks along the ranking index, so that neither the number of players nor the crowd at one value matters.
create function private.standings_around(subject mpp.score, neighbours integer) returns setof api.standing
    language plpgsql stable rows 7 set search_path = pg_catalog, pg_temp
    -- The walks are the same whatever is asked for: planning them anew at each call would cost more than they do.
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    r mpp.score;
    was integer;
    rank bigint;
    crowd integer := 0;
    values_seen integer := 0;
    frozen boolean;
    erased text;
begin
    if neighbours = 0 then
        return next (
            private.rank_of(subject.edition_id, subject.scope, subject.value),
            subject.subject_id, case when subject.listed and subject.label = '—' then private.erased_name() else subject.label end,
            subject.league_label, subject.points, subject.players,
            round(subject.points::numeric / greatest(subject.players, 1), 2), subject.value, subject.tie_order, true
        )::api.standing;
        return;
    end if;
    select e.frozen_at is not null into frozen from mpp.edition e where e.id = subject.edition_id;
    for r in
        with preceding as (
            (
                select s.* from mpp.score s
                where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                    and s.value = subject.value and (s.tie_order, s.subject_id) < (subject.tie_order, subject.subject_id)
                order by s.tie_order desc, s.subject_id desc
                limit neighbours
            )
            union all
            (
                select s.* from mpp.score s
                where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value > subject.value
                order by s.value, s.tie_order desc, s.subject_id desc
                limit neighbours
            )
        ), above as (
            select a.* from preceding a order by a.value, a.tie_order desc, a.subject_id desc limit neighbours
        ), following as (
            (
                select s.* from mpp.score s
                where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed
                    and s.value = subject.value and (s.tie_order, s.subject_id) > (subject.tie_order, subject.subject_id)
                order by s.tie_order, s.subject_id
                limit neighbours
            )
            union all
            (
                select s.* from mpp.score s
                where s.edition_id = subject.edition_id and s.scope = subject.scope and s.listed and s.value < subject.value
                order by s.value desc, s.tie_order, s.subject_id
                limit neighbours
            )
        ), below as (
            select f.* from following f order by f.value desc, f.tie_order, f.subject_id limit neighbours
        ), page as (
            select a.* from above a
            union all
            select (subject).*
            union all
            select b.* from below b
        )
        select p.* from page p order by p.value desc, p.tie_order, p.subject_id
    loop
        if r.value is distinct from was then
            rank := private.next_rank(r.edition_id, r.scope, r.value, rank, crowd, values_seen, frozen);
            values_seen := values_seen + 1;
            crowd := 0;
            was := r.value;
        end if;
        crowd := crowd + r.listed::integer;
        -- Pupils have no name here either, and stand in no ranking.
        if r.listed and r.label = '—' then
            erased := coalesce(erased, private.erased_name());
            r.label := erased;
        end if;
        return next (
            rank, r.subject_id, r.label, r.league_label, r.points, r.players,
            round(r.points::numeric / greatest(r.players, 1), 2), r.value, r.tie_order, r.subject_id = subject.subject_id
        )::api.standing;
    end loop;
end
$$;

create function private.check_neighbours(neighbours integer) returns void
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if neighbours is null or neighbours not between 0 and 50 then
        perform private.refuse('MP010', 'neighbours', coalesce(neighbours::text, 'it is empty'), 'Ask for 0 to 50.');
    end if;
end
$$;

-- A player sees their own place even when they opted out of the public ranking.
create function private.my_rank(edition_id integer, scope api.ranking_scope, neighbours integer) returns setof api.standing
    language plpgsql stable security definer rows 7 set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    account uuid;
    mine mpp.score;
    is_private boolean;
begin
    if neighbours is null or neighbours not between 0 and 50 then
        perform private.check_neighbours(neighbours);
    end if;
    account := private.signed_in(anonymous_too => true);
    if scope is null or scope not in ('player', 'team', 'league') then
        perform private.refuse('MP010', 'scope', coalesce(scope, 'it is empty'), 'Use player, team or league.');
    end if;
    select s.* into mine
    from mpp.player p
    join mpp.score s on s.subject_id = case my_rank.scope
        when 'player' then p.id when 'team' then p.team_id else p.league_id end
    where p.account_id = account and p.edition_id = my_rank.edition_id;
    -- Whoever left a private edition, or was put out of it, reads its ranking no longer, nor their own place in it.
    if mine.subject_id is not null and not mine.is_public then
        select e.organisation_id is not null into is_private from mpp.edition e where e.id = my_rank.edition_id;
    end if;
    if mine.subject_id is null or (is_private and my_rank.edition_id not in (select private.my_private_edition_ids())) then
        perform private.refuse('MP035');
    end if;
    if neighbours = 0 then
        return next (
            private.rank_of(mine.edition_id, mine.scope, mine.value),
            mine.subject_id, mine.label, mine.league_label, mine.points, mine.players,
            round(mine.points::numeric / greatest(mine.players, 1), 2), mine.value, mine.tie_order, true
        )::api.standing;
    else
        return query select * from private.standings_around(mine, neighbours);
    end if;
end
$$;
grant execute on function private.my_rank to authenticated;

create function api.my_rank(edition_id integer, scope api.ranking_scope default 'player', neighbours integer default 3)
    returns setof api.standing
    language sql stable rows 7 set search_path = pg_catalog, pg_temp
begin atomic select * from private.my_rank(edition_id, scope, neighbours); end;
comment on function api.my_rank is 'The caller''s own rank (player), or that of their team or league, with as many neighbours above and below. Errors: MP001, MP010, MP035.';
grant execute on function api.my_rank to authenticated;

create function private.ranking_around(subject_id uuid, neighbours integer) returns setof api.standing
    language plpgsql stable security definer rows 7 set search_path = pg_catalog, pg_temp
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
grant execute on function private.ranking_around to anon, authenticated, service_role;

create function api.ranking_around(subject_id uuid, neighbours integer default 3) returns setof api.standing
    language sql stable rows 7 set search_path = pg_catalog, pg_temp
begin atomic select * from private.ranking_around(subject_id, neighbours); end;
comment on function api.ranking_around is 'Rank of a listed player, team, league or class (or of one''s own) with as many neighbours above and below. Errors: MP005, MP010.';
grant execute on function api.ranking_around to anon, authenticated, service_role;

-- A page of a ranking by the sort columns of the last row seen. The rows are those of the views. One rank is looked up for the first
-- value of a page, and one for the second; the others follow, so that a page costs the same wherever it begins.
create type api.ranking_row as (
    rank bigint,
    level_rank bigint,
    subject_id uuid,
    label text,
    league_label text,
    level text,
    school_id uuid,
    school_label text,
    city text,
    country text,
    classes bigint,
    points bigint,
    players bigint,
    points_per_player numeric,
    value bigint,
    tie_order bigint
);
comment on type api.ranking_row is 'A row of a ranking: what a player, a team, a league, a class or a school has of these columns. level_rank is that of a class within its level. value, tie_order and subject_id of the last row lead to the next page.';

-- Whether the caller may read the ranking of an edition: as the policies of scores say it for one row after the other.
create function private.may_read_ranking(edition integer) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    owner integer;
    opened timestamptz;
begin
    select e.organisation_id, e.opened_at into owner, opened from mpp.edition e where e.id = edition;
    if opened is not null and owner is null then
        return true;
    end if;
    return edition in (select private.my_private_edition_ids()) or private.is_ops();
end
$$;

create function private.ranking_page(
    edition_id integer, scope text, level text, after_value bigint, after_tie_order bigint, after_subject_id uuid, page_size integer
) returns setof api.ranking_row
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    edition alias for edition_id;
    among text := case when scope = 'class' then 'league' else scope end;
    levels text[] := private.school_levels();
    r record;
    was integer;
    rank bigint;
    level_rank bigint;
    -- A class stands among all and within its level: what is remembered of each level.
    n integer;
    was_in integer[] := array_fill(null::integer, array[cardinality(levels)]);
    rank_in bigint[] := array_fill(0::bigint, array[cardinality(levels)]);
    crowd_in integer[] := array_fill(0, array[cardinality(levels)]);
    values_in integer[] := array_fill(0, array[cardinality(levels)]);
    crowd integer := 0;
    values_seen integer := 0;
    frozen boolean;
    erased text;
begin
    if scope is null or scope not in ('player', 'team', 'league', 'class', 'school') then
        perform private.refuse('MP010', 'scope', coalesce(scope, 'it is empty'), 'Use player, team, league, class or school.');
    elsif level is not null and (scope not in ('class', 'school') or level <> all (levels)) then
        perform private.refuse('MP010', 'level', level, 'Classes and schools have levels: ' || array_to_string(levels, ', ') || '.');
    elsif page_size is null or page_size not between 1 and 1000 then
        perform private.refuse('MP010', 'page_size', coalesce(page_size::text, 'it is empty'), 'Ask for 1 to 1000 rows.');
    elsif num_nulls(after_value, after_tie_order, after_subject_id) not in (0, 3) then
        perform private.refuse('MP010', 'after_value', coalesce(after_value::text, 'it is empty'),
            'Give value, tie_order and subject_id of the last row, or none of them.');
    end if;
    if not private.may_read_ranking(edition) then
        return;
    end if;
    if scope = 'school' then
        return query
        select h.rank, null::bigint, h.subject_id, h.label::text, null::text, h.level::text, h.subject_id, h.label::text, h.city::text, h.country::text, h.classes,
            h.points, h.players, h.points_per_player, h.value, h.tie_order
        from api.school_ranking h
        where h.edition_id = edition
            and h.level is not distinct from ranking_page.level
            and (after_value is null or h.value < after_value
                or h.value = after_value and (h.tie_order, h.subject_id) > (after_tie_order, after_subject_id))
        order by h.value desc, h.tie_order, h.subject_id
        limit page_size;
        return;
    end if;
    select e.frozen_at is not null into frozen from mpp.edition e where e.id = edition;
    for r in
        select p.*, h.name as school_label, h.city, h.country
        from (
            select m.*
            from (
                (
                    -- The rest of the crowd at the last value seen.
                    select x.* from mpp.score x
                    where x.edition_id = edition and x.scope = case when ranking_page.scope = 'class' then 'league' else ranking_page.scope end
                        and x.listed and (ranking_page.scope <> 'league' or x.school_id is null)
                        and (ranking_page.scope <> 'class' or x.school_id is not null and (ranking_page.level is null or x.level = ranking_page.level))
                        and x.value = after_value and (x.tie_order, x.subject_id) > (after_tie_order, after_subject_id)
                    order by x.tie_order, x.subject_id
                    limit page_size
                )
                union all
                (
                    select x.* from mpp.score x
                    where x.edition_id = edition and x.scope = case when ranking_page.scope = 'class' then 'league' else ranking_page.scope end
                        and x.listed and (ranking_page.scope <> 'league' or x.school_id is null)
                        and (ranking_page.scope <> 'class' or x.school_id is not null and (ranking_page.level is null or x.level = ranking_page.level))
                        and x.value < coalesce(after_value, 2147483647)
                    order by x.value desc, x.tie_order, x.subject_id
                    limit page_size
                )
            ) m
            order by m.value desc, m.tie_order, m.subject_id
            limit page_size
        ) p
        left join mpp.school h on h.id = p.school_id
        order by p.value desc, p.tie_order, p.subject_id
    loop
        if r.value is distinct from was then
            -- Classes of other levels, which this page leaves out, stand between two of one level.
            rank := private.next_rank(edition, among, r.value, rank, crowd, case when level is null then values_seen else 0 end, frozen);
            values_seen := values_seen + 1;
            crowd := 0;
            was := r.value;
        end if;
        crowd := crowd + 1;
        if scope = 'class' then
            n := array_position(levels, r.level::text);
            if r.value is distinct from was_in[n] then
                rank_in[n] := private.next_rank(edition, r.level, r.value, rank_in[n], crowd_in[n], values_in[n], frozen);
                values_in[n] := values_in[n] + 1;
                crowd_in[n] := 0;
                was_in[n] := r.value;
            end if;
            crowd_in[n] := crowd_in[n] + 1;
            level_rank := rank_in[n];
        end if;
        if r.label = '—' then
            erased := coalesce(erased, private.erased_name());
            r.label := erased;
        end if;
        return next (
            rank, level_rank, r.subject_id, r.label, r.league_label, r.level, r.school_id, r.school_label, r.city, r.country, null,
            r.points, r.players, round(r.points::numeric / greatest(r.players, 1), 2), r.value, r.tie_order
        )::api.ranking_row;
    end loop;
end
$$;
grant execute on function private.ranking_page to anon, authenticated, service_role;

create function api.ranking_page(
    edition_id integer,
    scope text default 'player',
    level text default null,
    after_value bigint default null,
    after_tie_order bigint default null,
    after_subject_id uuid default null,
    page_size integer default 50
) returns setof api.ranking_row
    language sql stable rows 50 set search_path = pg_catalog, pg_temp
begin atomic select * from private.ranking_page(edition_id, scope, level, after_value, after_tie_order, after_subject_id, page_size); end;
comment on function api.ranking_page is 'A page of the ranking of players, teams, leagues, classes or schools; level keeps classes of one level, or schools with their classes of one level. value, tie_order and subject_id of the last row lead to the next page; the last page has fewer rows than page_size. Call it with GET. Errors: MP010.';
grant execute on function api.ranking_page to anon, authenticated, service_role;
-- Finding a player, a league, a class or a school of an edition by name, among those who are listed there.

-- Whoever looks for a player types how the alias begins: a range of this index, however many players an edition has.
create index player_alias_begins on mpp.player (edition_id, private.folded(alias) text_pattern_ops)
    where alias is not null and listed;
-- Leagues and classes are found by any of their words: many begin with the same one.
create index league_words on mpp.league using gin (to_tsvector('simple', private.folded(name))) with (fastupdate = off);

-- The words of a search as a query of text search: each begins a word of the name. Null where there is none.
create function private.words_of(asked text) returns tsquery
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select to_tsquery('simple', string_agg(quote_literal(w.word) || ':*', ' & '))
    from (select distinct unnest(regexp_split_to_array(asked, '[^[:alnum:]\u0080-\U0010ffff]+')) as word) w
    where w.word <> ''
$$;

create function private.search_ranking(edition_id integer, scope text, query text, results integer) returns setof api.ranking_row
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    edition alias for edition_id;
    asked text;
    words tsquery;
begin
    if scope is null or scope not in ('player', 'league', 'class', 'school') then
        perform private.refuse('MP010', 'scope', coalesce(left(scope, 40), 'it is empty'), 'Use player, league, class or school.');
    elsif results is null or results not between 1 and 50 then
        perform private.refuse('MP010', 'results', coalesce(results::text, 'it is empty'), 'Ask for 1 to 50.');
    elsif octet_length(query) > 400 then
        perform private.refuse('MP010', 'query', 'it is too long', 'Type how the name begins.');
    end if;
    asked := coalesce(private.folded(private.trimmed(query)), '');
    words := private.words_of(asked);
    if char_length(asked) < 2 or words is null then
        perform private.refuse('MP010', 'query', 'it has fewer than two letters', 'Type how the name begins.');
    end if;
    if not private.may_read_ranking(edition) then
        return;
    end if;
    if scope = 'school' then
        -- There are few enough to look at each.
        return query
        select h.rank, null::bigint, h.subject_id, h.label::text, null::text, null::text, h.subject_id, h.label::text, h.city::text, h.country::text, h.classes,
            h.points, h.players, h.points_per_player, h.value, h.tie_order
        from api.school_ranking h
        where h.edition_id = edition
            and h.level is null
            and to_tsvector('simple', private.folded(h.label || ' ' || h.city)) @@ words
        order by h.value desc, h.tie_order, h.subject_id
        limit results;
        return;
    end if;
    return query
    select private.rank_of(edition, s.scope, s.value), case when search_ranking.scope = 'class' then private.rank_of(edition, s.level::text, s.value) end,
        s.subject_id, s.label, s.league_label, s.level::text, s.school_id, h.name::text, h.city::text, h.country::text, null::bigint,
        s.points::bigint, s.players::bigint, round(s.points::numeric / greatest(s.players, 1), 2), s.value::bigint, s.tie_order
    from (
        select x.*
        from (
            (
                -- Of more than these, the first by name: whoever looks for another types one letter more.
                select p.id
                from mpp.player p
                where search_ranking.scope = 'player'
                    and p.edition_id = edition
                    and p.alias is not null
                    and p.listed
                    and private.folded(p.alias) ~>=~ asked
                    and private.folded(p.alias) ~<~ (asked || U&'\+10FFFF')
                order by private.folded(p.alias) using ~<~
                limit 1000
            )
            union all
            select l.id
            from mpp.league l
            where search_ranking.scope <> 'player'
                and l.edition_id = edition
                and l.listed
                and (l.school_id is not null) = (search_ranking.scope = 'class')
                and to_tsvector('simple', private.folded(l.name)) @@ words
        ) found (id)
        join mpp.score x on x.subject_id = found.id and x.listed
        -- What is shown is what was found: in a frozen edition a name stays that changed since.
        where case when x.scope = 'player' then starts_with(private.folded(x.label), asked)
            else to_tsvector('simple', private.folded(x.label)) @@ words end
        order by x.value desc, x.tie_order, x.subject_id
        limit results
    ) s
    left join mpp.school h on h.id = s.school_id
    order by s.value desc, s.tie_order, s.subject_id;
end
$$;
grant execute on function private.search_ranking to anon, authenticated, service_role;

create function api.search_ranking(edition_id integer, scope text, query text, results integer default 20) returns setof api.ranking_row
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set statement_timeout = '2s'
begin atomic select * from private.search_ranking(edition_id, scope, query, results); end;
comment on function api.search_ranking is 'Finds listed players by how their alias begins, and leagues, classes and schools by how their words begin, accents or not; the highest first, of a thousand players at most. Two letters at least. Call it with GET. Errors: MP010.';
grant execute on function api.search_ranking to anon, authenticated, service_role;
-- What all editions came to, and where people play. Counting a whole ledger takes seconds and a map that followed every
-- sign-up would show where the last person lives, so both are counted at the freeze, and before it when the staff ask;
-- what is kept here is what everybody may read.

-- A number of people under this tells about persons: it is suppressed, with what they did and what would give it away.
create function private.least_people() returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select 5 $$;
grant execute on function private.least_people to mpp_owner;

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
    country text check (private.is_country(country)),
    department text check (department ~ '^([0-9]{2,3}|2[AB])$'),
    players bigint not null check (players >= private.least_people()),
    constraint map_cell_department_in_france check (department is null or country = 'FR'),
    constraint map_cell_once unique nulls not distinct (edition_id, country, department)
);
comment on table mpp.map_cell is 'How many play where, as last counted. Places with fewer than five people are together in the row without a country.';

alter table mpp.past_statistics enable row level security;
alter table mpp.edition_count enable row level security;
alter table mpp.map_cell enable row level security;

create policy past_statistics_select_everyone on mpp.past_statistics
    for select to anon, authenticated
    using (as_of <= (select private.today()));

-- Of a private edition its players read them, as its rankings: to its client they would tell what the one person did who came.
create policy edition_count_select_anon on mpp.edition_count
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy edition_count_select_authenticated on mpp.edition_count
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy map_cell_select_anon on mpp.map_cell
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy map_cell_select_authenticated on mpp.map_cell
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

grant select on mpp.past_statistics, mpp.edition_count, mpp.map_cell to anon, authenticated, service_role;

-- What listed players or classes did: all that was credited, less that of the few who opted out. The planner, without
-- statistics (99_ownership), would read the ledgers of all editions: the index by blocks finds that of one.
create function private.count_done(edition integer, by_league boolean) returns bigint
    language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    select (select count(*) from mpp.validation v where v.edition_id = edition and v.state = 'credited')
        - (
            select count(*)
            from mpp.score s
            join mpp.validation v on v.player_id = s.subject_id and v.edition_id = edition and v.state = 'credited'
            where not by_league and s.edition_id = edition and s.scope = 'player' and not s.listed
        ) - (
            select count(*)
            from mpp.score s
            join mpp.validation v on v.league_id = s.subject_id and v.edition_id = edition and v.state = 'credited'
            where by_league and s.edition_id = edition and s.scope = 'league' and not s.listed
        )
$$;

-- Places with fewer than five people are put together into one row. When they are fewer than five even together, the
-- smallest of the others joins them: the difference from the published total of players then gives no small number back.
create function private.count_edition_now(edition integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
    -- Private columns have no statistics (99_ownership), and the planner would look up a million profiles one by one.
    set enable_nestloop = off
    set work_mem = '64MB'
as $$
declare
    at timestamptz := private.clock();
    counted mpp.edition_count;
    e mpp.edition;
begin
    select * into e from mpp.edition x where x.id = edition;
    if e.audience = 'school' then
        select coalesce(sum(s.players), 0) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'league' and s.listed and s.school_id is not null;
    else
        select count(*) into counted.players
        from mpp.score s
        where s.edition_id = edition and s.scope = 'player' and s.listed;
    end if;
    counted.challenges := private.count_done(edition, e.audience = 'school');
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
            join mpp.player p on p.id = s.subject_id and p.edition_id = edition
            join mpp.profile f on f.id = p.account_id
            where s.edition_id = edition and s.scope = 'player' and s.listed
                -- Adults at the start of the edition.
                and f.birth_date <= ((e.starts_at at time zone e.time_zone)::date - interval '18 years')::date
            group by f.country, f.postcode
            union all
            select h.country, h.department, sum(s.players)
            from mpp.score s
            join mpp.school h on h.id = s.school_id
            where s.edition_id = edition and s.scope = 'league' and s.listed
            group by h.country, h.department
        ) w
        group by w.country, w.department
        having sum(w.players) > 0
    ), ordered as (
        select c.*, coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        window smaller as (order by c.players, c.country, c.department rows between unbounded preceding and 1 preceding)
    ), sorted as (
        -- The smallest that could be shown joins what is suppressed, when that alone would give itself away.
        select o.*, o.players < private.least_people() or o.smaller_players between 1 and private.least_people() - 1 as is_suppressed
        from ordered o
    )
    select edition, s.country, s.department, s.players from sorted s where not s.is_suppressed
    union all
    select edition, null, null, sum(s.players) from sorted s where s.is_suppressed having sum(s.players) >= private.least_people();
end
$$;

-- At the freeze, in its transaction: from then on neither changes.
create function private.edition_count_frozen() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.count_edition_now(new.id);
    return null;
end
$$;

create trigger edition_count_frozen
    after update on mpp.edition
    for each row
    when (old.frozen_at is null and new.frozen_at is not null)
    execute function private.edition_count_frozen();

create function private.count_edition(edition_code text) returns timestamptz
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.count_edition to authenticated, service_role;

create function api.count_edition(edition_code text) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.count_edition(edition_code); end;
comment on function api.count_edition is 'Counts an edition for edition_statistics, lifetime_statistics and player_map, as the freeze does by itself; returns when it was counted. A frozen one is not counted again. Staff. Errors: MP006, MP020.';
grant execute on function api.count_edition to authenticated, service_role;

-- What an edition came to. Players who opted out are in no count; pupils are counted by their class. Challenges are those
-- that were done, as everywhere in the statistics: how many cards an edition has would tell how many are still hidden.
create view api.edition_statistics with (security_invoker = true) as
select
    e.id as edition_id,
    e.code,
    coalesce(case when e.audience = 'school' then k.pupils else t.players end, 0)::bigint as players,
    coalesce(t.teams, 0)::bigint as teams,
    coalesce(t.leagues, 0)::bigint as leagues,
    coalesce(case when e.audience = 'school' then k.class_points else t.points end, 0)::bigint as points,
    k.classes,
    k.schools,
    c.challenges,
    c.counted_at
from mpp.edition e
left join mpp.edition_count c on c.edition_id = e.id
-- From the counts of the ranking while an edition runs, so that it costs the same for a million players. The value of a player is
-- points.
left join lateral (
    select
        sum(n.subjects) filter (where n.scope = 'player') as players,
        sum(n.points) filter (where n.scope = 'player') as points,
        sum(n.subjects) filter (where n.scope = 'team') as teams,
        -- Classes are leagues, and counted by their level too.
        sum(n.subjects) filter (where n.scope = 'league')
            - coalesce(sum(n.subjects) filter (where n.scope not in ('player', 'team', 'league')), 0) as leagues
    from (
        select c.scope::text as scope, c.subjects, case when c.scope = 'player' then (
            select sum(u.subjects * ((c.bucket << 6) + u.place - 1)) from unnest(c.counts) with ordinality u (subjects, place)
        ) end as points
        from mpp.score_count c
        where c.edition_id = e.id and e.frozen_at is null
        union all
        select x.scope, x.change, x.change * x.value from mpp.score_change x where x.edition_id = e.id and e.frozen_at is null
        union all
        -- The counts of a frozen edition keep the ranks, and with them who has left it since.
        select s.scope::text, count(*), sum(s.points)
        from mpp.score s
        where s.edition_id = e.id and s.listed and e.frozen_at is not null
        group by s.scope
        union all
        select s.level::text, count(*), 0
        from mpp.score s
        where s.edition_id = e.id and s.listed and s.level is not null and e.frozen_at is not null
        group by s.level
    ) n
) t on true
left join lateral (
    select count(*) as classes, sum(s.players) as pupils, sum(s.points) as class_points, count(distinct s.school_id) as schools
    from mpp.score s
    where s.edition_id = e.id and s.listed and s.school_id is not null
) k on true;
comment on view api.edition_statistics is 'Listed players, teams, leagues, classes and schools of each edition, and their points; players are the pupils of listed classes in a school edition. challenges are their credited validations as last counted (counted_at), at the freeze or by count_edition before it; null until then.';
grant select on api.edition_statistics to anon, authenticated, service_role;

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
    where e.opened_at is not null and e.organisation_id is null and e.starts_at <= (select private.read_clock())
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
-- The figures of a client: its players together, its leagues and units, week by week. Never one person: rows are sums,
-- and a number of people from one to four is suppressed (null), with what those people did. Where the total would tell
-- what is suppressed, the next smallest is suppressed too. In a public edition rank, points and value of a league stay,
-- because everybody reads them in the ranking. In an edition that is private to the client zero people are suppressed
-- as well: the step from zero to one would say that the person who was invited came.
--
-- The functions read what their caller may not, and answer only for the caller's clients. Each takes one participation,
-- or null for all. The comment of a column says when it is null.

-- The participations that the caller may follow now.
create function private.followed(chosen integer default null) returns setof mpp.participation
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select p.*
    from mpp.participation p
    where p.organisation_id in (select c.id from private.my_client_ids() c (id)) and (chosen is null or p.id = chosen);
end
$$;

create function private.suppress_few(people bigint) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when people = 0 or people >= private.least_people() then people::integer end $$;

-- Whether a client has enough people. With fewer, figures of days and themes would be about known persons.
create function private.has_enough_people(participation integer) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select count(*) = private.least_people()
    from (
        select
        from mpp.league l
        join mpp.player q on q.league_id = l.id
        where l.participation_id = has_enough_people.participation
        limit private.least_people()
    ) somebody
$$;

-- The weeks of an edition that have begun: seven civil days each, from its first day on.
create function private.weeks_of(edition integer, at timestamptz)
    returns table (number integer, first_day date, last_day date, opens timestamptz, closes timestamptz)
    language sql stable rows 3 set search_path = pg_catalog, pg_temp
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

create function private.client_overview(chosen integer default null) returns table (
    participation_id integer, organisation_id integer, edition_id integer, week integer, week_first date, week_last date,
    expected_players integer, players integer, players_change integer, active_players integer, active_players_change integer,
    active_players_ever integer, leagues integer, leagues_change integer, validations integer, validations_change integer,
    points integer, points_change integer, points_per_player numeric, points_per_player_change numeric
)
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.organisation_id, p.edition_id, p.expected_players, w.number as week, w.first_day, w.last_day, w.opens, w.closes,
            exists (select from mpp.edition e where e.id = p.edition_id and e.organisation_id is not null) as is_private,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous
        from private.followed(chosen) p
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), league as (
        select m.id, l.id as league_id, l.created_at from mine m join mpp.league l on l.participation_id = m.id
    ), person as (
        -- Players who are there, and those who left after playing: as the scores count them.
        select g.id, p.id as player_id, p.joined_at from league g join mpp.player p on p.league_id = g.league_id
        union
        select g.id, p.id, p.joined_at
        from league g
        join mpp.validation v on v.league_id = g.league_id
        join mpp.player p on p.id = v.player_id
    ), people as (
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before,
            count(q.player_id) >= private.least_people() or (count(q.player_id) = 0 and not m.is_private) as is_shown
        from mine m
        left join person q on q.id = m.id
        group by m.id, m.is_private
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
        case when p.is_shown then p.players::integer end,
        case when m.week > 1 then n.new_players end,
        case when p.is_shown or not m.is_private then private.suppress_few(d.active) end,
        case when (p.is_shown or not m.is_private)
            and m.week > 1 and private.suppress_few(d.active) is not null and private.suppress_few(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        case when p.is_shown or not m.is_private then private.suppress_few(d.active_ever) end,
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        -- What one to four people did is suppressed with their number.
        case when p.is_shown then d.validations::integer end,
        case when m.week > 1 and p.is_shown then (d.validations - d.validations_before)::integer end,
        case when p.is_shown then d.points::integer end,
        case when m.week > 1 and p.is_shown then (d.points - d.points_before)::integer end,
        case when p.players >= private.least_people() then round(d.points::numeric / p.players, 2) end,
        -- With the change of the points it would tell how many came.
        case when m.week > 1 and n.new_players is not null and p.players >= private.least_people() and p.before >= private.least_people()
            then round(d.points::numeric / p.players, 2) - round(d.points_before::numeric / p.before, 2) end
    from mine m
    join people p on p.id = m.id
    left join private.client_weekly(chosen) n on n.participation_id = m.id and n.week = m.week
    join ledger d on d.id = m.id
    join group_ g on g.id = m.id
    order by m.id;
end
$$;
grant execute on function private.client_overview to authenticated, service_role, mpp_dashboard;

create view api.client_overview with (security_invoker = true) as
select * from private.client_overview();
comment on view api.client_overview is 'The caller''s clients in each edition: players, activity, points, and what changed since the week before. A number of people under five is null.';
comment on column api.client_overview.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_overview.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_overview.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_overview.week is 'Number of the current week, or of the last one; null before the start.';
comment on column api.client_overview.week_first is 'First day of that week, in the time zone of the edition.';
comment on column api.client_overview.week_last is 'Last day of that week.';
comment on column api.client_overview.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_overview.players is 'Players since the start, with those who left after playing; null for one to four.';
comment on column api.client_overview.players_change is 'How many of them came this week; null in the first week, and where either number is suppressed.';
comment on column api.client_overview.active_players is 'Players who did a challenge this week; null for one to four.';
comment on column api.client_overview.active_players_change is 'active_players minus those of the whole week before: a difference between two weeks. Null in the first week, and where either number is suppressed.';
comment on column api.client_overview.active_players_ever is 'Players who did a challenge since the start; null for one to four.';
comment on column api.client_overview.leagues is 'Leagues since the start, with those that are out of the rankings.';
comment on column api.client_overview.leagues_change is 'How many of them are new this week; null in the first week.';
comment on column api.client_overview.validations is 'Challenges done since the start; null while the client has one to four players.';
comment on column api.client_overview.validations_change is 'How many of them were done this week, which is no difference between two weeks (client_weekly has that). Null in the first week, and while the client has one to four players.';
comment on column api.client_overview.points is 'Points since the start; null while the client has one to four players.';
comment on column api.client_overview.points_change is 'How many of them were won this week, which is no difference between two weeks (client_weekly has that). Null in the first week, and while the client has one to four players.';
comment on column api.client_overview.points_per_player is 'points divided by players; null while there are fewer than five.';
comment on column api.client_overview.points_per_player_change is 'How much points_per_player grew this week; null in the first week, and while there were fewer than five.';
grant select on api.client_overview to authenticated, service_role, mpp_dashboard;

-- A league that opted out of the ranking counts in the sums of its client and is not in this list.
create function private.client_leagues(chosen integer default null) returns table (
    participation_id integer, league_id uuid, name text, unit_id integer, unit text, rank bigint, players integer,
    active_players integer, active_players_ever integer, validations integer, points integer, points_per_player numeric, value integer,
    points_this_week integer, points_last_week integer, last_validated_at timestamptz, has_ambassador boolean, attention text[]
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.edition_id, w.number as week, w.opens,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous,
            -- The same hour of the day, also over a clock change.
            (at at time zone e.time_zone - interval '7 days') at time zone e.time_zone as week_ago,
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running,
            case when e.organisation_id is null then 1 else 0 end as fewest
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        -- Leagues that opted out too: what they withhold counts, or opting out would uncover the next one.
        select m.id, m.week, m.running, m.opens, m.league_min_players, m.time_zone, m.fewest, l.id as league_id, l.name, l.unit_id, u.name as unit,
            l.listed, m.fewest = 0 as is_private, s.players, s.points, s.value, s.tie_order, s.is_public,
            exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal) as has_ambassador,
            v.*
        from mine m
        join mpp.league l on l.participation_id = m.id
        join mpp.score s on s.subject_id = l.id
        left join mpp.unit u on u.id = l.unit_id
        cross join lateral (
            select
                count(*) as validations,
                count(distinct x.player_id) as active_ever,
                count(distinct x.player_id) filter (where x.validated_at >= m.opens) as active,
                coalesce(sum(x.points) filter (where x.validated_at >= m.opens), 0) as this_week,
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.opens), 0) as last_week,
                -- The same hours of the week before: a current week is behind a whole one until its last evening.
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.week_ago), 0) as last_so_far,
                max(x.validated_at) as last_at
            from mpp.validation x
            where x.league_id = l.id and x.state = 'credited'
        ) v
    ), line as (
        -- From the smallest on, until five people are suppressed together; of two that are equal, both.
        select c.*,
            c.players < private.least_people()
                or coalesce(sum(c.players) over by_players between c.fewest and private.least_people() - 1, false) as is_small,
            c.active = 0
                or (c.active >= private.least_people() and coalesce(sum(c.active) over by_active, 0) not between 1 and private.least_people() - 1) as active_shown,
            c.active_ever = 0
                or (c.active_ever >= private.least_people() and coalesce(sum(c.active_ever) over by_active_ever, 0) not between 1 and private.least_people() - 1)
                as active_ever_shown
        from counted c
        window
            by_players as (partition by c.id order by c.players range between unbounded preceding and 1 preceding),
            by_active as (partition by c.id order by c.active range between unbounded preceding and 1 preceding),
            by_active_ever as (partition by c.id order by c.active_ever range between unbounded preceding and 1 preceding)
    )
    select
        c.id, c.league_id, c.name::text, c.unit_id, c.unit::text,
        case when c.is_public or not c.is_small
            then rank() over (partition by c.id, c.is_public or not c.is_small order by c.value desc) end,
        case when not c.is_small then c.players end,
        case when not c.is_small and c.active_shown then c.active::integer end,
        case when not c.is_small and c.active_ever_shown then c.active_ever::integer end,
        case when not c.is_small then c.validations::integer end,
        case when c.is_public or not c.is_small then c.points end,
        case when not c.is_small then round(c.points::numeric / c.players, 2) end,
        case when c.is_public or not c.is_small then c.value end,
        case when not c.is_small then c.this_week::integer end,
        case when not c.is_small and c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        case when not c.is_small then date_trunc('day', c.last_at, c.time_zone) end,
        -- In a private edition a small league tells nothing at all. That somebody runs it, or that it has begun, would
        -- tell that the one person who was invited to it came.
        case when c.is_public or not c.is_small then c.has_ambassador end,
        case when c.is_small and not c.is_public then array['few_players'] else array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when not c.is_small and c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '48 hours'
                then 'quiet' end,
            -- Of one to four active people, only what is true of all four numbers.
            case when not c.is_small and c.running and c.active > 0 and at > c.opens + interval '48 hours'
                and 2 * greatest(c.active, private.least_people() - 1) < c.players then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when not c.is_small and c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '48 hours'
                and 4 * c.this_week < 3 * c.last_so_far then 'falling' end,
            case when c.players < greatest(c.league_min_players, private.least_people()) then 'few_players' end
        ], null) end
    from line c
    -- Only somebody who came can have opted a league out.
    where c.listed or (c.is_small and not c.is_public and c.is_private)
    -- The place in the list would tell what is suppressed.
    order by c.id, case when c.is_public or not c.is_small then c.value end desc nulls last,
        case when c.is_public or not c.is_small then c.tie_order end, c.league_id;
end
$$;
grant execute on function private.client_leagues to authenticated, service_role, mpp_dashboard;

create view api.client_leagues with (security_invoker = true) as
select * from private.client_leagues();
comment on view api.client_leagues is 'The leagues of the caller''s clients, ranked among themselves, with what they did this week and why they need attention.';
comment on column api.client_leagues.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_leagues.league_id is 'The league.';
comment on column api.client_leagues.name is 'Its name.';
comment on column api.client_leagues.unit_id is 'Its unit; null when it has none.';
comment on column api.client_leagues.unit is 'Name of its unit; null when it has none.';
comment on column api.client_leagues.rank is 'Its rank among the listed leagues of the client, by value; equals share a rank. In a private edition null for a small league, which still counts for the ranks of the others.';
comment on column api.client_leagues.players is 'Players since the start, with those who left after playing. Null for fewer than five, and for the next league where the total would tell.';
comment on column api.client_leagues.active_players is 'Players who did a challenge this week. Null for one to four, for the next league where the total would tell, and where players is null.';
comment on column api.client_leagues.active_players_ever is 'Players who did a challenge since the start. Null for one to four, for the next league where the total would tell, and where players is null.';
comment on column api.client_leagues.validations is 'Challenges done since the start; null where players is null.';
comment on column api.client_leagues.points is 'Points since the start; in a private edition null where players is null.';
comment on column api.client_leagues.points_per_player is 'points divided by players; null where players is null.';
comment on column api.client_leagues.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player, where a small league counts as if it had the least size. In a private edition null where players is null.';
comment on column api.client_leagues.points_this_week is 'Points of the current week, or of the last one; null where players is null.';
comment on column api.client_leagues.points_last_week is 'Points of the whole week before it; null in the first week, and where players is null.';
comment on column api.client_leagues.last_validated_at is 'Midnight of the last day on which a challenge was done, in the time zone of the edition; never the hour. Null when none was done, and where players is null.';
comment on column api.client_leagues.has_ambassador is 'Whether somebody runs it; in a private edition null where players is null.';
comment on column api.client_leagues.attention is 'Why it needs attention; empty when it needs none: no_ambassador, not_started, quiet, few_active, falling (under three quarters of the points of the week before by the same hour), few_players. In a private edition a league whose players are suppressed has few_players and nothing else.';
grant select on api.client_leagues to authenticated, service_role, mpp_dashboard;

create function private.client_weekly(chosen integer default null) returns table (
    participation_id integer, week integer, first_day date, last_day date, new_players integer, active_players integer,
    validations integer, points integer, validations_change integer, points_change integer
)
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    with week as (
        select p.id, k.number, k.first_day, k.last_day, k.opens, k.closes, e.organisation_id is not null as is_private
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        cross join lateral private.weeks_of(p.edition_id, at) k
    ), league as (
        select p.id, l.id as league_id from private.followed(chosen) p join mpp.league l on l.participation_id = p.id
    ), person as (
        -- The same people as in the overview.
        select g.id, q.id as player_id, q.joined_at from league g join mpp.player q on q.league_id = g.league_id
        union
        select g.id, q.id, q.joined_at
        from league g
        join mpp.validation x on x.league_id = g.league_id
        join mpp.player q on q.id = x.player_id
    ), joined as (
        -- The first week also counts players who came before the start. The weeks add up to all players: see
        -- client_leagues.
        select c.id, c.number,
            case when c.people = 0 or (c.people >= private.least_people() and coalesce(sum(c.people) over (
                partition by c.id order by c.people range between unbounded preceding and 1 preceding
            ), 0) not between 1 and private.least_people() - 1) then c.people::integer end as new_players
        from (
            select k.id, k.number, count(q.player_id) as people
            from week k
            left join person q on q.id = k.id and q.joined_at < k.closes and (k.number = 1 or q.joined_at >= k.opens)
            group by k.id, k.number
        ) c
    ), ledger as (
        select k.id, k.number, count(distinct x.player_id) as active, count(*) as validations, sum(x.points) as points
        from league g
        join mpp.validation x on x.league_id = g.league_id and x.state = 'credited'
        join week k on k.id = g.id and x.validated_at >= k.opens and x.validated_at < k.closes
        group by k.id, k.number
    )
    select
        k.id, k.number, k.first_day, k.last_day,
        case when not (f.is_few and k.is_private) then j.new_players end,
        case when not (f.is_few and k.is_private) then private.suppress_few(coalesce(v.active, 0)) end,
        case when not f.is_few then coalesce(v.validations, 0)::integer end,
        case when not f.is_few then coalesce(v.points, 0)::integer end,
        case when not f.is_few then (coalesce(v.validations, 0) - lag(coalesce(v.validations, 0)) over w)::integer end,
        case when not f.is_few then (coalesce(v.points, 0) - lag(coalesce(v.points, 0)) over w)::integer end
    from week k
    join joined j on j.id = k.id and j.number = k.number
    left join ledger v on v.id = k.id and v.number = k.number
    -- What one to four people did is suppressed with their number.
    cross join lateral (
        select count(*) between case when k.is_private then 0 else 1 end and private.least_people() - 1 as is_few from person q where q.id = k.id
    ) f
    window w as (partition by k.id order by k.number)
    order by k.id, k.number;
end
$$;
grant execute on function private.client_weekly to authenticated, service_role, mpp_dashboard;

create view api.client_weekly with (security_invoker = true) as
select * from private.client_weekly();
comment on view api.client_weekly is 'Each week of the caller''s clients: new and active players, validations, points, and the change.';
comment on column api.client_weekly.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_weekly.week is 'Number of the week, from 1.';
comment on column api.client_weekly.first_day is 'Its first day, in the time zone of the edition.';
comment on column api.client_weekly.last_day is 'Its last day.';
comment on column api.client_weekly.new_players is 'Players who joined in it, in the first week also before it. Null for one to four, and for the next week where the total would tell.';
comment on column api.client_weekly.active_players is 'Players who did a challenge in it; null for one to four.';
comment on column api.client_weekly.validations is 'Challenges done in it; null while the client has one to four players.';
comment on column api.client_weekly.points is 'Points won in it; null while the client has one to four players.';
comment on column api.client_weekly.validations_change is 'validations minus those of the week before: a difference between two weeks. Null in the first week, and while the client has one to four players.';
comment on column api.client_weekly.points_change is 'points minus those of the week before: a difference between two weeks. Null in the first week, and while the client has one to four players.';
grant select on api.client_weekly to authenticated, service_role, mpp_dashboard;

create function private.client_daily(chosen integer default null) returns table (participation_id integer, day date, validations integer, points integer)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.id, (v.validated_at at time zone e.time_zone)::date as day, count(*)::integer, sum(v.points)::integer
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    join mpp.validation v on v.league_id = l.id and v.state = 'credited'
    where private.has_enough_people(p.id)
    group by p.id, (v.validated_at at time zone e.time_zone)::date
    order by p.id, day;
end
$$;
grant execute on function private.client_daily to authenticated, service_role, mpp_dashboard;

create view api.client_daily with (security_invoker = true) as
select * from private.client_daily();
comment on view api.client_daily is 'Validations and points of the caller''s clients by day. A day without validations has no row, and neither has a client of fewer than five people.';
comment on column api.client_daily.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_daily.day is 'A day with at least one challenge, in the time zone of the edition.';
comment on column api.client_daily.validations is 'Challenges done on it.';
comment on column api.client_daily.points is 'Points won on it.';
grant select on api.client_daily to authenticated, service_role, mpp_dashboard;

create function private.client_ranking(chosen integer default null) returns table (
    participation_id integer, scope text, rank bigint, subject_id text, label text, leagues integer, players integer,
    points integer, points_per_player numeric, value bigint
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with line as materialized (
        select * from private.client_leagues(chosen)
    )
    select l.participation_id, 'league', l.rank, l.league_id::text, l.name, 1, l.players, l.points, l.points_per_player, l.value::bigint
    from line l
    union all
    (
        select t.id, 'unit', rank() over (partition by t.id order by t.value desc), t.unit_id::text, t.name::text, t.leagues::integer,
            t.players::integer, t.points::integer,
            case when t.is_whole then round(t.points::numeric / t.players, 2) end, t.value
        from (
            -- Only of what its leagues show: the unit then tells nothing about another league.
            select l.participation_id as id, l.unit_id, l.unit as name, count(*) as leagues, sum(l.players) as players,
                bool_and(l.players is not null) as is_whole, sum(l.points) as points,
                case when bool_or(s.by_average)
                    then round(sum(l.points) * 100.0
                        / greatest(sum(greatest(s.players, s.at_least_players, private.least_people())) filter (where l.points is not null), 1))::bigint
                    else sum(l.points) end as value
            from line l
            join mpp.score s on s.subject_id = l.league_id
            where l.unit_id is not null
            group by l.participation_id, l.unit_id, l.unit
        ) t
        where t.points is not null
        order by t.id, t.value desc, t.name
    );
end
$$;
grant execute on function private.client_ranking to authenticated, service_role, mpp_dashboard;

create view api.client_ranking with (security_invoker = true) as
select * from private.client_ranking();
comment on view api.client_ranking is 'The own ranking of the caller''s clients; scope is league or unit. A unit is the sum of what its leagues show.';
comment on column api.client_ranking.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ranking.scope is 'league or unit.';
comment on column api.client_ranking.rank is 'Rank within the scope, by value; equals share a rank. In a private edition null for a small league.';
comment on column api.client_ranking.subject_id is 'Id of the league, or number of the unit, as text.';
comment on column api.client_ranking.label is 'Name of the league or unit.';
comment on column api.client_ranking.leagues is 'How many listed leagues it has; 1 for a league.';
comment on column api.client_ranking.players is 'Players since the start; for a unit, those of its leagues that show theirs. Null when none does.';
comment on column api.client_ranking.points is 'Points since the start; in a private edition null for a small league.';
comment on column api.client_ranking.points_per_player is 'points divided by players; null where a number of players is suppressed.';
comment on column api.client_ranking.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per player.';
grant select on api.client_ranking to authenticated, service_role, mpp_dashboard;

create function private.client_themes(chosen integer default null) returns table (participation_id integer, theme text, name jsonb, validations integer, points integer)
    language plpgsql stable security definer rows 12 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with mine as (
        select p.id, p.edition_id from private.followed(chosen) p where private.has_enough_people(p.id)
    ), ledger as (
        select m.id, k.theme, count(*) as validations, sum(x.points) as points
        from mine m
        join mpp.league l on l.participation_id = m.id
        join mpp.validation x on x.league_id = l.id and x.state = 'credited'
        join mpp.edition_challenge c on c.id = x.challenge_id
        join mpp.challenge k on k.id = c.challenge_id
        group by m.id, k.theme
    )
    select m.id, t.code, t.name::jsonb, coalesce(v.validations, 0)::integer, coalesce(v.points, 0)::integer
    from mine m
    join (
        select distinct c.edition_id, k.theme from mpp.edition_challenge c join mpp.challenge k on k.id = c.challenge_id
    ) played on played.edition_id = m.edition_id
    join mpp.theme t on t.code = played.theme
    left join ledger v on v.id = m.id and v.theme = t.code
    order by m.id, coalesce(v.points, 0) desc, t.code;
end
$$;
grant execute on function private.client_themes to authenticated, service_role, mpp_dashboard;

create view api.client_themes with (security_invoker = true) as
select * from private.client_themes();
comment on view api.client_themes is 'Validations and points of the caller''s clients by theme; a client of fewer than five people has no row.';
comment on column api.client_themes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_themes.theme is 'Code of a theme of the edition.';
comment on column api.client_themes.name is 'Its name by language.';
comment on column api.client_themes.validations is 'Challenges of it done since the start; 0 when nobody did one.';
comment on column api.client_themes.points is 'Points of these validations.';
grant select on api.client_themes to authenticated, service_role, mpp_dashboard;
-- Where the players of a client live, by department, suppressed as in 82_client_figure.

-- The counts as they were at the freeze. Somebody who deletes their account or moves afterwards changes no figure of an
-- edition that is over. Only these counts are kept, not where anybody lived.
create table mpp.client_map_cell (
    participation_id integer not null references mpp.participation (id),
    department text,
    players integer,
    constraint client_map_cell_once unique nulls not distinct (participation_id, department)
);
comment on table mpp.client_map_cell is 'What client_map shows of a frozen edition: listed players of a client by French department; null for fewer than five.';

alter table mpp.client_map_cell enable row level security;

-- Five people or more are suppressed together, or the difference from the total would say how many they are. When the
-- small places hold fewer, the smallest of the others joins them. Whole tables are not read: without statistics the planner
-- would go through the players of all editions for those of one client.
create function private.count_client_map(participations integer[]) returns table (participation_id integer, department text, players integer)
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    with cell as (
        select l.participation_id as id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from mpp.league l
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        where l.participation_id = any (participations)
            -- Of one to four people, not even where they live.
            and private.has_enough_people(l.participation_id)
        group by l.participation_id, private.department_of(f.country, f.postcode)
    ), elsewhere as (
        -- Players abroad or opted out are on no map, but in the total.
        select x.id, count(*) - coalesce((select sum(c.players) from cell c where c.id = x.id), 0) as people
        from (
            select l.participation_id as id
            from mpp.league l
            join mpp.player q on q.league_id = l.id
            where l.participation_id = any (participations)
        ) x
        group by x.id
    ), ordered as (
        select c.*, x.people + coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        join elsewhere x on x.id = c.id
        -- Of two that are equal, both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= private.least_people() and o.smaller_players not between 1 and private.least_people() - 1 then o.players::integer end
    from ordered o
$$;

create function private.client_map_frozen() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.client_map_cell (participation_id, department, players)
    select * from private.count_client_map(array(select p.id from mpp.participation p where p.edition_id = new.id));
    return null;
end
$$;

create trigger client_map_frozen
    after update on mpp.edition
    for each row
    when (old.frozen_at is null and new.frozen_at is not null)
    execute function private.client_map_frozen();

create function private.client_map(chosen integer default null) returns table (participation_id integer, department text, players integer)
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    frozen integer[];
    live integer[];
begin
    select coalesce(array_agg(p.id) filter (where e.frozen_at is not null), '{}'), coalesce(array_agg(p.id) filter (where e.frozen_at is null), '{}')
    into frozen, live
    from private.followed(chosen) p
    join mpp.edition e on e.id = p.edition_id;
    return query
    select c.participation_id, c.department, c.players from mpp.client_map_cell c where c.participation_id = any (frozen)
    union all
    select m.participation_id, m.department, m.players from private.count_client_map(live) m
    order by 1, 2;
end
$$;
grant execute on function private.client_map to authenticated, service_role, mpp_dashboard;

create view api.client_map with (security_invoker = true) as
select * from private.client_map();
comment on view api.client_map is 'Listed players of the caller''s clients by French department, as they were at the freeze once there was one; null for fewer than five.';
comment on column api.client_map.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_map.department is 'French department, such as 69 or 2A; null for players whose postcode has none.';
comment on column api.client_map.players is 'Listed players who live there. Null for one to four, and for the next larger place where the difference would tell; those abroad or opted out count with what is suppressed.';
grant select on api.client_map to authenticated, service_role, mpp_dashboard;
-- The classes of a territory, the people who run a client's leagues, and the whole report in one answer. The figures
-- come from 82_client_figure.

-- The classes that an authority follows: those listed in the ranking. They name no pupil.
create function private.client_territory(chosen integer default null) returns table (
    participation_id integer, class_id uuid, class_name text, level text, school_id uuid, school text, rne text, postcode text, city text,
    pupils integer, points integer, points_per_pupil numeric, points_this_week integer, rank bigint, general_rank bigint, value integer
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    select
        p.id, l.id, l.name::text, l.level::text, h.id, h.name::text, h.rne, h.postcode, h.city::text,
        private.suppress_few(s.players), s.points,
        case when s.players >= private.least_people() then round(s.points::numeric / s.players, 2) end,
        case when s.players >= private.least_people() then (
            select coalesce(sum(v.points), 0)::integer
            from mpp.validation v
            where v.league_id = l.id and v.state = 'credited'
                and v.validated_at >= (select k.opens from private.weeks_of(p.edition_id, at) k order by k.number desc limit 1)
        ) end,
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
                when 'department' then h.department = t.code
                when 'commune' then t.code in (h.commune, private.whole_commune(h.commune))
                else h.rne = t.code
            end
    )
    order by p.id, s.value desc, s.tie_order, l.id;
end
$$;
grant execute on function private.client_territory to authenticated, service_role, mpp_dashboard;

create view api.client_territory with (security_invoker = true) as
select * from private.client_territory();
comment on view api.client_territory is 'The listed classes of the territory of the caller''s clients, ranked among themselves and among all; no pupil is named.';
comment on column api.client_territory.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_territory.class_id is 'The class.';
comment on column api.client_territory.class_name is 'Its name.';
comment on column api.client_territory.level is 'Its level.';
comment on column api.client_territory.school_id is 'Its school.';
comment on column api.client_territory.school is 'Name of the school.';
comment on column api.client_territory.rne is 'Code of the school (RNE, today called UAI); null when it has none.';
comment on column api.client_territory.postcode is 'Postcode of the school.';
comment on column api.client_territory.city is 'City of the school.';
comment on column api.client_territory.pupils is 'Pupils since the start; null for one to four.';
comment on column api.client_territory.points is 'Points of the class since the start.';
comment on column api.client_territory.points_per_pupil is 'points divided by pupils; null while there are fewer than five.';
comment on column api.client_territory.points_this_week is 'Points of the current week, or of the last one; null where pupils is null.';
comment on column api.client_territory.rank is 'Its rank among the listed classes of the territory, by value.';
comment on column api.client_territory.general_rank is 'Its rank among all listed classes of the edition.';
comment on column api.client_territory.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per pupil.';
grant select on api.client_territory to authenticated, service_role, mpp_dashboard;

create function private.client_ambassadors(chosen integer default null) returns table (participation_id integer, league_id uuid, league text, unit text, alias text, is_principal boolean)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.id, l.id, l.name::text, u.name::text, case when q.listed then q.alias::text end, a.is_principal
    from private.followed(chosen) p
    join mpp.league l on l.participation_id = p.id and l.listed
    -- Only where the client learns that somebody runs the league.
    join private.client_leagues(chosen) told on told.league_id = l.id and told.has_ambassador
    join mpp.ambassador a on a.league_id = l.id
    join mpp.player q on q.id = a.player_id
    left join mpp.unit u on u.id = l.unit_id
    order by p.id, l.name, a.is_principal desc;
end
$$;
grant execute on function private.client_ambassadors to authenticated, service_role, mpp_dashboard;

create view api.client_ambassadors with (security_invoker = true) as
select * from private.client_ambassadors();
comment on view api.client_ambassadors is 'Who runs the listed leagues of the caller''s clients, by alias; null for somebody who opted out. The client does not see their address.';
comment on column api.client_ambassadors.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ambassadors.league_id is 'The league.';
comment on column api.client_ambassadors.league is 'Its name.';
comment on column api.client_ambassadors.unit is 'Name of its unit; null when it has none.';
comment on column api.client_ambassadors.alias is 'Who runs it; null for somebody who opted out of the rankings.';
comment on column api.client_ambassadors.is_principal is 'True for its ambassador, false for a co-ambassador.';
grant select on api.client_ambassadors to authenticated, service_role, mpp_dashboard;

-- Everything that a report says, in one snapshot and from the same functions as the views.
create function private.client_report(participation_id integer) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select private.my_account())
        where x.id = client_report.participation_id;
        if found then
            if private.my_proven_account() is null then
                perform private.refuse('MP012');
            end if;
            if me.role = 'owner' and private.lacks_second_factor() then
                perform private.refuse('MP013');
            end if;
            perform private.require_staff_access(me);
        end if;
        perform private.refuse('MP093');
    end if;
    with told as materialized (
        select * from private.client_leagues(p.id)
    )
    select jsonb_build_object(
        'as_of', at,
        'organisation', (select jsonb_build_object('code', o.code, 'name', o.name, 'kind', o.kind, 'language', o.language)
            from mpp.organisation o where o.id = p.organisation_id),
        'edition', (select jsonb_build_object('code', e.code, 'title', e.title, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
            'time_zone', e.time_zone, 'frozen_at', e.frozen_at, 'audience', e.audience) from mpp.edition e where e.id = p.edition_id),
        'overview', (select to_jsonb(r) from private.client_overview(p.id) r),
        'weeks', (select coalesce(jsonb_agg(r), '[]') from private.client_weekly(p.id) r),
        'days', (select coalesce(jsonb_agg(r), '[]') from private.client_daily(p.id) r),
        'leagues', (select coalesce(jsonb_agg(r), '[]') from told r),
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
                    (select r.points_per_player from told r where r.league_id = l.id) as points_per_player
                from mpp.league l
                join mpp.score s on s.subject_id = l.id and s.is_public
                where l.participation_id = p.id
                order by s.value desc, s.tie_order
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            -- A private edition belongs to its client: sums of it would tell what is suppressed.
            where s.edition_id = p.edition_id and s.is_public
        ),
        -- Beside what a client learns of its own leagues: those of five players or more.
        'edition_compared', (
            select jsonb_build_object('players', sum(s.players), 'leagues', count(*), 'points', sum(s.points))
            from mpp.score s
            where s.edition_id = p.edition_id and s.is_public and s.scope = 'league' and s.players >= private.least_people()
        )
    ) into report;
    return report;
end
$$;
grant execute on function private.client_report to authenticated, service_role, mpp_dashboard;

create function api.client_report(participation_id integer) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.client_report(participation_id); end;
comment on function api.client_report is 'Every figure of a client''s report in one snapshot, from the same functions as the views. Its staff inside their dates, and staff of the association. Errors: MP012, MP013, MP091, MP093.';
grant execute on function api.client_report to authenticated, service_role, mpp_dashboard;

-- Who gets the mail of a client's week. mail_obstacle asks once more whether it may leave when it does.
create type api.weekly_reader as (account_id uuid, league_id uuid, language text);
comment on type api.weekly_reader is 'Somebody who gets a weekly mail: an ambassador of the league league_id, or, where that is null, staff of the client.';

create function private.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
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
grant execute on function private.weekly_readers to service_role;

create function api.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language sql stable rows 50 set search_path = pg_catalog, pg_temp
begin atomic select * from private.weekly_readers(participation_id); end;
comment on function api.weekly_readers is 'Lists who gets the weekly mails of a client: its staff inside their dates, and the ambassadors of its leagues who agreed to alerts. Secret key only. Errors: MP006, MP093.';
grant execute on function api.weekly_readers to service_role;
-- Freezing an edition, and proving its scores. A freeze copies nothing but the sums of schools. From then on every
-- table of the ranking refuses changes for that edition (72_score), and its counts keep the ranks. The seal proves that
-- nothing changed.

create function private.seal_of(edition integer) returns text
    language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    select format('1:%s:%s:%s:%s', s.number, s.digest, c.number, c.digest)
        || coalesce((
            select format(':%s:%s', count(*), sum(('x' || left(md5(concat_ws('|', x.level, x.rank, x.school_id, x.classes, x.points,
                x.players, x.value, x.tie_order)), 16))::bit(64)::bigint))
            from mpp.school_standing x
            where x.edition_id = edition
            having count(*) > 0
        ), '')
    from (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.subject_id, x.scope, x.points, x.players, x.value,
            x.tie_order)), 16))::bit(64)::bigint), 0) as digest
        from (
            -- Apart, because each has an index by edition. A scan of all scores would grow with every edition there has been.
            select l.* from mpp.score l where l.edition_id = edition and l.listed
            union all
            select n.* from mpp.score n where n.edition_id = edition and not n.listed
        ) x
    ) s, (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.scope, x.value, x.subjects)), 16))::bit(64)::bigint), 0) as digest
        from mpp.value_count x
        where x.edition_id = edition and x.subjects <> 0
    ) c
$$;
comment on function private.seal_of is 'Fingerprint of every score and count of an edition, whatever their order; names and listing are not part of it.';

create function private.freeze_edition(edition_code text) returns timestamptz
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    -- This waits for every writer of the edition, and every later one finds it frozen. Readers do not wait.
    perform private.lock_edition(e.id, alone => true);
    at := private.clock();
    e := private.find_edition(edition_code);
    if e.frozen_at is not null then
        return e.frozen_at;
    end if;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'closed' then
        perform private.refuse('MP026', jsonb_build_object('ends_at', e.ends_at), e.code, private.format_instant(e.ends_at));
    end if;
    perform private.fold_scores(e.id, wait => true);
    insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value, tie_order)
    select r.edition_id, r.level, r.rank, r.subject_id, r.classes, r.points, r.players, r.value, r.tie_order
    from api.school_ranking r
    where r.edition_id = e.id;
    update mpp.edition set frozen_at = at, seal = private.seal_of(e.id) where id = e.id;
    -- The audit keeps the seal too: it is append-only, so a seal that is rewritten in the edition differs from it.
    perform private.record_act('edition.freeze', edition_code, jsonb_build_object('seal', (select x.seal from mpp.edition x where x.id = e.id)));
    return at;
end
$$;
grant execute on function private.freeze_edition to authenticated, service_role;

-- Long work of the staff is not bound by the time limit of a page. PostgREST reads the limit from the exposed function.
create function api.freeze_edition(edition_code text) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.freeze_edition(edition_code); end;
comment on function api.freeze_edition is 'Freezes the ranking of an edition that has ended. Returns when it was frozen, also if it was before. Staff. Errors: MP006, MP020, MP026.';
grant execute on function api.freeze_edition to authenticated, service_role;

create type api.score_fault as (edition_code text, scope text, subject_id uuid, fault text, expected bigint, found bigint);
comment on type api.score_fault is 'A score that differs from what the ledger says.';

-- The planner has no statistics of the ledger (99_ownership), and takes an index by blocks for useless without any. So it
-- is told not to read whole tables: the ledger of one edition is read, however many others there are.
create function private.verify_scores(edition_code text) returns setof api.score_fault
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
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
            select v.player_id, v.team_id, v.league_id, sum(v.points) as points, max(v.credit_number) as tie_order
            from mpp.validation v
            where v.edition_id = e.id and v.state = 'credited'
            group by v.player_id, v.team_id, v.league_id
        ), expected as (
            select j.subject_id, sum(l.points) as points, max(l.tie_order) as tie_order
            from ledger l
            cross join lateral (values (l.player_id), (l.team_id), (l.league_id)) j (subject_id)
            group by j.subject_id
        ), scored as (
            select s.subject_id, s.scope, s.points, s.tie_order, s.value,
                private.value_of(s.points, s.players, s.at_least_players, s.by_average) as right_value
            from (
                select l.* from mpp.score l where l.edition_id = e.id and l.listed
                union all
                select n.* from mpp.score n where n.edition_id = e.id and not n.listed
            ) s
        )
        select e.code, s.scope::text, coalesce(s.subject_id, x.subject_id), f.fault, coalesce(f.expected, 0), f.found
        from scored s
        full join expected x on x.subject_id = s.subject_id
        cross join lateral (
            values ('points', x.points::bigint, s.points::bigint), ('order among equals', x.tie_order, s.tie_order),
                ('value', s.right_value::bigint, s.value::bigint)
        ) f (fault, expected, found)
        where coalesce(f.expected, 0) is distinct from f.found;

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

        return query
        select e.code, null::text, v.id, 'a validation of nobody, or of nothing', null::bigint, null::bigint
        from mpp.validation v
        -- By their keys alone: the planner would expect few rows of the edition, and compare each with all the others.
        left join mpp.player p on p.id = v.player_id
        left join mpp.team t on t.id = v.team_id
        left join mpp.edition_challenge c on c.id = v.challenge_id
        where v.edition_id = e.id
            and (p.edition_id, t.edition_id, t.league_id, c.edition_id)
                is distinct from (v.edition_id, v.edition_id, v.league_id, v.edition_id);

        return query
        select e.code, c.scope::text, null::uuid, format('sum of the values from %s on', c.bucket << 6), n.subjects, c.subjects::bigint
        from mpp.score_count c
        cross join lateral (select sum(u.n) as subjects from unnest(c.counts) u (n)) n
        where c.edition_id = e.id and n.subjects is distinct from c.subjects;

        if e.frozen_at is null then
            return query
            with counted as (
                select m.scope, m.value, m.subjects from mpp.value_count m where m.edition_id = e.id
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
grant execute on function private.verify_scores to authenticated, service_role;

create function api.verify_scores(edition_code text default null) returns setof api.score_fault
    language sql stable set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select * from private.verify_scores(edition_code); end;
comment on function api.verify_scores is 'Compares every score, count and seal with the ledger, for one edition or all; no row means that all is right. Staff. Errors: MP006, MP020.';
grant execute on function api.verify_scores to authenticated, service_role;
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
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
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
comment on function private.award_rules is 'The rules by which awards are given, with their titles.';

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
comment on table mpp.award is 'Awards of a frozen edition: over all where participation_id is null, else among the leagues of a client.';
comment on column mpp.award.value is 'What earned it: the rank, points per player, validations, themes, collective challenges, or days.';
create index award_participation on mpp.award (participation_id) where participation_id is not null;
create index award_organisation on mpp.award (organisation_id) where organisation_id is not null;

-- A rule is applied once: somebody who opts out afterwards leaves the list, and nobody moves up into their place.
create table mpp.award_round (
    edition_id integer not null references mpp.edition (id),
    rule text not null,
    granted_at timestamptz not null,
    primary key (edition_id, rule)
);
comment on table mpp.award_round is 'The rules that were applied to an edition, also those that nobody met.';

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

-- The names come from the ranking and from the schools, so an award loses its name with them.
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
    coalesce(case when s.label = '—' then (select private.erased_name()) else s.label end, h.name) as label,
    s.league_label,
    a.value,
    a.granted_at,
    coalesce(s.label = '—', false) as is_erased
from mpp.award a
left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
    and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
where a.participation_id is null and coalesce(s.label, h.name) is not null;
comment on view api.awards is 'Awards of frozen editions to players, teams, leagues, classes and schools that are listed. is_erased says that label stands for a player who is no more. Sort by place, award_id.';
grant select on api.awards to anon, authenticated, service_role;

-- A client of a private edition does not play in it, so it cannot read its ranking: the names come from here.
create function private.my_client_awards() returns table (
    award_id bigint, participation_id integer, organisation_id integer, edition_id integer, place smallint, rule text, scope text,
    title jsonb, description jsonb, subject_id uuid, label text, league_label text, value numeric, granted_at timestamptz,
    is_erased boolean
)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select a.id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title::jsonb, a.description::jsonb,
        a.subject_id, coalesce(case when s.label = '—' then (select private.erased_name()) else s.label end, h.name::text), s.league_label,
        case when s.is_public or h.id is not null then a.value end, a.granted_at,
        coalesce(s.label = '—', false)
    from mpp.award a
    -- In a private edition no league or team of fewer than five, and no player of one: see 82_client_figure.
    left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
        and (s.is_public or s.players >= private.least_people() or (s.scope = 'player' and exists (
            select from mpp.player q join mpp.score g on g.subject_id = q.league_id where q.id = a.subject_id and g.players >= private.least_people())))
    left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
        and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
    where a.organisation_id in (select private.my_client_ids()) and coalesce(s.label, h.name::text) is not null;
end
$$;
grant execute on function private.my_client_awards to authenticated, service_role, mpp_dashboard;

create view api.client_awards with (security_invoker = true) as
select a.award_id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title, a.description, a.subject_id,
    a.label, a.league_label, a.value, a.granted_at, a.is_erased
from private.my_client_awards() a;
comment on view api.client_awards is 'Awards among the leagues of the caller''s organisations, by the same rules. Somebody who opted out is not in it. Sort by place, award_id.';
comment on column api.client_awards.award_id is 'The award.';
comment on column api.client_awards.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_awards.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_awards.edition_id is 'The edition, as client_participations has it.';
comment on column api.client_awards.place is 'Place of the rule in the order of announcement.';
comment on column api.client_awards.rule is 'Code of the rule.';
comment on column api.client_awards.scope is 'What it went to: player, team, league, class or school.';
comment on column api.client_awards.title is 'Title by language.';
comment on column api.client_awards.description is 'What it is for, by language.';
comment on column api.client_awards.subject_id is 'Id of the player, team, league, class or school.';
comment on column api.client_awards.label is 'Its name in public.';
comment on column api.client_awards.league_label is 'League of a player or team; null for others, and where it is out of the rankings.';
comment on column api.client_awards.value is 'What earned it, in the unit of the rule: the rank, points per player, validations, themes, collective challenges, or days; null in a private edition.';
comment on column api.client_awards.granted_at is 'When the awards of the edition were given.';
comment on column api.client_awards.is_erased is 'True where label stands for a player who is no more.';
grant select on api.client_awards to authenticated, service_role, mpp_dashboard;

create function private.grant_awards(edition_code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    -- Private columns have no statistics (99_ownership), so the planner would go through the ledger player by player.
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
        insert into mpp.award_round (edition_id, rule, granted_at)
        select e.id, r.code, at from rule r
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
grant execute on function private.grant_awards to authenticated, service_role;

create function api.grant_awards(edition_code text) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.grant_awards(edition_code); end;
comment on function api.grant_awards is 'Gives the awards of a frozen edition by rule, over all and within each client. Returns how many were given; 0 when they were given before. Staff. Errors: MP006, MP020, MP094.';
grant execute on function api.grant_awards to authenticated, service_role;
-- Sets up an edition from one document: {"edition": {…}, "rules": {…}, "themes": [{code, title}], "curriculum": [{code,
-- title}], "challenges": [{…}]}. mpp edition apply checks a file of catalogue/ and turns it into that JSON. The
-- document is applied whole or not at all; applying it again changes nothing.

create type api.edition_change as (action text, path text, before jsonb, after jsonb);
comment on type api.edition_change is 'One difference. action is add, change or remove; path is edition, rules, themes.<code> or challenges.<code>, with the field that changes.';

-- What turns one object into another, field by field.
create function private.differences(path text, before jsonb, after jsonb) returns setof api.edition_change
    language sql immutable set search_path = pg_catalog, pg_temp
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

-- The edition as it stands, in the shape of the document. Secrets are compared by digest and never come out.
create function private.edition_document(e mpp.edition) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
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

-- The card of the catalogue that says what this one of a document says; a new row if there is none.
create function private.card_for(asked jsonb) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    card mpp.challenge;
begin
    card.code := asked ->> 'code';
    card.theme := asked ->> 'theme';
    card.title := asked -> 'title';
    card.description := asked -> 'description';
    card.goals := array(select g::smallint from jsonb_array_elements_text(asked -> 'goals') g);
    card.curriculum := array(select g from jsonb_array_elements_text(coalesce(asked -> 'curriculum', '[]')) g);
    select k.id into card.id
    from mpp.challenge k
    where k.code = card.code
        and (k.theme, k.title::jsonb, k.description::jsonb, k.goals, k.curriculum)
            = (card.theme, card.title::jsonb, card.description::jsonb, card.goals, card.curriculum)
    order by k.id
    limit 1;
    if card.id is null then
        insert into mpp.challenge (code, theme, title, description, goals, curriculum)
        values (card.code, card.theme, card.title, card.description, card.goals, card.curriculum)
        returning id into card.id;
    end if;
    return card.id;
end
$$;

-- Every edition that uses a theme shows its name: the names of an edition that has opened stay.
create function private.check_theme_names(document jsonb, edition integer) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    taken text;
begin
    select format('the theme %s has another name in the edition %s, which has opened: keep that name or take another code', n.code, o.code)
    into taken
    from (
        select t ->> 'code' as code, t -> 'title' as name, false as is_curriculum
        from jsonb_array_elements(document -> 'themes') t
        union all
        select t ->> 'code', t -> 'title', true
        from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
    ) n
    join mpp.challenge k on case when n.is_curriculum then n.code = any (k.curriculum) else n.code = k.theme end
    join mpp.edition_challenge c on c.challenge_id = k.id
    join mpp.edition o on o.id = c.edition_id and o.opened_at is not null and o.id is distinct from edition
    where n.name is distinct from (
        case when n.is_curriculum
            then (select h.name::jsonb from mpp.curriculum_theme h where h.code = n.code)
            else (select h.name::jsonb from mpp.theme h where h.code = n.code) end)
    order by n.code, o.code
    limit 1;
    if taken is not null then
        perform private.refuse('MP027', taken);
    end if;
end
$$;

create function private.apply_edition(document jsonb, dry_run boolean) returns setof api.edition_change
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    cards jsonb;
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
    -- Two people who apply files at once take turns: all editions share cards and themes.
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

        perform private.check_theme_names(document, e.id);
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

        select jsonb_object_agg(c ->> 'code', private.card_for(c)) into cards
        from jsonb_array_elements(document -> 'challenges') c;

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

        -- Removals come first: a secret word may move from one challenge to another.
        delete from mpp.edition_challenge x
        using mpp.challenge k
        where x.edition_id = e.id
            and k.id = x.challenge_id
            and k.code not in (select c ->> 'code' from jsonb_array_elements(document -> 'challenges') c);

        with asked as (
            select
                c ->> 'code' as code,
                (cards ->> (c ->> 'code'))::integer as challenge_id,
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
        ), updated as (
            update mpp.edition_challenge x
            set challenge_id = a.challenge_id, kind = a.kind, points = a.points, repeat_limit = a.repeat_limit, quorum = a.quorum,
                boost_factor = a.boost_factor, needs_proof = a.needs_proof, opens_at = a.opens_at,
                closes_at = a.closes_at, secret_digest = a.secret_digest, levels = a.levels
            from asked a
            join mpp.challenge k on k.code = a.code
            where x.edition_id = e.id
                and x.challenge_id = k.id
                and (x.challenge_id, x.kind, x.points, x.repeat_limit, x.quorum, x.boost_factor, x.needs_proof, x.opens_at, x.closes_at, x.secret_digest, x.levels)
                    is distinct from
                    (a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at, a.closes_at, a.secret_digest, a.levels)
        )
        insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor,
            needs_proof, opens_at, closes_at, secret_digest, levels)
        select e.id, a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at,
            a.closes_at, a.secret_digest, a.levels
        from asked a
        where not exists (
            select
            from mpp.edition_challenge x
            join mpp.challenge k on k.id = x.challenge_id
            where x.edition_id = e.id and k.code = a.code
        );
        -- Cards that no edition shows any more.
        delete from mpp.challenge k
        where (k.code in (select jsonb_object_keys(cards)) or was -> 'challenges' ? k.code)
            and not exists (select from mpp.edition_challenge x where x.challenge_id = k.id);
        if exists (
            select from mpp.edition_challenge x
            where x.edition_id = e.id and (x.opens_at < e.starts_at or x.closes_at > e.ends_at)
        ) then
            perform private.refuse('MP027', 'a window lies outside the edition');
        end if;
        if exists (select from mpp.edition_challenge x where x.edition_id = e.id and (x.levels is null) = (e.audience = 'school')) then
            perform private.refuse('MP027', 'the challenges of a school edition have levels, and only they');
        end if;
        -- An account finds a secret word, and pupils have none.
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
    -- Of a secret, only that it changed.
    return query
    select c.action, c.path,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.before) = 'object' then c.before - 'secret' else c.before end,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.after) = 'object' then c.after - 'secret' else c.after end
    from unnest(changes) c;
end
$$;
grant execute on function private.apply_edition to authenticated, service_role;

create function api.apply_edition(document jsonb, dry_run boolean default false) returns setof api.edition_change
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.apply_edition(document, dry_run); end;
comment on function api.apply_edition is 'Makes an edition what a document says and returns the differences; with dry_run nothing is kept. Staff. Errors: MP006, MP024, MP025, MP027.';
grant execute on function api.apply_edition to authenticated, service_role;
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
-- What screens show: a player's own editions, the league page, the class page, and the staff's lists. Public rankings
-- are in 78_ranking.

create view api.my_players with (security_invoker = true) as
select
    p.id as player_id,
    p.edition_id,
    p.league_id,
    p.team_id,
    p.alias,
    p.listed,
    p.joined_at
from mpp.player p cross join (select) read_only
where p.id in (select private.my_player_ids());
comment on view api.my_players is 'The caller in each edition that they play; league and team are null once they left.';
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
where l.id in (select private.my_league_ids()) and l.school_id is null;
comment on view api.my_leagues is 'The leagues that the caller plays in or runs; the join code only for its ambassadors.';
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
from mpp.team t cross join (select) read_only;
comment on view api.league_teams is 'Teams of the caller''s leagues and classes, with their points.';
grant select on api.league_teams to authenticated, service_role;

-- A league page shows the points earned here to the league only: opting out of the public ranking does not matter.
create view api.league_members with (security_invoker = true) as
select
    p.league_id,
    p.id as player_id,
    p.team_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    case when p.alias = '—' then (select private.erased_name()) else p.first_name end as first_name,
    p.picture_path,
    coalesce(v.points, 0) as points,
    coalesce(v.validations, 0) as validations,
    exists (select from mpp.ambassador a where a.league_id = p.league_id and a.player_id = p.id) as is_ambassador,
    p.id in (select private.my_player_ids()) as is_me,
    c.phone,
    p.joined_at,
    p.initial,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial)
        when p.alias = '—' then (select private.erased_name())
        else p.first_name end as name
from mpp.player p
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.player_id = p.id and v.league_id = p.league_id and v.state = 'credited'
) v on true
left join mpp.player_contact c on c.player_id = p.id
where p.league_id is not null;
comment on view api.league_members is 'Members of the caller''s leagues, and pupils of their classes, who have no alias. name is the first name, with a pupil''s initial where it is needed. phone shows to ambassadors of a league that is open or whose client asks for it; nobody under 15 gives or sees one.';
grant select on api.league_members to authenticated, service_role;

create view api.league_validations with (security_invoker = true) as
select
    v.id as validation_id,
    v.edition_id,
    v.league_id,
    v.team_id,
    v.player_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    case when p.alias = '—' then (select private.erased_name()) else p.first_name end as first_name,
    c.id as challenge_id,
    k.code as challenge_code,
    k.title,
    v.points,
    v.state,
    v.proof_sent,
    v.validated_at,
    v.changed_at,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial)
        when p.alias = '—' then (select private.erased_name())
        else p.first_name end as name
from mpp.validation v
left join mpp.player p on p.id = v.player_id
left join mpp.edition_challenge c on c.id = v.challenge_id
left join mpp.challenge k on k.id = c.challenge_id;
comment on view api.league_validations is 'Validations in the caller''s leagues and classes. challenge and title are null for a hidden challenge that the caller has not found. Sort by validated_at desc.';
grant select on api.league_validations to authenticated, service_role;

-- The class page: teachers and families read the same rows. Points come from the ledger, because nobody sees the score
-- of a class that opted out of the ranking.
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
comment on view api.my_classes is 'The classes that the caller teaches, or follows as a family; the class code only for its teachers.';
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
    -- Teachers get the staff's sheets, so not even these tell of a flash challenge to come.
    and (c.kind <> 'flash' or c.opens_at <= (select private.read_clock()))
join mpp.challenge k on k.id = c.challenge_id
left join mpp.class_challenge x on x.league_id = l.id and x.challenge_id = c.id
left join lateral (
    select count(distinct v.player_id) as pupils, sum(v.points) as points
    from mpp.validation v
    where v.league_id = l.id and v.challenge_id = c.id and v.state = 'credited'
) v on true;
comment on view api.class_challenges is 'Challenges of the level of the caller''s classes: whether the class plays them, and what it did. Filter by class_id.';
grant select on api.class_challenges to authenticated, service_role;

create view api.open_leagues with (security_invoker = true) as
select l.id as league_id, l.edition_id, l.name, l.category, s.players, e.league_max_players
from mpp.league l
join mpp.edition e on e.id = l.edition_id
-- The score is what a visitor may read of a league. It also counts those who played and left, so a league may have one
-- more place than it shows, never one less.
join mpp.score s on s.subject_id = l.id
where l.is_open and l.listed and s.players between 1 and e.league_max_players - 1 and (select private.read_clock()) < e.registration_closes_at;
comment on view api.open_leagues is 'Open leagues that still have room; joining one requires a phone number.';
grant select on api.open_leagues to authenticated, service_role;

-- For the staff.
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

-- What teachers say of their work is for statistics: so the staff see it without a name.
create view api.teacher_statistics with (security_invoker = true) as
select t.role, t.subject, count(*) as teachers, min(t.registered_at) as first_registered_at, max(t.registered_at) as last_registered_at
from mpp.teacher t
where (select private.is_ops())
group by t.role, t.subject;
comment on view api.teacher_statistics is 'How many teachers have which role and subject. Staff only.';
grant select on api.teacher_statistics to authenticated, service_role;

-- Logs that one account fills: consents of an account, where it plays, and changes of who runs a league. Nobody reads
-- the consents themselves.
create function private.filled_logs()
    returns table (
        edition_id integer, player_id uuid, league_id uuid, pattern text, times bigint, first_at timestamptz, last_at timestamptz
    )
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_ops() then
        return;
    end if;
    return query
    select q.edition_id, q.id, q.league_id, 'consents', c.times, c.first_at, c.last_at
    from (
        select o.account_id, count(*) as times, min(o.given_at) as first_at, max(o.given_at) as last_at
        from mpp.consent o
        group by o.account_id, date_trunc('day', o.given_at at time zone 'Europe/Paris')
        having count(*) > 10
    ) c
    join mpp.player q on q.account_id = c.account_id
    union all
    select l.edition_id, null, l.id, 'hand-overs', h.times, h.first_at, h.last_at
    from (
        select a.subject, count(*) as times, min(a.at) as first_at, max(a.at) as last_at
        from mpp.audit a
        where a.action in ('league.hand_over', 'class.hand_over')
        group by a.subject, date_trunc('day', a.at at time zone 'Europe/Paris')
        having count(*) > 10
    ) h
    join mpp.league l on l.id::text = h.subject;
end
$$;
grant execute on function private.filled_logs to authenticated, service_role;

-- Misuse: more than ten validations within one minute, or more than forty in one day, by one player. Also what fills
-- logs: more than ten validations taken back, consents, or changes of who runs a league in one day.
create view api.misuse with (security_invoker = true) as
select
    m.edition_id,
    m.player_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
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
    group by v.edition_id, v.player_id, v.league_id, date_trunc('minute', v.validated_at, 'UTC')
    having count(*) > 10
    union all
    select
        v.edition_id, v.player_id, v.league_id, 'daily rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    where v.state <> 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('day', v.validated_at at time zone 'Europe/Paris')
    having count(*) > 40
    union all
    -- A teacher validates for the whole class, or enters a sheet of three weeks, in a minute: so a class is judged as a
    -- whole.
    select
        v.edition_id, null, v.league_id, 'class rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    join mpp.league l on l.id = v.league_id and l.school_id is not null
    join mpp.edition e on e.id = v.edition_id
    where v.state <> 'cancelled'
    group by v.edition_id, v.league_id, e.starts_at, e.ends_at
    having count(*) > 10 * count(distinct v.player_id) * greatest(extract(epoch from least((select private.read_clock()), e.ends_at) - e.starts_at) / 86400, 1)
    union all
    select
        v.edition_id, v.player_id, v.league_id, 'taken back', count(*), sum(v.points), min(v.changed_at), max(v.changed_at)
    from mpp.validation v
    where v.state = 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('day', v.changed_at at time zone 'Europe/Paris')
    having count(*) > 10
    union all
    select g.edition_id, g.player_id, g.league_id, g.pattern, g.times, 0, g.first_at, g.last_at from private.filled_logs() g
) m
left join mpp.player p on p.id = m.player_id
where (select private.is_ops()) and (m.player_id is null or p.alias is not null);
comment on view api.misuse is 'Players who validated implausibly fast: over 10 in a minute, or over 40 in a day. Classes (without player_id) with over 10 a day for each pupil. Also over 10 validations taken back or consents in a day, and leagues handed over as often (without player_id); validations is then their number. Staff only.';
grant select on api.misuse to authenticated, service_role;
-- What visitors write to the association: questions, requests for a quote or a webinar. Visitors only write. The staff
-- read, answer, and take down what is against the law.

create type api.contact_kind as enum ('contact', 'quote', 'webinar');

-- new → in_progress → answered, or spam; the staff may set any of them at any time.
create type api.contact_state as enum ('new', 'in_progress', 'answered', 'spam');

create table mpp.contact_request (
    id bigint generated always as identity primary key,
    kind api.contact_kind not null,
    name mpp.line not null,
    email text check (email is null or (email = lower(email) and private.is_mail_address(email))),
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
    is_held boolean not null default false,
    constraint contact_request_removed_with_reason check ((removed_at is null) = (removal_reason is null)),
    constraint contact_request_address_until_removed check ((removed_at is null) = (email is not null))
);
comment on table mpp.contact_request is 'Contact, quote and webinar requests; read by the staff only.';
comment on column mpp.contact_request.size is 'How many people would play.';
comment on column mpp.contact_request.is_held is 'Whether it came when there were too many, from its address or from all. It is then kept apart, and for 30 days if nobody takes it up.';
create index contact_request_held on mpp.contact_request (received_at) where is_held and state in ('new', 'spam');
create index contact_request_received on mpp.contact_request (received_at);
create index contact_request_handled_by on mpp.contact_request (handled_by) where handled_by is not null;
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
    c.removal_reason,
    c.is_held
from mpp.contact_request c cross join (select) read_only;
comment on view api.contact_requests is 'What visitors wrote, and how far it is answered; sort by id. Staff only.';
grant select on api.contact_requests to authenticated, service_role;

-- Limits are per address and for everybody together, never per IP: a whole school shares one. A message past a limit is
-- held: kept apart from those that the staff read first. The answer is the same, so it tells nothing about who has
-- written. Anybody can write in anybody's name, or two hundred times: neither loses an honest message. The room for
-- held messages is bounded, or the table would not be; only when it is full does the sender learn that nothing was
-- kept. The edge stops whoever fills that too (docs/operations.md).
create function private.send_contact_request(
    kind text, name text, email text, message text, organisation text, size integer, language text
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    per_address constant integer := 3;
    per_hour constant integer := 200;
    most_held constant integer := 5000;
    at timestamptz;
    address text := private.typed_address(email);
    written mpp.contact_request;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in();
    end if;
    perform private.require_no_maintenance();
    if kind is null or kind not in ('contact', 'quote', 'webinar') then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), 'Use contact, quote or webinar.');
    end if;
    -- The address to answer to goes into the header of a mail.
    if not private.is_mail_address(address) then
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
    if private.trimmed(left(organisation, 300)) <> '' then
        written.organisation := private.clean_line('organisation', organisation, 120);
    end if;

    -- One at a time, or twenty at once would all find room.
    perform pg_advisory_xact_lock(hashtext('mpp.contact_request'));
    at := private.clock();
    written.is_held := (
        select count(*) from mpp.contact_request c where not c.is_held and c.received_at > at - interval '1 hour'
    ) >= per_hour or (
        select count(*) from mpp.contact_request c where c.email = address and c.received_at > at - interval '24 hours'
    ) >= per_address;
    if written.is_held and (
        select count(*) from mpp.contact_request c where c.is_held and c.state = 'new'
    ) >= most_held then
        perform private.refuse('MP095');
    end if;
    insert into mpp.contact_request (kind, name, email, organisation, size, message, language, received_at, is_held)
    values (send_contact_request.kind::api.contact_kind, written.name, address, written.organisation, send_contact_request.size,
        written.message, send_contact_request.language, at, written.is_held);
end
$$;
grant execute on function private.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function api.send_contact_request(
    kind text, name text, email text, message text, organisation text default null, size integer default null,
    language text default 'fr'
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.send_contact_request(kind, name, email, message, organisation, size, language); end;
comment on function api.send_contact_request is 'Writes to the association: a question (kind contact), or a request for a quote or a webinar (kind quote, webinar). size is a number of people. No account is needed. Messages beyond three a day from one address, and two hundred an hour from all, are kept apart, and the answer does not say so. Errors: MP001, MP002, MP010, MP011, MP095.';
grant execute on function api.send_contact_request(text, text, text, text, text, integer, text)
    to anon, authenticated, service_role;

create function private.handle_contact_request(id bigint, state api.contact_state, note text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    said text;
begin
    perform private.require_ops();
    if state is null then
        perform private.refuse('MP010', 'state', 'it is empty', 'Use new, in_progress, answered or spam.');
    end if;
    account := private.lock_caller();
    if private.trimmed(left(note, 3000)) <> '' then
        said := private.clean_text('note', note, 2000);
    end if;
    update mpp.contact_request c
    set state = handle_contact_request.state,
        -- A note that is left out stays, an empty one clears it.
        note = case when handle_contact_request.note is null then c.note else said end,
        handled_at = private.clock(),
        handled_by = account
    where c.id = handle_contact_request.id;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('contact.handle', handle_contact_request.id::text,
        jsonb_build_object('state', handle_contact_request.state));
end
$$;
grant execute on function private.handle_contact_request to authenticated, service_role;

create function api.handle_contact_request(id bigint, state api.contact_state, note text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.handle_contact_request(id, state, note); end;
comment on function api.handle_contact_request is 'Marks how far a request is answered, with a note for colleagues. A note that is left out stays, an empty one clears it. Staff. Errors: MP001, MP005, MP006, MP010.';
grant execute on function api.handle_contact_request to authenticated, service_role;

-- Deletes text, name and address. That there was a request, when, and why it went, stays. Whoever has kept a copy can
-- prove by the digest what it was.
create function private.remove_contact_content(id bigint, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.remove_contact_content to authenticated, service_role;

create function api.remove_contact_content(id bigint, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_contact_content(id, reason); end;
comment on function api.remove_contact_content is 'Takes down the text, the name and the address of a request that is against the law, with a reason. The audit keeps that it was done, and a digest. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.remove_contact_content to authenticated, service_role;
-- How the staff get from what they were told, an alias, an address, a report, to the person, and back. Who looks says
-- why, and the audit keeps every look.

-- Names are found by how they begin, whatever their case and accents. Counts of these indexes are not kept
-- (99_ownership).
create index profile_alias on mpp.profile (private.folded(alias) text_pattern_ops) where alias is not null;
create index profile_last_name on mpp.profile (private.folded(last_name) text_pattern_ops);
create index player_alias on mpp.player (private.folded(alias) text_pattern_ops) where account_id is not null;

create type api.person as (
    account_id uuid,
    found_as text,
    email text,
    first_name text,
    last_name text,
    alias text,
    language text,
    is_minor boolean,
    is_disabled boolean,
    created_at timestamptz,
    open_reports integer,
    clients text[],
    places jsonb
);
comment on type api.person is 'An account and the person behind it. found_as is what they are in what was asked for: player, ambassador, teacher, reported, reporter. clients are the codes of those that they work for. places are their players and the leagues and classes that they run, the latest edition first, a hundred at most: [{"edition", "league_id", "league", "team", "player_id", "alias", "role", "listed", "points"}]; league is null once they have left.';

-- A typed name as the indexes have it; or the refusal that names the field.
create function private.sought(field text, value text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.folded(private.clean_line(field, value, 120));
begin
    if char_length(typed) < 2 then
        perform private.refuse('MP010', field, 'it is too short', 'Give two characters at least.');
    end if;
    return typed;
end
$$;

create function private.people_called(typed_alias text, how_many integer) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.sought('alias', typed_alias);
    beyond text := typed || chr(1114111);
begin
    return query
    select a.id
    from (
        (
            select p.id
            from mpp.profile p
            where p.alias is not null and private.folded(p.alias) ~>=~ typed and private.folded(p.alias) ~<~ beyond
            order by private.folded(p.alias) using ~<~, p.id
            limit how_many
        )
        union
        -- As a frozen edition shows them.
        (
            select p.account_id
            from mpp.player p
            where p.account_id is not null and private.folded(p.alias) ~>=~ typed and private.folded(p.alias) ~<~ beyond
            order by private.folded(p.alias) using ~<~, p.id
            limit how_many
        )
        union
        -- And as they were called before the staff took the name away.
        select n.account_id
        from mpp.name_change n
        where n.account_id is not null and private.folded(n.old_name) ~>=~ typed and private.folded(n.old_name) ~<~ beyond
    ) a (id);
end
$$;

-- By the beginning of a surname, and any other words of the name.
create function private.people_named(typed_name text, how_many integer) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    words text[] := regexp_split_to_array(private.sought('name', typed_name), '[ ’''-]+');
begin
    return query
    select distinct p.id
    from unnest(words) w (word)
    join mpp.profile p on private.folded(p.last_name) ~>=~ w.word and private.folded(p.last_name) ~<~ (w.word || chr(1114111))
    where char_length(w.word) >= 2
        and not exists (
            select
            from unnest(words) o (word)
            where strpos(' ' || translate(private.folded(p.first_name || ' ' || p.last_name), '’''-', '   '), ' ' || o.word) = 0
        )
    limit how_many;
end
$$;

-- A league or a class by its id, its code, or its whole name.
create function private.leagues_meant(typed_league text) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.sought('league', typed_league);
    typed_code text := translate(upper(regexp_replace(left(typed_league, 40), '[\s-]', '', 'g')), 'OIL', '011');
begin
    if typed ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return next typed::uuid;
        return;
    end if;
    return query
    select c.league_id from mpp.join_code c where c.code = typed_code
    union
    select c.league_id from mpp.class_code c where c.code = typed_code
    union
    select l.id from mpp.league l where lower(l.name) = lower(private.trimmed(typed_league)) or private.folded(l.name) = typed;
end
$$;

create function private.find_people(
    alias text, address text, name text, league text, player_id uuid, account_id uuid, report_id bigint, mail_key text,
    reason text, how_many integer
) returns setof api.person
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    asked jsonb;
    found jsonb;
begin
    perform private.require_ops();
    why := private.clean_line('reason', find_people.reason, 300);
    if num_nonnulls(alias, address, name, league, player_id, account_id, report_id, mail_key) <> 1 then
        perform private.refuse('MP010', 'alias', 'give one thing to look for', 'Give an alias, an address, a name, a league, a player, an account, a report or a mail.');
    end if;
    if how_many is null or how_many not between 1 and 50 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 50.');
    end if;
    -- {account: what they are in what was asked}
    select jsonb_object_agg(a.id, a.found_as) into found
    from (
        select x.id, min(x.found_as) as found_as
        from (
            select p.id, null::text as found_as
            from private.people_called(find_people.alias, how_many) p (id)
            where find_people.alias is not null
            union all
            select u.id, null::text from auth.users u where u.email = lower(private.trimmed(left(find_people.address, 300)))
            union all
            select p.id, null::text
            from private.people_named(find_people.name, how_many) p (id)
            where find_people.name is not null
            union all
            select r.account_id, r.role
            from private.leagues_meant(find_people.league) l (id)
            cross join lateral (
                select b.account_id, case when b.player_id is null then 'teacher' else 'ambassador' end as role
                from mpp.ambassador b
                where b.league_id = l.id
                union all
                select p.account_id, 'player' from mpp.player p where p.league_id = l.id
            ) r
            where find_people.league is not null
            union all
            select p.account_id, null::text from mpp.player p where p.id = find_people.player_id
            union all
            select u.id, null::text from auth.users u where u.id = find_people.account_id
            union all
            select a.id, a.found_as
            from mpp.conduct_report r
            cross join lateral (values (r.account_id, 'reported'), (r.reported_by, 'reporter')) a (id, found_as)
            where r.id = find_people.report_id
            union all
            select coalesce(m.account_id, u.id), null::text
            from mpp.outbox m
            left join auth.users u on u.email = m.address
            where m.key = find_people.mail_key
        ) x
        where x.id is not null
        group by x.id
        order by min(x.found_as), x.id
        limit how_many
    ) a;
    -- The audit is for good. So of a name or an address it keeps a digest, by which one can prove what was asked, and
    -- the accounts that were shown. Ids stand as they are.
    select jsonb_build_object('by', k.key)
        || case when k.key in ('alias', 'address', 'name')
            then jsonb_build_object('asked_sha256', encode(sha256(convert_to(private.folded(private.trimmed(k.value)), 'UTF8')), 'hex'))
            else jsonb_build_object('asked', left(k.value, 200)) end
    into asked
    from jsonb_each_text(jsonb_build_object(
        'alias', find_people.alias, 'address', find_people.address, 'name', find_people.name, 'league', find_people.league,
        'player', find_people.player_id, 'account', find_people.account_id, 'report', find_people.report_id, 'mail', find_people.mail_key)) k
    where k.value is not null;
    perform private.record_act('person.show', null, asked || jsonb_build_object(
        'reason', why,
        'shown', (select count(*) from jsonb_object_keys(coalesce(found, '{}'))),
        'accounts', coalesce((select jsonb_agg(f.key) from jsonb_object_keys(found) f (key)), '[]')));
    return query
    select u.id, found ->> u.id::text, u.email::text, f.first_name::text, f.last_name::text, f.alias::text, f.language,
        private.is_under(u.id, 18), not private.is_live(u), u.created_at,
        (select count(*)::integer from mpp.conduct_report r where r.account_id = u.id and r.resolved_at is null),
        array(
            select o.code from mpp.staff s join mpp.organisation o on o.id = s.organisation_id where s.account_id = u.id order by o.code
        ),
        private.places_of(u.id)
    from jsonb_object_keys(found) a (id)
    join auth.users u on u.id = a.id::uuid
    left join mpp.profile f on f.id = u.id
    order by found ->> u.id::text, f.alias, u.email, u.id;
end
$$;
grant execute on function private.find_people to authenticated, service_role;

-- Where somebody plays, and what they run.
create function private.places_of(account uuid) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select jsonb_agg(jsonb_build_object(
            'edition', x.edition, 'league_id', x.league_id, 'league', x.league, 'team', x.team, 'player_id', x.player_id,
            'alias', x.alias, 'role', x.role, 'listed', x.listed, 'points', x.points
        ) order by x.starts_at desc, x.edition, x.league)
        from (
            select e.code as edition, e.starts_at, l.id as league_id, l.name as league, t.name as team, p.id as player_id, p.alias,
                case when b.is_principal then 'ambassador' when b.league_id is not null then 'co-ambassador'
                    when p.league_id is null then 'left' else 'player' end as role,
                p.listed, s.points
            from mpp.player p
            join mpp.edition e on e.id = p.edition_id
            left join mpp.league l on l.id = p.league_id
            left join mpp.team t on t.id = p.team_id
            left join mpp.ambassador b on b.league_id = p.league_id and b.account_id = p.account_id
            left join mpp.score s on s.subject_id = p.id
            where p.account_id = account
            union all
            select e.code, e.starts_at, l.id, l.name, null, null, null, 'teacher', l.listed, s.points
            from mpp.ambassador b
            join mpp.league l on l.id = b.league_id and l.school_id is not null
            join mpp.edition e on e.id = l.edition_id
            left join mpp.score s on s.subject_id = l.id
            where b.account_id = account
            order by starts_at desc, edition, league
            limit 100
        ) x
    ), '[]');
end
$$;

create function api.find_people(
    reason text, alias text default null, address text default null, name text default null, league text default null,
    player_id uuid default null, account_id uuid default null, report_id bigint default null, mail_key text default null,
    how_many integer default 10
) returns setof api.person
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select * from private.find_people(alias, address, name, league, player_id, account_id, report_id, mail_key, reason, how_many);
end;
comment on function api.find_people is 'Finds people by one of these: the beginning of an alias, present or taken away; an address; the beginning of a surname, with other words of the name if need be; a league or class (id, code or name), with all who play in it or run it; a player; an account; a report of conduct; a mail. Returns fifty at most, each with address and surname, and nothing of pupils, who have none. The audit keeps each look: who looked, for what and why, whom it showed. Staff. Errors: MP006, MP010.';
grant execute on function api.find_people to authenticated, service_role;
-- The outbox: which mail goes to whom, decided at the moment it leaves. `mpp mail send` sends (mpp_supabase/mail, which
-- also has the texts). Here is what makes it safe: one mail per key with one Message-ID, and claims that end.

create type api.mail_purpose as enum ('service', 'invitation', 'weekly_report', 'league_alerts', 'newsletter');

create type api.mail_state as enum (
    'queued', -- -> sending, dropped
    'sending', -- -> sent, queued, failed, uncertain; the one mail that its sender has claimed
    'sent',
    'failed', -- -> queued, by a person
    'dropped', -- its reader must not get it (any more)
    'uncertain' -- -> sent, queued, failed; the server may have taken it, and nobody knows
);

create table mpp.outbox (
    id bigint generated always as identity primary key,
    key text not null unique check (key ~ '^[!-~]{1,200}$'),
    -- The part before the @ is made of the key, so the same mail has the same Message-ID in a database restored from a
    -- backup. The domain is that of the first sender, and stays.
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
    next_attempt_at timestamptz not null default private.clock(),
    useful_until timestamptz,
    claimed_by uuid,
    claimed_at timestamptz,
    claim_expires_at timestamptz,
    sent_to text,
    reply text,
    queued_at timestamptz not null default private.clock(),
    sent_at timestamptz,
    constraint outbox_one_recipient check (num_nonnulls(account_id, address) = 1),
    -- A mail that needs a consent cannot go to somebody who could not have given one.
    constraint outbox_consent_is_of_accounts check (purpose not in ('newsletter', 'league_alerts') or account_id is not null),
    constraint outbox_claim_is_whole check (
        state not in ('sending', 'uncertain') or num_nulls(claimed_by, claimed_at, claim_expires_at, message_domain) = 0
    ),
    constraint outbox_sent_has_time check ((state = 'sent') = (sent_at is not null))
);
comment on table mpp.outbox is 'Mails: to send, claimed, sent or given up; one for each key.';
comment on column mpp.outbox.data is 'Only what the mail shows; emptied once it was sent, because it may hold a code.';
comment on column mpp.outbox.attempt is 'How often it was claimed. It names one claim, so that nobody settles another one.';
comment on column mpp.outbox.failures is 'How often a server said "later".';
comment on column mpp.outbox.organisation_id is 'Only for staff of this client, inside their dates at the moment it is sent.';
comment on column mpp.outbox.league_id is 'Only for those who run this league at the moment it is sent; a league_note also for those who play in it.';
create index outbox_account on mpp.outbox (account_id);
create index outbox_organisation on mpp.outbox (organisation_id);
create index outbox_league on mpp.outbox (league_id);

-- How many invitations a mailbox got within a day (62_participant, mail_obstacle).
create index outbox_invitation on mpp.outbox (private.mailbox_of(address), queued_at)
    where template in ('staff_invitation', 'player_invitation');

-- An invitation does not wait behind a newsletter.
create index outbox_queued on mpp.outbox ((purpose <> 'service'), next_attempt_at, id) where state = 'queued';
create index outbox_in_hand on mpp.outbox (claim_expires_at) where state in ('sending', 'uncertain');

alter table mpp.outbox enable row level security;

-- Only the association's staff read mails. Nobody reads tokens and suppressions.
create policy outbox_select_ops on mpp.outbox
    for select to authenticated
    using ((select private.is_ops()));

-- address, sent_to and data are not granted: a code in an invitation is for its reader.
grant select (id, key, message_part, message_domain, purpose, account_id, organisation_id, league_id, template, language, state,
    attempt, failures, next_attempt_at, useful_until, claimed_by, claimed_at, claim_expires_at, reply, queued_at, sent_at)
    on mpp.outbox to authenticated, service_role;

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
    m.sent_at,
    m.claimed_by
from mpp.outbox m cross join (select) read_only
where (select private.is_ops());
comment on view api.ops_outbox is 'Every mail and what became of it, without its address and content; sort by id. Staff only.';
grant select on api.ops_outbox to authenticated, service_role;

-- The part of a Message-ID before the @.
create function private.message_part(key text) returns text
    language sql immutable strict set search_path = pg_catalog, pg_temp
as $$ select substr(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 1, 40) $$;

-- Queues one mail and says whether it is new: queuing the same key again changes nothing. For other functions of this
-- schema, which have checked who asks. The recipient is an account, whose address is read when the mail leaves, or an
-- address.
create function private.queue_mail(
    key text, template text, data jsonb, purpose api.mail_purpose default 'service', account_id uuid default null,
    address text default null, language text default null, organisation_id integer default null,
    league_id uuid default null, useful_until timestamptz default null, send_after timestamptz default null
) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
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
    -- Checked here and not by the constraints, whose errors show the whole row.
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
    if account_id is not null then
        -- Queue nothing for an account that was deleted a moment ago.
        perform from auth.users u where u.id = queue_mail.account_id for key share;
        if not found then
            return false;
        end if;
    end if;
    insert into mpp.outbox (key, message_part, template, data, purpose, account_id, address, language, organisation_id, league_id,
        useful_until, next_attempt_at)
    values (queue_mail.key, private.message_part(queue_mail.key), queue_mail.template,
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
comment on function private.queue_mail is 'Queues a mail once for its key; true when it is new. Callers have checked who asks. Errors: MP010.';

-- Why this mail must not leave now; null when it may. claim_mail asks it, and nothing earlier: somebody who
-- unsubscribes, loses their access or bounces between queuing and sending gets nothing.
create function private.mail_obstacle(mail mpp.outbox, reader_address text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    if mail.useful_until <= at then
        return 'too late';
    end if;
    if reader_address is null or not private.is_mail_address(reader_address) then
        return 'no address';
    end if;
    if mail.account_id is not null then
        if not private.is_live(mail.account_id) then
            return 'account disabled';
        end if;
        -- Somebody who signed up with another person's address: that person has not asked for mail.
        if mail.purpose <> 'service'
            and exists (select from auth.users u where u.id = mail.account_id and u.email_confirmed_at is null) then
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
    -- Five a day over all clients. None of them may learn what others write to a mailbox, so a mail beyond that is
    -- dropped silently. One sender at a time for a mailbox, or two would both find room (claim_mail).
    if mail.purpose = 'invitation' and (
        select count(*)
        from mpp.outbox m
        where m.template in ('staff_invitation', 'player_invitation')
            and private.mailbox_of(m.address) = private.mailbox_of(reader_address)
            and m.state in ('sending', 'sent', 'uncertain') and coalesce(m.sent_at, m.claimed_at) > at - interval '24 hours'
            and m.id <> mail.id
    ) >= 5 then
        return 'mailbox has had five invitations';
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
    if mail.template in ('expulsion', 'client_without_owner') and not exists (select from mpp.ops_member o where o.account_id = mail.account_id) then
        return 'no longer of the staff';
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

create function private.mail_address(mail mpp.outbox) returns text
    language sql stable set search_path = pg_catalog, pg_temp
as $$ select coalesce(mail.address, (select u.email::text from auth.users u where u.id = mail.account_id)) $$;

-- A mail holds what only its reader may know, and a token in their name: only the secret key sends.
create function private.require_service() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
end
$$;

create function private.queue_mails(mails jsonb) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.queue_mails to service_role;

create function api.queue_mails(mails jsonb) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_mails(mails); end;
comment on function api.queue_mails is 'Queues mails: [{"key", "template", "data", "purpose", "account_id" or "address", "language", "organisation_id", "league_id", "useful_until", "send_after"}]. Returns how many are new, since a key is queued once. Secret key only. Errors: MP006, MP010.';
grant execute on function api.queue_mails to service_role;

create type api.due_mail as (
    id bigint, key text, purpose api.mail_purpose, template text, language text, address text, obstacle text
);
comment on type api.due_mail is 'A mail that would leave now, or why it would not.';

create function private.due_mails(how_many integer) returns setof api.due_mail
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.due_mails to service_role;

create function api.due_mails(how_many integer default 100) returns setof api.due_mail
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.due_mails(how_many); end;
comment on function api.due_mails is 'Lists the next mails to leave, and why some would not; changes nothing. Secret key only. Errors: MP006.';
grant execute on function api.due_mails to service_role;

create type api.claimed_mail as (
    id bigint, attempt integer, message_id text, address text, first_name text, purpose api.mail_purpose, template text,
    language text, data jsonb, unsubscribe_token text, claim_expires_at timestamptz
);
comment on type api.claimed_mail is 'A mail claimed by its sender, until the claim expires.';

-- One mail at a time: a sender that dies leaves exactly one mail in doubt. A sender whose answer got lost asks again
-- and gets the same mail, which it cannot have sent.
create function private.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
        if m.account_id is not null and m.purpose <> 'service' then
            -- The way out that is written below refers to the account. One that is being deleted at this moment waits for
            -- its mails: this mail steps back, and goes with it or comes again.
            perform from auth.users u where u.id = m.account_id for key share skip locked;
            if not found then
                update mpp.outbox o set state = 'queued', next_attempt_at = at + interval '1 minute' where o.id = m.id;
                continue;
            end if;
        end if;
        reader := private.mail_address(m);
        if m.purpose = 'invitation' then
            perform pg_advisory_xact_lock(hashtext('mpp.mailbox'), hashtext(private.mailbox_of(reader)));
        end if;
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
        ), case when m.template = 'expulsion' then private.report_content((m.data ->> 'report')::bigint) end, '{}'),
        token, m.claim_expires_at
    )::api.claimed_mail;
end
$$;
grant execute on function private.claim_mail to service_role;

create function api.claim_mail(worker uuid, lease_seconds integer, message_domain text) returns setof api.claimed_mail
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.claim_mail(worker, lease_seconds, message_domain); end;
comment on function api.claim_mail is 'Claims the next mail for so many seconds. A sender that asks again before it has settled the mail gets the same one. Drops mails that must not leave (any more). Returns nothing when none is due. Secret key only. Errors: MP006, MP010.';
grant execute on function api.claim_mail to service_role;

create function private.settle_mail(id bigint, attempt integer, worker uuid, outcome text, reply text, retry_seconds integer)
    returns api.mail_state
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    -- The sender repeats itself, because the answer got lost.
    if (outcome, m.state::text) in (('sent', 'sent'), ('unavailable', 'queued'), ('later', 'queued'), ('later', 'failed'),
            ('unknown', 'uncertain'), ('refused', 'failed'), ('bounced', 'failed'))
        and m.reply is not distinct from left(settle_mail.reply, 500) then
        return m.state;
    end if;
    -- A delivery is accepted at any time, even after the claim has ended: the mail must not be sent again. Everything
    -- else is accepted only of a claimed mail.
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
grant execute on function private.settle_mail to service_role;

create function api.settle_mail(
    id bigint, attempt integer, worker uuid, outcome text, reply text default null, retry_seconds integer default null
) returns api.mail_state
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_mail(id, attempt, worker, outcome, reply, retry_seconds); end;
comment on function api.settle_mail is 'Records what became of a claimed mail: sent; later (the server asks for patience: ten times, then failed); unavailable (it never left, through no fault of its own); refused; bounced (the address does not exist); unknown (the connection broke after the content had left). Returns its new state. Secret key only. Errors: MP006, MP010, MP096, MP097.';
grant execute on function api.settle_mail to service_role;

create type api.stranded_mail as (
    id bigint, key text, attempt integer, message_id text, state api.mail_state, claimed_at timestamptz, address text
);
comment on type api.stranded_mail is 'A mail that a server may or may not have taken.';

create function private.stranded_mails() returns setof api.stranded_mail
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.stranded_mails to service_role;

create function api.stranded_mails() returns setof api.stranded_mail
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.stranded_mails(); end;
comment on function api.stranded_mails is 'Lists mails whose sender died, or lost the server''s last answer: each may have been delivered or not. Secret key only. Errors: MP006.';
grant execute on function api.stranded_mails to service_role;

create function private.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
    -- The attempt is named, so that what a server said of one attempt is never taken for the answer about a later one.
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
grant execute on function private.settle_stranded to service_role;

create function api.settle_stranded(id bigint, attempt integer, verdict text) returns api.mail_state
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_stranded(id, attempt, verdict); end;
comment on function api.settle_stranded is 'Settles a mail of stranded_mails, or queues a failed one again: delivered, not_delivered (it is queued again), unknown (it waits for a person) or given_up. Secret key only. Errors: MP006, MP010, MP096, MP097.';
grant execute on function api.settle_stranded to service_role;
-- Mails to many: the newsletter, the announcement of new terms of use, and the note of a league's week. The note goes to those who agreed to the alerts of
-- their league: its players and whoever runs it, also the teachers of a class. Ambassadors of a client's league get the
-- note of the client's report instead (weekly_readers): one mail a week.

create table mpp.newsletter (
    code text not null check (code ~ '^[a-z0-9-]{3,60}$'),
    language text not null check (language in ('fr', 'en')),
    subject mpp.line not null,
    body text not null check (octet_length(body) between 1 and 100000),
    created_at timestamptz not null default private.clock(),
    primary key (code, language)
);
comment on table mpp.newsletter is 'Newsletters: one text for everybody who gets it.';

alter table mpp.newsletter enable row level security;

create type api.newsletter_batch as (queued integer, already integer, after uuid);
comment on type api.newsletter_batch is 'What one call of queue_newsletter or queue_terms_notices did. The next batch begins at after, which is null at the end.';

-- One batch per call, each its own transaction. A run that is cut off begins again, and what was queued stays queued
-- once.
create function private.queue_newsletter(code text, language text, subject text, body text, after uuid, how_many integer)
    returns api.newsletter_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    known mpp.newsletter;
    reader uuid;
    seen integer := 0;
    batch api.newsletter_batch := row (0, 0, null);
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
        batch.after := reader;
        if private.queue_mail(format('newsletter/%s/%s', queue_newsletter.code, reader), 'newsletter',
            jsonb_build_object('newsletter', queue_newsletter.code), 'newsletter', account_id => reader,
            language => queue_newsletter.language) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if seen < how_many then
        batch.after := null;
    end if;
    if batch.queued > 0 then
        perform private.record_act('newsletter.queue', queue_newsletter.code,
            jsonb_build_object('language', queue_newsletter.language, 'queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_newsletter to service_role;

create function api.queue_newsletter(
    code text, language text, subject text, body text, after uuid default null, how_many integer default 500
) returns api.newsletter_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_newsletter(code, language, subject, body, after, how_many); end;
comment on function api.queue_newsletter is 'Queues a newsletter for the next people who agreed to it, in their language, each once. Call it again with after until after is null. Secret key only. Errors: MP006, MP010, MP098.';
grant execute on function api.queue_newsletter to service_role;

-- To everybody who has not accepted this version, once. It is a service mail: nobody unsubscribes from what they are
-- bound by. One batch per call, each its own transaction.
create function private.queue_terms_notices(version text, after uuid, how_many integer) returns api.newsletter_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    terms mpp.terms_version;
    reader record;
    seen integer := 0;
    batch api.newsletter_batch := row (0, 0, null);
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    select * into terms from mpp.terms_version t where t.version = queue_terms_notices.version;
    if not found or exists (select from mpp.terms_version t where t.published_at > terms.published_at) then
        perform private.refuse('MP010', 'version', coalesce(left(version, 40), 'it is empty'), 'Announce the version that was published last.');
    end if;
    for reader in
        select p.id, case p.language when 'fr' then 'fr' else 'en' end as mail_language, p.language
        from mpp.profile p
        where p.id > coalesce(queue_terms_notices.after, '00000000-0000-0000-0000-000000000000')
            and p.terms_published_at < terms.published_at
        order by p.id
        limit how_many
    loop
        seen := seen + 1;
        batch.after := reader.id;
        if private.queue_mail(format('terms/%s/%s', terms.version, reader.id), 'terms_notice',
            jsonb_build_object('version', terms.version, 'effective_at', terms.effective_at,
                'link', coalesce(terms.address ->> reader.language, terms.address ->> reader.mail_language)),
            account_id => reader.id, language => reader.mail_language) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if seen < how_many then
        batch.after := null;
    end if;
    if batch.queued > 0 then
        perform private.record_act('terms.announce', terms.version, jsonb_build_object('queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_terms_notices to service_role;

create function api.queue_terms_notices(version text, after uuid default null, how_many integer default 500) returns api.newsletter_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_terms_notices(version, after, how_many); end;
comment on function api.queue_terms_notices is 'Queues the announcement of the version of the terms that was published last, for the next people who have not accepted it, each once. Call it again with after until after is null. Secret key only. Errors: MP006, MP010.';
grant execute on function api.queue_terms_notices to service_role;

create type api.league_note_batch as (leagues integer, queued integer, already integer, after uuid);
comment on type api.league_note_batch is 'What one call of queue_league_notes did. The next batch begins at after, which is null at the end.';

-- One batch of whole leagues per call, with so many players together, each its own transaction. A run that is cut off
-- begins again, and what was queued stays queued once.
create function private.queue_league_notes(edition_code text, after uuid, how_many integer, dry_run boolean)
    returns api.league_note_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    e mpp.edition;
    week record;
    too_late timestamptz;
    note record;
    batch api.league_note_batch := row (0, 0, 0, null);
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    select * into e from mpp.edition x where x.code = queue_league_notes.edition_code;
    if not found then
        perform private.refuse('MP020', coalesce(left(edition_code, 60), '—'));
    end if;
    select w.* into week from private.weeks_of(e.id, at) w order by w.number desc limit 1;
    too_late := (week.last_day + 8)::timestamp at time zone e.time_zone;
    -- Nothing has happened yet, or it is no news any more.
    if e.opened_at is null or week.number is null or at >= too_late then
        perform private.refuse_not_running(e);
    end if;
    for note in
        with next_one as (
            select l.id, l.name, l.school_id is not null as is_class, l.participation_id is not null as of_client,
                s.points, s.players, s.value, s.listed
            from mpp.league l
            join mpp.score s on s.subject_id = l.id
            where l.edition_id = e.id and l.id > coalesce(queue_league_notes.after, '00000000-0000-0000-0000-000000000000')
            order by l.id
            limit how_many
        ), league as (
            -- At least one league, and more until they have so many players together.
            select n.*
            from (select x.*, sum(x.players) over (order by x.id) - x.players as earlier from next_one x) n
            where n.earlier < how_many
        ), figures as (
            select l.id, l.points, l.players, case when l.listed then private.rank_of(e.id, 'league', l.value) end as rank,
                v.validations, v.validations_change, v.points_change
            from league l
            cross join lateral (
                select
                    count(*) as validations,
                    count(*) filter (where x.validated_at >= week.opens) as validations_change,
                    coalesce(sum(x.points) filter (where x.validated_at >= week.opens), 0) as points_change
                from mpp.validation x
                where x.league_id = l.id and x.state = 'credited'
            ) v
        ), reader as (
            select p.league_id, p.account_id, p.id as player_id
            from league l
            join mpp.player p on p.league_id = l.id and p.account_id is not null
            union all
            select a.league_id, a.account_id, null
            from league l
            join mpp.ambassador a on a.league_id = l.id
            where not exists (select from mpp.player p where p.league_id = l.id and p.account_id = a.account_id)
        )
        select l.id, l.name, l.is_class, f.rank, f.points, f.players, f.validations, f.validations_change, f.points_change, r.account_id,
            case p.language when 'fr' then 'fr' else 'en' end as language,
            mine.points as own_points, mine.this_week as own_change,
            format('league-note/%s/%s/%s', l.id, week.number, r.account_id) as key
        from league l
        join figures f on f.id = l.id
        left join (
            reader r
            join mpp.profile p on p.id = r.account_id
            cross join lateral (
                select c.granted
                from mpp.consent c
                where c.account_id = r.account_id and c.purpose = 'league_alerts'
                order by c.id desc
                limit 1
            ) latest
        ) on r.league_id = l.id
            and latest.granted
            and not (l.of_client and exists (
                select from mpp.ambassador a where a.league_id = l.id and a.account_id = r.account_id
            ))
        left join lateral (
            select s.points, (
                select coalesce(sum(x.points), 0)
                from mpp.validation x
                where x.player_id = r.player_id and x.state = 'credited' and x.validated_at >= week.opens
            ) as this_week
            from mpp.score s
            where s.subject_id = r.player_id
        ) mine on true
        order by l.id
    loop
        if batch.after is distinct from note.id then
            batch.leagues := batch.leagues + 1;
            batch.after := note.id;
        end if;
        if note.account_id is null then
            continue;
        end if;
        if dry_run and not exists (select from mpp.outbox o where o.key = note.key) then
            batch.queued := batch.queued + 1;
        elsif not dry_run and private.queue_mail(
            note.key, 'league_note',
            jsonb_build_object(
                'league', note.name,
                'edition', coalesce(e.title ->> note.language, e.title ->> 'en', e.code),
                'is_class', note.is_class,
                'rank', note.rank,
                'own_points', note.own_points,
                'own_change', note.own_change,
                'figures', jsonb_build_array(
                    jsonb_build_object('name', case when note.is_class then 'pupils' else 'players' end, 'value', note.players),
                    jsonb_build_object('name', 'validations', 'value', note.validations, 'change', note.validations_change),
                    jsonb_build_object('name', 'points', 'value', note.points, 'change', note.points_change)
                )
            ),
            'league_alerts', account_id => note.account_id, language => note.language, league_id => note.id,
            useful_until => too_late
        ) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if not exists (select from mpp.league l where l.edition_id = e.id and l.id > batch.after) then
        batch.after := null;
    end if;
    if batch.queued > 0 and not dry_run then
        perform private.record_act('league_notes.queue', e.code, jsonb_build_object('week', week.number, 'queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_league_notes to service_role;

create function api.queue_league_notes(
    edition_code text, after uuid default null, how_many integer default 500, dry_run boolean default false
) returns api.league_note_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_league_notes(edition_code, after, how_many, dry_run); end;
comment on function api.queue_league_notes is 'Queues the notes of the week for the players and ambassadors who agreed to alerts, each once a week, for the next leagues with how_many players together. Call it again with after until after is null. dry_run only counts. Secret key only. Errors: MP006, MP010, MP020, MP022.';
grant execute on function api.queue_league_notes to service_role;
-- Who wants no mail, and which addresses do not exist. What stops a mail is mail_obstacle in 94_outbox.

create table mpp.unsubscribe_token (
    digest bytea primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    made_at timestamptz not null default private.clock(),
    constraint unsubscribe_token_one_reader check (num_nonnulls(account_id, address) = 1)
);
comment on table mpp.unsubscribe_token is 'Digests of the tokens in unsubscribe links; the tokens themselves are in the mails only.';
create index unsubscribe_token_account on mpp.unsubscribe_token (account_id);

create table mpp.mail_suppression (
    id bigint generated always as identity primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    since timestamptz not null default private.clock(),
    constraint mail_suppression_one_reader check (num_nonnulls(account_id, address) = 1),
    constraint mail_suppression_account unique (account_id, purpose),
    constraint mail_suppression_address unique (address, purpose)
);
comment on table mpp.mail_suppression is 'Who unsubscribed from mails that rest on no consent: weekly reports, and invitations to an address without an account.';

create table mpp.mail_bounce (
    id bigint generated always as identity primary key,
    address text not null check (address = lower(address) and private.is_mail_address(address)),
    is_hard boolean not null,
    reason text not null check (char_length(reason) <= 500),
    outbox_id bigint references mpp.outbox (id) on delete set null,
    bounced_at timestamptz not null default private.clock(),
    cleared_at timestamptz
);
comment on table mpp.mail_bounce is 'Addresses that refused a mail. A hard bounce that was not cleared stops every mail to its address.';
create index mail_bounce_address on mpp.mail_bounce (address);
create index mail_bounce_outbox on mpp.mail_bounce (outbox_id);

alter table mpp.unsubscribe_token enable row level security;
alter table mpp.mail_suppression enable row level security;
alter table mpp.mail_bounce enable row level security;

create policy mail_bounce_select_ops on mpp.mail_bounce
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.mail_bounce to authenticated, service_role;

create view api.mail_bounces with (security_invoker = true) as
select b.id, b.address, b.is_hard, b.reason, b.outbox_id, b.bounced_at, b.cleared_at
from mpp.mail_bounce b cross join (select) read_only
where (select private.is_ops());
comment on view api.mail_bounces is 'Addresses that refused a mail; sort by id. Staff only.';
grant select on api.mail_bounces to authenticated, service_role;

create function private.record_bounce_of(address text, is_hard boolean, reason text, outbox_id bigint) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    insert into mpp.mail_bounce (address, is_hard, reason, outbox_id)
    values (lower(address), is_hard, left(coalesce(reason, ''), 500), outbox_id)
$$;

create function private.record_bounce(address text, is_hard boolean, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.record_bounce to authenticated, service_role;

create function api.record_bounce(address text, is_hard boolean, reason text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_bounce(address, is_hard, reason); end;
comment on function api.record_bounce is 'Records that a mail came back. A hard bounce (the address does not exist) stops every mail to it; a soft one (full, away) is only recorded. Staff only. Errors: MP006, MP010.';
grant execute on function api.record_bounce to authenticated, service_role;

create function private.clear_bounces(address text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
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
grant execute on function private.clear_bounces to authenticated, service_role;

create function api.clear_bounces(address text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.clear_bounces(address); end;
comment on function api.clear_bounces is 'Lets an address get mail again. Returns how many bounces were cleared. Somebody who unsubscribed stays unsubscribed. Staff only. Errors: MP006.';
grant execute on function api.clear_bounces to authenticated, service_role;

-- The token is the proof: nobody signs in to unsubscribe. It works during maintenance too, because a mail program asks
-- once. The answer is the same, whatever the token.
create function private.unsubscribe(token text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    t mpp.unsubscribe_token;
begin
    if token is null or octet_length(token) > 200 then
        return;
    end if;
    select * into t from mpp.unsubscribe_token u where u.digest = sha256(convert_to(token, 'UTF8'));
    -- The account first, as in its deletion, which deletes the token.
    perform from auth.users u where u.id = t.account_id for key share;
    -- Locked: pressing twice writes once.
    select * into t from mpp.unsubscribe_token u where u.digest = t.digest for update;
    if not found then
        return;
    end if;
    if t.purpose in ('newsletter', 'league_alerts') then
        insert into mpp.consent (account_id, purpose, granted, text_version, channel)
        select t.account_id, t.purpose::text::api.consent_purpose, false, (private.current_terms()).version, 'mail'
        where coalesce((
            select c.granted
            from mpp.consent c
            where c.account_id = t.account_id and c.purpose::text = t.purpose::text
            order by c.id desc
            limit 1
        ), false);
    else
        -- For the mailbox, or the next mail would come to it under another tag.
        insert into mpp.mail_suppression (purpose, account_id, address)
        values (t.purpose, t.account_id, private.mailbox_of(t.address))
        on conflict do nothing;
    end if;
end
$$;
grant execute on function private.unsubscribe to anon, authenticated, service_role;

create function api.unsubscribe(token text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.unsubscribe(token); end;
comment on function api.unsubscribe is 'Stops the kind of mail that a link was in, without signing in: withdraws the consent, or records the address. Asking again, or with an unknown token, gives the same answer. Errors: none.';
grant execute on function api.unsubscribe to anon, authenticated, service_role;

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

alter index mpp.outbox_invitation alter column 1 set statistics 0;
-- What the database holds about a person, as one JSON document: for its owner, at any time, and for the staff who answer a
-- request. Rows come as they are kept, so that a new column is in it by itself; the secrets and the other people that a
-- row names are taken out by name (tests/sql/test_export.py lists each with its reason).

-- The most rows of a table: an account has fewer, because its growth is bounded. What is beyond is counted.
create function private.export_rows(found jsonb, how_many bigint) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when how_many > 5000 then jsonb_build_object('rows', found, 'left_out', how_many - 5000) else coalesce(found, '[]') end $$;

create function private.personal_data(account uuid) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    my_address text;
    my_players uuid[];
    kept jsonb;
begin
    -- An address that nobody has confirmed may be somebody else's.
    select lower(u.email) into my_address from auth.users u where u.id = account and u.email_confirmed_at is not null;
    my_players := array(select p.id from mpp.player p where p.account_id = account);
    select jsonb_build_object(
        'account', (
            select jsonb_build_object('id', u.id, 'email', u.email, 'email_confirmed_at', u.email_confirmed_at, 'created_at', u.created_at,
                'last_sign_in_at', u.last_sign_in_at, 'is_anonymous', u.is_anonymous)
            from auth.users u where u.id = account
        ),
        'session', (
            select jsonb_agg(jsonb_build_object('created_at', s.created_at, 'refreshed_at', s.refreshed_at, 'aal', s.aal, 'user_agent', s.user_agent,
                'ip', s.ip) order by s.created_at)
            from auth.sessions s where s.user_id = account
        ),
        'factor', (
            select jsonb_agg(jsonb_build_object('friendly_name', x.friendly_name, 'factor_type', x.factor_type, 'status', x.status,
                'created_at', x.created_at) order by x.created_at)
            from auth.mfa_factors x where x.user_id = account
        ),
        'profile', (select to_jsonb(f) from mpp.profile f where f.id = account),
        'account_proof', (select to_jsonb(x) - 'account_id' from mpp.account_proof x where x.account_id = account),
        'consent', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.consent x where x.account_id = account),
        'guardian_request', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'token_digest'] order by x.id) from mpp.guardian_request x where x.account_id = account
        ),
        'guardian_consent', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'address_digest'] order by x.id) from mpp.guardian_consent x where x.account_id = account
        ),
        'privacy_request', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'handled_by'] order by x.id) from mpp.privacy_request x where x.account_id = account
        ),
        'picture', (select to_jsonb(x) - 'account_id' from mpp.picture x where x.account_id = account),
        'photo', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.shared_at, x.id) from mpp.photo x where x.account_id = account),
        'player', (
            select jsonb_agg(to_jsonb(p) - 'account_id' || jsonb_build_object('edition', e.code, 'league', l.name, 'team', t.name) order by p.joined_at, p.id)
            from mpp.player p
            join mpp.edition e on e.id = p.edition_id
            left join mpp.league l on l.id = p.league_id
            left join mpp.team t on t.id = p.team_id
            where p.id = any (my_players)
        ),
        'player_contact', (select jsonb_agg(to_jsonb(x) order by x.player_id) from mpp.player_contact x where x.player_id = any (my_players)),
        'score', (
            select jsonb_agg(jsonb_build_object('subject_id', s.subject_id, 'edition_id', s.edition_id, 'label', s.label, 'points', s.points,
                'listed', s.listed) order by s.edition_id)
            from mpp.score s where s.subject_id = any (my_players)
        ),
        'award', (
            select jsonb_agg(to_jsonb(x) order by x.id) from mpp.award x where x.scope = 'player' and x.subject_id = any (my_players)
        ),
        'unlock', (select jsonb_agg(to_jsonb(x) order by x.unlocked_at) from mpp.unlock x where x.player_id = any (my_players)),
        'ambassador', (
            select jsonb_agg(to_jsonb(b) - 'account_id' || jsonb_build_object('league', l.name) order by b.granted_at, b.league_id)
            from mpp.ambassador b join mpp.league l on l.id = b.league_id where b.account_id = account
        ),
        'teacher', (select to_jsonb(x) - 'account_id' from mpp.teacher x where x.account_id = account),
        'family', (
            select jsonb_agg(to_jsonb(x) - 'account_id' || jsonb_build_object('class', l.name) order by x.claimed_at, x.league_id)
            from mpp.family x join mpp.league l on l.id = x.league_id where x.account_id = account
        ),
        'school', (
            select jsonb_agg(to_jsonb(h) - array['created_by', 'search_text'] order by h.id) from mpp.school h where h.created_by = account
        ),
        'league', (
            select jsonb_agg(jsonb_build_object('id', l.id, 'edition_id', l.edition_id, 'name', l.name, 'created_at', l.created_at) order by l.id)
            from mpp.league l where l.created_by = account
        )
    ) || jsonb_build_object(
        'staff', (
            select jsonb_agg(to_jsonb(x) - 'account_id' || jsonb_build_object('organisation', o.name) order by x.added_at, x.organisation_id)
            from mpp.staff x join mpp.organisation o on o.id = x.organisation_id where x.account_id = account
        ),
        'ops_member', (select to_jsonb(x) - 'account_id' from mpp.ops_member x where x.account_id = account),
        'staff_invitation', (
            select jsonb_agg(to_jsonb(x) - array['code_digest', 'invited_by'] order by x.id) from mpp.staff_invitation x where lower(x.email) = my_address
        ),
        'participant', (select jsonb_agg(to_jsonb(x) order by x.invited_at, x.participation_id) from mpp.participant x where lower(x.email) = my_address),
        'campaign_guest', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.joined_at) from mpp.campaign_guest x where x.account_id = account),
        'partner_address', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.campaign_id) from mpp.partner_address x where x.account_id = account),
        'partner_withdrawal', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.partner_withdrawal x where x.account_id = account),
        'conduct_report', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'reported_by', 'player_id'] || jsonb_build_object('is_about_me', x.account_id is not distinct from account)
                order by x.id)
            from mpp.conduct_report x where x.reported_by = account or x.account_id = account
        ),
        'name_change', (select jsonb_agg(to_jsonb(x) - array['account_id', 'changed_by'] order by x.id) from mpp.name_change x where x.account_id = account),
        'contact_request', (select jsonb_agg(to_jsonb(x) - 'handled_by' order by x.id) from mpp.contact_request x where lower(x.email) = my_address),
        'mail_suppression', (
            select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.mail_suppression x where x.account_id = account or lower(x.address) = my_address
        ),
        'mail_bounce', (select jsonb_agg(to_jsonb(x) order by x.id) from mpp.mail_bounce x where lower(x.address) = my_address),
        'unsubscribe_token', (
            select jsonb_agg(jsonb_build_object('purpose', x.purpose, 'made_at', x.made_at) order by x.made_at) from mpp.unsubscribe_token x where x.account_id = account
        ),
        'class_guess', (select jsonb_agg(x.guessed_at order by x.guessed_at) from mpp.class_guess x where x.account_id = account),
        'unlock_guess', (
            select jsonb_agg(jsonb_build_object('edition_id', x.edition_id, 'guessed_at', x.guessed_at) order by x.guessed_at) from mpp.unlock_guess x where x.account_id = account
        ),
        -- How many marks a teacher gave: whom for is the pupils' own.
        'validations_for_pupils', (select nullif(count(*), 0) from mpp.validation v where v.validated_by = account and not v.player_id = any (my_players)),
        'outbox', private.export_rows(
            (
                select jsonb_agg(jsonb_build_object('purpose', m.purpose, 'template', m.template, 'language', m.language, 'state', m.state,
                    'sent_to', m.sent_to, 'queued_at', m.queued_at, 'sent_at', m.sent_at) order by m.id)
                from (select o.* from mpp.outbox o where o.account_id = account or lower(o.address) = my_address order by o.id desc limit 5000) m
            ),
            (select count(*) from mpp.outbox o where o.account_id = account or lower(o.address) = my_address)
        ),
        'validation', private.export_rows(
            (
                select jsonb_agg(to_jsonb(v) - array['validated_by', 'cancelled_by', 'credit_number'] || jsonb_build_object('challenge', c.code, 'title', c.title)
                    order by v.validated_at, v.id)
                from (select x.* from mpp.validation x where x.player_id = any (my_players) order by x.validated_at desc, x.id limit 5000) v
                join mpp.edition_challenge k on k.id = v.challenge_id
                join mpp.challenge c on c.id = k.challenge_id
            ),
            (select count(*) from mpp.validation x where x.player_id = any (my_players))
        ),
        -- What the person did, and what was done to their account; by whom is another's.
        'audit', private.export_rows(
            (
                select jsonb_agg(jsonb_build_object('at', a.at, 'action', a.action, 'is_mine', a.actor_id is not distinct from account) order by a.id)
                from (
                    select x.* from mpp.audit x where x.actor_id = account or x.subject = account::text order by x.id desc limit 5000
                ) a
            ),
            (select count(*) from mpp.audit x where x.actor_id = account or x.subject = account::text)
        ),
        'files', (
            select jsonb_agg(jsonb_build_object('bucket', o.bucket_id, 'path', o.name, 'created_at', o.created_at) order by o.bucket_id, o.name)
            from storage.objects o where o.owner_id = account::text
        )
    ) into kept;
    return jsonb_build_object('exported_at', private.clock(), 'data', jsonb_strip_nulls(kept));
end
$$;

create function private.export_my_data() returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.personal_data(private.signed_in(anonymous_too => true));
end
$$;
grant execute on function private.export_my_data to authenticated;

create function api.export_my_data() returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.export_my_data(); end;
comment on function api.export_my_data is 'Everything that the database holds about the caller, as JSON by table: {exported_at, data}. Anonymous accounts too. Of the longest tables the latest 5,000 rows, and how many were left out. Nothing about anybody else, no codes and no digests. Files are named; Storage gives them. Call it with GET. Errors: MP001.';
grant execute on function api.export_my_data to authenticated;

create function private.export_person(account_id uuid, reason text) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_ops();
    why := private.clean_line('reason', export_person.reason, 300);
    if not exists (select from auth.users u where u.id = account_id) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.export', account_id::text, jsonb_build_object('reason', why));
    return private.personal_data(account_id);
end
$$;
grant execute on function private.export_person to authenticated, service_role;

create function api.export_person(account_id uuid, reason text) returns jsonb
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.export_person(account_id, reason); end;
comment on function api.export_person is 'The same document for somebody who asked the staff for it, with a reason that the audit keeps. Staff of the association. Errors: MP005, MP006, MP010, MP013, MP047.';
grant execute on function api.export_person to authenticated, service_role;
-- How long personal data that is no longer needed is kept: addresses that were written to, invited or that wrote. Each
-- rule is a row, so this list is the one that docs/privacy.md shows. Addresses that unsubscribed are not on it: their
-- wish stays.

create type api.expired as (what text, kept interval, rows bigint);
comment on type api.expired is 'A rule of how long something is kept, and how many rows are past it.';

-- A bounded batch of each kind per call, its own transaction. A run that is cut off begins again, and nothing waits for
-- long.
create function private.purge_expired(how_many integer, dry_run boolean) returns setof api.expired
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamp := private.clock() at time zone 'Europe/Paris';
    before timestamptz;
    rule record;
    found api.expired;
    deleted bigint := 0;
    ended integer;
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
                    state in ('sent', 'dropped', 'failed') and coalesce(sent_at, queued_at) <= $1 $sql$),
                -- The last that is kept of an address whose account is gone.
                ('mails about an erasure', 'mpp.outbox', interval '30 days', $sql$
                    template = 'account_erased' and state in ('sent', 'dropped', 'failed') and coalesce(sent_at, queued_at) <= $1 $sql$),
                ('requests about one''s own data', 'mpp.privacy_request', interval '3 years', $sql$
                    handled_at <= $1 $sql$),
                -- An account keeps its links as long as it lives.
                ('unsubscribe links of addresses without account', 'mpp.unsubscribe_token', interval '3 years', $sql$
                    account_id is null and made_at <= $1 $sql$),
                ('names that were taken away', 'mpp.name_change', interval '3 years', $sql$
                    changed_at <= $1 $sql$),
                ('bounces', 'mpp.mail_bounce', interval '3 years', $sql$
                    bounced_at <= $1 $sql$),
                ('invitations of staff', 'mpp.staff_invitation', interval '30 days', $sql$
                    coalesce(accepted_at, expires_at) <= $1 $sql$),
                ('invited participants', 'mpp.participant', interval '90 days', $sql$
                    participation_id in (
                        select p.id
                        from mpp.participation p
                        join mpp.edition e on e.id = p.edition_id
                        where e.ends_at <= $1
                    ) $sql$),
                ('questions to guardians', 'mpp.guardian_request', interval '30 days', $sql$
                    case
                        when decided_at is null then expires_at <= $1
                        when not granted or ended_at is not null then greatest(decided_at, ended_at) <= $1
                        else exists (
                            select
                            from mpp.profile p
                            where p.id = account_id
                                and private.age_on(p.birth_date, p.birth_date_before, ($1 at time zone 'Europe/Paris')::date) >= private.consent_age(p.country)
                        )
                    end $sql$),
                ('held contact requests', 'mpp.contact_request', interval '30 days', $sql$
                    is_held and state in ('new', 'spam') and greatest(received_at, handled_at) <= $1 $sql$),
                -- Three years after the last word, as for anybody who once asked for an offer.
                ('contact requests', 'mpp.contact_request', interval '3 years', $sql$
                    greatest(received_at, handled_at, removed_at) <= $1 $sql$)
        ) r (what, relation, kept, condition)
    loop
        before := (at - rule.kept) at time zone 'Europe/Paris';
        if dry_run then
            execute format('select count(*) from %s where %s', rule.relation, rule.condition)
            into found.rows
            using before;
        else
            execute format('with gone as (delete from %1$s where ctid in (select ctid from %1$s where %2$s limit $2) returning 1) select count(*) from gone',
                rule.relation, rule.condition)
            into found.rows
            using before, how_many;
            deleted := deleted + found.rows;
        end if;
        found.what := rule.what;
        found.kept := rule.kept;
        return next found;
    end loop;
    if deleted > 0 then
        perform private.record_act('purge', null, jsonb_build_object('rows', deleted));
    end if;
    -- Once a day is often enough for this too.
    if not coalesce(dry_run, false) then
        ended := private.end_overdue_access();
        if ended > 0 then
            perform private.record_act('client.end_access', null, jsonb_build_object('staff', ended));
        end if;
    end if;
end
$$;
grant execute on function private.purge_expired to authenticated, service_role;

create function api.purge_expired(how_many integer default 5000, dry_run boolean default false) returns setof api.expired
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.purge_expired(how_many, dry_run); end;
comment on function api.purge_expired is 'Deletes what was kept long enough, up to how_many rows of each kind; call it again until rows is 0 for all. dry_run only counts. It also renews the join codes that managers of clients knew whose dates have passed. Staff only. Errors: MP006, MP010.';
grant execute on function api.purge_expired to authenticated, service_role;
-- What holds for everything before, so this file comes last: owners, forced row-level security, statistics, and what
-- PostgREST runs before a request.

-- Every table and view belongs to mpp_owner, and row-level security binds the owner too. The functions stay with the role
-- that deploys, so a security definer function reads what its caller may not.
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

-- A request may ask PostgREST for the planner's estimate of a count, and row-level security does not hide an estimate.
-- Without statistics on private columns the estimate is the same whatever value is asked for. Ranks and lists do not
-- need these statistics: every query of the game reaches these tables by a key.
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
                    'mpp.task'::regclass, 'mpp.client_map_cell'::regclass, 'mpp.award'::regclass, 'mpp.contact_request'::regclass, 'mpp.outbox'::regclass,
                    'mpp.newsletter'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                    'mpp.mail_bounce'::regclass, 'mpp.name_change'::regclass,
                    'mpp.partner'::regclass, 'mpp.campaign'::regclass, 'mpp.campaign_text'::regclass, 'mpp.campaign_code'::regclass,
                    'mpp.campaign_guest'::regclass, 'mpp.partner_export'::regclass, 'mpp.partner_address'::regclass,
                    'mpp.partner_withdrawal'::regclass, 'mpp.guardian_request'::regclass, 'mpp.guardian_consent'::regclass,
                    'mpp.setting'::regclass, 'mpp.picture'::regclass, 'mpp.photo'::regclass, 'mpp.photo_removal'::regclass, 'mpp.photo_text'::regclass, 'mpp.ops_member'::regclass, 'mpp.account_proof'::regclass, 'mpp.privacy_request'::regclass, 'mpp.file_removal'::regclass, 'mpp.audit'::regclass,
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
                'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.player'::regclass, 'mpp.unit'::regclass, 'mpp.outbox'::regclass,
                'mpp.campaign_code'::regclass, 'mpp.guardian_request'::regclass, 'mpp.profile'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter index %s alter column %s set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;

-- Views are read, not written. Postgres finds out that it cannot write to a view that joins before it asks who may, and
-- PostgREST passes that on as a fault of its own (500). So this refuses a write to anything but a function before: 401
-- or 403. A trigger on each view would refuse too, but then generated types would say that apps may write. For the same
-- reason every view joins something, if only nothing: `cross join (select) read_only`, which the planner takes away.
--
-- A function that writes is called by POST. Postgres lets it start in the read-only transaction of a GET, up to its first
-- write: until there its answer would tell whether a code is known, and no limit on guesses would count the question. So
-- this refuses the call before the function starts, with the error it would end in (405). A name that is not found, in
-- whatever way the address writes it, is refused too.
create function request.refuse_writes() returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    by_reading constant boolean := current_setting('request.method', true) in ('GET', 'HEAD');
    path constant text := current_setting('request.path', true);
begin
    if path like '/rpc/%' then
        if by_reading and not exists (
            select from pg_proc p
            where p.proname = substr(path, length('/rpc/') + 1)
                and p.pronamespace = 'api'::regnamespace
                and p.provolatile <> 'v'
        ) then
            raise exception using errcode = 'read_only_sql_transaction', message = 'This function writes.',
                hint = 'Call it by POST.';
        end if;
    elsif not by_reading then
        raise exception using errcode = 'insufficient_privilege', message = 'Views are read, not written.',
            hint = 'Call the function of the API that does it.';
    end if;
end
$$;
comment on function request.refuse_writes is 'PostgREST runs this before each request, as the caller.';
grant execute on function request.refuse_writes to anon, authenticated, service_role;

alter role authenticator set pgrst.db_pre_request = 'request.refuse_writes';

-- The sender of a request learns what is wrong with it, and no log keeps it: with an error Postgres logs the place
-- where it stumbled, `"first_name":"Lina\u0000…` or `invalid input syntax for type uuid: "Lina"`. Deadlocks and slow
-- statements are still logged.
alter role authenticator set log_min_messages = 'log';

notify pgrst, 'reload config';

-- The default privileges revoked this for functions that this role made; this line does so for those of another role.
revoke execute on all functions in schema mpp, private, api, request from public;
