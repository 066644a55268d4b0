-- If this failed, an event before which others fell out of a period would
-- leave a member with other values or another tier than working it out by SQL
-- does, or would cost what all the member's history costs.
\set QUIET 1
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('tier falling', 'Europe/Berlin') AS fast \gset
SELECT community.create_program('tier falling by sql', 'Europe/Berlin') AS slow \gset

-- the same ladders in both programs: name, rank, needs, then measure, period, attain and keep
CREATE FUNCTION pg_temp.rung(ladder text, rank integer, needs integer, VARIADIC wants text[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tier (program_id, ladder_id, rank, name, needs)
	SELECT program_id, ladder_id, rank, ladder || rank, needs FROM community.ladder AS l WHERE l.name = ladder;
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
	SELECT l.program_id, l.ladder_id, rung.rank, w.n, m.measure_id, split_part(w.want, '|', 2)::community.period,
		split_part(w.want, '|', 3)::numeric, split_part(w.want, '|', 4)::numeric
	FROM unnest(wants) WITH ORDINALITY AS w (want, n), community.ladder AS l JOIN community.measure AS m USING (program_id)
	WHERE l.name = ladder AND m.name = split_part(w.want, '|', 1);
$$;
INSERT INTO community.measure (program_id, name, kind, types, payload_filter)
SELECT p, v.* FROM unnest(ARRAY[:fast, :slow]::bigint[]) AS p, (VALUES ('spend', 'sum', '{order}'::text[], NULL::jsonb),
	('orders', 'count', '{order}', NULL), ('web', 'count', NULL, '{"web": true}'), ('best', 'maximum', '{order}', NULL), ('days', 'distinct_days', '{order,visit}', NULL),
	('friends', 'distinct_counterparts', '{thank}', NULL), ('met', 'distinct_counterparts', NULL, NULL), ('glow', 'engagement', NULL, NULL)) AS v;
INSERT INTO community.ladder (program_id, name, promotion, promotion_period, demotion, term, grace, dwell, landing)
SELECT p, v.* FROM unnest(ARRAY[:fast, :slow]::bigint[]) AS p, (VALUES
	('spend', 'at_once', NULL::community.period, 'drop', NULL::interval, interval '0', interval '0', 'qualified'),
	('months', 'at_once', NULL, 'term_end', '1 month', '5 days', '0', 'one_down'),
	('talk', 'at_once', NULL, 'drop', NULL, '0', '3 days', 'qualified'),
	('glow', 'at_once', NULL, 'drop', NULL, '0', '0', 'qualified'),
	('life', 'period_end', 'calendar week', 'never', NULL, '0', '0', 'qualified')) AS v;
SELECT FROM pg_temp.rung('spend', 1, NULL, 'spend|rolling 20 days|60|40');
SELECT FROM pg_temp.rung('spend', 2, 2, 'spend|rolling 20 days|140|90', 'orders|rolling 12 days|4|2', 'best|rolling 15 days|55|50');
SELECT FROM pg_temp.rung('months', 1, NULL, 'orders|rolling 1 month|5|4');
SELECT FROM pg_temp.rung('months', 2, 1, 'spend|calendar month|150|120', 'web|anniversary month|7|5');
SELECT FROM pg_temp.rung('talk', 1, NULL, 'friends|rolling 8 days|2|1');
SELECT FROM pg_temp.rung('talk', 2, 1, 'friends|rolling 8 days|3|3', 'days|rolling 6 days|5|3');
SELECT FROM pg_temp.rung('talk', 3, NULL, 'met|rolling 30 hours|2|1', 'days|rolling 1 month|12|9');
SELECT FROM pg_temp.rung('glow', 1, NULL, 'glow|lifetime|6.5|5.25');
SELECT FROM pg_temp.rung('glow', 2, NULL, 'glow|lifetime|8|7.5', 'orders|rolling 12 days|2|1');
SELECT FROM pg_temp.rung('life', 1, NULL, 'met|lifetime|4|4', 'days|calendar week|3|3');
SELECT FROM pg_temp.rung('life', 2, 1, 'friends|calendar month|5|5', 'days|lifetime|40|40');
UPDATE community.program SET half_life = '10 days' WHERE program_id IN (:fast, :slow);
SELECT community.rebuild('engagement', :fast) + community.rebuild('engagement', :slow) AS wrong;
SELECT count(*) AS published FROM community.ladder AS l, LATERAL (SELECT count(*) FROM community.publish_ladder(l.name, '-infinity', l.program_id)) AS n
WHERE l.program_id IN (:fast, :slow);
SELECT count(community.enroll(i, joined_at => '2023-12-10 09:00+00'::timestamptz + i * interval '1 day 6 hours', program => p)) AS members
FROM generate_series(1, 7) AS i, unnest(ARRAY[:fast, :slow]::bigint[]) AS p;

-- what happens: at full quarters of days, so that much happens at once, and what falls out falls out as something enters
SELECT setseed(0.3);
CREATE TEMP TABLE history AS
SELECT n, 1 + (random() * 5)::int AS member, (ARRAY['order', 'order', 'thank', 'visit'])[1 + (random() * 3)::int] AS type,
	CASE WHEN random() < 0.04 THEN -15 ELSE (random() * random() * 70)::int END AS amount,
	'2024-01-20 12:00+00'::timestamptz + floor(random() * 4 * 110) * interval '6 hours' AS at, 1 + (random() * 6)::int AS target,
	CASE WHEN random() < 0.5 THEN '{"web": true}'::jsonb ELSE '{}' END AS payload, random() < 0.04 AS undone, random() < 0.05 AS late
FROM generate_series(1, 900) AS n;
UPDATE history SET target = NULL WHERE target = member OR type = 'order';
CREATE TABLE falling_seen (program_id bigint, n bigint, ladder text, member_id bigint, as_of timestamptz, rank integer, grace boolean,
	since timestamptz, ends_at timestamptz, amounts bigint[], scores numeric[]);
CREATE FUNCTION pg_temp.tell(program bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	h record;
	told bigint := 0;
BEGIN
	FOR h IN SELECT * FROM history ORDER BY at + CASE WHEN late THEN interval '4 days' ELSE '0' END, n LOOP
		PERFORM community.record(h.member, h.type, 'h' || h.n, h.amount, h.at, h.target, h.payload, program => program);
		IF h.undone THEN
			PERFORM community.reverse('h' || h.n, 'returned', program => program);
		END IF;
		INSERT INTO falling_seen SELECT program, h.n, l.name, s.member_id, s.as_of, s.rank, s.grace, s.since, s.ends_at, s.amounts,
			(SELECT array_agg(round(x::numeric, 9) ORDER BY i) FROM unnest(s.scores) WITH ORDINALITY AS u (x, i))
		FROM community.standing AS s JOIN community.ladder AS l USING (program_id, ladder_id) WHERE s.program_id = program AND s.member_id = h.member;
		told := told + 1;
	END LOOP;
	RETURN told;
END $$;
SELECT pg_temp.tell(:fast) AS told;
-- a table that is not as installed is written by SQL alone
BEGIN;
ALTER TABLE community.standing ADD CONSTRAINT by_sql CHECK (rank >= 0);
SELECT pg_temp.tell(:slow) AS told;
ALTER TABLE community.standing DROP CONSTRAINT by_sql;
COMMIT;
SELECT count(*) > 3000 AS seen, count(DISTINCT (ladder, rank)) AS tiers FROM falling_seen WHERE program_id = :fast;
(SELECT n, ladder, member_id, as_of, rank, grace, since, ends_at, amounts, scores FROM falling_seen WHERE program_id = :fast
EXCEPT SELECT n, ladder, member_id, as_of, rank, grace, since, ends_at, amounts, scores FROM falling_seen WHERE program_id = :slow) ORDER BY n, ladder LIMIT 5;
SELECT count(*) AS differ FROM (SELECT l.name, t.member_id, t.tier, t.source, t.during, t.ends_at, t.reason FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
	WHERE t.program_id = :fast AND superseded_at IS NULL
	EXCEPT SELECT l.name, t.member_id, t.tier, t.source, t.during, t.ends_at, t.reason FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
	WHERE t.program_id = :slow AND superseded_at IS NULL) AS d;
-- and to what the walk from the beginning comes to
CREATE TEMP TABLE booked AS SELECT l.program_id, l.name, t.member_id, t.tier, t.source, t.during, t.reason FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
WHERE t.program_id IN (:fast, :slow) AND superseded_at IS NULL AND lower(t.during) <= '2024-05-09';
SELECT count(*) AS not_walked FROM community.ladder AS l JOIN community.member AS m USING (program_id),
	LATERAL community.tenures(m.member_id, l.name, (SELECT max(s.as_of) FROM community.standing AS s WHERE s.program_id = l.program_id AND s.ladder_id = l.ladder_id AND s.member_id = m.member_id), l.program_id) AS w
WHERE l.program_id IN (:fast, :slow) AND m.member_id <= 6
	AND NOT EXISTS (SELECT FROM booked AS b WHERE b.program_id = l.program_id AND b.name = l.name AND b.member_id = m.member_id
		AND (b.tier, b.source, lower(b.during), b.reason) = (w.tier, w.source, lower(w.during), w.reason));
DROP TABLE falling_seen;

-- where no tier changes, what the statements would read can be away: an event every day
SELECT community.create_program('tier falling alone', 'Europe/Berlin') AS alone \gset
INSERT INTO community.measure (program_id, name, kind, types) VALUES (:alone, 'spend', 'sum', '{order}'), (:alone, 'orders', 'count', '{order}'),
	(:alone, 'days', 'distinct_days', NULL), (:alone, 'friends', 'distinct_counterparts', '{thank}'), (:alone, 'glow', 'engagement', NULL), (:alone, 'first', 'maximum', NULL);
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:alone, 'alone', 'drop'), (:alone, 'alone too', 'never');
SELECT FROM pg_temp.rung('alone', 1, NULL, 'spend|rolling 20 days|60|40', 'orders|rolling 1 month|2|1', 'days|rolling 6 days|3|2', 'friends|rolling 8 days|2|1', 'glow|lifetime|2|1');
SELECT FROM pg_temp.rung('alone too', 1, NULL, 'friends|lifetime|2|1', 'days|calendar week|3|2', 'first|rolling 15 days|7|7');
SELECT count(*) AS published FROM community.ladder AS l, LATERAL (SELECT count(*) FROM community.publish_ladder(l.name, '-infinity', l.program_id)) AS n
WHERE l.program_id = :alone;
SELECT community.enroll(7, joined_at => '2024-01-01', program => :alone) = 7 AS enrolled;
CREATE FUNCTION pg_temp.day(program bigint, n bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT event_id FROM community.record(7, (ARRAY['order', 'thank', 'visit', 'thank'])[1 + n % 4], 'd' || n, 30, '2024-06-01 15:30+00'::timestamptz + n * interval '1 day',
		CASE n % 4 WHEN 1 THEN 1 + n % 3 WHEN 3 THEN 4 + n % 2 END, program => program);
$$;
SELECT count(community.enroll(i, joined_at => '2024-01-01', program => :alone)) AS friends FROM generate_series(1, 6) AS i;
SELECT count(pg_temp.day(:alone, n)) AS days FROM generate_series(1, 60) AS n;
BEGIN;
ALTER VIEW community.counted_event RENAME TO gone_event;
SELECT count(pg_temp.day(:alone, n)) AS days FROM generate_series(61, 120) AS n;
ALTER VIEW community.gone_event RENAME TO counted_event;
COMMIT;
SELECT l.name, s.rank, s.amounts FROM community.standing AS s JOIN community.ladder AS l USING (program_id, ladder_id) WHERE s.program_id = :alone ORDER BY 1;
SELECT m.name, community.measure_value(7, m.name, tstzrange('2024-09-29 15:30+00'::timestamptz - v.length, '2024-09-29 15:30+00', '(]'), :alone)
FROM (VALUES ('spend', interval '20 days'), ('orders', '1 month'), ('days', '6 days'), ('friends', '8 days'), ('first', '15 days')) AS v (name, length) JOIN community.measure AS m USING (name)
WHERE m.program_id = :alone ORDER BY 1;
-- what is corrected later, and what was done by who is merged into the member, is not missed as it falls out
SELECT s.plain, count(*) FROM community.standing AS s WHERE s.program_id = :alone AND s.member_id = 7 GROUP BY 1;
SELECT event_id > 0 AS reversed FROM community.reverse('d112', 'returned', program => :alone);
SELECT s.plain, count(*) FROM community.standing AS s WHERE s.program_id = :alone AND s.member_id = 7 GROUP BY 1;
SELECT count(pg_temp.day(:alone, n)) AS days FROM generate_series(121, 134) AS n;
SELECT count(community.enroll(i, joined_at => '2024-01-01', program => :alone)) AS twins FROM generate_series(8, 9) AS i;
SELECT count(*) AS done FROM generate_series(125, 134) AS n,
	LATERAL community.record(8, 'order', 'twin ' || n, 1000, '2024-06-01 09:00+00'::timestamptz + n * interval '1 day', program => :alone);
UPDATE community.standing SET plain = true WHERE program_id = :alone;
SELECT community.merge_members(8, 7, 'twins', :alone) AS merged;
SELECT s.member_id, s.plain, count(*) FROM community.standing AS s WHERE s.program_id = :alone GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(pg_temp.day(:alone, n)) AS days FROM generate_series(135, 147) AS n;
SELECT l.name, s.rank, s.plain, s.amounts FROM community.standing AS s JOIN community.ladder AS l USING (program_id, ladder_id)
WHERE s.program_id = :alone AND s.member_id = 7 ORDER BY 1;
SELECT m.name, community.measure_value(7, m.name, tstzrange('2024-10-26 15:30+00'::timestamptz - v.length, '2024-10-26 15:30+00', '(]'), :alone)
FROM (VALUES ('spend', interval '20 days'), ('orders', '1 month'), ('days', '6 days'), ('friends', '8 days'), ('first', '15 days')) AS v (name, length) JOIN community.measure AS m USING (name)
WHERE m.program_id = :alone ORDER BY 1;
SELECT * FROM community.check_installation('full', :fast);
