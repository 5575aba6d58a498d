package storage

import (
	"rambla/social"
)

func (s *columnSet) fillPosts(posts []*social.Post) {
	s.posts.reset(oidInt64, oidInt64, oidInt64, oidInt64, oidInt64, oidID, oidBool, oidBool, oidBool, oidBool,
		oidInt64, oidInt64, oidID, oidID, oidID, oidText, oidText, oidBytes, oidText, oidText, oidInt64)
	c := s.posts.cols
	for _, p := range posts {
		c[0].int64(int64(p.Stream))
		c[1].int64(int64(p.Seq))     //nolint:gosec // came from a BIGINT
		c[2].int64(int64(p.Ordinal)) //nolint:gosec // likewise
		c[3].int64(micros(p.Published))
		c[4].int64(int64(p.Author))
		c[5].id(p.ID)
		c[6].bool(p.Counts())
		c[7].bool(p.AsSpace)
		c[8].bool(p.Markdown)
		c[9].bool(p.Private)
		c[10].int64OrNull(int64(p.Creator))
		c[11].int64OrNull(int64(p.Subject))
		c[12].idOrNull(p.Object)
		c[13].idOrNull(p.Root)
		c[14].idOrNull(p.InReplyTo)
		c[15].text(p.Type)
		c[16].text(p.Content)
		c[17].bytesOrNull(p.Extra)
		c[18].textOrNull(p.Key)
		c[19].text(p.Generator)
		c[20].int64OrNull(int64(p.Session)) //nolint:gosec // ids are positive BIGINTs
	}
}

// fillReaders tells whether there are any.
func (s *columnSet) fillReaders(posts []*social.Post) bool {
	s.readers.reset(oidInt64, oidInt64, oidInt64)
	c := s.readers.cols
	for _, p := range posts {
		if !p.Private {
			continue
		}
		for _, person := range p.To {
			c[0].int64(int64(p.Stream))
			c[1].int64(int64(p.Seq)) //nolint:gosec // came from a BIGINT
			c[2].int64(int64(person))
		}
	}
	return c[0].n > 0
}

func (s *columnSet) fillSamples(samples []storedSample) {
	s.samples.reset(oidInt64, oidInt64, oidInt64, oidInt64, oidInt64, oidInt16, oidBool, oidText, oidBytes, oidBytes, oidText)
	c := s.samples.cols
	for _, m := range samples {
		c[0].int64(int64(m.Stream))
		c[1].int64(int64(m.Seq)) //nolint:gosec // came from a BIGINT
		c[2].int64(micros(m.Published))
		c[3].int64(int64(m.Author))
		c[4].int64OrNull(int64(m.Session)) //nolint:gosec // sessions have 63 bits
		c[5].int16(uint16(m.QoS))
		c[6].bool(m.Retain)
		c[7].text(m.Topic)
		c[8].bytes(m.Payload)
		c[9].bytesOrNull(m.properties)
		c[10].textOrNull(m.Key)
	}
}

func (s *columnSet) fillTopics(topics []topicRef) {
	s.topics.reset(oidInt64, oidText)
	for _, ref := range topics {
		s.topics.cols[0].int64(ref.stream)
		s.topics.cols[1].text(ref.topic)
	}
}

func (s *columnSet) fillRetained(messages []*storedSample) {
	s.retained.reset(oidInt64, oidText, oidInt64, oidInt64, oidInt64, oidInt64, oidInt64, oidInt16, oidBytes, oidBytes)
	c := s.retained.cols
	for _, m := range messages {
		c[0].int64(int64(m.Stream))
		c[1].text(m.Topic)
		c[2].int64(int64(m.Seq)) //nolint:gosec // came from a BIGINT
		c[3].int64(micros(m.Published))
		c[4].int64(m.expiresAt())
		c[5].int64(int64(m.Author))
		c[6].int64OrNull(int64(m.Session)) //nolint:gosec // sessions have 63 bits
		c[7].int16(uint16(m.QoS))
		c[8].bytes(m.Payload)
		c[9].bytesOrNull(m.properties)
	}
}

func (s *columnSet) fillKeys(keys []usedKey) {
	s.newKeys.reset(oidInt64, oidText, oidBytes, oidInt64, oidInt64, oidID, oidInt64)
	c := s.newKeys.cols
	for i := range keys {
		k := &keys[i]
		c[0].int64(k.person)
		c[1].text(k.key)
		c[2].bytes(k.digest[:])
		c[3].int64(k.stream)
		c[4].int64(k.seq)
		c[5].idOrNull(k.id)
		c[6].int64(k.at)
	}
}

func (s *columnSet) fillEdits(edits []edit) {
	s.edits.reset(oidID, oidInt64, oidInt64, oidBool, oidText, oidBytes)
	c := s.edits.cols
	for _, d := range edits {
		c[0].id(d.post.id)
		c[1].int64(d.seq)
		c[2].int64(d.at)
		c[3].bool(d.markdown)
		c[4].text(d.content)
		c[5].bytesOrNull(d.extra)
	}
}

func (s *columnSet) fillChanged(changed []*object) {
	s.changed.reset(oidInt64, oidInt64, oidBool, oidText, oidBytes, oidInt64, oidInt64, oidInt64)
	c := s.changed.cols
	for _, o := range changed {
		c[0].int64(o.stream)
		c[1].int64(o.seq)
		c[2].bool(o.markdown)
		c[3].text(o.content)
		c[4].bytesOrNull(o.extra)
		c[5].int64OrNull(o.updatedAt)
		c[6].int64OrNull(o.removedAt)
		c[7].int64OrNull(o.version)
	}
}

func (s *columnSet) fillHeads(streams []streamState) {
	s.heads.reset(oidInt64, oidInt64, oidInt64, oidInt64, oidInt64, oidInt64, oidInt64)
	c := s.heads.cols
	for i := range streams {
		if st := &streams[i]; st.changed {
			c[0].int64(st.key)
			c[1].int64(st.head)
			c[2].int64(st.ordinals)
			c[3].int64(st.headAt)
			c[4].int64(st.bytes)
			c[5].int64(st.retained)
			c[6].int64(st.retainedBytes)
		}
	}
}
