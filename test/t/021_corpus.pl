# Every input that the fuzzer has found worth keeping, read by the ordinary
# library.  Were this broken, bytes of a client's could end the server, get an
# internal error, or be taken for a value that does not come back as it went in.
#
# The inputs are those of script/fuzz; see test/fuzz.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../blast", "$FindBin::RealBin/../fuzz";
use Community;
use Corpus;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $fuzz = "$FindBin::RealBin/../fuzz";
my $node = new_node('main');
$node->safe_psql('postgres', 'CREATE DATABASE corpus');
run_log([ 'psql', '-Xq', '-d', $node->connstr('corpus'), '-o', '/dev/null', '-f', "$FindBin::RealBin/../blast/populate.sql" ])
  or die 'cannot populate';

my $wire;

sub literal
{
	my ($text) = @_;
	$text =~ s/(['\\])/$1$1/g;
	return "E'$text'";
}

# What is wrong with the answer, if anything is.
sub wrong
{
	my ($answer, $input) = @_;
	return if $answer->{code} eq 'ok' || $answer->{code} =~ /^(?!XX)[0-9A-Z]{5}$/;
	return "$answer->{code} $answer->{message}: " . escaped($input);
}

# Text of a value: what comes out goes in again, by text and in binary.
sub read_text
{
	my ($type, $input, $oid) = @_;
	my $answer = $wire->query('SELECT ' . literal($input) . "::$type");
	my $text = $answer->{value};
	return ($answer) if $answer->{code} ne 'ok';
	my $again = $wire->query('SELECT ' . literal($text) . "::$type");
	return ($answer, "does not read back: $text") if ($again->{value} // '') ne $text;
	(my $name = $type) =~ s/.*\.//;
	my $sent = $wire->query("SELECT community.${name}_send(" . literal($input) . "::$type) = community.${name}_send("
			. literal($text) . "::$type)");
	return ($answer, "is another value when it comes back: $text") if ($sent->{value} // '') ne 't';
	return ($answer);
}

# Binary form of a value: only one form is taken, so it comes back as it is.
sub read_binary
{
	my ($type, $input, $oid) = @_;
	my $answer = $wire->receive($oid, $input);
	return ($answer, 'comes back as ' . escaped($answer->{value}))
	  if $answer->{code} eq 'ok' && $answer->{value} ne $input;
	return ($answer);
}

# An argument of a statement; what the statement does is undone.
sub read_argument
{
	my ($statement, $input) = @_;
	my $text = literal($input);
	$statement =~ s/\$1/$text/g;
	$wire->query('BEGIN');
	my $answer = $wire->query($statement);
	$wire->query('ROLLBACK');
	return ($answer);
}

foreach my $target (targets($fuzz))
{
	my ($name, $kind, $what) = @$target;
	my @input = read_corpus("$fuzz/corpus/$name");
	my ($taken, @wrong) = (0);
	$wire //= Wire->new($node->host, $node->port, scalar getpwuid($<), 'corpus');
	$wire->query("SET community.program = 'shop'; SET search_path = public, community; SET statement_timeout = '10s'");
	my $oid = $kind eq 'recv' ? $wire->query("SELECT '$what'::regtype::oid")->{value} : 0;
	foreach my $input (@input)
	{
		my $read = $kind eq 'in' ? \&read_text : $kind eq 'recv' ? \&read_binary : \&read_argument;
		my ($answer, $problem) = $read->($what, $input, $oid);
		$taken++ if $answer->{code} eq 'ok';
		$problem = defined $problem ? "$problem: " . escaped($input) : wrong($answer, $input);
		push @wrong, $problem if defined $problem;
		next if !$wire->{lost};
		undef $wire;
		last;
	}
	is_deeply(\@wrong, [], "$name: " . @input . ' inputs');
	cmp_ok(scalar @input, '>=', 5, "$name: there are inputs");
	cmp_ok($taken, '>', 0, "$name: some are taken");
	cmp_ok($taken, '<', scalar @input, "$name: some are refused");
}
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/, 'no process of the server has crashed');
$node->stop;
done_testing();
