
	-- ----------------------------------------------------- tier: benefits

	IF to_regclass('community.benefit') IS NULL THEN
		CREATE TABLE community.benefit (
			program_id bigint NOT NULL,
			benefit_id bigint NOT NULL DEFAULT community.next_id(),
			code text NOT NULL,
			kind text NOT NULL,
			currency_id bigint,
			factor numeric,
			rules text[],
			points bigint,
			period community.period,
			payload jsonb,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT benefit_pkey PRIMARY KEY (program_id, benefit_id),
			CONSTRAINT benefit_code_key UNIQUE (program_id, code),
			CONSTRAINT benefit_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT benefit_code_check CHECK (code <> '' AND octet_length(code) <= 512),
			CONSTRAINT benefit_kind_check
				CHECK (kind IN ('multiplier', 'allowance', 'points', 'flag')),
			CONSTRAINT benefit_currency_check CHECK ((kind = 'flag') = (currency_id IS NULL)),
			CONSTRAINT benefit_factor_check CHECK ((kind = 'multiplier') = (factor IS NOT NULL)
				AND factor > 0 AND factor <= 1000000 AND factor = round(factor, 6)),
			CONSTRAINT benefit_rules_check CHECK (rules IS NULL OR (kind = 'multiplier'
				AND cardinality(rules) > 0 AND array_position(rules, NULL) IS NULL)),
			CONSTRAINT benefit_points_check CHECK (
				(kind IN ('allowance', 'points')) = (points IS NOT NULL)
				AND points BETWEEN 1 AND 1000000000000000),
			CONSTRAINT benefit_period_check CHECK ((kind = 'allowance') = (period IS NOT NULL)
				AND period::text !~ '^rolling'),
			CONSTRAINT benefit_payload_check CHECK (kind = 'flag' OR payload IS NULL)
		);
		COMMENT ON TABLE community.benefit IS 'what tiers can bring; define_benefit() checks and explains';
		COMMENT ON COLUMN community.benefit.program_id IS 'the program';
		COMMENT ON COLUMN community.benefit.benefit_id IS 'the benefit';
		COMMENT ON COLUMN community.benefit.code IS 'name by which functions know it';
		COMMENT ON COLUMN community.benefit.kind IS 'multiplier (of what accrual rules give), allowance (points for each period, which expire with it), points (once a tenure) or flag';
		COMMENT ON COLUMN community.benefit.currency_id IS 'of which points, null for a flag';
		COMMENT ON COLUMN community.benefit.factor IS 'of a multiplier: by what, with up to six decimals';
		COMMENT ON COLUMN community.benefit.rules IS 'of a multiplier: names of the accrual rules, null for all rules of the currency';
		COMMENT ON COLUMN community.benefit.points IS 'of an allowance or points: how many, in minor units';
		COMMENT ON COLUMN community.benefit.period IS 'of an allowance: how often; cut in the program''s time zone, anniversaries are of joined_at';
		COMMENT ON COLUMN community.benefit.payload IS 'of a flag: whatever the application wants to know with it';
		COMMENT ON COLUMN community.benefit.created_at IS 'when it was made';
	END IF;

	IF to_regclass('community.tier_benefit') IS NULL THEN
		CREATE TABLE community.tier_benefit (
			program_id bigint NOT NULL,
			listing_id bigint NOT NULL DEFAULT community.next_id(),
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			benefit_id bigint NOT NULL,
			factor numeric,
			points bigint,
			payload jsonb,
			valid tstzrange NOT NULL DEFAULT tstzrange(now(), NULL),
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT tier_benefit_pkey PRIMARY KEY (program_id, listing_id),
			CONSTRAINT tier_benefit_ladder_fkey FOREIGN KEY (program_id, ladder_id)
				REFERENCES community.ladder,
			CONSTRAINT tier_benefit_benefit_fkey FOREIGN KEY (program_id, benefit_id)
				REFERENCES community.benefit,
			CONSTRAINT tier_benefit_tier_check CHECK (tier <> ''),
			CONSTRAINT tier_benefit_factor_check CHECK (factor > 0 AND factor <= 1000000
				AND factor = round(factor, 6)),
			CONSTRAINT tier_benefit_points_check CHECK (points BETWEEN 1 AND 1000000000000000),
			CONSTRAINT tier_benefit_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		CREATE INDEX tier_benefit_benefit_idx ON community.tier_benefit (program_id, benefit_id);
		COMMENT ON TABLE community.tier_benefit IS 'which tier brings which benefit; end a row by the upper bound of valid, then settle_benefits() tells members';
		COMMENT ON COLUMN community.tier_benefit.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_benefit.listing_id IS 'the row';
		COMMENT ON COLUMN community.tier_benefit.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_benefit.tier IS 'name of the tier, in whatever version of the ladder';
		COMMENT ON COLUMN community.tier_benefit.benefit_id IS 'the benefit';
		COMMENT ON COLUMN community.tier_benefit.factor IS 'in place of that of the benefit, null for the same';
		COMMENT ON COLUMN community.tier_benefit.points IS 'in place of those of the benefit, null for the same';
		COMMENT ON COLUMN community.tier_benefit.payload IS 'in place of that of the benefit, null for the same';
		COMMENT ON COLUMN community.tier_benefit.valid IS 'when the tier brings it, [from, until); points come with tenures that begin then';
		COMMENT ON COLUMN community.tier_benefit.created_at IS 'when it was made';
	END IF;

	IF to_regclass('community.benefit_grant') IS NULL THEN
		CREATE TABLE community.benefit_grant (
			program_id bigint NOT NULL,
			grant_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			benefit_id bigint NOT NULL,
			listing_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			source text NOT NULL,
			held tstzrange NOT NULL,
			during tstzrange NOT NULL,
			judged_at timestamptz NOT NULL,
			value numeric,
			payload jsonb,
			key text,
			due_at timestamptz NOT NULL DEFAULT 'infinity',
			granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			settled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			withdrawn_at timestamptz,
			CONSTRAINT benefit_grant_pkey PRIMARY KEY (program_id, grant_id),
			CONSTRAINT benefit_grant_source_check CHECK (source IN ('qualified',
				'purchased', 'granted', 'matched', 'seat')),
			CONSTRAINT benefit_grant_during_check CHECK (held @> during AND NOT isempty(during))
		) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
		CREATE INDEX benefit_grant_member_idx ON community.benefit_grant
			(program_id, member_id, benefit_id) WHERE withdrawn_at IS NULL;
		CREATE INDEX benefit_grant_due_idx ON community.benefit_grant (program_id, due_at)
			WHERE withdrawn_at IS NULL AND due_at < 'infinity';
		COMMENT ON TABLE community.benefit_grant IS 'who has which benefit when, by the tenures that are believed now';
		COMMENT ON COLUMN community.benefit_grant.program_id IS 'the program';
		COMMENT ON COLUMN community.benefit_grant.grant_id IS 'the grant';
		COMMENT ON COLUMN community.benefit_grant.member_id IS 'the member';
		COMMENT ON COLUMN community.benefit_grant.benefit_id IS 'the benefit';
		COMMENT ON COLUMN community.benefit_grant.listing_id IS 'row of tier_benefit by which the tier brings it';
		COMMENT ON COLUMN community.benefit_grant.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.benefit_grant.tier IS 'name of the tier';
		COMMENT ON COLUMN community.benefit_grant.source IS 'source of the tenures; qualified stands for grace as well';
		COMMENT ON COLUMN community.benefit_grant.held IS 'when the tier is held, from tenure to adjoining tenure; points begin anew with a renewal';
		COMMENT ON COLUMN community.benefit_grant.during IS 'when the member has the benefit: the part of held in which the tier brings it';
		COMMENT ON COLUMN community.benefit_grant.judged_at IS 'the tier is judged again then, so nothing is known from then on without working it out; -infinity where any time may be such, infinity where none is';
		COMMENT ON COLUMN community.benefit_grant.value IS 'factor, or points';
		COMMENT ON COLUMN community.benefit_grant.payload IS 'of a flag';
		COMMENT ON COLUMN community.benefit_grant.key IS 'key of the entry that gave points; null while it has not';
		COMMENT ON COLUMN community.benefit_grant.due_at IS 'when points are to be given or taken next';
		COMMENT ON COLUMN community.benefit_grant.granted_at IS 'when it was granted';
		COMMENT ON COLUMN community.benefit_grant.settled_at IS 'when its times were found last';
		COMMENT ON COLUMN community.benefit_grant.withdrawn_at IS 'when it turned out that the tier was never held; null for what counts';
	END IF;

	IF to_regclass('community.benefit_allowance') IS NULL THEN
		CREATE TABLE community.benefit_allowance (
			program_id bigint NOT NULL,
			allowance_id bigint NOT NULL,
			member_id bigint NOT NULL,
			grant_id bigint NOT NULL,
			period_start timestamptz NOT NULL,
			period_end timestamptz NOT NULL,
			points bigint NOT NULL,
			taken bigint NOT NULL DEFAULT 0,
			key text NOT NULL,
			given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			ended_at timestamptz,
			CONSTRAINT benefit_allowance_pkey PRIMARY KEY (program_id, allowance_id),
			CONSTRAINT benefit_allowance_grant_fkey FOREIGN KEY (program_id, grant_id)
				REFERENCES community.benefit_grant,
			CONSTRAINT benefit_allowance_taken_check CHECK (taken BETWEEN 0 AND points)
		);
		CREATE INDEX benefit_allowance_member_idx ON community.benefit_allowance
			(program_id, member_id, period_end);
		COMMENT ON TABLE community.benefit_allowance IS 'allowances that were given, period by period';
		COMMENT ON COLUMN community.benefit_allowance.program_id IS 'the program';
		COMMENT ON COLUMN community.benefit_allowance.allowance_id IS 'the allowance';
		COMMENT ON COLUMN community.benefit_allowance.member_id IS 'the member';
		COMMENT ON COLUMN community.benefit_allowance.grant_id IS 'the grant';
		COMMENT ON COLUMN community.benefit_allowance.period_start IS 'start of the period';
		COMMENT ON COLUMN community.benefit_allowance.period_end IS 'end of the period, when what is left expires';
		COMMENT ON COLUMN community.benefit_allowance.points IS 'points given';
		COMMENT ON COLUMN community.benefit_allowance.taken IS 'points that were left when the benefit ended, and taken back';
		COMMENT ON COLUMN community.benefit_allowance.key IS 'key of the entry';
		COMMENT ON COLUMN community.benefit_allowance.given_at IS 'when it was given';
		COMMENT ON COLUMN community.benefit_allowance.ended_at IS 'when the benefit had ended before the period and this was booked; null otherwise';
	END IF;
