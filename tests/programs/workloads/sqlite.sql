-- SPDX-License-Identifier: Apache-2.0
-- Fills a table of :rows rows, indexes it, asks it questions, changes it and vacuums it. Every value
-- comes from a linear congruential sequence. The command line of sqlite3 binds :rows; it also sets
-- temp_store, because setting that drops the temporary table in which sqlite3 keeps :rows.
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -131072;

CREATE TABLE reading (
    id INTEGER PRIMARY KEY,
    station TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value REAL NOT NULL,
    remark TEXT
);

BEGIN;
WITH RECURSIVE sequence(n, state) AS (
    SELECT 1, 20240229
    UNION ALL
    SELECT n + 1, (state * 1103515245 + 12345) % 2147483648 FROM sequence WHERE n < :rows
)
INSERT INTO reading (id, station, kind, value, remark)
SELECT n, printf('station-%04d', (state / 65536) % 5000), (state / 4096) % 17,
       round((state % 1000000) / 997.0, 3),
       CASE WHEN state % 3 = 0 THEN hex(state) || ' ' || substr('quarry of grey granite', 1 + n % 20) END
FROM sequence;
COMMIT;

CREATE INDEX reading_by_station ON reading (station, kind);

SELECT count(*), min(id), max(id), round(sum(value), 3), count(remark) FROM reading;
SELECT kind, count(*), round(avg(value), 6), max(length(remark)) FROM reading GROUP BY kind ORDER BY kind;
SELECT station, count(*) AS readings, sum(kind) FROM reading
    GROUP BY station ORDER BY readings DESC, station LIMIT 10;
SELECT count(*), sum(length(list)) FROM (
    SELECT group_concat(kind, ',') AS list FROM reading GROUP BY station, kind);
SELECT id, station, value FROM reading ORDER BY value DESC, id LIMIT 10;
SELECT count(*), sum(length(document)) FROM (
    SELECT json_object('id', id, 'where', station, 'what', json_array(kind, value)) AS document
    FROM reading WHERE id % 8 = 0);
SELECT count(DISTINCT station) FROM reading;
SELECT one.station, count(*) FROM reading AS one
    JOIN reading AS other ON other.station = one.station AND other.kind = one.kind
    WHERE one.id % 4096 = 1 GROUP BY one.station ORDER BY count(*) DESC, one.station LIMIT 5;

BEGIN;
UPDATE reading SET remark = upper(station) || ':' || id WHERE kind = 3;
DELETE FROM reading WHERE kind IN (1, 5, 7) OR value < 20;
COMMIT;
SELECT count(*), round(sum(value), 3), sum(length(remark)) FROM reading;
VACUUM;
PRAGMA quick_check;
SELECT count(*) FROM reading WHERE station BETWEEN 'station-1000' AND 'station-1999';
