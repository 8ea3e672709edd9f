// Package field holds the parts of HTTP messages that all versions share: the
// list of fields, and the tables of what a token, a field value and a target
// may contain (RFC 9110 §5, §5.6). It is a leaf without state.
package field
