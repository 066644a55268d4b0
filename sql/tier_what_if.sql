-- If this failed, whoever tries a ladder out would be told other moves than
-- publishing it makes, or thresholds that do not give the wished shares; or
-- reading events by member and reading them all would disagree.
SELECT community.create_program('what if', 'Europe/Berlin') > 0 AS created;
SET community.program = 'what if';
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
\set VERBOSITY default
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', sqlstate || ' ' || sqlerrm, nullif(detail, ''), nullif(hint, ''));
END $$;

-- a history of 150 members: several kinds of event, corrections of all sorts,
-- events at the same time, and members to whom nothing ever happened
SELECT setseed(0.4) IS NOT NULL AS seeded;
SELECT count(community.enroll(m, joined_at => timestamptz '2022-02-28 12:00+01' + (m % 5) * interval '1 day'))
FROM generate_series(1, 160) AS m;
CREATE TABLE what_if_source AS
SELECT g::text AS key, 1 + floor(random() * 150)::bigint AS member,
	(ARRAY['order', 'order', 'post', 'thanks'])[1 + floor(random() * 4)::integer] AS type,
	floor(random() * 900)::bigint - 50 AS amount,
	date_trunc('hour', timestamptz '2022-03-01 00:00+01' + random() * random() * interval '730 days') AS at,
	1 + floor(random() * 150)::bigint AS target, random() AS r
FROM generate_series(1, 4000) AS g;
UPDATE what_if_source SET amount = amount + 50 WHERE type <> 'thanks';
SELECT count(community.record(s.member, s.type, s.key, s.amount, s.at, CASE s.type WHEN 'thanks' THEN nullif(s.target, s.member) END,
	jsonb_build_object('shop', s.amount % 3, 'note', repeat('x', (s.amount % 200)::integer * 2 + 100))))
FROM what_if_source AS s;
-- some in part, some altogether, some in two steps
SELECT count(community.reverse(s.key, 'returned', CASE WHEN s.r < 0.1 THEN s.amount / 3 END, request_key => s.key || ' a'))
FROM what_if_source AS s WHERE s.amount > 9 AND s.r < 0.2;
SELECT count(community.reverse(s.key, 'returned', request_key => s.key || ' b'))
FROM what_if_source AS s WHERE s.amount > 9 AND s.r < 0.05;
SELECT count(*) > 300 AS corrections, count(DISTINCT corrects) < count(*) AS several FROM community.event
WHERE program_id = community.current_program() AND corrects IS NOT NULL;

-- ----- measures of all members -----

SELECT count(community.accrue(m, 10 * m, key => 'gift ' || m || ' ' || d, occurred_at => timestamptz '2023-01-15 12:00+01' + d * interval '1 month'))
FROM generate_series(1, 30) AS m, generate_series(0, 12) AS d;
SELECT count(community.define_measure(d.name, d.kind, d.types, d.filter, d.currency)) FROM (VALUES
	('spend', 'sum', '{order}'::text[], NULL::jsonb, NULL), ('orders', 'count', '{order}', NULL, NULL),
	('all', 'count', NULL, NULL, NULL), ('best', 'maximum', '{order,post}', NULL, NULL),
	('shop', 'sum', NULL, '{"shop": 1}', NULL), ('active days', 'distinct_days', '{post,order}', NULL, NULL),
	('thanked', 'distinct_counterparts', '{thanks}', NULL, NULL), ('warmth', 'engagement', NULL, NULL, NULL),
	('earned', 'points', NULL, NULL, 'points'), ('days', 'membership_days', NULL, NULL, NULL)) AS d (name, kind, types, filter, currency);

-- by the events of each member, which is read in another way
CREATE FUNCTION pg_temp.slowly(measure text, period community.period, at timestamptz)
RETURNS TABLE (member_id bigint, value numeric) LANGUAGE sql AS $$
	SELECT m.member_id, community.measure_value(m.member_id, $1, CASE WHEN period::text ~ '^rolling'
		THEN tstzrange(lower(r), at, '(]') ELSE tstzrange(lower(r), at, '[]') END)
	FROM community.member AS m,
		LATERAL community.period_at($2, at, m.joined_at, 'Europe/Berlin') AS r
	WHERE m.program_id = community.current_program() AND m.status = 'active' AND m.joined_at <= at
$$;
SELECT count(*) AS compared, count(*) FILTER (WHERE abs(f.value - s.value) > 1e-9 * (1 + abs(s.value)) OR f.value IS NULL
	OR s.value IS NULL) AS differ, count(DISTINCT s.value) > 100 AS lively
FROM unnest('{spend,orders,all,best,shop,active days,thanked,earned}'::text[]) AS measure,
	unnest('{lifetime,rolling 30 days,rolling 1 year,calendar month,calendar year,anniversary year}'::community.period[]) AS period,
	unnest('{2022-03-02 12:00+01,2022-10-30 02:30+01,2023-03-01 00:00+01,2024-03-01 12:00+01}'::timestamptz[]) AS at,
	LATERAL (SELECT * FROM pg_temp.slowly(measure, period, at) AS s
		FULL JOIN (SELECT v.member_id, v.value AS fast FROM community.measure_values(measure, period, at) AS v) AS v USING (member_id)) AS s,
	LATERAL (SELECT s.fast AS value) AS f;
SELECT count(*) AS compared, count(*) FILTER (WHERE abs(v.value - s.value) > 1e-6 * (1 + abs(s.value))) AS differ
FROM unnest('{warmth,days}'::text[]) AS measure, unnest('{2022-03-02 12:00+01,2023-03-26 02:00+01}'::timestamptz[]) AS at,
	LATERAL pg_temp.slowly(measure, 'lifetime', at) AS s
	JOIN LATERAL community.measure_values(measure, 'lifetime', at) AS v ON v.member_id = s.member_id;
CREATE FUNCTION what_if_square(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE sql STABLE
AS 'SELECT (member * member)::numeric';
SELECT community.define_measure('square', 'function', function => 'public.what_if_square') > 0 AS defined;
SELECT * FROM community.measure_values('square', 'calendar month', '2022-03-01 12:00+01') ORDER BY value DESC LIMIT 2;

-- ----- thresholds for shares -----

SELECT count(*), count(*) FILTER (WHERE value > 0) AS above_0 FROM community.measure_values('orders', 'calendar year', '2022-12-31 12:00+01');
SELECT * FROM community.calibrate('orders', '{0.05,0.15,0.3,0.5}', 'calendar year', '2022-12-31 12:00+01');
-- no ties: exactly the wished number of members, 8, 24 and 128; and 7 of 100, though 0.07 * 100 is more than 7 to a computer
SELECT * FROM community.calibrate('square', '{0.05,0.15,0.8}', as_of => '2024-03-01 12:00+01');
SELECT members FROM community.calibrate('square', '{0.4375}', as_of => '2024-03-01 12:00+01');
-- more than have anything
SELECT * FROM community.calibrate('earned', '{0.1,0.5}', as_of => '2024-03-01 12:00+01');
SELECT c.*, (SELECT count(*) FROM community.measure_values('spend', 'rolling 90 days', '2023-01-01 12:00+01') AS v WHERE v.value >= c.threshold) = c.reached AS agrees
FROM community.calibrate('spend', '{0.01,0.1,0.2}', 'rolling 90 days', '2023-01-01 12:00+01') AS c;
SELECT pg_temp.refused(format('SELECT * FROM community.calibrate(%s)', arguments)) FROM unnest(ARRAY[
	$$'orders', NULL$$, $$'orders', '{}'$$, $$'orders', '{{0.1}}'$$, $$'orders', '{0.1,NULL}'$$, $$'orders', '{0}'$$,
	$$'orders', '{NaN}'$$, $$'orders', '{0.6,0.5}'$$, $$'order', '{0.1}'$$, $$NULL, '{0.1}'$$,
	$$'warmth', '{0.1}', 'calendar year'$$, $$'orders', '{0.1}', as_of => 'infinity'$$]) AS arguments;

-- ----- moves -----

INSERT INTO community.ladder (program_id, name, demotion) VALUES (community.current_program(), 'club', 'drop');
CREATE FUNCTION pg_temp.tiers(thresholds numeric[], names text[]) RETURNS void LANGUAGE sql AS $$
	DELETE FROM community.tier WHERE program_id = community.current_program();
	INSERT INTO community.tier (program_id, ladder_id, rank, name)
	SELECT l.program_id, l.ladder_id, n.rank, n.name FROM community.ladder AS l, unnest(names) WITH ORDINALITY AS n (name, rank)
	WHERE l.program_id = community.current_program();
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
	SELECT l.program_id, l.ladder_id, n.rank, m.measure_id, 'rolling 180 days', n.attain
	FROM community.ladder AS l, community.measure AS m, unnest(thresholds) WITH ORDINALITY AS n (attain, rank)
	WHERE l.program_id = community.current_program() AND m.program_id = l.program_id AND m.name = 'spend';
$$;
SELECT pg_temp.tiers('{300,1500,3000}', '{silver,gold,black}');
-- a draft alone: nobody has anything today; who drops at once has the tier of the value of the moment
\set at '2022-07-15 12:00+02'
CREATE VIEW what_if_now AS SELECT m.member_id, community.tier(m.member_id, 'club', '2022-07-15 12:00+02') AS tier
FROM community.member AS m WHERE m.program_id = community.current_program() AND m.status = 'active';
SELECT * FROM community.what_if('club', :'at');
SELECT CASE WHEN v.value >= 3000 THEN 'black' WHEN v.value >= 1500 THEN 'gold' WHEN v.value >= 300 THEN 'silver' END AS tier,
	count(*), count(*) FILTER (WHERE v.value >= 6000) AS parked,
	sum((SELECT coalesce(sum(e.points), 0) FROM community.entry AS e WHERE e.program_id = community.current_program()
		AND e.member_id = v.member_id AND e.kind = 'accrue' AND e.effective_at > timestamptz :'at' - interval '1 year' AND e.effective_at <= :'at'))
FROM community.measure_values('spend', 'rolling 180 days', :'at') AS v GROUP BY 1 ORDER BY min(v.value);
SELECT * FROM community.what_if_tiers('club', '2023-07-15 12:00+02');
-- what publishing it says, and what is: no move from what the draft says
SELECT count(*) FROM community.publish_ladder('club', '-infinity');
SELECT from_tier, to_tier, members FROM community.what_if('club', :'at');
SELECT tier, count(*) FROM what_if_now GROUP BY 1 ORDER BY 2 DESC;
SELECT count(*) FROM community.tenure WHERE program_id = community.current_program();
CALL community.review_tiers();
SELECT bool_and(from_tier IS NOT DISTINCT FROM to_tier) AS nobody_moves, sum(members) FROM community.what_if('club');
-- both ways of reading: going on from standings as events, corrections and time come, and all from the beginning
CREATE FUNCTION pg_temp.as_believed() RETURNS TABLE (members bigint, tenures bigint, differ bigint) LANGUAGE sql AS $$
	WITH found AS (SELECT m.member_id, t.tier, t.rank, t.source, t.during, t.ends_at, t.reason
		FROM community.member AS m, LATERAL community.tenures(m.member_id, 'club') AS t
		WHERE m.program_id = community.current_program() AND m.status = 'active'),
	believed AS (SELECT t.member_id, t.tier, t.rank, t.source, t.during, t.ends_at, t.reason
		FROM community.tenure AS t WHERE t.program_id = community.current_program() AND t.superseded_at IS NULL
		AND t.source IN ('qualified', 'grace')),
	odd AS ((TABLE found EXCEPT TABLE believed) UNION ALL (TABLE believed EXCEPT TABLE found))
	SELECT (SELECT count(DISTINCT member_id) FROM found), (SELECT count(*) FROM found), (SELECT count(*) FROM odd)
$$;
SELECT count(community.record(1 + (random() * 149)::integer, 'order', 'later ' || g, (random() * 900)::bigint,
	now() - random() * random() * interval '400 days')) FROM generate_series(1, 1200) AS g;
SELECT count(community.reverse('later ' || g, 'returned', CASE g % 3 WHEN 0 THEN 1 END)) FROM generate_series(1, 1200, 4) AS g
WHERE (SELECT amount FROM community.event WHERE program_id = community.current_program() AND key = 'later ' || g AND revision = 0) > 1;
CALL community.review_tiers();
SELECT members > 50 AS members, tenures > 500 AS tenures, differ FROM pg_temp.as_believed();

-- another draft, from a time on, with rulings and grants: what comes is what was said
SELECT count(community.lock_tier(m, 'club', '[2022-05-01 00:00+02,)', 'test', 'lock ' || m)),
	count(community.veto_tier(m + 1, 'club', 'gold', '[2022-05-01 00:00+02,)', 'test', 'veto ' || m)),
	count(community.grant_tier(m + 2, 'club', 'black', '[2022-05-01 00:00+02,)', reason => 'test', key => 'grant ' || m))
FROM generate_series(1, 146, 5) AS m;
UPDATE community.ladder SET demotion = 'term_end', term = '3 months', grace = '14 days', grandfather = true
WHERE program_id = community.current_program();
SELECT pg_temp.tiers('{200,1000,2500}', '{silver,lead,black}');
SELECT from_tier, to_tier, members FROM community.what_if('club', :'at');
CREATE TABLE what_if_said AS SELECT from_tier, to_tier, members FROM community.what_if('club', :'at', '2022-06-01 00:00+02');
CREATE TABLE what_if_before AS TABLE what_if_now;
SELECT * FROM what_if_said;
SELECT count(*) > 0 AS moves FROM community.publish_ladder('club', '2022-06-01 00:00+02');
CREATE VIEW what_if_came AS SELECT b.tier AS from_tier, n.tier AS to_tier, count(*) AS members
FROM what_if_before AS b JOIN what_if_now AS n USING (member_id) GROUP BY 1, 2;
(TABLE what_if_said EXCEPT TABLE what_if_came) UNION ALL (TABLE what_if_came EXCEPT TABLE what_if_said);
SELECT pg_temp.refused(format('SELECT * FROM community.what_if(%s)', arguments)) FROM unnest(ARRAY[
	$$'clob'$$, $$NULL$$, $$'club', effective_from => '2022-05-01 00:00+02'$$, $$'club', '2024-01-01 00:00+01', '2024-01-02 00:00+01'$$,
	$$'club', 'infinity'$$, $$'club', currency => 'miles'$$]) AS arguments;
-- a draft that could not be published
BEGIN;
UPDATE community.tier SET rank = 5 WHERE program_id = community.current_program() AND rank = 3;
SELECT pg_temp.refused($$SELECT * FROM community.what_if('club')$$);
ROLLBACK;
-- nobody who joined later counts, and nobody who is closed
SELECT sum(members) FROM community.what_if('club', '2022-03-02 11:00+01');
SELECT community.close_member(160, 'test') IS NOT NULL AS closed;
SELECT sum(members) FROM community.what_if('club');
-- nothing is written
BEGIN READ ONLY;
SELECT count(*) > 0 AS moves FROM community.what_if('club');
COMMIT;

-- more members and events than are looked at together, of whom not all are active
SELECT community.create_program('what if, many') > 0 AS created;
SET community.program = 'what if, many';
INSERT INTO community.member (program_id, member_id, joined_at, status, closed_at)
SELECT community.current_program(), g * 7, '2022-01-01 00:00+01', CASE WHEN g % 10 = 0 THEN 'closed' ELSE 'active' END,
	CASE WHEN g % 10 = 0 THEN now() END FROM generate_series(1, 9000) AS g;
INSERT INTO community.event (program_id, event_id, member_id, amount, occurred_at, engagement, type, key)
SELECT community.current_program(), community.next_id(), 7 * (1 + (random() * random() * 8999)::bigint), (random() * 100)::bigint,
	timestamptz '2022-01-02 00:00+01' + random() * interval '1 year', 1, 'order', g::text FROM generate_series(1, 30000) AS g;
INSERT INTO community.event (program_id, event_id, member_id, amount, occurred_at, engagement, type, key, corrects, revision, kind)
SELECT e.program_id, community.next_id(), e.member_id, CASE x.n WHEN 1 THEN - (e.amount / 2) ELSE - (e.amount - e.amount / 2) END,
	e.occurred_at + interval '2 months', 0, e.type, e.key, e.event_id, x.n, 'reverse'
FROM community.event AS e, generate_series(1, 2) AS x (n)
WHERE e.program_id = community.current_program() AND hashint8(e.event_id) % (3 * x.n) = 0 AND (x.n = 1 OR hashint8(e.event_id) % 3 = 0);
ANALYZE community.event;
SELECT count(community.define_measure(k, k)) FROM unnest('{sum,count}'::text[]) AS k;
CREATE FUNCTION pg_temp.differ() RETURNS TABLE (compared bigint, differ bigint, sum numeric) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE (s.value, c.value) IS DISTINCT FROM (o.sum, o.count)), sum(s.value)
	FROM community.measure_values('sum', as_of => '2022-09-01 00:00+02') AS s
	JOIN community.measure_values('count', as_of => '2022-09-01 00:00+02') AS c USING (member_id)
	FULL JOIN (SELECT m.member_id, coalesce(sum(e.amount), 0) AS sum, count(e.event_id)::numeric AS count FROM community.member AS m
		LEFT JOIN community.counted_event AS e ON e.program_id = m.program_id AND e.member_id = m.member_id
			AND e.occurred_at <= '2022-09-01 00:00+02'
		WHERE m.program_id = community.current_program() AND m.status = 'active' GROUP BY 1) AS o USING (member_id)
$$;
SELECT compared, differ, sum > 0 AS lively FROM pg_temp.differ();
-- by whichever plan
SET enable_seqscan = off;
SELECT compared, differ FROM pg_temp.differ();
RESET enable_seqscan;
SET enable_indexscan = off;
SELECT compared, differ FROM pg_temp.differ();
RESET enable_indexscan;

-- who may
CREATE ROLE what_if_analyst;
SELECT community.grant_analyst('what_if_analyst');
SET ROLE what_if_analyst;
SELECT count(*) FROM community.calibrate('sum', '{0.1}');
SELECT pg_temp.refused($$SELECT * FROM community.what_if('club')$$), pg_temp.refused($$SELECT * FROM community.what_if_tiers('club')$$);
RESET ROLE;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA community FROM what_if_analyst;
SET ROLE what_if_analyst;
SELECT pg_temp.refused(format('SELECT * FROM community.%s', f)) FROM unnest(ARRAY['calibrate(NULL, NULL, program => 1)',
	'what_if(NULL, program => 1)', 'what_if_tiers(NULL, program => 1)', 'measure_values(NULL, program => 1)']) AS f;
RESET ROLE;
DROP OWNED BY what_if_analyst;
DROP ROLE what_if_analyst;
DROP VIEW what_if_came, what_if_now;
DROP TABLE what_if_source, what_if_said, what_if_before;
DROP FUNCTION what_if_square;
