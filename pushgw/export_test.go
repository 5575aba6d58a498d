package pushgw

// Look has the gateway look at once for what is due, because a test's clock went on.
func (g *Gateway) Look() {
	nudge(g.wakeClaimer)
	nudge(g.wakeDeriver)
	nudge(g.wakeWithdrawer)
}
