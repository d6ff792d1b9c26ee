import json, os, sys, urllib.request

request = urllib.request.Request(
    os.environ["CHECKOUT_URL"] + "/api/v1/invoices/" + sys.argv[1],
    headers={"Authorization": "Bearer " + os.environ["CHECKOUT_KEY"]},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["status"])  # deliver when it is paid
