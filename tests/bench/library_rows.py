"""Fills a database with a library of any size, in SQL: teams of all sizes, prompts, tags, collections, favourites.

One team has a fifth of everything. In it some words stand only where an order comes to them last, so that a search for
them in that order finds nothing near: `ancient` in all but the newest quarter, `fresh` in all but the oldest, `unloved`
in all that nobody rated, `zebra` in the sixth whose names begin with it, `shutter` in the last quarter of those that a
camera named, all alike (`IMG_1234.jpg`).
"""

from typing import Any, Final

import psycopg

BIG_SHARE: Final = 5

_SETTINGS: Final = """
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET work_mem = '128MB';
"""

# Pictures come after their filing here, so each is filled with all of it at once; foreign keys and the refreshing of
# every filing rest.
_PREPARE: Final = """
CREATE TRIGGER library_filed_already BEFORE INSERT ON library_asset
    FOR EACH ROW EXECUTE FUNCTION library_asset_refresh();
ALTER TABLE library_asset ENABLE ALWAYS TRIGGER library_filed_already;
ALTER TABLE library_asset ENABLE ALWAYS TRIGGER library_made_with;
DROP INDEX asset_search, asset_by_newest, asset_by_rating, asset_by_name, asset_by_hash, asset_without_preview;
INSERT INTO teams_team (name, slug, created_at)
    SELECT 'Team ' || n, 'team-' || n, now() FROM generate_series(2, %(teams)s) AS n;
CREATE TEMP TABLE team_list AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM teams_team;
"""

_PLAN: Final = """
CREATE TEMP TABLE plan AS
SELECT numbered.n AS id, t.id AS team_id, of_team, of_team::float / total AS age, total, random() AS dice, is_big,
    abs(hashint8(numbered.n)::bigint) AS luck
FROM (
    SELECT n, team_n, team_n = 1 AS is_big,
        row_number() OVER (PARTITION BY team_n ORDER BY n) AS of_team, count(*) OVER (PARTITION BY team_n) AS total
    FROM (
        SELECT n, CASE WHEN n %% %(share)s = 0 THEN 1
            ELSE 2 + floor((%(teams)s - 1) * power(random(), 2))::int END AS team_n
        FROM generate_series(1, %(assets)s) AS n
    ) AS drawn
) AS numbered JOIN team_list t ON t.n = least(team_n, %(teams)s);
CREATE INDEX ON plan (id);
ANALYZE plan;
"""

_FILING: Final = """
INSERT INTO library_tag (team_id, name, key, hue, created_at)
    SELECT t.id, name, name, x.n %% 7, now() FROM team_list t,
        unnest(ARRAY['hero', 'packshot', 'winter', 'pattern', 'golden hour', 'banner']) WITH ORDINALITY AS x (name, n);
INSERT INTO library_collection (team_id, name, key, description, created_by_id, created_at)
    SELECT t.id, name, lower(name), '', %(user)s, now() FROM team_list t,
        unnest(ARRAY['Autumn', 'Everything', 'Launch', 'Posters', 'Textures']) AS name;
INSERT INTO library_assettag (asset_id, tag_id)
    SELECT p.id, g.id FROM plan p JOIN library_tag g ON g.team_id = p.team_id
    WHERE hashint8(p.id * 7 + g.hue) %% 12 = 0;
INSERT INTO library_collectionitem (collection_id, asset_id, position, is_listed, added_by_id, added_at)
    SELECT c.id, p.id, p.of_team * 1000, true, %(user)s, now()
    FROM plan p JOIN library_collection c ON c.team_id = p.team_id
    WHERE CASE c.name WHEN 'Everything' THEN p.age < 0.5 ELSE hashint8(p.id * 3 + c.id) %% 40 = 0 END;
INSERT INTO library_favourite (user_id, asset_id, created_at)
    SELECT %(user)s, id, now() FROM plan WHERE hashint8(id) %% 50 = 0;
ANALYZE library_assettag; ANALYZE library_collectionitem; ANALYZE library_favourite;
"""

_ASSETS: Final = """
INSERT INTO library_asset (
    id, team_id, author_id, source, file_key, sha256, crc32, size, width, height, content_type, has_alpha, colour,
    has_thumb, has_preview, preview_tries, prompt, revised_prompt, title, notes, file_name, status, rating, marks,
    received_sha256, received_type, origin, sort_name, words, search, connection_id, connection_name, model_slug,
    model_title, spec, credits, slot, created_at
)
SELECT id, team_id, %(user)s, (ARRAY['generated','generated','generated','edited','uploaded'])[1 + luck %% 5],
    gen_random_uuid(), encode(sha256(int8send(id - (id %% 100 = 0)::int)), 'hex'), id, 1500000,
    1024 + 512 * (id %% 3 = 0)::int, 1024 + 512 * (id %% 3 = 1)::int, 'image/png',
    luck %% 20 = 0, '#336699', true, true, 0,
    text, '', '', '', '',
    CASE luck %% 10 WHEN 6 THEN 'shortlisted' WHEN 7 THEN 'approved' WHEN 8 THEN 'delivered' ELSE 'draft' END,
    CASE WHEN dice < 0.9 THEN 0 ELSE 1 + luck %% 5 END, '{}', encode(sha256(int8send(id)), 'hex'), '', '',
    CASE WHEN luck %% 5 = 4 THEN 'img_' || length(shot::text) || shot || '.jpg' ELSE left(text, 120) END,
    to_tsvector('simple', text)
    || CASE WHEN id %% 97 = 0 THEN
        '''\u6771\u4eac'':500 ''\u4eac\u90fd'':501 ''\u90fd'':502'::tsvector ELSE ''::tsvector END,
    '', 1, 'OpenAI', 'model-' || luck %% 4, 'Model ' || luck %% 4, '{}', 4, 0,
    now() - interval '2 years' * (1 - id::float / %(assets)s)
FROM (
    SELECT p.*, of_team %% least(total, 10000) AS shot, concat_ws(' ',
        CASE WHEN is_big AND dice > 0.4 AND dice < 0.6 AND luck %% 5 < 4 THEN 'zebra' END,
        (SELECT string_agg(
            (ARRAY['ba','ce','di','fo','gu','ha','je','ki','lo','mu','na','pe','ri','so','tu'])[1 + w %% 15]
            || (ARRAY['lar','men','nis','por','quet','ran','sil','tan','vor','wic'])[1 + w / 15 %% 10]
            || (ARRAY['a','e','ing','o','ly','ed','er','ist','um','al','en','is','ad','ox','ine','ous','et','or',
                'ic','us'])[1 + w / 150], ' ')
            FROM (SELECT floor(3000 * power(random(), 3))::int AS w
                FROM generate_series(1, 24 + (p.id %% 12)::int)) AS drawn),
        CASE WHEN p.id %% 2 = 0 THEN 'photo' END,
        CASE WHEN p.id %% 53 = 0 THEN 'lighthouse at dusk' END,
        CASE WHEN p.id %% (%(assets)s / 50) = 0 THEN 'xylophone' END,
        CASE WHEN age < 0.75 THEN 'ancient' END,
        CASE WHEN age > 0.25 THEN 'fresh' END,
        CASE WHEN age < 0.02 THEN 'dawnlight' END,
        CASE WHEN dice < 0.9 THEN 'unloved' END,
        CASE WHEN luck %% 5 = 4 AND of_team %% least(total, 10000) > 0.75 * least(total, 10000) THEN 'shutter' END
    ) AS text
    FROM plan p WHERE p.id BETWEEN %(first)s AND %(last)s ORDER BY p.id
) AS made;
"""

_FINISH: Final = """
DROP TRIGGER library_filed_already ON library_asset;
INSERT INTO library_word (team_id, word) SELECT DISTINCT team_id, lexeme FROM library_asset, unnest(words);
ALTER TABLE library_asset ENABLE TRIGGER library_made_with;
SELECT setval(pg_get_serial_sequence('library_asset', 'id'), %(assets)s);
CREATE INDEX asset_by_newest ON library_asset (team_id, id DESC) WHERE binned_at IS NULL;
CREATE INDEX asset_by_rating ON library_asset (team_id, rating DESC, id DESC) WHERE binned_at IS NULL;
CREATE INDEX asset_by_name ON library_asset (team_id, sort_name, id) WHERE binned_at IS NULL;
CREATE INDEX asset_by_hash ON library_asset (team_id, sha256);
CREATE INDEX asset_without_preview ON library_asset (id)
    WHERE NOT has_preview AND preview_tries < 3 AND purged_at IS NULL;
CREATE INDEX asset_search ON library_asset USING gin (search) WITH (fastupdate = off);
"""


def fill(database: psycopg.Connection[Any], *, assets: int, teams: int, user: int) -> None:
    """Make `teams` teams with `assets` pictures among them; the first team there is becomes the big one."""
    params = {"assets": assets, "teams": teams, "user": user, "share": BIG_SHARE}
    cursor = psycopg.ClientCursor(database)
    for part in (_SETTINGS, _PREPARE, _PLAN, _FILING):
        cursor.execute(part, params)
    for first in range(1, assets + 1, 50_000):
        cursor.execute(_ASSETS, {**params, "first": first, "last": first + 49_999})
    cursor.execute(_FINISH, params)
    cursor.execute("SET session_replication_role = origin")
    cursor.execute("VACUUM ANALYZE")
