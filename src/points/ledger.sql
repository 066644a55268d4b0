
-- --------------------------------------------------------------- ledger

CREATE TYPE community.posting AS (
	entry_id pg_catalog.int8,
	replay pg_catalog.bool,
	member pg_catalog.int8,
	currency pg_catalog.text,
	kind pg_catalog.text,
	points pg_catalog.int8,
	delta community.purse,
	effective_at pg_catalog.timestamptz,
	recorded_at pg_catalog.timestamptz
);
COMMENT ON TYPE community.posting IS 'what a call of the ledger did';
COMMENT ON COLUMN community.posting.entry_id IS 'the entry that was appended';
COMMENT ON COLUMN community.posting.replay IS 'true when an earlier call with that key appended it';
COMMENT ON COLUMN community.posting.member IS 'whose points';
COMMENT ON COLUMN community.posting.currency IS 'of which currency';
COMMENT ON COLUMN community.posting.kind IS 'kind of the entry';
COMMENT ON COLUMN community.posting.points IS 'the change, in minor units; 0 for a hold and where points only change lots';
COMMENT ON COLUMN community.posting.delta IS 'the change, lot by lot';
COMMENT ON COLUMN community.posting.effective_at IS 'as of when it counts';
COMMENT ON COLUMN community.posting.recorded_at IS 'when it was recorded';

CREATE FUNCTION community.accrue(
	member pg_catalog.int8,
	points pg_catalog.int8,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	available_at pg_catalog.timestamptz DEFAULT NULL,
	expires_at pg_catalog.timestamptz DEFAULT NULL,
	priority pg_catalog.int4 DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	occurred_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_accrue';
COMMENT ON FUNCTION community.accrue IS
'gives points to a member once; times and priority are the currency''s where they are not given';
REVOKE ALL ON FUNCTION community.accrue FROM PUBLIC;

CREATE FUNCTION community.redeem(
	member pg_catalog.int8,
	points pg_catalog.int8,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_redeem';
COMMENT ON FUNCTION community.redeem IS
'spends points of a member once, in burn order; an error when fewer are available';
REVOKE ALL ON FUNCTION community.redeem FROM PUBLIC;

CREATE FUNCTION community.adjust(
	member pg_catalog.int8,
	points pg_catalog.int8,
	key pg_catalog.text,
	reason pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	available_at pg_catalog.timestamptz DEFAULT NULL,
	expires_at pg_catalog.timestamptz DEFAULT NULL,
	priority pg_catalog.int4 DEFAULT NULL,
	occurred_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_adjust';
COMMENT ON FUNCTION community.adjust IS
'gives points by hand or, with a negative number, takes them, for a reason that is kept';
REVOKE ALL ON FUNCTION community.adjust FROM PUBLIC;

CREATE FUNCTION community.hold(
	member pg_catalog.int8,
	points pg_catalog.int8,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	expires_at pg_catalog.timestamptz
		DEFAULT pg_catalog.now() OPERATOR(pg_catalog.+) '15 minutes'::pg_catalog.interval,
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_hold';
COMMENT ON FUNCTION community.hold IS
'sets points aside until capture(), release() or expires_at, whichever comes first';
REVOKE ALL ON FUNCTION community.hold FROM PUBLIC;

CREATE FUNCTION community.capture(
	key pg_catalog.text,
	points pg_catalog.int8 DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_capture';
COMMENT ON FUNCTION community.capture IS
'spends what the hold with that key set aside, or a part of it; the rest is free again';
REVOKE ALL ON FUNCTION community.capture FROM PUBLIC;

CREATE FUNCTION community.release(
	key pg_catalog.text,
	source pg_catalog.text DEFAULT 'ledger',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_release';
COMMENT ON FUNCTION community.release IS
'frees what the hold with that key set aside, or makes available the points that wait for it: those under that key or, with the source of an event, those it has earned';
REVOKE ALL ON FUNCTION community.release FROM PUBLIC;

CREATE FUNCTION community.transfer(
	from_member pg_catalog.int8,
	to_member pg_catalog.int8,
	points pg_catalog.int8,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_transfer';
COMMENT ON FUNCTION community.transfer IS
'moves points from one member to another once, with the expiry they have';
REVOKE ALL ON FUNCTION community.transfer FROM PUBLIC;

CREATE FUNCTION community.extend(
	member pg_catalog.int8,
	expires_at pg_catalog.timestamptz,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	expiring_before pg_catalog.timestamptz DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_extend';
COMMENT ON FUNCTION community.extend IS
'gives points that expire before expiring_before a later expiry; held points stay as they are';
REVOKE ALL ON FUNCTION community.extend FROM PUBLIC;

CREATE FUNCTION community.reinstate(
	member pg_catalog.int8,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	expires_at pg_catalog.timestamptz DEFAULT NULL,
	expired_since pg_catalog.timestamptz DEFAULT '-infinity',
	points pg_catalog.int8 DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_reinstate';
COMMENT ON FUNCTION community.reinstate IS
'brings back points that expired at or after expired_since, all or the number given, what expired last first';
REVOKE ALL ON FUNCTION community.reinstate FROM PUBLIC;

CREATE FUNCTION community.statement(
	member pg_catalog.int8,
	currency pg_catalog.text DEFAULT 'points',
	during pg_catalog.tstzrange DEFAULT NULL,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	entry_id pg_catalog.int8,
	effective_at pg_catalog.timestamptz,
	recorded_at pg_catalog.timestamptz,
	kind pg_catalog.text,
	points pg_catalog.int8,
	balance pg_catalog.int8,
	event_id pg_catalog.int8,
	key pg_catalog.text,
	reason pg_catalog.text,
	rule_ids pg_catalog.int8[],
	delta community.purse)
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'community_statement';
COMMENT ON FUNCTION community.statement IS
'what happened to the points of a member, in order and with a running balance; rows of kind expire are computed';
REVOKE ALL ON FUNCTION community.statement FROM PUBLIC;

CREATE FUNCTION community.mark_folded(
	folded_to pg_catalog.int8[],
	entry_id pg_catalog.int8)
RETURNS pg_catalog.int8[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_mark_folded';
COMMENT ON FUNCTION community.mark_folded IS
'marks up to which credits are folded, moved ahead to an entry of its node and never back';

CREATE TYPE community.balance AS (
	available pg_catalog.int8,
	pending pg_catalog.int8,
	held pg_catalog.int8,
	deficit pg_catalog.int8,
	next_expiry pg_catalog.timestamptz,
	expiring pg_catalog.int8
);
COMMENT ON TYPE community.balance IS 'what an account has';
COMMENT ON COLUMN community.balance.available IS 'points that can be spent';
COMMENT ON COLUMN community.balance.pending IS 'points that will be available later';
COMMENT ON COLUMN community.balance.held IS 'points set aside by holds';
COMMENT ON COLUMN community.balance.deficit IS 'points owed';
COMMENT ON COLUMN community.balance.next_expiry IS 'when points expire next, null when none do';
COMMENT ON COLUMN community.balance.expiring IS 'how many do then';

CREATE FUNCTION community.balance(
	member pg_catalog.int8,
	currency pg_catalog.text DEFAULT 'points',
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	known_at pg_catalog.timestamptz DEFAULT 'infinity',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.balance
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_balance';
COMMENT ON FUNCTION community.balance IS
'what an account has at as_of; before now, what it had by the entries that were recorded until known_at';
REVOKE ALL ON FUNCTION community.balance FROM PUBLIC;

CREATE FUNCTION community.is_folded(
	entry_id pg_catalog.int8,
	folded_to pg_catalog.int8[])
RETURNS pg_catalog.bool
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_is_folded';
COMMENT ON FUNCTION community.is_folded IS
'whether a credit is in the purse of an account that is folded to these marks';

CREATE FUNCTION community.folded_from_start(folded_to pg_catalog.int8[])
RETURNS pg_catalog.int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_folded_from_start';
COMMENT ON FUNCTION community.folded_from_start IS
'an id up to which all credits are in the purse, -1 for none';
