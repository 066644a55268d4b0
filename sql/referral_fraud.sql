-- If this failed, a fraud that is planted here would go unseen, honest members
-- would be suspected, a flag would come twice or from nowhere, money would
-- wait without a decision or flow in spite of one, or an identity be readable.
\set VERBOSITY default
SELECT community.create_program('referral_fraud') > 0 AS created;
SET community.program = 'referral_fraud';
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(detail, ''));
END $$;
CREATE VIEW pg_temp.flag AS
SELECT f.flag_id, u.name AS rule, f.member_id, f.subject, f.evidence, f.status
FROM community.referral_flag AS f JOIN community.fraud_rule AS u USING (program_id, rule_id)
WHERE f.program_id = community.current_program() ORDER BY u.name, f.member_id, f.subject;

-- 1. identities as they are compared
SELECT kind, value, community.normalise_identity(kind, value) FROM (VALUES
	('email', ' Ann.Lee+shop@Gmail.com '), ('email', 'annlee@googlemail.com'), ('email', 'Ann.Lee+x@Example.org'),
	('email', '+@a.b'), ('email', 'a@b@c.d'), ('phone', '+49 (170) 123-45.67'), ('phone', '0049/170 1234567'),
	('phone', '0170 1234567'), ('payout', 'de89 3704-0044 0532 0130 00'), ('device', ' Ab-1 '), ('address', ' 2001:DB8::1 ')) AS v (kind, value);
SELECT kind, value, pg_temp.refused(format('SELECT community.normalise_identity(%L, %L)', kind, value)) FROM (VALUES
	('email', 'nobody'), ('email', '@a.b'), ('email', 'a@'), ('email', 'a b@c.d'), ('email', '.@gmail.com'), ('phone', '1234'),
	('phone', '1234567890123456'), ('phone', '12345x'), ('payout', ' - '), ('device', ' '), ('face', 'x')) AS v (kind, value);

-- 2. honest members: 1 to 400, each brought by one before, at its own pace,
-- with things of their own, in five offices of one address each
INSERT INTO community.fraud_rule (program_id, name, kind, severity, action)
SELECT community.current_program(), k, k, 'medium', CASE WHEN k IN ('same_identity', 'rejoined') THEN 'hold' ELSE 'flag' END
FROM unnest(ARRAY['same_identity', 'rejoined', 'ring', 'same_address', 'velocity', 'chain', 'star', 'too_fast', 'reward']) AS k;
UPDATE community.fraud_rule SET parameters = '{"minimum": 500, "reward": 200, "margin": 0.3}'
WHERE program_id = community.current_program() AND kind = 'reward';
SELECT setseed(0.4);
DO $$
DECLARE
	t timestamptz := '2024-01-01';
	b bigint;
	link text;
BEGIN
	FOR m IN 1 .. 400 LOOP
		t := t + interval '6 hours' * random();
		b := CASE WHEN m > 5 THEN 1 + floor(random() * (m - 1)) END;
		IF m % 2 = 0 AND b IS NOT NULL THEN
			link := community.share(b, shared_at => t - interval '1 day');
			PERFORM community.record_click(link, 'visitor ' || m, t - interval '1 hour');
			PERFORM community.enroll(m, visitor => 'visitor ' || m, joined_at => t);
		ELSE
			PERFORM community.enroll(m, sponsor => b, joined_at => t);
		END IF;
		PERFORM community.add_identity(m, 'email', format('member.%s@example.org', m), t),
			community.add_identity(m, 'phone', '+49170' || 1000000 + m, t),
			community.add_identity(m, 'payout', 'DE00' || m, t),
			community.add_identity(m, 'address', '192.0.2.' || m % 5, t);
		IF random() < 0.8 THEN
			PERFORM community.record(m, 'order', 'order ' || m, (1000 + floor(random() * 9000))::bigint,
				t + interval '10 minutes' + interval '5 days' * random());
		END IF;
	END LOOP;
	-- some change their minds, in time and not
	PERFORM community.reverse('order ' || m, 'returned', 100, occurred_at => '2024-06-01')
	FROM generate_series(1, 400) AS m WHERE m % 10 = 0 AND EXISTS (SELECT FROM community.event AS e
		WHERE e.program_id = community.current_program() AND e.key = 'order ' || m);
	PERFORM community.reverse('order ' || m, 'returned late', occurred_at => '2024-08-01')
	FROM generate_series(1, 400) AS m WHERE m % 25 = 1 AND EXISTS (SELECT FROM community.event AS e
		WHERE e.program_id = community.current_program() AND e.key = 'order ' || m);
	PERFORM community.close_member(m, 'left') FROM generate_series(391, 394) AS m;
END $$;
SELECT community.review_referrals('2024-07-01') AS false_flags, community.review_referrals() AS false_flags_now;

-- 3. one of each is planted
-- same identity: 1001 brings itself again, in other words
SELECT community.enroll(1001, joined_at => '2024-07-01'), community.enroll(1002, sponsor => 1001, joined_at => '2024-07-02'),
	community.add_identity(1001, 'email', 'Max.Muster@gmail.com'), community.add_identity(1002, 'email', 'maxmuster+2@googlemail.com'),
	community.add_identity(1002, 'email', 'MAXMUSTER@gmail.com') AS known_already;
-- an address alone is none
SELECT community.enroll(1003, sponsor => 1001, joined_at => '2024-07-03'), community.add_identity(1003, 'address', '198.51.100.1'),
	community.add_identity(1001, 'address', '198.51.100.1');
-- rejoined: 1010 was 1011; 1012 became 1013 by a merger
SELECT count(community.enroll(m, joined_at => '2024-07-01')) FROM unnest('{1011, 1012, 1013}'::bigint[]) AS m;
SELECT community.add_identity(1011, 'phone', '+86 10 1234 5678'), community.add_identity(1012, 'phone', '+86 10 1234 9999'),
	community.close_member(1011, 'left'), community.merge_members(1012, 1013, 'merge 1012');
SELECT community.enroll(1010, joined_at => '2024-07-05'), community.add_identity(1010, 'phone', '0086 10-12345678'),
	community.add_identity(1013, 'phone', '+86 10 1234 9999');
-- ring: 1021 brings 1023; 1022, a stranger, has a device of one and an account
-- of the other.  And five of one tree, each with the device of the next
SELECT count(community.enroll(m, joined_at => '2024-07-01')) FROM unnest('{1021, 1022, 1030, 1041}'::bigint[]) AS m;
SELECT community.enroll(1023, sponsor => 1021, joined_at => '2024-07-02'), community.add_identity(1021, 'device', 'A'),
	community.add_identity(1022, 'device', 'A'), community.add_identity(1022, 'payout', 'B'), community.add_identity(1023, 'payout', 'B');
SELECT community.enroll(m, sponsor => 1030, joined_at => '2024-07-01'::timestamptz + (m - 1030) * interval '2 days'),
	community.add_identity(m, 'device', 'ring ' || m), community.add_identity(m, 'device', 'ring ' || m + 1)
FROM generate_series(1031, 1035) AS m;
-- same address: 11 under one inviter, of one
SELECT count(community.enroll(m, sponsor => 1041, joined_at => '2024-07-01'::timestamptz + (m - 1041) * interval '1 day')),
	count(community.add_identity(m, 'address', '203.0.113.9')) FROM generate_series(1042, 1052) AS m;
-- velocity: 21 within the hour, 20 the day after
SELECT community.enroll(1100, joined_at => '2024-07-01'), community.enroll(1200, joined_at => '2024-07-01');
SELECT count(community.enroll(1100 + m, sponsor => 1100, joined_at => '2024-07-02'::timestamptz + m * interval '3 minutes')),
	count(community.enroll(1200 + m, sponsor => 1200, joined_at => '2024-07-02'::timestamptz + m * interval '3 minutes')) FILTER (WHERE m < 21)
FROM generate_series(1, 21) AS m;
-- chain: six in a row within hours, and six at leisure
SELECT community.enroll(1300, joined_at => '2024-07-01'), community.enroll(1400, joined_at => '2024-07-01');
SELECT count(community.enroll(1300 + m, sponsor => 1299 + m, joined_at => '2024-07-01'::timestamptz + m * interval '2 hours')),
	count(community.enroll(1400 + m, sponsor => 1399 + m, joined_at => '2024-07-01'::timestamptz + m * interval '2 days'))
FROM generate_series(1, 6) AS m;
-- star: 30 of whom one buys, beside 30 of whom ten do
SELECT community.enroll(1500, joined_at => '2024-03-01'), community.enroll(1600, joined_at => '2024-03-01');
SELECT count(community.enroll(1500 + m, sponsor => 1500, joined_at => '2024-03-01'::timestamptz + m * interval '1 day')),
	count(community.enroll(1600 + m, sponsor => 1600, joined_at => '2024-03-01'::timestamptz + m * interval '1 day'))
FROM generate_series(1, 30) AS m;
SELECT count(community.record(m, 'order', 'order ' || m, 5000, '2024-06-20')) FROM generate_series(1601, 1610) AS m;
SELECT community.record(1501, 'order', 'order 1501', 5000, '2024-06-20') IS NOT NULL AS one;
-- too fast: a second between click and order
SELECT community.share(1600, shared_at => '2024-07-01') AS link \gset
SELECT community.record_click(:'link', 'robot', '2024-07-02 12:00:00'),
	community.enroll(1701, visitor => 'robot', joined_at => '2024-07-02 12:00:00.5'),
	community.record(1701, 'order', 'order 1701', 5000, '2024-07-02 12:00:01') IS NOT NULL AS ordered;
-- reward: below the minimum, returned at once, dearer than it is worth
SELECT count(community.enroll(m, sponsor => 1600, joined_at => '2024-06-10'::timestamptz + (m - 1800) * interval '1 day')) FROM generate_series(1801, 1803) AS m;
SELECT community.record(1801, 'order', 'order 1801', 499, '2024-06-20') IS NOT NULL, community.record(1802, 'order', 'order 1802', 5000, '2024-06-20') IS NOT NULL,
	community.reverse('order 1802', 'returned', 2000, occurred_at => '2024-06-22') IS NOT NULL,
	community.reverse('order 1802', 'returned', occurred_at => '2024-06-25') IS NOT NULL,
	community.record(1803, 'order', 'order 1803', 600, '2024-06-20') IS NOT NULL;
SELECT community.review_referrals('2024-07-10') > 0 AS not_yet_all, community.review_referrals() > 0 AS more, community.review_referrals() AS again;
SELECT rule, member_id, subject, status FROM (SELECT rule, member_id, regexp_replace(subject, '(event|link|address) .*', '\1') AS subject, status FROM pg_temp.flag) AS f
ORDER BY 1, 2, 3;
SELECT rule, member_id, evidence - '{closed_at,quantile,program}'::text[] AS evidence FROM pg_temp.flag
WHERE (rule, member_id) IN (SELECT rule, min(member_id) FROM pg_temp.flag GROUP BY rule);

-- 4. the graphs beside a slow oracle
WITH RECURSIVE pair AS (
	SELECT a.member_id AS a, b.member_id AS b FROM community.referral_identity AS a
	JOIN community.referral_identity AS b USING (program_id, kind, hash)
	WHERE program_id = community.current_program() AND kind <> 'address' AND a.member_id <> b.member_id
), reach AS (
	SELECT a, b FROM pair UNION SELECT r.a, p.b FROM reach AS r JOIN pair AS p ON p.a = r.b
), slow AS (
	SELECT a AS member_id, least(a, min(b)) AS component FROM reach GROUP BY a
), fast AS (
	SELECT * FROM community.shared_identities()
)
SELECT (SELECT count(*) FROM slow) AS members, (SELECT count(*) FROM (TABLE slow EXCEPT TABLE fast) AS x) AS missing,
	(SELECT count(*) FROM (TABLE fast EXCEPT TABLE slow) AS x) AS invented;
WITH RECURSIVE step AS (
	SELECT r.enroller_id AS a, r.member_id AS b FROM community.referral AS r
	JOIN community.member AS m ON m.program_id = r.program_id AND m.member_id = r.enroller_id
	WHERE r.program_id = community.current_program() AND r.joined_at - m.joined_at <= '3 days'
		AND (SELECT count(*) FROM community.referral AS o WHERE o.program_id = r.program_id AND o.enroller_id = r.enroller_id) = 1
), run AS (
	SELECT a AS top_id, b AS member_id, 1 AS "position" FROM step WHERE a NOT IN (SELECT b FROM step)
	UNION ALL SELECT r.top_id, s.b, r.position + 1 FROM run AS r JOIN step AS s ON s.a = r.member_id
), slow AS (
	SELECT member_id, top_id, "position", max(position) OVER (PARTITION BY top_id) AS links FROM run
), fast AS (
	SELECT * FROM community.short_chains('3 days', 2)
)
SELECT (SELECT count(*) FROM slow WHERE links >= 2) > 12 AS members, (SELECT count(*) FROM (SELECT * FROM slow WHERE links >= 2 EXCEPT TABLE fast) AS x) AS missing,
	(SELECT count(*) FROM (TABLE fast EXCEPT TABLE slow) AS x) AS invented;

-- 5. decisions: held, released, confirmed, each with a reason, once
SELECT community.referral_is_held(1002) AS by_rule, community.referral_is_held(1001) AS inviter, community.referral_is_held(1100) AS only_flagged;
SELECT flag_id AS held FROM pg_temp.flag WHERE rule = 'same_identity' \gset
SELECT flag_id AS open FROM pg_temp.flag WHERE rule = 'velocity' \gset
SELECT community.decide_flag(:held, 'release', 'mother and son'), community.decide_flag(:held, 'release', 'again'), community.referral_is_held(1002);
SELECT pg_temp.refused(format('SELECT community.decide_flag(%s, ''hold'', ''x'')', :held)) ~ '^55000 cannot hold flag \d+: it is released$' AS too_late;
SELECT community.decide_flag(:open, 'hold', 'ask first'), community.decide_flag(:open, 'hold', 'again'), community.referral_is_held(1100);
SELECT community.decide_flag(:open, 'confirm', 'a script'), community.referral_is_held(1100);
SELECT pg_temp.refused(format('SELECT community.decide_flag(%s, ''release'', ''x'')', :open)) ~ 'is confirmed' AS too_late;
SELECT pg_temp.refused('SELECT community.decide_flag(1, ''forget'', ''x'')');
SELECT pg_temp.refused('SELECT community.decide_flag(-1, ''hold'', ''x'')');
SELECT pg_temp.refused(format('SELECT community.decide_flag(%s, ''hold'', '''')', :open));
SELECT f.rule, d.decision, d.reason FROM community.referral_decision AS d JOIN pg_temp.flag AS f USING (flag_id)
WHERE d.program_id = community.current_program() ORDER BY d.decision_id;
SELECT community.review_referrals() AS nothing_new;

-- 6. rules: what has raised flags is ended and not edited; none rests; an
-- address never holds; parameters are known ones
SELECT pg_temp.refused('UPDATE community.fraud_rule SET action = ''none'' WHERE program_id = community.current_program() AND kind = ''velocity''');
SELECT pg_temp.refused('DELETE FROM community.fraud_rule WHERE program_id = community.current_program() AND kind = ''velocity''');
UPDATE community.fraud_rule SET valid = tstzrange(NULL, now()) WHERE program_id = community.current_program();
SELECT pg_temp.refused('INSERT INTO community.fraud_rule (program_id, name, kind, action) VALUES (1, ''x'', ''same_address'', ''hold'')') ~ 'fraud_rule_address_check' AS never;
INSERT INTO community.fraud_rule (program_id, name, kind, parameters, action)
VALUES (community.current_program(), 'resting', 'velocity', '{"signups": 2}', 'none'), (community.current_program(), 'stricter', 'velocity', '{"signups": 19}', 'hold');
SELECT count(*) AS still_seen FROM community.fraud_same_identity();
SELECT community.review_referrals() AS both, community.referral_is_held(1200) AS held;
INSERT INTO community.fraud_rule (program_id, name, kind, parameters) VALUES (community.current_program(), 'wrong', 'velocity', '{"signup": 19}');
SELECT pg_temp.refused('SELECT community.review_referrals()');
DELETE FROM community.fraud_rule WHERE program_id = community.current_program() AND name = 'wrong';
SELECT pg_temp.refused('SELECT community.add_identity(1, ''face'', ''x'')'), pg_temp.refused('SELECT community.add_identity(99999, ''device'', ''x'')');
SELECT pg_temp.refused('SELECT * FROM community.short_chains(''1 day'', 0)');
-- nothing readable is kept, and the salt is the owner's alone
SELECT count(*) AS readable FROM community.referral_identity WHERE encode(hash, 'escape') ~ 'muster|gmail' AND program_id = community.current_program();
SELECT count(DISTINCT length(hash)), min(length(hash)) FROM community.referral_identity WHERE program_id = community.current_program();

-- 7. the books agree, and faults that are planted are found
SELECT rule, member_id, object, detail FROM community.check_installation('full', community.current_program());
BEGIN;
UPDATE community.referral_flag SET status = 'open' WHERE program_id = community.current_program() AND status = 'confirmed';
UPDATE community.referral_flag SET status = 'held' WHERE program_id = community.current_program() AND member_id = 1801;
UPDATE community.referral_flag SET rule_id = -1 WHERE program_id = community.current_program() AND member_id = 1802;
INSERT INTO community.referral_sanctioned VALUES (community.current_program(), 1803, -1);
SELECT rule, member_id, regexp_replace(object, '\d+', 'N') AS object, detail
FROM community.check_installation('full', community.current_program()) ORDER BY 1, 2;
ROLLBACK;
