<?php
$context = stream_context_create(['http' => [
    'header' => 'Authorization: Bearer ' . getenv('CHECKOUT_KEY'),
]]);
$answer = file_get_contents(getenv('CHECKOUT_URL') . '/api/v1/invoices/' . $argv[1], false, $context);
if ($answer === false) {
    exit(1);
}
echo json_decode($answer, true)['status'], "\n"; // deliver when it is paid
