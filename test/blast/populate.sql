-- A shop with something of everything, and a forum whose ids and names the
-- shop must never see: what test/blast/blast.pl throws its calls at.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS community;
SELECT community.create_program('shop', 'Europe/Berlin') AS shop \gset
SELECT community.create_program('forum', 'Asia/Shanghai', '30 days', 0) AS forum \gset
SELECT community.create_program('empty') AS empty \gset

-- ---- the forum: few members, whose names give them away
SET community.program = 'forum';
SELECT count(community.enroll(g, external_id => 'secret of forum ' || g, joined_at => '2025-01-01'))
FROM generate_series(1000, 1030) AS g;
SELECT count(community.record(1000 + g % 31, 'secret post', 'secret key ' || g, g, '2025-02-01'::timestamptz + g * interval '1 hour'))
FROM generate_series(1, 100) AS g;
SELECT count(community.accrue(1000 + g, 1000, 'secret credit ' || g)) FROM generate_series(1, 10) AS g;
SELECT community.issue_code(1001, 5, code => 'SECRETCODE') IS NOT NULL;
SELECT community.open_group(1001, 3, now() + interval '30 days', 'secret group') > 0;

-- ---- the shop
SET community.program = 'shop';
SET ROLE NONE;
INSERT INTO community.currency (program_id, code, overdraft, return_policy, expires_after)
VALUES (:shop, 'miles', 0, 'within_balance', '2 years'), (:shop, 'credit', 500, 'deficit', NULL),
	(:shop, 'odd "name" %s; --', 0, 'only_pending', NULL);
SELECT community.define_referrals(maximum_depth => 40, paid_levels => 3, binding => 'window', binding_window => '100 years',
	late_bindings => true, invitations => 100, invitation_period => 'calendar month') IS NOT NULL;
SELECT count(community.enroll(g, sponsor => CASE WHEN g > 1 AND g % 9 > 0 THEN g / 2 END, joined_at => '2025-01-01'::timestamptz + g * interval '1 day',
	external_id => CASE WHEN g % 3 = 0 THEN 'ext ' || g END, attributes => jsonb_build_object('class', g % 4)))
FROM generate_series(1, 120) AS g;
SELECT count(community.close_member(g, 'left')) FROM generate_series(118, 120) AS g;
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
VALUES (:shop, 'order', 1, 0.0002), (:shop, 'post', 0.5, 0), (:shop, 'thank', 0, 0);
INSERT INTO community.budget (program_id, name, currency_id, points, period)
SELECT :shop, b, currency_id, 100000, 'calendar month' FROM community.currency, unnest(ARRAY['launch', 'odd %s']) AS b
WHERE program_id = :shop AND code = 'points';
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, factor, budget_id)
SELECT :shop, v.name, 'order', currency_id, v.position, v.effect, v.points, v.per, v.factor,
	CASE WHEN v.effect = 'fixed' THEN (SELECT budget_id FROM community.budget WHERE name = 'launch') END
FROM community.currency, (VALUES ('unit', 1, 'per_unit', 1, 100, NULL::numeric), ('extra', 2, 'fixed', 5, NULL, NULL)) AS v (name, position, effect, points, per, factor)
WHERE program_id = :shop AND code = 'points';
INSERT INTO community.cap (program_id, name, currency_id, maximum, period)
SELECT :shop, 'monthly', currency_id, 5000, 'calendar month' FROM community.currency WHERE program_id = :shop AND code = 'points';
SELECT community.define_measure('spend', 'sum', '{order}') AS spend, community.define_measure('posts', 'count', '{post}') AS posts,
	community.define_measure('friends', 'distinct_counterparts', '{thank}') AS friends,
	community.define_measure('earned', 'points', currency => 'points') AS earned,
	community.define_measure('recruits', 'qualified_referrals') AS recruits \gset
INSERT INTO community.ladder (program_id, name, demotion, term_rounding) VALUES (:shop, 'status', 'term_end', 'calendar year'),
	(:shop, 'club', 'never', NULL), (:shop, 'draft %s', 'never', NULL);
SELECT ladder_id AS status FROM community.ladder WHERE name = 'status' \gset
SELECT ladder_id AS club FROM community.ladder WHERE name = 'club' \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry, seats, fee_type, fee, fee_term) VALUES
	(:shop, :status, 1, 'silver', 'qualify', NULL, NULL, NULL, NULL), (:shop, :status, 2, 'gold', 'qualify', NULL, NULL, NULL, NULL),
	(:shop, :status, 3, 'black', 'qualify', NULL, 'black card', 1000, '1 month'),
	(:shop, :club, 1, 'founder', 'none', 5, NULL, NULL, NULL), (:shop, :club, 2, 'board', 'invitation', 2, NULL, NULL, NULL);
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain) VALUES
	(:shop, :status, 1, 1, :spend, 'calendar year', 5000), (:shop, :status, 2, 1, :spend, 'rolling 365 days', 20000),
	(:shop, :status, 2, 2, :posts, 'lifetime', 1), (:shop, :status, 3, 1, :spend, 'lifetime', 1000000);
SELECT count(*) FROM (SELECT community.publish_ladder('status', '-infinity') UNION ALL SELECT community.publish_ladder('club', '-infinity')) AS p;
SELECT community.define_benefit('double', 'multiplier', 'points', 2) > 0, community.define_benefit('welcome', 'points', points => 50, currency => 'points') > 0,
	community.define_benefit('lounge', 'flag') > 0;
SELECT count(community.list_benefit('status', t, b, valid => '(,)')) FROM (VALUES ('gold', 'double'), ('gold', 'welcome'), ('silver', 'lounge')) AS v (t, b);
INSERT INTO community.award (program_id, name, period, currency_id, points)
SELECT :shop, v.name, v.period::community.period, currency_id, 5 FROM community.currency,
	(VALUES ('first order', 'lifetime'), ('busy month', 'calendar month')) AS v (name, period) WHERE program_id = :shop AND code = 'points';
INSERT INTO community.award_requirement (program_id, award_id, measure_id, period, attain)
SELECT :shop, award_id, :spend, period, 100 FROM community.award WHERE program_id = :shop;
SELECT community.define_commission_plan('sale', '{order}', '[0.10, 0.05]', from_time => '2025-01-01') > 0;
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types)
SELECT :shop, 'welcome', 'sponsor', currency_id, 10, '{order}' FROM community.currency WHERE program_id = :shop AND code = 'points';
INSERT INTO community.fraud_rule (program_id, name, kind, severity, action)
SELECT :shop, k, k, 'medium', 'flag' FROM unnest(ARRAY['same_identity', 'rejoined', 'ring', 'same_address', 'velocity', 'chain', 'star', 'too_fast']) AS k;
INSERT INTO community.referral_campaign (program_id, campaign) VALUES (:shop, 'spring');

-- what the members do
SELECT count(community.record(1 + g * 7 % 117, (ARRAY['order', 'order', 'post', 'thank'])[1 + g % 4], 'e' || g, g * 37 % 9000,
	'2025-03-01'::timestamptz + g * interval '11 hours', CASE WHEN g % 4 = 3 THEN 1 + g % 117 END, jsonb_build_object('dept', g % 5)))
FROM generate_series(1, 500) AS g WHERE 1 + g * 7 % 117 <> 1 + g % 117;
SELECT count(community.record(5, 'black card', 'fee ' || g, 1000, '2025-06-01'::timestamptz + g * interval '1 month')) FROM generate_series(0, 3) AS g;
SELECT count(community.reverse('e' || g, 'returned')) FROM generate_series(50, 500, 50) AS g WHERE 1 + g * 7 % 117 <> 1 + g % 117;
SELECT count(community.accrue(g, 100 * g, 'a' || g, c)) FROM generate_series(1, 40) AS g, unnest(ARRAY['miles']) AS c;
SELECT count(community.accrue(g, 300, 'b' || g, 'points', expires_at => now() + g * interval '10 days')) FROM generate_series(1, 40) AS g;
SELECT count(community.redeem(g, 10, 'r' || g, 'points')) FROM generate_series(1, 20) AS g;
SELECT count(community.hold(g, 20, 'h' || g, 'points')) FROM generate_series(1, 20) AS g;
SELECT count(community.capture('h' || g)) FROM generate_series(1, 5) AS g;
SELECT count(community.release('h' || g)) FROM generate_series(6, 10) AS g;
SELECT count(community.transfer(g, g + 1, 5, 't' || g, 'miles')) FROM generate_series(2, 10) AS g;
SELECT count(community.issue_envelope(g, 50, 5, 'env' || g, 'miles')) FROM generate_series(10, 15) AS g;
SELECT count(community.claim_envelope(envelope_id, 30 + envelope_id % 9, 'claim ' || key)) FROM community.envelope WHERE program_id = :shop;
SELECT count(community.claim_seat(g, 'club', 'founder', 'seat' || g)) FROM generate_series(1, 8) AS g;
SELECT count(community.grant_tier(g, 'status', 'gold', reason => 'gift', key => 'grant' || g)) FROM generate_series(20, 25) AS g;
SELECT count(community.lock_tier(g, 'status', reason => 'kept', key => 'lock' || g)) FROM generate_series(26, 28) AS g;
SELECT count(community.veto_tier(g, 'status', 'gold', reason => 'no', key => 'veto' || g)) FROM generate_series(29, 30) AS g;
SELECT count(community.invite_to_tier(g, 'club', 'board', reason => 'yes', key => 'invite' || g)) FROM generate_series(31, 33) AS g;
SELECT count(community.issue_code(g, 10, code => 'CODE' || g)) FROM generate_series(1, 9) AS g;
SELECT count(community.share(g, 'mail', 'spring', key => 'share' || g)) FROM generate_series(1, 9) AS g;
SELECT count(community.record_click(token, 'visitor ' || length(key))) FROM community.referral_share WHERE program_id = :shop;
SELECT count(community.add_identity(g, 'email', 'm' || g % 50 || '@example.org')) FROM generate_series(1, 117) AS g;
SELECT community.review_referrals() >= 0;
SELECT community.sanction_subtree(60, 'hold', 'fraud') > 0;
SELECT count(community.open_group(g, 3, now() + interval '30 days', 'group' || g, 100)) FROM generate_series(1, 4) AS g;
SELECT count(community.join_group(g + 40, group_id, 'join' || g)) FROM community.group_buy, generate_series(1, 2) AS g WHERE program_id = :shop AND key = 'group1';
SELECT count(community.open_bargain(g, 1000, 500, 6, now() + interval '30 days', 'bargain' || g)) FROM generate_series(1, 4) AS g;
SELECT count(community.cut_bargain(g + 50, bargain_id, 'cut' || g)) FROM community.bargain, generate_series(1, 2) AS g WHERE program_id = :shop AND key = 'bargain1';

-- a table of the shop's, attached
CREATE SCHEMA store;
CREATE TABLE store.orders (id bigint PRIMARY KEY, customer bigint, total numeric, at timestamptz);
INSERT INTO store.orders SELECT g, 1 + g % 117, g * 1.25, '2025-10-01'::timestamptz + g * interval '1 hour' FROM generate_series(1, 200) AS g;
SELECT community.attach('store.orders', 'order', 'customer', 'total', 'at') > 0;
CALL community.backfill('store.orders', 'order');
CREATE TABLE store.plain (id bigint PRIMARY KEY, who text, "odd %s; --" int);
INSERT INTO community.inbox (member_id, type, key, amount) SELECT g, 'post', 'inbox' || g, g FROM generate_series(1, 150) AS g;
CALL community.process_inbox();
CALL community.run_maintenance();
SELECT labelled FROM community.relabel_referrals();
SELECT community.keep_ltv_fit(community.fit_bg_nbd('SELECT g % 4 AS x, (g % 4) * 3.0 AS t_x, 40.0 AS t FROM generate_series(1, 50) AS g')) IS NOT NULL;
ANALYZE;
