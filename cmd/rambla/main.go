// Command rambla is the one binary: it serves, and administers its own store.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // people name time zones, also where the machine knows none

	"github.com/alecthomas/kong"

	"rambla/api"
	"rambla/social"
)

// version is set by the linker for releases.
var version = ""

// gcPercent lets the heap grow to three times what lives before it is collected.
// The live heap is small beside what publishing allocates, so a third of the CPU
// per publish went into collecting. GOGC and GOMEMLIMIT are obeyed as ever.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is the command line.
type command struct {
	Common
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	User    userCommand    `cmd:"" help:"Administer people and service accounts."`
	Token   tokenCommand   `cmd:"" help:"Make access tokens."`
	Migrate migrateCommand `cmd:"" help:"Show or update the schema of the store."`
	Doctor  doctorCommand  `cmd:"" help:"Check the store's invariants and the configuration."`
	Bench   benchCommand   `cmd:"" help:"Load a server of one's own and measure it."`
	Check   checkCommand   `cmd:"" help:"Verify with many clients that a server keeps its promises."`
	Push    pushCommand    `cmd:"" help:"Ask why there was a push, or none, and send one."`
	Link    linkCommand    `cmd:"" help:"Sign links to files, and check them."`
	Backup  backupCommand  `cmd:"" help:"Copy the embedded store and its files into one archive, while the server runs."`
	Restore restoreCommand `cmd:"" help:"Put a backup into the data directory; begins a new epoch."`
	Config  configCommand  `cmd:"" help:"Show or check the configuration."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Common are the flags that every command takes.
type Common struct {
	ConfigFile string  `name:"config" placeholder:"FILE" help:"Configuration file (YAML)."`
	Data       *string `placeholder:"DIR" help:"Directory of the embedded store (./rambla-data)."`
	Database   *string `placeholder:"URL" help:"postgres://…; without it the embedded store is used."`
	LogLevel   *string `placeholder:"LEVEL" help:"debug, info, warn or error (info)."`
	LogFormat  *string `placeholder:"FORMAT" help:"text or json (text)."`
}

func (c *Common) flags() map[string]string {
	out := map[string]string{}
	for name, v := range map[string]*string{
		"data": c.Data, "database": c.Database, "log-level": c.LogLevel, "log-format": c.LogFormat,
	} {
		if v != nil {
			out[name] = *v
		}
	}
	return out
}

// invocation is what a command runs with.
type invocation struct {
	ctx     context.Context //nolint:containedctx // lives as long as the command
	environ []string
	in      io.Reader
	out     io.Writer
	err     io.Writer
	common  *Common
	flags   map[string]string // given ones, by the names of the settings
}

// config loads the configuration that the command works with.
func (in *invocation) config() (Config, error) {
	return loadConfig(in.common.ConfigFile, in.environ, in.flags)
}

// logger writes to standard error, so that standard output is the command's own.
func (in *invocation) logger(c *Config) *slog.Logger { return in.watchedLogger(c, nil) }

// watchedLogger is a logger of which mishaps, if not nil, takes note.
func (in *invocation) watchedLogger(c *Config, mishaps *social.Mishaps) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of four words, checked when it was read
	opts := &slog.HandlerOptions{Level: level}
	var out slog.Handler = slog.NewTextHandler(in.err, opts)
	if c.LogFormat == "json" {
		out = slog.NewJSONHandler(in.err, opts)
	}
	return slog.New(api.NewLogHandler(&watchful{next: out, secrets: newRedactor(c), mishaps: mishaps}))
}

type exit struct{ code int }

func run(ctx context.Context, args, environ []string, in io.Reader, out, errOut io.Writer) (code int) {
	// Kong ends the program through Exit where it printed help; a panic of our
	// own type brings that here, so that run can be called by tests.
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = e.code
		}
	}()
	if len(args) > 0 && args[0] == "help" { // as many programs have it
		args = append(slices.Clone(args[1:]), "--help")
	}
	var cmd command
	parser, err := kong.New(&cmd,
		kong.Name("rambla"),
		kong.Description("An MQTT-native messaging and activity-stream server."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { panic(exit{code}) }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // a mistake in the struct above
	}
	parsed, err := parser.Parse(markRoles(args))
	if err != nil {
		fmt.Fprintf(errOut, "rambla: %s\n", err)
		return exitUsage
	}
	flags := cmd.flags()
	if parsed.Selected() != nil && strings.HasPrefix(parsed.Command(), "serve") {
		cmd.Serve.addFlags(flags)
	}
	err = parsed.Run(&invocation{ctx: ctx, environ: environ, in: in, out: out, err: errOut, common: &cmd.Common, flags: flags})
	return report(errOut, err)
}

// markRoles lets -ROLE, which `user role` takes, pass for a word: a parser of
// flags would read it as one.
func markRoles(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if role, ok := strings.CutPrefix(a, "-"); ok {
			if _, err := social.ParseRoles("", []string{role}); err == nil {
				out[i] = takenRole + role
			}
		}
	}
	return out
}

// takenRole stands for the dash of -ROLE.
const takenRole = "~"

// report says on errOut what went wrong, and gives the exit code.
func report(errOut io.Writer, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintf(errOut, "rambla: %s\n", err)
		return exitUsage
	default:
		fmt.Fprintf(errOut, "rambla: %s\n", operatorText(err))
		return exitFailure
	}
}

// operatorText is the whole story: who runs the command may know the causes.
func operatorText(err error) string {
	if e, ok := errors.AsType[*social.Error](err); ok && e.Err == nil {
		return e.Safe
	}
	return err.Error()
}

type versionCommand struct{}

func (versionCommand) Run(in *invocation) error {
	_, err := fmt.Fprintf(in.out, "rambla %s\n", versionText())
	return err
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}

type configCommand struct {
	Print configPrintCommand `cmd:"" help:"Print the configuration in force, without its secrets."`
	Check configCheckCommand `cmd:"" help:"Check the configuration; exit code 2 where it is wrong."`
}

type configPrintCommand struct{}

func (configPrintCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	return printConfig(in.out, &c)
}

type configCheckCommand struct{}

func (configCheckCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	if err := c.checkFiles(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(in.out, "the configuration is fine")
	return err
}
