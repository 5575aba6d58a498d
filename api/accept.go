package api

import (
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const (
	mediaJSON = "application/json"
	// Both are ActivityStreams 2.0 (section 8 of its core).
	mediaActivity = "application/activity+json"
	mediaLinked   = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`

	activityContext = `{"@context":"https://www.w3.org/ns/activitystreams"`
)

// offers are the media types that an answer can have, the one that we prefer first.
func offers(answer *huma.Schema, list bool) []string {
	if name := path.Base(answer.Ref); !list && (name == "Post" || name == "Activity") {
		return []string{mediaJSON, mediaActivity, mediaLinked}
	}
	return []string{mediaJSON}
}

// accepted picks the media type of an answer by the header Accept (RFC 9110
// section 12.5.1). ok is false where none of the offers is acceptable.
func accepted(h http.Header, offers []string) (media string, ok bool) {
	header := strings.Join(h.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return offers[0], true
	}
	best := 0.0
	for _, offer := range offers {
		if q := quality(header, offer); q > best {
			media, best = offer, q
		}
	}
	return media, best > 0
}

// quality is what the header gives to an offer: the weight of the range that
// names it most closely, and 0 where none does.
func quality(header, offer string) float64 {
	weight, closest := 0.0, 0
	for text := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		if c := closeness(media, params, offer); c > closest {
			weight, closest = 1, c
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
		}
	}
	return weight
}

// closeness tells how closely a range names an offer; 0: not at all.
func closeness(media string, params map[string]string, offer string) int {
	kind, own, _ := mime.ParseMediaType(offer) // a constant
	major, _, _ := strings.Cut(kind, "/")
	switch {
	case media == "*/*":
		return 1
	case media == major+"/*":
		return 2
	case media == kind && (own["profile"] == "" || slices.Contains(strings.Fields(params["profile"]), own["profile"])):
		return 3
	default:
		return 0
	}
}
