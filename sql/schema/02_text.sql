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
