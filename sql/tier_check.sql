-- If this failed, damage to ladders, tenures or standings would pass for healthy,
-- or healthy ones would be accused: check_installation() must find each kind of
-- fault that is planted here, name the member, and nothing else.
SELECT community.create_program('tier check') > 0 AS created;
SET community.program = 'tier check';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT count(community.enroll(i, joined_at => '2023-01-01')) FROM generate_series(1, 4) AS i;
SELECT community.define_measure('spend', 'sum') > 0 AS defined;
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name)
SELECT program_id, ladder_id, t.* FROM community.ladder, (VALUES (1, 'silver'), (2, 'gold')) AS t
WHERE program_id = community.current_program();
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, attain)
SELECT t.program_id, t.ladder_id, t.rank, m.measure_id, t.rank * 100 FROM community.tier AS t
JOIN community.measure AS m USING (program_id) WHERE t.program_id = community.current_program();
SELECT * FROM community.publish_ladder('club', '-infinity');
SELECT * FROM community.publish_ladder('club', '2024-01-01');
SELECT * FROM community.publish_ladder('club', '2025-01-01');

-- one of everything; the qualified tenures as the machine writes them
SELECT community.lock_tier(1, 'club', '[2024-01-01,2024-02-01)', 'x', 'l1') > 0,
	community.end_ruling('l1', '2024-01-15'),
	community.grant_tier(1, 'club', 'gold', '[2024-01-01,2024-02-01)', 'granted', 'x', 'g1') > 0,
	community.grant_tier(1, 'club', 'silver', '[2024-01-01,2024-02-01)', 'granted', 'x', 'g2') > 0,
	community.revoke_tier('g2', '2024-01-15'),
	community.grant_tier(1, 'club', 'gold', '[2024-02-01,)', 'granted', 'x', 'g3') > 0;
CREATE VIEW pg_temp.version AS SELECT * FROM community.ladder_version
	WHERE program_id = community.current_program();
CREATE VIEW pg_temp.held AS SELECT * FROM community.tenure WHERE program_id = community.current_program();
CREATE VIEW pg_temp.stands AS SELECT * FROM community.standing WHERE program_id = community.current_program();
INSERT INTO community.tenure (program_id, member_id, ladder_id, tier, rank, source, during, version_id, reason)
SELECT v.program_id, t.member_id, v.ladder_id, t.tier, t.rank, t.source, t.during, v.version_id, t.reason
FROM pg_temp.version AS v, (VALUES (2, 'silver', 1, 'qualified', tstzrange('2024-02-01', '2024-03-01'), 'promoted'),
	(2, 'gold', 2, 'qualified', tstzrange('2024-03-01', '2024-05-01'), 'promoted'),
	(2, 'gold', 2, 'grace', tstzrange('2024-05-01', NULL), 'grace'),
	(3, 'silver', 1, 'qualified', tstzrange('2024-02-01', '2024-03-01'), 'promoted')) AS t (member_id, tier, rank, source, during, reason)
WHERE lower(v.valid) = '2024-01-01';
INSERT INTO community.standing (program_id, ladder_id, member_id, as_of, due, stale_at, falling_at, since, ends_at,
	version_id, seen_id, rank, grace, plain, amounts, scores)
SELECT v.program_id, v.ladder_id, s.member_id, '2024-06-01', 'infinity', 'infinity', '-infinity', s.since, 'infinity',
	v.version_id, v.version_id, s.rank, s.grace, true, '{0}', '{}'
FROM pg_temp.version AS v, (VALUES (2, timestamptz '2024-05-01', 2, true), (3, '2024-03-01', 0, false),
	(4, '2023-01-01', 0, false)) AS s (member_id, since, rank, grace)
WHERE lower(v.valid) = '2024-01-01';
SELECT * FROM community.check_installation('full', community.current_program());

-- Plant a fault, say what is found, take it out again.  Ids are hidden.  What is
-- found of a member alone must be what is found among all.
CREATE FUNCTION pg_temp.plant(fault text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
	alone text[];
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE fault;
		SELECT array_agg(DISTINCT regexp_replace(format('%s: member %s, %s: %s', c.rule, coalesce(c.member_id::text, 'none'),
				c.object, c.detail), '(tenures?|ruling|versions?|measure|and|ladder|version,) "?\d+"?', '\1 N', 'g'))
			INTO found FROM community.check_installation('full', community.current_program()) AS c;
		SELECT array_agg(DISTINCT format('%s of member %s is not told of the member alone', c.rule, c.member_id))
			INTO alone FROM community.check_installation('full', community.current_program()) AS c
			WHERE CASE WHEN c.member_id <= 4 THEN NOT EXISTS (
				SELECT FROM community.check_installation('full', c.program_id, c.member_id) AS a
				WHERE (a.rule, a.object, a.detail) = (c.rule, c.object, c.detail)) END;
		RAISE EXCEPTION 'undo' USING ERRCODE = 'P0999';
	EXCEPTION WHEN SQLSTATE 'P0999' THEN NULL;
	END;
	RETURN QUERY SELECT unnest(coalesce(found, '{nothing}') || alone);
END $$;
SELECT pg_temp.plant('SELECT 1');

-- 1. versions: a gap, an overlap, an end, none at all
SELECT pg_temp.plant($$UPDATE pg_temp.version SET valid = tstzrange(lower(valid), '2024-12-31') WHERE lower(valid) = '2024-01-01'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.version SET valid = tstzrange(lower(valid), '2025-02-01') WHERE lower(valid) = '2024-01-01'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.version SET valid = tstzrange(lower(valid), NULL) WHERE lower(valid) = '2024-01-01'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.version SET valid = '(,)' WHERE lower(valid) = '2024-01-01' OR lower_inf(valid)$$);
SELECT pg_temp.plant($$UPDATE pg_temp.version SET valid = tstzrange(lower(valid), '2030-01-01') WHERE upper_inf(valid)$$);
SELECT pg_temp.plant($$DELETE FROM pg_temp.version WHERE lower(valid) = '2024-01-01'$$);
-- 2. what versions and decisions name
SELECT pg_temp.plant($$DELETE FROM community.measure WHERE program_id = community.current_program()$$);
SELECT pg_temp.plant($$DELETE FROM community.ladder WHERE program_id = community.current_program()$$);
SELECT pg_temp.plant($$UPDATE pg_temp.held SET member_id = 281474976710655 WHERE key = 'g3'$$);
SELECT pg_temp.plant($$UPDATE community.tier_ruling SET member_id = 281474976710655
	WHERE program_id = community.current_program() AND superseded_at IS NULL$$);
SELECT pg_temp.plant($$UPDATE community.tier_ruling SET ladder_id = 0
	WHERE program_id = community.current_program() AND superseded_at IS NULL$$);
-- 3. tiers that no version has
SELECT pg_temp.plant($$UPDATE pg_temp.held SET version_id = NULL WHERE member_id = 3$$);
SELECT pg_temp.plant($$UPDATE pg_temp.held SET tier = 'gold' WHERE member_id = 3$$);
SELECT pg_temp.plant($$UPDATE pg_temp.held SET rank = 3 WHERE key = 'g3'$$);
SELECT pg_temp.plant($$UPDATE pg_temp.held SET tier = 'platinum' WHERE key = 'g3'$$);
-- 4. two tenures at once
SELECT pg_temp.plant($$ALTER TABLE community.tenure DROP CONSTRAINT tenure_excl;
	UPDATE pg_temp.held SET during = '[2024-02-01,2024-03-02)' WHERE member_id = 2 AND rank = 1;
	UPDATE pg_temp.held SET during = '[2024-01-01,2024-02-02)' WHERE key = 'g1'$$);
SELECT pg_temp.plant($$ALTER TABLE community.tenure DROP CONSTRAINT tenure_excl; DROP INDEX community.tenure_key_key;
	UPDATE pg_temp.held SET superseded_at = NULL WHERE key = 'g2'$$);
-- 5. standings
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET rank = 1 WHERE member_id = 2$$);
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET rank = 0 WHERE member_id = 2$$);
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET grace = false WHERE member_id = 2$$);
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET since = '2024-05-02' WHERE member_id = 2$$);
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET rank = 1 WHERE member_id = 4$$);
SELECT pg_temp.plant($$UPDATE pg_temp.held SET superseded_at = now() WHERE member_id = 2 AND source = 'grace'$$);
-- one that is to be worked out anew may say anything
SELECT pg_temp.plant($$UPDATE pg_temp.stands SET rank = 1, seen_id = 0 WHERE member_id = 4$$);
-- 6. guards
SELECT pg_temp.plant('ALTER TABLE community.tenure DISABLE TRIGGER guard');
SELECT pg_temp.plant('DROP TRIGGER no_truncate ON community.ladder_version');
SELECT * FROM community.check_installation('full', community.current_program());
