-- If this failed, a member could stand below itself, deeper than its program
-- allows, or under somebody who is not there; a retry would bind it again, raw
-- rows would slip past the laws, or a forest that is none would pass for one.
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SELECT community.create_program('referral_forest') > 0 AS created;
SET community.program = 'referral_forest';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE VIEW pg_temp.forest AS
SELECT member_id AS member, sponsor_id AS sponsor, enroller_id AS enroller, joined_at::date AS joined, depth, lapses_at::date AS lapses, anchor
FROM community.referral WHERE program_id = community.current_program() ORDER BY member_id;
CREATE VIEW pg_temp.moves AS
SELECT member_id AS member, from_id, to_id, moved_at, labels, reason FROM community.referral_move
WHERE program_id = community.current_program() ORDER BY move_id;
CREATE VIEW pg_temp.state AS
SELECT deepened, labels FROM community.referral_forest WHERE program_id = community.current_program();
-- an oracle for depths; a cycle ends it at 100
CREATE VIEW pg_temp.depths AS
WITH RECURSIVE up AS (
	SELECT member_id, sponsor_id, 0 AS depth FROM community.referral WHERE program_id = community.current_program()
	UNION ALL
	SELECT u.member_id, r.sponsor_id, u.depth + 1 FROM up AS u LEFT JOIN community.referral AS r
		ON r.program_id = community.current_program() AND r.member_id = u.sponsor_id
	WHERE u.sponsor_id IS NOT NULL AND u.depth < 100)
SELECT member_id AS member, max(depth) AS depth FROM up GROUP BY 1;

-- signing up, and once more
SELECT community.enroll(1, joined_at => '2024-01-01');
SELECT community.enroll(2, sponsor => 1, joined_at => '2024-01-02');
SELECT community.enroll(2, sponsor => 1, joined_at => '2024-02-02');
SELECT community.enroll(2, joined_at => '2024-02-02');
SELECT community.enroll(3, sponsor => 2, joined_at => '2024-01-03');
SELECT community.enroll(external_id => 'four', sponsor => 2, joined_at => '2024-01-04') > 0 AS enrolled;
SELECT community.enroll(external_id => 'four', sponsor => 2, joined_at => '2024-01-04') = community.member_id('four') AS again;
SELECT pg_temp.refused('SELECT community.enroll(3, sponsor => 1)');
SELECT pg_temp.refused('SELECT community.enroll(5, sponsor => 5)');
SELECT pg_temp.refused('SELECT community.enroll(5, sponsor => 99)');
SELECT pg_temp.refused('SELECT community.enroll(2, sponsor => 2)');
SELECT pg_temp.refused('SELECT community.enroll(5, sponsor => 1, program => 0)');
SELECT community.enroll(5), community.close_member(5, 'left');
SELECT pg_temp.refused('SELECT community.enroll(6, sponsor => 5)');
SELECT pg_temp.refused('SELECT community.enroll(5, sponsor => 1)');
SELECT CASE WHEN member < 100 THEN member END AS member, sponsor, enroller, joined, depth, lapses, anchor FROM pg_temp.forest;
SELECT count(*) FROM pg_temp.moves;
SELECT * FROM pg_temp.state;

-- bound late: with somebody below, and with nobody
SELECT community.enroll(10), community.enroll(11);
SELECT pg_temp.refused('SELECT community.enroll(1, sponsor => 3)');
SELECT community.enroll(1, sponsor => 10, joined_at => '2024-01-10');
SELECT * FROM pg_temp.state;
SELECT community.enroll(11, sponsor => 3, joined_at => '2024-01-11');
SELECT * FROM pg_temp.state;
SELECT member, sponsor, joined, depth FROM pg_temp.forest WHERE member IN (1, 11);
-- a member of this very transaction may have somebody below it
BEGIN;
SELECT community.enroll(20), community.enroll(21, sponsor => 20), community.enroll(22, sponsor => 21);
SELECT pg_temp.refused('SELECT community.enroll(20, sponsor => 22)');
SELECT community.enroll(20, sponsor => 11);
SELECT d.member, d.depth, f.depth <= d.depth + s.deepened AS bounded FROM pg_temp.depths AS d
JOIN pg_temp.forest AS f USING (member), pg_temp.state AS s WHERE d.member BETWEEN 20 AND 22 ORDER BY 1;
ROLLBACK;

-- moving
SELECT community.enroll(m, sponsor => s, joined_at => '2024-01-01') FROM (VALUES (31, 30), (32, 31), (33, 32), (41, 40), (42, 41)) AS v (m, s),
	LATERAL (SELECT community.enroll(s, joined_at => '2024-01-01')) AS sponsors ORDER BY m;
SELECT community.reparent(32, 42, 'first', '2024-02-01') > 0 AS moved;
SELECT community.reparent(32, 42, 'again') IS NULL AS unmoved;
SELECT community.reparent(30, NULL, 'is a root') IS NULL AS unmoved;
SELECT community.reparent(32, NULL, 'out', '2024-02-02') > 0 AS moved;
SELECT community.reparent(32, NULL, 'again') IS NULL AS unmoved;
SELECT community.reparent(32, 30, 'back in') > 0 AS moved;
SELECT community.reparent(40, 33, 'a root with all its tree', '2024-03-01') > 0 AS moved;
SELECT pg_temp.refused(s) FROM unnest(ARRAY[
	$$SELECT community.reparent(30, 42, 'a circle')$$,
	$$SELECT community.reparent(30, 30, 'itself')$$,
	$$SELECT community.reparent(32, 32, 'itself')$$,
	$$SELECT community.reparent(32, 40, 'below itself')$$,
	$$SELECT community.reparent(32, 99, 'nobody')$$,
	$$SELECT community.reparent(99, 32, 'nobody')$$,
	$$SELECT community.reparent(99, NULL, 'nobody')$$,
	$$SELECT community.reparent(32, 5, 'closed')$$,
	$$SELECT community.reparent(30, 5, 'closed')$$,
	$$SELECT community.reparent(32, 41, '')$$,
	$$SELECT community.reparent(32, 41, NULL)$$,
	$$SELECT community.reparent(NULL, 41, 'who')$$,
	$$SELECT community.reparent(42, 30, 'before it joined', '2023-01-01')$$,
	$$SELECT community.reparent(40, 31, 'not after', '2024-03-01')$$,
	$$SELECT community.reparent(42, 30, 'to come', '2999-01-01')$$,
	$$SELECT community.reparent(42, 30, 'never', 'infinity')$$]) AS s;
SELECT member, from_id, to_id, CASE WHEN moved_at < '2025-01-01' THEN moved_at END AS moved_at, reason FROM pg_temp.moves;
SELECT * FROM pg_temp.forest WHERE member BETWEEN 30 AND 49;
SELECT d.member, d.depth FROM pg_temp.depths AS d WHERE member BETWEEN 30 AND 49 ORDER BY 1;
-- a retry of the signup after a move is no other sponsor
SELECT community.enroll(32, sponsor => 31), community.enroll(32, sponsor => 30);
SELECT pg_temp.refused('SELECT community.enroll(32, sponsor => 41)');
-- actor
SELECT DISTINCT actor = session_user AS actor FROM community.referral_move WHERE program_id = community.current_program();

-- raw rows: what they say of depth and anchor is not believed
CREATE FUNCTION pg_temp.raw(member bigint, sponsor bigint, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refused(format('INSERT INTO community.referral (program_id, member_id, sponsor_id) VALUES (%s, %s, %L) %s',
		community.current_program(), member, sponsor, more))
$$;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(50, 69) AS m;
INSERT INTO community.referral VALUES (community.current_program(), 51, 50, 40, '2024-05-01', 77, '2024-06-01', 88);
SELECT * FROM pg_temp.forest WHERE member = 51;
SELECT pg_temp.raw(50, 51), pg_temp.raw(52, 52), pg_temp.raw(52, 99), pg_temp.raw(99, 52), pg_temp.raw(52, 5), pg_temp.raw(51, 52);
SELECT pg_temp.raw(51, 50, 'ON CONFLICT DO NOTHING'), pg_temp.raw(51, 52, 'ON CONFLICT DO NOTHING'),
	pg_temp.raw(51, 52, 'ON CONFLICT (program_id, member_id) DO UPDATE SET sponsor_id = excluded.sponsor_id'),
	pg_temp.raw(51, 52, 'ON CONFLICT (program_id, member_id) DO UPDATE SET lapses_at = ''2024-07-01''');
SELECT pg_temp.raw(50, NULL);
INSERT INTO community.referral (program_id, member_id, enroller_id) VALUES (community.current_program(), 50, 40);
SELECT member, sponsor, enroller, depth, lapses, anchor FROM pg_temp.forest WHERE member IN (50, 51);
-- many rows at once, whose sponsors come in the same statement; or close a circle
INSERT INTO community.referral (program_id, member_id, sponsor_id)
SELECT community.current_program(), m, m - 1 FROM generate_series(52, 56) AS m;
SELECT pg_temp.refused('INSERT INTO community.referral (program_id, member_id, sponsor_id)
	SELECT community.current_program(), m, s FROM (VALUES (60, 61), (61, 62), (62, 60)) AS v (m, s)');
CREATE FUNCTION pg_temp.copy(rows text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refused(format('COPY community.referral (program_id, member_id, sponsor_id) FROM PROGRAM %L WITH (DELIMITER '' '')',
		'printf "' || replace(replace(rows, 'P', community.current_program()::text), ',', '\n') || '\n"'))
$$;
SELECT pg_temp.copy('P 60 59,P 61 60,P 62 61,P 59 62'), pg_temp.copy('P 60 59,P 61 60,P 62 61');
SELECT member, sponsor, depth FROM pg_temp.forest WHERE member BETWEEN 50 AND 69;
SELECT community.reparent(51, NULL, 'cut', '2024-06-02') > 0 AS moved;
SELECT pg_temp.refused(format('UPDATE community.referral SET %s WHERE program_id = %s AND member_id IN (55, 56)', s, community.current_program()))
FROM unnest(ARRAY['sponsor_id = 50', 'sponsor_id = NULL', 'sponsor_id = CASE member_id WHEN 55 THEN 56 ELSE 54 END', 'member_id = member_id + 1000', 'enroller_id = 1',
	'program_id = 0', 'joined_at = now()', 'depth = 0', 'anchor = 1', 'anchor = NULL', 'lapses_at = NULL', 'sponsor_id = sponsor_id']) AS s;
SELECT pg_temp.refused('DELETE FROM community.referral');
SELECT pg_temp.refused('TRUNCATE community.referral');
SELECT pg_temp.refused('DELETE FROM community.referral_move');
SELECT pg_temp.refused('UPDATE community.referral_move SET to_id = 1');
-- the leave that reparent() has is for one member, and ends with it
SELECT pg_temp.refused($$SELECT community.reparent(54, 99, 'nobody')$$);
SELECT pg_temp.refused('UPDATE community.referral SET sponsor_id = 50 WHERE member_id = 54 AND program_id = community.current_program()');
SELECT * FROM pg_temp.state;
SELECT * FROM community.referral_check();

-- how deep
SELECT community.define_referrals(maximum_depth => 3), community.define_referrals(maximum_depth => 3);
SELECT count(community.enroll(m)) FROM generate_series(70, 79) AS m;
SELECT community.enroll(71, sponsor => 70), community.enroll(72, sponsor => 71), community.enroll(73, sponsor => 72);
SELECT pg_temp.refused('SELECT community.enroll(74, sponsor => 73)'), pg_temp.refused('SELECT community.enroll(80, sponsor => 73)'), pg_temp.raw(74, 73);
SELECT pg_temp.refused($$SELECT community.reparent(74, 73, 'too deep')$$), pg_temp.refused($$SELECT community.reparent(70, 79, 'is carried along')$$);
SELECT pg_temp.refused('SELECT community.enroll(81, sponsor => 72)'), pg_temp.refused('SELECT community.enroll(81, sponsor => 71)');
SELECT * FROM community.referral_check();
SELECT community.define_referrals(), community.enroll(80, sponsor => 73);
SELECT * FROM community.referral_check();

-- closed and merged members keep their place, and bring nobody any more
SELECT community.close_member(72, 'left'), community.merge_members(71, 79, 'merge 71');
SELECT pg_temp.refused('SELECT community.enroll(82, sponsor => 72)'), pg_temp.refused('SELECT community.enroll(82, sponsor => 71)');
SELECT member, sponsor FROM pg_temp.forest WHERE member BETWEEN 70 AND 80;
SELECT pg_temp.refused($$SELECT community.reparent(78, 71, 'merged')$$), community.reparent(72, 79, 'to who took over') > 0 AS moved;
SELECT community.enroll(82, sponsor => 73);

-- labels in force: who signs up is counted by the nearest labelled one above it
BEGIN;
INSERT INTO community.referral_forest (program_id, labels, labels_end, labelled) VALUES (community.current_program(), 100, 104, 4)
ON CONFLICT (program_id) DO UPDATE SET labels = 100, labels_end = 104, labelled = 4;
INSERT INTO community.referral_label VALUES (community.current_program(), 30, '{30,31,32}', '{0,3,1}', '{5,0,4}'),
	(community.current_program(), 40, '{40,66}', '{2,7}', '{0,0}');
SELECT count(community.enroll(m)) FROM generate_series(100, 109) AS m;
SELECT community.enroll(111, sponsor => 31), community.enroll(112, sponsor => 111), community.enroll(113, sponsor => 40),
	community.enroll(114, sponsor => 30), community.enroll(115, sponsor => 63), community.enroll(116, sponsor => 115), community.enroll(117, sponsor => 1);
SELECT pg_temp.raw(100, 31), community.enroll(101, sponsor => 112), community.enroll(102, sponsor => 101);
-- who has a label of its own gets no anchor with its sponsor
SELECT community.enroll(66, sponsor => 30), community.reparent(67, 30, 'a root') > 0 AS moved;
SELECT member, sponsor, anchor FROM pg_temp.forest WHERE member > 65 AND (member < 70 OR member > 99) AND member < 1000;
-- bound late is moved, as far as labels are concerned
SELECT member, from_id, to_id, labels, reason FROM pg_temp.moves WHERE labels IS NOT NULL;
SELECT community.reparent(112, 30, 'anchors stay') > 0 AS moved;
SELECT member, anchor FROM pg_temp.forest WHERE member = 112;
UPDATE community.referral SET anchor = NULL WHERE program_id = community.current_program() AND member_id = 112;
SELECT * FROM community.referral_check();
ROLLBACK;

-- an owner who has changed the table gets SQL
BEGIN;
ALTER TABLE community.referral ADD COLUMN note text DEFAULT 'x';
ALTER TABLE community.referral_forest ADD COLUMN note text DEFAULT 'x';
ALTER TABLE community.referral_label ADD COLUMN note text DEFAULT 'x';
ALTER TABLE community.member ADD COLUMN note text DEFAULT 'x';
UPDATE community.referral_forest SET labels = 100, labels_end = 104 WHERE program_id = community.current_program();
INSERT INTO community.referral_label VALUES (community.current_program(), 30, '{30,31,32}', '{0,3,1}', '{5,0,4}');
SELECT community.enroll(120, sponsor => 31), community.enroll(121, sponsor => 120), community.enroll(121, sponsor => 120), community.enroll(77, sponsor => 121);
SELECT pg_temp.refused('SELECT community.enroll(31, sponsor => 121)'), pg_temp.refused('SELECT community.enroll(122, sponsor => 122)');
SELECT pg_temp.refused($$SELECT community.reparent(30, 77, 'a circle')$$), pg_temp.raw(76, 77), pg_temp.raw(30, 77);
SELECT member_id, sponsor_id, depth, anchor, note FROM community.referral WHERE program_id = community.current_program() AND member_id IN (76, 77, 120, 121) ORDER BY 1;
SELECT member, to_id FROM pg_temp.moves WHERE labels IS NOT NULL;
SELECT * FROM community.referral_check();
ROLLBACK;

-- what would be a fault; past the guard it can be made
SELECT count(*) AS faults FROM community.check_installation(program => community.current_program()) WHERE rule LIKE 'referral%' OR rule = 'guard';
BEGIN;
CREATE FUNCTION pg_temp.plant(statement text) RETURNS TABLE (rule text, member bigint, detail text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE statement;
	SET LOCAL session_replication_role = origin;
	RETURN QUERY SELECT c.rule, CASE WHEN c.member_id < 100000 THEN c.member_id END, regexp_replace(c.detail, 'move(s?) \d+', 'move\1 M')
		FROM community.referral_check() AS c;
	IF (SELECT count(*) FROM community.referral_check() AS c WHERE c.rule NOT LIKE 'info%') <> (SELECT count(*)
		FROM community.check_installation(program => community.current_program()) AS c WHERE c.rule LIKE 'referral%') THEN
		RAISE 'check_installation() says something else';
	END IF;
	RAISE EXCEPTION USING errcode = 'CMXXX';
EXCEPTION WHEN SQLSTATE 'CMXXX' THEN
	-- undone
END $$;
CREATE VIEW pg_temp.r AS SELECT * FROM community.referral WHERE program_id = community.current_program();
CREATE VIEW pg_temp.m AS SELECT * FROM community.referral_move WHERE program_id = community.current_program();
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET sponsor_id = 54 WHERE member_id = 54');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET sponsor_id = 56 WHERE member_id = 53');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET sponsor_id = 12345 WHERE member_id = 53');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET enroller_id = 12345 WHERE member_id = 53');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET enroller_id = 53 WHERE member_id = 53');
SELECT * FROM pg_temp.plant('INSERT INTO pg_temp.r SELECT program_id, 12345, 53, 53, joined_at, depth FROM pg_temp.r WHERE member_id = 53');
SELECT * FROM pg_temp.plant('UPDATE community.referral_forest SET deepened = 0 WHERE program_id = community.current_program()');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET depth = -1000000001 WHERE member_id = 53');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.r SET sponsor_id = 41 WHERE member_id = 32');
SELECT rule, member, regexp_replace(detail, ' \d+ is from', ' M is from') AS detail FROM pg_temp.plant('DELETE FROM pg_temp.m WHERE member_id = 32 AND reason = ''out''');
SELECT rule, member, regexp_replace(detail, 'and \d+', 'and M') AS detail FROM pg_temp.plant('UPDATE pg_temp.m SET moved_at = ''2024-02-01'' WHERE member_id = 32');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.m SET member_id = 54 WHERE member_id = 40');
SELECT * FROM pg_temp.plant('UPDATE pg_temp.m SET member_id = 68 WHERE member_id = 40');
-- a cycle that is there stops nobody for ever, and can be mended
SET LOCAL session_replication_role = replica;
UPDATE pg_temp.r SET sponsor_id = 56 WHERE member_id = 53;
SET LOCAL session_replication_role = origin;
SELECT pg_temp.refused('SELECT community.enroll(68, sponsor => 55)'), pg_temp.raw(69, 54), pg_temp.refused($$SELECT community.reparent(52, 56, 'x')$$);
SELECT m, rule, member_id, detail FROM unnest(ARRAY[52, 53, 56]) AS m LEFT JOIN LATERAL community.referral_check(m) ON true;
SELECT rule, c.member_id, object, detail FROM community.check_installation(program => community.current_program(), member => 53) AS c WHERE rule LIKE 'referral%';
SELECT community.reparent(53, 52, 'mends it') > 0 AS moved;
SELECT rule, member_id FROM community.referral_check();
ROLLBACK;
BEGIN;
ALTER TABLE community.referral DISABLE TRIGGER guard;
SELECT object, detail FROM community.check_installation(program => community.current_program()) WHERE rule = 'guard';
ROLLBACK;
SELECT pg_temp.refused('SELECT * FROM community.referral_check(program => 0)'), pg_temp.refused('SELECT * FROM community.referral_check(program => NULL)');
CREATE TABLE pg_temp.elsewhere (id int);
CREATE TRIGGER guard BEFORE INSERT ON pg_temp.elsewhere FOR EACH ROW EXECUTE FUNCTION community.guard_referrals();
SELECT pg_temp.refused('INSERT INTO pg_temp.elsewhere VALUES (1)'), pg_temp.refused('SELECT community.guard_referrals()');

-- settings
SELECT pg_temp.refused('SELECT community.define_referrals(' || s || ')') FROM unnest(ARRAY[
	'maximum_depth => 0', 'maximum_depth => 1000000000', 'maximum_depth => NULL', 'paid_levels => -1', 'paid_levels => 1001', 'sponsor_required => NULL',
	'binding => ''sometimes''', 'binding => NULL', 'binding => ''window''', 'binding_window => ''1 day''', 'binding => ''window'', binding_window => ''0 s''',
	'inviter_tier => ''gold''', 'inviter_ladder => ''club''', 'inviter_ladder => ''club'', inviter_tier => ''gold''', 'inviter_age => ''-1 day''',
	'invitations => 3', 'invitation_period => ''calendar month''', 'invitations => -1, invitation_period => ''calendar month''',
	'late_bindings => NULL', 'touch => NULL', 'touch => ''any''', 'click_window => NULL', 'click_window => ''0 s''', 'program => 0']) AS s;
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT program_id, ladder_id, 1, 'silver' FROM community.ladder WHERE name = 'club' AND program_id = community.current_program();
SELECT pg_temp.refused('SELECT community.define_referrals(inviter_ladder => ''club'', inviter_tier => ''gold'')');
SELECT community.define_referrals(50, 3, true, 'window', '30 days', 'club', 'silver', '1 month', 5, 'calendar month');
SELECT community.define_referrals(50, 3, true, 'window', '30 days', 'club', 'silver', '1 month', 5, 'calendar month');
SELECT community.define_referrals(50, 3, true, 'window', '30 days', 'club', 'silver', '30 days', 5, 'calendar month');
SELECT community.define_referrals(50, 3, true, 'window', '30 days', 'club', 'silver', '30 days', 5, 'calendar month', false, 'first', '24 hours');
SELECT community.define_referrals(50, 3, true, 'window', '30 days', 'club', 'silver', '30 days', 5, 'calendar month', false, 'first', '1 day');
SELECT maximum_depth, paid_levels, sponsor_required, binding, binding_window, inviter_ladder, inviter_tier, inviter_age, invitations, invitation_period, late_bindings, touch, click_window
FROM community.referral_setting WHERE program_id = community.current_program();
-- who owns no tables lowers the paid levels, and does not raise them
CREATE ROLE referral_forest_clerk;
GRANT USAGE ON SCHEMA community TO referral_forest_clerk;
GRANT EXECUTE ON FUNCTION community.define_referrals, community.current_program TO referral_forest_clerk;
SET ROLE referral_forest_clerk;
SELECT community.define_referrals(paid_levels => 4);
SELECT community.define_referrals(paid_levels => 3);
SELECT community.define_referrals();
SELECT community.define_referrals(paid_levels => 2);
RESET ROLE;
DROP OWNED BY referral_forest_clerk;
DROP ROLE referral_forest_clerk;

-- any history: refused is what would close a circle and nothing else, depths
-- are bounded, and every forest there was can be told from the moves
SELECT community.create_program('referral_forest random') > 0 AS created;
SET community.program = 'referral_forest random';
CREATE TEMP TABLE history (at timestamptz, member bigint, sponsor bigint);
CREATE TEMP TABLE played (act text, got text);
CREATE PROCEDURE pg_temp.play(seed double precision, steps int) LANGUAGE plpgsql AS $$
DECLARE
	p CONSTANT bigint := community.current_program();
	first CONSTANT bigint := (SELECT coalesce(max(member_id), 0) FROM community.member WHERE program_id = p);
	acts CONSTANT text[] := ARRAY['enroll', 'move', 'root', 'row'];
	m bigint;
	s bigint;
	act text;
	bound community.referral;
	got text;
	wanted text;
BEGIN
	PERFORM setseed(seed);
	FOR i IN 1 .. steps LOOP
		act := acts[1 + floor(random() * 4)];
		m := first + 1 + floor(random() * (10 + i / 4));
		s := CASE WHEN act <> 'root' THEN first + 1 + floor(random() * (10 + i / 4)) END;
		IF random() < 0.3 THEN
			PERFORM community.enroll(m, joined_at => clock_timestamp());
		END IF;
		SELECT r.* INTO bound FROM community.referral AS r WHERE r.program_id = p AND r.member_id = m;
		wanted := CASE
			WHEN m = s AND act <> 'move' THEN 'CM040'
			WHEN act <> 'enroll' AND NOT EXISTS (SELECT FROM community.member WHERE program_id = p AND member_id = m) THEN 'CM002'
			WHEN act = 'row' AND bound.member_id IS NOT NULL THEN '23505'
			WHEN act = 'enroll' AND bound.member_id IS NOT NULL THEN
				CASE WHEN s IN (bound.sponsor_id, bound.enroller_id) THEN 'done' ELSE 'CM042' END
			WHEN act = 'move' AND bound.sponsor_id = s THEN 'done'
			WHEN NOT EXISTS (SELECT FROM community.member WHERE program_id = p AND member_id = s) AND act <> 'root' THEN 'CM002'
			WHEN m IN (WITH RECURSIVE up AS (SELECT s AS id UNION ALL SELECT r.sponsor_id FROM up JOIN community.referral AS r
				ON r.program_id = p AND r.member_id = up.id AND r.sponsor_id IS NOT NULL) SELECT id FROM up WHERE id IS NOT NULL) THEN 'CM040'
			ELSE 'done' END;
		BEGIN
			CASE act
				WHEN 'enroll' THEN PERFORM community.enroll(m, sponsor => s, joined_at => clock_timestamp());
				WHEN 'row' THEN INSERT INTO community.referral (program_id, member_id, sponsor_id, joined_at) VALUES (p, m, s, clock_timestamp());
				ELSE PERFORM community.reparent(m, s, 'random');
			END CASE;
			got := 'done';
		EXCEPTION WHEN OTHERS THEN
			got := sqlstate;
		END;
		IF got <> wanted THEN
			RAISE WARNING 'step %: % of % under %: % instead of %', i, act, m, s, got, wanted;
		END IF;
		INSERT INTO played VALUES (act, got);
		INSERT INTO history SELECT clock_timestamp(), r.member_id, r.sponsor_id FROM community.referral AS r WHERE r.program_id = p AND i % 5 = 0;
		-- from now on the member is not of the own transaction
		COMMIT;
	END LOOP;
END $$;
CALL pg_temp.play(0.4, 600);
SELECT count(*) FROM community.referral_check();
-- the same with labels, which make moves of late bindings
INSERT INTO community.referral_forest (program_id, labels, labels_end) VALUES (community.current_program(), 1, 1)
ON CONFLICT (program_id) DO UPDATE SET labels = 1, labels_end = 1;
CALL pg_temp.play(0.5, 600);
SELECT act, got, count(*) > 10 AS many FROM played GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM community.referral_check();
SELECT count(*) > 100 AS moved, count(*) FILTER (WHERE reason LIKE 'bound late%') > 10 AS late, count(labels) > 10 AS labelled
FROM community.referral_move WHERE program_id = community.current_program();
SELECT count(*) > 1000 AS compared, count(*) FILTER (WHERE told IS DISTINCT FROM sponsor) AS wrong FROM (
	SELECT h.sponsor, CASE WHEN m.move_id IS NULL THEN r.sponsor_id ELSE m.from_id END AS told
	FROM history AS h JOIN community.referral AS r ON r.program_id = community.current_program() AND r.member_id = h.member AND r.joined_at <= h.at
	LEFT JOIN LATERAL (SELECT * FROM community.referral_move AS v WHERE v.program_id = r.program_id AND v.member_id = h.member AND v.moved_at > h.at
		ORDER BY v.moved_at LIMIT 1) AS m ON true) AS x;
