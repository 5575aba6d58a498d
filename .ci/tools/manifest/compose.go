package main

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/cli"
)

// checkCompose loads the file with all that docker compose checks: its schema,
// interpolation, and that what a service refers to is there, of all profiles.
func checkCompose(ctx context.Context, file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("check"), cli.WithResolvedPaths(true), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return fmt.Errorf("load %s: %w", file, err)
	}
	if len(project.Services) == 0 {
		return fmt.Errorf("%s has no services", file)
	}
	return nil
}
