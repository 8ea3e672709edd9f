//go:build uringnet

package auto

// forceNet has the portable engine run everywhere.
const forceNet = true
