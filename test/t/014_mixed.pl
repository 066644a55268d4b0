# All that members do, at once.  Were this broken, two requests that meet would
# lose, double or mix up what each does alone, at some isolation level; a retry
# would count again; or the books would disagree while they are being written.
#
#   COMMUNITY_MIXED_OPERATIONS   as many at the least; 1000000 in make test-long;
#                                without it, 8 seconds at mixed levels, and at
#                                least 250 steps of each client
#
# Operations come in rounds, each on a server of its own and at all levels one
# after the other: members are few, so that requests meet, and what corrects an
# old event looks at all that its member has done since.
#
# See Mixed.pm for what is done, and MixedAudit.pm for what must hold.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Load;
use Mixed;
use MixedAudit;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROUND => 20_000;
my $operations = $ENV{COMMUNITY_MIXED_OPERATIONS} || 0;
my @level = ('read committed', 'repeatable read', 'serializable');

# A load at some levels, and all checks; gives the number of operations.
sub at_levels
{
	my ($node, $books, $phase, $levels, %how_long) = @_;
	my $count = mixed_load($node, phase => $phase, books => $books, levels => $levels, %how_long);
	mixed_audit($node, $phase, $books);
	note("$phase: ", join ', ', map { "$_ " . int $count->{$_} } sort keys %$count);
	cmp_ok($count->{'sent again'} // 0, '>', 10, "$phase: requests were delivered again");
	cmp_ok($count->{'key reused'} // 0, '>', 3, "$phase: keys were used for something else");
	cmp_ok($count->{audit} // 0, '>', 0, "$phase: somebody looked meanwhile");
	is($node->safe_psql('postgres', q{
		SELECT k FROM unnest('{record,refund,order,accrue,redeem,transfer,undo,hold,capture,release,enroll,move,group,join,envelope,claim}'::text[]) AS k
		WHERE (SELECT count(*) FROM log AS l WHERE l.what = 'ack' AND l.kind = k) < 2}), '', "$phase: each kind of request was made");
	return $count->{operations};
}

my ($done, $round) = (0, 0);
do
{
	my $node = load_node('round' . ++$round);
	mixed_setup($node);
	mixed_audit_setup($node);
	if ($operations)
	{
		$done += at_levels($node, $round, "$_->[0] $round", $_->[1], operations => ROUND / 4)
		  foreach (map { [ $_, [$_] ] } @level), [ 'mixed levels', \@level ];
		note("$done operations");
	}
	else
	{
		at_levels($node, $round, 'mixed levels', \@level, seconds => 8, least => 250);
	}
	$node->stop;
	$node->clean_node if Test::More->builder->is_passing;
} while ($done < $operations);
done_testing();
