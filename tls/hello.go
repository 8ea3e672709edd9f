package tls

// What a ClientHello looks like on the wire (RFC 8446 §4, §5.1):
//
//	record   type(1)=22  version(2)=3.x  length(2)  fragment(length)
//	message  type(1)=1   length(3)       body(length)
//
// A message may be spread over several records, in pieces of at least one byte.
const (
	recordHeaderLen  = 5
	messageHeaderLen = 4
	maxPlainRecord   = 1 << 14 // RFC 8446 §5.1: MUST NOT exceed 2^14 bytes
	typeClientHello  = 1
)

// MaxHello is the largest HandshakerOptions.HelloBytes, in bytes, and its
// default: what crypto/tls takes for the message alone.
const MaxHello = 64 << 10

// helloScan finds the end of a ClientHello without keeping any of it. The zero
// value is ready. Each byte is looked at once, whatever the pieces.
//
// Its states are what it waits for:
//
//	record header ──▶ message header ──▶ body ──▶ done
//	      ▲                 │              │
//	      └─────────────────┴──────────────┘  the record ended before
type helloScan struct {
	seen    int // bytes in all
	record  [recordHeaderLen]byte
	recordN int // bytes of record that are here
	left    int // bytes of the record's fragment that are not
	message [messageHeaderLen]byte
	messageN,
	body int // bytes of the message's body that are not here
}

// feed looks at the next bytes. done says that the hello is whole; what follows
// it in b is not looked at. r is the reason for which it never will be, 0 if
// there is none. limit bounds the bytes on the wire, headers included. Not to
// be called again once either was answered.
func (s *helloScan) feed(b []byte, limit int) (done bool, r Reason) {
	for i := 0; i < len(b); {
		if s.seen >= limit {
			return false, HelloTooLarge
		}
		if s.left == 0 {
			s.record[s.recordN] = b[i]
			s.recordN++
			s.seen++
			i++
			if r := s.checkRecord(); r != 0 {
				return false, r
			}
			continue
		}
		n := min(len(b)-i, s.left, limit-s.seen)
		if s.messageN < messageHeaderLen {
			n = min(n, messageHeaderLen-s.messageN)
			s.messageN += copy(s.message[s.messageN:], b[i:i+n])
			if r := s.checkMessage(limit); r != 0 {
				return false, r
			}
		} else {
			n = min(n, s.body)
			s.body -= n
		}
		i += n
		s.seen += n
		s.left -= n
		if s.messageN == messageHeaderLen && s.body == 0 {
			return true, 0
		}
		if s.left == 0 {
			s.recordN = 0
		}
	}
	return false, 0
}

// checkRecord looks at as much of the record header as is here.
func (s *helloScan) checkRecord() Reason {
	switch h := s.record[:s.recordN]; s.recordN {
	case recordHeaderLen:
		n := int(h[3])<<8 | int(h[4])
		// RFC 8446 §5.1: zero-length fragments of Handshake types MUST NOT be
		// sent.
		if n == 0 || n > maxPlainRecord {
			return BadHello
		}
		s.left = n
	default:
		if s.messageN > 0 {
			if h[0] != recordHandshake || s.recordN > 1 && h[1] != 3 {
				return BadHello
			}
			return 0
		}
		switch Classify(h) {
		case KindHTTP:
			return PlainHTTP
		case KindSSL2:
			return NoCommonVersion
		case KindOther:
			return NotTLS
		}
	}
	return 0
}

// checkMessage looks at as much of the message header as is here.
func (s *helloScan) checkMessage(limit int) Reason {
	if s.message[0] != typeClientHello {
		return BadHello
	}
	if s.messageN == messageHeaderLen {
		s.body = int(s.message[1])<<16 | int(s.message[2])<<8 | int(s.message[3])
		if s.body == 0 {
			return BadHello
		}
		if s.body+recordHeaderLen+messageHeaderLen > limit {
			return HelloTooLarge
		}
	}
	return 0
}

// Alert descriptions (RFC 8446 §6) that we send or look for.
const (
	alertHandshakeFailure      = 40
	alertBadCertificate        = 42
	alertUnsupportedCert       = 43
	alertCertificateExpired    = 45
	alertUnknownCA             = 48
	alertDecodeError           = 50
	alertProtocolVersion       = 70
	alertInternalError         = 80
	alertInappropriateFallback = 86
	alertMissingExtension      = 109
	alertUnrecognizedName      = 112
	alertCertRequired          = 116
	alertNoProtocol            = 120
)

// appendAlert appends the fatal alert that tells the client why its hello was
// refused, nothing if it would not understand.
func appendAlert(dst []byte, r Reason) []byte {
	var description byte
	switch r {
	case BadHello:
		description = alertDecodeError
	case HelloTooLarge:
		description = alertHandshakeFailure
	case NoCommonVersion:
		description = alertProtocolVersion
	case Crowded, Overloaded:
		description = alertInternalError
	default:
		return dst
	}
	// Record version 3.1 as in a first flight, level fatal.
	return append(dst, recordAlert, 3, 1, 0, 2, 2, description)
}
