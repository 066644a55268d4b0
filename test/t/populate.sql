-- A community with every room in use and a row in every table: what the tests
-- of moves take from one place to another.  On top of what test/blast fills.
\ir ../blast/populate.sql
SET community.program = 'shop';

-- orders in a table with an odd name and two columns in its key; visits in partitions
CREATE TABLE store.customer (id bigint PRIMARY KEY);
INSERT INTO store.customer SELECT generate_series(1, 50);
CREATE TABLE store."My ""Orders""" ("Order No" int, line int, "Who's" bigint REFERENCES store.customer, total numeric(12,2),
	placed timestamp, state text, PRIMARY KEY ("Order No", line));
SELECT community.attach('store."My ""Orders"""', 'order', 'Who''s', 'total', 'placed',
	condition => 'state = ''paid''') > 0;
INSERT INTO store."My ""Orders""" SELECT g, g % 3, 1 + g % 40, g * 1.37, '2025-05-01'::timestamp + g * interval '7 hours',
	CASE WHEN g % 5 > 0 THEN 'paid' ELSE 'open' END FROM generate_series(1, 60) AS g;
UPDATE store."My ""Orders""" SET total = total + 1 WHERE "Order No" % 7 = 0;
UPDATE store."My ""Orders""" SET state = 'void' WHERE "Order No" % 11 = 0;
DELETE FROM store."My ""Orders""" WHERE "Order No" % 13 = 0;
CREATE TABLE store.visit (id int, day date, visitor text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE store.visit_1 PARTITION OF store.visit FOR VALUES FROM ('2025-06-01') TO ('2025-07-01');
CREATE TABLE store.visit_2 PARTITION OF store.visit FOR VALUES FROM ('2025-07-01') TO ('2025-08-01');
SELECT community.attach('store.visit', 'visit', 'visitor', NULL, 'day') > 0;
INSERT INTO store.visit SELECT g, '2025-06-10'::date + g, 'visitor ' || g % 7 FROM generate_series(1, 40) AS g;
CREATE TABLE store.gone (id int PRIMARY KEY, m bigint);
SELECT community.attach('store.gone', 'gone', 'm') > 0;
INSERT INTO store.gone VALUES (1, 1), (2, 2);
SELECT community.detach('store.gone', 'gone');

-- corrections, merges, what waits in the inbox
SELECT count(community.reverse('e' || g, 'half of it', 1, request_key => 'half ' || g)) FROM generate_series(44, 48, 4) AS g;
SELECT community.merge_members(110, 111, 'one and the same');

-- points: folded accounts with tails, a debt, credits taken back in part
SELECT count(community.accrue(101, 10, 'many ' || g, 'credit')) FROM generate_series(1, 60) AS g;
SELECT community.redeem(101, 5, 'folds', 'credit') IS NOT NULL;
SELECT count(community.accrue(101, 7, 'tail ' || g, 'credit')) FROM generate_series(1, 5) AS g;
SELECT community.hold(101, 30, 'open hold', 'credit', 'infinity') IS NOT NULL;
SELECT community.accrue(102, 10, 'owed', 'credit') IS NOT NULL, community.redeem(102, 10, 'spent', 'credit') IS NOT NULL,
	community.reverse('owed', 'refund', source => 'ledger') IS NOT NULL,
	community.reverse('many 1', 'part', 4, 'ledger', request_key => 'part') IS NOT NULL;

-- tiers: an allowance, a draft beyond what is published
SELECT community.define_benefit('rides', 'allowance', 'points', points => 4, period => 'calendar month') > 0,
	community.list_benefit('club', 'founder', 'rides', valid => '(,)') > 0;
CALL community.settle_benefits();
UPDATE community.ladder SET grace = '1 month 2 days' WHERE name = 'status';

-- the forest: codes, clicks that bring members, moves, decisions, labels in force
SELECT count(community.enroll(g, joined_at => '2026-01-01')) FROM generate_series(130, 136) AS g;
SELECT community.redeem_code(130, 'CODE3', '2026-01-02') AS sponsor;
SELECT token AS link FROM community.referral_share WHERE key = 'share4' \gset
SELECT community.record_click(:'link', 'a visitor', '2026-01-01'), community.attribute(131, 'a visitor', '2026-01-02');
SELECT community.reparent(35, 90, 'moved') > 0, community.reparent(36, NULL, 'out') > 0;
SELECT community.decide_flag(max(flag_id), 'hold', 'looks odd') FROM community.referral_flag;
SELECT labelled FROM community.relabel_referrals();
SELECT labelled FROM community.relabel_referrals();
SELECT community.enroll(140, sponsor => 130), community.enroll(141, sponsor => 140);

-- scores: a model of two versions, who is a super-user, a veto, segments, lots
SELECT community.define_holdout('letter', 0.2, 'salt') AND community.define_score_model('vip', '[{"kind": "contribution", "cap": 10},
		{"kind": "engagement", "cap": 10}]', line => 0.1, every => 'calendar day', valid_from => '2025-01-01') > 0,
	community.define_score_model('vip', '[{"kind": "engagement", "cap": 10}]', top_share => 0.1, valid_from => '2025-09-01') > 0;
CALL community.refresh_scores('vip', '2025-08-01');
CALL community.refresh_scores('vip');
SELECT community.veto_super_user(member_id, 'vip', NULL, 'no', 'veto ' || member_id) > 0
FROM community.super_user_tenure ORDER BY member_id LIMIT 1;
INSERT INTO community.score_segment (program_id, model_id, rank, name, lower_bound)
SELECT program_id, model_id, 1, 'key', 0.5 FROM community.score_model;

-- points that a ladder counts, and that no review has seen yet
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain)
SELECT t.program_id, t.ladder_id, 1, 2, m.measure_id, 'lifetime', 1 FROM community.tier AS t
JOIN community.ladder AS l USING (program_id, ladder_id) JOIN community.measure AS m USING (program_id)
WHERE l.name = 'status' AND t.rank = 1 AND m.name = 'earned';
SELECT count(*) FROM community.publish_ladder('status');
SELECT count(*) > 0 FROM community.member AS m, LATERAL community.evaluate(m.member_id) AS e WHERE m.member_id BETWEEN 1 AND 5;
SELECT community.accrue(3, 1, 'touches', 'points') IS NOT NULL;

INSERT INTO community.inbox (member_id, type, key) VALUES (4, 'post', 'waits'), (5, 'order', 'waits too');
ANALYZE;
