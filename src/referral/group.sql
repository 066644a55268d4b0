
-- ----------------------------------------- groups that buy, and bargains

CREATE FUNCTION community.open_group(
	leader pg_catalog.int8,
	capacity pg_catalog.int4,
	closes_at pg_catalog.timestamptz,
	key pg_catalog.text,
	price pg_catalog.int8 DEFAULT 0,
	hold pg_catalog.text DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT '{}',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_open_group';
COMMENT ON FUNCTION community.open_group IS
'opens a group that buys when so many have joined until closes_at, and gives its id; the leader is its first member';
REVOKE ALL ON FUNCTION community.open_group FROM PUBLIC;

CREATE FUNCTION community.join_group(
	member pg_catalog.int8,
	group_id pg_catalog.int8,
	key pg_catalog.text,
	hold pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT state pg_catalog.text,
	OUT missing pg_catalog.int4,
	OUT leader pg_catalog.int8,
	OUT replay pg_catalog.bool)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_join_group';
COMMENT ON FUNCTION community.join_group IS
'gives a member a slot of a group and says how many are missing now; an error when it is full, has ended, or has the member';
REVOKE ALL ON FUNCTION community.join_group FROM PUBLIC;

CREATE FUNCTION community.leave_group(
	member pg_catalog.int8,
	group_id pg_catalog.int8,
	reason pg_catalog.text,
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_leave_group';
COMMENT ON FUNCTION community.leave_group IS
'takes a member out of a group that is forming and releases its hold; when it led, who joined next leads; false for a retry';
REVOKE ALL ON FUNCTION community.leave_group FROM PUBLIC;

CREATE FUNCTION community.settle_groups(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	batch pg_catalog.int4 DEFAULT 100,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_settle_groups';
COMMENT ON FUNCTION community.settle_groups IS
'captures the holds of at most so many groups that are full, releases those of groups that have failed by as_of, and says how many groups';
REVOKE ALL ON FUNCTION community.settle_groups FROM PUBLIC;

CREATE FUNCTION community.confirm_group_refund(
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_confirm_group_refund';
COMMENT ON FUNCTION community.confirm_group_refund IS
'notes that the application has given back what the member paid who joined with that key; false when it was noted before';
REVOKE ALL ON FUNCTION community.confirm_group_refund FROM PUBLIC;

CREATE FUNCTION community.bargain_step(
	remaining pg_catalog.int8,
	outstanding pg_catalog.int4,
	seed pg_catalog.int8,
	turn pg_catalog.int4,
	least_percent pg_catalog.int4 DEFAULT 20,
	most_percent pg_catalog.int4 DEFAULT 50)
RETURNS pg_catalog.int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_bargain_step';
COMMENT ON FUNCTION community.bargain_step IS
'by how much the next of so many participants cuts what is left to be cut; the last one takes all of it';

CREATE FUNCTION community.open_bargain(
	member pg_catalog.int8,
	price pg_catalog.int8,
	floor_price pg_catalog.int8,
	participants pg_catalog.int4,
	closes_at pg_catalog.timestamptz,
	key pg_catalog.text,
	least_percent pg_catalog.int4 DEFAULT 20,
	most_percent pg_catalog.int4 DEFAULT 50,
	seed pg_catalog.int8 DEFAULT NULL,
	campaign pg_catalog.text DEFAULT NULL,
	member_limit pg_catalog.int4 DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT '{}',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_open_bargain';
COMMENT ON FUNCTION community.open_bargain IS
'opens a bargain: so many participants cut a price down to the floor price until closes_at; gives its id';
REVOKE ALL ON FUNCTION community.open_bargain FROM PUBLIC;

CREATE FUNCTION community.cut_bargain(
	member pg_catalog.int8,
	bargain_id pg_catalog.int8,
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT amount pg_catalog.int8,
	OUT price pg_catalog.int8,
	OUT outstanding pg_catalog.int4,
	OUT replay pg_catalog.bool)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_cut_bargain';
COMMENT ON FUNCTION community.cut_bargain IS
'lets a member cut the price of a bargain, once; says by how much, the price by now, and how many are still to cut';
REVOKE ALL ON FUNCTION community.cut_bargain FROM PUBLIC;

CREATE FUNCTION community.close_bargain(
	bargain_id pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_bargain';
COMMENT ON FUNCTION community.close_bargain IS
'ends a bargain, as when its member buys, and gives the price, each time it is called';
REVOKE ALL ON FUNCTION community.close_bargain FROM PUBLIC;
