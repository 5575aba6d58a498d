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
// to one TLS or WebSocket connection, and the figures of $SYS. Timers watch the
// time to CONNECT, the keep alive and WebSocket pings. Deliver, RightsChanged,
// End and the gate's callbacks run in their callers' goroutines and never wait
// for a client.
//
// # Lock order
//
// A lock may be taken while one to the left of it is held:
//
//	session.mu → feeds.mu → area.mu → inbound.mu → outbox.mu
//	Broker.mu → outbox.mu
//
// writer.mu and tasks.mu are taken under any of these, and hold nothing.
//
// [Gate.Mine] and [Gate.MayReceive] are called under session.mu, which makes a
// subscription and a change of rights atomic for each other; so they must not
// call the broker, and the caller of [Broker.RightsChanged] must hold no lock
// that they take.
package broker
