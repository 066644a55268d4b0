-- If this failed, something would come out otherwise where an owner has changed
-- our tables, so that SQL reads and writes them, than where we do so without SQL.
-- In a database of its own, whose tables are small.
SET client_min_messages = warning;
SELECT current_database() AS here \gset
CREATE DATABASE core_direct;
\c core_direct
SET client_min_messages = warning;
CREATE EXTENSION community;
SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
CREATE FUNCTION direct_prepare(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	p bigint := community.create_program(name);
	measures bigint[];
	club bigint;
	currency bigint;
	award bigint;
BEGIN
	PERFORM set_config('community.program', name, false);
	INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit) VALUES (p, 'order', 2, 0.01), (p, 'thanks', 1, 0);
	PERFORM community.enroll(1, joined_at => '2024-01-01');
	PERFORM community.enroll(m, sponsor => m - 1, joined_at => '2024-01-01', attributes => CASE WHEN m % 2 = 0 THEN '{"plus": true}'::jsonb END)
	FROM generate_series(2, 6) AS m;
	SELECT currency_id INTO currency FROM community.currency WHERE program_id = p;
	INSERT INTO community.accrual_rule (program_id, name, type, currency_id, position, effect, points, per, recipient, member_filter) VALUES
		(p, 'order', 'order', currency, 1, 'per_unit', 1, 10, 'member', NULL), (p, 'thanks', 'thanks', currency, 2, 'fixed', 5, NULL, 'target', NULL),
		(p, 'plus', 'order', currency, 3, 'fixed', 3, NULL, 'member', '{"plus": true}');
	INSERT INTO community.cap (program_id, name, currency_id, maximum, period) VALUES (p, 'most', currency, 500, 'calendar year');
	PERFORM community.set_paid_levels(3);
	PERFORM community.define_commission_plan('sale', '{order}', '[0.10, 0.05, 0.02]', from_time => '2024-01-01', compression => true, member_filter => '{"plus": true}');
	measures := ARRAY[community.define_measure('orders', 'count', '{order}'), community.define_measure('spend', 'sum', '{order}'),
		community.define_measure('thanked', 'count', '{thanks}', side => 'target'), community.define_measure('points', 'points', currency => 'points'),
		community.define_measure('days', 'distinct_days', '{order}'), community.define_measure('fame', 'engagement'),
		community.define_measure('largest', 'maximum', '{order}'), community.define_measure('long', 'membership_days')];
	INSERT INTO community.ladder (program_id, name, demotion, promotion) VALUES (p, 'club', 'drop', 'at_once') RETURNING ladder_id INTO club;
	INSERT INTO community.tier (program_id, ladder_id, rank, name) SELECT p, club, n, (ARRAY['bronze', 'silver', 'gold'])[n] FROM generate_series(1, 3) AS n;
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, period, attain, keep) VALUES
		(p, club, 1, 1, measures[1], 'lifetime', 1, 1), (p, club, 2, 1, measures[2], 'rolling 90 days', 150, 100), (p, club, 2, 2, measures[8], 'lifetime', 10, NULL),
		(p, club, 3, 1, measures[5], 'anniversary year', 3, NULL), (p, club, 3, 2, measures[7], 'calendar year', 100, NULL);
	PERFORM community.publish_ladder('club', '2024-01-01');
	INSERT INTO community.ladder (program_id, name, demotion) VALUES (p, 'fame', 'drop') RETURNING ladder_id INTO club;
	INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (p, club, 1, 'known'), (p, club, 2, 'famous');
	INSERT INTO community.tier_requirement (program_id, ladder_id, rank, position, measure_id, attain, keep) VALUES
		(p, club, 1, 1, measures[3], 1, NULL), (p, club, 2, 1, measures[6], 3, 2);
	PERFORM community.publish_ladder('fame', '2024-01-01');
	INSERT INTO community.award (program_id, name) VALUES (p, 'rich') RETURNING award_id INTO award;
	INSERT INTO community.award_requirement (program_id, award_id, measure_id, attain) VALUES (p, award, measures[1], 2);
	EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, who bigint, total int, at timestamptz)', name);
	PERFORM community.attach(format('%I', name)::regclass, 'order', 'who', 'total', 'at');
	RETURN p;
END $$;
-- what came of each call, without what is another in each program
CREATE FUNCTION direct_story(p bigint, story text) RETURNS TABLE (step bigint, result text) LANGUAGE plpgsql AS $$
DECLARE
	calls text[] := ARRAY[
		$c$ SELECT string_agg(concat(r.points, r.tiers, r.commissions), ';' ORDER BY m) FROM generate_series(2, 6) AS m,
			community.record(m, 'order', 'o' || m, m * 50, '2024-02-01') AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(6, 'thanks', 't1', 0, '2024-02-02', target => 2) AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(4, 'order', 'o7', 999, '2024-02-03', payload => '{"a": 1}') AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(4, 'order', 'o8', 50, '2024-02-04') AS r $c$,
		$c$ SELECT concat(r.replay, r.points, r.tiers, r.commissions) FROM community.record(4, 'order', 'o8', 50, '2024-02-04') AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.reverse('o7', 'part', 500) AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.reverse('o7', 'rest', request_key => 'all') AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(4, 'order', 'o9', 120, '2024-01-20') AS r $c$,
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(9, 'order', 'none', 120) AS r $c$,
		$c$ SELECT (community.redeem(4, 5, 'r1')).points::text $c$,
		$c$ SELECT (community.transfer(4, 2, 3, 'x1')).points::text $c$,
		$c$ SELECT (community.redeem(4, 100000, 'r2')).points::text $c$,
		format('WITH i AS (INSERT INTO %I VALUES (1, 5, 300, ''2024-02-05''), (2, 6, 70, ''2024-02-05''), (3, 5, 40, ''2024-02-06'') RETURNING 1) SELECT count(*)::text FROM i', story),
		format('WITH i AS (INSERT INTO %I VALUES (4, 3, 310, ''2024-02-07'') RETURNING 1) SELECT count(*)::text FROM i', story),
		format('WITH i AS (UPDATE %I SET total = total - 30 RETURNING 1) SELECT count(*)::text FROM i', story),
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(5, 'order', 'o11', 30, '2024-02-08') AS r $c$,
		format('WITH i AS (DELETE FROM %I WHERE id IN (1, 4) RETURNING 1) SELECT count(*)::text FROM i', story),
		$c$ SELECT concat(r.points, r.tiers, r.commissions) FROM community.record(5, 'order', 'o12', 30, '2024-02-09') AS r $c$,
		format('WITH i AS (UPDATE %I SET who = 2 WHERE id = 2 RETURNING 1) SELECT count(*)::text FROM i', story),
		$c$ SELECT concat(community.reparent(5, 2, 'moved') > 0, community.enroll(7, sponsor => 5, joined_at => '2024-03-01')) $c$,
		$c$ SELECT string_agg(concat(r.points, r.tiers, r.commissions), ';') FROM community.record(7, 'order', 'o10', 400, '2024-03-02') AS r $c$,
		$c$ SELECT string_agg(concat(e.ladder, e.from_tier, e.to_tier), ';') FROM generate_series(1, 7) AS m, community.evaluate(m, '2024-08-01') AS e $c$,
		$c$ SELECT string_agg(concat_ws(' ', member_id, c.kind, c.level, payee_id, c.points, c.reason), ';' ORDER BY key, event_id, line) FROM community.commission AS c JOIN community.event AS v USING (program_id, event_id) WHERE program_id = $1 $c$,
		$c$ SELECT string_agg(concat_ws(' ', e.member_id, e.kind, e.points, e.cut, v.key), ';' ORDER BY e.entry_id) FROM community.entry AS e LEFT JOIN community.event AS v USING (program_id, event_id) WHERE e.program_id = $1 $c$,
		$c$ SELECT string_agg(concat_ws(' ', member_id, tier, source, during, reason), ';' ORDER BY member_id, ladder_id, tenure_id) FROM community.tenure WHERE program_id = $1 AND superseded_at IS NULL $c$,
		$c$ SELECT string_agg(concat_ws(' ', member_id, points, events), ';' ORDER BY member_id) FROM community.cap_usage WHERE program_id = $1 $c$,
		$c$ SELECT string_agg(concat_ws(' ', m, (b).available, (b).deficit), ';' ORDER BY m) FROM (SELECT m, community.balance(m) AS b FROM generate_series(1, 7) AS m) AS x $c$,
		$c$ SELECT string_agg(concat_ws(' ', member_id, community.score_at(score, '2024-08-01')::numeric(20, 9)), ';' ORDER BY member_id) FROM community.engagement WHERE program_id = $1 $c$,
		$c$ SELECT string_agg(concat_ws(' ', member_id, sponsor_id, level), ';') FROM community.downline(1) $c$,
		$c$ SELECT string_agg(member_id::text, ' ' ORDER BY member_id) FROM community.award_given WHERE program_id = $1 $c$,
		$c$ SELECT count(*)::text FROM community.check_installation('full', $1) $c$];
BEGIN
	FOR n IN 1 .. cardinality(calls) LOOP
		step := n;
		BEGIN
			EXECUTE calls[step] INTO result USING p;
		EXCEPTION WHEN others THEN
			result := SQLSTATE || ' ' || replace(SQLERRM, story, 'p');
		END;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT direct_prepare('direct one') AS p \gset
CREATE TABLE told AS SELECT * FROM direct_story(:p, 'direct one');
SELECT step, result FROM told WHERE step BETWEEN 2 AND 21 OR step = 31;
SELECT bool_and(length(result) > 8) AS told FROM told WHERE step = 1 OR step BETWEEN 22 AND 30;
-- each table with a column more, with a condition, with an index that asks a
-- function; its indexes under other names, and others under theirs; kept elsewhere
CREATE ACCESS METHOD direct_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE FUNCTION direct_change(how text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	done bigint := 0;
BEGIN
	FOR statement IN SELECT format(CASE how WHEN 'column' THEN 'ALTER TABLE community.%I ADD more text'
			WHEN 'condition' THEN 'ALTER TABLE community.%I ADD CHECK (program_id IS DISTINCT FROM -7) NOT VALID'
			WHEN 'function' THEN 'CREATE INDEX ON community.%I (program_id) WHERE abs(program_id) > 0'
			ELSE 'ALTER TABLE community.%I SET ACCESS METHOD direct_heap' END, c.relname)
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'program_id'
		WHERE c.relnamespace = 'community'::regnamespace AND c.relkind = 'r' AND how NOT LIKE '% index'
	UNION ALL SELECT format('ALTER INDEX community.%1$I RENAME TO %2$I; ' || CASE how WHEN 'other index' THEN 'CREATE INDEX %1$I ON %3$s (%4$s)' ELSE '' END,
			c.relname, c.relname || ' away', indrelid::regclass,
			(SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attname <> 'program_id', n DESC) FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
				JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE n <= i.indnkeyatts))
		FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid JOIN pg_am AS m ON m.oid = c.relam
		WHERE c.relnamespace = 'community'::regnamespace AND c.relkind = 'i' AND how LIKE '% index' AND m.amname = 'btree'
			AND i.indexprs IS NULL AND i.indpred IS NULL
	LOOP
		EXECUTE statement;
		done := done + 1;
	END LOOP;
	RETURN done;
END $$;
CREATE PROCEDURE direct_compare() LANGUAGE plpgsql AS $$
DECLARE
	how text;
	p bigint;
	r record;
BEGIN
	FOREACH how IN ARRAY ARRAY['column', 'condition', 'function', 'renamed index', 'other index', 'access method'] LOOP
		IF direct_change(how) < 50 THEN
			RAISE WARNING '%: hardly anything has changed', how;
		END IF;
		p := direct_prepare('direct two');
		FOR r IN SELECT step, t.result, o.result AS by_sql FROM told AS t JOIN direct_story(p, 'direct two') AS o USING (step) WHERE t.result IS DISTINCT FROM o.result ORDER BY step LOOP
			RAISE WARNING '%, step %: % instead of %', how, r.step, r.by_sql, r.result;
		END LOOP;
		RAISE WARNING '%: compared', how;
		ROLLBACK;
	END LOOP;
END $$;
CALL direct_compare();
-- and as before
SELECT direct_prepare('direct two') AS p \gset
SELECT step, t.result, o.result AS again FROM told AS t JOIN direct_story(:p, 'direct two') AS o USING (step) WHERE t.result IS DISTINCT FROM o.result ORDER BY step;
\c :here
DROP DATABASE core_direct;
