# A chain and a star of very many members, and graphs for the programs that
# read them.  Were this broken, somebody who invites himself again and again,
# or who invites everybody, would break reading for all, overflow the stack, or
# start what nobody can stop; or Graphviz and Mermaid would refuse our graphs.
#
#   COMMUNITY_FOREST_MEMBERS   of each; 1000000 in make test-long
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $n = $ENV{COMMUNITY_FOREST_MEMBERS} || 100_000;
my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
log_statement = none
autovacuum = off
max_stack_depth = 200kB
maintenance_work_mem = 512MB
CONF
$node->restart;

sub value
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# ---- members and their sponsors come in one transaction, so each is a new
# leaf: nobody waits, and nobody walks up the chain.  The chain is 1 to n, the
# star n + 1 with n below it.
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION community;
SELECT community.create_program('forest');
INSERT INTO community.referral_setting (program_id, maximum_depth)
VALUES (community.current_program(), 2000000000);
CREATE TABLE given AS
SELECT i AS member, nullif(i - 1, 0)::bigint AS sponsor FROM generate_series(1, $n) AS i
UNION ALL SELECT $n + 1, NULL
UNION ALL SELECT i, $n + 1 FROM generate_series($n + 2, 2 * $n + 1) AS i;
BEGIN;
INSERT INTO community.member (program_id, member_id, joined_at)
SELECT community.current_program(), member, '2024-01-01' FROM given;
INSERT INTO community.referral (program_id, member_id, sponsor_id, enroller_id, joined_at, depth)
SELECT community.current_program(), member, sponsor, sponsor, '2024-01-01', 0
FROM given WHERE sponsor IS NOT NULL ORDER BY member;
COMMIT;
ANALYZE community.member, community.referral;
SQL
is(value('SELECT max(depth) FROM community.referral'), $n - 1, 'the chain is as deep as it is long');

# ---- what every function says
my ($star, $leaf) = ($n + 1, 2 * $n + 1);
my $last = $n - 1;
my $below = $n + 1;
my ($all, $brought) = (2 * $n + 1, 2 * $n - 1);
my $depths = $n * $last / 2 + $n;
my @question = (
	[ 'upline of the last in the chain',
		"SELECT count(*), max(level), sum(member_id) = (${n}::numeric * $last) / 2 FROM community.upline($n)", "$last|$last|t" ],
	[ 'ten levels of it', "SELECT count(*), min(member_id) FROM community.upline($n, 10)", '10|' . ($n - 10) ],
	[ 'downline of the first in the chain',
		'SELECT count(*), max(level), bool_and(level = member_id - 1 AND sponsor_id = level) FROM community.downline(1)', "$last|$last|t" ],
	[ 'upline of the last of the star', "SELECT count(*), min(member_id) FROM community.upline($leaf)", "1|$star" ],
	[ 'downline of the star',
		"SELECT count(*), max(level), bool_and(member_id = n + $star) FROM community.downline($star) WITH ORDINALITY AS d (level, member_id, sponsor_id, joined_at, n)",
		"$n|1|t" ],
	[ 'generation', "SELECT community.generation($n), community.generation(1), community.generation($leaf), community.generation($star)", "$last|0|1|0" ],
	[ 'is_upline', "SELECT community.is_upline(1, $n), community.is_upline($n, 1), community.is_upline($star, $leaf), community.is_upline($star, $n)", 't|f|t|f' ],
	[ 'common_sponsor', "SELECT community.common_sponsor(2, $n), community.common_sponsor($leaf, $leaf - 1), community.common_sponsor($n, $leaf) IS NULL", "2|$star|t" ],
	[ 'as of then', "SELECT community.generation($n, now()), community.generation($n, '2023-12-31')", "$last|0" ],
	[ 'tree of the chain', "SELECT count(*), max(t) FILTER (WHERE t ~ 'level') FROM community.referral_tree(1, 1000) AS t", "1003|$n members, $last levels, 1001 drawn, 0.00" ],
	[ 'tree of the star', "SELECT count(*), max(t) FILTER (WHERE t ~ 'level') FROM community.referral_tree($star) AS t", "24|$below members, 1 level, 21 drawn, 0.00" ],
	[ 'all of the star', "SELECT count(*) FROM community.referral_tree($star, width => NULL)", $n + 3 ],
	[ 'graph of the star', "SELECT length(community.referral_graph($star, width => NULL)) > 40 * $n", 't' ],
	[ 'everybody as of then', 'SELECT count(*), count(sponsor_id) FROM community.referral_as_of(now())', "$all|$brought" ],
	[ 'growth', q{SELECT string_agg(metric || ' ' || coalesce(part, value), ', ' ORDER BY metric) FROM community.referral_metrics()
		WHERE scope = 'forest' AND metric IN ('roots', 'depth', 'breadth', 'largest_broadcast', 'invitees_per_inviter', 'mean_depth')},
		"breadth $below, depth $last, invitees_per_inviter $brought, largest_broadcast $n, mean_depth $depths, roots 2" ],
	[ 'generations', 'SELECT count(*), sum(members), max(generation) FROM community.generations()', "$n|$all|$last" ],
	[ 'cohorts', 'SELECT members, excluded, inviters, invitees FROM community.cohort_k()', "$all|0|$n|$brought" ],
	[ 'cycle time', 'SELECT invitees, median_days FROM community.cycle_time()', "$brought|0" ],
	[ 'reproduction', 'SELECT day, joined, invitees FROM community.reproduction_number()', "2024-01-01|$all|$brought" ],
	[ 'graph of the chain', q{SELECT count(*) FROM regexp_matches(community.referral_graph(1, 1000, 'mermaid'), '-->', 'g')}, 1000 ],
);
foreach my $q (@question)
{
	is(value($q->[1]), $q->[2], $q->[0]);
}

# ---- each can be cancelled at any time.  What stands beside a function is
# evaluated as soon as the function has given its result, before anybody looks
# whether there is something to cancel, and no rollback takes a sequence back.
# So a function that does not look up from its work leaves its mark, whenever
# the cancel comes.  Where it was faster than before, or had just ended, it is
# asked again.
$node->safe_psql('postgres', 'CREATE SEQUENCE ended');
my @call = (
	"upline($n)", 'downline(1)', "downline($star)", "generation($n)", "is_upline(1, $n)", "common_sponsor(2, $n)",
	"generation($n, now())", 'referral_tree(1, 1000)', "referral_tree($star)", "referral_tree($star, width => NULL)",
	"referral_graph($star, width => NULL)", "referral_graph(1, 1000, 'mermaid')", 'downline_count(1)', "downline_count($star)",
	'downline_sizes()', 'structural_virality()', 'referral_metrics()', 'generations()', 'cohort_k()', 'cycle_time()',
	'reproduction_number()', 'referral_check()', "sanction_subtree($star, 'comment', 'test')");
foreach my $call (@call)
{
	my $sql = "SELECT community.$call, nextval('ended') LIMIT 1";
	my ($whole, $ended) = split /\n/, value("SELECT clock_timestamp() AS t \\gset\nBEGIN;\n\\o /dev/null\n$sql;\n\\o\nROLLBACK;\n"
		  . q{SELECT (extract(epoch FROM clock_timestamp() - :'t') * 1000)::int; SELECT nextval('ended')});
	next if $whole < 20;
	my $heard = 0;
	foreach my $part (0.2, 0.5, 0.8)
	{
		my $at = 1 + int $whole * $part;
		for my $try (1 .. 5)
		{
			my ($rc, $out, $err) = $node->psql('postgres',
				"BEGIN;\nSET LOCAL statement_timeout = $at;\n\\o /dev/null\n$sql;\n\\o\n\\echo :LAST_ERROR_SQLSTATE\nROLLBACK;\nSELECT nextval('ended')",
				on_error_stop => 0);
			my ($state, $after) = split /\n/, $out;
			# of very short times the rollback may be what was cancelled
			next unless defined $after;
			my $went_on = $after > $ended + 1;
			$ended = $after;
			next unless $state eq '57014' && !$went_on;
			$heard++;
			last;
		}
	}
	# a run that is much faster than the first leaves less to be cancelled
	cmp_ok($heard, '>=', 1, "$call: can be cancelled");
}

# ---- graphs for the programs that draw them.  Names are what they should not be.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE name (n serial, name text);
INSERT INTO name (name) VALUES ('plain'), (E'a "quote"'), (E'back\\slash\\'), (E'\\'), (E'\\"'), (E'two\nlines'), ('<b>bold</b>'), ('&amp; &lt; &'),
	('</text><script>alert(1)</script>'), ('];}'), ('m1 --> m2'), ('%%{init: {}}%%'), ('#quot;'), ('style: #quot;x#35;'), ('end'), ('1. one'), ('- one'),
	('`code`'), ('[a](b)'), (U&'\4E2D\6587'), (U&'\00E9\0085\2028\202E'), (E'\x01\x1b[31m'), ('subgraph x'), ('"'), (''''), (';');
SELECT count(community.enroll(-n, sponsor => CASE WHEN n > 2 THEN -(n / 3) END, external_id => name)) FROM name;
SQL
foreach my $root (-1, -2)
{
	my $dot = value("SELECT community.referral_graph($root, 20)");
	my $members = value("SELECT 1 + count(*) FROM community.downline($root)");
  SKIP:
	{
		skip 'Graphviz is not installed', 3 unless -x '/usr/bin/dot' || grep { -x "$_/dot" } split /:/, $ENV{PATH};
		my ($svg, $err) = ('', '');
		IPC::Run::run([ 'dot', '-Tsvg' ], '<', \$dot, '>', \$svg, '2>', \$err);
		is($err, '', "$root: Graphviz has nothing to say against it");
		is(scalar(() = $svg =~ /class="node"/g), $members, "$root: and draws each member");
		unlike($svg, qr/<script|<b>/, "$root: and no name gets out of its text");
	}
	# the grammar of what we write, to the letter
	my $label = qr/(?:[^"#<>`{}\[\]()|;:%\\\n]|#\d+;|<br\/>)*/;
	my @line = split /\n/, value("SELECT community.referral_graph($root, 20, 'mermaid')");
	is(shift @line, 'flowchart TD', "$root: Mermaid is told what it is");
	is(scalar(grep { !/^ {4}(?:(?:m|rest)_?\d+\["$label"\]|m_?\d+ --> (?:m|rest)_?\d+|style (?:m|rest)_?\d+ stroke-dasharray: 5 5)$/ } @line),
		0, "$root: and each line is a node, an edge or a style");
	is(scalar(grep { /\["/ } @line), $members, "$root: with each member");
}
my $tree = value('SELECT community.referral_tree(-1, 20)');
is(scalar(() = $tree =~ /\n/g), value('SELECT 2 + count(*) FROM community.downline(-1)'), 'no name breaks a line of the tree');

$node->stop;
done_testing();
