package api

// The types of this file describe, for the OpenAPI document, what package
// social reads and writes itself: social.ParseDraft and Directory.RenderPost.
// Tests hold them to those.

// Draft is what one posts.
type Draft struct {
	Content   string         `json:"content,omitempty" doc:"At most 16 KiB. May be empty only where type tells of something an application did"`
	Format    string         `json:"format,omitempty" enum:"plain,markdown"`
	Key       string         `json:"key,omitempty" doc:"Makes the post idempotent for 7 days; the same as the header Idempotency-Key"`
	InReplyTo string         `json:"inReplyTo,omitempty" doc:"The id of the post that this one answers"`
	To        []string       `json:"to,omitempty" doc:"Names of the only people who may read it, beside its author"`
	Type      string         `json:"type,omitempty" doc:"A word of ActivityStreams 2.0, or app:verb; absent: Create" example:"uni:graded"`
	Object    *Thing         `json:"object,omitempty" doc:"What an application tells of"`
	Target    *Thing         `json:"target,omitempty"`
	Data      map[string]any `json:"data,omitempty" doc:"At most 4 KiB of an application's own"`

	Attachments []string `json:"attachments,omitempty" maxItems:"10" doc:"Ids of files that I have uploaded and that hang on no post yet; content may be empty then"`
}

// Edit changes a post; what it leaves out stays.
type Edit struct {
	Content string         `json:"content,omitempty"`
	Format  string         `json:"format,omitempty" enum:"plain,markdown"`
	Key     string         `json:"key,omitempty"`
	Object  *Thing         `json:"object,omitempty"`
	Target  *Thing         `json:"target,omitempty"`
	Data    map[string]any `json:"data,omitempty"`
}

// Thing is an object or target of an application.
type Thing struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// Post is one entry of a stream, in the vocabulary of ActivityStreams 2.0.
type Post struct {
	ID        string         `json:"id"`
	Seq       uint64         `json:"seq" doc:"Its place in the stream"`
	Type      string         `json:"type" example:"Create"`
	Actor     Party          `json:"actor"`
	Creator   *Party         `json:"creator,omitempty" doc:"Who really acted, where that is not the actor"`
	Object    Note           `json:"object"`
	Target    Party          `json:"target" doc:"The context, or what the application named"`
	Context   *Party         `json:"context,omitempty" doc:"The context, where target is something else"`
	Data      map[string]any `json:"data,omitempty"`
	To        []string       `json:"to,omitempty" doc:"Of a private post: who reads it beside its author"`
	Published string         `json:"published" format:"date-time"`
	Updated   string         `json:"updated,omitempty" format:"date-time" doc:"When it was last edited"`
	Key       string         `json:"key,omitempty"`
	Generator string         `json:"generator" doc:"The entrance: mqtt, rest or server"`
}

// Activity is a post with what was said about it.
type Activity struct {
	Post
	Comments  uint64 `json:"comments" doc:"How many living comments it has"`
	Likes     uint64 `json:"likes"`
	Shares    uint64 `json:"shares"`
	Flagged   bool   `json:"flagged" doc:"Whether it is highlighted"`
	Liked     bool   `json:"liked" doc:"Whether I like it"`
	Favorited bool   `json:"favorited" doc:"Whether it is a favorite of mine; nobody else learns that"`
	Shared    *Post  `json:"shared,omitempty" doc:"Of a share: what it shares, where I may read that"`
}

// Party is a person, service account or context.
type Party struct {
	Type string `json:"type" example:"Person"`
	ID   string `json:"id" example:"alice"`
	Name string `json:"name,omitempty" example:"Alice"`
	URL  string `json:"url,omitempty"`
}

// Note is what a post is about.
type Note struct {
	Type       string       `json:"type" example:"Note" doc:"Tombstone: it was removed"`
	ID         string       `json:"id"`
	Name       string       `json:"name,omitempty"`
	URL        string       `json:"url,omitempty"`
	Content    string       `json:"content,omitempty" doc:"As it was written; plain text, unless mediaType says otherwise"`
	MediaType  string       `json:"mediaType,omitempty" enum:"text/markdown"`
	HTML       string       `json:"html,omitempty" doc:"Of Markdown: the content as HTML that is safe to show"`
	InReplyTo  string       `json:"inReplyTo,omitempty"`
	Deleted    string       `json:"deleted,omitempty" format:"date-time"`
	Attachment []Attachment `json:"attachment,omitempty"`
	Tag        []Mention    `json:"tag,omitempty" doc:"Whom the content mentions by @name"`
}

// Mention is a person whom a post mentions.
type Mention struct {
	Type string `json:"type" example:"Mention"`
	ID   string `json:"id" example:"bob"`
	Name string `json:"name" example:"@bob"`
}

// PostPage is a page of posts.
type PostPage struct {
	Items []Post `json:"items" nullable:"false"`
	Next  uint64 `json:"next,omitempty" doc:"What to ask for as after or before; absent at the end"`
}

// ActivityPage is a page of posts.
type ActivityPage struct {
	Items []Activity `json:"items" nullable:"false"`
	Next  uint64     `json:"next,omitempty" doc:"What to ask for as after or before; absent at the end"`
}

// ActivityList is a page of a context's posts.
type ActivityList struct {
	Items []Activity `json:"items" nullable:"false"`
	Next  any        `json:"next,omitempty" doc:"Of the plain list a seq, what to ask for as after or before; of one that is sorted or filtered its cursor. Absent at the end"`
}

// GatheredPage is a page of posts of several places.
type GatheredPage struct {
	Items []Activity `json:"items" nullable:"false"`
	Next  string     `json:"next,omitempty" doc:"The cursor of the next page; absent at the end. A page may have fewer items than asked for, also where there is a next one"`
}

// LogPage is a page of a log.
type LogPage struct {
	Items    []Post `json:"items" nullable:"false"`
	Next     uint64 `json:"next,omitempty" doc:"What to ask for as after or before; absent at the end"`
	Position string `json:"position" doc:"Where the stream stands, as epoch:seq"`
	Complete bool   `json:"complete" doc:"False where something after the position asked for is no longer there"`
}

// Receipt says how far one has got: one of both, or both.
type Receipt struct {
	Delivered uint64 `json:"delivered,omitempty" doc:"As read: what has reached a device" example:"42"`
	Read      uint64 `json:"read,omitempty" doc:"A seq of the messages. Beyond the end it counts as the end; a smaller one than before changes nothing" example:"42"`
}

// ContextOverview is a context that I belong to, and how far I have read there.
type ContextOverview struct {
	ID          string   `json:"id" example:"maths-3"`
	DisplayName string   `json:"displayName" example:"Applied maths III"`
	May         []string `json:"may" nullable:"false" doc:"The permissions that I have in it, with this token"`
	Interest
	Position  string  `json:"position,omitempty" doc:"Where its messages stand, as epoch:seq; this and all below are absent where I may not read" example:"1f0c9a2e:42"`
	Delivered *uint64 `json:"delivered,omitempty" doc:"What is up to this seq has reached a device of mine"`
	Read      *uint64 `json:"read,omitempty" doc:"What is up to this seq I have read"`
	Unread    *uint64 `json:"unread,omitempty" doc:"Living posts by others after it that I may see"`
	Last      *Post   `json:"last,omitempty" doc:"The last living post that I may see"`
}

// ContextOverviewPage is a page of my contexts.
type ContextOverviewPage struct {
	Items []ContextOverview `json:"items" nullable:"false"`
	Next  string            `json:"next,omitempty" doc:"The cursor of the next page; absent at the end"`
	Changed
}

// TokenForm is the body of the token endpoint (RFC 6749).
type TokenForm struct {
	GrantType    string `json:"grant_type" enum:"password,refresh_token,client_credentials"`
	Username     string `json:"username,omitempty"`
	Password     string `json:"password,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// SecretForm is the body of introspection and revocation.
type SecretForm struct {
	Token         string `json:"token"`
	TokenTypeHint string `json:"token_type_hint,omitempty"`
}
