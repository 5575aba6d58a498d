package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"rambla/pushgw/simulator"
)

// The story of a site: its people come from elsewhere and bring what they wrote, one of
// them takes along all that she has and is forgotten, and the site survives the loss of
// its machine without her coming back.
func TestPeopleComeAndGoAndTheSiteOutlivesItsMachine(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		l := newSiteStory(t, flags)
		l.peopleAreImported()
		l.theyAreAtHome()
		l.sheWrites()
		l.sheAttachesFiles()
		l.othersActOnHer()
		l.searchFindsAllOfIt()
		l.sheTakesItAlong()
		l.storeHasHer()
		l.sheIsErased()
		l.nothingIsLeftOfHer("ben", "chief")
		l.disasterIsSurvived()
		l.nothingIsLeftOfHer("ben")
		l.operatorErasesBesideTheServer()
		l.olderBackupHasHerUntilSheIsErasedAgain()
	})
}

// siteStory is the site of an agora: chief is its manager, ben its owner, xanthippe
// and cleo are members.
type siteStory struct {
	story
	sim   *simulator.Simulator
	flags []string // of the store, and the configuration

	ben, cleo    *wire // their phones, with sessions
	live, socket *wire // her connections
	listening    *listener

	old     published // imported, hers
	answer  published // ben's
	posts   []string  // ids of hers, wherever they are
	talk    talk
	files   []filedAway
	links   []string // signed, to her files
	media   string   // ben's media token
	token   string   // hers
	chunks  [][]byte // of her files, as they lie on the disk
	erasure string
	before  string // a backup from before the erasure; embedded store only
}

// filedAway is a file of hers.
type filedAway struct {
	ID, URL string
	content []byte // as it is given out
}

const (
	agora      = "/ctx/agora/messages"
	agoraPath  = "/v1/contexts/agora"
	herFirst   = "x.papadaki@kallirrhoe.example" // before she was renamed
	herName    = "xanthippe"
	herDisplay = "Xanthippe Papadaki"
)

// hers are words that nobody else uses; each was written by her or about her in
// another place.
func hers() []string {
	return []string{
		herName, "papadaki", "kallirrhoe", "zephyrologia", "quixotropic", "velocipedomania", "obfuscatorium", "bewildermentum",
		"clandestinarium", "domesticitas", "susurrationem", "thermometrix", "propertarium", "lanternaria", "gramophonium", "kitchenalia",
		"keyhoardium", "diariumsecretum", "calligraphia", "denunciatoria", "querulantia", "banishmentum", "jurisprudens", "pushtokenaria",
	}
}

// imported is a hash of the password as another system made it, cheap so that the
// story is about something else.
func imported(password string) string {
	salt := []byte("salt of " + password)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", enc.EncodeToString(salt),
		enc.EncodeToString(argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)))
}

func newSiteStory(t *testing.T, flags []string) *siteStory {
	t.Helper()
	sim, config := pushProviders(t, simulator.Config{}, 50*time.Millisecond)
	return &siteStory{story: story{T: t}, sim: sim, flags: append(flags, "--config", config)}
}

func (l *siteStory) embedded() bool { return l.database() == "" }

// data is the data directory.
func (l *siteStory) data() string { return l.flags[1] }

func (l *siteStory) database() string {
	if l.flags[2] == "--database" {
		return l.flags[3]
	}
	return ""
}

// command runs the program beside the server.
func (l *siteStory) command(args ...string) string {
	l.Helper()
	stdout, stderr, code := rambla(l.T, append(args, l.flags...)...)
	if code != exitOK {
		l.Fatalf("rambla %s: %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// writes makes a post, and remembers those of hers.
func (l *siteStory) writes(name, path string, body any) published {
	l.Helper()
	p := l.story.writes(name, path, body)
	if name == herName {
		l.posts = append(l.posts, p.ID)
	}
	return p
}

// People, contexts and members come before there is a server, and a second time
// without harm.
func (l *siteStory) peopleAreImported() {
	lines := fmt.Sprintf(`{"type":"person","name":"chief","roles":["manager"],"passwordHash":%q}
{"type":"person","name":"ben","displayName":"Ben","passwordHash":%q}
{"type":"person","name":"cleo","displayName":"Cleo","passwordHash":%q}
{"type":"person","name":%q,"displayName":%q,"title":"Physician","url":"https://kallirrhoe.example/me","passwordHash":%q}
{"type":"context","id":"agora","preset":"closed","owner":"ben"}
{"type":"context","id":"stoa","preset":"open","owner":"chief"}
{"type":"member","context":"agora","person":"cleo"}
{"type":"member","context":"agora","person":%q,"grants":["invite"]}
`, imported("chief"), imported("ben"), imported("cleo"), herFirst, herDisplay, imported(herName), herFirst)
	file := filepath.Join(l.TempDir(), "people.ndjson")
	writeFile(l.T, file, lines)
	for _, want := range []string{"4 added, 0 changed, 0 unchanged", "0 added, 0 changed, 4 unchanged"} {
		if out := l.command("user", "import", file); !strings.Contains(out, "people imported: "+want) {
			l.Errorf("it says\n%s", out)
		}
	}
}

// They sign in with the passwords that they had, and what they wrote elsewhere is
// there with its dates. Nobody was disturbed.
func (l *siteStory) theyAreAtHome() {
	l.s = serve(l.T, l.flags...)
	l.ben = l.s.begins(l.T, 5, "ben", "phone", 1, "/ctx/+/messages", "/ctx/+/events")
	l.cleo = l.s.begins(l.T, 4, "cleo", "phone", 1, agora)
	l.as("cleo", http.StatusCreated, http.MethodPost, "/v1/me/devices", with{"platform": simulator.FCM, "token": "cleos-tablet", "app": "android"})
	lines := fmt.Sprintf(`{"type":"activity","id":"1","context":"agora","author":%q,"content":"Zephyrologia, said once","published":"2019-09-12T08:30:00Z"}
{"type":"activity","id":"2","context":"agora","author":"ben","content":"Answered long ago","published":"2019-09-13T08:30:00Z"}
{"type":"comment","id":"3","inReplyTo":"2","author":%q,"content":"Quixotropic","published":"2019-09-14T08:30:00Z"}
`, herFirst, herFirst)
	for _, want := range []string{`"activities":{"added":2,`, `"activities":{"added":0,"changed":0,"unchanged":2}`} {
		if r := l.imports(lines); r.status != http.StatusOK || !strings.Contains(r.body, want) {
			l.Fatalf("the import: %d %s", r.status, r.body)
		}
	}
	if n := l.s.figure(l.T, `rambla_import_lines_total{result="added",type="activity"}`); n != 2 {
		l.Errorf("%v imported activities are counted", n)
	}
	if r := l.imports(lines + "{\"type\":\"activity\"}\n"); r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, "4") {
		l.Errorf("a broken fourth line: %d %s", r.status, r.body)
	}
	if n := l.s.figure(l.T, `rambla_import_refused_total{kind="invalid"}`); n != 1 {
		l.Errorf("%v refused lines are counted", n)
	}
	l.ben.gets("Zephyrologia, said once", "Answered long ago")
	l.cleo.gets("Zephyrologia, said once", "Answered long ago")
	var page struct{ Items []published }
	l.reads("ben", agoraPath+"/activities", &page)
	if len(page.Items) != 2 || page.Items[1].Published != "2019-09-12T08:30:00.000Z" || page.Items[1].Actor.ID != herFirst {
		l.Fatalf("imported are %+v", page.Items)
	}
	l.answer, l.old = page.Items[0], page.Items[1]
	l.posts = append(l.posts, l.old.ID)
	l.reads("ben", agoraPath+"/log/events?after=0", &page)
	if len(page.Items) != 0 {
		l.Errorf("events tell of the import: %+v", page.Items)
	}
	fence := l.writes("ben", agoraPath+"/activities", with{"content": "Welcome"})
	l.hear("Create", "Welcome", l.ben, l.cleo)
	if !within(patience, func() bool { return strings.Contains(l.pushed("cleo", fence.ID), `"what":"sent"`) }) {
		l.Errorf("of what was posted nobody is pushed to: %s", l.pushed("cleo", fence.ID))
	}
	if told := l.pushed("cleo", l.old.ID); strings.Contains(told, `"what"`) {
		l.Errorf("of what was imported somebody is pushed to: %s", told)
	}
}

func (l *siteStory) imports(lines string) reply {
	l.Helper()
	return l.s.ask(l.T, http.MethodPost, "/v1/import", lines, "Authorization: Bearer "+l.s.token(l.T, "chief"), "Content-Type: application/x-ndjson")
}

// pushed is what was decided of the pushes of a post.
func (l *siteStory) pushed(person, post string) string {
	return l.s.ask(l.T, http.MethodGet, "/v1/admin/push?person="+person+"&post="+post, "", "Authorization: Bearer "+l.s.token(l.T, "chief")).body
}

func (l *siteStory) hear(kind, content string, phones ...*wire) {
	l.Helper()
	for _, w := range phones {
		if p := readPost(l.T, w.hears()); p.Type != kind || p.Object.Content != content {
			l.Errorf("heard %s %q, want %s %q", p.Type, p.Object.Content, kind, content)
		}
	}
}

// She takes another name, and writes wherever one can.
func (l *siteStory) sheWrites() {
	l.as("chief", http.StatusOK, http.MethodPatch, "/v1/people/"+herFirst, with{"name": herName})
	l.as(herName, http.StatusOK, http.MethodPatch, "/v1/people/me", with{"about": "Write to xantho@kallirrhoe.example"})
	l.as(herName, http.StatusOK, http.MethodPut, "/v1/me/preferences", with{"locale": "el"})
	l.token = l.s.token(l.T, herName)
	edited := l.writes(herName, agoraPath+"/activities", with{"content": "Obfuscatorium"})
	l.as(herName, http.StatusOK, http.MethodPatch, "/v1/activities/"+edited.ID, with{"content": "Bewildermentum"})
	l.hear("Create", "Obfuscatorium", l.ben, l.cleo)
	l.hear("Update", "Bewildermentum", l.ben, l.cleo)
	l.writes(herName, agoraPath+"/activities", with{"content": "Clandestinarium", "to": []string{"ben"}})
	l.hear("Create", "Clandestinarium", l.ben)
	l.writes(herName, "/v1/activities/"+l.answer.ID+"/comments", with{"content": "On #velocipedomania"})
	l.writes(herName, "/v1/people/me/activities", with{"content": "Domesticitas"})
	l.as(herName, http.StatusCreated, http.MethodPut, "/v1/activities/"+l.answer.ID+"/like", nil)
	l.as(herName, http.StatusCreated, http.MethodPut, "/v1/activities/"+l.answer.ID+"/favorite", nil)
	l.talk = l.s.talks(l.T, http.StatusCreated, herName, with{"participants": []string{"ben"}})
	l.writes(herName, l.talk.path("/messages"), with{"content": "Susurrationem"})
	l.writes("ben", l.talk.path("/messages"), with{"content": "I hear you"})
	l.as(herName, http.StatusCreated, http.MethodPost, "/v1/me/tokens", with{"name": "kitchenalia"})
	l.as(herName, http.StatusCreated, http.MethodPost, "/v1/me/devices", with{"platform": simulator.FCM, "token": "pushtokenaria", "app": "android", "mqttClientId": "gramophonium"})

	away := l.s.begins(l.T, 4, herName, "gramophonium-away", 1, agora)
	away.leaves()
	l.live = l.s.begins(l.T, 5, herName, "gramophonium", 1, "/ctx/+/messages")
	for _, payload := range []string{`{"content":"By key","key":"keyhoardium"}`, `{"content":"By key","key":"keyhoardium"}`} {
		if ack := l.live.publish(1, agora, payload); ack.code != 0 {
			l.Fatalf("she publishes: %#x", ack.code)
		}
	}
	l.hear("Create", "By key", l.live, l.ben, l.cleo)
	for topic, payload := range map[string]string{"thermometer": "thermometrix", "lantern": "lanternaria"} {
		packet := l.live.publishPacket(1, "/ctx/agora/data/"+topic, payload, property("propertarium", "propertarium"))
		if topic == "lantern" {
			packet[0] |= 1 // retained
		}
		l.live.send(packet)
		if ack := l.live.acknowledged(kindPuback); ack.code != 0 {
			l.Fatalf("her data: %#x", ack.code)
		}
	}
	socket, _, err := l.s.socket(l.T, 5, "mqtt", "")
	if err != nil {
		l.Fatal(err)
	}
	if ack := socket.connect(hello{id: "gramophonium-web", name: herName, password: l.token}); ack.code != 0 {
		l.Fatalf("her browser connects: %#x", ack.code)
	}
	l.socket = socket
	l.listening = listen(l.T, l.s, herName, herName, agora)
}

// She posts files: a text over REST, a picture over MQTT, and a picture of herself.
// Whoever reads the posts has them, by a link and by a media token too.
func (l *siteStory) sheAttachesFiles() {
	text := bytes.Repeat([]byte("calligraphia, line by line\n"), 100)
	pixels := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	noise := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // nobody guesses it
	for i := range 256 * 256 {
		pixels.SetNRGBA(i%256, i/256, color.NRGBA{uint8(noise.Uint32()), uint8(noise.Uint32()), uint8(noise.Uint32()), 255}) //nolint:gosec // any byte
	}
	var picture bytes.Buffer
	if err := png.Encode(&picture, pixels); err != nil {
		l.Fatal(err)
	}
	document, photo := l.upload("Diariumsecretum.txt", text), l.upload("Diariumsecretum.png", picture.Bytes())
	loose := l.upload("Diariumsecretum.txt", append(text, "not posted"...))
	l.writes(herName, agoraPath+"/activities", with{"content": "A diary", "attachments": []string{document.ID}})
	ack := l.live.publish(1, agora, fmt.Sprintf(`{"content":"A picture","attachments":[%q]}`, photo.ID))
	if ack.code != 0 {
		l.Fatalf("she publishes a picture: %#x", ack.code)
	}
	l.posts = append(l.posts, ack.user["id"])
	l.hear("Create", "A diary", l.live, l.ben, l.cleo)
	l.hear("Create", "A picture", l.live, l.ben, l.cleo)
	var media struct{ Token string }
	if code := l.s.call(l.T, l.s.token(l.T, "ben"), http.MethodPost, "/v1/me/media-token", nil, &media); code != http.StatusCreated {
		l.Fatalf("a media token: %d", code)
	}
	l.media = media.Token
	l.files = []filedAway{document, photo, loose}
	for i := range l.files {
		f := &l.files[i]
		who := "ben"
		if i == 2 {
			who = herName // nobody else may, before it is posted
		}
		f.content = l.downloads(who, f.URL)
		l.remember(f.content)
		for _, by := range []string{herName, "chief"} {
			if i < 2 {
				l.links = append(l.links, l.signs(by, f.ID))
			}
		}
	}
	if !bytes.Equal(l.files[0].content, text) {
		l.Errorf("ben reads %q", l.files[0].content)
	}
	l.remember(l.downloads("cleo", photo.URL+"/thumbnail?size=96"))
	if r := l.s.ask(l.T, http.MethodPut, "/v1/people/me/avatar", picture.String(), "Authorization: Bearer "+l.token, "Content-Type: image/png"); r.status != http.StatusNoContent {
		l.Fatalf("her picture: %d %s", r.status, r.body)
	}
	l.remember(l.downloads("cleo", "/v1/people/"+herName+"/avatar?size=512"))
	for _, link := range append(l.links, document.URL+"?t="+l.media) {
		if r := l.s.ask(l.T, http.MethodGet, link, ""); r.status != http.StatusOK {
			l.Errorf("%s: %d %s", link, r.status, r.body)
		}
	}
}

// remember keeps a part from the middle, to be looked for.
func (l *siteStory) remember(content []byte) {
	l.chunks = append(l.chunks, content[len(content)/2:][:min(64, len(content)/2)])
}

func (l *siteStory) upload(name string, content []byte) (f filedAway) {
	l.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err != nil || form.Close() != nil {
		l.Fatal(err)
	}
	r := l.s.ask(l.T, http.MethodPost, "/v1/attachments", body.String(), "Authorization: Bearer "+l.token, "Content-Type: "+form.FormDataContentType())
	if r.status != http.StatusCreated {
		l.Fatalf("uploading %s: %d %s", name, r.status, r.body)
	}
	return decoded[filedAway](l.T, r.body)
}

func (l *siteStory) downloads(name, path string) []byte {
	l.Helper()
	r := l.s.ask(l.T, http.MethodGet, path, "", "Authorization: Bearer "+l.s.token(l.T, name))
	if r.status != http.StatusOK {
		l.Fatalf("%s downloads %s: %d %s", name, path, r.status, r.body)
	}
	return []byte(r.body)
}

// signs makes a link; where it leads does not depend on the server's address.
func (l *siteStory) signs(name, file string) string {
	l.Helper()
	var link struct{ URL string }
	if code := l.s.call(l.T, l.s.token(l.T, name), http.MethodPost, "/v1/attachments/"+file+"/links", nil, &link); code != http.StatusCreated {
		l.Fatalf("%s signs a link: %d", name, code)
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		l.Fatal(err)
	}
	return u.RequestURI()
}
