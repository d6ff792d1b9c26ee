package gardeshpay_test

import (
	"testing"

	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/gatewaystest"
)

// Every trap of the protocol is one file: what goes over the wire and what must come of it.
func TestFixtures(t *testing.T) {
	gatewaystest.Run(t, "testdata", func(c *gateways.Client) gateways.Gateway { return gardeshpay.New(c) })
}
