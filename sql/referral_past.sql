-- If this failed, a move or a late binding that is dated back would close a cycle
-- in the forest as of some time since, and nobody could read it as of then; or one
-- would be refused that closes none.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SELECT community.create_program('referral_past') > 0 AS created;
SET community.program = 'referral_past';
SELECT community.define_referrals(maximum_depth => 100) IS NOT NULL AS defined;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 14) AS m;
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/referral.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- 2 stood under 1 until June; 1 cannot have stood under it since May, nor, by way
-- of 3, can 4, which was enrolled with the others and never bound
SELECT community.reparent(2, 1, 'begin', '2024-02-01') > 0 AS moved;
SELECT community.reparent(2, NULL, 'alone', '2024-06-01') > 0 AS moved;
SELECT community.reparent(1, 2, 'turned round', '2024-05-01');
SELECT community.reparent(1, 2, 'turned round', '2024-06-01') > 0 AS moved;
SELECT community.is_upline(1, 2, '2024-05-31') AS before, community.is_upline(2, 1, '2024-06-01') AS after, community.is_upline(1, 2, '2024-06-01') AS not_both;
SELECT community.reparent(3, 4, 'begin', '2024-02-01') > 0 AS moved;
SELECT community.reparent(5, 3, 'begin', '2024-02-01') > 0 AS moved;
SELECT community.reparent(5, NULL, 'alone', '2024-06-01') > 0 AS moved;
SELECT community.reparent(4, 5, 'by a move', '2024-05-31 23:59:59.999999');
SELECT community.enroll(4, sponsor => 5, joined_at => '2024-04-01');
INSERT INTO community.referral (program_id, member_id, sponsor_id, joined_at) SELECT community.current_program(), 4, 5, '2024-03-01';
INSERT INTO community.referral (program_id, member_id, sponsor_id, joined_at) SELECT community.current_program(), 4, 5, '2024-06-01';
SELECT community.common_sponsor(3, 5, '2024-05-31') AS before, community.is_upline(5, 3, '2024-06-01') AS after;

-- at random: whatever is done leaves no cycle at any time, whatever is refused
-- would have made one
CREATE FUNCTION cycles() RETURNS bigint LANGUAGE sql AS $$
	WITH RECURSIVE edge AS MATERIALIZED (
		SELECT t.at, e.member_id, e.sponsor_id
		FROM (SELECT moved_at FROM community.referral_move WHERE program_id = community.current_program()
			UNION SELECT joined_at FROM community.referral WHERE program_id = community.current_program()) AS t (at),
			referral_oracle.o_edges(community.current_program(), t.at) AS e
		WHERE e.sponsor_id IS NOT NULL),
	way (at, member_id, steps) AS (
		SELECT at, sponsor_id, 1 FROM edge
		UNION SELECT w.at, e.sponsor_id, w.steps + 1 FROM way AS w JOIN edge AS e USING (at, member_id) WHERE w.steps < 14)
	SELECT count(*) FROM way WHERE steps = 14
$$;
-- the same by hand, past all guards
CREATE FUNCTION by_hand(member bigint, sponsor bigint, at timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	p CONSTANT bigint := community.current_program();
	old bigint;
	result bigint;
BEGIN
	SET LOCAL session_replication_role = replica;
	SELECT sponsor_id INTO old FROM community.referral WHERE program_id = p AND member_id = member;
	IF FOUND THEN
		UPDATE community.referral SET sponsor_id = sponsor WHERE program_id = p AND member_id = member;
		INSERT INTO community.referral_move (program_id, member_id, from_id, to_id, moved_at, reason) VALUES (p, member, old, sponsor, at, 'by hand');
	ELSE
		INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth) VALUES (p, member, sponsor, sponsor, at, 1);
	END IF;
	result := referral_oracle.cycles();
	RAISE EXCEPTION USING ERRCODE = 'P0002', MESSAGE = result::text;
EXCEPTION WHEN no_data_found THEN
	RETURN sqlerrm;
END $$;
CREATE TABLE tally (what text, n int);
SELECT setseed(0.26);
DO $$
DECLARE
	member bigint;
	sponsor bigint;
	at timestamptz;
	what text;
BEGIN
	FOR i IN 1 .. 200 LOOP
		member := 1 + floor(random() * 14);
		sponsor := 1 + floor(random() * 14);
		-- moves of a member follow each other
		SELECT greatest('2024-07-01', max(moved_at), max(joined_at)) + interval '1 day' * floor(random() * 9) INTO at
		FROM community.referral_move FULL JOIN community.referral USING (program_id, member_id)
		WHERE program_id = community.current_program() AND member_id = member;
		BEGIN
			IF random() < 0.3 THEN
				what := CASE WHEN community.reparent(member, NULL, 'random', at) IS NULL THEN 'stays' ELSE 'made a root' END;
			ELSE
				what := CASE WHEN community.reparent(member, sponsor, 'random', at) IS NULL THEN 'stays' ELSE 'moved' END;
			END IF;
		EXCEPTION
			WHEN SQLSTATE 'CM040' THEN
				what := CASE WHEN sqlerrm !~ 'since' THEN 'cycle today'
					WHEN referral_oracle.by_hand(member, sponsor, at) > 0 THEN 'cycle in the past' ELSE 'WRONGLY REFUSED' END;
			WHEN invalid_parameter_value THEN
				what := 'another time';
		END;
		INSERT INTO referral_oracle.tally VALUES (what, 1);
		IF referral_oracle.cycles() > 0 THEN
			RAISE 'attempt %, member % under % since %, % has closed a cycle', i, member, sponsor, at, what;
		END IF;
	END LOOP;
END $$;
SELECT what, count(*) > 0 AS met FROM tally GROUP BY what ORDER BY what COLLATE "C";
SELECT * FROM community.referral_check();
SET client_min_messages = warning;
DROP SCHEMA referral_oracle CASCADE;
