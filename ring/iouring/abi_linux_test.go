package iouring

import (
	"testing"
	"unsafe"
)

// The kernel's sizes and offsets, from include/uapi/linux/io_uring.h.
func TestLayout(t *testing.T) {
	var sqe SQE
	var p Params
	var reg BufReg
	var sync SyncCancelReg
	var restriction Restriction
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"SQE", unsafe.Sizeof(SQE{}), 64},
		{"SQE.IoPrio", unsafe.Offsetof(sqe.IoPrio), 2},
		{"SQE.FD", unsafe.Offsetof(sqe.FD), 4},
		{"SQE.Off", unsafe.Offsetof(sqe.Off), 8},
		{"SQE.Addr", unsafe.Offsetof(sqe.Addr), 16},
		{"SQE.Len", unsafe.Offsetof(sqe.Len), 24},
		{"SQE.OpFlags", unsafe.Offsetof(sqe.OpFlags), 28},
		{"SQE.UserData", unsafe.Offsetof(sqe.UserData), 32},
		{"SQE.BufGroup", unsafe.Offsetof(sqe.BufGroup), 40},
		{"SQE.FileIndex", unsafe.Offsetof(sqe.FileIndex), 44},
		{"SQE.Addr3", unsafe.Offsetof(sqe.Addr3), 48},
		{"CQE", unsafe.Sizeof(CQE{}), 16},
		{"Params", unsafe.Sizeof(Params{}), 120},
		{"Params.Features", unsafe.Offsetof(p.Features), 20},
		{"Params.SQOff", unsafe.Offsetof(p.SQOff), 40},
		{"Params.CQOff", unsafe.Offsetof(p.CQOff), 80},
		{"SQOffsets", unsafe.Sizeof(SQOffsets{}), 40},
		{"CQOffsets", unsafe.Sizeof(CQOffsets{}), 40},
		{"GetEventsArg", unsafe.Sizeof(GetEventsArg{}), 24},
		{"Timespec", unsafe.Sizeof(Timespec{}), 16},
		{"BufReg", unsafe.Sizeof(BufReg{}), 40},
		{"BufReg.Group", unsafe.Offsetof(reg.Group), 12},
		{"BufEntry", unsafe.Sizeof(BufEntry{}), 16},
		{"SyncCancelReg", unsafe.Sizeof(SyncCancelReg{}), 64},
		{"SyncCancelReg.Timeout", unsafe.Offsetof(sync.Timeout), 16},
		{"Restriction", unsafe.Sizeof(Restriction{}), 16},
		{"Restriction.Value", unsafe.Offsetof(restriction.Value), 2},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %d, the kernel's is %d", tt.name, tt.got, tt.want)
		}
	}
}

func TestCQEFlags(t *testing.T) {
	c := CQE{Flags: 0xABCD<<16 | CQEBuffer | CQEMore}
	if !c.HasBuffer() || !c.More() || c.BufferID() != 0xABCD {
		t.Errorf("%v %v %#x", c.HasBuffer(), c.More(), c.BufferID())
	}
	if c = (CQE{}); c.HasBuffer() || c.More() {
		t.Error("flags of an empty completion")
	}
}
