
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
		COMMENT ON COLUMN community.entry.cut IS 'points that rules gave but a cap or budget cut off';
		COMMENT ON COLUMN community.entry.reverses IS 'entry of the same member that this one takes back, whole or in part';
		COMMENT ON COLUMN community.entry.line IS 'number of the entry under its event or key';
		COMMENT ON COLUMN community.entry.posted IS 'whether the account held it from the start; other entries are folded in later';
		COMMENT ON COLUMN community.entry.kind IS 'accrue, redeem, hold, capture, release, transfer_out, transfer_in, adjust, reverse, extend, reinstate, merge_out or merge_in';
		COMMENT ON COLUMN community.entry.key IS 'idempotency key of the call; empty where an event earned them';
		COMMENT ON COLUMN community.entry.delta IS 'the change, lot by lot';
		COMMENT ON COLUMN community.entry.rule_ids IS 'rules that produced it';
		COMMENT ON COLUMN community.entry.rule_points IS 'points that each of these rules gave, before caps';
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
		COMMENT ON TABLE community.account_fold IS 'what the entries of an account come to, up to a mark; read balance() or the view account, which add the rest. Its row lock is the lock of the account';
		COMMENT ON COLUMN community.account_fold.program_id IS 'the program';
		COMMENT ON COLUMN community.account_fold.member_id IS 'the member';
		COMMENT ON COLUMN community.account_fold.currency_id IS 'the currency';
		COMMENT ON COLUMN community.account_fold.changed_at IS 'time of the last change, strictly increasing';
		COMMENT ON COLUMN community.account_fold.deficit IS 'points owed, which the next credit settles first';
		COMMENT ON COLUMN community.account_fold.open_holds IS 'holds not captured or released, timed out or not';
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
		COMMENT ON COLUMN community.hold.resolved_at IS 'when it was captured or released; null while open or timed out';
		COMMENT ON COLUMN community.hold.captured IS 'points captured, 0 when released';
		COMMENT ON COLUMN community.hold.taken IS 'the lots that it holds, positive amounts';
	END IF;

	IF to_regclass('community.account') IS NULL THEN
		CREATE VIEW community.account_purse WITH (security_invoker = true) AS
		SELECT p.program_id, p.member_id, p.currency_id,
			community.sum(p.purse) AS purse, sum(p.tail)::bigint AS tail
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
			community.total(a.held, now()) AS held,
			greatest(-community.available(a.free, now()), 0) AS deficit,
			(SELECT min(l.expires_at) FROM community.lots(a.free) AS l
				WHERE l.points > 0 AND l.expires_at > now()
					AND l.expires_at < 'infinity') AS next_expiry,
			a.tail
		FROM (SELECT p.program_id, p.member_id, p.currency_id, p.tail, h.held,
				p.purse OPERATOR(community.-) h.held AS free
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
			LATERAL community.lots(a.purse) AS l;
		COMMENT ON VIEW community.lot IS 'the lots of every account, in burn order within an account; held points are in them';
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
