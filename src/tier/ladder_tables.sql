
	-- a key is looked for among rows that are superseded, too
	IF to_regclass('community.tenure_known_key_idx') IS NULL THEN
		CREATE INDEX tenure_known_key_idx ON community.tenure (program_id, key)
			WHERE key IS NOT NULL;
	END IF;
	IF to_regclass('community.tier_ruling_known_key_idx') IS NULL THEN
		CREATE INDEX tier_ruling_known_key_idx ON community.tier_ruling (program_id, key);
	END IF;
