-- If this failed, money would flow to or for members who are held, be lost or
-- paid twice when a hold ends, come back inexactly when fraud is confirmed, or
-- somebody who was a member before would bring rewards.
\set SHOW_CONTEXT never
SELECT community.create_program('referral_held') > 0 AS created;
SET community.program = 'referral_held';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT community.current_program() AS program \gset
-- what an account has: available, pending, owed
CREATE FUNCTION pg_temp.has(VARIADIC members bigint[]) RETURNS TABLE (member bigint, currency text, available bigint, pending bigint, owed bigint) LANGUAGE sql AS $$
	SELECT member_id, currency, available, pending, deficit FROM community.account
	WHERE program_id = community.current_program() AND member_id = ANY (members) ORDER BY 1, 2 $$;
CREATE FUNCTION pg_temp.flag(member bigint, about text) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO community.referral_flag (program_id, rule_id, member_id, subject, evidence, status, flagged_at)
	SELECT program_id, rule_id, member, about, '{}', 'held', now() FROM community.fraud_rule WHERE program_id = community.current_program() AND name = 'twins' RETURNING flag_id $$;
CREATE FUNCTION pg_temp.waiting() RETURNS TABLE (what text, payee bigint, points bigint, ends bigint[]) LANGUAGE sql AS $$
	SELECT coalesce(v.key || ' ' || p.line, 'reward of ' || g.referee_id || ' to the ' || g.side), p.payee_id, p.points,
		(SELECT array_agg(x.member_id ORDER BY 1) FROM community.held_payment_end x WHERE x.program_id = p.program_id AND x.key = p.key)
	FROM community.held_payment p LEFT JOIN community.event v USING (program_id, event_id) LEFT JOIN community.signup_reward_given g USING (program_id, given_id)
	WHERE p.program_id = community.current_program() AND p.settled_at IS NULL ORDER BY v.event_id, g.given_id, p.line $$;
INSERT INTO community.fraud_rule (program_id, name, kind, action) VALUES (:program, 'twins', 'same_identity', 'hold');
INSERT INTO community.currency (program_id, code, until_released) VALUES (:program, 'goods', true);
INSERT INTO community.currency (program_id, code, inactive_after) VALUES (:program, 'alive', '1 year');
SELECT count(community.enroll(g, sponsor => nullif(g - 1, 0), joined_at => '2024-01-01')) FROM generate_series(1, 9) g;
SELECT community.set_paid_levels(3) AS before, community.define_commission_plan('sale', '{order}', '[0.10, 0.05]', from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('slow', '{slow}', '[0.10]', pending_for => '30 days', from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('match', '{match}', '[0.10]', matching_rate => 0.5, from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('goods', '{goods}', '[0.10]', currency => 'goods', from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('alive', '{alive}', '[0.10]', currency => 'alive', from_time => '2024-01-01') > 0 AS made;

-- 1. a buyer is held: what it buys pays nothing for now
SELECT community.record(4, 'order', 'a1', 1000, '2024-02-01') IS NOT NULL AS before, pg_temp.flag(4, 'a') AS a \gset
SELECT jsonb_array_length((community.record(4, 'order', 'a2', 2000, '2024-02-01')).commissions) AS paid;
SELECT * FROM pg_temp.has(2, 3);
SELECT * FROM pg_temp.waiting();
-- it is there once, and nobody gets at it
SELECT (community.record(4, 'order', 'a2', 2000, '2024-02-01')).replay;
SELECT p.key AS key FROM community.held_payment p WHERE program_id = :program ORDER BY p.key LIMIT 1 \gset
\set VERBOSITY sqlstate
SELECT community.release(:'key', 'ledger');
SELECT community.redeem(3, 101, 'more than is there');
\set VERBOSITY default
-- a part is refunded meanwhile, and the rest goes when the hold ends
SELECT (community.reverse('a2', 'broken', 500, request_key => 'a2 part')).amount;
SELECT * FROM pg_temp.has(2, 3);
SELECT community.decide_flag(:a, 'release', 'brothers'), community.decide_flag(:a, 'release', 'brothers');
SELECT * FROM pg_temp.has(2, 3);
SELECT * FROM pg_temp.waiting();
SELECT (community.reverse('a2', 'broken')).amount, (SELECT array_agg(h) FROM pg_temp.has(2, 3) h) AS have;
SELECT jsonb_array_length((community.record(4, 'order', 'a3', 2000, '2024-02-01')).commissions) AS paid, (SELECT array_agg(h) FROM pg_temp.has(2, 3) h) AS have;

-- 2. a payee is held: only what is paid to it waits
SELECT pg_temp.flag(3, 'b') AS b \gset
SELECT jsonb_array_length((community.record(4, 'order', 'b1', 1000, '2024-02-01')).commissions) AS paid, (SELECT array_agg(h) FROM pg_temp.has(2, 3) h) AS have;
-- or derives from that
SELECT jsonb_array_length((community.record(4, 'match', 'b2', 1000, '2024-02-01')).commissions) AS paid, (SELECT array_agg(h) FROM pg_temp.has(2, 3) h) AS have;
SELECT * FROM pg_temp.waiting();
-- the last hold counts, on whichever end
SELECT pg_temp.flag(4, 'c') AS c \gset
SELECT jsonb_array_length((community.record(4, 'order', 'b3', 1000, '2024-02-01')).commissions) AS paid;
SELECT community.decide_flag(:b, 'release', 'fine');
SELECT array_agg(w) FROM pg_temp.waiting() w;
SELECT community.decide_flag(:c, 'release', 'fine'), (SELECT array_agg(h) FROM pg_temp.has(2, 3) h) AS have;
SELECT array_agg(w) FROM pg_temp.waiting() w;

-- 3. what would have been on hold anyway still is, and is taken back from there
SELECT pg_temp.flag(5, 'd') AS d \gset
SELECT jsonb_array_length((community.record(6, 'slow', 'd' || n, 1000, now() - n * interval '20 days')).commissions) FROM generate_series(1, 2) n;
SELECT community.decide_flag(:d, 'release', 'fine'), community.release(key, 'ledger') IS NOT NULL AS again FROM community.held_payment WHERE program_id = :program AND points = 100 ORDER BY key DESC LIMIT 1;
SELECT * FROM pg_temp.has(5);
SELECT CASE WHEN isfinite(l.available_at) THEN justify_hours(date_trunc('hour', l.available_at - now() + interval '30 minutes')) END AS available_in, l.points FROM community.account_purse a, community.lots(a.purse) l WHERE a.program_id = :program AND a.member_id = 5 ORDER BY l.available_at;
SELECT (community.reverse('d1', 'broken')).amount, (SELECT array_agg(h) FROM pg_temp.has(5) h) AS have;
-- a currency whose points wait for release() goes on with that
SELECT pg_temp.flag(5, 'e') AS e \gset
SELECT jsonb_array_length((community.record(6, 'goods', 'e1', 1000)).commissions);
SELECT community.decide_flag(:e, 'release', 'fine'), (SELECT array_agg(h) FROM pg_temp.has(5) h) AS have;
SELECT (community.release(key, 'ledger')).points FROM community.held_payment WHERE program_id = :program ORDER BY held_at DESC LIMIT 1;
SELECT array_agg(h) FROM pg_temp.has(5) h;

-- 4. fraud is confirmed: what waits is taken back to the point, what was paid before stays
CREATE TABLE referral_held_sale (key text PRIMARY KEY, buyer bigint, cents bigint, at timestamptz);
SELECT community.attach('referral_held_sale', 'order', 'buyer', 'cents', 'at') > 0 AS attached;
INSERT INTO referral_held_sale VALUES ('f0', 8, 1000, '2024-02-01');
SELECT pg_temp.flag(8, 'f') AS f \gset
INSERT INTO referral_held_sale VALUES ('f1', 8, 1000, '2024-02-01');
SELECT count(community.record(8, t, t || n, 1000 * n)) FROM unnest('{order,slow,match,goods,alive}'::text[]) t, generate_series(1, 2) n;
-- one is refunded in part, one has grown
SELECT (community.reverse('order1', 'broken', 300, request_key => 'order1 part')).amount;
UPDATE referral_held_sale SET cents = 1500;
SELECT * FROM pg_temp.has(6, 7);
SELECT community.decide_flag(:f, 'confirm', 'one and the same'), community.decide_flag(:f, 'confirm', 'one and the same');
SELECT * FROM pg_temp.has(6, 7);
SELECT v.key, c.line, c.cause_id = d.decision_id AS by_decision, c.points FROM community.commission c JOIN community.event v USING (program_id, event_id) LEFT JOIN community.referral_decision d ON d.program_id = c.program_id AND d.flag_id = :f
WHERE c.program_id = :program AND v.member_id = 8 ORDER BY v.event_id, c.line, c.cause_id;
SELECT entry_id IS NOT NULL AS back, points, reason FROM community.entry WHERE program_id = :program AND kind = 'reverse' AND member_id = 6 ORDER BY entry_id;
-- events that are corrected later neither take it again nor give it back
SELECT (community.reverse('order1', 'broken')).amount, (community.reverse('slow2', 'broken', 1000, request_key => 'slow2 part')).amount;
UPDATE referral_held_sale SET cents = 500;
SELECT * FROM pg_temp.has(6, 7);
UPDATE referral_held_sale SET cents = 3000;
SELECT * FROM pg_temp.has(6, 7);
SELECT * FROM pg_temp.waiting();
DELETE FROM referral_held_sale;
SELECT * FROM pg_temp.has(6, 7);
-- what comes after that waits for good
SELECT jsonb_array_length((community.record(8, 'order', 'f9', 1000, '2024-02-01')).commissions);
CALL community.run_maintenance();
SELECT * FROM pg_temp.waiting();

-- 5. a sanction holds a subtree, and is lifted
SELECT community.sanction_subtree(2, 'hold', 'look at them') AS s \gset
SELECT jsonb_array_length((community.record(3, 'order', 's1', 1000, '2024-02-01')).commissions), (SELECT array_agg(h) FROM pg_temp.has(1, 2) h) AS have;
SELECT community.lift_sanction(:s, 'fine'), community.lift_sanction(:s, 'fine');
SELECT array_agg(h) FROM pg_temp.has(1, 2) h;

-- 6. what is owed is paid from what waits, and owed again when that is taken back
SELECT count(community.enroll(g, sponsor => nullif(g - 1, 19), joined_at => '2024-01-01')) FROM generate_series(20, 23) g;
SELECT jsonb_array_length((community.record(21, 'order', 'o1', 1000, '2024-02-01')).commissions), (community.redeem(20, 100, 'spent')).points, (community.reverse('o1', 'broken')).amount;
SELECT * FROM pg_temp.has(20);
SELECT pg_temp.flag(20, 'o') AS o \gset
SELECT jsonb_array_length((community.record(21, 'order', 'o2', 3000, '2024-02-01')).commissions);
SELECT * FROM pg_temp.has(20);
SELECT community.decide_flag(:o, 'confirm', 'caught');
SELECT * FROM pg_temp.has(20);

-- 7. rewards for signups
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types, pending_for)
SELECT :program, 'welcome', s, currency_id, 70, '{first}', p::interval FROM community.currency, (VALUES ('sponsor', '30 days'), ('referee', NULL)) v (s, p) WHERE program_id = :program AND code = 'points';
SELECT count(community.enroll(g, sponsor => 30, joined_at => now() - interval '10 days')) FILTER (WHERE g > 30), count(community.enroll(30)) FILTER (WHERE g = 30) FROM generate_series(30, 30) g;
SELECT count(community.enroll(g, sponsor => 30, joined_at => now() - interval '10 days')) FROM generate_series(31, 36) g;
SELECT pg_temp.flag(31, 'g') AS g, pg_temp.flag(32, 'h') AS h, pg_temp.flag(33, 'i') AS i \gset
SELECT count(community.record(g, 'first', 'first ' || g, 100)) FROM generate_series(31, 34) g;
SELECT * FROM pg_temp.has(30, 31, 32, 33, 34);
SELECT community.decide_flag(:g, 'release', 'fine'), community.decide_flag(:h, 'confirm', 'twice the same'), (community.reverse('first 33', 'broken')).amount;
SELECT * FROM pg_temp.has(30, 31, 32, 33, 34);
SELECT referee_id, side, CASE WHEN isfinite(held_until) THEN held_until - qualified_at END AS held_for, held_until = 'infinity' AS without_end, withdrawn_at IS NOT NULL AS withdrawn FROM community.signup_reward_given WHERE program_id = :program ORDER BY given_id;
SELECT community.decide_flag(:i, 'release', 'fine'), (SELECT count(*) FROM pg_temp.waiting() WHERE what LIKE 'reward%') AS waiting;

-- 8. who was a member before brings no reward, unless somebody says it was not
INSERT INTO community.fraud_rule (program_id, name, kind, action, parameters) VALUES (:program, 'again', 'rejoined', 'flag', '{"kinds": ["phone", "email"]}');
SELECT community.add_identity(34, 'phone', '+49 170 1234567'), community.add_identity(34, 'device', 'x1'), community.close_member(34, 'left');
SELECT count(community.enroll(g, sponsor => 30)) FROM generate_series(41, 44) g;
SELECT community.add_identity(41, 'phone', '+49 170 1234567'), community.add_identity(42, 'phone', '+49 170 1234567'), community.add_identity(43, 'device', 'x1');
SELECT community.review_referrals(clock_timestamp()) AS flags;
SELECT community.decide_flag(flag_id, 'release', 'her daughter') FROM community.referral_flag WHERE program_id = :program AND member_id = 42 AND status = 'open';
SELECT count(community.record(g, 'first', 'first ' || g, 100)) FROM generate_series(41, 44) g;
SELECT referee_id, count(*) FROM community.signup_reward_given WHERE program_id = :program AND referee_id > 40 GROUP BY 1 ORDER BY 1;

-- 9. a payment that was on its way when the last hold ended goes with maintenance
SELECT pg_temp.flag(22, 'p') AS p \gset
SELECT jsonb_array_length((community.record(23, 'order', 'p1', 1000, '2024-02-01')).commissions), (SELECT array_agg(h) FROM pg_temp.has(22) h) AS have;
WITH decided AS (INSERT INTO community.referral_decision (program_id, flag_id, decision, reason) VALUES (:program, :p, 'release', 'as if at that time') RETURNING flag_id)
UPDATE community.referral_flag f SET status = 'released' FROM decided d WHERE f.program_id = :program AND f.flag_id = d.flag_id;
CALL community.run_maintenance();
SELECT * FROM pg_temp.has(22);
SELECT member_id, object, detail FROM community.check_installation('full', :program);

-- 10. and the check tells
BEGIN;
UPDATE community.held_payment SET settled_at = NULL WHERE program_id = :program AND payee_id = 22;
SELECT rule, member_id, detail FROM community.check_installation('full', :program);
UPDATE community.held_payment SET settled_at = now(), decision_id = 1 WHERE program_id = :program AND payee_id = 22;
SELECT rule, member_id, detail FROM community.check_installation('full', :program);
INSERT INTO community.held_payment (program_id, key, given_id, payee_id, currency_id, points, due_at) SELECT program_id, 'nowhere', 1, 22, currency_id, 1, now() FROM community.currency WHERE program_id = :program AND code = 'points';
UPDATE community.held_payment SET decision_id = NULL WHERE program_id = :program AND payee_id = 22;
SELECT rule, member_id, detail FROM community.check_installation('full', :program);
ROLLBACK;
