const answer = await fetch(process.env.CHECKOUT_URL + "/api/v1/invoices", {
  method: "POST",
  headers: {
    Authorization: "Bearer " + process.env.CHECKOUT_KEY,
    "Content-Type": "application/json",
    "Idempotency-Key": "order-1024",
  },
  body: JSON.stringify({ amount: 1500000, description: "سفارش ۱۰۲۴", reference: "1024" }),
}); // no answer: call again, with the same key
if (answer.status !== 201) throw new Error(await answer.text());
const invoice = await answer.json();
console.log(invoice.id, invoice.payment_url); // keep the id, send the customer to the address
