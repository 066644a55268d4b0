
	-- --------------------------------------------------------------- seats

	IF to_regclass('community.tier_seat') IS NULL THEN
		CREATE TABLE community.tier_seat (
			program_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			seat integer NOT NULL,
			member_id bigint,
			key text,
			CONSTRAINT tier_seat_pkey PRIMARY KEY (program_id, ladder_id, tier, seat),
			CONSTRAINT tier_seat_seat_check CHECK (seat >= 1),
			CONSTRAINT tier_seat_key_check CHECK ((member_id IS NULL) = (key IS NULL))
		) WITH (fillfactor = 70);
		CREATE UNIQUE INDEX tier_seat_member_key
			ON community.tier_seat (program_id, member_id, ladder_id, tier)
			WHERE member_id IS NOT NULL;
		CREATE INDEX tier_seat_free_idx ON community.tier_seat (program_id, ladder_id, tier, seat)
			WHERE member_id IS NULL;
		COMMENT ON TABLE community.tier_seat IS 'seats of tiers that have a number of them; rows are made as they are needed';
		COMMENT ON COLUMN community.tier_seat.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_seat.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_seat.tier IS 'name of the tier';
		COMMENT ON COLUMN community.tier_seat.seat IS 'number of the seat, from 1';
		COMMENT ON COLUMN community.tier_seat.member_id IS 'who has it; null while it is free';
		COMMENT ON COLUMN community.tier_seat.key IS 'idempotency key of the claim that it was given for';
	END IF;

	IF to_regclass('community.tier_seat_wait') IS NULL THEN
		CREATE TABLE community.tier_seat_wait (
			program_id bigint NOT NULL,
			wait_id bigint NOT NULL DEFAULT community.next_id(),
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			member_id bigint NOT NULL,
			key text NOT NULL,
			waits_since timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT tier_seat_wait_pkey PRIMARY KEY (program_id, ladder_id, tier, wait_id),
			CONSTRAINT tier_seat_wait_member_key UNIQUE (program_id, member_id, ladder_id, tier)
		);
		COMMENT ON TABLE community.tier_seat_wait IS 'who waits for a seat; a row goes when its member gets one or leaves';
		COMMENT ON COLUMN community.tier_seat_wait.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_seat_wait.wait_id IS 'the lowest is the first who waits';
		COMMENT ON COLUMN community.tier_seat_wait.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_seat_wait.tier IS 'name of the tier';
		COMMENT ON COLUMN community.tier_seat_wait.member_id IS 'who waits';
		COMMENT ON COLUMN community.tier_seat_wait.key IS 'idempotency key of the claim';
		COMMENT ON COLUMN community.tier_seat_wait.waits_since IS 'since when';
	END IF;

	IF to_regclass('community.tier_seat_request') IS NULL THEN
		CREATE TABLE community.tier_seat_request (
			program_id bigint NOT NULL,
			key text NOT NULL,
			kind text NOT NULL,
			member_id bigint NOT NULL,
			ladder_id bigint NOT NULL,
			tier text NOT NULL,
			requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT tier_seat_request_pkey PRIMARY KEY (program_id, key),
			CONSTRAINT tier_seat_request_kind_check CHECK (kind IN ('claim', 'release'))
		);
		COMMENT ON TABLE community.tier_seat_request IS 'what claim_seat() and release_seat() were asked for, by key';
		COMMENT ON COLUMN community.tier_seat_request.program_id IS 'the program';
		COMMENT ON COLUMN community.tier_seat_request.key IS 'idempotency key';
		COMMENT ON COLUMN community.tier_seat_request.kind IS 'claim or release';
		COMMENT ON COLUMN community.tier_seat_request.member_id IS 'the member';
		COMMENT ON COLUMN community.tier_seat_request.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.tier_seat_request.tier IS 'name of the tier';
		COMMENT ON COLUMN community.tier_seat_request.requested_at IS 'when it was asked for first';
		COMMENT ON COLUMN community.tier_seat_request.actor IS 'database role that asked';
	END IF;

	IF to_regclass('community.seats') IS NULL THEN
		CREATE VIEW community.seats WITH (security_invoker = true) AS
		SELECT k.program_id, k.ladder_id, l.name AS ladder, k.tier,
			coalesce(max(k.seats), 0) AS seats, sum(k.taken)::bigint AS taken,
			sum(k.waiting)::bigint AS waiting
		FROM (
			SELECT v.program_id, v.ladder_id, t.value ->> 'name' AS tier,
				(t.value ->> 'seats')::integer AS seats, 0 AS taken, 0 AS waiting
			FROM community.ladder_version AS v,
				jsonb_array_elements(v.definition -> 'tiers') AS t (value)
			WHERE v.valid @> now() AND t.value ->> 'seats' IS NOT NULL
			UNION ALL
			SELECT s.program_id, s.ladder_id, s.tier, NULL, count(*), 0
			FROM community.tier_seat AS s
			WHERE s.member_id IS NOT NULL GROUP BY 1, 2, 3
			UNION ALL
			SELECT w.program_id, w.ladder_id, w.tier, NULL, 0, count(*)
			FROM community.tier_seat_wait AS w GROUP BY 1, 2, 3) AS k
		LEFT JOIN community.ladder AS l ON l.program_id = k.program_id
			AND l.ladder_id = k.ladder_id
		GROUP BY k.program_id, k.ladder_id, l.name, k.tier;
		COMMENT ON VIEW community.seats IS 'tiers with seats: how many there are now, how many are taken, how many members wait';
		COMMENT ON COLUMN community.seats.program_id IS 'the program';
		COMMENT ON COLUMN community.seats.ladder_id IS 'the ladder';
		COMMENT ON COLUMN community.seats.ladder IS 'its name';
		COMMENT ON COLUMN community.seats.tier IS 'name of the tier';
		COMMENT ON COLUMN community.seats.seats IS 'how many seats there are, by the version of the ladder in force; 0 where it gives none';
		COMMENT ON COLUMN community.seats.taken IS 'how many are taken; more than there are where their number was lowered';
		COMMENT ON COLUMN community.seats.waiting IS 'how many members wait for one';
	END IF;
