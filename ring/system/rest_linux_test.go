package system

import "testing"

func TestRestIsBounded(t *testing.T) {
	p, err := NewRest(2*slabSize + 1) // whole slabs only
	if err != nil {
		t.Fatal(err)
	}
	defer p.Dispose()
	for _, n := range []int{1, minBlock - 1, minBlock, minBlock + 1, slabSize - 1, slabSize} {
		b := p.Allocate(n)
		if len(b) != n {
			t.Fatalf("Allocate(%d) has %d bytes", n, len(b))
		}
		p.Free(b)
	}
	if p.Allocate(slabSize+1) != nil || p.Allocate(0) != nil {
		t.Error("sizes out of range were given memory")
	}
	var all [][]byte
	for b := p.Allocate(minBlock); b != nil; b = p.Allocate(minBlock) {
		for i := range b {
			b[i] = byte(len(all))
		}
		all = append(all, b)
	}
	if len(all) != 2*slabSize/minBlock {
		t.Fatalf("%d blocks, want %d", len(all), 2*slabSize/minBlock)
	}
	for i, b := range all {
		if b[0] != byte(i) || b[len(b)-1] != byte(i) {
			t.Fatal("blocks overlap")
		}
		p.Free(b)
	}
	if b := p.Allocate(slabSize); b == nil {
		t.Error("freed blocks do not serve another size")
	}
	defer func() {
		if recover() == nil {
			t.Error("a block was freed twice")
		}
	}()
	p.Free(all[0])
}
