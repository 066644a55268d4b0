
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
	EXECUTE format('GRANT USAGE ON SCHEMA community TO %s', role);
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_proc AS p
		WHERE p.pronamespace = 'community'::regnamespace
			AND p.proname IN ('next_id', 'current_program', 'enroll', 'member_id',
				'close_member', 'merge_members', 'record', 'reverse', 'attach', 'detach',
				'backfill', 'process_inbox', 'accrue', 'redeem', 'adjust', 'hold',
				'capture', 'release', 'transfer', 'balance', 'extend', 'reinstate', 'statement',
				'issue_envelope', 'claim_envelope', 'close_envelope', 'simulate',
				'lock_tier', 'veto_tier', 'invite_to_tier', 'end_ruling', 'grant_tier', 'revoke_tier',
				'claim_seat', 'release_seat', 'settle_payments',
				'has_benefit', 'benefits', 'awards', 'evaluate', 'tier',
				'tenures', 'tier_history', 'progress', 'projected_tier', 'explain_tier',
				'tier_is_attained',
				'open_group', 'join_group', 'leave_group', 'settle_groups', 'confirm_group_refund',
				'open_bargain', 'cut_bargain', 'close_bargain')
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
	EXECUTE format('GRANT USAGE ON SCHEMA community TO %s', role);
	FOR routine IN
		SELECT p.oid::regprocedure FROM pg_proc AS p
		WHERE p.pronamespace = 'community'::regnamespace
			AND p.proname IN ('current_program', 'member_id', 'super_users', 'balance',
				'statement', 'simulate', 'ladder_definition', 'definition_faults', 'check_ladder',
				'measure_value', 'has_benefit', 'benefits', 'awards',
				'tier', 'tenures', 'tier_history', 'progress', 'projected_tier', 'explain_tier',
				'tier_is_attained', 'what_if', 'what_if_tiers', 'measure_values', 'calibrate',
				'referral_as_of', 'referral_metrics', 'cohort_k', 'cycle_time', 'generations',
				'reproduction_number', 'referred_orders', 'metric_time_zone', 'downline_sizes')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', routine, role);
	END LOOP;
	EXECUTE format('GRANT SELECT ON community.program, community.member, community.member_merge,'
		' community.activity_type, community.event, community.engagement,'
		' community.super_user, community.job_run, community.job,'
		' community.currency, community.entry, community.account_fold, community.hold,'
		' community.account_purse, community.account, community.lot, community.liability,'
		' community.envelope, community.envelope_share, community.envelope_claim,'
		' community.envelope_status, community.budget, community.budget_shard,'
		' community.budget_status,'
		' community.measure, community.ladder, community.tier, community.tier_requirement,'
		' community.ladder_version, community.tenure, community.standing, community.tier_ruling,'
		' community.tier_seat, community.tier_seat_wait, community.seats,'
		' community.benefit, community.tier_benefit,'
		' community.benefit_grant, community.benefit_allowance,'
		' community.award, community.award_requirement, community.award_given,'
		' community.referral, community.referral_move,'
		' community.group_buy, community.group_slot, community.group_member,'
		' community.group_status, community.group_refund_due,'
		' community.bargain, community.bargain_cut, community.bargain_status,'
		' community.counted_event TO %s', role);
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
		' community.cap_faults TO %s', role);
	EXECUTE format('GRANT SELECT ON SEQUENCE community.id_sequence TO %s', role);
	FOR thing IN
		SELECT c.oid::regclass FROM pg_class AS c
		WHERE c.relnamespace = 'community'::regnamespace
			AND c.relkind IN ('r', 'p', 'v')
	LOOP
		EXECUTE format('GRANT SELECT ON %s TO %s', thing, role);
	END LOOP;
END
$grant_auditor$;
COMMENT ON FUNCTION community.grant_auditor IS
'lets a role read every table and view and check the books, and change nothing';
REVOKE ALL ON FUNCTION community.grant_auditor FROM PUBLIC;
