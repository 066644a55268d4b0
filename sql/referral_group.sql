-- If this failed, a group that buys together would take more members than it
-- has slots, or a member twice, charge one that failed, keep what it owes, be
-- led by nobody; or a price would be cut by other sums than it should.
\set VERBOSITY default
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SELECT community.create_program('referral_group') > 0 AS created;
SET community.program = 'referral_group';
SELECT count(community.enroll(m)) FROM generate_series(1, 60) AS m;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	-- ids differ from run to run
	RETURN sqlstate || ' ' || regexp_replace(regexp_replace(sqlerrm, '(group|bargain) \d+', '\1 #', 'g'), '\d{4}-\d\d-\d\d [0-9:.]+', 'T', 'g');
END $$;
CREATE FUNCTION pg_temp.g(key text) RETURNS bigint LANGUAGE sql AS $$
	SELECT group_id FROM community.group_buy AS b WHERE b.program_id = community.current_program() AND b.key = $1 $$;
CREATE FUNCTION pg_temp.b(key text) RETURNS bigint LANGUAGE sql AS $$
	SELECT bargain_id FROM community.bargain AS b WHERE b.program_id = community.current_program() AND b.key = $1 $$;
CREATE TEMP VIEW groups AS SELECT key, state, capacity, members, missing, leader_id AS leader, price, full_at IS NOT NULL AS was_full,
	settled_at IS NOT NULL AS settled FROM community.group_status WHERE program_id = community.current_program() ORDER BY group_id;
CREATE TEMP VIEW due AS SELECT member_id, key, price, hold_key, hold_fault, reason FROM community.group_refund_due
	WHERE program_id = community.current_program() ORDER BY key;
-- time passes
CREATE FUNCTION pg_temp.expire(key text) RETURNS void LANGUAGE sql AS $$
	UPDATE community.group_buy AS b SET closes_at = now() - interval '1 second' WHERE b.program_id = community.current_program() AND b.key = $1 $$;

-- three make it full; the application holds the money
SELECT community.open_group(1, 3, now() + interval '1 day', 'tea', 1990, payload => '{"sku": 7}') > 0 AS opened;
SELECT community.open_group(1, 3, now() + interval '2 days', 'tea', 1990) = pg_temp.g('tea') AS same;
SELECT * FROM community.join_group(2, pg_temp.g('tea'), 'tea 2');
SELECT * FROM community.join_group(2, pg_temp.g('tea'), 'tea 2');
SELECT * FROM groups;
SELECT pg_temp.refused($$SELECT community.join_group(2, pg_temp.g('tea'), 'tea 2 again')$$);
SELECT pg_temp.refused($$SELECT community.join_group(1, pg_temp.g('tea'), 'the leader again')$$);
SELECT * FROM community.join_group(3, pg_temp.g('tea'), 'tea 3');
SELECT pg_temp.refused($$SELECT community.join_group(4, pg_temp.g('tea'), 'tea 4')$$);
SELECT pg_temp.refused($$SELECT community.leave_group(3, pg_temp.g('tea'), 'regrets', 'tea 3 leaves')$$);
SELECT * FROM community.join_group(3, pg_temp.g('tea'), 'tea 3');
SELECT * FROM groups;
SELECT * FROM due;
-- a full group stays full when its time has come
SELECT pg_temp.expire('tea');
SELECT * FROM groups;
SELECT community.settle_groups();
SELECT pg_temp.refused($$SELECT community.confirm_group_refund('tea 2')$$);

-- the same key for other input, and what cannot be
SELECT pg_temp.refused(q) FROM unnest(ARRAY[
	$$SELECT community.open_group(2, 3, now() + interval '1 day', 'tea', 1990)$$,
	$$SELECT community.open_group(1, 4, now() + interval '1 day', 'tea', 1990)$$,
	$$SELECT community.open_group(1, 3, now() + interval '1 day', 'tea', 1991)$$,
	$$SELECT community.open_group(1, 3, now() + interval '1 day', 'tea 2')$$,
	$$SELECT community.join_group(3, pg_temp.g('tea'), 'tea 2')$$,
	$$SELECT community.join_group(2, pg_temp.g('tea'), 'tea 2', 'a hold')$$,
	$$SELECT community.open_group(1, 1, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_group(1, 1001, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_group(1, 3, now() - interval '1 day', 'x')$$,
	$$SELECT community.open_group(1, 3, 'infinity', 'x')$$,
	$$SELECT community.open_group(1, 3, now() + interval '1 day', 'x', -1)$$,
	$$SELECT community.open_group(1, 3, now() + interval '1 day', '')$$,
	$$SELECT community.open_group(99, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_group(NULL, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.join_group(99, pg_temp.g('tea'), 'x')$$,
	$$SELECT community.join_group(9, -1, 'x')$$,
	$$SELECT community.join_group(9, pg_temp.g('tea'), NULL)$$,
	$$SELECT community.leave_group(9, pg_temp.g('tea'), 'why', 'x')$$,
	$$SELECT community.leave_group(9, -1, 'why', 'x')$$,
	$$SELECT community.leave_group(9, pg_temp.g('tea'), '', 'x')$$,
	$$SELECT community.confirm_group_refund('nothing')$$,
	$$SELECT community.settle_groups(batch => 0)$$]) AS u (q), LATERAL pg_temp.refused(q);

-- the leader leaves: who joined next leads, and the slot is free again
SELECT community.open_group(1, 4, now() + interval '1 day', 'rice', 500) > 0 AS opened;
SELECT m, j.* FROM generate_series(2, 3) AS m, community.join_group(m, pg_temp.g('rice'), 'rice ' || m) AS j;
SELECT community.leave_group(1, pg_temp.g('rice'), 'changed my mind', 'rice 1 leaves');
SELECT community.leave_group(1, pg_temp.g('rice'), 'changed my mind', 'rice 1 leaves');
SELECT pg_temp.refused($$SELECT community.leave_group(2, pg_temp.g('rice'), 'changed my mind', 'rice 1 leaves')$$);
SELECT * FROM groups WHERE key = 'rice';
SELECT * FROM community.join_group(1, pg_temp.g('rice'), 'rice 1 again');
SELECT community.leave_group(1, pg_temp.g('rice'), 'changed my mind', 'rice 1 leaves');
SELECT community.leave_group(2, pg_temp.g('rice'), 'too dear', 'rice 2 leaves');
SELECT * FROM groups WHERE key = 'rice';
-- who has left gets its money back at once
SELECT * FROM due;
SELECT community.confirm_group_refund('rice'), community.confirm_group_refund('rice');
-- everybody leaves: who comes then leads
SELECT community.leave_group(m, pg_temp.g('rice'), 'too dear', 'rice leaves ' || m) FROM unnest(ARRAY[1, 3]) AS m;
SELECT * FROM groups WHERE key = 'rice';
SELECT * FROM community.join_group(5, pg_temp.g('rice'), 'rice 5');
-- it fails: nobody comes or goes any more, and what is due is known when it is settled
SELECT pg_temp.expire('rice');
SELECT pg_temp.refused($$SELECT community.join_group(6, pg_temp.g('rice'), 'rice 6')$$);
SELECT pg_temp.refused($$SELECT community.leave_group(5, pg_temp.g('rice'), 'why', 'rice 5 leaves')$$);
SELECT * FROM groups WHERE key = 'rice';
SELECT pg_temp.refused($$SELECT community.confirm_group_refund('rice 5')$$);
SELECT community.settle_groups(now() - interval '1 hour') AS not_yet, community.settle_groups() AS settled, community.settle_groups() AS nothing_more;
SELECT * FROM due;
SELECT * FROM groups WHERE key = 'rice';
SELECT count(community.confirm_group_refund(key)) FROM due;
SELECT * FROM groups WHERE key = 'rice';

-- points as the money: captured when it is full, released when one leaves or it fails
SELECT count(community.accrue(m, 1000, 'start ' || m)) FROM generate_series(1, 20) AS m;
SELECT count(community.hold(m, 300, 'hold ' || m, expires_at => now() + interval '2 days')) FROM generate_series(1, 20) AS m;
CREATE TEMP VIEW accounts AS SELECT member_id, (b).available, (b).held FROM (SELECT m AS member_id, community.balance(m) AS b
	FROM generate_series(1, 20) AS m) AS x ORDER BY 1;
SELECT community.open_group(1, 3, now() + interval '1 day', 'oil', 300, 'hold 1') > 0 AS opened;
SELECT community.open_group(1, 3, now() + interval '1 day', 'oil', 300, 'hold 1') = pg_temp.g('oil') AS same;
SELECT * FROM community.join_group(2, pg_temp.g('oil'), 'oil 2', 'hold 2');
SELECT community.leave_group(2, pg_temp.g('oil'), 'why', 'oil 2 leaves');
SELECT * FROM accounts WHERE member_id <= 4;
SELECT m, j.* FROM generate_series(3, 4) AS m, community.join_group(m, pg_temp.g('oil'), 'oil ' || m, 'hold ' || m) AS j;
SELECT * FROM accounts WHERE member_id <= 4;
SELECT member_id, key, captured_at IS NOT NULL AS captured, refunded_at IS NOT NULL AS refunded, hold_fault FROM community.group_member
WHERE program_id = community.current_program() AND hold_key IS NOT NULL ORDER BY join_id;
SELECT * FROM due;
-- holds that cannot pay
SELECT community.open_group(1, 3, now() + interval '1 day', 'salt', 300) > 0 AS opened;
SELECT count(community.hold(7, 100, h, expires_at => now() + e)) FROM (VALUES ('short', interval '1 hour'), ('captured', '2 days'), ('fine', '2 days')) AS v (h, e);
SELECT (community.capture('captured')).points;
SELECT pg_temp.refused(format($$SELECT community.join_group(7, pg_temp.g('salt'), 'salt 7', %L)$$, h))
FROM unnest(ARRAY['hold 8', 'no such', 'short', 'captured', 'hold 2', 'hold 3', '']) AS h;
SELECT community.join_group(7, pg_temp.g('salt'), 'salt 7', 'fine');
SELECT community.leave_group(7, pg_temp.g('salt'), 'why', 'salt 7 leaves');
SELECT pg_temp.refused($$SELECT community.join_group(7, pg_temp.g('salt'), 'salt 7 again', 'fine')$$);
-- a group that fails, one of whose holds was captured behind its back, and one that was released
SELECT community.open_group(9, 9, now() + interval '1 day', 'corn', 300, 'hold 9') > 0 AS opened;
SELECT count(community.join_group(m, pg_temp.g('corn'), 'corn ' || m, 'hold ' || m)) FROM generate_series(10, 12) AS m;
SELECT (community.capture('hold 11')).points, (community.release('hold 12')).points;
SELECT pg_temp.expire('corn');
CALL community.run_maintenance();
SELECT * FROM accounts WHERE member_id BETWEEN 9 AND 12;
SELECT * FROM due;
SELECT * FROM groups WHERE key = 'corn';
SELECT community.confirm_group_refund('corn 11');
SELECT * FROM groups WHERE key = 'corn';
-- one that is full although a hold has gone; the others pay
SELECT community.open_group(13, 3, now() + interval '1 day', 'fish', 300, 'hold 13') > 0 AS opened;
SELECT (community.release('hold 13')).points;
SELECT m, j.* FROM generate_series(14, 15) AS m, community.join_group(m, pg_temp.g('fish'), 'fish ' || m, 'hold ' || m) AS j;
SELECT member_id, captured_at IS NOT NULL AS captured, refunded_at IS NOT NULL AS refunded, hold_fault FROM community.group_member
WHERE program_id = community.current_program() AND group_id = pg_temp.g('fish') ORDER BY join_id;
SELECT * FROM accounts WHERE member_id BETWEEN 13 AND 15;
SELECT * FROM due;

-- nobody who is closed, and nobody twice as somebody else
SELECT community.close_member(20, 'left');
SELECT pg_temp.refused($$SELECT community.join_group(20, pg_temp.g('salt'), 'salt 20')$$);
SELECT pg_temp.refused($$SELECT community.open_group(20, 3, now() + interval '1 day', 'x')$$);
SELECT community.join_group(21, pg_temp.g('salt'), 'salt 21');
SELECT community.merge_members(21, 22, '21 is 22');
SELECT pg_temp.refused($$SELECT community.join_group(22, pg_temp.g('salt'), 'salt 22')$$);
-- who is closed can still leave
SELECT community.leave_group(21, pg_temp.g('salt'), 'why', 'salt 21 leaves');
SELECT state, missing FROM community.join_group(22, pg_temp.g('salt'), 'salt 22');

-- at random against a model: members come and go, some groups fail
CREATE TEMP TABLE model (grp bigint, member bigint, n int);
CREATE TEMP TABLE group_of (grp bigint, capacity int, is_full boolean DEFAULT false, failed boolean DEFAULT false);
CREATE FUNCTION pg_temp.play(steps int) RETURNS TABLE (outcome text, times bigint) LANGUAGE plpgsql AS $$
DECLARE
	g record; m bigint; expected text; got text; present boolean; n int; wrong int := 0;
BEGIN
	CREATE TEMP TABLE played (outcome text);
	FOR i IN 1 .. 16 LOOP
		m := 30 + i % 12;
		INSERT INTO group_of (grp, capacity) VALUES (community.open_group(m, 5 + i % 6, now() + interval '1 day', 'random ' || i), 5 + i % 6);
		INSERT INTO model SELECT pg_temp.g('random ' || i), m, 0;
	END LOOP;
	FOR i IN 1 .. steps LOOP
		SELECT * INTO g FROM group_of ORDER BY random() LIMIT 1;
		m := 30 + floor(random() * 12);
		present := EXISTS (SELECT FROM model WHERE grp = g.grp AND member = m);
		IF random() < 0.01 AND NOT g.is_full AND NOT g.failed THEN
			UPDATE community.group_buy SET closes_at = now() - interval '1 second' WHERE group_id = g.grp AND program_id = community.current_program();
			UPDATE group_of SET failed = true WHERE grp = g.grp;
		END IF;
		SELECT * INTO g FROM group_of WHERE grp = g.grp;
		BEGIN
			IF random() < 0.5 THEN
				expected := CASE WHEN present OR g.is_full OR g.failed THEN 'join refused' ELSE 'joined' END;
				PERFORM community.join_group(m, g.grp, 'join ' || i);
				got := 'joined';
			ELSE
				expected := CASE WHEN NOT present OR g.is_full OR g.failed THEN 'leave refused' ELSE 'left' END;
				PERFORM community.leave_group(m, g.grp, 'random', 'leave ' || i);
				got := 'left';
			END IF;
		EXCEPTION WHEN SQLSTATE 'CM045' THEN
			got := CASE WHEN expected LIKE '%refused' THEN expected ELSE 'refused' END;
		END;
		IF got = 'joined' THEN INSERT INTO model VALUES (g.grp, m, i); END IF;
		IF got = 'left' THEN DELETE FROM model WHERE grp = g.grp AND member = m; END IF;
		UPDATE group_of SET is_full = true WHERE grp = g.grp AND capacity = (SELECT count(*) FROM model WHERE model.grp = g.grp);
		INSERT INTO played VALUES (CASE WHEN got = expected THEN got ELSE 'WRONG: ' || got || ', not ' || expected END);
		INSERT INTO played SELECT 'WRONG: status' FROM community.group_status AS s JOIN group_of AS o ON o.grp = s.group_id
		WHERE s.program_id = community.current_program() AND o.grp = g.grp
			AND (s.state, s.members, s.missing, s.leader_id) IS DISTINCT FROM (CASE WHEN o.is_full THEN 'full' WHEN o.failed THEN 'expired' ELSE 'forming' END,
				(SELECT count(*)::int FROM model WHERE grp = g.grp), o.capacity - (SELECT count(*)::int FROM model WHERE grp = g.grp),
				(SELECT member FROM model WHERE grp = g.grp ORDER BY model.n LIMIT 1));
	END LOOP;
	RETURN QUERY SELECT p.outcome, count(*) FROM played AS p GROUP BY 1;
END $$;
SELECT setseed(0.4711);
SELECT outcome, times > 10 AS often FROM pg_temp.play(600) ORDER BY 1;
SELECT count(*) FILTER (WHERE is_full) > 0 AS some_full, count(*) FILTER (WHERE failed) > 0 AS some_failed FROM group_of;
SELECT rule, detail FROM community.check_installation(program => community.current_program());

-- bargains: fixed percentages, worked out by hand
SELECT community.open_bargain(1, 12990, 2990, 5, now() + interval '1 day', 'lamp', 20, 20) > 0 AS opened;
SELECT m, c.* FROM generate_series(1, 5) AS m, community.cut_bargain(m, pg_temp.b('lamp'), 'lamp ' || m) AS c;
SELECT community.open_bargain(1, 10000, 0, 4, now() + interval '1 day', 'desk', 50, 50) > 0 AS opened;
SELECT m, c.* FROM generate_series(1, 4) AS m, community.cut_bargain(m, pg_temp.b('desk'), 'desk ' || m) AS c;
-- just enough for all, one participant, all at once, nothing but the reserve, very much
SELECT r, k, p, array_agg(cut ORDER BY turn) AS cuts, sum(cut) = r AS exact FROM (VALUES (4::bigint, 4, 50), (7, 1, 20), (10, 3, 100), (10, 3, 0),
	(9223372036854775807, 3, 50)) AS v (r, k, p), LATERAL (WITH RECURSIVE s (turn, cut, remaining) AS (
		SELECT 1, community.bargain_step(r, k, 1, 1, p, p), r - community.bargain_step(r, k, 1, 1, p, p)
		UNION ALL SELECT turn + 1, community.bargain_step(remaining, k - turn, 1, turn + 1, p, p),
			remaining - community.bargain_step(remaining, k - turn, 1, turn + 1, p, p) FROM s WHERE turn < k) TABLE s) AS s GROUP BY r, k, p ORDER BY r, k, p;
-- a thousand at random: exact sums, never nothing, within the bounds, and spread over them
WITH RECURSIVE b AS (SELECT i, (k + floor(random() * 10 ^ (i % 9)))::bigint AS r, k, floor(random() * 1e9)::bigint AS seed
	FROM (SELECT i, 1 + floor(random() * 20)::int AS k FROM generate_series(1, 1000) AS i) AS x
), s AS (
	SELECT i, 0 AS turn, 0::bigint AS cut, r AS before, r AS remaining, k, seed FROM b
	UNION ALL SELECT i, turn + 1, c.cut, remaining, remaining - c.cut, k, seed
	FROM s CROSS JOIN LATERAL (SELECT community.bargain_step(remaining, k - turn, seed, turn + 1) AS cut) AS c WHERE turn < k
)
SELECT count(*) > 5000 AS enough, count(*) FILTER (WHERE turn > 0 AND cut < 1) AS nothing, count(*) FILTER (WHERE turn = k AND remaining <> 0) AS inexact,
	count(*) FILTER (WHERE turn BETWEEN 1 AND k - 1 AND (cut < greatest(1, floor((before - (k - turn + 1)) * 0.2))
		OR cut > greatest(1, floor((before - (k - turn + 1)) * 0.5)))) AS out_of_bounds,
	avg(cut::numeric / (before - (k - turn + 1))) FILTER (WHERE turn BETWEEN 1 AND k - 1 AND before > 10000) BETWEEN 0.34 AND 0.36 AS mean_is_middle
FROM s;
-- the seed decides; retries, seconds, limits
SELECT community.open_bargain(1, 5000, 100, 3, now() + interval '1 day', 'vase', seed => 42, campaign => 'spring', member_limit => 2) > 0 AS opened;
SELECT community.open_bargain(1, 5000, 100, 3, now() + interval '9 days', 'vase', campaign => 'spring', member_limit => 2) = pg_temp.b('vase') AS same;
SELECT amount = community.bargain_step(4900, 3, 42, 1) AS as_the_seed_says, price + amount AS before, outstanding, replay
FROM community.cut_bargain(2, pg_temp.b('vase'), 'vase 2');
SELECT amount = community.bargain_step(4900, 3, 42, 1) AS as_before, outstanding, replay FROM community.cut_bargain(2, pg_temp.b('vase'), 'vase 2');
SELECT community.open_bargain(1, 5000, 100, 3, now() + interval '1 day', k, campaign => 'spring', member_limit => 2) > 0 AS opened FROM unnest(ARRAY['bowl', 'cup']) AS k;
SELECT outstanding FROM community.cut_bargain(2, pg_temp.b('bowl'), 'bowl 2');
SELECT pg_temp.refused($$SELECT community.cut_bargain(2, pg_temp.b('cup'), 'cup 2')$$);
SELECT pg_temp.refused(q) FROM unnest(ARRAY[
	$$SELECT community.cut_bargain(2, pg_temp.b('vase'), 'vase 2 again')$$,
	$$SELECT community.cut_bargain(3, pg_temp.b('vase'), 'vase 2')$$,
	$$SELECT community.cut_bargain(6, pg_temp.b('lamp'), 'lamp 6')$$,
	$$SELECT community.cut_bargain(20, pg_temp.b('vase'), 'vase 20')$$,
	$$SELECT community.cut_bargain(99, pg_temp.b('vase'), 'vase 99')$$,
	$$SELECT community.cut_bargain(3, -1, 'x')$$,
	$$SELECT community.cut_bargain(3, pg_temp.b('vase'), NULL)$$,
	$$SELECT community.close_bargain(-1)$$,
	$$SELECT community.open_bargain(1, 5000, 100, 4, now() + interval '1 day', 'vase', campaign => 'spring', member_limit => 2)$$,
	$$SELECT community.open_bargain(1, 100, 200, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_bargain(1, 102, 100, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_bargain(1, 100, -1, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_bargain(1, 100, 0, 0, now() + interval '1 day', 'x')$$,
	$$SELECT community.open_bargain(1, 100, 0, 3, now(), 'x')$$,
	$$SELECT community.open_bargain(1, 100, 0, 3, now() + interval '1 day', 'x', 60, 50)$$,
	$$SELECT community.open_bargain(1, 100, 0, 3, now() + interval '1 day', 'x', 20, 101)$$,
	$$SELECT community.open_bargain(1, 100, 0, 3, now() + interval '1 day', 'x', member_limit => 2)$$,
	$$SELECT community.open_bargain(1, 100, 0, 3, now() + interval '1 day', 'x', campaign => 'c', member_limit => 0)$$,
	$$SELECT community.open_bargain(20, 100, 0, 3, now() + interval '1 day', 'x')$$,
	$$SELECT community.bargain_step(2, 3, 1, 1)$$,
	$$SELECT community.bargain_step(2, 0, 1, 1)$$,
	$$UPDATE community.bargain_cut SET amount = 1$$]) AS u (q), LATERAL pg_temp.refused(q);
-- its time is over, or its member buys
UPDATE community.bargain SET closes_at = now() WHERE program_id = community.current_program() AND key = 'bowl';
SELECT pg_temp.refused($$SELECT community.cut_bargain(3, pg_temp.b('bowl'), 'bowl 3')$$);
SELECT community.close_bargain(pg_temp.b('cup')), community.close_bargain(pg_temp.b('cup'));
SELECT pg_temp.refused($$SELECT community.cut_bargain(3, pg_temp.b('cup'), 'cup 3')$$);
SELECT community.merge_members(23, 2, '23 is 2');
SELECT key, state, outstanding, cuts FROM community.bargain_status WHERE program_id = community.current_program() ORDER BY bargain_id;
SELECT rule, detail FROM community.check_installation(program => community.current_program());

-- faults are found
BEGIN;
DELETE FROM community.group_slot WHERE program_id = community.current_program() AND group_id = pg_temp.g('salt');
UPDATE community.group_member SET captured_at = NULL WHERE program_id = community.current_program() AND key = 'oil 3';
UPDATE community.bargain SET remaining = remaining - 1 WHERE program_id = community.current_program() AND key = 'vase';
UPDATE community.bargain SET seed = seed + 1 WHERE program_id = community.current_program() AND key = 'bowl';
SELECT rule, regexp_replace(object, '\d+', '#') AS object, regexp_replace(detail, '\d{3,}', '#', 'g') AS detail
FROM community.check_installation(program => community.current_program()) ORDER BY 1, 2, 3;
ROLLBACK;
-- an application may do all this, and sees no table
CREATE ROLE referral_group_app;
SELECT community.grant_application('referral_group_app');
SET ROLE referral_group_app;
SELECT community.open_group(50, 2, now() + interval '1 day', 'by the application') > 0 AS opened;
SELECT pg_temp.refused('SELECT FROM community.group_buy');
RESET ROLE;
DROP OWNED BY referral_group_app;
DROP ROLE referral_group_app;
