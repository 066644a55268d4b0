
	-- ---------------------------------------------------------------- tier

	IF to_regclass('community.measure') IS NULL THEN
		CREATE TABLE community.measure (
			program_id bigint NOT NULL,
			measure_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			kind text NOT NULL,
			side text NOT NULL DEFAULT 'actor',
			types text[],
			payload_filter jsonb,
			currency_id bigint,
			function text,
			registered_by text NOT NULL DEFAULT session_user,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT measure_pkey PRIMARY KEY (program_id, measure_id),
			CONSTRAINT measure_name_key UNIQUE (program_id, name),
			CONSTRAINT measure_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT measure_kind_check CHECK (kind IN ('sum', 'count', 'maximum',
				'distinct_days', 'distinct_counterparts', 'points', 'engagement',
				'membership_days', 'qualified_referrals', 'function')),
			CONSTRAINT measure_events_check CHECK (kind IN ('sum', 'count', 'maximum',
				'distinct_days', 'distinct_counterparts') OR (types IS NULL AND payload_filter IS NULL)),
			CONSTRAINT measure_side_check CHECK (side = 'actor' OR (side = 'target'
				AND kind IN ('sum', 'count', 'maximum', 'distinct_days', 'distinct_counterparts'))),
			CONSTRAINT measure_types_check CHECK (cardinality(types) > 0
				AND array_position(types, NULL) IS NULL),
			CONSTRAINT measure_currency_check CHECK ((kind = 'points') = (currency_id IS NOT NULL)),
			CONSTRAINT measure_function_check CHECK ((kind = 'function') = (function IS NOT NULL))
		);
		COMMENT ON TABLE community.measure IS 'what ladders and awards count; define_measure() checks and explains';
		COMMENT ON COLUMN community.measure.program_id IS 'the program';
		COMMENT ON COLUMN community.measure.measure_id IS 'the measure';
		COMMENT ON COLUMN community.measure.name IS 'its name';
		COMMENT ON COLUMN community.measure.kind IS 'sum, count, maximum, distinct_days or distinct_counterparts of events; points accrued; engagement; membership_days; qualified_referrals; or a function of your own';
		COMMENT ON COLUMN community.measure.side IS 'actor: what a member does counts; target: what is done to it by others, events whose target_id it is';
		COMMENT ON COLUMN community.measure.types IS 'types of event that count, null for all';
		COMMENT ON COLUMN community.measure.payload_filter IS 'events count whose payload contains it, null for all';
		COMMENT ON COLUMN community.measure.currency_id IS 'for points: of this currency';
		COMMENT ON COLUMN community.measure.function IS 'for a function of your own: schema.name, taking (program bigint, member bigint, during tstzrange) and giving numeric';
		COMMENT ON COLUMN community.measure.registered_by IS 'who registered it; a function of your own runs with the rights of this role';
		COMMENT ON COLUMN community.measure.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.ladder') IS NULL THEN
		CREATE TABLE community.ladder (
			program_id bigint NOT NULL,
			ladder_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			promotion text NOT NULL DEFAULT 'at_once',
			promotion_period community.period,
			demotion text NOT NULL DEFAULT 'never',
			term interval,
			term_rounding community.period,
			grace interval NOT NULL DEFAULT '0',
			dwell interval NOT NULL DEFAULT '0',
			landing text NOT NULL DEFAULT 'qualified',
			grandfather boolean NOT NULL DEFAULT false,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT ladder_pkey PRIMARY KEY (program_id, ladder_id),
			CONSTRAINT ladder_name_key UNIQUE (program_id, name),
			CONSTRAINT ladder_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT ladder_promotion_check CHECK (promotion IN ('at_once', 'period_end')),
			CONSTRAINT ladder_promotion_period_check
				CHECK ((promotion = 'period_end') = (promotion_period IS NOT NULL)
					AND promotion_period::text !~ '^(rolling|lifetime)'),
			CONSTRAINT ladder_demotion_check CHECK (demotion IN ('never', 'drop', 'term_end')),
			CONSTRAINT ladder_term_check CHECK (term > '0'
				AND (demotion = 'term_end') = (term IS NOT NULL OR term_rounding IS NOT NULL)),
			CONSTRAINT ladder_term_rounding_check
				CHECK (term_rounding::text !~ '^(rolling|lifetime)'),
			CONSTRAINT ladder_grace_check CHECK (grace >= '0'),
			CONSTRAINT ladder_dwell_check CHECK (dwell >= '0'),
			CONSTRAINT ladder_landing_check CHECK (landing IN ('qualified', 'one_down'))
		);
		COMMENT ON TABLE community.ladder IS 'drafts of ladders, one each: nothing here moves anybody until publish_ladder()';
		COMMENT ON COLUMN community.ladder.program_id IS 'the program';
		COMMENT ON COLUMN community.ladder.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.ladder.name IS 'its name';
		COMMENT ON COLUMN community.ladder.promotion IS 'at_once, or period_end: at the end of promotion_period';
		COMMENT ON COLUMN community.ladder.promotion_period IS 'calendar or anniversary period at whose end members are promoted';
		COMMENT ON COLUMN community.ladder.demotion IS 'never, drop (when what keeps the tier is no longer there) or term_end (when it is not there as the term ends)';
		COMMENT ON COLUMN community.ladder.term IS 'how long a tier is held before it is judged again';
		COMMENT ON COLUMN community.ladder.term_rounding IS 'the term goes on to the end of this period; alone, to the end of the period in which it began';
		COMMENT ON COLUMN community.ladder.grace IS 'how long a tier is held on once it is lost';
		COMMENT ON COLUMN community.ladder.dwell IS 'how long after it was reached no tier drops';
		COMMENT ON COLUMN community.ladder.landing IS 'where who is demoted lands: qualified (the highest tier below that is kept) or one_down';
		COMMENT ON COLUMN community.ladder.grandfather IS 'whether terms that run when this draft is published go on under the version before, until they end';
		COMMENT ON COLUMN community.ladder.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.tier') IS NULL THEN
		CREATE TABLE community.tier (
			program_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			rank integer NOT NULL,
			name text NOT NULL,
			entry text NOT NULL DEFAULT 'qualify',
			needs integer,
			seats integer,
			fee_type text,
			fee bigint,
			fee_term interval,
			CONSTRAINT tier_pkey PRIMARY KEY (program_id, ladder_id, rank),
			CONSTRAINT tier_name_key UNIQUE (program_id, ladder_id, name),
			CONSTRAINT tier_rank_check CHECK (rank BETWEEN 1 AND 100),
			CONSTRAINT tier_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT tier_entry_check CHECK (entry IN ('qualify', 'invitation', 'none')),
			CONSTRAINT tier_needs_check CHECK (needs >= 1),
			CONSTRAINT tier_seats_check CHECK (seats >= 1),
			CONSTRAINT tier_fee_check CHECK (num_nonnulls(fee_type, fee, fee_term) IN (0, 3)
				AND fee > 0 AND fee_term > '0')
		);
		COMMENT ON TABLE community.tier IS 'tiers of the drafts of ladders';
		COMMENT ON COLUMN community.tier.program_id IS 'the program';
		COMMENT ON COLUMN community.tier.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier.rank IS 'place on the ladder, from 1, the lowest';
		COMMENT ON COLUMN community.tier.name IS 'its name';
		COMMENT ON COLUMN community.tier.entry IS 'qualify (by its requirements), invitation (by its requirements, for who is invited) or none (by grant, fee or seat alone)';
		COMMENT ON COLUMN community.tier.needs IS 'how many of its requirements must be met, null for all';
		COMMENT ON COLUMN community.tier.seats IS 'how many members claim_seat() lets in, null where it does not';
		COMMENT ON COLUMN community.tier.fee_type IS 'type of the events that pay for the tier, null where it cannot be bought';
		COMMENT ON COLUMN community.tier.fee IS 'smallest amount of such an event, in minor units';
		COMMENT ON COLUMN community.tier.fee_term IS 'how long a payment lasts; a further one begins where the last one ends';
	END IF;

	IF to_regclass('community.tier_requirement') IS NULL THEN
		CREATE TABLE community.tier_requirement (
			program_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			rank integer NOT NULL,
			position integer NOT NULL DEFAULT 1,
			measure_id bigint NOT NULL,
			period community.period NOT NULL DEFAULT 'lifetime',
			attain numeric NOT NULL,
			keep numeric,
			at_most boolean NOT NULL DEFAULT false,
			CONSTRAINT tier_requirement_pkey PRIMARY KEY (program_id, ladder_id, rank, position),
			CONSTRAINT tier_requirement_tier_fkey FOREIGN KEY (program_id, ladder_id, rank)
				REFERENCES community.tier ON UPDATE CASCADE ON DELETE CASCADE,
			CONSTRAINT tier_requirement_measure_fkey FOREIGN KEY (program_id, measure_id)
				REFERENCES community.measure,
			CONSTRAINT tier_requirement_attain_check CHECK ((attain > 0 OR (at_most AND attain = 0))
				AND attain <= 9007199254740991),
			CONSTRAINT tier_requirement_keep_check CHECK (keep >= 0 AND keep <= 9007199254740991
				AND CASE WHEN at_most THEN keep >= attain ELSE keep <= attain END)
		);
		COMMENT ON TABLE community.tier_requirement IS 'what the tiers of drafts require';
		COMMENT ON COLUMN community.tier_requirement.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_requirement.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_requirement.rank IS 'rank of the tier';
		COMMENT ON COLUMN community.tier_requirement.position IS 'number among the requirements of the tier';
		COMMENT ON COLUMN community.tier_requirement.measure_id IS 'what is counted';
		COMMENT ON COLUMN community.tier_requirement.period IS 'over which period; engagement and membership_days take lifetime alone';
		COMMENT ON COLUMN community.tier_requirement.attain IS 'the least that reaches the tier, in units of the measure; the most where at_most says so';
		COMMENT ON COLUMN community.tier_requirement.keep IS 'the least, or the most, that keeps it, null for the same';
		COMMENT ON COLUMN community.tier_requirement.at_most IS 'whether there must be at most so much, rather than at least';
	END IF;

	IF to_regclass('community.ladder_version') IS NULL THEN
		CREATE TABLE community.ladder_version (
			program_id bigint NOT NULL,
			version_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			valid tstzrange NOT NULL,
			definition jsonb NOT NULL,
			published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			published_by text NOT NULL DEFAULT session_user,
			CONSTRAINT ladder_version_pkey PRIMARY KEY (program_id, version_id),
			CONSTRAINT ladder_version_valid_check CHECK (NOT isempty(valid)
				AND (lower_inf(valid) OR isfinite(lower(valid)))
				AND lower_inc(valid) <> lower_inf(valid))
		);
		CREATE INDEX ladder_version_ladder_idx ON community.ladder_version (program_id, ladder_id);
		COMMENT ON TABLE community.ladder_version IS 'published ladders, as they were when they were published; written by publish_ladder() alone';
		COMMENT ON COLUMN community.ladder_version.program_id IS 'the program';
		COMMENT ON COLUMN community.ladder_version.version_id IS 'the version';
		COMMENT ON COLUMN community.ladder_version.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.ladder_version.valid IS 'when it is in force; versions of a ladder follow each other without gap';
		COMMENT ON COLUMN community.ladder_version.definition IS 'the ladder with its tiers and requirements, see ladder_definition()';
		COMMENT ON COLUMN community.ladder_version.published_at IS 'when it was published';
		COMMENT ON COLUMN community.ladder_version.published_by IS 'database role that published it';
	END IF;

	IF to_regclass('community.tenure') IS NULL THEN
		CREATE TABLE community.tenure (
			program_id bigint NOT NULL,
			tenure_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			rank integer NOT NULL,
			source text NOT NULL,
			during tstzrange NOT NULL,
			ends_at timestamptz,
			version_id bigint,
			reason text NOT NULL,
			key text,
			actor text NOT NULL DEFAULT session_user,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			superseded_at timestamptz,
			CONSTRAINT tenure_pkey PRIMARY KEY (program_id, tenure_id),
			CONSTRAINT tenure_source_check CHECK (source IN ('qualified', 'grace',
				'purchased', 'granted', 'matched', 'seat')),
			CONSTRAINT tenure_during_check CHECK (NOT isempty(during) AND lower_inc(during)
				AND isfinite(lower(during)) AND NOT upper_inc(during)),
			CONSTRAINT tenure_known_check CHECK (superseded_at >= recorded_at),
			-- no query says this of superseded_at, so none is planned, while the
			-- table is empty, to read the whole of this index
			CONSTRAINT tenure_excl EXCLUDE USING gist (
				int8range(member_id, member_id, '[]') WITH &&, during WITH &&,
				int8range(ladder_id, ladder_id, '[]') WITH &&,
				int8range(CASE WHEN source IN ('qualified', 'grace') THEN 0
					ELSE hashtextextended(source || ' ' || tier, 0) >> 1 END,
					CASE WHEN source IN ('qualified', 'grace') THEN 0
					ELSE hashtextextended(source || ' ' || tier, 0) >> 1 END, '[]') WITH &&,
				int8range(program_id, program_id, '[]') WITH &&)
				WHERE (coalesce(superseded_at, 'infinity') = 'infinity')
		);
		CREATE INDEX tenure_member_idx ON community.tenure (program_id, member_id, ladder_id);
		CREATE UNIQUE INDEX tenure_key_key ON community.tenure (program_id, key, source)
			WHERE key IS NOT NULL AND source <> 'purchased' AND superseded_at IS NULL;
		COMMENT ON TABLE community.tenure IS 'who held which tier when, and since when and until when that was believed; rows are superseded, never edited';
		COMMENT ON COLUMN community.tenure.program_id IS 'the program';
		COMMENT ON COLUMN community.tenure.tenure_id IS 'the row';
		COMMENT ON COLUMN community.tenure.member_id IS 'the member';
		COMMENT ON COLUMN community.tenure.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tenure.tier IS 'name of the tier';
		COMMENT ON COLUMN community.tenure.rank IS 'its rank, in the version of the ladder';
		COMMENT ON COLUMN community.tenure.source IS 'qualified, grace, purchased, granted, matched or seat';
		COMMENT ON COLUMN community.tenure.during IS 'when the tier is held; without end while nothing has ended it';
		COMMENT ON COLUMN community.tenure.ends_at IS 'end of the running term or grace, at which the tier is judged; null where there is none';
		COMMENT ON COLUMN community.tenure.version_id IS 'version of the ladder under which the tier was reached; null for a grant';
		COMMENT ON COLUMN community.tenure.reason IS 'promoted, renewed, demoted, grace, recovered, vetoed or carried (into another version); of a grant what the caller says';
		COMMENT ON COLUMN community.tenure.key IS 'idempotency key of a grant, key of the payment';
		COMMENT ON COLUMN community.tenure.actor IS 'database role that recorded it';
		COMMENT ON COLUMN community.tenure.recorded_at IS 'since when it is believed';
		COMMENT ON COLUMN community.tenure.superseded_at IS 'until when it was believed; null for what is believed now';
	END IF;

	IF to_regclass('community.tier_change') IS NULL THEN
		CREATE TABLE community.tier_change (
			program_id bigint NOT NULL,
			event_id bigint NOT NULL,
			ladder text NOT NULL,
			from_tier text,
			to_tier text,
			reason text NOT NULL,
			at timestamptz,
			CONSTRAINT tier_change_pkey PRIMARY KEY (program_id, event_id, ladder)
		);
		COMMENT ON TABLE community.tier_change IS 'what receipts told of tiers, so that a replay tells the same; rows are only added';
		COMMENT ON COLUMN community.tier_change.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_change.event_id IS 'the event, or the reversal';
		COMMENT ON COLUMN community.tier_change.ladder IS 'name of the ladder, as it was then';
		COMMENT ON COLUMN community.tier_change.from_tier IS 'tier that was held before the call, over all sources; null for none';
		COMMENT ON COLUMN community.tier_change.to_tier IS 'tier that was held after it; null for none';
		COMMENT ON COLUMN community.tier_change.reason IS 'reason of the tenure that was held after it; demoted, or corrected (no tier was ever held), for none';
		COMMENT ON COLUMN community.tier_change.at IS 'when that tenure began; for none when the last one had ended, null where there is none';
	END IF;

	IF to_regclass('community.standing') IS NULL THEN
		CREATE TABLE community.standing (
			program_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			member_id bigint NOT NULL,
			as_of timestamptz NOT NULL,
			due timestamptz NOT NULL,
			stale_at timestamptz NOT NULL,
			falling_at timestamptz NOT NULL,
			since timestamptz NOT NULL,
			ends_at timestamptz NOT NULL,
			version_id bigint NOT NULL,
			seen_id bigint NOT NULL,
			rank integer NOT NULL,
			grace boolean NOT NULL,
			plain boolean NOT NULL,
			amounts bigint[] NOT NULL,
			scores double precision[] NOT NULL,
			CONSTRAINT standing_pkey PRIMARY KEY (program_id, ladder_id, member_id)
		) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
		CREATE INDEX standing_due_idx ON community.standing (program_id, ladder_id, due)
			WHERE due < 'infinity';
		COMMENT ON TABLE community.standing IS 'where each member stands on each published ladder, so that an event need not look at the past; rebuild(''standings'') derives it anew';
		COMMENT ON COLUMN community.standing.program_id IS 'the program';
		COMMENT ON COLUMN community.standing.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.standing.member_id IS 'the member';
		COMMENT ON COLUMN community.standing.as_of IS 'until when this is worked out';
		COMMENT ON COLUMN community.standing.due IS 'before then time alone changes no tier';
		COMMENT ON COLUMN community.standing.stale_at IS 'before then time alone changes no value';
		COMMENT ON COLUMN community.standing.falling_at IS 'when a value fell last, or one rose of which there must be little';
		COMMENT ON COLUMN community.standing.since IS 'when the tenure began';
		COMMENT ON COLUMN community.standing.ends_at IS 'end of the term or grace, infinity for none';
		COMMENT ON COLUMN community.standing.version_id IS 'version of the ladder by which the member is judged, 0 for none';
		COMMENT ON COLUMN community.standing.seen_id IS 'newest version of the ladder when this was worked out, 0 when it must be worked out anew';
		COMMENT ON COLUMN community.standing.rank IS 'rank of the tier, 0 for none';
		COMMENT ON COLUMN community.standing.grace IS 'whether the tier is held in grace';
		COMMENT ON COLUMN community.standing.plain IS 'whether the events of the member alone count, and none of them was ever corrected';
		COMMENT ON COLUMN community.standing.amounts IS 'value of each gauge, a measure over a period, in whole units';
		COMMENT ON COLUMN community.standing.scores IS 'values of gauges that are fractions; empty where there are none';
	END IF;

	IF to_regclass('community.standing_touch') IS NULL THEN
		CREATE TABLE community.standing_touch (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			touch_id bigint NOT NULL DEFAULT community.next_id(),
			CONSTRAINT standing_touch_pkey PRIMARY KEY (program_id, member_id, touch_id)
		);
		COMMENT ON TABLE community.standing_touch IS 'members whose standings must be worked out anew, noted by who may not wait for their lock';
		COMMENT ON COLUMN community.standing_touch.program_id IS 'the program';
		COMMENT ON COLUMN community.standing_touch.member_id IS 'the member';
		COMMENT ON COLUMN community.standing_touch.touched_at IS 'when it was noted';
		COMMENT ON COLUMN community.standing_touch.touch_id IS 'the note';
	END IF;

	IF to_regclass('community.tier_ruling') IS NULL THEN
		CREATE TABLE community.tier_ruling (
			program_id bigint NOT NULL,
			ruling_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			kind text NOT NULL,
			tier text,
			during tstzrange NOT NULL,
			reason text NOT NULL,
			key text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			superseded_at timestamptz,
			CONSTRAINT tier_ruling_pkey PRIMARY KEY (program_id, ruling_id),
			CONSTRAINT tier_ruling_kind_check CHECK (kind IN ('lock', 'veto', 'invitation')),
			CONSTRAINT tier_ruling_tier_check CHECK ((kind = 'lock') = (tier IS NULL)),
			CONSTRAINT tier_ruling_during_check CHECK (NOT isempty(during) AND lower_inc(during)
				AND isfinite(lower(during)) AND NOT upper_inc(during))
		);
		CREATE INDEX tier_ruling_member_idx ON community.tier_ruling
			(program_id, member_id, ladder_id);
		CREATE UNIQUE INDEX tier_ruling_key_key ON community.tier_ruling (program_id, key)
			WHERE superseded_at IS NULL;
		COMMENT ON TABLE community.tier_ruling IS 'what people decide about a member on a ladder; rows are superseded, never edited';
		COMMENT ON COLUMN community.tier_ruling.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_ruling.ruling_id IS 'the ruling';
		COMMENT ON COLUMN community.tier_ruling.member_id IS 'the member';
		COMMENT ON COLUMN community.tier_ruling.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_ruling.kind IS 'lock (the tier stays as it is), veto (neither this tier nor a higher one by qualification) or invitation (to a tier that needs one)';
		COMMENT ON COLUMN community.tier_ruling.tier IS 'name of the tier, null for a lock';
		COMMENT ON COLUMN community.tier_ruling.during IS 'when it is in force';
		COMMENT ON COLUMN community.tier_ruling.reason IS 'why';
		COMMENT ON COLUMN community.tier_ruling.key IS 'idempotency key';
		COMMENT ON COLUMN community.tier_ruling.actor IS 'database role that recorded it';
		COMMENT ON COLUMN community.tier_ruling.recorded_at IS 'since when it is known';
		COMMENT ON COLUMN community.tier_ruling.superseded_at IS 'until when it was; null for what holds now';
	END IF;
