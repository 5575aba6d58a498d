package main

import "os/user"

// entrance is what the audit log calls this process where nobody has signed in.
func entrance(serves bool) string {
	if serves {
		return "server"
	}
	if u, err := user.Current(); err == nil {
		return "command line (" + u.Username + ")"
	}
	return "command line"
}
