
-- ---------------------------------------------------------------- awards

CREATE FUNCTION community.guard_awards()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_awards';
COMMENT ON FUNCTION community.guard_awards IS
'trigger: sees that awards count events';
REVOKE ALL ON FUNCTION community.guard_awards FROM PUBLIC;

CREATE FUNCTION community.awards(
	member pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	award pg_catalog.text,
	period_start pg_catalog.timestamptz,
	earned_at pg_catalog.timestamptz,
	points pg_catalog.int8,
	payload pg_catalog.jsonb)
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'community_awards';
COMMENT ON FUNCTION community.awards IS
'the awards that a member holds, in the order in which it earned them';
REVOKE ALL ON FUNCTION community.awards FROM PUBLIC;

CREATE FUNCTION community.settle_awards(
	member pg_catalog.int8,
	at pg_catalog.timestamptz,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_settle_awards';
COMMENT ON FUNCTION community.settle_awards IS
'brings awards into line with what a member did at a time and since';
REVOKE ALL ON FUNCTION community.settle_awards FROM PUBLIC;

CREATE PROCEDURE community.backfill_awards(
	award pg_catalog.text,
	batch_size pg_catalog.int4 DEFAULT 100,
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_backfill_awards';
COMMENT ON PROCEDURE community.backfill_awards IS
'gives an award for all that members have done so far, in batches that commit; resumes, and gives nothing twice';
REVOKE ALL ON PROCEDURE community.backfill_awards FROM PUBLIC;
