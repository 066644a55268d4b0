
-- ------------------------------------------------- the forest of sponsors

CREATE FUNCTION community.guard_referrals()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'community_guard_referrals';
COMMENT ON FUNCTION community.guard_referrals IS
'trigger: puts rows of referral where they belong, and refuses cycles and changes past reparent()';
REVOKE ALL ON FUNCTION community.guard_referrals FROM PUBLIC;
