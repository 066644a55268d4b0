
	-- ------------------------------------------------ score: composite score

	IF to_regclass('community.score_model') IS NULL THEN
		CREATE TABLE community.score_model (
			program_id bigint NOT NULL,
			model_id bigint NOT NULL DEFAULT community.next_id(),
			code text NOT NULL,
			name text NOT NULL,
			main boolean NOT NULL DEFAULT false,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			CONSTRAINT score_model_pkey PRIMARY KEY (program_id, model_id),
			CONSTRAINT score_model_code_key UNIQUE (program_id, code),
			CONSTRAINT score_model_code_check CHECK (code <> '' AND octet_length(code) <= 512)
		);
		CREATE UNIQUE INDEX score_model_main_key ON community.score_model (program_id) WHERE main;
		COMMENT ON TABLE community.score_model IS 'composite scores, each by a code of its own; define_score_model() makes them';
		COMMENT ON COLUMN community.score_model.program_id IS 'the program';
		COMMENT ON COLUMN community.score_model.model_id IS 'the model';
		COMMENT ON COLUMN community.score_model.code IS 'its code, by which functions are told the model';
		COMMENT ON COLUMN community.score_model.name IS 'its name, for people';
		COMMENT ON COLUMN community.score_model.main IS 'whether the view super_user shows this model; one of a program at most';
		COMMENT ON COLUMN community.score_model.created_at IS 'when it was created';
	END IF;

	IF to_regclass('community.score_model_version') IS NULL THEN
		CREATE TABLE community.score_model_version (
			program_id bigint NOT NULL,
			version_id bigint NOT NULL DEFAULT community.next_id(),
			model_id bigint NOT NULL,
			version integer NOT NULL,
			valid tstzrange NOT NULL,
			line numeric,
			top_share numeric,
			keep numeric NOT NULL DEFAULT 0.9,
			dwell interval NOT NULL DEFAULT '14 days',
			every text,
			defined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			defined_by text NOT NULL DEFAULT session_user,
			CONSTRAINT score_model_version_pkey PRIMARY KEY (program_id, version_id),
			CONSTRAINT score_model_version_version_key UNIQUE (program_id, model_id, version),
			CONSTRAINT score_model_version_model_fkey FOREIGN KEY (program_id, model_id)
				REFERENCES community.score_model,
			CONSTRAINT score_model_version_valid_check CHECK (NOT isempty(valid)
				AND (lower_inf(valid) OR isfinite(lower(valid)))
				AND lower_inc(valid) <> lower_inf(valid)),
			CONSTRAINT score_model_version_line_check CHECK (num_nonnulls(line, top_share) <= 1
				AND line > 0 AND line <= 10000000 AND scale(line) <= 6
				AND top_share > 0 AND top_share <= 1),
			CONSTRAINT score_model_version_keep_check CHECK (keep >= 0 AND keep <= 1
				AND scale(keep) <= 4),
			CONSTRAINT score_model_version_dwell_check CHECK (dwell >= '0'),
			CONSTRAINT score_model_version_every_check CHECK (every LIKE 'calendar%')
		);
		COMMENT ON TABLE community.score_model_version IS 'versions of models; one that scores were computed with is ended, never edited';
		COMMENT ON COLUMN community.score_model_version.program_id IS 'the program';
		COMMENT ON COLUMN community.score_model_version.version_id IS 'the version';
		COMMENT ON COLUMN community.score_model_version.model_id IS 'the model';
		COMMENT ON COLUMN community.score_model_version.version IS 'its number within the model, from 1';
		COMMENT ON COLUMN community.score_model_version.valid IS 'as of which times scores are computed with it; versions of a model follow each other without gap';
		COMMENT ON COLUMN community.score_model_version.line IS 'score from which a member becomes a super-user; null where top_share says it, or nobody does';
		COMMENT ON COLUMN community.score_model_version.top_share IS 'share of the members, 0 to 1, whose scores are at the line or above';
		COMMENT ON COLUMN community.score_model_version.keep IS 'a super-user is one no more below this share of the line';
		COMMENT ON COLUMN community.score_model_version.dwell IS 'how long whoever became a super-user stays one, whatever the score';
		COMMENT ON COLUMN community.score_model_version.every IS 'calendar period, as text, at whose beginnings run_maintenance() computes the scores; null for never';
		COMMENT ON COLUMN community.score_model_version.defined_at IS 'when it was defined';
		COMMENT ON COLUMN community.score_model_version.defined_by IS 'database role that defined it';
	END IF;

	IF to_regclass('community.score_component') IS NULL THEN
		CREATE TABLE community.score_component (
			program_id bigint NOT NULL,
			version_id bigint NOT NULL,
			position integer NOT NULL,
			code text NOT NULL,
			kind text NOT NULL,
			measure_id bigint,
			period text NOT NULL DEFAULT 'lifetime',
			types text[],
			against text[],
			method text,
			side text,
			horizon integer,
			transform text NOT NULL,
			cap float8,
			weight numeric NOT NULL DEFAULT 1,
			minimum_givers integer NOT NULL DEFAULT 0,
			giver_types text[],
			CONSTRAINT score_component_pkey PRIMARY KEY (program_id, version_id, position),
			CONSTRAINT score_component_code_key UNIQUE (program_id, version_id, code),
			CONSTRAINT score_component_version_fkey FOREIGN KEY (program_id, version_id)
				REFERENCES community.score_model_version,
			CONSTRAINT score_component_measure_fkey FOREIGN KEY (program_id, measure_id)
				REFERENCES community.measure,
			CONSTRAINT score_component_position_check CHECK (position BETWEEN 1 AND 32),
			CONSTRAINT score_component_code_check CHECK (code <> '' AND octet_length(code) <= 512),
			CONSTRAINT score_component_kind_check CHECK (kind IN ('measure', 'engagement', 'rfm',
				'lifetime_value', 'pagerank', 'referrals', 'referral_value', 'esteem',
				'contribution')),
			CONSTRAINT score_component_measure_check CHECK ((kind = 'measure') = (measure_id IS NOT NULL)),
			CONSTRAINT score_component_method_check CHECK (CASE kind
				WHEN 'lifetime_value' THEN method IN ('bg_nbd', 'mbg_nbd', 'pareto_nbd')
				WHEN 'esteem' THEN method IN ('wilson', 'mean')
				WHEN 'contribution' THEN method IN ('count', 'amount') END IS NOT FALSE),
			CONSTRAINT score_component_side_check CHECK (side IN ('given', 'received')),
			CONSTRAINT score_component_horizon_check CHECK (horizon BETWEEN 1 AND 1200),
			CONSTRAINT score_component_transform_check
				CHECK (transform IN ('linear', 'log', 'percentile')),
			CONSTRAINT score_component_cap_check CHECK ((transform = 'percentile') = (cap IS NULL)
				AND cap > 0 AND cap < 'Infinity'),
			CONSTRAINT score_component_weight_check
				CHECK (weight <> 0 AND abs(weight) <= 100000 AND scale(weight) <= 6),
			CONSTRAINT score_component_minimum_givers_check CHECK (minimum_givers >= 0)
		);
		COMMENT ON TABLE community.score_component IS 'what the versions of models add up';
		COMMENT ON COLUMN community.score_component.program_id IS 'the program';
		COMMENT ON COLUMN community.score_component.version_id IS 'the version';
		COMMENT ON COLUMN community.score_component.position IS 'number among the components of the version, from 1';
		COMMENT ON COLUMN community.score_component.code IS 'its code, the same from version to version';
		COMMENT ON COLUMN community.score_component.kind IS 'measure, engagement, rfm, lifetime_value, pagerank, referrals, referral_value, esteem or contribution';
		COMMENT ON COLUMN community.score_component.measure_id IS 'for a measure: which one';
		COMMENT ON COLUMN community.score_component.period IS 'over which period it counts, up to the time of the scores; a period as text';
		COMMENT ON COLUMN community.score_component.types IS 'types of event that count, for esteem those in favour; null for all';
		COMMENT ON COLUMN community.score_component.against IS 'for esteem: types of event that count against';
		COMMENT ON COLUMN community.score_component.method IS 'for lifetime_value bg_nbd, mbg_nbd or pareto_nbd; for esteem wilson or mean; for a contribution count or amount';
		COMMENT ON COLUMN community.score_component.side IS 'for a contribution: events given by the member or received as their target';
		COMMENT ON COLUMN community.score_component.horizon IS 'for lifetime_value: how many times 30 days ahead';
		COMMENT ON COLUMN community.score_component.transform IS 'linear: x / cap up to 1; log: log(1 + x) / log(1 + cap) up to 1; percentile: share of the other members that have less';
		COMMENT ON COLUMN community.score_component.cap IS 'from where more brings no more; null for percentile';
		COMMENT ON COLUMN community.score_component.weight IS 'what a full component adds to the score; negative takes away';
		COMMENT ON COLUMN community.score_component.minimum_givers IS 'with fewer different members as givers it counts 0';
		COMMENT ON COLUMN community.score_component.giver_types IS 'types of event by which givers give, null for all with a target';
	END IF;

	IF to_regclass('community.score_segment') IS NULL THEN
		CREATE TABLE community.score_segment (
			program_id bigint NOT NULL,
			model_id bigint NOT NULL,
			rank integer NOT NULL,
			name text NOT NULL,
			by text NOT NULL DEFAULT 'score',
			lower_bound numeric NOT NULL,
			CONSTRAINT score_segment_pkey PRIMARY KEY (program_id, model_id, rank),
			CONSTRAINT score_segment_name_key UNIQUE (program_id, model_id, name),
			CONSTRAINT score_segment_model_fkey FOREIGN KEY (program_id, model_id)
				REFERENCES community.score_model,
			CONSTRAINT score_segment_name_check CHECK (name <> '' AND octet_length(name) <= 512),
			CONSTRAINT score_segment_by_check CHECK (by IN ('score', 'percentile')),
			CONSTRAINT score_segment_lower_bound_check CHECK (lower_bound <> 'NaN'
				AND (by = 'score' OR lower_bound BETWEEN 0 AND 100))
		);
		COMMENT ON TABLE community.score_segment IS 'how members are called by their score; a member is in the segment of the highest rank whose bound it reaches';
		COMMENT ON COLUMN community.score_segment.program_id IS 'the program';
		COMMENT ON COLUMN community.score_segment.model_id IS 'the model';
		COMMENT ON COLUMN community.score_segment.rank IS 'order of the segments, the highest wins';
		COMMENT ON COLUMN community.score_segment.name IS 'its name, as potential, ordinary, key, member or core';
		COMMENT ON COLUMN community.score_segment.by IS 'whether the bound is a score, or a percentile from 0 to 100';
		COMMENT ON COLUMN community.score_segment.lower_bound IS 'the least that is in the segment';
	END IF;

	IF to_regclass('community.score_refresh') IS NULL THEN
		CREATE TABLE community.score_refresh (
			program_id bigint NOT NULL,
			refresh_id bigint NOT NULL DEFAULT community.next_id(),
			model_id bigint NOT NULL,
			version_id bigint NOT NULL,
			as_of timestamptz NOT NULL,
			status text NOT NULL DEFAULT 'running',
			digest bigint NOT NULL,
			members bigint NOT NULL,
			totals bigint[] NOT NULL,
			line bigint,
			started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			finished_at timestamptz,
			superseded_at timestamptz,
			CONSTRAINT score_refresh_pkey PRIMARY KEY (program_id, refresh_id),
			CONSTRAINT score_refresh_version_fkey FOREIGN KEY (program_id, version_id)
				REFERENCES community.score_model_version,
			CONSTRAINT score_refresh_status_check CHECK (status IN ('running', 'done')),
			CONSTRAINT score_refresh_as_of_check CHECK (isfinite(as_of))
		);
		CREATE UNIQUE INDEX score_refresh_as_of_key ON community.score_refresh
			(program_id, model_id, as_of) WHERE status = 'done' AND superseded_at IS NULL;
		COMMENT ON TABLE community.score_refresh IS 'each computation of the scores of all members; never edited once done, but superseded';
		COMMENT ON COLUMN community.score_refresh.program_id IS 'the program';
		COMMENT ON COLUMN community.score_refresh.refresh_id IS 'the refresh';
		COMMENT ON COLUMN community.score_refresh.model_id IS 'the model';
		COMMENT ON COLUMN community.score_refresh.version_id IS 'the version of the model that it was computed with';
		COMMENT ON COLUMN community.score_refresh.as_of IS 'the time that the scores are of';
		COMMENT ON COLUMN community.score_refresh.status IS 'running, or done; scores of a running one are not shown';
		COMMENT ON COLUMN community.score_refresh.digest IS 'hash of everything that was computed, by which equal refreshes are known';
		COMMENT ON COLUMN community.score_refresh.members IS 'how many members have a score';
		COMMENT ON COLUMN community.score_refresh.totals IS 'sum of the contributions of each component over all members, in millionths';
		COMMENT ON COLUMN community.score_refresh.line IS 'score of the line as it was applied, in millionths; null without one';
		COMMENT ON COLUMN community.score_refresh.started_at IS 'when it was begun';
		COMMENT ON COLUMN community.score_refresh.finished_at IS 'when it was done';
		COMMENT ON COLUMN community.score_refresh.superseded_at IS 'when another one for the same time took its place, as late events had come';
	END IF;

	IF to_regclass('community.member_score') IS NULL THEN
		CREATE TABLE community.member_score (
			program_id bigint NOT NULL,
			refresh_id bigint NOT NULL,
			member_id bigint NOT NULL,
			score bigint NOT NULL,
			rank bigint NOT NULL,
			falls_at timestamptz,
			units integer[] NOT NULL,
			raw float8[] NOT NULL,
			CONSTRAINT member_score_pkey PRIMARY KEY (program_id, refresh_id, member_id)
		);
		COMMENT ON TABLE community.member_score IS 'the scores of members, of all refreshes; read it through the view score, explain_score() and compare_scores()';
		COMMENT ON COLUMN community.member_score.program_id IS 'the program';
		COMMENT ON COLUMN community.member_score.refresh_id IS 'the refresh';
		COMMENT ON COLUMN community.member_score.member_id IS 'the member';
		COMMENT ON COLUMN community.member_score.score IS 'the score, in millionths';
		COMMENT ON COLUMN community.member_score.rank IS 'how many members have a higher score, and one';
		COMMENT ON COLUMN community.member_score.falls_at IS 'when decay alone takes the score below what keeps a super-user; infinity for never; null where other components move too, or nobody is one';
		COMMENT ON COLUMN community.member_score.units IS 'each component, normalised, in millionths';
		COMMENT ON COLUMN community.member_score.raw IS 'each component as it was counted';
	END IF;

	IF to_regclass('community.super_user_tenure') IS NULL THEN
		CREATE TABLE community.super_user_tenure (
			program_id bigint NOT NULL,
			tenure_id bigint NOT NULL DEFAULT community.next_id(),
			model_id bigint NOT NULL,
			member_id bigint NOT NULL,
			during tstzrange NOT NULL,
			reason text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			superseded_at timestamptz,
			CONSTRAINT super_user_tenure_pkey PRIMARY KEY (program_id, tenure_id),
			CONSTRAINT super_user_tenure_during_check CHECK (NOT isempty(during)
				AND lower_inc(during) AND isfinite(lower(during)) AND NOT upper_inc(during)),
			CONSTRAINT super_user_tenure_reason_check
				CHECK (reason IN ('reached', 'fallen', 'vetoed', 'left')),
			-- no query says this of superseded_at, so none is planned, while the
			-- table is empty, to read the whole of this index
			CONSTRAINT super_user_tenure_excl EXCLUDE USING gist (
				int8range(member_id, member_id, '[]') WITH &&, during WITH &&,
				int8range(model_id, model_id, '[]') WITH &&,
				int8range(program_id, program_id, '[]') WITH &&)
				WHERE (coalesce(superseded_at, 'infinity') = 'infinity')
		);
		CREATE INDEX super_user_tenure_member_idx ON community.super_user_tenure
			(program_id, model_id, member_id) WHERE superseded_at IS NULL;
		COMMENT ON TABLE community.super_user_tenure IS 'who was a super-user when, and since when and until when that was believed; rows are superseded, never edited';
		COMMENT ON COLUMN community.super_user_tenure.program_id IS 'the program';
		COMMENT ON COLUMN community.super_user_tenure.tenure_id IS 'the row';
		COMMENT ON COLUMN community.super_user_tenure.model_id IS 'by which model';
		COMMENT ON COLUMN community.super_user_tenure.member_id IS 'the member';
		COMMENT ON COLUMN community.super_user_tenure.during IS 'when; without end while nothing has ended it';
		COMMENT ON COLUMN community.super_user_tenure.reason IS 'reached (the line), or why it ended: fallen (below what keeps it), vetoed or left (closed or merged)';
		COMMENT ON COLUMN community.super_user_tenure.actor IS 'database role that recorded it';
		COMMENT ON COLUMN community.super_user_tenure.recorded_at IS 'since when it is believed';
		COMMENT ON COLUMN community.super_user_tenure.superseded_at IS 'until when it was believed; null for what is believed now';
	END IF;

	IF to_regclass('community.super_user_ruling') IS NULL THEN
		CREATE TABLE community.super_user_ruling (
			program_id bigint NOT NULL,
			ruling_id bigint NOT NULL DEFAULT community.next_id(),
			model_id bigint NOT NULL,
			member_id bigint NOT NULL,
			kind text NOT NULL,
			during tstzrange NOT NULL,
			reason text NOT NULL,
			key text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			superseded_at timestamptz,
			CONSTRAINT super_user_ruling_pkey PRIMARY KEY (program_id, ruling_id),
			CONSTRAINT super_user_ruling_kind_check CHECK (kind IN ('lock', 'veto')),
			CONSTRAINT super_user_ruling_during_check CHECK (NOT isempty(during)
				AND lower_inc(during) AND isfinite(lower(during)) AND NOT upper_inc(during))
		);
		CREATE INDEX super_user_ruling_member_idx ON community.super_user_ruling
			(program_id, model_id, member_id);
		CREATE UNIQUE INDEX super_user_ruling_key_key ON community.super_user_ruling
			(program_id, key) WHERE superseded_at IS NULL;
		COMMENT ON TABLE community.super_user_ruling IS 'what people decide about the super-user status of a member; rows are superseded, never edited';
		COMMENT ON COLUMN community.super_user_ruling.program_id IS 'the program';
		COMMENT ON COLUMN community.super_user_ruling.ruling_id IS 'the ruling';
		COMMENT ON COLUMN community.super_user_ruling.model_id IS 'of which model';
		COMMENT ON COLUMN community.super_user_ruling.member_id IS 'the member';
		COMMENT ON COLUMN community.super_user_ruling.kind IS 'lock (the status stays as it is) or veto (the member is no super-user)';
		COMMENT ON COLUMN community.super_user_ruling.during IS 'when it is in force';
		COMMENT ON COLUMN community.super_user_ruling.reason IS 'why';
		COMMENT ON COLUMN community.super_user_ruling.key IS 'idempotency key';
		COMMENT ON COLUMN community.super_user_ruling.actor IS 'database role that recorded it';
		COMMENT ON COLUMN community.super_user_ruling.recorded_at IS 'since when it is known';
		COMMENT ON COLUMN community.super_user_ruling.superseded_at IS 'until when it was; null for what holds now';
	END IF;

	IF to_regclass('community.score') IS NULL THEN
		CREATE VIEW community.score WITH (security_invoker = true) AS
		SELECT m.program_id, m.code AS model, m.main, s.member_id AS member, r.as_of, v.version,
			s.score * 0.000001 AS score, s.rank,
			p.percentile, g.name AS segment,
			t.since IS NOT NULL AS super_user, t.since,
			CASE WHEN t.since IS NOT NULL THEN greatest(
				community.period_add(t.since, v.dwell, o.time_zone), l.until,
				CASE WHEN s.falls_at IS NOT NULL THEN s.falls_at
					WHEN v.every IS NOT NULL THEN
						upper(community.period_at(v.every::community.period, r.as_of, NULL,
							o.time_zone))
					ELSE r.as_of END) END AS lost_at,
			CASE WHEN t.since IS NOT NULL THEN s.falls_at IS NOT NULL END AS lost_exact,
			(SELECT jsonb_object_agg(c.code,
				round(c.weight * s.units[c.position] * 0.000001, 6))
				FROM community.score_component AS c
				WHERE c.program_id = r.program_id AND c.version_id = r.version_id) AS parts,
			r.refresh_id
		FROM community.score_model AS m
		JOIN community.program AS o ON o.program_id = m.program_id
		CROSS JOIN LATERAL (SELECT x.* FROM community.score_refresh AS x
			WHERE x.program_id = m.program_id AND x.model_id = m.model_id
				AND x.status = 'done' AND x.superseded_at IS NULL
			ORDER BY x.as_of DESC LIMIT 1) AS r
		JOIN community.score_model_version AS v
			ON v.program_id = r.program_id AND v.version_id = r.version_id
		JOIN community.member_score AS s
			ON s.program_id = r.program_id AND s.refresh_id = r.refresh_id
		CROSS JOIN LATERAL (SELECT round(100.0 * (r.members - s.rank + 1) / r.members, 1)
			AS percentile) AS p
		LEFT JOIN LATERAL (SELECT x.name FROM community.score_segment AS x
			WHERE x.program_id = m.program_id AND x.model_id = m.model_id
				AND x.lower_bound <= CASE x.by WHEN 'score' THEN s.score * 0.000001
					ELSE 100.0 * (r.members - s.rank + 1) / r.members END
			ORDER BY x.rank DESC LIMIT 1) AS g ON true
		LEFT JOIN (SELECT x.program_id, x.model_id, x.member_id, lower(x.during) AS since
			FROM community.super_user_tenure AS x
			WHERE x.superseded_at IS NULL AND upper_inf(x.during)) AS t
			ON t.program_id = m.program_id AND t.model_id = m.model_id
				AND t.member_id = s.member_id
		LEFT JOIN (SELECT x.program_id, x.model_id, x.member_id,
				max(coalesce(upper(x.during), 'infinity')) AS until
			FROM community.super_user_ruling AS x
			WHERE x.superseded_at IS NULL AND x.kind = 'lock' AND lower(x.during) <= now()
			GROUP BY x.program_id, x.model_id, x.member_id) AS l
			ON l.program_id = m.program_id AND l.model_id = m.model_id
				AND l.member_id = s.member_id;
		COMMENT ON VIEW community.score IS 'the newest score of each member by each model';
		COMMENT ON COLUMN community.score.program_id IS 'the program';
		COMMENT ON COLUMN community.score.model IS 'code of the model';
		COMMENT ON COLUMN community.score.main IS 'whether it is the model that super_user shows';
		COMMENT ON COLUMN community.score.member IS 'the member';
		COMMENT ON COLUMN community.score.as_of IS 'the time that the score is of';
		COMMENT ON COLUMN community.score.version IS 'version of the model';
		COMMENT ON COLUMN community.score.score IS 'the score, the sum of its parts';
		COMMENT ON COLUMN community.score.rank IS 'rank by score, 1 is the highest; equal scores have equal ranks';
		COMMENT ON COLUMN community.score.percentile IS 'percent of members whose score is not higher';
		COMMENT ON COLUMN community.score.segment IS 'name of the segment, by score_segment';
		COMMENT ON COLUMN community.score.super_user IS 'whether the member is a super-user';
		COMMENT ON COLUMN community.score.since IS 'since when';
		COMMENT ON COLUMN community.score.lost_at IS 'when that will be lost at the earliest, if nothing happens; infinity for never';
		COMMENT ON COLUMN community.score.lost_exact IS 'whether that is exact, as decay alone moves the score; else it is the earliest refresh at which it can be lost';
		COMMENT ON COLUMN community.score.parts IS 'what each component adds; they sum to the score exactly';
		COMMENT ON COLUMN community.score.refresh_id IS 'the refresh that computed it';
	END IF;

	IF to_regclass('community.super_user') IS NULL THEN
		CREATE VIEW community.super_user WITH (security_invoker = true) AS
		SELECT p.program_id, s.*, c.model, c.score, c.rank AS score_rank,
			c.percentile AS score_percentile, c.segment, c.super_user, c.since, c.lost_at,
			c.lost_exact, c.parts
		FROM community.program AS p
		CROSS JOIN LATERAL community.super_users(now(), p.program_id) AS s
		LEFT JOIN community.score AS c
			ON c.program_id = p.program_id AND c.main AND c.member = s.member;
		COMMENT ON VIEW community.super_user IS 'every active member by engagement now, and by the newest score of the main model; see community.super_users() for another time';
		COMMENT ON COLUMN community.super_user.program_id IS 'the program';
		COMMENT ON COLUMN community.super_user.member IS 'the member';
		COMMENT ON COLUMN community.super_user.external_id IS 'the application''s uuid or text key';
		COMMENT ON COLUMN community.super_user.rank IS 'rank by engagement, 1 is the highest';
		COMMENT ON COLUMN community.super_user.percentile IS 'percent of members whose engagement is not higher';
		COMMENT ON COLUMN community.super_user.engagement IS 'engagement score';
		COMMENT ON COLUMN community.super_user.rfm IS 'RFM cell, hundreds recency, tens frequency, ones monetary, quintiles with 5 the best; null without revenue';
		COMMENT ON COLUMN community.super_user.last_at IS 'time of the last transaction';
		COMMENT ON COLUMN community.super_user.frequency IS 'number of transactions, net of reversals';
		COMMENT ON COLUMN community.super_user.revenue IS 'sum of transactions, net of reversals, in minor units';
		COMMENT ON COLUMN community.super_user.revenue_share IS 'share of the revenue of the program, 0 to 1';
		COMMENT ON COLUMN community.super_user.model IS 'code of the main model, null while it has no scores';
		COMMENT ON COLUMN community.super_user.score IS 'the newest score of that model';
		COMMENT ON COLUMN community.super_user.score_rank IS 'rank by score, 1 is the highest';
		COMMENT ON COLUMN community.super_user.score_percentile IS 'percent of members whose score is not higher';
		COMMENT ON COLUMN community.super_user.segment IS 'name of the segment, by score_segment';
		COMMENT ON COLUMN community.super_user.super_user IS 'whether the member has super-user status by that model';
		COMMENT ON COLUMN community.super_user.since IS 'since when';
		COMMENT ON COLUMN community.super_user.lost_at IS 'when the status will be lost at the earliest, if nothing happens; infinity for never';
		COMMENT ON COLUMN community.super_user.lost_exact IS 'whether that is exact, as decay alone moves the score';
		COMMENT ON COLUMN community.super_user.parts IS 'what each component adds to the score';
	END IF;
