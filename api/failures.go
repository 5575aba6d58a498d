package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"rambla/social"
)

// problems are the answers of failure that a route has, by status, as references
// to what [failures] puts into the document once. default stands for the rest.
func (rt route) problems() map[string]*huma.Response {
	if rt.body == formBody {
		return map[string]*huma.Response{"default": {Ref: "#/components/responses/" + oauthFailure}}
	}
	out := map[string]*huma.Response{"default": failureRef(0)}
	statuses := []int{
		http.StatusNotAcceptable, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if !rt.open {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(rt.path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if rt.method != http.MethodGet {
		statuses = append(statuses, http.StatusConflict)
	}
	if rt.body != noBody {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
		if rt.body != rawBody {
			statuses = append(statuses, http.StatusUnsupportedMediaType)
		}
	}
	for _, status := range statuses {
		out[strconv.Itoa(status)] = failureRef(status)
	}
	return out
}

// failureRef points to the description of a failure; 0 to that of any.
func failureRef(status int) *huma.Response {
	return &huma.Response{Ref: "#/components/responses/" + failureName(status)}
}

const oauthFailure = "OAuthError"

func failureName(status int) string {
	if status == 0 {
		return "Problem"
	}
	return strings.ReplaceAll(strings.ReplaceAll(http.StatusText(status), " ", ""), "-", "")
}

// failures describes every failure that routes refer to, with an example of the
// problem that tells of it.
func failures(schemas huma.Registry) map[string]*huma.Response {
	schema := schemas.Schema(reflect.TypeFor[Problem](), true, "")
	out := map[string]*huma.Response{failureName(0): {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}}
	out[oauthFailure] = &huma.Response{
		Description: "What went wrong, as RFC 6749 says it",
		Content:     map[string]*huma.MediaType{mediaJSON: {Schema: schemas.Schema(reflect.TypeFor[oauthError](), true, "")}},
	}
	for status, code := range map[int]string{
		http.StatusBadRequest:            social.KindInvalid.String(),
		http.StatusUnauthorized:          social.KindUnauthenticated.String(),
		http.StatusForbidden:             social.KindForbidden.String(),
		http.StatusNotFound:              social.KindNotFound.String(),
		http.StatusNotAcceptable:         codeAccept,
		http.StatusRequestTimeout:        codeTimeout,
		http.StatusConflict:              social.KindConflict.String(),
		http.StatusPreconditionFailed:    social.KindStale.String(),
		http.StatusRequestEntityTooLarge: social.KindTooLarge.String(),
		http.StatusUnsupportedMediaType:  codeMediaType,
		http.StatusUnprocessableEntity:   social.KindInvalid.String(),
		http.StatusTooManyRequests:       social.KindRateLimited.String(),
		http.StatusInternalServerError:   social.KindInternal.String(),
		http.StatusServiceUnavailable:    social.KindUnavailable.String(),
	} {
		example := newProblem(status, code, titles()[code]+".")
		if status == http.StatusUnprocessableEntity {
			example.Errors = []Fault{{"displayName", "is longer than 200 characters"}}
		}
		out[failureName(status)] = &huma.Response{
			Description: titles()[code],
			Headers:     failureHeaders(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema, Example: example}},
		}
	}
	return out
}

func failureHeaders(status int) map[string]*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	switch status {
	case http.StatusUnauthorized:
		return map[string]*huma.Param{"WWW-Authenticate": {Description: "How to sign in (RFC 6750)", Schema: text}}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	default:
		return nil
	}
}
