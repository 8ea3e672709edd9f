package ws

import (
	"errors"
	"strconv"
)

// Deflate is what was agreed upon about compression. The zero value: none.
type Deflate struct {
	on            bool
	clientContext bool  // the client refers to earlier messages of its own
	serverBits    uint8 // we refer to at most 2^serverBits bytes back
	clientBits    uint8
	echoServer    bool // the offer has server_max_window_bits
	echoClient    bool // we ask for client_max_window_bits
}

// On reports whether messages may be compressed.
func (d Deflate) On() bool { return d.on }

// sendBits is how far back what we send may refer.
func (d Deflate) sendBits(r Role) uint8 {
	if r == Server {
		return d.serverBits
	}
	return d.clientBits
}

// window is how many bytes of the peer's earlier messages it may refer to.
func (d Deflate) window(r Role) int {
	if r == Server && d.clientContext {
		return 1 << d.clientBits
	}
	return 0
}

// ErrExtensions: a Sec-WebSocket-Extensions field against the grammar. The
// handshake must fail (RFC 6455 §9.1).
var ErrExtensions = errors.New("ws: malformed Sec-WebSocket-Extensions")

const deflateName = "permessage-deflate"

// Negotiate chooses among the offers in the values of all fields of the name
// Sec-WebSocket-Extensions, in their order: the first of permessage-deflate
// that is valid and can be had (RFC 7692 §5.1). Other extensions are declined,
// and all are if cfg.Deflate.On is false. The error is ErrExtensions or nil.
func (cfg *Config) Negotiate(fields ...[]byte) (Deflate, error) {
	var chosen Deflate
	for _, field := range fields {
		p := extensionParser{rest: field}
		for p.next() {
			o, valid := p.offer()
			if valid && cfg.Deflate.On && !chosen.on {
				chosen = cfg.accept(o)
			}
		}
		if p.bad {
			return Deflate{}, ErrExtensions
		}
	}
	return chosen, nil
}

// AppendResponse appends the value of the field Sec-WebSocket-Extensions that
// says what was agreed upon; nothing if there is nothing to say.
func (d Deflate) AppendResponse(dst []byte) []byte {
	if !d.on {
		return dst
	}
	dst = append(dst, deflateName+"; server_no_context_takeover"...)
	if !d.clientContext {
		dst = append(dst, "; client_no_context_takeover"...)
	}
	if d.echoServer {
		dst = strconv.AppendUint(append(dst, "; server_max_window_bits="...), uint64(d.serverBits), 10)
	}
	if d.echoClient {
		dst = strconv.AppendUint(append(dst, "; client_max_window_bits="...), uint64(d.clientBits), 10)
	}
	return dst
}

// offer is a valid offer of permessage-deflate (RFC 7692 §7.1).
type offer struct {
	noServerContext, noClientContext bool
	serverBits                       uint8 // 0: not said
	clientBits                       uint8 // 0: not said, so that we may not ask
}

// accept is our answer to an offer.
func (cfg *Config) accept(o offer) Deflate {
	d := Deflate{on: true, serverBits: maxWindowBits, clientBits: maxWindowBits}
	if o.serverBits != 0 { // §7.1.2.1: accepted by saying the same value or less
		d.serverBits, d.echoServer = o.serverBits, true
	}
	want := uint8(cfg.Deflate.ClientWindowBits)
	switch {
	case want == 0 || o.noClientContext:
		// §7.1.1.2: may be asked for whether the client offers it or not.
	case o.clientBits != 0:
		d.clientContext, d.echoClient = true, true
		d.clientBits = min(want, o.clientBits)
	case want == maxWindowBits: // §7.1.2.2: the client need not know a bound
		d.clientContext = true
	}
	return d
}

// parameter takes one parameter of an offer; false: the offer is not valid.
func (o *offer) parameter(name, value []byte, hasValue bool) bool {
	switch string(name) {
	case "server_no_context_takeover":
		return once(&o.noServerContext, hasValue)
	case "client_no_context_takeover":
		return once(&o.noClientContext, hasValue)
	case "server_max_window_bits":
		return o.serverBits == 0 && hasValue && windowBits(&o.serverBits, value)
	case "client_max_window_bits":
		if o.clientBits == 0 && !hasValue {
			o.clientBits = maxWindowBits
			return true
		}
		return o.clientBits == 0 && windowBits(&o.clientBits, value)
	}
	return false // §7.1: MUST decline if there is a parameter not defined
}

// once sets a parameter that has no value and may be there once.
func once(set *bool, hasValue bool) bool {
	if *set || hasValue {
		return false
	}
	*set = true
	return true
}

// windowBits: a decimal integer without leading zeroes between 8 and 15.
func windowBits(set *uint8, value []byte) bool {
	switch {
	case len(value) == 1 && (value[0] == '8' || value[0] == '9'):
		*set = value[0] - '0'
	case len(value) == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5':
		*set = 10 + value[1] - '0'
	default:
		return false
	}
	return true
}
