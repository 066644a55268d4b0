# What must hold of the books after the load of Mixed.pm, written without
# asking the extension what it thinks of itself: by the clients' logs, by the
# history that the attached tables' own trigger wrote, and by arithmetic.
package MixedAudit;

use strict;
use warnings FATAL => 'all';
use Community;
use Exporter 'import';
use Mixed;
use Test::More;

our @EXPORT = qw(mixed_audit_setup mixed_audit mixed_faults);

# Everything that stands under a key of the clients' making.
sub mixed_audit_setup
{
	my ($node) = @_;
	$node->safe_psql('postgres', <<'SQL');
CREATE VIEW fact AS
SELECT program_id AS program, 'record' AS kind, key, event_id AS id, amount AS figure, member_id AS member
FROM community.event WHERE source = 'api' AND revision = 0
UNION ALL SELECT program_id, 'record', key, 0, amount, member_id FROM community.inbox_fault
UNION ALL SELECT program_id, 'refund', k.request_key, event_id, e.amount, e.member_id
FROM community.reversal_key AS k LEFT JOIN community.event AS e USING (program_id, event_id) WHERE k.source = 'api'
UNION ALL SELECT k.program_id, 'undo', k.request_key, k.event_id, e.points, m.member_id
FROM community.reversal_key AS k
LEFT JOIN community.entry AS e ON e.program_id = k.program_id AND e.entry_id = k.event_id AND e.kind = 'reverse'
-- who was merged into another is still meant by who asked
LEFT JOIN community.member AS m ON m.program_id = e.program_id AND (m.member_id = e.member_id OR EXISTS (SELECT
	FROM community.member_merge AS g WHERE g.program_id = m.program_id AND g.member_id = m.member_id AND g.bearer_id = e.member_id))
WHERE k.source = 'ledger'
UNION ALL SELECT program_id, CASE kind WHEN 'transfer_out' THEN 'transfer' ELSE kind END, key, entry_id, points, member_id
FROM community.entry WHERE event_id = 0 AND kind IN ('accrue', 'redeem', 'transfer_out', 'hold', 'capture', 'release')
UNION ALL SELECT program_id, 'enroll', member_id::text, member_id, enroller_id, member_id FROM community.referral WHERE member_id > 1000000
UNION ALL SELECT program_id, 'move', reason, move_id, to_id, member_id FROM community.referral_move WHERE reason <> 'bound late'
UNION ALL SELECT program_id, 'merge', key, member_id, into_id, member_id FROM community.member_merge
UNION ALL SELECT DISTINCT program, 'order', key, id, total, customer FROM history WHERE paid
UNION ALL SELECT program_id, 'group', key, group_id, price, opened_by FROM community.group_buy
UNION ALL SELECT program_id, 'join', key, group_id, 0, member_id FROM community.group_member AS m
WHERE NOT EXISTS (SELECT FROM community.group_buy AS g WHERE g.program_id = m.program_id AND g.group_id = m.group_id AND g.key = m.key)
UNION ALL SELECT program_id, 'leave', leave_key, group_id, 0, member_id FROM community.group_member WHERE left_at IS NOT NULL
UNION ALL SELECT program_id, 'envelope', key, envelope_id, points, member_id FROM community.envelope
UNION ALL SELECT program_id, 'claim', key, envelope_id, points, member_id FROM community.envelope_claim;
SQL
	return;
}

my %nothing = (
	'nothing is lost: what was acknowledged is there as it was told' => q{
		SELECT DISTINCT l.what, l.kind, l.key, l.program, l.member, l.id, l.figure FROM log AS l
		LEFT JOIN fact AS f ON f.program = l.program AND f.kind = l.kind AND f.key = l.key AND f.figure = l.figure
			AND (f.id = l.id OR l.id = 0) AND f.member = l.member
		WHERE l.what = 'ack' AND f.key IS NULL},
	'nothing is there twice' => q{
		SELECT f.program, f.kind, f.key FROM fact AS f WHERE f.kind NOT IN ('move', 'order') AND f.id > 0
		GROUP BY 1, 2, 3 HAVING count(DISTINCT f.id) > 1 OR (count(*) > 1 AND f.kind <> 'undo')},
	'a key means one thing to all who use it' => q{
		SELECT l.program, l.kind, l.key FROM log AS l WHERE l.what = 'ack' AND l.kind NOT IN ('move', 'order') AND l.id > 0
		GROUP BY 1, 2, 3 HAVING count(DISTINCT (l.id, l.figure)) > 1},
	'nothing is there that nobody asked for, or that was rolled back' => q{
		SELECT f.program, f.kind, f.key FROM fact AS f
		EXCEPT SELECT l.program, l.kind, l.key FROM log AS l WHERE l.what IN ('ack', 'unknown')},
	'no answer was wrong' => q{SELECT l.* FROM log AS l WHERE l.what LIKE 'wrong%'},

	'a row of an attached table has exactly the events that its history says' => q{
		WITH step AS (
			SELECT h.*, lag(h.paid) OVER w IS TRUE AS was, lag(h.customer) OVER w AS of, lag(h.total) OVER w AS before
			FROM history AS h WINDOW w AS (PARTITION BY h.program, h.id ORDER BY h.n)
		), due AS (
			SELECT s.program, s.id::text AS key, k.kind, count(*) FROM step AS s, LATERAL (
				SELECT 'record' WHERE s.paid AND (NOT s.was OR s.of <> s.customer)
				UNION ALL SELECT 'retract' WHERE s.was AND (NOT s.paid OR s.of <> s.customer)
				UNION ALL SELECT 'adjust' WHERE s.was AND s.paid AND s.of = s.customer AND s.before <> s.total) AS k (kind)
			GROUP BY 1, 2, 3
		), has AS (
			SELECT e.program_id, e.key, e.kind, count(*) FROM community.event AS e WHERE e.source <> 'api' GROUP BY 1, 2, 3
		)
		(TABLE due EXCEPT ALL TABLE has) UNION ALL (TABLE has EXCEPT ALL TABLE due)},
	'what is in force of these events are the rows that are there' => q{
		WITH force AS (
			SELECT e.program_id, e.key, sum(e.amount)::bigint, (array_agg(e.member_id ORDER BY e.revision DESC))[1]
			FROM community.event AS e WHERE e.source <> 'api' GROUP BY 1, 2
			HAVING sum((e.kind = 'record')::int - (e.kind = 'retract')::int) > 0
		), due AS (
			SELECT (SELECT min(program_id) FROM community.program), id::text, total, customer FROM shop WHERE paid
			UNION ALL SELECT (SELECT max(program_id) FROM community.program), id::text, total, customer FROM forum WHERE paid
		)
		(TABLE due EXCEPT ALL TABLE force) UNION ALL (TABLE force EXCEPT ALL TABLE due)},
	'an order has earned a mile for each 100 that is left of it' => q{
		SELECT * FROM (
			SELECT e.program_id, e.key, trunc(sum(e.amount) / 100) AS due, sum(m.miles) AS has
			FROM (SELECT program_id, key, event_id, amount FROM community.event WHERE source <> 'api') AS e
			CROSS JOIN LATERAL (SELECT coalesce(sum(n.points), 0) AS miles FROM community.entry AS n
				JOIN community.currency AS c USING (program_id, currency_id)
				WHERE n.program_id = e.program_id AND n.event_id = e.event_id AND c.code = 'miles') AS m
			GROUP BY 1, 2) AS o
		WHERE o.due <> o.has},
	'a sale has earned its miles, and nothing is left of one that came back' => q{
		SELECT * FROM (
			SELECT e.program_id, e.key, sum(e.amount) AS amount, max(e.amount) FILTER (WHERE e.revision = 0) AS base,
				sum(m.miles) AS miles, max(m.miles) FILTER (WHERE e.revision = 0) AS first
			FROM community.event AS e
			CROSS JOIN LATERAL (SELECT coalesce(sum(n.points), 0) AS miles FROM community.entry AS n
				JOIN community.currency AS c USING (program_id, currency_id)
				WHERE n.program_id = e.program_id AND n.event_id = e.event_id AND c.code = 'miles') AS m
			WHERE e.type = 'sale' GROUP BY 1, 2) AS s
		WHERE s.first <> s.base / 100 OR s.miles NOT BETWEEN 0 AND s.first OR s.amount = 0 AND s.miles <> 0
			OR s.amount < 0 OR s.amount = s.base AND s.miles <> s.first},
	'no cap was exceeded' => q{
		SELECT n.program_id, n.member_id, e.occurred_at::date FROM community.entry AS n
		JOIN community.event AS e USING (program_id, event_id) JOIN community.currency AS c USING (program_id, currency_id)
		WHERE c.code = 'points' AND e.type = 'post' AND n.kind = 'accrue' GROUP BY 1, 2, 3 HAVING sum(n.points) > 200},

	'commissions of whom nobody moves are those of plan and upline' => q{
		WITH due AS (
			SELECT e.program_id, e.event_id, k.level, (e.member_id / k.of)::bigint AS payee, trunc(e.amount * k.rate)::bigint AS points
			FROM community.event AS e, (VALUES (1, 3, 0.10), (2, 9, 0.05), (3, 27, 0.02)) AS k (level, of, rate)
			WHERE e.type = 'sale' AND e.revision = 0 AND e.member_id <= 15 AND e.member_id / k.of > 0 AND trunc(e.amount * k.rate) > 0
		), has AS (
			SELECT c.program_id, c.event_id, c.level, c.payee_id, c.points FROM community.commission AS c
			JOIN community.event AS e USING (program_id, event_id)
			WHERE e.member_id <= 15 AND c.cause_id = c.event_id AND c.kind = 'level' AND c.points > 0
		)
		(TABLE due EXCEPT ALL TABLE has) UNION ALL (TABLE has EXCEPT ALL TABLE due)},
	'commissions go from sponsor to sponsor, by the rates' => q{
		WITH place AS (
			SELECT c.program_id, c.event_id, c.level, c.member_id, c.points, c.base, c.kind,
				coalesce(lag(c.member_id) OVER (PARTITION BY c.program_id, c.event_id ORDER BY c.level), e.member_id) AS below
			FROM community.commission AS c JOIN community.event AS e USING (program_id, event_id)
			WHERE c.cause_id = c.event_id AND c.member_id IS NOT NULL
		)
		SELECT p.* FROM place AS p WHERE NOT EXISTS (
			SELECT FROM community.referral AS r WHERE r.program_id = p.program_id AND r.member_id = p.below AND p.member_id IN (r.sponsor_id, r.enroller_id)
			UNION ALL
			SELECT FROM community.referral_move AS m WHERE m.program_id = p.program_id AND m.member_id = p.below AND p.member_id IN (m.from_id, m.to_id))
		OR (p.kind = 'level' AND p.points <> trunc(p.base * (ARRAY[0.10, 0.05, 0.02])[p.level]))},
	'of commissions as much is taken back as of their sale' => q{
		SELECT c.program_id, c.event_id, c.line, min(c.points) FROM (
			SELECT c.*, max(c.points) OVER (PARTITION BY c.program_id, c.event_id, c.line) AS whole FROM community.commission AS c) AS c
		CROSS JOIN LATERAL (SELECT sum(x.amount) AS net FROM community.event AS o
			JOIN community.event AS x ON x.program_id = o.program_id AND x.source = o.source AND x.key = o.key
			WHERE o.program_id = c.program_id AND o.event_id = c.event_id) AS n
		GROUP BY 1, 2, 3, n.net HAVING sum(c.points) <> max(c.whole) - round(max(c.whole) * (max(c.base) - n.net) / max(c.base))},
	'what was paid as commission is in the ledger' => q{
		SELECT c.program_id, c.payee_id FROM (
			SELECT program_id, payee_id, points FROM community.commission WHERE kind <> 'breakage'
			UNION ALL
			SELECT n.program_id, n.member_id, -n.points FROM community.entry AS n WHERE n.key LIKE 'community.commission %') AS c
		GROUP BY 1, 2 HAVING sum(c.points) <> 0},

	'a balance is the sum of the entries' => q{
		SELECT e.program_id, e.member_id, c.code FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id)
		CROSS JOIN LATERAL community.balance(e.member_id, c.code, program => e.program_id) AS b
		GROUP BY 1, 2, 3, b.available, b.pending, b.held, b.deficit
		HAVING sum(e.points) <> b.available + b.pending + b.held - b.deficit},
	'no balance was ever below zero that may not be' => q{
		SELECT * FROM (
			SELECT e.program_id, e.member_id, e.recorded_at, sum(e.points) OVER (PARTITION BY e.program_id, e.member_id
				ORDER BY e.recorded_at, e.entry_id) AS balance
			FROM community.entry AS e JOIN community.currency AS c USING (program_id, currency_id) WHERE c.code = 'points') AS b
		WHERE b.balance < 0},
	'no more shares, slots and seats are taken than there are' => q{
		SELECT 'share', e.envelope_id FROM community.envelope AS e JOIN community.envelope_claim AS c USING (program_id, envelope_id)
		GROUP BY 1, 2, e.points HAVING count(*) > 3 OR sum(c.points) > e.points
		UNION ALL
		SELECT 'slot', m.group_id FROM community.group_member AS m WHERE m.left_at IS NULL GROUP BY m.program_id, m.group_id HAVING count(*) > 5
		UNION ALL
		SELECT 'seat', t.program_id FROM community.tenure AS t WHERE t.source = 'seat' AND t.superseded_at IS NULL AND upper_inf(t.during)
		GROUP BY t.program_id HAVING count(*) > 5},

	'nobody stands below itself' => q{
		WITH RECURSIVE below AS (
			SELECT m.program_id, m.member_id FROM community.member AS m WHERE NOT EXISTS (SELECT FROM community.referral AS r
				WHERE r.program_id = m.program_id AND r.member_id = m.member_id AND r.sponsor_id IS NOT NULL)
			UNION ALL
			SELECT r.program_id, r.member_id FROM below AS b
			JOIN community.referral AS r ON r.program_id = b.program_id AND r.sponsor_id = b.member_id
		)
		SELECT m.program_id, m.member_id FROM community.member AS m EXCEPT TABLE below},
	'those below are counted right' => q{
		WITH RECURSIVE below AS (
			SELECT r.program_id, r.sponsor_id AS top, r.member_id FROM community.referral AS r WHERE r.sponsor_id <= 5
			UNION
			SELECT r.program_id, b.top, r.member_id FROM below AS b
			JOIN community.referral AS r ON r.program_id = b.program_id AND r.sponsor_id = b.member_id
		)
		SELECT b.program_id, b.top, count(*) FROM below AS b GROUP BY 1, 2
		HAVING count(*) <> community.downline_count(b.top, program => b.program_id)},

	'nobody holds two tiers of a ladder at a time' => q{
		SELECT a.program_id, a.member_id, a.during, b.during FROM community.tenure AS a
		JOIN community.tenure AS b ON b.program_id = a.program_id AND b.member_id = a.member_id AND b.ladder_id = a.ladder_id
			AND b.source = a.source AND b.tenure_id > a.tenure_id AND b.during && a.during
		WHERE a.superseded_at IS NULL AND b.superseded_at IS NULL},
	'the tier is that of what was spent' => q{
		WITH spent AS (
			SELECT m.program_id, m.member_id, coalesce(sum(e.amount), 0) AS spend FROM community.member AS m
			LEFT JOIN community.member_merge AS g ON g.program_id = m.program_id AND g.bearer_id = m.member_id
			LEFT JOIN community.event AS e ON e.program_id = m.program_id AND e.member_id IN (m.member_id, g.member_id)
				AND e.type IN ('order', 'sale')
			WHERE m.status = 'active' AND g.member_id IS NULL GROUP BY 1, 2
		)
		SELECT s.* FROM spent AS s WHERE community.tier(s.member_id, 'status', program => s.program_id)
			IS DISTINCT FROM CASE WHEN s.spend >= 160000 THEN 'gold' WHEN s.spend >= 40000 THEN 'silver' END},
	'the books agree' => q{
		SELECT c.* FROM community.check_installation('full') AS c WHERE c.rule <> 'long-tail'});

# What does not hold, as lines.  Of a server that was taken back to an earlier
# time the clients know more than it does.
sub mixed_faults
{
	my ($node, $earlier) = @_;
	my @fault;
	foreach my $what (sort keys %nothing)
	{
		next if $earlier && $what =~ /^nothing is lost/;
		push @fault, map { "$what: $_" } lines_of($node, 'postgres', "SELECT * FROM ($nothing{$what}) AS x LIMIT 5");
	}
	# what is derived is what it would be if it were derived anew
	foreach my $program ('shop', 'forum')
	{
		push @fault, map { "$program: wrong $_" } lines_of($node, 'postgres', <<"SQL");
SET community.program = '$program';
CALL community.process_inbox();
CALL community.run_maintenance();
CALL community.review_tiers();
BEGIN;
-- scores are sums, which differ in their last digits with the order of the terms
CREATE TEMP TABLE was AS SELECT member_id, community.score_at(score, now()) AS score
FROM community.engagement WHERE program_id = community.current_program();
SELECT FROM community.rebuild('engagement');
SELECT 'engagement', member_id, w.score, community.score_at(g.score, now())
FROM was AS w JOIN community.engagement AS g USING (member_id) WHERE g.program_id = community.current_program()
	AND abs(w.score - community.score_at(g.score, now())) > 1e-9 * (1 + abs(w.score)) LIMIT 3;
SELECT 'standings', n FROM community.rebuild('standings') AS n WHERE n <> 0;
ROLLBACK;
SQL
	}
	return @fault;
}

# After a phase of the load: all of it.
sub mixed_audit
{
	my ($node, $phase, $books) = @_;
	mixed_read_logs($node, $books);
	$node->safe_psql('postgres', "CALL community.process_inbox(program => $_)")
	  foreach lines_of($node, 'postgres', 'SELECT program_id FROM community.program');
	is(join("\n", mixed_faults($node)), '', "$phase: the books, the clients' logs and an audit of their own agree");
	my $beside = "$PostgreSQL::Test::Utils::tmp_check/mixed.beside";
	is(-e $beside ? join("\n", grep { /^\Q$phase\E\t/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($beside)) : '',
		'', "$phase: the books agreed at any moment, and maintenance went on");
	return;
}

1;
