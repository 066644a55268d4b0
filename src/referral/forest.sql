
-- ------------------------------------------------- the forest of sponsors

CREATE FUNCTION community.guard_referrals()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_referrals';
COMMENT ON FUNCTION community.guard_referrals IS
'trigger: puts rows of referral where they belong, and refuses cycles and changes past reparent()';
REVOKE ALL ON FUNCTION community.guard_referrals FROM PUBLIC;

CREATE FUNCTION community.reparent(
	member pg_catalog.int8,
	sponsor pg_catalog.int8,
	reason pg_catalog.text,
	moved_at pg_catalog.timestamptz DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_reparent';
COMMENT ON FUNCTION community.reparent IS
'puts a member, with all below it, under another sponsor, or makes it a root; gives the id of the move, null when it stands there already';
REVOKE ALL ON FUNCTION community.reparent FROM PUBLIC;

CREATE FUNCTION community.define_referrals(
	maximum_depth pg_catalog.int4 DEFAULT 1000,
	paid_levels pg_catalog.int4 DEFAULT 1,
	sponsor_required pg_catalog.bool DEFAULT false,
	binding pg_catalog.text DEFAULT 'permanent',
	binding_window pg_catalog.interval DEFAULT NULL,
	inviter_ladder pg_catalog.text DEFAULT NULL,
	inviter_tier pg_catalog.text DEFAULT NULL,
	inviter_age pg_catalog.interval DEFAULT NULL,
	invitations pg_catalog.int4 DEFAULT NULL,
	invitation_period community.period DEFAULT NULL,
	late_bindings pg_catalog.bool DEFAULT true,
	touch pg_catalog.text DEFAULT 'last',
	click_window pg_catalog.interval DEFAULT '30 days',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_define_referrals';
COMMENT ON FUNCTION community.define_referrals IS
'says how the referrals of a program work; what is left out gets its default; false when nothing changed';
REVOKE ALL ON FUNCTION community.define_referrals FROM PUBLIC;

CREATE FUNCTION community.referral_check(
	member pg_catalog.int8 DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS TABLE (
	rule pg_catalog.text,
	member_id pg_catalog.int8,
	detail pg_catalog.text)
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_referral_check';
COMMENT ON FUNCTION community.referral_check IS
'proves that the forest of a program is one, or looks at a single member of it: a row for each fault, none when all is well';
REVOKE ALL ON FUNCTION community.referral_check FROM PUBLIC;
