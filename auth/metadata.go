package auth

import (
	"strings"

	"rambla/social"
)

// Metadata is the document of RFC 8414 section 2, as it is written in JSON.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	Documentation         string   `json:"service_documentation"`
	Scopes                []string `json:"scopes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	// ResponseTypes is empty, yet required: there is no authorization endpoint.
	ResponseTypes     []string `json:"response_types_supported"`
	TokenAuth         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
}

// NewMetadata describes the endpoints under issuer, the URL at which clients
// reach the server, such as https://chat.example.org. The scopes ctx:{id} and
// data:{id} are left out: they have no fixed words.
func NewMetadata(issuer string) Metadata {
	issuer = strings.TrimSuffix(issuer, "/")
	return Metadata{
		Issuer:                issuer,
		TokenEndpoint:         issuer + "/v1/oauth/token",
		IntrospectionEndpoint: issuer + "/v1/oauth/introspect",
		RevocationEndpoint:    issuer + "/v1/oauth/revoke",
		Documentation:         issuer + "/docs",
		Scopes:                social.ScopeWords(),
		GrantTypes:            []string{"password", "refresh_token", "client_credentials"},
		ResponseTypes:         []string{},
		TokenAuth:             []string{"none", "client_secret_basic"},
		IntrospectionAuth:     []string{"Bearer", "client_secret_basic"},
		RevocationAuth:        []string{"none"},
	}
}
