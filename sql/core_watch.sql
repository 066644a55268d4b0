-- If this failed, a session would go on with configuration that has changed
-- where nobody tells it, or a trigger function that is called as a function
-- would take the server down.
SELECT community.create_program('core_watch') > 0 AS created;
SET community.program = 'core_watch';
SELECT community.enroll(1, joined_at => '2024-01-01');
INSERT INTO community.activity_type (program_id, type, weight) VALUES (community.current_program(), 'visit', 2);
SELECT (community.record(1, 'visit', 'as installed')).amount;
UPDATE community.activity_type SET weight = 3 WHERE program_id = community.current_program();
SELECT (community.record(1, 'visit', 'told')).amount;

-- a replica is told as well
SET session_replication_role = replica;
UPDATE community.activity_type SET weight = 11 WHERE program_id = community.current_program();
RESET session_replication_role;
SELECT (community.record(1, 'visit', 'on a replica')).amount;

-- without the trigger nothing is kept
ALTER TABLE community.activity_type DISABLE TRIGGER note_change;
SELECT (community.record(1, 'visit', 'not told')).amount;
UPDATE community.activity_type SET weight = 5 WHERE program_id = community.current_program();
SELECT (community.record(1, 'visit', 'all the same')).amount;
ALTER TABLE community.activity_type ENABLE ALWAYS TRIGGER note_change;
UPDATE community.activity_type SET weight = 7 WHERE program_id = community.current_program();
SELECT (community.record(1, 'visit', 'told again')).amount;
SELECT key, engagement FROM community.event WHERE program_id = community.current_program() ORDER BY event_id;

-- trigger functions are no functions
DO $$
DECLARE
	f regprocedure;
	called integer := 0;
	refused integer := 0;
BEGIN
	FOR f IN
		SELECT p.oid FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'community'
		WHERE p.prorettype = 'trigger'::regtype AND p.prolang = (SELECT l.oid FROM pg_language AS l WHERE l.lanname = 'c')
	LOOP
		called := called + 1;
		BEGIN
			EXECUTE format('SELECT %s', f);
		EXCEPTION WHEN trigger_protocol_violated THEN
			refused := refused + 1;
		END;
	END LOOP;
	RAISE NOTICE '% called, % not refused', CASE WHEN called > 8 THEN 'all' ELSE 'some' END, called - refused;
END $$;
