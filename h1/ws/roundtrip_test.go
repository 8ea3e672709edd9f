package ws

import (
	"bytes"
	"strings"
	"testing"
)

// testKey is what clients of tests mask with: no byte of it is another's.
const testKey = 0xd4c3b2a1

func serverConfig(deflate bool) *Config {
	cfg := DefaultConfig()
	cfg.Deflate.On = deflate
	return cfg
}

func clientConfig() *Config {
	cfg := DefaultConfig()
	cfg.Role = Client
	cfg.Keys = func() uint32 { return testKey }
	return cfg
}

// pair are the two ends of a connection, with the answer to an offer.
func pair(t testing.TB, cfg *Config, offer string) (client, server *Conn) {
	t.Helper()
	d, err := cfg.Negotiate([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	client, server = new(Conn), new(Conn)
	client.Reset(clientConfig(), d)
	server.Reset(cfg, d)
	return client, server
}

// Every form of length, both ways, plain and compressed.
func TestRoundTrip(t *testing.T) {
	for _, offer := range []string{"", deflateName, deflateName + "; server_max_window_bits=8",
		deflateName + "; client_max_window_bits=10; server_max_window_bits=12"} {
		client, server := pair(t, serverConfig(offer != ""), offer)
		for _, n := range []int{0, 1, 125, 126, 127, 1000, 65535, 65536, 1 << 20} {
			p := []byte(strings.Repeat("héllo wo", n/8+1)[:n])
			for _, ends := range [][2]*Conn{{client, server}, {server, client}} {
				b, err := ends[0].AppendMessage(nil, Binary, p)
				if err != nil {
					t.Fatal(err)
				}
				ends[1].Feed(b)
				e, bad := patient(ends[1])
				if bad != nil || e.Kind != EventMessage || e.Opcode != Binary || !bytes.Equal(e.Data, p) {
					t.Fatalf("%q, %d bytes: %v %s of %d bytes", offer, n, bad, e.Kind, len(e.Data))
				}
				if offer != "" && n >= 1000 && len(b) > n/2 {
					t.Errorf("%q: %d bytes take %d", offer, n, len(b))
				}
				if e, bad := ends[1].Next(); bad != nil || e.Kind != EventNone {
					t.Fatalf("and then %s, %v", e.Kind, bad)
				}
			}
		}
		if client.Buffered()+server.Buffered() != 0 {
			t.Error("an idle connection holds memory")
		}
	}
}
