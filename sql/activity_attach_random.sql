-- If this failed, some sequence of statements would leave the events of an
-- attached table in disagreement with its rows, or the engagement with both.
SELECT community.create_program('random test', half_life => '30 days', amount_scale => 0) > 0 AS created;
SET community.program = 'random test';
CREATE TABLE deed (id int PRIMARY KEY, who int, cents int, at timestamptz, ok bool);
SELECT community.attach('deed', 'deed', 'who', 'cents', 'at', condition => 'ok') > 0 AS attached;
CREATE VIEW wrong AS
	SELECT coalesce(d.key, e.key) AS key
	FROM (SELECT id::text AS key, who, cents, at FROM deed WHERE ok AND who IS NOT NULL AND at IS NOT NULL) d
	FULL JOIN (SELECT e.key, last.member_id, last.occurred_at, sum(e.amount) AS amount
		FROM community.event e
		JOIN LATERAL (SELECT o.* FROM community.event o WHERE o.program_id = e.program_id AND o.source = e.source
			AND o.key = e.key AND o.kind = 'record' ORDER BY o.revision DESC LIMIT 1) last ON true
		WHERE e.source = 'public.deed/deed' AND e.revision >= last.revision
		GROUP BY e.key, last.member_id, last.occurred_at
		HAVING NOT bool_or(e.kind = 'retract')) e
	ON e.key = d.key AND e.member_id = d.who AND e.occurred_at = d.at
	WHERE coalesce(d.cents, 0) <> e.amount OR d.key IS NULL OR e.key IS NULL;
CREATE FUNCTION play(seed float8, steps int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n int;
	bad text;
BEGIN
	PERFORM setseed(seed);
	FOR i IN 1..steps LOOP
		-- sizes on both sides of the one from which sets are planned anew
		n := CASE WHEN random() < 0.6 THEN 1 WHEN random() < 0.5 THEN 7 ELSE 80 END;
		CASE floor(random() * 7)
			WHEN 0, 1 THEN
				INSERT INTO deed SELECT 1 + floor(random() * 200), nullif(floor(random() * 12), 0), floor(random() * 100),
					'2024-01-01'::timestamptz + floor(random() * 365) * interval '1 day', random() < 0.8
				FROM generate_series(1, n) ON CONFLICT DO NOTHING;
			WHEN 2 THEN
				UPDATE deed SET cents = floor(random() * 100) WHERE id IN (SELECT id FROM deed ORDER BY random() LIMIT n);
			WHEN 3 THEN
				UPDATE deed SET ok = random() < 0.5, cents = CASE WHEN random() < 0.5 THEN cents ELSE 7 END
				WHERE id IN (SELECT id FROM deed ORDER BY random() LIMIT n);
			WHEN 4 THEN
				UPDATE deed SET who = nullif(floor(random() * 12), 0), at = at + interval '1 hour'
				WHERE id IN (SELECT id FROM deed ORDER BY random() LIMIT n);
			WHEN 5 THEN
				DELETE FROM deed WHERE id IN (SELECT id FROM deed ORDER BY random() LIMIT n);
			ELSE
				UPDATE deed SET id = id + 1000 WHERE id IN (SELECT id FROM deed WHERE id <= 200 ORDER BY random() LIMIT 1)
					AND NOT EXISTS (SELECT FROM deed d WHERE d.id = deed.id + 1000);
		END CASE;
		SELECT string_agg(key, ', ' ORDER BY key) INTO bad FROM wrong;
		IF bad IS NOT NULL THEN
			RETURN format('step %s: %s', i, bad);
		END IF;
	END LOOP;
	RETURN 'right';
END $$;
SELECT play(0.1, 200);
SELECT play(0.2, 200);
SELECT count(*) > 1000 AS enough, count(*) FILTER (WHERE kind = 'retract') > 100 AS retracted,
	count(*) FILTER (WHERE kind = 'adjust') > 100 AS adjusted
FROM community.event WHERE source = 'public.deed/deed';
-- backfill finds nothing to do, whatever the batch
SELECT count(*) AS before FROM community.event WHERE source = 'public.deed/deed' \gset
SET client_min_messages = warning;
CALL community.backfill('deed', 'deed', 1);
CALL community.backfill('deed', 'deed', 100);
RESET client_min_messages;
SELECT count(*) - :before AS recorded FROM community.event WHERE source = 'public.deed/deed';
-- engagement is what the rows that count bring
SELECT count(*) AS wrong FROM community.engagement g
LEFT JOIN (SELECT who, sum(power(2, -extract(epoch FROM '2025-01-01'::timestamptz - at)::float8 / (30 * 86400))) AS score
	FROM deed WHERE ok GROUP BY who) d ON d.who = g.member_id
WHERE g.program_id = community.current_program()
	AND abs(community.score_at(g.score, '2025-01-01'::timestamptz) - coalesce(d.score, 0)) > 1e-9;
-- computed anew from the events it stays the same, but for rounding
SELECT member_id, community.score_at(score, '2025-01-01'::timestamptz) AS score INTO TEMP kept FROM community.engagement
WHERE program_id = community.current_program();
SELECT community.rebuild('engagement') >= 0 AS rebuilt;
SELECT count(*) AS wrong FROM kept k JOIN community.engagement g USING (member_id)
WHERE g.program_id = community.current_program()
	AND abs(community.score_at(g.score, '2025-01-01'::timestamptz) - k.score) > 1e-9;
SELECT community.rebuild('engagement') AS changed_again;
SELECT community.rebuild('everything');
SELECT community.detach('deed', 'deed');
DROP VIEW wrong;
DROP FUNCTION play;
DROP TABLE deed;
