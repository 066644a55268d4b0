# The same story in each encoding.  Were this broken, names in other alphabets
# would be cut within a character, refused or changed on their way.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin;
use Community;
use Test::More;

my $node = new_node('main');
# name of the encoding, that of the client, and a word in it
my @case = (
	[ 'UTF8', 'UTF8', "\xe4\xb8\xad\xe6\x96\x87" ],
	[ 'UTF8', 'GB18030', "\xd6\xd0\xce\xc4" ],
	[ 'SQL_ASCII', 'SQL_ASCII', "\xff\xfe\x80" ],
	[ 'LATIN1', 'LATIN1', "\xe9t\xe9" ],
	[ 'LATIN1', 'UTF8', "\xc3\xa9t\xc3\xa9" ],
	[ 'EUC_CN', 'EUC_CN', "\xd6\xd0\xce\xc4" ],
	[ 'EUC_CN', 'GB18030', undef ]);
foreach my $case (@case)
{
	my ($encoding, $client, $word) = @$case;
	my $database = lc "${encoding}_$client";
	$node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql($database, 'CREATE EXTENSION community');
	local $ENV{PGCLIENTENCODING} = $client;
	if (!defined $word)
	{
		# the server knows no conversion between these two
		isnt(sqlstate($node, $database, 'SELECT 1'), 'ok', "$encoding, client $client: not known to the server");
		next;
	}
	my $long = $word x 300;
	my $said = $node->safe_psql($database, <<"SQL");
SET client_min_messages = warning;
SELECT community.create_program('$word') > 0;
SELECT community.enroll(1, external_id => '$word'), community.member_id('$word');
SELECT community.enroll(2, sponsor => 1, code => NULL);
INSERT INTO community.activity_type (program_id, type, weight) VALUES (community.current_program(), '$word', 2);
CREATE TABLE "$word" (id int PRIMARY KEY, "$word" text, total numeric);
SELECT community.attach('"$word"', '$word', '"$word"', 'total') > 0;
INSERT INTO "$word" VALUES (1, '$word', 1.50);
SELECT amount FROM community.record(1, '$word', '$word', 5, payload => '{"$word": "$word"}');
SELECT amount FROM community.record(1, '$word', '$word', 5, payload => '{"$word": "$word"}');
SELECT (community.accrue(1, 10, '$word', reason => '$word')).points;
SELECT count(*), sum(amount) FROM community.event WHERE type = '$word';
SELECT string_agg(line, '') ~ '2' FROM community.referral_tree(1) AS t (line);
SELECT member FROM community.super_user WHERE external_id = '$word';
SELECT count(*) FROM community.check_installation('full');
SQL
	is($said, "t\n1|1\n2\nt\n5\n5\n10\n2|155\nt\n1\n0", "$encoding, client $client: the story");
	# a name that is too long is refused with a message that is text
	my ($rc, $out, $err) = $node->psql($database, "SELECT community.record(1, '$long', 'k')");
	like($err, qr/ERROR:  (?!invalid byte|character with byte)/, "$encoding, client $client: a long name gets an error that can be read");
}
$node->stop;
done_testing();
