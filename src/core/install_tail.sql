
	-- ------------------------------------------------------------- the end

	-- defaults that go when the extension is dropped with CASCADE
	FOR thing IN
		SELECT c.oid::regclass AS relation, a.attname AS "column", d.expression
		FROM (VALUES ('program', 'program_id', 'community.next_id()'),
				('event', 'event_id', 'community.next_id()'),
				('attachment', 'attachment_id', 'community.next_id()'),
				('job_run', 'job_id', 'community.next_id()'),
				('currency', 'currency_id', 'community.next_id()'),
				('accrual_rule', 'rule_id', 'community.next_id()'),
				('cap', 'cap_id', 'community.next_id()'),
				('budget', 'budget_id', 'community.next_id()'),
				('measure', 'measure_id', 'community.next_id()'),
				('ladder', 'ladder_id', 'community.next_id()'),
				('tenure', 'tenure_id', 'community.next_id()'),
				('standing_touch', 'touch_id', 'community.next_id()'),
				('tier_ruling', 'ruling_id', 'community.next_id()'),
				('tier_seat_wait', 'wait_id', 'community.next_id()'),
				('benefit', 'benefit_id', 'community.next_id()'),
				('tier_benefit', 'listing_id', 'community.next_id()'),
				('benefit_grant', 'grant_id', 'community.next_id()'),
				('award', 'award_id', 'community.next_id()'),
				('award_given', 'given_id', 'community.next_id()'),
				('inbox', 'inbox_id', 'community.next_id()'),
				('referral_move', 'move_id', 'community.next_id()'),
				('commission_plan', 'plan_id', 'community.next_id()'),
				('commission_rate', 'rate_id', 'community.next_id()'),
				('signup_reward', 'reward_id', 'community.next_id()'),
				('signup_reward_given', 'given_id', 'community.next_id()'),
				('referral_sanction', 'sanction_id', 'community.next_id()'),
				('fraud_rule', 'rule_id', 'community.next_id()'),
				('referral_flag', 'flag_id', 'community.next_id()'),
				('referral_decision', 'decision_id', 'community.next_id()'),
				('group_buy', 'group_id', 'community.next_id()'),
				('group_member', 'join_id', 'community.next_id()'),
				('bargain', 'bargain_id', 'community.next_id()'),
				('ltv_fit', 'fit_id', 'community.next_id()'),
				('score_model', 'model_id', 'community.next_id()'),
				('score_model_version', 'version_id', 'community.next_id()'),
				('score_refresh', 'refresh_id', 'community.next_id()'),
				('super_user_tenure', 'tenure_id', 'community.next_id()'),
				('super_user_ruling', 'ruling_id', 'community.next_id()'),
				('inbox', 'program_id', 'community.current_program()')
			) AS d (relation, "column", expression)
		JOIN pg_class AS c ON c.oid = to_regclass('community.' || d.relation)
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = d."column"
		WHERE NOT a.atthasdef
	LOOP
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s',
			thing.relation, thing."column", thing.expression);
	END LOOP;

	-- tables to which rows are only ever added
	FOR thing IN SELECT r.relation FROM (VALUES ('event'), ('reversal_key'), ('entry'),
				('envelope_claim'), ('tier_seat_request'), ('tier_change'),
				('referral_move'), ('commission'), ('referral_code_use'),
				('referral_invitation'), ('referral_share'), ('referral_click'),
				('referral_conversion'), ('referral_sanctioned'), ('referral_decision'),
				('held_payment_end'), ('bargain_cut')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_append_only()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_append_only()', thing.relation);
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.guard_append_only()', thing.relation);
	END LOOP;

	-- rules are ended, not edited
	FOR thing IN SELECT r.relation FROM (VALUES ('accrual_rule'), ('cap')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_rules()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_rules()', thing.relation);
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.guard_rules()', thing.relation);
		IF thing.relation = 'accrual_rule' THEN
			CREATE TRIGGER guard_order AFTER INSERT OR UPDATE ON community.accrual_rule
				FOR EACH ROW EXECUTE FUNCTION community.guard_rules();
		END IF;
	END LOOP;

	-- so are commission plans, their rates and signup rewards
	FOR thing IN SELECT r.relation FROM (VALUES ('commission_plan'), ('commission_rate'),
				('signup_reward')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_commissions()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_commissions()', thing.relation);
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.guard_commissions()', thing.relation);
		EXECUTE format('CREATE TRIGGER guard_order AFTER INSERT OR UPDATE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_commissions()', thing.relation);
	END LOOP;

	-- more levels may be paid when the owner of the tables says so; after the fact,
	-- as a row that is not inserted because there is one raises nothing
	IF NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = 'community.referral_setting'::regclass
				AND t.tgfoid = 'community.guard_paid_levels()'::regprocedure) THEN
		CREATE TRIGGER guard_paid_levels AFTER INSERT OR UPDATE ON community.referral_setting
			FOR EACH ROW EXECUTE FUNCTION community.guard_paid_levels();
	END IF;

	-- ladders that are published, and what came of them
	FOR thing IN SELECT r.relation FROM (VALUES ('measure'), ('ladder'), ('ladder_version'),
				('tenure'), ('tier_ruling')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_ladders()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_ladders()', thing.relation);
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.guard_ladders()', thing.relation);
	END LOOP;

	-- models that scores were computed with, and what came of them
	FOR thing IN SELECT r.relation FROM (VALUES ('score_model_version'), ('score_component'),
				('score_refresh'), ('super_user_tenure'), ('super_user_ruling'),
				('measure')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_scores()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER guard_scores BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_scores()', thing.relation);
		CONTINUE WHEN thing.relation = 'measure';
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.guard_scores()', thing.relation);
	END LOOP;

	-- so are benefits that tiers bring, and which tier brings them
	FOR thing IN SELECT r.relation FROM (VALUES ('benefit'), ('tier_benefit')) AS r (relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = ('community.' || r.relation)::regclass
				AND t.tgfoid = 'community.guard_benefits()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_benefits()', thing.relation);
		EXECUTE format('CREATE TRIGGER guard_order AFTER INSERT OR UPDATE ON community.%I'
			' FOR EACH ROW EXECUTE FUNCTION community.guard_benefits()', thing.relation);
	END LOOP;

	-- awards count events
	IF NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = 'community.award_requirement'::regclass
				AND t.tgfoid = 'community.guard_awards()'::regprocedure) THEN
		CREATE TRIGGER guard AFTER INSERT OR UPDATE ON community.award_requirement
			FOR EACH ROW EXECUTE FUNCTION community.guard_awards();
	END IF;

	-- the laws of the forest hold for raw rows too
	IF NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = 'community.referral'::regclass
				AND t.tgfoid = 'community.guard_referrals()'::regprocedure) THEN
		CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON community.referral
			FOR EACH ROW EXECUTE FUNCTION community.guard_referrals();
		CREATE TRIGGER no_truncate BEFORE TRUNCATE ON community.referral
			FOR EACH STATEMENT EXECUTE FUNCTION community.guard_referrals();
	END IF;

	-- fraud rules that have raised flags
	IF NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = 'community.fraud_rule'::regclass
				AND t.tgfoid = 'community.guard_fraud_rules()'::regprocedure) THEN
		CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON community.fraud_rule
			FOR EACH ROW EXECUTE FUNCTION community.guard_fraud_rules();
	END IF;

	-- configuration that sessions keep tells them when it changes; so does the version
	FOR thing IN
		SELECT c.oid::regclass AS relation
		FROM (VALUES ('installation'), ('program'), ('activity_type'), ('currency'),
				('accrual_rule'), ('cap'), ('budget'), ('measure'),
				('benefit'), ('tier_benefit'), ('award'),
				('ladder_version'), ('referral_setting'), ('referral_forest'),
				('commission_plan'), ('commission_rate'), ('signup_reward'),
				('referral_sanction'), ('referral_flag'), ('fraud_rule')) AS w (relation)
		JOIN pg_class AS c ON c.oid = to_regclass('community.' || w.relation)
		WHERE NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid
			AND t.tgfoid = 'community.note_change()'::regprocedure)
	LOOP
		EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON %s'
			' FOR EACH ROW EXECUTE FUNCTION community.note_change()', thing.relation);
		EXECUTE format('CREATE TRIGGER note_truncate AFTER TRUNCATE ON %s'
			' FOR EACH STATEMENT EXECUTE FUNCTION community.note_change()', thing.relation);
	END LOOP;
	-- on replicas too; a restore of data with --disable-triggers forgets that
	FOR thing IN
		SELECT t.tgrelid::regclass AS relation, t.tgname AS name
		FROM pg_trigger AS t
		WHERE t.tgfoid = 'community.note_change()'::regprocedure AND t.tgenabled = 'O'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', thing.relation, thing.name);
	END LOOP;

	-- attachments whose triggers went with the extension
	FOR thing IN
		SELECT a.program_id, a.attachment_id, a.relation, a.type
		FROM community.attachment AS a
		WHERE a.detached_at IS NULL AND NOT EXISTS (SELECT FROM pg_trigger AS t
			WHERE t.tgrelid = a.relation
				AND t.tgname = format('community_%s_insert', a.attachment_id))
	LOOP
		UPDATE community.attachment AS a
		SET detached_at = clock_timestamp(), detach_reason = 'triggers dropped'
		WHERE a.program_id = thing.program_id AND a.attachment_id = thing.attachment_id;
		RAISE WARNING 'table % is no longer attached as type %: its triggers are gone',
			thing.relation, thing.type
			USING HINT = 'Call community.attach() and community.backfill(): the source stays, so nothing counts twice.';
	END LOOP;

	-- whose they are
	FOR thing IN
		SELECT c.oid::regclass AS relation,
			CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
		FROM pg_class AS c
		WHERE c.relnamespace = 'community'::regnamespace
			AND c.relkind IN ('r', 'p', 'v', 'S')
			AND c.relowner <> keeper
			AND NOT EXISTS (SELECT FROM pg_depend AS d
				WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
					AND d.deptype IN ('e', 'a', 'i'))
	LOOP
		EXECUTE format('ALTER %s %s OWNER TO %s', thing.kind, thing.relation, keeper);
	END LOOP;
	IF NOT has_schema_privilege(keeper::oid, 'community', 'USAGE') THEN
		EXECUTE format('GRANT USAGE ON SCHEMA community TO %s', keeper);
	END IF;
	FOR thing IN
		SELECT p.oid::regprocedure AS routine
		FROM pg_proc AS p
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'community'
		WHERE NOT has_function_privilege(keeper::oid, p.oid, 'EXECUTE')
			AND p.proname NOT IN ('install_tables', 'grant_application', 'grant_analyst', 'grant_auditor')
	LOOP
		EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', thing.routine, keeper);
	END LOOP;

	IF present IS NULL THEN
		INSERT INTO community.installation (tables_version, version)
		SELECT needed, e.extversion FROM pg_extension AS e WHERE e.extname = 'community';
		RETURN format('tables of version %s installed, owner %s', needed, keeper);
	END IF;
	IF present < needed THEN
		UPDATE community.installation
		SET tables_version = needed, migrated_at = clock_timestamp(),
			version = (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'community');
		RETURN format('tables migrated from version %s to %s', present, needed);
	END IF;
	RETURN format('tables of version %s are in place', present);
END
$install_tables$;
COMMENT ON FUNCTION community.install_tables IS
'creates the tables, repairs or migrates them, and gives them to owner (by default the caller); idempotent';
REVOKE ALL ON FUNCTION community.install_tables FROM PUBLIC;
