-- What the ledger is compared with.

-- a table like entry, and nothing more
CREATE TABLE entry_twin (LIKE community.entry INCLUDING DEFAULTS INCLUDING INDEXES);
ALTER TABLE entry_twin ALTER entry_id SET DEFAULT nextval('twin_id');

-- ----- a ledger in PL/pgSQL -----

-- In the manner of pgledger, and written for this: accounts with a balance and
-- a version, transfers, and for each two entries with the balance before and
-- after; accounts locked in order; ids as text that sorts by time; one transfer
-- is a list of one.  It knows no key against retries and no lots.

CREATE FUNCTION bank_id(prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT prefix || '_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
		14, '0') || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16)
$$;

CREATE TABLE bank_account (
	account_id text PRIMARY KEY,
	name text NOT NULL,
	currency text NOT NULL,
	balance numeric NOT NULL DEFAULT 0,
	version bigint NOT NULL DEFAULT 0,
	negative_allowed boolean NOT NULL DEFAULT true,
	positive_allowed boolean NOT NULL DEFAULT true,
	metadata jsonb,
	created_at timestamptz NOT NULL DEFAULT now(),
	changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE bank_transfer (
	transfer_id text PRIMARY KEY DEFAULT bank_id('transfer'),
	giver text NOT NULL REFERENCES bank_account,
	taker text NOT NULL REFERENCES bank_account,
	amount numeric NOT NULL,
	event_at timestamptz NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	metadata jsonb,
	CHECK (amount > 0 AND giver <> taker)
);
CREATE INDEX ON bank_transfer (giver);
CREATE INDEX ON bank_transfer (taker);
CREATE INDEX ON bank_transfer (event_at);
CREATE TABLE bank_entry (
	entry_id text PRIMARY KEY DEFAULT bank_id('entry'),
	account_id text NOT NULL REFERENCES bank_account,
	transfer_id text NOT NULL REFERENCES bank_transfer,
	amount numeric NOT NULL,
	previous_balance numeric NOT NULL,
	current_balance numeric NOT NULL,
	version bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON bank_entry (account_id);
CREATE INDEX ON bank_entry (transfer_id);

-- the account of a member
CREATE FUNCTION bank_name(member bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT 'account_' || md5(member::text)
$$;

CREATE TYPE bank_order AS (giver text, taker text, amount numeric);

-- move a balance, within its limits
CREATE FUNCTION bank_move(account text, change numeric) RETURNS bank_account
LANGUAGE plpgsql AS $$
DECLARE
	a bank_account;
BEGIN
	UPDATE bank_account AS b
	SET balance = b.balance + change, version = b.version + 1, changed_at = now()
	WHERE b.account_id = account RETURNING b.* INTO STRICT a;
	IF a.balance < 0 AND NOT a.negative_allowed OR a.balance > 0 AND NOT a.positive_allowed THEN
		RAISE 'account % cannot have a balance of %', account, a.balance;
	END IF;
	RETURN a;
END
$$;

CREATE FUNCTION bank_transfers(orders bank_order[], event_at timestamptz, metadata jsonb)
RETURNS SETOF bank_transfer LANGUAGE plpgsql AS $$
DECLARE
	o bank_order;
	giver bank_account;
	taker bank_account;
	id text;
	ids text[] := '{}';
BEGIN
	PERFORM FROM bank_account AS b
	WHERE b.account_id IN (SELECT r.giver FROM unnest(orders) AS r
		UNION SELECT r.taker FROM unnest(orders) AS r)
	ORDER BY b.account_id FOR UPDATE;
	FOREACH o IN ARRAY orders LOOP
		IF o.amount <= 0 OR o.giver = o.taker THEN
			RAISE 'cannot transfer % from account % to account %', o.amount, o.giver, o.taker;
		END IF;
		giver := bank_move(o.giver, -o.amount);
		taker := bank_move(o.taker, o.amount);
		IF giver.currency <> taker.currency THEN
			RAISE 'account % counts in %, account % in %', o.giver, giver.currency,
				o.taker, taker.currency;
		END IF;
		INSERT INTO bank_transfer (giver, taker, amount, event_at, metadata)
		VALUES (o.giver, o.taker, o.amount, coalesce($2, now()), $3)
		RETURNING transfer_id INTO id;
		INSERT INTO bank_entry (account_id, transfer_id, amount, previous_balance,
			current_balance, version)
		VALUES (o.giver, id, -o.amount, giver.balance + o.amount, giver.balance, giver.version);
		INSERT INTO bank_entry (account_id, transfer_id, amount, previous_balance,
			current_balance, version)
		VALUES (o.taker, id, o.amount, taker.balance - o.amount, taker.balance, taker.version);
		ids := ids || id;
	END LOOP;
	RETURN QUERY SELECT t.* FROM bank_transfer AS t WHERE t.transfer_id = ANY (ids)
		ORDER BY t.transfer_id;
END
$$;

CREATE FUNCTION bank_transfer(giver text, taker text, amount numeric,
	event_at timestamptz DEFAULT NULL, metadata jsonb DEFAULT NULL)
RETURNS SETOF bank_transfer LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM bank_transfers(ARRAY[(giver, taker, amount)::bank_order],
		event_at, metadata);
END
$$;

-- ----- between the runs -----

-- Members 1 to that number, nothing recorded, and a million points each,
-- folded.  Superusers alone may empty the books.
CREATE FUNCTION start_ledger(members bigint) RETURNS void LANGUAGE plpgsql
SET session_replication_role = replica AS $$
BEGIN
	PERFORM start_over(members);
	TRUNCATE community.entry, community.account_fold, community.hold, entry_twin,
		bank_account, bank_transfer, bank_entry;
	INSERT INTO bank_account (account_id, name, currency)
	SELECT bank_name(g), 'member ' || g, 'points' FROM generate_series(1, members + 1) AS g;
	INSERT INTO community.entry (program_id, entry_id, member_id, currency_id, points,
		effective_at, recorded_at, request, posted, kind, key, delta)
	SELECT c.program_id, community.next_id(), g, c.currency_id, 1000000, now(), now(), 0, true,
		'adjust', 'start ' || g, '{1000000}'
	FROM generate_series(1, members) AS g, community.currency AS c;
	INSERT INTO community.account_fold (program_id, member_id, currency_id, changed_at,
		folded_to, purse)
	SELECT e.program_id, e.member_id, e.currency_id, e.recorded_at, ARRAY[e.entry_id], e.delta
	FROM community.entry AS e;
END
$$;

-- Does every account have what its entries sum up to?
CREATE FUNCTION accounts_agree() RETURNS boolean LANGUAGE sql AS $$
	SELECT NOT EXISTS (SELECT FROM community.account AS a
		FULL JOIN (SELECT e.member_id, sum(e.points) AS points FROM community.entry AS e
			GROUP BY e.member_id) AS e ON e.member_id = a.member_id
		WHERE a.available IS DISTINCT FROM e.points)
		AND (SELECT coalesce(sum(b.balance), 0) = 0 FROM bank_account AS b)
		AND NOT EXISTS (SELECT FROM bank_account AS b
			FULL JOIN (SELECT e.account_id, sum(e.amount) AS balance FROM bank_entry AS e
				GROUP BY e.account_id) AS e ON e.account_id = b.account_id
			WHERE coalesce(b.balance, 0) <> coalesce(e.balance, 0))
$$;
