
	-- -------------------------------------------------------------- points

	-- every account, from its entries and from its row
	RETURN QUERY
	WITH part AS (
		-- what its row is to hold, and what is not folded yet
		SELECT e.program_id, e.member_id, e.currency_id,
			e.posted OR coalesce(community.is_folded(e.entry_id, f.folded_to), false) AS folded,
			community.sum(e.delta) AS purse, count(*) AS entries, max(e.entry_id) AS last_id
		FROM community.entry AS e
		LEFT JOIN community.account_fold AS f ON f.program_id = e.program_id
			AND f.member_id = e.member_id AND f.currency_id = e.currency_id
		WHERE (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
		GROUP BY 1, 2, 3, 4
	), book AS (
		SELECT a.program_id, a.member_id, a.currency_id,
			coalesce(community.sum(a.purse) FILTER (WHERE a.folded), '{}') AS folded,
			coalesce(community.sum(a.purse) FILTER (WHERE NOT a.folded), '{}') AS unfolded,
			coalesce(sum(a.entries) FILTER (WHERE a.folded), 0) AS held_entries,
			coalesce(sum(a.entries) FILTER (WHERE NOT a.folded), 0) AS tail,
			max(a.last_id) AS last_id
		FROM part AS a GROUP BY 1, 2, 3
	), fold AS (
		SELECT f.* FROM community.account_fold AS f
		WHERE (only_program IS NULL OR f.program_id = only_program)
			AND (only_member IS NULL OR f.member_id = only_member)
	), open_hold AS (
		SELECT h.program_id, h.member_id, h.currency_id, count(*) AS holds,
			community.sum(h.taken) FILTER (WHERE h.expires_at > greatest(now(), f.changed_at))
				AS held
		FROM community.hold AS h
		LEFT JOIN community.account_fold AS f ON f.program_id = h.program_id
			AND f.member_id = h.member_id AND f.currency_id = h.currency_id
		WHERE h.resolved_at IS NULL
			AND (only_program IS NULL OR h.program_id = only_program)
			AND (only_member IS NULL OR h.member_id = only_member)
		GROUP BY 1, 2, 3
	), account AS MATERIALIZED (
		-- both sides as of a time when the row may have been settled last
		SELECT x.*, c.code, m.status, f.deficit,
			-- as its deficit was written
			community.settle(f.purse, f.changed_at) AS stored, f.open_holds, f.closed,
			f.folded_to, f.member_id IS NULL AS unknown, m.member_id IS NULL AS no_member,
			EXISTS (SELECT FROM community.program AS p
				WHERE p.program_id = x.program_id) AS has_program,
			CASE WHEN c.return_policy = 'deficit' THEN 9223372036854775807
				ELSE coalesce(c.overdraft, 0) END AS most_debt,
			coalesce(h.holds, 0) AS holds, t.at,
			community.settle(x.folded, t.at) AS due,
			community.settle(coalesce(f.purse, '{}'), t.at) AS has,
			community.settle(x.folded OPERATOR(community.+) x.unfolded, t.at) AS everything,
			community.settle(coalesce(h.held, '{}'), t.at) AS held
		FROM (SELECT coalesce(b.program_id, f.program_id) AS program_id,
				coalesce(b.member_id, f.member_id) AS member_id,
				coalesce(b.currency_id, f.currency_id) AS currency_id,
				coalesce(b.folded, '{}') AS folded, coalesce(b.unfolded, '{}') AS unfolded,
				coalesce(b.held_entries, 0) AS held_entries, coalesce(b.tail, 0) AS tail, b.last_id
			FROM book AS b FULL JOIN fold AS f ON f.program_id = b.program_id
				AND f.member_id = b.member_id AND f.currency_id = b.currency_id) AS x
		LEFT JOIN fold AS f ON f.program_id = x.program_id AND f.member_id = x.member_id
			AND f.currency_id = x.currency_id
		LEFT JOIN open_hold AS h ON h.program_id = x.program_id AND h.member_id = x.member_id
			AND h.currency_id = x.currency_id
		LEFT JOIN community.currency AS c ON c.program_id = x.program_id
			AND c.currency_id = x.currency_id
		LEFT JOIN community.member AS m ON m.program_id = x.program_id
			AND m.member_id = x.member_id,
			LATERAL (SELECT greatest(now(), f.changed_at) AS at) AS t
	)
	SELECT v.rule, a.program_id, a.member_id, coalesce(a.code, a.currency_id::text), 'account', v.detail
	FROM account AS a, LATERAL (
		-- the row is the sum of its entries, lot by lot
		SELECT 'account', CASE WHEN a.unknown
				THEN format('%s entries that its row ought to hold, and no row', a.held_entries)
				ELSE format('its row holds %s, its entries come to %s: a difference of %s',
					a.has, a.due, a.has OPERATOR(community.-) a.due) END
		WHERE a.has OPERATOR(community.<>) a.due OR (a.unknown AND a.held_entries > 0)
		UNION ALL
		-- no lot is below zero but one that is owed
		SELECT 'lot', format('%s points in the lot of priority %s from %s until %s',
			l.points, l.priority, l.available_at, l.expires_at)
		FROM community.lots(a.everything) AS l
		WHERE community.owed(a.everything) > 0
			AND l.points < 0 AND (l.priority, l.available_at, l.expires_at)
				<> (0, timestamptz '-infinity', timestamptz 'infinity')
		UNION ALL
		SELECT 'debt', format('owes %s, the currency allows %s', -l.points, a.most_debt)
		FROM community.lots(a.everything) AS l
		WHERE community.owed(a.everything) > a.most_debt
			AND l.points < -a.most_debt AND (l.priority, l.available_at, l.expires_at)
				= (0, timestamptz '-infinity', timestamptz 'infinity')
		UNION ALL
		-- what is owed, told to credits: no more than without those that the row
		-- does not hold, no less than with them, whenever it was written
		SELECT 'deficit', format('its row says that %s are owed, not %s', a.deficit,
			CASE WHEN d.least = d.most THEN d.most::text ELSE format('%s to %s', d.least, d.most) END)
		FROM (SELECT community.owed(a.stored) AS most, least(community.owed(a.stored),
			CASE WHEN a.tail > 0 THEN community.owed(a.everything) END) AS least) AS d
		WHERE a.deficit NOT BETWEEN d.least AND d.most
		UNION ALL
		SELECT 'open-holds', format('its row counts %s holds that are open, there are %s',
			coalesce(a.open_holds, 0), a.holds)
		WHERE coalesce(a.open_holds, 0) <> a.holds
		UNION ALL
		-- holds set aside what is there
		SELECT 'held', format('%s held of the lot of priority %s from %s until %s are not there',
			-l.points, l.priority, l.available_at, l.expires_at)
		FROM community.lots(community.settle(
			a.everything OPERATOR(community.-) a.held, a.at)) AS l
		WHERE a.held OPERATOR(community.<>) '{}'
			AND l.points < CASE WHEN (l.priority, l.available_at, l.expires_at)
				= (0, timestamptz '-infinity', timestamptz 'infinity') THEN -a.most_debt ELSE 0 END
		UNION ALL
		SELECT 'closed', format('its row says closed is %s, the member is %s', a.closed, a.status)
		WHERE a.closed <> (a.status = 'closed')
		UNION ALL
		SELECT 'unknown', format('there is no such %s', w.what)
		FROM (VALUES ('program', a.has_program), ('member', NOT a.no_member),
			('currency', a.code IS NOT NULL)) AS w (what, known)
		WHERE NOT w.known
		UNION ALL
		-- credits below a mark that is too high would never be folded
		SELECT 'mark', format('its entries are folded to %s, above the last id drawn, %s', k.mark, last_drawn)
		FROM unnest(a.folded_to) AS k (mark)
		WHERE k.mark > last_drawn AND k.mark >> 48 = local_node
		UNION ALL
		SELECT 'sequence', format('entry %s is above the last id drawn, %s', a.last_id, last_drawn)
		WHERE a.last_id > last_drawn AND a.last_id >> 48 = local_node
		UNION ALL
		SELECT 'long-tail', format('%s credits are not folded, more than 1000', a.tail)
		WHERE thorough AND a.tail > 1000) AS v (rule, detail);

	-- every entry by itself
	RETURN QUERY
	SELECT v.rule, e.program_id, e.member_id, coalesce(c.code, e.currency_id::text),
		format('entry %s', e.entry_id), v.detail
	FROM community.entry AS e
	LEFT JOIN community.currency AS c ON c.program_id = e.program_id
		AND c.currency_id = e.currency_id,
		LATERAL (
			SELECT 'entry', format('points are %s, its lots come to %s', e.points, community.total(e.delta))
			WHERE e.points <> community.total(e.delta)
			UNION ALL
			SELECT 'time', format('counts as of %s, after it was recorded at %s',
				e.effective_at, e.recorded_at)
			WHERE e.effective_at > e.recorded_at) AS v (rule, detail)
	WHERE (only_program IS NULL OR e.program_id = only_program)
		AND (only_member IS NULL OR e.member_id = only_member)
		AND (e.points <> community.total(e.delta) OR e.effective_at > e.recorded_at);

	-- no key twice, where no index has seen to that or it is not to be trusted
	IF thorough OR NOT EXISTS (
			SELECT FROM pg_index AS i
			WHERE i.indrelid = 'community.entry'::regclass AND i.indisunique AND i.indisvalid
				AND i.indpred IS NULL
				AND ARRAY['program_id', 'event_id', 'key', 'line'] =
					(SELECT array_agg(a.attname::text ORDER BY k.n)
					FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
					JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
					WHERE k.n <= i.indnkeyatts)) THEN
		RETURN QUERY
		SELECT 'key', e.program_id, min(e.member_id), min(coalesce(c.code, e.currency_id::text)),
			CASE WHEN e.event_id = 0 THEN format('key %L, line %s', e.key COLLATE "C", e.line)
				ELSE format('event %s, key %L, line %s', e.event_id, e.key COLLATE "C", e.line) END,
			format('%s entries: %s', count(*), string_agg(e.entry_id::text, ', ' ORDER BY e.entry_id))
		FROM community.entry AS e
		LEFT JOIN community.currency AS c ON c.program_id = e.program_id
			AND c.currency_id = e.currency_id
		WHERE (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
		GROUP BY e.program_id, e.event_id, e.key COLLATE "C", e.line
		HAVING count(*) > 1;
	END IF;

	-- holds and what became of them
	RETURN QUERY
	WITH work AS (
		SELECT e.program_id, e.key, min(e.member_id) AS member_id,
			min(e.currency_id) AS currency_id,
			count(*) FILTER (WHERE e.kind = 'hold') AS opened,
			min(e.entry_id) FILTER (WHERE e.kind = 'hold') AS opened_by,
			min(e.points) FILTER (WHERE e.kind = 'hold') AS opened_with,
			count(*) FILTER (WHERE e.kind = 'capture') AS captures,
			coalesce(-sum(e.points) FILTER (WHERE e.kind = 'capture'), 0) AS captured,
			count(*) FILTER (WHERE e.kind = 'release') AS releases,
			count(DISTINCT (e.member_id, e.currency_id)) AS accounts
		FROM community.entry AS e
		WHERE e.kind IN ('hold', 'capture', 'release') AND e.event_id = 0
			AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
		GROUP BY 1, 2
	), pair AS (
		SELECT coalesce(h.program_id, w.program_id) AS program_id, coalesce(h.key, w.key) AS key,
			coalesce(h.member_id, w.member_id) AS member_id,
			coalesce(h.currency_id, w.currency_id) AS currency_id,
			CASE WHEN h.key IS NULL THEN
					CASE WHEN w.opened + w.captures > 0 THEN 'there are entries of a hold that is not there' END
				WHEN coalesce(w.opened, 0) <> 1 OR w.opened_by <> h.entry_id OR w.opened_with <> 0
					OR w.accounts <> 1 OR w.member_id <> h.member_id
					OR w.currency_id <> h.currency_id
					THEN format('its entry %s does not stand in the ledger as it ought to', h.entry_id)
				WHEN community.total(h.taken) <> h.points OR h.points <= 0
					OR EXISTS (SELECT FROM community.lots(h.taken) AS l WHERE l.points < 0)
					THEN format('holds %s points, its lots are %s', h.points, h.taken)
				-- one that timed out ended by its time, with nothing captured
				WHEN CASE WHEN h.captured IS NULL THEN h.resolved_at <> h.expires_at
						ELSE h.resolved_at IS NULL OR h.captured NOT BETWEEN 0 AND h.points END
					THEN format('%s of %s points captured, ended at %s',
						coalesce(h.captured::text, 'none'), h.points,
						coalesce(h.resolved_at::text, 'no time'))
				WHEN w.captures <> (coalesce(h.captured, 0) > 0)::int
					OR w.captured <> coalesce(h.captured, 0)
					THEN format('%s points captured, the ledger has %s in %s entries',
						coalesce(h.captured, 0), w.captured, w.captures)
				WHEN w.releases <> (coalesce(h.captured, 1) = 0)::int
					THEN format('%s entries of its release, not %s', w.releases,
						(coalesce(h.captured, 1) = 0)::int)
				END AS fault
		FROM (SELECT h.* FROM community.hold AS h
			WHERE (only_program IS NULL OR h.program_id = only_program)
				AND (only_member IS NULL OR h.member_id = only_member)) AS h
		FULL JOIN work AS w ON w.program_id = h.program_id AND w.key = h.key
	)
	SELECT 'hold', q.program_id, q.member_id, coalesce(c.code, q.currency_id::text),
		format('hold %L', q.key), q.fault
	FROM pair AS q
	LEFT JOIN community.currency AS c ON c.program_id = q.program_id
		AND c.currency_id = q.currency_id
	WHERE q.fault IS NOT NULL;

	-- what one gives another receives.  Lots stay what they are, but that a
	-- debt is paid, which the giver may do with other points and the receiver,
	-- if locked, with these; or that activity keeps points alive.
	IF only_member IS NOT NULL THEN
		keys := ARRAY(SELECT DISTINCT e.key FROM community.entry AS e
			WHERE e.member_id = only_member AND e.event_id = 0
				AND e.kind IN ('transfer_out', 'transfer_in', 'merge_out', 'merge_in')
				AND (only_program IS NULL OR e.program_id = only_program));
	END IF;
	RETURN QUERY
	WITH moved AS (
		SELECT e.program_id, e.key, e.currency_id, sum(e.points) AS points,
			coalesce(min(e.member_id) FILTER (WHERE e.kind IN ('transfer_out', 'merge_out')),
				min(e.member_id)) AS member_id,
			count(*) FILTER (WHERE e.kind IN ('transfer_out', 'merge_out')) AS gifts,
			count(*) FILTER (WHERE e.kind IN ('transfer_in', 'merge_in')) AS receipts,
			bool_and(e.posted) AS posted, max(e.recorded_at) AS at,
			community.sum(e.delta) FILTER (WHERE e.kind <> 'reverse') AS delta,
			community.sum(e.delta) FILTER (WHERE e.kind IN ('transfer_out', 'merge_out')) AS gift
		FROM community.entry AS e
		WHERE e.kind IN ('transfer_out', 'transfer_in', 'merge_out', 'merge_in', 'reverse')
			AND e.event_id = 0 AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.key = ANY (keys))
		GROUP BY 1, 2, 3
	), checked AS (
		SELECT t.*, c.code,
			CASE WHEN t.gifts <> t.receipts
					THEN format('given %s times, received %s times', t.gifts, t.receipts)
				WHEN t.points <> 0
					THEN format('what is given and received comes to %s, not to 0', t.points)
				WHEN c.inactive_after IS NULL AND EXISTS (
					SELECT FROM community.lots(r.rest) AS l WHERE l.points > 0
						AND ((l.priority, l.available_at, l.expires_at)
							<> (0, timestamptz '-infinity', timestamptz 'infinity')
							OR NOT t.posted AND l.points > (SELECT coalesce(sum(g.points), 0)
								FROM community.lots(t.gift) AS g WHERE g.points > 0)))
					THEN format('lots given and received differ by %s', r.rest) END AS fault
		FROM moved AS t
		LEFT JOIN community.currency AS c ON c.program_id = t.program_id
			AND c.currency_id = t.currency_id,
			LATERAL (SELECT community.settle(t.delta, t.at) AS rest) AS r
		WHERE t.gifts + t.receipts > 0
	)
	SELECT 'transfer', t.program_id, t.member_id, coalesce(t.code, t.currency_id::text),
		format('transfer %L', t.key), t.fault
	FROM checked AS t
	WHERE t.fault IS NOT NULL;

	-- never more is taken back than was given, and from the same account, or that
	-- of who bears the points of a merged member
	RETURN QUERY
	WITH back AS (
		SELECT e.program_id, coalesce(m.bearer_id, e.member_id) AS member_id, e.currency_id,
			e.reverses,
			sum(e.cut - e.points) FILTER (WHERE e.kind = 'reverse') AS asked,
			sum(-e.points) FILTER (WHERE e.kind = 'reverse') AS points
		FROM community.entry AS e
		LEFT JOIN community.member_merge AS m ON m.program_id = e.program_id
			AND m.member_id = e.member_id
		WHERE (e.reverses IS NOT NULL OR e.kind = 'reverse')
			AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
		GROUP BY 1, 2, 3, 4
	), checked AS (
		SELECT b.*, o.points AS original,
			CASE WHEN b.reverses IS NULL THEN 'a reversal does not say of what'
				WHEN o.entry_id IS NULL THEN 'what is reversed is no entry of this account'
				WHEN b.asked NOT BETWEEN least(o.points, 0) AND greatest(o.points, 0)
					OR b.points NOT BETWEEN least(b.asked, 0) AND greatest(b.asked, 0)
					THEN format('%s points of %s are taken back, %s with what could not be',
						b.points, o.points, b.asked) END AS fault
		FROM back AS b
		LEFT JOIN (SELECT e.*, coalesce(m.bearer_id, e.member_id) AS bearer_id
			FROM community.entry AS e
			LEFT JOIN community.member_merge AS m ON m.program_id = e.program_id
				AND m.member_id = e.member_id) AS o
			ON o.program_id = b.program_id AND o.bearer_id = b.member_id
			AND o.currency_id = b.currency_id AND o.entry_id = b.reverses
	)
	SELECT 'reversal', b.program_id, b.member_id, coalesce(c.code, b.currency_id::text),
		format('entry %s', coalesce(b.reverses::text, 'unknown')), b.fault
	FROM checked AS b
	LEFT JOIN community.currency AS c ON c.program_id = b.program_id
		AND c.currency_id = b.currency_id
	WHERE b.fault IS NOT NULL;

	-- caps have counted what the entries say, and no more than their maximum
	RETURN QUERY
	SELECT 'cap', p.program_id, f.member_id, NULL::text, format('cap %L', f.cap), f.fault
	FROM community.program AS p,
		LATERAL community.cap_faults(p.program_id, only_member) AS f
	WHERE only_program IS NULL OR p.program_id = only_program;

	-- what an event earned has its event
	IF thorough THEN
		RETURN QUERY
		SELECT 'event', e.program_id, e.member_id, coalesce(c.code, e.currency_id::text),
			format('entry %s', e.entry_id), format('there is no event %s', e.event_id)
		FROM community.entry AS e
		LEFT JOIN community.currency AS c ON c.program_id = e.program_id
			AND c.currency_id = e.currency_id
		WHERE e.event_id <> 0
			AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
			AND NOT EXISTS (SELECT FROM community.event AS v
				WHERE v.program_id = e.program_id AND v.event_id = e.event_id);
	END IF;
