package browsertest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// The address of a payment link is its secret, and a browser tells addresses: on the way to the
// gateway, which wants to know the site, and on the way to the shop. It tells the site and no more
// (T43 of the threat table; its other half is in the attacks).
func TestT43_Referer(t *testing.T) {
	a := startAway(t)
	var mu sync.Mutex
	told := map[string]string{}
	mux := http.NewServeMux()
	other := httptest.NewServer(mux) // 127.0.0.1, where we are localhost: another site
	t.Cleanup(other.Close)
	hear := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told[strings.SplitN(r.URL.Path, "/", 3)[1]] = r.Referer()
	}
	var asked struct {
		Amount        int64
		InvoiceNumber string
		Callback      string
	}
	mux.HandleFunc("POST /provider/payment/getToken", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&asked)
		fmt.Fprintf(w, `{"success":true,"message":"","data":{"url":"%s/pay","token":"t1"}}`, other.URL)
	})
	mux.HandleFunc("GET /pay/t1", func(w http.ResponseWriter, r *http.Request) {
		hear(r)
		fmt.Fprintf(w, `<!doctype html><title>bank</title><a id="back" href="%s?trackingNumber=7001&amp;invoiceNumber=%s">back</a>`, asked.Callback, asked.InvoiceNumber)
	})
	mux.HandleFunc("POST /provider/payment/verify", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"success":true,"message":"","amount":%d,"verifiedBefore":false,"data":{"refNumber":"1","invoiceNumber":%q}}`, asked.Amount, asked.InvoiceNumber)
	})
	mux.HandleFunc("GET /thanks", func(w http.ResponseWriter, r *http.Request) {
		hear(r)
		fmt.Fprint(w, `<!doctype html><title>shop</title>`)
	})
	key, err := a.house.shop("referer", other.URL)
	if err != nil {
		t.Fatal(err)
	}
	shop := api{base: a.api.base, key: key}
	inv := shop.create(t, usual("en").with("return_url", other.URL+"/thanks"))
	b := open(t, screen{locale: "en", width: 1280})
	b.goTo(inv.Link)
	b.press(card)
	b.submit(pay)
	b.submit("#back")
	b.stands("paid", "paid", "en")
	b.submit(`a[href^="` + other.URL + `/thanks"]`)
	mu.Lock()
	defer mu.Unlock()
	for _, place := range []string{"pay", "thanks"} {
		if got, heard := told[place]; !heard || got != a.api.base+"/" {
			t.Errorf("%s was told %q, want the site alone", place, got)
		}
	}
}
