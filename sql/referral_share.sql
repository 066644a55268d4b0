-- If this failed, a member would be put down to somebody whose link it did not
-- click on, or to the wrong one of several; a click would count twice or for
-- ever; or what is told of links would not be what was recorded.
\set VERBOSITY default
SELECT community.create_program('referral_share', 'Europe/Berlin') > 0 AS created;
SET community.program = 'referral_share';
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN regexp_replace(concat_ws(E'\n  ', sqlstate || ' ' || sqlerrm, nullif(detail, '')),
		' of program (\d+|"[^"]*")', '', 'g');
END $$;
SELECT count(community.enroll(m, joined_at => '2024-01-01')) FROM generate_series(1, 9) AS m;

-- 1. links: a token each, the same for the same key
SELECT community.share(1, 'mail', key => 'a', shared_at => '2024-03-01') AS a \gset
SELECT community.share(1, 'mail', key => 'a') = :'a' AS same, length(:'a'),
	:'a' ~ '^[2-9A-HJ-NP-Z]+$' AS plain, community.share(1, 'mail') <> community.share(1, 'mail') AS other;
SELECT pg_temp.refused(format('SELECT community.share(%s)', a)) FROM unnest(ARRAY['2, ''mail'', key => ''a''', '1, ''chat'', key => ''a''',
	'1, ''mail'', ''spring'', key => ''a''', '99', 'NULL', '1, ''''', '1, shared_at => ''infinity''']) AS a;
SELECT community.share(2, 'chat', 'spring', 'b', '2024-03-02') AS b,
	community.share(3, 'chat', 'spring', 'c', '2024-03-03') AS c \gset

-- 2. clicks, each once
SELECT community.record_click(:'a', 'v1', '2024-03-05 12:00') AS first, community.record_click(:'a', 'v1', '2024-03-05 12:00') AS again,
	community.record_click(:'b', 'v1', '2024-03-05 12:00') AS other_link, community.record_click(:'a', 'v1', '2024-03-06 12:00') AS later;
SELECT pg_temp.refused('SELECT community.record_click(''nothing'', ''v1'')');
SELECT pg_temp.refused(format('SELECT community.record_click(%L, '''')', :'a'));
SELECT pg_temp.refused(format('SELECT community.record_click(%L, ''v1'', ''-infinity'')', :'a'));

-- 3. the last click counts, for 30 days as the clock of the program goes; the
-- clocks are put forward on 2024-03-31
SELECT community.enroll(11, visitor => 'v1', joined_at => '2024-04-05 11:59:59.999999');
SELECT community.enroll(11, visitor => 'v1', joined_at => '2024-04-05 12:00');
SELECT community.enroll(12, visitor => 'v1', joined_at => '2024-04-05 12:00');
SELECT community.attribute(12, 'v1', '2024-03-05 11:59') AS before_any, community.attribute(12, 'nobody') AS unknown;
CREATE VIEW pg_temp.came AS
SELECT c.member_id, c.visitor, s.key AS link, c.sponsor_id, c.clicked_at, c.touch, r.sponsor_id AS stands_under
FROM community.referral_conversion AS c JOIN community.referral_share AS s USING (program_id, token)
LEFT JOIN community.referral AS r ON r.program_id = c.program_id AND r.member_id = c.member_id
WHERE c.program_id = community.current_program() ORDER BY c.member_id;
SELECT * FROM pg_temp.came;

-- 4. or the first; the retry of an earlier one stays as it is
INSERT INTO community.referral_setting (program_id, touch, click_window)
VALUES (community.current_program(), 'first', '7 days');
SELECT community.record_click(:'c', 'v2', '2024-05-01'), community.record_click(:'b', 'v2', '2024-05-04'),
	community.record_click(:'a', 'v2', '2024-05-06');
SELECT community.enroll(21, visitor => 'v2', joined_at => '2024-05-07 23:59'), community.enroll(22, visitor => 'v2', joined_at => '2024-05-08'),
	community.enroll(11, visitor => 'v2', joined_at => '2024-05-08');
-- a campaign has a window and a time of its own
INSERT INTO community.referral_campaign (program_id, campaign, click_window, valid)
VALUES (community.current_program(), 'spring', '60 days', '[2024-05-02,2024-06-01)');
SELECT community.enroll(23, visitor => 'v2', joined_at => '2024-05-08'), community.enroll(24, visitor => 'v2', joined_at => '2024-07-02 23:59'),
	community.enroll(25, visitor => 'v2', joined_at => '2024-07-03');
SELECT * FROM pg_temp.came WHERE member_id > 20;

-- 5. not counted: own links, those of closed members; merged ones go on as
-- the member into which they were merged
DELETE FROM community.referral_setting WHERE program_id = community.current_program();
SELECT community.share(4, key => 'd') AS d, community.share(5, key => 'e') AS e, community.share(6, key => 'f') AS f \gset
SELECT community.record_click(:'d', 'v3', '2024-08-01'), community.record_click(:'e', 'v3', '2024-08-02'), community.record_click(:'f', 'v3', '2024-08-03');
SELECT community.close_member(6, 'left'), community.merge_members(5, 7, 'merge 5');
SELECT community.attribute(7, 'v3', '2024-08-04') AS not_itself, community.enroll(31, visitor => 'v3', joined_at => '2024-08-04') AS merged;
SELECT pg_temp.refused('SELECT community.attribute(4, ''v3'', ''2024-08-04'')');
SELECT * FROM pg_temp.came WHERE member_id IN (4, 7, 31);
SELECT pg_temp.refused('SELECT community.share(6)');
SELECT pg_temp.refused('SELECT community.attribute(6, ''v3'', ''2024-08-04'')');

-- 6. who is bound stays; a sponsor or code comes before any click
SELECT community.enroll(32, sponsor => 1, visitor => 'v3', joined_at => '2024-08-04');
SELECT pg_temp.refused('SELECT community.attribute(32, ''v3'', ''2024-08-04'')');
SELECT count(*) FROM pg_temp.came WHERE member_id = 32;

-- 7. what came of each link, and of all together
SELECT key, clicks, visitors, conversions, first_click, last_click
FROM community.share_status AS t JOIN community.referral_share AS s USING (program_id, token)
WHERE program_id = community.current_program() AND key IS NOT NULL ORDER BY key;
SELECT count(community.record(11, 'order', 'o' || n, 100, '2024-04-20')) FROM generate_series(1, 2) AS n;
SELECT community.record(21, 'order', 'o3', 100, '2024-05-20') IS NOT NULL, community.record(23, 'order', 'o4', 100, '2024-05-01') IS NOT NULL,
	community.record(24, 'order', 'o5', 100, '2024-08-20') IS NOT NULL, community.reverse('o5', 'taken back') IS NOT NULL,
	count(community.record(1, 'promotion', 'p' || n, 0, '2024-03-01')) = 12 FROM generate_series(1, 12) AS n;
SELECT * FROM community.referral_funnel(promotion_type => 'promotion', conversion_type => 'order') \gx
SELECT shares, advocates, clicks, visitors, signups, conversions, acquisition
FROM community.referral_funnel('[2024-05-01,2024-06-01)', 'spring', 'chat', conversion_type => 'order');
SELECT * FROM community.referral_funnel(campaign => 'nothing') \gx
