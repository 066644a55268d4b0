-- If this failed, some history of signups, late bindings, moves, closures and
-- merges would leave a forest other than the laws make it, or the functions
-- that read would not tell it as it is, or was at any time before; or a change
-- would be refused that closes no cycle, or made that does.  Downlines would be
-- counted wrong by labels, a sale would pay others than those who stood above
-- the buyer then, a refund would take back another part, or a sanction would be
-- about others than those who stood below.
-- With "\set steps 20000" and "\set readings 100" it is the long run.
\set steps 500
\set readings 25
\set pairs 400
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT community.create_program('referral random') > 0 AS created;
SELECT program_id AS program FROM community.program WHERE name = 'referral random'
\gset
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/test/oracle/referral.sql'
\set ECHO none
\i :oracle
\set ECHO all
SELECT setseed(0.3);
INSERT INTO community.referral_setting (program_id, maximum_depth) VALUES (:program, 9);

-- What was asked for and done, and what the forest must be by that; kept here
-- apart from the tables of the forest, so that a row missing there is seen.
CREATE TABLE asked (n bigserial, kind text, member bigint, sponsor bigint, expected text[], got text);
CREATE TABLE person (n bigserial PRIMARY KEY, member bigint UNIQUE, closed boolean DEFAULT false, bearer bigint);
CREATE TABLE stands (member bigint PRIMARY KEY, sponsor bigint, enroller bigint);
CREATE TABLE deed (n bigserial, at timestamptz, member bigint, sponsor bigint);
CREATE TABLE moment (n bigserial PRIMARY KEY, at timestamptz);

-- A member and all above it, itself first.
CREATE FUNCTION chain(member bigint) RETURNS bigint[] LANGUAGE sql AS $$
	WITH RECURSIVE up (member, seen) AS (SELECT $1, ARRAY[$1]
		UNION ALL SELECT s.sponsor, up.seen || s.sponsor FROM up JOIN stands AS s USING (member)
		WHERE s.sponsor <> ALL (up.seen))
	SELECT seen FROM up ORDER BY cardinality(seen) DESC LIMIT 1
$$;

-- All that is wrong with putting a member under a sponsor.
CREATE FUNCTION faults(member bigint, sponsor bigint) RETURNS text[] LANGUAGE sql AS $$
	SELECT ARRAY(
		SELECT 'CM002' WHERE NOT EXISTS (SELECT FROM person AS p WHERE p.member = $2)
		UNION ALL SELECT 'CM003' FROM person AS p WHERE p.member = $2 AND p.closed
		UNION ALL SELECT 'CM040' WHERE $1 = ANY (chain($2))
		UNION ALL SELECT 'CM041' WHERE cardinality(chain($2)) > 9)
$$;

-- Somebody: mostly anyone, at times nobody there is.  Ids of all sizes, so
-- that nothing can depend on them.
CREATE FUNCTION fresh_id() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT (CASE WHEN random() < 0.5 THEN 1000 * random() ELSE 900000000000000000 * (random() - 0.5) END)::bigint
$$;
CREATE FUNCTION somebody() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	-- the later ones too often, for deep trees
	last bigint := (SELECT max(n) FROM person);
	place bigint := ceil(last * (CASE WHEN random() < 0.5 THEN random() ELSE 1 - random() * random() END));
BEGIN
	IF random() < 0.02 THEN
		RETURN fresh_id();
	END IF;
	RETURN (SELECT p.member FROM person AS p WHERE p.n >= place ORDER BY p.n LIMIT 1);
END $$;

-- Try one thing; it is done exactly when nothing is wrong with it.
CREATE FUNCTION try(program bigint, what text, who bigint, under bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF what IN ('sign up', 'bind') THEN
		PERFORM community.enroll(who, sponsor => under, program => program);
	ELSIF what = 'move' THEN
		PERFORM community.reparent(who, under, 'at random', program => program);
	ELSIF what = 'raw bind' THEN
		INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth)
		VALUES (program, who, under, under, clock_timestamp(), 0);
	ELSIF what = 'close' THEN
		PERFORM community.close_member(who, 'at random', program => program);
	ELSE
		PERFORM community.merge_members(who, under, 'merge ' || who, program => program);
	END IF;
	RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate;
END $$;

-- What each sale is to pay, whom each sanction is to be about, and how many
-- stood below whom when that was asked.
CREATE TABLE due (key text, place bigint, payee bigint, base bigint, points numeric);
CREATE TABLE sold (key text PRIMARY KEY, base bigint, net bigint);
CREATE TABLE about (sanction bigint, member bigint);
CREATE TABLE counted (member bigint, is_labelled boolean, expected bigint, got bigint);
CREATE TABLE relabelled (n bigserial, labelled bigint);

-- Everybody below a member.
CREATE FUNCTION below(member bigint) RETURNS SETOF bigint LANGUAGE sql AS $$
	WITH RECURSIVE down (member) AS (SELECT s.member FROM stands AS s WHERE s.sponsor = $1
		UNION ALL SELECT s.member FROM down JOIN stands AS s ON s.sponsor = down.member)
	SELECT * FROM down
$$;

-- The plan: 10, 5 and 2 percent to the nearest three who may be paid, as far as
-- five places up.  Not paid are the closed, the buyer and whoever is paid below;
-- in the place of who was merged stands who bears its books.
CREATE FUNCTION sell(program bigint, sale text, buyer bigint, base bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO due
	SELECT sale, p.place, p.payee, base, trunc(base * (ARRAY[0.1, 0.05, 0.02])[p.seat])
	FROM (SELECT q.*, row_number() OVER (ORDER BY q.n) AS seat
		FROM (SELECT up.n - 1 AS n, up.place, coalesce(w.bearer, up.place) AS payee,
				row_number() OVER (PARTITION BY coalesce(w.bearer, up.place) ORDER BY up.n) AS time
			FROM unnest(chain(buyer)) WITH ORDINALITY AS up (place, n) JOIN person AS w ON w.member = up.place WHERE up.n > 1) AS q
		JOIN person AS w ON w.member = q.payee
		WHERE q.time = 1 AND NOT w.closed AND q.payee <> buyer) AS p
	WHERE p.seat <= 3 AND p.n <= 5 AND trunc(base * (ARRAY[0.1, 0.05, 0.02])[p.seat]) > 0;
	INSERT INTO sold VALUES (sale, base, base);
	PERFORM community.record(buyer, 'sale', sale, base, program => program);
END $$;

-- A refund of a part or, at times, of all that is left.
CREATE FUNCTION refund(program bigint, request text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s sold;
	part bigint;
BEGIN
	SELECT * INTO s FROM sold WHERE net > 0 ORDER BY hashtext(key || request) LIMIT 1;
	IF s.key IS NOT NULL THEN
		part := CASE WHEN random() < 0.2 THEN s.net ELSE 1 + floor(random() * s.net) END;
		UPDATE sold SET net = net - part WHERE key = s.key;
		PERFORM community.reverse(s.key, 'at random', CASE WHEN part < s.net THEN part END, request_key => request, program => program);
	END IF;
END $$;

-- What comes between the changes of the forest.
CREATE FUNCTION meanwhile(program bigint, step integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	what float := random();
	who bigint := somebody();
	sanction bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM person AS p WHERE p.member = who) THEN
		RETURN;
	ELSIF what < 0.35 AND NOT (SELECT p.closed FROM person AS p WHERE p.member = who) THEN
		PERFORM sell(program, 'sale ' || step, who, 1 + floor(random() ^ 3 * 100000)::bigint);
	ELSIF what < 0.6 THEN
		PERFORM refund(program, 'refund ' || step);
	ELSIF what < 0.63 THEN
		sanction := community.sanction_subtree(who, 'comment', 'at random', program => program);
		INSERT INTO about SELECT sanction, who UNION ALL SELECT sanction, b FROM below(who) AS b;
	ELSIF what < 0.9 THEN
		INSERT INTO counted SELECT who, EXISTS (SELECT FROM community.referral_label AS l WHERE l.program_id = program AND who = ANY (l.members)),
			(SELECT count(*) FROM below(who)), community.downline_count(who, program => program);
	END IF;
END $$;

CREATE PROCEDURE play(program bigint, steps integer) LANGUAGE plpgsql AS $$
DECLARE
	what text; who bigint; under bigint; wrong text[]; got text; old stands; is_there boolean; is_closed boolean;
BEGIN
	FOR i IN 1 .. steps LOOP
		what := (ARRAY['sign up', 'sign up', 'sign up', 'sign up', 'bind', 'bind', 'raw bind', 'move', 'move', 'move', 'close', 'merge'])[ceil(random() * 12)];
		who := CASE WHEN what = 'sign up' THEN fresh_id() ELSE somebody() END;
		under := somebody();
		IF what = 'sign up' AND random() < 0.15 OR what = 'move' AND random() < 0.1 THEN
			under := NULL;
		END IF;
		IF what = 'merge' OR what = 'close' THEN
			CONTINUE WHEN random() < 0.6;
		END IF;
		SELECT * INTO old FROM stands AS s WHERE s.member = who;
		SELECT count(*) > 0, coalesce(bool_or(closed), false) INTO is_there, is_closed FROM person AS p WHERE p.member = who;
		-- numbers are drawn from a range of their own, and of those are none
		CONTINUE WHEN who IS NULL OR what = 'raw bind' AND under IS NULL OR what = 'sign up' AND is_there
			OR what IN ('close', 'merge') AND (NOT is_there OR is_closed)
			OR what = 'merge' AND (who = under OR faults(who, under) && '{CM002,CM003}');

		wrong := '{}';
		IF what = 'sign up' OR what = 'bind' AND NOT is_there THEN
			wrong := CASE WHEN under IS NULL THEN '{}' ELSE faults(who, under) END;
		ELSIF what = 'bind' THEN
			wrong := CASE WHEN is_closed THEN '{CM003}' ELSE '{}'::text[] END
				|| CASE WHEN old.member IS NULL OR who = under THEN faults(who, under)
					WHEN under IN (old.sponsor, old.enroller) THEN '{}'
					ELSE '{CM042}'::text[] END;
		ELSIF what = 'raw bind' THEN
			wrong := faults(who, under) || CASE WHEN is_there THEN '{}' ELSE '{CM002}'::text[] END
				|| CASE WHEN old.member IS NULL THEN '{}' ELSE '{23505}'::text[] END;
		ELSIF what = 'move' THEN
			wrong := CASE WHEN is_there THEN '{}' ELSE '{CM002}'::text[] END
				|| CASE WHEN under IS NULL OR under IS NOT DISTINCT FROM old.sponsor THEN '{}' ELSE faults(who, under) END;
		END IF;
		got := try(program, what, who, under);
		IF wrong = '{}' AND got <> '00000' OR wrong <> '{}' AND NOT got = ANY (wrong) THEN
			INSERT INTO asked (kind, member, sponsor, expected, got) VALUES (what, who, under, wrong, got || ' but should not');
		ELSE
			INSERT INTO asked (kind, member, sponsor, expected, got) VALUES (what, who, under, wrong, got);
		END IF;

		IF got = '00000' THEN
			IF what IN ('close', 'merge') THEN
				UPDATE person AS p SET closed = true WHERE p.member = who;
				UPDATE person AS p SET bearer = under WHERE what = 'merge' AND who IN (p.member, p.bearer);
			ELSE
				INSERT INTO person (member) VALUES (who) ON CONFLICT DO NOTHING;
			END IF;
			IF what IN ('sign up', 'bind', 'raw bind', 'move') AND (old.member IS NULL AND under IS NOT NULL
				OR what = 'move' AND old.member IS NOT NULL AND old.sponsor IS DISTINCT FROM under) THEN
				INSERT INTO stands VALUES (who, under, under)
				ON CONFLICT (member) DO UPDATE SET sponsor = excluded.sponsor;
				INSERT INTO deed (at, member, sponsor) VALUES (clock_timestamp(), who, under);
			END IF;
		END IF;
		COMMIT;
		-- times between what happens, never the time of it
		INSERT INTO moment (at) VALUES (clock_timestamp());
		COMMIT;
		PERFORM meanwhile(program, i);
		COMMIT;
		IF random() < 0.03 THEN
			INSERT INTO relabelled (labelled) SELECT l.labelled FROM community.relabel_referrals(program) AS l;
			COMMIT;
		END IF;
	END LOOP;
END $$;

-- The forest at a time by what was done until then.
CREATE FUNCTION by_deeds(at timestamptz) RETURNS TABLE (member_id bigint, sponsor_id bigint) LANGUAGE sql AS $$
	SELECT DISTINCT ON (d.member) d.member, d.sponsor FROM deed AS d WHERE d.at <= $1 ORDER BY d.member, d.n DESC
$$;
CREATE FUNCTION differ(program bigint, at timestamptz, pairs integer)
RETURNS TABLE (what text, member bigint, other bigint, detail text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM o_load(program, at);
	RETURN QUERY SELECT 'stands', x.member_id, x.sponsor_id, NULL FROM (
		(SELECT * FROM by_deeds(at) EXCEPT SELECT e.member_id, e.sponsor_id FROM o_edge AS e)
		UNION ALL (SELECT e.member_id, e.sponsor_id FROM o_edge AS e EXCEPT SELECT * FROM by_deeds(at))) AS x;
	RETURN QUERY SELECT 'in a cycle', e.member_id, e.sponsor_id, NULL FROM o_edge AS e
		WHERE NOT EXISTS (SELECT FROM o_place AS p WHERE p.member_id = e.member_id);
	RETURN QUERY SELECT * FROM o_differ(program, at, pairs);
END $$;

SELECT community.set_paid_levels(5, program => :program);
SELECT set_config('community.program', 'referral random', false) AS program;
SELECT community.define_commission_plan('sale', '{sale}', '[0.1, 0.05, 0.02]', compression => true) > 0 AS planned;
CALL play(:program, :steps);
-- what came, and what was to come
SELECT * FROM asked WHERE got LIKE '%should not' ORDER BY n LIMIT 10;
SELECT kind, bool_or(got = '00000') AS done, array_agg(DISTINCT got) FILTER (WHERE got <> '00000') AS refused
FROM asked GROUP BY kind ORDER BY kind;
SELECT count(*) > 100 AS moved FROM deed WHERE sponsor IS NOT NULL;
-- the forest as it is, and at times before
SELECT * FROM differ(:program, 'infinity', :pairs) LIMIT 10;
SELECT max(cardinality(path)) > 7 AS deep, count(*) FILTER (WHERE cardinality(path) = 1) > 5 AS roots FROM o_place;
SELECT m.n, d.* FROM (SELECT * FROM moment ORDER BY hashint8extended(n, 5) LIMIT :readings) AS m, differ(:program, m.at, :pairs) AS d LIMIT 10;
SELECT count(*) AS enrollers_changed FROM stands AS s JOIN community.referral AS r ON r.program_id = :program AND r.member_id = s.member
WHERE r.enroller_id IS DISTINCT FROM s.enroller;

-- ------------------------------------------------------- counts and labels

SELECT count(*) > 50 AS counted, count(*) FILTER (WHERE is_labelled) > 20 AS by_labels, count(*) FILTER (WHERE NOT is_labelled) > 20 AS without, max(expected) > 20 AS large
FROM counted;
SELECT count(labelled) > 3 AS relabelled FROM relabelled;
SELECT * FROM counted WHERE got <> expected LIMIT 10;
SELECT p.member, community.downline_count(p.member, program => :program) AS got, (SELECT count(*) FROM below(p.member)) AS expected
FROM person AS p WHERE community.downline_count(p.member, program => :program) <> (SELECT count(*) FROM below(p.member)) LIMIT 10;
SELECT s.member_id, s.downline FROM community.downline_sizes(program => :program) AS s WHERE s.downline <> (SELECT count(*) FROM below(s.member_id)) LIMIT 10;

-- ---------------------------------------------------------------- sanctions

SELECT count(DISTINCT sanction) > 3 AS sanctions, count(*) > count(DISTINCT sanction) AS of_many FROM about;
(SELECT 'missing' AS what, * FROM about EXCEPT SELECT 'missing', sanction_id, member_id FROM community.referral_sanctioned WHERE program_id = :program)
UNION ALL (SELECT 'too many', sanction_id, member_id FROM community.referral_sanctioned WHERE program_id = :program EXCEPT SELECT 'too many', * FROM about)
LIMIT 10;

-- -------------------------------------------------------------- commissions

-- each line as it was written, and what is left of it after the refunds
CREATE TABLE booked AS
SELECT e.key, (array_agg(c.member_id ORDER BY c.cause_id))[1] AS place, (array_agg(c.payee_id ORDER BY c.cause_id))[1] AS payee,
	(array_agg(c.points ORDER BY c.cause_id))[1] AS points, sum(c.points) AS now, count(*) AS changes
FROM community.commission AS c JOIN community.event AS e USING (program_id, event_id)
WHERE c.program_id = :program AND c.kind <> 'breakage' GROUP BY e.key, c.event_id, c.line;
CREATE TABLE expected AS
SELECT d.key, d.place, d.payee, d.points, d.points - round(d.points * (s.base - s.net) / s.base) AS now
FROM due AS d JOIN sold AS s USING (key);
SELECT count(*) > 50 AS lines, count(*) FILTER (WHERE changes > 1) > 20 AS taken_back, count(*) FILTER (WHERE place <> payee) > 0 AS merged,
	count(*) FILTER (WHERE now = 0) > 5 AS wholly FROM booked;
(SELECT 'not due' AS what, key, place, payee, points, now FROM booked EXCEPT ALL SELECT 'not due', * FROM expected)
UNION ALL (SELECT 'not paid', * FROM expected EXCEPT ALL SELECT 'not paid', key, place, payee, points, now FROM booked)
ORDER BY 2, 1, 3 LIMIT 10;
SELECT count(*) FILTER (WHERE n.moved) > 5 AS moved_before_the_refund FROM (SELECT EXISTS (SELECT FROM deed AS d, community.event AS e
	WHERE e.program_id = :program AND e.key = s.key AND d.member = e.member_id AND d.at > e.recorded_at) AS moved FROM sold AS s WHERE s.net < s.base) AS n;
SELECT * FROM community.check_installation('full', :program);

RESET community.program;
DROP SCHEMA referral_oracle CASCADE;
