// Package markup makes HTML of the Markdown that people write, fit to be put
// into a page of others as it is.
//
// It knows nothing of posts or people, imports none of our packages, starts no
// goroutine and remembers nothing. What may come out stands in policy.go, as
// one short list; what a text may cost stands in cost.go.
package markup
