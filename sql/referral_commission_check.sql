-- If this failed, commissions and ledger could disagree, or more could be taken
-- back than was paid, and check_installation() would not say so.
CREATE SCHEMA pay_check;
SET search_path = pay_check, public;
SELECT community.create_program('referral_commission check') > 0 AS created;
SET community.program = 'referral_commission check';
SET timezone = 'UTC';
SELECT community.current_program() AS program, community.set_paid_levels(3) AS before \gset
SELECT count(community.enroll(g, sponsor => nullif(g - 1, 0), joined_at => '2024-01-01')) FROM generate_series(1, 5) g;
SELECT community.define_commission_plan('sale', '{order}', '[0.10, 0.05, 0.02]', matching_rate => 0.1, ceiling_rate => 0.16, from_time => '2024-01-01') > 0 AS made;
INSERT INTO community.signup_reward (program_id, name, side, currency_id, points, types, pending_for, valid)
SELECT program_id, 'first', side, currency_id, 50, '{order}', '1 day', '[2024-01-01,)' FROM community.currency, unnest('{sponsor,referee}'::text[]) side WHERE program_id = :program;
SELECT count(community.record(5, 'order', 'o' || g, 1000, now())) FROM generate_series(1, 3) g;
SELECT count(community.reverse(k, 'part', 333, request_key => 'r ' || k)) FROM unnest('{o2,o3}'::text[]) k;
SELECT count(community.reverse('o1', 'all'));
SELECT count(community.record(5, 'order', 'o4', 1000, now()));
CREATE FUNCTION faults(level text DEFAULT 'full') RETURNS TABLE (rule text, member bigint, object text, detail text) LANGUAGE sql AS $$
	SELECT DISTINCT f.rule, f.member_id, regexp_replace(f.object, '[0-9]+', '#'), regexp_replace(f.detail, '([a-z]) [0-9]+( [0-9]+)?''|currency [0-9]+|of [0-9]+ for', '\1 #', 'g')
	FROM community.check_installation($1, community.current_program()) f WHERE f.rule IN ('commission', 'signup') ORDER BY 1, 2, 3, 4 $$;
SELECT * FROM faults();
-- each fault is planted, found and taken out again
CREATE FUNCTION plant(fault text, VARIADIC statements text[]) RETURNS TABLE (rule text, member bigint, object text, detail text) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	found_in text[];
	f record;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		FOREACH statement IN ARRAY statements LOOP
			EXECUTE replace(statement, ':program', community.current_program()::text);
		END LOOP;
		FOR f IN SELECT * FROM faults() LOOP
			found_in := found_in || format('%s|%s|%s|%s', f.rule, f.member, f.object, f.detail);
		END LOOP;
		RAISE EXCEPTION 'back' USING ERRCODE = 'UE001';
	EXCEPTION WHEN SQLSTATE 'UE001' THEN
		NULL;
	END;
	RETURN QUERY SELECT split_part(x, '|', 1), nullif(split_part(x, '|', 2), '')::bigint, split_part(x, '|', 3), split_part(x, '|', 4) FROM unnest(found_in) x;
END $$;
CREATE FUNCTION id_of(key text) RETURNS bigint LANGUAGE sql AS
	$$ SELECT event_id FROM community.event v WHERE v.program_id = community.current_program() AND v.key = $1 AND v.kind = 'record' $$;
SELECT * FROM plant('paid, but not in the ledger', $$ DELETE FROM community.entry WHERE program_id = :program AND kind = 'commission' AND key = 'community.commission ' || pay_check.id_of('o4') || ' 0' $$);
SELECT * FROM plant('more on record than in the ledger', $$ UPDATE community.commission SET points = points + 1 WHERE program_id = :program AND event_id = pay_check.id_of('o4') AND line = 1 $$);
SELECT * FROM plant('paid to another', $$ UPDATE community.commission SET payee_id = 1 WHERE program_id = :program AND event_id = pay_check.id_of('o4') AND line = 0 $$);
SELECT * FROM plant('too much taken back', $$ UPDATE community.commission SET points = points - 1 WHERE program_id = :program AND event_id = pay_check.id_of('o2') AND line = 0 AND points < 0 $$);
SELECT * FROM plant('nothing taken back', $$ DELETE FROM community.commission WHERE program_id = :program AND event_id = pay_check.id_of('o1') AND line = 1 AND points < 0 $$);
SELECT * FROM plant('taken back in the ledger alone', $$ UPDATE community.entry SET cut = cut + 5 WHERE program_id = :program AND kind = 'reverse' AND key = 'community.commission ' || pay_check.id_of('o3') || ' 0' $$);
SELECT * FROM plant('of no event', $$ DELETE FROM community.event WHERE program_id = :program AND key = 'o4' $$);
SELECT * FROM plant('not by its rate', $$ UPDATE community.commission SET rate = 0.2 WHERE program_id = :program AND event_id = pay_check.id_of('o4') AND line = 0 $$);
SELECT * FROM plant('paid, but not on record', $$ DELETE FROM community.commission WHERE program_id = :program AND event_id = pay_check.id_of('o4') AND line = 0 $$);
SELECT * FROM plant('a breakage line that is off', $$ UPDATE community.commission SET points = points - 1 WHERE program_id = :program AND event_id = pay_check.id_of('o3') AND kind = 'breakage' AND points < 0 $$);
SELECT * FROM plant('for a purchase of its own', $$ UPDATE community.event SET member_id = 4 WHERE program_id = :program AND key = 'o4' $$);
SELECT * FROM plant('a reward without entry', $$ DELETE FROM community.entry WHERE program_id = :program AND kind = 'signup' AND member_id = 5 AND key = (SELECT 'community.signup ' || max(given_id) FROM community.signup_reward_given WHERE program_id = :program AND side = 'referee') $$);
SELECT * FROM plant('a reward that is back, and is not', $$ DELETE FROM community.signup_reward_given WHERE program_id = :program AND event_id <> pay_check.id_of('o1') AND side = 'sponsor' $$,
	$$ UPDATE community.signup_reward_given SET withdrawn_at = NULL WHERE program_id = :program AND event_id = pay_check.id_of('o1') AND side = 'sponsor' $$);
SELECT * FROM plant('a reward given twice', $$ DROP INDEX community.signup_reward_given_once_idx $$,
	$$ INSERT INTO community.signup_reward_given (program_id, referee_id, name, side, reward_id, payee_id, points, qualified_at) SELECT program_id, referee_id, name, side, reward_id, payee_id, points, qualified_at FROM community.signup_reward_given WHERE program_id = :program AND side = 'referee' $$);
SELECT * FROM plant('debts that would vanish', $$ UPDATE community.currency SET return_policy = 'within_balance' WHERE program_id = :program $$);
SELECT * FROM faults();
-- one member alone
SELECT rule, detail FROM community.check_installation('full', :program, 4);
