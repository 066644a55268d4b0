
	-- -------------------------------------------------------------- points

	IF to_regclass('community.currency') IS NULL THEN
		CREATE TABLE community.currency (
			program_id bigint NOT NULL,
			currency_id bigint NOT NULL DEFAULT community.next_id(),
			code text NOT NULL,
			scale integer NOT NULL DEFAULT 0,
			rounding text NOT NULL DEFAULT 'down',
			pending_for interval,
			until_released boolean NOT NULL DEFAULT false,
			expires_after interval,
			expiry_rounding community.period,
			inactive_after interval,
			burn_order text NOT NULL DEFAULT 'expiry',
			overdraft bigint NOT NULL DEFAULT 0,
			return_policy text NOT NULL DEFAULT 'deficit',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT currency_pkey PRIMARY KEY (program_id, currency_id),
			CONSTRAINT currency_code_key UNIQUE (program_id, code),
			CONSTRAINT currency_code_check CHECK (code <> '' AND octet_length(code) <= 512),
			CONSTRAINT currency_scale_check CHECK (scale BETWEEN 0 AND 9),
			CONSTRAINT currency_rounding_check CHECK (rounding IN ('down', 'nearest', 'up')),
			CONSTRAINT currency_pending_for_check CHECK (pending_for >= '0'),
			CONSTRAINT currency_pending_check CHECK (pending_for IS NULL OR NOT until_released),
			CONSTRAINT currency_expires_after_check CHECK (expires_after > '0'),
			CONSTRAINT currency_inactive_after_check CHECK (inactive_after > '0'),
			CONSTRAINT currency_expiry_check
				CHECK (inactive_after IS NULL OR expires_after IS NULL),
			CONSTRAINT currency_burn_order_check
				CHECK (burn_order IN ('expiry', 'oldest', 'newest')),
			CONSTRAINT currency_overdraft_check CHECK (overdraft >= 0),
			CONSTRAINT currency_return_policy_check
				CHECK (return_policy IN ('within_balance', 'deficit', 'only_pending'))
		);
		COMMENT ON TABLE community.currency IS 'what a program counts in: points, miles, credits; create_program() makes one called points that never expires';
		COMMENT ON COLUMN community.currency.program_id IS 'the program';
		COMMENT ON COLUMN community.currency.currency_id IS 'the currency';
		COMMENT ON COLUMN community.currency.code IS 'name by which functions know it';
		COMMENT ON COLUMN community.currency.scale IS 'decimals: 2 makes 150 the value 1.50; all amounts of points are whole minor units';
		COMMENT ON COLUMN community.currency.rounding IS 'what becomes of fractions that a rule gives: down, nearest (halves up) or up';
		COMMENT ON COLUMN community.currency.pending_for IS 'time from earning until the points can be spent, null for none';
		COMMENT ON COLUMN community.currency.until_released IS 'whether points stay pending until release() is called with their key';
		COMMENT ON COLUMN community.currency.expires_after IS 'time from earning until points expire, rounded up by expiry_rounding; null for never, or for the end of the period that expiry_rounding alone names';
		COMMENT ON COLUMN community.currency.expiry_rounding IS 'expiry moves to the end of this period; null is calendar month where expires_after or inactive_after is given';
		COMMENT ON COLUMN community.currency.inactive_after IS 'time without an entry after which all points expire; each entry moves the expiry of all';
		COMMENT ON COLUMN community.currency.burn_order IS 'which points are spent first within a priority: expiry (soonest first, then oldest), oldest, or newest, by day';
		COMMENT ON COLUMN community.currency.overdraft IS 'how far below zero redeem(), hold() and transfer() may go';
		COMMENT ON COLUMN community.currency.return_policy IS 'when points to be taken back are spent: deficit (the member owes them), within_balance (what is left is forgiven) or only_pending (only what is pending still is taken)';
		COMMENT ON COLUMN community.currency.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.entry') IS NULL THEN
		CREATE TABLE community.entry (
			program_id bigint NOT NULL,
			entry_id bigint NOT NULL,
			member_id bigint NOT NULL,
			currency_id bigint NOT NULL,
			event_id bigint NOT NULL DEFAULT 0,
			points bigint NOT NULL,
			effective_at timestamptz NOT NULL,
			recorded_at timestamptz NOT NULL,
			request bigint NOT NULL,
			cut bigint NOT NULL DEFAULT 0,
			reverses bigint,
			line integer NOT NULL DEFAULT 0,
			posted boolean NOT NULL,
			kind text NOT NULL,
			key text NOT NULL,
			delta community.purse NOT NULL,
			rule_ids bigint[],
			rule_points bigint[],
			cut_by bigint[],
			reason text,
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT entry_pkey PRIMARY KEY (program_id, member_id, currency_id, entry_id),
			CONSTRAINT entry_key_key UNIQUE (program_id, event_id, key, line)
		);
		CREATE INDEX entry_id_idx ON community.entry USING brin (entry_id)
			WITH (pages_per_range = 32);
		COMMENT ON TABLE community.entry IS 'the ledger: every change of anybody''s points, append-only';
		COMMENT ON COLUMN community.entry.program_id IS 'the program';
		COMMENT ON COLUMN community.entry.entry_id IS 'the entry';
		COMMENT ON COLUMN community.entry.member_id IS 'whose points';
		COMMENT ON COLUMN community.entry.currency_id IS 'of which currency';
		COMMENT ON COLUMN community.entry.event_id IS 'the event that earned them, 0 for a call of its own such as redeem()';
		COMMENT ON COLUMN community.entry.points IS 'the change, the total of delta';
		COMMENT ON COLUMN community.entry.effective_at IS 'as of when it counts, never after recorded_at';
		COMMENT ON COLUMN community.entry.recorded_at IS 'when it was recorded; strictly increasing among the debits of an account';
		COMMENT ON COLUMN community.entry.request IS 'hash of the input, by which a replay is told from a key used twice';
		COMMENT ON COLUMN community.entry.cut IS 'points that rules gave but a cap or budget cut off; of a reversal, points that were to be taken back but were spent';
		COMMENT ON COLUMN community.entry.reverses IS 'entry of the same member that this one takes back, whole or in part, or releases';
		COMMENT ON COLUMN community.entry.line IS 'number of the entry under its event or key';
		COMMENT ON COLUMN community.entry.posted IS 'whether the account held it from the start; other entries are folded in later';
		COMMENT ON COLUMN community.entry.kind IS 'accrue, redeem, hold, capture, release, transfer_out, transfer_in, adjust, reverse, extend, reinstate, merge_out, merge_in, envelope_out, envelope_in, reclaim, benefit, award, commission or signup';
		COMMENT ON COLUMN community.entry.key IS 'idempotency key of the call; empty where an event earned them';
		COMMENT ON COLUMN community.entry.delta IS 'the change, lot by lot';
		COMMENT ON COLUMN community.entry.rule_ids IS 'rules that produced it';
		COMMENT ON COLUMN community.entry.rule_points IS 'points that each of these rules gave, after caps; they sum to points';
		COMMENT ON COLUMN community.entry.cut_by IS 'caps and budgets that cut points off';
		COMMENT ON COLUMN community.entry.reason IS 'why, as the caller says';
		COMMENT ON COLUMN community.entry.actor IS 'database role that recorded it';
	END IF;

	IF to_regclass('community.account_fold') IS NULL THEN
		CREATE TABLE community.account_fold (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			currency_id bigint NOT NULL,
			changed_at timestamptz NOT NULL,
			deficit bigint NOT NULL DEFAULT 0,
			open_holds integer NOT NULL DEFAULT 0,
			closed boolean NOT NULL DEFAULT false,
			folded_to bigint[] NOT NULL DEFAULT '{}',
			purse community.purse NOT NULL DEFAULT '{}',
			CONSTRAINT account_fold_pkey PRIMARY KEY (program_id, member_id, currency_id)
		) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
		CREATE INDEX account_fold_deficit_idx ON community.account_fold
			(program_id, currency_id, member_id) WHERE deficit > 0;
		COMMENT ON TABLE community.account_fold IS 'what the entries of an account come to, up to a mark; read balance() or the view account, which add the rest. Its row lock is the lock of the account';
		COMMENT ON COLUMN community.account_fold.program_id IS 'the program';
		COMMENT ON COLUMN community.account_fold.member_id IS 'the member';
		COMMENT ON COLUMN community.account_fold.currency_id IS 'the currency';
		COMMENT ON COLUMN community.account_fold.changed_at IS 'time of the last change, strictly increasing';
		COMMENT ON COLUMN community.account_fold.deficit IS 'points owed, which the next credit settles first';
		COMMENT ON COLUMN community.account_fold.open_holds IS 'holds without resolved_at, timed out or not';
		COMMENT ON COLUMN community.account_fold.closed IS 'whether the member is closed';
		COMMENT ON COLUMN community.account_fold.folded_to IS 'credits up to this entry are in the purse; one mark for each node that ever drew ids for it';
		COMMENT ON COLUMN community.account_fold.purse IS 'sum of all posted entries, and of the others up to the mark';
	END IF;

	IF to_regclass('community.hold') IS NULL THEN
		CREATE TABLE community.hold (
			program_id bigint NOT NULL,
			key text NOT NULL,
			member_id bigint NOT NULL,
			currency_id bigint NOT NULL,
			entry_id bigint NOT NULL,
			points bigint NOT NULL,
			held_at timestamptz NOT NULL,
			expires_at timestamptz NOT NULL,
			resolved_at timestamptz,
			captured bigint,
			taken community.purse NOT NULL,
			CONSTRAINT hold_pkey PRIMARY KEY (program_id, key)
		) WITH (fillfactor = 80);
		CREATE INDEX hold_member_idx ON community.hold (program_id, member_id, currency_id)
			WHERE resolved_at IS NULL;
		COMMENT ON TABLE community.hold IS 'points set aside by hold() until captured, released or timed out';
		COMMENT ON COLUMN community.hold.program_id IS 'the program';
		COMMENT ON COLUMN community.hold.key IS 'idempotency key of the hold';
		COMMENT ON COLUMN community.hold.member_id IS 'whose points';
		COMMENT ON COLUMN community.hold.currency_id IS 'of which currency';
		COMMENT ON COLUMN community.hold.entry_id IS 'entry that opened it';
		COMMENT ON COLUMN community.hold.points IS 'points held';
		COMMENT ON COLUMN community.hold.held_at IS 'since when';
		COMMENT ON COLUMN community.hold.expires_at IS 'until when, unless resolved before';
		COMMENT ON COLUMN community.hold.resolved_at IS 'when it was captured or released, or expires_at once maintenance has noted that it timed out';
		COMMENT ON COLUMN community.hold.captured IS 'points captured, 0 when released, null when it is open or timed out';
		COMMENT ON COLUMN community.hold.taken IS 'the lots that it holds, positive amounts';
	END IF;

	IF to_regclass('community.maintenance') IS NULL THEN
		CREATE TABLE community.maintenance (
			program_id bigint NOT NULL,
			name text NOT NULL,
			done_to bigint[] NOT NULL,
			done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT maintenance_pkey PRIMARY KEY (program_id, name)
		);
		COMMENT ON TABLE community.maintenance IS 'how far maintenance has come; without a row it begins anew';
		COMMENT ON COLUMN community.maintenance.program_id IS 'the program';
		COMMENT ON COLUMN community.maintenance.name IS 'what is done: fold_accounts and its minimum';
		COMMENT ON COLUMN community.maintenance.done_to IS 'ids gone through, one mark for each node; accounts without credits after it have shorter tails than the minimum';
		COMMENT ON COLUMN community.maintenance.done_at IS 'when the mark moved last';
	END IF;

	-- columns that go when the extension is dropped with CASCADE
	FOR thing IN
		SELECT c.oid::regclass AS relation, w."column", w.definition, w.comment, w.essential
		FROM (VALUES
			('entry', 'delta', 'community.purse NOT NULL', 'the change, lot by lot', true),
			('account_fold', 'purse', $$community.purse NOT NULL DEFAULT '{}'$$,
				'sum of all posted entries, and of the others up to the mark', false),
			('hold', 'taken', 'community.purse NOT NULL',
				'the lots that it holds, positive amounts', true),
			('envelope', 'taken', 'community.purse', 'what the payer gave, lot by lot', true),
			('currency', 'expiry_rounding', 'community.period', 'expiry moves to the end of this period; null is calendar month where expires_after or inactive_after is given', false),
			('accrual_rule', 'expiry_rounding', 'community.period',
				'in place of the currency''s', false),
			('cap', 'period', 'community.period NOT NULL', 'period by the time of the event, in the program''s time zone; anniversaries are of joined_at', true),
			('ladder', 'promotion_period', $$community.period CONSTRAINT ladder_promotion_period_check
				CHECK ((promotion = 'period_end') = (promotion_period IS NOT NULL)
					AND promotion_period::text !~ '^(rolling|lifetime)')$$,
				'calendar or anniversary period at whose end members are promoted', true),
			('ladder', 'term_rounding', $$community.period CONSTRAINT ladder_term_check CHECK (term > '0'
				AND (demotion = 'term_end') = (term IS NOT NULL OR term_rounding IS NOT NULL))
				CONSTRAINT ladder_term_rounding_check
				CHECK (term_rounding::text !~ '^(rolling|lifetime)')$$,
				'the term goes on to the end of this period; alone, to the end of the period in which it began', true),
			('tier_requirement', 'period', $$community.period NOT NULL DEFAULT 'lifetime'$$,
				'over which period; engagement and membership_days take lifetime alone', true),
			('benefit', 'period', $$community.period CONSTRAINT benefit_period_check
				CHECK ((kind = 'allowance') = (period IS NOT NULL) AND period::text !~ '^rolling')$$, 'of an allowance: how often; cut in the program''s time zone, anniversaries are of joined_at', true),
			('award', 'period', $$community.period NOT NULL DEFAULT 'lifetime'
				CONSTRAINT award_period_check CHECK (period::text !~ '^rolling')$$, 'it is given once in each, by the time when it was earned; cut in the program''s time zone, anniversaries are of joined_at', true),
			('award_requirement', 'period', $$community.period NOT NULL DEFAULT 'lifetime'
				CONSTRAINT award_requirement_streak_check CHECK (streak IS NULL
				OR streak IN ('day', 'week', 'month') AND period::text = 'lifetime'
					AND attain = round(attain) AND attain <= 10000)$$, 'over which period', true),
			('budget', 'period', $$community.period NOT NULL DEFAULT 'lifetime'
				CONSTRAINT budget_period_check CHECK (period::text !~ '^(rolling|anniversary)')$$, 'period that has the limit: lifetime or a calendar period, cut in the program''s time zone', true),
			('referral_setting', 'invitation_period', $$community.period
				CONSTRAINT referral_setting_invitations_check
				CHECK (invitations >= 0 AND (invitations IS NULL) = (invitation_period IS NULL))
				CONSTRAINT referral_setting_period_check
				CHECK (invitation_period::text !~~ 'rolling %')$$, 'the period of that quota', true)
		) AS w (relation, "column", definition, comment, essential)
		JOIN pg_class AS c ON c.oid = to_regclass('community.' || w.relation)
		WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid
			AND a.attname = w."column" AND NOT a.attisdropped)
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s)', thing.relation) INTO filled;
		IF filled AND thing.essential THEN
			RAISE EXCEPTION 'column "%" of table % was dropped with the extension, and its rows need it',
					thing."column", thing.relation
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Restore the table from a backup.';
		END IF;
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', thing.relation, thing."column",
			thing.definition);
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', thing.relation, thing."column",
			thing.comment);
		IF filled AND thing."column" = 'expiry_rounding' THEN
			RAISE WARNING 'column "%" of table % was dropped with the extension and is empty now',
				thing."column", thing.relation;
		END IF;
	END LOOP;

	IF to_regclass('community.account') IS NULL THEN
		CREATE VIEW community.account_purse WITH (security_invoker = true) AS
		SELECT p.program_id, p.member_id, p.currency_id,
			community.settle(community.sum(p.purse), now()) AS purse,
			sum(p.tail)::bigint AS tail
		FROM (
			SELECT f.program_id, f.member_id, f.currency_id, f.purse, 0 AS tail
			FROM community.account_fold AS f
			UNION ALL
			SELECT e.program_id, e.member_id, e.currency_id, e.delta, 1
			FROM community.entry AS e
			LEFT JOIN community.account_fold AS f ON f.program_id = e.program_id
				AND f.member_id = e.member_id AND f.currency_id = e.currency_id
			WHERE NOT e.posted AND (f.folded_to IS NULL
				OR NOT community.is_folded(e.entry_id, f.folded_to))
		) AS p
		GROUP BY p.program_id, p.member_id, p.currency_id;
		COMMENT ON VIEW community.account_purse IS 'what each account has, lot by lot: its fold and the credits behind it';
		COMMENT ON COLUMN community.account_purse.program_id IS 'the program';
		COMMENT ON COLUMN community.account_purse.member_id IS 'the member';
		COMMENT ON COLUMN community.account_purse.currency_id IS 'the currency';
		COMMENT ON COLUMN community.account_purse.purse IS 'all its points';
		COMMENT ON COLUMN community.account_purse.tail IS 'credits that are not folded yet';

		CREATE VIEW community.account WITH (security_invoker = true) AS
		SELECT a.program_id, a.member_id, c.code AS currency,
			greatest(community.available(a.free, now()), 0) AS available,
			community.pending(a.free, now()) AS pending,
			community.total(a.held) AS held,
			greatest(-community.available(a.free, now()), 0) AS deficit,
			(SELECT min(l.expires_at) FROM community.lots(a.free) AS l
				WHERE l.points > 0 AND l.expires_at > now()
					AND l.expires_at < 'infinity') AS next_expiry,
			a.tail
		FROM (SELECT p.program_id, p.member_id, p.currency_id, p.tail, h.held,
				community.settle(p.purse OPERATOR(community.-) h.held, now()) AS free
			FROM community.account_purse AS p,
				LATERAL (SELECT coalesce(community.sum(o.taken), '{}') AS held
					FROM community.hold AS o
					WHERE o.program_id = p.program_id AND o.member_id = p.member_id
						AND o.currency_id = p.currency_id
						AND o.resolved_at IS NULL AND o.expires_at > now()) AS h) AS a
		JOIN community.currency AS c ON c.program_id = a.program_id
			AND c.currency_id = a.currency_id;
		COMMENT ON VIEW community.account IS 'the balance of every account that has entries, now';
		COMMENT ON COLUMN community.account.program_id IS 'the program';
		COMMENT ON COLUMN community.account.member_id IS 'the member';
		COMMENT ON COLUMN community.account.currency IS 'code of the currency';
		COMMENT ON COLUMN community.account.available IS 'points that can be spent';
		COMMENT ON COLUMN community.account.pending IS 'points that will be available later';
		COMMENT ON COLUMN community.account.held IS 'points set aside by holds';
		COMMENT ON COLUMN community.account.deficit IS 'points owed';
		COMMENT ON COLUMN community.account.next_expiry IS 'when points expire next';
		COMMENT ON COLUMN community.account.tail IS 'credits that are not folded yet; reading gets dearer with them';

		CREATE VIEW community.lot WITH (security_invoker = true) AS
		SELECT a.program_id, a.member_id, c.code AS currency, l.points,
			l.available_at, l.expires_at, l.priority,
			CASE WHEN l.expires_at <= now() THEN 'expired'
				WHEN l.available_at > now() THEN 'pending'
				WHEN l.points < 0 THEN 'owed' ELSE 'available' END AS state
		FROM community.account_purse AS a
		JOIN community.currency AS c ON c.program_id = a.program_id
			AND c.currency_id = a.currency_id,
			LATERAL community.lots(community.settle(a.purse, now())) AS l;
		COMMENT ON VIEW community.lot IS 'the lots of every account as they are now, in burn order within an account; held points are in them, all expired ones in one';
		COMMENT ON COLUMN community.lot.program_id IS 'the program';
		COMMENT ON COLUMN community.lot.member_id IS 'the member';
		COMMENT ON COLUMN community.lot.currency IS 'code of the currency';
		COMMENT ON COLUMN community.lot.points IS 'points in the lot, negative where owed';
		COMMENT ON COLUMN community.lot.available_at IS 'from when they can be spent; -infinity once they can';
		COMMENT ON COLUMN community.lot.expires_at IS 'when they expire';
		COMMENT ON COLUMN community.lot.priority IS 'lower is spent first';
		COMMENT ON COLUMN community.lot.state IS 'available, pending, expired or owed, now';

		CREATE VIEW community.liability WITH (security_invoker = true) AS
		SELECT l.program_id, l.currency,
			CASE WHEN l.expires_at < 'infinity'
				THEN date_trunc('month', l.expires_at AT TIME ZONE p.time_zone
					- interval '1 microsecond')::date END AS expiry_month,
			coalesce(sum(l.points) FILTER (WHERE l.state = 'available'), 0)::bigint AS available,
			coalesce(sum(l.points) FILTER (WHERE l.state = 'pending'), 0)::bigint AS pending,
			coalesce(-sum(l.points) FILTER (WHERE l.state = 'owed'), 0)::bigint AS owed,
			count(DISTINCT l.member_id) AS members
		FROM community.lot AS l
		JOIN community.program AS p ON p.program_id = l.program_id
		WHERE l.state <> 'expired'
		GROUP BY 1, 2, 3;
		COMMENT ON VIEW community.liability IS 'points outstanding by currency and month of expiry';
		COMMENT ON COLUMN community.liability.program_id IS 'the program';
		COMMENT ON COLUMN community.liability.currency IS 'code of the currency';
		COMMENT ON COLUMN community.liability.expiry_month IS 'first day of the last month in which they are good, in the program''s time zone; null for never';
		COMMENT ON COLUMN community.liability.available IS 'points that can be spent, held ones too';
		COMMENT ON COLUMN community.liability.pending IS 'points that will be available later';
		COMMENT ON COLUMN community.liability.owed IS 'points that members owe';
		COMMENT ON COLUMN community.liability.members IS 'members concerned';
	END IF;

	IF to_regclass('community.accrual_rule') IS NULL THEN
		CREATE TABLE community.accrual_rule (
			program_id bigint NOT NULL,
			rule_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			version integer NOT NULL DEFAULT 1,
			type text,
			currency_id bigint NOT NULL,
			stage integer NOT NULL DEFAULT 1,
			position integer NOT NULL,
			effect text NOT NULL,
			points numeric,
			per bigint,
			factor numeric,
			recipient text NOT NULL DEFAULT 'member',
			minimum_amount bigint,
			payload_filter jsonb,
			member_filter jsonb,
			pending_for interval,
			until_released boolean,
			expires_after interval,
			expiry_rounding community.period,
			priority integer,
			budget_id bigint,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT accrual_rule_pkey PRIMARY KEY (program_id, rule_id),
			CONSTRAINT accrual_rule_name_key UNIQUE (program_id, name, version),
			CONSTRAINT accrual_rule_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT accrual_rule_name_check CHECK (name <> ''),
			CONSTRAINT accrual_rule_effect_check CHECK (effect IN ('fixed', 'per_unit', 'multiply')),
			CONSTRAINT accrual_rule_arguments_check CHECK (
				(points IS NOT NULL) = (effect IN ('fixed', 'per_unit'))
				AND (per IS NOT NULL) = (effect = 'per_unit')
				AND (factor IS NOT NULL) = (effect = 'multiply')),
			CONSTRAINT accrual_rule_points_check
				CHECK (points >= 0 AND points <= 1000000000000 AND points = round(points, 6)),
			CONSTRAINT accrual_rule_per_check CHECK (per BETWEEN 1 AND 1000000000000),
			CONSTRAINT accrual_rule_factor_check
				CHECK (factor >= 0 AND factor <= 1000000 AND factor = round(factor, 6)),
			CONSTRAINT accrual_rule_recipient_check CHECK (recipient IN ('member', 'target')),
			CONSTRAINT accrual_rule_payload_filter_check
				CHECK (jsonb_typeof(payload_filter) = 'object'),
			CONSTRAINT accrual_rule_member_filter_check
				CHECK (jsonb_typeof(member_filter) = 'object'),
			CONSTRAINT accrual_rule_pending_for_check CHECK (pending_for >= '0'),
			CONSTRAINT accrual_rule_pending_check
				CHECK (pending_for IS NULL OR until_released IS NOT TRUE),
			CONSTRAINT accrual_rule_expires_after_check CHECK (expires_after > '0'),
			CONSTRAINT accrual_rule_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.accrual_rule IS 'which events earn how many points; a rule that is in force is never edited but closed and succeeded, see change_rule()';
		COMMENT ON COLUMN community.accrual_rule.program_id IS 'the program';
		COMMENT ON COLUMN community.accrual_rule.rule_id IS 'the rule in this version; entries name it';
		COMMENT ON COLUMN community.accrual_rule.name IS 'its name, the same in all versions';
		COMMENT ON COLUMN community.accrual_rule.version IS 'version, from 1';
		COMMENT ON COLUMN community.accrual_rule.type IS 'type of events it is about, null for all';
		COMMENT ON COLUMN community.accrual_rule.currency_id IS 'currency of the points';
		COMMENT ON COLUMN community.accrual_rule.stage IS 'rules of a currency apply in order of stage';
		COMMENT ON COLUMN community.accrual_rule.position IS 'and within a stage of position, which no two rules that are valid at the same time share';
		COMMENT ON COLUMN community.accrual_rule.effect IS 'fixed adds points; per_unit adds points for each per of the amount; multiply multiplies what the rules before it gave';
		COMMENT ON COLUMN community.accrual_rule.points IS 'points in minor units of the currency, with up to six decimals; fractions are rounded as the currency says';
		COMMENT ON COLUMN community.accrual_rule.per IS 'minor units of the event''s amount that earn points once; fractions count';
		COMMENT ON COLUMN community.accrual_rule.factor IS 'what multiply multiplies by';
		COMMENT ON COLUMN community.accrual_rule.recipient IS 'who gets the points: the member, or the target of the event, such as the author who was thanked';
		COMMENT ON COLUMN community.accrual_rule.minimum_amount IS 'smallest amount of an event that counts';
		COMMENT ON COLUMN community.accrual_rule.payload_filter IS 'only events whose payload contains this';
		COMMENT ON COLUMN community.accrual_rule.member_filter IS 'only recipients whose attributes contain this';
		COMMENT ON COLUMN community.accrual_rule.pending_for IS 'in place of the currency''s';
		COMMENT ON COLUMN community.accrual_rule.until_released IS 'in place of the currency''s';
		COMMENT ON COLUMN community.accrual_rule.expires_after IS 'in place of the currency''s';
		COMMENT ON COLUMN community.accrual_rule.expiry_rounding IS 'in place of the currency''s';
		COMMENT ON COLUMN community.accrual_rule.priority IS 'burn priority of the points, lower is spent first; null for the currency''s';
		COMMENT ON COLUMN community.accrual_rule.budget_id IS 'budget of the program that its points come out of, null for none; refunds do not refill it';
		COMMENT ON COLUMN community.accrual_rule.valid IS 'when events must have occurred for it to apply, [from, until)';
		COMMENT ON COLUMN community.accrual_rule.created_at IS 'when it was made';
	END IF;

	IF to_regclass('community.cap') IS NULL THEN
		CREATE TABLE community.cap (
			program_id bigint NOT NULL,
			cap_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			currency_id bigint NOT NULL,
			rules text[],
			counts text NOT NULL DEFAULT 'points',
			maximum bigint NOT NULL,
			period community.period NOT NULL,
			on_exceed text NOT NULL DEFAULT 'cut',
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT cap_pkey PRIMARY KEY (program_id, cap_id),
			CONSTRAINT cap_currency_fkey FOREIGN KEY (program_id, currency_id)
				REFERENCES community.currency,
			CONSTRAINT cap_name_check CHECK (name <> ''),
			CONSTRAINT cap_counts_check CHECK (counts IN ('points', 'events')),
			CONSTRAINT cap_maximum_check CHECK (maximum >= 0),
			CONSTRAINT cap_on_exceed_check CHECK (on_exceed IN ('cut', 'refuse')),
			CONSTRAINT cap_valid_check
				CHECK (NOT isempty(valid) AND NOT upper_inc(valid)
					AND (lower_inc(valid) OR lower_inf(valid)))
		);
		COMMENT ON TABLE community.cap IS 'how much a member can earn by rules in a period; applied in order of cap_id, counting in the order of recording';
		COMMENT ON COLUMN community.cap.program_id IS 'the program';
		COMMENT ON COLUMN community.cap.cap_id IS 'the cap';
		COMMENT ON COLUMN community.cap.name IS 'its name, for messages';
		COMMENT ON COLUMN community.cap.currency_id IS 'currency of the points';
		COMMENT ON COLUMN community.cap.rules IS 'names of the rules whose points it counts together, null for all rules of the currency';
		COMMENT ON COLUMN community.cap.counts IS 'points, or the events that earned any';
		COMMENT ON COLUMN community.cap.maximum IS 'most points or events in a period';
		COMMENT ON COLUMN community.cap.period IS 'period by the time of the event, in the program''s time zone; anniversaries are of joined_at';
		COMMENT ON COLUMN community.cap.on_exceed IS 'cut gives what is left and notes the rest; refuse refuses the event';
		COMMENT ON COLUMN community.cap.valid IS 'when events must have occurred for it to apply, [from, until)';
		COMMENT ON COLUMN community.cap.created_at IS 'when it was made';
	END IF;

	IF to_regclass('community.cap_usage') IS NULL THEN
		CREATE TABLE community.cap_usage (
			program_id bigint NOT NULL,
			cap_id bigint NOT NULL,
			member_id bigint NOT NULL,
			used_at timestamptz NOT NULL,
			points bigint NOT NULL DEFAULT 0,
			events bigint NOT NULL DEFAULT 0,
			CONSTRAINT cap_usage_pkey PRIMARY KEY (program_id, cap_id, member_id, used_at)
		) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
		COMMENT ON TABLE community.cap_usage IS 'what caps have counted; its row lock is the lock of the cap for the member';
		COMMENT ON COLUMN community.cap_usage.program_id IS 'the program';
		COMMENT ON COLUMN community.cap_usage.cap_id IS 'the cap';
		COMMENT ON COLUMN community.cap_usage.member_id IS 'the member';
		COMMENT ON COLUMN community.cap_usage.used_at IS 'start of the period; for a rolling one the time of the event, with a row at -infinity to lock';
		COMMENT ON COLUMN community.cap_usage.points IS 'points granted under the cap';
		COMMENT ON COLUMN community.cap_usage.events IS 'events that were granted any; in the row at -infinity, events that were looked at';
	END IF;

	IF to_regclass('community.envelope') IS NULL THEN
		CREATE TABLE community.envelope (
			program_id bigint NOT NULL,
			envelope_id bigint NOT NULL,
			key text NOT NULL,
			member_id bigint,
			currency_id bigint NOT NULL,
			points bigint NOT NULL,
			shares integer NOT NULL,
			split text NOT NULL,
			seed bigint NOT NULL,
			issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			expires_at timestamptz NOT NULL,
			request bigint NOT NULL,
			closed_at timestamptz,
			returned bigint NOT NULL DEFAULT 0,
			taken community.purse,
			reason text,
			CONSTRAINT envelope_pkey PRIMARY KEY (program_id, envelope_id),
			CONSTRAINT envelope_key_key UNIQUE (program_id, key)
		);
		CREATE INDEX envelope_open_idx ON community.envelope (program_id, expires_at)
			WHERE closed_at IS NULL;
		COMMENT ON TABLE community.envelope IS 'red envelopes: points split into shares, for whoever comes first. The points are those of its claims, of its shares, and returned';
		COMMENT ON COLUMN community.envelope.program_id IS 'the program';
		COMMENT ON COLUMN community.envelope.envelope_id IS 'the envelope';
		COMMENT ON COLUMN community.envelope.key IS 'idempotency key of issue_envelope()';
		COMMENT ON COLUMN community.envelope.member_id IS 'who paid, null for the program';
		COMMENT ON COLUMN community.envelope.currency_id IS 'of which currency';
		COMMENT ON COLUMN community.envelope.points IS 'points in all shares';
		COMMENT ON COLUMN community.envelope.shares IS 'shares issued';
		COMMENT ON COLUMN community.envelope.split IS 'how they were cut: random, even or double_mean';
		COMMENT ON COLUMN community.envelope.seed IS 'from which the cuts follow, see split_points()';
		COMMENT ON COLUMN community.envelope.issued_at IS 'when it was issued';
		COMMENT ON COLUMN community.envelope.expires_at IS 'until when shares can be claimed';
		COMMENT ON COLUMN community.envelope.request IS 'hash of the input, by which a replay is told from a key used twice';
		COMMENT ON COLUMN community.envelope.closed_at IS 'when what was left was returned, null while that has not happened';
		COMMENT ON COLUMN community.envelope.returned IS 'points that nobody claimed, returned when it was closed';
		COMMENT ON COLUMN community.envelope.taken IS 'the lots that the payer gave, positive amounts; shares are parts of it, one behind the other';
		COMMENT ON COLUMN community.envelope.reason IS 'why, as the caller says';
	END IF;

	IF to_regclass('community.envelope_share') IS NULL THEN
		CREATE TABLE community.envelope_share (
			program_id bigint NOT NULL,
			envelope_id bigint NOT NULL,
			share integer NOT NULL,
			points bigint NOT NULL,
			behind bigint NOT NULL,
			CONSTRAINT envelope_share_pkey PRIMARY KEY (program_id, envelope_id, share)
		);
		COMMENT ON TABLE community.envelope_share IS 'shares of envelopes that nobody has claimed; a claim or the closing removes them';
		COMMENT ON COLUMN community.envelope_share.program_id IS 'the program';
		COMMENT ON COLUMN community.envelope_share.envelope_id IS 'the envelope';
		COMMENT ON COLUMN community.envelope_share.share IS 'number of the share, from 1';
		COMMENT ON COLUMN community.envelope_share.points IS 'its points';
		COMMENT ON COLUMN community.envelope_share.behind IS 'points in the shares before it, which tells its lots';
	END IF;

	IF to_regclass('community.envelope_claim') IS NULL THEN
		CREATE TABLE community.envelope_claim (
			program_id bigint NOT NULL,
			envelope_id bigint NOT NULL,
			member_id bigint NOT NULL,
			share integer NOT NULL,
			points bigint NOT NULL,
			key text NOT NULL,
			claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT envelope_claim_pkey PRIMARY KEY (program_id, envelope_id, member_id),
			CONSTRAINT envelope_claim_share_key UNIQUE (program_id, envelope_id, share)
		);
		COMMENT ON TABLE community.envelope_claim IS 'who has claimed which share of an envelope; append-only';
		COMMENT ON COLUMN community.envelope_claim.program_id IS 'the program';
		COMMENT ON COLUMN community.envelope_claim.envelope_id IS 'the envelope';
		COMMENT ON COLUMN community.envelope_claim.member_id IS 'who';
		COMMENT ON COLUMN community.envelope_claim.share IS 'number of the share';
		COMMENT ON COLUMN community.envelope_claim.points IS 'its points';
		COMMENT ON COLUMN community.envelope_claim.key IS 'idempotency key of the claim, and of its entry';
		COMMENT ON COLUMN community.envelope_claim.claimed_at IS 'when';
	END IF;

	IF to_regclass('community.envelope_status') IS NULL THEN
		CREATE VIEW community.envelope_status WITH (security_invoker = true) AS
		SELECT e.program_id, e.envelope_id, e.key, e.member_id, c.code AS currency,
			e.points, e.shares, t.points AS claimed, t.shares AS claimed_shares,
			u.points AS unclaimed, u.shares AS unclaimed_shares, e.returned,
			CASE WHEN u.shares = 0 AND e.returned = 0 THEN 'empty'
				WHEN e.closed_at IS NOT NULL THEN 'closed'
				WHEN e.expires_at <= now() THEN 'expired' ELSE 'open' END AS state,
			e.issued_at, e.expires_at
		FROM community.envelope AS e
		JOIN community.currency AS c ON c.program_id = e.program_id
			AND c.currency_id = e.currency_id,
			LATERAL (SELECT coalesce(sum(o.points), 0)::bigint AS points, count(*) AS shares
				FROM community.envelope_claim AS o
				WHERE o.program_id = e.program_id AND o.envelope_id = e.envelope_id) AS t,
			LATERAL (SELECT coalesce(sum(o.points), 0)::bigint AS points, count(*) AS shares
				FROM community.envelope_share AS o
				WHERE o.program_id = e.program_id AND o.envelope_id = e.envelope_id) AS u;
		COMMENT ON VIEW community.envelope_status IS 'every envelope; points = claimed + unclaimed + returned';
		COMMENT ON COLUMN community.envelope_status.program_id IS 'the program';
		COMMENT ON COLUMN community.envelope_status.envelope_id IS 'the envelope';
		COMMENT ON COLUMN community.envelope_status.key IS 'idempotency key of issue_envelope()';
		COMMENT ON COLUMN community.envelope_status.member_id IS 'who paid, null for the program';
		COMMENT ON COLUMN community.envelope_status.currency IS 'code of the currency';
		COMMENT ON COLUMN community.envelope_status.points IS 'points issued';
		COMMENT ON COLUMN community.envelope_status.shares IS 'shares issued';
		COMMENT ON COLUMN community.envelope_status.claimed IS 'points claimed';
		COMMENT ON COLUMN community.envelope_status.claimed_shares IS 'shares claimed';
		COMMENT ON COLUMN community.envelope_status.unclaimed IS 'points not claimed and not returned yet';
		COMMENT ON COLUMN community.envelope_status.unclaimed_shares IS 'shares not claimed and not returned yet';
		COMMENT ON COLUMN community.envelope_status.returned IS 'points returned to who paid';
		COMMENT ON COLUMN community.envelope_status.state IS 'open, empty (all claimed), expired (what is left is to be returned) or closed (it has been), now';
		COMMENT ON COLUMN community.envelope_status.issued_at IS 'when it was issued';
		COMMENT ON COLUMN community.envelope_status.expires_at IS 'until when shares can be claimed';
	END IF;

	IF to_regclass('community.budget') IS NULL THEN
		CREATE TABLE community.budget (
			program_id bigint NOT NULL,
			budget_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			currency_id bigint,
			points bigint NOT NULL,
			period community.period NOT NULL DEFAULT 'lifetime',
			shards integer NOT NULL DEFAULT 16,
			valid tstzrange NOT NULL DEFAULT '(,)',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT budget_pkey PRIMARY KEY (program_id, budget_id),
			CONSTRAINT budget_name_key UNIQUE (program_id, name),
			CONSTRAINT budget_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT budget_points_check CHECK (points >= 0),
			CONSTRAINT budget_period_check CHECK (period::text !~ '^(rolling|anniversary)'),
			CONSTRAINT budget_shards_check CHECK (shards BETWEEN 1 AND 1024)
		);
		COMMENT ON TABLE community.budget IS 'limits of what a whole program gives away in a period; change the limit with change_budget(), end a budget with valid';
		COMMENT ON COLUMN community.budget.program_id IS 'the program';
		COMMENT ON COLUMN community.budget.budget_id IS 'the budget';
		COMMENT ON COLUMN community.budget.name IS 'its name, for messages';
		COMMENT ON COLUMN community.budget.currency_id IS 'points of this currency alone count, null for all';
		COMMENT ON COLUMN community.budget.points IS 'limit of each period that is opened from now on; a period is opened by the first claim in it';
		COMMENT ON COLUMN community.budget.period IS 'period that has the limit: lifetime or a calendar period, cut in the program''s time zone';
		COMMENT ON COLUMN community.budget.shards IS 'rows over which the limit of a period is spread, so that so many transactions can spend at once; a change counts for periods opened later';
		COMMENT ON COLUMN community.budget.valid IS 'when it gives anything';
		COMMENT ON COLUMN community.budget.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.budget_shard') IS NULL THEN
		CREATE TABLE community.budget_shard (
			program_id bigint NOT NULL,
			budget_id bigint NOT NULL,
			period_start timestamptz NOT NULL,
			shard integer NOT NULL,
			available bigint NOT NULL,
			spent bigint NOT NULL DEFAULT 0,
			CONSTRAINT budget_shard_pkey PRIMARY KEY (program_id, budget_id, period_start, shard),
			CONSTRAINT budget_shard_check CHECK (available >= 0 AND spent >= 0)
		) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
		COMMENT ON TABLE community.budget_shard IS 'what is spent and left of a budget in a period, in parts: the limit is the sum of both over all parts';
		COMMENT ON COLUMN community.budget_shard.program_id IS 'the program';
		COMMENT ON COLUMN community.budget_shard.budget_id IS 'the budget';
		COMMENT ON COLUMN community.budget_shard.period_start IS 'beginning of the period';
		COMMENT ON COLUMN community.budget_shard.shard IS 'number of the part, from 0';
		COMMENT ON COLUMN community.budget_shard.available IS 'points left in this part';
		COMMENT ON COLUMN community.budget_shard.spent IS 'points spent from this part';
	END IF;

	IF to_regclass('community.budget_status') IS NULL THEN
		CREATE VIEW community.budget_status WITH (security_invoker = true) AS
		SELECT b.program_id, b.budget_id, b.name, c.code AS currency, s.period_start,
			coalesce(sum(s.available + s.spent)::bigint, b.points) AS points,
			coalesce(sum(s.spent), 0)::bigint AS spent,
			coalesce(sum(s.available)::bigint, b.points) AS remaining
		FROM community.budget AS b
		LEFT JOIN community.currency AS c ON c.program_id = b.program_id
			AND c.currency_id = b.currency_id
		LEFT JOIN community.budget_shard AS s ON s.program_id = b.program_id
			AND s.budget_id = b.budget_id
		GROUP BY b.program_id, b.budget_id, c.code, s.period_start;
		COMMENT ON VIEW community.budget_status IS 'limit, spent and remaining points of each budget in each period that was opened';
		COMMENT ON COLUMN community.budget_status.program_id IS 'the program';
		COMMENT ON COLUMN community.budget_status.budget_id IS 'the budget';
		COMMENT ON COLUMN community.budget_status.name IS 'its name';
		COMMENT ON COLUMN community.budget_status.currency IS 'code of the currency, null for all';
		COMMENT ON COLUMN community.budget_status.period_start IS 'beginning of the period, null when none was opened yet';
		COMMENT ON COLUMN community.budget_status.points IS 'limit of the period';
		COMMENT ON COLUMN community.budget_status.spent IS 'points spent';
		COMMENT ON COLUMN community.budget_status.remaining IS 'points left';
	END IF;
