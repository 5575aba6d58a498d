package main

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A backup is made while the server runs. What comes later is lost with the machine,
// and everybody who had heard of it is told.
func (l *siteStory) disasterIsSurvived() {
	l.cleo.leaves()
	l.writes("ben", agoraPath+"/activities", with{"content": "Before the backup"})
	l.hear("Create", "Before the backup", l.ben)
	l.ben.quiet() // its acknowledgement has been read
	var before, after position
	l.reads("ben", agoraPath+"/log/messages?after=0&limit=200", &before)
	backup := filepath.Join(l.TempDir(), "backup")
	l.backsUp(backup)

	first := l.writes("cleo", agoraPath+"/activities", with{"content": "Lost with the machine"})
	l.writes("cleo", agoraPath+"/activities", with{"content": "Lost with it, too"})
	l.hear("Create", "Lost with the machine", l.ben)
	l.hear("Create", "Lost with it, too", l.ben)
	late := l.s.begins(l.T, 5, "cleo", "late", 1, agora)
	l.reads("ben", agoraPath+"/log/messages?after=0&limit=200", &after)
	l.s.kill()
	l.ben.vanishes()
	late.vanishes()
	l.losesEverything()
	l.restores(backup)
	l.s = serve(l.T, l.flags...)

	again := l.writes("cleo", agoraPath+"/activities", with{"content": "After the restore"})
	if again.Seq != first.Seq || again.ID == first.ID {
		l.Errorf("numbers go on with %d, want that of the lost %d", again.Seq, first.Seq)
	}
	l.clientsGoOn(after.Position, again)
	var now position
	l.reads("ben", agoraPath+"/log/messages?limit=200&after="+after.Position, &now)
	epoch, _, _ := strings.Cut(before.Position, ":")
	if now.Complete || strings.HasPrefix(now.Position, epoch+":") || len(now.Items) != len(before.Items)+1 {
		l.Errorf("from a lost position the log tells %v at %s, %d posts; it had %d at %s", now.Complete, now.Position, len(now.Items), len(before.Items), before.Position)
	}
}

// position is how a log answers.
type position struct {
	Position string
	Complete bool
	Items    []published
}

// clientsGoOn are sessions and subscriptions of before the disaster.
func (l *siteStory) clientsGoOn(lost string, again published) {
	l.ben = l.s.wire(l.T, 5)
	ack := l.ben.connect(hello{id: "phone", name: "ben", password: "ben", unclean: true, properties: [][]byte{sessionExpiry(hour)}})
	if !ack.present || ack.user["complete"] != "false" {
		l.Errorf("ben's session: present %v, %v", ack.present, ack.user)
	}
	// What it acknowledged in the last seconds before the backup may come again.
	got := l.ben.until("After the restore")
	if slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "Lost") }) {
		l.Errorf("ben hears %q", got)
	}
	l.silent("what ben hears", strings.Join(got, " "))
	l.cleo = l.s.returns(l.T, 4, "cleo", "phone")
	if got := l.cleo.until("After the restore"); !slices.Contains(got, "Before the backup") {
		l.Errorf("cleo hears %q", got)
	}
	if l.s.wire(l.T, 5).keeps("cleo", "late") {
		l.Error("a session that was made after the backup is there")
	}
	_, n, _ := strings.Cut(lost, ":")
	for _, from := range []string{lost, n} {
		w := l.s.as(l.T, 5, "ben", "since")
		if ack := w.seek("$since/" + from + "/" + agora); ack.codes[0] != 1 || ack.user["complete"] != "false" {
			l.Errorf("$since/%s: %#x %v", from, ack.codes, ack.user)
		}
		if from == n {
			continue // beyond the end: nothing is replayed
		}
		for want := uint64(1); want <= again.Seq; want++ {
			f := w.hears()
			if p := readPost(l.T, f); p.Seq != want || want == again.Seq && p.ID != again.ID {
				l.Fatalf("$since/%s replays %s, want seq %d", from, f.payload, want)
			}
			l.silent("what is replayed", f.payload)
		}
	}
}

// backsUp goes by the manual.
func (l *siteStory) backsUp(to string) {
	l.Helper()
	if l.embedded() {
		l.command("backup", to)
		return
	}
	l.tool("pg_dump", "--format=custom", "--file="+to, l.database())
	if err := os.CopyFS(to+".files", os.DirFS(filepath.Join(l.data(), "files"))); err != nil {
		l.Fatal(err)
	}
}

// losesEverything is a disk that is gone.
func (l *siteStory) losesEverything() {
	l.Helper()
	if err := os.RemoveAll(l.data()); err != nil {
		l.Fatal(err)
	}
	if l.embedded() {
		return
	}
	db, err := sql.Open("pgx", l.database())
	if err == nil {
		_, err = db.ExecContext(l.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
	}
	if err != nil || db.Close() != nil {
		l.Fatal(err)
	}
}

// restores goes by the manual, too.
func (l *siteStory) restores(from string) {
	l.Helper()
	command := []string{"restore", from}
	if !l.embedded() {
		l.tool("pg_restore", "--dbname="+l.database(), from)
		if err := os.CopyFS(filepath.Join(l.data(), "files"), os.DirFS(from+".files")); err != nil {
			l.Fatal(err)
		}
		command = []string{"restore", "--epoch"}
	}
	if out := l.command(command...); !strings.Contains(out, "sessions go on and are told that something is gone") {
		l.Errorf("the restore says\n%s", out)
	}
}

// tool is one of PostgreSQL's own, as new as the server or newer.
func (l *siteStory) tool(name string, args ...string) {
	l.Helper()
	if out, err := exec.CommandContext(l.Context(), name, args...).CombinedOutput(); err != nil {
		l.Fatalf("%s, which PostgreSQL's client package has: %v\n%s", name, err, out)
	}
}

// The command leaves the work to the server that runs, and prints the receipt. On
// PostgreSQL it does it itself where the server is too busy to begin.
func (l *siteStory) operatorErasesBesideTheServer() {
	last := l.writes("cleo", agoraPath+"/activities", with{"content": "Her last word"})
	l.hear("Create", "Her last word", l.ben, l.cleo)
	receipt := decoded[struct {
		ID     string
		Done   time.Time
		Counts struct{ Posts int }
	}](l.T, l.command("user", "remove", "cleo", "--erase"))
	if receipt.ID == "" || receipt.Done.IsZero() || receipt.Counts.Posts < 2 {
		l.Errorf("the receipt is %+v", receipt)
	}
	l.cleo.ends(0)
	var left published
	if l.reads("chief", "/v1/activities/"+last.ID, &left); left.Seq != last.Seq || left.Object.Content != "" || left.Actor.ID == "cleo" {
		l.Errorf("of her last word %+v is left", left)
	}
	if l.embedded() {
		l.deletes(l.ben, receipt.Counts.Posts)
	}
}

// A backup from before she was erased still has her, as the manual warns. She is
// erased from it by a command, without a server.
func (l *siteStory) olderBackupHasHerUntilSheIsErasedAgain() {
	if !l.embedded() {
		return // that is for PostgreSQL's own tools
	}
	old := l.TempDir()
	for _, step := range [][]string{{"restore", l.before}, {"user", "remove", herName, "--erase"}, {"doctor"}} {
		stdout, stderr, code := here(nil, append(step, "--data", old)...)
		if code != exitOK {
			l.Fatalf("rambla %v: %d\n%s%s", step, code, stdout, stderr)
		}
		if step[0] == "restore" {
			found := l.traces(old, "")
			for _, n := range l.needles() {
				if len(found[n.name]) == 0 {
					l.Errorf("the backup does not have %s", n.name)
				}
			}
			continue
		}
		l.storeHasNothing(old, "")
	}
}
