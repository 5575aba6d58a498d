// Package broker speaks MQTT 3.1.1 and 5.0 over TCP, TLS and WebSocket:
// listeners, connections, sessions and delivery. It asks a small [Gate] who may
// do what and what becomes of a publish; it knows no SQL, no HTTP route and no
// rule about a person.
//
// # The path of a delivery
//
// Whoever commits a message calls [Broker.Deliver]. It looks its scope and
// channel up in the fan-out index (feeds → area → lane → line), and appends an
// entry to the outbox of each line's connection: a pointer to the shared
// message, the QoS and the state of the right. The message is encoded once per
// protocol version and for QoS 0 and above; nothing is encoded per subscriber.
// An outbox that becomes non-empty marks its connection dirty, and one of the
// shared writers comes by: it pulls as much as one pass takes, asks the right
// again, assigns packet identifiers within the client's Receive Maximum, copies
// the frames into its scratch and writes without waiting. What the socket does
// not take goes back to the queue, so that a right removed in the meantime still
// keeps it from leaving; a goroutine then waits for the socket. While a writer
// walks the dirty connections more messages pile up in each, which is what makes
// one system call carry many packets.
//
// # Live and behind
//
// A session has one track per channel of a scope that it covers: its right, and
// where the channel has a stream, a cursor. A track is live while Deliver feeds it.
// It falls behind when a delivery does not fit into the queue; it begins behind
// when it is new, when its session comes back, when $since moves it, and when a
// right returns. What is behind is fed from the store: a session whose queue has
// room is put into the [feeder]'s list and gets a page at a turn, from a cache of
// pages that all sessions at about the same place share. While a track is behind
// Deliver notes the newest seq for it and no more; when its cursor has reached
// that, it is live. Both happen under the outbox's lock, so nothing is missed,
// doubled or out of order.
//
// # What outlives a connection
//
// The position of a session is its cursors and the deliveries that are not
// acknowledged; see [session.position]. The [keeper] writes positions and claims
// of sessions, many in one transaction and in the order in which they were handed
// over: when a connection ends, every few seconds while it moves on, before a
// SUBACK, and around QoS 2 (see outgoing.go). Publishing writes nothing for
// sessions, present or absent. A connection that takes a session over first has
// the older one end and save, then claims; the claim's fence makes later saves of
// an older claimant, on whatever node, have no effect.
//
// TLS and WebSocket have no descriptor to write to without waiting: there a
// goroutine per dirty connection writes, and ends when nothing is left.
//
// # The path of a publish
//
// The connection's reader decodes it, takes a place in the line of answers and
// hands it to [Gate.Publish], which does not wait. When the gate calls back, the
// answers at the head of the line that are due are queued, in the order of the
// publishes.
//
// # Who runs which goroutine
//
// [Broker.Serve] runs, and waits for, the accept loops, one reader per
// connection, the writers, the goroutines that wait for one full socket or write
// to one TLS or WebSocket connection or hand out what a group has, the feeders,
// the keeper, which ends last, the tidying, and the figures of $SYS. Timers watch the
// time to CONNECT, the keep alive and WebSocket pings. Deliver, RightsChanged,
// End and the gate's callbacks run in their callers' goroutines and never wait
// for a client.
//
// # Lock order
//
// A lock may be taken while one to the left of it is held:
//
//	persistence.mu → session.mu → feeds.mu → area.mu → inbound.mu → outbox.mu of a
//	client → outbox.mu of a group → group.mu
//	Broker.mu → outbox.mu
//
// The locks of writer, tasks, feeder, pages and keeper are taken under any of
// these, and hold nothing.
//
// [Gate.Mine] and [Gate.MayReceive] are called under session.mu, which makes a
// subscription and a change of rights atomic for each other; so they must not
// call the broker, and the caller of [Broker.RightsChanged] must hold no lock
// that they take.
package broker
