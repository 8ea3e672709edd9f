package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// issuer is an issuer of tokens: discovery and keys over HTTP.
type issuer struct {
	*httptest.Server

	mu   sync.Mutex
	keys []jose.JSONWebKey // guarded by mu; the last one signs
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{}
	i.addKey(t, "one")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		var public jose.JSONWebKeySet
		for _, k := range i.keys {
			public.Keys = append(public.Keys, k.Public())
		}
		_ = json.NewEncoder(w).Encode(public)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// newKey makes a key that nobody knows.
func newKey(t *testing.T, id string) jose.JSONWebKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	exampletest.Check(t, err)
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: "RS256", Use: "sig"}
}

// addKey signs with a new key from now on.
func (i *issuer) addKey(t *testing.T, id string) {
	key := newKey(t, id)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, key)
}

// key is the one that signs.
func (i *issuer) key() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// good are claims of a token that is taken.
func (i *issuer) good() jwt.Claims {
	return jwt.Claims{
		Issuer: i.URL, Subject: "ada", Audience: jwt.Audience{audience},
		Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}
}

// sign makes a token.
func sign(t *testing.T, key jose.JSONWebKey, c jwt.Claims, scope string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	exampletest.Check(t, err)
	token, err := jwt.Signed(signer).Claims(c).Claims(map[string]any{"scope": scope}).Serialize()
	exampletest.Check(t, err)
	return token
}
