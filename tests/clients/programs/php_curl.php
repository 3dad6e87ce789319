<?php
$request = curl_init($argv[1]);
curl_setopt_array($request, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FAILONERROR => true,
    CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . getenv('GITHUB_TOKEN')]]);
$body = curl_exec($request);
if ($body === false) exit(1);
echo $body;
