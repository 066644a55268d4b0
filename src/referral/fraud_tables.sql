
	-- ----------------------------------------------------------- sanctions

	IF to_regclass('community.referral_sanction') IS NULL THEN
		CREATE TABLE community.referral_sanction (
			program_id bigint NOT NULL,
			sanction_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			action text NOT NULL,
			reason text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			sanctioned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			lifted_at timestamptz,
			lift_reason text,
			lift_actor text,
			CONSTRAINT referral_sanction_pkey PRIMARY KEY (program_id, sanction_id),
			CONSTRAINT referral_sanction_action_check
				CHECK (action IN ('disable_invites', 'hold', 'close', 'comment')),
			CONSTRAINT referral_sanction_reason_check CHECK (reason <> ''),
			CONSTRAINT referral_sanction_lifted_check
				CHECK ((lifted_at IS NULL) = (lift_reason IS NULL)
					AND (lifted_at IS NULL) = (lift_actor IS NULL))
		);
		CREATE INDEX referral_sanction_member_idx
			ON community.referral_sanction (program_id, member_id);
		COMMENT ON TABLE community.referral_sanction IS 'what was imposed on members and everybody below them';
		COMMENT ON COLUMN community.referral_sanction.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_sanction.sanction_id IS 'the sanction';
		COMMENT ON COLUMN community.referral_sanction.member_id IS 'at the top of those it is about';
		COMMENT ON COLUMN community.referral_sanction.action IS 'disable_invites: they bring nobody; hold: what would be paid for or to them is held; close: they were closed; comment: nothing';
		COMMENT ON COLUMN community.referral_sanction.reason IS 'why';
		COMMENT ON COLUMN community.referral_sanction.actor IS 'database role that imposed it';
		COMMENT ON COLUMN community.referral_sanction.sanctioned_at IS 'when';
		COMMENT ON COLUMN community.referral_sanction.lifted_at IS 'when it was lifted; null while in force';
		COMMENT ON COLUMN community.referral_sanction.lift_reason IS 'why it was lifted';
		COMMENT ON COLUMN community.referral_sanction.lift_actor IS 'database role that lifted it';
	END IF;

	IF to_regclass('community.referral_sanctioned') IS NULL THEN
		CREATE TABLE community.referral_sanctioned (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			sanction_id bigint NOT NULL,
			CONSTRAINT referral_sanctioned_pkey PRIMARY KEY (program_id, member_id, sanction_id)
		);
		CREATE INDEX referral_sanctioned_sanction_idx
			ON community.referral_sanctioned (program_id, sanction_id);
		COMMENT ON TABLE community.referral_sanctioned IS 'whom a sanction is about: the member at the top and who stood below it then, append-only';
		COMMENT ON COLUMN community.referral_sanctioned.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_sanctioned.member_id IS 'the member';
		COMMENT ON COLUMN community.referral_sanctioned.sanction_id IS 'the sanction';
	END IF;

	IF to_regclass('community.sanctioned_member') IS NULL THEN
		CREATE VIEW community.sanctioned_member WITH (security_invoker = true) AS
		SELECT x.program_id, x.member_id, s.action, s.sanction_id, s.member_id AS top_id,
			s.reason, s.actor, s.sanctioned_at
		FROM community.referral_sanctioned AS x
		JOIN community.referral_sanction AS s ON s.program_id = x.program_id
			AND s.sanction_id = x.sanction_id
		WHERE s.lifted_at IS NULL;
		COMMENT ON VIEW community.sanctioned_member IS 'sanctions in force, member by member';
		COMMENT ON COLUMN community.sanctioned_member.program_id IS 'the program';
		COMMENT ON COLUMN community.sanctioned_member.member_id IS 'the member';
		COMMENT ON COLUMN community.sanctioned_member.action IS 'what was imposed';
		COMMENT ON COLUMN community.sanctioned_member.sanction_id IS 'the sanction';
		COMMENT ON COLUMN community.sanctioned_member.top_id IS 'the member whose subtree was sanctioned';
		COMMENT ON COLUMN community.sanctioned_member.reason IS 'why';
		COMMENT ON COLUMN community.sanctioned_member.actor IS 'database role that imposed it';
		COMMENT ON COLUMN community.sanctioned_member.sanctioned_at IS 'when';
	END IF;

	-- ---------------------------------------------------------- identities

	IF to_regclass('community.referral_salt') IS NULL THEN
		CREATE TABLE community.referral_salt (
			program_id bigint NOT NULL,
			salt bytea NOT NULL,
			CONSTRAINT referral_salt_pkey PRIMARY KEY (program_id),
			CONSTRAINT referral_salt_salt_check CHECK (length(salt) = 32)
		);
		COMMENT ON TABLE community.referral_salt IS 'what identities are hashed with: nobody but the owner is to read it';
		COMMENT ON COLUMN community.referral_salt.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_salt.salt IS '32 random bytes, drawn once';
	END IF;

	IF to_regclass('community.referral_identity') IS NULL THEN
		CREATE TABLE community.referral_identity (
			program_id bigint NOT NULL,
			kind text NOT NULL,
			hash bytea NOT NULL,
			member_id bigint NOT NULL,
			added_at timestamptz NOT NULL,
			CONSTRAINT referral_identity_pkey PRIMARY KEY (program_id, kind, hash, member_id),
			CONSTRAINT referral_identity_kind_check
				CHECK (kind IN ('email', 'phone', 'device', 'payout', 'address'))
		);
		CREATE INDEX referral_identity_member_idx
			ON community.referral_identity (program_id, member_id);
		COMMENT ON TABLE community.referral_identity IS 'by what members are known, hashed, so that equals are found and nothing can be read';
		COMMENT ON COLUMN community.referral_identity.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_identity.kind IS 'email, phone, device, payout, or address (of the network)';
		COMMENT ON COLUMN community.referral_identity.hash IS 'SHA-256 of salt, kind and the value as it is compared';
		COMMENT ON COLUMN community.referral_identity.member_id IS 'the member';
		COMMENT ON COLUMN community.referral_identity.added_at IS 'since when it is known';
	END IF;

	-- --------------------------------------------------------------- fraud

	IF to_regclass('community.fraud_rule') IS NULL THEN
		CREATE TABLE community.fraud_rule (
			program_id bigint NOT NULL,
			rule_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			kind text NOT NULL,
			parameters jsonb NOT NULL DEFAULT '{}',
			severity text NOT NULL DEFAULT 'medium',
			action text NOT NULL DEFAULT 'flag',
			valid tstzrange NOT NULL DEFAULT '(,)',
			CONSTRAINT fraud_rule_pkey PRIMARY KEY (program_id, rule_id),
			CONSTRAINT fraud_rule_name_check CHECK (name <> ''),
			CONSTRAINT fraud_rule_kind_check CHECK (kind IN ('same_identity', 'rejoined', 'ring',
				'same_address', 'velocity', 'chain', 'star', 'too_fast', 'reward')),
			CONSTRAINT fraud_rule_parameters_check CHECK (jsonb_typeof(parameters) = 'object'),
			CONSTRAINT fraud_rule_severity_check CHECK (severity IN ('low', 'medium', 'high')),
			CONSTRAINT fraud_rule_action_check CHECK (action IN ('flag', 'hold', 'none')),
			CONSTRAINT fraud_rule_address_check
				CHECK (kind <> 'same_address' OR action <> 'hold'),
			CONSTRAINT fraud_rule_valid_check CHECK (NOT isempty(valid))
		);
		COMMENT ON TABLE community.fraud_rule IS 'what review_referrals() looks for';
		COMMENT ON COLUMN community.fraud_rule.program_id IS 'the program';
		COMMENT ON COLUMN community.fraud_rule.rule_id IS 'the rule';
		COMMENT ON COLUMN community.fraud_rule.name IS 'what people call it';
		COMMENT ON COLUMN community.fraud_rule.kind IS 'which signal: fraud_signals() has them';
		COMMENT ON COLUMN community.fraud_rule.parameters IS 'limits of the signal; those that are left out are as the signal has them';
		COMMENT ON COLUMN community.fraud_rule.severity IS 'low, medium or high, for people';
		COMMENT ON COLUMN community.fraud_rule.action IS 'flag: somebody is to look; hold: money waits as well; none: the rule rests';
		COMMENT ON COLUMN community.fraud_rule.valid IS 'when it is in force';
	END IF;

	IF to_regclass('community.referral_flag') IS NULL THEN
		CREATE TABLE community.referral_flag (
			program_id bigint NOT NULL,
			flag_id bigint NOT NULL DEFAULT community.next_id(),
			rule_id bigint NOT NULL,
			member_id bigint NOT NULL,
			subject text NOT NULL,
			evidence jsonb NOT NULL,
			status text NOT NULL,
			flagged_at timestamptz NOT NULL,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT referral_flag_pkey PRIMARY KEY (program_id, flag_id),
			CONSTRAINT referral_flag_subject_key UNIQUE (program_id, member_id, rule_id, subject),
			CONSTRAINT referral_flag_status_check
				CHECK (status IN ('open', 'held', 'released', 'confirmed'))
		);
		COMMENT ON TABLE community.referral_flag IS 'what rules have found against members';
		COMMENT ON COLUMN community.referral_flag.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_flag.flag_id IS 'the flag';
		COMMENT ON COLUMN community.referral_flag.rule_id IS 'by which rule';
		COMMENT ON COLUMN community.referral_flag.member_id IS 'against whom';
		COMMENT ON COLUMN community.referral_flag.subject IS 'about what: the same thing is found once';
		COMMENT ON COLUMN community.referral_flag.evidence IS 'what was found, with the numbers and limits';
		COMMENT ON COLUMN community.referral_flag.status IS 'open: to be looked at; held: what would be paid waits; released: it was nothing; confirmed: it was fraud';
		COMMENT ON COLUMN community.referral_flag.flagged_at IS 'as of when it was found';
		COMMENT ON COLUMN community.referral_flag.recorded_at IS 'when it was written down';
		COMMENT ON COLUMN community.referral_flag.actor IS 'database role that reviewed';
	END IF;

	IF to_regclass('community.referral_flag_held_idx') IS NULL THEN
		CREATE INDEX referral_flag_held_idx ON community.referral_flag (program_id, member_id)
			WHERE status IN ('held', 'confirmed');
	END IF;

	IF to_regclass('community.referral_decision') IS NULL THEN
		CREATE TABLE community.referral_decision (
			program_id bigint NOT NULL,
			decision_id bigint NOT NULL DEFAULT community.next_id(),
			flag_id bigint NOT NULL,
			decision text NOT NULL,
			reason text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT referral_decision_pkey PRIMARY KEY (program_id, decision_id),
			CONSTRAINT referral_decision_decision_check
				CHECK (decision IN ('hold', 'release', 'confirm')),
			CONSTRAINT referral_decision_reason_check CHECK (reason <> '')
		);
		CREATE INDEX referral_decision_flag_idx
			ON community.referral_decision (program_id, flag_id);
		COMMENT ON TABLE community.referral_decision IS 'what was decided about flags, append-only';
		COMMENT ON COLUMN community.referral_decision.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_decision.decision_id IS 'the decision';
		COMMENT ON COLUMN community.referral_decision.flag_id IS 'about which flag';
		COMMENT ON COLUMN community.referral_decision.decision IS 'hold, release or confirm';
		COMMENT ON COLUMN community.referral_decision.reason IS 'why';
		COMMENT ON COLUMN community.referral_decision.actor IS 'database role that decided';
		COMMENT ON COLUMN community.referral_decision.decided_at IS 'when';
	END IF;

	IF to_regclass('community.held_member') IS NULL THEN
		CREATE VIEW community.held_member WITH (security_invoker = true) AS
		SELECT f.program_id, f.member_id, 'flag'::text AS cause, f.flag_id AS cause_id,
			f.status = 'confirmed' AS confirmed
		FROM community.referral_flag AS f
		WHERE f.status IN ('held', 'confirmed')
		UNION ALL
		SELECT x.program_id, x.member_id, 'sanction', x.sanction_id, false
		FROM community.sanctioned_member AS x
		WHERE x.action = 'hold';
		COMMENT ON VIEW community.held_member IS 'members for and to whom nothing is paid for now, and why';
		COMMENT ON COLUMN community.held_member.program_id IS 'the program';
		COMMENT ON COLUMN community.held_member.member_id IS 'the member';
		COMMENT ON COLUMN community.held_member.cause IS 'flag or sanction';
		COMMENT ON COLUMN community.held_member.cause_id IS 'which one';
		COMMENT ON COLUMN community.held_member.confirmed IS 'whether fraud was confirmed: then it is for good';
	END IF;

	IF to_regclass('community.held_payment') IS NULL THEN
		CREATE TABLE community.held_payment (
			program_id bigint NOT NULL,
			key text NOT NULL,
			event_id bigint,
			line integer,
			given_id bigint,
			payee_id bigint NOT NULL,
			currency_id bigint NOT NULL,
			points bigint NOT NULL,
			due_at timestamptz NOT NULL,
			held_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			settled_at timestamptz,
			decision_id bigint,
			CONSTRAINT held_payment_pkey PRIMARY KEY (program_id, key),
			CONSTRAINT held_payment_event_check
				CHECK ((event_id IS NULL) = (line IS NULL)
					AND (event_id IS NULL) = (given_id IS NOT NULL)),
			CONSTRAINT held_payment_settled_check
				CHECK (decision_id IS NULL OR settled_at IS NOT NULL)
		);
		CREATE INDEX held_payment_open_idx ON community.held_payment (program_id, key)
			WHERE settled_at IS NULL;
		COMMENT ON TABLE community.held_payment IS 'commissions and signup rewards that wait, or have waited, as a member they are for or to was held';
		COMMENT ON COLUMN community.held_payment.program_id IS 'the program';
		COMMENT ON COLUMN community.held_payment.key IS 'its key in the ledger';
		COMMENT ON COLUMN community.held_payment.event_id IS 'of a commission: the event';
		COMMENT ON COLUMN community.held_payment.line IS 'of a commission: its line';
		COMMENT ON COLUMN community.held_payment.given_id IS 'of a signup reward: which one';
		COMMENT ON COLUMN community.held_payment.payee_id IS 'who is paid';
		COMMENT ON COLUMN community.held_payment.currency_id IS 'in which currency';
		COMMENT ON COLUMN community.held_payment.points IS 'how much was paid';
		COMMENT ON COLUMN community.held_payment.due_at IS 'until when it would be on hold anyway: -infinity for not at all, infinity for until release()';
		COMMENT ON COLUMN community.held_payment.held_at IS 'since when it waits';
		COMMENT ON COLUMN community.held_payment.settled_at IS 'when that ended; null while it waits';
		COMMENT ON COLUMN community.held_payment.decision_id IS 'the decision by which it was taken back; null when it was released';
	END IF;

	IF to_regclass('community.held_payment_end') IS NULL THEN
		CREATE TABLE community.held_payment_end (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			key text NOT NULL,
			CONSTRAINT held_payment_end_pkey PRIMARY KEY (program_id, key, member_id)
		);
		CREATE INDEX held_payment_end_member_idx
			ON community.held_payment_end (program_id, member_id);
		COMMENT ON TABLE community.held_payment_end IS 'the members of whom none may be held for a held payment to be released, append-only';
		COMMENT ON COLUMN community.held_payment_end.program_id IS 'the program';
		COMMENT ON COLUMN community.held_payment_end.member_id IS 'who bought or was brought, or who is paid for it, or from whose commission it derives';
		COMMENT ON COLUMN community.held_payment_end.key IS 'the payment';
	END IF;
