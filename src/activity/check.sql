
	-- ------------------------------------------------------------ activity

	RETURN QUERY
	SELECT 'sequence', p.program_id, NULL::bigint, NULL::text, 'sequence community.id_sequence',
		format('event %s is above the last id drawn, %s', e.event_id, last_drawn)
	FROM community.program AS p,
		LATERAL (SELECT max(e.event_id) AS event_id FROM community.event AS e
			WHERE e.program_id = p.program_id AND e.event_id < (local_node + 1) << 48) AS e
	WHERE (only_program IS NULL OR p.program_id = only_program) AND only_member IS NULL
		AND e.event_id > last_drawn;

	-- the row that locks a member and tells whether it is closed
	RETURN QUERY
	SELECT CASE WHEN g.member_id IS NULL OR m.member_id IS NULL
			THEN 'engagement' ELSE 'closed' END,
		coalesce(m.program_id, g.program_id), coalesce(m.member_id, g.member_id), NULL::text,
		'engagement',
		CASE WHEN g.member_id IS NULL THEN 'the member has no row in community.engagement'
			WHEN m.member_id IS NULL THEN 'there is no such member'
			ELSE format('closed is %s, the member is %s', g.closed, m.status) END
	FROM (SELECT * FROM community.member AS m
		WHERE (only_program IS NULL OR m.program_id = only_program)
			AND (only_member IS NULL OR m.member_id = only_member)) AS m
	FULL JOIN (SELECT * FROM community.engagement AS g
		WHERE (only_program IS NULL OR g.program_id = only_program)
			AND (only_member IS NULL OR g.member_id = only_member)) AS g
		ON g.program_id = m.program_id AND g.member_id = m.member_id
	WHERE g.member_id IS NULL OR m.member_id IS NULL OR g.closed <> (m.status = 'closed');
