
	-- ---------------------------------------------------------------- core

	IF to_regclass('community.installation') IS NULL THEN
		CREATE TABLE community.installation (
			only_row boolean NOT NULL DEFAULT true,
			tables_version integer NOT NULL,
			version text NOT NULL,
			installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			migrated_at timestamptz,
			CONSTRAINT installation_pkey PRIMARY KEY (only_row),
			CONSTRAINT installation_only_row_check CHECK (only_row)
		);
		COMMENT ON TABLE community.installation IS 'which version of the tables is installed here, one row';
		COMMENT ON COLUMN community.installation.only_row IS 'always true: there is one row';
		COMMENT ON COLUMN community.installation.tables_version IS 'version of the shape of the tables, compared by the library';
		COMMENT ON COLUMN community.installation.version IS 'version of the extension that made or last migrated the tables';
		COMMENT ON COLUMN community.installation.installed_at IS 'when the tables were made';
		COMMENT ON COLUMN community.installation.migrated_at IS 'when the tables were last migrated, null if never';
	END IF;

	IF to_regclass('community.id_sequence') IS NULL THEN
		CREATE SEQUENCE community.id_sequence AS bigint MAXVALUE 281474976710655;
		COMMENT ON SEQUENCE community.id_sequence IS 'numbers behind community.next_id()';
	END IF;
