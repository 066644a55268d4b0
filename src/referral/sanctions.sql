
-- -------------------------------------------------------------- sanctions

CREATE FUNCTION community.sanction_subtree(
	member pg_catalog.int8,
	action pg_catalog.text,
	reason pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_sanction_subtree';
COMMENT ON FUNCTION community.sanction_subtree IS
'imposes disable_invites, hold, close or comment on a member and everybody below, and gives the id of the sanction';
REVOKE ALL ON FUNCTION community.sanction_subtree FROM PUBLIC;

CREATE FUNCTION community.lift_sanction(
	sanction pg_catalog.int8,
	reason pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_lift_sanction';
COMMENT ON FUNCTION community.lift_sanction IS
'lifts a sanction from everybody it is about, and lets what waits for it go; false when it was lifted before';
REVOKE ALL ON FUNCTION community.lift_sanction FROM PUBLIC;
