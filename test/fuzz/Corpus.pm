# The targets of the fuzzer and the inputs that are kept.  A corpus is a file
# of lines, one an input: printable ASCII as it is, all else as \xNN.
package Corpus;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';

our @EXPORT = qw(targets read_corpus write_corpus escaped unescaped);

# [name, kind, what] of each line of test/fuzz/targets
sub targets
{
	my ($folder) = @_;
	open my $in, '<', "$folder/targets" or die "$folder/targets: $!\n";
	return map { [ split /\t/ ] } grep { !/^#|^$/ } map { chomp; $_ } <$in>;
}

sub escaped
{
	my ($bytes) = @_;
	$bytes =~ s/([^\x20-\x5b\x5d-\x7e])/sprintf '\\x%02x', ord $1/ge;
	return $bytes;
}

sub unescaped
{
	my ($line) = @_;
	$line =~ s/\\x([0-9a-f]{2})/chr hex $1/ge;
	return $line;
}

sub read_corpus
{
	my ($file) = @_;
	open my $in, '<:raw', $file or return ();
	return map { chomp; unescaped($_) } <$in>;
}

sub write_corpus
{
	my ($file, @inputs) = @_;
	open my $out, '>:raw', $file or die "$file: $!\n";
	print $out map { escaped($_) . "\n" } sort { length $a <=> length $b || $a cmp $b } @inputs;
	close $out or die "$file: $!\n";
	return;
}

1;
