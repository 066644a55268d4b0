-- If this failed, commissions would go to those who are not qualified, or be
-- paid too early, too often or by plans that are not in force; sets would pay
-- otherwise than single events; more levels could be paid than the owner lets.
CREATE SCHEMA pay;
SET search_path = pay, public;
SELECT community.create_program('referral_commission', time_zone => 'Europe/Berlin') > 0 AS created;
SET community.program = 'referral_commission';
SET timezone = 'UTC';
SET datestyle = ISO;
\set SHOW_CONTEXT never
INSERT INTO community.currency (program_id, code, return_policy) VALUES (community.current_program(), 'kind', 'within_balance');
CREATE FUNCTION chain(first int, last int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(community.enroll(g, sponsor => nullif(g - 1, $1 - 1), joined_at => '2024-01-01')) FROM generate_series($1, $2) g $$;
CREATE VIEW line AS
SELECT v.key, c.line, c.kind, c.level, c.member_id, c.payee_id, c.points, c.reason, c.cause_id <> c.event_id AS changes
FROM community.commission c JOIN community.event v USING (program_id, event_id) WHERE c.program_id = community.current_program();
-- what an event pays, as member:points
CREATE FUNCTION pays(receipt community.receipt) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg((c ->> 'payee') || ':' || (c ->> 'points'), ' ' ORDER BY n), 'nothing')
	FROM jsonb_array_elements($1.commissions) WITH ORDINALITY AS x (c, n) $$;

-- definitions say what is wrong with them
SELECT community.define_commission_plan('x', '{order}', '[]');
SELECT community.define_commission_plan('x', '{order}', '0.1');
SELECT community.define_commission_plan('x', '{order}', '["a"]');
SELECT community.define_commission_plan('x', '{order}', '[{"rate": 0.1, "levle": 1}]');
SELECT community.define_commission_plan('x', '{order}', '[{"rate": 0.1}]');
SELECT community.define_commission_plan('x', '{order}', '[0.1, {"level": 1, "rate": 0.2}]');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', 'pints');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', 'kind');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', ladder => 'klub');
SELECT community.define_commission_plan('', '{order}', '[0.1]');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', from_time => 'infinity');
SELECT community.close_commission_plan('x', '2024-01-01');
\set VERBOSITY terse
SELECT community.define_commission_plan('x', '{}', '[0.1]');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', kind => 'stairs');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', override_rate => 0.1);
SELECT community.define_commission_plan('x', '{order}', '[0.1]', kind => 'differential');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', least_tier => 'gold');
SELECT community.define_commission_plan('x', '{order}', '[0.0000000001]');
SELECT community.define_commission_plan('x', '{order}', '[-0.1]');
SELECT community.define_commission_plan('x', '{order}', '[0.1]', first_events => 0);

-- one level is paid unless the owner says so; what is beyond is void
SELECT chain(1, 6), community.define_commission_plan('sale', '{order}', '[0.10, 0.05]', from_time => '2024-01-01') > 0 AS made;
SELECT pays(community.record(6, 'order', 'a1', 1000, '2024-02-01'));
SELECT member_id, kind, points, reason FROM line WHERE key = 'a1' ORDER BY line;
SELECT community.set_paid_levels(-1);
SELECT community.set_paid_levels(1001);
SELECT community.set_paid_levels(2) AS before, pays(community.record(6, 'order', 'a2', 1000, '2024-02-01'));
SELECT community.set_paid_levels(0) AS before, pays(community.record(6, 'order', 'a3', 1000, '2024-02-01'));
-- nobody else raises it, in whatever way
CREATE ROLE regress_commission_clerk;
GRANT USAGE ON SCHEMA community, pay TO regress_commission_clerk;
GRANT SELECT, INSERT, UPDATE ON community.referral_setting TO regress_commission_clerk;
GRANT EXECUTE ON FUNCTION community.set_paid_levels, community.current_program TO regress_commission_clerk;
CREATE FUNCTION lend() RETURNS void LANGUAGE sql SECURITY DEFINER AS
	$$ UPDATE community.referral_setting SET paid_levels = 9 WHERE program_id = community.current_program() $$;
SELECT community.current_program() AS program \gset
SET ROLE regress_commission_clerk;
SELECT community.set_paid_levels(1, :program);
UPDATE community.referral_setting SET paid_levels = 1 WHERE program_id = :program;
UPDATE community.referral_setting SET maximum_depth = 500 WHERE program_id = :program;
INSERT INTO community.referral_setting (program_id, paid_levels) VALUES (-1, 2);
SELECT lend();
SELECT community.set_paid_levels(0, :program);
RESET ROLE;
SELECT community.set_paid_levels(2) AS before;
REVOKE ALL ON community.referral_setting FROM regress_commission_clerk;
REVOKE ALL ON FUNCTION community.set_paid_levels, community.current_program FROM regress_commission_clerk;
REVOKE ALL ON SCHEMA community, pay FROM regress_commission_clerk;
DROP ROLE regress_commission_clerk;

-- a plan that was in force is not edited; it ends, and another comes
UPDATE community.commission_plan SET levels = 1 WHERE program_id = :program AND name = 'sale';
DELETE FROM community.commission_plan WHERE program_id = :program AND name = 'sale';
UPDATE community.commission_rate SET rate = 0.5 WHERE program_id = :program AND level = 1;
DELETE FROM community.commission_rate WHERE program_id = :program AND level = 1;
UPDATE community.commission_plan SET valid = '[2024-01-01,2024-06-01)' WHERE program_id = :program AND name = 'sale';
TRUNCATE community.commission_rate;
TRUNCATE community.commission;
UPDATE community.commission SET points = 1 WHERE program_id = :program;
SELECT community.define_commission_plan('sale', '{order}', '[0.20]', from_time => '2024-06-01');
SELECT community.define_commission_plan('sale', '{order}', '[0.20]', from_time => date_trunc('day', now() + '3 days')) > 0 AS next,
	community.define_commission_plan('sale', '{order}', '[0.30]', from_time => date_trunc('day', now() + '3 days')) > 0 AS in_its_place;
SELECT p.name, upper(p.valid) - date_trunc('day', now()) AS ends, array_agg(r.rate ORDER BY r.level) AS rates
FROM community.commission_plan p JOIN community.commission_rate r USING (program_id, plan_id) WHERE program_id = :program GROUP BY 1, p.valid ORDER BY p.valid;
INSERT INTO community.commission_plan (program_id, name, types, currency_id)
SELECT program_id, name, types, currency_id FROM community.commission_plan WHERE program_id = :program AND upper(valid) IS NULL;
\set VERBOSITY default

-- only in time: sales before the plan, or before the member had its sponsor, pay nothing
SELECT pays(community.record(6, 'order', 'b1', 1000, '2023-12-31')), community.enroll(7, sponsor => 6, joined_at => '2024-05-01');
SELECT pays(community.record(7, 'order', 'b2', 1000, '2024-04-30')), pays(community.record(7, 'order', 'b3', 1000, '2024-05-01'));
-- of nothing, or less, comes nothing
SELECT pays(community.record(6, 'order', 'b4', 0)), pays(community.record(6, 'order', 'b5', -1000)), pays(community.record(6, 'order', 'b6', 9));
SELECT pays(community.record(6, 'order', 'b7', 9223372036854775807));
-- and nothing for whoever has no sponsor
SELECT pays(community.record(1, 'order', 'b8', 1000)), count(*) FROM line WHERE key = 'b8';
-- a binding that has lapsed ends the chain
SET session_replication_role = replica;
UPDATE community.referral SET lapses_at = '2024-03-01' WHERE program_id = :program AND member_id = 5;
RESET session_replication_role;
SELECT pays(community.record(6, 'order', 'b9', 1000, '2024-02-29')) AS before, pays(community.record(6, 'order', 'b10', 1000, '2024-03-01')) AS after;
SELECT kind, level, points, reason FROM line WHERE key = 'b10' ORDER BY line;
SET session_replication_role = replica;
UPDATE community.referral SET lapses_at = NULL WHERE program_id = :program AND member_id = 5;
RESET session_replication_role;

-- conditions: payload, amount, the first purchases, the first weeks
SELECT chain(11, 13), community.define_commission_plan('picky', '{buy,rent}', '[0.10]', payload_filter => '{"new": true}', minimum_amount => 500,
	first_events => 2, first_time => '30 days', from_time => '2024-01-01') > 0 AS made;
SELECT n, pays(community.record(13, type, 'c' || n, amount, at::timestamptz, payload => payload::jsonb))
FROM (VALUES (1, 'buy', 1000, '2024-01-10', '{}'), (2, 'buy', 499, '2024-01-10', '{"new": true}'), (3, 'buy', 500, '2024-01-10', '{"new": true}'),
	(4, 'sell', 1000, '2024-01-10', '{"new": true}'), (5, 'rent', 1000, '2024-01-10', '{"new": true, "more": 1}'),
	(6, 'buy', 1000, '2024-01-10', '{"new": true}')) v (n, type, amount, at, payload);
-- what was taken back was no purchase
SELECT pays(community.reverse('c3', 'returned')), pays(community.reverse('c6', 'returned')), pays(community.record(13, 'buy', 'c7', 1000, '2024-01-10', payload => '{"new": true}')),
	pays(community.record(13, 'buy', 'c8', 1000, '2024-01-10', payload => '{"new": true}'));
SELECT pays(community.record(12, 'buy', 'c9', 1000, '2024-01-30 23:00', payload => '{"new": true}')) AS in_time,
	pays(community.record(12, 'buy', 'c10', 1000, '2024-01-31 00:00', payload => '{"new": true}')) AS too_late;

-- who is qualified: attributes and tiers, or the slot is lost
INSERT INTO community.ladder (program_id, name) VALUES (:program, 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
SELECT program_id, ladder_id, n, (ARRAY['silver', 'gold'])[n], 'invitation' FROM community.ladder, generate_series(1, 2) n WHERE program_id = :program;
SELECT count(*) FROM community.publish_ladder('club', '-infinity');
SELECT community.enroll(21, attributes => '{"partner": true}', joined_at => '2024-01-01'), community.enroll(22, sponsor => 21, attributes => '{"partner": true}', joined_at => '2024-01-01'),
	community.enroll(23, sponsor => 22, joined_at => '2024-01-01'), community.enroll(24, sponsor => 23, joined_at => '2024-01-01');
SELECT community.grant_tier(21, 'club', 'gold', '[2024-01-01,)', reason => 'x', key => 'g 21') > 0 AS granted, community.grant_tier(23, 'club', 'silver', '[2024-01-01,)', reason => 'x', key => 'g 23') > 0 AS granted,
	community.grant_tier(22, 'club', 'silver', '[2024-03-01,)', reason => 'x', key => 'g 22') > 0 AS granted;
SELECT community.set_paid_levels(4) AS before,
	community.define_commission_plan('partners', '{p1}', '[0.10, 0.05, 0.02]', member_filter => '{"partner": true}', from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('silver', '{p2}', '[0.10, 0.05, 0.02]', ladder => 'club', least_tier => 'silver', from_time => '2024-01-01') > 0 AS made,
	community.define_commission_plan('gold', '{p3}', '[0.10, 0.05, 0.02]', compression => true, ladder => 'club', least_tier => 'gold', from_time => '2024-01-01') > 0 AS made;
-- a tier that is reached at that very time does not count yet
SELECT t, at, pays(community.record(24, t, t || at, 1000, at::timestamptz)) FROM unnest('{p1,p2,p3}'::text[]) t, unnest('{2024-02-01,2024-03-01,2024-03-02}'::text[]) at ORDER BY 1, 2;
SELECT member_id, level, points, reason FROM line WHERE key = 'p12024-02-01' ORDER BY line;
SELECT member_id, level, points, reason FROM line WHERE key = 'p22024-02-01' ORDER BY line;
SELECT member_id, level, points, reason FROM line WHERE key = 'p32024-02-01' ORDER BY line;

-- merged members: who bears the books is paid, once, and not for its own
SELECT chain(31, 36), community.define_commission_plan('merged', '{m}', '[0.10, 0.05, 0.02, 0.01]', from_time => '2024-01-01') > 0 AS made;
SELECT community.merge_members(34, 32, 'm1');
SELECT pays(community.record(36, 'm', 'd1', 1000, '2024-02-01'));
SELECT member_id, payee_id, points, reason FROM line WHERE key = 'd1' ORDER BY line;
SELECT community.merge_members(35, 36, 'm2');
SELECT pays(community.record(36, 'm', 'd2', 1000, '2024-02-01'));
SELECT member_id, payee_id, points, reason FROM line WHERE key = 'd2' ORDER BY line;
-- a payee that is merged later gives back out of who bears its books
SELECT community.merge_members(33, 31, 'm3'), pays(community.reverse('d1', 'returned'));

-- on hold: pending until then, taken back while it is
SELECT chain(41, 42), community.define_commission_plan('held', '{h}', '[0.10]', pending_for => '14 days') > 0 AS made;
SELECT pays(community.record(42, 'h', 'e1', 1000)), b.available, b.pending FROM community.balance(41) b;
SELECT available, pending FROM community.balance(41);
SELECT (b).available, (b).pending FROM community.balance(41, as_of => now() + '15 days') b;
SELECT pays(community.reverse('e1', 'part', 500, request_key => 'e1 part'));
SELECT available, pending FROM community.balance(41);

-- a commission does not go back by itself, nor twice
\set VERBOSITY sqlstate
SELECT community.reverse('community.commission ' || event_id || ' 0', 'mine', source => 'ledger') FROM community.event WHERE program_id = :program AND key = 'a2';
\set VERBOSITY default
SELECT pays(community.reverse('a2', 'returned')), pays(community.reverse('a2', 'returned')) AS replay;
SELECT member_id, kind, points, changes FROM line WHERE key = 'a2' ORDER BY line, changes;

-- renewed events pay again; rows of attached tables are followed
CREATE TABLE sale (id int PRIMARY KEY, buyer bigint, cents bigint, at timestamptz, valid boolean DEFAULT true);
SELECT chain(51, 54), community.define_commission_plan('shop', '{shop}', '[0.10, 0.05]', from_time => '2024-01-01') > 0 AS made;
SELECT community.attach('sale', 'shop', 'buyer', 'cents', 'at', condition => 'valid') > 0 AS attached;
CREATE VIEW shop AS SELECT l.key, v.revision, l.line, l.payee_id, sum(l.points) AS points, count(*) AS rows
FROM community.event v JOIN community.commission c USING (program_id, event_id), LATERAL (SELECT v.key, c.line, c.payee_id, c.points) l
WHERE program_id = community.current_program() AND v.type = 'shop' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3;
INSERT INTO sale VALUES (1, 54, 1000, '2024-02-01'), (2, 53, 0, '2024-02-01'), (3, 54, 300, '2024-02-01');
INSERT INTO sale VALUES (4, 54, 1000, '2024-02-01');
SELECT * FROM shop;
-- more, less, nothing yet, another buyer, not any more, and back again
UPDATE sale SET cents = CASE id WHEN 1 THEN 1500 WHEN 2 THEN 800 WHEN 3 THEN 150 ELSE cents END, buyer = CASE id WHEN 4 THEN 53 ELSE buyer END;
SELECT * FROM shop;
UPDATE sale SET cents = 1200 WHERE id = 1;
UPDATE sale SET valid = false WHERE id IN (1, 3);
UPDATE sale SET valid = true WHERE id = 3;
SELECT * FROM shop;
SELECT member_id, available FROM (VALUES (51), (52), (53)) m (member_id), community.balance(m.member_id);

-- the inbox, a set and single calls: the same books
SELECT chain(61, 64), chain(71, 74), chain(81, 84), community.define_commission_plan('ways', '{way}', '[0.10, 0.05]', compression => true, first_events => 3, from_time => '2024-01-01') > 0 AS made;
CREATE TABLE way (id int PRIMARY KEY, buyer bigint, cents bigint, at timestamptz);
SELECT community.attach('way', 'way', 'buyer', 'cents', 'at') > 0 AS attached;
CREATE VIEW orders AS SELECT g AS id, 2 + g % 3 AS buyer, 100 * g + 37 AS cents, '2024-02-01'::timestamptz + g * interval '1 hour' AS at FROM generate_series(1, 12) g;
SELECT count(community.record(60 + buyer, 'way', 'way ' || id, cents, at)) FROM orders;
INSERT INTO way SELECT id, 70 + buyer, cents, at FROM orders;
INSERT INTO community.inbox (program_id, member_id, type, key, amount, occurred_at) SELECT :program, 80 + buyer, 'way', 'inbox way ' || id, cents, at FROM orders ORDER BY id;
CALL community.process_inbox();
SELECT count(*), count(DISTINCT (lines, b.balances)) AS ways FROM generate_series(60, 80, 10) base,
	LATERAL (SELECT string_agg(format('%s %s %s %s %s', c.member_id - base, c.payee_id - base, c.kind, c.points, c.reason), ',' ORDER BY v.occurred_at, c.line) AS lines
		FROM community.event v JOIN community.commission c USING (program_id, event_id) WHERE program_id = :program AND v.type = 'way' AND v.member_id BETWEEN base AND base + 9) l,
	LATERAL (SELECT string_agg(((community.balance(base + n)).available)::text, ',' ORDER BY n) AS balances FROM generate_series(1, 4) n) b;

-- organisers: 30 people on 3 levels, their own included
SELECT count(community.enroll(200 + g, sponsor => CASE WHEN g = 0 THEN NULL WHEN g <= 4 THEN 200 ELSE 201 + g % 4 END, joined_at => '2024-01-01')) FROM generate_series(0, 28) g;
SELECT * FROM community.commission_headcount();
SELECT community.enroll(229, sponsor => 228, joined_at => '2024-01-01');
SELECT * FROM community.commission_headcount();
SELECT * FROM community.commission_headcount(6, 3) ORDER BY 1;

-- signup rewards: either side, once the referee qualifies
SELECT chain(301, 302), community.enroll(303, sponsor => 301, joined_at => '2024-01-01'), community.enroll(304, sponsor => 301, joined_at => now());
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types, minimum_amount, after, within, pending_for, valid)
SELECT :program, v.name, v.side, c.currency_id, v.points, v.types::text[], v.minimum, v.after::interval, v.within::interval, v.pending::interval, '[2024-01-01,)'
FROM (VALUES ('first', 'sponsor', 500, '{first}', 1000, NULL, NULL, '30 days'), ('first', 'referee', 200, '{first}', 1000, NULL, NULL, NULL),
	('soon', 'sponsor', 70, '{first}', NULL, '1 day', '7 days', NULL), ('month', 'sponsor', 50, NULL, NULL, '1 month', NULL, NULL),
	('month', 'referee', 20, NULL, NULL, '1 month', NULL, NULL)) v (name, side, points, types, minimum, after, within, pending)
JOIN community.currency c ON c.program_id = :program AND c.code = 'points';
\set VERBOSITY terse
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types) SELECT program_id, name, side, currency_id, 1, '{first}' FROM community.signup_reward WHERE program_id = :program AND name = 'soon';
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types) SELECT :program, 'x', 'sponsor', currency_id, 1, '{first}' FROM community.currency WHERE program_id = :program AND code = 'kind';
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points) SELECT :program, 'x', 'sponsor', currency_id, 1 FROM community.currency WHERE program_id = :program AND code = 'points';
UPDATE community.signup_reward SET points = 71 WHERE program_id = :program AND name = 'soon';
DELETE FROM community.signup_reward WHERE program_id = :program AND name = 'soon';
\set VERBOSITY default
CREATE VIEW given AS SELECT referee_id, name, side, payee_id, points, held_until IS NOT NULL AS held, withdrawn_at IS NOT NULL AS withdrawn,
	(SELECT v.key FROM community.event v WHERE v.program_id = g.program_id AND v.event_id = g.event_id) AS event
FROM community.signup_reward_given g WHERE g.program_id = community.current_program() ORDER BY g.given_id;
-- too little, enough, once only, too soon and too late
SELECT count(community.record(m, 'first', k, a, t)) FROM (VALUES (302, 'f1', 999, '2024-01-05'::timestamptz), (302, 'f2', 1000, now()), (302, 'f3', 5000, now()),
	(303, 'f4', 5, '2024-01-01 12:00'), (303, 'f5', 5, '2024-01-08 00:00')) v (m, k, a, t);
SELECT * FROM given;
-- a purchase that goes back while the reward is on hold takes it along; the next may qualify
SELECT (community.reverse('f2', 'part', 1, request_key => 'f2 part')).amount;
SELECT * FROM given;
SELECT (community.record(302, 'first', 'f6', 1000, now())).replay;
SELECT * FROM given;
-- by time, whenever maintenance runs, and once
CALL community.run_maintenance();
CALL community.run_maintenance();
SELECT * FROM given WHERE name = 'month' AND referee_id > 300;
CALL community.run_maintenance(now() + '40 days');
SELECT * FROM given WHERE name = 'month' AND referee_id = 304;
SELECT available, pending FROM community.balance(301);
SELECT count(*) = count(DISTINCT (referee_id, name, side)) AS once FROM given WHERE NOT withdrawn;
SELECT * FROM community.check_installation('full', :program);
