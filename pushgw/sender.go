package pushgw

import (
	"context"
	"time"
)

// Sender hands a push to a provider, once: whether and when it is tried again is
// the queue's to decide. Send blocks until the provider answers or ctx ends, and
// is called by many goroutines at once.
type Sender interface {
	Send(ctx context.Context, m *Message) Answer
}

// Verdict is what a provider's answer means.
type Verdict uint8

const (
	// Accepted: the provider has it. Whether it is shown, nobody tells.
	Accepted Verdict = iota + 1
	// Gone: the device does not exist any more, see Answer.Since.
	Gone
	// Retry: the same push, later; what became of it is unknown or nothing.
	Retry
	// Throttled: this device gets too many; only it has to wait.
	Throttled
	// Paused: nothing was sent, since the provider is known to be away or its
	// credentials to be bad; not an attempt.
	Paused
	// Misconfigured: the credentials or the configuration are wrong, for every
	// device of the app alike. Not the device's fault, and not an attempt.
	Misconfigured
	// TooLarge: the push has to be made again without content.
	TooLarge
	// Refused: a fault of ours that another attempt would repeat.
	Refused
)

// Answer is what became of one push.
type Answer struct {
	Verdict Verdict
	// Status and Code are the provider's own words, for the record: an HTTP
	// status, 0 where there was none, and a reason such as Unregistered. Code never
	// holds the device's token.
	Status int
	Code   string
	ID     string        // the provider's name for the accepted push
	After  time.Duration // wait at least so long; 0: it did not say
	// Since is from when the provider knows that a Gone device is gone; a device
	// registered later is not meant. Zero: from the moment of the answer.
	Since time.Time
	// Sandbox corrects the device's environment, which was the other one; nil: it is right.
	Sandbox *bool
	Err     error // what happened where no answer came
}
