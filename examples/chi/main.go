// A small JSON API by chi: routes, its middleware, and net/http's limits on
// bodies and time.
//
//	go run ./chi
//	curl -d '{"text":"milk"}' localhost:8080/notes; curl localhost:8080/notes/1
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/uringserve/uringserve"
)

// maxNote is the longest body of a request, in bytes.
const maxNote = 4 << 10

type note struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

// notes keeps notes in memory. Safe for concurrent use.
type notes struct {
	mu  sync.Mutex
	all []note
}

func main() {
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler()))
}

func handler() http.Handler {
	n := &notes{}
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer, middleware.Timeout(10*time.Second), middleware.Compress(5))
	r.Route("/notes", func(r chi.Router) {
		r.Post("/", n.add)
		r.Get("/{id}", n.get)
	})
	r.Get("/broken", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	return r
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	var in note
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxNote)).Decode(&in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	in.ID = len(n.all) + 1
	n.all = append(n.all, in)
	n.mu.Unlock()
	w.Header().Set("Location", "/notes/"+strconv.Itoa(in.ID))
	answer(w, http.StatusCreated, in)
}

func (n *notes) get(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	n.mu.Lock()
	defer n.mu.Unlock()
	if id < 1 || id > len(n.all) {
		http.Error(w, "no such note", http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, n.all[id-1])
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client has gone
}
