// Command manifest tells whether a deployment file is one, by the code of those
// who will read it: the compose file as docker compose loads it, the Dockerfile
// as docker build parses it, the Kubernetes objects as the API server decodes
// them. It lives in a module of its own so that their dependencies are not Rambla's.
//
//	manifest compose|dockerfile|kubernetes FILE
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: manifest compose|dockerfile|kubernetes FILE")
	}
	switch args[0] {
	case "compose":
		return checkCompose(context.Background(), args[1])
	case "dockerfile":
		return checkDockerfile(args[1])
	case "kubernetes":
		return checkKubernetes(args[1])
	default:
		return fmt.Errorf("no such kind of file: %s", args[0])
	}
}
