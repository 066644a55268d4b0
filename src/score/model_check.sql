
	-- ------------------------------------------------- composite scores

	-- all members of a refresh that is done have a score, and no others; all rows of
	-- one that is not the newest may have been deleted
	RETURN QUERY
	SELECT 'score-rows', r.program_id, NULL::bigint, NULL::text,
		format('refresh %s', r.refresh_id),
		format('%s members have a score, %s should', s.members, r.members)
	FROM community.score_refresh AS r
	CROSS JOIN LATERAL (SELECT count(*) AS members FROM community.member_score AS s
		WHERE s.program_id = r.program_id AND s.refresh_id = r.refresh_id) AS s
	WHERE only_member IS NULL AND (only_program IS NULL OR r.program_id = only_program)
		AND r.status = 'done' AND (thorough OR r.superseded_at IS NULL)
		AND s.members <> r.members
		AND (s.members > 0 OR NOT EXISTS (SELECT FROM community.score_refresh AS n
			WHERE n.program_id = r.program_id AND n.model_id = r.model_id
				AND n.status = 'done' AND n.as_of > r.as_of));

	-- scores were computed with the version that was in force
	RETURN QUERY
	SELECT 'score-version', r.program_id, NULL::bigint, NULL::text,
		format('refresh %s', r.refresh_id),
		format('as of %s, and version %s was in force in %s', r.as_of, v.version, v.valid)
	FROM community.score_refresh AS r
	JOIN community.score_model_version AS v ON v.program_id = r.program_id
		AND v.version_id = r.version_id
	WHERE only_member IS NULL AND (only_program IS NULL OR r.program_id = only_program)
		AND NOT v.valid @> r.as_of;

	-- scores are the sums of their parts
	IF thorough OR only_member IS NOT NULL THEN
		RETURN QUERY
		SELECT 'score-sum', s.program_id, s.member_id, NULL::text,
			format('refresh %s', s.refresh_id),
			format('the score is %s millionths, its parts sum to %s', s.score, p.score)
		FROM community.member_score AS s
		JOIN community.score_refresh AS r ON r.program_id = s.program_id
			AND r.refresh_id = s.refresh_id AND r.status = 'done'
		CROSS JOIN LATERAL (SELECT sum(round(c.weight * s.units[c.position])) AS score,
				count(*) AS components
			FROM community.score_component AS c
			WHERE c.program_id = r.program_id AND c.version_id = r.version_id) AS p
		WHERE (only_program IS NULL OR s.program_id = only_program)
			AND (only_member IS NULL OR s.member_id = only_member)
			AND (s.score IS DISTINCT FROM p.score
				OR cardinality(s.units) <> p.components OR cardinality(s.raw) <> p.components);
	END IF;

	-- who is vetoed by now or was closed is no super-user since the newest refresh
	RETURN QUERY
	SELECT 'super-user', t.program_id, t.member_id, NULL::text,
		format('tenure %s', t.tenure_id),
		CASE WHEN x.ruling_id IS NOT NULL THEN format('goes on under veto %s', x.ruling_id)
			ELSE 'goes on, and the newest refresh has no score of the member' END
	FROM community.super_user_tenure AS t
	CROSS JOIN LATERAL (SELECT r.* FROM community.score_refresh AS r
		WHERE r.program_id = t.program_id AND r.model_id = t.model_id
			AND r.status = 'done' AND r.superseded_at IS NULL
		ORDER BY r.as_of DESC LIMIT 1) AS r
	LEFT JOIN LATERAL (SELECT x.ruling_id FROM community.super_user_ruling AS x
		WHERE x.program_id = t.program_id AND x.model_id = t.model_id
			AND x.member_id = t.member_id AND x.kind = 'veto'
			AND x.superseded_at IS NULL AND x.during @> r.as_of LIMIT 1) AS x ON true
	LEFT JOIN community.member_score AS s ON s.program_id = t.program_id
		AND s.refresh_id = r.refresh_id AND s.member_id = t.member_id
	WHERE t.superseded_at IS NULL AND upper_inf(t.during)
		AND (only_program IS NULL OR t.program_id = only_program)
		AND (only_member IS NULL OR t.member_id = only_member)
		AND (x.ruling_id IS NOT NULL OR s.member_id IS NULL);
