-- If this failed, some sequence of credits, debits, holds, transfers and
-- reversals would leave a member with other points, or in other lots, than a
-- plain bookkeeper with one row a lot comes to.
SET client_min_messages = warning;
SELECT community.create_program('points random test', 'Europe/Berlin') > 0 AS created;
SET community.program = 'points random test';
SELECT count(community.enroll(g)) FROM generate_series(1, 4) AS g;
INSERT INTO community.currency (program_id, code, expires_after, expiry_rounding, pending_for,
	until_released, burn_order, overdraft, return_policy)
SELECT community.current_program(), v.* FROM (VALUES
	('day', interval '20 days', 'calendar day'::community.period, NULL::interval, false, 'expiry', 0, 'within_balance'),
	('pending', '1 month', NULL, '3 days', false, 'expiry', 100, 'deficit'),
	('release', '40 days', 'calendar day', NULL, true, 'expiry', 0, 'only_pending'),
	('oldest', '30 days', 'calendar day', NULL, false, 'oldest', 60, 'deficit'),
	('newest', NULL, NULL, '1 day', false, 'newest', 0, 'deficit'),
	('release too', NULL, NULL, NULL, true, 'expiry', 30, 'deficit')) AS v;
CREATE TABLE o_currency AS SELECT *, CASE WHEN code = 'pending' THEN 'month'
	WHEN expires_after IS NOT NULL THEN 'day' END AS unit
FROM community.currency WHERE program_id = community.current_program();

-- The bookkeeper: lots, what each call gave or took, and holds.
CREATE TABLE o_lot (member bigint, code text, priority int, available_at timestamptz,
	expires_at timestamptz, points bigint);
CREATE TABLE o_call (key text PRIMARY KEY, kind text, member bigint, other bigint, code text,
	points bigint, reversed bigint DEFAULT 0, released bool DEFAULT false);
CREATE TABLE o_part (key text, priority int, available_at timestamptz, expires_at timestamptz,
	points bigint);
CREATE TABLE o_hold (key text PRIMARY KEY, member bigint, code text, points bigint,
	expires_at timestamptz, ended bool DEFAULT false);
CREATE TABLE o_done (kind text);

-- lots as they are at a time
CREATE FUNCTION o_settled(at timestamptz, INOUT priority int, INOUT available_at timestamptz,
	INOUT expires_at timestamptz) LANGUAGE sql AS $$
	SELECT priority, CASE WHEN available_at <= at THEN '-infinity' ELSE available_at END, expires_at
$$;
CREATE FUNCTION o_add(m bigint, c text, pr int, av timestamptz, ex timestamptz, p bigint)
RETURNS void LANGUAGE sql AS $$ INSERT INTO o_lot VALUES (m, c, pr, av, ex, p) $$;
CREATE FUNCTION o_settle(m bigint, c text, at timestamptz) RETURNS void LANGUAGE sql AS $$
	WITH old AS (DELETE FROM o_lot WHERE member = m AND code = c RETURNING *)
	INSERT INTO o_lot SELECT m, c, s.priority, s.available_at, s.expires_at, sum(o.points)
		FROM old AS o, o_settled(at, o.priority, o.available_at, o.expires_at) AS s
		GROUP BY 3, 4, 5 HAVING sum(o.points) <> 0
$$;
-- without what holds have set aside
CREATE FUNCTION o_free(m bigint, c text, at timestamptz) RETURNS SETOF o_lot LANGUAGE sql AS $$
	SELECT m, c, s.priority, s.available_at, s.expires_at, sum(l.points)::bigint FROM (
		SELECT priority, available_at, expires_at, points FROM o_lot WHERE member = m AND code = c
		UNION ALL
		SELECT p.priority, p.available_at, p.expires_at, -p.points FROM o_hold AS h JOIN o_part AS p USING (key)
		WHERE h.member = m AND h.code = c AND NOT h.ended AND h.expires_at > at) AS l,
		o_settled(at, l.priority, l.available_at, l.expires_at) AS s
	GROUP BY 3, 4, 5 HAVING sum(l.points) <> 0 ORDER BY 3, 5, 4
$$;
CREATE FUNCTION o_available(m bigint, c text, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(sum(points), 0)::bigint FROM o_free(m, c, at)
	WHERE available_at <= at AND expires_at > at
$$;
CREATE FUNCTION o_debt(m bigint, c text) RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(sum(greatest(-s, 0)), 0)::bigint FROM (SELECT sum(points) AS s FROM o_lot
		WHERE member = m AND code = c GROUP BY priority, available_at, expires_at) AS l
$$;
-- what p points in burn order are made of, and the rest
CREATE FUNCTION o_take(m bigint, c text, p bigint, at timestamptz, to_key text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	l o_lot;
BEGIN
	FOR l IN SELECT * FROM o_free(m, c, at) LOOP
		EXIT WHEN p = 0;
		CONTINUE WHEN l.points <= 0 OR l.available_at > at OR l.expires_at <= at;
		INSERT INTO o_part VALUES (to_key, l.priority, l.available_at, l.expires_at, least(p, l.points));
		p := p - least(p, l.points);
	END LOOP;
	RETURN p;
END $$;
-- debts are paid from what can be spent, as a part of the call that comes along
CREATE FUNCTION o_pay(m bigint, c text, at timestamptz, of_key text, sign int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	l o_lot;
	debt bigint;
BEGIN
	PERFORM o_settle(m, c, at);
	debt := o_debt(m, c);
	FOR l IN SELECT * FROM o_free(m, c, at) LOOP
		EXIT WHEN debt <= 0;
		CONTINUE WHEN l.points <= 0 OR l.available_at > at OR l.expires_at <= at
			OR (l.priority = 0 AND l.available_at = '-infinity' AND l.expires_at = 'infinity');
		PERFORM o_add(m, c, l.priority, l.available_at, l.expires_at, -least(debt, l.points));
		PERFORM o_add(m, c, 0, '-infinity', 'infinity', least(debt, l.points));
		INSERT INTO o_part VALUES (of_key, l.priority, l.available_at, l.expires_at, -sign * least(debt, l.points)),
			(of_key, 0, '-infinity', 'infinity', sign * least(debt, l.points));
		debt := debt - l.points;
	END LOOP;
	PERFORM o_settle(m, c, at);
END $$;
-- the parts of a call come in; debts take from them first, pending or not
CREATE FUNCTION o_credit(m bigint, c text, from_key text, at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	p o_part;
	debt bigint;
	owed boolean;
	part bigint;
BEGIN
	PERFORM o_settle(m, c, at);
	owed := o_debt(m, c) > 0;
	FOR p IN SELECT * FROM o_part WHERE key = from_key LOOP
		PERFORM o_add(m, c, p.priority, p.available_at, p.expires_at, p.points);
	END LOOP;
	debt := o_debt(m, c);
	FOR p IN SELECT * FROM o_part WHERE key = from_key AND expires_at > at
		AND NOT (priority = 0 AND available_at = '-infinity' AND expires_at = 'infinity')
		ORDER BY priority, expires_at, available_at
	LOOP
		EXIT WHEN debt = 0;
		part := least(debt, p.points);
		PERFORM o_add(m, c, p.priority, p.available_at, p.expires_at, -part);
		PERFORM o_add(m, c, 0, '-infinity', 'infinity', part);
		UPDATE o_part SET points = points - part WHERE key = from_key AND priority = p.priority
			AND available_at = p.available_at AND expires_at = p.expires_at;
		INSERT INTO o_part VALUES (from_key, 0, '-infinity', 'infinity', part);
		debt := debt - part;
	END LOOP;
	IF owed THEN
		PERFORM o_pay(m, c, at, from_key, 1);
	END IF;
END $$;
-- p points in burn order, whatever a currency lets be owed; false if refused
CREATE FUNCTION o_spend(m bigint, c text, p bigint, at timestamptz, to_key text, now_too bool)
RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	have bigint := o_available(m, c, at);
	rest bigint;
BEGIN
	IF p > have + (SELECT overdraft FROM o_currency WHERE code = c) THEN
		RETURN false;
	END IF;
	rest := p - least(p, greatest(have, 0));
	IF o_take(m, c, p - rest, at, to_key) <> 0 THEN
		RAISE EXCEPTION 'the bookkeeper cannot count';
	END IF;
	IF rest > 0 THEN
		INSERT INTO o_part VALUES (to_key, 0, '-infinity', 'infinity', rest);
	END IF;
	IF now_too THEN
		PERFORM o_add(m, c, priority, available_at, expires_at, -points) FROM o_part WHERE key = to_key;
	END IF;
	RETURN true;
END $$;
-- of the parts of a call in burn order, those from "skip" on
CREATE FUNCTION o_slice(from_key text, skip bigint, p bigint) RETURNS SETOF o_part LANGUAGE sql AS $$
	SELECT from_key, priority, available_at, expires_at,
		(least(upto, skip + p) - greatest(upto - points, skip))::bigint
	FROM (SELECT priority, available_at, expires_at, sum(points) AS points,
			sum(sum(points)) OVER (ORDER BY priority, expires_at, available_at) AS upto
		FROM o_part WHERE key = from_key
		GROUP BY priority, available_at, expires_at HAVING sum(points) > 0) AS s
	WHERE least(upto, skip + p) > greatest(upto - points, skip)
	ORDER BY priority, expires_at, available_at
$$;
-- take back what was given; gives what was really taken
CREATE FUNCTION o_take_back(m bigint, c text, from_key text, skip bigint, p bigint, at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	policy text := (SELECT return_policy FROM o_currency WHERE code = c);
	part o_part;
	l o_lot;
	have bigint;
	taken bigint := 0;
BEGIN
	PERFORM o_settle(m, c, at);
	FOR part IN SELECT from_key, s.priority, s.available_at, s.expires_at, sum(o.points)::bigint
		FROM o_slice(from_key, skip, p) AS o, o_settled(at, o.priority, o.available_at, o.expires_at) AS s
		GROUP BY 2, 3, 4 ORDER BY 2, 4, 3
	LOOP
		IF part.available_at = 'infinity' AND EXISTS (SELECT FROM o_call WHERE key = from_key AND released) THEN
			part.available_at := '-infinity';
		END IF;
		CONTINUE WHEN policy = 'only_pending' AND part.available_at <= at;
		SELECT * INTO l FROM o_free(m, c, at) AS f WHERE f.priority = part.priority
			AND f.expires_at = part.expires_at AND f.available_at = part.available_at;
		have := least(greatest(coalesce(l.points, 0), 0), part.points);
		CONTINUE WHEN have = 0;
		PERFORM o_add(m, c, l.priority, l.available_at, l.expires_at, -have);
		taken := taken + have;
	END LOOP;
	IF policy = 'only_pending' THEN
		RETURN taken;
	END IF;
	DELETE FROM o_part WHERE key = '(more)';
	have := least(greatest(o_available(m, c, at), 0), p - taken);
	PERFORM o_take(m, c, have, at, '(more)');
	PERFORM o_add(m, c, priority, available_at, expires_at, -points) FROM o_part WHERE key = '(more)';
	taken := taken + have;
	IF policy = 'deficit' AND taken < p THEN
		PERFORM o_add(m, c, 0, '-infinity', 'infinity', taken - p);
		taken := p;
	END IF;
	RETURN taken;
END $$;

-- The ledger's lots against his.
CREATE FUNCTION o_differs(m bigint, c text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	theirs text;
	ours text;
BEGIN
	PERFORM o_settle(m, c, at);
	-- his lots keep their times when they expire, a fold makes one of them all
	SELECT string_agg(format('%s [%s, %s) #%s', l.points, l.available_at, l.expires_at, l.priority), '; '
		ORDER BY l.priority, l.expires_at, l.available_at) INTO ours
	FROM (SELECT CASE WHEN expires_at <= at THEN 0 ELSE priority END AS priority,
			CASE WHEN expires_at <= at THEN '-infinity' ELSE available_at END AS available_at,
			CASE WHEN expires_at <= at THEN '-infinity' ELSE expires_at END AS expires_at,
			sum(points) AS points
		FROM o_lot WHERE member = m AND code = c GROUP BY 1, 2, 3 HAVING sum(points) <> 0) AS l;
	SELECT string_agg(format('%s [%s, %s) #%s', l.points, l.available_at, l.expires_at, l.priority), '; '
		ORDER BY l.priority, l.expires_at, l.available_at) INTO theirs
	FROM community.account_purse AS a JOIN o_currency AS u USING (program_id, currency_id),
		community.lots(community.settle(a.purse, at)) AS l
	WHERE a.member_id = m AND u.code = c;
	IF ours IS DISTINCT FROM theirs THEN
		RETURN format('ledger: %s; bookkeeper: %s', theirs, ours);
	END IF;
	SELECT b.available - b.deficit INTO theirs FROM community.balance(m, c, greatest(at, now())) AS b;
	ours := o_available(m, c, greatest(at, now()));
	RETURN CASE WHEN ours <> theirs THEN format('balance: %s; bookkeeper: %s', theirs, ours) END;
END $$;

-- Time passes: everything that has happened is moved back.
CREATE PROCEDURE o_wait(d interval) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE community.entry SET effective_at = effective_at - d, recorded_at = recorded_at - d,
		delta = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(delta) AS l), '{}')
	WHERE program_id = community.current_program();
	UPDATE community.account_fold SET changed_at = changed_at - d,
		purse = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(purse) AS l), '{}')
	WHERE program_id = community.current_program();
	UPDATE community.hold SET held_at = held_at - d, expires_at = expires_at - d, resolved_at = resolved_at - d,
		taken = coalesce((SELECT community.sum(community.purse(l.points, l.available_at - d, l.expires_at - d, l.priority))
			FROM community.lots(taken) AS l), '{}')
	WHERE program_id = community.current_program();
	SET LOCAL session_replication_role = origin;
	UPDATE o_lot SET available_at = available_at - d, expires_at = expires_at - d;
	UPDATE o_part SET available_at = available_at - d, expires_at = expires_at - d;
	UPDATE o_hold SET expires_at = expires_at - d;
END $$;

-- One call of the ledger and, when it went well, the bookkeeper's.  Gives the
-- SQLSTATE of a refusal, which he has to expect.
CREATE FUNCTION o_step(n int, kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m bigint := 1 + floor(random() * 4);
	other bigint := 1 + floor(random() * 4);
	u o_currency := c FROM o_currency AS c ORDER BY random() LIMIT 1;
	p bigint := 1 + floor(random() * 120);
	k text := 'k' || n;
	old o_call;
	h o_hold;
	at timestamptz;
	back timestamptz;
	av timestamptz;
	ex timestamptz;
	posting community.posting;
	replayed community.posting;
	receipt record;
	whole bool;
	skip bigint;
	taken bigint;
	state text := 'ok';
	expected text := 'ok';
	difference text;
BEGIN
	IF kind = 'accrue' THEN
		back := now() - random() * interval '12 days';
		posting := community.accrue(m, p, k, u.code, occurred_at => back);
		replayed := community.accrue(m, p, k, u.code, occurred_at => back);
		at := posting.recorded_at;
		av := CASE WHEN u.until_released THEN 'infinity'
			WHEN u.pending_for IS NOT NULL
				THEN (back AT TIME ZONE 'Europe/Berlin' + u.pending_for) AT TIME ZONE 'Europe/Berlin'
			ELSE '-infinity' END;
		ex := CASE WHEN u.expires_after IS NULL THEN 'infinity'
			ELSE (date_trunc(u.unit, ((back AT TIME ZONE 'Europe/Berlin' + u.expires_after)
				AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'Europe/Berlin')
				+ ('1 ' || u.unit)::interval) AT TIME ZONE 'Europe/Berlin' END;
		INSERT INTO o_part VALUES (k, CASE u.burn_order WHEN 'expiry' THEN 0
			WHEN 'oldest' THEN floor(extract(epoch FROM back - '2000-01-01 00:00+00') / 86400)
			ELSE -floor(extract(epoch FROM back - '2000-01-01 00:00+00') / 86400) END, av, ex, p);
		PERFORM o_credit(m, u.code, k, at);
		INSERT INTO o_call VALUES (k, 'accrue', m, NULL, u.code, p);
	ELSIF kind IN ('redeem', 'adjust', 'hold', 'transfer') THEN
		IF kind = 'transfer' AND m = other THEN
			RETURN NULL;
		END IF;
		back := clock_timestamp() + random() * interval '4 days';
		BEGIN
			posting := CASE kind WHEN 'redeem' THEN community.redeem(m, p, k, u.code)
				WHEN 'adjust' THEN community.adjust(m, -p, k, 'random', u.code)
				WHEN 'hold' THEN community.hold(m, p, k, u.code, back)
				ELSE community.transfer(m, other, p, k, u.code) END;
			replayed := CASE kind WHEN 'redeem' THEN community.redeem(m, p, k, u.code)
				WHEN 'adjust' THEN community.adjust(m, -p, k, 'random', u.code)
				WHEN 'hold' THEN community.hold(m, p, k, u.code, back)
				ELSE community.transfer(m, other, p, k, u.code) END;
			at := posting.recorded_at;
		EXCEPTION WHEN SQLSTATE 'CM012' THEN
			state := 'CM012';
			at := clock_timestamp();
		END;
		PERFORM o_settle(m, u.code, at);
		IF NOT o_spend(m, u.code, p, at, k, kind <> 'hold') THEN
			expected := 'CM012';
		ELSIF kind = 'hold' THEN
			INSERT INTO o_hold VALUES (k, m, u.code, p, back);
			PERFORM o_pay(m, u.code, at, '(none)', 1);
		ELSE
			INSERT INTO o_part SELECT k || ' in', priority, available_at, expires_at, points
			FROM o_part WHERE key = k;
			PERFORM o_pay(m, u.code, at, k, -1);
			INSERT INTO o_call VALUES (k, kind, m, other, u.code, p);
			IF kind = 'transfer' THEN
				PERFORM o_credit(other, u.code, k || ' in', at);
			END IF;
		END IF;
	ELSIF kind IN ('capture', 'end') THEN
		SELECT * INTO h FROM o_hold WHERE NOT ended ORDER BY random() LIMIT 1;
		IF NOT FOUND THEN
			RETURN NULL;
		END IF;
		SELECT * INTO u FROM o_currency WHERE code = h.code;
		m := h.member;
		k := h.key;
		p := least(p, h.points);
		BEGIN
			posting := CASE kind WHEN 'capture' THEN community.capture(k, p) ELSE community.release(k) END;
			replayed := CASE kind WHEN 'capture' THEN community.capture(k, p) ELSE community.release(k) END;
			at := posting.recorded_at;
		EXCEPTION WHEN SQLSTATE 'CM013' THEN
			state := 'CM013';
			at := clock_timestamp();
		END;
		IF kind = 'capture' AND h.expires_at <= at THEN
			expected := 'CM013';
		ELSE
			UPDATE o_hold SET ended = true WHERE key = k;
			IF kind = 'capture' THEN
				INSERT INTO o_part SELECT k || ' captured', priority, available_at, expires_at, points
				FROM o_slice(k, 0, p);
				PERFORM o_add(m, u.code, priority, available_at, expires_at, -points)
				FROM o_part WHERE key = k || ' captured';
				INSERT INTO o_call VALUES (k || ' captured', 'capture', m, NULL, u.code, p);
			END IF;
			PERFORM o_pay(m, u.code, at, k || ' captured', -1);
		END IF;
	ELSIF kind = 'release' THEN
		SELECT * INTO old FROM o_call AS c WHERE c.kind = 'accrue' AND NOT released
			AND c.code LIKE 'release%' ORDER BY random() LIMIT 1;
		IF NOT FOUND THEN
			RETURN NULL;
		END IF;
		SELECT * INTO u FROM o_currency WHERE code = old.code;
		m := old.member;
		k := old.key;
		BEGIN
			posting := community.release(k);
			replayed := community.release(k);
			at := posting.recorded_at;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			state := '55000';
			at := clock_timestamp();
		END;
		PERFORM o_settle(m, u.code, at);
		p := 0;
		FOR back, ex, skip IN SELECT available_at, expires_at, sum(points)::bigint FROM o_part
			WHERE key = k AND available_at = 'infinity' AND expires_at > at GROUP BY 1, 2
		LOOP
			SELECT least(skip, old.points - old.reversed, coalesce(sum(points), 0)) INTO p FROM o_free(m, u.code, at)
			WHERE available_at = 'infinity' AND expires_at = ex;
			p := greatest(coalesce(p, 0), 0);
			PERFORM o_add(m, u.code, 0, 'infinity', ex, -p);
			PERFORM o_add(m, u.code, 0, '-infinity', ex, p);
		END LOOP;
		IF p = 0 THEN
			expected := '55000';
		ELSE
			UPDATE o_call SET released = true WHERE key = k;
			PERFORM o_pay(m, u.code, at, '(none)', 1);
		END IF;
	ELSIF kind = 'reverse' THEN
		SELECT * INTO old FROM o_call AS c WHERE reversed < points ORDER BY random() LIMIT 1;
		SELECT * INTO u FROM o_currency WHERE code = old.code;
		m := old.member;
		other := old.other;
		k := old.key;
		whole := random() < 0.5;
		p := CASE WHEN whole THEN old.points - old.reversed ELSE least(p, old.points - old.reversed) END;
		SELECT r.* INTO receipt FROM community.reverse(replace(k, ' captured', ''), 'random',
			CASE WHEN NOT whole THEN p END, 'ledger', request_key => CASE WHEN NOT whole THEN 'r' || n END) AS r;
		at := receipt.recorded_at;
		SELECT r.replay INTO replayed.replay FROM community.reverse(replace(k, ' captured', ''), 'random',
			CASE WHEN NOT whole THEN p END, 'ledger', request_key => CASE WHEN NOT whole THEN 'r' || n END) AS r;
		posting.replay := receipt.replay;
		UPDATE o_call SET reversed = reversed + p WHERE key = k;
		IF old.kind = 'accrue' THEN
			taken := o_take_back(m, u.code, k, old.reversed, p, at);
			PERFORM o_pay(m, u.code, at, '(none)', 1);
			IF receipt.amount <> -taken THEN
				RETURN format('reversal took %s; bookkeeper: %s', -receipt.amount, taken);
			END IF;
		ELSE
			skip := old.points - old.reversed - p;
			taken := p;
			IF old.kind = 'transfer' THEN
				-- the receiver's account is as it was when the giver gets his back
				taken := o_take_back(other, u.code, k, skip, p, at);
			END IF;
			INSERT INTO o_part SELECT 'back ' || n, priority, available_at, expires_at, points
			FROM o_slice(k, skip + p - taken, taken);
			PERFORM o_credit(m, u.code, 'back ' || n, at);
			PERFORM o_pay(m, u.code, at, '(none)', 1);
			IF old.kind = 'transfer' THEN
				PERFORM o_pay(other, u.code, at, '(none)', 1);
			END IF;
		END IF;
	END IF;
	IF state <> expected THEN
		RETURN format('%s gave %s instead of %s', kind, state, expected);
	END IF;
	IF state = 'ok' AND (posting.replay OR NOT replayed.replay) THEN
		RETURN 'a retry is not told from the call';
	END IF;
	INSERT INTO o_done VALUES (CASE state WHEN 'ok' THEN kind ELSE state END);
	IF kind IN ('transfer', 'reverse') AND other IS NOT NULL THEN
		difference := o_differs(other, u.code, clock_timestamp());
	END IF;
	RETURN coalesce(difference, o_differs(m, u.code, clock_timestamp()));
END $$;

CREATE PROCEDURE o_play(steps int) LANGUAGE plpgsql AS $$
DECLARE
	fault text;
	kind text;
BEGIN
	FOR n IN 1..steps LOOP
		kind := (ARRAY['accrue', 'accrue', 'accrue', 'redeem', 'redeem', 'adjust', 'hold', 'capture',
			'end', 'transfer', 'transfer', 'release', 'reverse', 'reverse'])[1 + floor(random() * 14)];
		-- what a savepoint takes back has not been
		IF n % 17 = 0 THEN
			BEGIN
				PERFORM o_step(n, kind);
				RAISE EXCEPTION SQLSTATE 'UNDO1';
			EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
				NULL;
			END;
		END IF;
		fault := o_step(n, kind);
		IF fault IS NOT NULL THEN
			RAISE WARNING 'step %, %: %', n, kind, fault;
			RETURN;
		END IF;
		IF n % 40 = 0 THEN
			CALL o_wait(random() * interval '5 days');
			DELETE FROM o_part WHERE key LIKE 'back %';
		END IF;
		-- a long tail, for somebody to fold
		IF n % 300 = 0 THEN
			FOR i IN 1..40 LOOP
				fault := coalesce(fault, o_step(1000000 * i + n, 'accrue'));
			END LOOP;
		END IF;
		IF n % 50 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT setseed(0.271828) IS NOT NULL AS seeded;
CALL o_play(2400);
-- everything happened often enough to mean something
SELECT kind, count(*) >= CASE kind WHEN '55000' THEN 3 WHEN 'CM013' THEN 5 WHEN 'capture' THEN 20 ELSE 40 END AS often FROM o_done GROUP BY 1 ORDER BY 1;
-- all accounts once more, and the books: entries add up to accounts
SELECT count(*) AS accounts, count(o_differs(a.member_id, u.code, clock_timestamp())) AS differ
FROM community.account_purse AS a JOIN o_currency AS u USING (program_id, currency_id);
SELECT count(*) AS differ FROM community.account_purse AS a
JOIN (SELECT program_id, member_id, currency_id, community.sum(delta) AS purse
	FROM community.entry GROUP BY 1, 2, 3) AS e USING (program_id, member_id, currency_id)
WHERE a.program_id = community.current_program()
	AND community.settle(a.purse, now()) OPERATOR(community.<>) community.settle(e.purse, now());
SELECT sum(points) AS transfers FROM community.entry AS e WHERE program_id = community.current_program()
	AND (kind IN ('transfer_in', 'transfer_out') OR kind = 'reverse' AND EXISTS (SELECT FROM community.entry AS o
		WHERE o.program_id = e.program_id AND o.key = e.key AND o.kind = 'transfer_in'));
SELECT count(*) > 0 AS folded FROM community.account_fold
WHERE program_id = community.current_program() AND folded_to <> '{}';
DROP TABLE o_currency, o_lot, o_call, o_part, o_hold, o_done CASCADE;
DROP FUNCTION o_debt, o_available, o_add, o_spend, o_take, o_take_back, o_pay, o_credit, o_settle, o_settled, o_differs, o_step;
DROP PROCEDURE o_wait, o_play;
