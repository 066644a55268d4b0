
	-- ------------------------------------------- labels of the forest

	-- as many labels as are said to be in force, numbered without gaps
	RETURN QUERY
	SELECT 'labels', coalesce(f.program_id, l.program_id), NULL::bigint, NULL::text,
		'labels of referrals',
		format('%s members are labelled from %s to %s, referral_forest says %s from %s to %s',
			coalesce(l.members, 0), l.first, l.last, coalesce(f.labelled, 0), 0,
			f.labels_end - f.labels - 1)
	FROM (SELECT x.* FROM community.referral_forest AS x
		WHERE thorough AND only_member IS NULL
			AND (only_program IS NULL OR x.program_id = only_program)) AS f
	FULL JOIN (SELECT x.program_id, count(*) AS members, count(DISTINCT u.position) AS positions,
			min(u.position) AS first, max(u.position) AS last
		FROM community.referral_label AS x, unnest(x.members, x.positions) AS u (member, position)
		WHERE thorough AND only_member IS NULL
			AND (only_program IS NULL OR x.program_id = only_program)
		GROUP BY x.program_id) AS l ON l.program_id = f.program_id
	WHERE coalesce(l.members, 0) <> coalesce(f.labelled, 0)
		OR (l.members > 0 AND (l.positions <> l.members OR l.first <> 0
			OR l.last <> f.labels_end - f.labels - 1));

	-- whoever has no label is found by its anchor
	RETURN QUERY
	SELECT 'anchor', r.program_id, r.member_id, NULL::text, 'referral',
		CASE WHEN r.anchor IS NULL THEN 'has neither a label nor an anchor'
			ELSE format('has anchor %s beside its own label, or beyond all labels', r.anchor) END
	FROM community.referral AS r
	JOIN community.referral_forest AS f ON f.program_id = r.program_id AND f.labelled > 0
	LEFT JOIN (SELECT x.program_id, u.member
		FROM community.referral_label AS x, unnest(x.members) AS u (member)
		WHERE thorough) AS l ON l.program_id = r.program_id AND l.member = r.member_id
	WHERE thorough AND r.sponsor_id IS NOT NULL
		AND (only_program IS NULL OR r.program_id = only_program)
		AND (only_member IS NULL OR r.member_id = only_member)
		AND ((r.anchor IS NULL) = (l.member IS NULL) OR r.anchor >= f.labels_end);
