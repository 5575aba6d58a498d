// Package phrase makes the lines that a device shows: how many of what is new, and
// where, in the language of its owner; or who wrote what.
//
// It knows languages and no devices. It reads nothing and starts no goroutines;
// a [Book] may be used by any number of them.
package phrase
