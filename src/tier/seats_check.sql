
	-- ---------------------------------------------- seats and paid terms

	-- who has a seat has its tenure, and the other way round
	RETURN QUERY
	SELECT 'seat', coalesce(s.program_id, o.program_id), coalesce(s.member_id, o.member_id),
		NULL::text, format('tier "%s"', coalesce(s.tier, o.tier)),
		CASE WHEN o.tenure_id IS NULL THEN format('seat %s has no tenure', s.seat)
			WHEN s.seat IS NULL THEN format('tenure %s has no seat', o.tenure_id)
			ELSE format('seat %s was claimed with key "%s", its tenure %s with "%s"',
				s.seat, s.key, o.tenure_id, o.key) END
	FROM (SELECT t.* FROM community.tier_seat AS t
		WHERE t.member_id IS NOT NULL
			AND (only_program IS NULL OR t.program_id = only_program)
			AND (only_member IS NULL OR t.member_id = only_member)) AS s
	FULL JOIN (SELECT t.* FROM community.tenure AS t
		WHERE t.source = 'seat' AND t.superseded_at IS NULL AND upper_inf(t.during)
			AND (only_program IS NULL OR t.program_id = only_program)
			AND (only_member IS NULL OR t.member_id = only_member)) AS o
		ON o.program_id = s.program_id AND o.member_id = s.member_id
			AND o.ladder_id = s.ladder_id AND o.tier = s.tier
	WHERE o.key IS DISTINCT FROM s.key OR o.tenure_id IS NULL OR s.seat IS NULL;

	-- nobody waits who has a seat or is closed
	RETURN QUERY
	SELECT 'seat-wait', w.program_id, w.member_id, NULL::text, format('tier "%s"', w.tier),
		CASE WHEN s.seat IS NOT NULL THEN format('waits beside its own seat %s', s.seat)
			ELSE 'waits, and is closed or unknown' END
	FROM community.tier_seat_wait AS w
	LEFT JOIN community.tier_seat AS s ON s.program_id = w.program_id
		AND s.member_id = w.member_id AND s.ladder_id = w.ladder_id AND s.tier = w.tier
	LEFT JOIN community.member AS m ON m.program_id = w.program_id
		AND m.member_id = w.member_id AND m.status = 'active'
	WHERE (only_program IS NULL OR w.program_id = only_program)
		AND (only_member IS NULL OR w.member_id = only_member)
		AND (s.seat IS NOT NULL OR m.member_id IS NULL);

	-- and nobody beside a seat that is free
	RETURN QUERY
	SELECT 'seat-free', q.program_id, NULL::bigint, NULL::text, format('tier "%s"', q.tier),
		format('%s members wait, %s of %s seats are taken', q.waiting, q.taken, q.seats)
	FROM community.seats AS q
	WHERE only_member IS NULL AND (only_program IS NULL OR q.program_id = only_program)
		AND q.waiting > 0 AND q.taken < q.seats;

	-- paid terms, from the payments
	RETURN QUERY
	WITH RECURSIVE payment AS (
		SELECT e.program_id, coalesce(b.bearer_id, e.member_id) AS member_id, v.ladder_id,
			t.value ->> 'name' AS tier, (t.value ->> 'rank')::integer AS rank, v.version_id,
			(t.value ->> 'fee_term')::interval AS term, e.occurred_at, e.key, p.time_zone,
			row_number() OVER (PARTITION BY e.program_id, coalesce(b.bearer_id, e.member_id),
				v.ladder_id, t.value ->> 'name' ORDER BY e.occurred_at, e.event_id) AS n
		FROM community.ladder_version AS v
		CROSS JOIN LATERAL jsonb_array_elements(v.definition -> 'tiers') AS t (value)
		JOIN community.program AS p ON p.program_id = v.program_id
		JOIN community.counted_event AS e ON e.program_id = v.program_id
			AND e.type = t.value ->> 'fee_type' AND v.valid @> e.occurred_at
			AND e.amount >= (t.value ->> 'fee')::bigint
		LEFT JOIN community.member_merge AS b ON b.program_id = e.program_id
			AND b.member_id = e.member_id
		WHERE (only_program IS NULL OR v.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member OR b.bearer_id = only_member)
	), term AS (
		SELECT x.*, x.occurred_at AS since,
			community.period_add(x.occurred_at, x.term, x.time_zone) AS until
		FROM payment AS x WHERE x.n = 1
		UNION ALL
		SELECT x.*, greatest(x.occurred_at, l.until),
			community.period_add(greatest(x.occurred_at, l.until), x.term, x.time_zone)
		FROM (SELECT t.program_id, t.member_id, t.ladder_id, t.tier, t.n,
			greatest(t.since, t.until) AS until FROM term AS t) AS l
		JOIN payment AS x ON x.program_id = l.program_id AND x.member_id = l.member_id
			AND x.ladder_id = l.ladder_id AND x.tier = l.tier AND x.n = l.n + 1
	), due AS (
		SELECT t.program_id, t.member_id, t.ladder_id, t.tier, t.rank, t.version_id,
			tstzrange(t.since, t.until) AS during, t.key
		FROM term AS t
		WHERE t.until > t.since AND (only_member IS NULL OR t.member_id = only_member)
	), has AS (
		SELECT o.program_id, o.member_id, o.ladder_id, o.tier, o.rank, o.version_id, o.during, o.key
		FROM community.tenure AS o
		WHERE o.source = 'purchased' AND o.superseded_at IS NULL
			AND (only_program IS NULL OR o.program_id = only_program)
			AND (only_member IS NULL OR o.member_id = only_member)
	)
	SELECT 'paid-term', x.program_id, x.member_id, NULL::text, format('tier "%s"', x.tier),
		format(x.fault, x.during, x.key)
	FROM (
		SELECT d.*, 'paid for during %s with key "%s", and not held' AS fault
		FROM (SELECT * FROM due EXCEPT ALL SELECT * FROM has) AS d
		UNION ALL
		SELECT d.*, 'held during %s under key "%s", and not paid for'
		FROM (SELECT * FROM has EXCEPT ALL SELECT * FROM due) AS d) AS x;
