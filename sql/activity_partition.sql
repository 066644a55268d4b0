-- If this failed, rows of partitioned tables could go unrecorded: written to
-- a partition by its own name, moved between partitions, or in a partition
-- that came later.
SELECT community.create_program('partition test') > 0 AS created;
SET community.program = 'partition test';
SET timezone = 'UTC';
CREATE TABLE sale (id int, day timestamptz, who int, cents int, PRIMARY KEY (id, day, who)) PARTITION BY RANGE (day);
CREATE TABLE sale_2023 PARTITION OF sale FOR VALUES FROM ('2023-01-01 00:00+00') TO ('2024-01-01 00:00+00');
CREATE TABLE sale_2024 PARTITION OF sale FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00') PARTITION BY LIST (who);
CREATE TABLE sale_2024_a PARTITION OF sale_2024 FOR VALUES IN (1, 2);
CREATE VIEW wrong AS
	SELECT coalesce(s.key, e.key) AS key, s.cents, e.amount
	FROM (SELECT ROW(id::text, (day AT TIME ZONE 'UTC')::text, who::text)::text AS key, cents FROM sale) s
	FULL JOIN (SELECT key, sum(amount) AS amount FROM community.event
		WHERE source = 'public.sale/sale' GROUP BY key HAVING sum(amount) <> 0) e ON e.key = s.key
	WHERE s.cents IS DISTINCT FROM e.amount;
SET datestyle = 'ISO';
SELECT community.attach('sale_2023', 'sale', 'who', 'cents', 'day');
SELECT community.attach('sale', 'sale', 'who', 'cents', 'day') > 0 AS attached;
INSERT INTO sale SELECT g, '2023-12-25 00:00+00'::timestamptz + g * interval '1 day', g % 2 + 1, g FROM generate_series(1, 14) g;
SELECT count(*), sum(amount) FROM community.event WHERE source = 'public.sale/sale';
TABLE wrong;
-- by the name of the partition, in a session that writes times differently
SET datestyle = 'German'; SET timezone = 'Asia/Shanghai';
INSERT INTO sale_2023 VALUES (100, '2023-05-05 12:00+00', 1, 100);
INSERT INTO sale_2024_a VALUES (101, '2024-05-05 12:00+00', 2, 101);
UPDATE sale_2024 SET cents = cents + 1;
DELETE FROM sale_2023 WHERE id = 1;
-- rows that move to another partition
UPDATE sale SET day = day + interval '1 year' WHERE id = 100;
SET datestyle = 'ISO'; SET timezone = 'UTC';
TABLE wrong;
-- partitions that come later, and what they bring along
CREATE TABLE sale_2025 PARTITION OF sale FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
INSERT INTO sale_2025 VALUES (200, '2025-05-05 12:00+00', 1, 200);
CREATE TABLE sale_2024_b PARTITION OF sale_2024 FOR VALUES IN (3, 4);
INSERT INTO sale_2024_b VALUES (201, '2024-05-05 12:00+00', 3, 201);
CREATE TABLE sale_2022 (LIKE sale INCLUDING ALL);
INSERT INTO sale_2022 VALUES (300, '2022-05-05 12:00+00', 1, 300), (301, '2022-05-06 12:00+00', 2, 301);
ALTER TABLE sale ATTACH PARTITION sale_2022 FOR VALUES FROM ('2022-01-01 00:00+00') TO ('2023-01-01 00:00+00');
TABLE wrong;
CALL community.backfill('sale', 'sale', 3);
TABLE wrong;
UPDATE sale_2022 SET cents = 1 WHERE id = 300;
TABLE wrong;
TRUNCATE sale_2025;
TABLE wrong;
-- a partition that leaves: its rows stay recorded, and what becomes of them is not ours
ALTER TABLE sale DETACH PARTITION sale_2022;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'sale_2022'::regclass;
DELETE FROM sale_2022;
SELECT sum(amount) FROM community.event WHERE source = 'public.sale/sale' AND key LIKE '(30_,%';
DROP TABLE sale_2023;
SELECT sum(amount) > 0 AS stay FROM community.event WHERE source = 'public.sale/sale' AND key LIKE '%2023-%';
-- detach takes the triggers off every partition
SELECT community.detach('sale', 'sale');
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'sale%';
DROP TABLE sale, sale_2022 CASCADE;
