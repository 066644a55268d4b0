# A hundred seats and five hundred who want one, all at once.  Were this
# broken, seats would be given twice or not at all, somebody would wait beside
# a free seat or be passed over, or everybody would wait for everybody.
#
# A dozen connections claim, roll back, ask again and retry; then as many
# release seats and give up places; then both at the same time.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { CONNECTIONS => 12, APPLICANTS => 500, SEATS => 100 };
srand 4711;

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 40
deadlock_timeout = '100ms'
log_statement = none
CONF
$node->restart;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION community;
SELECT community.create_program('seats');
SELECT count(community.enroll(i)) FROM generate_series(1, 700) AS i;
INSERT INTO community.ladder (program_id, name) VALUES (community.current_program(), 'club');
INSERT INTO community.ladder_version (program_id, version_id, ladder_id, valid, definition)
SELECT l.program_id, 1, l.ladder_id, '[2020-01-01,)',
	'{"name": "club", "tiers": [{"rank": 1, "name": "founder", "entry": "none", "seats": 100}]}'
FROM community.ladder AS l;
SQL

my $claim = sub {
	my ($member) = @_;
	return "SELECT * FROM community.claim_seat($member, 'club', 'founder', 'claim $member');";
};
my $release = sub {
	my ($member) = @_;
	return "SELECT community.release_seat($member, 'club', 'founder', 'leaves', 'release $member');";
};

# Run a script for each connection at the same time, all from the same moment
# on; their errors.
sub together
{
	my ($name, @script) = @_;
	my $gate = $node->background_psql('postgres');
	$gate->query_safe('BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE;');
	my @psql = map {
		psql_start($node, 'postgres', "$name $_",
			"\\set VERBOSITY sqlstate\n\\o /dev/null\nTABLE gate;\n\\o\n$script[$_]") } 0 .. $#script;
	$node->poll_query_until('postgres', 'SELECT count(*) = ' . @script
		  . q{ FROM pg_stat_activity WHERE query LIKE '%TABLE gate%' AND wait_event_type = 'Lock'})
	  or die 'not all came to the gate';
	$gate->query_safe('COMMIT;');
	$gate->quit;
	$_->finish foreach @psql;
	return join '', map { slurp_file("$PostgreSQL::Test::Utils::tmp_check/$name $_.err") } 0 .. $#script;
}

# Deal the statements out to the connections.
sub deal
{
	my (@statement) = @_;
	my @script = ('') x CONNECTIONS;
	$script[ $_ % CONNECTIONS ] .= "$statement[$_]\n" foreach 0 .. $#statement;
	return @script;
}

sub shuffled
{
	my (@list) = @_;
	foreach my $i (reverse 1 .. $#list)
	{
		my $j = int rand($i + 1);
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

sub value
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# What holds at any time, whatever has happened.
sub check
{
	my ($when) = @_;
	is(value('SELECT rule, object, detail FROM community.check_installation()'), '', "$when: the books agree");
	is(value(q{SELECT count(*) - count(DISTINCT s.member_id) FROM community.tier_seat AS s WHERE s.member_id IS NOT NULL}),
		0, "$when: nobody has two seats");
	# held at the same time, counted at each beginning
	is(value(q{
		SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n
			FROM community.tenure AS a JOIN community.tenure AS b ON b.during @> lower(a.during)
			WHERE a.source = 'seat' AND a.superseded_at IS NULL AND b.source = 'seat' AND b.superseded_at IS NULL
			GROUP BY a.tenure_id) AS x}), SEATS, "$when: never more tenures at a time than seats");
	return;
}

$node->safe_psql('postgres', 'CREATE TABLE gate ()');

# ---- five hundred apply; every fifth rolls back first, every seventh asks twice
my @work;
foreach my $member (shuffled(1 .. APPLICANTS))
{
	my $sql = $claim->($member);
	push @work, ($member % 5 ? '' : "BEGIN; $sql SELECT pg_sleep(0.001); ROLLBACK; ") . $sql . ($member % 7 ? '' : $sql);
}
# and some who take it all back
push @work, 'BEGIN; ' . $claim->($_) . ' ROLLBACK;' foreach 501 .. 560;
is(together('apply', deal(shuffled(@work))), '', 'all applications are answered');
is(value(q{SELECT count(*) FROM community.tenure WHERE source = 'seat'}), SEATS, 'exactly 100 tenures');
is(value('SELECT seats, taken, waiting FROM community.seats'), '100|100|400', '400 wait');
is(value('SELECT array_agg(seat ORDER BY seat) = (SELECT array_agg(i) FROM generate_series(1, 100) AS i) FROM community.tier_seat WHERE member_id IS NOT NULL'),
	't', 'with the seats from 1 to 100');
is(value('SELECT count(*) FROM community.tier_seat_request'), APPLICANTS, 'one request for each who applied');
is(value(q{SELECT count(*) FROM generate_series(1, 500) AS m, community.claim_seat(m, 'club', 'founder', 'claim ' || m) AS c
	WHERE c.replay AND (c.seat IS NULL) <> (c.place IS NULL)}), APPLICANTS, 'each is told a seat or a place');
check('applied');

# ---- sixty leave their seats, forty the list: the next come in order
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE list AS SELECT w.member_id, row_number() OVER (ORDER BY w.wait_id) AS place FROM community.tier_seat_wait AS w;
SQL
my @seated = split /\n/, value('SELECT member_id FROM community.tier_seat WHERE member_id IS NOT NULL ORDER BY seat LIMIT 60');
my @bored = split /\n/, value('SELECT member_id FROM list WHERE place % 4 = 1 ORDER BY place LIMIT 40');
@work = map { my $sql = $release->($_); ($_ % 3 ? '' : "BEGIN; $sql ROLLBACK; ") . $sql } @seated, @bored;
is(together('release', deal(shuffled(@work))), '', 'all who leave are let go');
my $left = value(q{SELECT count(*) FROM community.tenure WHERE source = 'seat' AND superseded_at IS NULL AND NOT upper_inf(during)});
cmp_ok($left, '>=', 60, 'those had seats');
is(value('SELECT seats, taken, waiting FROM community.seats'), '100|100|300', 'their seats are taken again');
is(value(q{SELECT (SELECT max(l.place) FROM list AS l JOIN community.tier_seat USING (member_id))
	< (SELECT min(l.place) FROM list AS l JOIN community.tier_seat_wait USING (member_id))}), 't', 'nobody was passed over');
is(value(q{SELECT count(*) FROM (SELECT lower(t.during) < lag(lower(t.during)) OVER (ORDER BY l.place) AS wrong
	FROM list AS l JOIN community.tenure AS t ON t.member_id = l.member_id AND t.source = 'seat' AND t.superseded_at IS NULL) AS x
	WHERE x.wrong}), 0, 'seats were given in the order of the list');
check('released');

# ---- everybody at once: who has left comes back, others leave, some roll back
my @there = split /\n/, value(q{SELECT member_id FROM (SELECT member_id FROM community.tier_seat WHERE member_id IS NOT NULL
	UNION ALL SELECT member_id FROM community.tier_seat_wait) AS x ORDER BY 1});
@work = ();
foreach my $member (shuffled(@there))
{
	push @work, $release->($member) if $member % 3;
	push @work, 'BEGIN; ' . $release->($member) . ' ROLLBACK;' unless $member % 3;
}
push @work, $claim->($_) foreach 561 .. 700;
is(together('mixed', deal(shuffled(@work))), '', 'all are answered');
is(value(q{SELECT count(*) FROM community.seats WHERE taken < seats AND waiting > 0}), 0, 'nobody waits beside a free seat');
my $staying = 140 + grep { $_ % 3 == 0 } @there;
is(value('SELECT taken + waiting FROM community.seats'), $staying, 'those who stay are all there');
check('mixed');
is(value('SELECT community.hand_out_seats()'), 0, 'and there is nothing to put right');

unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody has waited in a circle');
$node->stop;
done_testing();
