# Everything that can take long, told to stop.  Were this broken, a session that
# computes something large would go on after it was cancelled, terminated or
# out of time, and only kill -9 would end it, with all other sessions.
#
#   COMMUNITY_CANCEL_MEMBERS   that there are; 100000 in make test-long, which
#                              prints how long each took to stop
#
# A call is stopped at some moment while it runs, and has 30 seconds to end.
# Whether it ends by itself before is not asked here: core_interrupts looks for
# that, with an argument that asks to be cancelled.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Load;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $members = $ENV{COMMUNITY_CANCEL_MEMBERS} || 10_000;
my $long = $members > 10_000;
local $SIG{PIPE} = 'IGNORE';
local $SIG{ALRM} = sub { die "no end of it\n" };

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
log_statement = none
log_min_messages = fatal
autovacuum = off
max_wal_size = 8GB
CONF
$node->restart;
my $events = $members * 5;

# what would be there after years, written as a restore writes it
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION community;
SELECT community.create_program('big') AS p \\gset
CREATE TABLE orders (id int PRIMARY KEY, customer bigint, total bigint, at timestamptz);
INSERT INTO orders SELECT i, 1 + i % $members, i % 5000, '2024-01-01'::timestamptz + i * interval '10 s' FROM generate_series(1, $events) AS i;
SELECT community.attach('orders', 'row', 'customer', 'total', 'at');
SELECT community.define_measure('spend', 'sum', '{order}') AS spend \\gset
INSERT INTO community.ladder (program_id, name, demotion) VALUES (:p, 'status', 'drop') RETURNING ladder_id AS l \\gset
INSERT INTO community.tier (program_id, ladder_id, rank, name) VALUES (:p, :l, 1, 'silver'), (:p, :l, 2, 'gold');
INSERT INTO community.tier_requirement (program_id, ladder_id, rank, measure_id, period, attain)
VALUES (:p, :l, 1, :spend, 'rolling 90 days', 4000), (:p, :l, 2, :spend, 'rolling 90 days', 9000);
SELECT community.publish_ladder('status', '-infinity');
SELECT community.define_score_model('super', '[{"kind": "engagement", "transform": "percentile"}, {"kind": "referrals", "transform": "percentile"},
	{"kind": "pagerank", "transform": "percentile"}, {"kind": "rfm", "transform": "percentile"}]', top_share => 0.1);
SET session_replication_role = replica;
SELECT setseed(0.5);
INSERT INTO community.member (program_id, member_id, joined_at) SELECT :p, i, '2024-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, $members) AS i;
-- a chain, a star and a tree
INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth)
SELECT :p, i, s, s, '2024-01-01'::timestamptz + i * interval '1 minute', 0
FROM generate_series(2, $members) AS i, LATERAL (SELECT CASE WHEN i <= $members / 4 THEN i - 1 WHEN i <= $members / 2 THEN 1 ELSE 1 + floor(random() * (i - 1))::bigint END AS s) AS x;
INSERT INTO community.event (program_id, member_id, type, key, amount, occurred_at, engagement, target_id)
SELECT :p, 1 + floor(random() ^ 2 * $members)::bigint, (ARRAY['order', 'post', 'thank'])[1 + n % 3], n::text, 20 * (n % 211),
	'2024-06-01'::timestamptz + n * interval '2 s', 1, CASE n % 3 WHEN 2 THEN 1 + floor(random() ^ 2 * $members)::bigint END FROM generate_series(1, $events) AS n;
-- one account has a fifth of all, and lots that all differ
INSERT INTO community.entry (program_id, entry_id, member_id, currency_id, points, effective_at, recorded_at, request, posted, kind, key, delta)
SELECT :p, community.next_id(), CASE n % 5 WHEN 0 THEN 1 ELSE 1 + n % $members END, c.currency_id, 3, at, at, 0, false, 'accrue', 'e' || n,
	community.purse(3, at, at + interval '10 years', 0)
FROM generate_series(1, $events) AS n, community.currency AS c, LATERAL (SELECT '2024-06-01'::timestamptz + n * interval '2 s' AS at) AS t;
SELECT community.rebuild('engagement');
INSERT INTO community.inbox (program_id, member_id, type, key, amount) SELECT :p, 1 + n % $members, 'order', 'in ' || n, n FROM generate_series(1, $events) AS n;
CREATE TABLE edge AS SELECT member_id AS a, target_id AS b FROM community.event WHERE target_id IS NOT NULL UNION ALL SELECT target_id, member_id % 97 FROM community.event WHERE target_id IS NOT NULL;
CREATE TABLE history AS SELECT x, CASE WHEN x = 0 THEN 0 ELSE t * (1 - random() * random()) END AS t_x, t
FROM (SELECT floor(-ln(1 - random()) * -ln(1 - random()) * 1.5)::bigint AS x, 20 + 30 * random() AS t FROM generate_series(1, $members)) AS s;
CREATE TABLE spend AS SELECT (1 + n % 9)::bigint AS x, 10 + 90 * random() AS m FROM generate_series(1, $members) AS n;
ANALYZE;
SQL

my $orders = q{$$SELECT member_id, occurred_at FROM community.event WHERE type = 'order'$$};
my $buyers = q{$$SELECT member_id, max(occurred_at), count(*), sum(amount) FROM community.event GROUP BY 1$$};
my $ltv = q{community.ltv_parameters('mbg_nbd', '{0.5, 8, 0.6, 1.8}')};
my $edges = q{'TABLE edge'};
my @call = (
	(map { "SELECT community.rebuild('$_')" } 'engagement', 'accounts', 'standings', 'referral labels'),
	q{SELECT count(*) FROM community.check_installation()}, q{SELECT count(*) FROM community.check_installation('full')},
	q{CALL community.review_tiers()}, q{CALL community.fold_accounts(1, 1000000)}, q{CALL community.run_maintenance()},
	q{CALL community.refresh_scores('super')}, q{CALL community.backfill('orders', 'row', 1000000)}, q{CALL community.process_inbox(1000000)},
	(map { "SELECT count(*) FROM community.$_" } 'downline(1)', "upline($members / 4)", 'downline_sizes()', 'structural_virality()', 'referral_metrics()', 'generations()',
		'cohort_k()', 'cycle_time()', 'reproduction_number()', 'relabel_referrals()', 'downline_count(1)', 'referral_tree(1, 1000, NULL)', 'referral_graph(1, 1000, width => NULL)',
		'commission_headcount()', 'referral_check()', "sanction_subtree(1, 'comment', 'test')", 'review_referrals()', 'referral_as_of()', "short_chains('1 day', 3)"),
	(map { my ($name, @more) = split / /; "SELECT count(*) FROM community.$name(" . join(', ', $edges, @more) . ')' }
		  'degrees', 'pagerank', 'core_numbers', 'betweenness_sample', 'constraint_scores', 'density', 'reciprocity', 'graph_figures'),
	(map { "SELECT community.fit_$_('TABLE history')" } 'bg_nbd', 'mbg_nbd', 'pareto_nbd'), q{SELECT community.fit_gamma_gamma('TABLE spend')},
	qq{SELECT count(*) FROM community.ltv_validate($orders, $ltv, '2024-07-01', '2024-08-01')}, qq{SELECT count(*) FROM community.ltv_holdout($orders, $ltv, '2024-07-01', '2024-08-01')},
	qq{SELECT count(*) FROM community.rfm_scores($buyers)}, q{SELECT count(*) FROM community.super_users()},
	q{SELECT count(*) FROM community.program_lift('SELECT member_id, ''2024-07-01''::timestamptz FROM community.member WHERE member_id % 3 = 0', after => '10 days', before => '10 days')},
	q{SELECT count(*) FROM community.what_if('status')}, q{SELECT count(*) FROM community.measure_values('spend')}, q{SELECT count(*) FROM community.calibrate('spend', '{0.1,0.5}')},
	q{SELECT count(*) FROM community.statement(1)}, q{SELECT available FROM community.balance(1)}, q{SELECT community.redeem(1, 1, 'one')}, q{SELECT count(*) FROM community.account},
	(map { "SELECT community.$_ FROM community.event, generate_series(1, 20)" } 'gini(amount)', 'lorenz(amount, 100)', 'participation_shares(amount)', 'top_share(amount, 0.01)', 'absence_factor(amount)', 'herfindahl(amount)',
		q{decayed_sum(engagement, occurred_at, '90 days')}, 'purchase_history(occurred_at, amount)', 'rfm(occurred_at, amount)'),
	q{SELECT community.sum(delta) FROM community.entry}, q{SELECT community.available(community.take_up_to(community.sum(delta), 1000000, '2025-01-01'), '2025-01-01') FROM community.entry},
	q{SELECT count(*) FROM community.lots((SELECT community.sum(delta) FROM community.entry))},
	q{SELECT community.split_points(1000000000, 100000, 'random', n) FROM generate_series(1, 1000) AS n},
	q{SELECT community.issue_envelope(NULL, 100000000, 100000, 'big')},
	(map { "SELECT max(community.period_at('$_', '2024-01-01'::timestamptz + n * interval '1 hour', '1900-01-31', 'Europe/Berlin')::text) FROM generate_series(1, 10000000) AS n" }
		  'calendar month', 'anniversary month', 'rolling 90 days'),
	q{SELECT community.elo(1500, array_agg(n::float8), 1) FROM generate_series(1, 3000000) AS n},
	q{SELECT community.glicko2(1500, 200, 0.06, array_agg(1400.0 + n % 9), array_agg(30.0 + n % 7), array_agg((n % 2)::float8)) FROM generate_series(1, 1000000) AS n},
	qq{SELECT community.expected_purchases($ltv, 100000, 30, 38, 1e3 + n % 1000) FROM generate_series(1, 90000) AS n},
	q{SELECT max(community.projected_members(10, 1 + n % 5, 2, 1e9)) FROM generate_series(1, 10000000) AS n});

# ---- ask, stop it in the middle, and see how long it takes to say so

my $boss = connect_as($node, 'read committed', '');
my $worker;

sub new_worker
{
	disconnect($worker) if $worker;
	$worker = connect_as($node, 'read committed', '');
	return (run($worker, 'SELECT pg_backend_pid()'))[1];
}

# Stop a call after so many seconds: its SQLSTATE, 'lost' or 'no end', and
# how many milliseconds it took to say so.
sub stopped
{
	my ($call, $pid, $after, $how) = @_;
	run($worker, 'BEGIN') if $call !~ /^CALL/;
	ask($worker, $call);
	sleep $after;
	my $asked = time;
	run($boss, "SELECT pg_${how}_backend($pid)");
	my $state;
	eval {
		alarm 30;
		($state) = answer($worker);
		$state //= 'lost';
		alarm 0;
		1;
	} or $state = 'no end';
	my $took = 1000 * (time - $asked);
	alarm 0;
	return ($state, $took) if $state =~ /^(lost|no end)$/;
	# a cancel that came when the call had just ended
	run($worker, 'ROLLBACK') if $call !~ /^CALL/;
	return ($state, $took);
}

my ($pid, $interrupted, %slowest) = (new_worker(), 0);
foreach my $call (@call)
{
	my (@state, $slowest);
	foreach my $after ($long ? (0.05, 0.3, 1, 3) : 0.005 + 0.03 * rand)
	{
		my ($state, $took);
		# a busy machine may be slow by itself; what looks slow is asked again
		foreach my $try (1 .. ($long ? 3 : 1))
		{
			my $how = $after == 1 ? 'terminate' : 'cancel';
			my ($answer, $ms) = stopped($call, $pid, $after, $how);
			($state, $took) = ($answer, $ms) if !defined $took || $ms < $took;
			$pid = new_worker() if $answer =~ /^(lost|no end)$/;
			last if $answer eq 'no end' || $took < 250;
		}
		push @state, $state;
		next if $state eq '00000';
		$interrupted++;
		$slowest = $took if $took > ($slowest // 0);
	}
	is(join(' ', grep { !/^(57014|lost|00000)$/ } @state), '', "ends when told to: $call");
	$slowest{$call} = $slowest // 0;
	note(sprintf('%.0f ms, %s', $slowest, join ' ', @state)) if $long && defined $slowest;
	note("was too fast to be stopped") if !defined $slowest;
}
# the last look at each call is worth something when most were still at work
cmp_ok(scalar(grep { $_ > 0 } values %slowest), '>=', 0.6 * @call, "$interrupted times a call was at work");
note(sprintf 'slowest: %.0f ms, %s', $slowest{$_}, $_) foreach (sort { $slowest{$b} <=> $slowest{$a} } keys %slowest)[0 .. 9];
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'and the server is well');
disconnect($worker);
disconnect($boss);
$node->stop;
done_testing();
