package broker

// Waiting is what the broker has still to do, at this moment.
type Waiting struct {
	Feeds      int // sessions that are behind and wait for a page from the store
	FeedsLater int // of these, those that the store did not answer
}

// Waiting is for metrics; it costs one lock.
func (b *Broker) Waiting() Waiting {
	var w Waiting
	b.feeder.mu.Lock()
	w.Feeds, w.FeedsLater = len(b.feeder.hungry)+len(b.feeder.later), len(b.feeder.later)
	b.feeder.mu.Unlock()
	return w
}
