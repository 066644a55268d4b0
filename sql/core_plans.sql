-- If this failed, a plan that the server has thrown away would be run again: an
-- internal error, or the end of the server.  A set that is large enough is
-- planned anew beside the plan that is kept for small ones.
SELECT community.create_program('core plans') AS p \gset
SET community.program = 'core plans';
SELECT count(community.enroll(m, joined_at => '2025-01-01')) FROM generate_series(1, 10) AS m;
-- something for each of the statements that read a set: an award, a fee, a ladder, a rule
INSERT INTO community.measure (program_id, name, kind, types) VALUES (:p, 'orders', 'count', '{order}') RETURNING measure_id AS orders \gset
INSERT INTO community.award (program_id, name) VALUES (:p, 'ten orders') RETURNING award_id AS award \gset
INSERT INTO community.award_requirement (program_id, award_id, measure_id, attain) VALUES (:p, :award, :orders, 10);
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'club') RETURNING ladder_id AS club \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name, fee_type, fee, fee_term)
VALUES (:p, :club, 1, 'regular', NULL, NULL, NULL), (:p, :club, 2, 'patron', 'fee', 100, '1 month');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain) VALUES (:p, :club, 1, :orders, 20), (:p, :club, 2, :orders, 1000);
SELECT * FROM community.publish_ladder('club', '-infinity');
INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points)
SELECT program_id, 'a point', 'order', currency_id, 1, 'fixed', 1 FROM community.currency WHERE program_id = :p;
CREATE SCHEMA plans;
CREATE TABLE plans.orders (id int PRIMARY KEY, customer bigint);
SELECT community.attach('plans.orders', 'order', 'customer') > 0 AS attached;
-- planned and kept; thrown away; planned for one run; planned and kept again
INSERT INTO plans.orders SELECT g, g % 10 + 1 FROM generate_series(1, 20) AS g;
DISCARD PLANS;
INSERT INTO plans.orders SELECT g, g % 10 + 1 FROM generate_series(21, 4000) AS g;
INSERT INTO plans.orders SELECT g, g % 10 + 1 FROM generate_series(4001, 4020) AS g;
DISCARD PLANS;
INSERT INTO plans.orders SELECT g, g % 10 + 1 FROM generate_series(4021, 8000) AS g;
DISCARD PLANS;
INSERT INTO plans.orders SELECT g, g % 10 + 1 FROM generate_series(8001, 8020) AS g;
SELECT count(*) FROM community.event WHERE program_id = :p AND type = 'order';
SELECT count(*), sum(points) FROM community.entry WHERE program_id = :p;
SELECT count(*) FROM community.award_given WHERE program_id = :p;
SELECT DISTINCT community.tier(member_id, 'club') FROM community.member WHERE program_id = :p;
SELECT * FROM community.check_installation('full', :p);
SELECT community.detach('plans.orders', 'order');
DROP SCHEMA plans CASCADE;
