-- If this failed, members would lack awards that they have earned, have them
-- twice, or keep those whose events were taken back.
CREATE SCHEMA badges;
SET search_path = badges, public;
SELECT community.create_program('badge test', time_zone => 'America/New_York') > 0 AS created;
SET community.program = 'badge test';
SET timezone = 'America/New_York';
SELECT count(community.enroll(g, joined_at => '2024-02-29 08:00')) FROM generate_series(1, 12) g;
INSERT INTO community.measure (program_id, name, kind, types, payload_filter)
SELECT community.current_program(), v.* FROM (VALUES ('spent', 'sum', '{order}'::text[], NULL::jsonb), ('orders', 'count', '{order}', NULL),
	('largest', 'maximum', '{order}', NULL), ('days', 'distinct_days', NULL, NULL), ('friends', 'distinct_counterparts', '{thank}', NULL),
	('shoes', 'count', NULL, '{"dept": "shoes"}'), ('tenure', 'membership_days', NULL, NULL)) v;
INSERT INTO community.award (program_id, name, needs, period, currency_id, points)
SELECT c.program_id, v.name, v.needs, v.period::community.period, CASE WHEN v.points > 0 THEN c.currency_id END, nullif(v.points, 0)
FROM (VALUES ('first order', NULL::int, 'lifetime', 5), ('big month', NULL, 'calendar month', 10), ('busy', NULL, 'lifetime', 0),
	('all-rounder', 2, 'lifetime', 7), ('three days', NULL, 'calendar month', 0), ('two weeks', NULL, 'lifetime', 0),
	('kind year', NULL, 'anniversary year', 0)) v (name, needs, period, points)
JOIN community.currency c ON c.program_id = community.current_program() AND c.code = 'points';
INSERT INTO community.award_requirement (program_id, award_id, position, measure_id, period, attain, streak)
SELECT a.program_id, a.award_id, v.position, m.measure_id, v.period::community.period, v.attain, v.streak
FROM (VALUES ('first order', 1, 'orders', 'lifetime', 1, NULL), ('big month', 1, 'spent', 'calendar month', 3000, NULL),
	('busy', 1, 'days', 'rolling 10 days', 5, NULL), ('all-rounder', 1, 'largest', 'lifetime', 950, NULL),
	('all-rounder', 2, 'friends', 'calendar quarter', 3, NULL), ('all-rounder', 3, 'shoes', 'rolling 30 days', 2, NULL),
	('three days', 1, 'days', 'lifetime', 3, 'day'), ('two weeks', 1, 'orders', 'lifetime', 2, 'week'), ('two weeks', 2, 'friends', 'lifetime', 2, NULL),
	('kind year', 1, 'friends', 'anniversary year', 2, NULL)) v (award, position, measure, period, attain, streak)
JOIN community.award a ON a.name = v.award AND a.program_id = community.current_program()
JOIN community.measure m ON m.name = v.measure AND m.program_id = a.program_id;
\set VERBOSITY terse
INSERT INTO community.award_requirement (program_id, award_id, position, measure_id, attain)
SELECT a.program_id, a.award_id, 9, m.measure_id, 1 FROM community.award a JOIN community.measure m USING (program_id)
WHERE a.program_id = community.current_program() AND a.name = 'busy' AND m.name = 'tenure';
\set VERBOSITY default
CREATE VIEW given AS SELECT g.member_id, a.name, g.period_start, g.earned_at, g.points, g.withdrawn_at IS NOT NULL AS withdrawn
FROM community.award_given g JOIN community.award a USING (program_id, award_id) WHERE g.program_id = community.current_program();

-- one member, event by event
CREATE FUNCTION act(member bigint, type text, key text, amount bigint, at timestamptz, target bigint DEFAULT NULL, payload jsonb DEFAULT '{}')
RETURNS SETOF given LANGUAGE plpgsql AS $$
BEGIN
	PERFORM community.record(member, type, key, amount, at, target, payload);
	PERFORM community.settle_awards(member, at);
	RETURN QUERY SELECT * FROM given g WHERE g.member_id = member AND g.earned_at >= at ORDER BY g.name, g.period_start;
END $$;
SELECT * FROM act(1, 'order', 'a1', 100, '2024-03-10 01:30');
SELECT * FROM act(1, 'order', 'a2', 100, '2024-03-11 23:30');
SELECT * FROM act(1, 'visit', 'a3', 0, '2024-03-12 00:10');
SELECT * FROM act(1, 'visit', 'a4', 0, '2024-03-12 23:59');
-- what comes to be known later: an earlier first order
SELECT * FROM act(1, 'order', 'a5', 3000, '2024-03-01 12:00');
SELECT * FROM community.awards(1);
-- taken back: the award stays if something else earned it, and goes if nothing did
SELECT count(community.reverse(k, 'mistake')) FROM unnest('{a5,a2}'::text[]) k;
SELECT community.settle_awards(1, '2024-03-01 12:00'), community.settle_awards(1, '2024-03-11 23:30');
SELECT name, period_start, earned_at, points, withdrawn FROM given WHERE member_id = 1 ORDER BY withdrawn, name;
SELECT kind, points, reason FROM community.entry WHERE program_id = community.current_program() AND member_id = 1 ORDER BY entry_id;
SELECT community.awards(99);
SELECT community.settle_awards(99, now());

-- many members, two months: what happened in whatever order, some of it taken back
CREATE TABLE doings AS SELECT n, 2 + n * 5 % 5 + n % 3 * 2 AS member, (ARRAY['order', 'thank', 'visit'])[1 + n * 7 % 11 % 3] AS type, 50 + n * 311 % 977 AS amount,
	'2024-02-20'::timestamptz + interval '7 hours 13 minutes' * (n * 89 % 211) AS at, 1 + n * 13 % 9 AS target,
	CASE WHEN n % 6 = 0 THEN '{"dept": "shoes"}' ELSE '{}' END::jsonb AS payload FROM generate_series(1, 320) n;
DO $$
DECLARE
	d record;
BEGIN
	FOR d IN SELECT * FROM doings ORDER BY n LOOP
		PERFORM community.record(d.member, d.type, 'd' || d.n, d.amount, d.at, CASE WHEN d.type = 'thank' THEN d.target END, d.payload);
		PERFORM community.settle_awards(d.member, d.at);
		IF d.n % 9 = 0 THEN
			PERFORM community.reverse('d' || d.n - 5, 'back');
			PERFORM community.settle_awards(t.member, t.at) FROM doings t WHERE t.n = d.n - 5;
		END IF;
	END LOOP;
END $$;
-- the slow way to say the same: each requirement at each time at which anything happened
CREATE FUNCTION measured(member bigint, kind text, types text[], filter jsonb, during tstzrange) RETURNS numeric LANGUAGE sql AS $$
	SELECT CASE $2 WHEN 'sum' THEN coalesce(sum(e.amount), 0) WHEN 'count' THEN count(*) WHEN 'maximum' THEN coalesce(max(e.amount), 0)
		WHEN 'distinct_days' THEN count(DISTINCT (e.occurred_at AT TIME ZONE 'America/New_York')::date) ELSE count(DISTINCT e.target_id) END
	FROM community.counted_event e WHERE e.program_id = community.current_program() AND e.member_id = $1
		AND ($3 IS NULL OR e.type = ANY ($3)) AND ($4 IS NULL OR e.payload @> $4) AND e.occurred_at <@ $5 $$;
CREATE FUNCTION in_a_row(member bigint, types text[], filter jsonb, unit text, at timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	bucket timestamp := date_trunc(unit, at AT TIME ZONE 'America/New_York');
	n int := 0;
	step interval := ('1 ' || unit)::interval;
BEGIN
	-- the unit of now may still be without an event
	IF measured(member, 'count', types, filter, tstzrange(bucket AT TIME ZONE 'America/New_York', at, '[]')) = 0 THEN
		bucket := bucket - step;
	END IF;
	WHILE measured(member, 'count', types, filter, tstzrange(bucket AT TIME ZONE 'America/New_York',
			least((bucket + step) AT TIME ZONE 'America/New_York', at + interval '1 us'))) > 0 LOOP
		n := n + 1;
		bucket := bucket - step;
	END LOOP;
	RETURN n;
END $$;
CREATE VIEW expected AS
SELECT x.member_id, x.name, x.period_start, min(x.at) AS earned_at FROM (
	SELECT e.member_id, a.name, e.occurred_at AS at,
		coalesce(lower(community.period_at(a.period, e.occurred_at, m.joined_at, 'America/New_York')), '-infinity') AS period_start
	FROM (SELECT DISTINCT member_id, occurred_at FROM community.counted_event WHERE program_id = community.current_program()) e
	JOIN community.member m ON m.program_id = community.current_program() AND m.member_id = e.member_id
	JOIN community.award a ON a.program_id = m.program_id
	WHERE (SELECT count(*) FILTER (WHERE CASE WHEN r.streak IS NOT NULL THEN in_a_row(e.member_id, s.types, s.payload_filter, r.streak, e.occurred_at)
				ELSE measured(e.member_id, s.kind, s.types, s.payload_filter,
					community.period_at(r.period, e.occurred_at, m.joined_at, 'America/New_York') * tstzrange(NULL, e.occurred_at, '[]')) END >= r.attain)
				>= coalesce(a.needs, count(*))
		FROM community.award_requirement r JOIN community.measure s USING (program_id, measure_id)
		WHERE r.program_id = a.program_id AND r.award_id = a.award_id)) x
GROUP BY 1, 2, 3;
CREATE TABLE truth AS SELECT * FROM expected;
SELECT name, count(*), count(DISTINCT member_id) AS members FROM truth GROUP BY 1 ORDER BY 1;
CREATE VIEW differences AS
SELECT 'missing' AS what, t.* FROM truth t WHERE NOT EXISTS (SELECT FROM given g WHERE NOT g.withdrawn AND (g.member_id, g.name, g.period_start, g.earned_at) = (t.member_id, t.name, t.period_start, t.earned_at))
UNION ALL
SELECT 'wrong', g.member_id, g.name, g.period_start, g.earned_at FROM given g WHERE NOT g.withdrawn
	AND NOT EXISTS (SELECT FROM truth t WHERE (g.member_id, g.name, g.period_start, g.earned_at) = (t.member_id, t.name, t.period_start, t.earned_at));
SELECT * FROM differences ORDER BY 1, 2, 3, 4;
SELECT count(*) > 5 AS some_withdrawn FROM given WHERE withdrawn;
-- over old data the same comes out, and nothing twice
CREATE TABLE kept AS SELECT * FROM given WHERE NOT withdrawn;
SET client_min_messages = warning;
CALL community.backfill_awards('all-rounder');
SELECT count(*) FROM (SELECT * FROM kept EXCEPT ALL SELECT * FROM given WHERE NOT withdrawn) d;
DELETE FROM community.award_given WHERE program_id = community.current_program() AND points IS NULL;
SELECT count(*) > 0 AS missing FROM differences;
CALL community.backfill_awards('three days', batch_size => 2);
CALL community.backfill_awards('busy');
CALL community.backfill_awards('two weeks', 1);
CALL community.backfill_awards('kind year');
RESET client_min_messages;
SELECT * FROM differences ORDER BY 1, 2, 3, 4;
CALL community.backfill_awards('nobody');
CALL community.backfill_awards('busy', 0);
-- points of what is held are in the ledger, those of what is not are back
SELECT count(*) FILTER (WHERE NOT g.withdrawn_at IS NOT NULL AND e.points <> g.points) AS short,
	count(*) FILTER (WHERE g.withdrawn_at IS NOT NULL AND e.points <> 0) AS left_behind, count(*) > 10 AS many
FROM community.award_given g CROSS JOIN LATERAL (SELECT coalesce(sum(e.points), 0) AS points FROM community.entry e
	WHERE e.program_id = g.program_id AND e.event_id = 0 AND e.key = g.key) e
WHERE g.program_id = community.current_program() AND g.key IS NOT NULL;
SELECT * FROM community.check_installation('full', community.current_program());
-- which finds what is wrong
BEGIN;
UPDATE community.award_given SET withdrawn_at = now() WHERE program_id = community.current_program() AND member_id = 1 AND withdrawn_at IS NULL;
SELECT rule, member_id, detail FROM community.check_installation('full', community.current_program());
ROLLBACK;
