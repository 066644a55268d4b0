-- If this failed, caps would count otherwise in a set than event by event, or
-- otherwise where a table is left to SQL: what members get would depend on how
-- their events came in.
CREATE TABLE cap_way (name text, batch int, by_sql boolean);
INSERT INTO cap_way VALUES ('ways one', 0, false), ('ways all', 1000, false), ('ways some', 7, false),
	('ways one sql', 0, true), ('ways all sql', 1000, true);
SELECT count(community.create_program(name)) FROM cap_way;
SELECT setseed(0.25);
CREATE TABLE cap_way_event AS
SELECT g AS n, 1 + floor(random() * 4)::bigint AS member, (ARRAY['order', 'post'])[1 + floor(random() * 2)::int] AS type,
	'w' || CASE WHEN g % 50 = 0 THEN g - 1 ELSE g END AS key, floor(random() * 90)::bigint AS amount,
	timestamptz '2024-02-20 00:00+00' + floor(random() * 480) * interval '1 hour' AS occurred_at,
	CASE WHEN random() < 0.6 THEN 1 + floor(random() * 4)::bigint END AS target
FROM generate_series(1, 300) AS g;
CREATE FUNCTION run_cap_way(cap_way) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('community.program', $1.name, false);
	PERFORM community.enroll(g, joined_at => '2020-03-01 00:00+00') FROM generate_series(1, 4) AS g;
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient)
	SELECT c.program_id, r.name, r.type, c.currency_id, r.position, r.effect, r.points, r.per, r.recipient
	FROM community.currency AS c, (VALUES ('spend', 'order', 1, 'per_unit', 1, 2, 'member'), ('each', NULL, 2, 'fixed', 5, NULL, 'member'),
		('thanks', 'post', 3, 'fixed', 8, NULL, 'target')) AS r (name, type, position, effect, points, per, recipient)
	WHERE c.program_id = community.current_program();
	INSERT INTO community.cap (program_id, name, currency_id, rules, counts, maximum, period)
	SELECT c.program_id, k.name, c.currency_id, k.rules, k.counts, k.maximum, k.period::community.period
	FROM community.currency AS c, (VALUES ('week', NULL, 'points', 160, 'rolling 7 days'), ('day', '{spend,each}'::text[], 'points', 60, 'calendar day'),
		('few', '{each}', 'events', 3, 'calendar week'), ('ever', '{thanks}', 'points', 60, 'lifetime'),
		('none', '{thanks}', 'points', 1000, 'anniversary year')) AS k (name, rules, counts, maximum, period)
	WHERE c.program_id = community.current_program() ORDER BY k.name;
	IF $1.by_sql THEN
		ALTER TABLE community.cap_usage ADD CONSTRAINT cap_way CHECK (true);
		ALTER TABLE community.event ADD CONSTRAINT cap_way CHECK (true);
		ALTER TABLE community.entry ADD CONSTRAINT cap_way CHECK (true);
	END IF;
	IF $1.batch = 0 THEN
		PERFORM community.record(e.member, e.type, e.key, e.amount, e.occurred_at, e.target)
		FROM (SELECT * FROM cap_way_event ORDER BY n) AS e WHERE n % 50 <> 0;
	ELSE
		INSERT INTO community.inbox (member_id, type, key, amount, occurred_at, target_id)
		SELECT member, type, key, amount, occurred_at, target FROM cap_way_event ORDER BY n;
		CALL community.process_inbox($1.batch);
	END IF;
	IF $1.by_sql THEN
		ALTER TABLE community.cap_usage DROP CONSTRAINT cap_way;
		ALTER TABLE community.event DROP CONSTRAINT cap_way;
		ALTER TABLE community.entry DROP CONSTRAINT cap_way;
	END IF;
END
$$;
DO $$ DECLARE w cap_way; BEGIN FOR w IN SELECT * FROM cap_way LOOP PERFORM run_cap_way(w); END LOOP; END $$;
-- what was earned, and what caps have counted
CREATE VIEW way_book AS
SELECT p.name AS cap_way, concat_ws(' ', v.key, n.member_id, n.line, n.points, n.cut, n.delta, n.rule_points, (SELECT string_agg(k.name, ',' ORDER BY k.name)
	FROM community.cap AS k WHERE k.program_id = n.program_id AND k.cap_id = ANY (n.cut_by))) AS line
FROM community.entry AS n JOIN community.event AS v USING (program_id, event_id) JOIN community.program AS p USING (program_id)
UNION ALL
SELECT p.name, concat_ws(' ', k.name, u.member_id, u.used_at, u.points, u.events)
FROM community.cap_usage AS u JOIN community.cap AS k USING (program_id, cap_id) JOIN community.program AS p USING (program_id);
SELECT cap_way.name, count(*) = (SELECT count(*) FROM way_book WHERE cap_way = 'ways one') AS as_many, count(*) FILTER (WHERE NOT EXISTS
	(SELECT FROM way_book AS o WHERE o.cap_way = 'ways one' AND o.line = b.line)) AS different
FROM cap_way JOIN way_book AS b ON b.cap_way = cap_way.name GROUP BY cap_way.name ORDER BY cap_way.name;
-- each cap has cut something but the wide one, and gone to its limit at most
SELECT k.name, count(n.entry_id) > 0 AS has_cut FROM community.cap AS k JOIN community.program AS p USING (program_id)
LEFT JOIN community.entry AS n ON n.program_id = k.program_id AND k.cap_id = ANY (n.cut_by)
WHERE p.name = 'ways one' GROUP BY k.name ORDER BY k.name;
SELECT count(*) AS beyond FROM community.cap_usage AS u JOIN community.cap AS k USING (program_id, cap_id)
WHERE u.used_at > '-infinity' AND k.maximum < CASE k.counts WHEN 'points' THEN u.points ELSE u.events END;
-- keys used twice are all that was set aside
DELETE FROM community.inbox_fault AS f USING community.program AS p
WHERE p.program_id = f.program_id AND p.name LIKE 'ways %' AND f.sqlstate = 'CM001';
RESET community.program;
