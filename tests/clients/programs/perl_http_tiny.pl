use strict;
use warnings;
use HTTP::Tiny;

my $client = HTTP::Tiny->new(verify_SSL => 1);
my $response = $client->get($ARGV[0], {headers => {Authorization => "Bearer $ENV{GITHUB_TOKEN}"}});
die "$response->{status} $response->{content}" unless $response->{status} == 200;
print $response->{content};
