// Package simulator speaks the protocols of the push providers, for tests and
// load: APNs over HTTP/2 with its tokens and its habits, and whatever other
// provider is served beside it. It is written from the providers' documents and
// knows nothing of the gateway that is tested with it; so what both misunderstand
// alike is still found by neither.
//
// What it answers can be set for each device token with a [Script], in process or
// over its control address, and what came is counted by the push's id: taken,
// taken twice, refused. It runs in a test or as a process of its own.
//
// [Start] starts the goroutines and [Simulator.Close] waits for them.
package simulator
