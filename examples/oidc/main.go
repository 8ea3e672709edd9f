// Bearer tokens of OpenID Connect: middleware by coreos/go-oidc, which reads the
// issuer's keys by discovery, checks the JWT of each request (signature, issuer,
// audience, times) and hands its claims on. RFC 6750 says how requests and
// refusals look.
//
//	go run ./oidc -issuer https://accounts.example.com -audience my-api
//	curl -H "Authorization: Bearer $TOKEN" localhost:8080/me
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/uringserve/uringserve"
)

// claims are what a service wants to know of its caller.
type claims struct {
	Subject string `json:"sub"`
	Scope   string `json:"scope"` // separated by spaces, RFC 8693 §4.2
}

type claimsKey struct{}

func main() {
	issuer := flag.String("issuer", "", "URL of the issuer")
	audience := flag.String("audience", "", "whom tokens must be for")
	flag.Parse()
	h, err := handler(context.Background(), *issuer, *audience)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(uringserve.ListenAndServe("localhost:8080", h))
}

// handler asks the issuer for its keys, and again when it sees a new one's id.
func handler(ctx context.Context, issuer, audience string) (http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience})
	mux := http.NewServeMux()
	mux.Handle("GET /me", require(verifier, "", http.HandlerFunc(me)))
	mux.Handle("GET /admin", require(verifier, "admin", http.HandlerFunc(me)))
	return mux, nil
}

// require lets requests through that have a good token with scope, if it is not
// empty.
func require(v *oidc.IDTokenVerifier, scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			refuse(w, http.StatusUnauthorized, `Bearer`)
			return
		}
		var c claims
		token, err := v.Verify(r.Context(), raw)
		if err != nil || token.Claims(&c) != nil {
			refuse(w, http.StatusUnauthorized, `Bearer error="invalid_token"`)
			return
		}
		if scope != "" && !slices.Contains(strings.Fields(c.Scope), scope) {
			refuse(w, http.StatusForbidden, `Bearer error="insufficient_scope", scope="`+scope+`"`)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, c)))
	})
}

// refuse says why, and no more than RFC 6750 §3 has words for.
func refuse(w http.ResponseWriter, status int, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, http.StatusText(status), status)
}

func me(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(r.Context().Value(claimsKey{})) // fails only if the client has gone
}
