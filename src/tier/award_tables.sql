
	-- ------------------------------------------------------- tier: awards

	IF to_regclass('community.award') IS NULL THEN
		CREATE TABLE community.award (
			program_id bigint NOT NULL,
			award_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			needs integer,
			period community.period NOT NULL DEFAULT 'lifetime',
			currency_id bigint,
			points bigint,
			payload jsonb,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT award_pkey PRIMARY KEY (program_id, award_id),
			CONSTRAINT award_name_key UNIQUE (program_id, name),
			CONSTRAINT award_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT award_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT award_needs_check CHECK (needs >= 1),
			CONSTRAINT award_period_check CHECK (period::text !~ '^rolling'),
			CONSTRAINT award_points_check CHECK ((points IS NULL) = (currency_id IS NULL)
				AND points BETWEEN 1 AND 1000000000000000),
			CONSTRAINT award_valid_check CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
				AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.award IS 'badges: what members are given for what they have done, and keep';
		COMMENT ON COLUMN community.award.program_id IS 'the program';
		COMMENT ON COLUMN community.award.award_id IS 'the award';
		COMMENT ON COLUMN community.award.name IS 'its name';
		COMMENT ON COLUMN community.award.needs IS 'how many of its requirements must be met, null for all';
		COMMENT ON COLUMN community.award.period IS 'it is given once in each, by the time when it was earned; cut in the program''s time zone, anniversaries are of joined_at';
		COMMENT ON COLUMN community.award.currency_id IS 'of the points that come with it, null for none';
		COMMENT ON COLUMN community.award.points IS 'points that come with it, in minor units';
		COMMENT ON COLUMN community.award.payload IS 'whatever the application wants to know with it';
		COMMENT ON COLUMN community.award.valid IS 'when it can be earned, [from, until)';
		COMMENT ON COLUMN community.award.created_at IS 'when it was made';
	END IF;

	IF to_regclass('community.award_requirement') IS NULL THEN
		CREATE TABLE community.award_requirement (
			program_id bigint NOT NULL,
			award_id bigint NOT NULL,
			position integer NOT NULL DEFAULT 1,
			measure_id bigint NOT NULL,
			period community.period NOT NULL DEFAULT 'lifetime',
			attain numeric NOT NULL,
			streak text,
			CONSTRAINT award_requirement_pkey PRIMARY KEY (program_id, award_id, position),
			CONSTRAINT award_requirement_award_fkey FOREIGN KEY (program_id, award_id)
				REFERENCES community.award ON DELETE CASCADE,
			CONSTRAINT award_requirement_measure_fkey FOREIGN KEY (program_id, measure_id)
				REFERENCES community.measure,
			CONSTRAINT award_requirement_attain_check
				CHECK (attain > 0 AND attain <= 9007199254740991),
			CONSTRAINT award_requirement_streak_check CHECK (streak IS NULL
				OR streak IN ('day', 'week', 'month') AND period::text = 'lifetime'
					AND attain = round(attain) AND attain <= 10000)
		);
		COMMENT ON TABLE community.award_requirement IS 'what awards require';
		COMMENT ON COLUMN community.award_requirement.program_id IS 'the program';
		COMMENT ON COLUMN community.award_requirement.award_id IS 'the award';
		COMMENT ON COLUMN community.award_requirement.position IS 'number among the requirements of the award';
		COMMENT ON COLUMN community.award_requirement.measure_id IS 'what is counted; a measure of events';
		COMMENT ON COLUMN community.award_requirement.period IS 'over which period';
		COMMENT ON COLUMN community.award_requirement.attain IS 'the least that meets it, in units of the measure, or days, weeks or months of a streak';
		COMMENT ON COLUMN community.award_requirement.streak IS 'day, week or month: so many of them one after the other, each with an event of the measure; null for its value';
	END IF;

	IF to_regclass('community.award_given') IS NULL THEN
		CREATE TABLE community.award_given (
			program_id bigint NOT NULL,
			given_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			award_id bigint NOT NULL,
			period_start timestamptz NOT NULL,
			earned_at timestamptz NOT NULL,
			points bigint,
			key text,
			given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			withdrawn_at timestamptz,
			CONSTRAINT award_given_pkey PRIMARY KEY (program_id, given_id),
			CONSTRAINT award_given_award_fkey FOREIGN KEY (program_id, award_id)
				REFERENCES community.award
		);
		CREATE UNIQUE INDEX award_given_member_key ON community.award_given
			(program_id, member_id, award_id, period_start) WHERE withdrawn_at IS NULL;
		COMMENT ON TABLE community.award_given IS 'who was given which award';
		COMMENT ON COLUMN community.award_given.program_id IS 'the program';
		COMMENT ON COLUMN community.award_given.given_id IS 'the row';
		COMMENT ON COLUMN community.award_given.member_id IS 'the member';
		COMMENT ON COLUMN community.award_given.award_id IS 'the award';
		COMMENT ON COLUMN community.award_given.period_start IS 'start of the period of the award in which it was earned; -infinity for a lifetime';
		COMMENT ON COLUMN community.award_given.earned_at IS 'time of the event that earned it';
		COMMENT ON COLUMN community.award_given.points IS 'points that came with it';
		COMMENT ON COLUMN community.award_given.key IS 'key of the entry that gave them; null for none';
		COMMENT ON COLUMN community.award_given.given_at IS 'when it was given';
		COMMENT ON COLUMN community.award_given.withdrawn_at IS 'when events that earned it had been taken back; null for what is held';
	END IF;
