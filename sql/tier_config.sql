-- If this failed, a draft would move members, a ladder that nobody could have
-- meant would be published, or what was in force would be rewritten.
SELECT community.create_program('tier config') > 0 AS created;
SET community.program = 'tier config';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'sql_standard';

INSERT INTO community.measure (program_id, name, kind)
SELECT community.current_program(), m.name, m.kind FROM (VALUES ('spend', 'sum'), ('orders', 'count'),
	('warmth', 'engagement'), ('days', 'membership_days')) AS m (name, kind);
CREATE FUNCTION pg_temp.tier(rank integer, name text, entry text DEFAULT 'qualify', needs integer DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tier (program_id, ladder_id, rank, name, entry, needs)
	SELECT l.program_id, l.ladder_id, rank, tier.name, entry, needs FROM community.ladder AS l
	WHERE l.program_id = community.current_program() AND l.name = 'club'
$$;
CREATE FUNCTION pg_temp.requires(rank integer, "position" integer, measure text, period community.period,
	attain numeric, keep numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep)
	SELECT l.program_id, l.ladder_id, rank, requires.position, m.measure_id, period, attain, keep
	FROM community.ladder AS l JOIN community.measure AS m ON m.program_id = l.program_id
	WHERE l.program_id = community.current_program() AND l.name = 'club' AND m.name = measure
$$;

-- a draft as one document, whatever the session's way of writing intervals
INSERT INTO community.ladder (program_id, name, demotion, term, term_rounding, grace)
VALUES (community.current_program(), 'club', 'term_end', '1 year 2 days', 'calendar month', '14 days');
SELECT pg_temp.tier(2, 'gold', needs => 1), pg_temp.tier(1, 'member'), pg_temp.tier(3, 'board', 'none');
UPDATE community.tier SET seats = 7, fee_type = 'dues', fee = 5000, fee_term = '1 mon'
WHERE program_id = community.current_program() AND rank = 3;
SELECT pg_temp.requires(2, 7, 'warmth', 'lifetime', 12.50), pg_temp.requires(2, 1, 'spend', 'rolling 365 days', 1000.00, 800);
SELECT jsonb_pretty(regexp_replace(community.ladder_definition('club')::text, '"measure_id": \d+', '"measure_id": 0', 'g')::jsonb);
SET intervalstyle = 'iso_8601';
SELECT d ->> 'term', d ->> 'grace', d #>> '{tiers,2,fee_term}' FROM community.ladder_definition('club') AS d;
RESET intervalstyle;
SELECT * FROM community.check_ladder('club');
SELECT community.ladder_definition('cub');
SELECT community.ladder_definition(NULL);
SELECT community.ladder_definition('club', 281474976710655);
SELECT * FROM community.check_ladder('cub');

-- what cannot be published: each fault is named, and only that one
CREATE FUNCTION pg_temp.faulty(fault text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	message text;
BEGIN
	BEGIN
		EXECUTE fault;
		SELECT array_agg(format('%s%s: %s. %s', c.severity, ' of ' || c.tier || coalesce('/' || c.requirement, ''),
			c.fault, c.hint)) INTO found FROM community.check_ladder('club') AS c;
		BEGIN
			PERFORM community.publish_ladder('club');
			found := found || 'published'::text;
		EXCEPTION WHEN invalid_parameter_value THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
			found := found || ('refused: ' || message);
		END;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
	EXCEPTION WHEN SQLSTATE 'P0999' THEN NULL;
	END;
	RETURN QUERY SELECT unnest(found);
END $$;
CREATE VIEW pg_temp.draft AS SELECT * FROM community.ladder WHERE program_id = community.current_program();
CREATE VIEW pg_temp.step AS SELECT * FROM community.tier WHERE program_id = community.current_program();
CREATE VIEW pg_temp.need AS SELECT * FROM community.tier_requirement WHERE program_id = community.current_program();
SELECT pg_temp.faulty('SELECT 1');
SELECT pg_temp.faulty('DELETE FROM pg_temp.step');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET rank = 4 WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET needs = 3 WHERE rank = 2');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET needs = 1 WHERE rank = 1');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET entry = ''qualify'' WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET entry = ''invitation'' WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET fee_type = '''' WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET fee_type = repeat(''x'', 513) WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.step SET fee_term = ''1 mon -1 day'' WHERE rank = 3');
SELECT pg_temp.faulty('UPDATE pg_temp.draft SET term = ''1 day -1 hour''');
SELECT pg_temp.faulty('UPDATE pg_temp.draft SET grace = ''1 mon -29 days'', term = NULL');
SELECT pg_temp.faulty('UPDATE pg_temp.need SET period = ''calendar year'' WHERE position = 7');
SELECT pg_temp.faulty('SELECT pg_temp.requires(2, 8, ''days'', ''rolling 30 days'', 10)');
SELECT pg_temp.faulty('SELECT pg_temp.requires(2, 8, ''days'', ''lifetime'', 10)');
SELECT pg_temp.faulty('UPDATE pg_temp.need SET attain = 1000.5 WHERE position = 1');
SELECT pg_temp.faulty('UPDATE pg_temp.need SET attain = 1000.5, keep = NULL WHERE position = 1');
SELECT pg_temp.faulty('UPDATE pg_temp.need SET keep = 0.5 WHERE position = 1');
SELECT pg_temp.faulty('SELECT pg_temp.requires(1, 1, ''spend'', ''rolling 365 days'', 1001)');
SELECT pg_temp.faulty('SELECT pg_temp.requires(1, 1, ''spend'', ''rolling 30 days'', 1001)');
SELECT pg_temp.faulty('SELECT pg_temp.requires(3, 1, ''orders'', ''lifetime'', 2)');
SELECT pg_temp.faulty('UPDATE pg_temp.draft SET demotion = ''never'', term = NULL, term_rounding = NULL');
SELECT pg_temp.faulty('UPDATE pg_temp.draft SET dwell = ''1 day''');
SELECT pg_temp.faulty('UPDATE pg_temp.draft SET demotion = ''drop'', term = NULL, term_rounding = NULL, dwell = ''1 day''');
-- the definition of something else than these tables
SELECT fault FROM community.definition_faults('{"name": "x", "tiers": [{"rank": 1, "name": "y", "entry": "qualify",
	"requirements": [{"position": 1, "measure_id": 0, "period": "lifetime", "attain": 1, "keep": 1}]}]}', community.current_program());
-- all faults at once are counted
BEGIN;
UPDATE pg_temp.step SET needs = 9 WHERE rank < 3;
SELECT * FROM community.publish_ladder('club');
ROLLBACK;

-- versions follow each other
CREATE VIEW pg_temp.version AS SELECT v.valid, d ->> 'grace' AS grace, v.published_by = session_user AS ours
FROM community.ladder_version AS v, LATERAL (SELECT v.definition AS d) AS d
WHERE v.program_id = community.current_program() ORDER BY lower(v.valid) NULLS FIRST;
SELECT * FROM community.publish_ladder('club', '-infinity');
UPDATE pg_temp.draft SET grace = '1 month';
SELECT grace FROM pg_temp.version;
SELECT * FROM community.publish_ladder(ladder => 'club', effective_from => '2024-03-01', program => community.current_program());
SELECT * FROM community.publish_ladder('club', '2030-01-01');
SELECT * FROM pg_temp.version;
SELECT * FROM community.publish_ladder('club', '2030-01-01');
SELECT * FROM community.publish_ladder('club', '2029-12-31 23:59:59');
SELECT * FROM community.publish_ladder('club', '-infinity');
SELECT * FROM community.publish_ladder('club', 'infinity');
SELECT * FROM community.publish_ladder('club', NULL);
SELECT * FROM community.publish_ladder('cub');
SELECT * FROM community.publish_ladder('club', program => 281474976710655);
SELECT * FROM pg_temp.version;
-- another ladder has a line of its own
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'other');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT program_id, ladder_id, 1, 'one' FROM pg_temp.draft WHERE name = 'other';
SELECT * FROM community.publish_ladder('other', '2024-03-01');
SELECT * FROM pg_temp.version;

-- what is published stays, what is a draft does not
CREATE VIEW pg_temp.ladder_version AS SELECT * FROM community.ladder_version
	WHERE program_id = community.current_program();
CREATE VIEW pg_temp.measure AS SELECT * FROM community.measure WHERE program_id = community.current_program();
DO $$
DECLARE
	attempt text;
	message text;
	state text;
BEGIN
	FOREACH attempt IN ARRAY ARRAY[
		'UPDATE pg_temp.ladder_version SET definition = definition || ''{"grace": "1 day"}''',
		'UPDATE pg_temp.ladder_version SET valid = ''(,)'' WHERE upper_inf(valid)',
		'UPDATE pg_temp.ladder_version SET valid = tstzrange(lower(valid), ''2031-01-01'') WHERE NOT upper_inf(valid)',
		'UPDATE pg_temp.ladder_version SET valid = tstzrange(''2025-01-01'', ''2031-01-01'') WHERE lower(valid) = ''2030-01-01''',
		'DELETE FROM pg_temp.ladder_version', 'TRUNCATE community.ladder_version',
		'DELETE FROM pg_temp.measure WHERE name = ''spend''',
		'UPDATE pg_temp.measure SET kind = ''count'' WHERE name = ''spend''',
		'UPDATE pg_temp.measure SET name = ''x'' WHERE name = ''spend''',
		'UPDATE pg_temp.measure SET kind = ''maximum'' WHERE name = ''orders''',
		'DELETE FROM pg_temp.measure WHERE name = ''orders''',
		'DELETE FROM pg_temp.draft WHERE name = ''other''',
		'UPDATE pg_temp.draft SET ladder_id = 0 WHERE name = ''other''',
		'UPDATE pg_temp.draft SET name = ''renamed'', grace = ''9 days'' WHERE name = ''other''',
		'DELETE FROM pg_temp.step', 'TRUNCATE community.tier_ruling']
	LOOP
		BEGIN
			EXECUTE attempt;
			RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
		EXCEPTION WHEN SQLSTATE 'P0999' THEN
			RAISE INFO 'possible: %', attempt;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
			RAISE INFO '% %', state, regexp_replace(message, 'row \d+', 'row N');
		END;
	END LOOP;
END $$;
