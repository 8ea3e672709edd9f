package hpack

import "fmt"

// Kind says what is wrong with a header block. The set is closed.
type Kind uint8

const (
	// Truncated: the block ends inside a representation.
	Truncated Kind = iota + 1
	// IntegerOverflow: an integer above 2^32-1, or of more than five octets
	// after its prefix (RFC 7541 §5.1).
	IntegerOverflow
	// BadIndex: index 0, or one above both tables (§2.3.3, §6.1).
	BadIndex
	// BadPadding: a Huffman string ends in more than 7 bits of padding, or in
	// bits that are not the start of EOS (§5.2).
	BadPadding
	// EncodedEOS: a Huffman string holds the EOS symbol (§5.2).
	EncodedEOS
	// UpdateTooLarge: a table size update above what was acknowledged (§6.3).
	UpdateTooLarge
	// UpdateMisplaced: a table size update after a field (§4.2).
	UpdateMisplaced
	// UpdateMissing: the acknowledged size went below the table's, and the
	// block does not begin with an update that follows it (§4.2).
	UpdateMissing

	numKinds = int(iota + 1)
)

var kinds = [numKinds]string{"no error", "truncated block", "integer too large",
	"invalid index", "invalid Huffman padding", "EOS in a string",
	"table size update above the maximum", "table size update after a field",
	"no table size update after the maximum was lowered"}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < numKinds {
		return kinds[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error says that the peer sent a block that cannot be decoded. The tables of
// the two sides differ from then on: the connection must end, with
// COMPRESSION_ERROR (RFC 9113 §4.3).
type Error struct {
	Kind Kind
	// Offset is where the integer, string or representation at fault begins,
	// in octets from the start of the block. For messages to people.
	Offset int
}

func (e *Error) Error() string {
	return fmt.Sprintf("hpack: %s at offset %d", e.Kind, e.Offset)
}
