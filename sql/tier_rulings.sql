-- If this failed, a decision of people about a member would be made twice by a
-- retry, lost, edited afterwards, or not be taken into account.
SELECT community.create_program('tier rulings') > 0 AS created;
SET community.program = 'tier rulings';
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT count(community.enroll(i)) FROM generate_series(1, 6) AS i;
SELECT community.close_member(5, 'left');
SELECT community.define_measure('spend', 'sum') > 0 AS defined;
INSERT INTO community.ladder (program_id, name)
SELECT community.current_program(), n FROM unnest(ARRAY['club', 'spend']) AS n;
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
SELECT l.program_id, l.ladder_id, t.* FROM community.ladder AS l, (VALUES (1, 'silver', 'qualify'),
	(2, 'gold', 'invitation'), (3, 'Black Card', 'none')) AS t
WHERE l.program_id = community.current_program();

-- decisions, with ids, times and what is believed
CREATE VIEW pg_temp.ruling AS SELECT r.member_id, l.name AS ladder, r.kind, r.tier, r.during, r.reason, r.key,
	r.superseded_at IS NULL AS believed, r.actor = session_user AS ours
FROM community.tier_ruling AS r JOIN community.ladder AS l USING (program_id, ladder_id)
WHERE r.program_id = community.current_program() ORDER BY r.ruling_id;
CREATE VIEW pg_temp.touch AS SELECT member_id, count(*) FROM community.standing_touch
WHERE program_id = community.current_program() GROUP BY 1 ORDER BY 1;
SELECT community.lock_tier(1, 'club', '[2024-01-01,2024-02-01)', 'parental leave', 'lock 1') > 0 AS locked;
SELECT community.veto_tier(member => 2, ladder => 'club', tier => 'gold', during => '[2024-01-01,infinity)',
	reason => 'resells', key => 'veto 1', program => community.current_program()) > 0 AS vetoed;
SELECT community.invite_to_tier(1, 'club', 'gold', '[2024-03-01,)', 'by the board', 'invite 1') > 0 AS invited;
SELECT * FROM pg_temp.ruling;
SELECT * FROM pg_temp.touch;

-- a retry finds the same, says so, and leaves no trace
CREATE FUNCTION pg_temp.id(text) RETURNS bigint LANGUAGE sql AS $$
	SELECT min(ruling_id) FROM community.tier_ruling WHERE program_id = community.current_program() AND key = $1
$$;
SELECT community.lock_tier(1, 'club', '[2024-01-01,2024-02-01)', 'another reason', 'lock 1') = pg_temp.id('lock 1') AS same,
	community.lock_tier(1, 'club', reason => 'left out', key => 'lock 1') = pg_temp.id('lock 1') AS without_range,
	community.veto_tier(2, 'club', 'gold', '[2024-01-01,)', 'resells', 'veto 1') = pg_temp.id('veto 1') AS without_end;
SELECT count(*) FROM pg_temp.ruling;
SELECT * FROM pg_temp.touch;
SELECT community.lock_tier(1, 'club', '[2024-01-01,2024-02-02)', 'x', 'lock 1');
SELECT community.lock_tier(2, 'club', '[2024-01-01,2024-02-01)', 'x', 'lock 1');
SELECT community.lock_tier(1, 'spend', '[2024-01-01,2024-02-01)', 'x', 'lock 1');
SELECT community.veto_tier(1, 'club', 'Black Card', '[2024-01-01,2024-02-01)', 'x', 'lock 1');
SELECT community.veto_tier(2, 'club', 'Black Card', '[2024-01-01,)', 'x', 'veto 1');

-- from now on, where no range is given
BEGIN;
SELECT community.lock_tier(3, 'club', reason => 'x', key => 'lock 3') > 0 AS locked;
SELECT lower(during) = now() AS from_now, upper_inf(during) AS open FROM pg_temp.ruling WHERE key = 'lock 3';
COMMIT;

-- what is refused
SELECT community.lock_tier(9, 'club', reason => 'x', key => 'k');
SELECT community.lock_tier(5, 'club', reason => 'x', key => 'k');
SELECT community.lock_tier(1, 'cub', reason => 'x', key => 'k');
SELECT community.lock_tier(1, 'club', reason => 'x', key => 'k', program => 281474976710655);
SELECT community.lock_tier(1, 'club', key => 'k');
SELECT community.lock_tier(1, 'club', reason => 'x');
SELECT community.lock_tier(1, 'club', reason => '', key => 'k');
SELECT community.lock_tier(1, 'club', reason => 'x', key => repeat('k', 513));
SELECT community.lock_tier(NULL, 'club', reason => 'x', key => 'k');
SELECT community.lock_tier(1, 'club', '(2024-01-01,)', 'x', 'k');
SELECT community.lock_tier(1, 'club', '(,2024-01-01)', 'x', 'k');
SELECT community.lock_tier(1, 'club', '[-infinity,2024-01-01)', 'x', 'k');
SELECT community.lock_tier(1, 'club', '[2024-01-01,2024-02-01]', 'x', 'k');
SELECT community.lock_tier(1, 'club', 'empty', 'x', 'k');
SELECT community.veto_tier(1, 'club', 'bronze', reason => 'x', key => 'k');
SELECT community.invite_to_tier(1, 'club', 'silver', reason => 'x', key => 'k');
SELECT community.invite_to_tier(1, 'club', 'bronze', reason => 'x', key => 'k');

-- a ruling that ends is superseded by a shorter one, or by none
SELECT community.end_ruling('veto 1', '2024-06-01') AS ended;
SELECT community.end_ruling('veto 1', '2024-06-01') AS again, community.end_ruling('veto 1', '2025-01-01') AS later,
	community.end_ruling('veto 1', 'infinity') AS never;
SELECT community.end_ruling('veto 1', '2024-05-01') AS earlier;
SELECT community.end_ruling('lock 1', '2024-01-01') AS not_at_all, community.end_ruling('lock 1', '2023-01-01') AS again;
SELECT community.end_ruling(key => 'invite 1', program => community.current_program()) AS now;
SELECT * FROM pg_temp.ruling WHERE key IN ('veto 1', 'lock 1');
SELECT * FROM pg_temp.touch;
-- believed from the moment on that the other was not
SELECT count(*) FROM community.tier_ruling AS a JOIN community.tier_ruling AS b
	ON b.program_id = a.program_id AND b.key = a.key AND b.recorded_at = a.superseded_at
WHERE a.program_id = community.current_program();
-- the key names the first for ever
SELECT community.veto_tier(2, 'club', 'gold', '[2024-01-01,)', 'resells', 'veto 1') = pg_temp.id('veto 1') AS same,
	community.lock_tier(1, 'club', '[2024-01-01,2024-02-01)', 'x', 'lock 1') = pg_temp.id('lock 1') AS same;
SELECT community.lock_tier(2, 'club', '[2024-01-01,2024-02-01)', 'x', 'lock 1');
SELECT community.end_ruling('lock 2');
SELECT community.end_ruling(NULL);
SELECT community.end_ruling('veto 1', NULL);
SELECT community.close_member(3, 'left');
SELECT community.lock_tier(3, 'club', reason => 'x', key => 'lock 3') = pg_temp.id('lock 3') AS retried;
SELECT community.end_ruling('lock 3');

-- grants: of tiers that are published
CREATE VIEW pg_temp.grant AS SELECT t.member_id, t.tier, t.rank, t.source, t.during, t.reason, t.key, t.version_id,
	t.superseded_at IS NULL AS believed FROM community.tenure AS t
WHERE t.program_id = community.current_program() ORDER BY t.tenure_id;
CREATE FUNCTION pg_temp.tenure(text) RETURNS bigint LANGUAGE sql AS $$
	SELECT min(tenure_id) FROM community.tenure WHERE program_id = community.current_program() AND key = $1
$$;
SELECT community.grant_tier(1, 'club', 'gold', reason => 'x', key => 'g1');
SELECT * FROM community.publish_ladder('club', '2024-01-01');
-- gold moves down, silver goes, and bronze comes
DELETE FROM community.tier WHERE program_id = community.current_program() AND name = 'silver';
UPDATE community.tier SET rank = 1 WHERE program_id = community.current_program() AND name = 'gold';
UPDATE community.tier SET rank = 2, name = 'bronze' WHERE program_id = community.current_program() AND rank = 3;
SELECT * FROM community.publish_ladder('club', '2025-01-01');
SELECT community.grant_tier(1, 'club', 'gold', '[2024-06-01,2024-07-01)', reason => 'sorry', key => 'g1') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'gold', '[2025-06-01,2025-07-01)', 'matched', 'came over', 'g2') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'gold', '[2020-06-01,2020-07-01)', reason => 'early', key => 'g3') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'bronze', '[2024-06-01,2024-07-01)', reason => 'early', key => 'g4') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'silver', '[2025-06-01,2025-07-01)', reason => 'gone', key => 'g5') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'gold', '[2024-06-15,2025-06-01)', 'matched', 'beside', 'g6') > 0 AS granted;
SELECT community.grant_tier(1, 'club', 'gold', '[2024-07-01,)', reason => 'after', key => 'g7') > 0 AS granted;
SELECT * FROM pg_temp.grant;
SELECT community.grant_tier(1, 'club', 'gold', '[2024-06-01,2024-07-01)', reason => 'again', key => 'g1') = pg_temp.tenure('g1') AS same,
	community.grant_tier(1, 'club', 'gold', reason => 'again', key => 'g1') = pg_temp.tenure('g1') AS without_range;
SELECT count(*) FROM pg_temp.grant;
SELECT community.grant_tier(1, 'club', 'gold', '[2024-06-01,2024-07-02)', reason => 'x', key => 'g1');
SELECT community.grant_tier(1, 'club', 'gold', '[2024-06-01,2024-07-01)', 'matched', 'x', 'g1');
SELECT community.grant_tier(2, 'club', 'gold', '[2024-06-01,2024-07-01)', reason => 'x', key => 'g1');
SELECT community.grant_tier(1, 'club', 'gold', '[2024-05-01,2024-06-02)', reason => 'x', key => 'g8');
SELECT community.grant_tier(1, 'club', 'copper', reason => 'x', key => 'g8');
SELECT community.grant_tier(1, 'club', 'gold', source => 'purchased', reason => 'x', key => 'g8');
SELECT community.grant_tier(5, 'club', 'gold', reason => 'x', key => 'g8');
SELECT community.grant_tier(1, 'club', 'gold', '(,)', reason => 'x', key => 'g8');
SELECT community.grant_tier(1, 'club', 'gold', reason => 'x');

SELECT community.revoke_tier('g7', '2024-08-01', 'mistake') AS revoked;
SELECT community.revoke_tier('g7', '2024-08-01') AS again, community.revoke_tier('g7', '2024-09-01') AS later;
SELECT community.revoke_tier('g6', '2024-06-15', 'mistake') AS not_at_all, community.revoke_tier('g6') AS again;
SELECT community.revoke_tier('g2', '2025-06-02') AS revoked;
SELECT * FROM pg_temp.grant WHERE key IN ('g2', 'g6', 'g7');
SELECT community.grant_tier(1, 'club', 'gold', '[2024-08-01,)', reason => 'where it was', key => 'g9') > 0 AS granted;
SELECT community.revoke_tier('g10');
SELECT community.revoke_tier(NULL);
-- a grant changes nothing that is qualified for
SELECT * FROM pg_temp.touch;

-- what was decided stays readable
DO $$
DECLARE
	attempt text;
BEGIN
	FOREACH attempt IN ARRAY ARRAY[
		$q$UPDATE community.tier_ruling SET reason = 'x' WHERE ruling_id = pg_temp.id('lock 3')$q$,
		$q$UPDATE community.tier_ruling SET superseded_at = NULL WHERE ruling_id = pg_temp.id('veto 1')$q$,
		$q$UPDATE community.tenure SET during = '[2000-01-01,)' WHERE tenure_id = pg_temp.tenure('g1')$q$,
		$q$UPDATE community.tenure SET superseded_at = now() + interval '1 day' WHERE tenure_id = pg_temp.tenure('g7')$q$,
		$q$DELETE FROM community.tier_ruling WHERE ruling_id = pg_temp.id('lock 3')$q$,
		$q$DELETE FROM community.tenure WHERE tenure_id = pg_temp.tenure('g1')$q$]
	LOOP
		BEGIN
			EXECUTE attempt;
			RAISE INFO 'possible: %', attempt;
		EXCEPTION WHEN SQLSTATE 'CM007' THEN
			RAISE INFO '%', regexp_replace(SQLERRM, 'row \d+', 'row N');
		END;
	END LOOP;
END $$;
