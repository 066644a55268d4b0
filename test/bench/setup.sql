-- The tables that the measured statements write, and what fills and checks them.

SET check_function_bodies = off;
CREATE EXTENSION community;
SELECT community.create_program('bench', half_life => '90 days');
INSERT INTO community.activity_type (program_id, type, weight, weight_per_unit)
SELECT community.current_program(), t.type, 1, 0.001
FROM unnest(ARRAY['purchase', 'order']) AS t (type);

-- ----- what we are compared with -----

-- a table like event, and nothing more
CREATE TABLE twin (LIKE community.event INCLUDING DEFAULTS,
	PRIMARY KEY (program_id, event_id),
	UNIQUE (program_id, key, source, revision)
);
CREATE INDEX ON twin (program_id, member_id, occurred_at);
CREATE SEQUENCE twin_id;
ALTER TABLE twin ALTER event_id SET DEFAULT nextval('twin_id');

CREATE SEQUENCE request;

-- the writes of record(), with as little around them as PL/pgSQL can do with
CREATE FUNCTION plpgsql_record(program bigint, member bigint, type text, key text, amount bigint,
	occurred_at timestamptz, source text)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	id bigint;
	brought float8;
BEGIN
	INSERT INTO community.event (program_id, member_id, type, source, key, amount, occurred_at,
		occurred_at_given, engagement)
	VALUES ($1, $2, $3, $7, $4, $5, $6, false,
		coalesce((SELECT t.weight + t.weight_per_unit * $5 FROM community.activity_type AS t
			WHERE t.program_id = $1 AND t.type = $3), 1))
	ON CONFLICT (program_id, key, source, revision) DO NOTHING
	RETURNING event_id, engagement INTO id, brought;
	IF NOT FOUND THEN
		RAISE 'key "%" is known', $4;
	END IF;
	UPDATE community.engagement SET score = community.decayed_add(score, brought, $6)
	WHERE program_id = $1 AND member_id = $2 AND NOT closed;
	IF NOT FOUND THEN
		RAISE 'member % is unknown or closed', $2;
	END IF;
	RETURN id;
END
$$;

-- ----- an application -----

CREATE FUNCTION fresh_orders() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['orders', 'attached_orders'] LOOP
		EXECUTE format('DROP TABLE IF EXISTS %I', name);
		EXECUTE format('CREATE TABLE %I (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			customer bigint NOT NULL,
			total numeric(12,2) NOT NULL,
			created_at timestamptz NOT NULL DEFAULT now(),
			status text NOT NULL DEFAULT ''paid'')', name);
		EXECUTE format('CREATE INDEX ON %I (customer)', name);
		EXECUTE format('CREATE INDEX ON %I (created_at)', name);
	END LOOP;
END
$$;

CREATE FUNCTION attach_orders() RETURNS bigint LANGUAGE sql AS $$
	SELECT community.attach('attached_orders', 'order', member => 'customer', amount => 'total',
		occurred_at => 'created_at', condition => $c$ status = 'paid' $c$)
$$;

-- Orders of the last year: "member" is uniform, "member_of_one" is each once.
-- Each random() is drawn in a query of its own: next to a window ordered by
-- random(), all would be the number by which that sorts.
CREATE FUNCTION make_source(size bigint, members bigint) RETURNS void LANGUAGE sql AS $$
	DROP TABLE IF EXISTS source;
	SELECT setseed(0.5);
	CREATE TABLE source AS
	SELECT md5(g::text)::uuid AS id, 1 + floor(r.member * members)::bigint AS member,
		row_number() OVER (ORDER BY r.place) AS member_of_one,
		(1 + 200 * r.total)::numeric(12,2) AS total,
		now() - r.age * interval '365 days' AS created_at, 'paid'::text AS status
	FROM (SELECT g, random() AS member, random() AS place, random() AS total, random() AS age
		FROM generate_series(1, size) AS g OFFSET 0) AS r
$$;

-- rows for sums, some five years of them
CREATE FUNCTION make_activity(size bigint) RETURNS void LANGUAGE sql AS $$
	SELECT setseed(0.5);
	CREATE UNLOGGED TABLE activity AS
	SELECT 200 * random() AS amount, now() - random() * interval '1800 days' AS at
	FROM generate_series(1, size);
$$;

-- ----- between the runs -----

-- Members 1 to that number, and nothing recorded.  The log refuses to be
-- emptied, but for a superuser who turns the triggers off.
CREATE FUNCTION start_over(members bigint) RETURNS void LANGUAGE sql
SET session_replication_role = replica AS $$
	TRUNCATE community.event, community.inbox, community.member, community.engagement, twin;
	INSERT INTO community.member (program_id, member_id, joined_at)
	SELECT community.current_program(), g, '2020-01-01' FROM generate_series(1, members) AS g;
	INSERT INTO community.engagement (program_id, member_id, score)
	SELECT p.program_id, g, community.decayed(0, '2000-01-01 00:00:00+00', p.half_life)
	FROM generate_series(1, members) AS g, community.program AS p
$$;

-- ----- purses -----

-- Purses of one lot beside their points.  The keys: all the same, the days of a
-- year at random, each another one in their order, and in no order.
CREATE FUNCTION make_purses(kind text, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE purse_%s AS
		SELECT i::bigint AS points, community.purse(i, expires_at => timestamptz ''2026-01-01 00:00+00'' + %s) AS p
		FROM generate_series(1, $1) AS i', kind, CASE kind
			WHEN 'one' THEN 'interval ''1 day'''
			WHEN 'year' THEN '(hashint4(i) & 65535) % 366 * interval ''1 day'''
			WHEN 'rising' THEN 'i * interval ''1 second'''
			WHEN 'mixed' THEN 'hashint4(i) * interval ''1 second''' END) USING rows;
END
$$;
CREATE TABLE purse_large AS
SELECT community.sum(community.purse(1 + d % 7, at, at + interval '1 year')) AS p, array_agg(at) AS times
FROM generate_series(0, 365) AS d, LATERAL (SELECT timestamptz '2026-01-01 00:00+00' + d * interval '1 day') AS t (at);

-- ----- checks -----

-- Is what the members have the sum of what their events brought?
CREATE FUNCTION scores_agree() RETURNS boolean LANGUAGE sql AS $$
	SELECT count(*) = 0
	FROM (SELECT e.member_id,
			sum(e.engagement * exp(-ln(2::float8)
				* extract(epoch FROM now() - e.occurred_at)::float8
				/ extract(epoch FROM p.half_life)::float8)) AS score
		FROM community.event AS e JOIN community.program AS p ON p.program_id = e.program_id
		GROUP BY e.member_id) AS s
	FULL JOIN (SELECT g.member_id, community.score_at(g.score, now()) AS score
		FROM community.engagement AS g) AS g ON g.member_id = s.member_id
	WHERE abs(coalesce(s.score, 0) - coalesce(g.score, -1)) > 1e-9 * (1 + coalesce(s.score, 0))
$$;

-- Is the board by score the one by score at a time before and one after?
CREATE FUNCTION same_order_at_other_times(size int) RETURNS boolean LANGUAGE sql AS $$
	WITH other AS (SELECT now() + o AS at FROM unnest(ARRAY[interval '-100 days', '500 days']) AS o),
	board AS (SELECT g.score, row_number() OVER (ORDER BY g.score DESC) AS place
		FROM community.engagement AS g ORDER BY g.score DESC LIMIT size),
	placed AS (SELECT community.score_at(b.score, o.at)
			<= lag(community.score_at(b.score, o.at)) OVER (PARTITION BY o.at ORDER BY b.place) AS good
		FROM board AS b, other AS o),
	best AS (SELECT o.at, (SELECT min(community.score_at(b.score, o.at)) FROM board AS b)
			= (SELECT min(x.score) FROM (SELECT community.score_at(g.score, o.at) AS score
				FROM community.engagement AS g ORDER BY 1 DESC LIMIT size) AS x) AS good
		FROM other AS o)
	SELECT (SELECT bool_and(coalesce(good, true)) FROM placed) AND (SELECT bool_and(good) FROM best)
$$;

-- Does the sum over the events give that board too?
CREATE FUNCTION same_order_by_hand(size int) RETURNS boolean LANGUAGE sql AS $$
	WITH board AS (SELECT g.member_id FROM community.engagement AS g ORDER BY g.score DESC LIMIT size),
	by_hand AS (SELECT e.member_id FROM community.event AS e
		GROUP BY e.member_id
		ORDER BY sum(e.engagement * exp(-ln(2::float8)
			* extract(epoch FROM now() - e.occurred_at)::float8 / 7776000)) DESC LIMIT size)
	SELECT (SELECT array_agg(member_id) FROM board) = (SELECT array_agg(member_id) FROM by_hand)
$$;
