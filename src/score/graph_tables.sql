
	-- --------------------------------------------------------------- reach

	IF to_regclass('community.interaction') IS NULL THEN
		CREATE VIEW community.interaction WITH (security_invoker = true) AS
		SELECT e.program_id, e.event_id, coalesce(s.bearer_id, e.member_id) AS source_id,
			coalesce(t.bearer_id, e.target_id) AS target_id, e.type, e.occurred_at
		FROM community.event AS e
		LEFT JOIN (SELECT x.program_id, x.corrects, sum(x.amount) AS amount,
				(array_agg(x.kind ORDER BY x.revision DESC))[1] IN ('reverse', 'retract') AS taken
			FROM community.event AS x
			WHERE x.corrects IS NOT NULL
			GROUP BY x.program_id, x.corrects) AS c
			ON c.program_id = e.program_id AND c.corrects = e.event_id
		LEFT JOIN community.member_merge AS s
			ON s.program_id = e.program_id AND s.member_id = e.member_id
		LEFT JOIN community.member_merge AS t
			ON t.program_id = e.program_id AND t.member_id = e.target_id
		WHERE e.target_id IS NOT NULL AND e.corrects IS NULL
			AND (c.taken AND e.amount + c.amount = 0) IS NOT TRUE
			AND coalesce(s.bearer_id, e.member_id) <> coalesce(t.bearer_id, e.target_id);
		COMMENT ON VIEW community.interaction IS 'events between two members, as they count now: without those that were taken back, merged members as those into whom they were merged';
		COMMENT ON COLUMN community.interaction.program_id IS 'the program';
		COMMENT ON COLUMN community.interaction.event_id IS 'the event';
		COMMENT ON COLUMN community.interaction.source_id IS 'who did it';
		COMMENT ON COLUMN community.interaction.target_id IS 'the other member: who was thanked, answered, invited';
		COMMENT ON COLUMN community.interaction.type IS 'type of event';
		COMMENT ON COLUMN community.interaction.occurred_at IS 'when it happened';
	END IF;
