// Package pushtest holds what is true of every sender, whoever carries its pushes:
// each of them runs [Run] against the simulator of its provider.
package pushtest
