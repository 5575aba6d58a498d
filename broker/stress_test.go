package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

func TestARightThatGoesWhileOneSubscribesIsGone(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.join("race", "carol")
	scopes, carol := []social.Scope{s.site.scope("race")}, []social.PersonKey{s.site.person("carol")}
	p := s.client(t, 5, "tcp", "carol", "c")
	for round := range 300 {
		filter := []string{"/ctx/race/messages", "/ctx/+/messages"}[round%2]
		var wg sync.WaitGroup
		wg.Go(func() { p.send(p.subscribePacket(1, nil, subscription(filter, 1))) })
		wg.Go(func() {
			s.site.allow("race", "carol", 0, false)
			s.RightsChanged(scopes, carol)
		})
		wg.Wait()
		p.expect(9)
		s.post("race", social.ChannelMessages, "not for carol")
		p.quiet()
		s.site.allow("race", "carol", social.SpaceChannels(), false)
		s.RightsChanged(scopes, nil)
		p.send(packet(0xA2, append([]byte{0, 1, 0}, str(filter)...)))
		p.expect(11)
	}
}

func TestManyClientsComeAndGoWhileMessagesFlow(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	stop := make(chan struct{})
	var flow sync.WaitGroup
	flow.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.post("lobby", social.ChannelMessages, fmt.Sprint(i))
				if i%10 == 0 {
					s.RightsChanged(nil, nil)
				}
				if i%50 == 0 {
					s.End(func(p *broker.Principal) bool { return p.Name == "bob" && i%100 == 0 }, broker.ReasonAdministrative, "x")
				}
			}
		}
	})
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for i := range 30 {
				p := s.dial(t, byte(4+n%2), []string{"tcp", "ws"}[n/2%2])
				p.try(packet(0x10, p.connectBody("bob", fmt.Sprint(i%3), 60))) // it may be taken over at once
				p.try(p.subscribePacket(1, nil, subscription("/ctx/+/messages", 1), subscription("/ctx/lobby/#", 2)))
				for range i % 7 {
					if r, err := p.next(); err == nil && r.kind() == 3 && r.qos() > 0 {
						p.try(ack(4, r.id))
					}
				}
				p.nc.Close()
			}
		})
	}
	clients.Wait()
	close(stop)
	flow.Wait()
	waitFor(t, func() bool { return len(s.Sessions()) == 0 })
	if n := s.value("rambla_broker_panics_total", ""); n != 0 {
		t.Errorf("%v panics: %s", n, s.log)
	}
}

func TestAClientThatReadsNoAnswersIsReadNoFurther(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		p := s.client(t, 4, transport, "bob", transport)
		sent := 0
		chunk := bytes.Repeat([]byte{0xC0, 0}, 4<<10)
		write := p.nc.(interface{ Write([]byte) (int, error) }).Write
		if ws, ok := p.nc.(*wsStream); ok {
			if err := ws.ws.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
				t.Fatal(err)
			}
		} else if err := p.nc.(net.Conn).SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := write(chunk)
			if err != nil {
				var ne net.Error
				if !errors.As(err, &ne) || !ne.Timeout() {
					t.Fatal(err)
				}
				break
			}
			if sent += n; sent > 100<<20 {
				t.Fatal("it takes everything and holds the answers")
			}
		}
		for range 1000 {
			p.expect(13)
		}
	}
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	other := s.client(t, 5, "tcp", "alice", "a")
	s.site.mu.Lock()
	s.site.hold = func(*broker.Publication, func(error)) bool { panic("a fault") }
	s.site.mu.Unlock()
	p := s.client(t, 5, "tcp", "bob", "b")
	p.send(p.message(1, 1, "/ctx/lobby/messages", "x"))
	p.ended(0x80)
	s.site.mu.Lock()
	s.site.connect = func(context.Context, broker.Login) error { panic("another") }
	s.site.mu.Unlock()
	p = s.dial(t, 5, "tcp")
	p.send(packet(0x10, p.connectBody("bob", "c", 60)))
	p.ended(0)
	other.quiet()
	if n := s.value("rambla_broker_panics_total", ""); n != 2 {
		t.Errorf("%v panics counted", n)
	}
}

func TestServeEndsAtOnceWhateverIsUnderWay(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	checked, goOn := make(chan struct{}), make(chan struct{})
	defer close(goOn)
	held(s.site)
	var peers []*peer
	for _, transport := range []string{"tcp", "ws"} {
		p := s.client(t, 5, transport, "alice", transport)
		p.send(p.message(1, 1, "/ctx/lobby/messages", "never answered"))
		peers = append(peers, p, s.dial(t, 5, transport))
	}
	s.site.mu.Lock()
	s.site.connect = holdConnect(checked, goOn)
	s.site.mu.Unlock()
	late := peers[3]
	late.send(packet(0x10, late.connectBody("bob", "x", 60)))
	<-checked
	start := time.Now()
	s.stop()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	for _, p := range peers {
		if _, err := p.next(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection is left: %v", err)
		}
	}
}
