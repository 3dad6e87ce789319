<?php
$context = stream_context_create(['http' => ['header' => 'Authorization: Bearer ' . getenv('GITHUB_TOKEN')]]);
$body = file_get_contents($argv[1], false, $context);
if ($body === false) exit(1);
echo $body;
