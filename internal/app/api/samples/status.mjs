const answer = await fetch(process.env.CHECKOUT_URL + "/api/v1/invoices/" + process.argv[2], {
  headers: { Authorization: "Bearer " + process.env.CHECKOUT_KEY },
});
if (!answer.ok) throw new Error(await answer.text());
console.log((await answer.json()).status); // deliver when it is paid
