import json, os, urllib.request

request = urllib.request.Request(
    os.environ["CHECKOUT_URL"] + "/api/v1/invoices",
    data=json.dumps({"amount": 1500000, "description": "سفارش ۱۰۲۴", "reference": "1024"}).encode(),
    headers={
        "Authorization": "Bearer " + os.environ["CHECKOUT_KEY"],
        "Content-Type": "application/json",
        "Idempotency-Key": "order-1024",
    },
)
with urllib.request.urlopen(request) as answer:  # no answer: call again, with the same key
    invoice = json.load(answer)
print(invoice["id"], invoice["payment_url"])  # keep the id, send the customer to the address
