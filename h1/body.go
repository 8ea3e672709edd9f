package h1

import "github.com/uringserve/uringserve/app/field"

type Body struct{}

func (d *Body) Reset(length int64, lim *Limits)                  {}
func (d *Body) Decode(b []byte) (data []byte, n int, err *Error) { return nil, 0, nil }
func (d *Body) Done() bool                                       { return true }
func (d *Body) Trailers() *field.Fields                          { return nil }
func (d *Body) Remaining() int64                                 { return 0 }
