-- If this failed, a member would have paid for a tier and not hold it, hold it
-- without having paid, or longer or shorter than paid for: after refunds and
-- corrections, after late payments, or under another version than that of the time.
\set VERBOSITY default
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
SELECT community.create_program('payments test', 'Europe/Berlin') > 0 AS created;
SET community.program = 'payments test';
SELECT count(community.enroll(m, joined_at => '2020-01-01')) FROM generate_series(1, 9) AS m;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- a version of a ladder in force from then on, and the ladder if there is none
CREATE FUNCTION publish(of text, since timestamptz, tiers jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p CONSTANT bigint := community.current_program();
	l bigint;
BEGIN
	INSERT INTO community.ladder (program_id, name) VALUES (p, of) ON CONFLICT DO NOTHING;
	SELECT ladder_id INTO l FROM community.ladder WHERE program_id = p AND name = of;
	UPDATE community.ladder_version SET valid = tstzrange(lower(valid), since)
	WHERE program_id = p AND ladder_id = l AND upper_inf(valid);
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	VALUES (p, community.next_id(), l, tstzrange(since, NULL), jsonb_build_object('name', of, 'tiers', tiers));
END $$;
-- the lead of a payment: record() and then settle()
CREATE FUNCTION pg_temp.pay(m bigint, at timestamptz, key text, cents bigint DEFAULT 1000, type text DEFAULT 'svip fee')
RETURNS bigint LANGUAGE sql AS $$
	SELECT community.record(m, type, key, cents, at);
	SELECT community.settle_payments(m)
$$;
CREATE FUNCTION pg_temp.refund(m bigint, of text, cents bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT community.reverse(of, 'refund', cents);
	SELECT community.settle_payments(m)
$$;
CREATE VIEW pg_temp.paid AS
SELECT t.member_id AS member, t.tier, lower(t.during)::timestamp AS since, upper(t.during)::timestamp AS until, t.key, t.rank
FROM community.tenure AS t JOIN community.program AS p USING (program_id)
WHERE p.name = 'payments test' AND t.source = 'purchased' AND t.superseded_at IS NULL
ORDER BY t.member_id, t.tier, t.during;

SELECT pg_temp.pay(1, '2023-12-01 10:00', 'before anything was published');
SELECT publish('shop', '2024-01-01', '[{"rank": 1, "name": "silver", "entry": "qualify"},
	{"rank": 2, "name": "gold", "entry": "qualify"},
	{"rank": 3, "name": "svip", "entry": "none", "fee_type": "svip fee", "fee": 1000, "fee_term": "1 mon"}]');
-- what is bought lasts a month on the clock of the program; the next term begins where one ends
SELECT pg_temp.pay(1, '2024-01-31 12:00', 'first');
SELECT pg_temp.pay(1, '2024-02-10 08:00', 'second');
SELECT pg_temp.pay(1, '2024-03-29 12:00', 'to the very end');
SELECT pg_temp.pay(1, '2024-05-20 09:00', 'after a gap');
SELECT pg_temp.pay(1, '2024-05-21 09:00', 'too little', 999);
SELECT pg_temp.pay(1, '2024-05-21 09:00', 'something else', 5000, 'order');
SELECT * FROM pg_temp.paid;
-- nothing is written where nothing has changed
SELECT community.settle_payments(1), community.settle_payments(NULL);
SELECT count(*) AS rows, count(superseded_at) AS superseded FROM community.tenure WHERE program_id = community.current_program() AND key IN ('first', 'second', 'to the very end', 'after a gap');
-- a refund takes its term away and the later ones move up, a partial one too when too little is left
SELECT pg_temp.refund(1, 'first');
SELECT * FROM pg_temp.paid;
SELECT pg_temp.refund(1, 'after a gap', 1);
-- one paid late moves others back; what is not concerned stays the row it was
SELECT pg_temp.pay(1, '2024-02-08 00:00', 'came in late', 2000);
SELECT * FROM pg_temp.paid;
SELECT max(tenure_id) AS kept FROM community.tenure WHERE program_id = community.current_program() AND key = 'to the very end' AND superseded_at IS NULL \gset
SELECT pg_temp.pay(1, '2024-01-05 00:00', 'came in very late');
SELECT * FROM pg_temp.paid;
SELECT count(*) AS same_row FROM community.tenure WHERE tenure_id = :kept AND superseded_at IS NULL;
-- the same as had it been known from the start, and all that was believed is still told
SELECT key, lower(during)::timestamp AS since, upper(during)::timestamp AS until, superseded_at IS NULL AS believed, reason, ends_at = upper(during) AS ends
FROM community.tenure WHERE member_id = 1 AND source = 'purchased' AND program_id = community.current_program() ORDER BY tenure_id;

-- a paid SVIP beside an earned level, which goes on underneath: the effective
-- tier is the highest of all sources
INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, version_id, reason)
SELECT v.program_id, 2, v.ladder_id, t.tier, t.rank, 'qualified', t.during::tstzrange, v.version_id, t.reason
FROM community.ladder_version AS v, (VALUES ('silver', 1, '[2024-01-10,2024-03-15)', 'promoted'), ('gold', 2, '[2024-03-15,)', 'promoted')) AS t (tier, rank, during, reason)
WHERE v.program_id = community.current_program();
SELECT pg_temp.pay(2, '2024-02-01', 'svip 1'), pg_temp.pay(2, '2024-02-20', 'svip 2'), pg_temp.pay(2, '2024-06-01', 'svip 3');
CREATE FUNCTION pg_temp.effective(m bigint, at timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t.tier || ' ' || t.source, ', ' ORDER BY t.rank DESC) FROM community.tenure AS t
	WHERE t.program_id = community.current_program() AND t.member_id = m AND t.superseded_at IS NULL AND t.during @> at $$;
SELECT d::date AS day, pg_temp.effective(2, d) FROM unnest(ARRAY['2024-01-05', '2024-01-31', '2024-02-01', '2024-03-14', '2024-03-31', '2024-04-01', '2024-06-15', '2024-07-01']::timestamptz[]) AS d;
SELECT pg_temp.refund(2, 'svip 1');
SELECT d::date AS day, pg_temp.effective(2, d) FROM unnest(ARRAY['2024-02-01', '2024-02-20', '2024-03-19', '2024-03-20']::timestamptz[]) AS d;

-- the version of the time of payment counts: what it cost, how long it was for, what it was called
SELECT publish('shop', '2024-07-01', '[{"rank": 1, "name": "silver", "entry": "qualify"},
	{"rank": 2, "name": "svip", "entry": "none", "fee_type": "svip fee", "fee": 1500, "fee_term": "7 days"},
	{"rank": 3, "name": "black", "entry": "none", "fee_type": "black fee", "fee": 1, "fee_term": "1 year"}]');
SELECT publish('club', '2024-07-01', '[{"rank": 1, "name": "friend", "entry": "none", "fee_type": "svip fee", "fee": 1, "fee_term": "1 day"}]');
SELECT pg_temp.pay(3, '2024-06-30 23:59:59', 'old price'), pg_temp.pay(3, '2024-07-01', 'old price again'), pg_temp.pay(3, '2024-07-02', 'new price', 1500),
	pg_temp.pay(3, '2024-07-03', 'black', 1, 'black fee');
SELECT * FROM pg_temp.paid WHERE member = 3;
-- a ladder that was published late over what was paid before
SELECT publish('late', '2024-01-01', '[{"rank": 1, "name": "member", "entry": "none", "fee_type": "order", "fee": 5000, "fee_term": "10 days"}]');
SELECT community.settle_payments(NULL);
SELECT * FROM pg_temp.paid WHERE tier = 'member';
-- equal keys of two sources are two payments
SELECT community.record(4, 'svip fee', 'equal', 1500, '2024-08-01', source => s) IS NOT NULL AS recorded FROM unnest(ARRAY['api', 'till']) AS s;
SELECT community.settle_payments(4);
SELECT * FROM pg_temp.paid WHERE member = 4;
-- what a member did counts for the one into which it was merged
SELECT community.merge_members(4, 3, 'merge');
SELECT community.settle_payments(4), community.settle_payments(3);
SELECT * FROM pg_temp.paid WHERE member IN (3, 4);
SELECT pg_temp.refused('SELECT community.settle_payments(99)');
SELECT pg_temp.refused('SELECT community.settle_payments(1, NULL)');
SELECT pg_temp.refused('SELECT community.settle_payments(NULL, -1)');
SELECT rule, member_id, object, detail FROM community.check_installation(program => community.current_program()) WHERE rule = 'paid-term';
-- what the check finds
BEGIN;
UPDATE community.tenure SET superseded_at = recorded_at WHERE program_id = community.current_program() AND key = 'svip 2' AND superseded_at IS NULL;
SET session_replication_role = replica;
UPDATE community.tenure SET key = 'forged' WHERE program_id = community.current_program() AND key = 'black';
RESET session_replication_role;
SELECT rule, member_id, object, detail FROM community.check_installation(program => community.current_program()) WHERE rule = 'paid-term' ORDER BY 2, 4;
SELECT rule, member_id, object, detail FROM community.check_installation(program => community.current_program(), member => 2) WHERE rule = 'paid-term';
ROLLBACK;

-- random payments, refunds and corrections, recorded in any order; three
-- versions; worked out each time something happens, against a loop that looks
-- at events itself
SELECT community.create_program('random payments', 'America/New_York') > 0 AS created;
SET community.program = 'random payments';
SELECT setseed(0.25);
SELECT count(community.enroll(m, joined_at => '2020-01-01')) FROM generate_series(1, 40) AS m;
SELECT publish('a', '2022-03-01', '[{"rank": 1, "name": "x", "entry": "none", "fee_type": "p", "fee": 100, "fee_term": "1 mon"},
	{"rank": 2, "name": "y", "entry": "none", "fee_type": "q", "fee": 300, "fee_term": "20 days"}]'),
	publish('a', '2023-01-15 10:00+00', '[{"rank": 1, "name": "x", "entry": "none", "fee_type": "q", "fee": 200, "fee_term": "36:00"},
	{"rank": 2, "name": "z", "entry": "none", "fee_type": "p", "fee": 150, "fee_term": "1 mon -30 days +12:00"}]'),
	publish('a', '2023-07-01', '[{"rank": 1, "name": "x", "entry": "none", "fee_type": "p", "fee": 50, "fee_term": "3 mons"}]'),
	publish('b', '2022-01-01', '[{"rank": 1, "name": "x", "entry": "none", "fee_type": "p", "fee": 400, "fee_term": "1 year"}]');
CREATE TABLE payment AS SELECT n, 1 + floor(random() * 40)::bigint AS m, (ARRAY['p', 'q', 'r'])[1 + floor(random() * 3)] AS type,
	floor(random() * 500)::bigint AS cents, timestamptz '2022-01-01' + random() * interval '700 days' AS at, random() AS fate, floor(random() * 200)::bigint + 1 AS back
FROM generate_series(1, 900) AS n;
UPDATE payment AS a SET at = b.at, m = b.m, type = b.type FROM payment AS b WHERE b.n = a.n - 1 AND a.n % 9 = 0;
CREATE FUNCTION pg_temp.play(one_by_one boolean) RETURNS TABLE (rows_written bigint) LANGUAGE plpgsql AS $$
DECLARE
	x payment;
BEGIN
	rows_written := 0;
	FOR x IN SELECT * FROM payment ORDER BY CASE WHEN one_by_one THEN n ELSE hashint4(n) END LOOP
		PERFORM community.record(x.m, x.type, 'k' || x.n, x.cents, x.at);
		IF one_by_one THEN
			rows_written := rows_written + community.settle_payments(x.m);
		END IF;
		IF x.fate < 0.2 AND x.cents > 0 THEN
			PERFORM community.reverse('k' || x.n, 'refund');
		ELSIF x.fate < 0.5 AND x.cents > x.back THEN
			PERFORM community.reverse('k' || x.n, 'part', x.back);
		END IF;
		IF one_by_one THEN
			rows_written := rows_written + community.settle_payments(x.m);
		END IF;
	END LOOP;
	IF NOT one_by_one THEN
		rows_written := community.settle_payments(NULL);
	END IF;
	RETURN NEXT;
END $$;
SELECT rows_written > 500 AS many FROM pg_temp.play(true);
CREATE FUNCTION oracle() RETURNS TABLE (m bigint, ladder text, tier text, rank integer, since timestamptz, until timestamptz, key text) LANGUAGE plpgsql AS $$
DECLARE
	p CONSTANT bigint := community.current_program();
	zone CONSTANT text := (SELECT time_zone FROM community.program WHERE program_id = p);
	at record;
	e record;
	step record;
	ends timestamptz;
BEGIN
	FOR at IN SELECT DISTINCT v.member_id, l.name AS ladder, l.ladder_id, t.name AS tier FROM community.member AS v, community.ladder AS l, unnest(ARRAY['x', 'y', 'z']) AS t (name)
		WHERE v.program_id = p AND l.program_id = p LOOP
		ends := '-infinity';
		FOR e IN SELECT * FROM community.event AS o WHERE o.program_id = p AND o.member_id = at.member_id AND o.corrects IS NULL ORDER BY o.occurred_at, o.event_id LOOP
			SELECT j.* INTO step FROM community.ladder_version AS v, jsonb_to_recordset(v.definition -> 'tiers') AS j (rank integer, name text, fee_type text, fee bigint, fee_term interval)
			WHERE v.program_id = p AND v.ladder_id = at.ladder_id AND lower(v.valid) <= e.occurred_at AND (upper_inf(v.valid) OR upper(v.valid) > e.occurred_at) AND j.name = at.tier;
			CONTINUE WHEN step.fee_type IS DISTINCT FROM e.type;
			CONTINUE WHEN (SELECT sum(o.amount) FROM community.event AS o WHERE o.program_id = p AND (o.event_id = e.event_id OR o.corrects = e.event_id)) < step.fee;
			m := at.member_id; ladder := at.ladder; tier := at.tier; rank := step.rank; key := e.key;
			since := CASE WHEN ends > e.occurred_at THEN ends ELSE e.occurred_at END;
			until := community.period_add(since, step.fee_term, zone);
			CONTINUE WHEN until <= since;
			ends := until;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
CREATE VIEW held AS SELECT t.member_id AS m, l.name AS ladder, t.tier, t.rank, lower(t.during) AS since, upper(t.during) AS until, t.key
FROM community.tenure AS t JOIN community.ladder AS l USING (program_id, ladder_id)
WHERE t.program_id = community.current_program() AND t.source = 'purchased' AND t.superseded_at IS NULL;
CREATE TABLE due AS SELECT * FROM oracle();
SELECT count(*) > 200 AS many, count(*) FILTER (WHERE tier = 'z') > 5 AS short_ones, count(*) FILTER (WHERE ladder = 'b') > 20 AS of_both FROM due;
SELECT count(*) AS differ FROM ((TABLE due EXCEPT ALL SELECT * FROM held) UNION ALL (SELECT * FROM held EXCEPT ALL TABLE due)) AS d;
SELECT community.settle_payments(NULL) AS nothing_to_do;
SELECT rule, member_id, object, detail FROM community.check_installation(program => community.current_program()) WHERE rule = 'paid-term';
-- in another order and all at once: the same
SELECT community.create_program('random payments again', 'America/New_York') > 0 AS created;
INSERT INTO community.ladder (program_id, name) SELECT p.program_id, l.name FROM community.ladder AS l, community.program AS p
WHERE l.program_id = community.current_program() AND p.name = 'random payments again';
INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
SELECT n.program_id, community.next_id(), n.ladder_id, v.valid, v.definition FROM community.ladder_version AS v
JOIN community.ladder AS l USING (program_id, ladder_id) JOIN community.program AS p ON p.name = 'random payments again'
JOIN community.ladder AS n ON n.program_id = p.program_id AND n.name = l.name WHERE v.program_id = community.current_program();
SET community.program = 'random payments again';
SELECT count(community.enroll(m, joined_at => '2020-01-01')) FROM generate_series(1, 40) AS m;
SELECT rows_written AS left_to_settle FROM pg_temp.play(false);
CREATE TABLE due_again AS SELECT * FROM oracle();
SELECT count(*) AS differ FROM ((TABLE due_again EXCEPT ALL SELECT * FROM held) UNION ALL (SELECT * FROM held EXCEPT ALL TABLE due_again)) AS d;
-- two at the same time stand in the order in which they were recorded, else nothing differs
SELECT count(*) AS differ FROM (SELECT m, ladder, tier, rank, since, until FROM due EXCEPT ALL SELECT m, ladder, tier, rank, since, until FROM held) AS d;
DROP TABLE payment, due, due_again;
DROP VIEW held;
DROP FUNCTION oracle, publish;
