
-- ------------------------------------------------------ codes and links

CREATE FUNCTION community.issue_code(
	member pg_catalog.int8,
	uses pg_catalog.int4 DEFAULT 1,
	expires_at pg_catalog.timestamptz DEFAULT NULL,
	code pg_catalog.text DEFAULT NULL,
	campaign pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_issue_code';
COMMENT ON FUNCTION community.issue_code IS
'issues an invitation code of a member, for so many uses (null for any number), drawn or the one given, and gives it';
REVOKE ALL ON FUNCTION community.issue_code FROM PUBLIC;

CREATE FUNCTION community.revoke_code(
	code pg_catalog.text,
	reason pg_catalog.text,
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_revoke_code';
COMMENT ON FUNCTION community.revoke_code IS
'ends an invitation code; who was brought by it stays; false when it was revoked before';
REVOKE ALL ON FUNCTION community.revoke_code FROM PUBLIC;

CREATE FUNCTION community.redeem_code(
	member pg_catalog.int8,
	code pg_catalog.text,
	redeemed_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_redeem_code';
COMMENT ON FUNCTION community.redeem_code IS
'brings a member that is enrolled already under the owner of an invitation code, and gives that sponsor; a retry gives it again';
REVOKE ALL ON FUNCTION community.redeem_code FROM PUBLIC;

CREATE FUNCTION community.share(
	member pg_catalog.int8,
	channel pg_catalog.text DEFAULT NULL,
	campaign pg_catalog.text DEFAULT NULL,
	key pg_catalog.text DEFAULT NULL,
	shared_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_share';
COMMENT ON FUNCTION community.share IS
'notes that a member shares a link, and gives the token that the link is to carry; with a key safe to retry';
REVOKE ALL ON FUNCTION community.share FROM PUBLIC;

CREATE FUNCTION community.record_click(
	token pg_catalog.text,
	visitor pg_catalog.text,
	clicked_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_record_click';
COMMENT ON FUNCTION community.record_click IS
'notes a click of a visitor on a shared link; false when that very click was noted before';
REVOKE ALL ON FUNCTION community.record_click FROM PUBLIC;

CREATE FUNCTION community.attribute(
	member pg_catalog.int8,
	visitor pg_catalog.text,
	converted_at pg_catalog.timestamptz DEFAULT pg_catalog.now(),
	program pg_catalog.int8 DEFAULT community.current_program())
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_attribute';
COMMENT ON FUNCTION community.attribute IS
'brings a member under who shared the link that it clicked on as a visitor, and gives that sponsor, null when no click counts; a retry gives it again';
REVOKE ALL ON FUNCTION community.attribute FROM PUBLIC;

CREATE FUNCTION community.referral_funnel(
	during pg_catalog.tstzrange DEFAULT '(,)',
	campaign pg_catalog.text DEFAULT NULL,
	channel pg_catalog.text DEFAULT NULL,
	promotion_type pg_catalog.text DEFAULT NULL,
	conversion_type pg_catalog.text DEFAULT NULL,
	program pg_catalog.int8 DEFAULT community.current_program(),
	OUT promotions pg_catalog.int8,
	OUT shares pg_catalog.int8,
	OUT advocates pg_catalog.int8,
	OUT clicks pg_catalog.int8,
	OUT visitors pg_catalog.int8,
	OUT signups pg_catalog.int8,
	OUT conversions pg_catalog.int8,
	OUT share_rate pg_catalog.float8,
	OUT clicks_per_share pg_catalog.float8,
	OUT signup_rate pg_catalog.float8,
	OUT conversion pg_catalog.float8,
	OUT acquisition pg_catalog.float8)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $referral_funnel$
BEGIN
	SELECT count(*), count(DISTINCT s.member_id) INTO shares, advocates
	FROM community.referral_share AS s
	WHERE s.program_id = referral_funnel.program AND s.shared_at <@ referral_funnel.during
		AND (referral_funnel.campaign IS NULL OR s.campaign = referral_funnel.campaign)
		AND (referral_funnel.channel IS NULL OR s.channel = referral_funnel.channel);
	SELECT count(*), count(DISTINCT k.visitor) INTO clicks, visitors
	FROM community.referral_click AS k
	JOIN community.referral_share AS s ON s.program_id = k.program_id AND s.token = k.token
	WHERE k.program_id = referral_funnel.program AND k.clicked_at <@ referral_funnel.during
		AND (referral_funnel.campaign IS NULL OR s.campaign = referral_funnel.campaign)
		AND (referral_funnel.channel IS NULL OR s.channel = referral_funnel.channel);
	SELECT count(*) FILTER (WHERE v.converted_at <@ referral_funnel.during),
		-- a null is in the whole of time for 17 and later
		count(o.first_at) FILTER (WHERE o.first_at <@ referral_funnel.during)
		INTO signups, conversions
	FROM community.referral_conversion AS v
	JOIN community.referral_share AS s ON s.program_id = v.program_id AND s.token = v.token
	LEFT JOIN LATERAL (SELECT min(e.occurred_at) AS first_at FROM community.counted_event AS e
		WHERE e.program_id = v.program_id AND e.member_id = v.member_id
			AND e.type = referral_funnel.conversion_type
			AND e.occurred_at >= v.converted_at) AS o ON true
	WHERE v.program_id = referral_funnel.program
		AND (referral_funnel.campaign IS NULL OR s.campaign = referral_funnel.campaign)
		AND (referral_funnel.channel IS NULL OR s.channel = referral_funnel.channel);
	IF referral_funnel.conversion_type IS NULL THEN
		conversions := NULL;
	END IF;
	IF referral_funnel.promotion_type IS NOT NULL THEN
		SELECT count(*) INTO promotions FROM community.counted_event AS e
		WHERE e.program_id = referral_funnel.program AND e.type = referral_funnel.promotion_type
			AND e.occurred_at <@ referral_funnel.during;
	END IF;
	share_rate := shares::float8 / nullif(promotions, 0);
	clicks_per_share := clicks::float8 / nullif(shares, 0);
	signup_rate := signups::float8 / nullif(clicks, 0);
	conversion := conversions::float8 / nullif(clicks, 0);
	acquisition := conversions::float8 / nullif(advocates, 0);
END
$referral_funnel$;
COMMENT ON FUNCTION community.referral_funnel IS
'shares, clicks, signups and conversions by shared links during a range, and their rates';
REVOKE ALL ON FUNCTION community.referral_funnel FROM PUBLIC;
