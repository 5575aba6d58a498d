package social

// Properties are what an application attached to a message of a data channel.
// They travel and are stored unchanged (MQTT 5.0 section 3.3.2.3; a REST
// request's Content-Type becomes ContentType).
type Properties struct {
	TextPayload     bool           `json:"text,omitempty"` // payload format indicator 1: UTF-8
	ContentType     string         `json:"type,omitempty"`
	ResponseTopic   string         `json:"response,omitempty"`
	CorrelationData []byte         `json:"correlation,omitempty"`
	Expiry          uint32         `json:"expiry,omitempty"` // seconds a delivery stays worth making; 0 = for ever
	User            []UserProperty `json:"user,omitempty"`   // in order, repeats allowed
}

// UserProperty is a name-value pair.
type UserProperty struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}
