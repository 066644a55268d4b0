
	-- ------------------------------------------------------------ activity

	IF to_regclass('community.program') IS NULL THEN
		CREATE TABLE community.program (
			program_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			time_zone text NOT NULL DEFAULT 'UTC',
			amount_scale integer NOT NULL DEFAULT 2,
			half_life interval NOT NULL DEFAULT '90 days',
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT program_pkey PRIMARY KEY (program_id),
			CONSTRAINT program_name_key UNIQUE (name),
			CONSTRAINT program_name_check CHECK (name <> ''),
			CONSTRAINT program_amount_scale_check CHECK (amount_scale BETWEEN 0 AND 9)
		);
		COMMENT ON TABLE community.program IS 'a program is a tenant: a community with its own members, rules and books';
		COMMENT ON COLUMN community.program.program_id IS 'the program';
		COMMENT ON COLUMN community.program.name IS 'its name, which the setting community.program may give';
		COMMENT ON COLUMN community.program.time_zone IS 'IANA time zone in which its days and months are cut';
		COMMENT ON COLUMN community.program.amount_scale IS 'decimals of its money: 2 makes 29.33 the amount 2933';
		COMMENT ON COLUMN community.program.half_life IS 'time in which engagement halves; run rebuild(''engagement'') after a change';
		COMMENT ON COLUMN community.program.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.member') IS NULL THEN
		CREATE TABLE community.member (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			status text NOT NULL DEFAULT 'active',
			joined_at timestamptz NOT NULL,
			enrolled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			closed_at timestamptz,
			close_reason text,
			external_id text,
			attributes jsonb NOT NULL DEFAULT '{}',
			CONSTRAINT member_pkey PRIMARY KEY (program_id, member_id),
			CONSTRAINT member_status_check CHECK (status IN ('active', 'closed')),
			CONSTRAINT member_closed_check CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
			CONSTRAINT member_joined_at_check CHECK (isfinite(joined_at))
		);
		CREATE UNIQUE INDEX member_external_id_key ON community.member (program_id, external_id)
			WHERE external_id IS NOT NULL;
		-- few, so whether a member is closed is soon known
		CREATE INDEX member_closed_idx ON community.member (program_id, member_id)
			WHERE status = 'closed';
		COMMENT ON TABLE community.member IS 'the members of each program';
		COMMENT ON COLUMN community.member.program_id IS 'the program';
		COMMENT ON COLUMN community.member.member_id IS 'the application''s own key, or one of next_id() where the application knows the member by external_id';
		COMMENT ON COLUMN community.member.status IS 'active or closed';
		COMMENT ON COLUMN community.member.joined_at IS 'when the member joined, as the application says';
		COMMENT ON COLUMN community.member.enrolled_at IS 'when this row was made';
		COMMENT ON COLUMN community.member.closed_at IS 'when the member was closed, null while active';
		COMMENT ON COLUMN community.member.close_reason IS 'why the member was closed';
		COMMENT ON COLUMN community.member.external_id IS 'the application''s uuid or text key';
		COMMENT ON COLUMN community.member.attributes IS 'whatever else the application wants to keep here';
	END IF;

	IF to_regclass('community.activity_type') IS NULL THEN
		CREATE TABLE community.activity_type (
			program_id bigint NOT NULL,
			type text NOT NULL,
			weight double precision NOT NULL DEFAULT 1,
			weight_per_unit double precision NOT NULL DEFAULT 0,
			revenue boolean NOT NULL DEFAULT true,
			CONSTRAINT activity_type_pkey PRIMARY KEY (program_id, type),
			CONSTRAINT activity_type_type_check CHECK (type <> ''),
			CONSTRAINT activity_type_weight_check
				CHECK (weight > '-Infinity' AND weight < 'Infinity'),
			CONSTRAINT activity_type_weight_per_unit_check
				CHECK (weight_per_unit > '-Infinity' AND weight_per_unit < 'Infinity')
		);
		COMMENT ON TABLE community.activity_type IS 'how much engagement an event of a type brings; a type without a row counts 1 and its amount is revenue';
		COMMENT ON COLUMN community.activity_type.program_id IS 'the program';
		COMMENT ON COLUMN community.activity_type.type IS 'type of event';
		COMMENT ON COLUMN community.activity_type.weight IS 'engagement of one event; every event keeps what it brought, so a change counts from now on';
		COMMENT ON COLUMN community.activity_type.weight_per_unit IS 'engagement of one minor unit of the amount, added to weight';
		COMMENT ON COLUMN community.activity_type.revenue IS 'whether amounts of this type are revenue';
	END IF;

	IF to_regclass('community.event') IS NULL THEN
		CREATE TABLE community.event (
			program_id bigint NOT NULL,
			event_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			amount bigint NOT NULL DEFAULT 0,
			occurred_at timestamptz NOT NULL,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			engagement double precision NOT NULL,
			target_id bigint,
			corrects bigint,
			revision integer NOT NULL DEFAULT 0,
			occurred_at_given boolean NOT NULL DEFAULT true,
			kind text NOT NULL DEFAULT 'record',
			type text NOT NULL,
			source text NOT NULL DEFAULT 'api',
			key text NOT NULL,
			reason text,
			actor text NOT NULL DEFAULT session_user,
			payload jsonb NOT NULL DEFAULT '{}',
			CONSTRAINT event_pkey PRIMARY KEY (program_id, event_id),
			CONSTRAINT event_key_key UNIQUE (program_id, key, source, revision)
		);
		CREATE INDEX event_member_idx ON community.event (program_id, member_id, occurred_at);
		CREATE INDEX event_target_idx ON community.event
			(program_id, target_id, member_id, occurred_at) WHERE target_id IS NOT NULL;
		CREATE INDEX event_corrects_idx ON community.event (program_id, member_id, corrects)
			WHERE corrects IS NOT NULL;
		COMMENT ON TABLE community.event IS 'what happened, once; append-only: corrections are events too';
		COMMENT ON COLUMN community.event.program_id IS 'the program';
		COMMENT ON COLUMN community.event.event_id IS 'the event';
		COMMENT ON COLUMN community.event.member_id IS 'who did it';
		COMMENT ON COLUMN community.event.amount IS 'in minor units; a correction holds the difference';
		COMMENT ON COLUMN community.event.occurred_at IS 'when it happened, perhaps long before it was recorded';
		COMMENT ON COLUMN community.event.recorded_at IS 'when it was recorded';
		COMMENT ON COLUMN community.event.engagement IS 'engagement it brought to the member, at occurred_at of the event it is or corrects';
		COMMENT ON COLUMN community.event.target_id IS 'the other member of an interaction: who was thanked, answered, invited';
		COMMENT ON COLUMN community.event.corrects IS 'the event that this one adjusts or reverses';
		COMMENT ON COLUMN community.event.revision IS 'number of the event under its key: 0 the first, then each correction or renewal';
		COMMENT ON COLUMN community.event.occurred_at_given IS 'false when the caller left the time to the default';
		COMMENT ON COLUMN community.event.kind IS
			'record; adjust or retract by a row that has changed or counts no more; reverse by reverse()';
		COMMENT ON COLUMN community.event.type IS 'type of event';
		COMMENT ON COLUMN community.event.source IS 'where it came from: api, or an attached table';
		COMMENT ON COLUMN community.event.key IS 'idempotency key, one request for ever within program and source';
		COMMENT ON COLUMN community.event.reason IS 'why it was corrected';
		COMMENT ON COLUMN community.event.actor IS 'database role that recorded it';
		COMMENT ON COLUMN community.event.payload IS 'whatever else the application wants to keep with it';
	END IF;

	IF to_regclass('community.counted_event') IS NULL THEN
		CREATE VIEW community.counted_event WITH (security_invoker = true) AS
		SELECT e.program_id, e.event_id, e.member_id, e.type, e.occurred_at, e.recorded_at,
			e.amount + coalesce(c.amount, 0) AS amount,
			e.engagement + coalesce(c.engagement, 0) AS engagement,
			e.target_id, e.source, e.key, e.payload
		FROM community.event AS e
		CROSS JOIN LATERAL (SELECT sum(x.amount)::bigint AS amount, sum(x.engagement) AS engagement,
				(array_agg(x.kind ORDER BY x.revision DESC))[1] IN ('reverse', 'retract') AS taken
			FROM community.event AS x
			WHERE x.program_id = e.program_id AND x.key = e.key AND x.source = e.source
				AND x.corrects = e.event_id) AS c
		WHERE e.corrects IS NULL AND (c.taken AND e.amount + c.amount = 0) IS NOT TRUE;
		COMMENT ON VIEW community.counted_event IS 'events as they count now: net of corrections, at the time when they occurred, without those that were taken back';
		COMMENT ON COLUMN community.counted_event.program_id IS 'the program';
		COMMENT ON COLUMN community.counted_event.event_id IS 'the event';
		COMMENT ON COLUMN community.counted_event.member_id IS 'who did it';
		COMMENT ON COLUMN community.counted_event.type IS 'type of event';
		COMMENT ON COLUMN community.counted_event.occurred_at IS 'when it happened';
		COMMENT ON COLUMN community.counted_event.recorded_at IS 'when it was recorded first';
		COMMENT ON COLUMN community.counted_event.amount IS 'in minor units, what is left of it';
		COMMENT ON COLUMN community.counted_event.engagement IS 'engagement left of it, as at occurred_at';
		COMMENT ON COLUMN community.counted_event.target_id IS 'the other member of an interaction';
		COMMENT ON COLUMN community.counted_event.source IS 'where it came from';
		COMMENT ON COLUMN community.counted_event.key IS 'idempotency key';
		COMMENT ON COLUMN community.counted_event.payload IS 'whatever else the application keeps with it';
	END IF;

	IF to_regclass('community.reversal_key') IS NULL THEN
		CREATE TABLE community.reversal_key (
			program_id bigint NOT NULL,
			source text NOT NULL,
			request_key text NOT NULL,
			event_id bigint NOT NULL,
			CONSTRAINT reversal_key_pkey PRIMARY KEY (program_id, source, request_key)
		);
		COMMENT ON TABLE community.reversal_key IS 'idempotency keys of reversals, apart from event so that events need not pay for the index';
		COMMENT ON COLUMN community.reversal_key.program_id IS 'the program';
		COMMENT ON COLUMN community.reversal_key.source IS 'source of the event and its reversal';
		COMMENT ON COLUMN community.reversal_key.request_key IS 'idempotency key given to reverse()';
		COMMENT ON COLUMN community.reversal_key.event_id IS 'the reversal';
	END IF;

	IF to_regclass('community.member_merge') IS NULL THEN
		CREATE TABLE community.member_merge (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			into_id bigint NOT NULL,
			bearer_id bigint NOT NULL,
			key text NOT NULL,
			merged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT member_merge_pkey PRIMARY KEY (program_id, member_id),
			CONSTRAINT member_merge_key_key UNIQUE (program_id, key),
			CONSTRAINT member_merge_check CHECK (member_id NOT IN (into_id, bearer_id))
		);
		CREATE INDEX member_merge_bearer_idx ON community.member_merge (program_id, bearer_id);
		COMMENT ON TABLE community.member_merge IS 'members that were merged into others; their events stay with them and count for the bearer';
		COMMENT ON COLUMN community.member_merge.program_id IS 'the program';
		COMMENT ON COLUMN community.member_merge.member_id IS 'who was merged';
		COMMENT ON COLUMN community.member_merge.into_id IS 'into whom';
		COMMENT ON COLUMN community.member_merge.bearer_id IS 'who stands for both by now: into_id, or who that was merged into since';
		COMMENT ON COLUMN community.member_merge.key IS 'idempotency key of the merge';
		COMMENT ON COLUMN community.member_merge.merged_at IS 'when';
		COMMENT ON COLUMN community.member_merge.actor IS 'database role that merged them';
	END IF;

	IF to_regclass('community.attachment') IS NULL THEN
		CREATE TABLE community.attachment (
			program_id bigint NOT NULL,
			attachment_id bigint NOT NULL DEFAULT community.next_id(),
			relation regclass NOT NULL,
			type text NOT NULL,
			source text NOT NULL,
			member text NOT NULL,
			member_kind text NOT NULL,
			key_columns text[] NOT NULL,
			amount text,
			amount_kind text NOT NULL,
			occurred_at text,
			target text,
			target_kind text,
			condition text,
			enroll boolean NOT NULL DEFAULT true,
			amount_scale integer NOT NULL,
			time_zone text NOT NULL,
			attached_by text NOT NULL DEFAULT session_user,
			attached_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			detached_at timestamptz,
			detach_reason text,
			CONSTRAINT attachment_pkey PRIMARY KEY (program_id, attachment_id),
			CONSTRAINT attachment_member_kind_check CHECK (member_kind IN ('id', 'external')),
			CONSTRAINT attachment_target_kind_check CHECK (target_kind IN ('id', 'external')),
			CONSTRAINT attachment_amount_kind_check CHECK (amount_kind IN ('none', 'minor', 'decimal'))
		);
		CREATE UNIQUE INDEX attachment_relation_key
			ON community.attachment (program_id, relation, type)
			WHERE detached_at IS NULL;
		CREATE UNIQUE INDEX attachment_source_key ON community.attachment (program_id, source)
			WHERE detached_at IS NULL;
		COMMENT ON TABLE community.attachment IS 'which tables of the application are attached, and what a row of them means';
		COMMENT ON COLUMN community.attachment.program_id IS 'the program';
		COMMENT ON COLUMN community.attachment.attachment_id IS 'the attachment; never edited, but closed and succeeded';
		COMMENT ON COLUMN community.attachment.relation IS 'the attached table';
		COMMENT ON COLUMN community.attachment.type IS 'type of the events that its rows become';
		COMMENT ON COLUMN community.attachment.source IS 'source of these events; the same after detach and attach, so nothing counts twice';
		COMMENT ON COLUMN community.attachment.member IS 'expression over the row that names the member';
		COMMENT ON COLUMN community.attachment.member_kind IS 'id when it is a bigint member id, external when it is an external_id';
		COMMENT ON COLUMN community.attachment.key_columns IS 'unique columns that make the idempotency key';
		COMMENT ON COLUMN community.attachment.amount IS 'expression over the row that gives the amount';
		COMMENT ON COLUMN community.attachment.amount_kind IS 'none, minor (an integer of minor units) or decimal (numeric money)';
		COMMENT ON COLUMN community.attachment.occurred_at IS 'expression over the row that gives the time';
		COMMENT ON COLUMN community.attachment.target IS 'expression over the row that names the other member';
		COMMENT ON COLUMN community.attachment.target_kind IS 'as member_kind, for target';
		COMMENT ON COLUMN community.attachment.condition IS 'expression over the row that says whether it counts';
		COMMENT ON COLUMN community.attachment.enroll IS 'whether unknown members are enrolled as they appear';
		COMMENT ON COLUMN community.attachment.amount_scale IS 'decimals of money, from the program when attached';
		COMMENT ON COLUMN community.attachment.time_zone IS 'time zone for times without one, from the program when attached';
		COMMENT ON COLUMN community.attachment.attached_by IS 'database role that attached it';
		COMMENT ON COLUMN community.attachment.attached_at IS 'when it was attached';
		COMMENT ON COLUMN community.attachment.detached_at IS 'when it was detached, null while attached';
		COMMENT ON COLUMN community.attachment.detach_reason IS 'detached, or table dropped';
	END IF;

	IF to_regclass('community.job_run') IS NULL THEN
		CREATE TABLE community.job_run (
			program_id bigint NOT NULL,
			job_id bigint NOT NULL DEFAULT community.next_id(),
			name text NOT NULL,
			object text NOT NULL,
			subject_id bigint NOT NULL DEFAULT 0,
			status text NOT NULL DEFAULT 'running',
			done bigint NOT NULL DEFAULT 0,
			total bigint,
			position text[],
			process_id integer NOT NULL DEFAULT pg_backend_pid(),
			started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			finished_at timestamptz,
			CONSTRAINT job_run_pkey PRIMARY KEY (program_id, job_id),
			CONSTRAINT job_run_status_check CHECK (status IN ('running', 'done'))
		);
		CREATE UNIQUE INDEX job_run_running_key
			ON community.job_run (program_id, name, object, subject_id)
			WHERE status = 'running';
		COMMENT ON TABLE community.job_run IS 'long work that commits in batches; read it through the view job';
		COMMENT ON COLUMN community.job_run.program_id IS 'the program';
		COMMENT ON COLUMN community.job_run.job_id IS 'the job';
		COMMENT ON COLUMN community.job_run.name IS 'what is done';
		COMMENT ON COLUMN community.job_run.object IS 'what it is done to';
		COMMENT ON COLUMN community.job_run.subject_id IS 'id of the attachment, where it is about one';
		COMMENT ON COLUMN community.job_run.status IS 'running (or interrupted, to be resumed by the next call) or done';
		COMMENT ON COLUMN community.job_run.done IS 'rows done';
		COMMENT ON COLUMN community.job_run.total IS 'rows there were when it began';
		COMMENT ON COLUMN community.job_run.position IS 'key of the last row done, where it resumes';
		COMMENT ON COLUMN community.job_run.process_id IS 'server process that last worked on it';
		COMMENT ON COLUMN community.job_run.started_at IS 'when it began';
		COMMENT ON COLUMN community.job_run.updated_at IS 'when its last batch was done';
		COMMENT ON COLUMN community.job_run.finished_at IS 'when it ended';
	END IF;

	IF to_regclass('community.job') IS NULL THEN
		CREATE VIEW community.job WITH (security_invoker = true) AS
		SELECT j.program_id, j.job_id, j.name, j.object,
			CASE WHEN j.status = 'running'
					AND NOT EXISTS (SELECT FROM pg_locks AS l
						WHERE l.locktype = 'advisory' AND l.objsubid = 17229
							AND l.database = (SELECT d.oid FROM pg_database AS d
								WHERE d.datname = current_database())
							AND l.classid::bigint = j.job_id >> 32
							AND l.objid::bigint = (j.job_id & 4294967295))
				THEN 'interrupted' ELSE j.status END AS status,
			j.done, j.total,
			CASE WHEN j.total > 0 THEN round(100.0 * j.done / j.total, 1) END AS percent,
			round(j.done / nullif(extract(epoch FROM j.updated_at - j.started_at), 0))
				AS rows_per_second,
			j.process_id, j.started_at, j.updated_at, j.finished_at
		FROM community.job_run AS j;
		COMMENT ON VIEW community.job IS 'progress of long work';
		COMMENT ON COLUMN community.job.program_id IS 'the program';
		COMMENT ON COLUMN community.job.job_id IS 'the job';
		COMMENT ON COLUMN community.job.name IS 'what is done';
		COMMENT ON COLUMN community.job.object IS 'what it is done to';
		COMMENT ON COLUMN community.job.status IS 'running, interrupted (the next call resumes it) or done';
		COMMENT ON COLUMN community.job.done IS 'rows done';
		COMMENT ON COLUMN community.job.total IS 'rows there were when it began';
		COMMENT ON COLUMN community.job.percent IS 'done of total';
		COMMENT ON COLUMN community.job.rows_per_second IS 'mean speed so far';
		COMMENT ON COLUMN community.job.process_id IS 'server process that last worked on it';
		COMMENT ON COLUMN community.job.started_at IS 'when it began';
		COMMENT ON COLUMN community.job.updated_at IS 'when its last batch was done';
		COMMENT ON COLUMN community.job.finished_at IS 'when it ended';
	END IF;

	IF to_regclass('community.inbox') IS NULL THEN
		CREATE TABLE community.inbox (
			program_id bigint DEFAULT community.current_program(),
			inbox_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint,
			external_id text,
			type text,
			key text,
			amount bigint DEFAULT 0,
			occurred_at timestamptz,
			target_id bigint,
			payload jsonb DEFAULT '{}',
			source text DEFAULT 'api',
			received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT inbox_pkey PRIMARY KEY (program_id, inbox_id)
		);
		COMMENT ON TABLE community.inbox IS 'events to be recorded by process_inbox(), loaded by COPY or INSERT ... SELECT';
		COMMENT ON COLUMN community.inbox.program_id IS 'the program';
		COMMENT ON COLUMN community.inbox.inbox_id IS 'order in which rows are recorded';
		COMMENT ON COLUMN community.inbox.member_id IS 'who did it; or give external_id';
		COMMENT ON COLUMN community.inbox.external_id IS 'who did it, by external_id; or give member_id';
		COMMENT ON COLUMN community.inbox.type IS 'type of event';
		COMMENT ON COLUMN community.inbox.key IS 'idempotency key';
		COMMENT ON COLUMN community.inbox.amount IS 'in minor units';
		COMMENT ON COLUMN community.inbox.occurred_at IS 'when it happened; null means when it is processed';
		COMMENT ON COLUMN community.inbox.target_id IS 'the other member of an interaction';
		COMMENT ON COLUMN community.inbox.payload IS 'whatever else the application wants to keep with it';
		COMMENT ON COLUMN community.inbox.source IS 'where it came from';
		COMMENT ON COLUMN community.inbox.received_at IS 'when the row was loaded';
	END IF;

	IF to_regclass('community.inbox_fault') IS NULL THEN
		CREATE TABLE community.inbox_fault (
			program_id bigint NOT NULL,
			inbox_id bigint NOT NULL,
			member_id bigint,
			external_id text,
			type text,
			key text,
			amount bigint,
			occurred_at timestamptz,
			target_id bigint,
			payload jsonb,
			source text,
			received_at timestamptz NOT NULL,
			sqlstate text NOT NULL,
			reason text NOT NULL,
			failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT inbox_fault_pkey PRIMARY KEY (program_id, inbox_id)
		);
		COMMENT ON TABLE community.inbox_fault IS 'rows of the inbox that record() would have refused, with the reason';
		COMMENT ON COLUMN community.inbox_fault.program_id IS 'the program';
		COMMENT ON COLUMN community.inbox_fault.inbox_id IS 'id the row had in inbox';
		COMMENT ON COLUMN community.inbox_fault.member_id IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.external_id IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.type IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.key IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.amount IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.occurred_at IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.target_id IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.payload IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.source IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.received_at IS 'as in inbox';
		COMMENT ON COLUMN community.inbox_fault.sqlstate IS 'error code that record() would have raised';
		COMMENT ON COLUMN community.inbox_fault.reason IS 'error message that record() would have raised';
		COMMENT ON COLUMN community.inbox_fault.failed_at IS 'when it was moved here';
	END IF;
