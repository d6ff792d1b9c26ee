package app

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// ageHead is how every file begins that age has encrypted (age-encryption.org/v1).
var ageHead = []byte("age-encryption.org/")

// decrypted gives a backup as it was before it was encrypted: the file itself when it was not, otherwise
// a copy that only we can read and that forget removes. A process that dies meanwhile leaves the copy in
// the folder for temporary files.
func decrypted(file, identity string) (plain string, forget func() error, err error) {
	from, err := os.Open(file)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = from.Close() }()
	r := bufio.NewReader(from)
	head, _ := r.Peek(len(ageHead)) // a shorter file is no backup either way
	switch sealed := bytes.Equal(head, ageHead); {
	case !sealed && identity != "":
		return "", nil, fmt.Errorf("%s is not encrypted: leave --identity out", file)
	case !sealed:
		return file, func() error { return nil }, nil
	case identity == "":
		return "", nil, fmt.Errorf("%s is encrypted: --identity FILE names the private key that age-keygen wrote", file)
	}
	keys, err := readIdentities(identity)
	if err != nil {
		return "", nil, err
	}
	opened, err := age.Decrypt(r, keys...)
	if err != nil {
		return "", nil, fmt.Errorf("open %s with %s: %w", file, identity, err)
	}
	dir, err := os.MkdirTemp("", "checkout-backup-")
	if err != nil {
		return "", nil, err
	}
	forget = func() error { return os.RemoveAll(dir) }
	plain = filepath.Join(dir, "backup.db")
	if err := writeAll(plain, opened); err != nil {
		return "", nil, errors.Join(fmt.Errorf("decrypt %s: %w", file, err), forget())
	}
	return plain, forget, nil
}

func readIdentities(file string) ([]age.Identity, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	defer func() { _ = f.Close() }()
	keys, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("%s holds no private key of age: %w", file, err)
	}
	return keys, nil
}

func writeAll(file string, from io.Reader) error {
	to, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
