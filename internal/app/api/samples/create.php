<?php
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => [
        'Authorization: Bearer ' . getenv('CHECKOUT_KEY'),
        'Content-Type: application/json',
        'Idempotency-Key: order-1024',
    ],
    'content' => json_encode(['amount' => 1500000, 'description' => 'سفارش ۱۰۲۴', 'reference' => '1024']),
    'ignore_errors' => true,
]]);
$answer = file_get_contents(getenv('CHECKOUT_URL') . '/api/v1/invoices', false, $context);
if ($answer === false || !str_contains($http_response_header[0], ' 201')) {
    exit("not created: $answer\n"); // no answer: call again, with the same key
}
$invoice = json_decode($answer, true);
echo $invoice['id'], ' ', $invoice['payment_url'], "\n"; // keep the id, send the customer to the address
