use strict;
use warnings;
use LWP::UserAgent;

my $response = LWP::UserAgent->new->get($ARGV[0], Authorization => "Bearer $ENV{GITHUB_TOKEN}");
die $response->status_line unless $response->code == 200;
print $response->content;
