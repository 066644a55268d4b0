
-- -------------------------------------------------------------- activity

CREATE FUNCTION community.create_program(
	name pg_catalog.text,
	time_zone pg_catalog.text DEFAULT 'UTC',
	half_life pg_catalog.interval DEFAULT '90 days',
	amount_scale pg_catalog.int4 DEFAULT 2)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_create_program';
COMMENT ON FUNCTION community.create_program IS
'creates a program, a community of its own, and gives its id; the first call installs the tables';
REVOKE ALL ON FUNCTION community.create_program FROM PUBLIC;

CREATE FUNCTION community.current_program()
RETURNS pg_catalog.int8
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_current_program';
COMMENT ON FUNCTION community.current_program IS
'id of the program that the setting community.program names, or of the only program there is';
REVOKE ALL ON FUNCTION community.current_program FROM PUBLIC;

CREATE FUNCTION community.enroll(
	member pg_catalog.int8 DEFAULT NULL,
	sponsor pg_catalog.int8 DEFAULT NULL,
	code pg_catalog.text DEFAULT NULL,
	joined_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	external_id pg_catalog.text DEFAULT NULL,
	attributes pg_catalog.jsonb DEFAULT NULL,
	visitor pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_enroll';
COMMENT ON FUNCTION community.enroll IS
'enrolls a member, by id or external_id, under who brought it: a sponsor, the owner of a code, or who shared the link it clicked on as a visitor; gives the id; idempotent';
REVOKE ALL ON FUNCTION community.enroll FROM PUBLIC;

CREATE FUNCTION community.member_id(
	external_id pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'community_member_id';
COMMENT ON FUNCTION community.member_id IS
'id of the member with that external_id, null when there is none';
REVOKE ALL ON FUNCTION community.member_id FROM PUBLIC;

CREATE FUNCTION community.close_member(
	member pg_catalog.int8,
	reason pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_close_member';
COMMENT ON FUNCTION community.close_member IS
'closes a member: nothing new is recorded, what is recorded can still be reversed; false when it was closed already';
REVOKE ALL ON FUNCTION community.close_member FROM PUBLIC;

CREATE FUNCTION community.erase_member(
	member pg_catalog.int8,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_erase_member';
COMMENT ON FUNCTION community.erase_member IS
'closes a member and erases what is known of the person in words; ids, keys, points and chains stay; false when nothing was left to erase';
REVOKE ALL ON FUNCTION community.erase_member FROM PUBLIC;

CREATE FUNCTION community.merge_members(
	from_member pg_catalog.int8,
	into_member pg_catalog.int8,
	key pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_merge_members';
COMMENT ON FUNCTION community.merge_members IS
'moves all points and the engagement of one member to another, and closes the first; false when an earlier call with that key did';
REVOKE ALL ON FUNCTION community.merge_members FROM PUBLIC;

CREATE TYPE community.receipt AS (
	event_id pg_catalog.int8,
	replay pg_catalog.bool,
	member pg_catalog.int8,
	amount pg_catalog.int8,
	occurred_at pg_catalog.timestamptz,
	recorded_at pg_catalog.timestamptz,
	points pg_catalog.jsonb,
	tiers pg_catalog.jsonb,
	commissions pg_catalog.jsonb
);
COMMENT ON TYPE community.receipt IS 'what record() and reverse() did';
COMMENT ON COLUMN community.receipt.event_id IS 'the event that was appended';
COMMENT ON COLUMN community.receipt.replay IS 'true when an earlier call with that key appended it';
COMMENT ON COLUMN community.receipt.member IS 'the member';
COMMENT ON COLUMN community.receipt.amount IS 'in minor units';
COMMENT ON COLUMN community.receipt.occurred_at IS 'when it happened';
COMMENT ON COLUMN community.receipt.recorded_at IS 'when it was recorded';
COMMENT ON COLUMN community.receipt.points IS 'points that the member got or gave back by it, by code of the currency';
COMMENT ON COLUMN community.receipt.tiers IS 'tiers that the member holds, or no longer holds, by it: an array of objects with ladder, from, to, reason and at';
COMMENT ON COLUMN community.receipt.commissions IS 'what it paid to those above the member, or took back from them: an array of objects with payee, points, currency, level and plan';

CREATE FUNCTION community.record(
	member pg_catalog.int8,
	type pg_catalog.text,
	key pg_catalog.text,
	amount pg_catalog.int8 DEFAULT 0,
	occurred_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	target pg_catalog.int8 DEFAULT NULL,
	payload pg_catalog.jsonb DEFAULT '{}',
	source pg_catalog.text DEFAULT 'api',
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.receipt
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_record';
COMMENT ON FUNCTION community.record IS
'records an event once: the same key with the same input gives the first receipt again, with other input an error';
REVOKE ALL ON FUNCTION community.record FROM PUBLIC;

CREATE FUNCTION community.reverse(
	key pg_catalog.text,
	reason pg_catalog.text,
	amount pg_catalog.int8 DEFAULT NULL,
	source pg_catalog.text DEFAULT 'api',
	occurred_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	request_key pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS community.receipt
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_reverse';
COMMENT ON FUNCTION community.reverse IS
'takes back the event with that key, whole or the amount given; a request_key makes a partial reversal safe to retry';
REVOKE ALL ON FUNCTION community.reverse FROM PUBLIC;

CREATE FUNCTION community.minor_units(
	money pg_catalog.numeric,
	scale pg_catalog.int4)
RETURNS pg_catalog.int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'community_minor_units';
COMMENT ON FUNCTION community.minor_units IS
'money as a whole number of its smallest unit, 29.33 with scale 2 as 2933; an error where that would need rounding';

CREATE FUNCTION community.guard_append_only()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_append_only';
COMMENT ON FUNCTION community.guard_append_only IS
'trigger: refuses update, delete and truncate';

CREATE FUNCTION community.attached()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_attached';
COMMENT ON FUNCTION community.attached IS
'trigger on attached tables: makes the events agree with the rows';

CREATE FUNCTION community.attach(
	relation pg_catalog.regclass,
	type pg_catalog.text,
	member pg_catalog.text,
	amount pg_catalog.text DEFAULT NULL,
	occurred_at pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	target pg_catalog.text DEFAULT NULL,
	condition pg_catalog.text DEFAULT NULL,
	source pg_catalog.text DEFAULT NULL,
	enroll pg_catalog.bool DEFAULT true,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_attach';
COMMENT ON FUNCTION community.attach IS
'attaches a table of the application: each of its rows becomes an event, and follows the row; idempotent';
REVOKE ALL ON FUNCTION community.attach FROM PUBLIC;

CREATE FUNCTION community.detach(
	relation pg_catalog.regclass,
	type pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_detach';
COMMENT ON FUNCTION community.detach IS
'detaches a table; what it has recorded stays; false when it was not attached';
REVOKE ALL ON FUNCTION community.detach FROM PUBLIC;

CREATE PROCEDURE community.backfill(
	relation pg_catalog.regclass,
	type pg_catalog.text,
	batch_size pg_catalog.int4 DEFAULT 10000,
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_backfill';
COMMENT ON PROCEDURE community.backfill IS
'records the rows an attached table has, in batches that commit; resumes where it was interrupted, and counts nothing twice';
REVOKE ALL ON PROCEDURE community.backfill FROM PUBLIC;

CREATE PROCEDURE community.process_inbox(
	batch_size pg_catalog.int4 DEFAULT 10000,
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_process_inbox';
COMMENT ON PROCEDURE community.process_inbox IS
'records the rows of the inbox as record() would, set by set; the setting community.inbox_on_fault says what becomes of rows that record() would refuse';
REVOKE ALL ON PROCEDURE community.process_inbox FROM PUBLIC;

CREATE FUNCTION community.rebuild(
	what pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_rebuild';
COMMENT ON FUNCTION community.rebuild IS
'computes derived state anew from the events and entries, what is ''engagement'', ''accounts'' or ''standings''; gives the number of rows, of standings members, it put right';
REVOKE ALL ON FUNCTION community.rebuild FROM PUBLIC;

CREATE PROCEDURE community.fold_accounts(
	minimum pg_catalog.int4 DEFAULT 16,
	batch_size pg_catalog.int4 DEFAULT 100000,
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_fold_accounts';
COMMENT ON PROCEDURE community.fold_accounts IS
'folds every account that has at least minimum credits beside its purse, in batches that commit; no answer depends on it';
REVOKE ALL ON PROCEDURE community.fold_accounts FROM PUBLIC;

CREATE PROCEDURE community.run_maintenance(
	as_of pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
LANGUAGE C
AS 'MODULE_PATHNAME', 'community_run_maintenance';
COMMENT ON PROCEDURE community.run_maintenance IS
'books holds that have timed out by as_of, brings late credits of merged members home and folds accounts, in batches that commit';
REVOKE ALL ON PROCEDURE community.run_maintenance FROM PUBLIC;

CREATE FUNCTION community.on_table_changed()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_on_table_changed';
COMMENT ON FUNCTION community.on_table_changed IS
'event trigger: gives new partitions of attached tables their triggers, and refuses changes that an attachment cannot live with';

CREATE FUNCTION community.on_table_dropped()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_on_table_dropped';
COMMENT ON FUNCTION community.on_table_dropped IS
'event trigger: closes attachments of dropped tables';

CREATE EVENT TRIGGER community_table_changed ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'ALTER TABLE')
	EXECUTE FUNCTION community.on_table_changed();
COMMENT ON EVENT TRIGGER community_table_changed IS
'looks after attached tables whose definition changes';

CREATE EVENT TRIGGER community_table_dropped ON sql_drop
	WHEN TAG IN ('DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION')
	EXECUTE FUNCTION community.on_table_dropped();
COMMENT ON EVENT TRIGGER community_table_dropped IS
'looks after attached tables that are dropped';
