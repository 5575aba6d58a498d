// Package mqttwire is what every client made of bytes needs of MQTT 3.1.1 and
// 5.0: where a packet begins and ends, lengths, texts and properties. It does no
// input or output, knows no session, and imports nothing of ours, so that the
// load generator and the checker meet the server as strangers.
package mqttwire
