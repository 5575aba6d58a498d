package pgtest

import "syscall"

// dieWithParent has the kernel end the server when the test binary dies without
// having stopped it: a panic, a timeout, a kill.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
