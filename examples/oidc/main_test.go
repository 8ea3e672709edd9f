package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

const audience = "my-api"

// want is an answer.
type want struct {
	status          int
	challenge, body string
}

var (
	ada       = want{http.StatusOK, "", `{"sub":"ada","scope":"read admin"}`}
	nobody    = want{http.StatusUnauthorized, `Bearer`, "Unauthorized"}
	invalid   = want{http.StatusUnauthorized, `Bearer error="invalid_token"`, "Unauthorized"}
	forbidden = want{http.StatusForbidden, `Bearer error="insufficient_scope", scope="admin"`, "Forbidden"}
)

func TestTokens(t *testing.T) {
	i := newIssuer(t)
	changed := func(change func(*jwt.Claims)) string {
		c := i.good()
		change(&c)
		return "Bearer " + sign(t, i.key(), c, "read admin")
	}
	good := changed(func(*jwt.Claims) {})
	cases := []struct {
		name, path, authorization string
		want                      want
	}{
		{"good", "/me", good, ada},
		{"good, scheme in small letters", "/me", "bearer" + strings.TrimPrefix(good, "Bearer"), ada},
		{"with the scope", "/admin", good, ada},
		{"without the scope", "/admin", "Bearer " + sign(t, i.key(), i.good(), "read"), forbidden},
		{"none", "/me", "", nobody},
		{"another scheme", "/me", "Basic YTpi", nobody},
		{"garbage", "/me", "Bearer x.y.z", invalid},
		{"cut short", "/me", good[:len(good)-2], invalid},
		{"expired", "/me", changed(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Hour)) }), invalid},
		{"for somebody else", "/me", changed(func(c *jwt.Claims) { c.Audience = jwt.Audience{"their-api"} }), invalid},
		{"by another issuer", "/me", changed(func(c *jwt.Claims) { c.Issuer = "https://example.com" }), invalid},
		{"signed by somebody else", "/me", "Bearer " + sign(t, newKey(t, "one"), i.good(), ""), invalid},
	}
	newHandler := func(t *testing.T) http.Handler {
		h, err := handler(context.Background(), i.URL, audience)
		exampletest.Check(t, err)
		return h
	}
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		for _, http2 := range []bool{false, true} {
			c := s.Client(t, http2)
			for _, tc := range cases {
				t.Run(tc.name, func(t *testing.T) { ask(t, c, s.URL+tc.path, tc.authorization, tc.want) })
			}
		}
	})
	t.Run("a new key", func(t *testing.T) {
		exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
			i.addKey(t, "of "+t.Name()) // which the handler has not seen
			ask(t, s.Client(t, false), s.URL+"/me", changed(func(*jwt.Claims) {}), ada)
		})
	})
}

func TestNoIssuer(t *testing.T) {
	i := newIssuer(t)
	if _, err := handler(t.Context(), i.URL+"/nowhere", audience); err == nil {
		t.Error("no error")
	}
}

func ask(t *testing.T, c *http.Client, url, authorization string, want want) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	exampletest.Check(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := c.Do(req)
	exampletest.Check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	exampletest.Check(t, err)
	exampletest.Equal(t, "status", resp.StatusCode, want.status)
	exampletest.Equal(t, "challenge", resp.Header.Get("WWW-Authenticate"), want.challenge)
	exampletest.Equal(t, "body", strings.TrimSpace(string(body)), want.body)
}
