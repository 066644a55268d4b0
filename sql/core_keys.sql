-- If this failed, a row that contradicts another could stand beside it: a key is
-- what holds when two sessions, or raw rows, get past everything else.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('core_keys') > 0 AS created;
SET community.program = 'core_keys';
-- insert a copy of a row with other ids: the key that refuses it
CREATE FUNCTION pg_temp.again(t regclass, other text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	key text;
BEGIN
	-- past the triggers, which refuse for reasons of their own
	SET LOCAL session_replication_role = replica;
	-- where there is nothing to copy, the division says so
	EXECUTE format('WITH made AS (INSERT INTO %1$s
			SELECT (jsonb_populate_record(r, to_jsonb(o))).* FROM %1$s AS r, LATERAL (SELECT %2$s) AS o
			WHERE r.program_id = community.current_program() LIMIT 1 RETURNING 1)
		SELECT 1 / count(*) FROM made', t, other);
	RETURN 'a second row';
EXCEPTION WHEN unique_violation OR exclusion_violation THEN
	GET STACKED DIAGNOSTICS key = CONSTRAINT_NAME;
	RETURN key;
END $$;

-- a sale that pays, a reward, a group, an award, seats, scores, rulings
SELECT count(community.enroll(g, sponsor => nullif(g - 1, 0), joined_at => '2024-01-01')) FROM generate_series(1, 3) AS g;
SELECT community.define_commission_plan('sale', '{order}', '[0.1]', from_time => '2024-01-01') > 0 AS made;
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, after)
SELECT program_id, 'welcome', 'referee', currency_id, 10, '0' FROM community.currency WHERE program_id = community.current_program();
SELECT community.record(2, 'order', 'k', 1000, '2024-02-01') IS NOT NULL AS recorded, community.enroll(4, sponsor => 1) = 4 AS enrolled;
CALL community.run_maintenance();
SELECT community.accrue(1, 100, 'a') IS NOT NULL AS accrued, community.hold(1, 50, 'h', expires_at => '2101-01-01') IS NOT NULL AS held;
SELECT community.open_group(1, 3, '2100-01-01', 'g', 50, 'h') > 0 AS opened;
SELECT community.define_score_model('m', '[{"kind": "contribution", "cap": 1, "weight": 10}]', line => 3, dwell => '0', every => 'calendar day') > 0 AS made;
CALL community.refresh_scores('m', '2024-03-01');
SELECT community.lock_super_user(1, 'm', '[2024-01-01,)', 'x', 'l') > 0 AS ruled, community.define_holdout('h', 0.1) AS made;

SET session_replication_role = replica;
INSERT INTO community.award_given (program_id, given_id, member_id, award_id, period_start, earned_at, key)
VALUES (community.current_program(), 1, 1, 1, '2024-01-01', '2024-01-02', 'w');
INSERT INTO community.tier_seat (program_id, ladder_id, tier, seat, member_id, key) VALUES (community.current_program(), 1, 'gold', 1, 1, 's');
SET session_replication_role = origin;

SELECT t, other, pg_temp.again('community.' || t, other) AS refused_by FROM (VALUES
	('commission', '2 * r.points AS points'),
	('signup_reward_given', 'community.next_id() AS given_id'),
	('group_buy', 'community.next_id() AS group_id'),
	('group_member', 'community.next_id() AS join_id, 2 AS slot, ''other'' AS key, ''other'' AS hold_key'),
	('group_member', 'community.next_id() AS join_id, 2 AS member_id, ''other'' AS key, ''other'' AS hold_key'),
	('group_member', 'community.next_id() AS join_id, 2 AS member_id, 2 AS slot, ''other'' AS hold_key'),
	('group_member', 'community.next_id() AS join_id, 2 AS member_id, 2 AS slot, ''other'' AS key'),
	('score_model', 'community.next_id() AS model_id, false AS main'),
	('score_model', 'community.next_id() AS model_id, ''other'' AS code'),
	('score_model_version', 'community.next_id() AS version_id'),
	('score_refresh', 'community.next_id() AS refresh_id'),
	('super_user_tenure', 'community.next_id() AS tenure_id'),
	('super_user_ruling', 'community.next_id() AS ruling_id'),
	('score_component', 'r.position + 1 AS position'),
	('award_given', 'community.next_id() AS given_id, ''other'' AS key'),
	('tier_seat', 'r.seat + 1 AS seat'),
	('holdout', '0.2 AS share')) AS k (t, other);

-- nothing of what was made up stays
SET session_replication_role = replica;
DELETE FROM community.award_given WHERE program_id = community.current_program();
DELETE FROM community.tier_seat WHERE program_id = community.current_program();
SET session_replication_role = origin;
SELECT * FROM community.check_installation('full', community.current_program());
