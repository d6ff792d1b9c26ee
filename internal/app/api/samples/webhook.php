<?php
// The three headers against the body as it came, byte by byte.
function genuine(string $secret, string $id, string $timestamp, string $signatures, string $body): bool {
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($want, $signature)) {
            return true;
        }
    }
    return false;
}

// In a server: php://input, and $_SERVER['HTTP_WEBHOOK_ID'], …_TIMESTAMP and …_SIGNATURE.
$body = file_get_contents('php://stdin');
if (!genuine(getenv('WEBHOOK_SECRET'), $argv[1], $argv[2], $argv[3], $body)) {
    exit(1);
}
echo "genuine\n";
