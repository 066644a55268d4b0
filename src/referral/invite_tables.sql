
	-- ------------------------------------------- codes, shares, quotas

	IF to_regclass('community.referral_campaign') IS NULL THEN
		CREATE TABLE community.referral_campaign (
			program_id bigint NOT NULL,
			campaign text NOT NULL,
			valid tstzrange NOT NULL DEFAULT '(,)',
			click_window interval,
			CONSTRAINT referral_campaign_pkey PRIMARY KEY (program_id, campaign),
			CONSTRAINT referral_campaign_campaign_check CHECK (campaign <> ''),
			CONSTRAINT referral_campaign_valid_check CHECK (NOT isempty(valid)),
			CONSTRAINT referral_campaign_window_check CHECK (click_window > interval '0')
		);
		COMMENT ON TABLE community.referral_campaign IS 'limits of campaigns; one without a row has none';
		COMMENT ON COLUMN community.referral_campaign.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_campaign.campaign IS 'its name, as codes and shares give it';
		COMMENT ON COLUMN community.referral_campaign.valid IS 'when its codes are redeemed, and clicks on its links count';
		COMMENT ON COLUMN community.referral_campaign.click_window IS 'how long a click on its links counts; null for that of referral_setting';
	END IF;

	IF to_regclass('community.referral_code') IS NULL THEN
		CREATE TABLE community.referral_code (
			program_id bigint NOT NULL,
			code text NOT NULL,
			member_id bigint NOT NULL,
			uses integer,
			used integer NOT NULL DEFAULT 0,
			issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			expires_at timestamptz,
			revoked_at timestamptz,
			revoke_reason text,
			campaign text,
			actor text NOT NULL DEFAULT session_user,
			CONSTRAINT referral_code_pkey PRIMARY KEY (program_id, code),
			CONSTRAINT referral_code_uses_check CHECK (uses >= 1),
			CONSTRAINT referral_code_used_check
				CHECK (used >= 0 AND used <= coalesce(uses, 0)),
			CONSTRAINT referral_code_revoked_check
				CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
		) WITH (fillfactor = 80);
		CREATE INDEX referral_code_member_idx ON community.referral_code (program_id, member_id);
		COMMENT ON TABLE community.referral_code IS 'invitation codes';
		COMMENT ON COLUMN community.referral_code.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_code.code IS 'the code, its letters a to z as capitals';
		COMMENT ON COLUMN community.referral_code.member_id IS 'who invites by it';
		COMMENT ON COLUMN community.referral_code.uses IS 'how many members may use it; null for any number';
		COMMENT ON COLUMN community.referral_code.used IS 'how many have, where that is limited; else 0, so that nobody waits for this row';
		COMMENT ON COLUMN community.referral_code.issued_at IS 'when it was issued';
		COMMENT ON COLUMN community.referral_code.expires_at IS 'from when on it is refused; null for never';
		COMMENT ON COLUMN community.referral_code.revoked_at IS 'when it was revoked';
		COMMENT ON COLUMN community.referral_code.revoke_reason IS 'why';
		COMMENT ON COLUMN community.referral_code.campaign IS 'the campaign it belongs to';
		COMMENT ON COLUMN community.referral_code.actor IS 'database role that issued it';
	END IF;

	IF to_regclass('community.referral_code_use') IS NULL THEN
		CREATE TABLE community.referral_code_use (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			code text NOT NULL,
			sponsor_id bigint NOT NULL,
			redeemed_at timestamptz NOT NULL,
			CONSTRAINT referral_code_use_pkey PRIMARY KEY (program_id, member_id, code)
		);
		CREATE INDEX referral_code_use_code_idx
			ON community.referral_code_use (program_id, code);
		COMMENT ON TABLE community.referral_code_use IS 'who has used which code, append-only';
		COMMENT ON COLUMN community.referral_code_use.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_code_use.member_id IS 'who was brought';
		COMMENT ON COLUMN community.referral_code_use.code IS 'by which code';
		COMMENT ON COLUMN community.referral_code_use.sponsor_id IS 'by whom: the owner of the code, or who bore its books';
		COMMENT ON COLUMN community.referral_code_use.redeemed_at IS 'when';
	END IF;

	IF to_regclass('community.referral_invitation') IS NULL THEN
		CREATE TABLE community.referral_invitation (
			program_id bigint NOT NULL,
			inviter_id bigint NOT NULL,
			period_start timestamptz NOT NULL,
			slot integer NOT NULL,
			member_id bigint NOT NULL,
			invited_at timestamptz NOT NULL,
			CONSTRAINT referral_invitation_pkey
				PRIMARY KEY (program_id, inviter_id, period_start, slot),
			CONSTRAINT referral_invitation_slot_check CHECK (slot >= 1)
		);
		COMMENT ON TABLE community.referral_invitation IS 'slots of the quota of invitations that are taken, append-only';
		COMMENT ON COLUMN community.referral_invitation.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_invitation.inviter_id IS 'who invited';
		COMMENT ON COLUMN community.referral_invitation.period_start IS 'when the period of the quota began';
		COMMENT ON COLUMN community.referral_invitation.slot IS 'which of its invitations, from 1; in no order';
		COMMENT ON COLUMN community.referral_invitation.member_id IS 'who was brought';
		COMMENT ON COLUMN community.referral_invitation.invited_at IS 'when';
	END IF;

	IF to_regclass('community.referral_share') IS NULL THEN
		CREATE TABLE community.referral_share (
			program_id bigint NOT NULL,
			token text NOT NULL,
			member_id bigint NOT NULL,
			channel text,
			campaign text,
			shared_at timestamptz NOT NULL,
			key text,
			CONSTRAINT referral_share_pkey PRIMARY KEY (program_id, token)
		);
		CREATE UNIQUE INDEX referral_share_key ON community.referral_share (program_id, key)
			WHERE key IS NOT NULL;
		CREATE INDEX referral_share_member_idx
			ON community.referral_share (program_id, member_id);
		CREATE INDEX referral_share_time_idx ON community.referral_share (program_id, shared_at);
		COMMENT ON TABLE community.referral_share IS 'links that members share, append-only';
		COMMENT ON COLUMN community.referral_share.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_share.token IS 'what the link carries';
		COMMENT ON COLUMN community.referral_share.member_id IS 'who shared it';
		COMMENT ON COLUMN community.referral_share.channel IS 'where: mail, chat and so on, as the application says';
		COMMENT ON COLUMN community.referral_share.campaign IS 'the campaign it belongs to';
		COMMENT ON COLUMN community.referral_share.shared_at IS 'when';
		COMMENT ON COLUMN community.referral_share.key IS 'idempotency key of share(), where one was given';
	END IF;

	IF to_regclass('community.referral_click') IS NULL THEN
		CREATE TABLE community.referral_click (
			program_id bigint NOT NULL,
			visitor text NOT NULL,
			clicked_at timestamptz NOT NULL,
			token text NOT NULL,
			CONSTRAINT referral_click_pkey PRIMARY KEY (program_id, visitor, clicked_at, token)
		);
		CREATE INDEX referral_click_token_idx
			ON community.referral_click (program_id, token, clicked_at);
		COMMENT ON TABLE community.referral_click IS 'clicks on shared links, append-only';
		COMMENT ON COLUMN community.referral_click.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_click.visitor IS 'who clicked, as the application tells visitors apart';
		COMMENT ON COLUMN community.referral_click.clicked_at IS 'when';
		COMMENT ON COLUMN community.referral_click.token IS 'which link';
	END IF;

	IF to_regclass('community.referral_conversion') IS NULL THEN
		CREATE TABLE community.referral_conversion (
			program_id bigint NOT NULL,
			member_id bigint NOT NULL,
			visitor text NOT NULL,
			token text NOT NULL,
			sponsor_id bigint NOT NULL,
			clicked_at timestamptz NOT NULL,
			converted_at timestamptz NOT NULL,
			touch text NOT NULL,
			CONSTRAINT referral_conversion_pkey PRIMARY KEY (program_id, member_id),
			CONSTRAINT referral_conversion_touch_check CHECK (touch IN ('first', 'last'))
		);
		CREATE INDEX referral_conversion_token_idx
			ON community.referral_conversion (program_id, token);
		COMMENT ON TABLE community.referral_conversion IS 'members that came by a shared link, append-only';
		COMMENT ON COLUMN community.referral_conversion.program_id IS 'the program';
		COMMENT ON COLUMN community.referral_conversion.member_id IS 'who came';
		COMMENT ON COLUMN community.referral_conversion.visitor IS 'as which visitor';
		COMMENT ON COLUMN community.referral_conversion.token IS 'the link it is put down to';
		COMMENT ON COLUMN community.referral_conversion.sponsor_id IS 'under whom it was bound: who shared the link, or who bore its books';
		COMMENT ON COLUMN community.referral_conversion.clicked_at IS 'the click it is put down to';
		COMMENT ON COLUMN community.referral_conversion.converted_at IS 'when it was';
		COMMENT ON COLUMN community.referral_conversion.touch IS 'whether the first or the last click counted';
	END IF;

	IF to_regclass('community.share_status') IS NULL THEN
		CREATE VIEW community.share_status WITH (security_invoker = true) AS
		SELECT s.program_id, s.token, s.member_id, s.channel, s.campaign, s.shared_at,
			coalesce(c.clicks, 0) AS clicks, coalesce(c.visitors, 0) AS visitors,
			coalesce(v.conversions, 0) AS conversions, c.first_click, c.last_click
		FROM community.referral_share AS s
		LEFT JOIN (SELECT k.program_id, k.token, count(*) AS clicks,
				count(DISTINCT k.visitor) AS visitors, min(k.clicked_at) AS first_click,
				max(k.clicked_at) AS last_click
			FROM community.referral_click AS k GROUP BY 1, 2) AS c
			ON c.program_id = s.program_id AND c.token = s.token
		LEFT JOIN (SELECT n.program_id, n.token, count(*) AS conversions
			FROM community.referral_conversion AS n GROUP BY 1, 2) AS v
			ON v.program_id = s.program_id AND v.token = s.token;
		COMMENT ON VIEW community.share_status IS 'what came of each shared link, counted from the clicks';
		COMMENT ON COLUMN community.share_status.program_id IS 'the program';
		COMMENT ON COLUMN community.share_status.token IS 'what the link carries';
		COMMENT ON COLUMN community.share_status.member_id IS 'who shared it';
		COMMENT ON COLUMN community.share_status.channel IS 'where';
		COMMENT ON COLUMN community.share_status.campaign IS 'its campaign';
		COMMENT ON COLUMN community.share_status.shared_at IS 'when';
		COMMENT ON COLUMN community.share_status.clicks IS 'clicks on it';
		COMMENT ON COLUMN community.share_status.visitors IS 'different visitors among them';
		COMMENT ON COLUMN community.share_status.conversions IS 'members that were put down to it';
		COMMENT ON COLUMN community.share_status.first_click IS 'the first click';
		COMMENT ON COLUMN community.share_status.last_click IS 'the last click';
	END IF;
