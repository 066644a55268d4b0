-- If this failed, a long call could not be ended by anything short of kill -9,
-- which restarts the whole server.
-- An argument asks for the cancel, so that it is known when the function
-- begins; none of the other arguments may look, as current_program() does.  What stands beside the function is evaluated as soon as it has given
-- its result, before anybody else looks whether there is something to cancel,
-- and no rollback takes a sequence back: who does not look leaves its mark.
SELECT community.create_program('core_interrupts') > 0 AS created;
SET community.program = 'core_interrupts';
SELECT count(community.enroll(g, sponsor => nullif(g - 1, 0), joined_at => '2024-01-01')) FROM generate_series(1, 40) AS g;
SELECT count(community.enroll(g, sponsor => 40, joined_at => '2024-01-01')) FROM generate_series(101, 140) AS g;
SELECT count(community.accrue(1, 1, 'credit ' || g)) FROM generate_series(1, 5) AS g;
CREATE TEMP SEQUENCE mark;
CREATE FUNCTION pg_temp.looks(call text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setval('mark', 1);
	BEGIN
		EXECUTE format('SELECT community.%s, nextval(''mark'')',
			replace(replace(call, 'CANCELLED', 'CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN'), 'PROGRAM', community.current_program()::text));
	EXCEPTION WHEN query_canceled THEN NULL;
	END;
	RETURN (SELECT last_value = 1 FROM mark);
END $$;
-- the look itself is awake: this one does not look
SELECT pg_temp.looks('half_life(CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN community.decayed(1, ''2024-01-01'', ''1 day'') END)');
SELECT call, pg_temp.looks(call) FROM (VALUES
	('upline(CANCELLED 40 END, program => PROGRAM)'), ('downline(CANCELLED 40 END, program => PROGRAM)'), ('downline(CANCELLED 1 END, program => PROGRAM)'), ('downline(CANCELLED 1 END, 30, program => PROGRAM)'),
	('generation(CANCELLED 40 END, program => PROGRAM)'), ('generation(CANCELLED 40 END, now(), program => PROGRAM)'), ('is_upline(1, CANCELLED 40 END, program => PROGRAM)'),
	('common_sponsor(2, CANCELLED 40 END, program => PROGRAM)'), ('downline_count(CANCELLED 1 END, program => PROGRAM)'),
	('balance(CANCELLED 1 END, program => PROGRAM)'),
	('expected_purchases(community.ltv_parameters(''bg_nbd'', ''{0.243, 4.414, 0.793, 2.426}''), CANCELLED 2 END, 30, 38, 1e5)'),
	('purchase_probability(community.ltv_parameters(''bg_nbd'', ''{0.243, 4.414, 0.793, 2.426}''), CANCELLED 100000 END, 1e5)')
) AS c (call);
