package broker

import "fmt"

// Leftovers tells what a broker that serves no more still holds; "" if nothing.
func (b *Broker) Leftovers() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.conns)+len(b.sessions)+len(b.people)+len(b.addresses)+len(b.listeners)+len(b.feeds.areas)+len(b.groups)+b.connecting == 0 {
		return ""
	}
	return fmt.Sprintf("%d connections, %d sessions of %d people, %d addresses, %d listeners, %d areas, %d groups, %d connecting",
		len(b.conns), len(b.sessions), len(b.people), len(b.addresses), len(b.listeners), len(b.feeds.areas), len(b.groups), b.connecting)
}

// Groups is how many groups there are in memory.
func (b *Broker) Groups() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.groups)
}
