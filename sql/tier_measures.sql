-- If this failed, members would be judged by a count that is not theirs: events
-- that were taken back, points that were not accrued, the wrong day; or a
-- function would run with rights that nobody gave it.
SELECT community.create_program('tier measures', 'Europe/Berlin', '10 days') > 0 AS created;
SET community.program = 'tier measures';
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- what is defined, once
CREATE VIEW pg_temp.measure AS SELECT name, kind, types, payload_filter, currency_id IS NOT NULL AS of_currency,
	function, registered_by = current_user AS ours FROM community.measure
WHERE program_id = community.current_program() ORDER BY measure_id;
SELECT community.define_measure('spend', 'sum', ARRAY['order', 'gift', 'order'], '{}') > 0 AS defined;
SELECT community.define_measure('spend', 'sum', ARRAY['gift', 'order'])
	= community.define_measure(name => 'spend', kind => 'sum', types => ARRAY['order', 'gift'],
		program => community.current_program()) AS same;
SELECT count(community.define_measure(k || coalesce(' ' || (f ->> 'shop'), ''), k, payload_filter => f))
FROM (SELECT k, f FROM unnest(ARRAY['sum', 'count', 'maximum', 'distinct_days', 'distinct_counterparts']) WITH ORDINALITY AS x (k, i),
	unnest(ARRAY[NULL, '{"shop": "x"}'::jsonb]) WITH ORDINALITY AS y (f, j) ORDER BY j, i OFFSET 0) AS z;
SELECT count(community.define_measure(k, k)) FROM unnest(ARRAY['engagement', 'membership_days']) AS k;
SELECT community.define_measure('earned', 'points', currency => 'points') > 0 AS defined;
SELECT * FROM pg_temp.measure;
SELECT community.define_measure('spend', 'count', ARRAY['gift', 'order']);
SELECT community.define_measure('spend', 'sum', ARRAY['gift']);
SELECT community.define_measure('spend', 'sum');
SELECT community.define_measure('sum x', 'sum', payload_filter => '{"shop": "y"}');
SELECT community.define_measure('earned', 'engagement');
SELECT community.define_measure('x', 'average');
SELECT community.define_measure('x', 'sum', '{}');
SELECT community.define_measure('x', 'sum', '{a,NULL}');
SELECT community.define_measure('x', 'sum', ARRAY['a', '']);
SELECT community.define_measure('x', 'sum', ARRAY[repeat('a', 513)]);
SELECT community.define_measure('x', 'sum', payload_filter => '[1]');
SELECT community.define_measure('x', 'sum', currency => 'points');
SELECT community.define_measure('x', 'sum', function => 'f');
SELECT community.define_measure('x', 'engagement', ARRAY['a']);
SELECT community.define_measure('x', 'membership_days', payload_filter => '{"a": 1}');
SELECT community.define_measure('x', 'points');
SELECT community.define_measure('x', 'points', currency => 'pence');
SELECT community.define_measure('x', 'function');
SELECT community.define_measure('', 'sum');
SELECT community.define_measure(NULL, 'sum');
SELECT community.define_measure('x', NULL);
SELECT community.define_measure('x', 'sum', program => 281474976710655);

-- values, beside the same from the events as they were written
SELECT count(community.enroll(i, joined_at => '2024-03-10 23:30:00+00')) FROM generate_series(1, 4) AS i;
SELECT count(community.record(1, t, k, a, o, g, p)) FROM (VALUES
	('order', 'o1', 100, '2024-05-01 21:30:00+00'::timestamptz, NULL::bigint, '{}'::jsonb),
	('order', 'o2', 250, '2024-05-01 22:30:00+00', NULL, '{"shop": "x"}'),
	('order', 'o3', 70, '2024-05-02 10:00:00+00', NULL, '{"shop": "x", "n": 1}'),
	('gift', 'g1', 5, '2024-05-03 10:00:00+00', 2, '{}'),
	('gift', 'g2', 5, '2024-05-04 10:00:00+00', 2, '{"shop": "x"}'),
	('gift', 'g3', 5, '2024-05-05 10:00:00+00', 3, '{"shop": "y"}'),
	('post', 'p1', 0, '2024-05-06 10:00:00+00', 4, '{}')) AS e (t, k, a, o, g, p);
-- taken back: a part, all of it, all of an event without an amount
SELECT (community.reverse('o2', 'part', 200, request_key => 'r1')).amount, (community.reverse('o3', 'all')).amount,
	(community.reverse('p1', 'spam')).amount;
SELECT m.name, community.measure_value(1, m.name, '(,)') AS always,
	community.measure_value(1, m.name, '[2024-05-01 22:30:00+00,2024-05-04 10:00:00+00)') AS days,
	community.measure_value(1, m.name, '(2024-05-01 22:30:00+00,2024-05-04 10:00:00+00]') AS shifted,
	community.measure_value(1, m.name, 'empty') AS never,
	community.measure_value(2, m.name, '(,)') AS other
FROM pg_temp.measure AS m WHERE m.name NOT IN ('engagement', 'membership_days', 'earned');

-- points: earned, at their time, not what is left of them
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT program_id, 'visit', 'visit', currency_id, 1, 'fixed', 40 FROM community.currency
WHERE program_id = community.current_program();
SELECT (community.accrue(1, 100, 'a1', occurred_at => '2024-06-01')).points,
	(community.accrue(1, 30, 'a2', occurred_at => '2024-07-01')).points,
	(community.accrue(2, 9, 'a3')).points, (community.record(1, 'visit', 'v1', 0, '2024-06-15')).points;
SELECT (community.redeem(1, 120, 'd1')).points, (community.transfer(2, 1, 9, 't1')).points;
SELECT (community.reverse('a1', 'half', 20, 'ledger', request_key => 'r2')).amount,
	(community.reverse('t1', 'no', source => 'ledger')).amount, (community.reverse('v1', 'no')).points;
SELECT community.measure_value(1, 'earned', '(,)') AS always, community.measure_value(1, 'earned', '[2024-06-01,2024-06-15)') AS june,
	community.measure_value(1, 'earned', '[2024-06-15,2024-06-16)') AS taken,
	community.measure_value(1, 'earned', '[2024-07-01,)') AS later, community.measure_value(2, 'earned', '(,)') AS giver;

-- engagement as it is at the end of the range, from what is in it
SELECT round(community.measure_value(1, 'engagement', '(,2024-05-05 10:00:00+00)'), 9) AS value,
	round((SELECT sum(c.engagement * 2 ^ (-extract(epoch FROM
		timestamptz '2024-05-05 10:00:00+00' - c.occurred_at) / 864000)) FROM community.counted_event AS c
		WHERE c.program_id = community.current_program() AND c.member_id = 1
			AND c.occurred_at < '2024-05-05 10:00:00+00')::numeric, 9) AS by_hand;
SELECT community.measure_value(1, 'engagement', '(,)') = community.measure_value(1, 'engagement', tstzrange(NULL, now())) AS until_now,
	community.measure_value(1, 'engagement', tstzrange(NULL, 'infinity')) = community.measure_value(1, 'engagement', '(,)') AS infinite,
	community.measure_value(4, 'engagement', '(,)') AS nothing;

-- whole days on the clock of Berlin: member joined at half past midnight, clocks go on
-- an hour on 31 March and back on 27 October
SELECT t, community.measure_value(1, 'membership_days', tstzrange(NULL, t)) FROM unnest(ARRAY[
	'2024-03-10 23:29:59+00', '2024-03-10 23:30:00+00', '2024-03-11 23:29:59+00', '2024-03-11 23:30:00+00',
	'2024-03-31 22:29:59+00', '2024-03-31 22:30:00+00', '2024-10-27 23:29:59+00', '2024-10-27 23:30:00+00',
	'2025-03-10 23:30:00+00', '2000-01-01']::timestamptz[]) AS t;

-- members that were merged are borne
SELECT (community.record(4, 'order', 'o4', 1000, '2024-05-02')).amount, (community.accrue(4, 7, 'a4')).points;
SELECT community.merge_members(4, 1, 'm1');
SELECT community.measure_value(1, 'spend', '(,)') AS spend, community.measure_value(1, 'earned', '(,)') AS earned;

SELECT community.measure_value(9, 'spend', '(,)');
SELECT community.measure_value(1, 'speed', '(,)');
SELECT community.measure_value(1, 'spend', NULL);
SELECT community.measure_value(1, 'spend', '(,)', 281474976710655);

-- a function of one's own: its signature, its owner
CREATE ROLE regress_maker;
CREATE ROLE regress_other;
CREATE SCHEMA "regress Shop" AUTHORIZATION regress_maker;
GRANT USAGE ON SCHEMA community TO regress_maker, regress_other;
GRANT EXECUTE ON FUNCTION community.define_measure, community.measure_value, community.current_program
	TO regress_maker, regress_other;
SET ROLE regress_maker;
CREATE FUNCTION "regress Shop".stars(program bigint, member bigint, during tstzrange) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE INFO 'as %, path %, member %, %', current_user, current_setting('search_path'), member, during;
	RETURN member + 0.5;
END $$;
CREATE FUNCTION "regress Shop".nothing(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT NULL::numeric';
CREATE FUNCTION "regress Shop".moves(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE sql VOLATILE AS 'SELECT 1.0';
CREATE FUNCTION "regress Shop".words(bigint, bigint, tstzrange) RETURNS text LANGUAGE sql STABLE AS 'SELECT ''a''';
CREATE FUNCTION "regress Shop".many(bigint, bigint, tstzrange) RETURNS SETOF numeric LANGUAGE sql STABLE AS 'SELECT 1.0';
CREATE FUNCTION "regress Shop".short(bigint, bigint) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT 1.0';
CREATE FUNCTION "regress Shop".writes(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
	INSERT INTO "regress Shop".book VALUES (1);
	RETURN 1;
END $$;
CREATE TABLE "regress Shop".book (n integer);
CREATE FUNCTION "regress Shop".climbs(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
	SET ROLE NONE;
	RETURN 1;
END $$;
SET search_path = "regress Shop";
SELECT community.define_measure('stars', 'function', function => 'stars') > 0 AS defined;
RESET search_path;
SELECT community.define_measure('stars', 'function', function => '"regress Shop".stars')
	= community.define_measure('stars', 'function', function => '"regress Shop".stars') AS same;
SELECT count(community.define_measure(f, 'function', function => '"regress Shop".' || f)) FROM unnest('{nothing,writes,climbs}'::text[]) AS f;
SELECT community.define_measure('x', 'function', function => '"regress Shop".moves');
SELECT community.define_measure('x', 'function', function => '"regress Shop".words');
SELECT community.define_measure('x', 'function', function => '"regress Shop".many');
SELECT community.define_measure('x', 'function', function => '"regress Shop".short');
SELECT community.define_measure('x', 'function', function => '"regress Shop".stars(bigint)');
SELECT community.define_measure('x', 'function', function => 'stars');
SELECT community.define_measure('stars', 'function', function => '"regress Shop".nothing');
SET ROLE regress_other;
SELECT community.define_measure('x', 'function', function => '"regress Shop".stars');
RESET ROLE;
GRANT USAGE ON SCHEMA "regress Shop" TO regress_other;
SET ROLE regress_other;
SELECT community.define_measure('x', 'function', function => '"regress Shop".stars');
-- whoever asks, it runs as its owner
SELECT community.measure_value(3, 'stars', '[2024-01-01,2024-02-01)');
SELECT community.measure_value(3, 'nothing', '(,)');
SELECT community.measure_value(3, 'writes', '(,)');
SELECT community.measure_value(3, 'climbs', '(,)');
SELECT current_user, current_setting('search_path');
RESET ROLE;
SELECT name, function, registered_by FROM community.measure
WHERE program_id = community.current_program() AND kind = 'function' ORDER BY name;
-- a superuser may define it for its owner
SELECT community.define_measure('more stars', 'function', function => '"regress Shop".stars') > 0 AS defined;
SELECT registered_by FROM community.measure WHERE program_id = community.current_program() AND name = 'more stars';
-- but no row lends the rights of another role
UPDATE community.measure SET registered_by = 'regress_other'
WHERE program_id = community.current_program() AND name = 'stars';
SELECT community.measure_value(3, 'stars', '(,)');
UPDATE community.measure SET registered_by = 'regress nobody'
WHERE program_id = community.current_program() AND name = 'stars';
SELECT community.measure_value(3, 'stars', '(,)');
ALTER FUNCTION "regress Shop".nothing OWNER TO regress_other;
SELECT community.measure_value(3, 'nothing', '(,)');
-- what became of it since
DROP FUNCTION "regress Shop".writes;
SELECT community.measure_value(3, 'writes', '(,)');
DROP FUNCTION "regress Shop".climbs;
CREATE FUNCTION "regress Shop".climbs(bigint, bigint, tstzrange) RETURNS text LANGUAGE sql STABLE AS 'SELECT ''a''';
ALTER FUNCTION "regress Shop".climbs OWNER TO regress_maker;
SELECT community.measure_value(3, 'climbs', '(,)');
ALTER FUNCTION "regress Shop".stars VOLATILE;
SELECT community.measure_value(3, 'more stars', '(,)');
CREATE FUNCTION pg_temp.brief(bigint, bigint, tstzrange) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT 1.0';
DO $$ BEGIN
	PERFORM community.define_measure('x', 'function', function => 'pg_temp.brief');
EXCEPTION WHEN invalid_function_definition THEN
	RAISE INFO '%', regexp_replace(SQLERRM, 'pg_temp_\d+', 'pg_temp_N');
END $$;
DELETE FROM community.measure WHERE program_id = community.current_program() AND kind = 'function';
DROP OWNED BY regress_maker, regress_other CASCADE;
DROP ROLE regress_maker, regress_other;
