package pushtest

import (
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/pushgw/simulator"
	"rambla/social"
)

// Provider is what the suite has to know of a provider.
type Provider struct {
	Name string // as the simulator calls it

	// Open makes a sender for the simulator, closed with the test. Its timeout is
	// a few seconds, so that a black hole does not hold up the suite, and a dead
	// connection is noticed in less.
	Open func(t *testing.T, s *simulator.Simulator) pushgw.Sender
	// Device makes a device that the simulator takes pushes for; n tells devices
	// apart. Its name in scripts and counts is what Token returns.
	Device func(t *testing.T, s *simulator.Simulator, n int) *social.Device
	Token  func(d *social.Device) string
	// Odd changes a device's token to one that no provider ever gave.
	Odd func(d *social.Device, token string)
	// Data takes what the device's app is given out of a push.
	Data func(t *testing.T, p simulator.Push) map[string]string

	// Answers are what the provider may say, and what follows.
	Answers []Row
	// Wrong makes senders whose credentials the provider refuses, by what is wrong.
	Wrong map[string]func(t *testing.T, s *simulator.Simulator) pushgw.Sender

	// Clears tells whether a push that shows nothing may be sent at all.
	Clears bool
	// Large is more bytes than the provider takes.
	Large int
}

// Row is one answer and what it leads to.
type Row struct {
	Name  string
	Reply simulator.Reply
	Want  pushgw.Verdict
	Code  string        // what is written down; empty: anything
	After time.Duration // at least so long; at most a tenth more, and 0 exactly
	Since time.Time
}
