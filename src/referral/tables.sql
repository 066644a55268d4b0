
	-- ------------------------------------------------------------ referral

	IF to_regclass('community.referral') IS NULL THEN
		-- columns in the order that leaves no holes between them; more than
		-- eight would make every row eight bytes longer
		CREATE TABLE community.referral (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			sponsor_id bigint,
			enroller_id bigint NOT NULL,
			joined_at timestamptz NOT NULL,
			depth integer NOT NULL,
			lapses_at timestamptz,
			anchor bigint,
			CONSTRAINT referral_pkey PRIMARY KEY (program_id, member_id)
		);
		CREATE INDEX referral_sponsor_idx ON community.referral (program_id, sponsor_id);
		CREATE INDEX referral_anchor_idx ON community.referral (program_id, anchor)
			WHERE anchor IS NOT NULL;
		COMMENT ON TABLE community.referral IS 'who brought whom: one row for each member that was ever brought by another; members without a row are roots';
		COMMENT ON COLUMN community.referral.program_id IS 'the program';
		COMMENT ON COLUMN community.referral.member_id IS 'who was brought';
		COMMENT ON COLUMN community.referral.sponsor_id IS 'under whom the member stands now; null once it was made a root';
		COMMENT ON COLUMN community.referral.enroller_id IS 'who brought it first; never changes';
		COMMENT ON COLUMN community.referral.joined_at IS 'since when it has had a sponsor';
		COMMENT ON COLUMN community.referral.depth IS 'its depth is at most this and referral_forest.deepened together';
		COMMENT ON COLUMN community.referral.lapses_at IS 'when the binding lapses: the sponsor is not paid from then on, and another may take its place; null for never';
		COMMENT ON COLUMN community.referral.anchor IS 'label of the nearest labelled member above, as it was when the row was made; null once the member has a label of its own';
	END IF;

	IF to_regclass('community.referral_move') IS NULL THEN
		CREATE TABLE community.referral_move (
			program_id bigint NOT NULL,
			move_id bigint NOT NULL DEFAULT community.next_id(),
			member_id bigint NOT NULL,
			from_id bigint,
			to_id bigint,
			moved_at timestamptz NOT NULL,
			labels bigint,
			reason text NOT NULL,
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT referral_move_pkey PRIMARY KEY (program_id, move_id)
		);
		CREATE INDEX referral_move_member_idx
			ON community.referral_move (program_id, member_id, moved_at);
		CREATE INDEX referral_move_time_idx
			ON community.referral_move (program_id, moved_at);
		CREATE INDEX referral_move_labels_idx
			ON community.referral_move (program_id, labels);
		COMMENT ON TABLE community.referral_move IS 'every change of a sponsor, append-only';
		COMMENT ON COLUMN community.referral_move.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_move.move_id IS 'the move';
		COMMENT ON COLUMN community.referral_move.member_id IS 'who was moved, with everybody below';
		COMMENT ON COLUMN community.referral_move.from_id IS 'the sponsor before, null for none';
		COMMENT ON COLUMN community.referral_move.to_id IS 'the sponsor after, null for none';
		COMMENT ON COLUMN community.referral_move.moved_at IS 'when; later than any move of the member before';
		COMMENT ON COLUMN community.referral_move.labels IS 'labels in force at the time: referral_forest.labels';
		COMMENT ON COLUMN community.referral_move.reason IS 'why';
		COMMENT ON COLUMN community.referral_move.actor IS 'database role that moved the member';
	END IF;

	IF to_regclass('community.referral_forest') IS NULL THEN
		CREATE TABLE community.referral_forest (
			program_id bigint NOT NULL,
			deepened integer NOT NULL DEFAULT 0,
			labels bigint,
			labels_end bigint NOT NULL DEFAULT 0,
			labelled bigint NOT NULL DEFAULT 0,
			labelled_at timestamptz,
			CONSTRAINT referral_forest_pkey PRIMARY KEY (program_id)
		) WITH (fillfactor = 50);
		COMMENT ON TABLE community.referral_forest IS 'state of each program''s forest; written by moves and by relabelling, never by signups';
		COMMENT ON COLUMN community.referral_forest.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_forest.deepened IS 'by how much members may stand deeper than referral.depth says, at most';
		COMMENT ON COLUMN community.referral_forest.labels IS 'the first number of the labels in force, null while there are none';
		COMMENT ON COLUMN community.referral_forest.labels_end IS 'the number after their last; later labels begin here, so numbers are used once';
		COMMENT ON COLUMN community.referral_forest.labelled IS 'how many members have labels';
		COMMENT ON COLUMN community.referral_forest.labelled_at IS 'when they were made';
	END IF;

	IF to_regclass('community.referral_label') IS NULL THEN
		CREATE TABLE community.referral_label (
			program_id bigint NOT NULL,
			first_member bigint NOT NULL,
			members bigint[] NOT NULL,
			positions integer[] NOT NULL,
			sizes integer[] NOT NULL,
			CONSTRAINT referral_label_pkey PRIMARY KEY (program_id, first_member)
		);
		COMMENT ON TABLE community.referral_label IS 'labels by which downlines are counted, many members a row; derived, made by relabel_referrals()';
		COMMENT ON COLUMN community.referral_label.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_label.first_member IS 'the least of members';
		COMMENT ON COLUMN community.referral_label.members IS 'members in ascending order';
		COMMENT ON COLUMN community.referral_label.positions IS 'place of each in a walk of the forest that visits everybody below a member right after it; its label is referral_forest.labels plus this';
		COMMENT ON COLUMN community.referral_label.sizes IS 'how many were below each then';
	END IF;

	IF to_regclass('community.referral_setting') IS NULL THEN
		CREATE TABLE community.referral_setting (
			program_id bigint NOT NULL,
			maximum_depth integer NOT NULL DEFAULT 1000,
			paid_levels integer NOT NULL DEFAULT 1,
			sponsor_required boolean NOT NULL DEFAULT false,
			binding text NOT NULL DEFAULT 'permanent',
			binding_window interval,
			late_bindings boolean NOT NULL DEFAULT true,
			touch text NOT NULL DEFAULT 'last',
			click_window interval NOT NULL DEFAULT '30 days',
			inviter_ladder text,
			inviter_tier text,
			inviter_age interval,
			invitations integer,
			invitation_period community.period,
			CONSTRAINT referral_setting_pkey PRIMARY KEY (program_id),
			CONSTRAINT referral_setting_maximum_depth_check CHECK (maximum_depth >= 1),
			CONSTRAINT referral_setting_paid_levels_check CHECK (paid_levels BETWEEN 0 AND 1000),
			CONSTRAINT referral_setting_binding_check
				CHECK (binding IN ('permanent', 'window', 'rebindable')),
			CONSTRAINT referral_setting_window_check
				CHECK ((binding = 'window') = (binding_window IS NOT NULL)),
			CONSTRAINT referral_setting_positive_check
				CHECK (binding_window > interval '0' AND click_window > interval '0'
					AND inviter_age >= interval '0'),
			CONSTRAINT referral_setting_touch_check CHECK (touch IN ('first', 'last')),
			CONSTRAINT referral_setting_tier_check
				CHECK ((inviter_ladder IS NULL) = (inviter_tier IS NULL)),
			CONSTRAINT referral_setting_invitations_check
				CHECK (invitations >= 0 AND (invitations IS NULL) = (invitation_period IS NULL)),
			CONSTRAINT referral_setting_period_check
				CHECK (invitation_period::text NOT LIKE 'rolling %')
		);
		COMMENT ON TABLE community.referral_setting IS 'how a program''s referrals work; without a row, as the defaults say';
		COMMENT ON COLUMN community.referral_setting.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_setting.maximum_depth IS 'signups and moves that put a member deeper than this are refused; a root has depth 0';
		COMMENT ON COLUMN community.referral_setting.paid_levels IS 'no commission is paid to anybody further above; only the owner of the tables may raise it';
		COMMENT ON COLUMN community.referral_setting.sponsor_required IS 'whether enroll() refuses members without sponsor or code';
		COMMENT ON COLUMN community.referral_setting.binding IS
			'permanent: the first sponsor stays; window: for binding_window, then another may take its place; rebindable: the last one counts';
		COMMENT ON COLUMN community.referral_setting.binding_window IS 'how long a binding holds';
		COMMENT ON COLUMN community.referral_setting.late_bindings IS 'whether members that are there already may be brought by a code or link; false for new members only';
		COMMENT ON COLUMN community.referral_setting.touch IS 'which click on shared links counts when a visitor becomes a member: first or last';
		COMMENT ON COLUMN community.referral_setting.click_window IS 'how long a click counts';
		COMMENT ON COLUMN community.referral_setting.inviter_ladder IS 'ladder on which an inviter must hold inviter_tier or one above';
		COMMENT ON COLUMN community.referral_setting.inviter_tier IS 'the least tier of an inviter';
		COMMENT ON COLUMN community.referral_setting.inviter_age IS 'how long an inviter must have been a member';
		COMMENT ON COLUMN community.referral_setting.invitations IS 'how many members one may bring in an invitation_period; null for any number';
		COMMENT ON COLUMN community.referral_setting.invitation_period IS 'the period of that quota, not a rolling one';
	END IF;
