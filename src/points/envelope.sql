
-- ------------------------------------------- red envelopes, and budgets

CREATE FUNCTION community.split_points(
	points pg_catalog.int8,
	shares pg_catalog.int4,
	split pg_catalog.text,
	seed pg_catalog.int8)
RETURNS pg_catalog.int8[]
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_split_points';
COMMENT ON FUNCTION community.split_points IS
'points cut into shares of at least one: random, even or double_mean; the same seed gives the same shares';

CREATE FUNCTION community.issue_envelope(
	member pg_catalog.int8,
	points pg_catalog.int8,
	shares pg_catalog.int4,
	key pg_catalog.text,
	currency pg_catalog.text DEFAULT 'points',
	split pg_catalog.text DEFAULT 'random',
	seed pg_catalog.int8 DEFAULT NULL,
	expires_at pg_catalog.timestamptz
		DEFAULT pg_catalog.now() OPERATOR(pg_catalog.+) '1 day'::pg_catalog.interval,
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_issue_envelope';
COMMENT ON FUNCTION community.issue_envelope IS
'splits points of a member, or of the program where member is null, into shares that members claim until expires_at';
REVOKE ALL ON FUNCTION community.issue_envelope FROM PUBLIC;

CREATE FUNCTION community.claim_envelope(
	envelope pg_catalog.int8,
	member pg_catalog.int8,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.posting
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_claim_envelope';
COMMENT ON FUNCTION community.claim_envelope IS
'gives a share of an envelope to a member, once; an error when all are claimed, or it has ended';
REVOKE ALL ON FUNCTION community.claim_envelope FROM PUBLIC;

CREATE FUNCTION community.close_envelope(
	envelope pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_envelope';
COMMENT ON FUNCTION community.close_envelope IS
'ends an envelope and returns what nobody has claimed to who paid; says how many points, each time it is called';
REVOKE ALL ON FUNCTION community.close_envelope FROM PUBLIC;

CREATE FUNCTION community.close_expired_envelopes(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	batch pg_catalog.int4 DEFAULT 100,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_expired_envelopes';
COMMENT ON FUNCTION community.close_expired_envelopes IS
'closes at most so many envelopes that have expired by as_of, and says how many';
REVOKE ALL ON FUNCTION community.close_expired_envelopes FROM PUBLIC;

CREATE FUNCTION community.claim_budget(
	budget pg_catalog.int8,
	points pg_catalog.int8,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_claim_budget';
COMMENT ON FUNCTION community.claim_budget IS
'takes points from a budget in the period that holds the time, as many as are left, and says how many; it has no key, so whatever is paid from it in the same transaction must have one';
REVOKE ALL ON FUNCTION community.claim_budget FROM PUBLIC;

CREATE FUNCTION community.return_budget(
	budget pg_catalog.int8,
	points pg_catalog.int8,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_return_budget';
COMMENT ON FUNCTION community.return_budget IS
'puts points back that were taken from a budget in the period that holds the time';
REVOKE ALL ON FUNCTION community.return_budget FROM PUBLIC;

CREATE FUNCTION community.change_budget(
	budget pg_catalog.int8,
	points pg_catalog.int8,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_change_budget';
COMMENT ON FUNCTION community.change_budget IS
'gives a budget another limit, in the period that holds the time and all later ones; not below what is spent';
REVOKE ALL ON FUNCTION community.change_budget FROM PUBLIC;
