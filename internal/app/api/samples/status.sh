curl -sS "$CHECKOUT_URL/api/v1/invoices/$1" \
  -H "Authorization: Bearer $CHECKOUT_KEY"
