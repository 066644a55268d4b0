-- If this failed, a commission plan that was closed would go on paying, rows could
-- be put into the forest that do not fit it, a drawing could be turned around by
-- a name, or labels that were damaged would be believed.
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
SELECT community.create_program('referral corners') AS p \gset
SET community.program = 'referral corners';
SELECT count(community.enroll(m, sponsor => nullif(m - 1, 0), joined_at => '2024-01-01', external_id => 'r' || m)) FROM generate_series(1, 12) AS m;
SELECT currency_id AS points FROM community.currency WHERE program_id = :p \gset

CREATE FUNCTION pg_temp.error_of(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE sql;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;

--
-- Plans
--
SELECT community.define_commission_plan('x', '{order}', '[0.1]', program => 424242);
SELECT community.close_commission_plan('x', program => 424242);
SELECT community.define_commission_plan('sale', '{order}', '[0.1]', from_time => '2024-01-01') AS plan \gset
SELECT community.close_commission_plan('sale', '2023-06-01');
SELECT community.close_commission_plan('sale', '2024-06-01');
SELECT (community.record(3, 'order', 'before', 1000)).commissions;
SELECT community.close_commission_plan('sale') = :plan AS closed;
SELECT (community.record(3, 'order', 'after', 1000)).commissions;
SELECT (community.record(3, 'order', 'late', 1000, '2024-06-01')).commissions;
\set VERBOSITY terse
SELECT regexp_replace(pg_temp.error_of($$SELECT community.close_commission_plan('sale')$$), ' at .*', ' at some time');
SELECT name, lower(valid), upper(valid) BETWEEN now() - interval '1 minute' AND now() AS ended FROM community.commission_plan WHERE program_id = :p;
\set VERBOSITY default
-- a plan of the future may still be changed, one that is in force not
SELECT community.define_commission_plan('later', '{order}', '[0.1]', from_time => '2999-01-01') AS later \gset
UPDATE community.commission_plan SET types = '{sale}', valid = '[2999-02-01,)' WHERE plan_id = :later RETURNING name, types;
\set VERBOSITY terse
UPDATE community.commission_plan SET types = '{sale}' WHERE plan_id = :plan;
\set VERBOSITY default
-- tiers that several rates name; more plans than one for an event; a ceiling; payees without attributes
INSERT INTO community.ladder (program_id, name) VALUES (:p, 'club') RETURNING ladder_id AS club \gset
SELECT community.define_measure('orders', 'count', '{count}') AS orders \gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :club, 1, 'silver'), (:p, :club, 2, 'gold');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain) VALUES (:p, :club, 1, :orders, 1), (:p, :club, 2, :orders, 2);
SELECT count(*) FROM community.publish_ladder('club', '2024-01-01');
SELECT community.set_paid_levels(9) AS before;
SELECT community.define_commission_plan('by tier', '{order}', '[{"level": 1, "tier": "silver", "rate": 0.1}, {"level": 1, "tier": "gold", "rate": 0.2},
	{"level": 2, "tier": "silver", "rate": 0.01}, {"level": 2, "tier": "gold", "rate": 0.02}]', ladder => 'club', from_time => '2024-07-01') > 0 AS made,
	community.define_commission_plan('flat', '{order}', '[0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03]', from_time => '2024-07-01', ceiling_rate => 0.1) > 0 AS made,
	community.define_commission_plan('everybody', '{order}', '[0.5]', from_time => '2024-07-01', member_filter => '{}') > 0 AS made;
SELECT count(community.record(10, 'count', 'silver' || g, 1, '2024-06-02')) FROM generate_series(1, 1) AS g;
SELECT count(community.record(11, 'count', 'gold' || g, 1, '2024-06-02')) FROM generate_series(1, 2) AS g;
SELECT x ->> 'plan' AS plan, x ->> 'payee' AS payee, x ->> 'level' AS level, x ->> 'points' AS points
FROM community.record(12, 'order', 'tiers', 10000, '2024-07-02') AS r, jsonb_array_elements(r.commissions) AS x;
SELECT x ->> 'plan' AS plan, x ->> 'payee' AS payee, x ->> 'points' AS points FROM community.reverse('tiers', 'half', 5000) AS r, jsonb_array_elements(r.commissions) AS x;
SELECT * FROM community.check_installation('full', :p);

--
-- Rows that are put into the forest by hand
--
INSERT INTO community.referral (program_id, member_id, enroller_id, joined_at) VALUES (:p, 99, 1, '2024-01-01');
SELECT community.enroll(20, joined_at => '2024-01-01');
DELETE FROM community.referral WHERE program_id = :p AND member_id = 20;
INSERT INTO community.referral (program_id, member_id, enroller_id, joined_at) VALUES (:p, 20, 20, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, joined_at) VALUES (:p, 20, 99, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, sponsor_id, joined_at) VALUES (:p, 20, 20, 3, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, sponsor_id, joined_at) VALUES (:p, 20, 99, 3, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, sponsor_id, joined_at) VALUES (:p, 20, 3, 99, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, sponsor_id, joined_at) VALUES (:p, 99, 3, 3, '2024-01-01');
INSERT INTO community.referral (program_id, member_id, enroller_id, joined_at) VALUES (424242, 1, 1, '2024-01-01');
CREATE TABLE referral (LIKE community.referral);
CREATE TRIGGER guard BEFORE INSERT ON referral FOR EACH ROW EXECUTE FUNCTION community.guard_referrals();
INSERT INTO referral (program_id, member_id, enroller_id, joined_at) VALUES (:p, 20, 3, '2024-01-01');
CREATE TABLE odd (id int);
CREATE TRIGGER guard BEFORE INSERT ON odd FOR EACH ROW EXECUTE FUNCTION community.guard_referrals();
INSERT INTO odd VALUES (1);
DROP TABLE referral, odd;

--
-- Drawings
--
UPDATE community.member SET external_id = U&'a\2066b\2069c\202Ed' WHERE program_id = :p AND member_id = 12;
SELECT community.close_member(11, 'left');
SELECT regexp_replace(line, U&'[\2066-\2069\202A-\202E\200E\200F]', '!!', 'g') AS line FROM community.referral_tree(10) AS line;
SELECT regexp_replace(line, U&'[\2066-\2069\202A-\202E\200E\200F]', '!!', 'g') AS line FROM community.referral_graph(10) AS line WHERE line ~ 'label';
SELECT regexp_replace(line, U&'[\2066-\2069\202A-\202E\200E\200F]', '!!', 'g') AS line FROM community.referral_graph(10, format => 'mermaid') AS line WHERE line ~ 'closed';

--
-- Numbers without bounds
--
SELECT community.days_to_members(1e300, 1e-300, 1.0000001, 1);
SELECT community.days_to_members(1e308, 1, 1, 1e308);

--
-- Labels that were damaged
--
CREATE PROCEDURE relabel() LANGUAGE plpgsql AS $$
BEGIN
	WHILE (SELECT labelled FROM community.relabel_referrals()) IS NULL LOOP
		COMMIT;
	END LOOP;
END $$;
CALL relabel();
SELECT community.downline_count(1);
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE community.referral_label SET sizes = sizes || 1 WHERE program_id = :p;
SELECT regexp_replace(pg_temp.error_of('SELECT community.downline_count(1)'), 'row \d+', 'row N');
UPDATE community.referral_label SET sizes = array_append(trim_array(sizes, 2), NULL) WHERE program_id = :p;
SELECT regexp_replace(pg_temp.error_of('SELECT community.downline_count(1)'), 'row \d+', 'row N');
ROLLBACK;
SELECT community.downline_count(1);
-- rows in pages that everybody sees are counted without looking at them
SELECT count(community.enroll(200 + m, sponsor => 1 + m % 10, joined_at => '2024-02-01')) FROM generate_series(1, 50) AS m;
SELECT community.downline_count(1), community.downline_count(7);
VACUUM community.referral;
SELECT community.downline_count(1), community.downline_count(7);
SELECT (SELECT count(*) FROM community.downline(1)) AS listed, (SELECT count(*) FROM community.downline(7)) AS listed;
DROP PROCEDURE relabel;
