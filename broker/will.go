package broker

import (
	"time"

	"rambla/social"
)

// will is a will message, MQTT 5.0 section 3.1.2.5, as CONNECT brought it.
type will struct {
	topic      string
	payload    []byte
	qos        byte
	retain     bool
	properties *social.Properties // nil where there were none
	delay      time.Duration      // after the end of the connection
}
