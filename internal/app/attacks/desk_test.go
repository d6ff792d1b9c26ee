package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"dargah/internal/app/access"
)

// person is one who uses the admin by hand: a browser's cookies and nothing else.
type person struct {
	*house
	id              string
	email, password string
	cookies         map[string]string
	headers         []string
}

const password = "a long and dull password"

var persons atomic.Int64

// person makes a login with a role at a shop ("" for none).
func (h *house) person(slug, role string, operator bool) *person {
	h.Helper()
	p := &person{house: h, email: fmt.Sprintf("person-%d@example.com", persons.Add(1)), password: password, cookies: map[string]string{}}
	u, err := h.app.Access.CreateUser(h.Context(), access.NewUser{Email: p.email, Password: p.password, Merchant: slug, Role: role, Operator: operator})
	if err != nil {
		h.Fatal(err)
	}
	p.id = u.ID
	return p
}

// elsewhere is the same person at a browser that was never used.
func (p *person) elsewhere(headers ...string) *person {
	return &person{house: p.house, id: p.id, email: p.email, password: p.password, cookies: map[string]string{}, headers: headers}
}

func (p *person) ask(method, path string, form url.Values, headers ...string) answer {
	p.Helper()
	body := ""
	headers = append(append([]string{}, p.headers...), headers...)
	if method == http.MethodPost {
		body = form.Encode()
		headers = append(headers, "Content-Type", formType)
	}
	var jar []string
	for name, value := range p.cookies {
		jar = append(jar, name+"="+value)
	}
	if len(jar) > 0 {
		headers = append(headers, "Cookie", strings.Join(jar, "; "))
	}
	a := p.do(method, path, body, headers...)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(p.cookies, c.Name)
			continue
		}
		p.cookies[c.Name] = c.Value
	}
	return a
}

func (p *person) open(path string, headers ...string) answer {
	p.Helper()
	return p.ask(http.MethodGet, path, nil, headers...)
}

func (p *person) send(path string, pairs ...string) answer {
	p.Helper()
	return p.ask(http.MethodPost, path, fields(pairs...))
}

func fields(pairs ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// try signs in with whatever is given, and returns the answer.
func (p *person) try(email, password string) answer {
	p.Helper()
	return p.send("/admin/login", "email", email, "password", password)
}

// signIn comes in, and fails the test when it cannot.
func (p *person) signIn() *person {
	p.Helper()
	if a := p.try(p.email, p.password); a.status != http.StatusSeeOther || !p.in() {
		p.Fatalf("sign in: %d %.500s", a.status, a.body)
	}
	return p
}

// in reports whether the cookies open the admin.
func (p *person) in() bool {
	p.Helper()
	return p.open("/admin/account").status == http.StatusOK
}
