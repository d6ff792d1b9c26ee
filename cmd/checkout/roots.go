package main

import (
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// roots are the certificates that gateways are known by, for an image that holds nothing else. They are
// read beside the reading of flags: a hundred and more of them are a good part of a start.
var roots = sync.OnceFunc(func() {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			panic("a root certificate of the program cannot be read: " + err.Error())
		}
		if root.Constraint == nil {
			pool.AddCert(cert)
		} else {
			pool.AddCertWithConstraint(cert, root.Constraint)
		}
	}
	x509.SetFallbackRoots(pool)
})

// trustRoots has roots trusted where the system trusts none; until the channel is closed nobody is called.
func trustRoots() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		roots()
		close(done)
	}()
	return done
}
