
	-- ------------------------------------------------------ score: holdouts

	IF to_regclass('community.holdout') IS NULL THEN
		CREATE TABLE community.holdout (
			program_id bigint NOT NULL,
			code text NOT NULL,
			share double precision NOT NULL,
			salt text NOT NULL,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT holdout_pkey PRIMARY KEY (program_id, code),
			CONSTRAINT holdout_code_check CHECK (code <> '' AND octet_length(code) <= 512),
			CONSTRAINT holdout_share_check CHECK (share > 0 AND share < 1),
			CONSTRAINT holdout_salt_check CHECK (salt <> '' AND octet_length(salt) <= 512)
		);
		COMMENT ON TABLE community.holdout IS 'groups of members who are left out of something by lot, to measure what it brings; define_holdout() makes them';
		COMMENT ON COLUMN community.holdout.program_id IS 'the program';
		COMMENT ON COLUMN community.holdout.code IS 'its name';
		COMMENT ON COLUMN community.holdout.share IS 'part of all members that is left out';
		COMMENT ON COLUMN community.holdout.salt IS 'what is hashed with the id of a member to draw its lot; another salt draws other members';
		COMMENT ON COLUMN community.holdout.created_at IS 'when it was defined';
	END IF;
