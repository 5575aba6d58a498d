package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// dialV5 connects an MQTT 5.0 client that tells why it was disconnected.
func dialV5(t *testing.T, s *instance, id string, bye chan<- *paho.Disconnect) *paho.Client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	c := paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: patience,
		OnServerDisconnect: func(d *paho.Disconnect) {
			if bye != nil {
				bye <- d
			}
		},
	})
	ack, err := c.Connect(t.Context(), &paho.Connect{
		ClientID: id, KeepAlive: 30, CleanStart: true,
		UsernameFlag: true, Username: "alice", PasswordFlag: true, Password: []byte("alice"),
	})
	if err != nil || ack.ReasonCode != 0 {
		t.Fatalf("connect: %v, %+v", err, ack)
	}
	return c
}

func TestDrainingAnswersWhatWasTakenAndSaysGoodbye(t *testing.T) {
	t.Parallel()
	s := serve(t, "--demo", "--data", t.TempDir())
	bye := make(chan *paho.Disconnect, 1)
	dialV5(t, s, "idle", bye)
	var acked atomic.Int64
	var writers sync.WaitGroup
	for i := range 4 {
		c := dialV5(t, s, fmt.Sprint("writer-", i), nil)
		writers.Go(func() {
			for n := 0; ; n++ {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				_, err := c.Publish(ctx, &paho.Publish{Topic: "/ctx/lobby/messages", QoS: 1, Payload: []byte(fmt.Sprintf("%d-%d", i, n))})
				cancel()
				if err != nil {
					return
				}
				acked.Add(1)
			}
		})
	}
	for acked.Load() < 200 {
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // polls another process
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-bye:
		if d.ReasonCode != 0x8B {
			t.Errorf("disconnected with 0x%x", d.ReasonCode)
		}
	case <-time.After(patience):
		t.Error("nobody said goodbye")
	}
	<-s.exit
	writers.Wait()
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.logged())
	}
	again := serve(t, "--data", s.dataDir())
	var page struct {
		Items []struct{ Seq int64 }
	}
	again.call(t, again.login(t, "alice", "alice"), http.MethodGet, "/v1/contexts/lobby/log/messages?limit=1", nil, &page)
	if len(page.Items) != 1 || page.Items[0].Seq < acked.Load() {
		t.Errorf("%d publishes were acknowledged; the log ends with %+v", acked.Load(), page.Items)
	}
}

// dataDir is the directory that the server was given.
func (s *instance) dataDir() string {
	for i, arg := range s.cmd.Args {
		if arg == "--data" {
			return s.cmd.Args[i+1]
		}
	}
	return ""
}
