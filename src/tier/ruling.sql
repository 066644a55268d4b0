
-- --------------------------------------------------------------- rulings

CREATE FUNCTION community.lock_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_lock_tier';
COMMENT ON FUNCTION community.lock_tier IS
'keeps what a member holds on a ladder by qualification as it is, during a range, from now on by default; gives the id of the ruling';
REVOKE ALL ON FUNCTION community.lock_tier FROM PUBLIC;

CREATE FUNCTION community.veto_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_veto_tier';
COMMENT ON FUNCTION community.veto_tier IS
'keeps a member out of a tier and all above it, as far as qualification goes, during a range, from now on by default; gives the id of the ruling';
REVOKE ALL ON FUNCTION community.veto_tier FROM PUBLIC;

CREATE FUNCTION community.invite_to_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_invite_to_tier';
COMMENT ON FUNCTION community.invite_to_tier IS
'opens a tier whose entry is invitation to a member during a range, from now on by default; gives the id of the ruling';
REVOKE ALL ON FUNCTION community.invite_to_tier FROM PUBLIC;

CREATE FUNCTION community.end_ruling(
	key pg_catalog.text,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_end_ruling';
COMMENT ON FUNCTION community.end_ruling IS
'ends a lock, veto or invitation at a time; false when it had ended by then';
REVOKE ALL ON FUNCTION community.end_ruling FROM PUBLIC;

-- ---------------------------------------------------------------- grants

CREATE FUNCTION community.grant_tier(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	during pg_catalog.tstzrange DEFAULT NULL,
	source pg_catalog.text DEFAULT 'granted',
	reason pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_grant_tier';
COMMENT ON FUNCTION community.grant_tier IS
'gives a member a tier during a range, from now on by default, beside what it qualifies for; gives the id of the tenure';
REVOKE ALL ON FUNCTION community.grant_tier FROM PUBLIC;

CREATE FUNCTION community.revoke_tier(
	key pg_catalog.text,
	at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	reason pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_revoke_tier';
COMMENT ON FUNCTION community.revoke_tier IS
'ends a grant at a time; false when it had ended by then';
REVOKE ALL ON FUNCTION community.revoke_tier FROM PUBLIC;
