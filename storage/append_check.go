package storage

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"rambla/social"
)

// checkEntry finds what would make the database refuse the whole batch.
func checkEntry(e *social.Entry, s *streamState) error {
	switch {
	case !s.known, s.closed:
		return notFound("topic")
	case s.channel.Log() != (e.Post != nil):
		return failure(&brokenRuleError{"an entry is not what its stream holds"})
	}
	if p := e.Post; p != nil {
		if len(p.Content) > maxContent || len(p.Extra) > maxContent {
			return social.Errorf(social.KindTooLarge, "The post is too long.")
		}
		return cmp.Or(
			checkText("content", p.Content, maxContent), checkText("key", p.Key, maxKey),
			checkText("type", p.Type, maxWord), checkText("generator", p.Generator, maxWord),
		)
	}
	return checkSample(e.Sample)
}

func checkSample(m *social.Sample) error {
	if len(m.Payload) > maxPayload {
		return social.Errorf(social.KindTooLarge, "The message is too long.")
	}
	return cmp.Or(checkText("topic", m.Topic, maxTopic), checkText("key", m.Key, maxKey))
}

// checkText finds what PostgreSQL cannot store as text.
func checkText(field, s string, limit int) error {
	switch {
	case len(s) > limit:
		return social.Invalid(field, "is at most %d bytes long", limit)
	case !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0:
		return social.Invalid(field, "is UTF-8 text without NUL characters")
	}
	return nil
}
