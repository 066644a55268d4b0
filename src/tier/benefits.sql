
-- -------------------------------------------------------------- benefits

CREATE FUNCTION community.guard_benefits()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_benefits';
COMMENT ON FUNCTION community.guard_benefits IS
'trigger: sees that benefits and what tiers bring fit together, and that what has counted only ends';
REVOKE ALL ON FUNCTION community.guard_benefits FROM PUBLIC;

CREATE FUNCTION community.define_benefit(
	code pg_catalog.text,
	kind pg_catalog.text,
	currency pg_catalog.text DEFAULT NULL,
	factor pg_catalog.numeric DEFAULT NULL,
	rules pg_catalog.text[] DEFAULT NULL,
	points pg_catalog.int8 DEFAULT NULL,
	period community.period DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_benefit';
COMMENT ON FUNCTION community.define_benefit IS
'makes a benefit that tiers can bring, or says what is wrong with it, and gives its id; the same again changes nothing';
REVOKE ALL ON FUNCTION community.define_benefit FROM PUBLIC;

CREATE FUNCTION community.list_benefit(
	ladder pg_catalog.text,
	tier pg_catalog.text,
	benefit pg_catalog.text,
	factor pg_catalog.numeric DEFAULT NULL,
	points pg_catalog.int8 DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT NULL,
	valid pg_catalog.tstzrange DEFAULT pg_catalog.tstzrange(pg_catalog.now(), NULL),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_list_benefit';
COMMENT ON FUNCTION community.list_benefit IS
'lets a tier bring a benefit while valid, and gives the id of the row; settle_benefits() gives it to those who hold the tier';
REVOKE ALL ON FUNCTION community.list_benefit FROM PUBLIC;

CREATE FUNCTION community.has_benefit(
	member pg_catalog.int8,
	code pg_catalog.text,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_has_benefit';
COMMENT ON FUNCTION community.has_benefit IS
'whether a tier that the member holds at as_of brings that benefit';
REVOKE ALL ON FUNCTION community.has_benefit FROM PUBLIC;

CREATE FUNCTION community.benefits(
	member pg_catalog.int8,
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	code pg_catalog.text,
	kind pg_catalog.text,
	tier pg_catalog.text,
	ladder pg_catalog.text,
	currency pg_catalog.text,
	value pg_catalog.numeric,
	rules pg_catalog.text[],
	period community.period,
	payload pg_catalog.jsonb,
	during pg_catalog.tstzrange)
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 5
AS 'MODULE_PATHNAME', 'community_benefits';
COMMENT ON FUNCTION community.benefits IS
'what the tiers that a member holds at as_of bring';
REVOKE ALL ON FUNCTION community.benefits FROM PUBLIC;

CREATE PROCEDURE community.settle_benefits(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	everybody pg_catalog.bool DEFAULT true,
	batch_size pg_catalog.int4 DEFAULT 1000,
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_settle_benefits';
COMMENT ON PROCEDURE community.settle_benefits IS
'gives all who hold tiers what these bring as of a time, or those alone for whom points are due, in batches that commit';
REVOKE ALL ON PROCEDURE community.settle_benefits FROM PUBLIC;
