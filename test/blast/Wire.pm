# A client of the server's protocol, version 3, as small as the tests of bad
# input need it: it sends what no honest client would, knows the SQLSTATE of
# each answer and how long it took, and notices when the server has gone.
#
#   my $wire = Wire->new($socket_folder, $port, $user, $database);
#   my $answer = $wire->query($sql);            # {code, message, detail, hint, value}
#   my $answer = $wire->receive($type_oid, $bytes);
package Wire;

use strict;
use warnings FATAL => 'all';
use IO::Socket::UNIX;

# Connect, or die with what the server says.
sub new
{
	my ($class, $folder, $port, $user, $database) = @_;
	my $socket = IO::Socket::UNIX->new("$folder/.s.PGSQL.$port")
	  or die "no server at $folder, port $port: $!\n";
	my $self = bless { socket => $socket, buffer => '' }, $class;
	my $startup = pack('N', 196608) . "user\0$user\0database\0$database\0\0";
	$self->_send(pack('N', 4 + length $startup) . $startup);
	my $answer = $self->_answer;
	die "$answer->{message}\n" if $answer->{code} ne 'ok';
	return $self;
}

# Run statements in one message, as a simple query.
sub query
{
	my ($self, $sql) = @_;
	$self->_send('Q' . pack('N', 5 + length $sql) . "$sql\0");
	return $self->_answer;
}

# Have the server read bytes as a value of the type, and write it in binary.
sub receive
{
	my ($self, $type, $bytes) = @_;
	my $sql = 'SELECT $1';
	my $parse = "\0$sql\0" . pack('nN', 1, $type);
	# one parameter, binary; one result format, binary
	my $bind = "\0\0" . pack('nnn', 1, 1, 1) . pack('N', length $bytes) . $bytes . pack('nn', 1, 1);
	my $execute = "\0" . pack('N', 0);
	$self->_send(join '', map { $_->[0] . pack('N', 4 + length $_->[1]) . $_->[1] }
			([ P => $parse ], [ B => $bind ], [ E => $execute ], [ S => '' ]));
	return $self->_answer;
}

sub _send
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $sent = syswrite $self->{socket}, $bytes;
		return if !defined $sent;       # _answer() will find it lost
		substr($bytes, 0, $sent, '');
	}
	return;
}

# What the server says until it is ready again.  The code is that of the first
# error, or ok, or lost; the value that of the last row's first column.
sub _answer
{
	my ($self) = @_;
	my %answer = (code => 'ok', message => '', rows => 0, copied => '', notices => []);
	while (1)
	{
		my $head = $self->_read(5);
		my $body = defined $head ? $self->_read(unpack('x N', $head) - 4) : undef;
		if (!defined $body)
		{
			@answer{qw(code message)} = ('lost', "the server has gone: $answer{message}");
			$self->{lost} = 1;
			last;
		}
		my $type = substr $head, 0, 1;
		if ($type eq 'D')
		{
			$answer{rows}++;
			$answer{told} ||= $body =~ /secret/i;
			my ($columns, $length) = unpack 'n l>', $body;
			$answer{value} = $columns && $length >= 0 ? substr($body, 6, $length) : undef;
		}
		elsif ($type eq 'E' || $type eq 'N')
		{
			my %field = map { (substr($_, 0, 1) => substr($_, 1)) } grep { length } split /\0/, $body;
			if ($type eq 'N') { push @{ $answer{notices} }, $field{M}; }
			elsif ($answer{code} eq 'ok')
			{
				@answer{qw(code message detail hint context inner)} =
				  ($field{C}, map { $_ // '' } @field{qw(M D H W q)});
			}
		}
		elsif ($type eq 'd') { $answer{copied} .= $body; }
		elsif ($type eq 'Z') { last; }
	}
	return \%answer;
}

sub _read
{
	my ($self, $length) = @_;
	while (length $self->{buffer} < $length)
	{
		sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or return;
	}
	return substr $self->{buffer}, 0, $length, '';
}

1;
