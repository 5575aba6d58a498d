package social

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxAttachments is how many files one post has.
	MaxAttachments = 10
	maxFileName    = 255 // bytes, as of file systems
)

// Attachment is a file that somebody has uploaded. But for the post that it hangs on
// nothing of it ever changes.
type Attachment struct {
	ID            ID
	Owner         PersonKey
	Name          string // for people, see CleanFileName
	MediaType     string // what it is, whatever was said of it
	Size          int64  // bytes
	Width, Height int    // pixels as it is shown; 0 where it has none
	Digest        [32]byte
	Created       time.Time
	Post          ID // zero: not posted yet
}

// BlobName is where its bytes are.
func (a *Attachment) BlobName() BlobName { return BlobName{Room: roomAttachments, ID: a.ID} }

// Path is where REST has it.
func (a *Attachment) Path() string { return "/v1/attachments/" + a.ID.String() }

// attachmentNote is what a post keeps of a file, in Post.Extra: enough to show it
// without looking it up.
type attachmentNote struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Width     int    `json:"width,omitempty"`
	Height    int    `json:"height,omitempty"`
}

// Attach notes in the post what hangs on it, instead of what was noted before.
func (p *Post) Attach(files []Attachment) error {
	var more extra
	if len(p.Extra) > 0 {
		if err := json.Unmarshal(p.Extra, &more); err != nil {
			return fmt.Errorf("read what an application tells: %w", err)
		}
	}
	more.Attachments = nil
	for _, f := range files {
		more.Attachments = append(more.Attachments, attachmentNote{
			ID: f.ID.String(), Name: f.Name, MediaType: f.MediaType, Size: f.Size, Width: f.Width, Height: f.Height,
		})
	}
	var err error
	if p.Extra, err = json.Marshal(more); err != nil {
		return fmt.Errorf("encode what hangs on a post: %w", err)
	}
	return nil
}

// keepAttached is told, what an edit says of an application's, with the files of the
// post that is edited, and the date of one that was imported.
func keepAttached(told, former []byte) ([]byte, error) {
	var was extra
	if len(former) == 0 || json.Unmarshal(former, &was) != nil || was.Attachments == nil && was.Published == "" {
		return told, nil
	}
	var now extra
	if err := json.Unmarshal(told, &now); err != nil {
		return nil, fmt.Errorf("read what an application tells: %w", err)
	}
	now.Attachments, now.Published = was.Attachments, was.Published
	return json.Marshal(now)
}

// withoutAttached is what an application told, without the files of the post.
func withoutAttached(told []byte) []byte {
	var more extra
	if len(told) == 0 || json.Unmarshal(told, &more) != nil || more.Attachments == nil {
		return told
	}
	more.Attachments = nil
	if more.Object == nil && more.Target == nil && more.Data == nil && more.Published == "" {
		return nil
	}
	out, err := json.Marshal(more)
	if err != nil {
		return nil // what was just read can be written
	}
	return out
}

// attachments writes what hangs on a post.
func (w *jsonWriter) attachments(list []attachmentNote) {
	for i, f := range list {
		kind := `{"type":"Document","id":`
		if f.picture() {
			kind = `{"type":"Image","id":`
		}
		if i > 0 {
			w.raw(",")
		}
		w.raw(kind)
		w.text(f.ID)
		w.field("name", f.Name)
		w.field("mediaType", f.MediaType)
		w.raw(`,"size":`)
		w.uint(uint64(max(f.Size, 0)))
		if f.Width > 0 && f.Height > 0 {
			w.raw(`,"width":`)
			w.uint(uint64(f.Width))
			w.raw(`,"height":`)
			w.uint(uint64(f.Height))
		}
		w.field("url", "/v1/attachments/"+f.ID)
		w.raw("}")
	}
}

// picture tells whether a browser shows the file as one, without anything in it
// being run.
func (f *attachmentNote) picture() bool {
	return strings.HasPrefix(f.MediaType, "image/") && f.MediaType != "image/svg+xml"
}

// AppendAttachment appends the JSON of a file as its post shows it.
func AppendAttachment(dst []byte, a *Attachment) []byte {
	w := jsonWriter{dst}
	w.attachments([]attachmentNote{{a.ID.String(), a.Name, a.MediaType, a.Size, a.Width, a.Height}})
	return w.b
}

// decodeAttachments reads the ids of files that are to hang on a post.
func decodeAttachments(field string, raw json.RawMessage) ([]ID, error) {
	var words []string
	if err := decode(field, raw, &words, "a list of ids of attachments"); err != nil {
		return nil, err
	}
	if len(words) > MaxAttachments {
		return nil, Invalid(field, "has more than %d files", MaxAttachments)
	}
	var out []ID
	for _, word := range words {
		id, ok := ParseID(word)
		switch {
		case !ok:
			return nil, Invalid(field, "%q is not the id of an attachment", clip(word))
		case slices.Contains(out, id):
			return nil, Invalid(field, "has %s twice", word)
		}
		out = append(out, id)
	}
	return out, nil
}

// CleanFileName makes of what a client calls a file a name that can be shown and
// saved: the last part of a path, without characters that nobody sees or that turn
// the writing direction, and no longer than file systems take.
func CleanFileName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimRight(strings.TrimSpace(name), ". ") // which Windows drops, and "." and ".."
	if len(name) > maxFileName {
		end := path.Ext(name)
		if len(end) > 32 {
			end = ""
		}
		name = strings.ToValidUTF8(name[:maxFileName-len(end)], "") + end
	}
	if name == "" {
		return "file"
	}
	return name
}
