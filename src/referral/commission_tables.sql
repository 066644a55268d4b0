
	-- ------------------------------------------------ referral: commissions

	IF to_regclass('community.commission_plan') IS NULL THEN
		CREATE TABLE community.commission_plan (
			program_id bigint NOT NULL,
			plan_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			types text[] NOT NULL,
			currency_id bigint NOT NULL,
			kind text NOT NULL DEFAULT 'unilevel',
			compression boolean NOT NULL DEFAULT false,
			levels integer,
			override_rate numeric,
			matching_rate numeric,
			ceiling_rate numeric,
			ladder_id bigint,
			least_tier text,
			leader_tier text,
			member_filter jsonb,
			payload_filter jsonb,
			minimum_amount bigint,
			first_events integer,
			first_time interval,
			pending_for interval,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT commission_plan_pkey PRIMARY KEY (program_id, plan_id),
			CONSTRAINT commission_plan_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT commission_plan_ladder_fkey FOREIGN KEY (program_id, ladder_id)
				REFERENCES community.ladder,
			CONSTRAINT commission_plan_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT commission_plan_types_check
				CHECK (cardinality(types) > 0 AND array_ndims(types) = 1
					AND array_position(types, NULL) IS NULL AND array_position(types, '') IS NULL),
			CONSTRAINT commission_plan_kind_check
				CHECK (kind IN ('unilevel', 'differential', 'breakaway')),
			CONSTRAINT commission_plan_levels_check CHECK (levels BETWEEN 1 AND 1000),
			CONSTRAINT commission_plan_override_rate_check
				CHECK (override_rate IS NULL OR (override_rate > 0 AND override_rate <= 1000
					AND override_rate = round(override_rate, 9) AND kind <> 'unilevel')),
			CONSTRAINT commission_plan_matching_rate_check
				CHECK (matching_rate > 0 AND matching_rate <= 1
					AND matching_rate = round(matching_rate, 9)),
			CONSTRAINT commission_plan_ceiling_rate_check
				CHECK (ceiling_rate >= 0 AND ceiling_rate <= 1000
					AND ceiling_rate = round(ceiling_rate, 9)),
			CONSTRAINT commission_plan_tier_check
				CHECK (ladder_id IS NOT NULL OR (kind = 'unilevel' AND least_tier IS NULL)),
			CONSTRAINT commission_plan_leader_check
				CHECK ((kind = 'breakaway') = (leader_tier IS NOT NULL)
					AND (kind <> 'breakaway' OR override_rate IS NOT NULL)),
			CONSTRAINT commission_plan_member_filter_check
				CHECK (jsonb_typeof(member_filter) = 'object'),
			CONSTRAINT commission_plan_payload_filter_check
				CHECK (jsonb_typeof(payload_filter) = 'object'),
			CONSTRAINT commission_plan_first_events_check CHECK (first_events >= 1),
			CONSTRAINT commission_plan_first_time_check CHECK (first_time > '0'),
			CONSTRAINT commission_plan_pending_for_check CHECK (pending_for >= '0'),
			CONSTRAINT commission_plan_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.commission_plan IS 'which events pay commissions to those above who did them; a plan that is in force is never edited but closed and succeeded, see define_commission_plan()';
		COMMENT ON COLUMN community.commission_plan.program_id IS 'the program';
		COMMENT ON COLUMN community.commission_plan.plan_id IS 'the plan in this version; commissions name it';
		COMMENT ON COLUMN community.commission_plan.name IS 'its name, the same in all versions';
		COMMENT ON COLUMN community.commission_plan.types IS 'types of events that it pays for';
		COMMENT ON COLUMN community.commission_plan.currency_id IS 'what it pays in; a currency whose returns may become debts';
		COMMENT ON COLUMN community.commission_plan.kind IS 'unilevel (each level has its rate), differential (each tier has its rate, less the highest paid below) or breakaway (the same up to the first leader)';
		COMMENT ON COLUMN community.commission_plan.compression IS 'whether members who are not qualified are passed over as if they were not there; otherwise what was theirs is lost';
		COMMENT ON COLUMN community.commission_plan.levels IS 'rates of levels beyond are void; null for no such limit';
		COMMENT ON COLUMN community.commission_plan.override_rate IS 'differential: what the first of the same tier gets on one who is paid; breakaway: what the next above a leader gets on the leader''s group';
		COMMENT ON COLUMN community.commission_plan.matching_rate IS 'what the next above gets of a level''s commission';
		COMMENT ON COLUMN community.commission_plan.ceiling_rate IS 'all that is paid for an event is at most this part of its amount; the farthest is cut first';
		COMMENT ON COLUMN community.commission_plan.ladder_id IS 'the ladder whose tiers rates and conditions are about';
		COMMENT ON COLUMN community.commission_plan.least_tier IS 'who does not hold it or one above is not qualified';
		COMMENT ON COLUMN community.commission_plan.leader_tier IS 'breakaway: who holds it or one above is a leader';
		COMMENT ON COLUMN community.commission_plan.member_filter IS 'whose attributes do not contain it is not qualified';
		COMMENT ON COLUMN community.commission_plan.payload_filter IS 'only events whose payload contains it pay';
		COMMENT ON COLUMN community.commission_plan.minimum_amount IS 'only events of so much or more pay, in minor units';
		COMMENT ON COLUMN community.commission_plan.first_events IS 'only so many events of a member pay, of those that the plan is about and that were not taken back; 1 for the first purchase alone';
		COMMENT ON COLUMN community.commission_plan.first_time IS 'only events within this time from when the member got its sponsor pay';
		COMMENT ON COLUMN community.commission_plan.pending_for IS 'how long commissions are on hold; null for as long as the currency says';
		COMMENT ON COLUMN community.commission_plan.valid IS 'of events that occurred then; only its end may be moved, and not in the past';
		COMMENT ON COLUMN community.commission_plan.created_at IS 'when it was defined';
	END IF;

	IF to_regclass('community.commission_rate') IS NULL THEN
		CREATE TABLE community.commission_rate (
			program_id bigint NOT NULL,
			plan_id bigint NOT NULL,
			rate_id bigint NOT NULL DEFAULT community.next_id(),
			level integer,
			tier text,
			type text,
			rate numeric NOT NULL,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT commission_rate_pkey PRIMARY KEY (program_id, plan_id, rate_id),
			CONSTRAINT commission_rate_plan_fkey FOREIGN KEY (program_id, plan_id)
				REFERENCES community.commission_plan,
			CONSTRAINT commission_rate_level_check CHECK (level BETWEEN 1 AND 1000),
			CONSTRAINT commission_rate_rate_check
				CHECK (rate >= 0 AND rate <= 1000 AND rate = round(rate, 9)),
			CONSTRAINT commission_rate_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.commission_rate IS 'what plans pay, by level or tier, type of event and date; of several that fit, the one that names the type counts before that with the tier';
		COMMENT ON COLUMN community.commission_rate.program_id IS 'the program';
		COMMENT ON COLUMN community.commission_rate.plan_id IS 'the plan';
		COMMENT ON COLUMN community.commission_rate.rate_id IS 'the rate';
		COMMENT ON COLUMN community.commission_rate.level IS 'of a unilevel plan: the level, 1 is the sponsor; null in other plans';
		COMMENT ON COLUMN community.commission_rate.tier IS 'who holds this tier of the plan''s ladder; null for anybody';
		COMMENT ON COLUMN community.commission_rate.type IS 'for events of this type alone; null for all types of the plan';
		COMMENT ON COLUMN community.commission_rate.rate IS 'points for each minor unit of the amount, both in minor units: 0.1 is 10 percent';
		COMMENT ON COLUMN community.commission_rate.valid IS 'of events that occurred then; only its end may be moved, and not in the past';
		COMMENT ON COLUMN community.commission_rate.created_at IS 'when it was defined';
	END IF;

	IF to_regclass('community.commission') IS NULL THEN
		CREATE TABLE community.commission (
			program_id bigint NOT NULL,
			event_id bigint NOT NULL,
			line integer NOT NULL,
			cause_id bigint NOT NULL,
			plan_id bigint NOT NULL,
			level integer,
			member_id bigint,
			payee_id bigint,
			base bigint NOT NULL,
			points bigint NOT NULL,
			source_line integer,
			rate numeric NOT NULL,
			kind text NOT NULL,
			reason text,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT commission_pkey PRIMARY KEY (program_id, event_id, line, cause_id)
		);
		CREATE INDEX commission_payee_idx ON community.commission
			(program_id, payee_id, event_id);
		COMMENT ON TABLE community.commission IS 'what events pay to those above, what nobody gets of it, and what corrections take back; append-only';
		COMMENT ON COLUMN community.commission.program_id IS 'the program';
		COMMENT ON COLUMN community.commission.event_id IS 'the event as it was recorded';
		COMMENT ON COLUMN community.commission.line IS 'number of the line; rows of the same line change it';
		COMMENT ON COLUMN community.commission.cause_id IS 'what brought this row: the event, a correction of it, or the decision that it was fraud';
		COMMENT ON COLUMN community.commission.plan_id IS 'the plan';
		COMMENT ON COLUMN community.commission.level IS 'level by the plan, 1 is the nearest that counts; null for what is of none';
		COMMENT ON COLUMN community.commission.member_id IS 'whose place above the buyer it is; null for nobody''s';
		COMMENT ON COLUMN community.commission.payee_id IS 'who is paid: the member or, once it was merged, who bears its books; null for breakage';
		COMMENT ON COLUMN community.commission.base IS 'amount of the event when the line was made';
		COMMENT ON COLUMN community.commission.points IS 'what is paid or, negative, taken back; of breakage, what is not paid';
		COMMENT ON COLUMN community.commission.source_line IS 'the line that it derives from';
		COMMENT ON COLUMN community.commission.rate IS 'points are base, or of matching the points of the line it derives from, times this, cut off to a whole unit, less what the ceiling cut';
		COMMENT ON COLUMN community.commission.kind IS 'level, override, matching, or breakage';
		COMMENT ON COLUMN community.commission.reason IS 'of breakage: closed, own_purchase, paid_below, attributes, tier, level_cap, paid_levels, nobody or ceiling';
		COMMENT ON COLUMN community.commission.recorded_at IS 'when it was recorded';
	END IF;

	IF to_regclass('community.signup_reward') IS NULL THEN
		CREATE TABLE community.signup_reward (
			program_id bigint NOT NULL,
			reward_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			side text NOT NULL,
			currency_id bigint NOT NULL,
			points bigint NOT NULL,
			types text[],
			minimum_amount bigint,
			after interval,
			within interval,
			pending_for interval,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT signup_reward_pkey PRIMARY KEY (program_id, reward_id),
			CONSTRAINT signup_reward_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT signup_reward_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT signup_reward_side_check CHECK (side IN ('sponsor', 'referee')),
			CONSTRAINT signup_reward_points_check CHECK (points BETWEEN 0 AND 1000000000000000),
			CONSTRAINT signup_reward_types_check
				CHECK (cardinality(types) > 0 AND array_ndims(types) = 1
					AND array_position(types, NULL) IS NULL AND array_position(types, '') IS NULL),
			CONSTRAINT signup_reward_condition_check
				CHECK (CASE WHEN types IS NULL THEN after IS NOT NULL AND minimum_amount IS NULL
					AND within IS NULL ELSE true END),
			CONSTRAINT signup_reward_after_check CHECK (after >= '0'),
			CONSTRAINT signup_reward_within_check CHECK (within > '0'),
			CONSTRAINT signup_reward_pending_for_check CHECK (pending_for >= '0'),
			CONSTRAINT signup_reward_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.signup_reward IS 'what a sponsor, or a member that was brought, gets once the latter qualifies; a rule that is in force only ends';
		COMMENT ON COLUMN community.signup_reward.program_id IS 'the program';
		COMMENT ON COLUMN community.signup_reward.reward_id IS 'the rule in this version';
		COMMENT ON COLUMN community.signup_reward.name IS 'its name; each side gets what it names once for each member that was brought';
		COMMENT ON COLUMN community.signup_reward.side IS 'who gets it: sponsor or referee';
		COMMENT ON COLUMN community.signup_reward.currency_id IS 'in which currency; one whose returns may become debts';
		COMMENT ON COLUMN community.signup_reward.points IS 'how much; 0 to note who qualifies and pay nothing';
		COMMENT ON COLUMN community.signup_reward.types IS 'an event of one of these types qualifies, the first that meets the other conditions; null when time alone does';
		COMMENT ON COLUMN community.signup_reward.minimum_amount IS 'only an event of so much or more qualifies, in minor units';
		COMMENT ON COLUMN community.signup_reward.after IS 'nobody qualifies before this time from when it got its sponsor';
		COMMENT ON COLUMN community.signup_reward.within IS 'nor by an event after this time';
		COMMENT ON COLUMN community.signup_reward.pending_for IS 'how long it is on hold; null for as long as the currency says';
		COMMENT ON COLUMN community.signup_reward.valid IS 'of those who qualify then; only its end may be moved, and not in the past';
		COMMENT ON COLUMN community.signup_reward.created_at IS 'when it was defined';
	END IF;

	IF to_regclass('community.signup_reward_given') IS NULL THEN
		CREATE TABLE community.signup_reward_given (
			program_id bigint NOT NULL,
			given_id bigint NOT NULL DEFAULT community.next_id(),
			referee_id bigint NOT NULL,
			name text NOT NULL,
			side text NOT NULL,
			reward_id bigint NOT NULL,
			payee_id bigint NOT NULL,
			event_id bigint,
			points bigint NOT NULL,
			qualified_at timestamptz NOT NULL,
			held_until timestamptz,
			given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			withdrawn_at timestamptz,
			CONSTRAINT signup_reward_given_pkey PRIMARY KEY (program_id, given_id)
		);
		CREATE UNIQUE INDEX signup_reward_given_once_idx ON community.signup_reward_given
			(program_id, referee_id, name, side) WHERE withdrawn_at IS NULL;
		CREATE INDEX signup_reward_given_event_idx ON community.signup_reward_given
			(program_id, event_id) WHERE event_id IS NOT NULL;
		COMMENT ON TABLE community.signup_reward_given IS 'rewards that members who qualified have brought';
		COMMENT ON COLUMN community.signup_reward_given.program_id IS 'the program';
		COMMENT ON COLUMN community.signup_reward_given.given_id IS 'the reward that was given; its entry stands under the key community.signup and this';
		COMMENT ON COLUMN community.signup_reward_given.referee_id IS 'who was brought and has qualified';
		COMMENT ON COLUMN community.signup_reward_given.name IS 'name of the rule';
		COMMENT ON COLUMN community.signup_reward_given.side IS 'sponsor or referee';
		COMMENT ON COLUMN community.signup_reward_given.reward_id IS 'the rule in the version that counted';
		COMMENT ON COLUMN community.signup_reward_given.payee_id IS 'who was paid';
		COMMENT ON COLUMN community.signup_reward_given.event_id IS 'the event that qualified the referee; null when time did';
		COMMENT ON COLUMN community.signup_reward_given.points IS 'how much';
		COMMENT ON COLUMN community.signup_reward_given.qualified_at IS 'when the referee qualified';
		COMMENT ON COLUMN community.signup_reward_given.held_until IS 'until when it is on hold; until then it goes when the event is taken back; null for no hold';
		COMMENT ON COLUMN community.signup_reward_given.given_at IS 'when it was given';
		COMMENT ON COLUMN community.signup_reward_given.withdrawn_at IS 'when it was taken back; the referee may then qualify anew';
	END IF;

	IF to_regclass('community.signup_reward_given_payee_idx') IS NULL THEN
		CREATE INDEX signup_reward_given_payee_idx ON community.signup_reward_given
			(program_id, payee_id, qualified_at) WHERE side = 'sponsor' AND withdrawn_at IS NULL;
	END IF;

	IF to_regclass('community.qualified_referral') IS NULL THEN
		CREATE VIEW community.qualified_referral WITH (security_invoker = true) AS
		SELECT g.program_id, g.given_id, g.payee_id AS member_id, g.referee_id, g.name,
			g.event_id, g.qualified_at
		FROM community.signup_reward_given AS g
		WHERE g.side = 'sponsor' AND g.withdrawn_at IS NULL
			-- once for each member that was brought, whatever it has qualified for
			AND NOT EXISTS (SELECT FROM community.signup_reward_given AS e
				WHERE e.program_id = g.program_id AND e.referee_id = g.referee_id
					AND e.payee_id = g.payee_id AND e.side = 'sponsor' AND e.withdrawn_at IS NULL
					AND (e.qualified_at, e.given_id) < (g.qualified_at, g.given_id));
		COMMENT ON VIEW community.qualified_referral IS 'who has brought whom that has qualified, by signup rewards of sponsors; what measures of kind qualified_referrals count';
		COMMENT ON COLUMN community.qualified_referral.program_id IS 'the program';
		COMMENT ON COLUMN community.qualified_referral.given_id IS 'the signup reward that was given for it first, of those that were not withdrawn';
		COMMENT ON COLUMN community.qualified_referral.member_id IS 'who has brought it, as it was then';
		COMMENT ON COLUMN community.qualified_referral.referee_id IS 'who has qualified';
		COMMENT ON COLUMN community.qualified_referral.name IS 'name of the reward';
		COMMENT ON COLUMN community.qualified_referral.event_id IS 'the event that qualified the referee; null when time did';
		COMMENT ON COLUMN community.qualified_referral.qualified_at IS 'when';
	END IF;
