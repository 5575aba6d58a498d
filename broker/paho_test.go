package broker_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"rambla/broker"
)

// pahoClient connects the 3.1.1 client of the Paho project.
func pahoClient(t *testing.T, url, name string) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker(url).SetClientID(name + "-phone").SetUsername(name).SetPassword(name)
	o.SetConnectTimeout(eventually).SetAutoReconnect(false).SetProtocolVersion(4)
	c := mqtt.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(eventually) || token.Error() != nil {
		t.Fatalf("%s cannot connect: %v", name, token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func TestPahoClientsOf311ExchangeMessagesAtEveryQoS(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, url := range []string{"tcp://" + s.addr, s.url} {
		got := make(chan string, 10)
		bob := pahoClient(t, url, "bob")
		token := bob.Subscribe("/ctx/+/messages", 2, func(_ mqtt.Client, m mqtt.Message) {
			got <- fmt.Sprintf("%s %s %d", m.Topic(), m.Payload(), m.Qos())
		})
		if !token.WaitTimeout(eventually) || token.Error() != nil {
			t.Fatal(token.Error())
		}
		alice := pahoClient(t, url, "alice")
		for qos := range byte(3) {
			token := alice.Publish("/ctx/lobby/messages", qos, false, fmt.Sprintf("hello %d", qos))
			if !token.WaitTimeout(eventually) || token.Error() != nil {
				t.Fatal(token.Error())
			}
			select {
			case m := <-got:
				if want := fmt.Sprintf("/ctx/lobby/messages hello %d 1", qos); m != want {
					t.Errorf("got %q, want %q", m, want)
				}
			case <-time.After(eventually):
				t.Fatalf("nothing arrived at QoS %d over %s", qos, url)
			}
		}
		alice.Disconnect(100)
		bob.Disconnect(100)
	}
}

func TestPahoClientOfMQTT5LearnsIDAndSeqOfWhatItPublished(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), eventually)
	defer cancel()
	connect := func(name string, on func(*paho.Publish)) *paho.Client {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		c := paho.NewClient(paho.ClientConfig{Conn: nc, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(r paho.PublishReceived) (bool, error) { on(r.Packet); return true, nil },
		}})
		if _, err := c.Connect(ctx, &paho.Connect{
			ClientID: name, CleanStart: true, KeepAlive: 30,
			Username: name, UsernameFlag: true, Password: []byte(name), PasswordFlag: true,
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) })
		return c
	}
	got := make(chan *paho.Publish, 10)
	bob := connect("bob", func(p *paho.Publish) { got <- p })
	if _, err := bob.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "/ctx/lobby/messages", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	alice := connect("alice", func(*paho.Publish) {})
	for qos := byte(1); qos <= 2; qos++ {
		r, err := alice.Publish(ctx, &paho.Publish{Topic: "/ctx/lobby/messages", QoS: qos, Payload: []byte("hi")})
		if err != nil {
			t.Fatal(err)
		}
		if qos == 1 && r.Properties.User.Get("seq") != "1" {
			t.Errorf("the acknowledgement has no seq: %+v", r.Properties)
		}
		select {
		case m := <-got:
			if m.Properties.ContentType != "application/json" || m.Properties.User.Get("id") == "" {
				t.Errorf("the delivery lacks its properties: %+v", m.Properties)
			}
		case <-ctx.Done():
			t.Fatal("nothing arrived")
		}
	}
}
