
	-- --------------------------------------- groups that buy, and bargains

	IF to_regclass('community.group_buy') IS NULL THEN
		CREATE TABLE community.group_buy (
			program_id bigint NOT NULL,
			group_id bigint NOT NULL DEFAULT community.next_id(),
			key text NOT NULL,
			opened_by bigint NOT NULL,
			capacity integer NOT NULL,
			price bigint NOT NULL,
			opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			closes_at timestamptz NOT NULL,
			settled_at timestamptz,
			payload jsonb NOT NULL DEFAULT '{}',
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT group_buy_pkey PRIMARY KEY (program_id, group_id),
			CONSTRAINT group_buy_key_key UNIQUE (program_id, key),
			CONSTRAINT group_buy_capacity_check CHECK (capacity >= 2),
			CONSTRAINT group_buy_price_check CHECK (price >= 0)
		);
		CREATE INDEX group_buy_open_idx ON community.group_buy (program_id, closes_at)
			WHERE settled_at IS NULL;
		COMMENT ON TABLE community.group_buy IS 'groups that buy together or not at all; read them through the view group_status';
		COMMENT ON COLUMN community.group_buy.program_id IS 'the program';
		COMMENT ON COLUMN community.group_buy.group_id IS 'the group';
		COMMENT ON COLUMN community.group_buy.key IS 'idempotency key of open_group()';
		COMMENT ON COLUMN community.group_buy.opened_by IS 'its first leader';
		COMMENT ON COLUMN community.group_buy.capacity IS 'how many members make it full';
		COMMENT ON COLUMN community.group_buy.price IS 'what each pays, in minor units';
		COMMENT ON COLUMN community.group_buy.opened_at IS 'when it was opened';
		COMMENT ON COLUMN community.group_buy.closes_at IS 'when it fails unless it is full';
		COMMENT ON COLUMN community.group_buy.settled_at IS 'when its holds were captured or released, null while that has not happened';
		COMMENT ON COLUMN community.group_buy.payload IS 'whatever else the application keeps with it';
		COMMENT ON COLUMN community.group_buy.actor IS 'database role that opened it';
	END IF;

	IF to_regclass('community.group_slot') IS NULL THEN
		CREATE TABLE community.group_slot (
			program_id bigint NOT NULL,
			group_id bigint NOT NULL,
			slot integer NOT NULL,
			CONSTRAINT group_slot_pkey PRIMARY KEY (program_id, group_id, slot)
		);
		COMMENT ON TABLE community.group_slot IS 'slots of groups that nobody has; who joins takes one away, who leaves puts it back';
		COMMENT ON COLUMN community.group_slot.program_id IS 'the program';
		COMMENT ON COLUMN community.group_slot.group_id IS 'the group';
		COMMENT ON COLUMN community.group_slot.slot IS 'number of the slot, from 1';
	END IF;

	IF to_regclass('community.group_member') IS NULL THEN
		CREATE TABLE community.group_member (
			program_id bigint NOT NULL,
			join_id bigint NOT NULL DEFAULT community.next_id(),
			group_id bigint NOT NULL,
			member_id bigint NOT NULL,
			slot integer NOT NULL,
			key text NOT NULL,
			hold_key text,
			joined_at timestamptz NOT NULL,
			left_at timestamptz,
			leave_key text,
			leave_reason text,
			captured_at timestamptz,
			refunded_at timestamptz,
			hold_fault text,
			CONSTRAINT group_member_pkey PRIMARY KEY (program_id, join_id),
			CONSTRAINT group_member_key_key UNIQUE (program_id, key),
			CONSTRAINT group_member_left_check
				CHECK ((left_at IS NULL) = (leave_key IS NULL)
					AND (left_at IS NULL) = (leave_reason IS NULL)),
			CONSTRAINT group_member_paid_check
				CHECK (captured_at IS NULL OR (refunded_at IS NULL AND hold_key IS NOT NULL))
		);
		CREATE INDEX group_member_group_idx
			ON community.group_member (program_id, group_id, join_id);
		CREATE UNIQUE INDEX group_member_once_key
			ON community.group_member (program_id, group_id, member_id) WHERE left_at IS NULL;
		CREATE UNIQUE INDEX group_member_slot_key
			ON community.group_member (program_id, group_id, slot) WHERE left_at IS NULL;
		CREATE UNIQUE INDEX group_member_leave_key
			ON community.group_member (program_id, leave_key) WHERE leave_key IS NOT NULL;
		CREATE UNIQUE INDEX group_member_hold_key
			ON community.group_member (program_id, hold_key) WHERE hold_key IS NOT NULL;
		COMMENT ON TABLE community.group_member IS 'who has joined which group; one row each time';
		COMMENT ON COLUMN community.group_member.program_id IS 'the program';
		COMMENT ON COLUMN community.group_member.join_id IS 'gives the order of joining: of those who have not left, the lowest leads';
		COMMENT ON COLUMN community.group_member.group_id IS 'the group';
		COMMENT ON COLUMN community.group_member.member_id IS 'the member';
		COMMENT ON COLUMN community.group_member.slot IS 'the slot it took';
		COMMENT ON COLUMN community.group_member.key IS 'idempotency key of join_group(), or of open_group()';
		COMMENT ON COLUMN community.group_member.hold_key IS 'the hold of points by which it pays; null where the application holds the money';
		COMMENT ON COLUMN community.group_member.joined_at IS 'when it joined';
		COMMENT ON COLUMN community.group_member.left_at IS 'when it left, null when it did not';
		COMMENT ON COLUMN community.group_member.leave_key IS 'idempotency key of leave_group()';
		COMMENT ON COLUMN community.group_member.leave_reason IS 'why it left';
		COMMENT ON COLUMN community.group_member.captured_at IS 'when its hold was captured';
		COMMENT ON COLUMN community.group_member.refunded_at IS 'when its hold was released, or the application confirmed its refund';
		COMMENT ON COLUMN community.group_member.hold_fault IS 'why its hold could be neither captured nor released; the application has to settle that';
	END IF;

	IF to_regclass('community.group_status') IS NULL THEN
		CREATE VIEW community.group_status WITH (security_invoker = true) AS
		SELECT g.program_id, g.group_id, g.key,
			CASE WHEN s.missing = 0 THEN 'full' WHEN g.closes_at > now() THEN 'forming'
				WHEN g.settled_at IS NULL OR m.due > 0 THEN 'expired' ELSE 'refunded' END AS state,
			g.capacity, m.members, s.missing, m.leader_id, g.price, g.opened_at, g.closes_at,
			CASE WHEN s.missing = 0 THEN m.last_joined_at END AS full_at, g.settled_at, g.payload
		FROM community.group_buy AS g
		CROSS JOIN LATERAL (SELECT count(*)::integer AS missing FROM community.group_slot AS f
			WHERE f.program_id = g.program_id AND f.group_id = g.group_id) AS s
		CROSS JOIN LATERAL (SELECT count(*)::integer AS members, max(j.joined_at) AS last_joined_at,
				(array_agg(j.member_id ORDER BY j.join_id))[1] AS leader_id,
				count(*) FILTER (WHERE j.refunded_at IS NULL) AS due
			FROM community.group_member AS j
			WHERE j.program_id = g.program_id AND j.group_id = g.group_id
				AND j.left_at IS NULL) AS m;
		COMMENT ON VIEW community.group_status IS 'groups that buy, and where they stand';
		COMMENT ON COLUMN community.group_status.program_id IS 'the program';
		COMMENT ON COLUMN community.group_status.group_id IS 'the group';
		COMMENT ON COLUMN community.group_status.key IS 'idempotency key of open_group()';
		COMMENT ON COLUMN community.group_status.state IS 'forming, full, expired, or refunded: expired, settled, and nobody has anything to get back';
		COMMENT ON COLUMN community.group_status.capacity IS 'how many members make it full';
		COMMENT ON COLUMN community.group_status.members IS 'how many are in it';
		COMMENT ON COLUMN community.group_status.missing IS 'how many are missing';
		COMMENT ON COLUMN community.group_status.leader_id IS 'who leads it: of those in it, who joined first';
		COMMENT ON COLUMN community.group_status.price IS 'what each pays, in minor units';
		COMMENT ON COLUMN community.group_status.opened_at IS 'when it was opened';
		COMMENT ON COLUMN community.group_status.closes_at IS 'when it fails unless it is full';
		COMMENT ON COLUMN community.group_status.full_at IS 'when it became full';
		COMMENT ON COLUMN community.group_status.settled_at IS 'when its holds were captured or released';
		COMMENT ON COLUMN community.group_status.payload IS 'whatever else the application keeps with it';
	END IF;

	IF to_regclass('community.group_refund_due') IS NULL THEN
		-- of groups that are settled: before, somebody who joined in time may
		-- not have committed
		CREATE VIEW community.group_refund_due WITH (security_invoker = true) AS
		SELECT m.program_id, m.group_id, m.member_id, m.key, g.price, m.hold_key, m.hold_fault,
			coalesce(m.left_at, g.closes_at) AS due_since,
			CASE WHEN m.left_at IS NULL THEN 'failed' ELSE 'left' END AS reason
		FROM community.group_member AS m
		JOIN community.group_buy AS g
			ON g.program_id = m.program_id AND g.group_id = m.group_id
		WHERE m.refunded_at IS NULL AND m.captured_at IS NULL
			AND (m.hold_key IS NULL OR m.hold_fault IS NOT NULL)
			AND (m.left_at IS NOT NULL
				OR (g.settled_at IS NOT NULL AND EXISTS (SELECT FROM community.group_slot AS s
					WHERE s.program_id = g.program_id AND s.group_id = g.group_id)));
		COMMENT ON VIEW community.group_refund_due IS 'what the application has to give back, until it calls confirm_group_refund()';
		COMMENT ON COLUMN community.group_refund_due.program_id IS 'the program';
		COMMENT ON COLUMN community.group_refund_due.group_id IS 'the group';
		COMMENT ON COLUMN community.group_refund_due.member_id IS 'to whom';
		COMMENT ON COLUMN community.group_refund_due.key IS 'idempotency key with which it joined';
		COMMENT ON COLUMN community.group_refund_due.price IS 'what it paid, in minor units';
		COMMENT ON COLUMN community.group_refund_due.hold_key IS 'its hold, where it was not to be released';
		COMMENT ON COLUMN community.group_refund_due.hold_fault IS 'why not';
		COMMENT ON COLUMN community.group_refund_due.due_since IS 'since when it is due';
		COMMENT ON COLUMN community.group_refund_due.reason IS 'left, or failed: the group was not full in time';
	END IF;

	IF to_regclass('community.bargain') IS NULL THEN
		CREATE TABLE community.bargain (
			program_id bigint NOT NULL,
			bargain_id bigint NOT NULL DEFAULT community.next_id(),
			key text NOT NULL,
			member_id bigint NOT NULL,
			price bigint NOT NULL,
			floor_price bigint NOT NULL,
			participants integer NOT NULL,
			least_percent integer NOT NULL,
			most_percent integer NOT NULL,
			seed bigint NOT NULL,
			campaign text,
			member_limit integer,
			opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			closes_at timestamptz NOT NULL,
			closed_at timestamptz,
			remaining bigint NOT NULL,
			cuts integer NOT NULL DEFAULT 0,
			payload jsonb NOT NULL DEFAULT '{}',
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT bargain_pkey PRIMARY KEY (program_id, bargain_id),
			CONSTRAINT bargain_key_key UNIQUE (program_id, key),
			CONSTRAINT bargain_price_check CHECK (floor_price >= 0
				AND price - floor_price >= participants AND participants >= 1),
			CONSTRAINT bargain_percent_check CHECK (least_percent >= 0
				AND least_percent <= most_percent AND most_percent <= 100),
			CONSTRAINT bargain_limit_check
				CHECK (member_limit >= 1 AND (member_limit IS NULL OR campaign IS NOT NULL)),
			CONSTRAINT bargain_remaining_check
				CHECK (cuts <= participants AND remaining >= participants - cuts
					AND (remaining = 0) = (cuts = participants))
		) WITH (fillfactor = 50);
		COMMENT ON TABLE community.bargain IS 'prices that a crowd cuts; read them through the view bargain_status';
		COMMENT ON COLUMN community.bargain.program_id IS 'the program';
		COMMENT ON COLUMN community.bargain.bargain_id IS 'the bargain';
		COMMENT ON COLUMN community.bargain.key IS 'idempotency key of open_bargain()';
		COMMENT ON COLUMN community.bargain.member_id IS 'who is to buy';
		COMMENT ON COLUMN community.bargain.price IS 'the price at which it begins, in minor units';
		COMMENT ON COLUMN community.bargain.floor_price IS 'the price to which it can be cut';
		COMMENT ON COLUMN community.bargain.participants IS 'how many cuts that takes';
		COMMENT ON COLUMN community.bargain.least_percent IS 'least part of what is left above the reserve that a cut takes';
		COMMENT ON COLUMN community.bargain.most_percent IS 'and the largest';
		COMMENT ON COLUMN community.bargain.seed IS 'from which the cuts follow, see bargain_step()';
		COMMENT ON COLUMN community.bargain.campaign IS 'bargains over which member_limit counts';
		COMMENT ON COLUMN community.bargain.member_limit IS 'how many of them a member may cut; null for any number';
		COMMENT ON COLUMN community.bargain.opened_at IS 'when it was opened';
		COMMENT ON COLUMN community.bargain.closes_at IS 'until when it can be cut';
		COMMENT ON COLUMN community.bargain.closed_at IS 'when it was closed, null while it is not';
		COMMENT ON COLUMN community.bargain.remaining IS 'how much is left to be cut';
		COMMENT ON COLUMN community.bargain.cuts IS 'how many cuts there were';
		COMMENT ON COLUMN community.bargain.payload IS 'whatever else the application keeps with it';
		COMMENT ON COLUMN community.bargain.actor IS 'database role that opened it';
	END IF;

	IF to_regclass('community.bargain_cut') IS NULL THEN
		CREATE TABLE community.bargain_cut (
			program_id bigint NOT NULL,
			bargain_id bigint NOT NULL,
			member_id bigint NOT NULL,
			turn integer NOT NULL,
			amount bigint NOT NULL,
			key text NOT NULL,
			cut_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT bargain_cut_pkey PRIMARY KEY (program_id, bargain_id, member_id),
			CONSTRAINT bargain_cut_turn_key UNIQUE (program_id, bargain_id, turn),
			CONSTRAINT bargain_cut_key_key UNIQUE (program_id, key),
			CONSTRAINT bargain_cut_amount_check CHECK (amount >= 1)
		);
		CREATE INDEX bargain_cut_member_idx ON community.bargain_cut (program_id, member_id);
		COMMENT ON TABLE community.bargain_cut IS 'who has cut which price by how much, append-only';
		COMMENT ON COLUMN community.bargain_cut.program_id IS 'the program';
		COMMENT ON COLUMN community.bargain_cut.bargain_id IS 'the bargain';
		COMMENT ON COLUMN community.bargain_cut.member_id IS 'who cut it';
		COMMENT ON COLUMN community.bargain_cut.turn IS 'which cut it was, from 1';
		COMMENT ON COLUMN community.bargain_cut.amount IS 'by how much, in minor units';
		COMMENT ON COLUMN community.bargain_cut.key IS 'idempotency key of cut_bargain()';
		COMMENT ON COLUMN community.bargain_cut.cut_at IS 'when';
	END IF;

	IF to_regclass('community.bargain_status') IS NULL THEN
		CREATE VIEW community.bargain_status WITH (security_invoker = true) AS
		SELECT b.program_id, b.bargain_id, b.key, b.member_id,
			CASE WHEN b.closed_at IS NOT NULL THEN 'closed' WHEN b.remaining = 0 THEN 'done'
				WHEN b.closes_at <= now() THEN 'ended' ELSE 'open' END AS state,
			b.floor_price + b.remaining AS price, b.remaining, b.cuts,
			b.participants - b.cuts AS outstanding, b.opened_at, b.closes_at, b.closed_at, b.payload
		FROM community.bargain AS b;
		COMMENT ON VIEW community.bargain_status IS 'bargains, and where they stand';
		COMMENT ON COLUMN community.bargain_status.program_id IS 'the program';
		COMMENT ON COLUMN community.bargain_status.bargain_id IS 'the bargain';
		COMMENT ON COLUMN community.bargain_status.key IS 'idempotency key of open_bargain()';
		COMMENT ON COLUMN community.bargain_status.member_id IS 'who is to buy';
		COMMENT ON COLUMN community.bargain_status.state IS 'open, done (cut down to the floor), ended (by time) or closed';
		COMMENT ON COLUMN community.bargain_status.price IS 'the price by now, in minor units';
		COMMENT ON COLUMN community.bargain_status.remaining IS 'how much is left to be cut';
		COMMENT ON COLUMN community.bargain_status.cuts IS 'how many have cut';
		COMMENT ON COLUMN community.bargain_status.outstanding IS 'how many are still to cut';
		COMMENT ON COLUMN community.bargain_status.opened_at IS 'when it was opened';
		COMMENT ON COLUMN community.bargain_status.closes_at IS 'until when it can be cut';
		COMMENT ON COLUMN community.bargain_status.closed_at IS 'when it was closed';
		COMMENT ON COLUMN community.bargain_status.payload IS 'whatever else the application keeps with it';
	END IF;
