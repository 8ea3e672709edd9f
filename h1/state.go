package h1

import "fmt"

// An Exchange is one request and its response, as far as what is legal when
// goes. It holds two machines side by side and one mark:
//
//	request                                  response
//
//	  RequestHead                              ResponseNone ◀─┐ SendInformational
//	    │ ReadHead(body)   │ ReadHead            │     └──────┘
//	    ▼                  │ (no body)           │ SendHead        │ HandOver
//	  RequestBody          │                     ▼                 ▼
//	    │ EndRequest       │                   ResponseHead    HandedOver
//	    ▼                  ▼                     │ SendBody  │ EndResponse
//	  RequestDone ◀────────┘                     ▼           │
//	                                           ResponseBody  │
//	  any but RequestDone ──Reject──▶            │ EndResponse
//	  RequestRejected                            ▼           ▼
//	                                           ResponseDone ◀┘
//
// The mark is mustClose: no further exchange on this connection. Reject sets
// it, a head of either side without keep-alive does, and MustClose may at any
// time. Next starts over when CanReuse says so.
//
// An answer may begin, and end, before the request's body does: a 413 for one.
// It may not begin before the head is read, unless the request was rejected.
//
// A method that is not legal in the present state answers a *StateError and
// changes nothing. The zero Exchange waits for a head.
type Exchange struct {
	request   RequestState
	response  ResponseState
	mustClose bool
}

// RequestState is how far the request has been read.
type RequestState uint8

const (
	// RequestHead: the head is not complete.
	RequestHead RequestState = iota
	// RequestBody: the head is read, the body is not complete. Bytes that
	// come are the body's.
	RequestBody
	// RequestDone: all of it is read. Bytes that come are the next request's,
	// or, after a hand-over, the other protocol's.
	RequestDone
	// RequestRejected: it is malformed, or will not be read. Bytes that come
	// have no meaning and are dropped.
	RequestRejected

	numRequestStates = iota
)

// ResponseState is how far the response has been written.
type ResponseState uint8

const (
	// ResponseNone: nothing but interim responses.
	ResponseNone ResponseState = iota
	// ResponseHead: the final head is written, no body yet.
	ResponseHead
	// ResponseBody: some of the body is written.
	ResponseBody
	// ResponseDone: all of it is written.
	ResponseDone
	// HandedOver: 101, or 2xx to CONNECT, is written. What follows in either
	// direction is not HTTP/1.
	HandedOver

	numResponseStates = iota
)

var (
	requestStates  = [numRequestStates]string{"head", "body", "done", "rejected"}
	responseStates = [numResponseStates]string{"none", "head", "body", "done", "handed over"}
)

func (s RequestState) String() string  { return requestStates[s] }
func (s ResponseState) String() string { return responseStates[s] }

// StateError says that an event was not legal: a bug of the caller, never
// caused by the peer.
type StateError struct {
	Event    string
	Request  RequestState
	Response ResponseState
}

func (e *StateError) Error() string {
	return fmt.Sprintf("h1: %s with request %s, response %s", e.Event, e.Request, e.Response)
}

func (x *Exchange) illegal(event string) error {
	return &StateError{event, x.request, x.response}
}

// Request is the state of the request.
func (x *Exchange) Request() RequestState { return x.request }

// Response is the state of the response.
func (x *Exchange) Response() ResponseState { return x.response }

// ReadHead: the head was read; body says whether a body follows, keepAlive
// whether the peer allows another exchange.
func (x *Exchange) ReadHead(body, keepAlive bool) error {
	if x.request != RequestHead || x.response != ResponseNone {
		return x.illegal("ReadHead")
	}
	x.request = RequestDone
	if body {
		x.request = RequestBody
	}
	x.mustClose = x.mustClose || !keepAlive
	return nil
}

// EndRequest: the body was read to its end.
func (x *Exchange) EndRequest() error {
	if x.request != RequestBody {
		return x.illegal("EndRequest")
	}
	x.request = RequestDone
	return nil
}

// Reject: the rest of the request is malformed or unwanted. The connection
// must close after the response.
func (x *Exchange) Reject() error {
	if x.request != RequestHead && x.request != RequestBody {
		return x.illegal("Reject")
	}
	x.request = RequestRejected
	x.mustClose = true
	return nil
}

// SendInformational: a 1xx head other than 101 was written.
func (x *Exchange) SendInformational() error {
	if !x.mayAnswer() || x.request == RequestRejected {
		return x.illegal("SendInformational")
	}
	return nil
}

// SendHead: the final head was written; keepAlive is AppendHead's.
func (x *Exchange) SendHead(keepAlive bool) error {
	if !x.mayAnswer() {
		return x.illegal("SendHead")
	}
	x.response = ResponseHead
	x.mustClose = x.mustClose || !keepAlive
	return nil
}

// mayAnswer: there is a request to answer, and no answer yet.
func (x *Exchange) mayAnswer() bool {
	return x.response == ResponseNone && x.request != RequestHead
}

// SendBody: bytes of the body were written.
func (x *Exchange) SendBody() error {
	if x.response != ResponseHead && x.response != ResponseBody {
		return x.illegal("SendBody")
	}
	x.response = ResponseBody
	return nil
}

// EndResponse: the response was written to its end.
func (x *Exchange) EndResponse() error {
	if x.response != ResponseHead && x.response != ResponseBody {
		return x.illegal("EndResponse")
	}
	x.response = ResponseDone
	return nil
}

// HandOver: a head was written for which HandsOver is true. The request must
// have been read to its end, or the other protocol's beginning is not known.
func (x *Exchange) HandOver() error {
	if x.response != ResponseNone || x.request != RequestDone {
		return x.illegal("HandOver")
	}
	x.response = HandedOver
	x.mustClose = true
	return nil
}

// MustClose: there will be no other exchange. Legal at any time.
func (x *Exchange) MustClose() { x.mustClose = true }

// Closing reports whether the connection must close after the response.
func (x *Exchange) Closing() bool { return x.mustClose }

// CanReuse reports whether both sides are done and the connection may carry
// another exchange.
func (x *Exchange) CanReuse() bool {
	return x.request == RequestDone && x.response == ResponseDone && !x.mustClose
}

// MayContinue reports whether 100 (Continue) would still tell the peer
// something: its body is awaited and no final answer has begun.
func (x *Exchange) MayContinue() bool {
	return x.request == RequestBody && x.response == ResponseNone
}

// Next starts the next exchange; legal if CanReuse.
func (x *Exchange) Next() error {
	if !x.CanReuse() {
		return x.illegal("Next")
	}
	*x = Exchange{}
	return nil
}
