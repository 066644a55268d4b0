-- If this failed, a tier with a number of seats would let in more members than
-- it has seats or fewer, pass over somebody who waits, keep a seat empty beside
-- those who wait, or take or give anything twice when a call is retried.
\set VERBOSITY default
SELECT community.create_program('seats test') > 0 AS created;
SET community.program = 'seats test';
SELECT count(community.enroll(m)) FROM generate_series(1, 40) AS m;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- a version of ladder "club" in force from now on, with so many seats for founders
CREATE FUNCTION pg_temp.publish(seats text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p CONSTANT bigint := community.current_program();
	l CONSTANT bigint := (SELECT ladder_id FROM community.ladder WHERE program_id = p AND name = 'club');
	t CONSTANT timestamptz := clock_timestamp();
BEGIN
	UPDATE community.ladder_version SET valid = tstzrange(lower(valid), t)
	WHERE program_id = p AND ladder_id = l AND upper_inf(valid);
	INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
	VALUES (p, community.next_id(), l, tstzrange(t, NULL), jsonb_build_object('name', 'club', 'tiers', format(
		'[{"rank": 1, "name": "guest", "entry": "none", "seats": null, "requirements": []},
		{"rank": 2, "name": "founder", "entry": "none", "seats": %s, "requirements": []},
		{"rank": 3, "name": "patron", "entry": "none", "seats": 1, "requirements": []},
		{"rank": 4, "name": "expert", "entry": "qualify", "seats": 2, "requirements":
			[{"position": 1, "measure_id": %s, "period": "lifetime", "attain": 2, "keep": 2}]},
		{"rank": 5, "name": "board", "entry": "invitation", "seats": 2}]', seats,
		community.define_measure('posts', 'count', '{post}'))::jsonb));
END $$;
-- other tests leave theirs behind
CREATE VIEW pg_temp.tenure AS SELECT * FROM community.tenure WHERE program_id = community.current_program();
CREATE VIEW pg_temp.tier_seat AS SELECT * FROM community.tier_seat WHERE program_id = community.current_program();
CREATE VIEW pg_temp.tier_seat_wait AS SELECT * FROM community.tier_seat_wait WHERE program_id = community.current_program();
CREATE VIEW pg_temp.seats AS SELECT * FROM community.seats WHERE program_id = community.current_program();
CREATE TEMP VIEW founders AS
SELECT s.member_id AS member, s.seat, NULL::bigint AS place FROM pg_temp.tier_seat AS s
WHERE s.tier = 'founder' AND s.member_id IS NOT NULL
UNION ALL
SELECT w.member_id, NULL, row_number() OVER (ORDER BY w.wait_id) FROM pg_temp.tier_seat_wait AS w
WHERE w.tier = 'founder' ORDER BY seat, place;
-- one row for each fault: held tenures are those of the seats, and never more
-- than there were seats at a time; nobody waits beside a free seat
CREATE FUNCTION pg_temp.faults() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT c.rule || ': ' || c.detail FROM community.check_installation(program => community.current_program()) AS c
	UNION ALL
	SELECT 'seat given twice in time' FROM pg_temp.tenure AS a JOIN pg_temp.tenure AS b
		ON b.program_id = a.program_id AND b.ladder_id = a.ladder_id AND b.tier = a.tier
			AND b.tenure_id > a.tenure_id AND b.during && a.during
	WHERE a.tier = 'patron' AND a.superseded_at IS NULL AND b.superseded_at IS NULL
$$;

-- nothing is published, or there is no such thing
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', 'x')$$);
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.tier (program_id, ladder_id, rank, name, seats)
SELECT program_id, ladder_id, 2, 'founder', 1000 FROM community.ladder WHERE name = 'club' AND program_id = community.current_program();
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', 'x')$$);
SELECT pg_temp.publish('3');
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'guest', 'x')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'nobody', 'x')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(99, 'club', 'founder', 'x')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', NULL)$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', '')$$);
SELECT pg_temp.refused($$SELECT community.release_seat(1, 'club', 'founder', 'never had one', 'x')$$);
SELECT pg_temp.refused($$SELECT community.release_seat(1, 'club', 'founder', NULL, 'x')$$);
SELECT ladder, tier, seats, taken, waiting FROM pg_temp.seats ORDER BY tier;

-- three seats, five who want one; the draft says 1000, but the draft counts for nothing
SELECT m, s.* FROM generate_series(1, 5) AS m, community.claim_seat(m, 'club', 'founder', 'claim ' || m) AS s ORDER BY m;
SELECT member_id, tier, rank, source, upper_inf(during) AS held, ends_at, reason, key, version_id IS NOT NULL AS by_version
FROM pg_temp.tenure ORDER BY tenure_id;
SELECT * FROM pg_temp.faults();
-- retries, other input, second claims
SELECT m, s.* FROM generate_series(1, 5) AS m, community.claim_seat(m, 'club', 'founder', 'claim ' || m) AS s ORDER BY m;
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', 'claim 2')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'patron', 'claim 1')$$);
SELECT community.claim_seat(1, 'club', 'patron', 'claim 2');
SELECT pg_temp.refused($$SELECT community.release_seat(1, 'club', 'founder', 'mine', 'claim 1')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(1, 'club', 'founder', 'once more')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(4, 'club', 'founder', 'once more')$$);
SELECT count(*) AS tenures FROM pg_temp.tenure;
-- a seat in another tier is another seat
SELECT community.claim_seat(1, 'club', 'patron', 'patron 1');
SELECT community.claim_seat(2, 'club', 'patron', 'patron 2');

-- what is released goes to the first who waits, and to nobody else
SELECT community.release_seat(2, 'club', 'founder', 'moved away', 'release 2');
SELECT * FROM pg_temp.founders;
SELECT community.release_seat(2, 'club', 'founder', 'moved away', 'release 2');
SELECT * FROM pg_temp.founders;
SELECT member_id, upper_inf(during) AS held, reason, key, superseded_at IS NOT NULL AS superseded
FROM pg_temp.tenure WHERE tier = 'founder' ORDER BY tenure_id;
SELECT upper(a.during) = lower(b.during) AS without_gap FROM pg_temp.tenure AS a, pg_temp.tenure AS b
WHERE a.key = 'claim 2' AND a.superseded_at IS NULL AND b.key = 'claim 4';
-- the claim of then is over; a new one goes to the end of the list
SELECT * FROM community.claim_seat(2, 'club', 'founder', 'claim 2');
SELECT * FROM community.claim_seat(4, 'club', 'founder', 'claim 4');
SELECT * FROM community.claim_seat(2, 'club', 'founder', 'claim 2 again');
SELECT * FROM community.claim_seat(2, 'club', 'founder', 'claim 2');
SELECT pg_temp.refused($$SELECT community.release_seat(9, 'club', 'founder', 'has none', 'release 9')$$);
-- a place can be given up as well
SELECT community.release_seat(5, 'club', 'founder', 'too long', 'release 5');
SELECT * FROM pg_temp.founders;
SELECT * FROM pg_temp.faults();
-- and leaves an error nothing behind, so its key is free
SELECT * FROM community.claim_seat(9, 'club', 'founder', 'release 9');

-- more seats, for those who wait first
SELECT community.claim_seat(m, 'club', 'founder', 'claim ' || m) FROM generate_series(10, 14) AS m;
SELECT pg_temp.publish('5');
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT rule, object, detail FROM community.check_installation(program => community.current_program());
SELECT * FROM community.claim_seat(15, 'club', 'founder', 'claim 15');
SELECT * FROM pg_temp.founders;
SELECT pg_temp.publish('7');
SELECT community.hand_out_seats();
SELECT community.hand_out_seats();
SELECT * FROM pg_temp.founders;
SELECT * FROM pg_temp.faults();
-- fewer: nobody loses a seat, and nobody gets one before they are fewer than that
SELECT pg_temp.publish('4');
SELECT community.hand_out_seats();
SELECT community.release_seat(1, 'club', 'founder', 'left', 'release 1');
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT * FROM community.claim_seat(16, 'club', 'founder', 'claim 16');
SELECT community.release_seat(m, 'club', 'founder', 'left', 'release ' || m) FROM unnest(ARRAY[3, 4]) AS m;
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT community.release_seat(9, 'club', 'founder', 'left', 'release 9 later');
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT * FROM pg_temp.founders;
SELECT * FROM pg_temp.faults();
-- none at all, and back
SELECT pg_temp.publish('null');
SELECT pg_temp.refused($$SELECT community.claim_seat(17, 'club', 'founder', 'claim 17')$$);
SELECT community.release_seat(2, 'club', 'founder', 'left', 'release 2 again');
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT pg_temp.publish('6');
SELECT * FROM community.claim_seat(17, 'club', 'founder', 'claim 17');
SELECT * FROM pg_temp.founders;
SELECT * FROM pg_temp.faults();

-- closed members lose what they have, and claim nothing
SELECT community.close_member(m, 'left') FROM unnest(ARRAY[1, 16, 13]) AS m;
SELECT * FROM pg_temp.founders;
SELECT t.member_id, t.tier, upper_inf(t.during) AS held, t.reason FROM pg_temp.tenure AS t
WHERE t.superseded_at IS NULL AND t.member_id IN (1, 2, 13, 17) AND t.tier IN ('patron', 'founder') ORDER BY t.tenure_id;
SELECT * FROM pg_temp.faults();
-- so does who is merged into another
SELECT community.claim_seat(18, 'club', 'founder', 'claim 18');
SELECT community.merge_members(15, 19, 'merge 15');
SELECT * FROM pg_temp.founders;
SELECT pg_temp.refused($$SELECT community.release_seat(15, 'club', 'founder', 'wants it back', 'release 15')$$);
SELECT reason FROM pg_temp.tenure WHERE key = 'claim 15' AND superseded_at IS NULL;
SELECT * FROM pg_temp.faults();
SELECT community.close_member(20, 'left');
SELECT pg_temp.refused($$SELECT community.claim_seat(20, 'club', 'founder', 'claim 20')$$);

-- what is required beside a seat is asked for, and without a seat gives no tier
SELECT count(community.record(m, 'post', 'post ' || m || ' ' || n)) FROM generate_series(30, 40, 10) AS m, generate_series(1, 2) AS n;
SELECT community.record(31, 'post', 'post 31') IS NOT NULL AS too_few;
SELECT community.tier(30, 'club');
SELECT community.invite_to_tier(30, 'club', 'board', '[2020-01-01,)', 'elected', 'invite 30') > 0 AS invited;
SELECT * FROM community.claim_seat(30, 'club', 'expert', 'expert 30');
SELECT pg_temp.refused($$SELECT community.claim_seat(31, 'club', 'expert', 'expert 31')$$);
SELECT pg_temp.refused($$SELECT community.claim_seat(31, 'club', 'board', 'board 31')$$);
SELECT * FROM community.claim_seat(30, 'club', 'board', 'board 30');
-- not on a retry, which says what was
SELECT * FROM community.claim_seat(30, 'club', 'expert', 'expert 30');

-- many seats, made as they are needed
SELECT pg_temp.publish('2500');
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT count(*) < 2500 AS some FROM pg_temp.tier_seat WHERE tier = 'founder';
SELECT count(community.enroll(m)) FROM generate_series(1001, 3600) AS m;
-- each on its own, as customers do
CREATE TEMPORARY TABLE claimed (seat integer, place bigint);
DO $$ BEGIN
	FOR m IN 1001..3600 LOOP
		INSERT INTO claimed SELECT s.seat, s.place FROM community.claim_seat(m, 'club', 'founder', 'claim ' || m) AS s;
		COMMIT;
	END LOOP;
END $$;
SELECT count(seat) AS seated, count(place) AS waiting, max(place) AS last FROM claimed;
SELECT tier, seats, taken, waiting FROM pg_temp.seats WHERE tier = 'founder';
SELECT * FROM pg_temp.faults();

-- what the checks find
BEGIN;
UPDATE community.tier_seat SET member_id = NULL, key = NULL WHERE program_id = community.current_program() AND tier = 'patron';
SELECT rule, member_id, object, regexp_replace(detail, 'tenure \d+', 'tenure N') AS detail FROM community.check_installation(program => community.current_program()) WHERE rule LIKE 'seat%' ORDER BY 1, 2;
ROLLBACK;
BEGIN;
UPDATE community.tenure SET superseded_at = recorded_at WHERE program_id = community.current_program() AND key = 'patron 2';
UPDATE community.member SET status = 'closed', closed_at = now(), close_reason = 'x' WHERE program_id = community.current_program() AND member_id = 3550;
SELECT rule, member_id, object, detail FROM community.check_installation(program => community.current_program()) WHERE rule LIKE 'seat%' ORDER BY 1, 2;
ROLLBACK;

-- an application may claim and release, and an analyst look
CREATE ROLE seats_app;
CREATE ROLE seats_analyst;
SELECT community.grant_application('seats_app');
SELECT community.grant_analyst('seats_analyst');
SET ROLE seats_app;
SELECT * FROM community.claim_seat(40, 'club', 'expert', 'expert 40');
SELECT pg_temp.refused('SELECT * FROM community.tier_seat');
SELECT pg_temp.refused('SELECT community.hand_out_seats()');
SET ROLE seats_analyst;
SELECT tier, seats, taken, waiting FROM community.seats WHERE program_id = community.current_program() AND tier IN ('expert', 'patron') ORDER BY tier;
SELECT pg_temp.refused($$SELECT community.claim_seat(40, 'club', 'expert', 'expert 40')$$);
RESET ROLE;
DROP OWNED BY seats_app, seats_analyst;
DROP ROLE seats_app, seats_analyst;
