-- If this failed, downline_count() would give a wrong number after signups, moves, late bindings or
-- relabelling; what is below is counted by labels and by visiting, and must come out the same.
SET DateStyle = 'ISO, MDY';
SET TimeZone = 'UTC';
SELECT community.create_program('referral_labels') > 0 AS created;
SET community.program = 'referral_labels';

-- What downline_count() must say, by visiting.
CREATE FUNCTION pg_temp.visited(member bigint) RETURNS bigint LANGUAGE sql AS $$
	WITH RECURSIVE below (id) AS (
		SELECT member_id FROM community.referral
		WHERE program_id = community.current_program() AND sponsor_id = $1
		UNION
		SELECT r.member_id FROM community.referral AS r JOIN below ON r.sponsor_id = below.id
		WHERE r.program_id = community.current_program()
	)
	SELECT count(*) FROM below
$$;
CREATE FUNCTION pg_temp.wrong() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM community.member AS m
	WHERE m.program_id = community.current_program()
		AND community.downline_count(m.member_id) <> pg_temp.visited(m.member_id)
$$;
-- Signed up by a transaction that had begun before labels were made: as its row looks afterwards.
CREATE FUNCTION pg_temp.straggle(member bigint, back bigint) RETURNS void
LANGUAGE sql SET session_replication_role = replica AS $$
	UPDATE community.referral AS r SET anchor = f.labels - 1 - back
	FROM community.referral_forest AS f
	WHERE r.program_id = community.current_program() AND f.program_id = r.program_id AND r.member_id = $1
$$;
CREATE FUNCTION pg_temp.state() RETURNS TABLE (members bigint, labelled bigint, anchored bigint, moves bigint)
LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM community.referral WHERE program_id = f.program_id), f.labelled,
		(SELECT count(*) FROM community.referral WHERE program_id = f.program_id AND anchor IS NOT NULL),
		(SELECT count(*) FROM community.referral_move WHERE program_id = f.program_id AND labels = f.labels)
	FROM community.referral_forest AS f WHERE f.program_id = community.current_program()
$$;

-- The first labels take steps, and wait for whoever else is at work.
CREATE FUNCTION pg_temp.relabel() RETURNS bigint LANGUAGE sql AS $$
	SELECT labelled FROM community.relabel_referrals()
$$;
CREATE PROCEDURE pg_temp.relabel_first() LANGUAGE plpgsql AS $$
BEGIN
	WHILE pg_temp.relabel() IS NULL LOOP
		COMMIT;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;

-- ---------------------------------------------------------------- by hand
-- 1 brings 2 and 3, 2 brings 4, 3 brings 5; 6 is a root that brings 7
SELECT count(community.enroll(m, s)) FROM (VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 3), (6, NULL), (7, 6)) AS g (m, s);
-- the first time in steps, and not at once in one transaction
BEGIN;
SELECT * FROM community.relabel_referrals();
SELECT * FROM community.relabel_referrals();
COMMIT;
SELECT labels IS NOT NULL AS announced, labelled, labelled_at FROM community.referral_forest
WHERE program_id = community.current_program();
-- whoever signs up now has an anchor that says: below no labelled member
SELECT community.enroll(8, 4);
SELECT r.anchor - f.labels AS anchor FROM community.referral AS r JOIN community.referral_forest AS f USING (program_id)
WHERE program_id = community.current_program() AND member_id = 8;
CALL pg_temp.relabel_first();
SELECT * FROM pg_temp.state();
SELECT members, positions, sizes FROM community.referral_label WHERE program_id = community.current_program();
SELECT m, community.downline_count(m) FROM generate_series(1, 8) AS m;

-- signups inherit; a labelled member moves, an unlabelled one does, inside and outside, and back
SELECT community.enroll(9, 8), community.enroll(10, 9), community.enroll(11), community.enroll(12, 11);
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
SELECT member_id, r.anchor - f.labels AS anchor FROM community.referral AS r
JOIN community.referral_forest AS f USING (program_id)
WHERE program_id = community.current_program() AND anchor IS NOT NULL ORDER BY member_id;
SELECT community.reparent(2, 7, 'test') > 0 AS moved;
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
SELECT community.reparent(9, 5, 'test') > 0 AS moved;
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
SELECT community.reparent(8, 12, 'test') > 0 AS moved;
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
SELECT community.reparent(2, 1, 'back') > 0 AS moved, community.reparent(9, 8, 'back') > 0 AS moved,
	community.reparent(8, 4, 'back') > 0 AS moved;
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
-- roots are bound late: one that is labelled, one that is not and has somebody below
SELECT community.enroll(6, 10), community.enroll(11, 7);
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
SELECT * FROM community.relabel_referrals();
SELECT * FROM pg_temp.state();
SELECT m, community.downline_count(m) FROM generate_series(1, 12) AS m;
-- as it was
SELECT m, community.downline_count(m, '2020-01-01') FROM generate_series(1, 2) AS m;
-- a straggler, and who signed up below it
SELECT community.enroll(13, 10);
SELECT pg_temp.straggle(13, 3);
SELECT community.enroll(14, 13);
SELECT m, community.downline_count(m) FROM generate_series(1, 14) AS m;

-- ------------------------------------------------------- what is refused
SELECT community.downline_count(99);
SELECT community.downline_count(NULL);
SELECT community.downline_count(1, program => -1);
SELECT * FROM community.relabel_referrals(-1);
SELECT * FROM community.relabel_referrals(NULL);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM community.relabel_referrals();
ROLLBACK;
SELECT community.rebuild('referral labels');
SELECT pg_temp.wrong();
-- a ring that was loaded past the guards
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE community.referral SET sponsor_id = 5 WHERE program_id = community.current_program() AND member_id = 3;
SELECT * FROM community.relabel_referrals();
ROLLBACK;

-- ------------------------------------------------------ random histories
-- Some of everything, in any order; after each step all members are counted both ways.
CREATE TEMPORARY TABLE outcome (relabelled bigint, signups bigint, moves bigint, refused bigint, late bigint,
	stragglers bigint, wrong bigint);
CREATE FUNCTION pg_temp.sign_up(member bigint, sponsor bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM community.enroll(member, sponsor);
	IF random() > 0.15 OR NOT EXISTS (SELECT FROM community.referral AS r WHERE r.member_id = member
			AND r.program_id = community.current_program() AND r.anchor IS NOT NULL) THEN
		RETURN false;
	END IF;
	PERFORM pg_temp.straggle(member, 1 + floor(random() * 3)::int);
	RETURN true;
END
$$;
CREATE FUNCTION pg_temp.try(member bigint, sponsor bigint, late boolean) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF late THEN
		PERFORM community.enroll(member, sponsor);
	ELSE
		PERFORM community.reparent(member, sponsor, 'random');
	END IF;
	RETURN true;
EXCEPTION WHEN SQLSTATE 'CM040' THEN
	RETURN false;
END
$$;
CREATE FUNCTION pg_temp.some_root(members bigint[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT m FROM unnest(members) AS m WHERE NOT EXISTS (SELECT FROM community.referral AS r
		WHERE r.program_id = community.current_program() AND r.member_id = m) ORDER BY random() LIMIT 1
$$;
-- Each step is a transaction of its own, or all are one.
CREATE PROCEDURE pg_temp.history(seed integer, steps integer) LANGUAGE plpgsql AS $$
DECLARE
	done outcome := (0, 0, 0, 0, 0, 0, 0);
	members bigint[] := '{}';
	n integer := 0;
	one bigint;
	other bigint;
	dice float8;
BEGIN
	PERFORM set_config('community.program', 'referral_labels random ' || seed, false)
	FROM community.create_program('referral_labels random ' || seed);
	PERFORM community.enroll(0);
	PERFORM community.enroll(-1, 0);
	CALL pg_temp.relabel_first();
	PERFORM setseed(seed / 1000.0);
	FOR step IN 1..steps LOOP
		dice := random();
		one := members[1 + floor(random() * n)::int];
		other := members[1 + floor(random() * n)::int];
		IF n < 4 OR dice < 0.45 THEN
			n := n + 1;
			members[n] := hashint4extended(n, seed);
			done.signups := done.signups + 1;
			done.stragglers := done.stragglers
				+ pg_temp.sign_up(members[n], CASE WHEN random() > 0.15 THEN one END)::int;
		ELSIF dice < 0.75 THEN
			IF pg_temp.try(one, CASE WHEN random() > 0.1 THEN other END, false) THEN
				done.moves := done.moves + 1;
			ELSE
				done.refused := done.refused + 1;
			END IF;
		ELSIF dice < 0.94 THEN
			one := pg_temp.some_root(members);
			IF one IS NOT NULL AND pg_temp.try(one, other, true) THEN
				done.late := done.late + 1;
			END IF;
		ELSE
			done.relabelled := done.relabelled + (pg_temp.relabel() IS NOT NULL)::int;
		END IF;
		done.wrong := done.wrong + pg_temp.wrong();
		IF seed % 2 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
	INSERT INTO outcome SELECT done.*;
	COMMIT;
END
$$;
DO $$
BEGIN
	FOR seed IN 1..12 LOOP
		CALL pg_temp.history(seed, 120);
	END LOOP;
END
$$;
SELECT sum(wrong) AS wrong, sum(relabelled) > 40 AS relabelled, sum(signups) > 300 AS signups,
	sum(moves) > 200 AS moves, sum(refused) > 20 AS refused, sum(late) > 50 AS late,
	sum(stragglers) > 20 AS stragglers
FROM outcome;

-- ------------------------------------------------------ maintenance
-- A ring keeps a program from getting new labels, and nothing else from being done.
SELECT community.create_program('referral_labels ring') AS ring \gset
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO community.member (program_id, member_id, joined_at) SELECT :ring, g, now() FROM generate_series(1, 1001) AS g;
INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth, anchor)
SELECT :ring, g, g % 1001 + 1, g % 1001 + 1, now(), 0, 0 FROM generate_series(1, 1001) AS g;
INSERT INTO community.referral_forest (program_id, labels, labels_end, labelled, labelled_at) VALUES (:ring, 1, 2, 1, now());
COMMIT;
CALL community.run_maintenance(now(), :ring);
SELECT labels, labels_end, labelled FROM community.referral_forest WHERE program_id = :ring;
SELECT community.relabel_referrals(:ring);
-- without it
SELECT community.reparent(1, NULL, 'no ring', program => :ring) > 0 AS moved;
CALL community.run_maintenance(now(), :ring);
SELECT labels, labelled FROM community.referral_forest WHERE program_id = :ring;
SELECT community.downline_count(1, program => :ring);
