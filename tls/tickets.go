package tls

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sync"

	cryptotls "crypto/tls"
)

// maxTicketKeys is how many keys a file may have: each costs a client's ticket
// one attempt at decrypting it.
const maxTicketKeys = 16

// TicketKeys are the keys of session tickets from a file that a fleet shares:
// lines of 64 hexadecimal digits, the newest key first; empty lines and those
// that begin with # do not count. The first key encrypts, all decrypt. To
// rotate, add a key as the last line everywhere, then move it to the top, then
// remove the oldest once its tickets are too old (7 days at most). Safe for
// concurrent use.
type TicketKeys struct {
	path    string
	onError func(error)

	mu      sync.Mutex
	keys    [][32]byte
	configs []*cryptotls.Config

	reported string // what onError was told of last; Watcher's
}

// LoadTicketKeys reads the file. *FileError if it cannot be used. onError, which
// may be nil, is told when a Watcher finds it bad, once per problem.
func LoadTicketKeys(path string, onError func(error)) (*TicketKeys, error) {
	k := &TicketKeys{path: path, onError: onError}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload reads the file again. If that fails the old keys stay.
func (k *TicketKeys) Reload() error {
	text, err := readFile(k.path)
	if err != nil {
		return err
	}
	keys, err := parseTicketKeys(text)
	if err != nil {
		return &FileError{k.path, err}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
	for _, cfg := range k.configs {
		cfg.SetSessionTicketKeys(keys)
	}
	return nil
}

// paths is Watched's.
func (k *TicketKeys) paths() []string { return []string{k.path} }

// refresh is Watched's.
func (k *TicketKeys) refresh() {
	err := k.Reload()
	if err == nil {
		k.reported = ""
		return
	}
	if text := err.Error(); text != k.reported && k.onError != nil {
		k.reported = text
		k.onError(err)
	}
}

// use has cfg follow the keys from now on.
func (k *TicketKeys) use(cfg *cryptotls.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cfg.SetSessionTicketKeys(k.keys)
	k.configs = append(k.configs, cfg)
}

func parseTicketKeys(text []byte) (keys [][32]byte, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var key [32]byte
		if len(line) != hex.EncodedLen(len(key)) {
			return nil, fmt.Errorf("line %d: %d characters, must be %d hexadecimal digits",
				number, len(line), hex.EncodedLen(len(key)))
		}
		if _, err := hex.Decode(key[:], line); err != nil {
			// Not err: it would quote a part of the key.
			return nil, fmt.Errorf("line %d: not hexadecimal", number)
		}
		keys = append(keys, key)
	}
	if n := len(keys); n < 1 || n > maxTicketKeys {
		return nil, fmt.Errorf("%d keys, must be 1 to %d", n, maxTicketKeys)
	}
	return keys, nil
}
