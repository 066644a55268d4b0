
-- ------------------------------------------------------- seats of a tier

CREATE FUNCTION community.claim_seat(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT seat pg_catalog.int4,
	OUT place pg_catalog.int8,
	OUT replay pg_catalog.bool)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_claim_seat';
COMMENT ON FUNCTION community.claim_seat IS
'gives a member a seat in a tier, or, when all are taken, a place in the waiting list; a retry says where that claim stands now';
REVOKE ALL ON FUNCTION community.claim_seat FROM PUBLIC;

CREATE FUNCTION community.release_seat(
	member pg_catalog.int8,
	ladder pg_catalog.text,
	tier pg_catalog.text,
	reason pg_catalog.text,
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_release_seat';
COMMENT ON FUNCTION community.release_seat IS
'ends what a member has of a tier by claim_seat(): its seat, which goes to the first who waits, or its place in the waiting list; false for a retry';
REVOKE ALL ON FUNCTION community.release_seat FROM PUBLIC;

CREATE FUNCTION community.hand_out_seats(
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_hand_out_seats';
COMMENT ON FUNCTION community.hand_out_seats IS
'gives seats that a new version of a ladder has brought to those who wait, and says how many';
REVOKE ALL ON FUNCTION community.hand_out_seats FROM PUBLIC;
