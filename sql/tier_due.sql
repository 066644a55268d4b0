-- A review finds what time alone has done, also where an event was added to a
-- standing since.  Were this broken, members would have earned a tier and wait
-- for it until their next event.
CREATE SCHEMA tier_due_test;
SET search_path = tier_due_test, public;
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SELECT community.create_program('tier_due', 'UTC') > 0 AS made;
SET community.program = 'tier_due';
SELECT community.current_program() AS program \gset

INSERT INTO community.measure (program_id, name, kind, types) VALUES (:program, 'spend', 'sum', '{order}'),
	(:program, 'tenure', 'membership_days', NULL), (:program, 'days', 'distinct_days', NULL);
CREATE FUNCTION publish(ladder text, at tstzrange, VARIADIC needs text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p bigint := community.current_program();
	id bigint;
BEGIN
	SELECT ladder_id INTO id FROM community.ladder AS l WHERE l.program_id = p AND l.name = ladder;
	IF id IS NULL THEN
		INSERT INTO community.ladder (program_id, name) VALUES (p, ladder) RETURNING ladder_id INTO id;
	END IF;
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	SELECT p, community.next_id(), id, at, jsonb_build_object('name', ladder, 'promotion', 'at_once', 'demotion', 'never',
		'landing', 'qualified', 'grace', '0', 'dwell', '0', 'tiers', jsonb_build_array(jsonb_build_object('rank', 1,
		'name', ladder || ' 1', 'entry', 'qualify', 'requirements', (
			SELECT jsonb_agg(jsonb_build_object('position', x.n, 'measure_id', m.measure_id, 'period', split_part(need, ',', 2),
				'attain', split_part(need, ',', 3)::numeric, 'keep', split_part(need, ',', 3)::numeric) ORDER BY x.n)
			FROM unnest(needs) WITH ORDINALITY AS x (need, n) JOIN community.measure AS m
				ON m.program_id = p AND m.name = split_part(need, ',', 1)))));
END $$;
-- days of membership, a version that comes, a negative amount that falls out,
-- a negative one that was not there yet when the standing was worked out, and
-- periods that do not begin at midnight
SELECT publish('patient', '(,)', 'spend,lifetime,100', 'tenure,lifetime,30');
SELECT publish('comes', '(,2026-02-01)', 'spend,lifetime,1000');
SELECT publish('comes', '[2026-02-01,)', 'spend,lifetime,100');
SELECT publish('falls', '(,)', 'spend,rolling 10 days,70');
SELECT publish('noon', '(,)', 'days,anniversary month,2');
SELECT count(community.enroll(i, joined_at => '2026-01-01 12:00')) FROM generate_series(1, 3) AS i;
CREATE FUNCTION ladders(member bigint) RETURNS TABLE (ladder text, tier text, since timestamptz) LANGUAGE sql AS $$
	SELECT l.name, t.tier, lower(t.during) FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
	WHERE t.program_id = community.current_program() AND t.member_id = member AND t.superseded_at IS NULL ORDER BY 1, 3 $$;
CREATE FUNCTION spend(member bigint, key text, amount bigint, at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT FROM community.record(member, 'order', key, amount, at) $$;

-- what happened on the day on which a period began, but before it, does not count
SELECT community.record(3, 'visit', 'g', 0, '2026-02-01 10:00') IS NOT NULL AS recorded;
SELECT count(*) FROM community.evaluate(3, '2026-02-01 13:00');
SELECT count(community.record(3, 'visit', 'i', 0, '2026-02-01 14:00'));
SELECT * FROM ladders(3);
SELECT count(community.record(3, 'visit', 'j', 0, '2026-02-02'));
SELECT * FROM ladders(3);
SELECT tier, lower(during) AS since FROM community.tenures(3, 'noon');

SELECT spend(1, 'a', -40, '2026-01-05');
SELECT count(*) FROM community.evaluate(1, '2026-01-06');
SELECT spend(1, 'b', 80, '2026-01-07');
SELECT spend(2, 'd', 1, '2026-01-05');
SELECT count(*) FROM community.evaluate(2, '2026-01-06');
SELECT spend(2, 'e', -40, '2026-01-07'), spend(2, 'f', 80, '2026-01-08');
SELECT * FROM ladders(1);
SELECT * FROM ladders(2);
-- each at its time, and not before
CALL community.review_tiers('2026-01-14 23:59');
SELECT * FROM ladders(1);
CALL community.review_tiers('2026-01-15');
SELECT * FROM ladders(1);
SELECT spend(1, 'c', 70, '2026-01-16');
CALL community.review_tiers('2026-01-20');
SELECT * FROM ladders(2);
CALL community.review_tiers('2026-03-01');
SELECT * FROM ladders(1);

-- What is late is not wrong; what is wrong is put right, and counted by member.
SELECT community.record(3, 'visit', 'k', 0, '2026-02-10') IS NOT NULL AS recorded;
SELECT community.rebuild('standings');
UPDATE community.standing SET amounts = array_fill(7::bigint, ARRAY[cardinality(amounts)])
WHERE program_id = :program AND member_id IN (1, 2);
SET session_replication_role = replica;
UPDATE community.tenure SET during = tstzrange(lower(during) + interval '1 second', upper(during))
WHERE program_id = :program AND member_id = 2 AND superseded_at IS NULL AND tier = 'noon 1';
RESET session_replication_role;
DELETE FROM community.standing WHERE program_id = :program AND member_id = 3;
SELECT community.rebuild('standings') AS wrong, community.rebuild('standings') AS still_wrong;
SELECT * FROM ladders(1);
SELECT * FROM ladders(3);
