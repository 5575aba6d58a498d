package main

import (
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// checkDockerfile reads the file as docker build does before it runs anything:
// its syntax, and the instructions with their flags and arguments.
func checkDockerfile(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return fmt.Errorf("read the instructions of %s: %w", file, err)
	}
	if len(stages) == 0 {
		return fmt.Errorf("%s has no stages", file)
	}
	return nil
}
