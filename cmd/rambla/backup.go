package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rambla/backup"
	"rambla/social"
	"rambla/storage"
)

// filesDir is where the files of people lie in the data directory, and what a
// backup calls it.
const filesDir = "files"

// stdio stands for standard output or input where a file is asked for.
const stdio = "-"

type backupCommand struct {
	File string `arg:"" help:"The archive to make, or - for standard output."`
}

// Run makes the copy of the store first: what is in it refers to files that were
// there before.
func (b backupCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	if b.File != stdio {
		if _, err := os.Lstat(b.File); err == nil {
			return fmt.Errorf("%s exists; a backup takes nothing's place", b.File)
		}
	}
	scratch := c.Data // of a backup that goes elsewhere; else beside it
	if b.File != stdio {
		scratch = filepath.Dir(b.File)
	}
	if scratch, err = os.MkdirTemp(scratch, ".backup-*"); err != nil { // mode 0700
		return fmt.Errorf("make room for the copy: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // what stays is useless, and says so by its name
	a := archive{config: &c, scratch: scratch, store: filepath.Join(scratch, storage.StoreFile)}
	if b.File == stdio {
		err = a.write(in, in.out)
	} else {
		err = backup.Create(b.File, func(w io.Writer) error { return a.write(in, w) })
	}
	if err != nil {
		return err
	}
	a.tell(in)
	if b.File == stdio {
		return nil
	}
	return say(in, "%s: the store as of %s, %d files", b.File, a.manifest.Created.Format(time.RFC3339), a.files)
}

// archive is a backup being made.
type archive struct {
	config   *Config
	scratch  string
	store    string // the copy
	manifest backup.Manifest
	files    int
}

func (a *archive) write(in *invocation, w io.Writer) (err error) {
	a.manifest = backup.Manifest{Version: versionText(), Created: time.Now().UTC()}
	cfg := storage.Config{URL: string(a.config.DatabaseURL), Dir: a.config.Data, Logger: in.logger(a.config)}
	copied, err := storage.Backup(in.ctx, cfg, a.store)
	if err != nil {
		return err
	}
	a.manifest.Schema, a.manifest.Epoch = copied.Schema, copied.Epochs
	out, err := backup.NewWriter(untilCancel{in.ctx, w, nil}, a.manifest, a.scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Abandon()) }()
	if _, err := out.AddFile(storage.StoreFile, a.store); err != nil {
		return err
	}
	a.files, err = out.AddTree(filesDir, filepath.Join(a.config.Data, filesDir), func(name string) bool {
		return in.ctx.Err() != nil || !isPart(filesDir+"/"+name)
	})
	if err = errors.Join(err, in.ctx.Err()); err != nil {
		return err
	}
	return out.Close()
}

// tell has the audit log know of the backup. Where it cannot be written to, the
// backup is good nevertheless.
func (a *archive) tell(in *invocation) {
	log := in.logger(a.config)
	db, err := storage.Open(in.ctx, storage.Config{Dir: a.config.Data, Logger: log})
	if err == nil {
		err = errors.Join(db.AppendActs(in.ctx, []social.Act{operatorAct(social.VerbSiteBackup, "")}), db.Close())
	}
	if err != nil {
		log.Warn("the audit log does not know of this backup", "err", err)
	}
}

// operatorAct is what somebody does at the command line with the whole store.
func operatorAct(verb social.Verb, target string) social.Act {
	return social.Act{At: time.Now(), Verb: verb, Client: entrance(false), Target: target, Result: social.ActDone}
}

// untilCancel ends a long copy with its context.
type untilCancel struct {
	ctx context.Context //nolint:containedctx // lives as long as the command
	w   io.Writer
	r   io.Reader
}

func (u untilCancel) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

func (u untilCancel) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// isPart tells what a backup has: the store, and files that are whole. Those that
// are not have names with a dot before them.
func isPart(name string) bool {
	if name == storage.StoreFile {
		return true
	}
	below, is := strings.CutPrefix(name, filesDir+"/")
	return is && !strings.HasPrefix(below, ".") && !strings.Contains(below, "/.")
}

type restoreCommand struct {
	File    string `arg:"" optional:"" help:"The archive, or - for standard input."`
	Replace bool   `help:"Also where the data directory has a store; that is kept beside it."`
	Epoch   bool   `help:"Restore nothing, but begin the new epoch of a PostgreSQL database that was restored by its own tools."`
}

func (r restoreCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	switch {
	case r.Epoch && (r.File != "" || r.Replace):
		return usageError{errors.New("--epoch goes with no file: it is for what was restored already")}
	case r.Epoch:
		return beginEpoch(in, &c)
	case r.File == "":
		return usageError{errors.New("restore: say which FILE")}
	case c.DatabaseURL != "":
		return usageError{errors.New("restore: PostgreSQL has its own tools: see pg_restore, and then rambla restore --epoch")}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	release, err := claimDirectory(c.Data)
	if err != nil {
		return err
	}
	return errors.Join(r.restore(in, &c), release())
}

// beginEpoch is for a store that came back by other ways.
func beginEpoch(in *invocation, c *Config) error {
	release := func() error { return nil }
	if c.DatabaseURL == "" {
		var err error
		if release, err = claimDirectory(c.Data); err != nil {
			return err
		}
	}
	begun, err := storage.BeginEpoch(in.ctx, storage.Config{URL: string(c.DatabaseURL), Dir: c.Data, Logger: in.logger(c)}, time.Now(), operatorAct(social.VerbSiteRestore, ""))
	if err = errors.Join(err, release()); err != nil {
		return err
	}
	return sayBegun(in, begun)
}

func sayBegun(in *invocation, b storage.Begun) error {
	return say(in, "epoch %s begins, of %d streams; %d sessions go on and are told that something is gone, %d ended", b.Epoch, b.Streams, b.Sessions, b.Ended)
}

func (r restoreCommand) restore(in *invocation, c *Config) error {
	if !r.Replace {
		if err := isEmpty(c.Data); err != nil {
			return err
		}
	}
	// On the same disk, so that what was checked only has to be renamed.
	stage, err := os.MkdirTemp(c.Data, ".restore-*")
	if err != nil {
		return fmt.Errorf("make room for the backup: %w", err)
	}
	defer func() { _ = os.RemoveAll(stage) }() // empty, or useless
	contents, err := r.extract(in, stage)
	if errors.Is(err, backup.ErrDamaged) {
		return fmt.Errorf("nothing was restored: %w; take another copy of it, or an older backup", err)
	}
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	act := operatorAct(social.VerbSiteRestore, "the backup of "+contents.Manifest.Created.Format(time.RFC3339))
	begun, err := storage.BeginEpoch(in.ctx, storage.Config{Dir: stage, Logger: in.logger(c)}, time.Now(), act)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	kept, err := storage.Install(stage, c.Data, time.Now(), filesDir)
	if err != nil {
		return err
	}
	in.logger(c).Warn("a backup was restored", "created", contents.Manifest.Created, "epoch", begun.Epoch)
	if err := say(in, "restored the store as of %s, %d files", contents.Manifest.Created.Format(time.RFC3339), contents.Parts-1); err != nil {
		return err
	}
	if kept != "" {
		if err := say(in, "what was there is in %s; remove it when nobody needs it", kept); err != nil {
			return err
		}
	}
	return sayBegun(in, begun)
}

// extract unpacks and checks the whole backup.
func (r restoreCommand) extract(in *invocation, stage string) (backup.Contents, error) {
	from := in.in
	if r.File != stdio {
		f, err := os.Open(r.File)
		if err != nil {
			return backup.Contents{}, err
		}
		defer func() { _ = f.Close() }() // only read
		from = f
	}
	newest, err := storage.Status(in.ctx, storage.Config{Dir: stage})
	if err != nil {
		return backup.Contents{}, err
	}
	contents, err := backup.Extract(untilCancel{in.ctx, nil, from}, stage, func(m backup.Manifest) error {
		if m.Schema > newest.Newest {
			return fmt.Errorf("the backup has the schema %d of rambla %s, newer than the %d of this program; use the newer program", m.Schema, m.Version, newest.Newest)
		}
		return nil
	}, isPart)
	if err != nil {
		return contents, err
	}
	if _, err := os.Stat(filepath.Join(stage, storage.StoreFile)); err != nil {
		return contents, fmt.Errorf("%w: it holds no store", backup.ErrDamaged)
	}
	return contents, nil
}

// isEmpty refuses a data directory in which there is anything that a restore
// would put there.
func isEmpty(dir string) error {
	for _, name := range []string{storage.StoreFile, filesDir} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s has a store already (%s); --replace puts the backup in its place", dir, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into the data directory: %w", err)
		}
	}
	return nil
}
