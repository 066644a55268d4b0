
	-- --------------------------------------------------------------- score

	IF to_regclass('community.engagement') IS NULL THEN
		CREATE TABLE community.engagement (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			closed boolean NOT NULL DEFAULT false,
			CONSTRAINT engagement_pkey PRIMARY KEY (program_id, member_id)
		) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
		COMMENT ON TABLE community.engagement IS 'the engagement of each member; its row lock is the lock of the member';
		COMMENT ON COLUMN community.engagement.program_id IS 'the program';
		COMMENT ON COLUMN community.engagement.member_id IS 'the member';
		COMMENT ON COLUMN community.engagement.closed IS 'whether the member is closed, so that one row tells all that record() must know';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = 'community.engagement'::regclass
			AND a.attname = 'score' AND NOT a.attisdropped) THEN
		ALTER TABLE community.engagement ADD COLUMN score community.decayed;
		FOR thing IN SELECT p.program_id FROM community.program AS p LOOP
			PERFORM community.rebuild('engagement', thing.program_id);
		END LOOP;
		ALTER TABLE community.engagement ALTER COLUMN score SET NOT NULL;
		-- programs may differ in half-life, and such scores do not compare
		ALTER TABLE community.engagement ALTER COLUMN score SET STATISTICS 0;
		CREATE INDEX engagement_score_idx ON community.engagement (program_id, score);
		COMMENT ON COLUMN community.engagement.score IS
			'sum of the engagement of all events, halved every half-life; ORDER BY score is right at any time';
	END IF;
