
	-- ----------------------------------------------------- tier: benefits

	-- who has a benefit holds the tier that brings it
	RETURN QUERY
	SELECT 'benefit', g.program_id, g.member_id, NULL::text, format('grant %s', g.grant_id),
		format('tier %L is not held during %s', g.tier, g.held)
	FROM community.benefit_grant AS g
	WHERE (only_program IS NULL OR g.program_id = only_program)
		AND (only_member IS NULL OR g.member_id = only_member)
		AND g.withdrawn_at IS NULL
		AND NOT coalesce((SELECT range_agg(t.during) FROM community.tenure AS t
			WHERE t.program_id = g.program_id AND t.member_id = g.member_id
				AND t.ladder_id = g.ladder_id AND t.tier = g.tier AND t.superseded_at IS NULL
				AND CASE t.source WHEN 'grace' THEN 'qualified' ELSE t.source END = g.source)
			@> g.held, false);

	-- and who holds the tier has what it brings
	IF thorough THEN
		RETURN QUERY
		SELECT 'benefit', t.program_id, t.member_id, NULL::text, format('benefit %L', b.code),
			format('tier %L brings it, but it was not granted during %s', t.tier,
				t.during * l.valid)
		FROM community.tenure AS t
		JOIN community.tier_benefit AS l ON l.program_id = t.program_id
			AND l.ladder_id = t.ladder_id AND l.tier = t.tier
		JOIN community.benefit AS b ON b.program_id = l.program_id
			AND b.benefit_id = l.benefit_id
		WHERE (only_program IS NULL OR t.program_id = only_program)
			AND (only_member IS NULL OR t.member_id = only_member)
			AND t.superseded_at IS NULL
			AND CASE b.kind WHEN 'points' THEN l.valid @> lower(t.during)
				ELSE t.during && l.valid END
			AND NOT EXISTS (SELECT FROM community.benefit_grant AS g
				WHERE g.program_id = t.program_id AND g.member_id = t.member_id
					AND g.benefit_id = l.benefit_id AND g.withdrawn_at IS NULL
					AND g.ladder_id = t.ladder_id AND g.tier = t.tier
					AND g.source = CASE t.source WHEN 'grace' THEN 'qualified' ELSE t.source END
					AND g.held @> t.during);
	END IF;

	-- points of tiers stand in the ledger, once, and those of no tenure are back
	RETURN QUERY
	WITH given AS (
		SELECT g.program_id, g.member_id, g.key, g.value::bigint AS points,
			g.withdrawn_at IS NOT NULL AS gone, format('grant %s', g.grant_id) AS object
		FROM community.benefit_grant AS g WHERE g.key IS NOT NULL
			AND (only_program IS NULL OR g.program_id = only_program)
			AND (only_member IS NULL OR g.member_id = only_member)
		UNION ALL
		SELECT a.program_id, a.member_id, a.key, a.points, false,
			format('allowance %s', a.allowance_id)
		FROM community.benefit_allowance AS a
		WHERE (only_program IS NULL OR a.program_id = only_program)
			AND (only_member IS NULL OR a.member_id = only_member)
	)
	SELECT 'benefit', g.program_id, g.member_id, NULL::text, g.object,
		CASE WHEN s.entries IS NULL THEN format('the ledger has no entry %L', g.key)
			WHEN s.points IS DISTINCT FROM g.points OR s.member_id <> g.member_id
				THEN format('%s points for member %s were to be given, the ledger has %s for member %s',
					g.points, g.member_id, s.points, s.member_id)
			ELSE format('%s of %s points are back, of a tier that was never held',
				s.back, g.points) END
	FROM given AS g
	LEFT JOIN LATERAL (SELECT nullif(count(*), 0) AS entries,
			sum(e.points) FILTER (WHERE e.line = 0 AND e.kind = 'benefit') AS points,
			min(e.member_id) FILTER (WHERE e.line = 0) AS member_id,
			coalesce(sum(e.cut - e.points) FILTER (WHERE e.kind = 'reverse'), 0) AS back
		FROM community.entry AS e
		WHERE e.program_id = g.program_id AND e.event_id = 0 AND e.key = g.key) AS s ON true
	WHERE s.entries IS NULL OR s.points IS DISTINCT FROM g.points
		OR s.member_id <> g.member_id OR (g.gone AND s.back <> g.points);

	IF thorough THEN
		RETURN QUERY
		SELECT 'benefit', e.program_id, e.member_id, coalesce(c.code, e.currency_id::text),
			format('entry %s', e.entry_id), format('no grant gave it under %L', e.key)
		FROM community.entry AS e
		LEFT JOIN community.currency AS c ON c.program_id = e.program_id
			AND c.currency_id = e.currency_id
		WHERE e.kind = 'benefit'
			AND (only_program IS NULL OR e.program_id = only_program)
			AND (only_member IS NULL OR e.member_id = only_member)
			AND NOT EXISTS (SELECT FROM community.benefit_grant AS g
				WHERE g.program_id = e.program_id AND g.member_id = e.member_id
					AND g.key = e.key)
			AND NOT EXISTS (SELECT FROM community.benefit_allowance AS a
				WHERE a.program_id = e.program_id AND a.member_id = e.member_id
					AND a.key = e.key);
	END IF;

	-- points of awards stand in the ledger, and those of what is not held are back
	RETURN QUERY
	SELECT 'award', g.program_id, g.member_id, NULL::text, format('award %s', g.given_id),
		CASE WHEN s.points IS NULL THEN format('the ledger has no entry %L', g.key)
			WHEN s.points <> g.points
				THEN format('%s points were to be given, the ledger has %s', g.points, s.points)
			ELSE format('%s of %s points are back, of an award that was withdrawn',
				s.back, g.points) END
	FROM community.award_given AS g,
		LATERAL (SELECT sum(e.points) FILTER (WHERE e.line = 0 AND e.kind = 'award') AS points,
			coalesce(sum(e.cut - e.points) FILTER (WHERE e.kind = 'reverse'), 0) AS back
		FROM community.entry AS e
		WHERE e.program_id = g.program_id AND e.event_id = 0 AND e.key = g.key) AS s
	WHERE (only_program IS NULL OR g.program_id = only_program)
		AND (only_member IS NULL OR g.member_id = only_member) AND g.key IS NOT NULL
		AND (s.points IS DISTINCT FROM g.points
			OR (g.withdrawn_at IS NOT NULL AND s.back <> g.points));
