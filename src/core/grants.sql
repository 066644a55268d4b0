
-- ---------------------------------------------------------------- grants
-- Who may do what, as three recipes.  They grant what is there: run them
-- again after an update.

CREATE FUNCTION community.grant_application(role pg_catalog.regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_application$
DECLARE
	routine regprocedure;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role with OID % does not exist', role::oid
			USING ERRCODE = 'undefined_object';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA community TO %s', role);
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_proc AS p
		WHERE p.pronamespace = 'community'::regnamespace
			AND p.proname IN (
				'next_id', 'current_program', 'enroll', 'member_id', 'close_member', 'erase_member',
				'merge_members', 'record', 'reverse', 'attach', 'detach', 'backfill',
				'process_inbox', 'accrue', 'redeem', 'adjust', 'hold', 'capture', 'release',
				'transfer', 'balance', 'extend', 'reinstate', 'statement', 'issue_envelope',
				'claim_envelope', 'close_envelope', 'simulate', 'lock_tier', 'veto_tier',
				'invite_to_tier', 'end_ruling', 'grant_tier', 'revoke_tier', 'claim_seat',
				'release_seat', 'settle_payments', 'has_benefit', 'benefits', 'awards',
				'evaluate', 'tier', 'tenures', 'tier_history', 'progress', 'projected_tier',
				'explain_tier', 'tier_is_attained', 'upline', 'downline', 'is_upline',
				'generation', 'common_sponsor', 'referral_tree', 'referral_graph',
				'downline_count', 'reparent', 'issue_code', 'revoke_code', 'redeem_code',
				'share', 'record_click', 'attribute', 'sanction_subtree', 'lift_sanction',
				'add_identity', 'normalise_identity', 'review_referrals', 'decide_flag',
				'referral_is_held', 'open_group', 'join_group', 'leave_group', 'settle_groups',
				'confirm_group_refund', 'open_bargain', 'cut_bargain', 'close_bargain',
				'in_holdout', 'holdout_group', 'explain_score', 'is_super_user',
				'lock_super_user', 'veto_super_user', 'end_super_user_ruling')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', routine, role);
	END LOOP;
	EXECUTE format('GRANT INSERT ON community.inbox TO %s', role);
END
$grant_application$;
COMMENT ON FUNCTION community.grant_application IS
'lets a role call what an application calls and load the inbox; it sees no table';
REVOKE ALL ON FUNCTION community.grant_application FROM PUBLIC;

CREATE FUNCTION community.grant_analyst(role pg_catalog.regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_analyst$
DECLARE
	routine regprocedure;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
		RAISE EXCEPTION 'role with OID % does not exist', role::oid
			USING ERRCODE = 'undefined_object';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA community TO %s', role);
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_proc AS p
		WHERE p.pronamespace = 'community'::regnamespace
			AND p.proname IN (
				'current_program', 'member_id', 'super_users', 'balance', 'statement',
				'simulate', 'ladder_definition', 'definition_faults', 'check_ladder',
				'measure_value', 'has_benefit', 'benefits', 'awards', 'tier', 'tenures',
				'tier_history', 'progress', 'projected_tier', 'explain_tier', 'tier_is_attained',
				'what_if', 'what_if_tiers', 'measure_values', 'calibrate', 'upline', 'downline',
				'is_upline', 'generation', 'common_sponsor', 'referral_tree', 'referral_graph',
				'downline_count', 'downline_sizes', 'structural_virality', 'referral_as_of',
				'referral_metrics', 'cohort_k', 'cycle_time', 'generations',
				'reproduction_number', 'referred_orders', 'metric_time_zone',
				'commission_headcount', 'referral_funnel', 'referral_is_held',
				'shared_identities', 'short_chains', 'check_fraud_parameters',
				'fraud_same_identity', 'fraud_rejoined', 'fraud_ring', 'fraud_same_address',
				'fraud_velocity', 'fraud_chain', 'fraud_star', 'fraud_too_fast', 'fraud_reward',
				'newest_ltv_fit', 'program_lift', 'in_holdout', 'holdout_group', 'holdout_lift',
				'explain_score', 'compare_scores', 'is_super_user')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', routine, role);
	END LOOP;
	EXECUTE format('GRANT SELECT ON community.program, community.member, community.member_merge,'
		' community.activity_type, community.event, community.engagement,'
		' community.super_user, community.job_run, community.job, community.currency,'
		' community.entry, community.account_fold, community.hold, community.account_purse,'
		' community.account, community.lot, community.liability, community.envelope,'
		' community.envelope_share, community.envelope_claim, community.envelope_status,'
		' community.budget, community.budget_shard, community.budget_status,'
		' community.measure, community.ladder, community.tier, community.tier_requirement,'
		' community.ladder_version, community.tenure, community.standing,'
		' community.tier_ruling, community.tier_change, community.tier_seat,'
		' community.tier_seat_wait, community.seats, community.benefit,'
		' community.tier_benefit, community.benefit_grant, community.benefit_allowance,'
		' community.award, community.award_requirement, community.award_given,'
		' community.commission_plan, community.commission_rate, community.commission,'
		' community.signup_reward, community.signup_reward_given, community.referral,'
		' community.referral_move, community.referral_forest, community.referral_label,'
		' community.referral_setting, community.counted_event, community.referral_campaign,'
		' community.referral_code, community.referral_code_use,'
		' community.referral_invitation, community.referral_share, community.referral_click,'
		' community.referral_conversion, community.share_status, community.referral_sanction,'
		' community.referral_sanctioned, community.sanctioned_member,'
		' community.referral_identity, community.fraud_rule, community.referral_flag,'
		' community.referral_decision, community.held_member, community.group_buy,'
		' community.group_slot, community.group_member, community.group_status,'
		' community.group_refund_due, community.bargain, community.bargain_cut,'
		' community.bargain_status, community.ltv_fit, community.held_payment,'
		' community.held_payment_end, community.qualified_referral, community.interaction,'
		' community.holdout, community.score_model, community.score_model_version,'
		' community.score_component, community.score_segment, community.score_refresh,'
		' community.member_score, community.super_user_tenure, community.super_user_ruling,'
		' community.score TO %s', role);
END
$grant_analyst$;
COMMENT ON FUNCTION community.grant_analyst IS
'lets a role read members, events, scores and tiers';
REVOKE ALL ON FUNCTION community.grant_analyst FROM PUBLIC;

CREATE FUNCTION community.grant_auditor(role pg_catalog.regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $grant_auditor$
DECLARE
	thing regclass;
BEGIN
	PERFORM community.grant_analyst(role);
	EXECUTE format('GRANT EXECUTE ON FUNCTION community.check_installation,'
		' community.cap_faults, community.referral_check TO %s', role);
	EXECUTE format('GRANT SELECT ON SEQUENCE community.id_sequence TO %s', role);
	FOR thing IN
		SELECT c.oid::regclass FROM pg_class AS c
		WHERE c.relnamespace = 'community'::regnamespace
			AND c.relkind IN ('r', 'p', 'v')
			-- with the salt, hashes of identities could be tried out
			AND c.relname <> 'referral_salt'
	LOOP
		EXECUTE format('GRANT SELECT ON %s TO %s', thing, role);
	END LOOP;
END
$grant_auditor$;
COMMENT ON FUNCTION community.grant_auditor IS
'lets a role read every table and view and check the books, and change nothing';
REVOKE ALL ON FUNCTION community.grant_auditor FROM PUBLIC;
