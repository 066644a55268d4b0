-- If this failed, what a random history of sales, refunds, moves, closings and
-- merges pays would differ from what a slow and plain reading of the plans says.
CREATE SCHEMA random_pay;
SET search_path = random_pay, public;
SELECT community.create_program('referral_commission random') > 0 AS created;
SET community.program = 'referral_commission random';
SET timezone = 'UTC';
SELECT community.set_paid_levels(5);
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'ranks');
INSERT INTO community.tier (program_id, ladder_id, rank, name, entry)
SELECT program_id, ladder_id, n, (ARRAY['a', 'b', 'c', 'd'])[n], 'invitation' FROM community.ladder, generate_series(1, 4) n
WHERE program_id = community.current_program();
SELECT count(*) FROM community.publish_ladder('ranks', '-infinity');
SELECT setseed(0.4711);
-- 60 members, each under an earlier one or none; some with a tier, some partners
SELECT count(community.enroll(g, sponsor => CASE WHEN random() < 0.9 AND g > 1 THEN greatest(1, g - 1 - floor(random() * 6)::int) END,
	joined_at => '2024-01-01', attributes => CASE WHEN random() < 0.7 THEN '{"partner": true}' ELSE '{}' END::jsonb)) FROM generate_series(1, 60) g;
CREATE TABLE held AS SELECT g AS member, 1 + floor(random() * 4)::int AS rank FROM generate_series(1, 60) g WHERE random() < 0.7;
SELECT count(community.grant_tier(member, 'ranks', (ARRAY['a', 'b', 'c', 'd'])[rank], '[2024-01-01,)', reason => 'x', key => 'g ' || member)) FROM held;
-- the plans, by type of event, as the oracle reads them
CREATE TABLE plan (type text, kind text, compression boolean, levels int, override numeric, matching numeric, ceiling numeric, filtered boolean, rates numeric[]);
INSERT INTO plan VALUES ('u', 'unilevel', false, NULL, NULL, NULL, NULL, true, '{0.1,0.05,0.02}'), ('c', 'unilevel', true, NULL, NULL, 0.1, NULL, true, '{0.1,0.05,0.02,0.0125}'),
	('l', 'unilevel', true, 2, NULL, NULL, 0.11, false, '{0.1,0.05,0.03}'), ('m', 'unilevel', false, NULL, NULL, 0.25, 0.13, true, '{0.07,0.05,0.03,0.01,0.01,0.01,0.01}'),
	('d', 'differential', false, NULL, 0.01, NULL, NULL, true, '{0.03,0.05,0.08,0.12}'), ('e', 'differential', true, 4, NULL, 0.1, 0.1, true, '{0.03,0.05,0.08,0.12}'),
	('b', 'breakaway', false, NULL, 0.02, NULL, NULL, false, '{0.03,0.05,0.08,0.12}'), ('k', 'breakaway', true, NULL, 0.02, 0.1, NULL, true, '{0.03,0.05,0.08,0.12}');
SELECT count(community.define_commission_plan('plan ' || type, ARRAY[type], CASE kind WHEN 'unilevel' THEN to_jsonb(rates) ELSE
		(SELECT jsonb_agg(jsonb_build_object('tier', (ARRAY['a', 'b', 'c', 'd'])[n], 'rate', rate)) FROM unnest(rates) WITH ORDINALITY r (rate, n)) END,
	kind => kind, compression => compression, levels => levels, override_rate => override, matching_rate => matching, ceiling_rate => ceiling, ladder => 'ranks',
	leader_tier => CASE kind WHEN 'breakaway' THEN 'c' END, member_filter => CASE WHEN filtered THEN '{"partner": true}'::jsonb END, from_time => '2024-01-01')) FROM plan;

-- what the oracle wants: paid lines by place, and breakage
CREATE TABLE wanted (key text, n serial, place bigint, payee bigint, kind text, points numeric, base numeric);
-- the places above a buyer as they are now; m counts from the nearest
CREATE FUNCTION places(buyer bigint) RETURNS TABLE (n int, place bigint, payee bigint, ok boolean, partner boolean, rank int) LANGUAGE sql AS $$
	WITH RECURSIVE up AS (
		SELECT 1 AS n, r.sponsor_id AS place FROM community.referral r
		WHERE r.program_id = community.current_program() AND r.member_id = $1 AND r.sponsor_id IS NOT NULL
		UNION ALL
		SELECT up.n + 1, r.sponsor_id FROM up JOIN community.referral r ON r.member_id = up.place AND r.program_id = community.current_program()
		WHERE r.sponsor_id IS NOT NULL
	), bears AS (
		SELECT up.*, coalesce((SELECT g.bearer_id FROM community.member_merge g WHERE g.program_id = community.current_program() AND g.member_id = up.place), up.place) AS payee FROM up
	)
	SELECT b.n, b.place, b.payee, m.status = 'active' AND b.payee <> $1 AND b.n = min(b.n) OVER (PARTITION BY b.payee),
		m.attributes @> '{"partner": true}', (SELECT h.rank FROM held h WHERE h.member = b.payee)
	FROM bears b JOIN community.member m ON m.program_id = community.current_program() AND m.member_id = b.payee ORDER BY b.n $$;
CREATE FUNCTION want(sale text, buyer bigint, kind_of text, base numeric) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	p plan;
	paid numeric := 0;
	paid_rank int;
	paid_row int;
	level int := 0;
	this record;
	cut numeric;
	row wanted;
BEGIN
	SELECT * INTO p FROM plan WHERE type = kind_of;
	CREATE TEMP TABLE up ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY q.n)::int AS seat, q.* FROM
		(SELECT l.n, l.place, l.payee, l.rank, l.ok AND (l.partner OR NOT p.filtered) AS fine FROM places(buyer) l) q
		WHERE q.fine OR NOT p.compression;
	CREATE TEMP TABLE got (id serial, seat int, kind text, points numeric, of int) ON COMMIT DROP;
	IF p.kind = 'unilevel' THEN
		INSERT INTO got (seat, kind, points)
		SELECT u.seat, 'level', trunc(base * p.rates[u.seat]) FROM up u
		WHERE u.seat <= least(cardinality(p.rates), coalesce(p.levels, 99)) AND u.fine AND u.n <= 5 ORDER BY u.seat;
	ELSE
		FOR this IN SELECT * FROM up ORDER BY seat LOOP
			IF coalesce(p.rates[this.rank], 0) > paid THEN
				paid_row := NULL;
				IF this.fine AND this.n <= 5 AND this.seat <= coalesce(p.levels, 99) THEN
					INSERT INTO got (seat, kind, points) VALUES (this.seat, 'level', trunc(base * (p.rates[this.rank] - paid))) RETURNING id INTO paid_row;
				END IF;
				paid := p.rates[this.rank];
				paid_rank := this.rank;
			ELSIF this.rank = paid_rank AND paid_row IS NOT NULL AND p.kind = 'differential' THEN
				IF p.override IS NOT NULL AND this.fine AND this.n <= 5 AND this.seat <= coalesce(p.levels, 99) THEN
					INSERT INTO got (seat, kind, points, of) VALUES (this.seat, 'override', trunc(base * p.override), paid_row);
				END IF;
				paid_row := NULL;
			END IF;
			IF p.kind = 'breakaway' AND this.rank >= 3 AND this.fine AND this.n <= 5 THEN
				INSERT INTO got (seat, kind, points) SELECT u.seat, 'override', trunc(base * p.override) FROM up u WHERE u.seat = this.seat + 1 AND u.fine AND u.n <= 5;
				EXIT;
			END IF;
		END LOOP;
	END IF;
	IF p.matching IS NOT NULL THEN
		INSERT INTO got (seat, kind, points) SELECT u.seat, 'matching', trunc(g.points * p.matching) FROM got g JOIN up u ON u.seat = g.seat + 1
		WHERE g.kind = 'level' AND u.fine AND u.n <= 5 ORDER BY g.id;
	END IF;
	cut := greatest(0, (SELECT sum(points) FROM got) - trunc(base * p.ceiling));
	FOR this IN SELECT * FROM got ORDER BY seat DESC, id DESC LOOP
		EXIT WHEN coalesce(cut, 0) <= 0;
		UPDATE got SET points = points - least(points, cut) WHERE id = this.id;
		cut := cut - least(this.points, cut);
	END LOOP;
	INSERT INTO wanted (key, place, payee, kind, points, base)
	SELECT sale, u.place, u.payee, g.kind, g.points, want.base FROM got g JOIN up u USING (seat) WHERE g.points > 0 ORDER BY g.id;
	DROP TABLE up, got;
END $$;
-- a history, each step told to both
CREATE PROCEDURE live(steps int) LANGUAGE plpgsql AS $$
DECLARE
	what float;
	who bigint;
	other bigint;
	sale text;
	kind_of text;
	amount bigint;
	left_over bigint;
BEGIN
	FOR i IN 1..steps LOOP
		what := random();
		SELECT member_id INTO who FROM community.member WHERE program_id = community.current_program() AND status = 'active' ORDER BY random() LIMIT 1;
		IF what < 0.6 THEN
			kind_of := (ARRAY['u', 'c', 'l', 'm', 'd', 'e', 'b', 'k'])[1 + floor(random() * 8)::int];
			amount := 1 + floor(random() ^ 3 * 100000)::bigint;
			PERFORM want('sale ' || i, who, kind_of, amount);
			PERFORM community.record(who, kind_of, 'sale ' || i, amount);
		ELSIF what < 0.87 THEN
			SELECT v.key, sum(v.amount) INTO sale, left_over FROM community.event v WHERE v.program_id = community.current_program() GROUP BY v.key HAVING sum(v.amount) > 0
			ORDER BY random() LIMIT 1;
			CONTINUE WHEN sale IS NULL;
			PERFORM community.reverse(sale, 'back', CASE WHEN random() < 0.7 THEN 1 + floor(random() * left_over)::bigint END, request_key => 'step ' || i);
		ELSIF what < 0.92 THEN
			BEGIN
				SELECT member_id INTO other FROM community.member WHERE program_id = community.current_program() AND status = 'active' ORDER BY random() LIMIT 1;
				PERFORM community.reparent(who, other, 'moved');
			EXCEPTION WHEN OTHERS THEN
				-- below itself
				NULL;
			END;
		ELSIF what < 0.93 THEN
			PERFORM community.close_member(who, 'left');
		ELSIF what < 0.94 THEN
			SELECT member_id INTO other FROM community.member WHERE program_id = community.current_program() AND status = 'active' AND member_id <> who ORDER BY random() LIMIT 1;
			PERFORM community.merge_members(who, other, 'step ' || i);
		ELSE
			-- somebody spends what there is
			SELECT b.available INTO amount FROM community.balance(who) b;
			IF amount > 0 THEN
				PERFORM community.redeem(who, amount, 'step ' || i);
			END IF;
		END IF;
	END LOOP;
END $$;
CALL live(450);
-- each line as it was written, and as it is by what is left of its sale
CREATE TABLE booked AS
SELECT v.key, c.line, (array_agg(c.member_id ORDER BY c.cause_id))[1] AS place, (array_agg(c.payee_id ORDER BY c.cause_id))[1] AS payee, min(c.kind) AS kind,
	(array_agg(c.points ORDER BY c.cause_id))[1] AS points, sum(c.points) AS now, count(*) - 1 AS changes
FROM community.commission c JOIN community.event v USING (program_id, event_id) WHERE c.program_id = community.current_program() AND c.kind <> 'breakage' GROUP BY v.key, c.line;
CREATE TABLE due AS
SELECT w.*, w.points - CASE WHEN s.net <= 0 THEN w.points ELSE round(w.points * (w.base - s.net) / w.base) END AS now
FROM wanted w, LATERAL (SELECT sum(v.amount) AS net FROM community.event v WHERE v.program_id = community.current_program() AND v.key = w.key) s;
SELECT count(*) > 250 AS lines, sum(changes) > 120 AS changes, count(DISTINCT kind) AS kinds, count(*) FILTER (WHERE place <> payee) > 0 AS merged FROM booked;
(SELECT 'not wanted' AS what, key, place, payee, kind, points, now FROM booked EXCEPT ALL SELECT 'not wanted', key, place, payee, kind, points, now FROM due)
UNION ALL
(SELECT 'not booked', key, place, payee, kind, points, now FROM due EXCEPT ALL SELECT 'not booked', key, place, payee, kind, points, now FROM booked)
ORDER BY 2, 1, 3 LIMIT 20;
-- and everybody's books are the sum of what is his, less what was spent
WITH bearer AS (
	SELECT m.member_id, coalesce(g.bearer_id, m.member_id) AS bears FROM community.member m LEFT JOIN community.member_merge g USING (program_id, member_id)
	WHERE m.program_id = community.current_program()
), due AS (
	SELECT b.bears AS member, sum(x.points) AS points FROM (
		SELECT payee AS member, now AS points FROM due
		UNION ALL SELECT e.member_id, e.points FROM community.entry e WHERE e.program_id = community.current_program() AND e.kind = 'redeem') x
	JOIN bearer b ON b.member_id = x.member GROUP BY 1
)
SELECT d.member, d.points, b.available - b.deficit AS has FROM due d, community.balance(d.member) b WHERE d.points <> b.available - b.deficit;
SELECT count(*) FILTER (WHERE deficit > 0) > 0 AS some_owe FROM community.member m, community.balance(m.member_id) WHERE m.program_id = community.current_program();
-- what is not paid is on record: with levels, all rates of a plan come to one sum
SELECT c.event_id, sum(c.points), sum(trunc(c.base * c.rate)) FROM community.commission c JOIN community.event v USING (program_id, event_id)
WHERE c.program_id = community.current_program() AND v.type = 'u' AND c.cause_id = c.event_id GROUP BY 1, c.base
HAVING sum(c.points) <> trunc(c.base * 0.1) + trunc(c.base * 0.05) + trunc(c.base * 0.02);
SELECT * FROM community.check_installation('full', community.current_program());
