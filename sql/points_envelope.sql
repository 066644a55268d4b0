-- If this failed, an envelope could give away more than was paid into it, or
-- less; a share could be had twice, or what nobody claimed be lost; or retried
-- calls would pay or claim again.
\set VERBOSITY default
SELECT community.create_program('envelope test', 'Europe/Berlin') > 0 AS created;
SET community.program = 'envelope test';
SELECT count(community.enroll(m)) FROM generate_series(1, 60) AS m;
SELECT community.close_member(60, 'left');
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, 'envelope \d+', 'envelope N', 'g');
END $$;
-- every envelope: what was issued is claimed, unclaimed or returned; the
-- entries say the same as the claims; and lot by lot nothing came or went, but
-- where activity moves lots
CREATE FUNCTION pg_temp.check_envelopes() RETURNS TABLE (key text, fault text) LANGUAGE sql AS $$
	SELECT s.key, 'does not add up' FROM community.envelope_status AS s
	WHERE s.points <> s.claimed + s.unclaimed + s.returned
	UNION ALL
	SELECT s.key, 'share missing' FROM community.envelope_status AS s
	WHERE s.shares <> s.claimed_shares + s.unclaimed_shares AND s.returned = 0
	UNION ALL
	SELECT c.key, 'claim without its entry' FROM community.envelope_claim AS c
	LEFT JOIN community.entry AS e ON e.program_id = c.program_id AND e.event_id = 0
		AND e.key = c.key AND e.line = 0 AND e.member_id = c.member_id
		AND e.points = c.points AND e.kind = 'envelope_in'
	WHERE e.entry_id IS NULL
	UNION ALL
	SELECT v.key, 'lots came or went: ' || d.left_over::text FROM community.envelope AS v,
		LATERAL (SELECT community.sum(e.delta) AS left_over FROM community.entry AS e
			WHERE e.program_id = v.program_id AND e.event_id = 0
				AND (e.key = v.key OR e.key IN (SELECT c.key FROM community.envelope_claim AS c
					WHERE c.program_id = v.program_id AND c.envelope_id = v.envelope_id))) AS d
	WHERE v.member_id IS NOT NULL AND v.currency_id IN (SELECT c.currency_id
			FROM community.currency AS c WHERE c.inactive_after IS NULL)
		AND d.left_over OPERATOR(community.<>) '{}'
		AND NOT EXISTS (SELECT FROM community.envelope_share AS s
			WHERE s.program_id = v.program_id AND s.envelope_id = v.envelope_id)
$$;
-- member 1 has points that expire, and others
SELECT points FROM community.accrue(1, 300, 'a', expires_at => '2096-01-01');
SELECT points FROM community.accrue(1, 500, 'b', expires_at => '2097-01-01');
SELECT points FROM community.accrue(1, 200, 'c');
SELECT points FROM community.accrue(1, 77, 'soon', expires_at => now() + '1 hour');
-- what expires before the envelope does stays
SELECT community.issue_envelope(1, 1000, 10, 'new year', seed => 8) AS e \gset
SELECT available, next_expiry < now() + '2 hours' AS soon FROM community.balance(1);
SELECT kind, points, delta FROM community.entry WHERE key = 'new year';
SELECT key, member_id, currency, points, shares, claimed, claimed_shares, unclaimed, unclaimed_shares, returned, state
FROM community.envelope_status;
SELECT array_agg(points ORDER BY share) = community.split_points(1000, 10, 'random', 8) AS as_split
FROM community.envelope_share;
-- a retry, with another time of expiry as now() has gone on; and other input
SELECT community.issue_envelope(1, 1000, 10, 'new year', seed => 8, expires_at => now() + '2 days') = :e AS same;
SELECT available FROM community.balance(1);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 1000, 10, 'new year')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 1000, 9, 'new year', seed => 8)$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 1000, 10, 'new year', seed => 8, split => 'even')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(2, 1000, 10, 'new year', seed => 8)$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(NULL, 1000, 10, 'new year', seed => 8)$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(NULL, 10, 1, 'a')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 10, 1, 'a')$$);
SELECT pg_temp.refused($$SELECT community.redeem(1, 5, 'new year')$$);
-- claims: each member one share, each share once
SELECT count(c.points), sum(c.points) BETWEEN 5 AND 995 AS a_part FROM generate_series(2, 6) AS m, community.claim_envelope(:e, m) AS c;
SELECT p.replay, p.kind, p.member, p.entry_id = e.entry_id AND p.delta OPERATOR(community.=) e.delta AS the_first
FROM community.claim_envelope(:e, 2) AS p, community.entry AS e
WHERE e.program_id = community.current_program() AND e.member_id = 2;
SELECT b.available = c.points AS right FROM community.balance(2) AS b, community.envelope_claim AS c
WHERE c.program_id = community.current_program() AND c.member_id = 2;
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 2, %L)', :e, 'once more'));
SELECT replay FROM community.claim_envelope(:e, 7, 'my key');
SELECT replay FROM community.claim_envelope(:e, 7, 'my key');
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 7)', :e));
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 8, %L)', :e, 'my key'));
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 8, %L)', :e, 'a'));
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 60)', :e));
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 61)', :e));
SELECT pg_temp.refused('SELECT community.claim_envelope(4711, 2)');
-- a claim that is rolled back leaves its share
BEGIN;
SAVEPOINT s;
SELECT replay FROM community.claim_envelope(:e, 8);
ROLLBACK TO s;
SELECT replay FROM community.claim_envelope(:e, 9);
COMMIT;
SELECT claimed_shares, unclaimed_shares, state FROM community.envelope_status;
SELECT count(community.claim_envelope(:e, m)) FROM generate_series(10, 12) AS m;
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 13)', :e));
SELECT replay FROM community.claim_envelope(:e, 12);
SELECT claimed, claimed_shares, unclaimed_shares, state FROM community.envelope_status;
SELECT * FROM pg_temp.check_envelopes();
-- each claim carries the very lots of its share
SELECT sum(l.points), l.expires_at FROM community.envelope_claim AS c
JOIN community.entry AS e ON e.key = c.key, community.lots(e.delta) AS l GROUP BY 2 ORDER BY 2;
-- closing an empty one gives nothing back
SELECT community.close_envelope(:e), community.close_envelope(:e);
SELECT count(*) FROM community.entry WHERE kind = 'reclaim';
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 13)', :e));

-- what nobody has claimed goes back where it came from
SELECT points FROM community.accrue(20, 100, 'd', expires_at => '2096-01-01');
SELECT points FROM community.accrue(20, 100, 'f', expires_at => '2097-01-01');
SELECT points FROM community.accrue(20, 100, 'g');
SELECT purse AS before FROM community.account_purse WHERE member_id = 20 \gset
SELECT community.issue_envelope(20, 250, 7, 'even', split => 'even', reason => 'thanks') AS e \gset
SELECT sum(points) BETWEEN 105 AND 108 AS three_shares, sum(points) AS claimed FROM generate_series(21, 23) AS m, community.claim_envelope(:e, m) \gset
SELECT :'three_shares' AS three_shares, community.close_envelope(:e) = 250 - :claimed AS returned, community.close_envelope(:e) = 250 - :claimed AS again;
SELECT kind, points = 250 - :claimed AS points, line, reverses = (SELECT entry_id FROM community.entry WHERE key = 'even' AND line = 0) AS reverses
FROM community.entry WHERE kind = 'reclaim';
SELECT :'before'::community.purse OPERATOR(community.-) community.sum(delta)
	OPERATOR(community.=) (SELECT purse FROM community.account_purse WHERE member_id = 20) AS into_its_lots
FROM community.entry WHERE kind = 'envelope_in' AND member_id BETWEEN 21 AND 23;
SELECT available = 300 - :claimed AS available FROM community.balance(20);
SELECT points, claimed = :claimed AS claimed, unclaimed, returned = 250 - :claimed AS returned, state FROM community.envelope_status WHERE key = 'even';
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 24)', :e));
SELECT replay FROM community.claim_envelope(:e, 21);
SELECT pg_temp.refused('SELECT community.close_envelope(4711)');
SELECT * FROM pg_temp.check_envelopes();

-- expiry is a matter of time; the return is booked when somebody gets to it
SELECT community.issue_envelope(20, 100, 4, 'late', split => 'even', expires_at => now() + '10 minutes') AS e \gset
SELECT points FROM community.claim_envelope(:e, 30);
UPDATE community.envelope SET expires_at = now() - interval '1 second' WHERE key = 'late';
SELECT pg_temp.refused(format('SELECT community.claim_envelope(%s, 31)', :e)) ~ '^CM021 envelope N ended at ' AS ended;
SELECT replay FROM community.claim_envelope(:e, 30);
SELECT state, unclaimed FROM community.envelope_status WHERE key = 'late';
SELECT community.close_expired_envelopes(as_of => now() - interval '1 hour');
SELECT community.close_expired_envelopes();
SELECT community.close_expired_envelopes();
SELECT state, returned FROM community.envelope_status WHERE key = 'late';
SELECT available = 275 - :claimed AS available FROM community.balance(20);
SELECT pg_temp.refused('SELECT community.close_expired_envelopes(batch => 0)');
SELECT * FROM pg_temp.check_envelopes();

-- the program pays: nobody's points leave, shares are made as by accrue()
INSERT INTO community.currency (program_id, code, expires_after, pending_for)
VALUES (community.current_program(), 'miles', '1 year', '3 days');
SELECT community.issue_envelope(NULL, 20, 20, 'gift', 'miles', 'double_mean', 3) AS e \gset
SELECT community.issue_envelope(NULL, 20, 20, 'gift', 'miles', 'double_mean', 3) = :e AS same;
SELECT count(*) FROM community.entry WHERE key = 'gift';
SELECT currency, points, (SELECT l.available_at > now() + '2 days' AND l.expires_at > now() + '360 days' FROM community.lots(c.delta) AS l) AS as_accrued
FROM community.claim_envelope(:e, 40) AS c;
SELECT community.close_envelope(:e);
SELECT points, claimed, unclaimed, returned, state FROM community.envelope_status WHERE key = 'gift';

-- a member who owes points pays that first; activity keeps points alive
INSERT INTO community.currency (program_id, code, inactive_after, overdraft)
VALUES (community.current_program(), 'stars', '1 year', 50);
SELECT points FROM community.accrue(41, 30, 'h', 'stars');
SELECT points FROM community.redeem(42, 40, 'i', 'stars');
SELECT community.issue_envelope(41, 80, 1, 'overdrawn', 'stars') AS e \gset
SELECT available, deficit FROM community.balance(41, 'stars');
SELECT points FROM community.claim_envelope(:e, 42);
SELECT available, deficit FROM community.balance(42, 'stars');
SELECT community.issue_envelope(42, 40, 2, 'back', 'stars', 'even') AS e \gset
SELECT community.close_envelope(:e);
SELECT available, deficit FROM community.balance(42, 'stars');

-- an envelope cannot be reversed like a redemption, or claims would be paid by nobody
SELECT pg_temp.refused($$SELECT community.reverse('new year', 'oops', source => 'ledger')$$);
SELECT pg_temp.refused($$SELECT community.reverse('my key', 'oops', source => 'ledger')$$);
-- refused
SELECT pg_temp.refused($$SELECT community.issue_envelope(2, 1000, 10, 'too much')$$) ~ '^CM012 cannot give away 1000 points of member 2: \d+ available$' AS refused;
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 77, 7, 'soon gone')$$) ~ '^CM012 cannot give away 77 points of member 1 until .*: 0 are good until then$' AS refused;
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 7, 'few')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 0, 'few')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, -5, 1, 'few')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 1, 'past', expires_at => now() - interval '1 s')$$) ~ '^22023 an envelope cannot end at .*, which is past$' AS refused;
SELECT pg_temp.refused($$SELECT community.issue_envelope(60, 5, 1, 'closed')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(61, 5, 1, 'unknown')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 1, 'x', 'gold')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 1, 'x', split => 'fair')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, 1, '')$$);
SELECT pg_temp.refused($$SELECT community.issue_envelope(1, 5, NULL, 'x')$$);
SELECT pg_temp.refused($$SELECT community.claim_envelope(NULL, 1)$$);
UPDATE community.envelope_claim SET points = points + 1;
DELETE FROM community.envelope_claim;

-- many of them, at random: the books are right after each way to end
DO $$
DECLARE
	seed bigint;
	e bigint;
	n int;
BEGIN
	PERFORM community.accrue(50, 100000, 'rich 1', expires_at => '2090-01-01');
	PERFORM community.accrue(50, 100000, 'rich 2', expires_at => '2091-01-01');
	PERFORM community.accrue(50, 100000, 'rich 3');
	FOR seed IN 1 .. 60 LOOP
		n := 1 + seed * 7 % 23;
		e := community.issue_envelope(50, n + seed * 97, n, 'many ' || seed, seed => seed,
			split => ('{random,even,double_mean}'::text[])[1 + seed % 3]);
		PERFORM community.claim_envelope(e, 1 + (seed * 13 + m * 5) % 59) FROM generate_series(1, seed % (n + 1)) AS m;
		IF seed % 4 > 0 THEN
			PERFORM community.close_envelope(e);
		END IF;
	END LOOP;
END $$;
SELECT state, count(*), sum(points) AS points, sum(claimed) > 0 AS claimed, sum(unclaimed) > 0 AS unclaimed, sum(returned) > 0 AS returned
FROM community.envelope_status WHERE member_id = 50 GROUP BY state ORDER BY state;
SELECT * FROM pg_temp.check_envelopes();
SELECT 300000 - available - (SELECT sum(points - returned) FROM community.envelope_status WHERE member_id = 50)
	+ coalesce((SELECT sum(points) FROM community.envelope_claim WHERE member_id = 50), 0) AS unaccounted
FROM community.balance(50);
