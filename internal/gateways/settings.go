package gateways

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/money"
)

const (
	maxCredential = 512
	maxHosts      = 20
)

// CommonKeys are the settings that both gateways have, with the limits of one of them.
func CommonKeys(minAmount, maxAmount string) []Key {
	return []Key{
		{Name: "amount_unit", Default: "rial"},
		{Name: "verify_window", Default: "15m"},
		{Name: "min_amount", Default: minAmount},
		{Name: "max_amount", Default: maxAmount},
		{Name: "enabled", Default: "true"},
	}
}

// CheckCommon checks the settings of CommonKeys.
func CheckCommon(s Settings) error {
	if unit := s["amount_unit"]; unit != "rial" && unit != "toman" {
		return &SettingError{Key: "amount_unit", Expected: "rial or toman"}
	}
	if d, _ := time.ParseDuration(s["verify_window"]); d < time.Second { // what is no duration is 0
		return &SettingError{Key: "verify_window", Expected: "a duration of at least 1s, such as 15m"}
	}
	least, err := checkAmount(s, "min_amount")
	if err != nil {
		return err
	}
	most, err := checkAmount(s, "max_amount")
	if err != nil {
		return err
	}
	if least > most {
		return &SettingError{Key: "max_amount", Expected: "at least min_amount"}
	}
	if on := s["enabled"]; on != "true" && on != "false" {
		return &SettingError{Key: "enabled", Expected: "true or false"}
	}
	return nil
}

func checkAmount(s Settings, key string) (money.Rial, error) {
	n, _ := strconv.ParseInt(s[key], 10, 64) // what is no number is 0, what is too large the largest
	if !Digits(s[key]) || n < 1 || money.Rial(n) > money.MaxInvoice {
		return 0, &SettingError{Key: key, Expected: "an amount in rial, 1 to " + strconv.FormatInt(int64(money.MaxInvoice), 10)}
	}
	return money.Rial(n), nil
}

// CheckCredential checks a secret that travels in a header or in JSON; empty is allowed here,
// since whether it may be empty depends on the account's mode.
func CheckCredential(s Settings, key string) error {
	value := s[key]
	for i := range len(value) {
		if value[i] < ' ' || value[i] >= 0x7f {
			return &SettingError{Key: key, Expected: "printable ASCII"}
		}
	}
	// Pasted with a space around it, it would be a wrong credential that looks right.
	if strings.TrimSpace(value) != value {
		return &SettingError{Key: key, Expected: "no space before or after"}
	}
	if len(value) > maxCredential {
		return &SettingError{Key: key, Expected: "at most 512 characters"}
	}
	return nil
}

// CheckURL checks an address of the vendor: https, or http when it leads to this machine.
func CheckURL(s Settings, key string) error {
	u, err := url.Parse(s[key])
	if err != nil || !plainASCII(s[key]) || len(s[key]) > maxURL || u.Hostname() == "" {
		return &SettingError{Key: key, Expected: "an absolute URL such as https://host/path"}
	}
	if u.User != nil || strings.Contains(s[key], "#") {
		return &SettingError{Key: key, Expected: "a URL without user, password and #fragment"}
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		return &SettingError{Key: key, Expected: "a port from 1 to 65535"}
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())) {
		return &SettingError{Key: key, Expected: "https (http only on loopback)"}
	}
	return nil
}

// CheckHosts checks a list of names to which a customer may be sent. Loopback is allowed when the
// account itself is on it.
func CheckHosts(s Settings, key string, loopback bool) error {
	names := strings.Split(s[key], ",")
	if len(names) > maxHosts {
		return &SettingError{Key: key, Expected: "at most 20 names"}
	}
	for _, name := range names {
		name = lower(strings.TrimSpace(name))
		if Loopback(name) {
			if !loopback {
				return &SettingError{Key: key, Expected: "no loopback name, since token_url is not on loopback"}
			}
			continue
		}
		if len(name) > 253 || !HostName(name) {
			return &SettingError{Key: key, Expected: "host names separated by commas, without ports, such as gardeshpay.ir"}
		}
	}
	return nil
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}
