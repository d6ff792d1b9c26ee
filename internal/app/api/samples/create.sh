curl -sS -X POST "$CHECKOUT_URL/api/v1/invoices" \
  -H "Authorization: Bearer $CHECKOUT_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: order-1024" \
  -d '{"amount":1500000,"description":"سفارش ۱۰۲۴","reference":"1024"}'
