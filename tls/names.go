package tls

import (
	"errors"
	"strings"

	cryptotls "crypto/tls"
)

// names finds a certificate by the name a client asks for. It does not change
// once it serves.
type names struct {
	first *cryptotls.Certificate // for clients without a name that we have
	exact map[string][]*cryptotls.Certificate
	// under is by suffix: ".example" for "*.example".
	under map[string][]*cryptotls.Certificate
}

// add takes cert in, by f's names or else its own. *FileError for a name that
// no client can ask for.
func (n *names) add(cert *cryptotls.Certificate, f *CertificateFiles) error {
	if n.first == nil {
		n.first = cert
		n.exact = make(map[string][]*cryptotls.Certificate)
		n.under = make(map[string][]*cryptotls.Certificate)
	}
	list := f.Names
	if len(list) == 0 && cert.Leaf != nil {
		list = cert.Leaf.DNSNames
	}
	for _, name := range list {
		name = normalName(name)
		suffix, wild := strings.CutPrefix(name, "*")
		if wild && (len(suffix) < 2 || suffix[0] != '.') || strings.Contains(suffix, "*") || name == "" {
			return &FileError{f.Cert, errors.New("the name " + quoted(name) + ` must be like "a.example" or "*.example"`)}
		}
		if wild {
			n.under[suffix] = append(n.under[suffix], cert)
		} else {
			n.exact[name] = append(n.exact[name], cert)
		}
	}
	return nil
}

// find answers nil if there is none.
func (n *names) find(hello *cryptotls.ClientHelloInfo, strict bool) *cryptotls.Certificate {
	if list := n.match(normalName(hello.ServerName)); list != nil {
		return supported(hello, list)
	}
	if strict {
		return nil
	}
	return n.first
}

// match prefers the exact name, then the longest suffix.
func (n *names) match(name string) []*cryptotls.Certificate {
	if name == "" {
		return nil
	}
	if list := n.exact[name]; list != nil {
		return list
	}
	for {
		i := strings.IndexByte(name[1:], '.')
		if i < 0 {
			return nil
		}
		name = name[1+i:] // from the dot on
		if list := n.under[name]; list != nil {
			return list
		}
	}
}

// supported is the first of list that the client can verify, or the first.
func supported(hello *cryptotls.ClientHelloInfo, list []*cryptotls.Certificate) *cryptotls.Certificate {
	if len(list) > 1 {
		for _, cert := range list {
			if hello.SupportsCertificate(cert) == nil {
				return cert
			}
		}
	}
	return list[0]
}

// normalName is name in lower case, without the dot of an absolute name.
// Letters beyond ASCII do not occur (RFC 6066 §3: A-labels).
func normalName(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// quoted is name in quotes, at most 100 bytes of it.
func quoted(name string) string {
	return `"` + name[:min(len(name), 100)] + `"`
}
