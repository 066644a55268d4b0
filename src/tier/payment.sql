
-- ------------------------------------------------- tiers that are paid for

CREATE FUNCTION community.settle_payments(
	member pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_settle_payments';
COMMENT ON FUNCTION community.settle_payments IS
'works out the paid terms of a member, or with null of everybody, from the payments and writes what has changed; says how many rows, 0 when all was right';
REVOKE ALL ON FUNCTION community.settle_payments FROM PUBLIC;
