
	-- ---------------------------------------------------------------- tier

	-- versions and tenures end or are superseded, and are not edited
	RETURN QUERY
	SELECT 'guard', NULL::bigint, NULL::bigint, NULL::text, 'table community.' || r.relation,
		format('the guard against %s is %s', g.against,
			CASE WHEN t.oid IS NULL THEN 'missing' ELSE 'disabled' END)
	FROM (VALUES ('ladder_version'), ('tenure'), ('tier_ruling'), ('measure'), ('ladder')) AS r (relation),
		(VALUES (16, 'UPDATE'), (8, 'DELETE'), (32, 'TRUNCATE')) AS g (bit, against)
	LEFT JOIN LATERAL (
		SELECT t.oid, t.tgenabled FROM pg_trigger AS t
		WHERE t.tgrelid = to_regclass('community.' || r.relation)
			AND t.tgfoid = 'community.guard_ladders()'::regprocedure
			AND t.tgtype & g.bit <> 0
		ORDER BY t.tgenabled IN ('O', 'A') DESC LIMIT 1) AS t ON true
	WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A');

	-- versions follow each other, the last one without end
	RETURN QUERY
	SELECT 'ladder-version', v.program_id, NULL::bigint, NULL::text,
		format('ladder "%s"', coalesce(l.name, v.ladder_id::text)),
		CASE WHEN v.next IS NULL THEN format('its newest version, %s, has ended at %s', v.version_id, upper(v.valid))
			WHEN v.valid && v.next THEN format('versions %s and %s are both in force at %s',
				v.version_id, v.next_id, coalesce(greatest(lower(v.valid), lower(v.next)), '-infinity'))
			ELSE format('no version is in force from %s to %s', upper(v.valid), lower(v.next)) END
	FROM (SELECT v.*, lead(v.valid) OVER w AS next, lead(v.version_id) OVER w AS next_id
		FROM community.ladder_version AS v
		WHERE only_program IS NULL OR v.program_id = only_program
		WINDOW w AS (PARTITION BY v.program_id, v.ladder_id ORDER BY v.valid)) AS v
	LEFT JOIN community.ladder AS l ON l.program_id = v.program_id AND l.ladder_id = v.ladder_id
	WHERE only_member IS NULL
		AND CASE WHEN v.next IS NULL THEN NOT upper_inf(v.valid)
			ELSE v.valid && v.next OR upper(v.valid) IS DISTINCT FROM lower(v.next) END;

	-- what a version counts is there
	RETURN QUERY
	SELECT 'unknown', v.program_id, NULL::bigint, NULL::text,
		format('ladder "%s"', coalesce(l.name, v.ladder_id::text)),
		CASE WHEN l.ladder_id IS NULL THEN format('version %s is of a ladder that does not exist', v.version_id)
			ELSE format('version %s counts by measure %s, which does not exist', v.version_id, q.measure_id) END
	FROM community.ladder_version AS v
	LEFT JOIN community.ladder AS l ON l.program_id = v.program_id AND l.ladder_id = v.ladder_id
	LEFT JOIN LATERAL (SELECT DISTINCT j::bigint AS measure_id
		FROM jsonb_path_query(v.definition, '$.tiers[*].requirements[*].measure_id') AS j) AS q ON true
	WHERE (only_program IS NULL OR v.program_id = only_program) AND only_member IS NULL
		AND (l.ladder_id IS NULL OR (q.measure_id IS NOT NULL AND NOT EXISTS (
			SELECT FROM community.measure AS m
			WHERE m.program_id = v.program_id AND m.measure_id = q.measure_id)));

	-- what is believed of a member names a member, a ladder, and a tier that its version has
	RETURN QUERY
	WITH version AS (
		SELECT v.program_id, v.ladder_id, v.version_id, x.name, x.rank
		FROM community.ladder_version AS v,
			jsonb_to_recordset(v.definition -> 'tiers') AS x (name text, rank integer)
		WHERE only_program IS NULL OR v.program_id = only_program
	), held AS (
		SELECT t.program_id, t.member_id, t.ladder_id, format('tenure %s', t.tenure_id) AS object,
			t.tier, t.rank, t.version_id, t.source IN ('qualified', 'grace') AS by_version
		FROM community.tenure AS t
		WHERE (only_program IS NULL OR t.program_id = only_program)
			AND (only_member IS NULL OR t.member_id = only_member)
		UNION ALL
		SELECT r.program_id, r.member_id, r.ladder_id, format('ruling %s', r.ruling_id),
			r.tier, NULL, NULL, false
		FROM community.tier_ruling AS r
		WHERE (only_program IS NULL OR r.program_id = only_program)
			AND (only_member IS NULL OR r.member_id = only_member)
	)
	SELECT f.rule, h.program_id, h.member_id, NULL::text, h.object, f.detail
	FROM held AS h
	LEFT JOIN community.ladder AS l ON l.program_id = h.program_id AND l.ladder_id = h.ladder_id
	LEFT JOIN community.member AS m ON m.program_id = h.program_id AND m.member_id = h.member_id,
		LATERAL (
		SELECT 'unknown', 'there is no such member' WHERE m.member_id IS NULL
		UNION ALL
		SELECT 'unknown', format('there is no ladder %s', h.ladder_id) WHERE l.ladder_id IS NULL
		UNION ALL
		SELECT 'tenure', format('version %s of its ladder does not exist', coalesce(h.version_id::text, 'null'))
		WHERE h.by_version AND NOT EXISTS (SELECT FROM community.ladder_version AS v
			WHERE v.program_id = h.program_id AND v.version_id = h.version_id
				AND v.ladder_id = h.ladder_id)
		UNION ALL
		SELECT 'tenure', format('no tier "%s" of rank %s is in version %s', h.tier, h.rank, h.version_id)
		WHERE h.by_version AND EXISTS (SELECT FROM community.ladder_version AS v
				WHERE v.program_id = h.program_id AND v.version_id = h.version_id
					AND v.ladder_id = h.ladder_id)
			AND NOT EXISTS (SELECT FROM version AS v WHERE v.program_id = h.program_id
				AND v.version_id = h.version_id AND v.name = h.tier AND v.rank = h.rank)
		UNION ALL
		SELECT 'tenure', format('no version has a tier "%s" of rank %s', h.tier, h.rank)
		WHERE NOT h.by_version AND h.rank IS NOT NULL AND l.ladder_id IS NOT NULL
			AND NOT EXISTS (SELECT FROM version AS v WHERE v.program_id = h.program_id
				AND v.ladder_id = h.ladder_id AND v.name = h.tier AND v.rank = h.rank)
		) AS f (rule, detail);

	-- one tenure at a time: by qualification, and of each other source and tier
	RETURN QUERY
	SELECT 'tenure-overlap', t.program_id, t.member_id, NULL::text,
		format('ladder "%s"', coalesce(l.name, t.ladder_id::text)),
		format('tenures %s and %s, %s, are both believed at %s', t.tenure_id, t.next_id,
			t.line, lower(t.next))
	FROM (SELECT t.*, lead(t.during) OVER w AS next, lead(t.tenure_id) OVER w AS next_id
		FROM (SELECT t.*, CASE WHEN t.source IN ('qualified', 'grace') THEN 'by qualification'
				ELSE format('%s of rank %s', t.source, t.rank) END AS line
			FROM community.tenure AS t
			WHERE t.superseded_at IS NULL
				AND (only_program IS NULL OR t.program_id = only_program)
				AND (only_member IS NULL OR t.member_id = only_member)) AS t
		WINDOW w AS (PARTITION BY t.program_id, t.member_id, t.ladder_id, t.line
			ORDER BY t.during)) AS t
	LEFT JOIN community.ladder AS l ON l.program_id = t.program_id AND l.ladder_id = t.ladder_id
	WHERE t.during && t.next;

	-- the standing of a member is the tenure that lasts
	RETURN QUERY
	SELECT 'standing', s.program_id, s.member_id, NULL::text,
		format('ladder "%s"', coalesce(l.name, s.ladder_id::text)),
		CASE WHEN s.standing_rank > 0 AND s.rank IS NULL
				THEN format('rank %s since %s, but no tenure', s.standing_rank, s.standing_since)
			WHEN s.standing_rank = 0 THEN format('no tier, but tenure %s of rank %s', s.tenure_id, s.rank)
			ELSE format('rank %s%s since %s, but tenure %s is of rank %s%s since %s',
				s.standing_rank, CASE WHEN s.standing_grace THEN ' in grace' ELSE '' END,
				s.standing_since, s.tenure_id, s.rank,
				CASE WHEN s.grace THEN ' in grace' ELSE '' END, s.since) END
	FROM (SELECT g.program_id, g.member_id, g.ladder_id, g.rank AS standing_rank,
			g.grace AS standing_grace, g.since AS standing_since,
			t.tenure_id, t.rank, t.source = 'grace' AS grace, lower(t.during) AS since
		FROM community.standing AS g
		LEFT JOIN community.tenure AS t ON t.program_id = g.program_id
			AND t.member_id = g.member_id AND t.ladder_id = g.ladder_id
			AND t.source IN ('qualified', 'grace') AND t.superseded_at IS NULL
			AND upper_inf(t.during)
		WHERE g.seen_id <> 0
			AND (only_program IS NULL OR g.program_id = only_program)
			AND (only_member IS NULL OR g.member_id = only_member)) AS s
	LEFT JOIN community.ladder AS l ON l.program_id = s.program_id AND l.ladder_id = s.ladder_id
	WHERE CASE WHEN s.standing_rank = 0 THEN s.rank IS NOT NULL
		ELSE (s.standing_rank, s.standing_grace, s.standing_since)
			IS DISTINCT FROM (s.rank, s.grace, s.since) END;
